# A thousand wrong options: each is refused, by CREATE and by ALTER, with an SQLSTATE, a
# message that names the option, a hint, and without showing a credential; and the
# right values next to the wrong ones are accepted.

use strict;
use warnings;
use utf8;

use Test::More;
use WalcuTest;

my $secret = 's3cr3t0';
my $long = 'x' x 10_000;
my @controls = map { chr } 1 .. 31, 127;

my $node = start_node();
my $dbh = connect_db($node);
$dbh->do($_) for
  'CREATE EXTENSION walcu_fdw',
  "CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (dealer_id 'd')",
  'CREATE USER MAPPING FOR PUBLIC SERVER crm',
  'CREATE FOREIGN TABLE cars (_id text, make text) SERVER crm',
  'CREATE SCHEMA imported';

# Where options stand: the statements that take OPTIONS (...), the last part of
# each left open, and what puts things back.
my %objects = (
    server => {
        create  => 'CREATE SERVER other FOREIGN DATA WRAPPER walcu_fdw OPTIONS (%s)',
        drop    => 'DROP SERVER other',
        alter   => 'ALTER SERVER crm OPTIONS (%s)',
        catalog => "SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'crm'",
        owns    => 'CREATE SERVER',
    },
    mapping => {
        create  => 'CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (%s)',
        drop    => 'DROP USER MAPPING FOR CURRENT_USER SERVER crm',
        alter   => 'ALTER USER MAPPING FOR PUBLIC SERVER crm OPTIONS (%s)',
        catalog => 'SELECT umoptions FROM pg_user_mapping',
        owns    => 'CREATE USER MAPPING',
    },
    table => {
        create  => 'CREATE FOREIGN TABLE other (_id text) SERVER crm OPTIONS (%s)',
        drop    => 'DROP FOREIGN TABLE other',
        alter   => 'ALTER FOREIGN TABLE cars OPTIONS (%s)',
        catalog => "SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'cars'::regclass",
        owns    => 'CREATE FOREIGN TABLE',
    },
    column => {
        create  => 'CREATE FOREIGN TABLE other (make text OPTIONS (%s)) SERVER crm',
        drop    => 'DROP FOREIGN TABLE other',
        alter   => 'ALTER FOREIGN TABLE cars ALTER COLUMN make OPTIONS (%s)',
        catalog => "SELECT attfdwoptions FROM pg_attribute WHERE attrelid = 'cars'::regclass AND attname = 'make'",
        owns    => 'a column of CREATE FOREIGN TABLE',
    },
    import => {
        create  => 'IMPORT FOREIGN SCHEMA walcu LIMIT TO (tasks) FROM SERVER crm INTO imported OPTIONS (%s)',
        drop    => 'DROP FOREIGN TABLE imported.tasks',
        catalog => "SELECT count(*) FROM pg_class WHERE relnamespace = 'imported'::regnamespace",
        owns    => 'IMPORT FOREIGN SCHEMA',
    },
);

# Kinds of values: wrong ones, and right ones next to them.
sub whole_numbers
{
    my ($min, $max) = @_;
    return (
        wrong => [
            $min - 1, $max + 1, $max + 0.5, $min + 0.5, -1e9, '-9223372036854775809', '18446744073709551616', '1e400', '',
            ' ', "\t", 'x', 'ten', '--1', '+-1', '1,0', '1_0', '1 0', '1.2.3', '0x', '1e', 'e1', '5O', '1;', "1'", '[1]', '"1"',
            'NaN', 'inf', '-Infinity', 'null', 'true', '1kB', '1ms', '1%', '½', '١', '１', '😀', $long,
        ],
        right => [ $min, $max, $min + 1, "$max.0", " $min " ]);
}

sub choices
{
    my @choices = @_;
    my @wrong = map { (uc, ucfirst, " $_", "$_ ", "${_}s", substr($_, 0, -1), substr($_, 1), "\"$_\"", "$_\n", "$_,$_") } @choices;
    my @no_choices = grep { my $name = $_; !grep { $_ eq $name } @choices } qw(default none);
    return (
        wrong => [ @wrong, '', ' ', '0', '1', 'true', @no_choices, 'ñ', '😀', $long ],
        right => \@choices);
}

my %boolean = (
    wrong => [
        '', ' ', 'x', '2', '-1', '10', '00', '0.0', '1.0', 'o', 'truee', 'true ', ' true', "true\n", 'tru e', 'yess', 'nope',
        'null', 'maybe', 'enabled', 'ja', 'sí', '"true"', '[true]', 'true,false', '✓', '１', $long,
    ],
    right => [qw(true false on off yes no 1 0 TRUE)]);
my %cost = (
    wrong => [
        '-1', '-0.000001', '-1e300', '-inf', 'inf', 'Infinity', 'NaN', '1e309', '', ' ', 'x', 'cheap', '1,5', '1 5', '1ms', '1kB',
        '1e', 'e5', '1.2.3', '+-1', '0x', '1_0', '[1]', '"1"', 'null', 'true', '٣', '😀', $long,
    ],
    right => [ '0', '0.000001', '1e308', '100' ]);
my %rate = (
    wrong => [
        '-1', '-0.5', '0.0009', '0.000999', '1e-300', '1000001', '1000000.1', '1e7', '1e400', '-inf', 'inf', 'NaN', '', ' ', "\t", 'x',
        'ten', '0,5', '1/2', '1 0', '1_0', '.', '1.2.3', '+-1', '0x', '1e', 'e1', '10/s', '10/min', '10ms', '1s', '10 per second', '1kB',
        '10%', '½', '٣', '１', '😀', '[1]', '"1"', 'null', 'true', 'none', 'unlimited', $long,
    ],
    right => [ '0', '0.0', '0.001', '0.5', '.5', '1', '2.5', ' 10 ', '1e2', '1000000' ]);
my %duration = (
    wrong => [
        '0', '0ms', '-1', '-1ms', '0.0009', '0.9ms', '999us', '86401', '86400.001', '86400001ms', '1441min', '25h', '2d', '1e400',
        'NaN', 'inf', '', ' ', 'x', '1m', '1S', '1MS', '1sec', '1 hour', '1 day', '1h30', '1h 30min', '1,5', '00:01:00', 'PT1M', '1kB',
        'forever', 'null', '١', '😀', $long,
    ],
    right => [ '1ms', '0.001', '1000us', '1d', '24h', '1440min', '86400' ]);
my %size = (
    wrong => [
        '1023', '1023B', '0.99kB', '0', '-1', '-1kB', '536870913', '513MB', '524289kB', '0.6GB', '1GB', '1TB', '1e400', 'NaN',
        'inf', '', ' ', 'x', '1KB', '16mb', '16Mb', '16M', '16 MiB', '16 mega', '1ms', '1,5MB', '1 000 000', 'large', 'null', '١MB',
        '😀', $long,
    ],
    right => [ '1024', '1kB', '1024B', '512MB', '0.5GB', '536870912' ]);
my %large_size = (
    wrong => [
        '1023', '1023B', '0.99kB', '0', '-1', '-1GB', '1125899906842625', '1025TB', '1024.5TB', '1PB', '1e400', 'NaN', 'inf', '', ' ',
        'x', '1KB', '1gb', '16G', '16 GiB', '16 giga', '1ms', '1,5GB', '1 000 000', 'unlimited', 'null', '١GB', '😀', $long,
    ],
    right => [ '1024', '1kB', '513MB', '1GB', '0.5TB', '1024TB', '1125899906842624' ]);
my %endpoint = (
    wrong => [
        '', ' ', 'x', 'crm.walcu.com', '//crm.walcu.com', 'https', 'https:', 'https:/', 'https://', 'https:///', 'https:///crm',
        'https:/crm', 'https:crm', 'ftp://crm', 'file:///etc/passwd', 'gopher://crm', 'javascript:alert(1)', 'htps://crm',
        ' https://crm', 'https://crm ', "https://crm\n", "https://crm\t/x", "https://\x{7f}", 'https://a b', 'https://crm/a b',
        'https://crm?x=1', 'https://crm/?', 'https://crm#x', 'https://crm/#', 'https://crm\\x', 'https://crm:0', 'https://crm:65536',
        'https://crm:-1', 'https://crm:x', 'https://crm:80:80', 'https://[::1', 'https://::1', 'https://[x]', 'https://a%2fb',
        'https://a%20b', 'https://a,b', 'https://a;b', 'https://a"b', 'https://a<b', 'https://{crm}', 'https://*',
        "https://ana:$secret\@crm", "https://$secret\@crm", "https://crm?token=$secret", "https://crm/?token=$secret",
        # with what requests put behind it
        'https://crm/dealers', 'https://crm/dealers/', 'https://crm/dealers/5f2b1c9e8d3a4b0012345678', 'https://crm/a/dealers/x/cars',
        # unencrypted, and not this machine
        'http://crm', 'HTTP://crm', 'http://localhost.crm', 'http://127.0.0.1.crm', 'http://0.0.0.0', 'http://128.0.0.1',
        'http://10.0.0.1:80', 'http://[::2]', 'http://[::ffff:10.0.0.1]',
    ],
    right => [
        'https://crm', 'HTTPS://CRM', 'https://crm/', 'https://crm:1', 'https://crm:65535', 'https://crm/a/b', 'https://10.0.0.1',
        'https://dealers', 'https://dealers/crm', 'https://crm/dealers.crm', 'https://crm/walcu-dealers/a',
        'https://[::2]:8443', 'http://localhost', 'http://LOCALHOST:80', 'http://127.0.0.1', 'http://127.255.255.254:8080',
        'http://[::1]',
    ]);
my %segment = (
    wrong => [
        '', ' ', '.', '..', 'all', 'All', '/', 'a/b', '/a', 'a/', '../a', './a', 'a b', ' a', 'a ', "a\n", "\t", 'a?b', 'a#b', 'a%b', 'a%2fb',
        '%2e%2e', 'a\\b', 'a&b', 'a=b', 'a:b', 'a@b', 'a;b', 'a,b', "a'b", 'a"b', 'a+b', 'a*b', 'a!b', 'a$b', 'a|b', '{a}', '(a)',
        '[a]', '<a>', '^', '`', 'ñ', '😀', "\x{a0}", "\x{200b}", "$long/",
    ],
    right => [ 'a', '5f2b1c9e8d3a4b0012345678', 'alls', '...', '.a', 'a-b_c.d~e', '0', $long ]);
my %absolute_path = (
    wrong => [ '', ' ', 'x', 'ca.pem', './ca.pem', '../ca.pem', '~/ca.pem', ' /ca.pem', '$HOME/ca.pem', 'file:///ca.pem', '\\ca.pem' ],
    right => [ '/ca.pem', '/no/such/file', "/certificados/a\x{f1}o nuevo.pem" ]);
my %hosts = (
    wrong => [
        '', ' ', ',', 'a,', ',a', 'a,,b', 'a b', 'a b,c', 'a/b', '/a', 'a/', 'https://a', 'a,https://b', 'a?', 'a?b', 'a#b', 'a\\b', 'ana@a',
        'a:', 'a:0', 'a:65536', 'a:-1', 'a:x', ':80', 'a:1:2', '[::1', '::1', '[x]', '*', '*.a', 'a%2fb', "a\tb", '"a', '"a b"', 'a;b', 'a<b',
    ],
    right => [ 'a', 'a,b', ' a , b ', 'a.b.c', 'a:1', 'a:65535,b', '10.0.0.1', '[::1]', '[::1]:443', 'A-1.b' ]);
my %places = (
    wrong => [ '', ' ', ',', 'a,', ',a', 'a,,b', 'a b', '.a', 'a.', 'a..b', 'a.b,c.', 'a, .b', '"a', '.', '..' ],
    right => [ 'cars', 'cars.make', 'cars.make, notes', ' a , b.c ', '"a b.c"', 'ñ.ü' ]);
my %path = (
    wrong => [ '', '..', '...', '.a', 'a.', '.a.', 'a..b', 'a.b.', '.a.b', 'a.b..c', "$long.", ".$long" ],
    right => [ '.', 'a', 'a.b', 'a.b.c', 'a b', 'ñ.😀', '0.1', "$long.$long" ]);
my %parameter = (
    wrong => [ '', ' ', 'q', 'sort', 'skip', 'limit', 'project', 'group_by', 'Search', 'SEARCH', 'search ', ' search', 'searc', 'searchs',
        "search\n", 'search=', '"search"', '0', 'true', 'ñ', '😀', $long ],
    right => ['search']);
my %secret = (
    wrong => [ '', ' ', " $secret", "$secret ", "  $secret  ", (map { ("$secret$_", "$_$secret", "a$_$secret") } @controls) ],
    right => [ $secret, "$secret $secret", "Bearer $secret", 'ñ😀', "\"'\\:;,", $long ]);
my %token = (
    wrong => [ @{ $secret{wrong} }, "Bearer $secret", "bearer $secret", "BEARER  $secret" ],
    right => [ $secret, "$secret $secret", "Bearer$secret", "Basic $secret", 'ñ😀', "\"'\\:;,", $long ]);
my %username = (
    wrong => [ @{ $secret{wrong} }, ':', "$secret:", ":$secret", "ana:$secret" ],
    right => [ 'ana', 'ana@example.com', 'ana maría', $long ]);
my %password = (
    wrong => [ map { ("$secret$_", "$_$secret", "a$_$secret") } @controls ],
    right => [ $secret, '', ' ', " $secret ", ":$secret:", 'ñ😀' ]);
my %header_name = (
    wrong => [
        '', ' ', ' X-Key', 'X-Key ', 'X Key', 'X-Key:', "X-Key: $secret", "$secret\n", "X-Key\r\nX-Other", 'X(Key)', '"X-Key"', 'X/Key', 'X@Key',
        'X,Key', 'X;Key', 'X=Key', 'X{Key}', 'X[0]', 'X<Key>', 'X?', 'X\\Key', 'X-Clé', '😀', "X-\x{a0}", @controls, 'Accept', 'ACCEPT',
        'accept-encoding', 'Connection', 'Content-Encoding', 'content-length', 'Content-Type', 'Expect', 'Host', 'hOST', 'Keep-Alive',
        'Proxy-Authorization', 'Proxy-Connection', 'TE', 'te', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'User-Agent',
    ],
    right => [ 'X-Api-Key', 'Authorization', 'cookie', 'x', "!#\$%&'*+-.^_`|~1", 'Hosts', 'Accept-Language' ]);

# Option, the objects that have it, and its values; `with` are options that it needs
# beside it.
my @options = (
    { name => 'endpoint', on => ['server'], %endpoint },
    { name => 'dealer_id', on => [qw(server table)], %segment },
    { name => 'resource', on => ['table'], %segment },
    { name => 'fetch_size', on => [qw(server table)], whole_numbers(1, 1000) },
    { name => 'connect_timeout', on => ['server'], %duration },
    { name => 'request_timeout', on => ['server'], %duration },
    { name => 'max_requests', on => ['server'], whole_numbers(0, 2147483647) },
    { name => 'max_requests_per_second', on => ['server'], %rate },
    { name => 'max_connections', on => ['server'], whole_numbers(1, 64) },
    { name => 'max_connections_total', on => ['server'], whole_numbers(0, 100000) },
    { name => 'max_retries', on => ['server'], whole_numbers(0, 20) },
    { name => 'max_retry_wait', on => ['server'], %duration },
    { name => 'max_reply_size', on => [qw(server table)], %large_size },
    { name => 'max_document_depth', on => [qw(server table)], whole_numbers(1, 10000) },
    { name => 'connection_lifetime', on => ['server'], %duration },
    { name => 'keep_connections', on => ['server'], %boolean },
    { name => 'async_capable', on => [qw(server table)], %boolean },
    { name => 'fetch_mode', on => [qw(server table)], choices(qw(auto pages parallel job)) },
    { name => 'job_threshold', on => [qw(server table)], whole_numbers(0, 2147483647) },
    { name => 'job_timeout', on => [qw(server table)], %duration },
    { name => 'max_document_size', on => [qw(server table)], %size },
    { name => 'allow_http', on => ['server'], %boolean },
    { name => 'ca_file', on => ['server'], %absolute_path },
    { name => 'results_hosts', on => ['server'], %hosts },
    { name => 'results_redirects', on => ['server'], choices(qw(listed https off)) },
    { name => 'updatable', on => [qw(server table)], %boolean },
    { name => 'paging', on => [qw(server table)], choices(qw(key skip)) },
    { name => 'sort_format', on => ['server'], choices(qw(mongoose comma json none)) },
    { name => 'project_format', on => ['server'], choices(qw(mongoose comma json none)) },
    { name => 'on_type_mismatch', on => [qw(server table)], choices(qw(error null)) },
    { name => 'folded_texts', on => [qw(server table)], %places },
    { name => 'use_remote_estimate', on => [qw(server table)], %boolean },
    { name => 'analyze_sampling', on => [qw(server table)], choices(qw(off auto random)) },
    { name => 'fdw_startup_cost', on => [qw(server table)], %cost },
    { name => 'fdw_tuple_cost', on => [qw(server table)], %cost },
    { name => 'token', on => ['mapping'], %token },
    { name => 'token_file', on => ['mapping'], %absolute_path },
    { name => 'password_file', on => ['mapping'], with => { username => 'ana' }, %absolute_path },
    { name => 'header_value_file', on => ['mapping'], with => { header_name => 'X-Api-Key' }, %absolute_path },
    { name => 'username', on => ['mapping'], with => { password => $secret }, %username },
    { name => 'password', on => ['mapping'], with => { username => 'ana' }, %password },
    { name => 'header_name', on => ['mapping'], with => { header_value => $secret }, %header_name },
    { name => 'header_value', on => ['mapping'], with => { header_name => 'X-Api-Key' }, %secret },
    { name => 'path', on => ['column'], %path },
    { name => 'parameter', on => ['column'], %parameter },
    { name => 'source', on => ['import'], choices(qw(live bundled)) },
    { name => 'import_collate', on => ['import'], with => { source => 'bundled' }, %boolean },
    { name => 'flatten', on => ['import'], with => { source => 'bundled' }, whole_numbers(0, 10) },
    { name => 'import_document', on => ['import'], with => { source => 'bundled' }, %boolean },
    { name => 'import_search', on => ['import'], with => { source => 'bundled' }, %boolean },
);

my $refused = 0;

for my $option (@options)
{
    my ($name, $with) = @$option{qw(name with)};
    for my $object (@{ $option->{on} })
    {
        # Wrong values
        my @problems = map { refusal($object, $name, $_, $with, '22023', qr/./) } @{ $option->{wrong} };
        is_deeply(\@problems, [], "$name of a $object: wrong values");

        # Right values; a live description would need a CRM
        @problems = map { acceptance($object, $name, $_, $with) } grep { $_ ne 'live' } @{ $option->{right} };
        is_deeply(\@problems, [], "$name of a $object: right values");

        # Names that are nearly right
        @problems = map { refusal($object, $_, $secret, undef, 'HV00D', qr/^Perhaps you meant the option "$name"\.$/) }
          misspelt($name);
        is_deeply(\@problems, [], "$name of a $object: misspelt");
    }

    # On anything else
    my ($owner) = map { $objects{$_}{owns} } @{ $option->{on} };
    my %own = map { $_ => 1 } @{ $option->{on} };
    my @problems = map { refusal($_, $name, $secret, undef, 'HV00D', qr/^Option "$name" belongs to $owner\.$/) }
      grep { !$own{$_} } sort keys %objects;
    is_deeply(\@problems, [], "$name on other objects");
}

# Names like none
my @unlike = ('x', 'postgres', 'authorization', 'OPTIONS', 'ñandú', '😀', ' ', 'a b', "a'b", 'a"b', "a\nb", '%s', '$1', 'x' x 63);
for my $object (sort keys %objects)
{
    my @problems = map { refusal($object, $_, $secret, undef, 'HV00D', qr/^The nearest valid options are: (?:\w+, ){2}\w+\.$|^Valid options in this context are: (?:\w+, ){1,19}\w+\.$/) } @unlike;
    is_deeply(\@problems, [], "a $object: names like none");
}

is_deeply([ refusal('server', 'host', $secret, undef, 'HV00D', qr/^Perhaps you meant the option "endpoint"\.$/) ], [], 'what other wrappers call so');

# Credentials that are not whole, or more than one kind
for (
    [ 'username' => { username => $secret } ],
    [ 'password' => { password => $secret } ],
    [ 'header_name' => { header_name => $secret } ],
    [ 'header_value' => { header_value => $secret } ],
    [ 'password' => { password => $secret, token => $secret } ],
    [ 'header_name' => { username => $secret, password => $secret, header_name => $secret } ],
    [ 'credentials' => { token => $secret, username => $secret, password => $secret } ],
    [ 'credentials' => { token => $secret, header_name => 'X', header_value => $secret } ],
    [ 'credentials' => { username => $secret, password => $secret, header_name => 'X', header_value => $secret } ],
  )
{
    my ($word, $options) = @$_;
    my @problems = refusal_of('mapping', $options, $word, '22023', qr/^Give either username and password/);
    is_deeply(\@problems, [], 'credentials: ' . join ', ', sort keys %$options);
}

# What two options say together
for (
    [ endpoint => server => { endpoint => 'http://crm', allow_http => 'false' }, { endpoint => 'http://crm', allow_http => 'on' } ],
    [ path => column => { path => 'a', parameter => 'search' }, { parameter => 'search' } ],
  )
{
    my ($word, $object, $wrong, $right) = @$_;
    my @problems = (
        refusal_of($object, $wrong, $word, '22023', qr/./),
        acceptance_of($object, $right));
    is_deeply(\@problems, [], 'together: ' . join ', ', sort keys %$wrong);
}

cmp_ok($refused, '>=', 1000, 'a thousand wrong options were tried');
diag "$refused wrong options refused";

done_testing();

# An option's name with one error in it.
sub misspelt
{
    my ($name) = @_;
    my $middle = int(length($name) / 2);
    my @names = (
        ucfirst $name,
        $name . substr($name, -1),
        substr($name, 0, $middle) . substr($name, $middle + 1),
        substr($name, 0, $middle) . 'z' . substr($name, $middle));
    push @names, $name =~ tr/_/-/r, $name =~ tr/_//dr if $name =~ /_/;
    return @names;
}

sub refusal
{
    my ($object, $name, $value, $with, $sqlstate, $hint) = @_;
    return refusal_of($object, { %{ $with // {} }, $name => $value }, $name, $sqlstate, $hint);
}

# What is wrong with the way in which options are refused; nothing if all is well.
sub refusal_of
{
    my ($object, $options, $word, $sqlstate, $hint) = @_;
    my $catalog = $objects{$object}{catalog};
    my $before = $dbh->selectall_arrayref($catalog);
    my @problems;
    for my $way (grep { $objects{$object}{$_} } qw(create alter))
    {
        my $error = sql_error($dbh, statement($object, $way, $options));
        my @said = map { $_ // '' } values %{ $error // {} };
        my $problem =
            !$error                                         ? 'was accepted'
          : $error->{sqlstate} ne $sqlstate                 ? "SQLSTATE is $error->{sqlstate}"
          : index($error->{message}, $word) < 0             ? "the message is $error->{message}"
          : ($error->{hint} // '') !~ $hint                 ? 'the hint is ' . ($error->{hint} // 'missing')
          : (grep { index($_, $secret) >= 0 } @said)        ? 'a credential was shown'
          : next;
        push @problems, "$way $object " . shown($options) . ": $problem";
        $dbh->do($objects{$object}{drop}) if !$error && $way eq 'create';
    }
    push @problems, "$object " . shown($options) . ' left something behind'
      unless eq_array($dbh->selectall_arrayref($catalog), $before);
    $refused++ unless @problems;
    return @problems;
}

sub acceptance
{
    my ($object, $name, $value, $with) = @_;
    return acceptance_of($object, { %{ $with // {} }, $name => $value });
}

sub acceptance_of
{
    my ($object, $options) = @_;
    my $error = sql_error($dbh, statement($object, 'create', $options));
    return 'create ' . shown($options) . ": $error->{sqlstate} $error->{message}" if $error;
    $dbh->do($objects{$object}{drop});
    return unless $objects{$object}{alter};

    $dbh->begin_work;
    $error = sql_error($dbh, statement($object, 'alter', $options));
    $dbh->rollback;
    return $error ? 'alter ' . shown($options) . ": $error->{sqlstate} $error->{message}" : ();
}

# The server that is altered has a dealer_id already.
sub statement
{
    my ($object, $way, $options) = @_;
    my @pairs = map {
        my $verb = $way eq 'create' ? '' : $object eq 'server' && $_ eq 'dealer_id' ? 'SET ' : 'ADD ';
        $verb . $dbh->quote_identifier($_) . ' ' . literal($options->{$_})
    } sort keys %$options;
    return sprintf $objects{$object}{$way}, join ', ', @pairs;
}

sub literal
{
    my ($value) = @_;
    return "'" . ($value =~ s/'/''/gr) . "'";
}

# Options as a name of a test shows them.
sub shown
{
    my ($options) = @_;
    my $text = join ', ', map { "$_ '$options->{$_}'" } sort keys %$options;
    $text =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ge;
    return length $text > 80 ? substr($text, 0, 80) . '...' : $text;
}
