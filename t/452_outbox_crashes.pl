# The outbox under crashes: who writes, who sends, and PostgreSQL as a whole are killed at random moments, while the CRM
# fails, cuts connections, and loses replies to what it has done.  In the end it has what was committed, and has made
# each document once.  OUTBOX_TRANSACTIONS in the environment sets another number, OUTBOX_SEED another course.

use strict;
use warnings;

use DBD::Pg qw(:async);
use JSON::PP ();
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(usleep);
use WalcuTest;

my $transactions = 0 + ($ENV{OUTBOX_TRANSACTIONS} // 25);
my $seed = 0 + ($ENV{OUTBOX_SEED} // 1);
srand $seed;
note("seed $seed");

my $json = JSON::PP->new->canonical;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'string');
my $node = start_node('main', restart_after_crash => 'on', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['notes'],
    server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string', max_connections => 8, request_timeout => '2s' });
$node->safe_psql('postgres', 'CREATE TABLE ledger (_id text PRIMARY KEY, content text, custom jsonb)');
$sandbox->delete('/_sandbox/documents/notes');

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

my ($writer, $sender, $sending);
my (%crashes, @errors);
for my $number (1 .. $transactions)
{
    connect_both() unless $writer && $sender;
    my $victim = rand() < 0.2 ? (qw(writer sender postmaster))[ int rand 3 ] : '';
    my $survives = eval { begin_to_send() unless $sending; write_something($number, $victim); 1 };
    note_error($writer) unless $survives;
    end_of_sending(0);
    crash($victim) if $victim;
    ($writer, $sender, $sending) = () if $victim || !$survives;
}
$crashes{all} += $crashes{$_} for qw(writer sender postmaster);
note("crashes: ", join ', ', map { "$_ $crashes{$_}" } sort keys %crashes);
cmp_ok($crashes{all}, '>', 0, 'something was killed');

# What is left is sent, with the CRM failing as before
connect_both() unless $writer && $sender;
end_of_sending(1);
my $left = 1;
for (1 .. 200)
{
    no_waits();
    (undef, undef, undef, $left) = $sender->selectrow_array('CALL walcu_fdw_outbox_send()');
    last unless $left;
}
is($left, 0, 'all is sent');
is_deeply(\@errors, [], 'no session had another error than that it was ended');
is_deeply($sender->selectall_arrayref('SELECT * FROM walcu_fdw_outbox'), [], 'and nothing was refused');
my $ledger = $writer->selectall_arrayref('SELECT _id, content, custom FROM ledger ORDER BY _id');
cmp_ok(scalar @$ledger, '>', 0, 'something was committed');
my @expected = map { "$_->[0] $_->[1] " . $json->encode($json->decode($_->[2])) } @$ledger;
my @found = map { "$_->{_id} $_->{content} " . $json->encode($_->{custom} // {}) } sort { $a->{_id} cmp $b->{_id} } $sandbox->dump('notes');
is_deeply(\@found, \@expected, 'the CRM has what was committed');
my %made;
$made{ $_->{body}{_id} }++ for grep { $_->{kind} eq 'create' && ($_->{status} // 0) =~ /^2/ } $sandbox->log;
is_deeply([ grep { $made{$_} > 1 } sort keys %made ], [], 'and has made each document once');

done_testing();

sub connect_both
{
    wait_until(sub { ($writer, $sender) = eval { map { connect_db($node) } 1, 2 }; $sender }) or die "PostgreSQL does not come back\n";
    $_->do('SET client_min_messages = error') for $writer, $sender;
    $sending = undef;
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

sub no_waits
{
    $sender->do('UPDATE walcu_fdw_outbox_entries SET next_attempt_at = now()');
    $sender->do('DELETE FROM walcu_fdw_outbox_pauses');
    return;
}

sub begin_to_send
{
    no_waits();
    $sending = $sender->prepare('CALL walcu_fdw_outbox_send()', { pg_async => PG_ASYNC });
    $sending->execute;
    return;
}

sub end_of_sending
{
    my ($waits) = @_;
    return unless $sending && ($waits || eval { $sender->pg_ready });
    eval { $sender->pg_result; 1 } or note_error($sender);
    $sending = undef;
    return;
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
    kill 'KILL', ($victim eq 'writer' ? $writer : $sender)->{pg_pid};
    # the others are told to leave, too, and until then PostgreSQL still lets new ones in
    my $other = $victim eq 'writer' ? $sender : $writer;
    wait_until(sub { $other->ping <= 0 });
    return;
}
