# The service's description, in whichever words it says a schema: alternatives, parts, references, lists of types.  A table
# of them with the columns that they give; and the sandbox's whole description in other words, which gives the same tables.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { cars => 20 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
my $json = JSON::PP->new->utf8(0)->canonical->allow_nonref;
my $number = 0;

my %components = (
    text => { type => 'string' }, maybe => { type => [ 'string', 'null' ] }, date => { type => 'string', format => 'date-time' },
    address => { type => 'object', properties => { street => { type => 'string' }, no => { type => 'integer' } } },
    person => { allOf => [ { '$ref' => '#/components/schemas/named' }, { properties => { age => { type => 'integer' } } } ] },
    named => { type => 'object', properties => { name => { '$ref' => '#/components/schemas/maybe' } } },
    tree => { type => 'object', properties => { value => { type => 'number' }, left => { oneOf => [ { type => 'null' }, { '$ref' => '#/components/schemas/tree' } ] } } },
    itself => { allOf => [ { '$ref' => '#/components/schemas/itself' }, { type => 'boolean' } ] },
    either => { oneOf => [ { '$ref' => '#/components/schemas/either' }, { type => 'number' } ] },
    round => { '$ref' => '#/components/schemas/about' }, about => { '$ref' => '#/components/schemas/round' },
    'a/b~c' => { type => 'number' }, hop => { '$ref' => '#/components/schemas/text' },
);

sub ref_to { my ($name, %siblings) = @_; return { '$ref' => "#/components/schemas/$name", %siblings } }
my %null = (type => 'null');
my %text = (type => 'string');
my $address = { type => 'object', properties => { street => {%text}, no => { type => 'number' } } };

# A field, as it is said, and its type; or with members flattened, its columns with their types.
my @fields = (
    [ { oneOf => [ {%text}, {%null} ] }, 'text' ],
    [ { oneOf => [ {%null}, {%text} ] }, 'text' ],
    [ { anyOf => [ { type => 'number' }, {%null} ] }, 'numeric' ],
    [ { anyOf => [ { oneOf => [ { type => 'boolean' }, {%null} ] }, {%null} ] }, 'boolean' ],
    [ { oneOf => [ { anyOf => [ { allOf => [ {%text} ] } ] } ] }, 'text' ],
    [ { oneOf => [ { type => 'string', format => 'date-time' }, {%null} ] }, 'timestamp with time zone' ],
    [ { type => [ 'string', 'null' ] }, 'text' ],
    [ { type => [ 'null', 'integer' ] }, 'numeric' ],
    [ { type => ['boolean'] }, 'boolean' ],
    [ { type => [ 'integer', 'number' ] }, 'numeric' ],
    [ { type => [ 'string', 'null' ], format => 'date' }, 'timestamp with time zone' ],
    [ { type => [ 'null', 'array' ], items => { type => [ 'string', 'null' ] } }, 'text[]' ],
    [ { type => 'string', nullable => JSON::PP::true }, 'text' ],
    [ { allOf => [ {%text} ], nullable => JSON::PP::true }, 'text' ],
    [ { type => 'string', enum => [ 'a', 'b', undef ] }, 'text' ],
    [ { enum => [ 'a', 'b', undef ] }, 'text' ],
    [ { enum => [ 1, 2 ] }, 'numeric' ],
    [ { const => 'a' }, 'text' ],
    [ { const => JSON::PP::true }, 'boolean' ],
    [ { oneOf => [ { const => 'a' }, { const => 'b' }, { const => undef } ] }, 'text' ],
    [ { oneOf => [ { enum => [undef] }, { type => 'number' } ] }, 'numeric' ],
    [ { type => 'integer', format => 'int32' }, 'numeric' ],
    [ { type => 'integer', format => 'int64' }, 'numeric' ],
    [ { type => 'number', format => 'double' }, 'numeric' ],
    [ { type => 'string', format => 'date' }, 'timestamp with time zone' ],
    [ { type => 'string', format => 'date-time' }, 'timestamp with time zone' ],
    [ { type => 'string', format => 'uuid' }, 'text' ],
    [ { type => 'string', format => 'email' }, 'text' ],
    # parts
    [ { allOf => [ {%text}, { format => 'date-time' } ] }, 'timestamp with time zone' ],
    [ { type => 'string', allOf => [ { format => 'date' }, { description => 'when' } ] }, 'timestamp with time zone' ],
    [ { allOf => [ { type => [ 'string', 'null' ] }, {%text} ] }, 'text' ],
    [ { allOf => [ { allOf => [ { allOf => [ { type => 'number' } ] } ] } ] }, 'numeric' ],
    [ { allOf => [ { type => 'array' }, { items => { type => 'number' } } ] }, 'numeric[]' ],
    [ { allOf => [ { type => 'array', items => {%text} }, { items => { format => 'date' } } ] }, 'timestamp with time zone[]' ],
    [ { type => 'string', anyOf => [ { pattern => '^a' }, { minLength => 3 } ] }, 'text' ],
    [ { allOf => [ {%text}, { type => 'number' } ] }, 'jsonb' ],
    [ { allOf => [] }, 'jsonb' ],
    [ { oneOf => [] }, 'jsonb' ],
    # references
    [ ref_to('text'), 'text' ], [ ref_to('hop'), 'text' ], [ ref_to('maybe'), 'text' ], [ ref_to('a~1b~0c'), 'numeric' ],
    [ ref_to('text', nullable => JSON::PP::true, description => 'x'), 'text' ],
    [ ref_to('text', format => 'date-time'), 'timestamp with time zone' ],
    [ { oneOf => [ ref_to('date'), {%null} ] }, 'timestamp with time zone' ],
    [ { allOf => [ ref_to('text'), { description => 'x' } ] }, 'text' ],
    [ { type => 'array', items => { oneOf => [ ref_to('text'), {%null} ] } }, 'text[]' ],
    [ ref_to('nowhere'), 'jsonb' ], [ ref_to('round'), 'jsonb' ], [ ref_to('itself'), 'boolean' ], [ ref_to('either'), 'numeric' ],
    [ { '$ref' => 'http://example.com/schemas/text' }, 'jsonb' ],
    # several types
    [ { oneOf => [ {%text}, { type => 'number' } ] }, 'jsonb' ],
    [ { type => [ 'string', 'number', 'null' ] }, 'jsonb' ],
    [ { anyOf => [ {%text}, { type => 'array', items => {%text} } ] }, 'jsonb' ],
    [ { oneOf => [ {%text}, $address ] }, 'jsonb' ],
    [ { oneOf => [ {%text}, {} ] }, 'jsonb' ],
    [ { enum => [ 'a', 1 ] }, 'jsonb' ],
    [ { oneOf => [ {%null} ] }, 'jsonb' ], [ {%null}, 'jsonb' ], [ {}, 'jsonb' ], [ JSON::PP::true, 'jsonb' ], [ 'string', 'jsonb' ],
    # several of one type
    [ { oneOf => [ {%text}, { type => 'string', format => 'date' } ] }, 'text' ],
    [ { oneOf => [ { type => 'string', format => 'date' }, { type => 'string', format => 'date-time' } ] }, 'timestamp with time zone' ],
    [ { anyOf => [ { type => 'integer' }, { type => 'number' } ] }, 'numeric' ],
    [ { oneOf => [ { type => 'array', items => {%text} }, { type => 'array', items => {%text} }, {%null} ] }, 'text[]' ],
    [ { oneOf => [ { type => 'array', items => {%text} }, { type => 'array', items => { type => 'number' } } ] }, 'jsonb' ],
    [ { oneOf => [ { type => 'array', items => {%text} }, { type => 'array' } ] }, 'jsonb' ],
    [ { oneOf => [ JSON::PP::false, {%text} ] }, 'text' ],
    # objects, of which members become columns
    [ { oneOf => [ $address, {%null} ] }, { street => 'text', no => 'numeric' } ],
    [ { oneOf => [ ref_to('address'), {%null} ] }, { street => 'text', no => 'numeric' } ],
    [ { %$address, type => [ 'object', 'null' ] }, { street => 'text', no => 'numeric' } ],
    [ { properties => $address->{properties} }, { street => 'text', no => 'numeric' } ],
    [ { allOf => [ { properties => { street => {%text} } }, { properties => { no => { type => 'integer' } } } ] }, { street => 'text', no => 'numeric' } ],
    [ { %$address, allOf => [ { properties => { zip => {%text} } } ] }, { street => 'text', no => 'numeric', zip => 'text' } ],
    [ { allOf => [ $address, { properties => { street => { format => 'date' } } } ] }, { street => 'timestamp with time zone', no => 'numeric' } ],
    [ { allOf => [ { %$address, required => ['no'] } ], anyOf => [ { required => ['street'] }, { required => ['no'] } ] }, { street => 'text', no => 'numeric' } ],
    [ ref_to('person'), { name => 'text', age => 'numeric' } ],
    [ ref_to('named', properties => { nick => {%text} }), { nick => 'text', name => 'text' } ],
    [ { oneOf => [ $address, { type => 'object', properties => { box => { type => 'integer' }, street => {%text} } } ] }, { street => 'text', no => 'numeric', box => 'numeric' } ],
    [ { oneOf => [ $address, { type => 'object', properties => { no => {%text} } } ] }, { street => 'text', no => 'jsonb' } ],
    [ ref_to('tree'), { value => 'numeric', 'left.value' => 'numeric', 'left.left' => 'jsonb' } ],
    [ { type => 'array', items => { oneOf => [ $address, {%null} ] } }, 'jsonb' ],
    [ { type => 'object' }, 'jsonb' ],
    [ { type => 'object', additionalProperties => {%text} }, 'jsonb' ],
);

my %properties;
$properties{ sprintf 'f%03d', $_ } = $fields[$_][0] for 0 .. $#fields;
my %columns = %{ columns(list_of({ type => 'object', properties => { _id => {%text}, %properties } }), 2) };
for my $i (0 .. $#fields)
{
    my ($schema, $expected) = @{ $fields[$i] };
    my $field = sprintf 'f%03d', $i;
    my %got = map { $_ =~ s/^$field\.?//r => $columns{$_} } grep { /^$field\b/ } keys %columns;
    is_deeply(\%got, ref $expected ? $expected : { '' => $expected }, $json->encode($schema));
}

# Where the documents themselves stand
my $document = { type => 'object', properties => { _id => {%text}, make => {%text} } };
my $list = { type => 'array', items => $document };
my %good = (_id => 'text', make => 'text');
for my $row (
    [ 'a list', $list, \%good ],
    [ 'a list of alternatives', { type => 'array', items => { oneOf => [ $document, {%null} ] } }, \%good ],
    [ 'a list of parts', { type => 'array', items => { allOf => [ { properties => { _id => {%text} } }, { properties => { make => {%text} } } ] } }, \%good ],
    [ 'a list, or null', { oneOf => [ $list, {%null} ] }, \%good ],
    [ 'a list of a list of types', { type => [ 'array', 'null' ], items => $document }, \%good ],
    [ 'parts of a list', { allOf => [ { type => 'array' }, { items => $document } ] }, \%good ],
    [ 'a list, or one document', { oneOf => [ $list, $document ] }, \%good ],
    [ 'a list, or an error', { anyOf => [ { type => 'object', properties => { error => {%text} } }, $list ] }, \%good ],
    [ 'elements whose list is not said', { items => $document }, \%good ],
    [ 'one document in the place of a list', $document, \%good ],
    [ 'the same, in parts', { allOf => [ $document ] }, \%good ],
    [ 'an object that is no document', { type => 'object', properties => { groups => $list } }, undef ],
    [ 'a text', {%text}, undef ],
    [ 'a list of texts', { type => 'array', items => {%text} }, undef ],
  )
{
    my ($name, $schema, $expected) = @$row;
    is_deeply(columns($schema), $expected, "GET answers $name");
}
is_deeply(columns($document, 0, {}), undef, 'one document, without a path for one by its id');

# Few words that say much: there is an end to it
my %steps = map { ("s$_" => { allOf => [ (ref_to('s' . ($_ + 1))) x 2 ] }) } 1 .. 40;
my $error;
describe(list_of({ type => 'object', properties => { _id => {%text}, x => ref_to('s1') } }), { '/things/{id}' => {} }, %steps, s41 => $address);
$error = sql_error($dbh, 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public');
is($error->{sqlstate}, '54000', 'a description that doubles at every step is too large');
is($error->{message}, 'the description of the service is too large', 'the message says so');

# The whole description in other words
$sandbox->clear_faults;
for my $flatten (0, 1, 2)
{
    my %tables;
    for my $words ('plain', 'alternatives')
    {
        $sandbox->settings(description => $words);
        $dbh->do("CREATE SCHEMA all_$words");
        $dbh->do("IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO all_$words OPTIONS (flatten '$flatten')");
        $tables{$words} = $dbh->selectall_arrayref(<<"SQL");
SELECT relname, attname, attnum, format_type(atttypid, atttypmod), attcollation::regcollation::text, attnotnull, attfdwoptions::text
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
 WHERE relnamespace = 'all_$words'::regnamespace AND attnum > 0 ORDER BY relname, attnum
SQL
        $dbh->do("DROP SCHEMA all_$words CASCADE");
    }
    cmp_ok(scalar @{ $tables{plain} }, '>', 400, "flatten $flatten: there are columns");
    is_deeply($tables{alternatives}, $tables{plain}, 'in other words they are the same');
}

done_testing();

sub list_of
{
    my ($schema) = @_;
    return { type => 'array', items => $schema };
}

sub describe
{
    my ($schema, $others, %more) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'description' }, fault => { type => 'reply', headers => { 'content-type' => 'application/json' }, body => $json->encode({
        openapi => '3.1.0',
        paths   => { '/things' => { get => { responses => { 200 => { content => { 'application/json' => { schema => $schema } } } } } }, %$others },
        components => { schemas => { %components, %more } } }) } });
    return;
}

# The columns that a schema of GET /things gives, by path; undef when it gives no resource.
sub columns
{
    my ($schema, $flatten, $others) = @_;
    my $name = 'import_' . ++$number;
    describe($schema, $others // { '/things/{id}' => {} });
    $dbh->do("CREATE SCHEMA $name");
    my $error = sql_error($dbh, "IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO $name OPTIONS (flatten '@{[ $flatten // 0 ]}')");
    if ($error)
    {
        is($error->{sqlstate}, 'HV00Q', 'a description without resources is an error');
        return undef;
    }
    my $columns = $dbh->selectall_arrayref(<<"SQL");
SELECT coalesce((SELECT substr(o, 6) FROM unnest(attfdwoptions) AS o WHERE o LIKE 'path=%'), attname), format_type(atttypid, atttypmod)
  FROM pg_attribute WHERE attrelid = '$name.things'::regclass AND attnum > 0
SQL
    return { map { $_->[0] => $_->[1] } @$columns };
}
