-- evaluate's options against the measures computed in SQL: negatives, fixed and sampled, known users and items, seen items.
\ir common.psql

CREATE TABLE everything AS
SELECT u, 'item ' || i AS item, row_number() OVER (PARTITION BY u ORDER BY noise('when', u::text, i::text)) AS place
FROM generate_series(1, 60) u, generate_series(1, 50) i
WHERE noise(u::text, i::text) < CASE WHEN u % 3 = i % 3 THEN 9 ELSE 2 END / (8.0 + i);
-- leave-last-out: all but the last of each user are the training, the last is the test
CREATE TABLE bought AS SELECT u, item, place FROM everything e WHERE place < (SELECT max(place) FROM everything x WHERE x.u = e.u);
CREATE INDEX ON bought (u);
CREATE TABLE last AS SELECT u, item, place FROM everything e WHERE place = (SELECT max(place) FROM everything x WHERE x.u = e.u) AND place > 1;
CREATE TABLE items AS SELECT 'item ' || i AS item, 'kind ' || i % 3 AS kind FROM generate_series(1, 52) i;
CREATE FUNCTION train(m text, algorithm text, more jsonb) RETURNS void LANGUAGE SQL AS $$
    SELECT longtail.train(m, 'bought', algorithm, 'u', 'item', item_features => 'items', options => '{"split": "none", "features": ["kind"]}'::jsonb || more) $$;
SELECT train('m', 'mlp', '{"epochs": 10, "hidden": [8], "embedding": 4}');
CREATE TABLE negatives AS
SELECT u, item FROM (SELECT u, item, row_number() OVER (PARTITION BY u ORDER BY noise('negative', u::text, item)) AS n FROM (SELECT DISTINCT u FROM last) l, items
    WHERE NOT EXISTS (SELECT FROM everything e WHERE e.u = l.u AND e.item = items.item)) x WHERE n <= 12;

CREATE FUNCTION figure(name text, cut int, options jsonb, test regclass = 'last') RETURNS float8 LANGUAGE SQL AS $$
    SELECT value FROM longtail.evaluate('m', test, ARRAY[coalesce(cut, 10)], options => options) WHERE metric = name AND k IS NOT DISTINCT FROM cut $$;
CREATE FUNCTION users_of(options jsonb, test regclass = 'last') RETURNS bigint LANGUAGE SQL AS $$
    SELECT max(n) FROM longtail.evaluate('m', test, '{5}', options => options) WHERE metric = 'hit_rate' $$;

-- ---- leave-one-out against fixed negatives: the place of the one test item among them, by predict ----

-- of equal ones the more popular is first; AUC counts them one half
CREATE TABLE places AS
SELECT l.u, 1 + count(*) FILTER (WHERE n.p > l.p OR n.p = l.p AND n.popularity_rank < l.popularity_rank) AS place, avg(CASE WHEN n.p < l.p THEN 1 WHEN n.p = l.p THEN 0.5 ELSE 0 END) AS auc
FROM (SELECT u, item, popularity_rank, longtail.predict('m', u, item)::float4 AS p FROM last JOIN longtail.item_stats('m') ON item = item_id) l
JOIN (SELECT u, item, popularity_rank, longtail.predict('m', u, item)::float4 AS p FROM negatives JOIN longtail.item_stats('m') ON item = item_id) n USING (u) GROUP BY l.u;
SELECT ok(abs(figure('hit_rate', k, '{"negatives": "negatives"}') - (SELECT avg((place <= k)::int) FROM places)) < 1e-9, 'hit rate at ' || k || ' among the negatives') FROM unnest('{1,3,5,10}'::int[]) k;
SELECT ok(abs(figure('ndcg', k, '{"negatives": "t.negatives"}') - (SELECT avg(CASE WHEN place <= k THEN 1 / log(2, place + 1) ELSE 0 END) FROM places)) < 1e-9, 'ndcg at ' || k) FROM unnest('{1,3,5,10}'::int[]) k;
SELECT ok(abs(figure('mrr', 13, '{"negatives": "negatives"}') - (SELECT avg(1.0 / place) FROM places)) < 1e-9, 'mrr of the whole of it');
SELECT ok(abs(figure('auc', NULL, '{"negatives": "negatives"}') - (SELECT avg(auc) FROM places)) < 1e-9, 'auc over them');
SELECT is(users_of('{"negatives": "negatives"}'), (SELECT count(*) FROM last), 'every user of the test');
SELECT ok(figure('hit_rate', 5, '{"negatives": "negatives"}') > figure('hit_rate', 5, '{}'), 'easier than the whole catalogue');
INSERT INTO negatives SELECT * FROM negatives; -- twice each
INSERT INTO negatives SELECT u, item FROM last; -- the test's own
INSERT INTO negatives VALUES (1, 'nobody''s'), (NULL, 'item 1'), (1, NULL), (99999, 'item 1');
SELECT ok(abs(figure('mrr', 13, '{"negatives": "negatives"}') - (SELECT avg(1.0 / place) FROM places)) < 1e-9, 'negatives given twice, unknown, NULL or relevant change nothing');
CREATE TABLE a_user_short AS SELECT * FROM negatives WHERE u <> 2;
CREATE TABLE no_columns AS SELECT u AS who, item AS what FROM negatives;
SELECT matches(error_of(format($$ SELECT longtail.evaluate('m', 'last', options => %L) $$, o)), e, o) FROM (VALUES
    ('{"negatives": "a_user_short"}', 'user 2 of the test has no negatives'), ('{"negatives": "nothing_there"}', 'nothing_there'), ('{"negatives": "no_columns"}', 'column "u"'),
    ('{"negatives": 5}', 'negatives'), ('{"sampled_negatives": -1}', 'sampled_negatives'), ('{"negatives": "negatives", "sampled_negatives": 3}', 'exclude each other'),
    ('{"users": "some"}', 'users'), ('{"unknown_items": "keep"}', 'unknown_items'), ('{"popularity_exponent": 11}', 'popularity_exponent'), ('{"popularity_exponent": -1}', 'popularity_exponent')) v (o, e);
CREATE TABLE strangers AS SELECT u + 1000 AS u, item, place FROM last WHERE u < 10;
CREATE TABLE negatives_of_strangers AS SELECT u + 1000 AS u, item FROM negatives WHERE u < 10;
SELECT is(users_of('{"negatives": "negatives_of_strangers"}', 'strangers'), (SELECT count(*) FROM strangers), 'strangers may have negatives, too');
SELECT ok(abs(figure('mrr', 60, '{"negatives": "negatives_of_strangers"}', 'strangers') -
    (SELECT avg(1.0 / (1 + (SELECT count(*) FROM (SELECT DISTINCT n.item FROM negatives n WHERE n.u = s.u - 1000) n JOIN longtail.item_stats('m') i ON i.item_id = n.item WHERE i.popularity_rank < o.popularity_rank)))
     FROM strangers s JOIN longtail.item_stats('m') o ON o.item_id = s.item)) < 1e-9, 'ranked by what is popular');
-- as a role that may not read them
CREATE ROLE no_reader;
GRANT USAGE ON SCHEMA t TO no_reader;
GRANT SELECT ON last, bought, items TO no_reader;
SELECT longtail.grant_model('m', 'no_reader');
SET ROLE no_reader;
SELECT lives_ok($$ SELECT longtail.evaluate('m', 'last') $$, 'a granted role evaluates');
SELECT matches(error_of($$ SELECT longtail.evaluate('m', 'last', options => '{"negatives": "negatives"}') $$), 'permission denied for table negatives', 'with negatives that it may read');
RESET ROLE;
SELECT longtail.revoke_model('m', 'no_reader');
DROP OWNED BY no_reader;
DROP ROLE no_reader;

-- ---- sequences: algorithms that answer from past items are measured from those of training ----

DO $$ BEGIN
    PERFORM longtail.train('sequences', 'bought', 'markov', 'u', 'item', time_column => 'place', options => '{"split": "none"}');
    PERFORM longtail.train('together', 'bought', 'item_knn', 'u', 'item', options => '{"split": "none"}');
END $$;
SELECT ok(abs(e.value - (SELECT avg((EXISTS (SELECT FROM longtail.recommend(m, l.u, 10) r WHERE r.item_id = l.item))::int) FROM last l)) < 1e-9 AND e.value > 0.1, format('%s: the next item, hit rate %s', m, e.value))
FROM unnest('{sequences,together}'::text[]) m, LATERAL longtail.evaluate(m, 'last', '{10}') e WHERE metric = 'hit_rate';
SELECT ok(value BETWEEN 0.1 AND 1 AND n = (SELECT count(*) FROM last), m || ' among negatives') FROM unnest('{sequences,together}'::text[]) m, LATERAL longtail.evaluate(m, 'last', '{10}', options => '{"negatives": "negatives"}') WHERE metric = 'hit_rate';
CREATE TABLE rated AS SELECT u, item, 1 + floor(5 * noise('r', u::text, item)) AS rating FROM everything;
DO $$ BEGIN PERFORM longtail.train('rated', 'rated', 'item_knn', 'u', 'item', 'rating', options => '{"split": "none"}'); END $$;
SELECT is(count(*) FILTER (WHERE metric IN ('rmse', 'mae', 'log_loss', 'label_auc')), 0::bigint, 'what only ranks has no figures of single predictions') FROM longtail.evaluate('rated', 'rated');
SELECT matches(error_of($$ SELECT longtail.train('rated', 'rated', 'item_knn', 'u', 'item', 'rating', options => '{"validation_metric": "rmse"}') $$), 'only ranks', 'nor is it validated by them');

-- ---- sampled negatives ----

CREATE TABLE ranks AS -- places in the whole catalogue without what the user has, and how many others there are
SELECT l.u, r.rank, (SELECT count(*) FROM longtail.recommend('m', l.u, 100)) - 1 AS others FROM last l, LATERAL longtail.recommend('m', l.u, 100) r WHERE r.item_id = l.item;
SELECT ok(abs(figure('mrr', 60, '{"sampled_negatives": 1000}') - figure('mrr', 60, '{}')) < 1e-12, 'all negatives are the whole catalogue');
-- the chance to be first of 1 + 5: the 5 are drawn from those behind; the mean over seeds is near it
CREATE TABLE chances AS SELECT (SELECT avg(figure('hit_rate', 1, format('{"sampled_negatives": 5, "seed": %s}', s)::jsonb)) FROM generate_series(1, 60) s) AS measured,
    avg((SELECT exp(sum(ln(greatest(others - rank + 1 - g, 1e-30) / (others - g)))) FROM generate_series(0, 4) g)) AS expected FROM ranks;
SELECT ok(abs(measured - expected) < 0.03, format('hit rate among 5 drawn is %s, expected %s', measured, expected)) FROM chances; -- 60 draws of 60 users: sd below 0.008
SELECT is(figure('hit_rate', 1, '{"sampled_negatives": 5, "seed": 4}'), figure('hit_rate', 1, '{"sampled_negatives": 5, "seed": 4}'), 'the same for a seed');
SELECT ok(count(DISTINCT figure('mrr', 6, format('{"sampled_negatives": 5, "seed": %s}', s)::jsonb)) > 5, 'others for others') FROM generate_series(1, 10) s;

-- ---- known users, unknown items, seen items, the exponent ----

CREATE TABLE odd AS SELECT u, item FROM last UNION ALL SELECT u, 'nobody''s' FROM last WHERE u % 2 = 0 UNION ALL SELECT u + 1000, item FROM last WHERE u < 5 UNION ALL SELECT 7, 'nobody''s' UNION ALL SELECT 2000, 'nobody''s';
ALTER TABLE odd ADD place int;
CREATE TABLE clean AS SELECT u, item, place FROM last;
SELECT is(users_of('{"users": "known", "unknown_items": "drop"}', 'odd'), (SELECT count(*) FROM clean), 'users that training has, with items that it has');
SELECT results_eq($$ SELECT metric, k, value, n FROM longtail.evaluate('m', 'odd', options => '{"users": "known", "unknown_items": "drop"}') $$, $$ SELECT metric, k, value, n FROM longtail.evaluate('m', 'clean') $$, 'all figures are those of the clean test');
SELECT is(users_of('{"users": "known"}', 'odd'), (SELECT count(DISTINCT u) FROM odd WHERE u < 1000), 'known users alone');
SELECT is(users_of('{"unknown_items": "drop"}', 'odd'), (SELECT count(DISTINCT u) FROM odd) - 1, 'known items alone: user 2000 has none left');
SELECT is(users_of('{}', 'odd'), (SELECT count(DISTINCT u) FROM odd), 'all are the default');
SELECT ok(figure('recall', 20, '{}', 'odd') < figure('recall', 20, '{"unknown_items": "drop"}', 'odd'), 'items never found count against recall');
SELECT ok(abs(figure('recall', 100, '{"unknown_items": "drop", "users": "known"}', 'odd') - 1) < 1e-12, 'and without them all is found');
CREATE TABLE again AS SELECT u, item, place FROM bought WHERE place <= 2 UNION ALL TABLE last;
SELECT is(figure('recall', 100, '{"exclude_seen": false}', 'again'), 1::float8, 'with what is seen all of the test is found');
SELECT is(figure('recall', 3, '{}', 'again'), figure('recall', 3, '{}'), 'without it those pairs are dropped');
SELECT ok(abs(figure('hit_rate', 5, '{"exclude_seen": false}', 'again') - (SELECT avg(hit::int) FROM
    (SELECT u, EXISTS (SELECT FROM longtail.recommend('m', a.u, 5, exclude_seen => false) r JOIN again b ON b.u = a.u AND b.item = r.item_id) AS hit FROM again a GROUP BY u) x)) < 1e-9, 'the lists are those of exclude_seen => false');
SELECT ok(abs(figure('arp', 5, '{"popularity_exponent": 0.5}') - (SELECT avg(i.interactions) FROM last l, LATERAL longtail.recommend('m', l.u, 5, popularity_exponent => 0.5) r JOIN longtail.item_stats('m') i ON i.item_id = r.item_id)) < 1e-9, 'popularity_exponent is recommend''s');
SELECT ok(figure('arp', 5, '{"popularity_exponent": 0.5}') < figure('arp', 5, '{}'), 'and makes lists less popular');
SELECT train('m', 'mlp', '{"epochs": 10, "hidden": [8], "embedding": 4, "popularity_exponent": 0.5}');
SELECT is(figure('arp', 5, '{}'), figure('arp', 5, '{"popularity_exponent": 0.5}'), 'not given: the model''s own');
SELECT ok(figure('arp', 5, '{"popularity_exponent": 0}') > figure('arp', 5, '{}'), 'which 0 turns off');

SELECT * FROM finish();
