#!/usr/bin/perl
# joins
#   What does it cost to join a local table with the CRM?  Visits of some thousand clients joined to
#   all clients of the sandbox, with some milliseconds before each reply, in every way there
#   is.  Prints requests, documents and seconds, and how many times those of the batched join by
#   pages they are.  What asks for one document at a time is measured for a tenth of the clients.
#   Then it prints how long it takes to make requests of very long lists and of thousands of
#   conditions, none of which is sent.
#   VISITS, KEYS, DOCUMENTS and LATENCY in the environment set the sizes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);
use WalcuBench;

my $visits = 0 + ($ENV{VISITS} // 10_000);
my $keys = 0 + ($ENV{KEYS} // 4_000);
my $documents = 0 + ($ENV{DOCUMENTS} // 100_000);
my $latency = 0 + ($ENV{LATENCY} // 50);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "joins: run by scripts/bench\n";
my $results = $ENV{WALCU_RESULTS} =~ s{^http://}{}r;
my $dealer = '5f2b1c9e8d3a4b0012345678';
my ($user, $password) = ('sandbox-app', 'sandbox-secret');
my $basic = encode_base64("$user:$password", '');
my $part = 10;
my $dbh = connect_db();
my $join = 'SELECT count(*), sum(hashtext(c._id)), count(c.created_by) FROM %s v JOIN crm.clients c ON c._id = v.client_id';
my %no = map { $_ => "SET enable_$_ = off" } qw(hashjoin mergejoin nestloop);
my $not_batched = 'SET walcu_fdw.enable_batched_join = off';
my %expected;
my $base;

set_up();
printf "%d rows with %d distinct ids, joined to %d clients, pages of %d, %d ms before each reply, 4 connections\n\n",
  $visits, $keys, $documents, $PAGE_SIZE, $latency;
printf "%-42s %9s %10s %9s %9s %9s\n", '', 'requests', 'documents', 's', 'requests', 's';
$base = show('batched key join, pages', { fetch_mode => 'parallel' }, [], qr/Batched Key Join.*by key/s);
show('batched key join, pages, work_mem 256 kB', { fetch_mode => 'parallel' }, ["SET work_mem = '256kB'"], qr/Batched Key Join.*by key/s);
show('batched key join, background jobs', { fetch_mode => 'job', max_url_length => 15_000 },
    [ @no{qw(hashjoin mergejoin)} ], qr/Batched Key Join.*background job/s);
show('whole collection, pages', { fetch_mode => 'parallel' }, [ $not_batched, $no{nestloop} ], qr/Hash Join.*parallel/s);
show('whole collection, background job', { fetch_mode => 'job' }, [ $not_batched, $no{nestloop} ], qr/Hash Join.*background job/s);
show("nested loop with Memoize (1/$part, scaled)", { fetch_mode => 'parallel' },
    [ $not_batched, @no{qw(hashjoin mergejoin)} ], qr/Memoize.*by id/s, sprintf($join, 'some_visits'));
if (has_http())
{
    show("http in a LATERAL join (1/$part, scaled)", {}, [], qr/http/, http_query());
}
else
{
    printf "%-42s skipped: no extension \"http\" here (postgresql-NN-http)\n", 'http in a LATERAL join';
}

show_rendering();

# EXPLAIN makes all requests to show the first one.
sub show_rendering
{
    my $conditions = join ' AND ', map { "created_by <> 'somebody $_'" } 1 .. 4000;
    my $arms = join ' OR ', map { "(_id = '$_' AND created_by <> 'somebody $_')" } 1 .. 4000;
    $dbh->do($_) for 'SET plan_cache_mode = force_generic_plan',
      q{CREATE FUNCTION keys(n int) RETURNS text[] LANGUAGE sql AS
          'SELECT array_agg(lpad(to_hex(g::bigint * 7919 % n), 24, ''5'')) FROM generate_series(1, n) g'},
      'PREPARE many(text[]) AS SELECT _id FROM crm.clients WHERE _id = ANY ($1)';
    print "\n";
    for my $case (
        [ '1,500,000 ids', 'EXECUTE many(keys(1500000))' ],
        [ '4,000 conditions', "SELECT _id FROM crm.clients WHERE $conditions" ],
        [ '4,000 arms of OR', "SELECT _id FROM crm.clients WHERE $arms" ])
    {
        my ($name, $sql) = @$case;
        my $began = time;
        $dbh->do("EXPLAIN $sql");
        printf "%-42s %31.2f s\n", "requests made of $name", time - $began;
    }
    return;
}

# Run a join in this way, and print a line; a query of some visits counts for all of them.
sub show
{
    my ($name, $options, $settings, $plan, $query) = @_;
    my $scale = $query ? $part : 1;
    my $sql = $query // sprintf $join, 'visits';
    set_options($dbh, { on_type_mismatch => 'null', results_hosts => $results, %$options });
    # what a session has learned of latencies does not go into the next way
    $dbh->disconnect;
    $dbh = connect_db();
    $dbh->do($_) for 'SET jit = off', @$settings;
    my $explained = join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN VERBOSE $sql") };
    die "joins: $name is planned otherwise:\n$explained\n" unless $explained =~ $plan;

    # the sandbox makes its documents when they are asked for first
    run($sql, $scale);
    sandbox_control('POST', 'faults', { fault => { type => 'latency', ms => $latency } });
    sandbox_control('DELETE', 'log');
    my $cost = run($sql, $scale);
    my $log = sandbox_control('GET', 'log');
    sandbox_control('DELETE', 'faults');
    $cost->{requests} = @$log * $scale;
    $cost->{documents} = 0;
    $cost->{documents} += $scale * ($_->{documents} // 0) for @$log;
    my $to = $base // $cost;
    printf "%-42s %9d %10d %9.1f %9.1f %9.1f\n", $name, @$cost{qw(requests documents)}, $cost->{wall} * $scale,
      $cost->{requests} / $to->{requests}, $cost->{wall} * $scale / $to->{wall};
    return $cost;
}

# Each way finds the same rows.
sub run
{
    my ($sql, $scale) = @_;
    my $cost = cost_of_sql($dbh, $sql);
    my ($ids) = $cost->{row} =~ /^(\d+\|-?\d+)\|/;
    $expected{$scale} //= $ids;
    die "joins: found $ids, not $expected{$scale}\n" unless $ids eq $expected{$scale};
    return $cost;
}

# Each client is asked for once.
sub http_query
{
    return "SELECT count(*), sum(hashtext(c.document ->> '_id')), count(c.document ->> 'created_by')
              FROM (SELECT k.client_id, (replace(r.content, '\\u0000', '')::jsonb) -> 0 AS document
                      FROM (SELECT DISTINCT client_id FROM some_visits) k,
                           LATERAL http(('GET', '$endpoint/dealers/$dealer/clients/' || k.client_id,
                                         ARRAY[http_header('Authorization', 'Basic $basic')], NULL, NULL)::http_request) r
                    OFFSET 0) c
              JOIN some_visits v USING (client_id)";
}

sub has_http
{
    my ($available) = $dbh->selectrow_array("SELECT count(*) FROM pg_available_extensions WHERE name = 'http'");
    $dbh->do('CREATE EXTENSION http') if $available;
    return $available;
}

sub set_up
{
    sandbox_control('POST', 'reset', { scale => 10, counts => { clients => $documents } });
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw',
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint', dealer_id '$dealer')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username '$user', password '$password')",
        'CREATE SCHEMA crm',
        'IMPORT FOREIGN SCHEMA walcu LIMIT TO (clients) FROM SERVER crm INTO crm');
    set_options($dbh, { on_type_mismatch => 'null', fetch_mode => 'parallel' });
    $dbh->do($_) for (
        'ANALYZE crm.clients',
        'CREATE TABLE ids AS SELECT _id, row_number() OVER (ORDER BY md5(_id)) AS n FROM crm.clients',
        "CREATE TABLE visits AS SELECT visit, n, _id AS client_id
           FROM generate_series(1, $visits) visit JOIN ids ON n = 1 + visit * 7 % $keys ORDER BY visit",
        "CREATE TABLE some_visits AS SELECT * FROM visits WHERE n <= $keys / $part",
        'ANALYZE visits, some_visits');
    return;
}
