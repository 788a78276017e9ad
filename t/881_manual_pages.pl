# The statements of README.md, docs/queries.md and docs/writes.md run as they are printed, page after page, over
# the CRM of `make demo`; and what README.md and docs/queries.md print of them is what comes.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Pages;

my $sandbox = WalcuTest::Sandbox->start(scale => 400, seed => 1);
my $node = start_node();
my $file = $node->basedir . '/notes.csv';
open my $csv, '>', $file or die "$file: $!";
print $csv "64f0a1b2c3d4e5f601020304,of a file\n";
close $csv;
my $pages = WalcuTest::Pages->new($node, $sandbox, '/srv/notes.csv' => $file);

my @readme = $pages->statements_of('README.md');
$pages->prints_what_comes('postgres', 'README.md', (grep { $_->{part} eq 'Quick start' } @readme), (grep { $_->{part} eq '' } @readme));
$pages->prints_what_comes('postgres', 'docs/queries.md', $pages->statements_of('docs/queries.md'));

# The options that are for applications are set where the page comes to them
my @writes = $pages->statements_of('docs/writes.md');
my @options = grep { $_->{sql} =~ /ADD write_mode/ } @writes;
is(scalar @options, 1, 'write_mode is added once');
my @by_statement = grep { $_->{part} !~ /^write_mode|^What EXPLAIN/ && $_ != $options[0] } @writes;
my @at_commit = grep { $_->{part} =~ /^write_mode|^What EXPLAIN/ } @writes;
$pages->run('postgres', @by_statement, @options, @at_commit);
is(join("\n", map { "$_->{sql}: $_->{errors}" } grep { $_->{errors} =~ /ERROR:/ } @writes), '', 'no statement of docs/writes.md is an error');
my ($rollback) = grep { $_->{sql} eq 'ROLLBACK;' } @writes;
like($rollback->{errors}, qr/^.*WARNING:  rolling back does not undo what was written to the CRM\n.*Server "crm", resource "tasks": 2 inserted/m, 'the rollback warns as is printed');

done_testing();
