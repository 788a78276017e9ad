# Upper and lower case: ILIKE, ~*, lower() and upper() are sent whatever the collation is, for every letter that any of
# its kind takes for the same, and PostgreSQL decides.
#
# LETTERS in the environment is the share of the conditions that are tried; with 1, each letter that has one other case is
# looked at, too, and else one in eight.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;

my $share = $ENV{LETTERS} // 0.03;
my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { cars => 1 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
my @collations = grep { $dbh->selectrow_array(q(SELECT count(*) FROM pg_collation WHERE collname = $1 AND collencoding IN (-1, 6)), undef, $_) }
  ('es-x-icu', 'und-x-icu', 'tr-x-icu', 'az-x-icu', 'de-x-icu', 'el-x-icu', 'lt-x-icu', 'nl-x-icu', 'en_US.utf8', 'tr_TR.utf8', 'C.utf8', 'ucs_basic', 'pg_c_utf8', 'pg_unicode_fast', 'C');
note "collations: @collations";

# What people look for
my @makes = ('acuña', 'ACUÑA', 'Acuña', 'acuna', 'seat', 'Seat', 'SEAT', "\x{17f}eat", 'Straße', 'STRASSE', 'straſſe', "STRA\x{1e9e}E", 'İstanbul', 'istanbul', 'ISTANBUL',
    'ıstanbul', "i\x{307}stanbul", "I\x{307}stanbul", 'ΟΔΟΣ', 'οδος', 'οδοσ', "o\x{feff}k", "\x{212a}ia", 'kia', 'KIA', "\x{fb01}at", 'fiat', 'FIAT', "Ⅷ", "ⅷ", "ǆ", "ǅ", "Ǆ", "ŉ",
    "Ŀ", "ÿ", "Ÿ", "µ", "Μ", "μ", "Å", "å", "\x{212b}", "ჯ", "Ჯ", '😀a', '😀A', 'a_b', 'A%B', 'a\\b', 'Đặng', 'đẶNG', 'ЖУК', 'жук', "ᲀ", "В", "mari\x{307}\x{301}a", 'MARÍA', 'maría', '',
    "\x{1f80}", "\x{1f08}\x{399}", 'st', "\x{fb06}", "j\x{30c}", "\x{1f0}", "J\x{30c}", 'x', "\x{2c65}", "\x{23a}", "ß", "ss", "SS", 'sS');
$sandbox->delete('/_sandbox/documents/cars');
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_ + 1), make => $makes[$_], custom => { word => $makes[$_] } } } 0 .. $#makes ]);
$dbh->do('CREATE TABLE copy AS SELECT * FROM crm.cars');
seed_chance('letters', $ENV{LETTERS_SEED} // 1);
for my $collation (@collations)
{
    my @wrong;
    for my $text (map { ($_, lc, uc) } @makes)
    {
        my $literal = $dbh->quote($text);
        my $like = $dbh->quote($text =~ s/([\\%_])/\\$1/gr);
        for my $column ('make', "(custom->>'word')")
        {
            my $side = "$column COLLATE \"$collation\"";
            for my $condition ("$side ILIKE $like", "$side ILIKE '%' || $like", "$side ILIKE '_' || $like || '%'", "$side NOT ILIKE $like", "lower($side) = $literal",
                "lower($side) = lower($literal)", "upper($side) = $literal", "upper($side) LIKE upper($like)", "upper($side) LIKE upper('%' || $like || '_%')",
                "lower($side) IN ($literal, 'x')", "lower($side) <> $literal", "NOT upper($side) LIKE $like", "starts_with(lower($side), $literal)",
                "$side ~* " . $dbh->quote($text =~ s/([^\w])/\\$1/gr), "upper($side) ILIKE $like", "upper($side) IS NOT DISTINCT FROM $literal")
            {
                next if chance(1 - $share);
                my ($with, $without) = map { eval { $dbh->selectrow_array("SELECT string_agg(_id, ' ' ORDER BY _id) FROM $_ WHERE $condition") // '' } // 'error' } 'crm.cars', 'copy';
                push @wrong, "$condition: $with instead of $without" if $with ne $without;
            }
        }
    }
    is_deeply([ map { encode_utf8($_) } @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], "rows by $collation");
}

# Each character of the basic plane: its class has all that the collation makes the same.
for my $collation (grep { $_ ne 'C' && $_ ne 'ucs_basic' && $_ ne 'lt-x-icu' } @collations)
{
    my %same;
    my $pairs = 0;
    my $rows = $dbh->selectall_arrayref(qq(SELECT c, chr(c), lower(chr(c) COLLATE "$collation"), upper(chr(c) COLLATE "$collation") FROM generate_series(32, 65535) c
        WHERE c NOT BETWEEN 55296 AND 57343 AND c NOT BETWEEN 11904 AND 42239 AND c NOT BETWEEN 44032 AND 55295 AND c NOT BETWEEN 57344 AND 64255));
    for my $row (@$rows)
    {
        my ($code, @texts) = ($row->[0], @$row[ 1 .. 3 ]);
        push @{ $same{lower}{ $texts[1] } }, $texts[0];
        push @{ $same{upper}{ $texts[2] } }, $texts[0];
    }
    for my $function (qw(lower upper))
    {
        my @wrong;
        for my $result (sort keys %{ $same{$function} })
        {
            my @characters = @{ $same{$function}{$result} };
            next if @characters == 1 && $characters[0] eq $result;
            next if @characters == 2 && $share < 1 && $pairs++ % 8;
            my $pattern = pattern_of("$function(make COLLATE \"$collation\") = " . $dbh->quote($result));
            for my $character (@characters)
            {
                push @wrong, sprintf('%s of %vx is %vx, which asks for %s', $function, $character, $result, $pattern) unless $character =~ /$pattern/;
            }
        }
        is_deeply([ map { encode_utf8($_) } @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], "$function() by $collation");
    }
}

# What is sent
$dbh->do('ALTER FOREIGN TABLE crm.cars ALTER COLUMN model TYPE text COLLATE "es-x-icu"') if grep { $_ eq 'es-x-icu' } @collations;
for (
    [ q(make ILIKE '%acuña%'),                      '[aA][cC][uU]ñ[aA]' ],
    [ q(make ILIKE '%acuña%' COLLATE "es-x-icu"),   '[aA][cC][uU][ñÑ][aA]' ],
    [ q(model ILIKE 'se_t'),                        "^[s\x{53}\x{17f}][eE][\\d\\D]{0,2}[tT](?![\\d\\D])" ],
    [ q(lower(make) = 'seat'),                      '^[sS][eE][aA][tT](?![\d\D])' ],
    [ q(lower(make) LIKE '%ibiza%'),                '[iI][bB][iI][zZ][aA]' ],
    [ q(upper(make) LIKE upper('%León%')),          '[lL][eE]ó[nN]' ],
    [ q(upper(model) LIKE upper('%León%')),         "[lL\x{fb02}\x{fb04}][eE][óÓ][nN\x{149}]" ],
    [ q(upper(model) = 'STRASSE'), undef ],
    [ q(model ~* 'tdi$'),                           "[tT][dD][iIıİ](?![\\d\\D])" ],
  )
{
    my ($condition, $pattern) = @$_;
    my $sent = pattern_of($condition);
    is(encode_utf8($sent), encode_utf8($pattern), encode_utf8("pattern of $condition")) if defined $pattern;
    like($sent, qr/^\^\[sS/, 'and there is one') unless defined $pattern;
}

# NOT is of what is certain, and places of ids get no pattern.
is(filter_of(q(model NOT ILIKE '%seat%')), '{"model":{"$ne":null,"$not":{"$regex":"[sS][eE][aA][tT]"}}}', 'NOT ILIKE');
is(filter_of(q(model NOT ILIKE '%ñ%')), '{"model":{"$ne":null}}', 'NOT ILIKE of what collations may take otherwise');
is(filter_of(q(NOT lower(model) LIKE 'a%')), '{"model":{"$ne":null}}', 'NOT of lower()');
unlike(filter_of($_), qr/regex/, "no pattern for $_")
  for q(lower(_id) = 'a'), q(upper(_id) LIKE 'A%'), q(_id ILIKE '%a%' COLLATE "es-x-icu"), q(lower(status->>'user') = 'b');
is(filter_of(q(model ILIKE 'a%' COLLATE "lt-x-icu")), '{}', 'and none for Lithuanian') if grep { $_ eq 'lt-x-icu' } @collations;
like(join("\n", @{ $dbh->selectcol_arrayref(q(EXPLAIN SELECT _id FROM crm.cars WHERE upper(model) LIKE upper('%León%'))) }), qr/Request/, 'EXPLAIN has it');

$node->stop;
done_testing();

sub filter_of
{
    my ($condition) = @_;
    my ($line) = grep { /Request:/ } @{ $dbh->selectcol_arrayref("EXPLAIN (COSTS off) SELECT _id FROM crm.cars WHERE $condition") };
    return '{}' unless $line =~ /[?&]q=(\{.*?\})&(?:project|sort)=/;
    return $1;
}

sub pattern_of
{
    my ($condition) = @_;
    my $filter = filter_of($condition);
    my $tree = JSON::PP->new->decode($filter);
    my ($place) = values %$tree;
    return ref $place eq 'HASH' && defined $place->{'$regex'} ? $place->{'$regex'} : '';
}
