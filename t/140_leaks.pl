# Nothing is left behind by thousands of queries, errors and cancels in one backend:
# no descriptor, no memory context, and no memory that libcurl or jansson hold.  `make soak`
# repeats them more often.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use WalcuTest;

my $warm_up = 40;
my $repeats = $ENV{SOAK_REPEATS} // 200;
my $allowed_memory = 64 * 1024;    # a request's list of headers alone has 300 bytes each time
my $kept_open = 8;                  # connections for the next request, files of catalogs

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60 });
my $node = start_node('main', log_min_messages => 'panic', log_min_error_statement => 'panic');
setup_crm($node, $sandbox, server => { fetch_size => 10, request_timeout => '3s', max_retry_wait => '1ms' }, limit_to => ['cars']);
my $dbh = connect_db($node);
my $other = connect_db($node);
my $pid = $dbh->{pg_pid};
my @ids = map { $_->{_id} } $sandbox->dump('cars');
my $id = $ids[0];
# A request that is given up may get to the sandbox when the fault is no more: it finds nothing to delete.
my @gone = map { $_ x 24 } 'e', 'f';
$dbh->do("CREATE FOREIGN TABLE crm.wrong (_id text COLLATE \"C\", created_at numeric) SERVER crm OPTIONS (resource 'cars')");
$dbh->do("CREATE SCHEMA late");
$dbh->do("CREATE FOREIGN TABLE late.cars (_id text COLLATE \"C\", custom jsonb) SERVER crm OPTIONS (write_mode 'commit')");
$dbh->do("SET client_min_messages = error");

my $scan = 'SELECT _id, computed FROM crm.cars';

# What is repeated, how it ends, and what the service does to the first or a later page
# meanwhile
my @kinds = (
    { name => 'a whole scan', sql => $scan },
    { name => 'a scan that stops early', sql => "$scan LIMIT 15" },
    { name => 'a document by id', sql => "SELECT * FROM crm.cars WHERE _id = '$id'" },
    { name => 'a document that is not there', sql => "SELECT * FROM crm.cars WHERE _id = 'none'" },
    { name => 'rescans', sql => "SELECT (SELECT make FROM crm.cars c WHERE c._id = v.id LIMIT 1) FROM (VALUES ('$id'), ('a'), ('b')) v(id)" },
    { name => 'EXPLAIN', sql => "EXPLAIN $scan" },
    { name => 'a call', sql => q{SELECT walcu_fdw_request('crm', 'GET', '/cars', '{"limit": 20}')} },
    { name => 'a call that writes', sql => qq{SELECT walcu_fdw_request('crm', 'PUT', '/cars/$id', body => '{"_id": "$id"}')} },
    { name => 'a call with a wrong argument', sql => "SELECT walcu_fdw_request('crm', 'GET', '/..')", ends => '22023' },
    { name => 'a wrong value', sql => 'SELECT created_at FROM crm.wrong', ends => 'HV004' },
    { name => 'an error of the query in the middle of a page', sql => 'SELECT 1 / (row_number() OVER () - 15) FROM crm.cars', ends => '22012' },
    { name => 'an error in a subtransaction', sql => "DO 'BEGIN PERFORM created_at FROM crm.wrong; EXCEPTION WHEN others THEN NULL; END'" },
    { name => 'an option that is not valid', sql => "ALTER SERVER crm OPTIONS (SET endpoint 'https://a b')", ends => '22023' },
    { name => 'an INSERT', sql => "INSERT INTO crm.cars (_id) SELECT '$id' FROM generate_series(1, 5) ON CONFLICT DO NOTHING" },
    { name => 'an INSERT that is refused', sql => "INSERT INTO crm.cars (_id) SELECT '$id' FROM generate_series(1, 5)", ends => '23505' },
    { name => 'an UPDATE', sql => "UPDATE crm.cars SET custom = jsonb_build_object('n', random()) WHERE _id < '$ids[20]'" },
    { name => 'an UPDATE by id', sql => "UPDATE crm.cars SET custom = '{}' WHERE _id IN ('$id', 'none') RETURNING _id" },
    { name => 'an UPDATE that is refused', sql => "UPDATE crm.cars SET custom = jsonb_build_object('n', random()) WHERE _id < '$ids[20]'",
        ends => '23514', request => 'patch', fault => { type => 'status', status => 422 } },
    { name => 'an UPDATE that loses its connection', sql => "UPDATE crm.cars SET custom = jsonb_build_object('n', random()) WHERE _id < '$ids[20]'",
        ends => '08007', request => 'patch', fault => { type => 'close', when => 'before' } },
    { name => 'a DELETE that is cancelled', sql => "SET statement_timeout = '15ms'; DELETE FROM crm.cars WHERE _id IN ('$gone[0]', '$gone[1]')",
        ends => '57014', request => 'delete', fault => { type => 'hang' } },
    { name => 'an UPDATE with an error of the query', sql => "UPDATE crm.cars SET custom = to_jsonb(1 / (length(_id) - 24)) WHERE _id < '$ids[20]'",
        ends => '22012' },
    { name => 'a write that waits for the commit', sql => "UPDATE late.cars SET custom = jsonb_build_object('n', random()) WHERE _id < '$ids[5]'" },
    { name => 'a write that is rolled back to a savepoint',
        sql => "DO \$\$ BEGIN DELETE FROM late.cars WHERE _id < '$ids[5]'; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END \$\$" },
    { name => 'an error status', sql => $scan, ends => '08006', fault => { type => 'status', status => 500, error => 'x' x 2000 } },
    { name => 'a truncated reply', sql => $scan, ends => '08P01', fault => { type => 'truncate' } },
    { name => 'a reply that is not JSON', sql => $scan, ends => '08P01', fault => { type => 'invalid_json' } },
    { name => 'a connection that breaks', sql => $scan, ends => '08006', fault => { type => 'close', when => 'during' } },
    { name => 'a redirect', sql => $scan, ends => '08P01', fault => { type => 'redirect', location => 'http://127.0.0.1:1/' } },
    { name => 'a statement_timeout', sql => "SET statement_timeout = '15ms'; $scan", ends => '57014', fault => { type => 'hang' } },
    { name => 'a statement_timeout in the middle of a body', sql => "SET statement_timeout = '15ms'; $scan", ends => '57014',
        fault => { type => 'slow', bytes => 1000, ms => 5 } },
    { name => 'a cancel', sql => $scan, ends => '57014', fault => { type => 'hang' }, run => \&cancelled },
    { name => 'a description that is none', sql => 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public', ends => 'HV00Q',
        request => 'description', fault => { type => 'reply', body => '{"openapi": "3.0.0", "paths": {"/a": {"get": [1, 2, 3]}}}',
            headers => { 'content-type' => 'application/json' } } },
);

# The backend's own caches fill first
repeat($_, 2) for @kinds;
my $descriptors_before = descriptors();
my $statements = 0;

for my $kind (@kinds)
{
    my $name = $kind->{name};
    my @problems = repeat($kind, $warm_up);
    my ($descriptors, $memory) = (descriptors(), memory());
    push @problems, repeat($kind, $repeats);

    is_deeply(\@problems, [], "$name ends as it should");
    my $growth = memory() - $memory;
    cmp_ok($growth, '<=', $allowed_memory, "$name leaves no memory behind");
    cmp_ok(descriptors(), '<=', $descriptors + 1, "$name leaves no descriptor open");
    is_deeply(contexts(), [], "$name leaves no memory context behind");
    note sprintf '%s: %+d kB, %d descriptors', $name, $growth / 1024, descriptors();
}
cmp_ok(descriptors(), '<=', $descriptors_before + $kept_open, 'in all no descriptor is left open');
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), 60, 'after all of it a scan is right');
diag "$statements statements";

# Connections to servers that are no more, or have moved
for my $server (
    [ 'dropped' => \&use_and_drop ],
    [ 'changed' => sub {
            state_of("SELECT walcu_fdw_request('crm', 'GET', '/cars/$id')");
            state_of("ALTER SERVER crm OPTIONS (SET request_timeout '4s')");
        } ],
  )
{
    my ($what, $run) = @$server;
    $run->() for 1 .. 10;
    my $before = descriptors();
    $run->() for 1 .. 100;
    cmp_ok(descriptors(), '<=', $before + $kept_open, "a server that was $what keeps no connection open");
}

# Nor does a change disturb a scan that is under way
$dbh->begin_work;
$dbh->do("DECLARE c CURSOR FOR $scan");
my $rows = $dbh->selectall_arrayref('FETCH 15 FROM c');
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '5s')");
$dbh->do("SELECT walcu_fdw_request('crm', 'GET', '/cars/$id')");
push @$rows, @{ $dbh->selectall_arrayref('FETCH ALL FROM c') };
$dbh->commit;
is(scalar(keys %{ { map { $_->[0] => 1 } @$rows } }), 60, 'a scan outlives a change of its server');

done_testing();

# Run a kind of statement so many times, half of them with the fault on the first request
# and half with it on those for later pages; returns what did not end as it should.
sub repeat
{
    my ($kind, $times) = @_;
    my $run = $kind->{run} // \&state_of;
    my $match = { kind => $kind->{request} // 'list' };
    my %problems;
    for my $rule ($match, $kind->{request} ? $match : { %$match, query => { q => '.' } })
    {
        $sandbox->fault({ match => $rule, fault => $kind->{fault} }) if $kind->{fault};
        for (1 .. $times / 2)
        {
            my $got = $run->($kind->{sql});
            $problems{$got}++ if $got ne ($kind->{ends} // 'success');
            $statements++;
        }
        $sandbox->clear_faults if $kind->{fault};
    }
    $dbh->do('RESET statement_timeout');
    return map { "$_ $problems{$_} times" } sort keys %problems;
}

sub state_of
{
    my ($sql) = @_;
    return eval { $dbh->do($sql); 1 } ? 'success' : $dbh->state;
}

sub use_and_drop
{
    $dbh->do("CREATE SERVER gone FOREIGN DATA WRAPPER walcu_fdw
        OPTIONS (endpoint '@{[ $sandbox->endpoint ]}', dealer_id '@{[ $sandbox->dealer_id ]}')");
    $dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER gone ' . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    $dbh->do("SELECT walcu_fdw_request('gone', 'GET', '/cars/$id')");
    $dbh->do('DROP SERVER gone CASCADE');
    return;
}

sub cancelled
{
    my ($sql) = @_;
    $dbh->do($sql, { pg_async => 1 });
    sleep 0.001 until $other->selectrow_array(
        "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid");
    $other->do("SELECT pg_cancel_backend($pid)");
    eval { $dbh->pg_result };
    return $dbh->state;
}

sub descriptors
{
    my @open = glob("/proc/$pid/fd/*");
    return scalar @open;
}

# Bytes of the backend's own: resident, without what it shares with others.
sub memory
{
    open my $status, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!";
    my ($kilobytes) = map { /^RssAnon:\s*(\d+) kB/ ? $1 : () } <$status>;
    return 1024 * $kilobytes;
}

# This extension's memory contexts that outlive a statement.
sub contexts
{
    return $dbh->selectcol_arrayref(
        "SELECT DISTINCT name FROM pg_backend_memory_contexts
          WHERE name LIKE 'walcu %' AND name <> 'walcu description' ORDER BY 1");
}
