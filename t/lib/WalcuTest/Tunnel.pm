package WalcuTest::Tunnel;

# WalcuTest::Tunnel
#   A proxy for https that leads to one place, whatever host is asked for.
#
#     my $tunnel = WalcuTest::Tunnel->start('127.0.0.1:8443');
#     $tunnel->port;
#     $tunnel->hosts;    # those that were asked for since the last call, with their ports
#     $tunnel->heard_now;    # the heads of requests since the last call
#     $tunnel->heard;    # all that it was told itself
#
# It runs in a process of its own, which ends with the test.

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;

my %running;

sub start
{
    my ($class, $place) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "could not listen: $@";
    my $notes = File::Temp->new;
    my $pid = fork // die "could not fork: $!";
    unless ($pid)
    {
        # PostgreSQL::Test::Cluster would end the test's clusters
        $SIG{TERM} = 'DEFAULT';
        serve($socket, $place, $notes->filename);
        # no END block of the test runs here
        require POSIX;
        POSIX::_exit(0);
    }
    $running{$pid} = 1;
    return bless { port => $socket->sockport, notes => $notes, read => 0 }, $class;
}

sub port { return $_[0]{port} }

sub heard
{
    my ($self) = @_;
    open my $file, '<', $self->{notes}->filename or die $!;
    return do { local $/; <$file> } // '';
}

# The heads that it was told since the last call.
sub heard_now
{
    my ($self) = @_;
    my $heard = $self->heard;
    my $new = substr $heard, $self->{read};
    $self->{read} = length $heard;
    return $new =~ /^((?:CONNECT|GET|POST) .*?\r\n\r\n)/msg;
}

sub hosts
{
    my ($self) = @_;
    my $heard = $self->heard;
    my @hosts = substr($heard, $self->{read}) =~ /^CONNECT (\S+)/mg;
    $self->{read} = length $heard;
    return @hosts;
}

# Heads are short, and come whole.
sub serve
{
    my ($socket, $place, $notes) = @_;
    my $ready = IO::Select->new($socket);
    my %other;
    while (my @sockets = $ready->can_read)
    {
        for my $from (@sockets)
        {
            if ($from == $socket)
            {
                my $client = $socket->accept or next;
                sysread $client, my $head, 65536;
                open my $file, '>>', $notes or die $!;
                print $file $head // '';
                close $file;
                my $service = IO::Socket::INET->new($place) or next;
                syswrite $client, "HTTP/1.1 200 Connection established\r\n\r\n";
                @other{ $client, $service } = ($service, $client);
                $ready->add($client, $service);
                next;
            }
            my $to = $other{$from} or next;
            my $bytes;
            next if sysread($from, $bytes, 65536) && syswrite $to, $bytes;
            delete @other{ $from, $to };
            $ready->remove($from, $to);
            close $_ for $from, $to;
        }
    }
    return;
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
