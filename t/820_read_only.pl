# Where PostgreSQL does not let its own tables be written, nothing is written at the CRM either: in read-only
# transactions, on a standby, in parallel operations.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node('main', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
setup_crm($node, $sandbox, limit_to => ['notes']);
my $dbh = connect_db($node);
my $id = '64b000000000000000000001';
$sandbox->post('/_sandbox/documents/notes', [ { _id => $id, content => 'one' } ]);

# What would write
my @writes = (
    "SELECT walcu_fdw_request('crm', 'POST', '/notes', NULL, '{\"content\": \"x\"}')",
    "SELECT walcu_fdw_request('crm', 'PATCH', '/notes/$id', NULL, '[]')",
    "SELECT walcu_fdw_request('crm', 'put', '/notes/$id', NULL, '{}')",
    "SELECT walcu_fdw_request('crm', 'Delete', '/notes/$id')",
    "SELECT count(*) FROM walcu_fdw_check('crm', writes => true)",
    "SELECT count(*) FROM walcu_fdw_check_apply('crm')",
    "INSERT INTO crm.notes (content) VALUES ('x')",
    "WITH w AS (DELETE FROM crm.notes RETURNING 1) SELECT count(*) FROM w",
    "UPDATE crm.notes SET content = 'x' WHERE _id = '$id'",
    "DELETE FROM crm.notes WHERE _id = '$id'",
    'TRUNCATE crm.notes',
    "DO \$\$ BEGIN PERFORM walcu_fdw_request('crm', 'DELETE', '/notes/$id'); END \$\$",
);
my $read = "SELECT walcu_fdw_request('crm', 'GET', '/notes/$id')";

# A statement within a transaction that is read-only from its begin, or from then on, or for one statement
for my $write (@writes)
{
    for my $begin ('BEGIN READ ONLY', 'BEGIN; SET TRANSACTION READ ONLY', 'BEGIN; SAVEPOINT s; SET transaction_read_only = on',
        'SET default_transaction_read_only = on; BEGIN')
    {
        my $error = refused($dbh, $begin, $write);
        is($error->{sqlstate}, '25006', "$begin: $write");
        like($error->{message}, qr/^cannot execute .* in a read-only transaction$/, 'in the words of PostgreSQL');
    }
}
like(refused($dbh, 'BEGIN READ ONLY', $writes[3])->{message}, qr/cannot execute DELETE by walcu_fdw_request/,
    'the message names the method');
is(refused($dbh, 'BEGIN READ ONLY', $read), undef, 'GET is no write');
is(refused($dbh, 'BEGIN READ ONLY', "SELECT count(*) FROM walcu_fdw_check('crm')"), undef, 'nor is a check without writes');

# A temporary table may be written in a read-only transaction; at the CRM nothing is temporary
$dbh->do(q{CREATE FOREIGN TABLE pg_temp.notes (_id text, content text) SERVER crm});
for my $write (
    "INSERT INTO pg_temp.notes (content) VALUES ('x')",
    "UPDATE pg_temp.notes SET content = 'x' WHERE _id = '$id'",
    "UPDATE pg_temp.notes SET content = content || 'x'",
    'DELETE FROM pg_temp.notes',
    'WITH w AS (DELETE FROM pg_temp.notes RETURNING 1) SELECT count(*) FROM w',
    'TRUNCATE pg_temp.notes')
{
    is(refused($dbh, 'BEGIN READ ONLY', $write)->{sqlstate}, '25006', "a temporary table: $write");
}
for my $mode ('immediate', 'commit')
{
    $dbh->do("ALTER FOREIGN TABLE pg_temp.notes OPTIONS (ADD write_mode '$mode')");
    $dbh->do('BEGIN READ ONLY');
    $dbh->do('COPY pg_temp.notes (content) FROM STDIN');
    ok(!eval { $dbh->pg_putcopydata("x\n"); $dbh->pg_putcopyend; 1 }, "COPY into a temporary table, write_mode '$mode'");
    is($dbh->state, '25006', 'is refused');
    $dbh->do('ROLLBACK');
    $dbh->do('ALTER FOREIGN TABLE pg_temp.notes OPTIONS (DROP write_mode)');
}

# Parallel operations: a function that says that it can run in one, in a worker and in the leader
$dbh->do(q{
    CREATE TABLE local AS SELECT g FROM generate_series(1, 1000) g;
    CREATE FUNCTION ask(method text, path text) RETURNS text LANGUAGE sql PARALLEL SAFE
      AS 'SELECT walcu_fdw_request(''crm'', method, path)::text';
    CREATE FUNCTION ask_and_check() RETURNS bigint LANGUAGE sql PARALLEL SAFE
      AS 'SELECT count(*) FROM walcu_fdw_check(''crm'', writes => true)';
    SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
    SET max_parallel_workers_per_gather = 2;
});
for my $leader ('on', 'off')
{
    my $settings = "BEGIN; SET LOCAL parallel_leader_participation = $leader";
    for my $call ("ask('DELETE', '/notes/$id')", 'ask_and_check()::text')
    {
        my $error = refused($dbh, $settings, "SELECT max($call) FROM local WHERE g < 5");
        is($error->{sqlstate}, '25000', "$call in a parallel operation, the leader takes part: $leader");
        like($error->{message}, qr/during a parallel operation/, 'in the words of PostgreSQL');
    }
    is(refused($dbh, $settings, "SELECT max(ask('GET', '/notes/$id')) FROM local WHERE g < 5"), undef, 'GET is answered there');
}

# A standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $there = connect_db($standby);
for my $write (@writes)
{
    is(refused($there, 'BEGIN', $write)->{sqlstate}, '25006', "on a standby: $write");
}
is(refused($there, 'BEGIN', $read), undef, 'GET is answered on a standby');

# The outbox and copies there: they are seen, and nothing is done of them
$dbh->do($_) for q{ALTER FOREIGN TABLE crm.notes OPTIONS (ADD write_mode 'outbox', ADD client_ids 'true')}, "DELETE FROM crm.notes WHERE _id = '$id'",
  'SET client_min_messages = error', q{SELECT walcu_fdw_copy('crm.notes', 'notes_copy')};
$node->wait_for_catchup($standby);
is_deeply($there->selectall_arrayref('SELECT _id, state, blocked_by FROM walcu_fdw_outbox'), [ [ $id, 'waiting', undef ] ], 'what waits in the outbox is seen on a standby');
is_deeply($there->selectall_arrayref('SELECT copy, state FROM walcu_fdw_copies'), [ [ 'notes_copy', 'ready' ] ], 'and so are copies');
ok($there->selectrow_array("SELECT $_() IS NOT NULL"), "$_ answers") for qw(walcu_fdw_outbox_next walcu_fdw_copies_next);
for my $call ('CALL walcu_fdw_outbox_send()', 'SELECT walcu_fdw_outbox_retry(1)', 'SELECT walcu_fdw_outbox_discard(1)', 'SELECT walcu_fdw_refresh(\'notes_copy\')',
    'CALL walcu_fdw_copies_run()', 'SELECT walcu_fdw_copy(\'crm.notes\', \'other_copy\')', 'SELECT walcu_fdw_worker_start()', "DELETE FROM crm.notes WHERE _id = '$id'")
{
    is(refused($there, 'SELECT 1', $call)->{sqlstate}, '25006', "but not: $call");
}
$dbh->do($_) for 'SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox', q{SELECT walcu_fdw_drop_copy('notes_copy')},
  'ALTER FOREIGN TABLE crm.notes OPTIONS (DROP write_mode, DROP client_ids)';
is_deeply([ grep { $_->{method} ne 'GET' } $sandbox->log ], [], 'nothing of all this was sent');

# What waits for the commit was written before the transaction became read-only, as a row of a table would have been
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (ADD write_mode 'commit')});
$dbh->do('BEGIN');
$dbh->do("INSERT INTO crm.notes (content) VALUES ('kept')");
$dbh->do('SET TRANSACTION READ ONLY');
$dbh->do('COMMIT');
is(scalar(grep { $_->{method} eq 'POST' } $sandbox->log), 1, 'a write before SET TRANSACTION READ ONLY is committed');
is(scalar(grep { ($_->{content} // '') eq 'kept' } $sandbox->dump('notes')), 1, 'and is at the CRM');

done_testing();

# Runs a statement in a transaction that is rolled back; returns its error.
sub refused
{
    my ($handle, $begin, $sql) = @_;
    $handle->do($_) for split /; /, $begin;
    my $error = sql_error($handle, $sql);
    $handle->do('ROLLBACK');
    $handle->do('RESET default_transaction_read_only');
    return $error;
}
