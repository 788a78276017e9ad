# The outbox under crashes: who writes, who sends, and PostgreSQL as a whole are killed at random moments, while the CRM
# fails, cuts connections, and loses replies to what it has done.  In the end it has what was committed, and has made
# each document once.  A session sends first, then the background worker does.  OUTBOX_TRANSACTIONS in the environment
# sets another number for each, OUTBOX_SEED another course, OUTBOX_SENDERS which of them send ("session worker").

use strict;
use warnings;

use DBD::Pg qw(:async);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(usleep);
use WalcuTest;

my $transactions = 0 + ($ENV{OUTBOX_TRANSACTIONS} // 25);
my $seed = 0 + ($ENV{OUTBOX_SEED} // 1);
srand $seed;
note("seed $seed");

my $json = JSON::PP->new->canonical;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'string');
my $node = start_node('main', restart_after_crash => 'on', log_min_messages => 'warning', shared_preload_libraries => "'walcu_fdw'");
setup_crm($node, $sandbox, limit_to => ['notes'],
    server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string', max_connections => 8, request_timeout => '2s' });
$node->safe_psql('postgres', 'CREATE TABLE ledger (_id text PRIMARY KEY, content text, custom jsonb)');

# Every stage at which a write may be cut, and what a failing service answers
my @faults = (
    [ 0.04, { type => 'close', when => 'before' } ],
    [ 0.08, { type => 'close', when => 'during' } ],
    [ 0.04, { type => 'close', when => 'after' } ],
    [ 0.03, { type => 'reset', when => 'before' } ],
    [ 0.04, { type => 'reset', when => 'during' } ],
    [ 0.04, { type => 'truncate' } ],
    [ 0.05, { type => 'status', status => 500 } ],
    [ 0.05, { type => 'status', status => 503 } ],
    [ 0.03, { type => 'status', status => 429 } ]);
for my $method (qw(POST PATCH DELETE))
{
    $sandbox->fault({ match => { method => $method }, probability => $_->[0], seed => $seed++, fault => $_->[1] }) for @faults;
}
$sandbox->fault({ match => { method => 'GET' }, probability => 0.1, seed => $seed, fault => { type => 'status', status => 503 } });
$sandbox->fault({ fault => { type => 'latency', ms => 5 } });


# The session that writes; the other one sends, or looks after the worker; the call that is under way; the worker's process
my ($writer, $other, $sending, $worker);
my %senders = (
    session => { begin => \&begin_to_send, end => \&end_of_sending, rest => \&send_rest },
    worker  => { begin => \&find_worker,   end => sub { },           rest => \&let_worker_send_rest });
my ($sender, $sender_kind, %crashes, @errors);
endure($_) for split ' ', $ENV{OUTBOX_SENDERS} // 'session worker';

done_testing();

# Transactions and crashes, until all is sent, by a session or by the worker.
sub endure
{
    ($sender_kind) = @_;
    $sender = $senders{$sender_kind};
    (%crashes, @errors) = ();
    forget_sessions();
    $node->append_conf('postgresql.conf', 'walcu_fdw.worker_databases = ' . ($sender_kind eq 'worker' ? "'postgres'" : "''"));
    $node->restart;
    $node->safe_psql('postgres', 'TRUNCATE ledger');
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->clear_log;
    my @victims = ('writer', $sender_kind, 'postmaster');
    for my $number (1 .. $transactions)
    {
        connect_both() unless $writer && $other;
        my $victim = rand() < 0.2 ? $victims[ int rand 3 ] : '';
        my $survives = eval { $sender->{begin}->(); write_something($number, $victim); 1 };
        note_error($writer) unless $survives;
        $sender->{end}->(0);
        crash($victim) if $victim;
        forget_sessions() if $victim || !$survives;
    }
    note("$sender_kind sends, crashes: ", join ', ', map { "$_ $crashes{$_}" } sort keys %crashes);
    cmp_ok(scalar(keys %crashes), '>', 0, "$sender_kind sends: something was killed");

    # What is left is sent, with the CRM failing as before
    connect_both() unless $writer && $other;
    $sender->{end}->(1);
    is($sender->{rest}->(), 0, 'all is sent');
    is_deeply(\@errors, [], 'no session had another error than that it was ended');
    is_deeply($other->selectall_arrayref('SELECT * FROM walcu_fdw_outbox'), [], 'and nothing was refused');
    my $ledger = $writer->selectall_arrayref('SELECT _id, content, custom FROM ledger ORDER BY _id');
    cmp_ok(scalar @$ledger, '>', 0, 'something was committed');
    my @expected = map { "$_->[0] $_->[1] " . $json->encode($json->decode($_->[2])) } @$ledger;
    my @found = map { "$_->{_id} $_->{content} " . $json->encode($_->{custom} // {}) } sort { $a->{_id} cmp $b->{_id} } $sandbox->dump('notes');
    is_deeply(\@found, \@expected, 'the CRM has what was committed');
    my %made;
    $made{ $_->{body}{_id} }++ for grep { $_->{kind} eq 'create' && ($_->{status} // 0) =~ /^2/ } $sandbox->log;
    is_deeply([ grep { $made{$_} > 1 } sort keys %made ], [], 'and has made each document once');
    return;
}

sub connect_both
{
    wait_until(sub { ($writer, $other) = eval { map { connect_db($node) } 1, 2 }; $other }) or die "PostgreSQL does not come back\n";
    $_->do('SET client_min_messages = error') for $writer, $other;
    $sending = $worker = undef;
    return;
}

# Whoever ends the handle of a transaction that was cut has an error, which 19's modules would take for the test's end.
sub forget_sessions
{
    $_->{RaiseError} = 0 for grep { $_ } $writer, $other;
    ($writer, $other, $sending, $worker) = ();
    return;
}

# A transaction of some writes, which may be rolled back, or cut by a crash.
sub write_something
{
    my ($number, $victim) = @_;
    $writer->begin_work;
    for my $part (1 .. 1 + int rand 3)
    {
        my ($known) = $writer->selectrow_array('SELECT _id FROM ledger ORDER BY random() LIMIT 1');
        my $kind = rand;
        $writer->do('SAVEPOINT s');
        if (!$known || $kind < 0.4)
        {
            my ($id) = $writer->selectrow_array("INSERT INTO crm.notes (content, custom) VALUES ('new $number', '{\"n\": $part}') RETURNING _id");
            $writer->do("INSERT INTO ledger VALUES (?, 'new $number', '{\"n\": $part}')", undef, $id);
        }
        elsif ($kind < 0.9)
        {
            my $set = $kind < 0.7 ? "content = 'changed $number.$part'" : "custom = '{\"n\": $number, \"m\": $part}'";
            $writer->do("UPDATE $_ SET $set WHERE _id = '$known'") for 'crm.notes', 'ledger';
        }
        else
        {
            $writer->do("DELETE FROM $_ WHERE _id = '$known'") for 'crm.notes', 'ledger';
        }
        $writer->do('ROLLBACK TO s') if rand() < 0.1;
    }
    if ($victim)
    {
        $writer->do('COMMIT', { pg_async => PG_ASYNC }) if rand() < 0.7;
        usleep(int rand 10_000);
    }
    elsif (rand() < 0.1) { $writer->rollback }
    else                 { $writer->commit }
    return;
}

# Lets what has failed be tried again at once; what is being sent is left alone.
sub no_waits
{
    $other->do('SELECT walcu_fdw_outbox_retry(id) FROM (SELECT id FROM walcu_fdw_outbox_entries
                  WHERE state = \'waiting\' AND next_attempt_at > now() ORDER BY id FOR UPDATE SKIP LOCKED) e');
    $other->do('DELETE FROM walcu_fdw_outbox_pauses WHERE server IN (SELECT server FROM walcu_fdw_outbox_pauses FOR UPDATE SKIP LOCKED)');
    return;
}

sub begin_to_send
{
    return if $sending;
    no_waits();
    $sending = $other->prepare('CALL walcu_fdw_outbox_send()', { pg_async => PG_ASYNC });
    $sending->execute;
    return;
}

sub end_of_sending
{
    my ($waits) = @_;
    return unless $sending && ($waits || eval { $other->pg_ready });
    eval { $other->pg_result; 1 } or note_error($other);
    $sending = undef;
    return;
}

sub send_rest
{
    my $left = 1;
    for (1 .. 200)
    {
        no_waits();
        (undef, undef, undef, $left) = $other->selectrow_array('CALL walcu_fdw_outbox_send()');
        last unless $left;
    }
    return $left;
}

sub find_worker
{
    no_waits();
    $worker //= wait_until_some(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walcu_fdw worker'});
    return;
}

sub let_worker_send_rest
{
    wait_until(sub { no_waits(); !count_left() });
    return count_left();
}

sub count_left { return $other->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox') }

sub wait_until_some
{
    my ($query) = @_;
    my $value;
    wait_until(sub { ($value) = $other->selectrow_array($query); $value });
    return $value;
}

# An error of a session that is still there
sub note_error
{
    my ($dbh) = @_;
    push @errors, $dbh->errstr if $dbh && $dbh->ping > 0;
    return;
}

# Kills a backend, which has PostgreSQL begin anew by itself, or all of it.
sub crash
{
    my ($victim) = @_;
    $crashes{$victim}++;
    if ($victim eq 'postmaster')
    {
        $node->stop('immediate');
        $node->start;
        return;
    }
    my %processes = (writer => $writer->{pg_pid}, session => $other->{pg_pid}, worker => $worker);
    kill 'KILL', $processes{$victim};
    # the others are told to leave, too, and until then PostgreSQL still lets new ones in
    my %survivors = (writer => [$other], session => [$writer], worker => [ $writer, $other ]);
    wait_until(sub { !grep { $_->ping > 0 } @{ $survivors{$victim} } });
    return;
}
