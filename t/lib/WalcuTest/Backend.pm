package WalcuTest::Backend;

# WalcuTest::Backend
#   What a session's backend holds on to: for tests that nothing is left behind.
#
#     my $backend = WalcuTest::Backend->new($dbh);
#     $backend->pid;
#     $backend->descriptors;   # how many are open
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
