# ANALYZE of many small tables, as the partitions of one parent: a table that fits one page costs one request, though PostgreSQL
# looks at it for its parent and for itself, all of them are read at the same time, and the statistics are those of its documents.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant PARTS => 5;

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { cars => 0, tasks => 0 });
my $node = start_node('main', log_min_messages => 'warning', jit => 'off', autovacuum => 'off');
my $dbh = connect_db($node);
make_tables();

# So many documents: requests of the first ANALYZE, and of another one, for each partition
for my $case ([ 0, 1, 1 ], [ 3, 1, 1 ], [ 49, 1, 1 ], [ 50, 1, 1 ], [ 60, 2, 2 ], [ 499, 10, 10 ], [ 199, 4, 4 ], [ 200, 4, 4 ])
{
    my ($documents, $first, $again) = @$case;
    fill($documents);
    forget();
    for my $row ([ 'at first', $first ], [ 'again', $again ])
    {
        my ($when, $requests) = @$row;
        is(requests_of('ANALYZE cars'), $requests * PARTS, "$documents documents, $when: $requests requests a partition");
        is_deeply([ map { tuples("cars_$_") } 1 .. PARTS ], [ ($documents) x PARTS ], 'their number is known');
        next unless $documents;
        my ($nulls, $distinct) = $dbh->selectrow_array(q{SELECT null_frac, n_distinct FROM pg_stats WHERE tablename = 'cars_1' AND attname = 'model'});
        cmp_ok(abs($nulls - int($documents / 3) / $documents), '<', 0.001, 'how many have no value');
        is($distinct < 0 ? sprintf('%.0f', -$distinct * $documents) + 0 : $distinct, $documents > 1 ? 2 : 1, 'and which there are');
        is($dbh->selectrow_array(q{SELECT count(*) FROM pg_stats WHERE tablename = 'cars' AND attname = 'model' AND inherited}), 1, 'of the parent, too');
    }
}

# What was small has grown, and what was large has shrunk
for my $documents (700, 5, 60, 1)
{
    fill($documents);
    $dbh->do('ANALYZE cars_1');
    is(tuples('cars_1'), $documents, "now there are $documents documents");
}

# A sample that is smaller than the page
fill(40);
$dbh->do('ALTER FOREIGN TABLE cars_1 ALTER COLUMN _id SET STATISTICS 0, ALTER COLUMN make SET STATISTICS 0, ALTER COLUMN model SET STATISTICS 0');
is(sql_error($dbh, 'ANALYZE cars_1'), undef, 'a sample of few rows');
is(tuples('cars_1'), 40, 'tells how many there are');
$dbh->do('ALTER FOREIGN TABLE cars_1 ALTER COLUMN _id SET STATISTICS -1, ALTER COLUMN make SET STATISTICS -1, ALTER COLUMN model SET STATISTICS -1');
like(join(' ', sql_messages($dbh, 'ANALYZE VERBOSE cars_1')), qr/resource "cars" has 40 documents; 40 of them were read in 1 requests, 40 rows are in the sample/, 'VERBOSE tells');
is(requests_of('ANALYZE cars_1, cars_2'), 2, 'tables by their names');
$dbh->begin_work;
is(requests_of('ANALYZE cars_1'), 1, 'within a transaction') for 1, 2;
$dbh->commit;
fill(30);
is(requests_of('ANALYZE cars_1'), 1, 'the service is asked each time');
is(tuples('cars_1'), 30, 'and what it says counts');

# Services of other kinds: the statistics are the same
for my $kind (
    [ 'without MAPP-has-more', {}, { type => 'has_more', value => 'missing' } ],
    [ 'with pages of 7', { page_cap => 7 } ],
    [ 'that misreads fields', { project_format => 'comma', other_formats => 'misread' } ],
    [ 'that ignores fields', { project => 'ignored' } ],
    [ 'that does not sort', { sort => 'ignored' } ],
  )
{
    my ($name, $settings, $fault) = @$kind;
    for my $documents (12, 60)
    {
        fill($documents);
        $sandbox->settings(project => 'honoured', project_format => 'mongoose', other_formats => 'refused', page_cap => 50, sort => 'honoured', %$settings);
        $sandbox->fault({ match => { kind => 'list' }, fault => $fault }) if $fault;
        my $session = connect_db($node);
        local $SIG{__WARN__} = sub { };
        $session->do("ANALYZE cars_$_") for 1, 1;
        is(tuples('cars_1'), $documents, "a service $name: $documents documents");
        my ($nulls) = $dbh->selectrow_array(q{SELECT null_frac FROM pg_stats WHERE tablename = 'cars_1' AND attname = 'model'});
        cmp_ok(abs($nulls - 1 / 3), '<', 0.001, 'how many have no value');
        $sandbox->clear_faults;
    }
}

# All are read at once; and what was read is used once more, where PostgreSQL looks at it again within the same command
$sandbox->settings(project => 'honoured', project_format => 'mongoose', other_formats => 'refused', page_cap => 50, sort => 'honoured');
fill(12);
forget();
my ($at_once) = under_way($dbh, $sandbox, 'ANALYZE cars', PARTS, kind => 'list');
is($at_once, PARTS, 'all partitions are asked at once');
is($sandbox->request_count, PARTS, 'once each');
forget();
is(requests_of('DO $$ BEGIN ANALYZE cars; ANALYZE cars; END $$'), 3 * PARTS, 'a later ANALYZE of a function asks again');
forget();
is(requests_of('ANALYZE cars_3'), 1, 'a partition by itself asks for itself alone');
fill(120);
forget();
# of a service that may not sort, the second request is for the last page
my %second_page = (kind => 'list', query => { sort => '^-' });
$sandbox->fault({ match => \%second_page, fault => { type => 'hold' } });
$sandbox->clear_log;
$dbh->do('ANALYZE cars', { pg_async => 1 });
eval { wait_until(sub { $sandbox->request_count >= 2 * PARTS }) };
is($sandbox->request_count, 2 * PARTS, 'second pages of all partitions are under way together, before any has come');
$sandbox->clear_faults;
$dbh->pg_result;
is($sandbox->request_count, 3 * PARTS, 'each page is asked for once');
is(tuples('cars_5'), 120, 'and all documents are known');
fill(12);
forget();
$dbh->begin_work;
$dbh->do('ANALYZE cars');
is(requests_of('ANALYZE cars_3'), 1, 'behind its parent, too');
$dbh->commit;
$dbh->do($_)
  for 'CREATE TABLE years (_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C") PARTITION BY LIST (make)',
  q{CREATE TABLE some_years PARTITION OF years FOR VALUES IN ('p1', 'p2') PARTITION BY LIST (make)}, q{CREATE TABLE years_3 PARTITION OF years FOR VALUES IN ('p3')},
  map { "CREATE FOREIGN TABLE years_$_ PARTITION OF " . ($_ < 3 ? 'some_years' : 'years') . " FOR VALUES IN ('p$_') SERVER s$_ OPTIONS (resource 'cars')" } 1, 2, 4, 5;
is(requests_of('ANALYZE years'), 4, 'partitions of partitions, one of them local');
is_deeply([ map { tuples("years_$_") } 1, 2, 3, 4, 5 ], [ 12, 12, 0, 12, 12 ], 'are all known');
is(requests_of('ANALYZE years'), 4, 'and when they have statistics');
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => 'p1', model => 'x' x 60_000 } } 1 .. 20 ]);
$dbh->do("SET maintenance_work_mem = '1MB'");
is(requests_of('ANALYZE cars'), 2 * PARTS, 'what maintenance_work_mem has no room for is read again');
$dbh->do("SET maintenance_work_mem = '3MB'");
cmp_ok(requests_of('ANALYZE cars'), '<', 2 * PARTS, 'and less of it where there is more room');
$dbh->do('RESET maintenance_work_mem');

# What goes wrong
$sandbox->settings(project => 'honoured', project_format => 'mongoose', other_formats => 'refused', page_cap => 50, sort => 'honoured');
fill(12);
$sandbox->fault({ match => { kind => 'list' }, skip => PARTS - 2, times => 1, fault => { type => 'status', status => 403, error => 'no' } });
is(sql_error($dbh, 'ANALYZE cars')->{sqlstate}, '42501', 'what the service refuses is an error');
$sandbox->clear_faults;
is(sql_error($dbh, 'ANALYZE cars'), undef, 'and leaves nothing in the way');
is(tuples('cars_5'), 12, 'of the next one');
fill(120);
forget();
$sandbox->fault({ match => { kind => 'list', query => { q => '.' } }, skip => 2, times => 1, fault => { type => 'status', status => 403, error => 'no' } });
is(sql_error($dbh, 'ANALYZE cars')->{sqlstate}, '42501', 'so is a third page that is refused');
$sandbox->clear_faults;
for my $case ([ 'first', PARTS, kind => 'list' ], [ 'second', 2 * PARTS, %second_page ])
{
    my ($page, $requests, %match) = @$case;
    forget();
    $sandbox->fault({ match => \%match, fault => { type => 'hold' } });
    $sandbox->clear_log;
    is((cancelled_when($dbh, $node, 'ANALYZE cars', sub { $sandbox->request_count >= $requests }))[0], '57014', "a cancel ends it on the $page pages");
    $sandbox->clear_faults;
}
is(requests_of('ANALYZE cars'), 3 * PARTS, 'and nothing of it is in the way of the next one');
is(tuples('cars_5'), 120, 'which knows all documents');

done_testing();

sub make_tables
{
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null' });
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    $dbh->do($_)
      for 'CREATE EXTENSION walcu_fdw',
      'CREATE TABLE cars (_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C") PARTITION BY LIST (make)',
      map {
        ("CREATE SERVER s$_ FOREIGN DATA WRAPPER walcu_fdw $server", "CREATE USER MAPPING FOR CURRENT_USER SERVER s$_ $mapping",
            "CREATE FOREIGN TABLE cars_$_ PARTITION OF cars FOR VALUES IN ('p$_') SERVER s$_ OPTIONS (resource 'cars')")
      } 1 .. PARTS;
    return;
}

# Of three documents one has no model
sub fill
{
    my ($documents) = @_;
    $sandbox->delete('/_sandbox/documents/cars');
    $sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => 'p1', $_ % 3 ? (model => 'm' . $_ % 3) : () } } 1 .. $documents ]) if $documents;
    return;
}

# As if no table had ever been analyzed, in a new session
sub forget
{
    $dbh->do("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname LIKE 'cars%'");
    $dbh->do('DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname LIKE \'cars%\')');
    $dbh->disconnect;
    $dbh = connect_db($node);
    return;
}

sub requests_of
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->do($sql);
    return $sandbox->request_count;
}

sub tuples
{
    my ($table) = @_;
    return 0 + $dbh->selectrow_array('SELECT reltuples FROM pg_class WHERE oid = ?::regclass', undef, $table);
}
