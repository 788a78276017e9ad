# write_mode 'commit': count(*) is what a scan counts, though others have deleted or made what waits to be deleted or made; and
# an ObjectId is one document in whatever letters it is given, before the commit as after it, where a text is not.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my @ids = map { sprintf '5abcdef%017x', $_ } 0 .. 70;

my $node = start_node();

for my $kind (
    [ 'ObjectIds that nobody knows of', 'objectid', {}, 2 ],
    [ 'ObjectIds', 'objectid', { id_type => 'objectid' }, 0 ],
    [ 'texts that nobody knows of', 'string', {}, 2 ],
    [ 'texts', 'string', { id_type => 'string' }, 0 ])
{
    my ($name, $type, $options, $probes) = @$kind;
    my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => $type);
    setup_crm($node, $sandbox, limit_to => ['tasks'], server => { write_mode => 'commit', on_ignored_write => 'error', %$options });
    setup_crm($node, $sandbox, name => 'own', limit_to => ['tasks'], server => { write_mode => 'commit', client_ids => 'true', %$options });
    my $crm = { sandbox => $sandbox, dbh => connect_db($node), same => $type eq 'objectid' };
    letters($crm, $name, $probes);
    counts($crm, $name);
    immediate($crm, $name, $options);
    $crm->{dbh}->do("DROP SERVER $_ CASCADE; DROP SCHEMA $_ CASCADE") for qw(crm own now);
}

done_testing();

# What is given in capitals is read as the service will write it: a request or two tell how that is, once in a session
sub letters
{
    my ($crm, $name, $probes) = @_;
    my ($sandbox, $dbh) = @$crm{qw(sandbox dbh)};
    my ($low, $high, $other) = ($ids[10], uc $ids[10], uc $ids[11]);

    fill($crm, $ids[1]);
    $dbh->begin_work;
    is(insert($crm, $_->[0], $_->[1]), 1, "$name: $_->[1] is inserted") for [ $high, 'one' ], [ $other, 'two' ];
    is(scalar(my @requests = $sandbox->log), $probes, "$name: with as many requests as it takes to know what ids are");
    is(description($crm, $low), $crm->{same} ? 'one' : undef, "$name: in small letters");
    is(description($crm, $high), $crm->{same} ? undef : 'one', "$name: and in capitals");
    is($dbh->do(q(UPDATE crm.tasks SET description = description || '!' WHERE _id = ?), undef, $low), $crm->{same} ? 1 : '0E0', "$name: as it is updated");
    if ($crm->{same})
    {
        $dbh->do('SAVEPOINT s');
        is(sql_error($dbh, 'INSERT INTO crm.tasks (_id) VALUES (?)', $low)->{sqlstate}, '23505', "$name: and is there already");
        $dbh->do('ROLLBACK TO s');
        is($dbh->do("INSERT INTO crm.tasks (_id) VALUES (?), (?) ON CONFLICT DO NOTHING", undef, $high, uc $ids[1]), '0E0', "$name: as is what the service has");
    }
    my $expected = contents($crm);
    $dbh->commit;
    is_deeply(contents($crm), $expected, "$name: the commit changes nothing of that");
    is(scalar(@$expected), 3, "$name: of three rows");

    # a change by capitals is of what a SELECT by them shows: nothing
    $dbh->begin_work;
    $dbh->do(q(UPDATE crm.tasks SET description = 'changed' WHERE _id = ?), undef, uc $ids[1]);
    $dbh->do(q(DELETE FROM crm.tasks WHERE _id = ?), undef, uc $ids[1]);
    $expected = contents($crm);
    is(description($crm, $ids[1]), 'there', "$name: a write by capitals is no write of another _id");
    $dbh->commit;
    is_deeply(contents($crm), $expected, "$name: nor at the commit");
    return;
}

# What waits to be deleted may be gone, and what waits to be made may be there
sub counts
{
    my ($crm, $name) = @_;
    my ($sandbox, $dbh) = @$crm{qw(sandbox dbh)};
    my @there = @ids[0 .. 59];

    fill($crm, @there);
    $dbh->begin_work;
    $dbh->do('DELETE FROM crm.tasks WHERE _id = ANY (?)', undef, [ @there[0 .. 4] ]);
    $dbh->do(q(UPDATE crm.tasks SET description = 'x' WHERE _id = ANY (?)), undef, [ @there[5, 6] ]);
    insert($crm, $_, 'new') for @ids[60 .. 62];
    $dbh->do(q(INSERT INTO own.tasks (description) VALUES ('own'), ('own')));
    is(counted($crm), 60, "$name: five gone of sixty, and five new");
    is_deeply([ asked($crm) ], [ join ' ', sort @ids[0 .. 4, 60 .. 62] ], "$name: one request asks which of them the service may have");
    others_delete($crm, @there[0, 5]);
    is(counted($crm), 59, "$name: somebody else deleted one of these, and one that is changed");
    $sandbox->post('/_sandbox/documents/tasks', [ { _id => $ids[60], description => 'theirs' } ]);
    is(counted($crm), 59, "$name: and made one that is to be made");
    $dbh->do('DECLARE old CURSOR FOR SELECT count(*) FROM crm.tasks');
    $dbh->do('DELETE FROM crm.tasks WHERE _id = ANY (?)', undef, [ $there[9], @ids[60 .. 61] ]);
    is(counted($crm), 56, "$name: what was new is deleted again");
    is($dbh->selectrow_array('FETCH old'), 59, "$name: which an older cursor does not see");
    $dbh->rollback;

    # nothing is asked where nothing waits that the service may have
    $dbh->begin_work;
    $dbh->do(q(INSERT INTO own.tasks (description) VALUES ('own')));
    my $rows = all($crm);
    $sandbox->clear_log;
    is($dbh->selectrow_array('SELECT count(*) FROM crm.tasks'), $rows, "$name: rows with ids that are made here");
    is(scalar asked($crm), 0, "$name: are not asked about");
    $dbh->rollback;

    # a whole document that waits to be replaced
    fill($crm, @there);
    $dbh->do(q(ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD update_method 'put')));
    $dbh->begin_work;
    $dbh->do(q(UPDATE crm.tasks SET description = 'y' WHERE _id = ANY (?)), undef, [ @there[0, 1] ]);
    others_delete($crm, $there[1]);
    is(counted($crm), all($crm), "$name: what is replaced, and deleted by somebody else");
    $dbh->rollback;
    $dbh->do('ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP update_method)');
    return;
}

# Written at once, an ObjectId in capitals is no error, and is returned as the service writes it
sub immediate
{
    my ($crm, $name, $options) = @_;
    my ($sandbox, $dbh) = @$crm{qw(sandbox dbh)};

    setup_crm($node, $sandbox, name => 'now', limit_to => ['tasks'], server => { on_ignored_write => 'error', %$options });
    fill($crm);
    is($dbh->selectrow_array(q(INSERT INTO now.tasks (_id, description) VALUES (?, 'one') RETURNING _id), undef, uc $ids[0]),
        $crm->{same} ? $ids[0] : uc $ids[0], "$name: RETURNING has the _id as the service writes it");
    $dbh->begin_work;
    $dbh->do(q(DECLARE before CURSOR FOR SELECT description FROM now.tasks));
    is($dbh->do(q(INSERT INTO now.tasks (_id, description) VALUES (?, 'two')), undef, uc $ids[1]), 1, "$name: nor without it");
    is_deeply($dbh->selectcol_arrayref('FETCH ALL FROM before'), ['one'], "$name: and a cursor that was open does not see it");
    $dbh->commit;
    return;
}

sub fill
{
    my ($crm, @there) = @_;
    $crm->{sandbox}->delete('/_sandbox/documents/tasks');
    $crm->{sandbox}->post('/_sandbox/documents/tasks', [ map { { _id => $_, description => 'there' } } @there ]) if @there;
    $crm->{sandbox}->clear_log;
    return;
}

sub others_delete
{
    my ($crm, @gone) = @_;
    my %gone = map { $_ => 1 } @gone;
    my @left = grep { !$gone{ $_->{_id} } } $crm->{sandbox}->dump('tasks');
    $crm->{sandbox}->delete('/_sandbox/documents/tasks');
    $crm->{sandbox}->post('/_sandbox/documents/tasks', \@left);
    return;
}

sub insert
{
    my ($crm, $id, $description) = @_;
    return 0 + $crm->{dbh}->do('INSERT INTO crm.tasks (_id, description) VALUES (?, ?)', undef, $id, $description);
}

sub description { return $_[0]{dbh}->selectrow_array('SELECT description FROM crm.tasks WHERE _id = ?', undef, $_[1]) }

sub contents { return $_[0]{dbh}->selectall_arrayref('SELECT _id, description FROM crm.tasks ORDER BY _id') }

# By a scan, which has all rows.
sub all { return scalar @{ $_[0]{dbh}->selectcol_arrayref('SELECT _id FROM crm.tasks') } }

# The ids that the service was asked about, by request.
sub asked { return map { my $q = $_->{query}{q}; $q ? join ' ', sort @{ $q->{_id}{'$in'} } : () } $_[0]{sandbox}->log }

# By count(*), if a scan says the same.
sub counted
{
    my ($crm) = @_;
    my $all = all($crm);
    $crm->{sandbox}->clear_log;
    my ($count) = $crm->{dbh}->selectrow_array('SELECT count(*) FROM crm.tasks');
    return $count == $all ? $count : "$count, where a scan has $all";
}
