-- Option search: a grid in one call, its table, its errors, and what it costs.
\ir common.psql

-- 200 users of four groups, who like the items of their own kind; low items are bought more.
CREATE TABLE bought AS
SELECT u, 'item ' || i AS item FROM generate_series(1, 200) u, generate_series(1, 60) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.06 END * (1.2 - i / 60.0);
CREATE TABLE labelled AS
SELECT noise('a', i::text) AS a, noise('b', i::text) AS b,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y
FROM generate_series(1, 1000) i;
CREATE FUNCTION train(model text, algorithm text, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.bought', algorithm, 'u', 'item', options => options) $$;
CREATE FUNCTION trials(of text) RETURNS SETOF longtail.training_trials STABLE LANGUAGE SQL
AS $$ SELECT * FROM longtail.training_trials WHERE model = of ORDER BY version, trial $$;

-- ---- a grid ----

CREATE TABLE result AS SELECT * FROM train('grid', 'ease',
    '{"search": {"regularization": [1, 50, 200], "neighbors": [0, 5], "popularity_exponent": [0, 0.2]}}');
SELECT is(count(*), 12::bigint, 'every combination is a trial') FROM trials('grid');
SELECT is(count(DISTINCT options), 12::bigint, 'each once') FROM trials('grid');
SELECT is(array_agg(trial), (SELECT array_agg(g) FROM generate_series(1, 12) g), 'numbered from 1') FROM trials('grid');
SELECT is(count(*), 6::bigint, 'popularity_exponent is measured without training again')
FROM (SELECT DISTINCT options - 'popularity_exponent', seconds FROM trials('grid')) x;
SELECT is(max(n), 2::bigint, 'and changes the figure') FROM (SELECT count(DISTINCT validation_value) AS n FROM trials('grid')
    GROUP BY options - 'popularity_exponent') x;
SELECT is((SELECT validation_value FROM trials('grid') WHERE chosen), (SELECT max(validation_value) FROM trials('grid')),
          'the best is chosen');
SELECT is(r.validation_value, t.validation_value, 'its figure is the training''s')
FROM result r, trials('grid') t WHERE t.chosen;
SELECT is(v.options, t.options, 'its options are the version''s') FROM longtail.model_versions v, trials('grid') t
WHERE v.model = 'grid' AND t.chosen;
SELECT ok(bool_and(version = 1 AND algorithm = 'ease' AND validation_metric = 'ndcg' AND aplt BETWEEN 0 AND 1 AND epochs = 1
                   AND seconds >= 0 AND error IS NULL), 'what the table says of each') FROM trials('grid');
SELECT ok(options ? 'search', 'the definition keeps the search') FROM longtail.models WHERE model = 'grid';

-- A trial is what a training with its options would be.
SELECT ok(bool_and(abs(t.validation_value - (train('alone', 'ease', t.options || '{"refit": "never"}')).validation_value) < 1e-12),
          'a trial is the training it stands for') FROM trials('grid') t;

-- ---- the tail under a budget ----

SELECT train('tail', 'ease', '{"search": {"regularization": [1, 50, 200], "popularity_exponent": [0, 0.1, 0.2, 0.3, 0.4]}, "ndcg_budget": 0.1}') \g /dev/null
SELECT is(c.trial, (SELECT t.trial FROM trials('tail') t
                    WHERE t.validation_value >= 0.9 * (SELECT max(validation_value) FROM trials('tail'))
                    ORDER BY t.aplt DESC, t.validation_value DESC, t.trial LIMIT 1), 'within the budget the most tail is chosen')
FROM trials('tail') c WHERE chosen;
SELECT ok(c.aplt > b.aplt AND c.validation_value < b.validation_value, 'which is more than the best has')
FROM trials('tail') c, (SELECT * FROM trials('tail') ORDER BY validation_value DESC LIMIT 1) b WHERE c.chosen;

-- Every trial within the budget: the choice falls on a model that was given up, and is trained again.
SELECT train('all tail', 'ease', '{"search": {"regularization": [200, 1]}, "ndcg_budget": 1, "refit": "never"}') \g /dev/null
SELECT train('one', 'ease', (SELECT options || '{"refit": "never"}' FROM trials('all tail') WHERE chosen)) \g /dev/null
SELECT set_eq($$ SELECT * FROM longtail.recommend('all tail', 7) $$, $$ SELECT * FROM longtail.recommend('one', 7) $$,
              'the version serves what was chosen');

-- ---- other searches ----

SELECT longtail.train('layers', 'labelled', 'mlp', label_column => 'y',
    options => '{"epochs": 3, "search": {"hidden": [[], [4], [8, 4]], "activation": ["relu", "tanh"]}}') \g /dev/null
SELECT set_eq($$ SELECT options FROM trials('layers') $$, $$ SELECT jsonb_build_object('hidden', h, 'activation', a)
              FROM unnest(ARRAY['[]', '[4]', '[8, 4]']::jsonb[]) h, unnest(ARRAY['relu', 'tanh']) a $$, 'lists and choices are values');
SELECT is((SELECT validation_value FROM trials('layers') WHERE chosen), (SELECT min(validation_value) FROM trials('layers')),
          'the least log loss is the best');
SELECT is(count(aplt), 0::bigint, 'a figure of single predictions has no lists') FROM trials('layers');
SELECT train('plain', 'ease', '{}') \g /dev/null
SELECT is(count(*), 0::bigint, 'without a search there are no trials') FROM trials('plain');
SELECT is((longtail.retrain('grid')).version, 2, 'retrain');
SELECT is(count(*), 12::bigint, 'searches again') FROM trials('grid') WHERE version = 2;
SELECT is((longtail.retrain('grid', '{"search": {}, "regularization": 50}')).version, 3, 'unless told not to');
SELECT is(count(*), 0::bigint, 'then there are none') FROM trials('grid') WHERE version = 3;

-- ---- failures ----

SELECT train('diverging', 'mlp', '{"epochs": 2, "hidden": [8], "search": {"learning_rate": [100, 0.001], "optimizer": ["sgd"], "loss": ["squared"], "dropout": [0]}}') \g /dev/null
SELECT ok(bool_or(chosen AND error IS NULL) AND count(*) = 2, 'a search goes on after a trial that failed') FROM trials('diverging');
CREATE TABLE wide AS SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 700) i WHERE (u * i) % 23 < 2;
SET longtail.training_memory = '2MB';
SELECT longtail.train('fits', 'wide', 'auto', 'u', 'i', options => '{"algorithms": ["ease", "popularity"]}') \g /dev/null
RESET longtail.training_memory;
SELECT row_eq($$ SELECT count(*) > 0, bool_and(error ~ 'memory' AND validation_value IS NULL AND epochs IS NULL AND NOT chosen)
                 FROM trials('fits') WHERE algorithm = 'ease' $$, ROW(true, true), 'what does not fit in memory is recorded with its error');
SELECT is(algorithm, 'popularity', 'and the rest go on') FROM longtail.model_versions WHERE model = 'fits';
SELECT matches(error_of($$ SELECT longtail.train('c', 't.labelled', 'mlp', label_column => 'a', options => '{"search": {"loss": ["poisson", "logistic"]}, "epochs": 1, "validation_metric": "ndcg"}') $$),
               'every trial of the search failed \| The first, mlp: ', 'an error when all fail');

-- ---- mistakes ----

SELECT matches(error_of(format($$ SELECT train('bad', 'ease', %L) $$, options)), said, options)
FROM (VALUES ('{"search": {"regularisation": [1]}}', 'unknown option "regularisation".*"regularization"'),
             ('{"search": {"regularization": [1, -1]}}', 'option "regularization" must be.*Got -1'),
             ('{"search": {"regularization": ["much"]}}', 'option "regularization" must be.*Got "much"'),
             ('{"search": {"regularization": 1}}', 'needs a list of values to try for "regularization"'),
             ('{"search": {"regularization": []}}', 'needs a list of values to try for "regularization"'),
             ('{"search": {"popularity_exponent": [0, 11]}}', 'option "popularity_exponent" must be'),
             ('{"search": {"min_count": [1, 2]}}', 'option "min_count" cannot be searched'),
             ('{"search": {"seed": [1, 2]}}', 'option "seed" cannot be searched'),
             ('{"search": [1]}', 'option "search" must be an object'),
             ('{"search": {"regularization": [1]}, "split": "none"}', 'needs a validation part'),
             ('{"search": {"regularization": [1]}, "validation_fraction": 0}', 'needs a validation part'),
             ('{"ndcg_budget": 2}', 'option "ndcg_budget" must be'),
             (jsonb_build_object('search', jsonb_build_object('regularization', (SELECT jsonb_agg(g) FROM generate_series(1, 201) g)))::text,
              '201 combinations')) x (options, said);
SELECT is(count(*), 0::bigint, 'nothing is left of them') FROM longtail.models WHERE model = 'bad';

-- ---- life ----

-- The view reads what a session says of itself.
SELECT results_eq($$ SELECT (regexp_match(says, pattern))[1:8] FROM (VALUES
    ('longtail training "a": trial 3 of 12 ease training epoch 1 of 5 loss 0.5'), ('longtail training "b": reading'),
    ('longtail training "c": trial 1 of 2 item_knn validating')) x (says),
    (SELECT (regexp_match(pg_get_viewdef('longtail.training_progress'), '''(\^longtail training.*\$)'''::text))[1] AS pattern) v $$,
    $$ VALUES ('{a,3,12,ease,training,1,5,0.5}'::text[]), ('{b,NULL,NULL,NULL,reading,NULL,NULL,NULL}'), ('{c,1,2,item_knn,validating,NULL,NULL,NULL}') $$,
    'progress names the trial');
CREATE FUNCTION cancelled(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'finished';
EXCEPTION WHEN query_canceled THEN
    RETURN 'cancelled';
END $$;
SET statement_timeout = 300;
SELECT is(cancelled($$ SELECT train('slow', 'mlp', '{"epochs": 20000, "search": {"learning_rate": [0.001, 0.002]}}') $$), 'cancelled',
          'a search is cancelled');
RESET statement_timeout;
SELECT is(count(*), 0::bigint, 'and leaves nothing') FROM longtail.training_trials WHERE model = 'slow';
SELECT longtail.drop_model('grid') \g /dev/null
SELECT is(count(*), 0::bigint, 'trials go with the model') FROM longtail.training_trial t
WHERE NOT EXISTS (SELECT FROM longtail.model m WHERE m.model_id = t.model_id);
CREATE ROLE longtail_search_other;
SET ROLE longtail_search_other;
SELECT is((SELECT count(*) FROM longtail.training_trials), 0::bigint, 'others see no trials');
RESET ROLE;
SELECT longtail.grant_model('tail', 'longtail_search_other') \g /dev/null
SET ROLE longtail_search_other;
SELECT is((SELECT array_agg(DISTINCT model) FROM longtail.training_trials), ARRAY['tail'], 'but of models granted to them');
SELECT throws_ok($$ SELECT * FROM longtail.training_trial $$, '42501', NULL, 'and not the table');
RESET ROLE;
SELECT longtail.revoke_model('tail', 'longtail_search_other') \g /dev/null

SELECT * FROM finish();
DROP SCHEMA t CASCADE;
DROP ROLE longtail_search_other;
