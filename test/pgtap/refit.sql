-- Option refit: what was chosen is trained again on all rows, and is still compared fairly.
\ir common.psql

CREATE TABLE bought AS
SELECT u, 'item ' || i AS item FROM generate_series(1, 200) u, generate_series(1, 60) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.06 END * (1.2 - i / 60.0);
CREATE TABLE labelled AS
SELECT noise('a', i::text) AS a, noise('b', i::text) AS b,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y
FROM generate_series(1, 600) i;
CREATE FUNCTION train(model text, algorithm text, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.bought', algorithm, 'u', 'item', options => options) $$;
CREATE FUNCTION parts(of text) RETURNS SETOF text STABLE LANGUAGE SQL
AS $$ SELECT DISTINCT d.part FROM longtail.model m JOIN longtail.model_data d ON d.model_id = m.model_id AND d.version = m.active_version
      WHERE m.name = of $$;
CREATE FUNCTION lists(of text) RETURNS TABLE (u text, item text, score float8, rank int) STABLE LANGUAGE SQL
AS $$ SELECT user_id, item_id, score, rank FROM longtail.recommend_all(of, 5) $$;

-- The weights are those of a training without a validation part; the figure is that of one with it.
SELECT train('whole', 'ease', '{"regularization": 50, "split": "none"}') \g /dev/null
SELECT train('held out', 'ease', '{"regularization": 50}') \g /dev/null
SELECT train('refit', 'ease', '{"regularization": 50, "refit": "always"}') \g /dev/null
SELECT results_eq($$ SELECT * FROM lists('refit') ORDER BY u, rank $$, $$ SELECT * FROM lists('whole') ORDER BY u, rank $$, 'refit always trains on all rows');
SELECT results_ne($$ SELECT * FROM lists('refit') ORDER BY u, rank $$, $$ SELECT * FROM lists('held out') ORDER BY u, rank $$, 'which is more than before');
SELECT is(r.validation_value, h.validation_value, 'and reports the figure from before')
FROM longtail.model_versions r, longtail.model_versions h WHERE r.model = 'refit' AND h.model = 'held out';
SELECT results_eq($$ SELECT * FROM longtail.item_stats('refit') $$, $$ SELECT * FROM longtail.item_stats('whole') $$, 'counts are of all rows');
SELECT set_eq($$ SELECT * FROM parts('refit') $$, ARRAY['model', 'profile', 'seen', 'validated'], 'both sets of weights are stored');
SELECT set_eq($$ SELECT * FROM parts('held out') $$, ARRAY['model', 'profile', 'seen', 'counted'], 'auto leaves a plain training alone');
SELECT train('searched', 'ease', '{"search": {"regularization": [50]}}') \g /dev/null
SELECT results_eq($$ SELECT * FROM lists('searched') ORDER BY u, rank $$, $$ SELECT * FROM lists('whole') ORDER BY u, rank $$, 'and acts after a search');
SELECT train('not', 'ease', '{"search": {"regularization": [50]}, "refit": "never"}') \g /dev/null
SELECT results_eq($$ SELECT * FROM lists('not') ORDER BY u, rank $$, $$ SELECT * FROM lists('held out') ORDER BY u, rank $$, 'unless never');
SELECT train('nothing', 'ease', '{"regularization": 50, "split": "none", "refit": "always"}') \g /dev/null
SELECT set_eq($$ SELECT * FROM parts('nothing') $$, ARRAY['model', 'profile', 'seen'], 'without a validation part there is nothing to add');

-- A retrain on the same rows is as good as the version before: were that measured with the weights that have seen the
-- validation part, nothing would ever be promoted.
SELECT is((longtail.retrain('refit')).promoted, true, 'a version trained on everything does not block the next');
SELECT is(active_value, validation_value, 'its figure is of the weights that were measured') FROM longtail.model_versions
WHERE model = 'refit' AND version = 2;
SELECT is((longtail.retrain('refit', '{"regularization": 1e7}')).promoted, false, 'a worse one is held back');
SELECT is(version, 2, 'and not served') FROM longtail.models WHERE model = 'refit';

-- Early stopping: as many epochs as were best.
SELECT longtail.train('stopped', 'labelled', 'mlp', label_column => 'y',
    options => '{"epochs": 60, "learning_rate": 0.05, "early_stopping": 2, "split": "random", "refit": "always"}') \g /dev/null
SELECT longtail.train('as long', 'labelled', 'mlp', label_column => 'y',
    options => (SELECT jsonb_build_object('epochs', epoch, 'learning_rate', 0.05, 'early_stopping', 0, 'split', 'none')
                FROM longtail.training_log WHERE model = 'stopped' ORDER BY validation_loss, epoch LIMIT 1)) \g /dev/null
SELECT ok((SELECT epochs FROM longtail.model_versions WHERE model = 'stopped') < 60, 'training stopped early');
SELECT is(longtail.predict('stopped', '{0.3, 0.6}'::float8[]), longtail.predict('as long', '{0.3, 0.6}'::float8[]), 'and again as early');
SELECT is((SELECT count(*) FROM longtail.training_log WHERE model = 'stopped'), epochs::bigint, 'the log is of the training that was measured')
FROM longtail.model_versions WHERE model = 'stopped';

-- Memory for one training, not for one beside what was measured: the version then serves what was measured.
CREATE TABLE wide AS SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 700) i WHERE (u * i) % 23 < 2;
CREATE TABLE tight (kb int, parts text[], items bigint);
DO $$
BEGIN
    FOR kb IN 2500 .. 7500 BY 250 LOOP
        PERFORM set_config('longtail.training_memory', kb::text, false);
        BEGIN
            PERFORM longtail.train('tight', 't.wide', 'ease', 'u', 'i', options => '{"refit": "always"}');
            INSERT INTO tight VALUES (kb, ARRAY(SELECT * FROM parts('tight') ORDER BY 1), (SELECT count(*) FROM longtail.recommend('tight', 3, 5)));
        EXCEPTION WHEN out_of_memory THEN NULL;
        END;
    END LOOP;
    RESET longtail.training_memory;
END $$;
SELECT ok(bool_and(items = 5) AND count(*) BETWEEN 2 AND 20, 'with too little memory a training fails or serves') FROM tight;
SELECT set_eq($$ SELECT parts FROM tight $$, $$ VALUES ('{model,profile,seen}'::text[]), ('{model,profile,seen,validated}') $$, 'either the weights that were measured, or both');

SELECT * FROM finish();
