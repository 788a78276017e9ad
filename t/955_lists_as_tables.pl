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

my $queries = $ENV{LIST_QUERIES} // 60;
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
    [ "ALTER FOREIGN TABLE crm.cars_error OPTIONS (SET array '.')", qr/Give the names of members separated by dots that lead to a list/ ],
  )
{
    my ($sql, $message) = @$_;
    my $error = sql_error($dbh, $sql =~ s/\$\$/'/gr);
    $message ? like("$error->{message}\nHINT:  " . ($error->{hint} // ''), $message, "no $sql") : is($error, undef, $sql);
}

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

done_testing();

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
