-- forget: a user taken out of stored versions.
\ir common.psql

CREATE TABLE bought AS
SELECT 'user-' || u AS user_id, i AS item_id, 1 + (u + i) % 3 AS amount,
       timestamptz '2026-01-01' + (u * 7 + i * 11) % 90 * interval '1 day' AS at
FROM generate_series(1, 40) AS u, generate_series(1, 16) AS i
WHERE noise('b', u::text, i::text) < CASE WHEN u % 2 = i % 2 THEN 0.7 ELSE 0.2 END;
INSERT INTO bought SELECT user_id, item_id, amount, at + interval '40 days' FROM bought WHERE (item_id + length(user_id)) % 4 = 0;
CREATE TABLE others AS SELECT * FROM bought WHERE user_id <> 'user-17';
CREATE TABLE people AS SELECT 'user-' || u AS user_id, 'city' || u % 4 AS city, u AS age FROM generate_series(1, 40) AS u;
CREATE TABLE goods AS SELECT i AS item_id, 'kind' || i % 3 AS kind FROM generate_series(1, 16) AS i;
CREATE TABLE friends AS SELECT 'user-' || u AS user_id, 'user-' || u * 7 % 40 + 1 AS friend_id FROM generate_series(1, 40) AS u;

-- Every algorithm that recommends, and what it is trained with.
CREATE TABLE trained (model text, algorithm text, features boolean, options jsonb, extra boolean DEFAULT false);
INSERT INTO trained VALUES
    ('als', 'als', false, '{"factors": 6}'), ('bpr', 'bpr', false, '{"factors": 6, "epochs": 5}'),
    ('ease', 'ease', false, '{}'), ('item_knn', 'item_knn', false, '{}'), ('rp3beta', 'rp3beta', false, '{}'),
    ('graph_filter', 'graph_filter', false, '{}'), ('markov', 'markov', false, '{}'),
    ('content', 'content', true, '{"factors": 6}'), ('popularity', 'popularity', false, '{}'),
    ('user_knn', 'user_knn', false, '{"social": "t.friends"}'),
    ('logistic', 'logistic', true, '{"id_features": "both", "crosses": [["city", "kind"]]}'),
    ('mlp', 'mlp', true, '{"hidden": [6], "epochs": 3, "factors": 3}'),
    ('searched', 'als', false, '{"search": {"factors": [4, 6]}}');
INSERT INTO trained VALUES ('blend', 'blend', false, '{"models": ["als", "user_knn"], "weight": 0.5}', true);
CREATE FUNCTION train(t trained, source regclass, name text) RETURNS void LANGUAGE SQL AS $$
    SELECT longtail.train(name, source, t.algorithm, 'user_id', 'item_id', time_column => 'at',
        user_features => CASE WHEN t.features AND t.algorithm <> 'content' THEN 'people'::regclass END,
        item_features => CASE WHEN t.features THEN 'goods'::regclass END, options => t.options || '{"seed": 1}')
$$;
DO $$ BEGIN PERFORM train(t, 'bought', t.model) FROM trained AS t WHERE NOT extra; END $$;
DO $$ BEGIN PERFORM train(t, 'bought', t.model) FROM trained AS t WHERE extra; END $$;
SELECT set_eq('SELECT DISTINCT algorithm FROM trained',
    $$SELECT name FROM longtail.algorithms() WHERE recommender AND name <> 'auto'$$, 'every algorithm is tried');

CREATE FUNCTION traces(who text) RETURNS SETOF text LANGUAGE SQL AS $$
    SELECT m.name || ' ' || d.version || ' ' || d.part FROM longtail.model_data AS d JOIN longtail.model AS m USING (model_id)
    WHERE position(convert_to(who, 'UTF8') IN d.bytes) > 0
$$;
CREATE FUNCTION lists() RETURNS TABLE (model text, user_id text, rank int, item_id text, score float8) LANGUAGE SQL AS $$
    SELECT t.model, u, l.rank, l.item_id, l.score FROM trained AS t,
           unnest(ARRAY['user-1', 'user-18', 'user-40']) AS u, longtail.recommend(t.model, u, 5) AS l
$$;
SELECT set_eq($$SELECT split_part(trace, ' ', 1) FROM traces('user-17') AS trace$$, 'SELECT model FROM trained', 'the id is in all of them');
CREATE TABLE before AS SELECT * FROM lists();
CREATE TABLE outcome AS SELECT t.model, f.* FROM trained AS t, longtail.forget(t.model, 'user-17') AS f;
SELECT is_empty($$SELECT * FROM traces('user-17')$$, 'and then in none, in no part');
SELECT is((SELECT array_agg(DISTINCT versions) FROM outcome), '{1}', 'one version each had the user');
SELECT is((SELECT array_agg(DISTINCT interactions) FROM outcome),
    ARRAY[(SELECT count(DISTINCT item_id) FROM bought WHERE user_id = 'user-17')], 'and the items');
SELECT is((SELECT bool_and(in_source) FROM outcome), true, 'the source still has the user');
SELECT set_eq('SELECT model FROM outcome WHERE NOT retraining_needed', ARRAY['popularity', 'user_knn'],
    'nobody else has anything of the user where there are counts and users'' own rows alone');
SELECT is_empty($$SELECT * FROM outcome WHERE reason NOT LIKE '%read this user again'$$, 'the reason tells of the source');
SELECT is_empty($$(SELECT * FROM before EXCEPT SELECT * FROM lists()) INTERSECT
                  SELECT * FROM before WHERE model NOT IN ('popularity', 'user_knn', 'blend')$$,
    'the others'' lists are the same, to the bit');
SELECT is((SELECT count(*) FROM trained AS t, longtail.recommend(t.model, 'user-17', 3)),
    (SELECT 3 * count(*) FROM trained), 'somebody forgotten is served as a stranger');
SELECT is((SELECT users FROM longtail.model_versions WHERE model = 'als'), 39::bigint, 'one user less');
SELECT results_eq($$SELECT versions, interactions, in_source, retraining_needed FROM longtail.forget('als', 'user-17')$$,
    $$VALUES (0, 0::bigint, true, false)$$, 'once is enough');

-- What remains of counts is what training without the user makes, byte by byte.
CREATE FUNCTION bytes_of(name text) RETURNS TABLE (part text, md5 text) LANGUAGE SQL AS $$
    SELECT part, md5(string_agg(bytes, '' ORDER BY chunk)) FROM longtail.model_data JOIN longtail.model AS m USING (model_id)
    WHERE m.name = bytes_of.name AND version = m.active_version AND part <> 'profile' GROUP BY part
$$;
CREATE FUNCTION same_as_without(algorithm text, weight name, at name, options jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE forgotten record;
BEGIN
    PERFORM longtail.train('with', 'bought', algorithm, 'user_id', 'item_id', weight_column => weight, time_column => at, options => options);
    PERFORM longtail.train('without', 'others', algorithm, 'user_id', 'item_id', weight_column => weight, time_column => at, options => options);
    SELECT * INTO forgotten FROM longtail.forget('with', 'user-17');
    IF forgotten.retraining_needed THEN RAISE '%', forgotten.reason; END IF;
    RETURN NOT EXISTS ((SELECT bytes_of('with') EXCEPT SELECT bytes_of('without')) UNION ALL
                       (SELECT bytes_of('without') EXCEPT SELECT bytes_of('with')));
END $$;
SELECT ok(same_as_without('popularity', NULL, NULL, '{}'), 'popularity');
SELECT ok(same_as_without('popularity', 'amount', NULL, '{}'), 'popularity by weights');
SELECT ok(same_as_without('popularity', 'amount', 'at', '{"split": "none"}'), 'with times, on all rows');
SELECT ok(same_as_without('popularity', 'amount', 'at', '{"split": "random"}'), 'with times and a part held out');
SELECT ok(same_as_without('popularity', NULL, 'at', '{"split": "none", "duplicates": "sum", "trend_exponent": 1, "trend_half_life": 3}'), 'with trends of its own');
SELECT ok(same_as_without('user_knn', 'amount', 'at', '{"split": "random"}'), 'user_knn');
SELECT results_eq($$SELECT longtail.train('aged', 'bought', 'popularity', 'user_id', 'item_id', time_column => 'at', options => '{"half_life": 9}') IS NULL,
                    retraining_needed, reason FROM longtail.forget('with', 'nobody')$$, $$VALUES (false, false, 'no version knows this user')$$, 'a stranger');
SELECT results_eq($$SELECT retraining_needed, reason LIKE 'counts of interactions could not%' FROM longtail.forget('aged', 'user-17')$$,
    $$VALUES (true, true)$$, 'counts that age');

-- The source, as the next training would find it.
DELETE FROM bought WHERE user_id = 'user-17';
SELECT is((SELECT in_source FROM longtail.forget('als', 'user-17')), false, 'gone from the source');
SELECT is((SELECT in_source FROM longtail.forget('logistic', 'user-17')), true, 'but not from user_features');
SELECT is((SELECT in_source FROM longtail.forget('user_knn', 'user-17')), true, 'nor from the edges');
DELETE FROM people WHERE user_id = 'user-17';
DELETE FROM friends WHERE 'user-17' IN (user_id, friend_id);
SELECT is((SELECT in_source FROM longtail.forget('logistic', 'user-17')), false, 'gone from both');
SELECT is((SELECT in_source FROM longtail.forget('user_knn', 'user-17')), false, 'and from the edges');

-- All versions: the active one, one held back, one of before.
SELECT lives_ok($$SELECT longtail.train('several', 'bought', 'als', 'user_id', 'item_id', options => '{"factors": 4, "promote": "always"}')$$, 'trained');
SELECT is((longtail.retrain('several')).version, 2, 'again');
SELECT is((longtail.retrain('several', '{"promote": "never"}')).version, 3, 'held back');
SELECT is((SELECT versions FROM longtail.forget('several', 'user-9')), 3, 'three versions');
SELECT is_empty($$SELECT * FROM traces('user-9') WHERE traces LIKE 'several %'$$, 'without a trace');
SELECT lives_ok($$SELECT longtail.promote('several', 1)$$, 'promoted back');
SELECT is((SELECT count(*) FROM longtail.recommend('several', 'user-8', 4)), 4::bigint, 'it serves');

-- Transactions: what was cached in the same one, and what is rolled back.
CREATE TABLE expected AS SELECT longtail.predict('logistic', 'user-3', 5) AS known, longtail.predict('logistic', 'user-99', 5) AS stranger;
DELETE FROM people WHERE user_id IN ('user-3', 'user-4');
BEGIN;
SELECT is(longtail.predict('logistic', 'user-3', 5), known, 'before') FROM expected;
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-4')), 1, 'another leaves');
SELECT is(longtail.predict('logistic', 'user-3', 5), known, 'in the same transaction: still known') FROM expected;
SAVEPOINT s;
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-3')), 1, 'and another');
SELECT is(longtail.predict('logistic', 'user-3', 5), stranger, 'a stranger at once') FROM expected;
ROLLBACK TO s;
SELECT is(longtail.predict('logistic', 'user-3', 5), known, 'known again') FROM expected;
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-3')), 1, 'forgotten again');
SELECT is(longtail.predict('logistic', 'user-3', 5), stranger, 'a stranger again') FROM expected;
ROLLBACK;
SELECT is(longtail.predict('logistic', 'user-3', 5), known, 'rolled back: known') FROM expected;
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-3')), 1, 'committed');
SELECT is(longtail.predict('logistic', 'user-3', 5), stranger, 'a stranger for good') FROM expected;

-- Ids of other types, and refreshed versions.
CREATE TABLE numbered AS SELECT substr(user_id, 6)::int * 1000003 AS user_id, item_id FROM bought;
CREATE TABLE keyed AS SELECT md5(user_id)::uuid AS user_id, item_id FROM bought;
SELECT lives_ok($$SELECT longtail.train('numbered', 'numbered', 'bpr', 'user_id', 'item_id', options => '{"factors": 4}')$$, 'trained');
SELECT lives_ok($$SELECT longtail.train('keyed', 'keyed', 'bpr', 'user_id', 'item_id', options => '{"factors": 4}')$$, 'trained');
SELECT is((SELECT versions FROM longtail.forget('numbered', 5 * 1000003)), 1, 'an integer');
SELECT is((SELECT versions FROM longtail.forget('numbered', '7000021')), 1, 'as a literal');
SELECT is((SELECT versions FROM longtail.forget('numbered', 8000024::bigint)), 1, 'as a bigint');
SELECT is((SELECT versions FROM longtail.forget('keyed', md5('user-5')::uuid)), 1, 'a uuid');
SELECT is((SELECT versions FROM longtail.forget('keyed', md5('user-6')::uuid::text)), 1, 'as text');
INSERT INTO people VALUES ('user-new', 'city1', 3);
SELECT is((SELECT version FROM longtail.refresh('logistic')), 2, 'refreshed');
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-new')), 1, 'a newcomer leaves');
SELECT is((SELECT versions FROM longtail.forget('logistic', 'user-8')), 2, 'and one of before');
SELECT ok((longtail.retrain('logistic')).version = 3, 'it trains again');

-- What goes wrong.
CREATE TABLE plain AS SELECT i AS x, i % 2 AS y FROM generate_series(1, 40) AS i;
SELECT lives_ok($$SELECT longtail.train('plain', 'plain', 'logistic', label_column => 'y')$$, 'trained');
SELECT matches(error_of($$SELECT longtail.forget('plain', 1)$$), 'has no users and items', 'a model of rows');
SELECT matches(error_of($$SELECT longtail.forget('none', 1)$$), 'does not exist', 'no model');
SELECT matches(error_of($$SELECT longtail.forget('als', NULL)$$), 'user_id.* NULL', 'nobody');
SELECT matches(error_of($$SELECT longtail.forget('numbered', 'x')$$), 'invalid input syntax', 'no id of this model');
SELECT matches(error_of($$SELECT longtail.forget('als', 1.5)$$), 'cannot be an id', 'no id at all');
CREATE ROLE forgetter;
GRANT USAGE ON SCHEMA t TO forgetter;
SELECT lives_ok($$SELECT longtail.grant_model('als', 'forgetter')$$, 'granted');
SET ROLE forgetter;
SELECT matches(error_of($$SELECT longtail.forget('als', 'user-1')$$), 'must be owner', 'only the owner');
RESET ROLE;
SELECT lives_ok($$SELECT longtail.revoke_model('als', 'forgetter')$$, 'revoked');
DROP TABLE keyed;
SELECT results_eq($$SELECT versions, in_source FROM longtail.forget('keyed', md5('user-7')::uuid)$$, $$VALUES (1, NULL::boolean)$$,
    'a source that is gone is not in the way');
ALTER TABLE numbered RENAME user_id TO customer;
SELECT is((SELECT in_source FROM longtail.forget('numbered', 1000003)), NULL, 'nor a column');
CREATE SCHEMA closed;
GRANT USAGE ON SCHEMA closed TO forgetter;
CREATE TABLE closed.bought AS TABLE bought;
CREATE TABLE closed.friends AS SELECT 'user-1'::text AS user_id, 'user-2'::text AS friend_id;
GRANT SELECT ON closed.bought, closed.friends, bought TO forgetter;
SET ROLE forgetter;
SELECT lives_ok($$SELECT longtail.train('closed', 'closed.bought', 'ease', 'user_id', 'item_id')$$, 'trained');
SELECT lives_ok($$SELECT longtail.train('friends', 'bought', 'user_knn', 'user_id', 'item_id', options => '{"social": "closed.friends"}')$$, 'trained');
RESET ROLE;
REVOKE USAGE ON SCHEMA closed FROM forgetter;
SET ROLE forgetter;
SELECT results_eq(format($$SELECT versions, in_source FROM longtail.forget(%L, 'stranger')$$, model), $$VALUES (0, NULL::boolean)$$,
    model || ': a schema that may not be used any more is not in the way') FROM (VALUES ('closed'), ('friends')) AS m (model);
RESET ROLE;
GRANT USAGE ON SCHEMA closed TO forgetter;
DROP TABLE closed.friends;
SET ROLE forgetter;
SELECT is((SELECT in_source FROM longtail.forget('friends', 'stranger')), NULL, 'nor are edges that are gone');
RESET ROLE;
DROP OWNED BY forgetter;
DROP ROLE forgetter;
SELECT * FROM finish();
