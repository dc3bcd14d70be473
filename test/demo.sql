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
SET longtail.progress_interval = 0;

\echo
\echo '1. A gift shop''s order lines: two years, integer customers, text product codes'
\ir data/load.sql
SELECT count(*) AS lines, count(DISTINCT user_id) AS customers, count(DISTINCT item_id) AS products,
       min(ts)::date AS first, max(ts)::date AS last
FROM retail.purchases;

-- Two parts in time: to learn from, and a test that is looked at once, at the end. Choices are made inside the first.
CREATE VIEW retail.history AS SELECT user_id, item_id, ts FROM retail.purchases WHERE ts < '2011-06-01';
CREATE VIEW retail.later AS SELECT user_id, item_id, ts FROM retail.purchases WHERE ts >= '2011-06-01';

\echo
\echo '2. Let it choose, on purchases before June 2011: of all that comes within 5 % of the best NDCG, most of the tail'
SET client_min_messages = warning;
SELECT model, algorithm, rows, users, items, validation_metric AS measure, round(validation_value::numeric, 4) AS value,
       round(seconds::numeric, 1) AS seconds
FROM longtail.train('shop', 'retail.history', 'auto', 'user_id', 'item_id', time_column => 'ts',
    options => '{"ndcg_budget": 0.05}');
RESET client_min_messages;
CREATE TEMP TABLE trials AS
SELECT *, coalesce(options ->> 'popularity_exponent', '0') AS pop, coalesce(options ->> 'trend_exponent', '0') AS trend,
       CASE WHEN options ->> 'trend_exponent' <> '0' THEN (options ->> 'trend_half_life') || ' days' END AS half_life,
       (options - ARRAY['popularity_exponent', 'trend_exponent', 'trend_half_life', 'trend_smoothing'])::text AS own
FROM longtail.training_trials WHERE model = 'shop';
SELECT count(DISTINCT (algorithm, own)) AS n, count(*) AS ways FROM trials \gset
\echo 'It trained' :n 'models and measured' :ways 'ways of using them on the latest tenth of those rows. The best of each algorithm:'
SELECT algorithm, own AS options, pop AS "popularity ^-", trend AS "trend ^", half_life AS "half-life",
       round(validation_value::numeric, 4) AS "NDCG@10", round(100 * aplt::numeric, 1) AS "tail items in lists, %",
       round(seconds::numeric, 1) AS seconds
FROM (SELECT DISTINCT ON (algorithm) * FROM trials ORDER BY algorithm, validation_value DESC NULLS LAST) AS best
ORDER BY validation_value DESC NULLS LAST;
\echo 'The best of all, the best without trend and popularity exponent, and what was kept for the tail:'
SELECT what, algorithm, own AS options, pop AS "popularity ^-", trend AS "trend ^", half_life AS "half-life",
       CASE WHEN trend <> '0' THEN options ->> 'trend_smoothing' END AS smoothing, round(validation_value::numeric, 4) AS "NDCG@10",
       round(100 * aplt::numeric, 1) AS "tail items in lists, %"
FROM (SELECT 1 AS place, 'plain' AS what, * FROM (SELECT * FROM trials WHERE pop = '0' AND trend = '0' ORDER BY validation_value DESC NULLS LAST LIMIT 1) p
      UNION ALL SELECT 2, 'best', * FROM (SELECT * FROM trials ORDER BY validation_value DESC NULLS LAST LIMIT 1) b
      UNION ALL SELECT 3, 'kept', * FROM trials WHERE chosen) x
ORDER BY place;
SELECT algorithm AS plain_algorithm, options || '{"split": "none"}' AS plain_options FROM trials
WHERE pop = '0' AND trend = '0' ORDER BY validation_value DESC NULLS LAST LIMIT 1 \gset
SELECT algorithm AS best_algorithm, options || '{"split": "none"}' AS best_options FROM trials
ORDER BY validation_value DESC NULLS LAST LIMIT 1 \gset

\echo
\echo '3. Recommend: for a customer, what they have bought left out, and why'
CREATE TEMP TABLE list AS SELECT * FROM longtail.recommend('shop', 13085, 8);
SELECT r.rank, i.description, r.segment,
       (SELECT string_agg(lower(h.description), ', ' ORDER BY e.contribution DESC)
        FROM (SELECT * FROM longtail.explain('shop', 13085, r.item_id) WHERE contribution > 0 ORDER BY contribution DESC LIMIT 2) e
        JOIN retail.items h ON e.reason = 'has ' || h.item_id) AS "because of"
FROM list r JOIN retail.items i USING (item_id) ORDER BY r.rank;
\echo 'A new customer: first what is popular; after a first purchase, without training, what goes with that'
CREATE TEMP TABLE stranger AS SELECT rank, description FROM longtail.recommend('shop', 999999, 5) JOIN retail.items USING (item_id);
INSERT INTO retail.purchases
SELECT 999999, item_id, 1, price, '2011-05-31 17:00' FROM retail.items WHERE item_id IN ('22423', '22699');
SELECT rank, s.description AS "before", i.description AS "having bought a cake stand and a teacup"
FROM longtail.recommend('shop', 999999, 5) r JOIN retail.items i USING (item_id) JOIN stranger s USING (rank) ORDER BY rank;

\echo
\echo '4. New stock: products first sold from June on, which no model has seen, by their titles'
CREATE TABLE retail.stock AS
SELECT item_id, description AS title, price FROM retail.items WHERE first_sold < '2011-06-01' AND description IS NOT NULL;
SELECT model, algorithm, items, features, round(seconds::numeric, 1) AS seconds
FROM longtail.train('by title', 'retail.history', 'content', 'user_id', 'item_id', time_column => 'ts',
    item_features => 'retail.stock', options => '{"text": ["title"]}');
CREATE TEMP TABLE arrived AS
SELECT item_id, description AS title, price FROM retail.items
WHERE first_sold >= '2011-06-01' AND description IS NOT NULL AND price IS NOT NULL;
INSERT INTO retail.stock SELECT * FROM arrived;
SELECT new_items AS "new products taken in, without training" FROM longtail.refresh('by title');
\echo 'What they are taken to be like'
SELECT a.title AS "new", l.titles AS "like"
FROM (SELECT * FROM arrived WHERE item_id IN ('23307', '23241', '23287', '23321', '23240')) a,
     LATERAL (SELECT string_agg(description, ', ' ORDER BY rank) AS titles
              FROM (SELECT i.description, s.rank FROM longtail.similar_items('by title', a.item_id, 100) s
                    JOIN retail.items i USING (item_id) WHERE i.first_sold < '2011-06-01' ORDER BY s.rank LIMIT 3) t) l
ORDER BY 1;
\echo 'Customers of before June who bought some of them from June on: were these on a shelf of ten for that customer?'
CREATE TEMP TABLE shelf AS
SELECT w.user_id, w.wanted, count(b.item_id) AS hits
FROM (SELECT user_id, count(DISTINCT item_id) AS wanted FROM retail.later JOIN arrived USING (item_id)
      WHERE user_id IN (SELECT user_id FROM retail.history) GROUP BY user_id) w,
     LATERAL longtail.recommend('by title', w.user_id, 10, candidates => ARRAY(SELECT item_id FROM arrived)) r,
     LATERAL (SELECT min(l.item_id) AS item_id FROM retail.later l WHERE l.user_id = w.user_id AND l.item_id = r.item_id) b
GROUP BY w.user_id, w.wanted;
SELECT count(*) AS customers, (SELECT count(*) FROM arrived) AS "new products",
       round(100.0 * count(*) FILTER (WHERE hits > 0) / count(*), 1) AS "bought from their shelf, %",
       round(avg(100.0 * (1 - exp(s.miss))), 1) AS "of ten at random it would be, %"
FROM shelf, LATERAL (SELECT sum(ln((n - wanted - i)::float8 / (n - i)))::numeric AS miss
                     FROM (SELECT count(*) AS n FROM arrived) c, generate_series(0, 9) i) s;

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
\echo '6. The test: purchases from June to August 2011, looked at once'
SELECT longtail.train('popular', 'retail.history', 'popularity', 'user_id', 'item_id', time_column => 'ts', options => '{"split": "none"}'),
       longtail.train('plain', 'retail.history', :'plain_algorithm', 'user_id', 'item_id', time_column => 'ts', options => :'plain_options'),
       longtail.train('best', 'retail.history', :'best_algorithm', 'user_id', 'item_id', time_column => 'ts', options => :'best_options')
\g /dev/null
CREATE TEMP TABLE outcome AS
SELECT list, e.* FROM (VALUES ('popular'), ('plain'), ('best'), ('shop')) m (list),
     LATERAL longtail.evaluate(m.list, 'retail.later', '{10}') e;
SELECT metric, round(max(value) FILTER (WHERE list = 'popular')::numeric, 4) AS "what is popular",
       round(max(value) FILTER (WHERE list = 'plain')::numeric, 4) AS "best plain",
       round(max(value) FILTER (WHERE list = 'best')::numeric, 4) AS "best NDCG",
       round(max(value) FILTER (WHERE list = 'shop')::numeric, 4) AS "kept for the tail", max(n) AS customers
FROM outcome
WHERE metric IN ('ndcg', 'recall', 'hit_rate', 'aplt', 'tail_coverage', 'catalogue_coverage', 'gini', 'novelty', 'diversity',
                 'serendipity', 'upd')
GROUP BY metric ORDER BY min(CASE metric WHEN 'ndcg' THEN 1 WHEN 'aplt' THEN 2 ELSE 3 END), metric;

\echo
\echo '7. In words'
\pset tuples_only on
\pset format unaligned
WITH o AS (
    SELECT list, max(value) FILTER (WHERE metric = 'aplt')::numeric AS aplt, max(value) FILTER (WHERE metric = 'ndcg')::numeric AS ndcg,
           max(value) FILTER (WHERE metric = 'tail_coverage')::numeric AS tail,
           max(value) FILTER (WHERE metric = 'catalogue_coverage')::numeric AS catalogue, max(n) FILTER (WHERE metric = 'ndcg') AS n
    FROM outcome GROUP BY list)
SELECT format(E'For %s customers'' later purchases, NDCG@10 was %s, where the best model without trend and popularity exponent has %s\n'
              'and a list of what is popular %s.\n'
              'Tail products had %s %% of the places instead of %s %%, and %s of the tail''s %s products were shown to somebody instead of %s.\n'
              'Choosing for the tail %s %s %% of the NDCG@10 of the choice for NDCG alone (%s, with %s %% from the tail).\n'
              'Of the whole catalogue, %s %% was shown instead of %s %%.',
              k.n, round(k.ndcg, 4), round(p.ndcg, 4), round(f.ndcg, 4), round(100 * k.aplt, 1), round(100 * p.aplt, 1),
              round(k.tail * t.items), t.items, round(p.tail * t.items), CASE WHEN k.ndcg < b.ndcg THEN 'cost' ELSE 'added' END,
              round(100 * abs(1 - k.ndcg / b.ndcg), 1), round(b.ndcg, 4), round(100 * b.aplt, 1),
              round(100 * k.catalogue, 1), round(100 * p.catalogue, 1))
FROM o k, o p, o b, o f, (SELECT count(*) AS items FROM longtail.item_stats('shop') WHERE segment = 'tail') AS t
WHERE k.list = 'shop' AND p.list = 'plain' AND b.list = 'best' AND f.list = 'popular';

\echo
\echo '8. A page with all of it, and the long tail as a picture: demo-output/report.html, demo-output/long-tail.svg'
SELECT longtail.report('shop', 'retail.later') \g demo-output/report.html
SELECT longtail.plot_long_tail('plain', 10, 'quota', 0.3) \g demo-output/long-tail.svg
