#!/usr/bin/env bash
# recommend.sh: how long recommend(k => 10) takes over 10,000 items, through a prepared statement, one client.
#
#   make bench ONLY=recommend     on a private server, which this reaches through the PG* variables
#   SECONDS_EACH=10               how long pgbench runs a statement (5)
#
# Needs pgbench, which comes with PostgreSQL's server package.
#
# The data: 10,000 items and 20,000 users with three features each, 1,000,000 purchases, an index led by the user.  Users
# are asked for at random.  The latency is what pgbench sees, the way to the server and back included: the median of
# all but the first 100 calls, in which the session loads the model, then the 95th percentile and the number of calls.
set -eu
umask 022
seconds=${SECONDS_EACH:-5}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$@"; }

sql <<'SQL'
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
SELECT setseed(0.3) \g /dev/null
CREATE TABLE bench.users AS
SELECT u AS user_id, round(18 + 60 * random()) AS age, (ARRAY['north', 'south', 'east', 'west'])[1 + floor(4 * random())] AS region,
       random() < 0.3 AS member
FROM generate_series(1, 20000) u;
CREATE TABLE bench.items AS
SELECT i AS item_id, exp(1 + 2 * random()) AS price, 'c' || floor(20 * random()) AS category,
       ARRAY['t' || floor(50 * random()), 't' || floor(50 * random())] AS tags
FROM generate_series(1, 10000) i;
CREATE TABLE bench.purchases AS
SELECT 1 + floor(20000 * random())::integer AS user_id, 1 + floor(10000 * random() ^ 2)::integer AS item_id
FROM generate_series(1, 1000000);
ALTER TABLE bench.users ADD PRIMARY KEY (user_id);
ALTER TABLE bench.items ADD PRIMARY KEY (item_id);
CREATE INDEX ON bench.purchases (user_id, item_id);
VACUUM ANALYZE bench.users, bench.items, bench.purchases;
SELECT longtail.train('bench_logistic', 'bench.purchases', 'logistic', 'user_id', 'item_id',
    user_features => 'bench.users', item_features => 'bench.items',
    options => '{"crosses": [["region", "category"], ["age", "price"], ["member", "tags"]], "negatives": 1}') \g /dev/null
SELECT longtail.train('bench_mlp', 'bench.purchases', 'mlp', 'user_id', 'item_id',
    user_features => 'bench.users', item_features => 'bench.items',
    options => '{"hidden": [64, 32], "embedding": 16, "epochs": 1, "negatives": 1}') \g /dev/null
-- Users who come after training: features, and a purchase made since.
INSERT INTO bench.users SELECT u, 40, 'north', true FROM generate_series(20001, 21000) u;
INSERT INTO bench.purchases SELECT u, 17 FROM generate_series(20001, 21000) u;
VACUUM ANALYZE bench.users, bench.purchases;
SQL

# measure NAME FIRST LAST CALL: users from FIRST to LAST
measure() {
    printf '\\set u random(%s, %s)\nSELECT * FROM longtail.recommend(%s);\n' "$2" "$3" "$4" >"$scratch/script"
    (cd "$scratch" && pgbench -n -M prepared -c 1 -T "$seconds" -l -f script >out 2>&1) || { cat "$scratch/out" >&2; exit 1; }
    tail -q -n +101 "$scratch"/pgbench_log.* | awk '{ print $3 / 1000 }' | sort -n | awk -v name="$1" '
        { t[NR] = $1 }
        END { printf "%-52s %7.3f ms   95 %% within %7.3f ms   %7d calls\n", name, t[int((NR + 1) / 2)], t[int(NR * 0.95)], NR }'
    rm -f "$scratch"/pgbench_log.*
}

printf 'PostgreSQL %s, 10,000 items, k = 10, one client, prepared, median latency\n' "$(sql -c 'SHOW server_version')"
printf 'SELECT 1;\n' >"$scratch/one"
(cd "$scratch" && pgbench -n -M prepared -c 1 -T 2 -l -f one >/dev/null 2>&1)
tail -q -n +101 "$scratch"/pgbench_log.* | awk '{ print $3 / 1000 }' | sort -n |
    awk '{ t[NR] = $1 } END { printf "%-52s %7.3f ms\n", "SELECT 1, for scale", t[int((NR + 1) / 2)] }'
rm -f "$scratch"/pgbench_log.*
for model in logistic mlp; do
    measure "$model" 1 20000 "'bench_$model', :u::integer, exclude_seen => false"
    measure "$model, without what the user has now" 1 20000 "'bench_$model', :u::integer"
    measure "$model, the same, boosted by popularity" 1 20000 "'bench_$model', :u::integer, method => 'popularity', strength => 0.15"
    measure "$model, the same, reranked by xquad" 1 20000 "'bench_$model', :u::integer, method => 'xquad', strength => 0.3"
    measure "$model, the same, users unknown but for features" 20001 21000 "'bench_$model', :u::integer"
done
sql -c 'SET client_min_messages = warning' -c "SELECT longtail.drop_model('bench_logistic'), longtail.drop_model('bench_mlp')" \
    -c 'DROP SCHEMA bench CASCADE' >/dev/null
