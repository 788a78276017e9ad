# Credentials reach the hosts that the definition of the server trusts, and no other: not another
# port of the same host, not another name of it, not by a redirect, and not by what the service says
# of a background job.  Strangers are not even asked.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;
use WalcuTest;
use WalcuTest::Tunnel;

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $sandbox = WalcuTest::Sandbox->start(port => $port, tls => [qw(api.crm.walcu.com ext.crm.walcu.com)],
    scale => 10, count => { cars => 30 },
    extra_listener => [ 'other_port', "other_host=127.0.0.2:$port", 'tls_stranger=https://127.0.0.2' ]);
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars'],
    server => { fetch_mode => 'job', fetch_size => 10, max_retries => 1, max_retry_wait => '1ms', request_timeout => '3s' });
my $dbh = connect_db($node);
my @ids = map { $_->{_id} } $sandbox->dump('cars');
my $dealer = $sandbox->dealer_id;
my $results = authority($sandbox->results_endpoint);
my $tls_results = authority($sandbox->tls_results_endpoint);
my ($other_port, $other_host, $tls_stranger) = map { $sandbox->extra_listener($_) } qw(other_port other_host tls_stranger);
$sandbox->settings(job_polls => 0);

# Where results may be
trusts('results on the endpoint\'s host, but another port, where nothing is said', '08P01', [qw(api)]);
trusts('results_hosts with the port', 'right', [qw(api results)], hosts => $results);
trusts('results_hosts with other hosts besides', 'right', [qw(api results)], hosts => "ext.example.com, $results");
trusts('results_hosts without the port, which means the scheme\'s own', '08P01', [qw(api)], hosts => '127.0.0.1');
trusts('another name of the host', '08P01', [qw(api)], hosts => 'localhost:' . ($results =~ /:(\d+)$/)[0]);
trusts('the endpoint\'s host, where results_hosts names another', '08P01', [qw(api)],
    hosts => $results, results_url => "http://127.0.0.1:$port/services/s3/x");
trusts('the endpoint\'s own host, where nothing is said; there are none, so pages are read', 'right', [qw(api)],
    results_url => "http://127.0.0.1:$port/services/s3/x");

# Where they may not, whatever the URL looks like
my ($results_port) = $results =~ /:(\d+)$/;
for my $url (
    "$other_port/x", "$other_host/x", "http://localhost:$results_port/x", "https://$results/x",
    "http://$results\@127.0.0.2:$port/x", "http://user:secret\@$results/x", "http://user\@$results/x",
    "http://$results\\\@127.0.0.2:$port/x", "http://127.0.0.2:$port\\\@$results/x", "http://127.0.0.2:$port#\@$results/x",
    "http://127.0.0.2:$port?\@$results/x", "//$results/x", "/services/s3/x", "$results/x", "ftp://$results/x",
    "file:///etc/passwd", "http://$results.example.com/x", "http://[::ffff:127.0.0.1]:$results_port/x",
    "http://127.0.0.1:$results_port \@127.0.0.2:$port/", "http://", "", "http://ext.crm.walcu.com/x",
  )
{
    my $outcome = $url =~ m{^https://} ? '08001' : '08P01';
    trusts("results at <$url>", $outcome, [qw(api)], hosts => $results, results_url => $url);
    trusts("a job at <$url>", '08P01', [qw(api)], hosts => $results, job_url => $url);
}
# What curl reads as the right place leads there, and nowhere else
for my $url ("http://\@$results/x", "http:///$results/x")
{
    scan(hosts => $results, results_url => $url);
    is_deeply([ strangers() ], [], "results at <$url> are asked of no stranger");
}
trusts('a job where results may be', '08P01', [qw(api)], hosts => $results, job_url => "http://$results/x");
trusts("<$_> leads there, whatever it looks like", 'right', [qw(api results)], hosts => $results, results_url => $_)
  for "http://\@$results/x", "http:///$results/x", "HTTP://0x7f.1:$results_port/x";
trusts('a job at the same host in capitals and numbers', 'right', [qw(api)],
    job_url => "HTTP://0x7F000001:$port/dealers/$dealer/deferredrequests/none");

# A message shows no signature, and says that nothing was sent
for my $field (qw(job_url results_url))
{
    my (undef, undef, $error) = scan(hosts => $results, $field => "$other_host/place?signature=s3cr3t");
    like($error, qr{\Q$other_host\E/place"}, "$field: the message names the place");
    unlike($error, qr/s3cr3t/, 'without its query');
    like($error, qr/^DETAIL:  No credentials were sent there\.$/m, 'and tells that no credentials were sent');
    (undef, undef, $error) = scan(hosts => $results, $field => 'http://' . WalcuTest::Sandbox::PASSWORD . '.example.com/x');
    unlike($error, qr/@{[ WalcuTest::Sandbox::PASSWORD ]}/, 'nor does it repeat credentials');
}

# Redirects are not followed, wherever they lead; but for those of results (721)
for my $kind (qw(all job results))
{
    for my $location ("$other_port\{url}", "$other_host\{url}", "http://127.0.0.1:$port\{url}", '{url}')
    {
        for my $status (301, 303, 307)
        {
            # the results' own host is listed, but is asked without credentials where it leads to itself
            trusts("a redirect of $kind to $location by $status", '08P01', [ $kind eq 'results' ? qw(api results) : 'api' ],
                hosts => $results, bare => $kind eq 'results' && $location eq '{url}' ? 5 : 0, rules => [ { match => { kind => $kind }, fault => { type => 'redirect', location => $location, status => $status } } ]);
        }
    }
}
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'parallel')");
for my $location ("$other_port\{url}", "$other_host\{url}", '{url}')
{
    trusts("a redirect of a page to $location", '08P01', ['api'],
        rules => [ { match => { kind => 'list' }, skip => 2, fault => { type => 'redirect', location => $location } } ]);
}
$sandbox->fault({ match => { method => 'POST' }, fault => { type => 'redirect', location => "$other_host\{url}", status => 307 } });
isnt(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'POST', '/cars', NULL, '{"_id": "new"}')}), undef, 'nor are those of a write');
is_deeply([ strangers() ], [], 'which asks no stranger');
$sandbox->clear_faults;
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'job')");

# Two names of one host are two hosts
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://localhost:$port')");
trusts('a job at an address, where the endpoint has a name', '08P01', [qw(api)], hosts => $results);
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:$port')");

# https is needed where others could listen
trusts('results over http from elsewhere', '08P01', [qw(api)],
    hosts => 'ext.example.invalid', results_url => 'http://ext.example.invalid/x');
$dbh->do("ALTER SERVER crm OPTIONS (ADD allow_http 'true')");
trusts('the same with allow_http', '08001', [qw(api)],
    hosts => 'ext.example.invalid', results_url => 'http://ext.example.invalid/x');
$dbh->do('ALTER SERVER crm OPTIONS (DROP allow_http)');
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $sandbox->tls_endpoint ]}', ADD ca_file '@{[ $sandbox->ca_file ]}')");
trusts('a job over TLS', 'right', [qw(api_tls results_tls)], hosts => $tls_results);
trusts('results over TLS of a host whose certificate is another\'s', '08001', [qw(api_tls)],
    hosts => authority($tls_stranger), results_url => "$tls_stranger/x");
trusts('a job over http, where the endpoint has https', '08P01', [qw(api_tls)],
    hosts => $tls_results, job_url => "http://127.0.0.1:$port/x");

# The public service keeps its results on a host of their own.  A proxy leads both to the sandbox.
{
    my $tunnel = WalcuTest::Tunnel->start(authority($sandbox->tls_endpoint));
    my $behind = start_behind_proxy('http://127.0.0.1:' . $tunnel->port);
    setup_crm($behind, $sandbox, limit_to => ['cars'],
        server => { fetch_mode => 'job', endpoint => 'https://api.crm.walcu.com', ca_file => $sandbox->ca_file, max_retries => 0 });
    $dbh = connect_db($behind);
    $sandbox->fault({ match => { path => '^/ready' }, fault => { type => 'reply', body => '[{"_id": "a"}, {"_id": "b"}]' } });
    for my $row (
        [ 'https://ext.crm.walcu.com/ready', 'right', 'ext.crm.walcu.com:443' ],
        [ 'https://ext.crm.walcu.com:443/ready', 'right', 'ext.crm.walcu.com:443' ],
        [ 'https://ext.crm.walcu.com:8443/ready', '08P01' ],
        [ 'http://ext.crm.walcu.com/ready', '08P01' ],
        [ 'https://api.crm.walcu.com/ready', '08P01' ],
        [ 'https://ext.crm.walcu.com.example.com/ready', '08P01' ],
      )
    {
        my ($url, $outcome, @results) = @$row;
        $sandbox->fault({ match => { kind => 'all' }, times => 1,
            fault => { type => 'job_answer', fields => { status => 'finished', results_url => $url } } });
        my $got = eval { $dbh->selectcol_arrayref('SELECT _id FROM crm.cars ORDER BY _id') };
        is($got ? join(' ', @$got) : $dbh->state, $outcome eq 'right' ? 'a b' : $outcome, "the public service's results at $url");
        is_deeply([ unique($tunnel->hosts) ], [ 'api.crm.walcu.com:443', @results ], 'and no other host is asked');
        $dbh->do('SELECT walcu_fdw_disconnect_all()');
    }
    unlike($tunnel->heard, qr/@{[ WalcuTest::Sandbox::PASSWORD ]}|authorization/i, 'a proxy is not told the credentials');
    $sandbox->clear_faults;
}

# What a definition may not say
$dbh = connect_db($node);
for my $options (
    "SET endpoint 'http://user\@127.0.0.1:$port'", "SET endpoint 'https://crm.example.com\@127.0.0.1'",
    "SET endpoint 'http://crm.example.com'", "ADD results_hosts 'user\@ext.crm.walcu.com'", "ADD results_hosts 'https://ext.crm.walcu.com'",
    "ADD results_hosts '*'", "ADD results_hosts '*.walcu.com'",
  )
{
    is(sql_error($dbh, "ALTER SERVER crm OPTIONS ($options)")->{sqlstate}, '22023', "$options is refused");
}

done_testing();

# A scan ends so, and has asked these listeners and no other, all of them with credentials.
sub trusts
{
    my ($name, $outcome, $listeners, %case) = @_;
    my ($got, $asked, $error) = scan(%case);
    is($got, $outcome, $name) or diag $error;
    is_deeply($asked, $listeners, 'asks whom it should');
    return;
}

# Run a scan; returns its outcome, the listeners that were asked, and the error.  hosts: the option
# results_hosts; job_url, results_url: what the service says instead; rules: other faults; bare: requests without
# credentials.
sub scan
{
    my (%case) = @_;
    my @rules = @{ $case{rules} // [] };
    push @rules, { match => { kind => 'all' }, fault => { type => 'job_answer', fields => { job_url => $case{job_url} } } }
      if exists $case{job_url};
    push @rules, { match => { kind => 'job' }, fault => { type => 'job_answer', when => 'finished', fields => { results_url => $case{results_url} } } }
      if exists $case{results_url};
    $dbh->do("ALTER SERVER crm OPTIONS (ADD results_hosts '$case{hosts}')") if $case{hosts};
    $sandbox->fault($_) for @rules;
    $sandbox->clear_log;
    my $got = eval { $dbh->selectcol_arrayref('SELECT _id FROM crm.cars ORDER BY _id') };
    my $error = $got ? '' : $dbh->errstr;
    my $outcome = !$got ? $dbh->state : "@$got" eq "@ids" ? 'right' : 'WRONG';
    $sandbox->clear_faults;
    $dbh->do('ALTER SERVER crm OPTIONS (DROP results_hosts)') if $case{hosts};
    my @log = $sandbox->log;
    is((grep { !$_->{credentials} } @log), $case{bare} // 0, 'nobody is asked without credentials');
    return ($outcome, [ unique(map { $_->{listener} } @log) ], $error);
}

sub strangers
{
    return unique(grep { $_ !~ /^(?:api|results)(?:_tls)?$/ } map { $_->{listener} } $sandbox->log);
}

sub unique
{
    my %seen;
    return sort grep { !$seen{$_}++ } @_;
}

sub authority
{
    my ($url) = @_;
    return $url =~ s{^https?://}{}r;
}

sub start_behind_proxy
{
    my ($proxy) = @_;
    local @ENV{qw(https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ($proxy) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    return start_node('behind_proxy');
}
