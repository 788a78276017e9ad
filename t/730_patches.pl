# Patches, as services differ in what they make of them: the vendor's library, which throws below free forms and makes
# parents with arrays in them, one that means the same well, and the letter of RFC 6902.  By _id alone, by parameters that
# may be NULL, with a condition, and at commit, an UPDATE leaves the document that PostgreSQL makes of it.
#
# WALCU_FUZZ_UPDATES is the number of random updates for each kind, WALCU_FUZZ_SEED makes others.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;
use WalcuTest;

my $updates = $ENV{WALCU_FUZZ_UPDATES} // 60;
srand($ENV{WALCU_FUZZ_SEED} // 1);

my $json = JSON::PP->new->canonical->allow_nonref;
my $sandbox = WalcuTest::Sandbox->start(scale => 3);
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['notes'], server => { on_type_mismatch => 'null' });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $user = '65a0000000000000000000aa';
my $id = '65a000000000000000000001';

# Columns: name, type, path
my @columns = (
    [ make => 'text', 'make' ],
    [ status => 'jsonb', 'status' ],
    [ status_status => 'text', 'status.status' ],
    [ status_user => 'text', 'status.user' ],
    [ price => 'numeric', 'prices.retail.current_price.price' ],
    [ retail => 'jsonb', 'prices.retail' ],
    [ custom => 'jsonb', 'custom' ],
    [ score => 'jsonb', 'custom.score' ],
    [ deep => 'jsonb', 'custom.a.b' ],
    [ deeper => 'jsonb', 'custom.a.b.c' ],
    [ extras => 'text[]', 'extras' ],
);
my %path = map { $_->[0] => $_->[2] } @columns;
my %type = map { $_->[0] => $_->[1] } @columns;
for my $table ([ 'cars', '' ], [ 'waiting', ", write_mode 'commit'" ])
{
    my $list = join ', ', map { "$_->[0] $_->[1]" . ($_->[1] =~ /text/ ? ' COLLATE "C"' : '') . " OPTIONS (path '$_->[2]')" =~ s/(\w+ \S+)( COLLATE "C")?/$1/r } @columns;
    $list = join ', ', map { my $text = $_->[1] =~ /^text/ ? ' COLLATE "C"' : ''; "$_->[0] $_->[1] OPTIONS (path '$_->[2]')$text" } @columns;
    $dbh->do("CREATE FOREIGN TABLE $table->[0] (_id text COLLATE \"C\" NOT NULL, dealer_id text COLLATE \"C\", $list) SERVER crm OPTIONS (resource 'cars'$table->[1])");
}

# What PostgreSQL makes of a document: what is no object on the way becomes one, and a NULL is put nowhere.
$dbh->do(q{
    CREATE FUNCTION put(doc jsonb, path text[], value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
    BEGIN
        IF value IS NULL THEN
            RETURN CASE WHEN coalesce(doc #> path, 'null') = 'null' THEN doc ELSE doc #- path END;
        END IF;
        FOR i IN 1 .. cardinality(path) - 1 LOOP
            IF coalesce(jsonb_typeof(doc #> path[1:i]), '') <> 'object' THEN
                doc := jsonb_set(doc, path[1:i], '{}');
            END IF;
        END LOOP;
        RETURN jsonb_set(doc, path, value);
    END $$});

my %spelling = (
    'by _id' => sub { one_update('cars', '_id = $id', @_) },
    'with a condition' => sub { one_update('cars', '_id = $id AND dealer_id IS NOT NULL', @_) },
    'by parameters' => \&by_parameters,
    'at commit' => sub { one_update('waiting', '_id = $id', @_) },
);
my @kinds = qw(vendor mongoose rfc6902);

# What is sent, for each kind and each spelling: the document before, what is set, the methods and, for two kinds, the patches
my @cases = (
    [ 'a member of a free form', { custom => {} }, { score => 7 }, 'by _id' => 'GET PATCH', [ add('/custom/score', 7) ] ],
    [ 'one of a string', { custom => 'text' }, { score => 7 }, 'by _id' => 'GET PATCH', [ add('/custom', { score => 7 }) ] ],
    [ 'one of an array', { custom => [1] }, { score => 7 }, 'by _id' => 'GET PATCH', [ add('/custom', { score => 7 }) ] ],
    [ 'one that is there, with a condition', { custom => { score => 1 } }, { score => 7 }, 'with a condition' => 'GET PATCH', [ add('/custom/score', 7) ] ],
    [ 'deeper is the member whole', { custom => { a => { b => 1, x => 2 } } }, { deep => 7 }, 'by _id' => 'GET PATCH', [ add('/custom/a', { b => 7, x => 2 }) ] ],
    [ 'deeper still', { custom => { a => { b => { c => 1, d => 2 }, x => 2 } } }, { deeper => 7 }, 'by _id' => 'GET PATCH', [ add('/custom/a', { b => { c => 7, d => 2 }, x => 2 }) ] ],
    [ 'deep, of a string', { custom => 'text' }, { deep => 7 }, 'by _id' => 'GET PATCH', [ add('/custom', { a => { b => 7 } }) ] ],
    [ 'deep, of nothing', {}, { deep => 7 }, 'by _id' => 'GET PATCH', [ add('/custom', { a => { b => 7 } }) ] ],
    [ 'deep, of what is no object', { custom => { a => [1], y => 1 } }, { deep => 7 }, 'by _id' => 'GET PATCH', [ add('/custom/a', { b => 7 }) ] ],
    [ 'deep, with a condition', { custom => { a => { b => 1, x => 2 } } }, { deep => 7 }, 'with a condition' => 'GET GET PATCH', [ add('/custom/a', { b => 7, x => 2 }) ] ],
    [ 'within jsonb, no deeper than a member', { custom => { a => { b => { c => 1 } }, x => 1 } }, { custom => { a => { b => { c => 2 } }, x => 1 } }, 'with a condition' => 'GET PATCH', [ add('/custom/a', { b => { c => 2 } }) ] ],
    [ 'removed within jsonb', { custom => { a => { b => { c => 1 } }, x => 1 } }, { custom => { a => { b => {} }, x => 1 } }, 'with a condition' => 'GET PATCH', [ add('/custom/a', { b => {} }) ] ],
    [ 'within an object of the schema, as deep as it differs', { prices => { retail => { source => 's', current_price => { price => 1, currency => 'EUR' } } } },
        { retail => { source => 's', current_price => { price => 2, currency => 'EUR' } } }, 'with a condition' => 'GET PATCH', [ add('/prices/retail/current_price/price', 2) ] ],
    [ 'the same by _id', { prices => { retail => { source => 's', current_price => { price => 1, currency => 'EUR' } } } },
        { retail => { source => 's', current_price => { price => 2, currency => 'EUR' } } }, 'by _id' => 'GET PATCH', [ add('/prices/retail/current_price/price', 2) ] ],
    [ 'a free form that is a string, whole', { custom => 'text' }, { custom => { a => { b => 1 } } }, 'with a condition' => 'GET PATCH', [ add('/custom', { a => { b => 1 } }) ] ],
    [ 'NULL where nothing is', {}, { status_status => undef }, 'by _id' => 'GET', undef ],
    [ 'NULL where null is', { status => { status => undef } }, { status_status => undef }, 'by _id' => 'GET', undef ],
    [ 'NULL where the object is a string', { status => 'text' }, { status_status => undef }, 'by _id' => 'GET', undef ],
    [ 'NULL where something is', { status => { status => 'x', user => $user } }, { status_status => undef }, 'by _id' => 'GET PATCH', [ remove('/status/status') ] ],
    [ 'NULL by a parameter where nothing is', {}, { status_status => undef }, 'by parameters' => 'GET', undef ],
    [ 'NULL by a parameter where something is', { status => { status => 'x' } }, { status_status => undef }, 'by parameters' => 'GET PATCH', [ remove('/status/status') ] ],
    [ 'NULL by a parameter, at the top', { make => undef }, { make => undef }, 'by parameters' => 'GET', undef ],
    [ 'a parameter', { make => 'a' }, { make => 'b' }, 'by parameters' => 'PATCH', [ add('/make', 'b') ] ],
    [ 'NULL with a condition', {}, { status_status => undef }, 'with a condition' => 'GET', undef ],
    [ 'deep NULL', { custom => { a => { b => 1, x => 1 } } }, { deep => undef }, 'by _id' => 'GET GET PATCH', [ add('/custom/a', { x => 1 }) ] ],
    [ 'deep NULL by a parameter', { custom => { a => { b => 1, x => 1 } } }, { deep => undef }, 'by parameters' => 'GET PATCH', [ add('/custom/a', { x => 1 }) ] ],
    [ 'at commit', { custom => { a => { b => 1, x => 1 } } }, { custom => { a => { b => 2, x => 1 } } }, 'at commit' => 'GET PATCH', [ add('/custom/a', { b => 2, x => 1 }) ] ],
    [ 'deep, at commit', { custom => { a => { b => 1, x => 1 } } }, { deep => 2 }, 'at commit' => 'GET GET PATCH', [ add('/custom/a', { b => 2, x => 1 }) ] ],
);
for my $kind (@kinds)
{
    $sandbox->settings(patch => $kind);
    for my $case (@cases)
    {
        my ($name, $document, $set, $spelling, $methods, $patch) = @$case;
        fill($document);
        $sandbox->clear_log;
        $spelling{$spelling}->($set);
        my @log = $sandbox->log;
        # what has to be there before is what the letter refuses
        is(join(' ', map { $_->{method} } @log), $methods, "$kind: $name: requests");
        is_deeply($log[-1]{method} eq 'PATCH' ? $log[-1]{body} : undef, $patch, "$kind: $name: patch");
        is_document(expected($document, $set), "$kind: $name: document");
    }
}

# Where parents are missing they are made by the service, if it does that
for my $row ([ vendor => 'PATCH' ], [ mongoose => 'PATCH' ], [ rfc6902 => 'PATCH GET PATCH' ])
{
    my ($kind, $methods) = @$row;
    $sandbox->settings(patch => $kind);
    for my $spelling (sort keys %spelling)
    {
        my $set = { status_status => 'x', status_user => $user, price => 3 };
        fill({ prices => undef });
        $sandbox->clear_log;
        $spelling{$spelling}->($set);
        my $sent = join ' ', map { $_->{method} } $sandbox->log;
        is($sent =~ s/^GET PATCH/PATCH/r, $methods, "$kind: missing parents, $spelling");
        is_document(expected({ prices => undef }, $set), "$kind: missing parents, $spelling");
    }
}

# Several documents, rows that are returned, a document that is gone
for my $kind (@kinds)
{
    $sandbox->settings(patch => $kind);
    $sandbox->delete('/_sandbox/documents/cars');
    my @ids = map { sprintf '65a0000000000000000000%02d', $_ } 1 .. 9;
    $sandbox->post('/_sandbox/documents/cars', [ map { { _id => $_, custom => 'text' } } @ids ]);
    my $list = join ', ', map { "'$_'" } @ids, '65a0000000000000000000ff';
    my $rows = $dbh->selectall_arrayref("UPDATE cars SET score = '7' WHERE _id IN ($list) RETURNING _id, custom");
    is_deeply([ sort { $a->[0] cmp $b->[0] } @$rows ], [ map { [ $_, '{"score": 7}' ] } @ids ], "$kind: rows of a list are returned");
    is($dbh->do("UPDATE cars SET deep = '8' WHERE _id IN ($list)") + 0, 9, "$kind: and counted");
    is_deeply([ map { $_->{custom} } $sandbox->dump('cars') ], [ ({ score => 7, a => { b => 8 } }) x 9 ], "$kind: and written");
    is($dbh->do("UPDATE cars SET deep = '8' WHERE _id = '65a0000000000000000000ff'") + 0, 0, "$kind: a document that is gone is no row");
    is_deeply($dbh->selectall_arrayref("UPDATE cars SET deep = '8' WHERE _id = '$ids[0]' RETURNING deep"), [ ['8'] ], "$kind: what is there already is returned");
}

# A refusal that has other reasons is the service's error, and told once
$sandbox->settings(patch => 'vendor');
for my $row ([ 422, '23514' ], [ 400, 'HV000' ], [ 500, '08007' ])
{
    my ($status, $sqlstate) = @$row;
    fill({ status => {} });
    $sandbox->fault({ match => { method => 'PATCH' }, fault => { type => 'status', status => $status, error => 'for another reason' } });
    $sandbox->clear_log;
    my $error = sql_error($dbh, "UPDATE cars SET status_status = 'x' WHERE _id = '$id'");
    like($error->{message}, qr/answered $status: for another reason/, "$status: the service's words");
    is(join(' ', map { $_->{method} } $sandbox->log), 'PATCH GET', "$status: the document is read, and nothing is sent twice");
    unlike($error->{detail}, qr/not known/, "$status: it is known that it was not carried out");
    $sandbox->clear_faults;
}

# One that was carried out after all is done
fill({ status => {} });
$sandbox->fault({ match => { method => 'PATCH' }, times => 1, fault => { type => 'status', status => 500 } });
$sandbox->fault({ match => { kind => 'get' }, times => 1, fault => { type => 'reply', headers => { 'Content-Type' => 'application/json' }, body => $json->encode([ { _id => $id, status => { status => 'x' } } ]) } });
is(sql_error($dbh, "UPDATE cars SET status_status = 'x' WHERE _id = '$id'"), undef, 'a patch that was carried out and answered 500 is done');
$sandbox->clear_faults;

# Two changes of one document at commit, one within the other's member
for my $kind (@kinds)
{
    $sandbox->settings(patch => $kind);
    fill({ custom => { a => { b => { c => 1 } }, x => 1 } });
    $dbh->begin_work;
    $dbh->do("UPDATE waiting SET custom = jsonb_set(custom, '{a,d}', '2') WHERE _id = '$id'");
    $dbh->do("UPDATE waiting SET custom = jsonb_set(custom, '{a,e}', '3') - 'x' WHERE _id = '$id'");
    $dbh->do("UPDATE waiting SET deep = '4' WHERE _id = '$id'");
    $dbh->commit;
    is_document({ custom => { a => { b => 4, d => 2, e => 3 } } }, "$kind: all changes are made at commit");
}

# Random documents and updates
for my $kind (@kinds)
{
    $sandbox->settings(patch => $kind);
    my @wrong;
    my $most = 0;
    for (1 .. $updates)
    {
        my $document = random_document($kind);
        my $set = random_set();
        my $expected = expected($document, $set);
        for my $spelling (sort keys %spelling)
        {
            fill($document);
            $sandbox->clear_log;
            my $failed = eval { $spelling{$spelling}->($set); 1 } ? undef : $@;
            my $requests = $sandbox->request_count;
            $most = $requests if $requests > $most;
            my $got = plain_document();
            push @wrong, "$spelling: " . $json->encode([ $document, $set ]) . ' => ' . $json->encode($got) . ($failed // '')
              if $failed || $json->encode($got) ne $json->encode(without_arrays($expected));
        }
    }
    is_deeply([ @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ] ], [], "$kind: documents are what PostgreSQL makes of them, in every spelling");
    cmp_ok($most, '<=', 5, "$kind: no update takes more than a read, a look and two patches");
}

done_testing();

sub add    { return { op => 'add',    path => $_[0], value => $_[1] } }
sub remove { return { op => 'remove', path => $_[0] } }

sub fill
{
    my ($document) = @_;
    $sandbox->delete('/_sandbox/documents/cars');
    $sandbox->post('/_sandbox/documents/cars', [ { _id => $id, dealer_id => $sandbox->dealer_id, %$document } ]);
    return;
}

# The column's value as SQL text.
sub literal
{
    my ($column, $value) = @_;
    return undef unless defined $value;
    return '{' . join(',', @$value) . '}' if $type{$column} eq 'text[]';
    return $type{$column} eq 'jsonb' ? $json->encode($value) : $value;
}

sub one_update
{
    my ($table, $where, $set) = @_;
    my $list = join ', ', map { my $text = literal($_, $set->{$_}); "$_ = " . (defined $text ? $dbh->quote($text) : 'NULL') } sort keys %$set;
    my $rows = $dbh->do("UPDATE $table SET $list WHERE " . $where =~ s/\$id/'$id'/r);
    die "$rows rows" unless $rows == 1;
    return;
}

sub by_parameters
{
    my ($set) = @_;
    my @names = sort keys %$set;
    my $number = 1;
    my $types = join ', ', 'text', map { $type{$_} } @names;
    my $list = join ', ', map { "$_ = \$" . ++$number } @names;
    $dbh->do('SET plan_cache_mode = force_generic_plan');
    $dbh->do("PREPARE change ($types) AS UPDATE cars SET $list WHERE _id = \$1");
    my $values = join ', ', map { defined $_ ? $dbh->quote($_) : 'NULL' } $id, map { literal($_, $set->{$_}) } @names;
    my $done = eval { $dbh->do("EXECUTE change ($values)"); 1 };
    my $error = $@;
    $dbh->do('DEALLOCATE change');
    die $error unless $done;
    return;
}

# The document that PostgreSQL makes.
sub expected
{
    my ($document, $set) = @_;
    my $text = $json->encode($document);
    for my $column (sort keys %$set)
    {
        my $value = defined $set->{$column} ? $json->encode($type{$column} eq 'numeric' ? 0 + $set->{$column} : $set->{$column}) : undef;
        ($text) = $dbh->selectrow_array('SELECT put(?, ?, ?)', undef, $text, [ split /\./, $path{$column} ], $value);
    }
    return $json->decode($text);
}

sub is_document
{
    my ($expected, $name) = @_;
    is_deeply(plain_document(), without_arrays($expected), $name);
    return;
}

# The stored document, without what the service sets.
sub plain_document
{
    my ($document) = $sandbox->dump('cars');
    delete @$document{qw(_id dealer_id updated_at)};
    return without_arrays($document);
}

# Mongoose puts empty arrays into the objects of the schema that are made.
sub without_arrays
{
    my ($value, $free) = @_;
    return $value unless ref $value eq 'HASH';
    return { map { $_ => $_ eq 'custom' ? $value->{$_} : without_arrays($value->{$_}) }
          grep { !(ref $value->{$_} eq 'ARRAY' && !@{ $value->{$_} }) } keys %$value };
}

sub one_of { return $_[ rand @_ ] }

sub random_document
{
    my ($kind) = @_;
    # Mongoose does not remove what it could not read
    my @strange = $kind eq 'vendor' ? () : ('text');
    my %document = (
        make => one_of(undef, 'Seat'),
        status => one_of(undef, @strange, {}, { status => 'x' }, { status => undef, user => $user }, { user => $user }),
        prices => one_of(undef, {}, { retail => undef }, { retail => { source => 's' } }, { retail => { current_price => { price => 1, currency => 'EUR' } } }, { retail => { current_price => {} } }),
        custom => one_of(undef, 'text', '', 0, [1], {}, { score => 1 }, { score => undef, x => 'y' }, { a => 'text' }, { a => { b => 1, x => [ {} ] } }, { a => { b => { c => 1, d => undef } }, 'x/y' => 1 }),
        extras => one_of(undef, ['a'], [ 'a', 'b' ]),
    );
    delete $document{ one_of(keys %document) } if rand() < 0.7;
    return \%document;
}

# Values for some columns of which none is within another.
sub random_set
{
    my %set;
    my %value = (
        make => sub { one_of(undef, 'Seat', 'Audi') },
        status => sub { one_of(undef, {}, { status => 'x' }, { status => 'y', user => $user }) },
        status_status => sub { one_of(undef, 'x', 'y') },
        status_user => sub { one_of(undef, $user) },
        price => sub { one_of(undef, 1, 2.5) },
        retail => sub { one_of(undef, { source => 's' }, { source => 't', current_price => { price => 1, currency => 'EUR' } }) },
        custom => sub { one_of(undef, 'text', {}, { score => 2 }, { a => { b => { c => 2, d => undef } } }, { a => { b => 1, x => [ {} ] } }, { 'x/y' => 2, a => { b => 1 } }) },
        score => sub { one_of(undef, 1, 'text', { a => 1 }) },
        deep => sub { one_of(undef, 1, { c => 1 }, { c => 2, e => 1 }) },
        deeper => sub { one_of(undef, 1, [ 1, 2 ]) },
        extras => sub { one_of(undef, ['a'], [ 'b', 'a' ]) },
    );
    for (1 .. 1 + rand 3)
    {
        my $column = one_of(sort keys %value);
        next if grep { "$path{$_}." =~ /^\Q$path{$column}.\E/ || "$path{$column}." =~ /^\Q$path{$_}.\E/ } keys %set;
        $set{$column} = $value{$column}->();
    }
    return \%set;
}
