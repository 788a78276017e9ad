# A list of very many keys answers to a cancel while it is made into requests, before the first of them is sent.  What
# counts is the time of the processor that the backend takes, which does not depend on what else runs on the machine.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use Time::HiRes qw(sleep);
use WalcuTest;

our $TODO;

plan skip_all => 'needs /proc' if !-r "/proc/$$/stat";

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 10 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_requests => 1, id_type => 'string' });
my $dbh = connect_db($node);
$dbh->do($_)
  for q{CREATE FUNCTION keys(n int) RETURNS text[] LANGUAGE sql AS
        'SELECT array_agg(lpad(to_hex(g::bigint * 7919 % n), 24, ''5'')) FROM generate_series(1, n) g'},
  'CREATE TABLE list AS SELECT 1 AS n', 'SET plan_cache_mode = force_generic_plan';

# Everything is made into requests before the second of them is one too many; what is too long for a URL and cannot be
# split is left to PostgreSQL after one
my %statements = (
    'ids, in order' => [ 300_000, 'SELECT _id FROM crm.cars WHERE _id = ANY($1) ORDER BY _id DESC' ],
    'values to be excluded' => [ 300_000, 'SELECT count(*) FROM crm.cars WHERE make <> ALL($1)' ],
    'numbers' => [ 300_000, q{SELECT count(*) FROM crm.cars WHERE mileage = ANY(regexp_replace($1::text, '[a-f"]', '1', 'g')::numeric[])} ],
    'keys of jsonb' => [ 70_000, 'SELECT count(*) FROM crm.cars WHERE custom ?| $1' ],
    'members of jsonb' => [ 70_000, 'SELECT count(*) FROM crm.cars WHERE custom @> jsonb_object($1, $1)' ],
);
my $number = 0;
for my $name (sort keys %statements)
{
    my $statement = 's' . $number++;
    my ($keys, $sql) = @{ $statements{$name} };
    $dbh->do("PREPARE $statement(text[]) AS $sql");
    my ($all) = run_for($statement, $keys, 0);
    my ($array) = run_for(undef, $keys, 0);
    my ($late, $wrong) = (0, 0);
    for my $part (0.3, 0.6)
    {
        my ($spent, $sqlstate, $cancelled) = run_for($statement, $keys, $array + $part * ($all - $array));
        $late = $spent - $cancelled if $spent - $cancelled > $late;
        $wrong++ if $sqlstate ne '57014' || $sandbox->request_count(resource => 'cars') > 0;
    }
    note sprintf '%s: %.2f s, of which %.2f s for the array itself; at most %.2f s after the cancel', $name, $all, $array, $late;
    {
        local $TODO = 'issue 12: filters that may be refused made long lists slower, and deaf to a cancel for half a second';
        cmp_ok($late, '<', 0.1, "$name: a cancel is answered at once");
        is($wrong, 0, "$name: before anything is sent") if $name =~ /^(ids|numbers)/;
    }
    cmp_ok($all, '<', 6, "$name: and the work grows with the list, not with its square");
}

done_testing();

# The backend's time for a statement that is cancelled after so much of it, or not, its SQLSTATE, and the time at the
# cancel; undef is the list alone.
sub run_for
{
    my ($statement, $keys, $limit) = @_;
    $sandbox->clear_log;
    my $before = spent();
    my $cancelled;
    $dbh->do($statement ? "EXECUTE $statement(keys($keys))" : "SELECT cardinality(keys($keys))", { pg_async => PG_ASYNC });
    while ($limit && !defined $cancelled && !$dbh->pg_ready)
    {
        sleep 0.002;
        next if spent() - $before < $limit;
        kill INT => $dbh->{pg_pid};
        $cancelled = spent() - $before;
    }
    my $done = eval { $dbh->pg_result; 1 };
    return (spent() - $before, $done ? '' : $dbh->state, $cancelled // 0);
}

# Seconds of the processor, as the system counts them: in hundredths.
sub spent
{
    open my $file, '<', "/proc/$dbh->{pg_pid}/stat" or die $!;
    my @fields = split ' ', (scalar <$file>) =~ s/.*\) //sr;
    return ($fields[11] + $fields[12]) / 100;
}
