# A session that is told to end, or a statement that is cancelled, while a reply to a write has come as far as any of its
# bytes: what was written, and what is in doubt, is told truly and once, with what the transaction had written before.
# CUT_ENDINGS=all looks at every byte, else at every ninth.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;
use WalcuTest::RawServer;

my $server = WalcuTest::RawServer->start;
my $node = start_node();
my $control = connect_db($node);
my ($id, $other) = ('64b000000000000000000001', '64b000000000000000000002');
$control->do($_) for 'CREATE EXTENSION walcu_fdw',
    "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint '@{[$server->endpoint]}', dealer_id 'd', max_retries '0')",
    q{CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token 't')},
    q{CREATE FOREIGN TABLE tasks (_id text, name text) SERVER crm},
    q{CREATE FOREIGN TABLE later (_id text, name text) SERVER crm OPTIONS (resource 'tasks', write_mode 'commit')};

my $document = qq{{"_id": "$id", "name": "x"}};
my %kinds = (
    'INSERT' => [ 'POST', 201, $document, "INSERT INTO tasks (name) VALUES ('x')", 'POST /tasks' ],
    'INSERT RETURNING' => [ 'POST', 201, $document, "INSERT INTO tasks (name) VALUES ('x') RETURNING _id", 'POST /tasks' ],
    'UPDATE' => [ 'PATCH', 200, $document, "UPDATE tasks SET name = 'x' WHERE _id = '$id'", "PATCH /tasks/$id" ],
    'DELETE' => [ 'DELETE', 200, qq{{"_id": "$id"}}, "DELETE FROM tasks WHERE _id = '$id'", "DELETE /tasks/$id" ],
    'DELETE in a function' => [ 'DELETE', 200, qq{{"_id": "$id"}}, "DO \$\$ BEGIN DELETE FROM tasks WHERE _id = '$id'; EXCEPTION WHEN OTHERS THEN NULL; END \$\$", "DELETE /tasks/$id" ],
    'COMMIT' => [ 'POST', 201, $document, "INSERT INTO later (name) VALUES ('x'), ('y')", 'POST /tasks' ],
);
my $doubt = 'It is not known whether one request was carried out: ';
for my $kind (sort keys %kinds)
{
    my ($method, $status, $body, $sql, $request) = @{ $kinds{$kind} };
    my $reply = reply($status, $body);
    my $head = index($reply, "\r\n\r\n") + 4;
    my @problems;
    my $looked_at = 0;
    for my $ending ('pg_terminate_backend', 'pg_cancel_backend')
    {
        # all but the last byte: with it the reply is whole, and the statement ends well
        my @places = grep { $ENV{CUT_ENDINGS} || $_ % 9 == 0 || abs($_ - $head) < 2 } 0 .. length($reply) - 1;
        for my $place (@places)
        {
            my $told = end_at($ending, $kind, $method, substr($reply, 0, $place), $sql);
            my $written = $told =~ /One row was written and not rolled back: (?:tasks\/$id|one of "tasks" whose _id is not known)\./;
            my $unknown = $told =~ /\Q$doubt$request\E\./;
            $looked_at++;
            push @problems, "$ending at $place: nothing is told: $told" if !$written && !$unknown;
            push @problems, "$ending at $place: it is said to be written: $told" if $written && $place < $head;
            push @problems, "$ending at $place: told twice: $told" if () = $told =~ /(One row was written|\Q$doubt\E)/g and (() = $told =~ /(One row was written|\Q$doubt\E)/g) > 1;
            push @problems, "$ending at $place: no row was written: $told" if $told =~ /No row was written/;
            push @problems, "$ending at $place: what waits is not told: $told" if $kind eq 'COMMIT' && $told !~ /One write was not sent: POST \/tasks\./;
            push @problems, "$ending at $place: what was written before is not told once: $told"
              if $kind ne 'COMMIT' && (() = $told =~ /resource "tasks": 1 deleted \($other\)\./g) != 1;
        }
    }
    is_deeply(\@problems, [], "$kind: what is told is true, at $looked_at places");
}

done_testing();

# What a client is told, in a transaction that has written before, of a write whose reply has come so far
sub end_at
{
    my ($ending, $kind, $method, $said, $sql) = @_;
    my $deleted = qq{{"_id": "$other"}};
    $server->answer({ match => "^DELETE \\S+/tasks/$other", say => reply(200, $deleted) },
        { match => "^$method ", say => $said, end => 'hang', times => 1 }, { match => "^$method ", say => '', end => 'hang' });
    my $dbh = connect_db($node);
    my $mark = -s $node->logfile;
    my $pid = $dbh->{pg_pid};
    $dbh->do('BEGIN');
    $dbh->do("DELETE FROM tasks WHERE _id = '$other'") if $kind ne 'COMMIT';
    $dbh->do('ALTER SERVER crm OPTIONS (ADD max_connections \'1\')') if $kind eq 'COMMIT';
    $dbh->do($sql) if $kind eq 'COMMIT';
    $dbh->do($kind eq 'COMMIT' ? 'COMMIT' : $sql, { pg_async => PG_ASYNC });
    my $wanted = $kind eq 'COMMIT' ? 1 : 2;
    wait_until(sub { $server->requests >= $wanted });
    $control->do("SELECT $ending(?)", undef, $pid);
    my $ends = $ending =~ /cancel/ ? qr/ERROR:  canceling/ : qr/FATAL:  terminating/;
    if ($ending =~ /cancel/) { eval { $dbh->pg_result }; eval { $dbh->do('ROLLBACK') }; eval { $dbh->disconnect } }
    wait_until(sub { !$control->selectrow_array('SELECT 1 FROM pg_stat_activity WHERE pid = ?', undef, $pid) });
    $dbh->{InactiveDestroy} = 1;
    my $log = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $mark);
    return join ' ', grep { /\[$pid\]/ && /(ERROR|FATAL|WARNING|DETAIL): / } split /\n/, $log;
}
