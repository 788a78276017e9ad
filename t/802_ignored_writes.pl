# Fields that the service drops, or changes: a warning names the columns, once a statement, or an error says what was
# written; and nothing is said of what comes back in another spelling.

use strict;
use warnings;
use utf8;

use Encode ();
use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'cars' ], server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
$dbh->do(q{CREATE FOREIGN TABLE noted (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", content text COLLATE "C", nope jsonb, also text OPTIONS (path 'zzz.yyy'), custom jsonb, created_at timestamptz) SERVER crm OPTIONS (resource 'notes')});
my @ids = map { sprintf '65a0000000000000000000%02x', $_ } 1 .. 5;
my @kinds = qw(vendor mongoose rfc6902);

sub fill
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => $_, dealer_id => $sandbox->dealer_id, content => 'c', @_ } } @ids ]);
    $sandbox->clear_log;
    return;
}

# The messages of a statement, without the hint; the server's own notices are not of interest.
sub messages_of
{
    my ($sql, @values) = @_;
    return map { Encode::decode('UTF-8', $_) } grep { /^WARNING/ } sql_messages($dbh, $sql, @values);
}

my $kept_not = qr/^WARNING:  the service did not keep what was written to/;
my $where = "_id = '$ids[0]'";

for my $kind (@kinds)
{
    $sandbox->settings(patch => $kind);
    for my $row (
        [ 'by _id', "UPDATE noted SET nope = '1' WHERE $where", 1 ],
        [ 'with a condition', "UPDATE noted SET nope = '1' WHERE $where AND content = 'c'", 1 ],
        [ 'of all', "UPDATE noted SET nope = '1'", 5 ],
        [ 'of a list', "UPDATE noted SET nope = '1' WHERE _id IN ('$ids[0]', '$ids[1]')", 2 ],
        [ 'with RETURNING', "UPDATE noted SET nope = '1' RETURNING nope", 5 ],
        [ 'beside one that is kept', "UPDATE noted SET nope = '1', content = 'd'", 5 ],
        [ 'an INSERT', "INSERT INTO noted (nope, content) VALUES ('1', 'x')", 1 ],
        [ 'an INSERT of many', "INSERT INTO noted (nope, content) SELECT '1', 'x' FROM generate_series(1, 70)", 70 ],
        [ 'an INSERT with RETURNING', "INSERT INTO noted (nope, content) VALUES ('1', 'x'), ('2', 'y'), (NULL, 'z') RETURNING _id", 2 ],
      )
    {
        my ($name, $sql, $count) = @$row;
        fill();
        my @messages = messages_of($sql);
        is(scalar @messages, 1, "$kind, $name: one warning");
        like($messages[0], qr/$kept_not column "nope" of resource "notes"/, "$kind, $name: it names the column");
        like($messages[0], $count == 1 ? qr/so of one document: notes/ : qr/so of $count documents: notes/, "$kind, $name: and how many documents");
        my $requests = $sandbox->request_count;
        fill();
        $dbh->do(q{ALTER SERVER crm OPTIONS (ADD on_ignored_write 'ignore')});
        is_deeply([ messages_of($sql) ], [], "$kind, $name: unless it is ignored");
        is($requests, $sandbox->request_count, "$kind, $name: no request more");
        $dbh->do('ALTER SERVER crm OPTIONS (DROP on_ignored_write)');
    }
    fill();
    my ($message) = messages_of("UPDATE noted SET nope = '1', also = 'x', content = 'kept' WHERE $where");
    like($message, qr/$kept_not columns "nope", "also" of resource "notes"/, "$kind: two columns");
    like($message, qr/"nope", "zzz.yyy" did not come back/, "$kind: and their places");
    is($dbh->selectrow_array("SELECT content FROM noted WHERE $where"), 'kept', "$kind: the other is written");
}
$sandbox->settings(patch => 'vendor');

# As an error
$dbh->do(q{ALTER FOREIGN TABLE noted OPTIONS (ADD on_ignored_write 'error')});
for my $row (
    [ "UPDATE noted SET nope = '1', content = 'd' WHERE $where", 'One row was' ],
    [ "UPDATE noted SET nope = '1', content = 'd'", '\d rows were' ],
    [ "INSERT INTO noted (nope) VALUES ('1')", 'One row was' ],
    [ "INSERT INTO noted (nope) VALUES ('1') RETURNING _id", 'One row was' ],
  )
{
    my ($sql, $count) = @$row;
    fill();
    my $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, '01WF2', "an error: $sql");
    like($error->{message}, qr/did not keep what was written to column "nope"/, 'names the column');
    like($error->{detail}, qr/"nope" did not come back\. $count written and not rolled back: notes/, 'and what was written');
    like($error->{hint}, qr/What else was written stands/, 'and says that it stands');
}
is(sql_error($dbh, "UPDATE noted SET content = 'e', custom = '{\"a\": 1}'"), undef, 'what is kept is no error');
$dbh->do('ALTER FOREIGN TABLE noted OPTIONS (DROP on_ignored_write)');
my $wrong = sql_error($dbh, q{ALTER SERVER crm OPTIONS (ADD on_ignored_write 'never')});
like("$wrong->{message} $wrong->{hint}", qr/"warning", "error".*"ignore"|warning, error, ignore/s, 'other values are refused');

# At commit
$dbh->do(q{ALTER FOREIGN TABLE noted OPTIONS (ADD write_mode 'commit', ADD client_ids 'true')});
fill();
$dbh->begin_work;
$dbh->do("UPDATE noted SET nope = '1', custom = '{\"a\": 1, \"b\": {\"c\": 1}}' WHERE _id = '$_'") for @ids;
$dbh->do("UPDATE noted SET custom = '{\"a\": 2}', content = 'later' WHERE _id = '$_'") for @ids;
$dbh->do("INSERT INTO noted (nope) VALUES ('1')");
my @at_commit = grep { /^WARNING/ } sql_messages($dbh, 'COMMIT');
is(scalar @at_commit, 1, 'one warning at commit');
like($at_commit[0], qr/$kept_not column "nope" of resource "notes".*so of 6 documents/s, 'for both statements');
eval { $dbh->rollback };
$dbh->{AutoCommit} = 1;
$dbh->do('ALTER FOREIGN TABLE noted OPTIONS (DROP write_mode, DROP client_ids)');

# PUT
$dbh->do(q{ALTER FOREIGN TABLE noted OPTIONS (ADD update_method 'put')});
fill();
my ($put) = messages_of("UPDATE noted SET nope = '1', content = 'd' WHERE $where");
like($put, qr/$kept_not column "nope" of resource "notes"/, 'a document that is replaced');
$dbh->do('ALTER FOREIGN TABLE noted OPTIONS (DROP update_method)');

# What a service may answer, and whether that is the value that was sent
sub reply_with
{
    my ($body, %more) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { method => delete $more{method} // 'PATCH' }, fault => { type => 'reply', headers => { 'Content-Type' => 'application/json' }, body => $body, %more } });
    return;
}
$dbh->do(q{CREATE FOREIGN TABLE any_note (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", t text OPTIONS (path 'content'), n numeric OPTIONS (path 'n'), d timestamptz OPTIONS (path 'd'), j jsonb OPTIONS (path 'custom'), a text[] OPTIONS (path 'a'), b boolean OPTIONS (path 'b'), f float8 OPTIONS (path 'f')) SERVER crm OPTIONS (resource 'notes')});
for my $row (
    # column, value, what came back; the last member says what the warning says
    [ t => q('x'), '"x"' ], [ t => q('x'), '"y"', 'otherwise' ], [ t => q('x'), 'null', 'missing' ], [ t => q('x'), undef, 'missing' ], [ t => q('X'), '"x"', 'otherwise' ], [ t => q(' x'), '"x"', 'otherwise' ],
    [ t => q(''), '""' ], [ t => q('5'), '5' ], [ t => q('true'), 'true' ], [ t => q('65A0000000000000000000AA'), '"65a0000000000000000000aa"' ], [ t => q('x'), '["x"]', 'otherwise' ],
    [ t => 'NULL', 'null' ], [ t => 'NULL', undef ], [ t => 'NULL', '[]' ], [ t => 'NULL', '{"a": []}' ], [ t => 'NULL', '"default"', 'otherwise' ],
    [ n => '1.0', '1' ], [ n => '100', '1e2' ], [ n => '1', '2', 'otherwise' ], [ n => '0.1', '0.1' ], [ n => '12345678901234567890', '12345678901234567000' ], [ n => '7', '"7"' ],
    [ d => q('2026-01-02 03:04:05.678912+00'), '"2026-01-02T03:04:05.678Z"' ], [ d => q('2026-01-02 03:04:05.678912+00'), '"2026-01-02T03:04:05.679Z"' ], [ d => q('2026-01-02 00:00:00+00'), '"2026-01-02"' ],
    [ d => q('2026-01-02 00:00:00+00'), '"2026-01-02T02:00:00+02:00"' ], [ d => q('2026-01-02 00:00:00+00'), '"2026-01-03T00:00:00.000Z"', 'otherwise' ],
    [ j => q('{"a": 1, "b": [1, {"c": null}]}'), '{"b": [1, {"_id": "5", "d": []}], "a": 1.0, "more": true}' ], [ j => q('{"a": {"b": 1}}'), '{"a": {}}', 'otherwise|missing' ], [ j => q('{"a": [1, 2]}'), '{"a": [1]}', 'otherwise' ],
    [ j => q('{}'), undef ], [ j => q('{"a": {}, "b": []}'), '{}' ], [ j => q('[]'), 'null' ], [ j => q('[1]'), '[1]' ], [ j => q('[1]'), '[2]', 'otherwise' ], [ j => q('"x"'), '"x"' ], [ j => q('{"a": null}'), undef ],
    [ a => q('{a,b}'), '["a","b"]' ], [ a => q('{a,b}'), '["b","a"]', 'otherwise' ], [ a => q('{}'), '[]' ], [ a => q('{}'), undef ],
    # what Mongoose casts within jsonb
    [ j => q('{"d": 1767322800000}'), '{"d": "2026-01-02T03:00:00.000Z"}' ], [ j => q('{"d": "1767322800000"}'), '{"d": "2026-01-02T03:00:00.000Z"}' ], [ j => q('{"d": 1767322800000}'), '{"d": "2026-01-02T04:00:00.000Z"}', 'otherwise' ],
    (map { [ j => qq('{"b": $_}'), '{"b": true}' ] } qw("yes" "1" 1 "true" true)), (map { [ j => qq('{"b": $_}'), '{"b": false}' ] } qw("no" "0" 0 "false")), (map { [ j => qq('{"b": $_}'), '{"b": true}', 'otherwise' ] } qw("no" 0 7 "x" false)),
    [ j => q('{"n": true}'), '{"n": 1}' ], [ j => q('{"n": false}'), '{"n": 1}', 'otherwise' ],
    [ j => q('{"a": "x"}'), '{"a": ["x"]}' ], [ j => q('{"a": {"b": 1}}'), '{"a": [{"b": 1, "_id": "5"}]}' ], [ j => q('{"a": 5}'), '{"a": ["5"]}' ], [ j => q('"x"'), '["x"]' ], [ j => q('{"a": "x"}'), '{"a": ["y"]}', 'otherwise' ],
    [ j => q('{"a": "x"}'), '{"a": ["x", "x"]}', 'otherwise' ], [ j => q('{"a": ["x"]}'), '{"a": [["x"]]}' ], [ j => q('{"a": ["x"]}'), '{"a": "x"}', 'otherwise' ],
    [ b => 'true', 'true' ], [ b => 'true', 'false', 'otherwise' ], [ f => '0.1', '0.1' ], [ f => '1e300', '1e+300' ],
  )
{
    my ($column, $value, $got, $expected) = @$row;
    my $path = { t => 'content', j => 'custom' }->{$column} // $column;
    my $body = qq({"_id":"$ids[0]","dealer_id":"x","created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z") . (defined $got ? qq(,"$path":$got) : '') . '}';
    fill($column eq 't' ? () : (), custom => { old => 1 });
    for my $reply ($body, "[$body]")
    {
        reply_with($reply);
        my ($message) = messages_of("UPDATE any_note SET $column = $value WHERE $where");
        my $said = !defined $message ? '' : $message =~ /did not come back/ ? 'missing' : $message =~ /came back as something else/ ? 'otherwise' : $message;
        like($said, defined $expected ? qr/^(?:$expected)$/ : qr/^$/, "$column = $value, answered " . ($got // 'nothing'));
    }
}

# Replies that do not tell
for my $row ([ '', 'no body' ], [ '[]', 'an empty list' ], [ '{}', 'an empty object' ], [ '{"ok":1}', 'something else' ], [ qq({"_id":"$ids[0]"}), 'the _id alone' ], [ qq({"_id":"$ids[0]","__v":3,"updated_at":"2026-01-01T00:00:00.000Z"}), 'what the service has set' ], [ qq({"id":"$ids[0]","_id":"$ids[0]","dealer_id":"x"}), 'two ids' ], [ 'OK', 'no JSON' ], [ '{"_id":"' . $ids[0] . '","content":"x', 'half a document' ])
{
    my ($body, $name) = @$row;
    fill();
    reply_with($body);
    for my $how ('warning', 'error')
    {
        $dbh->do("ALTER FOREIGN TABLE any_note OPTIONS (ADD on_ignored_write '$how')");
        my $done = eval { is_deeply([ messages_of("UPDATE any_note SET t = 'new' WHERE $where") ], [], "nothing is said of $name"); 1 };
        ok($done, "nor is it an error: $name");
        $dbh->do('ALTER FOREIGN TABLE any_note OPTIONS (DROP on_ignored_write)');
    }
    next if $name =~ /half|no JSON/;
    # what RETURNING returns then is asked for by _id, once
    for my $sql ("UPDATE any_note SET t = 'returned' WHERE $where RETURNING t, d", "UPDATE any_note SET t = 'returned' WHERE $where AND n IS NULL RETURNING t, d")
    {
        fill(d => '2026-01-01');
        $sandbox->clear_log;
        is_deeply($dbh->selectall_arrayref($sql), [ [ 'c', '2026-01-01 00:00:00+00' ] ], "RETURNING is the row as it is at the service: $name");
        like(join(' ', map { $_->{method} } $sandbox->log), qr/^(?:GET )?PATCH GET$/, "by one request: $name");
    }
}
$sandbox->clear_faults;
for my $row ([ q({"_id": "r1"}), 'the _id alone' ], [ q({"_id": "r1", "__v": 0, "created_at": "2026-01-01T00:00:00.000Z"}), 'what the service has set' ])
{
    my ($body, $name) = @$row;
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ { _id => 'r1', dealer_id => $sandbox->dealer_id, content => 'as it is' } ]);
    reply_with($body, method => 'POST');
    $sandbox->clear_log;
    is_deeply($dbh->selectall_arrayref("INSERT INTO any_note (t) VALUES ('sent') RETURNING _id, t"), [ [ 'r1', 'as it is' ] ], "INSERT with RETURNING: $name");
    is_deeply([ map { $_->{method} } $sandbox->log ], [ 'POST', 'GET' ], "asks once: $name");
    $sandbox->clear_log;
    is($dbh->do("INSERT INTO any_note (t) VALUES ('sent')") + 0, 1, "without RETURNING: $name");
    is_deeply([ map { $_->{method} } $sandbox->log ], ['POST'], "nothing is asked: $name");
    $sandbox->delete('/_sandbox/documents/notes');
    is_deeply($dbh->selectall_arrayref("INSERT INTO any_note (t) VALUES ('sent') RETURNING t"), [], "a row that is gone by then: $name");
    $sandbox->fault({ match => { method => 'GET' }, fault => { type => 'status', status => 422, error => 'no' } });
    my $error = sql_error($dbh, "INSERT INTO any_note (t) VALUES ('sent') RETURNING t");
    like("$error->{detail} $error->{hint}", qr/One row was written and not rolled back: notes\/r1\. The service answered that the request was carried out/, "an error then: $name");
}
$sandbox->clear_faults;

# Names of any letters, in whichever spelling; and the member that did not come back
$dbh->do(q{CREATE FOREIGN TABLE named (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", "año" text, "quo""te" text, "año_x" text OPTIONS (path 'año.x'), status jsonb) SERVER crm OPTIONS (resource 'notes')});
for my $row ([ '"año"', 'año', '"a\\u00f1o"' ], [ '"quo""te"', 'quo"te', '"quo\\"te"' ], [ '"año_x"', 'año.x', undef ])
{
    my ($column, $place, $escaped) = @$row;
    fill();
    my ($message) = messages_of("UPDATE named SET $column = 'x' WHERE $where");
    like($message, qr/$kept_not column \Q"@{[$column =~ s{^"|"$}{}gr =~ s{""}{"}r]}"\E of resource "notes".*"\Q$place\E" did not come back/s, "$place is dropped");
    next unless $escaped;
    for my $name ($escaped, $json->encode($place))
    {
        reply_with(qq({"_id":"$ids[0]","content":"c",$name:"x"}));
        is_deeply([ messages_of("UPDATE named SET $column = 'x' WHERE $where") ], [], "$place came back");
        reply_with(qq({"_id":"$ids[0]","content":"c",$name:"y"}));
        like((messages_of("UPDATE named SET $column = 'x' WHERE $where"))[0], qr/"\Q$place\E" came back as something else/, "$place came back otherwise");
    }
    $sandbox->clear_faults;
}
for my $row (
    [ '{"substatus": {"foo": "x", "user": "u"}}', '{"substatus": {"user": "u"}}', '"status.substatus.foo" did not come back' ],
    [ '{"substatus": {"foo": "x", "user": "u"}, "at": 1}', '{"substatus": {"user": "v", "foo": null}, "at": 1}', '"status.substatus.foo" did not come back. "status.substatus.user" came back as something else' ],
    [ '{"substatus": {"foo": "x"}}', '{"substatus": {}}', '"status.substatus.foo" did not come back' ],
    [ '{"substatus": {"foo": "x"}}', 'null', '"status" did not come back' ],
    [ '{"substatus": {"foo": "x"}}', '{"substatus": "y"}', '"status.substatus" came back as something else' ],
    [ '{"list": [{"foo": 1}]}', '{"list": [{}]}', '"status.list" came back as something else' ],
  )
{
    my ($sent, $got, $said) = @$row;
    fill();
    reply_with(qq({"_id":"$ids[0]","content":"c","status":$got}));
    like((messages_of("UPDATE named SET status = '$sent' WHERE $where"))[0], qr/DETAIL:  \Q$said\E\. That is so/, "$sent, answered $got");
}
$sandbox->clear_faults;

# The whole document
$dbh->do(q{CREATE FOREIGN TABLE whole (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", doc jsonb OPTIONS (path '.')) SERVER crm OPTIONS (resource 'notes')});
fill();
my ($whole) = messages_of(q{INSERT INTO whole (doc) VALUES ('{"content": "x", "nope": 1, "a.b": 2, "created_at": "2020-01-01", "__v": 7}')});
like($whole, qr/$kept_not column "doc" of resource "notes".*"a\.b", "nope" did not come back/s, 'a whole document that is new');
($whole) = messages_of(qq{UPDATE whole SET doc = doc || '{"content": "y", "nope": 1}' WHERE $where});
like($whole, qr/$kept_not column "doc" of resource "notes".*"nope" did not come back/s, 'and one that is changed');
is_deeply([ messages_of(q{INSERT INTO whole (doc) SELECT doc - '_id' FROM whole WHERE doc->>'content' = 'y'}) ], [], 'a copy of one');

$dbh->do(q{CREATE FOREIGN TABLE whole_json (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", doc json OPTIONS (path '.')) SERVER crm OPTIONS (resource 'notes')});
for my $document ('{"content": "x", "nope": 1, "__v": 7}', '{ "nope" : {"a":1} , "content" :"x"}')
{
    ($whole) = messages_of("INSERT INTO whole_json (doc) VALUES ('$document')");
    like($whole, qr/$kept_not column "doc" of resource "notes".*DETAIL:  "nope" did not come back/s, "of type json: $document");
}
is_deeply([ messages_of(q{INSERT INTO whole_json (doc) VALUES ('{"content": "x"}')}) ], [], 'a whole document of type json that is kept');

# Nothing is said of what the service sets itself, nor of writes that are kept
fill();
for my $row (map({ [ $_, 8 ] } @kinds), map { [ 'vendor', $_ ] } 5, 6, 7)
{
    my ($kind, $mongoose) = @$row;
    $sandbox->settings(patch => $kind, mongoose => $mongoose);
    is_deeply([ messages_of($_) ], [], "$kind, Mongoose $mongoose: $_") for
      "INSERT INTO crm.notes (content) VALUES ('x')", "INSERT INTO crm.notes (content, created_at) VALUES ('x', NULL) RETURNING *", "UPDATE crm.notes SET content = NULL, updated_at = NULL",
      "UPDATE crm.notes SET custom = '{\"a\": {\"b\": 1}}'", "UPDATE crm.notes SET custom = jsonb_set(custom, '{a,c}', '2') WHERE $where", "UPDATE crm.notes SET custom = NULL",
      "UPDATE crm.cars SET status = NULL", "UPDATE crm.cars SET make = 'x', status = '{\"status\": \"sold\"}'", "DELETE FROM crm.notes WHERE $where";
}

done_testing();
