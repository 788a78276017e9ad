# walcu_fdw_check() and walcu_fdw_check_apply(): what is planted is found, and nothing else; the advice mends it.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 130);
my $node = start_node();
setup_crm($node, $sandbox);
my $dbh = connect_db($node);
restore();
my $results_host = $sandbox->results_endpoint =~ s{^http://}{}r;

# Whatever is planted, rows about time, and about how many documents there are, may be others.
my $free = qr/^(?:latency|requests|resource .*)$/;

# A plain sandbox needs few options, and says which
my %plain = (results_hosts => $results_host, on_type_mismatch => 'null');
is_deeply([ map { "@$_[0, 2]" } apply() ], [ 'values applied', 'job results applied' ],
    'the options that a plain sandbox needs');
is_deeply(options(), \%plain, 'and they are as they should be');
my $plain = rows();
is(join(', ', grep { $plain->{$_}[0] ne 'ok' } sort keys %$plain), 'compression',
    'then all is well, but that a plain sandbox does not compress');
is(join(', ', grep { $plain->{$_}[2] } sort keys %$plain), '', 'nothing is advised');
is_deeply([ apply() ], [], 'and nothing is applied again');
my $read = reads();

# [name, what is planted, rows that differ: name => [result, detail, advice], what else]
#   settings, faults: of the sandbox; options: of the server (undef takes one away); sql: run before
#   apply: rows are ok afterwards, and reads cost so many requests; free: rows that may differ; resource: this alone is checked
my $fault = sub { my ($match, %fault) = @_; return [ { match => $match, fault => {%fault} } ] };
my $refuse = sub {
    return $fault->({ kind => 'list', query => { q => $_[0] } }, type => 'status', status => $_[1] // 400, error => 'no such thing');
};
my @planted = (
    [ 'sort in commas', { settings => { sort_format => 'comma' } },
        { sort => [ 'differs', qr/format comma/, "ADD sort_format 'comma'" ] }, apply => 1 ],
    [ 'sort as JSON', { settings => { sort_format => 'json' } },
        { sort => [ 'differs', qr/format json/, "ADD sort_format 'json'" ] }, apply => 1 ],
    [ 'sort that the option says otherwise', { options => { sort_format => 'comma' } },
        { sort => [ 'differs', qr/format mongoose/, "SET sort_format 'mongoose'" ] }, apply => 1 ],
    [ 'sort ignored', { settings => { sort => 'ignored' } },
        { sort => [ 'differs', qr/mongoose ignored, comma ignored, json ignored/, "ADD sort_format 'none'" ] }, apply => 1, dearer => 1 ],
    [ 'project in commas', { settings => { project_format => 'comma' } },
        { project => [ 'differs', qr/format comma/, "ADD project_format 'comma'" ] }, apply => 1 ],
    [ 'project as JSON', { settings => { project_format => 'json' } },
        { project => [ 'differs', qr/format json/, "ADD project_format 'json'" ] }, apply => 1 ],
    [ 'project that the option says otherwise', { options => { project_format => 'json' } },
        { project => [ 'differs', qr/format mongoose/, "SET project_format 'mongoose'" ] }, apply => 1 ],
    [ 'project ignored', { settings => { project => 'ignored' } },
        { project => [ 'differs', qr/mongoose ignored/, "ADD project_format 'none'" ] }, apply => 1 ],
    [ 'small pages', { settings => { page_cap => 20 } },
        { 'page size' => [ 'differs', qr/20 documents at most/, "ADD fetch_size '20'" ] },
        apply => 1, dearer => 1, free => qr/^(?:q|ids|values|sort|project|end of pages)/ ],
    [ 'large pages', { settings => { page_cap => 90 } },
        { 'page size' => [ 'differs', qr/90 documents at most/, "ADD fetch_size '90'" ] },
        apply => 1, free => qr/^(?:q|ids|values|sort|project|end of pages)/ ],
    [ 'pages without a limit of their own', { settings => { page_cap => 5000 } },
        { 'page size' => [ 'differs', qr/130 documents at most/, "ADD fetch_size '130'" ] },
        free => qr/^(?:q|ids|values|sort|project|end of pages)/ ],
    [ 'pages smaller than need be', { options => { fetch_size => 10 } },
        { 'page size' => [ 'differs', qr/the option fetch_size is 10/, "SET fetch_size '50'" ] }, apply => 1 ],
    [ 'no has-more', { settings => { has_more => 'missing' } },
        { 'has-more' => [ 'differs', qr/lack the header/, undef ] } ],
    [ 'has-more never', { faults => $fault->({ kind => 'list' }, type => 'has_more', value => 'false') },
        { 'has-more' => [ 'failed', qr/nothing follows where documents do: .*No option lets pages be read on; .*fetch_mode 'job'/, undef ] } ],
    [ 'has-more always', { faults => $fault->({ kind => 'list' }, type => 'has_more', value => 'true') },
        { 'has-more' => [ 'failed', qr/more follow where nothing does/, undef ] } ],
    [ 'skip ignored', { faults => $fault->({ kind => 'list' }, type => 'ignore', skip => \1) },
        { 'end of pages' => [ 'failed', qr/ignores skip/, undef ] } ],
    [ 'q ignored', { faults => $fault->({ kind => 'list' }, type => 'ignore', q => \1) },
        { texts => [ 'unknown', qr/ignores conditions/, undef ], q => [ 'failed', qr/ignores conditions/, "ADD pushdown 'false'" ],
          'q paging' => [ 'failed', qr/need conditions/, "ADD paging 'skip'" ],
          'unknown places' => [ 'differs', qr/dropped/, undef ],
          'ids' => [ 'ok', qr/ObjectIds/, undef ],
          'ids condition' => [ 'failed', qr/answered with documents/, undef ],
          'ids pattern' => [ 'failed', qr/answered with documents/, undef ] }, free => qr/^q / ],
    [ 'patterns refused', { faults => $refuse->('regex') },
        { 'q $regex' => [ 'differs', qr/^Refused for LIKE 'ab%'.*400: no such thing/, undef ],
          'ids pattern' => [ 'differs', qr/refused/, undef ] } ],
    [ 'patterns refused by 500', { faults => $refuse->('regex', 500) },
        { 'q $regex' => [ 'differs', qr/Refused.*500/, undef ], 'ids pattern' => [ 'differs', qr/500/, undef ] } ],
    [ 'the patterns of JavaScript', { settings => { regex => 'javascript' } }, {} ],
    [ 'a service without patterns', { settings => { regex => 'refused' } },
        { 'q $regex' => [ 'differs', qr/^Refused for LIKE 'ab%'/, undef ], 'ids pattern' => [ 'differs', qr/refused/, undef ] } ],
    [ 'one construct refused', { faults => $refuse->('A-Za-z') },
        { 'q $regex' => [ 'differs', qr/Right for LIKE 'ab%'.*Refused for ~ '\^\[\[:alpha:\]\]'\. /, undef ] } ],
    [ 'an operator refused', { faults => $refuse->('nin') },
        { 'q $nin' => [ 'differs', qr/^Refused for text, number, boolean, date/, undef ] } ],
    [ 'another refused', { faults => $refuse->('[$]type') },
        { 'q $type' => [ 'differs', qr/^Refused for text/, undef ], 'q $not' => [ 'differs', qr/^Refused for text/, undef ] } ],
    [ 'an order refused', { faults => $refuse->('gte') },
        { 'q $gte' => [ 'differs', qr/^Refused for text, number, date, _id/, undef ],
          'q $and' => [ 'differs', qr/^Refused for text/, undef ] } ],
    [ 'unknown places dropped', { settings => { strict_query => \1 } },
        { 'unknown places' => [ 'differs', qr/dropped/, undef ] } ],
    [ 'Mongoose 6', { settings => { mongoose => 6 } }, { 'unknown places' => [ 'differs', qr/dropped/, undef ] } ],
    [ 'Mongoose 5', { settings => { mongoose => 5 } }, {} ],
    [ 'Mongoose 7', { settings => { mongoose => 7 } }, {} ],
    [ 'unknown places refused', { faults => $refuse->('walcu_fdw_check') },
        { 'unknown places' => [ 'differs', qr/refused.*400: no such thing/, undef ] } ],
    (map {
        my ($status, $what) = @$_;
        [ "ObjectIds, and $status", { settings => { ids => 'objectid', $what => $status } },
            { 'ids' => [ 'ok', qr/They are ObjectIds/, undef ],
              'ids document' => $what eq 'id_status' && $status != 404 ? [ 'differs', qr/$status/, undef ] : undef,
              'ids condition' => [ 'differs', $what eq 'filter_status' ? qr/$status/ : qr/400/, undef ],
              'ids pattern' => [ 'differs', qr/refused/, undef ] }, apply => 'ids', dearer => 1 ]
    } [ 404, 'id_status' ], [ 400, 'id_status' ], [ 422, 'id_status' ], [ 500, 'id_status' ], [ 422, 'filter_status' ], [ 500, 'filter_status' ]),
    [ 'ids that the option says otherwise', { options => { id_type => 'objectid' } },
        { ids => [ 'differs', qr/texts.*is objectid: queries miss rows/, "SET id_type 'auto'" ] }, apply => 1 ],
    [ 'ObjectIds that the option calls texts', { settings => { ids => 'objectid' }, options => { id_type => 'string' } },
        { ids => [ 'differs', qr/ObjectIds.*is string: queries miss rows, or conditions are refused/, "SET id_type 'auto'" ],
          'ids condition' => [ 'differs', qr/refused/, undef ], 'ids pattern' => [ 'differs', qr/refused/, undef ] }, apply => 'ids', dearer => 1 ],
    [ 'ids that a table says otherwise', { sql => [ "ALTER FOREIGN TABLE crm.notes OPTIONS (ADD id_type 'objectid')", 'ALTER FOREIGN TABLE crm.notes OPTIONS (DROP id_type)' ] },
        { 'ids crm.notes' => [ 'differs', qr/^The option id_type of the table is objectid, but \S+ holds texts: queries miss rows\.$/, "ALTER FOREIGN TABLE crm.notes OPTIONS (SET id_type 'auto')" ] } ],
    [ 'a column of texts that are said to be ids', { sql => [ "ALTER FOREIGN TABLE crm.cars ALTER COLUMN make OPTIONS (ADD id_type 'objectid')", 'ALTER FOREIGN TABLE crm.cars ALTER COLUMN make OPTIONS (DROP id_type)' ] },
        { 'ids crm.cars.make' => [ 'differs', qr/of the column is objectid, but make holds texts/, "ALTER FOREIGN TABLE crm.cars ALTER COLUMN make OPTIONS (SET id_type 'string')" ] } ],
    [ 'a column of ids that are said to be texts', { settings => { ids => 'objectid' }, options => { id_type => 'objectid' },
            sql => [ "ALTER FOREIGN TABLE crm.sms ALTER COLUMN _id OPTIONS (ADD id_type 'string')", 'ALTER FOREIGN TABLE crm.sms ALTER COLUMN _id OPTIONS (DROP id_type)' ] },
        { 'ids crm.sms._id' => [ 'differs', qr/of the column is string, but _id holds ObjectIds: the service refuses some/, "ALTER FOREIGN TABLE crm.sms ALTER COLUMN _id OPTIONS (SET id_type 'objectid')" ],
          ids => [ 'ok', qr/ObjectIds/, undef ], 'ids condition' => [ 'differs', qr/refused/, undef ], 'ids pattern' => [ 'differs', qr/refused/, undef ] } ],
    [ 'words on ids that are right', { sql => [ "ALTER FOREIGN TABLE crm.notes OPTIONS (ADD id_type 'string')", 'ALTER FOREIGN TABLE crm.notes OPTIONS (DROP id_type)' ] }, {} ],
    [ 'search refused', { settings => { search => 'refused' } }, { search => [ 'failed', qr/400/, undef ] } ],
    [ 'groups refused', { settings => { group_by => 'refused' } }, { group_by => [ 'failed', qr/400/, undef ] } ],
    [ 'flat groups', { settings => { group_shape => 'flat' } }, { group_by => [ 'differs', qr/beside the count/, undef ] } ],
    [ 'an object of groups', { settings => { group_shape => 'object' } }, { group_by => [ 'differs', qr/an object/, undef ] } ],
    [ 'a job that fails', { settings => { job_outcome => 'failed' } },
        { job => [ 'failed', qr/ended as "failed"/, "ADD fetch_mode 'parallel'" ], 'job results' => undef }, apply => 1 ],
    [ 'a job that vanishes', { settings => { job_outcome => 'vanished' } },
        { job => [ 'failed', qr/state cannot be had.*404/, "ADD fetch_mode 'parallel'" ], 'job results' => undef } ],
    [ 'a job that never ends', { settings => { job_outcome => 'processing' } },
        { job => [ 'failed', qr/not ended after 7 looks/, "ADD fetch_mode 'parallel'" ], 'job results' => undef } ],
    [ 'no jobs', { faults => $fault->({ kind => 'all' }, type => 'status', status => 403, error => 'no jobs for you') },
        { job => [ 'failed', qr/cannot be started.*403: no jobs for you/, "ADD fetch_mode 'parallel'" ], 'job results' => undef } ],
    [ 'a job elsewhere', { faults => $fault->({ kind => 'all' }, type => 'job_answer', fields => { job_url => 'https://evil.example/1' }) },
        { job => [ 'failed', qr/not on the host of the endpoint/, "ADD fetch_mode 'parallel'" ], 'job results' => undef } ],
    [ 'results nowhere', { faults => $fault->({ kind => 'job' }, type => 'job_answer', when => 'finished', fields => { results_url => undef }) },
        { job => [ 'failed', qr/does not tell the results_url/, "ADD fetch_mode 'parallel'" ], 'job results' => undef } ],
    [ 'results elsewhere', { options => { results_hosts => 'storage.example' } },
        { 'job results' => [ 'differs', qr/not one of the results_hosts/, "SET results_hosts 'storage.example, $results_host'" ] }, apply => 1 ],
    [ 'results that redirect', { settings => { results => 'redirect' } },
        { 'job results' => [ 'differs', qr/redirect to/, "ADD results_redirects 'https'" ] }, apply => 1 ],
    [ 'results that are refused', { faults => $fault->({ kind => 'results' }, type => 'status', status => 401, error => 'who?') },
        { 'job results' => [ 'failed', qr/401: who\?/, "ADD fetch_mode 'parallel'" ] } ],
    [ 'results that lack one', { faults => $fault->({ kind => 'results' }, type => 'miscount', drop => 1) },
        { 'job results' => [ 'failed', qr/are not the documents/, "ADD fetch_mode 'parallel'" ] } ],
    [ 'jobs that are not wanted', { options => { fetch_mode => 'pages' } },
        { job => [ 'ok', qr/no jobs are used/, undef ], 'job results' => undef } ],
    [ 'conditions that are not wanted', { options => { pushdown => 'false' } },
        { q => [ 'ok', qr/pushdown is off/, undef ] }, free => qr/^q / ],
    [ 'a resource that is refused', { faults => $fault->({ resource => 'tasks' }, type => 'status', status => 403, error => 'not yours') },
        { 'resource tasks' => [ 'failed', qr/403: not yours/, undef ], values => [ 'ok', qr/./, undef ] } ],
    [ 'a limit of requests', { faults => [ { match => { kind => 'list' }, times => 2,
                    fault => { type => 'status', status => 429, retry_after => 1, error => 'slowly' } } ] },
        { limits => [ 'differs', qr/429 to 2 of \d+ requests and asked to wait up to 1 s/, qr/ADD max_requests_per_second '\d+(?:\.\d)?'/ ] },
        resource => 'tasks' ],
    [ 'a limit that is told', { faults => $fault->({ kind => 'list', resource => 'sms' }, type => 'reply', status => 200, body => '[]',
                headers => { 'content-type' => 'application/json', 'RateLimit-Policy' => '3000;w=60' }) },
        { limits => [ 'differs', qr/tells of a limit: RateLimit-Policy: 3000;w=60/i, "ADD max_requests_per_second '50'" ] }, apply => 'limits',
        free => qr/^(?:values|has-more)$/ ],
    [ 'compression', { settings => { compress => ['gzip'] } }, { compression => [ 'ok', qr/are compressed/, undef ] } ],
    [ 'no description', { faults => $fault->({ kind => 'description' }, type => 'status', status => 404, error => 'gone') },
        { description => [ 'failed', qr/404: gone.*stands in for it/, undef ] } ],
    [ 'no description, and a column of one\'s own', { faults => $fault->({ kind => 'description' }, type => 'status', status => 404, error => 'gone'),
            sql => [ 'ALTER FOREIGN TABLE crm.cars ADD COLUMN nonsense text, ALTER COLUMN mileage TYPE text', 'ALTER FOREIGN TABLE crm.cars DROP COLUMN nonsense, ALTER COLUMN mileage TYPE numeric' ] },
        { description => [ 'failed', qr/404: gone.*stands in for it/, undef ],
          'table crm.cars' => [ 'unknown', qr/own description is not to be had\. By the installed one: "mileage" is numeric[^"]*$/, undef ],
          tables => [ 'ok', qr/19 of 20/, undef ] } ],
    [ 'a description in other words', { settings => { description => 'alternatives' } }, {} ],
    [ 'few requests', { options => { max_requests => 10 } },
        { requests => [ 'unknown', qr/^10 requests were sent, as many as may be/, undef ] }, free => qr/./ ],
    [ 'a column that no description ever had', { sql => [ 'ALTER FOREIGN TABLE crm.cars ADD COLUMN nonsense text', 'ALTER FOREIGN TABLE crm.cars DROP COLUMN nonsense' ] },
        {} ],
    [ 'a column that is new', { sql => [ 'ALTER FOREIGN TABLE crm.cars DROP COLUMN make', 'ALTER FOREIGN TABLE crm.cars ADD COLUMN make text COLLATE "C"' ] },
        { 'table crm.cars' => [ 'differs', qr/"make" is new/, 'ALTER FOREIGN TABLE crm.cars ADD COLUMN make text COLLATE "C"' ],
          tables => [ 'ok', qr/19 of 20/, undef ] } ],
    [ 'a column of another type', { sql => [ 'ALTER FOREIGN TABLE crm.cars ALTER COLUMN mileage TYPE text', 'ALTER FOREIGN TABLE crm.cars ALTER COLUMN mileage TYPE numeric' ] },
        { 'table crm.cars' => [ 'differs', qr/"mileage" is numeric, and the column is text/, 'ALTER FOREIGN TABLE crm.cars ALTER COLUMN mileage TYPE numeric' ],
          tables => [ 'ok', qr/19 of 20/, undef ] } ],
    [ 'values of other types', { options => { on_type_mismatch => undef } },
        { values => [ 'differs', qr/a query that reads them fails/, "ADD on_type_mismatch 'null'" ] }, apply => 1 ],
);

cmp_ok(scalar @planted, '>=', 40, 'enough is planted');
# CHECK_PLANTED='job' looks at those alone that are named so
my $wanted = $ENV{CHECK_PLANTED} // '.';
for my $planted (grep { $_->[0] =~ /$wanted/ } @planted)
{
    eval { plant(@$planted); 1 } or fail("$planted->[0]: $@") or restore();
    set_server_options($dbh, %plain);
}

# What one resource needs is found without the others
$sandbox->clear_log;
my %of_one = %{ rows('tasks') };
is(join(' ', sort grep { /^resource/ } keys %of_one), 'resource tasks', 'one resource alone');
cmp_ok($sandbox->request_count, '<=', 40, 'takes fewer requests');

# A document with a field that nobody knows
my ($car) = $sandbox->dump('cars');
$sandbox->post('/_sandbox/documents/cars', [ { %$car, novelty => 1 } ]);
my $fields = rows('cars')->{'fields cars'};
is_deeply([ @{$fields}[ 0, 2 ] ], [ 'differs', 'ALTER FOREIGN TABLE crm.cars ADD COLUMN novelty jsonb' ], 'a field that is new');
$dbh->do($fields->[2]);
is(rows('cars')->{fields}[0], 'ok', 'is shown by the column that was advised');
$dbh->do('ALTER FOREIGN TABLE crm.cars DROP COLUMN novelty');
$sandbox->post('/_sandbox/documents/cars', [$car]);

# Writes: one note, which is gone afterwards
my $writes_plain = rows(undef, 1);
is(join(', ', grep { /^write/ && $writes_plain->{$_}[0] ne 'ok' } sort keys %$writes_plain), 'write _id', 'a plain sandbox changes notes as it should');
for (
    [ 'the _id is kept', {}, 'write _id' => 'differs', "ADD client_ids 'true'" ],
    [ 'the _id is not kept', { client_ids => 'replaced' }, 'write _id' => 'ok', undef ],
    [ 'unknown fields are kept', { unknown_fields => 'kept' }, 'write unknown field' => 'ok', undef ],
    [ 'patches to the letter', { patch => 'rfc6902' }, 'write remove nothing' => 'differs', "ADD update_method 'put'" ],
  )
{
    my ($name, $settings, $row, $result, $advice) = @$_;
    my $notes = scalar $sandbox->dump('notes');
    $sandbox->put('/_sandbox/settings', $settings);
    my $got = rows('notes', 1)->{$row};
    is($got->[0], $result, "$name: $row");
    is($got->[2], $advice && "ALTER SERVER crm OPTIONS ($advice)", "$name: the advice");
    is(scalar $sandbox->dump('notes'), $notes, "$name: the note is gone");
    restore();
}
is($writes_plain->{'write unknown field'}[1], 'A field that the description lacks is dropped without a word.', 'unknown fields');
$sandbox->fault({ match => { method => 'DELETE' }, fault => { type => 'status', status => 403, error => 'keep it' } });
my $left = rows('notes', 1)->{'write delete'};
like($left->[1], qr/^The note [0-9a-f]{24} is still there\. .*403: keep it/, 'a note that cannot be deleted is named');
restore();
$dbh->selectrow_array($left->[2]);
is_deeply([ grep { $_->{content} && $_->{content} =~ /walcu_fdw_check|replaced/ } $sandbox->dump('notes') ], [], 'and the advice deletes it');

done_testing();

# One planted difference: exactly these rows are others, and the advice mends it.
sub plant
{
    my ($name, $what, $differ, %more) = @_;
    my $usual = $more{resource} ? rows($more{resource}) : $plain;
    $sandbox->put('/_sandbox/settings', $what->{settings}) if $what->{settings};
    $sandbox->fault($_) for @{ $what->{faults} // [] };
    my %options = (%plain, %{ $what->{options} // {} });
    delete @options{ grep { !defined $options{$_} } keys %options };
    set_server_options($dbh, %options) if $what->{options};
    $dbh->do($what->{sql}[0]) if $what->{sql};

    $sandbox->clear_log;
    my $rows = rows($more{resource});
    cmp_ok($sandbox->request_count, '<=', 60, "$name: at most 60 requests");
    for my $row (sort keys %$differ)
    {
        my $expected = $differ->{$row};
        is($rows->{$row}, undef, "$name: no row $row") if !$expected && $row eq 'job results';
        next unless $expected;
        my ($result, $detail, $advice) = @$expected;
        my $got = $rows->{$row} // [ 'there is no such row', '', undef ];
        is($got->[0], $result, "$name: $row");
        like($got->[1], $detail, "$name: what is said of $row");
        $advice = "ALTER SERVER crm OPTIONS ($advice)" if defined $advice && !ref $advice && $advice !~ /^ALTER/;
        ref $advice ? like($got->[2], $advice, "$name: the advice on $row") : is($got->[2], $advice, "$name: the advice on $row");
    }
    my $may = $more{free} // qr/^$/;
    my @changed = grep { !exists $differ->{$_} && !/$free/ && !/$may/ && show($_, $rows->{$_}) ne show($_, $usual->{$_}) }
      sort keys %{ { %$rows, %$usual } };
    is(join("\n", map { show($_, $rows->{$_}) } @changed), '', "$name: all else is as it was");

    if ($more{apply})
    {
        apply();
        my $after = rows();
        for my $row ($more{apply} eq 1 ? grep { $differ->{$_} } sort keys %$differ : $more{apply})
        {
            is($after->{$row}[0], 'ok', "$name: $row is well once the advice was followed");
            is($after->{$row}[2], undef, "$name: and nothing is advised any more");
        }
        my $now = reads();
        is_deeply($now->{rows}, $read->{rows}, "$name: reads are right");
        cmp_ok($now->{requests}, '<=', $read->{requests}, "$name: and cost no more than ever") || diag(explain([ map { $_->{raw_path} } $sandbox->log ])) unless $more{dearer};
        set_server_options($dbh, %plain);
    }
    set_server_options($dbh, %plain) if $what->{options};
    $dbh->do($what->{sql}[1]) if $what->{sql};
    restore();
    return;
}

sub restore
{
    $sandbox->clear_faults;
    $sandbox->put('/_sandbox/settings', {
        page_cap => 50, sort_format => 'mongoose', project_format => 'mongoose', strict_query => 'default', mongoose => 8, ids => 'string', text_setters => 'none', collation => 'none',
        filter_status => 400, id_status => 404, compress => [], rate_limit => undef, job_outcome => 'finished', job_polls => 0, results => 'direct',
        group_shape => 'nested', group_by => 'accepted', search => 'accepted', sort => 'honoured', project => 'honoured',
        unknown_fields => 'dropped', client_ids => 'kept', description => 'plain', has_more => 'sent', patch => 'vendor', regex => 'pcre' });
    return;
}

# The rows of a check, by name: [result, detail, advice].
sub rows
{
    my ($resource, $writes) = @_;
    my %rows;
    for my $row (@{ $dbh->selectall_arrayref('SELECT * FROM walcu_fdw_check(?, ?, ?)', undef, 'crm', $resource, $writes // 0) })
    {
        my ($name, @values) = @$row;
        $values[1] =~ s/\d+ places were tried\..*/n places were tried./ if $values[0] eq 'ok';
        $values[1] =~ s/after \d+ looks?, in [\d.]+ s/after n looks/ if $values[0] eq 'ok';
        ok(0, "two rows are called $name") if $rows{$name};
        $rows{$name} = \@values;
    }
    return \%rows;
}

sub show
{
    my ($name, $row) = @_;
    return $row ? join(' | ', $name, map { $_ // 'NULL' } @$row) : "$name is not there";
}

sub apply
{
    return @{ $dbh->selectall_arrayref(q{SELECT * FROM walcu_fdw_check_apply('crm')}) };
}

sub options
{
    my ($options) = $dbh->selectrow_array("SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'crm'");
    my %options = map { split /=/, $_, 2 } @$options;
    delete @options{qw(endpoint dealer_id max_retries)};
    return \%options;
}

# A few reads that rely on conditions, orders, fields, ids and pages.
sub reads
{
    my @queries = (
        'SELECT _id, make FROM crm.cars WHERE make IS NOT NULL ORDER BY make, _id LIMIT 5',
        'SELECT count(*), sum(mileage) FROM crm.cars WHERE mileage > 50000',
        "SELECT _id, client_id FROM crm.notes WHERE client_id = (SELECT min(client_id) FROM crm.notes) ORDER BY _id",
        "SELECT _id FROM crm.clients WHERE _id IN ('nope', (SELECT max(_id) FROM crm.clients))",
        'SELECT count(*), max(_id) FROM crm.tasks',
    );
    $sandbox->clear_log;
    my @rows = map { $dbh->selectall_arrayref($_) } @queries;
    return { rows => \@rows, requests => $sandbox->request_count };
}
