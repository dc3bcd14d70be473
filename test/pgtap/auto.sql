-- Algorithm auto: what it tries, what it is told to try, and what is kept.
\ir common.psql

CREATE TABLE bought AS
SELECT u, 'item ' || i AS item, 1 + floor(noise('w', u::text, i::text) * 5)::int AS amount,
       timestamptz '2026-01-01' + make_interval(mins => (noise('t', u::text, i::text) * 100000)::int) AS ts,
       noise('l', u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.8 ELSE 0.3 END AS liked
FROM generate_series(1, 200) u, generate_series(1, 60) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.06 END * (1.2 - i / 60.0);
CREATE TABLE clubs AS SELECT u, 'club ' || u % 4 AS club FROM generate_series(1, 200) u;
CREATE FUNCTION train(model text, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.bought', 'auto', 'u', 'item', options => '{"features": ["-amount", "-ts", "-liked"]}' || options) $$;
CREATE FUNCTION trials(of text) RETURNS SETOF longtail.training_trials STABLE LANGUAGE SQL
AS $$ SELECT * FROM longtail.training_trials WHERE model = of ORDER BY version, trial $$;

-- ---- by itself ----

CREATE TABLE result AS SELECT * FROM longtail.train('auto', 't.bought', 'auto', 'u', 'item', weight_column => 'amount');
SELECT set_eq($$ SELECT DISTINCT algorithm FROM trials('auto') $$,
              ARRAY['popularity', 'item_knn', 'rp3beta', 'graph_filter', 'ease', 'als'], 'implicit feedback tries what learns from it');
SELECT is(count(*), 0::bigint, 'everything works by default') FROM trials('auto') WHERE error IS NOT NULL;
SELECT set_eq($$ SELECT DISTINCT (options ->> 'popularity_exponent')::float8 FROM trials('auto') $$, ARRAY[0, 0.1, 0.2, 0.3, 0.4]::float8[],
              'at several popularity exponents');
SELECT is((SELECT validation_value FROM trials('auto') WHERE chosen), (SELECT max(validation_value) FROM trials('auto')), 'the best is chosen');
SELECT row_eq('SELECT algorithm, validation_value FROM result', (SELECT ROW(t.algorithm, t.validation_value) FROM trials('auto') t WHERE chosen),
              'and told');
SELECT is(algorithm, 'auto', 'the definition is auto') FROM longtail.models WHERE model = 'auto';
SELECT ok(v.algorithm = t.algorithm AND v.options = t.options, 'the version is what was chosen')
FROM longtail.model_versions v, trials('auto') t WHERE v.model = 'auto' AND t.chosen;
SELECT is(count(*), 5::bigint, 'it serves') FROM longtail.recommend('auto', 7, 5);
SELECT isnt_empty($$ SELECT * FROM longtail.evaluate('auto', 't.bought', options => '{"exclude_seen": false}') $$, 'and is evaluated');

-- It finds what each kind of algorithm is good at.
SELECT ok(a.best > p.best * 1.2, 'which beats what is popular')
FROM (SELECT max(validation_value) AS best FROM trials('auto')) a, (SELECT max(validation_value) AS best FROM trials('auto') WHERE algorithm = 'popularity') p;

SELECT longtail.train('timed', 't.bought', 'auto', 'u', 'item', time_column => 'ts') \g /dev/null
SELECT ok('markov' = ANY (array_agg(algorithm)), 'sequences where there is a time') FROM trials('timed');
SELECT longtail.train('labels', 't.bought', 'auto', 'u', 'item', 'liked', user_features => 'clubs', options => '{"epochs": 2, "features": ["club"]}') \g /dev/null
SELECT set_eq($$ SELECT algorithm, validation_metric FROM trials('labels') $$, $$ VALUES ('logistic', 'log_loss'), ('mlp', 'log_loss') $$,
              'labels try what predicts them');
SELECT longtail.train('rows', 't.bought', 'auto', label_column => 'liked', options => '{"features": ["amount"], "epochs": 2}') \g /dev/null
SELECT is((SELECT validation_value FROM trials('rows') WHERE chosen), (SELECT min(validation_value) FROM trials('rows')), 'rows without users too');

-- ---- as it is told ----

SELECT train('told', '{"algorithms": ["ease", "mlp", "popularity"], "epochs": 2, "embedding": 4, "hidden": [], "popularity_exponent": 0.1, "search": {"ease": {"regularization": [10, 20]}, "mlp": {"learning_rate": [0.01, 0.02]}}}') \g /dev/null
SELECT set_eq($$ SELECT algorithm, options FROM trials('told') $$,
              $$ VALUES ('ease', '{"regularization": 10}'::jsonb), ('ease', '{"regularization": 20}'), ('mlp', '{"learning_rate": 0.01}'),
                        ('mlp', '{"learning_rate": 0.02}'), ('popularity', '{}') $$, 'algorithms and grids of one''s own');
SELECT is(max(epochs), 2, 'an option of some goes to those') FROM trials('told') WHERE algorithm = 'mlp';
SELECT is(v.options, '{"features": ["-amount", "-ts", "-liked"], "popularity_exponent": 0.1}' || t.options,
          'and not to the version of another') FROM longtail.model_versions v, trials('told') t
WHERE v.model = 'told' AND t.chosen AND t.algorithm = 'ease';
SELECT train('shared', '{"algorithms": ["ease", "item_knn"], "search": {"neighbors": [10, 20], "popularity_exponent": [0, 0.5]}, "regularization": 30, "shrinkage": 5}') \g /dev/null
SELECT set_eq($$ SELECT algorithm, options - 'trend_exponent' FROM trials('shared') $$,
              $$ SELECT a, jsonb_build_object('neighbors', n, 'popularity_exponent', e)
                 FROM unnest(ARRAY['ease', 'item_knn']) a, unnest(ARRAY[10, 20]) n, unnest(ARRAY[0, 0.5]) e $$,
              'a list for all that have it; an option given is not searched');

-- ---- again ----

SELECT row_eq($$ SELECT version, promoted, algorithm FROM longtail.retrain('told') $$, (SELECT ROW(2, true, algorithm) FROM longtail.model_versions WHERE model = 'told' AND version = 1),
              'retrain searches again');
SELECT is((SELECT count(*) FROM trials('told') WHERE version = 2), 5::bigint, 'all of it');
SELECT matches(decision, '^promoted: ndcg', 'compared with the version before') FROM longtail.model_versions WHERE model = 'told' AND version = 2;
SELECT is(promoted, false, 'and held back when worse') FROM longtail.retrain('told', '{"algorithms": ["mlp", "popularity"], "search": {}, "epochs": 1, "learning_rate": 1e-9}');
SELECT is(algorithm, 'ease', 'the active version goes on') FROM longtail.model_versions WHERE model = 'told' AND active;

-- ---- mistakes ----

SELECT matches(error_of(format($$ SELECT train('bad', %L) $$, options)), said, options)
FROM (VALUES ('{"hiden": [4]}', 'unknown option "hiden"'),
             ('{"hidden": [4]}', 'unknown option "hidden".*Neither auto nor any'),
             ('{"algorithms": ["eas"]}', 'unknown algorithm "eas"'),
             ('{"algorithms": ["auto"]}', 'cannot have "auto"'),
             ('{"algorithms": ["ease", "ease"]}', 'cannot have "ease" twice'),
             ('{"search": {"mlp": {"hidden": [[]]}}}', 'names algorithm "mlp", which is not tried'),
             ('{"search": {"hidden": [[]]}}', 'names "hidden", which no algorithm tried has'),
             ('{"search": {"ease": {"hidden": [[]]}}}', 'unknown option "hidden"'),
             ('{"search": {"min_count": [1]}}', 'cannot be searched'),
             ('{"split": "none"}', 'needs a validation part')) x (options, said);
SELECT matches(error_of($$ SELECT longtail.train('bad', 't.bought', 'auto', label_column => 'liked', options => '{"algorithms": ["ease"]}') $$),
               'needs user_column', 'recommenders need users');
SELECT isnt_empty($$ SELECT FROM longtail.options('auto') WHERE name = 'algorithms' $$, 'its options are listed');
SELECT isnt_empty($$ SELECT FROM longtail.algorithms() WHERE name = 'auto' AND supervised AND recommender $$, 'and auto among the algorithms');

SELECT * FROM finish();
