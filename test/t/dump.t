#!/usr/bin/perl
# dump.t: models, grants, and tables with predictors come through pg_dump, as plain text and as an archive, into a
# database where they serve as before and train on.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my ($from, @to) = qw(dump_from dump_plain dump_archive);
sub at { my ($where, $query) = @_; return sql($query, '-d', $where) }

system("dropdb --if-exists $_ 2> /dev/null") for $from, @to;
system('createdb', $_) == 0 or die "createdb failed\n" for $from, @to;
at('postgres', 'CREATE ROLE dump_reader');
at($from, <<'SQL');
SET client_min_messages = error;
CREATE EXTENSION longtail;
CREATE SCHEMA "the shop";
SET search_path = "the shop", public;
CREATE TABLE first_name AS
SELECT u, 'item ' || i AS item FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON first_name (u);
CREATE TABLE "Users" AS SELECT u, 'club ' || u % 3 AS club FROM generate_series(1, 50) u;
CREATE UNIQUE INDEX ON "Users" (u);
CREATE VIEW items AS SELECT DISTINCT item, length(item) AS length FROM first_name;
SELECT longtail.train('lists', 'first_name', 'logistic', 'u', 'item', user_features => '"Users"', item_features => 'items',
                      options => '{"crosses": [["club", "length"]]}');
SELECT longtail.train('network', 'first_name', 'mlp', 'u', 'item', options => '{"epochs": 3}');
SELECT longtail.retrain('network', '{"promote": "never"}');
SELECT longtail.train('searched', 'first_name', 'auto', 'u', 'item', options => '{"algorithms": ["ease", "popularity"]}');
CREATE TABLE dropped AS SELECT i AS x, i > 50 AS y FROM generate_series(1, 100) i;
SELECT longtail.train('of a dropped table', 'dropped', 'logistic', label_column => 'y');
DROP TABLE dropped;
CREATE TABLE predictors AS
SELECT u % 3 AS club, longtail.logistic_fit(u % 2 = 0, ARRAY[length(item), u]::float8[]) AS predictor FROM first_name GROUP BY 1;
ALTER TABLE first_name RENAME TO "Order ""lines""";
SELECT longtail.grant_model('lists', 'dump_reader'), longtail.grant_model('network', 'public');
SQL

my @questions = (
    "SELECT * FROM longtail.recommend_all('lists', 5) ORDER BY user_id, rank",
    "SELECT * FROM longtail.recommend('lists', 45)",    # a stranger with features
    "SELECT * FROM longtail.recommend('network', 3)",    # what is seen, from the renamed table
    "SELECT * FROM longtail.coefficients('lists')",
    "SELECT longtail.predict('of a dropped table', '{30}'::float8[])",
    "SELECT club, longtail.predict(predictor, ARRAY[6, 10]), predictor FROM \"the shop\".predictors ORDER BY 1",
    "SELECT model, owner, algorithm, version, user_column, options, versions, bytes, created FROM longtail.models ORDER BY 1",
    "SELECT source FROM longtail.models WHERE model <> 'of a dropped table' ORDER BY model",
    "SELECT * FROM longtail.model_versions ORDER BY model, version",
    "SELECT * FROM longtail.training_log ORDER BY 1, 2, 3",
    "SELECT * FROM longtail.training_trials ORDER BY 1, 2, 3",
    "SELECT * FROM longtail.recommend('searched', 3)",
    "SET ROLE dump_reader; SELECT model FROM longtail.models ORDER BY 1",
);
my @answers = map { at($from, $_) } @questions;

is(system("pg_dump $from > plain.sql && psql -Xq -v ON_ERROR_STOP=1 -d $to[0] -f plain.sql > plain.out"), 0, 'dumped and restored as text');
is(system("pg_dump -Fc -f archive $from && pg_restore -e -j 2 -d $to[1] archive"), 0, 'dumped and restored as an archive');
for my $to (@to) {
    is(at($to, $questions[$_]), $answers[$_], "$to: $questions[$_]") for 0 .. $#questions;
    is(at($to, "SET client_min_messages = error; SELECT version, promoted FROM longtail.retrain('lists')"), '2|t', "$to: it trains on");
    is(at($to, "SET client_min_messages = error; SELECT version FROM longtail.train('new', '\"the shop\".\"Users\"', 'mlp', label_column => 'u')"), 1, "$to: new models get new numbers");
    is(at($to, "SET client_min_messages = error; SELECT version, promoted FROM longtail.retrain('searched')"), '2|t', "$to: a search goes on");
    at($to, "SELECT longtail.drop_model('network'), longtail.drop_model('searched')");
    is(at($to, "SELECT count(*) FROM longtail.training_trial"), 0, "$to: trials go with their model");
    is(at($to, "SELECT count(*) FROM longtail.model_data WHERE NOT EXISTS (SELECT FROM longtail.model m WHERE m.model_id = model_data.model_id)"), 0, "$to: what is dropped is dropped whole");
}
system('dropdb', $_) for $from, @to;
at('postgres', 'DROP ROLE dump_reader');
done_testing;
