# Replies as other programs write them: what says that there is no document, the mark of UTF-8 before a body, no word of
# whether more follows, and texts that no other program can hold.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $NOBODY = 'f' x 24;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 60, clients => 30, notes => 5 }, job_polls => 0);
my $node = start_node('main', log_min_messages => 'warning');
my %server = (on_type_mismatch => 'null', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r, max_retry_wait => '1ms');
setup_crm($node, $sandbox, limit_to => [qw(cars clients notes)], server => \%server);
my $dbh = connect_db($node);
my ($somebody) = map { $_->{_id} } $sandbox->dump('notes');

sub requests { return join ', ', map { $_->{method} } $sandbox->log }

# No document: the answer is that of 404.  What a fault may look like, too, is believed when it is said again
for my $no_document (qw(status null null_in_list empty_list empty_body no_content))
{
    $sandbox->settings(no_document => $no_document);
    for my $row (
        [ "SELECT count(*) FROM crm.notes WHERE _id = '$NOBODY'", 'GET' ],
        [ "SELECT count(*) FROM (SELECT FROM crm.notes WHERE _id = '$NOBODY' AND content LIKE 'x%') x", 'GET' ],
        [ "UPDATE crm.notes SET content = 'x' WHERE _id = '$NOBODY'", 'PATCH' ],
        [ "UPDATE crm.notes SET content = 'x' WHERE _id = '$NOBODY' RETURNING content", 'PATCH' ],
        [ "UPDATE crm.notes SET content = content || 'x' WHERE _id = '$NOBODY'", 'GET' ],
        [ "DELETE FROM crm.notes WHERE _id = '$NOBODY'", 'DELETE' ],
      )
    {
        my ($sql, $requests) = @$row;
        $sandbox->clear_log;
        is($sql =~ /^SELECT/ ? $dbh->selectrow_array($sql) : $dbh->do($sql) + 0, 0, "$no_document: $sql");
        my $is_doubtful = $requests eq 'GET' && $no_document =~ /^(?:null|null_in_list|empty_body|no_content)$/;
        is(requests(), $is_doubtful ? 'GET, GET' : $requests, 'the requests');
    }
    is($dbh->selectrow_array("SELECT count(*) FROM crm.notes WHERE _id = '$somebody'"), 1, "$no_document: and one that is there is found");

    # an INSERT that is in doubt is looked for, and sent again
    $dbh->do("ALTER FOREIGN TABLE crm.notes OPTIONS (ADD client_ids 'true')");
    $sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'close', when => 'before' } });
    $sandbox->clear_log;
    is($dbh->do("INSERT INTO crm.notes (content) VALUES ('$no_document')") + 0, 1, "$no_document: a new document in doubt");
    is(requests(), 'POST, GET, POST', 'is looked for, and sent again');
    is(scalar(grep { ($_->{content} // '') eq $no_document } $sandbox->dump('notes')), 1, 'it is there once');
    $sandbox->clear_faults;
    $dbh->do('ALTER FOREIGN TABLE crm.notes OPTIONS (DROP client_ids)');

    # nor is a null what a list or a write of a document that is there may be
    for my $body ('null', '[null]')
    {
        $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'reply', body => $body, headers => { 'Content-Type' => 'application/json' } } });
        is(sql_error($dbh, 'SELECT * FROM crm.notes')->{sqlstate}, '08P01', "a list is not $body");
        $sandbox->clear_faults;
    }
}
$sandbox->settings(no_document => 'status');

# The mark of UTF-8 before a body, also in pieces
my $read = sub { return join '; ', map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($_[0]) } };
my @reads = ('SELECT _id, make FROM crm.cars ORDER BY make, _id LIMIT 20', 'SELECT count(*), max(mileage) FROM crm.cars', "SELECT content FROM crm.notes WHERE _id = '$somebody'",
    "SELECT walcu_fdw_request('crm', 'GET', '/notes', '{\"limit\": 1, \"sort\": \"_id\"}')");
my @right = map { $read->($_) } @reads;
for my $framing ([], [ { type => 'slow', bytes => 1, ms => 0 } ], [ { type => 'close', when => 'announced' } ])
{
    my ($fault) = @$framing;
    $sandbox->settings(byte_order_mark => 'sent', compress => @$framing ? [] : ['gzip']);
    $sandbox->fault({ match => { kind => $_ }, times => 2, fault => $fault }) for $fault ? qw(list get create) : ();
    my $how = $fault ? $fault->{type} : 'compressed';
    is($read->($reads[$_]), $right[$_], "with a mark, $how: $reads[$_]") for 0 .. $#reads;
    $dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS (ADD fetch_mode 'job')");
    is($read->('SELECT count(*), count(make) FROM crm.cars'), $read->('SELECT count(*), count(make) FROM (SELECT make FROM crm.cars OFFSET 0) x'), "with a mark, $how: a job");
    $dbh->do('ALTER FOREIGN TABLE crm.cars OPTIONS (DROP fetch_mode)');
    my ($id) = $dbh->selectrow_array("INSERT INTO crm.notes (content) VALUES ('marked') RETURNING _id");
    is($dbh->selectrow_array("UPDATE crm.notes SET content = 'again' WHERE _id = '$id' RETURNING content"), 'again', "with a mark, $how: writes");
    is($dbh->do("DELETE FROM crm.notes WHERE _id = '$id'") + 0, 1, "with a mark, $how: and a deletion");
    $sandbox->clear_faults;
}
is(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'GET', '/nowhere')})->{message}, 'server "crm" answered 404: There is no resource nowhere', 'the service\'s words are without it');
$sandbox->settings(compress => ['gzip']);
$dbh->do('DROP SCHEMA crm CASCADE');
$dbh->do('CREATE SCHEMA crm');
$dbh->do('IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars, clients, notes) FROM SERVER crm INTO crm');
is(join(', ', map { $_->[0] } @{ $dbh->selectall_arrayref("SELECT \"check\" FROM walcu_fdw_check('crm') WHERE result <> 'ok'") }), '', 'the check finds nothing in it');
$sandbox->settings(byte_order_mark => 'none', compress => []);

# One document, and no word of whether more follow: that tells nothing of the order
for my $has_more (qw(sent missing))
{
    $sandbox->settings(has_more => $has_more);
    my $session = connect_db($node);
    my ($make, $mileage) = $session->selectrow_array('SELECT make, mileage FROM crm.cars WHERE mileage IS NOT NULL AND make IN (\'SEAT\', \'Renault\', \'Toyota\', \'CUPRA\') ORDER BY _id LIMIT 1');
    $session->disconnect;
    $session = connect_db($node);
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    for my $sql ("SELECT count(*) FROM crm.cars WHERE make = '$make' AND mileage = $mileage", "SELECT make FROM crm.cars WHERE make = '$make' AND mileage = $mileage AND length(make) > 99 LIMIT 1")
    {
        $session->selectall_arrayref($sql) for 1, 2;
        is_deeply(\@warnings, [], "has_more $has_more: one document says nothing of the order: $sql");
    }
    $sandbox->clear_log;
    $session->selectall_arrayref('SELECT make FROM crm.cars ORDER BY make DESC NULLS LAST, _id LIMIT 3');
    ok(scalar(grep { ($_->{query}{sort} // '') eq '-make _id' } $sandbox->log), 'orders are asked for still');
    $session->disconnect;
}
$sandbox->settings(has_more => 'sent', sort => 'ignored');
for my $has_more (qw(sent missing))
{
    $sandbox->settings(has_more => $has_more);
    my $session = connect_db($node);
    $session->do('SET client_min_messages = error');
    is($session->selectrow_array('SELECT count(_id) FROM crm.cars'), 60, "has_more $has_more: a service that does not sort is found out");
    $session->disconnect;
}
$sandbox->settings(has_more => 'sent', sort => 'honoured');

# A text that is empty is named as that
$sandbox->settings(ids => 'objectid');
my @messages = sql_messages($dbh, q{SELECT _id FROM crm.notes WHERE lead_id = ''});
like("@messages", qr/refused to compare "lead_id" of resource "notes" with "", which is not an ObjectId/, 'the warning names an empty text');

# Texts with \u0000 or half of a surrogate pair: the check reads what is around them, and tells of them
$sandbox->delete('/_sandbox/documents/notes');
my $notes = '[' . join(',', map { sprintf '{"_id":"%024x","content":%s,"custom":%s,"created_at":"2025-01-01T00:00:00.000Z"}', $_->[0], $_->[1], $_->[2] }
          [ 1, '"half \\ud83d"', '"x"' ], [ 2, '"pair \\ud83d\\ude00 \\\\ud83d"', '{"a": ["\\udc00"]}' ], [ 3, '"nul \\u0000"', 'null' ], map { [ $_, '"plain"', 'null' ] } 4 .. 9) . ']';
$sandbox->raw('POST', '/_sandbox/documents/notes', \$notes);
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'error')");
my %rows = map { shift @$_ => $_ } @{ $dbh->selectall_arrayref("SELECT \"check\", result, detail, advice FROM walcu_fdw_check('crm', 'notes')") };
is($rows{'resource notes'}[0], 'ok', 'the resource can be read');
like($rows{values}[1], qr/hold what PostgreSQL cannot store, .*: notes\.content \(2 of 9\), notes\.custom \(1 of 9\)\./, 'the values are told of, and no others');
is($rows{values}[2], "ALTER SERVER crm OPTIONS (SET on_type_mismatch 'null')", 'with what helps');
is(sql_error($dbh, 'SELECT content FROM crm.notes')->{sqlstate}, '22P05', 'a query that reads them fails');
$dbh->do($rows{values}[2]);
$dbh->do('SET client_min_messages = error');
is($dbh->selectrow_array('SELECT count(content) FROM crm.notes'), 7, 'and does not, when that was done');

done_testing();
