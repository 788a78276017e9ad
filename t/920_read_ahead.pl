# Scans that are executed for one outer row after another, in subqueries and nested loops, ask for the keys of many
# rows at once, and answer as local tables do.

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
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(clients saleleads cars tasks)]);
my $dbh = connect_db($node);
make_local_tables();

my @queries = (
    [ 'an aggregate in the target list', 'SELECT l.id, (SELECT min(s.created_at) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'count', 'SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'an aggregate of several', "SELECT l.id, (SELECT string_agg(s._id, ',' ORDER BY s._id) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l" ],
    [ 'LATERAL with an aggregate', 'SELECT l.id, x.m FROM l, LATERAL (SELECT min(s.created_at) AS m FROM crm.saleleads s WHERE s.client_id = l.client_id) x' ],
    [ 'LATERAL with an aggregate, left', 'SELECT l.id, x.m FROM l LEFT JOIN LATERAL (SELECT max(s.created_at) AS m FROM crm.saleleads s WHERE s.client_id = l.client_id HAVING count(*) > 1) x ON true' ],
    [ 'LATERAL with a group', 'SELECT l.id, x.* FROM l, LATERAL (SELECT s.type, count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id GROUP BY 1) x' ],
    [ 'LATERAL with ORDER BY and LIMIT', 'SELECT l.id, x.* FROM l LEFT JOIN LATERAL (SELECT s._id, s.created_at FROM crm.saleleads s WHERE s.client_id = l.client_id ORDER BY s.created_at DESC, s._id LIMIT 1) x ON true' ],
    [ 'LATERAL with ORDER BY and LIMIT 2', 'SELECT l.id, x.* FROM l CROSS JOIN LATERAL (SELECT s._id, s.type FROM crm.saleleads s WHERE s.client_id = l.client_id ORDER BY s._id LIMIT 2) x' ],
    [ 'LATERAL with an OFFSET', 'SELECT l.id, x.* FROM l CROSS JOIN LATERAL (SELECT s._id FROM crm.saleleads s WHERE s.client_id = l.client_id ORDER BY s._id DESC OFFSET 1 LIMIT 2) x' ],
    [ 'a subquery with LIMIT', 'SELECT l.id, (SELECT s.created_at FROM crm.saleleads s WHERE s.client_id = l.client_id ORDER BY s.created_at LIMIT 1) FROM l' ],
    [ 'EXISTS in the target list', 'SELECT l.id, EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t) FROM l' ],
    [ 'NOT EXISTS within OR', 'SELECT l.id FROM l WHERE l.id % 3 = 0 OR NOT EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t)' ],
    [ 'a subquery in a condition', 'SELECT l.id FROM l WHERE (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) > 1' ],
    [ 'a subquery in a condition and in the target list', 'SELECT l.id, (SELECT max(s._id) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l WHERE l.id % 2 = 0 AND (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) > 0 AND l.id % 5 > 0' ],
    [ 'a document by its _id', 'SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id) FROM l' ],
    [ 'two subqueries', 'SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = l.client_id), (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'a subquery in CASE', 'SELECT l.id, CASE WHEN l.id % 4 = 0 THEN (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) END FROM l' ],
    [ 'an expression for a key', 'SELECT l.id, (SELECT c.created_at FROM crm.clients c WHERE c._id = lower(l.upper_id)) FROM l' ],
    [ 'a key of another type', 'SELECT l.id, (SELECT count(*) FROM crm.cars c WHERE c.model_year = l.i) FROM l' ],
    [ 'numbers', 'SELECT l.id, (SELECT count(*) FROM crm.cars c WHERE c.model_year = l.n) FROM l' ],
    [ 'instants', 'SELECT l.id, (SELECT min(c._id) FROM crm.clients c WHERE c.created_at = l.t) FROM l' ],
    [ 'a place in a jsonb', "SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.status->>'status' = l.word) FROM l" ],
    [ 'a place of several types', "SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.custom->>'code' = l.word) FROM l" ],
    [ 'two keys', 'SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.type = l.word) FROM l' ],
    [ 'two keys, the better one last', 'SELECT l.id, (SELECT max(s.created_at) FROM crm.saleleads s WHERE s.type = l.word AND s.client_id = l.client_id) FROM l' ],
    [ 'two keys, one of them an element of an array', 'SELECT l.id, (SELECT count(*) FROM crm.cars c WHERE c.model_year = l.i AND l.picture = ANY (c.images)) FROM l' ],
    [ 'two keys, one of them an array of the row', 'SELECT a.id, (SELECT max(s.created_at) FROM crm.saleleads s WHERE s.type = (ARRAY[NULL, $$new$$])[1 + a.id % 2] AND s.client_id = ANY (a.client_ids)) FROM lists a' ],
    [ 'two keys of few values', 'SELECT l.id, (SELECT s._id FROM crm.saleleads s WHERE s.type = l.word AND s.created_by = l.author ORDER BY s.created_at, s._id LIMIT 1) FROM l' ],
    [ 'three keys in EXISTS', 'SELECT l.id FROM l WHERE l.id % 7 = 0 OR EXISTS (SELECT FROM crm.saleleads s WHERE s.created_by = l.author AND s.type = l.word AND s.client_id = l.client_id OFFSET 0)' ],
    [ 'other conditions', "SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > '2020-06-01' AND length(s._id) = 24) FROM l" ],
    [ 'a condition with another column of the row', 'SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t) FROM l' ],
    [ 'a parameter from further out', 'SELECT a.id, (SELECT sum(x.n) FROM (SELECT (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > a.t) AS n FROM l WHERE l.id < 30) x) FROM l a WHERE a.id < 9' ],
    [ 'loops within loops', 'SELECT a.id, x.n FROM l a, LATERAL (SELECT count(y.m) AS n FROM l b, LATERAL (SELECT min(s._id) AS m FROM crm.saleleads s WHERE s.client_id = b.client_id) y WHERE b.i = a.i) x WHERE a.id < 40' ],
    [ 'a join in the subquery', 'SELECT l.id, (SELECT min(s.created_at) FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id WHERE s.client_id = l.client_id AND c.created_at < s.created_at) FROM l' ],
    [ 'a union in the subquery', 'SELECT l.id, (SELECT count(*) FROM (SELECT s._id FROM crm.saleleads s WHERE s.client_id = l.client_id UNION ALL SELECT t._id FROM crm.tasks t WHERE t.client_id = l.client_id) x) FROM l' ],
    [ 'a subquery over a group', 'SELECT client_id, count(*), (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l GROUP BY client_id' ],
    [ 'a subquery in an aggregate', 'SELECT l.word, sum((SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id)) FROM l GROUP BY 1' ],
    [ 'a subquery in HAVING', 'SELECT client_id, count(*) FROM l GROUP BY client_id HAVING count(*) > (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id)' ],
    [ 'a subquery over a window', 'SELECT l.id, row_number() OVER (ORDER BY l.id), (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'a subquery in a window', 'SELECT l.id, sum((SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id)) OVER (ORDER BY l.id) FROM l' ],
    [ 'a subquery over a join', 'SELECT a.id, b.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = b.client_id) FROM l a JOIN l b ON b.id = a.i' ],
    [ 'a subquery over both sides of a join', 'SELECT a.id, b.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = coalesce(b.client_id, a.client_id)) FROM l a LEFT JOIN l b ON b.id = a.i' ],
    [ 'an order', 'SELECT l.id FROM l ORDER BY (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id), l.id' ],
    [ 'the rows of another foreign table', 'SELECT c._id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = c._id) FROM crm.clients c' ],
    [ 'a condition on the rows of another foreign table', 'SELECT c._id FROM crm.clients c WHERE (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = c._id) > 1' ],
    [ 'the rows of a batched join', 'SELECT l.id, c._id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = c._id) FROM l JOIN crm.clients c ON c._id = l.client_id' ],
    [ 'the rows of a subquery', 'SELECT x.n, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = x.client_id) FROM (SELECT client_id, count(*) AS n FROM l GROUP BY 1 OFFSET 0) x' ],
    [ 'the rows of a function', 'SELECT u, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = u) FROM unnest((SELECT array_agg(client_id) FROM l)) u' ],
    [ 'VALUES', "SELECT v.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = v.id) FROM (VALUES ('x'), (NULL), ('y')) v(id)" ],
    [ 'a CTE', 'WITH x AS MATERIALIZED (SELECT * FROM l) SELECT x.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = x.client_id) FROM x' ],
    [ 'a recursive CTE', 'WITH RECURSIVE r(i, id) AS (SELECT 1, (SELECT min(client_id) FROM l) UNION ALL SELECT r.i + 1, (SELECT min(c._id) FROM crm.clients c WHERE c._id = r.id) FROM r WHERE r.i < 9) SELECT * FROM r' ],
    [ 'a partitioned table', 'SELECT p.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = p.client_id) FROM parts p' ],
    [ 'foreign tables that are read at once', 'SELECT x._id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = x.client_id) FROM (SELECT _id, client_id FROM crm.tasks UNION ALL SELECT _id, client_id FROM crm.saleleads) x' ],
    [ 'foreign tables that are read at once, and a condition', 'SELECT x._id FROM (SELECT _id, client_id FROM crm.tasks UNION ALL SELECT _id, client_id FROM crm.saleleads) x WHERE (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = x.client_id) > 1' ],
    [ 'whole rows and system columns', 'SELECT l, l.tableoid::regclass = 0::regclass, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'an element of an array', 'SELECT l.id, (SELECT string_agg(c._id, $$ $$ ORDER BY c._id) FROM crm.cars c WHERE l.picture = ANY (c.images)) FROM l' ],
    [ 'whether there is an array with an element', 'SELECT l.id FROM l WHERE l.i < 600 OR EXISTS (SELECT FROM crm.cars c WHERE l.picture = ANY (c.images) OFFSET 0)' ],
    [ 'an element of an array in LATERAL', 'SELECT l.id, x._id FROM l LEFT JOIN LATERAL (SELECT c._id FROM crm.cars c WHERE l.picture = ANY (c.images) AND c.created_at > l.t ORDER BY c.created_at DESC, c._id LIMIT 1) x ON true' ],
    [ 'the elements of an array of the row', 'SELECT a.id, (SELECT string_agg(s._id, $$ $$ ORDER BY s._id) FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids)) FROM lists a' ],
    [ 'elements that are ids', 'SELECT a.id, ARRAY(SELECT c._id FROM crm.clients c WHERE c._id = ANY (a.client_ids) ORDER BY 1) FROM lists a' ],
    [ 'elements that repeat, and NULL', 'SELECT a.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids || a.client_ids[1] || NULL::text)) FROM lists a' ],
    [ 'elements of some rows', "SELECT a.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = ANY (CASE WHEN a.id % 3 > 0 THEN a.client_ids WHEN a.id % 2 = 0 THEN '{}' END)) FROM lists a" ],
    [ 'elements of another type of text', 'SELECT a.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids::varchar[])) FROM lists a' ],
    [ 'elements in two dimensions', 'SELECT a.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = ANY (ARRAY[a.client_ids, a.client_ids])) FROM lists a' ],
    [ 'numbers of an array', 'SELECT a.id, (SELECT count(*) FROM crm.cars c WHERE c.model_year = ANY (a.numbers)) FROM lists a' ],
    [ 'the newest of all elements', 'SELECT a.id, x._id FROM lists a LEFT JOIN LATERAL (SELECT s._id FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids) ORDER BY s.created_at DESC, s._id LIMIT 2) x ON true' ],
    [ 'elements in EXISTS, and another column', 'SELECT a.id, EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = ANY (a.client_ids) AND s.created_at > a.t) FROM lists a' ],
    [ 'elements of a partitioned table', 'SELECT a.id, s._id FROM lists a, LATERAL (SELECT * FROM crm.leads s WHERE s.client_id = ANY (a.client_ids) OFFSET 0) s' ],
    [ 'ranges of time', q{SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at >= l.t AND s.created_at < l.t + interval '90 days') FROM l} ],
    [ 'the days of a calendar', q{SELECT d, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at >= d AND s.created_at < d + interval '1 day') FROM generate_series('2021-01-01'::timestamptz, '2021-05-01', '1 day') d} ],
    [ 'days of type date', q{SELECT d, (SELECT string_agg(s._id, ' ' ORDER BY s._id) FROM crm.saleleads s WHERE s.created_at >= d AND s.created_at < d + 30) FROM (SELECT DISTINCT t::date AS d FROM l) l} ],
    [ 'hours apart, both ends closed', q{SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.created_at BETWEEN l.t - interval '9 hours' AND l.t) FROM l} ],
    [ 'both ends open', q{SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.created_at > l.t AND l.t + interval '60 days' > c.created_at) FROM l} ],
    [ 'ranges without an upper end', 'SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.created_at > l.t) FROM l' ],
    [ 'ranges without a lower end', 'SELECT l.id, (SELECT max(c._id) FROM crm.clients c WHERE c.created_at <= l.t AND c.created_by IS NOT NULL) FROM l' ],
    [ 'ranges that are empty, or points', q{SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.created_at >= l.t AND c.created_at <= l.t - make_interval(days => l.id % 3 - 1)) FROM l} ],
    [ 'ranges to infinity', q{SELECT l.id, (SELECT count(*) FROM crm.clients c WHERE c.created_at >= l.t AND c.created_at < CASE WHEN l.id % 2 = 0 THEN 'infinity'::timestamptz ELSE l.t + interval '1 year' END) FROM l} ],
    [ 'ranges of numbers', 'SELECT l.id, (SELECT count(*) FROM crm.cars c WHERE c.model_year > l.n AND c.model_year <= l.n + 2) FROM l' ],
    [ 'ranges of numbers of another type', 'SELECT l.id, (SELECT min(c._id) FROM crm.cars c WHERE c.model_year BETWEEN l.i AND l.i + 1000) FROM l' ],
    [ 'ranges of texts', q{SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id >= left(l.client_id, 4) AND s.client_id < left(l.client_id, 4) || 'x') FROM l} ],
    [ 'ranges of ids, and LIMIT', 'SELECT l.id, (SELECT c._id FROM crm.clients c WHERE c._id > l.client_id ORDER BY c._id LIMIT 1) FROM l' ],
    [ 'the last before', 'SELECT l.id, (SELECT s._id FROM crm.saleleads s WHERE s.created_at < l.t ORDER BY s.created_at DESC, s._id LIMIT 1) FROM l' ],
    [ 'the first two within', q{SELECT l.id, x._id FROM l LEFT JOIN LATERAL (SELECT s._id FROM crm.saleleads s WHERE s.created_at BETWEEN l.t AND l.t + interval '200 days' ORDER BY s.created_at, s._id LIMIT 2) x ON true} ],
    [ 'ranges in LATERAL with a group', q{SELECT l.id, x.* FROM l, LATERAL (SELECT s.type, count(*) FROM crm.saleleads s WHERE s.created_at >= l.t AND s.created_at < l.t + interval '1 year' GROUP BY 1) x} ],
    [ 'ranges in EXISTS', q{SELECT l.id FROM l WHERE l.id % 9 = 0 OR EXISTS (SELECT FROM crm.saleleads s WHERE s.created_at > l.t AND s.created_at < l.t + interval '20 days')} ],
    [ 'ranges and other conditions', q{SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.created_at >= l.t AND s.created_at < l.t + interval '2 years' AND s.type IS NOT NULL AND length(s._id) = 24 AND s.updated_at > l.t2) FROM l} ],
    [ 'ranges of two columns', q{SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.updated_at > l.t AND s.created_at >= l.t2 AND s.created_at < l.t2 + interval '2 years') FROM l} ],
    [ 'ranges with a bound from further out', 'SELECT a.id, (SELECT sum(x.n) FROM (SELECT (SELECT count(*) FROM crm.saleleads s WHERE s.created_at > l.t AND s.created_at <= a.t) AS n FROM l WHERE l.id < 30) x) FROM l a WHERE a.id < 9' ],
    [ 'ranges of a partitioned table', q{SELECT l.id, s._id FROM l, LATERAL (SELECT * FROM crm.leads s WHERE s.created_at >= l.t AND s.created_at < l.t + interval '9 days' OFFSET 0) s} ],
    [ 'ranges of several tables', q{SELECT l.id, (SELECT count(*) FROM (SELECT s._id FROM crm.saleleads s WHERE s.created_at BETWEEN l.t AND l.t + interval '40 days' UNION ALL SELECT t._id FROM crm.tasks t WHERE t.created_at > l.t) x) FROM l} ],
    [ 'an ANY of a correlated subquery', 'SELECT l.id, l.word = ANY (SELECT s.type FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l' ],
    [ 'an ARRAY', 'SELECT l.id, ARRAY(SELECT s._id FROM crm.saleleads s WHERE s.client_id = l.client_id ORDER BY 1) FROM l' ],
    [ 'a row of columns', 'SELECT l.id, (SELECT ROW(min(s._id), max(s.type)) FROM crm.saleleads s WHERE s.client_id = l.client_id)::text FROM l' ],
    [ 'a limit outside', 'SELECT l.id, (SELECT count(*) FROM crm.saleleads s WHERE s.client_id = l.client_id) FROM l ORDER BY l.id LIMIT 7' ],
    [ 'a nested loop', 'SELECT l.id, s._id FROM l LEFT JOIN LATERAL (SELECT * FROM crm.saleleads s WHERE s.client_id = l.client_id AND s.created_at > l.t OFFSET 0) s ON true' ],
    [ 'a nested loop with a condition', 'SELECT l.id, c._id FROM l JOIN LATERAL (SELECT * FROM crm.clients c WHERE c._id = l.client_id OFFSET 0) c ON c.created_at > l.t' ],
    [ 'a nested loop in a nested loop', 'SELECT l.id, c._id, s._id FROM l, LATERAL (SELECT * FROM crm.clients c WHERE c._id = l.client_id OFFSET 0) c, LATERAL (SELECT * FROM crm.saleleads s WHERE s.client_id = c._id AND s.created_at > l.t OFFSET 0) s' ],
    [ 'a partitioned table of the CRM', 'SELECT l.id, s._id FROM l, LATERAL (SELECT * FROM crm.leads s WHERE s.client_id = l.client_id OFFSET 0) s' ],
);

for my $settings (
    {},
    { join_batch_size => 7, fetch_size => 5, max_url_length => 1000, max_connections => 2 },
    { paging => 'skip', join_batch_size => 1000 },
  )
{
    set_server_options($dbh, on_type_mismatch => 'null', %$settings);
    compare_all(join ', ', map { "$_ $settings->{$_}" } sort keys %$settings);
}
set_server_options($dbh, on_type_mismatch => 'null');
$dbh->do("SET work_mem = '64kB'");
compare_all('little memory');
$dbh->do('RESET work_mem');

done_testing();

sub compare_all
{
    my ($settings) = @_;
    for (@queries)
    {
        my ($name, $sql) = @$_;
        my $title = $settings eq '' ? $name : "$name, with $settings";
        my $expected = rows($sql =~ s/\bcrm\./copy./gr);
        my $plan = explained($sql);
        unlike($plan, qr/hashed SubPlan/, "$title: has no hashed subquery");
        like($plan, qr/Read Ahead/, "$title: reads ahead");
        is_deeply(rows($sql), $expected, "$title: the rows are those of local tables");
    }
    return;
}

sub explained
{
    my ($sql) = @_;
    return join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref("EXPLAIN (VERBOSE) $sql") };
}

sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { !defined $_ ? 'NULL' : ref $_ ? "@$_" : $_ } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
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
           'note ' || id AS note,
           (SELECT created_by FROM copy.saleleads ORDER BY _id LIMIT 1 OFFSET id % 50) AS author,
           (SELECT images[1 + id % 3] FROM copy.cars ORDER BY _id LIMIT 1 OFFSET id % 60) AS picture
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
    for my $schema (qw(crm copy))
    {
        $dbh->do("CREATE TABLE $schema.leads (_id text COLLATE \"C\", client_id text COLLATE \"C\", created_at timestamptz) PARTITION BY LIST (client_id)");
    }
    $dbh->do('CREATE FOREIGN TABLE crm.leads1 PARTITION OF crm.leads DEFAULT SERVER crm OPTIONS (resource \'saleleads\')');
    $dbh->do('CREATE TABLE copy.leads1 PARTITION OF copy.leads DEFAULT; INSERT INTO copy.leads SELECT _id, client_id, created_at FROM copy.saleleads');
    $dbh->do('CREATE TABLE parts (id int, client_id text) PARTITION BY RANGE (id)');
    $dbh->do("CREATE TABLE parts$_ PARTITION OF parts FOR VALUES FROM (${_}00) TO (${_}99)") for 0, 1;
    $dbh->do('INSERT INTO parts SELECT id, client_id FROM l WHERE id < 199 AND id <> 99');
    $dbh->do('ANALYZE');
    return;
}
