#!/usr/bin/perl
# cancel.t: every function that can take long answers a cancel, statement_timeout and pg_terminate_backend within a
# second, at any moment; afterwards the session has the memory, threads, files it had before; fast shutdown ends a training.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use Time::HiRes qw(sleep time);

my $times  = long_form(1, 30);      # cancels of each statement, after one that warms up
my $latest = long_form(0.2, 2.5);  # seconds after its beginning
my $within = 1;                     # second
srand(my $seed = $ENV{LONGTAIL_CANCEL_SEED} // 1);

sql(<<'SQL');
SET client_min_messages = error;
SELECT setseed(0.5);
CREATE SCHEMA cancel_test;
SET search_path = cancel_test;
CREATE TABLE shop AS SELECT u, (1 + floor(3000 * power(random(), 3)))::int AS i, timestamptz '2024-01-01' + random() * interval '200 days' AS at,
    random() < 0.4 AS y FROM generate_series(1, 15000) u, generate_series(1, 20);
CREATE INDEX ON shop (u);
CREATE TABLE test AS SELECT DISTINCT u, 1 + (i * 7 + u) % 3000 AS i, at, y FROM shop WHERE random() < 0.5;
CREATE TABLE catalogue AS SELECT i, 'b' || i % 50 AS brand, random() AS price, ARRAY['t' || i % 31, 'u' || i % 17] AS tags FROM generate_series(1, 3000) i;
CREATE TABLE items AS TABLE catalogue;
CREATE TABLE rows AS SELECT random() < 0.3 AS y, random() AS x1, random() AS x2, random() AS x3, 'c' || floor(random() * 100) AS c FROM generate_series(1, 300000);
CREATE TABLE numbers AS SELECT random() AS x, random() < 0.5 AS b, 1 + floor(random() * 1000)::bigint AS l, ARRAY[random(), random(), random()] AS a
    FROM generate_series(1, 300000);
SELECT longtail.train('cancel als', 'shop', 'als', 'u', 'i', item_features => 'items', options => '{"epochs": 2, "factors": 32}'),
       longtail.train('cancel labels', 'rows', 'logistic', label_column => 'y', options => '{"epochs": 5}'),
       longtail.train('cancel mlp', 'shop', 'mlp', 'u', 'i', options => '{"epochs": 1}'),
       longtail.train('cancel content', 'shop', 'content', 'u', 'i', item_features => 'items', options => '{"factors": 16}');
INSERT INTO items SELECT i, 'b' || i % 70, random(), ARRAY['t' || i % 31] FROM generate_series(3001, 400000) i;
ANALYZE shop, test, items, rows, numbers;
SQL

# A statement that takes long, or several, of each function; of others, why they do not.
my $of      = q{FROM longtail.algorithms() a (name), LATERAL longtail.options(a.name) o WHERE o.name = 'epochs'};
my %endless = map { split /\|/ } split /\n/, sql("SELECT a.name, least(o.maximum, 100000) $of");
my @others  = grep { !$endless{$_} } split /\n/, sql('SELECT name FROM longtail.algorithms() a (name) ORDER BY 1');
my $train   = sub { my ($algorithm, $options) = @_; "SELECT longtail.train('cancelled', 'cancel_test.shop', '$algorithm', 'u', 'i', time_column => 'at', "
        . "item_features => 'cancel_test.catalogue', options => '$options')" };
my $arrays  = '(SELECT array_agg(x) AS x, array_agg(b) AS b FROM cancel_test.numbers, generate_series(1, 20)) v';
my $model   = "'cancel als'";
my $test    = "'cancel_test.test'";
my %long = (
    train => [
        map({ $train->($_, "{\"epochs\": $endless{$_}}") } sort keys %endless),
        map({ $train->($_, $_ eq 'blend' ? '{"models": ["cancel als", "cancel mlp"]}' : '{}') } @others),
        $train->('als', '{"search": {"factors": [16, 32, 64, 128], "regularization": [1, 10, 100]}}'),
        q(SELECT longtail.train('cancelled', 'cancel_test.rows', 'mlp', label_column => 'y', options => '{"epochs": 1000}')),
        q(SELECT longtail.train('cancelled', 'cancel_test.rows', 'logistic', label_column => 'y', options => '{"text": ["c"], "tolerance": 1e-12}')) ],
    retrain            => [ qq(SELECT longtail.retrain($model, '{"epochs": 1000}')), q(SELECT longtail.retrain('cancel labels', '{"epochs": 100000, "l1": 1e-9, "tolerance": 1e-12}')) ],
    refresh            => [ q(SELECT longtail.refresh('cancel content')) ],
    evaluate           => [ "SELECT longtail.evaluate($model, $test, method => 'dpp', strength => 0.5)", "SELECT longtail.evaluate('cancel mlp', $test)" ],
    evaluate_users     => [ "SELECT longtail.evaluate_users($model, $test, 50, 'mmr', 0.5)" ],
    compare            => [ qq(SELECT longtail.compare($model, $test, '{}', '{"method": "dpp", "strength": 0.5}', options => '{"samples": 100000}')) ],
    tradeoff           => [ "SELECT longtail.tradeoff($model, $test, 50, 'xquad')" ],
    autotune           => [ "SELECT longtail.autotune($model, $test)" ],
    recommend_all      => [ "SELECT count(*) FROM longtail.recommend_all($model, 50, 'dpp', 0.5)", "SELECT count(*) FROM longtail.recommend_all('cancel mlp', 10, min_exposure => 5, max_head_share => 0.1)" ],
    recommend          => [ "SELECT count(*) FROM longtail.recommend($model, 5, 3000, 'dpp', 0.9)", "SELECT count(s) FROM generate_series(1, 100000) u, longtail.recommend($model, u) s" ],
    recommend_basket   => [ "SELECT count(*) FROM longtail.recommend_basket($model, (SELECT array_agg(1 + n % 3000) FROM generate_series(1, 3000000) n), 3000, 'mmr', 0.5)" ],
    similar_items      => [ "SELECT count(s) FROM generate_series(1, 1000000) i, longtail.similar_items($model, 1 + i % 3000, 3000) s" ],
    explain            => [ "SELECT count(s) FROM generate_series(1, 1000000) i, longtail.explain('cancel mlp', i, 5) s" ],
    item_embeddings    => [ "SELECT count(s) FROM generate_series(1, 1000000) i, LATERAL longtail.item_embeddings(left('cancel als' || i, 10)) s" ],
    item_stats         => [ "SELECT count(s) FROM generate_series(1, 1000000) i, LATERAL longtail.item_stats(left('cancel als' || i, 10)) s" ],
    exposure           => [ "SELECT longtail.exposure($model, 'cancel_test.shop', 'i', 'at', 'day')" ],
    rerank             => [ "SELECT count(*) FROM longtail.rerank((SELECT array_agg(i) FROM generate_series(1, 3000) i), (SELECT array_agg(random()) FROM generate_series(1, 3000)), 3000, 'dpp', 0.5, model => $model)",
        "SELECT count(*) FROM longtail.rerank((SELECT array_agg(i) FROM generate_series(1, 1000000) i), (SELECT array_agg(random()) FROM generate_series(1, 1000000)), 100000, 'xquad', 0.5, array_fill(1::float8, ARRAY[1000000]))" ],
    rerank_agg         => [ "SELECT longtail.rerank_agg(i, i::float8, 100000, 'xquad', 0.5, i::float8) FROM generate_series(1, 1000000) i" ],
    logistic_fit       => [ q(SELECT longtail.logistic_fit(b, a, '{"l1": 0.001, "epochs": 100000, "tolerance": 1e-12}') FROM cancel_test.numbers, generate_series(1, 10)) ],
    mlp_fit            => [ q(SELECT longtail.mlp_fit(b, a, '{"epochs": 10000}') FROM cancel_test.numbers) ],
    bootstrap_difference => [ q(SELECT longtail.bootstrap_difference(x, 1 - x, '{"samples": 100000}') FROM cancel_test.numbers) ],
    roc_curve          => [ "SELECT count(c) FROM $arrays, longtail.roc_curve(v.x, v.b) c" ],
    calibration_curve  => [ "SELECT count(c) FROM $arrays, longtail.calibration_curve(v.x, v.b, 100) c" ],
    confusion          => [ "SELECT count(c) FROM $arrays, longtail.confusion(v.x, v.b, 0.5) c" ],
    plot_roc           => [ "SELECT length(longtail.plot_roc(v.x, v.b)) FROM $arrays", "SELECT longtail.plot_roc('cancel labels', 'cancel_test.rows'::regclass)",
        "SELECT longtail.plot_roc('cancel labels', 'cancel_test.rows')" ],
    plot_calibration   => [ "SELECT length(longtail.plot_calibration(v.x, v.b)) FROM $arrays", "SELECT longtail.plot_calibration('cancel labels', 'cancel_test.rows'::regclass)" ],
    plot_tradeoff      => [ "SELECT longtail.plot_tradeoff($model, $test, 50, 'xquad')" ],
    plot_long_tail     => [ "SELECT longtail.plot_long_tail($model, 100, 'dpp', 0.5, '{\"users\": 15000}')" ],
    report             => [ "SELECT length(longtail.report($model, $test))" ],
    markup             => [ "SELECT length(longtail.markup(repeat('<&x', 60000000)))" ],
    predictor_in       => [ q(SELECT longtail.predictor_in(('{"coefficients": [' || repeat('1.25,', 5000000) || '1]}')::cstring)) ],
    map({ ($_ => [ "SELECT longtail.$_(x) FROM cancel_test.numbers, generate_series(1, 20)" ]) } qw(gini entropy mean_absolute_deviation coefficient_of_variation)),
    map({ ($_ => [ "SELECT longtail.$_(x, b) FROM cancel_test.numbers, generate_series(1, 20)" ]) } qw(auc average_precision log_loss)),
    map({ ($_ => [ "SELECT longtail.$_(x, 1 - x) FROM cancel_test.numbers, generate_series(1, 20)" ]) } qw(kl_divergence js_divergence)),
    ndcg               => [ 'SELECT longtail.ndcg(row_number, b, 1000) FROM (SELECT b, row_number() OVER () FROM cancel_test.numbers, generate_series(1, 20)) s' ],
    export_model       => [ "SELECT sum(length(longtail.export_model(left('cancel als' || i, 10)))) FROM generate_series(1, 100000) i" ],
    import_model       => [ q(SELECT longtail.import_model('cancelled ' || i, longtail.export_model('cancel als')) FROM generate_series(1, 10000) i) ],
    forget             => [ "SELECT longtail.forget($model, u) FROM generate_series(1, 10000) u" ],
    health             => [ "SELECT longtail.health($model)", "SELECT longtail.health('cancel labels')" ],
);
my %quick = map { $_ => 1 } qw(algorithms options build_info rerank_methods boost promote drop_version drop_model grant_model revoke_model set_owner privacy_guarantee
    predict coefficients user_embedding plot_training predictor_out
    may_use regclass relation relation_in relation_out role_in role_out role_send watch_drop);

# By name: functions that take internal are parts of aggregates, and go by them; a binary predictor is read as its text.
my @names = split /\n/, sql(q{SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'longtail'::regnamespace AND prorettype <> 'internal'::regtype
    AND NOT 'internal'::regtype = ANY (proargtypes) AND proname !~ '^(log_loss_(add|combine|final)|predictor_send)$' AND prorettype <> 'event_trigger'::regtype ORDER BY 1});
is(join(' ', grep { !$long{$_} && !$quick{$_} } @names), '', 'of every function it is said here whether it can take long');

my $other = session();
my $s     = start();
sub start
{
    my $s = session('-v', 'VERBOSITY=verbose');
    ask($s, "SET client_min_messages = error");
    ask($s, "SET longtail.cache_memory = 1024");
    return $s;
}
sub memory { return ask($s, 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts') }
sub held    # threads, files, mappings; files only where the session's user may be looked at
{
    my ($what) = @_;
    my @entries = glob "/proc/$s->{pid}/$what/*";
    return scalar @entries;
}

# Sends, stops it after a while, tells how long the answer took then, and whether that was an answer to being stopped.
sub stopped
{
    my ($statement, $how, $after) = @_;
    my ($begin, $answer);
    if ($how eq 'timeout') {
        ask($s, sprintf 'SET statement_timeout = %d', 1 + 1000 * $after);
        $begin  = time + $after;
        $answer = ask($s, $statement);
        my $took = time - $begin;
        ask($s, 'SET statement_timeout = 0');
        return ($took, $answer);
    }
    request($s, $statement);
    sleep $after;
    $begin = time;
    ask($other, "SELECT pg_cancel_backend($s->{pid})");
    $answer = '';
    while (defined(my $line = readline $s->{out})) { last if $line eq "--done--\n"; $answer .= $line }
    return (time - $begin, $answer);
}

my ($cancels, $missed, $through, $slowest) = (0) x 4;
for my $name (@names) {
    my (@slow, @wrong, @grown);
    next if !$long{$name};
    for my $statement (@{ $long{$name} }) {
        my ($most, $before) = ($latest);
        for my $n (0 .. $times) {
            my $after = $most * rand;
            $before = memory() if $n == ($times > 3 ? 3 : 1); # plans and catalogs are cached by then
            my ($took, $answer) = stopped($statement, $n % 2 ? 'cancel' : 'timeout', $after);
            if ($answer !~ /57014/) {
                push @wrong, "$statement: " . substr $answer, 0, 300 if $answer =~ /ERROR|FATAL|PANIC|connection/ && $answer !~ /Key "coefficients" is unknown/;
                $through++ if $statement =~ /train\('cancelled'/ && $answer !~ /ERROR/;
                $most /= 2; # it was through before
                $missed++;
                next;
            }
            $cancels++;
            $slowest = $took if $took > $slowest;
            push @slow, sprintf '%.2f s after %.2f s: %s', $took, $after, $statement if $took > $within;
        }
        my $grown = memory() - $before;
        push @grown, "$grown bytes: $statement" if $grown > ($times > 3 ? 300_000 : 1_000_000);
    }
    ok(!@slow && !@wrong && !@grown, "$name stops within a second, and gives back its memory") or diag(join "\n", @slow, @wrong, @grown);
}
note(sprintf 'seed %d: %d cancels and timeouts, slowest answer %.2f s; %d came too late', $seed, $cancels, $slowest, $missed);
is(held('task'), 1, 'no thread is left') if -d '/proc/self/task';
is(sql("SELECT count(*) FROM pg_ls_tmpdir() WHERE name ~ '^pgsql_tmp[0-9]'"), 0, 'and no temporary file');
is(sql(q{SELECT count(*) FROM longtail.model_versions WHERE model = 'cancelled'}), $through, 'nothing of what was cancelled was stored');

# ---- ended from outside ----

my $training = $train->('mlp', '{"epochs": 100000}');
for my $n (1 .. 2 * $times) {
    my $dying = session();
    request($dying, $training);
    sleep $latest * rand;
    my $begin = time;
    ask($other, "SELECT pg_terminate_backend($dying->{pid})");
    sleep 0.01 while time < $begin + 10 && ask($other, "SELECT count(*) FROM pg_stat_activity WHERE pid = $dying->{pid}") > 0;
    cmp_ok(time - $begin, '<', $within, 'pg_terminate_backend ends a training within a second') if $n == 1 || time - $begin > $within;
    leave($dying);
}
leave($other);
leave($s);
my $training_session = session();
request($training_session, $training);
sleep 0.3;
my $begin = time;
is(system(qq($ENV{LONGTAIL_TOP}/test/server stop $ENV{LONGTAIL_SERVER} fast > /dev/null 2>&1)), 0, 'a server that trains shuts down');
cmp_ok(time - $begin, '<', 10, 'fast');
waitpid $training_session->{psql}, 0;
restart('fast');
ok(wait_for_server(), 'it starts again');
sql(q{SET client_min_messages = error; SELECT longtail.drop_model(model) FROM longtail.models WHERE model ~ '^cancel'; DROP SCHEMA cancel_test CASCADE});
done_testing;
