package WalcuTest::Kinds;

# WalcuTest::Kinds
#   Relations of every kind that a query can be made of, with few documents and rows in each, and a local
#   table with the same rows beside each of them: f.NAME and copy.NAME.
#
#     my @kinds = make_kinds($node, $dbh, $sandbox);    # names of relations
#     reset_documents($sandbox);                         # after a statement that has written
#
#   All have the columns _id, k, n, t and p, in one order or another: texts that other relations have, too, numbers,
#   instants, and what partitions are made by.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use WalcuTest;

our @EXPORT = qw(make_kinds reset_documents documents_of);

use constant EACH => 14;    # documents of a resource

# What each resource is for: the value of p that its documents have
my %PART = (
    cars     => 'plain', clients => 'plain', tasks => 'north', notes => 'south', contacts => 'east', sms => 'east',
    offers   => 'parent', repairorders => 'child', conferences => 'child', dates => 'north', saleleads => 'south',
);
my @RESOURCES_USED = sort keys %PART;

my $COLUMNS = '_id text COLLATE "C", k text COLLATE "C", n numeric, t timestamptz, p text COLLATE "C"';
my %OPTIONS = (k => 'updated_by', n => '__v', t => 'created_at', p => 'dealer_id');

# The same columns in other orders, of which one may have gone
my $SHUFFLED = 'p text COLLATE "C", t timestamptz, gone int, n numeric, k text COLLATE "C", _id text COLLATE "C"';

sub make_kinds
{
    my ($node, $dbh, $sandbox) = @_;
    reset_documents($sandbox);
    $dbh->do('CREATE EXTENSION IF NOT EXISTS walcu_fdw');
    for my $server (qw(one two))
    {
        $dbh->do("CREATE SERVER $server FOREIGN DATA WRAPPER walcu_fdw " . options_sql(
            { endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, fetch_size => 5 }));
        $dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $server " . options_sql(WalcuTest::Sandbox::CREDENTIALS));
    }
    $dbh->do('CREATE SCHEMA f; CREATE SCHEMA copy');
    my @names = (make_tables($dbh), make_partitions($dbh));
    copy_table($dbh, $_) for @names;
    $dbh->do("INSERT INTO f.local SELECT * FROM copy.plain");
    $dbh->do('CREATE VIEW f.alone AS SELECT * FROM ONLY f.foreign_parent');
    copy_table($dbh, 'alone');
    push @names, 'alone', make_others($node, $dbh), make_queries($dbh);
    $dbh->do('ANALYZE');
    return @names;
}

# All documents, as they were at the beginning.
sub reset_documents
{
    my ($sandbox) = @_;
    for my $resource (@RESOURCES_USED)
    {
        $sandbox->delete("/_sandbox/documents/$resource");
        $sandbox->post("/_sandbox/documents/$resource", documents_of($resource));
    }
    return;
}

sub documents_of
{
    my ($resource) = @_;
    my ($number) = grep { $RESOURCES_USED[$_] eq $resource } 0 .. $#RESOURCES_USED;
    return [
        map {
            my $n = $_ * 7 + $number;
            +{
                _id => sprintf('%02x%022x', $number, $n),
                dealer_id => $PART{$resource},
                __v => $n % 5,
                created_at => sprintf('2024-0%d-1%dT10:00:00.000Z', 1 + $n % 7, $n % 10),
                $n % 6 ? (updated_by => 'k' . $n % 16) : (),
            }
        } 1 .. EACH
    ];
}

sub foreign
{
    my ($resource, $server) = @_;
    return 'SERVER ' . ($server // 'one') . " OPTIONS (resource '$resource')";
}

# A foreign table, with the columns in this order, and without what is to be dropped.
sub make_foreign
{
    my ($dbh, $name, $columns, $resource, $server) = @_;
    my $with_paths = $columns =~ s/\b([kntp]) (text|numeric|timestamptz)/$1 $2 OPTIONS (path '$OPTIONS{$1}')/gr;
    $dbh->do("CREATE FOREIGN TABLE f.$name ($with_paths) " . foreign($resource, $server));
    $dbh->do("ALTER FOREIGN TABLE f.$name DROP COLUMN gone") if $columns =~ /gone/;
    return;
}

# What the paths of columns that are inherited or partitioned are.
sub set_paths
{
    my ($dbh, $name) = @_;
    $dbh->do("ALTER FOREIGN TABLE f.$name ALTER $_ OPTIONS (ADD path '$OPTIONS{$_}')") for sort keys %OPTIONS;
    return;
}

# Tables, and parents of tables that are inherited
sub make_tables
{
    my ($dbh) = @_;
    make_foreign($dbh, 'plain', $COLUMNS, 'cars');
    make_foreign($dbh, 'shuffled', $SHUFFLED, 'clients', 'two');
    $dbh->do("CREATE TABLE f.local ($COLUMNS) WITH (parallel_workers = 2)");

    # a foreign parent, and a local one
    make_foreign($dbh, 'foreign_parent', $COLUMNS, 'offers');
    $dbh->do('CREATE FOREIGN TABLE f.foreign_child () INHERITS (f.foreign_parent) ' . foreign('repairorders'));
    set_paths($dbh, 'foreign_child');
    $dbh->do('CREATE TABLE f.local_child () INHERITS (f.foreign_parent)');
    $dbh->do("INSERT INTO f.local_child SELECT 'f0' || substr(_id, 3), k, n, t, 'own' FROM f.plain WHERE n < 3");
    $dbh->do("CREATE TABLE f.local_parent ($COLUMNS)");
    $dbh->do("INSERT INTO f.local_parent SELECT 'f1' || substr(_id, 3), k, n, t, 'own' FROM f.plain WHERE n > 2");
    make_foreign($dbh, 'shuffled_child', $SHUFFLED, 'conferences', 'two');
    $dbh->do('ALTER FOREIGN TABLE f.shuffled_child INHERIT f.local_parent');
    return qw(plain shuffled foreign_parent local_parent shuffled_child);
}

# Two tables that are partitioned alike, with foreign partitions and others
sub make_partitions
{
    my ($dbh) = @_;
    my %resources = (parts => [qw(tasks notes contacts sms)], pieces => [qw(dates saleleads contacts sms)]);
    for my $name (sort keys %resources)
    {
        my ($north, $south, @east) = @{ $resources{$name} };
        $dbh->do("CREATE TABLE f.$name ($COLUMNS) PARTITION BY LIST (p)");
        $dbh->do("CREATE FOREIGN TABLE f.${name}_north PARTITION OF f.$name FOR VALUES IN ('north') " . foreign($north));
        set_paths($dbh, "${name}_north");
        make_foreign($dbh, "${name}_south", $SHUFFLED, $south, 'two');
        $dbh->do("ALTER TABLE f.$name ATTACH PARTITION f.${name}_south FOR VALUES IN ('south')");
        $dbh->do("CREATE TABLE f.${name}_west PARTITION OF f.$name FOR VALUES IN ('west')");
        $dbh->do("INSERT INTO f.${name}_west SELECT 'f2' || substr(_id, 3), k, n, t, 'west' FROM f.plain");
        $dbh->do("CREATE TABLE f.${name}_rest PARTITION OF f.$name DEFAULT");
        $dbh->do("INSERT INTO f.${name}_rest SELECT 'f3' || substr(_id, 3), k, n, t, NULL FROM f.plain WHERE n < 2");
        # by resource, as their ids begin
        $dbh->do("CREATE TABLE f.${name}_east PARTITION OF f.$name FOR VALUES IN ('east') PARTITION BY RANGE (_id)");
        my @bounds = sort map { documents_of($_)->[0]{_id} =~ /^(..)/ } @east;
        for my $i (0, 1)
        {
            my ($resource) = grep { documents_of($_)->[0]{_id} =~ /^$bounds[$i]/ } @east;
            my $table = "${name}_east$i";
            my $range = $i ? "FROM ('$bounds[1]') TO ('e')" : "FROM (MINVALUE) TO ('$bounds[1]')";
            $dbh->do("CREATE FOREIGN TABLE f.$table PARTITION OF f.${name}_east FOR VALUES $range " . foreign($resource, 'two'));
            set_paths($dbh, $table);
        }
        $dbh->do("CREATE TABLE f.${name}_east2 PARTITION OF f.${name}_east FOR VALUES FROM ('e') TO (MAXVALUE)");
    }
    return qw(parts pieces);
}

# Tables of other wrappers, where they are installed
sub make_others
{
    my ($node, $dbh) = @_;
    my %is_there = map { $_ => 1 } @{ $dbh->selectcol_arrayref('SELECT name FROM pg_available_extensions') };
    my @names;
    if ($is_there{postgres_fdw})
    {
        $dbh->do('CREATE EXTENSION postgres_fdw');
        $dbh->do('CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw ' . options_sql(
            { host => $node->host, port => $node->port, dbname => 'postgres' }));
        $dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER loopback');
        $dbh->do("CREATE FOREIGN TABLE f.postgres ($COLUMNS) SERVER loopback OPTIONS (schema_name 'copy', table_name 'shuffled')");
        $dbh->do('CREATE VIEW copy.postgres AS SELECT _id, k, n, t, p FROM copy.shuffled');
        push @names, 'postgres';
    }
    if ($is_there{file_fdw})
    {
        my $file = PostgreSQL::Test::Utils::tempdir() . '/rows.csv';
        $dbh->do("COPY copy.plain TO '$file' (FORMAT csv)");
        $dbh->do('CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw');
        $dbh->do("CREATE FOREIGN TABLE f.file ($COLUMNS) SERVER files OPTIONS (filename '$file', format 'csv')");
        $dbh->do('CREATE VIEW copy.file AS TABLE copy.plain');
        push @names, 'file';
    }
    return @names;
}

# What is no table, and the same over the copies
sub make_queries
{
    my ($dbh) = @_;
    my %views = (
        view     => 'SELECT _id, k, n, t, p FROM f.plain WHERE n > 0',
        barrier  => "SELECT _id, k, n, t, p FROM f.parts WHERE p <> 'south'",
        appended => 'SELECT _id, k, n, t, p FROM f.plain UNION ALL SELECT _id, k, n, t, p FROM f.shuffled UNION ALL SELECT _id, k, n, t, p FROM f.local',
        joined   => 'SELECT a._id, b.k, a.n, b.t, a.p FROM f.shuffled a JOIN f.plain b USING (k)',
        grouped  => 'SELECT max(_id) AS _id, k, max(n) AS n, max(t) AS t, max(p) AS p FROM f.parts GROUP BY k',
        nothing  => 'SELECT _id, k, n, t, p FROM f.plain WHERE false',
    );
    for my $name (sort keys %views)
    {
        my $with = $name eq 'barrier' ? 'WITH (security_barrier)' : '';
        $dbh->do("CREATE VIEW f.$name $with AS $views{$name}; CREATE VIEW copy.$name $with AS " . $views{$name} =~ s/\bf\.(?!local\b)/copy./gr);
    }
    for my $schema (qw(f copy))
    {
        my $columns = "_id text, k text, n numeric, t timestamptz, p text";
        $dbh->do("CREATE FUNCTION $schema.inlined() RETURNS TABLE ($columns) LANGUAGE sql STABLE AS 'SELECT _id, k, n, t, p FROM $schema.plain'");
        $dbh->do("CREATE FUNCTION $schema.opaque() RETURNS TABLE ($columns) LANGUAGE plpgsql STABLE AS 'BEGIN RETURN QUERY SELECT x._id, x.k, x.n, x.t, x.p FROM $schema.shuffled x; END'");
    }
    return sort(keys %views), 'inlined()', 'opaque()';
}

sub copy_table
{
    my ($dbh, $name) = @_;
    $dbh->do("CREATE TABLE copy.$name AS SELECT * FROM f.$name");
    return;
}

1;
