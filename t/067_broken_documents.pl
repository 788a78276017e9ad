# Replies that end well and hold what is no JSON: that is said, and they are asked for again as other broken replies are.
# And what EXPLAIN repeats of the service is cut between two characters.

use strict;
use warnings;
use utf8;

use Encode qw(encode);
use Test::More;
use WalcuTest;

my $retries = 2;
my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars notes)],
    server => { max_retries => $retries, max_retry_wait => '20ms', fetch_mode => 'pages', max_connections => 1 });
my $dbh = connect_db($node);
my $all = $dbh->selectcol_arrayref('SELECT _id FROM crm.notes ORDER BY _id COLLATE "C"');

# Each takes the place of a document; what is before it is read, and the rest is asked for again
my @broken = (
    '{]', '{"a":1]', '{[}', '{"a":[}}', '{"a":}', '{"a"}', '{,}', '{"a":1,}', '{a:1}', '{"a":01}', "{\"a\":\"\x01\"}", '{"a" 1}', '{"_id"}',
    '{"_id":}', '{"_id":1]', '{"_id":"x"]',
);
for my $paging (qw(key skip))
{
    $dbh->do('ALTER SERVER crm OPTIONS (' . ($paging eq 'key' ? 'ADD' : 'SET') . " paging '$paging')");
    for my $document (@broken)
    {
        my $reply = qq([{"_id":"$all->[0]","content":"first"},$document]);
        canned($reply, 1);
        is_deeply($dbh->selectcol_arrayref('SELECT _id FROM crm.notes'), $all, "$paging: $document once");
    }
    my @endless = $paging eq 'key' ? @broken : @broken[ 0, 4 ];
    for my $document (@endless)
    {
        canned("[$document]");
        $sandbox->clear_log;
        my $error = sql_error($dbh, 'SELECT _id FROM crm.notes');
        is($error->{sqlstate}, '08P01', "$paging: $document for ever");
        like($error->{message}, qr/ answered with a malformed reply: (?:it is not a list of documents|a document in it is not valid JSON)$/,
            'it says what is wrong');
        is($sandbox->request_count(kind => 'list'), 1 + $retries, 'and was asked for again');
    }
}

# A document that is JSON and has no string as _id is another thing
$dbh->do("ALTER SERVER crm OPTIONS (SET paging 'key')");
for my $document ('{}', '{"_id":1}', '{"_id":null}', '{"_id":["x"]}', '{"x":{"_id":"x"}}')
{
    canned("[$document]");
    $sandbox->clear_log;
    my $error = sql_error($dbh, 'SELECT _id FROM crm.notes');
    like($error->{message}, qr/ has no _id that is a string$/, "$document has no string as _id");
    is($error->{detail}, 'It is the first of those that were asked for.', 'as the first one');
    is($sandbox->request_count(kind => 'list'), 1, 'and is asked for once');
}
$sandbox->clear_faults;

# The state of a job, in EXPLAIN: cut, but not within a character
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'job')");
my @states = map { my $x = 'x' x $_; ($x . 'é' x 120, $x . '漢' x 80, $x . '😀' x 60) } 0 .. 3;
for my $state (@states)
{
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'all' }, fault => { type => 'job_answer', fields => { status => $state } } });
    my ($line) = grep { /Pages because/ } @{ $dbh->selectcol_arrayref('EXPLAIN (ANALYZE, COSTS off) SELECT * FROM crm.notes') };
    like($line // '', qr/^ *Pages because: the job is "x*(?:é+|漢+|😀+)"?$/, 'whole characters of a state of ' . length encode('UTF-8', $state));
}
$sandbox->clear_faults;

done_testing();

# What the service answers to a list, from now on or so many times.
sub canned
{
    my ($body, $times) = @_;
    $sandbox->clear_faults;
    $sandbox->fault(
        {   ($times ? (times => $times) : ()),
            match => { kind => 'list' },
            fault => {
                type => 'reply',
                headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'true' },
                body => $body,
            } });
    return;
}
