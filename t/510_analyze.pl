# ANALYZE: the number of documents, exactly and in few requests, a fair sample, and plans that change with it.

use strict;
use warnings;


use lib 't/lib';
use WalcuTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $sandbox = WalcuTest::Sandbox->start(scale => 400, count => { cars => 5000 });
my $node = start_node();
my ($results_host) = $sandbox->results_endpoint =~ m{//(.*)};
setup_crm($node, $sandbox, server => { results_hosts => $results_host }, limit_to => [qw(cars tasks notes)]);
my $dbh = connect_db($node);
my $json = JSON::PP->new->canonical;

# As many documents as there are, however many that is
for my $count (0, 1, 49, 50, 51, 449, 450, 451, 5000)
{
    $sandbox->reset(counts => { cars => $count });
    forget('cars');
    my @requests = analyze('cars');
    is(tuples('cars'), $count, "reltuples of $count documents");
    cmp_ok(scalar(@requests), '<=', $count > 1000 ? 46 : $count / 50 + 14, 'in few requests, with the sample');
}
is(pages('cars'), 100, 'relpages are those of the service');

# What was counted once is soon counted again, also when documents have come and gone
my ($counting, $sample) = split_requests(analyze('cars'));
note("5000 documents, known before: $counting requests to count, $sample for the sample");
is($counting, 2, 'the same number again takes two requests');
my @ids = @{ $dbh->selectcol_arrayref('SELECT _id FROM crm.cars') };
$sandbox->delete("/_sandbox/documents/cars/$_") for @ids[100 .. 159];
($counting) = split_requests(analyze('cars'));
is(tuples('cars'), 4940, 'reltuples after deletes');
cmp_ok($counting, '<=', 7, "$counting requests to count them");
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => 'SEAT' } } 1 .. 300 ]);
($counting) = split_requests(analyze('cars'));
is(tuples('cars'), 5240, 'and after inserts');
cmp_ok($counting, '<=', 8, "$counting requests to count them");

# The service's pages may be smaller, and not say whether more follow
$sandbox->settings(page_cap => 7);
analyze('cars');
is(tuples('cars'), 5240, 'with pages of 7');
forget('cars');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'has_more', value => 'missing' } });
analyze('cars');
is(tuples('cars'), 5240, 'without MAPP-has-more');
$sandbox->settings(page_cap => 50);
for my $count (0, 1, 49, 50, 51, 450)
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => sprintf('%024x', $_) } } 1 .. $count ]) if $count;
    forget('notes');
    analyze('notes');
    is(tuples('notes'), $count, "$count without MAPP-has-more");
}
$sandbox->clear_faults;

# A service that ignores the offset is found out
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', skip => JSON::PP::true } });
my $error = sql_error($dbh, 'ANALYZE crm.cars');
is($error->{sqlstate}, '08P01', 'an offset that is ignored is an error');
like($error->{message}, qr/begins with the same document as without "skip"/, 'which says so');
$sandbox->clear_faults;

# Statistics are those of the documents
$sandbox->reset(counts => { cars => 5000 });
analyze('cars');
my %columns = map { $_->{attname} => $_ }
  @{ $dbh->selectall_arrayref(q{SELECT * FROM pg_stats WHERE schemaname = 'crm' AND tablename = 'cars'}, { Slice => {} }) };
is($columns{_id}{n_distinct}, -1, 'ids are distinct');
$dbh->do("ALTER SERVER crm OPTIONS (ADD on_type_mismatch 'null')");
my %seen = map { $_->[0] // '' => $_->[1] } @{ $dbh->selectall_arrayref('SELECT make, count(*) FROM (SELECT make FROM crm.cars OFFSET 0) c GROUP BY 1') };
my $missing = delete $seen{''} // 0;
my ($top) = sort { $seen{$b} <=> $seen{$a} } keys %seen;
cmp_ok(abs($columns{make}{null_frac} - $missing / 5000), '<', 0.03, 'null_frac of make');
my %frequency = map { @$_ } @{ $dbh->selectall_arrayref(q{
    SELECT value, frequency FROM pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) AS c (value, frequency)
     WHERE schemaname = 'crm' AND tablename = 'cars' AND attname = 'make'}) };
cmp_ok(abs(($frequency{$top} // 0) - $seen{$top} / 5000), '<', 0.05, "frequency of $top");
my ($low, $high) = $dbh->selectrow_array(q{
    SELECT (histogram_bounds::text::timestamptz[])[1], (histogram_bounds::text::timestamptz[])[101]
      FROM pg_stats WHERE schemaname = 'crm' AND tablename = 'cars' AND attname = 'created_at'});
my ($oldest, $newest) = $dbh->selectrow_array('SELECT min(created_at), max(created_at) FROM crm.cars');
my ($extent) = $dbh->selectrow_array('SELECT extract(epoch FROM ?::timestamptz - ?) / extract(epoch FROM ?::timestamptz - ?)',
    undef, $high, $low, $newest, $oldest);
cmp_ok($extent, '>', 0.85, 'the sample extends over the time in which documents were made');

# How the sample is made
is(sample_of('auto'), 1500, 'auto: 30 pages');
$dbh->do('SET default_statistics_target = 10');
is(sample_of('random'), 3000, 'random: as many as the statistics target asks for');
is(sample_of('auto'), 1500, 'auto: not more than 30 pages');
is(sample_of('off'), 5000, 'off: all documents');
$dbh->do('RESET default_statistics_target');
$dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS (SET analyze_sampling 'auto')");
my ($verbose) = grep { /"cars"/ } sql_messages($dbh, 'ANALYZE VERBOSE crm.cars');
like($verbose, qr/resource "cars" has 5000 documents; 1500 of them were read in 30 requests, 1500 rows are in the sample/,
    'VERBOSE tells');
$error = sql_error($dbh, "ALTER FOREIGN TABLE crm.cars OPTIONS (SET analyze_sampling 'system')");
is($error->{sqlstate}, '22023', 'other ways of postgres_fdw are not offered');

# What goes wrong
$sandbox->fault({ match => { kind => 'list', query => { skip => '\d{3}' } }, times => 3, fault => { type => 'status', status => 503 } });
analyze('cars');
is(tuples('cars'), 5000, 'what fails is tried again');
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'list', query => { skip => '\d{3}' } }, fault => { type => 'status', status => 403, error => 'no' } });
is(sql_error($dbh, 'ANALYZE crm.cars')->{sqlstate}, '42501', 'what the service refuses is an error');
$sandbox->clear_faults;
is(tuples('cars'), 5000, 'and leaves the statistics alone');
$sandbox->fault({ match => { kind => 'list', query => { skip => '\d{3}' } }, fault => { type => 'hang' } });
$dbh->do(q{SET statement_timeout = '500ms'});
is(sql_error($dbh, 'ANALYZE crm.cars')->{sqlstate}, '57014', 'ANALYZE can be cancelled while the service is silent');
$dbh->do('RESET statement_timeout');
$sandbox->clear_faults;
$dbh->do('CREATE ROLE stranger; GRANT USAGE ON SCHEMA crm TO stranger; ALTER FOREIGN TABLE crm.notes OWNER TO stranger');
is(sql_error($dbh, 'ANALYZE crm.notes')->{sqlstate}, '42704', "the owner's credentials are used");

# Plans follow
forget('cars');
my $new = connect_db($node);    # one that has not seen yet how many there are
SKIP:
{
    skip 'backends tell each other of sizes', 2 if $dbh->{pg_server_version} >= 170000;
    like(plan_of('SELECT * FROM crm.cars', $new), qr/rows=1000 .*Estimated Requests: 22\n.*Assumed Documents: 1000, as they were never counted/s,
        'a table that was never analyzed has a size that is assumed, and ranges end within pages');
    unlike(plan_of('SELECT * FROM crm.cars', $new), qr/background job/, 'pages for 1,000 documents');
}
unlike(plan_of(q{SELECT * FROM crm.cars WHERE _id = 'x'}), qr/Assumed/, 'where that matters');
analyze('cars');
unlike(plan_of('SELECT * FROM crm.cars'), qr/Assumed/, '5,000 that were counted');
{
    # one that has not seen yet how fast the sandbox is
    my $dbh = connect_db($node);
    like(plan_of('SELECT * FROM crm.cars', $dbh), qr/rows=5000 .*Strategy: background job/s, 'a job for 5,000');
}
my ($rows) = plan_of("SELECT * FROM crm.cars WHERE make = '$top'") =~ /rows=(\d+)/;
cmp_ok(abs($rows - $seen{$top}), '<', 250, "$rows rows expected of $seen{$top}");
$sandbox->reset(counts => { cars => 30 });
$dbh->do('CREATE TABLE wanted AS SELECT _id FROM crm.cars LIMIT 10; ANALYZE wanted');
analyze('cars');
like(plan_of('SELECT * FROM wanted JOIN crm.cars USING (_id)'), qr/Join.*Estimated Requests: 1$/ms, 'thirty documents are read at once');
$sandbox->reset(counts => { cars => 5000 });
analyze('cars');
like(plan_of('SELECT * FROM wanted JOIN crm.cars USING (_id)'), qr/Batched Key Join/, 'of 5,000 those that are wanted');

done_testing();

# As if the table had never been analyzed.
sub forget
{
    my ($table) = @_;
    $dbh->do("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = 'crm.$table'::regclass");
    $dbh->do("DELETE FROM pg_statistic WHERE starelid = 'crm.$table'::regclass");
    return;
}

# The requests that ANALYZE sends.
sub analyze
{
    my ($table) = @_;
    $sandbox->clear_log;
    $dbh->do("ANALYZE crm.$table");
    my @requests = $sandbox->log;
    is(scalar(grep { $_->{kind} ne 'list' } @requests), 0, 'ANALYZE reads pages');
    note("$table has @{[ tuples($table) ]}: " . @requests . ' requests, those to count: '
          . join ' ', map { $_->{query}{skip} // 0 } grep { $_->{query}{project} eq '_id' } @requests);
    return @requests;
}

# Of ANALYZE's requests, how many count, and how many are for the sample.
sub split_requests
{
    my (@requests) = @_;
    my $counting = grep { $_->{query}{project} eq '_id' } @requests;
    return ($counting, @requests - $counting);
}

sub tuples
{
    my ($table) = @_;
    return scalar $dbh->selectrow_array("SELECT reltuples FROM pg_class WHERE oid = 'crm.$table'::regclass");
}

sub pages
{
    my ($table) = @_;
    return scalar $dbh->selectrow_array("SELECT relpages FROM pg_class WHERE oid = 'crm.$table'::regclass");
}

# The documents in the replies of ANALYZE, without those that count.
sub sample_of
{
    my ($sampling) = @_;
    my $verb = $dbh->selectrow_array(q{SELECT 'SET' FROM pg_foreign_table WHERE ftrelid = 'crm.cars'::regclass
        AND ftoptions::text LIKE '%analyze_sampling%'}) // 'ADD';
    $dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS ($verb analyze_sampling '$sampling')");
    my $documents = 0;
    $sandbox->clear_log;
    $dbh->do('ANALYZE crm.cars');
    $documents += $_->{documents} for grep { $_->{kind} eq 'results' || ($_->{query}{project} // '_id') ne '_id' && $_->{kind} eq 'list' } $sandbox->log;
    return $documents;
}

sub plan_of
{
    my ($sql, $session) = @_;
    return join "\n", @{ ($session // $dbh)->selectcol_arrayref("EXPLAIN $sql") };
}
