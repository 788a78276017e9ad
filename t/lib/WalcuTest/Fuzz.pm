package WalcuTest::Fuzz;

# WalcuTest::Fuzz
#   The differential fuzzer: random queries over random documents, each with pushdown on
#   and off, which must come to the same.
#
#     my $tally = fuzz(queries => 20000, seed => 1, jobs => 2);
#     print tally_text($tally);
#
#   Options: `queries`, how many; `seed`; `jobs`, how many run at a time; `only`, the
#   number of the one query to run; `report`, called with each difference and, now and
#   then, with how far it is.
#
#   A query is a function of the seed and its number, and so are the documents and the kind of service
#   (WalcuTest::Services), which change every ROUND queries: any query can be run again alone.  What is in Fuzz/:
#
#     Chance      random draws
#     Values      values at the borders of the types, and how SQL writes them
#     Documents   documents that hold such values
#     Data        values and paths that are in the documents
#     Schemas     the tables
#     Terms, Operands, Operators, Patterns   conditions: left side, right side, both
#     Queries     what is around conditions
#     Session     running a query with pushdown on and off, and comparing

use strict;
use warnings;

use Encode qw(encode_utf8);
use Exporter 'import';
use Cpanel::JSON::XS ();
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Utils ();
use Storable qw(nstore retrieve);
use Time::HiRes qw(time);
use WalcuTest;
use WalcuTest::Fuzz::Chance;
use WalcuTest::Fuzz::Data;
use WalcuTest::Fuzz::Documents;
use WalcuTest::Fuzz::Operators;
use WalcuTest::Fuzz::Queries;
use WalcuTest::Fuzz::Schemas;
use WalcuTest::Fuzz::Session;
use WalcuTest::Services;

our @EXPORT = qw(fuzz tally_text);

use constant ROUND          => 500;
use constant TABLES         => 5;     # of 20, in a round
use constant DOCUMENTS      => 12;    # generated, in a table
use constant ODD_DOCUMENTS  => 30;    # added to them
use constant SAMPLE         => 24;    # documents that values are drawn from
use constant SHRINKING_RUNS => 80;
use constant REPORTED       => 10;    # differences of a job; the others are counted
use constant THROUGH_WRAPPER => 10;   # of so many queries, one is run without pushdown, too, and the others over copies

my $ALL_ON_A_PAGE = 1000;

# One for each round, in turn
my @SERVICES = services(qw(ids filters lists));

# What says something else of a copy: the service's query language, and the table itself.
my $ONLY_FOREIGN = qr/_search|tableoid/;

# Of 20 queries in a row, so many are of each mode.
my @MODES = (
    {
        name     => 'mismatch_null',
        share    => 9,
        server   => { on_type_mismatch => 'null', fetch_size => 1000 },
        settings => { page_cap => $ALL_ON_A_PAGE },
    },
    {
        name     => 'q_ignored',
        share    => 3,
        server   => { on_type_mismatch => 'null', fetch_size => 1000, paging => 'skip', max_url_length => 1000 },
        settings => { page_cap => $ALL_ON_A_PAGE },
        fault    => { match => { kind => 'list' }, fault => { type => 'ignore', q => JSON::PP::true } },
    },
    {
        name     => 'small_pages',
        share    => 3,
        server   => { on_type_mismatch => 'null', max_url_length => 1000 },
        settings => { page_cap => 15 },
    },
    {
        name     => 'jobs',
        share    => 1,
        server   => { on_type_mismatch => 'null', fetch_mode => 'job' },
        settings => { page_cap => $ALL_ON_A_PAGE, job_polls => 0 },
    },
    {
        name     => 'mismatch_error',
        share    => 4,
        server   => { on_type_mismatch => 'error', fetch_size => 1000 },
        settings => { page_cap => 15 },
        prepare  => \&remove_misfits,
        takes_mismatches => 1,
        is_copied => 0,    # an error has no copy
    },
);
my @MODE_OF = map { my $mode = $_; ($mode) x $mode->{share} } @MODES;

sub fuzz
{
    my %options = (queries => 3000, seed => 1, jobs => 1, report => sub { }, @_);
    # Settings of start_node serve tests of the log; here it would only grow.
    my $node = start_node('fuzz', log_min_messages => 'fatal', log_min_error_statement => 'panic');
    my @rounds = defined $options{only} ? int($options{only} / ROUND) : 0 .. int(($options{queries} - 1) / ROUND);
    my $jobs = $options{jobs} < @rounds ? $options{jobs} : @rounds;
    my $directory = PostgreSQL::Test::Utils::tempdir();
    my @workers;
    for my $job (0 .. $jobs - 1)
    {
        my @own = map { $rounds[$_] } grep { $_ % $jobs == $job } 0 .. $#rounds;
        push @workers, start_worker($node, $job, \@own, \%options, "$directory/$job");
    }
    for my $worker (@workers)
    {
        waitpid $worker->{pid}, 0;
        $worker->{status} = $?;
    }
    my $tally = new_tally();
    for my $worker (@workers)
    {
        die "job $worker->{job} broke off\n" if $worker->{status};
        add_tally($tally, retrieve($worker->{result}));
    }
    return $tally;
}

# A process of its own, with a sandbox and a database.
sub start_worker
{
    my ($node, $job, $rounds, $options, $result) = @_;
    my $pid = fork // die "fork: $!";
    return { pid => $pid, job => $job, result => $result } if $pid;

    # The parent's cluster and test are not this process's to end.
    my $sandbox;
    local $SIG{TERM} = local $SIG{INT} = sub { $sandbox->stop if $sandbox; POSIX::_exit(1) };
    my $done = eval {
        $sandbox = WalcuTest::Sandbox->start(scale => 1);
        nstore(run_rounds($node, $job, $sandbox, $rounds, $options), $result);
        1;
    };
    $options->{report}->("job $job: $@\n") unless $done;
    $sandbox->stop if $sandbox;
    POSIX::_exit($done ? 0 : 1);
}

sub run_rounds
{
    my ($node, $job, $sandbox, $rounds, $options) = @_;
    my $dbname = "fuzz$job";
    $node->safe_psql('postgres', "CREATE DATABASE $dbname");
    $node->safe_psql($dbname, "CREATE EXTENSION walcu_fdw; ALTER DATABASE $dbname SET client_min_messages = error;
        ALTER DATABASE $dbname SET statement_timeout = '60s'; ALTER DATABASE $dbname SET jit = off");
    my $session = WalcuTest::Fuzz::Session->new($node, $dbname, $sandbox);
    create_types($session->dbh);
    my ($catalog) = create_schema($session->dbh, $sandbox, name => 'catalog', resources => \@RESOURCES);
    my $worker = {
        %$options,
        job     => $job,
        sandbox => $sandbox,
        session => $session,
        catalog => { map { ($_->{resource} => $_) } @$catalog },
        tally   => new_tally(),
        started => time,
    };
    run_round($worker, $_) for @$rounds;
    return $worker->{tally};
}

sub run_round
{
    my ($worker, $round) = @_;
    my @numbers = defined $worker->{only} ? $worker->{only} : ($round * ROUND .. ($round + 1) * ROUND - 1);
    @numbers = grep { $_ < $worker->{queries} } @numbers unless defined $worker->{only};
    my %numbers;
    push @{ $numbers{ $MODE_OF[ $_ % @MODE_OF ]{name} } }, $_ for @numbers;

    my $scene = set_scene($worker, $round);
    for my $mode (grep { $numbers{ $_->{name} } } @MODES)
    {
        my $tables = enter_mode($worker, $mode, $scene);
        run_query($worker, $mode, $tables, $scene->{data}, $_) for @{ $numbers{ $mode->{name} } };
        leave_mode($worker, $mode);
    }
    $worker->{report}->(sprintf 'job %d: round %d done, %d queries, %d differences, %.0f s', $worker->{job}, $round,
        $worker->{tally}{queries}, $worker->{tally}{verdicts}{different} // 0, time - $worker->{started});
    return;
}

# The documents of a round, some of them to draw values from, and tables declared for them.
sub set_scene
{
    my ($worker, $round) = @_;
    my ($sandbox, $seed) = @{$worker}{qw(sandbox seed)};
    my @resources = resources_of_round($seed, $round);
    seed_chance($seed, 'round', $round);
    $sandbox->reset(seed => between(1, 1e9), scale => 1, counts => { map { ($_ => DOCUMENTS) } @RESOURCES });
    $sandbox->settings(settings_of(service_of($round)));

    my $parser = Cpanel::JSON::XS->new->utf8;
    my %documents;
    for my $resource (@resources)
    {
        my %types = map { ($_->{name} => $_->{type} . ($_->{array} ? '[]' : '')) } @{ $worker->{catalog}{$resource}{columns} };
        my $odd = odd_documents([ some(ODD_DOCUMENTS, $sandbox->dump_lines($resource)) ], \%types, ODD_DOCUMENTS);
        my $ids = service_of($round)->{ids} eq 'objectid' ? '/with_object_ids' : '';
        $sandbox->post("/_sandbox/documents/$resource$ids", \$odd);
        $documents{$resource} = [ map { $parser->decode($_) } some(SAMPLE, $sandbox->dump_lines($resource)) ];
    }
    my $data = WalcuTest::Fuzz::Data->new(\%documents);
    my $tables = [ map { $worker->{catalog}{$_} } @resources ];
    create_local($worker->{session}->dbh, $data, $tables);
    return { resources => \@resources, data => $data, declarations => declarations($data, $tables) };
}

sub service_of
{
    my ($round) = @_;
    return $SERVICES[ $round % @SERVICES ];
}

# In a few rounds, every resource has its turn.
sub resources_of_round
{
    my ($seed, $round) = @_;
    my $rounds_of_all = @RESOURCES / TABLES;
    seed_chance($seed, 'resources', int($round / $rounds_of_all));
    my @order = shuffled(@RESOURCES);
    my $first = $round % $rounds_of_all * TABLES;
    return sort @order[ $first .. $first + TABLES - 1 ];
}

# The tables that the mode's queries are drawn from: imported ones more often.
sub enter_mode
{
    my ($worker, $mode, $scene) = @_;
    my ($sandbox, $dbh) = ($worker->{sandbox}, $worker->{session}->dbh);
    # what is refused with 500 is asked for again, at once
    my %server = (max_retry_wait => '10ms', results_hosts => $sandbox->results_endpoint =~ s{^http://}{}r, %{ $mode->{server} });
    my ($imported, $declared) = create_schema($dbh, $sandbox, %{$scene}{qw(resources declarations)}, name => $mode->{name}, server => \%server);
    $sandbox->settings(%{ $mode->{settings} });
    $mode->{prepare}->($worker, $imported) if $mode->{prepare};
    create_copies($dbh, @$imported, @$declared) if $mode->{is_copied} // 1;
    $sandbox->fault($mode->{fault}) if $mode->{fault};
    return [ @$imported, @$imported, @$declared ];
}

sub leave_mode
{
    my ($worker, $mode) = @_;
    my $dbh = $worker->{session}->dbh;
    $worker->{sandbox}->clear_faults;
    # the settings of the last query are no one else's
    $dbh->do('RESET ALL');
    drop_schema($dbh, $mode->{name});
    return;
}

# Most queries should get past the mismatches: all tables but one lose what does not fit.
sub remove_misfits
{
    my ($worker, $tables) = @_;
    my $dbh = $worker->{session}->dbh;
    for my $table (@{$tables}[ 1 .. $#$tables ])
    {
        while (my $error = sql_error($dbh, "SELECT count(a) FROM $table->{name} a"))
        {
            my ($id) = $error->{message} =~ /in document "(.*)" of resource/s or die $error->{message};
            # messages show control characters as \x1b
            my $bytes = encode_utf8($id) =~ s/\\x([0-9a-f]{2})/chr hex $1/ger;
            my $escaped = join '', map { sprintf '%%%02x', $_ } unpack 'C*', $bytes;
            $worker->{sandbox}->delete("/_sandbox/documents/$table->{resource}/$escaped");
        }
    }
    return;
}

sub run_query
{
    my ($worker, $mode, $tables, $data, $number) = @_;
    seed_chance($worker->{seed}, 'query', $number);
    my $query = random_query($tables, $data);
    my $is_copied = ($mode->{is_copied} // 1) && $number % THROUGH_WRAPPER;
    my $mode_of_query = { %$mode, is_copied => $is_copied };
    my $outcome = compare_query($worker, $mode_of_query, $query);
    count_query($worker->{tally}, $mode, $query, $outcome);
    return unless $outcome->{leak} || $outcome->{verdict} =~ /^(?:different|invalid)$/;
    report_difference($worker, $mode_of_query, $query, $outcome, $number) if $worker->{tally}{reported}++ < REPORTED;
    return;
}

sub compare_query
{
    my ($worker, $mode, $query) = @_;
    my $sql = query_sql($query);
    my $copied = $mode->{is_copied} && $sql !~ $ONLY_FOREIGN ? copied($sql, $mode->{name}) : undef;
    return $worker->{session}->compare($query, $sql, $mode->{takes_mismatches}, $copied);
}

sub report_difference
{
    my ($worker, $mode, $query, $outcome, $number) = @_;
    my $kinds = join ', ', map { condition_kinds($_) } @{ $query->{trees} };
    ($query, $outcome) = shrink($worker, $mode, $query, $outcome);
    $worker->{report}->(join "\n", "seed $worker->{seed}, query $number ($mode->{name}, $query->{shape}: $kinds)",
        'service: ' . service_name(service_of(int($number / ROUND))),
        "again: @{[ $ENV{SERVICES} ? qq(SERVICES=$ENV{SERVICES} ) : '' ]}scripts/fuzz --seed $worker->{seed} --query $number",
        $worker->{session}->account($query, query_sql($query), $outcome));
    return;
}

# The same query with as few conditions as still make a difference.
sub shrink
{
    my ($worker, $mode, $query, $outcome) = @_;
    my $left = SHRINKING_RUNS;
    my $found = 1;
    while ($found)
    {
        $found = 0;
        for my $smaller (smaller_queries($query))
        {
            return ($query, $outcome) if $left-- <= 0;
            my $next = compare_query($worker, $mode, $smaller);
            next unless $next->{verdict} eq $outcome->{verdict} && $next->{leak} == $outcome->{leak};
            ($query, $outcome, $found) = ($smaller, $next, 1);
            last;
        }
    }
    return ($query, $outcome);
}

sub smaller_queries
{
    my ($query) = @_;
    my @smaller;
    for my $i (0 .. $#{ $query->{trees} })
    {
        push @smaller, { %$query, trees => [ $query->{trees}[$i] ] } if $query->{separable} && @{ $query->{trees} } > 1;
        for my $tree (smaller_trees($query->{trees}[$i]))
        {
            my @trees = @{ $query->{trees} };
            $trees[$i] = $tree;
            push @smaller, { %$query, trees => \@trees };
        }
    }
    return @smaller;
}

sub smaller_trees
{
    my ($tree) = @_;
    my @parts = @{ $tree->{parts} // [] };
    my @smaller = $tree->{whole} ? () : @parts;
    for my $i (0 .. $#parts)
    {
        my @others = @parts[ grep { $_ != $i } 0 .. $#parts ];
        push @smaller, { %$tree, parts => \@others } if @others > 1;
        push @smaller, map { my @changed = @parts; $changed[$i] = $_; +{ %$tree, parts => \@changed } } smaller_trees($parts[$i]);
    }
    return @smaller;
}

sub new_tally
{
    my %counts = map { ($_ => 0) } qw(queries selects reported requests has_rows filter sort leak);
    return { %counts, map { ($_ => {}) } qw(verdicts modes shapes kinds) };
}

sub count_query
{
    my ($tally, $mode, $query, $outcome) = @_;
    my @leaves = map { condition_leaves($_) } @{ $query->{trees} };
    $tally->{queries}++;
    # such a query is several, whose answers are columns of its own
    $tally->{selects} += $query->{separable} ? @{ $query->{trees} } : 1;
    $tally->{$_} += $outcome->{$_} for qw(requests has_rows filter sort leak);
    $tally->{verdicts}{ $outcome->{verdict} }++;
    $tally->{modes}{"$mode->{name} $outcome->{verdict}"}++;
    $tally->{shapes}{"$query->{shape} $_"} += $outcome->{$_} for qw(filter sort);
    $tally->{shapes}{"$query->{shape} queries"}++;
    for my $kind (map { $_->{kind} } @leaves)
    {
        $tally->{kinds}{"$kind used"}++;
        next if @leaves > 1;
        $tally->{kinds}{"$kind alone"}++;
        $tally->{kinds}{"$kind pushed"} += $outcome->{filter};
    }
    return;
}

sub add_tally
{
    my ($tally, $more) = @_;
    for my $name (keys %$more)
    {
        if (ref $more->{$name}) { $tally->{$name}{$_} += $more->{$name}{$_} for keys %{ $more->{$name} } }
        else { $tally->{$name} += $more->{$name} }
    }
    return;
}

# What was run, and of it what was pushed, as a few tables.
sub tally_text
{
    my ($tally) = @_;
    my @text = (
        sprintf('%d queries in %d statements, %d of these with rows, %d requests with pushdown; filter pushed in %d, order in %d',
            @{$tally}{qw(selects queries has_rows requests filter sort)}),
        map { sprintf '  %-30s %6d', $_, $tally->{modes}{$_} } sort keys %{ $tally->{modes} });
    push @text, sprintf '%-34s %8s %8s %8s', 'shape of query', 'queries', 'filter', 'order';
    for my $shape (names_in($tally->{shapes}, 'queries'))
    {
        push @text, sprintf '  %-32s %8d %8d %8d', $shape, map { $tally->{shapes}{"$shape $_"} // 0 } qw(queries filter sort);
    }
    push @text, sprintf '%-34s %8s %8s %8s', 'condition', 'used', 'alone', 'pushed';
    for my $kind (names_in($tally->{kinds}, 'used'))
    {
        push @text, sprintf '  %-32s %8d %8d %8d', $kind, map { $tally->{kinds}{"$kind $_"} // 0 } qw(used alone pushed);
    }
    return join "\n", @text;
}

sub names_in
{
    my ($counts, $ending) = @_;
    return sort map { /^(.*) \Q$ending\E$/ ? $1 : () } keys %$counts;
}

1;
