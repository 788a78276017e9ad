# Calls that the service may refuse or answer otherwise: search and group_by.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars'], server => { on_type_mismatch => 'null' }, import => { import_search => 'true' });
my $dbh = connect_db($node);

# Refused: the service's words, and what does without
$sandbox->settings(search => 'refused', group_by => 'refused');
for my $row (
    [ q{SELECT _id FROM crm.cars WHERE _search = 'Seat'}, 'search', 'filter' ],
    [ q{SELECT count(*) FROM crm.cars WHERE _search = 'Seat'}, 'search', 'filter' ],
    [ q{SELECT _id FROM crm.cars WHERE _search = 'Seat' AND make = 'Seat' ORDER BY _id LIMIT 3}, 'search', 'filter', qr/^[34]$/ ],
    [ q{SELECT walcu_fdw_request('crm', 'GET', '/cars', '{"search": "x"}')}, 'search', 'filter' ],
    [ q{SELECT walcu_fdw_request('crm', 'GET', '/cars', '{"group_by": {"make": "$make"}, "limit": 5}')}, 'group_by', 'group' ],
  )
{
    # a filter beside it may be what was refused: it is taken back, step by step; the probe of the
    # order may be on its way by then, or not
    my ($sql, $parameter, $does_without, $requests) = (@$row, qr/^1$/);
    $sandbox->clear_log;
    my $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, '22023', $sql);
    is($error->{message}, qq{server "crm" answered 400: $parameter is not supported}, 'the service\'s words');
    like($error->{detail}, qr/^The request was GET .*\b$parameter=/, 'the request');
    is($error->{hint}, "The service may not take the parameter $parameter, or not with this value: leave it to SQL to $does_without.", 'and what does without');
    like($sandbox->request_count, $requests, 'it is asked for once, or without the filter');
}
for my $status (422)
{
    $sandbox->fault({ fault => { type => 'status', status => $status, error => 'no' } });
    like(sql_error($dbh, q{SELECT _id FROM crm.cars WHERE _search = 'Seat'})->{hint}, qr/^The service may not take the parameter search/, "$status, too");
    is(sql_error($dbh, q{SELECT walcu_fdw_request('crm', 'GET', '/cars')})->{hint}, undef, 'where there is nothing of the kind, nothing is said of it');
    $sandbox->clear_faults;
}

# What is not asked for is not missed
is($dbh->selectrow_array('SELECT count(*) FROM crm.cars'), 120, 'the tables are read');
$sandbox->settings(search => 'accepted', group_by => 'accepted');

# Groups come as they are, whatever their shape
my %makes;
$makes{ $_->[0] // '' } = $_->[1] for @{ $dbh->selectall_arrayref('SELECT make, count(*) FROM crm.cars GROUP BY make') };
my %shape = (
    nested => q{SELECT g->'_id'->>'make', (g->>'count')::int FROM jsonb_array_elements(%s) AS g},
    flat   => q{SELECT g->>'make', (g->>'count')::int FROM jsonb_array_elements(%s) AS g},
    object => q{SELECT g->'_id'->>'make', (g->>'count')::int FROM jsonb_array_elements(%s->'groups') AS g},
);
for my $shape (sort keys %shape)
{
    $sandbox->settings(group_shape => $shape);
    my $call = q{walcu_fdw_request('crm', 'GET', '/cars', '{"group_by": {"make": "$make"}, "limit": 50}')};
    my %groups;
    $groups{ $_->[0] // '' } += $_->[1] for @{ $dbh->selectall_arrayref(sprintf $shape{$shape}, $call) };
    my $sum = 0;
    $sum += $_ for values %groups;
    is($sum, 120, "$shape groups have every document");
    is_deeply({ map { $_ => $groups{$_} } grep { $_ ne '' && $makes{$_} } keys %groups }, { map { $_ => $makes{$_} } grep { $_ ne '' } keys %makes }, 'and PostgreSQL counts the same');
}

done_testing();
