# write_mode 'commit': what the transaction has written is read first where the service sorts, so that LIMIT takes no more
# requests than without it; what the service searches for stays what it finds; and no parallel worker reads something else.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 4);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { write_mode => 'commit', client_ids => 'true' }, import => { import_search => 'true' });
my $dbh = connect_db($node);
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => id($_), make => 'm' . $_ % 7, $_ % 10 ? (year => $_) : (), model => "model $_" } } 1 .. 1000 ]);
$dbh->do('CREATE TABLE copy AS SELECT _id, make, model, year FROM crm.cars; ANALYZE crm.cars');

# One of each kind: a new row, one that is gone, and those that move, into what the LIMIT takes and out of it
my @writes = (
    "INSERT INTO % (_id, make, model, year) VALUES ('" . id(2000) . "', 'm1', 'new', 998.5), ('" . id(2001) . "', 'm1', 'new', NULL), ('" . id(0) . "', 'm2', 'new', 3)",
    "DELETE FROM % WHERE _id IN ('" . id(999) . "', '" . id(2) . "')",
    "UPDATE % SET year = 0.5 WHERE _id = '" . id(997) . "'",
    "UPDATE % SET year = 2000 WHERE _id = '" . id(5) . "'",
    "UPDATE % SET year = NULL WHERE _id = '" . id(3) . "'",
    "UPDATE % SET year = 1.5, make = 'm3' WHERE _id = '" . id(10) . "'");
my @queries = (
    'SELECT _id, year FROM % ORDER BY year LIMIT 10', 'SELECT year FROM % ORDER BY year DESC LIMIT 10', 'SELECT _id, year FROM % ORDER BY year DESC NULLS LAST LIMIT 10',
    'SELECT _id, year FROM % ORDER BY year NULLS FIRST, _id LIMIT 8', 'SELECT _id FROM % ORDER BY _id DESC LIMIT 5', 'SELECT _id FROM % ORDER BY _id LIMIT 5', 'SELECT _id FROM % ORDER BY _id OFFSET 3 LIMIT 4',
    'SELECT _id, year FROM % ORDER BY year DESC NULLS LAST OFFSET 3 LIMIT 3', 'SELECT max(year), min(year), max(_id) FROM %', "SELECT _id, year FROM % WHERE make = 'm3' ORDER BY year LIMIT 3",
    "SELECT _id FROM % WHERE year < 5 ORDER BY year DESC LIMIT 4", 'SELECT _id FROM % WHERE (year, _id) > (996, \'\') ORDER BY year, _id LIMIT 5');
my %before = map { $_ => requests($_) } @queries;
write_both();
for my $query (@queries)
{
    my $requests = requests($query);
    is(rows($query, 'crm.cars'), rows($query, 'copy'), $query);
    # each scan reads first what has been changed, and what min() and max() need has a scan of its own
    my $scans = () = $query =~ /m(?:ax|in)\(/g;
    cmp_ok($requests, '<=', $before{$query} + ($scans || 1), "by $before{$query} requests, and one for what waits") or diag($requests);
}
my $join = 'SELECT c.make, x._id FROM (VALUES (\'m1\'), (\'m3\')) c(make) CROSS JOIN LATERAL (SELECT _id FROM % v WHERE v.make = c.make ORDER BY year LIMIT 2) x ORDER BY 1, 2';
is(rows($join, 'crm.cars'), rows($join, 'copy'), 'in each execution of a scan');
$dbh->rollback;

# Where the service does not sort
for my $setting ([ 'a service that does not sort', sub { $sandbox->settings(sort => 'ignored') } ],
    [ 'an order that is not asked for', sub { $dbh->do(q(ALTER SERVER crm OPTIONS (ADD sort_format 'none'))) } ])
{
    my ($what, $set) = @$setting;
    $set->();
    $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    write_both();
    is(rows($_, 'crm.cars'), rows($_, 'copy'), "$what: $_") for @queries;
    $dbh->rollback;
}
$sandbox->settings(sort => 'honoured');
$dbh->do('ALTER SERVER crm OPTIONS (DROP sort_format)');
$dbh = connect_db($node);

# So much that all may as well be read
$dbh->begin_work;
for my $table ('crm.cars', 'copy') { $dbh->do("UPDATE $table SET year = -year WHERE year % 3 = 0") }
is(rows($_, 'crm.cars'), rows($_, 'copy'), "much that waits: $_") for @queries;
like(explained('SELECT _id FROM crm.cars ORDER BY year LIMIT 3'), qr/^ *Sorted: here, with what waits for the commit$/m, 'EXPLAIN says why it is sorted here');
$dbh->rollback;

# A parallel worker knows nothing of what waits, and so takes no part
$dbh->do($_) for 'CREATE TABLE numbers AS SELECT i FROM generate_series(1, 1000) i; ANALYZE numbers',
    q(CREATE FUNCTION count_model(name text) RETURNS bigint STABLE PARALLEL SAFE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM crm.cars WHERE model = name); END'),
    map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off';
my $parallel = q(SELECT max(count_model('new')) FROM numbers WHERE i < 3);
like(explained($parallel), qr/Workers Launched: [1-9]/, 'a function that reads is executed by workers');
$dbh->do("PREPARE kept AS $parallel");
is($dbh->selectrow_array('EXECUTE kept'), 0, 'and finds what is there') for 1 .. 6;
$dbh->begin_work;
$dbh->do(q(INSERT INTO crm.cars (model) VALUES ('new')));
is($dbh->selectrow_array($_), 1, "and what waits: $_") for $parallel, 'EXECUTE kept';
$dbh->do('DELETE FROM crm.cars WHERE model = ?', undef, 'new');
is($dbh->selectrow_array('EXECUTE kept'), 0, 'or will be gone');
$dbh->rollback;
like(explained($parallel), qr/Workers Launched: [1-9]/, 'then workers take part again');

# A search
$dbh->begin_work;
is_deeply(search('model 77'), [ 'model 77', map { "model 77$_" } 0 .. 9 ], 'a search finds what has the text');
$dbh->do(q(INSERT INTO crm.cars (model) VALUES ('model 77 b')));
$dbh->do(q(UPDATE crm.cars SET model = 'other' WHERE _id IN (?, ?)), undef, id(1), id(777));
$dbh->do(q(DELETE FROM crm.cars WHERE _id = ?), undef, id(770));
is_deeply(search('model 77'), [ 'model 77', (map { "model 77$_" } 1 .. 6, 8, 9), 'other' ], 'that waits are shown as they will be, without others');
is($dbh->selectrow_array(q(SELECT count(*) FROM crm.cars WHERE _search = 'model 77')), 10, 'and counted');
$dbh->rollback;

done_testing();

sub id { return sprintf '%024x', 65536 + $_[0] }

sub write_both
{
    $dbh->begin_work;
    for my $table ('crm.cars', 'copy') { $dbh->do(s/%/$table/r) for @writes }
    return;
}

sub rows
{
    my ($query, $table) = @_;
    return join "\n", map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($query =~ s/%/$table/r) };
}

sub requests
{
    my ($query) = @_;
    $sandbox->clear_log;
    rows($query, 'crm.cars');
    return $sandbox->request_count;
}

sub explained { return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN (ANALYZE, COSTS OFF) $_[0]") } }

sub search { return [ sort @{ $dbh->selectcol_arrayref('SELECT model FROM crm.cars WHERE _search = ?', undef, $_[0]) } ] }
