# Whatever kind of service it is, writes leave the documents behind that the same statements leave in a table of
# PostgreSQL's own, and what is at no document changes none.  The kinds are WalcuTest::Services'.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Services;

my $sandbox = WalcuTest::Sandbox->start(scale => 30, count => { notes => 12, clients => 30, cars => 10 });
my $node = start_node('main', log_min_messages => 'fatal');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', max_retry_wait => '1ms' }, import => { flatten => 1 }, limit_to => [qw(notes cars)]);
my $creator = connect_db($node);
$creator->do($_) for ('SET client_min_messages = error', 'CREATE SCHEMA copy', map { "CREATE TABLE copy.$_ AS TABLE crm.$_ WITH NO DATA" } qw(notes cars));
my ($client) = map { $_->{_id} } $sandbox->dump('clients');

# Each runs at the service and at the copy; ID is a document's, whatever it is at each.
my @STATEMENTS = (
    "UPDATE %s.notes SET content = 'by id' WHERE _id = 'ID'",
    "UPDATE %s.notes SET content = 'more' WHERE _id = 'ID' AND content = 'by id'",
    "UPDATE %s.notes SET custom = '{\"a\": {\"b\": {\"c\": 1}}}' WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = jsonb_set(custom, '{a,b,c}', '2') WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = jsonb_set(custom, '{a,b}', '{\"d\": null, \"e/f\": [1, {\"g\": 2}]}') WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = custom #- '{a,b,d}' WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = '\"text\"' WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = '{\"after\": \"text\"}' WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = NULL WHERE _id = 'ID'",
    "UPDATE %s.notes SET custom = '{\"a\": 1}' WHERE _id = 'ID'",
    "UPDATE %s.notes SET content = NULL WHERE _id = 'ID'",
    "UPDATE %s.notes SET content = 'nobody' WHERE _id = 'nope'",
    "UPDATE %s.notes SET content = 'nobody' WHERE _id = 'abcdefghijkl'",
    "UPDATE %s.notes SET content = 'nobody' WHERE _id = '0123456789abcdef01234567'",
    "UPDATE %s.notes SET content = 'one of them' WHERE _id IN ('nope', 'ID')",
    "DELETE FROM %s.notes WHERE _id = 'nope'",
    "DELETE FROM %s.notes WHERE _id IN ('nope', '0123456789abcdef01234567')",
    "DELETE FROM %s.notes WHERE content = 'nobody'",
    "UPDATE %s.cars SET make = 'SEAT', doors = 5 WHERE _id = 'ID'",
    "UPDATE %s.cars SET make = NULL WHERE _id = 'ID' AND doors = 5",
    "UPDATE %s.cars SET custom = '{\"x\": [1, 2, {\"y\": 1}]}' WHERE _id = 'ID'",
    "UPDATE %s.cars SET custom = '{\"x\": [1, {\"y\": 2}]}' WHERE _id = 'ID'",
);

for my $service (services(qw(ids addresses writes)))
{
    $sandbox->reset;
    $sandbox->settings(settings_of($service));
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    is(written($dbh), '', service_name($service));
    $dbh->disconnect;
}
done_testing();

# What went otherwise than at the copy; nothing if all is right.
sub written
{
    my ($dbh) = @_;
    my %ids;
    for my $table (qw(notes cars))
    {
        my $insert = $table eq 'notes' ? "INSERT INTO crm.notes (content) VALUES ('new') RETURNING _id" : "INSERT INTO crm.cars (make, mileage) VALUES ('Fiat', 7) RETURNING _id";
        $ids{$table} = eval { $dbh->selectrow_array($insert) } // return "$insert: " . $dbh->errstr;
        $dbh->do("DELETE FROM copy.$table");
        $dbh->do("INSERT INTO copy.$table SELECT * FROM crm.$table");
    }
    for my $statement (@STATEMENTS)
    {
        my ($table) = $statement =~ /%s\.(\w+)/;
        my $sql = $statement =~ s/\bID\b/$ids{$table}/r;
        my $there = eval { $dbh->do(sprintf $sql, 'crm') } // return "$sql: " . $dbh->errstr;
        my $here = $dbh->do(sprintf $sql, 'copy');
        return "$sql: $there rows, not $here" if $there != $here;
        my $difference = difference($dbh, $table) or next;
        return "$sql:\n$difference";
    }
    for my $table (sort keys %ids)
    {
        my $rows = $dbh->do("DELETE FROM crm.$table WHERE _id = '$ids{$table}'");
        return "DELETE: $rows rows" if $rows != 1;
        my ($left) = $dbh->selectrow_array("SELECT count(*) FROM crm.$table WHERE _id = '$ids{$table}'");
        return "$left rows after DELETE" if $left;
    }
    return '';
}

# But for what the service sets
sub difference
{
    my ($dbh, $table) = @_;
    my $row = "to_jsonb(t) - 'updated_at' - '__v' - 'computed'";
    return join "\n", @{ $dbh->selectcol_arrayref("
        (SELECT 'there ' || ($row)::text FROM crm.$table t EXCEPT SELECT 'there ' || ($row)::text FROM copy.$table t)
        UNION ALL (SELECT 'here ' || ($row)::text FROM copy.$table t EXCEPT SELECT 'here ' || ($row)::text FROM crm.$table t)") };
}
