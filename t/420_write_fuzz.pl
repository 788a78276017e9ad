# Random rows of every resource, written through SQL and read back; random changes of them, which
# must leave the same documents behind as rows of a table of PostgreSQL's own, with patches no longer than
# what changed.  As the vendor's library applies patches, as one that means the same well, and by the letter
# of RFC 6902; with objects as columns, and flattened into them.
#
# Every document has a twin, which is changed by another spelling of the same statement: the two must stay equal, down to
# what no column shows.
#
# WALCU_FUZZ_UPDATES is the number of changes for each resource, WALCU_FUZZ_SEED makes others; `make fuzz-updates` has
# 20,000 of each kind of service.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $updates = $ENV{WALCU_FUZZ_UPDATES} // 5;
my $seed = $ENV{WALCU_FUZZ_SEED} // 1;
srand $seed;

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 12, seed => $seed);
my $node = start_node();
my @keys = ('a', 'b', 'c', 'x/y', 'd.e', '~', '~1', '$ref', '', '0', '-', 'ñ', 'quo"te', 'back\\slash');
my @texts = ('', 'plain', "quo\"te \\ back", "line\nbreak\ttab\x01", 'ñandú 😀', "\x{2028}", '2025-08-08T10:11:12.345Z', 'null', '1');
my @SPELLINGS = ('by _id', 'by parameters', 'in a list', 'with a condition', 'with a condition', 'at commit', 'at commit, one after the other');
my ($patches, $operations) = (0, 0);

for my $run (
    [ 'crm', 'vendor', {} ],
    [ 'loose', 'mongoose', {} ],
    [ 'strict', 'rfc6902', { flatten => 1 } ],
    [ 'flat', 'vendor', { flatten => 2 } ])
{
    my ($name, $patch, $import) = @$run;
    setup_crm($node, $sandbox, name => $name, server => { on_type_mismatch => 'null', on_ignored_write => 'error' }, import => $import);
    setup_crm($node, $sandbox, name => "${name}_late", server => { on_type_mismatch => 'null', write_mode => 'commit', on_ignored_write => 'error' }, import => $import);
    $sandbox->settings(patch => $patch);
    my $dbh = connect_db($node);
    $dbh->do('SET client_min_messages = error');
    $dbh->do("CREATE SCHEMA mirror_$name");
    $dbh->do(q{
        CREATE OR REPLACE FUNCTION without_arrays(value jsonb, empty jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
        BEGIN
            RETURN CASE jsonb_typeof(value)
                WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, without_arrays(CASE WHEN e.value = '[]' THEN empty ELSE e.value END, NULL))
                                             FILTER (WHERE e.value <> '[]' OR empty IS NOT NULL), '{}') FROM jsonb_each(value) e)
                WHEN 'array' THEN (SELECT coalesce(jsonb_agg(without_arrays(e, NULL) ORDER BY n), '[]') FROM jsonb_array_elements(value) WITH ORDINALITY a (e, n))
                ELSE value END;
        END $$}) if $patch eq 'vendor';
    for my $resource (@RESOURCES)
    {
        my @columns = writable_columns($dbh, $name, $resource);
        round_trip($dbh, $name, $resource, @columns);
        change_rows($dbh, $name, $resource, @columns);
    }
    $sandbox->reset;
}
note("$patches patches with $operations operations");

done_testing();

# [name, type] of the columns that may be written.
sub writable_columns
{
    my ($dbh, $schema, $resource) = @_;
    return @{ $dbh->selectall_arrayref(q{
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = format('%I.%I', ?::text, ?::text)::regclass AND attnum > 0
           AND NOT ('readonly=true' = ANY (coalesce(attfdwoptions, '{}')))
         ORDER BY attnum}, undef, $schema, $resource) };
}

sub names { return join ', ', map { qq{"$_->[0]"} } @_ }

# Rows that were read are written again, under other ids: first those that the CRM holds, some of which it
# does not take, then what it has made of them.
sub round_trip
{
    my ($dbh, $schema, $resource, @columns) = @_;
    my $names = names(@columns);
    my $mirror = "mirror_$schema.$resource";

    $dbh->do("CREATE TABLE $mirror AS SELECT 'r' || row_number() OVER (ORDER BY _id) AS _id, $names FROM $schema.$resource");
    for my $id (@{ $dbh->selectcol_arrayref("SELECT _id FROM $mirror") })
    {
        my $error = sql_error($dbh, "INSERT INTO $schema.$resource (_id, $names) SELECT * FROM $mirror WHERE _id = ?", $id);
        check_refusal($dbh, $schema, $resource, $id, $error) if $error;
    }
    $dbh->do("DELETE FROM $mirror");
    $dbh->do("INSERT INTO $mirror SELECT 's' || _id, $names FROM $schema.$resource WHERE _id ~ '^r'");
    my $rows = $dbh->do("INSERT INTO $schema.$resource (_id, $names) SELECT * FROM $mirror");
    cmp_ok($rows, '>', 0, "$schema.$resource: rows are written");
    is(difference($dbh, $schema, $resource, @columns), '', "$schema.$resource: and read back equal");
    return;
}

# A document that does not fit the schema is refused, or the service makes something else of a part of it, as the error says.
sub check_refusal
{
    my ($dbh, $schema, $resource, $id, $error) = @_;
    my ($column) = $error->{message} =~ /did not keep what was written to column "(\w+)"/;

    return is($error->{sqlstate}, '23514', "$schema.$resource: $error->{message}") unless $error->{sqlstate} eq '01WF2' && $column;
    my ($sent, $made) = map { $dbh->selectrow_array(qq{SELECT to_jsonb("$column")::text FROM $_.$resource WHERE _id = ?}, undef, $id) } "mirror_$schema", $schema;
    return isnt($made, $sent, "$schema.$resource: $error->{message}");
}

# What of the mirror is not in the CRM, and the other way round.  Mongoose puts empty arrays into the objects of the schema
# that are made, which is what the vendor's library does: these do not count there.
sub difference
{
    my ($dbh, $schema, $resource, @columns) = @_;
    my $mine = "SELECT _id, " . names(@columns) . " FROM mirror_$schema.$resource";
    my $theirs = "SELECT _id, " . names(@columns) . " FROM $schema.$resource WHERE _id ~ '^sr'";
    ($mine, $theirs) = map { "SELECT without_arrays(to_jsonb(r), 'null') AS r FROM ($_) r" } $mine, $theirs if $sandbox->get('/_sandbox/settings')->{patch} eq 'vendor';
    my $rows = $dbh->selectcol_arrayref("
        SELECT 'here ' || to_jsonb(m)::text FROM ($mine EXCEPT $theirs) m
        UNION ALL SELECT 'there ' || to_jsonb(t)::text FROM ($theirs EXCEPT $mine) t LIMIT 2");
    return join "\n", @$rows;
}

sub change_rows
{
    my ($dbh, $schema, $resource, @columns) = @_;
    my $mirror = "mirror_$schema.$resource";
    my @free = grep { is_free(@$_) } @columns;
    my @ids = @{ $dbh->selectcol_arrayref("SELECT _id FROM $mirror ORDER BY _id") };
    my (@long, %done);

    make_twins($resource);

    for (1 .. $updates)
    {
        my $id = $ids[ rand @ids ];
        my %chosen = map { $_->[0] => $_ } map { @free && rand() < 0.4 ? $free[ rand @free ] : $columns[ rand @columns ] } 0 .. rand 3;
        my @set = map { $chosen{$_} } sort keys %chosen;
        my @changes = map { new_change($dbh, $mirror, $id, @$_) } @set;
        my $spelling = $SPELLINGS[ rand @SPELLINGS ];
        my $other = $SPELLINGS[ rand @SPELLINGS ];
        # the document may have empty arrays that the mirror does not have
        my $old = row_json($dbh, $spelling eq 'with a condition' ? "$schema.$resource" : $mirror, $id, @set);

        $sandbox->clear_log;
        my $rows = update($spelling, $dbh, $schema, $resource, $id, @changes);
        die "$schema.$resource $id, $spelling: $rows rows" unless $rows == 1;
        # what the letter refuses is sent anew
        my @sent = map { @{ $_->{body} } } $sandbox->log(method => 'PATCH', status => 200);
        update('by _id', $dbh, "mirror_$schema", $resource, $id, @changes);
        # what is read is what was set
        $_->{value} = $dbh->selectrow_array(qq{SELECT "$_->{column}"::text FROM $mirror WHERE _id = ?}, undef, $id) for grep { $_->{expression} } @changes;
        delete $_->{expression} for @changes;
        my $twin = update($other, $dbh, $schema, $resource, $id =~ s/^s/t/r, @changes);
        die "$schema.$resource, twin of $id, $other: $twin rows" unless $twin == 1;
        push @{ $done{$id} }, "$spelling, and $other: " . $json->encode(\@changes);
        my $leaves = different_leaves($old, row_json($dbh, $mirror, $id, @set));
        push @long, "$id: " . $json->encode(\@sent) . " for $leaves members of " . $json->encode([ $old, row_json($dbh, $mirror, $id, @set) ]) if $spelling eq 'with a condition' && @sent > $leaves;
        push @long, "$id: unknown operation" if grep { $_->{op} !~ /^(add|remove)$/ } @sent;
        $patches++;
        $operations += @sent;
    }
    is_deeply(\@long, [], "$schema.$resource: patches are no longer than what changed");
    my $difference = difference($dbh, $schema, $resource, @columns);
    is($difference, '', "$schema.$resource: changed documents are what PostgreSQL makes of them");
    diag(join "\n", "changes of $1:", @{ $done{$1} // [] }) if $difference =~ /"_id": "(sr\d+)"/;
    my @unequal = unequal_twins($resource);
    is_deeply(\@unequal, [], "$schema.$resource: and equal to their twins");
    diag(join "\n", "changes of $unequal[0][0]{_id}:", @{ $done{ $unequal[0][0]{_id} } // [] }) if @unequal;
    return;
}

# Copies of the documents, but for their ids.
sub make_twins
{
    my ($resource) = @_;
    $sandbox->post("/_sandbox/documents/$resource", [ map { { %$_, _id => $_->{_id} =~ s/^s/t/r } } grep { $_->{_id} =~ /^sr/ } $sandbox->dump($resource) ]);
    return;
}

# Pairs of documents that should be equal.
sub unequal_twins
{
    my ($resource) = @_;
    my %documents = map { $_->{_id} => $_ } $sandbox->dump($resource);
    my @unequal;
    for my $id (sort grep { /^sr/ } keys %documents)
    {
        my @pair = map { my %copy = %$_; delete @copy{qw(_id updated_at __v)}; $json->encode(\%copy) } $documents{$id}, $documents{ $id =~ s/^s/t/r };
        push @unequal, [ @documents{ $id, $id =~ s/^s/t/r } ] if $pair[0] ne $pair[1];
    }
    return @unequal;
}

# Changes a row by one spelling of the statement.  Returns how many rows were changed.
sub update
{
    my ($spelling, $dbh, $schema, $resource, $id, @changes) = @_;
    my $table = "$schema.$resource";

    if ($spelling =~ /^at commit/)
    {
        my $late = "${schema}_late.$resource";
        my @parts = $spelling eq 'at commit, one after the other' ? map({ [$_] } @changes) : [@changes];
        my $rows;
        $dbh->begin_work;
        $rows = set_columns($dbh, $late, '_id = ?', $id, @$_) for @parts;
        $dbh->commit;
        return $rows;
    }
    $dbh->do('SET plan_cache_mode = ' . ($spelling eq 'by parameters' ? 'force_generic_plan' : 'force_custom_plan'));
    return set_columns($dbh, $table, '_id = ? AND dealer_id IS NOT NULL', $id, @changes) if $spelling eq 'with a condition';
    return set_columns($dbh, $table, "_id IN (?, 'nowhere')", $id, @changes) if $spelling eq 'in a list';
    return set_columns($dbh, $table, '_id = ?', $id, @changes);
}

sub set_columns
{
    my ($dbh, $table, $where, $id, @changes) = @_;
    my $set = join ', ', map { qq{"$_->{column}" = } . ($_->{expression} // "?::$_->{type}") } @changes;
    return $dbh->do("UPDATE $table SET $set WHERE $where", undef, map({ $_->{expression} ? () : $_->{value} } @changes), $id) + 0;
}

# Does the CRM take anything there?
sub is_free { return $_[1] eq 'jsonb' && $_[0] =~ /^custom$|_customs$/ }

# What a column is set to: a value or, for free ones, an expression of what is there.
sub new_change
{
    my ($dbh, $mirror, $id, $column, $type) = @_;
    my %change = (column => $column, type => $type);
    my ($kind) = $dbh->selectrow_array(qq{SELECT jsonb_typeof("$column"::jsonb) FROM $mirror WHERE _id = ?}, undef, $id) if is_free($column, $type);
    if ($kind && $kind eq 'object' && rand() < 0.4)
    {
        my $path = $dbh->quote('{' . join(',', map { qw(a b c zz)[ rand 4 ] } 0 .. rand 4) . '}');
        my $value = $dbh->quote($json->encode(random_value(2)));
        my $object = $dbh->quote($json->encode(random_object(2)));
        my @expressions = (qq{jsonb_set("$column", $path, $value)}, qq{"$column" #- $path}, qq{"$column" || $object}, qq{"$column" - 'a'}, qq{jsonb_strip_nulls("$column")});
        my $expression = $expressions[ rand @expressions ];
        # some paths lead through an array, and are an error then
        return { %change, expression => $expression } if eval { $dbh->do("SELECT $expression FROM $mirror WHERE _id = ?", undef, $id) };
    }
    my $value = new_value($dbh, $mirror, $id, $column, $type);
    # what is read of a null is NULL
    $value = undef if $type eq 'jsonb' && defined $value && $value eq 'null';
    return { %change, value => $value };
}

# A value that the CRM takes for the column: another row's, NULL, or for free ones anything.
sub new_value
{
    my ($dbh, $mirror, $id, $column, $type) = @_;
    return undef if rand() < 0.1;
    return $json->encode(rand() < 0.2 ? random_value(2) : random_object(3)) if is_free($column, $type) && rand() < 0.3;
    return edited($dbh, $mirror, $column, $id) if is_free($column, $type) && rand() < 0.8;
    return $texts[ rand @texts ] if $type eq 'text' && $column ne '_id' && rand() < 0.5;
    return sprintf('%.*f', rand(4), rand(1e6) - 3e5) if $type eq 'numeric' && rand() < 0.5;
    return ($dbh->selectrow_array(qq{SELECT "$column"::text FROM $mirror ORDER BY random() LIMIT 1}))[0];
}

# The row's own value with some of its members changed.
sub edited
{
    my ($dbh, $mirror, $column, $id) = @_;
    my ($text) = $dbh->selectrow_array(qq{SELECT "$column"::text FROM $mirror WHERE jsonb_typeof("$column") = 'object' AND _id = ?}, undef, $id);
    my $value = $text ? $json->decode($text) : random_object(3);
    edit($value);
    return $json->encode($value);
}

sub edit
{
    my ($object) = @_;
    for my $key (keys %$object)
    {
        my $chance = rand;
        if ($chance < 0.2) { delete $object->{$key} }
        elsif ($chance < 0.4) { $object->{$key} = random_value(2) }
        elsif (ref $object->{$key} eq 'HASH') { edit($object->{$key}) }
    }
    $object->{ $keys[ rand @keys ] } = random_value(2) if rand() < 0.5;
    return;
}

sub random_value
{
    my ($depth) = @_;
    my $kind = int rand($depth > 0 ? 7 : 5);
    return $texts[ rand @texts ] if $kind == 0;
    return int(rand 2000) - 1000 if $kind == 1;
    return int(rand 1e6) / 1000 if $kind == 2;
    return rand() < 0.5 ? JSON::PP::true : JSON::PP::false if $kind == 3;
    return undef if $kind == 4;
    return [ map { random_value($depth - 1) } 1 .. rand 4 ] if $kind == 5;
    return random_object($depth - 1);
}

sub random_object
{
    my ($depth) = @_;
    return { map { $keys[ rand @keys ] => random_value($depth) } 1 .. rand 5 };
}

sub row_json
{
    my ($dbh, $table, $id, @columns) = @_;
    my ($text) = $dbh->selectrow_array('SELECT to_jsonb(t) FROM (SELECT ' . names(@columns) . " FROM $table WHERE _id = ?) t", undef, $id);
    return $json->decode($text);
}

# How many members differ; an array is one.
sub different_leaves
{
    my ($old, $new) = @_;
    my %old = leaves($old);
    my %new = leaves($new);
    my %all = (%old, %new);
    return scalar grep { ($old{$_} // 'none') ne ($new{$_} // 'none') } keys %all;
}

sub leaves
{
    my ($value, $path) = @_;
    $path //= '';
    return ($path => $json->encode($value)) unless ref $value eq 'HASH' && %$value;
    return map { leaves($value->{$_}, "$path\0$_") } keys %$value;
}
