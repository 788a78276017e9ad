# A jsonb column is what jsonb_in() makes of the value, byte for byte, as record_image_eq() compares them: whatever the value is,
# and whatever else is in the text of it.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my $values = 2000;
my $at_once = 250;
srand 860;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { paging => 'skip' });
my $dbh = connect_db($node);
$dbh->do(q(CREATE FOREIGN TABLE crm.odd (built jsonb OPTIONS (path 'o'), text json OPTIONS (path 'o'), list jsonb[] OPTIONS (path 'l'))
    SERVER crm OPTIONS (resource 'cars')));

my @edges = (
    # one more and one less than where a jsonb has an offset in place of a length, and than what is sorted by insertion
    map({ my $count = $_; '[' . join(',', map { $_ % 3 ? $_ : qq("$_") } 1 .. $count) . ']' } 0 .. 2, 31 .. 34, 63 .. 66, 1000),
    map({ my $count = $_; '{' . join(',', map { qq("k$_":$_) } reverse 1 .. $count) . '}' } 0 .. 2, 15 .. 17, 23 .. 26, 31 .. 34, 500),
    map({ my $count = $_; '{' . join(',', map { '"' . $_ % 20 . qq(":$_) } 1 .. $count) . '}' } 20, 24, 25, 26, 100),
    map({ qq({"a":$_,"b":"x","c":$_}) } numbers()),
    map({ "[$_]" } numbers()),
    numbers(),
    '"' . 'long' x 40000 . '"', '[' x 200 . ']' x 200, '{"a":' x 200 . '1' . '}' x 200,
    '[' . join(',', ('{"a":[1,"x",{"b":null}],"c":true}') x 3000) . ']',
    '{"":0,"a":1,"\u0061":2,"":3,"\u0000b":4}' =~ s/\\u0000//r, '"\\\\"', '"\\"\\\\\\""', qq("x\\ud83d\\ude00y"), '"\u00e9\n\t\/"',
    " [ 1 ,\t{ \"a\" :\n[ ] , \"b\" : { } } ] ");
my @sent = (@edges, map { random_value(0) } 1 .. $values);
my $sent = @sent;
my $compared = 0;
while (my @part = splice @sent, 0, $at_once)
{
    canned('[' . join(',', map { qq({"o":$_,"l":[null,$_,1]}) } grep { $_ ne 'null' } @part) . ']');
    # Only what is an object's image is compared by record_image_eq(): the second is what jsonb_in() makes of the text
    my $rows = $dbh->selectall_arrayref(q(SELECT record_image_eq(row(built), row(text::text::jsonb)), list[2] IS NOT DISTINCT FROM built,
        record_image_eq(row(list[2]), row(built)), text FROM crm.odd));
    for my $row (@$rows)
    {
        $compared++;
        next if $row->[0] && $row->[1] && $row->[2];
        fail("the jsonb of $row->[3] is as jsonb_in() makes it");
    }
}
cmp_ok($compared, '>=', 0.9 * $sent, 'values were compared');

# A long text is given to jsonb_in() itself
canned('[{"o":[' . join(',', ('{"a":1,"b":[2]}') x 300000) . ']}]');
is($dbh->selectrow_array('SELECT record_image_eq(row(built), row(text::text::jsonb)) FROM crm.odd'), 1, 'so is that of a text of 4.5 MB');
done_testing();

sub numbers
{
    return qw(0 -0 1 -1 0.0 -0.0 1.0 1.50 10 100 9999 10000 10001 99999999 100000000 123456789012345678 -123456789012345678
        1234567890123456789 9223372036854775807 9223372036854775808 -99999999999999999 0.1 0.0001 0.00001 123.456e2 1e5 1E+5 1e-5 1.5e300 -1e-300
        0e10 12345678901234567890.123456789);
}

sub random_value
{
    my ($depth) = @_;
    my $kind = rand 10;
    return one_of('true', 'false', 'null', random_string(), random_string(), random_number()) if $kind < 4 || $depth > 3;
    my $count = int(rand() < 0.05 ? rand 70 : rand 6);
    return '[' . join(space(','), map { random_value($depth + 1) } 1 .. $count) . ']' if $kind < 6;
    return '{' . join(space(','), map { random_string() . space(':') . random_value($depth + 1) } 1 .. $count) . '}';
}

sub random_string
{
    my @pieces = ('a', 'b', 'key', 'é', '日本', '😀', '\n', '\"', '\\\\', '\u00e9', '\ud83d\ude00', ' ', '{', ']', ',', ':', 'x' x 17);
    return '"' . join('', map { one_of(@pieces) } 1 .. rand 5) . '"';
}

sub random_number
{
    return one_of(numbers(), int(rand 100), int(rand 1e9), -int(rand 1e15), rand(100));
}

sub space
{
    my ($character) = @_;
    return rand() < 0.1 ? " $character\n" : $character;
}

sub one_of
{
    my @things = @_;
    return $things[ rand @things ];
}

# What the service answers, from now on
sub canned
{
    my ($body) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'reply', body => $body, headers => { 'mapp-has-more' => 'false' } } });
    return;
}
