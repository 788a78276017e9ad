#!/usr/bin/perl
# writes
#   How near do writes come to what the service's latency allows?  Prints, for a thousand rows at
#   LATENCY ms and CONNECTIONS at once, the seconds of each statement, what they would be if
#   nothing but the service took time, and the backend's peak memory.  ROWS in the environment sets another number.
use strict;
use warnings;

use DBI;
use HTTP::Tiny;
use JSON::PP qw(encode_json);
use Time::HiRes qw(time);

my $rows = 0 + ($ENV{ROWS} // 1_000);
my $latency = 0 + ($ENV{LATENCY} // 50);
my $connections = 0 + ($ENV{CONNECTIONS} // 8);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "writes: run by scripts/bench\n";
my $ideal = $rows / $connections * $latency / 1000;

my $dbh = DBI->connect('dbi:Pg:', '', '', { RaiseError => 1, PrintError => 0, PrintWarn => 0 });
$dbh->do($_) for (
    'CREATE EXTENSION walcu_fdw',
    "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint',
         dealer_id '5f2b1c9e8d3a4b0012345678', max_connections '$connections', on_type_mismatch 'null')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
    "CREATE FOREIGN TABLE notes (_id text COLLATE \"C\", content text COLLATE \"C\") SERVER crm");
my $reply = HTTP::Tiny->new->post("$endpoint/_sandbox/faults",
    { content => encode_json({ fault => { type => 'latency', ms => $latency } }), headers => { 'content-type' => 'application/json' } });
die "writes: $reply->{status} $reply->{content}\n" unless $reply->{success};

printf "%-10s %8s %8s %8s %10s\n", 'statement', 'seconds', 'ideal', 'ratio', 'peak kB';
measure('INSERT', "INSERT INTO notes (content) SELECT 'bench ' || n FROM generate_series(1, $rows) n");
measure('UPDATE', "UPDATE notes SET content = content || '!' WHERE content LIKE 'bench%'");
measure('DELETE', "DELETE FROM notes WHERE content LIKE 'bench%'");

sub measure
{
    my ($name, $sql) = @_;
    my $started = time;
    my $written = $dbh->do($sql);
    my $seconds = time - $started;
    die "writes: $written of $rows rows written\n" unless $written == $rows;
    printf "%-10s %8.2f %8.2f %8.2f %10d\n", $name, $seconds, $ideal, $seconds / $ideal, peak_memory();
    return;
}

sub peak_memory
{
    open(my $status, '<', "/proc/$dbh->{pg_pid}/status") or die "writes: /proc/$dbh->{pg_pid}/status: $!\n";
    my ($peak) = map { /^VmHWM:\s+(\d+) kB/ } <$status>;
    return $peak;
}
