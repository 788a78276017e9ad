package WalcuTest::Namespace;

# WalcuTest::Namespace
#   A test that runs where some files of the system are others, for the test and all that it starts: for names
#   with the addresses, or certificates, that the test wants.
#
#     use WalcuTest::Namespace '/etc/hosts' => "127.0.0.1 localhost crm.test\n";
#     use WalcuTest::Namespace '/etc/ssl/certs' => sub { my ($directory) = @_; ... };
#     use WalcuTest;
#
# It has to come first: the test begins anew there, in namespaces of Linux that need no rights, and PostgreSQL's
# modules would have taken its output.  Where namespaces cannot be had, the test is skipped.  A value is the
# text of a file, or a function that fills a directory.

use strict;
use warnings;

use File::Path qw(remove_tree);
use Test::More;

# What stands where the system's files do; it goes with the test.
my $scratch;

sub import
{
    my ($class, %files) = @_;
    $scratch = delete $ENV{WALCU_TEST_NAMESPACE};
    return if $scratch;
    plan skip_all => 'needs namespaces of Linux' unless is_possible();
    my $directory = "/tmp/walcu-namespace-$$";
    mkdir $directory, 0755 or die "$directory: $!";
    my @mounts;
    for my $place (sort keys %files)
    {
        my $there = "$directory/" . @mounts;
        fill($there, $files{$place});
        push @mounts, "mount --bind $there $place";
    }
    $ENV{WALCU_TEST_NAMESPACE} = $directory;
    my $again = 'user=$0; group=$1; shift; exec unshare --user --map-user="$user" --map-group="$group" -- "$@"';
    exec 'unshare', '--user', '--map-root-user', '--mount', '--', 'sh', '-c', join(' && ', @mounts, $again),
      $<, $( + 0, $^X, (map { "-I$_" } @INC), $0;
    die "could not begin anew: $!";
}

sub is_possible
{
    return $^O eq 'linux'
      && system('unshare --user --map-root-user --mount unshare --user --map-user=1 true >/dev/null 2>&1') == 0;
}

sub fill
{
    my ($there, $content) = @_;
    if (ref $content)
    {
        mkdir $there, 0755 or die "$there: $!";
        return $content->($there);
    }
    open my $file, '>', $there or die "$there: $!";
    print $file $content;
    close $file or die "$there: $!";
    return;
}

END
{
    local $?;
    remove_tree($scratch) if $scratch;
}

1;
