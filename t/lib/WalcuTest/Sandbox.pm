package WalcuTest::Sandbox;

# WalcuTest::Sandbox
#   A sandbox CRM of a test's own: started, asked what it was asked, told to
#   misbehave, and stopped when the test ends, however it ends.
#
#     my $sandbox = WalcuTest::Sandbox->start(scale => 100, count => { cars => 1000 });
#     $sandbox->endpoint;                                   # http://127.0.0.1:PORT
#     $sandbox->put('/_sandbox/settings', { page_cap => 7 });
#     $sandbox->fault({ match => { kind => 'list' }, fault => { status => 503 } });
#     my @lists = $sandbox->log(resource => 'cars', kind => 'list');
#     is($sandbox->request_count(kind => 'get'), 1);
#     my @documents = $sandbox->dump('cars');
#
# With `tls` it speaks HTTP/2 as well, with a certificate of its own that nobody knows (for
# other names, too, if they are listed there), and with `extra_listener` there are hosts that
# a client should not ask:
#
#     my $sandbox = WalcuTest::Sandbox->start(tls => 1, extra_listener => ['evil=127.0.0.2']);
#     $sandbox->tls_endpoint;                               # https://127.0.0.1:PORT
#     $sandbox->ca_file;                                    # for the client to trust it
#     $sandbox->extra_listener('evil');                     # http://127.0.0.2:PORT
#     is($sandbox->request_count(listener => 'evil', credentials => 1), 0);
#     is(scalar $sandbox->connections(listener => 'api_tls'), 1);   # open ones
#
# Another option of `start` is one of the sandbox's command line, with `_` for `-`.
# get, post, put and delete take a path and data (or a reference to JSON text that is
# ready), and return decoded JSON; they die when the sandbox answers an error.

use strict;
use warnings;

use File::Temp ();
use HTTP::Tiny;
use Cpanel::JSON::XS ();
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::Local qw(timegm);

use constant DEALER      => '5f2b1c9e8d3a4b0012345678';

# What it asks for unless `auth` says otherwise: HTTP Basic, an application id and its secret key.
use constant USERNAME    => 'sandbox-app';
use constant PASSWORD    => 'sandbox-secret';
use constant CREDENTIALS => { username => USERNAME, password => PASSWORD };

# A third of what the sandbox computes is the collection of young objects, of which a reply makes many.
use constant YOUNG_SPACE => '--max-semi-space-size=64';

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
# What the sandbox sends is long, and reading it in Perl took most of the tests' time.
my $decoder = Cpanel::JSON::XS->new->utf8->allow_nonref;
my %running;

sub start
{
    my ($class, %options) = @_;
    # most tests name documents as they like; those over kinds of service change the setting
    $options{ids} //= 'string';
    my $names = delete $options{tls};
    my $certificate = $names ? make_certificate(ref $names ? @$names : ()) : undef;
    @options{qw(tls_cert tls_key)} = @$certificate{qw(cert key)} if $certificate;
    my $counts = delete $options{count} // {};
    $options{count} = [ map { "$_=$counts->{$_}" } sort keys %$counts ];
    my @arguments;
    for my $option (sort keys %options)
    {
        my $name = $option =~ tr/_/-/r;
        push @arguments, map { ("--$name", $_) } ref $options{$option} ? @{ $options{$option} } : $options{$option};
    }

    my $pid = open(my $output, '-|', 'node', YOUNG_SPACE, 'sandbox/server.js', @arguments)
      or die "could not start the sandbox: $!";
    $running{$pid} = $output;    # closing it waits for the process, so nobody else holds it
    my $ready = <$output> // die "the sandbox ended before it was ready";
    my $self = bless { pid => $pid, certificate => $certificate, %{ $decoder->decode($ready) } }, $class;
    $self->{http} = HTTP::Tiny->new(timeout => 120);
    return $self;
}

# A certificate for 127.0.0.1, localhost and other names, signed by itself: {cert, key}, names
# of files that are there as long as what is returned.
sub make_certificate
{
    my @names = map { "DNS:$_" } 'localhost', @_;
    my $directory = File::Temp->newdir;
    my %files = (cert => "$directory/cert.pem", key => "$directory/key.pem");
    my $command = 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost'
      . ' -addext subjectAltName=' . join(',', @names, 'IP:127.0.0.1') . " -keyout $files{key} -out $files{cert}";
    my $log = `$command 2>&1`;
    die "could not make a certificate: $log" if $?;
    return { %files, directory => $directory };
}

sub stop
{
    my ($self) = @_;
    end_process($self->{pid});
    return;
}

sub end_process
{
    my ($pid) = @_;
    my $output = delete $running{$pid} or return;
    local $?;
    kill 'TERM', $pid;
    close $output;
    return;
}

END
{
    end_process($_) for keys %running;
}

sub endpoint         { return $_[0]{endpoint} }
sub results_endpoint { return $_[0]{results_endpoint} }
sub storage_endpoint { return $_[0]{storage_endpoint} }
sub port             { return $_[0]{port} }
sub dealer_id        { return $_[0]{dealer_id} }

sub tls_endpoint         { return $_[0]{tls_endpoint} }
sub tls_results_endpoint { return $_[0]{tls_results_endpoint} }
sub tls_storage_endpoint { return $_[0]{tls_storage_endpoint} }
sub ca_file              { return $_[0]{certificate}{cert} }
sub extra_listener       { return $_[0]{extra_listeners}{ $_[1] } }

sub get    { my ($self, $path)        = @_; return $self->request('GET',    $path) }
sub post   { my ($self, $path, $data) = @_; return $self->request('POST',   $path, $data) }
sub put    { my ($self, $path, $data) = @_; return $self->request('PUT',    $path, $data) }
sub delete { my ($self, $path)        = @_; return $self->request('DELETE', $path) }

sub request
{
    my ($self, $method, $path, $data) = @_;
    my $reply = $self->raw($method, $path, $data);
    return length($reply->{content}) ? $decoder->decode($reply->{content}) : undef;
}

# The reply as HTTP::Tiny returns it, for what is not JSON.
sub raw
{
    my ($self, $method, $path, $data) = @_;
    my %options;
    if (defined $data)
    {
        $options{content} = ref $data eq 'SCALAR' ? $$data : $json->encode($data);
        $options{headers} = { 'content-type' => 'application/json' };
    }
    my $reply = $self->{http}->request($method, $self->{endpoint} . $path, \%options);
    send_at_once($self->{http});
    die "$method $path: $reply->{status} $reply->{content}" unless $reply->{success};
    return $reply;
}

# HTTP::Tiny sends head and body apart, and the kernel would hold back the second for 40 ms, until
# the first is acknowledged.  There is no official way to the connection that it keeps.
sub send_at_once
{
    my ($http) = @_;
    my $handle = $http->{handle} && $http->{handle}{fh} or return;
    setsockopt($handle, IPPROTO_TCP, TCP_NODELAY, 1);
    return;
}

# Every document of a resource, by _id, as JSON texts.
sub dump_lines
{
    my ($self, $resource) = @_;
    return split /\n/, $self->raw('GET', "/_sandbox/dump/$resource")->{content};
}

sub dump
{
    my ($self, $resource) = @_;
    return map { $decoder->decode($_) } $self->dump_lines($resource);
}

# Requests since the last reset that have the fields given, oldest first; a value
# may be a regular expression.  `began` and `ended` are seconds since 1970.
sub log
{
    my ($self, %wanted) = @_;
    my @entries = grep { entry_matches($_, \%wanted) } @{ $self->get('/_sandbox/log') };
    for my $entry (@entries)
    {
        $entry->{began} = seconds($entry->{started_at});
        $entry->{ended} = $entry->{began} + $entry->{ms} / 1000 if defined $entry->{ms};
    }
    return @entries;
}

# The requests that write, as [ method, path behind the dealer, body if there is one ].
sub writes
{
    my ($self) = @_;
    return map { [ $_->{method}, $_->{path} =~ s{^/dealers/[^/]+}{}r, defined $_->{body} ? $_->{body} : () ] }
      grep { $_->{method} ne 'GET' } $self->log;
}

sub seconds
{
    my ($date) = @_;
    my ($year, $month, $day, $hour, $minute, $second) = $date =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z$/;
    return timegm(0, $minute, $hour, $day, $month - 1, $year) + $second;
}

sub entry_matches
{
    my ($entry, $wanted) = @_;
    for my $field (keys %$wanted)
    {
        my $value = $entry->{$field} // return 0;
        my $pattern = $wanted->{$field};
        return 0 unless ref $pattern eq 'Regexp' ? $value =~ $pattern : $value eq $pattern;
    }
    return 1;
}

# TCP connections that are open now and have the fields given.  The one that asks is
# among those of the listener `api`.
sub connections
{
    my ($self, %wanted) = @_;
    return grep { entry_matches($_, \%wanted) } @{ $self->get('/_sandbox/connections') };
}

sub request_count
{
    my ($self, %wanted) = @_;
    return scalar(my @entries = $self->log(%wanted));
}

# How many of these requests, of the log, were sent one after the other: the longest chain in which each began
# when the one before had ended.
sub chain
{
    my ($self, @entries) = @_;
    my $until = 0;
    my $length = 0;
    for my $entry (sort { $a->{ended} <=> $b->{ended} } grep { defined $_->{ended} } @entries)
    {
        next if $entry->{began} < $until;
        $until = $entry->{ended};
        $length++;
    }
    return $length;
}

sub clear_log
{
    my ($self) = @_;
    $self->delete('/_sandbox/log');
    return;
}

# Add a rule of misbehaviour; returns its id.
sub fault
{
    my ($self, $rule) = @_;
    return $self->post('/_sandbox/faults', $rule)->{ids}[0];
}

sub clear_faults
{
    my ($self) = @_;
    $self->delete('/_sandbox/faults');
    return;
}

# Data, log, faults, settings and jobs as at the start; optionally another data set.
sub reset
{
    my ($self, %data) = @_;
    $self->post('/_sandbox/reset', \%data);
    return;
}

sub settings
{
    my ($self, %settings) = @_;
    return $self->put('/_sandbox/settings', \%settings);
}

1;
