# An order without a LIMIT is read as quickly as none: in ranges of _id, and sorted here.  Where a LIMIT, or what
# stands above the scan, ends it early, the service sorts.  Rows are those of local copies; that requests are
# under way at once is seen in the sandbox's log, as the longest chain of requests of which each began when the
# one before had ended.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

use constant CARS => 1000;

my $sandbox = WalcuTest::Sandbox->start(scale => 60, count => { cars => CARS, tasks => 400, notes => 30, clients => 100 });
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(cars tasks notes clients)]);
my $dbh = connect_db($node);
$dbh->do('CREATE SCHEMA local');
$dbh->do("CREATE TABLE local.$_ AS TABLE crm.$_") for qw(cars tasks notes clients);
$dbh->do('ANALYZE local.cars, local.tasks, local.notes, local.clients');
# that the service sorts is known from now on, so that no probe is counted
$dbh->selectall_arrayref('SELECT _id FROM crm.cars ORDER BY created_at LIMIT 60');
$sandbox->fault({ fault => { type => 'latency', ms => 15 } });

# Without ANALYZE, and with it
my $pages = CARS / 50;
for my $is_known (0, 1)
{
    my $when = $is_known ? 'after ANALYZE' : 'without ANALYZE';
    $dbh->do('ANALYZE crm.cars, crm.tasks, crm.notes, crm.clients') if $is_known;
    my $unordered = costs('SELECT _id, make FROM cars');
    for my $order ('_id', 'make, _id', 'created_at DESC, _id', 'created_at DESC NULLS LAST, _id', 'lower(make), _id')
    {
        my $cost = costs("SELECT _id, make FROM cars ORDER BY $order", in_order => 1);
        cmp_ok($cost->{requests}, '<=', $unordered->{requests} + 3, "$when, ORDER BY $order: $cost->{requests} requests");
        cmp_ok($cost->{chain}, '<=', $pages / 2, "$when, ORDER BY $order: a chain of $cost->{chain} requests");
        like($cost->{plan}, qr/^Sort.*parallel pages by key/s, "$when, ORDER BY $order is sorted here");
    }
    for my $query ('SELECT make, count(*) FROM cars GROUP BY make ORDER BY make',
        'SELECT make, count(*) FROM cars GROUP BY make ORDER BY count(*) DESC, make LIMIT 5',
        'SELECT DISTINCT ON (make) make, _id FROM cars ORDER BY make, created_at DESC, _id',
        'SELECT DISTINCT make FROM cars ORDER BY make LIMIT 3',
        'SELECT _id, row_number() OVER (PARTITION BY make ORDER BY created_at, _id) FROM cars ORDER BY make, created_at, _id',
        'SELECT make FROM cars UNION SELECT make FROM cars ORDER BY 1 LIMIT 4',
        'SELECT count(*), max(make), string_agg(model, $$ $$ ORDER BY model, _id) FROM cars',
        'SELECT _id FROM notes WHERE _id NOT IN (SELECT _id FROM cars)')
    {
        my $scans = () = $query =~ /\bcars\b/g;
        my $cost = costs($query);
        cmp_ok($cost->{requests}, '<=', $scans * ($pages + 4), "$when, $query: $cost->{requests} requests");
        cmp_ok($cost->{chain}, '<=', $scans * $pages / 2, "$when: a chain of $cost->{chain}");
    }

    # One page
    is(costs('SELECT _id FROM notes ORDER BY created_at DESC, _id', in_order => 1)->{requests}, 1, "$when, one page is one request");

    # Where few rows are wanted, the service sorts
    for my $case ([ 'created_at DESC, _id', 10, 2 ], [ '_id', 50, 1 ], [ '_id DESC', 7, 1 ], [ 'make, _id', 120, 4 ])
    {
        my ($order, $limit, $most) = @$case;
        my $cost = costs("SELECT _id FROM cars ORDER BY $order LIMIT $limit", in_order => 1);
        cmp_ok($cost->{requests}, '<=', $most, "$when, ORDER BY $order LIMIT $limit: $cost->{requests} requests");
    }
    cmp_ok(costs('SELECT min(created_at), max(created_at) FROM cars')->{requests}, '<=', 2, "$when, min and max");
    cmp_ok(costs('SELECT EXISTS (SELECT FROM cars ORDER BY created_at)')->{requests}, '<=', 1, "$when, EXISTS");
    $dbh->begin_work;
    $dbh->do('DECLARE c CURSOR FOR SELECT _id FROM crm.cars ORDER BY _id');
    $sandbox->clear_log;
    is_deeply($dbh->selectall_arrayref('FETCH 60 FROM c'), $dbh->selectall_arrayref('SELECT _id FROM local.cars ORDER BY _id LIMIT 60'), "$when, a cursor: rows");
    cmp_ok(scalar(my @of_cursor = $sandbox->log), '<=', 3, "$when, a cursor reads what is fetched");
    $dbh->rollback;

    # A LIMIT that is long reads ranges, and no more than it says
    my $long = costs('SELECT _id FROM cars LIMIT 600', any => 1);
    cmp_ok($long->{requests}, '<=', 600 / 50 + 5, "$when, LIMIT 600: $long->{requests} requests");
    cmp_ok($long->{chain}, '<=', 9, "$when, LIMIT 600: a chain of $long->{chain}");
    is($long->{count}, 600, "$when, LIMIT 600: so many rows");
    my $short = costs('SELECT _id FROM cars LIMIT 70', any => 1);
    is($short->{requests}, 2, "$when, LIMIT 70 is two pages");
    cmp_ok(costs('SELECT _id FROM cars LIMIT 300 OFFSET 100', any => 1)->{requests}, '<=', 8, "$when, with an OFFSET");
}
my $most = costs('SELECT _id, make FROM cars ORDER BY make, _id LIMIT 5000', in_order => 1);
cmp_ok($most->{chain}, '<=', $pages / 2, "a LIMIT above what is known to be there is none: a chain of $most->{chain}");

# The service is asked for the order where PostgreSQL is told not to sort
$dbh->do('SET enable_sort = off');
my $sorted = costs('SELECT _id FROM cars ORDER BY created_at, _id', in_order => 1);
like($sorted->{plan}, qr/pages by key.*sort=created_at _id/s, 'enable_sort leaves it to the service');
$dbh->do('RESET enable_sort');

# Tables of several dealers: an order is no reason to read them one after the other
$dbh->do($_) for 'CREATE TABLE all_cars (dealer_id text COLLATE "C", _id text COLLATE "C", make text COLLATE "C") PARTITION BY LIST (dealer_id)',
    "CREATE FOREIGN TABLE one PARTITION OF all_cars FOR VALUES IN ('" . $sandbox->dealer_id . "') SERVER crm OPTIONS (resource 'cars')",
    "CREATE FOREIGN TABLE two PARTITION OF all_cars FOR VALUES IN ('none') SERVER crm OPTIONS (resource 'notes')";
$sandbox->clear_log;
my $rows = $dbh->selectall_arrayref('SELECT _id FROM all_cars WHERE make IS NOT NULL ORDER BY make, _id');
is_deeply($rows, $dbh->selectall_arrayref('SELECT _id FROM local.cars WHERE make IS NOT NULL ORDER BY make COLLATE "C", _id COLLATE "C"'), 'partitions in an order: rows');
cmp_ok($sandbox->chain($sandbox->log), '<=', $pages / 2 + 2, 'partitions in an order: at once');

# One page after the other is what somebody may want
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'pages')");
like(costs("SELECT _id FROM cars ORDER BY _id", in_order => 1)->{plan}, qr/^Foreign Scan.*pages by key/s, "fetch_mode 'pages' needs no sort here");

done_testing();

# The plan, the number of requests, and their longest chain; rows are compared with those of local copies.
sub costs
{
    my ($sql, %how) = @_;
    my $plan = join "\n", map { $_->[0] } @{ in_schema('crm', "EXPLAIN $sql") };
    $sandbox->clear_log;
    my $rows = [ map { join '|', map { $_ // 'NULL' } @$_ } @{ in_schema('crm', $sql) } ];
    my @log = $sandbox->log;
    my $wanted = [ map { join '|', map { $_ // 'NULL' } @$_ } @{ in_schema('local', $sql) } ];
    my @compared = map { $how{in_order} ? $_ : [ sort @$_ ] } $rows, $wanted;
    is_deeply(@compared, "$sql: rows") unless $how{any};
    return { plan => $plan, requests => scalar(@log), chain => $sandbox->chain(@log), count => scalar(@$rows) };
}

sub in_schema
{
    my ($schema, $sql) = @_;
    $dbh->do("SET search_path = $schema, public");
    return $dbh->selectall_arrayref($sql);
}
