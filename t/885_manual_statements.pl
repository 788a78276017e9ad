# Every statement of the manual runs as it is printed, and what a page prints of it is what comes: the pages that no other
# test runs.  Each has a database of its own, in which the quick start of README.md has been run.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Pages;

# What other tests run, or what has no statement.
my %ELSEWHERE = map { $_ => 1 } qw(
  README.md errors.md performance.md development.md
  queries.md writes.md many-dealers.md local-copy.md data.md recipes.md
);

my $node = start_node();
$node->safe_psql('postgres', "CREATE ROLE $_") for qw(ana berta carla david analyst integrator);
my %words = ('`cat /run/secrets/crm-secret-key`' => WalcuTest::Sandbox::PASSWORD);
my %stages;

for my $page (sort glob 'docs/*.md')
{
    my ($name) = $page =~ m{([^/]+)$};
    my $stage = stage_of(WalcuTest::Pages->counts_of($page));
    my @statements = $stage->{pages}->statements_of($page);
    next if $ELSEWHERE{$name} || !@statements;
    (my $database = lc $name) =~ s/\W/_/g;
    $node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE $stage->{database}");
    $stage->{pages}->prints_what_comes($database, $page, @statements);
}

# The steps with an account of one's own, in a database that has nothing
my $pages = stage_of({})->{pages};
$node->safe_psql('postgres', 'CREATE DATABASE own');
$pages->prints_what_comes('own', 'README.md', grep { $_->{part} eq 'Your own CRM' } $pages->statements_of('README.md'));

# The table of all options says what their sections say
my $options = do { local (@ARGV, $/) = ('docs/options.md'); <> };
my (%told, %in_table);
while ($options =~ /^### ([\w, ]+)\n\nOn: (?:(?!\n\n).)*?Default:\s+(.*?)\.?\n\n/msg)
{
    my ($names, $default) = ($1, $2);
    $told{$names} = $default =~ s/\s+/ /gr;
}
while ($options =~ /^\| (\[.*?) \| .* \| (.*) \|$/mg)
{
    my ($links, $default) = ($1, $2);
    $in_table{ join ', ', $links =~ /\[(\w+)\]/g } = $default;
}
is_deeply(\%in_table, \%told, 'the table of options has the default of each');

done_testing();

# A CRM with so many documents, and a database with its tables, to be copied.
sub stage_of
{
    my ($counts) = @_;
    my $database = join '_', 'quick', map { "$_$counts->{$_}" } sort keys %$counts;
    return $stages{$database} //= do
    {
        my $sandbox = WalcuTest::Sandbox->start(scale => 400, seed => 1, count => $counts);
        my $pages = WalcuTest::Pages->new($node, $sandbox, %words);
        $node->safe_psql('postgres', "CREATE DATABASE $database");
        $pages->run($database, grep { $_->{part} eq 'Quick start' } $pages->statements_of('README.md'));
        { pages => $pages, database => $database };
    };
}
