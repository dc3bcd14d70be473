-- models.sql: what a released version stored, for test/t/released.t to read ever after.  Run once a release, by its own
-- server (CREATE EXTENSION longtail before), in a new database:
--
--     psql -X -v ON_ERROR_STOP=1 -f test/released/models.sql && pg_dump > test/released/models-A.sql
--
-- Small models of every algorithm, of every kind of column and id, with versions, grants and predictors; and in
-- shop.answer what the version itself answered, by which later ones are judged.
SET client_min_messages = error;
SET longtail.threads = 1;
CREATE ROLE released_owner;
CREATE ROLE released_reader;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO released_owner;
SET search_path = shop, public;

CREATE FUNCTION noise(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$SELECT (hashtextextended($1, 7) & 1048575)::float8 / 1048576$$;
CREATE TABLE bought AS
SELECT u::bigint AS user_id, 'item ' || i AS item_id, timestamptz '2026-01-01 UTC' + make_interval(hours => (u * 7 + i * 3) % 900) AS at,
       1 + (u + i) % 4 AS amount
FROM generate_series(1, 50) u, generate_series(1, 40) i WHERE shop.noise(u || ' ' || i) < 0.12 + 0.5 * (u % 4 = i % 4)::int;
CREATE INDEX ON bought (user_id);
CREATE TABLE customer AS
SELECT u::bigint AS user_id, 20 + u % 50 AS age, CASE u % 3 WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' END AS club, u % 2 = 0 AS letters
FROM generate_series(1, 60) u;
CREATE UNIQUE INDEX ON customer (user_id);
CREATE TYPE shelf AS ENUM ('low', 'eye', 'high');
CREATE TABLE item AS
SELECT 'item ' || i AS item_id, (1 + i % 9) * 1.5 AS price, (ARRAY['low', 'eye', 'high'])[1 + i % 3]::shelf AS shelf,
       ARRAY['t' || i % 4, 't' || i % 7] AS tags, ARRAY[cos(i), sin(i), i % 2]::real[] AS picture,
       'lamp ' || i % 11 || ' of ' || (ARRAY['brass', 'glass'])[1 + i % 2] AS title, date '2025-01-01' + i * 5 AS made
FROM generate_series(1, 42) i;
CREATE UNIQUE INDEX ON item (item_id);
CREATE TABLE friend AS SELECT u::bigint AS user_id, (u * 7) % 50 + 1 AS friend_id, 1.0 AS weight FROM generate_series(1, 55) u;
CREATE TABLE visit AS
SELECT v AS visit_id, uuid_in(md5('user ' || v % 30)::cstring) AS user_id, floor(25 * shop.noise('of ' || v))::int AS item_id, floor(6 * shop.noise('stars ' || v))::int AS stars FROM generate_series(1, 400) v;
CREATE TABLE lead AS
SELECT (l * 7) % 40 AS pages, CASE WHEN l % 9 > 0 THEN (l % 13)::numeric END AS score, 'from ' || l % 5 AS origin, l % 3 = 0 AS member,
       timestamptz '2026-02-01 UTC' + make_interval(hours => l * 5) AS seen, 'word' || l % 6 || ' and word' || l % 4 AS note,
       (l * 7) % 40 + 10 * shop.noise('lead ' || l) > 22 AS bought, 3 * ((l * 7) % 40) + l % 5 AS spent
FROM generate_series(1, 200) l;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO released_owner;

SET ROLE released_owner;
SELECT longtail.train('logistic', 'bought', 'logistic', 'user_id', 'item_id', user_features => 'customer', item_features => 'item',
    options => '{"epochs": 10, "crosses": [["club", "shelf"]], "text": ["title"], "text_buckets": 64}');
SELECT longtail.train('mlp', 'bought', 'mlp', 'user_id', 'item_id', user_features => 'customer', item_features => 'item',
    options => '{"epochs": 3, "hidden": [8, 4], "batch_norm": true, "embedding": 4, "factors": 4}');
SELECT longtail.train(a, 'bought', a, 'user_id', 'item_id', options => '{"neighbors": 10}')
FROM unnest('{ease,rp3beta,item_knn,graph_filter}'::text[]) a;
SELECT longtail.train('als', 'bought', 'als', 'user_id', 'item_id', weight_column => 'amount', options => '{"factors": 4, "epochs": 4}');
SELECT longtail.train('bpr', 'bought', 'bpr', 'user_id', 'item_id', options => '{"factors": 4, "epochs": 4}');
SELECT longtail.train('ratings', 'visit', 'als', 'user_id', 'item_id', 'stars', options => '{"factors": 3, "epochs": 4, "features": ["-visit_id"]}');
SELECT longtail.train('popularity', 'bought', 'popularity', 'user_id', 'item_id', time_column => 'at',
    options => '{"trend_exponent": 0.3, "popularity_exponent": 0.1, "rerank": "quota", "rerank_strength": 0.3}');
SELECT longtail.train('user_knn', 'bought', 'user_knn', 'user_id', 'item_id', options => '{"neighbors": 10, "social": "shop.friend"}');
SELECT longtail.train('markov', 'bought', 'markov', 'user_id', 'item_id', time_column => 'at', options => '{"neighbors": 10}');
SELECT longtail.train('content', 'bought', 'content', 'user_id', 'item_id', item_features => 'item', options => '{"base": "als"}');
SELECT longtail.train('blend', 'bought', 'blend', 'user_id', 'item_id', options => '{"models": ["als", "ease"], "weight": 0.4}');
SELECT longtail.train('auto', 'bought', 'auto', 'user_id', 'item_id', options => '{"algorithms": ["item_knn", "popularity"]}');
SELECT longtail.train('leads', 'lead', 'logistic', label_column => 'bought', options => '{"features": ["-spent"], "text": ["note"], "text_buckets": 32}');
SELECT longtail.train('spending', 'lead', 'mlp', label_column => 'spent', options => '{"features": ["-bought"], "epochs": 5, "hidden": [6]}');
SELECT longtail.retrain('ease', '{"promote": "never", "regularization": 50}'), longtail.retrain('bpr', '{"promote": "always", "seed": 2}');
RESET ROLE;
INSERT INTO item SELECT 'item new', 4, 'eye', '{t1}', '{1,0,1}', 'lamp 3 of glass', '2026-01-01';
SET ROLE released_owner;
SELECT longtail.refresh('content');
SELECT longtail.grant_model('als', 'released_reader'), longtail.grant_model('popularity', 'public');
RESET ROLE;

CREATE TABLE predictor AS
SELECT origin, longtail.logistic_fit(bought, ARRAY[pages, coalesce(score, 0)]::float8[]) AS yes,
       longtail.mlp_fit(spent, ARRAY[pages, coalesce(score, 0)]::float8[], '{"epochs": 3, "hidden": [3]}') AS amount
FROM lead GROUP BY origin;

-- Questions answer in one column of text, its numbers comparable one by one.
CREATE TABLE question (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, model text, query text NOT NULL);
INSERT INTO question (model, query)
SELECT model, replace(q, 'MODEL', model) FROM longtail.models, unnest(ARRAY[
    $$SELECT string_agg(concat_ws(' ', item_id, score, base_score, segment), E'\n' ORDER BY rank) FROM longtail.recommend('MODEL', 7, 5)$$,
    $$SELECT string_agg(concat_ws(' ', item_id, score), E'\n' ORDER BY rank) FROM longtail.recommend('MODEL', 999, 5)$$,
    $$SELECT string_agg(concat_ws(' ', user_id, item_id, score), E'\n' ORDER BY user_id::text, rank) FROM longtail.recommend_all('MODEL', 3, method => 'xquad', strength => 0.3) WHERE user_id::text LIKE '%1'$$,
    $$SELECT string_agg(concat_ws(' ', item_id, interactions, popularity_rank, segment, novelty), E'\n' ORDER BY popularity_rank, item_id) FROM longtail.item_stats('MODEL') WHERE popularity_rank < 9$$]) q
WHERE model NOT IN ('leads', 'spending', 'ratings') ORDER BY model, q;
INSERT INTO question (model, query) VALUES
('ratings', $$SELECT string_agg(concat_ws(' ', item_id, score), E'\n' ORDER BY rank) FROM longtail.recommend('ratings', md5('user 3')::uuid, 5)$$),
('als', $$SELECT string_agg(concat_ws(' ', item_id, score), E'\n' ORDER BY rank) FROM longtail.recommend_basket('als', '{item 3,item 7}'::text[], 5)$$),
('als', $$SELECT string_agg(s::text, E'\n') FROM longtail.similar_items('als', 'item 3'::text, 4) s$$),
('ease', $$SELECT string_agg(e::text, E'\n') FROM longtail.explain('ease', 7, 'item 3'::text) e$$),
('logistic', $$SELECT string_agg(concat_ws(' ', feature, coefficient), E'\n' ORDER BY feature COLLATE "C") FROM longtail.coefficients('logistic')$$),
('mlp', $$SELECT longtail.predict('mlp', 7, 'item 8'::text)::text$$),
('leads', $$SELECT string_agg(longtail.predict('leads', lead)::text, ' ' ORDER BY seen) FROM shop.lead WHERE pages < 9$$),
('spending', $$SELECT string_agg(longtail.predict('spending', lead)::text, ' ' ORDER BY seen) FROM shop.lead WHERE pages < 9$$),
(NULL, $$SELECT string_agg(concat_ws(' ', origin, longtail.predict(yes, '{20,3}'), longtail.predict(amount, '{20,3}')), E'\n' ORDER BY origin) FROM shop.predictor$$),
(NULL, $$SELECT string_agg(concat_ws(' ', model, owner, algorithm, version, source, user_column, options, versions), E'\n' ORDER BY model) FROM longtail.models$$),
(NULL, $$SELECT string_agg(concat_ws(' ', model, version, active, algorithm, trained AT TIME ZONE 'UTC', rows, users, items, features, epochs, loss, validation_metric, validation_value, decision, options), E'\n' ORDER BY model, version) FROM longtail.model_versions$$),
(NULL, $$SELECT string_agg(t::text, E'\n' ORDER BY model, version, epoch) FROM longtail.training_log t$$),
(NULL, $$SELECT string_agg(t::text, E'\n' ORDER BY model, version, trial) FROM longtail.training_trials t$$);
CREATE TABLE answer (number integer PRIMARY KEY, answer text);
DO $do$
DECLARE q question; said text;
BEGIN
    FOR q IN SELECT * FROM question LOOP
        EXECUTE q.query INTO said;
        INSERT INTO answer VALUES (q.number, said);
    END LOOP;
END $do$;
