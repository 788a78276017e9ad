# Limits: what is longer, deeper or more than allowed is an error that says which limit it
# met, for which request, and what sets it; what is just within is read.

use strict;
use warnings;

use List::Util qw(min);
use Test::More;
use WalcuTest;

my $documents = 60;
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => $documents }, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'cars', 'tasks' ],
    server => {
        fetch_size       => 10,
        on_type_mismatch => 'null',
        max_retry_wait   => '1ms',
        results_hosts    => $sandbox->results_endpoint =~ s{^http://}{}r,
    });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $whole = 'SELECT * FROM crm.cars';
my %is_set;
my ($id) = map { $_->{_id} } $sandbox->dump('cars');

# A reply's length, of each kind of request
my %read = (
    'a page'          => [ $whole,                                  qr{^The request was GET /cars\?} ],
    'a document'      => [ "$whole WHERE _id = '$id'",              qr{^The request was GET /cars/$id\.$} ],
    'results of a job' => [ $whole,                                 qr{^The request was GET http://127\.0\.0\.1:\d+/}, 'job' ],
    'a single call'   => [ qq{SELECT walcu_fdw_request('crm', 'GET', '/cars')}, qr{^The request was GET /cars\.$} ],
);
for my $name (sort keys %read)
{
    my ($sql, $detail, $mode) = @{ $read{$name} };
    set('server', fetch_mode => $mode // 'pages');
    set('server', max_reply_size => '16GB');
    $sandbox->clear_log;
    $dbh->do($sql);
    my ($longest) = sort { $b <=> $a } map { $_->{kind} eq 'job' || $_->{kind} eq 'all' ? 0 : $_->{bytes} } $sandbox->log;
    set('server', max_reply_size => "${longest}B");
    is(sql_error($dbh, $sql), undef, "$name of $longest bytes is read where so many are allowed");
    my $limit = $longest - 1;
    set('server', max_reply_size => "${limit}B");
    $sandbox->clear_log;
    is_error(sql_error($dbh, $sql), $name, '54000', qr/^a reply from server "crm" is longer than $limit bytes$/, $detail,
        qr/^The option max_reply_size sets this limit\.$/);
    cmp_ok($sandbox->request_count, '<=', 8, 'it is not asked for again');
}
set('server', fetch_mode => 'pages');
set('server', max_reply_size => '1kB');
set('table', max_reply_size => '1GB');
is(sql_error($dbh, $whole), undef, "a table's word wins");
unset('table', 'max_reply_size');
$sandbox->settings(compress => ['gzip']);
$sandbox->post('/_sandbox/documents/tasks', [ { _id => 'repetitive', description => 'x' x 100_000 } ]);
set('server', max_reply_size => '90kB');
is_error(sql_error($dbh, "SELECT description FROM crm.tasks WHERE _id = 'repetitive'"), 'a short reply that is long uncompressed',
    '54000', qr/^a reply from server "crm" is longer than 92160 bytes$/, qr{GET /tasks}, qr/max_reply_size/);
$sandbox->settings(compress => []);

# One that writes: the service may have done it
my $write = sprintf q[SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{"description": "%s"}')], 'x' x 100_000;
$sandbox->clear_log;
is_error(sql_error($dbh, $write), 'a reply to a write', '08007', qr/^a reply from server "crm" is longer than 92160 bytes$/,
    qr{^The request was POST /tasks\.$}, qr/^It is not known whether the service carried it out/);
is($sandbox->request_count, 1, 'is not asked for again');
set('server', max_reply_size => '16GB');

# A reply's head: many lines, and one that is long
my %head = (
    'many lines' => [ { map { ("x-pad-$_" => 'x' x 10_000) } 1 .. 30 }, qr/^the header of a reply from server "crm" is longer than 262144 bytes$/ ],
    'one long line' => [ { 'x-pad' => 'x' x 110_000 }, qr/^a line in the header of a reply from server "crm" is longer than 102400 bytes$/ ],
);
for my $name (sort keys %head)
{
    my ($headers, $message) = @{ $head{$name} };
    $sandbox->fault({ match => { path => '/cars' },
        fault => { type => 'reply', body => '[]', headers => { 'content-type' => 'application/json', %$headers } } });
    for my $sql ($whole, q{SELECT walcu_fdw_request('crm', 'GET', '/cars')})
    {
        $sandbox->clear_log;
        is_error(sql_error($dbh, $sql), "a head of $name", '54000', $message, qr{^The request was GET /cars}, undef);
        is($sandbox->request_count, 1, 'is not asked for again');
    }
    $sandbox->clear_faults;
}
$sandbox->fault({ match => { path => '/cars' }, fault => { type => 'reply', body => '[]',
    headers => { 'content-type' => 'application/json', map { ("x-pad-$_" => 'x' x 10_000) } 1 .. 25 } } });
is(sql_error($dbh, $whole), undef, 'a head of 250 kB is read');
$sandbox->clear_faults;

# keys are not read ahead, as a request for each is what is counted
$dbh->do('SET walcu_fdw.enable_batched_join = off');

# Requests of a statement: those that are tried again, of ranges and jobs, of functions and subqueries
for (
    [ 'pages',            'SELECT _id FROM crm.cars',                              6, 'pages' ],
    [ 'ranges',           'SELECT _id FROM crm.cars',                              undef, 'parallel' ],
    [ 'a job',            'SELECT _id FROM crm.cars',                              undef, 'job' ],
    [ 'two scans',        q{SELECT _id FROM crm.cars WHERE _id > '' UNION ALL SELECT make FROM crm.cars}, 12, 'pages' ],
    [ 'a document for each row', "SELECT (SELECT make FROM crm.cars c WHERE c._id = g::text) FROM generate_series(1, 9) g", 9, 'pages' ],
    [ 'calls',            q{SELECT walcu_fdw_request('crm', 'GET', '/cars') FROM generate_series(1, 7)}, 7, 'pages' ],
    [ 'a block',          q{DO 'BEGIN FOR i IN 1 .. 2 LOOP PERFORM _id FROM crm.cars; END LOOP; END'}, 12, 'pages' ],
  )
{
    my ($name, $sql, $needs, $mode) = @$_;
    set('server', fetch_mode => $mode);
    unset('server', 'max_requests');
    $sandbox->clear_log;
    $dbh->do($sql);
    my $sent = $sandbox->request_count;
    is($sent, $needs, "$name: $needs requests") if $needs;
    set('server', max_requests => $sent + 4);    # ranges and looks at a job may be more the next time
    is(sql_error($dbh, $sql), undef, "$name within max_requests");
    my $limit = min($sent, 6) - 2;
    set('server', max_requests => $limit);
    $sandbox->clear_log;
    is_error(sql_error($dbh, $sql), "$name beyond max_requests", '53400', qr/^statement needs more than $limit requests to server "crm"$/,
        undef, qr/^Narrow the query, or raise the server option max_requests\.$/);
    cmp_ok($sandbox->request_count, '<=', $limit, 'and no more are sent');
}
$dbh->do('RESET walcu_fdw.enable_batched_join');
set('server', fetch_mode => 'pages');
set('server', max_requests => 8);
for my $times (2, 3)
{
    $sandbox->fault({ match => { kind => 'list' }, skip => 1, times => $times, fault => { type => 'status', status => 503 } });
    my $error = sql_error($dbh, 'SELECT _id FROM crm.cars');
    is($error && $error->{sqlstate}, $times == 2 ? undef : '53400', "6 pages and $times retries with max_requests 8");
    $sandbox->clear_faults;
}
set('server', max_requests => 6);
is(sql_error($dbh, 'SELECT _id FROM crm.cars'), undef, "each statement has its own") for 1 .. 3;
set('server', max_requests => 0);
is(sql_error($dbh, 'SELECT _id FROM crm.cars'), undef, '0 is no limit');
unset('server', 'max_requests');

# A document's length and depth
$sandbox->post('/_sandbox/documents/tasks', [ map { { _id => "deep$_", custom => nested($_ - 1) } } 5, 6 ]);
set('server', max_document_depth => 5);
is_deeply($dbh->selectcol_arrayref("SELECT _id FROM crm.tasks WHERE _id = 'deep5'"), ['deep5'], 'a document of five levels where five are allowed');
is_error(sql_error($dbh, "SELECT custom FROM crm.tasks WHERE _id = 'deep6'"), 'one of six', '54000',
    qr/^a document of resource "tasks" is nested more than 5 levels deep$/, qr{^The request was GET /tasks/deep6\.$},
    qr/^The option max_document_depth sets this limit\.$/);
unset('server', 'max_document_depth');
set('server', max_document_size => '90kB');
is_error(sql_error($dbh, "SELECT description FROM crm.tasks WHERE _id = 'repetitive'"), 'a long document', '54000',
    qr/^a document of resource "tasks" is longer than 92160 bytes$/, qr{^The request was GET /tasks/repetitive\.$},
    qr/^The option max_document_size sets this limit\.$/);
unset('server', 'max_document_size');

# A job's time
set('server', fetch_mode => 'job');
$sandbox->settings(job_outcome => 'processing');
set('server', job_timeout => '300ms');
is_error(sql_error($dbh, 'SELECT _id FROM crm.cars'), 'a job that does not end', '53400',
    qr/^a background job of server "crm" did not finish within 0\.3 s$/, qr{^The request was GET http://127\.0\.0\.1:\d+/dealers/},
    qr/^Raise the option job_timeout, narrow the query, or set the option fetch_mode to 'parallel'\.$/);
$sandbox->settings(job_outcome => 'finished');
unset('server', 'job_timeout');
is(sql_error($dbh, 'SELECT _id FROM crm.cars'), undef, 'one that does');

done_testing();

sub set
{
    my ($object, $name, $value) = @_;
    my $verb = $is_set{"$object $name"}++ ? 'SET' : 'ADD';
    $dbh->do(object($object) . " OPTIONS ($verb $name '$value')");
    return;
}

sub unset
{
    my ($object, $name) = @_;
    return unless delete $is_set{"$object $name"};
    $dbh->do(object($object) . " OPTIONS (DROP $name)");
    return;
}

sub object
{
    my ($object) = @_;
    return $object eq 'server' ? 'ALTER SERVER crm' : 'ALTER FOREIGN TABLE crm.cars';
}

# So many objects and arrays in each other.
sub nested
{
    my ($levels) = @_;
    return $levels == 0 ? 1 : $levels % 2 ? [ nested($levels - 1) ] : { a => nested($levels - 1) };
}

sub is_error
{
    my ($error, $name, $sqlstate, $message, $detail, $hint) = @_;
    is($error && $error->{sqlstate}, $sqlstate, $name) or return;
    like($error->{message}, $message, 'with a message');
    defined $detail ? like($error->{detail}, $detail, 'a detail') : is($error->{detail}, undef, 'no detail');
    defined $hint ? like($error->{hint}, $hint, 'a hint') : is($error->{hint}, undef, 'no hint');
    return;
}
