# Conditions of views (WITH CHECK OPTION), of policies and of partitions: a statement with a row that violates one writes
# nothing, as far as the rows themselves decide that; what the service fills in counts, too.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 1);
my $node = start_node();
my $dbh = connect_db($node);
make_tables();

# Each statement, its SQLSTATE, how many rows it writes, and what the CRM has then
for (
    [ 'a row', q{INSERT INTO v (n, content) VALUES (5, 'a')}, undef, 1 ],
    [ 'a row that violates', q{INSERT INTO v (n, content) VALUES (50, 'a')}, '44000', 0 ],
    [ 'the last of several', q{INSERT INTO v (n, content) VALUES (5, 'a'), (6, 'b'), (50, 'c')}, '44000', 0 ],
    [ 'one of a query', 'INSERT INTO v (n, content) SELECT i, i::text FROM generate_series(1, 12) i', '44000', 0 ],
    [ 'none of a query', 'INSERT INTO v (n, content) SELECT i, i::text FROM generate_series(1, 9) i', undef, 9 ],
    [ 'rows that are returned', q{INSERT INTO v (n, content) VALUES (5, 'a'), (50, 'b') RETURNING n}, '44000', 0 ],
    [ 'a view of a view', q{INSERT INTO narrow (n, content) VALUES (5, 'a'), (2, 'b')}, '44000', 0 ],
    [ 'a subquery', q{INSERT INTO allowed_only (n, content) VALUES (1, 'good'), (2, 'bad')}, '44000', 0 ],
    [ 'what a subquery has', q{INSERT INTO allowed_only (n, content) VALUES (1, 'good'), (2, 'better')}, undef, 2 ],
    # the service sets updated_at, and may fill in what is left out
    [ 'what the service sets', q{INSERT INTO made (n, content) VALUES (1, 'a'), (2, 'b')}, undef, 2 ],
    [ 'what the service sets otherwise', q{INSERT INTO made_before (n, content) VALUES (1, 'a'), (2, 'b')}, '44000', 1 ],
    [ 'that beside what the row says', q{INSERT INTO made_small (n, content) VALUES (1, 'a'), (20, 'b')}, '44000', 1 ],
    [ 'a value that is left out', q{INSERT INTO v (content) VALUES ('a'), ('b')}, '44000', 1 ],
    [ 'a generated column', q{INSERT INTO twice (n, content) VALUES (1, 'a'), (2, 'b')}, '44000', 1 ],
    [ 'a condition that is another one each time', q{INSERT INTO counted (n, content) VALUES (1, 'a'), (2, 'b')}, '44000', 2 ],
    # a trigger may change what a row says
    [ 'a trigger that mends it', q{INSERT INTO mended (n, content) VALUES (50, 'a'), (60, 'b')}, undef, 2 ],
    [ 'a trigger that does not', q{INSERT INTO mended (n, content) VALUES (50, 'a'), (600, 'b')}, '44000', 1 ],
    # rows that are routed
    [ 'a partition', q{INSERT INTO of_parts VALUES ('p', 50)}, '44000', 0 ],
    [ 'a policy', q{INSERT INTO parts VALUES ('p', 50)}, '42501', 0, 'plain' ],
    [ 'a policy that is met', q{INSERT INTO parts VALUES ('p', 5)}, undef, 1, 'plain' ],
    # UPDATE
    [ 'an UPDATE', 'UPDATE v SET n = n + 1', undef, 8 ],
    [ 'an UPDATE of which one row violates', 'UPDATE v SET n = n + 2', '44000', 0 ],
    [ 'one by _id', q{UPDATE v SET n = 50 WHERE content = '3'}, '44000', 0 ],
    [ 'one with a subquery', q{UPDATE allowed_only SET content = CASE n WHEN 1 THEN 'better' ELSE 'bad' END}, '44000', 0 ],
    [ 'an UPDATE under a policy', 'UPDATE parts SET n = n + 2', '42501', 0, 'plain' ],
    [ 'an UPDATE that the policy lets through', 'UPDATE parts SET n = n + 1', undef, 8, 'plain' ],
    # a row that its partition is not for would not be found there
    [ 'a row of another partition', q{INSERT INTO part_1 VALUES ('1', 1), ('2', 2)}, '23514', 0 ],
    [ 'a row whose partition is not said', 'INSERT INTO part_1 (n) VALUES (1)', undef, 1 ],
    [ 'a row by the table over both', q{INSERT INTO both_parts VALUES ('1', 1), ('2', 2)}, undef, 2 ],
    [ 'an UPDATE to another partition', q{UPDATE both_parts SET content = '2' WHERE content = '1'}, '23514', 0 ],
    [ 'one by _id', q{UPDATE both_parts SET content = '2' WHERE _id = '000000000000000000000001'}, '23514', 0 ],
    [ 'one to none', q{UPDATE part_1 SET content = NULL}, '23514', 0 ],
    [ 'one to the same', q{UPDATE both_parts SET content = '1', n = 9 WHERE content = '1'}, undef, 1 ],
    [ 'one of rows that a trigger has seen', q{UPDATE part_2 SET content = '1' WHERE content = '2'}, '23514', 0 ],
    [ 'one of another column', q{UPDATE part_1 SET n = n + 1}, undef, 8 ],
  )
{
    my ($what, $sql, $sqlstate, $written, $user) = @$_;
    fill($sql);
    my $before = documents();
    my $session = $user ? connect_db($node, user => $user) : $dbh;
    $session->do('SET client_min_messages = error');
    my $error = sql_error($session, $sql);
    is($error && $error->{sqlstate}, $sqlstate, "$what: " . ($sqlstate // 'no error'));
    is(scalar(my @writes = grep { $_->{method} =~ /POST|PATCH/ && $_->{kind} ne 'token' } $sandbox->log), $written, "$what: requests");
    is(documents(), $before, "$what: nothing is written") if !$written;
    like($error->{message} . ($error->{detail} // ''), qr/and not rolled back/, "$what: what is written is told") if $sqlstate && $written;
    is(documents(q{n >= 10 OR content = 'bad'}), '', "$what: no row violates it") if $sqlstate && !$written;
}

done_testing();

sub make_tables
{
    my $columns = q{n int OPTIONS (path 'custom.n'), content text COLLATE "C", _id text COLLATE "C", updated_at timestamptz OPTIONS (readonly 'true')};
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, max_retries => 0 });
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    $dbh->do($_)
      for 'CREATE EXTENSION walcu_fdw', "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw $server", 'CREATE ROLE plain LOGIN',
      (map { "CREATE USER MAPPING FOR $_ SERVER crm $mapping" } qw(CURRENT_USER plain)),
      "CREATE FOREIGN TABLE t ($columns) SERVER crm OPTIONS (resource 'notes')",
      "CREATE FOREIGN TABLE triggered ($columns) SERVER crm OPTIONS (resource 'notes')",
      q{CREATE FOREIGN TABLE generated (n int OPTIONS (path 'custom.n'), content text COLLATE "C", m int OPTIONS (path 'custom.m') GENERATED ALWAYS AS (n * 10) STORED, _id text COLLATE "C") SERVER crm OPTIONS (resource 'notes')},
      'CREATE TABLE allowed AS SELECT w FROM (VALUES (\'good\'), (\'better\')) x (w)',
      'CREATE SEQUENCE calls',
      'CREATE VIEW v AS SELECT * FROM t WHERE n < 10 WITH CHECK OPTION',
      'CREATE VIEW narrow AS SELECT * FROM v WHERE n > 3 WITH CHECK OPTION',
      'CREATE VIEW allowed_only AS SELECT * FROM t WHERE content IN (SELECT w FROM allowed) WITH CHECK OPTION',
      q{CREATE VIEW made AS SELECT * FROM t WHERE updated_at > '2020-01-01' WITH CHECK OPTION},
      q{CREATE VIEW made_before AS SELECT * FROM t WHERE updated_at < '2020-01-01' WITH CHECK OPTION},
      q{CREATE VIEW made_small AS SELECT * FROM t WHERE updated_at > '2020-01-01' AND n < 1 WITH CHECK OPTION},
      'CREATE VIEW twice AS SELECT * FROM generated WHERE m > 10 WITH CHECK OPTION',
      q{CREATE VIEW counted AS SELECT * FROM t WHERE nextval('calls') < 2 WITH CHECK OPTION},
      'CREATE VIEW mended AS SELECT * FROM triggered WHERE n < 10 WITH CHECK OPTION',
      'CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n / 10; RETURN NEW; END $$',
      'CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION mend()',
      'CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      'CREATE TABLE parts (content text COLLATE "C", n int, _id text COLLATE "C") PARTITION BY LIST (content)',
      q{CREATE FOREIGN TABLE part PARTITION OF parts DEFAULT SERVER crm OPTIONS (resource 'notes')},
      q{ALTER FOREIGN TABLE part ALTER COLUMN n OPTIONS (path 'custom.n')},
      'CREATE TABLE both_parts (content text COLLATE "C", n int, _id text COLLATE "C") PARTITION BY LIST (content)',
      (map { ("CREATE FOREIGN TABLE part_$_ PARTITION OF both_parts FOR VALUES IN ('$_') SERVER crm OPTIONS (resource 'notes')",
              "ALTER FOREIGN TABLE part_$_ ALTER COLUMN n OPTIONS (path 'custom.n')") } 1, 2),
      'CREATE TRIGGER t BEFORE UPDATE ON part_2 FOR EACH ROW EXECUTE FUNCTION do_nothing()',
      'CREATE VIEW of_parts AS SELECT * FROM parts WHERE n < 10 WITH CHECK OPTION',
      'ALTER TABLE parts ENABLE ROW LEVEL SECURITY', 'CREATE POLICY small ON parts USING (true) WITH CHECK (n < 10)', 'GRANT ALL ON parts TO plain';
    return;
}

# No document for an INSERT; for an UPDATE eight, of which the last violates once it is two more.
sub fill
{
    my ($sql) = @_;
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => sprintf('%024x', $_), content => "$_", custom => { n => $_ } } } 1 .. 8 ]) if $sql =~ /^UPDATE/;
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => sprintf('%024x', $_), content => 'good', custom => { n => $_ } } } 1, 2 ]) if $sql =~ /^UPDATE allowed/;
    $dbh->do(q{SELECT setval('calls', 1, false)});
    $sandbox->clear_log;
    return;
}

# What the CRM has, as text.
sub documents
{
    my ($condition) = @_;
    return join ' ', @{ $dbh->selectcol_arrayref("SELECT format('%s:%s:%s', _id, n, content) FROM t " . ($condition ? "WHERE $condition" : '') . ' ORDER BY 1') };
}
