# The manual's chapter on local copies: each recipe, as it is printed there, against a CRM that changes.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;
use WalcuTest::Manual;

my $manual = WalcuTest::Manual->new('local-copy.md');
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { saleleads => 220 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['saleleads'], import => { flatten => 3, import_search => 'true' },
    server => { on_type_mismatch => 'null', max_connections => 4, max_retries => 0, job_threshold => 1000000 });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $copies = WalcuTest::LocalCopy->new($sandbox, $dbh);
$copies->set_dates('saleleads');

# Whoever adds a recipe to the page adds a test of it.
subtest 'each recipe has a test' => sub {
    my $tests = join '', map { PostgreSQL::Test::Utils::slurp_file($_) } glob 't/56*.pl';
    ok(index($tests, "'$_'") > 0, $_) for $manual->names;
};

subtest 'a materialized view' => sub {
    run('view');
    my $is_right = sub {
        $dbh->selectrow_array(
            "SELECT count(*) FROM open_leads v FULL JOIN (SELECT *, status_status AS word FROM crm.saleleads
               WHERE status_status IN ('new', 'open', 'negotiation')) s ON v._id = s._id
              WHERE (v._id, v.client_id, v.created_at, v.status) IS DISTINCT FROM (s._id, s.client_id, s.created_at, s.word)") == 0;
    };
    ok($is_right->(), 'has what the query has');
    $dbh->do("UPDATE crm.saleleads SET status_status = 'open' WHERE _id IN (SELECT _id FROM crm.saleleads ORDER BY _id LIMIT 30)");
    $dbh->do('DELETE FROM crm.saleleads WHERE _id = (SELECT min(_id) FROM open_leads)');
    ok(!$is_right->(), 'ages');

    my $rows = $dbh->selectrow_array('SELECT count(*) FROM open_leads');
    $sandbox->fault({ match => { kind => 'list' }, skip => 1, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, $manual->recipe('view refresh'))->{sqlstate}, '08006', 'a refresh that fails is an error');
    $sandbox->clear_faults;
    is($dbh->selectrow_array('SELECT count(*) FROM open_leads'), $rows, 'and the view is as before');

    my @requests = $copies->requests(sub { run('view refresh') });
    ok($is_right->(), 'is right after a refresh');
    my $pages = 1 + int $dbh->selectrow_array('SELECT count(*) FROM open_leads') / 50;
    cmp_ok($pages, '>', 1, 'more than a page');
    cmp_ok(scalar @requests, '>=', $pages, 'which asks for all of it');
    cmp_ok(scalar @requests, '<=', $pages + 8, 'and for no more: ' . @requests);
    is($requests[0]{query}{project}, 'status.status client_id created_at _id', 'with the fields of the view');
};

subtest 'one table by hand' => sub {
    run($_) for 'table', 'fill';
    is_deeply([ leads_that_differ() ], [], 'the first time everything');
    my @requests = $copies->requests(sub { is(run('refresh'), 0, 'nothing has changed') });
    is(scalar @requests, 1, 'one request');
    is($requests[0]{query}{q}{updated_at}{'$gte'}, newest_lead('- interval \'1 hour\''), 'for what is newer, but for the overlap');

    my %done = $copies->change('crm.saleleads', update => 12, insert => 7);
    @requests = $copies->requests(sub { is(run('refresh'), 19, 'what has changed is written') });
    is(scalar @requests, 1, 'one request');
    is_deeply([ leads_that_differ() ], [], 'and the copy is right');

    # The bound itself belongs to what is asked for.
    my $late = $copies->{dbh}->selectrow_array('SELECT min(_id) FROM crm.saleleads');
    $copies->put('saleleads', { _id => $late, client_id => 'late', updated_at => newest_lead('- interval \'1 hour\'') });
    is(run('refresh'), 1, 'a document that comes as late as the overlap');
    is_deeply([ leads_that_differ() ], [], 'is not missed');

    $copies->change('crm.saleleads', update => 60, delete => 9, insert => 4);
    $sandbox->fault({ match => { kind => 'list' }, skip => 1, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, $manual->recipe($_))->{sqlstate}, '08006', "$_ that fails is an error") for 'refresh', 'deletes';
    $sandbox->clear_faults;
    is(scalar leads_that_differ(), 73, 'and does nothing by halves');
    is(run('refresh'), 64, 'the next refresh takes all');
    @requests = $copies->requests(sub { is(run('deletes'), 9, 'deletes') });
    is_deeply([ leads_that_differ() ], [], 'make the copy right');
    is($requests[0]{query}{project}, '_id', 'and ask for ids alone');
};

done_testing();

# How many rows it has written.
sub run
{
    my ($name) = @_;
    return 0 + $dbh->do($manual->recipe($name));
}

sub newest_lead
{
    my ($offset) = @_;
    return as_date("SELECT max(updated_at) $offset FROM leads_copy");
}

sub as_date
{
    my ($query) = @_;
    return scalar $dbh->selectrow_array("SELECT to_char(($query) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
}

sub leads_that_differ
{
    return @{ $dbh->selectcol_arrayref(
        "SELECT coalesce(c._id, s._id) FROM leads_copy c FULL JOIN crm.saleleads s ON c._id = s._id
          WHERE (c._id, c.client_id, c.status, c.created_at, c.updated_at)
                IS DISTINCT FROM (s._id, s.client_id, s.status_status, s.created_at, s.updated_at)") };
}
