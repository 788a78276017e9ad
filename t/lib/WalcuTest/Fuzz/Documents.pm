package WalcuTest::Fuzz::Documents;

# WalcuTest::Fuzz::Documents
#   Documents that hold what the generated ones do not: values at the borders of the
#   types, of other types, nested where they should not be, under odd keys and odd ids.
#
#     my $text = odd_documents(\@lines, \%types);   # a JSON array for the sandbox
#
#   @lines are documents of the resource as JSON, %types the types of its columns.

use strict;
use warnings;
use utf8;

use Exporter 'import';
use JSON::PP ();
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Data qw(value_at);
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(odd_documents);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my @IDS = (
    'a/b', '.', '..', 'all', 'ñ', "o'k", 'a b', '%5B', 'Ｗ', '😀', '$gt', 'null', '0', '{"a":1}', "\x01", 'a\\b', 'x' x 200,
    '5f2b1c9e8d3a4b0012345678', 'ffffffffffffffffffffffff', '000000000000000000000000', '5F2B1C9E8D3A4B0012345678',
);

# Perl would write 0.3 for 0.1 + 0.2: numbers are marked texts until all is written.
my $MARK = "\x{e000}";
my @NUMBERS = map { $MARK . $_ } qw(
  0 -0 1 -1 2 0.1 0.2 0.3 0.30000000000000004 0.5 1.5 2.5 -1.5 0.49999999999999994 1.0000000000000002 3.14 1e-7 5e-324
  32767 32768 2147483647 2147483648 -2147483648 16777217 9007199254740991 9007199254740992 9223372036854775807
  1e15 1e16 1e21 1e22 1e23 1e38 3.5e38 1e300 -1e300 1.7976931348623157e308);

my @DATES = qw(
  1970-01-01T00:00:00.000Z 1969-12-31T23:59:59.999Z 0001-01-01T00:00:00.000Z 9999-12-31T23:59:59.999Z
  +010000-01-01T00:00:00.000Z -000001-12-31T00:00:00.000Z +275760-09-13T00:00:00.000Z -271821-04-20T00:00:00.000Z
  2024-01-01T00:00:00.000Z 2023-12-31T23:59:59.999Z 2023-12-31T23:00:00.000Z 2024-01-01T00:00:00.001Z 2024-02-29T12:00:00.000Z
  2024-03-31T00:59:59.999Z 2024-03-31T01:00:00.000Z 2024-10-27T00:30:00.000Z 2024-10-27T01:30:00.000Z
  2024-01-01 2024-06-30 2024-06-30T22:00:00Z 2024-07-01T00:00:00.000+02:00 2024-06-30T23:30:00.500-05:00 2011-12-30T12:00:00.000Z);

# In a text field these are no dates to the service; a column may be declared so yet.
my @DATE_TEXTS = ('2024-01-01T00:00:00.123456Z', '2024-01-01T00:00:00.123Z', '2024-01-01T00:00:00.1235Z', '2024-01-01 00:00:00',
    '2023-12-31T22:00-02:00', '2024-01-01T24:00:00Z', '2024-01-01', '2024-1-1');

my @TRUTH = (JSON::PP::true, JSON::PP::false);

# Values that a field of the type may have.
my %RIGHT = (
    text          => sub { chance(0.1) ? pick(@DATE_TEXTS) : chance(0.03) ? "a\0b" : border_value('text') },
    numeric       => sub { pick(@NUMBERS) },
    boolean       => sub { pick(@TRUTH) },
    timestamptz   => sub { pick(@DATES) },
    'text[]'      => sub { [ map { chance(0.15) ? undef : border_value('text') } 1 .. between(0, 3) ] },
    'numeric[]'   => sub { [ map { chance(0.15) ? undef : pick(@NUMBERS) } 1 .. between(0, 3) ] },
    'boolean[]'   => sub { [ map { pick(@TRUTH, undef) } 1 .. between(0, 3) ] },
    'timestamptz[]' => sub { [ map { chance(0.15) ? undef : pick(@DATES) } 1 .. between(0, 3) ] },
    jsonb         => \&odd_json,
);

my @KEYS = ('a', 'b', 'a.b', '$ref', '', '0', '1', "it's", 'ñ', 'a/b', 'a b', '{', '"', '\\', 'constructor', '__proto__', 'length', "\n");

# [share, what becomes of a field of the type]; undef as a result leaves it out
my @CHANGES = (
    [ 50, sub { my ($type) = @_; return \$RIGHT{$type}->() } ],
    [ 12, sub { return \undef } ],
    [ 12, sub { return undef } ],
    [ 12, sub { return \odd_json(2) } ],
    [ 8,  sub { return \[ map { odd_json(1) } 1 .. between(0, 2) ] } ],
);

sub odd_documents
{
    my ($lines, $types, $count) = @_;
    my @ids = some($count, @IDS);
    my @documents = map { odd_document($json->decode(pick(@$lines)), $ids[$_] // random_id(), $types) } 0 .. $count - 1;
    my $text = $json->encode(\@documents);
    my $mark = $json->encode($MARK) =~ s/"//gr;
    return $text =~ s/"$mark([^"]*)"/$1/gr;
}

sub odd_document
{
    my ($document, $id, $types) = @_;
    my @names = grep { $_ ne '_id' } sort keys %$types;
    for my $name (some(between(2, 6), @names))
    {
        if ($types->{$name} eq 'jsonb' && ref($document->{$name}) =~ /^(?:HASH|ARRAY)$/ && chance(0.5))
        {
            change_within($document->{$name});
            next;
        }
        my $value = pick_weighted(@CHANGES)->[1]->($types->{$name});
        $document->{$name} = $$value if $value;
        delete $document->{$name} unless $value;
    }
    $document->{_id} = $id;
    return $document;
}

# Somewhere inside stands something else.
sub change_within
{
    my ($value) = @_;
    my @inside = ref $value eq 'HASH' ? sort keys %$value : 0 .. $#$value;
    return unless @inside;
    my $key = pick(@inside);
    my $inner = value_at($value, $key);
    return change_within($inner) if ref($inner) =~ /^(?:HASH|ARRAY)$/ && chance(0.7);
    my $new = odd_json(2);
    if (ref $value eq 'HASH') { $value->{$key} = $new }
    else { $value->[$key] = $new }
    return;
}

# JSON of any type.
sub odd_json
{
    my ($depth) = @_;
    $depth //= 3;
    my $kind = between(0, $depth > 0 ? 8 : 5);
    return border_value('text') if $kind <= 1;
    return pick(@NUMBERS) if $kind == 2;
    return pick(@TRUTH) if $kind == 3;
    return pick(@DATES) if $kind == 4;
    return undef if $kind == 5;
    return { map { ($_ => odd_json($depth - 1)) } some(between(0, 4), @KEYS) } if $kind <= 7;
    return [ map { odd_json($depth - 1) } 1 .. between(0, 3) ];
}

sub random_id
{
    return join '', map { sprintf '%04x', between(0, 65535) } 1 .. 6;
}

1;
