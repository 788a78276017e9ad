# A list of very many keys answers to a cancel while it is made into requests, before the first of them is sent.  What
# counts is the time of the processor that the backend takes, which does not depend on what else runs on the machine.

use strict;
use warnings;

use DBD::Pg qw(:async);
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(sleep);
use WalcuTest;

plan skip_all => 'needs /proc' if !-r "/proc/$$/stat";

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 10 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_requests => 1, id_type => 'string' });
my $dbh = connect_db($node);
$dbh->do($_)
  for q{CREATE FUNCTION keys(n int) RETURNS text[] LANGUAGE sql AS
        'SELECT array_agg(lpad(to_hex(g::bigint * 7919 % n), 24, ''5'')) FROM generate_series(1, n) g'},
  'CREATE TABLE list AS SELECT 1 AS n', 'SET plan_cache_mode = force_generic_plan';

# What an EXECUTE is given is worked out before its statement runs: PostgreSQL's own work for it is not what counts here.
# Everything is made into requests before the second of them is one too many; what is too long for a URL and cannot be
# split is left to PostgreSQL after one
my %statements = (
    'ids, in order' => [ 300_000, 'SELECT _id FROM crm.cars WHERE _id = ANY($1) ORDER BY _id DESC' ],
    'values to be excluded' => [ 300_000, 'SELECT count(*) FROM crm.cars WHERE make <> ALL($1)' ],
    'numbers' => [ 300_000, q{SELECT count(*) FROM crm.cars WHERE mileage = ANY(regexp_replace($1::text, '[a-f"]', '1', 'g')::numeric[])} ],
    'keys of jsonb' => [ 70_000, 'SELECT count(*) FROM crm.cars WHERE custom ?| $1' ],
    'members of jsonb' => [ 70_000, 'SELECT count(*) FROM crm.cars WHERE custom @> $1', 'jsonb', 'jsonb_object(%1$s, %1$s)' ],
);
my $number = 0;
for my $name (sort keys %statements)
{
    my $statement = 's' . $number++;
    my ($count, $sql, $type, $form) = @{ $statements{$name} };
    my $argument = sprintf $form // '%s', "keys($count)";
    $dbh->do(sprintf 'PREPARE %s(%s) AS %s', $statement, $type // 'text[]', $sql);
    # the first time there are also catalogs to read and memory to get
    my ($all) = min(map { run_for("EXECUTE $statement($argument)") } 1 .. 2);
    my ($own) = min(map { run_for("SELECT ($argument) IS NULL") } 1 .. 2);
    my ($late, $wrong) = (0, 0);
    for my $part (0.3, 0.6)
    {
        my ($spent, $sqlstate, $cancelled) = cancel_in($name, "EXECUTE $statement($argument)", $own, $all, $part) or next;
        $late = $spent - $cancelled if $spent - $cancelled > $late;
        $wrong++ if $sqlstate ne '57014' || $sandbox->request_count(resource => 'cars') > 0;
    }
    note sprintf '%s: %.2f s, of which %.2f s for the list itself; at most %.2f s after the cancel', $name, $all, $own, $late;
    # what PostgreSQL needs for the list itself it may need to the end
    cmp_ok($late, '<', 0.1 + ($form ? 2 * $own : 0), "$name: a cancel is answered at once");
    is($wrong, 0, "$name: before anything is sent") if $name =~ /^(ids|numbers)/;
    cmp_ok($all, '<', 6, "$name: and the work grows with the list, not with its square");
}

# Conditions by the thousand, of which a URL has room for some: work that grows with their number, not with its cube, and
# a list of ids is what is kept of them.  What is left out is checked here
$dbh->do('SET plan_cache_mode = auto');
my @ids = map { sprintf '%024x', $_ } 1 .. 3000;
my %conditions = (
    'conditions' => join(' AND ', map { "make <> 'make $_'" } 1 .. 8000),
    'conditions on many columns' => join(' AND ', map { my $column = (qw(make model color vin))[$_ % 4]; "($column <> 'text $_' OR $column IS NULL)" } 1 .. 8000),
    'arms' => join(' OR ', map { "(_id = '$_' AND make <> 'make $_')" } @ids),
    'conditions and ids' => "_id = ANY ('{" . join(',', @ids[ 0 .. 99 ]) . "}') AND " . join(' AND ', map { "make <> 'make $_'" } 1 .. 8000),
);
for my $name (sort keys %conditions)
{
    for my $tail ('', ' ORDER BY _id')
    {
        my $sql = "SELECT _id FROM crm.cars WHERE $conditions{$name}$tail";
        $sandbox->clear_log;
        my $before = spent();
        my $count = eval { scalar @{ $dbh->selectcol_arrayref($sql) } };
        cmp_ok(spent() - $before, '<', 6, "$name$tail: no work that grows with the square of their number");
        is($count, $name =~ /ids|arms/ ? 0 : 10, "$name$tail: the rows");
        my @requests = $sandbox->log(resource => 'cars', kind => 'list');
        is(scalar @requests, 1, "$name$tail: one request");
        cmp_ok(length $requests[0]{raw_path}, '<=', 8000, "$name$tail: which is no longer than it may be");
        is(scalar(() = $requests[0]{raw_path} =~ /0{20}/g), 100, "$name$tail: and has the ids") if $name =~ /ids/;
        cmp_ok(length $requests[0]{raw_path}, '>', 6000, "$name$tail: with as much as fits") if $name =~ /^conditions/ && $name !~ /ids/;
    }
}

done_testing();

# Cancels a statement when it has done such a part of its work.  If it was done sooner than the times before, the next
# try is earlier; nothing is returned when it is always too quick to be met.
sub cancel_in
{
    my ($name, $sql, $own, $all, $part) = @_;
    for (1 .. 5)
    {
        my @run = run_for($sql, $own + $part * ($all - $own));
        return @run if $run[2];
        $all = $run[0];
    }
    note "$name: too quick to be cancelled";
    return;
}

# The backend's time for a statement that is cancelled after so much of it, or not, its SQLSTATE, and the time at the
# cancel.
sub run_for
{
    my ($sql, $limit) = @_;
    $sandbox->clear_log;
    my $before = spent();
    my $cancelled;
    $dbh->do($sql, { pg_async => PG_ASYNC });
    while ($limit && !defined $cancelled && !$dbh->pg_ready)
    {
        sleep 0.002;
        next if spent() - $before < $limit;
        kill INT => $dbh->{pg_pid};
        $cancelled = spent() - $before;
    }
    my $done = eval { $dbh->pg_result; 1 };
    return spent() - $before if !defined $limit;
    return (spent() - $before, $done ? '' : $dbh->state, $cancelled);
}

# Seconds of the processor, as the system counts them: in hundredths.
sub spent
{
    open my $file, '<', "/proc/$dbh->{pg_pid}/stat" or die $!;
    my @fields = split ' ', (scalar <$file>) =~ s/.*\) //sr;
    return ($fields[11] + $fields[12]) / 100;
}
