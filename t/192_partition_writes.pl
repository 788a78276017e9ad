# Writes through a partitioned table change what the same writes change in a table of PostgreSQL's that is partitioned
# alike, whatever its partitions are and however they are read: two to eight of them, some of the CRM's and some local,
# with their columns in another order, changed by their ids alone or row by row, asynchronously or not, with generic plans.
#
# Of all ways to combine these every fifth is run; WRITES_EVERY in the environment says otherwise: 1 for all of them.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant { ROWS => 6, EVERY => $ENV{WRITES_EVERY} // 5 };    # rows of a partition

my @RESOURCES = qw(cars tasks notes contacts sms offers clients dates);
my $COLUMNS = '_id text COLLATE "C", k text COLLATE "C", n numeric, p text COLLATE "C"';
my $SHUFFLED = 'p text COLLATE "C", gone int, n numeric, _id text COLLATE "C", k text COLLATE "C"';
my %PATHS = (k => 'custom.k', n => 'custom.n', p => 'custom.p');

# The partitions of a table, by letters: f and g are foreign ones of two servers, s one with other columns, u one whose
# documents are replaced as a whole, i one that is read page by page by offsets, l a local one, t a local one with other columns.
# After a caret the first is a table of its own that the others inherit.
my @SHAPES = qw(ff fs sf ffl lfsg ssg fus uif gfl fffffff fgsltuig ffffffff ^f ^fl ^fgs ^lfu ^ufgi);

my $some = join ', ', map { "'$_'" } 'p0-2', 'p1-1', 'p1-1', 'none', 'p1-5';
my @STATEMENTS = (
    [ 'an update by _id', "UPDATE x.parts a SET k = 'u' WHERE _id = 'p0-1'" ],
    [ 'an update by _id of the last', "UPDATE x.parts a SET k = 'u', n = NULL WHERE _id = 'pLAST-2'" ],
    [ 'an update by ids', "UPDATE x.parts a SET k = 'u' || 1 WHERE _id IN ($some)" ],
    [ 'an update by one of many ids', "UPDATE x.parts a SET n = 5 WHERE _id = ANY (SELECT 'p' || i || '-3' FROM generate_series(0, 8) i)" ],
    [ 'an update by an id that is computed', "UPDATE x.parts a SET n = 5 WHERE _id = (SELECT max(_id) FROM copy.parts)" ],
    [ 'an update by _id and something else', "UPDATE x.parts a SET k = 'u' WHERE _id IN ($some) AND n > 1" ],
    [ 'an update of its own values', "UPDATE x.parts a SET n = n + 1, k = k || n WHERE _id IN ($some)" ],
    [ 'an update by a condition', "UPDATE x.parts a SET k = 'u' WHERE n = 2" ],
    [ 'an update of everything', 'UPDATE x.parts a SET n = n * 2' ],
    [ 'an update of one partition', "UPDATE x.parts a SET k = 'u' WHERE p = 'p1' AND _id = 'p1-3'" ],
    [ 'an update of no partition', "UPDATE x.parts a SET k = 'u' WHERE p = 'none' AND _id = 'p1-3'" ],
    [ 'an update with a join', "UPDATE x.parts a SET k = v.k FROM (VALUES ('p0-1', 'v'), ('p1-2', 'w'), ('none', 'x')) v(id, k) WHERE v.id = a._id" ],
    [ 'an update with a join of itself', "UPDATE x.parts a SET k = b.k FROM x.parts b WHERE b.n = a.n + 1 AND b.p = a.p" ],
    [ 'a deletion by _id', "DELETE FROM x.parts a WHERE _id = 'p1-4'" ],
    [ 'a deletion by ids', "DELETE FROM x.parts a WHERE _id IN ($some)" ],
    [ 'a deletion by a condition', "DELETE FROM x.parts a WHERE n > 3" ],
    [ 'a deletion with a join', "DELETE FROM x.parts a USING x.parts b WHERE b._id = 'p1-2' AND a.n = b.n" ],
    [ 'rows that find their way', "INSERT INTO x.parts AS a (_id, k, n, p) VALUES ('new-1', 'i', 1, 'p0'), ('new-2', NULL, 2, 'p1'), ('new-3', 'i', NULL, 'p1')" ],
    [ 'rows that are there already', "INSERT INTO x.parts AS a (_id, k, n, p) VALUES ('new-1', 'i', 1, 'p0'), ('new-4', 'i', 2, 'p1') ON CONFLICT DO NOTHING" ],
    [ 'rows of a query', "INSERT INTO x.parts AS a SELECT 'new-' || _id, k, n, p FROM x.parts WHERE n > 3" ],
    [ 'COPY', "COPY x.parts FROM STDIN" ],
);

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { map { $_ => 1 } @RESOURCES }, ids => 'string');
my $node = start_node('main', restart_after_crash => 'on', statement_timeout => "'30s'", jit => 'off');
my $dbh = connect_db($node);
make_servers();

my %of_statement = map { $_->[0] => 0 } @STATEMENTS;
my ($combinations, $runs, $direct, $async) = (0, 0, 0, 0);
for my $shape (@SHAPES)
{
    make_shape($shape);
    my $wrong = 0;
    for my $statement (@STATEMENTS)
    {
        for my $returning ('', ' RETURNING a.tableoid::regclass::text, a.*', ' RETURNING a._id, a.k || a.n')
        {
            my ($name, $sql) = @$statement;
            next if $returning && $sql =~ /^COPY/;
            my $last = parts_of($shape) - 1;
            $sql =~ s/LAST/$last/g;
            $sql .= $returning;
            my @ways = ($returning ? 'async' : ('async', 'one after the other'), $sql =~ /^COPY/ ? () : 'generic');
            $wrong += is_different($shape, $name, $sql, $_) for grep { $combinations++ % EVERY == 0 } @ways;
        }
    }
    is($wrong, 0, "writes through the partitions $shape");
}
is_deeply([ grep { $of_statement{$_} } sort keys %of_statement ], [], 'no kind of them is wrong');
note "$runs runs, $direct of them change documents by their ids alone, $async beside scans that are asynchronous";
cmp_ok($direct, '>', $runs / 10, 'some of them change documents by their ids alone');
cmp_ok($async, '>', $runs / 10, 'some of them have asynchronous scans');

# What PostgreSQL may call for such a node, in other ways than by a plain statement
make_shape('fsl');
for (
    [ 'as part of a query', "WITH u AS (UPDATE x.parts SET k = 'u' WHERE _id IN ($some) RETURNING _id, k) SELECT u.*, s.n FROM u JOIN x.parts s USING (_id)" ],
    [ 'and nobody reads', "WITH u AS (UPDATE x.parts SET k = 'u' WHERE _id IN ($some) RETURNING _id) SELECT 1" ],
    [ 'and few are read', "WITH u AS (UPDATE x.parts SET k = 'u' WHERE _id IN ($some) RETURNING _id) SELECT count(*) FROM (SELECT FROM u LIMIT 1) l" ],
    [ 'twice', "WITH u AS (UPDATE x.parts SET k = 'u' WHERE _id = 'p0-1' RETURNING _id), d AS (DELETE FROM x.parts WHERE _id = 'p1-1' RETURNING _id) TABLE u UNION ALL TABLE d" ],
    [ 'a view', "UPDATE x.seen SET k = 'u' WHERE _id IN ($some) RETURNING _id" ],
    [ 'EXPLAIN ANALYZE', "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) UPDATE x.parts SET k = 'u' WHERE _id IN ($some) RETURNING _id" ],
  )
{
    my ($name, $sql) = @$_;
    is(is_different('fsl', $name, $sql, 'async', $sql =~ /^EXPLAIN/), 0, $name);
}

# What is asked of the service for them: each id once of each partition.  What is set is within a free form, whose
# document is read for that; nothing else is read
for (
    [ "UPDATE f.parts SET k = 'u' WHERE _id = 'p0-1'", 'GET cars/p0-1', 'GET tasks/p0-1', 'PATCH cars/p0-1' ],
    [ "UPDATE f.parts SET k = 'u' WHERE _id = 'p0-1' RETURNING *", 'GET cars/p0-1', 'GET tasks/p0-1', 'PATCH cars/p0-1' ],
    [ "UPDATE f.parts SET k = 'u' WHERE _id IN ('p1-1', 'p2-1', 'p1-1') RETURNING k", map({ my $r = $_; map { "GET $r/$_" } qw(p1-1 p2-1) } qw(cars tasks)), 'PATCH tasks/p1-1' ],
    [ "DELETE FROM f.parts WHERE _id = 'p1-1'", 'DELETE cars/p1-1', 'DELETE tasks/p1-1' ],
    [ "DELETE FROM f.parts WHERE _id = 'p1-1' AND p = 'p1'", 'GET tasks/p1-1', 'DELETE tasks/p1-1' ],
    [ "UPDATE f.parts SET k = 'u' WHERE _id = 'none' AND p = 'p2'" ],
  )
{
    my ($sql, @requests) = @$_;
    reset_all('fsl');
    $sandbox->clear_log;
    run($sql);
    is_deeply([ sort map { "$_->{method} " . $_->{path} =~ s{^.*/([^/]+/[^/]+)$}{$1}r } $sandbox->log ], [ sort @requests ], "requests of $sql");
}

# Rows that are kept in files, until all have been read
make_shape('fus');
reset_all('fus');
$dbh->do("SET work_mem = '64kB'");
my $rows = 0;
my @messages = grep { !/^NOTICE/ } sql_messages_of(sub {
    $rows = scalar @{ $dbh->selectall_arrayref("UPDATE f.parts SET k = repeat('k', 100000) WHERE _id = ANY (ARRAY(SELECT _id FROM copy.parts)) RETURNING k, tableoid") } });
is_deeply([ $rows, "@messages" ], [ 3 * ROWS, '' ], 'long rows are returned, and leave no file behind');
is_deeply(rows('SELECT DISTINCT length(k) FROM f.parts'), ['100000'], 'and are written');
$dbh->do('RESET work_mem');

# Rows that move
make_shape('flfl');
for my $async (qw(on off))
{
    $dbh->do("SET enable_async_append = $async");
    reset_all('flfl');
    is_deeply(rows("UPDATE f.parts SET p = 'p0' WHERE _id = 'p1-2' AND p = 'p1' RETURNING tableoid::regclass, *"),
        [ 'f.parts0|p1-2|k2|2|p0' ], 'a local row that moves to the CRM is returned');
    is_deeply(rows("SELECT tableoid::regclass, _id, p FROM f.parts WHERE _id = 'p1-2'"), [ 'f.parts0|p1-2|p0' ], 'a local row moves to the CRM');
    my $error = sql_error($dbh, "UPDATE f.parts SET p = 'p0' WHERE _id = 'p1-3'");
    is($error && $error->{sqlstate}, '0A000', 'but not into a table that the statement changes itself');
    is_deeply(rows("SELECT tableoid::regclass, _id, p FROM f.parts WHERE _id = 'p1-3'"), [ 'f.parts1|p1-3|p1' ], 'and it stays');
    my $merge = sql_error($dbh, "MERGE INTO f.parts a USING copy.parts b ON a._id = b._id WHEN MATCHED THEN UPDATE SET k = 'm'");
    like($merge && $merge->{sqlstate}, qr/^(?:42809|0A000)$/, 'MERGE into tables of the CRM is an error') if $dbh->{pg_server_version} >= 150000;
}
done_testing();

# The messages that come while this is done
sub sql_messages_of
{
    my ($work) = @_;
    my @messages;
    local $SIG{__WARN__} = sub { push @messages, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $work->();
    return @messages;
}

sub make_servers
{
    $dbh->do('CREATE EXTENSION walcu_fdw; CREATE SCHEMA f; CREATE SCHEMA copy');
    for my $server (qw(one two))
    {
        $dbh->do("CREATE SERVER $server FOREIGN DATA WRAPPER walcu_fdw " . options_sql(
            { endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, id_type => 'string' }));
        $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $server " . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    }
    return;
}

# The two tables, and their rows
sub make_shape
{
    my ($shape) = @_;
    $dbh->do("SET client_min_messages = warning; DROP SCHEMA IF EXISTS $_ CASCADE; CREATE SCHEMA $_") for qw(f copy);
    for my $schema (qw(f copy))
    {
        $dbh->do("CREATE TABLE $schema.parts ($COLUMNS) PARTITION BY LIST (p)") if $shape !~ /^\^/;
        for my $part (parts_of($shape))
        {
            my ($number, $kind, $name) = @$part;
            make_partition($schema, "$schema.$name", $schema eq 'f' ? $kind : $kind =~ /[st]/ ? 't' : 'l', $RESOURCES[$number]);
            $dbh->do("ALTER TABLE $schema.parts ATTACH PARTITION $schema.$name FOR VALUES IN ('p$number')") if $shape !~ /^\^/;
            $dbh->do("ALTER TABLE $schema.$name INHERIT $schema.parts") if $shape =~ /^\^/ && $name ne 'parts';
        }
        $dbh->do("CREATE VIEW $schema.seen AS SELECT _id, k FROM $schema.parts WHERE n > 0");
    }
    return;
}

# Of each part: its number, its kind, its name
sub parts_of
{
    my ($shape) = @_;
    my @kinds = grep { $_ ne '^' } split //, $shape;
    return map { [ $_, $kinds[$_], $shape =~ /^\^/ && $_ == 0 ? 'parts' : "parts$_" ] } 0 .. $#kinds;
}

sub make_partition
{
    my ($schema, $table, $kind, $resource) = @_;
    my $columns = $kind =~ /[st]/ ? $SHUFFLED : $COLUMNS;
    if ($kind =~ /[lt]/)
    {
        $dbh->do("CREATE TABLE $table ($columns)");
    }
    else
    {
        my %options = (resource => $resource, $kind eq 'u' ? (update_method => 'put') : (), $kind eq 'i' ? (paging => 'skip') : ());
        my $with_paths = $columns =~ s/\b([knp]) (text|numeric)/$1 $2 OPTIONS (path '$PATHS{$1}')/gr;
        $dbh->do("CREATE FOREIGN TABLE $table ($with_paths) SERVER " . ($kind eq 'g' ? 'two' : 'one') . ' ' . options_sql(\%options));
    }
    $dbh->do("ALTER TABLE $table DROP COLUMN gone") if $columns eq $SHUFFLED;
    return;
}

# All rows, as they were at the beginning
sub reset_all
{
    my ($shape) = @_;
    $dbh->do('TRUNCATE copy.parts');
    for my $part (parts_of($shape))
    {
        my ($number, $kind, $name) = @$part;
        my @rows = map { { _id => "p$number-$_", k => "k$_", n => $_, p => "p$number" } } 1 .. ROWS;
        my $values = join ', ', map { "('$_->{_id}', '$_->{k}', $_->{n}, '$_->{p}')" } @rows;
        $dbh->do("INSERT INTO copy.$name (_id, k, n, p) VALUES $values");
        if ($kind =~ /[lt]/)
        {
            $dbh->do("TRUNCATE ONLY f.$name; INSERT INTO f.$name (_id, k, n, p) VALUES $values");
        }
        else
        {
            my $path = "/_sandbox/documents/$RESOURCES[$number]";
            $sandbox->delete($path);
            $sandbox->post($path, [ map { { _id => $_->{_id}, custom => { map { ($_->[0] => $_->[1]) } [ k => $_->{k} ], [ n => $_->{n} ], [ p => $_->{p} ] } } } @rows ]);
        }
    }
    return;
}

# 1 if a statement does not come to the same with both tables
sub is_different
{
    my ($shape, $name, $sql, $way, $is_free) = @_;
    reset_all($shape);
    my $expected = outcome($sql, 'copy', $way);
    my $plan = $sql =~ /^(?:COPY|EXPLAIN)/ ? '' : join "\n", @{ rows('EXPLAIN ' . $sql =~ s/\bx\./f./gr) };
    $runs++;
    $direct++ if $plan =~ /Foreign (?:Update|Delete)/ && $plan =~ /-> +Foreign (?:Update|Delete)/;
    $async++ if $plan =~ /Async/;
    my $outcome = outcome($sql, 'f', $way);
    $outcome->{result} = $expected->{result} if $is_free && $outcome->{result} !~ /^error/;
    return 0 if "@$outcome{qw(result rows)}" eq "@$expected{qw(result rows)}";
    $of_statement{$name}++;
    diag join "\n", "$shape, $way: $sql", map({ "$_: $outcome->{$_}\nexpected: $expected->{$_}" } grep { $outcome->{$_} ne $expected->{$_} } qw(result rows)), $plan
      if ++$of_statement{reported} <= 6;
    return 1;
}

# What a statement says, and what is in the table afterwards
sub outcome
{
    my ($sql, $schema, $way) = @_;
    $sql =~ s/\bx\./$schema./g;
    $dbh->do('SET enable_async_append = ' . ($way eq 'one after the other' ? 'off' : 'on'));
    my $result = eval { $way eq 'generic' ? with_generic_plan($sql) : $sql =~ /^COPY/ ? copy_in($sql) : run($sql) };
    $result //= 'error ' . $dbh->state . ' ' . ($dbh->state =~ /^(?:XX|57|08|$)/ ? $dbh->errstr // $@ : '');
    reconnect() unless $dbh->ping;
    return { result => $result, rows => join ' ', @{ rows("SELECT tableoid::regclass::text, * FROM $schema.parts") } } unless $schema eq 'f';
    return { result => $result =~ s/\bf\.parts/copy.parts/gr, rows => join ' ', @{ rows("SELECT replace(tableoid::regclass::text, 'f.', 'copy.'), * FROM f.parts") } };
}

sub reconnect
{
    $dbh = undef;
    $dbh //= eval { connect_db($node) } || do { sleep 1; undef } for 1 .. 60;
    return;
}

sub run
{
    my ($sql) = @_;
    my $sth = $dbh->prepare($sql, { pg_server_prepare => 0 });
    my $count = $sth->execute;
    return "$count rows" unless $sth->{NUM_OF_FIELDS};
    return "$count rows: " . join ' ', sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $sth->fetchall_arrayref };
}

# With parameters in place of strings, so that partitions are left out when it is run
sub with_generic_plan
{
    my ($sql) = @_;
    my %number;
    my $number_of = sub { my ($text) = @_; my $next = 1 + keys %number; return '$' . ($number{$text} //= $next) };
    $sql =~ s/'([^']*)'/$number_of->($1)/ge;
    my @values = sort { $number{$a} <=> $number{$b} } keys %number;
    my $types = @values ? '(' . join(', ', map { 'text' } @values) . ')' : '';
    $dbh->do("DEALLOCATE ALL; SET plan_cache_mode = force_generic_plan");
    my $result = eval {
        $dbh->do("PREPARE again$types AS $sql");
        run('EXECUTE again' . (@values ? '(' . join(', ', map { "'$_'" } @values) . ')' : ''));
    };
    my $error = $@;
    die $error unless defined $result;
    $dbh->do('RESET plan_cache_mode');
    return $result;
}

sub copy_in
{
    my ($sql) = @_;
    $dbh->do($sql);
    $dbh->pg_putcopydata("c-1\tc\t1\tp0\nc-2\t\\N\t2\tp1\nc-3\tc\t\\N\tp0\n");
    $dbh->pg_putcopyend;
    return 'copied';
}

# In an order of their own
sub rows
{
    my ($sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($sql) } ];
}
