# Reads of partitioned tables: a LIMIT reaches the partitions, the first pages of what a Merge Append merges are under way
# together, and so are those below the aggregates and joins of partitions, which Append cannot run beside each other.  The
# rows are those of local tables, and an error of a partition is one where its rows are needed.

use strict;
use warnings;

use List::Util qw(max sum0);
use Test::More;
use WalcuTest;

my $servers = 12;
my $cars = 36;
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => $cars, clients => 20 });
my $node = start_node('main', log_min_messages => 'warning', jit => 'off', statement_timeout => "'60s'");
my $dbh = connect_db($node);
my ($seed, $queries) = ($ENV{SEED} // 196, $ENV{QUERIES} // 150);
create_servers();

# What a statement asks for once the session knows that the service sorts: its requests, and the documents of these, at most
for (
    # what, query, rows, requests, documents
    [ 'LIMIT', 'SELECT _id FROM cars LIMIT 10', 10, 1, 10 ],
    [ 'LIMIT and OFFSET', 'SELECT _id FROM cars LIMIT 10 OFFSET 5', 10, 1, 15 ],
    [ 'LIMIT of the rows of several', 'SELECT _id FROM cars LIMIT 80', 80, 3, 150 ],
    [ 'LIMIT of all that there is', 'SELECT _id FROM cars LIMIT 10000', $servers * $cars, $servers, 50 * $servers ],
    [ 'LIMIT where no row is', "SELECT _id FROM cars WHERE model = 'none' LIMIT 10", 0, $servers, 10 * $servers ],
    [ 'LIMIT with a condition of PostgreSQL', 'SELECT _id FROM cars WHERE length(_id) > 1 LIMIT 10', 10, '<= 4', 200 ],
    [ 'EXISTS', 'SELECT EXISTS (SELECT FROM cars)', 1, 1, 1 ],
    [ 'UNION ALL', 'SELECT _id FROM cars_1 UNION ALL SELECT _id FROM cars_2 LIMIT 10', 10, 1, 10 ],
    [ 'an order', 'SELECT _id FROM cars ORDER BY _id LIMIT 10', 10, $servers, 10 * $servers ],
    [ 'an order that begins with NULL', 'SELECT _id FROM cars ORDER BY created_at DESC LIMIT 10', 10, 2 * $servers, 20 * $servers ],
    [ 'all rows in an order', 'SELECT _id FROM cars ORDER BY _id', $servers * $cars, $servers, 50 * $servers ],
    [ 'aggregates of partitions', 'SET enable_partitionwise_aggregate = on; SELECT make, count(*) FROM cars GROUP BY make', undef, $servers, 50 * $servers ],
    [ 'the greatest of them', 'SET enable_partitionwise_aggregate = on; SELECT make, count(*) FROM cars GROUP BY make ORDER BY 2 DESC, 1 LIMIT 3', 3, $servers, 50 * $servers ],
    [ 'one after the other', 'SET enable_async_append = off; SELECT count(model) FROM cars', 1, $servers, 50 * $servers ],
    [ 'one after the other, with LIMIT', 'SET enable_async_append = off; SELECT _id FROM cars LIMIT 80', 80, 3, 150 ],
    [ 'one after the other, where no row is', "SET enable_async_append = off; SELECT _id FROM cars WHERE model = 'none' LIMIT 10", 0, $servers, 10 * $servers ],
    [ 'a partition that is found at run', q{SET enable_async_append = off; SELECT count(model) FROM cars WHERE make = (SELECT 'p3')}, 1, 1, 50 ],
    [ 'an order of a partition that is found at run', q{SELECT _id FROM cars WHERE make = (SELECT 'p3') ORDER BY _id LIMIT 10}, undef, 1, 10 ],
    [ 'a condition that nothing can meet', 'SELECT _id FROM cars WHERE (SELECT 1) = 2 ORDER BY _id LIMIT 10', 0, 0, 0 ],
    [ 'EXPLAIN', 'EXPLAIN SELECT _id FROM cars ORDER BY _id LIMIT 10', undef, 0, 0 ],
    [ 'a Merge Append that nobody reads', 'SELECT (SELECT _id FROM cars ORDER BY _id LIMIT 1) FROM generate_series(1, 0)', 0, 0, 0 ],
    [ 'LIMIT 0', 'SELECT _id FROM cars ORDER BY _id LIMIT 0', 0, 0, 0 ],
    [ 'conditions whose value is computed once', 'SELECT _id FROM cars WHERE model >= (SELECT min(w) FROM wanted) ORDER BY _id LIMIT 10', 10, $servers, 10 * $servers ],
    [ 'executions one after the other', 'SELECT w, x._id FROM wanted, LATERAL (SELECT _id FROM cars WHERE model >= w ORDER BY _id LIMIT 3) x', 6, 2 * $servers, 6 * $servers ],
    [ 'such that have enough in the first', 'SELECT w, x._id FROM wanted, LATERAL (SELECT _id FROM cars WHERE model >= w LIMIT 3) x', 6, 2, 6 ],
  )
{
    my ($what, $sql, $rows, $requests, $documents) = @$_;
    my $session = connect_db($node);
    $session->do($1) while $sql =~ s/^(SET .*?); //;
    $session->do('SELECT _id FROM cars ORDER BY created_at LIMIT 1');
    $sandbox->clear_log;
    my $got = $session->selectall_arrayref($sql);
    my @log = $sandbox->log(kind => 'list');
    is(scalar @$got, $rows, "$what: rows") if defined $rows;
    cmp_ok(scalar @log, $requests =~ /^<=/ ? '<=' : '==', $requests =~ s/\D//gr, "$what: requests");
    cmp_ok(sum0(map { $_->{query}{limit} } @log), '<=', $documents, "$what: documents");
    $session->disconnect;
}

# What is under way at once, within what a server may be asked at once
for (
    # in a new session, the service is asked whether it sorts, too: once for all servers
    [ 'a Merge Append', 'SELECT _id FROM cars ORDER BY _id LIMIT 10', $servers + 1 ],
    [ 'a Merge Append that begins with NULL', 'SELECT _id FROM cars ORDER BY created_at DESC LIMIT 10', 2 * $servers + 1 ],
    [ 'joins', 'SET enable_partitionwise_join = on; SET enable_mergejoin = off; SET walcu_fdw.enable_batched_join = off; SELECT count(*) FROM cars a JOIN people b USING (make)', 2 * $servers ],
    [ 'aggregates', 'SET enable_partitionwise_aggregate = on; SELECT make, count(*) FROM cars GROUP BY make', $servers ],
    [ 'all rows, one after the other', 'SET enable_async_append = off; SELECT model FROM cars', $servers ],
    [ 'LIMIT', 'SELECT _id FROM cars LIMIT 10', 1 ],
    [ 'tables of one server', 'SELECT _id FROM lone ORDER BY _id LIMIT 10', 3 ],
  )
{
    my ($what, $sql, $wanted) = @$_;
    my $session = connect_db($node);
    $session->do($1) while $sql =~ s/^(SET .*?); //;
    my ($requests) = under_way($session, $sandbox, $sql, $wanted, kind => 'list');
    is($requests, $wanted, "$what: $wanted requests are under way at once");
    $session->disconnect;
}

# max_requests is no less than it was: what it allows works, though nothing begins early
$dbh->do("ALTER SERVER lone OPTIONS (ADD max_requests '$_')"), is($dbh->selectrow_array('SELECT count(*) FROM (SELECT _id FROM lone ORDER BY _id OFFSET 0) l'), 5 * $cars, "max_requests $_"),
  $dbh->do('ALTER SERVER lone OPTIONS (DROP max_requests)') for 5, 6, 8;
$dbh->do("ALTER SERVER lone OPTIONS (ADD max_requests '1')");
for my $async (qw(on off))
{
    $dbh->do("SET enable_async_append = $async");
    is(scalar @{ $dbh->selectall_arrayref('SELECT _id FROM lone LIMIT 10') }, 10, "max_requests 1 and a LIMIT that the first has, enable_async_append $async");
}
$dbh->do('RESET ALL');
$dbh->do('ALTER SERVER lone OPTIONS (DROP max_requests)');

# An error of a partition is one where its rows are needed
for (
    [ 'LIMIT', 'SELECT _id FROM cars LIMIT 10', 0 ],
    [ 'a cursor of which few rows are read', 'SET enable_async_append = off; SELECT _id FROM cars', 0, 10 ],
    [ 'a cursor that is read', 'SET enable_async_append = off; SELECT _id FROM cars', 1, 'ALL' ],
    [ 'an order', 'SELECT _id FROM cars ORDER BY _id LIMIT 10', 1 ],
    [ 'aggregates', 'SET enable_partitionwise_aggregate = on; SELECT make, count(*) FROM cars GROUP BY make', 1 ],
    [ 'some of the aggregates', 'SET enable_partitionwise_aggregate = on; SET enable_hashagg = off; SELECT make, count(*) FROM cars GROUP BY make', 0, 1 ],
  )
{
    my ($what, $sql, $is_needed, $fetch) = @$_;
    $dbh->do($1) while $sql =~ s/^(SET .*?); //;
    for (
        [ 'a refusal', { type => 'status', status => 403 }, '42501' ],
        [ 'no answer', { type => 'hang' }, '08006' ],
        [ 'what is no answer', { type => 'reply', body => '{"x"', headers => { 'content-type' => 'application/json' } }, '08P01' ],
      )
    {
        my ($fault_name, $fault, $sqlstate) = @$_;
        my $title = "$fault_name of the last partition, $what";
        $sandbox->fault({ match => { resource => 'contacts' }, fault => $fault });
        $dbh->do("ALTER FOREIGN TABLE cars_$servers OPTIONS (SET resource 'contacts')");
        my $error = $fetch ? cursor_error($sql, $fetch) : sql_error($dbh, $sql);
        is($error && $error->{sqlstate}, $is_needed ? $sqlstate : undef, $title) or diag explain $error;
        $dbh->do("ALTER FOREIGN TABLE cars_$servers OPTIONS (SET resource 'cars')");
        $sandbox->clear_faults;
        is($dbh->selectrow_array('SELECT count(_id) FROM cars'), $servers * $cars, 'and the next statement works');
    }
    $dbh->do('RESET ALL');
}

# A cancel while all of them are under way
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'hold' } });
$sandbox->clear_log;
my ($state) = cancelled_when($dbh, $node, 'SELECT _id FROM cars ORDER BY _id LIMIT 10', sub { $sandbox->request_count(kind => 'list') >= $servers });
is($state, '57014', 'a cancel while all are under way');
$sandbox->clear_faults;
is($dbh->selectrow_array('SELECT count(_id) FROM cars'), $servers * $cars, 'is no harm to the next statement');

compare_with_local_tables();
is_deeply($dbh->selectcol_arrayref("SELECT name FROM pg_backend_memory_contexts WHERE name LIKE 'walcu %' AND name <> 'walcu description'"),
    [], 'no memory context is left');
done_testing();

# A server for each partition of a table of cars and one of clients; and five tables of one server.
sub create_servers
{
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', request_timeout => '2s', max_retries => 0, max_connections => 3 });
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    my $columns = '_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C", created_at timestamptz';
    my $create = sub { $dbh->do("CREATE SERVER $_[0] FOREIGN DATA WRAPPER walcu_fdw $server"); $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $_[0] $mapping"); };
    $dbh->do($_) for 'CREATE EXTENSION walcu_fdw', (map { "CREATE TABLE $_ ($columns) PARTITION BY LIST (make)" } qw(cars people lone)),
      "CREATE TABLE wanted AS SELECT w FROM (VALUES (''), ('0')) v(w)", 'ANALYZE wanted';
    $create->($_) for 'lone', map { "s$_" } 1 .. $servers;
    for my $i (1 .. $servers)
    {
        $dbh->do("CREATE FOREIGN TABLE cars_$i PARTITION OF cars FOR VALUES IN ('p$i') SERVER s$i OPTIONS (resource 'cars')");
        $dbh->do("CREATE FOREIGN TABLE people_$i PARTITION OF people FOR VALUES IN ('p$i') SERVER s$i OPTIONS (resource 'clients')");
    }
    $dbh->do("CREATE FOREIGN TABLE lone_$_ PARTITION OF lone FOR VALUES IN ('p$_') SERVER lone OPTIONS (resource 'cars')") for 1 .. 5;
    return;
}

# What is raised while so many rows of a cursor are read.
sub cursor_error
{
    my ($sql, $count) = @_;
    $dbh->begin_work;
    $dbh->do("DECLARE c NO SCROLL CURSOR FOR $sql");
    my $error = sql_error($dbh, "FETCH $count FROM c");
    $dbh->rollback;
    return $error;
}

# Random queries over partitions of four dealers, two levels deep and one of them local, and over local tables.
sub compare_with_local_tables
{
    my %dealer = map { $_ => sprintf '5f2b1c9e8d3a4b00000000%02d', $_ } 1 .. 4;
    my %crm = map { $_ => WalcuTest::Sandbox->start(dealer => $dealer{$_}, seed => $_, scale => 40, count => { cars => 15 + 40 * ($_ % 3), clients => 30 }) } sort keys %dealer;
    my $columns = '_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C", dealer_id text COLLATE "C", created_at timestamptz';
    my $bound = '5f2b1c9e8d3a4b0000000003';
    for my $i (sort keys %crm)
    {
        my $options = options_sql({ endpoint => $crm{$i}->endpoint, dealer_id => $dealer{$i}, on_type_mismatch => 'null', fetch_size => 5 + 3 * $i });
        $dbh->do("CREATE SERVER d$i FOREIGN DATA WRAPPER walcu_fdw $options");
        $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER d$i " . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    }
    for my $resource (qw(cars clients))
    {
        my $t = "all_$resource";
        $dbh->do($_) for "CREATE TABLE $t ($columns) PARTITION BY RANGE (dealer_id)",
          "CREATE TABLE ${t}_low PARTITION OF $t FOR VALUES FROM (MINVALUE) TO ('$bound') PARTITION BY LIST (dealer_id)",
          "CREATE TABLE ${t}_high PARTITION OF $t FOR VALUES FROM ('$bound') TO ('6') PARTITION BY LIST (dealer_id)",
          "CREATE TABLE ${t}_local PARTITION OF $t FOR VALUES FROM ('6') TO (MAXVALUE)",
          "INSERT INTO ${t}_local SELECT md5(i::text), 'SEAT', NULLIF('m' || i % 5, 'm0'), 'local', '2024-01-01'::timestamptz + i * interval '1 day' FROM generate_series(1, 40) i";
        $dbh->do("CREATE FOREIGN TABLE ${t}_$_ PARTITION OF ${t}_" . ($_ < 3 ? 'low' : 'high') . " FOR VALUES IN ('$dealer{$_}') SERVER d$_ OPTIONS (resource '$resource')") for sort keys %crm;
        $dbh->do("CREATE TABLE copy_$resource AS SELECT * FROM $t");
        $dbh->do("ANALYZE copy_$resource");
    }
    srand $seed;
    my ($same, $failed) = (0, 0);
    for my $number (1 .. $queries)
    {
        my ($sql, $is_some) = random_query();
        my @settings = map { "SET $_ = " . (rand() < 0.5 ? 'on' : 'off') }
          qw(enable_async_append enable_partitionwise_aggregate enable_partitionwise_join enable_hashagg enable_hashjoin enable_mergejoin enable_sort walcu_fdw.enable_pushdown walcu_fdw.enable_batched_join);
        my $expected = rows($sql =~ s/\ball_/copy_/gr);
        $dbh->do($_) for @settings;
        my $got = eval { rows($sql) } // [ "error: $@" ];
        $dbh->do('RESET ALL');
        # which of the rows come is not said where a LIMIT has no order: as many of them as there are
        my $is_same = $is_some ? @$got == @$expected && is_part($got, rows($is_some =~ s/\ball_/copy_/gr)) : "@$got" eq "@$expected";
        $same += $is_same;
        next if $is_same || $failed++ > 3;
        diag join "\n", "query $number of seed $seed: $sql", @settings, 'got ' . @$got . ' rows, expected ' . @$expected, @$got[0 .. 2];
    }
    is($same, $queries, "$queries random queries give the rows of local tables");
    return;
}

# A query; and, where any of its rows may come, the one that has all of them.
sub random_query
{
    my $pick = sub { $_[ int rand @_ ] };
    my $table = $pick->(qw(all_cars all_clients));
    my $column = sub { $pick->(qw(_id make model created_at)) };
    my $condition = sub {
        return $pick->(
            '', '', q{ WHERE t.make > 'M'}, q{ WHERE t.model IS NOT NULL}, q{ WHERE length(t._id) > 20}, q{ WHERE t.created_at > '2024-06-01'},
            q{ WHERE t.dealer_id = (SELECT '5f2b1c9e8d3a4b0000000002')}, q{ WHERE t.make >= (SELECT min(make) FROM copy_cars)}, q{ WHERE t.make = 'none'},
            q{ WHERE t.dealer_id IN ('local', '5f2b1c9e8d3a4b0000000001')});
    };
    my $order = sub { my $c = $column->(); return "$c " . $pick->('', 'DESC', 'DESC NULLS LAST', 'NULLS FIRST') . ', _id, dealer_id' };
    my $limit = sub { return ' LIMIT ' . $pick->(0, 1, 3, 10, 25, 60, 500) . $pick->('', '', ' OFFSET ' . int rand 30) };
    my $where = $condition->();
    my $kind = int rand 9;
    return 'SELECT * FROM ' . "$table t$where ORDER BY " . $order->() . $limit->() if $kind <= 1;
    return ("SELECT * FROM $table t$where" . $limit->(), "SELECT * FROM $table t$where") if $kind == 2;
    return "SELECT dealer_id, count(*), min(make), max(created_at) FROM $table t$where GROUP BY dealer_id" . $pick->('', ' HAVING count(*) > 20') if $kind == 3;
    return "SELECT make, count(*), count(model) FROM $table t$where GROUP BY make ORDER BY 2 DESC, 1" . $limit->() if $kind == 4;
    return "SELECT t._id, c._id FROM all_cars t JOIN all_clients c ON c.dealer_id = t.dealer_id AND c._id < t._id$where ORDER BY 1, 2" . $limit->() if $kind == 5;
    return "SELECT v.m, x.* FROM (VALUES ('BMW'), ('none'), (NULL), ('Seat')) v(m), LATERAL (SELECT _id, make FROM $table t WHERE t.make >= v.m ORDER BY " . $order->() . $limit->() . ') x' if $kind == 6;
    return "SELECT v.m, (SELECT count(*) FROM (SELECT FROM $table t WHERE t.make >= v.m" . $limit->() . ') l) FROM (VALUES (\'BMW\'), (\'none\'), (NULL), (\'Seat\')) v(m)' if $kind == 7;
    return "SELECT _id, n FROM (SELECT _id, row_number() OVER (PARTITION BY dealer_id ORDER BY _id) AS n FROM $table t$where) w WHERE n < 4";
}

sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // '-' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}

sub is_part
{
    my ($some, $all) = @_;
    my %left;
    $left{$_}++ for @$all;
    return !grep { $left{$_}-- <= 0 } @$some;
}
