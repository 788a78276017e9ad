# Changes by _id of the partitions of many servers, of which one has the document: all servers are asked at the same time, each
# once, and what goes wrong half way is told of each row.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my @resources = qw(cars tasks notes contacts sms offers);
my $parts = @resources;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, count => { map { $_ => 0 } @resources });
my $node = start_node('main', jit => 'off', statement_timeout => "'60s'");
my $dbh = connect_db($node);
make_tables();
my ($in_first, $in_third, $nowhere) = (id(1, 1), id(3, 2), 'f' x 24);

# How many are under way at once, how many requests there are in all, and how many rows.  What is set lies within a free form,
# so that each document is read before.
for my $case (
    [ 'DELETE', "DELETE FROM parts WHERE _id = '$in_third'", 'DELETE', $parts, $parts, 1 ],
    [ 'DELETE of what is nowhere', "DELETE FROM parts WHERE _id = '$nowhere'", 'DELETE', $parts, $parts, 0 ],
    [ 'DELETE of several', "DELETE FROM parts WHERE _id IN ('$in_first', '$in_third', '$nowhere')", 'DELETE', 3 * $parts, 3 * $parts, 2 ],
    [ 'DELETE of what is no ObjectId', "DELETE FROM parts WHERE _id = 'no-object-id'", 'GET', $parts, $parts, 0 ],
    [ 'DELETE of both kinds', "DELETE FROM parts WHERE _id IN ('$in_third', 'no-object-id', 'nor this')", 'GET', $parts, 2 * $parts, 1 ],
    [ 'UPDATE of both kinds', "UPDATE parts SET k = 'new' WHERE _id IN ('$in_third', 'no-object-id')", 'GET', $parts, 2 * $parts + 1, 1 ],
    [ 'DELETE of what is computed', "DELETE FROM parts WHERE _id = (SELECT max('$in_third'))", 'DELETE', $parts, $parts, 1 ],
    [ 'UPDATE', "UPDATE parts SET k = 'new' WHERE _id = '$in_third'", 'GET', $parts, $parts + 1, 1 ],
    [ 'UPDATE .. RETURNING', "UPDATE parts SET k = 'new' WHERE _id IN ('$in_third', '$in_first') RETURNING _id", 'GET', 2 * $parts, 2 * $parts + 2, 2 ],
    [ 'with a generic plan', "SET plan_cache_mode = force_generic_plan; PREPARE d AS DELETE FROM parts WHERE _id = \$1; EXECUTE d('$in_third')", 'DELETE', $parts, $parts, 1 ],
    [ 'a partition that is known', "DELETE FROM parts WHERE _id = '$in_third' AND p = 'p3'", 'GET', 1, 2, 1 ],
    [ 'a partition that is local', "DELETE FROM mixed WHERE _id = '$in_third'", 'DELETE', $parts - 1, $parts - 1, 1 ],
    [ 'a partition that is found at run', "DELETE FROM by_id WHERE _id = (SELECT max('$in_third'))", 'DELETE', 1, 1, 1 ],
    [ 'tables of one server', "DELETE FROM dealers WHERE _id = '$in_third'", 'DELETE', 4, $parts, 1 ],
    [ 'two statements of a WITH', "WITH a AS (DELETE FROM parts WHERE _id = '$in_first') DELETE FROM parts WHERE _id = '$in_third'", 'DELETE', $parts, 2 * $parts, 1 ],
  )
{
    my ($name, $sql, $method, $wanted, $requests, $rows) = @$case;
    fill();
    $dbh->do($1) while $sql =~ s/^((?:SET|PREPARE) .*?); //;
    my ($at_once, $count) = under_way($dbh, $sandbox, $sql, $wanted, method => $method);
    is($at_once, $wanted, "$name: under way at once");
    is($sandbox->request_count, $requests, "$name: each is asked once");
    is($count, $rows, "$name: rows");
    $dbh->do('RESET ALL; DEALLOCATE ALL');
}

# What goes wrong while it is asked which documents there are
for my $case ([ '42501', { type => 'status', status => 403 } ], [ '57014', { type => 'hold' } ])
{
    my ($state, $fault) = @$case;
    my $sql = "DELETE FROM parts WHERE _id IN ('$in_first', 'no-object-id')";
    fill();
    $sandbox->fault({ match => { method => 'GET', resource => 'contacts' }, fault => $fault });
    $sandbox->clear_log;
    my $asked = sub { grep { $_->{path} =~ /contacts/ } $sandbox->log };
    is($fault->{type} eq 'hold' ? (cancelled_when($dbh, $node, $sql, $asked))[0] : sql_error($dbh, $sql)->{sqlstate}, $state, "$state of one of them");
    $sandbox->clear_faults;
    cmp_ok(scalar(grep { $_->{method} eq 'DELETE' } $sandbox->log), '<', $parts, 'ends what is sent');
    is($dbh->do("DELETE FROM parts WHERE _id = 'no-object-id'"), '0E0', 'and nothing is in the way of the next one');
}

# What goes wrong half way: what is told is what the service holds, and nothing more is sent
for my $case (
    [ 'a refusal', { type => 'status', status => 403 }, '42501', 0 ],
    [ 'a connection that is closed', { type => 'close', when => 'before' }, '08007', 1 ],
  )
{
    my ($name, $fault, $state, $doubt) = @$case;
    for my $returning ('', ' RETURNING _id')
    {
        fill(same => 1);
        $sandbox->fault({ match => { method => 'PATCH', resource => 'contacts' }, fault => $fault });
        my $error = sql_error($dbh, "UPDATE parts SET k = 'new' WHERE _id = '$in_third'$returning");
        is($error->{sqlstate}, $state, "$name of one of them$returning");
        is_deeply([ told_in($error->{detail}) ], [ scalar(changed()), $doubt ], 'what is told is what was written');
        cmp_ok(scalar(changed()), '>=', $parts - 1, 'by the others, too, which come to their end');
        is(scalar(grep { $_->{method} eq 'PATCH' } $sandbox->log), $parts, 'each is sent once');
        $sandbox->clear_faults;
        is($dbh->selectrow_array("SELECT count(*) FROM parts WHERE _id = '$in_third'"), $parts, 'the next statement works');
    }
}

# An error in what is returned comes when all are written, and tells of all of them
fill(same => 1);
my $error = sql_error($dbh, "UPDATE parts SET k = 'new' WHERE _id = '$in_third' RETURNING 1 / (length(p) - 2)");
is($error->{sqlstate}, '22012', 'an error in RETURNING');
my @messages = messages_of("UPDATE parts SET k = 'newer' WHERE _id = '$in_third' RETURNING 1 / (length(p) - 2)");
is((told_in("@messages"))[0], $parts, 'tells of all that were written') or diag "@messages";

# So does one of a local partition that is changed by the same statement
fill(same => 1);
@messages = messages_of("UPDATE mixed SET k = 'not short' WHERE _id = '$in_third'");
is($dbh->state, '23514', 'an error of a local partition');
is((told_in("@messages"))[0], $parts - 1, 'tells of what was written of the others') or diag "@messages";

# An id that is an error is found before anything is sent to its server, and what was sent to others is told
fill();
$dbh->do("ALTER FOREIGN TABLE parts_4 OPTIONS (ADD updatable 'false')");
$error = sql_error($dbh, "DELETE FROM parts WHERE _id = '$in_third'");
is($error->{sqlstate}, '55000', 'a partition that is not to be changed');
is($sandbox->request_count, 0, 'refuses before anything is sent');
$dbh->do("ALTER FOREIGN TABLE parts_4 OPTIONS (DROP updatable)");

# max_requests counts each server's own
fill();
$dbh->do("ALTER SERVER s$_ OPTIONS (ADD max_requests '1')") for 1 .. $parts;
is($dbh->do("DELETE FROM parts WHERE _id = '$in_third'") + 0, 1, 'one request a server is enough');
$error = sql_error($dbh, "DELETE FROM parts WHERE _id IN ('$in_first', '$nowhere')");
is($error && $error->{sqlstate}, '53400', 'and two are not');
is((told_in($error->{detail}))[0], 1, 'which tells of what was deleted');
is(scalar(grep { $_->{_id} eq $in_first } $sandbox->dump('cars')), 0, 'and it was');
$dbh->do("ALTER SERVER s$_ OPTIONS (DROP max_requests)") for 1 .. $parts;

# A cancel while all of them are under way
fill();
$sandbox->fault({ match => { method => 'DELETE' }, fault => { type => 'hold' } });
my ($state, $text) = cancelled_when($dbh, $node, "DELETE FROM parts WHERE _id = '$in_third'", sub { $sandbox->request_count(method => 'DELETE') >= $parts });
is($state, '57014', 'a cancel');
is_deeply([ told_in($text) ], [ 0, $parts ], 'what was under way is in doubt');
$sandbox->clear_faults;

# Many ids: all rows come in the order of their partitions and ids, once each
fill();
my @ids = map { my $part = $_; map { id($part, $_) } 1 .. 2 } 1 .. $parts;
my $list = join ', ', map { "'$_'" } reverse(@ids), $nowhere, $ids[0], map { sprintf '%024x', 16**6 + $_ } 1 .. 300;
is_deeply($dbh->selectcol_arrayref("UPDATE parts SET k = 'new' WHERE _id IN ($list) RETURNING _id"), \@ids, 'many ids');
is(scalar(changed()), @ids, 'are changed');
done_testing();

sub make_tables
{
    my $mapping = options_sql(WalcuTest::Sandbox::CREDENTIALS);
    my $server = options_sql({ endpoint => $sandbox->endpoint, dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', max_retries => 0 });
    my $columns = '_id text COLLATE "C", p text COLLATE "C", k text COLLATE "C"';
    my $places = q{(p OPTIONS (path 'custom.p'), k OPTIONS (path 'custom.k'))};
    $dbh->do($_)
      for 'CREATE EXTENSION walcu_fdw',
      (map { ("CREATE SERVER s$_ FOREIGN DATA WRAPPER walcu_fdw $server", "CREATE USER MAPPING FOR CURRENT_USER SERVER s$_ $mapping") } 1 .. $parts),
      (map { "CREATE TABLE $_ ($columns) PARTITION BY LIST (p)" } qw(parts dealers mixed)),
      "CREATE TABLE by_id ($columns) PARTITION BY RANGE (_id)";
    for my $i (1 .. $parts)
    {
        my $local = $i == 2 ? 'CREATE TABLE' : undef;
        my ($from, $to) = (id($i, 0), id($i + 1, 0));
        make_part("parts", $i, "s$i", "IN ('p$i')");
        make_part("dealers", $i, 's1', "IN ('p$i')");
        make_part("by_id", $i, "s$i", "FROM ('$from') TO ('$to')");
        make_part("mixed", $i, "s$i", "IN ('p$i')") unless $local;
    }
    $dbh->do("CREATE TABLE mixed_2 PARTITION OF mixed (CHECK (length(k) < 9)) FOR VALUES IN ('p2')");
    return;
}

sub make_part
{
    my ($table, $i, $server, $values) = @_;
    $dbh->do("CREATE FOREIGN TABLE ${table}_$i PARTITION OF $table FOR VALUES $values SERVER $server OPTIONS (resource '$resources[$i - 1]')");
    $dbh->do("ALTER FOREIGN TABLE ${table}_$i ALTER COLUMN $_ OPTIONS (path 'custom.$_')") for qw(p k);
    return;
}

sub id
{
    my ($part, $number) = @_;
    return sprintf '%024x', 256 * $part + $number;
}

# Two documents of each partition, and where they are to be the same, one more that all have.
sub fill
{
    my (%options) = @_;
    $sandbox->clear_faults;
    for my $i (1 .. $parts)
    {
        my $path = "/_sandbox/documents/$resources[$i - 1]";
        my @ids = $options{same} ? $in_third : map { id($i, $_) } 1 .. 2;
        $sandbox->delete($path);
        $sandbox->post($path, [ map { { _id => $_, custom => { p => "p$i", k => 'old' } } } @ids ]);
    }
    $dbh->do('TRUNCATE mixed_2');
    $dbh->do("INSERT INTO mixed_2 VALUES ('$in_third', 'p2', 'old')") if $options{same};
    $sandbox->clear_log;
    return;
}

# The documents that have a new value
sub changed
{
    return grep { ($_->{custom}{k} // '') =~ /new|not/ } map { $sandbox->dump($_) } @resources;
}

# The messages that come while something fails, and what the error itself tells
sub messages_of
{
    my ($sql) = @_;
    my $error;
    my @messages = messages_while($dbh, sub { $error = sql_error($dbh, $sql) });
    return (@messages, $error->{detail} // '');
}
