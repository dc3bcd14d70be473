-- rerank_agg: rerank as an aggregate.
\ir common.psql

-- 3,000 lists of 1 to 20 items, with ties.
CREATE TABLE rows AS
SELECT g, i, i * 10 + g AS item, round(noise('score', g::text, i::text)::numeric, 1)::float8 AS score, floor(50 * noise('popularity', g::text, i::text) ^ 3) AS popularity, 'v' || floor(3 * noise('value', g::text, i::text)) AS value
FROM generate_series(1, 3000) g, LATERAL generate_series(1, 1 + floor(20 * noise('length', g::text))::int) i;
CREATE TABLE alike AS SELECT a, b, noise(least(a, b)::text, greatest(a, b)::text) AS s FROM generate_series(11, 60) a, generate_series(11, 60) b WHERE a < b;
CREATE TABLE kinds AS SELECT DISTINCT item, 'kind ' || item % 4 AS kind FROM rows;
ALTER TABLE kinds ADD PRIMARY KEY (item);
CREATE FUNCTION of_arrays(g int, k int, method text, strength float8, popular bool, options jsonb) RETURNS int[] LANGUAGE SQL AS $$
    SELECT array_agg(r.item ORDER BY r.rank) FROM (SELECT array_agg(item ORDER BY i) AS items, array_agg(score ORDER BY i) AS scores, array_agg(popularity ORDER BY i) AS pop FROM rows WHERE rows.g = $1) l,
           LATERAL longtail.rerank(items, scores, k, method, strength, CASE WHEN popular THEN pop END, options => options) r $$;
CREATE INDEX ON rows (g);
SELECT is(count(*) FILTER (WHERE l IS DISTINCT FROM of_arrays(g, 5, 'none', 0, false, '{}')), 0::bigint, 'none')
FROM (SELECT g, longtail.rerank_agg(item, score, 5, 'none', 0 ORDER BY i) AS l FROM rows GROUP BY g) a;
SELECT is(count(*) FILTER (WHERE l IS DISTINCT FROM of_arrays(g, 7, m, 0.4, true, '{}')), 0::bigint, m)
FROM unnest('{popularity,xquad,quota}'::text[]) m, LATERAL (SELECT g, longtail.rerank_agg(item, score, 7, m, 0.4, popularity ORDER BY i) AS l FROM rows GROUP BY g) a GROUP BY m;
SELECT is(count(*) FILTER (WHERE l IS DISTINCT FROM of_arrays(g, 7, m, 0.6, true, o)), 0::bigint, m || o)
FROM (VALUES ('random', '{"seed": 11}'::jsonb), ('xquad', '{"variant": "binary", "head_share": 0.5}'), ('calibrated', '{"target": {"tail": 0.5, "mid": 0.5}}'), ('popularity', '{"then": [{"method": "quota", "strength": 0.5}]}')) v (m, o),
     LATERAL (SELECT g, longtail.rerank_agg(item, score, 7, m, 0.6, popularity, o ORDER BY i) AS l FROM rows GROUP BY g) a GROUP BY m, o;
SELECT is(count(*) FILTER (WHERE l IS DISTINCT FROM of_arrays(g, 7, m, 0.6, false, o)), 0::bigint, m || o)
FROM (VALUES ('mmr', '{"similarity": "alike"}'::jsonb), ('dpp', '{"similarity": "alike"}'), ('quota', '{"attribute": "kind", "attributes": "kinds", "values": ["kind 1"]}')) v (m, o),
     LATERAL (SELECT g, longtail.rerank_agg(item, score, 7, m, 0.6, NULL, o ORDER BY i) AS l FROM rows WHERE g <= 100 GROUP BY g) a GROUP BY m, o;

-- ---- items of other types, and how else it is called ----

SELECT is(longtail.rerank_agg('item ' || item, score, 2, 'none', 0 ORDER BY i), ARRAY['item ' || 0, 'item 1'], 'text') FROM (VALUES (0, 3.0::float8, 1), (1, 2, 2), (2, 1, 3)) v (item, score, i);
SELECT is(longtail.rerank_agg(md5(i::text)::uuid, -i, 2, 'none', 0), ARRAY[md5('1'), md5('2')]::uuid[], 'uuids') FROM generate_series(1, 300) i;
SELECT is(longtail.rerank_agg(repeat(chr(96 + i), 3000), -i, 2, 'none', 0), ARRAY[repeat('a', 3000), repeat('b', 3000)], 'long ones') FROM generate_series(1, 26) i;
SELECT is(longtail.rerank_agg(i, i, 3, 'none', 0) FILTER (WHERE i % 2 = 0), '{20,18,16}', 'FILTER') FROM generate_series(1, 20) i;
SELECT is(longtail.rerank_agg(DISTINCT i / 2, 1, 3, 'none', 0), '{0,1,2}', 'DISTINCT') FROM generate_series(1, 20) i;
SELECT is(longtail.rerank_agg(i, 1, 3, 'none', 0 ORDER BY i DESC), '{20,19,18}', 'of equal scores the first') FROM generate_series(1, 20) i;
SELECT is(string_agg(l::text, ' ' ORDER BY i), '{1} {2,1} {3,2} {4,3}', 'over a window') FROM (SELECT i, longtail.rerank_agg(i, i, 2, 'none', 0) OVER (ORDER BY i) AS l FROM generate_series(1, 4) i) w;
SELECT is(longtail.rerank_agg(i, i, 3, 'none', 0), NULL, 'no rows') FROM generate_series(1, 0) i;
SELECT is(longtail.rerank_agg(i, i, 3, 'none', 0) FILTER (WHERE false), NULL, 'none left') FROM generate_series(1, 9) i;
SELECT is(longtail.rerank_agg(i, i, 2147483647, 'none', NULL), '{2,1}', 'k beyond the rows; none needs no strength') FROM generate_series(1, 2) i;
SELECT is(longtail.rerank_agg(i, i, 2, 'none', 0, NULL, NULL), '{9,8}', 'no popularity, no options') FROM generate_series(1, 9) i;
SELECT is(longtail.rerank_agg(i, 10 - i, 2, 'popularity', 2, 10 - i, '{}'), '{9,8}', 'numbers of other types') FROM generate_series(1, 9) i;
SELECT is(longtail.rerank_agg(i, i, 2, m, s, 1, o::jsonb), '{9,8}', 'method, strength and options from columns') FROM generate_series(1, 9) i, (VALUES ('quota' || left('', 1), 0.5 * 1, '{"alpha": 0.1}')) v (m, s, o);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT is(sum(cardinality(l)), (SELECT sum(least(5, n))::bigint FROM (SELECT count(*) AS n FROM rows GROUP BY g) c), 'where a parallel plan may be had') FROM (SELECT longtail.rerank_agg(item, score, 5, 'none', 0) AS l FROM rows GROUP BY g) a;

-- ---- errors: those of rerank ----

SELECT throws_ok(format($$ SELECT longtail.rerank_agg(%s) FROM generate_series(1, 3) i $$, a), s, e, a) FROM (VALUES
    ('nullif(i, 2), i, 3, ''none'', 0', '22004', 'items[2] is NULL'),
    ('i, nullif(i, 3), 3, ''none'', 0', '22004', 'scores[3] is NULL'),
    ('i, CASE i WHEN 2 THEN ''NaN''::float8 ELSE i END, 3, ''none'', 0', '22023', 'scores[2] is NaN'),
    ('i, ''-Infinity'', 3, ''none'', 0', '22023', 'scores[1] is -Infinity'),
    ('i % 2, i, 3, ''none'', 0', '22023', 'item "1" is in the list twice'),
    ('i, i, 0, ''none'', 0', '22023', 'k is 0'),
    ('i, i, NULL, ''none'', 0', '22004', 'k must not be NULL'),
    ('i, i, 3, NULL, 0', '22004', 'method must not be NULL'),
    ('i, i, 3, ''best'', 0', '22023', 'unknown rerank method "best"'),
    ('i, i, 3, ''quota'', 2, i', '22023', 'strength of method "quota" is 2'),
    ('i, i, 3, ''quota'', 1.0000001, i', '22023', 'strength of method "quota" is 1.0000001'),
    ('i, i, 3, ''quota'', ''NaN'', i', '22023', 'strength of method "quota" is NaN'),
    ('i, i, 3, ''quota'', NULL, i', '22004', 'method "quota" needs a strength'),
    ('i, i, 3, ''quota'', 0.5', '22023', 'rerank method "quota" needs the items'' popularity'),
    ('i, i, 3, ''quota'', 0.5, nullif(i, 2)', '22004', 'popularity[2] is NULL'),
    ('i, i, 3, ''quota'', 0.5, nullif(i, 1)', '22004', 'popularity[1] is NULL'),
    ('i, i, 3, ''quota'', 0.5, -i', '22023', 'popularity[1] is -1'),
    ('i, i, 3, ''quota'', 0.5, ''Infinity''', '22023', 'popularity[1] is Infinity'),
    ('i, i, 3, ''none'', 0, NULL, ''{"epochs": 1}''', '22023', 'unknown option "epochs"'),
    ('i, i, 3, ''none'', 0, NULL, ''[]''', '22023', 'options must be a JSON object'),
    ('point(i, i), i, 3, ''none'', 0', '42883', 'items of type point cannot be told apart'),
    ('i, i, i, ''none'', 0', '22023', 'k must be the same in all rows'),
    ('i, i, nullif(3, i), ''none'', 0', '22023', 'k must be the same in all rows'),
    ('i, i, 3, CASE i WHEN 2 THEN ''none'' ELSE ''quota'' END, 0', '22023', 'method must be the same in all rows'),
    ('i, i, 3, CASE i WHEN 1 THEN ''none'' END, 0', '22023', 'method must be the same in all rows'),
    ('i, i, 3, ''none'', i / 10.0', '22023', 'strength must be the same in all rows'),
    ('i, i, 3, ''none'', 0, NULL, jsonb_build_object(''seed'', i)', '22023', 'options must be the same in all rows'),
    ('i, i, 3, ''none'', 0, NULL, CASE i WHEN 1 THEN ''{}''::jsonb END', '22023', 'options must be the same in all rows')) v (a, s, e);
SELECT is(error_of($$ SELECT longtail.rerank_agg(i, i, i, 'none', 0) FROM generate_series(1, 3) i $$), 'k must be the same in all rows | Row 2 of the group differs from the first.', 'which row');
SELECT is(error_of($$ SELECT longtail.rerank_agg(nullif(i, 2), i, 3, 'none', 0) FROM generate_series(1, 3) i $$), 'items[2] is NULL | FILTER (WHERE ... IS NOT NULL) leaves such rows out.', 'and what to do');

SELECT * FROM finish();
