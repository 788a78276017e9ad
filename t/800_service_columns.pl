# Columns that the service sets, that a document keeps, and that are parameters of requests: NULL and DEFAULT leave them out,
# as whole rows of programs have them; a value is refused before anything is written.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [ 'notes', 'tasks' ], import => { import_search => 'true' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my @unwritten = qw(created_at updated_at __v computed _search);
my %value = (created_at => 'now()', updated_at => 'now()', __v => '7', computed => q('{"a": 2}'), _search => q('x'));
my $id = '65a0000000000000000000c1';

sub writes { return scalar grep { $_->{method} ne 'GET' } $sandbox->log }
sub contents { return [ sort map { $_->{content} // '' } $sandbox->dump('notes') ] }

sub empty
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { created_at => '2026-01-02T03:04:05.678Z', updated_at => '2026-02-03T04:05:06.789Z', dealer_id => $sandbox->dealer_id, __v => 3, computed => { a => 1 }, %$_ } } @_ ]) if @_;
    $sandbox->clear_log;
    return;
}

sub refused
{
    my ($sql, $column, $name, @values) = @_;
    $sandbox->clear_log;
    my $error = sql_error($dbh, $sql, @values);
    is($error && $error->{sqlstate}, $column eq '_search' ? '0A000' : '428C9', "$name is refused");
    like($error && $error->{message}, qr/^column "$column" of resource "notes" cannot be/, "$name: which column");
    is(writes(), 0, "$name: before anything is written");
    return;
}

# INSERT
for my $column (@unwritten)
{
    empty();
    for my $nothing (qw(NULL DEFAULT))
    {
        $sandbox->clear_log;
        my $rows = $dbh->selectall_arrayref("INSERT INTO crm.notes (content, $column) VALUES ('x', $nothing) RETURNING content, created_at IS NOT NULL AND __v IS NOT NULL");
        is_deeply($rows, [ [ 'x', 1 ] ], "INSERT of $nothing for $column returns what the service has made");
        is_deeply([ map { [ $_->{method}, $_->{body} ] } $sandbox->log ], [ [ 'POST', { content => 'x' } ] ], "$column: $nothing is left out");
    }
    is($dbh->do("INSERT INTO crm.notes (content, $column) VALUES ('a', NULL), ('b', DEFAULT), ('c', NULL) ON CONFLICT DO NOTHING") + 0, 3, "$column: several rows");
    is($dbh->do("INSERT INTO crm.notes (content, $column) SELECT 'd' || i, NULL FROM generate_series(1, 4) i") + 0, 4, "$column: rows of a query");
    is_deeply(contents(), [qw(a b c d1 d2 d3 d4 x x)], "$column: all are there");
    $dbh->do("COPY crm.notes (content, $column) FROM STDIN");
    $dbh->pg_putcopydata("copied $_\t\\N\n") for 1 .. 3;
    $dbh->pg_putcopyend;
    is(scalar(grep { /^copied/ } @{ contents() }), 3, "$column: COPY");
    with_parameters($column, "(text, text) AS INSERT INTO crm.notes (content, $column) VALUES (\$1, \$2::" . type_of($column) . ')', "'p', ", 'a parameter');
    my $value = "$value{$column}::" . type_of($column);
    refused("INSERT INTO crm.notes (content, $column) VALUES ('x', $value)", $column, "$column: INSERT of a value");
    refused("INSERT INTO crm.notes (content, $column) VALUES " . join(', ', map { "('x', NULL)" } 1 .. 30) . ", ('y', $value)", $column, "$column: a value in the last of many rows");
    refused("INSERT INTO crm.notes (content, $column) SELECT 'x', CASE WHEN i = 900 THEN $value END FROM generate_series(1, 900) i", $column, "$column: in the last row of a query");
    refused("INSERT INTO crm.notes (content, $column) SELECT n.content, CASE WHEN n.content = 'd4' THEN $value END FROM crm.notes n", $column, "$column: in a row of a query of the service's");
    refused("INSERT INTO crm.notes (content, $column) VALUES ('x', NULL), ('y', $value) ON CONFLICT DO NOTHING RETURNING _id", $column, "$column: with RETURNING");
}
refused('INSERT INTO crm.notes SELECT * FROM crm.notes', '(?:created_at|updated_at|__v|computed)', 'whole rows');

sub type_of { return { created_at => 'timestamptz', updated_at => 'timestamptz', __v => 'numeric', computed => 'jsonb', _search => 'text' }->{ $_[0] } }

# Rows of COPY are held until all have been seen, in a file where they do not fit into work_mem
sub copied
{
    my ($table, @lines) = @_;
    $dbh->do("COPY $table FROM STDIN");
    return eval { $dbh->pg_putcopydata("$_\n") for @lines; $dbh->pg_putcopyend; 1 } ? undef : $dbh->state;
}
empty();
$dbh->do('CREATE FOREIGN TABLE docs (doc jsonb OPTIONS (path \'.\')) SERVER crm OPTIONS (resource \'notes\')');
$dbh->do("SET work_mem = '64kB'");
for my $row (
    [ 'created_at', '428C9', 'notes (content, created_at)', "x\t\\N", "x\t2026-01-01" ],
    [ '_id', 'HV000', 'notes (content, _id)', "x\t\\N", "x\ta b" ],
    [ 'dealer_id', '23514', 'notes (content, dealer_id)', "x\t\\N", "x\tzz" ],
    [ 'a document', '22023', 'public.docs (doc)', '{"content": "x"}', '[1]' ],
    [ 'the _id in a document', 'HV000', 'public.docs (doc)', '{"content": "x"}', '{"_id": "a b"}' ],
  )
{
    my ($name, $state, $table, $good, $bad) = @$row;
    $table = "crm.$table" unless $table =~ /^public/;
    for my $before (11, 2000)
    {
        $sandbox->clear_log;
        is(copied($table, ($good) x $before, $bad), $state, "COPY of $name that is an error, after $before rows");
        is(writes(), 0, "$name: before any row is written");
    }
}
for my $bad ('[1]', '"s"', 'null', '7')
{
    $sandbox->clear_log;
    is(sql_error($dbh, "INSERT INTO docs SELECT CASE WHEN i = 150 THEN '$bad' ELSE '{\"content\": \"x\"}' END::jsonb FROM generate_series(1, 150) i")->{sqlstate}, '22023', "no document: $bad");
    is(scalar $sandbox->log, 0, "$bad: nothing is sent");
}
is(copied('crm.notes (content, created_at, _id)', map { "x$_\t\\N\t" . ($_ % 2 ? '\N' : sprintf('65a0%020x', $_)) } 1 .. 300), undef, 'more rows than fit into work_mem');
is_deeply(contents(), [ sort map { "x$_" } 1 .. 300 ], 'are written');
is(scalar(grep { $_->{_id} =~ /^65a00/ } $sandbox->dump('notes')), 150, 'with their _id');
$sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'status', status => 422, error => 'no' } });
is(copied('crm.notes (content, _id)', map { sprintf "y\t65b0%020x", $_ } 1 .. 30), '23514', 'what the service refuses is an error of COPY');
$sandbox->clear_faults;
$dbh->do('RESET work_mem');

# Rows that a partition or a trigger gets
empty();
$dbh->do(q{CREATE TABLE parts (dealer_id text COLLATE "C", _id text COLLATE "C", content text COLLATE "C", created_at timestamptz) PARTITION BY LIST (content)});
for my $part (qw(a b))
{
    $dbh->do("CREATE FOREIGN TABLE part_$part PARTITION OF parts FOR VALUES IN ('$part') SERVER crm OPTIONS (resource 'notes')");
    $dbh->do("ALTER FOREIGN TABLE part_$part ALTER COLUMN created_at OPTIONS (ADD readonly 'true')");
}
$dbh->do(q{CREATE TABLE part_c PARTITION OF parts FOR VALUES IN ('c')});
is($dbh->do("INSERT INTO parts (content, created_at) VALUES ('a', NULL), ('b', DEFAULT), ('c', now())") + 0, 3, 'rows that are routed');
is_deeply(contents(), [qw(a b)], 'to each partition');
empty();
is($dbh->do("WITH i AS (INSERT INTO parts (content, created_at) VALUES ('a', NULL), ('b', NULL) RETURNING created_at) SELECT count(created_at) FROM i") + 0, 1, 'and return');
empty();
for my $sql (
    "INSERT INTO parts (content, created_at) VALUES ('a', NULL), ('b', NULL), ('c', now()), ('b', now())",
    "INSERT INTO parts (content, created_at) SELECT chr(97 + i % 2), CASE WHEN i = 299 THEN now() END FROM generate_series(0, 299) i",
    "WITH i AS (INSERT INTO parts (content, created_at) VALUES ('a', NULL), ('b', now())) SELECT 1",
  )
{
    refused($sql, 'created_at', "routed: $sql");
}
is($dbh->do("INSERT INTO parts (content, created_at) SELECT chr(97 + i % 2), NULL FROM generate_series(0, 99) i") + 0, 100, 'many routed rows');
is(scalar @{ contents() }, 100, 'are all there');
empty();
$dbh->do("ALTER FOREIGN TABLE part_a ALTER COLUMN created_at OPTIONS (SET readonly 'false')");
refused("INSERT INTO parts (content, created_at) SELECT CASE WHEN i % 1500 = 0 THEN 'b' ELSE 'a' END, CASE WHEN i = 1500 THEN now() END FROM generate_series(0, 1500) i",
    'created_at', 'many rows of a partition that may have a value, and one of another that may not');
$dbh->do("ALTER FOREIGN TABLE part_a ALTER COLUMN created_at OPTIONS (SET readonly 'true')");
$dbh->do("SET $_") for q{work_mem = '1MB'}, 'log_temp_files = 0', 'client_min_messages = log';
for ([ 'one table, which have room in work_mem', "'b'", '' ], [ 'two tables, which share it', "chr(97 + i % 2)", 1 ])
{
    my ($what, $part, $has_file) = @$_;
    my @files;
    local $SIG{__WARN__} = sub { push @files, grep { /temporary file/ } @_ };
    local $dbh->{PrintWarn} = 1;
    sql_error($dbh, "INSERT INTO parts (content, created_at) SELECT $part, CASE WHEN i = 7999 THEN now() END FROM generate_series(0, 7999) i" =~ s/7999/$has_file ? 19_999 : 5_999/ger);
    is(@files > 0, $has_file, "rows of $what");
}
$dbh->do("RESET $_") for qw(work_mem log_temp_files client_min_messages);
is(copied('parts (content, created_at)', "a\t\\N", "b\t2026-01-01"), '428C9', 'COPY into a partition, of a value, is refused');
is(copied('parts (content, _id)', "a\t\\N", "b\ta b"), 'HV000', 'and of an _id');
is(sql_error($dbh, "INSERT INTO parts (content, dealer_id) SELECT chr(97 + i % 2), CASE WHEN i = 99 THEN 'zz' END FROM generate_series(1, 99) i")->{sqlstate}, '23514', 'a dealer, routed');
is(writes(), 0, 'before any partition is written to');
is(copied('parts (content, created_at)', map { "$_\t\\N" } qw(a b b a)), undef, 'COPY into partitions');
is_deeply(contents(), [qw(a a b b)], 'COPY into partitions');
$sandbox->fault({ match => { method => 'POST' }, times => 1, fault => { type => 'status', status => 422, error => 'no' } });
my $late = sql_error($dbh, "INSERT INTO parts (content, created_at) VALUES ('a', NULL)");
is($late && $late->{sqlstate}, '23514', 'what the service refuses at the end is an error of the statement');
$sandbox->clear_faults;
empty();
$dbh->do(q{CREATE FUNCTION unset() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.created_at := NULL; RETURN NEW; END'});
$dbh->do('CREATE TRIGGER unset BEFORE INSERT OR UPDATE ON crm.notes FOR EACH ROW EXECUTE FUNCTION unset()');
is($dbh->do("INSERT INTO crm.notes (content, created_at) VALUES ('t', now()), ('u', NULL)") + 0, 2, 'a trigger may take the value away');
is($dbh->do("UPDATE crm.notes SET content = 'v', created_at = now() WHERE content = 't'") + 0, 1, 'of an UPDATE, too');
$dbh->do('DROP TRIGGER unset ON crm.notes');
is_deeply(contents(), [qw(u v)], 'rows of the trigger');

# The dealer, and an id of the client's
empty();
is($dbh->do("INSERT INTO crm.notes (_id, dealer_id, content) VALUES ('$id', NULL, 'x'), (NULL, DEFAULT, 'y'), (DEFAULT, '${\$sandbox->dealer_id}', 'z')") + 0, 3, 'ids and dealers');
is_deeply([ sort map { "$_->{content} $_->{dealer_id}" } $sandbox->dump('notes') ], [ map { "$_ " . $sandbox->dealer_id } qw(x y z) ], 'are the service\'s where there is none');
$sandbox->clear_log;
my $error = sql_error($dbh, "INSERT INTO crm.notes (dealer_id, content) VALUES (NULL, 'x'), ('other', 'y')");
is($error->{sqlstate}, '23514', 'another dealer');
is(writes(), 0, 'is found before anything is written');

# UPDATE
for my $column (@unwritten, '_id', 'dealer_id')
{
    for my $nothing (qw(NULL DEFAULT))
    {
        for my $where ("_id = '$id'", "_id = '$id' AND content IS NOT NULL", "content = 'x'")
        {
            empty({ _id => $id, content => 'x' });
            my ($before) = $sandbox->dump('notes');
            my $rows = $dbh->selectall_arrayref("UPDATE crm.notes SET content = 'y', $column = $nothing WHERE $where RETURNING _id, content, created_at IS NOT NULL, dealer_id");
            is_deeply($rows, [ [ $id, 'y', 1, $sandbox->dealer_id ] ], "UPDATE of $column to $nothing: what is returned, $where");
            my @sent = grep { $_->{method} ne 'GET' } $sandbox->log;
            is_deeply([ map { $_->{body} } @sent ], [ [ { op => 'add', path => '/content', value => 'y' } ] ], 'what is sent');
            is($sandbox->request_count, $where eq "_id = '$id'" ? 1 : 2, 'as few requests as without it');
            empty({ _id => $id, content => 'x' });
            $rows = $dbh->selectall_arrayref("UPDATE crm.notes SET $column = $nothing WHERE $where RETURNING _id, content, created_at IS NOT NULL, dealer_id");
            is_deeply($rows, [ [ $id, 'x', 1, $sandbox->dealer_id ] ], 'a row with nothing to be done');
            is(writes(), 0, 'is not written');
        }
    }
    next if $column eq '_search';
    empty({ _id => $id, content => 'x' });
    is($dbh->do("UPDATE crm.notes SET content = 'y', $column = $column WHERE _id = '$id'") + 0, 1, "$column: its own value");
    my ($own) = map { $dbh->quote($_) } $dbh->selectrow_array("SELECT $column FROM crm.notes");
    is($dbh->do("UPDATE crm.notes SET content = 'z', $column = $own WHERE _id = '$id'") + 0, 1, "$column: the value that it has");
    is_deeply(contents(), ['z'], 'is no change');
}
for my $column (@unwritten)
{
    my $value = "$value{$column}::" . type_of($column);
    empty(map { { _id => sprintf('65a0000000000000000000%02x', $_), content => "c$_" } } 1 .. 60);
    refused("UPDATE crm.notes SET content = 'y', $column = $value WHERE _id = '65a000000000000000000001'", $column, "$column: UPDATE by _id");
    refused("UPDATE crm.notes SET content = 'y', $column = CASE WHEN content = 'c60' THEN $value END", $column, "$column: a value in the last of all rows");
    with_parameters($column, "(text) AS UPDATE crm.notes SET content = 'p', $column = \$1::" . type_of($column) . " WHERE _id = '65a000000000000000000001'",
        '', 'UPDATE by a parameter');
}
refused("UPDATE crm.notes SET _id = '$id' WHERE content = 'c2'", '_id', 'another _id');
refused("UPDATE crm.notes SET dealer_id = 'other' WHERE content = 'c2'", 'dealer_id', 'another dealer');

# Inherited tables, some of which change documents by their ids alone
$dbh->do('CREATE TABLE base (_id text COLLATE "C", content text COLLATE "C", created_at timestamptz)');
$dbh->do(qq{CREATE FOREIGN TABLE $_ (created_at timestamptz OPTIONS (readonly 'true')) INHERITS (base) SERVER crm OPTIONS (resource '$_')}) for qw(tasks);
$dbh->do(q{CREATE FOREIGN TABLE heirs (created_at timestamptz OPTIONS (readonly 'true'), content text COLLATE "C", _id text COLLATE "C") SERVER crm OPTIONS (resource 'notes')});
$dbh->do('ALTER TABLE heirs INHERIT base');
empty(map { { _id => sprintf('65a0000000000000000000%02x', $_), content => "c$_" } } 1 .. 3);
refused("UPDATE base SET content = 'y', created_at = CASE WHEN content = 'c3' THEN now() END", 'created_at', 'a value in a row of the last table');
is($dbh->do("UPDATE base SET content = 'y', created_at = NULL WHERE _id = '65a000000000000000000002'") + 0, 1, 'NULL in all tables');
is_deeply(contents(), [qw(c1 c3 y)], 'leaves out what the service sets');

# At commit
$dbh->do(q{ALTER FOREIGN TABLE crm.notes OPTIONS (ADD write_mode 'commit', ADD client_ids 'true')});
empty({ _id => $id, content => 'x' });
$dbh->begin_work;
$dbh->do("INSERT INTO crm.notes (content, created_at) VALUES ('n', NULL)");
$dbh->do("UPDATE crm.notes SET content = 'y', created_at = NULL WHERE _id = '$id'");
$dbh->do("UPDATE crm.notes SET content = 'z', created_at = NULL, __v = NULL WHERE _id = '$id'");
$dbh->commit;
is_deeply(contents(), [qw(n z)], 'at commit');
is(scalar(grep { defined $_->{created_at} } $sandbox->dump('notes')), 2, 'and nothing is taken away');
refused("INSERT INTO crm.notes (content, created_at) VALUES ('n', NULL), ('m', now())", 'created_at', 'a value at commit');

done_testing();

# A statement whose last parameter is the column's, behind what stands before it: NULL is left out, a value is refused,
# whichever plan it has
sub with_parameters
{
    my ($column, $statement, $before, $name) = @_;
    for my $plan (qw(force_custom_plan force_generic_plan))
    {
        $dbh->do("SET plan_cache_mode = $plan");
        $dbh->do("PREPARE put $statement");
        is($dbh->do("EXECUTE put (${before}NULL)") + 0, 1, "$column: $name that is NULL, $plan");
        refused("EXECUTE put ($before" . ($value{$column} eq 'now()' ? q('2026-01-01') : $value{$column}) . ')', $column, "$column: $name, $plan");
        $dbh->do('DEALLOCATE put');
    }
    $dbh->do('RESET plan_cache_mode');
    return;
}
