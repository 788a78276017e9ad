# EXPLAIN in the formats that programs read: no member of an object comes twice, whatever the plan is, and what
# several conditions say is a list.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 5, count => { cars => 300 });
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' }, import => { import_search => 'true' });
my $dbh = connect_db($node);
$dbh->do($_) for (
    'CREATE TABLE keys AS SELECT _id, make FROM crm.cars LIMIT 30', 'ANALYZE keys',
    'CREATE TABLE parts (_id text, make text, dealer_id text) PARTITION BY LIST (dealer_id)',
    "CREATE FOREIGN TABLE parts_a PARTITION OF parts FOR VALUES IN ('a') SERVER crm OPTIONS (resource 'cars')",
    "CREATE FOREIGN TABLE parts_b PARTITION OF parts FOR VALUES IN ('b') SERVER crm OPTIONS (resource 'cars')",
    "CREATE FOREIGN TABLE crm.late (_id text COLLATE \"C\", make text COLLATE \"C\") SERVER crm OPTIONS (resource 'cars', write_mode 'commit')");

my $local = q(length(make) > 1 AND length(model) > 1 AND make || 'x' <> model AND initcap(make) <> 'X');
my @statements = (
    'SELECT * FROM crm.cars', "SELECT _id FROM crm.cars WHERE $local", "SELECT _id FROM crm.cars WHERE _id = 'x' AND $local",
    "SELECT _id FROM crm.cars WHERE _search = 'x' AND $local", 'SELECT count(*) FROM crm.cars', "SELECT make, count(*) FROM crm.cars WHERE $local GROUP BY make",
    'SELECT _id FROM crm.cars ORDER BY created_at DESC LIMIT 3 OFFSET 2', "SELECT _id FROM crm.cars WHERE (make = 'x' OR length(make) > 2) AND (model = 'y' OR length(model) > 2)",
    "SELECT c._id FROM keys k JOIN crm.cars c ON c._id = k._id WHERE length(c.make) > 1 AND length(c.model) > 1",
    'SELECT c._id FROM keys k LEFT JOIN crm.cars c ON c._id = k._id AND c.make <> k.make AND length(c.model) > length(k.make)',
    'SELECT k._id FROM keys k WHERE EXISTS (SELECT FROM crm.cars c WHERE c._id = k._id)', 'SELECT k._id FROM keys k WHERE NOT EXISTS (SELECT FROM crm.cars c WHERE c._id = k._id)',
    "SELECT c._id, n._id FROM crm.cars c JOIN crm.notes n ON n._id = c._id WHERE $local", "SELECT * FROM parts WHERE length(make) > 1 AND length(_id) > 2",
    'SELECT _id, (SELECT max(make) FROM crm.cars i WHERE i._id = o._id AND length(i.model) > 1 AND length(i.make) > 1) FROM crm.cars o',
    "WITH c AS MATERIALIZED (SELECT * FROM crm.cars WHERE $local) SELECT * FROM c a JOIN c b USING (_id)",
    "DELETE FROM crm.cars WHERE _id = 'x'", "DELETE FROM crm.cars WHERE _id IN ('x', 'y') RETURNING make", "DELETE FROM crm.cars WHERE _id = 'x' AND $local",
    "UPDATE crm.cars SET make = 'x' WHERE _id = 'x'", "UPDATE crm.cars SET make = 'x' WHERE $local", "UPDATE crm.cars c SET make = k.make FROM keys k WHERE c._id = k._id AND length(c.model) > 1 AND length(c.make) > 99",
    "INSERT INTO crm.cars (make) VALUES ('a')", "INSERT INTO crm.cars (make) SELECT make FROM crm.cars WHERE $local AND false", "UPDATE parts SET make = 'x' WHERE length(make) > 100 AND length(_id) > 200",
    "DELETE FROM parts WHERE _id = 'x'", "DELETE FROM crm.late WHERE length(make) > 100 AND length(_id) > 200", "INSERT INTO crm.late (make) VALUES ('a')",
);

for my $settings ('', 'SET walcu_fdw.enable_pushdown = off')
{
    $dbh->do('RESET ALL');
    $dbh->do($settings) if $settings;
    for my $statement (@statements)
    {
        for my $options ('VERBOSE', 'ANALYZE, VERBOSE, BUFFERS, SETTINGS')
        {
            my %repeated;
            for my $format (qw(JSON YAML XML))
            {
                $dbh->begin_work;
                my $text = join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN ($options, FORMAT $format) $statement") };
                $dbh->rollback;
                $repeated{$format} = join ', ', $format eq 'JSON' ? repeated_in_json($text) : $format eq 'YAML' ? repeated_in_yaml($text) : repeated_in_xml($text);
            }
            is_deeply(\%repeated, { JSON => '', YAML => '', XML => '' }, "$settings EXPLAIN ($options) $statement");
        }
    }
}

$dbh->do('RESET ALL');
my ($text) = $dbh->selectrow_array("EXPLAIN (FORMAT JSON) SELECT _id FROM crm.cars WHERE $local");
my $reasons = JSON::PP->new->decode($text)->[0]{Plan}{'Local because'};
is(scalar @$reasons, 4, 'each reason is there');
like($reasons->[0], qr/^the service cannot compute it: \(length\(make\) > 1\)$/, 'as it is in the text');
my @lines = grep { /Local because/ } @{ $dbh->selectcol_arrayref("EXPLAIN SELECT _id FROM crm.cars WHERE $local") };
is(scalar @lines, 4, 'which has a line for each');
($text) = $dbh->selectrow_array('EXPLAIN (FORMAT JSON) SELECT _id FROM crm.cars WHERE length(make) > 1');
is(ref JSON::PP->new->decode($text)->[0]{Plan}{'Local because'}, 'ARRAY', 'one reason is a list, too');

# The parsers find what they are for.
is(join(',', repeated_in_json('[{"a": 1, "b": {"a": 1, "c": ["a", "a"]}, "a": 2}]')), 'a', 'a repeated member of JSON');
is(join(',', repeated_in_yaml("- Plan: \n    A: 1\n    Plans: \n      - A: 1\n        B: 2\n      - A: 1\n        A: 3\n")), 'A', 'and of YAML');
is(join(',', repeated_in_xml('<Plan><A>1</A><B><Item>x</Item><Item>y</Item></B><A>2</A></Plan>')), 'A', 'and of XML');

done_testing();

# The names that an object of the JSON has twice.
sub repeated_in_json
{
    my ($json) = @_;
    my (@objects, @repeated);
    while ($json =~ /\G\s*(?:("(?:[^"\\]|\\.)*")(\s*:)?|([{\[}\]])|[^"{\[}\]]+)/gs)
    {
        push @objects, {} if defined $3 && $3 =~ /[{\[]/;
        pop @objects if defined $3 && $3 =~ /[}\]]/;
        push @repeated, $1 =~ s/"//gr if defined $2 && $objects[-1]{$1}++;
    }
    return @repeated;
}

# Members of a mapping stand in one column; a dash begins another mapping.
sub repeated_in_yaml
{
    my ($yaml) = @_;
    my (%seen, @repeated);
    for my $line (split /\n/, $yaml)
    {
        my ($indent, $dash, $name) = $line =~ /^( *)((?:- )*)([^":]+|"(?:[^"\\]|\\.)*"):(?: |$)/ or next;
        my $column = length("$indent$dash");
        delete @seen{ grep { $_ > ($dash ? length $indent : $column) } keys %seen };
        push @repeated, $name if $seen{$column}{$name}++;
    }
    return @repeated;
}

# Elements of one name side by side are a list only in a list.
sub repeated_in_xml
{
    my ($xml) = @_;
    my (@elements, @repeated);
    while ($xml =~ m{<(/?)([\w-]+)[^>]*?(/?)>}g)
    {
        if ($1) { pop @elements; next }
        push @repeated, $2 if @elements && $elements[-1]{$2}++ && $2 !~ /^(?:Item|Plan|Target-Table|Worker|Trigger|Group-Key|Sort-Key|Group)$/;
        push @elements, {} unless $3;
    }
    return @repeated;
}
