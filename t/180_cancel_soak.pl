# Cancels at random moments of scans that meet random faults: the next query in the same
# session is right every time.
#
# `make soak` runs this file with SOAK_CANCELS in the environment.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use WalcuTest;

my $cancels = $ENV{SOAK_CANCELS} // 80;
srand($ENV{SOAK_SEED} // 1);

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 300 });
my $node = start_node('main', log_min_messages => 'panic', log_min_error_statement => 'panic');
my %modes = (
    pages    => { fetch_mode => 'pages' },
    parallel => { fetch_mode => 'parallel', max_connections => 8 },
    skip     => { paging => 'skip' },
    job      => { fetch_mode => 'job' },
);
setup_crm($node, $sandbox, name => $_, limit_to => ['cars'],
    server => { fetch_size => 10, on_type_mismatch => 'null', max_retry_wait => '20ms', max_retries => 20,
        results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r, %{ $modes{$_} } })
  for sort keys %modes;
my @faults = (
    { type => 'latency', ms => 30 },
    { type => 'slow', bytes => 500, ms => 5 },
    { type => 'status', status => 503 },
    { type => 'close', when => 'during' },
    { type => 'hang' },
    { type => 'truncate' },
);
my $dbh = connect_db($node);
my $other = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $pid = $dbh->{pg_pid};
my $expected = join ' ', sort map { $_->{_id} } $sandbox->dump('cars');
my @scans = ((map { "SELECT _id FROM $_.cars" } sort keys %modes), 'SELECT _id FROM pages.cars ORDER BY created_at',
    'SELECT a._id FROM parallel.cars a UNION ALL SELECT b._id FROM pages.cars b');

my (%ended, @wrong, @seconds);
for my $n (1 .. $cancels)
{
    $sandbox->fault({ probability => 0.3, seed => $n, fault => $faults[ rand @faults ] });
    $dbh->do($scans[ rand @scans ], { pg_async => 1 });
    sleep rand 0.15;
    my $began = time;
    $other->do("SELECT pg_cancel_backend($pid)");
    # newer DBD::Pg does not die of an error here
    eval { $dbh->pg_result };
    push @seconds, time - $began;
    $ended{ $dbh->state || 'right' }++;
    $sandbox->clear_faults;
    for my $mode ((sort keys %modes)[ $n % 4 ])
    {
        my $read = join ' ', sort @{ $dbh->selectcol_arrayref("SELECT _id FROM $mode.cars") };
        push @wrong, "after cancel $n: $mode" if $read ne $expected;
    }
}
is_deeply(\@wrong, [], "after each of $cancels cancels the next query is right");
cmp_ok($ended{57014} // 0, '>', $cancels / 3, 'and many of them were cancelled at work');
is_deeply($dbh->selectcol_arrayref("SELECT name FROM pg_backend_memory_contexts WHERE name LIKE 'walcu %' AND name <> 'walcu description'"),
    [], 'no memory context is left');
my @descriptors = glob("/proc/$pid/fd/*");
cmp_ok(scalar @descriptors, '<', 100, 'nor are descriptors');
@seconds = sort { $a <=> $b } @seconds;
diag sprintf 'answered after %.0f ms in the middle, %.0f ms of 99 in 100, %.0f ms at most; %s',
  map({ 1000 * $seconds[ $_ * $#seconds ] } 0.5, 0.99, 1), join ', ', map { "$ended{$_} $_" } sort keys %ended;

done_testing();
