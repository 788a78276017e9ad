# write_mode 'commit' with other sessions about: what speaks against a commit is found before anything is sent, so that
# a client that tries again, as it is told to, does not write twice.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'], server => { write_mode => 'commit', max_retries => 0 });
my ($one, $other) = map { connect_db($node) } 1 .. 2;
$_->do('SET client_min_messages = error') for $one, $other;
$one->do('CREATE TABLE calls (who text PRIMARY KEY, on_call boolean)');

# Each takes one of two off call if the other is on call: one after the other, only one may
sub start
{
    my ($dbh, $who) = @_;
    $dbh->begin_work;
    $dbh->do('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
    return $dbh->selectrow_array('SELECT count(*) FROM calls WHERE on_call');
}

sub leave
{
    my ($dbh, $who, $seen) = @_;
    return if $seen < 2;
    $dbh->do('UPDATE calls SET on_call = false WHERE who = ?', undef, $who);
    $dbh->do(q{INSERT INTO crm.tasks (_id, description) VALUES (?, 'off call')}, undef, $who);
    return;
}

sub reset_calls
{
    $sandbox->clear_faults;
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->clear_log;
    $one->do('TRUNCATE calls');
    $one->do(q{INSERT INTO calls VALUES ('a', true), ('b', true)});
    return;
}

sub commit_error
{
    my ($dbh) = @_;
    return undef if eval { $dbh->commit; 1 };
    my $error = { sqlstate => $dbh->state, detail => $dbh->pg_error_field('detail') };
    $dbh->rollback;
    return $error;
}

sub posts { return [ map { $_->{body}{_id} } $sandbox->log(method => 'POST') ] }

# One after the other
reset_calls();
my %seen = (a => start($one), b => start($other));
leave($one, 'a', $seen{a});
leave($other, 'b', $seen{b});
is(commit_error($one), undef, 'the first commits');
is(commit_error($other)->{sqlstate}, '40001', 'the second cannot');
is_deeply(posts(), ['a'], 'and has sent nothing');
leave($other, 'b', start($other));
is(commit_error($other), undef, 'it tries again');
is_deeply(posts(), ['a'], 'and sees what the first has done');

# Both at once: while one sends, it is the other that fails
for my $when ('writes after', 'commits after')
{
    reset_calls();
    %seen = (a => start($one), b => start($other));
    $sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'latency', ms => 1500 } });
    leave($one, 'a', $seen{a});
    leave($other, 'b', $seen{b}) if $when eq 'commits after';
    $one->do('COMMIT', { pg_async => PG_ASYNC });
    wait_until(sub { grep { $_->{applied} } @{ $sandbox->get('/_sandbox/faults') } });
    my $error;
    if ($when eq 'commits after') { $error = commit_error($other) }
    else
    {
        eval { leave($other, 'b', $seen{b}); 1 } or $error = { sqlstate => $other->state };
        $error //= commit_error($other);
        $other->rollback if !$other->{AutoCommit};
    }
    is($error->{sqlstate}, '40001', "who $when another has begun to send cannot commit");
    ok(eval { $one->pg_result; 1 }, 'the other does') or diag($one->errstr);
    $one->{AutoCommit} or eval { $one->commit };
    is_deeply(posts(), ['a'], 'and it alone has sent');
    is_deeply($one->selectcol_arrayref('SELECT who FROM calls WHERE on_call'), ['b'], 'what is committed agrees with it');
}

# Who fails to send leaves the way free
reset_calls();
%seen = (a => start($one), b => start($other));
leave($one, 'a', $seen{a});
leave($other, 'b', $seen{b});
$sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'status', status => 422, error => 'no' } });
is(commit_error($one)->{sqlstate}, '23514', 'the service refuses');
is(commit_error($other)->{sqlstate}, '40001', 'the other had been told to give way');
leave($other, 'b', start($other));
is(commit_error($other), undef, 'but may commit when it tries again');
is_deeply([ map { $_->{_id} } $sandbox->dump('tasks') ], ['b'], 'what it wrote');

# Deferred constraints and triggers, whatever they raise
$one->do($_)
  for 'CREATE TABLE c (who text REFERENCES calls DEFERRABLE INITIALLY DEFERRED)',
  q{CREATE FUNCTION take_b() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE calls SET on_call = false WHERE who = ''b''; RETURN NULL; END'},
  'CREATE TABLE d (n int)', 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION take_b()';
$one->do('TRUNCATE calls CASCADE');
$one->do(q{INSERT INTO calls VALUES ('a', true), ('b', true)});
$sandbox->clear_log;
$one->begin_work;
$one->do(q{INSERT INTO crm.tasks (_id) VALUES ('x')});
$one->do(q{INSERT INTO c VALUES ('nobody')});
is(commit_error($one)->{sqlstate}, '23503', 'a deferred constraint');
$one->begin_work;
$one->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
$one->do(q{INSERT INTO crm.tasks (_id) VALUES ('x')});
$one->do('INSERT INTO d VALUES (1)');
$other->do(q{UPDATE calls SET on_call = true WHERE who = 'b'});
is(commit_error($one)->{sqlstate}, '40001', 'a deferred trigger under REPEATABLE READ');
is_deeply(posts(), [], 'fail before anything is sent');

# What a trigger writes at the commit is sent, too
$one->do(q{CREATE OR REPLACE FUNCTION take_b() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO crm.tasks (_id) VALUES (''late''); RETURN NULL; END'});
$one->begin_work;
$one->do(q{INSERT INTO crm.tasks (_id) VALUES ('early')});
$one->do('INSERT INTO d VALUES (2)');
is(commit_error($one), undef, 'a deferred trigger that writes');
is_deeply(posts(), [ 'early', 'late' ], 'has its writes sent');

# Another wrapper that cannot commit, after all was sent: the client is told
SKIP:
{
    my $there = $one->selectrow_array(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'});
    skip 'no postgres_fdw here', 2 if !$there;
    my ($session) = connect_db($node);
    $session->do($_)
      for 'CREATE EXTENSION postgres_fdw', 'CREATE TABLE u (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
      sprintf(q{CREATE SERVER pg FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres')}, $node->host, $node->port),
      'CREATE USER MAPPING FOR CURRENT_USER SERVER pg', q{CREATE FOREIGN TABLE fu (n int) SERVER pg OPTIONS (table_name 'u')};
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, $_[0] };
    $session->{PrintWarn} = 1;
    $sandbox->clear_log;
    $session->begin_work;
    $session->do('INSERT INTO fu VALUES (1)');
    $session->do('INSERT INTO fu VALUES (1)');
    $session->do(q{INSERT INTO crm.tasks (_id) VALUES ('sent')});
    is(commit_error($session)->{sqlstate}, '23505', 'the other server refuses the commit');
    if (@{ posts() }) { like("@warnings", qr/what the failed statement wrote was not rolled back.*One row was written and not rolled back: tasks\/sent/s, 'after the row was written, as a warning tells') }
    else { is("@warnings", '', 'before anything was sent') }
}

done_testing();
