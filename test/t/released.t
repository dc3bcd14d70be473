#!/usr/bin/perl
# released.t: databases that released versions made are restored into this version, into one without their roles, and
# into the old objects, which are updated then: every model answers as it did, trains on, and belongs to whom it belonged
# to.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use released;

chomp(my $share = `"$ENV{PG_CONFIG}" --sharedir`);
my ($version) = sql("SELECT default_version FROM pg_available_extensions WHERE name = 'longtail'");

ok(@versions == (() = glob "$released/longtail--*.sql"), 'a database of every released version');
system("dropdb --if-exists $_ 2> /dev/null") for qw(released_new released_old released_again);
system("dropuser --if-exists $_ 2> /dev/null") for @roles;

for my $old (@versions) {
    # A server without the roles: models are the superuser's until somebody takes their owner's place.
    system('createdb', 'released_new') == 0 or die "createdb failed\n";
    restore('released_new', $old);
    is(join("\n", grep { /ERROR/ && !/role "released_owner" does not exist/ } split /\n/, read_all('restored')), '',
        "$old: restored without its roles, only grants are missing");
    answers_as_before('released_new', "$old without roles");
    is(at('released_new', q{SELECT count(*) FROM longtail.model WHERE owner::text = 'released_owner'}), at('released_new', 'SELECT count(*) FROM longtail.model'), "$old: whose they were is kept");
    is(at('released_new', q{SELECT version FROM longtail.retrain('als')}), 2, "$old: a superuser trains them");
    system('dropdb', 'released_new');

    at('postgres', "CREATE ROLE $_") for @roles;
    system('createdb', 'released_new') == 0 or die "createdb failed\n";
    ok(restore('released_new', $old), "$old: restored into $version") or diag(read_all('restored'));
    answers_as_before('released_new', "$old restored");
    all_goes_on('released_new', "$old restored");

    my $script = "$ENV{LONGTAIL_SERVER}/root$share/extension/longtail--$old.sql";
    system('cp', "$released/longtail--$old.sql", $script) == 0 or die "$script: $!\n";
    system('createdb', 'released_old') == 0 or die "createdb failed\n";
    sql("CREATE EXTENSION longtail VERSION '$old'", '-d', 'released_old');
    ok(restore('released_old', $old), "$old: restored into the objects of $old") or diag(read_all('restored'));
    answers_as_before('released_old', "$old with the library of $version");
    at('released_old', "CREATE VIEW dashboard AS SELECT model, owner, source, source = 'bought'::regclass AS of_sales, version FROM longtail.models; CREATE VIEW versions AS SELECT * FROM longtail.model_versions");
    my $shown = 'SELECT string_agg(d::text, E\'\n\' ORDER BY model) || (SELECT count(*) FROM versions) FROM dashboard d';
    my $dashboard = at('released_old', $shown);
    sql('ALTER EXTENSION longtail UPDATE', '-d', 'released_old');
    is(at('released_old', $shown), $dashboard, "$old: views of others stand on the updated ones");
    is(sql("SELECT extversion FROM pg_extension WHERE extname = 'longtail'", '-d', 'released_old'), $version, "$old: updated to $version");
    answers_as_before('released_old', "$old updated");
    is(system("pg_dump released_old > again.sql && createdb released_again && psql -Xq -v ON_ERROR_STOP=1 -d released_again -f again.sql > restored"), 0, "$old: dumped again and restored");
    answers_as_before('released_again', "$old updated, dumped and restored");
    all_goes_on('released_old', "$old updated");
    unlink $script;
    system('dropdb', $_) for qw(released_new released_old released_again);
    system('dropuser', $_) for @roles;
}
done_testing;
