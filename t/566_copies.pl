# Local copies: walcu_fdw_copy and what keeps copies as the CRM is, against a CRM that changes.

use strict;
use warnings;

use Test::More;
use WalcuTest;
use WalcuTest::LocalCopy;

use constant NOTES => 700;
use constant PAGES => NOTES / 50;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, count => { cars => 120, notes => NOTES, saleleads => 220 });
my $node = start_node('main', log_min_messages => 'warning');
setup_crm($node, $sandbox, limit_to => [qw(cars notes saleleads)],
    server => { on_type_mismatch => 'null', max_connections => 4, max_retries => 0 });
my $dbh = connect_db($node);
$dbh->do('SET client_min_messages = error');
my $copies = WalcuTest::LocalCopy->new($sandbox, $dbh);
$copies->set_dates($_) for qw(cars notes saleleads);

subtest 'making a copy' => sub {
    my @requests = $copies->requests(sub {
        is($dbh->selectrow_array("SELECT walcu_fdw_copy('crm.$_')"), "crm_copy.$_", "a copy of $_") for qw(cars notes);
    });
    $copies->is_same($_) for qw(cars notes);
    is_deeply(columns_of('crm_copy.notes'), columns_of('crm.notes'), 'its columns have the names, types and collations of the foreign table');
    is_deeply(indexes_of('notes'), [ sort '_id', 'updated_at', ids_of('notes') ], 'and there are indexes');
    is($dbh->selectrow_array("SELECT obj_description('crm_copy.notes'::regclass)"), 'local copy of crm.notes', 'a comment says what it is');
    my $entry = entry('notes');
    is_deeply([ @$entry{qw(foreign_table state written deleted error)} ], [ 'crm.notes', 'ready', NOTES, undef, undef ], 'the view has it');
    cmp_ok($entry->{requests}, '<=', @requests, "with its requests: $entry->{requests}");
    is($dbh->selectrow_array("SELECT count(*) FROM walcu_fdw_copies WHERE age BETWEEN '0' AND '1 minute' AND next_refresh - refreshed_at = '5 minutes'
        AND next_reconcile - reconciled_at = '1 day' AND owner = current_user"), 2, 'its age, its owner, and what is next');
};

subtest 'a refresh' => sub {
    my @requests = $copies->requests(sub { is_deeply(refreshed('notes'), { written => 0, deleted => 0, requests => 1 }, 'nothing has changed') });
    is(scalar @requests, 1, 'an idle refresh is one request');
    is($requests[0]{query}{q}{updated_at}{'$gte'}, since('notes'), 'for what is newer, but for the overlap');
    for my $round (1 .. 5)
    {
        my %done = $copies->change('crm.notes', update => int rand 30, insert => int rand 20);
        is(refreshed('notes')->{written}, @{ $done{update} } + @{ $done{insert} }, 'what has changed is written');
        $copies->is_same('notes');
    }
    $dbh->do('ALTER TABLE crm_copy.cars ADD COLUMN name text GENERATED ALWAYS AS (make || model) STORED, ADD COLUMN seen date DEFAULT current_date');
    $copies->change('crm.cars', update => 10, insert => 10);
    is(refreshed('cars')->{written}, 20, 'the user may add columns');
    $copies->is_same('cars');
    is($dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_copy_entries WHERE watermark > now()'), 0, 'no watermark is in the future');
};

subtest 'what changes while a refresh reads' => sub {
    $dbh->do("UPDATE walcu_fdw_copy_entries SET overlap = '0', watermark = NULL");
    my ($first, $late) = ($sandbox->dump('notes'))[ 0, NOTES / 2 ];
    my @changed = ({ %$first, content => 'early page', updated_at => WalcuTest::LocalCopy::date(time + 60) },
        { %$late, content => 'late page', updated_at => WalcuTest::LocalCopy::date(time + 86400) });
    $dbh->do("ALTER SERVER crm OPTIONS (ADD job_threshold '1000000')");
    $dbh->do("ALTER SERVER crm OPTIONS (ADD fetch_mode 'pages')");
    $sandbox->fault({ match => { kind => 'list', resource => 'notes' }, skip => 1, times => 1,
        fault => { type => 'mutate', insert => { notes => \@changed } } });
    is(refreshed('notes')->{written}, 1, 'the page that had passed is missed');
    $dbh->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
    is(content($late->{_id}), 'late page', 'and one that had not is newer');
    isnt(content($first->{_id}), 'early page', 'the other has its old state');
    is(refreshed('notes')->{written}, 1, 'the next refresh finds it');
    $copies->is_same('notes');

    # A document of the same millisecond as the watermark
    my $newest = WalcuTest::LocalCopy::date(time - 3600);
    $copies->put('notes', map { { %$_, updated_at => $newest } } $first, $late);
    $dbh->do('UPDATE walcu_fdw_copy_entries SET watermark = NULL');
    refreshed('notes');
    $dbh->do("UPDATE walcu_fdw_copy_entries SET watermark = ?::timestamptz WHERE copy = 'crm_copy.notes'::regclass", undef, $newest);
    my ($other) = grep { ($_->{updated_at} // '') lt $newest } $sandbox->dump('notes');
    $copies->put('notes', { %$other, content => 'tie', updated_at => $newest });
    cmp_ok(refreshed('notes')->{written}, '>=', 1, 'a tie is found without any overlap');
    $copies->is_same('notes');
    $dbh->do("UPDATE walcu_fdw_copy_entries SET overlap = '10 minutes'");
};

subtest 'a refresh that fails' => sub {
    $copies->change('crm.notes', update => 80);
    my $before = entry('notes');
    $sandbox->fault({ match => { kind => 'list', resource => 'notes' }, skip => 1, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('crm_copy.notes')")->{sqlstate}, '08006', 'is an error');
    $sandbox->clear_faults;
    is(entry('notes')->{refreshed_at}, $before->{refreshed_at}, 'and leaves the copy as old as it was');
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 80, 'and as it was');
    is(refreshed('notes')->{written}, 80, 'the next one takes all');
    $copies->is_same('notes');
};

subtest 'a write, and a refresh behind it' => sub {
    $dbh->begin_work;
    $copies->change('crm.notes', update => 3, insert => 3);
    is(refreshed('notes')->{written}, 6, 'brings what was written');
    $dbh->commit;
    $copies->is_same('notes');
};

subtest 'one at a time' => sub {
    my $other = connect_db($node);
    $other->begin_work;
    $other->do("SELECT walcu_fdw_refresh('crm_copy.notes')");
    $dbh->do("SET lock_timeout = '10ms'");
    my @requests = $copies->requests(sub {
        is(sql_error($dbh, "SELECT walcu_fdw_$_")->{sqlstate}, '55P03', "$_ waits")
          for map { "$_->[0]('crm_copy.notes'$_->[1])" } [ refresh => '' ], [ reconcile => '' ], [ refresh_one => ", 'x'" ], [ drop_copy => '' ];
    });
    is(scalar @requests, 0, 'before it asks for anything');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('crm_copy.cars')"), undef, 'that of another table does not');
    $dbh->do('RESET lock_timeout');
    $other->rollback;
};

subtest 'deletes' => sub {
    $copies->change('crm.notes', update => 10, insert => 10, delete => 15);
    refreshed('notes');
    is(scalar $copies->differences('crm_copy.notes', 'crm.notes'), 15, 'a refresh does not see deletes');
    my @requests = $copies->requests(sub { is(reconciled('notes')->{deleted}, 15, 'a comparison does') });
    $copies->is_same('notes');
    my $undated = grep { !defined $_->{updated_at} } $sandbox->dump('notes');
    cmp_ok($undated, '>', 5, 'documents without a date are there');
    cmp_ok(scalar @requests, '<=', PAGES + 16 + 2 * (1 + int $undated / 50), 'which asks for a page of each 50: ' . @requests);
    is($requests[0]{query}{project}, 'updated_at _id', 'of ids and dates');

    # What a refresh cannot see: no date, an old date, no new date
    my @documents = $sandbox->dump('notes');
    my ($no_date) = grep { !defined $_->{updated_at} } @documents;
    my ($old, $same) = grep { defined $_->{updated_at} && $_->{updated_at} lt WalcuTest::LocalCopy::date(time - 86400) } @documents;
    $copies->put('notes', { %$no_date, content => 'no date' }, { %$old, content => 'old', updated_at => '2020-01-01T00:00:00.000Z' },
        { %$old, _id => 'f' x 24, updated_at => '2020-01-01T00:00:00.000Z' });
    is(refreshed('notes')->{written}, 0, 'a refresh does not see documents without a date, or with an older one');
    my $done = reconciled('notes');
    is_deeply([ @$done{qw(deleted written)} ], [ 0, 3 ], 'a comparison does');
    $copies->is_same('notes');
    $copies->put('notes', { %$same, content => 'same date' });
    is(refreshed('notes')->{written} + reconciled('notes')->{written}, 0, 'neither sees a change that left the date');
    $dbh->do("TRUNCATE crm_copy.notes");
    is(refreshed('notes')->{written}, scalar @documents + 1, 'an emptied copy is read as a whole');
    $copies->is_same('notes');
};

subtest 'one document' => sub {
    my @documents = $sandbox->dump('notes');
    my ($changed, $deleted) = @documents[ 3, 4 ];
    $copies->put('notes', { %$changed, content => 'told of' });
    $sandbox->delete("/_sandbox/documents/notes/$deleted->{_id}");
    my @requests = $copies->requests(sub {
        is_deeply(counts("walcu_fdw_refresh_one('crm_copy.notes', '$changed->{_id}')"), { written => 1, deleted => 0, requests => 1 }, 'is taken');
        is_deeply(counts("walcu_fdw_refresh_one('crm_copy.notes', '$changed->{_id}')"), { written => 0, deleted => 0, requests => 1 }, 'and not written again');
        is_deeply(counts("walcu_fdw_refresh_one('crm_copy.notes', '$deleted->{_id}')"), { written => 0, deleted => 1, requests => 1 }, 'or deleted');
    });
    is(scalar @requests, 3, 'with a request each');
    $copies->is_same('notes');
};

subtest 'a comparison that fails deletes nothing' => sub {
    my $rows = rows('notes');
    $sandbox->fault({ match => { kind => 'list' }, skip => 5, fault => { type => 'status', status => 500 } });
    is(sql_error($dbh, "SELECT walcu_fdw_reconcile('crm_copy.notes')")->{sqlstate}, '08006', 'an error of the service');
    $sandbox->clear_faults;
    $sandbox->fault({ match => { kind => 'list' }, fault => { type => 'reply', body => '[]', headers => { 'MAPP-has-more' => 'false' } } });
    my $error = sql_error($dbh, "SELECT walcu_fdw_reconcile('crm_copy.notes')");
    is($error->{message}, qq{the CRM does not have $rows of the $rows documents in "crm_copy.notes"}, 'a service that has nothing all at once');
    is($error->{hint}, q{If they were deleted, let so many be: SELECT walcu_fdw_reconcile('crm_copy.notes', 1).}, 'and what to do');
    is($error->{sqlstate}, '55000', 'its SQLSTATE');
    $sandbox->clear_faults;
    is(rows('notes'), $rows, 'the copy is as before');

    my @ids = map { $_->{_id} } $sandbox->dump('cars');
    $sandbox->delete("/_sandbox/documents/cars/$_") for @ids[ 0 .. 20 ];
    like(sql_error($dbh, "SELECT walcu_fdw_reconcile('crm_copy.cars')")->{message}, qr/^the CRM does not have 21 of/, 'more than twenty that are more than a tenth');
    is(counts("walcu_fdw_reconcile('crm_copy.cars', 0.5)")->{deleted}, 21, 'are deleted if that is said');
    $sandbox->delete("/_sandbox/documents/cars/$_") for @ids[ 21 .. 40 ];
    is(reconciled('cars')->{deleted}, 20, 'twenty are deleted');
    $copies->is_same('cars');
};

subtest 'columns and indexes' => sub {
    $dbh->do("SELECT walcu_fdw_copy('crm.saleleads', copy => 'leads', columns => '{client_id,status}', indexes => '{}')");
    is_deeply([ sort map { $_->[0] } @{ columns_of('leads') } ], [qw(_id client_id status updated_at)], 'those that are named, and those that it needs');
    is_deeply([ $copies->differences('leads', 'crm.saleleads') ], [], 'are copied');
    is($dbh->selectrow_array("SELECT count(*) FROM pg_index WHERE indrelid = 'leads'::regclass"), 2, 'no index but those that it needs');
    my @requests = $copies->requests(sub { counts("walcu_fdw_refresh('leads')") });
    is($requests[0]{query}{project}, 'status client_id updated_at _id', 'other fields are not asked for');

    $dbh->do("SELECT walcu_fdw_copy('crm.saleleads', copy => 'leads', columns => '{client_id,status,created_at}', refresh_every => '1 hour')");
    is_deeply([ $copies->differences('leads', 'crm.saleleads') ], [], 'a further call adds columns, and fills them');
    is($dbh->selectrow_array("SELECT count(created_at) > 0 FROM leads"), 1, 'which are there');
    is($dbh->selectrow_array("SELECT refresh_every FROM walcu_fdw_copies WHERE copy = 'leads'::regclass"), '01:00:00', 'and changes the intervals');

    $dbh->do('ALTER TABLE leads RENAME COLUMN status TO state');
    my $error = sql_error($dbh, "SELECT walcu_fdw_refresh('leads')");
    is_deeply([ @$error{qw(sqlstate message)} ], [ '42703', 'column "status" is missing in "public.leads"' ], 'a renamed column is not passed over');
    $dbh->do('ALTER TABLE leads RENAME COLUMN state TO status; ALTER TABLE leads RENAME TO sales_leads');
    is(counts("walcu_fdw_refresh('sales_leads')")->{written}, 0, 'a copy may be renamed');
};

subtest 'new columns of the foreign table' => sub {
    $dbh->do("UPDATE walcu_fdw_copy_entries SET overlap = '0'");
    my ($old) = grep { ($_->{updated_at} // '') lt WalcuTest::LocalCopy::date(time - 86400) } $sandbox->dump('notes');
    $copies->put('notes', { %$old, custom => { mark => 7 } });
    reconciled('notes');
    $dbh->do("ALTER FOREIGN TABLE crm.notes ADD COLUMN mark integer OPTIONS (path 'custom.mark')");
    is(refreshed('notes')->{requests}, 1, 'are nothing to a refresh');
    is_deeply($dbh->selectrow_array("SELECT walcu_fdw_copy_columns('crm_copy.notes')"), ['mark'], 'until they are added');
    is(entry('notes')->{state}, 'filling', 'they are to be filled');
    is(refreshed('notes')->{requests}, 1, 'which is no refresh');
    cmp_ok(reconciled('notes')->{written}, '>', 0, 'but a comparison');
    $copies->is_same('notes');
    is(entry('notes')->{state}, 'ready', 'and then they are');
    is_deeply($dbh->selectrow_array("SELECT walcu_fdw_copy_columns('crm_copy.notes')"), [], 'again, there is none');
    $dbh->do('ALTER FOREIGN TABLE crm.notes DROP COLUMN mark');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('crm_copy.notes')")->{message}, 'column "mark" is missing in "crm.notes"', 'one that is gone is told of');
    is_deeply($dbh->selectrow_array("SELECT walcu_fdw_copy_columns('crm_copy.notes')"), [], 'and forgotten on demand');
    is(refreshed('notes')->{requests}, 1, 'without reading anything again');
};

subtest 'a table of the user' => sub {
    $dbh->do('CREATE TABLE mine (_id text COLLATE "C", make text, price_tag text DEFAULT 0)');
    my $error = sql_error($dbh, "SELECT walcu_fdw_copy('crm.cars', 'mine')");
    is_deeply([ @$error{qw(sqlstate hint)} ], [ '42P10', 'ALTER TABLE public.mine ADD PRIMARY KEY (_id);' ], 'needs a primary key');
    $dbh->do('ALTER TABLE mine ADD PRIMARY KEY (_id)');
    my @messages = sql_messages(notices(), "SELECT walcu_fdw_copy('crm.cars', 'mine')");
    like("@messages", qr/NOTICE:  no column of "crm.cars" shows updated_at|is only reconciled/, 'is told when it can only be compared');
    is_deeply([ $copies->differences('mine', 'crm.cars') ], [], 'is filled');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('mine')")->{sqlstate}, '55000', 'and not refreshed');
    $copies->change('crm.cars', update => 3, insert => 3, delete => 3);
    is(counts("walcu_fdw_reconcile('mine')")->{deleted}, 3, 'but compared');
    is_deeply([ $copies->differences('mine', 'crm.cars') ], [], 'which reads everything');
    is(sql_error($dbh, "SELECT walcu_fdw_copy('mine')")->{message}, '"mine" is not a foreign table of walcu_fdw', 'it cannot be copied itself');
};

subtest 'several dealers' => sub {
    my $vigo = WalcuTest::Sandbox->start(scale => 10, count => { cars => 70 }, dealer => '5f2b1c9e8d3a4b0000000002', seed => 2);
    my @columns = '_id text COLLATE "C", dealer_id text COLLATE "C", make text, custom jsonb, updated_at timestamptz';
    $dbh->do($_) for 'CREATE SERVER vigo FOREIGN DATA WRAPPER walcu_fdw ' . options_sql({ endpoint => $vigo->endpoint, dealer_id => $vigo->dealer_id }),
      'CREATE USER MAPPING FOR CURRENT_USER SERVER vigo ' . options_sql(WalcuTest::Sandbox::CREDENTIALS),
      'CREATE SCHEMA vigo', 'CREATE SCHEMA here', "CREATE TABLE all_cars (@columns) PARTITION BY LIST (dealer_id)",
      map { "CREATE FOREIGN TABLE $_->[0].cars PARTITION OF all_cars FOR VALUES IN ('@{[ $_->[1]->dealer_id ]}') SERVER $_->[2] OPTIONS (resource 'cars')" } [ here => $sandbox, 'crm' ], [ vigo => $vigo, 'vigo' ];
    $dbh->do("SELECT walcu_fdw_copy('all_cars')");
    is_deeply([ $copies->differences('public_copy.all_cars', 'all_cars') ], [], 'a table over them can be copied');
    $dbh->do("UPDATE walcu_fdw_copy_entries SET overlap = '0'");
    is(counts("walcu_fdw_refresh('public_copy.all_cars')")->{requests}, 2, 'an idle refresh is a request for each');
    WalcuTest::LocalCopy->new($vigo, $dbh)->change('vigo.cars', update => 3, insert => 2, delete => 2);
    counts("walcu_fdw_$_('public_copy.all_cars')") for qw(refresh reconcile);
    is_deeply([ $copies->differences('public_copy.all_cars', 'all_cars') ], [], 'what changes is taken');
    $dbh->do("SELECT walcu_fdw_drop_copy('public_copy.all_cars')");
};

subtest 'who may do what' => sub {
    $dbh->do($_) for 'CREATE ROLE ana LOGIN', 'CREATE ROLE carla LOGIN', 'GRANT USAGE ON SCHEMA crm_copy, crm TO ana, carla',
      'GRANT SELECT ON crm_copy.cars TO ana', 'GRANT SELECT ON crm.notes TO carla', 'CREATE SCHEMA carla AUTHORIZATION carla',
      'CREATE USER MAPPING FOR carla SERVER crm ' . options_sql(WalcuTest::Sandbox::CREDENTIALS);
    my ($ana, $carla) = map { connect_db($node, user => $_) } qw(ana carla);
    $carla->do('SET client_min_messages = error');
    is(sql_error($ana, "SELECT walcu_fdw_$_")->{sqlstate}, '42501', "a reader does not call $_")
      for "refresh('crm_copy.cars')", "reconcile('crm_copy.cars')", "refresh_one('crm_copy.cars', 'x')", "drop_copy('crm_copy.cars')", "copy_columns('crm_copy.cars')", "copy('crm.cars')";
    is(sql_error($ana, $_)->{sqlstate}, '42501', $_) for 'DELETE FROM walcu_fdw_copy_entries', 'SELECT * FROM walcu_fdw_copy_results';
    $dbh->do("UPDATE walcu_fdw_copy_results SET failures = 1, failed_at = now(), error = 'secret' WHERE copy = 'crm_copy.cars'::regclass AND work = 'fill'");
    is_deeply($ana->selectall_arrayref('SELECT copy, failed_at IS NOT NULL, error, next_refresh FROM walcu_fdw_copies'), [ [ 'crm_copy.cars', 1, undef, undef ] ],
        'a reader sees what he may read, but no error');
    is($dbh->selectrow_array("SELECT error FROM walcu_fdw_copies WHERE copy = 'crm_copy.cars'::regclass"), 'fill: secret', 'which the owner sees');
    refreshed('cars');
    is($dbh->selectrow_array("SELECT error FROM walcu_fdw_copies WHERE copy = 'crm_copy.cars'::regclass"), undef, 'until the copy is filled by other work');

    $carla->do("SELECT walcu_fdw_copy('crm.notes', 'carla.notes', columns => '{content}')");
    is_deeply([ $copies->differences('carla.notes', 'crm.notes') ], [], 'who may read a foreign table may have a copy');
    $carla->do($_) for 'CREATE FUNCTION carla.who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.content := current_user; RETURN NEW; END $$',
      'CREATE TRIGGER who BEFORE INSERT OR UPDATE ON carla.notes FOR EACH ROW EXECUTE FUNCTION carla.who()';
    $copies->change('crm.notes', insert => 1);
    is(counts("walcu_fdw_refresh('carla.notes')")->{written} > 0, 1, 'a superuser may refresh it');
    is($dbh->selectrow_array('SELECT string_agg(DISTINCT content, $$,$$) FROM carla.notes WHERE content IN ($$carla$$, current_user)'), 'carla', "which runs as its owner");

    is(sql_error($carla, "SELECT walcu_fdw_copy('crm.notes', 'carla.notes', $_')")->{sqlstate}, '23514', "she may not let all copies fail: $_")
      for "refresh_every => '170000000 years", "reconcile_every => '170000 years -62000000 days", "overlap => '2000 years";

    # Everything that she can put around a copy notes as whom it runs.
    $dbh->do($_) for 'GRANT CREATE ON SCHEMA public TO carla', 'GRANT USAGE ON FOREIGN SERVER crm TO carla';
    $carla->do($_) for 'CREATE TABLE carla.ran (who text)',
      'CREATE FUNCTION carla.note() RETURNS boolean LANGUAGE sql AS $$ INSERT INTO carla.ran VALUES (current_user) RETURNING true $$',
      'CREATE FUNCTION carla.same(oid, regclass) RETURNS boolean LANGUAGE sql AS $$ SELECT carla.note() AND $1 = $2::oid $$',
      'CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = carla.same)', 'CREATE DOMAIN carla.noted AS text CHECK (carla.note())',
      'CREATE FOREIGN TABLE carla.source (_id text COLLATE "C", content text, updated_at timestamptz) SERVER crm OPTIONS (resource $$notes$$)',
      "SELECT walcu_fdw_copy('carla.source', 'carla.target', live_view => true)",
      'ALTER FOREIGN TABLE carla.source ADD COLUMN extra carla.noted OPTIONS (path $$custom.extra$$)';
    is_deeply($dbh->selectrow_array("SELECT walcu_fdw_copy_columns('carla.target')"), ['extra'], 'a superuser may add columns');
    $dbh->do("SELECT walcu_fdw_drop_copy('carla.target')");
    is_deeply($dbh->selectcol_arrayref('SELECT DISTINCT who FROM carla.ran'), ['carla'], "and nothing of the owner's runs with the rights of a superuser");
    $carla->do('DROP OPERATOR public.= (oid, regclass)');
    $dbh->do('DROP USER MAPPING FOR carla SERVER crm');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('carla.notes')")->{sqlstate}, '42704', 'and with the mapping of its owner');
    is(sql_error($carla, "SELECT walcu_fdw_refresh('crm_copy.cars')")->{sqlstate}, '42501', 'she may not refresh those of others');
};

subtest 'dropping' => sub {
    $dbh->do("SELECT walcu_fdw_drop_copy('sales_leads', keep_table => true)");
    is($dbh->selectrow_array('SELECT count(*) > 0 FROM sales_leads'), 1, 'a copy can be left as a table');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('sales_leads')")->{sqlstate}, '42704', 'which is no copy any more');
    $dbh->do("SELECT walcu_fdw_drop_copy('mine')");
    is($dbh->selectrow_array("SELECT to_regclass('mine')"), undef, 'or dropped with it');
    $dbh->do('CREATE FOREIGN TABLE crm.other (_id text, updated_at timestamptz) SERVER crm OPTIONS (resource $$notes$$)');
    $dbh->do("SELECT walcu_fdw_copy('crm.other')");
    $dbh->do('DROP FOREIGN TABLE crm.other');
    is(sql_error($dbh, "SELECT walcu_fdw_refresh('crm_copy.other')")->{sqlstate}, '42P01', 'a foreign table that is gone is told of');
    $dbh->do("SELECT walcu_fdw_drop_copy('crm_copy.other')");
    $dbh->do('DROP TABLE carla.notes');
    is($dbh->selectrow_array("SELECT count(*) FROM walcu_fdw_copies WHERE foreign_table = 'crm.notes'::regclass"), 1, 'a table that was dropped is no copy');
    $dbh->do("SELECT walcu_fdw_copy('crm.cars')");
    is($dbh->selectrow_array('SELECT count(*) FROM walcu_fdw_copy_entries'), 2, 'and forgotten');
};

subtest 'what cannot be copied' => sub {
    my %errors = (
        "'pg_class'" => [ '42809', '"pg_class" is not a foreign table of walcu_fdw' ],
        "NULL" => [ '22004', 'foreign_table must not be null' ],
        "'crm.cars', 'pg_temp.cars'" => [ '42809', '"pg_temp.cars" cannot be a copy' ],
        "'crm.cars', fill => NULL" => [ '22004', 'fill must not be null' ],
        "'crm.cars', columns => '{makes}'" => [ '42703', 'column "makes" of "cars" cannot be copied' ],
        "'crm.cars', 'crm.notes'" => [ '42809', '"crm.notes" is not a table' ],
        "'crm.cars', refresh_every => '0'" => [ '23514', undef ],
        "'crm.elements'" => [ '42809', 'the rows of "elements" are elements of lists, which have no _id' ],
        "'crm.no_id'" => [ '42703', 'no column of "no_id" shows _id' ],
    );
    $dbh->do(q{CREATE FOREIGN TABLE crm.elements (car_id text, lead text OPTIONS (path '^._id')) SERVER crm OPTIONS (resource 'saleleads', array 'car_list')});
    $dbh->do(q{CREATE FOREIGN TABLE crm.no_id (make text) SERVER crm OPTIONS (resource 'cars')});
    for my $arguments (sort keys %errors)
    {
        my ($sqlstate, $message) = @{ $errors{$arguments} };
        my $error = sql_error($dbh, "SELECT walcu_fdw_copy($arguments)");
        is_deeply([ @$error{qw(sqlstate message)} ], [ $sqlstate, $message // $error->{message} ], $arguments);
    }
    $dbh->do('SET default_transaction_read_only = on');
    is(sql_error($dbh, "SELECT walcu_fdw_$_")->{sqlstate}, '25006', "$_ in a read-only transaction")
      for "copy('crm.cars')", map { "$_('crm_copy.cars')" } qw(refresh reconcile drop_copy copy_columns);
    $dbh->do('RESET default_transaction_read_only');
};

subtest 'the extension in another schema' => sub {
    $dbh->do($_) for 'CREATE SCHEMA moved', 'ALTER EXTENSION walcu_fdw SET SCHEMA moved';
    $copies->change('crm.notes', update => 3);
    cmp_ok(counts("moved.walcu_fdw_refresh('crm_copy.notes')")->{written}, '>=', 3, 'a copy is refreshed');
    $copies->is_same('notes');
    $dbh->do("SELECT moved.walcu_fdw_copy('crm.saleleads', columns => '{client_id}', live_view => true)");
    is($dbh->selectrow_array('SELECT count(*) FROM crm_copy.saleleads_live'), scalar(my @all = $sandbox->dump('saleleads')), 'and made, with a view');
    is($dbh->selectrow_array('SELECT moved.walcu_fdw_copies_next() > now()'), 1, 'and it is known what is due');
    $dbh->do('CALL moved.walcu_fdw_copies_run()');
    is($dbh->selectrow_array('SELECT count(*) FROM moved.walcu_fdw_copies WHERE error IS NOT NULL'), 0, 'which is done');
};

done_testing();

# What a function of a copy has done.
sub counts
{
    my ($call) = @_;
    return $dbh->selectrow_hashref("SELECT * FROM $call");
}

sub refreshed
{
    my ($name) = @_;
    return counts("walcu_fdw_refresh('crm_copy.$name')");
}

sub reconciled
{
    my ($name) = @_;
    return counts("walcu_fdw_reconcile('crm_copy.$name')");
}

sub entry
{
    my ($name) = @_;
    return $dbh->selectrow_hashref('SELECT * FROM walcu_fdw_copies WHERE copy = ?::regclass', undef, "crm_copy.$name");
}

sub rows
{
    my ($name) = @_;
    return scalar $dbh->selectrow_array("SELECT count(*) FROM crm_copy.$name");
}

sub content
{
    my ($id) = @_;
    return scalar $dbh->selectrow_array('SELECT content FROM crm_copy.notes WHERE _id = ?', undef, $id);
}

sub columns_of
{
    my ($table) = @_;
    return $dbh->selectall_arrayref('SELECT attname, atttypid::regtype::text, attcollation::regcollation::text FROM pg_attribute
        WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum', undef, $table);
}

sub indexes_of
{
    my ($name) = @_;
    return $dbh->selectcol_arrayref('SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indexrelid
        WHERE indrelid = ?::regclass ORDER BY attname COLLATE "C"', undef, "crm_copy.$name");
}

# Columns with ids of documents that are tables.
sub ids_of
{
    my ($resource) = @_;
    my $references = JSON::PP::decode_json(PostgreSQL::Test::Utils::slurp_file('api/references.json'))->{$resource};
    my %is_there = map { $_->[0] => 1 } grep { $_->[1] eq 'text' } @{ columns_of("crm.$resource") };
    return grep { $is_there{$_} && !grep { $_ eq 'users' } @{ $references->{$_} } } sort keys %$references;
}

# The moment from which on a refresh asks, as the service writes dates.
sub since
{
    my ($name) = @_;
    return scalar $dbh->selectrow_array("SELECT to_char(walcu_fdw_copy_since('crm_copy.$name') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
}

# A session that tells NOTICEs.
sub notices
{
    return connect_db($node);
}
