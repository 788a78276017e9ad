# Ctrl-C and statement_timeout act in each phase of a request, and the session goes on as if nothing
# had been.  The service would leave the statement waiting for an hour.  STRICT_TIMES in the
# environment, as make soak sets it, also wants an end within 100 ms: that takes a machine with nothing else
# to do.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 100 });
my $node = start_node();
setup_crm($node, $sandbox, server => { fetch_size => 10, request_timeout => '1h', connect_timeout => '1h' }, limit_to => ['cars']);
my $dbh = connect_db($node);
my $other = connect_db($node);
my $pid = $dbh->{pg_pid};

# A port that accepts nobody: its queue is full, so that connecting does not end.
my $deaf = IO::Socket::INET->new(Listen => 0, LocalAddr => '127.0.0.1') or die $!;
my @queue = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $deaf->sockport, Blocking => 0)
} 1 .. 4;

my @phases = (
    [ 'connecting', undef, 'http://127.0.0.1:' . $deaf->sockport ],
    [ 'waiting for the first reply', { type => 'hang' } ],
    [ 'waiting for a later reply', { type => 'hang' }, undef, 5 ],
    [ 'in the middle of a body', { type => 'slow', bytes => 10, ms => 50 } ],
    [ 'in the middle of a later body', { type => 'slow', bytes => 10, ms => 50 }, undef, 5 ],
);
for my $row (@phases)
{
    my ($phase, $fault, $endpoint, $skip) = @$row;
    for my $way (qw(cancel timeout))
    {
        $sandbox->clear_faults;
        $sandbox->fault({ match => { kind => 'list' }, skip => $skip // 0, fault => $fault }) if $fault;
        $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . ($endpoint // $sandbox->endpoint) . "')");

        my ($delay, $sqlstate) = run_and_stop($way);
        is($sqlstate, '57014', "$way acts while $phase");
        is_soon($delay);

        $sandbox->clear_faults;
        $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->endpoint . "')");
        is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), 100, 'the next query is right');
    }
}

# The same for a call that IMPORT and walcu_fdw_request make
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'hang' } });
my ($delay, $sqlstate) = run_and_stop('cancel', 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public');
is($sqlstate, '57014', 'cancel acts during IMPORT FOREIGN SCHEMA');
is_soon($delay);
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'get' }, fault => { type => 'hang' } });
($delay, $sqlstate) = run_and_stop('cancel', "SELECT walcu_fdw_request('crm', 'GET', '/cars/x')");
is($sqlstate, '57014', 'cancel acts during walcu_fdw_request()');
is_soon($delay);
$sandbox->clear_faults;

# Nothing is left behind: neither descriptors nor memory of curl's
my $before = descriptors();
for my $n (1 .. 50)
{
    $sandbox->fault({ match => { kind => 'list' }, skip => $n % 5, times => 1, fault => { type => 'hang' } });
    $dbh->do("SET statement_timeout = '30ms'");
    eval { $dbh->do('SELECT _id FROM crm.cars') };
    $dbh->do('RESET statement_timeout');
    $sandbox->clear_faults;
}
cmp_ok(descriptors(), '<=', $before + 2, 'fifty cancelled scans leave no descriptor open');

done_testing();

# Run a query and stop it after a while; returns the seconds from then to its end, and
# its SQLSTATE.
sub run_and_stop
{
    my ($way, $sql) = @_;
    $sql //= 'SELECT _id FROM crm.cars';
    my $wait = 0.4;
    $dbh->do(sprintf "SET statement_timeout = '%dms'", $way eq 'timeout' ? $wait * 1000 : 0);
    my $start = time;
    $dbh->do($sql, { pg_async => 1 });
    if ($way eq 'cancel')
    {
        sleep $wait;
        $start = time;
        $other->do("SELECT pg_cancel_backend($pid)");
    }
    else
    {
        $start += $wait;
    }
    eval { $dbh->pg_result };
    my $delay = time - $start;
    my $sqlstate = $dbh->state;
    $dbh->do('RESET statement_timeout');
    return ($delay, $sqlstate);
}

sub is_soon
{
    my ($delay) = @_;
    note sprintf 'after %.0f ms', 1000 * $delay;
    cmp_ok($delay, '<', 0.1, 'within 100 ms') if $ENV{STRICT_TIMES};
    return;
}

sub descriptors
{
    my @open = glob("/proc/$pid/fd/*");
    return scalar @open;
}
