# A background job that comes to nothing is no error where the user did not ask for one: pages are read, EXPLAIN ANALYZE
# tells why, and the session asks for no other job of that server.  With fetch_mode 'job' it is an error that tells what to do.
# Where redirects of results lead is in 721, what a job that works costs in 175.

use strict;
use warnings;

use JSON::PP qw(encode_json);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120 }, tls => ['elsewhere.example.test'],
    extra_listener => [qw(stranger tls_stranger=https://127.0.0.1)]);
my $node = start_node('main', log_min_messages => 'warning');
my $results = $sandbox->results_endpoint;
my ($stranger, $tls_stranger) = map { $sandbox->extra_listener($_) } qw(stranger tls_stranger);
my $hosts = join ',', map { s{^https?://}{}r } $results, $tls_stranger;
setup_crm($node, $sandbox, limit_to => [qw(cars tasks)], server => {
    fetch_size => 10, job_threshold => 0, max_retries => 2, max_retry_wait => '10ms', request_timeout => '2s',
    on_type_mismatch => 'null', results_hosts => $hosts });
my $owner = connect_db($node);
count_documents();
$sandbox->settings(job_polls => 1);
my @cars = $sandbox->dump('cars');
my @ids = map { $_->{_id} } @cars;
my $documents = encode_json([ map { { _id => $_, make => 'X' } } @ids ]);
my $scan = 'SELECT _id, make FROM crm.cars';
my $key = WalcuTest::Sandbox::PASSWORD;
my $secret = 'https://user:hidden@storage.example.test/key?X-Amz-Signature=hidden';

sub says { my ($kind, %fields) = @_; return { match => { kind => $kind }, fault => { type => 'job_answer', fields => \%fields } } }
sub finished { my (%fields) = @_; return { match => { kind => 'job' }, fault => { type => 'job_answer', when => 'finished', fields => \%fields } } }
sub gives { my ($kind, %fault) = @_; return { match => { kind => $kind }, fault => { type => 'reply', %fault } } }
sub fails { my ($kind, %fault) = @_; return { match => { kind => $kind }, fault => \%fault } }
sub body { my ($body, %headers) = @_; return gives('results', body => $body, headers => { 'Content-Type' => 'application/octet-stream', %headers }) }

# [ what, why it is none, what was asked for before pages, the SQLSTATE with fetch_mode 'job', rules, more ]
my $good = join ' ', qw(all job job results);
my @cases = (
    # the start of a job
    [ 'no jobs for these credentials', 'the service answered 403: no exports', 'all', '42501', [ fails('all', type => 'status', status => 403, error => 'no exports') ] ],
    [ 'credentials that are none for jobs', 'the service answered 401: log in', 'all', '28000', [ fails('all', type => 'status', status => 401, error => 'log in') ] ],
    [ 'a method that is not allowed', 'the service answered 405: no', 'all', 'HV000', [ fails('all', type => 'status', status => 405, error => 'no') ] ],
    [ 'a conflict', 'the service answered 409: one at a time', 'all', '23505', [ fails('all', type => 'status', status => 409, error => 'one at a time') ] ],
    [ 'a query that is not taken', 'the service answered 422: q', 'all', '23514', [ fails('all', type => 'status', status => 422, error => 'q') ] ],
    [ 'a URL that is too long', 'the service answered 414: long', 'all', '54000', [ fails('all', type => 'status', status => 414, error => 'long') ] ],
    [ 'too many jobs', 'the service answered 429: later', 'all all all', '53400', [ fails('all', type => 'status', status => 429, error => 'later') ] ],
    [ 'a page for people', 'the service answered with content type "text/html"', 'all', '08P01',
        [ gives('all', body => '<html>', headers => { 'Content-Type' => 'text/html' }) ] ],
    [ 'a redirect of the start', 'the service answered 302', 'all', '08P01', [ fails('all', type => 'redirect', location => "$stranger\{url}") ] ],
    [ 'a connection that ends', qr/^the job was not answered: ./, 'all all all', '08006', [ fails('all', type => 'close', when => 'before') ] ],
    # its state
    [ 'a job that redirects', 'the service answered 307', 'all job', '08P01', [ fails('job', type => 'redirect', location => "$results\{url}", status => 307) ] ],
    [ 'a job that may not be looked at', 'the service answered 403: not yours', 'all job', '42501', [ fails('job', type => 'status', status => 403, error => 'not yours') ] ],
    [ 'a job at another host', qr/^the job is at "\Q$stranger\E\/x", which is not the endpoint's host$/, 'all', '08P01', [ says('all', job_url => "$stranger/x?signature=hidden") ] ],
    [ 'a job whose URL has a user', q{the job is at "https://*****@storage.example.test/key", which is not the endpoint's host}, 'all', '08P01', [ says('all', job_url => $secret) ] ],
    [ 'a job at no URL', q{the job is at "soon", which is not the endpoint's host}, 'all', '08P01', [ says('all', job_url => 'soon') ] ],
    [ 'a job that does not end', 'the job did not finish within 0.3 s', undef, '53400', [], settings => { job_outcome => 'processing' }, table => { job_timeout => '300ms' } ],
    [ 'a job that never begins', 'the job did not finish within 0.3 s', undef, '53400', [], settings => { job_outcome => 'queued' }, table => { job_timeout => '300ms' } ],
    # where its results are
    [ 'results at another host', qr/^the results are at "\Q$stranger\E\/x", which is not one of results_hosts$/, 'all job job', '08P01', [ finished(results_url => "$stranger/x") ] ],
    [ 'results at a URL with a user', 'the results are at "https://*****@storage.example.test/key", which is not one of results_hosts', 'all job job', '08P01', [ finished(results_url => $secret) ] ],
    [ 'results at no URL', 'the results are at "/results/x", which is not one of results_hosts', 'all job job', '08P01', [ finished(results_url => '/results/x?y') ] ],
    [ 'results by another protocol', 'the results are at "ftp://127.0.0.1/x", which is not one of results_hosts', 'all job job', '08P01', [ finished(results_url => 'ftp://127.0.0.1/x') ] ],
    [ 'results at the word for none', 'the results are at "", which is not one of results_hosts', 'all job job', '08P01', [ finished(results_url => '') ] ],
    [ 'results at a host with another\'s certificate', qr/^the results were not answered: SSL/, 'all job job', '08001', [ finished(results_url => "$tls_stranger/x") ] ],
    # what stands there
    [ 'results that are refused', 'the results were answered 403: expired', $good, '42501', [ fails('results', type => 'status', status => 403, error => 'expired') ] ],
    [ 'results whose host knows no credentials', 'the results were answered 400: one kind of credentials only', $good, '22023',
        [ fails('results', type => 'status', status => 400, error => 'one kind of credentials only') ] ],
    [ 'results that redirect to a stranger', qr/^a redirect of the results, which is not followed, leads to "\Q$stranger\E\//, $good, '08P01',
        [ fails('results', type => 'redirect', location => "$stranger\{url}?X-Amz-Signature=hidden") ] ],
    [ 'results that redirect to a URL with a user', 'a redirect of the results, which is not followed, leads to "https://*****@storage.example.test/key"', $good, '08P01',
        [ fails('results', type => 'redirect', location => $secret) ] ],
    [ 'a redirect to nowhere', qr/^the results were answered 302/, $good, '08P01', [ gives('results', status => 302, body => '') ] ],
    [ 'a choice of places', qr/^the results were answered 300/, $good, '08P01', [ fails('results', type => 'redirect', location => "$results\{url}", status => 300) ] ],
    [ 'HTML', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('<!doctype html><p>Sign in', 'Content-Type' => 'text/html') ] ],
    [ 'XML', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>') ] ],
    [ 'an object', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('{"error": "gone"}') ] ],
    [ 'documents in an object', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body(qq({"documents": $documents})) ] ],
    [ 'a string', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('"later"') ] ],
    [ 'a null', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('null') ] ],
    [ 'strings', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('["a", "b"]') ] ],
    [ 'lists', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body('[[]]') ] ],
    [ 'CSV', 'the results are malformed: it is not a list of documents', $good, '08P01', [ body("_id;make\n1;Seat\n") ] ],
    [ 'nothing', 'the results are malformed: it ends too early', $good, '08P01', [ body('') ] ],
    [ 'half a document', 'the results are malformed: it ends too early', $good, '08P01', [ body('[{"_id": "a", "make') ] ],
    [ 'bytes that are no JSON', qr/^the results are malformed: /, $good, '08P01', [ body("\x{1f}\x{8b}\x{08}") ] ],
    [ 'documents that end too early', 'the results are malformed: it ends too early', "$good results results", '08P01', [ fails('results', type => 'truncate', at => 0.8) ] ],
    [ 'a list that ends in a brace', qr/^the results are malformed: /, "$good results results", '08P01', [ fails('results', type => 'invalid_json') ] ],
    [ 'a connection that breaks each time', qr/^the results were not answered: /, "$good results results", '08006', [ fails('results', type => 'close', when => 'during') ] ],
    [ 'a results host that hangs', 'the results were not answered: not finished within 2 s', $good, '08006', [ fails('results', type => 'hang') ] ],
    [ 'fewer documents than were found', 'the results have 120 documents, but the job found 121', $good, '08P01', [ finished(found_documents => 121) ] ],
    [ 'more documents than were found', 'the results have 120 documents, but the job found 7', $good, '08P01', [ finished(found_documents => 7) ] ],
    [ 'none where some were found', 'the results have 0 documents, but the job found 120', $good, '08P01', [ body('[]') ] ],
    [ 'without the last', 'the results have 119 documents, but the job found 120', $good, '08P01', [ fails('results', type => 'miscount', drop => 1) ] ],
    [ 'with the first twice', 'the results have 121 documents, but the job found 120', $good, '08P01', [ fails('results', type => 'miscount', repeat => 1) ] ],
);

for my $case (@cases)
{
    my ($name, $why, $asked, $sqlstate, $rules, %more) = @$case;
    $sandbox->settings(%{ $more{settings} // {} });
    $owner->do("ALTER FOREIGN TABLE crm.cars OPTIONS (ADD $_ '$more{table}{$_}')") for keys %{ $more{table} // {} };
    $sandbox->fault($_) for @$rules;

    my $dbh = connect_db($node);
    $sandbox->clear_log;
    my $plan = explained($dbh, $scan);
    my @log = $sandbox->log;
    like($plan, qr/^ *Strategy: background job$/m, "$name: a job is planned");
    my ($reason) = $plan =~ /^ *Pages because: (.*)$/m;
    ref $why ? like($reason, $why, 'EXPLAIN ANALYZE tells why it is none') : is($reason, $why, 'EXPLAIN ANALYZE tells why it is none');
    like($plan, qr/actual rows=120(?:\.00)? /, 'every row is there');
    is(join(' ', map { $_->{kind} } grep { $_->{kind} ne 'list' } @log), $asked, 'no more is asked for before') if defined $asked;
    cmp_ok(scalar(grep { $_->{kind} eq 'list' } @log), '<=', 17, 'and pages are read once');
    is(scalar(grep { $_->{listener} =~ /stranger/ } @log), 0, 'no stranger is asked');
    unlike($plan, qr/hidden|\Q$key\E/, 'and no secret is shown');

    # the second query
    $sandbox->clear_log;
    is_deeply(rows($dbh, "$scan ORDER BY 1"), [ map { [ $_->{_id}, ref $_->{make} ? undef : $_->{make} ] } sort { $a->{_id} cmp $b->{_id} } @cars ], 'the rows are right');
    is(scalar(grep { $_->{kind} ne 'list' } $sandbox->log), 0, 'the session asks for no other job');
    my $second = explained($dbh, 'SELECT _id FROM crm.tasks');
    unlike($second, qr/background job/, 'and plans none, of another table either');
    is($second =~ /^ *Pages because: (.*)$/m && $1, $reason, 'for the same reason');
    unlike(explained($dbh, "$scan WHERE _id = 'x'"), qr/Pages because/, 'which matters to no short scan');

    # where nothing but a job is wanted
    $owner->do(q{ALTER FOREIGN TABLE crm.cars OPTIONS (ADD fetch_mode 'job')});
    $sandbox->clear_log;
    my $error = sql_error(connect_db($node), $scan);
    is($error->{sqlstate}, $sqlstate, q{with fetch_mode 'job' it is an error}) or diag explain($error);
    is($sandbox->request_count(kind => 'list'), 0, 'and no page is asked for');
    unlike(join("\n", map { $_ // '' } values %$error), qr/hidden|\Q$key\E/, 'which shows no secret');
    $owner->do('ALTER FOREIGN TABLE crm.cars OPTIONS (DROP fetch_mode)');
    $owner->do("ALTER FOREIGN TABLE crm.cars OPTIONS (DROP $_)") for keys %{ $more{table} // {} };
    $sandbox->clear_faults;
    $sandbox->settings(job_outcome => 'finished');
}

# A plan that was made before goes to pages, too
{
    my $dbh = connect_db($node);
    $dbh->do('SET plan_cache_mode = force_generic_plan');
    $dbh->do("PREPARE scan AS $scan");
    $sandbox->fault(finished(results_url => "$stranger/x"));
    $dbh->do('EXECUTE scan');
    $sandbox->clear_log;
    my $plan = explained($dbh, 'EXECUTE scan');
    like($plan, qr/^ *Strategy: background job$/m, 'a plan for a job was made before');
    like($plan, qr/^ *Pages because: the results are at "/m, 'it is not begun, for the same reason');
    is($sandbox->request_count(kind => 'all'), 0, 'and none is asked for');

    # until somebody has mended it
    $sandbox->clear_faults;
    $owner->do('ALTER SERVER crm OPTIONS (ADD max_requests_per_second \'1000\')');
    $sandbox->clear_log;
    unlike(explained($dbh, $scan), qr/Pages because/, 'after a change of the server');
    is($sandbox->request_count(kind => 'results'), 1, 'a job is tried again');
    $sandbox->fault(finished(results_url => "$stranger/x"));
    $dbh->do($scan);
    $sandbox->clear_faults;
    $owner->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password '$key')");
    $sandbox->clear_log;
    $dbh->do($scan);
    is($sandbox->request_count(kind => 'results'), 1, 'and after one of the credentials');
}

# A service that was away says nothing of its jobs
{
    my $dbh = connect_db($node);
    $sandbox->fault(fails('all', type => 'status', status => 403));
    $sandbox->fault(fails('list', type => 'status', status => 403));
    is(sql_error($dbh, $scan)->{sqlstate}, '42501', 'where pages are not to be had either, it is an error');
    $sandbox->clear_faults;
    $sandbox->clear_log;
    $dbh->do($scan);
    is($sandbox->request_count(kind => 'results'), 1, 'and the next query asks for a job');
}

# Orders are two jobs, each of which may come to nothing
for my $skip (0, 1)
{
    my $dbh = connect_db($node);
    $sandbox->fault({ %{ fails('results', type => 'status', status => 403) }, skip => $skip });
    $sandbox->clear_log;
    my $rows = rows($dbh, "$scan ORDER BY make, _id");
    $sandbox->clear_faults;
    cmp_ok($sandbox->request_count(kind => 'all'), '==', $skip + 1, 'jobs in an order');
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($rows, rows($dbh, "$scan ORDER BY make, _id"), 'and the rows come so, from pages');
}

# After ANALYZE at another endpoint, whose results are elsewhere, what worked goes on to work
{
    $owner->do("CREATE SERVER other FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '@{[ $sandbox->endpoint ]}', dealer_id '@{[ $sandbox->dealer_id ]}')");
    $owner->do('CREATE USER MAPPING FOR CURRENT_USER SERVER other ' . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    $owner->do('CREATE FOREIGN TABLE other (_id text COLLATE "C", make text COLLATE "C") SERVER other OPTIONS (resource \'cars\', fetch_size \'1\', job_threshold \'50\', on_type_mismatch \'null\')');
    $owner->do('ALTER FOREIGN TABLE other OPTIONS (ADD fdw_startup_cost \'10000\')');
    my $dbh = connect_db($node);
    $dbh->do('ANALYZE other');
    for my $session ($dbh, connect_db($node))
    {
        is(scalar @{ rows($session, 'SELECT * FROM other') }, 120, 'after ANALYZE every row is there');
    }
}

# Once a row was given there is no way back
{
    my $dbh = connect_db($node);
    my $long = encode_json([ map { { _id => $_, make => 'x' x 5000 } } @ids ]);
    $sandbox->fault(body($long =~ s/\]$//r));
    $sandbox->clear_log;
    is(sql_error($dbh, $scan)->{sqlstate}, '08P01', 'a long result that breaks off after the first row is an error');
    is($sandbox->request_count(kind => 'list'), 0, 'and no page is asked for');
    $sandbox->clear_faults;
}

done_testing();

sub explained
{
    my ($dbh, $sql) = @_;
    return join "\n", map { $_->[0] } @{ rows($dbh, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $sql") };
}

sub rows
{
    my ($dbh, $sql) = @_;
    return $dbh->selectall_arrayref($sql);
}

# The planner believes that jobs are worth while.
sub count_documents
{
    $owner->do("UPDATE pg_class SET reltuples = 100000 WHERE oid IN ('crm.cars'::regclass, 'crm.tasks'::regclass)");
    return;
}
