package WalcuTest::Fuzz::Operands;

# WalcuTest::Fuzz::Operands
#   The sides of conditions that have no columns of the table in them: values that suit
#   a term, in every form in which SQL can say a value.
#
#     operand($query, $term)             # 'Seat'::text, $1, (SELECT 'Seat'::text), l.c_text ...
#     array_operand($query, $term)       # several of them
#
#   A query keeps what the forms need: {params} of the prepared statement, {settings} of
#   the session, {outer}, whether the local table `l` is in sight.

use strict;
use warnings;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Schemas;
use WalcuTest::Fuzz::Terms;
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(draw_value operand operand_of array_operand operand_list json_part);

use constant NULLS       => 0.03;

# How many values an array has: a long one does not fit one URL.
use constant LENGTHS => ([ 92, 0, 4 ], [ 6, 20, 60 ], [ 2, 300, 300 ]);

# Types that a term of the type can be compared with; its own comes more often.
my %OPERAND_TYPES = (
    number  => [qw(numeric integer bigint float8 smallint real)],
    instant => [qw(timestamptz timestamp date)],
    text    => [qw(text text text varchar)],
);

# [weight, does it apply to (query, value, type)?, SQL of (query, value, type)]
my @FORMS = (
    [ 40, sub { 1 },                                       sub { my (undef, @value) = @_; return sql_literal(@value) } ],
    [ 60, sub { $_[0]{prepared} },                         \&parameter ],
    [ 8,  sub { 1 },                                       sub { my (undef, @value) = @_; return "(SELECT " . sql_literal(@value) . ')' } ],
    [ 8,  sub { defined $_[1] },                           \&setting ],
    [ 8,  sub { defined $_[1] && $_[2] =~ /^(timestamptz|date)$/ && $_[1] =~ /^(?:19|20)\d\d-[-\d]+$|^(?:19|20)\d\d-.*T/ }, \&relative_time ],
    [ 4,  sub { defined $_[1] && $_[2] eq 'text' },        sub { return 'concat(' . sql_string($_[1]) . ')' } ],
    [ 5,  sub { defined local_column($_[2]) },             \&local_subquery ],
    [ 3,  sub { $_[2] =~ /^(text|numeric|timestamptz|date|integer)$/ }, \&foreign_subquery ],
    [ 90, sub { $_[0]{outer} && defined local_column($_[2]) }, sub { return 'l.' . local_column($_[2]) } ],
);

# A value to compare the term with, as text; undef is NULL.
sub draw_value
{
    my ($query, $term, $type) = @_;
    my $class = $term->{class};
    $type //= $term->{type};
    return undef if chance(NULLS);
    for (1 .. 8)
    {
        my $draw = between(1, 100);
        my $value = $draw <= 15 ? border_value($class) : sampled($query, $term);
        $value = near_value($class, $value) if defined $value && $draw > 65;
        return $value if defined $value && fits_type($value, $type);
    }
    return fits_type('1', $type) && $class eq 'number' ? '1' : undef;
}

sub sampled
{
    my ($query, $term) = @_;
    my $draw = $term->{array} ? 'element' : 'value';
    return $query->{data}->$draw($term->{resource}, $term->{path}, $term->{class});
}

# A type that the operand for the term may have.
sub operand_types
{
    my ($term) = @_;
    my $type = $term->{type};
    my @others = @{ $OPERAND_TYPES{ $term->{class} } // [] };
    return @others ? pick(@others) : $type if $type =~ /^(?:name|bpchar|fuzz_code|fuzz_positive)$/;
    return @others && chance(0.35) ? pick(@others) : $type;
}

# SQL of a value that suits the term.
sub operand
{
    my ($query, $term, $type) = @_;
    $type //= operand_types($term);
    my $value = draw_value($query, $term, $type);
    if (defined $value && chance(0.12) && $type eq $term->{type} && !$query->{prepared} && fits_type($value, $type))
    {
        return sql_string($value);    # takes the type of the other side
    }
    return operand_of($query, $value, $type, sub { draw_value($query, $term, $type) });
}

# SQL of this value, with the type.  `again` draws another one, for the second execution
# of a prepared statement.
sub operand_of
{
    my ($query, $value, $type, $again) = @_;
    my @forms = grep { $_->[1]->($query, $value, $type) } @FORMS;
    return pick_weighted(@forms)->[2]->($query, $value, $type, $again // sub { $value });
}

sub parameter
{
    my ($query, $value, $type, $again) = @_;
    push @{ $query->{params} }, { type => $type, values => [ $value, $again->() ] };
    return '$' . @{ $query->{params} };
}

sub setting
{
    my ($query, $value, $type) = @_;
    my $name = 'fuzz.v' . keys %{ $query->{settings} };
    $query->{settings}{$name} = $value;
    return "current_setting('$name')::$type";
}

# Computed from the clock, and yet always the same.
sub relative_time
{
    my (undef, $value, $type) = @_;
    my $literal = sql_literal($value, $type);
    return $type eq 'date' ? "(current_date - (current_date - $literal))" : "(now() - (now() - $literal))";
}

sub local_subquery
{
    my ($query, $value, $type) = @_;
    my $column = local_column($type);
    return "(SELECT $column FROM fuzz_local WHERE n = " . between(1, 9) . ')';
}

# The least or greatest value of a column somewhere in the CRM; text through jsonb, to
# leave the column's collation behind, which might clash with the other side's.  What is
# pushed has to be computed first, and may then fail; else it is computed for a row only.
sub foreign_subquery
{
    my ($query, $value, $type) = @_;
    my $source = { table => pick(@{ $query->{tables} }), alias => 's' };
    my $term = term_of_class($source, class_of_type($type));
    return sql_literal($value, $type) if !$term || $term->{type} ne $type || ($term->{collation} // '') eq 'fuzz_ci';
    $query->{loose} = 1;
    my $extreme = pick('min', 'max') . "($term->{sql})";
    $extreme = "to_jsonb($extreme) #>> '{}'" if $type eq 'text';
    return "(SELECT $extreme FROM $source->{table}{name} s)";
}

# Values for IN: operands of the term's own type, or what it may be compared with.
sub operand_list
{
    my ($query, $term) = @_;
    my $type = operand_types($term);
    return join ', ', map { operand($query, $term, $type) } 1 .. between(1, 5);
}

my @ARRAY_FORMS = (
    [ 40, sub { 1 },               sub { my ($query, $values, $type) = @_; return sql_array($values, $type) } ],
    [ 60, sub { $_[0]{prepared} }, \&array_parameter ],
    [ 10, sub { @{ $_[1] } < 10 }, \&array_of_operands ],
    [ 8,  sub { 1 },               sub { my ($query, $values, $type) = @_; return 'ARRAY(SELECT unnest(' . sql_array($values, $type) . '))' } ],
    [ 8,  sub { 1 },               sub { my ($query, $values, $type) = @_; return setting($query, array_text(@$values), "$type\[]") } ],
    [ 6,  sub { defined local_column($_[2]) }, sub { return 'ARRAY(SELECT ' . local_column($_[2]) . ' FROM fuzz_local)' } ],
    [ 60, sub { $_[0]{outer} && defined local_column("$_[2]\[]") }, sub { return 'l.' . local_column("$_[2]\[]") } ],
);

# SQL of an array of values that suit the term, or its elements.
sub array_operand
{
    my ($query, $term, $type) = @_;
    $type //= operand_types($term);
    return sql_literal(undef, "$type\[]") if chance(NULLS);
    my @values = map { chance(NULLS) ? undef : draw_value($query, $term, $type) } 1 .. between(@{ pick_weighted(LENGTHS) }[ 1, 2 ]);
    my @forms = grep { $_->[1]->($query, \@values, $type) } @ARRAY_FORMS;
    return pick_weighted(@forms)->[2]->($query, \@values, $type);
}

sub array_parameter
{
    my ($query, $values, $type) = @_;
    my @texts = map { array_text(@$_) } $values, [ some(between(0, scalar @$values), @$values) ];
    push @{ $query->{params} }, { type => "$type\[]", values => \@texts };
    return '$' . @{ $query->{params} };
}

sub array_of_operands
{
    my ($query, $values, $type) = @_;
    return 'ARRAY[' . join(', ', map { operand_of($query, $_, $type) } @$values) . "]::$type\[]";
}

# JSON that the value at the term may contain: a part of what is there, or something else.
sub json_part
{
    my ($query, $term) = @_;
    my $whole = $query->{data}->value($term->{resource}, $term->{path}, 'json') // border_value('json');
    return chance(0.2) ? border_value('json') : $query->{data}->part_of_json($whole);
}

1;
