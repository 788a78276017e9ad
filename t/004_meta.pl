# What other programs read of this project says the same in all places: META.json for PGXN, the control file, and Debian's files.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

my ($version) = file('walcu_fdw.control') =~ /^default_version = '(\d+\.\d+)'$/m;
ok($version, 'the control file has a version');

# http://pgxn.org/spec/ 1.0.0: what must be there, and of which form
my $meta = decode_json(file('META.json'));
my $number = qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-?[A-Za-z][-0-9A-Za-z]*)?$/;
for my $field (qw(name version abstract maintainer license provides meta-spec))
{
    ok($meta->{$field}, "META.json has $field");
}
like($meta->{name}, qr{^[^\s/\\\x00-\x1f]{2,}$}, 'a name that PGXN takes');
like($meta->{version}, $number, 'a version of three numbers');
is($meta->{version}, "$version.0", 'which is that of the control file');
is($meta->{license}, 'postgresql', 'a licence that PGXN knows');
is($meta->{'meta-spec'}{version}, '1.0.0', 'the version of the specification');
like($meta->{release_status}, qr/^(?:stable|testing|unstable)$/, 'a status');
ok(!(grep { !/^[^\x00-\x1f\/\\]{1,255}$/ } @{ $meta->{tags} }), 'tags');
for my $extension (sort keys %{ $meta->{provides} })
{
    my $provided = $meta->{provides}{$extension};
    like($provided->{version}, $number, "$extension has a version");
    ok(-f $provided->{$_}, "$extension: $provided->{$_} is there") for qw(file docfile);
}
for my $phase (sort keys %{ $meta->{prereqs} })
{
    like($_, $number, "$phase: a version that is needed") for values %{ $meta->{prereqs}{$phase}{requires} };
}

# Debian's
my ($packaged) = file('debian/changelog') =~ /^walcu-fdw \((\S+)-\d+\)/;
is($packaged, $version, "the package's version is that of the control file");
is(file('debian/control'), file('debian/control.in') =~ s/PGVERSION/15/gr, 'debian/control is made of control.in, for the PostgreSQL of bookworm');

done_testing();

sub file
{
    my ($name) = @_;
    open my $file, '<:raw', $name or die "$name: $!";
    local $/;
    return scalar <$file>;
}
