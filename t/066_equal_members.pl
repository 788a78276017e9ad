# Members of an object with equal names: the last one counts, at every level, as it does in jsonb.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my $documents = 1500;
my $at_once = 250;
srand 66;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { paging => 'skip', on_type_mismatch => 'null' });
my $dbh = connect_db($node);

# Each column is one place, as one type; truth() says what jsonb has there.
my %columns = (
    o_text  => [ 'o', 'text' ],       o_jsonb   => [ 'o', 'jsonb' ],       p_text  => [ 'o.p', 'text' ],
    p_jsonb => [ 'o.p', 'jsonb' ],    q_text    => [ 'o.p.q', 'text' ],    q_number => [ 'o.p.q', 'numeric' ],
    r_text  => [ 'o.r', 'text' ],     proto     => [ '__proto__.q', 'text' ], id => [ '_id', 'text' ],
);
my @names = sort keys %columns;
$dbh->do('CREATE FOREIGN TABLE crm.doubled (' . join(', ', map { "$_ $columns{$_}[1] OPTIONS (path '$columns{$_}[0]')" } @names)
      . ", whole jsonb OPTIONS (path '.')) SERVER crm OPTIONS (resource 'cars')");
$dbh->do(<<'SQL');
CREATE FUNCTION truth(document jsonb, path text, type text) RETURNS text IMMUTABLE LANGUAGE sql RETURN
    CASE jsonb_typeof(document #> string_to_array(path, '.'))
        WHEN 'null' THEN NULL
        WHEN 'string' THEN CASE WHEN type = 'text' THEN document #>> string_to_array(path, '.') WHEN type = 'jsonb'
            THEN (document #> string_to_array(path, '.'))::text END
        WHEN 'number' THEN CASE WHEN type <> 'text' THEN (document #> string_to_array(path, '.'))::text END
        ELSE CASE WHEN type = 'jsonb' THEN (document #> string_to_array(path, '.'))::text END
    END;
SQL

my @sent = map { object(0) } 1 .. $documents;
my $checked = 0;
while (my @part = splice @sent, 0, $at_once)
{
    canned('[' . join(',', @part) . ']');
    my $rows = $dbh->selectall_arrayref('SELECT ' . join(', ', map { "$_\::text" } @names) . ', whole::text FROM crm.doubled');
    my $truth = $dbh->selectall_arrayref('SELECT ' . join(', ', map { "truth(d, '$columns{$_}[0]', '$columns{$_}[1]')" } @names)
          . ', d::text FROM unnest(?::jsonb[]) WITH ORDINALITY AS t (d, n) ORDER BY n', undef, \@part);
    for my $i (0 .. $#part)
    {
        $checked++;
        next if "@{[ map { $_ // 'NULL' } @{ $rows->[$i] } ]}" eq "@{[ map { $_ // 'NULL' } @{ $truth->[$i] } ]}";
        is_deeply($rows->[$i], $truth->[$i], "the values of $part[$i]");
    }
}
is($checked, $documents, 'all documents were compared');

# What a value does not fit counts no more than the value
my @cases = (
    [ '{"o":{"p":{"q":"2"}},"o":null}', q_text => undef ],
    [ '{"o":{"p":{"q":"2"}},"o":{}}', q_text => undef ],
    [ '{"o":{"p":{"q":"2"}},"o":"x"}', q_text => undef ],
    [ '{"o":{"p":{"q":"2"}},"o":[{"p":{"q":"3"}}]}', q_text => undef ],
    [ '{"o":{"p":{"q":"2"},"p":null}}', q_text => undef ],
    [ '{"o":{"p":{"q":"2"},"r":"x"},"o":{"r":"y"}}', p_jsonb => undef ],
    [ '{"o":{"p":{"q":1,"q":"2"}}}', q_text => '2' ],
    [ '{"o":{"p":{"q":"2","\u0071":"3"}}}', q_text => '3' ],
    [ '{"__proto__":{"q":"1"},"__proto__":{}}', proto => undef ],
    [ '{"_id":"a","_id":"b"}', id => 'b' ],
    [ '{"_id":"a","_id":null}', id => undef ],
);
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'error')");
for my $case (@cases)
{
    my ($document, $column, $value) = @$case;
    canned("[$document]");
    is_deeply($dbh->selectcol_arrayref("SELECT $column FROM crm.doubled"), [$value], "$column of $document");
}
canned('[{"o":{"p":{"q":"2","q":1}}}]');
is(sql_error($dbh, 'SELECT q_text FROM crm.doubled')->{detail}, 'The value is the JSON number 1', 'the last one is told of');
canned('[{"o":"x","o":{"p":{"q":1}}}]');
is(sql_error($dbh, 'SELECT o_text, q_text FROM crm.doubled')->{detail}, 'The value is the JSON number 1',
    'of several the one that ends first');
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'null')");
canned('[{"o":{"p":{"q":"2","q":1,"q":null}}},{"o":{"p":{"q":"2"}},"o":1},{"o":"x","o":{}}]');
my ($message) = sql_messages($dbh, 'SELECT o_text, q_text FROM crm.doubled');
like($message, qr/^WARNING:  read 3 values /, 'and counted');

# Pages go on behind the _id that counts, however it is written
$dbh->do("ALTER SERVER crm OPTIONS (SET paging 'key')");
my %ids = (
    '{"_id":"600000000000000000000001","_id":"600000000000000000000002"}' => '600000000000000000000002',
    '{"_id":1,"_id":"600000000000000000000003"}' => '600000000000000000000003',
    '{"\u005fid":"600000000000000000000004"}' => '600000000000000000000004',
    '{"_id":"600000000000000000000001","_\u0069D":1,"_\u0069\u0064":"600000000000000000000005"}' => '600000000000000000000005',
);
# the first time in a session, the last page comes second
canned('[{"_id":"600000000000000000000001"}]', 'true', 1);
$dbh->do('SELECT id FROM crm.doubled');
for my $document (sort keys %ids)
{
    canned("[$document]", 'true', 1);
    $sandbox->clear_log;
    my $rows = $dbh->selectcol_arrayref('SELECT id FROM crm.doubled');
    is($rows->[0], $ids{$document}, "the _id of $document");
    my (undef, $next) = $sandbox->log(kind => 'list');
    is($next->{query}{q}{_id}{'$gt'}, $ids{$document}, 'the next page begins behind it');
}
canned('[{"_id":"600000000000000000000001","_id":5}]');
like(sql_error($dbh, 'SELECT id FROM crm.doubled')->{message}, qr/ has no _id that is a string$/, 'a number as the last _id is no string');

done_testing();

# An object with members of few names, so that many of them are equal.
sub object
{
    my ($depth) = @_;
    my @members = map { my $name = name($depth); qq("$name":) . value($depth) } 1 .. rand 5;
    return '{' . join(',', @members) . '}';
}

sub name
{
    my ($depth) = @_;
    my @names = $depth == 0 ? qw(o o o \u006f __proto__ _id) : $depth == 1 ? qw(p p \u0070 r q) : qw(q q \u0071 r);
    return $names[ rand @names ];
}

sub value
{
    my ($depth) = @_;
    my $kind = rand 10;
    return object($depth + 1) if $kind < 6 && $depth < 3;
    my @scalars = ('null', '"x"', '1.50', 'true', '"\u00e9"', '"o"', '[]', '{}');
    return $scalars[ rand @scalars ];
}

# What the service answers, from now on or so many times.
sub canned
{
    my ($body, $more, $times) = @_;
    $sandbox->clear_faults;
    $sandbox->fault(
        {   ($times ? (times => $times) : ()),
            match => { kind => 'list' },
            fault => {
                type => 'reply',
                headers => { 'content-type' => 'application/json', 'mapp-has-more' => $more // 'false' },
                body => $body,
            } });
    return;
}
