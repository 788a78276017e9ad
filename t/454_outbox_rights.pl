# The outbox: whose entries are whose, what becomes of them when tables, servers, roles and mappings change, several
# senders at once, and dumps.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'string');
my $node = start_node('main', wal_level => 'replica');
setup_crm($node, $sandbox, limit_to => ['notes'], server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string' });
my $dbh = connect_db($node);
my $super = $dbh->selectrow_array('SELECT current_user');
my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
for my $role (qw(ana berta))
{
    $dbh->do($_) for "CREATE ROLE $role LOGIN", "GRANT USAGE ON FOREIGN SERVER crm TO $role", "GRANT USAGE ON SCHEMA crm TO $role",
      "GRANT ALL ON crm.notes TO $role", "CREATE USER MAPPING FOR $role SERVER crm $mapping";
}
my %as = map { $_ => connect_db($node, user => $_) } qw(ana berta);
$_->do('SET client_min_messages = error') for $dbh, values %as;

sub run { return join ' ', @{ $_[0]->selectrow_arrayref('CALL walcu_fdw_outbox_send()') } }
sub note_ids { return map { $_->{_id} } $sandbox->dump('notes') }
sub errors { return $dbh->selectcol_arrayref('SELECT last_error FROM walcu_fdw_outbox ORDER BY id') }

sub fill
{
    $dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
    $dbh->do('DELETE FROM walcu_fdw_outbox_pauses');
    $sandbox->clear_faults;
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->clear_log;
    return;
}

# Each sees and touches what is his
fill();
$as{$_}->do("INSERT INTO crm.notes (_id, content) VALUES ('of_$_', 'x')") for qw(ana berta);
is_deeply($as{ana}->selectcol_arrayref('SELECT _id FROM walcu_fdw_outbox'), ['of_ana'], 'a user sees her own entries');
is_deeply($dbh->selectcol_arrayref('SELECT _id FROM walcu_fdw_outbox ORDER BY id'), [ 'of_ana', 'of_berta' ], 'a superuser sees all');
my ($id) = $as{berta}->selectrow_array('SELECT id FROM walcu_fdw_outbox');
is(sql_error($as{ana}, "SELECT walcu_fdw_outbox_$_($id)")->{sqlstate}, '42704', "a user does not $_ those of others") for qw(retry discard);
is(sql_error($as{ana}, $_)->{sqlstate}, '42501', "nor is there another way: $_") for 'SELECT FROM walcu_fdw_outbox_entries',
  'DELETE FROM walcu_fdw_outbox_entries', 'UPDATE walcu_fdw_outbox_entries SET owner = 10', 'TABLE walcu_fdw_outbox_pauses',
  q{INSERT INTO walcu_fdw_outbox_entries OVERRIDING SYSTEM VALUE SELECT * FROM walcu_fdw_outbox_entries}, q{SELECT setval('walcu_fdw_outbox_entries_id_seq', 1)};
isnt(sql_error($as{ana}, 'DELETE FROM walcu_fdw_outbox'), undef, 'nor by the view');
is(run($as{ana}), '1 0 0 0', 'a user sends her own');
is_deeply([ note_ids() ], ['of_ana'], 'and no others');
$dbh->do('GRANT berta TO ana');
is(run($as{ana}), '1 0 0 0', 'unless she has the privileges of who wrote');
$dbh->do('REVOKE berta FROM ana');

# What waits behind another user's write says so, and whom to ask
fill();
$dbh->do('ALTER SERVER crm OWNER TO carl') if $dbh->do('CREATE ROLE carl LOGIN') && $dbh->do('GRANT USAGE ON FOREIGN DATA WRAPPER walcu_fdw TO carl');
$as{carl} = connect_db($node, user => 'carl');
$dbh->do("CREATE USER MAPPING FOR carl SERVER crm $mapping");
$as{berta}->do(q{UPDATE crm.notes SET content = 'hers' WHERE _id = 'shared'});
$as{ana}->do(q{UPDATE crm.notes SET content = 'mine' WHERE _id = 'shared'});
my ($first) = $as{berta}->selectrow_array('SELECT id FROM walcu_fdw_outbox');
is(run($dbh), '0 0 1 1', 'the first of two writes of a document is refused');
is_deeply($as{ana}->selectall_arrayref('SELECT _id, state, waits_for, blocked_by FROM walcu_fdw_outbox'),
    [ [ 'shared', 'waiting', $first, 'an earlier write of this document, of role berta, was refused' ] ], 'and the other, of another user, says what it waits for');
my $denied = sql_error($as{ana}, "SELECT walcu_fdw_outbox_retry($first)");
is_deeply([ @$denied{qw(sqlstate message detail hint)} ],
    [ '42501', "permission denied for entry $first of the outbox", 'It is that of role "berta", and an entry of yours waits for it.',
      'Ask role "berta", the owner of server "crm" ("carl"), or a superuser to call walcu_fdw_outbox_retry or walcu_fdw_outbox_discard.' ],
    'whom the user cannot help along');
is(sql_error($as{ana}, "SELECT walcu_fdw_outbox_discard($first)")->{sqlstate}, '42501', 'nor put out of the way');
is(sql_error($as{berta}, 'SELECT walcu_fdw_outbox_discard(' . ($first + 1) . ')')->{sqlstate}, '42704', 'what waits is nobody else\'s business');
is_deeply($as{carl}->selectall_arrayref('SELECT id, owner, state, last_error, body FROM walcu_fdw_outbox ORDER BY id'),
    [ [ $first, 'berta', 'refused', 'the document is gone from resource "notes"', undef ], [ $first + 1, 'ana', 'waiting', undef, undef ] ],
    'the owner of the server sees both, but not what they write');
is(run($as{carl}), '0 0 0 0', 'and does not send them');
$as{carl}->do("SELECT walcu_fdw_outbox_retry($first)");
is(run($dbh), '0 0 1 1', 'but may have one tried again');
$as{carl}->do("SELECT walcu_fdw_outbox_discard($first)");
is_deeply($as{ana}->selectall_arrayref('SELECT waits_for, blocked_by FROM walcu_fdw_outbox'), [ [ undef, undef ] ], 'or taken out, and then nothing is in the way');
$dbh->do("ALTER SERVER crm OWNER TO $super");
is_deeply($as{carl}->selectall_arrayref('SELECT id FROM walcu_fdw_outbox'), [], 'who does not own it any more sees nothing');

# A document of another server is another document
fill();
$dbh->do($_) for 'CREATE SERVER twin FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id,
    write_mode => 'outbox', client_ids => 'true', id_type => 'string' }), "CREATE USER MAPPING FOR PUBLIC SERVER twin $mapping",
  q{CREATE FOREIGN TABLE twin_notes (_id text COLLATE "C", content text COLLATE "C") SERVER twin OPTIONS (resource 'notes')};
$dbh->do(q{UPDATE crm.notes SET content = 'x' WHERE _id = 'shared'});
is(run($dbh), '0 0 1 0', 'a write to one server is refused');
$dbh->do(q{DELETE FROM twin_notes WHERE _id = 'shared'});
is(run($dbh), '1 0 0 0', 'which does not hold up one to another server, with the same _id');
$dbh->do('DROP SERVER twin CASCADE');

# A function in a view's condition, or an operator in the path, sees nothing of others, and runs with no rights of others
$as{berta}->do(q{INSERT INTO crm.notes (_id, content) VALUES ('secret', 'x')});
$dbh->do('CREATE SCHEMA trap AUTHORIZATION ana');
$as{ana}->do(q{CREATE FUNCTION trap.spy(text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''%'', $1; RETURN true; END'});
is_deeply([ sql_messages($as{ana}, 'SELECT * FROM walcu_fdw_outbox WHERE trap.spy(_id)') ], [], 'no function is shown what is of others');
$as{ana}->do($_) for 'CREATE TABLE trap.who (name name)', q{GRANT ALL ON trap.who TO PUBLIC},
  q{CREATE FUNCTION trap.note(text, text) RETURNS boolean LANGUAGE sql AS 'INSERT INTO trap.who VALUES (current_user); SELECT true'},
  q{CREATE FUNCTION trap.note(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'INSERT INTO trap.who VALUES (current_user); SELECT true'},
  (map { ("CREATE OPERATOR trap.$_ (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.note)",
      "CREATE OPERATOR trap.$_ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.note)") } '=', '>', '<>', '<'),
  'SET search_path = trap, pg_catalog, public', q{INSERT INTO crm.notes (_id, content) VALUES ('trapped', 'x')};
is(run($as{ana}), '1 0 0 0', 'with operators of her own in the path');
is_deeply($dbh->selectcol_arrayref('SELECT DISTINCT name FROM trap.who'), [], 'none of which is called');
$as{ana}->do('RESET search_path');

# The user mapping of who wrote is used, whoever sends
fill();
$dbh->do(q{ALTER USER MAPPING FOR berta SERVER crm OPTIONS (SET password 'wrong')});
$as{$_}->do("INSERT INTO crm.notes (_id, content) VALUES ('of_$_', 'x')") for qw(berta ana);
is(run($dbh), '1 1 0 1', 'one user has wrong credentials');
is_deeply([ note_ids() ], ['of_ana'], 'so hers waits, and another one does not');
like(errors()->[0], qr/answered 401/, 'with what the service says');
$dbh->do('DROP USER MAPPING FOR berta SERVER crm');
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($dbh), '0 1 0 1', 'without a user mapping it waits, too');
like(errors()->[0], qr/user mapping/, 'and says so');
$dbh->do("CREATE USER MAPPING FOR berta SERVER crm $mapping");
$as{berta}->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($as{berta}), '1 0 0 0', 'until there is one');

# Tables and servers that change meanwhile
fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n1', 'x')});
$dbh->do($_) for 'ALTER SCHEMA crm RENAME TO sales', q{ALTER FOREIGN TABLE sales.notes RENAME TO remarks}, 'ALTER SERVER crm RENAME TO walcu';
is($dbh->selectrow_array('SELECT "table" || \' \' || server FROM walcu_fdw_outbox'), 'sales.remarks walcu', 'the view has the names of now');
is(run($dbh), '1 0 0 0', 'a renamed table, schema and server');
$dbh->do($_) for 'ALTER SERVER walcu RENAME TO crm', 'ALTER SCHEMA sales RENAME TO crm', 'ALTER FOREIGN TABLE crm.remarks RENAME TO notes';
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n2', 'x')});
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (SET resource 'tasks')});
is(run($dbh), '0 0 1 0', 'a table that shows another resource');
like(errors()->[0], qr/^the foreign table crm\.notes shows resource "tasks" of dealer "\w+" now, and this was written to resource "notes"/, 'and the entry says so');
$dbh->do('DROP FOREIGN TABLE crm.notes');
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($dbh), '0 0 1 0', 'a table that is gone');
is_deeply(errors(), ['the foreign table crm.notes was dropped'], 'and the entry says so');
$dbh->do('CREATE TABLE crm.notes (_id text)');
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($dbh), '0 0 1 0', 'one in its place that is no foreign table');
$dbh->do('DROP TABLE crm.notes');
$dbh->do($_) for "CREATE SERVER other FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '" . $sandbox->endpoint . "', dealer_id '" . $sandbox->dealer_id . "', client_ids 'true', id_type 'string')",
  "CREATE USER MAPPING FOR PUBLIC SERVER other $mapping", 'CREATE FOREIGN TABLE crm.notes (_id text COLLATE "C", content text COLLATE "C") SERVER other';
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
$sandbox->clear_log;
is(run($dbh), '0 0 1 0', 'one in its place that is of another server');
is($sandbox->request_count, 0, 'to which nothing is sent');
$dbh->do('DROP SERVER other CASCADE');
$dbh->do(q{CREATE FOREIGN TABLE crm.notes (_id text COLLATE "C", content text COLLATE "C", custom jsonb) SERVER crm});
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($dbh), '1 0 0 0', 'one that was made anew');
$dbh->do('GRANT ALL ON crm.notes TO ana, berta');
$dbh->do($_) for 'CREATE ROLE carla', "GRANT ALL ON crm.notes TO carla", 'GRANT USAGE ON SCHEMA crm TO carla', 'GRANT USAGE ON FOREIGN SERVER crm TO carla',
  "CREATE USER MAPPING FOR carla SERVER crm $mapping", 'SET ROLE carla', q{INSERT INTO crm.notes (_id, content) VALUES ('n3', 'x')}, 'RESET ROLE',
  'DROP OWNED BY carla', 'DROP ROLE carla';
is(run($dbh), '0 0 1 0', 'a role that is gone');
is_deeply(errors(), ['the role that has written it was dropped'], 'and the entry says so');

fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n4', 'x')});
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD updatable 'false')});
is(run($dbh), '0 1 0 1', 'a server that is not to be written any more, as that of a clone');
like(errors()->[0], qr/updatable/, 'and the entry says so');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP updatable)});

# A document that is there, and cannot be compared with what was sent, may be another's
fill();
$dbh->do(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0});
setup_crm($node, $sandbox, dbname => 'latin', limit_to => ['notes'], server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string' });
my $latin = connect_db($node, dbname => 'latin');
$latin->do(q{INSERT INTO crm.notes (_id, content) VALUES ('euro', E'caf\xe9')});
is(run($latin), '1 0 0 0', 'a database of another encoding');
is(($sandbox->dump('notes'))[0]{content}, "caf\x{e9}", 'sends its characters');
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ { _id => 'euro', content => "\x{20ac}" } ]);
$latin->do(q{INSERT INTO crm.notes (_id, content) VALUES ('euro', 'mine')});
$latin->do(q{UPDATE walcu_fdw_outbox_entries SET state = 'sending'});
is(run($latin), '0 0 1 0', 'a document with a character that it does not have is not taken for the one that it sends');
like($latin->selectrow_array('SELECT last_error FROM walcu_fdw_outbox'), qr/^a document with this _id is there, and it may be another one: .* cannot be compared/, 'and the entry says so');
$latin->disconnect;

# What keeps requests from being sent
fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('n5', 'x')});
$dbh->do(q{ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:1')});
is(run($dbh), '0 1 0 1', 'an endpoint where nobody is');
like(errors()->[0], qr/^could not get a reply from server "crm"/, 'and the entry says so');
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $sandbox->endpoint ]}')");
$dbh->do('SELECT walcu_fdw_outbox_retry(id) FROM walcu_fdw_outbox');
is(run($dbh), '1 0 0 0', 'until it is another one');
$dbh->do(q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0});
setup_crm($node, $sandbox, dbname => 'bytes', limit_to => ['notes'], server => { write_mode => 'outbox', client_ids => 'true', id_type => 'string' });
my $bytes = connect_db($node, dbname => 'bytes');
is(sql_error($bytes, qq{INSERT INTO crm.notes (content) VALUES (E'\\xff')})->{sqlstate}, '22P05', 'a text that is none in UTF-8 is not recorded');
is(run($bytes), '0 0 0 0', 'and hinders nothing');
$bytes->disconnect;

# Several senders share the work, and each document keeps its order
fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) SELECT 'd' || n, 'v0' FROM generate_series(1, 20) n});
$dbh->do("UPDATE crm.notes SET content = 'v$_' WHERE _id IN (" . join(',', map { "'d$_'" } 1 .. 20) . ')') for 1 .. 3;
$sandbox->fault({ fault => { type => 'latency', ms => 5 } });
my @senders = map { connect_db($node) } 1 .. 3;
my $sent = 0;
while ($dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_outbox'))
{
    my @calls = map { my $call = $_->prepare('CALL walcu_fdw_outbox_send(7)', { pg_async => PG_ASYNC }); $call->execute; $call } @senders;
    for my $i (0 .. $#senders) { $senders[$i]->pg_result; $sent += $calls[$i]->fetchrow_arrayref->[0] }
}
is($sent, 80, 'three senders send each entry once');
is($sandbox->request_count, 80, 'by one request each');
my %order;
for my $entry ($sandbox->log)
{
    my $is_new = ref $entry->{body} eq 'HASH';
    my ($document) = $is_new ? $entry->{body}{_id} : $entry->{path} =~ m{([^/]+)$};
    push @{ $order{$document} }, $is_new ? 'v0' : $entry->{body}[0]{value};
}
is_deeply({ map { $_ => join(' ', @{ $order{$_} }) } keys %order }, { map { ("d$_" => 'v0 v1 v2 v3') } 1 .. 20 }, 'in the order of each document');

# As many requests are under way as the server's option says
fill();
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD max_connections '8')});
$dbh->do(q{INSERT INTO crm.notes (_id, content) SELECT 'u' || n, 'x' FROM generate_series(1, 20) n});
is((under_way($dbh, $sandbox, 'CALL walcu_fdw_outbox_send()', 8))[0], 8, 'max_connections requests are under way at once');
is(scalar(note_ids()), 20, 'and all are sent');

# An entry whose sender is lost is taken up; one that is being sent is not
fill();
$sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'hold' } });
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('held', 'x')});
my $lost = connect_db($node);
$lost->do('CALL walcu_fdw_outbox_send()', { pg_async => PG_ASYNC });
wait_until(sub { $sandbox->request_count(method => 'POST') });
is(run($dbh), '0 0 0 1', 'what is being sent is left to its sender');
$dbh->selectrow_array("SELECT pg_terminate_backend($lost->{pg_pid}, 60000)");
$sandbox->clear_faults;
wait_until(sub { note_ids() });
is_deeply($dbh->selectcol_arrayref('SELECT state FROM walcu_fdw_outbox'), ['sending'], 'the entry of a lost sender is still marked');
is(run($dbh), '1 0 0 0', 'and taken up by the next');
is($sandbox->request_count(method => 'POST'), 1, 'which looks for the document first');
is($sandbox->request_count(method => 'GET', path => qr{/held$}), 1, 'by its _id');
$dbh->do(q{UPDATE walcu_fdw_outbox_entries SET state = 'sending'}) if $dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('held', 'another')});
is(run($dbh), '0 0 1 0', 'a document that is there and differs may be another\'s');
like(errors()->[0], qr/^a document with this _id is there, and it may be another one/, 'and the entry says so');

# A dump has what waits, and a restored database sends it
fill();
$dbh->do(q{INSERT INTO crm.notes (_id, content) VALUES ('dumped', 'x')});
$as{ana}->do(q{INSERT INTO crm.notes (_id, content) VALUES ('dumped_2', 'x')});
my ($made) = $dbh->selectrow_array(q{INSERT INTO crm.notes (content) VALUES ('made') RETURNING _id});
$dbh->do('CREATE DATABASE other');
my $file = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $file ], 'pg_dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f', $file ], 'restore');
my $other = connect_db($node, dbname => 'other');
is_deeply($other->selectall_arrayref('SELECT "table", _id, owner, state FROM walcu_fdw_outbox ORDER BY id'),
    [ [ 'crm.notes', 'dumped', $super, 'waiting' ], [ 'crm.notes', 'dumped_2', 'ana', 'waiting' ], [ 'crm.notes', $made, $super, 'waiting' ] ], 'the copy has the entries');
is_deeply($other->selectcol_arrayref('SELECT DISTINCT server FROM walcu_fdw_outbox'), ['crm'], 'of the server that it has itself');
$other->do(q{UPDATE crm.notes SET content = 'y' WHERE _id = 'dumped'});
is_deeply($other->selectcol_arrayref('SELECT waits_for FROM walcu_fdw_outbox WHERE operation = \'UPDATE\''),
    $other->selectcol_arrayref('SELECT min(id) FROM walcu_fdw_outbox'), 'what is written later to one of the documents waits for what was restored');
is(run($other), '4 0 0 0', 'and sends them');
$sandbox->clear_log;
is(run($dbh), '1 1 2 0', 'what the copy has sent, is there already');
is_deeply([ sort map { s/^.*?;//r } @{ errors() }[ 0, 1 ] ], [ (' a document with this _id, or with another value that only one may have, is there already: '
      . 'it is another one, or this write was sent before, by the database that this one was restored from') x 2 ], 'and the entries say what that means');
is(join(' ', map { $sandbox->request_count(method => $_->[0], path => $_->[1]) } [ POST => qr{/notes$} ], [ GET => qr{/$made$} ]), '3 1',
    'but one whose _id was made here is looked for, and is the same one');
$other->do(q{INSERT INTO crm.notes (_id, content) VALUES ('after', 'x')});
cmp_ok($other->selectrow_array('SELECT id FROM walcu_fdw_outbox'), '>', $dbh->selectrow_array('SELECT max(id) FROM walcu_fdw_outbox'), 'it goes on counting');

# A read-only transaction
$dbh->do('SET default_transaction_read_only = on');
is(sql_error($dbh, $_)->{sqlstate}, '25006', "read-only: $_") for 'CALL walcu_fdw_outbox_send()', 'SELECT walcu_fdw_outbox_retry(1)', q{DELETE FROM crm.notes WHERE _id = 'x'};
$dbh->do('RESET default_transaction_read_only');
$dbh->do(q{SET default_transaction_isolation = 'serializable'});
$dbh->do('SELECT walcu_fdw_outbox_discard(id) FROM walcu_fdw_outbox');
$dbh->do(q{DELETE FROM crm.notes WHERE _id = 'x'});
is(run($dbh), '1 0 0 0', 'a session whose transactions are serializable');

# The extension moves to another schema
$dbh->do('CREATE SCHEMA moved');
$dbh->do('ALTER EXTENSION walcu_fdw SET SCHEMA moved');
$dbh->do(q{DELETE FROM crm.notes WHERE _id = 'x'});
is($dbh->selectrow_array('SELECT count(*) FROM moved.walcu_fdw_outbox'), 1, 'in another schema it is the same outbox');
is(join(' ', @{ $dbh->selectrow_arrayref('CALL moved.walcu_fdw_outbox_send()') }), '1 0 0 0', 'which is sent');

done_testing();
