# The service has no transactions: what a transaction, or a part of it, has written stays when that is rolled back.  A
# warning tells what, once, however it is rolled back: by ROLLBACK, by an error, by an exception that is caught, by the
# end of the session.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node('main', max_prepared_transactions => 5);
setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ], server => { max_connections => 1 });
my $dbh = connect_db($node);
my $control = connect_db($node);
$dbh->do('CREATE TABLE local (n int UNIQUE DEFERRABLE INITIALLY DEFERRED, CHECK (n < 100))');
my $kept = 'rolling back does not undo what was written to the CRM';
my $failed = 'what the failed statement wrote was not rolled back';

# An id of notes, or of tasks
sub n { return sprintf '64a%021d', $_[0] }
sub t { return sprintf '64b%021d', $_[0] }
sub insert { return "INSERT INTO crm.notes (_id) VALUES " . join ', ', map { "('" . n($_) . "')" } @_ }
sub ids { return join ', ', map { n($_) } @_ }

# Nothing is told of what is committed, read or not written
quiet('a commit', 'BEGIN', insert(1), "UPDATE crm.notes SET content = 'x' WHERE _id = '@{[n(1)]}'", 'COMMIT');
quiet('a statement alone', insert(2));
quiet('reading', 'BEGIN', 'SELECT count(*) FROM crm.notes', 'ROLLBACK');
quiet('a row that is not there', 'BEGIN', "DELETE FROM crm.notes WHERE _id = '@{[n(9)]}'", 'ROLLBACK');
quiet('a change that changes nothing', 'BEGIN', "UPDATE crm.notes SET content = content WHERE _id = '@{[n(1)]}' AND dealer_id IS NOT NULL", 'ROLLBACK');
quiet('EXPLAIN', 'BEGIN', 'EXPLAIN ' . insert(3), 'ROLLBACK');
quiet('a released savepoint', 'BEGIN', 'SAVEPOINT s', insert(3), 'RELEASE s', 'COMMIT');
quiet('a row of a table', 'BEGIN', 'INSERT INTO local VALUES (99)', 'ROLLBACK');

# ROLLBACK: resource, how many of each kind, the ids of the first
told('ROLLBACK', [ 'BEGIN', insert(1 .. 3), "UPDATE crm.notes SET content = 'y' WHERE _id = '@{[n(2)]}'", "DELETE FROM crm.notes WHERE _id IN ('@{[n(1)]}', '@{[n(3)]}')",
        "INSERT INTO crm.tasks (_id) VALUES ('@{[t(1)]}')", 'ROLLBACK' ],
    [ $kept, qq{Server "crm", resource "notes": 3 inserted (@{[ids(1, 2, 3)]}), 1 updated (@{[n(2)]}), 2 deleted (@{[ids(1, 3)]}). Server "crm", resource "tasks": 1 inserted (@{[t(1)]}).} ]);
told('more than the first', [ 'BEGIN', insert(1 .. 7), insert(8, 9), 'ROLLBACK' ],
    [ $kept, qq{Server "crm", resource "notes": 9 inserted (@{[ids(1 .. 5)]}, ...).} ]);
told('EXPLAIN ANALYZE', [ 'BEGIN', 'EXPLAIN ANALYZE ' . insert(1), 'ROLLBACK' ], [ $kept, one(1) ]);
told('a change that reads first', [ insert(1), 'BEGIN', "UPDATE crm.notes SET content = _id || 'x' WHERE _id LIKE '64a%'", 'ABORT' ],
    [ $kept, qq{Server "crm", resource "notes": 1 updated (@{[n(1)]}).} ]);
told('ROLLBACK AND CHAIN', [ 'BEGIN', insert(1), 'ROLLBACK AND CHAIN', 'COMMIT' ], [ $kept, one(1) ]);
told('TRUNCATE', [ insert(1, 2), q{ALTER SERVER crm OPTIONS (ADD truncatable 'true')}, 'BEGIN', 'TRUNCATE crm.notes', 'ROLLBACK', 'ALTER SERVER crm OPTIONS (DROP truncatable)' ],
    [ $kept, qq{Server "crm", resource "notes": 2 deleted (@{[ids(1, 2)]}).} ]);
told('COPY', [ 'BEGIN', [ 'COPY crm.notes (_id) FROM STDIN', map { n($_) . "\n" } 1, 2 ], 'ROLLBACK' ],
    [ $kept, qq{Server "crm", resource "notes": 2 inserted (@{[ids(1, 2)]}).} ]);
told('walcu_fdw_request', [ 'BEGIN', qq{SELECT walcu_fdw_request('crm', 'POST', '/notes', body => '{"_id": "@{[n(1)]}"}')},
        qq{SELECT walcu_fdw_request('crm', 'PATCH', 'notes/@{[n(1)]}', body => '[]'), walcu_fdw_request('crm', 'PUT', 'notes/@{[n(1)]}', body => '{}')},
        qq{SELECT walcu_fdw_request('crm', 'DELETE', '/notes/@{[n(1)]}')}, qq{SELECT walcu_fdw_request('crm', 'GET', '/notes')}, 'ROLLBACK' ],
    [ $kept, qq{Server "crm", resource "notes": 1 inserted (@{[n(1)]}), 1 updated (@{[n(1)]}), 1 deleted (@{[n(1)]}).} ]);

# Savepoints: what is released is its parent's, and everything is told of once
told('ROLLBACK TO', [ 'BEGIN', insert(1), 'SAVEPOINT s', insert(2), 'ROLLBACK TO s', insert(3), 'COMMIT' ], [ $kept, one(2) ]);
told('ROLLBACK TO and ROLLBACK', [ 'BEGIN', insert(1), 'SAVEPOINT s', insert(2), 'ROLLBACK TO s', insert(3), 'ROLLBACK' ],
    [ $kept, one(2) ], [ $kept, one(3) ], [ $kept, one(1) ]);
told('a released savepoint', [ 'BEGIN', 'SAVEPOINT s', insert(1), 'RELEASE s', 'ROLLBACK' ], [ $kept, one(1) ]);
told('nested savepoints', [ 'BEGIN', insert(1), 'SAVEPOINT a', insert(2), 'SAVEPOINT b', insert(3), 'SAVEPOINT c', insert(4), 'RELEASE b', 'ROLLBACK TO a', 'COMMIT' ],
    [ $kept, qq{Server "crm", resource "notes": 3 inserted (@{[ids(2, 3, 4)]}).} ]);
told('all of them', [ 'BEGIN', insert(1), 'SAVEPOINT a', insert(2), 'SAVEPOINT b', insert(3), 'ROLLBACK' ],
    (map { [ $kept, one($_) ] } 3, 2, 1));

# Errors: what statements before have written; what the failed one has is told by the error alone
told('an error', [ 'BEGIN', insert(1), 'SELECT 1 / 0', 'ROLLBACK' ], [ $kept, one(1) ]);
told('an error of the service', [ 'BEGIN', insert(1), insert(2, 1, 3), 'ROLLBACK' ], [ $kept, one(1) ]);
like($dbh->{private_detail}, qr/One row was written and not rolled back: notes\/@{[n(2)]}\.$/, 'the error has the rest');
told('an error at commit', [ 'BEGIN', insert(1), 'INSERT INTO local VALUES (1), (1)', 'COMMIT' ], [ $kept, one(1) ]);
told('an error at the end of a statement', [ 'CREATE FUNCTION write_and_fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ' . insert(1) . '; RETURN 1 / 0; END $$', 'SELECT write_and_fail()' ],
    [ $kept, one(1) ]);

# Exceptions that are caught, with or without an error that tells
my $catch = 'EXCEPTION WHEN OTHERS THEN NULL; END';
told('a caught exception', [ 'DO $$ BEGIN BEGIN ' . insert(1) . "; PERFORM 1 / 0; $catch; " . insert(2) . '; END $$' ], [ $kept, one(1) ]);
told('a caught error of the service', [ insert(1), 'DO $$ BEGIN BEGIN ' . insert(2, 1, 3) . "; $catch; END \$\$" ],
    [ $failed, "One row was written and not rolled back: notes/@{[n(2)]}." ]);
told('a caught error after another write', [ insert(1), 'DO $$ BEGIN BEGIN ' . insert(3) . '; ' . insert(2, 1) . "; $catch; END \$\$" ],
    [ $kept, one(3) ], [ $failed, "One row was written and not rolled back: notes/@{[n(2)]}." ]);
$sandbox->fault({ match => { method => 'POST' }, skip => 1, times => 1, fault => { type => 'hang' } });
told('a caught cancel', [ q{SET statement_timeout = '2s'}, 'DO $$ BEGIN BEGIN ' . insert(2, 3) . '; EXCEPTION WHEN query_canceled THEN NULL; END; END $$', 'RESET statement_timeout' ],
    [ $failed, "One row was written and not rolled back: notes/@{[n(2)]}. It is not known whether one request was carried out: POST /notes (notes/@{[n(3)]})." ]);
$sandbox->clear_faults;
told('a loop', [ 'DO $$ BEGIN FOR i IN 1..3 LOOP BEGIN EXECUTE format($q$INSERT INTO crm.notes (_id) VALUES (%L)$q$, $q$64a$q$ || lpad(i::text, 21, $q$0$q$)); IF i = 2 THEN PERFORM 1 / 0; END IF; '
        . "$catch; END LOOP; RAISE EXCEPTION 'all of it'; END \$\$" ],
    [ $kept, one(2) ], [ $kept, qq{Server "crm", resource "notes": 2 inserted (@{[ids(1, 3)]}).} ]);
told('ROLLBACK in a procedure', [ 'CREATE PROCEDURE write_and_roll_back() LANGUAGE plpgsql AS $$ BEGIN ' . insert(1) . '; ROLLBACK; ' . insert(2) . '; COMMIT; END $$', 'CALL write_and_roll_back()' ],
    [ $kept, one(1) ]);

# write_mode 'commit' drops what waits, and has nothing to tell
$dbh->do(q{CREATE FOREIGN TABLE queued (_id text, content text) SERVER crm OPTIONS (resource 'notes', write_mode 'commit', client_ids 'true')});
quiet('write_mode commit', 'BEGIN', q{INSERT INTO queued (content) VALUES ('x')}, 'SAVEPOINT s', q{INSERT INTO queued (content) VALUES ('x')}, 'ROLLBACK TO s', 'ROLLBACK');
is(scalar $sandbox->dump('notes'), 0, 'nothing is written');

# A prepared transaction
told('PREPARE TRANSACTION', [ 'BEGIN', insert(1), q{PREPARE TRANSACTION 'p'} ], [ 'ROLLBACK PREPARED will not undo what was written to the CRM', one(1) ]);
quiet('the end of it', q{ROLLBACK PREPARED 'p'});

# client_min_messages silences it, as any warning
quiet('as it is told to be', 'SET client_min_messages = error', 'BEGIN', insert(1), 'ROLLBACK', 'RESET client_min_messages');

# The end of the session goes to the server's log
for my $ending ('pg_terminate_backend', 'disconnect')
{
    empty();
    my $other = connect_db($node);
    my $pid = $other->{pg_pid};
    my $mark = -s $node->logfile;
    $other->do($_) for 'BEGIN', insert(1);
    if ($ending eq 'disconnect') { $other->{Warn} = 0; $other->{AutoInactiveDestroy} = 0; close_socket($other) }
    else { $control->do('SELECT pg_terminate_backend(?)', undef, $pid) }
    wait_until(sub { !$control->selectrow_array('SELECT 1 FROM pg_stat_activity WHERE pid = ?', undef, $pid) });
    my $log = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $mark);
    like($log, qr/WARNING:  \Q$kept\E\n.*DETAIL:  \Q@{[one(1)]}\E\n/, "$ending: the log tells");
    $other->{InactiveDestroy} = 1;
}

# Many subtransactions, and ids and names that fill more than a message has room for
empty();
$dbh->do('BEGIN');
$dbh->do(q{DO $$ BEGIN FOR i IN 1..300 LOOP BEGIN INSERT INTO crm.notes (content) VALUES ('x'); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$});
my @messages = messages('ROLLBACK');
like("@messages", qr/300 inserted \((\w+, ){5}\.\.\.\)\./, '300 subtransactions are one sum');
$dbh->do('BEGIN');
for my $number (1 .. 40)
{
    my $resource = sprintf 'r%02d%s', $number, 'x' x 150;
    $sandbox->fault({ match => { path => $resource }, fault => { type => 'reply', body => '{"_id": "' . 'i' x 150 . '"}', headers => { 'content-type' => 'application/json' } } });
    $dbh->do("SELECT walcu_fdw_request('crm', 'POST', '/$resource', body => '{}')");
}
@messages = messages('ROLLBACK');
like($messages[0], qr/DETAIL:  Server "crm", resource "r01x+": 1 inserted \(i+\)\. .*\.\.\.\n/, 'a long list is cut');
cmp_ok(length $messages[0], '<', 5000, 'to what there is room for');
$sandbox->clear_faults;

done_testing();

sub one { return qq{Server "crm", resource "notes": 1 inserted (@{[n($_[0])]}).} }

sub empty
{
    $sandbox->delete("/_sandbox/documents/$_") for 'notes', 'tasks';
    return;
}

# The warnings that statements, which may fail, come with
sub messages
{
    my (@statements) = @_;
    my @messages;
    local $dbh->{PrintWarn} = 0;
    local $SIG{__WARN__} = sub { push @messages, $_[0] };
    local $dbh->{PrintWarn} = 1;
    for my $statement (@statements)
    {
        my ($sql, @lines) = ref $statement ? @$statement : $statement;
        eval {
            $dbh->do($sql);
            if (@lines) { $dbh->pg_putcopydata($_) for @lines; $dbh->pg_putcopyend }
            1;
        } or $dbh->{private_detail} = $dbh->pg_error_field('detail');
    }
    return grep { /WARNING/ && !/there is no transaction/ } @messages;
}

sub quiet
{
    my ($name, @statements) = @_;
    empty();
    is_deeply([ messages(@statements) ], [], "$name: nothing is told");
    return;
}

# Statements come with these warnings, each a message and a detail, in this order
sub told
{
    my ($name, $statements, @expected) = @_;
    empty();
    my @messages = messages(@$statements);
    is(scalar @messages, scalar @expected, "$name: so many warnings") or diag(@messages);
    for my $i (0 .. $#expected)
    {
        my ($message, $detail) = @{ $expected[$i] };
        like($messages[$i] // '', qr/WARNING:  \Q$message\E\nDETAIL:  \Q$detail\E\nHINT/, "$name: what is told");
    }
    return;
}

sub close_socket
{
    my ($handle) = @_;
    open my $socket, '+<&=', $handle->{pg_socket} or die $!;
    shutdown $socket, 2;
    return;
}
