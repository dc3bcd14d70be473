-- Option domain: another source's rows join training, and nothing else.
\ir common.psql

-- A small shop: users of four groups bought 2 items each of 40; a large one, same people and items, and 20 items of its own.
CREATE FUNCTION likes(u int, i int, of text) RETURNS float8 IMMUTABLE LANGUAGE SQL
AS $$ SELECT t.noise(of, u::text, i::text) - CASE WHEN u % 4 = i % 4 THEN 0.6 ELSE 0 END $$;
CREATE TABLE small AS
SELECT u, i, timestamptz '2026-03-01' + make_interval(mins => n::int * 1000 + u) AS ts
FROM generate_series(1, 300) u, LATERAL (SELECT i, row_number() OVER (ORDER BY likes(u, i, 'small')) AS n FROM generate_series(1, 40) i) x
WHERE n <= 3;
CREATE TABLE large AS
SELECT u, i, timestamptz '2026-02-01' + make_interval(mins => u) AS ts
FROM generate_series(1, 300) u, LATERAL (SELECT i, row_number() OVER (ORDER BY likes(u, i, 'large')) AS n FROM generate_series(1, 60) i) x
WHERE n <= 12;
CREATE VIEW train_part AS SELECT u, i FROM small WHERE noise('part', u::text, i::text) < 0.6;
CREATE VIEW test_part AS SELECT u, i FROM small WHERE noise('part', u::text, i::text) >= 0.6;
CREATE FUNCTION train(model text, algorithm text, options jsonb) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(model, 't.train_part', algorithm, 'u', 'i', options => options) $$;
CREATE FUNCTION figure(of text, which text) RETURNS float8 LANGUAGE SQL
AS $$ SELECT value FROM longtail.evaluate(of, 't.test_part', '{10}') WHERE metric = which AND k = 10 $$;

SELECT r.* FROM (VALUES ('alone', '{}'::jsonb), ('nothing', '{"domain": {"source": "t.large", "weight": 0}}'),
    ('light', '{"domain": {"source": "t.large", "weight": 0.05}}'), ('both', '{"domain": {"source": "t.large", "weight": 0.2}}')) o (model, options),
    LATERAL train(model, 'ease', '{"regularization": 100}' || options) r \g /dev/null
SELECT ok(figure('both', 'ndcg') > 1.1 * figure('alone', 'ndcg'), 'a sparse source gains from a rich one: ease');
SELECT is(figure('nothing', 'ndcg'), figure('alone', 'ndcg'), 'with weight 0 there is nothing to gain');
SELECT ok(figure('light', 'ndcg') NOT IN (figure('alone', 'ndcg'), figure('both', 'ndcg')), 'the weight matters');
SELECT ok(b.validation_value > a.validation_value, 'and the validation figure says so') FROM longtail.model_versions a, longtail.model_versions b
WHERE a.model = 'alone' AND b.model = 'both';
SELECT train('mlp alone', 'mlp', '{"epochs": 30, "hidden": [], "factors": 8, "learning_rate": 0.01}') \g /dev/null
SELECT train('mlp both', 'mlp', '{"epochs": 30, "hidden": [], "factors": 8, "learning_rate": 0.01, "domain": {"source": "t.large"}}') \g /dev/null
SELECT ok(figure('mlp both', 'ndcg') > 1.2 * figure('mlp alone', 'ndcg'), 'mlp too, whose users keep what they learned there');

-- ---- what stays the source's ----

SELECT is((SELECT items FROM longtail.model_versions WHERE model = 'both'), (SELECT count(DISTINCT i) FROM train_part), 'items are the source''s');
SELECT is((SELECT rows FROM longtail.model_versions WHERE model = 'both'), (SELECT count(*) FROM train_part), 'and rows');
SELECT is_empty($$ SELECT item_id FROM longtail.recommend_all('both', 60) WHERE item_id::int > 40 $$, 'hidden items never come out');
SELECT is_empty($$ SELECT item_id FROM longtail.recommend('both', 5, 100) WHERE item_id::int > 40 $$, 'not in long lists');
CREATE VIEW tested AS SELECT u, i FROM large EXCEPT SELECT u, i FROM train_part;
CREATE FUNCTION tested(options jsonb, known boolean) RETURNS bool LANGUAGE SQL AS $$
    SELECT abs(value - (SELECT avg(hits) FROM (SELECT count(r.item_id)::float8 / count(*) AS hits FROM tested LEFT JOIN longtail.recommend_all('both', 10) r ON (user_id, item_id) = (u::text, i::text) WHERE i <= 40 OR NOT known GROUP BY u) x)) < 1e-9
    FROM longtail.evaluate('both', 'tested', '{10}', options => options) WHERE metric = 'recall' $$;
SELECT ok(tested('{}', false), 'in a test they are items never found');
SELECT ok(tested('{"unknown_items": "drop"}', true), 'or dropped, as those nobody knows');
SELECT is_empty($$ SELECT item_id FROM longtail.recommend('both', 5, 100, candidates => ARRAY[41, 42, 50]) $$, 'not when asked for');
SELECT is_empty($$ SELECT item_id FROM longtail.recommend('both', -1, 100) WHERE item_id::int > 40 $$, 'not for strangers');
SELECT is_empty($$ SELECT item_id FROM longtail.recommend('both', 5, 60, 'xquad', 0.9) WHERE item_id::int > 40 $$, 'not by reranking');
SELECT is_empty($$ SELECT item_id FROM longtail.similar_items('both', 3, 100) WHERE item_id::int > 40 $$, 'not as similar');
SELECT set_eq($$ SELECT item_id::int FROM longtail.item_stats('both') $$, $$ SELECT DISTINCT i FROM train_part $$, 'not in item_stats');
SELECT is((SELECT max(popularity_rank) FROM longtail.item_stats('both')), (SELECT count(DISTINCT i)::int FROM train_part), 'ranks are among the source''s items');
SELECT train('refit', 'ease', '{"regularization": 20, "split": "none", "domain": {"source": "t.large"}}') \g /dev/null
SELECT set_eq($$ SELECT item_id::int, interactions FROM longtail.item_stats('refit') $$, $$ SELECT i, count(*)::float8 FROM train_part GROUP BY i $$,
              'interactions are the source''s');
SELECT ok(figure('refit', 'catalogue_coverage') = (SELECT count(DISTINCT item_id) FROM longtail.recommend_all('refit', 10)
                                                   WHERE user_id::int IN (SELECT u FROM test_part))::float8
          / (SELECT count(DISTINCT i) FROM train_part), 'denominators are the catalogue');
SELECT ok((SELECT count(*) FROM longtail.recommend('both', u, 10)) = 10, 'what only the other source says somebody has is recommended')
FROM (SELECT u FROM large WHERE i <= 40 LIMIT 1) x;
SELECT isnt_empty($$ SELECT FROM longtail.recommend_all('both', 20) r JOIN large l ON l.u = r.user_id::int AND l.i = r.item_id::int $$,
                  'by recommend_all as well');

-- ---- the split ----

-- Rows of the other source later than the cut would give the validation part away.
CREATE TABLE leak AS SELECT u, i, ts FROM small;
SELECT longtail.train(model, 't.small', 'ease', 'u', 'i', time_column => 'ts', options => '{"regularization": 20, "validation_fraction": 0.3, "refit": "never"}' || options)
FROM (VALUES ('time alone', '{}'::jsonb), ('time leak', '{"domain": {"source": "t.leak"}}')) o (model, options) \g /dev/null
SELECT ok(abs(a.validation_value - b.validation_value) < 0.02, 'rows later than the cut are not trained on: ' || a.validation_value || ', ' || b.validation_value)
FROM longtail.model_versions a, longtail.model_versions b WHERE a.model = 'time alone' AND b.model = 'time leak';
SELECT longtail.train(model, 't.small', 'mlp', 'u', 'i', options => '{"epochs": 5, "hidden": [], "features": ["-ts"]}' || options)
FROM (VALUES ('random alone', '{}'::jsonb), ('random leak', '{"domain": {"source": "t.leak"}}')) o (model, options) \g /dev/null
SELECT ok(b.validation_value < 0.6, 'nor pairs that a random split holds out: ' || b.validation_value)
FROM longtail.model_versions b WHERE b.model = 'random leak';

-- ---- labels, weights, life ----

CREATE TABLE rated AS SELECT u, i, likes(u, i, 'small') < 0.2 AS liked, 1 + 4 * noise('r', u::text, i::text) AS stars FROM generate_series(1, 60) u, generate_series(1, 20) i WHERE noise('has', u::text, i::text) < 0.3;
CREATE TABLE rated_there AS SELECT u, i, likes(u, i, 'large') < 0.2 AS liked, 1 + 4 * noise('s', u::text, i::text) AS stars FROM generate_series(1, 60) u, generate_series(1, 30) i;
SELECT r.* FROM unnest(ARRAY['liked', 'stars']) label, LATERAL longtail.train(label, 't.rated', 'mlp', 'u', 'i', label, options =>
    '{"epochs": 5, "hidden": [], "features": ["-liked", "-stars"], "domain": {"source": "t.rated_there", "weight": 2}}') r \g /dev/null
SELECT is_empty(format($$ SELECT FROM longtail.recommend(%L, 5, 100) WHERE item_id::int > 20 $$, label), 'with labels: ' || label)
FROM unnest(ARRAY['liked', 'stars']) label;
SELECT ok(promoted, 'retrain reads it again') FROM longtail.retrain('both');
SELECT throws_ok($$ SELECT train('bad', 'ease', '{"domain": {"source": "t.nowhere"}}') $$, '42P01', NULL, 'a relation that is not there');
SELECT matches(error_of(format($$ SELECT train('bad', 'ease', %L) $$, options)), said, options)
FROM (VALUES ('{"domain": {"source": "t.large", "weight": -1}}', 'option "domain_weight" must be'),
             ('{"domain": {"sorce": "t.large"}}', 'unknown option "domain_sorce"'),
             ('{"domain": "t.large"}', 'unknown option "domain"')) x (options, said);
CREATE VIEW other_items AS SELECT u, 'item ' || i AS i FROM large;
CREATE VIEW no_items AS SELECT u FROM large;
SELECT matches(error_of($$ SELECT train('bad', 'ease', '{"domain": {"source": "t.other_items"}}') $$), 'of another kind', 'ids of another kind');
SELECT matches(error_of($$ SELECT train('bad', 'ease', '{"domain": {"source": "t.no_items"}}') $$), 'does not exist', 'no items');
SELECT matches(error_of($$ SELECT longtail.train('bad', 't.rated', 'logistic', label_column => 'liked', options => '{"domain": {"source": "t.large"}}') $$),
               'needs user_column', 'no users');

SELECT * FROM finish();
