# A list of very many keys answers to a cancel while it is made into requests, before the first of them is sent.  That is
# seen by how the statement ends: it has sent as many requests as it may by then, so that a cancel which waits until the
# list is made comes too late for another error.  What the work grows with is seen by the time of the processor that the
# backend takes, which does not depend on what else runs on the machine.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
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
my ($one) = map { $_->{_id} } $sandbox->dump('cars');
my $number = 0;
for my $name (sort keys %statements)
{
    my $statement = 's' . $number++;
    my ($count, $sql, $type, $form) = @{ $statements{$name} };
    my $argument = sprintf $form // '%s', "keys($count)";
    my $types = $type // 'text[]';
    $dbh->do("PREPARE $statement($types) AS $sql");
    $dbh->do("PREPARE late_$statement($types) AS SELECT (SELECT make FROM crm.cars WHERE _id = '$one'), (SELECT min(x::text) FROM ($sql) x)");
    my $before = spent();
    eval { $dbh->do("EXECUTE $statement($argument)") };
    cmp_ok(spent() - $before, '<', 6, "$name: the work grows with the list, not with its square");
    my ($state, $requests) = cancel_in($name, "EXECUTE late_$statement($argument)") or next;
    is($state, '57014', "$name: a cancel is answered while the list is made");
    is($requests, 1, "$name: before anything is sent of it");
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

# Values stand in their order, each once, whatever they have in common
{
    my @makes = ('b', 'a!', 'a', 'a b', 'a"', 'a\\', 'abcdefgh', 'abcdefghi', 'abcdefg', '', "\x{e9}", 'b', 'abcdefghj', 'a', 'abcdefgh');
    my %once = map { $_ => 1 } @makes;
    $sandbox->clear_log;
    $dbh->selectall_arrayref('SELECT _id FROM crm.cars WHERE make = ANY (?)', undef, \@makes);
    my ($list) = $sandbox->log(kind => 'list');
    is_deeply($list->{query}{q}{make}{'$in'}, [ sort keys %once ], 'values are asked for in order, each once');
}

done_testing();

# Cancels a statement when its first request is answered, and returns how it ends and how many requests it has sent.  If it
# has ended before, or at the very time, there is another try; nothing is returned when it is always too quick to be met.
sub cancel_in
{
    my ($name, $sql) = @_;
    my @ends;
    for (1 .. 5)
    {
        $sandbox->clear_log;
        $dbh->do($sql, { pg_async => PG_ASYNC });
        wait_until(sub { $dbh->pg_ready || grep { defined $_->{ms} } $sandbox->log(resource => 'cars') });
        my $met = !$dbh->pg_ready;
        kill INT => $dbh->{pg_pid};
        eval { $dbh->pg_result };
        next if !$met;
        # newer DBD::Pg raise no error for what was cancelled
        @ends = ($dbh->state, $sandbox->request_count(resource => 'cars'));
        last if $ends[0] eq '57014';
    }
    note "$name: too quick to be cancelled" if !@ends;
    return @ends;
}

# Seconds of the processor, as the system counts them: in hundredths.
sub spent
{
    open my $file, '<', "/proc/$dbh->{pg_pid}/stat" or die $!;
    my @fields = split ' ', (scalar <$file>) =~ s/.*\) //sr;
    return ($fields[11] + $fields[12]) / 100;
}
