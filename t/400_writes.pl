# Writes, seen from the service: which calls a statement makes, with which bodies, how many
# at a time; and that the rows which the client is told of are those that were written.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 40, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'tasks', 'notes' ], server => { on_type_mismatch => 'null', id_type => 'string' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');

# The calls a statement makes: its number of rows, then [method, path below the dealer, body].
sub calls
{
    my ($sql, @values) = @_;
    $sandbox->clear_log;
    my $rows = $dbh->do($sql, undef, @values);
    return (0 + $rows,
        map { [ $_->{method}, $_->{path} =~ s{^/dealers/[^/]+}{}r, defined $_->{body} ? $_->{body} : () ] }
          $sandbox->log);
}

sub fill
{
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks',
        [ map { { _id => "t$_", description => "task $_", custom => { a => 1, b => { c => [ 1, 2 ] } } } } 1 .. $_[0] ]);
}

sub ids { return join ' ', sort map { $_->{_id} } $sandbox->dump('tasks') }

# One change, one call
fill(12);
is_deeply([ calls(q{UPDATE crm.tasks SET description = 'x' WHERE _id = 't1'}) ],
    [ 1, [ 'PATCH', '/tasks/t1', [ { op => 'add', path => '/description', value => 'x' } ] ] ],
    'UPDATE by _id is one PATCH');
is_deeply([ calls(q{UPDATE crm.tasks SET description = ? WHERE _id = ?}, 'y', 't1') ],
    [ 1, [ 'PATCH', '/tasks/t1', [ { op => 'add', path => '/description', value => 'y' } ] ] ],
    'so is one with parameters');
is_deeply([ calls(q{DELETE FROM crm.tasks WHERE _id = 't12'}) ], [ 1, [ 'DELETE', '/tasks/t12' ] ],
    'DELETE by _id is one DELETE');
is_deeply([ calls(q{DELETE FROM crm.tasks WHERE _id = 't12'}) ], [ 0, [ 'DELETE', '/tasks/t12' ] ],
    'a document that is gone is no row');
is_deeply([ calls(q{DELETE FROM crm.tasks WHERE _id = NULL}) ], [0], 'NULL is nobody');
my ($rows, @calls) = calls(q{DELETE FROM crm.tasks WHERE _id IN ('t2', 't3', 't4', 't5', 't6', 't7', 't8', 't9', 't10', 't11')});
is($rows, 10, 'DELETE of ten documents');
is(scalar @calls, 10, 'ten calls');
is_deeply([ grep { $_->[0] ne 'DELETE' } @calls ], [], 'all of them DELETE');
is(ids(), 't1', 'and they are gone');

# What a change is
fill(3);
is_deeply([ calls(q{UPDATE crm.tasks SET custom = jsonb_set(custom - 'a', '{b,d}', '"new"') WHERE _id = 't1' AND description LIKE 'task%'}) ],
    [ 1, [ 'GET', '/tasks/t1' ],
        [ 'PATCH', '/tasks/t1', [ { op => 'remove', path => '/custom/a' }, { op => 'add', path => '/custom/b', value => { c => [ 1, 2 ], d => 'new' } } ] ] ],
    'within jsonb, only the members that differ');
($rows, @calls) = calls(q{UPDATE crm.tasks SET description = description, custom = custom || '{"a": 1.0}' WHERE description LIKE 'task%'});
is($rows, 3, 'UPDATE that changes nothing counts its rows');
is(scalar(grep { $_->[0] ne 'GET' } @calls), 1, 'and writes what one of them did not have');
($rows, @calls) = calls(q{UPDATE crm.tasks SET description = description, custom = custom || '{"a": 1.0}' WHERE description LIKE 'task%'});
is(scalar(grep { $_->[0] ne 'GET' } @calls), 0, 'then nothing at all');
is_deeply([ (calls(q{UPDATE crm.tasks SET custom = custom || '{"x/y": 1, "z": 2}' WHERE _id = 't1' AND description LIKE 'task%'}))[2] ],
    [ [ 'PATCH', '/tasks/t1',
            [ { op => 'add', path => '/custom', value => { 'x/y' => 1, z => 2, a => 1, b => { c => [ 1, 2 ], d => 'new' } } } ] ] ],
    'what cannot be addressed is set with the object around it');
is_deeply([ (calls(q{UPDATE crm.tasks SET custom = jsonb_set(custom, '{b,c}', '[1, 2, 3]') WHERE _id = 't1' AND description LIKE 'task%'}))[2] ],
    [ [ 'PATCH', '/tasks/t1', [ { op => 'add', path => '/custom/b', value => { c => [ 1, 2, 3 ], d => 'new' } } ] ] ],
    'of a free form, a member is set whole');
is_deeply([ (calls(q{UPDATE crm.tasks SET description = NULL WHERE _id = 't1' AND description LIKE 'task%'}))[2] ],
    [ [ 'PATCH', '/tasks/t1', [ { op => 'remove', path => '/description' } ] ] ], 'NULL removes');

# What is read to be changed
fill(3);
calls(q{UPDATE crm.tasks SET custom = custom || '{"z": 9}' WHERE description LIKE 'task%'});
is(($sandbox->log(method => 'GET'))[0]{query}{project}, 'description custom _id', 'no more than the change needs is read');
calls(q{UPDATE crm.tasks SET custom = custom || '{"z": 8}' WHERE description LIKE 'task%' RETURNING *});
like(($sandbox->log(method => 'GET'))[0]{query}{project}, qr/computed/, 'but for RETURNING the whole row is');
$rows = $dbh->selectall_arrayref(q{UPDATE crm.tasks SET custom = custom || '{"z": 7}' WHERE description LIKE 'task%' RETURNING description, client_id IS NULL, custom ->> 'z'});
is_deeply([ sort map { $_->[0] } @$rows ], [ map { "task $_" } 1 .. 3 ], 'columns in RETURNING');
is_deeply([ map { @$_[ 1, 2 ] } @$rows ], [ map { ($rows->[$_][1], '7') } 0 .. 2 ], 'also new values');
is(($sandbox->log(method => 'GET'))[-1]{query}{project}, 'description client_id custom _id', 'are read with those');
$rows = $dbh->selectall_arrayref(q{WITH deleted AS (DELETE FROM crm.tasks WHERE description = 'task 3' RETURNING client_id, description) SELECT * FROM deleted});
is_deeply([ map { $_->[1] } @$rows ], ['task 3'], 'DELETE returns what there was');
is(($sandbox->log(method => 'GET'))[-1]{query}{project}, 'description client_id _id', 'of which no more is read, too');
calls(q{DELETE FROM crm.tasks t WHERE description = 'task 2' RETURNING t});
like(($sandbox->log(method => 'GET'))[0]{query}{project} // 'computed', qr/computed/, 'unless it is the whole row');
fill(3);
is(scalar @{ $dbh->selectall_arrayref(q{UPDATE crm.tasks t SET description = (t).client_id || 'x', custom = to_jsonb(t) WHERE _id = 't1' AND description IS NOT NULL RETURNING 1}) }, 1, 'a whole row in an expression');
$dbh->do(q{UPDATE crm.tasks t SET custom = to_jsonb(t) WHERE _id = 't2' AND description IS NOT NULL});
is((grep { $_->{_id} eq 't2' } $sandbox->dump('tasks'))[0]{custom}{dealer_id}, undef, 'is what the CRM holds');
fill(3);
$dbh->do(q{UPDATE crm.tasks t SET (description, client_id) = (SELECT (t).custom->>'a', 'x' OFFSET 0) WHERE _id LIKE 't%'});
is((grep { $_->{_id} eq 't2' } $sandbox->dump('tasks'))[0]{description}, '1', 'also in a subquery');

# New documents
is_deeply([ calls(q{INSERT INTO crm.tasks (_id, description, client_id) VALUES ('n1', 'new', NULL)}) ],
    [ 1, [ 'POST', '/tasks', { _id => 'n1', description => 'new' } ] ], 'INSERT is one POST of what is not NULL');
is_deeply([ calls(q{INSERT INTO crm.tasks DEFAULT VALUES}) ], [ 1, [ 'POST', '/tasks', {} ] ], 'of nothing, if nothing is said');
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD client_ids 'true')});
($rows, @calls) = calls(q{INSERT INTO crm.tasks (description) SELECT 'made here' FROM generate_series(1, 50)});
my %made = map { $_->[2]{_id} => 1 } @calls;
is(scalar(keys %made), 50, 'with client_ids every document has an id of its own');
is(scalar(grep { /^[0-9a-f]{24}$/ } keys %made), 50, 'an ObjectId');
cmp_ok(abs(hex(substr((keys %made)[0], 0, 8)) - time), '<', 300, 'of now');
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP client_ids)});

# A service that makes ids of its own
$sandbox->fault({ match => { method => 'POST' },
    fault => { type => 'reply', body => '{"_id": "other"}', headers => { 'content-type' => 'application/json' } } });
my $error = sql_error($dbh, q{INSERT INTO crm.tasks (_id) VALUES ('wanted')});
is($error->{sqlstate}, 'HV000', 'another _id than the one given is an error');
like($error->{message}, qr/gave document "wanted" of resource "tasks" the _id "other"/, 'that names both');
like($error->{detail}, qr/One row was written and not rolled back: tasks\/other\./, 'and what was made');
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD client_ids 'true')});
$sandbox->clear_log;
is(sql_error($dbh, q{INSERT INTO crm.tasks (description) VALUES ('once')})->{sqlstate}, 'HV000', 'also of an _id made here');
is($sandbox->request_count, 1, 'and is not tried again');
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP client_ids)});
$sandbox->clear_faults;

# Several at a time, four at most; the rows are those that were there
fill(60);
for my $case (
    [ POST => q{INSERT INTO crm.tasks (description) SELECT 'new' || n FROM generate_series(1, 60) n} ],
    [ PATCH => q{UPDATE crm.tasks SET description = description || '!' WHERE description LIKE 'task%'} ],
    [ PATCH => q{UPDATE crm.tasks SET description = 'task' WHERE _id = ANY (ARRAY(SELECT 't' || n FROM generate_series(1, 60) n))} ],
    [ DELETE => q{DELETE FROM crm.tasks WHERE description LIKE 'new%'} ])
{
    my ($method, $sql) = @$case;
    my $requests;
    ($requests, $rows) = under_way($dbh, $sandbox, $sql, 4, method => $method);
    is($requests, 4, "$sql: four at a time");
    is($rows, 60, 'of 60 rows');
    is($sandbox->request_count(method => $method), 60, 'one call each');
}

# Documents that go while the statement runs are no rows of it
fill(9);
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'mutate', delete => { tasks => [ 't3', 't5' ] } } });
($rows) = calls(q{UPDATE crm.tasks SET description = description || '!' WHERE description LIKE 'task%'});
is($rows, 7, 'UPDATE counts those that were there');
$sandbox->clear_faults;
fill(9);
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'mutate', delete => { tasks => [ 't3', 't5' ] } } });
is(scalar @{ $dbh->selectall_arrayref(q{DELETE FROM crm.tasks WHERE description LIKE 'task%' RETURNING _id}) }, 7,
    'DELETE returns those that were there');
$sandbox->clear_faults;

# A statement does not see what it writes itself
fill(5);
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD fetch_size '2')});
($rows) = calls(q{INSERT INTO crm.tasks (description) SELECT description FROM crm.tasks});
is($rows, 5, 'INSERT ... SELECT from the same resource ends');
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD paging 'skip')});
($rows) = calls(q{UPDATE crm.tasks SET description = 'none' WHERE description LIKE 'task%'});
is($rows, 10, 'UPDATE over pages by skip misses no row');
($rows) = calls(q{DELETE FROM crm.tasks WHERE description = 'none'});
is($rows, 10, 'nor does DELETE');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP paging, DROP fetch_size)});

# Batches
fill(0);
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD batch_size '3')});
($rows) = calls(q{INSERT INTO crm.tasks (_id) SELECT 'b' || n FROM generate_series(1, 8) n});
is($rows, 8, 'a batch that is not full');
($rows) = calls(q{INSERT INTO crm.tasks (_id) SELECT 'b' || n FROM generate_series(5, 12) n ON CONFLICT DO NOTHING});
is($rows, 4, 'ON CONFLICT DO NOTHING counts what was new');
is(ids(), 'b1 b10 b11 b12 b2 b3 b4 b5 b6 b7 b8 b9', 'and that is there');

# What was written stays, and the message says what
$error = sql_error($dbh, q{INSERT INTO crm.tasks (_id) SELECT 'c' || n FROM generate_series(1, 3) n UNION ALL SELECT 'b1'});
is($error->{sqlstate}, '23505', 'a conflict in the second batch');
like($error->{detail}, qr/^The request was POST \/tasks\. 3 rows were written and not rolled back: tasks\/c1, tasks\/c2, tasks\/c3\.$/, 'tells of the first');
fill(200);
$sandbox->fault({ match => { path => 't60$' }, fault => { type => 'status', status => 422, error => 'no' } });
$error = sql_error($dbh, q{UPDATE crm.tasks SET description = upper(description)});
is($error->{sqlstate}, '23514', 'a refusal among many');
my $written = grep { ($_->{description} // '') =~ /^TASK/ } $sandbox->dump('tasks');
like($error->{detail}, qr/ $written rows were written and not rolled back: (tasks\/t\d+, ){100}and @{[ $written - 100 ]} more\.$/, 'names a hundred rows, and counts the others');
$sandbox->clear_faults;
# also of an error of PostgreSQL's own
fill(9);
$error = sql_error($dbh, q{UPDATE crm.tasks SET description = 1 / (9 - substr(_id, 2)::int)});
is($error->{sqlstate}, '22012', 'an error in the statement itself');
like($error->{detail}, qr/^8 rows were written and not rolled back: /, 'tells what was written, too');
# and of a limit
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD max_requests '5')});
fill(9);
$error = sql_error($dbh, q{DELETE FROM crm.tasks WHERE _id = ANY (ARRAY(SELECT 't' || n FROM generate_series(1, 9) n))});
is($error->{sqlstate}, '53400', 'more requests than max_requests');
like($error->{detail}, qr/^5 rows were written and not rolled back: tasks\/t1, /, 'tells what was written before');
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP max_requests)});
# long ones, as PostgreSQL keeps back 64 kB of rows from 16 on
my @messages = sql_messages_of_failure(q{COPY crm.tasks (description, bulk_import_ids) FROM PROGRAM 'for i in 1 2 3 4; do printf "%20000s\t\\\\N\n" x; done; printf "x\tno array\n"'});
like("@messages", qr/what the failed statement wrote was not rolled back/, 'COPY that fails on its input warns');
# rows in which a column takes no value, or not any, are held back until all have been seen
$sandbox->clear_log;
@messages = sql_messages_of_failure(q{COPY crm.tasks (_id, description, __v) FROM PROGRAM 'for i in 1 2 3 4; do printf "l$i\t%20000s\t\\\\N\n" x; done; printf "l5\tx\tno number\n"'});
is(join(' ', map({ $_->{method} } $sandbox->log), @messages), '', 'COPY that holds rows has sent none then, and need not warn');

sub sql_messages_of_failure
{
    my ($sql) = @_;
    my @warnings;
    $dbh->do('SET client_min_messages = warning');
    local $SIG{__WARN__} = sub { push @warnings, $_[0] };
    local $dbh->{PrintWarn} = 1;
    sql_error($dbh, $sql);
    $dbh->do('SET client_min_messages = error');
    return @warnings;
}

# A transaction that is rolled back: nothing is undone, and the manual says so
fill(1);
$dbh->begin_work;
$dbh->do(q{UPDATE crm.tasks SET description = 'stays' WHERE _id = 't1'});
$dbh->rollback;
is(($sandbox->dump('tasks'))[0]{description}, 'stays', 'ROLLBACK does not undo');

# PUT
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD update_method 'put')});
$sandbox->post('/_sandbox/documents/tasks', [ { _id => 't1', description => 'a', hidden => { x => 1 }, custom => { y => 2 } } ]);
is_deeply([ (calls(q{UPDATE crm.tasks SET description = 'b' WHERE _id = 't1'}))[ 0, 2, 3 ] ],
    [ 1, [ 'GET', '/tasks/t1' ], [ 'PUT', '/tasks/t1', { _id => 't1', description => 'b', hidden => { x => 1 }, custom => { y => 2 } } ] ],
    'PUT sends what no column shows, too');
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP update_method)});

# What EXPLAIN ANALYZE counts
fill(3);
like(explained(q{UPDATE crm.tasks SET description = 'x' WHERE _id IN ('t1', 't2')}), qr/Foreign Update on tasks .*Request: PATCH \/tasks\/\{_id\}.*Ids: .*Requests: 2/, 'direct UPDATE');
like(explained(q{UPDATE crm.tasks SET description = description || 'x'}), qr/Request: PATCH \/tasks\/\{_id\} *Requests: 3 /, 'UPDATE');
like(explained(q{INSERT INTO crm.tasks (description) VALUES ('x'), ('y')}), qr/Request: POST \/tasks *Batch Size: 3 *Requests: 2 /, 'INSERT');

sub explained { return join ' ', @{ $dbh->selectcol_arrayref("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $_[0]") } }

# Who may write, and as whom
$dbh->do('CREATE ROLE clerk LOGIN');
$dbh->do('GRANT USAGE ON SCHEMA crm TO clerk');
my $clerk = connect_db($node, user => 'clerk');
is(sql_error($clerk, q{DELETE FROM crm.tasks WHERE _id = 't1'})->{sqlstate}, '42501', 'without the privilege');
$dbh->do('GRANT SELECT, INSERT, UPDATE, DELETE ON crm.tasks TO clerk');
is(sql_error($clerk, q{DELETE FROM crm.tasks WHERE _id = 't1'})->{sqlstate}, '42704', 'without a user mapping');
$dbh->do(q{CREATE USER MAPPING FOR clerk SERVER crm OPTIONS (token 'of-the-clerk')});
for my $sql (
    q{DELETE FROM crm.tasks WHERE _id = 't1'},
    q{UPDATE crm.tasks SET description = description || 'x' WHERE _id = 't1'},
    q{INSERT INTO crm.tasks (description) VALUES ('x')})
{
    my $refused = sql_error($clerk, $sql);
    is($refused->{sqlstate}, '28000', 'with credentials that are not good');
    unlike(join(' ', map { $_ // '' } values %$refused), qr/of-the-clerk/, 'which are not shown');
}
$dbh->do(q{CREATE VIEW crm.shared AS SELECT _id, description FROM crm.tasks});
$dbh->do('GRANT ALL ON crm.shared TO clerk');
is($clerk->do(q{UPDATE crm.shared SET description = 'by the clerk' WHERE _id = 't1'}), 1, "a view's owner lends his");
is($clerk->do(q{INSERT INTO crm.shared VALUES ('v1', 'by the clerk')}), 1, 'for new rows, too');

# The catalogs' views ask of every table, also of one that cannot be used
$dbh->do(q{CREATE SERVER bare FOREIGN DATA WRAPPER walcu_fdw});
$dbh->do(q{CREATE FOREIGN TABLE bare (_id text) SERVER bare});
is(($dbh->selectrow_array(q{SELECT is_insertable_into FROM information_schema.tables WHERE table_name = 'bare'}))[0], 'YES',
    'a table without a dealer');

done_testing();
