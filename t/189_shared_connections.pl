# Servers with one endpoint share the connections to it: the dealers of a group need no handshake each.  Credentials, limits
# and errors stay each server's own, and a server that counts or closes its connections has its own.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;
use WalcuTest::Backend;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 40 }, tls => 1);
my $node = start_node('main', log_min_messages => 'warning');
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
$dbh->do('CREATE EXTENSION walcu_fdw');
my %common = (endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', max_retry_wait => '1ms');
my $cars = count_models();
my $read = 'SELECT count(model) FROM ';

# One after the other
create_server($_) for map { "d$_" } 1 .. 6;
is_deeply([ unique_connections(map { "d$_" } 1 .. 6) ], [ (1) x 6 ], 'six servers, one after the other, have one connection');
is_deeply(shown(), [ map { "d$_ valid" } 1 .. 6 ], 'which each of them is shown with');
is(sockets(), 1, 'and one socket');
is(disconnect('d1'), 1, 'one is disconnected');
is_deeply(shown(), [ map { "d$_ valid" } 2 .. 6 ], 'and is not shown any more');
is(sockets(), 1, 'the others keep the connection');
is(disconnect('d1'), 0, 'there is nothing more to close for it');
disconnect("d$_") for 2 .. 5;
is(sockets(), 1, 'as long as one of them has it');
disconnect('d6');
is(sockets(), 0, 'with the last one it is closed');
unique_connections('d1', 'd2');
is($dbh->selectrow_array('SELECT walcu_fdw_disconnect_all()'), 1, 'all at once');
is(sockets(), 0, 'are closed, too');

# A change of one of them
my ($before) = connections_of('d1', 'd2');
$dbh->do("ALTER SERVER d1 OPTIONS (ADD fetch_size '20')");
is_deeply([ connections_of('d2') ], [$before], 'a change of one server leaves the others their connection');
is((connections_of('d1'))[0], $before, 'and the changed one finds it again');

# Credentials travel with requests, not with connections
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER d2 OPTIONS (SET password 'wrong')");
$sandbox->clear_log;
is($dbh->selectrow_array("$read cars_d4"), $cars, 'a server with the right credentials');
is(sql_error($dbh, "$read cars_d2")->{sqlstate}, '28000', 'and one with wrong ones');
is($dbh->selectrow_array("$read cars_d3"), $cars, 'and the next one');
my @log = $sandbox->log(kind => 'list');
is_deeply([ map { $_->{status} } @log ], [ 200, 401, 200 ], 'are answered each by its own');
is(scalar keys %{ { map { $_->{connection} => 1 } @log } }, 1, 'on one connection');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER d2 OPTIONS (SET password '@{[ WalcuTest::Sandbox::PASSWORD ]}')");

# At the same time: as many as are under way, which the next statements use again
create_server("m$_") for 1 .. 40;
$dbh->do('SELECT walcu_fdw_disconnect_all()');
my $all = 'SELECT count(model) FROM (' . join(' UNION ALL ', map { "SELECT model FROM cars_m$_" } 1 .. 40) . ') c';
my $rule = $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'hold' } });
$sandbox->clear_log;
$dbh->do($all, { pg_async => PG_ASYNC });
wait_until(sub { $sandbox->request_count(kind => 'list') >= 40 });
is(sockets(), 40, 'forty requests that are under way together have forty connections');
$sandbox->clear_faults;
$dbh->pg_result;
my %used = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
$sandbox->clear_log;
is($dbh->selectrow_array($all), 40 * $cars, 'the next statement');
is_deeply([ grep { !$used{ $_->{connection} } } $sandbox->log(kind => 'list') ], [], 'makes none anew');
$sandbox->clear_log;
$dbh->do("SELECT walcu_fdw_request('m$_', 'POST', '/cars', body => '{}')") for 1 .. 10;
is_deeply([ grep { !$used{ $_->{connection} } } $sandbox->log(method => 'POST') ], [], 'nor do writes just after it');
$cars = count_models();

# What is wrong with one server's request is no other's matter
for my $fault ({ type => 'close', when => 'during' }, { type => 'close', when => 'before' }, { type => 'truncate' })
{
    $sandbox->fault({ match => { kind => 'list' }, skip => 5, times => 3, fault => $fault });
    $sandbox->clear_log;
    is($dbh->selectrow_array($all), 40 * $cars, "$fault->{type} of three: the rows are right");
    is($sandbox->request_count(kind => 'list'), 43, 'and those three are asked for again');
    $sandbox->clear_faults;
}
$sandbox->fault({ match => { kind => 'list' }, skip => 5, times => 1, fault => { type => 'status', status => 403 } });
is(sql_error($dbh, $all)->{sqlstate}, '42501', 'one is refused');
$sandbox->clear_faults;
is($dbh->selectrow_array($all), 40 * $cars, 'and the next statement is right');

# A reader that waits keeps its connection, and is in nobody's way
$sandbox->settings(page_cap => 1000);
my $long = 'x' x 20_000;
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), model => 'long', custom => { long => $long } } } 1 .. 300 ]);
$cars = count_models();
$dbh->do('SELECT walcu_fdw_disconnect_all()');
$dbh->do("ALTER SERVER d$_ OPTIONS (ADD max_connections '1', ADD fetch_mode 'pages', ADD fetch_size '1000')") for 3, 4;
$dbh->begin_work;
$dbh->do('DECLARE c NO SCROLL CURSOR FOR SELECT _id, custom FROM cars_d3');
$dbh->do('FETCH 1 FROM c');
is($dbh->selectrow_array("$read cars_d4"), $cars, 'a scan of one server beside a cursor of another');
is(sockets(), 2, 'has its own socket');
$dbh->do('SET LOCAL client_min_messages = warning');
is(disconnect('d4'), 1, 'it is disconnected');
is(disconnect('d3'), 0, 'and the one with the cursor is in use');
is(scalar @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') }, $sandbox->dump_lines('cars') - 1, 'whose rows come');
$dbh->commit;

# Who does not share
$dbh->do('SELECT walcu_fdw_disconnect_all()');
my %own = (
    'a server that counts connections' => { max_connections_total => 3 },
    'a server that closes them' => { keep_connections => 'false' },
    'another name of the host' => { endpoint => $sandbox->endpoint =~ s/127\.0\.0\.1/localhost/r },
);
for my $name (sort keys %own)
{
    create_server('own', %{ $own{$name} });
    $dbh->do("$read cars_d5");
    $sandbox->clear_log;
    is($dbh->selectrow_array("$read cars_own"), $cars, $name);
    my ($first) = map { $_->{connection} } $sandbox->log(kind => 'list');
    isnt($first, (connections_of('d5'))[0], 'has its own connection');
    $dbh->do('DROP SERVER own CASCADE');
}
$dbh->do('SELECT walcu_fdw_disconnect_all()');
create_server('own', max_connections_total => 3);
connections_of('own');
$dbh->do('DROP SERVER own CASCADE');
is(sockets(), 0, 'which is closed when the server is gone');

# Over TLS: one handshake, and with HTTP/2 one connection at the same time, too; other certificates, other connections
my %tls = (endpoint => $sandbox->tls_endpoint, ca_file => $sandbox->ca_file, fetch_size => 1000);
create_server("t$_", %tls) for 1 .. 8;
$dbh->do('SELECT walcu_fdw_disconnect_all()');
$sandbox->clear_log;
$dbh->do('SELECT count(model) FROM (' . join(' UNION ALL ', map { "SELECT model FROM cars_t$_" } 1 .. 8) . ') c');
is($sandbox->request_count(kind => 'list'), 8, 'eight requests');
my %streams = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
is(scalar keys %streams, 1, 'of eight servers over HTTP/2 have one connection');
$dbh->begin_work;
$dbh->do('DECLARE c NO SCROLL CURSOR FOR SELECT _id, custom FROM cars_t1');
$dbh->do('FETCH 1 FROM c');
is_deeply([ map { $dbh->selectrow_array("$read cars_t$_") } 2 .. 8 ], [ ($cars) x 7 ], 'the others go on beside a stream that nobody reads now');
is(scalar @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') }, $sandbox->dump_lines('cars') - 1, 'whose rest comes, too');
$dbh->commit;
like($dbh->selectrow_array(q{SELECT detail FROM walcu_fdw_check('t2') c WHERE c.check = 'tls'}), qr/^TLSv1/, 'a check makes one of its own, to see how it is made');
my $copy = $node->data_dir . '/copy.pem';
system('cp', $sandbox->ca_file, $copy) == 0 or die 'cp';
create_server('copied', %tls, ca_file => $copy);
isnt((connections_of('copied'))[0], (connections_of('t1'))[0], 'a server that trusts another file has its own');
create_server('trusting', endpoint => $sandbox->tls_endpoint);
is(sql_error($dbh, "$read cars_trusting")->{sqlstate}, '08001', 'and one that does not trust the service has none');

done_testing();

sub create_server
{
    my ($name, %options) = @_;
    my $server = options_sql({ %common, %options });
    $dbh->do($_)
      for "CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw $server",
      "CREATE USER MAPPING FOR CURRENT_USER SERVER $name " . options_sql(WalcuTest::Sandbox::CREDENTIALS),
      "CREATE FOREIGN TABLE cars_$name (_id text, model text, custom jsonb) SERVER $name OPTIONS (resource 'cars')";
    return;
}

sub count_models
{
    return scalar grep { defined $_->{model} } $sandbox->dump('cars');
}

# Read from servers, one after the other: the connections that were used.
sub connections_of
{
    my (@servers) = @_;
    $sandbox->clear_log;
    $dbh->do("$read cars_$_") for @servers;
    my %seen = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
    return sort keys %seen;
}

# The same, how many there were after each.
sub unique_connections
{
    my (@servers) = @_;
    my %seen;
    return map { $seen{$_} = 1 for connections_of($_); scalar keys %seen } @servers;
}

sub shown
{
    return $dbh->selectcol_arrayref(
        q{SELECT server_name || CASE WHEN valid THEN ' valid' ELSE '' END FROM walcu_fdw_get_connections() ORDER BY server_name});
}

sub disconnect
{
    my ($server) = @_;
    return $dbh->selectrow_array('SELECT walcu_fdw_disconnect(?)', undef, $server);
}

sub sockets
{
    return WalcuTest::Backend->new($dbh)->sockets;
}
