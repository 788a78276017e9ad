# Background jobs: what is asked for, when it is looked at, when one is chosen, and what comes of those
# that fail.  Where credentials go is in 170, other faults are in 040.

use strict;
use warnings;

use JSON::PP qw(encode_json);
use Test::More;
use Time::HiRes qw(time sleep);
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 50, count => { cars => 120 });
my $node = start_node('main', log_min_messages => 'warning');
my %server = (
    fetch_mode => 'job', fetch_size => 50, max_retries => 2, max_retry_wait => '20ms', on_type_mismatch => 'null',
    results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r);
setup_crm($node, $sandbox, server => \%server, import => { import_search => 'true' });
my $dbh = connect_db($node);
my @cars = $sandbox->dump('cars');
my @ids = map { $_->{_id} } @cars;
my $scan = 'SELECT _id, make FROM crm.cars';
$sandbox->settings(job_polls => 0);

# What is asked for
my @log = log_of($scan);
is_deeply([ map { $_->{kind} } @log ], [qw(all job results)], 'a job is started, looked at, and its results are read');
is_deeply([ sort { $a cmp $b } map { $_->[0] } @{ rows($scan) } ], \@ids, 'every document is there once');
is_deeply(start_of($scan), { project => 'make _id' }, 'without conditions there is no filter, sort or limit');
is_deeply(start_of("$scan WHERE make = 'Seat' AND mileage > 1000"),
    { project => 'make mileage _id', q => { make => 'Seat', mileage => { '$gt' => 1000 } } }, 'conditions are the filter');
is_deeply(start_of("$scan WHERE _search = 'Seat'")->{search}, 'Seat', 'a search is sent');
is_deeply(start_of("$scan ORDER BY _id DESC")->{sort}, '-_id', 'an order is the sort');
is_deeply([ map { $_->[0] } @{ rows("$scan WHERE make = 'Seat' ORDER BY _id DESC") } ],
    [ map { $_->{_id} } grep { ($_->{make} // '') eq 'Seat' } reverse @cars ], 'and the rows come so');

# NULLs where the service does not sort them are a job of their own
$dbh->do('SET enable_sort = off');
@log = log_of("$scan ORDER BY make, _id");
is_deeply([ map { $_->{query}{sort} } grep { $_->{kind} eq 'all' } @log ], [ 'make _id', '_id' ], 'one job for values, one for NULLs');
is_deeply(rows("$scan ORDER BY make, _id"), without_pushdown("$scan ORDER BY make, _id"), 'in the order that SQL wants');
$sandbox->fault({ match => { kind => 'all' }, skip => 1, fault => { type => 'status', status => 404 } });
is_deeply(rows("$scan ORDER BY make, _id"), without_pushdown("$scan ORDER BY make, _id"), 'also if the second comes to nothing');
$sandbox->clear_faults;
$dbh->do('RESET enable_sort');

# The same in whatever form it comes
for my $settings ({ results_layout => 'lines' }, { compress => ['gzip'] })
{
    $sandbox->settings(%$settings);
    is_deeply(ids($scan), \@ids, 'results with ' . encode_json($settings));
}
$sandbox->settings(results_layout => 'compact', compress => []);

# Looks at it become rarer, down to one in two seconds
$sandbox->settings(job_polls => 6);
my @times = map { $_->{began} } grep { $_->{kind} =~ /^(?:all|job)$/ } log_of($scan);
my @waits = map { $times[$_] - $times[ $_ - 1 ] } 1 .. $#times;
is(scalar @waits, 7, 'a job that takes long is looked at again');
for my $wait (0.1, 0.2, 0.4, 0.8, 1.6, 2, 2)
{
    cmp_ok(shift @waits, '>=', $wait - 0.01, "after $wait s");
}
$sandbox->settings(job_polls => 0);

# Rows come while the download goes on
$sandbox->fault({ match => { kind => 'results' }, fault => { type => 'slow', bytes => 500, ms => 50 } });
$dbh->do('SET cursor_tuple_fraction = 1');
$dbh->begin_work;
$dbh->do("DECLARE c CURSOR FOR $scan");
$sandbox->clear_log;
is(scalar @{ rows('FETCH 5 FROM c') }, 5, 'the first rows');
my ($download) = $sandbox->log(kind => 'results');
is($download->{ms}, undef, 'come before the download is over');
is(scalar @{ rows('FETCH ALL FROM c') }, 115, 'the others later');
$dbh->commit;
$dbh->do('RESET cursor_tuple_fraction');
$sandbox->clear_faults;

# A job that is finished at once
$sandbox->fault({ match => { kind => 'all' }, fault => { type => 'job_answer', fields => {
    status => 'finished', found_documents => 2, results_url => $sandbox->results_endpoint . '/services/s3/dealers/x/y' } } });
$sandbox->fault({ match => { kind => 'results' }, fault => { type => 'reply', body => '[{"_id": "a"}, {"_id": "b"}]' } });
@log = log_of($scan);
is_deeply([ map { $_->{kind} } @log ], [qw(all results)], 'a job that is finished at once is not looked at');
is_deeply(ids($scan), [qw(a b)], 'and its results are read');
$sandbox->clear_faults;

# A job that comes to nothing: pages are read, and EXPLAIN tells why
my %answer = (
    'the job is "failed"'                    => { job_outcome => 'failed' },
    'the service answered 404'               => { job_outcome => 'vanished' },
    'the service answered 404 '              => [ { kind => 'all' }, { type => 'status', status => 404 } ],
    'the service answered 501'               => [ { kind => 'all' }, { type => 'status', status => 501 } ],
    'the service answered 500'               => [ { kind => 'job' }, { type => 'status', status => 500 } ],
    'the results were answered 404'          => [ { kind => 'results' }, { type => 'status', status => 404 } ],
    'the results were answered 503'          => [ { kind => 'results' }, { type => 'status', status => 503 } ],
    'the job is "lost in space"'             => [ { kind => 'all' }, job_answer(status => "lost\nin space") ],
    'the job is "stopped"'                   => [ { kind => 'job' }, job_answer(status => 'stopped') ],
    'the job is "queued"'                    => [ { kind => 'all' }, job_answer(job_url => undef) ],
    'the job is "finished"'                  => [ { kind => 'job' }, job_answer(results_url => undef) ],
    'the job is "no **************"'         => [ { kind => 'all' }, job_answer(status => 'no ' . WalcuTest::Sandbox::PASSWORD) ],
    'the service\'s answer is not a job'     => [ { kind => 'all' }, job_answer(status => undef) ],
    'the service\'s answer is not a job '    => [ { kind => 'all' }, { type => 'reply', body => '[]' } ],
    'the service\'s answer is not a job  '   => [ { kind => 'job' }, { type => 'reply', body => '{"status": {"finished": true}}' } ],
    'the service\'s answer is not a job   '  => [ { kind => 'job' }, { type => 'reply', body => 'finished' } ],
    'the service\'s answer is too long'      => [ { kind => 'job' }, { type => 'reply', body => '[{"status": "' . 'x' x 2_000_000 . '"}]' } ],
);
for my $why (sort keys %answer)
{
    my $cause = $answer{$why};
    ref $cause eq 'HASH' ? $sandbox->settings(%$cause) : $sandbox->fault({ match => $cause->[0], fault => $cause->[1] });
    is_deeply(ids($scan), \@ids, "$why: the answer is right");
    my $plan = join "\n", map { $_->[0] } @{ rows("EXPLAIN (ANALYZE, COSTS OFF) $scan") };
    like($plan, qr/^ *Strategy: background job$/m, 'a job was planned');
    like($plan, qr/^ *Pages because: \Q@{[ $why =~ s{ +$}{}r ]}\E$/m, 'and EXPLAIN tells why it was none');
    is_deeply(rows("$scan ORDER BY make, _id"), without_pushdown("$scan ORDER BY make, _id"), 'in order, too');
    $sandbox->clear_faults;
    $sandbox->settings(job_outcome => 'finished');
}
unlike(join("\n", map { $_->[0] } @{ rows("EXPLAIN (ANALYZE, COSTS OFF) $scan") }), qr/Pages because/, 'nothing is told of a good one');
$sandbox->fault({ match => { kind => 'job' }, skip => 2, fault => { type => 'status', status => 404 } });
$sandbox->settings(job_polls => 5);
is_deeply([ map { $_->{kind} } log_of($scan) ], [qw(all job job job list list list)], 'pages follow a job that vanishes late');
$sandbox->settings(job_polls => 0);
$sandbox->clear_faults;

# One that does not end
$sandbox->settings(job_outcome => $_) and does_not_end($_) for qw(processing queued);
$sandbox->settings(job_outcome => 'finished');

# Results that are not what the job has found
for my $row (
    [ 'more',               'job',     job_answer(found_documents => 119), '08P01' ],
    [ 'fewer',              'job',     job_answer(found_documents => 121), '08P01' ],
    [ 'none',               'job',     job_answer(found_documents => 0),   '08P01' ],
    [ 'fewer than a billion', 'job',   job_answer(found_documents => 1e12), '08P01' ],
    [ 'an unknown number',  'job',     job_answer(found_documents => undef), 'right' ],
    [ 'a number in words',  'job',     job_answer(found_documents => 'many'), 'right' ],
    [ 'without the last',   'results', { type => 'miscount', drop => 1 },   '08P01' ],
    [ 'with the first twice', 'results', { type => 'miscount', repeat => 1 }, '08P01' ],
  )
{
    my ($name, $kind, $fault, $outcome) = @$row;
    $sandbox->fault({ match => { kind => $kind }, fault => $fault });
    my $got = eval { ids($scan) };
    is($got ? (@$got == 120 ? 'right' : 'WRONG') : $dbh->state, $outcome, "$name documents");
    $sandbox->clear_faults;
}

# A download that breaks comes again, and no row twice
for my $fault (
    { type => 'close', when => 'during' }, { type => 'close', when => 'during', bytes => 3000 }, { type => 'close', when => 'during', bytes => 1 },
    { type => 'reset', when => 'during', bytes => 5000 }, { type => 'truncate', at => 0.9 }, { type => 'invalid_json' },
  )
{
    for my $times (1, 2)
    {
        $sandbox->fault({ match => { kind => 'results' }, times => $times, fault => $fault });
        $sandbox->clear_log;
        is_deeply(ids($scan), \@ids, encode_json($fault) . ": after $times broken downloads the rows are right");
        is_deeply([ map { $_->{kind} } $sandbox->log ], [ qw(all job), ('results') x ($times + 1) ], 'and nothing else was asked for');
        $sandbox->clear_faults;
    }
}

# After the first row there is no way but that
my $half = { type => 'close', when => 'during' };
my $other = sub { return { type => 'reply', body => encode_json([ map { { _id => $_ } } @_ ]) } };
for my $row (
    [ 'it breaks each time', '08006', $half, $half, $half ],
    [ 'the results have vanished', 'HV00R', $half, { type => 'status', status => 404 } ],
    [ 'the results host fails', '08006', $half, { type => 'status', status => 501 } ],
    [ 'other documents come', '08P01', $half, $other->(reverse @ids) ],
    [ 'fewer documents come', '08P01', $half, $other->($ids[0]) ],
    [ 'none comes', '08P01', $half, $other->() ],
  )
{
    my ($name, $outcome, @faults) = @$row;
    $sandbox->fault({ match => { kind => 'results' }, skip => $_, times => 1, fault => $faults[$_] }) for 0 .. $#faults;
    $sandbox->clear_log;
    is(sql_error($dbh, $scan)->{sqlstate}, $outcome, "after the first rows $name");
    is($sandbox->request_count(kind => 'list'), 0, 'and no page is asked for');
    $sandbox->clear_faults;
}
$sandbox->fault({ match => { kind => 'job' }, fault => job_answer(found_documents => undef) });
$sandbox->fault({ match => { kind => 'results' }, times => 1, fault => $half });
$sandbox->fault({ match => { kind => 'results' }, skip => 1, fault => $other->($ids[0]) });
is(sql_error($dbh, $scan)->{sqlstate}, '08P01', 'fewer than before, of a job that did not tell their number');
$sandbox->clear_faults;

# When a job is chosen.  What requests take is learned in a session, so each has its own
$dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode 'auto')");
my ($many, $few) = (1500, 900);
for my $row (
    [ $many, $scan, 'background job' ],
    [ $few, $scan, 'parallel pages by key' ],
    [ $many, "$scan LIMIT 10", 'pages by key' ],
    [ $many, "$scan ORDER BY make LIMIT 10", 'pages by key' ],
    [ $many, "$scan ORDER BY _id", 'background job' ],
    [ $many, "$scan WHERE _id = 'x'", 'document by id' ],
    [ $many, "$scan WHERE make = 'Seat'", 'parallel pages by key' ],
    [ $many, 'SELECT count(make) FROM crm.cars', 'background job' ],
    [ $many, "$scan WHERE EXISTS (SELECT FROM crm.cars)", 'pages by key' ],
    [ $many, $scan, 'parallel pages by key', job_threshold => 1600 ],
    [ $few, $scan, 'background job', job_threshold => 0, fdw_startup_cost => 100, fetch_size => 10 ],
    [ $many, $scan, 'background job', paging => 'skip' ],
    [ $few, $scan, 'pages by skip', paging => 'skip' ],
    [ $many, $scan, 'pages by key', fetch_mode => 'pages' ],
    [ $many, $scan, 'parallel pages by key', fetch_mode => 'parallel' ],
    [ $few, $scan, 'background job', fetch_mode => 'job' ],
  )
{
    my ($tuples, $sql, $strategy, %options) = @$row;
    $dbh->do("UPDATE pg_class SET reltuples = $tuples WHERE oid = 'crm.cars'::regclass");
    $dbh->do('ALTER FOREIGN TABLE crm.cars OPTIONS (' . join(', ', map { "ADD $_ '$options{$_}'" } sort keys %options) . ')') if %options;
    is(strategy(connect_db($node), $sql), $strategy,
        join ' ', "$tuples documents:", $sql, map { "$_=$options{$_}" } sort keys %options);
    $dbh->do('ALTER FOREIGN TABLE crm.cars OPTIONS (' . join(', ', map { "DROP $_" } sort keys %options) . ')') if %options;
}

# Where requests are quick, a job that takes a second is dear
$dbh->do("UPDATE pg_class SET reltuples = $many WHERE oid = 'crm.cars'::regclass");
my $session = connect_db($node);
is(strategy($session, $scan), 'background job', 'before anything is known, a job is chosen');
$session->do("SELECT FROM crm.cars WHERE _id = '$ids[0]'") for 1 .. 30;
is(strategy($session, $scan), 'parallel pages by key', 'when requests were quick, pages are');

done_testing();

sub rows
{
    my ($sql) = @_;
    return $dbh->selectall_arrayref($sql);
}

sub ids
{
    my ($sql) = @_;
    return [ sort { $a cmp $b } map { $_->[0] } @{ rows($sql) } ];
}

sub log_of
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $dbh->do($sql);
    return $sandbox->log;
}

# The parameters that the first job was started with.
sub start_of
{
    my ($sql) = @_;
    my ($start) = grep { $_->{kind} eq 'all' } log_of($sql);
    return { %{ $start->{query} } };
}

sub without_pushdown
{
    my ($sql) = @_;
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    my $rows = rows($sql);
    $dbh->do('RESET walcu_fdw.enable_pushdown');
    return $rows;
}

sub job_answer
{
    my (%fields) = @_;
    return { type => 'job_answer', fields => \%fields };
}

sub does_not_end
{
    my ($state) = @_;
    $dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS (ADD job_timeout '500ms')");
    my $start = time;
    my $error = sql_error($dbh, $scan);
    cmp_ok(time - $start, '>=', 0.5, "a job that stays $state is waited for");
    is($error->{sqlstate}, '53400', 'until job_timeout');
    is($error->{message}, 'a background job of server "crm" did not finish within 0.5 s', 'the message');
    like($error->{hint}, qr/job_timeout.*fetch_mode to 'parallel'/, 'the hint');
    $dbh->do('ALTER FOREIGN TABLE crm.cars OPTIONS (DROP job_timeout)');
    return;
}

sub strategy
{
    my ($session, $sql) = @_;
    my ($strategy) = map { $_->[0] =~ /^ *Strategy: (.*)$/ ? $1 : () } @{ $session->selectall_arrayref("EXPLAIN $sql") };
    return $strategy;
}
