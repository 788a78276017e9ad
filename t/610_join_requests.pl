# What batched joins ask of the service: how much, for which keys, and when nothing.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant { ROWS => 10_000, KEYS => 4000 };

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { clients => 100_000, saleleads => 2000 });
my $node = start_node();
setup_crm($node, $sandbox,
    server => { on_type_mismatch => 'null', fetch_mode => 'parallel', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r },
    limit_to => [qw(clients saleleads)]);
my $dbh = connect_db($node);
make_tables();
my $join = 'SELECT l.id, c.created_at FROM l JOIN crm.clients c ON c._id = l.client_id';

# Ten thousand rows with four thousand keys: a reply has 50 documents at most
my @requests = requests($join, ROWS);
is(documents(), KEYS, 'each document is sent once');
is(scalar @requests, KEYS / 50, 'in as many replies as they fill');
is((under_way($dbh, $sandbox, $join, 4, kind => 'list'))[0], 4, 'several of them at once, and no more than max_connections');
is(scalar(grep { length($_->{raw_path}) > 8000 } @requests), 0, 'none has a longer URL than it may have');
is_deeply([ map { $_->{query}{project} } @requests ], [ ('created_at _id') x @requests ], 'for the fields that are needed');

# A service that sends a thousand at once
$sandbox->put('/_sandbox/settings', { page_cap => 1000 });
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '1000')");
@requests = requests($join, ROWS);
cmp_ok(scalar @requests, '<=', 30, 'at most 30 requests where a reply has a thousand documents');
is(documents(), KEYS, 'and each document once');
$dbh->do("ALTER SERVER crm OPTIONS (DROP fetch_size)");
$sandbox->put('/_sandbox/settings', { page_cap => 50 });

# Background jobs, which bring what is found for all keys of a URL: where pages are no more than these, there are none
{
    $sandbox->put('/_sandbox/settings', { job_polls => 0 });
    $dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'job', ADD max_url_length '15000')");
    @requests = requests($join, ROWS);
    my %kinds = kinds(@requests);
    is_deeply([ @kinds{qw(all results list)} ], [ 9, 9, undef ], 'with jobs, whose results are not paged, 27 requests');
    cmp_ok($kinds{job}, '>=', 9, 'if each job is done when it is looked at first');
    is(documents(), KEYS, 'and each document once');
    cmp_ok(scalar(most_at_once(grep { $_->{kind} eq 'results' } @requests)), '<=', 4, 'several jobs at once, but no more than max_connections');
    is(scalar(grep { length($_->{raw_path}) > 15_000 } @requests), 0, 'no URL is longer than it may be');
    # now that it is known how fast pages come here, one job for all is expected to be done sooner
    $dbh->do('SET enable_hashjoin = off; SET enable_mergejoin = off');
    $sandbox->fault({ match => { kind => 'all' }, skip => 3, fault => { type => 'status', status => 500 } });
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '0')");
    @requests = requests($join, ROWS);
    cmp_ok(scalar(grep { $_->{kind} eq 'list' } @requests), '>', 10, 'jobs that come to nothing leave pages');
    is(documents(), KEYS, 'with each document once');
    $dbh->do('RESET enable_hashjoin; RESET enable_mergejoin');
    $sandbox->clear_faults;
    $sandbox->put('/_sandbox/settings', { job_polls => 2 });
    $dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'auto', SET max_retries '4', SET max_url_length '8000')");
    my $fresh = connect_db($node);
    unlike(join("\n", map { $_->[0] } @{ $fresh->selectall_arrayref("EXPLAIN $join") }), qr/Inner.*background job/s, 'jobs are not for what pages bring sooner');
    $dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'parallel', DROP max_url_length)");
}

# A limit
for (
    [ 'LIMIT 10',                      "$join LIMIT 10",                                        10 ],
    [ 'ORDER BY of the outer side',    "$join ORDER BY l.id LIMIT 10",                          10 ],
    [ 'LIMIT 10 of a left join',       'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id ORDER BY l.id LIMIT 10', 10 ],
    [ 'EXISTS',                        "SELECT EXISTS ($join)",                                 1 ],
  )
{
    my ($name, $sql, $rows) = @$_;
    is(scalar(requests($sql, $rows)), 1, "$name costs one request");
}
my $newest = 'SELECT s._id, c.created_at FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id ORDER BY s._id DESC LIMIT 20';
is(scalar(requests($newest, 20)), 3, 'the newest leads with their clients cost a request each, and one that asks whether the service sorts');
is(scalar(requests($newest, 20)), 2, 'which is known from then on');
$dbh->begin_work;
$dbh->do("DECLARE rows CURSOR FOR $join");
$sandbox->clear_log;
$dbh->selectall_arrayref('FETCH 20 FROM rows');
is($sandbox->request_count, 1, 'a cursor asks for what is fetched');
$dbh->selectall_arrayref('FETCH 400 FROM rows');
cmp_ok($sandbox->request_count, '>', 1, 'and goes on with more');
$dbh->rollback;

# Nothing to ask for
is(scalar(requests('SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = NULLIF(l.client_id, l.client_id)', ROWS)),
    0, 'NULL keys cost nothing');
is(scalar(requests("$join WHERE l.id < 0", 0)), 0, 'no rows cost nothing');
is(scalar(requests('SELECT l.id FROM l WHERE id <= 30 AND NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)', 0)),
    1, 'thirty rows of an anti join are one request');

# Conditions of ON on the other side alone: only rows that meet them have a key to ask for
for (
    [ 'a left join',    'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON l.id % 2 = 0 AND c._id = l.client_id WHERE l.id <= 800', 800 ],
    [ 'a right join',   'SELECT l.id, c._id FROM crm.clients c RIGHT JOIN l ON l.id % 2 = 0 AND c._id = l.client_id WHERE l.id <= 800', 800 ],
    [ 'an inner join',  'SELECT l.id, c._id FROM l JOIN crm.clients c ON l.id % 2 = 0 AND c._id = l.client_id WHERE l.id <= 800', 400 ],
    [ 'an anti join',   'SELECT l.id FROM l WHERE id <= 800 AND NOT EXISTS (SELECT FROM crm.clients c WHERE l.id % 2 = 0 AND c._id = l.client_id)', 400 ],
    [ 'a semi join',    'SELECT l.id FROM l WHERE id <= 800 AND EXISTS (SELECT FROM crm.clients c WHERE l.id % 2 = 0 AND c._id = l.client_id)', 400 ],
    [ 'a column that is NULL beside the key',
        'SELECT l.id, c._id FROM (SELECT *, CASE WHEN id % 2 = 0 THEN now() END AS t FROM l OFFSET 0) l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.created_at < l.t WHERE l.id <= 800', 800 ],
  )
{
    my ($name, $sql, $rows) = @$_;
    $dbh->do("SET $_ = off") for qw(enable_hashjoin enable_mergejoin enable_nestloop);
    is(scalar(requests($sql, $rows)), 8, "$name: 400 keys of 800 rows are 8 requests");
    is(documents(), 400, "$name: for documents that are needed");
    $dbh->do("RESET $_") for qw(enable_hashjoin enable_mergejoin enable_nestloop);
}
like(
    join("\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON l.id > 9000 AND c._id = l.client_id') }),
    qr/Key Filter: \(l\.id > 9000\)\n *Estimated Keys: (?:9\d\d|10\d\d)\n/, 'EXPLAIN shows the condition, and the keys that it leaves');

$dbh->do("SET $_ = off") for qw(enable_hashjoin enable_mergejoin enable_nestloop);
requests("SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON l.id <> 5 AND c._id = 'x' || 1 / (l.id - 5) WHERE l.id < 10", 9);
$dbh->do("RESET $_") for qw(enable_hashjoin enable_mergejoin enable_nestloop);

# Rows of the same keys, again and again
is(scalar(requests('SELECT a.id, (SELECT count(c._id) FROM l JOIN crm.clients c ON c._id = l.client_id WHERE l.id BETWEEN a.id - 5 AND a.id) FROM l a WHERE a.id <= 40', 40)),
    40, 'keys that came before are not asked for again in a subquery');
is(documents(), 40, 'and their documents come once');

# Conditions of the foreign side go along, and those of several keys
@requests = requests("SELECT l.id, s._id FROM l JOIN crm.saleleads s ON s.client_id = l.client_id WHERE s.created_at > '2021-01-01' AND l.id <= 40");
is_deeply([ map { join ' ', sort keys %{ $_->{query}{q} } } @requests ], ['client_id created_at'], 'conditions go along');
is(ref $requests[0]{query}{q}{client_id}{'$in'}, 'ARRAY', 'with a list of keys');

# Several documents of a key: no more requests than their pages and the URLs need
$dbh->do('CREATE TABLE owners AS SELECT DISTINCT client_id FROM crm.saleleads WHERE client_id IS NOT NULL');
$dbh->do('ANALYZE owners');
my ($owners) = $dbh->selectrow_array('SELECT count(*) FROM owners');
@requests = requests('SELECT s._id FROM owners o JOIN crm.saleleads s ON s.client_id = o.client_id');
my $sent = documents();
cmp_ok(scalar @requests, '<=', $sent / 50 * 1.5 + 10, "$owners keys with $sent documents take few requests (" . @requests . ')');

# Of two keys, the one with more values leads to fewer documents, whatever the order of the conditions
$dbh->do('CREATE TABLE pairs AS SELECT client_id, created_by FROM crm.saleleads WHERE client_id IS NOT NULL ORDER BY _id LIMIT 100');
$dbh->do('ANALYZE pairs');
my $one = requests('SELECT s._id FROM pairs p JOIN crm.saleleads s ON s.client_id = p.client_id');
cmp_ok(scalar(requests("SELECT s._id FROM pairs p JOIN crm.saleleads s ON $_")), '<=', $one + 3, "two keys: little more than the $one requests of the better one")
  for 's.client_id = p.client_id AND s.created_by = p.created_by', 's.created_by = p.created_by AND s.client_id = p.client_id';

# A service that refuses the filter of a place that nobody knows is asked for all, once
{
    $dbh->do("CREATE FOREIGN TABLE odd (_id text COLLATE \"C\", code text OPTIONS (path 'custom.code') COLLATE \"C\") SERVER crm OPTIONS (resource 'saleleads')");
    $dbh->do("UPDATE pg_class SET reltuples = 100000 WHERE relname = 'odd'");
    $sandbox->fault({ match => { kind => 'list', query => { q => 'custom' } }, fault => { type => 'status', status => 400, error => 'Cast to x failed' } });
    my $sql = 'SELECT l.id, o._id FROM l LEFT JOIN odd o ON o.code = l.client_id';
    @requests = requests($sql, ROWS);
    $sandbox->clear_faults;
    my @firsts = grep { !$_->{query}{q} } @requests;
    cmp_ok(scalar @firsts, '>=', 1, 'a filter that is refused is left out');
    cmp_ok(scalar @firsts, '<=', 3, 'and not tried with a few keys at a time');
}

# Little memory: smaller batches, the same rows
$dbh->do("SET work_mem = '64kB'");
is_deeply(sorted($join), sorted_with('off', $join), 'with little memory the rows are the same');
$dbh->do('RESET work_mem');

$dbh->do("SET work_mem = '256kB'");
$dbh->begin_work;
$dbh->do('DECLARE rows CURSOR FOR SELECT l.id, c FROM l JOIN crm.clients c ON c._id = l.client_id');
my ($most, $fetched) = (0, 0);
while (my $count = $dbh->do('FETCH 500 FROM rows') + 0)
{
    $fetched += $count;
    my ($held) = $dbh->selectrow_array("SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'walcu join%'");
    $most = $held if $held > $most;
}
$dbh->rollback;
is($fetched, ROWS, 'all rows of a cursor with little memory');
cmp_ok($most, '<=', 1024 * 1024, "batches are as large as work_mem allows ($most bytes held for documents of some megabytes)");
$dbh->do('RESET work_mem');

# What finds no room is kept in a file: no key is asked for again, whatever the order of the rows
{
    my $repeated = 'SELECT l.id, c.created_at FROM (SELECT * FROM l ORDER BY md5(id::text) OFFSET 0) l JOIN crm.clients c ON c._id = l.client_id';
    my $filed = sub { $dbh->selectrow_array("SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false)") };
    my $whole = sorted($repeated);
    $dbh->do("SET $_ = off") for qw(enable_hashjoin enable_mergejoin enable_nestloop);
    for my $memory ('64kB', '256kB', '1MB')
    {
        $dbh->do("SET work_mem = '$memory'");
        my $count = () = requests($repeated, ROWS);
        cmp_ok($count, '<=', KEYS / 50 * ($memory eq '64kB' ? 1.5 : 1.15), "with $memory, $count requests bring the documents of all keys");
        is(documents(), KEYS, 'each document once');
        is_deeply(sorted($repeated), $whole, 'and the rows are the same');
    }
    $dbh->do("SET work_mem = '64kB'");
    my %leads = map { $_->[1] => 1 } @{ $dbh->selectall_arrayref("SELECT l.id, s._id FROM l JOIN crm.saleleads s ON s.client_id = l.client_id AND s._id > '0'") };
    requests("SELECT l.id, s._id FROM l LEFT JOIN crm.saleleads s ON s.client_id = l.client_id AND s._id > '0'");
    is(documents(), scalar keys %leads, 'keys with several documents, or none, are not asked for again either');
    # a cursor that is not read to its end, and an error, leave no file
    $dbh->begin_work;
    $dbh->do("DECLARE rows CURSOR FOR $repeated");
    $dbh->do('FETCH 9000 FROM rows');
    cmp_ok($filed->(), '>', 0, 'there is a file while it is needed');
    $dbh->rollback;
    is($filed->(), 0, 'and none afterwards');
    $sandbox->fault({ match => { kind => 'list' }, skip => 60, times => 1, fault => { type => 'status', status => 401 } });
    is(sql_error($dbh, $repeated)->{sqlstate}, '28000', 'an error in the midst of it');
    $sandbox->clear_faults;
    is($filed->(), 0, 'leaves none');
    $dbh->do("RESET $_") for qw(enable_hashjoin enable_mergejoin enable_nestloop work_mem);
}

# Keys that lead nowhere: the first ones tell how many go into a list
{
    $dbh->do(q{CREATE TABLE strangers AS SELECT id, CASE WHEN id % 20 = 0 THEN (SELECT _id FROM ids WHERE n = id) ELSE lpad(to_hex(id * 7919), 24, '0') END AS client_id FROM generate_series(1, 4000) id});
    $dbh->do('ANALYZE strangers');
    my $sql = 'SELECT s.id, c._id FROM strangers s LEFT JOIN crm.clients c ON c._id = s.client_id';
    my @lists = requests($sql, 4000);
    cmp_ok(scalar @lists, '<=', 22, 'four thousand keys of which 200 have a document are ' . @lists . ' requests, not 80');
    is(documents(), 200, 'for these documents');
    is(scalar(grep { $_->[1] } @{ $dbh->selectall_arrayref($sql) }), 200, 'and there is a row for each of them');
}

# A fault in the midst of a batch, and cancelling
$sandbox->fault({ match => { kind => 'list' }, skip => 5, times => 1, fault => { type => 'status', status => 401 } });
is(sql_error($dbh, $join)->{sqlstate}, '28000', 'an error of the service ends the join');
$sandbox->clear_faults;
requests($join, ROWS);
$sandbox->fault({ match => { kind => 'list' }, skip => 5, fault => { type => 'hang' } });
$dbh->do("SET statement_timeout = '1s'");
is(sql_error($dbh, $join)->{sqlstate}, '57014', 'a join is cancelled while it waits');
$dbh->do('RESET statement_timeout');
$sandbox->clear_faults;
requests($join, ROWS);

done_testing();

sub requests
{
    my ($sql, $rows) = @_;
    $sandbox->clear_log;
    my $result = $dbh->selectall_arrayref($sql);
    is(scalar @$result, $rows, "rows of $sql") if defined $rows;
    return $sandbox->log;
}

# How many there are of each kind
sub kinds
{
    my %kinds;
    $kinds{ $_->{kind} }++ for @_;
    return %kinds;
}

# Documents that were sent since the log was emptied
sub documents
{
    my $sum = 0;
    $sum += $_->{documents} // 0 for $sandbox->log;
    return $sum;
}

sub most_at_once
{
    my @entries = @_;
    my $most = 0;
    for my $entry (@entries)
    {
        my $count = grep { $_->{began} <= $entry->{began} && $entry->{began} < $_->{ended} } @entries;
        $most = $count if $count > $most;
    }
    return $most;
}

sub sorted
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}

sub sorted_with
{
    my ($setting, $sql) = @_;
    $dbh->do("SET walcu_fdw.enable_batched_join = $setting");
    my $rows = sorted($sql =~ s/crm\.clients/ids/r);
    $dbh->do('RESET walcu_fdw.enable_batched_join');
    return $rows;
}

# A copy of the clients' ids, and rows whose keys are among the first ones
sub make_tables
{
    $sandbox->put('/_sandbox/settings', { page_cap => 1000 });
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '1000')");
    $dbh->do('CREATE TABLE ids AS SELECT _id, created_at, row_number() OVER (ORDER BY md5(_id)) AS n FROM crm.clients');
    $dbh->do("ALTER SERVER crm OPTIONS (DROP fetch_size)");
    $sandbox->put('/_sandbox/settings', { page_cap => 50 });
    $dbh->do('CREATE TABLE l AS SELECT id, _id AS client_id FROM generate_series(1, ' . ROWS . ') id JOIN ids ON n = 1 + id * 7 % ' . KEYS . ' ORDER BY id');
    $dbh->do('CREATE INDEX ON l (id)');
    $dbh->do('ANALYZE l');
    $dbh->do("UPDATE pg_class SET reltuples = 100000 WHERE oid = 'crm.clients'::regclass");
    $dbh->do("UPDATE pg_class SET reltuples = 2000 WHERE oid = 'crm.saleleads'::regclass");
    return;
}
