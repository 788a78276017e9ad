# The statements of README.md, docs/queries.md and docs/writes.md run as they are printed, page after page, over
# the CRM of `make demo`; and what README.md and docs/queries.md print of them is what comes.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 400, seed => 1);
my $node = start_node();
my $file = $node->basedir . '/notes.csv';
open my $csv, '>', $file or die "$file: $!";
print $csv "64f0a1b2c3d4e5f601020304,of a file\n";
close $csv;

my $SQL = qr/^(?:SELECT|INSERT|UPDATE|DELETE|COPY|ALTER|CREATE|EXPLAIN|BEGIN|ROLLBACK|COMMIT|SAVEPOINT|DROP|SET|GRANT|IMPORT|REFRESH)\b/;

# What a plan says of requests is the same in all versions of PostgreSQL.
my $OF_PLANS = qr/^(?:Strategy|Request|Local because|Estimated Requests|Assumed Documents|Requests|Reused Replies|Documents|Bytes|Order Probes): /;

my @readme = statements_of('README.md');
prints_what_comes('README.md', (grep { $_->{part} eq 'Quick start' } @readme), (grep { $_->{part} eq '' } @readme));
prints_what_comes('docs/queries.md', statements_of('docs/queries.md'));

# The options that are for applications are set where the page comes to them
my @writes = statements_of('docs/writes.md');
my @options = grep { $_->{sql} =~ /ADD write_mode/ } @writes;
is(scalar @options, 1, 'write_mode is added once');
my @by_statement = grep { $_->{part} !~ /^write_mode|^What EXPLAIN/ && $_ != $options[0] } @writes;
my @at_commit = grep { $_->{part} =~ /^write_mode|^What EXPLAIN/ } @writes;
run_statements(@by_statement, @options, @at_commit);
is(join("\n", map { "$_->{sql}: $_->{errors}" } grep { $_->{errors} =~ /ERROR:/ } @writes), '', 'no statement of docs/writes.md is an error');
my ($rollback) = grep { $_->{sql} eq 'ROLLBACK;' } @writes;
like($rollback->{errors}, qr/^.*WARNING:  rolling back does not undo what was written to the CRM\n.*Server "crm", resource "tasks": 2 inserted/m, 'the rollback warns as is printed');

done_testing();

# The statements in a page's blocks, each with the heading that it stands below, and what is printed after it.
sub statements_of
{
    my ($page) = @_;
    open my $lines, '<:encoding(UTF-8)', $page or die "$page: $!";
    my ($part, $indent, $statement, @statements) = ('', 0);
    while (my $line = <$lines>)
    {
        chomp $line;
        if ($line =~ /^( {4,})\S/ && !$indent) { $indent = length $1 }
        elsif ($line ne '' && $line !~ /^ {4}/) { ($indent, $statement) = (0, undef) }
        $part = $1 if $line =~ /^##+ (.*)/;
        next if !$indent || $line eq '';
        substr($line, 0, $indent) = '';
        push @statements, $statement = { part => $part, sql => '', printed => '' } if $line =~ $SQL && (!$statement || $statement->{whole});
        next unless $statement;
        if ($statement->{whole}) { $statement->{printed} .= "$line\n" }
        else
        {
            $statement->{whole} = $line =~ s/;\s*(?:--.*)?$/;/;
            $statement->{sql} .= ($statement->{sql} eq '' ? '' : "\n") . $line;
        }
    }
    # some are shortened
    @statements = grep { $_->{sql} !~ /^\.\.\.$/m } @statements;
    for my $here (@statements)
    {
        $here->{sql} =~ s{http://127\.0\.0\.1:\d+}{$sandbox->endpoint}e;
        $here->{sql} =~ s{/srv/notes\.csv}{$file};
    }
    return @statements;
}

# Runs statements in one session; each gets its output and its errors.
sub run_statements
{
    my (@statements) = @_;
    my %streams = (output => '', errors => '');
    my $script = "\\pset footer off\nSET timezone = 'UTC';\n" . join '', map { "\\echo <<<$_>>>\n\\warn <<<$_>>>\n$statements[$_]{sql}\n" } 0 .. $#statements;
    utf8::encode($script);
    IPC::Run::run([ 'psql', '--no-psqlrc', '--quiet', '--dbname', $node->connstr('postgres') ], '<', \$script, '>', \$streams{output}, '2>', \$streams{errors})
      or die "psql: $streams{errors}";
    for my $stream (keys %streams)
    {
        utf8::decode($streams{$stream});
        my (undef, %of) = split /^<<<(\d+)>>>\n/m, $streams{$stream};
        $statements[$_]{$stream} = $of{$_} // '' for 0 .. $#statements;
    }
    return;
}

sub prints_what_comes
{
    my ($page, @statements) = @_;
    run_statements(@statements);
    is(join("\n", map { "$_->{sql}: $_->{errors}" } grep { $_->{errors} =~ /ERROR:/ } @statements), '', "no statement of $page is an error");
    for my $statement (grep { $_->{printed} ne '' } @statements)
    {
        my ($came, $printed) = map { [ lines_to_compare($_) ] } @$statement{qw(output printed)};
        is_deeply($came, $printed, "$page prints what comes of: " . $statement->{sql} =~ s/\s+/ /gr) or diag($statement->{output});
    }
    return;
}

# The lines of a result; of a plan, those of OF_PLANS.
sub lines_to_compare
{
    my ($text) = @_;
    my @lines = map { s/\s+$//r } grep { /\S/ } split /\n/, $text;
    return $text =~ /QUERY PLAN/ ? grep { /$OF_PLANS/ } map { s/^\s*(?:->\s*)?//r } @lines : @lines;
}
