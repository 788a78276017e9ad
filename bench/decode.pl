#!/usr/bin/perl
# decode
#   What does it cost to read every car, six typed columns of it?  Scans beside what the
#   same bytes cost curl, a cast to json, and what would be written without this
#   extension, over the same pages from the replay server.  DOCUMENTS and RUNS in the
#   environment set the sizes.
use strict;
use warnings;

use File::Temp;
use FindBin;
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use WalcuBench;

my $documents = 0 + ($ENV{DOCUMENTS} // 10_000);
my $runs = 0 + ($ENV{RUNS} // 5);

# What is read: the values counted, so that each is made; and the columns of a record.
my $read = 'count(_id), count(make), count(model), count(mileage), count(published), count(created_at)';
my $record = 'r(_id text, make text, model text, mileage numeric, published boolean, created_at timestamptz)';

my $replay = start_replay($documents);
my $dbh = connect_db();
create_cars($dbh, $replay);
my $pages = page_count($replay);
my $has_http = has_http();
my $expected;
my %cost;

store_pages($dbh, $replay);
printf "%d cars, %.1f MB, in pages of %d; medians of %d runs; CPU is that of curl or of the backend\n\n",
  $replay->{documents}, $replay->{bytes} / 1e6, $PAGE_SIZE, $runs;
printf "%-48s %9s %9s %9s %12s\n", '', 'ms', 'CPU ms', 'requests', 'documents/s';
measure_others();
measure_scans();
measure_jsonb();
judge();

sub measure_others
{
    my $whole = url_list(0 .. $pages - 1);
    my $one = url_list(0);
    my $curl = show('curl, the same pages', sub { cost_of_command('curl', '--silent', '--globoff', '--config', "$whole") });
    my $start = median_cost($runs, sub { cost_of_command('curl', '--silent', '--globoff', '--config', "$one") });
    $cost{download} = $curl->{cpu} - $start->{cpu};

    $cost{cast} = show('cast to json, of pages in a table', sub { cost_of_sql($dbh, 'SELECT count(page::json) FROM pages') });
    show('json_to_recordset, of pages in a table',
        sub { rows_of("SELECT $read FROM pages, json_to_recordset(page::json) AS $record") });
    if ($has_http)
    {
        $cost{http} = show('http_get and json_to_recordset', sub { rows_of(http_query($read)) });
    }
    else
    {
        line('http_get and json_to_recordset', 'skipped: no extension "http" here (postgresql-NN-http)');
    }
    return;
}

sub measure_scans
{
    for my $connections (1, 4, 8)
    {
        my %mode = (max_connections => $connections, fetch_mode => $connections > 1 ? 'parallel' : 'pages');
        my $name = "scan, $connections " . ($connections > 1 ? 'connections' : 'connection');
        # before there were these options, a scan had one connection
        if (set_options($dbh, \%mode) || $connections == 1)
        {
            my $cost = show($name, sub { scan() });
            $cost{scan} //= $cost;
        }
        else
        {
            line($name, 'not available');
        }
    }
    line('scan, background job', 'not available'), return unless set_options($dbh, { fetch_mode => 'job' });
    show('scan, background job', sub { scan() });

    set_options($dbh, { max_connections => 1, fetch_mode => 'pages' });
    replay_settings($replay, { project => JSON::PP::true() });
    show('scan, 1 connection, only the fields asked for', sub { scan() });
    replay_settings($replay, {});
    return;
}

# Whole documents, made jsonb by the scan, and by the cast that anybody else would use.
sub measure_jsonb
{
    set_options($dbh, { max_connections => 1, fetch_mode => 'pages' });
    my ($built, $cast) = map { my $column = $_; show($column->[0], sub { cost_of_sql($dbh, "SELECT count($column->[1]) FROM crm_documents") }) }
      [ 'scan, documents as jsonb', 'built' ], [ 'scan, documents as json, cast to jsonb', 'text::text::jsonb' ];
    my $json = show('scan, documents as json', sub { cost_of_sql($dbh, 'SELECT count(text) FROM crm_documents') });
    $cost{jsonb} = ($built->{cpu} - $json->{cpu}) / ($cast->{cpu} - $json->{cpu});
    return;
}

# Decode alone is what is left of a scan without the download: splitting and decoding, and what
# the executor and paging cost, so rather more than less.
sub judge
{
    my $decode = $cost{scan}{cpu} - $cost{download};

    printf "%-48s %9s %9.1f %9s %12.0f\n", 'decode alone: scan less download, both CPU', '', 1000 * $decode, '',
      $documents / $decode;
    printf "\n%-58s %5.2f  %s\n", 'decode alone to the cast to json, by CPU: at most 1.5',
      $decode / $cost{cast}{cpu}, verdict($decode <= 1.5 * $cost{cast}{cpu});
    printf "%-58s %5.2f\n", 'making jsonb, to the cast to jsonb, by CPU', $cost{jsonb};
    my $faster = $cost{http} && $cost{http}{wall} / $cost{scan}{wall};
    printf "%-58s %5s  %s\n", 'scan, 1 connection, to http_get, times as fast: at least 3',
      $faster ? sprintf('%5.2f', $faster) : '', $faster ? verdict($faster >= 3) : 'not measured';
    return;
}

sub verdict { return $_[0] ? 'reached' : 'MISSED' }

sub scan { return rows_of("SELECT $read FROM crm_cars") }

# Whoever reads the cars reads the same ones.
sub rows_of
{
    my ($sql) = @_;
    my $cost = cost_of_sql($dbh, $sql);
    $expected //= $cost->{row};
    die "decode: read $cost->{row}, not $expected\n" unless $cost->{row} eq $expected;
    return $cost;
}

# Measure, and print a line.
sub show
{
    my ($name, $run) = @_;
    my $before = replay_statistics($replay)->{requests};
    my $cost = median_cost($runs, $run);
    my $requests = (replay_statistics($replay)->{requests} - $before) / ($runs + 1) / ($cost->{times} // 1);
    line($name, sprintf '%9.1f %9.1f %9d %12.0f', 1000 * $cost->{wall}, 1000 * $cost->{cpu}, $requests,
        $replay->{documents} / $cost->{wall});
    return $cost;
}

sub line
{
    my ($name, $text) = @_;
    printf "%-48s %s\n", $name, $text;
    return;
}

# A file that tells curl to fetch these pages over one connection and to drop them.
sub url_list
{
    my $file = File::Temp->new;
    print $file map { "url = \"" . page_url($replay, $_) . "\"\noutput = \"/dev/null\"\n" } @_;
    $file->flush;
    return $file;
}

sub has_http
{
    my ($available) = $dbh->selectrow_array("SELECT count(*) FROM pg_available_extensions WHERE name = 'http'");
    $dbh->do('CREATE EXTENSION http') if $available;
    return $available;
}

sub http_query
{
    my ($columns) = @_;
    my $step = $PAGE_SIZE;
    my $last = ($pages - 1) * $step;
    my $url = page_url($replay, 0) =~ s/0$//r;
    return "SELECT $columns FROM generate_series(0, $last, $step) AS skip, http_get('$url' || skip) AS reply,
                json_to_recordset(reply.content::json) AS $record";
}
