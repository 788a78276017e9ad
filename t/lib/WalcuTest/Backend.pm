package WalcuTest::Backend;

# WalcuTest::Backend
#   What a session's backend holds on to: for tests that nothing is left behind.
#
#     my $backend = WalcuTest::Backend->new($dbh);
#     $backend->pid;
#     $backend->descriptors;   # how many are open
#     $backend->sockets;       # how many of these are open TCP connections
#     $backend->memory;        # bytes of its own
#     $backend->contexts;      # names of this extension's memory contexts that outlive a statement

use strict;
use warnings;

sub new
{
    my ($class, $dbh) = @_;
    return bless { dbh => $dbh, pid => $dbh->{pg_pid} }, $class;
}

sub pid { return $_[0]{pid} }

sub descriptors
{
    my ($self) = @_;
    # the files of its tables and of its log PostgreSQL opens and closes as it likes
    return scalar grep { (readlink // '') !~ m{/pgdata/} } glob "/proc/$self->{pid}/fd/*";
}

sub sockets
{
    my ($self) = @_;
    my %inodes = map { (readlink // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () } glob "/proc/$self->{pid}/fd/*";
    my %open;
    for my $file ('/proc/net/tcp', '/proc/net/tcp6')
    {
        open my $table, '<', $file or next;
        # The tenth field is the inode, the fourth the state, 01 an open connection.  The kernel makes the table part by part,
        # and names a socket twice when others come and go meanwhile.
        while (my @fields = split ' ', <$table> // '')
        {
            $open{ $fields[9] } = 1 if $fields[3] eq '01' && $inodes{ $fields[9] };
        }
    }
    return scalar keys %open;
}

# Resident, without what it shares with others.
sub memory
{
    my ($self) = @_;
    open my $status, '<', "/proc/$self->{pid}/status" or die "/proc/$self->{pid}/status: $!";
    my ($kilobytes) = map { /^RssAnon:\s*(\d+) kB/ ? $1 : () } <$status>;
    return 1024 * $kilobytes;
}

sub contexts
{
    my ($self) = @_;
    return @{ $self->{dbh}->selectcol_arrayref(
        "SELECT DISTINCT name FROM pg_backend_memory_contexts
          WHERE name LIKE 'walcu %' AND name <> 'walcu description' ORDER BY 1") };
}

1;
