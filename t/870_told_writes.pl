# How messages name what was written, what is in doubt and what was not sent: each document once, by server and dealer where
# there are several, and by its _id where that is known.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::RawServer;

my $server = WalcuTest::RawServer->start;
my $node = start_node();
my $dbh = connect_db($node);
my @options = ("endpoint '@{[$server->endpoint]}'", q{max_retries '0'}, q{max_connections '1'});
for my $name ('crm', 'sb')
{
    $dbh->do($_) for $name eq 'crm' ? 'CREATE EXTENSION walcu_fdw' : (),
      "CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw OPTIONS (" . join(', ', @options, "dealer_id 'd_$name'") . ')',
      "CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (token 't')",
      "CREATE SCHEMA $name", "CREATE FOREIGN TABLE $name.notes (_id text, name text) SERVER $name",
      "CREATE FOREIGN TABLE $name.other (_id text, name text) SERVER $name OPTIONS (resource 'notes', dealer_id 'd_other')",
      "CREATE FOREIGN TABLE $name.made (_id text, name text) SERVER $name OPTIONS (resource 'notes', client_ids 'true')",
      "CREATE FOREIGN TABLE $name.later (_id text, name text) SERVER $name OPTIONS (resource 'notes', write_mode 'commit', client_ids 'true')",
      "CREATE FOREIGN TABLE $name.later_other (_id text, name text) SERVER $name OPTIONS (resource 'notes', dealer_id 'd_other', write_mode 'commit')";
}
sub id { return sprintf '64b%021d', $_[0] }
sub document { my ($n, $name) = @_; return sprintf '{"_id": "%s", "name": "%s"}', id($n), $name // 'x' }
my $refusal = reply(422, '{"error": "no"}');
sub ids { return join ', ', map { id($_) } @_ }

# The error of the last of some statements, and the warnings of all.
sub run
{
    my @sql = @_;
    my @told;
    my $error;
    local $SIG{__WARN__} = sub { push @told, $dbh->pg_error_field('detail') // $_[0] };
    local $dbh->{PrintWarn} = 1;
    for my $sql (@sql) { $error = sql_error($dbh, $sql) // $error }
    return ($error, map { /^DETAIL:  (.*)/m ? $1 : $_ } @told);
}

# Another server, and another dealer: whose documents they are
my $made = { match => '^POST /dealers/d_crm/', say => reply(201, document(1)) };
for my $row (
    [ 'another server', [ $made, { match => '^POST /dealers/d_sb/', say => $refusal } ],
        [ q{WITH i AS (INSERT INTO crm.notes (name) VALUES ('x') RETURNING 1) INSERT INTO sb.notes (name) SELECT 'y' FROM i} ],
        'notes/' . id(1) . ' (server "crm").' ],
    [ 'another server that is read', [ $made, { match => '^GET ', say => $refusal } ],
        [ q{WITH i AS (INSERT INTO crm.notes (name) VALUES ('x') RETURNING name) SELECT (SELECT count(*) FROM sb.notes n WHERE n.name = i.name) FROM i} ],
        'notes/' . id(1) . ' (server "crm").' ],
    [ 'another dealer', [ $made, { match => '^POST /dealers/d_other/', say => $refusal } ],
        [ q{WITH i AS (INSERT INTO crm.notes (name) VALUES ('x') RETURNING 1) INSERT INTO crm.other (name) SELECT 'y' FROM i} ],
        'notes/' . id(1) . ' (dealer "d_crm").' ],
    [ 'one server and dealer', [ { %$made, times => 1 }, { match => '^POST /', say => $refusal } ], [ q{INSERT INTO crm.notes (name) VALUES ('x'), ('y')} ],
        'notes/' . id(1) . '.' ],
  )
{
    my ($name, $rules, $sql, $expected) = @$row;
    $server->answer(@$rules);
    my ($error, @told) = run(@$sql);
    ok($error, "$name: an error");
    # the warning has it where the error is none of a write's
    like("@told" || $error->{detail}, qr/One row was written and not rolled back: \Q$expected\E/, "$name: where the row is");
}
$server->answer({ match => '^POST /dealers/d_crm/', say => reply(201, '{"_id": "a", "name": "x"}') }, { match => '^POST /dealers/d_other/', say => $refusal });
my ($error) = run('BEGIN', q{INSERT INTO crm.later (_id, name) VALUES ('a', 'x')}, q{INSERT INTO sb.later_other (_id, name) VALUES ('n', 'y')},
    q{INSERT INTO sb.later (_id, name) VALUES ('b', 'x')}, q{UPDATE crm.later SET name = 'z' WHERE _id = 'a'}, 'COMMIT');
like($error->{detail}, qr/One row was written and not rolled back: notes\/a \(server "crm", dealer "d_crm"\)\. One write was not sent: POST \/notes \(notes\/b, server "sb", dealer "d_sb"\)\.$/, 'at COMMIT');

# The rollback tells of dealers, and of each document once
$server->answer(map { { match => "^PATCH .*/@{[id($_)]}", say => reply(200, document($_)) }, { match => "^DELETE .*/@{[id($_)]}", say => reply(200, document($_)) } } 1 .. 9);
my $set = q{SET name = 'x' WHERE _id};
for my $row (
    [ 'twice', [ ("UPDATE crm.notes $set = '@{[id(1)]}'") x 2 ], qq{Server "crm", resource "notes": 1 updated (@{[id(1)]}).} ],
    [ 'many times', [ (map { ("UPDATE crm.notes $set = '@{[id($_)]}'") x 7 } 1 .. 3) ], qq{Server "crm", resource "notes": 3 updated (@{[ids(1 .. 3)]}).} ],
    [ 'more than are named', [ (map { ("UPDATE crm.notes $set IN ('@{[id($_)]}', '@{[id(9)]}')") x 3 } 1 .. 8) ], qq{Server "crm", resource "notes": 9 updated (@{[ids(1, 9, 2 .. 4)]}, ...).} ],
    [ 'in savepoints', [ map { ("SAVEPOINT s$_", "UPDATE crm.notes $set = '@{[id(1 + $_ % 3)]}'", "RELEASE s$_") } 1 .. 30 ], qq{Server "crm", resource "notes": 3 updated (@{[ids(2, 3, 1)]}).} ],
    [ 'in savepoints of others', [ (map { ("SAVEPOINT s$_", "UPDATE crm.notes $set = '@{[id(1)]}'") } 1 .. 3), 'RELEASE s1' ], qq{Server "crm", resource "notes": 1 updated (@{[id(1)]}).} ],
    [ 'deleted again', [ ("DELETE FROM crm.notes WHERE _id = '@{[id(4)]}'") x 2 ], qq{Server "crm", resource "notes": 1 deleted (@{[id(4)]}).} ],
    [ 'two dealers', [ map { "UPDATE $_ $set = '@{[id(1)]}'" } qw(crm.notes crm.other sb.notes) ],
        join ' ', (map { qq{Server "crm", dealer "$_", resource "notes": 1 updated (@{[id(1)]}).} } qw(d_crm d_other)), qq{Server "sb", resource "notes": 1 updated (@{[id(1)]}).} ],
  )
{
    my ($name, $sql, $expected) = @$row;
    my (undef, @told) = run('BEGIN', @$sql, 'ROLLBACK');
    is_deeply(\@told, [$expected], "ROLLBACK: $name");
}

# What is in doubt has its _id where that was made here, or given; and a hint says to look
my $cut = { match => '^POST ', say => 'HTTP/1.1 2', end => 'close' };
for my $row (
    [ 'a broken connection', [ $cut, { match => '^GET ', say => '', end => 'close' } ], '08007', qr/check before you repeat it\.$/ ],
    [ 'a cancel', [ { match => '.', say => '', end => 'hang' } ], '57014', qr/^Before you repeat it, check what is written\.$/ ],
    [ 'an error of the service', [ { match => '.', say => reply(500, '{"error": "oops"}') } ], '08006', qr/^Before you repeat it, check what is written\.$/ ],
  )
{
    my ($name, $rules, $state, $hint) = @$row;
    $server->answer(@$rules);
    $dbh->do(q{SET statement_timeout = '300ms'}) if $name eq 'a cancel';
    for my $kind ([ 'made here', 'crm.made (name)', "'x'", '[0-9a-f]{24}' ], [ 'given', 'crm.notes (_id, name)', "'n1', 'x'", 'n1' ], [ 'of the service', 'crm.notes (name)', "'x'", undef ], [ 'at COMMIT', 'crm.later (name)', "'x'", '[0-9a-f]{24}' ])
    {
        my ($what, $table, $values, $id) = @$kind;
        ($error) = run("INSERT INTO $table VALUES ($values)");
        is($error->{sqlstate}, $state, "$name, $what: SQLSTATE");
        like($error->{detail}, $id ? qr/whether one request was carried out: POST \/notes \(notes\/$id\)\./ : qr/whether one request was carried out: POST \/notes\./, "$name, $what: which is in doubt");
        like($error->{hint}, $hint, "$name, $what: hint");
    }
    ($error) = run("UPDATE crm.notes SET name = 'y' WHERE _id = '@{[id(1)]}'");
    like($error->{detail}, qr/carried out: PATCH \/notes\/@{[id(1)]}\./, "$name: a change") if $name ne 'a broken connection';
    $dbh->do('RESET statement_timeout');
}

# A service that gives another _id: what to do about it, and that the document is there
$server->answer({ match => '^POST ', say => reply(201, document(1)) });
for my $table ('crm.made', 'crm.later')
{
    ($error) = run("INSERT INTO $table (name) VALUES ('x')");
    like($error->{message}, qr/^the service gave document "[0-9a-f]{24}" of resource "notes" the _id "@{[id(1)]}"$/, "$table: another _id");
    is($error->{hint}, 'It assigns ids itself: leave out _id and the option client_ids.  The service answered that the request was carried out.', "$table: what to do");
    like($error->{detail}, qr/One row was written and not rolled back: notes\/@{[id(1)]}\./, "$table: what is there");
}

$node->stop;
done_testing();
