# Random queries over relations of every kind answer as those over local copies do, and all of them can be planned:
# parents and children, partitions, tables of other wrappers, views, functions, VALUES and the rest, as either side
# of joins, under aggregates, limits and row locks, with generic plans, partitionwise and in parallel.
#
# PLAN_QUERIES and PLAN_SEED in the environment set how many and which; PLAN_QUERY runs one alone.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Kinds;

use constant { QUERIES => $ENV{PLAN_QUERIES} // 250, SEED => $ENV{PLAN_SEED} // 1 };

# [weight, maker]: what is made of relations
my @SHAPES = (
    [ 8, \&make_rows ],
    [ 3, \&make_ordered_rows ],
    [ 3, \&make_aggregate ],
    [ 1, \&make_count ],
    [ 2, \&make_locked_rows ],
    [ 1, \&make_set_operation ],
    [ 3, \&make_local_write ],
    [ 1, \&make_plan_of_write ],
);

# [chance, settings]; several may apply
my @SETTINGS = (
    [ 0.4, sub { (enable_partitionwise_join => 'on', enable_partitionwise_aggregate => 'on') } ],
    [ 0.4, sub { parallel_settings() } ],
    [ 0.25, sub { (enable_hashjoin => 'off') } ],
    [ 0.25, sub { (enable_mergejoin => 'off') } ],
    [ 0.25, sub { (enable_nestloop => 'off') } ],
    [ 0.2, sub { (enable_sort => 'off', enable_hashagg => 'off') } ],
    [ 0.2, sub { (enable_async_append => 'off') } ],
    [ 0.1, sub { ('walcu_fdw.enable_batched_join' => 'off') } ],
    [ 0.1, sub { (enable_material => 'off', enable_memoize => 'off') } ],
    [ 0.1, sub { (join_collapse_limit => 1, from_collapse_limit => 1) } ],
    [ 0.1, sub { ('walcu_fdw.enable_pushdown' => 'off') } ],
);

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node('main', jit => 'off', restart_after_crash => 'on', statement_timeout => "'30s'", log_min_messages => 'warning');
my $dbh = connect_db($node);
my @kinds = make_kinds($node, $dbh, $sandbox);
my $version = $dbh->{pg_server_version};

my %seen;
my ($different, $crashes) = (0, 0);
my @numbers = defined $ENV{PLAN_QUERY} ? $ENV{PLAN_QUERY} : 1 .. QUERIES;
for my $number (@numbers)
{
    seed_chance(SEED, $number);
    my %settings = map { chance($_->[0]) ? $_->[1]->() : () } @SETTINGS;
    my $query = pick_weighted(@SHAPES)->[1]->();
    $query->{way} //= pick('once', 'once', 'prepared', 'cursor');
    compare($number, $query, \%settings);
}
note join ', ', map { "$seen{$_} $_" } sort keys %seen;
is($crashes, 0, 'no query ends the session, of ' . @numbers);
is($different, 0, 'and all answer as over local copies');
unless (defined $ENV{PLAN_QUERY})
{
    cmp_ok($seen{batched} // 0, '>', @numbers / 20, 'some of them are batched joins');
    cmp_ok($seen{ahead} // 0, '>', @numbers / 50, 'some read rows ahead');
    cmp_ok($seen{parallel} // 0, '>', @numbers / 50, 'some of them are parallel');
    cmp_ok($seen{rows} // 0, '>', @numbers / 3, 'and many have rows');
}
done_testing();

sub compare
{
    my ($number, $query, $settings) = @_;
    my $plan = explained($query, $settings);
    my $answer = $query->{plan_only} ? 'a plan' : answer($query, $query->{sql}, $settings);
    my $copy = $query->{plan_only} ? 'a plan' : answer($query, $query->{sql} =~ s/\bf\.(?!local\b)/copy./gr, {});
    $seen{batched}++ if $plan =~ /Batched Key Join/;
    $seen{ahead}++ if $plan =~ /Read Ahead/;
    $seen{parallel}++ if $plan =~ /Gather/;
    $seen{rows}++ if $answer =~ /\|/;
    $seen{$1}++ if $answer =~ /^(error .*)/;
    $crashes++ if "$plan $answer" =~ /error lost/;
    return if $answer eq $copy && $plan !~ /^error (?:XX|lost)/;
    $different++;
    return if $different > 5;
    my $set = join '; ', map { "SET $_ = $settings->{$_}" } sort keys %$settings;
    diag "query $number of seed @{[ SEED ]}, $query->{way}:\n$set;\n$query->{sql}\nanswer: $answer\ncopies: $copy\n$plan";
    return;
}

# The rows of a query, or the state of its error; of one that writes, what is in the table afterwards, too.
sub answer
{
    my ($query, $sql, $settings) = @_;
    my %run = (once => \&rows_of, prepared => \&prepared, cursor => \&by_cursor);
    return attempt($settings, sub {
        $dbh->begin_work;
        my @rows = $run{ $query->{way} }->($sql);
        push @rows, 'then', rows_of('SELECT x::text FROM f.local x') if $query->{writes};
        $dbh->rollback;
        return join "\n", $query->{ordered} ? @rows : sort @rows;
    });
}

sub explained
{
    my ($query, $settings) = @_;
    return attempt($settings, sub { join "\n", rows_of("EXPLAIN (COSTS off, VERBOSE) $query->{sql}") });
}

# What a function returns under these settings, or the state of its error; with a new session if that was its end.
sub attempt
{
    my ($settings, $work) = @_;
    my $result = eval {
        $dbh->do("SET $_ = '$settings->{$_}'") for sort keys %$settings;
        $work->();
    };
    if (!defined $result)
    {
        $result = 'error ' . $dbh->state;
        note "$result: " . ($dbh->errstr // $@) if $dbh->state =~ /^(?:XX|$)/;
        if (!eval { $dbh->rollback unless $dbh->{AutoCommit}; $dbh->ping })
        {
            $result = 'error lost';
            $dbh = undef;
            $dbh //= eval { connect_db($node) } || do { sleep 1; undef } for 1 .. 60;
        }
    }
    $dbh->do('RESET ALL; DEALLOCATE ALL');
    return $result;
}

sub rows_of
{
    my ($sql) = @_;
    my $sth = $dbh->prepare($sql, { pg_server_prepare => 0 });
    my $count = $sth->execute;
    return "$count rows" unless $sth->{NUM_OF_FIELDS};
    return map { join '|', '', map { $_ // 'NULL' } @$_ } @{ $sth->fetchall_arrayref };
}

# With one plan, twice
sub prepared
{
    my ($sql) = @_;
    $dbh->do('SET plan_cache_mode = force_generic_plan');
    my $parameters = $sql =~ s/'(k\d+)'::text/\$1/ ? "('$1')" : '';
    $dbh->do('PREPARE again' . ($parameters ? '(text)' : '') . " AS $sql");
    $dbh->do('SAVEPOINT once');
    my @first = rows_of("EXECUTE again$parameters");
    $dbh->do('ROLLBACK TO once');
    my @rows = rows_of("EXECUTE again$parameters");
    return "@{[ sort @first ]}" eq "@{[ sort @rows ]}" ? @rows : ('not the same', @first, @rows);
}

sub by_cursor
{
    my ($sql) = @_;
    $dbh->do("DECLARE rows CURSOR FOR $sql");
    return map { rows_of("FETCH $_ FROM rows") } 2, 5, 'ALL';
}

sub parallel_settings
{
    my $forced = $version >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';
    return (parallel_setup_cost => 0, parallel_tuple_cost => 0, min_parallel_table_scan_size => 0,
        max_parallel_workers_per_gather => 2, chance(0.3) ? ($forced => 'on') : ());
}

# A relation of FROM, under a name: { from, name }
sub relation
{
    my ($name, @kinds_wanted) = @_;
    my $kind = pick(@kinds_wanted ? @kinds_wanted : (@kinds, ('local') x 5, 'values', 'subquery', 'subquery', 'limited'));
    return { name => $name, from => "(VALUES ('v1', 'k1', 1, '2024-01-01'::timestamptz, 'north'), ('v2', 'k2', NULL, NULL, NULL)) $name(_id, k, n, t, p)" }
      if $kind eq 'values';
    my $table = pick(grep { !/\(/ } @kinds);
    return { name => $name, from => "(SELECT _id, k, n, t, p FROM f.$table WHERE n >= 0 OFFSET 0) $name" } if $kind eq 'subquery';
    return { name => $name, from => "(SELECT _id, k, n, t, p FROM f.$table ORDER BY _id LIMIT 9) $name" } if $kind eq 'limited';
    return { name => $name, from => "f.$kind $name" };
}

sub make_from
{
    my ($relations, $most) = @_;
    push @$relations, relation('r0');
    my $from = $relations->[0]{from};
    for my $i (1 .. between(0, $most - 1))
    {
        my $right = relation("r$i");
        my $left = pick(@$relations);
        my $type = pick('JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
        my $on = equality($left, $right);
        $on .= ' AND ' . comparison(pick($left, $right)) if $type ne 'FULL JOIN' && chance(0.3);
        if (chance(0.1) && $type =~ /^(?:LEFT )?JOIN/)
        {
            my $table = pick(grep { !/\(/ } @kinds);
            $from .= " $type LATERAL (SELECT * FROM f.$table s WHERE " . equality($left, { name => 's' }) . ' ORDER BY s._id LIMIT 3) ' . "$right->{name} ON true";
        }
        else
        {
            $from .= " $type $right->{from} ON $on";
        }
        push @$relations, $right;
    }
    return $from;
}

sub equality
{
    my ($left, $right) = @_;
    my $column = pick(qw(k k k _id n p));
    return "$left->{name}.$column = $right->{name}.$column";
}

sub comparison
{
    my ($relation) = @_;
    my $r = $relation->{name};
    return pick("$r.n > 1", "$r.k > 'k3'::text", "$r.k = 'k2'::text", "$r.p = 'north'", "$r.p IN ('south', 'west')", "$r.p IS NULL",
        "$r.t < '2024-05-05'", "$r.n IS NOT NULL", "$r._id = (SELECT max(_id) FROM f.plain)", "$r.k = ANY (ARRAY['k1', 'k2', NULL])",
        "length($r.k) > 2", "$r._id LIKE '0%'");
}

sub condition
{
    my ($relations) = @_;
    my $relation = pick(@$relations);
    return comparison($relation) if chance(0.5);
    my $inner = relation('e');
    my $more = chance(0.3) ? ' AND ' . comparison(chance(0.5) ? $inner : $relation) : '';
    return "$relation->{name}.k " . pick('IN', 'IN', 'NOT IN') . " (SELECT e.k FROM $inner->{from} WHERE e.k IS NOT NULL$more)" if chance(0.4);
    return pick('EXISTS', 'NOT EXISTS') . " (SELECT FROM $inner->{from} WHERE " . equality($inner, $relation) . "$more)";
}

sub where
{
    my ($relations, $most) = @_;
    my @conditions = map { condition($relations) } 1 .. between(0, $most // 2);
    return @conditions ? ' WHERE ' . join(' AND ', @conditions) : '';
}

sub common_table
{
    return chance(0.1) ? 'WITH c AS ' . pick('', 'MATERIALIZED ') . '(SELECT * FROM f.' . pick(grep { !/\(/ } @kinds) . ') ' : '';
}

sub outputs
{
    my ($relations) = @_;
    my @outputs = map { "$_->{name}._id" } @$relations;
    my $one = pick(@$relations);
    push @outputs, pick("$one->{name}.k", "$one->{name}.t", "coalesce($one->{name}.n, -1)", "($one->{name}.k || $one->{name}.p)");
    return join ', ', @outputs;
}

# A subquery that is executed for each row, or a condition on it
sub correlated
{
    my ($relations, $is_condition) = @_;
    my $inner = relation('d');
    my $from = "FROM $inner->{from} WHERE " . links($inner, pick(@$relations));
    $from .= ' AND ' . comparison(pick($inner, @$relations)) if chance(0.3);
    return pick("(SELECT count(*) $from) > 1", "(SELECT max(d.n) $from) > 1") if $is_condition;
    return pick(
        "(SELECT count(*) $from)",
        "(SELECT min(d.k) $from)",
        "(SELECT d.k $from ORDER BY d.t DESC NULLS LAST, d._id, d.k LIMIT 1)",
        "EXISTS (SELECT $from)",
        "ARRAY(SELECT d._id $from ORDER BY 1)::text");
}

# What a subquery has of the row that it is executed for: one key, two, or ranges
sub links
{
    my ($inner, $outer) = @_;
    my ($i, $o) = map { $_->{name} } $inner, $outer;
    return equality($inner, $outer) if chance(0.5);
    return equality($inner, $outer) . ' AND ' . equality($inner, $outer) if chance(0.4);
    my $range = pick(
        "$i.t >= $o.t AND $i.t < $o.t + interval '20 days'", "$i.t BETWEEN $o.t - interval '9 days' AND $o.t", "$i.t <= $o.t", "$o.t < $i.t",
        "$i.n BETWEEN $o.n - 1 AND $o.n", "$i.n > $o.n AND $i.n <= $o.n + 2 AND $i.t > $o.t", "$i.t >= $o.t::date AND $i.t < $o.t::date + 40",
        "$i.k >= $o.k AND $i.k <= $o.k", "$i._id > $o._id", "$i.t >= $o.t AND $i.t < $o.t");
    return chance(0.2) ? "$range AND " . equality($inner, $outer) : $range;
}

sub make_rows
{
    my @relations;
    my $with = common_table();
    my $from = make_from(\@relations, 4);
    $from .= ', c' if $with && chance(0.7);
    my $outputs = join ', ', outputs(\@relations), map { correlated(\@relations) } 1 .. between(0, 2);
    my $where = where(\@relations);
    $where = ($where ? "$where AND " : ' WHERE ') . correlated(\@relations, 1) if chance(0.15);
    return { sql => "${with}SELECT $outputs FROM $from$where" };
}

sub make_ordered_rows
{
    my @relations;
    my $from = make_from(\@relations, 2);
    my @ids = map { "$_->{name}._id" } @relations;
    my $first = pick("$relations[0]{name}.k", "$relations[0]{name}.n DESC", "$relations[-1]{name}.t", "$relations[0]{name}.k COLLATE \"C\" DESC NULLS LAST", '_id') =~ s/^_id$/$ids[0]/r;
    my $limit = pick('', ' LIMIT 5', ' LIMIT 3 OFFSET 2', ' OFFSET 4', ' FETCH FIRST 4 ROWS WITH TIES');
    # what is the same but for its columns' order is anywhere
    return { ordered => 1, sql => 'SELECT ' . outputs(\@relations) . " FROM $from" . where(\@relations, 1) . " ORDER BY $first, " . join(', ', @ids) . ", 1, @{[ @relations + 1 ]}$limit" };
}

sub make_aggregate
{
    my @relations;
    my $from = make_from(\@relations, 3);
    my $key = pick(@relations)->{name} . '.' . pick(qw(k p n));
    my $having = chance(0.2) ? ' HAVING count(*) > 1' : '';
    my $grouping = pick("GROUP BY $key", "GROUP BY $key", "GROUP BY GROUPING SETS (($key), ())");
    return { sql => "SELECT $key, count(*), count(r0.k), max(r0._id), sum(r0.n) FROM $from" . where(\@relations) . " $grouping$having" } if chance(0.7);
    return { sql => "SELECT DISTINCT $key, r0.p FROM $from" . where(\@relations) };
}

sub make_count
{
    my $relation = relation('r0');
    return { sql => 'SELECT ' . pick('count(*)', 'count(*), count(*) + 1', 'count(r0._id)', 'max(r0._id)') . " FROM $relation->{from}" . pick('', '', ' WHERE false', " WHERE r0.n > 1") };
}

sub make_locked_rows
{
    my @relations = (relation('r0', 'local', 'plain', 'parts', 'foreign_parent', 'local_parent'), relation('r1'));
    my $lock = pick('FOR UPDATE OF r0', 'FOR SHARE OF r0', 'FOR NO KEY UPDATE OF r0', 'FOR UPDATE OF r0 SKIP LOCKED');
    return { sql => 'SELECT ' . outputs(\@relations) . " FROM $relations[0]{from} JOIN $relations[1]{from} ON " . equality(@relations) . where(\@relations, 1) . " $lock" };
}

sub make_set_operation
{
    my @sides = map { my @relations; my $from = make_from(\@relations, 2); "SELECT r0._id, r0.k, r0.n FROM $from" . where(\@relations, 1) } 1, 2;
    return { sql => join(' ' . pick('UNION ALL', 'UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT') . ' ', @sides) };
}

# A table of PostgreSQL's that is changed with what the others have
sub make_local_write
{
    my $relation = relation('r0');
    my $x = { name => 'x' };
    my $on = equality($relation, $x);
    my $where = chance(0.4) ? ' AND ' . condition([ $relation, $x ]) : '';
    my @ways = (
        "UPDATE f.local x SET k = x.k || '+', n = NULL FROM $relation->{from} WHERE $on$where RETURNING x._id",
        "UPDATE f.local x SET n = (SELECT count(*) FROM $relation->{from} WHERE $on$where)",
        "DELETE FROM f.local x USING $relation->{from} WHERE $on$where",
        "DELETE FROM f.local x WHERE NOT EXISTS (SELECT FROM $relation->{from} WHERE $on$where) RETURNING x.k",
        "INSERT INTO f.local SELECT r0._id, r0.k, r0.n, r0.t, r0.p FROM $relation->{from} WHERE " . comparison($relation),
        "WITH gone AS (DELETE FROM f.local x USING $relation->{from} WHERE $on RETURNING x._id, x.k) SELECT g._id, p._id FROM gone g JOIN f.plain p USING (k)",
    );
    push @ways, "MERGE INTO f.local x USING $relation->{from} ON $on WHEN MATCHED AND x.n > 2 THEN DELETE WHEN MATCHED THEN UPDATE SET k = 'm' WHEN NOT MATCHED THEN INSERT VALUES (r0._id, r0.k, r0.n, r0.t, r0.p)"
      if $version >= 150000;
    return { sql => pick(@ways), writes => 1, way => pick('once', 'prepared') };
}

# The CRM's own are not changed here, only planned to be.
sub make_plan_of_write
{
    my $target = pick(qw(plain shuffled foreign_parent local_parent parts pieces_east shuffled_child));
    my $relation = relation('r0');
    my $on = equality($relation, { name => 'x' });
    my $returning = pick('', ' RETURNING x.*', ' RETURNING x._id, x.tableoid');
    my @ways = (
        "UPDATE f.$target x SET k = 'u' FROM $relation->{from} WHERE $on$returning",
        "DELETE FROM f.$target x USING $relation->{from} WHERE $on$returning",
        "UPDATE f.$target x SET k = 'u' WHERE _id = 'a'$returning",
        "UPDATE f.$target x SET k = k || 'u', n = (SELECT count(*) FROM $relation->{from}) WHERE _id IN ('a', 'b')$returning",
        "DELETE FROM f.$target x WHERE _id = 'a'$returning",
        "INSERT INTO f.$target AS x (_id, k, p) SELECT r0._id, r0.k, r0.p FROM $relation->{from}$returning",
    );
    push @ways, "MERGE INTO f.$target x USING $relation->{from} ON $on WHEN MATCHED THEN DELETE" if $version >= 150000;
    return { sql => pick(@ways), plan_only => 1 };
}
