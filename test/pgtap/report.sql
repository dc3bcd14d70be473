-- report: one page that parses, with what there is to say of each kind of model.
\ir common.psql

CREATE FUNCTION part(page text, path text) RETURNS text[] LANGUAGE SQL
AS $$ SELECT coalesce(array_agg(x.t ORDER BY x.o), '{}')
      FROM XMLTABLE(XMLNAMESPACES ('http://www.w3.org/1999/xhtml' AS h, 'http://www.w3.org/2000/svg' AS s), path
          PASSING xmlparse(DOCUMENT page) COLUMNS o FOR ORDINALITY, t text PATH '.') AS x $$;
CREATE FUNCTION headings(page text) RETURNS text[] LANGUAGE SQL AS $$ SELECT part(page, '//h:h2') $$;
CREATE FUNCTION pictures(page text) RETURNS text[] LANGUAGE SQL AS $$ SELECT part(page, '//s:svg/s:title') $$;
CREATE FUNCTION fact(page text, name text) RETURNS text LANGUAGE SQL
AS $$ SELECT (part(page, format('//h:table[@class="facts"]/h:tr[h:th="%s"]/h:td', name)))[1] $$;

CREATE TABLE bought AS
SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.9 ELSE 0.1 END * CASE WHEN i <= 4 THEN 1 ELSE 0.5 END;
CREATE TABLE test AS
SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE noise('test', u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.3 ELSE 0.02 END;
CREATE TABLE labelled AS
SELECT noise('a', i::text) AS a, CASE WHEN noise('b', i::text) < 0.5 THEN '<b>bold</b>' ELSE 'plain' END AS kind,
       noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y, 3 * noise('a', i::text) AS amount
FROM generate_series(1, 600) i;
CREATE VIEW flags AS SELECT a, kind, y FROM labelled;
CREATE VIEW amounts AS SELECT a, amount FROM labelled;

SELECT longtail.train('knn', 'bought', 'item_knn', 'u', 'i', options => '{"split": "none"}') \g /dev/null
SELECT longtail.train('reranked', 'bought', 'als', 'u', 'i', options =>
    '{"factors": 8, "rerank": {"method": "xquad", "strength": 0.5}}') \g /dev/null
SELECT longtail.train('searched', 'bought', 'item_knn', 'u', 'i', options => '{"search": {"neighbors": [5, 10, 20]}}') \g /dev/null
\set hostile '<img src=x onerror="alert(1)"> & ''co'''
SELECT longtail.train(:'hostile', 'flags', 'logistic', label_column => 'y') \g /dev/null
SELECT longtail.train('amount', 'amounts', 'mlp', label_column => 'amount', options => '{"epochs": 3}') \g /dev/null

CREATE TABLE page AS
SELECT name, longtail.report(name, test::regclass, 5) AS page
FROM (VALUES ('knn', 'test'), ('reranked', 'test'), ('searched', 'test'), (:'hostile', 'flags'), ('amount', 'amounts')) v (name, test);

SELECT ok(page LIKE '<!DOCTYPE html>%' AND xmlparse(DOCUMENT page) IS DOCUMENT, name || ': a page') FROM page;
SELECT ok(page !~ '<script' AND page !~ 'https?://(?!www\.w3\.org/)' AND page !~ '<(link|img)', name || ': stands alone') FROM page;
SELECT is(part(page, '//h:h1'), ARRAY[name], name || ': its name') FROM page;
SELECT is(headings(page), ARRAY['The model', 'Accuracy', 'The tail and the catalogue'] ||
                          CASE WHEN 'Other measures' = ANY (headings(page)) THEN '{Other measures}'::text[] ELSE '{}' END, 'a recommender')
FROM page WHERE name = 'knn';
SELECT is(pictures(page), '{The long tail of knn,What the tail costs: knn}', 'its pictures') FROM page WHERE name = 'knn';
SELECT is(ARRAY[fact(page, 'Algorithm'), fact(page, 'Users'), fact(page, 'Items'), fact(page, 'Source'), fact(page, 'Columns')],
          '{item_knn,60,40,bought,"user u, item i"}', 'what it is') FROM page WHERE name = 'knn';
SELECT is((part(page, '//h:tr[h:td="NDCG@5"]/h:td[2]'))[1], round(value::numeric, 4)::text, 'its NDCG')
FROM page, longtail.evaluate('knn', 'test', '{5}') WHERE name = 'knn' AND metric = 'ndcg';

SELECT is((part(page, '//h:tr[h:td="tail share@5"]/h:td[position() = 2 or position() = 3]')),
          ARRAY[round(served.value::numeric, 4)::text, round(plain.value::numeric, 4)::text], 'figures with and without reranking')
FROM page, longtail.evaluate('reranked', 'test', '{5}') served, longtail.evaluate('reranked', 'test', '{5}', 'none') plain
WHERE name = 'reranked' AND served.metric = 'aplt' AND plain.metric = 'aplt';
SELECT is(pictures(page), '{The long tail of reranked,What the tail costs: reranked,Learning curve of reranked}', 'with a learning curve')
FROM page WHERE name = 'reranked';
SELECT ok(page ~ 'xquad, by strength', 'the trade-off is of its own method') FROM page WHERE name = 'reranked';

SELECT ok('What was tried' = ANY (headings(page)), 'a search') FROM page WHERE name = 'searched';
SELECT is(part(page, '//h:tr[@class="chosen"]/h:td[2]'),
          (SELECT array_agg('neighbors ' || (options->>'neighbors')) FROM longtail.training_trials WHERE model = 'searched' AND chosen),
          'what was chosen') FROM page WHERE name = 'searched';

SELECT is(headings(page), '{The model,Accuracy,Coefficients}', 'a logistic model') FROM page WHERE name = :'hostile';
SELECT is(pictures(page), ARRAY['ROC curve of ', 'Calibration of ', 'Learning curve of '] , 'its pictures')
FROM (SELECT replace(page, longtail.markup(:'hostile'), '') AS page FROM page WHERE name = :'hostile') p;
SELECT ok(part(page, '//h:td') @> '{kind=<b>bold</b>}', 'features with hostile names') FROM page WHERE name = :'hostile';
SELECT is(headings(page), '{The model,Accuracy}', 'a model of amounts: no ROC') FROM page WHERE name = 'amount';

CREATE VIEW nothing AS SELECT * FROM test WHERE false;
CREATE VIEW one_class AS SELECT * FROM flags WHERE y;
SELECT is(pictures(longtail.report('knn', 'nothing')), '{The long tail of knn}', 'an empty test');
SELECT ok(NOT EXISTS (SELECT FROM unnest(pictures(longtail.report(:'hostile', 'one_class'))) t WHERE t LIKE 'ROC%'),
          'a test of one class');
SELECT matches(error_of($$ SELECT longtail.report('nobody', 'test') $$), 'model "nobody" does not exist', 'no model');
SELECT matches(error_of($$ SELECT longtail.report('knn', 'nowhere') $$), 'does not exist', 'no test');
SELECT matches(error_of($$ SELECT longtail.report(NULL, 'test') $$), 'must not be NULL', 'NULL');
SELECT matches(error_of($$ SELECT longtail.report('knn', 'test', NULL) $$), 'at least 1|must not be NULL', 'NULL');
SELECT matches(error_of($$ SELECT longtail.report('knn', 'flags') $$), 'column "u"', 'a test of something else');

SELECT * FROM finish();
