#!/usr/bin/perl
# writes
#   How near do writes come to what the service's latency allows?  Prints, for a thousand rows at
#   LATENCY ms and CONNECTIONS at once, the seconds of each statement, what they would be if
#   nothing but the service took time, and the backend's peak memory.  ROWS in the environment sets another number.
#   The rows of the last statements are routed to as many servers as PARTITIONS says, 50 and 200 by default.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(time);
use WalcuBench;

my $rows = 0 + ($ENV{ROWS} // 1_000);
my $latency = 0 + ($ENV{LATENCY} // 50);
my $connections = 0 + ($ENV{CONNECTIONS} // 8);
my @partitions = split /,/, $ENV{PARTITIONS} // '50,200';
my $endpoint = $ENV{WALCU_ENDPOINT} or die "writes: run by scripts/bench\n";
my $ideal = $rows / $connections * $latency / 1000;

my $dbh = connect_db();
$dbh->do($_) for (
    'CREATE EXTENSION walcu_fdw',
    "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint',
         dealer_id '5f2b1c9e8d3a4b0012345678', max_connections '$connections', on_type_mismatch 'null')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE notes (_id text COLLATE \"C\", content text COLLATE \"C\") SERVER crm");
sandbox_control('POST', 'faults', { fault => { type => 'latency', ms => $latency } });

printf "%-10s %8s %8s %8s %10s\n", 'statement', 'seconds', 'ideal', 'ratio', 'peak kB';
measure('INSERT', "INSERT INTO notes (content) SELECT 'bench ' || n FROM generate_series(1, $rows) n");
measure('COPY', "COPY notes (content) FROM PROGRAM 'seq -f copied%g 1 $rows'");
$dbh->do("DELETE FROM notes WHERE content LIKE 'copied%'");
measure('UPDATE', "UPDATE notes SET content = content || '!' WHERE content LIKE 'bench%'");
measure('RETURNING', "UPDATE notes SET content = content || '!' WHERE content LIKE 'bench%' RETURNING *");
measure('DELETE', "DELETE FROM notes WHERE content LIKE 'bench%'");
for my $number (@partitions)
{
    make_partitions($number);
    my $at_once = $rows / $number < $connections ? $rows : $number * $connections;
    measure("into $number", "INSERT INTO spread (part, content) SELECT 'p' || 1 + n % $number, 'bench ' || n FROM generate_series(1, $rows) n",
        $rows / $at_once * $latency / 1000);
    measure("and COPY", "COPY spread (part, content) FROM PROGRAM 'for i in \$(seq 1 $rows); do printf \"p%d\\tbench\\n\" \$((1 + i % $number)); done'",
        $rows / $at_once * $latency / 1000);
}

# A table whose partitions are on servers of their own
sub make_partitions
{
    my ($number) = @_;
    $dbh->do('DROP TABLE IF EXISTS spread');
    $dbh->do('CREATE TABLE spread (part text COLLATE "C", content text COLLATE "C") PARTITION BY LIST (part)');
    $dbh->do("DO \$do\$ BEGIN FOR i IN 1 .. $number LOOP
        EXECUTE format('CREATE SERVER IF NOT EXISTS s%s FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint ''$endpoint'',
            dealer_id ''5f2b1c9e8d3a4b0012345678'', max_connections ''$connections'', on_type_mismatch ''null'', on_ignored_write ''ignore'')', i);
        EXECUTE format('CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER s%s OPTIONS (username ''sandbox-app'', password ''sandbox-secret'')', i);
        EXECUTE format('CREATE FOREIGN TABLE spread_%s PARTITION OF spread FOR VALUES IN (''p%s'') SERVER s%s OPTIONS (resource ''notes'')', i, i, i);
        END LOOP; END \$do\$");
    return;
}

sub measure
{
    my ($name, $sql, $least) = @_;
    $least //= $ideal;
    my $started = time;
    my $written = $dbh->do($sql);
    my $seconds = time - $started;
    # DBD::Pg does not tell how many rows COPY has written
    die "writes: $written of $rows rows written\n" unless $written == $rows || $sql =~ /^COPY/;
    printf "%-10s %8.2f %8.2f %8.2f %10d\n", $name, $seconds, $least, $seconds / $least, peak_memory($dbh);
    return;
}
