# COALESCE, NULLIF and CASE, and conditions that may be switched off by a parameter: each is the filter that it means.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { cars => 1 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [
    map { { _id => sprintf('%024x', $_), make => (undef, '', 'SEAT', 'seat', 'BMW')[ $_ % 5 ], model => (undef, 'x', 'SEAT')[ $_ % 3 ],
            mileage => (undef, 0, 5, 50, 5000, 1)[ $_ % 6 ], published => (undef, JSON::PP::true, JSON::PP::false)[ $_ % 3 ],
            custom => { a => (undef, 'x', '')[ $_ % 3 ] } } } 1 .. 90 ]);
$dbh->do('CREATE TABLE copy AS SELECT * FROM crm.cars');

my $bands = q(CASE WHEN mileage < 10 THEN 'new' WHEN mileage < 100 THEN 'young' ELSE 'old' END);
for (
    [ "coalesce(make, '') = 'SEAT'",              { make => 'SEAT' } ],
    [ "coalesce(make, 'SEAT') = 'SEAT'",          { '$or' => [ { make => 'SEAT' }, { make => undef } ] } ],
    [ "coalesce(make, '') <> 'SEAT'",             { '$or' => [ { make => { '$nin' => [ 'SEAT', undef ] } }, { make => undef } ] } ],
    [ "lower(coalesce(make, '')) = 'seat'",       { make => { '$regex' => '^[sS][eE][aA][tT](?![\d\D])' } } ],
    [ 'coalesce(mileage, 0) > 10',                { mileage => { '$gt' => 10 } } ],
    [ 'coalesce(mileage, 0) < 1',                 { '$or' => [ { mileage => { '$lt' => 1 } }, { mileage => undef } ] } ],
    [ 'coalesce(published, false)',               { published => JSON::PP::true } ],
    [ "coalesce(make, model, '') = 'x'",          { '$or' => [ { make => 'x' }, { make => undef, model => 'x' } ] } ],
    [ "nullif(make, '') IS NOT NULL",             undef ],
    [ "nullif(make, '') = 'SEAT'",                { make => 'SEAT' } ],
    [ "$bands = 'new'",                           { mileage => { '$lt' => 10 } } ],
    [ "$bands IN ('new', 'young')",               undef ],
    [ "$bands <> 'old'",                          undef ],
    [ "CASE make WHEN 'SEAT' THEN 1 WHEN 'BMW' THEN 2 END = 2", undef ],
    [ "CASE WHEN published THEN make = 'SEAT' ELSE mileage > 100 END", undef ],
    [ "CASE WHEN length(make) = 4 THEN mileage END = 50", { mileage => 50 } ],
    [ "CASE WHEN length(make) = 4 THEN 1 END = 1", {} ],
    [ "make = 'SEAT' OR 1 = 2 + length(make) * 0", {} ],
  )
{
    my ($condition, $filter) = @$_;
    for my $sql ($condition, "NOT ($condition)", "($condition) IS NOT TRUE")
    {
        $sandbox->clear_log;
        my $ids = $dbh->selectcol_arrayref("SELECT _id FROM crm.cars WHERE $sql ORDER BY _id");
        my ($request) = $sandbox->log(kind => 'list');
        is_deeply($ids, $dbh->selectcol_arrayref("SELECT _id FROM copy WHERE $sql ORDER BY _id"), "rows of $sql");
        is($json->encode($request->{query}{q} // {}), $json->encode($filter), "filter of $sql") if $filter && $sql eq $condition;
        isnt($json->encode($request->{query}{q} // {}), '{}', "there is a filter of $sql") if !$filter && $sql eq $condition;
    }
}

# What an application leaves to a parameter
$dbh->do('PREPARE optional(text, numeric) AS SELECT _id FROM crm.cars WHERE ($1 IS NULL OR make = $1) AND ($2 IS NULL OR mileage > $2) ORDER BY _id');
for my $mode (qw(force_custom_plan force_generic_plan))
{
    $dbh->do("SET plan_cache_mode = $mode");
    for (
        [ "'SEAT'", 'NULL', { make => 'SEAT' } ],
        [ "'SEAT'", '4',    { make => 'SEAT', mileage => { '$gt' => 4 } } ],
        [ 'NULL',   'NULL', {} ],
        [ "'none'", '4',    { make => 'none', mileage => { '$gt' => 4 } } ],
      )
    {
        my ($make, $mileage, $filter) = @$_;
        $sandbox->clear_log;
        my $ids = $dbh->selectcol_arrayref("EXECUTE optional($make, $mileage)");
        my ($request) = $sandbox->log(kind => 'list');
        is($json->encode($request->{query}{q} // {}), $json->encode($filter), "filter of ($make, $mileage) with $mode");
        my $same = "SELECT _id FROM copy WHERE ($make\::text IS NULL OR make = $make) AND ($mileage\::numeric IS NULL OR mileage > $mileage) ORDER BY _id";
        is_deeply($ids, $dbh->selectcol_arrayref($same), 'and its rows');
    }
}
$dbh->do('RESET plan_cache_mode');
is($dbh->selectrow_array(q(SELECT count(*) FROM crm.cars WHERE make = 'SEAT' OR (SELECT count(*) FROM copy WHERE make = 'none') > 0)), 18, 'a subquery decides');
is($dbh->selectrow_array(q(SELECT count(*) FROM crm.cars WHERE make = 'SEAT' OR (SELECT count(*) FROM copy) > 0)), 90, 'or lets all through');
my $plan = join "\n", @{ $dbh->selectcol_arrayref(q(EXPLAIN (COSTS off) SELECT _id FROM crm.cars WHERE make = 'SEAT' OR (SELECT count(*) FROM copy) > 0)) };
like($plan, qr/Request: \S*\s*\S*\{"make":"SEAT"\}/, 'EXPLAIN shows the rest');

# What would fail if it were computed is not computed.
is($dbh->selectrow_array(q(SELECT count(*) FROM crm.cars WHERE make = 'SEAT' OR (make IS NULL AND 1 / (SELECT count(*) FROM copy WHERE make = 'none') > 0 AND false))), 18, 'no division by zero');

# Very many branches are left to PostgreSQL.
my $many = 'CASE ' . join(' ', map { "WHEN mileage = $_ THEN $_" } 1 .. 200) . ' END = 5';
is_deeply($dbh->selectcol_arrayref("SELECT _id FROM crm.cars WHERE $many ORDER BY 1"), $dbh->selectcol_arrayref("SELECT _id FROM copy WHERE $many ORDER BY 1"), 'two hundred branches');

$node->stop;
done_testing();
