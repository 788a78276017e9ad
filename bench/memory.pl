#!/usr/bin/perl
# memory
#   Does a scan's memory depend on how much it reads?  Prints the peak memory of two
#   fresh backends, one reading every column of a few cars and one of many, with
#   requests and documents per second.  FEW and MANY in the environment set the sizes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(time);
use WalcuBench;

my $few = 0 + ($ENV{FEW} // 10_000);
my $many = 0 + ($ENV{MANY} // 1_000_000);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "memory: run by scripts/bench\n";

set_up();
printf "%12s %12s %10s %10s %12s\n", 'documents', 'peak kB', 'requests', 'seconds', 'documents/s';
my @peaks = map { measure($_) } $few, $many;
printf "difference %.1f MB\n", ($peaks[1] - $peaks[0]) / 1024;

sub set_up
{
    my $dbh = connect_db();
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw',
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
             OPTIONS (endpoint '$endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', on_type_mismatch 'null')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')",
        'CREATE SCHEMA crm',
        'IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars) FROM SERVER crm INTO crm');
    return;
}

# Read so many cars in a new backend; its peak memory in kB.
sub measure
{
    my ($count) = @_;
    sandbox_control('POST', 'reset', { counts => { cars => $count } });

    my $dbh = connect_db();
    my $started = time;
    # A whole-row reference reads every column.
    my ($read) = $dbh->selectrow_array(
        "SELECT count(c) FROM crm.cars c");
    my $seconds = time - $started;
    die "memory: $read of $count documents read\n" unless $read == $count;

    my $peak = peak_memory($dbh);
    my $requests = @{ sandbox_control('GET', 'log') };
    printf "%12d %12d %10d %10.1f %12.0f\n", $count, $peak, $requests, $seconds, $count / $seconds;
    return $peak;
}
