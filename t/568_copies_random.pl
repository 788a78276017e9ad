# Random changes, deletes and restores at the CRM while copies are filled, refreshed and compared: the copy never has a row
# that the CRM never had, and after a comparison with a CRM that is at rest it has the CRM's rows.
#
#   COPIES_DOCUMENTS=100000 COPIES_ROUNDS=200 COPIES_SEED=2 make test-tap T=t/568_copies_random.pl

use strict;
use warnings;

use Test::More;
use Time::HiRes ();
use WalcuTest;
use WalcuTest::LocalCopy;

my $size = $ENV{COPIES_DOCUMENTS} // 400;
my $rounds = $ENV{COPIES_ROUNDS} // 24;
my $seed = $ENV{COPIES_SEED} // 1;
srand $seed;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { notes => $size });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['contacts'], server => { max_connections => 4, max_retries => 0 });
my $dbh = connect_db($node);
my $other = connect_db($node);
$dbh->do("CREATE FOREIGN TABLE crm.notes (_id text COLLATE \"C\", content text, updated_at timestamptz) SERVER crm");

# By _id: the document as it is, and everything that it ever was; and what was deleted
my (%there, %was, @deleted);
my $clock = Time::HiRes::time();
start_documents();
$dbh->do("SELECT walcu_fdw_copy('crm.notes', fill => false)");

my %work = (
    fill => sub { $dbh->do("SET client_min_messages = error; SELECT walcu_fdw_drop_copy('crm_copy.notes'); SELECT walcu_fdw_copy('crm.notes', fill => false)"); $dbh->do("CALL walcu_fdw_fill('crm_copy.notes', ?)", undef, int($size / 3)) },
    refresh => sub { $dbh->do("SELECT walcu_fdw_refresh('crm_copy.notes')") },
    reconcile => sub { $dbh->do("SELECT walcu_fdw_reconcile('crm_copy.notes', 1)") },
    run => sub { $dbh->do("UPDATE walcu_fdw_copy_entries SET refreshed_at = refreshed_at - interval '1 day'"); $dbh->do('CALL walcu_fdw_copies_run()') },
);
my @names = ('fill', ('refresh') x 6, 'reconcile', 'reconcile', 'run');
my (%done, @made_up, @differ);

for my $round (1 .. $rounds)
{
    my $name = $round == 1 ? 'fill' : $names[ rand @names ];
    change_now() for 1 .. rand 20;
    change_within($name eq 'refresh' ? 3 : $size / 50) for 1 .. rand 6;
    my $one = rand() < 0.5 ? random_id() : undef;
    $other->do("SELECT walcu_fdw_refresh_one('crm_copy.notes', '$one')", { pg_async => 1 }) if $one && $name ne 'fill';
    $work{$name}->();
    $other->pg_result if $one && $name ne 'fill';
    $done{$name}++;
    push @made_up, map { "round $round, $name: $_" } rows_that_never_were();
    $sandbox->clear_faults;
    next if $round % 6 && $round < $rounds;
    learn_state();
    $work{reconcile}->();
    push @differ, map { "round $round: $_" } rows_that_differ();
}
is_deeply(\@made_up, [], 'no row that the CRM never had (' . join(', ', map { "$done{$_} times $_" } sort keys %done) . ')');
is_deeply([ @differ ], [], 'after a comparison with a CRM at rest the rows are the same') or diag "COPIES_SEED=$seed";
cmp_ok(scalar keys %was, '>', $size, 'documents were made');
cmp_ok(scalar @deleted, '>', 0, 'and deleted');

done_testing();

# Dates in the past, but for some documents that have none.
sub start_documents
{
    my @documents = $sandbox->dump('notes');
    for my $number (0 .. $#documents)
    {
        my $document = { _id => $documents[$number]{_id}, content => "0 of $number" };
        $document->{updated_at} = WalcuTest::LocalCopy::date($clock - 86400 - 10 * $number) if $number % 50;
        $documents[$number] = remember($document);
    }
    $sandbox->post('/_sandbox/documents/notes', [ splice @documents, 0, 5000 ]) while @documents;
    return;
}

sub remember
{
    my ($document) = @_;
    $there{ $document->{_id} } = $document;
    $was{ $document->{_id} }{ text_of($document->{content}, $document->{updated_at}) } = 1;
    return $document;
}

sub text_of
{
    my ($content, $date) = @_;
    return ($content // '') . ' of ' . ($date // 'no date');
}

# No two changes have the same date.
sub next_date
{
    my $now = Time::HiRes::time();
    $clock = $now > $clock + 0.002 ? $now : $clock + 0.002;
    return WalcuTest::LocalCopy::date($clock);
}

sub random_id
{
    my @ids = keys %there;
    return $ids[ rand @ids ];
}

# A change as the data of the sandbox: { insert => document } or { delete => _id }
sub make_change
{
    my $kind = rand;
    if ($kind < 0.2 && keys %there > $size / 2)
    {
        my $id = random_id();
        push @deleted, delete $there{$id};
        return { delete => $id };
    }
    if ($kind < 0.35 && @deleted)
    {
        # restored as it was: with the date that it had
        return { insert => remember({ %{ $deleted[ rand @deleted ] } }) };
    }
    if ($kind < 0.55)
    {
        my $id = sprintf '%08x%016x', rand() < 0.5 ? $clock : rand(2**31), int rand 2**48;
        return { insert => remember({ _id => $id, content => 'new', updated_at => next_date() }) };
    }
    return { insert => remember({ %{ $there{ random_id() } }, content => 'changed ' . int rand 1e9, updated_at => next_date() }) };
}

sub change_now
{
    my $change = make_change();
    if ($change->{insert}) { $sandbox->post('/_sandbox/documents/notes', [ $change->{insert} ]) }
    else { $sandbox->delete("/_sandbox/documents/notes/$change->{delete}") }
    return;
}

# When a reply of the next ones has been sent, if there are so many.
sub change_within
{
    my ($replies) = @_;
    my $change = make_change();
    $sandbox->fault({ match => { resource => 'notes' }, skip => int rand $replies, times => 1,
        fault => { type => 'mutate', map { $_ => { notes => [ $change->{$_} ] } } keys %$change } });
    return;
}

# What was to be changed behind replies may not have been.
sub learn_state
{
    %there = map { $_->{_id} => $_ } $sandbox->dump('notes');
    @deleted = grep { !$there{ $_->{_id} } } @deleted;
    return;
}

sub rows
{
    return @{ $dbh->selectall_arrayref(q{SELECT _id, content, to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM crm_copy.notes}) };
}

sub rows_that_never_were
{
    return map { "@$_[0, 1]" } grep { !$was{ $_->[0] }{ text_of(@$_[ 1, 2 ]) } } rows();
}

sub rows_that_differ
{
    my %copied = map { $_->[0] => text_of(@$_[ 1, 2 ]) } rows();
    my %right = map { $_ => text_of($there{$_}{content}, $there{$_}{updated_at}) } keys %there;
    return grep { ($copied{$_} // 'no row') ne ($right{$_} // 'no row') } keys %{ { %copied, %right } };
}
