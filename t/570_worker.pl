# The background worker: it sends the outbox and refreshes copies when nobody calls, is woken by a commit, survives
# errors and crashes, follows the setting, and keeps no database from being dropped.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $OPTIONS = { write_mode => 'outbox', client_ids => 'true', id_type => 'string', max_retries => 0 };

# It sleeps for an hour: what happens before, a commit or a moment that is due has caused.
my $plain;
my $node = start_node('main', shared_preload_libraries => "'walcu_fdw'", 'walcu_fdw.worker_databases' => "'postgres, \"Later\"'",
    'walcu_fdw.worker_naptime' => '3600', max_worker_processes => 12, restart_after_crash => 'on', max_prepared_transactions => 2, lock_timeout => "'500ms'");
wait_until(sub { workers() == 1 });
pass('the database that is there has a worker, before it has the extension');
is(scalar(log_lines($node, qr/database "Later" does not exist, and has no walcu_fdw worker/)), 1, 'and that another one is missing is told once');

setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ], server => $OPTIONS);
my $dbh = connect_db($node);
end_workers();
wait_until(sub { workers() == 1 && sleeping() });

# The outbox
$sandbox->clear_log;
$dbh->begin_work;
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n1', 'one'), ('n2', 'two')});
$dbh->rollback;
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n3', 'three')});
wait_until(sub { notes('n3') });
wait_until(sub { $dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox') == 0 });
is_deeply([ notes('n1') ], [], 'what was rolled back is not sent');
is(scalar(grep { $_->{method} eq 'POST' } $sandbox->log), 1, 'what has committed is sent once, and at once');

# An entry that fails is tried again when its time has come
$sandbox->fault({ match => { method => 'PATCH' }, fault => { type => 'status', status => 503 }, times => 1 });
$dbh->do(q{UPDATE crm.notes SET content = 'other' WHERE _id = 'n3'});
wait_until(sub { grep { $_->{content} eq 'other' } notes('n3') });
$sandbox->clear_faults;
pass('what has failed is tried again');

# What was refused is sent at once when somebody says so, and so is what waited for what is discarded
$sandbox->fault({ match => { method => 'PATCH' }, fault => { type => 'status', status => 422 }, times => 2 });
$dbh->do(q{UPDATE crm.notes SET content = 'again' WHERE _id = 'n3'});
wait_until(sub { refused_entries() });
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
wait_until(sub { $dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox WHERE attempts = 1') && refused_entries() });
$dbh->do(q{UPDATE crm.notes SET content = 'third' WHERE _id = 'n3'});
$dbh->do(q{SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox WHERE state = 'refused'});
wait_until(sub { grep { $_->{content} eq 'third' } notes('n3') });
$sandbox->clear_faults;
pass('walcu_fdw_outbox_retry and _discard wake the worker');

# A prepared transaction
$dbh->do($_) for 'BEGIN', q{UPDATE crm.notes SET content = 'prepared' WHERE _id = 'n3'}, q{PREPARE TRANSACTION 'p'}, q{COMMIT PREPARED 'p'};
wait_until(sub { grep { $_->{content} eq 'prepared' } notes('n3') });
pass('COMMIT PREPARED wakes the worker');

# A copy
$dbh->do(q{ALTER SERVER crm OPTIONS (SET write_mode 'immediate')});
$dbh->do(q{SET client_min_messages = error});
$dbh->do(q{SELECT walcu_fdw_copy('crm.notes', 'notes_copy', refresh_every => '1 second')});
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n4', 'four')});
wait_until(sub { $dbh->selectrow_array(q{SELECT count(*) FROM notes_copy WHERE _id = 'n4'}) });
pass('a copy is refreshed when it is due, and the worker knows of it at once');

# Neither a row that a session has locked, nor a trigger that does not end, holds up the worker
my $session = connect_db($node);
$session->begin_work;
$session->do(q{SELECT FROM notes_copy WHERE _id = 'n4' FOR UPDATE});
$dbh->do(q{UPDATE crm.notes SET content = 'four again' WHERE _id = 'n4'});
wait_until(sub { copy_error() =~ /^refresh: canceling statement due to lock timeout/ });
pass('what waits for a lock fails, and the copy says so');
$session->rollback;
my @anew = (q{SELECT walcu_fdw_drop_copy('notes_copy')}, q{SELECT walcu_fdw_copy('crm.notes', 'notes_copy', refresh_every => '1 second')});
$dbh->do($_) for @anew, q{CREATE FUNCTION endless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN LOOP PERFORM pg_sleep(60); END LOOP; END $$},
  'CREATE TRIGGER endless BEFORE UPDATE ON notes_copy FOR EACH ROW EXECUTE FUNCTION endless()', q{ALTER SYSTEM SET walcu_fdw.worker_timeout = '500ms'}, 'SELECT pg_reload_conf()', q{UPDATE crm.notes SET content = 'endless' WHERE _id = 'n4'};
wait_until(sub { copy_error() eq 'refresh: it took longer than walcu_fdw.worker_timeout allows' });
pass('what does not end is ended, and the copy says so');
$dbh->do($_) for 'ALTER SYSTEM RESET walcu_fdw.worker_timeout', 'SELECT pg_reload_conf()', @anew;

# An error is kept with the copy, and ends neither the worker nor the other work
my ($before) = worker_pids();
$sandbox->fault({ match => { resource => 'notes' }, fault => { type => 'status', status => 403 } });
wait_until(sub { $dbh->selectrow_array(q{SELECT count(error) FROM walcu_fdw_copies}) });
$dbh->do(q{ALTER SERVER crm OPTIONS (SET write_mode 'outbox')});
$dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES ('t1', 'one')});
wait_until(sub { grep { $_->{_id} eq 't1' } $sandbox->dump('tasks') });
is((worker_pids())[0], $before, 'a copy that fails ends neither the worker nor the sending of the outbox');
$sandbox->clear_faults;
$dbh->do(q{SELECT walcu_fdw_drop_copy('notes_copy')});

# Nor does a trigger of the copy that says it was cancelled
$dbh->do($_) for q{SELECT walcu_fdw_copy('crm.tasks', 'tasks_copy', refresh_every => '1 second')},
  q{CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = 'query_canceled'; END $$},
  'CREATE TRIGGER cancel BEFORE INSERT ON tasks_copy EXECUTE FUNCTION cancel()';
$dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES ('t0', 'none')});
wait_until(sub { $dbh->selectrow_array(q{SELECT count(*) FROM walcu_fdw_copies WHERE error = 'refresh: gone'}) });
is((worker_pids())[0], $before, 'that the work was cancelled is kept with the copy, too');
$dbh->do(q{SELECT walcu_fdw_drop_copy('tasks_copy')});

# The server crashes while an entry is sent
$sandbox->fault({ match => { method => 'POST' }, fault => { type => 'hold' } });
$sandbox->clear_log;
$dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES ('t2', 'two')});
wait_until(sub { grep { $_->{method} eq 'POST' } $sandbox->log });
kill 'KILL', worker_pids();
$sandbox->clear_faults;
wait_until(sub { !eval { $dbh->do('SELECT 1') } });
wait_until(sub { eval { $dbh = connect_db($node); 1 } });
wait_until(sub { $dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox') == 0 });
is(scalar(grep { $_->{_id} eq 't2' } $sandbox->dump('tasks')), 1, 'after a crash it is there once');
is(scalar(grep { $_->{method} eq 'POST' && ($_->{status} // 0) == 201 } $sandbox->log) <= 1, 1, 'made by one request');

# A database that comes later, and goes
$dbh->do('CREATE DATABASE "Later"');
wait_until(sub { workers('Later') == 1 });
pass('a database that is made later has a worker');
is($node->psql('postgres', 'CREATE DATABASE clone TEMPLATE "Later"'), 0, 'it can be copied');
wait_until(sub { workers('Later') == 1 });
is($node->psql('postgres', 'ALTER DATABASE "Later" RENAME TO "Latest"'), 0, 'and renamed, with a worker in it');
wait_until(sub { log_lines($node, qr/database "Later" (was renamed|does not exist), and has no walcu_fdw worker/) > 1 });
is(workers('Latest'), 0, 'which its new name has to be told');
is($node->psql('postgres', 'ALTER DATABASE "Latest" RENAME TO "Later"'), 0, 'with the old name');
$node->reload;
wait_until(sub { workers('Later') == 1 });
is($node->psql('postgres', 'DROP DATABASE "Later"'), 0, 'it has a worker again, and can be dropped');

# Who cancels what it does while it does nothing, does not end it
wait_until(sub { sleeping() });
my ($asleep) = worker_pids();
$dbh->do("SELECT pg_cancel_backend($asleep)");
$dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES ('t3', 'three')});
wait_until(sub { $dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox') == 0 });
is_deeply([ worker_pids() ], [$asleep], 'a worker that is cancelled while it sleeps goes on');

# The launcher is ended: the next one has to know the worker, which it ends below
$dbh->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walcu_fdw launcher'});
wait_until(sub { workers() == 1 && (worker_pids())[0] != $asleep });
pass('a launcher that was ended is started again, and starts a worker');

# The setting
$node->append_conf('postgresql.conf', "walcu_fdw.worker_databases = ''");
$node->reload;
wait_until(sub { workers() == 0 });
pass('a database that is taken from the list loses its worker');
my ($started) = $dbh->selectrow_array('SELECT walcu_fdw_worker_start()');
wait_until(sub { workers() == 1 });
$node->append_conf('postgresql.conf', "walcu_fdw.worker_databases = 'postgres, nowhere'");
$node->reload;
wait_until(sub { log_lines($node, qr/database "nowhere" does not exist/) });
is_deeply([ worker_pids() ], [$started], 'what SQL has started meanwhile goes on when it is back');
is(scalar(log_lines($node, qr/this database has a walcu_fdw worker already/)), 0, 'and nobody starts another one');
end_workers();
$node->reload;
wait_until(sub { workers() == 1 });
pass('until it is ended');
is(sql_error($dbh, q{ALTER SYSTEM SET walcu_fdw.worker_databases = 'a', ',,"'})->{sqlstate}, '22023', 'what is no list is refused');
$dbh->do('DROP EXTENSION walcu_fdw CASCADE');
end_workers();
wait_until(sub { workers() == 1 && sleeping() });
pass('a worker lives without the extension');
$dbh->disconnect;
$node->stop;
is(scalar(log_lines($node, qr/TRAP|PANIC|without an outer snapshot|leak/)), 0, 'nothing untoward is in the log');

# Without preloading, SQL starts it
$plain = start_node('plain', 'max_worker_processes' => 12);
setup_crm($plain, $sandbox, limit_to => ['notes'], server => $OPTIONS);
$dbh = connect_db($plain);
$dbh->do('CREATE ROLE guest LOGIN');
is(sql_error(connect_db($plain, user => 'guest'), 'SELECT walcu_fdw_worker_start()')->{sqlstate}, '42501', 'not for everybody');
my ($pid) = $dbh->selectrow_array('SELECT walcu_fdw_worker_start()');
wait_until(sub { workers() == 1 && sleeping() });
is_deeply([ worker_pids() ], [$pid], 'a session starts a worker for its database');
is_deeply([ sql_messages($dbh, 'SELECT walcu_fdw_worker_start()') ], ['NOTICE:  this database has a walcu_fdw worker already'], 'once');
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n9', 'nine')});
wait_until(sub { notes('n9') });
pass('it sends the outbox');
$plain->stop;

done_testing();

sub notes
{
    my ($id) = @_;
    return grep { $_->{_id} eq $id } $sandbox->dump('notes');
}

sub worker_pids
{
    my ($database) = @_;
    my $session = connect_db($plain // $node);
    return @{ $session->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walcu_fdw worker' AND datname = ?}, undef, $database // 'postgres') };
}

sub refused_entries { return $dbh->selectrow_array(q{SELECT count(*) FROM walcu_fdw_outbox WHERE state = 'refused'}) }

sub copy_error { return $dbh->selectrow_array(q{SELECT error FROM walcu_fdw_copies}) // '' }

sub workers { return scalar worker_pids(@_) }

sub sleeping
{
    return $dbh->selectrow_array(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walcu_fdw worker' AND state = 'idle'});
}

# Its launcher starts another one a second later.
sub end_workers
{
    my @pids = worker_pids();
    $dbh->do("SELECT pg_terminate_backend($_)") for @pids;
    wait_until(sub { my %now = map { $_ => 1 } worker_pids(); !grep { $now{$_} } @pids });
    return;
}

sub log_lines
{
    my ($of, $pattern) = @_;
    return grep { /$pattern/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($of->logfile);
}
