-- trend: scores times what items gain lately.
\ir common.psql

-- Sixty items; those below 21 sold in the first ten weeks, those above 40 from then on, the others always.
CREATE TABLE bought AS
SELECT u, i, '2024-01-01'::timestamptz + interval '1 day' * (noise('day', u::text, i::text) * 98)::int AS ts
FROM generate_series(1, 200) AS u, generate_series(1, 60) AS i WHERE noise('has', u::text, i::text) < 0.15;
DELETE FROM bought WHERE CASE WHEN i < 21 THEN ts >= '2024-03-11' WHEN i > 40 THEN ts < '2024-03-11' END;
CREATE INDEX ON bought (u);
CREATE VIEW learn AS SELECT * FROM bought WHERE ts < '2024-04-01';
CREATE VIEW later AS SELECT * FROM bought WHERE ts >= '2024-04-01';
CREATE FUNCTION train(m text, source regclass, algorithm text, options jsonb, at name = 'ts') RETURNS bool LANGUAGE SQL AS $$
    SELECT (longtail.train(m, source, algorithm, 'u', 'i', time_column => at, options => '{"split": "none"}' || options)).promoted
$$;
CREATE FUNCTION ndcg(m text, options jsonb = '{}') RETURNS float8 LANGUAGE SQL AS $$
    SELECT value FROM longtail.evaluate(m, 'later', '{10}', options => options) WHERE metric = 'ndcg'
$$;

SELECT ok(train('plain', 'learn', 'ease', '{}'), 'without');
SELECT ok(train('trend', 'learn', 'ease', '{"trend_exponent": 1}'), 'with a trend');
-- what it is, reckoned in SQL: of the latest time of each pair
CREATE VIEW reckoned AS
SELECT i, ln((r / sum(r) OVER () + 0.1 * n / sum(n) OVER ()) / 1.1 / (n / sum(n) OVER ())) AS trend
FROM (SELECT i, count(*)::float8 AS n,
             sum(0.5 ^ (extract(epoch FROM last - ts) / 86400 / 7)::float8) AS r
      FROM learn, (SELECT max(ts) AS last FROM learn) l GROUP BY i) c;
SELECT ok(bool_and(abs(ln(s.trend) - r.trend) < 0.02), 'item_stats has the trend')
FROM longtail.item_stats('trend') s JOIN reckoned r ON r.i::text = s.item_id;
SELECT ok(min(trend) FILTER (WHERE item_id::int > 40) > max(trend) FILTER (WHERE item_id::int < 21), 'what is new rises')
FROM longtail.item_stats('trend');
SELECT ok(bool_and(abs(r.score - CASE WHEN base_score > 0 THEN base_score * trend ELSE base_score / trend END) < 1e-6),
    'scores are multiplied, negative ones divided')
FROM generate_series(1, 20) u, LATERAL longtail.recommend('trend', u, 60) r JOIN longtail.item_stats('trend') USING (item_id);
SELECT results_eq($$SELECT item_id, base_score FROM longtail.recommend('trend', 3, 60) ORDER BY 1$$,
                  $$SELECT item_id, score FROM longtail.recommend('plain', 3, 60) ORDER BY 1$$, 'base scores are those without');
SELECT ok(ndcg('trend') > 1.05 * ndcg('plain'), format('later rows are met better: %s, was %s', ndcg('trend'), ndcg('plain')));
SELECT is(ndcg('plain', '{"trend_exponent": 1}'), ndcg('trend'), 'evaluate can try it on a model that has none');
SELECT isnt(ndcg('trend', '{"trend_exponent": 0.3}'), ndcg('trend'), 'the exponent acts');
SELECT ok(train('smooth', 'learn', 'ease', '{"trend_exponent": 1, "trend_smoothing": 100}'), 'smoothed');
SELECT ok(max(abs(trend - 1)) < 0.1, 'towards 1') FROM longtail.item_stats('smooth');
SELECT ok(train('slow', 'learn', 'ease', '{"trend_exponent": 1, "trend_half_life": 30}'), 'a month');
SELECT ok((SELECT stddev(ln(trend)) FROM longtail.item_stats('slow')) < (SELECT stddev(ln(trend)) FROM longtail.item_stats('trend')),
    'moves slower');
SELECT ok(train('log odds', 'learn', 'bpr', '{"trend_exponent": 2, "epochs": 2}'), 'of a model with log-odds');
SELECT ok(bool_and(abs(ln(score / (1 - score)) - ln(base_score / (1 - base_score)) - 2 * ln(trend)) < 1e-3), 'the exponent times its logarithm is added')
FROM longtail.recommend('log odds', 5, 20) JOIN longtail.item_stats('log odds') USING (item_id);
SELECT ok(train('sold', 'learn', 'popularity', '{"trend_exponent": 1}'), 'for everybody alike');
SELECT ok(bool_and(item_id::int > 20), 'unknown users get what sells now') FROM longtail.recommend('sold', -1, 10);

-- a search chooses it, on rows that came later
SELECT longtail.train('chosen', 'bought', 'ease', 'u', 'i', time_column => 'ts',
    options => '{"search": {"trend_exponent": [0, 1], "trend_half_life": [7, 14]}}') \g /dev/null
SELECT is((SELECT options->>'trend_exponent' FROM longtail.model_versions WHERE model = 'chosen'), '1', 'a search finds it');
SELECT is((SELECT count(*) FROM longtail.training_trials WHERE model = 'chosen'), 3::bigint, 'and tries no trend once');

-- one row that is dated wrong, of many
CREATE VIEW misdated AS SELECT u, i, ts FROM learn UNION ALL SELECT 201, 1, '2099-01-01';
SELECT ok(train('misdated', 'misdated', 'ease', '{"trend_exponent": 1}'), 'a row of the future');
SELECT ok(count(*) > 1000, 'among a thousand') FROM misdated;
SELECT ok(abs(ln(a.trend) - ln(b.trend)) < 0.05, 'changes nothing for others')
FROM longtail.item_stats('misdated') a JOIN longtail.item_stats('trend') b USING (item_id) WHERE item_id = '50';
-- without times
SELECT ok(train('timeless', 'learn', 'ease', '{"features": ["-ts"]}', NULL), 'no time column');
SELECT ok(bool_and(trend IS NULL), 'no trend') FROM longtail.item_stats('timeless');
SELECT matches(error_of($$SELECT train('timeless', 'learn', 'ease', '{"trend_exponent": 1, "features": ["-ts"]}', NULL)$$),
    'trend_exponent.*Give time_column', 'asked for, it is an error');
SELECT matches(error_of($$SELECT train('bad', 'learn', 'ease', '{"trend_exponent": -1}')$$), 'trend_exponent.*from 0 to 10', 'below 0');

SELECT * FROM finish();
