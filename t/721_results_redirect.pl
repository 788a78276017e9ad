# Results that are redirected to a storage host: asked for there without credentials, where the server's definition lets
# the redirect be followed, and nowhere else.  Signatures in the places' URLs are shown nowhere.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use JSON::PP qw(encode_json);
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60 }, tls => ['storage.example.test'],
    extra_listener => [qw(depot stranger tls_depot=https://127.0.0.1)]);
my $node = start_node('main');
my ($storage, $stranger, $tls_storage) = map { $sandbox->extra_listener($_) } qw(depot stranger tls_depot);
my ($results, $tls_results) = ($sandbox->results_endpoint, $sandbox->tls_results_endpoint);
setup_crm($node, $sandbox, limit_to => ['cars'], server => {
    fetch_mode => 'job', max_retries => 1, max_retry_wait => '1ms', request_timeout => '5s', results_hosts => hosts($results), on_type_mismatch => 'null' });
my $dbh = connect_db($node);
$sandbox->settings(job_polls => 0);
my $ids = join ' ', sort map { $_->{_id} } $sandbox->dump('cars');
my $signature = 'X-Amz-Signature=hidden&X-Amz-Security-Token=' . 'hidden' x 300;

# curl tells of the user in a redirect's URL before 8.23, and leaves him out then
my @of_user = has_libcurl('8.23.0') ? ('right', 'api results depot') : ('08P01', 'api results');

# Which redirects are followed.  [ what, to, options, outcome, the listeners that were asked ]
for my $status (301, 302, 303, 307, 308)
{
    follows("a redirect to a listed host by $status", "$storage\{url}?$signature", { results_hosts => hosts($results, $storage) }, 'right', 'api results depot', status => $status);
}
for my $row (
    [ 'to a host that is not listed', "$storage\{url}?$signature", {}, '08P01', 'api results' ],
    [ 'to a listed host, where none is followed', "$storage\{url}", { results_hosts => hosts($results, $storage), results_redirects => 'off' }, '08P01', 'api results' ],
    [ 'to another port of it', "$stranger\{url}", { results_hosts => hosts($results, $storage) }, '08P01', 'api results' ],
    [ 'to this machine, where all are followed', "$storage\{url}?$signature", { results_redirects => 'https' }, 'right', 'api results depot' ],
    [ 'to http elsewhere', 'http://storage.example.invalid/x', { results_redirects => 'https' }, '08P01', 'api results' ],
    [ 'to http elsewhere that is listed', 'http://storage.example.invalid/x', { results_hosts => hosts($results, 'http://storage.example.invalid') }, '08P01', 'api results' ],
    [ 'to https elsewhere, whose name nobody knows', 'https://storage.example.invalid/x', { results_redirects => 'https' }, '08001', 'api results' ],
    [ 'to a URL with a user', "http://user:hidden\@@{[ hosts($storage) ]}/x?$signature", { results_redirects => 'https' }, @of_user ],
    [ 'to a file', 'file:///etc/passwd', { results_redirects => 'https' }, '08P01', 'api results' ],
    [ 'to what is no URL', 'https://%zz/', { results_redirects => 'https' }, '08P01', 'api results' ],
    [ 'to no host', 'http:///', { results_redirects => 'https' }, '08P01', 'api results' ],
  )
{
    my ($name, $to, $options, $outcome, $asked) = @$row;
    follows("a redirect $name", $to, $options, $outcome, $asked);
}
# a session that does not know yet how small the resource is, and how long jobs take
forget_sizes($node);
$dbh = connect_db($node);
follows('a redirect to a host that is not listed, with fetch_mode auto', "$storage\{url}", { fetch_mode => 'auto', job_threshold => 0, fdw_startup_cost => 100000, fetch_size => 10 },
    'right', 'api results');

# What came encrypted is not asked for in clear
my %tls = (endpoint => $sandbox->tls_endpoint, ca_file => $sandbox->ca_file, results_hosts => hosts($tls_results, $tls_storage, $storage));
follows('a redirect from https to https', "$tls_storage\{url}?$signature", { %tls }, 'right', 'api_tls results_tls tls_depot');
follows('a redirect from https to http that is listed', "$storage\{url}?$signature", { %tls }, '08P01', 'api_tls results_tls');
follows('a redirect from https to http, where all are followed', "$storage\{url}", { %tls, results_redirects => 'https' }, '08P01', 'api_tls results_tls');
follows('a redirect to https of a host that is not listed', "$tls_storage\{url}", { %tls, results_hosts => hosts($tls_results) }, '08P01', 'api_tls results_tls');
follows('the same, where all are followed', "$tls_storage\{url}", { %tls, results_hosts => hosts($tls_results), results_redirects => 'https' }, 'right', 'api_tls results_tls tls_depot');

# Whatever the credentials are, and however it answers
my $listed = { results_hosts => hosts($results, $storage) };
my $body = encode_json([ map { { _id => $_, make => 'x' } } split / /, $ids ]);
gzip(\$body, \my $zipped);
for my $headers ({ 'Content-Type' => 'binary/octet-stream' }, { 'Content-Type' => 'application/octet-stream', 'Content-Encoding' => 'gzip' }, { 'Content-Type' => 'text/plain' })
{
    $sandbox->fault({ match => { listener => 'depot' }, fault => { type => 'reply', headers => $headers,
        body_base64 => encode_base64($headers->{'Content-Encoding'} ? $zipped : $body, '') } });
    follows('an answer with ' . encode_json($headers), "$storage\{url}?$signature", $listed, 'right', 'api results depot');
}

# A storage host of the service's own, which refuses who brings credentials
$sandbox->settings(results => 'redirect');
for my $layout ({ results_layout => 'compact' }, { results_layout => 'lines', compress => ['gzip'] })
{
    $sandbox->settings(%$layout);
    for my $row ([ { results_hosts => hosts($results, $sandbox->storage_endpoint) }, 'right', 'api results storage' ], [ {}, '08P01', 'api results' ])
    {
        options($row->[0]);
        $sandbox->clear_log;
        my $got = eval { ids() };
        is($got ? ($got eq $ids ? 'right' : 'WRONG') : $dbh->state, $row->[1], 'a service that redirects results, ' . encode_json({ %$layout, %{ $row->[0] } }));
        my %seen;
        is(join(' ', grep { !$seen{$_}++ } map { $_->{listener} } $sandbox->log), $row->[2], 'asks whom it should');
        is_deeply([ map { $_->{listener} } grep { !$_->{credentials} } $sandbox->log ], [ $row->[1] eq 'right' ? 'storage' : () ], 'its storage host without credentials');
    }
}
$sandbox->settings(results => 'direct', results_layout => 'compact', compress => []);

# Several in a row, and relative ones
for my $hops (1, 2, 4, 5, 6)
{
    my @rules = map { { match => { path => "^/hop$_\$" }, fault => { type => 'redirect', location => '../hop' . ($_ + 1) . "?$signature" } } } 1 .. $hops - 1;
    push @rules, { match => { path => "^/hop$hops\$" }, fault => { type => 'reply', body => $body } };
    $sandbox->fault($_) for @rules;
    follows("$hops in a row, relative ones among them", "$storage/hop1", $listed, $hops <= 5 ? 'right' : '08P01', 'api results depot');
}
follows("$_, which is relative", $_, $listed, 'right', 'api results', bare => 1, rules => [ { match => { path => '^/ready$' }, fault => { type => 'reply', body => $body } } ])
  for '/ready', '/../ready?x', "//@{[ hosts($results) ]}/ready";
follows('a circle', "$storage/round", $listed, '08P01', 'api results depot', rules => [ { match => { path => '^/round$' }, fault => { type => 'redirect', location => '/round' } } ]);
follows('from the storage host to a stranger', "$storage/away", $listed, '08P01', 'api results depot',
    rules => [ { match => { path => '^/away$' }, fault => { type => 'redirect', location => "$stranger/x" } } ]);

# A place that has expired is asked for anew where the service says that results are
{
    options($listed);
    $sandbox->fault({ match => { kind => 'results', listener => 'results' }, fault => { type => 'redirect', location => "$storage\{url}?$signature" } });
    $sandbox->fault({ match => { listener => 'depot' }, times => 1, fault => { type => 'close', when => 'during' } });
    $sandbox->clear_log;
    is(ids(), $ids, 'a download that breaks off after a redirect comes again');
    is(join(' ', map { $_->{listener} } grep { $_->{listener} ne 'api' } $sandbox->log), 'results depot results depot', 'from its beginning');
    $sandbox->clear_faults;
}

# Jobs themselves are not where a redirect leads
for my $kind (qw(all job))
{
    options({ %$listed, results_redirects => 'https' });
    $sandbox->fault({ match => { kind => $kind }, fault => { type => 'redirect', location => "$storage\{url}" } });
    $sandbox->clear_log;
    is(sql_error($dbh, 'SELECT _id FROM crm.cars')->{sqlstate}, '08P01', "a redirect of <$kind> is not followed");
    is($sandbox->request_count(listener => 'depot'), 0, 'wherever it leads');
    $sandbox->clear_faults;
}

# Other credentials
for my $mapping (q{SET username 'me'}, q{DROP username, DROP password, ADD token 'abc'},
    q{DROP token, ADD header_name 'X-Api-Key', ADD header_value 'key'}, q{SET header_name 'Cookie', SET header_value 'session=1'})
{
    $dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS ($mapping)");
    options($listed);
    # the API takes any of them here, as its answers are given
    $sandbox->fault({ match => { kind => 'all' }, fault => { type => 'reply', body => encode_json([ { status => 'finished', results_url => "$results/there" } ]) } });
    $sandbox->fault({ match => { path => '^/there$' }, fault => { type => 'redirect', location => "$storage/ready" } });
    $sandbox->fault({ match => { path => '^/ready$' }, fault => { type => 'reply', body => $body } });
    $sandbox->clear_log;
    is(ids(), $ids, "with $mapping the rows are right");
    my ($asked) = $sandbox->log(listener => 'depot');
    like($asked->{headers}{'user-agent'}, qr{^walcu_fdw/\d+\.\d+ \(PostgreSQL \d+\.\d+\)$}, 'which is told who asks');
    is_deeply([ sort grep { !/^(?:host|user-agent|accept|accept-encoding)$/ } keys %{ $asked->{headers} } ], [], 'and the storage host gets no header but what every client sends');
    $sandbox->clear_faults;
}

unlike(slurp_file($node->logfile), qr/hidden/, 'the log of the server has no signature');
done_testing();

# Results that redirect so are read, or not, and these listeners are asked, the last one without credentials.
sub follows
{
    my ($name, $to, $options, $outcome, $asked, %more) = @_;
    options($options);
    $sandbox->fault($_) for @{ $more{rules} // [] };
    $sandbox->fault({ match => { kind => 'results', path => '^/services/', listener => $_ }, fault => { type => 'redirect', location => $to, status => $more{status} // 302 } })
      for qw(results results_tls);
    $sandbox->clear_log;
    my $got = eval { ids() };
    my $error = $got ? '' : $dbh->errstr;
    is($got ? ($got eq $ids ? 'right' : 'WRONG') : $dbh->state, $outcome, $name) or diag $error;
    my @log = $sandbox->log;
    my %seen;
    is(join(' ', grep { !$seen{$_}++ } map { $_->{listener} } @log), $asked, 'asks whom it should');
    is(scalar(grep { $_->{credentials} && $_->{listener} =~ /depot|stranger/ } @log), 0, 'the storage host gets no credentials');
    is(scalar(grep { !$_->{credentials} && $_->{listener} !~ /depot|stranger/ } @log), $more{bare} // 0, 'the service does');
    unlike($error, qr/hidden/, 'no signature is shown');
    $sandbox->clear_faults;
    return;
}

# The options of the server, over those that it began with.
sub options
{
    my ($options) = @_;
    set_server_options($dbh, fetch_mode => 'job', max_retries => 1, max_retry_wait => '1ms', request_timeout => '5s',
        results_hosts => hosts($results), on_type_mismatch => 'null', map { $_ => $options->{$_} } grep { $_ ne 'endpoint' } keys %$options);
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $options->{endpoint} // $sandbox->endpoint ]}')");
    return;
}

sub ids
{
    return join ' ', sort @{ $dbh->selectcol_arrayref('SELECT _id FROM crm.cars') };
}

sub hosts
{
    return join ',', map { s{^https?://}{}r } @_;
}
