package WalcuTest::Fuzz::Chance;

# WalcuTest::Fuzz::Chance
#   Random draws that are the same on every machine: whatever the fuzzer makes is a
#   function of what was last given to seed_chance.
#
#     seed_chance('data', 17);
#     my $resource = pick(@resources);
#     my $shape = pick_weighted([ 3, 'rows' ], [ 1, 'count' ]);

use strict;
use warnings;

use Digest::MD5 qw(md5);
use Exporter 'import';

our @EXPORT = qw(seed_chance chance between pick pick_weighted some shuffled);

# Seeds that differ little give sequences that differ much, as rand's own do not.
sub seed_chance
{
    srand unpack 'N', md5(join '/', @_);
    return;
}

sub chance
{
    my ($probability) = @_;
    return rand() < $probability;
}

# A whole number, both ends included.
sub between
{
    my ($min, $max) = @_;
    return $min + int rand($max - $min + 1);
}

sub pick
{
    return $_[ rand @_ ];
}

# One of [weight, ...] rows; heavier ones more often.
sub pick_weighted
{
    my $left = 0;
    $left += $_->[0] for @_;
    $left = rand $left;
    for my $row (@_)
    {
        return $row if ($left -= $row->[0]) < 0;
    }
    return $_[-1];
}

sub shuffled
{
    my @items = @_;
    for my $i (reverse 1 .. $#items)
    {
        my $j = int rand($i + 1);
        @items[ $i, $j ] = @items[ $j, $i ];
    }
    return @items;
}

# So many different ones, or all where there are fewer.
sub some
{
    my ($count, @items) = @_;
    my @chosen = shuffled(@items);
    return @chosen[ 0 .. ($count < @chosen ? $count : @chosen) - 1 ];
}

1;
