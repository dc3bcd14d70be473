-- retrain.sql: a new version beside the active one: measured on the same rows, promoted or held back, and why.
BEGIN;
SELECT plan(9);

CREATE TABLE purchase AS
SELECT i, sin(i) AS x, sin(i) + sin(i * 7.3) > 0 AS bought FROM generate_series(1, 2000) AS i;
SET client_min_messages = warning;

SELECT is((longtail.train('buys', 'purchase', 'logistic', label_column => 'bought',
                          options => '{"features": ["x"], "split": "random"}')).promoted,
          true, 'the first version is served');
SELECT is((longtail.retrain('buys')).promoted, true, 'an equal one is promoted');
SELECT matches(decision, '^promoted: log_loss 0\.[0-9]+, active version 0\.[0-9]+ on the same rows, tolerance 0\.01$',
               'the decision says what was compared') FROM longtail.model_versions WHERE model = 'buys' AND version = 2;
SELECT is(active_value, validation_value, 'the same data give both versions the same figure')
FROM longtail.model_versions WHERE model = 'buys' AND version = 2;

-- So strong a penalty that nothing is learned.
SELECT is((longtail.retrain('buys', '{"regularization": 1e9}')).promoted, false, 'a worse one is held back');
SELECT matches(decision, '^not promoted: log_loss', 'and says so') FROM longtail.model_versions
WHERE model = 'buys' AND version = 3;
SELECT is(version, 2, 'the version before stays active') FROM longtail.models WHERE model = 'buys';
SELECT is((longtail.retrain('buys', '{"regularization": 1e9, "promote": "always"}')).promoted, true,
          'unless promote is always');

-- A definition given again is served at once, and is what retrain compares with from then on.
DO $$
BEGIN
    PERFORM longtail.train('buys', 'purchase', 'logistic', label_column => 'bought',
                           options => '{"features": ["x"], "split": "random", "regularization": 2}');
    PERFORM longtail.retrain('buys');
END $$;
SELECT matches(decision, '^promoted: log_loss .* active version', 'and is compared')
FROM longtail.model_versions WHERE model = 'buys' AND version = 6;

SELECT * FROM finish();
ROLLBACK;
