#!/usr/bin/perl
# outbox
#   How near does the outbox come to what the service's latency allows?  Prints, for a thousand writes at LATENCY ms and
#   CONNECTIONS at once, the seconds it takes to record them and to send them, what the sending would take if nothing but the
#   service took time, and the memory that the backend then has of its own.  ROWS in the environment sets another number.
#   Then WAITING rows (100,000) wait, and the same is said of recording them, and of sending the first thousand.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(time);
use WalcuBench;

my $rows = 0 + ($ENV{ROWS} // 1_000);
my $waiting = 0 + ($ENV{WAITING} // 100_000);
my $latency = 0 + ($ENV{LATENCY} // 50);
my $connections = 0 + ($ENV{CONNECTIONS} // 8);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "outbox: run by scripts/bench\n";
my $ideal = $rows / $connections * $latency / 1000;

my $dbh = connect_db();
$dbh->do($_) for (
    'CREATE EXTENSION walcu_fdw',
    "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint', write_mode 'outbox', client_ids 'true',
         dealer_id '5f2b1c9e8d3a4b0012345678', max_connections '$connections', on_type_mismatch 'null')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE notes (_id text COLLATE \"C\", content text COLLATE \"C\") SERVER crm");
sandbox_control('POST', 'faults', { fault => { type => 'latency', ms => $latency } });

printf "%-22s %8s %8s %8s %10s\n", 'what', 'seconds', 'ideal', 'ratio', 'own kB';
measure("record $rows", insert($rows));
measure("send $rows", 'CALL walcu_fdw_outbox_send()', $ideal);
measure("record $waiting", insert($waiting));
measure("send $rows of them", "CALL walcu_fdw_outbox_send($rows)", $ideal);
measure("send $rows more", "CALL walcu_fdw_outbox_send($rows)", $ideal);

sub insert
{
    my ($count) = @_;
    return "INSERT INTO notes (content) SELECT 'bench ' || n FROM generate_series(1, $count) n";
}

# Each in a session of its own
sub measure
{
    my ($name, $sql, $least) = @_;
    my $session = connect_db();
    my $started = time;
    $session->do($sql);
    my $seconds = time - $started;
    printf "%-22s %8.2f %8s %8s %10d\n", $name, $seconds, $least ? sprintf('%.2f', $least) : '', $least ? sprintf('%.2f', $seconds / $least) : '',
      own_memory($session);
    return;
}

# Resident, without the buffers that all sessions share
sub own_memory
{
    my ($session) = @_;
    open(my $status, '<', "/proc/$session->{pg_pid}/status") or die "outbox: /proc/$session->{pg_pid}/status: $!\n";
    my ($kilobytes) = map { /^RssAnon:\s+(\d+) kB/ } <$status>;
    return $kilobytes;
}
