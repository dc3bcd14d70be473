-- evaluate and tradeoff against the measures computed in SQL from the lists that recommend gives.
\ir common.psql

CREATE TABLE everything AS
SELECT u, 'item ' || i AS item, noise('when', u::text, i::text) < 0.7 AS early
FROM generate_series(1, 90) u, generate_series(1, 60) i
WHERE noise(u::text, i::text) < CASE WHEN u % 3 = i % 3 THEN 9 ELSE 1.5 END / (8 + i);
CREATE TABLE bought AS SELECT u, item FROM everything WHERE early;
CREATE INDEX ON bought (u);
CREATE TABLE later AS SELECT u, item FROM everything WHERE NOT early AND u % 5 > 0; -- a fifth of the users has no test
CREATE TABLE users AS SELECT u, 'club ' || u % 3 AS club FROM generate_series(1, 90) u;
CREATE UNIQUE INDEX ON users (u);
CREATE TABLE items AS SELECT 'item ' || i AS item, 'kind ' || i % 3 AS kind FROM generate_series(1, 62) i;
DO $$ BEGIN PERFORM longtail.train('m', 'bought', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"crosses": [["club", "kind"]], "validation_fraction": 0.2}'); END $$;

-- What spoils a naive measure: pairs of the training, twice the same pair, users and items nobody knows, NULLs.
INSERT INTO later SELECT * FROM bought WHERE u IN (1, 2, 5, 10);
INSERT INTO later SELECT * FROM later WHERE u = 3;
INSERT INTO later VALUES (901, 'item 1'), (901, 'item 2'), (902, 'item 50'), (4, 'nobody''s item'), (4, 'nobody''s other item'), (NULL, 'item 1'), (6, NULL);
-- And somebody new whose features are known: served, and so measured, by them.
INSERT INTO users VALUES (903, 'club 2');
INSERT INTO later VALUES (903, 'item 2'), (903, 'item 5'), (903, 'item 11');

-- Every measure in SQL over the lists of recommend, which leaves out what bought has.
CREATE TABLE test AS SELECT DISTINCT u, item FROM later l WHERE u IS NOT NULL AND item IS NOT NULL AND NOT EXISTS (SELECT FROM bought b WHERE b.u = l.u AND b.item = l.item);
CREATE TABLE testers AS SELECT u, count(*) AS relevant FROM test GROUP BY u;
CREATE FUNCTION naive(m text, cut int, how text, much float8) RETURNS TABLE (metric text, value float8) LANGUAGE SQL AS $$
    WITH lists AS MATERIALIZED (SELECT t.u, relevant, r.*, i.interactions, i.novelty, EXISTS (SELECT FROM test x WHERE x.u = t.u AND x.item = r.item_id) AS hit
                   FROM testers t, LATERAL longtail.recommend(m, t.u, cut, how, much) r JOIN longtail.item_stats(m) i USING (item_id)),
    ranked AS (SELECT *, count(*) FILTER (WHERE hit) OVER (PARTITION BY u ORDER BY rank) AS hits_so_far FROM lists),
    per_user AS (SELECT u, relevant, sum(hit::int) AS hits, sum(CASE WHEN hit THEN 1 / log(2, rank + 1) END)::float8 AS dcg,
                        (SELECT sum(1 / log(2, g + 1))::float8 FROM generate_series(1, least(relevant, cut)) g) AS ideal,
                        sum(CASE WHEN hit THEN hits_so_far::float8 / rank END) AS precisions, min(rank) FILTER (WHERE hit) AS first,
                        avg(interactions) AS popularity, avg((segment = 'tail')::int)::float8 AS tail, count(*) FILTER (WHERE segment = 'tail') AS tails, avg(novelty) AS novelty
                 FROM ranked GROUP BY u, relevant),
    exposure AS (SELECT i.item_id, segment, count(l.item_id) AS shown FROM longtail.item_stats(m) i LEFT JOIN (SELECT item_id FROM lists) l USING (item_id) GROUP BY 1, 2)
    SELECT 'hit_rate', avg((hits > 0)::int) FROM per_user
    UNION ALL SELECT 'precision', avg(hits::float8 / cut) FROM per_user
    UNION ALL SELECT 'recall', avg(hits::float8 / relevant) FROM per_user
    UNION ALL SELECT 'recall_capped', avg(hits::float8 / least(relevant, cut)) FROM per_user
    UNION ALL SELECT 'f1', avg(2.0 * hits / (cut + relevant)) FROM per_user
    UNION ALL SELECT 'ndcg', avg(coalesce(dcg, 0) / ideal) FROM per_user
    UNION ALL SELECT 'map', avg(coalesce(precisions, 0) / least(relevant, cut)) FROM per_user
    UNION ALL SELECT 'mrr', avg(coalesce(1.0 / first, 0)) FROM per_user
    UNION ALL SELECT 'arp', avg(popularity) FROM per_user
    UNION ALL SELECT 'aplt', avg(tail) FROM per_user
    UNION ALL SELECT 'aclt', avg(tails) FROM per_user
    UNION ALL SELECT 'novelty', avg(novelty) FROM per_user
    UNION ALL SELECT 'entropy', longtail.entropy(shown) FROM exposure
    UNION ALL SELECT 'exposure_' || segment, sum(shown)::float8 / (SELECT sum(shown) FROM exposure) FROM exposure GROUP BY segment
    UNION ALL SELECT 'exposure_mad', longtail.mean_absolute_deviation(shown) / (SELECT count(*) FROM testers) FROM exposure
    UNION ALL SELECT 'exposure_cv', longtail.coefficient_of_variation(shown) FROM exposure
    UNION ALL SELECT 'catalogue_coverage', avg((shown > 0)::int) FROM exposure
    UNION ALL SELECT 'tail_coverage', avg((shown > 0)::int) FROM exposure WHERE segment = 'tail'
    UNION ALL SELECT 'gini', sum((2 * place - n - 1) * shown)::float8 / (max(n) * sum(shown)) FROM (SELECT shown, row_number() OVER (ORDER BY shown) AS place, count(*) OVER () AS n FROM exposure) e
$$;
-- What needs to know more: of the user's taste, of what is alike, of who could have been shown.
CREATE TABLE segments AS SELECT item_id, segment FROM longtail.item_stats('m');
CREATE TABLE unseen AS SELECT u, item_id, segment, row_number() OVER (PARTITION BY u ORDER BY popularity_rank) AS place FROM testers, longtail.item_stats('m') WHERE NOT EXISTS (SELECT FROM bought b WHERE b.u = testers.u AND b.item = item_id);
CREATE INDEX ON unseen (u, item_id);
ANALYZE unseen, segments;
CREATE FUNCTION naive_deep(m text, cut int, how text, much float8) RETURNS TABLE (metric text, value float8) LANGUAGE SQL AS $$
    WITH lists AS MATERIALIZED (SELECT t.u, r.item_id, r.segment, r.rank, i.kind, p.place, x.u IS NOT NULL AS hit FROM testers t, LATERAL longtail.recommend(m, t.u, cut, how, much) r
                   JOIN items i ON i.item = r.item_id JOIN unseen p USING (item_id) LEFT JOIN test x ON x.u = p.u AND x.item = item_id WHERE p.u = t.u),
    taste AS (SELECT u, segment, sum(had)::float8 / sum(sum(had)) OVER (PARTITION BY u) AS p, sum(got)::float8 / sum(sum(got)) OVER (PARTITION BY u) AS q
              FROM (SELECT u, segment, 1 AS had, 0 AS got FROM bought JOIN testers USING (u) JOIN segments ON item_id = item UNION ALL SELECT u, segment, 0, 1 FROM lists WHERE u IN (SELECT u FROM bought)) x GROUP BY 1, 2),
    distance AS (SELECT u, longtail.js_divergence(p, q) AS js, sum(CASE WHEN p > 0 THEN p * ln(p / (0.99 * q + 0.01 * p)) / ln(2) ELSE 0 END) AS kl FROM taste GROUP BY u),
    chances AS (SELECT (SELECT count(*) FROM lists l WHERE l.segment = s.segment AND hit)::float8 / (SELECT count(*) FROM test JOIN segments r ON item_id = item WHERE r.segment = s.segment) AS found,
                       (SELECT count(*) FROM lists l WHERE l.segment = s.segment)::float8 / (SELECT count(*) FROM unseen p WHERE p.segment = s.segment) AS shown FROM (SELECT DISTINCT segment FROM segments) s)
    SELECT 'diversity', avg(diversity) FROM (SELECT avg((a.kind <> b.kind)::int) AS diversity FROM lists a JOIN lists b ON a.u = b.u AND a.rank < b.rank GROUP BY a.u) x
    UNION ALL SELECT 'serendipity', count(*) FILTER (WHERE hit AND place > cut)::float8 / cut / (SELECT count(*) FROM testers) FROM lists
    UNION ALL SELECT unnest('{upd,taste_js,taste_kl}'::text[]), unnest(ARRAY[avg(js), avg(js), avg(kl)]) FROM distance
    UNION ALL SELECT 'popreo', stddev_pop(found) / avg(found) FROM chances
    UNION ALL SELECT 'poprsp', stddev_pop(shown) / avg(shown) FROM chances
$$;
CREATE TABLE measured AS
SELECT v.how, v.much::float8 AS much, e.* FROM (VALUES ('none', 0.0), ('popularity', 0.3), ('quota', 0.5), ('xquad', 0.6)) v (how, much), LATERAL longtail.evaluate('m', 'later', '{1,5,20}', how, much) e;
SELECT ok(count(*) = 1 AND bool_and(abs(measured.value - n.value) < 1e-9), format('%s at %s with %s %s', metric, k, how, much))
FROM (SELECT k, how, much, n.* FROM unnest('{1,5,20}'::int[]) k, (VALUES ('none', 0.0), ('popularity', 0.3), ('quota', 0.5), ('xquad', 0.6)) v (how, much),
      LATERAL naive('m', k, how, much) n) n
LEFT JOIN measured USING (metric, k, how, much) GROUP BY metric, k, how, much ORDER BY metric, k, how, much;
SELECT ok(bool_and(coalesce(abs(measured.value - n.value) < 1e-6, n.value IS NULL AND measured.value IS NULL)) AND count(*) = 7, format('%s at %s with %s %s', string_agg(metric, ', '), k, how, much))
FROM (SELECT v.*, n.* FROM (VALUES (1, 'none', 0.0), (5, 'quota', 0.5), (20, 'xquad', 0.6)) v (k, how, much), LATERAL naive_deep('m', k, how, much) n) n LEFT JOIN measured USING (metric, k, how, much) GROUP BY k, how, much ORDER BY k;
SELECT set_eq('SELECT DISTINCT metric FROM measured WHERE k IS NOT NULL', $$ SELECT metric FROM naive('m', 1, 'none', 0) UNION SELECT metric FROM naive_deep('m', 1, 'none', 0) $$, 'and these are all');
SELECT ok(bool_and(n = (SELECT count(*) FROM testers)), 'n is the users that have a test') FROM measured WHERE k IS NOT NULL AND metric NOT IN ('diversity', 'upd', 'taste_js', 'taste_kl');
SELECT ok(bool_and(n = (SELECT count(*) FROM testers WHERE u IN (SELECT u FROM bought))), 'or of these those who have a taste') FROM measured WHERE metric IN ('upd', 'taste_js', 'taste_kl');
SELECT ok(bool_and(n = CASE k WHEN 1 THEN 0 ELSE (SELECT count(*) FROM testers) END), 'or a list that can be diverse') FROM measured WHERE metric = 'diversity';
SELECT ok(count(*) > 5 AND bool_and(value > 0), 'none of them trivial') FROM measured WHERE k = 20 AND how = 'none';

-- The AUC of each user's whole ranking, over pairs of a relevant item and one that is not.
SELECT ok(abs(e.value - a.value) < 1e-9 AND e.n = a.n, 'auc is the mean over users of longtail.auc over recommend')
FROM (SELECT avg(auc) AS value, count(auc) AS n FROM (SELECT t.u, longtail.auc(r.score, EXISTS (SELECT FROM test x WHERE x.u = t.u AND x.item = r.item_id)) AS auc
      FROM testers t, LATERAL longtail.recommend('m', t.u, 1000) r GROUP BY t.u) y) a, measured e WHERE metric = 'auc' AND how = 'none';

-- ---- random exploration ----

SELECT results_eq($$ SELECT user_id, value FROM longtail.evaluate_users('m', 'later', 20, 'random', 0.5, '{"seed": 7}') WHERE metric = 'arp' AND user_id IN (SELECT u::text FROM bought) ORDER BY 1 $$,
    $$ SELECT user_id, avg(interactions) FROM longtail.recommend_all('m', 20, 'random', 0.5, options => '{"seed": 7}') JOIN longtail.item_stats('m') USING (item_id) WHERE user_id IN (SELECT u::text FROM testers) GROUP BY 1 ORDER BY 1 $$,
    'the lists measured are those of recommend_all, whoever else is in the test');

-- ---- tests that are empty or odd ----

CREATE TABLE nothing (u int, item text);
SELECT ok(bool_and(n = 0) AND bool_and(value IS NULL) AND count(*) > 10, 'an empty test has no figures') FROM longtail.evaluate('m', 'nothing');
INSERT INTO nothing SELECT * FROM bought;
SELECT ok(bool_and(n = 0), 'nor has one that is the training itself') FROM longtail.evaluate('m', 'nothing');
CREATE TABLE strangers AS SELECT u + 1000 AS u, item FROM later WHERE u = 3;
SELECT is(max(n) FILTER (WHERE metric = 'hit_rate'), 1::bigint, 'a stranger is measured by what strangers get') FROM longtail.evaluate('m', 'strangers', '{10}');
SELECT is(max(value) FILTER (WHERE metric = 'arp'), (SELECT avg(interactions) FROM longtail.item_stats('m') WHERE popularity_rank <= 10), 'the most popular') FROM longtail.evaluate('m', 'strangers', '{10}');
CREATE VIEW later_view AS SELECT item AS product, u, item, 'more' AS more FROM later;
SELECT results_eq($$ SELECT * FROM longtail.evaluate('m', 'later_view', '{5}') $$, $$ SELECT metric, k, value, n FROM longtail.evaluate('m', 'later', '{5}') $$, 'a view with other columns besides');
SELECT results_eq($$ SELECT metric, value FROM longtail.evaluate('m', 'later', '{5,5}') $$, $$ SELECT metric, value FROM (SELECT *, ordinality AS o FROM longtail.evaluate('m', 'later', '{5}') WITH ORDINALITY) x, generate_series(1, CASE WHEN k IS NULL THEN 1 ELSE 2 END) g ORDER BY k IS NULL, g, o $$, 'a k given twice comes twice');
SELECT matches(error_of(c), e, c) FROM (VALUES
    ($$ SELECT longtail.evaluate('m', 'later', NULL) $$, 'k .*must not be NULL'), ($$ SELECT longtail.evaluate('m', 'later', '{10,NULL}') $$, 'every k'),
    ($$ SELECT longtail.evaluate('m', 'later', '{0}') $$, 'every k'), ($$ SELECT longtail.evaluate('m', 'later', '{5,-1}') $$, 'every k'),
    ($$ SELECT longtail.evaluate('m', NULL) $$, 'must not be NULL'), ($$ SELECT longtail.evaluate(NULL, 'later') $$, 'must not be NULL'),
    ($$ SELECT longtail.evaluate('m', 'users') $$, 'column "item".*does not exist in t.users'), ($$ SELECT longtail.evaluate('nobody', 'later') $$, 'does not exist'),
    ($$ SELECT longtail.evaluate('m', 'later', options => '{"versoin": 1}') $$, 'version'), ($$ SELECT longtail.evaluate('m', 'later', options => '{"version": 9}') $$, 'no version 9'),
    ($$ SELECT longtail.evaluate('m', 'later', method => 'nothing', strength => 1) $$, 'unknown rerank method')) v (c, e);
SELECT is((SELECT count(*) FROM longtail.evaluate('m', 'later', '{}') WHERE k IS NOT NULL), 0::bigint, 'without a k there are only the measures that have none');

-- ---- versions ----

CREATE TABLE first AS SELECT * FROM longtail.evaluate('m', 'later');
DO $$ BEGIN PERFORM longtail.retrain('m', '{"regularization": 1000, "promote": "always"}'); END $$;
SELECT results_eq($$ SELECT * FROM longtail.evaluate('m', 'later', options => '{"version": 1}') $$, 'SELECT * FROM first', 'an older version measures as it did');
SELECT results_ne($$ SELECT * FROM longtail.evaluate('m', 'later') $$, 'SELECT * FROM first', 'the active one is another');
SELECT results_eq($$ SELECT * FROM longtail.evaluate('m', 'later', options => '{"version": 2}') $$, $$ SELECT * FROM longtail.evaluate('m', 'later') $$, 'and is version 2');
SELECT longtail.promote('m', 1);

-- ---- the model's own method ----

DO $$ BEGIN PERFORM longtail.train('own', 'bought', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"crosses": [["club", "kind"]], "validation_fraction": 0.2, "rerank": {"method": "popularity", "strength": 0.3}}'); END $$;
SELECT results_eq($$ SELECT metric, k, value FROM longtail.evaluate('own', 'later', '{5}') WHERE k IS NOT NULL $$, $$ SELECT metric, k, value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', 0.3) WHERE k IS NOT NULL $$, 'is what is measured unless another is named');
DO $$ BEGIN PERFORM longtail.train('popular', 'bought', 'logistic', 'u', 'item', options => '{"popularity_exponent": 0.4}'); END $$;
SELECT ok(abs(e.value - x.auc) < 1e-9, 'auc is that of the ranking with popularity_exponent') FROM longtail.evaluate('popular', 'later') e,
    (SELECT avg(auc) AS auc FROM (SELECT longtail.auc(r.score, EXISTS (SELECT FROM test x WHERE x.u = t.u AND x.item = r.item_id)) AS auc FROM testers t, LATERAL longtail.recommend('popular', t.u, 1000) r GROUP BY t.u) y) x WHERE metric = 'auc';

-- ---- tradeoff ----

SELECT is(array_agg(strength), '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}', 'one row a strength') FROM longtail.tradeoff('m', 'later');
SELECT results_eq($$ SELECT strength, ndcg, recall, hit_rate, aplt, tail_coverage, catalogue_coverage, gini, novelty, diversity FROM longtail.tradeoff('m', 'later', 5, 'popularity', '{0.3,0}') $$,
    $$ SELECT s, (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'ndcg'), (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'recall'),
       (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'hit_rate'), (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'aplt'),
       (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'tail_coverage'), (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'catalogue_coverage'),
       (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'gini'), (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'novelty'),
       (SELECT value FROM longtail.evaluate('m', 'later', '{5}', 'popularity', s) e WHERE e.metric = 'diversity')
       FROM unnest('{0.3,0}'::float8[]) s $$, 'each row is evaluate');
SELECT ok(abs(t.ndcg - m.value) < 1e-12, 'strength 0 is the list without a method') FROM longtail.tradeoff('m', 'later', 5) t, measured m WHERE t.strength = 0 AND m.metric = 'ndcg' AND m.k = 5 AND m.how = 'none';
SELECT ok(bool_and(aplt >= before), 'more strength, more of the tail') FROM (SELECT aplt, lag(aplt, 1, 0) OVER (ORDER BY strength) AS before FROM longtail.tradeoff('m', 'later')) x;
SELECT ok(max(aplt) > 1.3 * min(aplt) AND max(novelty) > min(novelty), 'and much more') FROM longtail.tradeoff('m', 'later');

-- ---- models with labels ----

CREATE TABLE leads AS SELECT i AS id, noise('x', i::text) AS x, 'colour ' || i % 3 AS colour, noise('y', i::text) < noise('x', i::text) AS won, 3 * noise('x', i::text) + noise('z', i::text) AS amount, floor(4 * noise('x', i::text) + 2 * noise('c', i::text))::int AS visits
FROM generate_series(1, 800) i;
CREATE VIEW leads_early AS SELECT * FROM leads WHERE id <= 500;
CREATE VIEW leads_late AS SELECT * FROM leads WHERE id > 500;
DO $$ BEGIN
    PERFORM longtail.train('won', 'leads_early', 'logistic', label_column => 'won', options => '{"features": ["x", "colour"]}');
    PERFORM longtail.train('amount', 'leads_early', 'mlp', label_column => 'amount', options => '{"features": ["x", "colour"], "epochs": 30}');
    PERFORM longtail.train('visits', 'leads_early', 'mlp', label_column => 'visits', options => '{"features": ["x", "colour"], "loss": "poisson", "epochs": 30}');
END $$;
CREATE FUNCTION figure(m text, test regclass, name text) RETURNS float8 LANGUAGE SQL AS $$ SELECT value FROM longtail.evaluate(m, test) WHERE metric = name $$;
SELECT ok(abs(figure('won', 'leads_late', 'log_loss') - longtail.log_loss(longtail.predict('won', l), won)) < 1e-9, 'log_loss is the aggregate over predict') FROM leads_late l;
SELECT ok(abs(figure('won', 'leads_late', 'auc') - longtail.auc(longtail.predict('won', l), won)) < 1e-12, 'so is auc') FROM leads_late l;
SELECT ok(abs(figure('won', 'leads_late', 'accuracy') - avg(((longtail.predict('won', l) > 0.5) = won)::int)) < 1e-12, 'and accuracy') FROM leads_late l;
SELECT ok(abs(figure('amount', 'leads_late', 'rmse') - sqrt(avg((longtail.predict('amount', l) - amount) ^ 2))) < 1e-6, 'rmse') FROM leads_late l;
SELECT ok(abs(figure('amount', 'leads_late', 'mae') - avg(abs(longtail.predict('amount', l) - amount))) < 1e-6, 'mae') FROM leads_late l;
SELECT ok(abs(figure('amount', 'leads_late', 'r2') - (1 - sum((longtail.predict('amount', l) - amount) ^ 2) / (var_pop(amount) * count(*)))) < 1e-6, 'r2') FROM leads_late l;
SELECT ok(abs(figure('visits', 'leads_late', 'rmse') - sqrt(avg((longtail.predict('visits', l) - visits) ^ 2))) < 1e-6 AND min(longtail.predict('visits', l)) > 0, 'rmse of counts') FROM leads_late l;
SELECT ok(abs(figure('visits', 'leads_late', 'poisson_deviance') - 2 * avg(CASE WHEN visits > 0 THEN visits * ln(visits / longtail.predict('visits', l)) ELSE 0 END - (visits - longtail.predict('visits', l)))) < 1e-6, 'their deviance') FROM leads_late l;
SELECT ok(bool_and(n = 300), 'n is the rows') FROM longtail.evaluate('won', 'leads_late');
CREATE VIEW leads_scored AS SELECT x, colour, id AS won FROM leads_late;
SELECT matches(error_of($$ SELECT longtail.evaluate('won', 'leads_scored') $$), 'neither 0 nor 1', 'labels of another kind');
CREATE TABLE no_leads AS SELECT * FROM leads_late WHERE false;
SELECT ok(bool_and(n = 0 AND value IS NULL), 'no rows, no figures: ' || string_agg(metric, ',')) FROM longtail.evaluate('won', 'no_leads');

-- a recommender with labels has both
CREATE TABLE shown AS SELECT u, item, early AS clicked FROM everything;
DO $$ BEGIN PERFORM longtail.train('shown', 'shown', 'logistic', 'u', 'item', 'clicked'); END $$;
SELECT ok(abs(max(value) FILTER (WHERE metric = 'log_loss') - (SELECT longtail.log_loss(longtail.predict('shown', u, item), clicked) FROM shown)) < 1e-6
          AND abs(max(value) FILTER (WHERE metric = 'label_auc') - (SELECT longtail.auc(longtail.predict('shown', u, item), clicked) FROM shown)) < 1e-6, 'log_loss and label_auc of a recommender with labels')
FROM longtail.evaluate('shown', 'shown');

SELECT * FROM finish();
