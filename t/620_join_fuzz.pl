# Random joins of two to four tables, local and foreign, with correlated and LATERAL subqueries, answer as those of
# local copies do, whatever kind of service it is.
#
# JOIN_QUERIES and JOIN_SEED in the environment set how many and which; JOIN_QUERY runs one alone.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Services;

use constant { QUERIES => $ENV{JOIN_QUERIES} // 1000, SEED => $ENV{JOIN_SEED} // 1 };

# Of the queries, those with a batched join in their plan
use constant LEAST_BATCHED => 0.5;

# and with rows that are read ahead
use constant LEAST_AHEAD => 0.1;

# Places of the tables, by the type of their values
my %PLACES = (
    l => {
        text => [qw(client_id word)],
        number  => [qw(n i)],
        instant => ['t'],
    },
    'crm.clients' => {
        text    => [ '_id', 'created_by', "custom->>'code'" ],
        number  => ['__v'],
        instant => ['created_at'],
    },
    'crm.saleleads' => {
        text    => [ 'client_id', 'client_id', '_id', "status->>'status'", 'type' ],
        number  => ['cost'],
        instant => ['created_at'],
    },
    'crm.cars' => {
        text    => [ '_id', 'make', "custom->>'code'" ],
        number  => [qw(model_year doors)],
        instant => ['created_at'],
    },
    'crm.tasks' => {
        text    => [ 'client_id', 'lead_id', 'lead_type' ],
        number  => ['__v'],
        instant => ['created_at'],
    },
);
my @TABLES = sort keys %PLACES;
my %ARRAYS = ('crm.saleleads' => 'car_ids');
my @SETTINGS = (
    {},
    { join_batch_size => 1 },
    { join_batch_size => 3, fetch_size => 2, max_connections => 2 },
    { join_batch_size => 40, max_url_length => 1000 },
    { paging => 'skip', fetch_size => 7 },
    { fetch_size => 5, join_batch_size => 20, max_retries => 20, max_retry_wait => '1ms' },
);

# What goes wrong now and then, where that is tried again
my %FAULT = (
    max_retries => { match => { kind => 'list' }, probability => 0.2, fault => { type => 'status', status => 503 } });
my @SERVICES = sort { $b->{ids} cmp $a->{ids} } services(qw(ids filters lists));
my $ids_in_force = '';
my @SWITCHES = qw(enable_hashjoin enable_mergejoin enable_nestloop);

my $sandbox = WalcuTest::Sandbox->start(scale => 10,
    count => { clients => 60, saleleads => 70, cars => 40, tasks => 50 });
add_odd_documents('');
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, limit_to => [qw(clients saleleads cars tasks)]);
my $dbh = connect_db($node);
make_tables();

my ($batched, $ahead, $different, $too_long) = (0, 0, 0, 0);
my @numbers = defined $ENV{JOIN_QUERY} ? $ENV{JOIN_QUERY} : 1 .. QUERIES;
my $in_force = -1;
for my $number (@numbers)
{
    my $part = int($number / 50);
    set_up($SETTINGS[ $part % @SETTINGS ], $SERVICES[ $part % @SERVICES ]) if $part != $in_force;
    $in_force = $part;
    seed_chance(SEED, $number);
    compare($number, make_query(), pick('once', 'once', 'once', 'cursor', 'prepared'));
}
note "$batched of " . @numbers . " batched, $ahead read ahead, $too_long too long";
is($different, 0, 'batched joins change no answer of ' . @numbers);
cmp_ok($too_long, '<=', @numbers / 50, 'few are too long');
if (!defined $ENV{JOIN_QUERY})
{
    cmp_ok($batched, '>=', @numbers * LEAST_BATCHED, 'enough of them are batched');
    cmp_ok($ahead, '>=', @numbers * LEAST_AHEAD, 'and read ahead');
}
done_testing();

# Run a query over the CRM, with batched joins wherever they can be, and over the copies.
sub compare
{
    my ($number, $sql, $way) = @_;
    my $local = answer($sql =~ s/\bcrm\./copy./gr, $way);
    return $too_long++ if $local =~ /57014/;
    $dbh->do("SET $_ = off") for @SWITCHES;
    my $memory = chance(0.2) ? '64kB' : '4MB';
    $dbh->do("SET work_mem = '$memory'");
    my $plan = join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref("EXPLAIN $sql") };
    $batched++ if $plan =~ /Batched Key Join/;
    $ahead++ if $plan =~ /Read Ahead/;
    my $foreign = answer($sql, $way);
    $dbh->do("RESET $_") for @SWITCHES, 'work_mem';
    return $too_long++ if $foreign =~ /57014/;
    return if $foreign eq $local;
    $different++;
    my $service = service_name($SERVICES[ int($number / 50) % @SERVICES ]);
    diag "query $number of seed @{[ SEED ]}, $way, $service:\n$sql\nbatched: $foreign\nlocal:   $local\n$plan" if $different <= 5;
    return;
}

sub answer
{
    my ($sql, $way) = @_;
    my $summary = "SELECT count(*), sum(hashtext((x)::text)::bigint) FROM ($sql) x";
    my $answer = eval { $way eq 'cursor' ? by_cursor($sql) : $way eq 'prepared' ? prepared($summary) : row($summary) };
    my $state = $dbh->state;
    note $dbh->errstr if $state && $state ne '57014';
    $dbh->rollback unless $dbh->{AutoCommit};
    $dbh->do('RESET plan_cache_mode');
    return $answer // "error $state";
}

sub row
{
    my ($sql) = @_;
    return join ', ', map { $_ // 'NULL' } $dbh->selectrow_array($sql);
}

# Few rows first, and then the others
sub by_cursor
{
    my ($sql) = @_;
    $dbh->begin_work;
    $dbh->do("DECLARE rows CURSOR FOR SELECT (x)::text FROM ($sql) x");
    my @rows = map { @{ $dbh->selectcol_arrayref("FETCH $_ FROM rows") } } 3, 'ALL';
    return join ' ', sort @rows;
}

# With one plan, twice
sub prepared
{
    my ($sql) = @_;
    $dbh->do('DEALLOCATE ALL; SET plan_cache_mode = force_generic_plan');
    $dbh->do("PREPARE again AS $sql");
    my @answers = map { row('EXECUTE again') } 1, 2;
    return $answers[0] eq $answers[1] ? $answers[0] : "not the same: @answers";
}

sub make_query
{
    my @relations;
    my $from = make_from(\@relations, between(2, 4));
    my $row = join ', ', map { $_->{name} . '.' . ($_->{table} eq 'l' ? 'id' : '_id') } @relations;
    my $outside = [@relations];
    if (chance(0.15))
    {
        $from .= pick(' CROSS JOIN LATERAL ', ' LEFT JOIN LATERAL ') . make_correlated($outside, 'rows') . ' la';
        $from .= ' ON true' if $from =~ /LEFT JOIN LATERAL/;
        $row .= ', la';
    }
    my @conditions = map { make_condition(\@relations) } 1 .. between(0, 2);
    push @conditions, make_correlated($outside, 'count') . pick(' > 0', ' < 2', ' = 1') if chance(0.1);
    my $where = @conditions ? ' WHERE ' . join(' AND ', @conditions) : '';
    my $values = chance(0.1) ? $row . ', ' . make_scalar(\@relations) : $row;
    $values .= ', ' . make_correlated($outside, pick('count', 'value', 'exists')) if chance(0.2);
    return "SELECT $values FROM $from$where";
}

sub make_from
{
    my ($relations, $count) = @_;
    my $from = add_relation($relations);
    for (2 .. $count)
    {
        my @left = @$relations;
        my @right;
        my $right = add_relation(\@right, scalar @left);
        if (chance(0.2) && $count > 2)
        {
            my $other = add_relation(\@right, scalar @left);
            $right = "($right " . pick('JOIN', 'LEFT JOIN') . " $other ON " . equality([ $right[0] ], [ $right[1] ]) . ')';
        }
        my $type = pick('JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
        my $on = equality(\@left, \@right, $type eq 'FULL JOIN');
        $on .= ' AND ' . equality(\@left, \@right, $type eq 'FULL JOIN') if chance(0.2);
        $on .= ' AND ' . make_comparison(pick(@left, @right)) if chance(0.3) && $type ne 'FULL JOIN';
        $from = "$from $type $right ON $on";
        push @$relations, @right;
        last if @$relations >= $count;
    }
    return $from;
}

sub add_relation
{
    my ($relations, $before) = @_;
    my $relation = { table => pick(@TABLES, 'l', 'crm.clients', 'crm.saleleads'), name => 'r' . (($before // 0) + @$relations) };
    push @$relations, $relation;
    return "$relation->{table} $relation->{name}" if chance(0.85);
    # one that stays a subquery
    return "(SELECT * FROM $relation->{table} s WHERE " . make_comparison({ %$relation, name => 's' }) . ' OFFSET 0) ' . $relation->{name};
}

sub place
{
    my ($relation, $type) = @_;
    my $place = pick(@{ $PLACES{ $relation->{table} }{$type} });
    return "($relation->{name}.$place)";
}

sub equality
{
    my ($left, $right, $plain) = @_;
    my @arrays = grep { $ARRAYS{ $_->{table} } } @$left, @$right;
    if (@arrays && !$plain && chance(0.15))
    {
        my $array = pick(@arrays);
        my $of_left = grep { $_ == $array } @$left;
        return place(pick($of_left ? @$right : @$left), 'text') . " = ANY ($array->{name}.$ARRAYS{ $array->{table} })";
    }
    my $type = pick(qw(text text text text number instant));
    my @sides = (place(pick(@$left), $type), place(pick(@$right), $type));
    @sides = reverse @sides if chance(0.5);
    return "$sides[0] = ANY (ARRAY[$sides[1], " . (chance(0.5) ? 'NULL' : $sides[1]) . '])' if !$plain && chance(0.1);
    return join ' = ', @sides;
}

sub make_comparison
{
    my ($relation) = @_;
    my $type = pick(qw(text number instant));
    my %values = (text => "'5d'", number => '2012', instant => "'2021-05-05'");
    my $place = place($relation, $type);
    return pick("$place > $values{$type}", "$place < $values{$type}", "$place IS NOT NULL", "$place IS NULL", "coalesce(length($place\::text), 0) % 3 < 2");
}

sub make_condition
{
    my ($relations) = @_;
    my $relation = pick(@$relations);
    return make_comparison($relation) if chance(0.4);
    my $inner = { table => pick(@TABLES), name => 'e' };
    my $text = place($inner, 'text');
    return place($relation, 'text') . " IN (SELECT $text FROM $inner->{table} e)" if chance(0.3);
    my $more = chance(0.4) ? ' AND ' . make_comparison(chance(0.5) ? $inner : $relation) : '';
    return pick('EXISTS', 'NOT EXISTS') . " (SELECT FROM $inner->{table} e WHERE " . equality([$inner], [$relation]) . "$more)";
}

# A subquery with a join of its own
sub make_scalar
{
    my ($relations) = @_;
    my ($a, $b) = ({ table => 'l', name => 'a' }, { table => pick(grep { /crm/ } @TABLES), name => 'b' });
    return "(SELECT count(*) FROM l a LEFT JOIN $b->{table} b ON " . equality([$a], [$b]) . ' WHERE a.id < 9 AND ' . equality([$a], [ pick(@$relations) ]) . ')';
}

# A subquery that is executed for each row of others: its rows, their number, a value of them, or whether there are any
sub make_correlated
{
    my ($relations, $kind) = @_;
    my $inner = { table => pick(grep { /crm/ } @TABLES), name => 'd' };
    my $where = equality([$inner], [ pick(@$relations) ]);
    $where .= ' AND ' . equality([$inner], [ pick(@$relations) ]) if chance(0.15);
    $where .= ' AND ' . make_comparison(pick($inner, @$relations)) if chance(0.3);
    $where .= ' AND ' . place($inner, 'instant') . pick(' > ', ' < ') . place(pick(@$relations), 'instant') if chance(0.2);
    my $from = "FROM $inner->{table} d WHERE $where";
    return "(SELECT count(*) $from)" if $kind eq 'count';
    return "EXISTS (SELECT $from)" if $kind eq 'exists';
    my $order = 'ORDER BY ' . place($inner, pick(qw(text number instant))) . pick('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST') . ', d._id';
    my ($aggregate, $place) = (pick(qw(min max)), place($inner, pick(qw(text number instant))));
    return pick("(SELECT $aggregate($place) $from)", "(SELECT d._id $from $order LIMIT 1)") if $kind eq 'value';
    return pick(
        "(SELECT d._id $from $order LIMIT " . between(1, 3) . ')',
        "(SELECT d._id $from $order OFFSET 1)",
        "(SELECT $aggregate($place) $from)",
        "(SELECT d._id, count(*) OVER () $from)",
        "(SELECT $place, count(*) $from GROUP BY 1)");
}

sub set_up
{
    my ($settings, $service) = @_;
    set_server_options($dbh, on_type_mismatch => 'null', %$settings);
    $sandbox->settings(settings_of($service));
    make_ids($service->{ids}) if $service->{ids} ne $ids_in_force;
    $sandbox->clear_faults;
    $sandbox->fault($FAULT{$_}) for grep { $FAULT{$_} } keys %$settings;
    return;
}

# Where ids are ObjectIds there is nothing else in their places.
sub make_ids
{
    my ($ids) = @_;
    add_odd_documents($ids eq 'objectid' ? '/with_object_ids' : '');
    $dbh->do("TRUNCATE copy.$_; INSERT INTO copy.$_ SELECT * FROM crm.$_") for qw(clients saleleads cars tasks);
    $dbh->do('ANALYZE');
    $ids_in_force = $ids;
    return;
}

# Keys of other types than their columns
sub add_odd_documents
{
    my ($made) = @_;
    my $n = 0;
    my $id = sub { sprintf '%024x', 0xdef000 + $n++ };
    my ($client) = map { $_->{_id} } $sandbox->dump('clients');
    $sandbox->post("/_sandbox/documents/saleleads$made", [ map { { _id => $id->(), client_id => $_, cost => $_ } } 5, '5', undef, [$client], '', $client ]);
    $sandbox->post("/_sandbox/documents/cars$made", [ map { { _id => $id->(), model_year => $_, custom => { code => $_ } } } '2015', 2015.5, undef, 0, 2012 ]);
    $sandbox->post("/_sandbox/documents/clients$made", [ map { { _id => $id->(), custom => { code => $_ } } } 1, '1', 'open', [1], undef, { a => 1 }, 2012 ]);
    return;
}

sub make_tables
{
    $dbh->do(q(ALTER FOREIGN TABLE crm.saleleads ADD car_ids text[] OPTIONS (path 'car_list.car_id') COLLATE "C"));
    $dbh->do('CREATE SCHEMA copy');
    $dbh->do("CREATE TABLE copy.$_ AS SELECT * FROM crm.$_") for qw(clients saleleads cars tasks);
    $dbh->do(<<'SQL');
CREATE TABLE l AS
    SELECT id,
           CASE WHEN id % 9 > 0 THEN clients[1 + id * 7 % 30] WHEN id % 2 = 0 THEN 'none' END AS client_id,
           CASE WHEN id % 5 > 0 THEN 2008 + id % 15 + (id % 3) * 0.5 END AS n,
           CASE WHEN id % 7 > 0 THEN id % 4 * 500 + id % 17 END::int AS i,
           (SELECT created_at FROM copy.clients WHERE _id = clients[1 + id % 40]) AS t,
           (ARRAY['open', 'lost', '1', '2012', 'SEAT', NULL])[1 + id % 6] COLLATE "C" AS word
    FROM generate_series(1, 60) id, (SELECT array_agg(_id ORDER BY _id) AS clients FROM copy.clients) x
SQL
    $dbh->do('ANALYZE');
    # costs of switched-off joins would have each query compiled
    $dbh->do("SET jit = off; SET statement_timeout = '2s'");
    return;
}
