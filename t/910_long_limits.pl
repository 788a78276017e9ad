# A LIMIT over conditions that few documents pass: where that is known, all documents are read at once, and where
# it is not, the scan goes over to ranges once it has read more than was likely, unless an order is owed.

use strict;
use warnings;

use lib 't/lib';
use WalcuTest;
use Test::More;

use constant CARS => 2500;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => CARS });
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', fetch_mode => 'parallel' }, limit_to => ['cars']);
my $dbh = connect_db($node);
$dbh->do('CREATE SCHEMA local; CREATE TABLE local.cars AS TABLE crm.cars; ANALYZE local.cars');
my $few = $dbh->selectrow_array(q{SELECT count(*) FROM local.cars WHERE md5(_id) LIKE '0%'});
my $pages = CARS / 50;

# The planner expects that a third of all rows pass a condition like this
my $rare = q{md5(_id) >= '0' AND md5(_id) < '008'};
my ($rows) = map { scalar @$_ } $dbh->selectall_arrayref("SELECT _id FROM local.cars WHERE $rare");
note("$rows of " . CARS . ' pass');
$sandbox->fault({ fault => { type => 'latency', ms => 15 } });
for my $known (0, 1)
{
    $dbh->do('ANALYZE crm.cars') if $known;
    my $when = $known ? 'known sizes' : 'without ANALYZE';
    my $cost = costs("SELECT _id FROM cars WHERE $rare LIMIT 200");
    cmp_ok($cost->{requests}, '<=', $pages + 10, "$when: $cost->{requests} requests");
    cmp_ok($cost->{chain}, '<=', 8 + $pages / 2.5, "$when: of which $cost->{chain} wait for one another");
    my $early = costs('SELECT _id FROM cars WHERE length(_id) > 3 LIMIT 20', any => 1);
    is($early->{requests}, 1, "$when, a LIMIT that the first page satisfies is one request");
    $early = costs(q{SELECT _id FROM cars WHERE md5(_id) > '8' LIMIT 250}, any => 1);
    cmp_ok($early->{requests}, '<=', 16, "$when, one that takes some pages: $early->{requests} requests");

    # An order is owed
    my $ordered = costs("SELECT _id FROM cars WHERE md5(_id) > '8' ORDER BY _id LIMIT 100", in_order => 1);
    cmp_ok($ordered->{requests}, '<=', 6, "$when, in an order: $ordered->{requests} requests");
}

# A fraction that statistics know to be small
my $cost = costs(q{SELECT _id FROM cars WHERE md5(make) = 'no such make' LIMIT 10});
like($cost->{plan}, qr/parallel pages by key/, 'the whole is read at once where the LIMIT is not likely to end it');
cmp_ok($cost->{chain}, '<=', $pages / 2, "a chain of $cost->{chain}");

# A cursor that goes on and on
$dbh->begin_work;
$dbh->do('DECLARE c CURSOR FOR SELECT _id FROM crm.cars');
$sandbox->clear_log;
$dbh->selectall_arrayref('FETCH 100 FROM c');
cmp_ok($sandbox->request_count, '<=', 3, 'a cursor begins with what is fetched');
my %seen;
$seen{$_}++ for @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') };
cmp_ok(scalar(keys %seen), '>=', CARS - 100, 'it brings all of the others');
is(scalar(grep { $_ > 1 } values %seen), 0, 'each once');
cmp_ok($sandbox->chain($sandbox->log), '<=', 10 + $pages / 2, 'and not one page after the other');
$dbh->rollback;

# Whoever wants pages in sequence gets them
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'pages')");
$cost = costs("SELECT _id FROM cars WHERE $rare LIMIT 200");
cmp_ok($cost->{chain}, '>', $pages * 0.9, "fetch_mode 'pages' stays what it is");

done_testing();

# The plan, the number of requests, and their longest chain; rows are compared with those of a local copy.
sub costs
{
    my ($sql, %how) = @_;
    my $plan = join "\n", map { $_->[0] } @{ in_schema('crm', "EXPLAIN $sql") };
    $sandbox->clear_log;
    my $rows = [ map { $_->[0] } @{ in_schema('crm', $sql) } ];
    my @log = $sandbox->log;
    my $wanted = [ map { $_->[0] } @{ in_schema('local', $sql) } ];
    my @compared = map { $how{in_order} ? $_ : [ sort @$_ ] } $rows, $wanted;
    is_deeply(@compared, "$sql: rows") unless $how{any};
    is(scalar(@$rows), scalar(@$wanted), "$sql: so many rows") if $how{any};
    return { plan => $plan, requests => scalar(@log), chain => $sandbox->chain(@log) };
}

sub in_schema
{
    my ($schema, $sql) = @_;
    $dbh->do("SET search_path = $schema, public");
    return $dbh->selectall_arrayref($sql);
}
