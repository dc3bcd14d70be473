#!/usr/bin/perl
# replica.t: a physical standby serves what its primary has committed, in sessions that stay as well: promotions, grants,
# drops, models and tables of the same name made again.  What would write is refused there, with an error that says so.
# After pg_promote it trains on.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use File::Basename qw(basename);
use Time::HiRes qw(sleep);

my $database = 'replica';
my $dir      = "$ENV{LONGTAIL_SERVER}/replica";
my $port     = $ENV{PGPORT} + 3;
my $as       = $ENV{LONGTAIL_AS};

sub run { return system("cd / && $as $ENV{LONGTAIL_BINDIR}/$_[0] > '$dir.out' 2>&1 < /dev/null") == 0 }
sub here  { return sql("SET client_min_messages = error; $_[0]", '-d', $database) }
sub there { return sql($_[0], '-d', $database, '-p', $port) }
sub images { return join ' ', map { basename($_) =~ s/^pgsql_tmp_longtail\.\d+\.(\d+\.\d+)\.[0-9a-f]{16}/$1/r } sort glob "$_[0]/base/pgsql_tmp/pgsql_tmp_longtail.*" }

# Until the standby has replayed what the primary has written by now.
sub follow
{
    my $lsn = sql('SELECT pg_current_wal_insert_lsn()');
    for (1 .. 300) { return if sql("SELECT pg_last_wal_replay_lsn() >= '$lsn'", '-p', $port, '-d', 'postgres') eq 't'; sleep 0.1 }
    die "the standby does not follow\n";
}

sub clean_up
{
    my $status = $?;
    run("pg_ctl stop -w -m immediate -D '$dir'") if -e "$dir/postmaster.pid";
    system('rm', '-rf', $dir, "$dir.out");
    $? = $status;
}
clean_up();
END { clean_up() }

system("dropdb --if-exists $database 2> /dev/null");
system("dropuser --if-exists replica_reader 2> /dev/null");
system('createdb', $database) == 0 or die "createdb failed\n";
here(<<'SQL');
CREATE EXTENSION longtail;
CREATE ROLE replica_reader LOGIN;
CREATE TABLE bought AS
SELECT u, 'item ' || i AS item, timestamptz '2026-01-01 UTC' + make_interval(hours => u * 7 + i) AS at
FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON bought (u);
CREATE TABLE item AS SELECT 'item ' || i AS item, i % 9 AS price, 'lamp ' || i % 11 AS title FROM generate_series(1, 40) i;
CREATE UNIQUE INDEX ON item (item);
GRANT SELECT ON bought, item TO replica_reader;
SELECT longtail.train(a, 'bought', a, 'u', 'item', time_column => 'at', item_features => CASE WHEN a IN ('logistic', 'mlp', 'content') THEN 'item'::regclass END,
    options => CASE a WHEN 'als' THEN '{"factors": 8}' WHEN 'bpr' THEN '{"factors": 8, "epochs": 5}' WHEN 'mlp' THEN '{"epochs": 2}' ELSE '{}' END::jsonb)
FROM (SELECT name FROM longtail.algorithms() WHERE name NOT IN ('auto', 'blend')) AS l (a);
SELECT longtail.train('blend', 'bought', 'blend', 'u', 'item', options => '{"models": ["als", "ease"]}');
SELECT longtail.retrain('als', '{"promote": "never", "seed": 5}');
CREATE TABLE fitted AS SELECT longtail.logistic_fit(u % 2 = 0, ARRAY[length(item)]::float8[]) AS predictor FROM bought;
SQL

mkdir $dir or die "$dir: $!\n";
chown +(stat $ENV{PGDATA})[4, 5], $dir;
chmod 0700, $dir;
ok(run("pg_basebackup -h '$ENV{PGHOST}' -p $ENV{PGPORT} -U postgres -D '$dir' -R -c fast -X stream"), 'a base backup');
open my $conf, '>>', "$dir/postgresql.conf" or die;
print $conf "port = $port\nshared_preload_libraries = ''\nmax_standby_streaming_delay = 5s\n";
close $conf;
ok(run("pg_ctl start -w -t 60 -D '$dir' -l '$dir/log'"), 'a standby starts');

# ---- it serves ----

my $list = q{SELECT md5(string_agg(r::text, ' ' ORDER BY m, u, rank)) FROM (SELECT model AS m FROM longtail.models WHERE model %s) s, generate_series(1, 63, 2) u, longtail.recommend(m, u) r};
my @questions = (
    sprintf($list, '<> \'\''),
    q{SELECT md5(string_agg(r::text, ' ' ORDER BY user_id, rank)) FROM longtail.recommend_all('ease', 5, method => 'xquad', strength => 0.3) r},
    q{SELECT md5(string_agg(e::text, ' ' ORDER BY metric, k)) FROM longtail.evaluate('item_knn', 'bought') e},
    q{SELECT md5(string_agg(s::text, ' ')) FROM longtail.similar_items('als', 'item 3'::text) s},
    q{SELECT longtail.predict('mlp', 3, 'item 7'::text), longtail.predict(predictor, '{6}') FROM fitted},
    q{SELECT md5(string_agg(v::text, ' ' ORDER BY model, version)) FROM longtail.model_versions v},
    q{SELECT longtail.logistic_fit(u % 3 = 0, ARRAY[length(item)]::float8[]) FROM bought},
);
is(there($_), here($_), "alike: $_") for @questions;
isnt(images($dir), '', 'from files of its own');

# ---- it does not write ----

for my $call (q{train('new', 'bought', 'ease', 'u', 'item')}, q{retrain('ease')}, q{promote('als', 2)}, q{drop_model('ease')}, q{refresh('content')},
    q{grant_model('ease', 'replica_reader')}, q{revoke_model('ease', 'replica_reader')}, q{set_owner('ease', 'replica_reader')}, q{forget('ease', 3)},
    q{import_model('new', longtail.export_model('ease'))}, q{import_model('ease', longtail.export_model('ease'))}) {
    like(try_sql("SELECT longtail.$call", '-d', $database, '-p', $port), qr/ERROR:  25006: cannot /, "refused: $call");
}

# ---- it follows, in a session that stays, with its models at hand and its plans made ----

my $session = session('-d', $database, '-p', $port);
ask($session, q{PREPARE als AS SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend('als', 3) r});
my $als   = q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend('als', 3) r};
my $first = here($als);
is(ask($session, 'EXECUTE als'), $first, 'a prepared list');
here(q{SELECT longtail.promote('als', 2)});
follow();
isnt(here($als), $first, 'the primary serves another version');
is(ask($session, 'EXECUTE als'), here($als), 'and so does the standby');
like(images($dir), qr/\.2\b/, 'from a file of that version');
here(q{SELECT longtail.promote('als', 1)});
follow();
is(ask($session, 'EXECUTE als'), $first, 'and back again');
is(here('BEGIN; SELECT longtail.promote(\'als\', 2); ROLLBACK; ' . $als) =~ s/^\s+//r, $first, 'a promotion that is rolled back');
follow();
is(ask($session, 'EXECUTE als'), $first, 'is none there');

here(q{INSERT INTO bought SELECT 3, item_id, now() FROM longtail.recommend('als', 3, 2)});
follow();
is(ask($session, 'EXECUTE als'), here($als), 'rows that came since count');
here(q{CREATE TABLE next AS SELECT * FROM bought WHERE u <> 7; DROP TABLE bought; ALTER TABLE next RENAME TO bought; CREATE INDEX ON bought (u); GRANT SELECT ON bought TO replica_reader});
follow();
is(ask($session, 'EXECUTE als'), here($als), 'a source that was made again is found');

my $reader = session('-d', $database, '-p', $port, '-U', 'replica_reader');
like(ask($reader, $als), qr/permission denied for model/, 'a role without a grant');
here(q{SELECT longtail.grant_model('als', 'replica_reader')});
follow();
is(ask($reader, $als), here($als), 'has it once it is given on the primary');
here(q{SELECT longtail.revoke_model('als', 'replica_reader')});
follow();
like(ask($reader, $als), qr/permission denied for model/, 'and until it is taken back');
leave($reader);

here(q{SELECT longtail.retrain('ease', '{"promote": "always", "regularization": 20}')});
follow();
is(there(sprintf $list, "= 'ease'"), here(sprintf $list, "= 'ease'"), 'a version trained meanwhile');
here(q{SELECT longtail.drop_model('als')});
follow();
like(ask($session, 'EXECUTE als'), qr/model "als" does not exist/, 'a model that is dropped');
here(q{SELECT longtail.train('als', 'bought', 'als', 'u', 'item', options => '{"factors": 4}')});
follow();
is(ask($session, 'EXECUTE als'), here($als), 'and another of its name');
leave($session);
ok(run("pg_ctl restart -w -t 60 -m immediate -D '$dir' -l '$dir/log'"), 'it is killed and starts again');
is(there($als), here($als), 'and serves');

# ---- it takes over ----

my $lists = here(sprintf $list, '<> \'\'');
ok(run("pg_ctl promote -w -t 60 -D '$dir'"), 'it becomes a primary');
is(there(sprintf $list, '<> \'\''), $lists, 'which serves as before');
is(there(q{SET client_min_messages = error; SELECT version, promoted FROM longtail.retrain('als', '{"promote": "always"}')}), '2|t', 'and trains on');
is(there(q{SET client_min_messages = error; SELECT version FROM longtail.train('new', 'bought', 'ease', 'u', 'item')}), 1, 'new models as well');
is(there(q{SELECT count(DISTINCT model_id) = count(*) FROM longtail.model}), 't', 'which get numbers of their own');
is(here($als), there(q{SELECT longtail.promote('als', 1)} . ";$als") =~ s/^\s+//r, 'the other one is as it was');
there('SET client_min_messages = error; DROP EXTENSION longtail CASCADE');
ok(run("pg_ctl stop -w -m fast -D '$dir'"), 'it stops');
system('dropdb', $database);
system('dropuser', 'replica_reader');
done_testing;
