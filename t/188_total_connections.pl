# max_connections_total: all sessions together have so many connections open to a server at most, at any moment, without preloading.
# Who waits for one can be cancelled, those of a session that ends are free again, and nobody waits for who waits for him.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { tasks => 0, cars => 300, notes => 300 });
my $node = start_node('main', log_min_messages => 'warning');
my %server = (max_connections => 4, max_connections_total => 3, fetch_size => 10, on_type_mismatch => 'null');
setup_crm($node, $sandbox, limit_to => [qw(tasks cars notes)], server => \%server);
setup_crm($node, $sandbox, limit_to => [qw(cars notes)], server => \%server, name => 'other');
my @sessions = map { connect_db($node) } 1 .. 8;
$_->do("SET statement_timeout = '60s'") for @sessions;
my $count = 'SELECT count(make) FROM crm.cars';
my $dbh = $sessions[0];
my $rows = $dbh->selectrow_array($count);

# Eight sessions, of four connections each
is($dbh->selectrow_array('SHOW shared_preload_libraries'), '', 'nothing is preloaded');
$sandbox->fault({ match => {}, fault => { type => 'hold' } });
$sandbox->clear_log;
$_->do($count, { pg_async => 1 }) for @sessions;
wait_until(sub { $sandbox->request_count >= 3 });
select undef, undef, undef, 0.3;
is($sandbox->request_count, 3, 'eight sessions have three requests under way');
is(open_connections(), 3, 'over three connections');
is(waiting_sessions(), 8, 'and all wait') if $dbh->{pg_server_version} < 170000;

# Who waits is cancelled at once, and holds nothing; who has one and is cancelled, or ends, gives it back
my $other = connect_db($node);
for my $session (@sessions)
{
    $other->do("SELECT pg_cancel_backend($session->{pg_pid})");
    eval { $session->pg_result };
    is($session->state, '57014', 'a session is cancelled');
}
$sandbox->clear_faults;
is($_->selectrow_array($count), $rows, 'and works') for @sessions;
cmp_ok(open_connections(), '<=', 3, 'with no more connections');

$_->do('SELECT walcu_fdw_disconnect_all()') for @sessions;
$sandbox->fault({ match => {}, fault => { type => 'hold' } });
$sandbox->clear_log;
my @doomed = map { connect_db($node) } 1 .. 3;
$_->do($count, { pg_async => 1 }) for @doomed;
wait_until(sub { $sandbox->request_count >= 3 });
$dbh->do($count, { pg_async => 1 });
select undef, undef, undef, 0.2;
is($sandbox->request_count, 3, 'another session waits');
$other->do("SELECT pg_terminate_backend($_->{pg_pid})") for @doomed;
wait_until(sub { $sandbox->request_count >= 4 });
$sandbox->clear_faults;
is($dbh->pg_result, 1, 'until those that have them are ended');
wait_until(sub { open_connections() <= 3 });

# An error gives them back
$sandbox->fault({ match => {}, fault => { type => 'status', status => 403 } });
is(sql_error($_, $count)->{sqlstate}, '42501', 'errors') for @sessions;
$sandbox->clear_faults;

# Sessions at work, reading and writing: never more than there may be
$sandbox->fault({ match => {}, fault => { type => 'latency', ms => 5 } });
$_->do(q{WITH w AS (INSERT INTO crm.tasks (description) SELECT 'x' || i FROM generate_series(1, 20) i RETURNING 1)
         SELECT (SELECT count(*) FROM w), (SELECT count(make) FROM crm.cars)}, { pg_async => 1 }) for @sessions;
my $most = 0;
my @busy = @sessions;
while (@busy)
{
    my $open = open_connections();
    $most = $open if $open > $most;
    @busy = grep { !$_->pg_ready } @busy;
}
is(scalar(grep { $_->pg_result == 1 } @sessions), 8, 'eight sessions read and write');
cmp_ok($most, '<=', 3, "over three connections at most ($most)");
is($sandbox->dump_lines('tasks'), 160, 'and every row is written once');
$sandbox->clear_faults;

# One connection in all is enough for a session that has a scan open and wants another, on one server or on two
$dbh->do("ALTER SERVER $_ OPTIONS (SET max_connections_total '1', SET fetch_size '1000', ADD fetch_mode 'pages')") for qw(crm other);
# an idle session hears of it with its next statement
$_->do('SELECT walcu_fdw_disconnect_all()') for @sessions;
$sandbox->settings(page_cap => 1000);
my $long = 'x' x 20_000;
for my $resource (qw(cars notes))
{
    $sandbox->post("/_sandbox/documents/$resource", [ map { { _id => sprintf('%024x', $_), custom => { long => $long } } } 1 .. 300 ]);
}
for my $want (qw(crm other))
{
    my @pair = @sessions[ 0, 1 ];
    # each has one open, and wants one: on the same server, or where the other session has it
    $pair[$_]->do(read_beside($_ ? ('other', $want eq 'crm' ? 'other' : 'crm') : ('crm', $want)), { pg_async => 1 }) for 0, 1;
    wait_until(sub { !grep { !$_->pg_ready } @pair });
    ok(eval { $_->pg_result; 1 }, "a scan of $want beside one that waits for its reader") or diag $_->errstr for @pair;
    cmp_ok(open_connections(), '<=', 2, 'with a connection to each server');
}

# Who is idle keeps none that others may want
is($_->selectrow_array('SELECT count(_id) FROM crm.notes'), 600, 'one session after the other, with one connection') for @sessions;

# So is who has a cursor open: what was asked for ahead is taken in before the session may be idle
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '5')");
for my $query (
    'SELECT _id FROM crm.notes ORDER BY _id',
    'SELECT _id FROM crm.notes LIMIT 500',
    'SELECT _id FROM crm.notes UNION ALL SELECT _id FROM crm.cars',
  )
{
    my ($idle, $other) = @sessions;
    $_->do("SET statement_timeout = '10s'") for $other;
    $idle->begin_work;
    $idle->do("DECLARE c CURSOR FOR $query");
    my $rows = $idle->do('FETCH 3 FROM c');
    is(eval { $other->selectrow_array('SELECT count(_id) FROM crm.notes') }, 600, "with an idle cursor of another session: $query");
    $rows += $idle->do('FETCH ALL FROM c');
    is($rows, eval { $other->selectrow_array("SELECT count(*) FROM ($query) q") }, 'which goes on, and stays open at its end');
    $idle->commit;
}

done_testing();

# Begins to read from one server, reads from another, and reads the rest.
sub read_beside
{
    my ($one, $other) = @_;
    return "DO \$\$
        DECLARE
            c NO SCROLL CURSOR FOR SELECT _id FROM $one.cars WHERE custom IS NOT NULL;
            id text;
        BEGIN
            OPEN c;
            FETCH c INTO id;
            ASSERT (SELECT count(custom) FROM $other.notes) >= 300;
            MOVE FORWARD ALL IN c;
        END \$\$";
}

# Those of the sessions: the asker's own is not counted.
sub open_connections
{
    return scalar grep { $_->{requests} > 0 } $sandbox->connections(listener => 'api');
}

sub waiting_sessions
{
    return $dbh->{pg_server_version} && connect_db($node)->selectrow_array(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND backend_type = 'client backend'");
}
