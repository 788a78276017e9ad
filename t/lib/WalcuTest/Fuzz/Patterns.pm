package WalcuTest::Fuzz::Patterns;

# WalcuTest::Fuzz::Patterns
#   LIKE patterns and regular expressions made of a text, so that some of the values
#   match, with everything in them that the two languages do not share.

use strict;
use warnings;
use utf8;

use Exporter 'import';
use WalcuTest::Fuzz::Chance;

our @EXPORT = qw(like_pattern regex_pattern text_prefix);

sub text_prefix
{
    my ($text) = @_;
    return substr $text, 0, between(0, length $text < 8 ? length $text : 8);
}

# Some part of a text, not too long.
sub part_of
{
    my ($text) = @_;
    my $start = between(0, length($text) - 1 < 0 ? 0 : length($text) - 1);
    return substr $text, $start, between(1, 6);
}

# What stands before and after the middle
my @LIKE_FRAMES = ([ '', '' ], [ '', '%' ], [ '%', '' ], [ '%', '%' ], [ '', '_' ], [ '_', '%' ], [ '%%', '_%' ], [ '', '%\\' ]);

sub like_pattern
{
    my ($text) = @_;
    my ($before, $after) = @{ pick(@LIKE_FRAMES[ 0 .. (chance(0.03) ? $#LIKE_FRAMES : $#LIKE_FRAMES - 1) ]) };
    my $middle = $before ne '' ? part_of($text) : $after ne '' ? text_prefix($text) : $text;
    $middle =~ s/([\\%_])/\\$1/g if chance(0.8);
    substr($middle, between(0, length($middle) - 1), 1) = pick('%', '_', '\\_', '\\\\', '\\%') if $middle ne '' && chance(0.25);
    $middle =~ s/\n/pick('%', '_', "\n")/ge;
    $middle = pick(uc $middle, lc $middle) if chance(0.3);
    return $before . $middle . $after;
}

my @REGEX_FRAMES = ([ '', '' ], [ '^', '' ], [ '', '$' ], [ '^', '$' ], [ '^(', ')' ], [ '.', '.*' ], [ '(^|\\s)', '' ], [ '[^', ']' ], [ '[', ']' ]);

# Constructs that all languages of regular expressions read alike, or nearly
my @COMMON_PARTS = (
    '.', '.*', '.+', '.?', '\\d', '\\w', '\\s', '\\S', '[a-z]', '[A-Z0-9]+', '[^a]', 'a|b', '(a|o)', '[aeiouáéí]', 'a{2}',
    'x*', '(?:ab)?', '\\.', '\\n', "\n");

# and those that PostgreSQL reads its own way, or not at all
my @OWN_PARTS = (
    '[[:alpha:]]', '[[:space:]]', '\\m', '\\M', '\\y', '\\A', '\\Z', '(?=a)', '(?!a)', '\\u00f1', '[[:<:]]', '\\D', '\\W',
    '.*?', '[\\d]', '\\B', '^*', 'a{,2}', '()', '[', '{', '\\', '(a)\\1', '\\x61', '[[.a.]]', '$^', '\\Q', '(?#x)');
my @REGEX_OPTIONS = ('(?i)', '(?n)', '(?s)', '(?x)', '(?q)', '***=', '***:', '(?c)', '(?e)');

sub regex_pattern
{
    my ($text) = @_;
    my ($before, $after) = @{ pick(@REGEX_FRAMES) };
    my $middle = chance(0.4) ? part_of($text) : chance(0.7) ? text_prefix($text) : $text;
    $middle =~ s/([\\^\$.*+?()\[\]{}|])/\\$1/g if chance(0.9);
    my @parts = chance(0.7) ? @COMMON_PARTS : @OWN_PARTS;
    $middle .= pick(@parts) if chance(0.4);
    $middle = pick(@parts) . $middle if chance(0.15);
    $middle =~ s/\n/pick('.', '.*', '\\s', "\n")/ge;
    $middle = pick(uc $middle, lc $middle) if chance(0.2);
    return (chance(0.05) ? pick(@REGEX_OPTIONS) : '') . $before . $middle . $after;
}

1;
