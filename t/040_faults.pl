# A service that misbehaves: the whole right answer, or the documented error; never a
# short answer.  Each fault hits the first, a middle and the last request of a scan,
# and a request by id.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Listener;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 100 });
my $node = start_node();
setup_crm($node, $sandbox,
    server => { fetch_size => 10, request_timeout => '700ms', connect_timeout => '500ms' },
    limit_to => ['cars']);
my $dbh = connect_db($node);
my $expected = join ' ', map { $_->{_id} } $sandbox->dump('cars');
my ($id) = split / /, $expected;
my $last_request = 9;

# Fault, what a list gives, and what a request by id gives: an SQLSTATE, or right for
# the whole right answer.
my @faults = (
    [ { type => 'latency', ms => 100 }, 'right', 'right' ],
    [ { type => 'latency', ms => 1500 }, '08006', '08006' ],
    [ { type => 'hang' }, '08006', '08006' ],
    [ { type => 'status', status => 400, error => 'Cast to ObjectId failed' }, '22023', '22023' ],
    [ { type => 'status', status => 401 }, '28000', '28000' ],
    [ { type => 'status', status => 403 }, '42501', '42501' ],
    [ { type => 'status', status => 404 }, 'HV00R', 'none' ],
    [ { type => 'status', status => 408 }, '08006', '08006' ],
    [ { type => 'status', status => 409 }, '23505', '23505' ],
    [ { type => 'status', status => 414 }, '54000', '54000' ],
    [ { type => 'status', status => 418 }, 'HV000', 'HV000' ],
    [ { type => 'status', status => 422 }, '23514', '23514' ],
    [ { type => 'status', status => 429, retry_after => 1 }, '53400', '53400' ],
    [ { type => 'status', status => 500 }, '08006', '08006' ],
    [ { type => 'status', status => 503, retry_after => 1 }, '08006', '08006' ],
    [ { type => 'close', when => 'before' }, 'right', 'right' ],    # curl asks again on a new connection
    [ { type => 'close', when => 'during' }, '08006', '08006' ],
    [ { type => 'close', when => 'after' }, 'right', 'right' ],
    [ { type => 'truncate' }, '08P01', '08P01' ],
    [ { type => 'invalid_json' }, '08P01', '08P01' ],
    [ { type => 'slow', bytes => 200, ms => 5 }, 'right', 'right' ],
    [ { type => 'slow', bytes => 1, ms => 20 }, '08006', '08006' ],
    [ { type => 'redirect', location => 'http://127.0.0.1:1/elsewhere', status => 302 }, '08P01', '08P01' ],
    [ { type => 'content_type', value => 'text/html' }, '08P01', '08P01' ],
    [ { type => 'content_type', value => 'application/json; charset=utf-8' }, 'right', 'right' ],
    [ { type => 'has_more', value => 'missing' }, 'right', 'right' ],
    [ { type => 'page_cap', value => 3 }, 'right', 'right' ],
    [ { type => 'ignore', limit => JSON::PP::true() }, 'right', 'right' ],
    [ { type => 'ignore', project => JSON::PP::true() }, 'right', 'right' ],
    [ { type => 'ignore', sort => JSON::PP::true() }, 'HV000', 'right' ],
    [ { type => 'reply', status => 200, body => '' }, '08P01', '08P01' ],
    [ { type => 'reply', status => 204, body => '' }, '08P01', '08P01' ],
);

my %outcomes;
for my $row (@faults)
{
    my ($fault, $list, $get) = @$row;
    my $name = join ' ', map { "$_=$fault->{$_}" } sort keys %$fault;
    for my $skip (0, 4, $last_request)
    {
        $sandbox->clear_faults;
        $sandbox->fault({ match => { kind => 'list' }, skip => $skip, times => 1, fault => $fault });
        check($list, "$name on request $skip", 'SELECT _id FROM crm.cars', $expected);
    }
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'get' }, times => 1, fault => $fault });
    check($get, "$name by id", "SELECT _id FROM crm.cars WHERE _id = '$id'", $get eq 'none' ? '' : $id);
    $sandbox->clear_faults;
    is(join(' ', @{ $dbh->selectcol_arrayref('SELECT _id FROM crm.cars') }), $expected,
        "$name: the next statement works");
}
diag 'outcomes: ' . join ', ', map { "$outcomes{$_} $_" } sort keys %outcomes;

# On a connection of its own, a request that gets no reply is not repeated.
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'close', when => 'before' } });
$dbh = connect_db($node);
$sandbox->clear_log;
check('08006', 'closed before the reply, always', 'SELECT _id FROM crm.cars', '');
is($sandbox->request_count, 1, 'and one request was made');
$sandbox->clear_log;
$dbh = connect_db($node);
check('08007', 'a write that gets no reply', q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, '{}')}, '')
  if $sandbox->fault({ match => { kind => 'create' }, fault => { type => 'close', when => 'before' } });
is($sandbox->request_count, 1, 'is not repeated');
$sandbox->clear_faults;
check('right', 'a connection is opened', 'SELECT _id FROM crm.cars', $expected);
$sandbox->clear_log;
$sandbox->fault({ match => { kind => 'create' }, fault => { type => 'close', when => 'before' } });
check('08007', 'a write after reads', q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, '{}')}, '');
is($sandbox->request_count, 1, 'is not repeated on another connection');
$sandbox->clear_faults;

# q ignored: the second page would begin anew
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', q => JSON::PP::true() } });
check('HV000', 'q ignored', 'SELECT _id FROM crm.cars', '');
$sandbox->clear_faults;

# has-more says that more follow, and nothing follows
$sandbox->fault({ match => { kind => 'list' }, skip => 9, fault => { type => 'has_more', value => 'true' } });
check('08P01', 'has-more is wrong', 'SELECT _id FROM crm.cars', '');
$sandbox->clear_faults;

# The service's words reach the user, without what must stay secret
$sandbox->fault({ match => { kind => 'list' },
    fault => { type => 'status', status => 403, error => "no\trights for sandbox-token here" } });
my $error = sql_error($dbh, 'SELECT _id FROM crm.cars');
like($error->{message}, qr/^server "crm" answered 403: no rights for \*+ here$/, 'the message');
like($error->{detail}, qr{^The request was GET /cars\?}, 'the request');
like($error->{hint}, qr/user mapping/, 'the hint');
$sandbox->clear_faults;

# Where redirects lead is told, and nobody goes there
$sandbox->clear_log;
$sandbox->fault({ match => { kind => 'list' },
    fault => { type => 'redirect', location => $sandbox->results_endpoint . '/stolen', status => 307 } });
$error = sql_error($dbh, 'SELECT _id FROM crm.cars');
like($error->{detail}, qr{/stolen}, 'the detail names the place');
is($sandbox->request_count, 1, 'nobody followed the redirect');
$sandbox->clear_faults;

# Wrong credentials, wrong dealer, nobody there, a name that does not exist
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET token 'wrong')");
check('28000', 'a wrong token', 'SELECT _id FROM crm.cars', '');
$dbh->do('DROP USER MAPPING FOR CURRENT_USER SERVER crm');
check('42704', 'no user mapping', 'SELECT _id FROM crm.cars', '');
$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token 'sandbox-token')");
$dbh->do("ALTER SERVER crm OPTIONS (SET dealer_id 'someone-else')");
check('42501', 'a wrong dealer', 'SELECT _id FROM crm.cars', '');
$dbh->do("ALTER SERVER crm OPTIONS (SET dealer_id '" . $sandbox->dealer_id . "')");
$dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS (SET resource 'bikes')")
  if $dbh->selectrow_array("SELECT 1 FROM information_schema.foreign_table_options WHERE option_name = 'resource'");
$dbh->do("CREATE FOREIGN TABLE crm.bikes (_id text) SERVER crm");
check('HV00R', 'a resource that does not exist', 'SELECT _id FROM crm.bikes', '');
for (
    [ 'http://127.0.0.1:1', 'a port where nobody listens' ],
    [ 'https://127.0.0.1:' . $sandbox->port, 'TLS where none is spoken' ],
    [ 'https://no-such-host.invalid', 'a host that does not exist' ],
  )
{
    my ($endpoint, $name) = @$_;
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '$endpoint')");
    check('08001', $name, 'SELECT _id FROM crm.bikes', '');
}

# While a connection is being made nothing is sent, so that a write is known not to be done
my $silent = WalcuTest::Listener->start;
my $write = q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, '{}')};
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'https://127.0.0.1:" . $silent->port . "')");
check('08001', "connect_timeout ends $_->[0]", $_->[1], '')
  for [ 'a read', 'SELECT _id FROM crm.bikes' ], [ 'a write', $write ];
$dbh->do("ALTER SERVER crm OPTIONS (SET connect_timeout '1min', SET request_timeout '300ms')");
check('08001', "request_timeout ends $_->[0] before it is sent", $_->[1], '')
  for [ 'a read', 'SELECT _id FROM crm.bikes' ], [ 'a write', $write ];
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:" . $silent->port . "')");
check('08006', 'request_timeout ends a read that was sent', 'SELECT _id FROM crm.bikes', '');
check('08007', 'request_timeout ends a write that was sent', $write, '');

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
    check('08P01', "a read gets $name", 'SELECT _id FROM crm.bikes', '');
    check('08007', "a write gets $name", $write, '');
}

done_testing();

sub check
{
    my ($outcome, $name, $sql, $right) = @_;
    my $ids = eval { $dbh->selectcol_arrayref($sql) };
    my $got = $ids ? (join(' ', @$ids) eq $right ? ($right eq '' ? 'none' : 'right') : 'WRONG') : $dbh->state;
    $outcomes{$got}++;
    is($got, $outcome, $name) or diag($dbh->errstr // '');
    return;
}
