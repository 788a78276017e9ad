# jsonb with arrays within arrays: MongoDB looks through one level of them, SQL's operators through
# as many as they are told, and the first element of an array is not the array.  Random conditions over random
# documents find the same rows as in a local copy.
#
# NESTED_CONDITIONS and NESTED_SEED ask for more of them, and for others.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Values qw(sql_string sql_array);

use constant DOCUMENTS => 150;

my $conditions = $ENV{NESTED_CONDITIONS} // 500;
my $seed = $ENV{NESTED_SEED} // 1;
my $json = JSON::PP->new->canonical->allow_nonref;
my @truth = (JSON::PP::true, JSON::PP::false);

# A place that the description leaves open, one that it does not have, one of texts in an array, one of an object.
my @places = qw(custom unheard_of extras status);

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars'], server => { fetch_size => 1000, on_type_mismatch => 'null' });
$sandbox->settings(page_cap => 1000);
my $dbh = connect_db($node);
$dbh->{pg_expand_array} = 0;
$dbh->{pg_placeholder_dollaronly} = 1;
my $columns = join ', ', map { ("$_ jsonb", "texts_of_$_ text[] OPTIONS (path '$_') COLLATE \"C\"") } @places;
$dbh->do("CREATE FOREIGN TABLE crm.nested (_id text COLLATE \"C\", $columns) SERVER crm OPTIONS (resource 'cars')");

seed_chance($seed, 'documents');
my @documents = map { +{ _id => sprintf('d%03d', $_), map { chance(0.1) ? () : ($_ => nested(between(0, 4))) } @places } } 1 .. DOCUMENTS;
push @documents, { _id => 'null in an array', custom => [undef] }, { _id => 'null in an object', custom => { a => undef } };
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', \@documents);
$dbh->do('SET walcu_fdw.enable_pushdown = off');
$dbh->do('CREATE TABLE copy AS SELECT * FROM crm.nested');
is($dbh->selectrow_array('SELECT count(*) FROM copy'), scalar @documents, 'all documents are in the copy');
$dbh->do('SET walcu_fdw.enable_pushdown = on');

# These have been wrong.
my @known = (
    q(custom @> '[["a"]]'), q(custom @> '[[1]]'), q(custom @> '{"a": [["a"]]}'), q(custom @> '{"a": [[{"a": "a"}]]}'), q(custom @> '[[[1]]]'),
    q(unheard_of @> '[[null]]'), q(custom->0 @> '["a"]'), q(custom->0 ? 'a'), q(custom->'a'->0 @> '[{"a": "a"}]'), q('[["a"]]' <@ custom),
    q(custom->0->0 @> 'null'), q(custom->'a'->0 = 'null'),
);
compare("a known one, $_", $_) for @known;

my ($different, $pushed) = (0, 0);
for my $number (1 .. $conditions)
{
    seed_chance($seed, 'condition', $number);
    my $condition = random_nested_condition();
    my ($same, $filtered) = are_same($condition);
    $pushed += $filtered;
    next if $same;
    diag "NESTED_SEED=$seed, condition $number: $condition" if $different++ < 10;
}
is($different, 0, "$conditions conditions find the rows that they find in a copy");
# nothing is sent where an array that a document lacks could be shown as an empty one
cmp_ok($pushed, '>', $conditions * 0.2, 'and many have a filter in the request');

done_testing();

sub compare
{
    my ($name, $condition) = @_;
    my ($same) = are_same($condition);
    ok($same, $name);
    return;
}

# Are the rows of a condition those of the copy?  And was a filter sent?
sub are_same
{
    my ($condition) = @_;
    $sandbox->clear_log;
    my @rows = map { $dbh->selectcol_arrayref("SELECT _id FROM $_ WHERE $condition ORDER BY _id COLLATE \"C\"") } qw(crm.nested copy);
    my $filtered = grep { defined $_->{query}{q} } $sandbox->log(kind => 'list');
    return ("@{ $rows[0] }" eq "@{ $rows[1] }", $filtered ? 1 : 0);
}

# Few values and keys, so that documents are told apart by where they stand.
sub nested
{
    my ($depth) = @_;
    return pick('a', 'a', 'b', 'ab', 1, 1, 2, 1.5, undef, @truth, '1', '0') if $depth == 0;
    return [ map { nested(chance(0.8) ? $depth - 1 : 0) } 1 .. between(0, 3) ] if chance(0.7);
    return { map { ($_ => nested($depth - 1)) } some(between(0, 2), qw(a b 0 1)) };
}

# What a value may contain: parts of it, at the same depths.
sub part
{
    my ($value) = @_;
    return [ map { part($_) } some(between(0, 2), @$value) ] if ref $value eq 'ARRAY';
    return { map { ($_ => part($value->{$_})) } some(between(0, 2), sort keys %$value) } if ref $value eq 'HASH';
    return $value;
}

sub random_nested_condition
{
    my $place = pick(@places);
    my $value = pick(@documents)->{$place};
    return text_condition("texts_of_$place", $value) if chance(0.2);
    my $sql = $place;
    my $as_text = 0;
    my $steps = pick(0, 0, 0, 1, 1, 2);
    while ($steps-- > 0 && (ref $value eq 'ARRAY' || ref $value eq 'HASH'))
    {
        my $key = ref $value eq 'ARRAY' ? int rand(@$value + 1) : pick(sort(keys %$value), 'a');
        $as_text = $steps <= 0 && chance(0.25);
        my $arrow = $as_text ? '->>' : '->';
        my $index = ref $value eq 'ARRAY' && chance(0.85) ? $key : "'$key'";
        $sql = chance(0.7) ? "$sql$arrow$index" : "$sql #>" . ($as_text ? '> ' : ' ') . "'{$key}'";
        $value = ref $value eq 'ARRAY' ? $value->[$key] : $value->{$key};
    }
    my $condition = $as_text ? of_text("($sql)", $value) : of_json("($sql)", $value);
    return $condition unless chance(0.25);
    return chance(0.5) ? "NOT ($condition)" : "($condition) IS NOT TRUE";
}

sub of_json
{
    my ($sql, $value) = @_;
    my $part = sql_string($json->encode(chance(0.8) ? part($value) : nested(between(0, 3))));
    my $same = sql_string($json->encode(chance(0.8) ? $value : nested(between(0, 2))));
    my $keys = "'{" . join(',', some(between(0, 3), qw(a b ab 0 1))) . "}'";
    my $key = pick(qw(a b ab 0 1));
    return pick(("$sql \@> $part") x 4, ("$part <\@ $sql") x 2, "$sql <\@ $same", ("$sql ? '$key'") x 3, ("$sql ?| $keys") x 2, "$sql ?& $keys",
        "$sql = $same", "$sql <> $same", "$sql IN ($same, $part)", "$sql IS DISTINCT FROM $same", "$sql IS NULL", "$sql IS NOT NULL",
        "$sql \@? '\$[*] ? (@ == 1)'", "jsonb_path_exists($sql, '\$.a')", "$sql < $same");
}

sub of_text
{
    my ($sql, $value) = @_;
    my $text = sql_string(!defined $value ? 'a' : ref $value eq 'JSON::PP::Boolean' ? ($value ? 'true' : 'false') : ref $value ? $json->encode($value) : $value);
    return pick("$sql = $text", "$sql <> $text", "$sql LIKE 'a%'", "$sql IN ('a', $text)", "$sql IS NULL", "$sql IS NOT NULL");
}

sub text_condition
{
    my ($column, $value) = @_;
    my @elements = ref $value eq 'ARRAY' ? grep { defined && !ref } @$value : ();
    my $element = sql_string(@elements ? pick(@elements) : 'a');
    my $array = sql_array([ some(between(0, 2), @elements, 'a', undef) ], 'text');
    return pick("$element = ANY ($column)", "$element <> ALL ($column)", "$column \@> $array", "$column && $array", "$array <\@ $column",
        "$column = $array", "$column IS NULL", "$column IS NOT NULL", "$column\[1] = $element", "$element < ANY ($column)");
}
