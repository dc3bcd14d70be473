-- Differentially private training: what it promises, what is refused, what changes where it is off.
\ir common.psql

CREATE TABLE people AS
SELECT i, round((noise('a', i::text) * 6 - 3)::numeric, 3)::float8 AS a, noise('b', i::text) * 10 AS b,
       (ARRAY['red', 'green', 'blue'])[1 + floor(noise('c', i::text) * 3)::int] AS colour,
       noise('d', i::text) AS lot, timestamptz '2024-01-01' + i * interval '1 hour' AS at
FROM generate_series(1, 4000) i;
ALTER TABLE people ADD y boolean, ADD z float8;
UPDATE people SET y = a + CASE colour WHEN 'red' THEN 1.5 ELSE 0 END + 3 * (lot - 0.5) > 0.5, z = 20 + 3 * a;
ALTER TABLE people DROP lot, DROP i;
ANALYZE people;

CREATE FUNCTION train(m text, algorithm text, more jsonb, label name DEFAULT 'y') RETURNS longtail.training_result LANGUAGE SQL AS $$
    SELECT longtail.train(m, 'people', algorithm, label_column => label,
        options => jsonb_build_object('features', jsonb_build_array('-' || CASE label WHEN 'y' THEN 'z' ELSE 'y' END, '-at')) || more) $$;
CREATE FUNCTION auc_of(m text) RETURNS float8 LANGUAGE SQL AS $$
    SELECT longtail.auc(longtail.predict(m, p), y) FROM people p $$;

-- ---- what it promises ----

SELECT train('off', 'logistic', '{"split": "none"}');
SELECT train('on', 'logistic', '{"split": "none", "dp_epsilon": 2}');
SELECT is((SELECT count(*) FROM longtail.privacy_guarantee('off')), 0::bigint, 'without it nothing is promised');
SELECT ok(epsilon <= 2 AND epsilon > 1.99 AND delta = 1e-6 AND clip = 1 AND sampling_rate = 1 AND steps = 100 AND noise_multiplier BETWEEN 10 AND 40 AND unit = 'row',
    'logistic: all rows in each of 100 steps') FROM longtail.privacy_guarantee('on');
SELECT is(outside, ARRAY['the number of rows, and of NULLs in each column', 'means and standard deviations of "a", "b", stored exactly',
    'the names of all categories of "colour" (option min_users leaves out rare ones)', 'other versions and models of the same rows: their epsilons and deltas add up'],
    'what is outside is said') FROM (SELECT array_agg(o) AS outside FROM longtail.privacy_guarantee('on'), unnest(outside) o WHERE o NOT LIKE '%longtail.health%') s;
SELECT train('bare', 'logistic', '{"split": "none", "dp_epsilon": 2, "standardize": false, "features": ["a"]}');
SELECT is(outside[:2], ARRAY['the number of rows, and of NULLs in each column', 'other versions and models of the same rows: their epsilons and deltas add up'], 'no more than there is')
FROM (SELECT array_agg(o) AS outside FROM longtail.privacy_guarantee('bare'), unnest(outside) o WHERE o NOT LIKE '%longtail.health%') s;
SELECT cmp_ok(auc_of('on'), '>', auc_of('off') - 0.02, 'it predicts nearly as well');
SELECT is((train('numbers', 'mlp', '{"dp_epsilon": 4, "hidden": [8], "epochs": 10, "dp_clip": 0.5, "dp_delta": 1e-5}', 'z')).loss, NULL, 'mlp: training losses are not told');
SELECT ok(clip = 0.5 AND delta = 1e-5 AND epsilon <= 4 AND abs(sampling_rate - 256 / (4000 * 0.9)) < 0.01 AND steps BETWEEN 130 AND 150 AND
    outside @> '{"figures of the validation part, and its log (\"split\": \"none\" has none)", "the label''s mean and standard deviation, which the weights contain"}',
    'and the rest is said') FROM longtail.privacy_guarantee('numbers');
SELECT ok(bool_and(train_loss IS NULL AND validation_loss IS NOT NULL) AND count(*) = 10, 'nor in the log, whose validation figures are') FROM longtail.training_log WHERE model = 'numbers';
SELECT ok((SELECT count(*) FROM longtail.coefficients('on') WHERE standard_error IS NULL AND coefficient IS NOT NULL) = (SELECT count(*) FROM longtail.coefficients('on')), 'coefficients come without tests');

-- ---- chance, seeds, off ----

CREATE FUNCTION weights(m text) RETURNS text LANGUAGE SQL AS $$ SELECT string_agg(coefficient::text, ' ') FROM longtail.coefficients(m) $$;
CREATE FUNCTION same(m text, algorithm text, more jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE first text;
BEGIN
    PERFORM train(m, algorithm, more);
    first := weights(m);
    PERFORM train(m, algorithm, more);
    RETURN weights(m) = first;
END $$;
SELECT ok(NOT same('noisy', 'logistic', '{"dp_epsilon": 2, "split": "none"}'), 'the noise is another each time');
SELECT ok(same('seeded', 'logistic', '{"dp_epsilon": 2, "seed": 5}'), 'with a seed the same');
SELECT ok(same('plain', 'logistic', '{"dp_epsilon": 0, "dp_clip": 7, "split": "none"}') AND weights('plain') = weights('off'), 'off: as if it were not there');
SELECT is((SELECT outside[1] FROM longtail.privacy_guarantee('seeded')), 'everything: option seed was given, and whoever knows it can take the noise away', 'which is said');
-- which rows are held out is drawn anew, whatever the times say: so many were trained on that batches are this share of them
CREATE TEMP TABLE lots AS SELECT n, (longtail.train('lots', 'people', 'mlp', label_column => 'y', time_column => 'at', options => '{"dp_epsilon": 2, "hidden": [], "epochs": 1, "features": ["-z"]}')).version FROM generate_series(1, 6) n;
SELECT cmp_ok(count(DISTINCT sampling_rate), '>', 1::bigint, 'the validation part is of a secret lot') FROM lots, longtail.privacy_guarantee('lots', version);
CREATE TABLE few AS SELECT * FROM people LIMIT 40;
CREATE TEMP TABLE tries AS SELECT n, (longtail.train('tiny', 'few', 'logistic', label_column => 'y', options => '{"dp_epsilon": 0.02, "dp_delta": 0.001, "split": "none", "features": ["-z", "-at"]}')).version,
    auc_of('tiny') FROM generate_series(1, 30) n;
SELECT ok(abs(avg(auc_of) - 0.5) < 0.2, 'a small epsilon and few rows leave chance: ' || round(avg(auc_of)::numeric, 3)) FROM tries;

-- ---- retraining ----

SELECT ok(promoted, 'a retrained version is not compared on rows') FROM longtail.retrain('on');
SELECT is(decision, 'promoted: a comparison on rows would break the promise of private training', 'and why') FROM longtail.model_versions WHERE model = 'on' AND version = 2;
SELECT is((SELECT epsilon FROM longtail.privacy_guarantee('on', 1)), (SELECT epsilon FROM longtail.privacy_guarantee('on')), 'each version has its own');
SELECT longtail.retrain('on', '{"dp_epsilon": 0.5}');
SELECT cmp_ok((SELECT epsilon FROM longtail.privacy_guarantee('on')), '<=', 0.5::float8, 'options of retrain count');
SELECT longtail.retrain('on', '{"dp_epsilon": 0, "promote": "never"}');
SELECT is((SELECT count(*) FROM longtail.privacy_guarantee('on', 4)), 0::bigint, 'off again');
SELECT is((SELECT count(*) FROM longtail.privacy_guarantee('on', 3)), 1::bigint, 'but for the versions there were');

-- ---- refused ----

SELECT is(error_of($$SELECT longtail.train('bad', 'people', 'logistic', 'a', 'colour', options => '{"dp_epsilon": 1}')$$),
    'a recommender cannot be combined with differentially private training | It stores ids and histories of users, so that a promise about weights would promise nothing. | Leave out dp_epsilon, or user_column and item_column. longtail.forget takes single users out.', 'recommenders');
SELECT is(error_of(format($$SELECT train('bad', %L, %L)$$, algorithm, options || '{"dp_epsilon": 1}'::jsonb)), what || ' cannot be combined with differentially private training | ' || why, what || ' is refused')
FROM (VALUES ('logistic', '{"search": {"l1": [0, 1]}}'::jsonb, 'a search', 'Each trial would spend the budget again, and the choice among them is made without noise. | Give each option one value.'),
    ('auto', '{}', 'a search', 'Each trial would spend the budget again, and the choice among them is made without noise. | Give each option one value.'),
    ('mlp', '{"refit": "always"}', 'option "refit"', 'Training again on all rows would spend the budget again. | Use "split": "none".'),
    ('mlp', '{"split": "time"}', 'a split by time', 'One row more would change which others are held out. | Use "split": "random", or "none".'),
    ('logistic', '{"promote": "if_better"}', '"promote": "if_better"', 'The comparison would be made on rows, without noise. | Use "always" or "never".')) AS v (algorithm, options, what, why);
SELECT is(error_of(format($$SELECT train('bad', 'mlp', %L)$$, options || '{"dp_epsilon": 1}'::jsonb)), 'option "' || name || '" cannot be ' || value || ' in differentially private training | ' || why, name || ' is refused')
FROM (VALUES ('{"early_stopping": 3}'::jsonb, 'early_stopping', 'above 0', 'Rows would decide when to stop, without noise.'),
    ('{"batch_norm": true}', 'batch_norm', 'true', 'It mixes the rows of a batch, whose gradients cannot be cut apart.'),
    ('{"dropout": 0.5}', 'dropout', 'above 0', 'The noise does what it is for.'),
    ('{"class_weight": "balanced"}', 'class_weight', 'balanced', 'The classes'' weights would come from all labels.')) AS v (options, name, value, why);
SELECT alike(error_of($$SELECT train('bad', 'logistic', '{"dp_epsilon": 1, "dp_delta": 0.01, "split": "none"}')$$), 'dp_delta 0.01 promises nothing for 4000 rows | Give a dp_delta well below 0.00025, %', 'a delta of many rows');
SELECT is(error_of($$SELECT train('bad', 'logistic', '{"learning_rate": 0.1}')$$), 'options "learning_rate" and "batch_size" of logistic need dp_epsilon', 'what only it has');
SELECT alike(error_of($$SELECT train('bad', 'ease', '{"dp_epsilon": 1}')$$), 'unknown option "dp_epsilon" | %', 'other algorithms');
SELECT alike(error_of($$SELECT longtail.logistic_fit(y, ARRAY[a, b], '{"dp_epsilon": 1}') FROM people$$), 'option "dp_epsilon" does not apply to an aggregate%', 'aggregates');
SELECT is(error_of($$SELECT longtail.privacy_guarantee('on', 0)$$), 'version must be at least 1, not 0', 'no such version');
SELECT isnt(error_of($$SELECT longtail.privacy_guarantee('on', 99)$$), NULL, 'nor such');
SELECT isnt(error_of($$SELECT longtail.privacy_guarantee('none')$$), NULL, 'no such model');
SELECT is(error_of($$SELECT longtail.privacy_guarantee(NULL)$$), 'model must not be NULL', 'no name');
SET client_min_messages = error;
CREATE ROLE t_privacy_reader;
GRANT USAGE ON SCHEMA longtail TO t_privacy_reader;
SET ROLE t_privacy_reader;
SELECT throws_ok($$SELECT longtail.privacy_guarantee('on')$$, NULL, NULL, 'but not about models of others');
RESET ROLE;
SELECT longtail.grant_model('on', 't_privacy_reader');
SET ROLE t_privacy_reader;
SELECT is((SELECT count(*) FROM longtail.privacy_guarantee('on', 3)), 1::bigint, 'until granted');
RESET ROLE;
SELECT longtail.drop_model('on');
DROP OWNED BY t_privacy_reader;
DROP ROLE t_privacy_reader;
SELECT * FROM finish();
