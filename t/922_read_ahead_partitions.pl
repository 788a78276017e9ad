# Subqueries for one outer row after another over several tables of the CRM that Append reads at once (partitions by dealer,
# UNION ALL): each of them is told of the keys that come, asks for many at a time, and all ask at once; the rows are those of
# local tables, also where an execution ends before all tables have answered.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant { ROWS => 120, PAGE => 50 };

my $sandbox = WalcuTest::Sandbox->start(scale => 4, count => { clients => 300, contacts => 200, saleleads => 300, tasks => 200 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(clients contacts saleleads tasks)], server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
make_tables();

# [what, query, how many requests it takes at most: of each of three tables, those for batches of a page's keys and more]
my $batches = 3 * 3;
my @queries = (
    [ 'a subquery', 'SELECT l.id, (SELECT count(*) FROM crm.people p WHERE p._id = l.key) FROM l', $batches ],
    [ 'LATERAL', 'SELECT l.id, x.m FROM l, LATERAL (SELECT min(p.created_at) AS m FROM crm.people p WHERE p._id = l.key) x', $batches ],
    [ 'LEFT JOIN LATERAL', 'SELECT l.id, x._id FROM l LEFT JOIN LATERAL (SELECT p._id FROM crm.people p WHERE p._id = l.key OFFSET 0) x ON true', $batches ],
    [ 'the end with the first row', 'SELECT l.id, x._id FROM l, LATERAL (SELECT p._id FROM crm.people p WHERE p._id = l.key LIMIT 1) x', $batches ],
    [ 'EXISTS', 'SELECT l.id, EXISTS (SELECT FROM crm.people p WHERE p._id = l.key OFFSET 0) FROM l', $batches ],
    [ 'EXISTS in a condition', 'SELECT l.id FROM l WHERE EXISTS (SELECT FROM crm.people p WHERE p._id = l.key OFFSET 0)', $batches ],
    [ 'a key that several have', 'SELECT l.id, (SELECT count(*) FROM crm.work w WHERE w.client_id = l.client) FROM l', 40 ],
    [ 'UNION ALL', 'SELECT l.id, (SELECT count(*) FROM (SELECT _id FROM crm.clients UNION ALL SELECT _id FROM crm.contacts) p WHERE p._id = l.key) FROM l', $batches ],
    [ 'one table twice', 'SELECT l.id, (SELECT count(*) FROM (SELECT client_id FROM crm.tasks UNION ALL SELECT client_id FROM crm.tasks) t WHERE t.client_id = l.client) FROM l', 20 ],
    [ 'a condition on another column of the row', 'SELECT l.id, (SELECT count(*) FROM crm.people p WHERE p._id = l.key AND p.created_at > l.t) FROM l', $batches ],
    [ 'two of them', 'SELECT l.id, (SELECT count(*) FROM crm.people p WHERE p._id = l.key), (SELECT count(*) FROM crm.people p WHERE p._id = l.client) FROM l', 2 * $batches ],
    [ 'a value that changes in the midst', 'SELECT a.id, (SELECT sum(x.n) FROM (SELECT (SELECT count(*) FROM crm.people p WHERE p._id = l.key AND p.created_at > a.t) AS n FROM l WHERE l.id BETWEEN a.id AND a.id + 15 OFFSET 0) x) FROM l a WHERE a.id <= 6', 6 * 6 ],
    [ 'such a value, and the end with the first row', 'SELECT a.id, (SELECT count(x.f) FROM (SELECT (SELECT true FROM crm.people p WHERE p._id = l.key AND p.created_at > a.t LIMIT 1) AS f FROM l WHERE l.id BETWEEN a.id AND a.id + 15 OFFSET 0) x) FROM l a WHERE a.id <= 6', 6 * 6 ],
    [ 'few rows of it', 'SELECT l.id, (SELECT count(*) FROM crm.people p WHERE p._id = l.key) FROM l ORDER BY l.id LIMIT 4', 3 ],
    [ 'no key', 'SELECT l.id, (SELECT count(*) FROM crm.people p WHERE p._id = NULLIF(l.key, l.key)) FROM l', 0 ]);

for my $setting ('on', 'off')
{
    $dbh->do("SET enable_async_append = $setting");
    for (@queries)
    {
        my ($what, $sql, $most) = @$_;
        my $title = "$what, enable_async_append $setting";
        my $expected = rows($sql =~ s/\bcrm\./copy./gr);
        like(plan_of($sql), qr/Read Ahead/, "$title: reads ahead");
        like(plan_of($sql), qr/Async/, "$title: and at once") if $setting eq 'on';
        $sandbox->clear_log;
        is_deeply(rows($sql), $expected, "$title: the rows are those of local tables");
        cmp_ok($sandbox->request_count, '<=', $most, "$title: with $most requests at most");
    }
}
$dbh->do('SET enable_async_append = on');

# The tables are asked at once, not one after the other
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'latency', ms => 40 } });
$sandbox->clear_log;
rows($queries[0][1]);
my @log = $sandbox->log;
cmp_ok($sandbox->chain(@log), '<=', @log / 3 + 1, 'a third of the requests are waited for one after the other');
$sandbox->clear_faults;

# Batches that the first row comes before are not asked for again
$sandbox->fault({ match => { kind => 'list', resource => $_ }, fault => { type => 'latency', ms => 150 } }) for qw(contacts tasks);
$sandbox->clear_log;
my $first = 'SELECT l.id, x._id FROM l, LATERAL (SELECT p._id FROM crm.people p WHERE p._id = l.client LIMIT 1) x';
is_deeply(rows($first), rows($first =~ s/\bcrm\./copy./gr), 'tables that are slow: the rows');
cmp_ok($sandbox->request_count, '<=', $batches, 'and each batch is asked for once');
$sandbox->clear_faults;

# An error amid a batch ends the statement, and leaves the session fit for the next
$sandbox->fault({ match => { kind => 'list', resource => 'contacts' }, times => 1, fault => { type => 'status', status => 401 } });
is(sql_error($dbh, $queries[0][1])->{sqlstate}, '28000', 'an error of one of the tables');
$sandbox->clear_faults;
is_deeply(rows($queries[0][1]), rows($queries[0][1] =~ s/\bcrm\./copy./gr), 'and all is well after it');

# Cursors that are left in the midst
$dbh->begin_work;
$dbh->do("DECLARE rows CURSOR FOR $queries[3][1]");
is(scalar @{ $dbh->selectall_arrayref('FETCH 2 FROM rows') }, 2, 'rows of a cursor');
$dbh->commit;

done_testing();

sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}

sub plan_of { return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN $_[0]") } }

sub make_tables
{
    $dbh->do($_) for (
        'CREATE SCHEMA copy',
        (map { "CREATE TABLE copy.$_ AS SELECT * FROM crm.$_" } qw(clients contacts saleleads tasks)),
        'CREATE TABLE crm.people (_id text COLLATE "C", created_at timestamptz, dealer_id text COLLATE "C") PARTITION BY LIST (dealer_id)',
        (map { "CREATE FOREIGN TABLE crm.people_$_ PARTITION OF crm.people FOR VALUES IN ('$_') SERVER crm OPTIONS (resource '$_')" } qw(clients contacts tasks)),
        'CREATE VIEW copy.people AS ' . join(' UNION ALL ', map { "SELECT _id, created_at FROM copy.$_" } qw(clients contacts tasks)),
        'CREATE TABLE crm.work (client_id text COLLATE "C", _id text COLLATE "C", dealer_id text COLLATE "C") PARTITION BY LIST (dealer_id)',
        (map { "CREATE FOREIGN TABLE crm.work_$_ PARTITION OF crm.work FOR VALUES IN ('$_') SERVER crm OPTIONS (resource '$_')" } qw(saleleads tasks)),
        'CREATE VIEW copy.work AS ' . join(' UNION ALL ', map { "SELECT client_id, _id FROM copy.$_" } qw(saleleads tasks)),
        'CREATE TABLE l AS SELECT id::int, CASE WHEN id % 17 = 0 THEN NULL WHEN id % 13 = 0 THEN lpad(id::text, 24, \'f\') ELSE _id END AS key, clients[1 + id % 40] AS client, created_at AS t'
          . ' FROM (SELECT row_number() OVER (ORDER BY md5(_id)) AS id, _id, created_at FROM copy.people) p, (SELECT array_agg(_id ORDER BY _id) AS clients FROM copy.clients) c WHERE id <= ' . ROWS,
        'ANALYZE l');
    return;
}
