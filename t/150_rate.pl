# max_requests_per_second: no request is sent sooner than the rate allows, by one backend
# or, where memory is shared, by several together; waiting for it can be cancelled and is
# no failure of the service.
#
# A table takes a dozen requests and a few more: how the ranges of _id are cut that are read side by side hangs on when
# each is answered.  Nothing here says that requests are fast.  A bound is counted from a moment before the
# first request, as one that is slow to arrive makes the next ones seem close behind it.

use strict;
use warnings;

use POSIX qw(floor);
use Test::More;
use Time::HiRes qw(time sleep);
use Time::Local qw(timegm);
use WalcuTest;

use constant BUCKETS => 1024;

my $one = 'SELECT _id FROM crm.cars LIMIT 1';    # request

my $sandbox = WalcuTest::Sandbox->start(scale => 60, count => { cars => 60, clients => 60 });
my %setup = (server => { fetch_size => 5, max_requests_per_second => 4 }, limit_to => [qw(cars clients)]);

# What waits for the wrong thing here waits for a quarter of an hour
my %settings = (statement_timeout => "'100s'");

my $node = start_node('main', %settings);
setup_crm($node, $sandbox, %setup);
my $dbh = connect_db($node);
my $other = connect_db($node);
my $version = $dbh->{pg_server_version};

# The rate of one backend
set_rate($dbh, 0);
start_counting();
count_rows($dbh, 'cars');
my $pages = $sandbox->request_count(kind => 'list');
cmp_ok($pages, '>=', 12, 'without a rate a table takes a dozen requests');
for my $rate (4, 2.5)
{
    set_rate($dbh, $rate);
    my $start = start_counting();
    is(count_rows($dbh, 'cars'), 60, "every row comes at $rate requests a second");
    my @requests = $sandbox->log(kind => 'list');
    cmp_ok(scalar @requests, '>=', 12, 'with a dozen requests');
    cmp_ok(scalar @requests, '<=', $pages + 2, 'and not more than without a rate, but for how ranges are cut');
    is_deeply([ too_early($rate, $start, @requests) ], [], 'none of them too early');
}

# The rate of two backends at once
my $preloaded = start_node('preloaded', %settings, shared_preload_libraries => "'walcu_fdw'");
setup_crm($preloaded, $sandbox, %setup);
for (
    [ preloaded => connect_db($preloaded), connect_db($preloaded) ],
    [ 'not preloaded' => $dbh, $other ],
  )
{
    my ($way, @backends) = @$_;
    my $shared = $way eq 'preloaded' || $version >= 170000;
    my $rate = 5;
    set_rate($backends[0], $rate);
    my $start = start_counting();
    my @tables = qw(cars clients);
    $backends[$_]->do("SELECT count(*) FROM (SELECT _id FROM crm.$tables[$_] OFFSET 0) t", { pg_async => 1 }) for 0, 1;
    is($_->pg_result, 1, "$way: a backend has its answer") for @backends;

    my %requests = map { ($_ => [ $sandbox->log(kind => 'list', resource => $_) ]) } @tables;
    cmp_ok(scalar @{ $requests{$_} }, '>=', 12, "$way: all requests for $_ were sent") for @tables;
    is_deeply([ too_early($rate, $start, @{ $requests{$_} }) ], [], "$way: none for $_ too early") for @tables;
    is_deeply([ too_early($rate, $start, map { @$_ } values %requests) ], [], "$way: nor both together") if $shared;
    next if $version >= 170000;
    is($backends[0]->selectrow_array("SELECT count(*) FROM pg_shmem_allocations WHERE name = 'walcu_fdw rates'"),
        $shared ? 1 : 0, "$way: memory is shared only then");
}
$preloaded->stop;

# Time spent waiting is not the service's: each wait is longer than these timeouts
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '20', ADD request_timeout '2s', ADD connect_timeout '2s')");
set_rate($dbh, 0.4);
my $start = start_counting();
is(count_rows($dbh, 'cars'), 60, 'waiting counts towards no timeout');
is_deeply([ too_early(0.4, $start, $sandbox->log(kind => 'list')) ], [], 'and it was waited');
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '5', DROP request_timeout, DROP connect_timeout)");

# A change counts for the next request: a lower rate, and a higher one, at which nobody
# waits for what was taken at the lower
set_rate($dbh, 1000);
is(count_rows($dbh, 'cars'), 60, 'a high rate');
set_rate($dbh, 4);
$start = start_counting();
is(count_rows($dbh, 'cars'), 60, 'is lowered');
is_deeply([ too_early(4, $start, $sandbox->log(kind => 'list')) ], [], 'and kept at once');

set_rate($dbh, 0.001);
$dbh->do($one);
is(state_of($dbh, $one, '1s'), '57014', 'at a low rate the second request waits');
set_rate($dbh, 100);
is(state_of($dbh, $one), '', 'at a higher one it waits 1000 seconds no more');

# Cancelled while it waits, a request is not sent, and its place is free again: thirty of
# them would make a minute of the two seconds that this one has to wait
set_rate($dbh, 0.001);
$dbh->do($one);
start_counting();
my %states;
$states{ state_of_cancel() }++ for 1 .. 30;
is_deeply(\%states, { '57014' => 30 }, 'a query is cancelled while it waits for its turn');
is($sandbox->request_count, 0, 'and has sent nothing');
set_rate($dbh, 0.5);
is(state_of($dbh, $one, '40s'), '', 'and those that follow do not wait for it');
is($sandbox->request_count, 1, 'but for themselves');

# More servers than there is room for
my $session = connect_db($node);
my ($request, $options) = ("walcu_fdw_request('%s', 'GET', '/cars', '{\"limit\": 1}')",
    options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, max_requests_per_second => 0.001 }));
my $ask = 'SELECT ' . sprintf $request, 'kept';
create_server($session, 'kept');
$session->do($ask);
ask_new_servers(BUCKETS - 1);
is(state_of($session, $ask, '500ms'), '57014', 'a server is remembered next to 1,023 newer ones');
ask_new_servers(1);
is(state_of($session, $ask), '', 'of one more than there is room for, the oldest is forgotten');
is(state_of($session, $ask, '500ms'), '57014', 'until it is used again');

done_testing();

sub set_rate
{
    my ($dbh, $rate) = @_;
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_requests_per_second '$rate')");
    return;
}

# Empties the sandbox's log; returns the time.
sub start_counting
{
    $sandbox->clear_log;
    return time;
}

# Newer PostgreSQL makes count(*) of count(_id), which takes fewer requests than reading.
sub count_rows
{
    my ($dbh, $table) = @_;
    return scalar $dbh->selectrow_array("SELECT count(*) FROM (SELECT _id FROM crm.$table OFFSET 0) t");
}

# The requests that came sooner than a rate allows that counts from a moment on: first as
# many at once as go into a second, then one after the other.
sub too_early
{
    my ($rate, $start, @requests) = @_;
    my $burst = $rate >= 1 ? floor($rate) : 1;
    my @times = sort { $a <=> $b } map { epoch($_->{started_at}) } @requests;
    my @early;
    for my $n (0 .. $#times)
    {
        # two clocks, and one of milliseconds
        my $early = $start + ($n + 1 - $burst) / $rate - 0.01 - $times[$n];
        push @early, sprintf 'request %d by %.3f s', $n, $early if $n >= $burst && $early > 0;
    }
    return @early;
}

sub epoch
{
    my ($text) = @_;
    my ($year, $month, $day, $hour, $minute, $second) = $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z$/ or die $text;
    return timegm(0, $minute, $hour, $day, $month - 1, $year) + $second;
}

# The SQLSTATE of a query, which may be given so much time; '' for success.
sub state_of
{
    my ($dbh, $sql, $timeout) = @_;
    $dbh->do("SET statement_timeout = '$timeout'") if $timeout;
    my $error = sql_error($dbh, $sql);
    $dbh->do('RESET statement_timeout');
    return $error ? $error->{sqlstate} : '';
}

# The SQLSTATE of a query that is cancelled while it waits.
sub state_of_cancel
{
    my $pid = $dbh->{pg_pid};
    $dbh->do($one, { pg_async => 1 });
    sleep 0.01
      until $other->selectrow_array("SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid")
      || $dbh->pg_ready;
    $other->do("SELECT pg_cancel_backend($pid)");
    eval { $dbh->pg_result };
    return $dbh->state;
}

sub create_server
{
    my ($dbh, $name) = @_;
    $dbh->do("CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw $options");
    $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $name " . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    return;
}

# One request to each of so many servers, which are dropped at once.
sub ask_new_servers
{
    my ($number) = @_;
    for (1 .. $number)
    {
        $session->begin_work;
        create_server($session, 'passing');
        $session->do('SELECT ' . sprintf $request, 'passing');
        $session->do('DROP SERVER passing CASCADE');
        $session->commit;
    }
    return;
}
