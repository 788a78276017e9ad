# What a newcomer meets first: wrong places, failing requests, searches that search for nothing.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20);
my $node = start_node();
setup_crm($node, $sandbox, server => { max_retry_wait => '20ms', max_retries => 12, on_type_mismatch => 'null' },
    import => { import_search => 'true' }, limit_to => [qw(cars clients notes)]);
my $dbh = connect_db($node);
my @told;
local $SIG{__WARN__} = sub { push @told, $_[0] };

# walcu_fdw_check_apply says why nothing could be checked
my $endpoint = $sandbox->endpoint;
my %wrong = (
    'nobody there'    => [ "SET endpoint 'http://127.0.0.1:9'", ['reachable failed'] ],
    'no TLS'          => [ "SET endpoint '" . $endpoint =~ s/^http:/https:/r . "'", ['reachable failed'] ],
    'another path'    => [ "SET endpoint '$endpoint/wrong'", [ 'credentials unknown', 'dealer failed' ] ],
    'another dealer'  => [ "SET dealer_id '000000000000000000000000'", [ 'credentials unknown', 'dealer failed' ] ],
    'nobody\'s dealer' => [ "SET dealer_id 'nope'", [ 'credentials unknown', 'dealer failed' ] ],
);
for my $case (sort keys %wrong)
{
    my ($change, $rows) = @{ $wrong{$case} };
    $dbh->begin_work;
    $dbh->do("ALTER SERVER crm OPTIONS ($change)");
    my @outcome = @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_check_apply('crm')") };
    is_deeply([ map { "$_->[0] $_->[2]" } @outcome ], $rows, "$case: it says why nothing was checked");
    is_deeply([ grep { defined $_->[1] || $_->[3] eq '' } @outcome ], [], 'with a detail, and without a command');
    $dbh->rollback;
}

# A port that does not speak TLS is told of as such, though a proxy may have answered so for a while
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '0', SET endpoint '" . $endpoint =~ s/^http:/https:/r . "')");
my $error = sql_error($dbh, 'SELECT make FROM crm.cars');
is($error->{sqlstate}, '08001', 'https where http is spoken');
like($error->{hint}, qr{^Check the server option endpoint: what answers at "https://[^"]+" does not speak TLS\.  Another port may, or http:// is meant\.$}, 'is told as such');
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '12')");
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '$endpoint')");

# What takes long because requests fail says so, and why
my @statements = (
    'SELECT make FROM crm.cars' => 'list',
    'SELECT count(*) FROM crm.cars' => 'list',
    q{INSERT INTO crm.cars (make) VALUES ('x')} => 'create',
    q{SELECT walcu_fdw_request('crm', 'GET', '/cars')} => 'list',
    'IMPORT FOREIGN SCHEMA walcu LIMIT TO (tasks) FROM SERVER crm INTO public' => 'description',
);
while (my ($sql, $kind) = splice @statements, 0, 2)
{
    my ($status, $times) = $kind eq 'create' ? (429, 6) : (503, 6);
    # which is waited for so long in all
    $dbh->do(sprintf q{ALTER SERVER crm OPTIONS (SET max_retry_wait '%s')}, $status == 429 ? '20s' : '20ms');
    is_deeply([ notices_of($sql, $kind, $status, 4) ], [], "four failures: $sql");
    my @lines = notices_of($sql, $kind, $status, $times);
    is(scalar @lines, 1, 'six are told of once') or diag(@lines);
    like($lines[0] // '', qr/^NOTICE:  a request to server "crm" has failed 5 times, and is sent again\nDETAIL:  The service answered $status\.$/m, 'with the reason');
}
$sandbox->clear_faults;

# A condition on the column for searches that is no search
my %searches = (
    q{_search = 'make = SEAT'} => 0,
    q{_search = 'make = SEAT' AND year > 2018} => 0,
    q{_search IN ('make = SEAT')} => 0,
    '_search IS NULL' => 0,
    '_search IS NOT NULL' => 0,
    q{_search LIKE 'make = S%'} => 1,
    q{_search <> 'make = SEAT'} => 1,
    q{_search IN ('make = SEAT', 'make = BMW')} => 1,
    q{_search = 'make = SEAT' OR year > 2018} => 1,
    q{_search = 'make = SEAT' AND _search LIKE 'make%'} => 1,
    q{_search IN (SELECT v.t FROM (VALUES ('make = SEAT'), ('make = BMW')) v(t))} => 1,
);
for my $condition (sort keys %searches)
{
    @told = ();
    $dbh->selectall_arrayref("EXPLAIN SELECT make FROM crm.cars WHERE $condition");
    my @warnings = grep { /^WARNING:  a condition on column "_search" of foreign table "cars" searches for nothing/ } @told;
    is(scalar @warnings, $searches{$condition}, ($searches{$condition} ? 'a warning: ' : 'no warning: ') . $condition);
}
is($dbh->selectrow_array(q{SELECT count(*) = (SELECT count(*) FROM crm.cars WHERE make = 'SEAT') FROM crm.cars WHERE _search IN ('make = SEAT')}), 1, 'an IN of one text is a search');

# Scripts
like(`PG_CONFIG=/nonexistent/pg_config scripts/setup 2>&1`, qr{^setup: PG_CONFIG=/nonexistent/pg_config cannot be run, or is no pg_config$}, 'a wrong PG_CONFIG installs nothing');

done_testing();

sub notices_of
{
    my ($sql, $kind, $status, $times) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => $kind }, times => $times, fault => { type => 'status', status => $status, retry_after => 0 } });
    @told = ();
    $dbh->begin_work;
    is(sql_error($dbh, $sql), undef, "it ends well: $sql");
    $dbh->rollback;
    return grep { /a request to server/ } @told;
}
