package WalcuTest::Pages;

# WalcuTest::Pages
#   Every statement that a page of the manual prints, run as it is printed, and what the page prints of it compared with
#   what comes.  Where a page goes to a recipe by its name, WalcuTest::Manual has it.
#
#     my $pages = WalcuTest::Pages->new($node, $sandbox, '/srv/notes.csv' => $file);   # with other words
#     my @statements = $pages->statements_of('docs/queries.md');   # { part, sql, printed }
#     $pages->run('postgres', @statements);                        # each gets output and errors
#     $pages->prints_what_comes('postgres', 'docs/queries.md', @statements);
#
# A block is indented by four or more columns.  A statement begins with a word of $SQL and ends with its semicolon; what
# follows it in the block is what it prints.  A statement that is shortened ("...") is left out.

use strict;
use warnings;

use IPC::Run ();
use Test::More;

my $SQL = qr/^(?:SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|COPY|ALTER|CREATE|EXPLAIN|BEGIN|ROLLBACK|COMMIT|SAVEPOINT|DROP|SET|RESET|GRANT|REVOKE|IMPORT|REFRESH|ANALYZE|TRUNCATE|DO|DECLARE|FETCH|PREPARE|EXECUTE)\b/;

# What a plan says of requests is the same in all versions of PostgreSQL.
my $OF_PLANS = qr/^(?:Strategy|Request|Local because|Estimated Requests|Assumed Documents|Requests|Reused Replies|Documents|Bytes|Order Probes): /;

sub new
{
    my ($class, $node, $sandbox, %words) = @_;
    return bless { node => $node, sandbox => $sandbox, words => \%words }, $class;
}

# The statements in a page's blocks, each with the heading that it stands below, and what is printed after it.
sub statements_of
{
    my ($self, $page) = @_;
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
    @statements = grep { $_->{sql} !~ /^\.\.\.$/m } @statements;
    for my $here (@statements)
    {
        $here->{sql} =~ s{http://127\.0\.0\.1:\d+}{$self->{sandbox}->endpoint}e;
        $here->{sql} =~ s/\Q$_\E/$self->{words}{$_}/g for keys %{ $self->{words} };
    }
    return @statements;
}

# In one session.
sub run
{
    my ($self, $database, @statements) = @_;
    my %streams = (output => '', errors => '');
    my $script = "\\pset footer off\nSET timezone = 'UTC';\n" . join '', map { "\\echo <<<$_>>>\n\\warn <<<$_>>>\n$statements[$_]{sql}\n" } 0 .. $#statements;
    utf8::encode($script);
    IPC::Run::run([ 'psql', '--no-psqlrc', '--quiet', '--dbname', $self->{node}->connstr($database) ], '<', \$script, '>', \$streams{output}, '2>', \$streams{errors})
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
    my ($self, $database, $page, @statements) = @_;
    $self->run($database, @statements);
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

1;
