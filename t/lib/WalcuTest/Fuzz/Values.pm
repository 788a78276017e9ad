package WalcuTest::Fuzz::Values;

# WalcuTest::Fuzz::Values
#   Values worth comparing with, as texts, and how SQL writes them.  A class of values
#   is what can be compared with each other: text, number, boolean, instant, uuid, enum,
#   json; a type is PostgreSQL's.
#
#     my $value = border_value('number');            # '9007199254740993'
#     $value = near_value('instant', $value);        # beside one that is in the data
#     print sql_literal($value, 'numeric') if fits_type($value, 'numeric');

use strict;
use warnings;
use utf8;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;

our @EXPORT = qw(border_value value_family near_value fits_type sql_literal sql_string sql_array array_text class_of_type);
our @EXPORT_OK = qw(@ENUM_LABELS @UUIDS);

# The enum of the tables that declare columns otherwise; some are values of the data.
our @ENUM_LABELS = qw(open closed won lost new pending active sent delivered failed inbound outbound es ca en a A b ñ);

our @UUIDS = qw(a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11
  00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff);

# The class, and the types that its values can have.
my %TYPES = (
    text     => [qw(text varchar name bpchar fuzz_code)],
    number   => [qw(numeric integer bigint smallint float8 real fuzz_positive)],
    boolean  => [qw(boolean)],
    instant  => [qw(timestamptz timestamp date)],
    uuid     => [qw(uuid)],
    enum     => [qw(fuzz_enum)],
    json     => [qw(jsonb)],
    document => [qw(json)],
);
my %CLASS = map { my $class = $_; map { ($_ => $class) } @{ $TYPES{$class} } } keys %TYPES;

# [weight, values that something may take for each other, though they differ, or the
# other way round].  Documents have them together in one field.  Numbers are as JSON writes them,
# dates as the service does.
my %FAMILIES = (
    text => [
        [ 3, 'a', "a\n", "a\nb", 'a b', "\na", "\n", "a\r\n", "a\x{2028}b" ],
        [ 3, 'a', 'A', 'á', 'Á', "a\x{301}", 'ñ', 'Ñ', 'n', 'o' ],
        [ 1, 'k', 'K', "\x{212a}", 's', 'S', 'ſ', 'ß', 'ss', 'SS', 'ẞ', 'Σ', 'ς', 'İ', 'i', 'I', 'ı' ],
        [ 2, 'a', 'a ', ' a', '', ' ', "a\x{a0}", 'ab', 'abc', 'abcd', 'ABC', 'abd', "ab\x01" ],
        [ 2, '%', '_', '\\', 'a%b', 'a_b', 'a\\b', 'ab', '\\%', 'a%' ],
        [ 2, '.', '.*', '^a$', '(', '[a', '{1}', 'a|b', '?', '+', '/', '#', 'a.c', 'abc', '$', 'a$' ],
        [ 2, '1', '1.0', '01', '1e3', '1000', '42', '-0', '0', 'true', 'false', 't', 'null', 'NaN', 'Infinity' ],
        [ 2, 'z', "\x{e000}", 'Ｗ', "\x{ffff}", '😀', "\x{10ffff}", "\x7f", "\x{80}" ],
        [ 2, '2024-01-01', '2024-01-01T00:00:00.000Z', '2024-01-01T00:00:00Z', '2024-01-01T00:00:00.123456Z', '2024-01-01T00:00:00.123Z',
            '2024-01-01 00:00:00', '2023-12-31T22:00-02:00', '2024-01-01T24:00:00Z', '2024-1-1', 'infinity', 'now' ],
        [ 2, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}',
            'a0eebc999c0b4ef8bb6d6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'a0eebc99' ],
        [ 2, @ENUM_LABELS[ 0 .. 4 ], 'Open', 'z' ],
        [ 1, 'x' x 62, 'x' x 63, 'x' x 64, 'é' x 31, 'é' x 32, 'z' x 300 ],
        [ 1, '12345678', '123456789', '1234567', '12345678 ', 'ñandúes1', 'ñandúes12' ],
        [ 1, '{}', '[]', '"x"', 'x', '{"a": 1}', '{"a":1}', '[1]', '$ref', '$gt', 'a.b', "it's", '&', 'a&b=c', "\t", "\x01", "\x{85}" ],
    ],
    number => [
        [ 2, qw(0.1 0.10000000000000002 0.10000000149011612 0.1000000001 0.2 0.3 0.30000000000000004) ],
        [ 1, qw(16777216 16777217 16777218 16777215.5) ],
        [ 1, qw(9007199254740991 9007199254740992 9007199254740994 -9007199254740992) ],
        [ 2, qw(0 1 1.5 2 2.5 0.5 0.49999999999999994 -0.5 -1 -1.5 1.0000000000000002) ],
        [ 1, qw(32767 32768 -32768 32767.5 2147483647 2147483648 -2147483648 2147483647.5) ],
        [ 1, qw(9223372036854775807 1e15 1e16 1e21 1e22 1e23 1e38 3.5e38) ],
        [ 1, qw(0 5e-324 1e-7 -1e300 1e300 1.7976931348623157e308) ],
        [ 1, qw(3.14 3.1 3.15 3.05 12.345 12.35 99.95 99949.95) ],
        [ 1, qw(1 2 3 4 5) ],
    ],
    instant => [
        [ 1, qw(2024-01-01T00:00:00.000Z 2023-12-31T23:59:59.999Z 2024-01-01T00:00:00.001Z 2024-01-01 2023-12-31T23:59:59Z 2024-01-01T01:00:00.000+01:00) ],
        [ 1, qw(2023-12-31T23:00:00.000Z 2023-12-31T22:59:59.999Z 2023-12-31T10:00:00.000Z 2023-12-31T18:15:00.000Z 2024-01-01T03:30:00.000Z 2024-01-01T00:00:00.000Z) ],
        [ 1, qw(2024-03-31T00:59:59.999Z 2024-03-31T01:00:00.000Z 2024-03-31T00:30:00.000Z 2024-03-31T01:30:00.000Z 2024-03-30T23:00:00.000Z 2024-03-31) ],
        [ 1, qw(2024-10-27T00:30:00.000Z 2024-10-27T01:00:00.000Z 2024-10-27T01:30:00.000Z 2024-10-27 2024-10-26T22:00:00.000Z) ],
        [ 1, qw(2011-12-30T09:59:59.999Z 2011-12-30T10:00:00.000Z 2011-12-30T11:00:00.000Z 2011-12-31T10:00:00.000Z 2011-12-29T22:30:00.000Z 2011-12-30) ],
        [ 1, qw(1970-01-01T00:00:00.000Z 1969-12-31T23:59:59.999Z 1970-01-01T00:00:00.001Z 1900-01-01T00:00:00.000Z) ],
        [ 1, qw(0001-01-01T00:00:00.000Z 9999-12-31T23:59:59.999Z +010000-01-01T00:00:00.000Z -000001-12-31T00:00:00.000Z +275760-09-13T00:00:00.000Z) ],
        [ 1, qw(2024-06-30 2024-06-30T22:00:00Z 2024-07-01T00:00:00.000+02:00 2024-06-30T23:30:00.500-05:00 2024-02-29T12:00:00.000Z 2011-12-30T12:00:00.000Z) ],
        [ 1, qw(2024-06-30T10:00:00.499Z 2024-06-30T10:00:00.500Z 2024-06-30T10:00:00.501Z 2024-06-30T10:00:00.000Z 2024-06-30T10:00:01.000Z) ],
    ],
);

# Values that no document has.
my %BORDERS = (
    text   => [],
    number => [
        qw(0.3000000000000000444 0.30000000000000001 0.1000000000000000055 1.00 9007199254740993 -9007199254740993),
        qw(9223372036854775808 1e309 1e400 -1e400 1e-330 123456789012345678901234567890.123 NaN Infinity -Infinity),
    ],
    boolean => [qw(true false)],
    instant => [
        qw(infinity -infinity 10000-01-01 9999-12-31),
        '4713-01-01 BC', '0001-12-31 23:59:59.999999 BC', '294276-12-31 23:59:59.999999', '275760-09-13 00:00:00',
        '1969-12-31 23:59:59.999999Z', '1970-01-01 00:00:00.000001Z', '9999-12-31 23:59:59.9995Z', '2024-03-31 01:59:59.999999Z',
        '2024-03-31 02:30:00', '2024-10-27 02:30:00', '2024-01-01 00:00:00.0005Z', '2024-01-01 00:00:00.000499Z', '2011-12-30 12:00:00', '2011-12-30 22:30:00',
        '2024-06-30 24:00:00', '2262-04-11 23:47:16.854775Z',
    ],
    uuid => \@UUIDS,
    enum => \@ENUM_LABELS,
    json => [
        qw(null true false 0 1 1.0 -1.5 1e3 "" "a" "A" "á" "1" "true" "null" "2024-01-01" [] {} [[]] [{}] [null] ["a"]),
        '[1, 2]', '["a", "b"]', '{"a": 1}', '{"a": null}', '{"a": {"b": "c"}}', '{"a.b": 1}', '{"$ref": "x"}', '{"": 1}', '[{"a": 1}]',
        '[[1]]', '[["a"]]', '[[null]]', '[[[1]]]', '[1, [1]]', '[["a"], "a"]', '[[{"a": 1}]]', '[{"a": [1]}]', '{"a": [["a"]]}', '{"a": [[{"a": 1}]]}',
        '9007199254740993', '0.30000000000000004', '1e300', '1e400', '"a\nb"', '"\u0001"', '"😀"', '{"0": "uno"}',
    ],
);

# Values that documents have together.
sub value_family
{
    my ($class) = @_;
    my ($weight, @values) = @{ pick_weighted(@{ $FAMILIES{$class} }) };
    return @values;
}

# A text that PostgreSQL takes for a value of the class, at an edge of what there is.
sub border_value
{
    my ($class) = @_;
    my @values = $FAMILIES{$class} && (chance(0.6) || !@{ $BORDERS{$class} }) ? value_family($class) : @{ $BORDERS{$class} };
    return pick(grep { $class ne 'instant' || !/^[-+]\d/ } @values);
}

my %NEAR = (
    text => sub {
        my ($text) = @_;
        # an ObjectId's digits; the half of them is twelve characters, which Mongoose takes for an ObjectId, too
        return substr($text, 0, 23) . 'g' if $text =~ /^[0-9a-f]{24}$/ && chance(0.1);
        return pick($text . 'a', "$text ", uc $text, lc $text, ucfirst lc $text, substr($text, 0, length($text) / 2),
            $text eq '' ? '' : substr($text, 1), scalar reverse($text), "$text\x{1}", "$text\x{10ffff}");
    },
    number => sub {
        my ($number) = @_;
        return $number if $number =~ /e/;
        my $fraction = $number =~ /\./ ? '' : '.0';
        my @near = ($number + 1, $number - 1, -$number, "$number$fraction", "$number${fraction}00001", int $number);
        # These are no doubles, and some are nearest to the number itself.
        push @near, ("$number${fraction}0000000000000000001") x 2;
        push @near, ($number - 1 . '.99999999999999999999') x 2 if $number =~ /^[1-9]\d{0,8}$/;
        return pick(@near);
    },
    instant => \&near_instant,
);

# A value beside one of the data.  What comes out need not fit every type.
sub near_value
{
    my ($class, $value) = @_;
    return $NEAR{$class} ? $NEAR{$class}->($value) : $value;
}

# Around a millisecond, a second, a day; what has no such parts stays as it is.
sub near_instant
{
    my ($instant) = @_;
    my ($day, $time, $fraction, $zone) = $instant =~ /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d{3})(Z|[-+]\d\d:\d\d)$/
      or return $instant;
    my $before = sprintf '%03d', $fraction > 0 ? $fraction - 1 : 0;
    return pick("${day}T$time.${fraction}001$zone", "${day}T$time.${fraction}499$zone", "${day}T$time.${fraction}5$zone",
        "${day}T$time.${before}999$zone", "${day}T$time.$before$zone", "${day}T$time$zone", "${day}T$time.${fraction}Z",
        $day, "$day 00:00:00", "$day 23:59:59.999999", "${day}T00:00:00Z", "${day}T$time.$fraction");
}

sub class_of_type
{
    my ($type) = @_;
    return $CLASS{$type};
}

my %DIGITS = (smallint => 4, integer => 9, bigint => 18);
my %RANGE = (real => [ 1e-37, 3e38 ], float8 => [ 1e-307, 1.79e308 ]);

# Does PostgreSQL read the text as a value of the type?
sub fits_type
{
    my ($value, $type) = @_;
    my $class = $CLASS{$type};
    return $value =~ /^-?\d{1,$DIGITS{$type}}$/ if $DIGITS{$type};
    return $value =~ /^-?(?:Infinity|NaN)$/ || in_range($value, @{ $RANGE{$type} }) if $RANGE{$type};
    return scalar grep { $_ eq $value } @ENUM_LABELS if $class eq 'enum';
    return $value =~ /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i if $class eq 'uuid';
    return $value !~ /\0/;
}

sub in_range
{
    my ($number, $least, $most) = @_;
    my $magnitude = abs $number;
    return $magnitude == 0 ? $number !~ /^-?0*\.?0*[1-9]/ : $magnitude >= $least && $magnitude <= $most;
}

# NULL for undef.
sub sql_literal
{
    my ($value, $type) = @_;
    return (defined $value ? sql_string($value) : 'NULL') . "::$type";
}

# With escapes for what a terminal would not show.
sub sql_string
{
    my ($text) = @_;
    $text =~ s/'/''/g;
    return "'$text'" unless $text =~ /[\\\x00-\x1f\x7f-\xa0\x{300}-\x{36f}\x{2028}-\x{202e}\x{feff}\x{ffff}-\x{10ffff}]/;
    $text =~ s/\\/\\\\/g;
    $text =~ s/([\x00-\x1f\x7f-\xa0\x{300}-\x{36f}\x{2028}-\x{202e}\x{feff}\x{ffff}])/sprintf '\\u%04x', ord $1/ge;
    $text =~ s/([\x{10000}-\x{10ffff}])/sprintf '\\U%08x', ord $1/ge;
    return "E'$text'";
}

sub sql_array
{
    my ($values, $type) = @_;
    return sql_literal(array_text(@$values), "$type\[]");
}

# The text of an array; undef is a NULL element.
sub array_text
{
    return '{' . join(',', map { defined ? '"' . s/(["\\])/\\$1/gr . '"' : 'NULL' } @_) . '}';
}

1;
