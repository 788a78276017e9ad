# Queries answer alike with pushdown on and off: random ones over random documents.
#
# `make fuzz` runs this file with other numbers, in the environment: FUZZ_QUERIES,
# FUZZ_SEED, FUZZ_JOBS, and FUZZ_QUERY for one query alone.

use strict;
use warnings;

use Encode qw(encode_utf8);
use Test::More;
use WalcuTest::Fuzz;

# Shares of the queries that have a filter, or an order, in a request; less would mean
# that the fuzzer has lost its subject.
use constant LEAST_FILTERS => 0.5;
use constant LEAST_ORDERS  => 0.14;

# So many queries are compared, unless others are asked for; some of the statements are ten of them.
use constant LEAST_QUERIES => 20_000;

my $is_asked_for = grep { defined $ENV{$_} } qw(FUZZ_QUERIES FUZZ_SEED FUZZ_QUERY);
my $tally = fuzz(
    queries => $ENV{FUZZ_QUERIES} // 5900,
    seed    => $ENV{FUZZ_SEED} // 1,
    jobs    => $ENV{FUZZ_JOBS} // 3,
    only    => $ENV{FUZZ_QUERY},
    report  => sub { my ($text) = @_; diag encode_utf8($text) if $is_asked_for || $text =~ /\n/ });

my $text = tally_text($tally);
$is_asked_for ? diag $text : note $text;
is($tally->{verdicts}{different} // 0, 0, "pushdown changes none of $tally->{selects} answers");
is($tally->{verdicts}{invalid} // 0, 0, 'and none of the queries is wrong in itself');
cmp_ok($tally->{selects}, '>=', LEAST_QUERIES, 'of enough queries') unless $is_asked_for;
is($tally->{leak}, 0, 'pushdown that is off is off');
unless (defined $ENV{FUZZ_QUERY})
{
    cmp_ok($tally->{filter} / $tally->{queries}, '>=', LEAST_FILTERS, 'enough of them have a filter in a request');
    cmp_ok($tally->{sort} / $tally->{queries}, '>=', LEAST_ORDERS, 'and an order');
}
done_testing();
