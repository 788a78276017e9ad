# ca_file is trusted instead of the system's certificates, not beside them, and as it is now: a file that is
# replaced is seen by sessions that have connections, and certificates remembered, already.

use strict;
use warnings;

use WalcuTest::Namespace '/etc/ssl/certs' => sub {
    my ($directory) = @_;
    system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=nobody -keyout /dev/null -out $directory/ca-certificates.crt 2>/dev/null") == 0
      or die 'could not make a certificate';
};
use File::Copy qw(copy move);
use File::Temp ();
use POSIX qw(mkfifo);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(tls => 1, scale => 5);
my $node = start_node('main', log_min_messages => 'warning');
my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $file = "$directory/ca.pem";
my $stranger = '/etc/ssl/certs/ca-certificates.crt';
setup_crm($node, $sandbox, limit_to => ['cars'], server => { max_retries => 0 });
my $dbh = connect_db($node);
my $cars = $sandbox->dump_lines('cars');
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint '" . $sandbox->tls_endpoint . "')");

# The system's
is(outcome(), '08001', 'a certificate that the system does not know');
copy($sandbox->ca_file, '/etc/ssl/certs/known.pem') or die $!;
system('openssl rehash /etc/ssl/certs') == 0 or die 'could not rehash';
$dbh->do('SELECT walcu_fdw_disconnect_all()');
is(outcome(), $cars, 'one that is in the directory of those that it knows');

# Instead of them
copy($stranger, $file) or die $!;
$dbh->do("ALTER SERVER crm OPTIONS (ADD ca_file '$file')");
is(outcome(), '08001', 'a ca_file without it takes the place of the directory, too');
is($sandbox->request_count(listener => 'api_tls', kind => 'list') > 0, 1, 'it was asked before');
$sandbox->clear_log;
is(outcome(), '08001', 'and again');
is($sandbox->request_count, 0, 'nothing was sent');

# As it is now
for my $round (1 .. 2)
{
    replace_by($sandbox->ca_file);
    is(outcome(), $cars, 'a file that was replaced is seen');
    is(outcome(), $cars, 'by all that follows');
    is(connections(), 1, 'on one connection');
    replace_by($stranger);
    is(outcome(), '08001', 'and when it no longer has the certificate, the connection is not used again');
}
open my $appended, '>>', $file or die $!;
open my $ca, '<', $sandbox->ca_file or die $!;
print {$appended} <$ca>;
close $appended or die $!;
is(outcome(), $cars, 'a file that has grown is seen as well');
unlink $file;
is(outcome(), '08001', 'one that is gone');
symlink $sandbox->ca_file, $file or die $!;
is(outcome(), $cars, 'one that is a link now');

# A cursor goes on, as its connection was made before
$dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_size '2', ADD fetch_mode 'pages')");
$dbh->begin_work;
$dbh->do('DECLARE c CURSOR FOR SELECT _id FROM crm.cars');
$dbh->do('FETCH 1 FROM c');
replace_by($stranger);
is(scalar @{ $dbh->selectcol_arrayref('FETCH ALL FROM c') }, $cars - 1, 'a cursor that is open goes on');
$dbh->commit;
is(outcome(), '08001', 'what comes after it does not');

# What is no file
unlink $file;
mkfifo($file, 0644) or die $!;
$dbh->do("SET statement_timeout = '20s'");
is(outcome(), '42809', 'a pipe is refused, and not waited for');
unlink $file;
mkdir $file or die $!;
is(outcome(), '42809', 'so is a directory');

# An https proxy is not the service: its certificate is checked against the system's
rmdir $file;
copy($sandbox->ca_file, $file) or die $!;
unlink glob('/etc/ssl/certs/*.0'), '/etc/ssl/certs/known.pem';
{
    local @ENV{qw(https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ($sandbox->tls_endpoint) x 4;
    delete local @ENV{qw(no_proxy NO_PROXY)};
    my $behind = start_node('behind_proxy', log_min_messages => 'warning');
    setup_crm($behind, $sandbox, limit_to => ['cars'], server => { max_retries => 0 });
    $dbh = connect_db($behind);
    $dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'https://crm.invalid', ADD ca_file '$file')");
    $sandbox->clear_log;
    is(outcome(), '08001', 'an https proxy whose certificate is in ca_file alone');
    like($dbh->errstr, qr/certificate/i, 'is not trusted');
    is($sandbox->request_count, 0, 'and told nothing');
}

done_testing();

# How many rows there are, or the SQLSTATE.
sub outcome
{
    my $rows = eval { scalar @{ $dbh->selectcol_arrayref('SELECT _id FROM crm.cars') } };
    return $rows // $dbh->state;
}

sub replace_by
{
    my ($source) = @_;
    copy($source, "$file.new") or die $!;
    move("$file.new", $file) or die $!;
    $sandbox->clear_log;
    return;
}

# On how many connections requests came since the file was replaced.
sub connections
{
    my %seen = map { $_->{connection} => 1 } $sandbox->log(kind => 'list');
    return scalar keys %seen;
}
