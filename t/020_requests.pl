# How many requests a query costs, and what they ask for.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 1000 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, import => { import_search => 'true' });
my $dbh = connect_db($node);
my ($id) = map { $_->{_id} } $sandbox->dump('cars');

# A whole resource, in ranges of _id that are read at once
my @requests = requests('SELECT count(created_at) FROM crm.cars');
cmp_ok(scalar @requests, '<=', 24, 'a thousand documents cost at most 24 requests, four at a time');
cmp_ok(scalar @requests, '>=', 20, 'and no fewer than they can');

# One page after the other
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'pages')");
@requests = requests('SELECT count(*) FROM crm.cars');
cmp_ok(scalar @requests, '<=', 21, 'a thousand documents cost at most 21 requests');
cmp_ok(scalar @requests, '>=', 20, 'and no fewer than they can');
is_deeply([ map { $_->{query}{project} } @requests ], [ ('_id') x @requests ], 'count(*) asks for _id only');
is_deeply([ map { $_->{query}{sort} } @requests ], [ '_id', '-_id', ('_id') x (@requests - 2) ],
    'in the order of _id; the last one comes second, by which it is known that the service sorts');
is_deeply([ map { $_->{query}{limit} } @requests ], [ ('50') x @requests ], 'fetch_size at a time');
is_deeply([ map { $_->{query}{q} } @requests[ 0, 1 ] ], [ undef, undef ], 'the first and the last page have no filter');
is_deeply([ map { [ keys %{ $_->{query}{q} } ] } @requests[ 2 .. $#requests ] ],
    [ (['_id']) x (@requests - 2) ], 'the others ask for what follows the last _id');

# Fields
for (
    [ 'SELECT make FROM crm.cars', 'make _id' ],
    [ 'SELECT _id FROM crm.cars', '_id' ],
    [ "SELECT make FROM crm.cars WHERE model = 'x'", 'make model _id' ],
    [ "SELECT count(*) FROM crm.cars WHERE model = 'x' AND created_at > now()", 'created_at model _id' ],
    [ 'SELECT make FROM crm.cars ORDER BY model', 'make model _id' ],
    [ 'SELECT c.make FROM crm.cars c JOIN (VALUES (1.5)) v(n) ON c.mileage = v.n', 'make mileage _id' ],
  )
{
    my ($sql, $fields) = @$_;
    is_deeply([ sort split / /, (requests($sql))[0]{query}{project} ], [ sort split / /, $fields ], "fields of $sql");
}

# By id
for (
    [ 'a constant',              "SELECT make FROM crm.cars WHERE _id = '$id'" ],
    [ 'the other way round',     "SELECT make FROM crm.cars WHERE '$id' = _id" ],
    [ 'with another condition',  "SELECT make FROM crm.cars WHERE _id = '$id' AND dealer_id IS NOT NULL" ],
    [ 'a subquery',              "SELECT make FROM crm.cars WHERE _id = (SELECT '$id'::text OFFSET 0)" ],
    [ 'a stable expression',     "SELECT make FROM crm.cars WHERE _id = concat('$id', '')" ],
  )
{
    my ($name, $sql) = @$_;
    my @requests = requests($sql, 1);
    is_deeply([ map { "$_->{method} $_->{kind} $_->{path}" } @requests ],
        ["GET get /dealers/" . $sandbox->dealer_id . "/cars/$id"], "_id = $name is one request");
}
$dbh->do('PREPARE one(text) AS SELECT make FROM crm.cars WHERE _id = $1');
for my $plan (qw(force_custom_plan force_generic_plan))
{
    $dbh->do("SET plan_cache_mode = $plan");
    is(scalar(requests("EXECUTE one('$id')", 1)), 1, "_id = parameter is one request with $plan");
    is(scalar(requests('EXECUTE one(NULL)', 0)), 0, "_id = NULL is none with $plan");
}
is(scalar(requests("SELECT make FROM crm.cars WHERE _id = 'f00000000000000000000000'", 0)), 1,
    'a document that is not there is one request and no row');
is_deeply([ map { $_->{status} } $sandbox->log ], [404], 'which the service does not find');
is(scalar(requests("SELECT make FROM crm.cars WHERE _id = '$id' AND make = 'no such make'", 0)), 1,
    'every condition is checked again');

# A limit needs the pages up to it and no more
is(scalar(requests('SELECT make FROM crm.cars LIMIT 10')), 1, 'LIMIT 10 reads one page');
is(scalar(requests('SELECT make FROM crm.cars LIMIT 60')), 2, 'LIMIT 60 reads two');
is(scalar(requests('SELECT EXISTS (SELECT FROM crm.cars)')), 1, 'EXISTS reads one page');

# search
@requests = requests(q{SELECT _search, make FROM crm.cars WHERE _search = 'make = SEAT'});
is_deeply([ map { $_->{query}{search} } @requests ], [ ('make = SEAT') x @requests ], 'the search text is sent');
my ($make) = map { $_->{make} } grep { defined $_->{make} && !ref $_->{make} } $sandbox->dump('cars');
my $found = $dbh->selectall_arrayref('SELECT DISTINCT _search, make FROM crm.cars WHERE _search = ?', undef, "make = $make");
is_deeply($found, [ [ "make = $make", $make ] ], 'the search text comes back in the column');
is(scalar(requests('SELECT make FROM crm.cars WHERE _search = NULL', 0)), 0, 'no search is no request');

$dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');

# EXPLAIN sends nothing, EXPLAIN ANALYZE says what was sent
is(scalar(requests('EXPLAIN SELECT * FROM crm.cars')), 0, 'EXPLAIN sends nothing');
my $plan = join "\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT make FROM crm.cars') };
like($plan, qr/Strategy: parallel pages by key/, 'EXPLAIN shows the strategy');
like($plan, qr{Request: GET /cars\?project=make _id&sort=_id&limit=50}, 'and the request');
$plan = join "\n", @{ $dbh->selectcol_arrayref('EXPLAIN (ANALYZE, COSTS off) SELECT make FROM crm.cars') };
my @sent = $sandbox->log(resource => 'cars');
like($plan, qr/Requests: @{[ scalar @sent ]}\n/, 'EXPLAIN ANALYZE shows requests');
like($plan, qr/Documents: 1000\n/, 'documents');
my $bytes = 0;
$bytes += $_->{bytes} for @sent;
like($plan, qr/Bytes: $bytes\b/, 'and bytes');
$plan = join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN SELECT make FROM crm.cars WHERE _id = '$id'") };
like($plan, qr{Strategy: document by id\n.*Request: GET /cars/$id\n.*Estimated Requests: 1}, 'EXPLAIN of an id');
$dbh->do('SET plan_cache_mode = force_generic_plan');
$plan = join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN EXECUTE one('$id')") };
like($plan, qr{Request: GET /cars/\{_id\}\n.*Id: \$1}, 'EXPLAIN of an id not known yet');

# A limit on requests
$dbh->do('ALTER SERVER crm OPTIONS (ADD max_requests \'3\')');
my $error = sql_error($dbh, 'SELECT make FROM crm.cars');
is($error->{sqlstate}, '53400', 'more requests than max_requests allows');
like($error->{hint}, qr/max_requests/, 'the hint names the option');
is(scalar(requests("SELECT make FROM crm.cars WHERE _id = '$id'", 1)), 1, 'the next statement starts anew');

done_testing();

# The requests that a query costs, and that it returns so many rows.
sub requests
{
    my ($sql, $rows) = @_;
    $sandbox->clear_log;
    my $result = $dbh->selectall_arrayref($sql);
    is(scalar @$result, $rows, "rows of $sql") if defined $rows;
    return $sandbox->log;
}
