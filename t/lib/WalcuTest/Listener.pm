package WalcuTest::Listener;

# WalcuTest::Listener
#   A port at which there is no CRM: nobody who says anything, or somebody who says the
#   same bytes to everybody.
#
#     my $silent = WalcuTest::Listener->start;
#     my $odd = WalcuTest::Listener->start("SSH-2.0-x\r\n");
#     $silent->port;
#     $silent->heard;      # what those who connected have sent, a string each
#
# One that answers does so in a process of its own, which ends with the test, and hears
# nothing that could be asked for.

use strict;
use warnings;

use IO::Socket::INET;

my %running;

sub start
{
    my ($class, $words) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "could not listen: $@";
    my $self = bless { socket => $socket, port => $socket->sockport }, $class;
    answer($socket, $words) if defined $words;
    return $self;
}

sub port { return $_[0]{port} }

# The connections stand in the queue of the socket until somebody asks here.
sub heard
{
    my ($self) = @_;
    my @heard;
    $self->{socket}->blocking(0);
    while (my $client = $self->{socket}->accept)
    {
        $client->blocking(0);
        sysread $client, my $bytes, 65536;
        push @heard, $bytes // '';
    }
    return @heard;
}

sub answer
{
    my ($socket, $words) = @_;
    my $pid = fork // die "could not fork: $!";
    if ($pid)
    {
        $running{$pid} = 1;
        return;
    }
    # PostgreSQL::Test::Cluster would end the test's clusters
    $SIG{TERM} = 'DEFAULT';
    while (my $client = $socket->accept)
    {
        sysread $client, my $request, 65536;
        syswrite $client, $words;
    }
    # no END block of the test runs here
    require POSIX;
    POSIX::_exit(0);
}

END
{
    local $?;
    for my $pid (keys %running)
    {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
}

1;
