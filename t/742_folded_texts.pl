# Texts that the service folds before it compares them, by setters of its schemas or by a collation: with the option folded_texts
# queries answer as PostgreSQL does, whether what is stored was folded or not; and the check finds where the option is needed.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 60, count => { cars => 50 }, job_polls => 0);
my $node = start_node();
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
$dbh->{pg_placeholder_dollaronly} = 1;
$dbh->do('SET client_min_messages = error');
$dbh->do('CREATE SCHEMA copied');
my @READ = qw(cars clients aftersaleleads users);
$dbh->do("CREATE FOREIGN TABLE crm.users (_id text COLLATE \"C\", email text COLLATE \"C\", first_name text COLLATE \"C\") SERVER crm OPTIONS (resource 'users')");

# What is generated, and cars that differ in what setters change
my @plates = ('1234', '12 34', '1abc', '1ABC', ' 1ABC', '1ABC ', '2-xyz', '2-XYZ', '3.Ñandú', '3.ÑANDÚ', '4%a_b\\', '4%A_B\\', '', '5"q', "6\nA", "6\na", undef);
my @cars = map {
    { _id => sprintf('%024x', $_ + 1), make => $_ % 3 ? 'SEAT' : $_ % 2 ? 'seat' : 'Seat', license_plate => $plates[$_], model => "M$_", mileage => $_ * 1000,
      extras => [ 'abs', 'ABS' ] }
} 0 .. $#plates;
my %folds = (none => sub { $_[0] }, lowercase => sub { lc $_[0] }, uppercase => sub { uc $_[0] }, trim => sub { $_[0] =~ s/^\s+|\s+$//gr });
my %IS_SET = map { $_ => 1 } qw(make license_plate email emails client_emails source);
my %stored = map { $_ => [ $sandbox->dump($_) ] } @READ;
push @{ $stored{cars} }, @cars;

my $places = join ', ', qw(cars.make cars.license_plate clients.contacts.emails clients.primary_contact.emails clients.business_details.emails
  aftersaleleads.origin.source aftersaleleads.computed.client_emails aftersaleleads.computed.vehicle users.email);

my @texts = ('seat', 'Seat', ' Seat', grep { defined && !/^12 34|1ABC |2-xyz|ÑANDÚ|B\\|q|6\na/ } @plates);
my ($source) = grep { defined && !ref && /[a-z]/i } map { ref $_->{origin} eq 'HASH' ? $_->{origin}{source} : undef } @{ $stored{aftersaleleads} };
my ($email) = grep { defined && !ref } map { $_->{email} } @{ $stored{users} };
my ($client_email) = grep { defined && !ref } map { ref $_->{computed}{client_emails} eq 'ARRAY' ? $_->{computed}{client_emails}[0] : undef }
  grep { ref $_->{computed} eq 'HASH' } @{ $stored{aftersaleleads} };
my @conditions = (
    (map { my $text = $_; map { my $place = $_; map { [ cars => "$place $_ '$text'" ] } '=', '<>', '>', '<=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM' } qw(make license_plate) } @texts),
    (map { my $pattern = $_; map { [ cars => "license_plate $_ '$pattern'" ] } 'LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE' }
          '1a%', '1A%', '%abc', '%ABC ', '%b%', '1_bc', '%Ñ%', '3.%', '6_a', '%\\\\', '4\\%a%', '', '%', ' %', '% '),
    (map { [ cars => "license_plate $_" ] } "~ '^1A'", "~* '^1a'", "!~ 'a'", "IN ('1ABC', '1abc', '1234')", "NOT IN ('1ABC', '1234')", "BETWEEN '1' AND '1a'", 'IS NULL', 'IS NOT NULL',
          "^@ '1A'", "= ANY (ARRAY['2-XYZ', NULL])", "<> ALL (ARRAY['1ABC'])"),
    (map { [ cars => $_ ] } "make = 'SEAT' OR license_plate = '1abc'", "NOT (make = 'SEAT' AND license_plate <> '1abc')", "(make = 'SEAT') IS NOT TRUE", "make <> 'Seat' AND mileage > 3000",
          "'ABS' = ANY (extras)", "extras @> ARRAY['abs']", "extras && ARRAY['Abs']"),
    (map { my $text = $_; map { [ aftersaleleads => $_ ] } "origin->>'source' = '$text'", "origin->>'source' <> '$text'", "origin->'source' = '\"$text\"'", "origin @> '{\"source\": \"$text\"}'", "origin->>'source' LIKE '$text'" }
          $source, lc $source, uc $source),
    (map { my $text = $_; map { [ aftersaleleads => $_ ] } "computed->'client_emails' ? '$text'", "computed @> '{\"client_emails\": [\"$text\"]}'", "computed->'client_emails'->>0 = '$text'" }
          $client_email, lc $client_email, uc $client_email),
    (map { my $text = $_; map { [ users => "email $_ '$text'" ] } '=', '<>', 'LIKE', '>=' } $email, lc $email, uc $email),
);
my @queries = (
    (map { "SELECT _id FROM from_here.$_->[0] WHERE $_->[1] ORDER BY _id COLLATE \"C\"" } @conditions),
    (map { "SELECT license_plate, _id FROM from_here.cars $_" } 'ORDER BY license_plate, _id', 'ORDER BY license_plate DESC NULLS LAST, _id LIMIT 9', 'WHERE license_plate IS NOT NULL ORDER BY make, license_plate, _id LIMIT 20'),
    'SELECT max(license_plate), min(make), count(*) FROM from_here.cars', 'SELECT make, count(*) FROM from_here.cars GROUP BY make ORDER BY make COLLATE "C"',
    "SELECT a._id, b._id FROM from_here.cars a JOIN (VALUES ('1ABC'), ('2-xyz'), ('1234'), ('seat')) v (plate) ON a.license_plate = v.plate JOIN from_here.cars b ON b.make = a.make ORDER BY 1, 2",
);

# Without the option rows are lost
$sandbox->settings(text_setters => 'lowercase');
store('none');
copy_all();
my @lost = differing();
cmp_ok(scalar @lost, '>', 30, 'setters lose rows where nobody says so');

for my $kind ([ lowercase => 8 ], [ lowercase => 5 ], [ uppercase => 5 ], [ uppercase => 6 ], [ trim => 7 ], [ ignore_case => 8 ])
{
    my ($way, $mongoose) = @$kind;
    $sandbox->settings(mongoose => $mongoose, $way eq 'ignore_case' ? (text_setters => 'none', collation => $way) : (text_setters => $way, collation => 'none'));
    $dbh->do("ALTER SERVER crm OPTIONS (ADD folded_texts '" . ($way eq 'ignore_case' ? join(', ', @READ) : $places) . "')");
    for my $stored ('none', $way eq 'ignore_case' ? () : $way)
    {
        store($stored);
        copy_all();
        my @wrong = differing();
        is_deeply([ @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], scalar(@queries) . " queries: $way by Mongoose $mongoose, what is stored is as by $stored");
    }
    $dbh->do('ALTER SERVER crm OPTIONS (DROP folded_texts)');
}

# What is asked for
$sandbox->settings(mongoose => 8, text_setters => 'lowercase', collation => 'none');
store('lowercase');
$dbh->do("ALTER SERVER crm OPTIONS (ADD folded_texts 'cars.license_plate, aftersaleleads.origin')");
my $pattern = sub { return { '$regex' => $_[0], '$options' => 'is' } };
for (
    [ cars => "license_plate = '1234'", { license_plate => '1234' } ],
    [ cars => "license_plate = '1ABC'", { license_plate => $pattern->('^1ABC$') } ],
    [ cars => "license_plate = ' 1.'", { license_plate => $pattern->('^ 1\\.$') } ],
    [ cars => "license_plate IN ('1234', '5678')", { license_plate => { '$in' => [ '1234', '5678' ] } } ],
    [ cars => "license_plate IN ('1234', 'a')", { '$or' => [ { license_plate => $pattern->('^a$') }, { license_plate => '1234' } ] } ],
    [ cars => "license_plate LIKE '1a%'", { license_plate => $pattern->('^1a.*') } ],
    [ cars => "license_plate ILIKE '%A_ñ'", { license_plate => $pattern->('.*A.*') } ],
    [ cars => "license_plate <> '1ABC'", undef ],
    [ cars => "license_plate > '1ABC'", undef ],
    [ cars => "license_plate ~ '1'", undef ],
    [ cars => "license_plate > '1ABC' AND mileage > 5", { mileage => { '$gt' => 5 } } ],
    [ cars => "license_plate IS NOT NULL", { license_plate => { '$ne' => undef } } ],
    [ cars => "make <> 'SEAT'", { make => { '$nin' => [ 'SEAT', undef ] } } ],
    [ aftersaleleads => "origin->>'source' = 'Web'", { 'origin.source' => $pattern->('^Web$') } ],
    [ aftersaleleads => "location = 'Web'", { location => 'Web' } ],
  )
{
    my ($table, $condition, $expected) = @$_;
    $sandbox->clear_log;
    $dbh->selectall_arrayref("SELECT _id FROM crm.$table WHERE $condition LIMIT 1");
    my ($entry) = $sandbox->log;
    my $q = $entry->{query}{q};
    delete $q->{_id} if ref $q eq 'HASH' && ref $q->{_id};
    is_deeply($q, $expected, "$condition: the filter");
}
my $plan = join "\n", map { @$_ } @{ $dbh->selectall_arrayref("EXPLAIN SELECT _id FROM crm.cars WHERE license_plate <> '1ABC'") };
like($plan, qr/Local because: the service changes texts there before it compares them/, 'EXPLAIN says why');

# Orders: rows are sorted here, also where no other reason would have them sorted so
$dbh->do("CREATE FOREIGN TABLE crm.plates (_id text COLLATE \"C\", license_plate text COLLATE \"C\" NOT NULL) SERVER crm OPTIONS (resource 'cars', on_type_mismatch 'error')");
$sandbox->delete('/_sandbox/documents/cars');
my @many = map { { _id => sprintf('%024x', $_), license_plate => ($_ % 2 ? 'A' : 'a') . ($_ * 7 % 101) } } 1 .. 100;
$sandbox->post('/_sandbox/documents/cars', \@many);
$dbh->do('SET enable_sort = off');
my @sorted = sort map { $_->{license_plate} } @many;
for my $settings ({ text_setters => 'lowercase', collation => 'none' }, { text_setters => 'none', collation => 'ignore_case' })
{
    $sandbox->settings(%$settings);
    is_deeply($dbh->selectcol_arrayref('SELECT license_plate FROM crm.plates ORDER BY license_plate'), \@sorted, "an order: $settings->{text_setters}, $settings->{collation}");
    is($dbh->selectrow_array('SELECT max(license_plate) FROM crm.plates'), $sorted[-1], 'the greatest');
}
unlike(request_of('SELECT license_plate FROM crm.plates ORDER BY license_plate'), qr/sort=license_plate/, 'no order is asked for');
$dbh->do("ALTER SERVER crm OPTIONS (SET folded_texts 'cars.make')");
like(request_of('SELECT license_plate FROM crm.plates ORDER BY license_plate'), qr/sort=license_plate/, 'as it is where texts are as they are');
$dbh->do("ALTER SERVER crm OPTIONS (SET folded_texts 'cars.license_plate, aftersaleleads.origin')");
$dbh->do('DROP FOREIGN TABLE crm.plates');
$sandbox->reset;
$sandbox->settings(text_setters => 'lowercase', job_polls => 0);

# Values of the option
for my $bad ('', '.make', 'cars.', 'cars..make', 'cars.make,', ',')
{
    is(sql_error($dbh, "ALTER SERVER crm OPTIONS (SET folded_texts '$bad')")->{sqlstate}, '22023', "folded_texts '$bad' is no list of places");
}
$dbh->do("ALTER FOREIGN TABLE crm.cars OPTIONS (ADD folded_texts 'cars.make')");
like(request_of("SELECT _id FROM crm.cars WHERE license_plate <> 'x'"), qr/nin/, "the table's word goes before the server's");
unlike(request_of("SELECT _id FROM crm.cars WHERE make <> 'x'"), qr/nin/, 'and is obeyed');
$dbh->do('ALTER FOREIGN TABLE crm.cars OPTIONS (DROP folded_texts)');
$dbh->do('ALTER SERVER crm OPTIONS (DROP folded_texts)');

# The check finds where, the advice mends it, and what is not folded is asked for as before
$sandbox->settings(mongoose => 8, text_setters => 'none', collation => 'none');
my $row = check_texts();
is_deeply([ @$row[ 0, 2 ] ], [ 'ok', undef ], 'a service that compares texts as they are');
like($row->[1], qr/^Texts are compared as they are\. [1-9]\d\d places were tried\./, 'and many places were tried');
for (
    [ 'what is generated', { text_setters => 'lowercase' }, 'none' ],
    [ 'in lower case', { text_setters => 'lowercase' }, 'lowercase' ],
    [ 'of Mongoose 5', { text_setters => 'uppercase', mongoose => 5 }, 'none' ],
    [ 'in upper case', { text_setters => 'uppercase', mongoose => 6 }, 'uppercase' ],
    [ 'trimmed', { text_setters => 'trim', mongoose => 7 }, 'trim' ],
    [ 'compared without their case', { collation => 'ignore_case' }, 'none' ],
  )
{
    my ($name, $settings, $stored) = @$_;
    $sandbox->settings(mongoose => 8, text_setters => 'none', collation => 'none', %$settings);
    store($stored);
    copy_all();
    $sandbox->clear_log;
    my $found = check_texts();
    cmp_ok($sandbox->request_count, '<=', 60, "texts $name: at most 60 requests");
    is($found->[0], 'differs', "texts $name: found");
    like($found->[1], qr/^The service changes texts before it compares them, as setters and collations do: .*Conditions on these miss rows\./, 'and said so');
    my ($places) = ($found->[2] // '') =~ /^ALTER SERVER crm OPTIONS \(ADD folded_texts '(.*)'\)$/ or fail("texts $name: no advice");
    my %named = map { $_ => 1 } split /, /, $places;
    my $is_all = $settings->{collation};
    is(join(' ', grep { !$named{$_} } $is_all ? 'cars' : qw(cars.make cars.license_plate aftersaleleads.origin.source aftersaleleads.computed.client_emails)), '', "texts $name: every place is named");
    is(join(' ', grep { /^cars/ && !/^cars(?:\.prices\..*)?(?:\.source|\.make|\.license_plate)$/ } keys %named), '', 'and of cars no other') unless $is_all;
    my ($applied) = grep { $_->[0] eq 'texts' } @{ $dbh->selectall_arrayref("SELECT * FROM walcu_fdw_check_apply('crm')") };
    is($applied->[2], 'applied', "texts $name: the advice is applied");
    my @wrong = grep { !/users/ } differing(5);
    is_deeply([ @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], "texts $name: then reads are right");
    unlike(join(' ', check_texts()->[1]), qr/miss rows/, "texts $name: and nothing more is found");
    $is_all
      ? unlike(request_of("SELECT _id FROM crm.cars WHERE model <> 'x'"), qr/nin/, "texts $name: no text is excluded")
      : like(request_of("SELECT _id FROM crm.cars WHERE model <> 'x'"), qr/nin/, "texts $name: other texts are asked for as before");
    $dbh->do('ALTER SERVER crm OPTIONS (DROP folded_texts)');
}

# What the option names without need
$sandbox->settings(mongoose => 8, text_setters => 'lowercase', collation => 'none');
$dbh->do("ALTER SERVER crm OPTIONS (ADD folded_texts 'cars.make, cars.prices, cars.source, cars.license_plate, cars.model, notes')");
$row = check_texts('cars');
is_deeply([ @$row[ 0, 2 ] ], [ 'differs', "ALTER SERVER crm OPTIONS (SET folded_texts 'cars.make, cars.prices, cars.source, cars.license_plate, notes')" ], 'a place that is named without need');
like($row->[1], qr/names places where texts are compared as they are: cars\.model\./, 'is said');
$dbh->do("ALTER SERVER crm OPTIONS (SET folded_texts 'cars')");
is(check_texts('cars')->[0], 'ok', 'a resource that is named may be so for the sake of a few');

done_testing();

sub check_texts
{
    my ($resource) = @_;
    my ($texts) = grep { $_->[0] eq 'texts' } @{ $dbh->selectall_arrayref('SELECT * FROM walcu_fdw_check($1, $2)', undef, 'crm', $resource) };
    return [ @$texts[ 1 .. 3 ] ];
}


sub request_of
{
    my ($query) = @_;
    return join "\n", grep { /Request/ } map { @$_ } @{ $dbh->selectall_arrayref("EXPLAIN $query") };
}

# Puts documents there whose texts are folded in a way.
sub store
{
    my ($way) = @_;
    for my $resource (@READ)
    {
        $sandbox->post("/_sandbox/documents/$resource", [ map { fold($_, '', $folds{$way}) } @{ $stored{$resource} } ]);
    }
    return;
}

sub fold
{
    my ($value, $name, $change) = @_;
    return { map { $_ => fold($value->{$_}, $_, $change) } keys %$value } if ref $value eq 'HASH';
    return [ map { fold($_, $name, $change) } @$value ] if ref $value eq 'ARRAY';
    return defined $value && !ref $value && $IS_SET{$name} ? $change->($value) : $value;
}

sub copy_all
{
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    for my $resource (@READ)
    {
        $dbh->do("DROP TABLE IF EXISTS copied.$resource");
        $dbh->do("CREATE TABLE copied.$resource AS SELECT * FROM crm.$resource");
    }
    $dbh->do('SET walcu_fdw.enable_pushdown = on');
    return;
}

# The queries, or every so manieth of them, that answer something else than over the copies.
sub differing
{
    my ($step) = @_;
    return grep {
        my $query = $_;
        my ($with, $without) = map { JSON::PP->new->canonical->encode($dbh->selectall_arrayref($query =~ s/\bfrom_here\b/$_/gr)) } 'crm', 'copied';
        $with ne $without
    } @queries[ grep { $_ % ($step // 1) == 0 } 0 .. $#queries ];
}
