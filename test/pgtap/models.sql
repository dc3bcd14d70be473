-- The life of models: training, versions, what is promoted, options, and every kind of column, id and broken data.
\ir common.psql

-- 2,000 rows; y follows a.
CREATE TABLE labelled AS
SELECT i AS id, noise('a', i::text) AS a, noise('b', i::text) AS b,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y
FROM generate_series(1, 2000) i;

-- 60 users, 40 items: users of a group like the items of the same kind.
CREATE TABLE bought AS
SELECT u, 'item ' || i AS item, timestamptz '2026-01-01' + make_interval(mins => (noise('t', u::text, i::text) * 100000)::int) AS ts,
       1 + floor(noise('w', u::text, i::text) * 5)::int AS amount
FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.06 END * (1.2 - i / 40.0);
CREATE INDEX ON bought (u);
CREATE TABLE users AS SELECT u, 'group ' || u % 4 AS club, u * 1.5 AS age FROM generate_series(1, 70) u;
CREATE INDEX ON users (u);
CREATE TABLE items AS SELECT 'item ' || i AS item, 'kind ' || i % 4 AS kind, (i * 2.5)::numeric AS price FROM generate_series(1, 42) i;

-- ---- what train and the views say ----

CREATE TABLE trained AS
SELECT * FROM longtail.train('plain', 'labelled', 'logistic', label_column => 'y', options => '{"features": ["-id"]}');
SELECT row_eq('SELECT model, version, algorithm, promoted, rows, rows_skipped, users, items, features, validation_metric FROM trained',
              ROW('plain'::text, 1, 'logistic'::text, true, 2000::bigint, 0::bigint, NULL::bigint, NULL::bigint, 2, 'log_loss'::text),
              'a training result');
SELECT ok(loss BETWEEN 0.4 AND 0.65 AND validation_value BETWEEN 0.4 AND 0.7 AND seconds BETWEEN 0 AND 60 AND epochs > 1,
          'its figures') FROM trained;
SELECT is((SELECT count(*) FROM longtail.training_log WHERE model = 'plain'), (SELECT epochs FROM trained)::bigint,
          'the log has a row an epoch');
SELECT ok(array_agg(epoch ORDER BY epoch) = (SELECT array_agg(g) FROM trained, generate_series(1, epochs) g)
          AND bool_and(version = 1 AND train_loss > 0 AND seconds >= 0), 'epochs count from 1')
FROM longtail.training_log WHERE model = 'plain';

SELECT is((r).users, (SELECT count(DISTINCT u) FROM bought), 'users are counted')
FROM (SELECT longtail.train('shop', 'bought', 'mlp', 'u', 'item', weight_column => 'amount', time_column => 'ts',
      user_features => 'users', item_features => 'items',
      options => '{"epochs": 6, "early_stopping": 0, "embedding": 4, "hidden": [8]}') AS r) x;
SELECT row_eq($$ SELECT owner, algorithm, version, source, user_column, item_column, label_column, weight_column, time_column,
                        user_features, item_features, versions FROM longtail.models WHERE model = 'shop' $$,
              ROW('postgres'::name, 'mlp'::text, 1, 'bought'::regclass, 'u'::name, 'item'::name, NULL::name, 'amount'::name,
                  'ts'::name, 'users'::regclass, 'items'::regclass, 1::bigint), 'longtail.models has the definition');
SELECT ok(bytes > 1000 AND created <= now() AND options ->> 'embedding' = '4', 'its bytes, time and options')
FROM longtail.models WHERE model = 'shop';
SELECT row_eq($$ SELECT version, active, algorithm, rows, rows_skipped, users, items, epochs, validation_metric, active_value,
                        decision FROM longtail.model_versions WHERE model = 'shop' $$,
              ROW(1, true, 'mlp'::text, (SELECT count(*) FROM bought), 0::bigint, (SELECT count(DISTINCT u) FROM bought),
                  42::bigint, 6, 'ndcg'::text, NULL::float8, 'promoted: a new definition'::text), 'longtail.model_versions');
SELECT is((SELECT count(*) FROM longtail.training_log WHERE model = 'shop' AND validation_loss > 0), 6::bigint,
          'mlp logs a validation loss every epoch');
SELECT is((SELECT count(*) FROM longtail.training_progress), 0::bigint, 'nothing is in training');

-- ---- options ----

SELECT is((SELECT count(*) FROM longtail.options(name) WHERE default_value IS NULL OR description = '' OR type IS NULL),
          0::bigint, 'every option of ' || name || ' has a type, a default and a description') FROM longtail.algorithms();
SELECT set_has(format('SELECT name FROM longtail.options(%L)', name),
               $$ VALUES ('seed'), ('split'), ('validation_fraction'), ('validation_metric'), ('promote'), ('features'),
                  ('min_count'), ('min_users'), ('invalid'), ('duplicates'), ('popularity_exponent'), ('rerank') $$,
               name || ' has the common options')
FROM longtail.algorithms();
SELECT set_has(format('SELECT name FROM longtail.options(%L)', name),
               $$ VALUES ('epochs'), ('tolerance'), ('regularization'), ('l1') $$, name || ' has those of training loops')
FROM longtail.algorithms() WHERE supervised AND name <> 'auto';
SELECT set_has($$ SELECT name FROM longtail.options('mlp') $$,
               $$ VALUES ('hidden'), ('activation'), ('dropout'), ('batch_norm'), ('loss'), ('embedding'), ('negatives'),
                  ('negative_exponent'), ('learning_rate'), ('batch_size'), ('optimizer'), ('early_stopping') $$,
               'mlp has its own');
-- Each number option of each algorithm, below its minimum and above its maximum, is refused, naming both.
SELECT is(count(*), 0::bigint, 'numbers out of range are refused, naming option and range')
FROM (SELECT o.name, error_of(format($$ SELECT longtail.train('bad', 'labelled', %L, label_column => 'y', options => %L) $$,
                              a.name, jsonb_build_object(o.name, CASE WHEN o.name = 'hidden' THEN jsonb_build_array(v) ELSE to_jsonb(v) END))) AS said
      FROM longtail.algorithms() a, longtail.options(a.name) o, unnest(ARRAY[o.minimum - 1, o.maximum * 2]) v
      WHERE o.minimum IS NOT NULL) x
WHERE said IS NULL OR position('"' || name || '"' IN said) = 0;
SELECT is(count(*), 0::bigint, 'values of the wrong type are refused, naming the option')
FROM (SELECT o.name, error_of(format($$ SELECT longtail.train('bad', 'labelled', %L, label_column => 'y', options => %L) $$,
                              a.name, jsonb_build_object(o.name, v))) AS said
      FROM longtail.algorithms() a, longtail.options(a.name) o, (VALUES ('{"a": {}}'::jsonb), ('null'), ('[true]')) b (v)) x
WHERE said IS NULL OR position('"' || name || '"' IN said) = 0 AND said !~ 'unknown option';
SELECT is(count(*), 0::bigint, 'an unknown word for a choice is refused, naming the choices')
FROM (SELECT o.type, error_of(format($$ SELECT longtail.train('bad', 'labelled', %L, label_column => 'y', options => %L) $$,
                              a.name, jsonb_build_object(o.name, 'nonsense'))) AS said
      FROM longtail.algorithms() a, longtail.options(a.name) o WHERE o.type LIKE '%|%') x
WHERE said IS NULL OR position(split_part(type, '|', 2) IN said) = 0;
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'mlp', label_column => 'y', options => '{"learningrate": 1}') $$),
               'learningrate.*learning_rate', 'an unknown option names the nearest');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', options => '{"epoch": 1}') $$),
               '"epoch".*epochs', 'so does a shorter one');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', options => '[1]') $$),
               'must be a JSON object', 'options are an object');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', options => '{"seed": 1.5}') $$),
               'seed.*(whole|integer)', 'a seed is a whole number');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'lstmm', label_column => 'y') $$), 'unknown algorithm "lstmm".*algorithms', 'unknown algorithm');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', options => '{"features": ["a", "nothing"]}') $$),
               'features.*nothing', 'a feature that is no column');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u', 'item', options => '{"crosses": [["club", "kind"]]}') $$),
               'cross.*club', 'a cross needs its columns');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u', 'item', options => '{"split": "time"}') $$),
               'time column', 'a split by time needs a time column');
SELECT matches(error_of($$ SELECT longtail.retrain('plain', '{"epoch": 1}') $$), 'epochs', 'retrain checks its options too');

-- ---- roles ----

SELECT matches(error_of(c), m, m) FROM (VALUES
    ($$ SELECT longtail.train('bad', 'labelled', 'logistic') $$, 'nothing to learn without label_column'),
    ($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u') $$, 'user_column and item_column go together'),
    ($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u', 'thing') $$, 'column "thing".*Its columns are: u, item, ts, amount'),
    ($$ SELECT longtail.train('bad', 'bought', 'logistic', 'ts', 'item') $$, 'user_column "ts" cannot be of type timestamp'),
    ($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u', 'item', label_column => 'item') $$, 'label_column "item" cannot be of type text'),
    ($$ SELECT longtail.train('bad', 'bought', 'logistic', 'u', 'item', time_column => 'item') $$, 'time_column "item" cannot be of type text'),
    ($$ SELECT longtail.train('', 'labelled', 'logistic', label_column => 'y') $$, 'name cannot be empty'),
    ($$ SELECT longtail.train(NULL, 'labelled', 'logistic', label_column => 'y') $$, 'model must not be NULL'),
    ($$ SELECT longtail.train('bad', NULL, 'logistic', label_column => 'y') $$, 'source must not be NULL'),
    ($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', options => NULL) $$, 'options must not be NULL'),
    ($$ SELECT longtail.train('bad', 'labelled', 'logistic', label_column => 'y', user_features => 'users') $$, 'need user_column and item_column')
) v (c, m);
SELECT is((SELECT count(*) FROM longtail.models WHERE model IN ('bad', '')), 0::bigint, 'no error left a model behind');

-- ---- reproducible ----

CREATE FUNCTION weights(m text, v int) RETURNS text LANGUAGE SQL
AS $$ SELECT string_agg(md5(bytes), ' ' ORDER BY part, chunk) FROM longtail.model_data JOIN longtail.model USING (model_id)
      WHERE name = m AND version = v $$;
SELECT lives_ok($$ SELECT longtail.retrain('shop', '{"promote": "never"}') $$, 'retrain with the same seed');
SELECT lives_ok($$ SELECT longtail.retrain('shop', '{"promote": "never", "seed": 2}') $$, 'and with another');
SELECT ok(weights('shop', 1) = weights('shop', 2) AND length(weights('shop', 1)) >= 65, 'the same seed gives the same bytes');
SELECT isnt(weights('shop', 1), weights('shop', 3), 'another seed gives others');
SELECT results_eq($$ SELECT version, active, decision FROM longtail.model_versions WHERE model = 'shop' ORDER BY 1 $$,
                  $$ VALUES (1, true, 'promoted: a new definition'), (2, false, 'not promoted: option promote is never'),
                     (3, false, 'not promoted: option promote is never') $$, 'promote never is never');
SELECT is(options ->> 'seed', '2', 'options given to retrain are those of the version') FROM longtail.model_versions
WHERE model = 'shop' AND version = 3;
SELECT is(options ->> 'seed', NULL, 'not of the model') FROM longtail.models WHERE model = 'shop';

-- ---- promotion ----

CREATE TABLE nightly AS SELECT * FROM labelled;
SELECT lives_ok($$ SELECT longtail.train('night', 'nightly', 'logistic', label_column => 'y', options => '{"features": ["a", "b"], "validation_fraction": 0.5}') $$, 'a first night');
SELECT is((longtail.retrain('night')).promoted, true, 'the same data is not worse');
SELECT matches(decision, '^promoted: log_loss .*, active version .* on the same rows', 'and says so')
FROM longtail.model_versions WHERE model = 'night' AND version = 2;
DELETE FROM nightly WHERE id NOT BETWEEN 101 AND 150;
SELECT is((longtail.retrain('night', '{"regularization": 0}')).promoted, false, 'a night that lost nearly all rows is not better');
SELECT ok(decision ~ '^not promoted: log_loss .*, active version .*, tolerance 0.01' AND validation_value > active_value
          AND NOT active, 'the reason stands in decision: ' || decision)
FROM longtail.model_versions WHERE model = 'night' AND version = 3;
SELECT is(version, 2, 'the version before it still serves') FROM longtail.models WHERE model = 'night';
SELECT is((longtail.retrain('night', '{"regularization": 0, "promote": "always"}')).promoted, true, 'promote always is always');
SELECT is(version, 4, 'now this one') FROM longtail.models WHERE model = 'night';
INSERT INTO nightly SELECT * FROM labelled WHERE id NOT BETWEEN 101 AND 150;
SELECT is((longtail.retrain('night')).promoted, true, 'the rows are back and the new version is better');
SELECT ok(validation_value < active_value AND active, 'with a better figure: ' || decision)
FROM longtail.model_versions WHERE model = 'night' AND version = 5;
SELECT lives_ok($$ SELECT longtail.train('network', 'nightly', 'mlp', label_column => 'y', options => '{"epochs": 2}') $$, 'a network');
DELETE FROM nightly WHERE id > 1;
SELECT is((longtail.retrain('network')).promoted, false, 'one row is not promoted');
SELECT is(decision, 'not promoted: the rows leave no validation part to compare on', 'for want of a comparison')
FROM longtail.model_versions WHERE model = 'network' AND version = 2;
SELECT matches(error_of($$ SELECT longtail.retrain('night') $$), 'labels of the training rows are the same', 'nor does logistic learn from it');
DELETE FROM nightly;
SELECT matches(error_of($$ SELECT longtail.retrain('night') $$), 'no rows to train on', 'or from none');
SELECT is(version, 5, 'version 5 still serves') FROM longtail.models WHERE model = 'night';
INSERT INTO nightly SELECT * FROM labelled WHERE id = 1;
INSERT INTO nightly SELECT * FROM labelled WHERE id > 1;
SELECT is((longtail.retrain('night', '{"split": "none"}')).promoted, true, 'split none has nothing to compare on and is promoted');
ALTER TABLE nightly RENAME b TO c;
SELECT matches(error_of($$ SELECT longtail.retrain('night') $$), '"b"', 'a feature that was named and is gone');
SELECT is((longtail.retrain('night', '{"features": ["a"]}')).promoted, false, 'the active version reads a column that is gone');
SELECT matches(decision, 'cannot be compared', 'and that is the reason')
FROM longtail.model_versions WHERE model = 'night' AND version = 7;
SELECT lives_ok($$ SELECT longtail.promote('night', 7) $$, 'promote by hand');
SELECT is(version, 7, 'it serves') FROM longtail.models WHERE model = 'night';
SELECT is((SELECT count(*) FROM longtail.model_versions WHERE model = 'night' AND active), 1::bigint, 'one version is active');
SELECT matches(error_of($$ SELECT longtail.promote('night', 99) $$), 'no version 99', 'no such version');
SELECT matches(error_of($$ SELECT longtail.promote('night', 0) $$), 'at least 1', 'version 0');
SELECT matches(error_of($$ SELECT longtail.promote('nobody', 1) $$), 'model "nobody" does not exist', 'no such model');

-- ---- versions removed ----

SELECT matches(error_of($$ SELECT longtail.drop_version('night', 7) $$), 'version 7 of model "night" is the active one', 'not the active version');
SELECT matches(error_of($$ SELECT longtail.drop_version('night', (SELECT max(version) FROM longtail.model_versions WHERE model = 'night')) $$),
               'is the (newest|active one)', 'nor the newest');
SELECT matches(error_of($$ SELECT longtail.drop_version('night', 99) $$), 'no version 99', 'nor one there is not');
SELECT matches(error_of($$ SELECT longtail.drop_version('night', 0) $$), 'at least 1', 'nor version 0');
CREATE TABLE nights AS SELECT * FROM longtail.model_versions WHERE model = 'night';
SELECT lives_ok($$ SELECT longtail.drop_version('night', 1) $$, 'an old one is removed');
SELECT set_eq($$ SELECT version, active, trained FROM longtail.model_versions WHERE model = 'night' $$,
              $$ SELECT version, active, trained FROM nights WHERE version > 1 $$, 'and all others stay');
SELECT is((SELECT count(*) FROM longtail.model_data JOIN longtail.model USING (model_id) WHERE name = 'night' AND version = 1)
          + (SELECT count(*) FROM longtail.training_log WHERE model = 'night' AND version = 1), 0::bigint, 'with its bytes and its log');
SELECT matches(error_of($$ SELECT longtail.promote('night', 1) $$), 'no version 1', 'it cannot come back');

-- ---- rollback ----

BEGIN;
SELECT lives_ok($$ SELECT longtail.retrain('plain') $$, 'a version that will not be');
SELECT lives_ok($$ SELECT longtail.train('gone', 'labelled', 'logistic', label_column => 'y') $$, 'a model that will not be');
SELECT ok(longtail.predict('gone', '{1, 0.5, 0.5}'::float8[]) > 0, 'it serves inside its transaction');
SELECT ok(longtail.predict('plain', '{0.5, 0.5}'::float8[]) > 0, 'and so does the version');
ROLLBACK;
SELECT is((SELECT count(*) FROM longtail.model_versions WHERE model = 'plain'), 1::bigint, 'a rollback takes the version back');
SELECT matches(error_of($$ SELECT longtail.predict('gone', '{1, 0.5, 0.5}'::float8[]) $$), 'does not exist', 'and the model');
DELETE FROM labelled WHERE id > 1000; -- other weights than those rolled back
SELECT is((longtail.retrain('plain', '{"promote": "always"}')).version, 2, 'its number is given again');
SELECT ok(abs(longtail.predict('plain', '{0.5, 0.5}'::float8[])
          - 1 / (1 + exp(-(SELECT sum(coefficient * CASE feature WHEN '(intercept)' THEN 1 ELSE 0.5 END) FROM longtail.coefficients('plain')))))
          < 1e-6, 'and it is the new weights that serve, not those rolled back');

-- A read-only transaction, and so a standby, refuses before the work, and serves.
BEGIN READ ONLY;
SELECT matches(error_of(c), 'cannot execute longtail.* in a read-only transaction', c) FROM unnest(ARRAY[
    $$ SELECT longtail.train('new', 'labelled', 'logistic', label_column => 'y') $$, $$ SELECT longtail.retrain('plain') $$, $$ SELECT longtail.promote('plain', 1) $$,
    $$ SELECT longtail.drop_model('plain') $$, $$ SELECT longtail.grant_model('plain', 'public') $$, $$ SELECT longtail.revoke_model('plain', 'public') $$]) c;
SELECT ok(longtail.predict('plain', '{0.5, 0.5}'::float8[]) > 0, 'it serves in a read-only transaction');
ROLLBACK;

-- ---- damage ----

BEGIN;
CREATE FUNCTION damaged(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE change;
    said = error_of('SELECT * FROM longtail.evaluate(''plain'', ''t.labelled'', options => ''{"version": 2}'')'); -- loads the version anew
    RETURN said;
END $$;
SAVEPOINT whole;
SELECT matches(damaged('UPDATE longtail.model_data SET bytes = set_byte(bytes, 50, (get_byte(bytes, 50) + 1) % 256)'), 'damaged.*checksum of part "model", chunk 0.*Promote another version', 'a byte that changed');
ROLLBACK TO whole;
SELECT matches(damaged('UPDATE longtail.model_data SET bytes = substr(bytes, 1, 40)'), 'damaged.*checksum', 'bytes that are missing');
ROLLBACK TO whole;
SELECT matches(damaged('DELETE FROM longtail.model_data'), 'damaged: it ends too early', 'all of them missing');
ROLLBACK;

-- ---- a new definition ----

SELECT lives_ok($$ SELECT longtail.train('shop', 'bought', 'logistic', 'u', 'item') $$, 'train on an existing name');
SELECT row_eq($$ SELECT algorithm, version, versions, weight_column, user_features FROM longtail.models WHERE model = 'shop' $$,
              ROW('logistic'::text, 4, 4::bigint, NULL::name, NULL::regclass), 'replaces the definition and adds a version');
SELECT lives_ok($$ SELECT longtail.train('shop', 'labelled', 'logistic', label_column => 'y') $$, 'even one of another sort');
SELECT matches(error_of($$ SELECT longtail.recommend('shop', 1) $$), 'has no users and items', 'which does not recommend');
SELECT longtail.promote('shop', 1);
SELECT is((SELECT count(*) FROM longtail.recommend('shop', 1)), 10::bigint, 'an older version serves by its own definition');
SELECT is((SELECT count(*) FROM longtail.recommend('shop', 65)), 10::bigint, 'its users'' features included');
SELECT ok((SELECT count(*) FROM longtail.evaluate('shop', 'bought', options => '{"version": 4}')) > 20, 'it can be measured, too');
SELECT is((longtail.retrain('shop')).promoted, false, 'retrain takes the model''s definition, and cannot compare');
SELECT lives_ok($$ SELECT longtail.drop_model('shop') $$, 'drop_model');
SELECT is((SELECT count(*) FROM longtail.models WHERE model = 'shop'), 0::bigint, 'the model is gone');
SELECT is((SELECT count(*) FROM longtail.model_data LEFT JOIN longtail.model USING (model_id) WHERE name IS NULL)
          + (SELECT count(*) FROM longtail.training_epoch LEFT JOIN longtail.model USING (model_id) WHERE name IS NULL),
          0::bigint, 'nothing of it stays');
SELECT matches(error_of($$ SELECT longtail.recommend('shop', 1) $$), 'does not exist', 'not in the cache either');
SELECT matches(error_of($$ SELECT longtail.drop_model('shop') $$), 'does not exist', 'dropping it again');

-- ---- sources that change ----

CREATE TABLE moving AS SELECT * FROM bought;
CREATE INDEX ON moving (u);
SELECT lives_ok($$ SELECT longtail.train('moving', 'moving', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"crosses": [["club", "kind"]]}') $$, 'a recommender');
CREATE TABLE first AS SELECT * FROM longtail.recommend('moving', 1);
CREATE TABLE first_cold AS SELECT * FROM longtail.recommend('moving', 69);
ALTER TABLE moving RENAME TO moved;
SELECT results_eq($$ SELECT * FROM longtail.recommend('moving', 1) $$, $$ SELECT * FROM first $$, 'a renamed source keeps working');
CREATE SCHEMA other;
ALTER TABLE moved SET SCHEMA other;
ALTER TABLE users RENAME TO people;
SELECT results_eq($$ SELECT * FROM longtail.recommend('moving', 1) $$, $$ SELECT * FROM first $$, 'one in another schema');
SELECT results_eq($$ SELECT * FROM longtail.recommend('moving', 69) $$, $$ SELECT * FROM first_cold $$, 'renamed features');
ALTER SCHEMA other RENAME TO another;
SELECT results_eq($$ SELECT * FROM longtail.recommend('moving', 1) $$, $$ SELECT * FROM first $$, 'a renamed schema');
SELECT lives_ok($$ SELECT longtail.retrain('moving') $$, 'and it trains again');
SELECT longtail.promote('moving', 1);
ALTER TABLE another.moved ALTER u TYPE bigint, ALTER item TYPE varchar(30);
SELECT results_eq($$ SELECT * FROM longtail.recommend('moving', 1) $$, $$ SELECT * FROM first $$, 'ids of another type of their kind');
ALTER TABLE another.moved ALTER item TYPE int USING substr(item, 6)::int;
SELECT lives_ok($$ SELECT * FROM longtail.recommend('moving', 1) $$, 'items that became numbers do not crash');
ALTER TABLE another.moved ALTER item TYPE text USING 'item ' || item, ALTER u TYPE text USING 'user ' || u;
SELECT matches(error_of($$ SELECT * FROM longtail.recommend('moving', 1) $$), 'column "u" of another.moved is of another kind.*of type text.*exclude_seen => false',
               'users that became text are said to be');
SELECT is((longtail.retrain('moving')).promoted, false, 'a retrained version of other ids is held back');
SELECT is((SELECT count(*) FROM longtail.recommend('moving', 1, exclude_seen => false)), 10::bigint, 'and still serves without the source');
ALTER TABLE people ALTER club TYPE boolean USING club = 'group 1';
SELECT matches(error_of($$ SELECT * FROM longtail.recommend('moving', 69, exclude_seen => false) $$), 'column "club" .*another kind of type', 'features of another kind');
DROP TABLE another.moved;
SELECT matches(error_of($$ SELECT longtail.retrain('moving') $$), 'source.*does not exist any more', 'a dropped source cannot be trained on');
SELECT matches(error_of($$ SELECT * FROM longtail.recommend('moving', 1) $$), 'seen items.*does not exist any more', 'what is seen cannot be told');
SELECT is((SELECT count(*) FROM longtail.recommend('moving', 1, exclude_seen => false)), 10::bigint, 'but it serves without');
SELECT is((SELECT count(*) FROM longtail.recommend_all('moving', 3)), (SELECT count(DISTINCT u) * 3 FROM bought), 'recommend_all as well');
ALTER TABLE people RENAME TO users;
UPDATE users SET club = NULL;
ALTER TABLE users ALTER club TYPE text;
UPDATE users SET club = 'group ' || u % 4;

-- ---- broken rows ----

CREATE TABLE broken AS SELECT u, item, amount::float8 AS amount, u::float8 / 60 AS x, (u % 2)::float8 AS label FROM bought;
INSERT INTO broken VALUES (NULL, 'item 1', 1, 1, 1), (1, NULL, 1, 1, 1), (1, 'item 2', 1, 1, NULL), (1, 'item 3', NULL, 1, 1);
SELECT row_eq($$ SELECT (r).rows, (r).rows_skipped FROM (SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount') AS r) x $$,
              ROW((SELECT count(*) FROM bought), 4::bigint), 'NULL ids, labels and weights are skipped and counted');
SELECT is((r).rows_skipped, 2::bigint, 'only those of roles') FROM (SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item') AS r) x;
INSERT INTO broken VALUES (1, 'item 1', 1, 'NaN', 1), (2, 'item 1', 1, 'Infinity', 1), (3, 'item 1', 1, '-Infinity', 0);
SELECT matches(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label') $$),
               'column "x" has NaN or infinite.*3 row.*skip', 'NaN and infinities are an error with column and count');
SELECT is((r).rows_skipped, 6::bigint, 'or skipped') FROM (SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', options => '{"invalid": "skip"}') AS r) x;
SELECT matches(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'x') $$), 'column "x" has NaN', 'in the label');
UPDATE broken SET x = 0, amount = 'Infinity' WHERE x IN ('NaN', 'Infinity', '-Infinity');
SELECT matches(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount') $$), 'column "amount" has NaN.*3 row', 'in the weight');
UPDATE broken SET amount = '-Infinity' WHERE amount = 'Infinity';
SELECT is((r).rows_skipped, 7::bigint, 'minus infinity is skipped, not negative') FROM (SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount', options => '{"invalid": "skip"}') AS r) x;
UPDATE broken SET amount = -2 WHERE amount = '-Infinity';
SELECT matches(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount') $$), 'column "amount" has negative weights.*3 row', 'negative weights');
UPDATE broken SET amount = 1e300 WHERE amount = -2;
SELECT matches(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount') $$), 'column "amount" .*single precision', 'weights too large');
UPDATE broken SET amount = 0;
SELECT ok(error_of($$ SELECT longtail.train('broken', 'broken', 'logistic', 'u', 'item', 'label', 'amount') $$) IS NOT NULL, 'weights that are all 0');
CREATE TABLE twice AS SELECT * FROM users UNION ALL SELECT 7, 'group 1', 3;
SELECT matches(error_of($$ SELECT longtail.train('broken', 'bought', 'logistic', 'u', 'item', user_features => 'twice') $$), 'twice has more than one row for "u" 7', 'two rows of one user''s features');

-- ---- little data ----

CREATE TABLE little (x float8, s text, y boolean);
SELECT matches(error_of($$ SELECT longtail.train('little', 'little', 'logistic', label_column => 'y') $$), 'no rows to train on in t.little', 'an empty table');
INSERT INTO little VALUES (1, 'a', NULL);
SELECT matches(error_of($$ SELECT longtail.train('little', 'little', 'mlp', label_column => 'y') $$), 'no rows.*1 row.*skipped', 'only NULL labels');
INSERT INTO little VALUES (1, 'a', true);
-- logistic regression has no optimum on one class, and says so; a network learns the class.
SELECT matches(error_of($$ SELECT longtail.train('little', 'little', 'logistic', label_column => 'y') $$), 'all labels of the training rows are the same', 'logistic with one row');
SELECT lives_ok($$ SELECT longtail.train('little', 'little', 'mlp', label_column => 'y') $$, 'mlp with one row');
SELECT ok(longtail.predict('little', little) BETWEEN 0 AND 1, 'predicts') FROM little LIMIT 1;
INSERT INTO little SELECT 5, 'same', true FROM generate_series(1, 50);
SELECT matches(error_of($$ SELECT longtail.train('little', 'little', 'logistic', label_column => 'y') $$), 'all labels of the training rows are the same', 'logistic with one class');
SELECT lives_ok($$ SELECT longtail.train('little', 'little', 'mlp', label_column => 'y') $$, 'mlp with one class');
SELECT ok(bool_and(longtail.predict('little', little) > 0.9), 'predicts that class') FROM little WHERE s = 'same';
INSERT INTO little SELECT 5, 'a', false FROM generate_series(1, 50);
UPDATE little SET x = NULL;
SELECT lives_ok(format($$ SELECT longtail.train('little', 'little', %L, label_column => 'y') $$, name), name || ' with a column of NULLs')
FROM longtail.algorithms() WHERE supervised;
UPDATE little SET x = 3;
SELECT lives_ok(format($$ SELECT longtail.train('little', 'little', %L, label_column => 'y', options => '{"features": ["x"]}') $$, name), name || ' with a constant column')
FROM longtail.algorithms() WHERE supervised;
SELECT matches(error_of(format($$ SELECT longtail.train('bad', 'little', %L, label_column => 'y') $$, name)),
               'needs user_column and item_column', name || ' needs users and items')
FROM longtail.algorithms() WHERE NOT supervised;
CREATE TABLE one_item AS SELECT u, 'only' AS item FROM generate_series(1, 10) u;
CREATE TABLE one_user AS SELECT 1 AS u, 'item ' || i AS item FROM generate_series(1, 10) i;
CREATE TABLE one_pair AS SELECT 1 AS u, 'only' AS item;
-- Nobody lacks anything, so there is nothing to contrast with: logistic says so, a network learns that all is liked.
SELECT matches(error_of(format($$ SELECT longtail.train('one', %L, 'logistic', 'u', 'item') $$, source)), 'all labels', 'logistic of ' || source)
FROM unnest('{one_user,one_item,one_pair}'::text[]) source;
SELECT lives_ok(format($$ SELECT longtail.train('one', %L, %L, 'u', 'item') $$, source, name), name || ' of ' || source)
FROM unnest('{one_user,one_item,one_pair}'::text[]) source, longtail.algorithms()
WHERE name NOT IN ('logistic', 'auto', 'blend', 'content', 'markov');
SELECT lives_ok($$ SELECT longtail.train('one', 'one_pair', 'mlp', 'u', 'item') $$, 'the smallest of all, last');
CREATE TABLE two_items AS TABLE one_item UNION ALL SELECT 1, 'second';
SELECT lives_ok($$ SELECT longtail.train('two', 'two_items', 'logistic', 'u', 'item') $$, 'logistic of two items');
SELECT is(item_id, 'second', 'recommends the other one') FROM longtail.recommend('two', 2);
SELECT is((SELECT count(*) FROM longtail.recommend('one', 2)), 1::bigint, 'a catalogue of one item has it');
SELECT is((SELECT count(*) FROM longtail.recommend('one', 1)), 0::bigint, 'but not for who has it');

-- ---- duplicates ----

-- Ratings of a pair: which number stays decides the label's mean, hence the intercept of a linear model of nothing else.
CREATE TABLE rated (u int, item text, stars float8, at int);
INSERT INTO rated SELECT u, 'item ' || i, s, s FROM generate_series(1, 20) u, generate_series(1, 5) i, unnest('{4,1,2}'::int[]) s;
UPDATE rated SET at = 9 WHERE stars = 2;
CREATE FUNCTION rating(how text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('rated', 'rated', 'mlp', 'u', 'item', 'stars', time_column => 'at',
        options => jsonb_build_object('duplicates', how, 'hidden', '[]'::jsonb, 'embedding', 0, 'epochs', 400, 'learning_rate', 0.05,
                                      'early_stopping', 0, 'split', 'none', 'batch_size', 100));
    RETURN longtail.predict('rated', 3, 'item 3');
END $$;
SELECT ok(abs(rating(how) - expected) < 0.1, format('duplicates %s gives %s', how, expected))
FROM (VALUES ('sum', 7), ('mean', 7 / 3.0), ('max', 4), ('last', 2), ('keep', 7 / 3.0), ('auto', 7 / 3.0)) v (how, expected);
-- Implicit feedback: one pair of three rows is one interaction unless rows are kept.
CREATE FUNCTION interactions(how text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('rated', 'rated_few', 'logistic', 'u', 'item', options => jsonb_build_object('duplicates', how, 'split', 'none', 'features', '["-stars", "-at"]'::jsonb));
    RETURN (SELECT sum(interactions) FROM longtail.item_stats('rated'));
END $$;
CREATE TABLE rated_few AS SELECT * FROM rated WHERE (u + length(item) + ascii(right(item, 1))) % 2 = 0;
SELECT is(interactions(how), (SELECT count(*)::float8 FROM rated_few) / d, format('duplicates %s counts a pair %s time(s)', how, 3 / d))
FROM (VALUES ('keep', 1), ('sum', 3), ('auto', 3), ('last', 3)) v (how, d);

-- ---- features: which, and of every kind ----

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN percentage AS numeric CHECK (value BETWEEN 0 AND 100);
CREATE TABLE kinds AS
SELECT noise('ky', i::text) < 0.5 AS y, i::int2 AS c_int2, i AS c_int4, i::int8 AS c_int8, i::numeric / 7 AS c_numeric, i::float4 AS c_float4,
       i::float8 AS c_float8, i % 2 = 0 AS c_boolean, 'colour ' || i % 5 AS c_text, ('{sad,ok,happy}'::mood[])[1 + i % 3] AS c_enum,
       ('v' || i % 4)::varchar(10) AS c_varchar, ('c' || i % 4)::char(6) AS c_char,
       ('00000000-0000-0000-0000-00000000000' || i % 3)::uuid AS c_uuid, (i % 101)::percentage AS c_domain,
       ARRAY['tag ' || i % 3, 'tag ' || i % 7] AS c_text_array, to_tsvector('simple', 'word' || i % 5 || ' filler') AS c_tsvector,
       ARRAY[i, i % 3]::float4[] AS c_real_array, ARRAY[i % 5, i % 3, 1]::float8[] AS c_float8_array,
       timestamp '2026-01-01' + make_interval(hours => i) AS c_timestamp, timestamptz '2026-01-01' + make_interval(hours => i) AS c_timestamptz,
       date '2026-01-01' + i AS c_date, ('n' || i % 3)::name AS c_name
FROM generate_series(1, 300) i;
INSERT INTO kinds (y) VALUES (true), (false);
SELECT lives_ok(format($$ SELECT longtail.train('kind', 'kinds', %L, label_column => 'y', options => %L) $$, a, json_build_object('features', json_build_array(attname))),
                a || ' from ' || format_type(atttypid, atttypmod))
FROM pg_attribute, unnest('{logistic,mlp}'::text[]) a WHERE attrelid = 'kinds'::regclass AND attnum > 1 ORDER BY attnum, a;
SELECT lives_ok(format($$ SELECT longtail.train(%L, 'kinds', %L, label_column => 'y', options => '{"epochs": 50}') $$, 'kind ' || a, a), a || ' from all kinds at once') FROM unnest('{logistic,mlp}'::text[]) a;
CREATE TABLE inputs AS SELECT feature FROM longtail.coefficients('kind logistic');
SELECT set_has('SELECT feature FROM inputs', $$ VALUES ('(intercept)'), ('c_int2'), ('c_numeric'), ('c_numeric is null'), ('c_boolean'), ('c_text=colour 3'),
    ('c_text is null'), ('c_enum=happy'), ('c_varchar=v2'), ('c_char=c2'), ('c_uuid=00000000-0000-0000-0000-000000000002'), ('c_domain'),
    ('c_text_array=tag 6'), ('c_tsvector=word4'), ('c_real_array[2]'), ('c_float8_array[3]'), ('c_timestamp sin(hour)'),
    ('c_timestamptz cos(day of year)'), ('c_date sin(day of week)'), ('c_name=n1') $$, 'every kind has its input columns');
SELECT is((SELECT count(*) FROM inputs WHERE feature LIKE 'c\_date%hour%' OR feature LIKE 'c\_boolean=%'), 0::bigint, 'a date has no hour');
SELECT ok(bool_and(longtail.predict('kind ' || a, k) BETWEEN 0 AND 1), a || ' predicts rows of all kinds, NULLs too') FROM kinds k, unnest('{logistic,mlp}'::text[]) a GROUP BY a ORDER BY a;

-- Types that are no feature are told of, and refused when named.
CREATE TABLE strange AS SELECT y, c_int4 AS x, point(1, 2) AS p, '{}'::jsonb AS j, interval '1 day' AS i, '1.2.3.4'::inet AS net, '\x00'::bytea AS b FROM kinds;
SELECT lives_ok($$ SELECT longtail.train('strange', 'strange', 'logistic', label_column => 'y') $$, 'columns of other types are left out');
SELECT set_eq($$ SELECT feature FROM longtail.coefficients('strange') $$, $$ VALUES ('(intercept)'), ('x'), ('x is null') $$, 'only those that can be are in');
SELECT matches(error_of(format($$ SELECT longtail.train('strange', 'strange', 'logistic', label_column => 'y', options => '{"features": [%s]}') $$, to_json(f))),
               format('column "%s" of type .* cannot be a feature', f), f || ' named as a feature') FROM unnest('{p,j,i,net,b}'::text[]) f;

SELECT lives_ok($$ SELECT longtail.train('kind', 'kinds', 'logistic', label_column => 'y', options => '{"features": ["c_int4", "c_text"]}') $$, 'features that restrict');
SELECT is(array_agg(DISTINCT split_part(split_part(feature, '=', 1), ' ', 1)), '{(intercept),c_int4,c_text}', 'leave the others out') FROM longtail.coefficients('kind');
SELECT lives_ok($$ SELECT longtail.train('kind', 'kinds', 'logistic', label_column => 'y', options => '{"features": ["-c_int4", "-c_text"]}') $$, 'features that exclude');
SELECT ok(NOT bool_or(feature ~ '^c_(int4|text)\y(?!_)'), 'leave those out') FROM longtail.coefficients('kind');
SELECT lives_ok($$ SELECT longtail.train('kind', 'kinds', 'logistic', label_column => 'y', options => '{"features": ["c_domain"], "categorical": ["c_domain"], "min_count": 3}') $$, 'categorical');
SELECT ok(bool_or(feature = 'c_domain=1') AND bool_or(feature = 'c_domain=(other)' OR feature LIKE 'c_domain%other%') AND NOT bool_or(feature = 'c_domain'), 'makes numbers categories; rare ones are other: ' || count(*))
FROM longtail.coefficients('kind');
SELECT matches(error_of($$ SELECT longtail.train('kind', 'kinds', 'logistic', label_column => 'y', options => '{"categorical": ["nothing"]}') $$), 'categorical.*nothing', 'categorical names columns');

-- A category below min_count is other; one never seen contributes nothing.
CREATE TABLE counted AS SELECT i % 2 = 0 AS y, CASE WHEN i <= 4 THEN 'four' WHEN i <= 7 THEN 'three' || i % 2 ELSE 'many' || i % 2 END AS c FROM generate_series(1, 200) i;
SELECT lives_ok($$ SELECT longtail.train('counted', 'counted', 'logistic', label_column => 'y', options => '{"min_count": 4, "split": "none"}') $$, 'min_count');
SELECT set_eq($$ SELECT feature FROM longtail.coefficients('counted') $$, $$ VALUES ('(intercept)'), ('c=four'), ('c=many0'), ('c=many1'), ('c=(other)') $$, 'rare categories are folded');
CREATE TYPE just_c AS (c text);
SELECT ok(longtail.predict('counted', ROW('never seen')::just_c) BETWEEN 0.01 AND 0.99, 'a category never seen is no error');
SELECT is(longtail.predict('counted', ROW('three0')::just_c), longtail.predict('counted', ROW('three1')::just_c), 'rare ones are alike');

-- ---- crosses ----

SELECT lives_ok($$ SELECT longtail.train('flat', 'bought', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items') $$, 'logistic without crosses');
SELECT lives_ok($$ SELECT longtail.train('crossed', 'bought', 'logistic', 'u', 'item', user_features => 'users', item_features => 'items', options => '{"crosses": [["club", "kind"]], "features": ["-ts", "-amount"]}') $$, 'and with');
CREATE FUNCTION lists(m text) RETURNS bigint LANGUAGE SQL
AS $$ SELECT count(DISTINCT l) FROM (SELECT (SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend(m, u, 5, exclude_seen => false)) AS l FROM users WHERE u <= 60) x $$;
SELECT is(lists('flat'), 1::bigint, 'without crosses everybody gets the same list');
SELECT ok(lists('crossed') >= 4, 'with them users differ');
SELECT ok(avg((u % 4 = substr(item_id, 6)::int % 4)::int) > 0.8, 'by what their group likes')
FROM users, LATERAL longtail.recommend('crossed', u, 5, exclude_seen => false);
SELECT ok(bool_or(feature = 'club=group 1 x kind=kind 1'), 'a cross has a name') FROM longtail.coefficients('crossed');

-- ---- splits ----

SELECT is((longtail.train('split', 'labelled', 'logistic', label_column => 'y', options => '{"split": "none"}')).validation_value, NULL, 'split none has no validation part');
SELECT is(decision, 'promoted: a new definition', 'and is promoted') FROM longtail.model_versions WHERE model = 'split';
-- The latest half has other labels than the first: only a split by time sees that.
CREATE TABLE turning AS SELECT i AS at, noise('turn', i::text) AS x, (noise('turn', i::text) < 0.5) = (i <= 900) AS y FROM generate_series(1, 1000) i;
SELECT ok((longtail.train('turning', 'turning', 'logistic', label_column => 'y', time_column => 'at', options => '{"validation_metric": "auc"}')).validation_value < 0.1, 'with a time column the latest rows validate');
SELECT ok((longtail.retrain('turning', '{"split": "random"}')).validation_value > 0.6, 'unless random is asked for');

-- ---- sources of every sort ----

CREATE VIEW bought_view AS SELECT u, item, ts, amount FROM bought WHERE amount > 0;
CREATE MATERIALIZED VIEW bought_matview AS SELECT * FROM bought;
CREATE TABLE bought_partitioned (LIKE bought) PARTITION BY RANGE (u);
CREATE TABLE bought_low PARTITION OF bought_partitioned FOR VALUES FROM (0) TO (30);
CREATE TABLE bought_high PARTITION OF bought_partitioned FOR VALUES FROM (30) TO (1000);
INSERT INTO bought_partitioned SELECT * FROM bought;
CREATE UNLOGGED TABLE bought_unlogged AS TABLE bought;
CREATE TEMPORARY TABLE bought_temporary AS TABLE bought;
CREATE TABLE sources AS SELECT unnest('{bought,bought_view,bought_matview,bought_partitioned,bought_unlogged,bought_temporary}'::text[]) AS s;
SELECT is((longtail.train('from ' || s, s::regclass, 'logistic', 'u', 'item')).rows, (SELECT count(*) FROM bought), s || ' is a source') FROM sources;
SELECT is((SELECT count(*) FROM longtail.recommend('from ' || s, 1) WHERE item_id IN (SELECT item FROM bought WHERE u = 1)), 0::bigint, s || ' tells what was seen') FROM sources;
SELECT is((SELECT count(DISTINCT (item_id, score)) FROM unnest('{bought,bought_view,bought_matview,bought_unlogged,bought_temporary}'::text[]) s, LATERAL longtail.recommend('from ' || s, 5)), 10::bigint, 'all of them alike');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'bought_u_idx', 'logistic', 'u', 'item') $$), 'bought_u_idx', 'an index is none');
SELECT count(*) > 0 AS has_fdw FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :has_fdw
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user 'postgres');
CREATE FOREIGN TABLE bought_foreign (u int, item text, ts timestamptz, amount int) SERVER here OPTIONS (schema_name 't', table_name 'bought');
SELECT is((longtail.train('from foreign', 'bought_foreign', 'logistic', 'u', 'item')).rows, (SELECT count(*) FROM bought), 'a foreign table is a source');
SELECT results_eq($$ SELECT * FROM longtail.recommend('from foreign', 5) $$, $$ SELECT * FROM longtail.recommend('from bought', 5) $$, 'like the table itself');
\else
SELECT skip('postgres_fdw is not installed', 2);
\endif

SELECT count(*) > 0 AS has_vector FROM pg_available_extensions WHERE name = 'vector' \gset
\if :has_vector
CREATE EXTENSION vector;
CREATE TABLE embedded AS SELECT y, ARRAY[a, b, 1]::float4[]::vector(3) AS v FROM labelled;
SELECT lives_ok($$ SELECT longtail.train('embedded', 'embedded', 'logistic', label_column => 'y') $$, 'pgvector''s vector is a feature');
SELECT set_eq($$ SELECT feature FROM longtail.coefficients('embedded') $$, $$ VALUES ('(intercept)'), ('v[1]'), ('v[2]'), ('v[3]') $$, 'with a column a dimension');
\else
SELECT skip('pgvector is not installed', 2);
\endif

-- ---- ids of every type ----

CREATE TABLE id_types (name text, u_expression text, i_expression text);
INSERT INTO id_types SELECT * FROM (VALUES
    ('int2', 'u::int2', 'i::int2'), ('int4', 'u::int4', 'i::int4'), ('int8', '(u * 10000000000)::int8', '(-i * 10000000000)::int8'),
    ('text', '''u'' || u', '''i'' || i'), ('varchar', '(''u'' || u)::varchar(9)', '(''i'' || i)::varchar(9)'), ('char', '(''u'' || u)::char(9)', '(''i'' || i)::char(9)'),
    ('uuid', 'md5(''u'' || u)::uuid', 'md5(''i'' || i)::uuid'), ('name', '(''u'' || u)::name', '(''i'' || i)::name')) v;
CREATE FUNCTION try_ids(u_type text, i_type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ue text = (SELECT u_expression FROM id_types WHERE name = u_type); ie text = (SELECT i_expression FROM id_types WHERE name = i_type); found text; got text;
BEGIN
    DROP TABLE IF EXISTS ids;
    EXECUTE format('CREATE TABLE ids AS SELECT %s AS u, %s AS item FROM (SELECT u, substr(item, 6)::int AS i FROM bought) b', ue, ie);
    PERFORM longtail.train('ids', 'ids', 'logistic', 'u', 'item');
    -- typed user, live exclusion, candidates and exclude of the column's own type
    EXECUTE format($q$ SELECT string_agg((item_id IN (SELECT item::text FROM ids WHERE u = ids_u))::text, ',' ORDER BY rank)
                       FROM (SELECT %s AS ids_u FROM (SELECT 7 AS u) s) one, LATERAL longtail.recommend('ids', ids_u, 100) $q$, ue) INTO found;
    IF found ~ 'true' THEN RETURN 'seen items came'; END IF;
    EXECUTE format($q$ SELECT count(*) FROM (SELECT %s AS ids_u FROM (SELECT 7 AS u) s) one, LATERAL longtail.recommend('ids', ids_u, 100, exclude_seen => false,
                       candidates => (SELECT array_agg(item) FROM (SELECT DISTINCT item FROM ids ORDER BY 1 LIMIT 5) c),
                       exclude => (SELECT array_agg(item) FROM (SELECT DISTINCT item FROM ids ORDER BY 1 LIMIT 2) c)) $q$, ue) INTO got;
    IF got <> '3' THEN RETURN 'candidates and exclude: ' || got; END IF;
    -- the same user as an untyped literal gets the same list
    EXECUTE format($q$ SELECT (SELECT array_agg(item_id) FROM longtail.recommend('ids', ids_u))::text FROM (SELECT %s AS ids_u FROM (SELECT 7 AS u) s) one $q$, ue) INTO found;
    EXECUTE format($q$ SELECT (SELECT array_agg(item_id) FROM longtail.recommend('ids', %L))::text $q$, try_text(ue)) INTO got;
    IF got IS DISTINCT FROM found THEN RETURN 'the literal gets another list'; END IF;
    RETURN 'fine';
END $$;
CREATE FUNCTION try_text(expression text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE format('SELECT (%s)::text FROM (SELECT 7 AS u) s', expression) INTO r; RETURN r; END $$;
SELECT is(try_ids(a.name, b.name), 'fine', format('users of %s, items of %s', a.name, b.name)) FROM id_types a, id_types b;

-- ---- limits ----

SET longtail.training_memory = '1MB';
CREATE TABLE big AS SELECT i % 3 = 0 AS y, noise('big', i::text) AS a, i * 1.0 AS b, i::text AS c FROM generate_series(1, 60000) i;
SELECT matches(error_of($$ SELECT longtail.train('big', 'big', 'logistic', label_column => 'y') $$), 'memory.*[0-9]+ (kB|MB|bytes).*longtail.training_memory', 'too little memory is an error with the figure');
RESET longtail.training_memory;

-- Cancelling acts at once and leaves no trace.
CREATE FUNCTION cancelled(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE started timestamptz = clock_timestamp();
BEGIN
    EXECUTE command;
    RETURN 'finished';
EXCEPTION WHEN query_canceled THEN
    RETURN CASE WHEN clock_timestamp() - started < interval '1.5 s' THEN 'cancelled' ELSE 'cancelled after ' || clock_timestamp() - started END;
END $$;
CREATE VIEW endless AS SELECT i % 2 = 0 AS y, i AS x FROM generate_series(1, 1000000000) i;
SET statement_timeout = '500ms';
SELECT is(cancelled($$ SELECT longtail.train('big', 'big', 'mlp', label_column => 'y', options => '{"features": ["a", "b"], "epochs": 100000, "early_stopping": 0}') $$), 'cancelled', 'statement_timeout stops mlp');
SET statement_timeout = '100ms';
SELECT is(cancelled($$ SELECT longtail.train('big', 'big', 'logistic', label_column => 'y', options => '{"min_count": 1, "tolerance": 1e-12, "epochs": 1000000, "solver": "lbfgs", "regularization": 1e-9, "l1": 1e-6}') $$), 'cancelled', 'statement_timeout stops logistic');
SELECT is(cancelled($$ SELECT longtail.train('big', 'endless', 'logistic', label_column => 'y') $$), 'cancelled', 'and reading');
RESET statement_timeout;
SELECT is((SELECT count(*) FROM longtail.models WHERE model = 'big'), 0::bigint, 'no trace stays');
SELECT is((SELECT count(*) FROM longtail.training_progress), 0::bigint, 'not even of progress');

SELECT * FROM finish();
