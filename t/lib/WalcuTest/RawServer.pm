package WalcuTest::RawServer;

# WalcuTest::RawServer
#   A server that says any bytes and ends a connection anywhere: what the sandbox's HTTP server cannot.
#
#     my $server = WalcuTest::RawServer->start;
#     $server->endpoint;                                  # http://127.0.0.1:PORT
#     $server->answer(
#         { match => '^GET /x', say => reply(200, '[]') },                        # as often as it is asked for
#         { match => '^POST ', say => substr(reply(201, '{}'), 0, 30), end => 'close', times => 1 },
#         { match => '.', say => [ head(200), { repeat => ' ' x 4096 } ] });      # blanks without end
#     $server->requests;    # those since the last answer(): { method, path, body, connection }
#
# Of the rules of answer() the first that matches "METHOD /path?query" and has times left counts; a request that none
# matches gets 404.  say is a string of bytes or a list of strings, { repeat => bytes, times => n } and
# { pause => seconds }.  end says what becomes of the connection then: 'keep' (it goes on), 'close' (in order),
# 'reset' (RST) or 'hang' (nothing more is said).
#
# start(front => 'tls') puts TLS before it (ca_file is for the client to trust it).  front => 'tls-cut' does so, too, and
# an orderly end is one of TCP alone, without TLS's own; front => 'http2' speaks HTTP/2 over TLS: there an orderly end closes
# the stream as if all had been said, and a reset breaks it off; front => 'http2-session' breaks off the connection instead.
#
# It runs in a process of its own, which ends with the test.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Socket qw(AF_UNIX IPPROTO_TCP PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER TCP_NODELAY);
use Storable ();
use Time::HiRes ();
use WalcuTest::Sandbox;

our @EXPORT = qw(reply head chunked);

my %phrases = (100 => 'Continue', 103 => 'Early Hints', 200 => 'OK', 201 => 'Created', 204 => 'No Content');
my %running;

sub start
{
    my ($class, %options) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "could not listen: $@";
    socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "no pair of sockets: $!";
    my $pid = fork // die "could not fork: $!";
    unless ($pid)
    {
        # PostgreSQL::Test::Cluster would end the test's clusters
        $SIG{TERM} = 'DEFAULT';
        close $ours;
        serve($listener, $theirs);
        # no END block of the test runs here
        require POSIX;
        POSIX::_exit(0);
    }
    close $theirs;
    $running{$pid} = 1;
    my $self = bless { port => $listener->sockport, control => $ours }, $class;
    start_front($self, $options{front}) if $options{front};
    return $self;
}

sub port    { return $_[0]{port} }
sub ca_file { return $_[0]{certificate}{cert} }

sub endpoint
{
    my ($self) = @_;
    return ($self->{certificate} ? 'https' : 'http') . "://127.0.0.1:$self->{port}";
}

# Forget the rules and requests before.
sub answer
{
    my ($self, @rules) = @_;
    return ask($self, { rules => \@rules });
}

sub requests
{
    my ($self) = @_;
    return @{ ask($self, {}) };
}

# A whole reply.  Options: headers, a list of lines; framing, one of
#   length   Content-Length (what it says is the option length, else the truth)
#   chunked  in pieces of 50 bytes
#   close    neither: the connection's end is the body's
#   1.0      the same, in HTTP/1.0
sub reply
{
    my ($status, $body, %options) = @_;
    my $framing = $options{framing} // 'length';
    my @headers = @{ $options{headers} // [] };
    push @headers, 'Content-Length: ' . ($options{length} // length $body) if $framing eq 'length' && $status != 204;
    push @headers, 'Transfer-Encoding: chunked' if $framing eq 'chunked';
    $body = chunked($body) if $framing eq 'chunked';
    return head($status, headers => \@headers, version => $framing eq '1.0' ? '1.0' : '1.1') . $body;
}

# The head of a reply of JSON, to its empty line.
sub head
{
    my ($status, %options) = @_;
    my @lines = ('HTTP/' . ($options{version} // '1.1') . " $status " . ($phrases{$status} // 'Status'));
    push @lines, 'Content-Type: application/json' unless $status < 200 || $status == 204 || grep { /^Content-Type:/i } @{ $options{headers} // [] };
    return join "\r\n", @lines, @{ $options{headers} // [] }, '', '';
}

sub chunked
{
    my ($body) = @_;
    return join '', map { sprintf("%x\r\n%s\r\n", length $_, $_) } $body =~ /(.{1,50})/sg, '';
}

sub ask
{
    my ($self, $message) = @_;
    Storable::store_fd($message, $self->{control}) or die "the raw server is gone: $!";
    $self->{control}->flush;
    return Storable::fd_retrieve($self->{control});
}

# What stands before the server is a program of Node.js.
sub start_front
{
    my ($self, $kind) = @_;
    $self->{certificate} = WalcuTest::Sandbox::make_certificate();
    my $pid = open(my $output, '-|', 'node', 't/lib/front.js', $kind, $self->{port}, @{ $self->{certificate} }{qw(cert key)})
      or die "could not start node: $!";
    $running{$pid} = $output;
    chomp(my $port = <$output> // die 'what stands before the raw server ended before it was ready');
    $self->{port} = $port;
    return;
}

# The server's own process: one loop over all that can be read or written.
sub serve
{
    my ($listener, $control) = @_;
    my ($readers, $writers) = (IO::Select->new($listener, $control), IO::Select->new);
    my $state = { rules => [], requests => [], accepted => 0, readers => $readers, writers => $writers, clients => {} };
    $listener->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    for (;;)
    {
        my ($readable, $writable) = IO::Select->select($readers, $writers, undef, pause_left($state));
        for my $socket (@{ $readable // [] })
        {
            if ($socket == $control)
            {
                obey($state, $control) or return;
            }
            elsif ($socket == $listener)
            {
                welcome($state, $listener);
            }
            elsif (my $client = $state->{clients}{$socket})
            {
                hear($state, $client);
            }
        }
        say_more($state, $_) for grep { defined } map { $state->{clients}{$_} } @{ $writable // [] };
        wake($state);
    }
}

sub obey
{
    my ($state, $control) = @_;
    my $message = eval { Storable::fd_retrieve($control) } or return 0;
    Storable::store_fd($state->{requests}, $control);
    $control->flush;
    @$state{qw(rules requests)} = ($message->{rules}, []) if $message->{rules};
    return 1;
}

sub welcome
{
    my ($state, $listener) = @_;
    my $socket = $listener->accept or return;
    $socket->blocking(0);
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    $state->{clients}{$socket} = { socket => $socket, heard => '', parts => [], number => ++$state->{accepted} };
    $state->{readers}->add($socket);
    return;
}

sub hear
{
    my ($state, $client) = @_;
    my $count = sysread $client->{socket}, $client->{heard}, 65536, length $client->{heard};
    return drop($state, $client) if !$count && !$!{EAGAIN};
    take_request($state, $client) unless $client->{busy};
    return;
}

# The next request that came whole.
sub take_request
{
    my ($state, $client) = @_;
    my ($head) = $client->{heard} =~ /^(.*?\r\n\r\n)/s or return;
    my ($length) = $head =~ /^content-length: *(\d+)/mi;
    return if length($client->{heard}) < length($head) + ($length // 0);
    my ($method, $path) = $head =~ /^(\S+) (\S+)/;
    my $body = substr $client->{heard}, length $head, $length // 0;
    substr($client->{heard}, 0, length($head) + ($length // 0)) = '';
    push @{ $state->{requests} }, { method => $method, path => $path, body => $body, connection => $client->{number} };
    my $rule = rule_for($state, "$method $path");
    $client->{busy} = 1;
    $client->{parts} = [ map { ref $_ ? {%$_} : $_ } ref $rule->{say} eq 'ARRAY' ? @{ $rule->{say} } : $rule->{say} ];
    $client->{end} = $rule->{end} // 'keep';
    say_more($state, $client);
    return;
}

sub rule_for
{
    my ($state, $request) = @_;
    for my $rule (@{ $state->{rules} })
    {
        next if $request !~ /$rule->{match}/ || defined $rule->{times} && $rule->{times} <= 0;
        $rule->{times}-- if defined $rule->{times};
        return $rule;
    }
    return { say => reply(404, '{"error": "nobody knows"}') };
}

# Say as much as the client takes.
sub say_more
{
    my ($state, $client) = @_;
    $state->{writers}->remove($client->{socket});
    while (defined(my $part = $client->{parts}[0]))
    {
        if (ref $part && $part->{pause})
        {
            $client->{awake} = Time::HiRes::time() + $part->{pause};
            shift @{ $client->{parts} };
            return;
        }
        my $bytes = $client->{left} // (ref $part ? $part->{repeat} : $part);
        my $count = length $bytes ? syswrite $client->{socket}, $bytes : 0;
        return drop($state, $client) if !defined $count && !$!{EAGAIN};
        $client->{left} = substr $bytes, $count // 0;
        if (length $client->{left})
        {
            $state->{writers}->add($client->{socket});
            return;
        }
        delete $client->{left};
        shift @{ $client->{parts} } if !ref $part || defined $part->{times} && --$part->{times} <= 0;
    }
    finish($state, $client);
    return;
}

sub finish
{
    my ($state, $client) = @_;
    return if $client->{end} eq 'hang';
    if ($client->{end} eq 'keep')
    {
        $client->{busy} = 0;
        take_request($state, $client);
        return;
    }
    setsockopt $client->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $client->{end} eq 'reset';
    drop($state, $client);
    return;
}

sub drop
{
    my ($state, $client) = @_;
    delete $state->{clients}{ $client->{socket} };
    $state->{$_}->remove($client->{socket}) for qw(readers writers);
    close $client->{socket};
    return;
}

# Seconds until the first pause is over; undef for no pause.
sub pause_left
{
    my ($state) = @_;
    my ($first) = sort { $a <=> $b } map { $_->{awake} // () } values %{ $state->{clients} };
    return undef unless defined $first;
    my $left = $first - Time::HiRes::time();
    return $left > 0 ? $left : 0;
}

sub wake
{
    my ($state) = @_;
    for my $client (grep { defined $_->{awake} } values %{ $state->{clients} })
    {
        next if $client->{awake} > Time::HiRes::time();
        delete $client->{awake};
        say_more($state, $client);
    }
    return;
}

END
{
    local $?;
    for my $pid (keys %running)
    {
        kill 'TERM', $pid;
        ref $running{$pid} ? close $running{$pid} : waitpid $pid, 0;
    }
}

1;
