-- Live histories: what the source says of a user now is what algorithms that answer from past items answer from.
\ir common.psql

-- 80 users, 60 items; rows with weights, ratings and times, several of one pair, and what training skips: NULLs.
CREATE TABLE rows_of_shop AS
SELECT u::bigint AS u, 'item ' || i AS item, 1 + floor(4 * noise('w', u::text, i::text, g::text)) AS weight, 1 + floor(5 * noise('r', u::text, i::text, g::text)) AS rating, noise('l', u::text, i::text, g::text) < 0.7 AS liked,
       timestamptz '2026-01-01' + make_interval(hours => (noise('t', u::text, i::text, g::text) * 1000)::int) AS ts
FROM generate_series(1, 80) u, generate_series(1, 60) i, generate_series(1, 2) g
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 9 ELSE 1.5 END / (8 + i) AND (g = 1 OR noise('again', u::text, i::text) < 0.3);
INSERT INTO rows_of_shop SELECT u, 'item 59', NULL, NULL, NULL, NULL FROM generate_series(1, 80) u;
INSERT INTO rows_of_shop SELECT NULL, 'item 3', 1, 1, true, now() FROM generate_series(1, 5) u;
INSERT INTO rows_of_shop SELECT u, NULL, 1, 1, true, now() FROM generate_series(1, 80) u;
CREATE INDEX ON rows_of_shop (u);

CREATE FUNCTION train(m text, algorithm text, label name, weight name, "time" name, more jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM longtail.train(m, 'rows_of_shop', algorithm, 'u', 'item', label, weight, "time", options => '{"split": "none"}'::jsonb || more); END $$;
CREATE TABLE models (m text PRIMARY KEY, algorithm text, label name, weight name, "time" name, more jsonb);
INSERT INTO models
SELECT format('%s %s %s %s %s', algorithm, coalesce(label, '-'), coalesce(weight, '-'), coalesce("time", '-'), d), algorithm, label, weight, "time", jsonb_build_object('duplicates', d) || o::jsonb
FROM (VALUES ('ease', '{"regularization": 10}'), ('item_knn', '{}'), ('als', '{"factors": 8}')) a (algorithm, o),
     (VALUES (NULL, NULL, NULL), (NULL, 'weight', NULL), ('rating', NULL, 'ts'), ('liked', 'weight', 'ts')) c (label, weight, "time"), unnest('{auto,keep,mean,max,last}'::text[]) d
WHERE weight IS NOT NULL OR label IS NOT NULL OR d = 'auto';
INSERT INTO models SELECT algorithm, algorithm, NULL, 'weight', 'ts', '{}' FROM unnest('{rp3beta,graph_filter,user_knn,markov,popularity,bpr}'::text[]) algorithm;
SELECT train(m, algorithm, label, weight, "time", more) FROM models;

-- ---- right after training the live history is that of training ----

CREATE TABLE live AS SELECT m, u.u::text AS user_id, r.* FROM models, (SELECT DISTINCT u FROM rows_of_shop WHERE u IS NOT NULL) u, LATERAL longtail.recommend(m, u.u, 8) r;
CREATE TABLE stored AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 8) r;
SELECT is(count(*) FILTER (WHERE abs(l.base_score - s.base_score) <= 1e-4 * (0.01 + abs(s.base_score))), count(*), m || ': live scores are those of the stored pairs')
FROM live l FULL JOIN stored s USING (m, user_id, rank) WHERE user_id IN (SELECT user_id FROM stored s2 WHERE s2.m = m) GROUP BY m ORDER BY m;
SELECT ok(count(*) > 600, m || ' lists') FROM live GROUP BY m ORDER BY m;

-- predict and explain say the same as recommend
SELECT ok(bool_and(abs(longtail.predict(m, user_id::bigint, item_id) - base_score) <= 1e-4 * (0.01 + abs(base_score))), m || ': predict is recommend''s base_score') FROM live WHERE user_id::int % 16 = 1 GROUP BY m ORDER BY m;
CREATE FUNCTION before_link(m text, p float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT CASE m WHEN 'bpr' THEN ln(p / (1 - p)) WHEN 'popularity' THEN ln(p) ELSE p END $$;
SELECT ok(bool_and(abs((SELECT coalesce(sum(contribution), 0) FROM longtail.explain(m, user_id::bigint, item_id)) - before_link(m, base_score)) <= 1e-3 * (0.01 + abs(before_link(m, base_score)))), m || ': explain adds up to base_score') FROM live WHERE user_id::int % 16 = 1 GROUP BY m ORDER BY m;

-- ---- an interaction of a moment ago ----

CREATE FUNCTION scores(of text, who bigint) RETURNS text LANGUAGE SQL AS $$ SELECT string_agg(item_id || round(base_score::numeric, 6), ',' ORDER BY item_id) FROM longtail.recommend(of, who, 100, exclude_seen => false) $$;
CREATE TABLE answering AS SELECT m, m LIKE '%rating%' AS ratings FROM models WHERE m IN ('ease - weight - auto', 'item_knn - weight - auto', 'als - weight - auto', 'als rating - ts auto', 'rp3beta', 'graph_filter', 'user_knn', 'markov', 'bpr');
CREATE TABLE before AS SELECT m, scores(m, 3) AS s, scores(m, 700) AS cold FROM answering;
INSERT INTO rows_of_shop SELECT u, item, 3, 5, true, now() FROM unnest('{3,700}'::bigint[]) u, unnest('{item 2,item 6}'::text[]) item;
SELECT isnt(scores(m, 3), s, m || ': a purchase of a moment ago changes the scores') FROM before;
SELECT isnt(scores(m, 700), cold, m || ': and those of somebody who was unknown') FROM before;
SELECT is((SELECT count(*) FROM longtail.recommend(m, 700, 50)), 50::bigint, m || ': who gets k rows') FROM answering;
SELECT is((SELECT count(*) FROM longtail.recommend(m, 700, 58) WHERE item_id IN ('item 2', 'item 6')), 0::bigint, m || ': none of them seen') FROM answering;
SELECT is((SELECT count(*) FROM longtail.recommend(m, 9999, 50)), 50::bigint, m || ': and so does somebody of whom nothing is known') FROM answering;
SELECT ok(bool_and(rank = popularity_rank), m || ': what is popular') FROM answering, LATERAL longtail.recommend(m, 9999, 20) r JOIN LATERAL longtail.item_stats(m) s USING (item_id) GROUP BY m;
SELECT results_eq(format('SELECT reason FROM longtail.explain(%L, 9999, ''item 5'')', m), ARRAY['(popularity)'], m || ': and explain says so') FROM answering WHERE NOT ratings;
SELECT ok(bool_and(abs((SELECT sum(contribution) FROM longtail.explain(m, 9999, item_id)) - before_link(m, base_score)) < 1e-6), m || ': with their scores') FROM answering, LATERAL longtail.recommend(m, 9999, 5) WHERE NOT ratings GROUP BY m;
SELECT ok(bool_and(abs(longtail.predict(m, 9999, item_id) - base_score) < 1e-9), m || ': predict too') FROM answering, LATERAL longtail.recommend(m, 9999, 5) WHERE NOT ratings GROUP BY m;
SELECT ok(longtail.predict(m, 9999, 'item 5') BETWEEN 1.5 AND 5, m || ': predict of ratings is a rating') FROM answering WHERE ratings;
SELECT is(longtail.predict(m, u, 'no such item'), (CASE WHEN m = 'bpr' THEN 0.5 ELSE 0 END)::float8, m || ': an item nobody knows says nothing') FROM answering, unnest('{3,9999}'::bigint[]) u;
SELECT is_empty(format('SELECT * FROM longtail.explain(%L, 3, ''no such item'')', m), m || ': nor is there a reason') FROM answering;
DELETE FROM rows_of_shop WHERE ts > '2026-06-01' AND u IN (3, 700);
SELECT is(scores(m, 3), s, m || ': with the purchase gone all is as before') FROM before;

-- the weight of a row counts, where the model has one
CREATE TABLE weighted AS SELECT m, scores(m, 5) AS s FROM models WHERE m IN ('ease - weight - auto', 'item_knn - weight - auto');
UPDATE rows_of_shop SET weight = weight + 50 WHERE u = 5 AND item = (SELECT min(item) FROM rows_of_shop WHERE u = 5);
SELECT isnt(scores(m, 5), s, m || ': another weight is another score') FROM weighted;
UPDATE rows_of_shop SET weight = weight - 50 WHERE u = 5 AND item = (SELECT min(item) FROM rows_of_shop WHERE u = 5);
SELECT is(scores(m, 5), s, m || ': and back') FROM weighted;
UPDATE rows_of_shop SET weight = NULL WHERE u = 5;
SELECT is((SELECT sum(abs(contribution)) FROM longtail.explain('ease - weight - auto', 5, 'item 4')), NULL, 'rows whose weight is NULL are not there');

-- ---- the source altered ----

CREATE TABLE unweighted AS SELECT scores('ease - - - auto', 9) AS s;
ALTER TABLE rows_of_shop RENAME weight TO amount;
SELECT lives_ok($$ SELECT * FROM longtail.recommend('ease - weight - auto', 9) $$, 'a weight column that is gone is unknown');
SELECT isnt(scores('ease - weight - auto', 9), NULL, 'and lists come');
ALTER TABLE rows_of_shop RENAME amount TO weight;
CREATE TABLE with_weight AS SELECT scores('ease - weight - auto', 9) AS s, scores('markov', 9) AS markov;
ALTER TABLE rows_of_shop ALTER weight TYPE text;
SELECT lives_ok($$ SELECT * FROM longtail.recommend('ease - weight - auto', 9) $$, 'so is one that is no number now');
ALTER TABLE rows_of_shop ALTER weight TYPE numeric USING weight::numeric;
SELECT is(scores('ease - weight - auto', 9), s, 'another type of number is read as it is') FROM with_weight;
ALTER TABLE rows_of_shop DROP COLUMN ts;
SELECT lives_ok($$ SELECT * FROM longtail.recommend('markov', 9) $$, 'a time column dropped');
SELECT isnt(scores('markov', 9), markov, 'is an unknown time') FROM with_weight;
ALTER TABLE rows_of_shop RENAME TO renamed;
SELECT is(scores('ease - weight - auto', 9), s, 'a source renamed') FROM with_weight;

SELECT * FROM finish();
