-- Predictors: the aggregates that train, prediction, coefficients, the value's way through dumps.
BEGIN;
SELECT plan(65);

-- 400 rows without chance, which any language can make again; 165 are positive.
CREATE TABLE fixed AS
SELECT i,
       ARRAY[(i * 37 % 101) / 10.0, (i * 53 % 97) / 7.0 - 5, (i * 71 % 89) / 3.0]::float8[] AS x,
       (i * 29 % 83) / 8.0 + (i * 37 % 101) / 10.0 * 0.5 - ((i * 53 % 97) / 7.0 - 5) * 0.3 > 8 AS y,
       i % 4 AS g
FROM generate_series(1, 400) i;

CREATE FUNCTION fitted(options jsonb) RETURNS longtail.predictor LANGUAGE sql AS
$$ SELECT longtail.logistic_fit(y, x, options) FROM fixed $$;
-- The largest difference between the coefficients and what they should be, relative to the latter or 1.
CREATE FUNCTION off_by(p longtail.predictor, want float8[]) RETURNS float8 LANGUAGE sql AS
$$ SELECT max(abs(coefficient - want[n]) / greatest(abs(want[n]), 0.01))
   FROM longtail.coefficients(p) WITH ORDINALITY c (feature, coefficient, se, z, p, o, n) $$;

-- ---- against scikit-learn 1.2.1 ----
-- LogisticRegression(C, solver='newton-cg', tol=1e-12) on StandardScaler's output, brought back to the features' units.
-- Features reach the core as 32-bit floats, hence 1e-6 and not less.

SELECT ok(off_by(fitted('{"regularization": 2, "tolerance": 1e-10}'),
                 '{-1.304205461, 0.210942645, -0.144722229, 0.007131253}') < 1e-5, 'C = 0.5');
SELECT ok(off_by(fitted('{"regularization": 1, "standardize": false, "tolerance": 1e-10}'),
                 '{-1.332906091, 0.217014536, -0.149047552, 0.007346336}') < 1e-5, 'C = 1, not standardised');
SELECT ok(off_by(fitted('{"regularization": 1, "class_weight": "balanced", "tolerance": 1e-10}'),
                 '{-0.984233201, 0.215545336, -0.146825396, 0.007978207}') < 1e-5, 'C = 1, balanced classes');
-- penalty='l1', C=0.05, solver='liblinear', intercept_scaling=1e4
SELECT ok(off_by(fitted('{"regularization": 0, "l1": 20, "tolerance": 1e-10}'),
                 '{-0.841363, 0.123482, -0.081021, 0}') < 1e-3, 'l1');
SELECT is((SELECT coefficient FROM longtail.coefficients(fitted('{"regularization": 0, "l1": 20}'))
           WHERE feature = 'features[3]'), 0::float8, 'l1 sets a coefficient to exactly 0');
-- C=1e12; standard errors from inv(X' W X) in numpy, p from scipy.stats.norm
SELECT ok(off_by(fitted('{"regularization": 0, "tolerance": 1e-10}'),
                 '{-1.334642230, 0.217381286, -0.149215095, 0.007349934}') < 1e-5, 'no penalty');
SELECT ok(max(abs(standard_error / want - 1)) < 1e-5, 'standard errors without a penalty')
FROM longtail.coefficients(fitted('{"regularization": 0, "tolerance": 1e-10}')) WITH ORDINALITY c
    (feature, coefficient, standard_error, z, p, o, n)
JOIN unnest('{0.302009748, 0.039319384, 0.028608458, 0.012831523}'::float8[]) WITH ORDINALITY w (want, n) USING (n);
SELECT ok(max(abs(p / want - 1)) < 1e-3, 'p-values without a penalty')
FROM longtail.coefficients(fitted('{"regularization": 0, "tolerance": 1e-10}')) WITH ORDINALITY c
    (feature, coefficient, standard_error, z, p, o, n)
JOIN unnest('{9.90657968e-06, 3.22789984e-08, 1.83056678e-07, 0.566778147}'::float8[]) WITH ORDINALITY w (want, n)
    USING (n);
SELECT ok(max(abs(z - coefficient / standard_error)) < 1e-12 AND
          max(abs(odds_ratio - exp(coefficient))) < 1e-12, 'z and odds ratios follow')
FROM longtail.coefficients(fitted('{}'));
SELECT is(array_agg(feature), ARRAY['(intercept)', 'features[1]', 'features[2]', 'features[3]'],
          'names, the intercept first') FROM longtail.coefficients(fitted('{}'));
SELECT is(array_agg(odds_ratio IS NULL), '{t,f,f,f}', 'the intercept has no odds ratio')
FROM longtail.coefficients(fitted('{}'));
SELECT ok(bool_and(standard_error IS NULL AND z IS NULL AND p_value IS NULL), 'nothing is tested under l1')
FROM longtail.coefficients(fitted('{"l1": 1}'));
SELECT is(array_agg(standard_error IS NULL), '{f,f,t}', 'a constant feature has no standard error')
FROM longtail.coefficients((SELECT longtail.logistic_fit(y, ARRAY[x[1], 7]) FROM fixed));

-- ---- prediction ----

SELECT ok(max(abs(longtail.predict(p, x) -
                  1 / (1 + exp(-(c[1] + c[2] * x[1] + c[3] * x[2] + c[4] * x[3]))))) < 1e-6,
          'predict is the logistic function of the coefficients'' sum')
FROM fixed, (SELECT fitted('{}') AS p) m,
     LATERAL (SELECT array_agg(coefficient) AS c FROM longtail.coefficients(m.p)) d;
SELECT is(longtail.predict(NULL::longtail.predictor, '{1,2,3}'), NULL, 'no predictor, no prediction');
SELECT is(longtail.predict(fitted('{}'), NULL), NULL, 'no features, no prediction');
SELECT throws_like($$ SELECT longtail.predict(fitted('{}'), '{1,2}') $$,
                   'features has 2 elements, but the predictor was fitted on 3', 'another width is refused');
SELECT throws_ok($$ SELECT longtail.predict(fitted('{}'), '{1,NULL,3}') $$, '22004', 'features[2] is NULL',
                 'a NULL feature is refused');
SELECT throws_ok($$ SELECT longtail.predict(fitted('{}'), '{1,2,NaN}') $$, '22023', 'features[3] is NaN',
                 'a NaN feature is refused');
SELECT throws_ok($$ SELECT longtail.predict(fitted('{}'), '{{1,2,3}}') $$, '2202E',
                 'features must be a one-dimensional array', 'a matrix is refused');

-- ---- groups ----

CREATE TABLE per_group AS SELECT g, longtail.logistic_fit(y, x) AS p FROM fixed GROUP BY g;
SELECT is(count(*), 4::bigint, 'one predictor a group') FROM per_group;
SELECT ok(bool_and(p.p::text = (SELECT longtail.logistic_fit(y, x) FROM fixed f WHERE f.g = p.g)::text),
          'a group''s predictor is that of its rows alone') FROM per_group p;
SELECT ok(bool_and(f.p::text = p.p::text), 'FILTER')
FROM (SELECT 0 AS g, longtail.logistic_fit(y, x) FILTER (WHERE g = 0) AS p FROM fixed
      UNION ALL SELECT 1, longtail.logistic_fit(y, x) FILTER (WHERE g = 1) FROM fixed) f
JOIN per_group p USING (g);
SELECT ok(bool_and(abs(a - b) < 1e-15), 'predictors that alternate from row to row')
FROM (SELECT longtail.predict(p.p, x) AS a,
             (SELECT longtail.predict(q.p, f.x) FROM per_group q WHERE q.g = f.g OFFSET 0) AS b
      FROM fixed f JOIN per_group p USING (g) ORDER BY i) s;
SELECT is(count(DISTINCT p::text), 4::bigint, 'as a window function')
FROM (SELECT longtail.logistic_fit(y, x) OVER (PARTITION BY g) AS p FROM fixed) w;
SELECT ok(longtail.logistic_fit(y, x) IS NULL, 'no rows, no predictor') FROM fixed WHERE i < 0;
SELECT ok(longtail.logistic_fit(NULL::bool, x) IS NULL, 'no labels, no predictor') FROM fixed;
SELECT is((SELECT longtail.logistic_fit(l, f)::text FROM (SELECT y, x FROM fixed UNION ALL VALUES
              (NULL, '{1,2,3}'::float8[]), (true, NULL)) s (l, f)),
          fitted('{}')::text, 'rows whose label or features are NULL do not count');
SELECT is((SELECT longtail.logistic_fit(y::int, x)::text FROM fixed), fitted('{}')::text, 'labels 0 and 1');
SELECT is((SELECT longtail.logistic_fit(y, x ORDER BY i * 7 % 401)::text FROM fixed),
          (SELECT longtail.logistic_fit(y, x ORDER BY i)::text FROM fixed), 'the order of the rows is of no concern');
SELECT is((SELECT longtail.mlp_fit(y, x, '{"epochs": 3, "hidden": [4]}' ORDER BY i * 7 % 401)::text FROM fixed),
          (SELECT longtail.mlp_fit(y, x, '{"epochs": 3, "hidden": [4]}' ORDER BY i)::text FROM fixed),
          'nor is it to a network');

-- ---- options and errors ----

SELECT throws_like($$ SELECT fitted('{"promote": "never"}') $$, 'option "promote" does not apply to an aggregate',
                   'options of tables are refused');
SELECT throws_like($$ SELECT fitted('{"id_features": "user"}') $$, 'option "id_features" does not apply%',
                   'so are those of users and items');
SELECT throws_like($$ SELECT fitted('{"split": "time"}') $$, 'option "split" cannot be time%', 'rows have no time');
SELECT throws_like($$ SELECT fitted('{"regularisation": 1}') $$, 'unknown option "regularisation"', 'unknown options');
SELECT throws_like($$ SELECT longtail.logistic_fit(y, x, jsonb_build_object('seed', i)) FROM fixed $$,
                   'options differ between the rows of one group', 'options are one to a group');
SELECT lives_ok($$ SELECT g, longtail.logistic_fit(y, x, jsonb_build_object('seed', g)) FROM fixed GROUP BY g $$,
                'but may differ between groups');
SELECT throws_ok($$ SELECT longtail.logistic_fit(y, ARRAY[1, NULL]::float8[]) FROM fixed $$, '22004',
                 'features[2] is NULL', 'a NULL feature');
SELECT throws_ok($$ SELECT longtail.logistic_fit(y, ARRAY[1, 'Infinity']::float8[]) FROM fixed $$, '22023',
                 'features[2] is Infinity', 'an infinite feature');
SELECT throws_ok($$ SELECT longtail.logistic_fit('NaN'::float8, x) FROM fixed $$, '22023', 'label is NaN',
                 'a NaN label');
SELECT is((SELECT longtail.logistic_fit(y, CASE i % 5 WHEN 0 THEN '{NaN,1,2}' WHEN 1 THEN '{1,NULL,2}' ELSE x END,
                                        '{"invalid": "skip"}')::text FROM fixed),
          (SELECT longtail.logistic_fit(y, x)::text FROM fixed WHERE i % 5 > 1), 'such rows are skipped if asked');
SELECT throws_ok($$ SELECT longtail.logistic_fit(y, x[1:1 + i % 2]) FROM fixed $$, '2202E',
                 'features differ in length between the rows of one group', 'widths that differ');
SELECT throws_ok($$ SELECT longtail.logistic_fit(y, ARRAY[x]) FROM fixed $$, '2202E',
                 'features must be a one-dimensional array', 'matrices');
SELECT throws_ok($$ SELECT longtail.logistic_fit(y, '{}') FROM fixed $$, '2202E', 'features is an empty array',
                 'no features');
SELECT is((SELECT longtail.logistic_fit(true, x)::text FROM fixed), NULL, 'one class: no model');
SELECT is((SELECT array_agg(g || CASE WHEN p IS NULL THEN ' none' ELSE ' one' END ORDER BY g) FROM (SELECT y AND x[1] > 0 AS g, longtail.logistic_fit(y, x) AS p FROM fixed GROUP BY 1) t), ARRAY['false one', 'true none'], 'and the other groups have theirs');
SELECT throws_ok($$ SELECT longtail.logistic_fit(i, x) FROM fixed $$, '22023', NULL, 'labels other than 0 and 1');
SELECT throws_ok($$ SELECT * FROM longtail.coefficients((SELECT longtail.mlp_fit(y, x, '{"epochs": 1}') FROM fixed)) $$,
                 '0A000', NULL, 'a network has no coefficients');
SET LOCAL longtail.training_memory = '1MB';
SELECT throws_ok($$ SELECT longtail.logistic_fit(i % 2 = 0, ARRAY[i, 1, 2, 3, 4]::float8[])
                    FROM generate_series(1, 100000) i $$,
                 '53200', 'not enough memory for the rows of one group', 'memory is bounded');
RESET longtail.training_memory;

-- ---- networks ----

SELECT ok(longtail.auc(longtail.predict(p, x), y) > 0.95, 'a network learns what is not linear')
FROM (SELECT ARRAY[sin(i), cos(i * 1.7)] AS x, sin(i) * cos(i * 1.7) > 0 AS y FROM generate_series(1, 1000) i) d,
     (SELECT longtail.mlp_fit(sin(i) * cos(i * 1.7) > 0, ARRAY[sin(i), cos(i * 1.7)],
                              '{"hidden": [16], "epochs": 60, "batch_size": 32, "learning_rate": 0.01}') AS p
      FROM generate_series(1, 1000) i) m;
SELECT ok(sqrt(avg((longtail.predict(p, ARRAY[i]::float8[]) - (3 * i + 5)) ^ 2)) < 3, 'numbers are regressed on')
FROM generate_series(1, 100) i,
     (SELECT longtail.mlp_fit(3 * j + 5, ARRAY[j]::float8[],
                              '{"hidden": [], "epochs": 300, "learning_rate": 0.05, "batch_size": 10}') AS p
      FROM generate_series(1, 100) j) m;
SELECT ok(min(longtail.predict(p, ARRAY[i]::float8[])) > 0, 'counts are positive')
FROM generate_series(-50, 50) i,
     (SELECT longtail.mlp_fit(j % 3, ARRAY[j]::float8[], '{"loss": "poisson", "hidden": [4], "epochs": 20}') AS p
      FROM generate_series(1, 100) j) m;
SELECT is((p::text::jsonb) #>> '{fit,rows}', '400', 'fit tells how many rows there were') FROM (SELECT fitted('{}')) f (p);
SELECT isnt((SELECT longtail.mlp_fit(y, x, '{"epochs": 3, "seed": 2}')::text FROM fixed),
            (SELECT longtail.mlp_fit(y, x, '{"epochs": 3}')::text FROM fixed), 'another seed, another network');
SELECT isnt((SELECT longtail.mlp_fit(y, x, '{"epochs": 3, "split": "random", "validation_fraction": 0.5}')::text FROM fixed),
            (SELECT longtail.mlp_fit(y, x, '{"epochs": 3}')::text FROM fixed), 'rows can be held out');

-- ---- the value through text, binary and tables ----

CREATE TABLE kept AS
SELECT 1 AS id, fitted('{}') AS p
UNION ALL SELECT 2, (SELECT longtail.mlp_fit(y, x, '{"epochs": 3, "hidden": [200, 20]}') FROM fixed)
UNION ALL SELECT 3, fitted('{"l1": 1}')
UNION ALL SELECT 4, (SELECT longtail.logistic_fit(y, ARRAY[x[1], x[1]], '{"regularization": 0}') FROM fixed); -- NaN among the variances
SELECT ok(bool_and(longtail.predictor_send(p::text::longtail.predictor) = longtail.predictor_send(p)),
          'text gives back the same bytes') FROM kept;
SELECT ok(bool_or(p::text LIKE '%"NaN"%'), 'what JSON''s numbers cannot say was among them') FROM kept;
SELECT ok(bool_and(p::text::jsonb ->> 'algorithm' IN ('logistic', 'mlp')), 'text is JSON') FROM kept;
SELECT ok(bool_or(pg_column_size(p) > 2000), 'one is toasted') FROM kept;
SELECT ok(bool_and(abs(longtail.predict(k.p, x) - longtail.predict(k.p::text::longtail.predictor, x)) = 0),
          'toasted or not, predictions are the same') FROM kept k, fixed WHERE id < 4 AND i < 20;

CREATE TABLE copied (LIKE kept);
DO $$
DECLARE file text := current_setting('data_directory') || '/predictors';
BEGIN
    EXECUTE format('COPY kept TO %L (FORMAT binary)', file);
    EXECUTE format('COPY copied FROM %L (FORMAT binary)', file);
    EXECUTE format('COPY kept TO %L', file);
    EXECUTE format('COPY copied FROM %L', file);
    EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'rm "' || file || '"');
END $$;
SELECT is(count(*), 8::bigint, 'COPY, binary and text, gives back the same bytes')
FROM kept k JOIN copied c USING (id) WHERE longtail.predictor_send(k.p) = longtail.predictor_send(c.p);

-- ---- parallel plans ----

CREATE TABLE long AS SELECT (i * 37::bigint % 1009) / 100.0 AS a, (i * 53::bigint % 997) / 70.0 AS b, i % 7 < 3 AS y
FROM generate_series(1, 60000) i;
ANALYZE long;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE line text; lines text := ''; BEGIN
   FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP lines := lines || line || E'\n'; END LOOP;
   RETURN lines; END $$;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT longtail.logistic_fit(y, ARRAY[a, b], '{"regularization": 3}') AS p FROM long;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT matches(plan_of($$ SELECT longtail.logistic_fit(y, ARRAY[a, b], '{"regularization": 3}') FROM long $$),
               'Finalize Aggregate.*Gather.*Partial Aggregate', 'the plan is parallel');
SELECT is((SELECT longtail.logistic_fit(y, ARRAY[a, b], '{"regularization": 3}')::text FROM long),
          (SELECT p::text FROM serial), 'and gives the same bytes as a serial one');

-- The parts of aggregates are not for calling; how PostgreSQL says so depends on its minor version.
SELECT throws_ok('SELECT longtail.fit_serialize(NULL)', NULL, NULL, 'a state is not to be had');
SELECT throws_ok('SELECT longtail.auc_final(NULL)', NULL, NULL, 'from any aggregate');

SELECT * FROM finish();
ROLLBACK;
