# An UPDATE that sets every column to what it is, NULLs and what the service sets included, leaves the document as it was,
# however it is written and however the service applies patches.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 4);
my $node = start_node();
my $dbh = connect_db($node);

# Documents as they should not be: objects that are something else, or null, or empty.
my @strange = (
    {}, { status => undef }, { status => 'text' }, { status => [] }, { status => 7 }, { status => {} }, { status => { status => undef } }, { prices => 'text' },
    { prices => { retail => undef } }, { prices => { retail => {} } }, { custom => undef }, { custom => 'text' }, { custom => 0 }, { custom => [ 1, { a => undef } ] },
    { custom => { a => { b => { c => 1, d => undef } }, 'x/y' => {}, '' => 1 } }, { extras => [] }, { extras => undef }, { make => undef }, { make => '' }, { computed => undef },
    { created_at => undef }, { foreign_ids => {} },
);

sub documents
{
    my ($resource) = @_;
    return { map { my %copy = %$_; delete @copy{qw(updated_at __v)}; ($_->{_id} => $json->encode(\%copy)) } $sandbox->dump($resource) };
}

for my $flatten (0, 3)
{
    my $schema = "flat$flatten";
    setup_crm($node, $sandbox, name => $schema, server => { on_type_mismatch => 'null' }, import => { flatten => $flatten });
    $dbh->do('SET client_min_messages = error');
    for my $patch ($flatten ? qw(vendor mongoose rfc6902) : 'vendor')
    {
        $sandbox->reset;
        $sandbox->settings(patch => $patch);
        my $number = 0;
        $sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('65a0000000000000000000%02x', $number++), dealer_id => $sandbox->dealer_id, %$_ } } @strange ]);
        for my $resource (@RESOURCES)
        {
            my $columns = $dbh->selectall_arrayref(q{
                SELECT attname, format_type(atttypid, atttypmod), coalesce('readonly=true' = ANY (attfdwoptions), false) FROM pg_attribute
                 WHERE attrelid = format('%I.%I', ?::text, ?::text)::regclass AND attnum > 0 AND attname <> '_id' ORDER BY attnum}, undef, $schema, $resource);
            my $before = documents($resource);
            my @ids = sort keys %$before;
            @ids = (grep({ /^65a0000000000000000000/ } @ids), $ids[-1]) if @ids > 1;
            my (@changed, @unequal);
            for my $id (@ids)
            {
                my @all = map { { name => qq{"$_->[0]"}, type => $_->[1], readonly => $_->[2] } } @$columns;
                my @values = $dbh->selectrow_array('SELECT ' . join(', ', map { "$_->{name}::text" } @all) . " FROM $schema.$resource WHERE _id = ?", undef, $id);
                $all[$_]{value} = $values[$_] for 0 .. $#all;
                my $by_columns = join ', ', map { "$_->{name} = $_->{name}" } @all;
                my $by_values = join ', ', map { "$_->{name} = " . (defined $_->{value} ? $dbh->quote($_->{value}) . "::$_->{type}" : 'NULL') } @all;
                my $of_its_own = join ', ', map { "$_->{name} = " . (defined $_->{value} ? $dbh->quote($_->{value}) . "::$_->{type}" : 'NULL') } grep { !$_->{readonly} } @all;
                for my $set ($by_columns, $by_values, $of_its_own)
                {
                    for my $where ("_id = '$id'", "_id = '$id' AND dealer_id IS NOT NULL", "_id IN ('$id', '65ffffffffffffffffffffff')")
                    {
                        $sandbox->clear_log;
                        my $error = sql_error($dbh, "UPDATE $schema.$resource SET $set WHERE $where");
                        push @changed, "$error->{message} $set $where" if $error;
                        # nothing is sent where the old row is known
                        push @changed, "PATCH $set $where" if ($set ne $of_its_own || $where =~ /AND/) && grep { $_->{method} ne 'GET' } $sandbox->log;
                    }
                }
            }
            is_deeply(\@changed, [], "$schema.$resource, $patch: rows are updated without an error, and nothing is sent for what is known");
            is_deeply(documents($resource), $before, "$schema.$resource, $patch: documents are as they were");
        }
    }
}

# Documents that are replaced, at once and at commit, where one that waits has changed another column
for my $mode (qw(immediate commit))
{
    $sandbox->reset;
    $sandbox->delete('/_sandbox/documents/cars');
    my $number = 0;
    $sandbox->post('/_sandbox/documents/cars', [ map { { _id => sprintf('65a0000000000000000000%02x', $number++), dealer_id => $sandbox->dealer_id, %$_ } } @strange ]);
    my $before = documents('cars');
    $dbh->do("ALTER FOREIGN TABLE flat3.cars OPTIONS (" . ($mode eq 'commit' ? 'SET' : 'ADD') . " update_method 'put', ADD write_mode '$mode')") if $mode eq 'immediate';
    $dbh->do("ALTER FOREIGN TABLE flat3.cars OPTIONS (SET write_mode '$mode')") if $mode eq 'commit';
    my %is_column = map { $_ => 1 } @{ $dbh->selectcol_arrayref(q{SELECT attname FROM pg_attribute WHERE attrelid = 'flat3.cars'::regclass AND attnum > 0}) };
    my @nested = grep { $is_column{$_} } qw(status_status status_user prices_retail_source);
    cmp_ok(scalar @nested, '>', 0, 'columns within objects');
    for my $id (sort keys %$before)
    {
        my @null = grep { !defined $dbh->selectrow_array(qq{SELECT "$_"::text FROM flat3.cars WHERE _id = '$id'}) } @nested;
        next unless @null;
        $dbh->begin_work;
        $dbh->do("UPDATE flat3.cars SET vin = 'x' WHERE _id = '$id'");
        $dbh->do('UPDATE flat3.cars SET ' . join(', ', map { qq{"$_" = NULL} } @null) . " WHERE _id = '$id'");
        $dbh->do("UPDATE flat3.cars SET vin = NULL WHERE _id = '$id'");
        $dbh->commit;
    }
    is_deeply(documents('cars'), $before, "$mode: documents that are replaced");
}

done_testing();
