package WalcuTest;

# WalcuTest
#   What the TAP tests share: a PostgreSQL cluster, a CRM in it, and SQL whose errors
#   and messages can be looked at.  The sandbox is WalcuTest::Sandbox's.
#
#     use WalcuTest;
#     my $sandbox = WalcuTest::Sandbox->start(scale => 100);
#     my $node = start_node();
#     setup_crm($node, $sandbox, server => { fetch_size => 7 });
#     my $dbh = connect_db($node);
#     my ($count) = $dbh->selectrow_array('SELECT count(*) FROM crm.cars');
#     my $error = sql_error($dbh, 'SELECT * FROM crm.cars');   # undef if it worked
#     is($error->{sqlstate}, '08006');
#     my @messages = sql_messages($dbh, 'SELECT price FROM crm.cars');
#
# What is under way at once is seen with the service holding its replies, so that no test trusts the clock:
#
#     my ($requests, $rows) = under_way($dbh, $sandbox, 'SELECT * FROM crm.cars', 4);
#     is($requests, 4);
#
# Everything of a test is gone when the test ends: PostgreSQL::Test::Cluster stops the
# cluster, WalcuTest::Sandbox the sandbox.

use strict;
use warnings;

use Cwd qw(abs_path);
use DBI;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use WalcuTest::Sandbox;

our @EXPORT = qw(
  @RESOURCES start_node setup_crm options_sql set_server_options connect_db forget_sizes has_libcurl sql_error sql_messages
  messages_while print_characters told_in cancelled_when wait_until under_way
);

our @RESOURCES = qw(
  aftersaleleads appraisalleads cars chatmessages chatproviders chatsessions clients
  clientvehicles conferences contacts dates leadimporttasks notes offers repairorders
  saleleads sms tasks whatsappmessages whatsappsessions
);

# A running cluster; its log holds more than usual, for tests that look for what
# must not be there.
sub start_node
{
    my ($name, %settings) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name // 'main');
    local $ENV{PATH} = abs_path('t/bin') . ":$ENV{PATH}";
    $node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
    %settings = (log_min_messages => 'debug2', timezone => "'UTC'", %settings);
    $node->append_conf('postgresql.conf', "$_ = $settings{$_}") for sort keys %settings;
    $node->start;
    return $node;
}

# Extension, server, user mapping, schema and foreign tables.  Options:
#   name      of server and schema              (default crm)
#   dbname    database                          (default postgres)
#   server    options of the server, over endpoint and dealer_id of the sandbox
#   mapping   options of the user mapping       (default the sandbox's application id and secret key)
#   import    options of IMPORT FOREIGN SCHEMA
#   limit_to  resources to import               (default all)
sub setup_crm
{
    my ($node, $sandbox, %options) = @_;
    my $name = $options{name} // 'crm';
    my %server = (
        endpoint  => $sandbox->endpoint,
        dealer_id => $sandbox->dealer_id,
        # the default waits for half a minute: t/047_outages.pl
        max_retries => 4,
        %{ $options{server} // {} });
    my $mapping = $options{mapping} // WalcuTest::Sandbox::CREDENTIALS;
    my $limit = $options{limit_to} ? 'LIMIT TO (' . join(', ', @{ $options{limit_to} }) . ')' : '';

    $node->safe_psql(
        $options{dbname} // 'postgres',
        join ";\n",
        'CREATE EXTENSION IF NOT EXISTS walcu_fdw',
        "CREATE SERVER $name FOREIGN DATA WRAPPER walcu_fdw " . options_sql(\%server),
        "CREATE USER MAPPING FOR CURRENT_USER SERVER $name " . options_sql($mapping),
        "CREATE SCHEMA $name",
        "IMPORT FOREIGN SCHEMA walcu $limit FROM SERVER $name INTO $name "
          . options_sql($options{import} // {}));
    return;
}

# { fetch_size => 7 } as OPTIONS (fetch_size '7'); nothing for no options.
sub options_sql
{
    my ($options) = @_;
    return '' unless %$options;
    my @pairs = map { "$_ '" . ($options->{$_} =~ s/'/''/gr) . "'" } sort keys %$options;
    return 'OPTIONS (' . join(', ', @pairs) . ')';
}

# The options of the server crm, but for where it is: these and no others.
sub set_server_options
{
    my ($dbh, %options) = @_;
    my ($now) = $dbh->selectrow_array("SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'crm'");
    for my $option (grep { !/^(endpoint|dealer_id)=/ } @$now)
    {
        my ($name) = split /=/, $option;
        $dbh->do("ALTER SERVER crm OPTIONS (DROP $name)");
    }
    $dbh->do("ALTER SERVER crm OPTIONS (ADD $_ '$options{$_}')") for sort keys %options;
    return;
}

sub connect_db
{
    my ($node, %options) = @_;
    my $dsn = sprintf 'dbi:Pg:host=%s;port=%s;dbname=%s',
      $node->host, $node->port, $options{dbname} // 'postgres';
    return DBI->connect($dsn, $options{user} // scalar getpwuid($<), '',
        { AutoCommit => 1, RaiseError => 1, PrintError => 0, pg_enable_utf8 => 1 });
}

# Let nobody know how many documents there are.  From PostgreSQL 17 on all sessions share that until the server
# stops, so that connections end, which a test has to open again; before, a new session knows nothing.
sub forget_sizes
{
    my ($node) = @_;
    $node->restart if $node->pg_version >= 17;
    return;
}

# Is this version of libcurl, or a newer one, what the extension was built with?
sub has_libcurl
{
    my ($version) = @_;
    return system("pkg-config --atleast-version=$version libcurl") == 0;
}

# For tests that `use utf8` and name checks by it: PostgreSQL's modules end a test that prints such a name, from 19 on.
sub print_characters
{
    my $builder = Test::More->builder;
    binmode($_, ':encoding(UTF-8)') for map { @{ tied *$_ } } $builder->output, $builder->failure_output;
    return;
}

# Run a statement that should fail: what PostgreSQL says, or undef if it did not fail.
sub sql_error
{
    my ($dbh, $sql, @values) = @_;
    return undef if eval { $dbh->do($sql, undef, @values); 1 };
    return {
        sqlstate => $dbh->state,
        message  => $dbh->pg_error_field('primary'),
        detail   => $dbh->pg_error_field('detail'),
        hint     => $dbh->pg_error_field('hint'),
        context  => $dbh->pg_error_field('context'),
    };
}

# Run a statement and return the NOTICEs and WARNINGs that came with it.
sub sql_messages
{
    my ($dbh, $sql, @values) = @_;
    chomp(my @messages = messages_while($dbh, sub { $dbh->do($sql, undef, @values) }));
    return @messages;
}

# The NOTICEs and WARNINGs that come while something is done.
sub messages_while
{
    my ($dbh, $work) = @_;
    my @messages;
    local $SIG{__WARN__} = sub { push @messages, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $work->();
    return @messages;
}

# How many rows are written, and how many are in doubt, as a message tells.
sub told_in
{
    my ($text) = @_;
    my ($written) = $text =~ /(\d+|One) rows? (?:was|were) written/;
    my ($doubt) = $text =~ /not known whether (one|\d+) requests? (?:was|were) carried out/;
    return map { !defined ? 0 : /one/i ? 1 : $_ } $written, $doubt;
}

# Ask until the answer is yes, and die when that takes a minute.
sub wait_until
{
    my ($question) = @_;
    for (1 .. 6000)
    {
        return 1 if $question->();
        sleep 0.01;
    }
    die "waited for a minute in vain\n";
}

# The SQLSTATE of a statement that is cancelled once the answer to a question is yes (whether the service has its request, say),
# and what its error says, DETAIL included.
sub cancelled_when
{
    my ($dbh, $node, $sql, $question) = @_;
    my $other = connect_db($node);
    $dbh->do($sql, { pg_async => 1 });
    wait_until($question);
    $other->do("SELECT pg_cancel_backend($dbh->{pg_pid})");
    # newer DBD::Pg does not die of an error here, and has its fields; older has all in one text
    eval { $dbh->pg_result };
    my ($text, $detail) = ($dbh->errstr // '', $dbh->pg_error_field('detail') // '');
    return ($dbh->state, $text =~ /^DETAIL:/m ? $text : "$text\nDETAIL:  $detail");
}

# Run a statement while the sandbox holds its replies to what matches.  Returns how many requests
# were under way once there were as many as wanted, and how many rows came after they were let go.
# One too many has a moment to come: on a slow machine it may be missed, but none is made up.
sub under_way
{
    my ($dbh, $sandbox, $sql, $wanted, %match) = @_;
    $sandbox->fault({ match => \%match, fault => { type => 'hold' } });
    $sandbox->clear_log;
    $dbh->do($sql, { pg_async => 1 });
    my $held = sub { scalar grep { defined $_->{fault} } $sandbox->log };
    eval { wait_until(sub { $held->() >= $wanted }) };
    sleep 0.1;
    my $count = $held->();
    $sandbox->clear_faults;
    return ($count, 0 + $dbh->pg_result);
}

1;
