# A session has no more open than PostgreSQL leaves it, whatever the number of its servers: what nobody uses is closed, and
# at the limit servers take turns.  No statement fails for it, and after an error the next one works.

use strict;
use warnings;

use DBD::Pg qw(:async);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);
use WalcuTest;

plan skip_all => 'needs /proc and prlimit' if !-r "/proc/$$/limits" || system('prlimit --version > /dev/null 2>&1') != 0;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 3, clients => 0 });
my $right = sub { [ sort map { $_->{_id} } $sandbox->dump('cars') ] };

# PostgreSQL finds out what it may open when it starts, and leaves a third of it to extensions
system("prlimit --pid $$ --nofile=1024:1024") == 0 or die 'prlimit';
my $servers = 500;
my $third = int(1024 / 3);
my $node = start_node('main', log_min_messages => 'warning', jit => 'off', statement_timeout => "'300s'");
my $dbh = connect_db($node);
create_servers($dbh, $servers);
$dbh->do('CREATE TABLE wanted AS SELECT _id FROM cars_1 LIMIT 2');
my $id = $dbh->selectrow_array('SELECT min(_id) FROM cars_1');

for my $row (
    [ 'a scan beside others', 'SELECT count(model) FROM cars', 'GET', $servers, 3 * $servers ],
    [ 'scans one after the other', 'SET enable_async_append = off; SELECT count(model) FROM cars', 'GET', 1, 3 * $servers ],
    [ 'a sort', 'SELECT count(*) FROM (SELECT _id FROM cars ORDER BY _id OFFSET 0) c', 'GET', $servers, 3 * $servers ],
    [ 'a join', 'SELECT count(c.model) FROM wanted JOIN cars c USING (_id)', 'GET', $servers, 2 * $servers ],
    [ 'an UPDATE', "UPDATE cars SET model = 'other' WHERE _id = '$id'", 'PATCH', $servers, $servers ],
    [ 'ANALYZE', 'ANALYZE ' . join(', ', map { "cars_$_" } 1 .. 130), 'GET', 130, 0 ],
    [ 'an INSERT', "INSERT INTO cars (make, model) SELECT 'p' || i, 'new' FROM generate_series(1, $servers) i", 'POST', $servers, $servers ],
  )
{
    my ($name, $sql, $method, $requests, $rows) = @$row;
    $dbh->do($1) if $sql =~ s/^(SET .*?); //;
    $sandbox->clear_log;
    my ($most, $got) = most_descriptors_during($dbh, $sql);
    $dbh->do('RESET ALL');
    is($got + 0, $rows, "$name over $servers servers") or diag $dbh->errstr // '';
    cmp_ok($most, '<', $third, 'with no more descriptors than are left to extensions');
    cmp_ok(scalar $sandbox->connections, '<', $third, 'nor connections');
    cmp_ok(scalar $sandbox->log(method => $method), '>=', $requests, "$requests requests or more");
    cmp_ok(scalar $sandbox->log(method => $method), '<=', $requests, 'and none more than that') if $name =~ /INSERT|UPDATE|beside/;
}
is(scalar(grep { ($_->{model} // '') eq 'new' } $sandbox->dump('cars')), $servers, 'each new document is there once');

# Memory, of which each server has its part
my $insert = "INSERT INTO cars (make, model) SELECT 'p' || (1 + i % $servers), 'new' FROM generate_series(1, 4 * $servers) i";
cmp_ok(growth_of_peak($insert), '<', 110 * $servers, 'kilobytes by which an INSERT raises the peak');
cmp_ok(growth_of_peak("UPDATE cars SET model = 'other' WHERE _id = '$id'"), '<', 50 * $servers, 'an UPDATE');
$sandbox->reset;
cmp_ok(used_while('count(model)', 'cars'), '<', 20 * $servers, 'kilobytes that a statement has in use when its scans have ended');
cmp_ok(used_while('count(a.model || b.model)', 'cars a JOIN cars b USING (make, _id)', 'SET enable_partitionwise_join = on'),
    '<', 110 * $servers, 'the same of a join of partitions');

# An error, and a cancel, while servers take turns
$sandbox->reset;
$sandbox->fault({ match => { kind => 'list' }, skip => 250, times => 1, fault => { type => 'status', status => 403 } });
is(sql_error($dbh, 'SELECT count(model) FROM cars')->{sqlstate}, '42501', 'a refusal while servers take turns');
$sandbox->clear_faults;
is($dbh->selectrow_array('SELECT count(model) FROM cars'), 3 * $servers, 'is no harm to the next statement');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'hold' } });
$sandbox->clear_log;
$dbh->do('SELECT count(model) FROM cars', { pg_async => PG_ASYNC });
wait_until(sub { $sandbox->request_count(kind => 'list') >= 50 });
kill INT => $dbh->{pg_pid};
eval { $dbh->pg_result };
is($dbh->state, '57014', 'a cancel while servers take turns');
$sandbox->clear_faults;
is($dbh->selectrow_array('SELECT count(model) FROM cars'), 3 * $servers, 'is no harm, either');
$dbh->disconnect;
$node->stop;

# Where very few may be open: readers that have enough unread keep none from theirs
my $few = start_node('few', log_min_messages => 'warning', jit => 'off', max_files_per_process => 100, statement_timeout => "'120s'");
$dbh = connect_db($few);
create_servers($dbh, 10, request_timeout => '2s', max_retries => 0);
my $long = 'x' x 40_000;
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => 'm', model => "m$_", custom => { long => $long } } } 1 .. 40 ]);
my $all = $right->();
is_deeply($dbh->selectcol_arrayref('SELECT _id, custom FROM cars ORDER BY _id'), [ map { ($_) x 10 } @$all ],
    'a sort of long documents, of more servers than can be open at once');
$dbh->begin_work;
for (1 .. 10)
{
    $dbh->do("DECLARE c$_ NO SCROLL CURSOR FOR SELECT _id, custom FROM cars_$_");
    $dbh->do("FETCH 1 FROM c$_");
}
is($dbh->selectrow_array('SELECT count(custom) FROM cars_3'), grep({ $_->{custom} } $sandbox->dump('cars')), 'a scan beside cursors on all servers');
is_deeply([ map { scalar @{ $dbh->selectcol_arrayref("FETCH ALL FROM c$_") } } 1 .. 10 ], [ (@$all - 1) x 10 ], 'which have the rest of their rows');
$dbh->commit;

# Requests that are not answered give their turn to others when their time is over, though nobody waits for them
$dbh->do("ALTER SERVER s$_ OPTIONS (ADD fetch_size '10', ADD fetch_mode 'pages')") for 1 .. 10;
$dbh->begin_work;
for (1 .. 9)
{
    $sandbox->clear_faults;
    my $rule = $sandbox->fault({ match => { kind => 'list' }, skip => 1, fault => { type => 'hang' } });
    $dbh->do("DECLARE c$_ NO SCROLL CURSOR FOR SELECT _id FROM cars_$_");
    $dbh->do("FETCH 1 FROM c$_");
}
$sandbox->clear_faults;
is($dbh->selectrow_array('SELECT count(model) FROM cars_10'), scalar @$all, 'a scan beside requests that are not answered');
$dbh->rollback;
is($dbh->selectrow_array('SELECT count(model) FROM cars'), 10 * @$all, 'and the next statement');

done_testing();

# Of a statement in a session of its own, in kilobytes, beyond what planning it takes.
sub growth_of_peak
{
    my ($sql) = @_;
    my $session = connect_db($node);
    $session->do("EXPLAIN $sql");
    my $before = peak($session);
    $session->do($sql);
    my $growth = peak($session) - $before;
    note "$growth kB: $sql";
    return $growth;
}

# In kilobytes, but for what is kept of the catalogs, as the statement itself finds at its end.
sub used_while
{
    my ($column, $from, @settings) = @_;
    my $session = connect_db($node);
    my $memory = q{SELECT sum(used_bytes) / 1024 FROM pg_backend_memory_contexts WHERE name !~ '^(Cache|index info|relation rules|partition)'};
    my $sql = "SELECT ($memory), $column FROM $from";
    # what the session's first statement needs for its plan stays until its end
    $session->do($_) for @settings, "EXPLAIN $sql";
    my ($kilobytes) = $session->selectrow_array($sql);
    note "$kilobytes kB: $sql";
    return $kilobytes;
}

sub peak
{
    my ($session) = @_;
    open my $status, '<', "/proc/$session->{pg_pid}/status" or die "no status: $!";
    my ($kilobytes) = map { /^VmHWM:\s*(\d+) kB/ ? $1 : () } <$status>;
    return $kilobytes;
}

# A server for each partition of a table of cars.
sub create_servers
{
    my ($session, $count, %options) = @_;
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', %options });
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    $session->do($_)
      for 'CREATE EXTENSION walcu_fdw',
      'CREATE TABLE cars (_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C", custom jsonb) PARTITION BY LIST (make)',
      "DO \$do\$ BEGIN FOR i IN 1 .. $count LOOP
            EXECUTE format(\$\$CREATE SERVER s%s FOREIGN DATA WRAPPER walcu_fdw $server\$\$, i);
            EXECUTE format(\$\$CREATE USER MAPPING FOR CURRENT_USER SERVER s%s $mapping\$\$, i);
            EXECUTE format(\$\$CREATE FOREIGN TABLE cars_%s PARTITION OF cars FOR VALUES IN ('p%s') SERVER s%s OPTIONS (resource 'cars')\$\$, i, i, i);
        END LOOP; END \$do\$";
    return;
}

# The most descriptors that the session has open while a statement runs, and after it, and what the statement tells.  Files
# are PostgreSQL's own.
sub most_descriptors_during
{
    my ($session, $sql) = @_;
    my $running = $session->prepare($sql, { pg_async => PG_ASYNC });
    $running->execute;
    my $most = 0;
    until ($running->pg_ready)
    {
        $most = max($most, descriptors($session));
        sleep 0.01;
    }
    my $count = eval { $running->pg_result };
    ($count) = $running->fetchrow_array if defined $count && $sql =~ /^SELECT/;
    return (max($most, descriptors($session)), $count // -1);
}

sub descriptors
{
    my ($session) = @_;
    return scalar grep { (readlink // '') =~ /^(socket|pipe|anon_inode):/ } glob "/proc/$session->{pg_pid}/fd/*";
}
