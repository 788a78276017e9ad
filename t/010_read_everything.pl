# Every column of every row of all 20 resources, compared leaf by leaf with what the
# sandbox says it has: at three page sizes, flattened, paged by skip, and with each
# way of writing `sort` and `project`.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::Local qw(timegm_modern);
use WalcuTest;

my $json = JSON::PP->new->allow_nonref->canonical;
my $sandbox = WalcuTest::Sandbox->start(scale => 150);
my $node = start_node();
my %documents = map { $_ => [ $sandbox->dump($_) ] } @RESOURCES;

my %variants = (
    pages_of_1  => { server => { fetch_size => 1 } },
    pages_of_7  => { server => { fetch_size => 7 } },
    pages_of_50 => { server => { fetch_size => 50 } },
    flattened   => { import => { flatten => 3 } },
    whole       => { import => { import_document => 'true' } },
    skipping    => { server => { paging => 'skip', fetch_size => 20 } },
    comma       => { server => { sort_format => 'comma', project_format => 'comma' } },
    json        => { server => { sort_format => 'json', project_format => 'json' } },
    json_skip   => { server => { sort_format => 'json', paging => 'skip' } },
);

for my $variant (sort keys %variants)
{
    my %options = %{ $variants{$variant} };
    my $server = { on_type_mismatch => 'null', %{ $options{server} // {} } };
    $sandbox->settings(
        sort_format    => $server->{sort_format} // 'mongoose',
        project_format => $server->{project_format} // 'mongoose');
    setup_crm($node, $sandbox, %options, name => $variant, server => $server);
    my $dbh = connect_db($node);
    $dbh->do("SET timezone = 'UTC'");

    for my $resource (@RESOURCES)
    {
        my $problem = compare_resource($dbh, $variant, $resource);
        is($problem, undef, "$variant: $resource") or diag $problem;
    }
}

done_testing();

# The first difference between a foreign table and the documents, or undef.
sub compare_resource
{
    my ($dbh, $schema, $resource) = @_;
    my @columns = @{ $dbh->selectall_arrayref(<<"SQL", { Slice => {} }) };
        SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
               coalesce((SELECT option_value FROM pg_options_to_table(attfdwoptions)
                          WHERE option_name = 'path'), attname) AS path
          FROM pg_attribute
         WHERE attrelid = '$schema.$resource'::regclass AND attnum > 0
         ORDER BY attnum
SQL
    my %rows;
    {
        local $SIG{__WARN__} = sub { };    # the count of mismatches is another test's
        my $list = join ', ', map { select_expression($dbh->quote_identifier($_->{name}), $_->{type}) } @columns;
        my $ids = $dbh->selectcol_arrayref("SELECT _id FROM $schema.$resource");
        my $rows = $dbh->selectall_arrayref("SELECT _id, $list FROM $schema.$resource");
        return 'rows differ between two reads' unless @$ids == @$rows;
        $rows{ $_->[0] } = $_ for @$rows;
        return 'a document was returned twice' unless keys %rows == @$rows;
    }
    return sprintf '%d rows for %d documents', scalar keys %rows, scalar @{ $documents{$resource} }
      unless keys %rows == @{ $documents{$resource} };

    for my $document (@{ $documents{$resource} })
    {
        my $row = $rows{ $document->{_id} } // return "no row $document->{_id}";
        for my $i (0 .. $#columns)
        {
            my ($path, $type) = @{ $columns[$i] }{qw(path type)};
            my $value = $type =~ /\[\]$/ ? array_at($document, split /\./, $path) : value_at($document, $path);
            my $expected = expected_text($value, $type);
            my $read = $row->[ $i + 1 ];
            $read = $json->encode($json->decode($read)) if defined $read && $type eq 'jsonb';
            return "$document->{_id}, $path ($type): read " . ($read // 'NULL') . ', expected ' . ($expected // 'NULL')
              if defined $read != defined $expected || defined $read && $read ne $expected;
        }
    }
    return undef;
}

# How a column is read, so that expected_text can say the same.
sub select_expression
{
    my ($name, $type) = @_;
    return "array_to_json($name)::jsonb::text" if $type =~ /^(text|boolean)\[\]$/;
    return "(SELECT jsonb_agg(extract(epoch FROM e)::float8 ORDER BY n) FROM unnest($name) WITH ORDINALITY u(e, n))::text"
      if $type eq 'timestamp with time zone[]';
    return "array_to_json($name\::float8[])::jsonb::text" if $type eq 'numeric[]';
    return "extract(epoch FROM $name)::float8" if $type eq 'timestamp with time zone';
    return "$name\::float8" if $type eq 'numeric';
    return "$name\::text";
}

sub value_at
{
    my ($value, $path) = @_;
    return $value if $path eq '.';
    for my $name (split /\./, $path)
    {
        return undef unless ref $value eq 'HASH';
        $value = $value->{$name};
    }
    return $value;
}

# What a column of an array type has: through lists, what stands in each of their objects.
sub array_at
{
    my ($value, @names) = @_;
    return $value unless @names;
    return [ map { ref $_ eq 'HASH' ? elements_at($_, @names) : () } @$value ] if ref $value eq 'ARRAY';
    return undef unless ref $value eq 'HASH';
    my ($name, @below) = @names;
    return array_at($value->{$name}, @below);
}

sub elements_at
{
    my ($value, @names) = @_;
    return ref $value eq 'ARRAY' ? @$value : ($value) unless @names;
    return map { ref $_ eq 'HASH' ? elements_at($_, @names) : () } @$value if ref $value eq 'ARRAY';
    my ($name, @below) = @names;
    return ref $value eq 'HASH' && exists $value->{$name} ? elements_at($value->{$name}, @below) : ();
}

# The text that a column of a type shows for a JSON value; undef for NULL.
sub expected_text
{
    my ($value, $type) = @_;
    return undef unless defined $value;
    if ($type =~ /^(.*)\[\]$/)
    {
        my $element = $1;
        return undef unless ref $value eq 'ARRAY';
        my @elements = map { defined $_ ? expected_element($_, $element) // return undef : undef } @$value;
        return undef if !@elements && $element eq 'timestamp with time zone';    # jsonb_agg of nothing
        return join_like_jsonb(@elements);
    }
    if ($type eq 'jsonb')
    {
        my $text = $json->encode($value);
        return $text =~ /(?<!\\)(\\\\)*\\u0000/ ? undef : $text;
    }
    return expected_scalar($value, $type);
}

sub expected_element
{
    my ($value, $type) = @_;
    my $text = expected_scalar($value, $type) // return undef;
    return $type eq 'text' ? \$json->encode($text) : \$text;
}

sub join_like_jsonb
{
    return '[' . join(', ', map { defined $_ ? $$_ : 'null' } @_) . ']';
}

sub expected_scalar
{
    my ($value, $type) = @_;
    if ($type eq 'text')
    {
        return is_string($value) && $value !~ /\0/ ? $value : undef;
    }
    if ($type eq 'boolean')
    {
        return JSON::PP::is_bool($value) ? ($value ? 'true' : 'false') : undef;
    }
    if ($type eq 'numeric')
    {
        return !ref $value && !is_string($value) ? 0 + $value : undef;
    }
    die "no rule for $type" unless $type eq 'timestamp with time zone';
    return is_string($value) ? epoch($value) : undef;
}

# JSON::PP decodes numbers to what B calls no string.
sub is_string
{
    my ($value) = @_;
    return !ref $value && JSON::PP->new->allow_nonref->encode($value) =~ /^"/;
}

sub epoch
{
    my ($text) = @_;
    my ($year, $month, $day, $hour, $minute, $second, $zone) = $text =~
      /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d(?:\.\d+)?)(Z|[-+]\d\d:\d\d))?$/
      or return undef;
    my $epoch = eval { timegm_modern(0, $minute // 0, $hour // 0, $day, $month - 1, $year) } // return undef;
    $epoch += $second // 0;
    if (($zone // 'Z') =~ /^([-+])(\d\d):(\d\d)$/)
    {
        $epoch -= ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60);
    }
    return 0 + $epoch;
}
