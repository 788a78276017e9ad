# Credentials go to the service and nowhere else: not into EXPLAIN, messages or logs,
# not over unencrypted or unverified lines, not to another host.  Each kind of them works.

use strict;
use warnings;

use JSON::PP qw(encode_json);
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use WalcuTest;
use WalcuTest::Listener;

my $token = 'tok-3n/muy+s3cr3t0=';
my $password = 'cl4ve:de "paso"';
my $header = 'k3y-v4lu3';
my $sandbox = WalcuTest::Sandbox->start(scale => 20, auth => "bearer:$token", tls => 1,
    extra_listener => ['elsewhere=https://127.1.1.1']);
my $node = start_node('main', log_min_messages => 'debug5', log_statement => "'none'", log_min_error_statement => 'panic');
setup_crm($node, $sandbox, mapping => { token => $token }, server => { max_retry_wait => '1ms' });
my $dbh = connect_db($node);
my $count = $sandbox->dump_lines('cars');
my @said;

# Each kind of credentials
for (
    [ "bearer:$token", "OPTIONS (SET token '$token')" ],
    [ "basic:ana:$password", "OPTIONS (DROP token, ADD username 'ana', ADD password '$password')" ],
    [ "header:X-Api-Key:$header", "OPTIONS (DROP username, DROP password, ADD header_name 'X-Api-Key', ADD header_value '$header')" ],
  )
{
    my ($auth, $options) = @$_;
    $sandbox->settings(auth => $auth);
    my ($kind) = split /:/, $auth;
    my $error = sql_error($dbh, 'SELECT _id FROM crm.cars');
    is($error->{sqlstate}, '28000', "$kind: other credentials are refused") unless $kind eq 'bearer';
    push @said, map { $_ // '' } values %{ $error // {} };
    $dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm $options");
    is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), $count, "$kind: the right ones are accepted");
    push @said, @{ $dbh->selectcol_arrayref('EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM crm.cars LIMIT 1') };

    # A service that repeats what it was sent is quoted without it, also where the quotation is cut
    my $secret = { bearer => $token, basic => $password, header => $header }->{$kind};
    for my $fault (
        { type => 'status', status => 500, error => "<$secret> and again <$secret>" },
        map({ { type => 'status', status => 401, error => 'x' x $_ . $secret } } 480 .. 500),
        { type => 'status', status => 403, body => "not JSON: $secret" },
        { type => 'status', status => 403, body => encode_json({ message => $secret }) },
        { type => 'status', status => 403, body => encode_json({ error => { told => $secret } }) =~ s{/}{\\/}gr },
        { type => 'reply', status => 403, body_base64 => encode_base64('not UTF-8: ' . substr($secret, 0, 6) . "\xff", '') },
        map({ { type => 'redirect', location => 'http://127.0.0.1:1/' . 'x' x $_ . $secret } } 0, 218 .. 236),
        { type => 'redirect', location => 'http://127.0.0.1:1/?login=' . ($secret =~ s/(\W)/sprintf '%%%02x', ord $1/ger) },
        map({ { type => 'content_type', value => 'text/' . 'x' x $_ . $secret } } 0, 105 .. 122),
      )
    {
        $sandbox->fault({ match => { kind => 'list' }, fault => $fault });
        my $echo = sql_error($dbh, 'SELECT _id FROM crm.cars');
        my @parts = grep { defined } @$echo{qw(message detail hint)};
        push @said, @parts;
        is((grep { index($_, substr $secret, 0, 4) >= 0 } @parts), 0, "$kind: an echo by $fault->{type} is not passed on");
        $sandbox->clear_faults;
    }
}

# Even one that looks like what takes its place
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET header_value '*')");
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'status', status => 403, error => 'not ** this' } });
is(sql_error($dbh, 'SELECT _id FROM crm.cars')->{message}, 'server "crm" answered 403: not ** this', 'a credential of asterisks');
$sandbox->clear_faults;
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET header_value '$header')");

my $said = join "\n", @said, slurp_file($node->logfile);
for my $secret ($token, $password, $header)
{
    is(index($said, $secret), -1, 'a credential is in no message, EXPLAIN or log at debug5');
}
is(index($said, encode_base64("ana:$password", '')), -1, 'nor is its encoded form');

# Others cannot see them or use the server
$dbh->do('CREATE ROLE guest LOGIN');
my $guest = connect_db($node, user => 'guest');
is_deeply($guest->selectall_arrayref('SELECT umoptions FROM pg_user_mappings'), [ [undef] ], 'a guest sees no credentials');
is(sql_error($guest, "SELECT walcu_fdw_request('crm', 'GET', '/cars')")->{sqlstate}, '42501',
    'a guest may not execute walcu_fdw_request()');
$dbh->do('GRANT EXECUTE ON FUNCTION walcu_fdw_request TO guest');
is(sql_error($guest, "SELECT walcu_fdw_request('crm', 'GET', '/cars')")->{sqlstate}, '42501',
    'nor use a server without USAGE');
$dbh->do('GRANT USAGE ON FOREIGN SERVER crm TO guest; GRANT USAGE ON SCHEMA crm TO guest');
is(sql_error($guest, "SELECT walcu_fdw_request('crm', 'GET', '/cars')")->{sqlstate}, '42704',
    'nor without credentials of their own');
is(sql_error($guest, 'SELECT _id FROM crm.cars')->{sqlstate}, '42501', 'nor read a table without SELECT');
$dbh->do('CREATE VIEW public.stock AS SELECT _id FROM crm.cars; GRANT SELECT ON public.stock TO guest');
is($guest->selectrow_array('SELECT count(*) FROM public.stock'), $count, "a view uses its owner's credentials");

# TLS is verified
$sandbox->clear_log;
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->tls_endpoint . "')");
my $error = sql_error($dbh, 'SELECT _id FROM crm.cars');
is($error->{sqlstate}, '08001', 'an unknown certificate is refused');
like($error->{message}, qr/certificate/i, 'and the message says so');
is($sandbox->request_count, 0, 'before anything is sent');
$dbh->do("ALTER SERVER crm OPTIONS (ADD ca_file '" . $sandbox->ca_file . "')");
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), $count, 'ca_file makes it known');
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->extra_listener('elsewhere') . "')");
isnt(sql_error($dbh, 'SELECT _id FROM crm.cars'), undef, 'for its own name only');
is($sandbox->request_count(listener => 'elsewhere'), 0, 'and nothing is sent to another');

# A proxy that the server's environment names sees nothing that is for this machine
my $stranger = WalcuTest::Listener->start;
my $behind = start_behind_proxy('http://127.0.0.1:' . $stranger->port);
setup_crm($behind, $sandbox, limit_to => ['cars'], server => { request_timeout => '500ms' },
    mapping => { header_name => 'X-Api-Key', header_value => $header });
$dbh = connect_db($behind);
for my $host (qw(127.0.0.1 127.9.9.9 localhost))
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://$host:" . $sandbox->port . "')");
    $error = sql_error($dbh, 'SELECT _id FROM crm.cars') // {};
    isnt($error->{sqlstate}, '08006', "$host is asked directly");
}
is_deeply([ $stranger->heard ], [], 'and the proxy was told nothing');
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://crm.invalid', ADD allow_http 'true')");
is(sql_error($dbh, 'SELECT _id FROM crm.cars')->{sqlstate}, '08006', 'a host elsewhere is asked through it');
like(($stranger->heard)[0], qr{^GET http://crm\.invalid/}, 'as the manual says');

done_testing();

sub start_behind_proxy
{
    my ($proxy) = @_;
    local @ENV{qw(http_proxy HTTP_PROXY all_proxy ALL_PROXY)} = ($proxy) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    return start_node('behind_proxy');
}
