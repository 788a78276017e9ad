# What security.md says of credentials in statements: where PostgreSQL keeps them, and that it keeps them nowhere
# under the settings that the manual gives.

use strict;
use warnings;

use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use WalcuTest;

my $node = start_node('main', log_min_messages => 'warning', log_statement => "'none'");
my $preload = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'});
if ($preload)
{
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'");
    $node->restart;
    $node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
}
$node->safe_psql('postgres', q{CREATE EXTENSION walcu_fdw; CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw});

# By default
my $dbh = connect_db($node);
isnt(sql_error($dbh, q{CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (token 's3cr3t-1')}), undef, 'a statement that fails');
is(kept('s3cr3t-1', 'log'), 1, 'stands in the log by default');
$dbh->do(q{CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token 's3cr3t-2')});
is(kept('s3cr3t-2', 'log'), 0, 'one that does not fail does not');
is(kept('s3cr3t-2', 'activity'), 1, 'but others see it for a while');
is(kept('s3cr3t-2', 'statements'), 1, 'and pg_stat_statements keeps it') if $preload;
$dbh->do(q{SET log_min_duration_statement = 0});
$dbh->do(q{ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET token 's3cr3t-3')});
is(kept('s3cr3t-3', 'log'), 1, 'log_min_duration_statement writes it down');

# As the manual has it, in a server that writes all down
$node->append_conf('postgresql.conf', "log_statement = 'all'\nlog_min_duration_statement = 0\nlog_min_duration_sample = 0\nlog_statement_sample_rate = 1");
$node->reload;
my ($recipe) = slurp_file('docs/security.md') =~ /^(    \\set key .*?this takes its place.*?\n)/ms;
ok($recipe, 'the manual has a recipe');
open my $secret, '>', "$node->{_basedir}/secret" or die $!;
print $secret "s3cr3t-4\n";
close $secret;
$recipe =~ s{/run/secrets/crm-secret-key}{$node->{_basedir}/secret};
$node->safe_psql('postgres', 'CREATE ROLE analyst');
for my $role (qw(analyst nobody))
{
    # the second one fails, as there is no such role
    $node->psql('postgres', $recipe =~ s/^    //mgr =~ s/analyst/$role/gr, on_error_stop => 0);
    is(kept('s3cr3t-4', $_), 0, "for $role it is kept nowhere: $_") for 'log', 'activity', $preload ? 'statements' : ();
}
is($node->safe_psql('postgres', q{SELECT umoptions FROM pg_user_mappings WHERE usename = 'analyst'}), '{"username=APPLICATION ID",password=s3cr3t-4}', 'but in the catalog');

done_testing();

# Is a secret to be seen there?
sub kept
{
    my ($text, $place) = @_;
    return index(slurp_file($node->logfile), $text) >= 0 ? 1 : 0 if $place eq 'log';
    my $where = $place eq 'activity' ? 'pg_stat_activity' : 'pg_stat_statements';
    # without naming it, as that would be kept
    my ($begin, $end) = split /-/, $text;
    return $node->safe_psql('postgres', "SELECT count(*) > 0 FROM $where WHERE query LIKE '%' || '$begin' || '-' || '$end' || '%'") eq 't' ? 1 : 0;
}
