# write_mode 'outbox': writes are recorded in the transaction, sent after it, in order for each document, and
# what cannot be sent stays with the service's words.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node('main', max_prepared_transactions => 2);
setup_crm($node, $sandbox, limit_to => [ 'tasks', 'notes' ],
    server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
$dbh->do('CREATE TABLE local (t text)');

sub fill
{
    $dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
    $dbh->do('DELETE FROM walcu_fdw_outbox_pauses');
    $sandbox->clear_faults;
    $sandbox->delete("/_sandbox/documents/$_") for qw(tasks notes);
    $sandbox->post('/_sandbox/documents/tasks',
        [ map { { _id => "t$_", description => "task $_", client_id => 'c', custom => { a => 1 } } } 1 .. 4 ]);
    $sandbox->clear_log;
    return;
}

sub patch { my ($path, $value) = @_; return { op => 'add', path => $path, value => $value } }

# What the procedure says: sent, failed, refused, waiting.
sub run
{
    my ($arguments) = @_;
    return join ' ', @{ $dbh->selectrow_arrayref('CALL walcu_fdw_outbox_send(' . ($arguments // '') . ')') };
}

sub outbox
{
    my ($columns) = @_;
    return $dbh->selectall_arrayref("SELECT $columns FROM walcu_fdw_outbox ORDER BY id");
}

sub description
{
    my ($id) = @_;
    my ($document) = grep { $_->{_id} eq $id } $sandbox->dump('tasks');
    return $document && $document->{description};
}

# Recorded in the transaction, sent after it
fill();
$dbh->begin_work;
my ($id) = $dbh->selectrow_array(q{INSERT INTO crm.notes (content) VALUES ('made') RETURNING _id});
like($id, qr/^[0-9a-f]{24}$/, 'INSERT returns the _id that it has made');
is($dbh->do(q{UPDATE crm.tasks SET description = 'one' WHERE _id IN ('t1', 't2')}), 2, 'UPDATE by ids counts them');
is($dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't3'}), 1, 'and so does DELETE');
is($sandbox->request_count, 0, 'without any request');
is_deeply(outbox('"table", server, operation, _id, state, attempts, owner = current_user::regrole'),
    [ [ 'crm.notes', 'crm', 'INSERT', $id, 'waiting', 0, 1 ], map { [ 'crm.tasks', 'crm', @$_, 'waiting', 0, 1 ] } [ 'UPDATE', 't1' ],
        [ 'UPDATE', 't2' ], [ 'DELETE', 't3' ] ], 'the transaction sees its entries');
$dbh->commit;
like(join("\n", @{ $dbh->selectcol_arrayref(qq{EXPLAIN (COSTS OFF) $_}) }), qr/Sent: by the outbox/, "EXPLAIN $_")
  for q{UPDATE crm.tasks SET description = 'one' WHERE _id = 't1'}, q{DELETE FROM crm.tasks WHERE description = 'x'};
is(run(), '4 0 0 0', 'all are sent');
is_deeply([ sort { "@$a[0,1]" cmp "@$b[0,1]" } $sandbox->writes ],
    [ [ 'DELETE', '/tasks/t3' ], [ 'PATCH', '/tasks/t1', [ patch('/description', 'one') ] ], [ 'PATCH', '/tasks/t2', [ patch('/description', 'one') ] ],
        [ 'POST', '/notes', { _id => $id, content => 'made' } ] ], 'as they were written');
is($sandbox->request_count, 4, 'by one request each');
is_deeply(outbox('id'), [], 'and are gone from the outbox');
is(run(), '0 0 0 0', 'which has nothing more to send');

# What a statement reads is the CRM's
fill();
is($dbh->do(q{UPDATE crm.tasks SET description = description || '!' WHERE client_id = 'c'}), 4, 'UPDATE of rows that are read');
is($dbh->do(q{DELETE FROM crm.tasks WHERE description = 'task 4'}), 1, 'DELETE of them');
is_deeply([ $sandbox->writes ], [], 'writes nothing');
is(run(), '5 0 0 0', 'before they are sent');
is_deeply([ map { $_->{description} } $sandbox->dump('tasks') ], [ 'task 1!', 'task 2!', 'task 3!' ], 'all of it');

# Rolled back, and a savepoint
fill();
$dbh->begin_work;
$dbh->do(q{DELETE FROM crm.tasks WHERE _id = 't1'});
$dbh->rollback;
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'kept' WHERE _id = 't1'});
$dbh->do('SAVEPOINT a');
$dbh->do(q{UPDATE crm.tasks SET description = 'dropped' WHERE _id = 't1'});
$dbh->do('ROLLBACK TO a');
$dbh->do('PREPARE TRANSACTION \'p\'');
$dbh->{AutoCommit} = 1;
is(run(), '0 0 0 0', 'what is rolled back, or prepared, is not sent');
$dbh->do('COMMIT PREPARED \'p\'');
is(run(), '1 0 0 0', 'what was prepared is, once it has committed');
is(description('t1'), 'kept', 'without what its savepoint has dropped');

# Order of each document
fill();
$dbh->do("UPDATE crm.tasks SET description = 'v$_' WHERE _id = 't1'") for 1 .. 5;
$dbh->do("DELETE FROM crm.tasks WHERE _id = 't2'");
is(run('2'), '2 0 0 4', 'as many as are wanted');
is(run(), '4 0 0 0', 'and the rest');
is_deeply([ map { $_->[2][0]{value} } grep { $_->[0] eq 'PATCH' } $sandbox->writes ], [ map { "v$_" } 1 .. 5 ], 'the changes of a document come in their order');

$dbh->do(q{UPDATE crm.tasks SET description = 'first' WHERE _id = 't1'});
$dbh->do(q{UPDATE crm.tasks SET description = 'second' WHERE _id = 't1'});
is((under_way($dbh, $sandbox, 'CALL walcu_fdw_outbox_send()', 1))[0], 1, 'and one is not sent before the one before it is answered');
is(description('t1'), 'second', 'but then');

# COPY, partitions, ON CONFLICT, an _id that is given, TRUNCATE
fill();
$dbh->do('COPY crm.notes (_id, content) FROM STDIN');
$dbh->pg_putcopydata("n$_\tcopied $_\n") for 1 .. 30;
$dbh->pg_putcopyend;
$dbh->do(q{CREATE TABLE parted (_id text COLLATE "C", content text COLLATE "C", part int) PARTITION BY LIST (part)});
$dbh->do(q{CREATE FOREIGN TABLE parted_1 PARTITION OF parted FOR VALUES IN (1) SERVER crm OPTIONS (resource 'notes')});
$dbh->do(q{ALTER FOREIGN TABLE parted_1 ALTER part OPTIONS (ADD path 'custom.part')});
$dbh->do(q{INSERT INTO parted VALUES ('p1', 'routed', 1)});
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n1', 'again') ON CONFLICT DO NOTHING});
is($sandbox->request_count, 0, 'COPY, routed rows and ON CONFLICT ask nothing');
is(run(), '32 0 0 0', 'all are sent');
is_deeply([ map { "$_->{_id} $_->{content}" } $sandbox->dump('notes') ], [ sort((map { "n$_ copied $_" } 1 .. 30), 'p1 routed') ],
    'and what is there already is left alone');
$dbh->do(q{DROP TABLE parted});
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD truncatable 'true')});
$dbh->do('TRUNCATE crm.notes');
is(run(), '31 0 0 0', 'TRUNCATE records deletions');
is_deeply([ $sandbox->dump('notes') ], [], 'which are sent');

# What the service refuses is set aside, and what comes after it waits
fill();
$sandbox->fault({ match => { method => 'PATCH', path => '/t1$' }, times => 1, fault => { type => 'status', status => 422 } });
$dbh->do(q{UPDATE crm.tasks SET description = 'refused' WHERE _id = 't1'});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'later' WHERE _id = 't1'});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'other' WHERE _id = 't2'});
is(run(), '1 0 1 1', 'one of three is refused, one waits behind it');
my ($refused) = @{ outbox('id, state, attempts, last_error')->[0] };
is_deeply(outbox('id, state, attempts, waits_for'), [ [ $refused, 'refused', 1, undef ], [ $refused + 1, 'waiting', 0, $refused ] ], 'the view shows both');
like(outbox('last_error')->[0][0], qr/^server "crm" answered 422/, 'with the service\'s words');
is(run(), '0 0 0 1', 'and nothing goes on by itself');
$dbh->do("SELECT walcu_fdw_outbox_retry($refused)");
is(run(), '2 0 0 0', 'until it is tried again');
$dbh->do(q{UPDATE crm.tasks SET description = 'x' WHERE _id = 'none'});
$dbh->do(q{UPDATE crm.tasks SET client_id = 'x' WHERE _id = 'none'});
is(run(), '0 0 1 1', 'a document that is not there is refused');
is(outbox('last_error')->[0][0], 'the document is gone from resource "tasks"', 'and the entry says so');
$dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox WHERE state = \'refused\'');
is(run(), '0 0 1 0', 'what waited behind what is discarded is sent');
$dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
is($dbh->do(q{DELETE FROM crm.tasks WHERE _id = 'none'}), 1, 'what is not there can be deleted');
is(run(), '1 0 0 0', 'which is no failure');

# A new document that is there already, as the service says, is looked for; it may be a value that only one may have
fill();
$sandbox->fault({ match => { method => 'POST' }, times => 2, fault => { type => 'status', status => 409 } });
$dbh->do(q{INSERT INTO crm.notes (content) VALUES ('x')});
is(run(), '0 1 1 0', 'a new document of which the service says twice that it is there');
is(join(' ', map { $_->{method} } $sandbox->log), 'POST GET POST', 'is looked for in between');
like(outbox('last_error')->[0][0], qr/^server "crm" answered 409: .*another value that only one may have/, 'and the entry says what that may mean');
is(run(), '0 0 0 0', 'and is left alone');

# What fails for now is tried again later
for my $row ([ 500 => 'one document' ], [ 503 => 'the server' ], [ 429 => 'the server' ], [ 401 => 'the server' ])
{
    my ($status, $what) = @$row;
    fill();
    $sandbox->fault({ match => { method => 'PATCH' }, times => 1, fault => { type => 'status', status => $status, retry_after => 3600 } });
    $dbh->do(q{ALTER SERVER crm OPTIONS (ADD max_connections '1')});
    $dbh->do("UPDATE crm.tasks SET description = 'later' WHERE _id = 't$_'") for 1 .. 4;
    is(run(), $what eq 'the server' ? '0 1 0 4' : '3 1 0 1', "$status: $what is tried again later");
    is($sandbox->request_count, $what eq 'the server' ? 1 : 4, 'and is not asked meanwhile');
    like(outbox('last_error')->[0][0], qr/^server "crm" answered $status/, 'with what it has answered');
    ok($dbh->selectrow_array('SELECT walcu_fdw_outbox_next() > now()'), 'there is nothing to do before');
    is(run(), $what eq 'the server' ? '0 0 0 4' : '0 0 0 1', 'nor is anything done');
    $dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
    is(run(), $what eq 'the server' ? '4 0 0 0' : '1 0 0 0', 'until somebody says so');
    $dbh->do(q{ALTER SERVER crm OPTIONS (DROP max_connections)});
}
is($dbh->selectrow_array('SELECT walcu_fdw_outbox_next()'), undef, 'nothing waits any more');

# What the service makes of a document otherwise than it was told
fill();
$sandbox->settings(client_ids => 'replaced');
$dbh->do(q{INSERT INTO crm.notes (content) VALUES ('x')});
is(run(), '0 0 1 0', 'a service that makes ids itself');
like(outbox('last_error')->[0][0], qr/^the service gave document "\w+" of resource "notes" the _id "\w+"/, 'is told of');
$sandbox->settings(client_ids => 'kept');
fill();
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks ADD COLUMN unheard text});
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD on_ignored_write 'error')});
$dbh->do(q{UPDATE crm.tasks SET unheard = 'x', description = 'kept' WHERE _id = 't1'});
is(run(), '0 0 1 0', 'what the service does not keep is an error where that is wanted');
like(outbox('last_error')->[0][0], qr/unheard/, 'which names it');
$dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
$dbh->do(q{ALTER SERVER crm OPTIONS (SET on_ignored_write 'warning')});
$dbh->do(q{UPDATE crm.tasks SET unheard = 'x' WHERE _id = 't1'});
$dbh->do('SET client_min_messages = warning');
like(join('', sql_messages($dbh, 'CALL walcu_fdw_outbox_send()')), qr/unheard/, 'else a warning');
$dbh->do('SET client_min_messages = error');
is_deeply(outbox('id'), [], 'and it is sent');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP on_ignored_write)});
$dbh->do('ALTER FOREIGN TABLE crm.tasks DROP COLUMN unheard');

# Documents that are sent whole; a change that is made of the document as it is
fill();
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD update_method 'put')});
$dbh->do(q{UPDATE crm.tasks SET description = 'whole' WHERE _id = 't1'});
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP update_method)});
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks ADD COLUMN deep text OPTIONS (path 'custom.b.c')});
$sandbox->clear_log;
$dbh->do(q{UPDATE crm.tasks SET deep = 'x' WHERE _id = 't2'});
is($sandbox->request_count, 0, 'a place that a patch cannot reach without the document');
is(run(), '2 0 0 0', 'a document that is sent whole, and one that is read first');
is_deeply([ map { [ $_->[0], $_->[0] eq 'PUT' ? $_->[2]{description} : $_->[2] ] } sort { "@$a" cmp "@$b" } $sandbox->writes ],
    [ [ 'PATCH', [ patch('/custom/b', { c => 'x' }) ] ], [ 'PUT', 'whole' ] ], 'by what differs');
$dbh->do('ALTER FOREIGN TABLE crm.tasks DROP COLUMN deep');

# A sender that is cancelled leaves what it has begun to the next one
fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('cancelled', 'x')});
$sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'hold' } });
my $other = connect_db($node);
my ($state, $told) = cancelled_when($other, $node, 'CALL walcu_fdw_outbox_send()', sub { $sandbox->request_count(method => 'POST') });
is($state, '57014', 'a sender is cancelled while it sends');
is_deeply(outbox('state, attempts'), [ [ 'sending', 1 ] ], 'the entry stays marked');
unlike($told, qr/written|carried out/, 'and has nothing to tell of it');
$sandbox->clear_faults;
wait_until(sub { $sandbox->dump('notes') });
is(run(), '1 0 0 0', 'the next one finds that it was carried out');
is($sandbox->request_count(method => 'POST'), 1, 'and does not do it again');

# What is refused when it is written
my $error = sql_error($dbh, q{ALTER FOREIGN TABLE crm.notes OPTIONS (ADD client_ids 'false')}) // sql_error($dbh, q{INSERT INTO crm.notes (content) VALUES ('x')});
is($error->{sqlstate}, '0A000', 'INSERT without client_ids');
like($error->{hint}, qr/client_ids/, 'has a hint');
is($dbh->do(q{UPDATE crm.notes SET content = 'x' WHERE _id = 'n1'}), 1, 'UPDATE needs none');
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (DROP client_ids)});
is(sql_error($dbh, q{INSERT INTO crm.notes (_id, content) VALUES ('a/b', 'x')})->{sqlstate}, 'HV000', 'an _id that no URL can have');
$dbh->do(q{CREATE FOREIGN TABLE pg_temp.passing (_id text COLLATE "C", content text) SERVER crm OPTIONS (resource 'notes')});
is(sql_error($dbh, $_)->{sqlstate}, '0A000', "a temporary table, which would be gone: $_") for q{INSERT INTO passing VALUES ('x', 'y')}, q{DELETE FROM passing WHERE _id = 'x'};
$dbh->do('DROP FOREIGN TABLE passing');
my $long = sql_error($dbh, q{INSERT INTO crm.notes (_id, content) SELECT string_agg(md5(n::text), ''), 'x' FROM generate_series(1, 300) n});
is($long->{sqlstate}, '54000', 'an _id that is too long for the outbox');
like("$long->{message} $long->{detail} $long->{hint}", qr/^the _id .* "notes" is too long for the outbox .* has 9\d+ bytes, and may have 2000\. .*write_mode/, 'and the error says so');
is($dbh->do(q{DELETE FROM crm.notes WHERE _id = (SELECT left(string_agg(md5(n::text), ''), 1900) FROM generate_series(1, 60) n)}), 1, 'one of 1,900 bytes is not');
$dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
is(sql_error($dbh, q{INSERT INTO crm.notes (content, created_at) VALUES ('x', now())})->{sqlstate} // '', '428C9', 'a column that the service sets');
is(sql_error($dbh, 'CALL walcu_fdw_outbox_send(0)')->{sqlstate}, '22023', 'max 0');
$dbh->begin_work;
is(sql_error($dbh, 'CALL walcu_fdw_outbox_send()')->{sqlstate}, '2D000', 'CALL in a transaction block');
$dbh->rollback;
is(sql_error($dbh, 'SELECT walcu_fdw_outbox_retry(0)')->{sqlstate}, '42704', 'an entry that is not there');

done_testing();
