package WalcuTest::Fuzz::Queries;

# WalcuTest::Fuzz::Queries
#   Whole queries around conditions.  A query is a hash:
#
#     trees    conditions; `build` makes the SQL of their texts, so that they can be shrunk
#     build    sub (condition SQL, ...) returning the statement
#     separable  it takes any number of conditions
#     shape    the name of its row below
#     ordered  its rows have one possible order
#     loose    PostgreSQL is free in which rows it looks at, and when, so an error of a
#              row may come up in one plan and not in another
#     prepared, params, settings   how it is executed (see Operands and Session)

use strict;
use warnings;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Operands;
use WalcuTest::Fuzz::Operators;
use WalcuTest::Fuzz::Terms;
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(random_query query_sql);

use constant PREPARED => 0.35;
use constant SCANS    => 10;      # in one query that has many

# [weight, name, maker]
my @SHAPES = (
    [ 22, 'many conditions',   \&many_conditions ],
    [ 16, 'many orders',       \&many_orders ],
    [ 20, 'rows',              \&rows ],
    [ 20, 'ordered rows',      \&ordered_rows ],
    [ 4,  'rows with ties',    \&rows_with_ties ],
    [ 4,  'limited count',     \&limited_count ],
    [ 5,  'aggregates',        \&aggregates ],
    [ 3,  'extreme',           \&extreme ],
    [ 3,  'distinct',          \&distinct ],
    [ 3,  'distinct on',       \&distinct_on ],
    [ 3,  'groups',            \&groups ],
    [ 2,  'window',            \&window ],
    [ 4,  'whole rows',        \&whole_rows ],
    [ 3,  'exists',            \&exists_query ],
    [ 3,  'semijoin to local', \&local_semijoin ],
    [ 3,  'semijoin',          \&semijoin ],
    [ 7,  'join',              \&join_query ],
    [ 5,  'nested loop',       \&nested_loop ],
    [ 5,  'lateral',           \&lateral ],
    [ 2,  'union',             \&union ],
);

my @ZONES = ('UTC', 'Europe/Madrid', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia', 'Pacific/Chatham', '-03:30', 'Pacific/Kwajalein', '<X>+167', '<X>-100:30');

# [chance, settings]; several may apply
my @SETTINGS = (
    [ 0.5,  sub { (timezone => pick(@ZONES)) } ],
    [ 0.1,  sub { (datestyle => pick('SQL, DMY', 'German', 'Postgres, MDY')) } ],
    [ 0.15, sub { (enable_hashjoin => 'off') } ],
    [ 0.1,  sub { (enable_nestloop => 'off') } ],
    [ 0.1,  sub { (enable_mergejoin => 'off') } ],
    [ 0.1,  sub { (enable_hashagg => 'off') } ],
    [ 0.6,  sub { (enable_sort => 'off') } ],    # else orders are worth a request where a LIMIT is small
    [ 0.1,  sub { (enable_material => 'off', enable_memoize => 'off') } ],
    [ 0.05, sub { (enable_incremental_sort => 'off') } ],
    [ 0.05, sub { (extra_float_digits => pick(-5, 0)) } ],
    [ 0.05, sub { (intervalstyle => pick(qw(sql_standard iso_8601)), bytea_output => 'escape', xmloption => 'document', array_nulls => 'off') } ],
);

# `tables` can be drawn from, `data` has their documents.
sub random_query
{
    my ($tables, $data) = @_;
    my $query = { tables => $tables, data => $data, params => [], settings => {}, trees => [], prepared => chance(PREPARED) };
    for my $row (@SETTINGS)
    {
        $query->{settings} = { %{ $query->{settings} }, $row->[1]->() } if chance($row->[0]);
    }
    $query->{settings}{plan_cache_mode} = pick(qw(force_custom_plan force_generic_plan)) if $query->{prepared};
    my (undef, $name, $make) = @{ pick_weighted(@SHAPES) };
    $query->{shape} = $name;
    $query->{build} = $make->($query);
    return $query;
}

sub query_sql
{
    my ($query) = @_;
    return $query->{build}->(map { condition_sql($_) } @{ $query->{trees} });
}

sub source
{
    my ($query, $alias) = @_;
    return { table => pick(@{ $query->{tables} }), alias => $alias };
}

# A condition on a source, kept with the query; its text comes to `build` in this order.
sub add_condition
{
    my ($query, $source, $depth) = @_;
    my $tree = random_condition($query, $source, $depth);
    if ($source->{table}{search} && chance(0.02))
    {
        my $search = { sql => "$source->{alias}._search = " . operand_of($query, search_text($query, $source), 'text'), kind => 'search', term => 'search' };
        $tree = { before => '(', between => ') AND (', after => ')', parts => [ $search, $tree ] };
    }
    push @{ $query->{trees} }, $tree;
    return;
}

sub search_text
{
    my ($query, $source) = @_;
    my $term = term_of_class($source, 'text');
    my $value = draw_value($query, $term) // 'a';
    return chance(0.5) ? substr($value, 0, 5) : $term->{path}[0] . ' = ' . ($value =~ /^\w+$/ ? $value : 'Toyota');
}

sub outputs
{
    my ($query, $source) = @_;
    my @terms = map { output_term($query, $source)->{sql} } 1 .. between(0, 3);
    return join ', ', "$source->{alias}._id", @terms;
}

# ORDER BY keys, with whatever order SQL knows; values that PostgreSQL calls equal though
# they look different must not decide what is put out.
sub sort_keys
{
    my ($query, $source, $count) = @_;
    my @keys = map { sort_term($query, $source)->{sql} . direction() } 1 .. ($count // between(1, 3));
    return join ', ', @keys;
}

# Often one that there is a condition on.
sub sort_term
{
    my ($query, $source) = @_;
    my @terms = grep { is_sortable($_) } @{ $source->{terms} // [] };
    return @terms && chance(0.5) ? pick(@terms) : sortable_term($query, $source);
}

sub direction
{
    return pick('', '', ' DESC', ' ASC') . pick('', '', ' NULLS FIRST', ' NULLS LAST');
}

sub limit_clause
{
    my ($query) = @_;
    my $limit = chance(0.7) ? ' LIMIT ' . count_operand($query, pick(0, 1, 1, 2, 3, 5, 10, 20, 50, 1000)) : '';
    my $offset = chance(0.35) ? ' OFFSET ' . count_operand($query, pick(0, 1, 2, 3, 7, 20, 100)) : '';
    return "$limit$offset";
}

sub count_operand
{
    my ($query, $count) = @_;
    return chance(0.3) ? operand_of($query, $count, 'bigint') : $count;
}

# Most differences need a value and an operator that hardly ever meet: several scans
# in one query cost less than several queries.
sub many_conditions
{
    my ($query) = @_;
    my $source = source($query, 'a');
    add_condition($query, $source, 1) for 1 .. SCANS;
    $query->{separable} = 1;
    return sub { 'SELECT ' . join ",\n  ", map { "(SELECT array_agg(a._id ORDER BY a._id) FROM $source->{table}{name} a WHERE $_)" } @_ };
}

sub many_orders
{
    my ($query) = @_;
    my $source = source($query, 'a');
    for (1 .. SCANS)
    {
        add_condition($query, $source, 0);
        my $rest = 'ORDER BY ' . sort_keys($query, $source, between(1, 2)) . ', a._id' . (chance(0.5) ? limit_clause($query) : '');
        push @{ $query->{trees} }, { before => '(', after => ") $rest", parts => [ pop @{ $query->{trees} } ], whole => 1 };
    }
    $query->{separable} = 1;
    return sub { 'SELECT ' . join ",\n  ", map { "ARRAY(SELECT a._id FROM $source->{table}{name} a WHERE $_)" } @_ };
}

sub rows
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $outputs = outputs($query, $source);
    add_condition($query, $source);
    return sub { "SELECT $outputs FROM $source->{table}{name} a WHERE $_[0]" };
}

sub ordered_rows
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $outputs = outputs($query, $source);
    add_condition($query, $source) if chance(0.75);
    my $keys = chance(0.1) ? '' : sort_keys($query, $source) . ', ';
    my $order = "${keys}a._id" . pick('', '', ' DESC');
    my $limit = limit_clause($query);
    $query->{ordered} = 1;
    return sub { "SELECT $outputs FROM $source->{table}{name} a" . where(@_) . " ORDER BY $order$limit" };
}

sub where
{
    my ($condition) = @_;
    return defined $condition ? " WHERE $condition" : '';
}

sub rows_with_ties
{
    my ($query) = @_;
    my $source = source($query, 'a');
    add_condition($query, $source) if chance(0.6);
    my $keys = sort_keys($query, $source);
    my $count = pick(1, 2, 5, 10);
    return sub { "SELECT a._id FROM $source->{table}{name} a" . where(@_) . " ORDER BY $keys FETCH FIRST $count ROWS WITH TIES" };
}

# Which rows a LIMIT leaves is open, how many is not.
sub limited_count
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $output = chance(0.5) ? output_term($query, $source)->{sql} : '1';
    add_condition($query, $source) if chance(0.8);
    my $limit = limit_clause($query);
    $query->{loose} = 1;
    return sub { "SELECT count(*) FROM (SELECT $output FROM $source->{table}{name} a" . where(@_) . "$limit) s" };
}

my @AGGREGATES = ('count(%s)', 'count(DISTINCT %s)', 'min(%s)', 'max(%s)');
my %NO_EXTREMES = map { ($_ => 1) } qw(boolean uuid json);

# A term whose equal values look alike, and that has a least one.
sub extreme_term
{
    my ($query, $source) = @_;
    for (1 .. 20)
    {
        my $term = sortable_term($query, $source);
        return $term unless $NO_EXTREMES{ $term->{class} } || blurred($term);
    }
    return id_term($source);
}

sub blurred
{
    my ($term) = @_;
    return ($term->{collation} // '') eq 'fuzz_ci' || $term->{type} eq 'bpchar' || $term->{class} eq 'json';
}

sub aggregates
{
    my ($query) = @_;
    my $source = source($query, 'a');
    add_condition($query, $source);
    my $list = join ', ', 'count(*)', map { sprintf pick(@AGGREGATES), extreme_term($query, $source)->{sql} } 1 .. between(0, 2);
    return sub { "SELECT $list FROM $source->{table}{name} a WHERE $_[0]" };
}

# The planner makes ORDER BY and LIMIT of it.
sub extreme
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $term = extreme_term($query, $source);
    my $function = pick('min', 'max');
    add_condition($query, $source) if chance(0.6);
    return sub { "SELECT $function($term->{sql}) FROM $source->{table}{name} a" . where(@_) };
}

sub distinct_terms
{
    my ($query, $source) = @_;
    my @terms = grep { !blurred($_) } map { sortable_term($query, $source) } 1 .. between(1, 3);
    return @terms ? @terms : id_term($source);
}

sub distinct
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $list = join ', ', map { $_->{sql} } distinct_terms($query, $source);
    add_condition($query, $source) if chance(0.6);
    return sub { "SELECT DISTINCT $list FROM $source->{table}{name} a" . where(@_) };
}

sub distinct_on
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my ($term) = distinct_terms($query, $source);
    my $order = $term->{sql} . direction();
    add_condition($query, $source) if chance(0.6);
    $query->{ordered} = 1;
    return sub { "SELECT DISTINCT ON ($term->{sql}) $term->{sql}, a._id FROM $source->{table}{name} a" . where(@_) . " ORDER BY $order, a._id" };
}

sub groups
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $list = join ', ', map { $_->{sql} } distinct_terms($query, $source);
    my $having = chance(0.3) ? ' HAVING count(*) > 1' : '';
    add_condition($query, $source) if chance(0.6);
    return sub { "SELECT $list, count(*), min(a._id) FROM $source->{table}{name} a" . where(@_) . " GROUP BY $list$having" };
}

sub window
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $keys = sort_keys($query, $source);
    add_condition($query, $source) if chance(0.6);
    return sub { "SELECT a._id, row_number() OVER (ORDER BY $keys, a._id) FROM $source->{table}{name} a" . where(@_) };
}

sub whole_rows
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $row = pick('a', 'a.*', 'a.*::text', 'to_jsonb(a)', 'a.tableoid::regclass, a._id');
    add_condition($query, $source);
    return sub { "SELECT $row FROM $source->{table}{name} a WHERE $_[0]" };
}

sub exists_query
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $not = pick('', 'NOT ');
    add_condition($query, $source);
    $query->{loose} = 1;
    return sub { "SELECT ${not}EXISTS (SELECT FROM $source->{table}{name} a WHERE $_[0])" };
}

sub local_semijoin
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $not = pick('', 'NOT ');
    $query->{outer} = 1;
    $query->{loose} = 1;
    add_condition($query, $source);
    return sub { "SELECT l.n FROM fuzz_local l WHERE ${not}EXISTS (SELECT FROM $source->{table}{name} a WHERE $_[0])" };
}

# Terms of two sources that may be equal; undef where none suit.
sub joinable
{
    my ($query, $left, $right) = @_;
    for (1 .. 30)
    {
        my $term = chance(0.2) ? id_term($left) : sortable_term($query, $left);
        next if $term->{class} eq 'boolean';
        my $other = chance(0.2) && $term->{class} eq 'text' ? id_term($right) : term_of_class($right, $term->{class}) // next;
        next if $term->{class} eq 'enum' && $term->{type} ne $other->{type};
        my $differ = $term->{class} eq 'text' && ($term->{collation} // '') ne ($other->{collation} // '');
        return ($term->{sql} . ($differ ? pick(' COLLATE "C"', ' COLLATE "es-x-icu"') : ''), $other->{sql});
    }
    return ("$left->{alias}._id", "$right->{alias}._id");
}

sub semijoin
{
    my ($query) = @_;
    my ($left, $right) = (source($query, 'a'), source($query, 'b'));
    my ($term, $other) = joinable($query, $left, $right);
    my $in = pick('IN', 'IN', 'NOT IN');
    $query->{loose} = 1;
    add_condition($query, $left);
    add_condition($query, $right);
    return sub {
        "SELECT a._id FROM $left->{table}{name} a WHERE ($_[0]) AND $term $in (SELECT $other FROM $right->{table}{name} b WHERE $_[1])";
    };
}

sub join_query
{
    my ($query) = @_;
    my ($left, $right) = (source($query, 'a'), source($query, 'b'));
    my ($term, $other) = joinable($query, $left, $right);
    my $join = pick('JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
    my $order = chance(0.4) ? ' ORDER BY a._id, b._id LIMIT ' . pick(1, 10, 100) : '';
    $query->{ordered} = $order ne '';
    $query->{loose} = 1;
    add_condition($query, $left);
    add_condition($query, $right) if chance(0.5);
    return sub {
        my ($where, $on) = @_;
        $on = defined $on && $join ne 'FULL JOIN' ? " AND ($on)" : '';
        "SELECT a._id, b._id FROM $left->{table}{name} a $join $right->{table}{name} b ON $term = $other$on WHERE $where$order";
    };
}

# The condition has columns of the local table in it.
sub nested_loop
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $join = pick('JOIN', 'JOIN', 'LEFT JOIN');
    $query->{outer} = 1;
    $query->{loose} = 1;
    add_condition($query, $source);
    return sub { "SELECT l.n, a._id FROM fuzz_local l $join $source->{table}{name} a ON $_[0]" };
}

sub lateral
{
    my ($query) = @_;
    my $source = source($query, 'a');
    my $outputs = outputs($query, $source);
    $query->{outer} = 1;
    add_condition($query, $source);
    my $rest = chance(0.6) ? ' ORDER BY ' . sort_keys($query, $source, 1) . ', a._id' . limit_clause($query) : ' OFFSET 0';
    return sub { "SELECT l.n, s.* FROM fuzz_local l LEFT JOIN LATERAL (SELECT $outputs FROM $source->{table}{name} a WHERE $_[0]$rest) s ON true" };
}

sub union
{
    my ($query) = @_;
    my ($left, $right) = (source($query, 'a'), source($query, 'b'));
    my $all = pick(' ALL', '');
    add_condition($query, $left);
    add_condition($query, $right);
    return sub {
        "SELECT a._id FROM $left->{table}{name} a WHERE $_[0] UNION$all SELECT b._id FROM $right->{table}{name} b WHERE $_[1] ORDER BY 1";
    };
}

1;
