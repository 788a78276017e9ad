# A connection that ends at any byte of a reply's head or body, in order or by a reset: a read is asked for again, and brings
# the right rows or an error of class 08; a write is in doubt unless the service's answer was whole, and is not sent twice.
#
# Each kind of request meets each byte once here.  CUT_REPLIES=all takes the product with all framings, ends, TLS and HTTP/2;
# CUT_REPLIES=plain, tls, tls-cut, http2 or http2-session that part of it.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use WalcuTest;
use WalcuTest::RawServer;

my $all = $ENV{CUT_REPLIES};
my $dealer = WalcuTest::Sandbox::DEALER;
my @ids = map { "60000000000000000000000$_" } 1 .. 3;
my ($one, $two, $three) = map { "{\"_id\": \"$ids[$_]\", \"make\": \"SEAT\", \"name\": \"n$_\"}" } 0 .. 2;
my $description = '{"openapi": "3.0.0", "paths": {"/cars": {"get": {"responses": {"200": {"content": {"application/json": {"schema":'
  . ' {"type": "array", "items": {"type": "object", "properties": {"_id": {"type": "string"}}}}}}}}}}}}';

# Requests and their answers; of those of a statement the first that fits counts.  Behind the first or second document of a page
# that broke, what is left is asked for ("gt").
my $no_more = ['MAPP-has-more: false'];
my @rest = map {
    my ($id, @left) = @$_;
    rule("^GET \\S+/(?:cars|tasks)\\?\\S*gt\\S*$id", 200, '[' . join(', ', @left) . ']', $no_more)
} [ $ids[0], $two, $three ], [ $ids[1], $three ], [ $ids[2] ];
my $list = rule('^GET (?!\S*gt)\S+/cars\?', 200, "[$one, $two, $three]", $no_more);
my $first = rule('^GET (?!\S*gt)(?!\S*sort=-_id)\S+/cars\?', 200, "[$one, $two]", ['MAPP-has-more: true']);
# the last page, which is looked at once a session
my $last = rule('^GET \S+/cars\?\S*sort=-_id', 200, "[$three]", ['MAPP-has-more: true']);
my $by_id = rule("^GET \\S+/cars/$ids[0]", 200, $one);
my $job = rule('^GET \S+/cars/all', 200, '{"_id": "j", "status": "queued", "job_url": "ENDPOINT/job/j"}');
my $poll = rule('^GET /job/j', 200, '{"_id": "j", "status": "finished", "results_url": "ENDPOINT/results/j"}');
my $results = rule('^GET /results/j', 200, "[$one, $two, $three]");
my $read_me = rule('^GET /.well-known/service-desc', 200, $description);
my $post = rule('^POST \S+/tasks', 201, $one);
my $patch = rule("^PATCH \\S+/tasks/$ids[0]", 200, $one);
my $put = rule("^PUT \\S+/tasks/$ids[0]", 200, $one);
my $delete = rule("^DELETE \\S+/tasks/$ids[0]", 200, '{"deleted": 1}');
my $look_up = rule('^GET \S+/tasks/', 404, '{"error": "no such document"}');
my $old = rule("^GET \\S+/tasks/$ids[0]", 200, $one);
my $task = rule('^GET (?!\S*gt)\S+/tasks\?', 200, "[$three]", $no_more);
my $update = rule("^PATCH \\S+/tasks/$ids[2]", 200, $three);
my $empty = rule("^DELETE \\S+/tasks/$ids[2]", 200, '{"deleted": 1}');

my $three_rows = join '|', map { "$ids[$_],n$_" } 0 .. 2;
my $request = "walcu_fdw_request('crm', ";
my @kinds = (
    # name, the rules, which of them is cut, statement, what it brings
    reading('page', [ $list, @rest ], 'SELECT _id, name FROM t.cars ORDER BY _id', $three_rows),
    reading('first page', [ $first, $last, @rest ], 'SELECT _id, name FROM t.cars ORDER BY _id', $three_rows),
    reading('next page', [ $rest[1], $first, $last, @rest ], 'SELECT _id, name FROM t.cars ORDER BY _id', $three_rows),
    reading('by id', [$by_id], "SELECT _id, name FROM t.cars WHERE _id = '$ids[0]'", "$ids[0],n0"),
    reading('start of a job', [ $job, $poll, $results, @rest, $list ], 'SELECT _id, name FROM t.jobs ORDER BY _id', $three_rows),
    reading('look at a job', [ $poll, $job, $results, @rest, $list ], 'SELECT _id, name FROM t.jobs ORDER BY _id', $three_rows),
    reading('results of a job', [ $results, $job, $poll, @rest, $list ], 'SELECT _id, name FROM t.jobs ORDER BY _id', $three_rows),
    reading('count(*)', [ $list, @rest ], 'SELECT count(*) FROM t.counts', '3'),
    reading('ANALYZE', [ $list, @rest ], 'ANALYZE t.counts', ''),
    reading('IMPORT', [$read_me], 'IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO imported', ''),
    reading('walcu_fdw_request GET', [$by_id], "SELECT $request 'GET', '/cars/$ids[0]')->>'name'", 'n0'),
    reading('batched join', [ $list, @rest ], 'SELECT l.n, c.name FROM local l JOIN t.cars c ON c._id = l.id ORDER BY 1', '1,n0|2,n1|3,n2'),
    reading('read of an UPDATE', [ $task, $update, @rest ], "UPDATE t.tasks SET name = 'x' WHERE make = 'SEAT'", '1'),

    writing('INSERT', [$post], "INSERT INTO t.tasks (name) VALUES ('x')"),
    writing('INSERT RETURNING', [$post], "INSERT INTO t.tasks (name) VALUES ('x') RETURNING _id"),
    writing('INSERT of a batch', [$post], "INSERT INTO t.tasks (name) SELECT 'x' FROM generate_series(1, 3)", sends => 3),
    writing('UPDATE by id', [$patch], "UPDATE t.tasks SET name = 'x' WHERE _id = '$ids[0]'"),
    writing('UPDATE by id RETURNING', [$patch], "UPDATE t.tasks SET name = 'x' WHERE _id = '$ids[0]' RETURNING _id"),
    writing('UPDATE of what was read', [ $update, $task, @rest ], "UPDATE t.tasks SET name = 'x' WHERE make = 'SEAT'"),
    writing('UPDATE by PUT', [ $put, $old ], "UPDATE t.puts SET name = 'x' WHERE _id = '$ids[0]'"),
    writing('DELETE by id', [$delete], "DELETE FROM t.tasks WHERE _id = '$ids[0]'"),
    writing('DELETE by id, refused', [ rule('^DELETE ', 403, '{"error": "not yours"}') ], "DELETE FROM t.tasks WHERE _id = '$ids[0]'", refused => 1),
    writing('TRUNCATE', [ $empty, $task, @rest ], 'TRUNCATE t.tasks'),
    writing('COMMIT of an INSERT', [$post], "INSERT INTO t.later (name) VALUES ('x')"),
    writing('COMMIT of an UPDATE', [ $patch, $old ], "UPDATE t.later SET name = 'x' WHERE _id = '$ids[0]'"),
    writing('COMMIT of a DELETE', [ $delete, $old ], "DELETE FROM t.later WHERE _id = '$ids[0]'"),
    map({ my ($method, $rule, $path, $body) = @$_;
        writing("walcu_fdw_request $method", [$rule], "SELECT $request '$method', '$path', body => $body)") }
        [ 'POST', $post, '/tasks', "'{}'" ], [ 'PATCH', $patch, "/tasks/$ids[0]", "'[]'" ],
        [ 'PUT', $put, "/tasks/$ids[0]", "'{}'" ], [ 'DELETE', $delete, "/tasks/$ids[0]", 'NULL' ]),
    # nothing is done twice, as there is a look at what became of it
    writing('INSERT client_ids', [ $post, $look_up ], "INSERT INTO t.ids (name) VALUES ('x')", sends => 3),
    writing('look at an INSERT', [ $look_up, $post ], "INSERT INTO t.ids (name) VALUES ('x')", sends => 3, broken_first => $post),
);

my $node = start_node('main', log_min_messages => 'warning');
my $dbh;
my $raw;
my $seconds = time;
my $cuts = 0;
for my $front (undef, $all ? qw(tls tls-cut http2 http2-session) : ())
{
    next if $all && $all ne 'all' && $all ne ($front // 'plain');
    set_up($front);
    for my $framing ('length', $all ? qw(chunked close 1.0) : ())
    {
        next if $framing ne 'length' && ($front // '') =~ /^http2/;
        for my $end ('close', $all ? 'reset' : ())
        {
            check_kind($_, $framing, $end, $front) for @kinds;
        }
    }
    $dbh->disconnect;
}
# Without the whole matrix: what is framed otherwise, for one read and one write of each kind
unless ($all)
{
    set_up(undef);
    my %kind = map { $_->{name} => $_ } @kinds;
    check_kind($kind{page}, $_, 'close', undef) for qw(chunked close 1.0);
    check_kind($kind{'DELETE by id'}, $_, 'reset', undef) for qw(length chunked);
    check_kind($kind{$_}, 'length', 'reset', undef) for 'page', 'INSERT';
    for my $front (qw(tls tls-cut http2 http2-session))
    {
        $dbh->disconnect;
        set_up($front);
        check_kind($kind{$_}, 'length', 'close', $front, 7) for 'page', 'by id', 'UPDATE by id', 'INSERT';
    }
}
diag sprintf '%d statements in %.0f s', $cuts, time - $seconds;

done_testing();

sub rule
{
    my ($match, $status, $body, $headers) = @_;
    return { match => $match, status => $status, body => $body, headers => $headers // [] };
}

sub reading
{
    my ($name, $rules, $sql, $right) = @_;
    return { name => $name, rules => $rules, sql => $sql, right => $right };
}

sub writing
{
    my ($name, $rules, $sql, %more) = @_;
    return { name => $name, rules => $rules, sql => $sql, writes => 1, %more };
}

# A database of its own for what stands before the server.
sub set_up
{
    my ($front) = @_;
    my $name = $front ? $front =~ tr/-/_/r : 'plain_' . $$ . '_' . $cuts;
    $raw = WalcuTest::RawServer->start($front ? (front => $front) : ());
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    # what breaks a stream of HTTP/2 may break the connection, which the next one has as well
    my $retries = ($front // '') =~ /^http2/ ? 3 : 1;
    my %server = (endpoint => $raw->endpoint, dealer_id => $dealer, max_retries => $retries, max_retry_wait => '1ms', request_timeout => '5s',
        fetch_mode => 'pages', $front ? (ca_file => $raw->ca_file) : ());
    my $columns = '(_id text COLLATE "C", make text COLLATE "C", name text COLLATE "C") SERVER crm OPTIONS (resource';
    $node->safe_psql($name, join ";\n",
        'CREATE EXTENSION walcu_fdw', 'CREATE SCHEMA t', 'CREATE SCHEMA imported',
        'CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw ' . options_sql(\%server),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token 'x')",
        "CREATE FOREIGN TABLE t.cars $columns 'cars')", "CREATE FOREIGN TABLE t.counts $columns 'cars', fetch_mode 'auto')",
        "CREATE FOREIGN TABLE t.jobs $columns 'cars', fetch_mode 'job')",
        "CREATE FOREIGN TABLE t.tasks $columns 'tasks', truncatable 'true')", "CREATE FOREIGN TABLE t.puts $columns 'tasks', update_method 'put')",
        "CREATE FOREIGN TABLE t.later $columns 'tasks', write_mode 'commit')", "CREATE FOREIGN TABLE t.ids $columns 'tasks', client_ids 'true')",
        'CREATE TABLE local (n int, id text COLLATE "C")',
        map({ "INSERT INTO local VALUES ($_, '$ids[$_ - 1]')" } 1 .. 3), 'ANALYZE local');
    $dbh = connect_db($node, dbname => $name);
    $dbh->do("SET statement_timeout = '3s'");
    $dbh->{PrintWarn} = 0;
    return;
}

# Cut the reply at every byte, or at every so manieth.
sub check_kind
{
    my ($kind, $framing, $end, $front, $step) = @_;
    my $cut = $kind->{rules}[0];
    my $bytes = reply_of($cut, $framing);
    my $head_length = index($bytes, "\r\n\r\n") + 4;
    my @problems;
    for (my $at = 0; $at < length $bytes; $at += $step // 1)
    {
        my %cut = (match => $cut->{match}, say => substr($bytes, 0, $at), end => $end);
        my $answered = $at >= $head_length;
        if ($kind->{writes})
        {
            push @problems, map { "at $at: $_" } problems_of_write($kind, $framing, $answered, \%cut);
        }
        else
        {
            # all of both when there is time
            push @problems, map { "at $at, once: $_" } problems_of_read($kind, $framing, 1, { %cut, times => 1 }) if $all || $at % 2;
            push @problems, map { "at $at, ever: $_" } problems_of_read($kind, $framing, 0, \%cut) if $all || $at % 2 == 0;
        }
        if (@problems > 3 || grep { /57014/ } @problems)
        {
            push @problems, '...';
            last;
        }
    }
    is_deeply(\@problems, [], join ', ', $kind->{name}, $framing, $end, $front // ());
    return;
}

sub reply_of
{
    my ($rule, $framing) = @_;
    my $endpoint = $raw->endpoint;
    return reply($rule->{status}, $rule->{body} =~ s/ENDPOINT/$endpoint/gr, headers => $rule->{headers}, framing => $framing);
}

# Run the statement; returns what it brings, or undef, and how many requests that took.
sub run
{
    my ($kind, $framing, @special) = @_;
    my $end = $framing =~ /^(?:close|1\.0)$/ ? 'close' : 'keep';
    $raw->answer(@special, map { +{ match => $_->{match}, say => reply_of($_, $framing), end => $end } } @{ $kind->{rules} });
    $cuts++;
    my $got = eval {
        if ($kind->{sql} =~ /^(?:SELECT|INSERT.*RETURNING|UPDATE.*RETURNING)/)
        {
            join '|', map { join ',', map { $_ // 'NULL' } @$_ } @{ $dbh->selectall_arrayref($kind->{sql}) };
        }
        else
        {
            my $count = $dbh->do($kind->{sql});
            $kind->{sql} =~ /^(?:ANALYZE|IMPORT)/ ? '' : $count + 0;
        }
    };
    my $error = defined $got ? undef : { state => $dbh->state, text => $dbh->errstr, detail => $dbh->pg_error_field('detail') // '' };
    $dbh->do('DROP FOREIGN TABLE imported.cars') if defined $got && $kind->{name} eq 'IMPORT';
    return ($got, $error, $raw->requests);
}

sub problems_of_read
{
    my ($kind, $framing, $once, $cut) = @_;
    my ($got, $error, @requests) = run($kind, $framing, $cut);
    my @problems;
    push @problems, scalar(@requests) . ' requests' if @requests > @{ $kind->{rules} } + 6;
    push @problems, "brings $got instead of $kind->{right}" if defined $got && $got ne $kind->{right};
    push @problems, "fails: $error->{state} $error->{text}" if $error && ($once || $error->{state} !~ /^08/);
    push @problems, "does not tell that it was tried again: $error->{text}" if $error && $error->{detail} !~ /it was tried [2-4] times/;
    return @problems;
}

sub problems_of_write
{
    my ($kind, $framing, $answered, $cut) = @_;
    my @broken = $kind->{broken_first} ? { match => $kind->{broken_first}{match}, say => '', end => 'close', times => 1 } : ();
    my ($got, $error, @requests) = run($kind, $framing, @broken, $cut);
    my @sent = grep { $_->{method} ne 'GET' } @requests;
    my @problems;
    push @problems, scalar(@sent) . ' were sent' if @sent > ($kind->{sends} // 1);
    return @problems if $kind->{broken_first} && (defined $got || $error->{state} =~ /^08/);
    if (defined $got)
    {
        push @problems, "succeeds with $got" if !$answered || $kind->{refused};
        return @problems;
    }
    push @problems, "fails: $error->{state} $error->{text}" if $error->{state} !~ ($answered ? qr/^08/ : qr/^08007$/) && !($answered && $kind->{refused});
    push @problems, "says so: $error->{detail}" if $error->{detail} =~ /No row was written/ && !($answered && $kind->{refused});
    push @problems, "does not say what is in doubt: $error->{text}"
      if $error->{text} !~ /not known|written and stays? so|carried out/ && !($answered && $kind->{refused});
    return @problems;
}
