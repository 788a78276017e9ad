# Tables whose rows are the elements of a list in documents (the option array): what the rows are, whatever else
# is asked for and whatever waits for the commit; what is no list, and no object in one; which requests it takes;
# that nobody writes them; ANALYZE; and that random conditions, orders, limits and joins answer as jsonb's
# functions do over the parent's documents, for every kind of service.
#
# LIST_QUERIES and LIST_SEED ask for more of these, and for others.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Services;

my $queries = $ENV{LIST_QUERIES} // 6;
my $seed = $ENV{LIST_SEED} // 1;
my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { saleleads => 1, cars => 1 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(saleleads cars)], server => { results_hosts => $sandbox->results_endpoint =~ s{^http://([^/]+).*}{$1}r });
my $dbh = connect_session();

# The columns of the lists, and what SQL makes of them in an element e, or a document doc
my %COLUMNS = (
    cars => [
        [ lead     => 'text COLLATE "C" NOT NULL', '^._id', text_of('doc', '_id') ],
        [ state    => 'text COLLATE "C"', '^.status.status', text_of('doc', 'status', 'status') ],
        [ made     => 'timestamptz', '^.created_at', "(doc->>'created_at')::timestamptz" ],
        [ car_id   => 'text COLLATE "C"', undef, text_of('e', 'car_id') ],
        [ make     => 'text COLLATE "C"', 'car.make', text_of('e', qw(car make)) ],
        [ price    => 'numeric', 'car.price', number_of(qw(car price)) ],
        [ doors    => 'integer', 'car.doors', number_of(qw(car doors)) . '::integer' ],
        [ car      => 'jsonb', undef, "nullif(e->'car', 'null')" ],
        [ spare    => 'jsonb', 'car.custom', "nullif(e#>'{car,custom}', 'null')" ],
    ],
    marks => [
        [ lead  => 'text COLLATE "C"', '^._id', text_of('doc', '_id') ],
        [ name  => 'text COLLATE "C"', undef, text_of('e', 'name') ],
        [ size  => 'numeric', undef, number_of('size') ],
        [ whole => 'jsonb', '.', "nullif(e, 'null')" ],
    ],
    links => [
        [ lead => 'text COLLATE "C"', '^._id', text_of('doc', '_id') ],
        [ link => 'text COLLATE "C"', '.', "CASE jsonb_typeof(e) WHEN 'string' THEN e#>>'{}' END" ],
    ],
    steps => [
        [ lead => 'text COLLATE "C"', '^._id', text_of('doc', '_id') ],
        [ substatus => 'text COLLATE "C"', undef, text_of('e', 'substatus') ],
        [ at => 'timestamptz', 'assigned_at', "(e->>'assigned_at')::timestamptz" ],
    ],
);
my %PATHS = (cars => 'car_list', marks => 'custom.marks', links => 'links', steps => 'status_history.substatus_history');
for my $list (sort keys %COLUMNS)
{
    for my $mode (qw(error null))
    {
        my $columns = join ', ', map { column_sql(@$_) } @{ $COLUMNS{$list} };
        $dbh->do("CREATE FOREIGN TABLE crm.${list}_$mode ($columns, n integer OPTIONS (ordinality 'true')) SERVER crm
            OPTIONS (resource 'saleleads', array '$PATHS{$list}', on_type_mismatch '$mode')");
    }
}
$dbh->do(q(CREATE FOREIGN TABLE crm.leads (_id text COLLATE "C" NOT NULL, inquiry text COLLATE "C", car_list jsonb, custom jsonb, doc jsonb OPTIONS (path '.'))
    SERVER crm OPTIONS (resource 'saleleads')));

my ($A, $B, $C) = map { $_ x 24 } qw(a b c);
my @documents = (
    { _id => '1' x 24, created_at => '2025-01-01T10:00:00.000Z', status => { status => 'open' }, links => [ 'one', 'two', 'one' ],
        car_list => [ { car_id => $A, car => { make => 'SEAT', price => 5, doors => 3 } }, { car_id => $B, car => { make => 'BMW', price => 7.5 } } ],
        custom => { marks => [ { name => 'x', size => 1 }, undef, 'y', 5, [ { name => 'z' } ] ] },
        status_history => [ { substatus_history => [ { substatus => 's1', assigned_at => '2025-01-01T00:00:00.000Z' }, { substatus => 's2' } ] }, {}, { substatus_history => [ { substatus => 's3' } ] } ] },
    { _id => '2' x 24, created_at => '2025-01-02T10:00:00.000Z', car_list => [], links => [], custom => { marks => [] } },
    { _id => '3' x 24, created_at => '2025-01-03T10:00:00.000Z' },
    { _id => '4' x 24, created_at => '2025-01-04T10:00:00.000Z', car_list => undef, links => undef, custom => { marks => undef }, status_history => undef },
    { _id => '5' x 24, created_at => '2025-01-05T10:00:00.000Z', status => { status => 'won' }, links => [undef], car_list => [ {}, { car_id => $A }, { car_id => undef, car => undef }, { car_id => $A, car => {} } ], status_history => [] },
);
my @unfit = (
    { _id => '6' x 24, created_at => '2025-01-06T10:00:00.000Z', car_list => { car_id => $C }, links => { a => 'one' }, custom => { marks => { name => 'x' } }, status_history => { substatus_history => [ { substatus => 's4' } ] } },
    { _id => '7' x 24, created_at => '2025-01-07T10:00:00.000Z', car_list => [ undef, 'a', { car_id => $B }, [ { car_id => $C } ], 5 ], links => [ 'two', 2, ['three'] ], custom => { marks => 7 } },
    { _id => '8' x 24, created_at => '2025-01-08T10:00:00.000Z', car_list => 'none', links => 'one', custom => { marks => 'x' } },
    { _id => '9' x 24, created_at => '2025-01-09T10:00:00.000Z', car_list => [ { car_id => $C, car => { make => 7, price => 'dear', doors => 3 } } ], status_history => [ { substatus_history => 's5' }, 5 ] },
);

# What the rows are
put(@documents);
my %rows = (
    cars => [ "1 1 $A SEAT 5", "1 2 $B BMW 7.5", '5 1 - - -', "5 2 $A - -", '5 3 - - -', "5 4 $A - -" ],
    marks => [ '1 1 x 1 {"name": "x", "size": 1}', '1 2 - - -', '1 3 - - "y"', '1 4 - - 5', '1 5 - - [{"name": "z"}]' ],
    links => [ '1 1 one', '1 2 two', '1 3 one', '5 1 -' ],
    steps => [ '1 1 s1 2025-01-01 00:00:00+00', '1 2 s2 -', '1 3 s3 -' ],
);
my %shown = (cars => [qw(car_id make price)], marks => [qw(name size whole)], links => ['link'], steps => [qw(substatus at)]);
for my $list (sort keys %rows)
{
    my $line = join " || ' ' || ", 'left(lead, 1)', 'n', map { "coalesce($_\::text, '-')" } @{ $shown{$list} };
    is_deeply($dbh->selectcol_arrayref("SELECT $line FROM crm.${list}_error ORDER BY lead, n"), $rows{$list}, "rows of $list");
    is_deeply([ map { @{ $dbh->selectcol_arrayref("SELECT $line FROM crm.${list}_error WHERE lead = \$1 ORDER BY n", undef, $_ x 24) } } 1 .. 5 ], $rows{$list}, "of each document");
    is($dbh->selectrow_array("SELECT count(*) FROM crm.${list}_error"), scalar @{ $rows{$list} }, 'their number');
    is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) FROM crm.${list}_error ORDER BY lead"), [ map { substr $_, 0, 1 } @{ $rows{$list} } ], 'columns of the documents alone');
    is_deeply($dbh->selectcol_arrayref("SELECT n FROM crm.${list}_error ORDER BY lead, n"), [ map { (split / /)[1] } @{ $rows{$list} } ], 'positions alone');
}
is_deeply($dbh->selectcol_arrayref('SELECT car_id FROM crm.cars_error'), [ $A, $B, undef, $A, undef, $A ], 'one column, in the order of the list');
is_deeply($dbh->selectcol_arrayref('SELECT left(lead, 1) || n FROM crm.cars_error ORDER BY made DESC, n LIMIT 3 OFFSET 1'), [qw(52 53 54)], 'LIMIT and OFFSET count elements');

# The whole document, and a column that is a part of another
$dbh->do(q(CREATE FOREIGN TABLE crm.whole (_id text OPTIONS (path '^._id') COLLATE "C", doc jsonb OPTIONS (path '^'), list jsonb OPTIONS (path '^.car_list'), self jsonb OPTIONS (path '.'), makes text[] OPTIONS (path 'car.equipment.name'),
    n bigint OPTIONS (ordinality 'true')) SERVER crm OPTIONS (resource 'saleleads', array 'car_list')));
is_deeply($dbh->selectall_arrayref(q(SELECT left(_id, 1), n, doc->>'_id' = _id, list->(n::integer - 1) = self, makes FROM crm.whole ORDER BY _id, n)),
    [ map { [ $_->[0], $_->[1], 1, 1, [] ] } [ 1, 1 ], [ 1, 2 ], [ 5, 1 ], [ 5, 2 ], [ 5, 3 ], [ 5, 4 ] ], 'the document, the list and the element');

# Only what is needed is asked for
for (
    [ 'car_id' => 'car_list.car_id _id' ], [ 'lead, car_id, price' => 'car_list.car_id car_list.car.price _id' ], [ 'state, make' => 'status.status car_list.car.make _id' ],
    [ 'state' => 'status.status car_list _id' ], [ 'n, car_id' => 'car_list _id' ], [ 'count(*)' => 'car_list _id' ], [ 'car, make' => 'car_list.car _id' ],
  )
{
    my ($columns, $fields) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT $columns FROM crm.cars_error");
    my ($request) = $sandbox->log(kind => 'list');
    is(join(' ', sort split / /, $request->{query}{project}), join(' ', sort split / /, $fields), "fields of $columns");
}
$sandbox->clear_log;
is($dbh->selectrow_array("SELECT count(car_id) FROM crm.cars_error WHERE lead = '" . '5' x 24 . "'"), 2, 'elements of one document');
is_deeply([ map { $_->{kind} } $sandbox->log ], ['get'], 'are one request for it');

# What is no list, and what is no object in one
put(@documents, @unfit);
is_deeply($dbh->selectcol_arrayref('SELECT left(lead, 1) || n || coalesce(left(car_id, 1), $$-$$) || coalesce(make, $$-$$) || coalesce(price::text, $$-$$) FROM crm.cars_null WHERE lead > $$6$$ ORDER BY lead, n'),
    [ '73b--', '91c--' ], 'objects alone are rows, at their places');
is_deeply($dbh->selectcol_arrayref('SELECT left(lead, 1) || n || coalesce(link, $$-$$) FROM crm.links_null WHERE lead > $$6$$ ORDER BY lead, n'), [ '71two', '72-', '73-' ], 'of a list of values, all are');
is_deeply($dbh->selectcol_arrayref('SELECT car_id FROM crm.cars_null ORDER BY lead, made'), [ $A, $B, undef, $A, undef, $A, $B, $C ], 'with the column alone, too');
for (
    [ 'cars WHERE lead = $$' . '6' x 24 . '$$', qr/"car_list" in document "6+" of resource "saleleads" is no list\nDETAIL:  There is the JSON object \{"car_id":"c+"\}/ ],
    [ 'cars WHERE lead = $$' . '7' x 24 . '$$', qr/"car_list" in document "7+" of resource "saleleads" has an element that is no object\nDETAIL:  There is the JSON string "a"/ ],
    [ 'cars WHERE lead = $$' . '9' x 24 . '$$', qr/value of "car_list.car.make" in document "9+" of resource "saleleads" does not fit type text\nDETAIL:  The value is the JSON number 7/ ],
    [ 'links WHERE lead = $$' . '8' x 24 . '$$', qr/"links" in document "8+" of resource "saleleads" is no list\nDETAIL:  There is the JSON string "one"/ ],
    [ 'links WHERE lead = $$' . '7' x 24 . '$$', qr/value of "links" in document "7+" of resource "saleleads" does not fit type text\nDETAIL:  The value is the JSON number 2/ ],
    [ 'steps WHERE lead = $$' . '9' x 24 . '$$', qr/"status_history.substatus_history" in document "9+" of resource "saleleads" is no list/ ],
  )
{
    my ($from, $message) = @$_;
    my ($list) = split / /, $from;
    ok(!eval { $dbh->selectall_arrayref("SELECT * FROM crm." . $from =~ s/^$list/${list}_error/r); 1 }, "$from does not fit");
    is($dbh->state, 'HV004', 'which has its SQLSTATE');
    like($dbh->errstr, $message, 'and says what is there');
}
like(join("\n", warnings_of('SELECT n FROM crm.cars_null')), qr/read 5 values of resource "saleleads" that do not fit/, 'a warning counts what was passed over');

# Nobody writes elements
put(@documents);
for my $sql ("INSERT INTO crm.cars_error (lead, car_id) VALUES ('x', 'y')", "UPDATE crm.cars_error SET car_id = 'x'", "DELETE FROM crm.cars_error", "UPDATE crm.cars_error SET car_id = 'x' WHERE lead = '1'", "DELETE FROM crm.cars_error WHERE lead = 'x'")
{
    my $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, '55000', "no $sql");
    like("$error->{message} $error->{detail} $error->{hint}", qr/rows of foreign table "cars_error" cannot be written They are elements of the list "car_list" in documents of resource "saleleads". Update the list as a whole/, 'and the hint says what to do');
}
is(sql_error($dbh, 'TRUNCATE crm.cars_error')->{hint}, 'The table shows the elements of a list. Truncate a table of the documents.', 'nor does TRUNCATE');
is(scalar(grep { $_->{method} !~ /GET/ } $sandbox->log(kind => 'patch'), $sandbox->log(kind => 'delete'), $sandbox->log(kind => 'post')), 0, 'no request was sent');
is($dbh->selectrow_array("SELECT is_insertable_into FROM information_schema.tables WHERE table_name = 'cars_error'"), 'NO', 'the catalogs know');

# Wrong options
for (
    [ "ALTER FOREIGN TABLE crm.leads ADD n integer OPTIONS (ordinality 'true')", undef ],
    [ 'SELECT * FROM crm.leads', qr/column "n" of foreign table "leads" cannot have the option "ordinality"\nHINT:  Only the elements of a list have a position/ ],
    [ 'ALTER FOREIGN TABLE crm.leads DROP n', undef ],
    [ "ALTER FOREIGN TABLE crm.cars_error ALTER n OPTIONS (ADD path 'x')", qr/a column cannot have both the options "path" and "ordinality"/ ],
    [ 'ALTER FOREIGN TABLE crm.cars_error ADD m text OPTIONS (ordinality $$true$$)', undef ],
    [ 'SELECT m FROM crm.cars_error', qr/column "m" of foreign table "cars_error", with the option "ordinality", is of type text\nHINT:  A position is of type integer or bigint/ ],
    [ 'ALTER FOREIGN TABLE crm.cars_error DROP m', undef ],
    [ "ALTER FOREIGN TABLE crm.leads ADD whose text OPTIONS (path '^._id')", undef ],
    [ 'SELECT * FROM crm.leads', qr/column "whose" of foreign table "leads" cannot have the path "\^\._id"\nHINT:  Use the path "_id"\./ ],
    [ 'ALTER FOREIGN TABLE crm.leads DROP whose', undef ],
    [ "ALTER FOREIGN TABLE crm.leads ADD sought integer OPTIONS (parameter 'search')", undef ],
    [ 'SELECT _id, sought FROM crm.leads', qr/column "sought" of foreign table "leads", with the option "parameter", is of type integer\nHINT:  ALTER FOREIGN TABLE crm\.leads ALTER COLUMN sought TYPE text/ ],
    [ 'ALTER FOREIGN TABLE crm.leads DROP sought', undef ],
    [ "ALTER FOREIGN TABLE crm.cars_error OPTIONS (SET array '.')", qr/Give the names of members separated by dots that lead to a list/ ],
  )
{
    my ($sql, $message) = @$_;
    my $error = sql_error($dbh, $sql =~ s/\$\$/'/gr);
    $message ? like("$error->{message}\nHINT:  " . ($error->{hint} // ''), $message, "no $sql") : is($error, undef, $sql);
}

# Which conditions on elements are filters, and which are not
put(@documents);
for (
    [ "car_id = '$A'", { 'car_list.car_id' => $A } ],
    [ "car_id IN ('$A', '$B')", { 'car_list.car_id' => { '$in' => [ $A, $B ] } } ],
    [ "price > 5", { 'car_list.car.price' => { '$gt' => 5 } } ],
    [ "make LIKE 'S%' AND lead > '3'", undef ],
    [ "make = 'SEAT' OR price = 7.5", { '$or' => [ { 'car_list.car.make' => 'SEAT' }, { 'car_list.car.price' => 7.5 } ] } ],
    [ "make = 'SEAT' OR state = 'won'", { '$or' => [ { 'car_list.car.make' => 'SEAT' }, { 'status.status' => 'won' } ] } ],
    [ "make = 'SEAT' AND price = 5", { 'car_list.car.make' => 'SEAT', 'car_list.car.price' => 5 } ],
    [ "make <> 'SEAT'", { car_list => { '$elemMatch' => { 'car.make' => { '$nin' => [ 'SEAT', undef ] } } } } ],
    [ "NOT make = 'SEAT'", { car_list => { '$elemMatch' => { 'car.make' => { '$nin' => [ 'SEAT', undef ] } } } } ],
    [ "price NOT IN (1, 2)", { car_list => { '$elemMatch' => { 'car.price' => { '$nin' => [ 1, 2, undef ] } } } } ],
    [ "make IS NOT NULL", { car_list => { '$elemMatch' => { 'car.make' => { '$ne' => undef } } } } ],
    [ "NOT (make = 'SEAT' OR price = 5)", { '$and' => [ { car_list => { '$elemMatch' => { 'car.make' => { '$nin' => [ 'SEAT', undef ] } } } }, { car_list => { '$elemMatch' => { 'car.price' => { '$nin' => [ 5, undef ] } } } } ] } ],
    [ 'make IS NULL', {} ], [ "make IS DISTINCT FROM 'SEAT'", {} ], [ "make IS NOT DISTINCT FROM 'SEAT'", {} ], [ 'n = 1', {} ], [ "car->>'make' = 'SEAT'", {} ], [ "(make = 'SEAT') IS NOT TRUE", {} ], [ "make = 'SEAT' OR make IS NULL", {} ], [ "lead = state", {} ],
    [ "state = 'open' AND make = 'BMW'", { 'status.status' => 'open', 'car_list.car.make' => 'BMW' } ],
  )
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT car_id FROM crm.cars_error WHERE $condition");
    is($json->encode(($sandbox->log(kind => 'list'))[0]{query}{q} // {}), $json->encode($filter), "filter of $condition") if $filter;
}
like(join("\n", @{ $dbh->selectcol_arrayref("EXPLAIN SELECT car_id FROM crm.cars_error WHERE make = 'SEAT'") }), qr/Local because: the service finds the documents that have such an element, and sends all elements: \(make = 'SEAT'::text\)/, 'EXPLAIN tells that PostgreSQL looks at the elements');

# Joins by elements are batched, in both directions, and those by the document's id, too
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ (map { { _id => $_ x 24, make => "make $_" } } qw(a b c d)), map { { _id => sprintf('%024x', $_), make => 'other' } } 1 .. 600 ]);
$dbh->do("CREATE TABLE wanted AS SELECT i, repeat(chr(96 + i), 24) COLLATE \"C\" AS id FROM generate_series(1, 3) i");
$dbh->do('ANALYZE wanted');
put(@documents, map { { _id => sprintf('%024x', $_), created_at => '2024-01-01T00:00:00.000Z', car_list => [ { car_id => 'd' x 24 } ] } } 1 .. 300);
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars_error'), 306, 'the size of the resource is known');
is($dbh->selectrow_array('SELECT count(make) FROM crm.cars'), 604, 'and that of the other');
for (
    [ 'elements to cars', "SELECT left(lead, 1) || n || c.make FROM crm.cars_error l JOIN crm.cars c ON c._id = l.car_id WHERE made > '2025-01-01' ORDER BY 1", [ '11make a', '12make b', '52make a', '54make a' ],
        { 'created_at' => { '$gt' => '2025-01-01T00:00:00.000Z' } }, { _id => { '$in' => [ $A, $B ] } } ],
    [ 'keys to elements', 'SELECT i || left(lead, 1) || n FROM wanted JOIN crm.cars_error l ON l.car_id = id ORDER BY 1', [qw(111 152 154 212)], { 'car_list.car_id' => { '$in' => [ $A, $B, $C ] } } ],
    [ 'keys without elements', 'SELECT i FROM wanted WHERE NOT EXISTS (SELECT FROM crm.cars_error l WHERE l.car_id = id) ORDER BY 1', [3], { 'car_list.car_id' => { '$in' => [ $A, $B, $C ] } } ],
    [ 'a count for each key', 'SELECT i || (SELECT count(*) FROM crm.cars_error l WHERE l.car_id = id)::text FROM wanted ORDER BY 1', [qw(13 21 30)], { 'car_list.car_id' => { '$in' => [ $A, $B, $C ] } } ],
    [ 'documents to elements', "SELECT left(s._id, 1) || n FROM crm.leads s JOIN crm.cars_error l ON l.lead = s._id WHERE s.inquiry = 'x' ORDER BY 1", [], { inquiry => 'x' } ],
  )
{
    my ($kind, $sql, $rows, @filters) = @$_;
    $sandbox->clear_log;
    is_deeply($dbh->selectcol_arrayref($sql), $rows, "rows of the join of $kind");
    is_deeply([ map { $json->encode($_->{query}{q} // {}) } $sandbox->log(kind => 'list') ], [ map { $json->encode($_) } @filters ], "requests of the join of $kind")
      or diag(join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN $sql") });
}

# The keys of a batch are shared by several requests at once.  A document with cars of two of these comes twice, and counts once
put(map { my $lead = $_; { _id => sprintf('%024x', $lead), car_list => [ map { { car_id => sprintf('%024x', 9000 + $_) } } $lead, 2000 - $lead ] } } 1 .. 1500);
$dbh->do(q{CREATE TABLE many AS SELECT i, lpad(to_hex(9000 + i), 24, '0') COLLATE "C" AS id FROM generate_series(701, 1300) i});
$dbh->do("ANALYZE $_") for 'many', 'crm.cars_error';
$sandbox->clear_log;
my $elements_of_many = q{SELECT i, lead, n FROM many JOIN crm.cars_error l ON l.car_id = id};
my @of_many = sort map { join '|', @$_ } @{ $dbh->selectall_arrayref($elements_of_many) };
my @by_keys = grep { ref $_->{query}{q}{'car_list.car_id'} } $sandbox->log(kind => 'list');
my @wanted_elements = map { my $lead = $_; map { [ $lead, $_, (undef, $lead, 2000 - $lead)[$_] ] } 1, 2 } 1 .. 1500;
is_deeply(\@of_many, [ sort map { join '|', $_->[2], sprintf('%024x', $_->[0]), $_->[1] } grep { $_->[2] >= 701 && $_->[2] <= 1300 } @wanted_elements ], 'rows of a join by many keys');
cmp_ok(scalar @by_keys, '<=', 60, 'in a few dozen requests, of which the batch is made once');
put(@documents);

# What waits for the commit shows
$dbh->do("ALTER FOREIGN TABLE crm.leads OPTIONS (ADD write_mode 'commit')");
$dbh->begin_work;
$dbh->do("UPDATE crm.leads SET car_list = '[{\"car_id\": \"$C\"}, {\"car_id\": \"$A\", \"car\": {\"make\": \"Opel\"}}]' WHERE _id = \$1", undef, '3' x 24);
$dbh->do("UPDATE crm.leads SET car_list = jsonb_set(car_list, '{1,car_id}', '\"$C\"') WHERE _id = \$1", undef, '1' x 24);
$dbh->do("DELETE FROM crm.leads WHERE _id = \$1", undef, '5' x 24);
$dbh->do("INSERT INTO crm.leads (_id, car_list) VALUES (\$1, '[{\"car_id\": \"$C\"}, {}]')", undef, 'e' x 24);
my @written = ("1 1 $A", "1 2 $C", "3 1 $C", "3 2 $A", "e 1 $C", 'e 2 -');
is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) || ' ' || n || ' ' || coalesce(car_id, '-') FROM crm.cars_error ORDER BY lead, n"), \@written, 'rows as they are written');
is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) || n FROM crm.cars_error WHERE car_id = '$C' ORDER BY lead, n"), [qw(12 31 e1)], 'also with a condition');
is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) || n FROM crm.cars_error WHERE lead = \$1 ORDER BY n", undef, '3' x 24), [qw(31 32)], 'and of one document');
is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) FROM crm.cars_error ORDER BY lead DESC LIMIT 3"), [qw(e e 3)], 'in an order');
is_deeply($dbh->selectcol_arrayref("SELECT left(lead, 1) || ' ' || coalesce(car_id, '-') FROM crm.cars_error ORDER BY lead, car_id NULLS LAST"), [ "1 $A", "1 $C", "3 $A", "3 $C", "e $C", 'e -' ], 'without positions');
$dbh->rollback;
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars_error'), 6, 'and not after a rollback');
$dbh->do('ALTER FOREIGN TABLE crm.leads OPTIONS (DROP write_mode)');
is($dbh->selectrow_array("WITH i AS (INSERT INTO crm.leads (_id, car_list) VALUES ('" . 'f' x 24 . "', '[{}]') RETURNING _id) SELECT (SELECT count(*) FROM i) + (SELECT count(*) FROM crm.cars_error)"), 7, 'what the statement inserts itself does not show');

# IMPORT declares the lists of the description: each has the elements that its documents have
{
    my $crm = WalcuTest::Sandbox->start(scale => 60, seed => 1);
    setup_crm($node, $crm, name => 'all_lists', server => { on_type_mismatch => 'null' }, import => { flatten => 3, arrays => 'true' });
    my $lists = $dbh->selectall_arrayref("SELECT foreign_table_name, max(option_value) FILTER (WHERE option_name = 'resource'), max(option_value) FILTER (WHERE option_name = 'array')
        FROM information_schema.foreign_table_options WHERE foreign_table_schema = 'all_lists' GROUP BY 1 HAVING count(*) = 2");
    is(scalar @$lists, 55, '55 lists are imported');
    my %documents = map { $_->[1] => undef } @$lists;
    $documents{$_} = [ $crm->dump($_) ] for keys %documents;
    my (%got, %expected);
    for (@$lists)
    {
        my ($table, $resource, $path) = @$_;
        my @positions = map { my @elements = elements_of($_, split /\./, $path); grep { ref $elements[ $_ - 1 ] eq 'HASH' } 1 .. @elements } @{ $documents{$resource} };
        $got{$table} = join ' ', $dbh->selectrow_array("SELECT count(*), coalesce(sum(position), 0) FROM all_lists.$table");
        $expected{$table} = @positions . ' ' . eval { my $sum = 0; $sum += $_ for @positions; $sum };
    }
    is_deeply(\%got, \%expected, 'and have as many elements as the documents');
    cmp_ok(scalar(grep { !/^0/ } values %got), '>', 20, 'many have some');
}

# Many documents, in pages, ranges and a job; ANALYZE
my @many = map { my $n = $_; { _id => sprintf('%024x', 4096 * $n), created_at => '2025-01-01T00:00:00.000Z', car_list => [ map { { car_id => sprintf('%024x', 100 * $n + $_), car => { price => $_ } } } 1 .. $n % 5 ] } } 1 .. 420;
put(@many);
for my $mode (qw(pages parallel job))
{
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
    is_deeply($dbh->selectrow_arrayref("SELECT count(*), count(DISTINCT car_id), sum(price), sum(n) FROM crm.cars_error"), [ 840, 840, 1680, 1680 ], "all elements, by $mode");
    is_deeply($dbh->selectcol_arrayref("SELECT car_id FROM crm.cars_error ORDER BY lead, n LIMIT 4"), [ map { sprintf '%024x', $_ } 101, 201, 202, 301 ], "the first ones, by $mode");
    $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
}
$dbh->do('ANALYZE crm.cars_error');
my ($tuples) = $dbh->selectrow_array("SELECT reltuples FROM pg_class WHERE oid = 'crm.cars_error'::regclass");
cmp_ok($tuples, '>=', 700, 'ANALYZE counts elements');
cmp_ok($tuples, '<=', 1000, 'about');
is($dbh->selectrow_array("SELECT round(n_distinct * 10) FROM pg_stats WHERE tablename = 'cars_error' AND attname = 'car_id'"), -10, 'and has a sample of them');
put(@documents);
$dbh->do('ANALYZE crm.cars_error');
is($dbh->selectrow_array("SELECT reltuples FROM pg_class WHERE oid = 'crm.cars_error'::regclass"), 6, 'of a small table, all of them');

# Random documents, conditions, orders and joins, for every kind of service
my @ids = map { $_ x 24 } 'a' .. 'f';
my %random = (
    lead => sub { sql_text(pick('1' .. '9') . '0' x 23) }, state => sub { sql_text(pick(qw(open won lost))) }, made => sub { sql_text('2025-01-0' . between(1, 9)) },
    car_id => sub { sql_text(pick(@ids, @ids, 'x')) }, make => sub { sql_text(pick(qw(SEAT BMW seat Opel S))) }, price => sub { between(0, 6) }, doors => sub { between(2, 5) }, n => sub { between(1, 3) },
    substatus => sub { sql_text(pick(qw(s1 s2 s3))) }, at => sub { sql_text('2025-01-0' . between(1, 9)) }, name => sub { sql_text(pick(qw(x y z))) }, size => sub { between(0, 4) }, link => sub { sql_text(pick(qw(one two three))) });
my %is_text = map { $_ => 1 } qw(lead state car_id make substatus name link);
my %of_list = (cars => [qw(lead state made car_id make price doors n)], steps => [qw(lead substatus at n)], marks => [qw(lead name size n)], links => [qw(lead link n)]);
seed_chance($seed, 'documents');
my @random_documents = map { random_lead($_) } 1 .. 60;
put(@random_documents, @unfit);
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => $_, make => pick(qw(SEAT BMW)) } } @ids[ 0 .. 3 ] ]);
my ($different, $filtered, $asked) = (0, 0, 0);
for my $service (services(qw(ids filters lists ignored)))
{
    $sandbox->settings(settings_of($service));
    $dbh = connect_session();
    $dbh->do('CREATE TEMP TABLE documents AS SELECT doc FROM crm.leads');
    $dbh->do('CREATE TEMP TABLE stock AS SELECT _id, make FROM crm.cars');
    $dbh->do('CREATE TEMP TABLE sought AS SELECT i, chr(96 + i) AS letter, repeat(chr(96 + i), 24) COLLATE "C" AS id FROM generate_series(1, 7) i');
    $dbh->do("CREATE TEMP TABLE truth_$_ AS " . truth_of($_)) for keys %of_list;
    for my $number (1 .. $queries)
    {
        seed_chance($seed, service_name($service), $number);
        my $list = pick(qw(cars cars cars steps marks links));
        my $query = random_query($list);
        $dbh->do('SET walcu_fdw.enable_pushdown = ' . (chance(0.1) ? 'off' : 'on'));
        $sandbox->clear_log;
        my $got = $json->encode($dbh->selectall_arrayref($query =~ s/\bLIST\b/crm.${list}_null/gr =~ s/\bCARS\b/crm.cars/gr));
        $asked++;
        $filtered += grep { ($_->{query}{q} // {}) && %{ $_->{query}{q} // {} } } ($sandbox->log(kind => 'list'))[0] // ();
        my $expected = $json->encode($dbh->selectall_arrayref($query =~ s/\bLIST\b/truth_$list/gr =~ s/\bCARS\b/stock/gr));
        next if $got eq $expected;
        $different++;
        diag(service_name($service) . "\n$query\n got $got\n not $expected") if $different < 4;
    }
}
is($different, 0, "$asked random queries answer as jsonb's functions do");
cmp_ok($filtered, '>', $asked / 4, 'many have a filter in a request');

done_testing();

sub sql_text { my ($text) = @_; return "'$text'" }

sub random_lead
{
    my ($number) = @_;
    my $list = sub { my ($element) = @_; return chance(0.15) ? pick(undef, {}, 'x', 5) : [ map { chance(0.06) ? pick(undef, 'y', 3, []) : $element->() } 1 .. between(0, 4) ] };
    my $maybe = sub { my ($name, $value) = @_; return chance(0.25) ? () : ($name => chance(0.1) ? undef : $value) };
    return {
        _id => pick('1' .. '9') . sprintf('%023d', $number),
        $maybe->(created_at => '2025-01-0' . between(1, 9) . 'T00:00:00.000Z'), $maybe->(status => { $maybe->(status => pick(qw(open won lost))) }),
        $maybe->(links => $list->(sub { pick(qw(one two three)) })),
        $maybe->(custom => { $maybe->(marks => $list->(sub { +{ $maybe->(name => pick(qw(x y z), 5)), $maybe->(size => pick(1 .. 4, 'big')) } })) }),
        $maybe->(status_history => $list->(sub { +{ $maybe->(substatus_history => $list->(sub { +{ $maybe->(substatus => pick(qw(s1 s2 s3))), $maybe->(assigned_at => '2025-01-0' . between(1, 9) . 'T00:00:00.000Z') } })) } })),
        $maybe->(car_list => $list->(sub { +{ $maybe->(car_id => pick(@ids)), $maybe->(car => { $maybe->(make => pick(qw(SEAT BMW seat Opel), 7)), $maybe->(price => pick(1 .. 6, 2.5, 'dear')), $maybe->(doors => pick(3, 5)) }) } })),
    };
}

sub random_condition
{
    my ($list, $depth) = @_;
    if ($depth > 0 && chance(0.5))
    {
        my ($left, $right) = map { random_condition($list, $depth - 1) } 1 .. 2;
        return pick("($left AND $right)", "($left OR $right)", "NOT ($left)", "NOT ($left AND $right)", "($left) IS NOT TRUE", "($left) IS FALSE");
    }
    my $column = pick(@{ $of_list{$list} });
    my ($value, $other) = map { $random{$column}->() } 1 .. 2;
    my @forms = ("$column = $value", "$column <> $value", "$column IN ($value, $other)", "$column NOT IN ($value, $other)", "$column > $value", "$column <= $value", "$column IS NULL", "$column IS NOT NULL",
        "$column IS DISTINCT FROM $value", "$column IS NOT DISTINCT FROM $value", "$column BETWEEN $value AND $other", "coalesce($column, $value) = $value", "$column = (SELECT $value" . ($column eq 'made' || $column eq 'at' ? '::timestamptz' : $is_text{$column} ? '::text' : '') . ")");
    push @forms, "$column LIKE left($value, 2) || '%'", "$column NOT LIKE 'S%'", "$column ~ '^[sS]'", "$column !~ 'E'", "lower($column) = lower($value)", "$column ILIKE 's%'", "starts_with($column, 's')" if $is_text{$column};
    return pick(@forms);
}

sub random_query
{
    my ($list) = @_;
    my $condition = random_condition($list, 2);
    my $lead = sql_text(pick(@random_documents)->{_id});
    my @columns = grep { chance(0.5) } @{ $of_list{$list} };
    my $columns = join ', ', map { "l.$_" } @columns ? @columns : 'lead';
    my $limit = chance(0.3) ? 'LIMIT ' . between(1, 9) . (chance(0.4) ? ' OFFSET ' . between(1, 9) : '') : '';
    my @kinds = (
        "SELECT $columns FROM LIST l WHERE $condition ORDER BY " . pick('lead, n', 'lead DESC, n DESC', 'n, lead') . " $limit",
        "SELECT count(*), count(n), min(lead) FROM LIST l WHERE $condition",
        "SELECT $columns FROM LIST l WHERE lead = $lead AND $condition ORDER BY lead, n",
        "SELECT lead, count(*) FROM LIST l WHERE $condition GROUP BY lead ORDER BY lead $limit",
        "SELECT count(*) FROM LIST");
    push @kinds,
        "SELECT lead, n, c.made_by FROM LIST l JOIN (SELECT _id, make AS made_by FROM CARS) c ON c._id = l.car_id WHERE $condition ORDER BY lead, n",
        "SELECT i, lead, n FROM sought LEFT JOIN LIST l ON l.car_id = id AND $condition ORDER BY i, lead, n",
        "SELECT i FROM sought WHERE " . pick('', 'NOT ') . "EXISTS (SELECT FROM LIST l WHERE l.car_id = id AND $condition) ORDER BY i",
        "SELECT i, (SELECT count(*) FROM LIST l WHERE l.car_id = id AND $condition) FROM sought ORDER BY i",
        "SELECT i, x.lead FROM sought, LATERAL (SELECT lead FROM LIST l WHERE l.car_id = id ORDER BY lead, n LIMIT 2) x ORDER BY i, x.lead" if $list eq 'cars';
    return pick(@kinds);
}

# The elements of a list by jsonb's functions, from the documents
sub truth_of
{
    my ($list) = @_;
    my $columns = join ', ', map { "($_->[3]) AS $_->[0]" } grep { $_->[1] ne 'jsonb' } @{ $COLUMNS{$list} };
    my @steps = split /\./, $PATHS{$list};
    my $last = pop @steps;
    my $from = 'documents';
    my ($place, $order) = ('doc', '');
    if ($list eq 'steps')
    {
        $from .= ", LATERAL jsonb_array_elements(CASE jsonb_typeof(doc->'status_history') WHEN 'array' THEN doc->'status_history' WHEN 'object' THEN jsonb_build_array(doc->'status_history') ELSE '[]' END) WITH ORDINALITY o(s, first)";
        ($place, $order) = ("(CASE jsonb_typeof(s) WHEN 'object' THEN s END)", 'first, ');
    }
    else { $place .= "->'$_'" for @steps }
    my $all = "SELECT doc, e, row_number() OVER (PARTITION BY doc->>'_id' ORDER BY ${order}second)::integer AS n
        FROM $from, LATERAL jsonb_array_elements(CASE jsonb_typeof($place->'$last') WHEN 'array' THEN $place->'$last' ELSE '[]' END) WITH ORDINALITY i(e, second)";
    my $rows = $list =~ /cars|steps/ ? " WHERE jsonb_typeof(e) = 'object'" : '';
    return "SELECT $columns, n FROM ($all) x$rows";
}

# Puts documents in the place of all others.
sub put
{
    $sandbox->delete('/_sandbox/documents/saleleads');
    $sandbox->post('/_sandbox/documents/saleleads', [@_]);
    return;
}

sub connect_session
{
    my $session = connect_db($node);
    $session->{pg_placeholder_dollaronly} = 1;
    $session->do("SET timezone = 'UTC'");
    $session->do('SET client_min_messages = error');
    return $session;
}

# What is in the list, or in the lists, that a path leads to.
sub elements_of
{
    my ($value, $name, @path) = @_;
    return map { elements_of($_, $name, @path) } grep { ref eq 'HASH' } @$value if ref $value eq 'ARRAY' && defined $name;
    return ref $value eq 'ARRAY' ? @$value : () unless defined $name;
    return ref $value eq 'HASH' ? elements_of($value->{$name}, @path) : ();
}

sub warnings_of
{
    my ($sql) = @_;
    $dbh->do('SET client_min_messages = warning');
    my @messages = sql_messages($dbh, $sql);
    $dbh->do('SET client_min_messages = error');
    return @messages;
}

sub column_sql
{
    my ($name, $type, $path) = @_;
    my ($bare, $rest) = $type =~ /^(\w+)(.*)$/;
    return "$name $bare" . (defined $path ? " OPTIONS (path '$path')" : '') . $rest;
}

sub text_of
{
    my ($of, @path) = @_;
    my $place = "$of #> '{" . join(',', @path) . "}'";
    return "CASE jsonb_typeof($place) WHEN 'string' THEN $place #>> '{}' END COLLATE \"C\"";
}

sub number_of
{
    my $place = "e #> '{" . join(',', @_) . "}'";
    return "CASE jsonb_typeof($place) WHEN 'number' THEN ($place)::numeric END";
}
