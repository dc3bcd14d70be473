-- Measures over any query: auc, average_precision, log_loss, gini, roc_curve.
BEGIN;
SELECT plan(49);

-- The same rows as in predictor.sql, with scores that tie and probabilities that are 0 and 1.
CREATE TABLE scored AS
SELECT i, (i * 37 % 11) / 10.0::float8 AS score, (i * 37 % 101) / 100.0::float8 AS p, (1 + i % 3)::float8 AS w,
       (i * 29 % 83) / 8.0 + (i * 37 % 101) / 10.0 * 0.5 - ((i * 53 % 97) / 7.0 - 5) * 0.3 > 8 AS y
FROM generate_series(1, 400) i;
CREATE FUNCTION near(got float8, want float8, name text) RETURNS text LANGUAGE sql AS
$$ SELECT ok(coalesce(abs(got - want) < 1e-12, false), format('%s: %s, want %s', name, got, want)) $$;

-- ---- auc: roc_auc_score of scikit-learn 1.2.1 ----

SELECT near(longtail.auc(score, y), 0.500773694390716, 'auc with ties') FROM scored;
SELECT near(longtail.auc(score, y, w), 0.511169956668272, 'weighted auc with ties') FROM scored;
SELECT near(longtail.auc(score, y::int), 0.500773694390716, 'integer labels') FROM scored;
SELECT near(longtail.auc(score, y::int, w), 0.511169956668272, 'integer labels, weighted') FROM scored;
SELECT is(longtail.auc(s, y), 0.75::float8, 'four by hand')
FROM (VALUES (0.1, false), (0.4, false), (0.35, true), (0.8, true)) v (s, y);
SELECT is(longtail.auc(1, y), 0.5::float8, 'all tied') FROM scored;
SELECT is(longtail.auc(y::int, y), 1::float8, 'a perfect score') FROM scored;
SELECT is(longtail.auc(-y::int, y), 0::float8, 'the worst score') FROM scored;
SELECT is(longtail.auc(s, y), 1::float8, 'infinite scores are in order')
FROM (VALUES ('-Infinity'::float8, false), (0, false), ('Infinity', true)) v (s, y);
SELECT is(longtail.auc(score, true), NULL, 'one class: not defined') FROM scored;
SELECT is(longtail.auc(score, y), NULL, 'no rows: not defined') FROM scored WHERE i < 0;
SELECT near(longtail.auc(s, l), longtail.auc(s, l) FILTER (WHERE s IS NOT NULL AND l IS NOT NULL), 'NULLs are left out')
FROM (SELECT nullif(score, 0.3) AS s, CASE WHEN i % 7 > 0 THEN y END AS l FROM scored) n;
SELECT near(longtail.auc(score, y, w * 5), longtail.auc(score, y, w), 'the scale of weights is of no concern') FROM scored;
SELECT near(longtail.auc(score, y, (i % 2)::float8), longtail.auc(score, y) FILTER (WHERE i % 2 = 1),
            'weight 0 is as if not there') FROM scored;
SELECT throws_ok('SELECT longtail.auc(''NaN'', true)', '22023', 'score is NaN', 'a NaN score');
SELECT throws_ok('SELECT longtail.auc(1, 2)', '22023', 'label is 2', 'a label that is no class');
SELECT throws_ok('SELECT longtail.auc(1, true, -1)', '22023', 'weight is -1', 'a negative weight');
SELECT throws_ok('SELECT longtail.auc(1, true, ''NaN'')', '22023', 'weight is NaN', 'a NaN weight');

-- ---- average_precision: average_precision_score of scikit-learn 1.2.1 ----

SELECT near(longtail.average_precision(score, y), 0.4191278593862857, 'average_precision with ties') FROM scored;
SELECT near(longtail.average_precision(score, y, w), 0.4334709695727629, 'weighted') FROM scored;
SELECT near(longtail.average_precision(p, y), 0.5360291898522083, 'few ties') FROM scored;
SELECT near(longtail.average_precision(score, y::int), 0.4191278593862857, 'integer labels') FROM scored;
SELECT near(longtail.average_precision(score, y::int, w), 0.4334709695727629, 'integer labels, weighted') FROM scored;
SELECT near(longtail.average_precision(s, y), (1 + 2 / 3.0 + 3 / 6.0) / 3, 'by hand: ties are one threshold')
FROM (VALUES (0.9, true), (0.8, true), (0.8, false), (0.7, false), (0.3, true), (0.3, false), (0.1, false)) v (s, y);
SELECT near(longtail.average_precision(1, y), avg(y::int), 'all tied: the share of positives') FROM scored;
SELECT is(longtail.average_precision(score, true), 1::float8, 'only positives') FROM scored;
SELECT is(longtail.average_precision(score, false), NULL, 'no positives: not defined') FROM scored;
SELECT is(longtail.average_precision(score, y), NULL, 'no rows: not defined') FROM scored WHERE i < 0;
SELECT near(longtail.average_precision(s, l), longtail.average_precision(s, l) FILTER (WHERE s IS NOT NULL AND l IS NOT NULL),
            'NULLs are left out')
FROM (SELECT nullif(score, 0.3) AS s, CASE WHEN i % 7 > 0 THEN y END AS l FROM scored) n;
SELECT throws_ok('SELECT longtail.average_precision(1, 2)', '22023', 'label is 2', 'a label that is no class');
-- A window of its own for each row: the state is read again after every row that joins it.
SELECT is((SELECT longtail.average_precision(score, y) OVER (ORDER BY i) FROM scored ORDER BY i OFFSET 99 LIMIT 1),
          (SELECT longtail.average_precision(score, y) FROM scored WHERE i <= 100), 'as a window function');

-- ---- log_loss: of scikit-learn 1.2.1, eps=1e-15 ----

SELECT near(longtail.log_loss(p, y), 0.999523920158918, 'log_loss') FROM scored;
SELECT near(longtail.log_loss(p, y, w), 0.942507673994137, 'weighted log_loss') FROM scored;
SELECT near(longtail.log_loss(p, y::int), 0.999523920158918, 'integer labels') FROM scored;
SELECT near(longtail.log_loss(p, y::int, w), 0.942507673994137, 'integer labels, weighted') FROM scored;
SELECT near(longtail.log_loss(0.5, y), ln(2::float8), 'a coin') FROM scored;
SELECT is(longtail.log_loss(p, y), NULL, 'no rows') FROM scored WHERE i < 0;
SELECT throws_ok('SELECT longtail.log_loss(1.5, true)', '22023', 'probability is 1.5', 'no probability');
SELECT throws_ok('SELECT longtail.log_loss(''NaN'', true)', '22023', 'probability is NaN', 'a NaN probability');

-- ---- gini ----

SELECT near(longtail.gini(7), 0, 'equal amounts') FROM scored;
SELECT near(longtail.gini((i = 9)::int), 399 / 400.0, 'one has everything') FROM scored;
SELECT near(longtail.gini(a), 0.25, '1, 2, 3, 4') FROM generate_series(1, 4) a;
SELECT is(longtail.gini(0), NULL, 'nothing to share') FROM scored;
SELECT throws_ok('SELECT longtail.gini(-1)', '22023', 'amount is -1', 'a debt');

-- ---- roc_curve ----

SELECT results_eq($$ SELECT * FROM longtail.roc_curve('{0.1,0.4,0.35,0.8,0.8}', '{f,f,t,t,f}') $$,
                  $$ VALUES ('Infinity'::float8, 0::float8, 0::float8), (0.8, 1 / 3.0, 0.5), (0.4, 2 / 3.0, 0.5),
                            (0.35, 2 / 3.0, 1), (0.1, 1, 1) $$, 'a point for each distinct score');
SELECT near(sum(area), 0.500773694390716, 'the area under the curve is auc')
FROM (SELECT array_agg(score) AS s, array_agg(y) AS l FROM scored) a,
     LATERAL (SELECT (false_positive_rate - lag(false_positive_rate) OVER o) *
                     (true_positive_rate + lag(true_positive_rate) OVER o) / 2 AS area
              FROM longtail.roc_curve(a.s, a.l) WINDOW o AS (ORDER BY threshold DESC)) t;
SELECT throws_ok($$ SELECT longtail.roc_curve('{1,2}', '{t}') $$, '2202E', 'scores and labels differ in length',
                 'arrays of different length');

-- ---- parallel plans ----

CREATE TABLE long AS SELECT (i % 1009)::float8 AS s, i % 7 < 3 AS y FROM generate_series(1, 60000) i;
ANALYZE long;
CREATE TABLE serial AS
SELECT longtail.auc(s, y) AS a, longtail.average_precision(s, y) AS ap, longtail.log_loss(s / 1009, y) AS l,
       longtail.gini(s) AS g
FROM long;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE line text; lines text := ''; BEGIN
   FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP lines := lines || line || E'\n'; END LOOP;
   RETURN lines; END $$;
SELECT matches(plan_of('SELECT longtail.auc(s, y), longtail.average_precision(s, y), longtail.log_loss(s / 1009, y),
                               longtail.gini(s) FROM long'),
               'Finalize Aggregate.*Gather.*Partial Aggregate', 'the plan is parallel');
SELECT ok(abs(p.a - s.a) < 1e-12 AND abs(p.ap - s.ap) < 1e-12 AND abs(p.l - s.l) < 1e-12 AND abs(p.g - s.g) < 1e-12,
          'and gives the same')
FROM serial s, (SELECT longtail.auc(s, y) AS a, longtail.average_precision(s, y) AS ap, longtail.log_loss(s / 1009, y) AS l,
                       longtail.gini(s) AS g FROM long) p;

SELECT * FROM finish();
ROLLBACK;
