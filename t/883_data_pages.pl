# The manual's pictures are there, each for light and dark backgrounds.  docs/data.md and its picture are what
# scripts/data-page makes of api/, and the columns that it shows are those of the import.  The statements of docs/data.md
# and docs/recipes.md, run as they are printed over the CRM of `make demo`, have the answers that are printed; and each
# recipe costs the requests that stand below it.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Pages;

my @pictures = map { text_of($_) =~ /^!\[.+\]\((pictures\/.+?)\)/mg } glob 'docs/*.md';
is_deeply([ sort map { "docs/$_" } @pictures ], [ glob 'docs/pictures/*.svg' ], 'pages show all pictures');
for my $picture (@pictures)
{
    like(text_of("docs/$picture"), qr/<title>.*prefers-color-scheme: dark/s, "$picture has a title, and colours for dark backgrounds");
}

my $check = qx(scripts/data-page --check 2>&1);
is("$?: $check", '0: ', 'docs/data.md and its picture are current');

my $sandbox = WalcuTest::Sandbox->start(scale => 400, seed => 1);
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, import => { flatten => 3, import_search => 'true' });
my $pages = WalcuTest::Pages->new($node, $sandbox);

my %shown = columns_shown('docs/data.md');
for my $resource (@RESOURCES)
{
    is_deeply({ %{ $shown{common} }, %{ $shown{$resource} }, _search => 'text' }, columns_imported($resource), "the columns of $resource");
}
$pages->prints_what_comes('postgres', 'docs/data.md', $pages->statements_of('docs/data.md'));

# The picture of a query: its SQL in one column of boxes, the parts of the request in the other.
my @boxes = map { s/&lt;/</gr =~ s/&gt;/>/gr } text_of('docs/pictures/query.svg') =~ m{class="code"[^>]*>(.*?)</text>}g;
my @parts = grep { /=|^GET/ && !/^\s/ } @boxes;
my $plan = join "\n", map { $_->[0] } @{ connect_db($node)->selectall_arrayref('EXPLAIN ' . join ' ', grep { my $box = $_; !grep { $_ eq $box } @parts } @boxes) };
is(scalar @parts, 5, 'the picture of a query has the parts of its request');
like($plan, qr/Request: .*\Q$_\E/, "the request of that query has $_") for @parts;

# A session for each recipe
my %costs = costs_of('docs/recipes.md');
my %recipes;
push @{ $recipes{ $_->{part} } }, $_ for $pages->statements_of('docs/recipes.md');
is_deeply([ sort keys %costs ], [ sort keys %recipes ], 'every recipe says what it costs');
for my $name (sort keys %recipes)
{
    $sandbox->clear_log;
    $pages->prints_what_comes('postgres', "docs/recipes.md, $name", @{ $recipes{$name} });
    my @requests = $sandbox->log;
    my $said = "$name: $costs{$name} requests";
    # From PostgreSQL 17 on sessions tell each other how large tables are.
    my $right = $node->pg_version < 17 ? is(scalar @requests, $costs{$name}, $said) : cmp_ok(scalar @requests, '<=', $costs{$name}, $said);
    diag(map { "$_->{method} $_->{raw_path}\n" } @requests) unless $right;
}

done_testing();

# { table => { column => type } } of the tables between the marks, `common` being those of all.
sub columns_shown
{
    my ($page) = @_;
    my %columns;
    my $text = text_of($page);
    while ($text =~ /^<!-- (\w+): made by scripts\/data-page -->\n(.*?)^<!-- end of \1 -->/msg)
    {
        my ($table, $block) = ($1, $2);
        $columns{$table} = { $block =~ /^\| `(\w+)` \| `([\w\[\]]+)` \|/mg };
    }
    return %columns;
}

sub columns_imported
{
    my ($resource) = @_;
    my $rows = connect_db($node)->selectall_arrayref(q{SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = ('crm.' || $1)::regclass AND attnum > 0}, undef, $resource);
    return { map { $_->[0] => $_->[1] =~ s/timestamp with time zone/timestamptz/r } @$rows };
}

# { heading => requests }
sub costs_of
{
    my ($page) = @_;
    my ($heading, %costs);
    for my $line (split /\n/, text_of($page))
    {
        $heading = $1 if $line =~ /^##+ (.*)/;
        $costs{$heading} = $1 if $line =~ /^(\d+) requests?:/;
    }
    return %costs;
}

sub text_of
{
    my ($page) = @_;
    open my $file, '<:encoding(UTF-8)', $page or die "$page: $!";
    local $/;
    return scalar <$file>;
}
