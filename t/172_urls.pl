# Whatever URL the service names, for a job or its results: the session survives it, and nobody is asked but the
# hosts that the definition of the server trusts, as curl understands the URL.  Names that are not of this machine
# are asked through a proxy, which writes down whom curl means; other places of this machine log who asks.
# WALCU_URLS is how many random URLs are tried, WALCU_SEED from which seed.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;
use WalcuTest;
use WalcuTest::Tunnel;

my $count = $ENV{WALCU_URLS} // 250;
srand($ENV{WALCU_SEED} // 1);

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $sandbox = WalcuTest::Sandbox->start(port => $port, scale => 2, count => { cars => 3 },
    extra_listener => [ 'other_port', "other_host=127.0.0.2:$port" ]);
my $recorder = WalcuTest::Tunnel->start('127.0.0.1:1');
my $node = start_behind_proxy('http://127.0.0.1:' . $recorder->port);
my ($results_port) = $sandbox->results_endpoint =~ /:(\d+)$/;
my ($other_port) = $sandbox->extra_listener('other_port') =~ /:(\d+)$/;
setup_crm($node, $sandbox, limit_to => ['cars'], server => { fetch_mode => 'job', max_retries => 0, allow_http => 'true',
    request_timeout => '5s', connect_timeout => '2s', results_hosts => "127.0.0.1:$results_port, ext.example.test, [::1]:$results_port" });
my $dbh = connect_db($node);
my $backend = $dbh->{pg_pid};
$sandbox->settings(job_polls => 0);
my %trusted = map { $_ => 1 } 'connect ext.example.test:443', 'get http://ext.example.test/';

# What was found by hand
my @urls = (
    'http://HOST:0/x', 'https://HOST:0/x', 'http://127.0.0.1:0/x', 'https://ext.example.test:0/x', 'http://[::1]:0/', 'http://a:0',
    'http://ext.example.test:65536/', 'http://ext.example.test:99999999999999999999/', 'http://ext.example.test:-1/', 'https://ext.example.test:/x',
    'https://ext.example.test:443x/', 'https://ext.example.test:0443/', 'https://ext.example.test:4 43/',
    'https://ext.example.test./x', 'https://ext.example.test../x', 'https://EXT.Example.TEST/x', 'https://ext.example.test%2f.evil.test/x',
    'https://ext.example.test%00.evil.test/x', 'https://ext.example.test%23.evil.test/', 'https://%65xt.example.test/x', 'https://ext%2eexample.test/x',
    'https://evil.test%40ext.example.test/x', 'https://ext.example.test%40evil.test/x', 'https://ext.example.test@evil.test/', 'https://evil.test@ext.example.test/x',
    'https://ext.example.test:443@evil.test/', "https://ext.example.test\\.evil.test/", "https://ext.example.test\\\@evil.test/", "https:\\\\ext.example.test\\x",
    "https://ext.example.test\t.evil.test/x", "https://ext.example.test\n/x", "\thttps://ext.example.test/x", " https://ext.example.test/x", "https://ext.example.test /x",
    'https:ext.example.test/x', 'https:/ext.example.test/x', 'https:///ext.example.test/x', 'https:////ext.example.test/x', '//ext.example.test/x', 'ext.example.test',
    "https://\x{ff45}xt.example.test/x", "https://ext\x{3002}example.test/x", "https://ext.example.te\x{17f}t/x", "https://xn--ext-9na.example.test/x", "https://ext.ex\x{e4}mple.test/",
    "http://[::1]:$results_port/x", "http://[::1%25lo]:$results_port/x", "http://[::1%lo]:$results_port/x", "http://[::ffff:127.0.0.1]:$results_port/x", "http://[fe80::1%25eth0]/x",
    'http://[', 'http://[]', 'http://[::1', 'http://]', 'http://[::1]]/', 'http://[::1]x/', 'http://[v1.x]/', 'http://', 'https://', 'http:///', 'http://?', 'http://#', 'http://@', 'http://:', 'http://:80', 'http://.', 'http://..', '',
    "http://0x7f.1:$results_port/x", "http://2130706433:$results_port/x", "http://0177.0.0.1:$results_port/x", "http://127.1:$results_port/x", "http://0:$results_port/x", "http://127.0.0.1.:$results_port/x",
    "ftp://127.0.0.1:$results_port/x", "gopher://127.0.0.1:$results_port/x", "file:///etc/passwd", 'file://127.0.0.1/etc/passwd', "ws://127.0.0.1:$results_port/x", "dict://127.0.0.1:$results_port/x", 'javascript:x', 'HTTPS://ext.example.test/x',
    'https://ext.example.test?x', 'https://ext.example.test#x', 'https://ext.example.test?@evil.test/', 'https://ext.example.test#@evil.test/', 'https://evil.test?@ext.example.test', 'https://evil.test#@ext.example.test',
    'https://ext.example.test/' . 'x' x 20_000, 'https://' . 'a' x 70_000 . '/', 'https://' . 'a.' x 5_000 . 'ext.example.test/', 'http://user:pass@ext.example.test/x', 'http://:@ext.example.test/', 'http://@ext.example.test/x',
    'https://{ext.example.test}/x', 'https://ext.example.test,evil.test/', 'https://ext.example.test;evil.test/', 'https://ext.example.test&evil.test/', 'https://*.example.test/', 'https://"ext.example.test"/', "https://ext.example.test\x{7f}/",
);
push @urls, random_url() for 1 .. $count;

my %outcomes;
for my $url (@urls)
{
    for my $field (qw(job_url results_url))
    {
        my $fields = $field eq 'job_url' ? { job_url => $url } : { status => 'finished', results_url => $url };
        $sandbox->fault({ match => { kind => 'all' }, fault => { type => 'job_answer', fields => $fields } });
        $sandbox->clear_log;
        my $error = sql_error($dbh, 'SELECT _id FROM crm.cars');
        $sandbox->clear_faults;
        $outcomes{ $error ? $error->{sqlstate} : 'rows' }++;
        my @asked = map { s{^(get http://[^/?#]*).*}{$1/}r } map { /^(\S+ \S+)/ ? lc $1 : () } $recorder->heard_now;
        my @strangers = $field eq 'job_url' ? @asked : grep { !$trusted{$_} } @asked;
        push @strangers, map { "$_->{listener} $_->{raw_path}" } grep { $_->{listener} !~ ($field eq 'job_url' ? qr/^api$/ : qr/^(?:api|results)$/) } $sandbox->log;
        push @strangers, "state $error->{sqlstate}" if $error && $error->{sqlstate} !~ /^(?:08P01|08001|08006|42P01|HV.*|54000|22.*)$/;
        my $shown = substr $url, 0, 80;
        is("@strangers", '', "$field <@{[ $shown =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ger ]}>") if @strangers;
    }
}
ok($dbh->ping && $dbh->{pg_pid} == $backend, 'the session has survived ' . 2 * @urls . ' URLs');
cmp_ok($outcomes{'08P01'}, '>', 100, 'most are refused');
cmp_ok($outcomes{"08001"}, ">", 5, "some are asked");

# The right ones are asked, however they are written
for my $url ("http://127.0.0.1:$results_port/x", "HTTP://127.0.0.1:$results_port", 'https://ext.example.test/x', 'https://EXT.example.test:443/?x', 'http://ext.example.test/x')
{
    $recorder->heard_now;
    $sandbox->fault({ match => { kind => 'all' }, fault => { type => 'job_answer', fields => { status => 'finished', results_url => $url } } });
    $sandbox->clear_log;
    sql_error($dbh, 'SELECT _id FROM crm.cars');
    my @asked = ((map { /^(\S+ \S+)/ } $recorder->heard_now), grep { $_->{listener} eq 'results' } $sandbox->log);
    is(scalar @asked, 1, "<$url> is asked");
    $sandbox->clear_faults;
}

# What a definition says leads somewhere as well
for my $url (grep { !/\0/ } @urls)
{
    for my $option ([ CREATE => 'endpoint', $url ], [ CREATE => 'results_hosts', $url =~ s{^https?://}{}r ])
    {
        my (undef, $name, $value) = @$option;
        my $error = sql_error($dbh, 'CREATE SERVER odd FOREIGN DATA WRAPPER walcu_fdw OPTIONS (allow_http $$true$$, ' . $name . ' ' . $dbh->quote($value) . ')');
        fail("$name <$value>: $error->{sqlstate}") if $error && $error->{sqlstate} !~ /^22023|54000$/;
        $dbh->do('DROP SERVER odd') unless $error;
    }
}
ok($dbh->ping, 'and all of them as options');

done_testing();

sub pick { return $_[ rand @_ ] }

# A URL out of the parts that parsers disagree about.
sub random_url
{
    my $host = pick("127.0.0.1:$results_port", "127.0.0.1:$port", 'ext.example.test', 'evil.test', "127.0.0.2:$port", "127.0.0.1:$other_port", "localhost:$results_port",
        "[::1]:$results_port", 'ext.example.test:443', 'ext.example.test.evil.test', 'evil.test.ext.example.test');
    my @odd = ('@', ':', '\\', '/', '?', '#', '%40', '%2f', '%00', '%', "\t", ' ', "\n", '.', '0', ':0', ':80', ':443', '[', ']', '%25', "\x{3002}", "\x{ff0f}", "\x{fe5f}", "\x{e9}",
        ';', ',', '&', '..', '//', '|', '"', "'", '<', '{', 'evil.test', 'ext.example.test', '%65', '%2e', 'A', '-', '_', '~', '$', '^', '`');
    my $url = pick('http://', 'https://', 'https://', 'HTTP://', 'http:/', 'http:', '//', '', 'https:\\\\', 'ftp://', ' http://', 'http:///');
    $url .= pick('', '', '', 'user@', 'evil.test@', 'ext.example.test@', 'a:b@', "evil.test\\\@", '@', 'ext.example.test%40', '%40') . $host;
    $url .= pick('', '/x', '/x', '?x', '#x', '/@evil.test', "\\\@evil.test/", ':0/', ':/', '.', './x', '/../x', '/%2e%2e/x');
    substr $url, rand length $url, int rand 2, pick(@odd) for 1 .. rand 4;
    return $url;
}

sub start_behind_proxy
{
    my ($proxy) = @_;
    local @ENV{qw(http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ($proxy) x 5;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    return start_node('behind_proxy', log_min_messages => 'warning');
}
