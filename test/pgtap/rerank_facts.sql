-- What methods go by beyond popularity: attributes of items, values that count as the tail, similarity; chains of methods.
\ir common.psql

CREATE TABLE bought AS
SELECT u::bigint AS u, 'item ' || i AS item
FROM generate_series(1, 60) u, generate_series(1, 80) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 9 ELSE 2.5 END / (8 + i);
CREATE INDEX ON bought (u);
CREATE TABLE items AS
SELECT 'item ' || i AS item, 'kind ' || i % 4 AS kind, i % 7 AS maker, noise(i::text)::real AS price,
       CASE WHEN i % 9 = 0 THEN NULL WHEN i % 5 = 0 THEN '{}' WHEN i % 3 = 0 THEN ARRAY['a', 'b', NULL, 'a'] ELSE ARRAY['t' || i % 4] END AS tags
FROM generate_series(1, 85) i;
ALTER TABLE items ADD PRIMARY KEY (item);
CREATE VIEW features AS SELECT item, price, kind FROM items;
CREATE TABLE pairs AS
SELECT 'item ' || a AS a, 'item ' || b AS b, round((2 * noise(a::text, b::text) - 1)::numeric, 3) AS alike, 'x' AS more
FROM generate_series(1, 85) a, generate_series(1, 85) b WHERE a < b AND (a + b) % 3 <> 0;
CREATE FUNCTION train(m text, algorithm text, more jsonb DEFAULT '{}', facts regclass DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM longtail.train(m, 'bought', algorithm, 'u', 'item', item_features => facts, options => '{"split": "none"}'::jsonb || more); END $$;
SELECT train('ease', 'ease', '{"regularization": 20}');
SELECT train('als', 'als', '{"factors": 8}', 'items');
SELECT train('popularity', 'popularity');
SELECT train('logistic', 'logistic', facts => 'features');

-- The list that a call makes, and the error that it raises instead, with its state.
CREATE FUNCTION listed(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE l text; BEGIN EXECUTE format('SELECT string_agg(%s::text, '','' ORDER BY rank) FROM longtail.%s', CASE WHEN call ~ '^rerank' THEN 'item' ELSE 'item_id' END, call) INTO l; RETURN l; END $$;
-- What recommend reranks: all that the user does not have, with its scores and a value of each.
CREATE FUNCTION candidates(m text, of bigint, attribute text, OUT items text[], OUT scores float8[], OUT attributes text[]) LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('SELECT array_agg(item_id ORDER BY rank), array_agg(score ORDER BY rank), array_agg((%s)::text ORDER BY rank)
        FROM longtail.recommend(%L, %s, 500) LEFT JOIN items ON item = item_id', attribute, m, of) INTO items, scores, attributes; END $$;
CREATE FUNCTION shares(of bigint, attribute text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s jsonb; BEGIN
    EXECUTE format('SELECT jsonb_object_agg(v, n) FROM (SELECT (%s)::text AS v, count(*) AS n FROM (SELECT DISTINCT u, item FROM bought) b JOIN items USING (item) WHERE u = %s GROUP BY 1) s', attribute, of) INTO s; RETURN s; END $$;

-- ---- calibrated over an attribute: as rerank has it of values and shares that SQL worked out ----

SELECT is(listed(format($$recommend('als', %s, 12, 'calibrated', %s, options => '{"attribute": "%s", "attributes": "items"}')$$, u, s, attribute)),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM candidates('als', u, attribute) c,
                  LATERAL longtail.rerank(c.items, c.scores, 12, 'calibrated', s, attributes => c.attributes, options => jsonb_build_object('target', shares(u, attribute))) r),
          format('%s of user %s at %s', attribute, u, s))
FROM unnest('{kind,maker,price}'::text[]) attribute, unnest('{3,17,40}'::bigint[]) u, unnest('{0.3,0.9}'::float8[]) s;
SELECT isnt(listed($$recommend('als', 3, 12, 'calibrated', 0.9, options => '{"attribute": "kind"}')$$), listed($$recommend('als', 3, 12)$$), 'which is another list than without');
SELECT is(listed($$recommend('als', 3, 12, 'calibrated', 0.9, options => '{"attribute": "kind"}')$$),
          listed($$recommend('als', 3, 12, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "items"}')$$), 'the model''s item_features are where it is looked for');
-- of many lists the relation is read at once
CREATE TABLE lists AS SELECT * FROM longtail.recommend_all('als', 12, 'calibrated', 0.6, options => '{"attribute": "kind"}');
SELECT is(string_agg(item_id, ',' ORDER BY rank), listed(format($$recommend('als', %s, 12, 'calibrated', 0.6, options => '{"attribute": "kind"}')$$, user_id)), 'recommend_all: user ' || user_id)
FROM lists WHERE user_id IN ('1', '2', '3', '4', '59') GROUP BY user_id;
SELECT ok(sum(after) < sum(before), 'lists are nearer to what users have') FROM (
    SELECT abs(count(*) FILTER (WHERE kind = k AND method = 'none') / 12.0 - coalesce((h ->> k)::numeric, 0) / total) AS before,
           abs(count(*) FILTER (WHERE kind = k AND method <> 'none') / 12.0 - coalesce((h ->> k)::numeric, 0) / total) AS after
    FROM (SELECT 'calibrated' AS method, user_id, item_id FROM lists UNION ALL SELECT 'none', user_id, item_id FROM longtail.recommend_all('als', 12)) l JOIN items ON item = item_id,
         LATERAL (SELECT shares(user_id::bigint, 'kind') AS h) s, LATERAL (SELECT sum(value::numeric) AS total FROM jsonb_each_text(h)) t,
         generate_series(0, 3) i, LATERAL (SELECT 'kind ' || i AS k) kk GROUP BY user_id, k, h, total) d;

-- several values: an array, or several rows; each once, NULL none
CREATE TABLE tags AS SELECT DISTINCT item, unnest(tags) AS tag FROM items;
SELECT is(listed(format($$recommend('als', %s, 12, 'calibrated', 0.8, options => '{"attribute": "tags"}')$$, u)),
          listed(format($$recommend('als', %s, 12, 'calibrated', 0.8, options => '{"attribute": "tag", "attributes": "tags"}')$$, u)), 'an array is as several rows: user ' || u)
FROM generate_series(1, 8) u;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend_all('als', 12, 'calibrated', 0.8, options => '{"attribute": "tags"}') WHERE user_id = '5'),
          listed($$recommend('als', 5, 12, 'calibrated', 0.8, options => '{"attribute": "tag", "attributes": "tags"}')$$), 'of many lists too');
CREATE VIEW maker_lists AS SELECT item, ARRAY[maker] AS makers, kind::char(20) AS padded, jsonb_build_object('k', kind) AS json, kind::varchar AS short, maker = 2 AS yes, CASE WHEN maker = 2 THEN 'true' ELSE 'false' END AS word FROM items;
SELECT is(listed(format($$recommend('als', 6, 12, 'calibrated', 0.8, options => '{"attribute": "%s", "attributes": "maker_lists"}')$$, a)),
          listed(format($$recommend('als', 6, 12, 'calibrated', 0.8, options => '{"attribute": "%s", "attributes": "items"}')$$, b)), a || ' is read by its text')
FROM (VALUES ('makers', 'maker'), ('padded', 'kind'), ('json', 'kind'), ('short', 'kind')) v (a, b);
SELECT is(listed($$recommend('als', 6, 12, 'quota', 0.5, options => '{"attribute": "yes", "attributes": "maker_lists", "values": ["true"]}')$$),
          listed($$recommend('als', 6, 12, 'quota', 0.5, options => '{"attribute": "word", "attributes": "maker_lists", "values": ["true"]}')$$), 'booleans are true and false');

-- and by output functions that keep something from row to row
CREATE TYPE made AS (kind text, maker int);
CREATE VIEW made_lists AS SELECT item, (kind, maker)::made AS composite, ARRAY[(kind, maker)::made] AS composites, int4range(maker, maker + 1) AS range, int4range(maker, maker + 1)::text AS range_text, (kind, maker)::made::text AS composite_text FROM items;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY user_id::int, rank) FROM longtail.recommend_all('als', 12, 'calibrated', 0.8, options => jsonb_build_object('attribute', a, 'attributes', 'made_lists'))),
          (SELECT string_agg(item_id, ',' ORDER BY user_id::int, rank) FROM longtail.recommend_all('als', 12, 'calibrated', 0.8, options => jsonb_build_object('attribute', b, 'attributes', 'made_lists'))), a || ' of all items')
FROM (VALUES ('composite', 'composite_text'), ('composites', 'composite_text'), ('range', 'range_text')) v (a, b);

-- users of whom nothing is known, and baskets
SELECT is(listed($$recommend('als', 12345, 12, 'calibrated', 0.8, options => '{"attribute": "kind"}')$$), listed($$recommend('als', 12345, 12)$$), 'nobody''s taste leaves the order alone');
SELECT is(listed($$recommend_basket('ease', '{item 1,item 5,item 9}', 12, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "items"}')$$),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM (SELECT array_agg(item_id ORDER BY b.rank) AS i, array_agg(b.score ORDER BY b.rank) AS s, array_agg(kind ORDER BY b.rank) AS a
               FROM longtail.recommend_basket('ease', '{item 1,item 5,item 9}', 500) b LEFT JOIN items ON item = item_id) c,
           LATERAL longtail.rerank(i, s, 12, 'calibrated', 0.9, attributes => a, options => '{"target": {"kind 1": 1}}') r), 'a basket is a history');
SELECT is(listed($$recommend('als', 7, 12, 'calibrated', 0.8, candidates => '{item 1,item 2,item 33,item 44}', options => '{"attribute": "kind"}')$$) IS NOT NULL, true, 'of candidates');

-- ---- values: who counts as the tail ----

SELECT is(count(*) FILTER (WHERE maker IN (2, 5)), 12::bigint, 'quota of values: all of them at strength 1')
FROM longtail.recommend('ease', 4, 12, 'quota', 1, options => '{"attribute": "maker", "attributes": "items", "values": ["2", "5"]}') r JOIN items ON item = item_id;
SELECT is(listed(format($$recommend('ease', %s, 12, 'quota', 0.5, options => '{"attribute": "maker", "attributes": "items", "values": ["2", "5"]}')$$, u)),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM candidates('ease', u, 'maker') c,
                  LATERAL longtail.rerank(c.items, c.scores, 12, 'quota', 0.5, attributes => c.attributes, options => '{"values": ["2", "5"]}') r), 'as rerank has them: user ' || u)
FROM unnest('{3,17,40}'::bigint[]) u;
SELECT is(listed(format($$recommend('als', %s, 12, 'xquad', %s, options => '{"attribute": "kind", "values": ["kind 1"]}')$$, u, s)),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM candidates('als', u, 'kind') c,
                  LATERAL longtail.rerank(c.items, c.scores, 12, 'xquad', s, attributes => c.attributes, model => 'als', user_id => u, options => '{"attribute": "kind", "values": ["kind 1"]}') r),
          format('xquad by the user''s share of them: user %s at %s', u, s))
FROM unnest('{1,2,5}'::bigint[]) u, unnest('{0.2,0.6}'::float8[]) s;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend_all('als', 12, 'xquad', 0.6, options => '{"attribute": "kind", "values": ["kind 1"]}') WHERE user_id = '5'),
          listed($$recommend('als', 5, 12, 'xquad', 0.6, options => '{"attribute": "kind", "values": ["kind 1"]}')$$), 'and of many lists');
SELECT ok((SELECT count(*) FROM longtail.recommend('als', 5, 20, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"]}') JOIN items ON item = item_id WHERE kind = 'kind 1')
        > (SELECT count(*) FROM longtail.recommend('als', 6, 20, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"]}') JOIN items ON item = item_id WHERE kind = 'kind 1'), 'who buys of a kind gets more of it');
SELECT is(listed($$recommend('ease', 3, 10, 'random', 0.5, options => '{"attribute": "maker", "attributes": "items", "values": ["2"], "seed": 7}')$$),
          listed($$recommend('ease', 3, 10, 'random', 0.5, options => '{"attribute": "maker", "attributes": "items", "values": ["2"], "seed": 7}')$$), 'random is seeded');
SELECT ok(count(DISTINCT listed(format($$recommend('ease', 3, 10, 'random', 0.9, options => '{"seed": %s}')$$, s))) > 3, 'and other seeds make other lists') FROM generate_series(1, 9) s;
SELECT is(listed($$recommend('ease', 3, 10, 'quota', 0.7, options => '{"attribute": "maker", "attributes": "items", "values": ["nobody"]}')$$), listed($$recommend('ease', 3, 10)$$), 'a value that nothing has');

-- ---- similarity ----

SELECT isnt(listed(format($$recommend('als', 3, 10, %L, 0.7)$$, m)), listed($$recommend('als', 3, 10)$$), m || ' by the model''s vectors') FROM unnest('{mmr,dpp}'::text[]) m;
SELECT is(listed(format($$recommend('als', 3, 10, %L, 0.7, options => '{"similarity": "model"}')$$, m)), listed(format($$recommend('als', 3, 10, %L, 0.7)$$, m)), m || ': auto is the model''s') FROM unnest('{mmr,dpp}'::text[]) m;
SELECT isnt(listed(format($$recommend('logistic', 3, 10, %L, 0.7)$$, m)), listed($$recommend('logistic', 3, 10)$$), m || ' by features') FROM unnest('{mmr,dpp}'::text[]) m;
SELECT is(listed(format($$recommend(%L, 3, 10, %L, 0.7, options => '{"similarity": "%s"}')$$, of, m, s)),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM candidates(of, 3, 'kind') c,
                  LATERAL longtail.rerank(c.items, c.scores, 10, m, 0.7, model => of, options => jsonb_build_object('similarity', s)) r), format('%s of %s by %s, as rerank has it', m, of, s))
FROM unnest('{mmr,dpp}'::text[]) m, (VALUES ('als', 'auto'), ('als', 'model'), ('logistic', 'auto'), ('logistic', 'features'), ('als', 'pairs')) v (of, s);
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend_all(of, 10, m, 0.7, options => jsonb_build_object('similarity', s)) WHERE user_id = '9'),
          listed(format($$recommend(%L, 9, 10, %L, 0.7, options => '{"similarity": "%s"}')$$, of, m, s)), format('%s of %s by %s of many lists', m, of, s))
FROM unnest('{mmr,dpp}'::text[]) m, (VALUES ('als', 'auto'), ('logistic', 'features'), ('als', 'pairs')) v (of, s);
-- mmr by a relation, step by step: the larger of both directions, 0 for pairs that are not there
CREATE TABLE few (a bigint, b bigint, alike real);
INSERT INTO few VALUES (1, 2, 0.9), (2, 1, 0.2), (1, 3, -0.5), (3, 1, NULL), (2, 3, 0.1), (7, 7, 0.3), (NULL, 1, 0.5), (4, 99, 0.5), (4, 1, 1.0000001);
CREATE FUNCTION mmr(strength float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE chosen int[] = '{}'; best int; BEGIN
    FOR i IN 1 .. 4 LOOP
        SELECT c INTO best FROM generate_series(1, 4) c WHERE c <> ALL (chosen)
        ORDER BY (1 - strength) * (4 - c) / 3.0 - strength * coalesce((SELECT max(coalesce((SELECT max(least(alike, 1)) FROM few WHERE (a, b) IN ((c, o), (o, c)) AND alike IS NOT NULL), 0)) FROM unnest(chosen) o), 0) DESC, c LIMIT 1;
        chosen = chosen || best;
    END LOOP;
    RETURN array_to_string(chosen, ','); END $$;
SELECT is(listed(format($$rerank(ARRAY[1,2,3,4], '{4,3,2,1}', 4, 'mmr', %s, options => '{"similarity": "few"}')$$, s)), mmr(s), 'mmr at ' || s) FROM unnest('{0.2,0.4,0.6,0.8,1}'::float8[]) s;
SELECT is(listed($$rerank('{1,2,3,4}'::text[], '{4,3,2,1}', 4, 'mmr', 0.6, options => '{"similarity": "few"}')$$), mmr(0.6), 'items as text, pairs of numbers');
CREATE TABLE "model" AS TABLE few;
SELECT is(listed($$rerank(ARRAY[1,2,3,4], '{4,3,2,1}', 4, 'mmr', 0.6, options => '{"similarity": "t.model"}')$$), mmr(0.6), 'a relation called model');
ALTER TABLE "model" ADD COLUMN more text, DROP COLUMN a;
ALTER TABLE "model" RENAME more TO "select";
CREATE VIEW "odd; name" AS SELECT a AS "one; two", b AS "select", alike FROM few;
SELECT is(listed($$rerank(ARRAY[1,2,3,4], '{4,3,2,1}', 4, 'mmr', 0.6, options => '{"similarity": "\"odd; name\""}')$$), mmr(0.6), 'names are quoted');

-- ---- target, and candidates of no model ----

SELECT is(listed(format($$rerank(ARRAY[1,2,3,4,5,6], '{6,5,4,3,2,1}', 4, 'calibrated', 0.9, attributes => '{a,a,a,a,b,c}', options => '{"target": %s}')$$, target)), l, target)
FROM (VALUES ('{"a": 0.5, "b": 0.5}', '1,5,2,3'), ('{"a": 7, "b": 7}', '1,5,2,3'), ('{"c": 1}', '6,1,2,3'), ('{"c": 1, "b": 1, "q": 5}', '5,6,1,2'), ('{"a": 3}', '1,2,3,4'), ('{"a": 0, "b": 2}', '5,1,2,3')) v (target, l);
SELECT is(listed($$rerank(ARRAY[1,2,3,4,5,6], '{6,5,4,3,2,1}', 4, 'calibrated', 0.9, '{50,20,20,20,2,1}', options => '{"target": {"tail": 1}}')$$), '5,6,1,2', 'a target of head, mid and tail');
CREATE TABLE keyed (id bigint PRIMARY KEY, v text);
INSERT INTO keyed VALUES (1, 'a'), (2, 'a'), (3, 'a'), (4, 'a'), (5, 'b'), (6, 'c');
SELECT is(listed($$rerank(ARRAY[1,2,3,4,5,6], '{6,5,4,3,2,1}', 4, 'calibrated', 0.9, options => '{"attributes": "keyed", "attribute": "v", "target": {"a": 1, "b": 1}}')$$), '1,5,2,3', 'a relation by its primary key');
SELECT is(listed($$rerank(ARRAY[1,2,3,4,5,6,70000000000], '{6,5,4,3,2,1,0}', 4, 'quota', 1, options => '{"attributes": "keyed", "attribute": "v", "values": ["b", "c"]}')$$), '5,6,1,2', 'values of it, with no popularity');
SELECT is((SELECT string_agg(coalesce(segment, '?'), ',' ORDER BY rank) FROM longtail.rerank(ARRAY[1,2,3], '{3,2,1}', 4, 'quota', 0.9, attributes => '{a,b,NULL}', options => '{"values": ["b"]}')), '?,?,?', 'segments are not known then');
SELECT is(listed(format($$rerank('{}'::int[], '{}', 4, %L, 0.9, options => '{"attributes": "keyed", "attribute": "v", "target": {"a": 1}, "values": ["b"], "similarity": "few"}')$$, m)), NULL, m || ' of no items') FROM unnest('{calibrated,quota,mmr,dpp}'::text[]) m;
SELECT is(listed($$rerank(ARRAY['item 1', 'item 2', 'new'], '{3,2,1}', 3, 'mmr', 0.5, model => 'als')$$), 'item 1,new,item 2', 'an item that the model does not know is like nothing')
WHERE (SELECT score FROM longtail.similar_items('als', 'item 1', 100) WHERE item_id = 'item 2') > 0.9;
SELECT is(listed($$rerank(ARRAY['item 1', 'item 2', 'new'], '{3,2,1}', 3, 'mmr', 1, model => 'als')$$) ~ '^item 1,', true, 'mmr with items unknown');

-- ---- chains ----

SELECT is(listed($$rerank(ARRAY[1,2,3,4,5,6], '{6,5,4,3,2,1}', 3, 'popularity', 1, '{60,4,4,2,1,1}', options => '{"then": [{"method": "calibrated", "strength": 0.9, "attribute": "v", "attributes": "keyed"}], "target": {"a": 1, "c": 1}}')$$), '4,6,2', 'popularity, then calibrated');
SELECT is(listed($$recommend('als', 3, 10, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"], "then": [{"method": "none", "strength": 0}]}')$$),
          listed($$recommend('als', 3, 10, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"]}')$$), 'a stage that does nothing');
SELECT is(listed($$recommend('als', 3, 10, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"], "then": [{"method": "calibrated", "strength": 0.5}]}')$$),
          (SELECT string_agg(r.item, ',' ORDER BY r.rank) FROM
               (SELECT array_agg(item_id ORDER BY l.rank) AS i, array_agg(s ORDER BY l.rank) AS s
                FROM longtail.recommend('als', 3, 50, 'xquad', 0.5, options => '{"attribute": "kind", "values": ["kind 1"]}') l
                JOIN (SELECT rank, score AS s FROM longtail.recommend('als', 3, 50)) p USING (rank)) c,
               LATERAL longtail.rerank(i, s, 10, 'calibrated', 0.5, model => 'als', user_id => 3) r), 'each stage has its own taste: that of segments is not what values made of it');
SELECT is(listed($$recommend('als', 3, 10, 'mmr', 0.5, options => '{"then": [{"method": "random", "strength": 0.5}], "seed": 3}')$$), listed($$recommend('als', 3, 10, 'mmr', 0.5, options => '{"then": [{"method": "random", "strength": 0.5}], "seed": 3}')$$), 'mmr, then random, seeded');
SELECT is(count(*) FILTER (WHERE maker = 2 AND rank <= 4), 4::bigint, 'the last stage keeps its promise')
FROM longtail.recommend('ease', 4, 8, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "items", "then": [{"method": "quota", "strength": 1, "attribute": "maker", "attributes": "items", "values": ["2"]}]}') r JOIN items ON item = item_id;
-- stored with the model
SELECT train('stored', 'als', '{"factors": 8, "rerank": {"method": "calibrated", "strength": 0.7, "options": {"attribute": "kind", "then": [{"method": "mmr", "strength": 0.3, "similarity": "pairs"}]}}}', 'items');
SELECT is(listed($$recommend('stored', 3, 10)$$), listed($$recommend('als', 3, 10, 'calibrated', 0.7, options => '{"attribute": "kind", "then": [{"method": "mmr", "strength": 0.3, "similarity": "pairs"}]}')$$), 'options stored with the model');
SELECT is(listed($$recommend('stored', 3, 10, options => '{"then": []}')$$), listed($$recommend('als', 3, 10, 'calibrated', 0.7, options => '{"attribute": "kind"}')$$), 'those of the call come before');
SELECT is(listed($$recommend('stored', 3, 10, method => 'none')$$), listed($$recommend('als', 3, 10)$$), 'a method of the call has none of them');
SELECT matches(error_of(format($$ SELECT train('refused', 'als', '{"rerank": {"method": "xquad", "strength": 0.7, "options": %s}}') $$, o)), e, o)
FROM (VALUES ('{"attribute": "kind"}', 'needs option "values"'), ('{"atribute": "kind"}', 'unknown option "atribute"'), ('{"then": [{"method": "best", "strength": 1}]}', 'unknown rerank method "best"')) v (o, e);

-- ---- evaluate ----

CREATE TABLE test AS SELECT u::bigint AS u, 'item ' || i AS item FROM generate_series(1, 60) u, generate_series(1, 80) i WHERE noise('test', u::text, i::text) < 0.1;
SELECT is(round(value::numeric, 9), (SELECT round(count(DISTINCT item_id) / 85.0, 9) FROM longtail.recommend_all('als', 10, method, 0.8, options => o::jsonb)), 'evaluate shows what recommend_all does: ' || method || o)
FROM (VALUES ('calibrated', '{"attribute": "kind"}'), ('xquad', '{"attribute": "kind", "values": ["kind 0"]}'), ('mmr', '{}'), ('dpp', '{"similarity": "pairs"}'), ('calibrated', '{"attribute": "tags", "then": [{"method": "mmr", "strength": 0.5}]}')) v (method, o),
     LATERAL longtail.evaluate('als', 'test', '{10}', method, 0.8, o::jsonb) WHERE metric = 'catalogue_coverage';
SELECT results_eq($$ SELECT metric, value FROM longtail.evaluate('als', 'test', '{10}', 'xquad', 0.5, '{"attribute": "kind"}') WHERE metric IN ('ndcg', 'aplt') ORDER BY 1 $$,
                  $$ SELECT metric, value FROM longtail.evaluate('als', 'test', '{10}', 'xquad', 0.5) WHERE metric IN ('ndcg', 'aplt') ORDER BY 1 $$, 'evaluate measures attributes: methods may do without values');

-- items of a text column are those written like the model's, for one list and for many
CREATE TABLE integers AS SELECT u, i FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE noise(u::text, i::text) < 0.5;
CREATE INDEX ON integers (u);
CREATE TABLE uuids AS SELECT u, ('00000000-0000-4000-8000-0000000000' || to_char(i, 'FM00'))::uuid AS i FROM integers;
CREATE INDEX ON uuids (u);
SELECT longtail.train(m, m::regclass, 'als', 'u', 'i', options => '{"factors": 4, "split": "none"}') FROM unnest('{integers,uuids}'::text[]) m \g /dev/null
CREATE TABLE written AS SELECT DISTINCT i::text AS i, 'a' || i % 3 AS kind FROM integers UNION SELECT DISTINCT i::text, 'a' || right(i::text, 1) FROM uuids
UNION VALUES ('05', 'b'), (' 5', 'b'), ('+5', 'b'), ('5 ', 'b'), ('', 'b'), ('-', 'b'), ('five', 'b'), ('99999999999999999999', 'b'), ('00000000-0000-4000-8000-00000000000', 'b'), ('00000000-0000-4000-8000-0000000000050', 'b'), ('0000000000004000800000000000000005', 'b'), ('{00000000-0000-4000-8000-000000000005}', 'b'), ('00000000-0000-4000-8000-00000000000g', 'b'), (NULL, 'b');
CREATE VIEW written_pairs AS SELECT a.i AS a, b.i AS b, CASE WHEN a.kind = b.kind THEN 0.9 ELSE 0.1 END AS alike FROM written a, written b WHERE a.i < b.i;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend_all(m, 6, method, 0.8, options => o) WHERE user_id = '7'),
          listed(format('recommend(%L, 7, 6, %L, 0.8, options => %L)', m, method, o)), m || ' written as text: ' || method)
FROM unnest('{integers,uuids}'::text[]) m, (VALUES ('calibrated', '{"attribute": "kind", "attributes": "written"}'::jsonb), ('quota', '{"attribute": "kind", "attributes": "written", "values": ["a1"]}'), ('mmr', '{"similarity": "written_pairs"}')) v (method, o);
SELECT isnt(listed($$recommend('integers', 7, 6, 'mmr', 0.8, options => '{"similarity": "written_pairs"}')$$), listed($$recommend('integers', 7, 6)$$), 'which says something');

-- ---- errors ----

CREATE TABLE no_key (id text, v text);
CREATE TABLE times (item timestamptz, kind text);
CREATE TABLE numbered (item bigint, kind text);
CREATE TABLE two_columns (a text, b text);
CREATE TABLE words (a text, b text, c text);
CREATE TABLE kinds_differ (a text, b bigint, c real);
CREATE TABLE too_much AS SELECT 'item 1'::text AS a, 'item 2'::text AS b, 1.5 AS c;
CREATE TABLE no_number AS SELECT 'item 1'::text AS a, 'item 2'::text AS b, 'NaN'::float8 AS c;
SELECT throws_ok(format($$ SELECT longtail.recommend('als', 3, 10, %L, 0.5, options => %L) $$, m, o), s, e, coalesce(o, '') || ' for ' || m) FROM (VALUES
    ('calibrated', '{"attribute": "nothing"}', '42703', 'column "nothing" named as option "attribute" does not exist in t.items'),
    ('calibrated', '{"attribute": "kind", "attributes": "nowhere"}', '42P01', 'relation "nowhere" does not exist'),
    ('calibrated', '{"attribute": "kind", "attributes": "4000000000"}', '42P01', 'relation "4000000000" of option "attributes" does not exist'),
    ('mmr', '{"similarity": "-"}', '42P01', 'relation "-" of option "similarity" does not exist'),
    ('calibrated', '{"attribute": "v", "attributes": "no_key"}', '42703', 'cannot tell which column of t.no_key holds the ids'),
    ('calibrated', '{"attribute": "kind", "attributes": "times"}', '42804', 'column "item" of t.times cannot hold items'),
    ('calibrated', '{"attribute": "kind", "attributes": "numbered"}', '42804', 'column "item" of t.numbered is of another kind than the items of model "als"'),
    ('calibrated', '{"attribute": "kind; DROP TABLE items", "attributes": "items"}', '42703', 'column "kind; DROP TABLE items" named as option "attribute" does not exist in t.items'),
    ('calibrated', '{"attributes": "items"}', '22023', 'option "attributes" needs option "attribute"'),
    ('calibrated', '{"attribute": "ctid"}', '42703', 'column "ctid" named as option "attribute" does not exist in t.items'),
    ('xquad', '{"attribute": "kind"}', '22023', 'rerank method "xquad" needs option "values" with an attribute'),
    ('quota', '{"attribute": "kind"}', '22023', 'rerank method "quota" needs option "values" with an attribute'),
    ('random', '{"attribute": "kind"}', '22023', 'rerank method "random" needs option "values" with an attribute'),
    ('quota', '{"values": ["kind 1"]}', '22023', 'option "values" needs option "attribute"'),
    ('mmr', '{"similarity": "nowhere"}', '42P01', 'relation "nowhere" does not exist'),
    ('mmr', '{"similarity": "two_columns"}', '42804', 'relation "two_columns" of option "similarity" does not say how alike items are'),
    ('mmr', '{"similarity": "words"}', '42804', 'relation "words" of option "similarity" does not say how alike items are'),
    ('mmr', '{"similarity": "kinds_differ"}', '42804', 'column "b" of t.kinds_differ is of another kind than the items of model "als"'),
    ('mmr', '{"then": {"method": "random"}}', '22023', 'option "then" must be a list'),
    ('mmr', '{"then": [1]}', '22023', 'option "then" must be a list of objects'),
    ('mmr', '{"then": [{"method": "random", "strength": 0.1, "then": []}]}', '22023', 'option "then" has another inside it'),
    ('mmr', '{"then": [{"method": "random"}]}', '22023', 'an element of option "then" lacks a method or a strength'),
    ('mmr', '{"then": [{"method": "random", "strength": 2}]}', '22023', 'strength of method "random" is 2'),
    ('mmr', '{"then": [{"method": "quota", "strength": 0.5, "attribute": "kind"}]}', '22023', 'rerank method "quota" needs option "values" with an attribute'),
    ('mmr', '{"target": {"a": 1}}', '22023', 'unknown option "target"')) v (m, o, s, e);
SELECT throws_ok(format($$ SELECT longtail.recommend('als', 3, 10, 'dpp', 0.5, exclude_seen => false, options => %L) $$, o), '22023', e, o) FROM (VALUES
    ('{"similarity": "too_much"}', 'how alike "item 1" and "item 2" are is 1.5 in t.too_much'), ('{"similarity": "no_number"}', 'how alike "item 1" and "item 2" are is NaN in t.no_number')) v (o, e);
SELECT throws_ok($$ SELECT longtail.recommend_all('als', 3, 'dpp', 0.5, options => '{"similarity": "too_much"}') $$, '22023', 'how alike "item 1" and "item 2" are is 1.5 in t.too_much', 'read at once');
SELECT throws_ok($$ SELECT longtail.rerank(array_agg('item ' || i), array_agg(i::float8), 10, 'mmr', 0.5, options => '{"similarity": "pairs"}') FROM generate_series(1, 30000) i $$, '53200', 'not enough memory for the candidates'' similarity', 'more candidates than their similarities fit into memory');
SELECT throws_ok($$ SELECT longtail.recommend('ease', 3, 10, 'calibrated', 0.5, options => '{"attribute": "kind"}') $$, '22023', 'option "attribute" does not say of which relation it is', 'no item_features');
SELECT throws_ok($$ SELECT longtail.recommend('ease', 3, 10, 'mmr', 0.5, options => '{"similarity": "features"}') $$, '0A000', 'a model of "ease" has no features of items', 'no features');
SELECT throws_ok($$ SELECT longtail.recommend('popularity', 3, 10, 'mmr', 0.5) $$, '0A000', 'algorithm "popularity" has no vectors that say how alike items are', 'no similarity at all');
SELECT throws_ok(format($$ SELECT longtail.rerank(ARRAY[1,2,3], '{3,2,1}', 3, %s) $$, a), s, e, a) FROM (VALUES
    ($$'mmr', 0.5$$, '22023', 'rerank method "mmr" needs to know how alike the items are'),
    ($$'mmr', 0.5, options => '{"similarity": "features"}'$$, '22023', 'rerank method "mmr" needs to know how alike the items are'),
    ($$'calibrated', 0.5$$, '22023', 'rerank method "calibrated" needs the items'' popularity'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}'$$, '22023', 'rerank method "calibrated" has attributes, and nothing to calibrate them to'),
    ($$'calibrated', 0.5, options => '{"attributes": "keyed", "attribute": "v"}'$$, '22023', 'rerank method "calibrated" has attributes, and nothing to calibrate them to'),
    ($$'calibrated', 0.5, attributes => '{a,b}'$$, '2202E', 'items and attributes differ in length'),
    ($$'calibrated', 0.5, attributes => '{{a,b,c}}'$$, '2202E', 'attributes must be a one-dimensional array'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}', options => '{"target": {"a": -1}}'$$, '22023', 'the share of "a" in option "target" must be a number of at least 0'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}', options => '{"target": {"a": "NaN"}}'$$, '22023', 'the share of "a" in option "target" must be a number of at least 0'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}', options => '{"target": {"a": null}}'$$, '22023', 'the share of "a" in option "target" must be a number of at least 0'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}', options => '{"target": {"a": 0, "b": 0}}'$$, '22023', 'the shares in option "target" add up to 0'),
    ($$'calibrated', 0.5, attributes => '{a,b,c}', options => '{"target": {}}'$$, '22023', 'the shares in option "target" add up to 0'),
    ($$'calibrated', 0.5, '{3,2,1}', options => '{"target": {"a": 1}}'$$, '22023', 'option "target" names "a", which is none of head, mid and tail'),
    ($$'quota', 0.5, attributes => '{a,b,c}'$$, '22023', 'rerank method "quota" needs option "values" with an attribute'),
    ($$'quota', 0.5, '{1,2,3}', options => '{"values": ["b"]}'$$, '22023', 'option "values" needs option "attribute"'),
    ($$'quota', 0.5, options => '{"attribute": "v", "values": ["b"]}'$$, '22023', 'option "attribute" does not say of which relation it is'),
    ($$'quota', 0.5, options => '{"attribute": "kind", "attributes": "features", "values": ["b"]}'$$, '42703', 'cannot tell which column of t.features holds the ids'),
    ($$'popularity', 0.5, attributes => '{a,b,c}', options => '{"values": ["b"]}'$$, '22023', 'rerank method "popularity" needs the items'' popularity'),
    ($$'none', 0, options => '{"head_share": 0.3}'$$, '22023', 'option "head_share" is given without popularity'),
    ($$'none', 0, options => '{"tail_share": 0.3}'$$, '22023', 'option "tail_share" is given without popularity'),
    ($$'mmr', 0.5, options => '{"similarity": "kinds_differ"}'$$, '42804', 'the items of relation "kinds_differ" of option "similarity" are of two kinds')) v (a, s, e);

-- ---- what changes between calls ----

CREATE TABLE changing AS SELECT item, kind FROM items;
PREPARE lists_of AS SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "changing"}');
SELECT results_eq('EXECUTE lists_of', $$ SELECT listed('recommend(''als'', 3, 10, ''calibrated'', 0.9, options => ''{"attribute": "kind"}'')') $$, 'a relation');
ALTER TABLE changing ALTER kind TYPE text[] USING ARRAY[kind], ADD COLUMN z int;
SELECT results_eq('EXECUTE lists_of', $$ SELECT listed('recommend(''als'', 3, 10, ''calibrated'', 0.9, options => ''{"attribute": "kind"}'')') $$, 'its column now of another type');
UPDATE changing SET kind = '{same}';
SELECT results_eq('EXECUTE lists_of', $$ SELECT listed('recommend(''als'', 3, 10)') $$, 'with other values: all alike');
TRUNCATE changing;
SELECT results_eq('EXECUTE lists_of', $$ SELECT listed('recommend(''als'', 3, 10)') $$, 'empty');
ALTER TABLE changing RENAME kind TO sort;
SELECT throws_ok('EXECUTE lists_of', '42703', 'column "kind" named as option "attribute" does not exist in t.changing', 'the column renamed');
ALTER TABLE changing DROP COLUMN sort, ADD COLUMN kind text;
SELECT results_eq('EXECUTE lists_of', $$ SELECT listed('recommend(''als'', 3, 10)') $$, 'dropped and made anew');
DROP TABLE changing;
SELECT throws_ok('EXECUTE lists_of', '42P01', 'relation "changing" does not exist', 'the relation gone');

-- ---- rights ----

CREATE ROLE facts_reader;
GRANT USAGE ON SCHEMA t TO facts_reader;
GRANT SELECT ON bought TO facts_reader;
SELECT longtail.grant_model('als', 'facts_reader');
CREATE TABLE guarded AS SELECT item, kind FROM items;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY two_kinds ON guarded FOR SELECT TO facts_reader USING (kind IN ('kind 1', 'kind 2'));
CREATE TABLE what_some_see AS SELECT item, kind FROM items WHERE kind IN ('kind 1', 'kind 2');
SET ROLE facts_reader;
SELECT throws_ok($$ SELECT longtail.recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind"}') $$, '42501', 'permission denied for table items', 'a relation that may not be read');
SELECT throws_ok($$ SELECT longtail.recommend_all('als', 10, 'calibrated', 0.9, options => '{"attribute": "kind"}') $$, '42501', 'permission denied for table items', 'of many lists');
SELECT throws_ok($$ SELECT longtail.recommend('als', 3, 10, 'mmr', 0.9, options => '{"similarity": "pairs"}') $$, '42501', 'permission denied for table pairs', 'pairs');
SELECT is((SELECT count(*) FROM longtail.recommend('als', 3, 10, 'mmr', 0.9)), 10::bigint, 'the model''s vectors may be used');
RESET ROLE;
GRANT SELECT (item, kind) ON items TO facts_reader;
GRANT SELECT ON guarded TO facts_reader;
CREATE TABLE seen_by_all AS SELECT listed($$recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "guarded"}')$$) AS l;
CREATE TABLE seen_by_some AS SELECT listed($$recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "what_some_see"}')$$) AS l;
GRANT SELECT ON seen_by_all, seen_by_some TO facts_reader;
SET ROLE facts_reader;
SELECT is(listed($$recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind"}')$$), l, 'columns that may be read') FROM seen_by_all;
SELECT is(listed($$recommend('als', 3, 10, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "guarded"}')$$), l, 'row-level security holds') FROM seen_by_some;
SELECT is((SELECT string_agg(item_id, ',' ORDER BY rank) FROM longtail.recommend_all('als', 10, 'calibrated', 0.9, options => '{"attribute": "kind", "attributes": "guarded"}') WHERE user_id = '3'), l, 'of many lists too') FROM seen_by_some;
RESET ROLE;
SELECT isnt((SELECT l FROM seen_by_all), (SELECT l FROM seen_by_some), 'which makes a difference');
SELECT longtail.revoke_model('als', 'facts_reader');
DROP OWNED BY facts_reader;
DROP ROLE facts_reader;

SELECT * FROM finish();
