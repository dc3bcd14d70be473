-- autotune: every trial is evaluate's figures, the choice is the rule's, and apply makes it what is served.
\ir common.psql

CREATE TABLE everything AS
SELECT u, 'item ' || i AS item, noise('when', u::text, i::text) < 0.7 AS early
FROM generate_series(1, 60) u, generate_series(1, 50) i
WHERE noise(u::text, i::text) < CASE WHEN u % 3 = i % 3 THEN 9 ELSE 1.5 END / (8 + i);
CREATE TABLE bought AS SELECT u, item FROM everything WHERE early;
CREATE INDEX ON bought (u);
CREATE TABLE later AS SELECT u, item FROM everything WHERE NOT early;
DO $$ BEGIN PERFORM longtail.train('m', 'bought', 'als', 'u', 'item', options => '{"factors": 8, "epochs": 5, "split": "none"}'); END $$;

-- ---- what is tried ----

CREATE TABLE tried AS SELECT row_number() OVER () AS place, * FROM longtail.autotune('m', 'later', 5);
SELECT results_eq('SELECT method, count(*) FROM tried GROUP BY method ORDER BY min(place)', $$ VALUES ('none', 1::bigint), ('popularity', 8), ('xquad', 8), ('calibrated', 8), ('quota', 8) $$, 'the plain order, then each method at eight strengths');
SELECT ok(bool_and(abs(t.ndcg - e.ndcg) < 1e-12 AND abs(t.recall - e.recall) < 1e-12 AND abs(t.aplt - e.aplt) < 1e-12 AND abs(t.tail_coverage - e.tail_coverage) < 1e-12 AND abs(t.catalogue_coverage - e.catalogue_coverage) < 1e-12 AND abs(t.gini - e.gini) < 1e-12), s.method || ': figures of tradeoff')
FROM (SELECT method, array_agg(strength) AS strengths FROM tried GROUP BY method) s, LATERAL longtail.tradeoff('m', 'later', 5, s.method, strengths) e JOIN tried t USING (strength) WHERE t.method = s.method GROUP BY s.method;
SELECT ok(bool_and(abs(ndcg_change - (ndcg / (SELECT ndcg FROM tried WHERE method = 'none') - 1)) < 1e-12), 'ndcg_change is a share of the plain order''s') FROM tried;
SELECT is(array_agg(method || ' ' || strength), '{none 0,xquad 0,xquad 0.25,random 0,random 0.25}', 'strengths are tried of each method that is named') FROM longtail.autotune('m', 'later', 5, '{xquad,none,random}', strengths => '{0,0.25}');
CREATE TABLE own_options AS SELECT * FROM longtail.autotune('m', 'later', 5, '{quota,xquad,popularity}', strengths => '{0.3,0.8}', options => '{"variant": "binary", "alpha": 0.4, "adjust": false}');
SELECT results_eq($$ SELECT strength, ndcg, aplt FROM own_options WHERE method = 'quota' $$, $$ SELECT strength, ndcg, aplt FROM longtail.tradeoff('m', 'later', 5, 'quota', '{0.3,0.8}', '{"alpha": 0.4, "adjust": false}') $$, 'quota has its own options');
SELECT results_eq($$ SELECT strength, ndcg, aplt FROM own_options WHERE method = 'xquad' $$, $$ SELECT strength, ndcg, aplt FROM longtail.tradeoff('m', 'later', 5, 'xquad', '{0.3,0.8}', '{"variant": "binary"}') $$, 'and xquad its');
SELECT isnt(o.aplt, t.aplt, 'which are not the usual ones') FROM own_options o, longtail.tradeoff('m', 'later', 5, 'quota', '{0.8}') t WHERE o.method = 'quota' AND o.strength = 0.8;
SELECT ok(count(*) = 1 AND bool_and(method = 'none' AND chosen AND ndcg_change = 0), 'no methods: the plain order') FROM longtail.autotune('m', 'later', methods => '{}');

-- ---- what is chosen ----

SELECT ok(count(*) = 1 AND bool_and((t.method, t.strength) = (c.method, c.strength)), format('within %s: %s %s with tail %s for %s', budget, min(c.method), min(c.strength), min(c.aplt), min(c.ndcg_change)))
FROM unnest('{0.005,0.02,0.1,1}'::float8[]) budget, LATERAL longtail.autotune('m', 'later', 5, ndcg_budget => budget) c,
     LATERAL (SELECT * FROM tried WHERE ndcg >= (1 - budget) * (SELECT ndcg FROM tried WHERE method = 'none') ORDER BY aplt DESC, ndcg DESC, place LIMIT 1) t WHERE c.chosen GROUP BY budget;
SELECT ok(count(*) = 2 AND bool_and((t.method, t.strength) = (c.method, c.strength)), 'without a budget the best ndcg: ' || string_agg(t.method || ' ' || t.strength, ', '))
FROM (SELECT * FROM longtail.autotune('m', 'later', 5, ndcg_budget => 0) UNION ALL SELECT * FROM longtail.autotune('m', 'later', 5, ndcg_budget => NULL)) c, (SELECT * FROM tried ORDER BY ndcg DESC, aplt DESC, place LIMIT 1) t WHERE c.chosen;
SELECT ok(max(aplt) FILTER (WHERE chosen) > 1.1 * max(aplt) FILTER (WHERE method = 'none'), 'and there is something to gain') FROM tried;
CREATE TABLE nobody AS SELECT * FROM later WHERE false;
SELECT ok(bool_and(NOT chosen AND ndcg IS NULL) AND count(*) = 33, 'no users, no choice') FROM longtail.autotune('m', 'nobody', apply => true);
SELECT is(max(version), 1, 'and nothing to apply') FROM longtail.model_versions WHERE model = 'm';

-- ---- apply ----

CREATE TABLE before AS SELECT u, r.* FROM generate_series(1, 60) u, LATERAL longtail.recommend('m', u, 5, 'quota', 0.5) r;
SELECT is(string_agg(method || ' ' || strength, ','), 'quota 0.5', 'one way to tune') FROM longtail.autotune('m', 'later', 5, '{quota}', 1, '{0.5}', apply => true) WHERE chosen;
SELECT is(max(decision), 'promoted: version 1 with method quota at strength 0.5, by autotune', 'a version') FROM longtail.model_versions WHERE model = 'm' AND version = 2;
SELECT results_eq('SELECT u, r.* FROM generate_series(1, 60) u, LATERAL longtail.recommend(''m'', u, 5) r', 'TABLE before', 'is what is served to calls that say nothing');
SELECT results_eq($$ SELECT metric, value FROM longtail.evaluate('m', 'later', '{5}') $$, $$ SELECT metric, value FROM longtail.evaluate('m', 'later', '{5}', 'quota', 0.5, '{"version": 1}') $$, 'with the same weights');
SELECT is(count(*), 3::bigint, 'tuned again to the same') FROM longtail.autotune('m', 'later', 5, '{quota}', 1, '{0.5,0.5}', apply => true);
SELECT is(max(version), 2, 'there is no further version') FROM longtail.model_versions WHERE model = 'm';
SELECT is(count(*) FILTER (WHERE chosen AND method = 'quota'), 1::bigint, 'what the method is told goes along') FROM longtail.autotune('m', 'later', 5, '{quota}', 1, '{0.6}', '{"users": "known", "then": [{"method": "random", "strength": 0.5}]}', true);
SELECT is(c.ndcg, t.ndcg, 'the plain order is plain') FROM longtail.autotune('m', 'later', 5, '{quota}', 1, '{0.6}', '{"then": [{"method": "random", "strength": 1}]}') c, tried t WHERE c.method = 'none' AND t.method = 'none';
SELECT results_eq($$ SELECT u, r.* FROM generate_series(1, 9) u, LATERAL longtail.recommend('m', u, 5) r $$, $$ SELECT u, r.* FROM generate_series(1, 9) u, LATERAL longtail.recommend('m', u, 5, 'quota', 0.6, options => '{"then": [{"method": "random", "strength": 0.5}]}') r $$, 'into what is served');
SELECT is(string_agg(method, ','), 'quota', 'with several methods') FROM longtail.autotune('m', 'later', 5, '{quota,xquad}', 1, '{0.7}', '{"alpha": 0.4, "variant": "binary"}', true) WHERE chosen;
SELECT results_eq($$ SELECT u, r.* FROM generate_series(1, 9) u, LATERAL longtail.recommend('m', u, 5) r $$, $$ SELECT u, r.* FROM generate_series(1, 9) u, LATERAL longtail.recommend('m', u, 5, 'quota', 0.7, options => '{"alpha": 0.4}') r $$, 'only what the chosen one is told');
SELECT is(string_agg(method, ','), 'none', 'the plain order may be the best') FROM longtail.autotune('m', 'later', 5, '{}', apply => true) WHERE chosen;
SELECT results_eq($$ SELECT * FROM longtail.recommend('m', 3, 5) $$, $$ SELECT * FROM longtail.recommend('m', 3, 5, 'none', 0) $$, 'then it is served again');
SELECT longtail.promote('m', 2);
SELECT is(string_agg(method, ','), 'none', 'of an older version') FROM longtail.autotune('m', 'later', 5, '{}', options => '{"version": 1}', apply => true) WHERE chosen;
SELECT results_eq($$ SELECT * FROM longtail.recommend('m', 3, 5) $$, $$ SELECT * FROM longtail.recommend('m', 3, 5, 'none', 0) $$, 'what it has already is made what is served');
SELECT longtail.promote('m', 2);
SELECT results_eq($$ SELECT * FROM longtail.recommend('m', 3, 5) $$, 'SELECT item_id, score, base_score, rank, segment FROM before WHERE u = 3', 'an older version can be promoted, as ever');

-- ---- what is refused ----

SELECT matches(error_of(c), e, c) FROM (VALUES
    ($$ SELECT longtail.autotune('m', 'later', methods => '{nothing}') $$, 'unknown rerank method "nothing"'), ($$ SELECT longtail.autotune('m', 'later', methods => '{xquad,NULL}') $$, '^methods\[2\] is NULL'),
    ($$ SELECT longtail.autotune('m', 'later', methods => '{xquad}', options => '{"alpha": 0.4}') $$, 'unknown option "alpha"'),
    ($$ SELECT longtail.autotune('m', 'later', methods => '{xquad}', strengths => '{0.2,1.5}') $$, 'strength of method "xquad" is 1.5'), ($$ SELECT longtail.autotune('m', 'later', strengths => '{NULL}') $$, 'strengths must be numbers'),
    ($$ SELECT longtail.autotune('m', 'later', ndcg_budget => 1.5) $$, 'ndcg_budget is 1.5'), ($$ SELECT longtail.autotune('m', 'later', ndcg_budget => 'NaN') $$, 'ndcg_budget'),
    ($$ SELECT longtail.autotune('m', 'later', 0) $$, 'k must be at least 1'), ($$ SELECT longtail.autotune('m', 'later', NULL) $$, 'k must not be NULL'), ($$ SELECT longtail.autotune('m', 'later', apply => NULL) $$, 'apply must not be NULL'),
    ($$ SELECT longtail.autotune('m', 'later', options => '{"popularity_exponent": 0.2}', apply => true) $$, 'cannot be measured with and applied without'), ($$ SELECT longtail.autotune('m', 'later', options => '{"beta": 0.2}') $$, 'beta'),
    ($$ SELECT longtail.autotune('m', 'later', options => '[1]') $$, '^options must be a JSON object'), ($$ SELECT longtail.autotune('m', 'later', options => '1', apply => true) $$, '^options must be a JSON object'),
    ($$ SELECT longtail.tradeoff('m', 'later', options => '["version", 1]') $$, '^options must be a JSON object'), ($$ SELECT longtail.evaluate_users('m', 'later', options => '[{}]') $$, '^options must be a JSON object'),
    ($$ SELECT longtail.tradeoff('m', 'later', 5, 'xquad', '{0.1,2}') $$, 'strength of method "xquad" is 2'), ($$ SELECT longtail.tradeoff('m', 'later', 5, 'xquad', '{0.1,NULL}') $$, 'strengths must be numbers'),
    ($$ SELECT longtail.tradeoff('m', 'later', 5, 'xquad', '{NaN}') $$, 'strengths must be numbers'), ($$ SELECT longtail.tradeoff('m', 'later', 5, 'xquad', NULL) $$, 'strengths must not be NULL'), ($$ SELECT longtail.tradeoff('m', 'later', 5, 'nothing', '{0}') $$, 'unknown rerank method')) v (c, e);
SELECT is(count(*), 0::bigint, 'no strengths, no rows') FROM longtail.tradeoff('m', 'later', 5, 'xquad', '{}');
SELECT ok(abs(t.ndcg - e.value) < 1e-12, 'tradeoff takes options') FROM longtail.tradeoff('m', 'later', 5, NULL, '{0.5}', '{"popularity_exponent": 0.3, "exclude_seen": false}') t, longtail.evaluate('m', 'later', '{5}', NULL, 0.5, '{"popularity_exponent": 0.3, "exclude_seen": false}') e WHERE metric = 'ndcg';
CREATE ROLE tuner;
GRANT USAGE ON SCHEMA t TO tuner;
GRANT SELECT ON later, bought TO tuner;
SELECT longtail.grant_model('m', 'tuner');
SET ROLE tuner;
SELECT lives_ok($$ SELECT longtail.autotune('m', 'later', 5, '{quota}') $$, 'a granted role tries');
SELECT matches(error_of($$ SELECT longtail.autotune('m', 'later', 5, '{quota}', apply => true) $$), 'must be owner of model "m"', 'the owner applies');
RESET ROLE;
SELECT longtail.revoke_model('m', 'tuner');
DROP OWNED BY tuner;
DROP ROLE tuner;
BEGIN READ ONLY;
SELECT lives_ok($$ SELECT longtail.autotune('m', 'later', 5, '{quota}') $$, 'reading is enough to try');
SELECT throws_like($$ SELECT longtail.autotune('m', 'later', 5, '{quota}', apply => true) $$, '%read-only transaction', 'and not to apply');
COMMIT;

SELECT * FROM finish();
