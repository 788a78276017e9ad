# Documents spoilt at random: a scan reads those that PostgreSQL's own parser takes, and
# no others.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my $tries = 2000;
my $at_once = 200;
srand 65;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { paging => 'skip', on_type_mismatch => 'null', max_retries => 0 });
my $dbh = connect_db($node);
# Objects on the way to a column are read by other code than values that nobody wants.  The search
# tells the tries apart.
$dbh->do('CREATE FOREIGN TABLE crm.spoilt (deep text OPTIONS (path \'a.b.c\'), made text OPTIONS (path \'make\'),
    try text OPTIONS (parameter \'search\')) SERVER crm OPTIONS (resource \'cars\')');
$dbh->do(<<'SQL');
-- How many documents a reply has; NULL when it is no list of documents.
CREATE FUNCTION documents(body text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT CASE WHEN json_typeof(body::json) = 'object' THEN 1
                        WHEN NOT EXISTS (SELECT FROM json_array_elements(body::json) e WHERE json_typeof(e) <> 'object')
                        THEN json_array_length(body::json) END);
EXCEPTION WHEN invalid_text_representation OR invalid_parameter_value THEN RETURN NULL;
END $$
SQL

my @samples = (
    '{"_id":"a","make":"SEAT","a":{"b":{"c":"x"},"d":[1,-0.5e+10,true]},"n":null}',
    '{ "_id" : "_id" , "a" : { "b" : { "c" : "\\\\" , "é" : { } } , "x" : [ ] } , "f" : false }',
    '{"a":{"b":{"c":"\\"_id\\":\\"no\\""}},"long":"' . 'señal ' x 20 . '\\u00e9\\ud83d\\ude00","_id":"z\\n"}',
    '{"deep":[[[{"_id":"no"},[]]],{"x":{"y":{"z":0}}}],"zeros":[0,-0,0.0,10,1E5,1e-5],"_id":"ñ"}',
    '{"pad":"' . 'p' x 60 . '","_id":"b","make":"León","a":{"b":[]},"last":""}',
    '{}',
);
my @signs = (split(//, '"\\{}[],:_ 0123456789.eE+-utfnrabl/ñ'), "\t", "\n", "\x01", "\x1f", "\x7f");

my %outcomes;
for (1 .. $tries / $at_once)
{
    my @bodies = map { body() } 1 .. $at_once;
    $sandbox->clear_faults;
    $sandbox->fault([ map { canned($_, $bodies[$_]) } 0 .. $#bodies ]);
    for my $try (0 .. $#bodies)
    {
        my ($expected) = $dbh->selectrow_array('SELECT coalesce(documents(?)::text, ?)', undef, $bodies[$try], '08P01');
        my $rows = eval { $dbh->selectall_arrayref('SELECT deep, made FROM crm.spoilt WHERE try = ?', undef, "try $try") };
        my $outcome = $rows ? scalar @$rows : $dbh->state;
        $outcomes{ $rows ? 'read' : $outcome }++;
        next if $outcome eq $expected;
        is($outcome, $expected, "what becomes of $bodies[$try]");
    }
}
note join ', ', map { "$outcomes{$_} $_" } sort keys %outcomes;
ok($outcomes{read} > $tries / 4, 'many could be read');
ok($outcomes{'08P01'} > $tries / 4, 'many could not');
is(join(' ', sort keys %outcomes), '08P01 read', 'nothing else became of any');

done_testing();

# A reply, spoilt or not.
sub body
{
    my $body = '[' . join(',', map { $samples[ rand @samples ] } 1 .. 1 + rand 3) . ']';
    for (1 .. rand 4)
    {
        # one character is replaced, taken out or put in
        my $way = int rand 3;
        substr($body, rand length $body, $way == 2 ? 0 : 1) = $way == 1 ? '' : $signs[ rand @signs ];
    }
    return $body;
}

sub canned
{
    my ($try, $body) = @_;
    return {
        match => { kind => 'list', query => { search => "^try $try\$" } },
        fault => {
            type => 'reply',
            headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'false' },
            body => $body,
        } };
}
