# The seeds of the byte fuzzer, and what it found once, against the same truths; `make fuzz-bytes` makes up others.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;
use WalcuTest;

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my $output = tempdir(CLEANUP => 1);
my $said = `make --silent -j2 -C fuzz REPLAY=1 PG_CONFIG='$pg_config' OUTPUT='$output' 2>&1`;
is($? ? $said : '', '', 'the module can be built');

my $node = start_node();
# Patterns are compared in a locale that knows more letters than those of ASCII
$node->safe_psql('postgres', "CREATE DATABASE fuzz TEMPLATE template0 LOCALE 'C.UTF-8'");
my $dbh = connect_db($node, dbname => 'fuzz');
open(my $setup, '<', 'fuzz/setup.sql') or die "fuzz/setup.sql: $!";
while (my $statement = <$setup>)
{
    $dbh->do($statement =~ s/MODULE/'$output\/replay'/r);
}
close $setup;

for my $folder (glob 'fuzz/corpus/*')
{
    my $target = basename($folder);
    my @seeds = glob "$folder/*";
    my ($passed) = eval { $dbh->selectrow_array("SELECT fuzz_replay('$target', '$ENV{PWD}/$folder')") };
  SKIP:
    {
        skip 'no PCRE2 here', 1 if $target eq 'pattern' && $@ =~ /there is no target/;
        is($passed // $@, scalar @seeds, "the seeds of $target");
    }
}

done_testing();
