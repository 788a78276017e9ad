# The table of choices (t/630) with CRM tables that were never analyzed: what the planner takes costs at most 1.3
# times the requests of the best way that can be forced, beside the looks at how many documents there are, of
# which there are two for a table at most, once for all sessions.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use WalcuTest;

use constant { CLIENTS => 3000, LEADS => 1500, CONTACTS => 120 };

my $no_batches = 'SET walcu_fdw.enable_batched_join = off';
my $no_hashes = 'SET enable_hashjoin = off; SET enable_mergejoin = off';
my %WAYS = (
    batched => "$no_hashes; SET enable_nestloop = off",
    loop    => "$no_batches; $no_hashes",
    whole   => "$no_batches; SET enable_nestloop = off",
);

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { clients => CLIENTS, saleleads => LEADS, contacts => CONTACTS });
my $node = start_node('main', autovacuum => 'off', jit => 'off');
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', fetch_mode => 'parallel', max_requests => 0 }, limit_to => [qw(clients saleleads contacts)]);
my $dbh = connect_db($node);
make_tables();

my ($sum, $least) = (0, 0);
judge('one row',                       by_id('few', 'WHERE l.id = 7'));
judge('few rows, a large collection',  by_id('few'));
judge('many rows with few keys',       by_id('repeats'));
judge('many keys, a large collection', by_id('many'));
judge('many keys, a small collection', 'SELECT l.id, c._id FROM contact_calls l LEFT JOIN crm.contacts c ON c._id = l.contact_id');
judge('few keys, a small collection',  'SELECT l.id, c._id FROM contact_calls l LEFT JOIN crm.contacts c ON c._id = l.contact_id WHERE l.id <= 20');
judge('as many keys as documents',     by_id('everyone'));
judge('a key with several documents',  'SELECT l.id, s._id FROM few l JOIN crm.saleleads s ON s.client_id = l.client_id');
judge('LIMIT 10',                      by_id('many', 'ORDER BY l.id LIMIT 10'));
judge('a semi join',                   'SELECT l.id FROM hundreds l WHERE EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)');
judge('an anti join',                  'SELECT l.id FROM hundreds l WHERE NOT EXISTS (SELECT FROM crm.clients c WHERE c._id = l.client_id)');
judge('a condition on the local side', by_id('many', 'WHERE l.id BETWEEN 100 AND 180'));
judge('CRM and CRM, few leads',        "SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id WHERE s.created_at > '2026-04-15'");
judge('CRM and CRM, all',              'SELECT s._id, c._id FROM crm.saleleads s JOIN crm.clients c ON c._id = s.client_id');
judge_constants('nothing is known');
cmp_ok($sum, '<=', 1.15 * $least, "$sum requests in all, $least at least");

# That somebody has counted the documents tells nothing of what is in a column.
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'walcu_fdw'});
$node->restart;
$dbh = connect_db($node);
$dbh->do("SELECT count(*) FROM crm.$_") for qw(clients saleleads);
judge_constants('counted');

done_testing();

# Joins with a condition beside the key, on a column of few values.
sub judge_constants
{
    my ($known) = @_;
    my $clients = '(SELECT _id FROM crm.clients ORDER BY _id LIMIT 20) c';
    judge("$known: a constant beside the key, few rows", "SELECT l.id, s._id FROM few l LEFT JOIN crm.saleleads s ON s.client_id = l.client_id AND s.type = 'ocasi\x{f3}n'");
    judge("$known: a constant beside the key, LIMIT", "SELECT c._id, s._id FROM $clients LEFT JOIN crm.saleleads s ON s.client_id = c._id AND s.type = 'ocasi\x{f3}n'");
    judge("$known: an expression beside the key, LIMIT", "SELECT c._id, s._id FROM $clients LEFT JOIN crm.saleleads s ON s.client_id = c._id AND length(s.type) = 7");
    return;
}

sub by_id
{
    my ($table, $rest) = @_;
    return "SELECT l.id, c._id, c.created_at FROM $table l JOIN crm.clients c ON c._id = l.client_id " . ($rest // '');
}

# What the planner takes, in a session that knows nothing, beside every way that can be forced.
sub judge
{
    my ($name, $sql) = @_;
    my $chosen = run($sql, 'RESET ALL');
    is_deeply($chosen->{rows}, rows_of($dbh, $sql =~ s/\bcrm\./copy./gr), "$name: rows");
    cmp_ok($chosen->{probes}, '<=', $sql =~ /few|LIMIT/ ? 0 : 2 * (() = $sql =~ /crm\./g), "$name: $chosen->{probes} looks");
    my $best = $chosen->{requests};
    my @notes;
    $dbh->do(sprintf q{ALTER SERVER crm OPTIONS (SET max_requests '%d')}, 2 * $best + 20);
    for my $way (sort keys %WAYS)
    {
        my $other = run($sql, $WAYS{$way});
        push @notes, "$way " . ($other->{rows} ? $other->{requests} : 'stopped');
        next unless $other->{rows};
        is_deeply($other->{rows}, $chosen->{rows}, "$name: the same rows by $way");
        $best = $other->{requests} if $other->{requests} < $best;
    }
    $dbh->do(q{ALTER SERVER crm OPTIONS (SET max_requests '0')});
    note("$name: $chosen->{requests} and $chosen->{probes} looks; " . join ', ', @notes);
    cmp_ok($chosen->{requests}, '<=', 1.3 * $best, "$name: $chosen->{requests} requests, $best at best") or diag($chosen->{plan});
    $sum += $chosen->{requests};
    $least += $best;
    return;
}

sub run
{
    my ($sql, $settings) = @_;
    my $session = connect_db($node);
    $session->do($settings);
    $sandbox->clear_log;
    my %result = (rows => eval { rows_of($session, $sql) });
    die $@ unless $result{rows} || $session->state eq '53400';
    my @log = $sandbox->log(kind => qr/^(?:list|get)$/);
    my @probes = grep { ($_->{query}{skip} // 0) > 0 && $_->{query}{limit} == 1 } @log;
    @result{qw(requests probes)} = (@log - @probes, scalar @probes);
    $result{plan} = join "\n", @{ $session->selectcol_arrayref("EXPLAIN $sql") };
    return \%result;
}

sub rows_of
{
    my ($session, $sql) = @_;
    return [ sort map { join '|', map { $_ // 'NULL' } @$_ } @{ $session->selectall_arrayref($sql) } ];
}

# Local tables, whose names say which clients they know.
sub make_tables
{
    $dbh->do($_) for (
        'CREATE SCHEMA copy',
        map({ "CREATE TABLE copy.$_ AS SELECT * FROM crm.$_" } qw(clients saleleads contacts)),
        'CREATE TABLE ids AS SELECT _id, row_number() OVER (ORDER BY md5(_id)) AS n FROM copy.clients',
        local_table('few',      30,   30),
        local_table('hundreds', 300,  300),
        local_table('repeats',  5000, 60),
        local_table('many',     5000, 1500),
        local_table('everyone', 5000, CLIENTS),
        'CREATE TABLE contact_calls AS SELECT row_number() OVER () AS id, _id AS contact_id FROM copy.contacts',
        "INSERT INTO contact_calls SELECT id, 'none' || id FROM generate_series(200, 2000) id",
        'CREATE INDEX ON many (id)',
        'CREATE INDEX ON few (id)',
        map({ "ANALYZE $_" } qw(few hundreds repeats many everyone contact_calls copy.clients copy.saleleads copy.contacts)));
    return;
}

sub local_table
{
    my ($name, $rows, $keys) = @_;
    return "CREATE TABLE $name AS SELECT id, _id AS client_id FROM generate_series(1, $rows) id JOIN ids ON n = 1 + id * 7 % $keys ORDER BY id";
}
