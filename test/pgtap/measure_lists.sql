-- Measures of lists over any query: ndcg, bootstrap_difference.
BEGIN;
\ir common.psql
CREATE FUNCTION near(got float8, want float8, name text) RETURNS text LANGUAGE sql AS
$$ SELECT ok(coalesce(abs(got - want) < 1e-12, false), format('%s: %s, want %s', name, got, want)) $$;

-- ---- ndcg ----

-- Two users: the first has three items listed and two more that are relevant; the second an empty list; the third
-- nothing that is relevant.
CREATE TABLE listed (user_id int, rank int, relevant boolean, gain float8);
INSERT INTO listed VALUES (1, 3, true, 3), (1, 1, false, 0.5), (1, 2, true, 0), (1, NULL, true, 2), (1, NULL, true, 0),
                          (2, NULL, true, 1), (3, 1, false, 0), (3, 2, false, 0);
SELECT near(longtail.ndcg(rank, relevant, 3), (1 / log(2, 3) + 0.5) / (1 + 1 / log(2, 3) + 0.5), 'by hand, cut at 3')
FROM listed WHERE user_id = 1;
SELECT near(longtail.ndcg(rank, relevant, 2), 1 / log(2, 3) / (1 + 1 / log(2, 3)), 'cut at 2')
FROM listed WHERE user_id = 1;
SELECT near(longtail.ndcg(rank, relevant, 10), (1 / log(2, 3) + 0.5) / (1 + 1 / log(2, 3) + 0.5 + 1 / log(2, 5)),
            'beyond the list')
FROM listed WHERE user_id = 1;
SELECT near(longtail.ndcg(rank, gain, 3), (0.5 + 3 * 0.5) / (3 + 2 / log(2, 3) + 0.5 * 0.5), 'gains are linear')
FROM listed WHERE user_id = 1;
SELECT near(longtail.ndcg(rank, relevant::int, 3), longtail.ndcg(rank, relevant, 3), 'gains of 0 and 1')
FROM listed WHERE user_id = 1;
SELECT results_eq('SELECT user_id, longtail.ndcg(rank, relevant, 1) FROM listed GROUP BY 1 ORDER BY 1',
                  'VALUES (1, 0::float8), (2, 0), (3, NULL)', 'a figure a user; NULL where nothing is relevant');
SELECT is((SELECT avg(n) FROM (SELECT longtail.ndcg(rank, relevant, 3) AS n FROM listed GROUP BY user_id) u),
          (SELECT longtail.ndcg(rank, relevant, 3) / 2 FROM listed WHERE user_id = 1),
          'averaged over the users who have something relevant');
SELECT is(longtail.ndcg(rank, relevant, 3), NULL, 'no rows') FROM listed WHERE false;
SELECT is(longtail.ndcg(row_number, row_number = 1, 3), 1::float8, 'a rank from row_number()')
FROM (SELECT row_number() OVER (ORDER BY g) FROM generate_series(1, 5) g) s;
SELECT is(longtail.ndcg(rank, n, 3), longtail.ndcg(rank, coalesce(n, false), 3), 'relevant NULL is not relevant')
FROM (SELECT rank, nullif(relevant, false) AS n FROM listed WHERE user_id = 1) s;
SELECT is(longtail.ndcg(rank, relevant, 3) FILTER (WHERE user_id = 1),
          (SELECT longtail.ndcg(rank, relevant, 3) FROM listed WHERE user_id = 1), 'with FILTER') FROM listed;
SELECT results_eq('SELECT user_id, longtail.ndcg(rank, gain, 3) OVER (PARTITION BY user_id) FROM listed ORDER BY 1',
                  'SELECT user_id, n FROM (SELECT user_id, longtail.ndcg(rank, gain, 3) AS n FROM listed GROUP BY 1) u
                   JOIN listed USING (user_id) ORDER BY 1', 'as a window function');

-- What evaluate measures: each user's list, and what is relevant to the user, joined.
CREATE TABLE sales AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(1, 30) i
WHERE noise(u::text, i::text) < 0.6 / (1 + i / 4);
CREATE TABLE later AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(1, 34) i
WHERE noise('later', u::text, i::text) < 0.15 AND NOT EXISTS (SELECT FROM sales s WHERE (s.user_id, s.item_id) = (u, i));
SELECT lives_ok($$ SELECT longtail.train('shop', 't.sales', algorithm => 'popularity', user_column => 'user_id',
                                         item_column => 'item_id') $$, 'a model');
SELECT near((SELECT avg(n)
             FROM (SELECT longtail.ndcg(r.rank, l.user_id IS NOT NULL, 5) AS n
                   FROM (SELECT user_id::int, item_id::int, rank FROM longtail.recommend_all('shop', 5)) AS r
                   FULL JOIN later AS l USING (user_id, item_id)
                   WHERE user_id IN (SELECT user_id FROM later) GROUP BY user_id) AS u),
            (SELECT value FROM longtail.evaluate('shop', 't.later', '{5}', options => '{"users": "known"}')
             WHERE metric = 'ndcg'), 'averaged over users, it is what evaluate says');

SELECT is(error_of('SELECT longtail.ndcg(rank, relevant, 3) FROM t.listed'),
          'rank 1 occurs twice in one list | '
          'The rows of one group are one list: GROUP BY its user, and average the results.', 'several lists in a group');
SELECT is(error_of('SELECT longtail.ndcg(0, true, 3)'),
          'rank is 0 | It must be from 1 to 2147483647, or NULL for an item that was not listed.', 'rank 0');
SELECT is(error_of('SELECT longtail.ndcg(99999999999, true, 3)'),
          'rank is 99999999999 | It must be from 1 to 2147483647, or NULL for an item that was not listed.', 'a huge rank');
SELECT is(error_of('SELECT longtail.ndcg(1, true, 0)'), 'k is 0 | It must be at least 1.', 'k = 0');
SELECT is(error_of('SELECT longtail.ndcg(1, -2.5, 3)'), 'gain is -2.5 | It must be finite and not negative.', 'a loss');
SELECT is(error_of('SELECT longtail.ndcg(i, true, i) FROM generate_series(4, 5) i'),
          'k differs between the rows of one group | Rows have both 4 and 5. | '
          'Give a constant, or one value for each group.', 'k differs');
SELECT is(longtail.ndcg(2147483647, true, 2147483647), (1 / log(2, 2147483648))::float8, 'the largest rank and k');

-- ---- bootstrap_difference ----

CREATE TABLE runs AS
SELECT i, noise('a', i::text) * 0.5 + 0.03 AS a, noise('b', i::text) * 0.5 AS b FROM generate_series(1, 2000) i;
CREATE TABLE interval AS SELECT (d).* FROM (SELECT longtail.bootstrap_difference(a, b) AS d FROM runs) s;
SELECT near(difference, (SELECT avg(a - b) FROM runs), 'the mean of the differences') FROM interval;
SELECT is(n, 2000::bigint, 'n') FROM interval;
-- 2000 differences: the mean is all but normal. 2000 samples leave an end a standard error of 0.06 standard errors of
-- the mean (test_bootstrap.c); 0.25 are allowed.
SELECT ok(abs(lower - (m - 1.96 * e)) < 0.25 * e AND abs(upper - (m + 1.96 * e)) < 0.25 * e,
          format('%s to %s, as the normal''s %s to %s', lower, upper, m - 1.96 * e, m + 1.96 * e))
FROM interval, (SELECT avg(a - b) AS m, stddev_pop(a - b) / sqrt(2000) AS e FROM runs) s;
SELECT near(p_value, 2 / 2001.0, 'the smallest p-value there is: 0 is far outside') FROM interval;

SELECT is((SELECT longtail.bootstrap_difference(a, b ORDER BY noise(i::text)) FROM runs),
          (SELECT longtail.bootstrap_difference(a, b) FROM runs), 'the order of the rows is of no concern');
SELECT is((SELECT longtail.bootstrap_difference(a, b, '{"samples": 2000, "level": 0.95, "seed": 1}') FROM runs),
          (SELECT longtail.bootstrap_difference(a, b) FROM runs), 'the defaults are what is said of them');
SELECT is((SELECT longtail.bootstrap_difference(a, b, NULL) FROM runs),
          (SELECT longtail.bootstrap_difference(a, b, '{}') FROM runs), 'options NULL are the defaults');
SELECT isnt((SELECT longtail.bootstrap_difference(a, b, '{"seed": 2}') FROM runs),
            (SELECT longtail.bootstrap_difference(a, b) FROM runs), 'another seed, another draw');
SELECT ok((n.d).lower > (w.d).lower AND (n.d).upper < (w.d).upper, 'a lower level, a narrower interval')
FROM (SELECT longtail.bootstrap_difference(a, b, '{"level": 0.8}') AS d FROM runs) n,
     (SELECT longtail.bootstrap_difference(a, b) AS d FROM runs) w;
SELECT ok((d).p_value > 0.05 AND (d).lower < 0 AND (d).upper > 0, 'a run against its own shuffle')
FROM (SELECT longtail.bootstrap_difference(r.a, s.a) AS d FROM runs r JOIN runs s ON s.i = (r.i * 7 + 3) % 2000 + 1) x;
SELECT is(longtail.bootstrap_difference(a, a), '(0,0,0,1,2000)', 'a run against itself') FROM runs;
SELECT is(longtail.bootstrap_difference(1, 0.75), '(0.25,,,,1)', 'one row has no interval');
SELECT is(longtail.bootstrap_difference(a, b), NULL, 'no rows') FROM runs WHERE i < 0;
SELECT is(longtail.bootstrap_difference(a, n), longtail.bootstrap_difference(a, n) FILTER (WHERE n IS NOT NULL),
          'NULLs are left out') FROM (SELECT a, CASE WHEN i % 5 > 0 THEN b END AS n FROM runs) s;
SELECT is((SELECT count(DISTINCT (d).difference) FROM
              (SELECT longtail.bootstrap_difference(a, b, '{"samples": 100}') AS d FROM runs GROUP BY i % 7) s), 7::bigint,
          'a result a group');
SELECT is((SELECT longtail.bootstrap_difference(a, b, jsonb_build_object('samples', 100 + i % 2)) FILTER (WHERE i % 2 = 1)
           FROM runs),
          (SELECT longtail.bootstrap_difference(a, b, '{"samples": 101}') FROM runs WHERE i % 2 = 1),
          'options are read for each row that counts');

SELECT is(error_of('SELECT longtail.bootstrap_difference(''NaN'', 1)'), 'a is NaN | It must be finite.', 'NaN');
SELECT is(error_of('SELECT longtail.bootstrap_difference(1, ''-Infinity'')'), 'b is -Infinity | It must be finite.',
          'infinity');
SELECT is(error_of('SELECT longtail.bootstrap_difference(1.7e308, -1.7e308)'), 'a - b is Infinity | It must be finite.',
          'a difference that is no number');
SELECT matches(error_of($$ SELECT longtail.bootstrap_difference(1, 2, '{"sample": 5}') $$),
               'unknown option "sample" .*samples', 'an option that is not there');
SELECT matches(error_of($$ SELECT longtail.bootstrap_difference(1, 2, '{"level": 1}') $$), 'level', 'level 1');
SELECT matches(error_of($$ SELECT longtail.bootstrap_difference(1, 2, '[]') $$), 'options must be a JSON object', 'no object');
SELECT is(error_of($$ SELECT longtail.bootstrap_difference(a, b, '{"samples": 38}') FROM t.runs $$),
          '38 samples are too few for an interval of level 0.95 | Take at least 39.', 'too few samples');
SELECT is(error_of($$ SELECT longtail.bootstrap_difference(a, b, jsonb_build_object('seed', i % 2)) FROM t.runs $$),
          'options differ between the rows of one group | Rows have a "seed" of both 0 and 1. | '
          'Give a constant, or one value for each group.', 'options differ');
CREATE FUNCTION cancelled(command text) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN EXECUTE command; RETURN false; EXCEPTION WHEN query_canceled THEN RETURN true; END $$;
SET LOCAL statement_timeout = '300ms';
SELECT ok(cancelled($$ SELECT longtail.bootstrap_difference(i, i % 1000, '{"samples": 1000000}')
                       FROM generate_series(1, 100000) i $$), 'it can be cancelled');
RESET statement_timeout;

-- ---- parallel plans ----

CREATE TABLE long AS SELECT i, (i % 1009)::float8 AS a, (i % 997)::float8 AS b FROM generate_series(1, 60000) i;
ANALYZE long;
CREATE VIEW measures AS
SELECT longtail.ndcg(i, a, 50) AS n, longtail.bootstrap_difference(a, b, '{"samples": 100}') AS d,
       longtail.bootstrap_difference(a, b, '{"samples": 100, "seed": 8}') AS e
FROM long;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT * FROM measures;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(plan_of('SELECT * FROM measures'), 'Finalize Aggregate.*Gather.*Partial Aggregate', 'the plan is parallel');
CREATE TABLE parallel AS SELECT * FROM measures;
SELECT results_eq('SELECT n, d::text, e::text FROM parallel', 'SELECT n, d::text, e::text FROM serial',
                  'and gives the same, to the last digit');

SELECT * FROM finish();
ROLLBACK;
