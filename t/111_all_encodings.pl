# Databases in other encodings than UTF-8: what an encoding has is read, compared, written and sent right; what it lacks
# matters only where it is asked for, and says where it is.  Answers are the same with pushdown on and off.
#
# ENCODINGS=all runs through every encoding that a database can have.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Test::More;
use WalcuTest;

my @encodings = ($ENV{ENCODINGS} // '') eq 'all'
  ? (qw(SQL_ASCII MULE_INTERNAL UTF8 EUC_CN EUC_JP EUC_JIS_2004 EUC_KR EUC_TW KOI8R KOI8U WIN866 WIN874), map({ "LATIN$_" } 1 .. 10),
      map({ "WIN125$_" } 0 .. 8), map({ "ISO_8859_$_" } 5 .. 8))
  : qw(SQL_ASCII MULE_INTERNAL LATIN1 WIN1252 EUC_JP EUC_JIS_2004);

# Characters of which every encoding has some; the wave dash and the full-width tilde are one in some of them, and a
# kana with its mark is one character or two.
my @characters = ('é', 'ñ', 'ÿ', '€', 'œ', 'ß', 'ő', 'я', 'б', 'ё', 'α', 'ก', 'あ', '中', '한', '〜', '～', '¦', '￤', "か\x{309a}", "か", "\x{a0}");

my $json = JSON::PP->new->utf8->canonical;
my $sandbox = WalcuTest::Sandbox->start(scale => 1, ids => 'string');
my $node = start_node();
my $utf8 = connect_db($node);

# 19 has the encoding of Emacs no more
test_encoding($_) for grep { $_ ne 'MULE_INTERNAL' || $utf8->{pg_server_version} < 190000 } @encodings;
done_testing();

sub test_encoding
{
    my ($encoding) = @_;
    my $dbname = lc $encoding;
    $utf8->do("CREATE DATABASE $dbname ENCODING '$encoding' TEMPLATE template0");
    setup_crm($node, $sandbox, dbname => $dbname, server => { fetch_size => 2 }, limit_to => ['notes']);
    my $dbh = connect_db($node, dbname => $dbname);
    $dbh->{pg_enable_utf8} = 0;
    $dbh->{pg_expand_array} = 0;
    $dbh->do($encoding =~ /^(?:SQL_ASCII|MULE_INTERNAL)$/ ? 'SET client_encoding = SQL_ASCII' : 'SET client_encoding = UTF8');
    $dbh->do('CREATE FOREIGN TABLE crm.lenient (_id text COLLATE "C", content text COLLATE "C", custom jsonb, raw json OPTIONS (path \'content\'))
        SERVER crm OPTIONS (resource \'notes\', on_type_mismatch \'null\')');

    my $smiles = lacks($encoding, '😀');
    my @known = grep { !lacks($encoding, $_) } @characters;
    my @documents = map { { _id => "id$_", content => $known[$_] . 'x' x ($_ % 3), custom => { k => $known[$_], $known[$_] => 1 } } } 0 .. $#known;
    push @documents, { _id => 'ascii', content => 'a_b', custom => { k => 'z' } }, { _id => 'Zascii', content => 'Z' };
    push @documents, { _id => "ÿ😀$_", content => "😀$_", custom => { '😀' => ['é'] } } for 1 .. 3;
    $sandbox->delete('/_sandbox/documents/notes');
    $sandbox->post('/_sandbox/documents/notes', \@documents);

    # Reading
    is($dbh->selectrow_array('SELECT count(created_at IS NULL) FROM crm.notes'), @documents, "$encoding: what is not asked for is not converted");
    my %read = map { decode_utf8($_->[0]) => defined $_->[1] ? decode_utf8($_->[1]) : undef }
      @{ $dbh->selectall_arrayref("SELECT coalesce(_id, '(null)'), content FROM crm.lenient") };
    my %expected = map { ((lacks($encoding, $_->{_id}) ? '(null)' : $_->{_id}) => (lacks($encoding, $_->{content}) ? undef : as_read($encoding, $_->{content}))) } @documents;
    is_deeply(\%read, \%expected, "$encoding: texts") or diag explain [ \%read, \%expected ];
    is(scalar(my @ids = @{ $dbh->selectall_arrayref('SELECT raw FROM crm.lenient WHERE raw::text LIKE \'%\\ud83d\\ude00%\' ESCAPE \'!\'') }),
        $smiles ? 3 : 0, "$encoding: json has what the encoding lacks as escapes");
    my $error = sql_error($dbh, 'SELECT content FROM crm.notes');
    is($error ? $error->{sqlstate} : '', $smiles ? '22P05' : '', "$encoding: what it lacks is an error");
    like($error->{message}, qr/^value of "content" in document "\S*\\ud83d\\ude00\d" of resource "notes" cannot be stored in this database$/, "$encoding: it says where") if $smiles;
    like($error->{detail}, qr/^It has a character that the encoding $encoding does not have: "\\ud83d\\ude00\d"$/, "$encoding: and what") if $smiles;

    # Escapes in what the service sends
    my $escapes = join '', map { sprintf '\\u%04x', $_ } unpack 'n*', Encode::encode('UTF-16BE', $known[0] // 'e');
    reply(qq([{"_id":"\\u0061","content":"$escapes\\n\\u0022\\\\u0041","custom":{"$escapes":["$escapes"]}}]));
    my ($content, $custom) = $dbh->selectrow_array('SELECT content, custom FROM crm.lenient');
    is(decode_utf8($content), ($known[0] // 'e') . "\n\"\\u0041", "$encoding: escapes in a text");
    is_deeply($json->decode($custom), { ($known[0] // 'e') => [ $known[0] // 'e' ] }, "$encoding: escapes in jsonb");
    reply('[{"_id":"a","content":"\ud83d"},{"_id":"b","content":"\ud83d\ude00"},{"_id":"c","content":"\u0000"}]');
    is($dbh->selectrow_array('SELECT count(content) FROM crm.lenient'), $smiles ? 0 : 1, "$encoding: escapes of what is none, or is not there");
    reply('[{"_id":"a","content":"é😀","custom":}]');
    is(sql_error($dbh, 'SELECT content FROM crm.lenient')->{sqlstate}, '08P01', "$encoding: broken JSON");
    $sandbox->clear_faults;

    # Conditions: the same rows as without pushdown
    my @conditions = map { my $c = encode_utf8($_); map { s/%c/$c/gr } q(content = '%c'), q(content <> '%c'), q(content IN ('%c', 'a_b')), q(content NOT IN ('%c')), q(content < '%c'),
        q(content >= '%c'), q(content LIKE '%c%'), q(content LIKE '_%c'), q(content LIKE '%c__'), q(content ILIKE '%c'), q(content ~ '^%c$'), q(content ~ '^.$'), q(content !~ '[%cz]'),
        q(content ^@ '%c'), q(custom->>'k' = '%c'), q(custom ? '%c'), q(custom->'%c' = '1'), q(custom @> '{"k": "%c"}'), q(content IS DISTINCT FROM '%c') } compared(@known);
    push @conditions, q(content < 'b'), q(content >= 'b'), q(content IS NULL), q(content IS NOT NULL), q(_id IS NULL), q(content LIKE '__'), q(content LIKE '____'), q(content ~ '^..$');
    push @conditions, q(content = E'\xe9'), q(content <> E'\xe9'), q(content < E'\xe9'), q(content LIKE E'\xe9%'), q(custom->E'\xe9' IS NULL), q(content IN (E'\xe9', 'a_b')) if $encoding eq 'SQL_ASCII';
    my @different = grep {
        my $condition = $_;
        my @rows = map {
            $dbh->do("SET walcu_fdw.enable_pushdown = $_");
            eval { join ' ', map { $_ // 'NULL' } @{ $dbh->selectcol_arrayref("SELECT coalesce(_id, 'lacks') FROM crm.lenient WHERE $condition ORDER BY 1") } } // $dbh->errstr
        } qw(on off);
        $rows[0] ne $rows[1];
    } @conditions;
    is("@different", '', "$encoding: conditions");
    my @orders = map {
        $dbh->do("SET walcu_fdw.enable_pushdown = $_");
        map { my $order = $_; join ' ', map { $_ // 'NULL' } @{ $dbh->selectcol_arrayref("SELECT _id FROM crm.lenient ORDER BY $order") } } 'content, _id', 'content DESC, _id', '_id', '_id DESC NULLS LAST'
    } qw(on off);
    is_deeply([ @orders[ 0 .. 3 ] ], [ @orders[ 4 .. 7 ] ], "$encoding: orders");
    $dbh->do('RESET walcu_fdw.enable_pushdown');

    # Writing
    my @written = @known[ 0 .. ($#known < 6 ? $#known : 6) ];
    $sandbox->delete('/_sandbox/documents/notes');
    $dbh->do('INSERT INTO crm.lenient (_id, content, custom) VALUES ' . join(', ', map { my $c = encode_utf8($written[$_]); "('w$_', '$c', '{\"$c\": \"$c\"}')" } 0 .. $#written)) if @written;
    is_deeply({ map { ($_->{_id} => [ $_->{content}, $_->{custom} ]) } $sandbox->dump('notes') },
        { map { ("w$_" => [ $written[$_], { $written[$_] => $written[$_] } ]) } 0 .. $#written }, "$encoding: documents are written");
    for my $method (qw(patch put))
    {
        $dbh->do("ALTER FOREIGN TABLE crm.lenient OPTIONS (@{[ $method eq 'put' ? 'SET' : 'ADD' ]} update_method '$method')");
        $dbh->do("UPDATE crm.lenient SET content = content || '$method' WHERE _id = 'w0'");
        $dbh->do("UPDATE crm.lenient SET content = content || '$method' WHERE _id LIKE 'w1'");
    }
    is_deeply([ map { $_->{content} } grep { $_->{_id} =~ /^w[01]$/ } sort { $a->{_id} cmp $b->{_id} } $sandbox->dump('notes') ],
        [ map { "${_}patchput" } @written[ 0 .. ($#written < 1 ? $#written : 1) ] ], "$encoding: and changed");
    $sandbox->post('/_sandbox/documents/notes', [ { _id => 'smile', content => 'a', custom => { hidden => '😀' } } ]);
    $error = sql_error($dbh, q(UPDATE crm.lenient SET content = 'b' WHERE _id LIKE 'smile'));
    is($error ? "$error->{sqlstate} $error->{hint}" : '', $smiles ? q(22P05 Set the option update_method to 'patch'.) : '', "$encoding: what cannot be put back is not put");
    is([ grep { $_->{_id} eq 'smile' } $sandbox->dump('notes') ]->[0]{custom}{hidden}, '😀', "$encoding: nothing is lost");
    if ($encoding eq 'SQL_ASCII')
    {
        $error = sql_error($dbh, q(INSERT INTO crm.lenient (_id, content) VALUES ('bytes', E'\xe9')));
        is($error->{sqlstate}, '22P05', 'bytes that are not UTF-8 are not written');
        like($error->{message}, qr/column "content"/, 'it says which column');
    }

    # Calls and messages
    $error = sql_error($dbh, q(SELECT walcu_fdw_request('crm', 'GET', '/notes/smile')));
    is($error ? $error->{sqlstate} : '', $smiles ? '22P05' : '', "$encoding: a call's reply");
    like($error->{detail}, qr{The request was GET /notes/smile\.}, "$encoding: it says which") if $smiles;
    like(decode_utf8($dbh->selectrow_array(q(SELECT walcu_fdw_request('crm', 'GET', '/notes/w0')::text))), qr{"content": "$written[0]patchput"}, "$encoding: a reply that it has") if @written;
    reply('{"error":"é 😀 not so"}', 422);
    $error = sql_error($dbh, 'SELECT content FROM crm.lenient');
    is($error->{sqlstate}, '23514', "$encoding: the service's error is the error");
    my $shown = join ' ', map { lacks($encoding, $_) ? join '', map({ sprintf '\\u%04x', $_ } unpack 'n*', Encode::encode('UTF-16BE', $_)) : $_ } 'é', '😀';
    is(decode_utf8($error->{message}), "server \"crm\" answered 422: $shown not so", "$encoding: and its message is shown");
    $sandbox->clear_faults;

    # Columns
    my $description = { openapi => '3.0.0', paths => { '/notes' => { get => { responses => { 200 => { content => { 'application/json' => { schema => { type => 'array', items => {
        type => 'object', properties => { _id => { type => 'string' }, '😀' => { type => 'string' }, ($known[0] // 'e') => { type => 'string' } } } } } } } } } } } };
    reply($json->encode($description), 200, 'description');
    $dbh->do('CREATE SCHEMA described');
    $dbh->do('IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO described');
    $sandbox->clear_faults;
    my $columns = $dbh->selectcol_arrayref(q(SELECT attname FROM pg_attribute WHERE attrelid = 'described.notes'::regclass AND attnum > 0 ORDER BY 1));
    is_deeply([ sort map { decode_utf8($_) } @$columns ], [ sort '_id', $known[0] // 'e', $smiles ? () : '😀' ], "$encoding: columns");
    $dbh->disconnect;
    $utf8->do("DROP DATABASE $dbname");
    return;
}

# The characters to write conditions with: all, or some at both ends.
sub compared
{
    return @_ if @_ < 5 || ($ENV{ENCODINGS} // '') eq 'all';
    return @_[ 0, 1, -3 .. -1 ];
}

# Does an encoding lack a character of the text?
sub lacks
{
    my ($encoding, $text) = @_;
    return 0 if $encoding =~ /^(?:UTF8|SQL_ASCII)$/;
    return $text =~ /[^\x00-\x7f]/ if $encoding eq 'MULE_INTERNAL';
    return !eval { $utf8->selectrow_array('SELECT convert_to(?, ?)', undef, $text, $encoding); 1 };
}

# Where an encoding has one character for two of Unicode's, one of these is read.
sub as_read
{
    my ($encoding, $text) = @_;
    return $text =~ /^[\x00-\x7f]*$/ || $encoding =~ /^(?:UTF8|SQL_ASCII)$/ ? $text
      : $utf8->selectrow_array('SELECT convert_from(convert_to(?, ?), ?)', undef, $text, $encoding, $encoding);
}

sub reply
{
    my ($body, $status, $kind) = @_;
    $body = decode_utf8($body) if ($kind // '') eq 'description';
    $sandbox->clear_faults;
    $sandbox->fault({
        match => { kind => $kind // 'list' },
        fault => { type => 'reply', status => $status // 200, headers => { 'content-type' => 'application/json', 'mapp-has-more' => 'false' }, body => $body },
    });
    return;
}
