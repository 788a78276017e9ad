# Rows whose replies somebody waits for, by RETURNING or a trigger after each, are written several at a time all the same; they
# come in their order, each as the service has answered it, and what goes wrong is told of each.  Where something could tell
# when a row is written, each has its turn.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant { CONNECTIONS => 3, ROWS => 40 };

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { notes => 0, cars => 0 });
my $node = start_node('main', jit => 'off', statement_timeout => "'60s'", log_min_messages => 'warning');
my $dbh = connect_db($node);
make_tables();
my $new = "SELECT 'new' || i FROM generate_series(1, @{[ROWS]}) i";

# How many are under way at once, and what is returned
for my $case (
    [ 'UPDATE', "UPDATE notes SET content = 'new' || content RETURNING content", 'PATCH', CONNECTIONS ],
    [ 'UPDATE of some', "UPDATE notes SET content = 'new' || content WHERE content > 'old' RETURNING content", 'PATCH', CONNECTIONS ],
    [ 'UPDATE with a join', "UPDATE notes n SET content = 'new' || w FROM generate_series(1, 100) w WHERE n.content = 'old' || w RETURNING content", 'PATCH', CONNECTIONS ],
    [ 'UPDATE of whole documents', "UPDATE replaced SET content = 'new' || content RETURNING content", 'PUT', CONNECTIONS ],
    [ 'DELETE', 'DELETE FROM notes RETURNING content', 'DELETE', CONNECTIONS ],
    [ 'INSERT', "INSERT INTO notes (content) $new RETURNING content", 'POST', CONNECTIONS ],
    [ 'INSERT that skips', "INSERT INTO notes (content) $new ON CONFLICT DO NOTHING RETURNING content", 'POST', CONNECTIONS ],
    [ 'within WITH', "WITH u AS (UPDATE notes SET content = 'new' || content RETURNING content) SELECT * FROM u", 'PATCH', CONNECTIONS ],
    [ 'within WITH, of which few are read', "WITH u AS (UPDATE notes SET content = 'new' || content RETURNING content) SELECT * FROM u LIMIT 2", 'PATCH', CONNECTIONS, 2 ],
    [ 'partitions', "UPDATE parts SET content = 'new' || content RETURNING content", 'PATCH', CONNECTIONS ],
    [ 'a trigger after each row', "UPDATE told SET content = 'new' || content", 'PATCH', CONNECTIONS ],
    # what could tell when a row is written
    [ 'a trigger before each row', "UPDATE judged SET content = 'new' || content RETURNING content", 'PATCH', 1 ],
    [ 'a function', "UPDATE notes SET content = 'new' || content RETURNING keep(content)", 'PATCH', 1 ],
    [ 'a subquery of the service', "UPDATE notes SET content = 'new' || content RETURNING content, (SELECT count(*) FROM notes)", 'PATCH', 1 ],
    [ 'a view that checks', "UPDATE checked SET content = 'new' || content RETURNING content", 'PATCH', 1 ],
    [ 'a generated column', "UPDATE generated SET content = 'new' || content RETURNING content", 'PATCH', 1 ],
  )
{
    my ($name, $sql, $method, $wanted, $rows) = @$case;
    fill();
    my ($at_once, $count) = under_way($dbh, $sandbox, $sql, $wanted, method => $method);
    is($at_once, $wanted, "$name: under way at once");
    is($count, $rows // ROWS, "$name: rows");
    is(scalar($sandbox->log(method => $method)), ROWS, "$name: each is written once");
}

# What is returned is what the service has answered, in the order of the rows; more than are written at once, too
fill(520);
is_deeply([ sort @{ $dbh->selectcol_arrayref('UPDATE notes SET content = content || length(content) RETURNING content') } ], [ sort map { "old$_" . length "old$_" } 1 .. 520 ], 'many rows come, each once');
is_deeply($dbh->selectall_arrayref("UPDATE notes n SET content = 'same' WHERE content IN ('old14', 'old74') RETURNING _id, content, updated_at IS NULL, tableoid::regclass"),
    [ map { [ id($_), 'same', 0, 'notes' ] } 1, 7 ], 'with what the service sets, and their table');
is_deeply($dbh->selectall_arrayref("UPDATE notes SET content = content WHERE _id < '@{[id(3)]}' RETURNING content"), [ ['same'], ['old24'] ], 'and those in which nothing differs');
is_deeply($dbh->selectcol_arrayref("DELETE FROM notes WHERE content LIKE 'old_006' RETURNING content"), [ map { "old${_}006" } 1 .. 5 ], 'what was deleted');
is_deeply($dbh->selectcol_arrayref('INSERT INTO notes (content) SELECT i::text FROM generate_series(1, 510) i RETURNING content'), [ 1 .. 510 ], 'and what is new, in the order of the rows');
is($sandbox->dump('notes') + 0, 520 - 5 + 510, 'all of them once');

# Rows that are gone are no rows
fill();
$sandbox->fault({ match => { method => 'PATCH' }, skip => 4, times => 2, fault => { type => 'status', status => 404 } });
is($dbh->do("UPDATE notes SET content = 'new' || content RETURNING content") + 0, ROWS - 2, 'rows that are gone meanwhile');
is($dbh->do("UPDATE notes SET content = 'newer' RETURNING content") + 0, ROWS, 'and the others are written');

# PL/pgSQL and SPI take few rows: no others are written
fill();
$dbh->do(q{DO $$ DECLARE c text; BEGIN UPDATE notes SET content = 'new' WHERE content = 'old7' RETURNING content INTO c; END $$});
is(changed(), 1, 'a row that PL/pgSQL takes');
eval { $dbh->do(q{DO $$ DECLARE c text; BEGIN UPDATE notes SET content = 'new' RETURNING content INTO c; END $$}) };
is($dbh->state, 'P0003', 'several rows where PL/pgSQL wants one are an error');
cmp_ok(changed(), '<=', 3, 'and no more are written than it has looked at');
fill();
is_deeply($dbh->selectcol_arrayref('SELECT * FROM all_changed()'), [ map { "newold$_" } 1 .. ROWS ], 'a loop of PL/pgSQL has all of them');

# What goes wrong half way: what is told is what the service holds
for my $case (
    [ 'a refusal', { type => 'status', status => 422 }, '23514', 0 ],
    [ 'a connection that is closed', { type => 'close', when => 'before' }, '08007', 1 ],
  )
{
    my ($name, $fault, $state, $doubt) = @$case;
    fill();
    $sandbox->fault({ match => { method => 'PATCH' }, skip => 20, times => 1, fault => $fault });
    my $error = sql_error($dbh, "UPDATE notes SET content = 'new' || content RETURNING content");
    is($error->{sqlstate}, $state, $name);
    is_deeply([ told_in($error->{detail}) ], [ changed(), $doubt ], 'what is told is what was written');
    cmp_ok(changed(), '<', 20 + CONNECTIONS, 'and no more were sent');
}
fill();
my $error = sql_error($dbh, "UPDATE notes SET content = 'new' || content RETURNING 1 / (length(content) - 8)");
is($error->{sqlstate}, '22012', 'an error in what is returned');
is((told_in($error->{detail}))[0], changed(), 'tells of all that are written');
is(changed(), ROWS, 'which are as many as are written at once');
fill();
my @messages = messages_while($dbh, sub { sql_error($dbh, "WITH u AS (UPDATE notes SET content = 'new' || content RETURNING content) SELECT 1 / (length(content) - 8) FROM u") });
is($dbh->state, '22012', 'an error of whoever takes the rows');
is((told_in("@messages"))[0], ROWS, 'is told of, too') or diag "@messages";

# A cancel
fill();
$sandbox->fault({ match => { method => 'PATCH' }, skip => 4, fault => { type => 'hold' } });
my ($state, $text) = cancelled_when($dbh, $node, "UPDATE notes SET content = 'new' || content RETURNING content", sub { $sandbox->request_count(method => 'PATCH') >= 4 + CONNECTIONS });
is($state, '57014', 'a cancel');
is_deeply([ told_in($text) ], [ 4, CONNECTIONS ], 'what was answered is told, and what was under way is in doubt');
$sandbox->clear_faults;

done_testing();

sub make_tables
{
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', max_connections => CONNECTIONS, max_retries => 0 });
    my $notes = '(_id text COLLATE "C", content text COLLATE "C", updated_at timestamptz OPTIONS (readonly \'true\'))';
    $dbh->do($_)
      for 'CREATE EXTENSION walcu_fdw', "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw $server", "CREATE USER MAPPING FOR CURRENT_USER SERVER crm $mapping",
      (map { "CREATE FOREIGN TABLE $_ $notes SERVER crm OPTIONS (resource 'notes')" } qw(notes told judged)),
      "CREATE FOREIGN TABLE replaced $notes SERVER crm OPTIONS (resource 'notes', update_method 'put')",
      q{CREATE FOREIGN TABLE generated (_id text COLLATE "C", content text COLLATE "C", twice text OPTIONS (path 'title') GENERATED ALWAYS AS (content || content) STORED) SERVER crm OPTIONS (resource 'notes')},
      'CREATE TABLE parts (_id text COLLATE "C", content text COLLATE "C") PARTITION BY LIST (_id)',
      "CREATE FOREIGN TABLE parts_1 PARTITION OF parts FOR VALUES IN ('a') SERVER crm OPTIONS (resource 'notes')",
      "CREATE FOREIGN TABLE parts_2 PARTITION OF parts FOR VALUES IN ('b') SERVER crm OPTIONS (resource 'cars')",
      q{ALTER FOREIGN TABLE parts_2 ALTER COLUMN content OPTIONS (path 'model')},
      "CREATE VIEW checked AS SELECT * FROM notes WHERE content > 'a' WITH CHECK OPTION",
      'CREATE FUNCTION keep(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN x; END $$',
      'CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      q{CREATE FUNCTION all_changed() RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN FOR c IN UPDATE notes SET content = 'new' || content RETURNING content LOOP RETURN NEXT c; END LOOP; END $$},
      'CREATE TRIGGER t BEFORE UPDATE ON judged FOR EACH ROW EXECUTE FUNCTION do_nothing()',
      'CREATE TRIGGER t AFTER UPDATE ON told FOR EACH ROW EXECUTE FUNCTION do_nothing()';
    return;
}

sub id
{
    my ($number) = @_;
    return sprintf '%024x', $number;
}

sub fill
{
    my ($rows) = @_;
    $sandbox->clear_faults;
    $sandbox->delete("/_sandbox/documents/$_") for qw(notes cars);
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => id($_), content => "old$_" } } 1 .. $rows // ROWS ]);
    $sandbox->clear_log;
    return;
}

sub changed
{
    return scalar grep { ($_->{content} // '') =~ /new/ } $sandbox->dump('notes');
}
