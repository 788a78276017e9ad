# What a statement has asked for once is not asked for again: the rows are those of local copies of the
# tables, and the sandbox's log tells which requests that took.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 60, count => { cars => 40, clients => 60, tasks => 3000 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars clients tasks)],
    server => { on_type_mismatch => 'null', max_retry_wait => '1ms' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
$dbh->do('CREATE SCHEMA local');
$dbh->do("CREATE TABLE local.$_ AS TABLE crm.$_") for qw(cars clients tasks);
$dbh->do('CREATE SCHEMA other');
$dbh->do('CREATE TABLE other.calls AS SELECT g, ids[1 + g % 10] AS client_id FROM generate_series(1, 1000) g,
    (SELECT array_agg(_id ORDER BY _id) AS ids FROM local.clients) c');
$dbh->do('ANALYZE local.cars, local.clients, local.tasks, other.calls');

# Each is planned as it is written here: nothing else keeps what was read, or asks for keys together
$dbh->do('SET walcu_fdw.enable_batched_join = off');
my @plain = qw(enable_material enable_memoize enable_hashjoin enable_mergejoin);
my $self_join = 'SELECT a._id, b._id FROM cars a JOIN cars b ON a.make = b.make AND a._id < b._id';
my $lookup = 'SELECT l.g, c.created_at FROM calls l LEFT JOIN clients c ON c._id = l.client_id';

my $as_rows = join ' UNION ALL ', map { "SELECT _id, '$_' AS name, $_\::text AS value FROM cars" } qw(make model mileage created_at);

# 40 cars are one page
for (
    [ 'one scan' => 'SELECT _id, make FROM cars', 1 ],
    [ 'a hash join of a table with itself' => $self_join, 1, 'enable_nestloop', 'enable_mergejoin' ],
    [ 'a merge join' => $self_join, 1, 'enable_nestloop', 'enable_hashjoin' ],
    [ 'an inner side that is read for each outer row' => 'SELECT a._id, b._id FROM cars a JOIN cars b
        ON length(a.make) + a.mileage = length(b.make) + b.mileage', 1, @plain ],
    [ 'a CTE that is scanned twice' => 'WITH c AS NOT MATERIALIZED (SELECT _id, make FROM cars)
        SELECT a._id, b._id FROM c a JOIN c b ON a.make = b.make', 1, 'enable_nestloop' ],
    [ 'the same subquery twice' => 'SELECT (SELECT sum(mileage) FROM cars WHERE mileage > 0),
        (SELECT count(*) FROM cars WHERE mileage > 0)', 1 ],
    [ 'a subquery for each outer row' => 'SELECT g, (SELECT count(*) FROM cars WHERE mileage > g % 2)
        FROM generate_series(1, 20) g', 2 ],
    [ 'UNION ALL, one after the other' => 'SELECT _id, make FROM cars UNION ALL SELECT _id, make FROM cars', 1,
        'enable_async_append' ],
    [ 'the ends of other columns' => 'SELECT (SELECT max(mileage) FROM cars), (SELECT max(make) FROM cars)', 2 ],
    [ 'other columns' => 'SELECT (SELECT sum(mileage) FROM cars), (SELECT count(make) FROM cars)', 1 ],
    [ 'other columns of a self join' => 'SELECT a.license_plate, b.mileage FROM cars a JOIN cars b ON a.make = b.model OR a._id = b._id', 1 ],
    [ 'columns turned into rows' => $as_rows, 1 ],
    [ 'columns turned into rows, one after the other' => $as_rows, 1, 'enable_async_append' ],
    [ 'UNION ALL of what one condition lets through' => 'SELECT make FROM cars WHERE mileage > 0 UNION ALL SELECT model FROM cars WHERE mileage > 0', 1 ],
    [ 'UNION ALL of what two let through' => 'SELECT make FROM cars WHERE mileage > 0 UNION ALL SELECT model FROM cars WHERE mileage > 1', 2 ],
    [ 'UNION ALL within a join with another' => "SELECT count(*) FROM ($as_rows) a JOIN ($as_rows) b ON a.value < b.value", 1, 'enable_mergejoin',
        'enable_hashjoin', 'enable_material' ],
    [ 'another condition' => 'SELECT (SELECT count(make) FROM cars WHERE mileage > 0),
        (SELECT count(make) FROM cars WHERE mileage > 1)', 2 ],
    [ 'ten ids of a thousand rows' => $lookup, 10, @plain ],
    [ 'ids that are not there' => "SELECT g, c._id FROM generate_series(1, 20) g
        LEFT JOIN clients c ON c._id = 'none' || g % 2", 2, @plain ],
    [ 'values of another column' => 'SELECT v.make, c._id FROM (VALUES (\'SEAT\'), (\'none\'), (\'SEAT\'), (NULL),
        (\'none\')) v(make) JOIN cars c USING (make)', 1, @plain ],
    [ 'LATERAL' => 'SELECT v.n, c._id FROM (VALUES (0), (1000), (0)) v(n), LATERAL (
        SELECT _id FROM cars WHERE mileage >= v.n ORDER BY _id LIMIT 3) c', 2, @plain ],
  )
{
    my ($name, $sql, $requests, @off) = @$_;
    same_rows($name, $sql, \@off);
    is(asked($sql, @off), $requests, "$name: requests");
}

# Append runs them beside each other: the first is ahead
same_rows('UNION ALL at once', 'SELECT _id, make FROM cars UNION ALL SELECT _id, make FROM cars', []);
is(asked('SELECT _id, make FROM cars UNION ALL SELECT _id, make FROM cars'), 1, 'is asked for once');
same_rows('UNION ALL for each outer row', 'SELECT g, x FROM generate_series(1, 3) g, LATERAL (SELECT make AS x FROM cars WHERE mileage > g
    UNION ALL SELECT model FROM cars WHERE mileage > g) c', []);
$sandbox->fault({ match => { kind => 'list', resource => 'cars' }, times => 1, fault => { type => 'status', status => 503 } });
same_rows('UNION ALL, and the first is answered late', $as_rows, []);
$sandbox->clear_faults;

# Many pages
for my $mode (qw(pages parallel))
{
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
    my $twice = 'SELECT (SELECT max(_id) FROM (SELECT _id, description FROM tasks OFFSET 0) a),
        (SELECT count(*) FROM (SELECT _id, description FROM tasks OFFSET 0) b)';
    same_rows("$mode, twice", $twice, []);
    my ($first, $second) = scans($twice);
    cmp_ok($first->{Requests}, '>=', 60, "$mode: 60 pages are read");
    is($first->{'Reused Replies'}, undef, 'with nothing to reuse');
    is($second->{Requests}, 0, 'and not again') if $mode eq 'pages';
    cmp_ok($second->{Requests}, '<', 5, 'and hardly one again');
    cmp_ok($second->{'Reused Replies'}, '>', 55, 'but reused');
    is($second->{Documents}, 3000, 'each document of them');
    same_rows("$mode, a self join", 'SELECT a._id, b._id FROM tasks a JOIN tasks b ON a._id = b._id AND a.created_at = b.created_at',
        [qw(enable_nestloop enable_mergejoin)]);
    same_rows("$mode, an order", 'SELECT a._id, row_number() OVER () FROM (SELECT _id FROM tasks ORDER BY created_at DESC, _id) a
        WHERE _id IN (SELECT _id FROM (SELECT _id FROM tasks ORDER BY created_at DESC, _id) b)', []);
    same_rows("$mode, reads that end early", 'SELECT g, (SELECT count(*) FROM (SELECT _id FROM tasks WHERE _id > \'\' LIMIT g * 60) t)
        FROM generate_series(1, 10) g', []);
    same_rows("$mode, one that ends early, and one that does not", 'SELECT (SELECT min(_id) FROM (SELECT _id FROM tasks LIMIT 1000) t) IS NULL,
        (SELECT count(*) FROM tasks t WHERE _id <> \'\')', []);
    my $columns = 'SELECT _id, description FROM tasks UNION ALL SELECT _id, created_at::text FROM tasks';
    same_rows("$mode, columns turned into rows", $columns, []);
    cmp_ok(asked($columns), '<', 70, 'and hardly a page is read twice');
    # what cannot be held is not asked for twice with the fields of both
    $dbh->do("SET work_mem = '64kB'");
    $sandbox->clear_log;
    same_rows("$mode, columns turned into rows, with little memory", $columns, []);
    is(scalar(grep { /description/ && /created_at/ } map { $_->{query}{project} // '' } $sandbox->log), 0, 'each asks for its own fields');
    $dbh->do('RESET work_mem');
    $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
}

# Users have documents of their own
$dbh->do('SET search_path = crm');
$dbh->do('CREATE ROLE clerk; GRANT USAGE ON SCHEMA crm TO clerk; GRANT SELECT ON crm.cars TO clerk');
$dbh->do("CREATE USER MAPPING FOR clerk SERVER crm OPTIONS (token 'another')");
$dbh->do('CREATE VIEW other.clerks_cars AS SELECT * FROM crm.cars; ALTER VIEW other.clerks_cars OWNER TO clerk');
my $error = sql_error($dbh, 'SELECT (SELECT count(make) FROM cars), (SELECT count(make) FROM other.clerks_cars)');
is($error && $error->{sqlstate}, '28000', 'what one user got is not for another one');

# Tables of one resource have limits of their own
$dbh->do(q{CREATE FOREIGN TABLE other.small (_id text, make text) SERVER crm OPTIONS (resource 'cars', max_reply_size '1kB')});
$error = sql_error($dbh, 'SELECT (SELECT count(make) FROM cars), (SELECT count(make) FROM other.small)');
is($error && $error->{sqlstate}, '54000', 'what one table may read is not for another one');

# Faults
for my $fault ({ type => 'truncate' }, { type => 'invalid_json' }, { type => 'close', when => 'during' }, { type => 'status', status => 503 })
{
    $sandbox->fault({ match => { kind => 'list', resource => 'cars' }, times => 1, fault => $fault });
    same_rows("$fault->{type}, once", $self_join, [qw(enable_nestloop enable_mergejoin)]);
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'list', resource => 'cars' }, times => 1, fault => $fault });
    # only what follows the documents that came is asked for in place of a page that broke
    is(asked($self_join, qw(enable_nestloop enable_hashjoin)), $fault->{type} eq 'status' ? 2 : 3,
        'what broke is not held, what came instead is');
    $sandbox->clear_faults;
}
$sandbox->fault({ match => { kind => 'list', resource => 'cars' }, fault => { type => 'status', status => 400 } });
is(sql_error($dbh, $self_join)->{sqlstate}, '22023', 'an error is one');
$sandbox->clear_faults;
same_rows('after it', $self_join, []);

# A reply that says nothing of what follows is the end where it is empty
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'has_more', value => 'missing' } });
same_rows('without MAPP-has-more', 'SELECT (SELECT count(*) FROM tasks WHERE _id <> \'\'), (SELECT max(_id) FROM tasks WHERE _id <> \'\')', []);
$sandbox->clear_faults;

# What is held is small
my $whole = 'SELECT (SELECT count(_id || computed::text) FROM tasks), (SELECT count(_id || computed::text) FROM tasks)';
$dbh->do("SET work_mem = '64kB'");
same_rows('with less work_mem than the replies need', $whole, []);
my ($first, $second) = scans($whole);
cmp_ok($second->{Requests}, '>', 0, 'not all of them are held');
cmp_ok($second->{'Reused Replies'} // 0, '>', 0, 'but the first ones are, however many follow');
my ($held, $left) = held_by_two('_id, computed');
cmp_ok($held, '<', 200 * 1024, 'and they take up no more memory than that');
($held, $left) = held_by_two('_id, description');
cmp_ok($held, '>', 20 * 1024, 'but some');
is($left, 0, 'and none when both scans have read all');
$dbh->do("SET $_ = off") for @plain, 'walcu_fdw.enable_batched_join';
$sandbox->clear_log;
cmp_ok($dbh->selectrow_array(q{SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'walcu replies' AND n > 0)
    FROM (SELECT count((SELECT c.computed FROM clients c WHERE c._id = i._id)) AS n FROM local.clients i OFFSET 0) c}), '<', 200 * 1024,
    'nor do those of a subquery');
is($sandbox->request_count(kind => 'get'), 60, 'which asks for a document in each turn');
$dbh->do("RESET $_") for @plain, 'walcu_fdw.enable_batched_join';
$dbh->do('RESET work_mem');
is($dbh->selectrow_array("SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'walcu %' AND name <> 'walcu description'"), 0,
    'nothing is held behind the statement');
cmp_ok($dbh->selectrow_array(q{SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'walcu replies' AND n > 0)
    FROM (SELECT count(description) + (SELECT count(computed) FROM clients) AS n FROM tasks OFFSET 0) c}), '<', 20 * 1024,
    'and nothing for scans that run once');

# Cursors
$dbh->begin_work;
$dbh->do('DECLARE c SCROLL CURSOR FOR SELECT _id FROM tasks ORDER BY _id');
$sandbox->clear_log;
my @forward = @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') };
my $requests = $sandbox->request_count;
$dbh->do('MOVE ABSOLUTE 0 IN c');
is_deeply($dbh->selectcol_arrayref('FETCH ALL FROM c'), \@forward, 'a cursor that goes back has the same rows');
is($sandbox->request_count, $requests, 'without further requests');
$dbh->do('DECLARE d CURSOR FOR SELECT a._id FROM tasks a, tasks b WHERE a._id = b._id');
is(scalar @{ $dbh->selectcol_arrayref('FETCH 100 FROM d') }, 100, 'a cursor that is not read to its end');
$dbh->do('CLOSE d');
$dbh->commit;

# EXPLAIN
my $plan = join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN (ANALYZE, COSTS off) $self_join") };
my $reused = qr/Requests: 0\n\s+Reused Replies: 1\n\s+Documents: 40\n\s+Bytes: 0\n/;
like($plan, qr/Requests: 1\n.*$reused|$reused.*Requests: 1\n/s, 'EXPLAIN ANALYZE tells what was reused');
unlike(join("\n", @{ $dbh->selectcol_arrayref('EXPLAIN (ANALYZE) SELECT _id FROM cars') }), qr/Reused/, 'and nothing where nothing was');

# Limits are those of requests
$dbh->do('ALTER SERVER crm OPTIONS (ADD max_requests \'10\')');
same_rows('max_requests', $lookup, \@plain);
$dbh->do('ALTER SERVER crm OPTIONS (DROP max_requests)');
$dbh->do('SET search_path = crm, other, public');
$dbh->do("SET $_ = off") for @plain, 'walcu_fdw.enable_batched_join';
$dbh->do('SELECT walcu_fdw_stats_reset()');
$dbh->selectall_arrayref($lookup);
is_deeply($dbh->selectrow_arrayref("SELECT sum(requests_get), sum(replies_2xx), sum(documents) FROM walcu_fdw_stats"), [ 10, 10, 1000 ],
    'the counters of the session are, too');

# A reply that is had again needs the connection no less
is_deeply($dbh->selectrow_arrayref(q{SELECT count(*), count(*) FILTER (WHERE closed) FROM calls l, LATERAL (
    SELECT walcu_fdw_disconnect('crm') AS closed FROM clients c WHERE c._id = l.client_id OFFSET 0) c}), [ 1000, 0 ],
    'a connection is in use while documents are');
$dbh->do("RESET $_") for @plain, 'walcu_fdw.enable_batched_join';

# Statements at random, of a few scans that are alike or not, in small pages, ranges of any number, with faults
my $seed = $ENV{SEED} // 1;
srand $seed;
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '5', ADD fetch_mode 'pages', ADD max_connections '1', ADD paging 'key', SET max_retries '9')");
for my $n (1 .. 120)
{
    my @scans = map { random_scan() } 1 .. 2;
    my $list = join ', ', map { "(SELECT array_agg(x ORDER BY x)::text FROM ($scans[rand 2]) s WHERE i > 0)" } 1 .. 2 + int rand 3;
    my $sql = "SELECT i, $list FROM generate_series(1, " . pick(1, 3) . ') i';
    my %options = (fetch_size => 1 + int rand 9, fetch_mode => pick(qw(pages parallel)), max_connections => pick(1, 2, 5), paging => pick(qw(key key skip)));
    $dbh->do('ALTER SERVER crm OPTIONS (' . join(', ', map { "SET $_ '$options{$_}'" } sort keys %options) . ')');
    $dbh->do('SET work_mem = ' . pick("'64kB'", "'4MB'"));
    $dbh->do('SET walcu_fdw.enable_batched_join = ' . pick(qw(on off)));
    $sandbox->fault({ match => { kind => 'list' }, probability => 0.1, seed => $n, fault => pick({ type => 'truncate' },
        { type => 'close', when => 'during' }, { type => 'status', status => 503 }) }) if rand() < 0.3;
    my ($got, $expected) = map { rows($sql, $_, pick(@plain)) } qw(crm local);
    $sandbox->clear_faults;
    is_deeply($got, $expected, "seed $seed, statement $n") or diag(explain(\%options), "$sql\n");
}
$dbh->do('RESET work_mem');
$dbh->do("ALTER SERVER crm OPTIONS (DROP fetch_size, DROP fetch_mode, DROP max_connections, DROP paging, SET max_retries '4')");

# Another execution asks anew, and sees what has changed
$dbh->do('SET search_path = crm');
my $id = $dbh->selectrow_array('SELECT min(_id) FROM cars');
my $makes = $dbh->prepare('SELECT a.make, b.make FROM cars a JOIN cars b USING (_id) WHERE a._id = ? AND b._id = ?', { pg_server_prepare => 1 });
for my $make (qw(One Two))
{
    my ($document) = grep { $_->{_id} eq $id } $sandbox->dump('cars');
    $sandbox->post('/_sandbox/documents/cars', [ { %$document, make => $make } ]);
    $sandbox->clear_log;
    is_deeply($dbh->selectall_arrayref($makes, undef, $id, $id), [ [ $make, $make ] ], "a prepared statement sees what is there: $make");
    is($sandbox->request_count, 1, 'with one request each time');
}
$sandbox->clear_log;
$dbh->do("UPDATE cars SET make = 'Three' WHERE _id = '$id'");
is_deeply($dbh->selectall_arrayref("SELECT a.make FROM cars a JOIN cars b USING (_id) WHERE a._id = '$id'"), [ ['Three'] ],
    'nor does a statement see what was before an UPDATE');
$dbh->do("CREATE FUNCTION other.make_of(wanted text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT make FROM crm.cars WHERE _id = wanted'");
$sandbox->clear_log;
$dbh->selectall_arrayref('SELECT other.make_of(?) FROM generate_series(1, 3)', undef, $id);
is($sandbox->request_count(kind => 'get'), 3, 'statements of a volatile function are statements of their own');

# Background jobs: one for all scans of the same, whose results are held, or else sent again
my $results = join ',', map { s{.*//}{}r } $sandbox->results_endpoint, $sandbox->storage_endpoint;
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'job', ADD results_hosts '$results')");
$sandbox->settings(job_polls => 0);
my $figures = join ' UNION ALL ', 'SELECT $$all$$, count(_id)::text FROM tasks', 'SELECT $$clients$$, count(client_id)::text FROM tasks',
    'SELECT $$lengths$$, sum(length(description))::text FROM tasks', 'SELECT $$years$$, sum(extract(year FROM created_at))::text FROM tasks';
my $both = 'SELECT (SELECT max(_id) FROM (SELECT _id, description FROM tasks OFFSET 0) a), (SELECT count(*) FROM (SELECT _id, description FROM tasks OFFSET 0) b)';
my $three = "$both, (SELECT sum(length(_id)) FROM (SELECT _id, description FROM tasks OFFSET 0) c)";
my $by_order = 'SELECT (SELECT string_agg(x, $$$$) FROM (SELECT left(description, 1) AS x FROM tasks ORDER BY created_at, _id) a),
    (SELECT string_agg(x, $$$$) FROM (SELECT right(description, 1) AS x FROM tasks ORDER BY created_at, _id) b)';
my @one = qw(all results);
jobs_are('four figures', $figures, [@one]);
jobs_are('four figures, one after the other', $figures, [@one], 'enable_async_append');
jobs_are('a self join', 'SELECT a._id, b._id FROM tasks a JOIN tasks b ON b.created_at = a.created_at AND b._id > a._id', [@one], 'enable_nestloop', 'enable_mergejoin');
jobs_are('other conditions', 'SELECT (SELECT count(_id) FROM tasks WHERE _id > $$5$$), (SELECT count(_id) FROM tasks WHERE _id > $$6$$)', [ @one, @one ]);
jobs_are('an order', $by_order, [@one]);
jobs_are('one scan', 'SELECT _id FROM tasks', [@one]);
$sandbox->settings(results => 'redirect');
jobs_are('results that are elsewhere', $both, [ @one, 'stored' ]);
$dbh->do("SET work_mem = '64kB'");
jobs_are('results that are elsewhere, and not held', $three, [ @one, 'stored', 'stored', 'stored' ]);
$sandbox->settings(results => 'direct');
jobs_are('results that are not held', $three, [ @one, 'results', 'results' ]);
for my $fault ({ type => 'status', status => 404 }, { type => 'status', status => 403 }, { type => 'miscount', drop => 3 }, { type => 'reply', body => '{"gone": 1}' })
{
    $sandbox->fault({ match => { kind => 'results' }, skip => 1, times => 1, fault => $fault });
    jobs_are("results that are not to be had again ($fault->{type} " . ($fault->{status} // '') . ')', $both, [ @one, 'results', @one ]);
    $sandbox->clear_faults;
}
$sandbox->fault({ match => { kind => 'results' }, skip => 1, times => 1, fault => { type => 'close', when => 'during' } });
jobs_are('results that break off', $both, [ @one, 'results', 'results' ]);
$sandbox->clear_faults;
$dbh->do('RESET work_mem');

done_testing();

# The bytes of replies that are held for two scans of the same columns, when the second has begun and when it has ended.
sub held_by_two
{
    my ($columns) = @_;
    my $bytes = q{SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name = 'walcu replies'};
    $dbh->begin_work;
    $dbh->do('SET LOCAL cursor_tuple_fraction = 1');
    $dbh->do("DECLARE c NO SCROLL CURSOR FOR SELECT $columns FROM tasks UNION ALL SELECT $columns FROM tasks");
    $dbh->do('MOVE ' . (1 + $dbh->selectrow_array('SELECT count(*) FROM local.tasks')) . ' FROM c');
    my @held = $dbh->selectrow_array($bytes);
    $dbh->do('MOVE ALL FROM c');
    push @held, $dbh->selectrow_array($bytes);
    $dbh->commit;
    return @held;
}

# The rows are those of the local copies.
sub same_rows
{
    my ($name, $sql, $off) = @_;
    is_deeply(rows($sql, 'crm', @$off), rows($sql, 'local', @$off), "$name: rows");
    return;
}

sub rows
{
    my ($sql, $schema, @off) = @_;
    local $dbh->{AutoCommit} = 0;
    $dbh->do("SET LOCAL search_path = $schema, other, public");
    $dbh->do("SET LOCAL $_ = off") for @off;
    my @rows = sort map { join '|', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref($sql) };
    $dbh->rollback;
    return \@rows;
}

# The rows are those of the local copies, and this is asked for.
sub jobs_are
{
    my ($name, $sql, $kinds, @off) = @_;
    $sandbox->clear_log;
    my $rows = rows($sql, 'crm', @off);
    is_deeply([ grep { $_ ne 'job' } map { $_->{kind} } $sandbox->log ], $kinds, "jobs, $name: what is asked for");
    is_deeply($rows, rows($sql, 'local', @off), "jobs, $name: rows");
    return;
}

# How many requests it takes.
sub asked
{
    my ($sql, @off) = @_;
    $sandbox->clear_log;
    rows($sql, 'crm', @off);
    return $sandbox->request_count;
}

# A few rows of a table, the same ones wherever it stands, as x.
sub random_scan
{
    my $table = pick(qw(cars clients));
    my $id = $dbh->selectrow_array("SELECT _id FROM local.$table OFFSET " . int(rand 40) . ' LIMIT 1');
    my $where = pick('', "WHERE _id > '$id'", "WHERE _id <= '$id'", "WHERE _id = '$id'", "WHERE _id IN ('$id', 'none')",
        "WHERE created_at > '2021-01-01'", 'WHERE created_at IS NULL OR length(_id) > 3');
    my $order = pick('', '', 'ORDER BY _id', 'ORDER BY _id DESC', 'ORDER BY created_at, _id', 'ORDER BY created_at DESC NULLS LAST, _id');
    my $limit = $order ? pick('', 'LIMIT 1', 'LIMIT 7', 'LIMIT 33', 'OFFSET 3') : 'OFFSET 0';
    return 'SELECT ' . pick('_id', "_id || coalesce(created_at::text, '')") . " AS x FROM $table $where $order $limit";
}

sub pick
{
    return $_[ rand @_ ];
}

# What EXPLAIN ANALYZE tells of each scan.
sub scans
{
    my ($sql) = @_;
    local $dbh->{AutoCommit} = 0;
    $dbh->do('SET LOCAL search_path = crm');
    my $plan = JSON::PP->new->decode($dbh->selectrow_array("EXPLAIN (ANALYZE, FORMAT json) $sql"));
    $dbh->rollback;
    return scans_below($plan->[0]{Plan});
}

sub scans_below
{
    my ($plan) = @_;
    return (($plan->{'Node Type'} eq 'Foreign Scan' ? $plan : ()), map { scans_below($_) } @{ $plan->{Plans} // [] });
}
