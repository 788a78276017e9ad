package WalcuTest::Manual;

# WalcuTest::Manual
#   The SQL of a chapter of the manual, so that tests run what users copy.
#
#     my $manual = WalcuTest::Manual->new('local-copy.md');
#     $dbh->do($manual->recipe('view'));
#     $dbh->do($manual->recipe('reader', 'hub.example.net' => $node->host));   # with other words
#     $manual->names;           # of all its recipes
#
# A recipe is the indented block that follows a comment with its name, which readers of the
# page do not see: <!-- recipe: view -->

use strict;
use warnings;

sub new
{
    my ($class, $chapter) = @_;
    open my $file, '<:encoding(UTF-8)', "docs/$chapter" or die "docs/$chapter: $!";
    my $text = do { local $/; <$file> };
    my @comments = $text =~ /^<!-- recipe: (.*?) -->$/mg;
    my @pairs = $text =~ /^<!-- recipe: (.*?) -->\n\n((?:(?:    .*)?\n)+)/mg;
    my %recipes = @pairs;
    die "docs/$chapter: a recipe's name is used twice, or stands before no block"
      unless keys %recipes == @comments && @comments;
    s/^    //mg for values %recipes;
    return bless { chapter => $chapter, recipes => \%recipes }, $class;
}

sub names { return sort keys %{ $_[0]{recipes} } }

# Every word to replace must be there.
sub recipe
{
    my ($self, $name, %replacements) = @_;
    my $sql = $self->{recipes}{$name} // die "docs/$self->{chapter} has no recipe \"$name\"";
    for my $word (sort keys %replacements)
    {
        $sql =~ s/\Q$word\E/$replacements{$word}/g or die "the recipe \"$name\" does not have $word";
    }
    return $sql;
}

1;
