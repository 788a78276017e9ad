# A statement does not see what it writes itself, nor does a cursor what is written after it was opened: wherever rows come
# from, 160 documents become 160 more and no others, in the requests that this takes.  What PostgreSQL makes of its own
# table says what is right.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ], server => { results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r });
my $dbh = connect_db($node);
my ($endpoint, $dealer) = ($sandbox->endpoint, $sandbox->dealer_id);
$dbh->do(qq{
    SET client_min_messages = error;
    SET statement_timeout = '30s';
    CREATE FOREIGN TABLE crm.again (_id text, content text, dealer_id text) SERVER crm OPTIONS (resource 'notes');
    CREATE SERVER other FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '$endpoint', dealer_id '$dealer');
    CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (username 'sandbox-app', password 'sandbox-secret');
    CREATE FOREIGN TABLE crm.elsewhere (_id text, content text, dealer_id text) SERVER other OPTIONS (resource 'notes');
    CREATE TABLE crm.parted (dealer_id text, _id text, content text) PARTITION BY LIST (dealer_id);
    CREATE FOREIGN TABLE crm.parted_crm PARTITION OF crm.parted FOR VALUES IN ('$dealer') SERVER crm OPTIONS (resource 'notes');
    CREATE TABLE crm.parted_local PARTITION OF crm.parted DEFAULT;
    CREATE FOREIGN TABLE crm.parallel (_id text, content text) SERVER crm OPTIONS (resource 'notes', fetch_mode 'parallel');
    CREATE FOREIGN TABLE crm.skip (_id text, content text) SERVER crm OPTIONS (resource 'notes', paging 'skip');
    CREATE FOREIGN TABLE crm.job (_id text, content text) SERVER crm OPTIONS (resource 'notes', fetch_mode 'job');
    CREATE SCHEMA loc;
    CREATE TABLE loc.notes (_id text DEFAULT md5(random()::text), content text, dealer_id text DEFAULT '$dealer');
    CREATE VIEW loc.again AS TABLE loc.notes;
    CREATE VIEW loc.elsewhere AS TABLE loc.notes;
    CREATE VIEW loc.parallel AS TABLE loc.notes;
    CREATE VIEW loc.skip AS TABLE loc.notes;
    CREATE VIEW loc.job AS TABLE loc.notes;
    CREATE VIEW loc.parted AS TABLE loc.notes;
});
for my $schema ('crm', 'loc')
{
    $dbh->do(qq{
        CREATE FUNCTION $schema.all_notes() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT content FROM $schema.notes';
        CREATE FUNCTION $schema.volatile_notes() RETURNS SETOF text LANGUAGE sql VOLATILE AS 'SELECT content FROM $schema.notes';
        CREATE FUNCTION $schema.query_notes() RETURNS SETOF text LANGUAGE plpgsql AS \$\$ BEGIN RETURN QUERY SELECT content FROM $schema.notes; END \$\$;
        CREATE FUNCTION $schema.loop_notes() RETURNS SETOF text LANGUAGE plpgsql AS
          \$\$ DECLARE r record; BEGIN FOR r IN SELECT content FROM $schema.notes LOOP RETURN NEXT r.content; END LOOP; END \$\$;
        CREATE FUNCTION $schema.stable_count() RETURNS bigint LANGUAGE plpgsql STABLE AS \$\$ BEGIN RETURN (SELECT count(*) FROM $schema.notes); END \$\$;
        CREATE FUNCTION $schema.stable_filtered() RETURNS bigint LANGUAGE plpgsql STABLE AS
          \$\$ BEGIN RETURN (SELECT count(*) FROM $schema.notes WHERE content LIKE 'n%'); END \$\$;
    });
}
$dbh->do('ALTER SERVER crm OPTIONS (ADD client_ids \'true\')') if $ENV{CLIENT_IDS};

# What adds as many rows as there are; S is the schema
my @doubling = (
    'INSERT INTO S.notes (content) SELECT content FROM S.notes',
    'INSERT INTO S.again (content) SELECT content FROM S.notes',
    'INSERT INTO S.elsewhere (content) SELECT content FROM S.notes',
    'INSERT INTO S.notes (content) SELECT content FROM S.elsewhere ORDER BY content',
    (map { "INSERT INTO S.notes (content) SELECT content FROM S.$_" } 'parallel', 'skip', 'job', 'parted'),
    'WITH src AS MATERIALIZED (SELECT content FROM S.notes) INSERT INTO S.notes (content) SELECT content FROM src',
    'WITH src AS MATERIALIZED (SELECT content FROM S.notes) INSERT INTO S.again (content) SELECT content FROM src',
    'WITH src AS NOT MATERIALIZED (SELECT content FROM S.notes) INSERT INTO S.notes (content) SELECT content FROM src',
    'WITH a AS MATERIALIZED (SELECT * FROM S.notes), b AS MATERIALIZED (SELECT * FROM a) INSERT INTO S.notes (content) SELECT content FROM b',
    'WITH RECURSIVE r AS (SELECT content, 1 AS n FROM S.notes UNION ALL SELECT content, n + 1 FROM r WHERE n < 1) INSERT INTO S.notes (content) SELECT content FROM r',
    'WITH w AS (INSERT INTO S.notes (content) SELECT content FROM S.notes RETURNING content) SELECT count(*) FROM w',
    'WITH w AS (INSERT INTO S.notes (content) SELECT content FROM S.notes RETURNING content) SELECT count(*) FROM w, (SELECT count(*) FROM S.notes) n',
    'INSERT INTO S.notes (content) SELECT content FROM S.notes RETURNING _id',
    'INSERT INTO S.notes (content) SELECT a.content FROM S.notes a JOIN S.again b USING (_id)',
    'INSERT INTO S.notes (content) SELECT n.content FROM generate_series(1, 160) g JOIN S.notes n ON n.content = $$n$$ || g',
    'INSERT INTO S.notes (content) SELECT (SELECT min(content) FROM S.notes WHERE content = $$n$$ || g) FROM generate_series(1, 160) g',
    'INSERT INTO S.notes (content) SELECT (SELECT count(*) FROM S.notes)::text FROM generate_series(1, 160) g',
    'INSERT INTO S.notes (content) SELECT CASE WHEN g > 80 THEN (SELECT count(*) FROM S.notes)::text END FROM generate_series(1, 160) g',
    'INSERT INTO S.notes (content) SELECT content FROM S.notes n, LATERAL (SELECT count(*) FROM S.again a WHERE a._id <= n._id OFFSET 0) c LIMIT 160',
    (map { "INSERT INTO S.notes (content) SELECT * FROM S.${_}_notes()" } 'all', 'volatile', 'query', 'loop'),
    (map { "INSERT INTO S.notes (content) SELECT S.${_}_notes()" } 'all', 'query', 'loop'),
    'INSERT INTO S.notes (content) SELECT S.stable_count() FROM generate_series(1, 160)',
    'INSERT INTO S.notes (content) SELECT S.stable_filtered() FROM generate_series(1, 160)',
    (map { 'INSERT INTO S.parted (dealer_id, content) ' . s/DEALER/'$dealer'/r }
        'SELECT dealer_id, content FROM S.notes', 'SELECT dealer_id, content FROM S.notes ORDER BY content', 'SELECT dealer_id, content FROM S.parted',
        'SELECT dealer_id, content FROM S.elsewhere', 'SELECT DEALER, content FROM S.parallel', 'SELECT DEALER, content FROM S.skip',
        'SELECT DEALER, content FROM S.job', 'SELECT DEALER, n.content FROM generate_series(1, 160) g JOIN S.notes n ON n.content = $$n$$ || g',
        'SELECT DEALER, n.content FROM S.notes n JOIN S.again USING (_id)', 'SELECT DEALER, content FROM (TABLE S.notes UNION ALL SELECT * FROM S.notes WHERE false) u',
        'SELECT DEALER, S.stable_count() FROM generate_series(1, 160)', 'SELECT DEALER, S.stable_filtered() FROM generate_series(1, 160)',
        'SELECT DEALER, (SELECT min(content) FROM S.notes WHERE content = $$n$$ || g) FROM generate_series(1, 160) g',
        'SELECT DEALER, (SELECT count(*) FROM S.notes)::text FROM generate_series(1, 160) g',
        'SELECT DEALER, S.loop_notes()', 'SELECT dealer_id, content FROM S.notes RETURNING _id'),
    "WITH src AS MATERIALIZED (TABLE S.notes) INSERT INTO S.parted (dealer_id, content) SELECT dealer_id, content FROM src",
    'DO $$ DECLARE r record; BEGIN FOR r IN SELECT content FROM S.notes LOOP INSERT INTO S.notes (content) VALUES (r.content); END LOOP; END $$',
    'DO $$ DECLARE r record; BEGIN FOR r IN SELECT content FROM S.notes ORDER BY content LOOP INSERT INTO S.again (content) VALUES (r.content); END LOOP; END $$',
    'DO $$ DECLARE r record; BEGIN FOR r IN SELECT content FROM S.notes LOOP BEGIN INSERT INTO S.notes (content) VALUES (r.content); EXCEPTION WHEN OTHERS THEN RAISE; END; END LOOP; END $$',
    'DO $$ DECLARE c CURSOR FOR SELECT content FROM S.notes; t text; BEGIN OPEN c; LOOP FETCH c INTO t; EXIT WHEN NOT FOUND; INSERT INTO S.parted (dealer_id, content) SELECT dealer_id, t FROM S.notes LIMIT 1; END LOOP; END $$',
    q{DO $$ DECLARE r record; BEGIN FOR r IN SELECT content FROM S.notes LOOP IF 'S' = 'crm' THEN PERFORM walcu_fdw_request('crm', 'POST', '/notes', body => jsonb_build_object('content', r.content)); ELSE INSERT INTO S.notes (content) VALUES (r.content); END IF; END LOOP; END $$},
);
# What depends on what is seen: the answers are those of PostgreSQL's own table
my @others = (
    [ 'DELETE FROM S.notes n WHERE (SELECT count(*) FROM S.again m WHERE m.content = n.content) > 1' ],
    [ 'DELETE FROM S.notes n WHERE EXISTS (SELECT 1 FROM S.again m WHERE m.content = n.content AND m._id <> n._id) RETURNING 1' ],
    [ 'DELETE FROM S.notes n WHERE S.stable_count() > 150' ],
    [ 'DELETE FROM S.notes n WHERE S.stable_filtered() > 150' ],
    [ 'WITH c AS MATERIALIZED (SELECT content, count(*) AS n FROM S.notes GROUP BY 1) DELETE FROM S.notes n WHERE (SELECT c.n FROM c WHERE c.content = n.content) > 1' ],
    [ 'UPDATE S.notes n SET content = (SELECT count(*) FROM S.again m WHERE m.content = n.content)::text' ],
    [ 'WITH d AS (DELETE FROM S.notes WHERE content LIKE $$n1%$$ RETURNING content) INSERT INTO S.notes (content) SELECT content || content FROM d' ],
    [ 'WITH i AS (INSERT INTO S.notes (content) VALUES ($$new$$) RETURNING _id) SELECT count(*) FROM S.notes, i' ],
    [ 'WITH i AS (INSERT INTO S.notes (content) VALUES ($$new$$) RETURNING _id) SELECT count(*) FROM S.notes JOIN i USING (_id)' ],
    [ 'WITH i AS (INSERT INTO S.notes (content) VALUES ($$new$$) RETURNING _id), d AS (DELETE FROM S.notes WHERE content = $$new$$ RETURNING 1) SELECT (SELECT count(*) FROM i), (SELECT count(*) FROM d)' ],
    [ 'INSERT INTO S.notes (content) VALUES ($$new$$)', 'SELECT count(*) FROM S.notes', 'SELECT content FROM S.notes WHERE content = $$new$$' ],
    [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT content FROM S.notes', 'MOVE 10 FROM c', 'INSERT INTO S.notes (content) VALUES ($$new$$), ($$newer$$)', 'MOVE ALL FROM c', 'SELECT count(*) FROM S.notes',
        'DECLARE d CURSOR FOR SELECT count(*) FROM S.notes WHERE content LIKE $$new%$$', 'FETCH d', 'COMMIT' ],
    [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT count(*) FROM S.notes', 'INSERT INTO S.notes (content) VALUES ($$new$$)', 'FETCH c', 'COMMIT' ],
    [ 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT content FROM S.notes', 'INSERT INTO S.notes (content) VALUES ($$new$$)', 'COMMIT', 'SELECT count(*) FROM S.notes', 'CLOSE c' ],
    [ 'BEGIN', 'SELECT count(*) FROM S.notes', 'SAVEPOINT s', 'INSERT INTO S.notes (content) VALUES ($$new$$)', 'RELEASE s', 'SELECT count(*) FROM S.notes WHERE content = $$new$$', 'COMMIT' ],
    [ 'DO $$ DECLARE n int; BEGIN FOR i IN 1..3 LOOP INSERT INTO S.notes (content) VALUES ($q$new$q$); SELECT count(*) INTO n FROM S.notes; INSERT INTO S.notes (content) VALUES (n); END LOOP; END $$',
        'SELECT content FROM S.notes WHERE content LIKE $$1%$$ ORDER BY 1' ],
);

for my $sql (@doubling)
{
    fill();
    ok(eval { run('crm', $sql); 1 }, $sql) or diag($@);
    is(scalar(grep { $_->{method} eq 'POST' } $sandbox->log), 160, '160 documents are sent');
    is(scalar $sandbox->dump('notes'), 320, '160 become 320');
    my $asked = grep { $_->{method} eq 'GET' } $sandbox->log;
    # the pages that the source has, once more for what it became; as many as rows where each row asks
    my $most_asked = $sql =~ /stable_/ ? 'inf' : $sql =~ /generate_series|LATERAL|LIMIT 1;/ ? 700 : 20;
    cmp_ok($asked, '<=', $most_asked, "in no more requests than that takes ($asked)");
    run('loc', $sql);
    is(contents('crm'), contents('loc'), 'with the contents that PostgreSQL has');
}
for my $case (@others)
{
    fill();
    my %results = map { my $schema = $_; ($schema => [ map { run($schema, $_) } @$case ]) } 'crm', 'loc';
    is_deeply($results{crm}, $results{loc}, join '; ', @$case);
    is(contents('crm'), contents('loc'), 'the contents');
}

# What is merely loaded is not kept, however much it is
fill();
$dbh->begin_work;
$dbh->do('SELECT count(*) FROM crm.notes');
$dbh->do('INSERT INTO crm.notes (content) SELECT g FROM generate_series(1, 500) g');
is($dbh->selectrow_array(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'walcu documents inserted'}), 0, 'ids are not kept');
$dbh->do('DECLARE c CURSOR FOR SELECT * FROM crm.notes');
$dbh->do('INSERT INTO crm.notes (content) SELECT g FROM generate_series(1, 10) g');
is($dbh->selectrow_array(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'walcu documents inserted'}), 1, 'but for a cursor');
$dbh->do('CLOSE c');
$dbh->do('INSERT INTO crm.notes (content) SELECT g FROM generate_series(1, 10) g');
is($dbh->selectrow_array(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'walcu documents inserted'}), 0, 'as long as that is open');
$dbh->rollback;

done_testing();

# 160 documents on either side
sub fill
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => substr(md5_hex($_), 0, 24), content => "n$_", dealer_id => $dealer } } 1 .. 160 ]);
    $dbh->do('TRUNCATE loc.notes');
    $dbh->do(q{INSERT INTO loc.notes (content) SELECT 'n' || g FROM generate_series(1, 160) g});
    $sandbox->clear_log;
    return;
}

# What a statement returns
sub run
{
    my ($schema, $sql) = @_;
    $sql =~ s/\bS\./$schema./g;
    $sql =~ s/'S'/'$schema'/g;
    my $statement = $dbh->prepare($sql, { pg_server_prepare => 0, pg_direct => 1 });
    my $rows = $statement->execute;
    return join ';', map { join ',', @$_ } @{ $statement->fetchall_arrayref } if $statement->{NUM_OF_FIELDS} && $sql !~ /RETURNING (1|_id|content)$/;
    $statement->finish;
    return $rows;
}

sub contents
{
    my ($schema) = @_;
    my @contents = $schema eq 'crm' ? map { $_->{content} // '' } $sandbox->dump('notes') : @{ $dbh->selectcol_arrayref(q{SELECT coalesce(content, '') FROM loc.notes}) };
    return join ' ', sort @contents;
}
