# The documents' own ids: what the option id_type of the column says of them, types that have other values than the ids, and
# what messages say of both.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 3, ids => 'objectid');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ]);
my $dbh = connect_db($node);
my $id = '65a000000000000000000001';

sub fill
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ { _id => $id, dealer_id => $sandbox->dealer_id, content => 'c' } ]);
    $sandbox->clear_log;
    return;
}

# The column's word goes before the table's
sub table
{
    my ($of_table, $of_column) = @_;
    $dbh->do('DROP FOREIGN TABLE IF EXISTS typed');
    $dbh->do('CREATE FOREIGN TABLE typed (gone text, _id text' . ($of_column ? " OPTIONS (id_type '$of_column')" : '') . q{ COLLATE "C", content text) SERVER crm OPTIONS (resource 'notes'} . ($of_table ? ", id_type '$of_table'" : '') . ')');
    $dbh->do('ALTER FOREIGN TABLE typed DROP COLUMN gone');
    return;
}
my @writes = (q{UPDATE typed SET content = 'x' WHERE _id = 'nope'}, q{DELETE FROM typed WHERE _id = 'nope'}, q{UPDATE typed SET content = 'x' WHERE _id IN ('nope', 'a b')}, q{SELECT 1 FROM typed WHERE _id = 'nope'});
for my $row ([ undef, 'objectid' ], [ 'string', 'objectid' ], [ 'objectid', undef ])
{
    table(@$row);
    my $name = join ', ', map { $_ // 'nothing' } @$row;
    for my $sql (@writes)
    {
        fill();
        my $reconnected = connect_db($node);    # nothing has been learned
        is($reconnected->do($sql) + 0, 0, "$name: no row: $sql");
        is_deeply([ map { $_->{method} } $sandbox->log ], [], 'and no request');
        $reconnected->disconnect;
    }
    fill();
    is($dbh->do("UPDATE typed SET content = 'x' WHERE _id = '$id'") + 0, 1, "$name: an ObjectId");
    is_deeply([ map { $_->{method} } $sandbox->log ], ['PATCH'], 'is one request');
}
$sandbox->settings(ids => 'string');
for my $row ([ undef, 'string' ], [ 'objectid', 'string' ], [ 'string', undef ])
{
    table(@$row);
    fill();
    $sandbox->post('/_sandbox/documents/notes', [ { _id => 'n1', dealer_id => $sandbox->dealer_id, content => 'c' } ]);
    my $name = join ', ', map { $_ // 'nothing' } @$row;
    is($dbh->do(q{UPDATE typed SET content = 'x' WHERE _id = 'n1'}) + 0, 1, "$name: any text");
    is(scalar(grep { $_->{method} eq 'GET' } $sandbox->log), 0, "$name: nothing is asked before");
}
$sandbox->settings(ids => 'objectid');

# The warning names what was compared
table();
my $fresh = connect_db($node);
my ($warning) = grep { /refused to compare/ } sql_messages($fresh, q{SELECT 1 FROM typed WHERE _id IN ('nope', 'neither')});
like($warning, qr/refused to compare "_id" of resource "notes" with "(?:nope|neither)", which is not an ObjectId$/m, 'what is no ObjectId is named');
$fresh->disconnect;

# Types that pad texts, or have them in quotes
fill();
for my $type ('char(30)', 'jsonb', 'json', 'padded')
{
    $dbh->do('CREATE DOMAIN padded AS char(40)') if $type eq 'padded';
    $dbh->do("CREATE FOREIGN TABLE odd (_id $type, content text) SERVER crm OPTIONS (resource 'notes')");
    $sandbox->clear_log;
    for my $sql (q{UPDATE odd SET content = 'x' WHERE content = 'c'}, q{DELETE FROM odd}, $type eq 'json' ? () : qq{DELETE FROM odd WHERE _id = '@{[$type eq 'jsonb' ? qq("$id") : $id]}'})
    {
        my $error = sql_error($dbh, $sql);
        is($error->{sqlstate}, '0A000', "$type: $sql is refused");
        like($error->{detail}, qr/Column "_id", with the path "_id", is of type /, "$type: why");
        like($error->{hint}, qr/ALTER FOREIGN TABLE public\.odd ALTER COLUMN _id TYPE text COLLATE "C"/, "$type: what to do");
    }
    my $error = sql_error($dbh, $type =~ /json/ ? qq{INSERT INTO odd (_id) VALUES ('"$id"')} : qq{INSERT INTO odd (_id) VALUES ('$id')});
    is($error->{sqlstate}, '0A000', "$type: INSERT of an _id is refused");
    like($error->{hint}, qr/Leave it out, or give it the type text/, "$type: what to do");
    is(scalar $sandbox->log, 0, "$type: before anything is asked");
    is($dbh->do(q{INSERT INTO odd (content) VALUES ('y')}) + 0, 1, "$type: INSERT without one");
    $dbh->do('ALTER FOREIGN TABLE odd ALTER COLUMN _id TYPE text COLLATE "C"');
    is($dbh->do(q{DELETE FROM odd WHERE content = 'y'}) + 0, 1, "$type: what the hint says helps");
    $dbh->do('DROP FOREIGN TABLE odd');
}
$dbh->do(q{CREATE FOREIGN TABLE odd (content text) SERVER crm OPTIONS (resource 'notes')});
my $error = sql_error($dbh, q{DELETE FROM odd});
my ($advice) = ($error->{hint} // '') =~ /^(ALTER .*) adds one\.$/;
ok($advice, 'a table without _id: a hint') or diag $error->{hint};
$dbh->do($advice);
is($dbh->do('DELETE FROM odd') + 0, 1, 'which helps');

$node->stop;
done_testing();
