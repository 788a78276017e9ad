# A service that ignores `project`, or understands it otherwise and sends documents with nothing but an _id:
# the rows are those of whole documents, and that is known for the session after one page more.

use strict;
use warnings;

use Test::More;
use WalcuTest;

my $sandbox = WalcuTest::Sandbox->start(scale => 20, count => { cars => 180, clients => 60, tasks => 70 });
my $node = start_node();
my $results = $sandbox->results_endpoint =~ s{^http://}{}r;
setup_crm($node, $sandbox, server => { on_type_mismatch => 'null', results_hosts => $results });
my $local = connect_db($node);
$local->do('SET walcu_fdw.enable_pushdown = off');

my @queries = (
    'SELECT make, model FROM crm.cars ORDER BY _id LIMIT 5',
    'SELECT count(make), count(DISTINCT model) FROM crm.cars',
    q{SELECT make, mileage FROM crm.cars WHERE make = 'SEAT' ORDER BY mileage, _id},
    q{SELECT computed->>'age', make FROM crm.cars WHERE year > 2015 ORDER BY _id},
    'SELECT max(created_at) FROM crm.clients',
    'SELECT t.description, c.created_at FROM crm.tasks t JOIN crm.clients c ON c._id = t.client_id ORDER BY t._id',
    'SELECT custom FROM crm.tasks ORDER BY _id',
    q{SELECT make FROM crm.cars WHERE _id = (SELECT min(_id) FROM crm.cars)},
    'SELECT count(*) FROM crm.cars WHERE make IS NULL',
);
my %wanted = map { $_ => $local->selectall_arrayref($_) } @queries;

for my $kind (
    [ 'understands', { }, 0 ],
    [ 'ignores', { project => 'ignored' }, 0 ],
    [ 'misreads', { project_format => 'comma', sort_format => 'mongoose', other_formats => 'misread' }, 1 ],
  )
{
    my ($name, $settings, $warnings) = @$kind;
    $sandbox->put('/_sandbox/settings', { project => 'honoured', project_format => 'mongoose', other_formats => 'refused', %$settings });
    for my $mode (qw(auto pages parallel job))
    {
        $local->do("ALTER SERVER crm OPTIONS (ADD fetch_mode '$mode')");
        for my $query (@queries)
        {
            my $session = connect_db($node);
            my @warned;
            local $SIG{__WARN__} = sub { push @warned, $_[0] };
            is_deeply($session->selectall_arrayref($query), $wanted{$query}, "it $name project, $mode: $query") for 1 .. 2;
            cmp_ok(scalar(grep { /does not send the fields/ } @warned), '<=', $warnings, 'warnings');
        }
        $local->do('ALTER SERVER crm OPTIONS (DROP fetch_mode)');
    }
}

# What it costs
my $session = connect_db($node);
my @warned;
local $SIG{__WARN__} = sub { push @warned, $_[0] };
my @requests = requests('SELECT make FROM crm.cars ORDER BY _id LIMIT 5');
my @pages = grep { $_->{query}{limit} == 5 } @requests;    # the others ask whether the service sorts
is_deeply([ map { $_->{query}{project} } @pages ], [ 'make _id', undef ], 'a page that has nothing is asked for again, whole');
like($warned[0], qr/server "crm" does not send the fields.*project_format.*'none'/s, 'a warning says which option mends it');
@requests = requests('SELECT make, year FROM crm.cars ORDER BY _id LIMIT 5');
is_deeply([ map { $_->{query}{project} } @requests ], [undef], 'from then on whole documents are asked for');
is(scalar @warned, 1, 'and there is no other warning');
$session->do("ALTER SERVER crm OPTIONS (ADD project_format 'comma')");
@requests = requests('SELECT make FROM crm.cars ORDER BY _id LIMIT 5');
is($requests[0]{query}{project}, 'make,_id', 'the right format is used once it is set');
is(scalar(grep { !defined $_->{query}{project} } @requests), 0, 'and nothing is asked for again');
$session->do("ALTER SERVER crm OPTIONS (SET project_format 'none')");
@requests = requests('SELECT make FROM crm.cars ORDER BY _id LIMIT 5');
is_deeply([ map { $_->{query}{project} } @requests ], [ undef, undef ], "with 'none' it is never sent");

# Fields that are missing in all documents
$sandbox->put('/_sandbox/settings', { project_format => 'mongoose', other_formats => 'refused' });
$session->do('ALTER SERVER crm OPTIONS (DROP project_format)');
$sandbox->delete('/_sandbox/documents/notes');
$sandbox->post('/_sandbox/documents/notes', [ map { { _id => "64$_", dealer_id => $sandbox->dealer_id } } 10 .. 39 ]);
@warned = ();
@requests = requests('SELECT updated_at FROM crm.notes');
is(scalar @requests, 2, 'documents without the fields are asked for once more');
@requests = requests('SELECT updated_at FROM crm.notes');
is_deeply([ map { $_->{query}{project} } @requests ], [undef], 'but not the next time');
is(scalar @warned, 0, 'without a warning');

done_testing();

sub requests
{
    my ($sql) = @_;
    $sandbox->clear_log;
    $session->selectall_arrayref($sql);
    return $sandbox->log(kind => 'list');
}
