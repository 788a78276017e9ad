package WalcuTest::Fuzz::Session;

# WalcuTest::Fuzz::Session
#   Runs a query with pushdown on and off, or over local copies, in one backend, compares what comes of it,
#   and tells what the service was asked.
#
#     my $session = WalcuTest::Fuzz::Session->new($node, $dbname, $sandbox);
#     my $outcome = $session->compare($query, query_sql($query), $takes_mismatches);
#     $outcome->{verdict};    # same, unchecked (it fails without pushdown), tolerated, invalid, different
#     $outcome->{filter};     # a condition was pushed; {sort}: an order; {leak}: though it was off, in {leaks}
#     print $session->account($query, query_sql($query), $outcome);

use strict;
use warnings;
use utf8;

use JSON::PP ();
use WalcuTest;
use WalcuTest::Fuzz::Operators;
use WalcuTest::Fuzz::Values;

use constant SHOWN => 6;    # rows and requests of each side

my $json = JSON::PP->new->canonical->allow_nonref;

# Errors that one row causes: which rows are looked at may differ.
my $DATA_ERROR = qr/^22/;
my $MISMATCH = qr/^(?:HV004|22P05)$/;
# A search is for the service alone, which may refuse it; no filter is refused for good.
my $REFUSED_SEARCH = qr/ answered (?:400|422|500): Cast to /;

# What no generated query should come to.
my $INVALID = qr/^(?:42|0A|26|34)/;

# Filters as the log shows them: what paging by key asks for, and what is about _id alone
# and may be asked for without pushdown, too.
my $TEXT = qr/"(?:[^"\\]|\\.)*"/;
my $CONTINUATION = qr/"q":\{"_id":\{"\$gt":$TEXT\}\}[,}]/;
my $ID_ONLY = qr/"q":\{"_id":(?:$TEXT|\{(?:[^{}"]|$TEXT)*\})\}[,}]/;

sub new
{
    my ($class, $node, $dbname, $sandbox) = @_;
    my $self = bless { node => $node, dbname => $dbname, sandbox => $sandbox }, $class;
    $self->reconnect;
    return $self;
}

sub reconnect
{
    my ($self) = @_;
    for (1 .. 60)
    {
        $self->{dbh} = eval { connect_db($self->{node}, dbname => $self->{dbname}) };
        last if $self->{dbh};
        sleep 1;    # the server may be recovering from a crash
    }
    die "no connection: $@" unless $self->{dbh};
    $self->{dbh}{pg_expand_array} = 0;
    return;
}

sub dbh { return $_[0]{dbh} }

# `copied` is the query over local copies, which is quicker than to ask the service for all that it has.
sub compare
{
    my ($self, $query, $sql, $takes_mismatches, $copied) = @_;
    $self->{sandbox}->clear_log unless defined $copied;
    my $on = $self->execute($query, $sql, 'on');
    my $log_on = $self->taken_log;
    my $off = $self->execute($query, $copied // $sql, 'off');
    my $log_off = defined $copied ? '' : $self->taken_log;
    my ($verdict, $reason) = judge($query, $on, $off, $takes_mismatches);
    my @leaks = leaks($log_off);
    # the last request of the execution before, if it was broken off, may be logged late: then it is not there again
    if (@leaks)
    {
        $self->execute($query, $sql, 'off');
        @leaks = leaks($self->taken_log);
    }
    return {
        verdict  => $verdict,
        reason   => $reason,
        on       => $on,
        off      => $off,
        has_rows => scalar(grep { $_->{rows} && @{ $_->{rows} } } @$on) ? 1 : 0,
        requests => scalar(my @entries = split /\n/, $log_on),
        filter   => $log_on =~ /"kind":"get"/ || lists_with_filter($log_on, $CONTINUATION) ? 1 : 0,
        sort     => lists_with_sort($log_on) ? 1 : 0,
        leak     => @leaks ? 1 : 0,
        leaks    => \@leaks,
    };
}

# The log as text: to decode each entry would take longer than the query.
sub taken_log
{
    my ($self) = @_;
    return $self->{sandbox}->raw('POST', '/_sandbox/log/take')->{content};
}

# What there must not be without pushdown.
sub leaks
{
    my ($log) = @_;
    return (lists_with_filter($log, $ID_ONLY), lists_with_sort($log));
}

# Lists with a filter other than this.
sub lists_with_filter
{
    my ($log, $other) = @_;
    return grep { /"kind":"list"/ && /"query":\{.*"q":/ && $_ !~ $other } split /\n/, $log;
}

# Lists in another order than those of paging by key, and of the look whether the service sorts by it.
sub lists_with_sort
{
    my ($log) = @_;
    return grep { /"kind":"list"/ && /"sort":"/ && !/"sort":"-?_id"/ } split /\n/, $log;
}

# A result for each execution: { rows => [texts] } or { error => { sqlstate, message } }.
sub execute
{
    my ($self, $query, $sql, $pushdown) = @_;
    my ($setup, @statements) = statements($query, $sql, $pushdown);
    my $failed = $self->failure(sub { $self->{dbh}->do($setup, { pg_direct => 1 }) });
    return [ $failed ] if $failed;
    return [ map { $self->result($_) } @statements ];
}

sub result
{
    my ($self, $statement) = @_;
    my $rows;
    my $failed = $self->failure(sub {
        my $sth = $self->{dbh}->prepare($statement, { pg_direct => 1, pg_server_prepare => 0 });
        $sth->execute;
        $rows = $sth->fetchall_arrayref;
    });
    return $failed // { rows => [ map { row_text($_) } @$rows ] };
}

sub row_text
{
    my ($row) = @_;
    return join ' | ', map { defined ? $_ : 'NULL' } @$row;
}

# undef, or the error that came of it.
sub failure
{
    my ($self, $work) = @_;
    return undef if eval { $work->(); 1 };
    my $dbh = $self->{dbh};
    my $error = { sqlstate => $dbh->state, message => $dbh->pg_error_field('primary') // $dbh->errstr // $@ };
    if (!$dbh->ping)
    {
        $error->{sqlstate} = 'lost connection';
        $self->reconnect;
    }
    return { error => $error };
}

# The statement that sets everything up, and those whose results count.
sub statements
{
    my ($query, $sql, $pushdown) = @_;
    my %settings = (%{ $query->{settings} }, 'walcu_fdw.enable_pushdown' => $pushdown);
    my @setup = ('RESET ALL', 'DEALLOCATE ALL', map { "SET $_ = " . sql_string($settings{$_}) } sort keys %settings);
    return (join(";\n", @setup), $sql) unless $query->{prepared};

    my @params = @{ $query->{params} };
    my $types = @params ? '(' . join(', ', map { $_->{type} } @params) . ')' : '';
    my @executions = map {
        my $set = $_;
        @params ? '(' . join(', ', map { sql_literal($_->{values}[$set], $_->{type}) } @params) . ')' : '';
    } 0, 1;
    return (join(";\n", @setup, "PREPARE q$types AS $sql"), map { "EXECUTE q$_" } @executions);
}

# What both outcomes come to, and why.
sub judge
{
    my ($query, $on, $off, $takes_mismatches) = @_;
    my $verdict = 'same';
    for my $i (0 .. ($#$on > $#$off ? $#$on : $#$off))
    {
        my ($next, $reason) = judge_result($query, $on->[$i], $off->[$i], $takes_mismatches);
        return ($next, $reason) if $next eq 'different' || $next eq 'invalid';
        $verdict = $next if $next ne 'same';
    }
    return ($verdict, '');
}

sub judge_result
{
    my ($query, $on, $off, $takes_mismatches) = @_;
    return ('different', 'one execution has a result, the other none') unless $on && $off;
    my ($on_state, $off_state) = map { $_->{error} ? $_->{error}{sqlstate} : undef } $on, $off;
    for my $state (grep { defined } $on_state, $off_state)
    {
        return ('different', "an execution ended with $state") if $state =~ /^(?:lost|57014|XX)/;
    }
    my ($on_row, $off_row) = map { defined && ($_ =~ $DATA_ERROR || $takes_mismatches && $_ =~ $MISMATCH) } $on_state, $off_state;

    return compare_rows($query, $on->{rows}, $off->{rows}) unless defined $on_state || defined $off_state;
    # which scan is the first to fail is the plan's affair
    return 'unchecked' if grep { $_->{error} && $_->{error}{message} =~ $REFUSED_SEARCH && has_search($query) } $on, $off;
    if (!defined $on_state)
    {
        return $off_row ? 'unchecked' : ('different', "it fails without pushdown only, with $off_state");
    }
    if (!defined $off_state)
    {
        return $on_row && $query->{loose} ? 'tolerated' : ('different', "it fails with pushdown only, with $on_state");
    }
    return ('invalid', "$off_state: $off->{error}{message}") if $off_state =~ $INVALID && $on_state eq $off_state;
    return 'unchecked' if $on_state eq $off_state || $on_row && $off_row;
    return ('different', "it fails with $on_state with pushdown, and with $off_state without");
}

sub has_search
{
    my ($query) = @_;
    return scalar grep { $_->{kind} eq 'search' } map { condition_leaves($_) } @{ $query->{trees} };
}

sub compare_rows
{
    my ($query, $on, $off) = @_;
    my $same = $query->{ordered} ? "@{[ map { length . ':' . $_ } @$on ]}" eq "@{[ map { length . ':' . $_ } @$off ]}"
      : !grep { @$_ } row_differences($on, $off);
    return 'same' if $same;
    my ($only_on, $only_off) = row_differences($on, $off);
    return ('different', @$only_on || @$only_off
        ? sprintf '%d of %d rows come with pushdown only, %d of %d without only', scalar @$only_on, scalar @$on, scalar @$only_off, scalar @$off
        : 'the rows come in another order');
}

# Rows that one side has and the other has not, as often.
sub row_differences
{
    my ($on, $off) = @_;
    my %balance;
    $balance{$_}++ for @$on;
    $balance{$_}-- for @$off;
    my @only_on = map { ($_) x $balance{$_} } grep { $balance{$_} > 0 } sort keys %balance;
    my @only_off = map { ($_) x -$balance{$_} } grep { $balance{$_} < 0 } sort keys %balance;
    return (\@only_on, \@only_off);
}

# All that is needed to understand a difference.
sub account
{
    my ($self, $query, $sql, $outcome) = @_;
    my ($setup, @statements) = statements($query, $sql, 'on');
    my @text = ($outcome->{reason}, map({ "$_;" } $setup, @statements), '');
    for my $i (0 .. $#statements)
    {
        push @text, $statements[$i] if @statements > 1;
        push @text, differences($outcome->{on}[$i], $outcome->{off}[$i]);
    }
    push @text, 'EXPLAIN with pushdown:', $self->explained($query, $sql, $statements[0]), '';
    push @text, 'filters and orders with pushdown off:', map({ "  $_" } @{ $outcome->{leaks} }), '' if $outcome->{leak};
    push @text, "requests with pushdown $_:", $self->requests_of($query, $sql, $_), '' for qw(on off);
    return join "\n", @text;
}

sub differences
{
    my ($on, $off) = @_;
    my @text;
    for my $side ([ 'with pushdown', $on ], [ 'without', $off ])
    {
        my ($name, $result) = @$side;
        push @text, "$name: error $result->{error}{sqlstate}: $result->{error}{message}" if $result && $result->{error};
    }
    return @text unless $on && $off && $on->{rows} && $off->{rows};
    my ($only_on, $only_off) = row_differences($on->{rows}, $off->{rows});
    return ('orders: ', shown(@{ $on->{rows} }), '  instead of', shown(@{ $off->{rows} })) unless @$only_on || @$only_off;
    return ('only with pushdown:', shown(@$only_on), 'only without:', shown(@$only_off));
}

sub shown
{
    my @lines = map { '  ' . $json->encode(length > 300 ? substr($_, 0, 300) . '...' : $_) } @_;
    return @lines <= SHOWN ? @lines : (@lines[ 0 .. SHOWN - 1 ], '  ... ' . (@lines - SHOWN) . ' more');
}

sub explained
{
    my ($self, $query, $sql, $statement) = @_;
    my ($setup) = statements($query, $sql, 'on');
    my $lines;
    my $failed = $self->failure(sub {
        $self->{dbh}->do($setup, { pg_direct => 1 });
        my $sth = $self->{dbh}->prepare("EXPLAIN (VERBOSE) $statement", { pg_direct => 1, pg_server_prepare => 0 });
        $sth->execute;
        $lines = [ map { "  $_->[0]" } @{ $sth->fetchall_arrayref } ];
    });
    return $failed ? "  $failed->{error}{sqlstate}: $failed->{error}{message}" : @$lines;
}

sub requests_of
{
    my ($self, $query, $sql, $pushdown) = @_;
    $self->{sandbox}->clear_log;
    $self->execute($query, $sql, $pushdown);
    my @lines = map { '  ' . request_text($_) } $self->{sandbox}->log;
    return @lines <= SHOWN ? @lines : (@lines[ 0 .. SHOWN - 1 ], '  ... ' . (@lines - SHOWN) . ' more');
}

sub request_text
{
    my ($entry) = @_;
    my %asked = map { ($_ => $entry->{query}{$_}) } grep { defined $entry->{query}{$_} } qw(q search sort skip limit);
    return join ' ', $entry->{path}, $json->encode(\%asked), '->', $entry->{status} // 'none', $entry->{documents} // 'no', 'documents';
}

1;
