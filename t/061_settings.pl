# What a session sets changes neither what is written, nor what is read, nor what is asked for: types are
# written and read under fixed settings.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical;

# Each type whose text depends on a setting: alone, in ranges, arrays, composites, domains.
my @values = (
    [ daterange          => q~'[2025-08-03,2025-09-04)'~ ],
    [ 'daterange[]'      => q~ARRAY['[2025-08-03,2025-09-04)'::daterange, NULL]~ ],
    [ datemultirange     => q~'{[2025-08-03,2025-09-04), [2026-01-02,)}'~ ],
    [ tsrange            => q~'[2025-08-03 04:05:06.789,2025-09-04)'~ ],
    [ tstzrange          => q~'[2025-08-03 04:05:06.789+00,2025-09-04 00:00+00)'~ ],
    [ tstzmultirange     => q~'{[2025-08-03 04:05+00,2025-09-04 00:00+00)}'~ ],
    [ time               => q~'04:05:06.5'~ ],
    [ timetz             => q~'04:05:06.5+02'~ ],
    [ interval           => q~'-1 year -2 mons +3 days -04:05:06.5'~ ],
    [ 'interval[]'       => q~ARRAY['-1 day -2:00'::interval, '1 mon -1 day']~ ],
    [ interval_domain    => q~'1 year -2 days'~ ],
    [ bytea              => q~'\x00ff5c27'~ ],
    [ 'bytea[]'          => q~ARRAY['\x00ff'::bytea, '\x5c']~ ],
    [ point              => q~point(0.1 + 0.2::float8, 1e-5 / 3)~ ],
    [ 'point[]'          => q~ARRAY[point(1::float8 / 3, 0)]~ ],
    [ box                => q~box(point(1::float8 / 3, 0), point(2, 2::float8 / 3))~ ],
    [ floatrange         => q~floatrange(0.1::float8 + 0.2, 1.1)~ ],
    [ 'float8[]'         => q~ARRAY[0.1::float8 + 0.2]~ ],
    [ instant_domain     => q~'2025-08-03 04:05:06.789+00'~ ],
    [ 'instant_domain[]' => q~ARRAY['2025-08-03 04:05:06.789+00'::instant_domain]~ ],
    [ day_domain         => q~'2025-08-03'~ ],
    [ days_domain        => q~'{2025-08-03,NULL}'~ ],
    [ mixed              => q~ROW('2025-08-03', '-1 day -2:00', 0.1::float8 + 0.2, '\x00ff', '2025-08-03 04:05+00', (1234.5)::numeric::money, '{a,NULL}', 'crm."Odd"', 'mixed')~ ],
    [ 'mixed[]'          => q~ARRAY[ROW('2025-08-03', '1 mon', 1e22::float8 / 3, '\x', '2025-08-03 04:05+00', (-0.5)::numeric::money, NULL, 'pg_class', 'integer')::mixed]~ ],
    [ mixed_domain       => q~ROW('2025-08-03', '-1 mon +1 day', 0.5, '\x27', NULL, NULL, NULL, NULL, NULL)::mixed~ ],
    [ xml                => q~'a <b/>'~ ],
    [ timestamptz        => q~'2025-08-03 04:05:06.789+00'~ ],
    [ date               => q~'2025-08-03'~ ],
    [ money_text         => q~'{1234.5}'~ ],
);

my @sessions = (
    [ 'as it comes' ],
    [ 'dates in another order', "DateStyle = 'SQL, DMY'" ],
    [ 'dates in German',        "DateStyle = 'German'" ],
    [ 'dates of old',           "DateStyle = 'Postgres, MDY'" ],
    [ 'other intervals',        'IntervalStyle = sql_standard' ],
    [ 'other intervals again',  'IntervalStyle = iso_8601' ],
    [ 'rounded numbers',        'extra_float_digits = -10' ],
    [ 'escaped bytes',          'bytea_output = escape' ],
    [ 'another zone',           "TimeZone = 'America/St_Johns'" ],
    [ 'a zone far away',        "TimeZone = '<X>+20'" ],
    [ 'quoted names',           'quote_all_identifiers = on', "search_path = ''" ],
    [ 'no schema but ours',     'search_path = crm, public' ],
    [ 'whole documents',        'xmloption = document' ],
    [ 'no nulls in arrays',     'array_nulls = off' ],
    [ 'all at once',            "DateStyle = 'SQL, DMY'", 'IntervalStyle = sql_standard', 'extra_float_digits = -10', 'bytea_output = escape',
        "TimeZone = 'Asia/Kathmandu'", 'quote_all_identifiers = on', "search_path = ''", 'array_nulls = off', 'xmloption = document' ],
);

my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
my ($foreign_money) = grep { /^(?:es|de|fr)_/ } map { /^(\S+)/ ? $1 : () } `locale -a`;
push @sessions, [ 'money elsewhere', "lc_monetary = '$foreign_money'" ] if $foreign_money;

$dbh->do($_) for (
    'CREATE TYPE floatrange AS RANGE (subtype = float8)',
    'CREATE DOMAIN interval_domain AS interval',
    'CREATE DOMAIN instant_domain AS timestamptz',
    'CREATE DOMAIN day_domain AS date',
    'CREATE DOMAIN days_domain AS date[]',
    'CREATE TYPE mixed AS (day date, span interval, number float8, bytes bytea, instant timestamptz, price money, words text[], class regclass, type regtype)',
    'CREATE DOMAIN mixed_domain AS mixed',
    'CREATE DOMAIN money_text AS text[]',
    'CREATE TABLE crm."Odd" ()');
my $columns = join ', ', map { "v$_ $values[$_][0]" } 0 .. $#values;
my $paths = join ', ', map { "v$_ $values[$_][0] OPTIONS (path 'custom.v$_')" } 0 .. $#values;
$dbh->do("CREATE FOREIGN TABLE crm.typed (_id text COLLATE \"C\", $paths) SERVER crm OPTIONS (resource 'cars')");
$dbh->do("CREATE TABLE public.source ($columns)");
$dbh->do('INSERT INTO public.source SELECT ' . join(', ', map { $_->[1] . '::' . $_->[0] } @values));
$sandbox->delete('/_sandbox/documents/cars');

my ($number, $written, $asked) = (0);
for my $session (@sessions)
{
    my ($name, @settings) = @$session;
    my $id = 's' . $number++;
    $dbh->do('RESET ALL');
    $dbh->do("SET $_") for @settings;
    $dbh->do("INSERT INTO crm.typed SELECT '$id', * FROM public.source");
    my ($document) = grep { $_->{_id} eq $id } $sandbox->dump('cars');
    $written //= $document->{custom};
    is_deeply($document->{custom}, $written, "$name: the same is written");

    for my $reading ('s0', $id)
    {
        my @wrong = grep {
            my $column = "v$_";
            !$dbh->selectrow_array("SELECT t.$column\::text = s.$column\::text FROM crm.typed t, public.source s WHERE t._id = '$reading'")
        } 0 .. $#values;
        is("@{[ map { $values[$_][0] } @wrong ]}", '', "$name: what was written " . ($reading eq 's0' ? 'before' : 'now') . ' is read');
    }

    # A row that is changed to what it is, is not changed.
    $sandbox->clear_log;
    $dbh->do("UPDATE crm.typed t SET (" . join(', ', map { "v$_" } 0 .. $#values) . ") = (SELECT * FROM public.source) WHERE _id LIKE '$id'");
    is($sandbox->request_count(method => 'PATCH'), 0, "$name: nothing to change");

    $sandbox->clear_log;
    # a join with so few documents would ask for all of them
    $dbh->do('SELECT 1 FROM crm.cars c WHERE ' . s/s\.(v\d+)/(SELECT $1 FROM public.source)/r)
      for ('c.created_at = s.v26', 'c.created_at > s.v26', 'c.created_at::date = s.v27', 'c.mileage = s.v17[1]', 'c.mileage = ANY (s.v17::numeric[])', 'c.make = (s.v28)[1]');
    my $requests = $json->encode([ map { $_->{query}{q} } $sandbox->log(kind => 'list') ]);
    $asked //= $requests;
    is($requests, $asked, "$name: the same is asked for") unless "@settings" =~ /TimeZone/;
}
$dbh->do('RESET ALL');

# After an error the session's settings are as they were.
$dbh->do("SET DateStyle = 'SQL, DMY'");
$sandbox->post('/_sandbox/documents/cars', [ { _id => 'broken', custom => { v0 => '[2025-09-04,2025-08-03)' } } ]);
is(sql_error($dbh, "SELECT v0 FROM crm.typed WHERE _id = 'broken'")->{sqlstate}, 'HV004', 'a range that is none');
is($dbh->selectrow_array('SHOW DateStyle'), 'SQL, DMY', 'the session keeps its DateStyle');
is($dbh->selectrow_array("SELECT v0 FROM crm.typed WHERE _id = 's0'"), '[03/08/2025,04/09/2025)', 'and sees dates in it');

done_testing();
