# count(*), min, max and EXISTS: how many requests they cost, and that they are right.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

my $sandbox = WalcuTest::Sandbox->start(scale => 400, count => { cars => 5000, tasks => 120, notes => 30 });
my $node = start_node();
my ($results_host) = $sandbox->results_endpoint =~ m{//(.*)};
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', results_hosts => $results_host }, limit_to => [qw(cars tasks notes)]);
my $dbh = connect_db($node);

# count(*) of a whole table is found by offsets
costs('SELECT count(*) FROM crm.cars', 5000, 13);
costs('SELECT count(*) FROM crm.notes', 30, 1);
forget_sizes($node);
$dbh = connect_db($node);
my $new = connect_db($node);    # one that has not seen yet how many there are
like(plan_of('SELECT count(*) FROM crm.cars', undef, $new), qr{Custom Scan \(WalcuCount\).*Strategy: count by offsets\n\s*Request: GET /cars\?project=_id&sort=_id&limit=50\n\s*Estimated Requests: 11\b}s,
    'EXPLAIN shows it');
like(plan_of('SELECT count(*) FROM crm.cars', 'ANALYZE, COSTS off, VERBOSE', $new), qr/Output: \(count\(\*\)\).*Requests: 12\n\s*Documents: \d+\n\s*Bytes: \d+/s,
    'and what it cost');
$dbh->do('ANALYZE crm.cars');
costs('SELECT count(*) FROM crm.cars', 5000, 2);
like(plan_of('SELECT count(*) FROM crm.cars'), qr/Estimated Requests: 4\b/, 'what ANALYZE counted is where the search begins');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_) } } 1 .. 70 ]);
costs('SELECT count(*) FROM crm.cars', 5070, 6);
$sandbox->delete("/_sandbox/documents/cars/" . sprintf('%024x', $_)) for 1 .. 10;
costs('SELECT count(*) FROM crm.cars', 5060, 6);

# In whatever it stands
costs('SELECT count(*) > 0 FROM crm.cars', 1, 6);
costs('SELECT count(*) * 2 + count(*) FROM crm.cars', 15180, 6);
costs("SELECT 'there are ' || count(*) || ' cars' FROM crm.cars", 'there are 5060 cars', 6);
costs('SELECT (SELECT count(*) FROM crm.notes) + (SELECT count(*) FROM crm.cars)', 5090, 7);
costs('SELECT sum(n) FROM (SELECT count(*) AS n FROM crm.notes UNION ALL SELECT count(*) FROM crm.cars) c', 5090, 7);
costs('SELECT sum(c.n) FROM generate_series(1, 5) g, LATERAL (SELECT count(*) + g AS n FROM crm.notes) c', 165, 1);
costs('SELECT string_agg(c.n::text, $$ $$) FROM generate_series(1, 3) g, LATERAL (SELECT count(*) AS n FROM crm.notes OFFSET g - g) c', '30 30 30', 1);
costs('SELECT count(*) FROM crm.notes ORDER BY 1 LIMIT 1', 30, 1);
costs('SELECT count(*) FROM crm.cars WHERE 1 = 2', 0, 0);
$dbh->do('PREPARE counted AS SELECT count(*) FROM crm.notes');
costs('EXECUTE counted', 30, 1) for 1 .. 7;

# By ids where something else is asked
my ($make, $count) = $dbh->selectrow_array('SELECT make, count(*) FROM (SELECT make FROM crm.cars WHERE make IS NOT NULL OFFSET 0) c GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1');
costs("SELECT count(*) FROM crm.cars WHERE make = '$make'", $count, pages($count) + 3);
unlike(plan_of($_), qr/WalcuCount/, "not for $_")
  for "SELECT count(*) FROM crm.cars WHERE make = 'SEAT'", 'SELECT count(*) FROM crm.cars GROUP BY make', 'SELECT count(*), max(make) FROM crm.cars',
  'SELECT count(*) FROM crm.notes HAVING count(*) > 1', 'SELECT count(make) FROM crm.cars', "SELECT count(*) FILTER (WHERE make = 'x') FROM crm.cars",
  'SELECT count(*) FROM crm.cars, crm.notes', 'SELECT count(*) FROM (SELECT FROM crm.cars LIMIT 10) c', 'SELECT count(DISTINCT make) FROM crm.cars',
  'SELECT count(*) FROM crm.cars WHERE now() > $$2000-01-01$$';
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'pages')");
costs('SELECT count(*) FROM crm.cars', 5060, 102);
unlike(plan_of('SELECT count(*) FROM crm.cars'), qr/WalcuCount/, 'a way to read that is asked for is taken');
$dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
$dbh->do('SET walcu_fdw.enable_pushdown = off');
unlike(plan_of('SELECT count(*) FROM crm.cars'), qr/WalcuCount/, 'and nothing is pushed down if that is off');
$dbh->do('RESET walcu_fdw.enable_pushdown');

# Parents count their children, too
$dbh->do('CREATE TABLE stock (_id text COLLATE "C"); CREATE FOREIGN TABLE stock_crm (_id text COLLATE "C") INHERITS (stock) SERVER crm OPTIONS (resource $$notes$$)');
$dbh->do("INSERT INTO stock VALUES ('a'), ('b')");
is($dbh->selectrow_array('SELECT count(*) FROM stock'), 32, 'a parent with a foreign child');
$dbh->do('CREATE TABLE stock_own () INHERITS (stock_crm)');
$dbh->do("INSERT INTO stock_own VALUES ('c')");
is($dbh->selectrow_array('SELECT count(*) FROM stock_crm'), 31, 'a foreign parent');
is($dbh->selectrow_array('SELECT count(*) FROM ONLY stock_crm'), 30, 'and that alone');

# A view is read with its owner's credentials
$dbh->do('CREATE VIEW how_many AS SELECT count(*) AS n FROM crm.notes; CREATE ROLE guest LOGIN; GRANT SELECT ON how_many TO guest; GRANT USAGE ON SCHEMA crm TO guest');
my $guest = connect_db($node, user => 'guest');
is($guest->selectrow_array('SELECT n FROM how_many'), 30, "a view uses its owner's credentials");
is(sql_error($guest, 'SELECT count(*) FROM crm.notes')->{sqlstate}, '42501', 'others may not count');
$dbh->do('GRANT SELECT ON crm.notes TO guest');
is(sql_error($guest, 'SELECT count(*) FROM crm.notes')->{sqlstate}, '42704', 'without a user mapping there is no count');

# Documents that come and go meanwhile
$sandbox->fault({ match => { resource => 'cars', kind => 'list' }, fault => { type => 'mutate', random => { resource => 'cars', insert => 3, delete => 3, seed => 5 } } });
my $n = $dbh->selectrow_array('SELECT count(*) FROM crm.cars');
cmp_ok(abs($n - 5060), '<=', 60, "a count amid changes: $n");
$sandbox->clear_faults;

# What breaks is tried again, and what does not come right is an error
$sandbox->reset(counts => { cars => 5000, notes => 30 });
$sandbox->fault({ match => { kind => 'list' }, skip => 1, times => 2, fault => { type => 'truncate' } });
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), 5000, 'replies that break');
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', skip => JSON::PP::true } });
is(sql_error($dbh, 'SELECT count(*) FROM crm.cars')->{sqlstate}, '08P01', 'an offset that is ignored');
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'list', query => { skip => '.' } }, fault => { type => 'hang' } });
$dbh->do(q{SET statement_timeout = '300ms'});
is(sql_error($dbh, 'SELECT count(*) FROM crm.cars')->{sqlstate}, '57014', 'it can be cancelled');
$dbh->do('RESET statement_timeout');
$sandbox->clear_faults;

# Whether there is one
costs('SELECT EXISTS (SELECT FROM crm.cars)', 1, 1);
costs("SELECT EXISTS (SELECT FROM crm.cars WHERE make = '$make')", 1, 1);
costs("SELECT EXISTS (SELECT FROM crm.cars WHERE make = 'no such make')", 0, 1);
costs('SELECT 1 WHERE NOT EXISTS (SELECT FROM crm.cars)', undef, 1);

# min and max
my ($low, $high) = $dbh->selectrow_array('SELECT min(created_at), max(created_at) FROM (SELECT created_at FROM crm.cars OFFSET 0) c');
costs('SELECT min(created_at) FROM crm.cars', $low, 2);    # one of them asks whether the service sorts
costs('SELECT max(created_at) FROM crm.cars', $high, 1);
costs('SELECT max(created_at) - min(created_at) >= interval $$1 day$$ FROM crm.cars', 1, 2);
costs("SELECT max(created_at) IS NOT NULL FROM crm.cars WHERE make = '$make'", 1, 1);
costs('SELECT max(_id) = min(_id) FROM crm.cars', 0, 2);
like(plan_of('SELECT max(created_at) FROM crm.cars'), qr/InitPlan.*Limit.*Foreign Scan.*sort=-created_at _id&limit=1\n/s, 'PostgreSQL makes a limit of it');

done_testing();

# A query that returns one value, and the requests that it may cost.
sub costs
{
    my ($sql, $value, $most) = @_;
    $sandbox->clear_log;
    my ($got) = $dbh->selectrow_array($sql);
    my @requests = $sandbox->log;
    is($got, $value, $sql);
    cmp_ok(scalar(@requests), '<=', $most, @requests . ' requests');
    return;
}

sub pages
{
    my ($documents) = @_;
    return int(($documents + 49) / 50);
}

sub plan_of
{
    my ($sql, $how, $session) = @_;
    return join "\n", @{ ($session // $dbh)->selectcol_arrayref('EXPLAIN ' . ($how ? "($how) " : '') . $sql) };
}
