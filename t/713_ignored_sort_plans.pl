# Plans above scans of a service that ignores `sort`: merges of several scans, scans at the same time, cursors that go
# back, and prepared statements whose plan was made before that was known.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node('main', log_min_messages => 'error');
for my $resource (qw(notes tasks sms))
{
    $sandbox->delete("/_sandbox/documents/$resource");
    $sandbox->post("/_sandbox/documents/$resource", [ map { {
            _id => sprintf('6%01x%022x', length $resource, ($_ * 7919) % 9973), dealer_id => $sandbox->dealer_id,
            created_at => sprintf('2024-%02d-%02dT10:%02d:00.000Z', 1 + ($_ * 5) % 12, 1 + ($_ * 11) % 28, length $resource),
        } } 1 .. 120 ]);
}
setup_crm($node, $sandbox, limit_to => ['notes'], server => { fetch_size => 20, async_capable => 'true' });
my $dbh = connect_db($node);
$dbh->do($_) for
  'CREATE TABLE parent (_id text COLLATE "C" NOT NULL, created_at timestamptz NOT NULL, kind text NOT NULL) PARTITION BY LIST (kind)',
  (map { "CREATE FOREIGN TABLE $_ PARTITION OF parent FOR VALUES IN ('$_') SERVER crm OPTIONS (resource '$_', updatable 'false')" } qw(notes tasks sms)),
  (map { qq(ALTER FOREIGN TABLE $_ ALTER COLUMN kind OPTIONS (ADD path 'custom.kind')) } qw(notes tasks sms)),
  'CREATE TABLE copied (_id text COLLATE "C" NOT NULL, created_at timestamptz NOT NULL)';
for my $resource (qw(notes tasks sms))
{
    $dbh->do("INSERT INTO copied SELECT _id, created_at FROM $resource");
}
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', sort => JSON::PP::true } });

my %queries = (
    'a merge' => [ 'SELECT _id, created_at FROM %s ORDER BY created_at, _id', 'SET enable_sort = off' ],
    'a merge with a limit' => [ 'SELECT _id, created_at FROM %s ORDER BY created_at, _id LIMIT 7' ],
    'a merge behind an offset' => [ 'SELECT _id FROM %s ORDER BY _id LIMIT 7 OFFSET 150' ],
    'the ends' => [ 'SELECT min(created_at), max(created_at), min(_id), max(_id) FROM %s' ],
    'scans at the same time' => [ 'SELECT count(*), count(DISTINCT _id), max(created_at) FROM %s' ],
    'a merge join' => [ 'SELECT a._id FROM %1$s a JOIN %1$s b USING (_id, created_at) ORDER BY a._id', 'SET enable_hashjoin = off; SET enable_nestloop = off' ],
    'the first ones of each' => [ 'SELECT DISTINCT ON (created_at) created_at, _id FROM %s ORDER BY created_at, _id' ],
);
for my $name (sort keys %queries)
{
    my ($query, $settings) = @{ $queries{$name} };
    my $wanted = $dbh->selectall_arrayref(sprintf $query, 'copied');
    my $session = connect_db($node);
    local $SIG{__WARN__} = sub { };
    $session->do($settings) if $settings;
    is_deeply($session->selectall_arrayref(sprintf $query, 'parent'), $wanted, "$name, at first");
    is_deeply($session->selectall_arrayref(sprintf $query, 'parent'), $wanted, 'and when it is known');
}

# A statement whose plan relies on an order
for my $mode (qw(force_generic_plan force_custom_plan))
{
    my $session = connect_db($node);
    local $SIG{__WARN__} = sub { };
    $session->do("SET plan_cache_mode = $mode");
    $session->do('PREPARE s(timestamptz) AS SELECT _id, created_at FROM parent WHERE created_at > $1 ORDER BY created_at, _id LIMIT 9');
    for my $from ('2024-01-01', '2024-06-15', '2024-12-31')
    {
        is_deeply($session->selectall_arrayref("EXECUTE s('$from')"),
            $dbh->selectall_arrayref("SELECT _id, created_at FROM copied WHERE created_at > '$from' ORDER BY created_at, _id LIMIT 9"), "$mode, from $from");
    }
}

# A cursor that goes back, opened before anything is known
{
    my $session = connect_db($node);
    local $SIG{__WARN__} = sub { };
    my $order = 'ORDER BY created_at, _id';
    my $wanted = $dbh->selectcol_arrayref("SELECT _id FROM copied $order");
    $session->begin_work;
    $session->do("DECLARE c SCROLL CURSOR FOR SELECT _id FROM parent $order");
    is_deeply($session->selectcol_arrayref('FETCH 30 FROM c'), [ @$wanted[ 0 .. 29 ] ], 'a cursor');
    is_deeply($session->selectcol_arrayref('FETCH BACKWARD 10 FROM c'), [ reverse @$wanted[ 19 .. 28 ] ], 'back');
    is_deeply($session->selectcol_arrayref('FETCH ABSOLUTE 200 FROM c'), [ $wanted->[199] ], 'to a row');
    is_deeply($session->selectcol_arrayref('FETCH FIRST FROM c'), [ $wanted->[0] ], 'to the first');
    is_deeply($session->selectcol_arrayref('FETCH ALL FROM c'), [ @$wanted[ 1 .. $#$wanted ] ], 'and on');
    $session->rollback;
}

# What was known beforehand costs no probe: the requests are those of pages, in no order
$sandbox->clear_faults;
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD sort_format 'none')});
$sandbox->clear_log;
is_deeply($dbh->selectall_arrayref('SELECT _id FROM parent ORDER BY created_at, _id LIMIT 5'),
    $dbh->selectall_arrayref('SELECT _id FROM copied ORDER BY created_at, _id LIMIT 5'), q{sort_format 'none'});
is(scalar(grep { defined $_->{query}{sort} } $sandbox->log), 0, 'asks for no order');
is($sandbox->request_count, 18, 'and for each document once');
done_testing();
