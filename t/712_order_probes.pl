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
$sandbox->clear_faults;

# Several servers of one service, as for several dealers: what is seen by one holds for all of them, and of scans that begin
# together the first one asks.  Another service is asked itself, and so is this one where the first has found nothing out
my $unsorted = WalcuTest::Sandbox->start(scale => 20, count => { cars => 180 });
$unsorted->fault({ match => { kind => 'list' }, fault => { type => 'ignore', sort => JSON::PP::true } });
setup_crm($node, $_->[1], name => $_->[0], limit_to => ['cars'], server => { on_type_mismatch => 'null' })
  for (map { [ "dealer$_", $sandbox ] } 1 .. 4), [ 'elsewhere', $unsorted ];
for (
    [ 'of one service', 5, 0, qw(dealer1 dealer2 dealer3 dealer4) ],
    [ 'where the first has no answer', 6, 0, { type => 'status', status => 400 }, qw(dealer1 dealer2 dealer3 dealer4) ],
    [ 'of two services', 4 + 2, 1, qw(dealer1 elsewhere dealer2 dealer3) ],
    [ 'of which the first has too few documents, without values behind them', 3 + 2 + 1 + 1, 0, [ 'dealer1', "WHERE make = 'few' ORDER BY created_at DESC NULLS LAST, _id LIMIT 7" ], qw(dealer2 dealer3 dealer4) ],
  )
{
    my ($what, $requests, $is_unsorted, @dealers) = @$_;
    my $fault = ref $dealers[0] eq 'HASH' ? shift @dealers : undef;
    $sandbox->post('/_sandbox/documents/cars', [ { _id => 'few1', make => 'few' } ]) if ref $dealers[0];
    my $all = join ' UNION ALL ', map { ref $_ ? "(SELECT _id, created_at FROM $_->[0].cars $_->[1])" : "SELECT _id, created_at FROM $_.cars" } @dealers;
    my $sql = "SELECT _id, created_at FROM ($all) u ORDER BY created_at DESC NULLS LAST, _id LIMIT 7";
    my $session = connect_db($node);
    $session->do('SET walcu_fdw.enable_pushdown = off');
    my $rows = $session->selectall_arrayref($sql);
    $session = connect_db($node);
    $session->do('SET client_min_messages = error');
    $_->clear_log for $sandbox, $unsorted;
    # the reverse order, of the first that asks
    $sandbox->fault({ match => { kind => 'list', query => { sort => '^created_at -_id$' } }, times => 1, fault => $fault }) if $fault;
    is_deeply($session->selectall_arrayref($sql), $rows, "servers $what: rows");
    $sandbox->clear_faults;
    my $elsewhere = $unsorted->request_count(kind => 'list');
    is($sandbox->request_count(kind => 'list') + ($is_unsorted ? 2 : 0), $requests, "servers $what: requests");
    cmp_ok($elsewhere, $is_unsorted ? '>' : '==', 0, "servers $what: elsewhere");
    $session->disconnect;
}

# A list of two parts, whose documents lie between one another.  The last page of the second is asked for before the
# first page of the first has come, and comes after it: it is the end of the second alone.
my @makes = sort keys %{ { map { $_->{make} => 1 } grep { $_->{make} } $sandbox->dump('cars') } };
my @words = map { "$makes[$#makes / 2] " . ('x' x 40) . $_ } 101 .. 130;
my $list = join ', ', map { "'$_'" } @makes, @words;
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'parallel', ADD fetch_size '5', ADD max_url_length '2000')");
my ($first, $last) = map { hold_list(@$_) } [ qq{"$makes[0]"}, '^_id$' ], [ qq{"$makes[-1]"}, '^-_id$' ];
$sandbox->clear_log;
$dbh->do("SELECT _id FROM crm.cars WHERE make IN ($list)", { pg_async => 1 });
wait_until(sub { held($first) && held($last) });
$sandbox->delete("/_sandbox/faults/$first");
wait_until(sub { grep { ($_->{query}{sort} // '') eq '_id' && ($_->{documents} // 0) && $_->{query}{q}{make}{'$in'}[0] eq $makes[0] } $sandbox->log });
sleep 0.2;
$sandbox->clear_faults;
is(0 + $dbh->pg_result, scalar(grep { $_->{make} } $sandbox->dump('cars')), 'the last page of one part is not the end of another');
is((scalar grep { ($_->{query}{sort} // '') eq '-_id' } $sandbox->log), 1, 'and there was one');

# Conditions too long for a URL are left out, but not what tells a part with values from one without: where it ends with
# what does not fit the column, no service could say what follows
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => "odd$_", make => 'x', mileage => { a => $_ } } } 11 .. 24 ]);
$dbh->do('SET enable_sort = off');
for my $order ('mileage, _id', 'mileage DESC NULLS LAST, _id')
{
    my $sql = 'SELECT _id FROM crm.cars WHERE ' . join(' AND ', map { "$_ IS DISTINCT FROM 'nothing of this kind'" } qw(make model version fuel color type))
      . " ORDER BY $order LIMIT 300";
    $sandbox->clear_log;
    my $rows = $dbh->selectcol_arrayref($sql);
    is((scalar grep { !($_->{raw_path} =~ /mileage.*&project/) } $sandbox->log(kind => 'list')), 0, "by $order: each request says which part it is of");
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    is_deeply($rows, $dbh->selectcol_arrayref($sql), 'and the rows are right');
    $dbh->do('RESET walcu_fdw.enable_pushdown');
}
done_testing();

# Holds the requests of lists with such a filter and sort; returns the fault's id.
sub hold_list
{
    my ($q, $sort) = @_;
    return $sandbox->fault({ match => { kind => 'list', query => { q => $q, sort => $sort } }, fault => { type => 'hold' } });
}

sub held
{
    my ($fault) = @_;
    return grep { ($_->{fault} // '') eq $fault } $sandbox->log;
}

sub requests
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref($sql);
    return $sandbox->request_count;
}
