-- Scoring: recommend, recommend_all, predict, explain, item_stats and coefficients, against each other and against SQL.
\ir common.psql

-- 100 users, 80 items of falling popularity; users of a club like the items of its kind.
CREATE TABLE bought AS
SELECT u::bigint AS u, 'item ' || i AS item, timestamptz '2026-01-01' + make_interval(mins => (noise('t', u::text, i::text) * 100000)::int) AS ts
FROM generate_series(1, 100) u, generate_series(1, 80) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 9 ELSE 1.5 END / (8 + i);
CREATE INDEX ON bought (u);
CREATE TABLE users AS
SELECT u::bigint AS u, CASE WHEN u % 10 <> 9 THEN 'club ' || u % 4 END AS club, CASE WHEN u % 7 <> 6 THEN u * 1.5 END AS age FROM generate_series(1, 120) u;
CREATE UNIQUE INDEX ON users (u);
CREATE TABLE items AS
SELECT 'item ' || i AS item, 'kind ' || i % 4 AS kind, (i * 2.5)::numeric AS price, ARRAY['tag ' || i % 3, 'tag ' || i % 5] AS tags FROM generate_series(1, 85) i;

CREATE FUNCTION train(m text, algorithm text, more jsonb) RETURNS void LANGUAGE SQL AS $$
    SELECT longtail.train(m, 'bought', algorithm, 'u', 'item', user_features => 'users', item_features => 'items',
        options => '{"split": "none", "features": ["-ts"], "crosses": [["club", "kind"], ["age", "price"]]}'::jsonb || more) $$;
SELECT train('logistic', 'logistic', '{}');
SELECT train('mlp', 'mlp', '{"epochs": 10, "hidden": [16, 8], "embedding": 6}');
SELECT longtail.train('bare', 'bought', 'mlp', 'u', 'item', options => '{"split": "none", "features": ["-ts"], "epochs": 60, "learning_rate": 0.01, "embedding": 6}');
CREATE TABLE models AS SELECT unnest('{logistic,mlp,bare}'::text[]) AS m;
CREATE TABLE catalogue AS SELECT item FROM items;

-- ---- recommend is predict in order ----

CREATE TABLE pairs AS
SELECT m, u, item, longtail.predict(m, u, item) AS p
FROM models, generate_series(1, 130, 13) u, catalogue WHERE m <> 'bare' OR item IN (SELECT item FROM bought);
CREATE TABLE lists AS SELECT m, u, r.* FROM models, generate_series(1, 130, 13) u, LATERAL longtail.recommend(m, u, 1000, exclude_seen => false) r;
SELECT is((SELECT count(*) FROM lists WHERE lists.m = models.m), (SELECT count(*) FROM pairs WHERE pairs.m = models.m), m || ' lists the whole catalogue when k is larger') FROM models;
SELECT ok(bool_and(abs(base_score - p) < 1e-5 AND abs(score - p) < 1e-5), m || ': the score is what predict says') FROM lists JOIN pairs USING (m, u) WHERE item_id = item AND (m <> 'bare' OR u IN (SELECT u FROM bought)) GROUP BY m ORDER BY m;
SELECT ok(bool_and(ordered), m || ': in descending order') FROM (SELECT m, score <= lag(score, 1, 'Infinity') OVER (PARTITION BY m, u ORDER BY rank) AS ordered FROM lists) x GROUP BY m ORDER BY m;
SELECT ok(bool_and(ranks = (SELECT array_agg(g) FROM generate_series(1, array_length(ranks, 1)) g)), m || ': ranks count from 1') FROM (SELECT m, u, array_agg(rank ORDER BY rank) AS ranks FROM lists GROUP BY m, u) x GROUP BY m ORDER BY m;
SELECT is(count(DISTINCT item_id), count(*) / 10, m || ': each item once') FROM lists GROUP BY m ORDER BY m;
SELECT ok(count(DISTINCT l) >= 4, m || ': users differ') FROM (SELECT m, u, array_agg(item_id ORDER BY rank) FILTER (WHERE rank <= 10) AS l FROM lists WHERE u <= 100 GROUP BY m, u) x GROUP BY m ORDER BY m;
SELECT is((SELECT array_agg(segment ORDER BY item_id) FROM longtail.recommend(m, 1, 1000, exclude_seen => false)),
          (SELECT array_agg(segment ORDER BY item_id) FROM longtail.item_stats(m)), m || ': segments are those of item_stats') FROM models;

-- ---- k ----

SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 1, k)), k::bigint, 'k of ' || k) FROM unnest('{1,2,10,30}'::int[]) k;
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 1)), 10::bigint, 'k is 10 unless given');
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 1, 5)), (SELECT array_agg(item_id ORDER BY rank) FILTER (WHERE rank <= 5) FROM longtail.recommend('logistic', 1, 50)), 'a shorter list is the start of a longer one');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 1, 2147483647, 'quota', 0.5, false)), 85::bigint, 'the largest k there is');
SELECT matches(error_of(format('SELECT longtail.recommend(''logistic'', 1, %s)', k)), m, 'k of ' || k) FROM (VALUES ('0', 'at least 1, not 0'), ('-1', 'at least 1'), ('NULL::int', 'must not be NULL')) v (k, m);

-- ---- ids in every form ----

CREATE TABLE one AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend('logistic', 17::bigint);
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 17)), l, 'an integer') FROM one;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 17::smallint)), l, 'a smallint') FROM one;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', '17')), l, 'an untyped literal') FROM one;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', '17'::text)), l, 'a text') FROM one;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', '17'::varchar)), l, 'a varchar') FROM one;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', '17'::char(6))), l, 'a char(n)') FROM one;
CREATE DOMAIN customer AS bigint;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 17::customer)), l, 'a domain') FROM one;
PREPARE untyped AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend('logistic', $1);
PREPARE all_untyped AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend('logistic', $1, $2, $3, $4);
PREPARE untyped_k AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend('logistic', $1, $2);
PREPARE as_text (text) AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend('logistic', $1, $2::int);
PREPARE as_int (text, int, int) AS SELECT array_agg(item_id ORDER BY rank) AS l FROM longtail.recommend($1, $2, $3);
SELECT results_eq('EXECUTE untyped(''17'')', 'SELECT l FROM one', 'a parameter whose type was not declared');
SELECT results_eq('EXECUTE untyped_k(''17'', ''10'')', 'SELECT l FROM one', 'nor that of k');
SELECT results_eq('EXECUTE all_untyped(''17'', ''10'', ''none'', ''0'')', 'SELECT l FROM one', 'nor any');
SELECT results_eq('EXECUTE as_text(''17'', 10)', 'SELECT l FROM one', 'one declared as text');
SELECT results_eq('EXECUTE as_int(''logistic'', 17, 10)', 'SELECT l FROM one', 'one declared as integer');
DO $$ BEGIN FOR i IN 1 .. 8 LOOP EXECUTE 'EXECUTE as_int(''logistic'', 17, 10)'; END LOOP; END $$; -- on to a generic plan
SELECT results_eq('EXECUTE as_int(''logistic'', 17, 10)', 'SELECT l FROM one', 'with a generic plan, too');
SELECT matches(error_of('SELECT longtail.recommend(''logistic'', ''x17'')'), 'invalid input syntax for type bigint: "x17"', 'a text that is no number');
SELECT matches(error_of('SELECT longtail.recommend(''logistic'', 1.5)'), 'type numeric cannot be an id', 'a fraction');
SELECT matches(error_of('SELECT longtail.recommend(''logistic'', now())'), 'cannot be an id', 'a time');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 9223372036854775807)), 10::bigint, 'the largest id');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', -1)), 10::bigint, 'a negative one');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', NULL)), 10::bigint, 'NULL is somebody unknown');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', NULL::bigint)), 10::bigint, 'typed as well');
SELECT matches(error_of('SELECT longtail.recommend(''nothing'', 1)'), 'model "nothing" does not exist', 'no such model');
SELECT matches(error_of('SELECT longtail.recommend(NULL, 1)'), 'model must not be NULL', 'model NULL');

-- item ids in their own type
CREATE TABLE numbered AS SELECT u, substr(item, 6)::bigint AS item, md5(item)::uuid AS code FROM bought;
SELECT longtail.train('numbers', 'numbered', 'logistic', 'u', 'item', options => '{"split": "none", "features": ["-code"]}');
SELECT longtail.train('codes', 'numbered', 'logistic', 'u', 'code', options => '{"split": "none", "features": ["-item"]}');
SELECT results_eq($$ SELECT pg_typeof(item_id)::text, item_id + 1 FROM longtail.recommend('numbers', 1, k => 3, item_type => NULL::bigint) $$,
                  $$ SELECT 'bigint', item_id::bigint + 1 FROM longtail.recommend('numbers', 1, 3) $$, 'item_type bigint');
SELECT results_eq($$ SELECT i.item FROM longtail.recommend('numbers', 1, 10, item_type => NULL::int) r JOIN (SELECT DISTINCT item::int FROM numbered) i ON i.item = r.item_id ORDER BY r.rank $$,
                  $$ SELECT item_id::int FROM longtail.recommend('numbers', 1) $$, 'item_type integer joins');
SELECT results_eq($$ SELECT item_id FROM longtail.recommend('logistic', 1, 10, item_type => NULL::text) $$, $$ SELECT item_id FROM longtail.recommend('logistic', 1) $$, 'item_type text');
SELECT results_eq($$ SELECT item_id FROM longtail.recommend('codes', 1, 10, item_type => NULL::uuid) $$, $$ SELECT item_id::uuid FROM longtail.recommend('codes', 1) $$, 'item_type uuid');
SELECT results_eq($$ SELECT item_id FROM longtail.recommend('codes', '1', 4, NULL::uuid, method => 'popularity', strength => 0.2, candidates => NULL, exclude => NULL) $$, $$ SELECT item_id::uuid FROM longtail.recommend('codes', 1, 4, 'popularity', 0.2) $$, 'with all its arguments');
SELECT results_eq($$ SELECT item_id FROM longtail.recommend('logistic', 1, 10, item_type => NULL::varchar) $$, $$ SELECT item_id::varchar FROM longtail.recommend('logistic', 1) $$, 'item_type varchar');
SELECT ok(error_of('SELECT longtail.recommend(''logistic'', 1, 10, item_type => NULL::bigint)') ~ 'bigint', 'a type the items are not of');

-- ---- candidates and exclude ----

CREATE FUNCTION listed(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE l text; BEGIN EXECUTE format('SELECT string_agg(item_id, '','' ORDER BY item_id) FROM longtail.recommend(%s)', arguments) INTO l; RETURN l; END $$;
SELECT is(listed(a), e, a) FROM (VALUES
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9']$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9', 'item 3', NULL, 'no such item']$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9']::varchar[]$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9']::name[]$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9']::char(9)[]$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => '{item 3,item 9}'$$, 'item 3,item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY['item 3', 'item 9'], exclude => ARRAY['item 3', NULL, 'no such item']$$, 'item 9'),
    ($$'logistic', 1, exclude_seen => false, candidates => '{item 3,item 9}', exclude => '{item 9,item 10}'$$, 'item 3'),
    ($$'logistic', 1, exclude_seen => false, candidates => '{item 3,item 9}', exclude => '{item 9,item 3}'$$, NULL),
    ($$'logistic', 1, exclude_seen => false, candidates => '{}'$$, NULL),
    ($$'logistic', 1, exclude_seen => false, candidates => '{NULL}'$$, NULL),
    ($$'logistic', 1, exclude_seen => false, candidates => ARRAY[ARRAY['item 3', 'item 9'], ARRAY['item 4', 'item 5']]$$, 'item 3,item 4,item 5,item 9'),
    ($$'logistic', 1, 1000, exclude_seen => false, candidates => NULL, exclude => NULL::text[]$$, (SELECT string_agg(item, ',' ORDER BY item) FROM items)),
    ($$'numbers', 1, exclude_seen => false, candidates => ARRAY[3, 9]$$, '3,9'),
    ($$'numbers', 1, exclude_seen => false, candidates => ARRAY[3, 9, 99999]::bigint[], exclude => ARRAY[9]::smallint[]$$, '3'),
    ($$'numbers', 1, exclude_seen => false, candidates => ARRAY['3', '9']$$, '3,9'),
    ($$'numbers', 1, exclude_seen => false, candidates => '{3,9}'$$, '3,9'),
    (format($$'codes', 1, exclude_seen => false, candidates => ARRAY[%L]::uuid[]$$, md5('item 3')), md5('item 3')::uuid::text),
    (format($$'codes', 1, exclude_seen => false, candidates => '{%s}'$$, md5('item 3')), md5('item 3')::uuid::text)
) v (a, e);
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 5, 3, exclude_seen => false, candidates => ARRAY['item 40', 'item 7', 'item 2', 'item 60'])),
          (SELECT array_agg(item_id ORDER BY rank) FILTER (WHERE true) FROM (SELECT * FROM longtail.recommend('logistic', 5, 100, exclude_seen => false) WHERE item_id IN ('item 40', 'item 7', 'item 2', 'item 60') ORDER BY rank LIMIT 3) x),
          'candidates keep the order of the whole list');
SELECT matches(error_of($$ SELECT longtail.recommend('logistic', 1, candidates => 'item 3'::text) $$), 'candidates must be an array of items, not text', 'candidates that are no array');
SELECT matches(error_of($$ SELECT longtail.recommend('logistic', 1, exclude => 5) $$), 'exclude must be an array', 'exclude that is no array');
SELECT matches(error_of($$ SELECT longtail.recommend('logistic', 1, exclude => ARRAY[1.5]) $$), 'numeric cannot be an id', 'of fractions');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 1, 10, 'quota', 0.9, false, ARRAY['item 3', 'item 9'])), 2::bigint, 'candidates with a method');

-- ---- what is seen, live ----

CREATE FUNCTION top(u bigint) RETURNS text LANGUAGE SQL AS $$ SELECT item_id FROM longtail.recommend('logistic', u, 1) $$;
CREATE TABLE best AS SELECT top(3) AS item;
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', u, 100) r JOIN bought b ON b.u = x.u AND b.item = item_id), 0::bigint, 'nothing seen comes: user ' || u) FROM generate_series(1, 100, 25) x (u);
INSERT INTO bought SELECT 3, item, now() FROM best;
SELECT isnt(top(3), item, 'a purchase of a moment ago is known') FROM best;
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 3)), 10::bigint, 'and the list is as long') FROM best;
DELETE FROM bought USING best WHERE u = 3 AND bought.item = best.item AND ts > '2026-06-01';
SELECT is(top(3), item, 'it comes back with the purchase gone') FROM best;
BEGIN;
INSERT INTO bought SELECT 3, item, now() FROM best;
SELECT isnt(top(3), item, 'also before the commit') FROM best;
ROLLBACK;
SELECT is(top(3), item, 'not after a rollback') FROM best;
INSERT INTO bought SELECT 500, 'item ' || i, now() FROM generate_series(1, 4) i;
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 500) WHERE item_id IN ('item 1', 'item 2', 'item 3', 'item 4')), 0::bigint, 'of a new user, too');
INSERT INTO bought SELECT 501, 'item ' || i, now() FROM generate_series(1, 85) i;
INSERT INTO bought VALUES (501, NULL, now()), (501, 'not in the catalogue', now());
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 501)), 0::bigint, 'who has everything gets nothing');
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', 501, exclude_seen => false)), 10::bigint, 'unless what is seen may come');
DELETE FROM bought WHERE u >= 500;
-- with labels, only a positive one says that the user has the item
CREATE TABLE shown AS SELECT u, substr(item, 6)::int AS item, noise('l', u::text, item) < 0.5 AS clicked FROM bought;
SELECT longtail.train('shown', 'shown', 'logistic', 'u', 'item', 'clicked', options => '{"split": "none"}');
SELECT is((SELECT count(*) FROM longtail.recommend('shown', x.u, 100) r JOIN shown s ON s.u = x.u AND s.item = r.item_id::int WHERE clicked), 0::bigint, 'clicked items do not come: user ' || u) FROM generate_series(1, 100, 33) x (u);
SELECT is((SELECT count(*) FROM longtail.recommend('shown', x.u, 100) r JOIN shown s ON s.u = x.u AND s.item = r.item_id::int), (SELECT count(*) FROM shown s WHERE s.u = x.u AND NOT clicked), 'those left alone may: user ' || u) FROM generate_series(1, 100, 33) x (u);
SELECT results_eq($$ SELECT user_id, item_id, rank FROM longtail.recommend_all('shown', 4) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, r.item_id, r.rank FROM (SELECT DISTINCT u FROM shown) x, LATERAL longtail.recommend('shown', x.u, 4) r ORDER BY x.u, r.rank $$, 'recommend_all alike');

-- ---- users who are new ----

CREATE TABLE popular AS SELECT array_agg(item_id ORDER BY popularity_rank) AS l FROM longtail.item_stats('logistic') WHERE popularity_rank <= 10;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('logistic', 999)), l, 'without features: by popularity') FROM popular;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('bare', 999)), (SELECT array_agg(item_id ORDER BY popularity_rank) FROM longtail.item_stats('bare') WHERE popularity_rank <= 10), 'of a model without features, too');
SELECT isnt((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend(m, 117)), l, m || ': with features, not') FROM popular, models WHERE m <> 'bare';
SELECT ok(avg((item_id LIKE '%' AND substr(item_id, 6)::int % 4 = u % 4)::int) > 0.7, m || ': but by what their club likes') FROM models, generate_series(101, 120) u, LATERAL longtail.recommend(m, u, 5) WHERE m <> 'bare' AND u % 10 <> 9 GROUP BY m ORDER BY m;
SELECT ok(bool_and(abs(base_score - longtail.predict(m, 117, item_id)) < 1e-5), m || ': as predict says') FROM models, longtail.recommend('logistic', 117) l (item_id, s, b, r, g), LATERAL (SELECT base_score FROM longtail.recommend(m, 117, 100) x WHERE x.item_id = l.item_id) y WHERE m <> 'bare' GROUP BY m ORDER BY m;
INSERT INTO users VALUES (700, 'club 2', 20), (701, NULL, NULL), (702, 'no such club', NULL);
SELECT is((SELECT count(*) FROM longtail.recommend('logistic', u)), 10::bigint, 'features of a moment ago: user ' || u) FROM generate_series(700, 702) u;
UPDATE users SET club = 'club 1' WHERE u = 700;
SELECT ok(avg((substr(item_id, 6)::int % 4 = 1)::int) > 0.7, 'and their change counts at once') FROM longtail.recommend('logistic', 700, 5);

-- ---- methods ----

CREATE TABLE methods AS SELECT name, least(maximum_strength, 1) AS most FROM longtail.rerank_methods();
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('mlp', 5, 20, name, 0)), (SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('mlp', 5, 20, 'none', 0)), 'strength 0 of ' || name || ' is none') FROM methods;
SELECT is((SELECT count(DISTINCT item_id) FROM longtail.recommend('mlp', 5, 20, name, most / 2)), 20::bigint, name || ' gives k items') FROM methods;
SELECT is((SELECT count(DISTINCT item_id) FROM longtail.recommend('mlp', 999, 20, name, most / 2)), 20::bigint, name || ' gives k items to somebody unknown') FROM methods;
SELECT is((SELECT count(*) FROM longtail.recommend('mlp', 5, 20, name, most / 2) r JOIN bought b ON b.u = 5 AND b.item = item_id), 0::bigint, name || ' brings nothing seen') FROM methods;
SELECT ok(bool_and(abs(base_score - longtail.predict('mlp', 5, item_id)) < 1e-5), name || ': base_score is the prediction') FROM methods, LATERAL longtail.recommend('mlp', 5, 20, name, most / 2) GROUP BY name ORDER BY name;
CREATE TABLE boosted AS SELECT m, s, u, r.* FROM models, unnest('{0,0.1,0.3,0.6,1}'::float8[]) s, generate_series(1, 100, 3) u, LATERAL longtail.recommend(m, u, 10, 'popularity', s) r;
SELECT ok(bool_and(share >= before), m || ': more strength, more of the tail') FROM (SELECT m, s, share, lag(share, 1, 0.0) OVER (PARTITION BY m ORDER BY s) AS before FROM (SELECT m, s, avg((segment = 'tail')::int) AS share FROM boosted GROUP BY m, s) x) y GROUP BY m ORDER BY m;
SELECT ok(avg((segment = 'tail')::int) FILTER (WHERE s = 1) > 0.05 + avg((segment = 'tail')::int) FILTER (WHERE s = 0), m || ': the full strength much more than none') FROM boosted GROUP BY m ORDER BY m;
SELECT ok(bool_and(abs(ln(score / (1 - score)) - (ln(base_score / (1 - base_score)) - s * ln(greatest(interactions, 1)))) < 1e-3), m || ': the score is the log-odds less strength * ln popularity') FROM boosted JOIN (SELECT m, i.* FROM models, LATERAL longtail.item_stats(m) i) i USING (m, item_id) WHERE base_score BETWEEN 1e-3 AND 0.999 GROUP BY m ORDER BY m;
SELECT matches(error_of(format('SELECT longtail.recommend(''logistic'', 1, 10, %s)', a)), e, a) FROM (VALUES
    ('''nothing'', 0.5', 'unknown rerank method "nothing"'), ('''quota'', 1.5', 'from 0 to 1'), ('''popularity'', -1', 'at least 0'),
    ('''popularity'', ''NaN''', 'strength'), ('''popularity'', ''Infinity''', 'strength')) v (a, e);

-- The model's own method, in both forms.
SELECT train('own object', 'logistic', '{"rerank": {"method": "popularity", "strength": 0.3}}');
SELECT train('own words', 'logistic', '{"rerank": "popularity", "rerank_strength": 0.3}');
SELECT results_eq(format('SELECT * FROM longtail.recommend(%L, 4)', m), $$ SELECT * FROM longtail.recommend('logistic', 4, 10, 'popularity', 0.3) $$, m || ' takes its own method') FROM unnest('{own object,own words}'::text[]) m;
SELECT results_eq(format('SELECT * FROM longtail.recommend(%L, 4, method => ''none'', strength => 0)', m), $$ SELECT * FROM longtail.recommend('logistic', 4) $$, m || ' unless the call says otherwise') FROM unnest('{own object,own words}'::text[]) m;
SELECT results_eq($$ SELECT * FROM longtail.recommend('own words', 4, method => 'popularity') $$, $$ SELECT * FROM longtail.recommend('own words', 4) $$, 'its method named takes its strength');
SELECT results_eq($$ SELECT * FROM longtail.recommend_all('own words', 3) $$, $$ SELECT * FROM longtail.recommend_all('logistic', 3, 'popularity', 0.3) $$, 'recommend_all takes it as well');
SELECT train('exponent', 'logistic', '{"popularity_exponent": 0.5}');
SELECT results_eq($$ SELECT item_id, rank FROM longtail.recommend('exponent', 4) $$, $$ SELECT item_id, rank FROM longtail.recommend('logistic', 4, 10, 'popularity', 0.5) $$, 'popularity_exponent is always in');
SELECT results_eq($$ SELECT item_id, rank FROM longtail.recommend('exponent', 4, 10, 'popularity', 0.25) $$, $$ SELECT item_id, rank FROM longtail.recommend('logistic', 4, 10, 'popularity', 0.75) $$, 'and adds up with a strength');
SELECT ok(bool_and(abs(base_score - longtail.predict('logistic', 4, item_id)) < 1e-5), 'predictions are as they are') FROM longtail.recommend('exponent', 4);

-- ---- many users at once ----

SELECT results_eq($$ SELECT user_id, item_id, rank, segment FROM longtail.recommend_all('logistic', 5) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, item_id, rank, segment FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend('logistic', x.u, 5) ORDER BY x.u, rank $$, 'recommend_all is recommend for each user');
SELECT results_eq($$ SELECT user_id, item_id, rank FROM longtail.recommend_all('mlp', 5, 'quota', 0.5) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, item_id, rank FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend('mlp', x.u, 5, 'quota', 0.5) ORDER BY x.u, rank $$, 'with a method');
SELECT results_eq($$ SELECT user_id, item_id, rank FROM longtail.recommend_all('mlp', 5, 'xquad', 0.5) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, item_id, rank FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend('mlp', x.u, 5, 'xquad', 0.5) ORDER BY x.u, rank $$, 'with a personal one');
SELECT results_eq($$ SELECT user_id, item_id, rank FROM longtail.recommend_all('mlp', 5, 'xquad', 0.5, false) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, item_id, rank FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend('mlp', x.u, 5, 'xquad', 0.5, false) ORDER BY x.u, rank $$, 'seen items included');
SELECT longtail.train('split', 'bought', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"split": "random", "validation_fraction": 0.3, "features": ["-ts"], "crosses": [["club", "kind"]]}');
SELECT results_eq($$ SELECT user_id, item_id, rank FROM longtail.recommend_all('split', 5) ORDER BY user_id::int, rank $$,
                  $$ SELECT x.u::text, item_id, rank FROM (SELECT DISTINCT u FROM bought) x, LATERAL longtail.recommend('split', x.u, 5) ORDER BY x.u, rank $$, 'what was held out for validation was seen, too');
SELECT matches(error_of('SELECT longtail.recommend_all(''logistic'', 0)'), 'at least 1', 'recommend_all with a k of 0');

-- ---- predict ----

CREATE TABLE leads AS SELECT i AS id, noise('x', i::text) AS x, CASE WHEN i % 9 <> 0 THEN i % 50 END AS n, 'colour ' || i % 3 AS colour, i % 2 = 0 AS member, noise('yl', i::text) < noise('x', i::text) AS won FROM generate_series(1, 500) i;
SELECT longtail.train('leads', 'leads', 'logistic', label_column => 'won', options => '{"features": ["x", "n", "colour", "member"]}');
SELECT longtail.train('leads net', 'leads', 'mlp', label_column => 'won', options => '{"features": ["x", "n", "colour", "member"], "epochs": 5}');
SELECT longtail.train('numbers only', 'leads', 'logistic', label_column => 'won', options => '{"features": ["x", "n", "member"]}');
CREATE TABLE leads_trained AS TABLE leads;
-- The naive sum over coefficients, which are in the columns' own units.
CREATE FUNCTION by_hand(m text, l leads) RETURNS float8 LANGUAGE SQL AS $$
    SELECT 1 / (1 + exp(-sum(coefficient * CASE
        WHEN feature = '(intercept)' THEN 1 WHEN feature = 'x' THEN l.x WHEN feature = 'n' THEN coalesce(l.n, (SELECT avg(n) FROM leads_trained))
        WHEN feature = 'n is null' THEN (l.n IS NULL)::int WHEN feature = 'member' THEN l.member::int ELSE (feature = 'colour=' || l.colour)::int END)))
    FROM longtail.coefficients(m) $$;
SELECT longtail.train('leads', 'leads_trained', 'logistic', label_column => 'won', options => '{"features": ["x", "n", "colour", "member"], "split": "none"}');
SELECT ok(bool_and(abs(longtail.predict('leads', l) - by_hand('leads', l)) < 1e-5), 'predict is what its coefficients say') FROM leads l WHERE id <= 100;
SELECT ok(bool_and(longtail.predict('numbers only', ARRAY[x, n, member::int]) = longtail.predict('numbers only', l)), 'an array is a row') FROM leads l;
SELECT is(longtail.predict('numbers only', ARRAY[0.5, NULL, 1]::float8[]), longtail.predict('numbers only', r), 'NULL elements are missing values') FROM (SELECT 0.5 AS x, NULL::int AS n, true AS member) r;
SELECT ok(abs(longtail.predict('leads', l) - longtail.predict('leads', r)) < 1e-6, 'columns go by name, numbers of any type') FROM leads l, LATERAL (SELECT l.colour::varchar AS colour, l.member, 'more' AS more, l.n::numeric AS n, l.x::float4 AS x) r WHERE id = 100;
SELECT ok(longtail.predict('leads', r) BETWEEN 0 AND 1, 'all columns NULL') FROM (SELECT NULL::float8 AS x, NULL::int AS n, NULL::text AS colour, NULL::boolean AS member) r;
SELECT ok(longtail.predict('leads', r) BETWEEN 0 AND 1, 'a colour never seen') FROM (SELECT 0.5 AS x, 1 AS n, 'ultraviolet' AS colour, true AS member) r;
SELECT matches(error_of($$ SELECT longtail.predict('leads', r) FROM (SELECT 0.5 AS x, 1 AS n, true AS member) r $$), 'no column "colour".*NULL where it is not known', 'a column that is missing');
SELECT matches(error_of($$ SELECT longtail.predict('leads', r) FROM (SELECT 'half' AS x, 1 AS n, 'colour 1' AS colour, true AS member) r $$), 'column "x" of the row has a type of another kind', 'a column of another type');
SELECT matches(error_of($$ SELECT longtail.predict('leads', r) FROM (SELECT 'NaN'::float8 AS x, 1 AS n, 'colour 1' AS colour, true AS member) r $$), 'column "x" of the row is NaN', 'a NaN');
SELECT matches(error_of($$ SELECT longtail.predict('leads', ARRAY[0.5, 1, 0.2, 1]::float8[]) $$), '"colour" of model "leads" is not a number', 'an array for categories');
SELECT matches(error_of($$ SELECT longtail.predict('numbers only', ARRAY[0.5]::float8[]) $$), 'has 3 features, 1 were given', 'an array too short');
SELECT matches(error_of($$ SELECT longtail.predict('numbers only', ARRAY[0.5, 1, 'Infinity']::float8[]) $$), '"member" is NaN or infinite', 'an infinity');
SELECT matches(error_of($$ SELECT longtail.predict('logistic', ARRAY[0.5]::float8[]) $$), 'predicts for a user and an item', 'a recommender has no rows');
SELECT matches(error_of($$ SELECT longtail.predict('leads', 1, 2) $$), 'has no users and items', 'nor has this one users');
SELECT is(longtail.predict('leads', NULL::leads), NULL, 'a NULL row');
SELECT is(longtail.predict('logistic', NULL::bigint, 'item 1'), NULL, 'a NULL user');
SELECT is(longtail.predict('logistic', 1, NULL), NULL, 'a NULL item');
SELECT ok(longtail.predict(m, 1, 'no such item') BETWEEN 0 AND 1 AND longtail.predict(m, 999, 'item 1') BETWEEN 0 AND 1 AND longtail.predict(m, 999, 'no such item') BETWEEN 0 AND 1, m || ': unknown ones are no error') FROM models;
-- a table altered in the session
CREATE FUNCTION sum_of_predictions() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(longtail.predict('leads', l)) FROM leads l); END $$;
CREATE TABLE sums AS SELECT sum_of_predictions() AS s;
ALTER TABLE leads DROP COLUMN id;
ALTER TABLE leads ADD COLUMN first_new int DEFAULT 3;
SELECT is(sum_of_predictions(), s, 'a column dropped and another added') FROM sums;
ALTER TABLE leads ALTER n TYPE numeric;
SELECT ok(abs(sum_of_predictions() - s) < 1e-9, 'a column of another type') FROM sums;
ALTER TABLE leads RENAME colour TO color;
SELECT matches(error_of('SELECT sum_of_predictions()'), 'no column "colour"', 'a column renamed');
ALTER TABLE leads RENAME color TO colour;
SELECT ok(abs(sum_of_predictions() - s) < 1e-9, 'and back') FROM sums;
-- debug_parallel_query from 16 on
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT ok(abs(sum(longtail.predict('leads', l)) - s) < 1e-9, 'in a parallel worker') FROM leads l, sums GROUP BY s;
SELECT results_eq($$ SELECT item_id FROM longtail.recommend('logistic', 17) $$, 'SELECT unnest(l) FROM one', 'recommend in one');
CREATE TEMPORARY TABLE session_bought AS TABLE bought;
SELECT longtail.train('temporary', 'session_bought', 'logistic', 'u', 'item', options => '{"features": ["-ts"]}');
SELECT lives_ok($$ SELECT * FROM longtail.recommend('temporary', 17) $$, 'with a temporary source, which workers cannot read');
SELECT lives_ok($$ SELECT r.* FROM users, LATERAL longtail.recommend('temporary', u) r $$, 'also beside tables they can');
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- ---- explain ----

CREATE TABLE reasons AS SELECT m, u, item, e.* FROM models, unnest('{1,9,58,117,119,999}'::bigint[]) u, unnest('{item 1,item 33,item 83}'::text[]) item, LATERAL longtail.explain(m, u, item) e;
SELECT ok(bool_and(abs(s - ln(p / (1 - p))) < 1e-4 * greatest(1, abs(s))), m || ': contributions add up to the log-odds')
FROM (SELECT m, sum(contribution) AS s, longtail.predict(m, u, item) AS p FROM reasons GROUP BY m, u, item) x GROUP BY m ORDER BY m;
SELECT ok(bool_and(first = '(baseline)'), m || ': the baseline comes first') FROM (SELECT m, (array_agg(reason))[1] AS first FROM reasons GROUP BY m, u, item) x GROUP BY m ORDER BY m;
SELECT ok(count(*) > 1, 'a club''s liking is a reason') FROM longtail.explain('logistic', 1, 'item 1') WHERE reason LIKE 'club%x kind%' OR reason LIKE '%item%';
SELECT set_has($$ SELECT reason FROM longtail.explain('mlp', 1, 'item 1') $$, $$ VALUES ('(baseline)'), ('user embedding'), ('item embedding') $$, 'mlp names what it learned of user and item');
SELECT is((SELECT count(*) FROM longtail.explain('mlp', NULL::int, 'item 1')), 0::bigint, 'nobody has no reasons');
SELECT matches(error_of($$ SELECT longtail.explain('leads', 1, 'item 1') $$), 'has no users and items', 'explain wants a recommender');

-- ---- item_stats: the rule, in SQL over the source ----

CREATE TABLE rule AS
SELECT item, n, row_number() OVER (ORDER BY n DESC, item COLLATE "C") AS place, CASE
        WHEN n = 0 THEN 'tail' WHEN before < 0.2 * total THEN 'head' WHEN before < 0.8 * total THEN 'mid' ELSE 'tail' END AS segment, log(2, (total / greatest(n, 1))::numeric)::float8 AS novelty
FROM (SELECT item, n, coalesce(sum(n) OVER (ORDER BY n DESC, item COLLATE "C" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before, sum(n) OVER () AS total
      FROM (SELECT i.item, count(b.u) AS n FROM items i LEFT JOIN bought b USING (item) GROUP BY i.item) c) d;
SELECT results_eq($$ SELECT item_id, interactions, popularity_rank::bigint, segment FROM longtail.item_stats('logistic') ORDER BY popularity_rank $$, $$ SELECT item, n::float8, place, segment FROM rule ORDER BY place $$, 'counts, ranks and segments are the rule''s');
SELECT ok(bool_and(abs(s.novelty - r.novelty) < 1e-9), 'so is novelty') FROM longtail.item_stats('logistic') s JOIN rule r ON r.item = s.item_id;
SELECT is(array_agg(DISTINCT segment), '{head,mid,tail}', 'all three segments are there') FROM rule;
SELECT train('halves', 'logistic', '{"head_share": 0.5, "tail_share": 0.5}');
SELECT is(array_agg(DISTINCT segment), '{head,tail}', 'shares of one half leave no middle') FROM longtail.item_stats('halves');
SELECT ok(error_of($$ SELECT train('halves', 'logistic', '{"head_share": 0.7, "tail_share": 0.5}') $$) ~ 'share', 'shares that add up to more than 1');

-- ---- coefficients ----

SELECT set_has($$ SELECT feature FROM longtail.coefficients('logistic') $$, $$ VALUES ('(intercept)'), ('club=club 1'), ('club is null'), ('age'), ('kind=kind 2'), ('price'), ('tags=tag 4'), ('club=club 1 x kind=kind 1'), ('age x price') $$, 'every input column');
SELECT ok(bool_and(standard_error IS NULL OR standard_error > 0 AND abs(z - coefficient / standard_error) < 1e-9 AND p_value BETWEEN 0 AND 1 AND abs(odds_ratio - exp(coefficient)) < 1e-9 * odds_ratio), 'z, p-values and odds ratios fit') FROM longtail.coefficients('leads');
SELECT ok(p_value < 0.001 AND coefficient > 0, 'what decides is significant') FROM longtail.coefficients('leads') WHERE feature = 'x';
SELECT matches(error_of($$ SELECT longtail.coefficients('mlp') $$), 'logistic|coefficients', 'a network has none');

SELECT * FROM finish();
