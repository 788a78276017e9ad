# The planner takes the way to join that costs the fewest requests, or nearly so: in each of these situations its
# choice is run, and so is every other way that can be forced.
#
# What is counted comes from the sandbox's log.  With fetch_mode 'parallel' it is requests alone.  Where background jobs
# are in play, a join by one job has five requests whatever it brings, so these would say nothing; there the
# measure is the planner's own, with what was really sent: a request counts 1, a job the time it takes in requests
# (2 + 1 s / 100 ms, or what the session has learned, as EXPLAIN tells of a table that is read by one), and a document
# fdw_tuple_cost / fdw_startup_cost.  Every table has more documents than job_threshold, or a job would be out of the question.

use strict;
use warnings;

use Test::More;
use WalcuTest;

use constant { CLIENTS => 3000, LEADS => 1500, CONTACTS => 120, DOCUMENT => 0.2 / 100, OF_BEST => 1.2 };

# What is set for a way, and of which kind a plan is
my $no_batches = 'SET walcu_fdw.enable_batched_join = off';
my $no_hashes = 'SET enable_hashjoin = off; SET enable_mergejoin = off';
my %WAYS = (
    'batched'         => "$no_hashes; SET enable_nestloop = off",
    'loop'            => "$no_batches; $no_hashes",
    'loop, no memory' => "$no_batches; $no_hashes; SET enable_memoize = off; SET enable_material = off",
    'whole'           => "$no_batches; SET enable_nestloop = off",
    'whole, merged'   => "$no_batches; SET enable_nestloop = off; SET enable_hashjoin = off",
);
my %KINDS = (
    batched => qr/Batched Key Join/,
    loop    => qr/Nested Loop(?!.*Batched Key Join)/s,
    whole   => qr/(?:Hash|Merge) (?:\w+ )*Join(?!.*Batched Key Join)/s,
);

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { clients => CLIENTS, saleleads => LEADS, contacts => CONTACTS });
$sandbox->settings(job_polls => 0);
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox,
    server => {
        on_type_mismatch => 'null',
        fetch_mode       => 'parallel',
        max_requests     => 0,
        results_hosts    => $sandbox->results_endpoint =~ s{^http://}{}r,
    },
    limit_to => [qw(clients saleleads contacts)]);
my $dbh = connect_db($node);
my $mode = 'parallel';
my $is_learned = 0;
make_tables();

# By requests
judge('one row',                           'loop',    by_id('few', 'WHERE l.id = 7'));
judge('few rows, a large collection',      'batched', by_id('few'));
judge('many rows with few keys',           'batched', by_id('repeats'));
judge('many keys, a large collection',     'batched', by_id('many'));
judge('many keys, a small collection',     'whole',   'SELECT l.id, c._id FROM contact_calls l LEFT JOIN crm.contacts c ON c._id = l.contact_id');
judge('few keys, a small collection',      'batched', 'SELECT l.id, c._id FROM contact_calls l LEFT JOIN crm.contacts c ON c._id = l.contact_id WHERE l.id <= 20');
judge('as many keys as documents',         'whole|batched', by_id('everyone'), qr/parallel pages/);
judge('a key with several documents',      'batched', 'SELECT l.id, s._id FROM few l JOIN crm.saleleads s ON s.client_id = l.client_id');
judge('many keys with several documents',  'batched', 'SELECT l.id, s._id FROM many l JOIN crm.saleleads s ON s.client_id = l.client_id');
judge('LIMIT 10',                          'batched', by_id('many', 'ORDER BY l.id LIMIT 10'));
judge('LIMIT 10 of a left join',           'batched', 'SELECT l.id, s._id FROM few l LEFT JOIN crm.saleleads s ON s.client_id = l.client_id ORDER BY l.id, s._id LIMIT 10');
judge('a semi join',                       'batched', 'SELECT l.id FROM hundreds l WHERE EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)');
judge('a semi join the other way round',   'batched', 'SELECT c._id FROM crm.clients c WHERE c._id IN (SELECT client_id FROM repeats)');
judge('an anti join',                      'batched', 'SELECT l.id FROM hundreds l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)');
judge('a selective condition',             'whole',   by_id('many', "AND c.created_at > '2026-05-15'"));
judge('a condition that leaves a quarter', 'batched', by_id('hundreds', "AND c.created_at > '2024-09-01'"), undef, 2);
judge('a condition on the local side',     'batched', by_id('many', 'WHERE l.id BETWEEN 100 AND 180'));
judge('CRM and CRM, few leads',            'batched',
    "SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id WHERE s.created_at > '2026-04-15'",
    qr/Batched.*saleleads s.*clients c/s);
judge('CRM and CRM, few clients',          'batched',
    "SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id WHERE c.created_at > '2026-05-15'",
    qr/Batched.*clients c.*saleleads s/s);
judge('CRM and CRM, all',                  'batched', 'SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id');
judge('a local table without ANALYZE',     'batched', by_id('unknown'));
judge('a CRM table without ANALYZE',       'batched', by_id('hundreds') =~ s/crm\.clients/uncounted/r);
$dbh->do("ALTER FOREIGN TABLE uncounted OPTIONS (ADD use_remote_estimate 'true')");
judge('use_remote_estimate',               'batched', by_id('many') =~ s/crm\.clients/uncounted/r);
judge('use_remote_estimate of a condition', 'whole',  by_id('many', "AND c.created_at > '2026-05-15'") =~ s/crm\.clients/uncounted/r);

# By what jobs, documents and requests cost
set_mode('auto');
judge('jobs: few keys',                    'batched', by_id('hundreds'));
judge('jobs: many keys',                   'whole',   by_id('many'));
judge('jobs: many keys with several documents', 'whole', 'SELECT l.id, s._id FROM many l JOIN crm.saleleads s ON s.client_id = l.client_id',
    qr/GET \/saleleads\/all\?project=client_id _id$/m);
judge('jobs: a key with many documents',   'batched|whole', 'SELECT l.id, c._id FROM users l JOIN crm.clients c ON c.created_by = l.user_id');
judge('jobs: CRM and CRM, all',            'whole',   'SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id');
$is_learned = 1;
# No job has been seen yet: it takes a second for all that the session knows.  How quick requests are hangs on what else
# the machine does; they have taken 17 ms at most when a job counts for more than 60.
wait_until(sub { learn_requests(); job_requests() > 60 });
judge('jobs: many keys, and a service without latency', 'batched', by_id('many'));
$sandbox->fault({ fault => { type => 'latency', ms => 50 } });
learn_requests();
$dbh->selectall_arrayref('SELECT _id FROM by_job') for 1 .. 8;
judge('jobs: many keys, and a latency of 50 ms', 'whole', by_id('many'));
judge('jobs: few keys, and a latency of 50 ms',  'batched', by_id('few'));

done_testing();

# A join by _id with a local table
sub by_id
{
    my ($table, $rest) = @_;
    return "SELECT l.id, c._id, c.created_at FROM $table l JOIN crm.clients c ON c._id = l.client_id " . ($rest // '');
}

# Is the planner's choice of this kind, and does it cost little more (OF_BEST) than the best of all ways?  Where
# that says too little, what its plan looks like and how many requests it takes at most are given, too.
sub judge
{
    my ($name, $kind, $sql, $shape, $most) = @_;
    my $own_mode = $mode;
    my $job = job_requests();
    my $chosen = run($sql, 'RESET ALL', $job);
    my ($is) = grep { $chosen->{plan} =~ $KINDS{$_} } sort keys %KINDS;
    like($is // 'none', qr/^(?:$kind)$/, "$name: $kind") or diag($chosen->{plan});
    like($chosen->{plan}, $shape, "$name: the plan") if $shape;
    cmp_ok($chosen->{requests}, '<=', $most, "$name: at most $most requests") if $most;

    is_deeply($chosen->{rows}, rows_of($dbh, $sql =~ s/\bcrm\./copy./gr =~ s/\buncounted\b/copy.clients/r), "$name: the rows of local tables");
    my $best = $chosen->{cost};
    my @notes;
    # what takes more requests for sure is stopped
    my ($worth) = sort { $b <=> $a } $chosen->{requests}, $chosen->{cost};
    set_max_requests(int(1.5 * $worth + 20));
    for my $way (sort keys %WAYS)
    {
        for my $other_mode ($own_mode eq 'auto' && $way =~ /^(?:batched|whole)$/ ? qw(parallel job) : $own_mode)
        {
            set_mode($other_mode);
            my $other = run($sql, $WAYS{$way}, $job);
            push @notes, "$way by $other_mode " . ($other->{rows} ? sprintf('%.1f', $other->{cost}) : 'stopped');
            next unless $other->{rows};
            is_deeply($other->{rows}, $chosen->{rows}, "$name: the same rows by $way") or diag($other->{plan});
            $best = $other->{cost} if $other->{cost} < $best;
        }
    }
    set_max_requests(0);
    set_mode($own_mode);
    note(sprintf '%s: %s %.1f; %s', $name, $is // '', $chosen->{cost}, join ', ', @notes);
    cmp_ok($chosen->{cost}, '<=', OF_BEST * $best, "$name: costs little more than the best way");
    return;
}

# The plan, the rows, and what was asked for; rows are missing when there were too many requests.
sub run
{
    my ($sql, $settings, $job) = @_;
    my $session = $is_learned ? $dbh : connect_db($node);
    $session->do("RESET ALL; $settings");
    my %result = (plan => plan_of($session, $sql));
    $sandbox->clear_log;
    $result{rows} = eval { rows_of($session, $sql) };
    die $@ unless $result{rows} || $session->state eq '53400';
    my @log = $sandbox->log;
    my $documents = 0;
    $documents += $_->{documents} // 0 for @log;
    $result{requests} = @log;
    my $jobs = grep { $_->{kind} eq 'all' } @log;
    my $pages = grep { $_->{kind} =~ /^(?:list|get)$/ } @log;
    $result{cost} = $job ? $pages + $jobs * $job + $documents * DOCUMENT : $pages;
    return \%result;
}

sub rows_of
{
    my ($session, $sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $session->selectall_arrayref($sql) } ];
}

sub plan_of
{
    my ($session, $sql) = @_;
    return join "\n", @{ $session->selectcol_arrayref("EXPLAIN $sql") };
}

sub set_mode
{
    ($mode) = @_;
    $dbh->do("ALTER SERVER crm OPTIONS (SET fetch_mode '$mode')");
    return;
}

sub set_max_requests
{
    my ($most) = @_;
    $dbh->do("ALTER SERVER crm OPTIONS (SET max_requests '$most')");
    return;
}

# What a background job counts, in requests; 0 where there are none.
sub job_requests
{
    return 0 if $mode ne 'auto';
    my ($requests) = plan_of($is_learned ? $dbh : connect_db($node), 'SELECT _id FROM by_job') =~ /Estimated Requests: (\d+)/;
    return $requests;
}

# From now on all is run in a session that has seen how long requests take.
sub learn_requests
{
    $dbh->do('RESET ALL');
    $dbh->selectall_arrayref("SELECT walcu_fdw_request('crm', 'GET', '/clients', '{\"limit\": 1}') FROM generate_series(1, 20)");
    note('a job counts as ' . job_requests() . ' requests');
    return;
}

# Local tables, whose names say which clients they know.
sub make_tables
{
    $dbh->do($_) for (
        'CREATE FOREIGN TABLE uncounted (_id text COLLATE "C" NOT NULL, created_at timestamptz) SERVER crm OPTIONS (resource \'clients\')',
        'CREATE FOREIGN TABLE by_job (_id text COLLATE "C" NOT NULL) SERVER crm OPTIONS (resource \'contacts\', fetch_mode \'job\')',
        map({ "ANALYZE crm.$_" } qw(clients saleleads contacts)),
        'CREATE SCHEMA copy',
        map({ "CREATE TABLE copy.$_ AS SELECT * FROM crm.$_" } qw(clients saleleads contacts)),
        'CREATE TABLE ids AS SELECT _id, row_number() OVER (ORDER BY md5(_id)) AS n FROM copy.clients',
        local_table('few',      30,   30),
        local_table('hundreds', 300,  300),
        local_table('repeats',  5000, 60),
        local_table('many',     5000, 1500),
        local_table('everyone', 5000, CLIENTS),
        'CREATE TABLE contact_calls AS SELECT row_number() OVER () AS id, _id AS contact_id FROM copy.contacts',
        "INSERT INTO contact_calls SELECT id, 'none' || id FROM generate_series(200, 2000) id",
        "CREATE TABLE users AS SELECT created_by AS user_id, row_number() OVER () AS id FROM copy.clients WHERE created_by IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 3",
        'CREATE INDEX ON many (id)',
        'CREATE INDEX ON few (id)',
        'ANALYZE',
        'CREATE TABLE unknown AS SELECT * FROM few');
    return;
}

sub local_table
{
    my ($name, $rows, $keys) = @_;
    return "CREATE TABLE $name AS SELECT id, _id AS client_id FROM generate_series(1, $rows) id JOIN ids ON n = 1 + id * 7 % $keys ORDER BY id";
}
