# Expressions are compiled for what the processor has to do, not for what a plan waits for: PostgreSQL's thresholds are compared
# with the cost that is left without the service's.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 20, clients => 20 });
my $node = start_node('main', jit => 'on', max_parallel_workers_per_gather => 0);
setup_crm($node, $sandbox, limit_to => [ 'cars', 'clients' ]);
my $dbh = connect_db($node);
plan skip_all => 'needs a PostgreSQL that compiles' unless $dbh->selectrow_array('SELECT pg_jit_available()');

$dbh->do('CREATE TABLE local AS SELECT i, i::text AS t FROM generate_series(1, 100000) i; ANALYZE local');
$dbh->do('CREATE FUNCTION many() RETURNS bigint LANGUAGE sql AS $$ SELECT count(make) FROM crm.cars $$');
$dbh->do("SET jit_above_cost = 1000");
my $cars = 'SELECT count(make || model) FROM crm.cars';
my $expected = grep { defined $_->{make} && defined $_->{model} } $sandbox->dump('cars');
my $work = 'SELECT count(i + 1) FROM local';

for my $row (
    [ 'a scan', $cars, 0 ],
    [ 'what is local', $work, 1 ],
    [ 'scans below Append', join(' UNION ALL ', ($cars) x 20), 0 ],
    [ 'scans below MergeAppend', "(SELECT _id FROM crm.cars ORDER BY _id) UNION ALL (SELECT _id FROM crm.clients ORDER BY _id) ORDER BY 1 LIMIT 3", 0 ],
    [ 'a join of scans', 'SELECT count(c.make) FROM crm.cars c JOIN crm.clients d ON d._id = c.make', 0 ],
    [ 'a join by batches of keys', "SELECT count(c.make) FROM (VALUES ('a'), ('b')) v (id) JOIN crm.cars c ON c._id = v.id", 0 ],
    [ 'the same with a local side that is work', 'SELECT count(c.make) FROM local l JOIN crm.cars c ON c._id = l.t', 1 ],
    [ 'a subquery for each of some rows', "SELECT (SELECT count(make) FROM crm.cars c WHERE c.model = v.id) FROM (VALUES ('a'), ('b')) v (id)", 0 ],
    [ 'a subquery for each of many rows', 'SELECT (SELECT count(make) FROM crm.cars c WHERE c.model = l.t) FROM local l WHERE i > 3', 1 ],
    [ 'an InitPlan', "SELECT ($cars) + 1", 0 ],
    [ 'a WITH', "WITH c AS MATERIALIZED (SELECT make FROM crm.cars) SELECT count(make) FROM c", 0 ],
    [ 'a subquery that is a table', "SELECT max(n) FROM (SELECT count(make) n FROM crm.cars GROUP BY model OFFSET 0) s", 0 ],
    [ 'what is local beside a scan', "($cars) UNION ALL ($work)", 1 ],
    [ 'what is local joined with a scan', 'SELECT count(l.i + 1) FROM local l JOIN crm.cars c ON length(c.make) = l.i', 1 ],
    [ 'a write', "UPDATE crm.cars SET make = upper(make) WHERE mileage > 1000", 0 ],
  )
{
    my ($name, $sql, $compiled) = @$row;
    is(is_compiled($dbh, $sql), $compiled, "$name: " . ($compiled ? 'is compiled' : 'is not'));
    is(is_compiled(connect_settings(), $sql), $compiled, 'nor by the first statement of a session') unless $compiled;
}

# The plan that is kept says what it said, and what is compiled is right
$dbh->do("PREPARE kept AS $cars");
$dbh->do('SET plan_cache_mode = force_generic_plan');
is($dbh->selectrow_array('EXECUTE kept'), $expected, 'a kept plan') for 1 .. 2;
is(is_compiled($dbh, 'EXECUTE kept'), 0, 'is not compiled');
$dbh->do('SET jit_above_cost = 0');
is(is_compiled($dbh, $cars), 1, 'whoever wants all compiled has it so');
is($dbh->selectrow_array($cars), $expected, 'and the same rows');

done_testing();

sub is_compiled
{
    my ($session, $sql) = @_;
    my $plan = decode_json($session->selectrow_array("EXPLAIN (FORMAT JSON) $sql"));
    return exists $plan->[0]{JIT} ? 1 : 0;
}

sub connect_settings
{
    my $session = connect_db($node);
    $session->do('SET jit_above_cost = 1000');
    return $session;
}
