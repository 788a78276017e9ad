# Memory is flat, whatever the service sends: blanks without end, pages that are only counted, compressed replies that
# are much longer than they look, errors without end, descriptions of a hundred megabytes.  What is refused says which limit it met.

use strict;
use warnings;

use Compress::Zlib ();
use File::Temp ();
use POSIX ();
use Test::More;
use WalcuTest;
use WalcuTest::Backend;
use WalcuTest::RawServer;

use constant MB => 1024 * 1024;

my $raw = WalcuTest::RawServer->start;
my $node = start_node('main', log_min_messages => 'warning');
my $columns = '(_id text COLLATE "C", make text COLLATE "C") SERVER crm OPTIONS (resource';
$node->safe_psql('postgres', join ";\n",
    'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA t', 'CREATE SCHEMA imported',
    'CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw '
      . options_sql({ endpoint => $raw->endpoint, dealer_id => WalcuTest::Sandbox::DEALER, max_retries => 0, request_timeout => '20s' }),
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE t.cars $columns 'cars', fetch_mode 'pages')", "CREATE FOREIGN TABLE t.jobs $columns 'cars', fetch_mode 'job')",
    "CREATE FOREIGN TABLE t.counts $columns 'cars')", "CREATE FOREIGN TABLE t.ranges $columns 'cars', fetch_mode 'parallel', fetch_size '100')",
    "CREATE FOREIGN TABLE t.tasks $columns 'tasks', max_document_size '1MB')");

my $document = '{"_id": "600000000000000000000001", "make": "SEAT"}';
my $blanks = { repeat => ' ' x 65536, times => 3200 };    # 200 MB
my %in_a_list = map { $_->[0] => [ head(200, headers => ['MAPP-has-more: false']), @{ $_->[1] } ] } (
    [ 'before the list',      [ $blanks, "[$document]" ] ],
    [ 'before a document',    [ '[', $blanks, "$document]" ] ],
    [ 'behind a document',    [ "[$document", $blanks, ']' ] ],
    [ 'between documents',    [ "[$document,", $blanks, $document =~ s/01"/02"/r . ']' ] ],
    [ 'behind the list',      [ "[$document]", $blanks ] ]);

# Blanks where no document is
for my $place (sort keys %in_a_list)
{
    my $rows = $place eq 'between documents' ? 2 : 1;
    is_flat("blanks $place", 'SELECT count(make) FROM t.cars', $rows, { match => '/cars', say => $in_a_list{$place}, end => 'close' });
}
is_flat('blanks in what is counted', 'SELECT count(*) FROM t.counts', 1,
    { match => '/cars', say => $in_a_list{'before a document'}, end => 'close' });
is_flat('blanks before a document asked for by its id', "SELECT count(make) FROM t.cars WHERE _id = '600000000000000000000001'", 1,
    { match => '/cars', say => [ head(200), $blanks, $document ], end => 'close' });
is_flat('blanks in the results of a job', 'SELECT count(make) FROM t.jobs', 1,
    { match => '/all', say => reply(200, '{"status": "finished", "results_url": "' . $raw->endpoint . '/results"}') },
    { match => '/results', say => $in_a_list{'before a document'}, end => 'close' });
is_flat('blanks in the answer of a job: its answer is too long, and pages are read', 'SELECT count(make) FROM t.jobs', 1,
    { match => '/all', say => [ head(200), $blanks, '{}' ], end => 'close' },
    { match => '/cars', say => reply(200, "[$document]", headers => ['MAPP-has-more: false']) });
is_flat('blanks in a sample', 'ANALYZE t.counts', undef, { match => '/cars', say => $in_a_list{'before a document'}, end => 'close' });
is_refused('blanks in the reply to a write', "INSERT INTO t.tasks (make) VALUES ('x')", '54000', qr/a document of resource "tasks" is longer than 1048576 bytes/,
    { match => '/tasks', say => [ head(201), $blanks, $document ], end => 'close' });

# A page that is only counted
my $long = '{"_id": "600000000000000000000002", "x": "' . 'x' x 100_000 . '"}';
is_flat('a page of 100 MB that is counted', 'SELECT count(*) FROM t.counts', 1001,
    { match => '/cars', say => [ head(200, headers => ['MAPP-has-more: false']), "[$document", { repeat => ",$long", times => 1000 }, ']' ], end => 'close' });

# Compressed replies
my $bomb = Compress::Zlib::memGzip('[' . ' ' x (200 * MB) . "$document]");
my $gzip = [ 'Content-Encoding: gzip', 'MAPP-has-more: false' ];
# these versions decompress all that has come while their reader waits, up to 64 MB
my $at_once = has_libcurl('8.13.0') && !has_libcurl('8.23.0') && qr/^a compressed reply from server "crm" becomes too much at once$/;
my @bomb = ('200 MB of blanks in 200 kB', 'SELECT count(make) FROM t.cars');
my $rule = { match => '/cars', say => reply(200, $bomb, headers => $gzip) };
$at_once ? is_refused(@bomb, '54000', $at_once, $rule) : is_flat(@bomb, 1, $rule);
$node->safe_psql('postgres', "ALTER SERVER crm OPTIONS (ADD max_reply_size '100MB')");
for my $sql ('SELECT count(make) FROM t.cars', 'SELECT count(*) FROM t.counts', "SELECT walcu_fdw_request('crm', 'GET', '/cars')")
{
    is_refused("$sql, more than max_reply_size", $sql, '54000', $at_once || qr/^a reply from server "crm" is longer than 104857600 bytes$/,
        { match => '/cars', say => reply(200, $bomb, headers => $gzip) });
}
$node->safe_psql('postgres', 'ALTER SERVER crm OPTIONS (DROP max_reply_size)');
my $twice = Compress::Zlib::memGzip(Compress::Zlib::memGzip('[' . ' ' x (400 * MB) . ']'));
is_refused('what is compressed twice', 'SELECT count(make) FROM t.cars', '54000', qr/^a compressed reply from server "crm" becomes too much at once$/,
    { match => '/cars', say => reply(200, $twice, headers => ['Content-Encoding: gzip, gzip']) });
is_refused('an error that is a bomb', 'SELECT count(make) FROM t.cars', '08006', qr/answered 500/,
    { match => '/cars', say => reply(500, $bomb, headers => $gzip) });
my $short = Compress::Zlib::memGzip("[$document, " . $document =~ s/01"/02"/r . ']');
for my $length (0 .. length($short) - 1)
{
    my $rule = { match => '/cars', say => reply(200, substr($short, 0, $length), headers => $gzip) };
    my @outcomes = map { outcome($_, $rule) } 'SELECT count(make) FROM t.cars', "SELECT jsonb_array_length(walcu_fdw_request('crm', 'GET', '/cars'))";
    # its last bytes are a check sum, and the mark of the end
    is(scalar(grep { !/^(?:08P01|08006)$/ && !($length >= length($short) - 10 && $_ eq '2') } @outcomes), 0, "compressed, cut at $length: @outcomes");
}

# Errors and heads without end
for my $status (403, 500)
{
    is_refused("an endless body of $status", 'SELECT count(make) FROM t.cars', $status == 403 ? '42501' : '08006', qr/answered $status: xxx/,
        { match => '/cars', say => [ head($status), { repeat => 'x' x 65536 } ] });
}
is_refused('an endless error of a write', "INSERT INTO t.tasks (make) VALUES ('x')", '23514', qr/answered 422: xxx/,
    { match => '/tasks', say => [ head(422), { repeat => 'x' x 65536 } ] });
is_refused('an endless redirect', 'SELECT count(make) FROM t.cars', '08P01', qr/answered 302/,
    { match => '/cars', say => [ head(302, headers => ['Location: /x']), { repeat => 'x' x 65536 } ] });
is_refused('an endless head', 'SELECT count(make) FROM t.cars', '54000', qr/the header of a reply from server "crm" is longer/,
    { match => '/cars', say => [ "HTTP/1.1 200 OK\r\n", { repeat => "X-Header: x\r\n" x 1000 } ] });
is_refused('endless announcements', 'SELECT count(make) FROM t.cars', '54000', qr/the header of a reply from server "crm" is longer/,
    { match => '/cars', say => [ { repeat => "HTTP/1.1 103 Early Hints\r\nX-Header: x\r\n\r\n" x 100 } ] });

# Descriptions
my $import = 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO imported';
my $begin = '{"openapi": "3.0.0", "paths": {}, "x": ';
is_refused('a description of 100 MB', $import, '54000', qr/^a reply from server "crm" is longer than 16 MB$/,
    { match => 'service-desc', say => [ head(200), "$begin\"", { repeat => 'x' x MB, times => 100 }, '"}' ], end => 'close' });
is_refused('a description of two million values', $import, '54000', qr/^the description of the service is too large$/, { most => 400 * MB },
    { match => 'service-desc', say => reply(200, $begin . '[' . '{},' x 2_000_000 . '1]}') });
is_refused('a description of what is left of 16 MB', $import, 'HV00Q', qr/cannot be used/,
    { match => 'service-desc', say => reply(200, $begin . '"' . 'x' x (15 * MB) . '"}') });
{
    my $dbh = connect_db($node);
    $raw->answer({ match => 'service-desc', say => [ head(200), $begin, { repeat => '[' } ] });
    $dbh->do('SET statement_timeout = 200');
    is(sql_error($dbh, $import)->{sqlstate}, '57014', 'one that does not end can be cancelled');
}

# A ca_file that is none: reading it would take for ever
{
    my $directory = File::Temp->newdir;
    POSIX::mkfifo("$directory/fifo", 0600) or die "no FIFO: $!";
    chmod 0755, $directory;
    my $dbh = connect_db($node);
    $dbh->do("SET statement_timeout = '5s'");
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'https://127.0.0.1:1', ADD ca_file '/dev/zero')");
    for my $path ('/dev/zero', "$directory/fifo", $directory)
    {
        $dbh->do("ALTER SERVER crm OPTIONS (SET ca_file '$path')");
        for my $sql ('SELECT FROM t.cars', $import, "INSERT INTO t.tasks (make) VALUES ('x')")
        {
            my $error = sql_error($dbh, $sql);
            is($error->{sqlstate}, '42809', "ca_file '$path', $sql");
            like($error->{message}, qr/not a regular file/, 'the message says why');
        }
    }
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '@{[ $raw->endpoint ]}', DROP ca_file)");
}

# Documents whose ids are no ObjectIds: nothing is left of those that have gone
{
    my @ids = map { sprintf '%05d', $_ } 1 .. 20_000;
    my @rules;
    for (my $from = 0; $from < @ids; $from += 100)
    {
        my $page = '[' . join(',', map { "{\"_id\": \"$_\", \"make\": \"x\"}" } @ids[ $from .. $from + 99 ]) . ']';
        my $more = $from + 100 < @ids ? 'true' : 'false';
        push @rules, { match => $from ? "gt\\S*$ids[$from - 1]\\b" : '^GET (?!\S*gt)', say => reply(200, $page, headers => ["MAPP-has-more: $more"]) };
    }
    # the last page, which is looked at once a session
    my $last = '[' . join(',', map { "{\"_id\": \"$_\", \"make\": \"x\"}" } reverse @ids[ -100 .. -1 ]) . ']';
    unshift @rules, { match => 'sort=-_id', say => reply(200, $last, headers => ['MAPP-has-more: true']) };
    $raw->answer(@rules);
    my $dbh = connect_db($node);
    $dbh->begin_work;
    $dbh->do('SET LOCAL cursor_tuple_fraction = 1');
    my $plan = join "\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT _id FROM t.ranges') };
    like($plan, qr/Strategy: parallel/, 'ranges are looked for');
    $dbh->do('DECLARE c CURSOR FOR SELECT _id FROM t.ranges');
    my ($used, $rows) = (0, 0);
    my $memory = q{SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name NOT LIKE 'Cache%'};
    for my $count (2000, 17_000)
    {
        $dbh->do("MOVE $count FROM c");
        my ($now) = $dbh->selectrow_array($memory);
        cmp_ok($now - $used, '<', 50_000, 'memory behind 15,000 more documents') if $used;
        $used = $now;
    }
    is(scalar @{ $dbh->selectall_arrayref('FETCH ALL FROM c') }, 1000, 'and the last ones come');
    $dbh->rollback;
}

done_testing();

# A statement in a session of its own brings this and needs little memory.
sub is_flat
{
    my ($name, $sql, $right, @rules) = @_;
    my ($got, $error, $grown) = run($sql, @rules);
    is($error ? "$error->{sqlstate} $error->{message}" : $got, $right, $name);
    cmp_ok($grown, '<', 50 * MB, "$name: in flat memory");
    return;
}

sub is_refused
{
    my ($name, $sql, $sqlstate, $message, @rules) = @_;
    my $options = $rules[0]{match} ? {} : shift @rules;
    my ($got, $error, $grown) = run($sql, @rules);
    is($error && $error->{sqlstate}, $sqlstate, $name) or diag explain $error;
    like($error && $error->{message}, $message, "$name: the message says why");
    cmp_ok($grown, '<', $options->{most} // 200 * MB, "$name: in little memory");
    return;
}

sub run
{
    my ($sql, @rules) = @_;
    my $dbh = connect_db($node);
    $dbh->do("SET statement_timeout = '20s'");
    $dbh->do('SELECT walcu_fdw_version()');
    $raw->answer(@rules);
    my $before = peak($dbh);
    my $got;
    my $error = sql_error($dbh, $sql =~ /^SELECT/ ? "CREATE TEMP TABLE got AS $sql" : $sql);
    ($got) = $dbh->selectrow_array('SELECT * FROM got') if !$error && $sql =~ /^SELECT/;
    return ($got, $error, peak($dbh) - $before);
}

sub peak
{
    my ($dbh) = @_;
    open my $status, '<', "/proc/$dbh->{pg_pid}/status" or die "no status: $!";
    my ($kilobytes) = map { /^VmHWM:\s*(\d+) kB/ ? $1 : () } <$status>;
    return 1024 * $kilobytes;
}

sub outcome
{
    my ($sql, @rules) = @_;
    our $short_session //= connect_db($node);
    $raw->answer(@rules);
    my $got = eval { $short_session->selectrow_array($sql) };
    return defined $got ? $got : $short_session->state;
}
