# The manual's chapter on local copies: each recipe, as it is printed there, against a CRM that changes.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;
use WalcuTest::Manual;

use constant NOTES => 1500;
use constant PAGES => NOTES / 50;

my $manual = WalcuTest::Manual->new('local-copy.md');
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120, notes => NOTES, saleleads => 220 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => [qw(cars notes saleleads)],
    server => { on_type_mismatch => 'null', max_connections => 4, max_retries => 0, job_threshold => 1000000 });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $copies = WalcuTest::LocalCopy->new($sandbox, $dbh);
$copies->set_dates($_) for qw(cars notes saleleads);

# Whoever adds a recipe to the page adds a test of it.
subtest 'each recipe has a test' => sub {
    my $tests = join '', map { PostgreSQL::Test::Utils::slurp_file($_) } glob 't/56*_local_copy*.pl';
    ok(index($tests, "'$_'") > 0, $_) for $manual->names;
};

subtest 'a materialized view' => sub {
    run('view');
    my $is_right = sub {
        $dbh->selectrow_array(
            "SELECT count(*) FROM open_leads v FULL JOIN (SELECT *, status->>'status' AS word FROM crm.saleleads
               WHERE status->>'status' IN ('new', 'open', 'negotiation')) s ON v._id = s._id
              WHERE (v._id, v.client_id, v.created_at, v.status) IS DISTINCT FROM (s._id, s.client_id, s.created_at, s.word)") == 0;
    };
    ok($is_right->(), 'has what the query has');
    $dbh->do("UPDATE crm.saleleads SET status = '{\"status\": \"open\"}' WHERE _id IN (SELECT _id FROM crm.saleleads ORDER BY _id LIMIT 30)");
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
    is($requests[0]{query}{project}, 'status client_id created_at _id', 'with the fields of the view');
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

run('functions');
run('reconcile');

subtest 'several tables' => sub {
    run('copies');
    my @requests = $copies->requests(sub { is_deeply(refreshed(), { cars => 120, notes => NOTES }, 'the first time everything') });
    is_same($_) for qw(cars notes);
    unlike($requests[0]{query}{project}, qr/computed/, 'a column that the copy does not have is not asked for');

    @requests = $copies->requests(sub { is_deeply(refreshed(), { cars => 0, notes => 0 }, 'nothing has changed') });
    is(scalar @requests, 2, 'a request for each table');
    is_deeply([ map { $_->{query}{q}{updated_at}{'$gte'} // '' } sort { $a->{resource} cmp $b->{resource} } @requests ],
        [ since('cars'), since('notes') ], 'for what is newer, but for the overlap');

    $dbh->do('ALTER TABLE crm_copy.cars ADD COLUMN name text GENERATED ALWAYS AS (make || model) STORED, ADD COLUMN seen date DEFAULT current_date');
    for my $round (1 .. 5)
    {
        $copies->change("crm.$_", update => int rand 30, insert => int rand 20) for qw(cars notes);
        refreshed();
        is_same($_) for qw(cars notes);
    }
    is($dbh->selectrow_array("SELECT max(source) FROM (SELECT source::text FROM crm_copy.tables WHERE watermark > now()) t"), undef,
        'no watermark is in the future');
};

subtest 'what changes while a refresh reads' => sub {
    $dbh->do("UPDATE crm_copy.tables SET overlap = '0', watermark = NULL");
    my ($first, $last) = ($sandbox->dump('notes'))[ 0, -1 ];
    my @changed = ({ %$first, content => 'early page', updated_at => WalcuTest::LocalCopy::date(time + 60) },
        { %$last, content => 'late page', updated_at => WalcuTest::LocalCopy::date(time + 86400) });
    $sandbox->fault({ match => { kind => 'list', resource => 'notes' }, skip => 1, times => 1,
        fault => { type => 'mutate', insert => { notes => \@changed } } });
    is(refreshed()->{notes}, 1, 'the page that had passed is missed');
    is(content($last->{_id}), 'late page', 'and one that had not is newer');
    isnt(content($first->{_id}), 'early page', 'the other has its old state');
    is(refreshed()->{notes}, 1, 'the next refresh finds it');
    is_same('notes');

    # A document of the same millisecond as the watermark
    my $newest = WalcuTest::LocalCopy::date(time - 3600);
    $copies->put('notes', map { { %$_, updated_at => $newest } } $first, $last);
    $dbh->do("UPDATE crm_copy.tables SET watermark = NULL");
    refreshed();
    $dbh->do("UPDATE crm_copy.tables SET watermark = ?::timestamptz WHERE copy = 'crm_copy.notes'::regclass", undef, $newest);
    my ($other) = grep { ($_->{updated_at} // '') lt $newest } $sandbox->dump('notes');
    $copies->put('notes', { %$other, content => 'tie', updated_at => $newest });
    cmp_ok(refreshed()->{notes}, '>=', 1, 'a tie is found without any overlap');
    is_same('notes');
    $dbh->do("UPDATE crm_copy.tables SET overlap = DEFAULT");
};

subtest 'a refresh that fails' => sub {
    $copies->change('crm.notes', update => 80);
    my $before = state('notes');
    $sandbox->fault({ match => { kind => 'list', resource => 'notes' }, skip => 1, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, "SELECT crm_copy.refresh('crm_copy.notes')")->{sqlstate}, '08006', 'is an error');
    $sandbox->clear_faults;
    is_deeply(state('notes'), $before, 'and leaves the watermark where it was');
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 80, 'and the copy');
    is(refreshed()->{notes}, 80, 'the next one takes all');
    is_same('notes');
};

subtest 'a write, and a refresh behind it' => sub {
    $dbh->begin_work;
    my %done = $copies->change('crm.notes', update => 3, insert => 3);
    is(refreshed()->{notes}, 6, 'brings what was written');
    $dbh->commit;
    is_same('notes');
};

subtest 'one at a time' => sub {
    my $other = connect_db($node);
    $other->begin_work;
    $other->do("SELECT crm_copy.refresh('crm_copy.notes')");
    $dbh->do("SET lock_timeout = '10ms'");
    my @requests = $copies->requests(sub {
        is(sql_error($dbh, "SELECT crm_copy.$_('crm_copy.notes')")->{sqlstate}, '55P03', "$_ waits") for qw(refresh reconcile);
    });
    is(scalar @requests, 0, 'before it asks for anything');
    is(sql_error($dbh, "SELECT crm_copy.refresh('crm_copy.cars')"), undef, 'that of another table does not');
    $dbh->do('RESET lock_timeout');
    $other->rollback;
};

subtest 'deletes' => sub {
    $copies->change('crm.notes', update => 10, insert => 10, delete => 15);
    refreshed();
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 15, 'a refresh does not see deletes');
    my @requests = $copies->requests(sub { is($dbh->selectrow_array($manual->recipe('count')), 15, 'counting does') });
    cmp_ok(scalar @requests, '<=', 13, 'in a dozen requests: ' . @requests);

    @requests = $copies->requests(sub { is_deeply(reconciled('notes'), { deleted => 15, taken => 0 }, 'so does the comparison') });
    is_same('notes');
    my $undated = grep { !defined $_->{updated_at} } $sandbox->dump('notes');
    cmp_ok($undated, '>', 20, 'documents without a date are there');
    cmp_ok(scalar @requests, '<=', PAGES + 16 + 2 * (1 + int $undated / 50), 'which asks for a page of each 50: ' . @requests);
    is($requests[0]{query}{project}, 'updated_at _id', 'of ids and dates');

    # What a refresh cannot see: no date, an old date, no new date
    my @documents = $sandbox->dump('notes');
    my ($no_date) = grep { !defined $_->{updated_at} } @documents;
    my ($old, $same) = grep { defined $_->{updated_at} && $_->{updated_at} lt WalcuTest::LocalCopy::date(time - 86400) } @documents;
    $copies->put('notes', { %$no_date, content => 'no date' }, { %$old, content => 'old', updated_at => '2020-01-01T00:00:00.000Z' },
        { %$old, _id => 'f' x 24, updated_at => '2020-01-01T00:00:00.000Z' });
    is(refreshed()->{notes}, 0, 'a refresh does not see documents without a date, or with an older one');
    is_deeply(reconciled('notes'), { deleted => 0, taken => 3 }, 'the comparison does');
    is_same('notes');
    $copies->put('notes', { %$same, content => 'same date' });
    is(refreshed()->{notes} + reconciled('notes')->{taken}, 0, 'neither sees a change that left the date');
    $dbh->do('UPDATE crm_copy.tables SET watermark = NULL');
    is(refreshed()->{notes}, 1, 'reading everything does, and tells how many there were');
    is_same('notes');
};

subtest 'a comparison that fails deletes nothing' => sub {
    my $rows = rows('notes');
    $sandbox->fault({ match => { kind => 'list' }, skip => 5, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, $manual->recipe('reconcile all'))->{sqlstate}, '08006', 'an error of the service');
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'reply', body => '[]', headers => { 'MAPP-has-more' => 'false' } } });
    my $error = sql_error($dbh, "SELECT crm_copy.reconcile('crm_copy.notes')");
    is($error->{message}, "the CRM does not have $rows of the $rows documents in crm_copy.notes", 'a service that has nothing all at once');
    $sandbox->clear_faults;
    is(rows('notes'), $rows, 'the copy is as before');

    my @ids = map { $_->{_id} } $sandbox->dump('cars');
    $sandbox->delete("/_sandbox/documents/cars/$_") for @ids[ 0 .. 20 ];
    like(sql_error($dbh, "SELECT crm_copy.reconcile('crm_copy.cars')")->{message}, qr/^the CRM does not have 21 of/, 'more than twenty that are more than a tenth');
    is($dbh->selectrow_array("SELECT deleted FROM crm_copy.reconcile('crm_copy.cars', 0.5)"), 21, 'are deleted if that is said');
    $sandbox->delete("/_sandbox/documents/cars/$_") for @ids[ 21 .. 40 ];
    is(reconciled('cars')->{deleted}, 20, 'twenty are deleted');
    is_same('cars');
};

subtest 'up to the last row' => sub {
    refreshed();
    reconciled($_) for qw(cars notes);
    run('now');
    $dbh->do('ANALYZE crm_copy.notes');
    $copies->change('crm.notes', update => 10, insert => 10);
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 20, 'the copy is behind');
    is_deeply([ $copies->differences('crm_copy.notes_now', 'crm.notes') ], [], 'the view is not');
    my $id = $dbh->selectrow_array('SELECT max(_id) FROM crm_copy.notes');
    my $query = "SELECT content FROM crm_copy.notes_now WHERE _id = '$id'";
    my $newer = grep { ($_->{updated_at} // '') ge since('notes') } $sandbox->dump('notes');
    my @requests = $copies->requests(sub { is(scalar @{ $dbh->selectcol_arrayref($query) }, 1, 'one row of it') });
    cmp_ok(scalar @requests, '<=', 1 + int $newer / 50, "is a request for each 50 of $newer documents");
    like(join("\n", @{ $dbh->selectcol_arrayref("EXPLAIN $query") }), qr/Index Scan using notes_pkey/, 'and uses the index of the copy');
};

subtest 'who may read it' => sub {
    $dbh->do('CREATE ROLE analyst LOGIN');
    run('readers');
    my $analyst = connect_db($node, user => 'analyst');
    $analyst->do('SET client_min_messages = error');
    is($analyst->selectrow_array('SELECT count(*) FROM crm_copy.cars'), rows('cars'), 'a reader without a user mapping reads the copy');
    is($analyst->selectrow_array('SELECT count(*) FROM crm_copy.notes_now'), scalar(my @all = $sandbox->dump('notes')), 'and the view of what is newer');
    is(sql_error($analyst, 'SELECT * FROM crm.cars')->{sqlstate}, '42501', 'but not the CRM');
    is(sql_error($analyst, "SELECT crm_copy.refresh('crm_copy.cars')")->{sqlstate}, '42501', 'and refreshes nothing');
};

subtest 'indexes' => sub {
    run('indexes');
    $dbh->do('SET enable_seqscan = off');
    for my $condition ("make = 'SEAT' AND model = 'Ibiza'", "make LIKE 'SE%'", "status->>'status' = 'sold'", "custom \@> '{\"tier\": 5}'")
    {
        like(join("\n", @{ $dbh->selectcol_arrayref("EXPLAIN SELECT * FROM crm_copy.cars WHERE $condition") }), qr/Index Cond/, $condition);
    }
};

done_testing();

# How many rows it has written.
sub run
{
    my ($name) = @_;
    return 0 + $dbh->do($manual->recipe($name));
}

# The number of rows that were written to each copy, by the resource's name.
sub refreshed
{
    my %taken = map { $_->[0] =~ s/^crm_copy\.//r => $_->[1] } @{ $dbh->selectall_arrayref($manual->recipe('refresh all')) };
    return \%taken;
}

sub reconciled
{
    my ($name) = @_;
    my %done = map { $_->[0] => { deleted => $_->[1], taken => $_->[2] } } @{ $dbh->selectall_arrayref($manual->recipe('reconcile all')) };
    return $done{"crm_copy.$name"};
}

sub is_same
{
    my ($name) = @_;
    is_deeply([ $copies->differences("crm_copy.$name", "crm.$name") ], [], "the copy of $name has the same rows");
    return;
}

sub rows
{
    my ($name) = @_;
    return scalar $dbh->selectrow_array("SELECT count(*) FROM crm_copy.$name");
}

sub content
{
    my ($id) = @_;
    return scalar $dbh->selectrow_array('SELECT content FROM crm_copy.notes WHERE _id = ?', undef, $id);
}

sub state
{
    my ($name) = @_;
    return $dbh->selectrow_hashref('SELECT * FROM crm_copy.tables WHERE copy = ?::regclass', undef, "crm_copy.$name");
}

# As the service writes dates.
sub since
{
    my ($name) = @_;
    return as_date("SELECT crm_copy.since('crm_copy.$name')");
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
                IS DISTINCT FROM (s._id, s.client_id, s.status->>'status', s.created_at, s.updated_at)") };
}
