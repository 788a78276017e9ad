# Local copies over time: filled in steps, kept up to date by who does what is due, seen up to the last row, dumped and
# restored; and sessions that end, or work on a copy at the same time.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;

use constant NOTES => 620;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60, notes => NOTES, tasks => 30 });
my $node = start_node('main', log_min_messages => 'warning', restart_after_crash => 'on');
setup_crm($node, $sandbox, limit_to => [qw(cars notes tasks)], server => { on_type_mismatch => 'null', max_connections => 4, max_retries => 0 });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $copies = WalcuTest::LocalCopy->new($sandbox, $dbh);
$copies->set_dates($_) for qw(cars notes tasks);

subtest 'filling in steps' => sub {
    $dbh->do("SELECT walcu_fdw_copy('crm.notes', fill => false)");
    is_deeply([ $dbh->selectrow_array("SELECT state, rows, age, refreshed_at, next_refresh <= now(), next_reconcile FROM walcu_fdw_copies") ],
        [ 'filling', 0, undef, undef, 1, undef ], 'a copy that is not filled yet');
    my $session = connect_db($node);
    my @messages = told_by($session, "CALL walcu_fdw_fill('crm_copy.notes', 250)");
    is_deeply(\@messages, [ map { "NOTICE:  crm_copy.notes: $_ of @{[ NOTES ]} documents" } 250, 500 ], 'is filled, and tells how far it is');
    $copies->is_same('notes');
    is($dbh->selectrow_array('SELECT state FROM walcu_fdw_copies'), 'ready', 'until it is ready');
    is_deeply([ told_by($session, "CALL walcu_fdw_fill('crm_copy.notes')") ], [], 'again, there is nothing to do');

    my @requests = $copies->requests(sub { refilled(sub { $session->do('SET client_min_messages = error'); $session->do("CALL walcu_fdw_fill('crm_copy.notes', 250)") }) });
    my $pages = NOTES / 50;
    cmp_ok(scalar @requests, '<=', $pages + 3 * 4 + 3 + 13, 'its requests: those of the pages, the ends of ranges and steps, and of counting: ' . @requests);
    is(sql_error($session, "CALL walcu_fdw_fill('crm_copy.notes', 0)")->{sqlstate}, '22023', 'a step has a document');
    is(sql_error($session, 'CALL walcu_fdw_fill(NULL)')->{sqlstate}, '22004', 'a copy has to be named');
    $session->begin_work;
    is(sql_error($session, "CALL walcu_fdw_fill('crm_copy.notes')")->{sqlstate}, '2D000', 'within a transaction it cannot be');
    $session->rollback;
};

subtest 'a filling that is interrupted' => sub {
    # the third step fails, or its session ends: kill -9 takes all sessions down, and the server recovers
    for my $how (qw(error cancel kill))
    {
        empty('notes');
        my $documents = () = $sandbox->dump('notes');
        my $session = connect_db($node);
        $session->do('SET client_min_messages = error');
        hold_third_step($how eq 'error' ? { type => 'status', status => 500 } : { type => 'hold' });
        if ($how eq 'error')
        {
            is(sql_error($session, "CALL walcu_fdw_fill('crm_copy.notes', 200)")->{sqlstate}, '08006', 'an error of the service');
        }
        elsif ($how eq 'cancel')
        {
            my ($sqlstate) = cancelled_when($session, $node, "CALL walcu_fdw_fill('crm_copy.notes', 200)", sub { is_held() });
            is($sqlstate, '57014', 'a cancel');
        }
        else
        {
            $session->do("CALL walcu_fdw_fill('crm_copy.notes', 200)", { pg_async => 1 });
            wait_until(sub { is_held() });
            kill 'KILL', $session->{pg_pid};
            $sandbox->clear_faults;
            # until the server has seen it, it takes new sessions, and ends them at once
            wait_until(sub { $dbh->ping <= 0 });
            wait_until(sub { $dbh = eval { connect_db($node) } });
            $dbh->do('SET client_min_messages = error');
            $copies->{dbh} = $dbh;
        }
        $sandbox->clear_faults;
        my ($state) = $dbh->selectrow_array('SELECT state FROM walcu_fdw_copies');
        is($state, "filling, 400 of $documents", "$how: what was committed is there");
        is(rows('notes'), 400, 'and its rows');
        $copies->change('crm.notes', update => 20, insert => 5);
        $session = connect_db($node);
        $sandbox->clear_log;
        my @messages = told_by($session, "CALL walcu_fdw_fill('crm_copy.notes', 200)");
        ok(!(grep { /: [24]00 of/ } @messages), 'a further call goes on there');
        is($dbh->selectrow_array('SELECT count(*) FROM (SELECT * FROM crm_copy.notes) c'), scalar(my @all = $sandbox->dump('notes')), 'and has all documents');
        counts("walcu_fdw_refresh('crm_copy.notes')");
        $copies->is_same('notes');
    }
    empty('notes');
    hold_third_step({ type => 'status', status => 500 });
    sql_error($dbh, "CALL walcu_fdw_fill('crm_copy.notes', 200)");
    $sandbox->clear_faults;
    $copies->change('crm.notes', update => 30);
    counts("walcu_fdw_refresh('crm_copy.notes')");
    $copies->is_same('notes');
    is($dbh->selectrow_array('SELECT state FROM walcu_fdw_copies'), 'ready', 'a refresh ends a filling as well');
};

subtest 'what is due' => sub {
    $dbh->do("SELECT walcu_fdw_copy('crm.$_', refresh_every => '10 minutes', reconcile_every => '3 hours')") for qw(cars tasks);
    $copies->change("crm.$_", update => 2, insert => 2, delete => 2) for qw(cars tasks);
    my @requests = $copies->requests(sub { $dbh->do('CALL walcu_fdw_copies_run()') });
    is(scalar @requests, 0, 'nothing, right after that');
    is($dbh->selectrow_array("SELECT walcu_fdw_copies_next() BETWEEN now() + '4 minutes' AND now() + '5 minutes'"), 1, 'and when that is not so any more');

    go_by('11 minutes');
    is($dbh->selectrow_array('SELECT walcu_fdw_copies_next() < now()'), 1, 'later there is');
    @requests = $copies->requests(sub { $dbh->do('CALL walcu_fdw_copies_run()') });
    is_deeply([ sort keys %{ { map { $_->{resource} => 1 } @requests } } ], [qw(cars notes tasks)], 'each copy is refreshed');
    is(scalar $copies->differences("crm_copy.$_", "crm.$_"), 2, 'a refresh sees no deletes') for qw(cars tasks);
    go_by('4 hours');
    $dbh->do('CALL walcu_fdw_copies_run()');
    $copies->is_same($_) for qw(cars tasks notes);
    is_deeply($dbh->selectcol_arrayref('SELECT deleted FROM walcu_fdw_copies WHERE deleted > 0'), [ 2, 2 ], 'a comparison does');

    # Errors
    $dbh->do("UPDATE walcu_fdw_copy_entries SET reconcile_every = '30 days' WHERE copy = 'crm_copy.cars'::regclass");
    $copies->change("crm.$_", update => 2) for qw(cars notes tasks);
    $sandbox->fault({ match => { kind => 'list', resource => 'cars' }, fault => { type => 'status', status => 500 } });
    go_by('11 minutes');
    my $session = connect_db($node);
    my @messages = told_by($session, 'CALL walcu_fdw_copies_run()');
    like("@messages", qr/^WARNING:  could not refresh copy "crm_copy.cars": /, 'an error is told of');
    is(scalar @messages, 1, 'once');
    $copies->is_same($_) for qw(tasks notes);
    my $entry = $dbh->selectrow_hashref("SELECT *, next_refresh - failed_at AS wait, failed_at > refreshed_at AS later FROM walcu_fdw_copies WHERE copy = 'crm_copy.cars'::regclass");
    like($entry->{error}, qr/^refresh: .*500/, 'and kept');
    is_deeply([ @$entry{qw(wait later)} ], [ '00:01:00', 1 ], 'the copy has a minute of rest');
    @requests = $copies->requests(sub { $dbh->do('CALL walcu_fdw_copies_run()') });
    is(scalar @requests, 0, 'in which nothing is asked');
    for my $wait (qw(00:02:00 00:04:00 00:08:00 00:16:00 00:32:00 01:00:00 01:00:00))
    {
        go_by('61 minutes');
        $dbh->do('CALL walcu_fdw_copies_run()');
        is($dbh->selectrow_array("SELECT next_refresh - failed_at FROM walcu_fdw_copies WHERE copy = 'crm_copy.cars'::regclass"), $wait, "then $wait");
    }
    $sandbox->clear_faults;
    go_by('61 minutes');
    $dbh->do('CALL walcu_fdw_copies_run()');
    $copies->is_same('cars');
    is_deeply($dbh->selectcol_arrayref('SELECT copy FROM walcu_fdw_copies WHERE error IS NOT NULL OR failed_at IS NOT NULL'), [], 'what works has no error');

    # A comparison that would delete too much holds up no refresh
    $sandbox->fault({ match => { kind => 'list', resource => 'tasks' }, fault => { type => 'reply', body => '[]', headers => { 'MAPP-has-more' => 'false' } } });
    go_by('4 hours');
    $dbh->do('CALL walcu_fdw_copies_run()');
    $sandbox->clear_faults;
    like($dbh->selectrow_array("SELECT error FROM walcu_fdw_copies WHERE copy = 'crm_copy.tasks'::regclass"), qr/^reconcile: the CRM does not have \d+ of the \d+ documents/, 'deletes that are too many are an error');
    $copies->change('crm.tasks', update => 3);
    $dbh->do("UPDATE walcu_fdw_copy_entries SET refreshed_at = now() - interval '11 minutes'");
    $dbh->do('CALL walcu_fdw_copies_run()');
    $copies->is_same('tasks');
    counts("walcu_fdw_reconcile('crm_copy.tasks')");
    is($dbh->selectrow_array("SELECT error FROM walcu_fdw_copies WHERE copy = 'crm_copy.tasks'::regclass"), undef, 'until one succeeds');

    # New copies, and those without a schedule
    empty('notes');
    $dbh->do("SELECT walcu_fdw_copy('crm.tasks', refresh_every => NULL, reconcile_every => NULL)");
    go_by('1 day');
    @requests = $copies->requests(sub { $dbh->do('CALL walcu_fdw_copies_run()') });
    $copies->is_same('notes');
    is(scalar(grep { $_->{resource} eq 'tasks' } @requests), 0, 'a copy without intervals is never due');
    $dbh->do("SELECT walcu_fdw_copy('crm.$_', refresh_every => NULL, reconcile_every => NULL)") for qw(cars notes);
    is($dbh->selectrow_array('SELECT walcu_fdw_copies_next()'), undef, 'and then nothing is');
    $dbh->do("SELECT walcu_fdw_copy('crm.$_')") for qw(cars notes tasks);
    $dbh->begin_work;
    is(sql_error($dbh, 'CALL walcu_fdw_copies_run()')->{sqlstate}, '2D000', 'within a transaction it cannot be');
    $dbh->rollback;
};

subtest 'two sessions' => sub {
    go_by('1 hour');
    $copies->change('crm.notes', update => 70, insert => 20);
    my @sessions = map { connect_db($node) } 1 .. 3;
    $_->do('SET client_min_messages = error') for @sessions;
    $sandbox->fault({ match => { resource => 'notes', kind => 'list' }, fault => { type => 'hold' } });
    $sandbox->clear_log;
    $sessions[0]->do("SELECT walcu_fdw_refresh('crm_copy.notes')", { pg_async => 1 });
    wait_until(sub { is_held() });
    $sessions[1]->do("SELECT walcu_fdw_refresh('crm_copy.notes')", { pg_async => 1 });
    $sessions[2]->do('CALL walcu_fdw_copies_run()');
    is($sandbox->request_count(resource => 'notes'), 1, 'who does what is due leaves alone what another session works on');
    $sandbox->clear_faults;
    $_->pg_result for @sessions[ 0, 1 ];
    $copies->is_same('notes');
    go_by('1 hour');
    $copies->change('crm.notes', update => 1);
    $sessions[0]->begin_work;
    $sessions[0]->do('LOCK TABLE crm_copy.notes IN SHARE MODE');
    $sandbox->clear_log;
    $sessions[2]->do($_) for q{SET lock_timeout = '20s'}, 'CALL walcu_fdw_copies_run()';
    is_deeply([ $sandbox->request_count(resource => 'notes'), $sandbox->request_count(resource => 'cars') > 0 ], [ 0, 1 ],
        'nor does it wait for a copy that has an index made, say: it goes on with the others');
    $sessions[0]->rollback;
    $sessions[2]->do('CALL walcu_fdw_copies_run()');
    $copies->is_same('notes');
    my ($sqlstate) = cancelled_refresh();
    is($sqlstate, '57014', 'a refresh can be cancelled');
    $copies->is_same('notes');
};

subtest 'up to the last row' => sub {
    $dbh->do("SELECT walcu_fdw_copy('crm.notes', live_view => true)");
    counts("walcu_fdw_reconcile('crm_copy.notes')");
    $dbh->do("UPDATE walcu_fdw_copy_entries SET overlap = '0'");
    my $view = 'crm_copy.notes_live';
    is_deeply($dbh->selectcol_arrayref("SELECT attname FROM pg_attribute WHERE attrelid = '$view'::regclass ORDER BY attnum"),
        $dbh->selectcol_arrayref("SELECT attname FROM pg_attribute WHERE attrelid = 'crm_copy.notes'::regclass AND attnum > 0 ORDER BY attnum"), 'a view of all columns');
    $copies->change('crm.notes', update => 10, insert => 10);
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 20, 'the copy is behind');
    is_deeply([ $copies->differences($view, 'crm.notes') ], [], 'the view is not');

    my $row = $dbh->selectrow_hashref('SELECT _id, client_id FROM crm_copy.notes WHERE client_id IS NOT NULL ORDER BY _id LIMIT 1');
    my %reach = (
        "_id = '$row->{_id}'" => qr/Index Scan using notes_pkey.*Index Cond: \(_id = /s,
        "client_id = '$row->{client_id}'" => qr/(?:Index|Bitmap Index) Scan (?:using|on) notes_client_id_idx.*Index Cond: \(client_id = /s,
        "updated_at BETWEEN now() - interval '2 days' AND now() - interval '1 day'" => qr/notes_updated_at_idx.*Index Cond: /s,
    );
    $dbh->do('SET enable_seqscan = off');
    for my $condition (sort keys %reach)
    {
        my $query = "SELECT * FROM $view WHERE $condition";
        like(join("\n", @{ $dbh->selectcol_arrayref("EXPLAIN (COSTS off) $query") }), $reach{$condition}, "$condition reaches the copy's index");
        my @requests = $copies->requests(sub { $dbh->selectall_arrayref($query) });
        is(scalar @requests, 1, 'and is one request');
        is_deeply([ keys %{ $requests[0]{query}{q} } ], ['updated_at'], 'for what is newer');
        is_deeply($dbh->selectall_arrayref("$query ORDER BY _id"), $dbh->selectall_arrayref("SELECT * FROM crm.notes WHERE $condition ORDER BY _id"), 'with the rows of the CRM');
    }
    $dbh->do('RESET enable_seqscan');

    $dbh->do('CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA crm_copy TO reader; GRANT SELECT ON crm_copy.notes_live TO reader');
    my $reader = connect_db($node, user => 'reader');
    is($reader->selectrow_array("SELECT count(*) FROM $view"), scalar(my @all = $sandbox->dump('notes')), 'who may read the view needs no user mapping');

    $dbh->do("ALTER FOREIGN TABLE crm.notes ADD COLUMN mark integer OPTIONS (path 'custom.mark')");
    $dbh->do("SELECT walcu_fdw_copy_columns('crm_copy.notes')");
    counts("walcu_fdw_reconcile('crm_copy.notes')");
    $copies->change('crm.notes', update => 5);
    is_deeply([ $copies->differences($view, 'crm.notes') ], [], 'new columns are in the view, too');
    $dbh->do('ALTER VIEW crm_copy.notes_live RENAME TO all_notes; ALTER TABLE crm_copy.notes RENAME TO some_notes');
    is_deeply([ $copies->differences('crm_copy.all_notes', 'crm.notes') ], [], 'both may be renamed');
    $dbh->do('ALTER TABLE crm_copy.some_notes RENAME TO notes');
};

subtest 'columns that come with the description' => sub {
    my $setup = q{SELECT action, object, statement FROM walcu_fdw_setup('crm', resources => '{tasks}', arrays => false, comments => false, options => '{"flatten": 0, "import_search": false}'};
    $dbh->do('ALTER FOREIGN TABLE crm.tasks DROP COLUMN description');
    is_deeply($dbh->selectrow_array("SELECT walcu_fdw_copy_columns('crm_copy.tasks')"), [], 'a column is gone');
    $dbh->do('ALTER TABLE crm_copy.tasks DROP COLUMN description');
    my $steps = [ [ 'add columns', 'crm.tasks' ], [ 'add to copy', 'crm_copy.tasks' ] ];
    is_deeply([ map { [ @$_[ 0, 1 ] ] } @{ $dbh->selectall_arrayref("$setup, dry_run => true)") } ], $steps, 'and is to be added again, to the copy as well');
    $dbh->do("ALTER TABLE crm_copy.tasks OWNER TO reader");
    is_deeply($dbh->selectall_arrayref("$setup, dry_run => true)")->[1][1], 'crm_copy.tasks', 'a superuser may do that');
    $dbh->do("ALTER TABLE crm_copy.tasks OWNER TO CURRENT_USER");
    is_deeply([ map { [ @$_[ 0, 1 ] ] } @{ $dbh->selectall_arrayref("$setup)") } ], $steps, 'which is done');
    is($dbh->selectrow_array("SELECT state FROM walcu_fdw_copies WHERE copy = 'crm_copy.tasks'::regclass"), 'filling', 'the copy is read again');
    $dbh->do('CALL walcu_fdw_copies_run()');
    $copies->is_same('tasks');
    is($dbh->selectrow_array('SELECT count(description) > 0 FROM crm_copy.tasks'), 1, 'with the new column');
    is_deeply($dbh->selectall_arrayref("$setup)"), [], 'and nothing is left to do');
};

subtest 'dump and restore' => sub {
    $dbh->do("SELECT walcu_fdw_copy('crm.tasks', 'doomed')");
    $dbh->do('DROP TABLE doomed');
    $dbh->do('CREATE ROLE keeper LOGIN SUPERUSER; CREATE ROLE plain LOGIN; GRANT pg_read_all_data TO plain');
    my $dump = $node->basedir . '/dump';
    for my $user ('plain', scalar getpwuid $<)
    {
        my ($out, $errors) = PostgreSQL::Test::Utils::run_command([ 'pg_dump', '--no-owner', '--no-privileges', '--file', $dump, '--username', $user, $node->connstr('postgres') ]);
        is($errors, '', "$user can dump the database");
    }
    $node->safe_psql('postgres', 'CREATE DATABASE restored');
    PostgreSQL::Test::Utils::run_command([ 'psql', '--quiet', '--set', 'ON_ERROR_STOP=1', '--username', 'keeper', '--file', $dump, $node->connstr('restored') ]);
    my $restored = connect_db($node, dbname => 'restored');
    $restored->do('SET client_min_messages = error');
    is_deeply($restored->selectall_arrayref('SELECT copy, foreign_table, owner, state FROM walcu_fdw_copies ORDER BY copy::text'),
        [ map { [ "crm_copy.$_", "crm.$_", 'keeper', 'ready' ] } qw(cars notes tasks) ], 'the copies are there, and of who has restored them');
    is($restored->selectrow_array('SELECT count(*) FROM walcu_fdw_copy_entries'), 3, 'but for those that were dropped');
    $restored->do("CREATE USER MAPPING FOR $_ SERVER crm " . options_sql(WalcuTest::Sandbox::CREDENTIALS)) for 'keeper';
    my $since = $dbh->selectrow_array("SELECT walcu_fdw_copy_since('crm_copy.notes')");
    is($restored->selectrow_array("SELECT walcu_fdw_copy_since('crm_copy.notes')"), $since, 'as far as they were');
    my %done = $copies->change('crm.notes', update => 3, insert => 2);
    my $counts = $restored->selectrow_hashref("SELECT * FROM walcu_fdw_refresh('crm_copy.notes')");
    cmp_ok($counts->{written}, '>=', 5, 'a refresh takes what has changed');
    cmp_ok($counts->{requests}, '<=', 2, 'and asks for no more');
    is_deeply([ WalcuTest::LocalCopy->new($sandbox, $restored)->differences('crm_copy.notes', 'crm.notes') ], [], 'which is right');
    is($restored->selectrow_array("SELECT count(*) = (SELECT count(*) FROM crm.notes) FROM crm_copy.all_notes"), 1, 'so is the view');
};

done_testing();

sub counts
{
    my ($call) = @_;
    return $dbh->selectrow_hashref("SELECT * FROM $call");
}

# What is said, but not of values that do not fit.
sub told_by
{
    my ($session, $sql) = @_;
    return grep { !/ that do not fit / } sql_messages($session, $sql);
}

sub rows
{
    my ($name) = @_;
    return scalar $dbh->selectrow_array("SELECT count(*) FROM crm_copy.$name");
}

# A copy that is as if it had just been made.
sub empty
{
    my ($name) = @_;
    $dbh->do("SELECT walcu_fdw_drop_copy('crm_copy.$name')");
    $dbh->do("SELECT walcu_fdw_copy('crm.$name', fill => false, overlap => '0')");
    return;
}

# Reads a copy again, as after new columns.
sub refilled
{
    my ($work) = @_;
    $dbh->do('UPDATE walcu_fdw_copy_entries SET filling = true, fill_began_at = NULL');
    $work->();
    return;
}

# Nobody waits: it was longer ago.
sub go_by
{
    my ($interval) = @_;
    $dbh->do("UPDATE walcu_fdw_copy_entries SET refreshed_at = refreshed_at - interval '$interval', reconciled_at = reconciled_at - interval '$interval'");
    $dbh->do("UPDATE walcu_fdw_copy_results SET failed_at = failed_at - interval '$interval'");
    return;
}

# What becomes of the requests of a step that begins behind the 400th document.
sub hold_third_step
{
    my ($fault) = @_;
    my @documents = sort { $a->{_id} cmp $b->{_id} } $sandbox->dump('notes');
    $sandbox->clear_log;
    $sandbox->fault({ match => { kind => 'list', query => { q => "gt\":\"$documents[399]{_id}\"" } }, fault => $fault });
    return;
}

sub is_held
{
    return scalar grep { defined $_->{fault} } $sandbox->log;
}

sub cancelled_refresh
{
    my $session = connect_db($node);
    $sandbox->fault({ match => { resource => 'notes', kind => 'list' }, fault => { type => 'hold' } });
    $sandbox->clear_log;
    my @result = cancelled_when($session, $node, "SELECT walcu_fdw_refresh('crm_copy.notes')", sub { is_held() });
    $sandbox->clear_faults;
    return @result;
}
