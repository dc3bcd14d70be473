-- demo.sql: the main job on real data, from an interaction table to a list that shows the long tail.
--
-- Run by `make demo` in a database of its own with the extension installed. The data are part of UCI's Online Retail II
-- (Daqing Chen, CC BY 4.0): see test/data/online-retail/README.md.
\set QUIET on
\set ON_ERROR_STOP on
\pset null '-'
\pset footer off
\pset linestyle unicode
\pset border 1
SET longtail.progress_interval = 3;

\echo
\echo '1. A gift shop''s order lines: two years, integer customers, text product codes'
\ir data/load.sql
CREATE INDEX ON retail.purchases (user_id);
ANALYZE;
SELECT count(*) AS lines, count(DISTINCT user_id) AS customers, count(DISTINCT item_id) AS products,
       min(ts)::date AS first, max(ts)::date AS last
FROM retail.purchases;

-- Three parts in time: to learn from, to choose on, and a test that is looked at once, at the end.
CREATE VIEW retail.early AS SELECT user_id, item_id, ts FROM retail.purchases WHERE ts < '2011-03-01';
CREATE VIEW retail.choice AS SELECT user_id, item_id, ts FROM retail.purchases
    WHERE ts >= '2011-03-01' AND ts < '2011-06-01';
CREATE VIEW retail.history AS SELECT user_id, item_id, ts FROM retail.purchases WHERE ts < '2011-06-01';
CREATE VIEW retail.later AS SELECT user_id, item_id, ts FROM retail.purchases WHERE ts >= '2011-06-01';
\set recipe '{"epochs": 10, "embedding": 32, "negatives": 8, "batch_size": 1024, "learning_rate": 0.002, "split": "none"}'

\echo
\echo '2. Choose how strongly to boost the tail: train on purchases before March 2011, look at March to May'
SELECT model, algorithm, rows, users, items, epochs, round(loss::numeric, 4) AS loss, round(seconds::numeric, 1) AS seconds
FROM longtail.train('choosing', 'retail.early', 'mlp', 'user_id', 'item_id', time_column => 'ts', options => :'recipe');
CREATE TEMP TABLE frontier AS
SELECT method, t.*
FROM (VALUES ('popularity', '{0, 0.1, 0.2, 0.3, 0.4}'::float8[]), ('quota', '{0.25, 0.35}'), ('xquad', '{0.3, 0.5}'))
         AS m (method, strengths),
     LATERAL longtail.tradeoff('choosing', 'retail.choice', 10, m.method, m.strengths) AS t;
SELECT method, strength, round(ndcg::numeric, 4) AS "NDCG@10",
       round((100 * (ndcg / max(ndcg) FILTER (WHERE strength = 0) OVER () - 1))::numeric, 1) AS "NDCG, %",
       round((100 * aplt)::numeric, 2) AS "tail items in lists, %",
       round((100 * tail_coverage)::numeric, 1) AS "tail shown to anybody, %", round(gini::numeric, 3) AS "Gini of exposure"
FROM frontier ORDER BY method, strength;
SELECT method, strength FROM frontier
WHERE ndcg >= 0.97 * (SELECT ndcg FROM frontier WHERE strength = 0) ORDER BY aplt DESC LIMIT 1 \gset
\echo 'Most tail for at most 3 % of the NDCG there:' :method 'at strength' :strength

\echo
\echo '3. Train on everything before June 2011, with that choice as the model''s own'
SELECT format('%s', :'recipe'::jsonb || jsonb_build_object('rerank',
              jsonb_build_object('method', :'method', 'strength', :strength))) AS recipe \gset
SELECT * FROM longtail.train('shop', 'retail.history', 'mlp', 'user_id', 'item_id', time_column => 'ts',
    options => :'recipe') \gx

\echo
\echo '4. Recommend: for a customer, what they have bought left out'
SELECT r.rank, r.item_id, i.description, round(r.score::numeric, 3) AS score, round(r.base_score::numeric, 3) AS base_score,
       r.segment
FROM longtail.recommend('shop', 17850, 5) r LEFT JOIN retail.items i USING (item_id) ORDER BY r.rank;
\echo 'For somebody never seen: what is popular, boosted the same way'
SELECT r.rank, r.item_id, i.description, r.segment
FROM longtail.recommend('shop', 999999, 5) r LEFT JOIN retail.items i USING (item_id) ORDER BY r.rank;
\echo 'Only from the candles in stock'
SELECT r.rank, r.item_id, i.description, r.segment
FROM longtail.recommend('shop', 17850, 5, candidates => ARRAY(
         SELECT item_id FROM retail.items WHERE description ~ 'CANDLE')) r
LEFT JOIN retail.items i USING (item_id) ORDER BY r.rank;

\echo
\echo '5. A search for a hanging heart: by relevance alone, and reranked for the tail'
CREATE TEMP TABLE found AS
SELECT item_id, description, ts_rank(to_tsvector('english', description), query)::float8 AS relevance
FROM retail.items, to_tsquery('english', 'heart & (light | hanging)') AS query
WHERE to_tsvector('english', description) @@ query;
WITH reranked AS (
    SELECT r.* FROM longtail.rerank((SELECT array_agg(item_id ORDER BY item_id) FROM found),
        (SELECT array_agg(relevance ORDER BY item_id) FROM found), 5, 'popularity', 0.15,
        model => 'shop') r
), plain AS (
    SELECT r.* FROM longtail.rerank((SELECT array_agg(item_id ORDER BY item_id) FROM found),
        (SELECT array_agg(relevance ORDER BY item_id) FROM found), 5, 'none', 0, model => 'shop') r
)
SELECT rank, p.segment AS "by relevance", (SELECT description FROM found f WHERE f.item_id = p.item) AS " ",
       r.segment AS "for the tail", (SELECT description FROM found f WHERE f.item_id = r.item) AS "  "
FROM plain p JOIN reranked r USING (rank) ORDER BY rank;

\echo
\echo '6. The test: purchases from June to August 2011, with and without the boost'
CREATE TEMP TABLE outcome AS
SELECT 'plain' AS list, * FROM longtail.evaluate('shop', 'retail.later', '{10}', 'none', 0)
UNION ALL
SELECT 'boosted', * FROM longtail.evaluate('shop', 'retail.later', '{10}');
SELECT metric, round(max(value) FILTER (WHERE list = 'plain')::numeric, 4) AS plain,
       round(max(value) FILTER (WHERE list = 'boosted')::numeric, 4) AS boosted, max(n) AS customers
FROM outcome GROUP BY metric ORDER BY min(CASE metric WHEN 'ndcg' THEN 1 WHEN 'aplt' THEN 2 ELSE 3 END), metric;

\echo
\echo '7. In words'
\pset tuples_only on
\pset format unaligned
SELECT format(E'Reranking by %s at strength %s put tail products in %s %% of the places instead of %s %%: %s times as many.\n'
              'It showed %s tail products to at least one customer instead of %s, of %s in the catalogue.\n'
              'It cost %s %% of the NDCG@10 (%s to %s) and %s %% of the hit rate, measured on %s customers'' later purchases.',
              :'method', :'strength', round((100 * b.aplt)::numeric, 1), round((100 * p.aplt)::numeric, 1),
              round((b.aplt / nullif(p.aplt, 0))::numeric, 1), round(b.tail_coverage * t.items), round(p.tail_coverage * t.items),
              t.items, round((100 * (1 - b.ndcg / p.ndcg))::numeric, 1), round(p.ndcg::numeric, 4),
              round(b.ndcg::numeric, 4), round((100 * (1 - b.hit_rate / p.hit_rate))::numeric, 1), p.n)
FROM (SELECT max(value) FILTER (WHERE metric = 'aplt') AS aplt, max(value) FILTER (WHERE metric = 'ndcg') AS ndcg,
             max(value) FILTER (WHERE metric = 'hit_rate') AS hit_rate, max(value) FILTER (WHERE metric = 'tail_coverage') AS tail_coverage,
             max(n) FILTER (WHERE metric = 'ndcg') AS n FROM outcome WHERE list = 'plain') AS p,
     (SELECT max(value) FILTER (WHERE metric = 'aplt') AS aplt, max(value) FILTER (WHERE metric = 'ndcg') AS ndcg,
             max(value) FILTER (WHERE metric = 'hit_rate') AS hit_rate, max(value) FILTER (WHERE metric = 'tail_coverage') AS tail_coverage
      FROM outcome WHERE list = 'boosted') AS b,
     (SELECT count(*) AS items FROM longtail.item_stats('shop') WHERE segment = 'tail') AS t;
