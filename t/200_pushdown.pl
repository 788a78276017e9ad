# What of a query reaches the service: filters, orders and limits, by the requests that
# the sandbox logged.  That answers stay the same is the fuzzer's to show.

use strict;
use warnings;

use JSON::PP ();
use Encode qw(encode_utf8);
use Test::More;
use WalcuTest;

use constant MANY => 100_000;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox =
  WalcuTest::Sandbox->start(scale => 60, count => { notes => MANY, cars => 600 }, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, import => { import_search => 'true' });
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->do("SET timezone = 'Europe/Madrid'");

# The newest of very many
requests('SELECT _id FROM crm.notes ORDER BY created_at, _id LIMIT 1');    # whether the service sorts is known from here on
my @requests = requests('SELECT _id, created_at FROM crm.notes ORDER BY created_at DESC LIMIT 20', 20);
cmp_ok(scalar @requests, '<=', 2, 'the newest of a hundred thousand cost two requests at most');
cmp_ok(documents(@requests), '<=', 100, 'and a hundred documents');
@requests = requests('SELECT _id FROM crm.notes ORDER BY created_at DESC NULLS LAST LIMIT 20', 20);
is(scalar @requests, 1, 'with NULLs last, one request');
is($requests[0]{query}{sort}, '-created_at _id', 'in that order');
is($requests[0]{query}{limit}, 20, 'for so many documents');

# What is recent
$sandbox->post('/_sandbox/documents/cars', [
    map { { _id => "recent$_", make => 'SEAT', created_at => iso_days_ago($_), mileage => $_ } } 1 .. 9 ]);
@requests = requests("SELECT _id FROM crm.cars WHERE created_at > now() - interval '7 days'", 7);
is(documents(@requests), 7, 'only the last days are fetched');
is(scalar @requests, 1, 'in one request');

# Filters, as they are sent
for (
    [ "make = 'SEAT'", { make => 'SEAT' } ],
    [ "'SEAT' = make", { make => 'SEAT' } ],
    [ "make = 'SEAT' AND mileage > 5", { make => 'SEAT', mileage => { '$gt' => 5 } } ],
    [ 'mileage BETWEEN 5 AND 7', { mileage => { '$gte' => 5, '$lte' => 7 } } ],
    [ 'mileage > 0.1 + 0.2', { mileage => { '$gt' => 0.3 } } ],
    [ "make IN ('SEAT', 'Dacia', NULL)", { make => { '$in' => [ 'Dacia', 'SEAT' ] } } ],
    [ "make NOT IN ('SEAT', 'Dacia')", { make => { '$nin' => [ 'Dacia', 'SEAT', undef ] } } ],
    [ "make <> 'SEAT'", { make => { '$nin' => [ 'SEAT', undef ] } } ],
    [ "NOT (make = 'SEAT' OR mileage < 5)",
        { make => { '$nin' => [ 'SEAT', undef ] }, mileage => { '$gte' => 5 } } ],
    [ "(make = 'SEAT' AND mileage >= 5) IS FALSE",
        { '$or' => [ { make => { '$nin' => [ 'SEAT', undef ] } }, { mileage => { '$lt' => 5 } } ] } ],
    [ "(make = 'SEAT' OR mileage >= 5) IS FALSE", { make => { '$nin' => [ 'SEAT', undef ] }, mileage => { '$lt' => 5 } } ],
    [ "(make = 'SEAT' AND (mileage >= 5) IS NOT TRUE) IS TRUE", { make => 'SEAT' } ],
    [ "make LIKE 'SE%'", { make => { '$regex' => '^SE' } } ],
    [ "make LIKE '%a_%c'", { make => { '$regex' => 'a[\d\D]{1,2}[\d\D]*c(?![\d\D])' } } ],
    [ "make ILIKE 'se.t'", { make => { '$regex' => '^[sS][eE]\.[tT](?![\d\D])' } } ],
    [ "make ~ '^S.+T\$'", { make => { '$regex' => '^S[\d\D]+T(?![\d\D])' } } ],
    [ "make ^@ 'SE'", { make => { '$regex' => '^SE' } } ],
    [ "starts_with(make, 'SE')", { make => { '$regex' => '^SE' } } ],
    [ 'published', { published => JSON::PP::true } ],
    [ 'NOT published', { published => JSON::PP::false } ],
    [ 'published IS TRUE', { published => JSON::PP::true } ],
    [ 'make IS NOT NULL', { make => { '$ne' => undef } } ],
    [ "created_at >= '2025-03-30 02:30'", { created_at => { '$gte' => '2025-03-30T01:30:00.000Z' } } ],
    [ "created_at < '2025-01-01 00:00:00.0005+00'", { created_at => { '$lte' => '2025-01-01T00:00:00.000Z' } } ],
    [ "created_at = DATE '2025-06-01'", { created_at => '2025-05-31T22:00:00.000Z' } ],
    [ "created_at > '-infinity'", { created_at => { '$ne' => undef } } ],
    [ "'Faros LED' = ANY (extras)", { extras => 'Faros LED' } ],
    [ "extras && ARRAY['Navegador', 'Faros LED']", { extras => { '$in' => [ 'Faros LED', 'Navegador' ] } } ],
    [ "extras @> ARRAY['Navegador']", { extras => 'Navegador' } ],
    [ "status->>'status' = 'sold'", { 'status.status' => 'sold' } ],
    [ "status->'status' = '\"sold\"'", { 'status.status' => 'sold' } ],
    [ "status['status'] = '\"sold\"'", { 'status.status' => 'sold' } ],
    [ "prices #>> '{retail,source}' = 'dms'", { 'prices.retail.source' => 'dms' } ],
    [ "status @> '{\"status\": \"sold\"}'", { 'status.status' => 'sold' } ],
    [ "status ? 'substatus'",
        { '$or' => [ { 'status.substatus' => { '$exists' => JSON::PP::true } }, { status => { '$type' => [ 'string', 'array' ] } } ] } ],
    [ "(prices->'retail'->'current_price'->'price')::numeric > 9000",
        { 'prices.retail.current_price.price' => { '$gt' => 9000 } } ],
  )
{
    my ($condition, $filter) = @$_;
    my ($request) = requests("SELECT _id FROM crm.cars WHERE $condition");
    is($json->encode($request->{query}{q} // {}), $json->encode($filter), "filter of $condition");
}

# Numbers that the service rounds: the same rows as without a filter
$sandbox->post('/_sandbox/documents/cars', [
    map { { _id => "number$_", make => 'borders', mileage => JSON::PP->new->allow_nonref->decode($_) } }
      qw(0 0.1 0.3 0.30000000000000004 9007199254740991 9007199254740992 1e300 -1e300 5e-324) ]);
for my $condition (
    map({ ("mileage $_ 0.30000000000000003", "mileage $_ 0.3", "mileage $_ 9007199254740991.5", "mileage $_ 1e-400", "mileage $_ 1e400",
          "mileage $_ 'NaN'", "mileage::int8 $_ 1", "mileage::float8 $_ 0.1 + 0.2", "mileage::float4 $_ 0.3::float4") } qw(= <> < <= > >=)))
{
    my $castable = $condition =~ /int8|float4/ ? 'mileage BETWEEN 0.05 AND 1e18 AND' : '';
    my $sql = "SELECT _id FROM crm.cars WHERE make = 'borders' AND $castable $condition ORDER BY 1";
    my $with = $dbh->selectcol_arrayref($sql);
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($with, $dbh->selectcol_arrayref($sql), "rows of $condition");
    $dbh->do('RESET walcu_fdw.enable_pushdown');
}

# Documents that MongoDB takes otherwise than SQL does: the same rows as without a filter
$sandbox->post('/_sandbox/documents/cars', [
    { _id => 'odd1', make => 'odd', custom => [ 1, undef ] },
    { _id => 'odd2', make => 'odd', custom => { tags => [ 'x', undef ] } },
    { _id => 'odd3', make => 'odd', custom => { tags => 'x' }, status => [ { status => 'sold' } ] },
    { _id => 'odd4', make => 'odd', custom => 5, status => { status => ['sold'] } },
    { _id => 'odd5', make => 'odd', custom => undef, model => "a\0b", status => { status => undef } },
    { _id => 'odd6', make => 'odd', model => "a\nb", status => 'sold' },
    { _id => 'odd7', make => 'odd', model => ['a'], status => { status => 7 } },
    { _id => 'odd8', make => 'odd', model => 7, status => { status => '7' } } ]);
$dbh->do("CREATE FOREIGN TABLE crm.odd (_id text COLLATE \"C\", make text COLLATE \"C\",
    nested text OPTIONS (path 'status.status') COLLATE \"C\") SERVER crm OPTIONS (resource 'cars', on_type_mismatch 'null')");
$sandbox->delete('/_sandbox/documents/offers');
$sandbox->post('/_sandbox/documents/offers', [
    { _id => 'o1', options => [ { locale => 'es' } ] }, { _id => 'o2', options => { locale => undef } }, { _id => 'o3', options => 'x' },
    { _id => 'o4', options => { locale => 'es' } }, { _id => 'o5' } ]);
$dbh->do("CREATE FOREIGN TABLE crm.strict (_id text COLLATE \"C\",
    nested text OPTIONS (path 'options.locale') COLLATE \"C\") SERVER crm OPTIONS (resource 'offers', on_type_mismatch 'error')");
for (
    map({ "cars WHERE make = 'odd' AND $_" } 'custom IS NOT NULL', "custom->>'tags' IS NOT NULL", "custom->>'tags' <> 'x'", "custom->>'tags' NOT LIKE 'x%'",
        "custom->>'tags' IS DISTINCT FROM 'x'", 'model IS NULL', "model IS DISTINCT FROM 'a'", "model LIKE 'a_b'", "model NOT LIKE 'a'",
        "status->>'status' = '7'", "status->>'status' <> '7'", "status->>0 = 'sold'", "status->>0 IS NOT NULL", "custom->>0 = '1'", "custom->>0 = '5'",
        "custom @> '[1]'", "custom ? 'tags'", "custom @> '{\"tags\": [\"x\"]}'"),
    map({ my $table = $_; map { "$table $_" } 'nested IS NULL', "nested IS DISTINCT FROM 'sold'", "nested = 'sold'" } "odd WHERE make = 'odd' AND"),
    'strict WHERE nested IS NULL', "strict WHERE nested IS DISTINCT FROM 'es'", "strict WHERE nested <> 'x'",
  )
{
    my $sql = "SELECT _id FROM crm.$_ ORDER BY length(_id), _id";
    local $SIG{__WARN__} = sub { };
    my $with = $dbh->selectcol_arrayref($sql);
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($with, $dbh->selectcol_arrayref($sql), "rows of $_");
    $dbh->do('RESET walcu_fdw.enable_pushdown');
}

# What needs no request, and what cannot be part of one
for my $condition ('make = NULL', "make IN (NULL)", "make NOT IN ('SEAT', NULL)", "make LIKE NULL", "mileage < 'NaN'::numeric AND mileage = 'NaN'")
{
    is(scalar(requests("SELECT _id FROM crm.cars WHERE $condition", 0)), 0, "no request for $condition");
}
for my $condition ("initcap(make) = 'Seat'", 'make = model', 'random() < 2', "length(make) = 4", "(custom->>'a.b') = 'x'")
{
    my ($request) = requests("SELECT _id FROM crm.cars WHERE $condition");
    is($request->{query}{q}, undef, "no filter of $condition");
}

# Parameters, subqueries and outer rows
for my $mode (qw(force_custom_plan force_generic_plan))
{
    $dbh->do("SET plan_cache_mode = $mode");
    $dbh->do('PREPARE by_make(text, bigint) AS SELECT _id FROM crm.cars WHERE make = $1 ORDER BY _id LIMIT $2');
    my @filters = map { (requests("EXECUTE by_make('SEAT', 3)"))[0]{query} } 1 .. 10;
    is_deeply($filters[9], $filters[0], "the tenth execution asks as the first ($mode)");
    is_deeply($filters[9]{q}, { make => 'SEAT' }, 'with its filter');
    is($filters[9]{limit}, 3, 'and its limit');
    is(scalar(requests("EXECUTE by_make(NULL, 3)", 0)), 0, 'NULL costs none');
    $dbh->do('DEALLOCATE by_make');
}
$dbh->do('RESET plan_cache_mode');
is_deeply((requests("SELECT _id FROM crm.cars WHERE make = (SELECT 'SEAT'::text OFFSET 0)"))[0]{query}{q},
    { make => 'SEAT' }, 'a subquery is a value');
is_deeply((requests("SELECT _id FROM crm.cars WHERE make = ANY (ARRAY(SELECT v FROM (VALUES ('SEAT'), ('BMW')) l(v)))"))[0]{query}{q},
    { make => { '$in' => [ 'BMW', 'SEAT' ] } }, 'and so is an array of one');
$dbh->do("CREATE TABLE wanted AS SELECT * FROM (VALUES ('SEAT'), ('BMW')) l(make)");
$dbh->do('ANALYZE wanted');
$dbh->do("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET walcu_fdw.enable_batched_join = off");
my $plan = plan_of('SELECT c._id FROM wanted w JOIN crm.cars c ON c.make = w.make');
like($plan, qr/Request: GET \S*q=\{"make":\?\}/, 'a nested loop asks for what the outer row says');
is_deeply([ sort map { $_->{query}{q}{make} // 'none' } grep { !ref $_->{query}{q}{make} && !$_->{query}{q}{_id} }
        requests('SELECT c._id FROM wanted w JOIN crm.cars c ON c.make = w.make') ], [ 'BMW', 'SEAT' ], 'once for each');
$dbh->do("RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_material; RESET walcu_fdw.enable_batched_join");

# Limits
is((requests('SELECT make FROM crm.cars LIMIT 1', 1))[0]{query}{limit}, 1, 'LIMIT 1 asks for one');
is((requests('SELECT EXISTS (SELECT FROM crm.cars WHERE make = \'SEAT\')'))[0]{query}{limit}, 1, 'EXISTS asks for one');
is((requests('SELECT make FROM crm.cars WHERE mileage > 5 LIMIT 5 OFFSET 3', 5))[0]{query}{limit}, 8, 'OFFSET counts');
@requests = requests("SELECT _id FROM crm.cars WHERE length(make) > 3 LIMIT 1", 1);
is($requests[0]{query}{limit}, 50, 'a condition that is checked here asks for a page');
@requests = requests('SELECT count(*) FROM (SELECT FROM crm.cars LIMIT 70) x');
is(documents(@requests), 70, 'a limit over several pages asks for no more');

# An offset that the service passes over, because nothing else decides on rows
for (
    [ 'SELECT _id FROM crm.cars ORDER BY _id LIMIT 5 OFFSET 100',                      100 ],
    [ 'SELECT make, mileage + 1 FROM crm.cars ORDER BY _id DESC LIMIT 5 OFFSET 100',   100 ],
    [ 'SELECT _id FROM crm.cars LIMIT 5 OFFSET 100',                                   100 ],
    [ 'SELECT _id FROM crm.cars WHERE mileage > 5 ORDER BY _id LIMIT 5 OFFSET 100',    undef ],
    [ 'SELECT _id FROM crm.cars ORDER BY make, _id LIMIT 5 OFFSET 100',                undef ],
    [ 'SELECT _id FROM crm.cars ORDER BY length(make), _id LIMIT 5 OFFSET 100',        undef ],
    [ 'SELECT DISTINCT make FROM crm.cars LIMIT 5 OFFSET 2',                           undef ],
    [ 'SELECT _id FROM (SELECT _id FROM crm.cars ORDER BY _id LIMIT 50 OFFSET 7) c ORDER BY _id LIMIT 5', 7 ],
  )
{
    my ($sql, $skip) = @$_;
    my ($request) = requests($sql, 5);
    is($request->{query}{skip}, $skip, "skip of $sql");
    my $rows = $dbh->selectall_arrayref($sql);
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($rows, $dbh->selectall_arrayref($sql), 'the same rows as without') if $sql =~ /ORDER BY/;
    $dbh->do('RESET walcu_fdw.enable_pushdown');
}
$dbh->do('PREPARE later(bigint) AS SELECT _id FROM crm.cars ORDER BY _id LIMIT 60 OFFSET $1');
@requests = requests('EXECUTE later(200)', 60);
is($requests[0]{query}{skip}, 200, 'a parameter says how much');
is($requests[1]{query}{skip}, undef, 'and the next page goes by key');
is(documents(@requests), 60, 'nothing is fetched in vain');
is(sql_error($dbh, 'EXECUTE later(-1)')->{sqlstate}, '2201X', 'a negative offset is the error it always is');

# Orders, in all of which documents are read where PostgreSQL does not sort
$dbh->do('SET enable_sort = off');
for (
    [ 'created_at NULLS FIRST', [ 'created_at _id', '_id' ] ],
    [ 'make DESC NULLS LAST, _id DESC', [ '-make -_id', '-_id' ] ],
    [ '_id DESC', ['-_id'] ],
    [ 'make, model', [ 'make _id', '_id' ] ],
    [ 'make COLLATE "en-x-icu"', ['_id'] ],
    [ "status->>'status'", ['_id'] ],
  )
{
    my ($order, $sorts) = @$_;
    my %seen;
    my @seen = grep { !$seen{$_}++ } map { $_->{query}{sort} } requests("SELECT _id FROM crm.cars ORDER BY $order");
    is_deeply([ sort @seen ], [ sort @$sorts ], "sort of ORDER BY $order");
}
like(plan_of('SELECT _id FROM crm.cars ORDER BY make, length(model)'), qr/Incremental Sort.*Presorted Key: make/s,
    'a prefix of an order is used');
like(plan_of('SELECT DISTINCT make FROM crm.cars'), qr/Unique.*sort=make _id|HashAggregate/s, 'DISTINCT may use an order');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', sort => JSON::PP::true } });
my $error = sql_error($dbh, 'SELECT make FROM crm.cars ORDER BY make');
is($error->{sqlstate}, 'HV000', 'a service that no longer sorts is found out');
like($error->{hint}, qr/Run the statement again.*sort_format/, 'and the hint says what to do');
$sandbox->clear_faults;
$dbh->do("ALTER SERVER crm OPTIONS (ADD sort_format 'mongoose')");    # what was learnt of it is forgotten

# Long lists
my @ids = map { sprintf '%024x', $_ } 1 .. 500;
my ($known) = $dbh->selectcol_arrayref('SELECT _id FROM crm.cars ORDER BY _id LIMIT 40');
@requests = requests('SELECT _id FROM crm.cars WHERE _id IN (' . join(', ', map { "'$_'" } @ids, @$known) . ')', 40);
cmp_ok(scalar @requests, '<=', 6, 'five hundred ids cost six requests at most');
cmp_ok(length $_->{raw_path}, '<=', 8000, 'no URL is longer than 8,000 bytes') for @requests;
my ($all) = $dbh->selectcol_arrayref('SELECT _id FROM crm.cars ORDER BY _id LIMIT 500');
my $list = join ', ', map { "'$_'" } @$all;
@requests = requests("SELECT _id FROM crm.cars WHERE _id IN ($list)", 500);
is(documents(@requests), 500, 'no document comes twice');
is_deeply($dbh->selectcol_arrayref("SELECT _id FROM crm.cars WHERE _id IN ($list) ORDER BY _id DESC"), [ reverse @$all ],
    'a split list of ids stays in order');
$dbh->do('RESET enable_sort');
$dbh->do("ALTER SERVER crm OPTIONS (ADD max_url_length '2000')");
@requests = requests("SELECT _id FROM crm.cars WHERE _id IN ($list)", 500);
cmp_ok(length $_->{raw_path}, '<=', 2000, 'max_url_length is kept') for @requests;
@requests = requests('SELECT _id FROM crm.cars WHERE make <> ALL (ARRAY(SELECT repeat(\'x\', n) FROM generate_series(1, 100) n))');
is($requests[0]{query}{q}, undef, 'what is too long and cannot be split is checked here');
$dbh->do('ALTER SERVER crm OPTIONS (DROP max_url_length)');

# A filter that the service does not take
$sandbox->fault({ match => { kind => 'list', query => { q => 'custom' } }, fault => { type => 'status', status => 400 } });
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'error')");
my $ids = q{SELECT _id FROM crm.cars WHERE make = 'SEAT' AND custom->>'unknown' = '5'};
@requests = requests($ids, 0);
is($requests[0]{status}, 400, 'it is answered 400');
is_deeply($requests[1]{query}{q}, { make => 'SEAT' }, 'and asked again without the place whose type is not known');
@requests = requests(q{SELECT _id FROM crm.cars WHERE (make = 'SEAT' AND custom->>'unknown' = '5') OR make = 'none'}, 0);
is_deeply($requests[0]{query}{q}, { '$or' => [ { make => 'SEAT' }, { make => 'none' } ] }, 'under an OR, it is not asked for');
like(plan_of($ids, 'ANALYZE, COSTS off'), qr/Rejected Filters: 1/, 'EXPLAIN ANALYZE says so');
$sandbox->clear_faults;
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '5')");
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => "unknown$_", make => 'SEAT', custom => { unknown => 'y' } } } 1 .. 12 ]);
$sandbox->fault({ match => { kind => 'list', query => { q => 'custom' } }, skip => 1, fault => { type => 'status', status => 400 } });
is(sql_error($dbh, q{SELECT _id FROM crm.cars WHERE make = 'SEAT' AND custom->>'unknown' = 'y'})->{sqlstate}, '22023',
    'once documents were delivered, it is an error: they would come again');
$dbh->do("ALTER SERVER crm OPTIONS (DROP fetch_size)");
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'list', query => { q => 'make' } }, fault => { type => 'status', status => 400 } });
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'null')");
@requests = requests(q{SELECT _id FROM crm.cars WHERE make = 'SEAT'}, $dbh->selectrow_array("SELECT count(*) FROM crm.cars WHERE make || '' = 'SEAT'"));
is_deeply([ map { [ $_->{status}, exists $_->{query}{q}{make} ? 1 : 0 ] } @requests[ 0, 1 ] ], [ [ 400, 1 ], [ 200, 0 ] ],
    'even what is known to be right is left to PostgreSQL');
$sandbox->clear_faults;

# Off
for (
    [ 'SET walcu_fdw.enable_pushdown = off', 'RESET walcu_fdw.enable_pushdown' ],
    [ "ALTER SERVER crm OPTIONS (ADD pushdown 'off')", 'ALTER SERVER crm OPTIONS (DROP pushdown)' ],
    [ "ALTER FOREIGN TABLE crm.cars OPTIONS (ADD pushdown 'off')", 'ALTER FOREIGN TABLE crm.cars OPTIONS (DROP pushdown)' ],
    [ "ALTER FOREIGN TABLE crm.cars ALTER make OPTIONS (ADD pushdown 'off')",
        'ALTER FOREIGN TABLE crm.cars ALTER make OPTIONS (DROP pushdown)' ],
  )
{
    my ($off, $on) = @$_;
    $dbh->do($off);
    @requests = requests(q{SELECT _id FROM crm.cars WHERE make = 'SEAT' ORDER BY make, _id LIMIT 3}, 3);
    @requests = grep { $_->{query}{limit} != 2 } @requests;    # without those that ask whether the service sorts
    is_deeply([ map { [ $_->{query}{sort}, $_->{query}{limit}, join ' ', keys %{ $_->{query}{q} // { _id => 1 } } ] } @requests ],
        [ map { [ $_->{query}{sort} =~ /^-?_id$/ ? $_->{query}{sort} : '_id', 50, '_id' ] } @requests ], "nothing is pushed after $off");
    like(plan_of(q{SELECT _id FROM crm.cars WHERE make = 'SEAT'}), qr/Local because: pushdown is off/, 'EXPLAIN says why');
    $dbh->do($on);
}
is((requests(q{SELECT _id FROM crm.cars WHERE make = 'SEAT'}))[0]{query}{q}{make}, 'SEAT', 'and it is pushed again');

# search goes with conditions, and with an id
@requests = requests(q{SELECT _id FROM crm.cars WHERE _search = 'make = SEAT' AND mileage > 5 ORDER BY _id LIMIT 3}, 3);
is_deeply([ @{ $requests[0]{query} }{qw(search sort limit)} ], [ 'make = SEAT', '_id', 3 ], 'search, sort and limit');
is_deeply($requests[0]{query}{q}{mileage}, { '$gt' => 5 }, 'and a filter');
is(scalar(my @none = requests(q{SELECT _id FROM crm.cars WHERE _search = 'make = BMW' AND _id = 'recent1'}, 0)), 1,
    'a search restricts even a document asked for by id');

# Dates before PostgreSQL's first one and after its last, as texts
my ($first_date, $last_date) = ('-271821-04-20T00:00:00.000Z', '+275760-09-13T00:00:00.000Z');
$sandbox->post('/_sandbox/documents/cars', [ { _id => 'oldest', created_at => $first_date }, { _id => 'newest', created_at => $last_date } ]);
$dbh->do(q{CREATE FOREIGN TABLE dates (_id text COLLATE "C", created_at text COLLATE "C") SERVER crm OPTIONS (resource 'cars')});
for my $date ($first_date, $last_date)
{
    requests("SELECT _id FROM dates WHERE created_at $_", 1) for "= '$date'", "IN ('$date', 'x')", "= ANY (ARRAY['$date'])";
    requests("SELECT _id FROM dates WHERE created_at <> '$date' AND _id IN ('oldest', 'newest')", 1);
}

# JavaScript counts a character beyond U+FFFF as two, and a service may run patterns with it
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => "emoji$_->[0]", vin => $_->[1] } }
      [ 1, "\x{1f600}" ], [ 2, "a\x{1f600}b" ], [ 3, "\x{1f600}\x{1f600}" ], [ 4, "\x{e9}" ], [ 5, 'x' ], [ 6, 'xy' ], [ 7, "\x{1f600}x\x{1f600}" ], [ 8, "\x{1f600}{x" ] ]);
for my $regex (qw(pcre javascript))
{
    $sandbox->settings(regex => $regex);
    for my $condition (
        (map { ("LIKE '$_'", "NOT LIKE '$_'", "ILIKE '$_'", "NOT ILIKE '$_'") } '_', '__', '%__%', 'a_b', 'A_B', '%_', '___', '%%__%'),
        (map { ("~ '$_'", "!~ '$_'") } '^.$', '^..$', '^.{2}$', '^.{1,2}$', '^.{2,}$', '^.?$', '^.+$', '^.*x.*$', '^[^a]$', '^[^x]{2}$', '^.{x$', '^[^a]+$', '^a[^x]?b$',
            '^\\W$', '^\\D\\D$', "^\x{1f600}+\$", "^\x{1f600}{2}\$", "^[\x{1f600}x]\$", "^(?:.x)?.\$", "^(?:.|x)+\$", '^(.)$'),
      )
    {
        my $sql = "SELECT _id FROM crm.cars WHERE vin COLLATE \"C\" $condition AND _id LIKE 'emoji%' ORDER BY _id";
        my $rows = $dbh->selectcol_arrayref($sql);
        $dbh->do('SET walcu_fdw.enable_pushdown = off');
        is_deeply($rows, $dbh->selectcol_arrayref($sql), "$regex: " . encode_utf8($condition));
        $dbh->do('RESET walcu_fdw.enable_pushdown');
    }
}
$sandbox->settings(regex => 'pcre');
@requests = requests(q{SELECT _id FROM crm.cars WHERE vin LIKE 'a_b'}, 1);
is($requests[0]{query}{q}{vin}{'$regex'}, '^a[\d\D]{1,2}b(?![\d\D])', 'a character, or the two halves of one');
@requests = requests(q{SELECT _id FROM crm.cars WHERE vin NOT LIKE '_'});
is_deeply($requests[0]{query}{q}{vin}{'$not'}, { '$regex' => '^[\x00-\x7f](?![\d\D])' }, 'and none that is doubtful where it is negated');

done_testing();

# The requests of a query, which returns so many rows.
sub requests
{
    my ($sql, $rows) = @_;
    $sandbox->clear_log;
    local $SIG{__WARN__} = sub { };
    my $result = $dbh->selectall_arrayref($sql);
    is(scalar @$result, $rows, 'rows of ' . substr($sql, 0, 120)) if defined $rows;
    return $sandbox->log;
}

sub documents
{
    my $sum = 0;
    $sum += $_->{documents} // 0 for @_;
    return $sum;
}

sub plan_of
{
    my ($sql, $options) = @_;
    local $SIG{__WARN__} = sub { };
    return join "\n", @{ $dbh->selectcol_arrayref('EXPLAIN (' . ($options // 'COSTS off') . ") $sql") };
}

sub iso_days_ago
{
    my ($days) = @_;
    my @t = gmtime(time - $days * 86_400 + 3600);
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.000Z', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ];
}
