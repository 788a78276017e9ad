# write_mode 'commit': a new row whose _id is taken is what it is in PostgreSQL, an error at once where the transaction knows
# it, and no row with ON CONFLICT DO NOTHING, so that no later statement takes it for what it is not; and a document that is
# written many times takes no more memory than one that is written once.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 4);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'], server => { write_mode => 'commit', client_ids => 'true', on_ignored_write => 'error' });
my $dbh = connect_db($node);
my ($there, $free) = map { sprintf '%024x', $_ } 1, 2;

# What is there at the service stays as it is, for the statements that follow, too
fill();
$dbh->begin_work;
is(insert($there, 'other', 'ON CONFLICT DO NOTHING'), 0, 'ON CONFLICT DO NOTHING makes no row of an _id that the service has');
is_deeply([ map { $_->{method} } $sandbox->log ], ['GET'], 'by one request');
is(insert($free, 'new', 'ON CONFLICT DO NOTHING'), 1, 'but of another one');
is(insert($free, 'newer', 'ON CONFLICT DO NOTHING'), 0, 'and none of that again');
is(seen(), "$there first, $free new", 'so it is read');
is($dbh->selectrow_array('SELECT count(*) FROM crm.tasks'), 2, 'and counted');
$dbh->do(q(UPDATE crm.tasks SET description = description || '!'));
$dbh->commit;
is(seen(), "$there first!, $free new!", 'and changed');

# Rows of one statement, some of which are there
fill();
$dbh->begin_work;
$dbh->do('DELETE FROM crm.tasks WHERE _id = ?', undef, $there);
$sandbox->clear_log;
is($dbh->do("INSERT INTO crm.tasks (_id, description) SELECT lpad(to_hex(i / 2), 24, '0'), 'i' || i FROM generate_series(2, 9) i ON CONFLICT DO NOTHING"), 4, 'of two rows with one _id, one counts');
is(scalar(my @requests = $sandbox->log), 1, 'the service is asked about all of them at once');
is_deeply($dbh->selectcol_arrayref('SELECT description FROM crm.tasks ORDER BY _id'), [qw(i2 i4 i6 i8)], 'it is the first, also of an _id that was deleted');
$dbh->commit;
is_deeply($dbh->selectcol_arrayref('SELECT description FROM crm.tasks ORDER BY _id'), [qw(i2 i4 i6 i8)], 'and so it is written');

# Without ON CONFLICT, what the transaction itself has written
for my $before ([ 'inserted' => sub { insert($free, 'one') } => $free ],
    [ 'changed' => sub { $dbh->do(q(UPDATE crm.tasks SET description = 'one' WHERE _id = ?), undef, $there) } => $there ])
{
    my ($how, $write, $id) = @$before;
    fill();
    $dbh->begin_work;
    insert(sprintf('%024x', 9), 'bystander');
    $write->();
    $dbh->do('SAVEPOINT s');
    $sandbox->clear_log;
    my $error = sql_error($dbh, 'INSERT INTO crm.tasks (_id, description) VALUES (?, ?)', $id, 'two');
    is($error->{sqlstate}, '23505', "an _id that the transaction has $how is an error at once");
    like($error->{message}, qr/^document "$id" of resource "tasks" is there already$/, 'that names it');
    is(scalar(@requests = $sandbox->log), 0, 'and asks nobody');
    $dbh->do('ROLLBACK TO s');
    is($dbh->selectrow_array('SELECT description FROM crm.tasks WHERE _id = ?', undef, $id), 'one', 'the first one stays');
    $dbh->commit;
    is($dbh->selectrow_array('SELECT count(*) FROM crm.tasks WHERE description IN (?, ?)', undef, 'one', 'bystander'), 2, 'and all is written');
}
fill();
$dbh->begin_work;
is(sql_error($dbh, "INSERT INTO crm.tasks (_id) VALUES ('$free'), ('$free')")->{sqlstate}, '23505', 'so are two rows of one statement');
$dbh->rollback;
$dbh->begin_work;
$dbh->do('DELETE FROM crm.tasks WHERE _id = ?', undef, $there);
is(insert($there, 'again'), 1, 'one that was deleted is free');
$dbh->commit;
is(seen(), "$there again", 'and is made again');

# One document, many times: one request, and memory for what is set, not for how often
fill();
$dbh->begin_work;
$dbh->do(q(DO $$BEGIN FOR i IN 1 .. 1500 LOOP UPDATE crm.tasks SET description = 'n' || i, custom = jsonb_build_object('k' || i % 3, i) WHERE _id = lpad('1', 24, '0'); END LOOP; END$$));
my $most = peak_memory();
$sandbox->clear_log;
$dbh->commit;
is(join(' ', map { "$_->{method} " . @{ $_->{body} } } $sandbox->log), 'PATCH 7', 'many changes of three members are one request');
cmp_ok(peak_memory() - $most, '<', 40_000, 'which took less than 40 MB to find') or diag(peak_memory() - $most . ' kB');
is_deeply($dbh->selectrow_arrayref('SELECT description, custom FROM crm.tasks'), [ 'n1500', '{"k0": 1500}' ], 'and is right');

# Many members of one document, each by a statement of its own, as in a local table: what an older cursor shows, and what is
# left after a savepoint
fill();
my $member = q((coalesce(custom, '{}') #- ARRAY['k' || i - 3]) || jsonb_build_object('k' || i, i, 'deep', coalesce(custom->'deep', '{}') || jsonb_build_object('d' || i % 7, i)));
$dbh->do(q(CREATE TABLE local AS SELECT lpad('1', 24, '0') AS _id, NULL::jsonb AS custom));
my @shown;
for my $table ('local', 'crm.tasks')
{
    my $change = sub { $dbh->do("DO \$\$BEGIN FOR i IN $_[0] .. $_[1] LOOP UPDATE $table SET custom = CASE WHEN i % 5 = 0 THEN coalesce(custom, '{}') || jsonb_build_object('w' || i, i) ELSE $member END; END LOOP; END\$\$") };
    $dbh->begin_work;
    $change->(1, 60);
    $dbh->do("DECLARE old CURSOR FOR SELECT custom FROM $table");
    $dbh->do('SAVEPOINT s');
    $change->(61, 90);
    my @now = $dbh->selectrow_array("SELECT custom FROM $table");
    $dbh->do('ROLLBACK TO s');
    $change->(91, 120);
    push @shown, [ @now, $dbh->selectrow_array("SELECT custom FROM $table"), $dbh->selectrow_array('FETCH old') ];
    $dbh->commit;
    push @{ $shown[-1] }, $dbh->selectrow_array("SELECT custom FROM $table");
}
is_deeply($shown[1], $shown[0], 'a hundred members are what they are in a local table');
cmp_ok(length $shown[0][0], '>', 100, 'which are many');

done_testing();

sub fill
{
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks', [ { _id => $there, description => 'first' } ]);
    $sandbox->clear_log;
    return;
}

sub insert
{
    my ($id, $description, $more) = @_;
    return 0 + $dbh->do('INSERT INTO crm.tasks (_id, description) VALUES (?, ?) ' . ($more // ''), undef, $id, $description);
}

sub seen { return join ', ', map { "@$_" } @{ $dbh->selectall_arrayref('SELECT _id, description FROM crm.tasks ORDER BY _id') } }

# In kB, of the session.
sub peak_memory
{
    open my $status, '<', '/proc/' . $dbh->selectrow_array('SELECT pg_backend_pid()') . '/status' or die "no /proc: $!\n";
    my ($peak) = map { /^VmHWM:\s*(\d+)/ ? $1 : () } <$status>;
    return $peak;
}
