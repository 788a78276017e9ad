# What a session counts of its requests is what the service has seen; and a long scan tells
# how far it is.

use strict;
use warnings;

use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(time sleep);
use WalcuTest;

my @counters = qw(
  requests_get requests_post requests_patch requests_put requests_delete
  replies_2xx replies_3xx replies_4xx replies_5xx failures bytes
);

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 300 });
my $node = start_node();
setup_crm($node, $sandbox,
    server => { fetch_size => 10, request_timeout => '700ms', on_type_mismatch => 'null', fetch_mode => 'pages', max_retries => 0 },
    limit_to => [ 'cars', 'tasks' ]);
my $dbh = connect_db($node);
my ($id, $other_id) = map { $_->{_id} } $sandbox->dump('cars');

# Scans
my $row = counts_agree('a scan by pages', 'SELECT make FROM crm.cars', 'cars');
is($row->{documents}, 300, 'every document is counted');
$row = counts_agree('a document by id', "SELECT make FROM crm.cars WHERE _id = '$id'", 'cars');
is_deeply([ @$row{qw(requests_get replies_2xx documents)} ], [ 1, 1, 1 ], 'is one of each');
$row = counts_agree('a document that is not there', "SELECT make FROM crm.cars WHERE _id = 'none'", 'cars');
is_deeply([ @$row{qw(requests_get replies_4xx documents)} ], [ 1, 1, 0 ], 'is a request and no document');
$row = counts_agree('a scan for each row of another',
    "SELECT (SELECT make FROM crm.cars WHERE _id = v.id) FROM (VALUES ('$id'), ('none'), ('$other_id')) v(id)", 'cars');
is($row->{documents}, 2, 'is counted as a whole');
$dbh->do('SELECT walcu_fdw_stats_reset()');
$dbh->do('SELECT make FROM crm.cars LIMIT 15');
$row = stats('cars');
is($row->{documents}, 15, 'of a scan that ends early, what was taken');
is($row->{replies_2xx}, $row->{requests_get}, 'and it has left no request without its reply');
counts_agree('another resource', 'SELECT count(*) FROM crm.tasks', 'tasks');
is(stats('cars')->{requests_get}, 0, 'is counted apart');

# Calls, with each method, done and refused; an import
for (
    [ 'POST',   '/tasks',     '{"_id": "t"}' ],
    [ 'POST',   '/tasks',     '{"_id": "t"}', 'replies_4xx' ],
    [ 'GET',    '/tasks/t' ],
    [ 'PATCH',  '/tasks/t',   '[]' ],
    [ 'PUT',    '/tasks/t',   '{"_id": "t"}' ],
    [ 'DELETE', '/tasks/t' ],
    [ 'DELETE', '/tasks/t',   undef, 'replies_4xx' ],
  )
{
    my ($method, $path, $body, $class) = @$_;
    my $sql = "SELECT walcu_fdw_request('crm', '$method', '$path'" . (defined $body ? ", body => '$body')" : ')');
    $class //= 'replies_2xx';
    $row = counts_agree("$method with $class", $sql);
    is_deeply([ @$row{ 'requests_' . lc $method, $class, 'documents' } ], [ 1, 1, 0 ], 'is counted as that');
}
$row = counts_agree('an import', 'IMPORT FOREIGN SCHEMA walcu LIMIT TO (notes) FROM SERVER crm INTO public');
is($row->{requests_get}, 1, 'reads the description');

# Errors, on the first and on a later request.  On a connection that was used before, libcurl itself
# repeats what gets no reply at all; so that fault hits the first of a new session.
for (
    [ 'status 500',       { type => 'status', status => 500, error => 'x' x 50_000 }, 'replies_5xx' ],
    [ 'status 404',       { type => 'status', status => 404 }, 'replies_4xx' ],
    [ 'a redirect',       { type => 'redirect', location => 'http://127.0.0.1:1/' }, 'replies_3xx' ],
    [ 'a closed connection', { type => 'close', when => 'before' }, 'failures' ],
    [ 'half a reply',     { type => 'close', when => 'during' }, 'failures' ],
    [ 'a silent service', { type => 'hang' }, 'failures' ],
    [ 'a slow service',   { type => 'slow', bytes => 1, ms => 50 }, 'failures' ],
  )
{
    my ($name, $fault, $counter) = @$_;
    for my $skip (($fault->{when} // '') eq 'before' ? 0 : (0, 3))
    {
        $dbh = connect_db($node);
        $sandbox->fault({ match => { kind => 'list' }, skip => $skip, fault => $fault });
        $row = counts_agree("$name after $skip requests", 'SELECT make FROM crm.cars', 'cars', $fault->{type});
        cmp_ok($row->{$counter}, '>', 0, "is counted in $counter");
        $sandbox->clear_faults;
    }
}
$dbh = connect_db($node);
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'hang' } });
$dbh->do("ALTER SERVER crm OPTIONS (SET request_timeout '60s')");
my $sent = sub { grep { $_->{applied} } @{ $sandbox->get('/_sandbox/faults') } };
is((cancelled_when($dbh, $node, 'SELECT make FROM crm.cars', $sent))[0], '57014', 'a query is cancelled');
$row = stats('cars');
is_deeply([ @$row{qw(requests_get failures)} ], [ 1, 1 ], 'its request got no reply');
$sandbox->clear_faults;

# Time
$sandbox->fault({ match => { kind => 'get' }, fault => { type => 'latency', ms => 60 } });
my $elapsed;
# a backend that the machine has put aside when the reply comes has waited less
wait_until(sub {
    $dbh->do('SELECT walcu_fdw_stats_reset()');
    my $start = time;
    $dbh->do("SELECT make FROM crm.cars WHERE _id = '$id'") for 1 .. 3;
    $elapsed = 1000 * (time - $start);
    $row = stats('cars');
    return $row->{wait_time} >= 3 * 59;
});
pass('waiting is counted');
cmp_ok($row->{wait_time}, '<=', $elapsed, 'and nothing else');
$sandbox->clear_faults;

# A reset during a scan: what follows is counted
$dbh->begin_work;
$dbh->do('DECLARE c CURSOR FOR SELECT make FROM crm.cars');
$dbh->do('FETCH 15 FROM c');
$dbh->do('SELECT walcu_fdw_stats_reset()');
is(sum0(@{ stats('cars') }{ @counters, 'documents', 'wait_time' }), 0, 'a reset sets all back to zero');
$dbh->do('FETCH ALL FROM c');
$dbh->commit;
is(stats('cars')->{documents}, 285, 'and the scan under way counts on');

# Servers with the same resource; one that is dropped; another session; other users
setup_crm($node, $sandbox, name => 'branch', limit_to => ['cars']);
$dbh->do('SELECT walcu_fdw_stats_reset()');
$dbh->do("SELECT make FROM branch.cars WHERE _id = '$id'");
is(stats('cars')->{documents}, 0, 'servers are counted apart');
is(stats('cars', 'branch')->{documents}, 1, 'each in its own row');
$dbh->begin_work;
$dbh->do('DECLARE c CURSOR FOR SELECT make FROM branch.cars');
$dbh->do('FETCH 15 FROM c');
$dbh->do('ALTER SERVER branch RENAME TO sold');
is(stats('cars', 'sold')->{documents}, 16, 'a row has the name of its server now');
$dbh->commit;
$dbh->do('SET client_min_messages = warning');
$dbh->do('DROP SERVER sold CASCADE');
$dbh->do('RESET client_min_messages');
is(stats('cars', 'sold'), undef, 'a dropped server has no row');
is($dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_stats WHERE server IS NULL'), 0, 'nor one without a name');
is(connect_db($node)->selectrow_array('SELECT count(*) FROM walcu_fdw_stats'), 0, 'another session has its own');
$dbh->do('CREATE ROLE reader');
$dbh->do('SET ROLE reader');
cmp_ok($dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_stats'), '>', 0, 'everybody may read it');
is(sql_error($dbh, 'SELECT walcu_fdw_stats_reset()'), undef, 'and reset it');
$dbh->do('RESET ROLE');

# Progress: a slow service
is($dbh->selectrow_array('SHOW walcu_fdw.progress_interval'), '10s', 'the default is 10 seconds');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'latency', ms => 40 } });
my $scan = 'SELECT _id FROM crm.cars';
is_deeply([ progress('10s', $scan) ], [], 'a scan that takes less says nothing');
is_deeply([ progress(0, $scan) ], [], 'nor does any if the interval is 0');
my @lines = progress('100ms', $scan);
cmp_ok(scalar @lines, '>=', 2, 'a long one tells every interval how far it is');
is_deeply([ grep { $_->{resource} ne 'cars' } @lines ], [], 'of which resource');
lines_are_right('of a slow service', 10, @lines);
my $known = () = $sandbox->dump('cars');
is_deeply([ grep { ($_->{of} // $_->{documents}) != $known } @lines ], [], 'of how many, as the scan before it has seen');
is_deeply([ grep { ($_->{of} // 0) != 250 } progress('100ms', "$scan LIMIT 250") ], [], 'or by the limit');
@lines = progress('100ms', $scan . " WHERE dealer_id = '" . $sandbox->dealer_id . "'");
cmp_ok(scalar @lines, '>=', 2, 'an estimate that was too small');
is_deeply([ grep { defined $_->{of} } @lines ], [], 'is not told');
$dbh->do('SET client_min_messages = warning');
is_deeply([ progress('100ms', $scan) ], [], 'nothing for those who want no notices');
$dbh->do('RESET client_min_messages');
$sandbox->clear_faults;

# Progress: the inner side of a loop
$sandbox->fault({ match => { kind => 'get' }, fault => { type => 'latency', ms => 30 } });
my $ids = join ',', map { "'$_->{_id}'" } ($sandbox->dump('cars'))[ 0 .. 19 ];
$dbh->do('SET walcu_fdw.enable_batched_join = off');    # or they are read ahead
@lines = progress('100ms', "SELECT (SELECT make FROM crm.cars WHERE _id = i) FROM unnest(ARRAY[$ids]) i");
$dbh->do('RESET walcu_fdw.enable_batched_join');
cmp_ok(scalar @lines, '>=', 2, 'requests for single documents are told of together');
lines_are_right('of single documents', 1, @lines);
is_deeply([ grep { defined $_->{of} } @lines ], [], 'nobody knows how many there will be');
$sandbox->clear_faults;

# Progress: documents that come one by one, in one reply
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '50', SET request_timeout '10s')");
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'slow', bytes => 37, ms => 30 } });
@lines = grep { $_->{requests} == 1 } progress('100ms', 'SELECT _id FROM crm.cars LIMIT 40');
cmp_ok(scalar @lines, '>=', 4, 'a reply that trickles is told of while it comes');
lines_are_right('of a trickle', 50, @lines);
$sandbox->clear_faults;

# Progress: a client that takes its time between two FETCHes
$dbh->do("SET walcu_fdw.progress_interval = '200ms'");
$dbh->begin_work;
$dbh->do("DECLARE c CURSOR FOR $scan");
my @messages;
for (1 .. 4)
{
    push @messages, sql_messages($dbh, 'FETCH 20 FROM c');
    sleep 0.25;
}
$dbh->commit;
is_deeply(\@messages, [], 'the time between is no work of the scan');

done_testing();

# Run a statement that may fail: the row of a resource, or of calls, is what the log says.  Returns
# it.
sub counts_agree
{
    my ($name, $sql, $resource, $fault) = @_;
    $dbh->do('SELECT walcu_fdw_stats_reset()');
    $sandbox->clear_log;
    eval { $dbh->do($sql) };
    my $counted = stats($resource);
    my %seen = map { $_ => 0 } @counters;
    for my $entry ($sandbox->log)
    {
        my $failed = !defined $entry->{status} || ($entry->{fault} && $fault =~ /^(close|slow)$/);
        $seen{ 'requests_' . lc $entry->{method} }++;
        $seen{ $failed ? 'failures' : 'replies_' . substr($entry->{status}, 0, 1) . 'xx' }++;
        $seen{bytes} += $entry->{bytes};
    }
    # what a service that is too slow has sent and what has come are two things
    $seen{bytes} = $counted->{bytes} if ($fault // '') eq 'slow';
    is_deeply({ map { $_ => $counted->{$_} } @counters }, \%seen, "$name: the counts are those of the service's log")
      or diag explain [ $sandbox->log ];
    cmp_ok($counted->{wait_time}, '>=', 0, "$name: waiting is counted");
    return $counted;
}

sub stats
{
    my ($resource, $server) = @_;
    return $dbh->selectrow_hashref(
        'SELECT * FROM walcu_fdw_stats WHERE server = ? AND resource IS NOT DISTINCT FROM ?',
        undef, $server // 'crm', $resource);
}

# The lines that a statement sends, taken apart, and how long it took, which stays in $elapsed.
sub progress
{
    my ($interval, $sql) = @_;
    $dbh->do("SET walcu_fdw.progress_interval = '$interval'");
    my $before = time;
    my @messages = sql_messages($dbh, $sql);
    $elapsed = time - $before;
    return map {
        /^NOTICE:  reading "(\w+)": (\d+)(?: of about (\d+))? documents?, (\d+) requests?, ([\d.]+) documents\/s$/
          ? { resource => $1, documents => $2, of => $3, requests => $4, rate => $5 }
          : { text => $_ }
    } @messages;
}

# What lines say goes together: documents with requests, each of which brings at most so many, and
# with the rate and the time that has passed.
sub lines_are_right
{
    my ($name, $page, @lines) = @_;
    my ($documents, $seconds, @wrong) = (0, 0);
    for my $line (@lines)
    {
        my $passed = ($line->{documents} - $documents) / ($line->{rate} || 1e-9);
        push @wrong, $line
          if $line->{documents} <= $documents || $line->{documents} > $page * $line->{requests} || $passed < 0.095;
        $documents = $line->{documents};
        $seconds += $passed;
    }
    is_deeply(\@wrong, [], "$name: documents, requests and rates are right") or diag explain \@lines;
    cmp_ok($seconds, '<=', $elapsed * 1.05, "$name: the rates are of the time that passed");
    return;
}
