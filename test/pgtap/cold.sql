-- cold: users and items that training did not know, on a split by time of the retail sample, for every recommender.
\ir common.psql
\ir ../data/load.sql
\o /dev/null

CREATE TABLE bought AS SELECT DISTINCT ON (user_id, item_id) user_id, item_id, ts FROM retail.purchases
WHERE ts < '2010-08-01' AND user_id % 3 = 0 ORDER BY user_id, item_id, ts DESC;
CREATE INDEX ON bought (user_id);
CREATE TABLE learn AS SELECT * FROM bought WHERE ts < '2010-06-01';
CREATE INDEX ON learn (user_id);
CREATE TABLE held AS SELECT * FROM bought WHERE ts >= '2010-06-01';
CREATE TABLE goods AS SELECT item_id, description AS title, price FROM retail.items WHERE first_sold < '2010-06-01';
CREATE TABLE stock AS
SELECT item_id, description AS title, price FROM retail.items WHERE first_sold >= '2010-06-01' AND first_sold < '2010-08-01';
-- who came after, with what they bought first; and who has bought nothing that is known
CREATE TABLE newcomers AS
SELECT user_id, min(item_id) AS item_id FROM held WHERE user_id NOT IN (SELECT user_id FROM learn)
AND item_id IN (SELECT item_id FROM learn) GROUP BY user_id ORDER BY user_id LIMIT 40;
ANALYZE;

CREATE TABLE shop (model text, options jsonb);
INSERT INTO shop SELECT name, CASE name
    WHEN 'mlp' THEN '{"epochs": 2, "features": ["-title"]}'
    WHEN 'logistic' THEN '{"features": ["-title"]}'
    WHEN 'content' THEN '{"text": ["title"]}'
    WHEN 'bpr' THEN '{"epochs": 5}'
    WHEN 'auto' THEN '{"algorithms": ["popularity", "rp3beta"]}'
    WHEN 'blend' THEN '{"models": ["ease", "content"], "weight": 0.7}'
    ELSE '{}' END::jsonb
FROM longtail.algorithms();
SELECT longtail.train(model, 'learn', model, 'user_id', 'item_id', time_column => 'ts', item_features => 'goods',
    options => options || '{"trend_exponent": 0.5}') FROM shop WHERE model <> 'blend';
SELECT longtail.train(model, 'learn', model, 'user_id', 'item_id', time_column => 'ts', item_features => 'goods',
    options => options) FROM shop WHERE model = 'blend';
\o

SELECT ok((SELECT count(*) FROM newcomers) = 40 AND (SELECT count(*) FROM stock) > 50, 'the split has both kinds');
-- Nobody gets fewer than k, nor the same twice, whatever is known of them.
CREATE FUNCTION full_lists(m text, k int) RETURNS bigint LANGUAGE SQL AS $$
    SELECT count(*) FROM (SELECT user_id FROM newcomers UNION ALL SELECT NULL UNION ALL SELECT -1) u, LATERAL (
        SELECT count(DISTINCT item_id) AS n, count(*) AS rows FROM longtail.recommend(m, u.user_id, k)) l
    WHERE n = k AND rows = k
$$;
SELECT is(full_lists(model, 10), 42::bigint, model || ': unknown users get full lists') FROM shop;
SELECT is((SELECT count(*) FROM longtail.recommend(model, -1, 100000)), (SELECT count(*) FROM goods),
    model || ': all of the catalogue when asked for') FROM shop;
CREATE TABLE unknown AS SELECT model, u.user_id, r.* FROM shop, newcomers u, LATERAL longtail.recommend(model, u.user_id) r;

-- A first purchase, committed or not, is seen at once by all that answer from histories.
INSERT INTO learn SELECT user_id, item_id, '2010-06-02' FROM newcomers;
SELECT is(full_lists(model, 10), 42::bigint, model || ': with one purchase as well') FROM shop;
SELECT is_empty(format($$SELECT 1 FROM newcomers u, LATERAL longtail.recommend(%L, u.user_id) r
                         WHERE r.item_id = u.item_id$$, model), model || ': but not what they have') FROM shop;
SELECT ok((SELECT count(*) FROM newcomers u WHERE (SELECT array_agg(r.item_id ORDER BY rank)
                                                   FROM longtail.recommend(s.model, u.user_id) r)
           IS DISTINCT FROM (SELECT array_agg(o.item_id ORDER BY rank) FROM unknown o
                             WHERE o.model = s.model AND o.user_id = u.user_id)) >= 38,
    model || ': one purchase changes the list') FROM shop s WHERE model NOT IN ('logistic', 'mlp', 'popularity', 'auto');

-- New stock is taken in without training, has its place in every list, and stands out of no list by its newness.
INSERT INTO goods SELECT * FROM stock;
SELECT is((SELECT new_items FROM longtail.refresh(model)), (SELECT count(*) FROM stock), model || ' takes in new stock')
FROM shop;
SELECT is((SELECT count(*) FROM longtail.recommend(model, user_id, 100000) r JOIN stock USING (item_id)),
    (SELECT count(*) FROM stock), model || ': and can recommend all of it') FROM shop, (SELECT min(user_id) AS user_id FROM newcomers) u;
SELECT is(full_lists(model, 10), 42::bigint, model || ': full lists after that') FROM shop;
SELECT is((SELECT count(*) FROM longtail.recommend(model, '-1', 5, candidates => (SELECT array_agg(item_id) FROM stock))),
    5::bigint, model || ': from new stock alone') FROM shop;
-- Measured with everybody the test has, known or not.
SELECT ok((SELECT value FROM longtail.evaluate(model, 'held', '{10}') WHERE metric = 'recall') > 0 AND
          (SELECT n FROM longtail.evaluate(model, 'held', '{10}') WHERE metric = 'recall') =
          (SELECT count(DISTINCT user_id) FROM held), model || ' is measured on all of them')
FROM shop WHERE model IN ('ease', 'als', 'content', 'popularity');

SELECT * FROM finish();
