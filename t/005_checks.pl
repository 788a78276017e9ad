# The checks of the source's layout pass for what is there, and fail for what they are there for.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $place = tempdir(CLEANUP => 1);

is(check('check-layers'), '', 'calls go one way');
is(check('check-shape'), '', 'files and functions have their sizes');

like(check('check-layers', 'fetch/job.c' => qq{#include "plan/path.h"\n}),
    qr{fetch/job\.c:\d+: it includes "plan/path\.h", and plan is above fetch}, 'an include that goes up');
like(check('check-layers', 'modify/row.c' => qq{#include "exec/scan.h"\n}),
    qr{modify/row\.c:\d+: it includes "exec/scan\.h", and exec is beside modify}, 'one that goes beside');
like(check('check-layers', 'json/skim.c' => qq{extern void cursor_close(void *);\n\nvoid\nskim_up(void)\n{\n\tcursor_close(NULL);\n}\n}),
    qr{json/skim\.c:\d+: it uses cursor_close of fetch/cursor\.c, and fetch is above json}, 'a call that goes up without one');
like(check('check-layers', 'fetch/page.c' => qq{#include "cursor.h"\n}),
    qr{fetch/page\.c:\d+: "cursor\.h" is included without its folder}, 'a header without its folder');
like(check('check-layers', 'fetch/page.c' => qq{#include "fetch/cursor.h"\n}),
    qr{files in a circle: fetch/(?:cursor -> fetch/page -> fetch/cursor|page -> fetch/cursor -> fetch/page)\n}, 'a circle');
like(check('check-layers', 'stray.c' => ''), qr{stray\.c: it stands in no folder}, 'a file in no folder');

like(check('check-shape', 'json/skim.c' => "static int\nskim_long(void)\n{\n" . "\tn++;\n" x 60 . "}\n"),
    qr{json/skim\.c:\d+: skim_long has 62 lines, more than 60}, 'a long function');
like(check('check-shape', 'json/skim.c' => "\n" x 600), qr{json/skim\.c: it has \d+ lines, more than 600}, 'a long file');
like(check('check-shape', 'json/skim.c' => "static int\nadd_all(int a, int b, int c, int d, int e, int f, int g, int h)\n{\n}\n"),
    qr{add_all takes 8 parameters, more than 7}, 'a long list of parameters');
like(check('check-shape', map { ("json/$_.c" => "static int\ntake_it(void)\n{\n}\n") } qw(skim split)),
    qr{take_it is in json/skim\.c, too}, 'a name that two files share');

done_testing();

# What a check says of a copy of src/ with these texts at the ends of these files.
sub check
{
    my ($script, %texts) = @_;
    system('rm', '-rf', "$place/src") == 0 && system('cp', '-R', 'src', "$place/src") == 0 or die "no copy of src/\n";
    for my $name (sort keys %texts)
    {
        open(my $file, '>>', "$place/src/$name") or die "$name: $!\n";
        print $file $texts{$name};
        close($file);
    }
    my $said = `scripts/$script $place/src 2>&1`;
    die "$script: its status does not fit what it says\n" if ($? == 0) != ($said eq '');
    return $said;
}
