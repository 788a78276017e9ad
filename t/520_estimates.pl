# use_remote_estimate: the planner asks the service how many documents match, seldom and in few requests.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

my $sandbox = WalcuTest::Sandbox->start(scale => 400, count => { cars => 5000 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(cars tasks)]);
my $dbh = connect_db($node);

# Off, nothing is asked
is_deeply([ connect_and_ask('SELECT * FROM crm.cars') ], [ 1000, 0 ], 'without it nothing is asked');
my %makes = map { $_->[0] => $_->[1] } @{ $dbh->selectall_arrayref(q{
    SELECT make, count(*) FROM (SELECT make FROM crm.cars OFFSET 0) c WHERE make IS NOT NULL GROUP BY 1 ORDER BY 2 DESC}) };
my ($make) = sort { $makes{$b} <=> $makes{$a} || $a cmp $b } keys %makes;
note("$makes{$make} of 5000 cars are of $make");
is_deeply([ asked('SELECT * FROM crm.cars') ], [ 5000, 0 ], 'nor where the session has read all of them');

# On, the service tells, and is not asked again for a while
$dbh->do("ALTER SERVER crm OPTIONS (ADD use_remote_estimate 'true')");
my ($rows, $requests) = asked('SELECT * FROM crm.cars');
near($rows, 5000, 'all documents');
cmp_ok($requests, '<=', 9, "$requests requests");
is((asked('SELECT * FROM crm.cars'))[1], 0, 'the number is kept');
is((asked('SELECT make FROM crm.cars ORDER BY make LIMIT 3'))[1], 0, 'also for another query of the same documents');
($rows, $requests) = asked("SELECT * FROM crm.cars WHERE make = '$make'");
near($rows, $makes{$make}, 'documents of a make');
cmp_ok($requests, '<=', 9, "$requests requests");
my @sent = $sandbox->log;
is_deeply([ map { $_->{query}{project} } @sent ], [ ('_id') x @sent ], 'for ids');
is_deeply($sent[0]{query}{q}, { make => $make }, 'with the filter');
unlike(plan_of('SELECT * FROM crm.cars'), qr/Assumed/, 'nothing is assumed');

# Values that are known, and others
($rows, $requests) = asked(q{SELECT * FROM crm.cars WHERE make = 'no such make'});
is_deeply([ $rows, $requests ], [ 1, 1 ], 'one page tells that there are none');
($rows) = asked("SELECT * FROM crm.cars WHERE created_at > now() - interval '100 years' AND make = upper(lower('$make'))");
near($rows, $makes{$make}, 'stable expressions have a value');
($rows) = asked("SELECT * FROM crm.cars WHERE make = '$make' AND length(model) > 2");
cmp_ok(abs($rows - $makes{$make} / 3), '<', 40, 'of what stays local statistics tell');
($rows) = asked("SELECT * FROM crm.cars WHERE make = (SELECT '$make' LIMIT 1 OFFSET 0)");
cmp_ok($rows, '<', 100, 'so they do of what only the execution knows');
$dbh->do('SET plan_cache_mode = force_custom_plan; PREPARE by_make AS SELECT * FROM crm.cars WHERE make = $1');
($rows) = asked("EXECUTE by_make('$make')");
near($rows, $makes{$make}, 'a custom plan knows its parameters');
is((asked("SELECT * FROM crm.cars WHERE _id = 'x'"))[1], 0, 'for one document nothing is asked');
is((asked('SELECT * FROM crm.cars WHERE make = NULL'))[1], 0, 'nor for none');
is((asked('SELECT * FROM crm.cars WHERE make IN (' . join(', ', map { "'make number $_'" } 1 .. 500) . ')'))[1], 0,
    'nor for what needs several requests');

# It is the plan that becomes better
$dbh->do('CREATE TABLE wanted AS SELECT make, model FROM crm.cars LIMIT 10; ANALYZE wanted');
like(plan_of("SELECT * FROM crm.cars a JOIN crm.tasks t ON t._id = a.custom::text WHERE a.make = 'no such make'"),
    qr/Nested Loop.*document by id/s, 'an outer side that is empty makes a nested loop');

# Changed servers are asked anew, as are other users
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '40')");
cmp_ok((asked('SELECT * FROM crm.cars'))[1], '>', 0, 'a changed server is asked anew');
is((asked('SELECT * FROM crm.cars'))[1], 0, 'once');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'wrong')");
is(sql_error($dbh, 'EXPLAIN SELECT * FROM crm.cars')->{sqlstate}, '28000', 'another credential is another question');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'sandbox-secret')");

# ANALYZE's number is where the search begins
$dbh->do('ANALYZE crm.cars');
is((asked('SELECT * FROM crm.cars'))[1], 0, 'what ANALYZE counted is kept, too');
($rows, $requests) = map { connect_and_ask($_) } 'SELECT * FROM crm.cars';
near($rows, 5000, 'another session');
cmp_ok($requests, '<=', 2, "finds it in $requests requests");

# A filter that the service does not take is asked for without the part of it that may be to blame
$sandbox->fault({ match => { query => { q => 'custom' } }, fault => { type => 'status', status => 400, error => 'no' } });
($rows) = asked("SELECT * FROM crm.cars WHERE custom->'x' = '1' AND make = '$make'");
near($rows, $makes{$make}, 'a filter that is refused');
$sandbox->clear_faults;

# The table's word wins
$dbh->do("ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD use_remote_estimate 'false')");
is((asked('SELECT * FROM crm.tasks'))[1], 0, 'off for a table');

done_testing();

# The rows that are expected of a query, and the requests that its EXPLAIN sends.
sub asked
{
    my ($sql, $session) = @_;
    $sandbox->clear_log;
    my ($rows) = plan_of($sql, $session) =~ /Foreign Scan.* rows=(\d+)/;
    return ($rows, scalar(my @requests = $sandbox->log));
}

sub connect_and_ask
{
    my ($sql) = @_;
    my $session = connect_db($node);
    return asked($sql, $session);
}

sub near
{
    my ($rows, $wanted, $name) = @_;
    cmp_ok(abs($rows - $wanted), '<=', 0.11 * $wanted, "$name: $rows");
    return;
}

sub plan_of
{
    my ($sql, $session) = @_;
    return join "\n", @{ ($session // $dbh)->selectcol_arrayref("EXPLAIN $sql") };
}
