# What it costs to know that a service sorts: one request a session and resource, at the same time as the first page.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 180, clients => 60, tasks => 30 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);

is(requests('SELECT max(created_at) FROM crm.cars'), 2, 'the first order of a session takes one more request');
is(requests('SELECT max(created_at) FROM crm.cars'), 1, 'the next one does not');
is(requests('SELECT make FROM crm.cars ORDER BY make DESC NULLS LAST LIMIT 3'), 1, 'nor does another order of the resource');
is(requests('SELECT min(created_at) FROM crm.clients'), 2, 'another resource takes one, too');
is(requests('SELECT description FROM crm.tasks ORDER BY _id'), 1, 'what comes whole takes none');

# At the same time as the first page
my $other = connect_db($node);
my ($requests) = under_way($other, $sandbox, 'SELECT max(created_at) FROM crm.cars', 2, kind => 'list');
is($requests, 2, 'both requests are under way before one is answered');
is_deeply([ sort map { $_->{query}{sort} } $sandbox->log(kind => 'list') ], [ '-created_at _id', 'created_at -_id' ], 'they are an order and its reverse');

# A probe that fails is no error
my $third = connect_db($node);
$sandbox->fault({ match => { kind => 'list', query => { sort => '^created_at -_id$' } }, fault => { type => 'status', status => 400 } });
is_deeply($third->selectall_arrayref('SELECT max(created_at) FROM crm.cars'), $dbh->selectall_arrayref('SELECT max(created_at) FROM crm.cars'),
    'a probe that fails is no error');
done_testing();

sub requests
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref($sql);
    return $sandbox->request_count;
}
