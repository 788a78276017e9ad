# A service that ignores `sort`, or understands it otherwise: rows come in the order of the query all the same,
# and it takes one small request a session and resource to know that the service sorts.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 180, clients => 60, tasks => 130, saleleads => 90 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' });
setup_crm($node, $sandbox, name => 'strict', limit_to => [qw(cars clients tasks)],
    server => { on_type_mismatch => 'error', fetch_size => 20 });
my $dbh = connect_db($node);
my $local = connect_db($node);
$local->do('SET walcu_fdw.enable_pushdown = off');

# A table whose documents are whole and of the types described
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ map { {
        _id => sprintf('64%022x', ($_ * 7919) % 9973), dealer_id => $sandbox->dealer_id,
        created_at => sprintf('2024-%02d-%02dT10:00:00.000Z', 1 + ($_ * 5) % 12, 1 + ($_ * 11) % 28), text => "note " . ($_ * 37) % 101,
    } } 1 .. 120 ]);
$_->do(q{CREATE SCHEMA n; CREATE FOREIGN TABLE n.notes (_id text COLLATE "C", created_at timestamptz, text text COLLATE "C") SERVER strict OPTIONS (resource 'notes');
    CREATE FOREIGN TABLE n.sure (_id text COLLATE "C" NOT NULL, created_at timestamptz NOT NULL, text text COLLATE "C" NOT NULL) SERVER strict OPTIONS (resource 'notes')})
  for $dbh;

my @queries = (
    'SELECT max(created_at), min(text) FROM n.notes',
    'SELECT max(_id), min(_id) FROM n.notes',
    'SELECT * FROM n.notes ORDER BY text, _id LIMIT 1',
    'SELECT * FROM n.sure ORDER BY text DESC, _id LIMIT 1',
    'SELECT _id FROM n.notes ORDER BY _id DESC LIMIT 3',
    'SELECT * FROM n.notes ORDER BY created_at, _id LIMIT 25',
    'SELECT * FROM n.sure ORDER BY text, _id LIMIT 3 OFFSET 10',
    'SELECT * FROM n.sure ORDER BY text, _id LIMIT 1 OFFSET 60',
    'SELECT * FROM n.sure ORDER BY _id LIMIT 1 OFFSET 119',
    'SELECT * FROM n.notes ORDER BY created_at NULLS FIRST, _id',
    'SELECT _id, text FROM n.sure ORDER BY text, _id',
    'SELECT _id FROM n.notes ORDER BY _id',
    q{SELECT * FROM n.notes WHERE text = 'note 37' ORDER BY created_at, _id},
    q{SELECT * FROM n.notes WHERE text = 'none' ORDER BY created_at LIMIT 2},
    q{SELECT text FROM n.notes WHERE created_at > '2024-06-01' ORDER BY created_at, _id LIMIT 2},
    'SELECT make, _id FROM crm.cars ORDER BY make NULLS LAST, _id LIMIT 7',
    'SELECT make, _id FROM crm.cars ORDER BY make DESC NULLS FIRST, _id',
    'SELECT mileage FROM crm.cars ORDER BY mileage DESC NULLS LAST LIMIT 1',
    'SELECT max(mileage), min(mileage) FROM crm.cars',
    'SELECT v.m, c.* FROM (VALUES (\'SEAT\'), (\'BMW\'), (\'none\')) v(m), LATERAL (SELECT _id, mileage FROM crm.cars WHERE make = v.m ORDER BY mileage DESC, _id LIMIT 2) c ORDER BY 1, 3 DESC, 2',
    'SELECT a._id, b.text FROM n.sure a JOIN n.sure b ON a._id = b._id ORDER BY a._id',
    'SELECT DISTINCT text FROM n.sure ORDER BY text LIMIT 4',
);
my %wanted = map { $_ => rows($local, $_) } @queries;

for my $kind (
    [ 'as it is asked to' => sub { }, 0 ],
    [ 'never' => sub { $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'ignore', sort => JSON::PP::true } }) }, 1 ],
  )
{
    my ($name, $prepare, $ignores) = @$kind;
    $sandbox->clear_faults;
    $prepare->();
    for my $settings ('', 'SET enable_hashjoin = off; SET enable_nestloop = off')
    {
        for my $query (@queries)
        {
            my $session = connect_db($node);
            $session->do($settings) if $settings;
            my @warnings;
            local $SIG{__WARN__} = sub { push @warnings, $_[0] };
            is_deeply(rows($session, $query), $wanted{$query}, "the service sorts $name: $query");
            is_deeply(rows($session, $query), $wanted{$query}, 'and again');
            cmp_ok(scalar @warnings, '<=', $ignores * 2, 'with few warnings') or diag(@warnings);
        }
    }
}
done_testing();

sub rows
{
    my ($session, $query) = @_;
    return eval { $session->selectall_arrayref($query) } // $session->errstr;
}
