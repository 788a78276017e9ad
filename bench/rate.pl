#!/usr/bin/perl
# rate
#   How much of what a service grants do many sessions get?  10, 50 or 100 of them ask a sandbox that answers 429
#   beyond 50 requests a second, and asks then to come again in a second.  Each sends one statement after the other: a
#   request each, or a scan of six pages.  Prints the requests a second that were served and refused, the part of the
#   statements that failed, and how many times the share of the unluckiest session the luckiest one has; with and
#   without max_requests_per_second, with and without shared_preload_libraries.
#   SECONDS, SESSIONS and BURSTS in the environment set the sizes, RETRY_AFTER what the sandbox says with a 429
#   (seconds, date or none); with ALL=1 it tries every combination.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(time sleep);
use WalcuBench;

my $seconds = 0 + ($ENV{SECONDS} // 20);
my $granted = 50;
my $form = $ENV{RETRY_AFTER} // 'seconds';
my $endpoint = $ENV{WALCU_ENDPOINT} or die "rate: run by scripts/bench\n";
my $dealer = '5f2b1c9e8d3a4b0012345678';
my %statements = (
    request => 'SELECT _id FROM crm_cars LIMIT 1',
    scan => 'SELECT count(make) FROM crm_cars',
);
my @default = (
    # sessions, burst, statement, max_requests_per_second, preloaded
    [ 10, 1, 'request', 0, 0 ],
    [ 50, 1, 'request', 0, 0 ],
    [ 50, 50, 'request', 0, 0 ],
    [ 50, 1, 'scan', 0, 0 ],
    [ 100, 1, 'request', 0, 0 ],
    [ 50, 1, 'request', 45, 0 ],
    [ 50, 1, 'request', 45, 1 ],
);
my $preloaded = 0;

sandbox_control('POST', 'reset', { seed => 1, counts => { cars => 60 } });
restart(0);
create_crm();
printf "A service that grants %d requests a second, and says Retry-After: %s; %d s each\n\n", $granted, $form, $seconds;
printf "%8s %5s %-8s %4s %9s  %9s %9s %9s %8s %9s\n", qw(sessions burst each rate preloaded served/s refused/s statements failed luckiest);
measure(@$_) for choose_situations();

sub choose_situations
{
    my @sessions = split ' ', $ENV{SESSIONS} // '10 50 100';
    my @bursts = split ' ', $ENV{BURSTS} // '1 50';
    my @all;
    unless ($ENV{ALL})
    {
        return grep { my $row = $_; grep { $_ == $row->[0] } @sessions and grep { $_ == $row->[1] } @bursts } @default;
    }
    for my $loaded (0, 1)
    {
        for my $rate (0, 45)
        {
            for my $each (qw(request scan))
            {
                for my $burst (@bursts)
                {
                    push @all, map { [ $_, $burst, $each, $rate, $loaded ] } @sessions;
                }
            }
        }
    }
    return @all;
}

sub measure
{
    my ($sessions, $burst, $each, $rate, $loaded) = @_;
    restart($loaded) if $loaded != $preloaded;
    my $dbh = connect_db();
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_requests_per_second '$rate')");
    $dbh->disconnect;
    my @pipes = map { start_session($statements{$each}) } 1 .. $sessions;
    # every session is there before the first one begins
    readline $_->{from} for @pipes;
    sandbox_control('PUT', 'settings', { rate_limit => { per_second => $granted, burst => $burst, retry_after => $form } });
    sandbox_control('DELETE', 'log');
    my $end = time + $seconds;
    syswrite $_->{to}, "$end\n" for @pipes;
    sleep 0.1 while time < $end;
    my $log = sandbox_control('POST', 'log/take');
    sandbox_control('PUT', 'settings', { rate_limit => undef });
    my @counts = map { [ split ' ', scalar readline $_->{from} ] } @pipes;
    waitpid $_->{pid}, 0 for @pipes;
    my $served = grep { ($_->{status} // 0) == 200 } @$log;
    my $refused = grep { ($_->{status} // 0) == 429 } @$log;
    my @shares = sort { $a <=> $b } map { $_->[0] } @counts;
    my ($done, $failed) = (0, 0);
    ($done, $failed) = ($done + $_->[0], $failed + $_->[1]) for @counts;
    printf "%8d %5d %-8s %4s %9s  %9.1f %9.1f %9d %7.2f%% %9s\n", $sessions, $burst, $each, $rate || '-', $loaded ? 'yes' : 'no',
      $served / $seconds, $refused / $seconds, $done, $done + $failed ? 100 * $failed / ($done + $failed) : 0,
      $shares[0] ? sprintf('%.1f', $shares[-1] / $shares[0]) : "$shares[-1]/0";
    return;
}

# A process with a session, which says that it is there, is told until when to ask, and tells how many statements
# succeeded and failed.
sub start_session
{
    my ($sql) = @_;
    pipe my $their_input, my $to or die "rate: $!\n";
    pipe my $from, my $their_output or die "rate: $!\n";
    my $pid = fork // die "rate: $!\n";
    if ($pid)
    {
        return { pid => $pid, to => $to, from => $from };
    }
    my ($done, $failed) = (0, 0);
    my $dbh = connect_db();
    syswrite $their_output, "ready\n";
    my $end = readline $their_input;
    while (time < $end)
    {
        my $succeeded = eval { $dbh->selectrow_array($sql); 1 };
        last if time >= $end + 0.5;
        $succeeded ? $done++ : $failed++;
    }
    syswrite $their_output, "$done $failed\n";
    $dbh->disconnect;
    require POSIX;
    POSIX::_exit(0);
}

sub create_crm
{
    my $dbh = connect_db();
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw',
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
             OPTIONS (endpoint '$endpoint', dealer_id '$dealer', max_requests_per_second '0')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
        q{CREATE FOREIGN TABLE crm_cars (_id text COLLATE "C" NOT NULL, make text COLLATE "C")
              SERVER crm OPTIONS (resource 'cars', fetch_size '10')});
    $dbh->disconnect;
    return;
}

# The stage's cluster lies beside its socket.
sub restart
{
    ($preloaded) = @_;
    my $options = '-c max_connections=150' . ($preloaded ? ' -c shared_preload_libraries=walcu_fdw' : '');
    system('pg_ctl', 'restart', '--silent', '--wait', '--mode=fast', "--pgdata=$ENV{PGHOST}/data", "--log=$ENV{PGHOST}/server.log",
        "--options=$options") == 0
      or die "rate: PostgreSQL does not restart\n";
    return;
}
