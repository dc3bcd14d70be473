-- The measures of the tail, of taste and of fairness by hand on a tiny shop; figures by user and by group; how sure differences are.
\ir common.psql

/*
 * Six items; a sells 6 times, b 4, c 3, d 2, e 1, f never.  Of 16 sales a is the head, b and c are the mid, d, e and f the tail.
 * The model is what sells, so that a list is what somebody does not have, by popularity.
 *
 *   user  has      test   list of 2
 *   3     a b      d f    c d
 *   5     a        c      b c
 *   7     c d      a      a b
 *   9     -        e      a b      (came after training)
 */
CREATE TABLE sold (u int, item text);
INSERT INTO sold SELECT u, unnest(items) FROM (VALUES (1, '{a,b,c,d}'::text[]), (2, '{a,b,c}'), (3, '{a,b}'), (4, '{a,b}'), (5, '{a}'), (6, '{a}'), (7, '{c,d}'), (8, '{e}')) v (u, items);
CREATE INDEX ON sold (u);
CREATE TABLE items AS SELECT item, CASE item WHEN 'e' THEN NULL WHEN 'f' THEN '{}' WHEN 'c' THEN '{x,y}' WHEN 'd' THEN '{y}' ELSE '{x}' END::text[] AS makers FROM unnest('{a,b,c,d,e,f}'::text[]) item;
CREATE TABLE people AS SELECT * FROM (VALUES (3, 'France', '{a,b}'::text[]), (5, 'France', '{b,b}'), (7, 'Chad', '{}'), (9, NULL, NULL), (9, 'Chad', NULL), (8, 'Peru', '{c}')) v (u, country, clubs);
CREATE TABLE test (u int, item text);
INSERT INTO test VALUES (3, 'd'), (3, 'f'), (5, 'c'), (7, 'a'), (9, 'e'), (1, 'a'), (8, NULL);
DO $$ BEGIN PERFORM longtail.train('m', 'sold', 'popularity', 'u', 'item', item_features => 'items', options => '{"split": "none"}'); END $$;
SELECT is(array_agg(item_id || ' ' || segment ORDER BY popularity_rank), '{a head,b mid,c mid,d tail,e tail,f tail}', 'the segments') FROM longtail.item_stats('m');
SELECT is(array_agg(item_id ORDER BY rank), l, 'the list of ' || u) FROM (VALUES (3, '{c,d}'::text[]), (5, '{b,c}'), (7, '{a,b}'), (9, '{a,b}')) v (u, l), LATERAL longtail.recommend('m', u, 2) GROUP BY u, l;
CREATE TABLE measured AS SELECT * FROM longtail.evaluate('m', 'test', '{2}');

CREATE FUNCTION spread(VARIADIC of float8[]) RETURNS float8 LANGUAGE SQL AS $$ SELECT stddev_pop(x) / avg(x) FROM unnest(of) x $$;
CREATE FUNCTION lb(x float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT ln(x) / ln(2) $$;
CREATE TABLE expected (metric text, value float8, n bigint);
INSERT INTO expected VALUES
    ('hit_rate', 3 / 4.0, 4),
    ('aplt', 0.5 / 4, 4), ('aclt', 1 / 4.0, 4), -- d, in the list of 3
    -- a twice, b three times, c twice, d once
    ('exposure_head', 2 / 8.0, 4), ('exposure_mid', 5 / 8.0, 4), ('exposure_tail', 1 / 8.0, 4),
    ('entropy', 2 * lb(4) / 4 + 3 * lb(8 / 3.0) / 8 + lb(8) / 8, 4),
    ('exposure_mad', (1 / 6.0 + 5 / 12.0 + 1 / 6.0 + 1 / 12.0 + 1 / 3.0 + 1 / 3.0) / 6, 4), -- 1/2, 3/4, 1/2, 1/4, 0, 0; their mean is 1/3
    ('exposure_cv', sqrt(11.0) / 4, 4), -- deviation sqrt(18 / 6 - (8 / 6)^2), mean 8 / 6
    ('tail_coverage', 1 / 3.0, 4), ('catalogue_coverage', 4 / 6.0, 4),
    ('serendipity', 0, 4), -- what sells surprises nobody
    ('diversity', NULL, 0), -- nothing says what is alike
    -- 3: (1/2, 1/2, 0) and (0, 1/2, 1/2); 5: (1, 0, 0) and (0, 1, 0); 7: (0, 1/2, 1/2) and (1/2, 1/2, 0); 9 has nothing
    ('upd', (0.5 + 1 + 0.5) / 3, 3), ('taste_js', (0.5 + 1 + 0.5) / 3, 3),
    ('taste_kl', (0.5 + 1 + 0.5) * lb(100) / 3, 3), -- 1/2 or 1 against 1/100 of that
    ('popreo', spread(1 / 1.0, 1 / 1.0, 1 / 3.0), 4), -- of a; of c; of d, e, f
    ('poprsp', spread(2 / 2.0, 5 / 6.0, 1 / 11.0), 4); -- 4 x 1 - 2, 4 x 2 - 2, 4 x 3 - 1 that were not had
SELECT ok(m.n = e.n AND coalesce(abs(m.value - e.value) < 1e-9, m.value IS NULL AND e.value IS NULL), format('%s is %s over %s, by hand %s over %s', metric, m.value, m.n, e.value, e.n)) FROM expected e LEFT JOIN measured m USING (metric);
SELECT is(count(*), 0::bigint, 'without an attribute nothing is measured by one') FROM measured WHERE metric IN ('reo', 'rsp');

-- ---- by an attribute of the items ----

-- Makers: a and b are x's, c is x's and y's, d is y's; e and f nobody's.
CREATE FUNCTION kl(p float8, q float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT coalesce(p * lb(nullif(p, 0) / q), 0) + coalesce((1 - p) * lb(nullif(1 - p, 0) / (1 - q)), 0) $$;
CREATE FUNCTION js(p float8, q float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2 $$;
CREATE FUNCTION steck(p float8, q float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT kl(p, 0.99 * q + 0.01 * p) $$;
SELECT ok(coalesce(abs(m.value - e.value) < 1e-9, false) AND m.n = e.n, format('%s@%s by makers is %s over %s, by hand %s', metric, k, m.value, m.n, e.value)) FROM (VALUES
    -- x's share of what they have and of the list: 3 all, a quarter; 5 all, three quarters; 7 a quarter, all
    ('taste_js', 2, (js(1, 0.25) + js(1, 0.75) + js(0.25, 1)) / 3, 3), ('taste_kl', 2, (steck(1, 0.25) + steck(1, 0.75) + steck(0.25, 1)) / 3, 3),
    ('upd', 2, 2 / 3.0, 3), -- of head, mid and tail, as ever
    -- c and a are wanted of x, d and c of y; at 2 all are found, at 1 only a
    ('reo', 2, 0, 4), ('reo', 1, spread(1 / 2.0, 0), 4),
    -- 4 x 3 - 4 of x that they do not have, 4 x 2 - 2 of y
    ('rsp', 2, spread(7 / 8.0, 3 / 6.0), 4), ('rsp', 1, spread(4 / 8.0, 1 / 6.0), 4)) e (metric, k, value, n)
LEFT JOIN longtail.evaluate('m', 'test', '{1,2}', options => '{"attribute": "makers"}') m USING (metric, k);
CREATE TABLE elsewhere AS SELECT item, unnest(makers) AS maker FROM items;
SELECT results_eq($$ SELECT metric, value FROM longtail.evaluate('m', 'test', '{2}', options => '{"attribute": "maker", "attributes": "elsewhere"}') $$, $$ SELECT metric, value FROM longtail.evaluate('m', 'test', '{2}', options => '{"attribute": "makers"}') $$, 'of another relation, one row a value');
SELECT ok(bool_and(n > 0) AND count(*) = 2, 'with a method that goes by segments') FROM longtail.evaluate('m', 'test', '{2}', 'xquad', 0.5, '{"attribute": "makers"}') WHERE metric IN ('reo', 'rsp');
SELECT is(avg(u.value), max(m.value), 'by user') FROM longtail.evaluate_users('m', 'test', 2, options => '{"attribute": "makers"}') u, longtail.evaluate('m', 'test', '{2}', options => '{"attribute": "makers"}') m WHERE u.metric = 'taste_js' AND m.metric = 'taste_js';
SELECT matches(error_of(format($$ SELECT longtail.evaluate('m', 'test', options => %L) $$, o)), e, o) FROM (VALUES
    ('{"attribute": "nothing"}', 'column "nothing"'), ('{"attributes": "elsewhere"}', 'needs option "attribute"'), ('{"attribute": "maker", "attributes": "nowhere"}', 'nowhere')) v (o, e);

-- ---- diversity ----

CREATE TABLE alike AS SELECT * FROM (VALUES ('c', 'd', 0.5), ('b', 'c', -0.25), ('a', 'b', 0.75)) v (i, j, s);
SELECT ok(abs(value - (0.5 + 1.25 + 0.25 + 0.25) / 4) < 1e-6 AND n = 4, 'diversity as a relation says what is alike: ' || value) FROM longtail.evaluate('m', 'test', '{2}', options => '{"similarity": "alike"}') WHERE metric = 'diversity';
SELECT matches(error_of($$ SELECT longtail.evaluate('m', 'test', options => '{"similarity": "model"}') $$), 'popularity', 'of the model, which has nothing to compare by');

-- ---- by user ----

CREATE TABLE by_user AS SELECT * FROM longtail.evaluate_users('m', 'test', 2);
SELECT ok(abs(value - CASE user_id WHEN '3' THEN 1 / lb(3) / (1 + 1 / lb(3)) WHEN '5' THEN 1 / lb(3) WHEN '7' THEN 1 ELSE 0 END) < 1e-12, 'ndcg of ' || user_id) FROM by_user WHERE metric = 'ndcg' ORDER BY user_id;
SELECT is(array_agg(user_id ORDER BY user_id), '{3,5,7}', 'who has nothing has no ' || metric) FROM by_user WHERE metric IN ('upd', 'taste_kl', 'taste_js') GROUP BY metric;
SELECT is(count(*), 0::bigint, 'nobody has a diversity') FROM by_user WHERE metric = 'diversity';
SELECT ok(bool_and(abs(u.value - m.value) < 1e-12 AND u.n = m.n) AND count(*) = 17, 'the means are evaluate''s: ' || string_agg(metric, ', ')) FROM (SELECT metric, avg(value) AS value, count(*) AS n FROM by_user GROUP BY metric) u LEFT JOIN measured m USING (metric);
SELECT is(count(*), 0::bigint, 'nobody, no rows') FROM longtail.evaluate_users('m', (SELECT 'sold'::regclass));
SELECT matches(error_of(c), e, c) FROM (VALUES
    ($$ SELECT longtail.evaluate_users('m', 'test', NULL) $$, 'k must not be NULL'), ($$ SELECT longtail.evaluate_users('m', 'test', 0) $$, 'k must be at least 1'),
    ($$ SELECT longtail.evaluate_users('m', 'test', options => '{"verison": 1}') $$, 'version'), ($$ SELECT longtail.evaluate_users('m', NULL) $$, 'test must not be NULL')) v (c, e);

-- ---- by group of users ----

CREATE FUNCTION groups(options jsonb, test regclass = 'test') RETURNS TABLE (metric text, value float8, n bigint) LANGUAGE SQL AS $$
    SELECT metric, round(value::numeric, 9)::float8, n FROM longtail.evaluate('m', test, '{2}', options => '{"user_attributes": "people"}' || options) WHERE metric ~ ' of |_spread' $$;
CREATE TABLE ndcg AS SELECT user_id::int AS u, value FROM by_user WHERE metric = 'ndcg';
CREATE TABLE recall AS SELECT user_id::int AS u, value FROM by_user WHERE metric = 'recall';
CREATE FUNCTION r(x float8) RETURNS float8 LANGUAGE SQL AS $$ SELECT round(x::numeric, 9)::float8 $$;
SELECT results_eq($$ SELECT * FROM groups('{"user_attribute": "country"}') $$, $$ VALUES
    ('ndcg of country=Chad', r((SELECT avg(value) FROM ndcg WHERE u IN (7, 9))), 2::bigint), ('ndcg of country=France', r((SELECT avg(value) FROM ndcg WHERE u IN (3, 5))), 2),
    ('ndcg_spread', r(spread((SELECT avg(value) FROM ndcg WHERE u IN (7, 9)), (SELECT avg(value) FROM ndcg WHERE u IN (3, 5)))), 4),
    ('recall of country=Chad', r(0.5), 2), ('recall of country=France', r(0.75), 2), ('recall_spread', r(spread(0.5, 0.75)), 4) $$, 'ndcg and recall of countries; who is not in the test is in none');
SELECT results_eq($$ SELECT * FROM groups('{"user_attribute": "clubs"}') WHERE metric ~ 'recall' $$, $$ VALUES ('recall of clubs=a', r(0.5), 1::bigint), ('recall of clubs=b', r(0.75), 2), ('recall_spread', r(spread(0.5, 0.75)), 3) $$, 'one with two values is in both, with the same twice once');
SELECT results_eq($$ SELECT metric, n FROM groups('{"user_attribute": "u"}') WHERE metric ~ 'recall' $$, $$ VALUES ('recall of u=3', 1::bigint), ('recall of u=5', 1), ('recall of u=7', 1), ('recall of u=9', 1), ('recall_spread', 4) $$, 'any column will do');
SELECT results_eq($$ SELECT * FROM groups('{"user_attribute": "country"}', 'sold') $$, $$ VALUES ('ndcg_spread', NULL::float8, 0::bigint), ('recall_spread', NULL, 0) $$, 'nobody is in no group');
CREATE TABLE alone AS SELECT * FROM test WHERE u = 7;
SELECT is(value, 0::float8, 'one group has no spread') FROM groups('{"user_attribute": "country"}', 'alone') WHERE metric = 'ndcg_spread';
SELECT matches(error_of(c), e, c) FROM (VALUES
    ($$ SELECT longtail.evaluate('m', 'test', options => '{"user_attribute": "country"}') $$, 'needs a relation.*no user_features'),
    ($$ SELECT longtail.evaluate('m', 'test', options => '{"user_attribute": "nothing", "user_attributes": "people"}') $$, 'column "nothing".*Its columns are'),
    ($$ SELECT longtail.evaluate('m', 'test', options => '{"user_attribute": "country", "user_attributes": "nobody"}') $$, 'nobody'),
    ($$ SELECT longtail.evaluate('m', 'test', options => '{"user_attribute": "makers", "user_attributes": "items"}') $$, 'which column of t.items holds the ids')) v (c, e);

-- ---- how sure a difference is ----

CREATE TABLE more AS SELECT * FROM sold UNION ALL VALUES (5, 'c'), (9, 'e'), (9, 'd'), (10, 'd'), (11, 'd'), (12, 'd'), (13, 'd'), (14, 'd');
DO $$ BEGIN PERFORM longtail.train('other', 'more', 'popularity', 'u', 'item', item_features => 'items', options => '{"split": "none"}'); END $$;
SELECT results_eq($$ SELECT metric, n FROM longtail.compare('m', 'test', '{}', '{"model": "other"}', 2, '{"metrics": ["ndcg", "upd"]}') $$, $$ VALUES ('ndcg', 2::bigint), ('upd', 2) $$, 'users both can be measured with: 5 and 9 have their test in the other''s training');
CREATE TABLE paired AS SELECT metric, a.value AS a, b.value AS b FROM longtail.evaluate_users('m', 'test', 2) a JOIN longtail.evaluate_users('m', 'test', 2, 'popularity', 0.7) b USING (user_id, metric);
CREATE TABLE compared AS SELECT * FROM longtail.compare('m', 'test', '{}', '{"method": "popularity", "strength": 0.7}', 2, '{"samples": 500, "level": 0.8, "seed": 7}');
SELECT ok(c.n = p.n AND abs(c.a - p.a) < 1e-12 AND abs(c.b - p.b) < 1e-12 AND abs(c.difference - (p.a - p.b)) < 1e-12 AND c.lower <= c.difference AND c.upper >= c.difference AND c.p_value BETWEEN 0 AND 1, format('%s: %s - %s = %s (%s, %s) p %s', metric, c.a, c.b, c.difference, lower, upper, p_value))
FROM compared c LEFT JOIN (SELECT metric, avg(a) AS a, avg(b) AS b, count(*) AS n FROM paired GROUP BY metric) p USING (metric) WHERE c.n > 0;
SELECT ok(c.lower = d.lower AND c.upper = d.upper AND c.p_value = d.p_value, metric || ': the interval is the aggregate''s')
FROM compared c JOIN (SELECT metric, (longtail.bootstrap_difference(a, b, '{"samples": 500, "level": 0.8, "seed": 7}')).* FROM paired GROUP BY metric) d USING (metric);
SELECT is(count(*) FILTER (WHERE n = 0 AND a IS NULL AND difference IS NULL AND lower IS NULL AND p_value IS NULL), 1::bigint, 'what nobody has a value of has none') FROM compared;
SELECT ok(bool_and(difference = 0 AND lower = 0 AND upper = 0 AND p_value = 1) AND count(*) = 17, 'nothing differs from itself') FROM longtail.compare('m', 'test', '{}', '{}') WHERE n > 0;
SELECT results_eq($$ SELECT metric, a, b, n FROM longtail.compare('other', 'test', '{"model": "m"}', '{"version": 1, "model": "m", "popularity_exponent": 0}', 2) $$, $$ SELECT metric, a, a, n FROM longtail.compare('m', 'test', '{}', '{}', 2) $$, 'a side names its model, version and options');
SELECT ok(bool_and(n = 0 AND difference IS NULL), 'no users, no differences') FROM longtail.compare('m', 'sold', '{}', '{}');
SELECT ok(bool_and(n = 1 AND difference IS NOT NULL AND lower IS NULL AND p_value IS NULL), 'one user says nothing of others') FROM longtail.compare('m', 'alone', '{}', '{}') WHERE n > 0;
SELECT matches(error_of(format($$ SELECT longtail.compare('m', 'test', %L, '{}', options => %L) $$, a, o)), e, a || ' ' || o) FROM (VALUES
    ('5', '{}', 'must be JSON objects'), ('[]', '{}', 'must be JSON objects'), ('{}', '[]', 'must be JSON objects'), ('{"model": 3}', '{}', '"model" of a side must be a text'),
    ('{"strength": "0.3"}', '{}', '"strength" of a side must be a number'), ('{"method": "xquad"}', '{}', 'needs a strength'), ('{"model": "nobody"}', '{}', '"nobody" does not exist'),
    ('{"version": 7}', '{}', 'no version 7'), ('{"metod": "none"}', '{}', 'metod'), ('{}', '{"metrics": ["gini"]}', 'no value of metric "gini"'), ('{}', '{"samples": 10}', '10 samples are too few'),
    ('{}', '{"level": 1}', 'level'), ('{}', '{"samples": 0}', 'samples')) v (a, o, e);

-- ---- as another role ----

CREATE ROLE tail_reader;
GRANT USAGE ON SCHEMA t TO tail_reader;
GRANT SELECT ON test, sold, items TO tail_reader;
SELECT longtail.grant_model('m', 'tail_reader');
SET ROLE tail_reader;
SELECT lives_ok($$ SELECT longtail.evaluate_users('m', 'test'), longtail.compare('m', 'test', '{}', '{}') $$, 'a granted role measures');
SELECT matches(error_of($$ SELECT longtail.compare('m', 'test', '{}', '{"model": "other"}') $$), 'permission denied for model "other"', 'with models that were granted to it');
SELECT matches(error_of($$ SELECT longtail.evaluate('m', 'test', options => '{"user_attribute": "country", "user_attributes": "people"}') $$), 'permission denied for table people', 'and relations that it may read');
RESET ROLE;
SELECT longtail.revoke_model('m', 'tail_reader');
DROP OWNED BY tail_reader;
DROP ROLE tail_reader;

SELECT * FROM finish();
