# write_mode 'commit': a write goes to the place that the table stood for when it was made, with the credentials
# of then, whatever is altered, dropped, renamed or rolled back before the commit.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $elsewhere = WalcuTest::Sandbox->start(scale => 10, auth => 'none', ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'tasks', 'notes' ], server => { write_mode => 'commit' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
$dbh->do('CREATE TABLE local (n int)');
my $dealer = $sandbox->dealer_id;

sub insert { my ($id, $table) = @_; return $dbh->do('INSERT INTO crm.' . ($table // 'tasks') . qq{ (_id) VALUES ('$id')}) }

# What was written to a sandbox: DEALER/RESOURCE/_id.
sub written
{
    my ($crm) = @_;
    return map { join '/', $_->{path} =~ m{^/dealers/(.*)}, ref $_->{body} eq 'HASH' ? $_->{body}{_id} : () }
      grep { $_->{method} ne 'GET' } ($crm // $sandbox)->log;
}

# The transaction that does all of this, and what the two sandboxes are sent; a string is SQL, and the _id of a
# new row when it is one word.
sub sends
{
    my ($what, $steps, $expected, $expected_elsewhere) = @_;
    $_->clear_log for $sandbox, $elsewhere;
    $dbh->begin_work;
    for my $step (@$steps)
    {
        $step =~ /^\w+$/ && $step !~ /^\d/ ? insert($step) : $dbh->do($step);
    }
    ok(eval { $dbh->commit; 1 }, "$what: committed") or diag($@);
    is_deeply([ written() ], [ map { "$dealer/$_" } @$expected ], $what);
    is_deeply([ written($elsewhere) ], [ map { "$dealer/$_" } @{ $expected_elsewhere // [] } ], "$what: elsewhere");
    return;
}

my $to_notes = q{ALTER FOREIGN TABLE crm.tasks OPTIONS (SET resource 'notes')};
my $dealer_2 = q{ALTER SERVER crm OPTIONS (SET dealer_id 'd2')};
my $moved = sprintf q{ALTER SERVER crm OPTIONS (SET endpoint '%s')}, $elsewhere->endpoint;
my @options = map { s/=.*//r } @{ $dbh->selectrow_array(q{SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'crm.tasks'::regclass}) // [] };
$dbh->do(q{ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD resource 'tasks')}) unless grep { $_ eq 'resource' } @options;

# What is rolled back has not been: each object, before, under and after the savepoint
my %alterations = (
    'another resource' => $to_notes,
    'another dealer' => $dealer_2,
    'another endpoint' => $moved,
    'another password' => q{ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'wrong')},
    'another limit' => q{ALTER SERVER crm OPTIONS (ADD max_connections '1')},
);
for my $name (sort keys %alterations)
{
    my $alter = $alterations{$name};
    $sandbox->delete('/_sandbox/documents/tasks');
    sends("$name, rolled back", [ 'a1', 'SAVEPOINT s', $alter, 'ROLLBACK TO s' ], ['tasks/a1']);
    sends("$name, rolled back with a write", [ 'a2', 'SAVEPOINT s', $alter, 'x2', 'ROLLBACK TO s' ], ['tasks/a2']);
    sends("$name, rolled back after a write", [ 'a3', 'SAVEPOINT s', 'y3', $alter, 'x3', 'ROLLBACK TO s', 'b3' ], [ 'tasks/a3', 'tasks/b3' ]);
    sends("$name, rolled back twice",
        [ 'SAVEPOINT s', 'y4', 'SAVEPOINT t', $alter, 'x4', 'RELEASE t', 'z4', 'ROLLBACK TO s', 'b4', 'SAVEPOINT u', $alter, 'w4', 'ROLLBACK TO u', 'c4' ],
        [ 'tasks/b4', 'tasks/c4' ]);
    sends("$name, rolled back by an exception",
        [ 'a5', "DO \$\$ BEGIN EXECUTE '" . ($alter =~ s/'/''/gr) . "'; INSERT INTO crm.tasks (_id) VALUES ('x5'); RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END \$\$", 'b5' ],
        [ 'tasks/a5', 'tasks/b5' ]);
    # changes of documents, which the queue looks for
    sends("$name, rolled back after changes of a document",
        [ q{UPDATE crm.tasks SET description = 'one' WHERE _id = 'a1'}, 'SAVEPOINT s', q{DELETE FROM crm.tasks WHERE _id = 'a2'}, $alter, 'x6', 'ROLLBACK TO s',
          q{DELETE FROM crm.tasks WHERE _id IN ('a1', 'a2')} ],
        [ 'tasks/a1', 'tasks/a2' ]) ;
}

# What is altered counts for what follows
sends('another resource, kept', [ 'f1', $to_notes, 'f2', q{ALTER FOREIGN TABLE crm.tasks OPTIONS (SET resource 'tasks')}, 'f3' ],
    [ 'tasks/f1', 'notes/f2', 'tasks/f3' ]);
sends('another endpoint, kept', [ 'g1', 'SAVEPOINT s', $moved, 'g2', 'RELEASE s' ], ['tasks/g1'], ['tasks/g2']);
sends('and back', [ 'g3', sprintf(q{ALTER SERVER crm OPTIONS (SET endpoint '%s')}, $sandbox->endpoint), 'g4' ], ['tasks/g4'], ['tasks/g3']);
sends('another name', [ q{ALTER FOREIGN TABLE crm.notes OPTIONS (DROP resource)}, q{INSERT INTO crm.notes (_id) VALUES ('h1')},
        'ALTER FOREIGN TABLE crm.notes RENAME TO dates', q{INSERT INTO crm.dates (_id) VALUES ('h2')}, 'SAVEPOINT s',
        'ALTER FOREIGN TABLE crm.dates RENAME TO offers', q{INSERT INTO crm.offers (_id) VALUES ('h3')}, 'ROLLBACK TO s',
        'ALTER FOREIGN TABLE crm.dates RENAME TO notes' ],
    [ 'notes/h1', 'dates/h2' ]);
sends('the same document under two names', [ q{UPDATE crm.tasks SET description = 'one' WHERE _id = 'f1'}, 'ALTER FOREIGN TABLE crm.tasks RENAME TO jobs',
        q{DELETE FROM crm.jobs WHERE _id = 'f1'}, 'ALTER FOREIGN TABLE crm.jobs RENAME TO tasks' ],
    ['tasks/f1']);

# What is dropped after it was written had been written
sends('a dropped table', [ 'CREATE FOREIGN TABLE crm.t (_id text) SERVER crm OPTIONS (resource \'tasks\')', q{INSERT INTO crm.t VALUES ('i1')}, 'DROP FOREIGN TABLE crm.t' ],
    ['tasks/i1']);
sends('a table dropped and back', [ 'i2', 'SAVEPOINT s', 'DROP FOREIGN TABLE crm.tasks', 'ROLLBACK TO s', 'i3' ], [ 'tasks/i2', 'tasks/i3' ]);
sends('a table that was never', [ 'i4', 'SAVEPOINT s', 'CREATE FOREIGN TABLE crm.t (_id text) SERVER crm OPTIONS (resource \'tasks\')',
        q{INSERT INTO crm.t VALUES ('x')}, 'ROLLBACK TO s' ], ['tasks/i4']);
sends('a mapping dropped and back', [ 'i5', 'SAVEPOINT s', 'DROP USER MAPPING FOR CURRENT_USER SERVER crm', 'ROLLBACK TO s', 'i6' ], [ 'tasks/i5', 'tasks/i6' ]);
sends('a server dropped and back', [ 'i7', 'SAVEPOINT s', 'DROP SERVER crm CASCADE', 'ROLLBACK TO s', 'i8' ], [ 'tasks/i7', 'tasks/i8' ]);

# The credentials are those of whoever wrote; the writes of two of them to one document are two requests
$dbh->do($_)
  for 'CREATE ROLE writer', 'GRANT USAGE ON SCHEMA crm TO writer', sprintf(
    q{CREATE SERVER other FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '%s', dealer_id '%s', write_mode 'commit')},
    $elsewhere->endpoint, $dealer),
  q{CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (header_name 'X-User', header_value 'owner')},
  q{CREATE USER MAPPING FOR writer SERVER other OPTIONS (header_name 'X-User', header_value 'writer')},
  q{CREATE FOREIGN TABLE crm.o (_id text, description text, client_id text) SERVER other OPTIONS (resource 'tasks')},
  'GRANT ALL ON crm.o TO writer',
  q{CREATE FUNCTION crm.as_owner(sql text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE sql; END'};
$elsewhere->clear_log;
$dbh->begin_work;
$dbh->do(q{INSERT INTO crm.o (_id) VALUES ('j1')});
$dbh->do('SET LOCAL ROLE writer');
$dbh->do(q{INSERT INTO crm.o (_id) VALUES ('j2')});
$dbh->do(q{SELECT crm.as_owner('INSERT INTO crm.o (_id) VALUES (''j3'')')});
$dbh->do('RESET ROLE');
$dbh->do('DROP USER MAPPING FOR writer SERVER other');
$dbh->do(q{ALTER USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (SET header_value 'later')});
$dbh->do(q{INSERT INTO crm.o (_id) VALUES ('j4')});
ok(eval { $dbh->commit; 1 }, 'several users: committed') or diag($@);
is_deeply([ senders() ], [ 'POST j1 owner', 'POST j2 writer', 'POST j3 owner', 'POST j4 later' ], 'each write has the credentials of its time');
$elsewhere->clear_log;
$dbh->begin_work;
$dbh->do(q{UPDATE crm.o SET description = 'x' WHERE _id = 'j1'});
$dbh->do(q{UPDATE crm.o SET client_id = 'c' WHERE _id = 'j1'});
$dbh->do(q{ALTER USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (SET header_value 'again')});
$dbh->do(q{UPDATE crm.o SET description = 'y' WHERE _id = 'j1'});
$dbh->do(q{DELETE FROM crm.o WHERE _id = 'j1'});
$dbh->commit;
is_deeply([ senders() ], [ 'PATCH j1 later', 'DELETE j1 again' ], 'and is one call with no other user\'s');

sub senders
{
    return map { join ' ', $_->{method}, ref $_->{body} eq 'HASH' ? $_->{body}{_id} : $_->{path} =~ m{([^/]+)$}, $_->{headers}{'x-user'} }
      grep { $_->{method} ne 'GET' } $elsewhere->log;
}

# Dropped for good
sends('a dropped server', [ 'k1', 'DROP SERVER crm CASCADE' ], ['tasks/k1']);
is_deeply($dbh->selectcol_arrayref('SELECT server_name FROM walcu_fdw_get_connections()'), [], 'and no connection is left of it');

done_testing();
