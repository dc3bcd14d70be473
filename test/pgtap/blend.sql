-- blend: two stored models as one, through SQL.
\ir common.psql

CREATE TABLE bought AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 90) u, generate_series(1, 40) i
WHERE noise('b', u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.5 ELSE 0.05 END;
CREATE INDEX ON bought (user_id);
SELECT lives_ok(format($$ SELECT longtail.train(%L, 'bought', %L, 'user_id', 'item_id') $$, a, a), a || ' is trained')
FROM unnest('{ease,als,popularity}'::text[]) a;
CREATE FUNCTION blend(m text, o text) RETURNS longtail.training_result LANGUAGE SQL
AS $$ SELECT longtail.train(m, 'bought', 'blend', 'user_id', 'item_id', options => o::jsonb) $$;
CREATE FUNCTION scores(m text, u int) RETURNS TABLE (item_id text, score float8) LANGUAGE SQL
AS $$ SELECT item_id, score FROM longtail.recommend(m, u, 40, exclude_seen => false) $$;

SELECT lives_ok($$ SELECT blend('given', '{"models": ["ease", "als"], "weight": 0.3}') $$, 'a given weight');
SELECT lives_ok($$ SELECT blend('ranks', '{"models": ["ease", "als"], "weight": 0.3, "scale": "rank"}') $$, 'by ranks');
WITH s AS (
    SELECT item_id, (e.score - avg(e.score) OVER ()) / stddev_pop(e.score) OVER () AS ease,
           (a.score - avg(a.score) OVER ()) / stddev_pop(a.score) OVER () AS als,
           1 / (60.0 + rank() OVER (ORDER BY e.score DESC)) AS ease_rank, 1 / (60.0 + rank() OVER (ORDER BY a.score DESC)) AS als_rank
    FROM scores('ease', 7) e JOIN scores('als', 7) a USING (item_id))
SELECT ok(max(abs(g.score - 0.3 * ease - 0.7 * als)) < 1e-4, 'scores are 0.3 of one and 0.7 of the other, standardised') FROM s JOIN scores('given', 7) g USING (item_id)
UNION ALL
SELECT ok(max(abs(r.score - 0.3 * ease_rank - 0.7 * als_rank)) < 1e-5, 'or of their reciprocal ranks') FROM s JOIN scores('ranks', 7) r USING (item_id);

SELECT is((SELECT epochs FROM blend('learned', '{"models": ["ease", "popularity"]}')), 11, 'a learned weight: eleven are tried');
SELECT cmp_ok((SELECT validation_value FROM longtail.model_versions WHERE model = 'learned'), '>=',
              (SELECT validation_value FROM blend('half', '{"models": ["ease", "popularity"], "weight": 0.5}')), 'the one learned is as good as a half');
SELECT cmp_ok((SELECT validation_value FROM longtail.model_versions WHERE model = 'learned'), '>=',
              (SELECT validation_value FROM blend('none', '{"models": ["ease", "popularity"], "weight": 0}')), 'and as none of it');
SELECT lives_ok($$ SELECT blend('refitted', '{"models": ["ease", "popularity"], "refit": "always"}') $$, 'what was learned is kept when it is trained again on all rows');
SELECT results_eq($$ SELECT * FROM scores('refitted', 7) $$, $$ SELECT * FROM scores('learned', 7) $$, 'and scores so');
-- A part that was trained again on all rows has seen the validation part: what is measured has not.
SELECT longtail.train('ease again', 'bought', 'ease', 'user_id', 'item_id', options => '{"refit": "always"}') \g /dev/null
SELECT is((SELECT round(validation_value::numeric, 8) FROM blend('on again', '{"models": ["ease again", "popularity"], "weight": 1}')),
          (SELECT round(validation_value::numeric, 8) FROM longtail.model_versions WHERE model = 'ease again'), 'a blend is measured with weights that have not seen its rows');
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('on again', 7, 10)),
          (SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('ease again', 7, 10)), 'and serves what its models serve');
SELECT lives_ok($$ SELECT blend('searched', '{"models": ["ease", "popularity"], "search": {"scale": ["zscore", "rank"]}}') $$, 'a search over scales');
SELECT ok(abs(sum(contribution) - (SELECT score FROM scores('given', 7) WHERE item_id = '11')) < 1e-5 AND count(*) > 3, 'explanations of past items add up')
FROM longtail.explain('given', 7, 11);
SELECT is((SELECT count(*) FROM longtail.similar_items('given', 3, 5)), 5::bigint, 'similar items');
SELECT is((SELECT count(*) FROM longtail.recommend_basket('given', ARRAY[3, 7], 5)), 5::bigint, 'a basket');
SELECT is((SELECT count(*) FROM longtail.recommend('given', 12345, 5)), 5::bigint, 'somebody unknown');

CREATE TABLE before AS SELECT * FROM scores('given', 7);
SELECT longtail.drop_model(m) FROM unnest('{ease,als}'::text[]) m \g /dev/null
SELECT set_eq($$ SELECT * FROM scores('given', 7) $$, $$ SELECT * FROM before $$, 'dropping the models changes nothing');

SELECT matches(error_of($$ SELECT blend('no', '{"models": ["ease", "popularity"]}') $$), 'model "ease" does not exist', 'a model that is not there');
SELECT matches(error_of($$ SELECT blend('no', '{"models": ["popularity"]}') $$), 'a blend is of 2 models, and option "models" names 1', 'one model');
SELECT matches(error_of($$ SELECT blend('no', '{}') $$), 'a blend is of 2 models, and option "models" names 0.*For example', 'none');

SELECT finish();
