-- Reranking what any query scored: boost, rerank, and rerank with a model.
BEGIN;
SELECT plan(70);

-- ---- boost ----

SELECT is(longtail.boost(8, 16, 0.5), 2::float8, 'score / popularity^strength');
SELECT is(longtail.boost(8, 16, 0), 8::float8, 'strength 0 leaves the score alone');
SELECT is(longtail.boost(8, 0, 3), 8::float8, 'popularity below 1 counts as 1');
SELECT is(longtail.boost(-8, 16, 0.5), -32::float8, 'popularity costs a negative score too');
SELECT is(longtail.boost(8, NULL, 0.5), NULL, 'strict');
SELECT throws_ok('SELECT longtail.boost(1, 1, -1)', '22023', 'strength is -1', 'a negative strength');
SELECT throws_ok('SELECT longtail.boost(1, 1, ''NaN'')', '22023', 'strength is NaN', 'a NaN strength');

-- ---- properties ----

-- 60 items: the most popular score highest, with some noise that everyone can make again.
CREATE TABLE list AS
SELECT array_agg('item ' || i ORDER BY i) AS items, array_agg(s ORDER BY i) AS scores, array_agg(p ORDER BY i) AS pop
FROM (SELECT i, (1 / (i + 3.0) + (i * 37 % 11) / 100.0)::float8 AS s, (1000 / i)::float8 AS p
      FROM generate_series(1, 60) i) s;
CREATE TABLE reranked AS
SELECT m.name AS method, strength, r.*
FROM longtail.rerank_methods() m, unnest('{0,0.1,0.25,0.5,0.75,1}'::float8[]) strength, list,
     LATERAL longtail.rerank(items, scores, 10, m.name, strength, pop) r
WHERE NOT needs_similarity;
CREATE TABLE methods AS SELECT name, raises_tail FROM longtail.rerank_methods() WHERE NOT needs_similarity;

SELECT results_eq('SELECT name FROM longtail.rerank_methods()',
                  '{none,popularity,xquad,calibrated,mmr,dpp,quota,random}'::text[], 'the methods there are');
SELECT results_eq('SELECT name FROM longtail.rerank_methods() WHERE needs_similarity', '{mmr,dpp}'::text[],
                  'those that compare items');
SELECT results_eq('SELECT name FROM longtail.rerank_methods() WHERE NOT raises_tail', '{calibrated,mmr,dpp}'::text[],
                  'those that promise nothing to the tail');
SELECT is((SELECT count(*) FROM reranked WHERE method = name AND strength = s), 10::bigint,
          format('%s at %s gives k items', name, s))
FROM methods, (VALUES (0.0), (1)) v (s) WHERE name <> 'none' ORDER BY name, s;
SELECT is(count(*), 0::bigint, 'no item comes twice')
FROM (SELECT FROM reranked GROUP BY method, strength, item HAVING count(*) > 1) d;
SELECT ok(bool_and(base_score = scores[array_position(items, item)]), 'each is from the list, with its score')
FROM reranked, list;
SELECT ok(bool_and(ranks = '{1,2,3,4,5,6,7,8,9,10}'), 'ranks count from 1')
FROM (SELECT array_agg(rank ORDER BY rank) AS ranks FROM reranked GROUP BY method, strength) r;
SELECT is(array_agg(item ORDER BY rank), (SELECT array_agg(item ORDER BY n) FROM
              (SELECT item, row_number() OVER (ORDER BY s DESC, at) AS n
               FROM list, unnest(items, scores) WITH ORDINALITY u (item, s, at)) o WHERE n <= 10),
          'strength 0 of ' || method || ' is the order by score')
FROM reranked WHERE strength = 0 GROUP BY method ORDER BY method;
SELECT ok(bool_and(tail >= before), 'more strength never lowers the share of the tail')
FROM (SELECT tail, lag(tail, 1, 0::bigint) OVER (PARTITION BY method ORDER BY strength) AS before
      FROM (SELECT method, strength, count(*) FILTER (WHERE segment = 'tail') AS tail
            FROM reranked JOIN methods ON name = method AND raises_tail GROUP BY method, strength) c) d;
SELECT ok(max(tail) > min(tail), method || ' brings items of the tail in')
FROM (SELECT method, strength, count(*) FILTER (WHERE segment = 'tail') AS tail FROM reranked GROUP BY method, strength) c
WHERE method IN ('popularity', 'quota', 'random', 'xquad') GROUP BY method ORDER BY method;
SELECT ok(bool_and(abs(score - longtail.boost(base_score, pop[array_position(items, item)], strength)) < 1e-12),
          'popularity orders by boost')
FROM reranked, list WHERE method = 'popularity';

-- ---- segments: the first 20 %, the next 60 % and the last 20 % of interactions ----

SELECT is(array_agg(segment ORDER BY rank), '{head,head,mid,mid,mid,mid,mid,mid,tail,tail}', 'shares of 20, 60 and 20')
FROM longtail.rerank(ARRAY[1,2,3,4,5,6,7,8,9,10], ARRAY[10,9,8,7,6,5,4,3,2,1], 10, 'none', 0, array_fill(5, ARRAY[10]));
SELECT is(array_agg(segment ORDER BY rank), '{head,head,head,head,head,tail,tail,tail,tail,tail}', 'shares of 50, 0 and 50')
FROM longtail.rerank(ARRAY[1,2,3,4,5,6,7,8,9,10], ARRAY[10,9,8,7,6,5,4,3,2,1], 10, 'none', 0, array_fill(5, ARRAY[10]),
                     options => '{"head_share": 0.5, "tail_share": 0.5}');
SELECT ok(bool_and(segment IS NULL), 'without popularity segments are not known')
FROM longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'none', 0);

-- ---- arguments ----

SELECT is(pg_typeof(item)::text, 'uuid', 'items come back in their type')
FROM longtail.rerank(ARRAY['7d6d5e6a-0000-4000-8000-000000000001']::uuid[], '{1}', 1, 'none', 0);
SELECT is(count(*), 2::bigint, 'k beyond the list') FROM longtail.rerank('{a,b}'::text[], '{1,2}', 2147483647, 'none', 0);
SELECT is(count(*), 0::bigint, 'an empty list') FROM longtail.rerank('{}'::text[], '{}', 5, 'quota', 1, '{}');
SELECT is(count(*), 0::bigint, 'no list, as array_agg gives it') FROM longtail.rerank(NULL::text[], NULL, 5, 'none', 0);
SELECT is((SELECT array_agg(item ORDER BY rank) FROM longtail.rerank(items, scores, 10, 'random', 1, pop, options => '{"seed": 5}')),
          (SELECT array_agg(item ORDER BY rank) FROM longtail.rerank(items, scores, 10, 'random', 1, pop, options => '{"seed": 5}')),
          'random is seeded') FROM list;
SELECT throws_ok($$ SELECT longtail.rerank('{a,NULL}'::text[], '{1,2}', 5, 'none', 0) $$, '22004', 'items[2] is NULL', 'NULL item');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{NULL,2}', 5, 'none', 0) $$, '22004', 'scores[1] is NULL', 'NULL score');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b,a}'::text[], '{1,2,3}', 5, 'none', 0) $$, '22023',
                 'item "a" is in the list twice', 'an item that is there twice');
SELECT throws_ok($$ SELECT longtail.rerank(ARRAY[5,5], '{1,2}', 5, 'none', 0) $$, '22023', 'item "5" is in the list twice',
                 'numbers too');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1}', 5, 'none', 0) $$, '2202E',
                 'items and scores differ in length', 'fewer scores than items');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'quota', 0.5, '{1}') $$, '2202E',
                 'items and popularity differ in length', 'less popularity than items');
SELECT throws_ok($$ SELECT longtail.rerank('{{a,b}}'::text[], '{1,2}', 5, 'none', 0) $$, '2202E',
                 'items must be a one-dimensional array', 'a matrix of items');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,NaN}', 5, 'none', 0) $$, '22023', 'scores[2] is NaN', 'NaN');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], NULL, 5, 'none', 0) $$, '22004', 'scores must not be NULL',
                 'items without scores');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 0, 'none', 0) $$, '22023', 'k is 0', 'k of 0');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', NULL, 'none', 0) $$, '22004', 'k must not be NULL', 'no k');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, NULL, 0) $$, '22004', 'method must not be NULL', 'no method');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'tail', 0) $$, '22023',
                 'unknown rerank method "tail"', 'a method there is not');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'quota', 1.5, '{1,2}') $$, '22023', NULL,
                 'a strength out of range');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'quota', 0.5, '{1,-2}') $$, '22023',
                 'popularity[2] is -2', 'negative popularity');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'quota', 0.5) $$, '22023',
                 'rerank method "quota" needs the items'' popularity', 'a method without what it needs');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'none', 0, options => '{"epochs": 1}') $$, '22023',
                 NULL, 'an option of something else');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'none', 0, options => '{"promote": "never"}') $$,
                 '22023', NULL, 'an option of models');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'none', 0, user_id => 'ann') $$, '22023',
                 'user_id is given without a model', 'a user without a model');

-- ---- one list a group ----

SELECT is(string_agg(g || ':' || item, ' ' ORDER BY g, rank), '0:3 0:6 1:1 1:4 2:2 2:5', 'LATERAL, a list for each row')
FROM (SELECT i % 3 AS g, array_agg(i) AS items, array_agg(1.0 / i) AS scores FROM generate_series(1, 30) i GROUP BY 1) l,
     LATERAL longtail.rerank(items, scores, 2, 'none', 0) r;

-- ---- with a model ----

-- 40 items, item i bought 120 / i times; customer 200 buys only the rarest.
CREATE TABLE sales AS
SELECT u AS customer, 'p' || i AS product FROM generate_series(1, 40) i, generate_series(1, 120) u WHERE u * i <= 120
UNION SELECT 200, 'p' || i FROM generate_series(31, 40) i;
SELECT lives_ok($$ SELECT longtail.train('shop', 'sales', 'logistic', 'customer', 'product') $$, 'a model');
SELECT is(array_agg(segment ORDER BY rank), '{head,tail,tail}', 'segments are the catalogue''s, unknown items of the tail')
FROM longtail.rerank('{p1,p40,nobody}'::text[], '{3,2,1}', 3, 'none', 0, model => 'shop');
SELECT is(bool_and(r.segment = s.segment), true, 'and those of item_stats')
FROM longtail.item_stats('shop') s JOIN (SELECT r.* FROM (SELECT array_agg('p' || i) AS a, array_agg(1.0 / i) AS b
    FROM generate_series(1, 40) i) l, LATERAL longtail.rerank(a, b, 40, 'none', 0, model => 'shop') r) r ON item = item_id;
SELECT ok(count(*) FILTER (WHERE r.segment = 'tail' AND u = '200') > count(*) FILTER (WHERE r.segment = 'tail' AND u = '120'),
          'xquad gives more of the tail to who likes it')
FROM (SELECT array_agg('p' || i) AS a, array_agg(1.0 / (i + 20)) AS b FROM generate_series(1, 40) i) l,
     (VALUES ('120'), ('200')) v (u), LATERAL longtail.rerank(a, b, 10, 'xquad', 0.3, model => 'shop', user_id => u) r;
SELECT is((SELECT string_agg(item, ' ' ORDER BY rank) FROM longtail.rerank('{p1,p9,p40}'::text[], '{3,2,1}', 3, NULL, NULL, model => 'shop')),
          'p1 p9 p40', 'the model''s own method and strength');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'quota', NULL, model => 'shop') $$, '22004', NULL,
                 'a strength is needed for another');
SELECT throws_ok($$ SELECT longtail.rerank('{a,b}'::text[], '{1,2}', 5, 'none', 0, model => 'nothing') $$, '42704', NULL,
                 'a model there is not');

SELECT * FROM finish();
ROLLBACK;
