# A service that is away for a while, as when it is deployed anew, fails no query with the default options; what waits is told
# apart from what was sent when somebody cancels; Retry-After is what the service means; and connections do not live for ever.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);
use WalcuTest;
use WalcuTest::RawServer;

my $raw = WalcuTest::RawServer->start;
my $node = start_node('main', log_min_messages => 'warning');
my $columns = '(_id text COLLATE "C", name text COLLATE "C") SERVER crm OPTIONS (resource';
$node->safe_psql('postgres', join ";\n",
    'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA t',
    'CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $raw->endpoint, dealer_id => WalcuTest::Sandbox::DEALER }),
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE t.cars $columns 'cars', fetch_mode 'pages')", "CREATE FOREIGN TABLE t.tasks $columns 'tasks')");
my $dbh = connect_db($node);
my $list = { match => '^GET \S+/cars', say => reply(200, '[{"_id": "a", "name": "x"}]', headers => ['MAPP-has-more: false']) };
my $scan = 'SELECT count(name) FROM t.cars';

# The waits of an outage are tried with a request_timeout that allows for a tenth of them
$dbh->do("ALTER SERVER crm OPTIONS (ADD request_timeout '3s')");
for my $status (502, 503, 504, 429)
{
    $raw->answer({ match => '/cars', say => reply($status, '{}'), times => 4 }, $list);
    is($dbh->selectrow_array($scan), 1, "$status four times, and the query has its rows");
    is(scalar $raw->requests, 5, 'with the fifth request');
}
$raw->answer({ match => '/cars', say => '', end => 'reset', times => 4 }, $list);
is($dbh->selectrow_array($scan), 1, 'connections that are reset, and then are not');
for my $case ([ 500, '08006' ], [ 408, '08006' ])
{
    my ($status, $sqlstate) = @$case;
    $raw->answer({ match => '/cars', say => reply($status, '{}') });
    $dbh->do("ALTER SERVER crm OPTIONS (ADD max_retry_wait '1ms')");
    is(sql_error($dbh, $scan)->{sqlstate}, $sqlstate, "$status is an error");
    is(scalar $raw->requests, 5, 'after four more requests');
    $dbh->do('ALTER SERVER crm OPTIONS (DROP max_retry_wait)');
}
$raw->answer({ match => '/cars', say => reply(503, '{}') });
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_retry_wait '1ms')");
my $error = sql_error($dbh, $scan);
is($error->{sqlstate}, '08006', 'an outage that lasts is an error');
like($error->{detail}, qr/it was tried 13 times/, 'after twelve more requests');
$dbh->do('ALTER SERVER crm OPTIONS (DROP max_retry_wait)');

# In all they take no longer than request_timeout
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '1s')");
my $free = PostgreSQL::Test::Cluster::get_free_port();
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:$free')");
for my $sql ($scan, "INSERT INTO t.tasks (name) VALUES ('x')")
{
    my $began = time;
    $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, '08001', 'nobody listens');
    cmp_ok(time - $began, '>=', 0.9, 'which is believed when request_timeout has passed');
    my ($tries) = $error->{detail} =~ /it was tried (\d+) times/;
    cmp_ok($tries, '<=', 5, 'the waits have grown meanwhile');
    cmp_ok($tries, '>=', 3, 'but there were several');
}

# The service is deployed anew: nobody listens, then it answers
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '60s', SET endpoint 'http://127.0.0.1:$free')");
{
    my $late = fork // die "no fork: $!";
    unless ($late)
    {
        # newer PostgreSQL::Test::Cluster ends the cluster for it
        $SIG{TERM} = 'DEFAULT';
        sleep 1.5;
        my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $free, Listen => 5, ReuseAddr => 1) or POSIX::_exit(1);
        my $client = $listener->accept;
        sysread $client, my $request, 65536;
        syswrite $client, $list->{say};
        sleep 5;
        POSIX::_exit(0);
    }
    is($dbh->selectrow_array($scan), 1, 'connections are refused, then one is not: the query has its rows');
    kill 'TERM', $late;
    waitpid $late, 0;
}
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $raw->endpoint ]}')");

# Retry-After: seconds of any length, or a date by the service's own clock
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_retry_wait '5s')");
for my $row (
    # Retry-After, Date, seconds that are waited at least and that the error names
    [ '1', undef, 1 ],
    [ 'Wed, 01 Jan 2020 00:00:01 GMT', 'Wed, 01 Jan 2020 00:00:00 GMT', 1 ],
    [ 'Thu, 01 Jan 2099 00:00:01 GMT', 'Thu, 01 Jan 2099 00:00:00 GMT', 1 ],
    [ 'Wed, 01 Jan 2020 00:00:00 GMT', 'Wed, 01 Jan 2020 00:00:10 GMT', 0 ],
    [ 'soon', undef, 0 ], [ '-1', undef, 0 ], [ '', undef, 0 ],
    [ '100', undef, undef, '100' ],
    [ 'Wed, 01 Jan 2020 00:01:40 GMT', 'Wed, 01 Jan 2020 00:00:00 GMT', undef, '100' ],
    [ '99999999999999999999', undef, undef, '100000000000000000000' ],
    [ '9' x 60, undef, undef, '\d{60,}' ],
  )
{
    my ($retry_after, $date, $least, $named) = @$row;
    my @headers = ("Retry-After: $retry_after", $date ? "Date: $date" : ());
    $raw->answer({ match => '/cars', say => reply(503, '{}', headers => \@headers), times => 1 }, $list);
    my $name = "Retry-After: $retry_after" . ($date ? ", Date: $date" : '');
    my $began = time;
    $error = sql_error($dbh, $scan);
    if ($named)
    {
        like($error->{hint}, qr/^The service asks (?:for a wait of|to wait) $named s\b/, "$name is too long") or diag explain $error;
        is(scalar $raw->requests, 1, 'and nothing more is asked for');
        next;
    }
    is($error, undef, "$name: the query has its rows") or diag explain $error;
    cmp_ok(time - $began, '>=', $least, 'after the wait') if $least;
}

# A cancel: what was never sent is not in doubt
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_requests_per_second '1')");
$raw->answer({ match => '^POST ', say => reply(201, '{"_id": "a"}') });
$dbh->do("SET statement_timeout = '2500ms'");
$error = sql_error($dbh, "INSERT INTO t.tasks (name) SELECT 'x' FROM generate_series(1, 10)");
$dbh->do('RESET statement_timeout');
is($error->{sqlstate}, '57014', 'an INSERT of ten rows, one a second, is cancelled');
my ($written) = $error->{detail} =~ /^(\d+|One) rows? (?:was|were) written/;
my ($unknown) = $error->{detail} =~ /not known whether (\d+|one) requests?/;
my $sent = () = $raw->requests;
is(number($written) + number($unknown), $sent, "what was sent is told, and nothing else: $error->{detail}");
cmp_ok(number($unknown), '<=', 1, 'what was answered is not in doubt');
$dbh->do('ALTER SERVER crm OPTIONS (DROP max_requests_per_second)');

# One that is sent, and not answered, is
$raw->answer({ match => '^POST ', say => '', end => 'hang' });
(undef, $error) = cancelled_when($dbh, $node, "INSERT INTO t.tasks (name) VALUES ('x')", sub { scalar $raw->requests });
like($error, qr/^DETAIL: +It is not known whether one request was carried out: POST/m, 'what was not answered is in doubt');

# Connections are replaced when they are old
$dbh->do("ALTER SERVER crm OPTIONS (ADD connection_lifetime '1s')");
$raw->answer($list);
$dbh->selectrow_array($scan) for 1 .. 2;
my @connections = map { $_->{connection} } $raw->requests;
is($connections[0], $connections[1], 'two queries, one connection');
sleep 2.1;
$dbh->selectrow_array($scan);
@connections = map { $_->{connection} } $raw->requests;
isnt($connections[2], $connections[0], 'behind its life there is another one');

done_testing();

sub number
{
    my ($word) = @_;
    return 0 unless defined $word;
    return lc $word eq 'one' ? 1 : $word;
}
