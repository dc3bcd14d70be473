-- The training log's validation metric: the learning curve of what a version is judged by.
\ir common.psql

CREATE TABLE labelled AS
SELECT noise('a', i::text) AS a, noise('b', i::text) AS b, 1 + floor(3 * noise('a', i::text) + noise('c', i::text)) AS amount,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y
FROM generate_series(1, 2000) i;
CREATE TABLE bought AS
SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.06 END;

CREATE VIEW flags AS SELECT a, b, y FROM labelled;
CREATE VIEW amounts AS SELECT a, b, amount FROM labelled;

-- Every metric with every algorithm that can have it.  The users are few enough that even rankings must agree.
CREATE TABLE curve AS
SELECT algorithm, metric, (SELECT longtail.train(format('%s %s', algorithm, metric), source, algorithm, user_column, item_column,
                                                 label_column, options => jsonb_build_object('validation_metric', metric,
                                                 'epochs', 8, 'split', 'random') || more)) AS trained
FROM (VALUES ('mlp'), ('logistic')) a (algorithm),
     (VALUES ('log_loss', 'flags'::regclass, NULL::name, NULL::name, 'y'::name, '{}'::jsonb), ('auc', 'flags', NULL, NULL, 'y', '{}'),
             ('rmse', 'flags', NULL, NULL, 'y', '{}'), ('mae', 'flags', NULL, NULL, 'y', '{}'),
             ('poisson_deviance', 'amounts', NULL, NULL, 'amount', '{"loss": "poisson"}'),
             ('ndcg', 'bought', 'u', 'i', NULL, '{}'), ('recall', 'bought', 'u', 'i', NULL, '{}'))
         m (metric, source, user_column, item_column, label_column, more)
WHERE algorithm = 'mlp' OR more = '{}';
SELECT is(count(*), 13::bigint, 'seven metrics, one for numbers alone') FROM curve;
SELECT ok((SELECT count(*) = (trained).epochs AND count(l.validation_metric) = count(*) FILTER (WHERE c.algorithm = 'mlp' OR l.epoch <= 5
                                                                               OR l.epoch = (trained).epochs)
           FROM longtail.training_log l WHERE l.model = format('%s %s', c.algorithm, c.metric)),
          format('%s logs %s', algorithm, metric))
FROM curve c ORDER BY algorithm, metric;
SELECT ok(abs(l.validation_metric - (trained).validation_value) < 1e-9,
          format('%s %s: the last is the version''s', algorithm, metric))
FROM curve c JOIN longtail.training_log l ON l.model = format('%s %s', algorithm, metric) AND l.epoch = (trained).epochs
WHERE (SELECT min(o.validation_loss) FROM longtail.training_log o WHERE o.model = l.model) = l.validation_loss
   OR algorithm = 'logistic' OR metric IN ('ndcg', 'recall')
ORDER BY algorithm, metric;
SELECT ok(first < last, 'the curve of AUC rises')
FROM (SELECT min(validation_metric) FILTER (WHERE epoch = 1) AS first, max(validation_metric) AS last
      FROM longtail.training_log WHERE model = 'mlp auc') x;

SELECT longtail.train('stopped', 'flags', 'mlp', label_column => 'y',
                      options => '{"epochs": 40, "learning_rate": 0.05, "early_stopping": 2, "split": "random"}') \g /dev/null
SELECT ok(min(l.validation_metric) = min(v.validation_value), 'stopped early, the version''s figure is the best epoch''s')
FROM longtail.training_log l JOIN longtail.model_versions v USING (model) WHERE model = 'stopped';

SELECT longtail.train('whole', 'flags', name, label_column => 'y', options => '{"split": "none", "epochs": 3}')
FROM longtail.algorithms() WHERE name IN ('logistic', 'mlp') \g /dev/null
SELECT is(count(validation_metric), 0::bigint, 'without a validation part there is none')
FROM longtail.training_log WHERE model = 'whole';
SELECT ok(count(*) > 5 AND bool_and(loss IS DISTINCT FROM 'NaN'), 'a loss is a number or NULL')
FROM (SELECT (longtail.train('any ' || name, 'bought', name, 'u', 'i', options => '{"features": []}')).loss
      FROM longtail.algorithms()
      WHERE recommender AND name NOT IN ('auto', 'markov', 'content', 'blend', 'mlp', 'logistic') OFFSET 0) t;
SELECT is(count(loss), 0::bigint, 'NULL where nothing is minimised') FROM longtail.train('ease', 'bought', 'ease', 'u', 'i');
SELECT is(count(loss), 1::bigint, 'and a number where something is') FROM longtail.train('als', 'bought', 'als', 'u', 'i');
SELECT matches(error_of($$ SELECT longtail.train('bad', 'flags', 'mlp', label_column => 'y', options => '{"validation_metric": "ndcg"}') $$),
               'needs users and items', 'a ranking needs somebody to rank for');

SELECT * FROM finish();
