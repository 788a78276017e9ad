# How requests are found again: slow ones in the server's log, and all of a statement in the logs of the service.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 120 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', max_retries => 0, request_timeout => '2s' }, limit_to => [ 'cars', 'notes' ]);
my $dbh = connect_db($node);

# Headers
is_deeply([ headers_of('SELECT make FROM crm.cars') ], ['- -'], 'without the settings there is no header');
$dbh->do("SET walcu_fdw.traceparent = '$PARENT'");
$dbh->do("SET walcu_fdw.request_id = 'report-7'");
is_deeply([ headers_of('SELECT make FROM crm.cars') ], ["$PARENT report-7"], 'with them every request of a scan has both');
is_deeply([ headers_of(q{INSERT INTO crm.notes (content) VALUES ('x')}) ], ["$PARENT report-7"], 'and a write');
is_deeply([ headers_of(q{SELECT walcu_fdw_request('crm', 'GET', '/cars')}) ], ["$PARENT report-7"], 'and a call');
$dbh->begin_work;
$dbh->do("SET LOCAL walcu_fdw.request_id = ''");
is_deeply([ headers_of('SELECT model FROM crm.cars') ], ["$PARENT -"], 'for a transaction, without one');
$dbh->commit;
is_deeply([ headers_of('SELECT model FROM crm.cars') ], ["$PARENT report-7"], 'and again with it');

# What is no such thing
for my $wrong ('x', uc $PARENT, "01$PARENT", $PARENT =~ s/^00/01/r, $PARENT =~ s/4bf9[^-]*/'0' x 32/er, $PARENT =~ s/00f0[^-]*/'0' x 16/er, "$PARENT ", "$PARENT\r\nX: y")
{
    is(sql_error($dbh, 'SET walcu_fdw.traceparent = ' . $dbh->quote($wrong))->{sqlstate}, '22023', "no traceparent: $wrong");
}
for my $wrong ('a b', "a\r\nX: y", "\t", 'ñ', 'x' x 129)
{
    my $error = sql_error($dbh, 'SET walcu_fdw.request_id = ' . $dbh->quote($wrong));
    is($error->{sqlstate}, '22023', 'no id of a request');
    like($error->{detail}, qr/^It has 128 visible characters of ASCII at most/, 'and why');
}
is_deeply([ headers_of('SELECT model FROM crm.cars') ], ["$PARENT report-7"], 'what was refused changes nothing');
$dbh->do('SET walcu_fdw.request_id = ' . $dbh->quote('x' x 128));
is_deeply([ headers_of('SELECT model FROM crm.cars') ], ["$PARENT " . 'x' x 128], 'the longest one');

# The log
is_deeply([ logged('SELECT make FROM crm.cars') ], [], 'nothing is logged');
$dbh->do('SET walcu_fdw.log_min_request_duration = 0');
my @lines = logged('SELECT make FROM crm.cars');
is(scalar @lines, $sandbox->request_count(), 'each request is a line');
like($lines[0], qr/^LOG:  request to server "crm" took \d+ ms: status 200, \d+ bytes\n.*DETAIL:  The request was GET \/cars\?project=make _id&sort=_id&limit=50\.$/, 'with what it was');
unlike(join('', @lines), qr/sandbox-secret|Basic/, 'and without credentials');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'close', when => 'before' } });
like((logged('SELECT mileage FROM crm.cars'))[0], qr/took \d+ ms: no reply, 0 bytes\n/, 'one without a reply');
$sandbox->clear_faults;
$dbh->do(q{SET walcu_fdw.log_min_request_duration = '1h'});
is_deeply([ logged('SELECT year FROM crm.cars') ], [], 'none that is quicker');
$dbh->do('CREATE ROLE analyst');
$dbh->do('SET ROLE analyst');
is(sql_error($dbh, 'SET walcu_fdw.log_min_request_duration = 0')->{sqlstate}, '42501', 'others may not have it logged');
$dbh->do(q{SET walcu_fdw.request_id = 'y'});
pass('but may set an id');
done_testing();

# The different pairs of headers that requests of a statement had.
sub headers_of
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->do($sql);
    my %seen = map { join(' ', map { $_ // '-' } @{ $_->{headers} }{qw(traceparent x-request-id)}) => 1 } $sandbox->log;
    return sort keys %seen;
}

# The lines that a statement leaves in the server's log, each with its detail.
sub logged
{
    my ($sql) = @_;
    my $offset = -s $node->logfile;
    $sandbox->clear_log;
    eval { $dbh->selectall_arrayref($sql) };
    my $text = PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset);
    return map { s/^.*?(?=LOG:)//r } $text =~ /^(.*LOG:  request to.*\n.*DETAIL:.*)$/mg;
}
