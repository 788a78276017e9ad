# A nested loop whose outer rows ask for the same documents again and again: PostgreSQL's Memoize keeps them.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

my $sandbox = WalcuTest::Sandbox->start(scale => 2000);
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => ['clients']);
my $dbh = connect_db($node);
$dbh->do('ANALYZE crm.clients');
$dbh->do(q{CREATE TABLE calls AS SELECT g, ids[1 + g % 10] AS client_id FROM generate_series(1, 1000) g,
    (SELECT array_agg(_id) AS ids FROM (SELECT _id FROM crm.clients LIMIT 10) c) d});

# What a batched join would ask for at once
$dbh->do('SET walcu_fdw.enable_batched_join = off');

# Without statistics of the outer table, PostgreSQL does not know how often values repeat
my $sql = 'SELECT count(c._id) FROM calls l LEFT JOIN crm.clients c ON c._id = l.client_id';
unlike(plan_of($sql), qr/Memoize/, 'an outer table that was not analyzed is read once with the clients');
$dbh->do('ANALYZE calls');
like(plan_of($sql), qr/Nested Loop.*Memoize.*Cache Key: l\.client_id.*document by id/s, 'one that was gets a cache');
$sandbox->clear_log;
is($dbh->selectrow_array($sql), 1000, '1,000 rows');
my @requests = $sandbox->log;
is(scalar(@requests), 10, 'of 10 values are 10 requests');
is_deeply([ map { $_->{kind} } @requests ], [ ('get') x 10 ], 'one for each');

done_testing();

sub plan_of
{
    my ($sql) = @_;
    return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN $sql") };
}
