# The manual's job for pg_cron that keeps copies up to date, run by pg_cron itself, as a user who may do nothing else.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;
use WalcuTest::Manual;

chomp(my $share = `pg_config --sharedir`);
plan skip_all => 'the extension pg_cron is not installed' unless -f "$share/extension/pg_cron.control";

my $manual = WalcuTest::Manual->new('copies.md');
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60, notes => 130 });
my $node = start_node('main', log_min_messages => 'warning', shared_preload_libraries => "'pg_cron'",
    'cron.database_name' => "'postgres'", 'cron.use_background_workers' => 'on');
setup_crm($node, $sandbox, limit_to => [qw(cars notes)], server => { on_type_mismatch => 'null', max_retries => 0 });
$node->safe_psql('postgres', $_) for 'CREATE EXTENSION pg_cron', 'CREATE ROLE crm_sync LOGIN', 'GRANT USAGE ON SCHEMA cron, crm TO crm_sync',
    'GRANT SELECT ON ALL TABLES IN SCHEMA crm TO crm_sync', 'GRANT CREATE ON DATABASE postgres TO crm_sync',
    "CREATE USER MAPPING FOR crm_sync SERVER crm " . options_sql(WalcuTest::Sandbox::CREDENTIALS);

my $sync = connect_db($node, user => 'crm_sync');
$sync->do('SET client_min_messages = error');
$sync->do("SELECT walcu_fdw_copy('crm.$_')") for qw(cars notes);
$sync->do($manual->recipe('cron'));
is_deeply($sync->selectall_arrayref('SELECT command, username FROM cron.job'), [ [ 'CALL walcu_fdw_copies_run()', 'crm_sync' ] ], 'one job for all copies');
$sync->disconnect;

# Nobody waits for the minute: the server's start is a time for jobs, too.
my $copies = WalcuTest::LocalCopy->new($sandbox, connect_admin());
$copies->{dbh}->do("SELECT cron.alter_job(jobid, schedule := '\@reboot') FROM cron.job");
$copies->change("crm.$_", update => 10, insert => 5, delete => 5) for qw(cars notes);
is(run_job(), 'succeeded', 'the job succeeds');
is_deeply([ $copies->differences("crm_copy.$_", "crm.$_") ], [], "the copy of $_ has the same rows") for qw(cars notes);

$sandbox->fault({ match => { resource => 'cars' }, fault => { type => 'status', status => 500 } });
$copies->change('crm.notes', update => 5);
is(run_job(), 'succeeded', 'so it does with an error in one copy');
is_deeply($copies->{dbh}->selectcol_arrayref('SELECT copy FROM walcu_fdw_copies WHERE error IS NOT NULL'), ['crm_copy.cars'], 'which is kept');
is_deeply([ $copies->differences('crm_copy.notes', 'crm.notes') ], [], 'and holds up no other');

done_testing();

sub connect_admin
{
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    return $dbh;
}

# Starts the server anew when everything is due, waits until the job has ended, and tells how.
sub run_job
{
    $copies->{dbh}->do("UPDATE walcu_fdw_copy_entries SET refreshed_at = refreshed_at - interval '2 days', reconciled_at = reconciled_at - interval '2 days'");
    $copies->{dbh}->do('DELETE FROM cron.job_run_details');
    $copies->{dbh}->disconnect;
    $node->restart;
    $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')")
      or die 'the job did not end';
    $copies->{dbh} = connect_admin();
    return $copies->{dbh}->selectrow_array('SELECT status FROM cron.job_run_details');
}
