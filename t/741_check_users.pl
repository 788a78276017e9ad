# walcu_fdw_check(): rights, bad arguments, secrets, cancels, services that do not answer, credentials and dealers that are wrong.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use WalcuTest;

my $secret = 'dont-tell-4711';
my $sandbox = WalcuTest::Sandbox->start(scale => 30, auth => "basic:sandbox-app:$secret", tls => 1);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'], mapping => { username => 'sandbox-app', password => $secret });
my $dbh = connect_db($node);
my $owner = getpwuid($<);

# Bad arguments
my $check = 'SELECT * FROM walcu_fdw_check';
is(sql_error($dbh, "$check('nobody')")->{sqlstate}, '42704', 'an unknown server');
is(sql_error($dbh, "$check(NULL)")->{sqlstate}, '22004', 'no server');
is(sql_error($dbh, "$check('crm', NULL, NULL)")->{sqlstate}, '22004', 'writes or not');
my $error = sql_error($dbh, "$check('crm', 'taks')");
is($error->{sqlstate}, 'HV00R', 'an unknown resource');
is($error->{hint}, 'Perhaps you meant the resource "tasks".', 'and which it may be');
$dbh->do('CREATE FOREIGN DATA WRAPPER other');
$dbh->do('CREATE SERVER elsewhere FOREIGN DATA WRAPPER other');
is(sql_error($dbh, "$check('elsewhere')")->{sqlstate}, '42809', 'a server of another wrapper');
is(sql_error($dbh, "SELECT * FROM walcu_fdw_check_apply('elsewhere')")->{sqlstate}, '42809', 'nor is one applied');
is(sql_error($dbh, 'SELECT * FROM walcu_fdw_check_apply(NULL)')->{sqlstate}, '22004', 'or none');
$dbh->do('CREATE FOREIGN TABLE crm.people (_id text NOT NULL, first_name text) SERVER crm OPTIONS (resource \'users\')');
is(rows('crm', 'users')->{'resource users'}[0], 'ok', 'a resource that only a table names');
$dbh->do('DROP FOREIGN TABLE crm.people');

# Rights
$dbh->do('CREATE ROLE analyst LOGIN');
my $analyst = connect_db($node, user => 'analyst');
is(sql_error($analyst, "$check('crm')")->{sqlstate}, '42501', 'without USAGE');
is(sql_error($analyst, "SELECT * FROM walcu_fdw_check_apply('crm')")->{sqlstate}, '42501', 'nor is anything applied');
$dbh->do('GRANT USAGE ON FOREIGN SERVER crm TO analyst');
my $mapping = rows('crm', undef, $analyst)->{credentials};
is($mapping->[0], 'failed', 'without a user mapping');
is($mapping->[2], "CREATE USER MAPPING FOR analyst SERVER crm OPTIONS (username '<application id>', password '<secret key>')", 'which is advised');
$analyst->do("CREATE USER MAPPING FOR analyst SERVER crm OPTIONS (username 'sandbox-app', password '$secret')");
my $before = $dbh->selectrow_array("SELECT srvoptions::text FROM pg_foreign_server WHERE srvname = 'crm'");
my @tried = @{ $analyst->selectall_arrayref("SELECT * FROM walcu_fdw_check_apply('crm')") };
is(join(' ', sort map { $_->[2] } @tried), join(' ', ('not permitted') x @tried), 'a user may not apply the advice');
like($tried[0][3], qr/^The server belongs to "?\Q$owner\E"?, who may run this\.$/, 'and is told who may');
is($dbh->selectrow_array("SELECT srvoptions::text FROM pg_foreign_server WHERE srvname = 'crm'"), $before, 'nothing has changed');
$dbh->do('GRANT SELECT ON ALL TABLES IN SCHEMA crm TO analyst');

# Credentials that are wrong: nothing else is tried, and no row shows them
$sandbox->clear_log;
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'wrong-$secret')");
my $wrong = rows('crm');
is($wrong->{credentials}[0], 'failed', 'a wrong password');
like($wrong->{credentials}[1], qr/^HTTP Basic was sent, and nothing else was tried\. .*401/, 'is told as such');
like($wrong->{credentials}[1], qr/Check the user mapping's username and password.*Other kinds of credentials are token \(a bearer token\), and header_name/, 'what to check, and other kinds are named');
like($wrong->{credentials}[2], qr/^ALTER USER MAPPING FOR \S+ SERVER crm OPTIONS \(SET username '<application id>', SET password '<secret key>'\)$/, 'a correction is advised');
is(join(' ', sort keys %$wrong), join(' ', sort 'reachable', 'tls', 'latency', 'http version', 'compression', 'credentials', 'limits', 'requests'), 'the check ends there');
is($sandbox->request_count(credentials => 1), 1, 'after one request with credentials');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (DROP username, DROP password, ADD token '$secret')");
like(rows('crm')->{credentials}[1], qr/^A bearer token was sent/i, 'a token is told as such');
like(rows('crm')->{credentials}[2], qr/ OPTIONS \(SET token '<token>'\)$/, 'and so is its correction');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (DROP token, ADD header_name 'X-Key', ADD header_value '$secret')");
like(rows('crm')->{credentials}[1], qr/^The header "X-Key" was sent/, 'so is a header');
like(rows('crm')->{credentials}[2], qr/ OPTIONS \(SET header_name '<name>', SET header_value '<secret>'\)$/, 'and its correction');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (DROP header_name, DROP header_value)");
my $bare = rows('crm')->{credentials};
is($bare->[0], 'failed', 'a mapping without any');
like($bare->[2], qr/^ALTER USER MAPPING FOR \S+ SERVER crm OPTIONS \(ADD username '<application id>', ADD password '<secret key>'\)$/, 'which are advised');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (ADD username 'sandbox-app', ADD password '$secret')");

# A service that repeats what it was sent
my $basic = `printf '%s' 'sandbox-app:$secret' | base64 -w0`;
$sandbox->fault({ match => { kind => 'list', resource => 'tasks' }, fault => { type => 'status', status => 400, error => "you sent $secret and $basic" } });
$sandbox->fault({ match => { kind => 'all' }, fault => { type => 'status', status => 400, error => "again: $secret" } });
my $text = join "\n", map { join '|', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref("$check('crm')") };
like($text, qr/you sent/, 'its words are shown');
unlike($text, qr/\Q$secret\E|\Q$basic\E/, 'without the credentials');
$sandbox->clear_faults;

# Another dealer
$dbh->do("ALTER SERVER crm OPTIONS (SET dealer_id '000000000000000000000000')");
my $dealer = rows('crm');
is($dealer->{dealer}[0], 'failed', 'another dealer');
like($dealer->{dealer}[1], qr/Each of 3 resources was refused\..*403/, 'is told after three resources');
is($dealer->{sort}, undef, 'and the check ends there');
$dbh->do('ALTER SERVER crm OPTIONS (DROP dealer_id)');
my $nowhere = rows('crm');
is($nowhere->{dealer}[0], 'failed', 'no dealer at all');
is($nowhere->{dealer}[2], "ALTER SERVER crm OPTIONS (ADD dealer_id '<dealer id>')", 'which is advised');
like($nowhere->{requests}[1], qr/^1 request was sent, in/, 'after one request');
is_deeply([ map { "@$_[0, 2, 3]" } @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_check_apply('crm')") } ],
    ['dealer left to you Put the right value where the angle brackets are.'], 'and not applied as it stands');
$dbh->do("ALTER SERVER crm OPTIONS (ADD dealer_id '" . $sandbox->dealer_id . "')");

# Nobody there
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
my $port = $listener->sockport;
close $listener;
$dbh->do("CREATE SERVER nobody FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint 'http://127.0.0.1:$port', dealer_id 'x')");
my $nobody = rows('nobody');
is($nobody->{reachable}[0], 'failed', 'nobody there');
is(join(' ', sort keys %$nobody), 'reachable requests', 'and that is all there is to say');
$dbh->do("CREATE SERVER untrusted FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox->tls_endpoint . "', dealer_id 'x')");
like(rows('untrusted')->{reachable}[1], qr/certificate/i, 'a certificate that nobody knows');
$dbh->do("ALTER SERVER untrusted OPTIONS (ADD ca_file '" . $sandbox->ca_file . "', SET dealer_id '" . $sandbox->dealer_id . "')");
$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER untrusted OPTIONS (username 'sandbox-app', password '$secret')");
my $tls = rows('untrusted');
like($tls->{tls}[1], qr/^TLSv1\.[23], and the certificate was verified by the file of the option ca_file\.$/, 'TLS, and its version');
like($tls->{'http version'}[1], qr{^HTTP/2}, 'HTTP/2');
is($tls->{tables}[2], 'SELECT * FROM walcu_fdw_setup(\'untrusted\')', 'a server without tables: how to make them');

# Cancels
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'hang' } });
my $began = time;
$dbh->do("SET statement_timeout = '700ms'");
is(sql_error($dbh, "$check('crm')")->{sqlstate}, '57014', 'a check that is cancelled');
cmp_ok(time - $began, '<', 20, 'ends');
$dbh->do('RESET statement_timeout');
$sandbox->clear_faults;
is(rows('crm')->{credentials}[0], 'ok', 'and the next one begins anew');

# A cancel while a note is there: the error names it
$sandbox->fault({ match => { method => 'PUT' }, fault => { type => 'hang' } });
$dbh->do("SET statement_timeout = '15s'");
my $cancelled = sql_error($dbh, "$check('crm', 'notes', true)");
is($cancelled->{sqlstate}, '57014', 'a check of writes that is cancelled');
like($cancelled->{context}, qr/on the note [0-9a-f]{24}, which may still be there/, 'names the note');
$dbh->do('RESET statement_timeout');
$sandbox->clear_faults;

# Without documents most is unknown
$sandbox->delete("/_sandbox/documents/tasks");
my $empty = rows('crm', 'tasks');
is($empty->{sort}[0], 'unknown', 'no documents: nothing to try');
is($empty->{'resource tasks'}[1], 'Readable, with 0 documents.', 'but they are readable');

done_testing();

sub rows
{
    my ($server, $resource, $as) = @_;
    return { map { shift @$_, $_ } @{ ($as // $dbh)->selectall_arrayref("$check(?, ?)", undef, $server, $resource) } };
}
