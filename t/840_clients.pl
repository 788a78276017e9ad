# What programs send: statements as ORMs, drivers and PostgREST make them, on foreign tables and on the views that the manual
# makes of them; how they look for tables; cursors, savepoints, prepared statements. The programs themselves are run by
# make test-clients (t/clients/), and their examples in the manual are those of the tests.

use strict;
use warnings;

use File::Temp ();
use Test::More;
use WalcuTest;
use WalcuTest::Manual;

my $sandbox = WalcuTest::Sandbox->start(scale => 8, count => { cars => 12 }, ids => 'objectid');
my $node = start_node();
my $manual = WalcuTest::Manual->new('tools.md');
my $dbh = connect_db($node);
$dbh->do($manual->recipe('tables',
    "dealer_id '...'" => sprintf(q(endpoint '%s', dealer_id '%s'), $sandbox->endpoint, $sandbox->dealer_id),
    "username '...', password '...'" => q(username 'sandbox-app', password 'sandbox-secret')));
$dbh->do($manual->recipe('views')) for 1 .. 2;

sub writes { return [ map { "$_->{method} $_->{resource}" } grep { $_->{method} ne 'GET' } $sandbox->log ] }
sub contents { return [ sort map { $_->{content} // '' } $sandbox->dump('notes') ] }
sub rows { return $dbh->selectall_arrayref(@_) }

sub empty
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->clear_log;
    return;
}

# The manual's examples are parts of the programs
for my $name (grep { /\./ } $manual->names)
{
    open(my $file, '<:encoding(UTF-8)', "t/clients/$name") or die "t/clients/$name: $!";
    my $program = do { local $/; <$file> };
    my $example = $manual->recipe($name) =~ s/\s+\z//r;
    ok(index($program, $example) >= 0, "the manual's example is in $name");
}

# Looking for tables
is_deeply([ sort map { $_->[2] } @{ $dbh->table_info(undef, 'crm', '%', 'FOREIGN TABLE')->fetchall_arrayref } ], \@RESOURCES, 'foreign tables are listed as such');
is_deeply($dbh->table_info(undef, 'crm', '%', 'TABLE,VIEW')->fetchall_arrayref, [], 'and not as tables');
is_deeply([ sort map { $_->[2] } @{ $dbh->table_info(undef, 'crm_app', '%', 'TABLE,VIEW')->fetchall_arrayref } ], \@RESOURCES, 'the views are found');
is_deeply([ map { [ sort map { $_->[3] } @{ $dbh->column_info(undef, $_, 'notes', undef)->fetchall_arrayref } ] } 'crm' ], [ map { [ sort map { $_->[3] } @{ $dbh->column_info(undef, $_, 'notes', undef)->fetchall_arrayref } ] } 'crm_app' ], 'with the same columns');
is_deeply(rows(q(SELECT table_schema, table_type, is_insertable_into FROM information_schema.tables WHERE table_name = 'notes' ORDER BY 1)), [ [ 'crm', 'FOREIGN', 'YES' ], [ 'crm_app', 'VIEW', 'YES' ] ], 'information_schema.tables');
is_deeply(rows(q(SELECT is_updatable, count(*) FROM information_schema.columns WHERE table_name = 'notes' AND table_schema LIKE 'crm%' GROUP BY 1)), [ [ 'YES', 36 ] ], 'information_schema.columns: all may be written, as far as is known there');
is_deeply(rows(q(SELECT DISTINCT pg_relation_is_updatable(oid, true) FROM pg_class WHERE relnamespace = ANY('{crm,crm_app}'::regnamespace[]) AND relkind IN ('f', 'v'))), [ [28] ], 'all may be inserted into, updated and deleted from');
is_deeply(rows(q(SELECT conname FROM pg_constraint WHERE conrelid = 'crm.notes'::regclass AND contype <> 'n')), [], 'there is no key to be found');

# PostgREST's wrappers
my $report = q( SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]')::text AS body FROM (SELECT * FROM pgrst_source) _postgrest_t);
my $payload = q{WITH pgrst_payload AS (SELECT $1::json AS json_data), pgrst_body AS (SELECT CASE WHEN json_typeof(json_data) = 'array' THEN json_data ELSE json_build_array(json_data) END AS val FROM pgrst_payload), pgrst_source AS (};

for my $schema ('crm', 'crm_app')
{
    # Whole rows, with NULL or DEFAULT where the program has no value
    my %inserts = (
        'SQLAlchemy' => [ qq{INSERT INTO $schema.notes (content, custom, created_at) VALUES (?, ?::jsonb, NULL) RETURNING $schema.notes._id}, 'x', '{"a": 1}' ],
        'Django' => [ qq{INSERT INTO "$schema"."notes" ("_id", "content", "custom", "created_at", "updated_at") VALUES (NULL, ?, ?::jsonb, NULL, NULL) RETURNING "$schema"."notes"."_id"}, 'x', '{"a": 1}' ],
        'Sequelize' => [ qq{INSERT INTO "$schema"."notes" ("_id","content","custom","created_at") VALUES (\$1,\$2,\$3,\$4) RETURNING "_id","content","custom","created_at","updated_at"}, undef, 'x', '{"a": 1}', undef ],
        'TypeORM' => [ qq{INSERT INTO "$schema"."notes"("_id", "content", "lead_type", "custom") VALUES (DEFAULT, \$1, DEFAULT, \$2) RETURNING "_id"}, 'x', '{"a": 1}' ],
        'Knex, Drizzle' => [ qq{insert into "$schema"."notes" ("_id", "content", "custom", "created_at", "computed", "__v", "dealer_id") values (default, \$1, \$2, default, default, default, default) returning *}, 'x', '{"a": 1}' ],
        'PostgREST' => [ qq{$payload INSERT INTO "$schema"."notes"("content", "custom", "created_at") SELECT "content", "custom", "created_at" FROM json_populate_recordset(null::"$schema"."notes", (SELECT val FROM pgrst_body)) _ RETURNING "$schema"."notes".*)$report}, '{"content": "x", "custom": {"a": 1}}' ],
    );
    for my $tool (sort keys %inserts)
    {
        empty();
        my ($sql, @values) = @{ $inserts{$tool} };
        my $returned = rows($sql, undef, @values);
        my ($document) = $sandbox->dump('notes');
        is_deeply([ @$document{qw(content custom)}, writes() ], [ 'x', { a => 1 }, ['POST notes'] ], "$schema: INSERT of $tool");
        is(scalar(grep { defined && /$document->{_id}/ } @{ $returned->[0] }), 1, "$schema: $tool gets the new id");
    }

    # Rows that are written whole; those that come in lists
    empty();
    my $ids = $dbh->selectcol_arrayref(qq{INSERT INTO "$schema"."notes" ("_id","content","custom") VALUES (NULL,'one','{"a": 1}'),(DEFAULT,'two',NULL),(NULL,'three',NULL) RETURNING "_id"});
    is(scalar(grep { /^[0-9a-f]{24}\z/ } @$ids), 3, "$schema: many rows");
    my $row = $dbh->selectrow_hashref(qq{SELECT "notes"."_id", "notes"."content", "notes"."custom", "notes"."created_at", "notes"."updated_at", "notes"."__v", "notes"."computed" FROM "$schema"."notes" WHERE "notes"."_id" = ? LIMIT 21}, undef, $ids->[0]);
    $sandbox->clear_log;
    my $update = qq{UPDATE "$schema"."notes" SET "content" = ?, "lead_type" = NULL, "custom" = ?::jsonb, "created_at" = ?, "updated_at" = ?, "__v" = ?, "computed" = ?::jsonb WHERE "$schema"."notes"."_id" = ?};
    is($dbh->do($update, undef, 'changed', @$row{qw(custom created_at updated_at __v computed)}, $ids->[0]) + 0, 1, "$schema: UPDATE of all columns");
    is_deeply([ map { $_->{body} } grep { $_->{method} eq 'PATCH' } $sandbox->log ], [ [ { op => 'add', path => '/content', value => 'changed' } ] ], "$schema: sends what differs");
    my $error = sql_error($dbh, $update, 'again', @$row{qw(custom created_at)}, '2020-01-01', @$row{qw(__v computed)}, $ids->[0]);
    is($error && $error->{sqlstate}, '428C9', "$schema: a date that has grown old is an error");
    is($dbh->do($update, undef, 'again', $row->{custom}, undef, undef, undef, undef, $ids->[0]) + 0, 1, "$schema: NULL is not");
    my $page = rows(qq{SELECT "n"."_id" AS "n__id" FROM "$schema"."notes" "n" WHERE (("n"."content" ILIKE \$1 OR "n"."content" IN (\$2, \$3))) ORDER BY "n"."_id" DESC LIMIT 2 OFFSET 1}, undef, 'AGAIN', 'two', 'three');
    is_deeply([ map { $_->[0] } @$page ], [ (reverse sort @$ids)[ 1, 2 ] ], "$schema: a page");
    is_deeply(rows(qq{SELECT (1) AS "a" FROM "$schema"."notes" WHERE "$schema"."notes"."content" = ? LIMIT 1}, undef, 'two'), [ [1] ], "$schema: exists");
    is(rows(qq{SELECT COUNT(*) AS "__count" FROM "$schema"."notes" WHERE UPPER("notes"."content"::text) LIKE UPPER(?)}, undef, '%T%')->[0][0], 2, "$schema: icontains");
    my ($body) = $dbh->selectrow_array(qq{$payload UPDATE "$schema"."notes" SET "content" = _."content" FROM (SELECT * FROM json_populate_recordset(null::"$schema"."notes", (SELECT val FROM pgrst_body))) _ WHERE "$schema"."notes"."_id" = \$2 RETURNING "$schema"."notes"."content")$report}, undef, '{"content": "patched"}', $ids->[1]);
    is($body, 1, "$schema: PATCH of PostgREST");
    is_deeply(contents(), [qw(again patched three)], "$schema: all is there");
    $sandbox->clear_log;
    is($dbh->do(qq{DELETE FROM "$schema"."notes" WHERE "$schema"."notes"."_id" IN (?, ?)}, undef, @$ids[ 0, 1 ]) + 0, 2, "$schema: DELETE of a list");
    is_deeply(writes(), [ ('DELETE notes') x 2 ], "$schema: is a request for each");

    # Transactions and savepoints, and the function by which Sequelize finds or creates
    empty();
    $dbh->begin_work;
    $dbh->do(qq{INSERT INTO $schema.notes (content) VALUES ('outer')});
    $dbh->pg_savepoint('"8f1c-sp-1"');
    $dbh->do(qq{INSERT INTO $schema.notes (content) VALUES ('inner')});
    $dbh->pg_rollback_to('"8f1c-sp-1"');
    is_deeply(writes(), [], "$schema: nothing is sent before COMMIT");
    $dbh->commit;
    is_deeply(contents(), ['outer'], "$schema: and no more than what was kept");
    $dbh->begin_work;
    $dbh->do("DELETE FROM $schema.notes");
    $dbh->rollback;
    is_deeply(contents(), ['outer'], "$schema: ROLLBACK");
    $dbh->do(qq{CREATE OR REPLACE FUNCTION pg_temp.testfunc(OUT response "$schema"."notes", OUT sequelize_caught_exception text) RETURNS RECORD AS \$f\$ BEGIN INSERT INTO "$schema"."notes" ("_id","content") VALUES (NULL,'found') RETURNING * INTO response; EXCEPTION WHEN unique_violation THEN GET STACKED DIAGNOSTICS sequelize_caught_exception = PG_EXCEPTION_DETAIL; END \$f\$ LANGUAGE plpgsql});
    is_deeply(rows('SELECT (testfunc.response)."content", testfunc.sequelize_caught_exception FROM pg_temp.testfunc()'), [ [ 'found', undef ] ], "$schema: findOrCreate");
    $dbh->do('DROP FUNCTION pg_temp.testfunc()');
    is_deeply(contents(), [qw(found outer)], "$schema: has created");

    # Cursors and statements that are prepared
    my $cars = [ sort map { $_->{_id} } $sandbox->dump('cars') ];
    $dbh->begin_work;
    $dbh->do(qq{DECLARE "c_1" CURSOR WITH HOLD FOR SELECT _id FROM $schema.cars ORDER BY _id});
    my @fetched = map { @{ $dbh->selectcol_arrayref(qq{FETCH FORWARD 3 FROM "c_1"}) } } 1 .. 3;
    is_deeply(\@fetched, [ @$cars[ 0 .. 8 ] ], "$schema: a cursor");
    $dbh->commit;
    push @fetched, @{ $dbh->selectcol_arrayref('FETCH ALL FROM "c_1"') };
    is_deeply(\@fetched, $cars, "$schema: WITH HOLD");
    $dbh->do('CLOSE "c_1"');
    my $get = $dbh->prepare("SELECT _id FROM $schema.cars WHERE _id = \$1 OR _id = ANY (\$2::text[])", { pg_server_prepare => 1 });
    is_deeply([ map { scalar @{ $dbh->selectcol_arrayref($get, undef, $cars->[$_], [ $cars->[0] ]) } } 0 .. 6 ], [ 1, (2) x 6 ], "$schema: a statement that is prepared");
}

# Views are used with one's own privileges and user mapping
$dbh->do('COPY crm_app.notes (content) FROM STDIN');
is(eval { $dbh->pg_putcopyend; 1 } ? undef : $dbh->state, '42809', 'COPY into a view needs a trigger');
$dbh->do('CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA crm_app, crm TO clerk; GRANT SELECT, INSERT ON crm_app.notes TO clerk');
my $clerk = connect_db($node, user => 'clerk');
is(sql_error($clerk, 'SELECT content FROM crm_app.notes')->{sqlstate}, '42501', 'without privileges on the table');
$dbh->do('GRANT SELECT, INSERT ON crm.notes TO clerk');
is(sql_error($clerk, 'SELECT content FROM crm_app.notes')->{sqlstate}, '42704', 'without a user mapping');
$dbh->do(q(CREATE USER MAPPING FOR clerk SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret')));
is($clerk->do("INSERT INTO crm_app.notes (content) VALUES ('of the clerk')") + 0, 1, 'with both');

SKIP:
{
    skip 'there is no pgbench', 2 unless -x $node->config_data('--bindir') . '/pgbench';
    empty();
    my $script = File::Temp->new(SUFFIX => '.sql');
    print $script "INSERT INTO crm.notes (content, created_at) VALUES ('run ' || :client_id::text, NULL);\n",
      "SELECT _id AS note FROM crm.notes WHERE content LIKE 'run%' LIMIT 1 \\gset\nUPDATE crm.notes SET lead_type = 'salelead' WHERE _id = :note;\n";
    close $script;
    $node->command_ok([ 'pgbench', '--no-vacuum', '--protocol=prepared', '--client=2', '--transactions=3', "--file=$script", 'postgres' ], 'pgbench');
    is(scalar @{ contents() }, 6, 'has written what it should');
}

done_testing();
