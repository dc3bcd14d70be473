-- recommend_all within bounds on exposure.
\ir common.psql

CREATE TABLE bought AS SELECT u, i FROM generate_series(1, 150) u, generate_series(1, 60) i WHERE noise('has', u::text, i::text) < 4.0 / (i + 8);
CREATE TABLE items AS SELECT DISTINCT i, 'supplier ' || i % 7 AS supplier, CASE WHEN i % 5 = 0 THEN NULL WHEN i % 2 = 0 THEN ARRAY['even', 'all'] ELSE '{all}' END AS tags FROM bought;
ALTER TABLE items ADD PRIMARY KEY (i);
CREATE TABLE models (m text);
INSERT INTO models VALUES ('item_knn'), ('als'), ('popularity');
SELECT ok((longtail.train(m, 'bought', m, 'u', 'i', options => '{"split": "none"}')).promoted, m) FROM models;
CREATE VIEW plain AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 5) r;
CREATE TABLE least AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 5, min_exposure => 4) r;
CREATE TABLE bounded AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 5, max_head_share => 0.1) r;
CREATE TABLE exact AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 5, exclude_seen => false, min_exposure => 12) r;
CREATE TABLE together AS SELECT m, r.* FROM models, LATERAL longtail.recommend_all(m, 5, 'xquad', 0.3, min_exposure => 4, max_head_share => 0.15, popularity_exponent => 0.1) r;
CREATE VIEW lists AS SELECT 'least' AS l, * FROM least UNION ALL SELECT 'bounded', * FROM bounded UNION ALL SELECT 'exact', * FROM exact UNION ALL SELECT 'both', * FROM together;

CREATE FUNCTION shown(lists regclass) RETURNS TABLE (m text, item_id text, n bigint) LANGUAGE plpgsql AS $$ BEGIN
    RETURN QUERY EXECUTE format('SELECT m, i.item_id, (SELECT count(*) FROM %s l WHERE l.m = models.m AND l.item_id = i.item_id) FROM models, LATERAL longtail.item_stats(m) i', lists);
END $$;

-- ---- whatever the bounds, lists are lists ----
SELECT ok(bool_and(n = 5 AND ranks = '{1,2,3,4,5}' AND items = 5), l || ' of ' || m || ': five different items each')
FROM (SELECT l, m, user_id, count(*) AS n, array_agg(rank ORDER BY rank) AS ranks, count(DISTINCT item_id) AS items FROM lists GROUP BY 1, 2, 3) x GROUP BY l, m ORDER BY l, m;
SELECT is_empty($$ SELECT FROM lists JOIN bought ON u::text = user_id AND i::text = item_id WHERE l <> 'exact' $$, 'nothing that users have');
SELECT is(count(DISTINCT user_id), 150::bigint, 'every user has one') FROM least;
SELECT ok(bool_and(base_score = s.b), m || ': base scores are those of recommend') FROM lists JOIN models USING (m),
    LATERAL (SELECT r.base_score AS b FROM longtail.recommend(m, user_id, 60, exclude_seen => false) r WHERE r.item_id = lists.item_id) s GROUP BY m ORDER BY m;
SELECT ok(bool_and(score = base_score), 'the score is what orders the catalogue') FROM lists WHERE l <> 'both';
SELECT ok(bool_and(score <= before OR before IS NULL), l || ': and lists are in its order') FROM (SELECT *, lag(score) OVER (PARTITION BY l, m, user_id ORDER BY rank) AS before FROM lists) x WHERE l <> 'both' GROUP BY l ORDER BY l;

-- ---- the minimum ----
SELECT ok(min(n) >= 4, m || ': every item is shown four times') FROM shown('least') GROUP BY m ORDER BY m;
SELECT ok(min(n) >= 12, m || ': twelve times, nearly all there is room for') FROM shown('exact') GROUP BY m ORDER BY m;
SELECT ok(min(n) < 4, m || ': which is not so without') FROM shown('plain') GROUP BY m ORDER BY m;
SELECT ok(max(moved) <= ceil(4 * 60 / 750.0 / 0.95) * 2, m || ': nobody gives away more than their share') FROM (SELECT m, user_id, count(*) FILTER (WHERE p.item_id IS NULL) AS moved FROM least LEFT JOIN plain p USING (m, user_id, item_id) GROUP BY 1, 2) x GROUP BY m ORDER BY m;

-- ---- the head ----
SELECT ok(bool_and(heads <= 0.1 * places + 1e-9), m || ': a tenth of the places at most, up to every user') FROM (SELECT m, sum((segment = 'head')::int) OVER w AS heads, count(*) OVER w AS places FROM bounded WINDOW w AS (PARTITION BY m ORDER BY user_id::int)) x GROUP BY m ORDER BY m;
SELECT ok(avg((segment = 'head')::int) > 0.09, m || ': which are used') FROM bounded GROUP BY m ORDER BY m;
SELECT ok(avg((segment = 'head')::int) > 0.1, m || ': it was more') FROM plain GROUP BY m ORDER BY m;
SELECT is(count(*), 0::bigint, 'a share of 0 is none') FROM longtail.recommend_all('als', 5, max_head_share => 0) WHERE segment = 'head';

-- ---- both ----
SELECT ok(avg((segment = 'head')::int) <= 0.15, m || ': the head has its share') FROM together GROUP BY m ORDER BY m;
SELECT ok(min(n) >= 4, m || ': and every item its places, behind a method') FROM shown('together') GROUP BY m ORDER BY m;

-- ---- what does not bind changes nothing; the same call gives the same ----
SELECT results_eq($$ SELECT * FROM longtail.recommend_all('als', 5, min_exposure => 0, max_head_share => 1) $$, $$ SELECT * FROM longtail.recommend_all('als', 5) $$, 'bounds that say nothing');
SELECT results_eq($$ SELECT * FROM longtail.recommend_all('als', 5, 'mmr', 0.5, max_head_share => 0.99) $$, $$ SELECT * FROM longtail.recommend_all('als', 5, 'mmr', 0.5) $$, 'bounds that hold already, behind a method');
SELECT results_eq($$ SELECT * FROM longtail.recommend_all('als', 5, min_exposure => 4) $$, $$ SELECT user_id, item_id, score, base_score, rank, segment FROM least WHERE m = 'als' $$, 'again the same');

-- ---- values of an attribute ----
CREATE FUNCTION suppliers(minimum int, options jsonb) RETURNS TABLE (supplier text, n bigint) LANGUAGE SQL AS $$
    SELECT supplier, count(r.item_id) FROM items LEFT JOIN longtail.recommend_all('popularity', 5, min_exposure => minimum, options => options) r ON i::text = item_id GROUP BY 1 $$;
SELECT ok(min(n) >= 100, 'every supplier is shown a hundred times') FROM suppliers(100, '{"exposure_attribute": "supplier", "exposure_attributes": "items"}');
SELECT ok(min(n) < 100, 'which is not so without') FROM suppliers(NULL, '{}');
SELECT ok(count(*) FILTER (WHERE 'even' = ANY (tags)) >= 374 AND count(*) FILTER (WHERE 'all' = ANY (tags)) >= 374, 'of several values each counts')
FROM longtail.recommend_all('popularity', 5, min_exposure => 374, options => '{"exposure_attribute": "tags", "exposure_attributes": "items"}') JOIN items ON i::text = item_id;

-- ---- errors ----
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, min_exposure => 13, exclude_seen => false) $$), '150 lists of 5 cannot show each of 60 items 13 times . The largest minimum that they have room for is 12', 'more than there is room for');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, min_exposure => 1, max_head_share => 0) $$), 'head items, of which there are \d+, may have 0. . The largest .* is 0', 'head items cannot be shown without a share');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, min_exposure => -1) $$), 'min_exposure must be at least 0, not -1', 'less than nothing');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, max_head_share => 1.5) $$), 'max_head_share must be from 0 to 1, not 1.5', 'no share');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', 5, max_head_share => 'NaN') $$), 'max_head_share must be from 0 to 1, not NaN', 'no number');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', options => '{"exposure_attribute": "supplier", "exposure_attributes": "items"}') $$), 'goes with min_exposure, which is NULL', 'values of what');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', min_exposure => 1, options => '{"exposure_attributes": "items"}') $$), 'goes with option "exposure_attribute"', 'no column');
SELECT matches(error_of($$ SELECT longtail.recommend_all('als', min_exposure => 1, options => '{"exposure_attribute": "what", "exposure_attributes": "items"}') $$), 'what', 'no such column');

SELECT * FROM finish();
