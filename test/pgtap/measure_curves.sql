-- What arrays of scores and labels give: calibration_curve, confusion.
BEGIN;
\ir common.psql

-- The same rows as in measure.sql.
CREATE TABLE scored AS
SELECT i, (i * 37 % 101) / 100.0::float8 AS p,
       (i * 29 % 83) / 8.0 + (i * 37 % 101) / 10.0 * 0.5 - ((i * 53 % 97) / 7.0 - 5) * 0.3 > 8 AS y
FROM generate_series(1, 400) i;

-- ---- calibration_curve: of scikit-learn 1.2.1, strategy uniform ----

SELECT results_eq(
    $$ SELECT c.bin, c.lower, c.upper, round(c.mean_predicted::numeric, 12), round(c.observed::numeric, 12), c.n
       FROM (SELECT array_agg(p) AS p, array_agg(y) AS y FROM scored) s, longtail.calibration_curve(s.p, s.y, 5) c $$,
    $$ VALUES (1, 0::float8, 0.2::float8, 0.101204819277, 0.228915662651, 83::bigint),
              (2, 0.2, 0.4, 0.305443037975, 0.329113924051, 79), (3, 0.4, 0.6, 0.505000000000, 0.387500000000, 80),
              (4, 0.6, 0.8, 0.705822784810, 0.531645569620, 79), (5, 0.8, 1, 0.904936708861, 0.594936708861, 79) $$,
    'as scikit-learn''s');
SELECT results_eq($$ SELECT * FROM longtail.calibration_curve('{0,0.1,0.2,0.3,1}', '{t,f,t,f,t}') $$,
                  $$ VALUES (1, 0::float8, 0.1::float8, 0.05::float8, 0.5::float8, 2::bigint), (2, 0.1, 0.2, 0.2, 1, 1),
                            (3, 0.2, 0.3, 0.3, 0, 1), (10, 0.9, 1, 1, 1, 1) $$,
                  'ten bins unless said; each has its upper end; empty ones are left out');
SELECT results_eq($$ SELECT bin, n FROM longtail.calibration_curve('{0,0.5,1}', '{t,f,t}', 1) $$,
                  'VALUES (1, 3::bigint)', 'one bin');
SELECT is_empty($$ SELECT * FROM longtail.calibration_curve('{}', '{}') $$, 'nothing of nothing');
SELECT is_empty($$ SELECT * FROM longtail.calibration_curve(NULL, '{t}') $$, 'nothing of NULL');
SELECT is((SELECT sum(n) FROM longtail.calibration_curve(
              (SELECT array_agg(p) FROM scored), (SELECT array_agg(y) FROM scored), 10000)), 400::numeric, 'the most bins');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{0.5,1.5}', '{t,f}') $$),
          'scores[2] is 1.5 | It must be a probability, from 0 to 1.', 'a score is no probability');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{-0.1}', '{t}') $$),
          'scores[1] is -0.1 | It must be a probability, from 0 to 1.', 'below 0');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{NaN}', '{t}') $$), 'scores[1] is NaN', 'NaN');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{0.5}', '{t}', 0) $$), 'bins is 0 | It must be from 1 to 10000.',
          'no bins');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{0.5}', '{t}', 2147483647) $$),
          'bins is 2147483647 | It must be from 1 to 10000.', 'bins without end');
SELECT is(error_of($$ SELECT longtail.calibration_curve('{0.5}', '{t,f}') $$),
          'scores and labels differ in length | scores has 1 elements, labels has 2.', 'arrays of different length');
SELECT throws_ok($$ SELECT longtail.calibration_curve('{0.5,NULL}', '{t,f}') $$, '22004', 'scores[2] is NULL', 'a NULL');

-- ---- confusion: of scikit-learn 1.2.1 ----

SELECT results_eq(
    $$ SELECT true_positive, false_positive, true_negative, false_negative, round(c.precision::numeric, 12),
              round(recall::numeric, 12), round(f1::numeric, 12), accuracy
       FROM (SELECT array_agg(p) AS p, array_agg(y) AS y FROM scored) s, longtail.confusion(s.p, s.y, 0.6) c $$,
    $$ VALUES (91::bigint, 71::bigint, 164::bigint, 74::bigint, 0.561728395062, 0.551515151515, 0.556574923547,
               0.6375::float8) $$, 'as scikit-learn''s');
SELECT results_eq($$ SELECT * FROM longtail.confusion('{0.9,0.5,0.5,0.4,0.3,0.2,0.1}', '{t,t,f,t,f,f,f}') $$,
                  $$ VALUES (2::bigint, 1::bigint, 3::bigint, 1::bigint, 2 / 3::float8, 2 / 3::float8, 2 / 3::float8,
                             5 / 7::float8, 0.75::float8) $$, 'by hand; 0.5 unless said, and that is positive');
SELECT results_eq($$ SELECT * FROM longtail.confusion('{1,2}', '{t,f}', 'Infinity') $$,
                  $$ VALUES (0::bigint, 0::bigint, 1::bigint, 1::bigint, NULL::float8, 0::float8, 0::float8, 0.5::float8,
                             1::float8) $$, 'nothing predicted has no precision');
SELECT results_eq($$ SELECT * FROM longtail.confusion('{}', '{}') $$,
                  $$ VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::float8, NULL::float8, NULL::float8,
                             NULL::float8, NULL::float8) $$, 'of nothing');
-- The ROC curve counts the same.
SELECT is_empty(
    $$ WITH s AS (SELECT array_agg(p) AS p, array_agg(y) AS y FROM scored)
       SELECT * FROM s, longtail.roc_curve(s.p, s.y) r, longtail.confusion(s.p, s.y, r.threshold) c
       WHERE abs(c.recall - r.true_positive_rate) + abs(1 - c.specificity - r.false_positive_rate) > 1e-12 $$,
    'recall and specificity are the ROC curve''s');
SELECT is(error_of($$ SELECT longtail.confusion('{1}', '{t}', 'NaN') $$), 'threshold is NaN | It must be a number.',
          'a threshold that is none');
SELECT is(error_of($$ SELECT longtail.confusion('{NaN}', '{t}') $$), 'scores[1] is NaN', 'a score that is none');
SELECT throws_ok($$ SELECT longtail.confusion('{1}', '{NULL}') $$, '22004', 'labels[1] is NULL', 'a label that is none');

SELECT * FROM finish();
ROLLBACK;
