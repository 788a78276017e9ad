# Statements that foreign tables do not have, and writes that are not allowed: refused before anything is read or
# sent, with a hint at what to do instead wherever PostgreSQL asks the data wrapper before it refuses.  And a service
# that cannot be reached: which place was asked.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ], server => { max_retries => 0 });
$sandbox->post('/_sandbox/documents/notes', [ map { { _id => "64a00000000000000000000$_", content => "note $_" } } 1 .. 5 ]);
my $dbh = connect_db($node);
my $dealer = $sandbox->dealer_id;
$dbh->do(qq{
    CREATE TABLE parted (dealer_id text, _id text, content text) PARTITION BY LIST (dealer_id);
    CREATE FOREIGN TABLE parted_crm PARTITION OF parted FOR VALUES IN ('$dealer') SERVER crm OPTIONS (resource 'notes');
    CREATE TABLE parted_local PARTITION OF parted DEFAULT;
    INSERT INTO parted VALUES ('other', 'l1', 'local');
    CREATE TABLE parent (_id text, content text);
    CREATE FOREIGN TABLE child () INHERITS (parent) SERVER crm OPTIONS (resource 'notes');
    CREATE TABLE source (_id text, content text);
    INSERT INTO source VALUES ('x', 'y');
});

# WHERE CURRENT OF
# A cursor over local rows and a partition would have the partition's first request under way: that is none of these.
$dbh->do('SET enable_async_append = off');
my $cursor = qr/Fetch the column that shows _id with each row/;
for my $case (
    [ 'crm.notes', 'UPDATE crm.notes SET content = $$x$$ WHERE CURRENT OF c' ],
    [ 'crm.notes', 'DELETE FROM crm.notes WHERE CURRENT OF c' ],
    [ 'crm.notes', 'DELETE FROM crm.notes WHERE CURRENT OF c RETURNING _id' ],
    [ 'crm.notes', 'EXPLAIN DELETE FROM crm.notes WHERE CURRENT OF c' ],
    [ 'parted', 'UPDATE parted SET content = $$x$$ WHERE CURRENT OF c' ],
    [ 'parted', 'DELETE FROM parted WHERE CURRENT OF c' ],
    [ 'parent', 'DELETE FROM parent WHERE CURRENT OF c' ])
{
    my ($table, $sql) = @$case;
    $dbh->begin_work;
    $dbh->do("DECLARE c CURSOR FOR SELECT * FROM $table FOR UPDATE");
    $dbh->do('FETCH 1 FROM c');
    refused($sql, '0A000', qr/WHERE CURRENT OF is not supported for foreign table "(notes|parted_crm|child)"/, $cursor);
    $dbh->rollback;
}
$dbh->begin_work;
$dbh->do('DECLARE c CURSOR FOR SELECT * FROM ONLY parent FOR UPDATE');
is(sql_error($dbh, 'DELETE FROM ONLY parent WHERE CURRENT OF c')->{sqlstate}, '24000', 'a local table alone is none of ours');
$dbh->rollback;

# MERGE: into a foreign table PostgreSQL refuses it by itself; into its partitions, a hint tells what to do
my $matched = 'USING source s ON t._id = s._id WHEN MATCHED THEN';
my $merge = qr/Use UPDATE \.\.\. FROM, DELETE \.\.\. USING and INSERT \.\.\. ON CONFLICT DO NOTHING/;
SKIP: {
    skip 'no MERGE before 15', 1 if $dbh->{pg_server_version} < 150000;
    refused("MERGE INTO crm.notes t $matched DELETE", '0A000', qr/cannot execute MERGE on relation "notes"/, undef);
    refused("MERGE INTO parted t $matched DELETE", '0A000', qr/cannot execute MERGE on relation "parted_crm"/, $merge);
    refused("MERGE INTO parted t $matched UPDATE SET content = 'x'", '0A000', qr/"parted_crm"/, $merge);
    refused("EXPLAIN MERGE INTO parted t $matched DELETE", '0A000', qr/"parted_crm"/, $merge);
    refused("MERGE INTO parent t $matched DELETE", '0A000', qr/cannot execute MERGE on relation "child"/, $merge);
    is($dbh->do("MERGE INTO parted t USING source s ON t._id = s._id AND t.dealer_id = 'other' WHEN NOT MATCHED THEN DO NOTHING"),
        '0E0', 'where the foreign partition is pruned, MERGE goes on');
    $sandbox->clear_log;
    $dbh->do("MERGE INTO parted_local t USING (SELECT * FROM crm.notes LIMIT 3) s ON t._id = s._id
                 WHEN NOT MATCHED THEN INSERT VALUES ('other', s._id, s.content)");
    is($dbh->selectrow_array('SELECT count(*) FROM parted_local'), 4, 'a foreign table as the source of MERGE');
    is_deeply([ grep { $_->{method} ne 'GET' } $sandbox->log ], [], 'is read only');
}

# ON CONFLICT with a target: PostgreSQL looks for an index, which a foreign table cannot have
my $no_target = qr/^Use ON CONFLICT DO NOTHING without a target/;
for my $conflict ('(_id) DO UPDATE SET content = excluded.content', '(_id) DO NOTHING')
{
    refused("INSERT INTO crm.notes (_id, content) VALUES ('64b000000000000000000001', 'x') ON CONFLICT $conflict", '42P10',
        qr/no unique or exclusion constraint matching the ON CONFLICT specification/, $no_target);
    refused("WITH w AS (INSERT INTO crm.notes (_id, content) SELECT _id, content FROM crm.notes ON CONFLICT $conflict RETURNING _id) SELECT * FROM w", '42P10',
        qr/no unique or exclusion constraint/, $no_target);
    refused("INSERT INTO parted VALUES ('$dealer', '64b000000000000000000001', 'x') ON CONFLICT $conflict", '42P10',
        qr/no unique or exclusion constraint/, undef);
}

# Tables that may not be written
my $hint = qr/^Set the option updatable to 'true', on the table or its server, to allow that\.$/;
my @writes = (
    [ "INSERT INTO crm.notes (content) VALUES ('x')", 'inserts' ],
    [ "WITH w AS (INSERT INTO crm.notes (content) VALUES ('x') RETURNING _id) SELECT * FROM w", 'inserts' ],
    [ "INSERT INTO crm.notes (content) SELECT content FROM crm.tasks t, LATERAL (SELECT t.description AS content) x", 'inserts' ],
    [ "UPDATE crm.notes SET content = 'x' WHERE _id = '64b000000000000000000001'", 'updates' ],
    [ "UPDATE crm.notes SET content = content || 'x'", 'updates' ],
    [ "DELETE FROM crm.notes WHERE _id = '64b000000000000000000001'", 'deletes' ],
    [ 'DELETE FROM crm.notes USING crm.tasks WHERE tasks._id = notes._id RETURNING notes._id', 'deletes' ],
    [ 'EXPLAIN DELETE FROM crm.notes', 'deletes' ],
);
for my $place ('FOREIGN TABLE crm.notes', 'SERVER crm')
{
    $dbh->do("ALTER $place OPTIONS (ADD updatable 'false')");
    refused($_->[0], '55000', qr/^foreign table "notes" does not allow $_->[1]$/, $hint) for @writes;
    $dbh->do("ALTER $place OPTIONS (DROP updatable)");
}
$dbh->do(q{ALTER FOREIGN TABLE parted_crm OPTIONS (ADD updatable 'false')});
refused(q{DELETE FROM parted}, '55000', qr/"parted_crm" does not allow deletes/, $hint);
refused(qq{UPDATE parted SET content = 'x' WHERE dealer_id = '$dealer'}, '55000', qr/"parted_crm" does not allow updates/, $hint);
is($dbh->do(q{UPDATE parted SET content = 'x' WHERE dealer_id = 'other' AND _id = 'l1'}), 1, 'a partition that is pruned may be as it is');
refused(qq{INSERT INTO parted VALUES ('$dealer', NULL, 'x')}, '55000', qr/"parted_crm" does not allow inserts/, undef);
$dbh->do('PREPARE p AS DELETE FROM crm.notes WHERE _id = $1');
is($dbh->do(q{EXECUTE p ('64b000000000000000000001')}), '0E0', 'a prepared statement');
$dbh->do(q{ALTER SERVER crm OPTIONS (ADD updatable 'false')});
refused(q{EXECUTE p ('64b000000000000000000001')}, '55000', qr/does not allow deletes/, $hint);
$dbh->do(q{ALTER SERVER crm OPTIONS (DROP updatable)});

# A service that cannot be reached: the hint shows the part of the URL that was asked in front of /dealers, and no more
my $nobody = 'http://127.0.0.1:1';
for my $endpoint ($nobody, "$nobody/", "$nobody/api/v2/", 'https://nobody.invalid', 'https://nobody.invalid/crm')
{
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '$endpoint')");
    my $shown = $endpoint =~ s{/$}{}r;
    for my $sql ('SELECT count(*) FROM crm.notes', 'SELECT * FROM crm.notes', q{SELECT * FROM crm.notes WHERE _id = '64b000000000000000000001'},
        q{INSERT INTO crm.notes (content) VALUES ('x')}, q{SELECT walcu_fdw_request('crm', 'DELETE', '/notes/1')},
        'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public')
    {
        my $error = sql_error($dbh, $sql);
        is($error->{sqlstate}, '08001', "$endpoint: $sql");
        like($error->{hint}, qr/^Check the server option endpoint: "\Q$shown\E" was asked\.( IMPORT|$)/, 'the hint shows the place');
    }
}
unlike(join('', map { $_ // '' } values %{ sql_error($dbh, 'SELECT * FROM crm.notes') }), qr/sandbox-secret|sandbox-app/, 'and no credentials');

done_testing();

# A statement fails so, and nothing is asked of the service.
sub refused
{
    my ($sql, $sqlstate, $message, $hint) = @_;
    $sandbox->clear_log;
    my $error = sql_error($dbh, $sql);
    is($error->{sqlstate}, $sqlstate, $sql);
    like($error->{message}, $message, 'the message');
    $hint ? like($error->{hint}, $hint, 'the hint') : is($error->{hint}, undef, 'no hint');
    is($sandbox->request_count, 0, 'nothing was asked or sent');
    return;
}
