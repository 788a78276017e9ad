# A service that refuses `sort`, as it is asked to or at all: rows are right, and in order, from the first statement
# on; a session finds out once, and asks for no order after that.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 180, notes => 120 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(cars notes)]);
my $local = connect_db($node);
$local->do('SET walcu_fdw.enable_pushdown = off');

my @queries = (
    'SELECT _id, make FROM crm.cars ORDER BY _id',
    'SELECT count(*) FROM crm.cars',
    'SELECT count(make) FROM crm.cars',
    'SELECT make FROM crm.cars ORDER BY make, _id LIMIT 7',
    'SELECT _id FROM crm.cars ORDER BY _id DESC LIMIT 3 OFFSET 60',
    q{SELECT _id FROM crm.cars WHERE make = 'SEAT' ORDER BY mileage DESC NULLS LAST, _id LIMIT 4},
    q{SELECT count(*) FROM crm.cars WHERE make IN ('SEAT', 'BMW') AND mileage > 20000},
    'SELECT max(mileage), min(mileage), max(_id) FROM crm.cars',
    q{SELECT _id FROM crm.cars WHERE location = 'no' OR make ~ '^S' ORDER BY 1},
    q{SELECT count(*) FROM crm.notes WHERE client_id = 'nope'},
    'SELECT a._id FROM crm.notes a JOIN crm.notes b ON a._id = b._id ORDER BY 1',
);
my %wanted = map { $_ => $local->selectall_arrayref($_) } @queries;

$sandbox->put('/_sandbox/settings', { sort_format => 'json' });
for my $query (@queries)
{
    my $dbh = connect_db($node);
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, $_[0] };
    is_deeply(eval { $dbh->selectall_arrayref($query) } // $dbh->errstr, $wanted{$query}, "sort is refused: $query");
    is(scalar(grep { /does not sort as it is asked to/ } @warnings), 1, 'one warning says so') or diag(@warnings);
    is(scalar(grep { /refused a filter/ } @warnings), 0, 'and none blames the filter') or diag(@warnings);
    $sandbox->clear_log;
    is_deeply(eval { $dbh->selectall_arrayref($query) } // $dbh->errstr, $wanted{$query}, 'again');
    is(scalar(grep { $_->{status} != 200 || defined $_->{query}{sort} } $sandbox->log), 0, 'it is not asked to sort any more');
}
my $dbh = connect_db($node);
{
    local $SIG{__WARN__} = sub { };
    is(sql_error($dbh, 'ANALYZE crm.cars'), undef, 'ANALYZE needs no order');
}
is($dbh->selectrow_array(q{SELECT reltuples FROM pg_class WHERE oid = 'crm.cars'::regclass}), 180, 'and counts right');

# Where a service refuses everything, its words are the error
$sandbox->put('/_sandbox/settings', { sort_format => 'mongoose' });
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'status', status => 400, error => 'no' } });
for my $query (@queries)
{
    $sandbox->clear_log;
    my $error = sql_error(connect_db($node), $query);
    is($error->{message}, 'server "crm" answered 400: no', "all is refused: $query");
    cmp_ok(scalar($sandbox->log), '<=', 12, 'after a few requests');
}
done_testing();
