# Rows that PostgreSQL hands over one at a time, for one table after the other, are written side by side all the same: those
# of COPY, and those that are routed to partitions.  What goes wrong while many are under way is told of each.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Test::More;
use WalcuTest;

use constant { PARTS => 6, CONNECTIONS => 3 };

my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { cars => 0, notes => 0 });
my $node = start_node('main', jit => 'off', statement_timeout => "'60s'");
my $dbh = connect_db($node);
make_tables();
my $all = PARTS * CONNECTIONS;
my $rows_of_parts = "INSERT INTO x (make, model) SELECT 'p' || 1 + i % @{[PARTS]}, 'new' || i FROM generate_series(1, N) i";

# How many are under way at once
for my $case (
    [ 'COPY', seq('notes (content)', 40), CONNECTIONS, 40 ],
    [ 'COPY of fewer rows than connections', seq('notes (content)', 2), 2, 2 ],
    [ 'COPY row by row', seq('one_by_one (content)', 4), 1, 4 ],
    [ 'COPY with a trigger before each row', seq('told_before (content)', 4), 1, 4 ],
    [ 'COPY with a trigger after each row', seq('told_after (content)', 4), 1, 4 ],
    [ 'COPY with a trigger after all', seq('told_at_end (content)', 40), CONNECTIONS, 40 ],
    [ 'rows that are routed to servers', rows('cars', 60), $all, 60 ],
    [ 'rows that are routed to partitions of one server', rows('dealers', 60), CONNECTIONS, 60 ],
    [ 'COPY into partitions', seq('cars (model, make)', 60, "new\$i\\tp\$((1 + i % @{[PARTS]}))"), $all, 60 ],
    [ 'rows with given ids, which are looked at first', rows('cars', 60) =~ s/\(make/(_id, make/r =~ s/SELECT/SELECT lpad(i::text, 24, '0'),/r, $all, 60 ],
    [ 'rows of which some are local', rows('mixed', 60), $all - CONNECTIONS, 60 ],
    [ 'rows that move into a partition', "UPDATE mixed SET make = 'p' || 1 + substr(model, 4)::int % @{[PARTS - 1]} WHERE make = 'p6'", $all - CONNECTIONS, 30, "INSERT INTO mixed_6 SELECT NULL, 'p6', 'new' || i FROM generate_series(1, 30) i" ],
    [ 'rows of a WITH', 'WITH a AS (' . rows('cars', 60) . ') ' . rows('notes', 10), CONNECTIONS, 70 ],
  )
{
    my ($name, $sql, $wanted, $rows, $before) = @$case;
    clear();
    $dbh->do($before) if $before;
    my ($requests) = under_way($dbh, $sandbox, $sql, $wanted, method => 'POST');
    is($requests, $wanted, "$name: under way at once");
    is(sent() + local_rows(), $rows, "$name: each row is sent once");
    is(scalar(written()) + local_rows(), $rows, "$name: and written");
}
clear();
$dbh->do(seq('told_at_end (content)', 40));
is($dbh->selectrow_array('SELECT max(seen) FROM seen'), 40, 'a trigger after all rows of COPY sees them');

# Rows that wait for the next ones are sent when there are enough of them, and not before
for my $case (
    [ 'few rows', 99, 'few', 0 ],
    [ 'many rows', 1000, 'few', 1000 ],
    [ 'more rows', 1999, 'few', 1000 ],
    [ 'long rows', 3, 'x' x 50_000, 2 ],
  )
{
    my ($name, $rows, $value, $sent) = @$case;
    clear();
    $dbh->do('COPY notes (content) FROM STDIN');
    $dbh->pg_putcopydata("$value\n") for 1 .. $rows;
    my @messages = messages_while($dbh, sub { eval { $dbh->pg_putcopydata("too\tmany\n"); $dbh->pg_putcopyend } });
    is($dbh->state, '22P04', "$name, and one that PostgreSQL cannot read");
    is(scalar(written()), $sent, "$name: what is sent before the error");
    is((told_in("@messages"))[0], $sent, "$name: is told of");
}

# What goes wrong in the middle: what is told is what the service holds.  From 16 on PostgreSQL collects the rows of COPY
# itself, and its messages name the table alone.
my $copies_in_batches = $dbh->{pg_server_version} >= 160000;
my $named_line = $copies_in_batches ? qr/^COPY \w+$/ : qr/^COPY \w+, line \d+(: "new\d+\b.*")?$/;
for my $target ('notes', 'cars', 'dealers')
{
    for my $way ('COPY', 'INSERT')
    {
        my $copied = $target eq 'notes' ? seq('notes (content)', 40, 'new$i') : seq("$target (model, make)", 40, "new\$i\\tp\$((1 + i % @{[PARTS]}))");
        my $sql = $way eq 'COPY' ? $copied : $target eq 'notes' ? next : rows($target, 40);
        for my $row (
            [ 'a refusal', { type => 'status', status => 422 }, '23514', 0 ],
            [ 'a connection that is closed', { type => 'close', when => 'before' }, '08007', 1 ],
            [ 'a reply that breaks off', { type => 'truncate' }, '08P01', 0 ],
          )
        {
            my ($name, $fault, $state, $unknown) = @$row;
            clear();
            $sandbox->fault({ match => { method => 'POST' }, skip => 20, times => 1, fault => $fault });
            my $error = sql_error($dbh, $sql);
            is($error->{sqlstate}, $state, "$way into $target, $name");
            my ($written, $doubt) = told_in($error->{detail});
            is($written, scalar(written()), 'as many rows are told as are written');
            is($doubt, $unknown, 'and as many are in doubt as can be');
            cmp_ok(sent(), '<', 40, 'no more are sent');
            is(without_ids($error->{detail}), 0, 'each by its name') if $fault->{type} eq 'close';
            like($error->{context} // '', $named_line, 'and in which line it is') if $way eq 'COPY';
        }
    }
}

# The line of COPY is that of the row that was refused, and not the last that was read
clear();
$dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '1')");
$sandbox->fault({ match => { method => 'POST' }, skip => 6, fault => { type => 'status', status => 422 } });
my $error = sql_error($dbh, seq('notes (content)', 40, 'new$i'));
$dbh->do("ALTER SERVER crm OPTIONS (SET max_connections '@{[CONNECTIONS]}')");
is($error->{context}, $copies_in_batches ? 'COPY notes' : 'COPY notes, line 7: "new7"', 'the line of COPY that was refused');
clear();
$sandbox->fault({ match => { method => 'POST' }, fault => { type => 'status', status => 422 } });
$dbh->do(q{DO $$ BEGIN INSERT INTO cars (make, model) VALUES ('p1', 'a'), ('p2', 'b'); EXCEPTION WHEN check_violation THEN NULL; END $$});
is(scalar(written()), 0, 'an error that is caught leaves nothing');
is(sql_error($dbh, 'SELECT count(*) FROM cars'), undef, 'nor is it in the way of the next statement');

# A cancel, and the end of the session
for my $case ([ 'COPY', seq('notes (content)', 40, 'new$i'), CONNECTIONS ], [ 'rows that are routed', rows('cars', 40), $all ])
{
    my ($name, $sql, $wanted) = @$case;
    clear();
    $sandbox->fault({ match => { method => 'POST' }, skip => 4, fault => { type => 'hold' } });
    my ($state, $text) = cancelled_when($dbh, $node, $sql, sub { held() >= $wanted });
    is($state, '57014', "$name, cancelled");
    my ($written, $doubt) = told_in($text);
    is($written, 4, 'what was answered is told');
    is($doubt, $wanted, 'and what was under way is in doubt');
    $sandbox->clear_faults;

    clear();
    my $mark = -s $node->logfile;
    $sandbox->fault({ match => { method => 'POST' }, skip => 4, fault => { type => 'hold' } });
    my $other = connect_db($node);
    $other->do($sql, { pg_async => PG_ASYNC });
    wait_until(sub { held() >= $wanted });
    $dbh->do('SELECT pg_terminate_backend(?)', undef, $other->{pg_pid});
    eval { $other->pg_result };
    $other->{InactiveDestroy} = 1;
    wait_until(sub { log_since($mark) =~ /DETAIL:  4 rows were written/ });
    like(log_since($mark), qr/4 rows were written and not rolled back: .* It is not known whether $wanted requests were carried out: /, "$name, and the session ends");
    $sandbox->clear_faults;
}

# The service is as slow as it likes, and refuses for a while: each is tried again by itself
clear();
$sandbox->fault({ match => { method => 'POST' }, skip => 3, times => 5, fault => { type => 'status', status => 429, retry_after => 1 } });
is($dbh->do(rows('cars', 60)) + 0, 60, 'rows that are refused for a while');
is(scalar(written()), 60, 'are written, once each');

# With write_mode 'commit' the rows that one statement routes are sent together, when the transaction commits
for my $case (
    [ 'rows that are routed', rows('queued', 60), $all, 60 ],
    [ 'COPY into partitions', seq('queued (model, make)', 60, "new\$i\\tp\$((1 + i % @{[PARTS]}))"), $all, 60 ],
  )
{
    my ($name, $sql, $wanted, $rows) = @$case;
    clear();
    my ($requests) = under_way($dbh, $sandbox, $sql, $wanted, method => 'POST');
    is($requests, $wanted, "$name, at the commit: under way at once");
    is(sent(), $rows, 'each is sent once');
    is(scalar(written()), $rows, 'and written');
}
# but what another statement, or another table of the same one, has written before is there by then
for my $case (
    [ 'two statements', 2, map { rows('queued', $_) } 2, 3 ],
    [ 'two tables of a statement', 2, 'WITH a AS (' . rows('queued', 2) . ') ' . rows('others', 3) ],
  )
{
    my ($name, $wanted, @statements) = @$case;
    clear();
    $dbh->begin_work;
    $dbh->do($_) for @statements;
    my ($requests) = under_way($dbh, $sandbox, 'COMMIT', $wanted, method => 'POST');
    $dbh->{AutoCommit} = 1;
    cmp_ok($requests, '<=', 3, "$name: one after the other");
    is(scalar(written()), 5, 'all are written');
    my @order = map { $_->{body}{model} } grep { $_->{method} eq 'POST' } $sandbox->log;
    is_deeply([ sort(@order[ 0 .. $requests - 1 ]), sort @order[ $requests .. $#order ] ], $requests == 2 ? [qw(new1 new2 new1 new2 new3)] : [qw(new1 new2 new3 new1 new2)],
        'in their order');
}
clear();
$sandbox->fault({ match => { method => 'POST' }, skip => 20, times => 1, fault => { type => 'status', status => 422 } });
$error = sql_error($dbh, rows('queued', 60));
is($error->{sqlstate}, '23514', 'a refusal at the commit');
my ($told, $in_doubt) = told_in($error->{detail});
is($told, scalar(written()), 'what is written is told');
is($in_doubt, 0, 'and nothing is in doubt');
my ($unsent) = $error->{detail} =~ /(\d+) writes were not sent/;
is($told + 1 + $unsent, 60, 'each of the others is told as not sent');

# What waits for the commit takes no more memory than it has to: statements leave nothing else behind
clear();
$dbh->do('DEALLOCATE ALL');
$dbh->begin_work;
$dbh->do("INSERT INTO queued_1 (model) VALUES ('new')");
my $memory = sub { $dbh->selectrow_array("SELECT used_bytes FROM pg_backend_memory_contexts WHERE name = ?", undef, $_[0]) };
my %before = map { $_ => $memory->($_) } qw(TopTransactionContext TopMemoryContext);
my $queue = sub { $dbh->selectrow_array("SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'walcu%queue'") };
my $queued = $queue->();
$dbh->do("INSERT INTO queued_1 (model) VALUES ('new')") for 1 .. 500;
cmp_ok($memory->($_) - $before{$_}, '<', 50_000, "500 rows that wait take nothing of $_") for sort keys %before;
cmp_ok(($queue->() - $queued) / 500, '<', 800, 'and less than 800 bytes each');
$dbh->rollback;

done_testing();

sub make_tables
{
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', max_connections => CONNECTIONS });
    my $columns = '_id text COLLATE "C", make text COLLATE "C", model text COLLATE "C"';
    $dbh->do($_)
      for 'CREATE EXTENSION walcu_fdw',
      (map { ("CREATE SERVER $_ FOREIGN DATA WRAPPER walcu_fdw $server", "CREATE USER MAPPING FOR CURRENT_USER SERVER $_ $mapping") } 'crm', map { "s$_" } 1 .. PARTS),
      (map { "CREATE FOREIGN TABLE $_ (_id text, content text) SERVER crm OPTIONS (resource 'notes'" . (/one/ ? ", batch_size '1')" : ')') } qw(notes one_by_one told_before told_after told_at_end)),
      (map { "CREATE TABLE $_ ($columns) PARTITION BY LIST (make)" } qw(cars dealers mixed queued others)),
      (map { my $table = $_; map { partition($table, $_, "s$_") =~ s/'cars'/'cars', write_mode 'commit', client_ids 'true'/r } 1 .. PARTS } qw(queued others)),
      (map { partition('cars', $_, "s$_"), partition('dealers', $_, 's1'), $_ == PARTS ? "CREATE TABLE mixed_$_ PARTITION OF mixed FOR VALUES IN ('p$_')" : partition('mixed', $_, "s$_") } 1 .. PARTS),
      'CREATE TABLE seen (seen bigint)',
      'CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
      'CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen SELECT count(*) FROM notes; RETURN NULL; END $$',
      'CREATE TRIGGER t BEFORE INSERT ON told_before FOR EACH ROW EXECUTE FUNCTION do_nothing()',
      'CREATE TRIGGER t AFTER INSERT ON told_after FOR EACH ROW EXECUTE FUNCTION do_nothing()',
      'CREATE TRIGGER t AFTER INSERT ON told_at_end FOR EACH STATEMENT EXECUTE FUNCTION see()';
    return;
}

sub partition
{
    my ($table, $number, $server) = @_;
    return "CREATE FOREIGN TABLE ${table}_$number PARTITION OF $table FOR VALUES IN ('p$number') SERVER $server OPTIONS (resource 'cars')";
}

# A COPY of so many rows
sub seq
{
    my ($into, $rows, $line) = @_;
    $line //= 'new$i';
    return "COPY $into FROM PROGRAM 'i=1; while [ \$i -le $rows ]; do printf \"$line\\n\"; i=\$((i + 1)); done'";
}

# An INSERT of so many rows
sub rows
{
    my ($into, $rows) = @_;
    return "INSERT INTO notes (content) SELECT 'new' || i FROM generate_series(1, $rows) i" if $into eq 'notes';
    return $rows_of_parts =~ s/\bx\b/$into/r =~ s/\bN\b/$rows/r;
}

sub clear
{
    $sandbox->clear_faults;
    $sandbox->delete("/_sandbox/documents/$_") for qw(cars notes);
    $dbh->do('TRUNCATE seen, mixed_6');
    $sandbox->clear_log;
    return;
}

sub written
{
    return map { $sandbox->dump($_) } qw(cars notes);
}

sub local_rows
{
    return $dbh->selectrow_array('SELECT count(*) FROM mixed_6');
}

# Requests that the service has taken for new documents
sub sent
{
    return scalar grep { $_->{method} eq 'POST' } $sandbox->log;
}

sub held
{
    return scalar grep { defined $_->{fault} } $sandbox->log;
}

# How many of the rows that a message tells of have no name
sub without_ids
{
    my ($text) = @_;
    return scalar(() = $text =~ /whose _id is not known/g);
}

sub log_since
{
    my ($mark) = @_;
    return PostgreSQL::Test::Utils::slurp_file($node->logfile, $mark);
}
