# Some forty questions that people and BI tools ask of a CRM, of tables that were never analyzed, each in a session of
# its own that knows nothing: they cost next to the least number of requests there is, and have the rows of copies.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use WalcuTest;
use WalcuTest::Questions;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => SIZES);
my $node = start_node('main', timezone => "'Europe/Madrid'", autovacuum => 'off', jit => 'off');
my $results = $sandbox->results_endpoint =~ s{^https?://}{}r;
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', results_hosts => $results }, limit_to => [ sort keys %{ SIZES() } ]);
create_copies(connect_db($node));

my ($sum, $least) = (0, 0);
for my $question (questions())
{
    my $name = "$question->{tool}: $question->{about}";
    forget_sizes($node);
    my $session = connect_db($node);
    my $asked = ask($session, $question, sub { $sandbox->clear_log }, sub { [ $sandbox->log ] });
    my $used = @{ $asked->{seen} };
    $sum += $used;
    # what a background job spares is not set against what others waste
    $least += $asked->{least} < $used ? $asked->{least} : $used;
    is_deeply($asked->{rows}, $asked->{same}, "$name: rows");
    is(grep({ $_->{status} >= 400 } @{ $asked->{seen} }), 0, "$name: no request in vain");
    cmp_ok($question->{allow} // RATIO, '<=', WORST, "$name: no more than twice the least is allowed");
    cmp_ok($used, '<=', requests_allowed($question, $asked->{least}), "$name: $used requests, least $asked->{least}")
      or diag(map { "$_->{method} $_->{raw_path}\n" } @{ $asked->{seen} });
}
cmp_ok($sum, '<=', RATIO * $least, "$sum requests in all, $least at least");

done_testing();
