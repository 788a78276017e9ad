# Documents that hold what PostgreSQL cannot store, as \u0000: what can be changed without reading that is changed, and what
# cannot is an error that names the document.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['notes']);
my $dbh = connect_db($node);
$dbh->do(q{CREATE FOREIGN TABLE custom (_id text COLLATE "C", content text, c1 text OPTIONS (path 'custom.c1'), deep text OPTIONS (path 'custom.o.x'), beside text OPTIONS (path 'custom.p.x')) SERVER crm OPTIONS (resource 'notes')});

sub fill
{
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', [ { _id => 'n1', dealer_id => $sandbox->dealer_id, content => 'c', custom => { c1 => 'a', c2 => "x\0y", o => { x => 'q', z => "\0" }, p => { x => 'q', y => 2 } } } ]);
    $sandbox->clear_log;
    return;
}
sub custom { return ($sandbox->dump('notes'))[0]{custom} }

for my $kind (qw(vendor mongoose rfc6902))
{
    $sandbox->settings(patch => $kind);
    for my $where (q{_id = 'n1'}, q{_id = 'n1' AND content = 'c'})
    {
        for my $row (
            [ q{c1 = 'b'}, [ { op => 'add', path => '/custom/c1', value => 'b' } ] ],
            [ q{c1 = NULL}, [ { op => 'remove', path => '/custom/c1' } ] ],
            [ q{beside = '3'}, [ { op => 'add', path => '/custom/p', value => { x => '3', y => 2 } } ] ],
            [ q{c1 = 'b', beside = '3'}, [ { op => 'add', path => '/custom/c1', value => 'b' }, { op => 'add', path => '/custom/p', value => { x => '3', y => 2 } } ] ],
          )
        {
            my ($set, $patch) = @$row;
            fill();
            # a column that has it is in the way of none that is set by _id alone
            $dbh->do(q{ALTER FOREIGN TABLE custom ADD COLUMN c2 text OPTIONS (path 'custom.c2')}) if $where !~ /AND/;
            my $error = sql_error($dbh, "UPDATE custom SET $set WHERE $where");
            $dbh->do(q{ALTER FOREIGN TABLE custom DROP COLUMN c2}) if $where !~ /AND/;
            is($error && $error->{message}, undef, "$kind: $set WHERE $where");
            my ($sent) = map { $_->{body} } $sandbox->log(kind => 'update');
            ($sent) = map { $_->{body} } grep { $_->{method} eq 'PATCH' } $sandbox->log unless $sent;
            is_deeply([ sort { $a->{path} cmp $b->{path} } @{ $sent // [] } ], $patch, 'is a patch of what is to be changed');
            is(custom()->{c2}, "x\0y", 'and the other stays');
        }
        fill();
        my $error = sql_error($dbh, "UPDATE custom SET deep = 'y' WHERE $where");
        is($error->{sqlstate}, '22P05', "$kind: what is to be set whole, WHERE $where");
        like($error->{message}, qr/^document "n1" of resource "notes" cannot be changed$/, 'names the document');
        like($error->{detail}, qr/[Ii]t holds \\u0000, half of a surrogate pair, or a number out of range/, 'why');
        is(custom()->{o}{x}, 'q', 'and nothing is written');
    }
}
fill();
$dbh->do(q{ALTER FOREIGN TABLE custom OPTIONS (ADD update_method 'put')});
my $error = sql_error($dbh, q{UPDATE custom SET content = 'd' WHERE _id = 'n1'});
is($error->{sqlstate}, '22P05', 'PUT');
like($error->{message}, qr/^document "n1" of resource "notes" cannot be written as a whole$/, 'names the document');
like($error->{hint}, qr/update_method to 'patch'/, 'and what helps');
$dbh->do(q{ALTER FOREIGN TABLE custom OPTIONS (DROP update_method)});
is(sql_error($dbh, q{UPDATE custom SET content = 'd' WHERE _id = 'n1'}), undef, 'which does');

$node->stop;
done_testing();
