package WalcuTest::Services;

# WalcuTest::Services
#   The kinds of service that the real one may be: every open point of what is known of it is a setting of
#   the sandbox, and a kind of service is a value for each.
#
#     for my $service (services('ids', 'filters'))
#     {
#         $sandbox->settings(settings_of($service));
#         note service_name($service);
#     }
#
#   `services` answers as few kinds as have every pair of values of two settings at least once; with SERVICES=all
#   in the environment, as `make test-kinds` has it, every combination.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT = qw(services settings_of service_name);

# Settings by what they are about, each with its values, the sandbox's own first.
my %GROUPS = (
    # what ids are, and who casts them
    ids => [
        [ ids => qw(objectid string) ],
        [ mongoose => 8, 7, 6, 5 ],
    ],
    # how a filter is read
    filters => [
        [ strict_query => qw(default true false) ],
        [ filter_status => 400, 422, 500 ],
    ],
    # what a document's address may be
    addresses => [ [ id_status => 404, 400, 422, 500 ] ],
    # what a list of documents is like
    lists => [
        [ has_more => qw(sent missing) ],
        [ regex => qw(pcre javascript refused) ],
        [ missing_arrays => qw(absent empty nested) ],
    ],
    # what is asked for in vain
    ignored => [
        [ sort => qw(honoured ignored) ],
        [ project => qw(honoured ignored) ],
    ],
    # what becomes of what is written
    writes => [
        [ patch => qw(vendor mongoose) ],
        [ unknown_fields => qw(dropped kept) ],
        [ client_ids => qw(kept replaced) ],
    ],
    jobs => [ [ results => qw(direct redirect) ] ],
    description => [ [ description => qw(plain alternatives) ] ],
);
my %IS_NUMBER = map { $_ => 1 } qw(mongoose filter_status id_status);

# Kinds over the settings of these groups: hashes of settings and values.
sub services
{
    my (@groups) = @_;
    my @settings = map { @{ $GROUPS{$_} // die "no group of settings $_" } } @groups;
    my @rows = ($ENV{SERVICES} // '') eq 'all' ? every_combination(@settings) : every_pair(@settings);
    return map { my $row = $_; +{ map { $settings[$_][0] => $row->[$_] } 0 .. $#settings } } @rows;
}

# For $sandbox->settings.
sub settings_of
{
    my ($service) = @_;
    return map { $_ => $IS_NUMBER{$_} ? 0 + $service->{$_} : $service->{$_} } sort keys %$service;
}

sub service_name
{
    my ($service) = @_;
    return join ' ', map { "$_=$service->{$_}" } sort keys %$service;
}

sub every_combination
{
    my ($setting, @others) = @_;
    return [] unless $setting;
    my (undef, @values) = @$setting;
    my @tails = every_combination(@others);
    return map { my $value = $_; map { [ $value, @$_ ] } @tails } @values;
}

# Row after row, each with as many pairs as can be found that no row has yet.  The first is the sandbox's own kind.
sub every_pair
{
    my @settings = @_;
    return every_combination(@settings) if @settings < 2;
    my %missing;
    for my $i (0 .. $#settings)
    {
        for my $j ($i + 1 .. $#settings)
        {
            for my $value (values_of($settings[$i]))
            {
                $missing{"$i=$value $j=$_"} = [ $i, $value, $j, $_ ] for values_of($settings[$j]);
            }
        }
    }
    my @rows = ([ map { $_->[1] } @settings ]);
    delete @missing{ pairs_of($rows[0]) };
    while (my ($pair) = sort keys %missing)
    {
        my @row;
        my ($i, $first, $j, $second) = @{ $missing{$pair} };
        @row[ $i, $j ] = ($first, $second);
        for my $at (grep { !defined $row[$_] } 0 .. $#settings)
        {
            my %gain = map { my $value = $_; ($value => gain(\%missing, \@row, $at, $value)) } values_of($settings[$at]);
            ($row[$at]) = sort { $gain{$b} <=> $gain{$a} || $a cmp $b } keys %gain;
        }
        push @rows, \@row;
        delete @missing{ pairs_of(\@row) };
    }
    return @rows;
}

sub values_of
{
    my ($setting) = @_;
    return @{$setting}[ 1 .. $#$setting ];
}

sub pairs_of
{
    my ($row) = @_;
    return map { my $i = $_; map { "$i=$row->[$i] $_=$row->[$_]" } $i + 1 .. $#$row } 0 .. $#$row;
}

# How many missing pairs a value at a place would add to a row that is not full yet.
sub gain
{
    my ($missing, $row, $at, $value) = @_;
    my @with = grep { $_ != $at && defined $row->[$_] } 0 .. $#$row;
    return scalar grep { $missing->{ $_ < $at ? "$_=$row->[$_] $at=$value" : "$at=$value $_=$row->[$_]" } } @with;
}

1;
