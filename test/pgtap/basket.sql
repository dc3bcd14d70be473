-- recommend_basket, similar_items and what algorithms without features do with them.
\ir common.psql

CREATE TABLE bought AS
SELECT u::bigint AS u, 'item ' || i AS item, i AS number, md5('item ' || i)::uuid AS code
FROM generate_series(1, 100) u, generate_series(1, 70) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 9 ELSE 1.5 END / (8 + i);
CREATE INDEX ON bought (u);
CREATE TABLE users AS SELECT u, now() AS since, md5(u::text)::char(9) AS name FROM generate_series(1, 100) u;
CREATE TABLE items AS SELECT 'item ' || i AS item, 'kind ' || i % 4 AS kind, i * 1.5 AS price, point(1, 2) AS place FROM generate_series(1, 75) i;
CREATE FUNCTION train(m text, algorithm text, item name DEFAULT 'item', more jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM longtail.train(m, 'bought', algorithm, 'u', item, options => '{"split": "none"}'::jsonb || more); END $$;
SELECT train('ease', 'ease', more => '{"regularization": 20}');
SELECT train('als', 'als', more => '{"factors": 8}');
SELECT train(a, a) FROM unnest('{item_knn,rp3beta,graph_filter,user_knn,bpr,popularity}'::text[]) a;
SELECT train('numbers', 'ease', 'number', '{"regularization": 20}');
SELECT train('codes', 'ease', 'code', '{"regularization": 20}');
SELECT train('logistic', 'logistic', more => '{"features": ["-number", "-code"]}');
CREATE TABLE models AS SELECT m FROM unnest('{ease,als,item_knn,rp3beta,graph_filter,user_knn,bpr}'::text[]) m;

-- ---- a basket is a user who has these items ----

CREATE TABLE lists AS
SELECT m, row_number() OVER (PARTITION BY m ORDER BY r.rank) AS rank, r.item_id, r.base_score FROM models, LATERAL longtail.recommend_basket(m, ARRAY['item 3', 'item 8', 'item 20'], 100) r;
INSERT INTO bought SELECT 500, item, number, code FROM (SELECT DISTINCT item, number, code FROM bought WHERE item IN ('item 3', 'item 8', 'item 20')) x;
SELECT is((SELECT count(*) FROM longtail.recommend(m, 500, 100) r JOIN lists l ON l.m = models.m AND l.item_id = r.item_id AND l.rank = r.rank AND abs(l.base_score - r.base_score) < 1e-6), 67::bigint, m || ': the list of a user unknown so far who has these') FROM models;
SELECT is((SELECT array_agg(rank ORDER BY rank) FROM longtail.recommend_basket(m, '{item 3}', 5)), '{1,2,3,4,5}', m || ': k, and an untyped literal') FROM models;
SELECT is((SELECT count(*) FROM longtail.recommend_basket(m, '{item 3}', 2147483647)), 69::bigint, m || ': a k beyond the catalogue') FROM models;
SELECT ok(count(DISTINCT l) > 1, m || ': baskets differ') FROM models, LATERAL (SELECT string_agg(item_id, ',' ORDER BY rank) AS l FROM unnest('{item 1,item 2,item 3,item 4}'::text[]) b, LATERAL longtail.recommend_basket(m, ARRAY[b]) GROUP BY b) x GROUP BY m;
CREATE FUNCTION listed(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE l text; BEGIN EXECUTE format('SELECT string_agg(item_id::text, '','' ORDER BY rank) FROM longtail.recommend_basket(%s)', arguments) INTO l; RETURN l; END $$;
SELECT is(listed(format('%L, %s', m, b)), (SELECT string_agg(item_id, ',' ORDER BY popularity_rank) FROM longtail.item_stats(m) WHERE popularity_rank <= 10), m || ': what is popular for ' || b)
FROM models, unnest(ARRAY['''{}''', '''{NULL}''', '''{nothing known}''', 'NULL::text[]', 'ARRAY[]::text[]', 'NULL']) b;
SELECT is(listed(format('%L, %s', m, '''{item 3,item 9}''')), (SELECT string_agg(item_id, ',' ORDER BY popularity_rank) FROM (SELECT * FROM longtail.item_stats(m) WHERE item_id NOT IN ('item 3', 'item 9') ORDER BY popularity_rank LIMIT 10) x), m || ' does not answer from items: what is popular') FROM unnest('{logistic,popularity}'::text[]) m;

-- ---- arguments ----

SELECT is(listed(a), listed(b), a) FROM (VALUES
    ($$'ease', '{item 3,item 8}'$$, $$'ease', ARRAY['item 3', 'item 8']$$), ($$'ease', ARRAY['item 8', NULL, 'item 3', 'item 3', 'nobody knows this']$$, $$'ease', ARRAY['item 3', 'item 8']$$),
    ($$'ease', ARRAY['item 3', 'item 8']::varchar[]$$, $$'ease', '{item 3,item 8}'$$), ($$'ease', ARRAY['item 3', 'item 8']::char(9)[]$$, $$'ease', '{item 3,item 8}'$$),
    ($$'numbers', ARRAY[3, 8]$$, $$'numbers', '{3,8}'$$), ($$'numbers', ARRAY[3, 8]::bigint[]$$, $$'numbers', '{3,8}'$$), ($$'numbers', ARRAY[3, 8]::smallint[]$$, $$'numbers', '{3,8}'$$),
    ($$'numbers', (SELECT array_agg(x) FROM generate_series(3, 8, 5) x)$$, $$'numbers', '{3,8}'$$), ($$'numbers', '{3,8}'::text[]$$, $$'numbers', '{3,8}'$$),
    (format($$'codes', ARRAY[%L, %L]::uuid[]$$, md5('item 3'), md5('item 8')), format($$'codes', '{%s,%s}'$$, md5('item 3'), md5('item 8'))),
    ($$'numbers', '{3,8}', 5, NULL::bigint$$, $$'numbers', '{3,8}', 5$$), ($$'numbers', ARRAY[3, 8], 5, item_type => NULL::int$$, $$'numbers', '{3,8}', 5$$),
    ($$'numbers', ARRAY[3, 8], 5, NULL::int, method => 'popularity', strength => 0.3$$, $$'numbers', '{3,8}', 5, 'popularity', 0.3$$),
    ($$'ease', '{item 3}', exclude => ARRAY['item 8']$$, $$'ease', '{item 3}', exclude => '{item 8}'$$)) v (a, b);
SELECT results_eq($$ SELECT pg_typeof(item_id)::text, item_id + 1 FROM longtail.recommend_basket('numbers', '{3,8}', 2, item_type => NULL::bigint) $$, $$ SELECT 'bigint', item_id::bigint + 1 FROM longtail.recommend_basket('numbers', '{3,8}', 2) $$, 'item_type is the type of item_id');
SELECT is(listed($$'ease', '{item 3,item 8}', 100, candidates => '{item 3,item 9,item 10}'$$), listed($$'ease', '{item 3,item 8}', 100, candidates => '{item 10,item 9}'$$), 'candidates, without the basket');
SELECT ok(listed($$'ease', '{item 3,item 8}', 100, exclude_basket => false$$) ~ 'item 3,|item 3$', 'the basket itself on request');
SELECT ok(listed($$'ease', '{item 3,item 8}', 100, exclude => '{item 9}'$$) !~ 'item 9(,|$)', 'exclude');
SELECT ok((SELECT avg(interactions) FROM longtail.recommend_basket('ease', '{item 3}', 10, popularity_exponent => 0.5) JOIN longtail.item_stats('ease') USING (item_id)) < (SELECT avg(interactions) FROM longtail.recommend_basket('ease', '{item 3}', 10) JOIN longtail.item_stats('ease') USING (item_id)), 'popularity_exponent');
SELECT ok((SELECT count(*) FROM longtail.recommend_basket('ease', '{item 3}', 10, m, 0.5)) = 10, 'method ' || m) FROM unnest('{popularity,quota,xquad}'::text[]) m;
PREPARE basket AS SELECT string_agg(item_id, ',' ORDER BY rank) AS l FROM longtail.recommend_basket($1, $2, $3);
SELECT results_eq($$ EXECUTE basket('ease', '{item 3,item 8}', '10') $$, $$ SELECT listed('''ease'', ''{item 3,item 8}''') $$, 'parameters a driver leaves untyped');
PREPARE everything AS SELECT string_agg(item_id, ',' ORDER BY rank) AS l FROM longtail.recommend_basket($1, $2, $3, $4, $5, $6, NULL, NULL, $7);
SELECT results_eq($$ EXECUTE everything('ease', '{item 3,item 8}', '10', 'none', '0', 'true', '0') $$, $$ SELECT listed('''ease'', ''{item 3,item 8}''') $$, 'all of them');
SELECT matches(error_of(format('SELECT longtail.recommend_basket(%s)', a)), e, a) FROM (VALUES
    ($$'ease', '{item 3}', 0$$, 'k must be at least 1'), ($$'ease', '{item 3}', NULL$$, 'k must not be NULL'), ($$'ease', 'item 3'$$, 'malformed array'), ($$'numbers', '{x}'$$, 'invalid input syntax for type bigint'),
    ($$'ease', ARRAY[1.5]$$, 'numeric cannot be an id'), ($$NULL, '{item 3}'$$, 'model must not be NULL'), ($$'none such', '{item 3}'$$, 'does not exist'),
    ($$'ease', '{item 3}', popularity_exponent => -1$$, 'popularity_exponent must be from 0 to 10, not -1'), ($$'ease', '{item 3}', popularity_exponent => 'NaN'$$, 'popularity_exponent must be'), ($$'ease', '{item 3}', popularity_exponent => 10.5$$, 'not 10.5')) v (a, e);

-- ---- popularity_exponent of recommend and recommend_all ----

DELETE FROM bought WHERE u = 500;
SELECT train('tailward', 'ease', more => '{"regularization": 20, "popularity_exponent": 0.4}');
SELECT results_eq($$ SELECT item_id, score FROM longtail.recommend('tailward', 7, 20) $$, $$ SELECT item_id, score FROM longtail.recommend('ease', 7, 20, popularity_exponent => 0.4) $$, 'NULL is the model''s own exponent');
SELECT results_eq($$ SELECT item_id, score FROM longtail.recommend('tailward', 7, 20, popularity_exponent => 0) $$, $$ SELECT item_id, score FROM longtail.recommend('ease', 7, 20) $$, '0 is none');
SELECT results_eq($$ SELECT item_id, score FROM longtail.recommend('ease', 7, 20, item_type => NULL::text, popularity_exponent => 0.4) $$, $$ SELECT item_id, score FROM longtail.recommend('tailward', 7, 20) $$, 'in the form with item_type');
SELECT results_eq($$ SELECT user_id, item_id, score FROM longtail.recommend_all('ease', 5, popularity_exponent => 0.4) $$, $$ SELECT user_id, item_id, score FROM longtail.recommend_all('tailward', 5) $$, 'in recommend_all');
SELECT ok(bool_and(abs(score - base_score / interactions ^ 0.4) < 1e-5), 'positive scores are divided') FROM longtail.recommend('tailward', 7, 20) JOIN longtail.item_stats('tailward') USING (item_id) WHERE base_score > 0;
SELECT matches(error_of(format('SELECT longtail.%s', a)), 'popularity_exponent must be from 0 to 10', a) FROM unnest(ARRAY[$$recommend('ease', 7, popularity_exponent => 11)$$, $$recommend('ease', 7, 5, item_type => NULL::text, popularity_exponent => -0.1)$$, $$recommend_all('ease', popularity_exponent => 'Infinity')$$]) a;
PREPARE untyped AS SELECT string_agg(item_id, ',' ORDER BY rank) AS l FROM longtail.recommend($1, $2, $3, $4, $5, $6, NULL, NULL, $7);
SELECT results_eq($$ EXECUTE untyped('ease', '7', '10', 'none', '0', 'true', '0.4') $$, $$ SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend('tailward', 7) $$, 'untyped parameters reach it');

-- ---- similar_items ----

DO $$ BEGIN
    PERFORM longtail.train('featured', 'bought', 'logistic', 'u', 'item', item_features => 'items', options => '{"split": "none", "features": ["kind", "price"]}');
END $$;
SELECT is((SELECT count(*) FROM longtail.similar_items(m, 'item 5')), 10::bigint, m || ': ten unless k is given') FROM models;
SELECT is((SELECT count(DISTINCT item_id) FROM longtail.similar_items(m, 'item 5', 1000) WHERE item_id <> 'item 5'), 69::bigint, m || ': all others, the item itself never') FROM models;
SELECT ok(bool_and(ordered) AND array_agg(rank ORDER BY rank) = (SELECT array_agg(g) FROM generate_series(1, 69) g), m || ': in descending order') FROM models, LATERAL (SELECT rank, score <= lag(score, 1, 'Infinity') OVER (ORDER BY rank) AS ordered FROM longtail.similar_items(m, 'item 5', 1000)) x GROUP BY m;
SELECT ok(avg((substr(item_id, 6)::int % 4 = 1)::int) > 0.5, m || ': those that the same users buy, ' || string_agg(item_id, ',' ORDER BY rank)) FROM models, LATERAL longtail.similar_items(m, 'item 5', 5) WHERE m IN ('ease', 'item_knn', 'als', 'rp3beta', 'graph_filter') GROUP BY m;
SELECT ok(bool_and(s.segment = i.segment), 'segments are item_stats''') FROM longtail.similar_items('ease', 'item 5', 1000) s JOIN longtail.item_stats('ease') i USING (item_id);
SELECT is((SELECT array_agg(DISTINCT substr(item_id, 6)::int % 4) FROM longtail.similar_items('featured', 'item 33', 10)), '{1}', 'without an algorithm''s own: by features, here the kind');
SELECT is((SELECT max(abs(substr(item_id, 6)::int - 33)) FROM longtail.similar_items('featured', 'item 33', 4)), 8, 'and the price');
SELECT is((SELECT count(*) FROM longtail.similar_items('featured', 'item 73', 100)), 74::bigint, 'of items nobody bought, too');
SELECT is((SELECT count(*) FROM longtail.similar_items(m, i)), 0::bigint, format('%s: nothing is similar to %s', m, coalesce(i, 'NULL'))) FROM unnest('{ease,featured,logistic}'::text[]) m, unnest('{nobody''s,NULL}'::text[]) i;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.similar_items('numbers', 5)), (SELECT string_agg(substr(item_id, 6), ',' ORDER BY rank) FROM longtail.similar_items('ease', 'item 5')), 'an integer id');
SELECT is((SELECT count(*) FROM longtail.similar_items('numbers', '5')), 10::bigint, 'an untyped literal');
SELECT is((SELECT count(*) FROM longtail.similar_items('codes', md5('item 5')::uuid)), 10::bigint, 'a uuid');
PREPARE alike AS SELECT count(*) FROM longtail.similar_items($1, $2, $3);
SELECT results_eq($$ EXECUTE alike('numbers', '5', '3') $$, ARRAY[3::bigint], 'untyped parameters');
SELECT matches(error_of(format('SELECT longtail.similar_items(%s)', a)), e, a) FROM (VALUES
    ($$'logistic', 'item 5'$$, 'does not learn how similar items are.*ease.*item_features'), ($$'popularity', 'item 5'$$, 'does not learn'), ($$'ease', 'item 5', 0$$, 'k must be'), ($$'ease', 'item 5', NULL$$, 'k must'),
    ($$'numbers', 'x'$$, 'invalid input syntax'), ($$'nothing', 'x'$$, 'does not exist'), ($$NULL, 'x'$$, 'must not be NULL')) v (a, e);

-- ---- features that are not looked at ----

DO $$ BEGIN PERFORM longtail.train('plain', 'bought', 'ease', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"split": "none", "regularization": 20}'); END $$;
SELECT is(features, 0, 'no column is encoded') FROM longtail.model_versions WHERE model = 'plain';
SELECT is((SELECT count(*) FROM longtail.item_stats('plain')), 75::bigint, 'items of item_features join the catalogue');
-- the two catalogues differ in size, and ease may invert in single precision
SELECT is(count(*) FILTER (WHERE p.item_id = e.item_id AND abs(p.score - e.score) < 1e-5), 20::bigint, 'nothing else changes') FROM longtail.recommend_basket('plain', '{item 3,item 8}', 20) p JOIN longtail.recommend_basket('ease', '{item 3,item 8}', 20) e USING (rank);
SELECT is((SELECT count(*) FROM longtail.recommend('plain', 1, 200, exclude_seen => false)), 75::bigint, 'all of them can be recommended');
DROP TABLE users;
SELECT lives_ok($$ SELECT * FROM longtail.recommend('plain', 1) $$, 'user_features is not needed');

-- ---- roles ----

CREATE ROLE basket_reader;
GRANT USAGE ON SCHEMA t TO basket_reader;
SELECT ok(count(*) = 10, 'the session has it in its cache') FROM longtail.recommend_basket('ease', '{item 3}');
SET ROLE basket_reader;
SELECT matches(error_of(c), 'permission denied for model', 'not granted: ' || c) FROM unnest(ARRAY[$$ SELECT longtail.recommend_basket('ease', '{item 3}') $$, $$ SELECT longtail.similar_items('ease', 'item 3') $$, $$ SELECT longtail.explain('ease', 1, 'item 3') $$, $$ SELECT longtail.recommend('ease', 1) $$]) c;
RESET ROLE;
SELECT longtail.grant_model('ease', 'basket_reader');
SET ROLE basket_reader;
SELECT is((SELECT count(*) FROM longtail.recommend_basket('ease', '{item 3}')), 10::bigint, 'a granted role has baskets, which need no table');
SELECT is((SELECT count(*) FROM longtail.similar_items('ease', 'item 3')), 10::bigint, 'and similar items');
SELECT matches(error_of($$ SELECT longtail.explain('ease', 1, 'item 3') $$), 'permission denied for table bought', 'explain reads the source as the caller');
SELECT matches(error_of($$ SELECT longtail.predict('ease', 1, 'item 3') $$), 'permission denied for table bought', 'so does predict');
RESET ROLE;
GRANT SELECT ON bought TO basket_reader;
ALTER TABLE bought ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON bought FOR SELECT TO basket_reader USING (item = 'item 8');
CREATE TABLE own AS SELECT u FROM bought GROUP BY u HAVING bool_or(item = 'item 8') AND count(*) > 2 AND u < 500 ORDER BY u LIMIT 1;
GRANT SELECT ON own TO basket_reader;
SELECT ok(count(*) > 1, 'the owner is told of all the user''s items') FROM own, LATERAL longtail.explain('ease', u, 'item 12');
SET ROLE basket_reader;
SELECT results_eq($$ SELECT reason FROM own, LATERAL longtail.explain('ease', u, 'item 12') $$, ARRAY['has item 8'], 'a role of those it may see, also on a cached plan');
RESET ROLE;
SELECT longtail.revoke_model('ease', 'basket_reader');
DROP OWNED BY basket_reader;
DROP ROLE basket_reader;

SELECT * FROM finish();
