# walcu_fdw_setup() with what the description does not tell: fields and values that documents have (sample), and the
# resources users, templates and emails (undescribed).

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Services;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120 });
my $node = start_node();
my $dbh = connect_db($node);
$dbh->do('CREATE EXTENSION walcu_fdw');
$dbh->do("CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox->endpoint . "', dealer_id '" . $sandbox->dealer_id . "', max_retries '0')");

# Whoever cannot read documents is told at once
my $error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', sample => true)});
is($error->{sqlstate}, '42704', 'a sample needs a user mapping');
is(asked(), '', 'nobody was asked');
$dbh->do(q{CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'wrong')});
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', sample => true)});
is("$error->{sqlstate} $error->{message}", '28000 could not read documents for a sample', 'credentials that are wrong');
is(asked(), 'description 1, list 1', 'are sent once');
$dbh->do(q{ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'sandbox-secret')});

$dbh->do("CREATE SERVER hub FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox->endpoint . "')");
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('hub', sample => true)});
is("$error->{sqlstate} $error->{hint}", 'HV00J Name the dealer in the argument dealers, or in the server\'s option dealer_id.', 'a server of nobody');

# New documents have what nobody described; old ones do not
my $call = q{'crm', resources => '{cars,notes}'};
my @plain = setup($call);
is(asked(), 'description 1', 'without a sample no document is read');
my $id = 0;
my $add = sub {
    my ($resource, %members) = @_;
    $sandbox->post("/_sandbox/documents/$resource", [ { _id => sprintf('7fff%020x', ++$id), dealer_id => $sandbox->dealer_id, created_at => '2026-01-01T00:00:00.000Z', %members } ]);
};
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
$add->('cars', category => 'car',
    nickname => 'Toledo', door_count => 5, electric => $true, sold_on => '2026-02-03T10:00:00.000Z', plain_day => '2026-02-03', anything => 1, nothing => undef, tags => [ 'a', 'b' ],
    none => [], owner => { name => 'Ana', since => { year => 2020 } }, trips => [ { km => 12 }, { km => 30, driver => 'Eva' } ], map => { map { ("k$_" => 1) } 1 .. 60 }, '$odd' => 1, 'it "is"' => 'odd',
    prices => { retail => { online => 3.5 } }, custom => { colour => 'red' }, extras => [ { fitted => $true } ]);
$add->('cars', nickname => 'León', category => 'rocket', anything => 'x', tags => undef);
my %before = map { ($_->[0] => $_) } @{ columns('crm.cars') };
my @sampled = setup("$call, sample => true");
is(asked(), 'description 1, list 4', 'two pages of each resource, whatever it has');
my %of = map { ("$_->{action} $_->{object}" => $_) } @sampled;
is(join(', ', sort keys %of), 'add columns crm.cars, comment crm.cars, comment crm.cars_trips, comment crm.notes, create table crm.cars_trips', 'columns for what documents have, and a table for a list');
my %column = map { ($_->[0] => $_) } @{ columns('crm.cars') };
my %new = map { ($_ => $column{$_}) } grep { !$before{$_} } keys %column;
is(
    join("\n", map { "$_ $new{$_}[1]" } sort keys %new),
    join("\n",
        'anything jsonb', 'door_count numeric', 'electric boolean', 'it "is" text', 'map jsonb', 'nickname text', 'none jsonb', 'owner_name text', 'owner_since_year numeric', 'plain_day text',
        'prices_retail_online numeric', 'sold_on timestamp with time zone', 'tags text[]', 'trips jsonb'),
    'of the types that all values have; not for what is null, nor in a free form');
is($column{nickname}[3], 'nickname: string, seen in documents and not described', 'a comment says that it was seen');
is($column{tags}[3], 'tags: array of strings, seen in documents and not described', 'a list of texts');
is($column{nickname}[2], 'path=nickname,pushdown=false', 'the service may show what it does not store: conditions stay here');
like($column{category}[3], qr/^category: string\. One of several values, such as `car`\. Seen: .*\bcar\b.*, motorcycle, rocket, van$/, 'values that were seen of an enumeration, beside what the description says');
is($column{make}[3], 'make: string', 'not of other texts');
is($dbh->selectrow_array(q{SELECT obj_description('crm.cars_trips'::regclass)}), 'cars.trips: the elements of a list in cars, seen in documents and not described, in the Walcu CRM', 'the list, too');
is_deeply($dbh->selectall_arrayref(q{SELECT nickname, door_count, electric, sold_on::date::text, tags, owner_since_year FROM crm.cars WHERE nickname IN ('Toledo', 'León') ORDER BY 1}),
    [ [ 'León', (undef) x 5 ], [ 'Toledo', '5', 1, '2026-02-03', [ 'a', 'b' ], '2020' ] ], 'they can be read');
is_deeply($dbh->selectall_arrayref('SELECT km, driver FROM crm.cars_trips ORDER BY position'), [ [ '12', undef ], [ '30', 'Eva' ] ], 'and the list');
unlike(join(' ', map { $_->{url} // $_->{path} } $sandbox->log), qr/nickname.*Toledo/, 'no condition on them was sent');
asked();

# Again: nothing; nor is what was seen "gone" for those who do not look
is_deeply([ setup("$call, sample => true") ], [], 'a second sample finds nothing to do');
is(asked(), 'description 1, list 4', 'with as many requests');
is_deeply([ setup($call) ], [], 'nor does a call without one');
is(asked(), 'description 1', 'which reads no documents');
is_deeply([ setup(q{'crm', resources => '{cars}', options => '{"source": "bundled"}'}) ], [], 'or with the installed description');

# What a column shows twice, and what the user has changed, stays
$dbh->do('ALTER FOREIGN TABLE crm.cars RENAME COLUMN nickname TO alias');
$dbh->do(q{COMMENT ON COLUMN crm.cars.category IS 'ours'});
$dbh->do('ALTER FOREIGN TABLE crm.cars ALTER COLUMN alias OPTIONS (DROP pushdown)');
is_deeply([ setup("$call, sample => true") ], [], 'names, options and comments stay');
asked();

# It is described later
my $description = $sandbox->get('/.well-known/service-desc');
$description->{components}{schemas}{car}{properties}{nickname} = { type => 'string' };
$description->{components}{schemas}{car}{properties}{door_count} = { type => 'string' };
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'reply', body => JSON::PP->new->utf8(0)->encode($description), headers => { 'content-type' => 'application/json' } } });
%of = map { ("$_->{action} $_->{object}" => $_) } setup($call);
is(join(', ', sort keys %of), 'comment crm.cars, type changed crm.cars.door_count', 'the description has it now');
%column = map { ($_->[0] => $_) } @{ columns('crm.cars') };
is($column{alias}[3], 'nickname: string', 'and the comment says no more that it was seen only');
$dbh->do($_) for split /;\n/, $of{'type changed crm.cars.door_count'}{advice};
is_deeply([ setup($call) ], [], 'with the advice followed there is nothing left');
$sandbox->clear_faults;

# What cannot be read is told, and the rest is made
$sandbox->fault({ match => { kind => 'list', resource => 'notes' }, fault => { type => 'status', status => 403 } });
my @some = setup(q{'crm', 'part', resources => '{notes,sms}', arrays => false, comments => false, sample => true});
is(join(', ', map { "$_->{action} $_->{object}" } @some), 'create schema part, not sampled notes, create table part.notes, create table part.sms', 'a resource that is refused');
like($some[1]{detail}, qr/403/, 'and what the service said');
$sandbox->clear_faults;
asked();

# A virtual that Mongoose shows is no field; services that sort otherwise, or not at all, are asked alike
my $known = q{'crm', resources => '{cars}', sample => true};
$sandbox->put('/_sandbox/settings', { virtual_id => 'shown' });
is_deeply([ map { "$_->{action} $_->{detail}" } setup($known) ], [ ], 'an id that repeats the _id is no column');
$sandbox->put('/_sandbox/settings', { virtual_id => 'hidden' });
asked();
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD sort_format 'none')});
is(join(' ', map { "$_->{action} $_->{object}" } setup($known)), 'column gone crm.cars.alias column gone crm.cars.door_count', 'a service that cannot sort shows no new documents');
is(join(' ', map { $_->{query}{sort} // '-' } $sandbox->log(kind => 'list')), '- -', 'none is sent');
$dbh->do(q{ALTER SERVER crm OPTIONS (SET sort_format 'json')});
asked();
setup($known);
is(join(' ', grep { $_ ne '-' } map { $_->{query}{sort} // '-' } $sandbox->log(kind => 'list')), '{"_id":-1}', 'in the format that the server is said to read');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP sort_format)});
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD max_requests '3')});
$error = sql_error($dbh, qq{SELECT * FROM walcu_fdw_setup($call, sample => true)});
is($error->{sqlstate}, '53400', 'max_requests holds');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP max_requests)});
asked();

# Resources that the description lacks, on request
is(scalar(grep { $_->{object} =~ /users/ } setup(q{'crm', 'all', dry_run => true, arrays => false})), 0, 'nobody gets tables of them who does not ask');
is((setup(q{'crm', 'all', resources => '{users}', dry_run => true}))[1]{object}, '"all".users', 'a name is enough');
$error = sql_error($dbh, q{SELECT * FROM walcu_fdw_setup('crm', undescribed => '{user}')});
is("$error->{sqlstate} $error->{hint}", 'HV00R Perhaps you meant the resource "users".', 'an unknown one');
my $who = q{'crm', 'who', resources => '{saleleads}', arrays => false, undescribed => '{users,templates,emails}'};
my @who = setup($who);
is(join(', ', map { $_->{object} } grep { $_->{action} eq 'create table' } @who), 'who.saleleads, who.users, who.templates, who.emails', 'tables of them');
is(join(' ', map { "$_->[0]:$_->[1]" } @{ columns('who.users') }), '_id:text first_name:text last_name:text _document:jsonb', 'with what is known, and the whole document');
is(join(' ', map { $_->[0] } @{ columns('who.templates') }) . '; ' . join(' ', map { $_->[0] } @{ columns('who.emails') }), '_id name _document; _id _document', 'of others less is known');
is_deeply([ setup($who) ], [], 'again: nothing');
is_deeply([ setup(q{'crm', 'who', resources => '{saleleads}', arrays => false}) ], [], 'without asking for them they are no loss');
asked();
my %user = map { ($_->{_id} => "$_->{first_name} $_->{last_name}") } $sandbox->dump('users');
my %expected = map { ($_->{_id} => $user{ $_->{current_assigned}{to} }) } grep { $_->{current_assigned} && $_->{current_assigned}{to} && $user{ $_->{current_assigned}{to} } } $sandbox->dump('saleleads');
my $join = q{SELECT l._id, u.first_name || ' ' || u.last_name FROM who.saleleads l JOIN who.users u ON u._id = l.current_assigned_to};
is_deeply({ map { @$_ } @{ $dbh->selectall_arrayref($join) } }, \%expected, 'who has which lead');
cmp_ok($sandbox->request_count(kind => 'list', resource => 'users') + $sandbox->request_count(kind => 'get', resource => 'users'), '<=', 2, 'in a request or two for all users');
$dbh->do('SET walcu_fdw.enable_pushdown = off');
is_deeply({ map { @$_ } @{ $dbh->selectall_arrayref($join) } }, \%expected, 'as without pushdown');
$dbh->do('RESET walcu_fdw.enable_pushdown');
asked();
my ($lead) = sort keys %expected;
is_deeply($dbh->selectall_arrayref("$join WHERE l._id = '$lead'"), [ [ $lead, $expected{$lead} ] ], 'of one lead');
cmp_ok($sandbox->request_count, '<=', 2, 'in two requests');
asked();
is($dbh->selectrow_array(q{SELECT count(*) FROM who.emails WHERE _document ->> 'subject' = 'Solicitud 7'}), 1, 'what is not described can be asked for in the document');

# Whatever the service is like: the same rows, and the users in a few requests
my @kinds = services(qw(ids filters ignored));
for my $service (@kinds)
{
    $sandbox->settings(settings_of($service));
    my $session = connect_db($node);
    asked();
    is_deeply({ map { @$_ } @{ $session->selectall_arrayref($join) } }, \%expected, 'who has which lead: ' . service_name($service));
    cmp_ok($sandbox->request_count(resource => 'users'), '<=', 3, 'in a few requests');
}
$sandbox->settings(settings_of($kinds[0]));
asked();
my @more = setup("$who, sample => true");
%column = map { ($_->[0] => $_) } @{ columns('who.users') };
is($column{email}[3], 'email: string, seen in documents and not described', 'a sample tells more of them');
is_deeply([ setup($who) ], [], 'which is nobody\'s to drop');

# A description that has users says more
my $served = $sandbox->get('/.well-known/service-desc');
$served->{components}{schemas}{user} = { type => 'object', properties => { _id => { type => 'string' }, role => { type => 'string' } } };
$served->{paths}{'/users'} = { get => { responses => { 200 => { content => { 'application/json' => { schema => { type => 'array', items => { '$ref' => '#/components/schemas/user' } } } } } } } };
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'reply', body => JSON::PP->new->utf8(0)->encode($served), headers => { 'content-type' => 'application/json' } } });
setup(q{'crm', 'told', resources => '{users}', undescribed => '{users}'});
is(join(' ', map { $_->[0] } @{ columns('told.users') }), '_id role _search', 'where the description has them, it counts');
$sandbox->clear_faults;

done_testing();

sub setup
{
    my ($arguments) = @_;
    return @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_setup($arguments)", { Slice => {} }) };
}

# How many requests of each kind there were since the last call.
sub asked
{
    my %count;
    $count{ $_->{kind} }++ for $sandbox->log;
    $sandbox->clear_log;
    return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

# Name, type, options and comment of a table's columns.
sub columns
{
    my ($table) = @_;
    return $dbh->selectall_arrayref(q{
        SELECT attname, format_type(atttypid, atttypmod), array_to_string(attfdwoptions, ','), col_description(attrelid, attnum)
          FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum}, undef, $table);
}
