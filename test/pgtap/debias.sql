-- Debiasing in training: propensity_exponent, negative_exponent, sampling_correction.
\ir common.psql

-- 400 people of five tastes, 120 items; who comes across an item depends on its number: the first are everywhere.
CREATE TABLE bought AS
SELECT u, i, 1 + (u + i) % 3 AS quantity FROM generate_series(1, 400) u, generate_series(1, 120) i
WHERE noise('buys', u::text, i::text) < (6.0 / (i + 5)) * (CASE WHEN u % 5 = i % 5 THEN 1 ELSE 0.25 END);
CREATE FUNCTION train(model text, algorithm text, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.bought', algorithm, 'u', 'i', weight_column => CASE WHEN algorithm <> 'bpr' THEN 'quantity' END::name,
                            options => '{"split": "none"}' || options) $$;
-- The mean popularity rank of what is recommended.
CREATE FUNCTION depth(of text) RETURNS float8 LANGUAGE SQL
AS $$ SELECT avg(popularity_rank) FROM longtail.recommend_all(of, 10) JOIN longtail.item_stats(of) USING (item_id) $$;
CREATE FUNCTION weights(of text) RETURNS text LANGUAGE SQL
AS $$ SELECT md5(string_agg(item_id || score::text, ' ' ORDER BY user_id, rank)) FROM longtail.recommend_all(of, 20) $$;

-- ---- inverse propensities ----

CREATE TABLE tried (algorithm text, options jsonb);
INSERT INTO tried VALUES ('als', '{"factors": 8, "unobserved_weight": 0.1}'), ('bpr', '{"factors": 8, "epochs": 20}'), ('logistic', '{}'),
    ('mlp', '{"factors": 8, "embedding": 0, "hidden": [], "epochs": 10, "learning_rate": 0.01}'), ('ease', '{"regularization": 50}'),
    ('popularity', '{}');
SELECT r.* FROM tried, (VALUES (0), (0.5)) x (e), LATERAL train(algorithm || e, algorithm, options || jsonb_build_object('propensity_exponent', e)) r \g /dev/null
SELECT cmp_ok(depth(algorithm || 0.5), '>', depth(algorithm || 0), algorithm || ' recommends rarer items: mean rank ' || round(depth(algorithm || 0)::numeric, 1)
              || ' to ' || round(depth(algorithm || 0.5)::numeric, 1)) FROM tried WHERE algorithm NOT IN ('logistic', 'popularity');
SELECT train('clipped', 'als', '{"factors": 8, "unobserved_weight": 0.1, "propensity_exponent": 0.5, "propensity_clip": 1}') \g /dev/null
SELECT is(weights('clipped'), weights('als0'), 'a clip at the mean leaves nothing to weigh');
SELECT train('again', 'als', '{"factors": 8, "unobserved_weight": 0.1}') \g /dev/null
SELECT is(weights('again'), weights('als0'), 'an exponent of 0 is none');
SELECT is(options ->> 'propensity_exponent', '0.5', 'the version says what it was trained with') FROM longtail.model_versions WHERE model = 'als0.5';

-- Users are served from what they have: no other history, no folding in for its sake.
SELECT ok(max(abs(score - longtail.predict('als0.5', u, item_id::int))) < 1e-6, 'users with the rows of training are served the vectors of training')
FROM generate_series(1, 50) u, LATERAL longtail.recommend('als0.5', u, 10);
SELECT results_eq($$ SELECT item_id, interactions FROM longtail.item_stats('als0.5') $$, $$ SELECT item_id, interactions FROM longtail.item_stats('als0') $$,
                  'items count what they did');
CREATE TABLE test_part AS SELECT u, i FROM generate_series(1, 400) u, generate_series(1, 120) i
WHERE noise('later', u::text, i::text) < 0.1 AND u % 5 = i % 5 AND (u, i) NOT IN (SELECT u, i FROM bought);
SELECT ok(b.value > 1.1 * a.value, m || ': where all items are as likely to be met, debiased lists are the more accurate: ' || round(a.value::numeric, 4) || ', ' || round(b.value::numeric, 4))
FROM unnest(ARRAY['bpr', 'ease']) m, LATERAL longtail.evaluate(m || 0, 't.test_part', '{10}') a, LATERAL longtail.evaluate(m || 0.5, 't.test_part', '{10}') b
WHERE a.metric = 'ndcg' AND b.metric = 'ndcg';

-- A search tries exponents on one reading of the data; trials are measured without weights.
SELECT longtail.train('searched', 't.bought', 'als', 'u', 'i', options => '{"factors": 8, "search": {"propensity_exponent": [0, 0.5], "propensity_clip": [1, 10]}}') \g /dev/null
SELECT is((SELECT count(*) FROM longtail.training_trials WHERE model = 'searched' AND error IS NULL), 4::bigint, 'a search over exponents and clips');
SELECT is((SELECT count(DISTINCT validation_value) FROM longtail.training_trials WHERE model = 'searched'), 2::bigint, 'those that weigh nothing are one model');
SELECT ok(promoted, 'retrain searches again') FROM longtail.retrain('searched');
SELECT longtail.train('several', 't.bought', 'auto', 'u', 'i', options => '{"algorithms": ["ease", "popularity"], "propensity_exponent": 0.25, "refit": "always"}') \g /dev/null
SELECT is_empty($$ SELECT FROM longtail.training_trials WHERE model = 'several' AND error IS NOT NULL $$, 'auto weighs for all');
SELECT is(options ->> 'propensity_exponent', '0.25', 'and says so') FROM longtail.model_versions WHERE model = 'several';

-- Labels: of ratings all rows are weighed.
CREATE TABLE rated AS SELECT u, i, 1 + 4 * noise('stars', u::text, i::text) AS stars, noise('liked', u::text, i::text) < 0.3 AS liked FROM bought;
CREATE FUNCTION rate(model text, algorithm text, label name, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.rated', algorithm, 'u', 'i', label, options => '{"split": "none", "features": ["-stars", "-liked"]}' || options) $$;
SELECT r.* FROM (VALUES ('mlp', 'stars', '{"epochs": 3}'), ('mlp', 'liked', '{"epochs": 3}'), ('logistic', 'liked', '{}'), ('als', 'liked', '{"factors": 4}')) x (algorithm, label, options),
    (VALUES (0), (0.5)) y (e), LATERAL rate(algorithm || label || e, algorithm, label, options::jsonb || jsonb_build_object('propensity_exponent', e)) r \g /dev/null
SELECT isnt(weights(m || 0.5), weights(m || 0), m || ' is weighed') FROM unnest(ARRAY['mlpstars', 'mlpliked', 'logisticliked', 'alsliked']) m;

-- What would do nothing is refused.
SELECT matches(error_of(command), said, said) FROM (VALUES
    ($$ SELECT t.rate('no', 'als', 'stars', '{"propensity_exponent": 1}') $$, 'does nothing with algorithm "als" and labels of numbers'),
    ($$ SELECT t.train('no', 'item_knn', '{"propensity_exponent": 1, "shrinkage": 0}') $$, 'does nothing with shrinkage 0'),
    ($$ SELECT t.train('no', 'blend', '{"propensity_exponent": 1, "models": ["als0", "ease0"]}') $$, 'does nothing with algorithm "blend"'),
    ($$ SELECT longtail.train('no', 't.rated', 'logistic', label_column => 'liked', options => '{"propensity_exponent": 1}') $$, 'but there are none.*Name user_column'),
    ($$ SELECT t.train('no', 'als', '{"propensity_exponent": 3}') $$, 'must be a number from 0 to 2'),
    ($$ SELECT t.train('no', 'als', '{"propensity_clip": 0.5}') $$, 'must be a number from 1 to'),
    ($$ SELECT longtail.logistic_fit(true, ARRAY[1.0], '{"propensity_exponent": 1}') $$, 'does not apply to an aggregate')) x (command, said);

-- ---- negatives by popularity, and what corrects for them ----

SELECT r.* FROM (VALUES ('bpr', '{"factors": 8, "epochs": 20}'), ('mlp', '{"factors": 8, "embedding": 0, "hidden": [], "epochs": 10, "learning_rate": 0.01}'),
                        ('mlp', '{"factors": 8, "embedding": 0, "hidden": [], "epochs": 10, "learning_rate": 0.01, "loss": "softmax", "sampling_correction": false}')) x (algorithm, options),
    (VALUES (0), (1)) y (e), LATERAL train(algorithm || ' ' || coalesce(options::jsonb ->> 'loss', '') || ' by ' || e, algorithm, options::jsonb || jsonb_build_object('negative_exponent', e)) r \g /dev/null
SELECT cmp_ok(depth(m || ' by 1'), '>', 1.5 * depth(m || ' by 0'), m || ': popular negatives push popular items down: mean rank '
              || round(depth(m || ' by 0')::numeric, 1) || ' to ' || round(depth(m || ' by 1')::numeric, 1)) FROM unnest(ARRAY['bpr ', 'mlp ', 'mlp softmax']) m;
SELECT train('mlp corrected', 'mlp', '{"factors": 8, "embedding": 0, "hidden": [], "epochs": 10, "learning_rate": 0.01, "loss": "softmax", "negative_exponent": 1}') \g /dev/null
SELECT train('mlp said so', 'mlp', '{"factors": 8, "embedding": 0, "hidden": [], "epochs": 10, "learning_rate": 0.01, "loss": "softmax", "negative_exponent": 1, "sampling_correction": true}') \g /dev/null
SELECT is(weights('mlp said so'), weights('mlp corrected'), 'softmax corrects unless it is told not to');
SELECT cmp_ok(depth('mlp corrected'), '<', depth('mlp softmax by 1') / 1.5, 'corrected (logQ), popularity is as it was: mean rank ' || round(depth('mlp corrected')::numeric, 1));

SELECT * FROM finish();
