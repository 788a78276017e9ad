# What goes wrong while documents are written: whatever it is, what the client is told is what the CRM
# holds afterwards, and nothing was written twice.  Prints what became of each case.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 10, ids => 'string');
my $node = start_node();
setup_crm($node, $sandbox, limit_to => ['tasks'], server => { request_timeout => '60s', id_type => 'string' });
$node->safe_psql('postgres', q{
    CREATE SCHEMA ids;
    CREATE FOREIGN TABLE ids.tasks (_id text COLLATE "C", description text COLLATE "C") SERVER crm OPTIONS (client_ids 'true');
});
my $dbh = connect_db($node);
my $rows = 8;

# name, method, statement; each gives one row "done" in its description, or takes it away
my @statements = (
    [ 'INSERT', 'POST', "INSERT INTO crm.tasks (description) SELECT 'done ' || n FROM generate_series(1, $rows) n" ],
    [ 'INSERT RETURNING', 'POST', "INSERT INTO crm.tasks (description) SELECT 'done ' || n FROM generate_series(1, $rows) n RETURNING _id" ],
    [ 'INSERT client_ids', 'POST', "INSERT INTO ids.tasks (description) SELECT 'done ' || n FROM generate_series(1, $rows) n" ],
    [ 'COPY', 'POST', "COPY crm.tasks (description) FROM PROGRAM 'for i in 1 2 3 4 5 6 7 8; do echo done \$i; done'" ],
    [ 'UPDATE', 'PATCH', "UPDATE crm.tasks SET description = replace(description, 'open', 'done') WHERE description LIKE 'open%'" ],
    [ 'UPDATE RETURNING', 'PATCH', "UPDATE crm.tasks SET description = replace(description, 'open', 'done') WHERE description LIKE 'open%' RETURNING _id" ],
    [ 'UPDATE direct', 'PATCH', "UPDATE crm.tasks SET description = 'done' WHERE _id IN (" . join(',', map { "'t$_'" } 1 .. $rows) . ')' ],
    [ 'DELETE', 'DELETE', "DELETE FROM crm.tasks WHERE description LIKE 'open%'" ],
    [ 'DELETE direct', 'DELETE', 'DELETE FROM crm.tasks WHERE _id IN (' . join(',', map { "'t$_'" } 1 .. $rows) . ')' ],
);
# What each fault is in SQL, where it is an error
my %sqlstates = (
    'closed before it is handled' => '08007', 'closed within the reply' => '08007', 'never answered' => '08007',
    'handled, answered too late' => '08007', 'cancelled' => '57014', 'status 400' => '22023', 'status 401' => '28000',
    'status 403' => '42501', 'status 404' => 'HV00R', 'status 409' => '23505', 'status 422' => '23514', 'status 500' => '08006',
    'status 502' => '08006', 'status 503' => '08006', 'status 429' => '53400', 'cut reply' => '08P01', 'HTML' => '08P01',
    'redirect' => '08P01',
    # the write after it may take the connection that is being closed, and is in doubt
    'closed after the reply' => '08007',
);
# The timeout is short only where it is to pass: a busy machine may need longer for any other reply.
my $soon = q{ALTER SERVER crm OPTIONS (SET request_timeout '400ms')};
my @faults = (
    [ 'none' ],
    [ 'closed before it is handled', { type => 'close', when => 'before' } ],
    [ 'closed within the reply', { type => 'close', when => 'during' } ],
    [ 'closed after the reply', { type => 'close', when => 'after' } ],
    [ 'never answered', { type => 'hang' }, $soon ],
    [ 'handled, answered too late', { type => 'latency', ms => 700 }, $soon ],
    [ 'cancelled', { type => 'latency', ms => 300 }, 'SET statement_timeout = 150' ],
    (map { [ "status $_", { type => 'status', status => $_ } ] } 400, 401, 403, 404, 409, 422, 500, 502, 503),
    [ 'status 429', { type => 'status', status => 429, retry_after => 1 } ],
    [ 'cut reply', { type => 'truncate' } ],
    [ 'reply that is no JSON', { type => 'invalid_json' } ],
    [ 'HTML', { type => 'content_type', value => 'text/html' } ],
    [ 'redirect', { type => 'redirect', location => '/elsewhere' } ],
);

for my $statement (@statements)
{
    my ($name, $method, $sql) = @$statement;
    for my $row (@faults)
    {
        my ($fault_name, $fault, $setting) = @$row;
        prepare($method);
        $sandbox->fault({ match => { method => $method }, skip => 2, times => 1, fault => $fault }) if $fault;
        $dbh->do($setting) if $setting;
        my $count = eval { $dbh->do($sql) };
        my $error = defined $count ? undef
          : { sqlstate => $dbh->state, message => $dbh->pg_error_field('primary'), detail => $dbh->pg_error_field('detail') // '', hint => $dbh->pg_error_field('hint') // '' };
        $dbh->do('RESET statement_timeout');
        $dbh->do(q{ALTER SERVER crm OPTIONS (SET request_timeout '60s')}) if ($setting // '') eq $soon;
        # it is handled even so
        select undef, undef, undef, 1 if $fault && $fault->{type} eq 'latency';
        check("$name, $fault_name", $method, $count, $error, $fault);
        $sandbox->clear_faults;
    }
}

# Nothing was sent: nothing is in doubt
$dbh->do("ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:1')");
my $error = sql_error($dbh, "INSERT INTO crm.tasks (description) VALUES ('x')");
is($error->{sqlstate}, '08001', 'nobody listens');
like($error->{detail}, qr/No row was written\.$/, 'no row was written');
unlike($error->{detail}, qr/not known/, 'and that is known');

done_testing();

sub prepare
{
    my ($method) = @_;
    $sandbox->delete('/_sandbox/documents/tasks');
    $sandbox->post('/_sandbox/documents/tasks', [ map { { _id => "t$_", description => "open $_" } } 1 .. $rows ])
      if $method ne 'POST';
    $sandbox->clear_log;
    return;
}

# What was done, by what the CRM holds: the ids.
sub done_ids
{
    my ($method) = @_;
    my %there = map { $_->{_id} => $_->{description} } $sandbox->dump('tasks');
    return grep { !exists $there{$_} } map { "t$_" } 1 .. $rows if $method eq 'DELETE';
    return grep { $there{$_} =~ /^done/ } sort keys %there;
}

sub check
{
    my ($name, $method, $count, $error, $fault) = @_;
    my @done = done_ids($method);
    my ($written) = ($error ? $error->{detail} : '') =~ /written and not rolled back: (.*?)\.(?: |$)/;
    my ($unknown) = ($error ? $error->{detail} : '') =~ /carried out: (.*)\.$/;
    my @written = map { s{^tasks/}{}r } split /, /, $written // '';
    my @unknown = split /, /, $unknown // '';
    my $unnamed = grep { $_ eq 'one of "tasks" whose _id is not known' } @written;
    my %done = map { $_ => 1 } @done;
    my %told = map { $_ => 1 } @written;

    printf "# %-42s %s: %d done, %s\n", $name, $error ? $error->{sqlstate} : 'ok   ', scalar @done,
      $error ? sprintf('%d told, %d unknown', scalar @written, scalar @unknown) : "$count counted";
    if ($error)
    {
        my ($fault_name) = $name =~ /^[^,]*, (.*)$/;
        is($error->{sqlstate}, $sqlstates{$fault_name}, "$name: SQLSTATE");
        unlike($error->{hint}, qr/not known.*was carried out/s, "$name: a hint of one mind");
        is_deeply([ grep { !$done{$_} && $_ ne 'one of "tasks" whose _id is not known' } @written ], [], "$name: what is told was done");
        my @untold = grep { !$told{$_} } @done;
        if ($method eq 'POST')
        {
            cmp_ok(scalar @untold, '<=', $unnamed + @unknown, "$name: what was done is told, or in doubt");
            cmp_ok(scalar @untold, '>=', $unnamed, "$name: and no more is told");
        }
        else
        {
            my %doubt = map { m{/tasks/(.*)$} ? ($1 => 1) : () } @unknown;
            is_deeply([ grep { !$doubt{$_} } @untold ], [], "$name: what was done is told, or in doubt");
        }
    }
    else
    {
        # DBD::Pg does not count what COPY does
        is(scalar @done, $name =~ /^COPY/ ? $rows : $count, "$name: what is counted was done");
    }
    # a write whose reply did not come is not sent again, unless the CRM can tell them apart
    my %sent;
    $sent{ $_->{method} eq 'POST' ? $_->{body}{description} : $_->{path} }++
      for grep { $_->{method} eq $method && !refused($_) } $sandbox->log;
    my @twice = grep { $sent{$_} > 1 } sort keys %sent;
    is_deeply(\@twice, [], "$name: nothing was sent twice") unless $name =~ /client_ids/;
    my %made;
    $made{ $_->{description} // '' }++ for $sandbox->dump('tasks');
    is_deeply([ grep { $made{$_} > 1 && $_ ne 'done' } sort keys %made ], [], "$name: nothing was made twice");
    return;
}

# The service has said that it did not even begin.
sub refused
{
    my ($entry) = @_;
    return ($entry->{status} // 0) == 429 || ($entry->{status} // 0) == 503;
}
