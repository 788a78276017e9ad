# write_mode 'commit': what the transaction has written is read as in PostgreSQL's own tables, though the service does not
# know of it yet. Random transactions write a foreign table and a local one; each query has the same answer over both, and
# after the commit the documents are as the local rows.
#
# TRANSACTIONS and SEED in the environment run others.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;
use WalcuTest::Fuzz::Chance;

my $transactions = $ENV{TRANSACTIONS} // 40;
my $seed = $ENV{SEED} // 438;

my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'objectid');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'],
    server => { write_mode => 'commit', client_ids => 'true', on_ignored_write => 'error', truncatable => 'true' });
my $dbh = connect_db($node);
$dbh->do($_) for (
    'SET client_min_messages = error',
    q(CREATE FOREIGN TABLE crm.mine (_id text COLLATE "C", description text COLLATE "C", lead_type text COLLATE "C", done boolean OPTIONS (path 'notification.done'),
        custom jsonb) SERVER crm OPTIONS (resource 'tasks')),
    'CREATE TABLE mine (_id text COLLATE "C" PRIMARY KEY, description text COLLATE "C", lead_type text COLLATE "C", done boolean, custom jsonb)',
    'CREATE TABLE keys (_id text COLLATE "C")');
my @ids = map { sprintf '%024x', $_ * 7919 } 1 .. 30;
$dbh->do('INSERT INTO keys VALUES (?)', undef, $_) for @ids;

my %compared = (queries => 0, writes => 0);
for my $kind ([ 'vendor', 'patch' ], [ 'rfc6902', 'patch' ], [ 'vendor', 'put' ])
{
    my ($patch, $method) = @$kind;
    $dbh->do("ALTER FOREIGN TABLE crm.mine OPTIONS (ADD update_method '$method')");
    $sandbox->settings(patch => $patch);
    for my $number (1 .. $transactions)
    {
        seed_chance($seed, "@$kind", $number);
        my @log;
        my $is_same = eval { run_transaction(\@log) };
        next if $is_same;
        push @log, $@ if $@;
        fail("transaction $number, seed $seed, @$kind");
        diag(join "\n", @log);
        $dbh->rollback unless $dbh->{AutoCommit};
        last;
    }
    $dbh->do('ALTER FOREIGN TABLE crm.mine OPTIONS (DROP update_method)');
}
cmp_ok($compared{queries}, '>', 100, 'queries were compared') and note("$compared{queries} queries, $compared{writes} rows written");

# As the rows are read: of a document of which all is here, without a request; of others by the requests that the scan has anyway
fill();
$dbh->begin_work;
my ($id) = $dbh->selectrow_array(q(INSERT INTO crm.mine (description) VALUES ('new') RETURNING _id));
is($dbh->do(q(UPDATE crm.mine SET description = 'newer' WHERE _id = ?), undef, $id), 1, 'a new row is updated');
is($dbh->selectrow_array('SELECT description FROM crm.mine WHERE _id = ?', undef, $id), 'newer', 'and read');
is(scalar(my @requests = $sandbox->log), 0, 'which the service is not asked about');
is($dbh->selectrow_array('SELECT count(*) FROM crm.mine'), 13, 'it is counted');
$dbh->commit;
my @writes = grep { $_->{method} ne 'GET' } $sandbox->log;
is_deeply([ map { [ $_->{method}, $_->{body} ] } @writes ], [ [ 'POST', { _id => $id, description => 'newer' } ] ], 'and made by one request');
$sandbox->clear_log;
$dbh->begin_work;
$dbh->do(q(DELETE FROM crm.mine WHERE _id = ?), undef, $dbh->selectrow_array(q(INSERT INTO crm.mine (description) VALUES ('gone') RETURNING _id)));
$dbh->commit;
is(scalar(@requests = $sandbox->log), 0, 'a row that was inserted and deleted is nothing to the service');

# A cursor does not see what comes after it
fill();
$dbh->begin_work;
$dbh->do(q(UPDATE crm.mine SET description = 'first' WHERE description = 'd1'));
$dbh->do('DECLARE c CURSOR FOR SELECT count(*) FILTER (WHERE description = $$first$$), count(*) FILTER (WHERE description = $$second$$), count(_id) FROM crm.mine');
$dbh->do(q(UPDATE crm.mine SET description = 'second'));
$dbh->do(q(INSERT INTO crm.mine (description) VALUES ('second')));
is_deeply($dbh->selectrow_arrayref('FETCH c'), [ 4, 0, 12 ], 'a cursor sees what was written before it was opened');
is($dbh->selectrow_array(q(SELECT count(_id) FROM crm.mine WHERE description = 'second')), 13, 'a query, what was written before it');
$dbh->rollback;

done_testing();

sub fill
{
    $sandbox->delete('/_sandbox/documents/tasks');
    my @documents = map { { _id => $ids[$_], description => 'd' . $_ % 3, lead_type => $_ % 2 ? 'salelead' : undef, notification => { done => $_ % 4 ? \1 : \0 },
        custom => { a => $_ % 3, b => { c => $_ } } } } 0 .. 11;
    $sandbox->post('/_sandbox/documents/tasks/with_object_ids', \JSON::PP->new->encode(\@documents));
    $dbh->do('DELETE FROM mine');
    $dbh->do('INSERT INTO mine SELECT * FROM crm.mine');
    $sandbox->clear_log;
    return;
}

# False when there is a difference, of which the last line tells.
sub run_transaction
{
    my ($log) = @_;
    fill();
    $dbh->begin_work;
    my $savepoints = 0;
    for (1 .. between(2, 9))
    {
        my $kind = between(1, 20);
        if ($kind > 18)
        {
            push @$log, $kind == 20 && $savepoints ? "ROLLBACK TO s$savepoints" : 'SAVEPOINT s' . ++$savepoints;
            $dbh->do($log->[-1]);
        }
        elsif ($kind > 10) { same($log, random_query()) or return 0 }
        else { write_both($log, random_write()) or return 0 }
    }
    push @$log, 'COMMIT';
    $dbh->commit;
    return same($log, 'SELECT * FROM % ORDER BY _id');
}

sub write_both
{
    my ($log, $sql) = @_;
    my ($remote, $local) = map { my $table = $_; 0 + $dbh->do($sql =~ s/%/$table/gr) } 'crm.mine', 'mine';
    $compared{writes} += $local;
    push @$log, $sql;
    return 1 if $remote == $local;
    push @$log, "DIFFERS: $remote rows, not $local";
    return 0;
}

sub same
{
    my ($log, $sql) = @_;
    my ($remote, $local) = map { my $table = $_; rows_text($dbh->selectall_arrayref($sql =~ s/%/$table/gr)) } 'crm.mine', 'mine';
    $compared{queries}++;
    push @$log, $sql;
    return 1 if $remote eq $local;
    push @$log, "DIFFERS:\n$remote\nnot\n$local";
    return 0;
}

sub rows_text
{
    my ($rows) = @_;
    return join "\n", map { join '|', map { $_ // 'NULL' } @$_ } @$rows;
}

sub random_write
{
    my $id = pick(@ids);
    my $where = pick("_id = '$id'", "_id = '$id'", "_id IN ('$id', '" . pick(@ids) . "')", random_condition(), random_condition() . ' AND ' . random_condition());
    my $set = pick('description = ' . random_text(), "description = description || 'x'", 'description = NULL', 'lead_type = ' . random_text(), 'lead_type = description, description = lead_type',
        'done = NOT done', 'done = NULL', 'done = true', "custom = '{\"b\": 2}'", "custom = '{\"a\": 1, \"b\": {\"c\": 3}}'", 'custom = NULL', "custom = '\"s\"'", "custom = '{}', description = 'both'",
        map { "custom = CASE jsonb_typeof(custom) WHEN 'object' THEN $_ ELSE '{\"b\": {}}' END" } "jsonb_set(custom, '{b,c}', '5')", "custom - 'a'", "custom #- '{b,c}'", "custom || '{\"d\": [1, 2]}'", "custom || '{\"a\": 9}'");
    return pick("UPDATE % SET $set WHERE $where", "UPDATE % SET $set WHERE $where", "UPDATE % SET $set WHERE $where",
        "DELETE FROM % WHERE $where", "INSERT INTO % (_id, description, custom) SELECT '$id', " . random_text() . ", '{\"a\": 4}' WHERE NOT EXISTS (SELECT FROM % WHERE _id = '$id')",
        "INSERT INTO % (_id, done) SELECT k._id, true FROM keys k LEFT JOIN % m ON m._id = k._id WHERE m._id IS NULL AND k._id < '$id'", between(1, 5) == 1 ? 'DELETE FROM %' : "UPDATE % SET $set");
}

sub random_condition
{
    return pick('description = ' . random_text(), 'description IS NULL', "description LIKE 'd%%'" =~ s/%%/_/r, 'lead_type IS NOT NULL', 'lead_type = ' . random_text(), 'done', 'done IS NULL',
        "custom->>'a' = '1'", "custom @> '{\"b\": {}}'", "custom->'b'->>'c' IS NOT NULL", "_id < '" . pick(@ids) . "'", 'custom IS NULL');
}

sub random_text { return pick("'d0'", "'d1'", "'d2'", "'salelead'", "'d1x'") }

sub random_query
{
    my $condition = random_condition();
    return pick('SELECT * FROM % ORDER BY _id', "SELECT * FROM % WHERE $condition ORDER BY _id", "SELECT * FROM % WHERE $condition ORDER BY _id", 'SELECT count(*) FROM %', "SELECT count(*) FROM % WHERE $condition",
        "SELECT * FROM % WHERE _id = '" . pick(@ids) . "'", 'SELECT _id, description FROM % ORDER BY description, _id LIMIT 4', 'SELECT _id FROM % ORDER BY _id DESC LIMIT 3 OFFSET 2',
        'SELECT description, _id FROM % ORDER BY description DESC NULLS LAST, _id', 'SELECT max(description), min(_id) FROM %', 'SELECT lead_type, count(*) FROM % GROUP BY 1 ORDER BY 1',
        "SELECT k._id, m.description FROM keys k JOIN % m USING (_id) WHERE $condition ORDER BY 1", 'SELECT k._id, m.custom FROM keys k LEFT JOIN % m USING (_id) ORDER BY 1',
        'SELECT a._id, b._id FROM % a JOIN % b ON a.description = b.lead_type ORDER BY 1, 2', "SELECT count(*) FROM (SELECT FROM % WHERE $condition OFFSET 1) s",
        "SELECT _id FROM % WHERE $condition ORDER BY lead_type, _id OFFSET 1 LIMIT 5", 'SELECT count(*) FROM (SELECT FROM % OFFSET 5) s',
        'SELECT k._id, (SELECT max(m.description) FROM % m WHERE m._id = k._id) FROM keys k ORDER BY 1',
        "SELECT k._id, (SELECT count(*) FROM % m WHERE m.description = k._id OR m._id = k._id AND $condition) FROM keys k ORDER BY 1",
        'SELECT a._id, b._id FROM % a CROSS JOIN LATERAL (SELECT _id FROM % b WHERE b.description = a.lead_type ORDER BY _id DESC LIMIT 1) b ORDER BY 1',
        "SELECT k._id FROM keys k WHERE NOT EXISTS (SELECT FROM % m WHERE m._id = k._id AND $condition) ORDER BY 1");
}
