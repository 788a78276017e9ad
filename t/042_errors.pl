# What is told when the service answers badly or not at all, and which requests are not repeated.  The
# ways to answer badly, and what becomes of a scan then, are in 040.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Listener;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 100 }, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => {
    fetch_size => 10, request_timeout => '700ms', connect_timeout => '300ms', max_retries => 2, max_retry_wait => '20ms' });
my $dbh = connect_db($node);
my $expected = join ' ', sort map { $_->{_id} } $sandbox->dump('cars');
my $scan = 'SELECT _id FROM crm.cars';
my $write = q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, '{}')};

# Reads that get no reply are repeated, as often as max_retries says; on a connection that was used before
# libcurl does so, too.  Writes never are, neither on a new connection nor on one that was used.
my $closed = { type => 'close', when => 'before' };
$sandbox->fault({ match => { kind => 'list' }, fault => $closed });
$sandbox->fault({ match => { kind => 'create' }, fault => $closed });
$dbh = connect_db($node);
$sandbox->clear_log;
check('08006', 'a read that gets no reply', $scan);
is($sandbox->request_count, 3, 'is sent three times');
$sandbox->clear_log;
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '0')");
$dbh = connect_db($node);
check('08006', 'a read that gets no reply, without retries', $scan);
is($sandbox->request_count, 1, 'is sent once');
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '2')");
$sandbox->clear_log;
check('08007', 'a write that gets no reply', $write);
is($sandbox->request_count, 1, 'is not repeated');
$sandbox->clear_faults;
check('right', 'a connection is used', $scan, $expected);
$sandbox->clear_log;
for my $fault ($closed, { type => 'close', when => 'during' }, { type => 'truncate' })
{
    $sandbox->fault({ match => { kind => 'create' }, fault => $fault });
    $sandbox->clear_log;
    isnt(sql_error($dbh, $write), undef, "a write after reads fails for a $fault->{type}");
    is($sandbox->request_count, 1, 'and is not repeated');
    $sandbox->clear_faults;
}

# A write that the service refused to handle is
$sandbox->clear_log;
$sandbox->fault({ match => { kind => 'create' }, times => 1, fault => { type => 'status', status => 429 } });
is(sql_error($dbh, $write), undef, 'a write that is one too many is sent again');
is_deeply([ map { $_->{status} } $sandbox->log ], [ 429, 200 ], 'once');
$sandbox->clear_log;
$sandbox->fault({ match => { kind => 'create' }, times => 1, fault => { type => 'status', status => 503 } });
check('08006', 'a write that fails for whatever reason', $write);
is($sandbox->request_count, 1, 'is not');
$sandbox->clear_faults;
$sandbox->reset;

# However long it is, and however busy this machine
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '60s')");
my $long = 'x' x 9_000_000;
my $stored = $dbh->selectrow_array(q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, ?)->>'make'}, undef,
    qq({"_id": "long", "make": "$long"}));
is(length($stored // ''), length $long, 'a write of nine million bytes arrives');
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '700ms')");
check('HV00R', 'a reply after that', q{SELECT walcu_fdw_request('crm', 'GET', '/bikes')});
isnt(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'DELETE', '/cars/long', jsonb_build_object('x', ?::text))}, $long), undef,
    'a URL that is longer than can be sent is an error');
$sandbox->reset;

# Nobody is there yet
{
    my $later = WalcuTest::Sandbox->start(scale => 50, count => { cars => 100 }, ids => 'string');
    my $port = $later->port;
    $later->stop;
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:$port', SET max_retries '20', SET max_retry_wait '2s', SET request_timeout '60s')");
    my $session = connect_db($node);
    my $statement = $session->prepare($scan, { pg_async => 1 });
    $statement->execute;
    $later = WalcuTest::Sandbox->start(scale => 50, count => { cars => 100 }, port => $port, ids => 'string');
    $session->pg_result;
    is(join(' ', sort map { $_->[0] } @{ $statement->fetchall_arrayref }), $expected,
        'a scan that begins before the service does gets the whole answer');
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $sandbox->endpoint ]}', SET max_retries '2', SET max_retry_wait '20ms', SET request_timeout '700ms')");
}

# The service's words reach the user, without what must stay secret
my $error = error_of({ type => 'status', status => 403, error => "no\trights for sandbox-secret here" });
like($error->{message}, qr/^server "crm" answered 403: no rights for \*+ here$/, 'the message');
like($error->{detail}, qr{^The request was GET /cars\?}, 'the request');
like($error->{hint}, qr/user mapping/, 'the hint');
$error = error_of({ type => 'status', status => 500, error => 'out of order' });
like($error->{message}, qr/^server "crm" answered 500: out of order$/, 'the message of what was tried again');
like($error->{detail}, qr{^The request was GET /cars\?.*; it was tried 3 times\.$}, 'the detail says how often');

# Where redirects lead is told, and nobody goes there
$sandbox->clear_log;
$error = error_of({ type => 'redirect', location => $sandbox->results_endpoint . '/stolen', status => 307 });
like($error->{detail}, qr{/stolen}, 'the detail names the place');
is($sandbox->request_count, 1, 'nobody followed the redirect');

# Wrong credentials, wrong dealer, nobody there, a name that does not exist
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'wrong')");
check('28000', 'a wrong password', $scan);
$dbh->do('DROP USER MAPPING FOR CURRENT_USER SERVER crm');
check('42704', 'no user mapping', $scan);
$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')");
$dbh->do("ALTER SERVER crm OPTIONS (SET dealer_id 'someone-else')");
check('42501', 'a wrong dealer', $scan);
$dbh->do("ALTER SERVER crm OPTIONS (SET dealer_id '@{[ $sandbox->dealer_id ]}')");
$dbh->do('CREATE FOREIGN TABLE crm.bikes (_id text) SERVER crm');
my $read = 'SELECT _id FROM crm.bikes';
check('HV00R', 'a resource that does not exist', $read);
for (
    [ 'http://127.0.0.1:1', 'a port where nobody listens' ],
    [ 'https://127.0.0.1:' . $sandbox->port, 'TLS where none is spoken' ],
    [ 'https://no-such-host.invalid', 'a host that does not exist' ],
  )
{
    my ($endpoint, $name) = @$_;
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '$endpoint')");
    check('08001', $name, $read);
    check('08001', "a write to $name", $write);
}

# While a connection is being made nothing is sent, so that a write is known not to be done
my $silent = WalcuTest::Listener->start;
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'https://127.0.0.1:" . $silent->port . "')");
check('08001', "connect_timeout ends $_->[0]", $_->[1]) for [ 'a read', $read ], [ 'a write', $write ];
$dbh->do("ALTER SERVER crm OPTIONS (SET connect_timeout '1min', SET request_timeout '300ms')");
check('08001', "request_timeout ends $_->[0] before it is sent", $_->[1]) for [ 'a read', $read ], [ 'a write', $write ];
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:" . $silent->port . "')");
check('08006', 'request_timeout ends a read that was sent', $read);
check('08007', 'request_timeout ends a write that was sent', $write);

# Answers that are no HTTP, or not what their head promises
for (
    [ "SSH-2.0-OpenSSH_9.2\r\n", 'another protocol' ],
    [ "[]", 'a body without a head' ],
    [ "HTTP/7.3 200 OK\r\n\r\n[]", 'a future version' ],
    [ "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n[]", 'a length that is no number' ],
    [ "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n[{}]", 'no gzip' ],
  )
{
    my ($words, $name) = @$_;
    my $odd = WalcuTest::Listener->start($words);
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:" . $odd->port . "')");
    check('08P01', "a read gets $name", $read);
    check('08007', "a write gets $name", $write);
}

done_testing();

# A statement gives these ids, in any order, or an error.
sub check
{
    my ($outcome, $name, $sql, $right) = @_;
    my $ids = eval { $dbh->selectcol_arrayref($sql) };
    my $got = !$ids ? $dbh->state : join(' ', sort @$ids) eq $right ? 'right' : 'WRONG';
    is($got, $outcome, $name) or diag($dbh->errstr // '');
    return;
}

# The error of a scan that always gets this answer.
sub error_of
{
    my ($fault) = @_;
    $sandbox->fault({ match => { kind => 'list' }, fault => $fault });
    my $error = sql_error($dbh, $scan);
    $sandbox->clear_faults;
    return $error;
}
