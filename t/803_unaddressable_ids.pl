# Ids that no path of a URL names: a new document does not get one, and nothing of the statement is sent; a document that has one is
# read, and does not break scans; and messages say whether there is a call that deletes it.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my @odd = ('', '.', '..', 'all', 'All', 'ALL', 'a/b', '../x', '/', "\x01", "a\nb", "\t", "\x7f", 'a b', ' ', '%2e', '%2F', '?x', 'a?b', '#x', 'a#b', 'a&b', 'a;b', '\\', 'a\\b', 'ñ', '😀', "o'k", '"', '{}', '[a]', '$gt', ':', '@', '+', '*');
my @plain = ('...', 'allx', 'a.b', '-', '_', '~', 'count', '65a0000000000000000000d1');

my $sandbox = WalcuTest::Sandbox->start(scale => 3, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['notes'], server => { id_type => 'string', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r }, import => { import_document => 'true' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');

sub empty
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ map { { _id => $_, dealer_id => $sandbox->dealer_id, content => "of $_" } } @_ ]) if @_;
    $sandbox->clear_log;
    return;
}
sub writes { return scalar grep { $_->{method} ne 'GET' } $sandbox->log }

# A new document
empty();
for my $id (@odd)
{
    my $literal = $dbh->quote($id);
    my $shown = $literal =~ s/[^ -~]/?/gr;
    for my $sql (
        "INSERT INTO crm.notes (_id, content) VALUES ($literal, 'x')", "INSERT INTO crm.notes (_id, content) VALUES ($literal, 'x') ON CONFLICT DO NOTHING RETURNING _id",
        "INSERT INTO crm.notes (_id, content) SELECT CASE i WHEN 300 THEN $literal ELSE 'n' || i END, 'x' FROM generate_series(1, 300) i",
        "INSERT INTO crm.notes (_document) VALUES (jsonb_build_object('_id', $literal, 'content', 'x'))",
      )
    {
        $sandbox->clear_log;
        my $error = sql_error($dbh, $sql);
        is($error && $error->{sqlstate}, 'HV000', "$shown is refused: " . ($sql =~ /SELECT|_document/ ? 'of many, or within' : 'a row'));
        like($error->{message}, qr/^a document of resource "notes" cannot have the _id "/, "$shown: the message") if $sql !~ /SELECT/;
        is(writes(), 0, "$shown: nothing is sent");
    }
}
is(scalar $sandbox->dump('notes'), 0, 'no such document is made');
for my $client_ids (qw(false true))
{
    $dbh->do("ALTER FOREIGN TABLE crm.notes OPTIONS (ADD client_ids '$client_ids')");
    empty();
    is($dbh->do('INSERT INTO crm.notes (_id, content) VALUES ' . join(', ', map { "('$_', 'x')" } @plain)) + 0, scalar @plain, "other ids are taken, client_ids $client_ids");
    is($dbh->do("UPDATE crm.notes SET content = 'y' WHERE _id IN (" . join(', ', map { "'$_'" } @plain) . ')') + 0, scalar @plain, 'their documents are changed');
    is($dbh->do("DELETE FROM crm.notes WHERE _id = '$_'") + 0, 1, "and deleted: $_") for @plain;
    $dbh->do('ALTER FOREIGN TABLE crm.notes OPTIONS (DROP client_ids)');
}
for my $mode (qw(immediate commit))
{
    $dbh->do("ALTER FOREIGN TABLE crm.notes OPTIONS (ADD write_mode '$mode')");
    empty();
    $dbh->begin_work;
    my $error = sql_error($dbh, "INSERT INTO crm.notes (_id) VALUES ('ok'), ('a/b')");
    is($error->{sqlstate}, 'HV000', "$mode: refused in the statement");
    $dbh->rollback;
    is(writes(), 0, "$mode: and not sent");
    $dbh->do('ALTER FOREIGN TABLE crm.notes OPTIONS (DROP write_mode)');
}

# A document that has one: it is read, and does not break scans, whichever pages there are
my @all = (@odd, @plain);
empty(@all);
for my $size (1, 2, 7, 50)
{
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '$size')");
    for my $mode (qw(pages job auto))
    {
        $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
        is_deeply([ sort @{ $dbh->selectcol_arrayref('SELECT _id FROM crm.notes') } ], [ sort @all ], "every document once, in pages of $size, $mode");
        is_deeply($dbh->selectcol_arrayref(q{SELECT _id FROM crm.notes ORDER BY _id COLLATE "C" LIMIT 3}), [ (sort map { my $id = $_; utf8::encode($id); $id } @all)[ 0 .. 2 ] ], "the first of them, $size, $mode");
        is($dbh->selectrow_array('SELECT count(*) FROM crm.notes'), scalar @all, "all are counted, $size, $mode");
        is($dbh->selectrow_array('SELECT count(*) FROM crm.notes WHERE content IS NOT NULL'), scalar @all, "with a condition, $size, $mode");
        is_deeply($dbh->selectcol_arrayref(q{SELECT content FROM crm.notes WHERE _id = ''}), ['of '], "the empty one by its _id, $size, $mode");
        is_deeply($dbh->selectcol_arrayref(q{SELECT _id FROM crm.notes ORDER BY content DESC LIMIT 60}), $dbh->selectcol_arrayref(q{SELECT _id FROM (SELECT * FROM crm.notes OFFSET 0) n ORDER BY content DESC LIMIT 60}), "in another order, $size, $mode");
        $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
    }
    $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_size)');
}
$dbh->do('ANALYZE crm.notes');
is($dbh->selectrow_array(q{SELECT count(*) FROM crm.notes a JOIN crm.notes b USING (_id)}), scalar @all, 'joins meet it');
is($dbh->selectrow_array(q{SELECT count(*) FROM unnest(ARRAY['', 'a/b', 'x']) k(id) JOIN crm.notes n ON n._id = k.id}), 2, 'by keys, too');
empty('');
is_deeply($dbh->selectcol_arrayref('SELECT content FROM crm.notes'), ['of '], 'a document that is alone');

# A document without an _id breaks pages still, and the message is true
$sandbox->settings(ids => 'string');
empty('a', 'b');
$sandbox->fault({ match => { kind => 'list' }, fault => { type => 'reply', headers => { 'Content-Type' => 'application/json' }, body => '[{"_id":"a"},{"content":"x"}]' } });
my $error = sql_error($dbh, 'SELECT _id FROM crm.notes');
like($error->{message}, qr/has no _id that is a string/, 'a document without an _id');
$sandbox->clear_faults;

# To change or delete it
for my $id (@odd)
{
    my $literal = $dbh->quote($id);
    my $shown = $literal =~ s/[^ -~]/?/gr;
    empty($id, 'beside');
    for my $sql ("UPDATE crm.notes SET content = 'x' WHERE _id = $literal", "DELETE FROM crm.notes WHERE _id = $literal", "DELETE FROM crm.notes WHERE content = " . $dbh->quote("of $id"))
    {
        $sandbox->clear_log;
        my $error = sql_error($dbh, $sql);
        is($error && $error->{sqlstate}, 'HV000', "$shown: an error of " . substr($sql, 0, 6));
        is(writes(), 0, "$shown: nothing is sent");
        if (my ($call) = $error->{hint} =~ /(walcu_fdw_request\(.*\)) may delete it/)
        {
            next unless $sql =~ /^DELETE FROM crm.notes WHERE content/;
            is(sql_error($dbh, "SELECT $call"), undef, "$shown: the call of the hint works");
            is_deeply([ map { $_->{_id} } $sandbox->dump('notes') ], ['beside'], "$shown: and deletes that document alone");
        }
        else
        {
            like($error->{hint}, qr/No call of the API names such a document/, "$shown: there is no call");
            like($id, qr{^$|^\.\.?$|^all$|[/\\?'\x00-\x1f\x7f]}i, "$shown: as should be");
        }
    }
}

done_testing();
