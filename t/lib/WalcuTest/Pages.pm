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
# follows it in the block is what it prints; a line that begins with a backslash is psql's.  A statement that is shortened ("...") is left out.  Comments, which readers
# of the page do not see, say what a page takes for granted:
#
#     <!-- before:
#     CREATE ROLE analyst;
#     -->                             is run when the page comes to it
#     <!-- prints -->                 what the statement before it prints is a block of its own, which nobody copies
#     <!-- not run: REASON -->        the block that follows is left out
#     <!-- each alone -->             from here on each statement is rolled back before the next one
#     <!-- new sessions -->           from here on each block is run by a session that has not learned anything yet
#     <!-- crm: clients=4000 -->      the page is about a CRM with so many documents: counts_of has them

use strict;
use warnings;

use IPC::Run ();
use Test::More;
use WalcuTest::Sandbox;

my $SQL = qr/^(?:SELECT|CALL|WITH|INSERT|UPDATE|DELETE|MERGE|COPY|ALTER|CREATE|EXPLAIN|BEGIN|ROLLBACK|COMMIT|SAVEPOINT|DROP|SET|RESET|GRANT|REVOKE|IMPORT|REFRESH|ANALYZE|TRUNCATE|DO|DECLARE|FETCH|PREPARE|EXECUTE)\b/;

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
    my ($part, $indent, $alone, $fresh, $skip, $statement, @statements) = ('', 0, 0, 0, 0);
    while (my $line = <$lines>)
    {
        chomp $line;
        if ($line =~ /^<!-- before:$/)
        {
            my $sql = '';
            while (defined($line = <$lines>) && $line !~ /^-->$/) { $sql .= $line }
            push @statements, { part => $part, sql => $sql, printed => '', whole => 1 };
        }
        $alone ||= $line =~ /^<!-- each alone -->$/;
        $fresh ||= $line =~ /^<!-- new sessions -->$/;
        $skip ||= $line =~ /^<!-- not run: /;
        my $begins = $line =~ /^( {4,})\S/ && !$indent;
        if ($begins) { $indent = length $1 }
        elsif ($line ne '' && $line !~ /^ {4}|^<!-- prints -->$/)
        {
            $skip = 0 if $indent;
            ($indent, $statement) = (0, undef);
        }
        $part = $1 if $line =~ /^##+ (.*)/;
        next if !$indent || $skip || $line !~ /^ {4}/;
        substr($line, 0, $indent) = '';
        push @statements, $statement = { part => $part, sql => '', printed => '', alone => $alone, connect => $fresh && $begins } if $line =~ $SQL && (!$statement || $statement->{whole});
        if ($line =~ /^\\/ && (!$statement || $statement->{whole}))
        {
            push @statements, $statement = { part => $part, sql => $line, printed => '', whole => 1 };
            next;
        }
        next unless $statement;
        if ($statement->{whole}) { $statement->{printed} .= "$line\n" }
        else
        {
            my $ends = $line =~ s/;\s*(?:--.*)?$/;/;
            $statement->{sql} .= ($statement->{sql} eq '' ? '' : "\n") . $line;
            my $quotes = () = $statement->{sql} =~ /\$\w*\$/g;
            $statement->{whole} = $ends && $quotes % 2 == 0;
        }
    }
    @statements = grep { $_->{sql} !~ /^\.\.\.$/m } @statements;
    $_->{sql} = $self->put_here($_->{sql}) for @statements;
    return @statements;
}

# How many documents the CRM of a page has, by resource; none where it is that of the demo.
sub counts_of
{
    my ($class, $page) = @_;
    open my $lines, '<:encoding(UTF-8)', $page or die "$page: $!";
    my ($counts) = map { /^<!-- crm: (.*) -->$/ } <$lines>;
    return { map { my ($resource, $count) = split /=/; $resource => $count } split / /, $counts // '' };
}

# With the sandbox in place of the service that the page speaks of, and its credentials.
sub put_here
{
    my ($self, $sql) = @_;
    my $endpoint = $self->{sandbox}->endpoint;
    my ($username, $password) = (WalcuTest::Sandbox::USERNAME, WalcuTest::Sandbox::PASSWORD);
    $sql =~ s{http://127\.0\.0\.1:\d+}{$endpoint};
    $sql =~ s{(CREATE SERVER \w+ [^;]*?OPTIONS \()dealer_id '(?:\.\.\.|[0-9a-f]{24})'}{$1endpoint '$endpoint', dealer_id '@{[ WalcuTest::Sandbox::DEALER ]}'}g;
    $sql =~ s/username '(?:\.\.\.|APPLICATION ID)', password '(?:\.\.\.|SECRET KEY)'/username '$username', password '$password'/g;
    my $results = $self->{sandbox}->results_endpoint =~ s{^http://}{}r;
    $sql =~ s/'ext\.crm\.walcu\.com'/'$results'/g;
    $sql =~ s/\Q$_\E/$self->{words}{$_}/g for keys %{ $self->{words} };
    return $sql;
}

# In one session.
sub run
{
    my ($self, $database, @statements) = @_;
    my %streams = (output => '', errors => '');
    local $ENV{PGTZ} = 'UTC';
    my $script = "\\pset footer off\n" . join '', map { script_of($_, $statements[$_]) } 0 .. $#statements;
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

sub script_of
{
    my ($number, $statement) = @_;
    my ($begin, $end) = $statement->{alone} ? ("BEGIN;\n", "ROLLBACK;\n") : ('', '');
    my $connect = $statement->{connect} ? "\\connect\n" : '';
    return "$connect\\echo <<<$number>>>\n\\warn <<<$number>>>\n$begin$statement->{sql}\n$end";
}

sub prints_what_comes
{
    my ($self, $database, $page, @statements) = @_;
    $self->run($database, @statements);
    is(join("\n", map { "$_->{sql}: $_->{errors}" } grep { $_->{errors} =~ /ERROR:/ } @statements), '', "no statement of $page is an error");
    for my $statement (grep { $_->{printed} ne '' } @statements)
    {
        # from PostgreSQL 17 on sessions tell each other how large tables are, and plans hang on that
        next if $statement->{sql} =~ /^EXPLAIN/ && $self->{node}->pg_version >= 17;
        my $came = $statement->{printed} =~ /^(?:ERROR|WARNING|NOTICE|INFO):/ ? $statement->{errors} : $statement->{output};
        my ($expected, @lines) = ([ lines_to_compare($statement, $statement->{printed}) ], lines_to_compare($statement, $came));
        if (grep { /^\s*\.\.\.$/ } @$expected)
        {
            $expected = [ grep { !/^\s*\.\.\.$/ } @$expected ];
            my %is_printed = map { $_ => 1 } @$expected;
            @lines = grep { $is_printed{$_} } @lines;
        }
        is_deeply(\@lines, $expected, "$page prints what comes of: " . $statement->{sql} =~ s/\s+/ /gr) or diag($came);
    }
    return;
}

# The lines of a result; of a plan, those of OF_PLANS.  Into how many ranges a scan is cut, and so how many requests it
# takes, hangs on when which of them ends.
sub lines_to_compare
{
    my ($statement, $text) = @_;
    my @lines = map { s/\s+$//r } grep { /\S/ } split /\n/, $text;
    my $hangs_on_time = $statement->{printed} =~ /^ *Ranges: /m ? qr/^(?:Requests|Bytes): / : qr/^$/;
    return $statement->{sql} =~ /^EXPLAIN/ ? grep { !/$hangs_on_time/ } grep { /$OF_PLANS/ } map { s/^\s*(?:->\s*)?//r } @lines : @lines;
}

1;
