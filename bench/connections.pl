#!/usr/bin/perl
# connections
#   How much of the service's latency do connections take away?  Many cars, with some
#   milliseconds before each reply, read one page after the other, in ranges over several
#   connections, and as a background job.  DOCUMENTS and LATENCY in the environment set
#   the sizes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use WalcuBench;

my $documents = 0 + ($ENV{DOCUMENTS} // 100_000);
my $latency = 0 + ($ENV{LATENCY} // 50);
my $target = 1.3;

my $replay = start_replay($documents);
my $dbh = connect_db();
create_cars($dbh, $replay);
my $pages = page_count($replay);

printf "%d cars, %.1f MB, in pages of %d; %d ms before each reply\n",
  $replay->{documents}, $replay->{bytes} / 1e6, $PAGE_SIZE, $latency;
print "The ideal is (pages / connections) x latency.\n\n";
printf "%-24s %9s %9s %9s %9s %9s\n", '', 's', 'requests', 'at once', 'ideal s', 'of ideal';
measure('1 connection', { max_connections => 1, fetch_mode => 'pages' }, 1);
measure('4 connections', { max_connections => 4, fetch_mode => 'parallel' }, 4);
my $ratio = measure('8 connections', { max_connections => 8, fetch_mode => 'parallel' }, 8);
measure('background job', { fetch_mode => 'job' });
printf "\n8 connections to the ideal: at most %.1f   %s\n", $target,
  !$ratio ? 'not measured' : sprintf('%.2f  %s', $ratio, $ratio <= $target ? 'reached' : 'MISSED');

# Read every car in this way, and print a line; the time as a multiple of the ideal.
sub measure
{
    my ($name, $options, $connections) = @_;
    # before there were these options, a scan had one connection
    unless (set_options($dbh, $options) || ($connections // 0) == 1)
    {
        printf "%-24s not available\n", $name;
        return;
    }
    replay_settings($replay, { latency => $latency });
    my $cost = cost_of_sql($dbh, 'SELECT count(_id), count(make), count(mileage), count(created_at) FROM crm_cars');
    my ($read) = split /\|/, $cost->{row};
    die "connections: $read of $replay->{documents} documents read\n" unless $read == $replay->{documents};

    my $statistics = replay_statistics($replay);
    my $ideal = $connections && $pages / $connections * $latency / 1000;
    printf "%-24s %9.1f %9d %9d %9s %9s\n", $name, $cost->{wall}, @$statistics{qw(requests most)},
      $ideal ? (sprintf('%.1f', $ideal), sprintf('%.2f', $cost->{wall} / $ideal)) : ('', '');
    return $ideal && $cost->{wall} / $ideal;
}
