# Keyset paging as applications write it: row comparisons become the filter that they mean, and a page is one request.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 1 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->do("SET timezone = 'UTC'");

# Several documents of one instant, and some without one, so that the second column decides, and so does NULL.
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [
    map {
        { _id => sprintf('%024x', $_), make => $_ % 3 ? 'SEAT' : undef, model => 'm' . $_ % 5, mileage => $_ % 4 ? $_ % 7 : undef, year => 2000,
            created_at => $_ % 9 ? sprintf('2024-01-%02dT00:00:00.000Z', 1 + int($_ / 20)) : undef }
    } 1 .. 200 ]);
$dbh->do('CREATE TABLE copy AS SELECT * FROM crm.cars');

# A whole collection, page after page, each from where the one before ended
for my $order ([ '>', 'created_at, _id' ], [ '<', 'created_at DESC, _id DESC' ])
{
    my ($operator, $keys) = @$order;
    my $all = $dbh->selectall_arrayref("SELECT created_at, _id FROM copy WHERE created_at IS NOT NULL ORDER BY $keys");
    my $first = "SELECT created_at, _id FROM crm.cars WHERE created_at IS NOT NULL ORDER BY $keys LIMIT 50";
    my $next = "SELECT created_at, _id FROM crm.cars WHERE (created_at, _id) $operator (\$1, \$2) ORDER BY $keys LIMIT 50";
    for my $mode (qw(force_custom_plan force_generic_plan))
    {
        $dbh->do("SET plan_cache_mode = $mode");
        $dbh->do("PREPARE next_page(timestamptz, text) AS $next");
        my @rows = @{ $dbh->selectall_arrayref($first) };
        my ($pages, $requests) = (0, 0);
        while (my $last = $rows[ 50 * ($pages + 1) - 1 ])
        {
            $sandbox->clear_log;
            push @rows, @{ $dbh->selectall_arrayref("EXECUTE next_page('$last->[0]', '$last->[1]')") };
            $requests += $sandbox->log(kind => 'list');
            $pages++;
        }
        is_deeply(\@rows, $all, "all rows, in pages by $operator ($mode)");
        is($requests, $pages, 'one request a page');
        $dbh->do('DEALLOCATE next_page');
    }
}
$dbh->do('RESET plan_cache_mode');

# What is sent
my ($at, $id) = ('2024-01-03T00:00:00.000Z', '0' x 22 . '30');
for (
    [ "(created_at, _id) > ('$at', '$id')", [ { created_at => { '$gt' => $at } }, { created_at => $at, _id => { '$gt' => $id } } ] ],
    [ "(created_at, _id) <= ('$at', '$id')", [ { created_at => { '$lt' => $at } }, { created_at => $at, _id => { '$lte' => $id } } ] ],
    [ "('$at', '$id') < (created_at, _id)", [ { created_at => { '$gt' => $at } }, { created_at => $at, _id => { '$gt' => $id } } ] ],
    [ "NOT (created_at, _id) > ('$at', '$id')", [ { created_at => { '$lt' => $at } }, { created_at => $at, _id => { '$lte' => $id } } ] ],
    [ "(make, mileage, _id) >= ('SEAT', 3, '$id')",
        [ { make => { '$gt' => 'SEAT' } }, { make => 'SEAT', mileage => { '$gt' => 3 } }, { make => 'SEAT', mileage => 3, _id => { '$gte' => $id } } ] ],
    [ "created_at < '$at' OR (created_at = '$at' AND _id > '$id')", [ { created_at => { '$lt' => $at } }, { created_at => $at, _id => { '$gt' => $id } } ] ],
    # what cannot be sent decides only among equals
    [ "(mileage, length(model)) > (3, 1)", { mileage => { '$gte' => 3 } } ],
    [ "(mileage, custom->>'a') < (3, 'x' COLLATE \"C\")", { mileage => { '$lte' => 3 } } ],
    [ "(mileage, make, length(model)) > (3, 'SEAT', 1)", [ { mileage => { '$gt' => 3 } }, { mileage => 3, make => { '$gte' => 'SEAT' } } ] ],
    [ "(length(model), mileage) > (1, 3)", undef ],
  )
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    my $ids = $dbh->selectcol_arrayref("SELECT _id FROM crm.cars WHERE $condition ORDER BY _id LIMIT 1000");
    my ($request) = $sandbox->log(kind => 'list');
    $filter = { '$or' => $filter } if ref $filter eq 'ARRAY';
    is($json->encode($request->{query}{q} // {}), $json->encode($filter // {}), "filter of $condition");
    is_deeply($ids, $dbh->selectcol_arrayref("SELECT _id FROM copy WHERE $condition ORDER BY _id"), 'and its rows');
}

# NULL ends a comparison of rows, but not before it is reached.
my @values = ('NULL', map({ "'2024-01-0$_'::timestamptz" } 1, 3, 9), "'infinity'");
my @wrong;
for my $first (@values)
{
    for my $second ('NULL', '3', '0', '1e400')
    {
        for my $operator (qw(< <= > >=))
        {
            for my $not ('', 'NOT ')
            {
                for my $condition (
                    "(created_at, mileage) $operator ($first, $second)", "(created_at, $second) $operator ($first, mileage)", "(year, created_at) $operator (2000, $first)")
                {
                    my ($with, $without) = map { $dbh->selectrow_array("SELECT count(*) FROM $_ WHERE $not$condition") } 'crm.cars', 'copy';
                    push @wrong, "$not$condition: $with instead of $without" if $with != $without;
                }
            }
        }
    }
}
is_deeply(\@wrong, [], 'rows with NULL in either of them');

# Where a NULL cannot be, no request asks for it: an OR has its arms for that.
$sandbox->clear_log;
$dbh->do("SELECT _id FROM crm.cars WHERE created_at > '$at' OR (created_at = '$at' AND _id > '$id') ORDER BY created_at LIMIT 1000");
is(scalar(grep { $json->encode($_->{query}{q} // {}) =~ /"created_at":null/ } $sandbox->log(kind => 'list')), 0, 'no sequence of NULLs');

$node->stop;
done_testing();
