package WalcuTest::Fuzz::Terms;

# WalcuTest::Fuzz::Terms
#   The sides of conditions that have columns in them: a column, a cast of one, a place
#   within a jsonb column.  A term is a hash:
#
#     { sql => "(a.status->>'n')::numeric", type => 'numeric', class => 'number', array => 0,
#       collation => 'C', collated => whether by a COLLATE clause, resource => 'cars',
#       path => ['status', 'n'], kind => 'jsonb text cast' }
#
#   Terms are drawn for a source { table => ..., alias => 'a' } of a query (see Queries).

use strict;
use warnings;
use utf8;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(random_term output_term sortable_term is_sortable term_of_class id_term);

# What a scalar of the type may be cast to.
my %CASTS = (
    text          => [ 'varchar', 'text COLLATE "C"', 'text COLLATE "es-x-icu"', 'text COLLATE "tr-x-icu"', 'text COLLATE "und-x-icu"', 'name' ],
    varchar       => [ 'text', 'varchar(4)' ],
    name          => ['text'],
    bpchar        => ['text'],
    fuzz_enum     => ['text'],
    fuzz_code     => ['text'],
    uuid          => ['text'],
    numeric       => ['integer', 'bigint', 'float8', 'real', 'text', 'numeric(12,1)'],
    fuzz_positive => [qw(numeric integer)],
    smallint      => [qw(numeric integer text)],
    integer       => [qw(numeric bigint float8 text)],
    bigint        => [qw(numeric float8 integer)],
    float8        => [qw(numeric real integer)],
    real          => [qw(float8 numeric)],
    boolean       => [qw(text integer)],
    timestamptz   => [qw(date timestamp text timestamptz(0) time)],
    timestamp     => [qw(date timestamptz text)],
    date          => [qw(timestamptz timestamp text)],
    jsonb         => [qw(text)],
);

# What the text or the jsonb of a place may be cast to, by the JSON there.
my %JSON_CASTS = (
    number  => [ [ text => qw(numeric numeric integer bigint float8) ], [ jsonb => qw(numeric numeric integer float8) ] ],
    boolean => [ [ text => qw(boolean) ], [ jsonb => qw(boolean) ] ],
    string  => [ [ text => qw(timestamptz date timestamp) ] ],
);

my @ODD_KEYS = ('a', 'b', 'a.b', '$ref', '', '0', "it's", 'v1.2', 'a/b', 'ñ', '_id', 'constructor', '"', 'missing');

sub random_term
{
    my ($query, $source) = @_;
    my $column = chance(0.6) ? column_of_any_class($source) : pick(@{ $source->{table}{columns} });
    return json_term($query, $source, $column) if $column->{type} eq 'jsonb' && !$column->{array} && chance(0.75);
    my $term = column_term($source, $column);
    return chance(0.25) ? cast_term($term) : $term;
}

# Columns of a rare class have their turn as well.
sub column_of_any_class
{
    my ($source) = @_;
    my %of_class;
    push @{ $of_class{ ($_->{class} // '') . $_->{array} } }, $_ for @{ $source->{table}{columns} };
    return pick(@{ $of_class{ pick(sort keys %of_class) } });
}

# What is put out must never fail: no casts.
sub output_term
{
    my ($query, $source) = @_;
    my $column = pick(@{ $source->{table}{columns} });
    return column_term($source, $column) unless $column->{type} eq 'jsonb' && !$column->{array} && chance(0.5);
    return place_term($query, $source, $column, pick(qw(text jsonb)));
}

sub sortable_term
{
    my ($query, $source) = @_;
    for (1 .. 20)
    {
        my $term = random_term($query, $source);
        return $term if is_sortable($term);
    }
    return id_term($source);
}

sub is_sortable
{
    my ($term) = @_;
    return defined $term->{class} && $term->{class} ne 'document' && !$term->{array};
}

sub id_term
{
    my ($source) = @_;
    return column_term($source, { name => '_id', path => ['_id'], type => 'text', class => 'text', array => 0, collation => 'C' });
}

# A column of the class, not an array, or undef.
sub term_of_class
{
    my ($source, $class) = @_;
    my @columns = grep { ($_->{class} // '') eq $class && !$_->{array} } @{ $source->{table}{columns} };
    return @columns ? column_term($source, pick(@columns)) : undef;
}

sub column_term
{
    my ($source, $column) = @_;
    return {
        %{$column}{qw(type class array path collation)},
        sql      => "$source->{alias}.$column->{name}",
        kind     => $column->{array} ? 'array column' : 'column',
        resource => $source->{table}{resource},
    };
}

sub cast_term
{
    my ($term) = @_;
    my $types = $term->{array} ? undef : $CASTS{ $term->{type} };
    return $types ? { %$term, as_type("$term->{sql}::", pick(@$types), $term->{collation}), kind => 'cast' } : $term;
}

# The fields that a cast to the type changes.
sub as_type
{
    my ($prefix, $declared, $collation_before) = @_;
    my ($type, $collation) = $declared =~ /^(.*?)(?: COLLATE "?(.*?)"?)?$/;
    my $bare = $type =~ s/\(.*//r;
    return (
        sql       => "($prefix$type" . (defined $collation ? " COLLATE \"$collation\"" : '') . ')',
        type      => $bare,
        class     => class_of_type($bare),
        collation => $collation // $collation_before // 'default',
        collated  => defined $collation);
}

sub json_term
{
    my ($query, $source, $column) = @_;
    my $kinds = $query->{data}->kinds($source->{table}{resource}, $column->{path});
    my $draw = between(1, 10);
    return column_term($source, $column) if !$kinds->{object} && !$kinds->{array} && $draw <= 5;
    return place_term($query, $source, $column, 'text') if $draw <= 5;
    return place_term($query, $source, $column, 'jsonb') if $draw <= 7;
    return typed_place_term($query, $source, $column);
}

# A cast that the values at the place mostly allow.
sub typed_place_term
{
    my ($query, $source, $column) = @_;
    my @keys = keys_below($query, $source, $column);
    my @path = (@{ $column->{path} }, @keys);
    my $kinds = $query->{data}->kinds($source->{table}{resource}, \@path);
    my @casts = map { @{ $JSON_CASTS{$_} // [] } } sort { $kinds->{$b} <=> $kinds->{$a} || $a cmp $b } keys %$kinds;
    my ($form, @types) = @casts && chance(0.95) ? @{ pick(@casts[ 0 .. ($#casts > 1 ? 1 : $#casts) ]) } : (text => 'numeric');
    my $instant = $kinds->{string} && defined $query->{data}->value($source->{table}{resource}, \@path, 'instant');
    return place_term_at($source, $column, \@keys, $form) if $kinds->{string} && !$kinds->{number} && !$instant && chance(0.95);
    my $place = place_term_at($source, $column, \@keys, $form);
    return { %$place, as_type("$place->{sql}::", pick(@types)), kind => "$place->{kind} cast" };
}

sub place_term
{
    my ($query, $source, $column, $form) = @_;
    return place_term_at($source, $column, [ keys_below($query, $source, $column) ], $form);
}

sub place_term_at
{
    my ($source, $column, $keys, $form) = @_;
    return {
        sql       => '(' . access_sql("$source->{alias}.$column->{name}", $keys, $form) . ')',
        type      => $form,
        class     => $form eq 'text' ? 'text' : 'json',
        array     => 0,
        collation => 'default',
        kind      => "jsonb $form",
        resource  => $source->{table}{resource},
        path      => [ @{ $column->{path} }, @$keys ],
    };
}

# Keys that lead somewhere in the data, most of the time.
sub keys_below
{
    my ($query, $source, $column) = @_;
    my @keys = $query->{data}->path_below($source->{table}{resource}, $column->{path});
    @keys = pick(@ODD_KEYS) unless @keys;
    $keys[-1] = pick(@ODD_KEYS) if chance(0.05);
    push @keys, pick(@ODD_KEYS) if chance(0.05);
    return @keys;
}

# Each way of writing the path from a jsonb value to a place in it.
sub access_sql
{
    my ($sql, $keys, $form) = @_;
    my $is_text = $form eq 'text';
    my $draw = between(1, 10);
    if ($draw <= 6)
    {
        my @steps = map { $_ =~ /^-?\d{1,3}$/ && chance(0.9) ? $_ : sql_string($_) } @$keys;
        my $last = pop @steps;
        return join('', $sql, map({ "->$_" } @steps), $is_text ? '->>' : '->', $last);
    }
    return "$sql #>" . ($is_text ? '> ' : ' ') . sql_string(array_text(@$keys)) if $draw <= 8;
    my @subscripts = map { $_ =~ /^-?\d{1,3}$/ && chance(0.7) ? "[$_]" : '[' . sql_string($_) . ']' } @$keys;
    return join('', "($sql)", @subscripts) . ($is_text ? " #>> '{}'" : '');
}

1;
