# Patterns with many characters of any kind are ones that a service can refuse a text by: it would try two to the power of
# their number of ways.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars)]);
my $dbh = connect_db($node);
$dbh->do("SET statement_timeout = '60s'");
my @texts = ('x' x 62, 'x' x 63, 'x' x 64, 'x' x 127, "\x{1f600}" x 63, 'ax' x 20, 'ax' x 21 . 'b');
$sandbox->post('/_sandbox/documents/cars',
    [ map { { _id => sprintf('%024x', $_), make => $texts[ $_ - 1 ], dealer_id => $sandbox->dealer_id } } 1 .. @texts ]);

my $run = '_' x 63;
my $dots = '.' x 63;
for (
    [ "make LIKE '$run'", '[\d\D]{63,126}' ],
    [ "make NOT LIKE '$run'" ],
    [ "make LIKE '%$run'", '[\d\D]{63,126}' ],
    [ "make ILIKE '$run'", '[\d\D]{63,126}' ],
    [ "make ILIKE '$run' COLLATE \"es-x-icu\"", '[\d\D]{0,126}' ],
    [ "make ~ '^$dots\$'", '[\d\D]{63,126}' ],
    [ "make LIKE '__a__b__'", '[\d\D]{2,4}a[\d\D]{2,4}b[\d\D]{2,4}' ],
    # between others, they multiply: then only what stands before them is asked for
    [ "make LIKE 'a" . '_a' x 20 . "'", undef ],
    [ "make ~ '^" . '.x' x 20 . "\$'", undef ],
  )
{
    my ($condition, $expected) = @$_;
    my $sql = "SELECT _id FROM crm.cars WHERE _id < '0001' AND $condition ORDER BY 1";
    $sandbox->clear_log;
    my $found = $dbh->selectall_arrayref($sql);
    my $asked = JSON::PP->new->canonical->encode([ map { $_->{query}{q} } $sandbox->log ]) =~ s/\\\\/\\/gr;
    cmp_ok(index($asked, $expected), '>=', 0, "$condition: the run is one") or diag $asked if $expected;
    unlike($asked, qr/(?:\{[01],2\}.*){3}/, "$condition: and not many");
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($found, $dbh->selectall_arrayref($sql), "$condition: rows");
    $dbh->do('RESET walcu_fdw.enable_pushdown');
}
done_testing();
