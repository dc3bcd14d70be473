-- item_embeddings and user_embedding: inner products order items as the model does; lists from an index's candidates.
\ir common.psql

CREATE TABLE bought AS
SELECT u::bigint AS u, i AS number, 'item ' || i AS item, md5('item ' || i)::uuid AS code,
       round(6 + 2 * sin(u) * cos(i) + 2 * noise('r', u::text, i::text)) / 2 AS stars, noise('b', u::text, i::text) < 0.4 AS liked
FROM generate_series(1, 120) u, generate_series(1, 300) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 40 ELSE 6 END / (60.0 + i);
CREATE INDEX ON bought (u);
CREATE TABLE items AS SELECT number, 'kind ' || number % 4 AS kind, number % 7 AS size FROM generate_series(1, 305) number;
SELECT longtail.train('als', 'bought', 'als', 'u', 'number', options => '{"factors": 12, "split": "none"}');
SELECT longtail.train('bpr', 'bought', 'bpr', 'u', 'item', options => '{"factors": 12, "split": "none"}');
SELECT longtail.train('stars', 'bought', 'als', 'u', 'code', 'stars', options => '{"factors": 12, "split": "none"}');
SELECT longtail.train('content', 'bought', 'content', 'u', 'number', item_features => 'items', options => '{"split": "none", "features": ["kind", "size"]}');
SELECT longtail.train('ease', 'bought', 'ease', 'u', 'number', options => '{"split": "none"}');
SELECT longtail.train('content of ease', 'bought', 'content', 'u', 'number', item_features => 'items', options => '{"split": "none", "features": ["kind", "size"], "base": "ease"}');
INSERT INTO bought SELECT 500, number, item, code, stars, liked FROM bought WHERE u = 17 AND number % 2 = 0; -- came later
CREATE TABLE models AS SELECT m FROM unnest('{als,bpr,stars,content,content of ease}'::text[]) m;

CREATE FUNCTION inner_product(real[], real[]) RETURNS float8 LANGUAGE SQL IMMUTABLE
AS $$ SELECT sum(a::float8 * b) FROM unnest($1, $2) v (a, b) $$;

-- ---- they order as the model does ----

CREATE TABLE products AS
SELECT m, u, e.item_id, inner_product(e.embedding, v.embedding) AS product
FROM models, unnest('{1,2,3,17,500}'::bigint[]) u, LATERAL (SELECT longtail.user_embedding(m, u) AS embedding) v, LATERAL longtail.item_embeddings(m) e;
CREATE TABLE lists AS
SELECT m, u, r.item_id, r.base_score AS score, r.rank
FROM models, unnest('{1,2,3,17,500}'::bigint[]) u, LATERAL longtail.recommend(m, u, 1000, exclude_seen => false, popularity_exponent => 0) r;

SELECT is((SELECT count(*) FROM products p WHERE p.m = models.m), (SELECT count(*) FROM lists l WHERE l.m = models.m), m || ': every item has a vector') FROM models;
SELECT is(count(*) FILTER (WHERE product > earlier + 1e-4), 0::bigint, m || ': products fall down the list of user ' || u)
FROM (SELECT m, u, product, lag(product) OVER (PARTITION BY m, u ORDER BY rank) AS earlier FROM lists JOIN products USING (m, u, item_id)) x GROUP BY m, u ORDER BY m, u;
SELECT ok(stddev(score - product) < 1e-4, m || ': a constant from the margin, user ' || u) FROM lists JOIN products USING (m, u, item_id) WHERE m <> 'bpr' GROUP BY m, u ORDER BY m, u;
SELECT ok(count(DISTINCT product) > 2, m || ': products differ') FROM products GROUP BY m ORDER BY m;
SELECT is((SELECT array_agg(DISTINCT cardinality(embedding)) FROM longtail.item_embeddings(m)), ARRAY[n], m || ': so many numbers an item')
FROM (VALUES ('als', 12), ('bpr', 13), ('stars', 13)) v (m, n);
SELECT is(cardinality(longtail.user_embedding(m, 3)), n, m || ': and a user') FROM (VALUES ('als', 12), ('bpr', 13), ('stars', 13)) v (m, n);

-- ---- users ----

SELECT isnt(longtail.user_embedding('als', 500), NULL, 'somebody who came after training has what they bought');
SELECT is(longtail.user_embedding(m, 12345), NULL, m || ': nobody knows them') FROM models;
SELECT is(longtail.user_embedding(m, NULL::bigint), NULL, m || ': nobody') FROM models;
SELECT is(longtail.user_embedding('als', '3'), longtail.user_embedding('als', 3), 'an untyped literal');
SELECT is(longtail.user_embedding('als', 3::smallint), longtail.user_embedding('als', 3), 'a smallint');

-- ---- ids ----

SELECT results_eq($$ SELECT pg_typeof(item_id)::text, item_id::text, embedding FROM longtail.item_embeddings('als', NULL::bigint) $$,
    $$ SELECT 'bigint', item_id, embedding FROM longtail.item_embeddings('als') $$, 'ids in their own type: bigint');
SELECT results_eq($$ SELECT pg_typeof(item_id)::text, item_id::text, embedding FROM longtail.item_embeddings('stars', item_type => NULL::uuid) $$,
    $$ SELECT 'uuid', item_id, embedding FROM longtail.item_embeddings('stars') $$, 'uuid');
SELECT is((SELECT count(*) FROM longtail.item_embeddings(NULL)), 0::bigint, 'no model, no rows');
SELECT matches(error_of(q), e, q) FROM (VALUES
    ($$SELECT longtail.item_embeddings('ease')$$, 'algorithm "ease" has no vectors of users and items.*als, .*bpr'), ($$SELECT longtail.user_embedding('ease', 1)$$, 'has no vectors'),
    ($$SELECT longtail.item_embeddings('none such')$$, 'does not exist'), ($$SELECT longtail.user_embedding('als', 'x')$$, 'invalid input syntax'),
    ($$SELECT longtail.user_embedding('als', 1.5)$$, 'cannot be an id'), ($$SELECT longtail.user_embedding(NULL, 1)$$, 'model must not be NULL')) v (q, e);

-- ---- candidates ----

SELECT results_eq(format($$ SELECT item_id, score, base_score, segment FROM longtail.recommend(%L, 3, 10, candidates => ARRAY(SELECT item_id FROM longtail.recommend(%L, 3, 100))) $$, m, m),
    format($$ SELECT item_id, score, base_score, segment FROM longtail.recommend(%L, 3, 10) $$, m), m || ': the best of the best are the best') FROM models;
SELECT results_eq(format($$ SELECT item_id, score FROM longtail.recommend(%L, 3, 20, exclude => ARRAY(SELECT item_id FROM longtail.recommend(%L, 3, 5))) $$, m, m),
    format($$ SELECT item_id, score FROM longtail.recommend(%L, 3, 25) WHERE rank > 5 $$, m), m || ': without the first, the next') FROM models;

-- ---- pgvector ----

SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS has_vector \gset
\if :has_vector
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE vectors AS SELECT item_id, embedding::vector(13) FROM longtail.item_embeddings('bpr');
CREATE INDEX ON vectors USING hnsw (embedding vector_ip_ops);
SET enable_seqscan = off;
SET hnsw.ef_search = 200;
SELECT matches(plan_of($$ SELECT item_id FROM vectors ORDER BY embedding <#> longtail.user_embedding('bpr', 3)::vector LIMIT 200 $$), 'Index Scan using vectors', 'the index is used');
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('bpr', 3, 10, candidates => ARRAY(
    SELECT item_id FROM vectors ORDER BY embedding <#> longtail.user_embedding('bpr', 3)::vector LIMIT 200))),
    (SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('bpr', 3, 10)), 'candidates of an index give the same list');
SELECT is((SELECT count(*) FROM longtail.recommend('bpr', 12345, 10, candidates => ARRAY(
    SELECT item_id FROM vectors ORDER BY embedding <#> longtail.user_embedding('bpr', 12345)::vector LIMIT 200))), 10::bigint, 'strangers get a list as well');
\else
SELECT skip('pgvector is not available', 3);
\endif

SELECT * FROM finish();
