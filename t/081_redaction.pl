# A service that repeats a credential, whatever it has made of it and wherever it says it, finds it in no message,
# no CONTEXT, no EXPLAIN and no log.

use strict;
use warnings;

use JSON::PP qw(encode_json);
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use WalcuTest;

# As a service could write a text
my %forms = (
    'as it is'                => sub { $_[0] },
    'JSON with \\/'           => sub { json(quoted($_[0]) =~ s{/}{\\/}gr) },
    'JSON in JSON'            => sub { json(quoted(quoted($_[0]) =~ s{/}{\\/}gr)) },
    'JSON with \\u'           => sub { json(join '', map { sprintf '\\u%04x', ord } split //, $_[0]) },
    'JSON with some \\U'      => sub { json(quoted($_[0]) =~ s{([^\w\\"])}{sprintf '\\u%04X', ord $1}ger) },
    'JSON with \\u in JSON'   => sub { json(join '', map { sprintf '\\\\u%04x', ord } split //, $_[0]) },
    'percent-encoded'         => sub { $_[0] =~ s/(\W)/sprintf '%%%02X', ord $1/ger },
    'percent-encoded, all'    => sub { $_[0] =~ s/(.)/sprintf '%%%02x', ord $1/ger },
    'percent-encoded twice'   => sub { $_[0] =~ s/(\W)/sprintf '%%25%02x', ord $1/ger },
    'form-encoded'            => sub { $_[0] =~ s/([^\w ])/sprintf '%%%02X', ord $1/ger =~ tr/ /+/r },
    'HTML'                    => sub { $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/"/&quot;/gr =~ s/'/&#39;/gr },
    'HTML, numeric'           => sub { $_[0] =~ s/(\W)/sprintf '&#x%x;', ord $1/ger },
    'Base64'                  => sub { encode_base64($_[0], '') },
    'Base64 of more'          => sub { encode_base64("{\"key\": \"$_[0]\", \"n\": 1}", '') },
    'Base64 of a word more'   => sub { encode_base64(":$_[0] is it", '') },
    'Base64 for URLs'         => sub { encode_base64("<$_[0]>", '') =~ tr{+/}{-_}r =~ s/=+$//r },
);

# Kinds of credentials: what the sandbox wants, the options, what is secret of it
my @kinds = (
    [ 'a token', 'bearer:tok-3n/muy+s3cr3t0=', "SET token 'tok-3n/muy+s3cr3t0='", 'tok-3n/muy+s3cr3t0=' ],
    [ 'a token with spaces', 'bearer:alfa br4vo/charl1e "delta" & <echo>', q{SET token 'alfa br4vo/charl1e "delta" & <echo>'}, 'alfa br4vo/charl1e "delta" & <echo>' ],
    [ 'its whole header', 'bearer:Zulu/Y4nkee?Xray', q{SET token 'Zulu/Y4nkee?Xray'}, 'Bearer Zulu/Y4nkee?Xray' ],
    [ 'a password', q{basic:ana:cl4ve/de "paso" \\larga}, q{DROP token, ADD username 'ana', ADD password 'cl4ve/de "paso" \\larga'}, q{cl4ve/de "paso" \\larga} ],
    [ 'what Basic encodes', q{basic:ana:s3samo/abrete}, q{SET password 's3samo/abrete'}, 'ana:s3samo/abrete' ],
    [ 'a header', 'header:X-Api-Key:k3y/v4lu3 =x', q{DROP username, DROP password, ADD header_name 'X-Api-Key', ADD header_value 'k3y/v4lu3 =x'}, 'k3y/v4lu3 =x' ],
    [ 'another scheme', 'header:Authorization:ApiKey 8f14/e45f&ceea', q{SET header_name 'Authorization', SET header_value 'ApiKey 8f14/e45f&ceea'}, '8f14/e45f&ceea' ],
    [ 'a cookie', 'header:Cookie:theme=dark; session=91bc/77aa+02', q{SET header_name 'Cookie', SET header_value 'theme=dark; session=91bc/77aa+02'}, '91bc/77aa+02' ],
);

# Places: the statement, the fault, made of the text as JSON has it, or NULL if the text has to be no JSON
my @places = (
    [ 'the error of a status', 'SELECT _id FROM crm.tasks', 'list', sub { { type => 'status', status => 403, body => "{\"error\": \"no <$_[0]>\"}" } } ],
    [ 'the whole body', 'SELECT _id FROM crm.tasks', 'list', sub { { type => 'status', status => 400, body => "[\"$_[0]\"]" } } ],
    [ 'a body that is no JSON', 'SELECT _id FROM crm.tasks', 'list', sub { { type => 'status', status => 401, body => "<p>$_[1]</p>" } } ],
    [ 'a value of another type', 'SELECT created_at FROM crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"a\", \"created_at\": \"$_[0]\"}]" } } ],
    [ 'a long value of another type', 'SELECT created_at FROM crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"a\", \"created_at\": \"" . '.' x 70 . "$_[0]\"}]" } } ],
    [ 'an _id', 'SELECT created_at FROM crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"$_[0]\", \"created_at\": \"x\"}]" } } ],
    [ 'a value that cannot be stored', 'SELECT _document FROM crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"a\", \"x\": \"$_[0]\\u0000\"}]" } } ],
    [ 'a document that is broken', 'SELECT _document FROM crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"a\", \"x\": \"$_[0]\" \"y\"}]" } } ],
    [ 'a reply to a call', q{SELECT walcu_fdw_request('crm', 'GET', '/tasks')}, 'list', sub { { type => 'reply', body => "{\"x\": \"$_[0]\\u0000\"}" } } ],
    [ 'a broken reply to a call', q{SELECT walcu_fdw_request('crm', 'GET', '/tasks')}, 'list', sub { { type => 'reply', body => "{\"x\": \"$_[0]\" $_[1]" } } ],
    [ 'the error of a write', q{INSERT INTO crm.tasks (description) VALUES ('x')}, 'create', sub { { type => 'status', status => 422, body => "{\"error\": \"$_[0]\"}" } } ],
    [ 'the reply to a write', q{INSERT INTO crm.tasks (description) VALUES ('x') RETURNING created_at}, 'create', sub { { type => 'reply', body => "{\"_id\": \"a\", \"created_at\": \"$_[0]\"}" } } ],
    [ 'the _id of what was written', q{INSERT INTO crm.tasks (description) VALUES ('x') RETURNING created_at}, 'create', sub { { type => 'reply', body => "{\"_id\": \"$_[0]\", \"created_at\": \"x\"}" } } ],
    [ 'the state of a job', 'SELECT _id FROM jobs', 'all', sub { { type => 'reply', body => "{\"status\": \"$_[0]\"}" } } ],
    [ 'the place of a job', 'SELECT _id FROM jobs', 'all', sub { { type => 'reply', body => "{\"status\": \"queued\", \"job_url\": \"http://127.0.0.1:1/$_[0]\"}" } } ],
    [ 'the sample of ANALYZE', 'ANALYZE crm.tasks', 'list', sub { { type => 'reply', body => "[{\"_id\": \"a\", \"created_at\": \"$_[0]\"}]" } } ],
);

my $sandbox = WalcuTest::Sandbox->start(scale => 2);
my $node = start_node('main', log_min_messages => 'debug5', log_statement => "'none'", log_min_error_statement => 'panic');
setup_crm($node, $sandbox, limit_to => ['tasks'], mapping => { token => 'x' }, import => { import_document => 'true' },
    server => { max_retries => 0 });
my $dbh = connect_db($node);
$dbh->do(q{CREATE FOREIGN TABLE jobs (_id text COLLATE "C") SERVER crm OPTIONS (resource 'tasks', fetch_mode 'job')});
my %log_needles;

for my $kind (@kinds)
{
    my ($name, $auth, $options, $secret) = @$kind;
    $sandbox->settings(auth => $auth);
    $dbh->do("ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS ($options)");
    my @leaks;
    for my $form (sort keys %forms)
    {
        my $made = $forms{$form}->($secret);
        # in JSON a text is quoted, unless the form is one of JSON
        my ($inside, $plain) = ref $made ? ($$made, $$made) : (quoted($made), $made);
        for my $place ($name =~ /spaces|password/ ? @places : @places[ 0, 4, 8, 11 ])
        {
            my ($where, $sql, $call, $fault) = @$place;
            $sandbox->fault({ match => { kind => $call }, fault => $fault->($inside, $plain) });
            my $error = sql_error($dbh, $sql);
            my @said = $error ? grep { defined } values %$error : ();
            # what a fallback says, and no error
            push @said, @{ $dbh->selectcol_arrayref("EXPLAIN (ANALYZE, VERBOSE) $sql") } if $call eq 'all' && !$error;
            $sandbox->clear_faults;
            # of Base64, the ends may be of what stands around the secret
            my @secrets = $form =~ /^Base64/ ? ($secret, substr $plain, 8, -8) : ($secret, $inside, $plain);
            push @leaks, map { "$form in $where: $_" } grep { shows($_, @secrets) } @said;
        }
    }
    is_deeply(\@leaks, [], "$name is in no message, however it is written");
    $log_needles{$secret} = [ map { my $made = $forms{$_}->($secret); ref $made ? $$made : ($made, quoted($made)) } keys %forms ];
}
my $log = slurp_file($node->logfile);
for my $secret (sort keys %log_needles)
{
    is_deeply([ grep { index($log, $_) >= 0 } @{ $log_needles{$secret} } ], [], "nor is \"$secret\" in the log");
}

done_testing();

# Are ten characters of it to be seen?
sub shows
{
    my ($text, @secrets) = @_;
    for my $secret (@secrets)
    {
        for my $begin (0 .. length($secret) - 10)
        {
            return 1 if index($text, substr $secret, $begin, 10) >= 0;
        }
    }
    return 0;
}

# What stands between the quotes of JSON
sub quoted
{
    my ($text) = @_;
    return substr JSON::PP->new->allow_nonref->encode($text), 1, -1;
}

sub json { my ($text) = @_; return \$text }
