#!/usr/bin/perl
# dump.t: models, grants, and tables with predictors come through pg_dump, as plain text and as an archive, by sections,
# in parallel, data alone, without the tables that models read, and by pg_dumpall onto another server, with and without
# the roles: they serve as before and train on.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my ($from, @to) = qw(dump_from dump_plain dump_archive);
my @more = qw(dump_sections dump_directory dump_data dump_without);
my $dir  = "$ENV{LONGTAIL_SERVER}/elsewhere";
my $port = $ENV{PGPORT} + 4;
sub at { my ($where, $query) = @_; return sql($query, '-d', $where) }

sub run { return system("cd / && $ENV{LONGTAIL_AS} $ENV{LONGTAIL_BINDIR}/$_[0] > '$dir.out' 2>&1 < /dev/null") == 0 }
sub stop_elsewhere
{
    my $status = $?;
    run("pg_ctl stop -w -m immediate -D '$dir'") if -e "$dir/postmaster.pid";
    system('rm', '-rf', $dir, "$dir.out");
    $? = $status;
}
stop_elsewhere();
END { stop_elsewhere() }

system("dropdb --if-exists $_ 2> /dev/null") for $from, @to, @more;
system("dropuser --if-exists $_ 2> /dev/null") for qw(dump_reader dump_owner);
system('createdb', $_) == 0 or die "createdb failed\n" for $from, @to;
at('postgres', 'CREATE ROLE dump_reader; CREATE ROLE dump_owner');
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

# ---- other ways of dumping ----

sub answers_alike
{
    my ($to, $how) = @_;
    my @changed = grep { at($to, $questions[$_]) ne $answers[$_] } 0 .. $#questions;
    is(join("\n", @questions[@changed]), '', "$how: all questions are answered alike");
    is(at($to, "SET client_min_messages = error; SELECT version, promoted FROM longtail.retrain('lists')"), '2|t', "$how: it trains on");
}
sub shell { return system($_[0]) == 0 }

system('createdb', $_) == 0 or die "createdb failed\n" for @more;
ok(shell("for s in pre-data data post-data; do pg_dump --section=\$s $from > \$s.sql && psql -Xq -v ON_ERROR_STOP=1 -d dump_sections -f \$s.sql > sections.out || exit 1; done"), 'by sections');
answers_alike('dump_sections', 'by sections');
ok(shell("rm -rf directory && pg_dump -Fd -j 2 -f directory $from && pg_restore -e -j 2 --no-owner --no-privileges -d dump_directory directory"), 'in parallel, without owners and privileges');
answers_alike('dump_directory', 'in parallel');
ok(shell("pg_dump -s $from > schema.sql && pg_dump --data-only $from > data.sql && psql -Xq -v ON_ERROR_STOP=1 -d dump_data -f schema.sql > data.out && psql -Xq -v ON_ERROR_STOP=1 -d dump_data -f data.sql > data.out"), 'data alone');
answers_alike('dump_data', 'data alone');

# A dump without a table that models read, made while a session trains on a temporary one, has all models.
my $session = session('-d', $from);
ask($session, 'SET client_min_messages = error');
ask($session, q{CREATE TEMP TABLE passing AS SELECT u, item FROM "the shop"."Order ""lines"""});
ask($session, q{SELECT longtail.train('passing', 'passing', 'ease', 'u', 'item')});
ok(shell(qq{pg_dump -T '"the shop"."Order*"' -T '"the shop"."Users"' $from > without.sql && psql -Xq -v ON_ERROR_STOP=1 -d dump_without -f without.sql > without.out}), 'without tables') or diag(`cat without.out`);
leave($session);
is(at('dump_without', 'SELECT count(*) FROM longtail.model'), at($from, 'SELECT count(*) FROM longtail.model'), 'without tables: all models are there');
is(at('dump_without', "SELECT count(*) FROM longtail.recommend('lists', 3, exclude_seen => false)"), 10, 'without tables: they serve');
like(try_sql("SELECT longtail.retrain('lists')", '-d', 'dump_without'), qr/42P01: /, 'without tables: they cannot train');
ok(shell(qq{pg_dump -t '"the shop"."Order*"' -t '"the shop"."Users"' $from > tables.sql && psql -Xq -v ON_ERROR_STOP=1 -d dump_without -f tables.sql > tables.out}), 'the tables follow') or diag(`cat tables.out`);
answers_alike('dump_without', 'the tables follow') if at($from, "SELECT longtail.drop_model('passing')") . at('dump_without', "SELECT longtail.drop_model('passing')") eq '';

# ---- predictors by COPY ----

for my $format (qw(text csv binary)) {
    at($from, qq{COPY "the shop".predictors TO PROGRAM 'cat > copied.$format' (FORMAT $format)});
    is(at($from, qq{CREATE TABLE "the shop".copied (LIKE "the shop".predictors); COPY "the shop".copied FROM PROGRAM 'cat copied.$format' (FORMAT $format);
        SELECT count(*) FROM "the shop".copied c JOIN "the shop".predictors p USING (club) WHERE c.predictor::text = p.predictor::text AND longtail.predict(c.predictor, '{6,10}') = longtail.predict(p.predictor, '{6,10}');
        DROP TABLE "the shop".copied}), 3, "predictors copied as $format");
    at($from, qq{COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm copied.$format'});
}

# ---- another server: first without the roles, then all of it by pg_dumpall ----

at($from, "SELECT longtail.set_owner('lists', 'dump_owner')");
$answers[$_] = at($from, $questions[$_]) for 0 .. $#questions;
ok(shell("pg_dump -C $from > created.sql"), 'dumped with its database');
my $others = join ' ', map { "--exclude-database='$_'" } grep { $_ ne $from && $_ !~ /^template/ } split /\n/, sql('SELECT datname FROM pg_database');
ok(shell("pg_dumpall $others > all.sql"), 'dumped by pg_dumpall');
mkdir $dir or die "$dir: $!\n";
chown +(stat $ENV{PGDATA})[4, 5], $dir;
chmod 0700, $dir;
ok(run("initdb -D '$dir' -U postgres -A trust -N --encoding=UTF8 --locale=C.UTF-8") &&
   run("pg_ctl start -w -t 60 -D '$dir' -l '$dir/log' -o \"-c unix_socket_directories='$ENV{PGHOST}' -c listen_addresses='' -p $port -c fsync=off -c timezone=UTC\""), 'another server');
{
    local $ENV{PGPORT} = $port;
    try_sql('\i created.sql', '-d', 'postgres');
    my @changed = grep { $questions[$_] !~ /dump_reader/ && at($from, $questions[$_]) ne $answers[$_] } 0 .. $#questions;
    is(join("\n", @questions[@changed]), '', 'without the roles: a superuser is answered alike');
    is(at($from, "SET client_min_messages = error; SELECT version FROM longtail.retrain('lists')"), 2, 'without the roles: and trains');
    is(at($from, "CREATE ROLE taker; SELECT longtail.set_owner('lists', 'taker'); SET ROLE taker; SELECT model FROM longtail.models WHERE owner = 'taker'") =~ s/^\s+//r, 'lists', 'without the roles: and gives models to others');
    system('dropdb', $from);
    try_sql('\i all.sql', '-d', 'postgres');
    @changed = grep { at($from, $questions[$_]) ne $answers[$_] } 0 .. $#questions;
    is(join("\n", @questions[@changed]), '', 'by pg_dumpall: all questions are answered alike');
    is(at($from, "SET client_min_messages = error; GRANT USAGE ON SCHEMA \"the shop\" TO dump_owner; GRANT SELECT ON ALL TABLES IN SCHEMA \"the shop\" TO dump_owner; SET ROLE dump_owner; SELECT version FROM longtail.retrain('lists')"), 2, 'by pg_dumpall: the owner trains on');
}

system('dropdb', $_) for $from, @to, @more;
at('postgres', 'DROP ROLE dump_reader; DROP ROLE dump_owner');
done_testing;
