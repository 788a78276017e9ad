# walcu_fdw_check() advises nothing that could lose rows, slow queries down or drop what is wanted, and says of
# what it did not ask that it does not know.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 130);
my $node = start_node();
setup_crm($node, $sandbox);
my $dbh = connect_db($node);
my $results_host = $sandbox->results_endpoint =~ s{^http://}{}r;
my %plain = (results_hosts => $results_host, on_type_mismatch => 'null');
set_server_options($dbh, %plain);

# Ids: one resource does not speak for the others
for my $ids ('objectid', 'string')
{
    $sandbox->put('/_sandbox/settings', { ids => $ids });
    my $row = rows()->{ids};
    is($row->[0], 'ok', "ids are $ids: nothing is wrong with that");
    like($row->[1], $ids eq 'string' ? qr/^They are texts/ : qr/^They are ObjectIds/, "ids are $ids: it is said");
    is($row->[2], undef, "ids are $ids: nothing is advised, as other documents may have others");
}
$dbh->do("ALTER SERVER crm OPTIONS (ADD id_type 'string')");
$sandbox->put('/_sandbox/settings', { ids => 'objectid' });
my $said = rows()->{ids};
is_deeply([ @{$said}[ 0, 2 ] ], [ 'differs', "ALTER SERVER crm OPTIONS (SET id_type 'auto')" ], 'ObjectIds that are said to be texts');
$sandbox->put('/_sandbox/settings', { ids => 'string' });
like(rows()->{ids}[1], qr/as the option id_type says/, 'texts that are said to be texts');
set_server_options($dbh, %plain);

my @leads = $sandbox->dump('saleleads');
my @system = map { { %$_, created_by => 'system' } } @leads[ 0 .. 63 ];
$sandbox->post('/_sandbox/documents/saleleads', \@system);
my $wanted = grep { ($_->{created_by} // '') eq 'system' } $sandbox->dump('saleleads');
cmp_ok($wanted, '>=', 64, 'some leads were made by the system');
my $count = "SELECT count(*) FROM crm.saleleads WHERE created_by = 'system'";
apply();
is($dbh->selectrow_array($count), $wanted, 'what is advised loses none of them');
is(scalar(grep { /id_type/ } options()), 0, 'as nothing is said of ids');
$dbh->do("ALTER SERVER crm OPTIONS (ADD id_type 'objectid')");
is($dbh->selectrow_array($count), 0, 'a wrong word loses them');
$said = rows()->{ids};
is($said->[0], 'differs', 'a text at one place of one resource is enough');
like($said->[1], qr/texts \(.*saleleads\.created_by.*is objectid: queries miss rows/, 'to say that it is wrong');
apply();
is($dbh->selectrow_array($count), $wanted, 'and the advice brings them back');
set_server_options($dbh, %plain);
$dbh->do("ALTER FOREIGN TABLE crm.saleleads OPTIONS (ADD id_type 'objectid')");
$said = rows()->{'ids crm.saleleads'};
is($said->[2], "ALTER FOREIGN TABLE crm.saleleads OPTIONS (SET id_type 'auto')", 'so it is with the word of a table');
$dbh->do("ALTER FOREIGN TABLE crm.saleleads OPTIONS (DROP id_type)");
$sandbox->post('/_sandbox/documents/saleleads', [ @leads[ 0 .. 63 ] ]);

# One text among the elements of an array is found, too
my ($session) = grep { ref $_->{users} eq 'ARRAY' && @{ $_->{users} } } $sandbox->dump('whatsappsessions');
$sandbox->post('/_sandbox/documents/whatsappsessions', [ { %$session, users => [ @{ $session->{users} }, 'everybody' ] } ]);
$dbh->do("ALTER SERVER crm OPTIONS (ADD id_type 'objectid')");
like(rows()->{ids}[1], qr/whatsappsessions\.users/, 'a text in a list of ids');
set_server_options($dbh, %plain);
$sandbox->post('/_sandbox/documents/whatsappsessions', [$session]);

# The warning of a session names the place
$sandbox->put('/_sandbox/settings', { ids => 'objectid' });
my ($lead) = grep { $_->{client_id} } $sandbox->dump('saleleads');
$dbh->disconnect;
$dbh = connect_db($node);
my @messages = sql_messages($dbh, "SELECT count(*) FROM crm.saleleads WHERE client_id IN ('nope', '$lead->{client_id}')");
like("@messages", qr/HINT:.* option id_type of the column with the path "client_id" to 'objectid'/, 'the hint names the column');

# Refusals that come and go are no limit
my $plain = rows();
for my $part (0.5, 0.25, 0.1)
{
    $sandbox->fault({ match => {}, probability => $part, seed => 2, fault => { type => 'status', status => 429, retry_after => 0, error => 'again' } });
    $sandbox->clear_log;
    my $rows = rows();
    my $refused = grep { $_->{status} == 429 } $sandbox->log;
    cmp_ok($refused, '>', 2, "$part of all requests are refused");
    is($rows->{limits}[0], 'differs', 'the row says so');
    is($rows->{limits}[2], undef, 'and advises no rate');
    like($rows->{limits}[1], qr/No rate follows/, 'with the reason');
    my @untrue = grep { !/^limits$/ && $rows->{$_}[0] ne 'unknown' && (!$plain->{$_} || $rows->{$_}[0] ne $plain->{$_}[0]) } sort keys %$rows;
    is(join("\n", map { "$_ | @{$rows->{$_}}[0, 1]" } @untrue), '', 'what was refused so is unknown');
    my ($took) = $rows->{requests}[1] =~ /in ([\d.]+) s/;
    cmp_ok($took, '<', 60, 'the check waits for as long as it is asked to, which is not at all');
    $sandbox->clear_faults;
}

# A limit that the service has is found, and not made lower
$sandbox->put('/_sandbox/settings', { rate_limit => { per_second => 8, burst => 8, retry_after => 'seconds' } });
my ($rate) = (rows('tasks')->{limits}[2] // '') =~ /ADD max_requests_per_second '([\d.]+)'/;
cmp_ok($rate // 0, '>=', 2, 'a service that asks for waits has a rate that is advised');
$sandbox->put('/_sandbox/settings', { rate_limit => undef });

# What was not asked is unknown, and the row says why
for my $most (1 .. 26, 30, 35, 40, 50)
{
    $dbh->do("ALTER SERVER crm OPTIONS (ADD max_requests '$most')");
    $sandbox->clear_log;
    my $rows = rows();
    cmp_ok($sandbox->request_count, '<=', $most, "$most requests: no more are sent");
    is(join(', ', grep { $rows->{$_}[1] !~ /\S/ } sort keys %$rows), '', "$most requests: each row says something");
    my @untrue = grep { $rows->{$_}[0] ne 'unknown' && (!$plain->{$_} || $rows->{$_}[0] ne $plain->{$_}[0]) } sort keys %$rows;
    is(join("\n", map { "$_ | @{$rows->{$_}}[0, 1]" } @untrue), '', "$most requests: what was not asked is unknown");
    set_server_options($dbh, %plain);
}

# A column for a field that one document has stays when that document is not among those that are read
my ($car) = $sandbox->dump('cars');
$sandbox->post('/_sandbox/documents/cars', [ { %$car, rare_field => 'x' } ]);
my $advice = rows('cars')->{'fields cars'}[2];
is($advice, 'ALTER FOREIGN TABLE crm.cars ADD COLUMN rare_field jsonb', 'a column is advised');
$dbh->do($advice);
$sandbox->post('/_sandbox/documents/cars', [$car]);
my $cars = rows('cars');
is($cars->{'table crm.cars'}, undef, 'it is not gone where no document has it');
is($cars->{tables}[0], 'ok', 'and all tables are well');
$dbh->do('ALTER FOREIGN TABLE crm.cars DROP COLUMN rare_field');

# What the description had, and neither it nor a document has any more, is gone
my $description = $sandbox->get('/.well-known/service-desc');
drop_property($description, 'twilio_sms_sid');
$sandbox->fault({ match => { kind => 'description' }, fault => { type => 'reply', status => 200, body => encode_json($description), headers => { 'content-type' => 'application/json' } } });
$sandbox->delete("/_sandbox/documents/sms/$_->{_id}") for $sandbox->dump('sms');
is(rows('sms')->{'table crm.sms'}[2], 'ALTER FOREIGN TABLE crm.sms DROP COLUMN twilio_sms_sid', 'a column whose field is gone');

done_testing();

# Takes a field out of every schema.
sub drop_property
{
    my ($value, $name) = @_;
    if (ref $value eq 'HASH')
    {
        delete $value->{properties}{$name} if ref $value->{properties} eq 'HASH';
        drop_property($_, $name) for values %$value;
    }
    elsif (ref $value eq 'ARRAY')
    {
        drop_property($_, $name) for @$value;
    }
    return;
}

# The rows of a check, by name: [result, detail, advice].
sub rows
{
    my ($resource) = @_;
    return { map { $_->[0] => [ @{$_}[ 1 .. 3 ] ] } @{ $dbh->selectall_arrayref('SELECT * FROM walcu_fdw_check(?, ?)', undef, 'crm', $resource) } };
}

sub apply
{
    return @{ $dbh->selectall_arrayref(q{SELECT * FROM walcu_fdw_check_apply('crm')}) };
}

sub options
{
    return @{ ($dbh->selectrow_array("SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'crm'"))[0] };
}
