# How many documents a resource has is known without ANALYZE: from what was read and counted, and, where a join
# hangs on it, from one or two small requests while the statement is planned.  EXPLAIN alone asks nothing.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

my %COUNTS = (cars => 3000, clients => 900, tasks => 120, notes => 30, contacts => 700);
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => \%COUNTS);
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', max_requests => 0, fetch_mode => 'parallel' }, limit_to => [ keys %COUNTS ]);
my $dbh = connect_db($node);
$dbh->do($_) for 'CREATE TABLE keys AS SELECT g AS id, md5(g::text) AS key FROM generate_series(1, 2000) g',
    'CREATE TABLE few AS SELECT * FROM keys WHERE id <= 40', 'ANALYZE keys, few';
my $join = 'SELECT k.id FROM keys k JOIN crm.%s c ON c._id = k.key';

# EXPLAIN asks nothing, however it is written, also as the first statement of a session
for my $explain ('EXPLAIN %s', 'EXPLAIN (VERBOSE, ANALYZE off) %s', 'explain (analyze false, format json) %s',
    'DO $do$ BEGIN EXECUTE $q$EXPLAIN %s$q$; END $do$', 'SELECT shown($q$%s$q$)', 'CREATE TEMP TABLE IF NOT EXISTS x AS SELECT shown($q$%s$q$)')
{
    my $session = connect_db($node);
    $dbh->do('CREATE OR REPLACE FUNCTION shown(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; BEGIN EXECUTE $q$explain $q$ || query INTO line; RETURN line; END $$');
    $session->do($explain =~ s/%s/sprintf $join, 'cars'/er) for 1 .. 2;
    is_deeply([ probes('cars') ], [], "no request for $explain");
}
my $prepared = connect_db($node);
$prepared->do('PREPARE q AS ' . sprintf $join, 'cars');
$sandbox->clear_log;
$prepared->selectall_arrayref('EXPLAIN EXECUTE q');
is($sandbox->request_count, 0, 'nor for EXPLAIN EXECUTE');

# What is run asks once, by small requests far out
$sandbox->clear_log;
is_deeply($prepared->selectall_arrayref(sprintf $join, 'cars'), [], 'no row');
my @probes = probes('cars');
is_deeply([ map { [ @{ $_->{query} }{qw(limit project q)} ] } @probes ], [ map { [ 1, '_id', undef ] } @probes ], 'probes are for one _id');
is(scalar(@probes), 1, 'one look tells that there are more documents than keys');
is($probes[0]{query}{skip}, 2000, 'as far out as there are rows');
$sandbox->clear_log;
$prepared->selectall_arrayref(sprintf $join, 'cars');
is(scalar(probes('cars')), 0, 'the session remembers it');
like(plan_of($prepared, 'SELECT * FROM crm.cars'), qr/Assumed Documents: 6003\b/, 'and EXPLAIN shows what is assumed then');
$dbh->selectall_arrayref('SELECT FROM crm.notes LIMIT 1');
$sandbox->clear_log;
like(plan_of($dbh, "EXPLAIN ANALYZE " . sprintf($join, 'contacts')), qr/./, 'EXPLAIN ANALYZE');
cmp_ok(scalar(probes('contacts')), '>=', 1, 'asks, as it runs the statement');

# A small resource is read as a whole where that is less than to ask for keys, and then its size is known
my $session = connect_db($node);
$sandbox->clear_log;
$session->selectall_arrayref(sprintf $join, 'tasks');
is(scalar(probes('tasks')), 2, 'two looks tell that a resource is small');
is($sandbox->request_count - 2, 3, 'and it is read as a whole');
unlike(plan_of($session, 'SELECT * FROM crm.tasks'), qr/Assumed/, 'then its size is known');
like(plan_of($session, 'SELECT * FROM crm.tasks'), qr/rows=120 /, 'exactly');

# Nothing hangs on it
for my $query ('SELECT f.id FROM few f JOIN crm.clients c ON c._id = f.key', 'SELECT make FROM crm.clients c, crm.cars r LIMIT 1',
    'SELECT c._id FROM crm.clients c', "SELECT k.id FROM keys k JOIN crm.clients c ON c._id = k.key WHERE k.id = 7", "SELECT c._id FROM crm.clients c WHERE c._id = 'x'",
    "SELECT k.id FROM keys k, crm.clients c WHERE c._id = 'x' AND c._id = k.key")
{
    my $other = connect_db($node);
    $sandbox->clear_log;
    $other->selectall_arrayref($query);
    is(scalar(probes('clients')), 0, "no look for $query");
}

# Of two resources that nobody knows, each is looked at
$session = connect_unknowing();
$sandbox->clear_log;
$session->selectall_arrayref('SELECT r._id FROM crm.cars r JOIN crm.clients c ON c._id = r.custom::text');
cmp_ok(scalar(probes($_)), '<=', 2, "at most two looks at $_") for qw(cars clients);
cmp_ok(scalar(probes($_)), '>=', 1, "at least one look at $_") for qw(cars clients);

# A count tells, too, and a scan that ends early tells what it has seen at least
$session = connect_unknowing();
$session->selectall_arrayref('SELECT count(*) FROM crm.clients');
like(plan_of($session, 'SELECT * FROM crm.clients'), qr/rows=900 /, 'a count is remembered');
$session->selectall_arrayref('SELECT _id FROM crm.cars ORDER BY _id LIMIT 700');
like(plan_of($session, 'SELECT * FROM crm.cars'), qr/Assumed Documents: 2100\b/, 'and how far a scan went');
$session->selectall_arrayref('SELECT _id FROM crm.cars ORDER BY _id');
like(plan_of($session, 'SELECT * FROM crm.cars'), qr/rows=3000 /, 'and that it went to the end');
$session->do(q{ALTER SERVER crm OPTIONS (SET dealer_id '5f2b1c9e8d3a4b00aaaaaaaa')});
like(plan_of($session, 'SELECT * FROM crm.cars'), qr/Assumed Documents: 1000\b/, 'of another dealer that says nothing');
$session->do(q{ALTER SERVER crm OPTIONS (SET dealer_id '} . $sandbox->dealer_id . q{')});

# A look that fails, or says nothing, is no error and is not repeated
for my $fault ({ type => 'status', status => 403 }, { type => 'status', status => 500 }, { type => 'close', when => 'before' }, { type => 'status', status => 404 }, { type => 'truncate' },
    { type => 'invalid_json' })
{
    my $other = connect_unknowing();
    $sandbox->clear_log;
    $sandbox->fault({ match => { kind => 'list', query => { skip => '.' } }, fault => $fault });
    is_deeply($other->selectall_arrayref(sprintf $join, 'contacts'), [], 'a look that fails: ' . join ' ', map { $fault->{$_} } sort keys %$fault);
    is(scalar(probes('contacts')), 1, 'one request');
    $other->selectall_arrayref(sprintf $join, 'contacts');
    is(scalar(probes('contacts')), 1, 'and no other one');
    $sandbox->clear_faults;
}

# Nobody asks on behalf of one who may not read
$dbh->do('CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA crm TO guest; GRANT SELECT ON keys TO guest');
my $guest = connect_db($node, user => 'guest');
$sandbox->clear_log;
is(sql_error($guest, sprintf $join, 'contacts')->{sqlstate}, '42501', 'who may not read');
is($sandbox->request_count, 0, 'asks nothing');

# With few requests left, none is spent on it
$dbh->do(q{ALTER SERVER crm OPTIONS (SET max_requests '9')});
$session = connect_db($node);
$sandbox->clear_log;
$session->selectall_arrayref("SELECT k.id FROM keys k JOIN crm.contacts c ON c._id = k.key AND c._id = 'x'");
sql_error($session, sprintf $join, 'contacts');
is(scalar(probes('contacts')), 0, 'no look where max_requests is small');
$dbh->do(q{ALTER SERVER crm OPTIONS (SET max_requests '0')});

# count(*) of a small resource costs no more than reading it
$dbh->do(q{ALTER SERVER crm OPTIONS (SET fetch_mode 'auto')});
for my $count (0, 1, 49, 50, 51, 99, 100, 101, 149, 150, 151, 250, 333, 450, 601)
{
    $sandbox->reset(counts => { contacts => $count });
    my $other = connect_unknowing();
    $sandbox->clear_log;
    is($other->selectrow_array('SELECT count(*) FROM crm.contacts'), $count, "count(*) of $count");
    my $pages = int(($count + 49) / 50) || 1;
    cmp_ok($sandbox->request_count, '<=', $pages <= 3 ? $pages : $pages + 1, "in no more requests than $pages pages");
    $sandbox->clear_log;
    is($other->selectrow_array('SELECT count(*) FROM crm.contacts'), $count, "again");
    cmp_ok($sandbox->request_count, '<=', $pages < 4 ? $pages : 4, 'in fewer');
}
$node->stop;

# Where the library is preloaded, other sessions know it, too
$sandbox->reset(counts => \%COUNTS);
my $shared = start_node('shared', shared_preload_libraries => "'walcu_fdw'", autovacuum => 'off');
setup_crm($shared, $sandbox, server => { max_requests => 0 }, limit_to => [qw(cars clients)]);
connect_db($shared)->selectall_arrayref('SELECT _id FROM crm.clients');
$sandbox->clear_log;
like(plan_of(connect_db($shared), 'SELECT * FROM crm.clients'), qr/rows=900 /, 'another session knows what one has read');
is($sandbox->request_count, 0, 'without a request');
connect_db($shared)->do($_) for 'CREATE TABLE keys AS SELECT g AS id, md5(g::text) AS key FROM generate_series(1, 2000) g', 'ANALYZE keys';
connect_db($shared)->selectall_arrayref(sprintf $join, 'cars') for 1 .. 2;
is(scalar(probes('cars')), 1, 'of all sessions one looks');
$shared->stop;

done_testing();

# Two sessions, of which none knows how many documents there are: $dbh, and the one that it returns.
sub connect_unknowing
{
    forget_sizes($node);
    $dbh = connect_db($node);
    return connect_db($node);
}

# Requests that only ask how many documents there are.
sub probes
{
    my ($resource) = @_;
    return grep { ($_->{query}{skip} // 0) > 0 && $_->{query}{limit} == 1 } $sandbox->log(resource => $resource, kind => 'list');
}

sub plan_of
{
    my ($session, $sql) = @_;
    return join "\n", @{ $session->selectcol_arrayref($sql =~ /^EXPLAIN/ ? $sql : "EXPLAIN $sql") };
}
