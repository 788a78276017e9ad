# HTTP/2 over TLS: many requests on one connection; compressed replies; connections that
# outlive statements.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(tls => 1, scale => 20, count => { cars => 400 });
my $node = start_node();
my %server = (
    endpoint      => $sandbox->tls_endpoint,
    ca_file       => $sandbox->ca_file,
    results_hosts => $sandbox->tls_results_endpoint =~ s{^https://}{}r,
    fetch_size    => 10,
    max_retry_wait => '1ms',
    on_type_mismatch => 'null');
setup_crm($node, $sandbox, server => \%server, limit_to => [ 'cars', 'notes' ]);
my $dbh = connect_db($node);
my $scan = 'SELECT _id, make, computed FROM crm.cars';
my $expected = join ' ', map { $_->{_id} } $sandbox->dump('cars');

# A whole scan, in ranges
$sandbox->clear_log;
is(ids($scan), $expected, 'a scan over HTTP/2 is right');
my @requests = $sandbox->log(kind => 'list');
is_deeply([ unique(map { $_->{http_version} } @requests) ], ['2.0'], 'HTTP/2 is what is spoken');
is(scalar unique(map { $_->{connection} } @requests), 1, 'on one connection, however many requests are under way');
my ($connection) = unique(map { $_->{connection} } @requests);

# The next statements have it, too
$sandbox->clear_log;
is(ids('SELECT _id FROM crm.cars WHERE _id > $$6$$ AND make IS NOT NULL'), ids('SELECT _id FROM crm.cars WHERE _id > $$6$$ AND make IS NOT NULL'), 'again');
$dbh->do("SELECT walcu_fdw_request('crm', 'GET', '/cars')");
is_deeply([ unique(map { $_->{connection} } grep { $_->{method} eq 'GET' } $sandbox->log) ], [$connection],
    'the connection outlives statements');

# A background job goes to two hosts
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'job')");
$sandbox->clear_log;
is(ids($scan), $expected, 'a job over HTTP/2 is right');
is_deeply([ map { $_->{kind} } $sandbox->log ], [ 'all', ('job') x $sandbox->log(kind => 'job'), 'results' ], 'with its calls');
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'parallel')");

# What breaks one stream breaks no other
for my $fault ({ type => 'close', when => 'during' }, { type => 'close', when => 'before' }, { type => 'truncate' },
    { type => 'status', status => 503 }, { type => 'slow', bytes => 2000, ms => 1 })
{
    $sandbox->fault({ match => { kind => 'list' }, skip => 5, times => 2, fault => $fault });
    is(ids($scan), $expected, "$fault->{type} of one stream: the others go on, and it is asked for again");
    $sandbox->clear_faults;
}

# A statement that stops early takes back the streams that are under way; the connection stays good
$sandbox->fault({ match => { kind => 'list' }, skip => 1, fault => { type => 'latency', ms => 300 } });
for (1 .. 5)
{
    isnt(sql_error($dbh, "SELECT 1 / (row_number() OVER () - 15) FROM crm.cars"), undef, 'an error in the middle');
}
$sandbox->clear_faults;
$sandbox->clear_log;
is(ids($scan), $expected, 'the next scan is right');
is(scalar unique(map { $_->{connection} } $sandbox->log), 1, 'on one connection');

# Compressed replies
for my $coding (qw(gzip br deflate))
{
    $sandbox->settings(compress => [$coding]);
    $sandbox->clear_log;
    is(ids($scan), $expected, "a scan of replies compressed with $coding is right");
    is_deeply([ unique(map { $_->{encoding} // '' } $sandbox->log) ], [$coding], 'and they are');
    $sandbox->fault({ match => { kind => 'list' }, skip => 3, times => 1, fault => { type => 'truncate' } });
    is(ids($scan), $expected, "one that is cut is asked for again");
    $sandbox->clear_faults;
}
$sandbox->settings(compress => []);

# HTTP/1.1 where nothing else is offered: as many connections as requests at once
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->endpoint . "')");
$sandbox->clear_log;
is(ids($scan), $expected, 'a scan over HTTP/1.1 is right');
is_deeply([ unique(map { $_->{http_version} } $sandbox->log) ], ['1.1'], 'without TLS HTTP/1.1 is spoken');
cmp_ok(scalar unique(map { $_->{connection} } $sandbox->log), '<=', 4, 'on max_connections connections at most');

# A write shares the connection that was just used, and nobody repeats it when it breaks
$sandbox->clear_log;
$dbh->do(q{SELECT walcu_fdw_request('crm', 'POST', '/notes', body => '{}')}) for 1 .. 2;
is(scalar unique(map { $_->{connection} } $sandbox->log), 1, 'writes share a connection');
$sandbox->fault({ match => { kind => 'create' }, fault => { type => 'close', when => 'before' } });
$sandbox->clear_log;
is(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'POST', '/notes', body => '{}')})->{sqlstate}, '08007', 'one that gets no reply');
is($sandbox->request_count, 1, 'is not repeated');
$sandbox->clear_faults;

# One without a body shares it, too, though libcurl would repeat it
my ($note) = map { $_->{_id} } $sandbox->dump('notes');
$dbh->do(q{SELECT walcu_fdw_request('crm', 'POST', '/notes', body => '{}')});
$sandbox->fault({ match => { kind => 'delete' }, fault => { type => 'close', when => 'before' } });
$sandbox->clear_log;
is(sql_error($dbh, "SELECT walcu_fdw_request('crm', 'DELETE', '/notes/$note')")->{sqlstate}, '08007', 'a DELETE that gets no reply');
is($sandbox->request_count, 1, 'is not repeated either');
$sandbox->clear_faults;

$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->tls_endpoint . "')");

# Nor is one of these repeated when the service refuses its stream: libcurl does not tell
for my $call ("'POST', '/notes', body => '{}'", "'DELETE', '/notes/$note'")
{
    $dbh->do(q{SELECT walcu_fdw_request('crm', 'POST', '/notes', body => '{}')});
    $sandbox->fault({ match => {}, times => 1, fault => { type => 'reset', when => 'before', code => 7 } });
    $sandbox->clear_log;
    is(sql_error($dbh, "SELECT walcu_fdw_request('crm', $call)")->{sqlstate}, '08007', "a stream that is refused: $call");
    is($sandbox->request_count, 1, 'is not asked for again');
    $sandbox->clear_faults;
}

done_testing();

sub ids
{
    my ($sql) = @_;
    return join ' ', sort @{ $dbh->selectcol_arrayref($sql) };
}

sub unique
{
    my %seen;
    return grep { !$seen{$_}++ } @_;
}
