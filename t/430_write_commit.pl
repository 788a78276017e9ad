# write_mode 'commit': writes wait in the transaction, are sent in order before it commits, and go with
# what is rolled back.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node('main', max_prepared_transactions => 2);
setup_crm($node, $sandbox, limit_to => [ 'tasks', 'notes' ], server => { write_mode => 'commit' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');

sub fill
{
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks',
        [ map { { _id => "t$_", description => "task $_", client_id => 'c', custom => { a => 1 } } } 1 .. 4 ]);
    $sandbox->clear_log;
    return;
}

sub patch { my ($path, $value) = @_; return { op => 'add', path => $path, value => $value } }

# What a document has whose members were changed, and given their values again, in one transaction
sub set_and_set_back
{
    fill();
    $dbh->begin_work;
    $dbh->do(q{UPDATE crm.tasks SET description = 'x', lead_id = 'y', custom = '{"b": 2}' WHERE _id = 't1'});
    $dbh->do(q{UPDATE crm.tasks SET description = 'task 1', lead_id = NULL, custom = '{"a": 1}' WHERE _id = 't1'});
    $dbh->commit;
    my ($document) = grep { $_->{_id} eq 't1' } $sandbox->dump('tasks');
    return [ @{$document}{qw(description lead_id custom)} ];
}

# Sent at commit, in order; what changes one document is one request
fill();
$dbh->begin_work;
is($dbh->do(q{UPDATE crm.tasks SET description = 'one' WHERE _id = 't1'}), 1, 'UPDATE counts its row');
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n1', 'note')});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'x' WHERE _id IN ('t1', 't2')});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'y' WHERE _id = 't3'});
is($dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't3'}), 1, 'DELETE counts its row');
is($dbh->do(q{UPDATE crm.tasks SET client_id = 'z' WHERE _id = 't3'}), '0E0', 'which is no row any more');
is($dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't3'}), '0E0', 'nor to be deleted again');
is_deeply([ $sandbox->writes ], [], 'nothing is sent before the commit');
is(($dbh->selectrow_array(q{SELECT description FROM crm.tasks WHERE _id = 't1'}))[0], 'one', 'but reading sees it');
$dbh->commit;
is_deeply(
    [ $sandbox->writes ],
    [
        [ 'POST', '/notes', { _id => 'n1', content => 'note' } ],
        [ 'PATCH', '/tasks/t1', [ patch('/description', 'one'), patch('/client_id', 'x') ] ],
        [ 'PATCH', '/tasks/t2', [ patch('/client_id', 'x') ] ],
        [ 'DELETE', '/tasks/t3' ],
    ],
    'then all of it is, each document once');

# Rolled back
fill();
$dbh->begin_work;
$dbh->do(q{DELETE FROM crm.tasks});
$dbh->rollback;
is_deeply([ $sandbox->writes ], [], 'ROLLBACK sends nothing');
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'kept' WHERE _id = 't1'});
$dbh->do('SAVEPOINT a');
$dbh->do(q{UPDATE crm.tasks SET client_id = 'dropped' WHERE _id = 't1'});
$dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't2'});
$dbh->do('SAVEPOINT b');
$dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't4'});
$dbh->do('RELEASE b');
$dbh->do('ROLLBACK TO a');
is($dbh->do(q{UPDATE crm.tasks SET client_id = 'kept' WHERE _id = 't2'}), 1, 'what was deleted is there again');
$dbh->do('SAVEPOINT c');
$dbh->do(q{UPDATE crm.tasks SET client_id = 'kept' WHERE _id = 't4'});
$dbh->do('RELEASE c');
$dbh->do(q{DO $$ BEGIN DELETE FROM crm.tasks WHERE _id = 't3'; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END $$});
$dbh->commit;
is_deeply(
    [ $sandbox->writes ],
    [
        [ 'PATCH', '/tasks/t1', [ patch('/description', 'kept') ] ],
        [ 'PATCH', '/tasks/t2', [ patch('/client_id', 'kept') ] ],
        [ 'PATCH', '/tasks/t4', [ patch('/client_id', 'kept') ] ],
    ],
    'ROLLBACK TO a savepoint drops what came after it');
fill();
$dbh->begin_work;
$dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't1'});
ok(sql_error($dbh, 'SELECT 1 / 0'), 'an error');
$dbh->rollback;
is_deeply([ $sandbox->writes ], [], 'drops all');

# Replaced and made again
fill();
$dbh->begin_work;
$dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't1'});
$dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES ('t1', 'again')});
$dbh->commit;
is_deeply([ map { "$_->[0] $_->[1]" } $sandbox->writes ], [ 'DELETE /tasks/t1', 'POST /tasks' ], 'deleted, then made again');
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD update_method 'put')});
fill();
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'one' WHERE _id = 't1'});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'two' WHERE _id = 't1'});
$dbh->commit;
is_deeply([ map { [ $_->[0], @{ $_->[2] }{qw(description client_id custom)} ] } $sandbox->writes ],
    [ [ 'PUT', 'one', 'two', { a => 1 } ] ], 'PUT twice is PUT once');
is_deeply(set_and_set_back(), [ 'task 1', undef, { a => 1 } ], 'PUT sets back, too');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP update_method)});

# Set, and set back to what the service has still: the last word counts
is_deeply(set_and_set_back(), [ 'task 1', undef, { a => 1 } ], 'what is set back is as it was');
fill();
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'one', client_id = 'x' WHERE _id = 't1'});
$dbh->do('SAVEPOINT a');
$dbh->do(q{UPDATE crm.tasks SET client_id = 'c' WHERE _id = 't1'});
$dbh->do('ROLLBACK TO a');
$dbh->do(q{UPDATE crm.tasks SET description = 'task 1' WHERE _id IN ('t1', 't3')});
$dbh->commit;
is_deeply([ $sandbox->writes ],
    [ [ 'PATCH', '/tasks/t1', [ patch('/client_id', 'x'), patch('/description', 'task 1') ] ],
        [ 'PATCH', '/tasks/t3', [ patch('/description', 'task 1') ] ] ],
    'unless that is rolled back');

# RETURNING
my $error = sql_error($dbh, q{INSERT INTO crm.tasks (description) VALUES ('x') RETURNING _id});
is($error->{sqlstate}, '0A000', 'RETURNING needs client_ids');
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD client_ids 'true')});
$dbh->begin_work;
my ($id) = $dbh->selectrow_array(q{INSERT INTO crm.tasks (description) VALUES ('x') RETURNING _id});
like($id, qr/^[0-9a-f]{24}$/, 'with them, it is known at once');
my $deleted = $dbh->selectall_arrayref(q{DELETE FROM crm.tasks WHERE _id = 't2' RETURNING _id, description});
is_deeply($deleted, [ [ 't2', 'task 2' ] ], 'so is what was deleted');
$dbh->commit;
is(scalar(grep { $_->{_id} eq $id } $sandbox->dump('tasks')), 1, 'and it is what was made');

# Failures at commit
fill();
$dbh->begin_work;
$dbh->do(q{CREATE TABLE local (n int)});
$dbh->do(q{UPDATE crm.tasks SET description = 'x' WHERE _id IN ('t1', 't2')});
$dbh->do(q{INSERT INTO crm.notes (_id) VALUES ('n2')});
$dbh->do(q{UPDATE crm.tasks SET description = 'x' WHERE _id = 't4'});
$sandbox->fault({ match => { method => 'POST' }, fault => { type => 'status', status => 422, error => 'no' } });
$error = eval { $dbh->commit; 1 } ? undef : { sqlstate => $dbh->state, detail => $dbh->pg_error_field('detail') };
$sandbox->clear_faults;
is($error->{sqlstate}, '23514', 'a refusal at commit');
is($error->{detail}, 'The request was POST /notes. 2 rows were written and not rolled back: tasks/t1, tasks/t2. One write was not sent: PATCH /tasks/t4.',
    'tells what was written, and what was not');
is(scalar($sandbox->writes), 3, 'and nothing more is sent');
is(($dbh->selectrow_array(q{SELECT to_regclass('local')}))[0], undef, 'the transaction is rolled back');
fill();
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'x' WHERE _id = 't1'});
$sandbox->delete('/_sandbox/documents/tasks/t1');
$dbh->do('SET client_min_messages = warning');
{
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $dbh->commit;
    like("@warnings", qr/1 row was not written at commit.*: tasks\/t1\.$/s, 'a row that has gone meanwhile, by name');
}
$dbh->do('SET client_min_messages = error');
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'x' WHERE _id = 't2'});
$error = sql_error($dbh, q{PREPARE TRANSACTION 'p'});
is($error->{sqlstate}, '0A000', 'PREPARE TRANSACTION is refused');
$dbh->rollback;
$dbh->begin_work;
$error = sql_error($dbh, q{DELETE FROM crm.tasks WHERE _id = 'a/b'});
is($error, undef, 'a document that is not there');
$dbh->rollback;

# A statement of its own, many rows, TRUNCATE
fill();
is($dbh->do(q{INSERT INTO crm.tasks (_id) SELECT 'm' || n FROM generate_series(1, 100) n}), 100, 'many rows');
is(scalar($sandbox->writes), 100, 'are sent when the statement ends');
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD truncatable 'true')});
$dbh->begin_work;
$dbh->do('TRUNCATE crm.tasks');
is(scalar(my @there = $sandbox->dump('tasks')), 104, 'TRUNCATE waits');
$dbh->commit;
is(scalar(@there = $sandbox->dump('tasks')), 0, 'and is carried out');

done_testing();
