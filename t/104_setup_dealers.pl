# walcu_fdw_setup() for several dealers, whose tables are partitions, and with views over the tables.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my %dealer = (madrid => '5f2b1c9e8d3a4b0000000001', vigo => '5f2b1c9e8d3a4b0000000002');
my %sandbox = map {
    $_ => WalcuTest::Sandbox->start(dealer => $dealer{$_}, scale => 10, seed => length $_, count => { cars => 60, clients => 10 })
} sort keys %dealer;
my $node = start_node();
my $dbh = connect_db($node);
$dbh->do('CREATE EXTENSION walcu_fdw');
for my $name (sort keys %dealer)
{
    $dbh->do("CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox{$name}->endpoint . "', dealer_id '$dealer{$name}', max_retries '0', on_type_mismatch 'null')");
    $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (username 'sandbox-app', password 'sandbox-secret')");
}

# One after the other: the second dealer comes later
my $call = q{'madrid', 'crm', resources => '{cars,clients}', arrays => false, views => true, dealers => };
my @first = setup($call . q{'{madrid}'});
is(join("\n", map { "$_->{action} $_->{object}" } @first), join("\n",
        'create schema crm', 'create table crm.cars', 'create schema crm_madrid', 'create partition crm_madrid.cars', 'comment crm.cars',
        'create table crm.clients', 'create partition crm_madrid.clients', 'comment crm.clients',
        'create schema crm_app', 'create view crm_app.cars', 'comment crm_app.cars', 'create view crm_app.clients', 'comment crm_app.clients'),
    'a table over all dealers, a partition in a schema of its own, and a view');
is(asked('madrid'), 'description', 'the first server is asked for the description');
$dbh->do('ALTER TABLE crm.cars RENAME COLUMN make TO brand');
my @second = setup($call . q{'{madrid,vigo}'});
is(join("\n", map { "$_->{action} $_->{object}" } @second), join("\n", 'create schema crm_vigo', 'create partition crm_vigo.cars', 'create partition crm_vigo.clients'),
    'a dealer that comes later gets partitions');
is(asked('vigo'), '', 'and is asked nothing');
asked('madrid');
is_deeply([ setup($call . q{'{madrid,vigo}'}) ], [], 'again: nothing');
is_deeply([ setup(q{'madrid', 'crm', resources => '{cars,clients}', arrays => false, views => true}) ], [], 'the dealers need not be named again');
asked('madrid');

# Read side by side, or one alone; written by dealer_id
my %expected = map { my $name = $_; map { ("$_->{_id}" => join '|', $name, map { $_ // '' } $_->{make}, $_->{status}{status} // '') } $sandbox{$name}->dump('cars') } sort keys %dealer;
my $rows = $dbh->selectall_arrayref(q{SELECT _id, CASE dealer_id WHEN '5f2b1c9e8d3a4b0000000001' THEN 'madrid' ELSE 'vigo' END, brand, status_status FROM crm.cars});
is_deeply({ map { my ($id, @rest) = @$_; ($id => join '|', map { $_ // '' } @rest) } @$rows }, \%expected, 'the rows of both, with nested members, and a column that was renamed');
asked($_) for sort keys %dealer;
is($dbh->selectrow_array("SELECT count(*) FROM crm.cars WHERE dealer_id = '$dealer{vigo}' AND brand IS NOT NULL"), scalar(grep { defined $_->{make} } $sandbox{vigo}->dump('cars')), 'one alone');
is(asked('madrid'), '', 'the other one is not asked');
like(asked('vigo'), qr/^list/, 'it is');

# The partitions know which members their columns show: conditions on them go to each service, under its names
my $filtered = q{SELECT count(*) FROM crm.cars WHERE brand = 'SEAT' AND status_status IS NOT NULL};
is($dbh->selectrow_array($filtered), scalar(grep { ($_->{make} // '') eq 'SEAT' && defined $_->{status}{status} } map { $sandbox{$_}->dump('cars') } sort keys %dealer), 'with conditions');
for my $name (sort keys %dealer)
{
    my @filters = filters($name, 'cars');
    cmp_ok(scalar @filters, '>', 0, "$name was asked");
    is_deeply([ grep { !/"make":"SEAT"/ || !/"status\.status"/ } @filters ], [], 'for what meets both, at their places in the documents');
    asked($name);
}
$dbh->do("INSERT INTO crm_app.cars (dealer_id, make, model) VALUES ('$dealer{vigo}', 'SEAT', 'Ateca de Vigo')");
is(asked('madrid') . '/' . asked('vigo'), '/create', 'a row goes where its dealer_id says, through the view, too');
is(scalar(grep { ($_->{model} // '') eq 'Ateca de Vigo' } $sandbox{vigo}->dump('cars')), 1, 'with its values');

# What is new comes into partitions and views
my $description = $sandbox{madrid}->get('/.well-known/service-desc');
$description->{components}{schemas}{car}{properties}{nested} = { type => 'object', properties => { new => { type => 'string' } } };
delete $description->{components}{schemas}{car}{properties}{model};
$sandbox{madrid}->fault({ match => { kind => 'description' },
    fault => { type => 'reply', body => JSON::PP->new->encode($description), headers => { 'content-type' => 'application/json' } } });
$dbh->do('CREATE ROLE reader');
$dbh->do('GRANT SELECT ON crm_app.cars TO reader');
$dbh->do('ALTER VIEW crm_app.cars SET (security_invoker = false)');
$dbh->do(q{CREATE OR REPLACE VIEW crm_app.clients AS SELECT * FROM crm.clients WHERE created_at > '2000-01-01'});
$dbh->do('ALTER TABLE crm.clients ADD COLUMN own text');
my @drift = setup(q{'madrid', 'crm', resources => '{cars,clients}', arrays => false, views => true});
is(join("\n", map { "$_->{action} $_->{object}" } @drift), join("\n", 'add columns crm.cars', 'column gone crm.cars.model', 'comment crm.cars', 'add to view crm_app.cars', 'comment crm_app.cars'),
    'a new column of all, and of the view; a view with a condition is left so');
like($drift[1]{advice}, qr/^ALTER TABLE crm\.cars DROP COLUMN model$/, 'the advice is about the table over all');
is($dbh->selectrow_array(q{SELECT string_agg(attrelid::regclass || ' ' || array_to_string(attfdwoptions, ','), ';' ORDER BY attrelid::regclass::text) FROM pg_attribute WHERE attname = 'nested_new' AND attfdwoptions IS NOT NULL}),
    'crm_madrid.cars path=nested.new;crm_vigo.cars path=nested.new', 'the partitions know the place');
is($dbh->selectrow_array(q{SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = 'crm_app.cars'::regclass}), 'security_invoker=false', 'the view keeps its options');
is($dbh->selectrow_array(q{SELECT has_table_privilege('reader', 'crm_app.cars', 'SELECT')}), 1, 'and what was granted');
is($dbh->selectrow_array(q{SELECT col_description('crm_app.cars'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'crm_app.cars'::regclass AND attname = 'nested_new'}), 'nested.new: string', 'with comments');
is_deeply([ map { $_->{action} } setup(q{'madrid', 'crm', resources => '{cars,clients}', arrays => false, views => true}) ], ['column gone'], 'again: nothing but what is to follow');
$sandbox{madrid}->clear_faults;

# Lists: their elements know whose document they are in
my $lists = q{'madrid', 'duo', resources => '{saleleads}', comments => true, options => '{"source": "bundled"}', views => true, dealers => };
my @madrid = grep { $_->{object} =~ /saleleads_car_list$/ } setup($lists . q{'{madrid}'});
is(join("\n", map { "$_->{action} $_->{object}" } @madrid), join("\n", 'create table duo.saleleads_car_list', 'create partition duo_madrid.saleleads_car_list', 'comment duo.saleleads_car_list',
        'create view duo_app.saleleads_car_list', 'comment duo_app.saleleads_car_list'), 'a table of a list is one over all dealers, too');
like($madrid[0]{statement}, qr/^CREATE TABLE duo\.saleleads_car_list \(\n  saleleads_id text[^\n]*,\n  dealer_id text[^\n]*,\n  "?position"? integer/, 'with the dealer');
$dbh->do('ALTER TABLE duo.saleleads_car_list RENAME TO wanted_cars');
my @vigo = setup($lists . q{'{madrid,vigo}'});
is((grep { $_->{object} =~ /car_list/ } @vigo)[0]{object}, 'duo_vigo.saleleads_car_list', 'a partition of a dealer that comes later has the usual name');
is_deeply([ setup($lists . q{'{madrid,vigo}'}) ], [], 'again: nothing');
is($dbh->selectrow_array(q{SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'duo'::regnamespace AND relkind = 'p' AND attnum > 0 AND col_description(attrelid, attnum) IS NULL}),
    0, 'every column has a comment');
my @elements = map {
    my $name = $_;
    map { my $lead = $_; my $n = 0; map { join '|', $name, $lead->{_id}, ++$n, $_->{car_id} // '' } grep { ref } @{ $lead->{car_list} || [] } } $sandbox{$name}->dump('saleleads')
} sort keys %dealer;
my $elements = q{SELECT CASE dealer_id WHEN '5f2b1c9e8d3a4b0000000001' THEN 'madrid' ELSE 'vigo' END, saleleads_id, position, coalesce(car_id, '') FROM duo.wanted_cars WHERE position > 0};
is_deeply([ sort map { join '|', @$_ } @{ $dbh->selectall_arrayref($elements) } ], [ sort @elements ], 'the elements of both');
asked($_) for sort keys %dealer;
is($dbh->selectrow_array("SELECT count(*) FROM duo.wanted_cars WHERE dealer_id = '$dealer{vigo}' AND position > 0"), scalar(grep { /^vigo/ } @elements), 'of one alone');
is(asked('madrid'), '', 'the other one is not asked');
my ($element) = grep { /^vigo.*\|[0-9a-f]{24}$/ } @elements;
my ($lead_id, $car_id) = (split /\|/, $element)[ 1, 3 ];
asked('vigo');
is($dbh->selectrow_array("SELECT count(*) > 0 FROM duo.wanted_cars WHERE car_id = '$car_id'"), 1, 'by a member of the element');
for my $name (sort keys %dealer)
{
    like(join(' ', filters($name, 'saleleads')), qr/car_list.*car_id.*$car_id/, "$name is asked for such documents");
    asked($name);
}
is($dbh->selectrow_array("SELECT bool_and(c.dealer_id IS NOT DISTINCT FROM '$dealer{vigo}') FROM duo.wanted_cars w JOIN duo.saleleads c ON c._id = w.saleleads_id AND c.dealer_id = w.dealer_id WHERE w.saleleads_id = '$lead_id'"), 1, 'joined with their documents');
is(sql_error($dbh, "INSERT INTO duo.wanted_cars (saleleads_id, dealer_id, position) VALUES ('x', '$dealer{vigo}', 1)")->{sqlstate}, '55000', 'they are not written');
asked($_) for sort keys %dealer;

# What the description lacks, over several dealers
setup(q{'madrid', 'who', resources => '{notes}', arrays => false, options => '{"source": "bundled"}', undescribed => '{users}', dealers => '{madrid,vigo}'});
is($dbh->selectrow_array(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'who.users'::regclass AND attnum > 0}), '_id dealer_id first_name last_name _document', 'a resource of which little is known gets a dealer_id');
is_deeply([ setup(q{'madrid', 'who', resources => '{notes}', arrays => false, options => '{"source": "bundled"}'}) ], [], 'which is no loss later');
asked($_) for sort keys %dealer;

# Dealers by their ids, of one server
my @ids = setup(q{'vigo', 'ids', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', dealers => '{5f2b1c9e8d3a4b0000000002,5f2b1c9e8d3a4b0000000009}'});
is(join("\n", map { "$_->{action} $_->{object}" } @ids), join("\n",
        'create schema ids', 'create table ids.cars', 'create schema ids_5f2b1c9e8d3a4b0000000002', 'create partition ids_5f2b1c9e8d3a4b0000000002.cars',
        'create schema ids_5f2b1c9e8d3a4b0000000009', 'create partition ids_5f2b1c9e8d3a4b0000000009.cars'), 'each has a schema');
asked('vigo');
is($dbh->selectrow_array(q{SELECT count(make) > 0 FROM ids.cars WHERE dealer_id = '5f2b1c9e8d3a4b0000000002'}), 1, 'it can be read');
sql_error($dbh, q{SELECT make FROM ids.cars WHERE dealer_id = '5f2b1c9e8d3a4b0000000009'});
like(join(' ', map { $_->{path} } $sandbox{vigo}->log), qr{^/dealers/5f2b1c9e8d3a4b0000000002/cars .*/dealers/5f2b1c9e8d3a4b0000000009/cars}, 'each asks for its own dealer');

# What is no such table is left so
my @plain = setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}'});
is_deeply([ map { "$_->{action} $_->{object}" } setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', dealers => '{vigo}'}) ],
    ['not partitioned plain.cars'], 'a foreign table stays one');
my ($own) = setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', dealers => '{vigo}'});
is($own->{advice}, 'DROP FOREIGN TABLE plain.cars', 'until somebody follows the advice');
$dbh->begin_work;
$dbh->do($own->{advice});
is((setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', dealers => '{vigo}'}))[0]{object}, 'plain.cars', 'then it is one over dealers');
$dbh->rollback;

# Views over foreign tables
my @views = setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', views => true});
is($views[1]{statement}, 'CREATE VIEW plain_app.cars WITH (security_invoker = true) AS SELECT * FROM plain.cars', 'a view of a foreign table');
$dbh->do('DROP VIEW plain_app.cars');
$dbh->do('CREATE TABLE plain_app.cars (n int)');
is_deeply([ map { "$_->{action} $_->{object}" } setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', views => true}) ], ['name taken plain_app.cars'], 'its name may be taken');
my ($taken) = setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', views => true});
is($taken->{advice}, 'ALTER TABLE plain_app.cars RENAME TO cars_other', 'and be made free');

$dbh->do('DROP TABLE plain_app.cars');
$dbh->do('CREATE VIEW plain_app.cars AS SELECT 1 AS n');
is_deeply([ map { "$_->{action} $_->{object}" } setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', views => true}) ], ['name taken plain_app.cars'], 'by a view of something else, too');
$dbh->do('CREATE OR REPLACE VIEW plain_app.cars AS SELECT 1 AS n FROM plain.cars WHERE make IS NULL');
is_deeply([ setup(q{'vigo', 'plain', resources => '{cars}', comments => false, arrays => false, options => '{"source": "bundled"}', views => true}) ], [], 'but one of the table is somebody\'s own');
@views = grep { $_->{action} eq 'create view' } setup(q{'vigo', 'whole', comments => false, options => '{"source": "bundled"}', views => true});
is(scalar @views, 75, 'views of tables and of lists that are made by the same call');
is((grep { $_->{object} eq 'whole_app.saleleads_car_list' } @views)[0]{statement}, 'CREATE VIEW whole_app.saleleads_car_list WITH (security_invoker = true) AS SELECT * FROM whole.saleleads_car_list', 'each has its table\'s name');

# Keys for servers of GraphQL, before what comments say otherwise
my $graphql = q{'vigo', 'keys', resources => '{chatmessages,clients,chatproviders}', arrays => false, options => '{"source": "bundled", "flatten": 0}', graphql => };
setup($graphql . q{'postgraphile'});
is(table_comment('keys.chatmessages'), "\@primaryKey _id\n\@foreignKey (provider_id) references keys.chatproviders (_id)\nchatmessages: messages of chats, in the Walcu CRM", 'tags for PostGraphile');
is(table_comment('keys.clients'), "\@primaryKey _id\nclients: the dealer's clients, in the Walcu CRM", 'only to tables that are there');
is_deeply([ setup($graphql . q{'postgraphile'}) ], [], 'once');
$dbh->do(q{COMMENT ON FOREIGN TABLE keys.chatmessages IS 'ours'});
setup($graphql . q{'pg_graphql'});
is(table_comment('keys.chatmessages'), q{@graphql({"primary_key_columns": ["_id"], "foreign_keys": [{"local_columns": ["provider_id"], "foreign_schema": "keys", "foreign_table": "chatproviders", "foreign_columns": ["_id"]}]})} . "\nours", 'a directive for pg_graphql');
is(sql_error($dbh, "SELECT * FROM walcu_fdw_setup($graphql 'pg_grafql')")->{hint}, 'Perhaps you meant the convention "pg_graphql".', 'no other ones');

# Errors
$dbh->do('CREATE SERVER nobodys FOREIGN DATA WRAPPER walcu_fdw');
for (
    [ '{vigo,vigo}', '22023', qr/^dealers "vigo" and "vigo" are the same$/ ],
    [ '{vigo,5f2b1c9e8d3a4b0000000002}', '22023', qr/are the same$/ ],
    [ '{nobodys}', 'HV00J', qr/^server "nobodys" has no dealer_id$/ ],
    [ '{a/b}', '22023', qr/^dealer "a\/b" is neither a server nor a dealer_id$/ ],
    [ '{madrit}', '22023', qr/^dealer "madrit" is neither a server nor a dealer_id$/ ],
    [ '{""}', '22023', qr/^dealer "" is neither a server nor a dealer_id$/ ],
    [ '{}', '22023', qr/^dealers must not be empty$/ ],
  )
{
    my ($dealers, $state, $message) = @$_;
    my $error = sql_error($dbh, "SELECT * FROM walcu_fdw_setup('vigo', dealers => '$dealers')");
    is($error->{sqlstate}, $state, "dealers $dealers");
    like($error->{message}, $message, 'the message says what');
}
is(sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('vigo', dealers => '{madrit}')})->{hint}, 'Perhaps you meant the server "madrid". Or make a server of that name, with its dealer_id.', 'the hint has the server that was meant');
is((setup(q{'vigo', 'numbered', resources => '{sms}', comments => false, arrays => false, dry_run => true, options => '{"source": "bundled"}', dealers => '{321}'}))[-1]{object}, 'numbered_321.sms', 'a number is an id');
$dbh->do('CREATE ROLE maker LOGIN');
$dbh->do('GRANT USAGE ON FOREIGN SERVER madrid TO maker');
my $maker = connect_db($node, user => 'maker');
like(sql_error($maker, q{SELECT * FROM walcu_fdw_setup('madrid', dealers => '{madrid,vigo}')})->{hint}, qr/GRANT USAGE ON FOREIGN SERVER vigo TO maker/, 'each server has to be usable');

done_testing();

sub setup
{
    my ($arguments) = @_;
    return @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_setup($arguments)", { Slice => {} }) };
}

sub table_comment
{
    my ($table) = @_;
    return scalar $dbh->selectrow_array('SELECT obj_description(?::regclass)', undef, $table);
}

# What was asked of a dealer's service since the last call.
sub asked
{
    my ($name) = @_;
    my @kinds = map { $_->{kind} } $sandbox{$name}->log;
    $sandbox{$name}->clear_log;
    return join ' ', @kinds;
}

# The filters that a dealer's service was sent for a resource since the last call of asked, as JSON.
sub filters
{
    my ($name, $resource) = @_;
    return map { JSON::PP->new->canonical->encode($_->{query}{q} // {}) } $sandbox{$name}->log(resource => $resource, kind => 'list');
}
