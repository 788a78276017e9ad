# IMPORT FOREIGN SCHEMA from the live description: that of the sandbox, and others that
# a service might have.

use strict;
use warnings;

use Encode ();
use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical;
my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node();
setup_crm($node, $sandbox);
my $dbh = connect_db($node);

my ($asked) = $sandbox->log(kind => 'description');
is($asked->{path}, '/.well-known/service-desc', 'the description is asked for');
ok(!$asked->{credentials}, 'without credentials');
is(scalar(my @all = $sandbox->log), 1, 'in one request');

# The live description and the bundled one are the same here
$dbh->do('CREATE SCHEMA bundled');
$dbh->do("IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO bundled OPTIONS (source 'bundled')");
my $columns = sub {
    return $dbh->selectall_arrayref(
        'SELECT table_name, column_name, data_type FROM information_schema.columns
          WHERE table_schema = ? ORDER BY table_name, ordinal_position', undef, $_[0]);
};
is_deeply($columns->('bundled'), $columns->('crm'), 'live and bundled give the same columns');

# Names that are too long, or the same
my $long = 'nombre_largo_' x 4;
my %deep = (
    type       => 'object',
    properties => {
        _id => { type => 'string' },
        a_b => { type => 'string' },
        a   => { type => 'object', properties => { b => { type => 'number' }, 'c.d' => { type => 'string' } } },
        $long => { type => 'object', properties => { map { ($long . $_ => { type => 'string' }) } 1 .. 3 } },
        _search => { type => 'string' },
        _document => { type => 'boolean' },
        "\x{f1}" x 30 => { type => 'object', properties => { "\x{f1}" x 10 => { type => 'string' } } },
        'Otro "nombre"' => { type => 'string', format => 'date-time' },
        mi_custom => { type => 'string' }, custom => { type => 'string' }, x_customs => { type => 'string' },
        self => { '$ref' => '#/components/schemas/thing' },
        nowhere => { '$ref' => '#/components/schemas/nothing' },
        round => { '$ref' => '#/components/schemas/round' },
        list => { type => 'array', items => { type => 'array', items => { type => 'string' } } },
        dates => { type => 'array', items => { type => 'string', format => 'date' } },
        count => { type => 'integer' }, any => {}, odd => { type => 'strange' },
    });
describe(things => \%deep);
my $thing = import_things('one', "flatten '3', import_search 'true', import_document 'true'");
my %column = map { $_->{path} => $_ } @$thing;
is(scalar(keys %{ { map { $_->{name} => 1 } @$thing } }), scalar @$thing, 'every column has a name of its own');
is_deeply([ grep { length(Encode::encode_utf8($_->{name})) > 63 } @$thing ], [], 'no name is too long');
is($column{a_b}{name}, 'a_b', 'a member of the document keeps its name');
like($column{'a.b'}{name}, qr/^a_b_[0-9a-f]{8}$/, 'another makes room');
like($column{"$long.${long}1"}{name}, qr/^nombre_largo_.*_[0-9a-f]{8}$/, 'a long name is shortened');
like($column{'.'}{name}, qr/^_document_[0-9a-f]{8}$/, 'so does the column of the whole document');
is($column{self}{type} // $column{'self.self.self.a'}{type}, 'jsonb', 'a schema within itself ends');
is($column{$_->[0]}{type}, $_->[1], "$_->[0] is $_->[1]")
  for [ nowhere => 'jsonb' ], [ round => 'jsonb' ], [ list => 'jsonb' ], [ dates => 'timestamp with time zone[]' ],
  [ count => 'numeric' ], [ any => 'jsonb' ], [ odd => 'jsonb' ], [ custom => 'jsonb' ], [ mi_custom => 'text' ],
  [ x_customs => 'jsonb' ], [ 'Otro "nombre"' => 'timestamp with time zone' ];
is_deeply(import_things('two', "flatten '3', import_search 'true', import_document 'true'"), $thing,
    'importing again gives the same');

# Too many columns
describe(things => { type => 'object', properties => { map { ("f$_" => { type => 'string' }) } 1 .. 1700 } });
my $error = refused();
is($error->{sqlstate}, '54011', 'more columns than a table can have');
like($error->{message}, qr/^resource "things" would have 1701 columns$/, 'the message says where');

# Descriptions that are none
for (
    [ '{', undef, qr/not JSON/ ],
    [ '[]', undef, qr/"openapi" or "paths"/ ],
    [ '{"openapi": "3.0.0", "paths": {}}', undef, qr/None of its paths/ ],
    [ '{"openapi": "3.0.0", "paths": {"/a": 1, "/b": {"get": {}}, "/c/{id}": {}, "/": null}}', undef, qr/None of its paths/ ],
  )
{
    my ($body, undef, $detail) = @$_;
    reply($body);
    my $error = refused();
    is($error->{sqlstate}, 'HV00Q', "a description $body");
    like($error->{detail}, $detail, 'the detail says what is wrong');
    like($error->{hint}, qr/source 'bundled'/, 'the hint says what else there is');
}
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'status', status => 503 } });
$error = refused();
is($error->{sqlstate}, '08006', 'a description that is not answered');
like($error->{hint}, qr/source 'bundled'/, 'the hint says what else there is');

# No credentials are sent, so that they are not to blame
for my $status (401, 403)
{
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'description' }, fault => { type => 'status', status => $status } });
    $error = refused();
    like($error->{hint}, qr/without credentials\. .*source 'bundled'/, "the hint at $status says what was sent, and what else there is");
    unlike($error->{hint}, qr/user mapping/, 'and does not blame the user mapping');
}
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'status', status => 404 } });
$error = refused();
unlike($error->{hint}, qr/dealer_id|resource|path/, 'the hint at 404 speaks of the endpoint alone');

done_testing();

sub describe
{
    my ($resource, $schema) = @_;
    reply(JSON::PP->new->utf8(0)->encode({
        openapi => '3.0.0',
        paths   => {
            "/$resource" => { get => { responses => { 200 => { content => { 'application/json' => {
                schema => { type => 'array', items => { '$ref' => '#/components/schemas/thing' } } } } } } } },
            "/$resource/{id}" => {},
        },
        components => { schemas => { thing => $schema, round => { '$ref' => '#/components/schemas/round' } } },
    }));
    return;
}

sub reply
{
    my ($body) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'description' },
        fault => { type => 'reply', body => $body, headers => { 'content-type' => 'application/json' } } });
    return;
}

sub import_things
{
    my ($schema, $options) = @_;
    $dbh->do("CREATE SCHEMA $schema");
    $dbh->do("IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO $schema OPTIONS ($options)");
    return $dbh->selectall_arrayref(<<"SQL", { Slice => {} });
        SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
               coalesce((SELECT option_value FROM pg_options_to_table(attfdwoptions)), attname) AS path
          FROM pg_attribute WHERE attrelid = '$schema.things'::regclass AND attnum > 0 ORDER BY attnum
SQL
}

sub refused
{
    my $error = sql_error($dbh, 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public');
    return $error // { sqlstate => 'no error' };
}
