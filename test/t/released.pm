# released.pm: databases that released versions made (test/released/models-*.sql; models.sql beside them says how), and
# what must hold of them ever after: the questions in shop.question are answered as the version itself did, which is in
# shop.answer; models train on and belong to whom they belonged to.
package released;
use strict;
use warnings;
use Exporter 'import';
use Test::More;
use common;

our $released = "$ENV{LONGTAIL_TOP}/test/released";
our @versions = map { /models-(.*)\.sql$/ } sort glob "$released/models-*.sql";
our @roles    = qw(released_owner released_reader);
our @EXPORT   = qw($released @versions @roles at restore read_all answers_as_before all_goes_on);

sub at { my ($where, $query) = @_; return sql("SET client_min_messages = error; SET search_path = shop, public; $query", '-d', $where) }

sub restore
{
    my ($to, $version) = @_;
    return system("psql -Xq -d '$to' -f '$released/models-$version.sql' > restored 2>&1") == 0 && !grep { /ERROR/ } split /\n/, read_all('restored');
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
    my ($where, $what) = @_;
    my @questions = split /\x1e/, at($where, q{SELECT string_agg(concat_ws(chr(31), number, query, answer), chr(30) ORDER BY number) FROM question JOIN answer USING (number)});
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

1;
