# Servers that share connections, and some that do not, under whatever a session does: scans, cursors, errors, cancels, changed
# options, faults of the service, and too few descriptors for all of them.  Every answer is right, and nothing stays open.
# OPERATIONS and SEED in the environment say how many operations, and which.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::Backend;

use constant { OPERATIONS => $ENV{OPERATIONS} // 150, SERVERS => 15, MOST_CURSORS => 12 };

srand($ENV{SEED} // 1);
my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 30 }, tls => 1);
# what is freed is overwritten
local $ENV{MALLOC_PERTURB_} = 165;
my $node = start_node('main', log_min_messages => 'warning', max_files_per_process => 100, statement_timeout => "'60s'");
my $dbh = connect_db($node);
my $other = connect_db($node);
$_->do('SET client_min_messages = error') for $dbh, $other;
$other->do("SET lock_timeout = '200ms'");
my $long = 'x' x 20_000;
$sandbox->settings(page_cap => 1000);
$sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('%024x', $_), custom => { long => $long } } } 1 .. 300 ]);
my $cars = $sandbox->dump_lines('cars');
create_servers();

my (@cursors, %errors);
my $is_begun = 0;
my $wrong = 0;
my @faults = ({ type => 'close', when => 'during' }, { type => 'close', when => 'before' }, { type => 'truncate' },
    { type => 'status', status => 503 }, { type => 'latency', ms => 10 });
my @operations = (
    sub { check_count(1, count_of(server())) },
    sub { check_count(1, count_of(server())) },
    sub { check_count(12, count_of(map { server() } 1 .. 12)) },
    sub { begin_or_declare() },
    sub { attempt("FETCH 50 FROM $cursors[ rand @cursors ]") if @cursors },
    sub { end_transaction() },
    sub { attempt("SELECT walcu_fdw_disconnect('@{[ server() ]}')") },
    sub { alter_server(server()) },
    sub { change_credentials(server()) if !$is_begun },
    sub { attempt("SELECT 1 / (row_number() OVER () - 5) FROM cars_@{[ server() ]}") },
    sub { cancel_soon(count_of(map { server() } 1 .. 8)) },
    sub { change_faults() },
    sub { attempt("UPDATE cars_@{[ server() ]} SET model = 'other' WHERE _id = '@{[ sprintf '%024x', 1 + rand 300 ]}'") },
    sub { check_count(1, "SELECT count(*) FROM cars_@{[ server() ]} a JOIN cars_@{[ server() ]} b USING (_id)") },
);
for (1 .. OPERATIONS)
{
    $operations[ rand @operations ]->();
}
$sandbox->clear_faults;
$dbh->do('ROLLBACK') if $is_begun;
is_deeply([ grep { !/^(22012|57014)$/ } keys %errors ], [], 'no error is another one than was to come');
check_count(SERVERS, count_of(map { "s$_" } 0 .. SERVERS - 1));
my $backend = WalcuTest::Backend->new($dbh);
cmp_ok($backend->sockets, '>', 0, 'connections are kept');
$dbh->do('SELECT walcu_fdw_disconnect_all()');
is($backend->sockets, 0, 'and all of them closed');
is($dbh->selectrow_array(count_of('s0')), $cars, 'and the session goes on');
is($wrong, 0, 'no answer of ' . OPERATIONS . ' operations was wrong');

done_testing();

# A third of them has the same endpoint; some count their connections, and some close them.
sub create_servers
{
    my @endpoints = ({ endpoint => $sandbox->endpoint }, { endpoint => $sandbox->endpoint =~ s/127\.0\.0\.1/localhost/r },
        { endpoint => $sandbox->tls_endpoint, ca_file => $sandbox->ca_file });
    my %common = (dealer_id => $sandbox->dealer_id, on_type_mismatch => 'null', max_retry_wait => '1ms', max_retries => 20, fetch_size => 1000,
        fetch_mode => 'pages');
    $dbh->do('CREATE EXTENSION walcu_fdw');
    for my $i (0 .. SERVERS - 1)
    {
        my $options = options_sql({ %common, %{ $endpoints[ $i % @endpoints ] }, $i % 5 == 4 ? (max_connections_total => 5) : (),
            $i % 7 == 6 ? (keep_connections => 'false') : () });
        $dbh->do($_)
          for "CREATE SERVER s$i FOREIGN DATA WRAPPER walcu_fdw $options",
          "CREATE USER MAPPING FOR CURRENT_USER SERVER s$i " . options_sql(WalcuTest::Sandbox::CREDENTIALS),
          "CREATE FOREIGN TABLE cars_s$i (_id text, model text, custom jsonb) SERVER s$i OPTIONS (resource 'cars')";
    }
    return;
}

sub server
{
    return 's' . int rand SERVERS;
}

sub count_of
{
    my (@servers) = @_;
    return 'SELECT count(*) FROM (' . join(' UNION ALL ', map { "SELECT FROM cars_$_ WHERE length(_id || coalesce(custom::text, '')) > 1" } @servers) . ') c';
}

# Each of so many tables has all cars, unless the statement fails.
sub check_count
{
    my ($tables, $sql) = @_;
    my $rows = attempt($sql) or return;
    return if $rows->[0][0] == $tables * $cars;
    $wrong++;
    diag "$rows->[0][0] instead of @{[ $tables * $cars ]}: $sql";
    return;
}

# The rows of a statement; after an error, which is counted, nothing, and the transaction goes on before it.
sub attempt
{
    my ($sql) = @_;
    $dbh->do('SAVEPOINT before') if $is_begun;
    my $rows = eval { my $sth = $dbh->prepare($sql); $sth->execute; $sth->{NUM_OF_FIELDS} ? $sth->fetchall_arrayref : [] };
    if (!$rows)
    {
        $errors{ $dbh->state }++;
        diag $dbh->errstr if $dbh->state !~ /^(22012|57014)$/;
        $dbh->do('ROLLBACK TO SAVEPOINT before') if $is_begun;
        # a cursor that failed is gone
        @cursors = grep { $sql !~ /\b$_\b/ } @cursors;
    }
    $dbh->do('RELEASE SAVEPOINT before') if $is_begun;
    return $rows;
}

sub begin_or_declare
{
    if (!$is_begun)
    {
        $dbh->do('BEGIN');
        $is_begun = 1;
    }
    elsif (@cursors < MOST_CURSORS)
    {
        my $cursor = 'c' . int rand 1e9;
        push @cursors, $cursor;
        attempt("DECLARE $cursor NO SCROLL CURSOR FOR SELECT _id, custom FROM cars_@{[ server() ]}") && attempt("FETCH 3 FROM $cursor");
    }
    return;
}

sub end_transaction
{
    return if !$is_begun;
    $dbh->do(rand() < 0.5 ? 'COMMIT' : 'ROLLBACK');
    $is_begun = 0;
    @cursors = ();
    return;
}

# In another session, as far as this one does not keep it from that.
sub alter_server
{
    my ($server) = @_;
    my %values = (max_connections => 1 + int rand 6, max_connections_total => 1 + int rand 6, keep_connections => rand() < 0.5 ? 'true' : 'false',
        connection_lifetime => '100ms');
    my $option = (sort keys %values)[ rand keys %values ];
    my ($is_set) = $other->selectrow_array("SELECT srvoptions::text LIKE '%$option=%' FROM pg_foreign_server WHERE srvname = '$server'");
    my $change = !$is_set ? "ADD $option '$values{$option}'" : rand() < 0.5 ? "DROP $option" : "SET $option '$values{$option}'";
    eval { $other->do("ALTER SERVER $server OPTIONS ($change)"); 1 } or note $other->errstr;
    return;
}

sub change_credentials
{
    my ($server) = @_;
    $other->do("ALTER USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (SET password '@{[ WalcuTest::Sandbox::PASSWORD ]}')");
    return;
}

sub cancel_soon
{
    my ($sql) = @_;
    $dbh->do("SET statement_timeout = '@{[ 3 + int rand 30 ]}ms'");
    attempt($sql);
    # which the time may be over for, too
    eval { $dbh->do("SET statement_timeout = '60s'"); 1 } or do
    {
        $dbh->do('ROLLBACK') if $is_begun;
        $is_begun = 0;
        @cursors = ();
        $dbh->do("SET statement_timeout = '60s'");
    };
    return;
}

sub change_faults
{
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'list' }, probability => 0.2, fault => $faults[ rand @faults ] }) if rand() < 0.7;
    return;
}
