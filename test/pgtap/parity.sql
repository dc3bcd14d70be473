-- What longtail learns beside what scikit-learn 1.2.1 learns from the same rows.  test/bench/parity.py does the same on
-- real data and makes such figures anew; here they are constants, so that no Python is needed.
BEGIN;
SELECT plan(11);
SET client_min_messages = warning;

-- Rows without chance, which any language can make again; every kind of column, NULLs and rare categories.
CREATE TABLE shop AS
SELECT i AS id, (i * 37 % 101) / 10.0 AS price,
       CASE WHEN i % 7 > 0 THEN (i * 53 % 97) / 7.0 - 5 END AS stock,
       CASE WHEN i IN (500, 777) THEN 'c' || i
            WHEN i % 11 > 0 THEN (ARRAY['red', 'green', 'blue'])[1 + i * 29 % 83 % 3] END AS colour,
       CASE WHEN i % 5 > 0 THEN string_to_array(concat_ws(' ', 'new', CASE WHEN i % 3 = 0 THEN 'sale' END,
                                                          CASE WHEN i % 4 = 0 THEN 'gift' END), ' ') END AS tags,
       i % 2 = 0 AS member,
       timestamptz '2024-02-20 00:00+00' + i * interval '7 hours 13 minutes' AS ts,
       sin(i * 0.3) + (i * 37 % 101) / 40.0 - coalesce((i * 53 % 97) / 28.0 - 1.2, 0.5)
           + (i * 29 % 83 % 3) * 0.4 + (i * 71 % 89) / 30.0 > 2.4 AS y
FROM generate_series(1, 1000) i;
CREATE VIEW shop_train AS SELECT * FROM shop WHERE id <= 800;

-- LogisticRegression(C=1/regularization, solver='newton-cholesky', tol=1e-12, max_iter=1000) on numbers standardised
-- over the rows that have them, NULLs set to 0 and flagged, one column a category (the two that are seen once together),
-- one a tag, and sines and cosines of the time's parts; brought back to the columns' units.
CREATE TABLE want (feature text, at_1 float8, at_10 float8);
INSERT INTO want VALUES
    ('(intercept)', -0.429353167, -0.541203869), ('price', 0.368972948, 0.319349786),
    ('stock', -0.377015155, -0.324155004), ('stock is null', -0.0726455652, -0.0421364347),
    ('colour=blue', 0.400552651, 0.36432474), ('colour=green', -0.15171584, -0.0517342141),
    ('colour=red', -0.726938131, -0.483126015), ('colour=(other)', 0.429692693, 0.065147264),
    ('colour is null', 0.0484086278, 0.105388225), ('tags=gift', 0.20949778, 0.0979966863),
    ('tags=new', -0.509632439, -0.297665814), ('tags=sale', 0.167288229, 0.0836833315),
    ('member', -0.0668043708, -0.0170948479), ('ts sin(hour)', 0.0306915722, 0.0198403429),
    ('ts cos(hour)', 0.0210132917, 0.0104195713), ('ts sin(day of week)', 0.0456715324, 0.0392034795),
    ('ts cos(day of week)', 0.0489073843, 0.0374908862), ('ts sin(day of year)', 0.0359054805, 0.0243516182),
    ('ts cos(day of year)', -0.0564578371, -0.0358991488);

-- The largest relative difference of a coefficient, one below 0.01 counting as 0.01.
CREATE FUNCTION off_by(options jsonb) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('shop', 'shop_train', 'logistic', label_column => 'y',
        options => '{"split": "none", "features": ["-id"]}' || options);
    RETURN (SELECT max(coalesce(abs(coefficient - w), 'infinity') / greatest(abs(w), 0.01))
            FROM (SELECT feature, CASE WHEN options ->> 'regularization' = '10' THEN at_10 ELSE at_1 END AS w
                  FROM want) s FULL JOIN longtail.coefficients('shop') USING (feature));
END
$$;

SELECT cmp_ok(off_by('{"regularization": 10}'), '<', 1e-5::float8, 'coefficients at C = 0.1');
SELECT cmp_ok(off_by('{"regularization": 10, "solver": "lbfgs", "tolerance": 1e-10}'), '<', 1e-5::float8,
              'coefficients at C = 0.1 by L-BFGS');
SELECT cmp_ok(off_by('{"solver": "lbfgs", "tolerance": 1e-10}'), '<', 1e-5::float8, 'coefficients at C = 1 by L-BFGS');
SELECT cmp_ok(off_by('{}'), '<', 1e-5::float8, 'coefficients at C = 1, the defaults');

-- predict_proba of that model, rows 801 to 803; roc_auc_score and log_loss of rows 801 to 1000
SELECT cmp_ok(max(abs(longtail.predict('shop', s) - w)), '<', 1e-6::float8, 'probabilities of rows not trained on')
FROM shop s JOIN (VALUES (801, 0.17918133), (802, 0.87941475), (803, 0.08044537)) v (id, w) USING (id);
SELECT cmp_ok(abs(longtail.auc(longtail.predict('shop', s), y) - 0.8362520128824477), '<', 1e-6::float8,
              'AUC of rows not trained on')
FROM shop s WHERE id > 800;
SELECT cmp_ok(abs(longtail.log_loss(longtail.predict('shop', s), y) - 0.49640375848133234), '<', 1e-6::float8,
              'log-loss of rows not trained on')
FROM shop s WHERE id > 800;

-- roc_auc_score(y, price), full of ties
SELECT cmp_ok(abs(longtail.auc(price::float8, y) - 0.7049811050430821), '<', 1e-12::float8, 'AUC with ties') FROM shop;

-- ---- networks ----

CREATE TABLE wave AS
SELECT i AS id, a, b, c, sin(3 * a) + b * c + a * b + 1.5 * (i * 7919 % 1009 / 1009.0 - 0.5) > 0.3 AS y
FROM generate_series(1, 20000) i,
     LATERAL (SELECT i * 37 % 101 / 50.0 - 1 AS a, i * 53 % 199 / 100.0 - 1 AS b, i * 71 % 307 / 153.0 - 1 AS c) f;
CREATE VIEW wave_train AS SELECT * FROM wave WHERE id <= 16000;

CREATE FUNCTION held_out_loss(options jsonb) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('wave', 'wave_train', 'mlp', label_column => 'y', options =>
        '{"split": "none", "features": ["-id"], "hidden": [20, 10], "epochs": 20, "batch_size": 100,
          "regularization": 0, "early_stopping": 0}' || options);
    RETURN (SELECT longtail.log_loss(longtail.predict('wave', w), y) FROM wave w WHERE id > 16000);
END
$$;

-- MLPClassifier((20, 10), alpha=0, batch_size=100, max_iter=20, tol=0, n_iter_no_change=1000), random_state 1 to 30, on
-- standardised columns.  One seed's loss has a standard deviation of 1.2 %, so that of 30 the mean has 0.2 %, on
-- either side.
SELECT cmp_ok(abs(avg(held_out_loss(format('{"seed": %s}', seed)::jsonb)) / 0.28237 - 1), '<', 0.01::float8,
              'relu, solver=adam, learning_rate_init=0.001')
FROM generate_series(1, 30) seed;
SELECT cmp_ok(abs(avg(held_out_loss(format('{"seed": %s, "activation": "tanh", "optimizer": "momentum",
                                             "learning_rate": 0.05}', seed)::jsonb)) / 0.28042 - 1), '<', 0.01::float8,
              'tanh, solver=sgd, learning_rate_init=0.05, momentum=0.9, nesterovs_momentum=False')
FROM generate_series(1, 30) seed;
-- What a network of this shape gains over a line, lest all of the above agree on nothing.
SELECT longtail.train('line', 'wave_train', 'logistic', label_column => 'y',
                      options => '{"split": "none", "features": ["-id"]}') \g /dev/null
SELECT cmp_ok(longtail.log_loss(longtail.predict('wave', w), y), '<',
              0.7 * longtail.log_loss(longtail.predict('line', w), y), 'a network learns what a line cannot')
FROM wave w WHERE id > 16000;

SELECT * FROM finish();
ROLLBACK;
