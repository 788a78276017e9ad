# What subqueries for one outer row after another ask of the service: little more than a batched join of the same
# keys, never much more than one request for each key, and no more than a LIMIT needs.

use strict;
use warnings;

use POSIX ();
use Test::More;
use WalcuTest;

use constant { ROWS => 5000, KEYS => 2000 };

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { clients => 20_000, saleleads => 2000 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', fetch_mode => 'parallel' }, limit_to => [qw(clients saleleads)]);
my $dbh = connect_db($node);
make_tables();

# The same keys, joined in batches
my $joined = requests('SELECT l.id, min(c.created_at) FROM l JOIN crm.clients c ON c._id = l.client_id GROUP BY l.id', ROWS);
is($joined, KEYS / 50, 'what a batched join costs');
my %forms = (
    'min in the target list' => 'SELECT l.id, (SELECT min(c.created_at) FROM crm.clients c WHERE c._id = l.client_id) FROM l',
    'a value in the target list' => 'SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l',
    'EXISTS in the target list' => "SELECT l.id, EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id AND c.created_at > '2000-01-01' OFFSET 0) FROM l",
    'LATERAL with min' => 'SELECT l.id, x.m FROM l, LATERAL (SELECT min(c.created_at) AS m FROM crm.clients c WHERE c._id = l.client_id) x',
    'LATERAL with LIMIT' => 'SELECT l.id, x.m FROM l, LATERAL (SELECT c.created_at AS m FROM crm.clients c WHERE c._id = l.client_id ORDER BY 1 DESC LIMIT 1) x',
    'a subquery in WHERE' => "SELECT l.id FROM l WHERE (SELECT max(c._id) FROM crm.clients c WHERE c._id = l.client_id) > '0'",
);
for my $memory ('4MB', '256kB')
{
    $dbh->do("SET work_mem = '$memory'");
    for my $form (sort keys %forms)
    {
        my $most = $memory eq '4MB' ? 2 * $joined : 1.15 * $joined;
        my $count = requests($forms{$form}, ROWS);
        cmp_ok($count, '<=', $most, "$form: $count requests with work_mem $memory, where a batched join has $joined");
    }
}
$dbh->do('RESET work_mem');

# Few rows of it
is(requests("$forms{$_} ORDER BY l.id LIMIT 5", 5), 1, "$_ LIMIT 5: one request") for sort keys %forms;
is(documents(), 10, 'for ten documents');
$dbh->begin_work;
$dbh->do("DECLARE rows CURSOR FOR $forms{'LATERAL with min'}");
$sandbox->clear_log;
is(scalar @{ $dbh->selectall_arrayref('FETCH 20 FROM rows') }, 20, 'twenty rows of a cursor');
cmp_ok($sandbox->request_count, '<=', 2, 'are two requests');
$dbh->rollback;
is(requests('SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l WHERE l.id = 5', 1), 1, 'one row is one request');
is(requests('SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = NULLIF(l.client_id, l.client_id)) FROM l', ROWS), 0, 'NULL keys cost nothing');
is(requests('SELECT l.id, CASE WHEN l.id < 0 THEN (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) END FROM l', ROWS), 0, 'a subquery that is not computed costs nothing');

# The top of each group: all documents of many keys, sorted here
$dbh->do('CREATE TABLE owners AS SELECT client_id FROM crm.saleleads WHERE client_id IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 500');
my ($owners) = $dbh->selectrow_array('SELECT count(*) FROM owners');
my ($leads) = $dbh->selectrow_array('SELECT count(*) FROM owners JOIN crm.saleleads USING (client_id)');
my $top = 'SELECT o.client_id, x._id FROM owners o, LATERAL (SELECT s._id FROM crm.saleleads s WHERE s.client_id = o.client_id ORDER BY s.created_at DESC, s._id LIMIT 1) x';
my $count = requests($top, $owners);
cmp_ok($count, '<=', 2 * $leads / 50 + 10, "the newest of $leads documents of each of $owners keys: $count requests");
is_deeply(
    $dbh->selectall_arrayref("$top ORDER BY 1"),
    $dbh->selectall_arrayref('SELECT DISTINCT ON (client_id) client_id, _id FROM owners JOIN crm.saleleads USING (client_id) ORDER BY client_id, created_at DESC, _id'),
    'and the right ones');

# Where few of a key's many documents are wanted, asking for all of them is given up
my @types = map { $_->[0] } @{ $dbh->selectall_arrayref('SELECT DISTINCT type FROM crm.saleleads WHERE type IS NOT NULL') };
$dbh->do('CREATE TABLE kinds AS SELECT n, type FROM generate_series(1, 40) n, (SELECT DISTINCT type FROM crm.saleleads WHERE type IS NOT NULL) t');
my ($kinds) = $dbh->selectrow_array('SELECT count(*) FROM kinds');
$count = requests('SELECT k.n, (SELECT s._id FROM crm.saleleads s WHERE s.type = k.type ORDER BY s.created_at DESC LIMIT 1) FROM kinds k', $kinds);
cmp_ok($count, '<=', @types + 20, "the newest of each of @{[ scalar @types ]} kinds for $kinds rows: $count requests");

# Of two keys, the one with more values leads to fewer documents, whatever the order of the conditions
$dbh->do('CREATE TABLE pairs AS SELECT client_id, created_by, type FROM crm.saleleads WHERE client_id IS NOT NULL ORDER BY _id LIMIT 500');
my ($clients, $first, $last, $neither) = map { requests("SELECT (SELECT max(s.created_at) FROM crm.saleleads s WHERE $_) FROM pairs p", 500) } (
    's.client_id = p.client_id',
    's.client_id = p.client_id AND s.created_by = p.created_by',
    's.created_by = p.created_by AND s.client_id = p.client_id',
    's.created_by = p.created_by AND s.type = p.type');
cmp_ok($_, '<=', $clients + 3, "two keys: $_ requests, where the better one has $clients") for $first, $last;
cmp_ok($neither, '<=', 2000 / 50 + 5, "two keys that lead to all documents together: $neither requests for 500 rows, which ask for few of them");

# Groups of few keys, as the manual writes them
is(requests('SELECT p.client_id, s.n FROM (SELECT DISTINCT client_id FROM pairs ORDER BY 1 LIMIT 24) p
    CROSS JOIN LATERAL (SELECT client_id, count(*) AS n FROM crm.saleleads s WHERE s.client_id = p.client_id GROUP BY client_id) s', 24), 1, 'the groups of 24 keys: one request');

# Ranges: the days of a calendar are one, and others go together into a filter
my $calendar = "SELECT d, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at >= d AND s.created_at < d + interval '1 day') FROM generate_series('2025-03-01'::timestamptz, '2025-05-29', '1 day') d";
$count = requests($calendar, 90);
cmp_ok($count, '<=', 2 + documents() / 25, "90 days: $count requests for @{[ documents() ]} documents");
is(requests("$calendar LIMIT 10", 10), 1, 'ten of them are one request');
$count = requests($calendar =~ s/s\.created_at >= d AND s/s/r, 90);
cmp_ok($count, '<=', 2000 / 50 + 5, "what came before each of 90 days: $count requests");
$count = requests("SELECT d, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at BETWEEN d - interval '1 hour' AND d) FROM generate_series('2019-03-01'::timestamptz, '2025-05-29', '20 days') d", 115);
cmp_ok($count, '<=', 6, "an hour of each of 115 days: $count requests");
$count = requests("SELECT d, (SELECT s._id FROM crm.saleleads s WHERE s.created_at < d ORDER BY s.created_at DESC LIMIT 1) FROM generate_series('2025-03-01'::timestamptz, '2025-05-29', '1 day') d", 90);
cmp_ok($count, '<=', 1.6 * 90, "the last before each of 90 days, of many: $count requests");
$dbh->do("SET work_mem = '64kB'");
$count = requests("SELECT d, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at >= d AND s.created_at < d + interval '1 month' AND s::text <> '') FROM generate_series('2019-03-01'::timestamptz, '2025-05-29', '1 month') d", 75);
cmp_ok($count, '<=', 2 * 75, "75 months with little memory: $count requests");
$dbh->do('RESET work_mem');

# Arrays of keys: what the same keys cost one by one
my $lists = 'FROM (SELECT id / 4 AS id, array_agg(client_id) AS ids FROM l GROUP BY 1) a';
for my $memory ('4MB', '256kB')
{
    $dbh->do("SET work_mem = '$memory'");
    $count = requests("SELECT a.id, (SELECT min(c.created_at) FROM crm.clients c WHERE c._id = ANY (a.ids)) $lists", int(ROWS / 4) + 1);
    cmp_ok($count, '<=', 2 * $joined, "arrays of keys: $count requests with work_mem $memory, where a batched join has $joined");
}
$dbh->do('RESET work_mem');
is(requests("SELECT a.id, (SELECT min(c.created_at) FROM crm.clients c WHERE c._id = ANY (a.ids)) $lists WHERE id = 5", 1), 1, 'one array is one request');

# Keys that come again, in a subquery that is executed again
$count = requests('SELECT a.id, (SELECT sum(x.n) FROM (SELECT (SELECT count(*) FROM crm.clients c WHERE c._id = l.client_id) AS n FROM l WHERE l.id BETWEEN a.id - 5 AND a.id OFFSET 0) x) FROM l a WHERE a.id <= 40', 40);
cmp_ok($count, '<=', 40, "keys that came before are not asked for again: $count requests");

# What is not read ahead, and what is switched off
unlike(plan_of("SELECT (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM (SELECT client_id, nextval('s') FROM l OFFSET 0) l"), qr/Read Ahead/, 'not with volatile functions below');
unlike(plan_of("SELECT (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM (SELECT client_id FROM l FOR UPDATE) l"), qr/Read Ahead/, 'not with locks below');
like(plan_of("SELECT random(), (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l FOR UPDATE"), qr/LockRows.*Read Ahead/s, 'but with those above');
$dbh->do('SET walcu_fdw.enable_batched_join = off');
unlike(plan_of($forms{$_}), qr/Read Ahead/, "$_ can be switched off") for sort keys %forms;
$dbh->do('RESET walcu_fdw.enable_batched_join');

# How often functions are called, and for which rows
$dbh->do('CREATE SEQUENCE calls');
requests("SELECT nextval('calls'), (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l WHERE l.id <= 100 ORDER BY l.id LIMIT 3", 3);
is($dbh->selectrow_array('SELECT last_value FROM calls'), 3, 'volatile functions are called for the rows that are wanted') or diag plan_of("SELECT nextval('calls'), (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l WHERE l.id <= 100 ORDER BY l.id LIMIT 3");

# The first statement of a session is planned before the library is loaded, and reads ahead all the same; so does
# a prepared one, each time
for my $form (sort keys %forms)
{
    $dbh = connect_db($node);
    my $most = 2 * $joined;
    $dbh->do("PREPARE first AS $forms{$form}");
    for my $time (1, 2)
    {
        my $count = requests('EXECUTE first', ROWS);
        cmp_ok($count, '<=', $most, "$form, first of all in its session, time $time: $count requests");
    }
    is(requests("$forms{$form} ORDER BY l.id LIMIT 5", 5), 1, 'a later one is read ahead once');
    is(documents(), 10, 'for ten documents');
}
$dbh = connect_db($node);
like(plan_of($forms{'LATERAL with min'}), qr/Read Ahead/, 'EXPLAIN shows it');
$dbh = connect_db($node);
$dbh->begin_work;
$dbh->do("DECLARE rows SCROLL CURSOR FOR SELECT l.id, (SELECT c._id FROM crm.clients c WHERE c._id = l.client_id) = l.client_id FROM l WHERE l.id <= 90");
my $first = $dbh->selectall_arrayref('FETCH 3 FROM rows');
$dbh->selectall_arrayref('FETCH 1 FROM rows');
is_deeply($dbh->selectall_arrayref('FETCH BACKWARD 3 FROM rows'), [ reverse @$first ], 'a cursor goes back, first of all');
$dbh->rollback;
$dbh = connect_db($node);
$dbh->do(q{CREATE FUNCTION made_at(text) RETURNS timestamptz STABLE LANGUAGE sql AS
    'SELECT (SELECT min(c.created_at) FROM crm.clients c WHERE c._id = v.id) FROM (VALUES ($1)) v(id)'});
is_deeply($dbh->selectall_arrayref('SELECT l.id, made_at(client_id) FROM l WHERE l.id <= 5 ORDER BY 1'),
    $dbh->selectall_arrayref('SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l WHERE l.id <= 5 ORDER BY 1'), 'a function in SQL, first of all');

# No more keys than a LIMIT wants, and no fewer than that in one request
is(requests("$forms{'min in the target list'} ORDER BY l.id LIMIT 40", 40), 1, 'LIMIT 40: one request');
is(documents(), 40, 'for forty documents');
is(requests("$forms{'min in the target list'} LIMIT 30 OFFSET 10", 30), 1, 'LIMIT 30 OFFSET 10: one request');
is(documents(), 40, 'for forty documents');

# Cursors that go back
$dbh->begin_work;
$dbh->do("DECLARE rows SCROLL CURSOR FOR SELECT l.id, (SELECT c._id FROM crm.clients c WHERE c._id = l.client_id) = l.client_id FROM l");
my $forth = $dbh->selectall_arrayref('FETCH 30 FROM rows');
$dbh->selectall_arrayref('FETCH 1 FROM rows');
is_deeply($dbh->selectall_arrayref('FETCH BACKWARD 30 FROM rows'), [ reverse @$forth ], 'a cursor goes back');
$dbh->rollback;

# A row that another session has changed meanwhile
{
    my $other = connect_db($node);
    $dbh->begin_work;
    $dbh->do('UPDATE l SET note = 1 WHERE id = 3');
    my $pid = fork // die;
    if ($pid == 0)
    {
        $other->{InactiveDestroy} = $dbh->{InactiveDestroy} = 1;
        my $mine = connect_db($node);
        my $rows = $mine->selectall_arrayref('SELECT l.id, l.note, (SELECT c._id FROM crm.clients c WHERE c._id = l.client_id) = l.client_id FROM l WHERE id BETWEEN 1 AND 5 ORDER BY id FOR UPDATE OF l');
        POSIX::_exit((join ',', map { "$_->[0] $_->[1] $_->[2]" } @$rows) eq '1 0 1,2 0 1,3 1 1,4 0 1,5 0 1' ? 0 : 1);
    }
    until ($other->selectrow_array("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) { select undef, undef, undef, 0.05 }
    $dbh->commit;
    waitpid $pid, 0;
    is($?, 0, 'a row that was changed meanwhile is computed again');
}

# A service that refuses the filter of a place that nobody knows
{
    $dbh->do("CREATE FOREIGN TABLE odd (_id text COLLATE \"C\", code text OPTIONS (path 'custom.code') COLLATE \"C\") SERVER crm OPTIONS (resource 'saleleads')");
    $sandbox->fault({ match => { kind => 'list', query => { q => 'custom' } }, fault => { type => 'status', status => 400, error => 'Cast to x failed' } });
    $count = requests('SELECT l.id, (SELECT count(*) FROM odd o WHERE o.code = l.client_id) FROM l WHERE l.id <= 1000', 1000);
    $sandbox->clear_faults;
    cmp_ok($count, '<=', 2 * (2000 / 50 + 2) + 40, "a filter that is refused is left out, and the whole is read few times ($count requests)");
}

# An error amid a batch, and after it
$sandbox->fault({ match => { kind => 'list' }, skip => 3, times => 1, fault => { type => 'status', status => 401 } });
is(sql_error($dbh, $forms{'LATERAL with min'})->{sqlstate}, '28000', 'an error of the service ends the statement');
$sandbox->clear_faults;
requests($forms{'LATERAL with min'}, ROWS);

done_testing();

sub requests
{
    my ($sql, $rows) = @_;
    $sandbox->clear_log;
    my $result = $dbh->selectall_arrayref($sql);
    is(scalar @$result, $rows, "rows of $sql");
    return scalar $sandbox->log;
}

sub documents
{
    my $sum = 0;
    $sum += $_->{documents} // 0 for $sandbox->log;
    return $sum;
}

sub plan_of
{
    my ($sql) = @_;
    return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN $sql") };
}

sub make_tables
{
    $sandbox->put('/_sandbox/settings', { page_cap => 1000 });
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '1000')");
    $dbh->do('CREATE TABLE ids AS SELECT _id, row_number() OVER (ORDER BY md5(_id)) AS n FROM crm.clients');
    $dbh->do("ALTER SERVER crm OPTIONS (DROP fetch_size)");
    $sandbox->put('/_sandbox/settings', { page_cap => 50 });
    $dbh->do('CREATE TABLE l AS SELECT id, _id AS client_id, 0 AS note FROM generate_series(1, ' . ROWS . ') id JOIN ids ON n = 1 + id * 7 % ' . KEYS . ' ORDER BY id');
    $dbh->do('CREATE INDEX ON l (id)');
    $dbh->do('CREATE SEQUENCE s');
    $dbh->do('ANALYZE l');
    $dbh->do("UPDATE pg_class SET reltuples = 20000 WHERE oid = 'crm.clients'::regclass");
    $dbh->do("UPDATE pg_class SET reltuples = 2000 WHERE oid = 'crm.saleleads'::regclass");
    return;
}
