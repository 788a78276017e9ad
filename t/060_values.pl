# Every kind of JSON value into every kind of column: it converts, or it is a type
# mismatch, which is NULL with on_type_mismatch 'null' and an error that says all
# otherwise.  The replies are canned, so that they can hold what no CRM would.

use strict;
use warnings;
use utf8;

use MIME::Base64 qw(encode_base64);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_retries => 0 });
my $dbh = connect_db($node);
$dbh->do("CREATE TYPE crm.size AS ENUM ('small', 'large')");
$dbh->do('CREATE DOMAIN crm.positive AS numeric CHECK (VALUE > 0)');

# Type, then pairs of JSON and the value read from it; undef where it does not fit.
my @conversions = (
    [ text => '"a"' => 'a', '""' => '', '"ñ😀\u00e9\n"' => "ñ😀é\n", '"\ud83d\ude00"' => '😀',
        '"\"\\\\"' => '"\\', '1' => undef, 'true' => undef, '{}' => undef, '["a"]' => undef,
        '"a\u0000b"' => undef, '"\ud83d"' => undef ],
    [ 'varchar(3)' => '"abc"' => 'abc', '"abcd"' => undef, '12' => undef ],
    [ name => '"abc"' => 'abc', '"' . 'x' x 64 . '"' => undef ],
    [ numeric => '1' => '1', '-0' => '0', '1.50' => '1.50', '1e3' => '1000', '0.1' => '0.1',
        '12345678901234567890.123456789' => '12345678901234567890.123456789',
        '1e-20' => '0.00000000000000000001', '1e131071' => '1' . '0' x 131071,
        '0.01e131073' => '1' . '0' x 131071, '0e400000' => '0', '-0.0e1000000000' => '0', '0e1100000000' => undef, '0e-17000' => undef,
        '0.01e131074' => undef, '1e131072' => undef, '1e400000' => undef, '1e99999999999' => undef, '1e-17000' => undef,
        '"1"' => undef, 'true' => undef, '[1]' => undef ],
    [ 'numeric(4,1)' => '12.34' => '12.3', '12345' => undef ],
    [ integer => '1' => '1', '1.0' => '1', '1e2' => '100', '2147483647' => '2147483647',
        '2147483648' => undef, '1.5' => undef, '1e400000' => undef, '"1"' => undef ],
    [ smallint => '-32768' => '-32768', '32768' => undef ],
    [ bigint => '9223372036854775807' => '9223372036854775807', '9223372036854775808' => undef,
        '-9223372036854775808' => '-9223372036854775808', '1e18' => '1000000000000000000' ],
    [ 'double precision' => '0.1' => '0.1', '1e300' => '1e+300', '1e400' => undef, '"1"' => undef ],
    [ real => '0.1' => '0.1', '1e40' => undef ],
    [ boolean => 'true' => '1', 'false' => '0', '1' => undef, '"true"' => undef ],
    [ timestamptz => '"2025-08-08T10:11:12.345Z"' => '2025-08-08 10:11:12.345+00',
        '"2025-08-08"' => '2025-08-08 00:00:00+00', '"2025-08-08T10:11"' => '2025-08-08 10:11:00+00',
        '"2025-08-08T10:11:12+02:00"' => '2025-08-08 08:11:12+00',
        '"2025-08-08T10:11:12-0530"' => '2025-08-08 15:41:12+00',
        '"2025-08-08 10:11:12.1234567Z"' => '2025-08-08 10:11:12.123456+00',
        '"2024-02-29"' => '2024-02-29 00:00:00+00', '"2025-02-29"' => undef, '"2025-13-01"' => undef,
        '"+012025-01-01"' => '12025-01-01 00:00:00+00', '"0000-01-01"' => '0001-01-01 00:00:00+00 BC',
        '"+294276-12-31T23:59:59.999999Z"' => '294276-12-31 23:59:59.999999+00', '"+294277-01-01T00:00:00Z"' => undef,
        '"+294277-01-01T00:59:59+01:00"' => '294276-12-31 23:59:59+00', '"+294276-12-31T23:59:59-00:01"' => undef,
        '"-004713-11-24T00:00:00Z"' => '4714-11-24 00:00:00+00 BC', '"-004713-11-23T23:59:59.999999Z"' => undef,
        '"-004713-11-23T00:02:00-23:59"' => '4714-11-24 00:01:00+00 BC', '"-004713-11-24T00:30:00+01:00"' => undef,
        '"+300000-01-01"' => undef, '"+586542-06-01T00:00:00Z"' => undef, '"+999999-12-31T23:59:59Z"' => undef,
        '"-999999-01-01"' => undef, '"-586542-06-01T00:00:00Z"' => undef, '"-infinity"' => undef, '"now"' => undef, '"infinity"' => undef, '"2025"' => undef,
        '"2025-08-08T25:00Z"' => undef, '"2025-08-08T10:11:12.345ZZ"' => undef, '""' => undef,
        '1754647872345' => undef ],
    [ 'timestamptz(0)' => '"2025-08-08T10:11:12.545Z"' => '2025-08-08 10:11:13+00', '"+294276-12-31T23:59:59.999Z"' => undef,
        '"+294276-12-31T23:59:59.499Z"' => '294276-12-31 23:59:59+00', '"+294276-12-31T23:59:59.5Z"' => undef,
        '"-004713-11-24T00:00:00.499Z"' => '4714-11-24 00:00:00+00 BC' ],
    [ 'timestamptz(3)' => '"+294276-12-31T23:59:59.9995Z"' => undef,
        '"+294276-12-31T23:59:59.9994Z"' => '294276-12-31 23:59:59.999+00' ],
    [ timestamp => '"2025-08-08T10:11:12.345+02:00"' => '2025-08-08 08:11:12.345', '"+586542-06-01T00:00:00Z"' => undef ],
    [ 'timestamp(0)' => '"+294276-12-31T23:59:59.999Z"' => undef, '"0000-12-31T23:59:59.999Z"' => '0001-01-01 00:00:00' ],
    [ date => '"2025-08-08T23:30:00-02:00"' => '2025-08-09', '"2025-08-08"' => '2025-08-08',
        '"1969-12-31T23:59:59.999Z"' => '1969-12-31', '"+294276-12-31"' => '294276-12-31', '"+294277-01-01"' => undef,
        '"+586542-06-01"' => undef, '"-004713-11-24"' => '4714-11-24 BC', '"x"' => undef ],
    [ uuid => '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"' => 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        '"a0ee"' => undef ],
    [ 'crm.size' => '"small"' => 'small', '"huge"' => undef, '1' => undef ],
    [ 'crm.positive' => '1.5' => '1.5', '-1' => undef, '"1"' => undef ],
    [ jsonb => '"a"' => '"a"', '1.50' => '1.50', 'true' => 'true', '{"b": 1, "a": [null]}' => '{"a": [null], "b": 1}',
        '[]' => '[]', '["\u0000"]' => undef, '{"\u0000": 1}' => undef, '["\udc00"]' => undef,
        '[1e400000]' => undef, '[1e300]' => '[1' . '0' x 300 . ']', '"\n"' => '"\n"' ],
    [ json => '{"b": 1,"a":1}' => '{"b": 1,"a":1}', '[1e400000]' => '[1e400000]' ],
    [ 'text[]' => '["a", null, "b,\"c"]' => '{a,NULL,"b,\"c"}', '[]' => '{}', '"a"' => undef,
        '["a", 1]' => undef, '[["a"]]' => undef, '["\u0000"]' => undef, '{}' => undef ],
    [ 'numeric[]' => '[1, 2.5, -1e2]' => '{1,2.5,-100}', '[1, "2"]' => undef ],
    [ 'timestamptz[]' => '["2025-08-08"]' => '{"2025-08-08 00:00:00+00"}', '["x"]' => undef, '["+586542-06-01"]' => undef ],
    [ 'timestamptz(0)[]' => '["2025-08-08"]' => '{"2025-08-08 00:00:00+00"}', '["+294276-12-31T23:59:59.999Z"]' => undef ],
    [ 'jsonb[]' => '[{"a": [1, {"b": 2}]}, [3], null]' => '{"{\"a\": [1, {\"b\": 2}]}",[3],NULL}',
        '[["\u0000"]]' => undef ],
);

my ($number, @tables) = (0);
for my $row (@conversions)
{
    my ($type, @pairs) = @$row;
    my $table = 'crm.v' . $number++;
    $dbh->do("CREATE FOREIGN TABLE $table (_id text COLLATE \"C\", v $type) SERVER crm OPTIONS (resource 'cars')");

    my (@values, @expected);
    while (my ($value, $expected) = splice @pairs, 0, 2)
    {
        push @values, $value;
        push @expected, $expected;
    }
    # null and missing are NULL for every type, and no mismatch
    canned(map({ qq("v": $_) } @values, 'null'), '"w": 1');
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (ADD on_type_mismatch 'null')");
    my $mismatches = grep { !defined } @expected;
    my $read;
    my @messages = sql_messages_of(sub { $read = $dbh->selectcol_arrayref("SELECT v::text FROM $table ORDER BY _id") });
    $read = [ map { defined && $type eq 'boolean' ? ($_ eq 'true' ? 1 : 0) : $_ } @$read ];
    is_deeply($read, [ @expected, undef, undef ], "values of type $type");
    is(scalar(@messages), $mismatches ? 1 : 0, "one warning at most for $type");
    like($messages[0], qr/^WARNING:  read $mismatches values? of resource "cars"/, "warning counts for $type")
      if $mismatches;

    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (DROP on_type_mismatch)");
    for my $i (grep { !defined $expected[$_] } 0 .. $#expected)
    {
        canned(qq("v": $values[$i]));
        my $error = sql_error($dbh, "SELECT v FROM $table");
        like($error->{sqlstate}, qr/^(HV004|22P05)$/, "error for $type from " . substr($values[$i], 0, 30));
        like($error->{message}, qr/^value of "v" in document "d000" of resource "cars" /, 'it says where');
        like($error->{hint}, qr/on_type_mismatch/, 'it says what to do');
    }
}

# What a message shows of a value is short.
canned('"v": "' . 'é' x 300 . '"');
my $error = sql_error($dbh, 'SELECT v FROM crm.v3');
is($error->{detail}, 'The value is the JSON string "' . 'é' x 99 . '...', 'the first 100 characters are shown');

# \u0000 is not a matter of types.
canned('"v": "a\u0000"');
is(sql_error($dbh, 'SELECT v FROM crm.v0')->{sqlstate}, '22P05', 'a null character in text');
is_deeply($dbh->selectcol_arrayref('SELECT _id FROM crm.v0'), ['d000'],
    'what is not asked for is not converted');

# Paths
$dbh->do('CREATE FOREIGN TABLE crm.paths (_id text COLLATE "C", ab text OPTIONS (path \'a.b\'),
    a jsonb OPTIONS (path \'a\'), doc jsonb OPTIONS (path \'.\'), again jsonb OPTIONS (path \'a\')) SERVER crm
    OPTIONS (resource \'cars\')');
canned('"a": {"b": "x"}', '"a": [{"b": "x"}]', '"a": "b"', '"a": null', '"a": {"b": null}', '"\u0061": {"\u0062": "esc"}',
    '"a.b": "dot"');
is_deeply($dbh->selectcol_arrayref('SELECT ab FROM crm.paths ORDER BY _id'),
    [ 'x', undef, undef, undef, undef, 'esc', undef ], 'a path names members of objects');
is_deeply($dbh->selectrow_arrayref('SELECT a, again, doc FROM crm.paths ORDER BY _id LIMIT 1'),
    [ '{"b": "x"}', '{"b": "x"}', '{"a": {"b": "x"}, "_id": "d000"}' ], 'a member, twice, and the document');

# Replies that are not what they should be
my @malformed = (
    [ '[{"_id":"a","v":1]', '08P01', 'brackets that do not match' ],
    [ '[{"_id":"a","v":}]', '08P01', 'a missing value' ],
    [ '[{"_id":"a","v":01}]', '08P01', 'a number that is none' ],
    [ '[{"_id":"a","v":"\x"}]', '08P01', 'an escape that is none' ],
    [ '[{"_id":"a","v":1,}]', '08P01', 'a comma too many' ],
    [ '[{"_id":"a" "v":1}]', '08P01', 'a comma too few' ],
    [ "[{\"_id\":\"a\",\"w\":\"\n\"}]", '08P01', 'a control character, in what nobody asked for' ],
    [ '[{"_id":"a","w":tru}]', '08P01', 'half a word' ],
    [ '[1]', '08P01', 'a number for a document' ],
    [ '["_id"]', '08P01', 'a string for a document' ],
    [ '[{"_id":"a"}', '08P01', 'no end' ],
    [ '[{"_id":"a"}]]', '08P01', 'two ends' ],
    [ '[{"_id":"a"},]', '08P01', 'a comma before the end' ],
    [ '', '08P01', 'nothing' ],
    [ '<html>', '08P01', 'no JSON at all' ],
    [ '[{"_id":"a","v":' . '[' x 100000 . ']' x 100000 . '}]', '54000', 'a document too deep' ],
);
for my $row (@malformed)
{
    my ($body, $sqlstate, $name) = @$row;
    reply($body);
    my $error = sql_error($dbh, 'SELECT v FROM crm.v3');
    is($error->{sqlstate}, $sqlstate, $name) or diag explain $error;
}
# Each in a session of its own, which learns from an odd order that the service does not sort
for (
    [ '[{"_id":1}]', 'HV000', 'a number as _id' ],
    [ '[{"a":1}]', 'HV000', 'no _id' ],
    [ '[{"_id":"a"},{"_id":"a"}]', 1, 'a document twice' ],
    [ '[{"_id":"b"},{"_id":"a"}]', 2, 'documents out of order' ],
  )
{
    my ($body, $right, $name) = @$_;
    reply($body);
    my $fresh = connect_db($node);
    my $rows = eval { $fresh->selectall_arrayref('SELECT v FROM crm.v3') };
    is($rows ? scalar @$rows : $fresh->state, $right, $name);
    $fresh->disconnect;
}
reply(undef, encode_base64("[{\"_id\":\"a\",\"v\":1,\"w\":\"\xe9\"}]", ''));
$error = sql_error($dbh, 'SELECT v FROM crm.v3');
is($error->{sqlstate}, '22021', 'bytes that are not UTF-8');
like($error->{message}, qr/document "a" of resource "cars"/, 'it says where');

# An empty list, white space, a bare document
for my $body ('[]', " [ ]\n", qq(\t[\r\n{ "_id" : "a" , "v" : 1 } ] ), '{"_id":"a","v":1}')
{
    reply($body);
    my $rows = $dbh->selectcol_arrayref('SELECT v FROM crm.v3');
    is_deeply($rows, $body =~ /a/ ? [1] : [], "a reply of " . length($body) . " bytes");
}

# A limit on the size of a document
$dbh->do("ALTER FOREIGN TABLE crm.v3 OPTIONS (ADD max_document_size '2kB')");
reply('[{"_id":"a","v":1,"w":"' . 'x' x 1000 . '"}]');
is_deeply($dbh->selectcol_arrayref('SELECT v FROM crm.v3'), [1], 'a document below the limit');
reply('[{"_id":"a","v":1,"w":"' . 'x' x 3000 . '"}]');
is(sql_error($dbh, 'SELECT v FROM crm.v3')->{sqlstate}, '54000', 'a document above the limit');

# A limit on its depth, wherever in it brackets stand
for my $before (0, 1, 40, 61, 62, 63, 64, 200)
{
    $dbh->do("ALTER FOREIGN TABLE crm.v3 OPTIONS (@{[ $before ? 'SET' : 'ADD' ]} max_document_depth '4')");
    my $pad = '"p":"' . '{' x $before . '",';
    reply(qq([{"_id":"a",$pad"v":1,"w":[{"x":[1]}]},{"_id":"b","v":2}]));
    is_deeply($dbh->selectcol_arrayref('SELECT v FROM crm.v3'), [ 1, 2 ], "four levels behind $before bytes");
    reply(qq([{"_id":"a",$pad"v":1,"w":[{"x":[[1]]}]},{"_id":"b","v":2}]));
    $error = sql_error($dbh, 'SELECT v FROM crm.v3');
    is($error->{sqlstate}, '54000', "five levels behind $before bytes");
}
like($error->{hint}, qr/max_document_depth/, 'the hint names the option');

done_testing();

# From now on every list has these documents, given by their members.
sub canned
{
    my $n = 0;
    reply('[' . join(', ', map { sprintf '{"_id": "d%03d", %s}', $n++, $_ } @_) . ']');
    return;
}

# From now on every list is answered with this.
sub reply
{
    my ($body, $base64) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({
        match => { kind => 'list' },
        fault => {
            type => 'reply',
            headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'false' },
            defined $body ? (body => $body) : (body_base64 => $base64),
        } });
    return;
}

sub sql_messages_of
{
    my ($work) = @_;
    my @messages;
    local $SIG{__WARN__} = sub { push @messages, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $work->();
    return @messages;
}
