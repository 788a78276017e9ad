# Whatever kind of service it is, reads answer as PostgreSQL does over copies: conditions on ids, on places that the
# service does not know, refused filters, orders, counts, joins and jobs.  The kinds are WalcuTest::Services'.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Services;

my @TABLES = qw(cars clients saleleads tasks);
my @MISSING_ARRAYS = qw(absent empty nested);

# One row of documents that are nowhere else, so that places outside the description have values.
my $ODD_ID = 'f' x 23 . '0';

my $sandbox = WalcuTest::Sandbox->start(scale => 60, count => { cars => 70, clients => 60, saleleads => 90, tasks => 60 });
my $node = start_node('main', log_min_messages => 'fatal');
$sandbox->settings(page_cap => 20);
$sandbox->post('/_sandbox/documents/cars', [ { _id => $ODD_ID, make => 'SEAT', license_plate => '1234 ABC', status => { status => 'x', zzz => 1 }, zzz => 'here' } ]);
my %server = (on_type_mismatch => 'null', max_retry_wait => '1ms', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r);
setup_crm($node, $sandbox, server => \%server, limit_to => \@TABLES);
make_copies();
my @queries = make_queries();

my ($count, $failed) = (0, 0);
for my $service (services(qw(ids filters addresses lists)))
{
    $sandbox->settings(settings_of($service));
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    my @wrong = grep { !is_right($dbh, $_, $service->{missing_arrays}) } @queries;
    is(scalar @wrong, 0, service_name($service)) or diag join "\n", map { $_->{problem} } @wrong;
    $dbh->disconnect;
}
done_testing();

# Twice, as a session learns what the service is like.
sub is_right
{
    my ($dbh, $query, $missing_arrays) = @_;
    my $right = $query->{answers}{$missing_arrays};
    for my $time (1, 2)
    {
        my $answer = answer($dbh, $query->{sql});
        next if $answer eq $right;
        $query->{problem} = "$query->{sql}\n  the $time. time: $answer\n  instead of: $right";
        return 0;
    }
    return 1;
}

sub answer
{
    my ($dbh, $sql) = @_;
    my $rows = eval { $dbh->selectall_arrayref($sql) } // return 'error ' . $dbh->state . ': ' . $dbh->errstr;
    my @texts = map { join ' | ', map { $_ // 'NULL' } @$_ } @$rows;
    @texts = sort @texts unless $sql =~ /ORDER BY/;
    return scalar(@texts) . ' rows: ' . join '; ', @texts;
}

sub make_copies
{
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    $dbh->do('ALTER FOREIGN TABLE crm.cars ADD COLUMN zzz text COLLATE "C"');
    $dbh->do('ALTER FOREIGN TABLE crm.cars ADD COLUMN status_zzz numeric OPTIONS (path \'status.zzz\')');
    for my $missing_arrays (@MISSING_ARRAYS)
    {
        $sandbox->settings(missing_arrays => $missing_arrays);
        $dbh->do("CREATE SCHEMA copy_$missing_arrays");
        $dbh->do("CREATE TABLE copy_$missing_arrays.$_ AS TABLE crm.$_") for @TABLES;
    }
    $dbh->do(<<'SQL');
CREATE TABLE keys AS
    SELECT n, CASE WHEN n % 7 = 0 THEN 'nope' WHEN n % 11 = 0 THEN 'abcdefghijkl' WHEN n % 13 = 0 THEN NULL ELSE client_id END AS k
      FROM (SELECT row_number() OVER (ORDER BY _id) AS n, client_id FROM copy_absent.saleleads) s
SQL
    $dbh->do('ANALYZE');
    $dbh->disconnect;
    return;
}

# Each with the answers of the copies.
sub make_queries
{
    my $dbh = connect_db($node);
    my ($id, $other, $client) = map { $dbh->selectrow_array($_) } (
        'SELECT _id FROM copy_absent.saleleads ORDER BY _id LIMIT 1 OFFSET 7', 'SELECT _id FROM copy_absent.saleleads ORDER BY _id LIMIT 1 OFFSET 40',
        "SELECT client_id FROM copy_absent.saleleads WHERE client_id ~ '^[0-9a-f]{24}\$' ORDER BY client_id LIMIT 1 OFFSET 20");
    my $prefix = substr $client, 0, 2;
    my @sql = (conditions_on_ids($id, $other, $client, $prefix), conditions_on_unknown(), conditions_on_arrays(), other_queries($client));
    return map { my $sql = $_; +{ sql => $sql, answers => { map { $_ => answer($dbh, $sql =~ s/\bcrm\./copy_$_./gr) } @MISSING_ARRAYS } } } @sql;
}

sub conditions_on_ids
{
    my ($id, $other, $client, $prefix) = @_;
    my $upper = uc $client;
    my @conditions = (
        map({ my $c = $_; map { "$c $_" } (
            "= '$client'", "= '$upper'", "= 'nope'", "= 'abcdefghijkl'", "= ''", "IN ('$client', 'nope')", "IN ('nope', 'no')", "<> '$client'", "<> '$upper'",
            "<> 'nope'", "<> 'abcdefghijkl'", "NOT IN ('$client', 'nope', 'abcdefghijkl')", "IS DISTINCT FROM '$client'", "IS DISTINCT FROM 'nope'",
            "> '$prefix'", "<= '$prefix'", "> '$client'", ">= '$client'", "< 'abcdefghijkl'", "> 'abcdefghijkl'", "< '${prefix}zz'", "> 'Z'", "LIKE '$prefix%'", "LIKE '%$prefix'",
            "NOT LIKE '$prefix%'", "LIKE '$client'", "LIKE ''", "LIKE '_$prefix%'", "ILIKE '$prefix%'", "~ '^$prefix'", "~ '$prefix'", "BETWEEN '5' AND '8'", "IS NULL", "IS NOT NULL",
            "= ANY (ARRAY['$client', 'x', NULL])", "<> ALL (ARRAY['$client', 'x'])") } 'client_id'),
        map({ "_id $_" } "= '$id'", "= 'nope'", "= 'abcdefghijkl'", "= '@{[ uc $id ]}'", "IN ('$id', 'nope', '$other')", "IN ('nope')", "<> '$id'", "<> 'nope'", "> '$id'", "< 'zz'",
            "> 'Z' AND _id < '$other'", "LIKE '@{[ substr $id, 0, 1 ]}%'", "= ''", "= 'a/b'", "= 'all'"),
        "client_id = '$client' OR client_id = 'nope'", "client_id = 'nope' OR created_at > '2024-01-01'", "NOT (client_id = 'nope' AND created_at > '2022-01-01')",
        "status->>'user' = 'nope'", "status->>'user' > '5'", "status->>'user' LIKE '5%' OR status->>'user' IS NULL", "status @> '{\"user\": \"nope\"}'", "status @> '{\"user\": \"$client\"}'",
        "NOT status @> '{\"user\": \"nope\"}'", "assigned->0->>'to' = '$client'", "lead_import_ids && ARRAY['$client', 'nope']", "'nope' = ANY (lead_import_ids)", "lead_import_ids @> ARRAY['nope']",
        "foreign_ids IS NOT NULL", "(client_id = 'nope') IS NOT TRUE", "created_by = 'system'", "created_by LIKE 'sys%' OR created_by IS NULL");
    return map { "SELECT _id FROM crm.saleleads WHERE $_" } @conditions;
}

sub conditions_on_unknown
{
    my @conditions = (
        "license_plate LIKE '1%' OR status->>'zzz' IS NULL", "make = 'SEAT' OR zzz = 'here'", "zzz = 'here'", "zzz IS NULL", "zzz IS NOT NULL", "zzz <> 'x'", "NOT (zzz = 'here')",
        "NOT (make = 'SEAT' AND zzz = 'here')", "NOT (make = 'SEAT' OR zzz = 'here')", "make = 'SEAT' AND zzz = 'here'", "status_zzz = 1 OR make = 'SEAT'", "status_zzz > 0", "status_zzz IS DISTINCT FROM 1",
        "(zzz = 'here') IS NOT TRUE", "(zzz = 'here') IS UNKNOWN", "custom->>'a' = 'x' OR make = 'SEAT'", "NOT custom ? 'a'", "custom ?| ARRAY['a', 'v1.2'] OR doors = 5", "custom->'a' IS NULL OR make = 'SEAT'",
        "status @> '{\"zzz\": 1}'", "status @> '{\"zzz\": 1}' OR make = 'SEAT'", "NOT status @> '{\"zzz\": 1}'", "status ? 'zzz' OR make = 'SEAT'", "zzz IN ('here', 'there') OR make IN ('SEAT')", "zzz LIKE 'h%' OR mileage > 100000");
    return map { ("SELECT _id FROM crm.cars WHERE $_", "SELECT count(*) FROM crm.cars WHERE $_") } @conditions;
}

sub conditions_on_arrays
{
    my %conditions = (
        cars => [ 'extras IS NULL', 'extras IS NOT NULL', "'ABS' <> ALL (extras)", "extras @> ARRAY['ABS']", "NOT extras && ARRAY['ABS', 'ESP']", "extras = '{}'", 'cardinality(extras) > 0 OR extras IS NULL',
            'status_history IS NOT NULL', "status_history <> '[]'", "status_history->0 IS NULL", 'prices IS NOT NULL', "prices ? 'retail'", "prices->'retail' ? 'previous_prices'", "NOT prices->'retail' ? 'source'",
            "prices->'retail'->'previous_prices' IS NOT NULL", "prices->'retail'->>'source' IS NULL AND (extras IS NOT NULL OR mileage > 5)" ],
        clients => [ 'contacts IS NOT NULL', "NOT contacts @> '[{}]'", "(primary_contact->'address'->>'city') IS NULL AND (contacts IS NOT NULL OR foreign_ids IS NULL)", "primary_contact->>'phones' <> 'x'",
            "contacts->0->'phones' IS NULL", "contacts_emails IS DISTINCT FROM '{}'", 'computed IS NULL', "primary_contact->'phones' @> '[]'", "NOT 'x' = ANY (contacts_emails)" ]);
    return map { my $table = $_; map { "SELECT _id FROM crm.$table WHERE $_" } @{ $conditions{$table} } } sort keys %conditions;
}

sub other_queries
{
    my ($client) = @_;
    return (
        'SELECT count(*) FROM crm.saleleads', "SELECT count(*) FROM crm.saleleads WHERE client_id = 'nope'", "SELECT count(*) FROM crm.saleleads WHERE client_id IN ('$client', 'nope')",
        "SELECT count(*) FROM crm.saleleads WHERE client_id = '@{[ uc $client ]}'", "SELECT count(*) FROM crm.saleleads WHERE client_id <> 'nope' AND type = 'sale'",
        'SELECT client_id FROM crm.saleleads ORDER BY client_id COLLATE "C" LIMIT 5', 'SELECT client_id FROM crm.saleleads ORDER BY client_id COLLATE "C" DESC NULLS LAST LIMIT 5 OFFSET 3',
        'SELECT max(client_id COLLATE "C"), min(client_id COLLATE "C") FROM crm.saleleads', 'SELECT max(mileage), min(mileage) FROM crm.cars', 'SELECT _id FROM crm.cars ORDER BY make COLLATE "C", _id COLLATE "C" LIMIT 1',
        "SELECT _id FROM crm.saleleads WHERE client_id <> 'nope' ORDER BY _id COLLATE \"C\" LIMIT 10 OFFSET 5", 'SELECT zzz FROM crm.cars ORDER BY zzz COLLATE "C" LIMIT 3', 'SELECT _id FROM crm.cars ORDER BY zzz COLLATE "C" NULLS FIRST, _id COLLATE "C" LIMIT 30',
        'SELECT _id FROM crm.cars ORDER BY status_zzz, _id COLLATE "C" LIMIT 30', 'SELECT status_zzz FROM crm.cars ORDER BY status_zzz DESC NULLS LAST LIMIT 2',
        "SELECT _id, make FROM crm.cars WHERE make LIKE '%A%' AND make ~ '^[[:upper:]]' ORDER BY _id COLLATE \"C\"", "SELECT _id FROM crm.cars WHERE make ILIKE 's%' OR model ~* 'a\$'",
        'SELECT k.n, c._id FROM keys k JOIN crm.clients c ON c._id = k.k', 'SELECT k.n, s._id FROM keys k LEFT JOIN crm.saleleads s ON s.client_id = k.k', 'SELECT k.n FROM keys k WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = k.k)',
        'SELECT k.n FROM keys k WHERE k.k IN (SELECT client_id FROM crm.saleleads)', 'SELECT s._id, c._id FROM crm.saleleads s LEFT JOIN crm.clients c ON c._id = s.client_id',
        "SELECT k.n, x._id FROM keys k CROSS JOIN LATERAL (SELECT s._id FROM crm.saleleads s WHERE s.client_id = k.k ORDER BY s._id COLLATE \"C\" LIMIT 1) x", "SELECT t._id FROM crm.tasks t JOIN crm.saleleads s ON s._id = t.lead_id WHERE t.lead_type = 'salelead'");
}
