# A session that has to end in the middle of its writes, or a statement that does, leaves word of what is written,
# what is in doubt and what was not sent: to the client where there is one, and in the server's log.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node('main', client_connection_check_interval => '50ms');
setup_crm($node, $sandbox, limit_to => [ 'tasks', 'notes' ], server => { max_connections => 1, request_timeout => '60s' });
$node->safe_psql('postgres', q{
    CREATE SCHEMA queued;
    CREATE FOREIGN TABLE queued.tasks (_id text, description text) SERVER crm OPTIONS (write_mode 'commit');
    CREATE FOREIGN TABLE queued.notes (_id text, content text) SERVER crm OPTIONS (write_mode 'commit');
});
my $control = connect_db($node);

# What the session is doing when it hears of its end: the third write of five is not answered
my $five = "SELECT 'r' || n FROM generate_series(1, 5) n";
my $insert = "INSERT INTO crm.tasks (_id) $five";
my $written = '2 rows were written and not rolled back: tasks/r1, tasks/r2.';
my $doubt = 'It is not known whether one request was carried out: ';
my $unsent = '2 writes were not sent: POST /tasks (tasks/r4), POST /tasks (tasks/r5).';
my %work = (
    'INSERT' => [ [$insert], "$written ${doubt}POST /tasks (tasks/r3)." ],
    'INSERT RETURNING' => [ ["$insert RETURNING _id"], "$written ${doubt}POST /tasks (tasks/r3)." ],
    'UPDATE' => [ ["UPDATE crm.tasks SET description = 'x' WHERE description = 'open'"], "$written ${doubt}PATCH /tasks/r3." ],
    'DELETE' => [ ["DELETE FROM crm.tasks WHERE _id IN ('r1', 'r2', 'r3', 'r4', 'r5')"], "$written ${doubt}DELETE /tasks/r3." ],
    'two tables' => [ ["WITH n AS (INSERT INTO crm.notes (_id) VALUES ('n1'), ('n2')) $insert"], "$written ${doubt}POST /tasks (tasks/r3)." ],
    'a function' => [ ["DO \$\$ BEGIN $insert; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$"], "$written ${doubt}POST /tasks (tasks/r3)." ],
    'COMMIT' => [ [ 'BEGIN', $insert =~ s/crm/queued/r, 'COMMIT' ], "$written ${doubt}POST /tasks (tasks/r3). $unsent" ],
    'at its own commit' => [ [ $insert =~ s/crm/queued/r ], "$written ${doubt}POST /tasks (tasks/r3). $unsent" ],
    'COMMIT of two tables' => [
        [ 'BEGIN', q{INSERT INTO queued.notes (_id) VALUES ('n1'), ('n2')}, q{INSERT INTO queued.tasks (_id) VALUES ('r1')}, q{DELETE FROM queued.tasks WHERE _id = 'r9'}, 'COMMIT' ],
        "2 rows were written and not rolled back: notes/n1, notes/n2. ${doubt}POST /tasks (tasks/r1). One write was not sent: DELETE /tasks/r9." ],
);
# How it ends; whether a client is there to hear of it
my %endings = (
    'pg_terminate_backend' => [ sub { $control->do('SELECT pg_terminate_backend(?)', undef, $_[0]{pg_pid}) }, 1 ],
    'pg_cancel_backend' => [ sub { $control->do('SELECT pg_cancel_backend(?)', undef, $_[0]{pg_pid}) }, 1, '57014' ],
    'statement_timeout' => [ undef, 1, '57014' ],
    'the client goes away' => [ sub { $_[0]->{pg_socket} and shutdown_socket($_[0]) }, 0 ],
);
for my $work (sort keys %work)
{
    my ($sql, $expected) = @{ $work{$work} };
    for my $ending (sort keys %endings)
    {
        next if $ending =~ /client|timeout/ && $work !~ /^(INSERT|COMMIT|at its own commit)$/;
        my ($messages, $log) = end_in_the_middle($sql, $ending);
        my $name = "$work, $ending";
        like($log, qr/\Q$expected\E/, "$name: the log tells");
        like($messages, qr/\Q$expected\E/, "$name: and so does the client's message") if $endings{$ending}[1];
        unlike($log, qr/(written and not rolled back.*){2}/s, "$name: once");
    }
}

# Where nothing is under way, what waits is told of, and nothing else is
for my $ending ('pg_terminate_backend', 'idle_in_transaction_session_timeout', 'the client goes away', 'disconnected')
{
    prepare();
    my $dbh = connect_db($node);
    my $mark = -s $node->logfile;
    $dbh->do(q{SET idle_in_transaction_session_timeout = '100ms'}) if $ending =~ /idle/;
    $dbh->begin_work;
    $dbh->do("INSERT INTO queued.tasks (_id) SELECT 'w' || n FROM generate_series(1, 150) n");
    if ($endings{$ending}) { $endings{$ending}[0]->($dbh) }
    elsif ($ending eq 'disconnected') { $dbh->{Warn} = 0; $dbh->disconnect }
    gone($dbh->{pg_pid});
    my $log = log_since($mark);
    like($log, qr/WARNING:  the session ended before what waited for the commit was sent\n.*DETAIL:  150 writes were not sent: POST \/tasks \(tasks\/w1\), .*POST \/tasks \(tasks\/w100\), and 50 more\./, "waiting, $ending")
      if $ending ne 'disconnected';
    is($sandbox->request_count(method => 'POST'), 0, 'and nothing is sent');
    $dbh->{InactiveDestroy} = 1;
}
{
    prepare();
    my $dbh = connect_db($node);
    my $mark = -s $node->logfile;
    $dbh->do($insert);
    $dbh->begin_work;
    $dbh->do('DELETE FROM crm.tasks');
    $control->do('SELECT pg_terminate_backend(?)', undef, $dbh->{pg_pid});
    gone($dbh->{pg_pid});
    my $log = log_since($mark);
    like($log, qr/WARNING:  rolling back does not undo what was written to the CRM\n.*DETAIL:  Server "crm", resource "tasks": 5 deleted \(r1, r2, r3, r4, r5\)\.\n/,
        'what a transaction has written is told when it is rolled back');
    unlike($log, qr/inserted|written and not rolled back|WARNING.*WARNING/s, 'once, and nothing that was committed before');
    $dbh->{InactiveDestroy} = 1;
}

# What stands behind a rate was not sent, and is not in doubt
{
    prepare();
    my $table = make_slow_table('slow');
    my $dbh = connect_db($node);
    $dbh->do("INSERT INTO $table (_id) $five", { pg_async => PG_ASYNC });
    wait_until(sub { $sandbox->request_count(method => 'POST') });
    my $mark = -s $node->logfile;
    $control->do('SELECT pg_terminate_backend(?)', undef, $dbh->{pg_pid});
    gone($dbh->{pg_pid});
    my $log = log_since($mark);
    like($log, qr/DETAIL:  One row was written and not rolled back: tasks\/r1\.\n/, 'one was written, and none is in doubt');
}

# Nor is what stands behind it while a transaction commits lost from what is told
{
    prepare();
    my $table = make_slow_table('slow_commit', write_mode => 'commit');
    my $dbh = connect_db($node);
    my (undef, $text) = cancelled_when($dbh, $node, "INSERT INTO $table (_id) $five", sub { $sandbox->request_count(method => 'POST') });
    like($text, qr/DETAIL:  One row was written and not rolled back: tasks\/r1\. 4 writes were not sent: POST \/tasks \(tasks\/r2\), .*\(tasks\/r5\)\.$/m,
        'at a commit that is cancelled, all that waited for the rate was not sent');
}

# Every session that writes is told to end with the server
{
    my ($messages, $log) = end_in_the_middle([$insert], 'shutdown');
    like($log, qr/\Q$written ${doubt}POST \E\/tasks \(tasks\/r3\)\./, 'a fast shutdown');
}

done_testing();

sub prepare
{
    $sandbox->clear_faults;
    $sandbox->delete("/_sandbox/documents/$_") for 'tasks', 'notes';
    $sandbox->clear_log;
    return;
}

# A table of a server that takes one request in 100 seconds, the first at once.  Each has a server of its own: sessions
# share what is owed for the last request of one, where PostgreSQL gives them memory for it.
sub make_slow_table
{
    my ($server, %options) = @_;
    my %limits = (max_requests_per_second => '0.01', max_connections => 4, request_timeout => '60s');
    setup_crm($node, $sandbox, name => $server, limit_to => ['tasks']);
    $control->do("ALTER SERVER $server OPTIONS (ADD $_ '$limits{$_}')") for sort keys %limits;
    $control->do("ALTER FOREIGN TABLE $server.tasks OPTIONS (ADD $_ '$options{$_}')") for sort keys %options;
    return "$server.tasks";
}

# What the client and the log were told.
sub end_in_the_middle
{
    my ($sql, $ending) = @_;
    my $last = $sql->[-1];
    prepare();
    $sandbox->post('/_sandbox/documents/tasks', [ map { { _id => "r$_", description => 'open' } } 1 .. 5 ]) if $last =~ /^(UPDATE|DELETE)/;
    $sandbox->post('/_sandbox/documents/tasks', [ { _id => 'r9' } ]) if "@$sql" =~ /r9/;
    my $method = { UPDATE => 'PATCH', DELETE => 'DELETE' }->{ $last =~ /^(\w+)/ ? $1 : '' } // 'POST';
    $sandbox->fault({ match => { method => $method }, skip => 2, fault => { type => 'hang' } });
    my $dbh = connect_db($node);
    my @messages;
    local $SIG{__WARN__} = sub { push @messages, $_[0] };
    $dbh->{PrintWarn} = 1;
    $dbh->do($_) for @$sql[ 0 .. $#$sql - 1 ];
    $dbh->do(q{SET statement_timeout = '2s'}) if $ending eq 'statement_timeout';
    my $mark = -s $node->logfile;
    $dbh->do($last, { pg_async => PG_ASYNC });
    wait_until(sub { grep { $_->{applied} } @{ $sandbox->get('/_sandbox/faults') } });
    if ($ending eq 'shutdown') { $node->stop('fast') }
    elsif ($endings{$ending}[0]) { $endings{$ending}[0]->($dbh) }
    if (!$endings{$ending} || $endings{$ending}[1])
    {
        eval { $dbh->pg_result; 1 } and push @messages, "no error\n";
        push @messages, join "\n", $dbh->errstr // '', $dbh->pg_error_field('detail') // '';
        is($dbh->state, $endings{$ending}[2], "$last, $ending: the SQLSTATE") if $endings{$ending} && $endings{$ending}[2];
    }
    gone($dbh->{pg_pid}) if $ending =~ /client|terminate/;
    $dbh->{InactiveDestroy} = 1 if $ending =~ /client/;
    return (join('', @messages), log_since($mark));
}

sub shutdown_socket
{
    my ($dbh) = @_;
    open my $socket, '+<&=', $dbh->{pg_socket} or die $!;
    shutdown $socket, 2;
    return;
}

sub log_since { my ($mark) = @_; return substr PostgreSQL::Test::Utils::slurp_file($node->logfile), $mark }

sub gone { my ($pid) = @_; return wait_until(sub { !$control->selectrow_array('SELECT count(*) FROM pg_stat_activity WHERE pid = ?', undef, $pid) }) }
