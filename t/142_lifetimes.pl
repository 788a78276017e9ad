# What lives as long as what: memory, files and transfers at the end of a statement, of an execution of a scan, and
# of a request that is not sent again.  The server fills with a pattern what its C library frees, so that what is read
# afterwards is seen; `make test-sanitized` sees more.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { clients => 60 }, ids => 'string');
$ENV{MALLOC_PERTURB_} = 85;
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(clients tasks)], server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
my @ids = qw(t1 t2 t3);

many_resources();
rows_in_files();
max_requests_ends_a_retry();
max_requests_ends_a_look_up();
explain_after_null();
search_in_a_batched_join();
short_lived_planning();
done_testing();

# Each resource of a statement has replies of its own, which go with the statement's memory
sub many_resources
{
    my $tables = join "\n", map {
        qq{CREATE FOREIGN TABLE many.r$_ (_id text COLLATE "C") SERVER crm OPTIONS (resource '}
          . ($_ == 1 ? 'clients' : "r$_") . q{', async_capable 'false');}
    } 1 .. 200;
    $dbh->do("CREATE SCHEMA many; $tables");
    my $all = join ' UNION ALL ', map { "SELECT _id FROM many.r$_" } 1 .. 200;
    is(scalar @{ $dbh->selectcol_arrayref("SELECT * FROM ($all) t LIMIT 10") }, 10, 'a statement of 200 resources')
      for 1 .. 2;
    return;
}

# Rows that are read before the first is written may need files, which are closed when the statement ends
sub rows_in_files
{
    $dbh->do(q{SET work_mem = '64kB'});
    my @messages = sql_messages($dbh, q{INSERT INTO crm.tasks (description) SELECT repeat(_id, 100) FROM crm.clients});
    $dbh->do('RESET work_mem');
    is_deeply(\@messages, [], 'no file is left open');
    is(scalar(grep { length $_->{description} >= 2400 } $sandbox->dump('tasks')), 60, 'and each row is written');
    return;
}

# What a write was answered last is looked at when it cannot be sent again
sub max_requests_ends_a_retry
{
    my %statements = (
        POST   => q{INSERT INTO crm.tasks (description) VALUES ('x')},
        PATCH  => q{UPDATE crm.tasks SET description = 'y' WHERE _id = 't1'},
        DELETE => q{DELETE FROM crm.tasks WHERE _id = 't1'});

    write_tasks();
    set_server_options($dbh, max_requests => 1);
    for my $method (sort keys %statements)
    {
        $sandbox->fault({ match => { method => $method }, times => 1, fault => { type => 'status', status => 429 } });
        my $error = sql_error($dbh, $statements{$method});
        is($error->{sqlstate}, '53400', "$method: max_requests allows no second request");
        is($error->{detail}, 'No row was written.', "$method: and the first was refused");
        $sandbox->clear_faults;
    }
    set_server_options($dbh);
    is($dbh->selectrow_array(q{SELECT description FROM crm.tasks WHERE _id = 't1'}), 'first', 'which is true');
    return;
}

# A document that may have been made, and cannot be looked for
sub max_requests_ends_a_look_up
{
    $dbh->do(q{CREATE FOREIGN TABLE made_tasks (_id text COLLATE "C", description text COLLATE "C") SERVER crm
               OPTIONS (resource 'tasks', client_ids 'true')});
    set_server_options($dbh, max_requests => 1);
    $sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'close', when => 'before' } });
    my $error = sql_error($dbh, "INSERT INTO made_tasks (description) VALUES ('made')");
    $sandbox->clear_faults;
    is($error->{sqlstate}, '08007', 'a document that cannot be looked for is in doubt');
    like($error->{detail}, qr/It is not known whether one request was carried out: POST/, 'which is said');
    set_server_options($dbh);
    ok($dbh->ping, 'the session goes on');
    return;
}

# EXPLAIN shows the request of the last execution, or of one with other values when that needed none
sub explain_after_null
{
    $dbh->do(q{CREATE FOREIGN TABLE found_tasks (_id text COLLATE "C", description text COLLATE "C",
               search text OPTIONS (parameter 'search')) SERVER crm OPTIONS (resource 'tasks')});
    my %tables = (
        "found_tasks t WHERE t.search = v.x AND t.description > 'a'" => 'q={"description":{"$gt":"a"}}&search={$0}',
        "crm.tasks t WHERE t._id = v.x AND t.description > 'a'" => '/{_id}',
    );
    # a scan whose keys are read ahead is not executed with NULL
    $dbh->do('SET walcu_fdw.enable_batched_join = off');
    for my $table (sort keys %tables)
    {
        my $plan = join "\n", @{ $dbh->selectcol_arrayref(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
             SELECT * FROM (VALUES (1, 't1'), (2, NULL)) v (n, x), LATERAL (SELECT description FROM $table OFFSET 0) t") };
        like($plan, qr/Request: GET \/tasks\S?\Q$tables{$table}\E/, "the last value is NULL: $table");
    }
    $dbh->do('RESET walcu_fdw.enable_batched_join');
    return;
}

# The text of a search is the same for each batch
sub search_in_a_batched_join
{
    $dbh->do(q{CREATE FOREIGN TABLE found_clients (_id text COLLATE "C", search text OPTIONS (parameter 'search')) SERVER crm
               OPTIONS (resource 'clients', join_batch_size '10', fetch_mode 'pages');
               CREATE TABLE keys AS SELECT _id AS id FROM crm.clients;
               SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off});
    $sandbox->clear_log;
    my $rows = $dbh->selectall_arrayref(q{SELECT k.id, c.search FROM keys k JOIN found_clients c ON c._id = k.id WHERE c.search = 'created_at > 1970-01-01'});
    my @searches = map { $_->{query}{search} } $sandbox->log(resource => 'clients', kind => 'list');
    my ($count) = $dbh->selectrow_array('SELECT count(*) FROM crm.clients WHERE created_at IS NOT NULL');
    is(scalar(grep { $_->[1] eq 'created_at > 1970-01-01' } @$rows), $count, 'each row has the text');
    cmp_ok(scalar @searches, '>=', 6, 'and each batch asks for itself');
    is_deeply(\@searches, [ ('created_at > 1970-01-01') x @searches ], 'with the text');
    $dbh->do('RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop');
    return;
}

# GEQO plans joins in memory that goes with each attempt
sub short_lived_planning
{
    my $sql = q{SELECT count(*) FROM keys k JOIN crm.clients c ON c._id = k.id JOIN crm.clients d ON d._id = c._id
                JOIN keys l ON l.id = d._id JOIN crm.tasks t ON t._id <> l.id};
    my ($expected) = $dbh->selectrow_array($sql);
    $dbh->do('SET geqo_threshold = 2');
    is($dbh->selectrow_array($sql), $expected, 'with GEQO');
    $dbh->do('RESET geqo_threshold');
    return;
}

sub write_tasks
{
    $dbh->do('DELETE FROM crm.tasks');
    $sandbox->post('/_sandbox/documents/tasks', [ map { { _id => $_, description => 'first' } } @ids ]);
    return;
}
