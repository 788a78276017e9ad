# Secrets that stand in files: read each time that they are needed, of regular files alone, and neither in the
# catalog nor in a message.  Superusers name them.

use strict;
use warnings;

use File::Temp ();
use POSIX qw(mkfifo);
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 5, auth => 'bearer:sandbox-token');
my $node = start_node('main', log_min_messages => 'debug5', log_statement => "'all'", log_min_error_statement => 'error');
my $directory = File::Temp->newdir;
my $file = "$directory/secret";
write_secret("sandbox-token\n");
setup_crm($node, $sandbox, limit_to => ['cars'], mapping => { token_file => $file }, server => { max_retries => 0 });
my $dbh = connect_db($node);
my $cars = $sandbox->dump_lines('cars');
my $scan = 'SELECT _id FROM crm.cars';
my @said;

# Each kind
for my $row (
    [ 'bearer:tok en/1+2', 'tok en/1+2', "SET token_file '$file'" ],
    [ 'basic:ana:cl4ve: de "paso" ', 'cl4ve: de "paso" ', "DROP token_file, ADD username 'ana', ADD password_file '$file'" ],
    [ "basic:ana:contrase\x{f1}a", "contrase\x{f1}a", "SET password_file '$file'" ],
    [ 'header:X-Api-Key:k3y-v4lu3', 'k3y-v4lu3', "DROP username, DROP password_file, ADD header_name 'X-Api-Key', ADD header_value_file '$file'" ],
    [ 'header:Authorization:ApiKey k3y-v4lu3', 'ApiKey k3y-v4lu3', "SET header_name 'Authorization'" ],
    [ 'header:Cookie:session=k3y-v4lu3; theme=dark', 'session=k3y-v4lu3; theme=dark', "SET header_name 'Cookie'" ],
  )
{
    my ($auth, $secret, $options) = @$row;
    $sandbox->settings(auth => $auth);
    $dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS ($options)");
    for my $end ('', "\n", "\r\n")
    {
        write_secret($secret . $end);
        is(outcome(), $cars, "$auth, with " . length($end) . ' bytes at the end');
    }
    # a file that is replaced is seen at once
    write_secret('wr0ng-one');
    is(outcome(), '28000', 'another one is sent');
    push @said, $dbh->errstr;
    write_secret($secret);
    is(outcome(), $cars, 'and the right one again');
}
$sandbox->settings(auth => 'bearer:sandbox-token');
$dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (DROP header_name, DROP header_value_file, ADD token_file '$file')");

# What cannot be used
$dbh->do("SET statement_timeout = '20s'");
for my $row (
    [ 'an empty one', '', '22023', qr/It is empty/ ],
    [ 'one of an empty line', "\n", '22023', qr/It is empty/ ],
    [ 'one of two lines', "s3cr3t\ns3cr3t\n", '22023', qr/control character/ ],
    [ 'one with a second end', "s3cr3t\n\n", '22023', qr/control character/ ],
    [ 'one with the word Bearer', "Bearer s3cr3t\n", '22023', qr/Bearer/ ],
    [ 'one with a space', "s3cr3t \n", '22023', qr/space/ ],
    [ 'one with a null byte', "s3cr3t\0\n", '22P05', qr/is not text/ ],
    [ 'a long one', 's3cr3t' x 20_000, '54000', qr/longer than/ ],
    [ 'one that is not UTF-8', "s3cr3t\xff\n", '22021', qr/UTF8/, ],
  )
{
    my ($name, $text, $sqlstate, $words) = @$row;
    write_bytes($text);
    for my $sql ($scan, q{SELECT walcu_fdw_request('crm', 'GET', '/cars')}, q{DELETE FROM crm.cars WHERE _id = 'x'}, 'ANALYZE crm.cars')
    {
        my $error = sql_error($dbh, $sql);
        is($error->{sqlstate}, $sqlstate, "$name: $sql");
        my $said = join "\n", map { $_ // '' } values %$error;
        like($said, $words, 'the message tells why');
        unlike($said, qr/s3cr3t/, 'but not what it says');
    }
}
unlink $file;
is(outcome(), '58P01', 'one that is not there');
like($dbh->errstr, qr/\Q$file\E/, 'the message names it');
mkfifo($file, 0600) or die $!;
is(outcome(), '42809', 'a pipe is not waited for');
unlink $file;
mkdir $file;
is(outcome(), '42809', 'a directory');
rmdir $file;
symlink '/dev/zero', $file or die $!;
is(outcome(), '42809', 'a device, behind a link');
unlink $file;
write_bytes("sandbox-token\n");
if ($< != 0)
{
    chmod 0, $file;
    is(outcome(), '42501', 'one that may not be read');
    my $user = getpwuid $<;
    like(sql_error($dbh, $scan)->{hint}, qr/as the operating system's user "$user"\.$/, 'the hint says who would read it');
    chmod 0600, $file;
}
is(outcome(), $cars, 'and then a good one again');

# Whoever is no superuser can name none, nor change a mapping that does, and still uses it
$dbh->do('CREATE ROLE guest LOGIN; GRANT USAGE ON FOREIGN SERVER crm TO guest; GRANT USAGE ON SCHEMA crm TO guest; GRANT SELECT ON crm.cars TO guest;'
    . 'GRANT pg_read_server_files TO guest; GRANT USAGE ON FOREIGN DATA WRAPPER walcu_fdw TO guest');
my $guest = connect_db($node, user => 'guest');
for my $sql (
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (token_file '$file')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'ana', password_file '/etc/passwd')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (header_name 'X-Api-Key', header_value_file '/etc/passwd')",
    "CREATE SERVER mine FOREIGN DATA WRAPPER walcu_fdw OPTIONS (ca_file '/etc/passwd')",
  )
{
    is(sql_error($guest, $sql)->{sqlstate}, '42501', "refused: $sql");
}
$dbh->do("CREATE USER MAPPING FOR guest SERVER crm OPTIONS (token_file '$file')");
is(scalar @{ $guest->selectcol_arrayref($scan) }, $cars, 'one that a superuser made is used');
is(sql_error($guest, "ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET token_file '/etc/passwd')")->{sqlstate}, '42501', 'but not changed');
is(sql_error($guest, "ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (DROP token_file, ADD token 'x')"), undef, 'only dropped');

# Nothing of it is kept
is_deeply([ grep { /sandbox-token/ } @{ $dbh->selectcol_arrayref('SELECT umoptions::text FROM pg_user_mappings') } ], [], 'no secret is in the catalog');
my $said = join "\n", @said, PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(index($said, $_), -1, 'nor in a message or the log, of any level') for 'k3y-v4lu3', 'cl4ve', 'tok en/1', 'sandbox-token', 's3cr3t', 'wr0ng-one';

done_testing();

sub outcome
{
    my $rows = eval { scalar @{ $dbh->selectcol_arrayref($scan) } };
    return $rows // $dbh->state;
}

sub write_secret
{
    my ($text) = @_;
    utf8::encode($text);
    write_bytes($text);
    return;
}

sub write_bytes
{
    my ($bytes) = @_;
    open my $out, '>', "$file.new" or die $!;
    print $out $bytes;
    close $out or die $!;
    rename "$file.new", $file or die $!;
    return;
}
