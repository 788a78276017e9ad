package WalcuTest::Fuzz::Documents;

# WalcuTest::Fuzz::Documents
#   Documents that hold what the generated ones do not: values at the borders of the
#   types, such as are nearly equal side by side, values of other types, nested where they
#   should not be, under odd keys and odd ids.
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
use WalcuTest::Fuzz::Data qw(kind_of);
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(odd_documents);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my @IDS = (
    'a/b', '.', '..', 'all', 'ñ', "o'k", 'a b', '%5B', 'Ｗ', '😀', '$gt', 'null', '0', '{"a":1}', "\x01", 'a\\b', 'x' x 200,
    '5f2b1c9e8d3a4b0012345678', 'ffffffffffffffffffffffff', '000000000000000000000000', '5F2B1C9E8D3A4B0012345678',
);

# Perl would write 0.3 for 0.1 + 0.2: numbers are marked texts until all is written.
my $MARK = "\x{f8ff}";

my $DATE = qr/^\d{4}-\d/;

my @TRUTH = (JSON::PP::true, JSON::PP::false);

# What a scalar field of the type draws its values from.
my %RIGHT = (
    text        => sub { chance(0.1) ? ("a\0b", 'a') : value_family('text') },
    numeric     => sub { map { $MARK . $_ } value_family('number') },
    boolean     => sub { @TRUTH },
    timestamptz => sub { chance(0.1) ? ('-271821-04-20T00:00:00.000Z', '2024-01-01T00:00:00.000Z') : value_family('instant') },
);

my @KEYS = ('a', 'b', 'a.b', '$ref', '', '0', '1', "it's", 'ñ', 'a/b', 'a b', '{', '"', '\\', 'constructor', '__proto__', 'length', "\n");

# Where two documents of a resource differ, they mostly do in these ways.
use constant CHANGED => 0.65;    # of the fields
use constant DIRTY   => 0.3;     # fields in which other types are found

sub odd_documents
{
    my ($lines, $types, $count) = @_;
    my @ids = some($count, @IDS);
    my $sample = $json->decode(pick(@$lines));
    my %habits = map { ($_ => habit($types->{$_}, $sample->{$_})) } grep { $_ ne '_id' } sort keys %$types;
    my @documents = map { odd_document($json->decode(pick(@$lines)), $ids[$_] // random_id(), \%habits) } 0 .. $count - 1;
    my $text = $json->encode(\@documents);
    my $mark = $json->encode($MARK) =~ s/"//gr;
    return $text =~ s/"$mark([^"]*)"/$1/gr;
}

# What a field of the type is changed to, in all documents of the resource.
sub habit
{
    my ($type, $example) = @_;
    my $is_dirty = chance(DIRTY);
    my ($element) = $type =~ /^(.*)\[\]$/;
    my @values = $RIGHT{ $element // $type } ? $RIGHT{ $element // $type }->() : ();
    my $inner = $type eq 'jsonb' && chance(0.8) ? inner_habit($example) : undef;
    return sub {
        my ($holder, $name) = @_;
        return delete $holder->{$name} if chance(0.12);
        return $holder->{$name} = undef if chance(0.12);
        return $holder->{$name} = odd_json(2) if chance($is_dirty ? 0.3 : 0.01);
        return $inner->($holder->{$name}) if $inner && ref $holder->{$name} eq 'HASH';
        return $holder->{$name} = chance(0.25) ? nested_array() : odd_json(3) unless @values;
        return $holder->{$name} = pick(@values) unless defined $element;
        return $holder->{$name} = [ map { chance(0.1) ? undef : pick(@values) } 1 .. between(0, 3) ];
    };
}

# A member of an object, or one further down, is changed by a habit of its own.
sub inner_habit
{
    my ($example) = @_;
    return undef unless ref $example eq 'HASH' && %$example;
    my $name = pick(sort keys %$example);
    my %types = (string => 'text', number => 'numeric', boolean => 'boolean');
    my $type = $types{ kind_of($example->{$name}) } // 'jsonb';
    $type = 'timestamptz' if $type eq 'text' && $example->{$name} =~ $DATE;
    my $change = habit($type, $example->{$name});
    return sub { $change->($_[0], $name) };
}

sub odd_document
{
    my ($document, $id, $habits) = @_;
    for my $name (sort keys %$habits)
    {
        $habits->{$name}->($document, $name) if chance(CHANGED);
    }
    $document->{_id} = $id;
    return $document;
}

# JSON of any type.
sub odd_json
{
    my ($depth) = @_;
    $depth //= 3;
    my $kind = between(0, $depth > 0 ? 9 : 5);
    return odd_text() if $kind <= 1;
    return pick($RIGHT{numeric}->()) if $kind == 2;
    return pick(@TRUTH) if $kind == 3;
    return pick($RIGHT{timestamptz}->()) if $kind == 4;
    return undef if $kind == 5;
    return { map { ($_ => odd_json($depth - 1)) } some(between(0, 4), @KEYS) } if $kind <= 7;
    return nested_array() if $kind == 8;
    return [ map { odd_json($depth - 1) } 1 .. between(0, 3) ];
}

# MongoDB looks through one level of arrays, jsonb's operators through as many as they are told.
# The same few values stand at all levels, so that documents are told apart by the levels alone.
sub nested_array
{
    my ($depth) = @_;
    $depth //= between(1, 3);
    return pick('a', 'a', 'b', $MARK . '1', $MARK . '1', $MARK . '2', undef, $TRUTH[0], {}, { a => 'a' }, { a => $MARK . '1' })
      if $depth == 0;
    my @elements = map { nested_array($depth - 1) } 1 .. between(0, 2);
    return chance(0.15) ? { a => \@elements } : \@elements;
}

# No date: it might come to stand where the service has one, which would be in milliseconds.
sub odd_text
{
    my $text = border_value('text');
    return $text =~ $DATE ? odd_text() : $text;
}

sub random_id
{
    return join '', map { sprintf '%04x', between(0, 65535) } 1 .. 6;
}

1;
