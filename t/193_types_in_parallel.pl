# A value becomes what its column's type makes of it, or does not fit, whether a part of the query is run in parallel or not:
# no subtransaction can begin then before PostgreSQL 17.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my @VALUES = ('12.50', '12.345', '123456789012.5', 'abc', 'abcdef', '', '7', '[1,5)', '(5,1)', '2024-02-30', '2024-02-29', '1 day',
    '10.0.0.1', '10.0.0.0/33', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '101', '1012', '{1,2}', 'open', 'closed', '$.a', '$.', 'pg_class', 'no_class',
    '(1,x)', '(x,1)', 'true', '0', 'a & b', 'a &', '<a/>', '\\x41', '\\x4', '100', '5', '-5');

# The types of a column, and whether a function of somebody else is called for them
my %IS_OF_OTHERS = (
    (map { $_ => 0 } 'numeric(10,2)', 'varchar(5)', 'char(3)', 'uuid', 'inet', 'cidr', 'interval', 'int4range', 'bit(3)', 'money', 'jsonpath', 'regclass', 'regtype', 'regprocedure',
        'tsquery', 'bytea', 'point', 'macaddr', 'status', 'small_text', 'positive', 'with_default', 'nested'),
    (map { $_ => 1 } 'checked', 'raising', 'over_checked', 'pair', 'ranges'));

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { tasks => 1 }, ids => 'string');
my $node = start_node('main', jit => 'off', restart_after_crash => 'on');
my $dbh = connect_db($node);
make_types();
make_tables();
$dbh->do("SET statement_timeout = '60s'");

for my $type (sort keys %IS_OF_OTHERS)
{
    make_column($type);
    my $raises = $IS_OF_OTHERS{$type} && $dbh->{pg_server_version} < 170000;
    for my $mode (qw(null error))
    {
        $dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch '$mode')");
        my ($alone, $parallel) = map { answer($_) } 0, 1;
        if ($mode eq 'error' || $raises)
        {
            my ($first) = $parallel =~ /^(error \S+)/;
            like($parallel, qr/^error/, "$type: what does not fit is an error in a parallel query ($mode)");
            unlike($parallel, qr/error (?:25|XX)/, 'and a plain one');
            is($parallel, $alone, 'the same as in any other') unless $raises;
        }
        else
        {
            unlike($alone, qr/^error/, "$type: what does not fit is NULL");
            like($alone, qr/NULL.*\|\S+|\|\S+.*NULL/, 'and what fits is not');
            is($parallel, $alone, 'in a parallel query, too');
        }
    }
    is(answer(1, 'fits'), answer(0, 'fits'), "$type: values that fit");
    unlike(answer(1, 'fits'), qr/^error|NULL/, 'are read in a parallel query');
}

# What a function has begun when it failed is ended
$dbh->do("ALTER SERVER crm OPTIONS (SET on_type_mismatch 'null')");
for my $type (qw(regclass raising over_checked small_text))
{
    make_column($type);
    for my $parallel (0, 1)
    {
        my @messages = sql_messages($dbh, 'SELECT 1');
        {
            local $SIG{__WARN__} = sub { push @messages, grep { !/does not fit|do not fit/ } @_ };
            local $dbh->{PrintWarn} = 1;
            $dbh->begin_work;
            answer($parallel);
            eval { $dbh->commit } or $dbh->rollback;
        }
        is("@messages", '', "$type: nothing is left behind, " . ($parallel ? 'in parallel' : 'alone'));
    }
}
is($dbh->selectrow_array("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'pg_class'::regclass"), 0, 'no locks are kept');
done_testing();

# The values of the column, by _id
sub answer
{
    my ($parallel, $only) = @_;
    $dbh->do('SET max_parallel_workers_per_gather = ' . ($parallel ? 2 : 0));
    my $filter = $only ? "WHERE t._id LIKE 'fits%'" : '';
    my $sql = "SELECT t._id, t.x, b.n FROM f.t, (SELECT count(*) AS n FROM big) b $filter ORDER BY 1";
    my $plan = join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref("EXPLAIN $sql") };
    die "not as wanted: $plan" if ($plan =~ /Gather/ ? 1 : 0) != $parallel;
    my $rows = eval { local $dbh->{PrintWarn} = 0; $dbh->selectall_arrayref($sql) };
    return 'error ' . $dbh->state . ' ' . ($dbh->pg_error_field('primary') // '') unless $rows;
    return join ' ', map { join '|', map { $_ // 'NULL' } @$_ } @$rows;
}

sub make_types
{
    $dbh->do($_) for (
        "CREATE TYPE status AS ENUM ('open', 'lost')",
        "CREATE DOMAIN small_text AS text CHECK (length(VALUE) < 5)",
        "CREATE DOMAIN positive AS numeric CHECK (VALUE > 0)",
        "CREATE DOMAIN with_default AS varchar(5) DEFAULT 'x' CHECK (VALUE <> '')",
        "CREATE DOMAIN nested AS small_text CHECK (VALUE ~ '^[a-z]+\$')",
        "CREATE FUNCTION is_short(text) RETURNS boolean LANGUAGE plpgsql AS 'DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP RETURN length(\$1) < 5; END LOOP; END'",
        "CREATE FUNCTION raise_if_long(text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS
            'DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP IF length(\$1) > 4 THEN RAISE EXCEPTION ''too long''; END IF; END LOOP; RETURN true; END'",
        "CREATE DOMAIN checked AS text CHECK (is_short(VALUE))",
        "CREATE DOMAIN raising AS text CHECK (raise_if_long(VALUE))",
        "CREATE DOMAIN over_checked AS checked CHECK (VALUE <> 'abc')",
        "CREATE TYPE pair AS (n int, t text)",
        "CREATE TYPE ranges AS RANGE (subtype = numeric)",
        "CREATE TABLE big (id int) WITH (parallel_workers = 2)",
        "INSERT INTO big SELECT generate_series(1, 1000)",
        "ANALYZE big");
    return;
}

sub make_tables
{
    $dbh->do($_) for (
        "CREATE EXTENSION walcu_fdw",
        "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw "
          . options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', id_type => 'string' }),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm " . options_sql(WalcuTest::Sandbox::CREDENTIALS),
        "CREATE SCHEMA f",
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0");
    return;
}

# All values, of which those have ids that begin with "fits" that the type takes: numbers of JSON for types of numbers, strings for
# all others
sub make_column
{
    my ($type) = @_;
    $dbh->do("SET client_min_messages = warning; DROP TABLE IF EXISTS scratch; DROP FOREIGN TABLE IF EXISTS f.t; RESET client_min_messages");
    $dbh->do("CREATE TABLE scratch (x $type)");
    $dbh->do("CREATE FOREIGN TABLE f.t (_id text COLLATE \"C\", x $type OPTIONS (path 'custom.x')) SERVER crm OPTIONS (resource 'tasks')");
    my ($takes_numbers) = $dbh->selectrow_array("SELECT t.typcategory = 'N' FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = 'scratch'::regclass AND attname = 'x'");
    my $n = 0;
    my @documents;
    for my $text (@VALUES)
    {
        my $is_number = $takes_numbers && $text =~ /^-?\d+(?:\.\d+)?$/;
        my $fits = ($is_number || !$takes_numbers)
          && defined eval { $dbh->selectrow_array("SELECT (jsonb_populate_record(NULL::scratch, jsonb_build_object('x', ?::text))).x IS NULL", undef, $text) };
        push @documents, { _id => sprintf('%s-%02d', $fits ? 'fits' : 'odd', $n++), custom => { x => $is_number ? 0 + "$text" : "$text" } };
    }
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks', \@documents);
    return;
}
