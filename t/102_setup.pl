# walcu_fdw_setup(): the tables of a server as people want them, and the same call later, when something has changed.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node();
my $dbh = connect_db($node);
my $server = "FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox->endpoint . "', dealer_id '" . $sandbox->dealer_id . "', max_retries '0')";
$dbh->do('CREATE EXTENSION walcu_fdw');
$dbh->do("CREATE SERVER crm $server");

# A dry run says all, and does nothing
my $before = catalog();
my @dry = setup(q{'crm', dry_run => true});
is_deeply(catalog(), $before, 'a dry run makes nothing');
is(asked(), 'description', 'it asks for the description alone');
is_deeply([ map { $_->{action} } grep { $_->{action} !~ /^(create table|comment)$/ } @dry ], [ 'create schema', 'no user mapping' ], 'a schema comes first; what is missing, last');
is(scalar(grep { $_->{action} eq 'create table' } @dry), 75, 'a table for each resource, and for each list in them');
is(scalar(grep { $_->{action} eq 'comment' } @dry), 75, 'comments for each');

# The same statements, run by hand and by the call, make the same tables
$dbh->do("CREATE SERVER byhand $server");
my @byhand = setup(q{'byhand', dry_run => true});
$dbh->do($_->{statement}) for grep { defined $_->{statement} } @byhand;
my $mapping = q{ OPTIONS (username 'sandbox-app', password 'sandbox-secret')};
my ($missing) = grep { $_->{action} eq 'no user mapping' } @dry;
like($missing->{advice}, qr/^CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS \(username '<application id>', password '<secret key>'\)$/, 'the mapping that is missing is advised');
$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER crm$mapping");
my @run = setup(q{'crm'});
is_deeply([ map { $_->{statement} } @run ], [ map { $_->{statement} } grep { $_->{action} ne 'no user mapping' } @dry ], 'a run runs what a dry run told');
is_deeply(tables('crm'), tables('byhand'), 'and makes what these statements make');
asked();

# What people like
my @cars = @{ tables('crm')->{cars} };
is($cars[0][0], '_id', '_id comes first');
my ($first_computed) = grep { $cars[$_][0] =~ /^computed/ } 0 .. $#cars;
is_deeply([ grep { !/^(computed|_search)/ } map { $_->[0] } @cars[ $first_computed .. $#cars ] ], [], 'what is computed comes last');
is($cars[-1][0], '_search', 'but for what is no member');
my %comment = map { $_->[0] => $_->[3] } @cars;
is($comment{make}, 'make: string', 'a comment tells the type in the description');
is($comment{category}, 'category: string. One of several values, such as `car`.', 'and values');
is($comment{created_at}, 'created_at: date', 'a date');
is($comment{custom}, 'custom: any JSON value', 'a free form');
is($comment{prices_retail_current_price_price}, 'prices.retail.current_price.price: number', 'the place in the document');
is(column_comment('crm.saleleads', 'client_id'), 'client_id: string, the _id of one of clients', 'and which table an id leads to');
is(column_comment('crm.tasks', 'lead_id'), 'lead_id: string, the _id of one of saleleads, aftersaleleads or appraisalleads', 'or several');
is(column_comment('crm.sms', 'users'), 'users: array of strings, each the _id of one of users', 'each of a list') if has_column('crm.sms', 'users');
is($dbh->selectrow_array(q{SELECT obj_description('crm.cars'::regclass)}), 'cars: the vehicles that the dealer sells, in the Walcu CRM', 'the table has one, too');
is($dbh->selectrow_array(q{SELECT count(*) FROM pg_attribute a JOIN pg_foreign_table ON ftrelid = attrelid JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'crm'::regnamespace AND attnum > 0 AND col_description(attrelid, attnum) IS NULL}), 0, 'and every column');
is(join(' ', map { $_->[0] } @{ tables('crm')->{saleleads_car_list} }[ 0, 1 ]), 'saleleads_id position', 'a list has a table: whose it is, and where');
is(column_comment('crm.saleleads_car_list', 'car_id'), 'car_id: string, the _id of one of cars', 'its ids lead somewhere, too');
is(column_comment('crm.saleleads_car_list', 'saleleads_id'), '^._id: string, the _id of one of saleleads', 'as does that of the document');
is(column_comment('crm.saleleads_car_list', 'position'), 'the place of the element in its list, from 1', 'and the position is told');
is($dbh->selectrow_array(q{SELECT obj_description('crm.saleleads_car_list'::regclass)}), 'saleleads.car_list: the elements of a list in saleleads, in the Walcu CRM', 'so is the list');
is($dbh->selectrow_array('SELECT count(*) > 0 FROM crm.saleleads_car_list JOIN crm.cars ON cars._id = car_id'), 1, 'they can be joined');
is($dbh->selectrow_array('SELECT count(make) > 0 FROM crm.cars'), 1, 'the tables can be read');
asked();

# Again: nothing
is_deeply([ setup(q{'crm'}) ], [], 'a second call finds nothing to do');
is(asked(), 'description', 'and asks for the description alone');

# What the user has changed stays, and is not told of
$dbh->do($_) for split /;\n/, <<'SQL';
ALTER FOREIGN TABLE crm.cars RENAME TO stock;
ALTER FOREIGN TABLE crm.stock RENAME COLUMN make TO brand;
ALTER FOREIGN TABLE crm.stock ALTER COLUMN mileage TYPE integer;
ALTER FOREIGN TABLE crm.stock ALTER COLUMN created_at TYPE text;
ALTER FOREIGN TABLE crm.stock ADD COLUMN extra text OPTIONS (path 'custom.extra'), ADD COLUMN outside text;
ALTER FOREIGN TABLE crm.stock OPTIONS (ADD fetch_size '7');
ALTER FOREIGN TABLE crm.stock DROP COLUMN computed__id;
ALTER FOREIGN TABLE crm.saleleads_car_list RENAME TO wanted_cars;
ALTER FOREIGN TABLE crm.wanted_cars RENAME COLUMN position TO n;
ALTER FOREIGN TABLE crm.wanted_cars RENAME COLUMN car_id TO car;
COMMENT ON COLUMN crm.stock.model IS 'our words';
COMMENT ON FOREIGN TABLE crm.tasks IS 'ours';
CREATE FOREIGN TABLE crm.people (_id text, first_name text) SERVER crm OPTIONS (resource 'users');
CREATE FOREIGN TABLE crm.short (_id text, make text, model text) SERVER crm OPTIONS (resource 'cars');
SQL
$before = tables('crm');
my @again = setup(q{'crm'});
my %of = map { ("$_->{action} $_->{object}" => $_) } @again;
is_deeply([ sort keys %of ], [ 'add columns crm.stock', 'comment crm.short', 'comment crm.stock', 'partial table crm.short' ], 'a dropped column comes back; a table of few columns is left so');
is($of{'add columns crm.stock'}{detail}, 'computed__id', 'and no other one');
like($of{'partial table crm.short'}{detail} // '', qr/^It shows 3 of \d+ fields, and is left so\.$/, 'which is told');
like($of{'partial table crm.short'}{advice} // '', qr/^ALTER FOREIGN TABLE crm\.short\n  ADD COLUMN /, 'with the statement that would add the others');
my $after = tables('crm');
is_deeply([ map { [ @$_[0 .. 2] ] } @{ $after->{stock} }[ 0 .. $#{ $before->{stock} } ] ], [ map { [ @$_[0 .. 2] ] } @{ $before->{stock} } ], 'names, types, options and own columns stay');
is(column_comment('crm.stock', 'model'), 'our words', 'and so do comments');
is($dbh->selectrow_array(q{SELECT obj_description('crm.tasks'::regclass)}), 'ours', 'of tables, too');
is_deeply([ map { "$_->{action} $_->{object}" } setup(q{'crm'}) ], ['partial table crm.short'], 'a further call has nothing but that');
$dbh->do('DROP FOREIGN TABLE crm.short');

# The description changes
my $description = $sandbox->get('/.well-known/service-desc');
asked();
my $schemas = $description->{components}{schemas};
my $car = $schemas->{car}{properties};
$car->{new_field} = { type => 'string', enum => [ 'one', "two\n\@omit", "it's" ] };
$car->{prices}{properties}{online} = { type => 'number' };
$car->{brand} = { type => 'number' };
$car->{mileage} = { type => 'string' };
$car->{license_plate} = { type => 'boolean' };
delete $car->{model};
delete $car->{prices}{properties}{retail}{properties}{source};
$schemas->{thing} = { type => 'object', properties => { _id => { type => 'string' }, 'it "is"' => { type => 'string', description => "it's\nhere" } } };
$description->{paths}{'/things'} = { get => { responses => { 200 => { content => { 'application/json' => { schema => { type => 'array', items => { '$ref' => '#/components/schemas/thing' } } } } } } } };
$schemas->{salelead}{properties}{car_list}{items}{properties}{colour} = { type => 'string' };
delete $schemas->{client}{properties}{contacts};
delete $description->{paths}{$_} for grep { m{^/sms\b} } keys %{ $description->{paths} };
serve($description);
my @drift = setup(q{'crm'});
%of = map { ("$_->{action} $_->{object}" => $_) } @drift;
is(
    join("\n", sort keys %of),
    join("\n",
        'add columns crm.stock', 'add columns crm.wanted_cars', 'column gone crm.clients.contacts', 'column gone crm.stock.model', 'column gone crm.stock.prices_retail_source', 'comment crm.stock', 'comment crm.things', 'comment crm.wanted_cars',
        'create table crm.things', 'list gone crm.clients_contacts', 'resource gone crm.sms', 'type changed crm.stock.license_plate', 'type changed crm.stock.mileage'),
    'what is new is made, and what is gone or changed is told');
is($of{'add columns crm.stock'}{detail}, new_name('crm.stock', 'brand') . ', new_field, prices_online', 'new columns, in the order of the description, with names that are free');
is(column_comment('crm.stock', 'new_field'), q{new_field: string. One of: one, two @omit, it's}, 'values of an enumeration, on one line');
is($of{'column gone crm.stock.model'}{advice}, 'ALTER FOREIGN TABLE crm.stock DROP COLUMN model', 'how to follow');
is($of{'resource gone crm.sms'}{advice}, 'DROP FOREIGN TABLE crm.sms', 'a resource');
is($of{'type changed crm.stock.mileage'}{detail}, '"mileage" is string in the description, and the column is integer.', 'a type');
is_deeply([ grep { defined $_->{statement} && $_->{action} !~ /^(add columns|comment|create table)$/ } @drift ], [], 'nothing is dropped or rewritten');
is(has_column('crm.things', 'it "is"'), 1, 'odd names are quoted');
is_deeply([ sort map { "$_->{action} $_->{object}" } setup(q{'crm'}) ], [ sort grep { !/^(add|comment|create)/ } keys %of ], 'a further call tells what is left to follow');
$dbh->do($_->{advice}) for grep { defined $_->{advice} } @drift;
is_deeply([ setup(q{'crm'}) ], [], 'and nothing when the advice was followed');
is(column_comment('crm.stock', 'mileage'), 'mileage: string', 'comments follow, too');

# Other arguments
$sandbox->clear_faults;
asked();
$dbh->do('CREATE SCHEMA small');
$dbh->do('CREATE TABLE small.notes (n int)');
my @small = setup(q{'crm', 'small', options => '{"flatten": 0, "source": "bundled", "import_search": false, "import_document": true}', resources => '{cars,notes}', arrays => false, comments => false});
is(asked(), '', "source 'bundled' asks nobody");
is_deeply([ map { "$_->{action} $_->{object}" } @small ], [ 'create table small.cars', 'name taken small.notes' ], 'only the resources that are named, without comments; a name that is taken is told of');
is(join(' ', has_column('small.cars', 'prices'), has_column('small.cars', '_document'), has_column('small.cars', '_search')), '1 1 0', 'options of IMPORT are taken');
$dbh->do('DROP TABLE small.notes');
my @analyzed = setup(q{'crm', 'small', resources => '{cars,notes}', statistics => true, arrays => false, options => '{"flatten": 0, "import_search": false, "import_document": true}'});
is_deeply([ map { "$_->{action} $_->{object}" } grep { $_->{action} ne 'comment' } @analyzed ], [ 'create table small.notes', 'analyze small.cars', 'analyze small.notes' ], 'ANALYZE on request');
is($dbh->selectrow_array(q{SELECT reltuples FROM pg_class WHERE oid = 'small.cars'::regclass}), scalar(my @all = $sandbox->dump('cars')), 'it has been run');

# Names that need quotes
$dbh->do(q{CREATE SERVER "It's ""odd""" } . $server);
is((grep { $_->{action} eq 'create table' } setup(q{'It''s "odd"', resources => '{sms}'}))[0]{object}, q{"It's ""odd""".sms}, 'the schema is called as the server');

# Errors
asked();
for (
    [ q{NULL}, '22004', qr/^server must not be null$/ ],
    [ q{'nobody'}, '42704', qr/nobody/ ],
    [ q{'crm', dry_run => NULL}, '22004', qr/^dry_run must not be null$/ ],
    [ q{'crm', resources => '{}'}, '22023', qr/^resources must not be empty$/ ],
    [ q{'crm', resources => '{NULL}'}, '22004', qr/^resources must not have null elements$/ ],
    [ q{'crm', options => '[]'}, '22023', qr/^options must be a JSON object$/ ],
    [ q{'crm', options => '{"flatten": []}'}, '22023', qr/^option "flatten" must be a text/ ],
    [ q{'crm', options => '{"flaten": 1}'}, 'HV00D', qr/^invalid option "flaten"$/ ],
    [ q{'crm', options => '{"flatten": 99}'}, '22023', qr/flatten/ ],
    [ q{'crm', ''}, '22023', qr/^schema must not be empty$/ ],
    [ q{'crm', 'pg_crm'}, '42939', qr/^unacceptable schema name "pg_crm"$/ ],
    [ q{'crm', 'pg_catalog', dry_run => true}, '42939', qr/^unacceptable schema name "pg_catalog"$/ ],
    [ q{'crm', undescribed => '{}'}, '22023', qr/^undescribed must not be empty$/ ],
    [ q{'crm', sample => NULL}, '22004', qr/^sample must not be null$/ ],
  )
{
    my ($arguments, $state, $message) = @$_;
    my $error = sql_error($dbh, "SELECT * FROM walcu_fdw_setup($arguments)");
    is($error->{sqlstate}, $state, $arguments);
    like($error->{message}, $message, 'the message says what');
}
is(asked(), '', 'none of them has asked the service');
my $error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', resources => '{carrs}')});
is("$error->{sqlstate} $error->{hint}", 'HV00R Perhaps you meant the resource "cars".', 'an unknown resource');
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', resources => '{saleleads_car_list}')});
is("$error->{sqlstate} $error->{hint}", 'HV00R It is a list in documents of "saleleads". Name that: its lists get tables, too.', 'the name of a list');
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'status', status => 404 } });
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm')});
like($error->{hint}, qr/options => '\{"source": "bundled"\}'/, 'no description: the hint says what else there is');
$sandbox->clear_faults;
$dbh->begin_work;
$dbh->do('SET TRANSACTION READ ONLY');
is(sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm')})->{sqlstate}, '25006', 'a read-only transaction');
$dbh->rollback;
$dbh->begin_work;
$dbh->do('SET TRANSACTION READ ONLY');
is(sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', dry_run => true)}), undef, 'has dry runs');
$dbh->rollback;

# All or nothing
$before = catalog();
$dbh->do(q{CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT bool_or(object_identity LIKE '%.tasks') FROM pg_event_trigger_ddl_commands()) THEN RAISE 'no tasks'; END IF; END $$});
$dbh->do('CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION refuse()');
like(sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', 'failed')})->{message}, qr/no tasks/, 'a statement that fails');
is_deeply(catalog(), $before, 'leaves nothing behind');
$dbh->do('DROP EVENT TRIGGER refuse');

# Rights, one after the other
$dbh->do('CREATE ROLE maker LOGIN');
$dbh->do('CREATE DATABASE other');
my $maker = connect_db($node, user => 'maker');
my @rights = (
    [ qr/^permission denied for foreign server crm$/, qr/can GRANT USAGE ON FOREIGN SERVER crm TO maker\.$/ => 'GRANT USAGE ON FOREIGN SERVER crm TO maker' ],
    [ qr/^permission denied to make schema "made"$/, qr/^A superuser can CREATE SCHEMA made AUTHORIZATION maker, or GRANT CREATE ON DATABASE postgres TO maker\.$/ => 'CREATE SCHEMA made' ],
    [ qr/^permission denied for schema made$/, qr/^Its owner can GRANT USAGE ON SCHEMA made TO maker\.$/ => 'GRANT USAGE ON SCHEMA made TO maker' ],
    [ qr/^permission denied for schema made$/, qr/^Its owner can GRANT CREATE ON SCHEMA made TO maker\.$/ => 'GRANT CREATE ON SCHEMA made TO maker' ],
);
for (@rights)
{
    my ($message, $hint, $cure) = @$_;
    my $error = sql_error($maker, q{SELECT * FROM walcu_fdw_setup('crm', 'made')});
    is($error->{sqlstate}, '42501', "before $cure");
    like($error->{message}, $message, 'the message says where');
    like($error->{hint}, $hint, 'the hint says which right, and who can give it');
    $dbh->do($cure);
}
is($maker->selectrow_array(q{SELECT count(*) FROM walcu_fdw_setup('crm', 'made') WHERE action = 'create table'}), 75, 'then it works');
is($maker->selectrow_array(q{SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'made.cars'::regclass}), 'maker', 'the tables are the user\'s');
$error = sql_error($maker, q{SELECT * FROM walcu_fdw_setup('crm', 'made', statistics => true)});
is($error->{sqlstate}, '42704', 'ANALYZE needs a user mapping');
$dbh->do('ALTER FOREIGN TABLE made.cars OWNER TO CURRENT_USER');
$dbh->do(q{CREATE USER MAPPING FOR maker SERVER crm OPTIONS (username 'x', password 'y')});
$error = sql_error($maker, q{SELECT * FROM walcu_fdw_setup('crm', 'made', statistics => true, resources => '{cars}')});
is("$error->{sqlstate} $error->{message}", '42501 permission denied to analyze table "cars"', 'and the right to analyze');
$dbh->do('DROP USER MAPPING FOR maker SERVER crm');
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', 'made', options => '{"arrays": false}')});
is("$error->{sqlstate} $error->{message}", '22023 option "arrays" is an argument of its own', 'lists are no option');
is_deeply($maker->selectall_arrayref(q{SELECT action FROM walcu_fdw_setup('crm', 'made')}), [ ['no user mapping'] ], 'tables of others that lack nothing are no matter');
$dbh->do('ALTER FOREIGN TABLE made.cars DROP COLUMN make');
$error = sql_error($maker, q{SELECT * FROM walcu_fdw_setup('crm', 'made')});
is("$error->{sqlstate} $error->{message}", '42501 must be owner of table "cars"', 'those that lack something are');
like($error->{hint}, qr/^Run walcu_fdw_setup as \S+\.$/, 'and who owns them is told');

# Two sessions at once: the second call waits for the first one, and finds nothing to do
{
    my $call = q{SELECT action FROM walcu_fdw_setup('crm', 'shared', resources => '{notes}')};
    my $other = connect_db($node);
    $dbh->begin_work;
    is_deeply($dbh->selectcol_arrayref($call), [ 'create schema', 'create table', 'comment' ], 'the first of two sessions makes the table');
    my $statement = $other->prepare($call, { pg_async => 1 });
    $statement->execute;
    ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%shared%'"), 'the second one waits');
    is_deeply(connect_db($node)->selectcol_arrayref($call =~ s/\)$/, dry_run => true)/r)->[0], 'create schema', 'a dry run does not');
    $dbh->commit;
    $other->pg_result;
    is_deeply($statement->fetchall_arrayref, [], 'and finds all made');
}

# A view that shows a system column is left as it is
{
    my $call = q{SELECT action, object FROM walcu_fdw_setup('crm', 'seen', resources => '{notes}', comments => false, views => true)};
    $dbh->selectall_arrayref($call);
    $dbh->do($_) for 'DROP VIEW seen_app.notes', 'CREATE VIEW seen_app.notes AS SELECT tableoid, * FROM seen.notes', 'ALTER FOREIGN TABLE seen.notes ADD COLUMN own text';
    is_deeply($dbh->selectall_arrayref($call), [], 'a view with a system column is left alone');
}

done_testing();

sub setup
{
    my ($arguments) = @_;
    return @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_setup($arguments)", { Slice => {} }) };
}

# What was asked of the service since the last call.
sub asked
{
    my @kinds = map { $_->{kind} } $sandbox->log;
    $sandbox->clear_log;
    return join ' ', @kinds;
}

sub serve
{
    my ($served) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'description' },
        fault => { type => 'reply', body => JSON::PP->new->utf8(0)->canonical->encode($served), headers => { 'content-type' => 'application/json' } } });
    return;
}

# Schemas and relations that there are.
sub catalog
{
    return $dbh->selectall_arrayref(q{SELECT nspname, relname FROM pg_namespace LEFT JOIN pg_class ON relnamespace = pg_namespace.oid AND relkind IN ('f', 'v', 'r', 'p')
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1, 2});
}

# Each table of a schema: name, type, options and comment of its columns.
sub tables
{
    my ($schema) = @_;
    my %tables;
    my $rows = $dbh->selectall_arrayref(q{
        SELECT relname, attname, format_type(atttypid, atttypmod) || coalesce(' ' || attcollation::regcollation, ''), array_to_string(attfdwoptions, ', '), col_description(attrelid, attnum)
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
         WHERE relnamespace = ?::regnamespace AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum}, undef, $schema);
    push @{ $tables{ shift @$_ } }, $_ for @$rows;
    return \%tables;
}

sub has_column
{
    my ($table, $column) = @_;
    return $dbh->selectrow_array('SELECT count(*) FROM pg_attribute WHERE attrelid = ?::regclass AND attname = ?', undef, $table, $column);
}

sub column_comment
{
    my ($table, $column) = @_;
    return $dbh->selectrow_array('SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = ?::regclass AND attname = ?', undef, $table, $column);
}

# The name of the last column that begins so.
sub new_name
{
    my ($table, $start) = @_;
    return scalar $dbh->selectrow_array('SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attname ~ ? ORDER BY attnum DESC', undef, $table, "^${start}_");
}
