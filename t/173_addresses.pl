# A host name with several addresses: those that are silent or refuse are passed over, and the one that lives is
# asked, within connect_timeout.  No request is tried again, so that each of them has to get there by itself.

use strict;
use warnings;

my %addresses;

BEGIN
{
    # glibc puts those first that have more in common with 127.0.0.1
    %addresses = (
        'silent.test'        => [qw(127.0.0.1 127.0.0.9)],
        'refusing.test'      => [qw(127.0.0.3 127.0.0.9)],
        'several.test'       => [qw(127.0.0.1 127.0.0.3 127.0.0.9)],
        'silent-family.test' => [qw(::1 127.0.0.9)],
        'silent-both.test'   => [qw(::1 127.0.0.1 127.0.0.9)],
        'nobody.test'        => [qw(127.0.0.3 127.0.0.4)],
    );
}

use WalcuTest::Namespace '/etc/hosts' => join '', "127.0.0.1 localhost\n",
  map { my $name = $_; map { "$_ $name\n" } @{ $addresses{$name} } } sort keys %addresses;
use Fcntl qw(F_SETFL O_NONBLOCK);
use PostgreSQL::Test::Cluster;
use Socket qw(AF_INET AF_INET6 SOCK_STREAM inet_aton inet_pton pack_sockaddr_in pack_sockaddr_in6);
use Test::More;
use WalcuTest;

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 120, tasks => 20 }, extra_listener => ["living=127.0.0.9:$port"]);
my @silent = map { be_silent($_) } '127.0.0.1', '::1';
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => [qw(cars tasks)],
    server => { allow_http => 'true', connect_timeout => '2s', max_retries => 0, fetch_size => 10, on_type_mismatch => 'null' });
my $dbh = connect_db($node);
my @ids = map { $_->{_id} } $sandbox->dump('tasks');
my $cars = $sandbox->dump_lines('cars');

for my $name (sort keys %addresses)
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://$name:$port')");
    if ($name eq 'nobody.test')
    {
        is(sql_error($dbh, 'SELECT _id FROM crm.cars')->{sqlstate}, '08001', 'a name that leads to nobody');
        next;
    }
    is($dbh->selectrow_array('SELECT count(*) FROM crm.cars WHERE _id IS NOT NULL'), $cars, "$name: a scan, of several requests at once");
    $dbh->do('SELECT walcu_fdw_disconnect_all()');
    $sandbox->clear_log;
    is(sql_error($dbh, "DELETE FROM crm.tasks WHERE _id = '@{[ shift @ids ]}'"), undef, 'a write');
    is($sandbox->request_count(listener => 'living', method => 'DELETE'), 1, 'which is sent once');
}

# Two servers at once, which the executor waits for together
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://silent.test:$port')");
$dbh->do('CREATE SERVER twin FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => "http://several.test:$port",
    dealer_id => $sandbox->dealer_id, allow_http => 'true', connect_timeout => '2s', max_retries => 0 }));
$dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER twin ' . options_sql(WalcuTest::Sandbox::CREDENTIALS));
$dbh->do(q{CREATE FOREIGN TABLE twins (_id text COLLATE "C") SERVER twin OPTIONS (resource 'cars')});
is($dbh->selectrow_array('SELECT count(*) FROM (SELECT _id FROM crm.cars UNION ALL SELECT _id FROM twins) both_of_them WHERE _id IS NOT NULL'), 2 * $cars,
    'scans of two servers beside each other');

done_testing();

# Sockets at an address that never answer: a queue that is full.
sub be_silent
{
    my ($address) = @_;
    my $is_new = $address =~ /:/;
    my $place = $is_new ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
    socket my $listener, $is_new ? AF_INET6 : AF_INET, SOCK_STREAM, 0 or return;
    # without IPv6 the address cannot be reached, which is passed over as well
    bind $listener, $place or return;
    listen $listener, 0;
    my @sockets = ($listener);
    for (1 .. 3)
    {
        socket my $socket, $is_new ? AF_INET6 : AF_INET, SOCK_STREAM, 0 or die $!;
        fcntl $socket, F_SETFL, O_NONBLOCK;
        connect $socket, $place;
        push @sockets, $socket;
    }
    return @sockets;
}
