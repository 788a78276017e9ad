# Ids that no path of a URL can name, in SELECT, UPDATE and DELETE: where no document has one, no row has it; a
# document that has one is read, and is an error where it would have to be written.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my @ids = ('', '.', '..', 'all', 'a/b', "\x01", "a\nb", 'a b', '%2e', 'ñ', '😀', '?x', '#x', "o'k", '"', '\\', '{}', '[]', '$gt', 'a"b', 'x' x 600 . '/');

print_characters();
my $sandbox = WalcuTest::Sandbox->start(scale => 3, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['cars']);
my $dbh = connect_db($node);
$sandbox->post('/_sandbox/documents/cars', [ { _id => 'real', make => 'a' }, { _id => 'a/c', make => 'a' }, { _id => 'also', make => 'a' } ]);

for my $id (@ids)
{
    my $shown = length $id > 20 ? 'a long one' : $dbh->quote($id);
    my $literal = $dbh->quote($id);
    $sandbox->clear_log;
    is($dbh->selectrow_array("SELECT count(make) FROM crm.cars WHERE _id = $literal"), 0, "no row with the id $shown");
    is($dbh->do("DELETE FROM crm.cars WHERE _id = $literal") + 0, 0, "none to be deleted");
    is($dbh->do("UPDATE crm.cars SET make = 'b' WHERE _id = $literal") + 0, 0, 'nor to be updated');
    cmp_ok($sandbox->request_count, '<=', 3, 'a request each');
    is_deeply($dbh->selectall_arrayref("DELETE FROM crm.cars WHERE _id = $literal RETURNING _id"), [], 'nor to be returned');
    is_deeply($dbh->selectall_arrayref("UPDATE crm.cars SET make = 'b' WHERE _id = ANY (ARRAY[$literal, 'nowhere']) RETURNING _id"), [], 'nor in a list');
    is($dbh->do("UPDATE crm.cars SET make = make || 'b' WHERE _id = $literal") + 0, 0, 'nor to be read before');
}

# In lists, the others are written
$sandbox->clear_log;
is($dbh->do(q(UPDATE crm.cars SET make = 'b' WHERE _id = ANY (ARRAY['', 'real', 'a/b', '.', 'all']))) + 0, 1, 'one of a list is there');
is($sandbox->request_count(method => 'PATCH'), 1, 'and written');
is($sandbox->request_count(kind => 'list'), 1, 'the odd ones are asked for together');
$dbh->do('SET plan_cache_mode = force_generic_plan');
$dbh->do('PREPARE gone (text) AS DELETE FROM crm.cars WHERE _id = $1');
is($dbh->do("EXECUTE gone ('')") + 0, 0, 'the value of a parameter');
is($dbh->do("EXECUTE gone ('also')") + 0, 1, 'and another');

# A document that has such an id
is($dbh->selectrow_array(q(SELECT make FROM crm.cars WHERE _id = 'a/c')), 'a', 'it is read');
for my $statement (q(DELETE FROM crm.cars WHERE _id = 'a/c'), q(UPDATE crm.cars SET make = 'b' WHERE _id IN ('a/c', 'real')), q(DELETE FROM crm.cars WHERE _id LIKE 'a/c'))
{
    my $error = sql_error($dbh, $statement);
    is($error->{sqlstate}, 'HV000', "an error: $statement");
    like($error->{message}, qr{^document "a/c" of resource "cars" cannot be written}, 'it says which');
}
is($dbh->selectrow_array(q(SELECT make FROM crm.cars WHERE _id = 'a/c')), 'a', 'nothing has happened to it');

# In SQL_ASCII, bytes that are no text of the service
$dbh->do("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
setup_crm($node, $sandbox, dbname => 'ascii', limit_to => ['cars']);
my $ascii = connect_db($node, dbname => 'ascii');
$ascii->do('SET client_encoding = SQL_ASCII');
$sandbox->clear_log;
is($ascii->selectrow_array(q(SELECT count(make) FROM crm.cars WHERE _id = E'\xe9')), 0, 'bytes that are not UTF-8 are no _id');
is($ascii->do(q(DELETE FROM crm.cars WHERE _id = E'\xe9')) + 0, 0, 'not of a row to be deleted');
is($ascii->do(q(UPDATE crm.cars SET make = 'b' WHERE _id = ANY (ARRAY[E'\xe9', E'\xff']))) + 0, 0, 'nor to be updated');
is($sandbox->request_count, 0, 'nobody is asked');

done_testing();
