-- refresh: users and items that came after training.
\ir common.psql

CREATE TABLE bought AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) AS u, generate_series(1, 24) AS i
WHERE noise('b', u::text, i::text) < CASE WHEN u % 2 = i % 2 THEN 0.5 ELSE 0.08 END;
CREATE TABLE goods AS
SELECT i AS item_id, CASE i % 2 WHEN 0 THEN 'even' ELSE 'odd' END AS kind, i AS price FROM generate_series(1, 24) AS i;
CREATE TABLE people AS
SELECT u AS user_id, CASE u % 2 WHEN 0 THEN 'even' ELSE 'odd' END AS taste FROM generate_series(1, 60) AS u;
CREATE INDEX ON bought (user_id);
CREATE INDEX ON people (user_id);

SELECT lives_ok($$SELECT longtail.train('shop', 'bought', 'logistic', 'user_id', 'item_id',
    user_features => 'people', item_features => 'goods',
    options => '{"crosses": [["taste", "kind"]], "id_features": "both", "min_count": 1, "seed": 3}')$$, 'trained');
CREATE TABLE before AS SELECT * FROM longtail.recommend('shop', 7, 10);

SELECT results_eq($$SELECT * FROM longtail.refresh('shop')$$, $$VALUES (1, 0::bigint, 0::bigint)$$,
    'nothing new: the same version');

INSERT INTO goods VALUES (100, 'odd', 5), (101, 'even', 5), (102, 'odd', NULL);
INSERT INTO people VALUES (200, 'odd'), (201, 'even');
SELECT is(longtail.predict('shop', 7, 100), longtail.predict('shop', 7, 999), 'before: unknown as any other');
SELECT results_eq($$SELECT * FROM longtail.refresh('shop')$$, $$VALUES (2, 2::bigint, 3::bigint)$$, 'new ones: a version');
SELECT results_eq($$SELECT version, active, users, items, decision FROM longtail.model_versions WHERE model = 'shop'
                    AND version = 2$$,
    $$VALUES (2, true, 62::bigint, 27::bigint,
              'promoted: version 1 with 2 new user(s) and 3 new item(s)')$$, 'the version says so');
SELECT ok(longtail.predict('shop', 7, 100) > longtail.predict('shop', 7, 101), 'an odd user: the odd newcomer');
SELECT ok(longtail.predict('shop', 8, 100) < longtail.predict('shop', 8, 101), 'an even user: the even one');
SELECT ok((SELECT count(*) FROM longtail.recommend('shop', 7, 30) WHERE item_id IN ('100', '101', '102')) = 3,
    'all three can be recommended');
SELECT is((SELECT count(*) FROM longtail.recommend_all('shop', 3) WHERE user_id IN ('200', '201')), 6::bigint,
    'new users are among all of them');
SELECT is_empty($$SELECT item_id, score FROM before EXCEPT
                  SELECT item_id, score FROM longtail.recommend('shop', 7, 30)$$, 'the others score as before');
SELECT is((SELECT segment FROM longtail.item_stats('shop') WHERE item_id = '100'), 'tail', 'a newcomer is of the tail');
SELECT is((SELECT interactions FROM longtail.item_stats('shop') WHERE item_id = '100'), 0::float8, 'without interactions');
SELECT isnt((SELECT value FROM longtail.evaluate('shop', 'bought') WHERE metric = 'label_auc'), 'NaN', 'it evaluates');
SELECT ok((SELECT sum(contribution) FROM longtail.explain('shop', 200, 100)) -
          ln(longtail.predict('shop', 200, 100) / (1 - longtail.predict('shop', 200, 100))) BETWEEN -1e-5 AND 1e-5,
    'explanations add up');
SELECT lives_ok($$SELECT count(*) FROM longtail.coefficients('shop')$$, 'coefficients can be read');
SELECT results_eq($$SELECT * FROM longtail.refresh('shop')$$, $$VALUES (2, 0::bigint, 0::bigint)$$, 'once is enough');
SELECT lives_ok($$SELECT longtail.promote('shop', 1)$$, 'and back');

-- what goes wrong
INSERT INTO goods VALUES (300, 'odd', 1), (300, 'even', 1);
SELECT matches(error_of($$SELECT longtail.refresh('shop')$$), 'more than one row for "item_id" 300', 'a row twice');
DELETE FROM goods WHERE item_id = 300;
SELECT lives_ok($$SELECT longtail.train('bare', 'bought', 'logistic', 'user_id', 'item_id')$$, 'without features');
SELECT matches(error_of($$SELECT longtail.refresh('bare')$$), 'no user_features and no item_features', 'is refused');
SELECT is(longtail.refresh(NULL), NULL, 'NULL for NULL');
CREATE ROLE refresher;
GRANT USAGE ON SCHEMA t TO refresher;
SELECT longtail.grant_model('shop', 'refresher');
SET ROLE refresher;
SELECT matches(error_of($$SELECT longtail.refresh('shop')$$), 'owner|permission', 'only the owner refreshes');
RESET ROLE;
SELECT longtail.revoke_model('shop', 'refresher');
DROP OWNED BY refresher;
DROP ROLE refresher;
ALTER TABLE goods ALTER COLUMN kind TYPE timestamptz USING now();
INSERT INTO goods VALUES (400, now(), 1);
SELECT matches(error_of($$SELECT longtail.refresh('shop')$$), 'column "kind" of .* has another kind of type now',
    'a column of another type');

SELECT * FROM finish();
