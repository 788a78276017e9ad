package WalcuTest::Fuzz::Operators;

# WalcuTest::Fuzz::Operators
#   Every kind of condition, one a row, and trees of them under AND, OR and NOT.
#
#     my $tree = random_condition($query, $source);
#     print condition_sql($tree), join ', ', condition_kinds($tree);
#
#   A tree is { sql, kind } or { before, between, after, parts => [trees] }; `whole` says
#   that no part can take its place.

use strict;
use warnings;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Operands;
use WalcuTest::Fuzz::Patterns;
use WalcuTest::Fuzz::Terms;
use WalcuTest::Fuzz::Values;

our @EXPORT = qw(random_condition condition_sql condition_kinds condition_leaves);

# What stands for what in the templates.
my %MARKS = (
    t => sub { my ($query, $term) = @_; return $term->{sql} },
    v => \&operand,
    l => \&operand_list,
    a => \&array_operand,
    c => sub { return pick(qw(= <> < <= > >=)) },
    p => sub { my ($query, $term) = @_; return text_operand($query, $term, \&like_pattern) },
    P => sub { my ($query, $term) = @_; return text_array($query, $term, \&like_pattern) },
    r => sub { my ($query, $term) = @_; return text_operand($query, $term, \&regex_pattern) },
    s => sub { my ($query, $term) = @_; return text_operand($query, $term, \&text_prefix) },
    e => sub { my ($query, $term) = @_; return operand($query, $term, $term->{type}) },
    A => sub { my ($query, $term) = @_; return array_operand($query, $term, $term->{type}) },
    k => sub { my ($query, $term) = @_; return operand_of($query, json_key($query, $term), 'text') },
    K => sub { my ($query, $term) = @_; return sql_array([ map { json_key($query, $term) } 1 .. between(0, 3) ], 'text') },
    j => sub { my ($query, $term) = @_; return operand_of($query, json_part($query, $term), 'jsonb') },
    w => \&json_path,
    u => \&other_term,
    i => sub { my ($query, $term, undef, $source) = @_; return "$source->{alias}._id" },
    I => sub { my ($query, $term, undef, $source) = @_; return operand($query, id_term($source), 'text') },
    R => sub { return pick(qw(< <= > >=)) },
    S => sub { return pick('+', '-') },
    U => sub { return pick(qw(second minute hour day week month quarter year)) },
    Y => sub { return between(2015, 2027) + pick(0, 0, 0, 0.5) },
    Z => sub { return pick(qw(UTC Europe/Madrid Pacific/Apia America/St_Johns Asia/Kathmandu Australia/Lord_Howe Africa/Casablanca)) },
    X => \&date_text,
    D => sub { return between(0, 4) },
    M => sub { return pick(0, 1, 7, -3, 400, 1.5) },
    N => sub { return pick('90 minutes', '1 day', '7 days', '30 days -1 hour', '1 month', '1 month 3 days', '-1 year', '13 months', '0') },
);

# The text of a date, or a part of it that it begins with, near those that are in the data; not all are possible.
sub date_text
{
    my $day = pick(qw(2024-01-01 2023-12-31 2024-03-31 2024-10-27 2011-12-30 2024-06-30 2024-02-29 2024-02-31 2024-13-01 1970-01-01 9999-12-31 0001-01-01));
    my $text = $day . ' ' . pick(qw(00:00:00 23:59:59 02:30:00 12:00:00 24:00:00 01:00:00));
    return substr($text, 0, pick(4, 5, 6, 7, 7, 7, 8, 9, 10, 10, 13, 14, 16, 19));
}

# [weight, what it is counted as, classes of terms (array: of arrays), the template]
my @OPERATORS = (
    [ 12, '=',                    'scalar',  '%t = %v' ],
    [ 4,  '<>',                   'scalar',  '%t <> %v' ],
    [ 6,  '<',                    'scalar',  '%t < %v' ],
    [ 6,  '<=',                   'scalar',  '%t <= %v' ],
    [ 6,  '>',                    'scalar',  '%t > %v' ],
    [ 6,  '>=',                   'scalar',  '%t >= %v' ],
    [ 4,  'reversed',             'scalar',  '%v %c %t' ],
    [ 4,  'BETWEEN',              'scalar',  '%t BETWEEN %v AND %v' ],
    [ 2,  'NOT BETWEEN',          'scalar',  '%t NOT BETWEEN %v AND %v' ],
    [ 1,  'BETWEEN SYMMETRIC',    'scalar',  '%t BETWEEN SYMMETRIC %v AND %v' ],
    [ 6,  'IN',                   'scalar',  '%t IN (%l)' ],
    [ 4,  'NOT IN',               'scalar',  '%t NOT IN (%l)' ],
    [ 6,  '= ANY',                'scalar',  '%t = ANY (%a)' ],
    [ 3,  '<> ALL',               'scalar',  '%t <> ALL (%a)' ],
    [ 1,  'ANY',                  'scalar',  '%t %c ANY (%a)' ],
    [ 1,  'ALL',                  'scalar',  '%t %c ALL (%a)' ],
    [ 3,  'IS DISTINCT FROM',     'scalar',  '%t IS DISTINCT FROM %v' ],
    [ 3,  'IS NOT DISTINCT FROM', 'scalar',  '%t IS NOT DISTINCT FROM %v' ],
    [ 3,  'coalesce',             'scalar',  'coalesce(%t, %v) %c %v' ],
    [ 1,  'coalesce of two',      'scalar',  'coalesce(%t, %u, %v) IN (%l)' ],
    [ 2,  'nullif',               'scalar',  'nullif(%t, %v) %c %v' ],
    [ 1,  'nullif IS NULL',       'scalar',  'nullif(%t, %v) IS NULL' ],
    [ 2,  'CASE',                 'scalar',  q(CASE WHEN %t < %v THEN 'low' WHEN %t = %v THEN 'same' WHEN %t IS NULL THEN NULL ELSE 'high' END %c 'low') ],
    [ 1,  'CASE IS NULL',         'scalar',  'CASE WHEN %t > %v THEN 1 WHEN %u IS NULL THEN 2 END IS NULL' ],
    [ 1,  'CASE of a value',      'scalar',  'CASE %t WHEN %v THEN 1 WHEN %v THEN 2 ELSE 3 END IN (1, 3)' ],
    [ 2,  'boolean CASE',         'scalar',  'CASE WHEN %t IS NULL THEN true ELSE %t > %v END' ],
    [ 3,  'optional',             'scalar',  '(%v IS NULL OR %t = %v)' ],
    [ 1,  'optional of values',   'scalar',  '(%t = %v OR %v = %v) IS NOT FALSE' ],
    [ 3,  'rows',                 'scalar',  '(%t, %i) %R (%v, %I)' ],
    [ 1,  'rows reversed',        'scalar',  '(%v, %I) %R (%t, %i)' ],
    [ 1,  'rows of three',        'scalar',  '(%t, %u, %i) %R (%v, %v, %I)' ],
    [ 1,  'rows of one column',   'scalar',  '(%t, %u) %R (%v, %u)' ],
    [ 1,  'rows mixed',           'scalar',  '(%t, %I) %R (%v, %i)' ],
    [ 1,  'keyset',               'scalar',  '(%t < %v OR (%t = %v AND %i > %I))' ],
    [ 5,  'IS NULL',              'any',     '%t IS NULL' ],
    [ 5,  'IS NOT NULL',          'any',     '%t IS NOT NULL' ],

    [ 8, 'bare',                  'boolean', '%t' ],
    [ 8, 'NOT',                   'boolean', 'NOT %t' ],
    [ 5, 'IS TRUE',               'boolean', '%t IS TRUE' ],
    [ 5, 'IS NOT TRUE',           'boolean', '%t IS NOT TRUE' ],
    [ 5, 'IS FALSE',              'boolean', '%t IS FALSE' ],
    [ 5, 'IS NOT FALSE',          'boolean', '%t IS NOT FALSE' ],
    [ 5, 'IS UNKNOWN',            'boolean', '%t IS UNKNOWN' ],
    [ 5, 'IS NOT UNKNOWN',        'boolean', '%t IS NOT UNKNOWN' ],

    [ 12, 'LIKE',                  'text',    '%t LIKE %p' ],
    [ 6, 'NOT LIKE',              'text',    '%t NOT LIKE %p' ],
    [ 12, 'ILIKE',                 'text',    '%t ILIKE %p' ],
    [ 6, 'NOT ILIKE',             'text',    '%t NOT ILIKE %p' ],
    [ 2, 'LIKE ESCAPE',           'text',    q(%t LIKE %p ESCAPE '#') ],
    [ 2, 'LIKE ANY',              'text',    '%t LIKE ANY (%P)' ],
    [ 1, 'ILIKE ALL',             'text',    '%t ILIKE ALL (%P)' ],
    [ 6, '^@',                    'text',    '%t ^@ %s' ],
    [ 6, 'starts_with',           'text',    'starts_with(%t, %s)' ],
    [ 9, '~',                     'text',    '%t ~ %r' ],
    [ 5, '!~',                    'text',    '%t !~ %r' ],
    [ 6, '~*',                    'text',    '%t ~* %r' ],
    [ 3, '!~*',                   'text',    '%t !~* %r' ],

    [ 3, 'upper =',               'text',    'upper(%t) = upper(%v)' ],
    [ 3, 'lower =',               'text',    'lower(%t) = %v' ],
    [ 1, 'lower <>',              'text',    'lower(%t) <> lower(%v)' ],
    [ 2, 'lower IN',              'text',    'lower(%t) IN (%l)' ],
    [ 1, 'upper IS DISTINCT',     'text',    'upper(%t) IS DISTINCT FROM upper(%v)' ],
    [ 3, 'upper LIKE',            'text',    'upper(%t) LIKE upper(%p)' ],
    [ 3, 'lower LIKE',            'text',    'lower(%t) LIKE lower(%p)' ],
    [ 1, 'lower NOT LIKE',        'text',    'lower(%t) NOT LIKE %p' ],
    [ 1, 'upper ILIKE',           'text',    'upper(%t) ILIKE %p' ],
    [ 1, 'lower ^@',              'text',    'lower(%t) ^@ lower(%s)' ],

    [ 3, 'left =',                'text',    'left(%t, %D) = left(%v, %D)' ],
    [ 1, 'left <>',               'text',    'left(%t, %D) <> left(%v, %D)' ],
    [ 2, 'left IN',               'text',    'left(%t, %D) IN (left(%v, %D), left(%v, %D))' ],
    [ 1, 'left of lower',         'text',    'left(lower(%t), %D) = lower(left(%v, %D))' ],
    [ 1, 'right =',               'text',    'right(%t, %D) = right(%v, %D)' ],
    [ 2, 'substr =',              'text',    'substr(%t, 1, %D) = left(%v, %D)' ],
    [ 3, 'strpos',                'text',    'strpos(%t, left(%v, %D)) > 0' ],
    [ 1, 'strpos = 0',            'text',    'strpos(%t, left(%v, %D)) = 0' ],
    [ 2, 'strpos compared',       'text',    'strpos(%t, %s) %c %D' ],
    [ 1, 'position of lower',     'text',    'pg_catalog.position(lower(%t), lower(left(%v, %D))) <> 0' ],

    [ 3, '::text =',              'number',  '%t::text = %v::text' ],
    [ 1, '::text <>',             'number',  '%t::text <> %v::text' ],
    [ 2, '::text IN',             'number',  q(%t::text IN (%v::text, %v::text, 'x')) ],
    [ 2, '::text =',              'boolean', q(%t::text = 'true') ],
    [ 1, '::text <>',             'boolean', '%t::text <> %v::text' ],

    [ 4, 'difference',            'instant', q((%v)::timestamptz - %t %R interval '%N') ],
    [ 2, 'difference turned',     'instant', q(NOT %t - (%v)::timestamptz %R interval '%N') ],
    [ 2, 'difference of clocks',  'instant', q(interval '%N' %R %t::timestamp - (%v)::timestamp) ],
    [ 2, 'difference of days',    'instant', q((%v)::date - %t::date %R (%M)::int) ],
    [ 2, 'whole days',            'instant', q(extract(day from (%v)::timestamptz - %t) %R %M) ],
    [ 1, 'trunc of a year',       'instant', 'trunc(extract(year from %t))::int %c (%Y)::int' ],

    [ 3, '::text LIKE',           'instant', q(%t::text LIKE '%X%') ],
    [ 1, 'upper of ::text LIKE',  'instant', q(UPPER(%t::text) LIKE UPPER('%X_%')) ],
    [ 1, '::date::text LIKE',     'instant', q(%t::date::text LIKE '%X%') ],
    [ 1, 'left of ::text',        'instant', q(left(%t::text, 7) = left('%X', 7)) ],
    [ 2, 'to_char LIKE',          'instant', q(to_char(%t, 'YYYY-MM-DD HH24:MI') LIKE '%X%') ],
    [ 3, 'to_char =',             'instant', q(to_char(%t, 'YYYY-MM') = left('%X', 7)) ],
    [ 2, 'to_char in zone',       'instant', q(to_char(%t AT TIME ZONE '%Z', 'YYYY-MM-DD') = left('%X', 10)) ],
    [ 2, 'to_char compared',      'instant', q(to_char(%t, 'YYYY-MM-DD HH24') %R '%X') ],
    [ 1, 'to_char IN',            'instant', q(to_char(%t, 'YYYY-MM') IN (left('%X', 7), left('%X', 7))) ],

    [ 6, 'date_trunc',            'instant', q(date_trunc('%U', %t) %c %v) ],
    [ 2, 'date_trunc IN',         'instant', q(date_trunc('%U', %t) IN (%l)) ],
    [ 2, 'date_trunc in zone',    'instant', q(date_trunc('%U', %t, '%Z') %c %v) ],
    [ 4, 'year',                  'instant', 'extract(year from %t) %c %Y' ],
    [ 2, 'date_part year',        'instant', q(date_part('year', %t)::int IN (%Y, %Y)) ],
    [ 4, 'AT TIME ZONE',          'instant', q((%t AT TIME ZONE '%Z')::date %c %v) ],
    [ 4, '+ interval',            'instant', q(%t %S interval '%N' %c %v) ],
    [ 1, '::date BETWEEN',        'instant', q(%t::date BETWEEN %v AND %v) ],

    [ 20, '= ANY (column)',       'array',   '%e = ANY (%t)' ],
    [ 8,  '<> ALL (column)',      'array',   '%e <> ALL (%t)' ],
    [ 6,  'ANY (column)',         'array',   '%e %c ANY (%t)' ],
    [ 3,  'ALL (column)',         'array',   '%e %c ALL (%t)' ],
    [ 10, '@>',                   'array',   '%t @> %A' ],
    [ 5,  '<@ reversed',          'array',   '%A <@ %t' ],
    [ 10, '&&',                   'array',   '%t && %A' ],
    [ 3,  '<@',                   'array',   '%t <@ %A' ],
    [ 3,  'array =',              'array',   '%t %c %A' ],
    [ 3,  'cardinality',          'array',   'cardinality(%t) > 0' ],
    [ 3,  'element',              'array',   '%t[1] = %e' ],

    [ 10, '@>',                   'json',    '%t @> %j' ],
    [ 3,  '<@ reversed',          'json',    '%j <@ %t' ],
    [ 2,  '<@',                   'json',    '%t <@ %j' ],
    [ 8,  '?',                    'json',    '%t ? %k' ],
    [ 5,  '?|',                   'json',    '%t ?| %K' ],
    [ 5,  '?&',                   'json',    '%t ?& %K' ],
    [ 2,  '@?',                   'json',    '%t @? %w' ],
    [ 1,  '@@',                   'json',    '%t @@ %w' ],
    [ 1,  'jsonb_path_exists',    'json',    'jsonb_path_exists(%t, %w)' ],

    # Never the service's affair, but neighbours of what is
    [ 2, 'local',                 'scalar',  '%t = %u' ],
    [ 2, 'local',                 'text',    'length(%t) > 4' ],
    [ 1, 'local',                 'any',     'random() < 2' ],
    [ 1, 'local',                 'json',    q(jsonb_typeof(%t) = 'object') ],
    [ 1, 'whole row',             'any',     '%* IS NOT NULL' ],
);

# Which rows are for a term.  `vague` is text whose collation is nondeterministic: patterns
# are an error with it.
my %ROWS;
for my $group (qw(text vague number boolean instant uuid enum json array document))
{
    my @meant = ('any', $group, $group =~ /^(?:array|document)$/ ? () : 'scalar');
    $ROWS{$group} = [ grep { my $row = $_; grep { $row->[2] eq $_ } @meant } @OPERATORS ];
}

sub random_condition
{
    my ($query, $source, $depth) = @_;
    $depth //= 3;
    my $draw = $depth > 0 ? between(1, 100) : 1;
    return simple_condition($query, $source) if $draw <= 60;
    my @parts = map { random_condition($query, $source, $depth - 1) } 1 .. between(2, 3);
    return { before => '(', between => ') AND (', after => ')', parts => \@parts } if $draw <= 76;
    return { before => '(', between => ') OR (', after => ')', parts => \@parts } if $draw <= 89;
    my $after = $draw <= 96 ? ')' : ') IS ' . pick('TRUE', 'FALSE', 'UNKNOWN', 'NOT TRUE', 'NOT FALSE', 'NOT UNKNOWN');
    return { before => $draw <= 96 ? 'NOT (' : '(', after => $after, parts => [ $parts[0] ] };
}

sub simple_condition
{
    my ($query, $source) = @_;
    my $term = chance(0.06) ? id_term($source) : random_term($query, $source);
    my $group = group_of($term);
    push @{ $source->{terms} }, $term;
    my (undef, $name, undef, $template) = @{ pick_weighted(@{ $ROWS{$group} }) };
    return {
        sql  => filled($query, $source, $term, $template),
        kind => $group eq 'array' ? "$term->{class}\[] $name" : "$group $name",
        term => $term->{kind},
    };
}

sub group_of
{
    my ($term) = @_;
    return 'array' if $term->{array};
    return 'vague' if ($term->{collation} // '') eq 'fuzz_ci';
    return $term->{class} // 'document';
}

sub filled
{
    my ($query, $source, $term, $template) = @_;
    return $template =~ s/%(\*|\w)/$1 eq '*' ? $source->{alias} : $MARKS{$1}->($query, $term, undef, $source)/ger;
}

sub condition_sql
{
    my ($tree) = @_;
    return $tree->{sql} if defined $tree->{sql};
    return $tree->{before} . join($tree->{between} // '', map { condition_sql($_) } @{ $tree->{parts} }) . $tree->{after};
}

sub condition_leaves
{
    my ($tree) = @_;
    return defined $tree->{sql} ? $tree : map { condition_leaves($_) } @{ $tree->{parts} };
}

sub condition_kinds
{
    my ($tree) = @_;
    return map { $_->{kind} } condition_leaves($tree);
}

# A text made of a value of the term's, as an operand.
sub text_operand
{
    my ($query, $term, $make) = @_;
    my $draw = sub { my $text = draw_value($query, $term, 'text'); return defined $text ? $make->($text) : undef };
    return operand_of($query, $draw->(), 'text', $draw);
}

sub text_array
{
    my ($query, $term, $make) = @_;
    return sql_array([ map { $make->(draw_value($query, $term, 'text') // '') } 1 .. between(0, 3) ], 'text');
}

sub json_key
{
    my ($query, $term) = @_;
    my ($key) = $query->{data}->path_below($term->{resource}, $term->{path});
    return defined $key && chance(0.8) && $key !~ /\0/ ? "$key" : border_value('text');
}

my @JSON_PATHS = ('$.* ? (@ == 1)', '$.a', 'strict $.a.b', '$[*] ? (@ > 1)', '$.**', '$ ? (@ == "a")', '$.type ? (@ != null)', '$.a == 1');

sub json_path
{
    my ($query, $term) = @_;
    my @keys = grep { /^[a-z_]+$/ } $query->{data}->path_below($term->{resource}, $term->{path});
    return sql_literal(@keys && chance(0.6) ? join('.', '$', @keys) : pick(@JSON_PATHS), 'jsonpath');
}

# Another column of the row, of the same class.
sub other_term
{
    my ($query, $term, undef, $source) = @_;
    my $other = term_of_class($source, $term->{class}) // return operand($query, $term);
    return $other->{sql} . ($term->{class} eq 'text' && !$term->{collated} ? ' COLLATE "C"' : '');
}

1;
