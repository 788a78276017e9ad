package WalcuTest::Fuzz::Data;

# WalcuTest::Fuzz::Data
#   Some documents of each resource of a round, to draw values and paths from, so that
#   conditions meet what is there.
#
#     my $data = WalcuTest::Fuzz::Data->new({ cars => \@documents });
#     my $text = $data->value('cars', ['status', 'status'], 'text');   # or undef
#     my @deeper = $data->path_below('cars', ['computed']);

use strict;
use warnings;

use B ();
use Exporter 'import';
use JSON::PP ();
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Values;

our @EXPORT_OK = qw(kind_of value_at);

use constant ATTEMPTS   => 5;
use constant DEEPER     => 0.7;
use constant MAX_DEPTH  => 4;
use constant UNKNOWN    => 0.05;
use constant LONGEST    => 2000;    # bytes of a jsonb constant

my $json = JSON::PP->new->canonical->allow_nonref;

sub new
{
    my ($class, $documents) = @_;
    return bless { documents => $documents }, $class;
}

# The JSON type of a decoded value.
sub kind_of
{
    my ($value) = @_;
    return 'null' unless defined $value;
    return ref $value eq 'ARRAY' ? 'array' : ref $value eq 'HASH' ? 'object' : 'boolean' if ref $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK) ? 'number' : 'string';
}

# What stands at a path of keys and indexes; undef for nothing.
sub value_at
{
    my ($value, @path) = @_;
    for my $key (@path)
    {
        if (ref $value eq 'HASH') { $value = $value->{$key} }
        elsif (ref $value eq 'ARRAY' && $key =~ /^-?\d+$/) { $value = $value->[$key] }
        else { return undef }
    }
    return $value;
}

# A value of the class that stands at the path in one of the documents, as text.
sub value
{
    my ($self, $resource, $path, $class) = @_;
    for (1 .. ATTEMPTS)
    {
        my $text = as_class(value_at($self->document($resource), @$path), $class);
        return $text if defined $text;
    }
    return undef;
}

# An element of an array at the path, or of what stands there in the objects of arrays on the way.
sub element
{
    my ($self, $resource, $path, $class) = @_;
    for (1 .. ATTEMPTS)
    {
        my @elements = elements_at($self->document($resource), @$path);
        my $text = @elements ? as_class(pick(@elements), $class) : undef;
        return $text if defined $text;
    }
    return undef;
}

sub elements_at
{
    my ($value, @path) = @_;
    return ref $value eq 'ARRAY' ? @$value : $value unless @path;
    return map { ref $_ eq 'HASH' ? elements_at($_, @path) : () } @$value if ref $value eq 'ARRAY';
    my ($key, @below) = @path;
    return ref $value eq 'HASH' && exists $value->{$key} ? elements_at($value->{$key}, @below) : ();
}

# A path that leads on from here in one of the documents, perhaps nowhere.
sub path_below
{
    my ($self, $resource, $path) = @_;
    my $value = value_at($self->document($resource), @$path);
    my @below;
    while (@below < MAX_DEPTH && (!@below || chance(DEEPER)))
    {
        my @keys = ref $value eq 'HASH' ? sort keys %$value : ref $value eq 'ARRAY' && @$value ? (0 .. $#$value, -1) : last;
        last unless @keys;
        # now and then what no document and no description has
        push @below, ref $value eq 'HASH' && chance(UNKNOWN) ? 'zzz' : pick(@keys);
        $value = value_at($value, $below[-1]);
    }
    return @below;
}

# The JSON types at the path: { string => 7, null => 2 }
sub kinds
{
    my ($self, $resource, $path) = @_;
    my %kinds;
    $kinds{ kind_of(value_at($_, @$path)) }++ for @{ $self->{documents}{$resource} };
    return \%kinds;
}

# JSON that a value of this JSON contains: some of its members, or one of them.
sub part_of_json
{
    my ($self, $text) = @_;
    return $json->encode(part_of($json->decode($text)));
}

sub part_of
{
    my ($value) = @_;
    return { map { ($_ => part_of($value->{$_})) } some(between(0, 2), sort keys %$value) } if ref $value eq 'HASH';
    return [ map { part_of($_) } some(between(0, 2), @$value) ] if ref $value eq 'ARRAY';
    return $value;
}

sub document
{
    my ($self, $resource) = @_;
    return pick(@{ $self->{documents}{$resource} });
}

my %AS_CLASS = (
    string  => { map { ($_ => sub { $_[0] }) } qw(text instant uuid enum) },
    number  => { number => \&number_text, text => \&number_text },
    boolean => { boolean => \&boolean_text, text => \&boolean_text },
);

# The text of a JSON value if it is one of the class, else undef.
sub as_class
{
    my ($value, $class) = @_;
    return as_json($value) if $class eq 'json';
    my $make = $AS_CLASS{ kind_of($value) }{$class} or return undef;
    my $text = $make->($value);
    return undef if $class eq 'instant' && $text !~ /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T\d\d:\d\d:\d\d|$)/;
    return undef if $text =~ /\0/ || ($class eq 'uuid' || $class eq 'enum') && !fits_type($text, $class eq 'uuid' ? 'uuid' : 'fuzz_enum');
    return $text;
}

sub as_json
{
    my ($value) = @_;
    my $text = $json->encode($value);
    return length $text > LONGEST || $text =~ /\\u0000/ ? undef : $text;
}

# As many digits as tell it from its neighbours.
sub number_text
{
    my ($number) = @_;
    for my $digits (15, 16)
    {
        my $text = sprintf "%.${digits}g", $number;
        return $text if $text == $number;
    }
    return sprintf '%.17g', $number;
}

sub boolean_text
{
    return $_[0] ? 'true' : 'false';
}

1;
