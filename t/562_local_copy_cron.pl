# The manual's recipe for refreshing local copies at certain times, run by pg_cron itself, as a user
# who may do nothing else.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;
use WalcuTest::Manual;

chomp(my $share = `pg_config --sharedir`);
plan skip_all => 'the extension pg_cron is not installed' unless -f "$share/extension/pg_cron.control";

my $manual = WalcuTest::Manual->new('local-copy.md');
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60, notes => 130 });
my $node = start_node('main', log_min_messages => 'warning', shared_preload_libraries => "'pg_cron'",
    'cron.database_name' => "'postgres'", 'cron.use_background_workers' => 'on');
setup_crm($node, $sandbox, limit_to => [qw(cars notes)], server => { on_type_mismatch => 'null', max_retries => 0 });
$node->safe_psql('postgres', $_) for 'CREATE EXTENSION pg_cron', 'CREATE ROLE crm_sync LOGIN', 'GRANT USAGE ON SCHEMA cron, crm TO crm_sync',
    'GRANT SELECT ON ALL TABLES IN SCHEMA crm TO crm_sync', 'GRANT CREATE ON DATABASE postgres TO crm_sync',
    "CREATE USER MAPPING FOR crm_sync SERVER crm " . options_sql(WalcuTest::Sandbox::CREDENTIALS);

my $sync = connect_db($node, user => 'crm_sync');
$sync->do('SET client_min_messages = error');
$sync->do($manual->recipe($_)) for 'functions', 'reconcile', 'copies', 'cron';
is_deeply($sync->selectall_arrayref('SELECT jobname, schedule, command, username FROM cron.job ORDER BY jobname'),
    [ map { my $table = $_->[1]; [ "$_->[0] crm_copy.$table", $_->[2], "SELECT crm_copy.$_->[0]('crm_copy.$table')", 'crm_sync' ] }
        [ 'reconcile', 'cars', '30 3 * * *' ], [ 'reconcile', 'notes', '30 3 * * *' ],
        [ 'refresh', 'cars', '*/5 * * * *' ], [ 'refresh', 'notes', '*/5 * * * *' ] ],
    'a job for each copy and each purpose');

# Nobody waits for half past three: the server's start is a time for jobs, too.
$sync->do($manual->recipe('refresh all'));
$sync->disconnect;
my $copies = WalcuTest::LocalCopy->new($sandbox, connect_admin());
$copies->{dbh}->do("SELECT cron.alter_job(jobid, schedule := '\@reboot') FROM cron.job");
$copies->change("crm.$_", update => 10, insert => 5, delete => 5) for qw(cars notes);
$copies->{dbh}->disconnect;

my $runs = run_jobs();
is_deeply($runs, { succeeded => 4 }, 'each job succeeds') or diag explain $runs;
$copies->{dbh} = connect_admin();
is_deeply([ $copies->differences("crm_copy.$_", "crm.$_") ], [], "the copy of $_ has the same rows") for qw(cars notes);
is_deeply($copies->{dbh}->selectall_arrayref($manual->recipe('cron log')), [], 'nothing to look after');
$copies->{dbh}->disconnect;

$sandbox->fault({ match => { resource => 'cars' }, fault => { type => 'status', status => 500 } });
is_deeply(run_jobs(), { succeeded => 2, failed => 2 }, 'an error in one table keeps no other back');
my $log = connect_admin()->selectall_arrayref($manual->recipe('cron log'));
is_deeply([ sort map { "$_->[0]: $_->[1]" } @$log ], [ 'reconcile crm_copy.cars: failed', 'refresh crm_copy.cars: failed' ], 'and is in the log');

done_testing();

sub connect_admin
{
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    return $dbh;
}

# Start the server anew, wait until every job has ended, and count how they did.
sub run_jobs
{
    $node->safe_psql('postgres', 'DELETE FROM cron.job_run_details');
    $node->restart;
    $node->poll_query_until('postgres', "SELECT count(*) = 4 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')")
      or die 'the jobs did not end';
    my $rows = connect_admin()->selectall_arrayref('SELECT status, count(*) FROM cron.job_run_details GROUP BY 1');
    return { map { @$_ } @$rows };
}
