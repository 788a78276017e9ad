#!/usr/bin/perl
# questions
#   How near to the least possible are the requests of what people and BI tools ask?  Some forty questions of a dealership,
#   in the SQL that Metabase, Power BI, Tableau, Grafana, PostgREST, Django, Superset, SQLAlchemy and people send, each in
#   a session that knows nothing, of tables that were never analyzed, with some milliseconds before each reply.  Prints the
#   least number of requests, the requests used, documents and seconds.  The questions stand in t/lib/WalcuTest/Questions.pm,
#   where each says why its least is that.  LATENCY in the environment sets the milliseconds.
use strict;
use warnings;

use FindBin;
use JSON::PP qw(encode_json);
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../t/lib";
use Time::HiRes qw(time);
use WalcuBench;
use WalcuTest::Questions;

my $latency = 0 + ($ENV{LATENCY} // 50);
my $endpoint = $ENV{WALCU_ENDPOINT} or die "questions: run by scripts/bench\n";
my $results = $ENV{WALCU_RESULTS} =~ s{^http://}{}r;
my %sum = map { $_ => 0 } qw(least used);

set_up();
printf "%s, %d ms before each reply, 4 connections\n\n",
  join(', ', map { SIZES->{$_} . " $_" } sort keys %{ SIZES() }), $latency;
printf "%-11s %-66s %6s %6s %6s %10s %6s\n", 'tool', 'question', 'least', 'used', 'ratio', 'documents', 's';
show($_) for questions();
printf "\n%-78s %6d %6d %6.2f\n", 'all', @sum{qw(least used)}, $sum{used} / $sum{least};

sub show
{
    my ($question) = @_;
    my ($began, $seconds);
    my $begin = sub {
        sandbox_control('POST', 'faults', { fault => { type => 'latency', ms => $latency } });
        sandbox_control('DELETE', 'log');
        $began = time;
    };
    my $end = sub {
        $seconds = time - $began;
        sandbox_control('DELETE', 'faults');
        return sandbox_control('GET', 'log');
    };
    my $asked = ask(connect_db(), $question, $begin, $end);
    my ($least, $used) = ($asked->{least}, scalar @{ $asked->{seen} });
    my $documents = 0;
    $documents += $_->{documents} // 0 for @{ $asked->{seen} };
    die "questions: $question->{about}: other rows than those of the copies\n"
      unless encode_json([ $asked->{rows} ]) eq encode_json([ $asked->{same} ]);
    printf "%-11s %-66s %6d %6d %6s %10d %6.2f\n", $question->{tool}, $question->{about}, $least, $used,
      $least ? sprintf('%.2f', $used / $least) : '', $documents, $seconds;
    # what a background job spares is not set against what others waste
    $sum{least} += $least < $used ? $least : $used;
    $sum{used} += $used;
    return;
}

sub set_up
{
    sandbox_control('POST', 'reset', { scale => 10, counts => SIZES });
    my $dbh = connect_db();
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw',
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint', dealer_id '5f2b1c9e8d3a4b0012345678',
            on_type_mismatch 'null', results_hosts '$results')",
        q{CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')},
        'CREATE SCHEMA crm',
        'IMPORT FOREIGN SCHEMA walcu LIMIT TO (' . join(', ', sort keys %{ SIZES() }) . ') FROM SERVER crm INTO crm',
        q{ALTER DATABASE postgres SET timezone = 'Europe/Madrid'},
        'ALTER DATABASE postgres SET jit = off');
    create_copies(connect_db());
    return;
}
