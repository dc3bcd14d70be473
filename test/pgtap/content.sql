-- content: new stock by its titles, over its own factors, an als model's and an ease model's; what cannot be.
\ir common.psql
\ir ../data/load.sql
\o /dev/null

-- Half a year of items that the shop had not sold before March 2011, and who of the customers until then bought them.
CREATE TABLE sold AS SELECT DISTINCT user_id, item_id FROM retail.purchases WHERE ts < '2011-03-01';
CREATE INDEX ON sold (user_id);
CREATE TABLE goods AS SELECT item_id, description AS title FROM retail.items WHERE first_sold < '2011-03-01';
CREATE TABLE stock AS SELECT item_id, description AS title FROM retail.items WHERE first_sold >= '2011-03-01';
CREATE TABLE later AS
SELECT DISTINCT user_id, item_id FROM retail.purchases JOIN stock USING (item_id)
WHERE ts >= '2011-03-01' AND user_id IN (SELECT user_id FROM sold);
CREATE TABLE asked AS
SELECT user_id, count(*)::int AS n FROM later GROUP BY user_id ORDER BY noise('asked', user_id::text) LIMIT 400;
ANALYZE;

-- Of the k items recommended, how many the user went on to buy, of how many there could be; alone: among new stock.
CREATE FUNCTION recall(m text, k int, alone bool) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE stocked text[] := (SELECT array_agg(item_id) FROM stock);
BEGIN
    RETURN (SELECT avg(least(1, hits::float8 / least(n, k))) FROM asked, LATERAL (
                SELECT count(*) AS hits FROM longtail.recommend(m, user_id, k, candidates => CASE WHEN alone THEN stocked END) r
                JOIN later USING (item_id) WHERE later.user_id = asked.user_id) l);
END $$;

SELECT longtail.train('popular', 'sold', 'popularity', 'user_id', 'item_id', item_features => 'goods');
SELECT longtail.train('als', 'sold', 'als', 'user_id', 'item_id');
SELECT longtail.train('ease', 'sold', 'ease', 'user_id', 'item_id');
SELECT longtail.train('own', 'sold', 'content', 'user_id', 'item_id', item_features => 'goods',
                      options => '{"text": ["title"]}');
SELECT longtail.train('on als', 'sold', 'content', 'user_id', 'item_id', item_features => 'goods',
                      options => '{"text": ["title"], "base": "als"}');
SELECT longtail.train('on ease', 'sold', 'content', 'user_id', 'item_id', item_features => 'goods',
                      options => '{"text": ["title"], "base": "ease"}');
CREATE TABLE before AS SELECT * FROM longtail.recommend('own', 13085, 20);
SELECT longtail.drop_model('als');
SELECT longtail.drop_model('ease');
INSERT INTO goods SELECT * FROM stock;
\o
SELECT is((SELECT new_items FROM longtail.refresh(m)), (SELECT count(*) FROM stock), m || ': stock taken in, the base gone')
FROM unnest('{popular,own,on als,on ease}'::text[]) m;
CREATE TABLE figures AS
SELECT m, recall(m, 10, true) AS of_stock, recall(m, 100, false) AS of_all FROM unnest('{popular,own,on als,on ease}'::text[]) m;
-- chance: 10 of the stock are shown, n of it are wanted
SELECT avg(10.0 * n / (SELECT count(*) FROM stock) / least(n, 10))::float8 AS chance FROM asked \gset
SELECT diag(format('recall@10 of new stock: %s %s, in lists of 100 of everything %s (chance %s)', m, round(of_stock::numeric, 4),
                   round(of_all::numeric, 4), round(:chance::numeric, 4))) FROM figures;
SELECT cmp_ok(of_stock, '>', 3 * greatest(:chance, (SELECT of_stock FROM figures WHERE m = 'popular')),
              m || ': new stock goes to those who buy it, three times as well as by chance or popularity')
FROM figures WHERE m <> 'popular';
SELECT ok(of_all > 0.01 AND (SELECT of_all FROM figures WHERE m = 'popular') = 0, m || ': and among everything else, where popularity shows none')
FROM figures WHERE m <> 'popular';
SELECT is((SELECT count(*) FROM before b JOIN longtail.recommend('own', 13085, 10000) r USING (item_id) WHERE abs(r.score - b.score) < 1e-5), 20::bigint,
          'what is there scores as before');

-- New stock in a history: a purchase of a moment ago, a basket.
SELECT item_id AS bag FROM stock WHERE title ILIKE '%lunch bag%' ORDER BY 1 LIMIT 1 \gset
SELECT cmp_ok(count(*) FILTER (WHERE title ILIKE '%lunch%'), '>=', 5::bigint, m || ': a basket with a new lunch bag brings lunch things')
FROM unnest('{own,on ease}'::text[]) m, longtail.recommend_basket(m, ARRAY[:'bag'], 10) JOIN goods USING (item_id) GROUP BY m;
SELECT cmp_ok(count(*) FILTER (WHERE title ILIKE '%lunch%'), '>=', 5::bigint, m || ': as do the items similar to it')
FROM unnest('{own,on ease}'::text[]) m, longtail.similar_items(m, :'bag', 10) JOIN goods USING (item_id) GROUP BY m;
CREATE TABLE just_before AS SELECT m, score FROM unnest('{own,on ease}'::text[]) m, longtail.recommend(m, 13085, 1, candidates => ARRAY['20725']);
INSERT INTO sold VALUES (13085, :'bag');
SELECT isnt(round(r.score::numeric, 5), round(b.score::numeric, 5), m || ': a new item just bought counts at once')
FROM just_before b, longtail.recommend(m, 13085, 1, candidates => ARRAY['20725'], exclude_seen => false) r;
SELECT cmp_ok(abs(sum(contribution) - (SELECT score FROM longtail.recommend(m, 13085, 1, candidates => ARRAY['20725'], exclude_seen => false))), '<', 1e-5::float8,
              m || ': explained by what the user has')
FROM unnest('{own,on ease}'::text[]) m, longtail.explain(m, 13085, '20725') GROUP BY m;

-- What cannot be.
SELECT matches(error_of($$ SELECT longtail.train('no', 'sold', 'content', 'user_id', 'item_id') $$),
               'algorithm "content" learns from features of items, and there are none.*Give item_features', 'no features');
SELECT matches(error_of($$ SELECT longtail.train('no', 'sold', 'content', 'user_id', 'item_id', item_features => 'goods', options => '{"base": "als"}') $$),
               'model "als" does not exist', 'no such base');
SELECT matches(error_of($$ SELECT longtail.train('no', 'sold', 'content', 'user_id', 'item_id', item_features => 'goods', options => '{"base": "popular"}') $$),
               'model "popular" is of algorithm "popularity", which has no vectors.*als or ease', 'a base without vectors');

SELECT finish();
