-- Option min_users: what few users have is stored nowhere.
\ir common.psql

CREATE TABLE bought AS
SELECT 'user-' || u AS user_id, 'item-' || i AS item_id, u + i AS at,
       CASE WHEN u = 7 THEN 'paid in gold' WHEN (u + i) % 3 = 0 THEN 'cash' ELSE 'card' END AS paid,
       CASE WHEN u IN (8, 9) AND i % 2 = 0 THEN '{tagrare,tagcommon}'::text[] ELSE '{tagcommon}' END AS tags
FROM generate_series(1, 40) AS u, generate_series(1, 20) AS i
WHERE noise('m', u::text, i::text) < 0.8 / i AND i <= 14 OR (i = 15 AND u <= 3) OR (i = 16 AND u = 5) OR (i = 17 AND u IN (5, 6));
-- One user many times is one user; and one who has nothing else.
INSERT INTO bought SELECT 'user-5', 'item-16', 100 + n, 'cash', NULL FROM generate_series(1, 9) AS n;
INSERT INTO bought VALUES ('user-lonely', 'item-17', 1, 'card', NULL);
CREATE TABLE kept AS SELECT * FROM bought JOIN
    (SELECT item_id FROM bought GROUP BY item_id HAVING count(DISTINCT user_id) >= 4) AS enough USING (item_id);
CREATE VIEW few AS SELECT item_id FROM bought GROUP BY item_id HAVING count(DISTINCT user_id) < 4;
SELECT cmp_ok((SELECT count(*) FROM few), '>=', 3::bigint, 'some items have few users');
CREATE TABLE people AS
SELECT 'user-' || u AS user_id, CASE WHEN u = 3 THEN 'hamlet' WHEN u < 6 THEN 'village' ELSE 'town' || u % 2 END AS place, u AS age
FROM generate_series(1, 40) AS u;
CREATE TABLE goods AS SELECT 'item-' || i AS item_id, 'kind' || i % 3 AS kind FROM generate_series(1, 20) AS i;

CREATE FUNCTION stored(name text, what text) RETURNS boolean LANGUAGE SQL AS $$
    SELECT bool_or(position(convert_to(what, 'UTF8') IN bytes) > 0)
    FROM longtail.model_data JOIN longtail.model AS m USING (model_id) WHERE m.name = stored.name AND version = m.active_version
$$;
CREATE FUNCTION bytes_of(name text) RETURNS TABLE (part text, md5 text) LANGUAGE SQL AS $$
    SELECT part, md5(string_agg(bytes, '' ORDER BY chunk)) FROM longtail.model_data JOIN longtail.model AS m USING (model_id)
    WHERE m.name = bytes_of.name AND version = m.active_version AND part <> 'profile' GROUP BY part
$$;
-- Trained with the option is trained on rows of the other items alone.
CREATE FUNCTION same(algorithm text, at name, options jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('with', 'bought', algorithm, 'user_id', 'item_id', time_column => at, options => options || '{"min_users": 4, "features": ["-paid", "-tags", "-at"]}');
    PERFORM longtail.train('kept', 'kept', algorithm, 'user_id', 'item_id', time_column => at, options => options || '{"features": ["-paid", "-tags", "-at"]}');
    RETURN NOT EXISTS ((SELECT bytes_of('with') EXCEPT SELECT bytes_of('kept')) UNION ALL
                       (SELECT bytes_of('kept') EXCEPT SELECT bytes_of('with')));
END $$;
SELECT ok(same(a, at, o::jsonb), a || ' ' || o)
FROM (VALUES ('popularity', NULL, '{}'), ('als', NULL, '{"factors": 4}'), ('bpr', NULL, '{"factors": 4, "epochs": 3}'), ('ease', NULL, '{}'),
             ('user_knn', NULL, '{}'), ('item_knn', 'at', '{"split": "none"}'), ('markov', 'at', '{"split": "none"}'),
             ('rp3beta', NULL, '{"duplicates": "max"}'), ('graph_filter', NULL, '{}'), ('mlp', NULL, '{"hidden": [4], "epochs": 2}')) AS v (a, at, o);
SELECT is((SELECT bool_or(stored('with', item_id)) FROM few), false, 'no id of theirs is stored');
SELECT is(stored('with', 'user-lonely'), false, 'nor of a user who had nothing else');
SELECT is((SELECT rows_skipped FROM longtail.model_versions WHERE model = 'with' AND active),
    (SELECT count(*) FROM bought JOIN few USING (item_id)), 'their rows are told as skipped');
SELECT is((SELECT rows FROM longtail.model_versions WHERE model = 'with' AND active), (SELECT count(*) FROM kept), 'the others as rows');

-- Items of item_features are the catalogue's own: there, but as if nobody had them.
SELECT lives_ok($$SELECT longtail.train('catalogue', 'bought', 'content', 'user_id', 'item_id', item_features => 'goods',
    options => '{"min_users": 4, "factors": 4, "split": "none"}')$$, 'with a catalogue');
SELECT set_eq($$SELECT item_id FROM longtail.item_stats('catalogue') WHERE interactions = 0$$,
    $$SELECT item_id FROM few UNION SELECT item_id FROM goods WHERE item_id NOT IN (SELECT item_id FROM bought)$$, 'without interactions');

-- Categories: of rows by users, of user_features, of bags.
SELECT lives_ok($$SELECT longtail.train('seldom', 'bought', 'logistic', 'user_id', 'item_id', user_features => 'people', time_column => 'at',
    options => '{"min_users": 3, "min_count": 1, "split": "none", "id_features": "item"}')$$, 'features');
SELECT lives_ok($$SELECT longtail.train('any', 'bought', 'logistic', 'user_id', 'item_id', user_features => 'people', time_column => 'at',
    options => '{"min_count": 1, "split": "none", "id_features": "item"}')$$, 'and without');
SELECT lives_ok($$SELECT longtail.train('folded', 'bought', 'logistic', 'user_id', 'item_id', user_features => 'people', time_column => 'at',
    options => '{"min_users": 3, "min_count": 1000, "split": "none", "id_features": "item"}')$$, 'with rare ones folded');
SELECT ok(stored('any', what), what || ' is stored without') FROM unnest(ARRAY['paid in gold', 'hamlet', 'tagrare']) AS what;
SELECT ok(NOT stored('seldom', what), what || ' is not with it') FROM unnest(ARRAY['paid in gold', 'hamlet', 'tagrare']) AS what;
SELECT ok(NOT stored('folded', what), what || ' is not among the rare ones') FROM unnest(ARRAY['paid in gold', 'hamlet', 'tagrare']) AS what;
SELECT ok(stored('seldom', what), what || ' has enough') FROM unnest(ARRAY['cash', 'village', 'tagcommon']) AS what;
SELECT is_empty($$SELECT * FROM longtail.coefficients('seldom') WHERE feature ~ 'gold|hamlet|tagrare|other'$$, 'they have no column, not even (other)');
INSERT INTO people VALUES ('stranger-1', 'hamlet', 20), ('stranger-2', 'nowhere', 20);
SELECT is(longtail.predict('seldom', 'stranger-1', 'item-1'), longtail.predict('seldom', 'stranger-2', 'item-1'), 'as one never seen');

-- Without users, rows.
CREATE TABLE plain AS SELECT i % 2 = 0 AS y, CASE WHEN i <= 2 THEN 'two' WHEN i <= 5 THEN 'three' ELSE 'many' END AS c FROM generate_series(1, 60) AS i;
SELECT lives_ok($$SELECT longtail.train('plain', 'plain', 'logistic', label_column => 'y', options => '{"min_users": 3, "min_count": 1, "split": "none"}')$$, 'rows');
SELECT set_eq($$SELECT feature FROM longtail.coefficients('plain') WHERE feature LIKE 'c=%'$$, ARRAY['c=three', 'c=many'], 'are counted');
SELECT is(stored('plain', 'two'), false, 'the rest is not stored');
CREATE TABLE written AS SELECT i % 2 = 0 AS y, CASE WHEN i = 1 THEN 'unheard' ELSE 'common words' END AS words FROM generate_series(1, 60) AS i;
SELECT lives_ok($$SELECT longtail.train('written', 'written', 'logistic', label_column => 'y', options => '{"text": ["words"], "min_users": 2, "split": "none"}')$$, 'text');
SELECT is(longtail.predict('written', (SELECT w FROM (SELECT 'unheard' AS words) AS w)),
    longtail.predict('written', (SELECT w FROM (SELECT ' ' AS words) AS w)), 'a word of one row says nothing');

-- What goes wrong.
SELECT matches(error_of($$SELECT longtail.train('none', 'bought', 'als', 'user_id', 'item_id', options => '{"min_users": 1000}')$$),
    'no item has as many as 1000 users.*min_users', 'none has so many');
SELECT matches(error_of($$SELECT longtail.train('none', 'bought', 'als', 'user_id', 'item_id', options => '{"min_users": 0}')$$), 'min_users', 'at least 1');
SELECT matches(error_of($$SELECT longtail.train('none', 'bought', 'als', 'user_id', 'item_id', options => '{"search": {"min_users": [1, 2]}}')$$),
    'cannot be searched', 'not searched');
-- Edges between users who are gone.
CREATE TABLE friends AS SELECT 'user-lonely' AS user_id, 'user-1' AS friend_id UNION SELECT 'user-2', 'user-lonely' UNION SELECT 'user-2', 'user-3';
SELECT lives_ok($$SELECT longtail.train('friends', 'bought', 'user_knn', 'user_id', 'item_id', options => '{"min_users": 4, "social": "t.friends"}')$$, 'edges to nobody');
SELECT is(stored('friends', 'user-lonely'), false, 'are left out');
SELECT * FROM finish();
