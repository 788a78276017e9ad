# Connections: how long they live, who closes them, and what the functions say of them;
# limits on what comes through them.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120 });
my $node = start_node();
setup_crm($node, $sandbox,
    server => { fetch_size => 10, max_connections => 1, on_type_mismatch => 'null', max_retry_wait => '1ms',
        results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r },
    limit_to => ['cars']);
my $dbh = connect_db($node);
my $other = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $scan = 'SELECT _id FROM crm.cars ORDER BY _id';
my $expected = join ' ', sort map { $_->{_id} } $sandbox->dump('cars');

# Kept across statements and transactions
is_deeply($dbh->selectall_arrayref('SELECT * FROM walcu_fdw_get_connections()'), [], 'no connection before the first request');
my $kept = connection_of($scan);
is(connection_of($scan), $kept, 'the next statement uses it again');
is_deeply($dbh->selectall_arrayref('SELECT * FROM walcu_fdw_get_connections()'), [ [ 'crm', 1, 0 ] ], 'it is shown');

# Closed by hand
is($dbh->selectrow_array(q{SELECT walcu_fdw_disconnect('crm')}), 1, 'disconnect closes it');
is_deeply($dbh->selectall_arrayref('SELECT * FROM walcu_fdw_get_connections()'), [], 'and it is gone');
is($dbh->selectrow_array(q{SELECT walcu_fdw_disconnect('crm')}), 0, 'there is nothing more to close');
is(sql_error($dbh, q{SELECT walcu_fdw_disconnect('nowhere')})->{sqlstate}, '42704', 'a server that does not exist');
my $next = connection_of($scan);
isnt($next, $kept, 'the next request has a new connection');
is($dbh->selectrow_array('SELECT walcu_fdw_disconnect_all()'), 1, 'all are closed');
is($dbh->selectrow_array('SELECT walcu_fdw_disconnect_all()'), 0, 'once');

# In use by a cursor
$dbh->begin_work;
$dbh->do("DECLARE c CURSOR FOR $scan");
$dbh->do('FETCH 3 FROM c');
is_deeply($dbh->selectall_arrayref('SELECT * FROM walcu_fdw_get_connections()'), [ [ 'crm', 1, 1 ] ], 'a connection in use');
is($dbh->selectrow_array(q{SELECT walcu_fdw_disconnect('crm')}), 0, 'is not closed');
$dbh->do('SET LOCAL client_min_messages = warning');
my @messages = sql_messages($dbh, q{SELECT walcu_fdw_disconnect_all()});
like("@messages", qr/in use/, 'and a warning says so');
is(join(' ', sort @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') }, (split / /, $expected)[ 0 .. 2 ]), $expected, 'the cursor goes on');
$dbh->commit;

# A change of the server or of credentials
for my $change ("ALTER SERVER crm OPTIONS (SET fetch_size '20')", "ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'sandbox-secret')")
{
    my $before = connection_of($scan);
    $other->do($change);
    isnt(connection_of($scan), $before, "a new connection after $change");
}
$other->do('CREATE SERVER twin FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id }));
$other->do('CREATE USER MAPPING FOR CURRENT_USER SERVER twin ' . options_sql(WalcuTest::Sandbox::CREDENTIALS));
$dbh->do(q{SELECT walcu_fdw_request('twin', 'GET', '/cars')});
$other->do('DROP SERVER twin CASCADE');
is_deeply($dbh->selectall_arrayref('SELECT * FROM walcu_fdw_get_connections() WHERE server_name IS NULL'), [ [ undef, 0, 0 ] ],
    'a dropped server has no name');

# Not kept
$dbh->do("ALTER SERVER crm OPTIONS (ADD keep_connections 'false')");
connection_of($scan);
is_deeply($dbh->selectall_arrayref("SELECT * FROM walcu_fdw_get_connections() WHERE server_name = 'crm'"), [], 'closed at the end of the transaction');
$dbh->begin_work;
my $within = connection_of($scan);
is(connection_of($scan), $within, 'not before');
$dbh->commit;
isnt(connection_of($scan), $within, 'and the next has a new one');
$dbh->begin_work;
$dbh->do("DECLARE c CURSOR FOR $scan");
$dbh->do('FETCH 3 FROM c');
$dbh->rollback;
is_deeply($dbh->selectall_arrayref("SELECT * FROM walcu_fdw_get_connections() WHERE server_name = 'crm'"), [], 'nor with a cursor that goes with ROLLBACK');
$dbh->do('ALTER SERVER crm OPTIONS (DROP keep_connections)');

# No more requests at once than allowed, over two scans of one statement
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'latency', ms => 30 } });
for my $most (1, 2, 5)
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '$most')");
    $dbh->do('SELECT walcu_fdw_disconnect_all()');
    $sandbox->clear_log;
    $dbh->do('SELECT a.make FROM crm.cars a FULL JOIN crm.cars b ON a.make = b.make');
    my %seen = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
    cmp_ok(scalar keys %seen, '<=', $most, "max_connections $most: as many connections at most");
}
$sandbox->clear_faults;

# Limits
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_reply_size '2kB')");
for my $mode (qw(pages parallel job))
{
    $dbh->do("ALTER SERVER crm OPTIONS (@{[ $mode eq 'pages' ? 'ADD' : 'SET' ]} fetch_mode '$mode')");
    my $error = sql_error($dbh, 'SELECT * FROM crm.cars');
    is($error->{sqlstate}, '54000', "$mode: a reply that is too long");
    like($error->{hint}, qr/max_reply_size/, 'the hint names the option');
}
is(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'GET', '/cars')})->{sqlstate}, '54000', 'a single call');
$dbh->do('ALTER SERVER crm OPTIONS (DROP max_reply_size, DROP fetch_mode)');
$sandbox->fault({ match => { kind => 'list' },
    fault => { type => 'reply', body => '[]', headers => { 'content-type' => 'application/json', map { ("x-pad-$_" => 'x' x 10000) } 1 .. 30 } } });
is(sql_error($dbh, $scan)->{sqlstate}, '54000', 'a head that is too long');
$sandbox->clear_faults;
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_requests '5')");
is(sql_error($dbh, 'SELECT _id FROM crm.cars')->{sqlstate}, '53400', 'more requests than a statement may have');
$sandbox->fault({ match => { kind => 'get' }, fault => { type => 'status', status => 503 } });
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '20')");
$sandbox->clear_log;
is(sql_error($dbh, q{SELECT _id FROM crm.cars WHERE _id = 'x'})->{sqlstate}, '53400', 'retries are requests, too');
is($sandbox->request_count, 5, 'and count');
$sandbox->clear_faults;

done_testing();

# Run a statement that has its requests on one connection: which it was.
sub connection_of
{
    my ($sql) = @_;
    $sandbox->clear_log;
    is(join(' ', sort @{ $dbh->selectcol_arrayref($sql) }), $expected, 'the rows are right');
    my %seen = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
    is(scalar keys %seen, 1, 'one connection is used');
    return (keys %seen)[0];
}
