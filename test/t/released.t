#!/usr/bin/perl
# released.t: databases that released versions made (test/released/models-*.sql; models.sql beside them says how) are
# restored into this version, and into the old one which is updated then: every model answers as it did, trains on, and
# belongs to whom it belonged to.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my $released = "$ENV{LONGTAIL_TOP}/test/released";
my @roles    = qw(released_owner released_reader);
chomp(my $share = `"$ENV{PG_CONFIG}" --sharedir`);
my ($version) = sql("SELECT default_version FROM pg_available_extensions WHERE name = 'longtail'");

sub at { my ($where, $query) = @_; return sql("SET client_min_messages = error; SET search_path = shop, public; $query", '-d', $where) }

sub restore
{
    my ($to, $dump) = @_;
    return system("psql -Xq -d '$to' -f '$dump' > restored 2>&1") == 0 && !grep { /ERROR/ } split /\n/, read_all('restored');
}

sub read_all { open my $in, '<', $_[0] or die "$_[0]: $!\n"; local $/; return <$in> }

# Text alike, numbers to five digits: sums come out a little different by another processor's instructions.
sub alike
{
    my ($is, $was) = map { [split /((?<![\w.-])-?\d+\.\d+(?:e-?\d+)?(?![\w.]))/] } @_;
    return 0 if @$is != @$was;
    for my $i (0 .. $#$is) {
        return 0 if $i % 2 == 0 ? $is->[$i] ne $was->[$i] : abs($is->[$i] - $was->[$i]) > 1e-5 * (abs($was->[$i]) + 1e-2);
    }
    return 1;
}

sub answers_as_before
{
    my ($where, $what, $which) = @_;
    my @questions = split /\x1e/, at($where, q{SELECT string_agg(concat_ws(chr(31), number, query, answer), chr(30) ORDER BY number) FROM question JOIN answer USING (number) WHERE } . ($which // 'true'));
    my ($s, @changed) = session('-d', $where);
    ask($s, 'SET search_path = shop, public; SET client_min_messages = error');
    for (@questions) {
        my ($number, $query, $was) = split /\x1f/;
        my $is = ask($s, $query);
        push @changed, "$number: $query\nis\n$is\nwas\n$was" if !alike($is, $was);
    }
    leave($s);
    is(join("\n\n", @changed), '', "$what: " . @questions . ' questions are answered as before');
}

sub all_goes_on
{
    my ($where, $what) = @_;
    at($where, q{SET ROLE released_owner; SELECT longtail.import_model(model || ' moved', longtail.export_model(model)) FROM longtail.models});
    is(at($where, q{SELECT string_agg(m.name || d.part, ' ') FROM longtail.model m JOIN longtail.model n ON n.name = m.name || ' moved' JOIN longtail.model_data d ON d.model_id = m.model_id AND d.version = m.active_version
        LEFT JOIN longtail.model_data e ON (e.model_id, e.version, e.part, e.chunk, e.bytes) = (n.model_id, 1, d.part, d.chunk, d.bytes) WHERE e.part IS NULL}), '', "$what: every model is exported and imported as it is");
    at($where, q{SET ROLE released_owner; SELECT longtail.drop_model(model) FROM longtail.models WHERE model LIKE '% moved'});
    at($where, q{INSERT INTO bought SELECT 101, item_id, '2026-03-01' FROM item LIMIT 9});
    my $said = at($where, q{SET ROLE released_owner; SELECT string_agg(concat_ws(' ', model, (SELECT version FROM longtail.retrain(model, '{"promote": "always"}')) - max_version), E'\n' ORDER BY model)
        FROM (SELECT model, max(version) AS max_version FROM longtail.model_versions GROUP BY model) v});
    is($said =~ s/ 1$//gmr, at($where, 'SELECT string_agg(model, E\'\n\' ORDER BY model) FROM longtail.models'), "$what: every model is trained again by its owner");
    is(at($where, q{SELECT string_agg(model, ' ' ORDER BY model) FROM longtail.models WHERE item_column IS NOT NULL AND model <> 'ratings' AND (SELECT count(*) FROM longtail.recommend(model, 101, 5)) <> 5}),
        '', "$what: and serves a user who came since");
    is(at($where, q{SET ROLE released_owner; SELECT longtail.promote('ease', 2), longtail.promote('bpr', 1);
        SELECT (SELECT count(*) FROM longtail.recommend('ease', 7)) + (SELECT count(*) FROM longtail.recommend('bpr', 7))}) =~ s/^\W*//r, 20, "$what: old versions are promoted");
    is(at($where, q{SET ROLE released_reader; SELECT string_agg(model, ' ' ORDER BY model) FROM longtail.models}), 'als popularity', "$what: grants are kept");
    like(try_sql("SET ROLE released_reader; SELECT * FROM longtail.recommend('ease', 7)", '-d', $where), qr/42501/, "$what: and what is not granted is refused");
    at($where, q{SET ROLE released_owner; SELECT longtail.drop_model(model) FROM longtail.models});
    is(at($where, 'SELECT ' . join ' + ', map { "(SELECT count(*) FROM longtail.$_)" } qw(model model_version model_data model_grant training_epoch training_trial)), 0, "$what: all can be dropped");
}

my @dumps = sort glob "$released/models-*.sql";
ok(@dumps == (() = glob "$released/longtail--*.sql"), 'a database of every released version');
system("dropdb --if-exists $_ 2> /dev/null") for qw(released_new released_old);
system("dropuser --if-exists $_ 2> /dev/null") for @roles;

for my $dump (@dumps) {
    my ($old) = $dump =~ /models-(.*)\.sql$/;

    # A server without the roles: models are the superuser's until somebody takes their owner's place.
    system('createdb', 'released_new') == 0 or die "createdb failed\n";
    restore('released_new', $dump);
    is(join("\n", grep { /ERROR/ && !/role "released_owner" does not exist/ } split /\n/, read_all('restored')), '',
        "$old: restored without its roles, only grants are missing");
    answers_as_before('released_new', "$old without roles", 'model IS NOT NULL'); # the views show models to their owners
    is(at('released_new', q{SELECT count(*) FROM longtail.model WHERE owner::text = 'released_owner'}), at('released_new', 'SELECT count(*) FROM longtail.model'), "$old: whose they were is kept");
    is(at('released_new', q{SELECT version FROM longtail.retrain('als')}), 2, "$old: a superuser trains them");
    system('dropdb', 'released_new');

    at('postgres', "CREATE ROLE $_") for @roles;
    system('createdb', 'released_new') == 0 or die "createdb failed\n";
    ok(restore('released_new', $dump), "$old: restored into $version") or diag(read_all('restored'));
    answers_as_before('released_new', "$old restored");
    all_goes_on('released_new', "$old restored");

    my $script = "$ENV{LONGTAIL_SERVER}/root$share/extension/longtail--$old.sql";
    system('cp', "$released/longtail--$old.sql", $script) == 0 or die "$script: $!\n";
    system('createdb', 'released_old') == 0 or die "createdb failed\n";
    sql("CREATE EXTENSION longtail VERSION '$old'", '-d', 'released_old');
    ok(restore('released_old', $dump), "$old: restored into the objects of $old") or diag(read_all('restored'));
    answers_as_before('released_old', "$old with the library of $version");
    sql('ALTER EXTENSION longtail UPDATE', '-d', 'released_old');
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
