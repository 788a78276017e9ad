package WalcuTest::Faults;

# WalcuTest::Faults
#   Scans that the service answers badly, several of them at once: each in a session of its own and
#   over a resource of its own, so that a fault hits one of them alone.
#
#     my $faults = WalcuTest::Faults->start(servers => { crm => { max_retries => 2 } });
#     my @results = $faults->run(
#         { server => 'crm', strategy => 'pages', kind => 'list', skip => 4, times => 1,
#             fault => { type => 'hang' } });
#     $results[0]{outcome};   # right, none, an SQLSTATE, or WRONG and how
#     $results[0]{error};     # what PostgreSQL says of an error, its detail and hint included
#     $results[0]{applied};   # how often the fault hit
#     $results[0]{log};       # the requests, if the case has wants_log
#     $results[0]{after};     # what is amiss with the session afterwards, or nothing
#     $faults->descriptors;   # for each session, those left open when its connections are closed
#
# With latency every request of that kind waits so many milliseconds.
#
# A strategy is a way of reading: id, pages, parallel, skip or job.  Every resource has the same
# documents, DOCUMENTS of them in pages of PAGE.

use strict;
use warnings;

use DBD::Pg qw(:async);
use Exporter 'import';
use IO::Select;
use JSON::PP ();
use WalcuTest;
use WalcuTest::Backend;

our @EXPORT = qw(DOCUMENTS PAGE);

use constant DOCUMENTS => 120;
use constant PAGE      => 10;

# No case may take longer.
use constant LONGEST => '20s';

my @resources = qw(cars tasks notes contacts);
my %table_options = (
    id       => {},
    pages    => { fetch_mode => 'pages' },
    parallel => { fetch_mode => 'parallel' },
    skip     => { fetch_mode => 'pages', paging => 'skip' },
    job      => { fetch_mode => 'job' },
);
my $json = JSON::PP->new->canonical->allow_nonref;

# servers: the options of each, by name.
sub start
{
    my ($class, %arguments) = @_;
    my $sandbox = WalcuTest::Sandbox->start(scale => 1);
    my $node = start_node('main', log_min_messages => 'warning');
    my $self = bless { sandbox => $sandbox, node => $node, servers => $arguments{servers},
        documents => [ make_documents() ] }, $class;
    $self->{rows} = [ sort map { row($_->{_id}, $_->{custom}) } @{ $self->{documents} } ];
    $sandbox->settings(job_polls => 0);
    for my $resource (@resources)
    {
        $sandbox->delete("/_sandbox/documents/$resource");
        $sandbox->post("/_sandbox/documents/$resource", $self->{documents});
    }
    $self->make_server($_) for sort keys %{ $self->{servers} };
    $self->{sessions} = [ map { $self->make_session($_) } @resources ];
    return $self;
}

sub sandbox { return $_[0]{sandbox} }

# Run cases; returns a result for each, in their order.
sub run
{
    my ($self, @cases) = @_;
    my @idle = @{ $self->{sessions} };
    my @waiting = 0 .. $#cases;
    my %busy;
    my @results;
    while (@waiting || %busy)
    {
        while (@waiting && @idle)
        {
            my ($session, $number) = (shift @idle, shift @waiting);
            $self->begin($session, $cases[$number]);
            $busy{ $session->{dbh}{pg_socket} } = [ $session, $number ];
        }
        for my $socket (IO::Select->new(keys %busy)->can_read)
        {
            my ($session, $number) = @{ $busy{$socket} };
            next unless $session->{dbh}->pg_ready;
            $results[$number] = $self->end($session, $cases[$number]);
            delete $busy{$socket};
            push @idle, $session;
        }
    }
    return @results;
}

sub descriptors
{
    my ($self) = @_;
    return map { open_descriptors($_) - $_->{descriptors} } @{ $self->{sessions} };
}

sub begin
{
    my ($self, $session, $case) = @_;
    my $sandbox = $self->{sandbox};
    $session->{first_entry} = $case->{wants_log} ? $sandbox->request_count : 0;
    my %match = (kind => $case->{kind}, resource => $session->{resource});
    $session->{fault} =
      $sandbox->fault({ match => \%match, skip => $case->{skip} // 0, times => $case->{times}, fault => $case->{fault} });
    $session->{latency} = $case->{latency}
      && $sandbox->fault({ match => \%match, fault => { type => 'latency', ms => $case->{latency} } });
    my $sql = 'SELECT _id, custom FROM ' . table($session, @$case{qw(server strategy)});
    $sql .= " WHERE _id = '$self->{documents}[0]{_id}'" if $case->{strategy} eq 'id';
    $session->{statement} = $session->{dbh}->prepare($sql, { pg_async => PG_ASYNC });
    $session->{statement}->execute;
    return;
}

sub end
{
    my ($self, $session, $case) = @_;
    my $sandbox = $self->{sandbox};
    my $dbh = $session->{dbh};
    my $rows = eval { $dbh->pg_result; $session->{statement}->fetchall_arrayref };
    my %result = $rows ? (outcome => $self->verdict($case, $rows)) : (outcome => $dbh->state, error => $dbh->errstr);
    my ($rule) = grep { $_->{id} == $session->{fault} } @{ $sandbox->get('/_sandbox/faults') };
    $sandbox->delete("/_sandbox/faults/$_") for grep { $_ } @$session{qw(fault latency)};
    $result{applied} = $rule->{applied};
    $result{log} = [ $self->log_of($session) ] if $case->{wants_log};
    $result{after} = $self->check_session($session, $case->{server});
    return \%result;
}

sub verdict
{
    my ($self, $case, $rows) = @_;
    return 'none' unless @$rows;
    my @got = sort map { row($_->[0], defined $_->[1] ? $json->decode($_->[1]) : undef) } @$rows;
    my @right = $case->{strategy} eq 'id' ? row(@{ $self->{documents}[0] }{qw(_id custom)}) : @{ $self->{rows} };
    return 'right' if "@got" eq "@right";
    my %times = map { $_ => 1 } @got;
    return sprintf 'WRONG: %d rows, %d of them different', scalar @got, scalar keys %times;
}

sub log_of
{
    my ($self, $session) = @_;
    my @log = $self->{sandbox}->log;
    splice @log, 0, $session->{first_entry};
    return grep { ($_->{resource} // '') eq $session->{resource} } @log;
}

sub check_session
{
    my ($self, $session, $server) = @_;
    my $dbh = $session->{dbh};
    my $id = $self->{documents}[1]{_id};
    my $next = eval { $dbh->selectcol_arrayref('SELECT _id FROM ' . table($session, $server, 'id') . " WHERE _id = '$id'") };
    return 'the next query fails: ' . $dbh->errstr unless $next;
    return "the next query is wrong: @$next" unless "@$next" eq $id;
    return join '', map { "it has the memory context $_" } $session->{backend}->contexts;
}

sub row
{
    my ($id, $custom) = @_;
    return ($id // 'NULL') . ' ' . $json->encode($custom);
}

# Ids of five years, which stand in no order.
sub make_documents
{
    return map {
        my $number = $_ * 49 % DOCUMENTS;
        +{
            _id    => sprintf('%08x%08x%08x', 0x60000000 + 1_300_000 * $number, 0xa1b2c3d4, $number),
            custom => { number => $number, text => "document $number: \"{[\\ \x{e1}" x 3 },
        }
    } 0 .. DOCUMENTS - 1;
}

sub table
{
    my ($session, $server, $strategy) = @_;
    return "$server.$session->{resource}_by_$strategy";
}

sub make_server
{
    my ($self, $name) = @_;
    my ($sandbox, $node) = @$self{qw(sandbox node)};
    my ($results_host) = $sandbox->results_endpoint =~ m{^http://(.*)$};
    my %server = (fetch_size => PAGE, results_hosts => $results_host, %{ $self->{servers}{$name} });
    setup_crm($node, $sandbox, name => $name, server => \%server, limit_to => ['cars']);
    for my $strategy (sort keys %table_options)
    {
        my @tables = map {
            'CREATE FOREIGN TABLE ' . table({ resource => $_ }, $name, $strategy)
              . " (_id text COLLATE \"C\" NOT NULL, custom jsonb) SERVER $name "
              . options_sql({ resource => $_, %{ $table_options{$strategy} } })
        } @resources;
        $node->safe_psql('postgres', join ';', @tables);
    }
    return;
}

sub make_session
{
    my ($self, $resource) = @_;
    my $dbh = connect_db($self->{node});
    $dbh->do("SET statement_timeout = '@{[ LONGEST ]}'");
    my $session = { dbh => $dbh, resource => $resource, backend => WalcuTest::Backend->new($dbh) };
    for my $server (sort keys %{ $self->{servers} })
    {
        $self->check_session($session, $server);
        $dbh->do('SELECT FROM ' . table($session, $server, $_)) for sort keys %table_options;
    }
    $session->{descriptors} = open_descriptors($session);
    return $session;
}

# Those of a session that has no connection open.
sub open_descriptors
{
    my ($session) = @_;
    $session->{dbh}->do('SELECT walcu_fdw_disconnect_all()');
    return $session->{backend}->descriptors;
}

1;
