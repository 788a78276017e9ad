# max_connections holds for sockets, not only for requests under way: so many are open at most, at any moment,
# and every method uses them again.  A scan that waits for its reader keeps its own and is in nobody's way.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;
use WalcuTest::Backend;

my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { tasks => 700, cars => 400, notes => 400 }, tls => 1);
my $node = start_node('main', log_min_messages => 'warning');
my %server = (max_connections => 3, max_retry_wait => '1ms', on_type_mismatch => 'null',
    results_hosts => join ',', map { s{^https?://}{}r } $sandbox->results_endpoint, $sandbox->tls_results_endpoint);
setup_crm($node, $sandbox, limit_to => [qw(tasks cars notes)], server => \%server);
my $dbh = connect_db($node);
my @ids = map { $_->{_id} } $sandbox->dump('tasks');

for my $row (
    [ 'an INSERT of many rows', q{INSERT INTO crm.tasks (description) SELECT 'task ' || i FROM generate_series(1, 60) i}, 'POST', 60 ],
    [ 'INSERTs of one row', sub { $dbh->do(q{INSERT INTO crm.tasks (description) VALUES ('one')}) for 1 .. 30 }, 'POST', 30 ],
    [ 'an UPDATE by ids', q{UPDATE crm.tasks SET description = 'x' WHERE _id = ANY(IDS)}, 'PATCH', 60 ],
    [ 'a DELETE by ids', q{DELETE FROM crm.tasks WHERE _id = ANY(IDS)}, 'DELETE', 60 ],
    [ 'a DELETE by a condition', q{DELETE FROM crm.tasks WHERE description LIKE 'task%'}, 'DELETE', 60 ],
    [ 'DELETEs of one row', sub { $dbh->do("DELETE FROM crm.tasks WHERE _id = '$_'") for splice @ids, 0, 30 }, 'DELETE', 30 ],
    [ 'single calls', sub { $dbh->do("SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/$_')") for splice @ids, 0, 30 }, 'DELETE', 30 ],
    [ 'calls that replace', sub { $dbh->do("SELECT walcu_fdw_request('crm', 'PUT', '/tasks/$_', body => '{}')") for @ids[ 0 .. 29 ] }, 'PUT', 30 ],
    [ 'scans of two tables', 'SELECT a.make FROM crm.cars a FULL JOIN crm.notes b ON a.make = b._id', 'GET', 16 ],
  )
{
    my ($name, $statement, $method, $requests) = @$row;
    $dbh->do('SELECT walcu_fdw_disconnect_all()');
    $sandbox->clear_log;
    $statement =~ s/IDS/"'{" . join(',', splice @ids, 0, 60) . "}'"/e unless ref $statement;
    my $most = ref $statement ? do { $statement->(); sockets() } : most_sockets_during($statement);
    cmp_ok($most, '<=', 3, "$name: as many sockets as max_connections at most");
    my @log = $sandbox->log(method => $method);
    cmp_ok(scalar @log, '>=', $requests, "and $requests calls");
    my %used = map { $_->{connection} => 1 } @log;
    cmp_ok(scalar keys %used, '<=', 6, 'which use them again');
}

# The results of jobs are on another host
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'job')");
cmp_ok(most_sockets_during('SELECT count(a.make), count(b._id) FROM crm.cars a FULL JOIN crm.notes b ON a.make = b._id'), '<=', 3, 'jobs');
$dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');

# One connection is enough for any statement: a scan that nobody reads now does not keep others from theirs
$dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '1', SET max_retry_wait '1ms', ADD fetch_mode 'pages', ADD fetch_size '1000')");
$sandbox->settings(page_cap => 1000);
my $long = 'x' x 20_000;
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => "m$_", custom => { long => $long } } } 1 .. 300 ]);
$dbh->do("SET statement_timeout = '60s'");
$dbh->begin_work;
$dbh->do('DECLARE c NO SCROLL CURSOR FOR SELECT * FROM crm.cars');
$dbh->do('FETCH 1 FROM c');
is($dbh->selectrow_array('SELECT count(*) FROM crm.notes WHERE _id IS NOT NULL'), $sandbox->dump_lines('notes'),
    'another scan beside one that waits for its reader');
cmp_ok(sockets(), '<=', 2, 'which keeps its socket meanwhile');
is(scalar @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') }, $sandbox->dump_lines('cars') - 1, 'and then goes on');
$dbh->commit;
$dbh->do('SELECT count(*) FROM crm.notes WHERE _id IS NOT NULL');
cmp_ok(sockets(), '<=', 1, 'afterwards there is one again');

# HTTP/2 needs one for all
$dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '4', SET endpoint '@{[ $sandbox->tls_endpoint ]}', ADD ca_file '@{[ $sandbox->ca_file ]}')");
@ids = map { $_->{_id} } $sandbox->dump('notes');
for my $sql (
    q{INSERT INTO crm.tasks (description) SELECT 'task ' || i FROM generate_series(1, 50) i},
    "DELETE FROM crm.notes WHERE _id = ANY('{" . join(',', @ids[ 0 .. 99 ]) . "}')",
  )
{
    $sandbox->clear_log;
    my ($name) = $sql =~ /^(\w+)/;
    $dbh->do('SELECT count(*) FROM crm.notes');
    cmp_ok(most_sockets_during($sql), '<=', 1, "$name over HTTP/2");
}

done_testing();

sub sockets
{
    return WalcuTest::Backend->new($dbh)->sockets;
}

# The most that are open while a statement runs, and after it.
sub most_sockets_during
{
    my ($sql) = @_;
    my $rule = $sandbox->fault({ match => {}, fault => { type => 'latency', ms => 2 } });
    my $running = $dbh->prepare($sql, { pg_async => PG_ASYNC });
    $running->execute;
    my $most = 0;
    until ($running->pg_ready)
    {
        my $now = sockets();
        $most = $now if $now > $most;
        select undef, undef, undef, 0.005;
    }
    $running->pg_result;
    $running->finish;
    $sandbox->delete("/_sandbox/faults/$rule");
    my $now = sockets();
    return $now > $most ? $now : $most;
}
