# Whatever a type's input function raises says that the value does not fit the type; but a cancel, and what is wrong
# with the server, are no matter of values.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_retries => 0 });
my $dbh = connect_db($node);
$dbh->do($_) for (
    q(CREATE FUNCTION refuses(value text) RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = value; END$$),
    q(CREATE FUNCTION waits(value text) RETURNS boolean LANGUAGE sql AS $$SELECT pg_sleep(value::float8) IS NOT NULL$$),
    q(CREATE FUNCTION missing(value text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN EXISTS (SELECT FROM nowhere); END$$),
    'CREATE DOMAIN crm.refused AS text CHECK (refuses(VALUE))',
    'CREATE DOMAIN crm.waiting AS text CHECK (waits(VALUE))',
    'CREATE DOMAIN crm.missing AS text CHECK (missing(VALUE))',
    q(CREATE TYPE crm.pair AS (a int, b jsonpath)));

my @refusals = (
    [ jsonpath => q("$.") ], [ jsonpath => q("[") ], [ 'jsonpath[]' => q(["$.a", "$."]) ], [ regclass => '1.5' ], [ regclass => '-1' ],
    [ regtype => '1.5' ], [ regtype => '-2' ], [ regproc => '1.5' ], [ regprocedure => '-1' ], [ regrole => '1.5' ], [ xml => q("<a") ], [ tsquery => q("a &") ],
    [ int4range => q("[2,1]") ], [ int4range => q("[") ], [ int4multirange => q("{[}") ], [ inet => q("300.1.1.1") ], [ bytea => q("\\\\xz") ],
    [ bit => q("2") ], [ 'bit(2)' => q("111") ], [ point => q("x") ], [ interval => q("never") ], [ timetz => q("25:00") ], [ money => '1e30' ], [ pg_lsn => q("x") ],
    [ 'crm.pair' => q{"(1,$.)"} ], [ 'crm.pair' => q{"(1"} ], [ oid => '1.5' ], [ macaddr => q("z") ], [ tsvector => q("'a") ], [ pg_snapshot => q("x") ],
    [ 'crm.missing' => q("a") ], map({ [ 'crm.refused' => qq("$_") ] } qw(P0001 22012 23514 42P01 42601 21000 0A000 34000 38000 XY000 57P99)[ 0 .. 9 ]),
);
my $number = 0;
for my $refusal (@refusals)
{
    my ($type, $value) = @$refusal;
    my $table = 'crm.t' . $number++;
    $dbh->do("CREATE FOREIGN TABLE $table (_id text COLLATE \"C\", v $type, make text COLLATE \"C\") SERVER crm OPTIONS (resource 'cars')");
    reply(qq([{"_id":"a","v":$value,"make":"x"},{"_id":"b","v":null,"make":"y"}]));
    my $error = sql_error($dbh, "SELECT v FROM $table");
    is($error->{sqlstate}, 'HV004', "$type from $value") or diag explain $error;
    like($error->{message}, qr/^value of "v" in document "a" of resource "cars" does not fit type /, 'it says where');
    $dbh->do("ALTER FOREIGN TABLE $table OPTIONS (ADD on_type_mismatch 'null')");
    is_deeply($dbh->selectall_arrayref("SELECT _id, v IS NULL, make FROM $table ORDER BY _id"), [ [ 'a', 1, 'x' ], [ 'b', 1, 'y' ] ], 'or NULL');
}

# What is no matter of values
$dbh->do("CREATE FOREIGN TABLE crm.serious (_id text COLLATE \"C\", v crm.refused) SERVER crm OPTIONS (resource 'cars', on_type_mismatch 'null')");
for my $sqlstate (qw(57014 57P01 53200 53100 XX000 XX001 40001 40P01 25P02 58030 08006 42501))
{
    reply(qq([{"_id":"a","v":"$sqlstate"}]));
    is(sql_error($dbh, 'SELECT v FROM crm.serious')->{sqlstate}, $sqlstate, "$sqlstate is raised");
}
$dbh->do("CREATE FOREIGN TABLE crm.slow (_id text COLLATE \"C\", v crm.waiting) SERVER crm OPTIONS (resource 'cars', on_type_mismatch 'null')");
reply('[{"_id":"a","v":"60"}]');
$dbh->do("SET statement_timeout = '300ms'");
is(sql_error($dbh, 'SELECT v FROM crm.slow')->{sqlstate}, '57014', 'a cancel within an input function');
$dbh->do('RESET statement_timeout');
reply('[{"_id":"a","v":"0"}]');
is($dbh->selectrow_array('SELECT v FROM crm.slow'), '0', 'the session goes on');

done_testing();

sub reply
{
    my ($body) = @_;
    $sandbox->clear_faults;
    $sandbox->fault({
        match => { kind => 'list' },
        fault => { type => 'reply', headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'false' }, body => $body } });
    return;
}
