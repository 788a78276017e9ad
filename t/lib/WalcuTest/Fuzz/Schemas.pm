package WalcuTest::Fuzz::Schemas;

# WalcuTest::Fuzz::Schemas
#   The tables of a round: resources as they are imported, the same with their columns
#   declared otherwise, and a small local table.  A table is a hash:
#
#     { name => 'crm.cars', resource => 'cars', columns => [
#         { name => 'make', type => 'text', class => 'text', array => 0, path => ['make'], collation => 'C' }, ... ] }

use strict;
use warnings;

use Exporter 'import';
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Data;
use WalcuTest::Fuzz::Values qw(:DEFAULT @ENUM_LABELS);

our @EXPORT = qw(create_types create_local declarations create_schema create_copies copied drop_schema local_column);

use constant LOCAL_ROWS         => 8;
use constant REDECLARED_COLUMNS => 26;

# [type of the column, class of its values]; `l` in the queries
my @LOCAL_TYPES = qw(text numeric integer bigint float8 boolean timestamptz timestamp date uuid fuzz_enum jsonb);

# What a column may be declared as, by the JSON there.
my %REDECLARED = (
    string => [
        'text', 'text', 'text COLLATE "C"', 'text COLLATE "es-x-icu"', 'text COLLATE fuzz_ci', 'varchar', 'varchar(8)',
        'varchar(20) COLLATE "C"', 'name', 'char(12)', 'fuzz_enum', 'uuid', 'fuzz_code', 'timestamptz', 'timestamp', 'date',
        'jsonb', 'json',
    ],
    uuid => [ 'uuid', 'uuid', 'uuid', 'text COLLATE "C"', 'name' ],
    enum => [ 'fuzz_enum', 'fuzz_enum', 'fuzz_enum', 'text', 'name' ],
    date => [ 'timestamptz', 'timestamptz(0)', 'timestamptz(3)', 'timestamp', 'timestamp(1)', 'date', 'text COLLATE "C"', 'jsonb' ],
    number => [ 'integer', 'bigint', 'smallint', 'float8', 'real', 'numeric', 'numeric(7,1)', 'fuzz_positive', 'jsonb', 'text COLLATE "C"' ],
    boolean => [ qw(boolean jsonb numeric), 'text COLLATE "C"' ],
    array => [ 'text[] COLLATE "C"', 'text[]', 'varchar[]', 'numeric[]', 'integer[]', 'float8[]', 'timestamptz[]', 'boolean[]', 'jsonb[]', 'jsonb' ],
    object => [ 'jsonb', 'json', 'text COLLATE "C"' ],
);

my %SHORT_NAMES = (
    'character varying' => 'varchar', 'character' => 'bpchar', 'double precision' => 'float8',
    'timestamp with time zone' => 'timestamptz', 'timestamp without time zone' => 'timestamp',
);

# What tables and conditions refer to, once in a database.
sub create_types
{
    my ($dbh) = @_;
    my $labels = join ', ', map { sql_string($_) } @ENUM_LABELS;
    $dbh->do($_) for (
        "CREATE TYPE fuzz_enum AS ENUM ($labels)",
        "CREATE DOMAIN fuzz_code AS text CHECK (VALUE <> '')",
        'CREATE DOMAIN fuzz_positive AS numeric CHECK (VALUE > 0)',
        "CREATE COLLATION fuzz_ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
    return;
}

# Some rows of each type, the values being of the data.
sub create_local
{
    my ($dbh, $data, $tables) = @_;
    my @types = (@LOCAL_TYPES, map { "$_\[]" } qw(text numeric));
    $dbh->do('DROP TABLE IF EXISTS fuzz_local');
    $dbh->do('CREATE TABLE fuzz_local (n int, ' . join(', ', map { local_column($_) . " $_" } @types) . ')');
    for my $n (1 .. LOCAL_ROWS)
    {
        my @values = map { /^(.*)\[\]$/ ? sql_array([ map { local_value($data, $tables, $1) } 1 .. between(0, 2) ], $1)
              : sql_literal(local_value($data, $tables, $_), $_) } @types;
        $dbh->do(join ', ', "INSERT INTO fuzz_local VALUES ($n", @values[ 0 .. $#values - 1 ], "$values[-1])");
    }
    $dbh->do('ANALYZE fuzz_local');
    return;
}

# The name of the local table's column of a type; undef if it has none.
sub local_column
{
    my ($type) = @_;
    my ($element) = $type =~ /^(.*)\[\]$/;
    return $element =~ /^(text|numeric)$/ ? "c_${element}s" : undef if defined $element;
    return scalar(grep { $_ eq $type } @LOCAL_TYPES) ? "c_$type" : undef;
}

sub local_value
{
    my ($data, $tables, $type) = @_;
    return undef if chance(0.1);
    my $class = class_of_type($type);
    for (1 .. 10)
    {
        my $table = pick(@$tables);
        my @columns = grep { ($_->{class} // '') eq $class && !$_->{array} } @{ $table->{columns} };
        my $column = @columns ? pick(@columns) : undef;
        my $value = $column && chance(0.8) ? $data->value($table->{resource}, $column->{path}, $class) : border_value($class);
        next unless defined $value && fits_type($value, $type);
        # compared with a column of float8, it is made one, which PostgreSQL may do before or after another condition
        return $value if $type ne 'numeric' || fits_type($value, 'float8');
    }
    return undef;
}

# For each resource, columns over paths of the data at any depth, and options of the table.
sub declarations
{
    my ($data, $tables) = @_;
    my %declarations;
    for my $table (@$tables)
    {
        my %taken;
        my @columns = ('_id text COLLATE "C" NOT NULL');
        while (@columns < REDECLARED_COLUMNS)
        {
            my ($path, $kind) = declarable_path($data, $table);
            my $type = pick(@{ $REDECLARED{$kind} // $REDECLARED{string} });
            next if $taken{"@$path $type"}++;
            my ($bare, $collation) = $type =~ /^(.*?)( COLLATE .*)?$/;
            my $name = join '_', 'f' . @columns, $path->[-1];
            my $options = { path => join('.', @$path), chance(0.05) ? (pushdown => 'off') : () };
            push @columns, "\"$name\" $bare " . options_sql($options) . ($collation // '');
        }
        my %options = (chance(0.25) ? (paging => 'skip') : (), chance(0.25) ? (fetch_size => between(2, 20)) : ());
        $declarations{ $table->{resource} } = "(\n" . join(",\n", @columns) . "\n) SERVER %s " . options_sql(\%options);
    }
    return \%declarations;
}

# A path of plain names, and what mostly stands there.  It may lead through arrays.
sub declarable_path
{
    my ($data, $table) = @_;
    my $column = pick(grep { $_->{name} ne '_id' } @{ $table->{columns} });
    my @path = @{ $column->{path} };
    my $through = 0;
    if ($column->{type} eq 'jsonb' && chance(0.8))
    {
        my $goes_on = chance(0.6);
        for my $key ($data->path_below($table->{resource}, \@path))
        {
            last unless $key =~ /^[a-zA-Z_]\w*$/ || ($goes_on && $key =~ /^-?\d+$/);
            push @path, $key;
        }
        $through = grep { /^-?\d+$/ } @path;
        @path = grep { !/^-?\d+$/ } @path;
    }
    return (\@path, 'array') if $through;
    return (\@path, ($column->{class} // '') eq 'instant' ? 'date' : kind_at($data, $table->{resource}, \@path));
}

sub kind_at
{
    my ($data, $resource, $path) = @_;
    for my $class (qw(uuid enum))
    {
        return $class if chance(0.7) && defined $data->value($resource, $path, $class);
    }
    my $kinds = $data->kinds($resource, $path);
    delete $kinds->{null};
    my ($kind) = sort { $kinds->{$b} <=> $kinds->{$a} || $a cmp $b } keys %$kinds;
    return $kind // 'string';
}

# Server, user mapping, imported tables in the schema `name`, and the declared ones in
# `name_declared`.  Returns both lists of tables.
sub create_schema
{
    my ($dbh, $sandbox, %options) = @_;
    my $name = $options{name};
    my %server = (endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, %{ $options{server} // {} });
    $dbh->do($_) for (
        "CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw " . options_sql(\%server),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER $name " . options_sql(WalcuTest::Sandbox::CREDENTIALS),
        "CREATE SCHEMA $name",
        "CREATE SCHEMA ${name}_declared",
        "IMPORT FOREIGN SCHEMA walcu LIMIT TO (@{[ join ', ', @{ $options{resources} } ]}) FROM SERVER $name INTO $name "
          . options_sql({ import_search => 'true' }));
    for my $resource (sort keys %{ $options{declarations} // {} })
    {
        $dbh->do("CREATE FOREIGN TABLE ${name}_declared.$resource " . $options{declarations}{$resource} =~ s/%s/$name/r);
    }
    return (tables_of($dbh, $name), tables_of($dbh, "${name}_declared"));
}

# Local tables with the rows of these, for `copied`.
sub create_copies
{
    my ($dbh, @tables) = @_;
    my %schemas = map { copied($_->{name}) =~ /^(.*)\./ ? ($1 => 1) : () } @tables;
    $dbh->do("CREATE SCHEMA $_") for sort keys %schemas;
    $dbh->do("CREATE TABLE @{[ copied($_->{name}) ]} AS TABLE $_->{name}") for @tables;
    return;
}

# A statement with the local copies in place of a mode's tables.
sub copied
{
    my ($sql, $name) = @_;
    $name //= '[a-z_0-9]+?';
    return $sql =~ s/\b($name(?:_declared)?)\.(?=[a-z]+\b)/copies_of_$1./gr;
}

sub drop_schema
{
    my ($dbh, $name) = @_;
    $dbh->do($_) for (
        "DROP SCHEMA IF EXISTS copies_of_$name CASCADE",
        "DROP SCHEMA IF EXISTS copies_of_${name}_declared CASCADE",
        "DROP SCHEMA IF EXISTS $name CASCADE",
        "DROP SCHEMA IF EXISTS ${name}_declared CASCADE",
        "DROP SERVER IF EXISTS $name CASCADE");
    return;
}

sub tables_of
{
    my ($dbh, $schema) = @_;
    my %tables;
    my $columns = $dbh->selectall_arrayref(<<'SQL', { Slice => {} }, $schema);
        SELECT c.relname AS resource, quote_ident(a.attname) AS name, format_type(a.atttypid, NULL) AS type, l.collname AS collation,
               coalesce((SELECT option_value FROM pg_options_to_table(a.attfdwoptions) WHERE option_name = 'path'), a.attname) AS path
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
          LEFT JOIN pg_collation l ON l.oid = a.attcollation
         WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'f'
         ORDER BY c.relname COLLATE "C", a.attnum
SQL
    for my $column (@$columns)
    {
        my $resource = delete $column->{resource};
        $column->{array} = $column->{type} =~ s/\[\]$//;
        $column->{type} = $SHORT_NAMES{ $column->{type} } // $column->{type};
        $column->{class} = class_of_type($column->{type});
        $column->{path} = [ split /\./, $column->{path} ];
        my $table = $tables{$resource} //= { name => "$schema.$resource", resource => $resource, columns => [] };
        if ($column->{name} eq '_search') { $table->{search} = 1 }
        else { push @{ $table->{columns} }, $column }
    }
    return [ map { $tables{$_} } sort keys %tables ];
}

1;
