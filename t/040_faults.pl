# A service that misbehaves: the whole right answer, or the documented error; never a short
# answer, a row twice, a crash, a hang, or something left behind.  Every fault of the sandbox hits the
# first, a middle and the last request of every way to read, once and for ever.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);
use WalcuTest;
use WalcuTest::Faults;

my $yes = JSON::PP::true();
my $retries = 2;
my %quick = (max_retries => $retries, max_retry_wait => '20ms', max_requests => 500);

# The requests of a scan, by kind and number.  A job has one of each kind.
my $last = DOCUMENTS / PAGE - 1;
my @list = ([ first => 'list', 0 ], [ middle => 'list', int($last / 2) ], [ last => 'list', $last ]);
my %requests = (
    id       => [ [ only => 'get', 0 ] ],
    pages    => \@list,
    parallel => \@list,
    skip     => \@list,
    job      => [ [ first => 'all', 0 ], [ middle => 'job', 0 ], [ last => 'results', 0 ] ],
);
my @strategies = qw(id pages parallel skip job);

# A fault, what it leads to once and for ever, and where that is otherwise: by the kind of the
# request, "call" for those that ask for a job and not for documents, or the strategy; with or without
# the position and the duration.  undef is what cannot be told from the truth.
#
# retried: the SQLSTATE is that of the last of several attempts
# hasty:   request_timeout is short
# only:    what a status means is the same for all ways to read
my @faults = (
    row({ type => 'latency', ms => 30 }, 'right', 'right'),
    row({ type => 'latency', ms => 1000 }, '08006', '08006', hasty => 1),
    row({ type => 'hang' }, '08006', '08006', hasty => 1),
    row({ type => 'slow', bytes => 500, ms => 1 }, 'right', 'right'),
    row({ type => 'slow', bytes => 1, ms => 20 }, '08006', '08006', hasty => 1),

    row({ type => 'status', status => 400 }, '22023', '22023'),
    row({ type => 'status', status => 401 }, '28000', '28000'),
    row({ type => 'status', status => 403 }, '42501', '42501', only => 'id'),
    row({ type => 'status', status => 404 }, 'HV00R', 'HV00R', id => 'none', job => 'right'),
    row({ type => 'status', status => 408 }, 'right', '08006', retried => 1),
    row({ type => 'status', status => 409 }, '23505', '23505', only => 'id'),
    row({ type => 'status', status => 413 }, '54000', '54000', only => 'id'),
    row({ type => 'status', status => 414 }, '54000', '54000', only => 'id'),
    row({ type => 'status', status => 418 }, 'HV000', 'HV000', only => 'id'),
    row({ type => 'status', status => 422 }, '23514', '23514'),
    row({ type => 'status', status => 429 }, 'right', '53400', retried => 1),
    row({ type => 'status', status => 429, retry_after => 1 }, '53400', '53400'),
    row({ type => 'status', status => 431 }, '54000', '54000', only => 'id'),
    map({ row({ type => 'status', status => $_ }, 'right', '08006', job => 'right', retried => 1) } 500, 502 .. 504),
    row({ type => 'status', status => 501 }, '08006', '08006', job => 'right'),
    row({ type => 'status', status => 503, retry_after => 1 }, '08006', '08006', job => 'right'),

    row({ type => 'close', when => 'before' }, 'right', '08006', retried => 1),
    row({ type => 'close', when => 'during' }, 'right', '08006', retried => 1),
    map({ row($_, 'right', 'right') } { type => 'close', when => 'after' }, { type => 'close', when => 'announced' }),
    map({ row($_, 'right', '08006', retried => 1) } { type => 'reset', when => 'before' }, { type => 'reset', when => 'during' }),

    # a job that comes to nothing: t/175 has more
    row({ type => 'job_answer', fields => { status => 'lost' } }, 'right', 'right'),

    # an answer about a job that is none is as good as no job
    map({ row($_, 'right', '08P01', call => 'right', retried => 1) }
        { type => 'truncate' }, { type => 'truncate', at => 0.99 },
        { type => 'invalid_json' }, { type => 'invalid_json', text => '[{"_id": "a"' },
        map({ { type => 'reply', body => $_ } } '[{]', '[{"a":}]', '[{"a":[}}]')),
    # some services say so that there is no such document; said once, it is asked again
    map({ row($_, 'right', '08P01', call => 'right', retried => 1, 'id ever' => 'none') }
        { type => 'truncate', at => 0 }, { type => 'invalid_json', text => 'null' },
        { type => 'reply', body => '' }, { type => 'reply', status => 204, body => '' }),

    row({ type => 'redirect', location => 'http://127.0.0.1:1/elsewhere' }, '08P01', '08P01'),
    # the results' own host is asked without credentials where it leads to itself: t/721
    row({ type => 'redirect', location => '/here', status => 307 }, '08P01', '08P01', results => '28000'),
    row({ type => 'content_type', value => 'text/html' }, '08P01', '08P01', job => 'right', all => '08P01'),
    row({ type => 'content_type', value => 'application/json; charset=utf-8' }, 'right', 'right'),

    # an empty page ends a list, and so does a page after which nothing is said to follow
    row({ type => 'has_more', value => 'missing' }, 'right', 'right'),
    row({ type => 'has_more', value => 'true' }, 'right', '08P01', id => 'right', job => 'right'),
    row({ type => 'has_more', value => 'false' }, 'right', 'right',
        (map { ("$_ first" => undef, "$_ middle" => undef) } qw(pages skip)), parallel => undef),
    row({ type => 'reply', body => '[]' }, undef, undef, id => 'none', call => 'right', results => '08P01'),
    # without an _id, only their number tells documents apart for paging by skip
    row({ type => 'reply', body => '{}' }, 'HV000', 'HV000', id => 'none', call => 'right', results => '08P01',
        skip => undef, 'skip ever' => '53400'),

    row({ type => 'page_cap', value => 3 }, 'right', 'right'),
    # what is missing at the end of a page comes with the next one
    row({ type => 'miscount', drop => 2 }, 'right', 'right',
        (map { ("$_ last" => undef, "$_ ever" => undef) } qw(pages skip)), parallel => undef, results => '08P01'),
    row({ type => 'miscount', repeat => 2 }, 'HV000', 'HV000', id => 'right', call => 'right', results => '08P01', skip => undef),
    row({ type => 'ignore', limit => $yes }, 'right', 'right'),
    row({ type => 'ignore', project => $yes }, 'right', 'right'),
    row({ type => 'ignore', q => $yes }, 'HV000', 'HV000',
        (map { ("$_ first once" => 'right') } qw(pages parallel)), skip => 'right', id => 'right', job => 'right'),
    # paging by skip is for services that do not sort; one that does now and then is beyond help.  Of
    # several lanes the last pages may have a single document
    row({ type => 'ignore', sort => $yes }, 'HV000', 'HV000',
        'parallel middle' => 'right|HV000', 'parallel last' => 'right|HV000',
        skip => undef, 'skip first ever' => 'right', id => 'right', job => 'right'),
    row({ type => 'ignore', skip => $yes }, 'right', 'right', skip => 'HV000', 'skip first once' => 'right'),
);

# Those that change the data have tests of their own: 030 and 177.  What is held is answered as ever.
my %elsewhere = (mutate => 1, hold => 1);

my $start = time;
my $faults = WalcuTest::Faults->start(
    servers => {
        crm   => { %quick, request_timeout => '15s' },
        hasty => { %quick, request_timeout => '300ms' },
        patient => { max_retry_wait => '5s' },
    });

my %covered = map { $_->{fault}{type} => 1 } @faults;
is_deeply([ grep { !$covered{$_} && !$elsewhere{$_} } fault_types() ], [], 'every type of fault is in the matrix');

my @cases = map { cases_of($_) } @faults;
my @results = $faults->run(@cases);
# on a busy machine a hasty scan may give up a request before the one that the fault waits for
wait_until(sub {
    my @again = grep { $cases[$_]{server} eq 'hasty' && $results[$_]{applied} == 0 } 0 .. $#cases;
    @results[@again] = $faults->run(@cases[@again]) if @again;
    return !@again;
});
my (%problems, %outcomes);
for my $number (0 .. $#cases)
{
    my ($case, $result) = ($cases[$number], $results[$number]);
    $outcomes{ $result->{outcome} =~ /^WRONG/ ? 'wrong' : $result->{outcome} }++;
    push @{ $problems{ $case->{group} } }, map { "$case->{name}: $_" } problems($case, $result);
}
for my $group (map { $_->{group} } grep { $_->{is_first} } @cases)
{
    is_deeply($problems{$group} // [], [], $group);
}

# What Retry-After says is waited for, by all lanes, if that is not too long
$faults->sandbox->clear_log;
my @waits = map { waits_of($_) } qw(date seconds);
@results = $faults->run(@waits);
push @cases, @waits;
for my $number (0 .. $#waits)
{
    my ($case, $result) = ($waits[$number], $results[$number]);
    is($result->{outcome}, 'right', $case->{name});
    is_deeply([ too_early($case, $result->{log}) ], [], 'nothing is asked for before it is over');
    $outcomes{ $result->{outcome} }++;
}
my ($refused) = $faults->run({ server => 'crm', strategy => 'pages', kind => 'list', fault => { type => 'status', status => 429, retry_after => 1 } });
like($refused->{error}, qr/^HINT:  The service asks to wait 1 s, more than the server option max_retry_wait allows\.$/m,
    'when it is too long, the hint says so');

cmp_ok($_, '<=', 0, 'no session has a descriptor left open') for $faults->descriptors;
diag sprintf '%d cases in %.0f s: %s', scalar @cases, time - $start,
  join ', ', map { "$outcomes{$_} $_" } sort keys %outcomes;

done_testing();

sub row
{
    my ($fault, $once, $ever, %otherwise) = @_;
    my %flags = map { $_ => delete $otherwise{$_} } grep { exists $otherwise{$_} } qw(retried hasty only);
    return { fault => $fault, once => $once, ever => $ever, otherwise => \%otherwise, %flags };
}

# Scans whose middle request, or each of a job's, is answered with Retry-After.
sub waits_of
{
    my ($form) = @_;
    my @all;
    for my $strategy (@strategies)
    {
        my @requests = @{ $requests{$strategy} };
        for my $request ($requests[0][1] eq 'list' ? $requests[1] : @requests)
        {
            my (undef, $kind, $skip) = @$request;
            push @all, {
                server => 'patient', strategy => $strategy, kind => $kind, skip => $skip, times => 1,
                fault => { type => 'status', status => $kind eq 'job' ? 503 : 429, retry_after => 1, retry_after_form => $form },
                wants_log => 1, latency => $strategy eq 'parallel' && 300, name => "Retry-After with $form, $strategy ($kind)" };
        }
    }
    return @all;
}

# The requests that began during the wait.  What was on its way with the one that was refused does not count.
sub too_early
{
    my ($case, $log) = @_;
    my ($refused) = grep { $_->{status} >= 400 } @$log;
    my $end = $refused->{ended} + $case->{fault}{retry_after};
    return map { sprintf '%s, %.3f s before', $_->{raw_path}, $end - $_->{began} }
      grep { $_->{began} > $refused->{ended} + 0.2 && $_->{began} < $end } @$log;
}

sub fault_types
{
    eval { $faults->sandbox->fault({ fault => { type => 'none of them' } }) };
    my ($types) = $@ =~ /must be one of (.*?)(?:, not|"})/ or die "the sandbox does not tell its faults: $@";
    return $types =~ /(\w+)/g;
}

# The cases of a fault, but for those whose outcome nobody can foretell.
sub cases_of
{
    my ($row) = @_;
    my $name = JSON::PP->new->canonical->encode($row->{fault});
    my @all;
    for my $strategy ($row->{only} // @strategies)
    {
        my @cases;
        for my $request (@{ $requests{$strategy} })
        {
            my ($position, $kind, $skip) = @$request;
            for my $duration (qw(once ever))
            {
                my $expected = expected($row, $strategy, $kind, $position, $duration) // next;
                push @cases, {
                    server => $row->{hasty} ? 'hasty' : 'crm', strategy => $strategy, kind => $kind, skip => $skip,
                    times => $duration eq 'once' ? 1 : undef, fault => $row->{fault}, expected => $expected, row => $row,
                    group => "$name, $strategy", name => "$position request ($kind), $duration" };
            }
        }
        $cases[0]{is_first} = 1 if @cases;
        push @all, @cases;
    }
    return @all;
}

sub expected
{
    my ($row, $strategy, $kind, $position, $duration) = @_;
    my @names = ($kind, $kind =~ /^(all|job)$/ ? 'call' : (), $strategy);
    for my $name (@names)
    {
        for my $key ("$name $position $duration", "$name $position", "$name $duration", $name)
        {
            return $row->{otherwise}{$key} if exists $row->{otherwise}{$key};
        }
    }
    return $row->{$duration};
}

sub problems
{
    my ($case, $result) = @_;
    my ($outcome, $expected, $row) = ($result->{outcome}, @$case{qw(expected row)});
    my $error = $result->{error} // '';
    my $tried = $error =~ /; it was tried (\d+) times\.$/m ? $1 : 1;
    my @problems;
    push @problems, "$outcome instead of $expected" unless $outcome =~ /^(?:$expected)$/;
    push @problems, 'the fault did not hit' if $result->{applied} == 0;
    push @problems, "it was tried $tried times" if $error && $tried != ($row->{retried} ? $retries + 1 : 1);
    push @problems, $result->{after} if $result->{after};
    return @problems;
}
