# What a user is told whose credentials the service does not take: which kind was sent, and which others there are.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 20 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_retries => 0 });
my $dbh = connect_db($node);
my $scan = 'SELECT _id FROM crm.cars';
my $call = q{SELECT walcu_fdw_request('crm', 'GET', '/cars')};
my $write = q{INSERT INTO crm.cars (make) VALUES ('x')};

my $basic = 'username with password (HTTP Basic: the application id and the secret key)';
my $token = 'token (a bearer token)';
my $header = 'header_name with header_value (a header of any name)';
for my $row (
    [ { username => 'app', password => 'hidden' }, 'HTTP Basic', 'username and password, which are the application id and the secret key', $token, $header ],
    [ { token => 'hidden' }, 'a bearer token', 'token', $basic, $header ],
    [ { header_name => 'X-Secret-Key', header_value => 'hidden' }, 'the header "X-Secret-Key"', 'header_name and header_value', $basic, $token ],
    [ { header_name => 'Authorization', header_value => 'ApiKey hidden' }, 'the header "Authorization"', 'header_name and header_value', $basic, $token ],
    [ { header_name => 'Cookie', header_value => 'session=hidden' }, 'the header "Cookie"', 'header_name and header_value', $basic, $token ],
  )
{
    my ($options, $sent, $check, @others) = @$row;
    $dbh->do('DROP USER MAPPING FOR CURRENT_USER SERVER crm');
    $dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER crm ' . options_sql($options));
    for my $sql ($scan, $call, $write)
    {
        my $error = error_at(401, $sql);
        is($error->{sqlstate}, '28000', "401 to $sql");
        is($error->{hint}, "The request was sent with $sent. Check the user mapping's $check. Other kinds of credentials are $others[0], and $others[1].", "sent: $sent");
        unlike(join(' ', map { $_ // '' } values %$error), qr/hidden/, 'and no secret is shown');
        $error = error_at(403, $sql);
        is($error->{sqlstate}, '42501', "403 to $sql");
        is($error->{hint}, "The credentials of the user mapping ($sent) do not allow this; check them and dealer_id.", "sent: $sent");
    }
}

# The description is asked for without any
for my $status (401, 403)
{
    my $error = error_at($status, 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public');
    like($error->{hint}, qr/without credentials\. .*source 'bundled'/, "$status to an import");
}

# A storage host that results redirect to gets none
{
    $dbh->do('ALTER SERVER crm OPTIONS (ADD fetch_mode \'job\', ADD results_hosts \'' . join(',', map { s{^https?://}{}r } $sandbox->results_endpoint, $sandbox->storage_endpoint) . '\')');
    $sandbox->settings(results => 'redirect', auth => 'header:Cookie:session=hidden');
    $sandbox->fault({ match => { listener => 'storage' }, fault => { type => 'status', status => 403 } });
    my $error = sql_error($dbh, $scan);
    is($error->{sqlstate}, '42501', '403 of a storage host');
    like($error->{hint}, qr/^No credentials were sent there, as a redirect led to it; .*expired\.$/, 'the hint says that none were sent');
    unlike(join(' ', map { $_ // '' } values %$error), qr/Signature/, 'and no signature is shown');
    $sandbox->clear_faults;
}

# A user who has none is told how to give them
$dbh->do('DROP USER MAPPING FOR CURRENT_USER SERVER crm');
my $user = $dbh->selectrow_array('SELECT quote_ident(current_user)');
for my $sql ($scan, $call, $write)
{
    my $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, '42704', "no user mapping: $sql");
    is($error->{message}, qq{user mapping not found for user "$user", server "crm"}, 'the message says whose');
    is($error->{hint}, "Use CREATE USER MAPPING FOR $user SERVER crm OPTIONS (username 'APPLICATION ID', password 'SECRET KEY'), or ask the owner of the server for it.", 'the hint says how');
}
$dbh->do('CREATE USER MAPPING FOR PUBLIC SERVER crm ' . options_sql({ header_name => 'Cookie', header_value => 'session=hidden' }));
is(sql_error($dbh, $scan), undef, 'a mapping for everybody will do');
$dbh->do('ALTER USER MAPPING FOR PUBLIC SERVER crm OPTIONS (DROP header_name, DROP header_value)');
my $error = sql_error($dbh, $scan);
is($error->{sqlstate}, '28000', 'a mapping without credentials');
like($error->{hint}, qr/^Use ALTER USER MAPPING to add them\. Give either username and password \(the application id and the secret key\), or token, /, 'the hint names application id and secret key first');

done_testing();

sub error_at
{
    my ($status, $sql) = @_;
    $sandbox->fault({ fault => { type => 'status', status => $status } });
    my $error = sql_error($dbh, $sql);
    $sandbox->clear_faults;
    return $error;
}
