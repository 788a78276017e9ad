# Ranges of _id that are read at once: every document exactly once, whatever happens
# meanwhile and however the ids lie.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { notes => 1500 }, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, server => { fetch_size => 10, max_connections => 8, on_type_mismatch => 'null', max_retry_wait => '1ms' },
    limit_to => ['notes']);
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $scan = 'SELECT _id FROM crm.notes';
my @generated = map { $_->{_id} } $sandbox->dump('notes');

# As many requests as pages, nearly, and no more at once than allowed
for my $most (1, 2, 4, 8)
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '$most')");
    $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'latency', ms => 5 } });
    $sandbox->clear_log;
    is_once(\@generated, "max_connections $most");
    my @requests = $sandbox->log(kind => 'list');
    my $pages = @generated / 10;
    cmp_ok(scalar @requests, '<=', $pages + 4 * $most, "at most $pages requests and a few for the ranges: " . @requests);
    my %connections = map { $_->{connection} => 1 } @requests;
    cmp_ok(scalar keys %connections, '<=', $most, 'no more under way than allowed');
    $sandbox->clear_faults;
}

# A page that comes slowly is not taken for many
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'slow', bytes => 500, ms => 5 } });
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '50')");
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ map { { _id => sprintf '%08x0102030405000001', 0x5a000000 + $_ * 100000 } } 1 .. 40 ]);
$sandbox->clear_log;
is($dbh->selectrow_array('SELECT count(_id) FROM crm.notes'), 40, 'one page, slowly');
is($sandbox->request_count(kind => 'list'), 1, 'is one request');
$sandbox->reset;
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_size '10')");

# Documents come and go meanwhile: those that were there all the time come once
for my $seed (1 .. 5)
{
    $sandbox->reset;
    my %before = map { $_->{_id} => 1 } $sandbox->dump('notes');
    $sandbox->fault({ match => { kind => 'list' },
        fault => { type => 'mutate', random => { resource => 'notes', insert => 2, delete => 2, seed => $seed } } });
    my %read;
    $read{$_}++ for @{ $dbh->selectcol_arrayref($scan) };
    $sandbox->clear_faults;
    my %after = map { $_->{_id} => 1 } $sandbox->dump('notes');
    cmp_ok(scalar(grep { !$after{$_} } keys %before), '>', 50, "seed $seed: documents were deleted meanwhile");
    is_deeply([ grep { $read{$_} > 1 } keys %read ], [], 'none comes twice');
    is_deeply([ grep { $before{$_} && !$read{$_} } keys %after ], [], 'none that stayed is missing');
}

# However the ids lie
my %layouts = (
    'all of one second'       => [ map { sprintf '65a0b1c20102030405%06x', $_ } 1 .. 400 ],
    'very uneven'             => [ (map { sprintf '5a00000%01x0102030405000001', $_ } 0 .. 9), (map { sprintf '65a0b1c20102030405%06x', 3 * $_ } 1 .. 300),
        (map { sprintf '%08x0000000000000000', 0x65a0b1c3 + $_ * $_ * 50 } 1 .. 200) ],
    'later than now'          => [ map { sprintf 'f%07x0102030405000001', $_ * 1000 } 1 .. 200 ],
    'no ObjectIds'            => [ map { sprintf 'note-%04d', $_ } 1 .. 300 ],
    'upper case'              => [ map { sprintf '65A0B1C20102030405%06X', $_ } 1 .. 300 ],
    'ObjectIds and others'    => [ (map { sprintf '0-%03d', $_ } 1 .. 60), (map { sprintf '65a0b1c20102030405%06x', $_ } 1 .. 200),
        (map { sprintf '65a0b1c2-%03d', $_ } 1 .. 40), (map { sprintf 'z%03d', $_ } 1 .. 60) ],
    'counted'                 => [ map { sprintf '%024x', $_ } 1 .. 400 ],
    'counted, and later ones' => [ (map { sprintf '%024x', $_ } 1 .. 200), map { sprintf '%08x0102030405000001', 0x65a0b1c3 + $_ * 1000 } 1 .. 200 ],
    'one'                     => ['65a0b1c20102030405000001'],
    'none'                    => [],
    'exactly two pages'       => [ map { sprintf '%08x0102030405000001', 0x65a0b1c3 + $_ } 1 .. 20 ],
);
for my $name (sort keys %layouts)
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => $_ } } @{ $layouts{$name} } ]) if @{ $layouts{$name} };
    $sandbox->clear_log;
    is_once($layouts{$name}, $name);
    my ($pages, $requests) = (@{ $layouts{$name} } / 10, $sandbox->request_count(kind => 'list'));
    cmp_ok($requests, '<=', 1.25 * $pages + 2 * 8 + 1, "$name: $requests requests for $pages pages");
}

# A service that does not do as it is asked: the right rows, or an error
$sandbox->reset;
for my $what (qw(q sort limit skip project))
{
    for my $skip (0, 5)
    {
        $sandbox->fault({ match => { kind => 'list' }, skip => $skip, fault => { type => 'ignore', $what => JSON::PP::true() } });
        my $ids = eval { $dbh->selectcol_arrayref($scan) };
        my $state = $ids ? join(' ', sort @$ids) eq join(' ', sort @generated) ? 'right' : 'wrong' : $dbh->state;
        like($state, qr/^(right|HV000)$/, "$what ignored from request $skip on: $state");
        $sandbox->clear_faults;
    }
}

# What breaks is asked for again, in each range
for my $fault ({ type => 'close', when => 'during' }, { type => 'truncate' }, { type => 'status', status => 503 })
{
    $sandbox->fault({ match => { kind => 'list' }, probability => 0.2, seed => 7, fault => $fault });
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_retries '20')");
    is_once(\@generated, "one request in five meets $fault->{type}");
    $sandbox->clear_faults;
}

done_testing();

sub is_once
{
    my ($ids, $name) = @_;
    is(join(' ', sort @{ $dbh->selectcol_arrayref($scan) }), join(' ', sort @$ids), "$name: each document once");
    return;
}
