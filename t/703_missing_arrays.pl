# A service may show each array that its schema declares, empty, where the document has none, and the objects that it is
# in, as documents of Mongoose do.  Filters see what is stored.  No row is lost, whichever it shows, and what is looked for
# in arrays is asked for as before.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 30, clients => 30 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars clients)]);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->do('SET client_min_messages = error');

# Arrays of scalars and of objects; of objects, whole and by their members; what nobody describes
my $own = q(CREATE FOREIGN TABLE crm.%s (_id text COLLATE "C", make text COLLATE "C", mileage numeric, extras text[] COLLATE "C", prices jsonb, status_history jsonb,
    extras_json jsonb OPTIONS (path 'extras'), old jsonb OPTIONS (path 'prices.retail.previous_prices'), retail jsonb OPTIONS (path 'prices.retail'),
    source text OPTIONS (path 'prices.retail.source') COLLATE "C", zzz text[] COLLATE "C", zzz_free jsonb OPTIONS (path 'zzz'), custom jsonb, status jsonb)
    SERVER crm OPTIONS (resource 'cars', on_type_mismatch '%s'));
$dbh->do(sprintf $own, @$_) for [ 'strict', 'error' ], [ 'loose', 'null' ];
my @documents = map { { %$_, make => 'own' } } (
    { _id => '1' x 24 },
    { _id => '2' x 24, extras => undef, prices => undef, status_history => undef },
    { _id => '3' x 24, extras => [], prices => {}, status_history => [], zzz => [] },
    { _id => '4' x 24, extras => ['abs'], prices => { retail => { source => 'dms' } }, status_history => [ { status => 'sold' } ], zzz => ['a'] },
    { _id => '5' x 24, extras => [ 'abs', 'esp' ], prices => { retail => { source => 'x', previous_prices => [ { price => 5 } ] } },
        status_history => [ { status => 'sold', substatus_history => [] }, {} ], status => { status => 'sold' }, custom => { a => [] } },
    { _id => '6' x 24, extras => [ 'esp', undef ], prices => { export => { source => 'z' } }, custom => { a => ['x'] } },
    { _id => '7' x 24, extras => undef, prices => { retail => {} }, status_history => [ {} ], status => {}, custom => {} },
    { _id => '8' x 24, extras => undef, prices => {}, custom => { a => {} } });

my @conditions = (
    'extras IS NULL', 'extras IS NOT NULL', "'abs' = ANY (extras)", "'abs' <> ALL (extras)", "NOT 'abs' = ANY (extras)", "NULL <> ALL (extras)", "NOT NULL = ANY (extras)",
    "extras @> ARRAY['abs']", "extras @> '{}'", "NOT extras @> ARRAY['abs']", "extras && ARRAY['abs', 'esp']", "NOT extras && ARRAY['abs']", "extras <@ ARRAY['abs']",
    "extras = '{}'", "extras <> '{}'", "extras = ARRAY['abs']", "extras <> ARRAY['abs']", "extras IN ('{}', '{abs}')", "extras NOT IN ('{abs}')", "extras IS DISTINCT FROM '{}'",
    "extras IS NOT DISTINCT FROM '{}'", "extras IS DISTINCT FROM NULL", "extras > '{}'", "extras >= '{}'", 'cardinality(extras) = 0', 'array_length(extras, 1) IS NULL',
    "'a' < ANY (extras)", "'a' < ALL (extras)", "extras[1] IS NULL", "(extras && ARRAY['abs']) IS NOT TRUE", "('abs' = ANY (extras)) IS UNKNOWN", "('abs' = ANY (extras)) IS NOT UNKNOWN",
    map({ my $place = $_; map { s/\$/$place/gr } ('$ IS NULL', '$ IS NOT NULL', "\$ = '[]'", "\$ <> '[]'", "\$ <> '5'", "\$ IS DISTINCT FROM '[]'", "\$ IS NOT DISTINCT FROM '[]'",
        "\$ @> '[]'", "NOT \$ @> '[5]'", "\$ <@ '[]'", "\$ ? 'abs'", "NOT \$ ? 'abs'", "NOT \$ ?| ARRAY['abs', 'sold']", "NOT \$ ?& ARRAY['abs']", "\$->0 IS NULL", "\$->0 IS NOT NULL",
        "\$->>0 = 'abs'", "\$->0->>'status' = 'sold'", "\$->0->>'status' IS NULL", "\$ @> '[{\"status\": \"sold\"}]'", "jsonb_typeof(\$) = 'array'", "\$ > '[]'", "\$ >= '[]'", "\$ IN ('[]', '5')", "\$ NOT IN ('5')") }
        'status_history', 'extras_json', 'old', 'zzz_free', "prices->'retail'->'previous_prices'", "status_history->0->'substatus_history'", "custom->'a'"),
    map({ my $place = $_; map { s/\$/$place/gr } ('$ IS NULL', '$ IS NOT NULL', "\$ = '[]'", "\$ <> '[]'", "\$ <> 'x'", "\$ LIKE '[%'", "\$ NOT LIKE 'x%'", "\$ >= '[' COLLATE \"C\"", "\$ IN ('[]', 'x')", "\$ NOT IN ('x')",
        "\$ IS DISTINCT FROM 'x'", "\$ IS NOT DISTINCT FROM '[]'") }
        "prices->'retail'->>'previous_prices'", "prices->>'retail'", "status_history->0->>'substatus_history'", "zzz_free->>'a'", "zzz_free->>0", "prices->'retail'->>'source'", 'source'),
    map({ my $place = $_; map { s/\$/$place/gr } ('$ IS NULL', '$ IS NOT NULL', "\$ = '{}'", "\$ <> '{}'", "\$ IS DISTINCT FROM '{}'", "\$ @> '{}'", "NOT \$ @> '{\"source\": \"x\"}'", "\$ ? 'previous_prices'",
        "NOT \$ ? 'previous_prices'", "\$ ? 'source'", "NOT \$ ? 'source'", "\$ ?| ARRAY['previous_prices', 'nope']", "\$ ?& ARRAY['previous_prices', 'source']", "\$ @> '{\"previous_prices\": []}'",
        "\$ @> '{\"retail\": {\"previous_prices\": []}}'", "\$ @> '{\"retail\": {}}'", "\$ ? 'retail'", "\$ ? 'export'", "\$ <> '{\"retail\": {\"previous_prices\": []}}'", "\$ = '{\"previous_prices\": []}'") }
        'prices', 'retail', "prices->'retail'", "prices->'export'", 'status', 'custom', "custom->'a'", 'zzz_free'),
    'zzz IS NOT NULL', "'a' <> ALL (zzz)", "'a' = ANY (zzz)", "NOT zzz && ARRAY['a']", "zzz @> '{}'",
    "(prices->'retail'->>'source') IS NULL AND (extras IS NOT NULL OR mileage > 5)", "extras IS NOT NULL OR make = 'none'", "NOT (extras IS NULL AND make = 'own')", "extras IS NOT NULL AND source IS NULL",
);

for my $way ([ 'absent', 'shown' ], [ 'empty', 'shown' ], [ 'nested', 'shown' ], [ 'absent', 'hidden' ], [ 'empty', 'hidden' ])
{
    my ($shown, $objects) = @$way;
    $sandbox->settings(missing_arrays => $shown, empty_objects => $objects);
    $sandbox->delete('/_sandbox/documents/cars');
    $sandbox->post('/_sandbox/documents/cars', \@documents);
    for my $table (qw(strict loose))
    {
        my @wrong;
        $dbh->do('SET walcu_fdw.enable_pushdown = off');
        $dbh->do("CREATE TEMP TABLE copied AS SELECT * FROM crm.$table");
        is($dbh->selectrow_array('SELECT count(extras) FROM copied'), $shown eq 'absent' ? 4 : 5, "arrays that are missing are $shown");
        is($dbh->selectrow_array("SELECT count(*) FROM copied WHERE custom = '{}'"), $objects eq 'shown' ? 1 : 0, "objects that are empty are $objects");
        $dbh->do('SET walcu_fdw.enable_pushdown = on');
        for my $condition (@conditions)
        {
            my ($with, $without) = map { ids("SELECT _id FROM $_ WHERE $condition ORDER BY _id") } "crm.$table", 'copied';
            push @wrong, "$condition: $with instead of $without" if $with ne $without;
        }
        is_deeply(\@wrong, [], scalar(@conditions) . " conditions, $table, missing arrays $shown, empty objects $objects");
        for my $order ('extras', 'extras DESC', 'extras_json NULLS FIRST', 'prices', 'old DESC NULLS LAST', 'source NULLS FIRST', 'source DESC')
        {
            my ($with, $without) = map { ids("SELECT _id FROM $_ ORDER BY $order, _id LIMIT 4") } "crm.$table", 'copied';
            is($with, $without, "ORDER BY $order, $table, missing arrays $shown, empty objects $objects");
        }
        for my $what ('count(extras)', 'count(DISTINCT extras)', 'max(extras)::text', 'count(*) FILTER (WHERE extras IS NOT NULL)', 'count(old)', 'sum(cardinality(extras))')
        {
            my ($with, $without) = map { $dbh->selectrow_array("SELECT $what FROM $_") // 'NULL' } "crm.$table", 'copied';
            is($with, $without, "$what, $table, missing arrays $shown, empty objects $objects");
        }
        $dbh->do('DROP TABLE copied');
    }
}

# What is sent
for (
    [ 'extras IS NULL', { extras => undef } ],
    [ 'extras IS NOT NULL', undef ],
    [ "'abs' = ANY (extras)", { extras => 'abs' } ],
    [ "extras @> ARRAY['abs']", { extras => 'abs' } ],
    [ "extras && ARRAY['abs', 'esp']", { extras => { '$in' => [ 'abs', 'esp' ] } } ],
    [ "'abs' <> ALL (extras)", { extras => { '$nin' => ['abs'] } } ],
    [ "NOT extras && ARRAY['abs']", { extras => { '$nin' => ['abs'] } } ],
    [ "NOT extras @> ARRAY['abs']", undef ],
    [ "extras @> '{}'", undef ],
    [ 'status_history IS NOT NULL', undef ],
    [ "status_history @> '[{\"status\": \"sold\"}]'", { 'status_history.status' => 'sold' } ],
    [ 'prices IS NOT NULL', undef ],
    [ "prices->'retail'->>'source' IS NOT NULL",
        { '$or' => [ { 'prices.retail.source' => { '$ne' => undef } }, { 'prices.retail.source' => { '$type' => ['array'] } } ] } ],
    [ 'status IS NOT NULL', { '$or' => [ { status => { '$ne' => undef } }, { status => { '$type' => ['array'] } } ] } ],
    [ 'status IS NULL', undef ],
    [ 'custom IS NULL', undef ],
    [ "prices->'retail' IS NULL", undef ],
    [ "custom->'a' IS NOT NULL", { 'custom.a' => { '$exists' => JSON::PP::true } } ],
    [ "zzz_free->>'a' <> 'x'", { '$or' => [ { 'zzz.a' => { '$nin' => ['x'] } }, { 'zzz.a' => { '$type' => ['array'] } } ] } ],
    [ "zzz_free->>'a' = 'x'", { 'zzz.a' => 'x' } ],
    [ "extras IS NOT NULL AND make = 'own'", { make => 'own' } ],
    [ "extras IS NOT NULL OR make = 'own'", undef ],
  )
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT _id FROM crm.strict WHERE $condition");
    is($json->encode(($sandbox->log)[0]{query}{q} // {}), $json->encode($filter // {}), "filter of $condition");
}
my $plan = join "\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT _id FROM crm.strict WHERE extras IS NOT NULL') };
like($plan, qr/Local because: the service may show an empty array where a document has none: \(extras IS NOT NULL\)/, 'EXPLAIN says why');

# An id that is shown, and that no document has
$sandbox->settings(missing_arrays => 'absent', empty_objects => 'shown', virtual_id => 'shown');
$dbh->do('ALTER FOREIGN TABLE crm.strict ADD COLUMN id text COLLATE "C"');
$dbh->do('CREATE TEMP TABLE copied AS SELECT _id, _id AS id FROM crm.strict');
my $somebody = '4' x 24;
for my $condition ("id = '$somebody'", "id IN ('$somebody', 'nope')", "id > '5'", "id LIKE '4%'", 'id IS NOT NULL', "id <> '$somebody'", "id = '$somebody' OR make = 'own'", 'id = _id',
    "id IN (SELECT _id FROM copied)", "EXISTS (SELECT FROM copied c WHERE c._id = strict.id)")
{
    $sandbox->clear_log;
    my ($with, $without) = map { ids("SELECT _id FROM $_ AS strict WHERE $condition ORDER BY _id") } 'crm.strict', '(SELECT copied.*, make FROM copied JOIN crm.strict USING (_id))';
    is($with, $without, "a virtual id: $condition");
    ok(!(grep { $json->encode($_->{query}{q} // {}) =~ /"id"/ } $sandbox->log), 'is not asked for');
}
is(ids('SELECT c._id FROM copied c JOIN crm.strict s ON s.id = c._id ORDER BY 1'), ids('SELECT _id FROM copied ORDER BY 1'), 'a join onto it');
is(ids('SELECT _id FROM crm.strict ORDER BY id DESC LIMIT 3'), ids('SELECT _id FROM copied ORDER BY _id DESC LIMIT 3'), 'an order by it');
like(join("\n", @{ $dbh->selectcol_arrayref("EXPLAIN SELECT _id FROM crm.strict WHERE id = 'x'") }), qr/Local because: the service may show an id that no document has/, 'EXPLAIN says why');
done_testing();

sub ids
{
    my ($sql) = @_;
    my $ids = eval { $dbh->selectcol_arrayref($sql) };
    return $ids ? join(' ', map { substr $_, 0, 1 } @$ids) : 'error ' . $dbh->state;
}
