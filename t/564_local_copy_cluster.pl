# The manual's recipes for local copies on more than one machine: a hub, and another cluster that
# reads its copies, has them replicated, or keeps those of another dealer.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;
use WalcuTest::Manual;

my $manual = WalcuTest::Manual->new('local-copy.md');
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 60, notes => 130 });
my $hub = start_node('hub', log_min_messages => 'warning', wal_level => 'logical', max_wal_senders => 4, max_replication_slots => 4);
my $other = start_node('other', log_min_messages => 'warning');
my $on_hub = keep_copies($hub, $sandbox, 'postgres');
my $copies = WalcuTest::LocalCopy->new($sandbox, $on_hub);

subtest 'readers by postgres_fdw' => sub {
    my $reader = connect_db($other);
    $reader->do($manual->recipe('reader', at($hub, 'hub.example.net')));
    is($reader->selectrow_array('SELECT count(*) FROM crm_copy.notes'), 130, 'read the copy');
    $copies->change('crm.notes', update => 5, insert => 20);
    my @requests = $copies->requests(sub { is(rows($reader, 'crm_copy.notes'), rows($on_hub, 'crm_copy.notes'), 'row by row') });
    is(scalar @requests, 0, 'without asking the CRM');
    refresh($on_hub);
    is($reader->selectrow_array('SELECT count(*) FROM crm_copy.notes'), 150, 'and see what a refresh brings');
    like(join("\n", @{ $reader->selectcol_arrayref('EXPLAIN (VERBOSE) SELECT make, count(*) FROM crm_copy.cars GROUP BY make') }),
        qr/Remote SQL: SELECT make, count\(\*\)/, 'the hub computes aggregates');
};

subtest 'copies by logical replication' => sub {
    $on_hub->do($manual->recipe('publish'));
    $other->safe_psql('postgres', 'CREATE DATABASE copies');
    my ($tables) = PostgreSQL::Test::Utils::run_command([ 'pg_dump', '--schema-only', '--no-owner', '--no-privileges',
        '--table', 'crm_copy.cars', '--table', 'crm_copy.notes', $hub->connstr('postgres') ]);
    $other->safe_psql('copies', "CREATE SCHEMA crm_copy;\n$tables");
    $other->safe_psql('copies', $manual->recipe('subscribe', at($hub, 'hub.example.net'), 'user=replicator' => 'user=' . getpwuid $<));
    $other->wait_for_subscription_sync($hub, 'crm_copy', 'copies');
    my $replica = connect_db($other, dbname => 'copies');
    is(rows($replica, 'crm_copy.notes'), rows($on_hub, 'crm_copy.notes'), 'are the same at first');

    $copies->change("crm.$_", update => 5, insert => 5, delete => 5) for qw(cars notes);
    refresh($on_hub, 'reconcile');
    $hub->wait_for_catchup('crm_copy');
    is(rows($replica, "crm_copy.$_"), rows($on_hub, "crm_copy.$_"), "$_: and after each refresh") for qw(cars notes);
    $replica->do('DROP SUBSCRIPTION crm_copy');
};

subtest 'dealers on several machines' => sub {
    my $vigo = WalcuTest::Sandbox->start(scale => 10, count => { notes => 70 }, dealer => '5f2b1c9e8d3a4b0000000002', seed => 2);
    $other->safe_psql('postgres', 'CREATE DATABASE vigo');
    my $on_vigo = keep_copies($other, $vigo, 'vigo');
    $on_hub->do($manual->recipe('dealers', at($other, 'vigo.example.net'), q{dbname 'postgres'} => q{dbname 'vigo'}));
    my $counts = sub {
        return { map { @$_ } @{ $on_hub->selectall_arrayref('SELECT dealer_id, count(*) FROM all_notes GROUP BY 1') } };
    };
    is_deeply($counts->(), { $sandbox->dealer_id => scalar(my @here = $sandbox->dump('notes')), $vigo->dealer_id => 70 }, 'are one table');

    WalcuTest::LocalCopy->new($vigo, $on_vigo)->change('crm.notes', insert => 5);
    $copies->change('crm.notes', insert => 3);
    refresh($_) for $on_hub, $on_vigo;
    is_deeply($counts->(), { $sandbox->dealer_id => @here + 3, $vigo->dealer_id => 75 }, 'which has what each refresh brings');
    like(plan_of('SELECT * FROM all_notes'), qr/Async Foreign Scan on .*notes_vigo/, 'machines are read at the same time');
    unlike(plan_of("SELECT * FROM all_notes WHERE dealer_id = '" . $sandbox->dealer_id . "'"), qr/Foreign Scan/, 'and only those that are asked for');
    $on_hub->do('SET enable_partitionwise_aggregate = on');
    my $aggregate = plan_of('SELECT dealer_id, count(*) FROM all_notes GROUP BY dealer_id');
    like($aggregate, qr/Foreign Scan.*Relations: Aggregate on \(.*notes_vigo/s, 'each computes its part of an aggregate');
};

done_testing();

# A database with copies, which the user analyst may read.
sub keep_copies
{
    my ($node, $crm, $dbname) = @_;
    setup_crm($node, $crm, dbname => $dbname, limit_to => [qw(cars notes)], server => { on_type_mismatch => 'null' });
    my $dbh = connect_db($node, dbname => $dbname);
    $dbh->do('SET client_min_messages = error');
    $dbh->do("SELECT walcu_fdw_copy('crm.$_')") for qw(cars notes);
    $dbh->do('CREATE ROLE analyst LOGIN');
    $dbh->do('GRANT USAGE ON SCHEMA crm_copy TO analyst; GRANT SELECT ON ALL TABLES IN SCHEMA crm_copy TO analyst');
    $dbh->do('ANALYZE');
    return $dbh;
}

sub refresh
{
    my ($dbh, $how) = @_;
    $how //= 'refresh';
    $dbh->do("SELECT walcu_fdw_$how('crm_copy.$_')") for qw(cars notes);
    return;
}

# Where the page has the name of a machine and the usual port.
sub at
{
    my ($node, $name) = @_;
    return ($name => $node->host, 5432 => $node->port);
}

sub rows
{
    my ($dbh, $table) = @_;
    return join "\n", @{ $dbh->selectcol_arrayref("SELECT t::text FROM $table t ORDER BY _id") };
}

sub plan_of
{
    my ($query) = @_;
    return join "\n", @{ $on_hub->selectcol_arrayref("EXPLAIN (VERBOSE) $query") };
}
