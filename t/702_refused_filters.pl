# A service that refuses filters, with 400, 422 or 500, costs documents, and no answers: what it does not take is left to
# PostgreSQL, with a warning the first time.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 130, clients => 1500, saleleads => 60 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars clients saleleads)]);
my $plain = connect_db($node);
my ($one) = $plain->selectrow_array('SELECT _id FROM crm.cars ORDER BY _id LIMIT 1');
$plain->do('CREATE TABLE keys AS SELECT client_id FROM crm.saleleads');

my %statements = (
    scan => q(SELECT _id FROM crm.cars WHERE make = 'SEAT' ORDER BY _id),
    order => q(SELECT _id, license_plate FROM crm.cars WHERE mileage > 0 ORDER BY license_plate DESC, _id),
    limit => q(SELECT _id FROM crm.cars WHERE make <> 'SEAT' ORDER BY _id LIMIT 3),
    offset => q(SELECT _id FROM crm.cars WHERE make <> 'SEAT' ORDER BY _id OFFSET 7),
    count => q(SELECT count(*) FROM crm.cars WHERE make IN ('SEAT', 'Renault')),
    maximum => q(SELECT max(created_at) FROM crm.cars WHERE make <> 'SEAT'),
    join => q(SELECT count(*), count(c._id), md5(string_agg(c._id, ' ' ORDER BY c._id)) FROM keys k LEFT JOIN crm.clients c ON c._id = k.client_id),
    places => q(SELECT _id FROM crm.cars WHERE custom->>'zzz' IS NOT NULL AND make = 'SEAT' ORDER BY _id),
);
my %answers = map { $_ => $plain->selectall_arrayref($statements{$_}) } keys %statements;

for my $status (400, 422, 500)
{
    $sandbox->fault({ match => { kind => 'list', query => { q => '(make|mileage|\$in|custom)' } }, fault => { type => 'status', status => $status } });
    for my $mode ('auto', 'pages', 'parallel')
    {
        $plain->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
        for my $name (sort keys %statements)
        {
            my $dbh = connect_db($node);
            is(scalar(warnings_of($dbh, $statements{$name})), $name eq 'places' ? 2 : 1, "$name, $mode, $status: a warning for each step");
            is_deeply($dbh->selectall_arrayref($statements{$name}), $answers{$name}, 'and the answer is the same');
            is(scalar(warnings_of($dbh, $statements{$name})), 0, 'another time, there is none');
        }
        $plain->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
    }
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    $sandbox->clear_log;
    $dbh->selectall_arrayref($statements{scan});
    my @log = $sandbox->log;
    my @refused = grep { $_->{status} == $status } @log;
    is(scalar @refused, $status == 500 ? 2 : 1, "a filter is refused once; with 500, it is asked for once more ($status)");
    $dbh->do("ALTER SERVER crm OPTIONS (ADD use_remote_estimate 'true')");
    is_deeply($dbh->selectall_arrayref($statements{scan}), $answers{scan}, 'estimates ask without it, too');
    $dbh->do('ALTER SERVER crm OPTIONS (DROP use_remote_estimate)');
    is(eval { $dbh->do('ANALYZE crm.cars'); 1 }, 1, 'and ANALYZE has no filter');
    $sandbox->clear_faults;
}

# The words of the service, and what was refused
$sandbox->fault({ match => { kind => 'list', query => { q => 'make' } }, fault => { type => 'status', status => 400 } });
my $verbose = connect_db($node);
$verbose->{pg_errorlevel} = 2;
my ($warning) = warnings_of($verbose, $statements{scan});
like($warning, qr/01WF1: server "crm" refused a filter on "make" \(\$eq\) of resource "cars"/, 'the message has an SQLSTATE, and names the condition');
like($warning, qr/DETAIL:  It answered 400/, 'the detail has what the service said');
like($warning, qr/HINT:  .*pushdown/, 'and the hint what to do');
$sandbox->clear_faults;

# An _id that is none
for my $status (404, 400, 422, 500)
{
    $sandbox->put('/_sandbox/settings', { ids => 'objectid', id_status => $status });
    my $dbh = connect_db($node);
    is($dbh->selectrow_array(q(SELECT count(*) FROM crm.cars WHERE _id = 'nope')), 0, "no row, as the service answers $status");
    is($dbh->selectrow_array("SELECT count(*) FROM crm.cars WHERE _id = '$one'"), 1, 'and one that is there');
}
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'status', status => 500 } });
my $dbh = connect_db($node);
$dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '1')");
is(sql_error($dbh, q(SELECT _id FROM crm.cars WHERE _id = 'nada'))->{sqlstate}, '08006', 'a service that does not work is an error');
$sandbox->clear_faults;

# An order in two parts, with NULLs and without: what only the second could have in its URL is in neither, as the service would refuse it late
$sandbox->put('/_sandbox/settings', { ids => 'objectid', filter_status => 422 });
my @ids = map { $_->[0] } @{ $plain->selectall_arrayref('SELECT _id FROM crm.cars ORDER BY _id LIMIT 30') };
my $list = join ', ', map { "'$_'" } @ids, 'no id', "$ids[0] ";
for my $order ('ASC NULLS LAST', 'DESC NULLS FIRST')
{
    my $rows = "SELECT _id, purchase_date FROM crm.cars WHERE _id IN ($list) ORDER BY purchase_date $order, _id OFFSET 1";
    my $short = connect_db($node);
    $short->do("ALTER SERVER crm OPTIONS (ADD max_url_length '1000')");
    $short->do('SET enable_sort = off');
    my $found = $short->selectall_arrayref($rows);
    $short->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($found, $short->selectall_arrayref($rows), "a long list, and ORDER BY $order");
    is(scalar @$found, 29, 'all that are there');
    $short->do('ALTER SERVER crm OPTIONS (DROP max_url_length)');
}
# Below an Append scans wait beside each other.  A refusal that leaves nothing to ask for ends one, and nothing else happens then.
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'list', query => { q => 'updated_by' } }, fault => { type => 'latency', ms => 300 } });
for my $status (400, 422, 500)
{
    $sandbox->settings(ids => 'objectid', filter_status => $status);
    my $session = connect_db($node);
    $session->do($_) for 'SET client_min_messages = error', "SET statement_timeout = '60s'";
    my $sql = q(SELECT count(*) FROM (SELECT _id FROM crm.cars WHERE updated_by = 'no id' UNION ALL SELECT _id FROM crm.cars WHERE mileage IS NOT NULL OR mileage IS NULL) x);
    is(eval { $session->selectrow_array($sql) } // $session->errstr, 130, "scans beside each other, one of which is left with nothing to ask for, $status");
    $session->disconnect;
}

done_testing();

sub warnings_of { return grep { /^WARNING/ } sql_messages(@_) }
