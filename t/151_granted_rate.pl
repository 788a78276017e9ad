# A service that answers 429: what it refuses so is waited for as long as max_retry_wait says, and not for a number of tries;
# sessions learn together what it grants, without preloading, and one session does with all its requests at once.
#
# Nothing here says that requests are fast: what is counted is requests, and what the service says of them.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;
use WalcuTest::RawServer;

my $raw = WalcuTest::RawServer->start;
my $node = start_node('main', log_min_messages => 'warning');
my $columns = '(_id text COLLATE "C", name text COLLATE "C") SERVER raw OPTIONS (resource';
$node->safe_psql('postgres', join ";\n",
    'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA t',
    'CREATE SERVER raw FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $raw->endpoint, dealer_id => WalcuTest::Sandbox::DEALER }),
    "CREATE USER MAPPING FOR CURRENT_USER SERVER raw OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE t.cars $columns 'cars', fetch_mode 'pages')", "CREATE FOREIGN TABLE t.tasks $columns 'tasks', client_ids 'false')");
my $dbh = connect_db($node);
my $scan = 'SELECT count(name) FROM t.cars';
my $insert = "INSERT INTO t.tasks (name) VALUES ('x')";
my $list = { match => '^GET \S+/cars', say => reply(200, '[{"_id": "a", "name": "x"}]', headers => ['MAPP-has-more: false']) };
my $created = { match => '^POST ', say => reply(201, '{"_id": "a", "name": "x"}') };

# By time, not by tries: max_retries is for what fails
for my $row ([ 'the defaults', 30 ], [ 'max_retries 2', 6, max_retries => 2 ])
{
    my ($name, $times, %options) = @$row;
    raw_options(%options);
    $raw->answer(refusal('/cars', $times, 'Retry-After: 0'), $list);
    is(error_of($scan), undef, "$name: a scan is refused $times times, and has its rows");
    is(scalar $raw->requests, $times + 1, 'with the next request');
    $raw->answer(refusal('/tasks', $times, 'Retry-After: 0'), $created);
    is(error_of($insert), undef, "$name: a write is refused $times times, and done");
    is_deeply([ map { $_->{method} } $raw->requests ], [ ('POST') x ($times + 1) ], 'with the next request, and nothing else is asked');
}
raw_options(max_retries => 2);
$raw->answer(refusal('/cars', 4, 'Retry-After: 0'), { match => '/cars', say => reply(503, '{}'), times => 2 }, $list);
is(error_of($scan), undef, 'what is refused does not count among the failures');
is(scalar $raw->requests, 7, 'of which there are two');
$raw->answer(refusal('/cars', 3, 'Retry-After: 0'), { match => '/cars', say => reply(503, '{}') });
is(error_of($scan)->{sqlstate}, '08006', 'those are bounded as ever');
is(scalar $raw->requests, 6, 'by max_retries');
raw_options(max_retries => 0);
$raw->answer(refusal('/cars', 1, 'Retry-After: 0'), $list);
is(error_of($scan)->{sqlstate}, '53400', 'max_retries 0 tries nothing again');
is(scalar $raw->requests, 1, 'not even this');

# The time ends
for my $row ([ 'Retry-After: 1', '3s', 4 ], [ 'Retry-After: 2', '3s', 2 ], [ 'Retry-After: 1', '999ms', 1 ], [ 'Retry-After: 86400', '1h', 1 ])
{
    my ($header, $longest, $requests) = @$row;
    for my $statement ([ '/cars', $scan ], [ '/tasks', $insert ])
    {
        my ($path, $sql) = @$statement;
        raw_options(max_retry_wait => $longest);
        $raw->answer(refusal($path, undef, $header));
        my $error = error_of($sql);
        is($error->{sqlstate}, '53400', "$header and max_retry_wait $longest: an error for $path");
        is(scalar $raw->requests, $requests, "after $requests request(s)");
        like($error->{hint}, $requests == 1 ? qr/^The service asks to wait \d+ s, more than the server option max_retry_wait allows\.$/
                : qr/raise the server option max_retry_wait: it was waited for as long as that allows\.$/, 'which says what ended it');
    }
}
raw_options(max_retry_wait => '2s');
$raw->answer(refusal('/cars', undef));
is(error_of($scan)->{sqlstate}, '53400', 'without Retry-After it ends, too');
cmp_ok(scalar $raw->requests, '<=', 8, 'after waits that grow');
cmp_ok(scalar $raw->requests, '>=', 4, 'from short ones');

# statement_timeout ends it sooner
raw_options();
for my $header ('Retry-After: 0', 'Retry-After: 20')
{
    $raw->answer(refusal('/cars', undef, $header));
    $dbh->do("SET statement_timeout = '700ms'");
    is(error_of($scan)->{sqlstate}, '57014', "$header: statement_timeout is kept");
    $dbh->do('RESET statement_timeout');
}

# Many requests of one session, and many sessions, at a service that grants 20 a second
my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 300, tasks => 0 });
setup_crm($node, $sandbox, limit_to => [qw(cars tasks)], server => { fetch_size => 5, max_connections => 8, max_retry_wait => '60s' });
$dbh->do("ALTER SERVER crm OPTIONS (DROP max_retries)");
for my $form (qw(seconds none date))
{
    limit(20, 1, $form);
    is($dbh->selectrow_array('SELECT count(_id) FROM crm.cars'), 300, "Retry-After: $form: ranges of one session have all rows");
    my ($served, $refused) = counts();
    cmp_ok($refused, '<=', $served / 2, "of $served requests few are refused ($refused)");
}
limit(20, 1, 'seconds');
$dbh->do(q{INSERT INTO crm.tasks (description) SELECT 'task ' || i FROM generate_series(1, 60) i});
is($sandbox->dump_lines('tasks'), 60, 'writes are done once each');
my ($served, $refused) = counts();
cmp_ok($refused, '<=', $served / 2, "and of $served few are refused ($refused)");

my @sessions = map { connect_db($node) } 1 .. 20;
limit(20, 1, 'seconds');
for my $round (1 .. 5)
{
    $_->do('SELECT _id FROM crm.cars LIMIT 1', { pg_async => 1 }) for @sessions;
    is(scalar(grep { $_->pg_result == 1 } @sessions), 20, "round $round: twenty sessions have their rows");
}
($served, $refused) = counts();
is($served, 100, 'each with a request');
cmp_ok($refused, '<=', 50, "few are refused, without preloading ($refused)");

# Many sessions at a server that nobody has asked for long: some begin, and the others wait for what becomes of these
$sandbox->settings(rate_limit => undef);
push @sessions, map { connect_db($node) } 1 .. 20;
$dbh->do($_) for (
    'CREATE SERVER fresh FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $sandbox->endpoint, dealer_id => WalcuTest::Sandbox::DEALER }),
    "CREATE USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    q{CREATE FOREIGN TABLE t.fresh (_id text COLLATE "C") SERVER fresh OPTIONS (resource 'cars')});
$sandbox->fault({ match => {}, fault => { type => 'hold' } });
$sandbox->clear_log;
$_->do('SELECT _id FROM t.fresh LIMIT 1', { pg_async => 1 }) for @sessions;
wait_until(sub { $dbh->selectrow_array(q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT _id FROM t.fresh' AND wait_event_type = 'Extension'}) == 40 && $sandbox->log >= 10 });
my $first = $sandbox->log;
cmp_ok($first, '>=', 10, 'forty sessions begin together: ten requests are sent at once');
cmp_ok($first, '<', 40, "and others wait ($first were sent)");
$sandbox->clear_faults;
is(scalar(grep { $_->pg_result == 1 } @sessions), 40, 'all have their rows then');
is(scalar $sandbox->log, 40, 'with a request each');

# A refusal now and then, whatever the rate is, slows nothing down: a minute's worth of requests at one a second
$dbh->do("SELECT walcu_fdw_disconnect_all()");
$sandbox->clear_log;
$sandbox->fault({ match => {}, probability => 0.04, fault => { type => 'status', status => 429, retry_after => 0 } });
$dbh->do("SET statement_timeout = '60s'");
is(error_of("SELECT sum(c.n) FROM generate_series(1, 3), LATERAL (SELECT count(*) AS n FROM (SELECT _id FROM crm.cars OFFSET 0) t OFFSET 0) c"), undef,
    'one in twenty-five is refused by chance');
cmp_ok($sandbox->request_count, '>=', 60, 'of many requests');

done_testing();

sub refusal
{
    my ($path, $times, @headers) = @_;
    return { match => $path, say => reply(429, '{}', headers => \@headers), $times ? (times => $times) : () };
}

sub raw_options
{
    my (%options) = @_;
    my $now = $dbh->selectcol_arrayref(q{SELECT split_part(unnest(srvoptions), '=', 1) FROM pg_foreign_server WHERE srvname = 'raw'});
    $dbh->do("ALTER SERVER raw OPTIONS (DROP $_)") for grep { /^max_/ } @$now;
    $dbh->do("ALTER SERVER raw OPTIONS (ADD $_ '$options{$_}')") for sort keys %options;
    return;
}

sub error_of
{
    my ($sql) = @_;
    return sql_error($dbh, $sql);
}

sub limit
{
    my ($rate, $burst, $form) = @_;
    $sandbox->settings(rate_limit => { per_second => $rate, burst => $burst, retry_after => $form });
    $sandbox->clear_log;
    return;
}

# How many requests were served, and refused.
sub counts
{
    my @log = $sandbox->log;
    my $refused = grep { $_->{status} == 429 } @log;
    return (@log - $refused, $refused);
}
