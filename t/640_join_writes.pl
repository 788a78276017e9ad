# Batched joins in UPDATE, DELETE, MERGE and under row locks, of local tables and of the CRM's, change what
# other joins change; and rows that others change meanwhile are joined again as PostgreSQL does.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 40, count => { clients => 300, saleleads => 200 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(clients saleleads)]);
my $dbh = connect_db($node);
make_tables();

# Local tables, changed with what the CRM has
my @statements = (
    'UPDATE l SET note = c.created_by FROM crm.clients c WHERE c._id = l.client_id',
    'UPDATE l SET note = s._id FROM crm.clients c, crm.saleleads s WHERE c._id = l.client_id AND s.client_id = c._id AND s._id = (SELECT max(_id) FROM crm.saleleads m WHERE m.client_id = c._id)',
    'UPDATE l SET note = c.created_by FROM l o LEFT JOIN crm.clients c ON c._id = o.client_id WHERE o.id = l.id',
    "UPDATE l SET note = 'known' WHERE EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)",
    'DELETE FROM l USING crm.clients c WHERE c._id = l.client_id',
    'DELETE FROM l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)',
    'INSERT INTO l SELECT id + 1000, c._id, c.created_by FROM l JOIN crm.clients c ON c._id = l.client_id',
    'WITH d AS (DELETE FROM l USING crm.clients c WHERE c._id = l.client_id RETURNING l.id, c.created_by) UPDATE other SET note = d.created_by FROM d WHERE d.id = other.id',
);
push @statements, 'MERGE INTO l USING (SELECT o.id, c._id, c.created_by FROM other o JOIN crm.clients c ON c._id = o.client_id) s ON s.id = l.id WHEN MATCHED THEN UPDATE SET note = s.created_by WHEN NOT MATCHED THEN INSERT VALUES (s.id, s._id, s.created_by)'
  if $dbh->{pg_server_version} >= 150000;
for my $sql (@statements)
{
    my $expected = after($sql =~ s/\bcrm\./copy./gr);
    forced(1);
    like(plan_of($sql), qr/Batched Key Join/, "batched: $sql");
    is_deeply(after($sql), $expected, 'with the same outcome');
    forced(0);
}

# Whole rows are kept to be joined again, but of fields that nobody looks at there are none
for (
    [ 'UPDATE l SET note = c.created_by FROM crm.clients c WHERE c._id = l.client_id', 'created_by _id' ],
    [ 'DELETE FROM l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id AND c.updated_at > now())', 'updated_at _id' ],
    [ 'SELECT l.id, c.created_at FROM l JOIN crm.clients c ON c._id = l.client_id ORDER BY c.updated_by FOR UPDATE OF l', 'updated_by created_at _id' ],
    [ 'SELECT l.id, c::text FROM l JOIN crm.clients c ON c._id = l.client_id FOR UPDATE OF l', undef ],
    [ 'SELECT l.id FROM l JOIN crm.clients c ON c._id = l.client_id ORDER BY c FOR UPDATE OF l', undef ],
    [ 'DELETE FROM l USING crm.clients c WHERE c._id = l.client_id RETURNING c', undef ],
    [ 'DELETE FROM l USING crm.clients c WHERE c._id = l.client_id AND length(c::text) > 5', undef ],
    [ 'SELECT x FROM l JOIN crm.clients c ON c._id = l.client_id, LATERAL (SELECT c::text AS x OFFSET 0) x FOR UPDATE OF l', undef ],
  )
{
    my ($sql, $fields) = @$_;
    for my $join (1, 0)
    {
        forced($join);
        $sandbox->clear_log;
        $dbh->begin_work;
        $dbh->do($sql);
        $dbh->rollback;
        my ($request) = $sandbox->log;
        $fields //= $request->{query}{project} if ($request->{query}{project} // '') =~ /custom/;
        is(sorted_words($request->{query}{project}), sorted_words($fields), "fields of $sql");
    }
}
forced(0);

# The parts of a partitioned table are changed as ever
{
    my $sql = 'UPDATE parts l SET note = c.created_by FROM crm.clients c WHERE c._id = l.client_id';
    my $expected = after($sql =~ s/\bcrm\./copy./gr);
    is_deeply(after($sql), $expected, 'an update of a partitioned table');
}

# Row locks
for my $lock ('FOR UPDATE', 'FOR UPDATE OF l', 'FOR KEY SHARE OF l SKIP LOCKED')
{
    my $sql = "SELECT l.id, c.created_by FROM l JOIN crm.clients c ON c._id = l.client_id ORDER BY 1 $lock";
    forced(1);
    like(plan_of($sql), qr/LockRows.*Batched Key Join/s, "batched: $lock");
    is_deeply($dbh->selectall_arrayref($sql), $dbh->selectall_arrayref($sql =~ s/\bcrm\./copy./gr), 'the same rows');
    forced(0);
}

# Another session changes rows that wait to be changed, or locked
my $other = connect_db($node);
for my $sql (
    'UPDATE l SET note = c.created_by FROM crm.clients c WHERE c._id = l.client_id RETURNING l.id, l.client_id, l.note',
    'UPDATE l SET note = c.created_by FROM l o LEFT JOIN crm.clients c ON c._id = o.client_id WHERE o.id = l.id RETURNING l.id, l.client_id, l.note',
    'DELETE FROM l USING crm.clients c WHERE c._id = l.client_id AND l.id > 3 RETURNING l.id, l.client_id, c._id',
    'SELECT l.id, l.client_id, c._id FROM l JOIN crm.clients c ON c._id = l.client_id FOR UPDATE OF l',
    'SELECT l.id, l.client_id, c._id FROM l LEFT JOIN crm.clients c ON c._id = l.client_id FOR UPDATE OF l',
  )
{
    my $expected = while_changed($sql =~ s/\bcrm\./copy./gr, 0);
    is_deeply(while_changed($sql, 1), $expected, "rows changed meanwhile: $sql");
    cmp_ok(scalar @$expected, '>', 10, 'which leaves rows');
}

# Tables of the CRM, changed with what local ones have: of those documents alone
forced(1);
for (
    [ "UPDATE crm.clients c SET custom = jsonb_build_object('visit', l.id) FROM l WHERE l.client_id = c._id AND l.id < 9", 'patch', 8 ],
    [ "UPDATE crm.clients SET custom = '{\"seen\": true}' WHERE _id IN (SELECT client_id FROM l WHERE id BETWEEN 20 AND 24)", 'patch', 5 ],
    [ 'DELETE FROM crm.clients c USING l WHERE l.client_id = c._id AND l.id BETWEEN 10 AND 14', 'delete', 5 ],
    [ 'DELETE FROM crm.clients c WHERE EXISTS (SELECT FROM l WHERE l.client_id = c._id AND l.id BETWEEN 30 AND 31)', 'delete', 2 ],
  )
{
    my ($sql, $kind, $rows) = @$_;
    like(plan_of($sql), qr/Batched Key Join/, "batched: $sql");
    $sandbox->clear_log;
    is($dbh->do($sql), $rows, 'as many rows');
    my @requests = $sandbox->log;
    is(scalar(grep { $_->{kind} eq $kind } @requests), $rows, 'and as many writes');
    is(scalar(grep { $_->{kind} eq 'list' } @requests), 1, 'after one request for the documents');
}
is_deeply($dbh->selectcol_arrayref("SELECT (custom->>'visit')::int FROM crm.clients WHERE custom->'visit' IS NOT NULL ORDER BY 1"), [ 1 .. 8 ], 'the right documents are changed');
is($dbh->selectrow_array('SELECT count(*) FROM crm.clients'), 300 - 7, 'and deleted');

done_testing();

# The tables once a statement has run; then it is undone.
sub after
{
    my ($sql) = @_;
    $dbh->begin_work;
    $dbh->do($sql);
    my $rows = $dbh->selectall_arrayref("SELECT 'l', * FROM l UNION ALL SELECT 'other', * FROM other UNION ALL SELECT 'parts', * FROM parts ORDER BY 1, 2, 3, 4");
    $dbh->rollback;
    return $rows;
}

# What a statement returns when another session changes rows that it is about to lock; then all is undone.
sub while_changed
{
    my ($sql, $forced) = @_;
    forced($forced);
    $other->begin_work;
    $other->do("UPDATE l SET client_id = (SELECT client_id FROM l WHERE id = 40) WHERE id = 5");
    $other->do("UPDATE l SET client_id = NULL WHERE id = 6");
    $other->do("UPDATE l SET note = 'changed' WHERE id = 7");
    $other->do("DELETE FROM l WHERE id = 8");
    $dbh->begin_work;
    my $statement = $dbh->prepare($sql, { pg_async => PG_ASYNC });
    $statement->execute;
    wait_until(sub { $other->selectrow_array("SELECT count(*) FROM pg_stat_activity WHERE pid = $dbh->{pg_pid} AND wait_event_type = 'Lock'") });
    $other->commit;
    $statement->pg_result;
    my $rows = [ sort { $a->[0] <=> $b->[0] } @{ $statement->fetchall_arrayref } ];
    $dbh->rollback;
    make_tables();
    forced(0);
    return $rows;
}

# Let joins be batched wherever they can be.
sub forced
{
    my ($on) = @_;
    $dbh->do("SET $_ = " . ($on ? 'off' : 'on')) for qw(enable_hashjoin enable_mergejoin enable_nestloop);
    return;
}

sub sorted_words
{
    my ($words) = @_;
    return join ' ', sort split / /, $words // 'everything';
}

sub plan_of
{
    my ($sql) = @_;
    return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN $sql") };
}

sub make_tables
{
    $dbh->do(<<'SQL');
SET client_min_messages = warning;
DROP TABLE IF EXISTS l, other, parts;
DROP SCHEMA IF EXISTS copy CASCADE;
CREATE SCHEMA copy;
CREATE TABLE copy.clients AS SELECT * FROM crm.clients;
CREATE TABLE copy.saleleads AS SELECT * FROM crm.saleleads;
CREATE TABLE l AS SELECT n::int AS id, CASE WHEN n % 50 > 0 THEN _id ELSE 'none' END AS client_id, NULL::text AS note
  FROM (SELECT row_number() OVER (ORDER BY _id) AS n, _id FROM copy.clients) c WHERE n <= 120;
INSERT INTO l VALUES (500, NULL, NULL);
CREATE TABLE other AS SELECT id + 2 AS id, client_id, note FROM l;
CREATE TABLE parts (LIKE l) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (60);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT * FROM l;
ANALYZE l, other, parts;
RESET client_min_messages;
SQL
    return;
}
