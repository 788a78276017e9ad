# Columns of array types whose path leads through arrays of objects: what their values are, which is the same
# whatever else is asked for; which conditions on them are filters, for every kind of service; that only their
# fields are asked for; joins by their elements; and that nobody writes them.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Services;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { saleleads => 1, cars => 1 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(saleleads cars)]);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->{pg_expand_array} = 0;
$dbh->do('SET client_min_messages = error');

my $columns = q(_id text COLLATE "C", inquiry text COLLATE "C" OPTIONS (path 'inquiry'),
    car_ids text[] OPTIONS (path 'car_list.car_id') COLLATE "C",
    makes text[] OPTIONS (path 'car_list.car.make') COLLATE "C",
    prices numeric[] OPTIONS (path 'car_list.car.price'), counts integer[] OPTIONS (path 'car_list.car.quantity'),
    codes text[] OPTIONS (path 'car_list.car.equipment.package_items.code') COLLATE "C",
    images text[] OPTIONS (path 'computed.car_list.images') COLLATE "C",
    assigned timestamptz[] OPTIONS (path 'status_history.assigned_at'),
    cars jsonb[] OPTIONS (path 'car_list.car'), one text OPTIONS (path 'car_list.car_id') COLLATE "C",
    first text[] OPTIONS (path 'car_list.0.car_id') COLLATE "C", list jsonb OPTIONS (path 'car_list'),
    free text[] OPTIONS (path 'custom.list.name') COLLATE "C", free_ids text[] OPTIONS (path 'custom.list.lead_id') COLLATE "C",
    unknown numeric[] OPTIONS (path 'zzz.list.n'), stray text[] OPTIONS (path 'car_list.zzz') COLLATE "C",
    doc jsonb OPTIONS (path '.'));
$dbh->do('ALTER FOREIGN TABLE crm.saleleads ALTER COLUMN _id TYPE text COLLATE "C"');
my $shape = $columns =~ s/(text(?:\[\])?) COLLATE "C" (OPTIONS \([^)]*\))/$1 $2 COLLATE "C"/gr;
$dbh->do("CREATE FOREIGN TABLE crm.$_->[0] ($shape) SERVER crm OPTIONS (resource 'saleleads', on_type_mismatch '$_->[1]')")
  for [ 'strict', 'error' ], [ 'loose', 'null' ];

my ($A, $B, $C) = map { $_ x 24 } qw(a b c);
my %car = (make => 'SEAT', price => 5, quantity => 1);
my @documents = (
    { _id => '1' x 24, car_list => [ { car_id => $A, car => { %car, equipment => [ { package_items => [ { code => 'x' }, { code => 'y' } ] }, { package_items => [] }, {} ] } }, { car_id => $B, car => { make => 'BMW', price => 7.5, quantity => 2 } } ],
        status_history => [ { assigned_at => '2024-05-01T10:00:00.000Z' }, { assigned_at => '2024-06-01T10:00:00.123Z' } ], computed => { car_list => [ { images => [ 'p', 'q' ] }, { images => ['r'] } ] },
        custom => { list => [ { name => 'n1', lead_id => $A }, { name => 'n2' } ] }, zzz => { list => [ { n => 1 }, { n => 2 } ] } },
    { _id => '2' x 24, car_list => [] , status_history => [], computed => { car_list => [] }, custom => { list => [] }, zzz => { list => [] } },
    { _id => '3' x 24 },
    { _id => '4' x 24, car_list => [ { car => { make => 'SEAT' } }, { car_id => undef }, { car_id => $A } ], computed => { car_list => [ {}, { images => [] } ] }, custom => { list => [ {}, { name => undef } ] } },
    { _id => '5' x 24, car_list => undef, status_history => undef, computed => {}, custom => { list => undef }, zzz => undef },
    { _id => '6' x 24, car_list => [ { car_id => $B, car => { %car, make => 'Šest' } } ], custom => { list => [ { name => 'n2', lead_id => $B }, undef, 'n1', [ { name => 'n1' } ] ] }, zzz => { list => [ { n => 5 }, 7, undef ] } },
    { _id => '7' x 24, car_list => [ { car_id => $C }, { car_id => $C } ], custom => { list => { name => ['n1'] } }, zzz => 5 },
);
# what does not fit, which is an error or NULL
my @unfit = (
    { _id => '8' x 24, car_list => [ { car_id => $A, car => { make => 'SEAT', price => 'dear', quantity => 1.5 } } ], status_history => [ { assigned_at => 'once' } ], custom => { list => { name => 'n1' } }, zzz => { list => [ { n => 'x' } ] } },
    { _id => '9' x 24, car_list => [ { car_id => $B, car => { make => [ ['SEAT'] ], price => [ 5, 'x' ], quantity => [ 3, 4 ] } } ], custom => { list => [ { name => ['n1', 'n3'] }, { name => 'n4' } ] }, zzz => { list => [ { n => [ [1] ] } ] } },
);

put(@documents);
# What the values are
my %values = (
    car_ids  => [ "{$A,$B}", '{}', '{}', "{NULL,$A}", '{}', "{$B}", "{$C,$C}" ],
    makes    => [ '{SEAT,BMW}', '{}', '{}', '{SEAT}', '{}', '{Šest}', '{}' ],
    prices   => [ '{5,7.5}', '{}', '{}', '{}', '{}', '{5}', '{}' ],
    counts   => [ '{1,2}', '{}', '{}', '{}', '{}', '{1}', '{}' ],
    codes    => [ '{x,y}', ('{}') x 6 ],
    images   => [ '{p,q,r}', ('{}') x 6 ],
    "assigned::text" => [ '{"2024-05-01 10:00:00+00","2024-06-01 10:00:00.123+00"}', ('{}') x 6 ],
    'cardinality(cars)' => [ 2, 0, 0, 1, 0, 1, 0 ],
    one      => [ (undef) x 7 ],
    free     => [ '{n1,n2}', '{}', undef, '{NULL}', undef, '{n2}', '{n1}' ],
    free_ids => [ "{$A}", '{}', undef, '{}', undef, "{$B}", undef ],
    unknown  => [ '{1,2}', '{}', undef, undef, undef, '{5}', undef ],
    first    => [ (undef) x 7 ],
    stray    => [ ('{}') x 7 ],
);
$dbh->do("SET timezone = 'UTC'");
for my $shown (qw(absent empty nested))
{
    $sandbox->settings(missing_arrays => $shown);
    # a car has arrays, and so is shown, too
    @{ $values{"cardinality(cars)"} }[3, 6] = (3, 2) if $shown eq 'nested';
    for my $value (sort keys %values)
    {
        my $sql = "SELECT $value FROM crm.strict";
        is_deeply($dbh->selectcol_arrayref("$sql ORDER BY _id"), $values{$value}, "$value, missing arrays $shown");
        is_deeply([ map { $_->[0] } @{ $dbh->selectall_arrayref($sql =~ s/ FROM/, doc, list FROM/r . ' ORDER BY _id') } ], $values{$value}, "$value of whole documents, missing arrays $shown");
        is_deeply([ map { $dbh->selectrow_array("$sql WHERE _id = \$1", undef, $_ x 24) } 1 .. 7 ], $values{$value}, "$value of each document, missing arrays $shown");
    }
}
$sandbox->settings(missing_arrays => 'absent');

# Only their fields are asked for; a part of what is asked for, too, is not
for (
    [ 'car_ids' => 'car_list.car_id _id' ], [ 'car_ids, makes' => 'car_list.car_id car_list.car.make _id' ], [ 'car_ids, list' => 'car_list _id' ],
    [ 'list, codes, images' => 'computed.car_list.images car_list _id' ], [ 'cars, prices, makes' => 'car_list.car _id' ],
  )
{
    my ($list, $fields) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT $list FROM crm.strict");
    is(($sandbox->log(kind => 'list'))[0]{query}{project}, $fields, "fields of $list");
}

# Conditions, and what they are for the service
my @conditions = (
    [ "'$A' = ANY (car_ids)", { 'car_list.car_id' => $A } ],
    [ "car_ids && ARRAY['$A', '$C']", { 'car_list.car_id' => { '$in' => [ $A, $C ] } } ],
    [ "car_ids @> ARRAY['$A', '$B']", { '$and' => [ { 'car_list.car_id' => $A }, { 'car_list.car_id' => $B } ] } ],
    [ "ARRAY['$B'] <@ car_ids", { 'car_list.car_id' => $B } ],
    [ "'$A' <> ALL (car_ids)", { 'car_list.car_id' => { '$nin' => [$A] } } ],
    [ "NOT car_ids && ARRAY['$A']", { 'car_list.car_id' => { '$nin' => [$A] } } ],
    [ "'SEAT' = ANY (makes)", { 'car_list.car.make' => 'SEAT' } ],
    [ "'SEAT' <> ALL (makes)", { 'car_list.car.make' => { '$nin' => ['SEAT'] } } ],
    [ "'T' < ANY (makes)", { 'car_list.car.make' => { '$gt' => 'T' } } ],
    [ '7.5 = ANY (prices)', { 'car_list.car.price' => 7.5 } ],
    [ '6 < ANY (prices)', { 'car_list.car.price' => { '$gt' => 6 } } ],
    [ 'counts && ARRAY[1, 9]', { 'car_list.car.quantity' => { '$in' => [ 1, 9 ] } } ],
    [ "'y' = ANY (codes)", { 'car_list.car.equipment.package_items.code' => 'y' } ],
    [ "images @> '{q,r}'", { '$and' => [ { 'computed.car_list.images' => 'q' }, { 'computed.car_list.images' => 'r' } ] } ],
    [ "'2024-06-01 10:00:00.123+00'::timestamptz = ANY (assigned)", { 'status_history.assigned_at' => '2024-06-01T10:00:00.123Z' } ],
    [ "'2024-05-15'::timestamptz > ANY (assigned)", { 'status_history.assigned_at' => { '$lt' => '2024-05-15T00:00:00.000Z' } } ],
    [ "'n1' = ANY (free)", { 'custom.list.name' => 'n1' } ],
    [ "'n1' <> ALL (free)", { 'custom.list.name' => { '$nin' => ['n1'] } } ],
    [ "'$A' = ANY (free_ids)", { 'custom.list.lead_id' => $A } ],
    [ '2 = ANY (unknown)', { 'zzz.list.n' => 2 } ],
    [ '2 <> ALL (unknown)', { 'zzz.list.n' => { '$nin' => [2] } } ],
    [ "'x' = ANY (car_ids)" ], [ "'x' <> ALL (car_ids)" ], [ "NOT 'x' = ANY (makes)" ], [ "car_ids && ARRAY['x', '$A']" ], [ "car_ids IS NULL" ], [ "car_ids IS NOT NULL" ], [ "car_ids = '{}'" ], [ "car_ids <> '{}'" ],
    [ "car_ids @> '{}'" ], [ "NOT car_ids @> '{$A}'" ], [ "car_ids <@ '{$A,$B}'" ], [ "cardinality(car_ids) = 2" ], [ "car_ids[1] = '$A'" ], [ "array_position(car_ids, NULL) IS NULL" ], [ "('$A' = ANY (car_ids)) IS NOT TRUE" ],
    [ "('$A' = ANY (car_ids)) IS UNKNOWN" ], [ "NULL = ANY (car_ids)" ], [ "NULL <> ALL (car_ids)" ], [ "car_ids && '{NULL}'" ], [ "'$A' = ALL (car_ids)" ], [ "'a' < ALL (makes)" ], [ "'x' = ANY (stray)" ], [ "'x' <> ALL (stray)" ],
    [ "'$A' = ANY (first)" ], [ "first IS NULL" ], [ "one IS NULL" ], [ "one = '$A'" ], [ "'$A' = ANY (car_ids) OR 'n1' = ANY (free)" ], [ "NOT ('$A' = ANY (car_ids) OR 'BMW' = ANY (makes))" ], [ "'n1' = ANY (free) OR 2 = ANY (unknown)" ],
    [ "free IS NULL" ], [ "free IS NOT NULL" ], [ "free @> '{}'" ], [ "unknown IS NULL" ], [ "unknown IS DISTINCT FROM '{5}'" ], [ "'{\"make\": \"SEAT\"}' <@ ANY (cars)" ], [ "'Šest' = ANY (makes)" ], [ "prices && '{5}' AND 'SEAT' = ANY (makes)" ],
    [ "'$A'::text = ANY (car_ids) IS FALSE" ], [ "EXISTS (SELECT FROM unnest(car_ids) i WHERE i = '$B')" ], [ "codes && images" ], [ "prices @> '{5,7.5}'" ], [ "6.5 > ALL (prices)" ], [ "true = ANY ('{true}') AND '$C' = ANY (car_ids)" ],
);
for (grep { $_->[1] } @conditions)
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT _id FROM crm.strict WHERE $condition");
    is($json->encode(($sandbox->log(kind => 'list'))[0]{query}{q} // {}), $json->encode($filter), "filter of $condition");
}

# The same rows as without filters, of every kind of service, with documents that fit and with ones that do not
for my $table (qw(strict loose))
{
    put(@documents, $table eq 'loose' ? @unfit : ());
    for my $service (services(qw(ids filters lists ignored)))
    {
        $sandbox->settings(settings_of($service));
        my @wrong;
        $dbh = connect_db($node);    # what a session knows of a service is not another's
        $dbh->{pg_placeholder_dollaronly} = 1;
        $dbh->{pg_expand_array} = 0;
        $dbh->do('SET client_min_messages = error');
        $dbh->do('SET walcu_fdw.enable_pushdown = off');
        $dbh->do("CREATE TEMP TABLE copied AS SELECT * FROM crm.$table");
        $dbh->do('SET walcu_fdw.enable_pushdown = on');
        for my $condition (map { $_->[0] } @conditions)
        {
            my ($with, $without) = map { ids("SELECT _id FROM $_ WHERE $condition") } "crm.$table", 'copied';
            push @wrong, "$condition: $with instead of $without" if $with ne $without;
        }
        is_deeply(\@wrong, [], "$table, " . service_name($service)) or diag(join "\n", @wrong);
    }
}
$sandbox->settings(settings_of((services(qw(ids filters lists ignored)))[0]));

# What does not fit
put(@documents, @unfit);
$dbh->do("SET timezone = 'UTC'");
for (
    [ car_ids => "{$A}", "{$B}" ], [ makes => '{SEAT}', undef, '\["SEAT"\]' ], [ prices => undef, undef, '"dear"' ], [ counts => undef, '{3,4}', '1.5' ],
    [ assigned => undef, '{}', '"once"' ], [ free => undef, '{n1,n3,n4}', '"n1"' ], [ unknown => undef, undef, '"x"' ],
  )
{
    my ($column, $eighth, $ninth, $shown) = @$_;
    is_deeply($dbh->selectcol_arrayref("SELECT $column FROM crm.loose WHERE _id >= '8' ORDER BY _id"), [ $eighth, $ninth ], "$column of what does not fit is NULL");
    next unless $shown;
    ok(!eval { $dbh->selectall_arrayref("SELECT $column FROM crm.strict ORDER BY _id"); 1 }, "$column of what does not fit is an error");
    is($dbh->state, 'HV004', "$column has its SQLSTATE");
    like($dbh->errstr, qr/value of "[a-z_.]+" in document "[89]+" of resource "saleleads" does not fit type .*\[\]\nDETAIL:  The value is the JSON \w+ $shown/, "$column says which value it is");
}

# Parameters, and joins by the elements in both directions
put(@documents);
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => $_ x 24, make => "make $_" } } qw(a b c d) ]);
$dbh->do("PREPARE with_car(text) AS SELECT left(_id, 1) FROM crm.strict WHERE \$1 = ANY (car_ids) ORDER BY 1");
for my $mode (qw(force_custom_plan force_generic_plan))
{
    $dbh->do("SET plan_cache_mode = $mode");
    $sandbox->clear_log;
    is_deeply($dbh->selectcol_arrayref("EXECUTE with_car('$B')"), [ 1, 6 ], "rows of a parameter, $mode");
    is($json->encode(($sandbox->log(kind => 'list'))[0]{query}{q}), $json->encode({ 'car_list.car_id' => $B }), "filter of a parameter, $mode");
}
$sandbox->clear_log;
my $pairs = 'SELECT left(l._id, 1) || left(c._id, 1) FROM %s ORDER BY 1';
is_deeply($dbh->selectcol_arrayref(sprintf $pairs, 'crm.strict l JOIN crm.cars c ON c._id = ANY (l.car_ids)'), [qw(1a 1b 4a 6b 7c)], 'documents of the ids of a list');
is(scalar($sandbox->log(kind => 'list')), 2, 'two requests');
is($json->encode(($sandbox->log(kind => 'list'))[1]{query}{q}), $json->encode({ _id => { '$in' => [ $A, $B, $C ] } }), 'the second one asks for the ids');
$sandbox->clear_log;
is_deeply($dbh->selectcol_arrayref("SELECT left(_id, 1) FROM crm.strict WHERE car_ids && ARRAY(SELECT _id FROM crm.cars WHERE make IN ('make b', 'make c')) ORDER BY 1"), [ 1, 6, 7 ], 'documents that have ids of others in their list');
is_deeply([ map { $json->encode($_->{query}{q}) } $sandbox->log(kind => 'list') ],
    [ map { $json->encode($_) } { make => { '$in' => [ 'make b', 'make c' ] } }, { 'car_list.car_id' => { '$in' => [ $B, $C ] } } ], 'two requests');
is_deeply($dbh->selectcol_arrayref("SELECT left(c._id, 1) || count(l._id) FROM crm.cars c LEFT JOIN crm.strict l ON c._id = ANY (l.car_ids) GROUP BY c._id ORDER BY 1"), [qw(a2 b2 c1 d0)], 'a left join');
is_deeply($dbh->selectcol_arrayref("SELECT left(c._id, 1) FROM crm.cars c WHERE NOT EXISTS (SELECT FROM crm.strict l WHERE c._id = ANY (l.car_ids)) ORDER BY 1"), ['d'], 'an anti join');

# A join onto the list: its elements are asked for, in batches, and a row that has two keys matches each once
$dbh->do('CREATE TABLE sought (n int, id text COLLATE "C")');
$dbh->do("INSERT INTO sought VALUES (1, '$A'), (2, '$C'), (3, '$A'), (4, NULL), (5, 'x')");
$dbh->do('ANALYZE sought');
put(@documents, map { { _id => sprintf('%024x', $_), inquiry => 'other', car_list => [ { car_id => 'd' x 24 } ] } } 1 .. 300);
for (
    [ 'inner', 'SELECT n || left(_id, 1) FROM sought JOIN %s ON id = ANY (car_ids) ORDER BY 1', [qw(11 14 27 31 34)] ],
    [ 'left', 'SELECT n || coalesce(left(_id, 1), $$-$$) FROM sought LEFT JOIN %s ON id = ANY (car_ids) ORDER BY 1', [qw(11 14 27 31 34 4- 5-)] ],
    [ 'semi', 'SELECT n FROM sought WHERE EXISTS (SELECT FROM %s WHERE id = ANY (car_ids)) ORDER BY 1', [ 1, 2, 3 ] ],
    [ 'anti', 'SELECT n FROM sought WHERE NOT EXISTS (SELECT FROM %s WHERE id = ANY (car_ids)) ORDER BY 1', [ 4, 5 ] ],
    [ 'count in the select list as a', 'SELECT n || (SELECT count(*) FROM %s WHERE id = ANY (car_ids))::text FROM sought ORDER BY 1', [qw(12 21 32 40 50)] ],
    [ 'EXISTS in the select list as a', 'SELECT n || EXISTS (SELECT FROM %s WHERE id = ANY (car_ids))::text FROM sought ORDER BY 1', [qw(1true 2true 3true 4false 5false)] ],
    [ 'EXISTS in a condition as a', 'SELECT n FROM sought WHERE n = 5 OR EXISTS (SELECT FROM %s WHERE id = ANY (car_ids)) ORDER BY 1', [ 1, 2, 3, 5 ] ],
    [ 'LATERAL', 'SELECT n || x.ids FROM sought, LATERAL (SELECT string_agg(left(_id, 1), $$$$ ORDER BY _id) AS ids FROM %s WHERE id = ANY (car_ids)) x WHERE x.ids IS NOT NULL ORDER BY 1', [qw(114 27 314)] ],
    [ 'LATERAL with LIMIT as a', 'SELECT n || left(x._id, 1) FROM sought LEFT JOIN LATERAL (SELECT _id FROM %s WHERE id = ANY (car_ids) ORDER BY _id DESC LIMIT 1) x ON true WHERE n < 4 ORDER BY 1', [qw(14 27 34)] ],
  )
{
    my ($kind, $sql, $rows) = @$_;
    $sandbox->clear_log;
    is_deeply($dbh->selectcol_arrayref(sprintf $sql, 'crm.strict'), $rows, "rows of the $kind join");
    is(join(' ', map { $json->encode($_->{query}{q}) } $sandbox->log(kind => 'list')), $json->encode({ 'car_list.car_id' => { '$in' => [ $A, $C ] } }), "one request of the $kind join");
}
like(join("\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT * FROM sought JOIN crm.strict ON id = ANY (car_ids)') }), qr/Batched Key Join.*^ *Key: \(sought\.id = ANY \(strict\.car_ids\)\)$/ms, 'EXPLAIN shows the condition');
# keys of several requests, of which a document has some of each
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_url_length '1200')");
$dbh->do("TRUNCATE sought; INSERT INTO sought SELECT i, lpad(to_hex(i), 24, '0') FROM generate_series(1, 100) i; ANALYZE sought");
put(map { my $n = $_; { _id => sprintf('%024x', $n), car_list => [ map { { car_id => sprintf '%024x', $_ * $n } } 1 .. 40 ] } } 1 .. 60);
$dbh->do('CREATE TEMP TABLE leads AS SELECT * FROM crm.strict');
for my $sql ('SELECT count(*), sum(n::bigint * hashtext(_id)) FROM sought JOIN %s ON id = ANY (car_ids)',
    'SELECT count(*), sum(n * s) FROM (SELECT n, (SELECT sum(hashtext(_id)) FROM %s WHERE id = ANY (car_ids)) AS s FROM sought OFFSET 0) x WHERE s IS NOT NULL',
    q(SELECT count(*), sum(hashtext(_id)) FROM %s WHERE car_ids && ARRAY(SELECT id FROM sought)))
{
    $sandbox->clear_log;
    is_deeply($dbh->selectrow_arrayref(sprintf $sql, 'crm.strict'), $dbh->selectrow_arrayref(sprintf $sql, 'leads'), "of several requests: $sql");
    cmp_ok(scalar(my @lists = grep { $_->{query}{q} } $sandbox->log(kind => 'list')), '>', 3, 'which they are');
}
$dbh->do("ALTER SERVER crm OPTIONS (DROP max_url_length)");
put(@documents);

# Nobody writes them; NULL, DEFAULT and the value that is there say nothing
for (
    "INSERT INTO crm.strict (inquiry, car_ids) VALUES ('n', '{$A}')", "INSERT INTO crm.strict (inquiry, prices) VALUES ('n', NULL), ('n', '{1}')", "UPDATE crm.strict SET car_ids = '{$A}' WHERE _id = '" . '1' x 24 . "'",
    "UPDATE crm.strict SET makes = makes || 'x'::text", "UPDATE crm.strict SET images = '{}' WHERE _id = '" . '1' x 24 . "'", "UPDATE crm.strict SET one = 'a'", "INSERT INTO crm.strict (one) VALUES ('a')",
  )
{
    $sandbox->clear_log;
    ok(!eval { $dbh->do($_); 1 }, "refused: $_");
    is($dbh->state, '428C9', 'with its SQLSTATE');
    like($dbh->errstr, qr/^ERROR:  column "\w+" of resource "saleleads" cannot be written\nDETAIL:  Its path "[a-z_.]+" leads through an array/, 'it says why');
    is(scalar(grep { $_->{method} ne 'GET' } $sandbox->log), 0, 'nothing is written');
}
$dbh->do("UPDATE crm.strict SET car_ids = car_ids, makes = NULL, inquiry = 'changed' WHERE '$C' = ANY (car_ids)");
is_deeply($dbh->selectall_arrayref("SELECT inquiry, car_ids FROM crm.strict WHERE '$C' = ANY (car_ids)"), [ [ 'changed', "{$C,$C}" ] ], 'the rest of a row is written');
is_deeply($dbh->selectall_arrayref("INSERT INTO crm.strict (inquiry, car_ids, list) VALUES ('new', DEFAULT, '[{\"car_id\": \"$A\"}]') RETURNING inquiry, car_ids"), [ [ 'new', "{$A}" ] ], 'a new row has the whole list');
# The check finds nothing wrong with such columns
my @misfits = grep { /car_list|status_history|strict/ } map { join ' ', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_check('crm')") };
is_deeply(\@misfits, [], 'the check has no advice for them');

# A database in another encoding: names and values are those of the document, and what it lacks matters where it is asked for
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
setup_crm($node, $sandbox, dbname => 'latin', limit_to => ['saleleads']);
my $latin = connect_db($node, dbname => 'latin');
$latin->{pg_expand_array} = 0;
$latin->do('SET client_encoding = UTF8');
put({ _id => '1' x 24, custom => { list => [ { 'año' => 'mañana', other => '😀' }, { "a\x{f1}o" => 'ÿ' } ] } });
$latin->do(q(CREATE FOREIGN TABLE crm.latin (_id text COLLATE "C", years text[] OPTIONS (path 'custom.list.año') COLLATE "C", others text[] OPTIONS (path 'custom.list.other') COLLATE "C")
    SERVER crm OPTIONS (resource 'saleleads')));
is_deeply($latin->selectcol_arrayref('SELECT years FROM crm.latin'), ['{mañana,ÿ}'], 'texts in LATIN1');
is_deeply($latin->selectcol_arrayref("SELECT years FROM crm.latin WHERE 'ÿ' = ANY (years)"), ['{mañana,ÿ}'], 'and a condition on them');
is(sql_error($latin, 'SELECT others FROM crm.latin')->{sqlstate}, '22P05', 'what the encoding does not have');
$latin->do("ALTER FOREIGN TABLE crm.latin OPTIONS (ADD on_type_mismatch 'null')");
is_deeply($latin->selectcol_arrayref('SELECT others FROM crm.latin'), [undef], 'or NULL');
done_testing();

sub put
{
    $sandbox->delete('/_sandbox/documents/saleleads');
    $sandbox->post('/_sandbox/documents/saleleads', \@_);
    return;
}

sub ids
{
    my ($sql) = @_;
    my $ids = eval { $dbh->selectcol_arrayref($sql) };
    return $ids ? join(' ', sort map { substr $_, 0, 1 } @$ids) : 'error ' . $dbh->state;
}
