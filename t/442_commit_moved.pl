# write_mode 'commit': what a scan asks for of the documents that wait to be changed. One that the service has not sent is asked
# for where the change may be why it matches, or where it stands in the order; one that is changed elsewhere is not. The rows
# are always those of a local table with the same changes.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'], server => { write_mode => 'commit', client_ids => 'true' });
my $dbh = connect_db($node);
my @ids = map { sprintf '%024x', $_ } 1 .. 40;
my @types = qw(sale appraisal other);
$dbh->do($_) for (
    q(CREATE FOREIGN TABLE crm.t (_id text COLLATE "C", description text COLLATE "C", lead_type text COLLATE "C", done boolean OPTIONS (path 'notification.done'),
        note text OPTIONS (path 'notification.done_by') COLLATE "C", score int OPTIONS (path 'custom.score'), level text OPTIONS (path 'custom.level') COLLATE "C",
        created_at timestamptz) SERVER crm OPTIONS (resource 'tasks')),
    'CREATE TABLE t (LIKE crm.t)');

# Once in a session it is found out whether the service sorts
fill();
$dbh->selectall_arrayref('SELECT _id FROM crm.t ORDER BY lead_type, _id LIMIT 30');

# [what, changes, condition or order, how many requests the query takes: none of them for what cannot have moved]
for (
    [ 'another column than the condition', "SET description = 'x' WHERE _id = '$ids[1]'", "WHERE lead_type = 'sale'", 1 ],
    [ 'another column, of what the condition is true of', "SET description = 'x' WHERE _id = '$ids[0]'", "WHERE lead_type = 'sale'", 1 ],
    [ 'the column of the condition', "SET lead_type = 'sale' WHERE _id = '$ids[1]'", "WHERE lead_type = 'sale'", 2 ],
    [ 'the column of the condition, to NULL', "SET lead_type = NULL WHERE _id = '$ids[1]'", 'WHERE lead_type IS NULL', 2 ],
    [ 'one column of two conditions', "SET description = 'x' WHERE _id = '$ids[1]'", "WHERE lead_type = 'appraisal' AND description = 'x'", 2 ],
    [ 'one column of an OR', "SET description = 'x' WHERE _id = '$ids[1]'", "WHERE lead_type = 'sale' OR description = 'x'", 2 ],
    [ 'no column of an OR', "SET done = true WHERE _id = '$ids[1]'", "WHERE lead_type = 'sale' OR description = 'x'", 1 ],
    [ 'anything, where the condition is on _id', "SET description = 'x', lead_type = 'other' WHERE _id = '$ids[1]'", "WHERE _id IN ('$ids[0]', '$ids[2]')", 1 ],
    [ 'a column of an object that the condition is on', "SET note = 'x' WHERE _id IN ('$ids[1]', '$ids[10]')", 'WHERE done IS NULL', 2 ],
    [ 'a member of what was no object', "SET level = 'x' WHERE _id IN ('$ids[7]', '$ids[8]', '$ids[9]')", "WHERE level = 'x'", 2 ],
    [ 'another member of such', "SET level = 'x' WHERE _id IN ('$ids[7]', '$ids[8]', '$ids[9]')", 'WHERE score IS NULL', 1 ],
    [ 'another column, and is deleted', "SET description = 'x' WHERE _id = '$ids[1]'; DELETE FROM %s WHERE _id = '$ids[1]'", "WHERE lead_type = 'appraisal'", 1 ],
    [ 'another column than the order', "SET description = 'x' WHERE _id = '$ids[1]'", 'ORDER BY lead_type, _id LIMIT 30', 1 ],
    [ 'the column of the order', "SET lead_type = 'a' WHERE _id = '$ids[30]'", 'ORDER BY lead_type, _id LIMIT 30', 2 ],
    [ 'what the order is not about, in all rows', "SET description = 'x'", 'ORDER BY lead_type, _id LIMIT 30', 1 ],
    [ 'what the order is about, in all rows', "SET lead_type = reverse(lead_type)", 'ORDER BY lead_type, _id LIMIT 30', 3 ],
    [ 'nothing but by a new row', "; INSERT INTO %s (_id, lead_type) VALUES ('" . 'e' x 24 . "', 'a')", 'ORDER BY lead_type, _id LIMIT 30', 1 ],
    [ 'nothing but by a deletion', "; DELETE FROM %s WHERE _id = '$ids[0]'", 'ORDER BY lead_type, _id LIMIT 30', 1 ],
    [ 'another column than the order, with an offset', "SET description = 'x' WHERE _id = '$ids[1]'", 'ORDER BY lead_type, _id LIMIT 10 OFFSET 5', 1 ],
    [ 'another column than either', "SET done = true WHERE _id = '$ids[1]'", "WHERE lead_type > 'b' ORDER BY description, _id LIMIT 10", 1 ],
    [ 'the column of the condition, and there is an order', "SET lead_type = 'sale' WHERE _id = '$ids[1]'", "WHERE lead_type = 'sale' ORDER BY description, _id LIMIT 10", 2 ])
{
    my ($what, $change, $query, $requests) = @$_;
    fill();
    $dbh->begin_work;
    my %rows;
    for my $table ('t', 'crm.t')
    {
        $dbh->do(sprintf $_, $table) for map { /^SET/ ? "UPDATE %s $_" : $_ } grep { /\S/ } split /;/, $change;
        $sandbox->clear_log;
        $rows{$table} = $dbh->selectall_arrayref("SELECT _id, description, lead_type, done, note, score, level FROM $table $query");
        $rows{$table} = [ sort { $a->[0] cmp $b->[0] } @{ $rows{$table} } ] unless $query =~ /ORDER/;
    }
    my @asked = $sandbox->log;
    is_deeply($rows{'crm.t'}, $rows{t}, "a change of $what: the rows") or diag(explain([ map { $_->{query} } @asked ]));
    cmp_ok(scalar @{ $rows{t} }, '>', 0, "a change of $what: which are some");
    is(scalar @asked, $requests, "a change of $what: $requests requests") or diag(explain([ map { $_->{query} } @asked ]));
    $dbh->commit;
    my $after = $dbh->selectall_arrayref("SELECT _id, description, lead_type, done, note, score, level FROM crm.t $query");
    $after = [ sort { $a->[0] cmp $b->[0] } @$after ] unless $query =~ /ORDER/;
    is_deeply($after, $rows{t}, "a change of $what: and so they are after the commit");
}

done_testing();

# Documents, of which some have something else than an object where one should be.
sub fill
{
    my @documents = map {
        {   _id         => $ids[$_],
            description => "d$_",
            lead_type   => $types[ $_ % 3 ],
            $_ % 4 ? (notification => $_ == 10 ? [ { done => JSON::PP::true } ] : { done => JSON::PP::true }) : (),
            custom => $_ == 7 ? 'text' : $_ == 8 ? [ { score => 1 }, 2 ] : $_ == 9 ? undef : { score => $_, level => "l$_" }
        }
    } 0 .. $#ids;
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks', \@documents);
    $dbh->do('TRUNCATE t');
    $dbh->do('INSERT INTO t SELECT * FROM crm.t');
    return;
}
