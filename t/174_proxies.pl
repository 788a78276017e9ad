# What fails before a proxy has led to the service was never sent: a write is tried again there, and when it
# fails for good, nothing is in doubt.  What fails after that is in doubt as ever.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Proxy;

my $sandbox = WalcuTest::Sandbox->start(tls => ['api.crm.walcu.com'], scale => 2, count => { tasks => 150 });
my @ids = map { $_->{_id} } $sandbox->dump('tasks');
my $place = $sandbox->tls_endpoint =~ s{^https://}{}r;
my $proxy = WalcuTest::Proxy->start($place);
my %server = (endpoint => 'https://api.crm.walcu.com', ca_file => $sandbox->ca_file, max_retries => 3, max_retry_wait => '1ms',
    request_timeout => '10s');
my @writes = (
    [ 'INSERT' => q{INSERT INTO crm.tasks (description) VALUES ('new')}, 'create' ],
    [ 'UPDATE' => q{UPDATE crm.tasks SET description = 'other' || random() WHERE _id = 'ID'}, 'patch' ],
    [ 'DELETE' => q{DELETE FROM crm.tasks WHERE _id = 'ID'}, 'delete' ],
    [ 'POST' => q{SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{}')}, 'create' ],
);
my @stages = (
    [ 'closes at once' => 'refuse' ],
    [ 'closes when asked' => 'cut' ],
    [ 'has no service' => { answer => "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n" } ],
    [ 'is overloaded' => { answer => "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nbusy" } ],
    [ 'breaks off its answer' => { answer => "HTTP/1.1 200 Connec" } ],
    [ 'cannot reach the service' => { answer => "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00" }, 'socks5h' ],
    [ 'is closed at the first bytes of TLS' => 'tls_cut' ],
    [ 'answers with something else than TLS' => 'tls_garbage' ],
    [ 'is closed in the middle of TLS' => 'tls_half' ],
);

for my $kind ('http', 'socks5h')
{
    local @ENV{qw(https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ("$kind://127.0.0.1:" . $proxy->port) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    my $node = start_node("behind_$kind", log_min_messages => 'warning');
    setup_crm($node, $sandbox, limit_to => ['tasks'], server => \%server);
    my $dbh = connect_db($node);

    for my $row (@stages)
    {
        my ($name, $stage, $of) = @$row;
        next if ref $stage && $kind ne ($of // 'http');
        for my $write (@writes)
        {
            my ($statement, $sql, $call) = @$write;
            $sql =~ s/ID/fresh_id()/e;
            $dbh->do('SELECT walcu_fdw_disconnect_all()');
            $sandbox->clear_log;
            $proxy->break($stage, 2);
            is(sql_error($dbh, $sql), undef, "$kind: a proxy that $name: $statement is tried again");
            is($proxy->broken, 2, 'as often as it takes');
            is($sandbox->request_count(kind => $call), 1, 'and is carried out once');

            next if $statement ne 'DELETE';
            $dbh->do('SELECT walcu_fdw_disconnect_all()');
            $sandbox->clear_log;
            $proxy->break($stage, 100);
            my $error = sql_error($dbh, $sql);
            is($error->{sqlstate}, '08001', "$kind: a proxy that always $name: $statement fails");
            unlike($error->{hint} // '', qr/not known/, 'and is not in doubt');
            is($proxy->broken, 4, 'after all retries');
            is($sandbox->request_count, 0, 'the service has heard nothing');
            $proxy->break('', 0);
        }
    }
}

# One that refuses is not asked again
{
    local @ENV{qw(https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ('http://127.0.0.1:' . $proxy->port) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    my $node = start_node('refused', log_min_messages => 'warning');
    setup_crm($node, $sandbox, limit_to => ['tasks'], server => \%server);
    my $dbh = connect_db($node);
    $dbh->do('SELECT walcu_fdw_disconnect_all()');
    for my $status ('407 Proxy Authentication Required', '403 Forbidden')
    {
        $proxy->break({ answer => "HTTP/1.1 $status\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n" }, 100);
        my $error = sql_error($dbh, 'SELECT _id FROM crm.tasks LIMIT 1');
        is($error->{sqlstate}, '08001', "a proxy that answers $status");
        like($error->{message}, qr/\b@{[ substr $status, 0, 3 ]}\b/, 'the message names the status');
        is($proxy->broken, 1, 'it is asked once');
    }
}

$proxy->break('', 0);

# What it says of a tunnel is not the service's reply
{
    local @ENV{qw(https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ('http://127.0.0.1:' . $proxy->port) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    my $node = start_node('talkative', log_min_messages => 'warning');
    setup_crm($node, $sandbox, limit_to => ['tasks'], server => \%server);
    $proxy->break({ greet => "HTTP/1.1 200 OK\r\nMAPP-has-more: false\r\nContent-Type: text/html\r\n\r\n" }, 100);
    my $dbh = connect_db($node);
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'pages')");
    $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'has_more', value => 'missing' } });
    is($dbh->selectrow_array('SELECT count(*) FROM crm.tasks WHERE _id IS NOT NULL'), $sandbox->dump_lines('tasks'),
        'the head of a tunnel says nothing of the documents');
}

done_testing();

sub fresh_id
{
    return shift @ids;
}
