-- recommend_all's rows: those of recommend, whoever computes them; streamed in a select list, stored in FROM.
\ir common.psql

CREATE TABLE bought AS SELECT u, 'item ' || i AS i, 1 + (u * i) % 3 AS w FROM generate_series(1, 250) u, generate_series(1, 900) i WHERE noise('has', u::text, i::text) < 9.0 / (i + 12) AND (u + i) % 5 > 0;
CREATE INDEX ON bought (u);
CREATE TABLE models (m text, options jsonb);
INSERT INTO models VALUES ('als', '{"factors": 20, "epochs": 3}'), ('bpr', '{"factors": 12, "epochs": 3, "popularity_exponent": 0.2}'), ('item_knn', '{}'), ('popularity', '{}');
SELECT ok((longtail.train(m, 'bought', m, 'u', 'i', weight_column => CASE WHEN m <> 'bpr' THEN 'w' END, options => options || '{"split": "none"}')).promoted, m) FROM models;

-- ---- the rows ----
CREATE FUNCTION each_one(m text, k int, method text, strength float8, seen bool) RETURNS TABLE (user_id text, item_id text, score float8, base_score float8, rank int, segment text) LANGUAGE SQL AS $$
    SELECT u::text, r.* FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend(m, u, k, method, strength, seen) r $$;
CREATE FUNCTION differences(m text, k int, method text, strength float8, seen bool) RETURNS bigint LANGUAGE SQL AS $$
    SELECT count(*) FROM (SELECT * FROM longtail.recommend_all(m, k, method, strength, seen)) a FULL JOIN each_one(m, k, method, strength, seen) b USING (user_id, rank) WHERE (a.item_id, a.score, a.base_score, a.segment) IS DISTINCT FROM (b.item_id, b.score, b.base_score, b.segment) $$;
SELECT is(differences(m, k, method, strength, seen), 0::bigint, format('%s, k = %s, %s, %s: as recommend has them, to the last bit', m, k, method, seen))
FROM models, (VALUES (5, NULL, NULL, true), (30, 'none', 0.0, false), (5, 'popularity', 0.3, true), (5, 'xquad', 0.4, true), (3, 'mmr', 0.4, true), (1000, NULL, NULL, true)) v (k, method, strength, seen) WHERE m <> 'popularity' OR method IS DISTINCT FROM 'mmr';

-- ---- threads ----
CREATE FUNCTION on_threads(n int, call text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE all_of_it text; BEGIN
    PERFORM set_config('longtail.threads', n::text, true);
    EXECUTE format('SELECT md5(string_agg(r::text, '','')) FROM %s r', call) INTO all_of_it;
    RETURN all_of_it;
END $$;
SELECT is(on_threads(n, call), on_threads(1, call), format('%s threads: %s', n, call)) FROM unnest('{2,5}'::int[]) n,
    unnest(ARRAY[$$longtail.recommend_all('als', 5)$$, $$longtail.recommend_all('item_knn', 5)$$, $$longtail.recommend_all('bpr', 5, 'random', 0.5)$$, $$longtail.recommend_all('als', 5, min_exposure => 1, max_head_share => 0.5)$$, $$longtail.recommend_all('als', 5, 'dpp', 0.5)$$]) call;

-- ---- in a select list ----
CREATE FUNCTION left_behind() RETURNS bigint LANGUAGE SQL AS $$ SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'longtail %' AND name <> 'longtail model' $$;
SELECT results_eq($$ SELECT longtail.recommend_all(m, 5)::text FROM models WHERE m IN ('als', 'item_knn') ORDER BY m $$, $$ SELECT r::text FROM (SELECT m FROM models WHERE m IN ('als', 'item_knn') ORDER BY m) x, LATERAL longtail.recommend_all(m, 5) r $$, 'the same rows in the same order');
SELECT results_eq($$ SELECT longtail.recommend_all('als', 5, min_exposure => 1)::text $$, $$ SELECT r::text FROM longtail.recommend_all('als', 5, min_exposure => 1) r $$, 'within bounds');
SELECT results_eq($$ SELECT longtail.recommend_all('als', 5)::text LIMIT 7 $$, $$ SELECT r::text FROM longtail.recommend_all('als', 5) r LIMIT 7 $$, 'a limit');
SELECT is(left_behind(), 0::bigint, 'leaves nothing behind');
SELECT is((SELECT count(*) FROM generate_series(1, 4) g, LATERAL (SELECT longtail.recommend_all('als', 5) FROM (VALUES (g)) v LIMIT 3 * g) x), 30::bigint, 'it can be asked again');
SELECT is((SELECT array_agg(n) FROM (SELECT g, (SELECT count(*) FROM (SELECT longtail.recommend_all('als', k) LIMIT 100000) x) AS n FROM generate_series(1, 2) g, unnest('{1,2}'::int[]) k ORDER BY g, k) x), '{250,500,250,500}', 'with other arguments');
SELECT is((SELECT (r).rank FROM (SELECT longtail.recommend_all('als', 5) AS r OFFSET 1003) x LIMIT 1), 4, 'an offset');
SELECT is(left_behind(), 0::bigint, 'nothing is left behind');
CREATE TABLE rows AS SELECT r::text, row_number() OVER () AS n FROM longtail.recommend_all('als', 5) r;
BEGIN;
DECLARE lists CURSOR FOR SELECT longtail.recommend_all('als', 5)::text;
FETCH 1 FROM lists \gset a_
FETCH 1 FROM lists \gset b_
ROLLBACK;
SELECT is(:'b_recommend_all', (SELECT r FROM rows WHERE n = 2), 'a cursor gives rows as they are asked for');
SELECT is(left_behind(), 0::bigint, 'a rollback closes it');
BEGIN;
DECLARE lists CURSOR FOR SELECT longtail.recommend_all('als', 5)::text;
FETCH 1 FROM lists \gset a_
SELECT isnt(left_behind(), 0::bigint, 'while it is open there is something in memory');
DO $$ BEGIN PERFORM longtail.drop_model('als'); END $$;
MOVE 1100 IN lists;
FETCH 1 FROM lists \gset b_
SELECT is(:'b_recommend_all', (SELECT r FROM rows WHERE n = 1102), 'it goes on where it was, even when its model is dropped meanwhile');
CLOSE lists;
SELECT is(left_behind(), 0::bigint, 'and nothing when it is closed');
COMMIT;
SELECT (longtail.train('als', 'bought', 'als', 'u', 'i', options => '{"split": "none", "factors": 4, "epochs": 1}')).promoted AS again \gset
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, 'xquad', 7) $$), 'strength', 'errors are told');
SELECT matches(error_of($$ SELECT longtail.recommend_all('nothing', 5) $$), 'nothing', 'no such model');
SELECT matches(error_of($$ SELECT 1 / (rank - 3) FROM (SELECT (longtail.recommend_all('als', 5)).rank) x $$), 'division by zero', 'an error of the caller ends it');
SELECT is(left_behind(), 0::bigint, 'with all that it has');

-- ---- users without anything, and an empty catalogue's end ----
CREATE TABLE tiny AS SELECT 1 AS u, 1 AS i;
SELECT ok((longtail.train('tiny', 'tiny', 'als', 'u', 'i', options => '{"split": "none"}')).promoted, 'one user, one item');
SELECT is_empty($$ SELECT longtail.recommend_all('tiny') $$, 'who has it');
SELECT is((SELECT item_id FROM longtail.recommend_all('tiny', exclude_seen => false)), '1', 'and may get it again');

SELECT * FROM finish();
