# Conditions whose meaning depends on the session's time zone find the same rows as in a local copy: around
# the zones' own changes, however far their clocks jump, and in zones that are given as an offset.
#
# ZONES=all runs through every zone of pg_timezone_names, ZONES_SEED asks for other conditions.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;

use constant CHANGES    => 4;     # of a zone
use constant CONDITIONS => 40;    # of a zone

# Clocks that have jumped a day, or a part of one; half an hour of summer; a summer that is earlier; offsets.
my @zones = qw(Pacific/Apia Pacific/Kwajalein Asia/Manila America/Juneau Pacific/Kiritimati Africa/Monrovia Australia/Lord_Howe Europe/Dublin
  Antarctica/Troll Africa/Casablanca America/Caracas Europe/Madrid UTC Etc/GMT-14);
my @posix = ('<X>+167', '<X>-167', '<X>-99:30', '<A>-100<B>+100,M3.2.0,M11.1.0', '<A>+20<B>+19,J60/-100,J300/160', 'INTERVAL -20:30', 'INTERVAL +15:45');

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { fetch_size => 1000 });
$sandbox->settings(page_cap => 1000);
my $dbh = connect_db($node);
my $seed = $ENV{ZONES_SEED} // 1;
@zones = @{ $dbh->selectcol_arrayref('SELECT name FROM pg_timezone_names ORDER BY name COLLATE "C"') } if ($ENV{ZONES} // '') eq 'all';
push @zones, @posix;

my $columns = q(_id text COLLATE "C", make text COLLATE "C", tz timestamptz OPTIONS (path 'created_at'), ts timestamp OPTIONS (path 'created_at'),
    d date OPTIONS (path 'created_at'), j jsonb OPTIONS (path 'created_at'), status jsonb);
$dbh->do("CREATE FOREIGN TABLE crm.dates ($columns) SERVER crm OPTIONS (resource 'cars')");
$dbh->do('CREATE TABLE copy (_id text COLLATE "C", make text COLLATE "C", tz timestamptz, ts timestamp, d date, j jsonb, status jsonb)');
$dbh->do(<<'SQL');
    CREATE FUNCTION shown_ahead(at timestamptz) RETURNS interval LANGUAGE sql STABLE AS $$SELECT at::timestamp - at AT TIME ZONE 'UTC'$$;
    -- The instants, to the second, at which the clock of the session's zone jumps, as far as a look every 20 days finds them.
    CREATE FUNCTION changes() RETURNS SETOF timestamptz LANGUAGE plpgsql STABLE AS $$
    DECLARE
        before timestamptz; after timestamptz; middle timestamptz;
    BEGIN
        FOR before, after IN
            SELECT at, next FROM (SELECT at, lead(at) OVER (ORDER BY at) AS next
                FROM generate_series('1840-01-05Z'::timestamptz, '2040-01-05Z', '480 hours') at) pairs
            WHERE shown_ahead(at) <> shown_ahead(next)
        LOOP
            WHILE after - before > '1 s' LOOP
                middle := to_timestamp(floor((extract(epoch FROM before) + extract(epoch FROM after)) / 2)::float8);
                IF shown_ahead(middle) = shown_ahead(before) THEN before := middle; ELSE after := middle; END IF;
            END LOOP;
            RETURN NEXT after;
        END LOOP;
    END $$;
SQL

# This has been wrong.
enter_zone('Pacific/Apia');
store('Pacific/Apia', '2011-12-30T09:00:00.000Z', '2011-12-30T10:00:00.000Z', '2011-12-30T11:00:00.000Z', '2011-12-31T09:00:00.000Z');
compare("make = 'Pacific/Apia' AND $_")
  for q(tz::timestamp > '2011-12-30 22:30'), q(tz::timestamp >= '2011-12-30 00:00'), q(tz::date = '2011-12-31'), q(ts < '2011-12-31 00:00+14'::timestamptz);

# A filter is no wider than it has to be.
enter_zone('Europe/Madrid');
for (
    [ q(tz::timestamp > '2025-06-15 12:00'),           '{"created_at":{"$gt":"2025-06-15T10:00:00.000Z"}}' ],
    [ q(tz::timestamp = '2025-01-15 12:00'),           '{"created_at":"2025-01-15T11:00:00.000Z"}' ],
    [ q(tz::date = '2025-06-15'),                      '{"created_at":{"$gte":"2025-06-14T22:00:00.000Z","$lt":"2025-06-15T22:00:00.000Z"}}' ],
    [ q(tz::timestamp > '2025-03-30 02:30'),           '{"created_at":{"$gt":"2025-03-30T00:30:00.000Z"}}' ],
    [ q(tz::timestamp < '2025-10-26 02:30'),           '{"created_at":{"$lt":"2025-10-26T01:30:00.000Z"}}' ],
    [ q(ts >= '2025-06-15 12:00+00'::timestamptz),     '{"created_at":{"$gte":"2025-06-15T14:00:00.000Z"}}' ],
    [ q(tz::date <= '2025-06-15'),                     '{"created_at":{"$lt":"2025-06-15T22:00:00.000Z"}}' ],
    [ q(date_trunc('month', tz) = '2025-06-01'),       '{"created_at":{"$gte":"2025-05-31T22:00:00.000Z","$lt":"2025-06-30T22:00:00.000Z"}}' ],
    [ q(date_trunc('month', tz) < '2025-06-01'),       '{"created_at":{"$lt":"2025-05-31T22:00:00.000Z"}}' ],
    [ q(date_trunc('week', tz) >= '2025-06-03'),       '{"created_at":{"$gte":"2025-06-08T22:00:00.000Z"}}' ],
    [ q(date_trunc('quarter', ts) IN ('2025-04-01', '2025-04-02')), '{"created_at":{"$gte":"2025-04-01T00:00:00.000Z","$lt":"2025-07-01T00:00:00.000Z"}}' ],
    [ q(date_trunc('day', tz, 'America/New_York') = '2025-06-15 00:00-04'), '{"created_at":{"$gte":"2025-06-15T04:00:00.000Z","$lt":"2025-06-16T04:00:00.000Z"}}' ],
    [ q(extract(year from tz) = 2024),                 '{"created_at":{"$gte":"2023-12-31T23:00:00.000Z","$lt":"2024-12-31T23:00:00.000Z"}}' ],
    [ q(date_part('year', ts) > 2023.5),               '{"created_at":{"$gte":"2024-01-01T00:00:00.000Z"}}' ],
    [ q(extract(year from d)::int BETWEEN 2020 AND 2021), '{"created_at":{"$gte":"2020-01-01T00:00:00.000Z","$lt":"2022-01-01T00:00:00.000Z"}}' ],
    [ q((tz AT TIME ZONE 'Asia/Tokyo')::date = '2025-06-15'), '{"created_at":{"$gte":"2025-06-14T15:00:00.000Z","$lt":"2025-06-15T15:00:00.000Z"}}' ],
    [ q((tz AT TIME ZONE 'Asia/Tokyo')::date BETWEEN '2025-06-15' AND '2025-06-16'), '{"created_at":{"$gte":"2025-06-14T15:00:00.000Z","$lt":"2025-06-16T15:00:00.000Z"}}' ],
    [ q(ts AT TIME ZONE 'UTC' < '2025-06-15 12:00+00'), '{"created_at":{"$lt":"2025-06-15T12:00:00.000Z"}}' ],
    [ q(tz + interval '90 minutes' < '2025-06-15 12:00+00'), '{"created_at":{"$lt":"2025-06-15T10:30:00.000Z"}}' ],
    [ q(tz - interval '7 days' >= '2025-06-15 12:00+00'), '{"created_at":{"$gte":"2025-06-22T12:00:00.000Z"}}' ],
    [ q(tz + interval '7 days' < '2025-03-31 12:00+00'), '{"created_at":{"$lt":"2025-03-24T14:00:00.000Z"}}' ],
    [ q('2025-06-15 12:00+00' - tz < interval '7 days'), '{"created_at":{"$gt":"2025-06-08T12:00:00.000Z"}}' ],
    [ q(tz - '2025-06-15 12:00+00' >= interval '1 month'), '{"created_at":{"$gte":"2025-07-15T12:00:00.000Z"}}' ],
    [ q(DATE '2025-06-15' - tz::date <= 7),            '{"created_at":{"$gte":"2025-06-07T22:00:00.000Z"}}' ],
    [ q(trunc(extract(year from tz))::int = 2024),     '{"created_at":{"$gte":"2023-12-31T23:00:00.000Z","$lt":"2024-12-31T23:00:00.000Z"}}' ],
    [ q(d + 7 > '2025-06-15'),                         '{"created_at":{"$gte":"2025-06-09T00:00:00.000Z"}}' ],
    [ q((status->>'assigned_at')::timestamptz > '2025-06-15 12:00'), '{"status.assigned_at":{"$gt":"2025-06-15T10:00:00.000Z"}}' ],
  )
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    $dbh->do("SELECT _id FROM crm.dates WHERE $condition");
    my ($request) = $sandbox->log(kind => 'list');
    my $sent = $request->{query}{q};
    $sent = JSON::PP->new->canonical->encode($sent->{'$or'} ? $sent->{'$or'}[0] : $sent);
    is($sent, $filter, "filter of $condition");
}

my $different = 0;
for my $zone (@zones)
{
    seed_chance($seed, $zone);
    enter_zone($zone);
    my @changes = some(CHANGES, @{ $dbh->selectcol_arrayref(q(SELECT (changes() AT TIME ZONE 'UTC')::text || 'Z')) });
    push @changes, '2024-02-29 12:00:00+00' unless @changes;
    my $instants = join ', ', map { "'$_'" } @changes;
    my $near = $dbh->selectcol_arrayref(<<"SQL");
        SELECT DISTINCT to_char((at::timestamptz + by::interval) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') COLLATE "C"
          FROM unnest(ARRAY[$instants]) at, unnest(ARRAY['-8 days', '-1 day', '-12:00', '-2:00', '-1:00', '-00:30', '-00:00:00.001', '0', '00:00:00.001', '00:30', '1:00',
              '2:00', '12:00', '1 day', '4 days', '8 days']) by
         ORDER BY 1
SQL
    store($zone, @$near);
    my @times = @{ $dbh->selectcol_arrayref(<<"SQL") };
        SELECT DISTINCT ((at::timestamptz + by::interval)::timestamp + off::interval)::text
          FROM unnest(ARRAY[$instants]) at, unnest(ARRAY['-1 day', '-1:00', '-00:00:00.0005', '0', '00:30', '1 day']) by, unnest(ARRAY['-1:00', '0', '0', '00:30', '24:00']) off
SQL
    my $failed = 0;
    for my $condition (map { random_zone_condition(sort @times) } 1 .. CONDITIONS)
    {
        next if are_same("make = '$zone' AND $condition");
        diag "zone $zone: $condition" if $failed++ < 3 && $different < 20;
    }
    $different += $failed;
}
is($different, 0, 'conditions find the rows that they find in a copy, in ' . @zones . ' zones');

done_testing();

sub enter_zone
{
    my ($zone) = @_;
    $dbh->do($zone =~ /^INTERVAL (.*)/ ? "SET TIME ZONE INTERVAL '$1' HOUR TO MINUTE" : "SET timezone = '$zone'");
    return;
}

sub store
{
    my ($zone, @dates) = @_;
    my @documents = map { { _id => $zone . $_, make => $zone, created_at => $dates[$_], status => { assigned_at => $dates[$_] } } } 0 .. $#dates;
    $sandbox->delete('/_sandbox/documents/cars');
    $sandbox->post('/_sandbox/documents/cars', \@documents);
    $dbh->do('TRUNCATE copy');
    $dbh->do('INSERT INTO copy SELECT * FROM crm.dates');
    return;
}

sub compare
{
    my ($condition) = @_;
    ok(are_same($condition), "rows of $condition");
    return;
}

sub are_same
{
    my ($condition) = @_;
    my @rows = map { my $table = $_; eval { "@{ $dbh->selectcol_arrayref(qq(SELECT _id FROM $table WHERE $condition ORDER BY 1)) }" } // $dbh->errstr } qw(crm.dates copy);
    return $rows[0] eq $rows[1];
}

sub random_zone_condition
{
    my @times = @_;
    my $side = pick(('tz::timestamp') x 3, ('tz::date') x 3, ('ts') x 2, 'd', 'tz', 'ts::timestamptz', 'd::timestamptz', 'tz::date::timestamp', 'tz::date::timestamptz',
        'tz::timestamp::timestamptz', 'ts::timestamptz::date', 'ts::timestamptz::timestamp', 'ts::date', q((j #>> '{}')::timestamptz), q((j #>> '{}')::timestamp),
        q((status->>'assigned_at')::timestamptz), q((status->>'assigned_at')::date), q((status->>'assigned_at')::timestamp::timestamptz),
        q((tz AT TIME ZONE 'UTC')), q((ts AT TIME ZONE 'Europe/Madrid')), q((tz AT TIME ZONE 'Pacific/Apia')::date), q(ts AT TIME ZONE 'America/New_York'),
        (map { my $unit = pick(qw(second minute hour day week month quarter year)); "date_trunc('$unit', $_)" } qw(tz tz ts d tz::timestamp)),
        q(date_trunc('day', tz, 'Australia/Lord_Howe')), (map { 'tz ' . pick('+', '-') . " interval '$_'" } pick('1 day', '36 hours', '2 days -3 hours'), pick('1 month', '13 months 5 days', '-1 year')),
        'ts ' . pick('+', '-') . q( interval '1 month 1 day'), 'd + 3', 'd - 3', q(d + interval '1 mon'), q((tz + interval '1 day')::date), q(date_trunc('month', tz - interval '1 day')::date));
    return year_condition(@times) if chance(0.1);
    my $type = pick('timestamp', 'timestamptz', 'date');
    my $value = sub { my $time = pick(@times); return "'$time'::timestamp::$type" };
    return span_condition(@times) if chance(0.12);
    my $form = between(1, 10);
    my $condition = $form <= 7 ? "$side " . pick('<', '<=', '=', '>=', '>', '<>') . ' ' . $value->()
      : $form == 8 ? "$side BETWEEN " . $value->() . ' AND ' . $value->()
      : $form == 9 ? "$side = ANY (ARRAY[" . join(', ', map { $value->() } 1 .. 3) . '])'
      : "$side IS DISTINCT FROM " . $value->();
    return chance(0.15) ? "NOT ($condition)" : $condition;
}

sub year_condition
{
    my ($year) = pick(@_) =~ /^(\d+)/;
    my $side = pick("extract(year from tz)", "date_part('year', tz)", "extract(year from ts)", "extract(year from d)", "extract(year from tz)::int", "extract(year from tz AT TIME ZONE 'Asia/Tokyo')");
    return "$side " . pick('<', '<=', '=', '>=', '>', '<>') . ' ' . ($year + pick(-1, 0, 0, 1, 0.5));
}

# The time between two instants has no clock, but what is compared may have been shown by one.
sub span_condition
{
    my @times = @_;
    my $side = pick('tz', 'ts::timestamptz', 'd::timestamptz', 'tz::timestamp::timestamptz', q((status->>'assigned_at')::timestamptz));
    my $value = "'" . pick(@times) . q('::timestamp::) . pick('timestamptz', 'timestamptz', 'date');
    my $operator = pick(qw(< <= > >=));
    my $span = pick('1 day', '24 hours', '2 days -3 hours', '1 month', '-30 days', '0', '00:30');
    return "$value\::date - " . pick('tz', 'ts', 'd') . "::date $operator " . between(-2, 2) if chance(0.2);
    return "extract(day from $value - $side) $operator " . between(0, 3) if chance(0.2);
    return chance(0.5) ? "$value\::timestamptz - $side $operator interval '$span'" : "$side - $value\::timestamptz $operator interval '$span'";
}
