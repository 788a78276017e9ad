# The harness itself: extension, sandbox and IMPORT FOREIGN SCHEMA work together, and
# every resource has as many rows as the sandbox has documents.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 60);
my $node = start_node();
setup_crm($node, $sandbox);
my $dbh = connect_db($node);

my ($default_version) = $dbh->selectrow_array(
    "SELECT default_version FROM pg_available_extensions WHERE name = 'walcu_fdw'");
my ($version) = $dbh->selectrow_array('SELECT walcu_fdw_version()');
is($version, $default_version, 'the library is of the installed version');

my $tables = $dbh->selectcol_arrayref(
    "SELECT foreign_table_name FROM information_schema.foreign_tables
      WHERE foreign_table_schema = 'crm' ORDER BY 1");
is_deeply($tables, \@RESOURCES, 'every resource is a table');

for my $resource (@RESOURCES)
{
    my ($rows) = $dbh->selectrow_array("SELECT count(*) FROM crm.$resource");
    is($rows, scalar(my @documents = $sandbox->dump_lines($resource)), "rows of $resource");
}

my $error = sql_error($dbh, 'SELECT no_such_column FROM crm.cars');
is($error->{sqlstate}, '42703', 'the harness reports the SQLSTATE of an error');
like($error->{message}, qr/no_such_column/, 'and its message');
is_deeply([ sql_messages($dbh, "DO 'BEGIN RAISE WARNING \$\$heard\$\$; END'") ],
    ['WARNING:  heard'], 'the harness hears warnings');

done_testing();
