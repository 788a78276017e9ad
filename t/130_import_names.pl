# What IMPORT FOREIGN SCHEMA makes of all 20 resources at every depth of flattening, and of
# names and numbers of columns at the limits of PostgreSQL; and that each column reads
# the value at its path.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
$node->safe_psql('postgres', <<"SQL");
    CREATE EXTENSION walcu_fdw;
    CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
      OPTIONS (endpoint '@{[ $sandbox->endpoint ]}', dealer_id '@{[ $sandbox->dealer_id ]}');
    CREATE USER MAPPING FOR CURRENT_USER SERVER crm @{[ options_sql(WalcuTest::Sandbox::CREDENTIALS) ]};
SQL
my $dbh = connect_db($node);

# The columns that the description promises, worked out here on their own
my $description = do
{
    local (@ARGV, $/) = 'api/openapi.json';
    JSON::PP->new->utf8->decode(<>);
};
for my $depth (0 .. 6, 10)
{
    my $schema = "flat$depth";
    import_into($schema, "source 'bundled', flatten '$depth'");
    for my $resource (@RESOURCES)
    {
        my %expected = fields_of(document_schema($resource), $depth);
        my $columns = columns_of("$schema.$resource");
        is_deeply({ map { $_->{path} => $_->{type} } @$columns }, \%expected, "flatten $depth: fields of $resource");
        is_deeply([ map { $_->{name} } @$columns ], [ map { $_->{path} =~ tr/./_/r } @$columns ],
            "flatten $depth: names of $resource");
    }
}
my @counts = map { scalar @{ columns_of("flat3.$_") } } @RESOURCES;
cmp_ok($counts[$_], '<', 1600, "$RESOURCES[$_] flattened fits a table") for 0 .. $#RESOURCES;

# What else is imported changes no name
import_into('alone', "source 'bundled', flatten '3'", 'LIMIT TO (clients)');
is_deeply(columns_of('alone.clients'), columns_of('flat3.clients'), 'alone or together is the same');

# Names at the limits.  Each document's value is its own path, so that reading shows whose
# column is whose.
my $n63 = 'n' x 63;
my $e = "\x{e9}";
my @names = (
    'a',    'A',     'a b',   'a-b',  "it's",    'say "x"', 'back\\slash', '$dollar',  'select', 'user', 'order', 'ctid',
    'xmin', 'tableoid', 'año', '日本', '😀',   "tab\there", ' ', '1', '1a',   '%s',  '*',     '{}',   "e\x{301}", 'null',
    $n63,   "${n63}n",  "${n63}m",  ('x' x 62) . $e, ('x' x 61) . $e, '😀' x 16, '😀' x 15, ("\x{65e5}" x 21) . 'ab',
);
my %flat = map { $_ => { type => 'string' } } @names;
my %nested = (
    deep => { type => 'object', properties => {%flat} },
    deep_a => { type => 'string' },
    ('p' x 40) => { type => 'object', properties => { map { (('q' x 40) . $_ => { type => 'string' }) } 1 .. 20 } },
);
describe({ type => 'object', properties => { _id => { type => 'string' }, %flat, %nested } });
import_into('named', "flatten '1'");
my $columns = columns_of('named.things');
is(scalar(@$columns), 1 + 2 * @names + 1 + 20, 'every member has a column');
is(scalar(keys %{ { map { $_->{name} => 1 } @$columns } }), scalar @$columns, 'of a name of its own');
is_deeply([ grep { length encode_utf8($_->{name}) > 63 } @$columns ], [], 'no name is longer than 63 bytes');
for my $column (@$columns)
{
    my $wanted = $column->{path} =~ tr/./_/r;
    my $kept = length encode_utf8($wanted) <= 63 && $wanted !~ /^(ctid|xmin|tableoid)$/ && $column->{path} ne 'deep.a';
    my $start = substr $wanted, 0, length($column->{name}) - 9;
    like($column->{name}, $kept ? qr/^\Q$wanted\E$/ : qr/^\Q$start\E_[0-9a-f]{8}$/, 'name of ' . printable($column->{path}));
}
import_into('again', "flatten '1'");
is_deeply(columns_of('again.things'), $columns, 'importing again gives the same names');

# A description with other members, in another order, keeps the names of those that stay
describe({ type => 'object', properties => { zzz => { type => 'string' }, %nested, _id => { type => 'string' } } });
import_into('fewer', "flatten '1'");
my %fewer = map { $_->{path} => $_->{name} } @{ columns_of('fewer.things') };
is_deeply([ grep { exists $fewer{ $_->{path} } && $fewer{ $_->{path} } ne $_->{name} } @$columns ], [],
    'a name does not depend on what else there is');

my $document = { _id => '_id', map { ($_ => $_) } @names, 'deep_a' };
$document->{deep} = { map { ($_ => "deep.$_") } @names };
$document->{ 'p' x 40 } = { map { (('q' x 40) . $_ => ('p' x 40) . '.' . ('q' x 40) . $_) } 1 .. 20 };
reply('list', $json->encode([$document]));
is_deeply($dbh->selectrow_hashref('SELECT * FROM named.things'), { map { $_->{name} => $_->{path} } @$columns },
    'each column reads the value at its path');
for my $column (@$columns)
{
    my $name = $dbh->quote_identifier($column->{name});
    is($dbh->selectrow_array("SELECT $name FROM named.things"), $column->{path}, 'alone: ' . printable($column->{path}));
}

# Names of tables are names of resources: those that fit a URL
describe({ type => 'object', properties => { a => { type => 'string' } } }, 'select', 'Order', '1st', 'x.y~z', 'a-b', 'a b', "it's", 'ñ', 'all');
import_into('tables', '');
is_deeply($dbh->selectcol_arrayref(<<"SQL"), [ '1st', 'Order', 'a-b', 'select', 'x.y~z' ], 'names of tables');
    SELECT relname FROM pg_class WHERE relnamespace = 'tables'::regnamespace ORDER BY relname COLLATE "C"
SQL
is_deeply([ map { $_->{name} } @{ columns_of('tables."Order"') } ], [qw(_id a)], 'a resource without _id gets one');
is($dbh->selectrow_array(q{SELECT attnotnull FROM pg_attribute WHERE attrelid = 'tables."Order"'::regclass AND attname = '_id'}),
    1, 'which is not null');

# 1,600 columns, and one more
my $wide = sub {
    my ($count, $options) = @_;
    describe({ type => 'object', properties => {
        _id => { type => 'string' }, map { ("f$_" => { type => 'string' }) } 1 .. $count - 1 } });
    $dbh->do('DROP SCHEMA IF EXISTS wide CASCADE');
    $dbh->do('CREATE SCHEMA wide');
    return sql_error($dbh, 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO wide' . ($options // ''));
};
{
    local $dbh->{PrintWarn} = 0;
    is($wide->(1600), undef, '1,600 columns are imported');
    reply('list', $json->encode([ { _id => '_id', map { ("f$_" => "f$_") } 1 .. 1599 } ]));
    my $row = $dbh->selectrow_hashref('SELECT * FROM wide.things');
    is_deeply([ grep { ($row->{$_} // '') ne $_ } keys %$row ], [], 'and read');
    my $error = $wide->(1601);
    is($error->{sqlstate}, '54011', '1,601 are not');
    like($error->{message}, qr/^resource "things" would have 1601 columns$/, 'the message says how many');
    is($error->{hint}, 'Lower the option flatten.', 'the hint says what to do');
    is($wide->(1599, " OPTIONS (import_search 'true')"), undef, '1,599 and _search are imported');
    is($wide->(1600, " OPTIONS (import_search 'true')")->{sqlstate}, '54011', '1,600 and _search are not');
    is($wide->(1599, " OPTIONS (import_document 'true', import_search 'true')")->{sqlstate}, '54011', 'nor 1,599 and both');
}

done_testing();

# The schema of a document of a resource, in the bundled description.
sub document_schema
{
    my ($resource) = @_;
    my $schema = $description->{paths}{"/$resource"}{get}{responses}{200}{content}{'application/json'}{schema};
    return resolved(resolved($schema)->{items});
}

sub resolved
{
    my ($schema) = @_;
    return $schema unless defined $schema->{'$ref'};
    my $value = $description;
    $value = $value->{$_} for split m{/}, substr $schema->{'$ref'}, 2;
    return resolved($value);
}

# Paths and types of a schema's fields, objects taken apart so many levels deep.
sub fields_of
{
    my ($schema, $depth, $prefix) = @_;
    my %fields;
    for my $name (keys %{ $schema->{properties} })
    {
        my $field = resolved($schema->{properties}{$name});
        my $path = ($prefix // '') . $name;
        my $free = $name eq 'custom' || $name =~ /._customs$/;
        if (!$free && $depth > 0 && ($field->{type} // '') eq 'object' && %{ $field->{properties} // {} })
        {
            %fields = (%fields, fields_of($field, $depth - 1, "$path."));
        }
        else
        {
            $fields{$path} = $free ? 'jsonb' : type_of($field);
        }
    }
    return %fields;
}

sub type_of
{
    my ($field) = @_;
    my $type = $field->{type} // '';
    return 'numeric' if $type =~ /^(number|integer)$/;
    return 'boolean' if $type eq 'boolean';
    return ($field->{format} // '') =~ /^date/ ? 'timestamp with time zone' : 'text' if $type eq 'string';
    return 'jsonb' unless $type eq 'array';
    my $element = type_of(resolved($field->{items}));
    return $element eq 'jsonb' || $element =~ /\[\]$/ ? 'jsonb' : $element . '[]';
}

sub import_into
{
    my ($schema, $options, $tables) = @_;
    $dbh->do("CREATE SCHEMA $schema");
    $dbh->do("IMPORT FOREIGN SCHEMA walcu @{[ $tables // '' ]} FROM SERVER crm INTO $schema "
          . ($options ? "OPTIONS ($options)" : ''));
    return;
}

sub columns_of
{
    my ($table) = @_;
    return $dbh->selectall_arrayref(<<'SQL', { Slice => {} }, $table);
        SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
               coalesce((SELECT option_value FROM pg_options_to_table(attfdwoptions)
                         WHERE option_name <> 'readonly'), attname) AS path
          FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attname COLLATE "C"
SQL
}

# From now on the live description has these resources, all with this schema.
sub describe
{
    my ($schema, @resources) = @_;
    my $list = { responses => { 200 => { content => { 'application/json' => { schema => { type => 'array', items => $schema } } } } } };
    reply('description', $json->encode({
        openapi => '3.0.0',
        paths   => { map { ("/$_" => { get => $list }) } @resources ? @resources : 'things' } }));
    return;
}

# From now on requests of a kind are answered with this text.
sub reply
{
    my ($kind, $body) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({
        match => { kind => $kind },
        fault => {
            type    => 'reply',
            body    => $body,
            headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'false' },
        } });
    return;
}

sub printable
{
    my ($path) = @_;
    $path =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ge;
    return length $path > 60 ? substr($path, 0, 60) . '...' . length $path : $path;
}
