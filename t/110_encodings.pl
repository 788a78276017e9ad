# Databases that are not in UTF-8: what their encoding has is read right, what it does
# not have is an error, and ids go to the service as they came.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node();
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
setup_crm($node, $sandbox, dbname => 'latin', server => { fetch_size => 1 }, limit_to => ['notes']);
my $dbh = connect_db($node, dbname => 'latin');

$dbh->do('SET client_encoding = UTF8');

my @contents = ('llamó', 'mañana', 'ÿ');
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes',
    [ map { { _id => "ñ$_", content => $_, custom => { $_ => [$_] } } } @contents ]);
is_deeply($dbh->selectcol_arrayref('SELECT content FROM crm.notes ORDER BY 1'), [ sort @contents ], 'text');
is_deeply($dbh->selectcol_arrayref('SELECT custom->content->>0 FROM crm.notes ORDER BY 1'), [ sort @contents ], 'jsonb');
is_deeply($dbh->selectcol_arrayref('SELECT content FROM crm.notes WHERE _id = ?', undef, 'ñÿ'), ['ÿ'], 'an id');

$sandbox->post('/_sandbox/documents/notes', [ { _id => 'z', content => '😀', dealer_id => 'x' } ]);
is(sql_error($dbh, 'SELECT content FROM crm.notes')->{sqlstate}, '22P05', 'what the encoding does not have');

done_testing();
