-- Pictures: well-formed, with the numbers they are of, whatever the names and the data.
\ir common.psql

-- A picture taken apart.
CREATE FUNCTION part(picture text, path text) RETURNS text[] LANGUAGE SQL
AS $$ SELECT array_agg(x.t ORDER BY x.o) FROM XMLTABLE(XMLNAMESPACES ('http://www.w3.org/2000/svg' AS s), path
          PASSING xmlparse(DOCUMENT picture) COLUMNS o FOR ORDINALITY, t text PATH '.') AS x $$;
CREATE FUNCTION title(picture text) RETURNS text LANGUAGE SQL AS $$ SELECT (part(picture, '/s:svg/s:title'))[1] $$;
CREATE FUNCTION about(picture text) RETURNS text LANGUAGE SQL AS $$ SELECT (part(picture, '/s:svg/s:desc'))[1] $$;
CREATE FUNCTION keys(picture text) RETURNS text[] LANGUAGE SQL
AS $$ SELECT part(picture, '//s:text[@class="lt-key"]') $$;
CREATE FUNCTION marks(picture text) RETURNS text[] LANGUAGE SQL
AS $$ SELECT part(picture, '//s:circle/s:title') $$;
CREATE FUNCTION strong(picture text) RETURNS text[] LANGUAGE SQL
AS $$ SELECT part(picture, '//s:text[@class="lt-mark lt-strong"]') $$;
CREATE FUNCTION percent(share float8) RETURNS text LANGUAGE SQL
AS $$ SELECT CASE WHEN share >= 0.0995 THEN round(share::numeric * 100)::text
                  ELSE trim_scale(round(share::numeric * 100, 1))::text END || chr(160) || '%' $$;

-- ---- predictions ----

CREATE TABLE labelled AS
SELECT i, noise('a', i::text) AS a, noise('b', i::text) AS b,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y
FROM generate_series(1, 1000) i;
CREATE VIEW learned AS SELECT a, b, y FROM labelled WHERE i <= 700;
CREATE VIEW held AS SELECT a, b, y FROM labelled WHERE i > 700;
SELECT longtail.train('labels', 'learned', 'logistic', label_column => 'y') \g /dev/null

-- Worked by hand: the curve goes up, right, up, right, a quarter less than everything below it.
CREATE TABLE small AS SELECT longtail.plot_roc('{0.9,0.8,0.3,0.1}', '{t,f,t,f}'::boolean[]) AS p;
SELECT is(title(p), 'ROC curve', 'the title') FROM small;
SELECT is(keys(p), ARRAY['by chance', 'AUC 0.750'], 'the area') FROM small;
SELECT ok(xmlparse(DOCUMENT p) IS DOCUMENT, 'an XML document') FROM small;
SELECT is((part(p, '/s:svg/@role'))[1], 'img', 'a picture to those who read it aloud') FROM small;
WITH d AS (
    SELECT regexp_split_to_array(ltrim((part(p, '//s:path[@class="lt-line lt-s1"]/@d'))[2], 'M'), '[L ]')::float8[] AS c FROM small
), places AS (
    SELECT round(((c[2 * i - 1] - c[1]) / (c[9] - c[1]))::numeric, 2)::float8 AS x,
           round(((c[2] - c[2 * i]) / (c[2] - c[10]))::numeric, 2)::float8 AS y, i
    FROM d, generate_series(1, 5) i
)
SELECT is(array_agg(ARRAY[x, y] ORDER BY i), '{{0,0},{0,0.5},{0.5,0.5},{0.5,1},{1,1}}'::float8[], 'the curve') FROM places;

SELECT is(keys(longtail.plot_roc('labels', 'held')),
          ARRAY['by chance', 'AUC ' || to_char(longtail.auc(longtail.predict('labels', h), h.y), 'FM0.000')],
          'the area of a model''s predictions') FROM held h;
SELECT is(part(longtail.plot_roc('labels', 'held'::regclass), '//s:path/@d'),
          part(longtail.plot_roc(array_agg(longtail.predict('labels', h)), array_agg(h.y)), '//s:path/@d'),
          'the same curve from arrays') FROM held h;
SELECT is(title(longtail.plot_roc('labels', 'held')), 'ROC curve of labels', 'whose it is');

WITH c AS (SELECT array_agg(longtail.predict('labels', h)) AS p, array_agg(h.y) AS y FROM held h),
     f AS (SELECT count(*) AS bins FROM (SELECT DISTINCT ceil(x * 10) FROM c, unnest(p) x) d),
     g AS (SELECT longtail.plot_calibration(p, y) AS svg FROM c)
SELECT is(ARRAY[cardinality(part(svg, '//s:g[@class="lt-dot lt-f1"]/s:circle/@r')),
                cardinality(part(svg, '//s:g[@class="lt-bar lt-f1"]/s:rect/@x'))], ARRAY[bins, bins]::integer[],
          'a point and a bar for each bin that has rows') FROM f, g;
SELECT is(part(longtail.plot_calibration('labels', 'held', 5), '//s:circle/@cy'),
          part(longtail.plot_calibration(array_agg(longtail.predict('labels', h)), array_agg(h.y), 5), '//s:circle/@cy'),
          'the same points of a model') FROM held h;
-- Two rows at 0.2, one of them positive: 0.3 off; two at 0.9, both positive: 0.1 off.
SELECT matches(about(longtail.plot_calibration('{0.2,0.2,0.9,0.9}', '{f,t,t,t}'::boolean[])),
               '4 predictions. What happened is 20.0 percentage points off', 'how far off, worked by hand');
SELECT ok(xmlparse(DOCUMENT longtail.plot_calibration('{0,1}', '{t,t}'::boolean[], 1)) IS DOCUMENT, 'one bin, one class');

SELECT matches(error_of($$ SELECT longtail.plot_roc('{}', '{}'::boolean[]) $$), 'needs both classes', 'nothing to plot');
SELECT matches(error_of($$ SELECT longtail.plot_roc('{1,2}', '{t,t}'::boolean[]) $$), 'needs both classes.*positive', 'one class');
SELECT matches(error_of($$ SELECT longtail.plot_roc('{1}', '{t,t}'::boolean[]) $$), 'differ in length', 'lengths');
SELECT matches(error_of($$ SELECT longtail.plot_roc('{1,NaN}', '{t,f}'::boolean[]) $$), 'scores\[2\] is NaN', 'NaN');
SELECT matches(error_of($$ SELECT longtail.plot_roc('{1,2}', '{t,NULL}'::boolean[]) $$), 'labels\[2\] is NULL', 'NULL');
SELECT matches(error_of($$ SELECT longtail.plot_calibration('{}', '{}'::boolean[]) $$), 'needs predictions', 'no predictions');
SELECT matches(error_of($$ SELECT longtail.plot_calibration('{1.5}', '{t}'::boolean[]) $$), 'scores\[1\] is 1.5.*from 0 to 1', 'no probability');
SELECT matches(error_of($$ SELECT longtail.plot_calibration('{0.5}', '{t}'::boolean[], 0) $$), 'bins is 0', 'no bins');
SELECT is(longtail.plot_roc(NULL::float8[], '{t}'::boolean[]), NULL, 'NULL gives NULL');
SELECT is(longtail.plot_calibration('{0.5}'::float8[], '{t}'::boolean[], NULL), NULL, 'of every argument');
SELECT matches(error_of($$ SELECT longtail.plot_roc('nobody', 'held') $$), 'model "nobody" does not exist', 'no model');
SELECT matches(error_of($$ SELECT longtail.plot_roc('labels', 'nowhere') $$), 'relation "nowhere" does not exist', 'no test');

-- ---- names ----

SELECT is(longtail.markup('<a href="x">&''' || chr(7) || chr(233)), '&#x3C;a href=&#x22;x&#x22;&#x3E;&#x26;&#x27;&#xFFFD;&#xE9;',
          'escaped, in ASCII');
SELECT is(longtail.markup(NULL), NULL, 'NULL');
SELECT is(longtail.markup(''), '', 'nothing');
\set hostile '</title><script>alert("&amp;")</script> ]]> '' \\'
SELECT longtail.train(:'hostile' || chr(1), 'learned', 'mlp', label_column => 'y',
                      options => '{"epochs": 6, "early_stopping": 2, "split": "random"}') \g /dev/null
CREATE TABLE hostile AS SELECT longtail.plot_training(:'hostile' || chr(1)) AS p;
SELECT is(title(p), 'Learning curve of ' || :'hostile' || chr(65533), 'every name is only a name') FROM hostile;
SELECT ok(p !~ '<script' AND p ~ '^[\n -~]*$', 'no script, and ASCII') FROM hostile;

-- ---- training ----

CREATE TABLE bought AS
SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.9 ELSE 0.1 END * CASE WHEN i <= 4 THEN 1 ELSE 0.5 END;
SELECT longtail.train('mf', 'bought', 'bpr', 'u', 'i', options => '{"epochs": 7, "split": "random"}') \g /dev/null
SELECT longtail.train('knn', 'bought', 'item_knn', 'u', 'i', options => '{"split": "none"}') \g /dev/null
SELECT longtail.train('stopped', 'learned', 'mlp', label_column => 'y', options =>
    '{"epochs": 40, "learning_rate": 0.05, "early_stopping": 2, "split": "random"}') \g /dev/null

SELECT is(cardinality(part(longtail.plot_training('mf'), '//s:clipPath/@id')), 2, 'a panel of losses, one of the metric');
SELECT is(cardinality(part(longtail.plot_training('stopped'), '//s:clipPath/@id')), 1, 'one when the metric is the loss');
SELECT is(strong(longtail.plot_training('stopped')), ARRAY['epoch ' || epoch || ' kept'], 'the epoch that was kept')
FROM longtail.training_log WHERE model = 'stopped' ORDER BY validation_loss LIMIT 1;
SELECT is(regexp_count((part(longtail.plot_training('mf', 1), '//s:path[@class="lt-line lt-s1"]/@d'))[2], '[ML]'), 7, 'a point an epoch');
SELECT matches(about(longtail.plot_training('mf', 1)), 'bpr, version 1: 7 epochs', 'what it is of');
SELECT matches(error_of($$ SELECT longtail.plot_training(NULL) $$), 'model must not be NULL', 'NULL');
SELECT matches(error_of($$ SELECT longtail.plot_training('mf', 2) $$), 'version 2', 'no such version');
SELECT matches(error_of($$ SELECT longtail.plot_training('knn') $$), 'no learning curve.*item_knn', 'nothing was learned in steps');
SELECT matches(error_of($$ SELECT longtail.plot_training('mf', 0) $$), 'at least 1', 'versions begin at 1');
SELECT matches(error_of($$ SELECT longtail.plot_training('nobody') $$), 'model "nobody" does not exist', 'no model');

-- ---- the long tail ----

CREATE TABLE tail AS SELECT longtail.plot_long_tail('knn', 5, 'quota', 0.5, '{"users": 0}') AS p;
WITH shares AS (
    SELECT a.segment, percent(plain) AS plain, percent(shown) AS shown
    FROM (SELECT segment, count(*) / sum(count(*)) OVER () AS plain FROM longtail.recommend_all('knn', 5, 'none', 0) GROUP BY 1) a
    JOIN (SELECT segment, count(*) / sum(count(*)) OVER () AS shown FROM longtail.recommend_all('knn', 5, 'quota', 0.5) GROUP BY 1) b
        USING (segment)
)
SELECT ok(keys(p) @> (SELECT array_agg(format('%s %s %s %s', segment, plain, chr(8594), shown)) FROM shares),
          'the segments'' shares are those of everybody''s lists') FROM tail;
SELECT ok(keys(p) @> (SELECT array_agg(format('%s: %s items', segment, n))
                      FROM (SELECT segment, count(*) AS n FROM longtail.item_stats('knn') GROUP BY 1) s), 'and their items')
FROM tail;
SELECT ok(keys(p) @> '{interactions,"lists, plain","lists, quota 0.5"}', 'three curves') FROM tail;
SELECT matches(about(p), 'all 60 users', 'of all users') FROM tail;
SELECT matches(about(longtail.plot_long_tail('knn', options => '{"users": 7}')), '7 of 60 users, spread evenly', 'or of some');
SELECT ok(keys(longtail.plot_long_tail('knn')) @> '{"lists, plain"}' AND NOT longtail.plot_long_tail('knn') ~ 'quota',
          'without a method the lists as they are');
SELECT is(longtail.plot_long_tail('knn', 5, 'random', 0.5), longtail.plot_long_tail('knn', 5, 'random', 0.5), 'always the same');
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn', 0) $$), 'k must be at least 1', 'k');
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn', NULL) $$), 'k must not be NULL', 'k');
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn', 5, 'quoat', 0.5) $$), 'unknown rerank method', 'method');
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn', 5, 'quota') $$), 'needs a strength', 'strength');
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn', options => '{"user": 3}') $$), 'users', 'an option nearly right');
SELECT isnt(error_of($$ SELECT longtail.plot_long_tail('labels') $$), NULL, 'only of recommenders');

CREATE TABLE least AS SELECT 1 AS u, 1 AS i;
SELECT longtail.train('least', 'least', 'popularity', 'u', 'i', options => '{"split": "none"}') \g /dev/null
SELECT ok(xmlparse(DOCUMENT longtail.plot_long_tail('least')) IS DOCUMENT, 'one item, which the one user has: empty lists');

-- ---- what the tail costs ----

CREATE TABLE test AS
SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise('test', u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.3 ELSE 0.02 END;
CREATE TABLE cost AS SELECT longtail.plot_tradeoff('knn', 'test', 5, 'popularity', '{0.2,0.5,1,2}') AS p;
SELECT is(cardinality(marks(p)), 5, 'a point a strength, and the plain lists') FROM cost;
SELECT ok((marks(p))[1] ~ '^strength' AND (SELECT count(*) = 5 FROM unnest(marks(p)) m
                                           JOIN longtail.tradeoff('knn', 'test', 5, 'popularity', '{0,0.2,0.5,1,2}') t
                                           ON m LIKE format('strength %s: tail %s, NDCG %%', t.strength, percent(t.aplt))),
          'each says its figures') FROM cost;
WITH t AS (SELECT *, ndcg >= 0.5 * max(ndcg) FILTER (WHERE strength = 0) OVER () AS fits
           FROM longtail.tradeoff('knn', 'test', 5, 'popularity', '{0,0.2,0.5,1,2}'))
SELECT is(strong(longtail.plot_tradeoff('knn', 'test', 5, 'popularity', '{0.2,0.5,1,2}', '{"ndcg_budget": 0.5}')),
          ARRAY[CASE strength WHEN 0 THEN 'plain' ELSE strength::text END], 'the most tail within the budget is marked')
FROM t WHERE fits ORDER BY aplt DESC, strength LIMIT 1;
SELECT is(strong(longtail.plot_tradeoff('knn', 'test', 5, 'none', '{0}')), '{plain}', 'only the plain lists');
SELECT ok(xmlparse(DOCUMENT longtail.plot_tradeoff('knn', 'least', 5)) IS DOCUMENT, 'a test of nothing new');
SELECT longtail.train('own', 'bought', 'item_knn', 'u', 'i', options => '{"split": "none", "rerank": {"method": "quota", "strength": 0.2}}') \g /dev/null
SELECT is(part(longtail.plot_tradeoff('own', 'test', 5, NULL, '{0,0.5}'), '//s:circle/@cx|//s:text[@class="lt-key"]'),
          part(longtail.plot_tradeoff('own', 'test', 5, 'quota', '{0,0.5}'), '//s:circle/@cx|//s:text[@class="lt-key"]'), 'the model''s own method');
SELECT matches(error_of($$ SELECT longtail.plot_tradeoff('knn', 'test', 5, options => '{"ndcg_budget": 2}') $$),
               'ndcg_budget.*from 0 to 1', 'a budget that is none');
SELECT matches(error_of($$ SELECT longtail.plot_tradeoff('knn', 'test', NULL) $$), 'k must not be NULL', 'NULL');
SELECT matches(error_of($$ SELECT longtail.plot_tradeoff('knn', 'test', 5, 'popularity', NULL) $$), 'strengths must not be NULL', 'NULL');

-- ---- several in one page, and rights ----

SELECT ok(count(DISTINCT id) = count(*), 'no two pictures share an id')
FROM unnest(part(format('<all xmlns="http://www.w3.org/2000/svg">%s%s%s%s</all>', (SELECT p FROM small), (SELECT p FROM tail),
                        (SELECT p FROM cost), (SELECT p FROM hostile)), '//@id')) id;
CREATE ROLE plot_stranger;
GRANT USAGE ON SCHEMA t TO plot_stranger;
SET ROLE plot_stranger;
SELECT matches(error_of($$ SELECT longtail.plot_long_tail('knn') $$), 'permission denied', 'a model that is not granted');
SELECT matches(error_of($$ SELECT longtail.plot_training('mf') $$), 'permission denied', 'nor its learning curve');
RESET ROLE;
SELECT longtail.grant_model('labels', 'plot_stranger') \g /dev/null
SET ROLE plot_stranger;
SELECT matches(error_of($$ SELECT longtail.plot_roc('labels', 'held') $$), 'permission denied', 'a test that may not be read');
RESET ROLE;

SELECT * FROM finish();
