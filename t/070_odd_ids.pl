# Ids with any characters: a query asks for exactly that document, or it is a clean
# error; and no id leads anywhere else.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['notes']);
my $dbh = connect_db($node);

my @ids = (
    '../x', '.', '..', '...', 'a/b?c#d%', '%2e%2e', 'all', 'All', '', ' ', 'a b', "a'b", 'a"b', 'a\\b', "a\nb", "\t",
    'ñandú', '😀', 'a&limit=1', 'a;b', 'a+b', '{"$gt":""}', '$ne', 'null', '-', '_', '_id', '_id":"a', '~', '*', 'a.b', 'ABC', 'abc',
    'x' x 100, 'x' x 10_000, 'é' x 500,
);
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ map { { _id => $_, content => "content of $_" } } @ids ]);

for my $id (@ids)
{
    my $name = JSON::PP->new->ascii->allow_nonref->encode(length $id > 40 ? substr($id, 0, 20) . '...' . length $id : $id);
    $sandbox->clear_log;
    my $rows = $dbh->selectall_arrayref('SELECT _id, content FROM crm.notes WHERE _id = ?', undef, $id);
    is_deeply($rows, [ [ $id, "content of $id" ] ], "document $name");
    my @requests = $sandbox->log;
    is(scalar @requests, 1, 'is one request');
    like($requests[0]{kind}, qr/^(get|list)$/, 'of a kind that reads documents');
    is($dbh->selectrow_array('SELECT count(*) FROM crm.notes WHERE _id = ?', undef, "$id/"), 0, 'and no other matches');
}

# What is longer than the service takes is its error
my $error = sql_error($dbh, 'SELECT _id FROM crm.notes WHERE _id = ?', 'é' x 40_000);
like($error->{sqlstate}, qr/^(54000|08006)$/, 'an id longer than the service takes');

# Pages go by any id, the empty one, too
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '1')");
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ map { { _id => $_ } } @ids ]);
for my $size (1, 3, 50)
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '$size')");
    my $read = $dbh->selectcol_arrayref('SELECT _id FROM crm.notes');
    is_deeply([ sort @$read ], [ sort @ids ], "every id in pages of $size");
}

done_testing();
