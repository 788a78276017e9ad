# Columns of varchar(n), whose input cuts off the blanks behind the n-th character: no document is lost that has
# some, as the rows are those of pushdown that is off.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(cars)], server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
$dbh->do('CREATE DOMAIN code AS varchar(8)');
for my $type ('varchar(8)', 'code', 'varchar')
{
    my $name = $type =~ s/\W//gr;
    $dbh->do(qq(CREATE FOREIGN TABLE of_$name (_id text COLLATE "C", v $type OPTIONS (path 'make') COLLATE "C")
        SERVER crm OPTIONS (resource 'cars')));
}
my @texts = ('12345678', '12345678 ', '12345678  ', '1234567', '1234567 ', "12345678\t", 'ñandúes1', 'ñandúes1 ', '2', '');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), make => $texts[ $_ - 1 ], dealer_id => $sandbox->dealer_id } } 1 .. @texts ]);

my @values = ('12345678', '12345678 ', '1234567', '1234567 ', 'ñandúes1', '123456789');
my @conditions = (
    (map { my $value = $_; map { "v $_ '$value'" } qw(= <> < <= > >=), 'IS DISTINCT FROM', '||' . " 'x' =" } @values),
    "v IN ('12345678', '2')", "v NOT IN ('12345678 ', '2')", "v LIKE '%8'", "v LIKE '12345678%'", "v NOT LIKE '% '", q(v ~ ' $'), q(v !~ '8$'),
    "v ILIKE '%S1'", "left(v, 8) = '12345678'", "lower(v) = '12345678'", 'v IS NULL', "v = ANY (ARRAY['12345678', 'x'])",
    "(v, _id) > ('12345678', '000000000000000000000001')", "coalesce(v, 'z') = '12345678'");
for my $table (qw(of_varchar8 of_code of_varchar))
{
    for my $condition (@conditions)
    {
        my $sql = "SELECT _id FROM $table WHERE _id < '0001' AND $condition ORDER BY 1";
        is_deeply(rows($sql, 'on'), rows($sql, 'off'), "$table: $condition");
    }
    for my $order ('v, _id', 'v DESC, _id', 'v NULLS FIRST, _id DESC')
    {
        my $sql = "SELECT _id, v FROM $table WHERE _id < '0001' ORDER BY $order LIMIT 8";
        is_deeply(rows($sql, 'on', 'enable_sort'), rows($sql, 'off'), "$table: ORDER BY $order");
    }
    my $join = "SELECT k, t._id FROM (VALUES ('12345678'), ('1234567'), ('2')) l(k) JOIN $table t ON t.v = l.k WHERE t._id < '0001' ORDER BY 1, 2";
    is_deeply(rows($join, 'on', 'enable_hashjoin', 'enable_mergejoin'), rows($join, 'off'), "$table: a join");
}

# What no blank can be behind is still sent
$sandbox->clear_log;
rows("SELECT _id FROM of_varchar8 WHERE v IN ('SEAT', 'Renault')", 'on');
is_deeply(($sandbox->log)[0]{query}{q}, { make => { '$in' => [qw(Renault SEAT)] } }, 'shorter texts are sent');
done_testing();

sub rows
{
    my ($sql, $pushdown, @off) = @_;
    local $dbh->{AutoCommit} = 0;
    $dbh->do("SET LOCAL walcu_fdw.enable_pushdown = $pushdown");
    $dbh->do("SET LOCAL $_ = off") for @off;
    my $rows = $dbh->selectall_arrayref($sql);
    $dbh->rollback;
    return $rows;
}
