# Places that the description lacks: a service whose Mongoose has strictQuery takes no notice of a filter on them, and
# takes such an arm out of an OR.  No row is lost, whichever it has, and under AND they are asked for.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { cars => 60 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->do('SET client_min_messages = error');
$dbh->do(q(CREATE FOREIGN TABLE crm.own (_id text COLLATE "C", make text COLLATE "C", license_plate text COLLATE "C", mileage numeric, status jsonb, custom jsonb,
    zzz text COLLATE "C", zzz_list text[] COLLATE "C", zzz_free jsonb) SERVER crm OPTIONS (resource 'cars')));
my @documents = map {
    my $document = { _id => sprintf('%024x', $_), make => 'SEAT', license_plate => "1000 AA$_", zzz => "z$_", zzz_list => [ "z$_", 'a' ],
        zzz_free => { a => "z$_", b => [ 1, "z$_" ] }, status => { status => 'sold', zzz => "z$_" }, custom => { a => "z$_", b => { c => $_ } } };
    $_ % 2 ? $document : { _id => $document->{_id}, make => 'other', license_plate => '9999 AAA' }
} 1 .. 9;

my @arms = (
    "zzz = 'z1'", "zzz IS NULL", "zzz <> 'z1'", "zzz > 'z3'", "zzz LIKE 'z%'", "'a' = ANY (zzz_list)", "status->>'zzz' = 'z3'", "status->>'zzz' IS NULL",
    "custom->>'a' = 'z5'", "custom @> '{\"b\": {\"c\": 7}}'", "custom ? 'a'", "status ? 'zzz'", "status ?| ARRAY['zzz', 'status']", "zzz_free->'b'->>0 = '1'",
    "zzz_free->'b'->0 = '1'", "zzz_free @> '{\"a\": \"z1\"}'", "zzz IN ('z1', 'z3', 'nope')", "zzz IS DISTINCT FROM 'z1'", "(status->>'zzz') IS DISTINCT FROM 'z1'",
    "status @> '{\"zzz\": \"z1\", \"status\": \"sold\"}'",
);
my @known = ("license_plate LIKE '1%'", "make = 'other'", 'mileage > 50000');
my @conditions = map {
    my $arm = $_;
    ($arm, "NOT ($arm)", "($arm) IS NOT TRUE", "($arm) IS TRUE",
        map { ("$_ OR $arm", "$_ AND $arm", "NOT ($_ AND $arm)", "($_ AND $arm) OR make = 'none'", "($_ OR $arm) AND make <> 'none'", "NOT ($_ OR NOT ($arm))") } @known)
} @arms;

for my $kind ([ 8, JSON::PP::true ], [ 7, 'default' ], [ 6, JSON::PP::true ], [ 5, JSON::PP::true ], [ 6, JSON::PP::false ])
{
    my ($mongoose, $strict) = @$kind;
    $sandbox->put('/_sandbox/settings', { mongoose => $mongoose, strict_query => $strict });
    $sandbox->post('/_sandbox/documents/cars', \@documents);
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    $dbh->do('DROP TABLE IF EXISTS copied');
    $dbh->do('CREATE TABLE copied AS SELECT * FROM crm.own');
    $dbh->do('SET walcu_fdw.enable_pushdown = on');
    my @wrong;
    for my $condition (@conditions)
    {
        my ($with, $without) = map { $dbh->selectrow_array("SELECT count(*) FROM $_ WHERE $condition") } 'crm.own', 'copied';
        push @wrong, "$condition: $with instead of $without" if $with != $without;
    }
    is_deeply([ @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], scalar(@conditions) . " conditions with Mongoose $mongoose, strictQuery $strict");
}

# What is sent
for (
    [ "zzz = 'z1'", { zzz => 'z1' } ],
    [ "zzz = 'z1' AND make = 'SEAT'", { zzz => 'z1', make => 'SEAT' } ],
    [ "zzz = 'z1' OR make = 'SEAT'", undef ],
    [ "zzz = 'z1' OR zzz = 'z2'", { '$or' => [ { zzz => 'z1' }, { zzz => 'z2' } ] } ],
    [ "(zzz = 'z1' AND make = 'SEAT') OR make = 'none'", { '$or' => [ { make => 'SEAT' }, { make => 'none' } ] } ],
    [ "NOT (zzz = 'z1' AND make = 'SEAT')", undef ],
    [ "(custom->>'a') = 'z1' OR make = 'SEAT'", undef ],
  )
{
    my ($condition, $filter) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT _id FROM crm.own WHERE $condition");
    is_deeply(($sandbox->log)[0]{query}{q}, $filter, $condition);
}
like(join("\n", @{ $dbh->selectcol_arrayref(q(EXPLAIN SELECT _id FROM crm.own WHERE zzz = 'z1' OR make = 'SEAT')) }),
    qr/Local because: the service may take no notice of a place that its description lacks/, 'EXPLAIN says why');
done_testing();
