#!/usr/bin/perl
# scale
#   What becomes of time, requests, the processor's time and memory as partitions grow in number?  A table of 10 to 500
#   partitions, all of one server or of a server each, 20 documents in each, with some milliseconds before each reply.  Beside
#   what a statement takes stands the least possible: its requests, and the seconds that curl takes to send the first of them as
#   often as that, with as many connections.  The sandbox is one process, whose own time is in both.  PARTITIONS and LATENCY in
#   the environment set the sizes, LAYOUT=one or LAYOUT=each measures one of the two, and ONLY the statements of such names, a
#   regular expression.
use strict;
use warnings;

use File::Temp;
use FindBin;
use JSON::PP qw(encode_json);
use lib "$FindBin::Bin/lib";
use Time::HiRes qw(time);
use WalcuBench;

use constant { DEALER => '5f2b1c9e8d3a4b0012345678', DOCUMENTS => 20, ROWS => 2_000, CONNECTIONS => 4, MOST_AT_ONCE => 250 };

my @sizes = split ' ', $ENV{PARTITIONS} // '10 50 200 500';
my $only = $ENV{ONLY} // '';
my $latency = 0 + ($ENV{LATENCY} // 20);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "scale: run by scripts/bench\n";
my ($aggregates, $joins) = map { "SET enable_partitionwise_$_ = on" } 'aggregate', 'join';

# [ name, statement, the least requests of so many partitions, settings ]
my @situations = (
    [ 'read all', 'SELECT count(model) FROM cars', sub { $_[0] } ],
    [ 'LIMIT 10', 'SELECT _id FROM cars LIMIT 10', sub { 1 } ],
    [ 'ORDER BY, LIMIT 10', 'SELECT _id FROM cars ORDER BY model LIMIT 10', sub { $_[0] } ],
    [ 'ORDER BY', 'SELECT count(*) FROM (SELECT model FROM cars ORDER BY model OFFSET 0) c', sub { $_[0] } ],
    [ 'join with keys', 'SELECT count(c.model) FROM wanted JOIN cars c USING (_id)', sub { $_[0] } ],
    [ 'partitionwise aggregate', 'SELECT make, count(model) FROM cars GROUP BY make', sub { $_[0] }, $aggregates ],
    [ 'partitionwise join', 'SELECT count(a.model || b.model) FROM cars a JOIN cars b USING (make, _id)', sub { $_[0] }, $joins ],
    [ 'both', 'SELECT count(a.model || b.model) FROM cars a JOIN cars b USING (make, _id)', sub { $_[0] }, "$aggregates; $joins" ],
    [ 'UPDATE by _id', "UPDATE cars SET model = 'other' WHERE _id = '000000000000000000000001'", sub { $_[0] } ],
    [ 'INSERT', undef, sub { ROWS } ],
    [ 'ANALYZE', 'ANALYZE cars', sub { $_[0] } ],
);

printf "%d documents a partition, %d ms before each reply, %d connections a server\n", DOCUMENTS, $latency, CONNECTIONS;
connect_db()->do('CREATE EXTENSION walcu_fdw');
connect_db()->do('CREATE TABLE wanted (_id text COLLATE "C"); INSERT INTO wanted VALUES (\'000000000000000000000001\'); ANALYZE wanted');
for my $layout ($ENV{LAYOUT} // ('one', 'each'))
{
    printf "\n%s\n%-24s %10s %8s %8s %6s %9s %8s %6s %12s %8s\n", $layout eq 'one' ? 'one server' : 'a server each',
      'statement', 'partitions', 's', 'curl s', 'ratio', 'requests', 'least', 'ratio', 'CPU ms each', 'peak MB';
    for my $partitions (@sizes)
    {
        create_partitions($layout, $partitions);
        show_planning($partitions);
        show_situation($layout, $partitions, @$_) for grep { $_->[0] =~ /$only/ } @situations;
    }
}

sub show_situation
{
    my ($layout, $partitions, $name, $sql, $least, $settings) = @_;
    $sql //= 'INSERT INTO cars (make, model) SELECT \'p\' || 1 + i % ' . $partitions . ", 'new' FROM generate_series(1, " . ROWS . ') i';
    store_documents();
    my $dbh = connect_db();
    $dbh->do($settings) if $settings;
    # what a session reads of the catalogs is not asked about here
    $dbh->do('EXPLAIN ' . ($name eq 'ANALYZE' ? 'SELECT * FROM cars' : $sql));
    sandbox_control('POST', 'faults', { fault => { type => 'latency', ms => $latency } });
    sandbox_control('DELETE', 'log');
    my $cpu = cpu_of($dbh->{pg_pid});
    my $began = time;
    my $error = eval { $dbh->do($sql); 1 } ? '' : '  ' . ($dbh->errstr =~ s/\n.*//sr);
    my $seconds = time - $began;
    $cpu = cpu_of($dbh->{pg_pid}) - $cpu;
    my @log = @{ sandbox_control('GET', 'log') };
    my $requests = @log;
    my $possible = $least->($partitions);
    my $curl = seconds_of_curl($log[0], $possible, $layout eq 'one' ? CONNECTIONS : CONNECTIONS * $partitions);
    sandbox_control('DELETE', 'faults');
    printf "%-24s %10d %8.2f %8.2f %6.2f %9d %8d %6.2f %12.2f %8d%s\n", $name, $partitions, $seconds, $curl, $seconds / $curl,
      $requests, $possible, $requests / $possible, 1000 * $cpu / $partitions, peak_memory($dbh) / 1024, $error;
    return;
}

sub show_planning
{
    my ($partitions) = @_;
    my $dbh = connect_db();
    $dbh->do('EXPLAIN SELECT count(model) FROM cars');
    my $began = time;
    $dbh->do('EXPLAIN SELECT count(model) FROM cars') for 1 .. 5;
    printf "%-24s %10d %8.3f\n", 'planning', $partitions, (time - $began) / 5;
    return;
}

# How long curl takes for a request of the log, so many times.
sub seconds_of_curl
{
    my ($request, $requests, $at_once) = @_;
    $at_once = MOST_AT_ONCE if $at_once > MOST_AT_ONCE;
    my $file = File::Temp->new;
    print {$file} qq(url = "@{[ $endpoint =~ s{^(https?://[^/]*).*}{$1}r ]}$request->{raw_path}"\noutput = "/dev/null"\n) x $requests;
    close $file;
    my @body = defined $request->{body} ? ('--json', encode_json($request->{body})) : ();
    my $began = time;
    system('curl', '--silent', '--no-progress-meter', '--globoff', '--compressed', '--user', 'sandbox-app:sandbox-secret', '--request', $request->{method}, @body, '--parallel',
        '--parallel-immediate', '--parallel-max', $at_once, '--config', $file->filename) == 0 or die "scale: curl failed\n";
    return time - $began;
}

sub create_partitions
{
    my ($layout, $partitions) = @_;
    my $dbh = connect_db();
    $dbh->do('SET client_min_messages = warning');
    $dbh->do('SET max_parallel_workers_per_gather = 0');
    $dbh->do('DROP TABLE IF EXISTS cars');
    for my $server (@{ $dbh->selectcol_arrayref('SELECT srvname FROM pg_foreign_server') })
    {
        $dbh->do("DROP SERVER $server CASCADE");
    }
    $dbh->do('CREATE TABLE cars (_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C") PARTITION BY LIST (make)');
    for my $n (1 .. $partitions)
    {
        my $server = $layout eq 'one' ? 's1' : "s$n";
        create_server($dbh, $server) if $n == 1 || $layout eq 'each';
        $dbh->do("CREATE FOREIGN TABLE cars_$n PARTITION OF cars FOR VALUES IN ('p$n') SERVER $server OPTIONS (resource 'cars')");
    }
    return;
}

sub create_server
{
    my ($dbh, $server) = @_;
    $dbh->do("CREATE SERVER $server FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint', dealer_id '@{[DEALER]}',
        max_connections '@{[CONNECTIONS]}', on_type_mismatch 'null')");
    $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (username 'sandbox-app', password 'sandbox-secret')");
    return;
}

# The same for all partitions, as they were at first.
sub store_documents
{
    sandbox_control('DELETE', 'documents/cars');
    sandbox_control('POST', 'documents/cars',
        [ map { { _id => sprintf('0000000000000000000000%02x', $_), make => 'p1', model => "m$_" } } 0 .. DOCUMENTS - 1 ]);
    return;
}
