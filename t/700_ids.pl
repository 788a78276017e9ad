# Places of ids, whatever the service has there: ObjectIds or strings, cast by each Mongoose, with every way to refuse
# a filter.  Rows are those without pushdown, and the requests are counted.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 2, count => { saleleads => 60 });
my $node = start_node();
setup_crm($node, $sandbox, limit_to => [qw(saleleads tasks cars)]);

# Every setting with every Mongoose; the others take turns.
my @statuses = (400, 422, 500);
my @strict = ('default', JSON::PP::true, JSON::PP::false);
my $turn = 0;
for my $ids ('objectid', 'string')
{
    for my $mongoose (8, 7, 6, 5)
    {
        $turn++;
        check_kind(ids => $ids, mongoose => $mongoose, strict_query => $strict[ $turn % 3 ],
            filter_status => $statuses[ ($turn + $mongoose) % 3 ], id_status => (404, @statuses)[ $turn % 4 ]);
    }
}
check_requests($_) for @statuses;
check_options();
done_testing();

# Conditions on places of every form; those of a service with strings have others beside hexadecimal digits.
sub conditions
{
    my ($one, $two, $user) = @_;
    my ($upper, $prefix) = (uc $one, substr $one, 0, 6);
    my @values = ($one, $two, $upper, 'nope', '', 'abcdefghijkl', '68', '68zz', '68AB', 'Z', 'ff', 'é', "$one!", '0' x 24, 'f' x 24, '5', '{}');
    my @conditions;
    for my $value (map { "'$_'" } @values)
    {
        push @conditions, map { "client_id $_ $value" } qw(= <> < <= > >=), 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM', '^@';
        push @conditions, "client_id IN ('$one', $value)", "client_id NOT IN ('$two', $value)", "$value = ANY (lead_import_ids)",
          "$value <> ALL (lead_import_ids)", "$value >= ANY (lead_import_ids)", "lead_import_ids && ARRAY[$value, '$one']", "lead_import_ids @> ARRAY[$value]",
          "NOT lead_import_ids && ARRAY[$value]", "current_assigned->>'to' = $value", "current_assigned->>'to' <> $value", "current_assigned->>'to' > $value",
          "current_assigned->>'to' IN ($value, '$user')", "current_assigned->'to' = to_jsonb($value\::text)",
          "current_assigned @> jsonb_build_object('to', $value)", "client_id = $value OR client_id = '$two'", "NOT (client_id = $value AND created_by = '$user')",
          "client_id = $value AND _id <> $value", "_id = $value", "_id > $value", "_id IN ($value, '$one')", "client_id BETWEEN $value AND 'ff'";
    }
    push @conditions, map { "client_id $_" } "LIKE '$prefix%'", "LIKE '68%'", "NOT LIKE '$prefix%'", "LIKE 'Z%'", "LIKE 'ff%'", "LIKE '%'", "LIKE '$one'", "LIKE '_8%'",
      "ILIKE '$prefix%'", "~ '^$prefix'", "~ '^6[0-9]'", "~* '^$prefix'", "~ '$prefix|x'", "~ '^${prefix}0*'", 'IS NULL', 'IS NOT NULL';
    push @conditions, "lead_import_ids IS NOT NULL", "current_assigned->>'to' IS NULL", "current_assigned->>'to' IS NOT NULL", "current_assigned->'to' IS NOT NULL",
      "current_assigned @> '{\"to\": 5}'", "current_assigned @> '{\"to\": null}'", "lead_import_ids = ARRAY['$one']", "client_id IS NULL OR client_id > '68'",
      "(client_id = 'nope') IS NOT TRUE", "car_list->0->>'car_id' = '$one'", "current_assigned->'to' ? '$user'";
    return @conditions;
}

sub check_kind
{
    my (%settings) = @_;
    my $kind = join ', ', map { "$_ $settings{$_}" } sort keys %settings;
    $sandbox->put('/_sandbox/settings', \%settings);
    my $dbh = connect_db($node);
    local $dbh->{PrintWarn} = 0;
    $dbh->{pg_placeholder_dollaronly} = 1;
    $dbh->do('SET client_min_messages = error');
    my ($one, $two) = @{ $dbh->selectcol_arrayref('SELECT DISTINCT client_id FROM crm.saleleads WHERE client_id IS NOT NULL ORDER BY 1 LIMIT 2') };
    my ($user) = $dbh->selectrow_array(q(SELECT current_assigned->>'to' FROM crm.saleleads WHERE current_assigned->>'to' IS NOT NULL ORDER BY 1 LIMIT 1));
    if ($settings{ids} eq 'string')
    {
        my $id = 0;
        $sandbox->post('/_sandbox/documents/saleleads', [ map { { _id => $_, client_id => $_, lead_import_ids => [ $_, $one ], current_assigned => { to => $_ } } }
              map { s/^$/empty/r } 'nope', 'NOPE', '68', '68zz', '68ab', uc $one, 'abcdefghijkl', 'Zebra', 'é', "$one!", '5', '{}' ]);
    }
    my @conditions = conditions($one, $two, $user);
    my $rows = snapshot($dbh, @conditions);
    my @wrong;
    for my $condition (@conditions)
    {
        my $with = eval { join ' ', @{ $dbh->selectcol_arrayref("SELECT _id FROM crm.saleleads WHERE $condition ORDER BY _id") } } // $@;
        push @wrong, "$condition: $with instead of $rows->{$condition}" if $with ne $rows->{$condition};
    }
    is_deeply([ @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], scalar(@conditions) . " conditions with $kind");
    for my $order ('client_id', 'client_id DESC', 'client_id NULLS FIRST', 'current_assigned->>\'to\', _id')
    {
        my $sql = "SELECT client_id, _id FROM crm.saleleads ORDER BY $order, _id";
        my $sorted = $dbh->selectall_arrayref($sql);
        $dbh->do('SET walcu_fdw.enable_pushdown = off');
        is_deeply($sorted, $dbh->selectall_arrayref($sql), "ORDER BY $order");
        $dbh->do('SET walcu_fdw.enable_pushdown = on');
    }
    writes_nothing($dbh, $kind, $one);
    $sandbox->post('/_sandbox/reset', {});
}

# The rows by PostgreSQL alone, which looks at a copy.
sub snapshot
{
    my ($dbh, @conditions) = @_;
    $dbh->do('SET walcu_fdw.enable_pushdown = off');
    $dbh->do('DROP TABLE IF EXISTS copied');
    $dbh->do('CREATE TABLE copied AS SELECT * FROM crm.saleleads');
    $dbh->do('SET walcu_fdw.enable_pushdown = on');
    my %rows = map { $_ => join ' ', @{ $dbh->selectcol_arrayref("SELECT _id FROM copied WHERE $_ ORDER BY _id COLLATE \"C\"") } } @conditions;
    return \%rows;
}

# What is no _id of a document changes nothing, and is no error.
sub writes_nothing
{
    my ($dbh, $kind, $one) = @_;
    my ($count, $id) = $dbh->selectrow_array('SELECT count(*), min(_id) FROM crm.tasks');
    for my $value ('none', uc $id, 'zzzzzzzzzzzz', 'f' x 24)
    {
        for my $where ("_id = '$value'", "_id IN ('$value', 'none')", "_id = '$value' AND client_id = 'none'")
        {
            is(eval { $dbh->do("DELETE FROM crm.tasks WHERE $where") + 0 } // $@, 0, "DELETE WHERE $where: $kind");
            is(eval { $dbh->do("UPDATE crm.tasks SET description = 'x' WHERE $where") + 0 } // $@, 0, "UPDATE WHERE $where");
        }
    }
    is($dbh->selectrow_array('SELECT count(*) FROM crm.tasks'), $count, 'every document is there');
    is($dbh->do("UPDATE crm.tasks SET description = 'x' WHERE _id IN ('$id', 'none')") + 0, 1, 'one of a list is written');
}

# What is learned is asked for once.
sub check_requests
{
    my ($status) = @_;
    my $again = $status == 500 ? 1 : 0;
    $sandbox->put('/_sandbox/settings', { ids => 'objectid', filter_status => $status });
    my $dbh = connect_db($node);
    my ($one) = $dbh->selectrow_array('SELECT client_id FROM crm.saleleads WHERE client_id IS NOT NULL ORDER BY 1 LIMIT 1');
    my $in = "SELECT count(*) FROM crm.saleleads WHERE client_id IN ('$one', 'nope')";
    my @messages = sql_messages($dbh, $in);
    $sandbox->clear_log;
    my $second = connect_db($node);
    $second->do('SET client_min_messages = error');
    is(requests($second, $in), 2 + $again, "a list with what is no id takes two requests the first time ($status)");
    is(requests($second, $in), 1, 'and one the second');
    is(requests($second, q(SELECT count(*) FROM crm.saleleads WHERE client_id = 'nope')), 0, 'none when nothing is left');
    is(requests($second, q(SELECT count(*) FROM crm.saleleads WHERE client_id = 'nope' OR client_id IS NULL)), 1, 'or what is left');
    $second->do(q(ALTER SERVER crm OPTIONS (ADD fetch_size '40')));
    is(requests($second, $in), 2 + $again, 'another option of the server, and all is forgotten');
    $second->do(q(ALTER SERVER crm OPTIONS (DROP fetch_size)));
    $sandbox->post('/_sandbox/reset', {});
}

sub check_options
{
    my $dbh = connect_db($node);
    $sandbox->put('/_sandbox/settings', { ids => 'objectid' });
    my ($one) = $dbh->selectrow_array('SELECT client_id FROM crm.saleleads WHERE client_id IS NOT NULL ORDER BY 1 LIMIT 1');
    $dbh->do("ALTER SERVER crm OPTIONS (ADD id_type 'objectid')");
    is(requests($dbh, q(SELECT count(*) FROM crm.saleleads WHERE client_id = 'nope')), 0, 'id_type of a server says what nobody has learned');
    is(requests($dbh, q(SELECT count(*) FROM crm.saleleads WHERE _id = 'nope')), 0, 'of _id, too');
    is(requests($dbh, "SELECT count(*) FROM crm.saleleads WHERE client_id IN ('$one', 'nope')"), 1, 'and a list lacks it');
    is(requests($dbh, q(DELETE FROM crm.saleleads WHERE _id = 'nope')), 0, 'nothing is asked for a DELETE');
    for my $condition (q('x7' = ANY (foreign_ids)), q(custom->>'ext_id' = 'x7'), q(custom @> '{"ext_id": "x7"}'))
    {
        $sandbox->post('/_sandbox/documents/saleleads', [ { _id => 'e' x 24, foreign_ids => ['x7'], custom => { ext_id => 'x7' } } ]);
        is($dbh->selectrow_array("SELECT count(*) FROM crm.saleleads WHERE $condition"), 1, "but not of ids that others make: $condition");
    }
    $sandbox->delete('/_sandbox/documents/saleleads/' . 'e' x 24);
    $dbh->do("ALTER SERVER crm OPTIONS (SET id_type 'auto')");
    $sandbox->put('/_sandbox/settings', { ids => 'string' });
    $dbh->do("ALTER FOREIGN TABLE crm.saleleads OPTIONS (ADD id_type 'string')");
    $sandbox->clear_log;
    $dbh->selectrow_array(q(SELECT count(*) FROM crm.saleleads WHERE client_id LIKE '68%'));
    is_deeply(($sandbox->log)[0]{query}{q}, { client_id => { '$regex' => '^68' } }, 'strings are matched as any text');
    $dbh->do("ALTER FOREIGN TABLE crm.saleleads ALTER client_id OPTIONS (ADD id_type 'auto')");
    $sandbox->clear_log;
    $dbh->selectrow_array(q(SELECT count(*) FROM crm.saleleads WHERE client_id LIKE '68%'));
    is_deeply(($sandbox->log)[0]{query}{q}, { client_id => { '$gt' => '67' . 'f' x 22, '$lt' => '69' . '0' x 22 } }, 'what a column says goes before that');
    $dbh->do("ALTER FOREIGN TABLE crm.saleleads ALTER inquiry OPTIONS (ADD id_type 'objectid')");
    is(requests($dbh, q(SELECT count(*) FROM crm.saleleads WHERE inquiry = 'nope')), 0, 'and may make a place one of ids');
    is(sql_error($dbh, "ALTER SERVER crm OPTIONS (SET id_type 'uuid')")->{sqlstate}, '22023', 'no other type is known');
}

sub requests
{
    my ($dbh, $sql) = @_;
    $sandbox->clear_log;
    $sql =~ /^SELECT/ ? $dbh->selectall_arrayref($sql) : $dbh->do($sql);
    return $sandbox->request_count;
}
