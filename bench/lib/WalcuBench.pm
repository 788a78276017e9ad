package WalcuBench;

# WalcuBench
#   What the benchmarks over the replay server share: the server, a CRM in the stage's
#   database that reads from it, and what the work of a session costs.
#
#     my $replay = start_replay(10_000);      # {endpoint, documents, bytes}
#     replay_settings($replay, { latency => 50 });
#     my $dbh = connect_db();
#     create_cars($dbh, $replay);             # crm_cars, with six columns
#     store_pages($dbh, $replay);             # the same pages as texts, for comparison
#     set_options($dbh, { max_connections => 8 }) or print "not available\n";
#     my $cost = cost_of_sql($dbh, 'SELECT ...');       # {wall, cpu, row}
#     my $median = median_cost(5, sub { cost_of_sql($dbh, 'SELECT ...') });
#     replay_statistics($replay)->{requests};
#     peak_memory($dbh);                      # of its backend, in kB
#     my $log = sandbox_control('GET', 'log');   # of the stage's sandbox, for benchmarks over that

use strict;
use warnings;

use DBI;
use Exporter 'import';
use FindBin;
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Time::HiRes qw(time);

our @EXPORT = qw(
  $PAGE_SIZE start_replay replay_settings replay_statistics page_count page_url
  connect_db create_cars store_pages set_options
  cost_of_sql cost_of_command median_cost cpu_of peak_memory
  sandbox_control
);

# Documents a page, as many as the service sends at most.
our $PAGE_SIZE = 50;

my $dealer = '5f2b1c9e8d3a4b0012345678';
my $http = HTTP::Tiny->new(timeout => 60);
# a log of many requests takes longer
my $sandbox_http = HTTP::Tiny->new(timeout => 120);
my %running;

# Started with so many cars; it ends with the benchmark.
sub start_replay
{
    my ($documents) = @_;
    my $pid = open(my $output, '-|', 'node', "$FindBin::Bin/replay/server.mjs", '--documents', $documents)
      or die "$0: node: $!\n";
    # kept here, for to close the pipe is to wait for the server's end
    $running{$pid} = $output;
    my $line = <$output> // die "$0: the replay server did not start\n";
    my $replay = decode_json($line);
    $replay->{base} = "$replay->{endpoint}/dealers/$dealer";
    return $replay;
}

END
{
    my $status = $?;
    for my $pid (keys %running)
    {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

# Settings not given are as at the start; the statistics begin anew.
sub replay_settings
{
    my ($replay, $settings) = @_;
    return control($replay, 'PUT', 'settings', { content => encode_json($settings) });
}

sub replay_statistics
{
    my ($replay) = @_;
    return control($replay, 'GET', 'statistics', {});
}

sub control
{
    my ($replay, $method, $what, $options) = @_;
    my $reply = $http->request($method, "$replay->{endpoint}/_replay/$what", $options);
    die "$0: $what: $reply->{status} $reply->{content}\n" unless $reply->{success};
    return decode_json($reply->{content});
}

sub page_count
{
    my ($replay) = @_;
    return int(($replay->{documents} + $PAGE_SIZE - 1) / $PAGE_SIZE);
}

# Of a page, counted from 0.
sub page_url
{
    my ($replay, $page) = @_;
    return "$replay->{base}/cars?limit=$PAGE_SIZE&skip=" . $page * $PAGE_SIZE;
}

# To the stage's cluster, or to the one whose socket is there.
sub connect_db
{
    my ($host) = @_;
    my $source = $host ? "dbi:Pg:dbname=postgres;host=$host;user=postgres" : 'dbi:Pg:';
    return DBI->connect($source, '', '', { RaiseError => 1, PrintError => 0, PrintWarn => 0 });
}

sub create_cars
{
    my ($dbh, $replay) = @_;
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw',
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
             OPTIONS (endpoint '$replay->{endpoint}', dealer_id '$dealer')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token 'unused')",
        q{CREATE FOREIGN TABLE crm_cars (_id text COLLATE "C" NOT NULL, make text COLLATE "C", model text COLLATE "C",
              mileage numeric, published boolean, created_at timestamptz) SERVER crm OPTIONS (resource 'cars')},
        q{CREATE FOREIGN TABLE crm_documents (built jsonb OPTIONS (path '.'), text json OPTIONS (path '.'))
              SERVER crm OPTIONS (resource 'cars')});
    return;
}

# The table pages: each as it is sent, and not compressed, so that to read it costs next to nothing.
sub store_pages
{
    my ($dbh, $replay) = @_;
    $dbh->do('CREATE TABLE pages (page text)');
    $dbh->do('ALTER TABLE pages ALTER page SET STORAGE EXTERNAL');
    for my $page (0 .. page_count($replay) - 1)
    {
        my $reply = $http->get(page_url($replay, $page));
        die "$0: page $page: $reply->{status}\n" unless $reply->{success};
        utf8::decode($reply->{content});
        $dbh->do('INSERT INTO pages VALUES (?)', undef, $reply->{content});
    }
    $dbh->do('VACUUM (ANALYZE) pages');
    return;
}

# Give the server these options and no others of the same kind; false when this version
# of the extension does not have them.
sub set_options
{
    my ($dbh, $options) = @_;
    my $had = $dbh->selectcol_arrayref(
        "SELECT option_name FROM pg_foreign_server, pg_options_to_table(srvoptions)
          WHERE srvname = 'crm' AND option_name NOT IN ('endpoint', 'dealer_id')");
    my @changes = ((map { "DROP $_" } @$had), (map { "ADD $_ " . $dbh->quote($options->{$_}) } sort keys %$options));
    return 1 unless @changes;
    return 1 if eval { $dbh->do('ALTER SERVER crm OPTIONS (' . join(', ', @changes) . ')') };
    return 0 if $dbh->state eq 'HV00D';
    die $@;
}

# The time and the processor's time, in seconds, that a query takes; and its first row.
sub cost_of_sql
{
    my ($dbh, $sql) = @_;
    my ($started, $cpu) = (time, cpu_of($dbh->{pg_pid}));
    my $row = $dbh->selectrow_arrayref($sql);
    return { wall => time - $started, cpu => cpu_of($dbh->{pg_pid}) - $cpu, row => join '|', @$row };
}

# The same of a command, which must succeed.  It runs several times, for the clock of what
# processes have used ticks in hundredths of a second.
sub cost_of_command
{
    my @command = @_;
    my $times = 10;
    my ($started, $cpu) = (time, cpu_of_children());
    for (1 .. $times)
    {
        system(@command) == 0 or die "$0: $command[0] failed\n";
    }
    return { wall => (time - $started) / $times, cpu => (cpu_of_children() - $cpu) / $times, times => $times };
}

# Each part of the cost is the median of so many runs; one more goes before them.
sub median_cost
{
    my ($runs, $run) = @_;
    $run->();
    my @costs = map { $run->() } 1 .. $runs;
    my %median = %{ $costs[0] };
    for my $part (qw(wall cpu))
    {
        $median{$part} = (sort { $a <=> $b } map { $_->{$part} } @costs)[ $runs / 2 ];
    }
    return \%median;
}

sub cpu_of
{
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/schedstat") or die "$0: /proc/$pid/schedstat: $!\n";
    my ($nanoseconds) = split ' ', <$file>;
    return $nanoseconds / 1e9;
}

sub peak_memory
{
    my ($dbh) = @_;
    open(my $status, '<', "/proc/$dbh->{pg_pid}/status") or die "$0: /proc/$dbh->{pg_pid}/status: $!\n";
    my ($peak) = map { /^VmHWM:\s+(\d+) kB/ } <$status>;
    return $peak;
}

# Tell the stage's sandbox something, or ask it; returns what its reply says, if anything.
sub sandbox_control
{
    my ($method, $what, $data) = @_;
    my %body = $data ? (content => encode_json($data), headers => { 'content-type' => 'application/json' }) : ();
    my $reply = $sandbox_http->request($method, "$ENV{WALCU_ENDPOINT}/_sandbox/$what", \%body);
    die "$0: $method $what: $reply->{status} $reply->{content}\n" unless $reply->{success};
    return length($reply->{content}) ? decode_json($reply->{content}) : undef;
}

sub cpu_of_children
{
    my (undef, undef, $user, $system) = times;
    return $user + $system;
}

1;
