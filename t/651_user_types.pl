# Types, operators, casts and functions of a user's own are not understood, and so are PostgreSQL's business: the
# answers are those without pushdown and those of a local copy, never an internal error, and no request has a filter of theirs.

use strict;
use warnings;

use Test::More;
use WalcuTest;

# Columns, by their types: the family that compares them, a value that some documents have, and one that none has
my %COLUMNS = (
    int8        => [ n => 'integer_ops', '3', '77' ],
    numeric     => [ c => 'numeric_ops', '2.5', '77.5' ],
    float8      => [ r => 'float_ops', '2.5', '77.5' ],
    text        => [ k => 'text_ops', 'k1', 'kk' ],
    timestamptz => [ t => 'datetime_ops', '2024-05-02 10:00+00', '2030-01-01' ],
    bool        => [ b => 'bool_ops', 'true', 'false' ],
    uuid        => [ u => 'uuid_ops', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a03', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380aff' ],
    jsonb       => [ j => 'jsonb_ops', '3', '"none"' ],
);

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { tasks => 1, offers => 1 }, ids => 'string');
my $node = start_node('main', jit => 'off', restart_after_crash => 'on', statement_timeout => "'60s'");
my $dbh = connect_db($node);
make_documents();
make_tables();
make_types($_) for sort keys %COLUMNS;

# The operators of two types, one of which nobody but the user knows
for my $type (sort keys %COLUMNS)
{
    my ($column, $family, $some, $none) = @{ $COLUMNS{$type} };
    my ($x, $y) = map { "'$_'::my_$type" } $some, $none;
    my @conditions = (
        map({ ("$column $_ $x", "$x $_ $column", "NOT ($column $_ $x)", "($column $_ $x) IS NOT TRUE", "$column $_ (SELECT $x)") } '=', '<>', '<', '<=', '>', '>='),
        "$column IS DISTINCT FROM $x", "$column IS NOT DISTINCT FROM $x", "$column BETWEEN $y AND $x",
        "$column = $x OR $column IS NULL", "$column = ANY (ARRAY[$x, $y])", "$column <> ALL (ARRAY[$x, NULL])", "$x = ANY (ARRAY[$column])",
        "$column IN ($x, $y)", "CASE WHEN $column = $x THEN true END", "own_$type = '$some'::$type", "own_$type < $x", "own_$type = $column",
        "'$some'::$type = own_$type", "own_$type IS NULL", "($column, _id) < ($x, 'x')");
    my $internal = 0;
    for my $condition (@conditions)
    {
        $internal += is_wrong("SELECT _id FROM f.types WHERE $condition");
    }
    is($internal, 0, "$type: " . @conditions . ' conditions');
    my $wrong = 0;
    for my $sql (
        "SELECT types._id, l.id FROM l JOIN f.types ON $column = l.own_$type",
        "SELECT types._id, l.id FROM l LEFT JOIN f.types ON l.own_$type = $column",
        "SELECT id FROM l WHERE EXISTS (SELECT FROM f.types WHERE $column = l.own_$type)",
        "SELECT id FROM l WHERE id NOT IN (SELECT (own_$type = $x)::int FROM f.types WHERE own_$type IS NOT NULL)",
        "SELECT types._id, l.id FROM l JOIN f.types ON $column = ANY (ARRAY[l.own_$type])",
        "SELECT types._id, l.id FROM l, LATERAL (SELECT * FROM f.types WHERE $column >= l.own_$type ORDER BY _id LIMIT 2) types",
        "SELECT _id FROM f.types ORDER BY own_$type, _id",
        "SELECT types._id, l.id FROM f.types JOIN l ON types.$column = l.own_$type ORDER BY types.$column, l.own_$type, 1, 2",
        "SELECT own_$type FROM f.types GROUP BY own_$type",
        "SELECT DISTINCT $column FROM f.types WHERE $column = $x",
      )
    {
        $wrong += is_wrong($sql, $_) for 'once', 'batched', 'merged', 'looped';
    }
    is($wrong, 0, "$type: joins and orders");
    $dbh->do("PREPARE p(my_$type) AS SELECT _id FROM f.types WHERE $column = \$1; SET plan_cache_mode = force_generic_plan");
    is(answer("EXECUTE p('$some')"), answer("SELECT _id FROM copy.types WHERE $column = $x"), "$type: a parameter");
    $dbh->do('DEALLOCATE p; RESET plan_cache_mode');
}

# What requests have of them
for my $type (sort keys %COLUMNS)
{
    my ($column, $family, $some) = @{ $COLUMNS{$type} };
    is_deeply([ filters_of("SELECT _id FROM f.types WHERE $column = '$some'::my_$type") ], [undef], "$type: no filter of an operator that a user has made");
    isnt((filters_of("SELECT _id FROM f.types WHERE $column = '$some'::$type"))[0], undef, 'but one of PostgreSQL\'s own') if $type !~ /uuid|jsonb/;
}

# Casts, domains, names that hide PostgreSQL's, and functions of no particular type
for my $sql (
    "SELECT _id FROM f.types WHERE n::my_int8 = '3'", "SELECT _id FROM f.types WHERE n = '3'::my_int8::int8", "SELECT _id FROM f.types WHERE own_int8::int8 = 3",
    "SELECT _id FROM f.types WHERE k::my_text = 'k1'", "SELECT _id FROM f.types WHERE own_text::text = 'k1'", "SELECT _id FROM f.types WHERE n::text = '#3'",
    "SELECT _id FROM f.types WHERE d = 3", "SELECT _id FROM f.types WHERE d IN (3, 4)", "SELECT _id FROM f.types WHERE d = '3'::my_int8", "SELECT _id FROM f.types WHERE d::int8 < 3",
    "SELECT _id FROM f.types WHERE e = 'k1'", "SELECT _id FROM f.types WHERE e < 'k3'", "SELECT _id FROM f.types WHERE e = ANY (ARRAY['k1', 'k2']::mood[])", "SELECT _id FROM f.types WHERE e = '(k1)'::text::mood",
    "SELECT _id FROM f.types ORDER BY e, _id", "SELECT _id FROM f.types WHERE ROW(n, k) = ROW(3::int8, 'k3')", "SELECT _id FROM f.types WHERE (n, k)::pair = (3, 'k3')::pair",
    "SELECT _id FROM f.types WHERE p = (3, 'k3')::pair", "SELECT _id FROM f.types WHERE p IS NULL", "SELECT _id FROM f.types WHERE (p).n = 3",
    "SELECT _id FROM f.types WHERE n OPERATOR(mine.=) 3", "SELECT _id FROM f.types WHERE k OPERATOR(mine.~~) 'k1'", "SELECT _id FROM f.types WHERE j OPERATOR(mine.->>) 'a' = 'x'",
    "SELECT _id FROM f.types WHERE n OPERATOR(mine.===) 3", "SELECT _id FROM f.types WHERE k OPERATOR(mine.~~~) 'k%'",
    "SELECT _id FROM f.types WHERE mine.same(n) = 3", "SELECT _id FROM f.types WHERE n = mine.same(3::int8)", "SELECT _id FROM f.types WHERE mine.same(k) = 'k1'", "SELECT _id FROM f.types WHERE mine.same(ARRAY[k]) = ARRAY['k1']",
    "SELECT _id FROM f.types WHERE k COLLATE mine.backwards < 'k3'", "SELECT _id FROM f.types WHERE k COLLATE mine.any_case = 'K1'", "SELECT _id FROM f.types ORDER BY k COLLATE mine.backwards, _id",
    "SELECT _id FROM f.types ORDER BY n USING OPERATOR(mine.<<<), _id", "SELECT _id FROM f.types WHERE k = ANY (mine.words())", "SELECT _id FROM f.types WHERE t = mine.now()",
  )
{
    for my $path ('pg_catalog, public', 'mine, pg_catalog, public')
    {
        $dbh->do("SET search_path = $path");
        is(is_wrong($sql), 0, "$sql ($path)");
        is(is_wrong($sql =~ s/OPERATOR\(mine\.(\S+)\)/$1/r), 0, 'and with its short name') if $sql =~ /WHERE.*OPERATOR/ && $path =~ /^mine/;
        $dbh->do('RESET search_path');
    }
}
done_testing();

sub make_documents
{
    my @documents = map {
        { _id => sprintf('id%02d', $_), __v => $_ % 6, updated_by => 'k' . $_ % 5, created_at => sprintf('2024-05-%02dT10:00:00.000Z', 1 + $_ % 7),
            custom => { a => $_ % 2 ? 'x' : $_, c => $_ / 2, b => $_ % 2 ? JSON::PP::true() : JSON::PP::false(), n => $_ % 6, u => sprintf('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a%02d', $_ % 5) } }
    } 1 .. 20;
    push @documents, { _id => 'none', custom => {} };
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks', \@documents);
    return;
}

sub make_tables
{
    $dbh->do($_) for (
        'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA f', 'CREATE SCHEMA copy', 'CREATE SCHEMA mine',
        'CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null' }),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm " . options_sql(WalcuTest::Sandbox::CREDENTIALS),
        "CREATE DOMAIN whole AS int8 CHECK (VALUE < 5)", "CREATE TYPE mood AS ENUM ('k3', 'k2', 'k1', 'k0')", 'CREATE TYPE pair AS (n int8, k text)',
        q{CREATE FOREIGN TABLE f.types (_id text COLLATE "C", n int8 OPTIONS (path '__v'), k text OPTIONS (path 'updated_by') COLLATE "C", t timestamptz OPTIONS (path 'created_at'),
            c numeric OPTIONS (path 'custom.c'), r float8 OPTIONS (path 'custom.c'), b bool OPTIONS (path 'custom.b'), u uuid OPTIONS (path 'custom.u'), j jsonb OPTIONS (path 'custom.n'),
            d whole OPTIONS (path '__v'), e mood OPTIONS (path 'updated_by'), p pair OPTIONS (path 'custom.p')) SERVER crm OPTIONS (resource 'tasks')},
        "CREATE FUNCTION mine.differs(int8, int8) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int8ne'",
        "CREATE OPERATOR mine.= (LEFTARG = int8, RIGHTARG = int8, FUNCTION = mine.differs, COMMUTATOR = OPERATOR(mine.=))",
        "CREATE FUNCTION mine.unlike(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'textnlike'",
        "CREATE OPERATOR mine.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.unlike)",
        "CREATE FUNCTION mine.member(jsonb, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''x''::text'",
        "CREATE OPERATOR mine.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = mine.member)",
        "CREATE OPERATOR mine.=== (LEFTARG = int8, RIGHTARG = int8, FUNCTION = int8eq)",
        "CREATE OPERATOR mine.~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = textlike)",
        "CREATE FUNCTION mine.same(anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT \$1'",
        "CREATE FUNCTION mine.words() RETURNS text[] LANGUAGE plpgsql STABLE AS 'BEGIN RETURN ARRAY[''k1'', NULL]; END'",
        "CREATE FUNCTION mine.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT ''2024-05-02 10:00+00''::timestamptz'",
        "CREATE COLLATION mine.backwards (provider = icu, locale = 'und-u-kf-upper')", "CREATE COLLATION mine.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE FUNCTION mine.label(int8) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''#'' || \$1'", 'CREATE CAST (int8 AS text) WITH FUNCTION mine.label(int8)',
        "CREATE OPERATOR FAMILY mine.reversed USING btree",
        "CREATE OPERATOR mine.<<< (LEFTARG = int8, RIGHTARG = int8, FUNCTION = int8gt, COMMUTATOR = OPERATOR(mine.>>>))", "CREATE OPERATOR mine.>>> (LEFTARG = int8, RIGHTARG = int8, FUNCTION = int8lt)",
        "CREATE FUNCTION mine.compare(int8, int8) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint8cmp(\$2, \$1)'",
        "CREATE OPERATOR CLASS mine.reversed FOR TYPE int8 USING btree FAMILY mine.reversed AS OPERATOR 1 mine.<<<, OPERATOR 3 pg_catalog.=, OPERATOR 5 mine.>>>, FUNCTION 1 mine.compare(int8, int8)",
        'CREATE TABLE l AS SELECT id FROM generate_series(1, 6) id', 'CREATE TABLE copy.types AS TABLE f.types');
    return;
}

# A type like another one, with operators between both in the other's families, and columns of it
sub make_types
{
    my ($type) = @_;
    my ($column, $family, $some, $none) = @{ $COLUMNS{$type} };
    my $is = sub { my ($what, @values) = @_; return $dbh->selectrow_array($what, undef, @values) };
    my $own = "my_$type";
    $dbh->do("CREATE TYPE $own");
    my ($in, $in_args, $out) = $is->("SELECT i.prosrc, i.pronargs, o.prosrc FROM pg_type t JOIN pg_proc i ON i.oid = typinput JOIN pg_proc o ON o.oid = typoutput WHERE t.oid = '$type'::regtype");
    $dbh->do("SET client_min_messages = error; CREATE FUNCTION ${own}_in(cstring" . ($in_args == 3 ? ', oid, int4' : '') . ") RETURNS $own LANGUAGE internal IMMUTABLE STRICT AS '$in';
        CREATE FUNCTION ${own}_out($own) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS '$out'");
    $dbh->do("CREATE TYPE $own (INPUT = ${own}_in, OUTPUT = ${own}_out, LIKE = $type" . ($type eq 'text' ? ', COLLATABLE = true' : '') . '); RESET client_min_messages');

    my @operators = @{ $dbh->selectall_arrayref(
        "SELECT amopstrategy, oprname, prosrc FROM pg_amop JOIN pg_operator o ON o.oid = amopopr JOIN pg_proc p ON p.oid = oprcode
           WHERE amoplefttype = '$type'::regtype AND amoprighttype = '$type'::regtype AND amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = '$family' AND opfmethod = 403)
         UNION ALL SELECT NULL, oprname, prosrc FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode WHERE oprname = '<>' AND oprleft = '$type'::regtype AND oprright = oprleft") };
    my ($compare) = $is->("SELECT prosrc FROM pg_amproc JOIN pg_proc p ON p.oid = amproc::oid WHERE amproclefttype = '$type'::regtype AND amprocrighttype = amproclefttype AND amprocnum = 1
        AND amprocfamily = (SELECT oid FROM pg_opfamily WHERE opfname = '$family' AND opfmethod = 403)");
    my ($hash) = $is->("SELECT prosrc FROM pg_amproc JOIN pg_proc p ON p.oid = amproc::oid JOIN pg_opclass c ON opcfamily = amprocfamily
        WHERE opcmethod = 405 AND opcdefault AND opcintype = '$type'::regtype AND amproclefttype = opcintype AND amprocnum = 1");
    my ($hash_family) = $is->("SELECT opfname FROM pg_opclass JOIN pg_opfamily f ON f.oid = opcfamily WHERE opcmethod = 405 AND opcdefault AND opcintype = '$type'::regtype");
    my %commutator = ('<' => '>', '<=' => '>=', '>' => '<', '>=' => '<=', '=' => '=', '<>' => '<>');
    my %negator = ('<' => '>=', '<=' => '>', '>' => '<=', '>=' => '<', '=' => '<>', '<>' => '=');
    my @pairs = ([ $type, $own ], [ $own, $type ], [ $own, $own ]);
    my (@btree, @btree_own);
    for my $pair (@pairs)
    {
        my ($left, $right) = @$pair;
        my $to = $left eq $right ? \@btree_own : \@btree;
        for my $operator (@operators)
        {
            my ($strategy, $name, $source) = @$operator;
            my $function = "${own}_" . ($strategy // 'ne');
            $dbh->do("CREATE FUNCTION $function($left, $right) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS '$source'");
            $dbh->do("CREATE OPERATOR $name (LEFTARG = $left, RIGHTARG = $right, FUNCTION = $function, COMMUTATOR = $commutator{$name}, NEGATOR = $negator{$name}"
                  . ($name eq '=' ? ', HASHES, MERGES, RESTRICT = eqsel, JOIN = eqjoinsel' : '') . ')');
            push @$to, "OPERATOR $strategy $name ($left, $right)" if $strategy;
        }
        $dbh->do("CREATE FUNCTION ${own}_compare($left, $right) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS '$compare'");
        push @$to, "FUNCTION 1 ($left, $right) ${own}_compare($left, $right)";
    }
    $dbh->do("CREATE FUNCTION ${own}_hash($own) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS '$hash'");
    $dbh->do("CREATE OPERATOR CLASS ${own}_ops DEFAULT FOR TYPE $own USING btree FAMILY $family AS " . join(', ', @btree_own));
    $dbh->do("CREATE OPERATOR CLASS ${own}_hash DEFAULT FOR TYPE $own USING hash FAMILY $hash_family AS OPERATOR 1 = ($own, $own), FUNCTION 1 ${own}_hash($own)");
    $dbh->do("ALTER OPERATOR FAMILY $family USING btree ADD " . join(', ', @btree));
    $dbh->do("ALTER OPERATOR FAMILY $hash_family USING hash ADD OPERATOR 1 = ($type, $own), OPERATOR 1 = ($own, $type)");
    $dbh->do("CREATE CAST ($own AS $type) WITHOUT FUNCTION; CREATE CAST ($type AS $own) WITHOUT FUNCTION");

    my ($path) = $is->("SELECT substring(attfdwoptions::text FROM 'path=([^}]*)') FROM pg_attribute WHERE attrelid = 'f.types'::regclass AND attname = '$column'");
    $dbh->do("ALTER FOREIGN TABLE f.types ADD own_$type $own OPTIONS (path '$path')");
    $dbh->do("ALTER TABLE copy.types ADD own_$type $own; UPDATE copy.types t SET own_$type = (SELECT own_$type FROM f.types s WHERE s._id = t._id)");
    $dbh->do("ALTER TABLE l ADD own_$type $own; UPDATE l SET own_$type = CASE id WHEN 1 THEN '$some' WHEN 2 THEN '$none' WHEN 3 THEN '$some' END::$own");
    return;
}

# 1 if a query has not the rows of the copy, or another answer without pushdown
sub is_wrong
{
    my ($sql, $way) = @_;
    my %setting = (batched => [qw(enable_hashjoin enable_mergejoin enable_nestloop)], merged => [qw(enable_hashjoin enable_nestloop enable_sort)], looped => [qw(enable_hashjoin enable_mergejoin)]);
    my $copy = answer($sql =~ s/\bf\./copy./gr);
    my @set = @{ $setting{ $way // '' } // [] };
    $dbh->do("SET $_ = off") for @set;
    my $on = answer($sql);
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    my $off = answer($sql);
    $dbh->do("RESET $_") for @set, 'walcu_fdw.enable_pushdown';
    return 0 if $on eq $copy && $off eq $copy && $on !~ /^error (?:XX|42)/;
    diag "$sql\npushdown on:  $on\npushdown off: $off\ncopy: $copy";
    return 1;
}

sub answer
{
    my ($sql) = @_;
    my $rows = eval { $dbh->selectall_arrayref($sql) };
    return join ' ', ($sql =~ /ORDER BY (?!_id LIMIT)/ ? sub { @_ } : sub { sort @_ })->(map { join '|', map { $_ // 'NULL' } @$_ } @$rows) if $rows;
    my $error = 'error ' . $dbh->state . ' ' . ($dbh->pg_error_field('primary') // '');
    if (!$dbh->ping)
    {
        $dbh = undef;
        $dbh //= eval { connect_db($node) } || do { sleep 1; undef } for 1 .. 60;
    }
    return $error;
}

# The filters of the requests for a query
sub filters_of
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref($sql);
    return map { $_->{query}{q} } $sandbox->log(kind => 'list');
}
