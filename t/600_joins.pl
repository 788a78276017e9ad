# Batched key joins bring the rows that other joins bring, and those of local copies of the tables.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(
    ids => 'string',    # a key of another type stands where an id should
    scale => 40,
    count => { clients => 300, saleleads => 250, cars => 120, tasks => 200 });
my $node = start_node();
add_odd_documents();
setup_crm($node, $sandbox,
    server   => { on_type_mismatch => 'null' },
    limit_to => [qw(clients saleleads cars tasks)]);
my $dbh = connect_db($node);
my @SWITCHES = qw(enable_hashjoin enable_mergejoin enable_nestloop);

make_local_tables();

# Each kind of join, with another kind of key, on either side
my @queries = (
    [ 'inner', 'SELECT l.id, c._id, c.created_at FROM l JOIN crm.clients c ON c._id = l.client_id' ],
    [ 'columns of both sides, computed', "SELECT l.id * 2, l.note || c._id FROM l JOIN crm.clients c ON l.client_id = c._id" ],
    [ 'whole rows', 'SELECT l, c FROM l LEFT JOIN crm.clients c ON c._id = l.client_id' ],
    [ 'left', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id' ],
    [ 'right', 'SELECT l.id, c._id FROM crm.clients c RIGHT JOIN l ON c._id = l.client_id' ],
    [ 'left with another condition in ON',
        "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND l.id % 2 = 0 AND c.created_at > l.t" ],
    [ 'left with a condition on the other side alone', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON l.word = 'open' AND c._id = l.client_id" ],
    [ 'left with a value that decides', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON (SELECT count(*) > 5 FROM l) AND c._id = l.client_id" ],
    [ 'left with a subquery about the other side', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON EXISTS (SELECT FROM l m WHERE m.id = l.i) AND c._id = l.client_id' ],
    [ 'left below, with a condition on a side that may be missing', "SELECT a.id, b.id, c._id FROM l a LEFT JOIN l b ON b.id = a.i LEFT JOIN crm.clients c ON coalesce(b.word, 'open') = 'open' AND c._id = a.client_id" ],
    [ 'anti with a condition on the other side alone', "SELECT l.id FROM l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE l.word = 'open' AND c._id = l.client_id)" ],
    [ 'semi with a condition on the other side alone', "SELECT l.id FROM l WHERE EXISTS (SELECT FROM crm.clients c WHERE l.word = 'open' AND c._id = l.client_id)" ],
    [ 'elements of an array and a condition on the other side', 'SELECT a.id, c._id FROM lists a LEFT JOIN crm.clients c ON c._id = ANY (a.client_ids) AND a.id % 3 = 0' ],
    [ 'left with a column that may be NULL beside the key', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.created_at >= l.t2' ],
    [ 'left with a condition on the foreign side', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.created_at > '2021-01-01'" ],
    [ 'left with a condition above it',
        'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id WHERE coalesce(c.created_at, l.t) > l.t' ],
    [ 'semi', 'SELECT l.id FROM l WHERE EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)' ],
    [ 'semi with more', 'SELECT l.id FROM l WHERE EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t)' ],
    [ 'IN', 'SELECT l.id FROM l WHERE client_id IN (SELECT client_id FROM crm.saleleads)' ],
    [ 'IN the other way round', 'SELECT _id FROM crm.clients WHERE _id IN (SELECT client_id FROM l)' ],
    [ 'anti', 'SELECT l.id FROM l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)' ],
    [ 'anti with more', 'SELECT l.id FROM l WHERE NOT EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t)' ],
    [ 'anti by IS NULL', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id WHERE c._id IS NULL' ],
    [ 'inner, NULL taken for NULL', 'SELECT l.id, c._id FROM l JOIN crm.clients c ON c._id = l.client_id OR c._id IS NULL AND l.client_id IS NULL' ],
    [ 'left, NULL taken for NULL', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON l.client_id IS NULL AND c._id IS NULL OR l.client_id = c._id' ],
    [ 'semi, NULL taken for NULL', 'SELECT l.id FROM l WHERE EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id OR c._id IS NULL AND l.client_id IS NULL)' ],
    [ 'anti, NULL taken for NULL', 'SELECT l.id FROM l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id OR c._id IS NULL AND l.client_id IS NULL)' ],
    [ 'several of a key on both sides', 'SELECT l.id, s._id FROM l JOIN crm.saleleads s ON s.client_id = l.client_id' ],
    [ 'numbers', 'SELECT l.id, c._id FROM l JOIN crm.cars c ON c.model_year = l.n' ],
    [ 'an integer and a number', 'SELECT l.id, c._id FROM l JOIN crm.cars c ON c.model_year = l.i' ],
    [ 'a cast of the foreign side', 'SELECT l.id, c._id FROM l LEFT JOIN crm.cars c ON c.doors::int = l.i' ],
    [ 'instants', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c.created_at = l.t' ],
    [ 'a place in a jsonb', "SELECT l.id, s._id FROM l JOIN crm.saleleads s ON s.status->>'status' = l.word" ],
    [ 'a place in a jsonb with numbers and texts', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c.custom->>'code' = l.word" ],
    [ 'a jsonb', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c.custom->'code' = to_jsonb(l.i)" ],
    [ 'an expression of the local side', 'SELECT l.id, c._id FROM l JOIN crm.clients c ON c._id = lower(l.upper_id)' ],
    [ 'two keys', 'SELECT l.id, s._id FROM l JOIN crm.saleleads s ON s.client_id = l.client_id AND s.created_at = l.t2' ],
    [ 'two keys, left', 'SELECT l.id, s._id FROM l LEFT JOIN crm.saleleads s ON s.client_id = l.client_id AND s.type = l.word' ],
    [ 'elements of an array', 'SELECT a.id, c._id FROM lists a JOIN crm.clients c ON c._id = ANY (a.client_ids)' ],
    [ 'elements of an array, left', 'SELECT a.id, c._id FROM lists a LEFT JOIN crm.clients c ON c._id = ANY (a.client_ids) AND c.created_at > a.t' ],
    [ 'elements of an array, semi', 'SELECT a.id FROM lists a WHERE EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids) AND s.created_at > a.t)' ],
    [ 'elements of an array, anti', 'SELECT a.id FROM lists a WHERE NOT EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids))' ],
    [ 'elements of an array of numbers', 'SELECT a.id, c._id FROM lists a JOIN crm.cars c ON c.model_year = ANY (a.numbers)' ],
    [ 'an element and another key', 'SELECT a.id, s._id FROM lists a JOIN crm.saleleads s ON s.client_id = ANY (a.client_ids) AND s.client_id = a.client_ids[2]' ],
    [ 'elements of an aggregate', 'SELECT a.n, c._id FROM (SELECT id % 7 AS n, array_agg(client_id) AS ids FROM l GROUP BY 1) a JOIN crm.clients c ON c._id = ANY (a.ids)' ],
    [ 'conditions on both sides', "SELECT l.id, c._id FROM l JOIN crm.clients c ON c._id = l.client_id WHERE l.id < 50 AND c.created_at > '2020-06-01' AND length(c._id) = 24" ],
    [ 'a side that is empty', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c._id IS NULL AND false', 1 ],
    [ 'a side whose key is never null', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c._id IS NULL', 1 ],
    [ 'left, computed above', "SELECT (x)::text FROM (SELECT l.id, c._id, c.created_at FROM l LEFT JOIN crm.clients c ON c._id = l.client_id) x" ],
    [ 'conditions that nothing meets', "SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.dealer_id = (SELECT NULL::text)" ],
    [ 'an order and a limit', 'SELECT l.id, c.created_at FROM l JOIN crm.clients c ON c._id = l.client_id ORDER BY l.id LIMIT 10' ],
    [ 'an offset', 'SELECT l.id, c.created_at FROM l LEFT JOIN crm.clients c ON c._id = l.client_id ORDER BY l.id, c._id OFFSET 100 LIMIT 20' ],
    [ 'a group', 'SELECT c._id, count(*), max(l.id) FROM l JOIN crm.clients c ON c._id = l.client_id GROUP BY 1' ],
    [ 'two foreign tables', 'SELECT s._id, c.created_at FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id' ],
    [ 'two foreign tables, left', 'SELECT s._id, c._id FROM crm.saleleads s LEFT JOIN crm.clients c ON c._id = s.client_id' ],
    [ 'one foreign table twice', 'SELECT a._id, b._id FROM crm.saleleads a JOIN crm.saleleads b ON a.client_id = b.client_id' ],
    [ 'three tables', 'SELECT l.id, c._id, s._id FROM l JOIN crm.clients c ON c._id = l.client_id JOIN crm.saleleads s ON s.client_id = c._id' ],
    [ 'three tables, left', 'SELECT l.id, c._id, s._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id LEFT JOIN crm.saleleads s ON s.client_id = c._id AND s.created_at > l.t' ],
    [ 'four tables', 'SELECT l.id, c._id, s._id, t._id FROM l LEFT JOIN (crm.clients c JOIN crm.saleleads s ON s.client_id = c._id) ON c._id = l.client_id LEFT JOIN crm.tasks t ON t.client_id = l.client_id AND t.created_at > s.created_at' ],
    [ 'outer joins that can be exchanged', 'SELECT a.id, b.id, c._id FROM l a LEFT JOIN l b ON b.id = a.i LEFT JOIN crm.clients c ON c._id = b.client_id' ],
    [ 'a nullable expression', "SELECT a.id, x.c FROM l a LEFT JOIN (SELECT b.id, coalesce(c._id, 'none') AS c FROM l b LEFT JOIN crm.clients c ON c._id = b.client_id) x ON x.id = a.i", 1 ],
    [ 'a full join above', 'SELECT a.id, x.id, x._id FROM l a FULL JOIN (SELECT b.id, c._id FROM l b JOIN crm.clients c ON c._id = b.client_id) x ON x.id = a.i', 1 ],
    [ 'a subquery', 'SELECT x.n, c._id FROM (SELECT client_id, count(*) AS n FROM l GROUP BY client_id) x JOIN crm.clients c ON c._id = x.client_id' ],
    [ 'a function', "SELECT u, c._id FROM unnest((SELECT array_agg(client_id) FROM l)) u LEFT JOIN crm.clients c ON c._id = u" ],
    [ 'VALUES', "SELECT v, c._id FROM (SELECT client_id FROM l UNION ALL VALUES (NULL), ('x')) v(id) JOIN crm.clients c ON c._id = v.id" ],
    [ 'a CTE read twice', 'WITH x AS MATERIALIZED (SELECT l.id, c._id FROM l JOIN crm.clients c ON c._id = l.client_id) SELECT a.id, b._id FROM x a, x b WHERE a.id = b.id + 1' ],
    [ 'a recursive CTE', 'WITH RECURSIVE r(i, id) AS (SELECT 1, (SELECT min(client_id) FROM l) UNION ALL SELECT r.i + 1, (SELECT min(client_id) FROM l WHERE l.client_id > r.id) FROM r JOIN crm.clients c ON c._id = r.id WHERE r.i < 9) SELECT * FROM r' ],
    [ 'a correlated subquery',
        'SELECT o.id, (SELECT count(c._id) FROM l JOIN crm.clients c ON c._id = l.client_id WHERE l.id BETWEEN o.id AND o.id + 9) FROM l o WHERE o.id < 30' ],
    [ 'a correlated subquery with another filter',
        'SELECT o.id, (SELECT count(c._id) FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.created_at > o.t) FROM l o WHERE o.id < 9' ],
    [ 'a correlated subquery whose join filter changes',
        'SELECT o.id, (SELECT count(c._id) FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND l.id + length(c._id) > o.id) FROM l o WHERE o.id < 60' ],
    [ 'a lateral subquery', 'SELECT o.id, x._id FROM l o, LATERAL (SELECT c._id FROM l JOIN crm.clients c ON c._id = l.client_id WHERE l.id > o.id ORDER BY l.id, c._id LIMIT 2) x WHERE o.id < 20' ],
    [ 'a subquery in the join filter', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id AND c.created_at > (SELECT min(t) FROM l m WHERE m.id > l.id)' ],
    [ 'UNION', 'SELECT l.id FROM l JOIN crm.clients c ON c._id = l.client_id UNION ALL SELECT l.id FROM l JOIN crm.saleleads s ON s.client_id = l.client_id' ],
    [ 'no keys', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id WHERE l.client_id IS NULL', ],
    [ 'no rows', 'SELECT l.id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id WHERE l.id < 0' ],
    [ 'a partitioned outer table', 'SELECT p.id, c._id FROM parts p JOIN crm.clients c ON c._id = p.client_id' ],
    [ 'a merge join above', 'SELECT a.id FROM (SELECT l.id FROM l JOIN crm.clients c ON c._id = l.client_id ORDER BY 1 OFFSET 0) a JOIN l b USING (id)', 1 ],
);

for my $settings (
    {},
    { join_batch_size => 7, fetch_size    => 5, max_url_length => 1000, max_connections => 2 },
    { paging          => 'skip', on_type_mismatch => 'null', join_batch_size => 1000 },
  )
{
    set_server_options($dbh, on_type_mismatch => 'null', %$settings);
    compare_all(join ', ', map { "$_ $settings->{$_}" } sort keys %$settings);
}
set_server_options($dbh, on_type_mismatch => 'null');

done_testing();

# All queries, each in three ways
sub compare_all
{
    my ($settings) = @_;
    for (@queries)
    {
        my ($name, $sql, $without) = @$_;
        my $title = $settings eq '' ? $name : "$name, with $settings";
        my $expected = rows($sql =~ s/\bcrm\./copy./gr);
        is_batched($sql, $title) unless $without;
        batched(1);
        is_deeply(rows($sql), $expected, "$title: batched rows are those of local tables");
        batched(0);
        is_deeply(rows($sql), $expected, "$title: and so are those of other joins");
    }
    return;
}

# Let joins be batched wherever they can be, or nowhere.
sub batched
{
    my ($on) = @_;
    $dbh->do("SET $_ = " . ($on ? 'off' : 'on')) for @SWITCHES;
    $dbh->do('SET walcu_fdw.enable_batched_join = ' . ($on ? 'on' : 'off'));
    return;
}

sub is_batched
{
    my ($sql, $title) = @_;
    batched(1);
    like(explained($sql), qr/Batched Key Join/, "$title: is batched");
    batched(0);
    return;
}

sub explained
{
    my ($sql) = @_;
    return join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref("EXPLAIN $sql") };
}

sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}

# Documents whose keys are of other types than their columns, or are several
sub add_odd_documents
{
    my $n = 0;
    my $id = sub { sprintf '%024x', 0xabc000 + $n++ };
    my ($client) = map { $_->{_id} } $sandbox->dump('clients');
    $sandbox->post('/_sandbox/documents/saleleads',
        [ map { { _id => $id->(), client_id => $_ } } 5, undef, [$client], [ $client, 'x' ], { a => 1 }, JSON::PP::true, "odd\x{e9}\"\\" ]);
    $sandbox->post('/_sandbox/documents/cars',
        [ map { { _id => $id->(), model_year => $_, doors => 4.5 } } '2015', 2015.5, undef, [2015], -0.0, 1e300, JSON::PP::false ]);
    $sandbox->post('/_sandbox/documents/clients',
        [ map { { _id => $id->(), custom => { code => $_ }, created_at => '2021-03-04T05:06:07.089Z' } } 1, '1', 'open', JSON::PP::true, [1], undef, 1.0, { a => 1 } ]);
    return;
}

sub make_local_tables
{
    $dbh->do('CREATE SCHEMA copy');
    $dbh->do("CREATE TABLE copy.$_ AS SELECT * FROM crm.$_") for qw(clients saleleads cars tasks);
    $dbh->do(<<'SQL');
CREATE TABLE l AS
    SELECT id,
           CASE WHEN id % 11 = 0 THEN NULL WHEN id % 13 = 0 THEN 'none' || id WHEN id = 7 THEN E'odd\u00e9"\\'
                ELSE clients[1 + id * 7 % 90] END AS client_id,
           upper(clients[1 + id * 3 % 290]) AS upper_id,
           CASE WHEN id % 5 > 0 THEN 2005 + id % 20 + (id % 3) * 0.25 END AS n,
           CASE WHEN id % 7 > 0 THEN id % 4 * 500 + id % 17 END::int AS i,
           (SELECT created_at FROM copy.clients WHERE _id = clients[1 + id % 100]) AS t,
           (SELECT min(created_at) FROM copy.saleleads WHERE client_id = clients[1 + id * 7 % 90]) AS t2,
           (ARRAY['open', 'lost', 'sell', '1', 'true', NULL])[1 + id % 6] AS word,
           'note ' || id AS note
    FROM generate_series(1, 240) id, (SELECT array_agg(_id ORDER BY _id) AS clients FROM copy.clients) x
SQL
    $dbh->do(<<'SQL');
CREATE TABLE lists AS
    SELECT a.id, a.t,
           CASE WHEN a.id % 8 > 0 THEN (SELECT array_agg(b.client_id ORDER BY b.id) FROM l b WHERE b.id BETWEEN a.id AND a.id + a.id % 6) END AS client_ids,
           ARRAY[a.n, a.i, a.n] AS numbers
    FROM l a WHERE a.id < 100
SQL
    $dbh->do("INSERT INTO lists VALUES (1000, NULL, '{}', '{}')");
    $dbh->do('CREATE TABLE parts (id int, client_id text) PARTITION BY RANGE (id)');
    $dbh->do("CREATE TABLE parts$_ PARTITION OF parts FOR VALUES FROM (${_}00) TO (${_}99)") for 0, 1;
    $dbh->do('INSERT INTO parts SELECT id, client_id FROM l WHERE id < 199 AND id <> 99');
    $dbh->do('ANALYZE');
    return;
}
