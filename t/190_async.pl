# Foreign tables of several dealers below one Append are scanned at once: the rows are
# those of one scan after the other, whatever happens to one of them.

use strict;
use warnings;

use List::Util qw(max min sum0);
use Test::More;
use Time::HiRes qw(sleep time);
use WalcuTest;

my %count = (north => 130, south => 90);
my %dealer = (north => '5f2b1c9e8d3a4b0000000001', south => '5f2b1c9e8d3a4b0000000002');
my %sandbox = map {
    $_ => WalcuTest::Sandbox->start(dealer => $dealer{$_}, seed => length "$_$dealer{$_}", scale => 40,
        count => { cars => $count{$_} })
} sort keys %dealer;
my $node = start_node('main', statement_timeout => "'20s'");
for my $name (sort keys %sandbox)
{
    setup_crm($node, $sandbox{$name}, name => $name, limit_to => [qw(cars clients tasks)],
        server => {
            fetch_size       => 10,
            request_timeout  => '1s',
            max_retry_wait   => '1ms',
            on_type_mismatch => 'null',
            results_hosts    => $sandbox{$name}->results_endpoint =~ s{^http://}{}r,
        });
}
my $dbh = connect_db($node);
my $other = connect_db($node);
my $pid = $dbh->{pg_pid};

# One table for both dealers
$dbh->do('CREATE TABLE cars (_id text COLLATE "C", make text COLLATE "C", dealer_id text COLLATE "C", computed jsonb)
    PARTITION BY LIST (dealer_id)');
$dbh->do("CREATE FOREIGN TABLE cars_$_ PARTITION OF cars FOR VALUES IN ('$dealer{$_}') SERVER $_ OPTIONS (resource 'cars')")
  for sort keys %dealer;

my $all = 'SELECT _id, make, dealer_id FROM cars';
my $union = 'SELECT _id, make, dealer_id FROM north.cars UNION ALL SELECT _id, make, dealer_id FROM south.cars';
my $one_server = join ' UNION ALL ', map { "SELECT _id, created_at FROM north.$_" } qw(cars clients tasks);

# What is scanned at once
for (
    [ 'a partitioned table' => $all, 2 ],
    [ 'UNION ALL' => $union, 2 ],
    [ 'three scans on one server' => $one_server, 3 ],
    [ 'whole documents' => 'SELECT * FROM cars', 2 ],
    [ 'conditions' => "$all WHERE make > 'F' AND length(_id) = 24", 2 ],
    [ 'one that asks for nothing' => "$union UNION ALL SELECT _id, make, dealer_id FROM south.cars WHERE make = (SELECT NULL)", 3 ],
    [ 'an aggregate' => "SELECT count(*), count(DISTINCT make), max(_id) FROM ($all) a", 2 ],
    [ 'a sort' => "$all ORDER BY length(make), _id", 2 ],
    [ 'a table of PostgreSQL beside them' => "$union UNION ALL SELECT 'x', g::text, NULL FROM generate_series(1, 5) g", 2 ],
    [ 'two that are joined' => "SELECT a._id, b._id FROM ($union) a JOIN ($union) b USING (make) WHERE a._id < b._id", 4 ],
    [ 'rescans' => "SELECT v.make, c.* FROM (VALUES ('SEAT'), ('none'), (NULL), ('Renault')) v(make), LATERAL (
        SELECT * FROM ($union) u WHERE u.make = v.make OFFSET 0) c", 2 ],
    [ 'rescans that stop early' => "SELECT v.make, (SELECT count(*) FROM (SELECT FROM ($union) u WHERE u.make >= v.make LIMIT 7) l)
        FROM (VALUES ('SEAT'), ('none'), ('BMW')) v(make)", 2 ],
  )
{
    my ($name, $sql, $scans) = @$_;
    is(async_scans($sql), $scans, "$name: $scans scans at once");
    is_deeply(rows($sql), without_async($sql), "$name: the rows of one scan after the other");
}
is(scalar @{ rows($all) }, sum0(values %count), 'all documents of both dealers');
is(async_scans("$all WHERE dealer_id = '$dealer{south}'"), 0, 'one partition alone is scanned as ever');
is_deeply(rows("$all WHERE dealer_id = '$dealer{south}'"), [ grep { /$dealer{south}/ } @{ rows($all) } ], 'with its rows');

# Some of the rows
for my $limit (1, 15, 140, 1000)
{
    my %of_all = map { $_ => 1 } @{ rows($all) };
    my @some = @{ rows("$all LIMIT $limit") };
    is(scalar(grep { $of_all{$_} } @some), min($limit, sum0(values %count)), "LIMIT $limit");
    is(scalar(keys %{ { map { $_ => 1 } @some } }), scalar @some, 'with none of them twice');
}

# What is under way at once
$dbh->do("ALTER SERVER $_ OPTIONS (SET request_timeout '60s')") for sort keys %sandbox;
fault($_, { type => 'hold' }) for sort keys %sandbox;
clear_logs();
$dbh->do($all, { pg_async => 1 });
ok(wait_until(sub { !grep { !$_->log(kind => 'list') } values %sandbox }), 'the first requests to both are under way together');
clear_faults();
is($dbh->pg_result, sum0(values %count), 'and both are answered');
$dbh->do("ALTER SERVER $_ OPTIONS (SET request_timeout '1s')") for sort keys %sandbox;
my ($began, $seconds);

$dbh->do("ALTER SERVER north OPTIONS (SET request_timeout '60s', ADD max_connections '1')");
for my $connections (1, 3)
{
    $dbh->do("ALTER SERVER north OPTIONS (SET max_connections '$connections')");
    is_deeply(rows($one_server), without_async($one_server), "three scans with max_connections $connections");
    my ($requests) = under_way($dbh, $sandbox{north}, $one_server, $connections, kind => 'list');
    is($requests, $connections, "have $connections requests under way at once");
}
$dbh->do("ALTER SERVER north OPTIONS (SET request_timeout '1s', DROP max_connections)");

# A wait for one is no wait for the others
rows($_) for $one_server, $all;
for (
    [ 'three scans on one server' => $one_server, [qw(north)] ],
    [ 'scans of two servers' => $all, [qw(north south)] ],
  )
{
    my ($name, $sql, $servers) = @$_;
    clear_logs();
    $began = time;
    rows($sql) for 1 .. 5;
    $seconds = time - $began;
    my $requests = sum0(map { $sandbox{$_}->request_count } @$servers);
    note sprintf '%s: %d requests in %.3f s', $name, $requests, $seconds;
}

# Options that switch it off
$dbh->do("ALTER SERVER south OPTIONS (ADD async_capable 'false')");
is(async_scans($all), 1, 'async_capable off for one server: the other alone');
is_deeply(rows($all), without_async($all), 'with the same rows');
$dbh->do("ALTER FOREIGN TABLE cars_south OPTIONS (ADD async_capable 'true')");
is(async_scans($all), 2, "the table's word wins");
$dbh->do("ALTER FOREIGN TABLE cars_south OPTIONS (SET async_capable 'false')");
$dbh->do('ALTER SERVER south OPTIONS (DROP async_capable)');
is(async_scans($all), 1, 'async_capable off for one table');
is_deeply(rows($all), without_async($all), 'with the same rows');
$dbh->do('ALTER FOREIGN TABLE cars_south OPTIONS (DROP async_capable)');

# Cursors
my $expected = rows($all);
for my $first (1, 12, 150)
{
    $dbh->begin_work;
    $dbh->do("DECLARE c CURSOR FOR $all");
    my @read = @{ rows("FETCH $first FROM c") };
    is_deeply(rows($all), $expected, "another scan while $first rows of a cursor are read");
    push @read, @{ rows('FETCH ALL FROM c') };
    $dbh->commit;
    is_deeply([ sort @read ], $expected, 'and the rest of the cursor');

    $dbh->begin_work;
    $dbh->do("DECLARE c CURSOR FOR $all");
    rows("FETCH $first FROM c");
    $dbh->do($first % 2 ? 'CLOSE c' : 'SAVEPOINT s');
    $dbh->rollback;
    is_deeply(rows($all), $expected, "a cursor of which $first rows were read");
}

# What one of them meets
for (
    [ 'a refusal', { type => 'status', status => 403 }, '42501' ],
    [ 'an answer that does not come', { type => 'hang' }, '08006' ],
    [ 'a slow answer', { type => 'slow', bytes => 10, ms => 50 }, '08006' ],
    [ 'a redirect', { type => 'redirect', location => 'http://127.0.0.1:1/' }, '08P01' ],
    [ 'an order that is none', { type => 'ignore', sort => JSON::PP::true() }, 'HV000' ],
    [ 'one that comes to nothing each time', { type => 'truncate' }, '08P01' ],
    [ 'one retry', { type => 'status', status => 503 }, undef, 1 ],
    [ 'three retries', { type => 'close', when => 'during' }, undef, 3 ],
  )
{
    my ($name, $fault, $sqlstate, $times) = @$_;
    for my $skip (0, 4)
    {
        fault('south', $fault, skip => $skip, $times ? (times => $times) : ());
        my $error = sql_error($dbh, $all);
        is($error && $error->{sqlstate}, $sqlstate, "$name after $skip requests");
        clear_faults();
        is_deeply(rows($all), $expected, 'the next statement is right');
        if ($times)
        {
            fault('south', $fault, skip => $skip, times => $times);
            is_deeply(rows($all), $expected, "$name: all rows");
            clear_faults();
        }
    }
}

# A filter that the service does not take
my $rejectable = "$all WHERE make > 'P'";
my $right = rows($rejectable);
for my $name (qw(north south))
{
    fault($name, { type => 'status', status => 400 }, times => 1);
    clear_logs();
    is_deeply(rows($rejectable), $right, "a filter that $name does not take");
    is(($sandbox{$name}->log)[1]{query}{q}, undef, 'is dropped');
    clear_faults();
}

# A document that is longer than what is read ahead
my $long = 'x' x (3 * 1024 * 1024);
$sandbox{south}->post('/_sandbox/documents/tasks', [ { _id => '5f2b1c9e8d3a4b0012345678', description => $long } ]);
is_deeply(rows('SELECT max(length(description)) FROM (SELECT description FROM north.tasks UNION ALL
    SELECT description FROM south.tasks) t'), [ length $long ], 'a long document');

# A background job beside pages
$dbh->do("ALTER FOREIGN TABLE cars_south OPTIONS (ADD fetch_mode 'job')");
clear_logs();
is_deeply(rows($all), $expected, 'a job beside pages');
is_deeply([ map { scalar $sandbox{south}->log(kind => $_) } qw(list all results) ], [ 0, 1, 1 ], 'is one');
$sandbox{south}->settings(job_outcome => 'failed');
is_deeply(rows($all), $expected, 'one that fails');
$sandbox{south}->settings(job_outcome => 'processing');
$dbh->do("ALTER FOREIGN TABLE cars_south OPTIONS (ADD job_timeout '400ms')");
is(sql_error($dbh, $all)->{sqlstate}, '53400', 'one that does not end');
$sandbox{south}->settings(job_outcome => 'finished');
$dbh->do('ALTER FOREIGN TABLE cars_south OPTIONS (DROP fetch_mode, DROP job_timeout)');

# Cancels, while Append waits and at other moments
$dbh->do("ALTER SERVER $_ OPTIONS (SET request_timeout '1h')") for sort keys %sandbox;
fault($_, { type => 'hang' }, skip => 3) for sort keys %sandbox;
for my $delay (0.3, map { $_ / 100 } 0 .. 9)
{
    $dbh->do($all, { pg_async => 1 });
    sleep $delay;
    $other->do("SELECT pg_cancel_backend($pid)");
    eval { $dbh->pg_result };
    is($dbh->state, '57014', "a cancel after $delay s does not wait for the service") if $delay >= 0.1;
}
clear_faults();
is_deeply(rows($all), $expected, 'the next statement is right');
fault('south', { type => 'hang' });
$dbh->do("SET statement_timeout = '250ms'");
is(sql_error($dbh, $all)->{sqlstate}, '57014', 'statement_timeout does not wait for the service');
$dbh->do('RESET statement_timeout');
clear_faults();
$dbh->do("ALTER SERVER $_ OPTIONS (SET request_timeout '1s')") for sort keys %sandbox;

# It tells how far it is, and what it took
fault($_, { type => 'latency', ms => 30 }) for sort keys %sandbox;
$dbh->do("SET walcu_fdw.progress_interval = '50ms'");
my @told = sql_messages($dbh, "SELECT count(*) FROM ($all) a");
is(scalar(grep { /NOTICE:  reading "cars": \d+ / } @told) > 1, 1, 'how far long scans are is told') or diag "@told";
$dbh->do('RESET walcu_fdw.progress_interval');
$dbh->do('SELECT walcu_fdw_stats_reset()');
rows($all);
my @waited = @{ $dbh->selectcol_arrayref("SELECT wait_time FROM walcu_fdw_stats WHERE requests_get > 0") };
cmp_ok(min(@waited), '>', 25, 'the time that was waited is counted') or diag "@waited";
clear_faults();
my $plan = join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $all") };
is_deeply([ $plan =~ /Documents: (\d+)/g ], [ @count{qw(north south)} ], 'EXPLAIN ANALYZE counts documents');

# Nothing is left behind
my $before = descriptors();
for my $n (1 .. 200)
{
    my $sql = (
        $all, $one_server, "$all LIMIT 15", "SELECT 1 / (row_number() OVER () - 15) FROM ($union) u")[ $n % 4 ];
    eval { rows($sql) };
}
cmp_ok(descriptors(), '<=', $before + 8, 'two hundred statements leave no descriptor open');
is_deeply($dbh->selectcol_arrayref("SELECT name FROM pg_backend_memory_contexts WHERE name LIKE 'walcu %' AND name <> 'walcu description'"),
    [], 'and no memory context');

done_testing();

# How many scans of a query Append runs beside each other.
sub async_scans
{
    my ($sql) = @_;
    return scalar grep { $_->[0] =~ /Async Foreign Scan/ } @{ $dbh->selectall_arrayref("EXPLAIN $sql") };
}

# The rows of a query, in an order of their own.
sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // '-' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}

sub without_async
{
    my ($sql) = @_;
    $dbh->do('SET enable_async_append = off');
    my $rows = rows($sql);
    $dbh->do('RESET enable_async_append');
    return $rows;
}

sub fault
{
    my ($name, $fault, %rule) = @_;
    $sandbox{$name}->fault({ match => { kind => 'list' }, %rule, fault => $fault });
    return;
}

sub clear_faults
{
    $_->clear_faults for values %sandbox;
    return;
}

sub clear_logs
{
    $_->clear_log for values %sandbox;
    return;
}

sub descriptors
{
    my @open = glob("/proc/$pid/fd/*");
    return scalar @open;
}
