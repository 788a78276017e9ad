# What a service may say in forms of its own: heads before the head, content types in capitals, 3xx that lead nowhere.  And
# messages go to terminals and logs: an _id in them is short and without control characters, whatever it is.

use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use WalcuTest;
use WalcuTest::RawServer;

my $raw = WalcuTest::RawServer->start;
my $node = start_node('main', log_min_messages => 'warning');
my $columns = '(_id text COLLATE "C", name text COLLATE "C", n int) SERVER crm OPTIONS (resource';
$node->safe_psql('postgres', join ";\n",
    'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA t', 'CREATE SCHEMA imported',
    'CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw '
      . options_sql({ endpoint => $raw->endpoint, dealer_id => WalcuTest::Sandbox::DEALER, max_retries => 0, fetch_mode => 'pages', id_type => 'string' }),
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE t.cars $columns 'cars')", "CREATE FOREIGN TABLE t.skipped $columns 'cars', paging 'skip', fetch_size '1')",
    "CREATE FOREIGN TABLE t.tasks $columns 'tasks')");
my $dbh = connect_db($node);
$dbh->do("SET statement_timeout = '10s'");
my $document = '{"_id": "a", "name": "x"}';
my $no_more = 'MAPP-has-more: false';
my $scan = 'SELECT count(name) FROM t.cars';

# Content types, and other words, in capitals
for my $type ('Application/JSON', 'APPLICATION/VND.API+JSON; CHARSET=UTF-8', 'application/Json')
{
    $raw->answer(
        { match => '^GET', say => reply(200, "[$document]", headers => [ "CONTENT-TYPE: $type", 'mapp-HAS-MORE: FALSE' ]) },
        { match => '^(?:POST|DELETE)', say => reply(200, $document, headers => ["content-type: $type"]) });
    is($dbh->selectrow_array($scan), 1, "$type is JSON");
    is(sql_error($dbh, $_), undef, $_) for "INSERT INTO t.tasks (name) VALUES ('x')", "DELETE FROM t.tasks WHERE _id = 'a'";
    is($dbh->selectrow_array("SELECT walcu_fdw_request('crm', 'GET', '/cars')->0->>'name'"), 'x', 'and a single call');
    my $schema = '{"type": "array", "items": {"type": "object", "properties": {"_id": {"type": "string"}}}}';
    $raw->answer({ match => 'service-desc', say => reply(200,
        "{\"openapi\": \"3.0.0\", \"paths\": {\"/cars\": {\"get\": {\"responses\": {\"200\": {\"content\": {\"$type\": {\"schema\": $schema}}}}}}}}") });
    is(sql_error($dbh, 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO imported'), undef, 'and a description that names it');
    $dbh->do('DROP FOREIGN TABLE imported.cars');
}
$raw->answer({ match => '.', say => reply(200, "[$document]", headers => ['Content-Type: TEXT/HTML']) });
is(sql_error($dbh, $scan)->{sqlstate}, '08P01', 'HTML is not');

# Heads before the head say nothing of the reply
my $early = "HTTP/1.1 103 Early Hints\r\nMAPP-has-more: true\r\nContent-Type: text/html\r\nLocation: /x\r\nRetry-After: 9\r\n\r\n";
$raw->answer({ match => '.', say => "HTTP/1.1 100 Continue\r\n\r\n$early" . reply(200, "[$document]", headers => [$no_more]) });
is($dbh->selectrow_array($scan), 1, 'what stands in a 103 is not said of the reply');
is(scalar $raw->requests, 1, 'nor that more follows');
$raw->answer({ match => '.', say => $early, end => 'close' });
is(sql_error($dbh, $scan)->{sqlstate}, '08006', 'and a 103 alone is no reply');
$raw->answer({ match => '.', say => $early, end => 'close' });
is(sql_error($dbh, "DELETE FROM t.tasks WHERE _id = 'a'")->{sqlstate}, '08007', 'to a write neither');
$raw->answer({ match => '.', say => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n[$document]", end => 'close' });
is(sql_error($dbh, $scan)->{sqlstate}, '08006', 'nor is another protocol');
# trailers
$raw->answer({ match => '.', say => head(200, headers => [ 'Transfer-Encoding: chunked', $no_more ]) . "3\r\n[{}\r\n0\r\nMAPP-has-more: true\r\n\r\n" =~ s/3\r\n\[\{\}/sprintf("%x\r\n[%s]", 2 + length $document, $document)/er });
is($dbh->selectrow_array($scan), 1, 'nor do trailers say anything');
is(scalar $raw->requests, 1, 'of what follows');

# 3xx without a place
for my $status (304, 300)
{
    $raw->answer({ match => '.', say => "HTTP/1.1 $status Status\r\n" . ($status == 304 ? '' : "Content-Length: 0\r\n") . "\r\n" });
    my $error = sql_error($dbh, $scan);
    is($error->{sqlstate}, '08P01', "$status is an error");
    is($error->{message}, "server \"crm\" answered $status", 'and not called a redirect to nowhere');
}

# Ids in messages: with escape sequences, and of ten million bytes
my %ids = (escapes => "a\e]0;x\a\r\n\x{9b}31m", long => 'b' x 10_000_000);
for my $kind (sort keys %ids)
{
    my $id = $ids{$kind};
    my $json = JSON::PP->new->utf8->allow_nonref->encode($id);
    my $with = sub { "{\"_id\": $json, \"name\": \"x\", \"n\": $_[0]}" };
    my %cases = (
        'a wrong type'      => [ 'SELECT n FROM t.cars', '[' . $with->('"no number"') . ']' ],
        'no JSON'           => [ 'SELECT n FROM t.cars', '[' . $with->('nul') . ']' ],
        'the wrong order'   => [ 'SELECT _id FROM t.cars', '[' . $with->(1) . ',' . $with->(1) . ']' ],
        'no _id behind it'  => [ 'SELECT _id FROM t.cars', '[' . $with->(1) . ',{"name": "x"}]' ],
        'an offset ignored' => [ 'SELECT name FROM t.skipped', '[' . $with->(1) . ']', 'MAPP-has-more: true' ],
    );
    for my $name (sort keys %cases)
    {
        my ($sql, $body, $header) = @{ $cases{$name} };
        $raw->answer({ match => '.', say => reply(200, $body, headers => [ $header // $no_more ]) });
        is_printable(sql_error($dbh, $sql), "$kind: $name");
    }
    my $quoted = $dbh->quote($id);
    $raw->answer({ match => '^POST', say => reply(201, $with->(1)), times => 1 }, { match => '.', say => reply(422, '{"error": "no"}') });
    is_printable(sql_error($dbh, "INSERT INTO t.tasks (_id) VALUES ('other')"), "$kind: another _id than was sent");
    $raw->answer({ match => '^POST', say => reply(201, $with->(1)), times => 1 }, { match => '.', say => reply(422, '{"error": "no"}') });
    is_printable(sql_error($dbh, "INSERT INTO t.tasks (name) VALUES ('x'), ('y') RETURNING name"), "$kind: what was written");
    $raw->answer({ match => '.', say => reply(403, '{"error": "no"}') });
    is_printable(sql_error($dbh, $_ . " WHERE _id = $quoted"), "$kind: $_")
      for 'SELECT name FROM t.cars', 'DELETE FROM t.tasks', "UPDATE t.tasks SET name = 'x'";
    $raw->answer({ match => '.', say => '', end => 'close' });
    is_printable(sql_error($dbh, "DELETE FROM t.tasks WHERE _id = $quoted"), "$kind: what is in doubt");
}

# And in the log
my $log = join "\n", grep { / (?:ERROR|DETAIL|HINT|CONTEXT|WARNING): / } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($log, qr/DETAIL: /, 'the log has the same');
unlike($log, qr/[\e\a]/, 'without escape sequences of documents');
cmp_ok(length $log, '<', 1_000_000, 'and is short');

done_testing();

sub is_printable
{
    my ($error, $name) = @_;
    my $text = join "\n", map { $error->{$_} // '' } qw(message detail hint);
    isnt($error, undef, $name);
    unlike($text, qr/[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]/, 'the message has no control characters');
    cmp_ok(length $text, '<', 10_000, 'and is short');
    return;
}
