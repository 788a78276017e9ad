#!/usr/bin/perl
# instructions
#   How many instructions does a document cost, and how many a cast of it to json?  A backend
#   under valgrind's callgrind reads every car once, and another one three times; the
#   difference is two scans' and nothing else's.  It does not depend on the machine's load.
#   What the kernel does is not in it.
use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(sleep);
use WalcuBench;

my $documents = 1000;
my $patience = 60;

# What is shown of a scan; a part is a function and all that it calls.
my @parts = (
    [ 'a scan, from the executor\'s view', 'scan_iterate' ],
    [ 'finding where documents end', 'split_next' ],
    [ 'decoding them', 'decode_document' ],
    [ 'a cast of the same bytes to json', 'json_in' ],
);

if (system('valgrind --version >/dev/null 2>&1') != 0)
{
    print "skipped: no valgrind here\n";
    exit;
}

# Short, because sockets live in it.
my $place = tempdir(CLEANUP => 1);
my $replay = start_replay($documents);
my $postmaster = start_cluster();
my $dbh = connect_db($place);
create_cars($dbh, $replay);
store_pages($dbh, $replay);
set_options($dbh, { max_connections => 1, fetch_mode => 'pages' });

my ($version) = $dbh->selectrow_array('SHOW server_version');
my @profiles = map { profile($_) } 1, 3;
printf "PostgreSQL %s; %d cars of %d bytes, six columns of them\n\n", $version, $documents, $replay->{bytes} / $documents;
printf "%-40s %12s %8s\n", '', 'instructions', 'a byte';
for my $part (@parts)
{
    my ($name, $function) = @$part;
    my ($once, $thrice) = map { cost_of($_, $function) } @profiles;
    my $each = ($thrice - $once) / 2 / $documents;
    printf "%-40s %12.0f %8.1f\n", $name, $each, $each * $documents / $replay->{bytes};
}

END
{
    my $status = $?;
    if ($postmaster)
    {
        kill 'INT', $postmaster;
        waitpid $postmaster, 0;
    }
    $? = $status;
}

# Every process that the postmaster forks stays under valgrind.
sub start_cluster
{
    system("initdb --pgdata=$place/data --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >$place/log 2>&1") == 0
      or die "instructions: initdb failed\n";
    my $pid = fork // die "instructions: fork: $!\n";
    if (!$pid)
    {
        open STDOUT, '>>', "$place/log";
        open STDERR, '>&', \*STDOUT;
        exec 'valgrind', '--quiet', '--tool=callgrind', "--callgrind-out-file=$place/profile.%p",
          'postgres', '-D', "$place/data", '-k', $place, '-c', 'listen_addresses=', '-c', 'autovacuum=off';
    }
    wait_for(sub { system("pg_isready --quiet --host=$place") == 0 });
    return $pid;
}

# The profile of a backend that scans so many times.
sub profile
{
    my ($scans) = @_;
    my $session = connect_db($place);
    my $file = "$place/profile.$session->{pg_pid}";
    for (1 .. $scans)
    {
        $session->selectrow_array(
            'SELECT count(_id), count(make), count(model), count(mileage), count(published), count(created_at) FROM crm_cars');
        $session->selectrow_array('SELECT count(page::json) FROM pages');
    }
    $session->disconnect;
    wait_for(sub { -s $file });
    return $file;
}

sub cost_of
{
    my ($file, $function) = @_;
    for my $line (`callgrind_annotate --inclusive=yes --threshold=100 $file`)
    {
        return $1 =~ tr/,//dr if $line =~ /^\s*([\d,]+) .*:\Q$function\E(?: |$)/;
    }
    die "instructions: $function is not in the profile\n";
}

sub wait_for
{
    my ($condition) = @_;
    for (1 .. $patience * 5)
    {
        return if $condition->();
        sleep 0.2;
    }
    die "instructions: waited in vain, see its log:\n" . `tail -5 $place/log`;
}
