# walcu_fdw_request(): any call of the API.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks']);
my $dbh = connect_db($node);
my $json = JSON::PP->new->utf8(0);

# Each method
my $task = request('POST', '/tasks', undef, { description => "llamar: \"\x{f1}\" \x{1F600}" });
like($task->{_id}, qr/^[0-9a-f]{24}$/, 'POST creates a document');
my $id = $task->{_id};
is_deeply(request('GET', "/tasks/$id")->[0]{description}, $task->{description}, 'GET reads it');
is(request('PATCH', "/tasks/$id", undef, [ { op => 'add', path => '/description', value => 'x' } ])->{description},
    'x', 'PATCH changes it');
is(request('put', "/tasks/$id", undef, { _id => $id, description => 'y' })->{description}, 'y', 'PUT replaces it');
is_deeply(request('DELETE', "tasks/$id"), { _id => $id }, 'DELETE deletes it');
is(failure('GET', "/tasks/$id"), 'HV00R', 'and it is gone');

# Parameters: strings as they are, the rest as JSON
$sandbox->clear_log;
request('GET', '/tasks', { q => { description => { '$ne' => 'a&b' } }, limit => 2, sort => '-created_at', search => '' });
my ($sent) = $sandbox->log;
is_deeply($sent->{query},
    { q => { description => { '$ne' => 'a&b' } }, limit => '2', sort => '-created_at', search => '' },
    'parameters arrive as they were given');
is(ref request('GET', '/tasks', { group_by => { client => '$client_id' } }), 'ARRAY', 'group_by is reached');
is(ref request('GET', '/tasks/all'), 'ARRAY', 'a job is reached');

# Wrong arguments
for (
    [ '22023', 'FETCH', '/tasks' ],
    [ '22023', 'GET',   '' ],
    [ '22023', 'GET',   '/' ],
    [ '22023', 'GET',   '//tasks' ],
    [ '22023', 'GET',   '/../other-dealer/tasks' ],
    [ '22023', 'GET',   '/tasks/..' ],
    [ '22023', 'GET',   '/tasks/./x' ],
    [ 'HV00R', 'GET',   '/nothing' ],
    [ 'HV00R', 'GET',   '/tasks/a?b#c' ],
  )
{
    my ($sqlstate, $method, $path) = @$_;
    is(failure($method, $path), $sqlstate, "$method $path");
}
like(sql_error($dbh, "SELECT walcu_fdw_request('crm', 'GET', '/tasks?limit=2')")->{hint}, qr/the argument path.*the argument query/,
    'parameters in the path: the hint tells where they belong');
is(sql_error($dbh, "SELECT walcu_fdw_request('crm', 'GET', '/tasks', '[1]')")->{sqlstate}, '22023',
    'a query that is no object');
is(sql_error($dbh, "SELECT walcu_fdw_request('nobody', 'GET', '/tasks')")->{sqlstate}, '42704', 'an unknown server');
is(sql_error($dbh, "SELECT walcu_fdw_request('crm', NULL, '/tasks')")->{sqlstate}, '22004', 'no method');
is(sql_error($dbh, "SELECT walcu_fdw_request('crm', 'GET', '/tasks', '{\"q\": \"{\"}')")->{sqlstate}, '22023',
    'what the service refuses');

# Replies that are not JSON, and none at all
$sandbox->fault({ match => { kind => 'list' }, times => 1,
    fault => { type => 'reply', status => 200, body => '[1', headers => { 'content-type' => 'application/json' } } });
is(failure('GET', '/tasks'), '22P02', 'a reply that is not JSON');
$sandbox->clear_faults;
$sandbox->fault({ match => { kind => 'delete' }, times => 1, fault => { type => 'reply', status => 204, body => '' } });
is(request('DELETE', '/tasks/x'), undef, 'an empty reply is NULL');

done_testing();

sub request
{
    my ($method, $path, $query, $body) = @_;
    my ($reply) = $dbh->selectrow_array('SELECT walcu_fdw_request(?, ?, ?, ?, ?)', undef,
        'crm', $method, $path, map { defined $_ ? $json->encode($_) : undef } $query, $body);
    return defined $reply ? $json->decode($reply) : undef;
}

sub failure
{
    my ($method, $path) = @_;
    my $error = sql_error($dbh, 'SELECT walcu_fdw_request(?, ?, ?)', 'crm', $method, $path);
    return $error ? $error->{sqlstate} : 'no error';
}
