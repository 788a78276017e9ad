#!/usr/bin/perl
# memory
#   Does a scan's memory depend on how much it reads?  Prints the peak memory of two
#   fresh backends, one reading every column of a few cars and one of many, with
#   requests and documents per second.  FEW and MANY in the environment set the sizes.
use strict;
use warnings;

use DBI;
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Time::HiRes qw(time);

my $few = 0 + ($ENV{FEW} // 10_000);
my $many = 0 + ($ENV{MANY} // 1_000_000);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "memory: run by scripts/bench\n";
my $http = HTTP::Tiny->new(timeout => 60);

set_up();
printf "%12s %12s %10s %10s %12s\n", 'documents', 'peak kB', 'requests', 'seconds', 'documents/s';
my @peaks = map { measure($_) } $few, $many;
printf "difference %.1f MB\n", ($peaks[1] - $peaks[0]) / 1024;

sub connect_db
{
    return DBI->connect('dbi:Pg:', '', '', { RaiseError => 1, PrintError => 0, PrintWarn => 0 });
}

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
    sandbox('POST', '/_sandbox/reset', { counts => { cars => $count } });

    my $dbh = connect_db();
    my $started = time;
    # A whole-row reference reads every column.
    my ($read) = $dbh->selectrow_array(
        "SELECT count(c) FROM crm.cars c");
    my $seconds = time - $started;
    die "memory: $read of $count documents read\n" unless $read == $count;

    my $peak = peak_memory($dbh->{pg_pid});
    my $requests = @{ sandbox('GET', '/_sandbox/log') };
    printf "%12d %12d %10d %10.1f %12.0f\n", $count, $peak, $requests, $seconds, $count / $seconds;
    return $peak;
}

sub peak_memory
{
    my ($pid) = @_;
    open(my $status, '<', "/proc/$pid/status") or die "memory: /proc/$pid/status: $!\n";
    my ($peak) = map { /^VmHWM:\s+(\d+) kB/ } <$status>;
    return $peak;
}

sub sandbox
{
    my ($method, $path, $data) = @_;
    my %options = $data
      ? (content => encode_json($data), headers => { 'content-type' => 'application/json' })
      : ();
    my $reply = $http->request($method, "$endpoint$path", \%options);
    die "memory: $path: $reply->{status} $reply->{content}\n" unless $reply->{success};
    return length $reply->{content} ? decode_json($reply->{content}) : undef;
}
