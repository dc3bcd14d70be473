-- Measures over any query: entropy, mean_absolute_deviation, coefficient_of_variation, kl_divergence, js_divergence.
BEGIN;
\ir common.psql
CREATE FUNCTION near(got float8, want float8, name text) RETURNS text LANGUAGE sql AS
$$ SELECT ok(coalesce(abs(got - want) < 1e-12, false), format('%s: %s, want %s', name, got, want)) $$;

-- The same numbers as in test_spread.c, which has them from scipy and numpy.
CREATE TABLE shown AS
SELECT i, (1 + i * i % 17)::float8 AS a, (i * 5 % 13)::float8 AS b, i % 3 AS g FROM generate_series(0, 49) i;

-- ---- one column ----

SELECT near(longtail.entropy(a), 5.336230164924369, 'entropy as scipy''s') FROM shown;
SELECT near(longtail.entropy(b), 5.294630051041321, 'entropy with zeros as scipy''s') FROM shown;
SELECT near(longtail.coefficient_of_variation(a), 0.6154245076547532, 'variation as scipy''s') FROM shown;
SELECT near(longtail.coefficient_of_variation(b), 0.6281530218072122, 'variation with zeros as scipy''s') FROM shown;
SELECT near(longtail.mean_absolute_deviation(a), 4.9056, 'mean absolute deviation as numpy''s') FROM shown;
SELECT near(longtail.coefficient_of_variation(a), stddev_pop(a) / avg(a), 'as PostgreSQL''s stddev_pop') FROM shown;
SELECT near(longtail.mean_absolute_deviation(a), avg(abs(a - (SELECT avg(a) FROM shown))), 'as said in SQL') FROM shown;
SELECT is(longtail.entropy(a), 1.75::float8, 'entropy by hand: 1/2, 1/4, 1/8, 1/8') FROM unnest('{4,2,1,1,0}'::int[]) a;
SELECT is(longtail.entropy(7), 2::float8, 'four alike: two bits') FROM generate_series(1, 4);
SELECT is(longtail.entropy((a = 3)::int), 0::float8, 'one has all: no bits') FROM generate_series(1, 4) a;
SELECT is(longtail.mean_absolute_deviation(a), 2::float8, 'amounts below 0 deviate as well')
FROM unnest('{-2,2,3,5}'::float8[]) a;
SELECT is(longtail.coefficient_of_variation((a = 3)::int), sqrt(3::float8), 'one of four has all') FROM generate_series(1, 4) a;
SELECT is(array[longtail.entropy(5), longtail.mean_absolute_deviation(5), longtail.coefficient_of_variation(5)],
          '{0,0,0}'::float8[], 'of one row');
SELECT is(array[longtail.entropy(a), longtail.mean_absolute_deviation(a), longtail.coefficient_of_variation(a)],
          '{NULL,NULL,NULL}'::float8[], 'of no rows') FROM shown WHERE i < 0;
SELECT is(array[longtail.entropy(0), longtail.mean_absolute_deviation(0), longtail.coefficient_of_variation(0)],
          '{NULL,0,NULL}'::float8[], 'nothing to share') FROM shown;
SELECT is(longtail.entropy(n), longtail.entropy(n) FILTER (WHERE n IS NOT NULL), 'NULLs are left out')
FROM (SELECT nullif(a, 5) AS n FROM shown) s;
SELECT is(longtail.entropy(NULL::float8), NULL, 'nothing but NULLs') FROM shown;
SELECT results_eq('SELECT g, longtail.entropy(a) FROM shown GROUP BY g ORDER BY g',
                  'SELECT g, (SELECT longtail.entropy(s.a) FROM shown s WHERE s.g = n.g) FROM generate_series(0, 2) n (g)',
                  'one figure a group');
SELECT results_eq('SELECT i, longtail.entropy(a) OVER w, longtail.mean_absolute_deviation(a) OVER w FROM shown
                   WINDOW w AS (ORDER BY i ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) ORDER BY i',
                  'SELECT i, (SELECT longtail.entropy(a) FROM shown s WHERE s.i BETWEEN o.i - 4 AND o.i),
                             (SELECT longtail.mean_absolute_deviation(a) FROM shown s WHERE s.i BETWEEN o.i - 4 AND o.i)
                   FROM shown o ORDER BY i', 'over a moving window');

SELECT is(t.error_of('SELECT longtail.entropy(-1)'), 'amount is -1 | It must be finite and not negative.', 'a debt');
SELECT is(t.error_of('SELECT longtail.coefficient_of_variation(-1)'),
          'amount is -1 | It must be finite and not negative.', 'variation of a debt');
SELECT is(t.error_of('SELECT longtail.mean_absolute_deviation(''NaN'')'), 'amount is NaN | It must be finite.', 'NaN');
SELECT is(t.error_of('SELECT longtail.entropy(''Infinity'')'),
          'amount is Infinity | It must be finite and not negative.', 'infinity');
SELECT throws_ok('SELECT longtail.entropy(1.7e308) FROM generate_series(1, 2)', '22023',
                 'the amounts are too large to add up', 'a sum that is no number');

-- ---- two columns ----

SELECT near(longtail.kl_divergence(b, a), 0.7559910410445244, 'KL as scipy''s') FROM shown;
SELECT near(longtail.js_divergence(a, b), 0.18155625172111978, 'JS as the square of scipy''s distance') FROM shown;
SELECT near(longtail.js_divergence(b, a), longtail.js_divergence(a, b), 'JS either way') FROM shown;
SELECT is(longtail.kl_divergence(a, b), 'Infinity'::float8, 'something where the other has nothing') FROM shown;
SELECT is(longtail.kl_divergence(a, a * 3), 0::float8, 'KL: the unit does not matter') FROM shown;
SELECT is(longtail.js_divergence(a, a * 3), 0::float8, 'JS: the unit does not matter') FROM shown;
SELECT is(longtail.kl_divergence(p, q), 0.5::float8, 'KL by hand') FROM (VALUES (1, 2), (1, 1), (0, 1)) v (p, q);
SELECT is(longtail.js_divergence(p, q), 1::float8, 'nothing in common') FROM (VALUES (1, 0), (1, 0), (0, 1)) v (p, q);
SELECT is(array[longtail.kl_divergence(p, q), longtail.js_divergence(p, q)], '{NULL,NULL}'::float8[], 'one has nothing')
FROM (VALUES (1, 0), (2, 0)) v (p, q);
SELECT is(array[longtail.kl_divergence(a, b), longtail.js_divergence(a, b)], '{NULL,NULL}'::float8[], 'no rows')
FROM shown WHERE i < 0;
SELECT is(longtail.js_divergence(a, n), longtail.js_divergence(a, n) FILTER (WHERE n IS NOT NULL), 'NULLs are left out')
FROM (SELECT a, nullif(b, 5) AS n FROM shown) s;
SELECT is(t.error_of('SELECT longtail.kl_divergence(-1, 1)'), 'p is -1 | It must be finite and not negative.', 'a p');
SELECT is(t.error_of('SELECT longtail.js_divergence(1, ''NaN'')'), 'q is NaN | It must be finite and not negative.', 'a q');

-- ---- parallel plans ----

CREATE TABLE long AS SELECT (i % 1009)::float8 AS p, (i % 997 + 1)::float8 AS q FROM generate_series(1, 60000) i;
ANALYZE long;
CREATE VIEW measures AS
SELECT longtail.entropy(p) AS e, longtail.mean_absolute_deviation(p) AS m, longtail.coefficient_of_variation(p) AS c,
       longtail.kl_divergence(p, q) AS k, longtail.js_divergence(p, q) AS j
FROM long;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT * FROM measures;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(plan_of('SELECT * FROM measures'), 'Finalize Aggregate.*Gather.*Partial Aggregate', 'the plan is parallel');
CREATE TABLE parallel AS SELECT * FROM measures;
-- Sums are made in the order the workers' rows come in: 1e-12 is what 60000 roundings of 1e-16 leave.
SELECT ok(greatest(abs(p.e - s.e), abs(p.m / s.m - 1), abs(p.c - s.c), abs(p.k - s.k), abs(p.j - s.j)) < 1e-12,
          'and gives the same') FROM serial s, parallel p;

SELECT * FROM finish();
ROLLBACK;
