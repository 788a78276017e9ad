# The page "Many dealers" of the manual, as it is written: a server for each dealer, tables over all of them, and what questions
# about one and about all of them ask.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Manual;

my $manual = WalcuTest::Manual->new('many-dealers.md');
my %dealers = (madrid => '5f2b1c9e8d3a4b0000000001', vigo => '5f2b1c9e8d3a4b0000000002');
my %sandbox = map {
    $_ => WalcuTest::Sandbox->start(dealer => $dealers{$_}, scale => 10, seed => length $_, count => { cars => 60, clients => 10, saleleads => 130 })
} sort keys %dealers;
my $node = start_node('main', log_min_messages => 'warning');
my $dbh = connect_db($node);
$dbh->do('CREATE EXTENSION walcu_fdw');
$dbh->do($manual->recipe('dealers'));
# each dealer's sandbox has an endpoint of its own
$dbh->do('CREATE TABLE endpoints (name text, endpoint text)');
$dbh->do('INSERT INTO endpoints VALUES (?, ?)', undef, $_, $sandbox{$_}->endpoint) for sort keys %sandbox;
$dbh->do($manual->recipe('servers', "'https://crm.example.com'" => '(SELECT endpoint FROM endpoints e WHERE e.name = dealer.name)',
    'application id' => WalcuTest::Sandbox::USERNAME, 'secret key' => WalcuTest::Sandbox::PASSWORD));
is(asked(), '0 0', 'servers, schemas and tables are no request');
$dbh->do($manual->recipe('tables over all'));
is(asked(), '0 0', 'nor are the tables over all');

my $count = sub { my ($name, $where) = @_; scalar grep { $where->($_) } $sandbox{$name}->dump('cars') };
for my $recipe ('one dealer', 'one dealer by name')
{
    my %made;
    $made{ $_->{make} // '' }++ for $sandbox{vigo}->dump('cars');
    my $rows = $dbh->selectall_arrayref($manual->recipe($recipe));
    is_deeply({ map { ($_->[0] // '') => $_->[1] } @$rows }, \%made, "$recipe: its rows");
    like(asked(), qr/^0 [1-9]/, 'and no request to the other one');
}
my %open = map { my $name = $_; $name => scalar grep { ($_->{status}{status} // '') eq 'open' } $sandbox{$name}->dump('saleleads') } keys %sandbox;
is_deeply({ map { @$_ } @{ $dbh->selectall_arrayref($manual->recipe('all dealers')) } }, \%open, 'all dealers: open leads of each');
like(asked(), qr/^[1-9] [1-9]/, 'both were asked');

my %before = map { $_ => scalar(my @cars = $sandbox{$_}->dump('cars')) } keys %sandbox;
asked();
$dbh->do($_) for split /(?<=;)\n/, $manual->recipe('writes');
like(asked(), qr/^[1-9] 0$/, 'writes ask the dealer that they name');
is($count->('madrid', sub { $_[0]{model} && $_[0]{model} eq 'Ibiza' && ($_[0]{mileage} // 0) == 9900 }) > 0, 1, 'which has the car');
is(scalar(my @cars = $sandbox{madrid}->dump('cars')), $before{madrid} + 1, 'once');

# One that fails
$sandbox{vigo}->settings(auth => 'bearer');
my $error = sql_error($dbh, 'SELECT count(make) FROM crm.cars');
is($error->{sqlstate}, '28000', 'a dealer that refuses its credentials is an error');
like(join(' ', map { $_ // '' } values %$error), qr/vigo/, 'which names it');
asked();
is($dbh->selectrow_array($manual->recipe('without one')), $before{madrid} + 1, 'the others go on without it');
like(asked(), qr/^[1-9] 0$/, 'and it is not asked');
is_deeply({ map { @$_[0, 1] } @{ $dbh->selectall_arrayref($manual->recipe('check')) } }, { madrid => 'ok', vigo => 'failed' }, 'which one fails');
$dbh->do($manual->recipe('detach'));
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), $before{madrid} + 1, 'it is taken out');

done_testing();

# How many requests Madrid and Vigo had since the last call.
sub asked
{
    my @counts = map { my $crm = $sandbox{$_}; my $count = $crm->request_count; $crm->clear_log; $count } qw(madrid vigo);
    return "@counts";
}
