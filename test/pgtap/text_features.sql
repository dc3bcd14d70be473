-- text_features.sql: option text: titles read by words and parts of words, in training and ever after.
\ir common.psql

-- Teapots are bought, garden tools are not, in three languages; every title is its own.
CREATE TABLE titles AS
SELECT row_number() OVER ()::int AS id, format(t, c, n) AS title, good
FROM (VALUES ('%s ceramic Teapot no. %s', true), ('Чайник керамический %s № %s', true), ('陶瓷茶壶%s第%s号', true),
             ('%s garden hose, %s metres', false), ('Шланг садовый %s, %s метров', false), ('花园软管%s共%s米', false)) k(t, good),
     unnest('{red,blue,green,white,black}'::text[]) c, generate_series(1, 20) n
ORDER BY n, c, t;
CREATE TYPE just_title AS (title text);
CREATE FUNCTION likes(t text) RETURNS float8 LANGUAGE SQL AS $$ SELECT longtail.predict('titles', ROW(t)::just_title) $$;

-- As categories, nothing is learned of titles.
SELECT lives_ok($$ SELECT longtail.train('as categories', 'titles', 'logistic', label_column => 'good', options => '{"features": ["title"]}') $$, 'titles as categories');
SELECT set_eq($$ SELECT feature FROM longtail.coefficients('as categories') $$, $$ VALUES ('(intercept)'), ('title=(other)') $$, 'are all (other)');

SELECT lives_ok($$ SELECT longtail.train('titles', 'titles', 'logistic', label_column => 'good', options => '{"features": ["title"], "text": ["title"]}') $$, 'titles as text');
SELECT is((SELECT features FROM longtail.model_versions WHERE model = 'titles'), 4096, 'have text_buckets columns');
SELECT ok((SELECT validation_value FROM longtail.model_versions WHERE model = 'titles') < 0.3, 'validation: nearly all is known from them');
SELECT ok(likes('A yellow teapot, ceramic') > 0.8 AND likes('yellow garden hoses') < 0.2, 'new titles are judged by their words');
SELECT ok(likes('teapots and TEAPOTY') > 0.7 AND likes('gardenhose') < 0.3, 'and by parts of words');
SELECT ok(likes('Керамические чайники') > 0.7 AND likes('Садовые шланги') < 0.3, 'in Russian');
SELECT ok(likes('黄色陶瓷茶壶') > 0.7 AND likes('黄色花园软管') < 0.3, 'in Chinese, without spaces');
SELECT is(likes('CERAMIC TEAPOT'), likes('ceramic teapot'), 'case makes no difference');
SELECT is(likes('ЧАЙНИК'), likes('чайник'), 'of any alphabet') WHERE lower('Ч') = 'ч';
SELECT is(likes('teapot!   (ceramic)'), likes('teapot ceramic'), 'nor does what is between words');
SELECT is(likes(''), likes('~~~'), 'nothing is nothing');
SELECT ok(likes(NULL) BETWEEN 0.2 AND 0.8, 'NULL when training saw none is no error');
SELECT ok(likes(repeat('teapot ', 1500)) > 0.7, 'a long text');
SELECT is(likes(repeat('teapot ', 1428) || 'teap'), likes(repeat('teapot ', 100000)), 'of which the first 10,000 bytes are read');
SELECT is(likes(repeat('茶壶 ', 1428) || '茶'), likes(repeat('茶壶 ', 5000)), 'whole characters of them');
SELECT ok(count(*) BETWEEN 1 AND 4096 AND bool_and(feature ~ '^title~bucket [0-9]+$'), 'the columns say that they are buckets')
FROM longtail.coefficients('titles') WHERE feature <> '(intercept)';

-- Other text types, NULLs, fewer buckets, two texts.
CREATE DOMAIN name_of_a_thing AS text;
CREATE TABLE varied AS
SELECT good, title::varchar(80) AS v, title::char(60) AS c, title::name AS n, title::name_of_a_thing AS d,
       CASE WHEN id % 4 > 0 THEN title END AS sometimes, id % 3 AS number
FROM titles;
SELECT lives_ok(format($$ SELECT longtail.train(%L, 'varied', %L, label_column => 'good', options => '{"text": ["v", "c", "n", "d", "sometimes"], "text_buckets": 64%s}') $$, a, a, o), a || ' from five texts')
FROM (VALUES ('logistic', ''), ('mlp', ', "epochs": 5')) x(a, o);
SELECT is((SELECT features FROM longtail.model_versions WHERE model = a), 5 * 64 + 2, a || ': 64 columns each, is null, and a number')
FROM unnest('{logistic,mlp}'::text[]) a;
SELECT ok((SELECT corr(good::int, longtail.predict(a, r)) FROM varied r) > 0.8, a || ' tells its rows apart') FROM unnest('{logistic,mlp}'::text[]) a;
SELECT ok(longtail.predict('logistic', ROW(true, 'x', 'x', 'x', 'x', NULL, 1)::varied) BETWEEN 0 AND 1, 'NULL, which training saw, predicts');

-- Items that training never saw, by their titles; the encoding of the source's and the features relations' rows agrees.
CREATE TABLE shop AS SELECT id AS item_id, title FROM titles;
CREATE TABLE bought AS
SELECT u AS user_id, i.id AS item_id FROM generate_series(1, 60) u, titles i
WHERE i.good = (u % 2 = 0) AND noise(u::text, i.id::text) < 0.1;
CREATE TABLE people AS SELECT u AS user_id, CASE u % 2 WHEN 0 THEN 'tea' ELSE 'garden' END AS club FROM generate_series(1, 60) u;
INSERT INTO shop VALUES (1001, 'Ceramic teapot, yellow'), (1002, 'Garden hose, yellow');
SELECT lives_ok($$ SELECT longtail.train('shop', 'bought', 'mlp', user_column => 'user_id', item_column => 'item_id', user_features => 'people',
    item_features => 'shop', options => '{"text": ["title"], "epochs": 10}') $$, 'titles of items');
SELECT ok(longtail.predict('shop', 2, 1001) > longtail.predict('shop', 2, 1002) AND longtail.predict('shop', 1, 1002) > longtail.predict('shop', 1, 1001),
          'an item nobody bought goes to those who like its title');
SELECT lives_ok($$ SELECT longtail.retrain('shop') $$, 'text features retrain, compared with the version before');

-- What cannot be.
SELECT matches(error_of($$ SELECT longtail.train('no', 'varied', 'logistic', label_column => 'good', options => '{"text": ["number"]}') $$),
               'option "text" names "number", which is of type integer.*text types', 'numbers are no text');
SELECT matches(error_of($$ SELECT longtail.train('no', 'varied', 'logistic', label_column => 'good', options => '{"text": ["tilte"]}') $$),
               'option "text" names "tilte", which is no feature column', 'text names columns');
SELECT matches(error_of($$ SELECT longtail.train('no', 'varied', 'logistic', label_column => 'good', options => '{"text": ["v"], "text_buckets": 15}') $$),
               'option "text_buckets" must be a whole number from 16 to 1048576', 'buckets have bounds');
CREATE TABLE changed AS SELECT good, title FROM titles;
SELECT lives_ok($$ SELECT longtail.train('changed', 'changed', 'logistic', label_column => 'good', options => '{"text": ["title"]}') $$, 'a model of text');
ALTER TABLE changed ALTER title TYPE text[] USING ARRAY[title];
SELECT matches(error_of($$ SELECT longtail.predict('changed', c) FROM changed c $$), 'column "title" of the row has a type of another kind', 'whose column became another kind');
SELECT lives_ok($$ SELECT longtail.retrain('changed', '{"text": []}') $$, 'retrains without');

SELECT * FROM finish();
