-- The classic exercise: 1,000 items and 10,000 users with 10 features each, some pairs' outcomes, and a perceptron
-- 20-10-10-1 trained by plain gradient descent at 0.01.  The true probabilities are known here, so that the best possible
-- AUC is, too: that of the truth itself.
BEGIN;
SELECT plan(21);
SET client_min_messages = warning;

SELECT setseed(0.2) \g /dev/null
CREATE TABLE users AS
SELECT u AS user_id, 2 * random() - 1 AS u1, 2 * random() - 1 AS u2, 2 * random() - 1 AS u3, 2 * random() - 1 AS u4,
       2 * random() - 1 AS u5, 2 * random() - 1 AS u6, 2 * random() - 1 AS u7, 2 * random() - 1 AS u8,
       2 * random() - 1 AS u9, 2 * random() - 1 AS u10
FROM generate_series(1, 10000) u;
CREATE TABLE items AS
SELECT i AS item_id, 2 * random() - 1 AS i1, 2 * random() - 1 AS i2, 2 * random() - 1 AS i3, 2 * random() - 1 AS i4,
       2 * random() - 1 AS i5, 2 * random() - 1 AS i6, 2 * random() - 1 AS i7, 2 * random() - 1 AS i8,
       2 * random() - 1 AS i9, 2 * random() - 1 AS i10
FROM generate_series(1, 1000) i;

-- Tastes (the products), likes and dislikes at large, and twelve features that mean nothing.
CREATE FUNCTION truth(u users, i items) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT 1 / (1 + exp(-(3 * u.u1 * i.i1 + 2 * u.u2 * i.i2 + 1.5 * (u.u3 + i.i3) + u.u4 - i.i5 - 1)))
$$;
CREATE TABLE pairs AS
SELECT n, user_id, item_id, truth(u, i), random() < truth(u, i) AS y,
       u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10
FROM (SELECT n, 1 + floor(random() * 10000)::integer AS user_id, 1 + floor(random() * 1000)::integer AS item_id
      FROM generate_series(1, 250000) n) d
JOIN users u USING (user_id) JOIN items i USING (item_id);
CREATE VIEW train_rows AS
SELECT y, u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10
FROM pairs WHERE n <= 200000 ORDER BY n;
CREATE VIEW train_pairs AS SELECT user_id, item_id, y FROM pairs WHERE n <= 200000 ORDER BY n;
CREATE VIEW test AS SELECT * FROM pairs WHERE n > 200000;

CREATE TABLE exercise_options AS
SELECT '{"hidden": [10, 10], "activation": "relu", "optimizer": "sgd", "learning_rate": 0.01, "batch_size": 32,
         "epochs": 1000, "early_stopping": 20, "tolerance": 0, "split": "random", "validation_fraction": 0.1,
         "embedding": 0, "regularization": 0}'::jsonb AS o;

-- ---- rows of 20 columns ----

CREATE TABLE trained AS
SELECT t.* FROM exercise_options, longtail.train('rows', 'train_rows', 'mlp', label_column => 'y', options => o) t;
SELECT is(features, 20, 'twenty inputs') FROM trained;
SELECT ok(epochs BETWEEN 10 AND 999, 'training stops early') FROM trained;

CREATE TABLE curve AS
SELECT epoch, train_loss, validation_loss FROM longtail.training_log WHERE model = 'rows';
SELECT is(array_agg(epoch ORDER BY epoch), (SELECT array_agg(e) FROM generate_series(1, t.epochs) e),
          'the learning curve has a point an epoch')
FROM curve, trained t GROUP BY t.epochs;
SELECT ok((SELECT train_loss FROM curve WHERE epoch = 1) > (SELECT train_loss FROM curve WHERE epoch = 2)
      AND (SELECT train_loss FROM curve WHERE epoch = 2) > (SELECT train_loss FROM curve WHERE epoch = 10)
      AND (SELECT train_loss FROM curve WHERE epoch = 10) > (SELECT train_loss FROM curve ORDER BY epoch DESC LIMIT 1),
          'the training loss falls');
-- An epoch may do worse than the one before it, so the trend is what is looked at.
SELECT ok(regr_slope(train_loss, epoch) < 0, 'and goes on falling') FROM curve WHERE epoch > 10;
SELECT ok(abs((SELECT min(validation_loss) FROM curve) - validation_value) < 1e-5,
          'the model kept is that of the best epoch on the validation part')
FROM trained;

CREATE TABLE scored AS
SELECT truth, y, longtail.predict('rows', test) AS p FROM test;
SELECT ok(bool_and(p > 0 AND p < 1), 'predictions are probabilities') FROM scored;
-- The best AUC on 50,000 pairs is 0.855 here.  Two products cost a network of ten units a little.
SELECT cmp_ok(longtail.auc(truth, y) - longtail.auc(p, y), '<', 0.005::float8,
              'the AUC is within 0.005 of the best possible one')
FROM scored;
-- What labels say of the truth is all there is to learn from: nothing beats it but by luck.
SELECT cmp_ok(longtail.auc(p, y) - longtail.auc(truth, y), '<', 0.002::float8, 'and not above it') FROM scored;
SELECT cmp_ok(longtail.log_loss(p, y) - longtail.log_loss(truth, y), '<', 0.01::float8,
              'the log-loss is within 0.01 of the best possible one')
FROM scored;
SELECT cmp_ok(sqrt(avg((p - truth) ^ 2)), '<', 0.06::float8, 'probabilities are near the true ones') FROM scored;
-- The truth without its products: what any linear model stays below.
SELECT cmp_ok(longtail.auc(p, y), '>', (SELECT 0.03 + longtail.auc(1.5 * (u3 + i3) + u4 - i5, y) FROM test),
              'tastes are learned, not only what is liked at large')
FROM scored;

CREATE TABLE roc AS
SELECT r.*, row_number() OVER () AS n
FROM (SELECT array_agg(p) AS p, array_agg(y) AS y FROM scored) a, longtail.roc_curve(a.p, a.y) r;
SELECT ok(bool_and(rise >= 0 AND run >= 0), 'the ROC curve climbs')
FROM (SELECT true_positive_rate - lag(true_positive_rate) OVER (ORDER BY n) AS rise,
             false_positive_rate - lag(false_positive_rate) OVER (ORDER BY n) AS run FROM roc) s;
SELECT is((array_agg((false_positive_rate, true_positive_rate) ORDER BY n DESC))[1]::text, '(1,1)', 'to the corner')
FROM roc;
SELECT cmp_ok(abs(sum(run * (true_positive_rate + before) / 2) - (SELECT longtail.auc(p, y) FROM scored)), '<',
              1e-9::float8, 'and the area under it is the AUC')
FROM (SELECT true_positive_rate, false_positive_rate - lag(false_positive_rate, 1, 0) OVER (ORDER BY n) AS run,
             lag(true_positive_rate, 1, 0) OVER (ORDER BY n) AS before FROM roc) s;

-- Exposure: a pair is shown when an interaction is more likely than not.  Over pairs, 0.29 by the truth.
SELECT cmp_ok(abs(avg((p >= 0.5)::integer) - avg((truth >= 0.5)::integer))::float8, '<', 0.03::float8,
              'the exposure rate is near that of the true probabilities')
FROM scored;
SELECT cmp_ok(abs(avg(p) - avg(truth)), '<', 0.01::float8, 'as is the expected share of interactions') FROM scored;

-- ---- the same as a recommender: features of users and items in relations of their own ----

CREATE TABLE trained_pairs AS
SELECT t.*
FROM exercise_options, longtail.train('pairs', 'train_pairs', 'mlp', 'user_id', 'item_id', 'y',
                                      user_features => 'users', item_features => 'items', options => o) t;
SELECT is((features, users, items)::text, '(20,10000,1000)', 'twenty inputs from two relations') FROM trained_pairs;
SELECT cmp_ok(longtail.auc(truth, y) - longtail.auc(longtail.predict('pairs', user_id, item_id), y), '<', 0.005::float8,
              'the AUC is within 0.005 of the best possible one')
FROM test;

-- Lists: the truth of what is recommended, between that of any ten items and that of the best ten.
CREATE TABLE lists AS
SELECT avg(t.recommended) AS recommended, avg(t.best) AS best, avg(t.at_large) AS at_large
FROM users u,
     LATERAL (SELECT (SELECT avg(truth(u, i)) FROM longtail.recommend('pairs', u.user_id, exclude_seen => false) r
                      JOIN items i ON i.item_id::text = r.item_id) AS recommended,
                     (SELECT avg(p) FROM (SELECT truth(u, i) AS p FROM items i ORDER BY 1 DESC LIMIT 10) s) AS best,
                     (SELECT avg(truth(u, i)) FROM items i) AS at_large) t
WHERE u.user_id <= 100;
SELECT cmp_ok((best - recommended) / (best - at_large), '<', 0.1::float8,
              'recommended items are nearly as likely as the likeliest')
FROM lists;

-- A newcomer whose features are there since a moment ago.
INSERT INTO users SELECT 10001, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0;
SELECT cmp_ok((SELECT avg(truth(u, i)) FROM longtail.recommend('pairs', 10001) r
               JOIN items i ON i.item_id::text = r.item_id), '>',
              (SELECT 0.95 * avg(p) FROM (SELECT truth(u, i) AS p FROM items i ORDER BY 1 DESC LIMIT 10) s),
              'and so are a newcomer''s, by the newcomer''s features')
FROM users u WHERE user_id = 10001;

SELECT * FROM finish();
ROLLBACK;
