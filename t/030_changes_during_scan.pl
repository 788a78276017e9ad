# Documents are inserted and deleted between the pages of a scan: every document that
# existed throughout is returned exactly once.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 400 });
my $node = start_node();
setup_crm($node, $sandbox, server => { fetch_size => 10 }, limit_to => ['cars']);
my $dbh = connect_db($node);

for my $seed (1 .. 10)
{
    $sandbox->reset;
    my %before = map { $_->{_id} => 1 } $sandbox->dump('cars');
    $sandbox->fault({
        match => { kind => 'list', resource => 'cars' },
        fault => { type => 'mutate', random => { resource => 'cars', insert => 3, delete => 3, seed => $seed } } });

    my $read = $dbh->selectcol_arrayref('SELECT _id FROM crm.cars');
    my %read;
    $read{$_}++ for @$read;
    my %after = map { $_->{_id} => 1 } $sandbox->dump('cars');
    my %inserted = map { $_ => 1 } map { @{ $_->{inserted}{cars} // [] } } @{ $sandbox->get('/_sandbox/faults') };
    my @changed = grep { !$after{$_} } keys %before;

    cmp_ok(scalar @changed, '>', 50, "seed $seed: documents were deleted meanwhile");
    is_deeply([ grep { $read{$_} > 1 } keys %read ], [], "seed $seed: none is returned twice");
    is_deeply([ grep { $before{$_} && !$read{$_} } keys %after ], [], "seed $seed: none that stayed is missing");
    # it may have been inserted, and deleted again, during the scan
    is_deeply([ grep { !$before{$_} && !$after{$_} && !$inserted{$_} } keys %read ], [],
        "seed $seed: none is made up");
}

done_testing();
