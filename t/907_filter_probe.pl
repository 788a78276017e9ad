# What the conditions of a join's table leave is asked for in one small request, where it decides how the others
# are read and no statistics tell: rows are the same, and so few requests do where a page of keys is all there is.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use WalcuTest;

my @TABLES = qw(saleleads clients offers tasks);
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { saleleads => 600, clients => 800, offers => 300, tasks => 900 });
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', fetch_mode => 'parallel', max_requests => 0 }, limit_to => \@TABLES);
my $dbh = connect_db($node);
$dbh->do($_) for 'CREATE SCHEMA copy', map { "CREATE TABLE copy.$_ AS SELECT * FROM crm.$_" } @TABLES;

my $untouched = 'SELECT l._id FROM crm.saleleads l LEFT JOIN crm.tasks t ON t.lead_id = l._id WHERE t._id IS NULL AND l.created_at > %s ORDER BY 1';
my $recent = sprintf $untouched, "'2026-06-01'";
my $all = sprintf $untouched, "'2001-01-01'";

# Few are left: a look, a page of leads, and the tasks of their ids
my $session = connect_db($node);
is(requests($session, $recent), 3, 'few rows of one side: three requests');
my @looks = looks();
is(scalar(@looks), 1, 'one of them is a look');
is_deeply([ @{ $looks[0]{query} }{qw(skip limit project)} ], [ 50, 1, '_id' ], 'for a document behind the first page');
is(requests($session, $recent), 2, 'the session remembers it');

# Many are left: what was planned before
my $without = requests($session, $all);
is(scalar(looks()), 1, 'many rows: one look');
cmp_ok($without, '>=', 20, 'and the other side is read');

# A chain of joins hangs on its first table: no size is looked at
cmp_ok(requests(connect_db($node), "SELECT c._id, l._id, o._id FROM crm.offers o JOIN crm.saleleads l ON l._id = o.lead_id JOIN crm.clients c ON c._id = l.client_id
    WHERE o.created_at > '2026-05-01' ORDER BY 1, 2, 3"), '<=', 4, 'three tables, one of which has few rows: four requests, three where their sizes are known');

# Nor is its own, once it is known that a page of it is left
$session = connect_db($node);
requests($session, 'SELECT count(*) FROM crm.saleleads');
is(requests($session, "SELECT t._id, l._id FROM crm.tasks t LEFT JOIN crm.saleleads l ON l._id = t.lead_id WHERE t.created_at > '2026-06-15' ORDER BY 1"),
    3, 'a few tasks, and their leads, which were counted: three requests');
is(scalar(looks()), 1, 'one of them is a look');

# Where keys are _ids, as many keys as are guessed cost less than the rest in any case
for my $sql ("SELECT l._id, c._id FROM crm.saleleads l JOIN crm.clients c ON c._id = l.client_id WHERE l.created_at > '2026-06-20' AND c.created_at > '2001-01-01' ORDER BY 1",
    "SELECT l._id FROM crm.saleleads l WHERE l.created_at > '2026-06-01' ORDER BY 1",
    "SELECT l._id, c._id FROM crm.saleleads l JOIN crm.tasks t ON t.lead_id = l._id JOIN crm.clients c ON c._id = l.client_id WHERE l._id = '000000000000000000000001'")
{
    requests(connect_db($node), $sql);
    is(scalar(looks()), 0, "no look for $sql");
}

# Nobody looks for EXPLAIN, for what is not known yet, for statements that write, or with statistics
$session = connect_db($node);
$sandbox->clear_log;
$session->selectall_arrayref("EXPLAIN $recent");
is($sandbox->request_count, 0, 'EXPLAIN asks nothing');
$session->do("SET plan_cache_mode = force_generic_plan; PREPARE q (timestamptz) AS " . sprintf $untouched, '$1');
requests_of($session, q{EXECUTE q ('2026-06-01')});
is(scalar(looks()), 0, 'a generic plan asks nothing');
$session->do("CREATE TEMP TABLE found (id text)");
requests_of($session, "INSERT INTO found $recent");
is(scalar(looks()), 0, 'nor does a statement that writes');
$session = connect_db($node);
$session->do('ALTER FOREIGN TABLE crm.saleleads OPTIONS (ADD use_remote_estimate \'true\')');
requests($session, $recent);
is(scalar(looks()), 0, 'nor where the service has told how many there are');
$session->do('ALTER FOREIGN TABLE crm.saleleads OPTIONS (DROP use_remote_estimate)');

# A look that fails is none
for my $fault ({ type => 'status', status => 403 }, { type => 'close', when => 'before' }, { type => 'invalid_json' })
{
    my $other = connect_db($node);
    $sandbox->fault({ match => { kind => 'list', query => { skip => '.' } }, fault => $fault });
    requests($other, $recent);
    $sandbox->clear_faults;
    pass("a look that fails: $fault->{type}");
}
$dbh->do('ANALYZE crm.saleleads, crm.tasks');
requests(connect_db($node), $recent);
is(scalar(looks()), 0, 'statistics are enough');

done_testing();

# The number of requests of a query that has the rows of the copy.
sub requests
{
    my ($session, $sql) = @_;
    my ($count, $rows) = requests_of($session, $sql);
    is_deeply($rows, $dbh->selectall_arrayref($sql =~ s/\bcrm\./copy./gr), "rows of $sql");
    return $count;
}

# The same of any statement, and its rows.
sub requests_of
{
    my ($session, $sql) = @_;
    $sandbox->clear_log;
    my $statement = $session->prepare($sql);
    $statement->execute;
    my $rows = $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : [];
    @looks = grep { ($_->{query}{skip} // 0) > 0 && $_->{query}{limit} == 1 && $_->{query}{q} } $sandbox->log(kind => 'list');
    return wantarray ? ($sandbox->request_count, $rows) : $sandbox->request_count;
}

# Requests that only ask how many documents a condition leaves.
sub looks
{
    return @looks;
}
