package WalcuTest::Proxy;

# WalcuTest::Proxy
#   A proxy that leads to one place, whatever host is asked for, by CONNECT or by SOCKS 5, and that breaks
#   at a stage of that when it is told to.
#
#     my $proxy = WalcuTest::Proxy->start('127.0.0.1:8443');
#     $proxy->port;
#     $proxy->break(cut => 2);                  # so often, from now on; then it works again
#     $proxy->break({ answer => "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n" }, 1);
#     $proxy->broken;                           # how often it did since
#
# The stages:
#   refuse          closes without having read anything
#   cut             closes when it has read what is asked for
#   {answer}        says these bytes instead, and closes
#   {greet}         says these bytes instead, and leads there
#   tls_cut         leads there, and closes at the first bytes of the client
#   tls_garbage     says something that is not TLS, in the place of the service
#   tls_half        passes some of the service's first bytes on, and closes
#
# It runs in a process of its own, which ends with the test.

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();

my %running;
my $json = JSON::PP->new->canonical->allow_nonref;

sub start
{
    my ($class, $place) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "could not listen: $@";
    my $self = bless { port => $socket->sockport, orders => File::Temp->new, notes => File::Temp->new }, $class;
    my $pid = fork // die "could not fork: $!";
    unless ($pid)
    {
        # PostgreSQL::Test::Cluster would end the test's clusters
        $SIG{TERM} = 'DEFAULT';
        $SIG{PIPE} = 'IGNORE';
        serve($socket, $place, $self->{orders}->filename, $self->{notes}->filename);
        # no END block of the test runs here
        require POSIX;
        POSIX::_exit(0);
    }
    $running{$pid} = 1;
    return $self;
}

sub port { return $_[0]{port} }

sub break
{
    my ($self, $stage, $times) = @_;
    write_file($self->{notes}->filename, '');
    write_file($self->{orders}->filename, $json->encode([ ref $stage ? %$stage : ($stage, ''), $times ]));
    return;
}

sub broken
{
    my ($self) = @_;
    return length read_file($self->{notes}->filename);
}

# What is to be done with a new connection: its stage and words.
sub order
{
    my ($orders, $notes) = @_;
    my $text = read_file($orders) or return ('', '');
    my ($stage, $words, $times) = @{ $json->decode($text) };
    my $done = read_file($notes);
    return ('', '') if length $done >= $times;
    write_file($notes, $done . '.');
    return ($stage, $words);
}

# Each end of a connection is {socket, stage, words, greeted, other}; other is there once the two are joined.
sub serve
{
    my ($listener, $place, $orders, $notes) = @_;
    my $ready = IO::Select->new($listener);
    my %ends;
    while (my @sockets = $ready->can_read)
    {
        for my $socket (@sockets)
        {
            if ($socket == $listener)
            {
                my $client = $listener->accept or next;
                my ($stage, $words) = order($orders, $notes);
                next if $stage eq 'refuse';
                $ends{ fileno $client } = { socket => $client, stage => $stage, words => $words };
                $ready->add($client);
                next;
            }
            my $end = defined fileno $socket ? $ends{ fileno $socket } : undef;
            next unless $end;
            my $read = sysread $socket, my $bytes, 65536;
            next if $read && ($end->{other} ? pass($end, $bytes) : begin($end, $bytes, $place, \%ends, $ready));
            for my $gone (grep { defined } $end, $end->{other})
            {
                $ready->remove($gone->{socket});
                delete $ends{ fileno $gone->{socket} };
                close $gone->{socket};
            }
        }
    }
    return;
}

# Take in the first bytes of a client; false when it is to be closed.  Heads are short, and come whole.
sub begin
{
    my ($client, $head, $place, $ends, $ready) = @_;
    my $is_socks = $head =~ /^\x05/;

    # SOCKS begins with the kinds of authentication, of which none is chosen
    if ($is_socks && !$client->{greeted}++)
    {
        syswrite $client->{socket}, "\x05\x00";
        return 1;
    }
    return 0 if $client->{stage} eq 'cut';
    if ($client->{stage} eq 'answer')
    {
        syswrite $client->{socket}, $client->{words};
        return 0;
    }
    syswrite $client->{socket},
      $client->{stage} eq 'greet' ? $client->{words}
      : $is_socks ? "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01" : "HTTP/1.1 200 Connection established\r\n\r\n";
    if ($client->{stage} eq 'tls_garbage')
    {
        syswrite $client->{socket}, 'This is no TLS.';
        return 0;
    }
    my $socket = IO::Socket::INET->new($place) or return 0;
    my $service = { socket => $socket, stage => $client->{stage}, is_service => 1, other => $client };
    $client->{other} = $service;
    $ends->{ fileno $socket } = $service;
    $ready->add($socket);
    return 1;
}

# Pass bytes on; false when both ends are to be closed.
sub pass
{
    my ($end, $bytes) = @_;
    return 0 if $end->{stage} eq 'tls_cut' && !$end->{is_service};
    if ($end->{stage} eq 'tls_half' && $end->{is_service})
    {
        syswrite $end->{other}{socket}, substr $bytes, 0, 100;
        return 0;
    }
    return syswrite $end->{other}{socket}, $bytes;
}

sub read_file
{
    my ($name) = @_;
    open my $file, '<', $name or die "$name: $!";
    local $/;
    return <$file> // '';
}

sub write_file
{
    my ($name, $text) = @_;
    open my $file, '>', "$name.new" or die "$name.new: $!";
    print $file $text;
    close $file or die $!;
    rename "$name.new", $name or die $!;
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
