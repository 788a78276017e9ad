# What else services do with what is written and read: fields outside the schema, ids that a client has chosen, resources that
# the description does not have, and replies without MAPP-has-more.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { notes => 137 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'leadimporttasks' ], server => { on_type_mismatch => 'null', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $id = '65a0000000000000000000b1';

# Fields that the description does not have
$dbh->do(q{CREATE FOREIGN TABLE noted (_id text COLLATE "C" NOT NULL, content text COLLATE "C", nope jsonb) SERVER crm OPTIONS (resource 'notes')});
for my $row ([ dropped => undef, undef ], [ kept => '{"a": 1}', '{"a": {"b": 2}}' ])
{
    my ($setting, $inserted, $updated) = @$row;
    for my $patch (qw(vendor mongoose rfc6902))
    {
        $sandbox->settings(unknown_fields => $setting, patch => $patch);
        is_deeply($dbh->selectrow_arrayref(q{INSERT INTO noted (content, nope) VALUES ('x', '{"a": 1}') RETURNING content, nope}), [ 'x', $inserted ], "$setting, $patch: INSERT returns what is stored");
        my ($made) = $dbh->selectrow_array(q{SELECT _id FROM noted WHERE content = 'x'});
        $dbh->do('UPDATE noted SET nope = ?, content = ? WHERE _id = ?', undef, '{"a": {"b": 2}}', "y $patch", $made);
        is_deeply($dbh->selectrow_arrayref('SELECT content, nope FROM noted WHERE _id = ?', undef, $made), [ "y $patch", $updated ], "$setting, $patch: UPDATE");
        is($dbh->do("DELETE FROM noted WHERE _id = '$made'") + 0, 1, "$setting, $patch: DELETE");
    }
}
$sandbox->settings(unknown_fields => 'dropped', patch => 'vendor');

# Ids that a client has chosen
$sandbox->settings(client_ids => 'replaced');
my ($made) = $dbh->selectrow_array(q{INSERT INTO crm.notes (content) VALUES ('one') RETURNING _id});
like($made, qr/^[0-9a-f]{24}$/, 'the service makes the _id, which is returned');
is($dbh->selectrow_array('SELECT content FROM crm.notes WHERE _id = ?', undef, $made), 'one', 'and is the one');
$sandbox->clear_log;
my $error = sql_error($dbh, "INSERT INTO crm.notes (_id, content) VALUES ('$id', 'two')");
like($error->{message}, qr/gave document "$id" of resource "notes" the _id/, 'one that was given and is not kept is an error');
like($error->{detail}, qr/One row was written/, 'which says that the row is written');
is($sandbox->request_count(method => 'POST'), 1, 'once');
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (ADD client_ids 'true')});
$sandbox->clear_log;
$error = sql_error($dbh, q{INSERT INTO crm.notes (content) VALUES ('three')});
like($error->{message}, qr/^the service gave document "[0-9a-f]{24}" of resource "notes" the _id "[0-9a-f]{24}"/, 'so is one that was made here');
is($sandbox->request_count(method => 'POST'), 1, 'once');
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (DROP client_ids)});
$sandbox->settings(client_ids => 'kept');

# Replies that do not say whether there is more
my @ids = sort map { $_->{_id} } $sandbox->dump('notes');
for my $missing (qw(sent missing))
{
    $sandbox->settings(has_more => $missing);
    for my $mode (qw(auto pages job))
    {
        $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
        is_deeply($dbh->selectcol_arrayref('SELECT _id FROM crm.notes ORDER BY _id COLLATE "C"'), \@ids, "$missing, $mode: every document once");
        is_deeply($dbh->selectcol_arrayref('SELECT _id FROM crm.notes ORDER BY created_at DESC, _id COLLATE "C" LIMIT 60 OFFSET 60'),
            $dbh->selectcol_arrayref('SELECT _id FROM (SELECT _id, created_at FROM crm.notes OFFSET 0) n ORDER BY created_at DESC, _id COLLATE "C" LIMIT 60 OFFSET 60'), "$missing, $mode: pages of an order");
        $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
    }
    is($dbh->selectrow_array('SELECT count(*) FROM crm.notes'), scalar @ids, "$missing: all are counted");
    for my $cap (1, 7, 137, 138)
    {
        $sandbox->settings(page_cap => $cap);
        is($dbh->selectrow_array('SELECT count(DISTINCT _id) FROM crm.notes WHERE content IS NULL OR content IS NOT NULL'), scalar @ids, "$missing: pages of $cap at most");
        $sandbox->settings(page_cap => 50);
    }
}
$sandbox->settings(has_more => 'sent');

# Resources that the description does not have
$dbh->do(q{CREATE FOREIGN TABLE users (_id text COLLATE "C" NOT NULL, first_name text COLLATE "C", last_name text COLLATE "C", active boolean) SERVER crm OPTIONS (resource 'users')});
$dbh->do(q{CREATE FOREIGN TABLE templates (_id text COLLATE "C" NOT NULL, name text COLLATE "C") SERVER crm});
my %users = map { $_->{_id} => $_ } $sandbox->dump('users');
is_deeply({ map { $_->[0] => "$_->[1] $_->[2]" } @{ $dbh->selectall_arrayref('SELECT _id, first_name, last_name FROM users') } },
    { map { $_->{_id} => "$_->{first_name} $_->{last_name}" } values %users }, 'users are read');
my ($one) = sort keys %users;
is($dbh->selectrow_array('SELECT count(*) FROM users WHERE first_name = ?', undef, $users{$one}{first_name}), scalar(grep { $_->{first_name} eq $users{$one}{first_name} } values %users), 'and found by name');
is($dbh->selectrow_array('SELECT count(*) FROM crm.notes n JOIN users u ON u._id = n.created_by'),
    scalar(grep { $users{ $_->{created_by} // '' } } $sandbox->dump('notes')), 'and joined with what they have made');
is($dbh->do("UPDATE users SET first_name = 'Ana', last_name = NULL WHERE _id = '$one'") + 0, 1, 'and changed');
is_deeply([ @{ (grep { $_->{_id} eq $one } $sandbox->dump('users'))[0] }{qw(first_name last_name)} ], [ 'Ana', undef ], 'as they should');
is($dbh->selectrow_array(q{SELECT count(*) FROM templates WHERE name LIKE 'O%'}), 1, 'templates');

# A lead that is imported, as clients of the API do
$dbh->do('CREATE FOREIGN TABLE imports (_id text COLLATE "C" NOT NULL, payload jsonb, status text COLLATE "C") SERVER crm OPTIONS (resource \'leadimporttasks\')');
my $payload = '{"client": {"first_name": "Ana", "foreign_id": "c1"}, "version": "1.0.0", "sales_lead": {"car": {"make": "SEAT"}, "inquiry": "x"}}';
is($dbh->selectrow_array('INSERT INTO imports (payload) VALUES (?) RETURNING payload', undef, $payload), $payload, 'a payload is taken');
$dbh->do(q{UPDATE imports SET payload = jsonb_set(payload, '{sales_lead,car,make}', '"Audi"') WHERE payload IS NOT NULL});
is($dbh->selectrow_array(q{SELECT payload #>> '{sales_lead,car,make}' FROM imports WHERE payload IS NOT NULL}), 'Audi', 'and changed');

done_testing();
