package WalcuTest::LocalCopy;

# WalcuTest::LocalCopy
#   A CRM that changes, and local copies to compare with it, for the tests of the manual's
#   chapter on them.
#
#     my $copies = WalcuTest::LocalCopy->new($sandbox, $dbh);
#     $copies->set_dates('notes');                 # updated_at within the last days
#     my %done = $copies->change('crm.notes', update => 5, insert => 3, delete => 2);
#     is_deeply([ $copies->differences('crm_copy.notes', 'crm.notes') ], []);
#     $copies->is_same('notes');                   # a test of that
#     my @requests = $copies->requests(sub { ... });
#
# Changes go through the service's API, which sets updated_at.  They are random, but for the seed.

use strict;
use warnings;

use POSIX qw(strftime);
use Test::More;

sub new
{
    my ($class, $sandbox, $dbh) = @_;
    srand 20;
    return bless { sandbox => $sandbox, dbh => $dbh }, $class;
}

# Dates in the past of whatever clock this machine has; one document in fifty gets none.
sub set_dates
{
    my ($self, $resource) = @_;
    my @documents = $self->{sandbox}->dump($resource);
    for my $number (0 .. $#documents)
    {
        $documents[$number]{updated_at} = date(time - 86400 - 1000 * $number);
        delete $documents[$number]{updated_at} if $number % 50 == 49;
    }
    $self->put($resource, @documents);
    return;
}

# Seconds since 1970 as the service writes them.
sub date
{
    my ($seconds) = @_;
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $seconds) . sprintf '.%03dZ', 1000 * ($seconds - int $seconds);
}

# Documents as they are, past the API.
sub put
{
    my ($self, $resource, @documents) = @_;
    $self->{sandbox}->post("/_sandbox/documents/$resource", \@documents);
    return;
}

# The ids that were updated, inserted and deleted.
sub change
{
    my ($self, $table, %counts) = @_;
    my $dbh = $self->{dbh};
    my ($resource) = $table =~ /(\w+)$/;
    my @ids = map { $_->{_id} } $self->{sandbox}->dump($resource);
    my %done = (update => [], delete => []);
    for my $kind (qw(update delete))
    {
        push @{ $done{$kind} }, splice @ids, rand @ids, 1 for 1 .. $counts{$kind} // 0;
    }
    for my $id (@{ $done{update} })
    {
        $dbh->do("UPDATE $table SET custom = jsonb_build_object('mark', ?::int) WHERE _id = ?", undef, int rand 1e6, $id);
    }
    $dbh->do("DELETE FROM $table WHERE _id = ?", undef, $_) for @{ $done{delete} };
    $done{insert} = $dbh->selectcol_arrayref(
        "INSERT INTO $table (custom) SELECT jsonb_build_object('new', i) FROM generate_series(1, ?) i RETURNING _id",
        undef, $counts{insert} // 0);
    return %done;
}

# The ids of rows that are in one only, or not alike in those columns that the copy has.
sub differences
{
    my ($self, $copy, $source) = @_;
    my $dbh = $self->{dbh};
    my $columns = join ', ', map { $dbh->quote_identifier($_) } @{ $dbh->selectcol_arrayref(
        'SELECT attname FROM pg_attribute c JOIN pg_attribute s USING (attname)
          WHERE c.attrelid = ?::regclass AND c.attnum > 0 AND s.attrelid = ?::regclass AND NOT c.attisdropped',
        undef, $copy, $source) };
    return @{ $dbh->selectcol_arrayref(
        "WITH s AS MATERIALIZED (SELECT $columns FROM $source), c AS (SELECT $columns FROM $copy),
              odd AS ((TABLE s EXCEPT ALL TABLE c) UNION ALL (TABLE c EXCEPT ALL TABLE s))
         SELECT DISTINCT _id FROM odd ORDER BY 1") };
}

sub is_same
{
    my ($self, $name) = @_;
    is_deeply([ $self->differences("crm_copy.$name", "crm.$name") ], [], "the copy of $name has the same rows");
    return;
}

# The log of what the service was asked meanwhile.
sub requests
{
    my ($self, $work) = @_;
    $self->{sandbox}->clear_log;
    $work->();
    return $self->{sandbox}->log;
}

1;
