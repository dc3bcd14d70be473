-- health.sql: longtail.health: quiet while nothing changes, loud about what does, and what it says where it cannot know.
\ir common.psql

-- ---- a shop: 60 days of the same, then as the tests will have it ----
CREATE TABLE users AS SELECT u AS user_id, (ARRAY['Austria', 'Chile', 'Iceland', 'Kenya'])[1 + u % 4] AS country, 18 + u % 50 AS age FROM generate_series(1, 600) u;
CREATE TABLE items AS SELECT i AS item_id, exp(i % 40 / 10.0) AS price, ARRAY[sin(i), cos(i), sin(i * 7)]::real[] AS picture, ARRAY['tag' || i % 5, 'mark' || i % 3] AS tags FROM generate_series(1, 200) i;
-- 250 rows a day; each user comes for the first time on some day of the first 80, and then any day
CREATE TABLE shop AS
SELECT n AS id, 1 + floor(least(600, 300 + 300 * d / 80.0) * noise('user', n::text))::int AS user_id, 1 + floor(200 * power(noise('item', n::text), 2.5))::int AS item_id,
       '2024-01-01'::timestamptz + d * interval '1 day' + noise('at', n::text) * interval '1 day' AS at,
       (ARRAY['web', 'app', 'mail'])[1 + floor(3 * power(noise('channel', n::text), 1.5))::int] AS channel, round((20 * noise('basket', n::text))::numeric, 2) AS basket,
       extract(dow FROM '2024-01-01'::date + d)::int AS weekday
FROM (SELECT n, n / 250 AS d FROM generate_series(0, 250 * 90 - 1) n) rows;
CREATE VIEW past AS SELECT * FROM shop WHERE at < '2024-03-01';
CREATE VIEW live AS SELECT * FROM shop;
SELECT ok((longtail.train('shop', 'past', 'logistic', 'user_id', 'item_id', time_column => 'at', user_features => 'users', item_features => 'items',
                          options => '{"features": ["-id"], "categorical": ["weekday"], "epochs": 3}')).promoted, 'trained on the first 60 days');
SELECT is(longtail.error, NULL, 'no error') FROM (SELECT error_of($$ CREATE OR REPLACE VIEW past AS SELECT * FROM shop $$) AS error) longtail;

CREATE FUNCTION health(at text, more jsonb DEFAULT '{}', model text DEFAULT 'shop', period interval DEFAULT '1 day')
RETURNS TABLE (measure text, subject text, value float8, threshold float8, status text, detail text) LANGUAGE SQL
AS $$ SELECT * FROM longtail.health(model, period => period, options => jsonb_build_object('at', at) || more) $$;
CREATE FUNCTION status(measure text, subject text, at text, more jsonb DEFAULT '{}', model text DEFAULT 'shop') RETURNS text LANGUAGE SQL
AS $$ SELECT status FROM health(at, more, model) h WHERE h.measure = $1 AND h.subject IS NOT DISTINCT FROM $2 $$;

SELECT set_eq($$ SELECT measure, subject FROM health('2024-03-05') $$,
    $$ VALUES ('age', NULL), ('newer_rows', NULL), ('rows', NULL), ('unknown_users', NULL), ('unknown_items', NULL), ('popularity', 'segments'), ('popularity', 'items'), ('drift', 'channel'), ('drift', 'basket'), ('drift', 'weekday'),
        ('drift', 'country'), ('drift', 'age'), ('drift', 'price'), ('drift', 'picture'), ('drift', 'tags'), ('coverage', 'lists'), ('validation', 'ndcg'), ('held_back', NULL) $$, 'what is measured');

-- ---- nothing has changed: 29 days, 15 measures of each that could raise an alarm ----
CREATE TEMP TABLE quiet AS SELECT d, h.* FROM generate_series(1, 29) d, health(('2024-03-01'::date + d)::text, '{"max_age": 1e6}') h;
SELECT is_empty($$ SELECT d, measure, subject, value, threshold, status FROM quiet WHERE status <> 'ok' AND measure <> 'newer_rows' $$, 'no false alarm on 29 days of the same');
SELECT cmp_ok(count(*), '>', 400::bigint, 'of many judgements') FROM quiet WHERE status = 'ok' AND threshold IS NOT NULL;
SELECT ok(bool_or(status = 'ok') AND max(value) > 1, 'each day has one day of the week, as in training') FROM quiet WHERE subject = 'weekday';
SELECT ok(min(value) > 0.01 AND max(value) < 0.5, 'some users are new every day') FROM quiet WHERE measure = 'unknown_users';
SELECT is(max(value), 250::float8, 'rows a day') FROM quiet WHERE measure = 'rows';
SELECT is((SELECT value FROM quiet WHERE measure = 'newer_rows' AND d = 10), (SELECT count(*) FILTER (WHERE at >= '2024-03-01' AND at < '2024-03-11') / 15000.0 FROM shop)::float8, 'newer rows, as a share of those trained on');
SELECT is(count(*), 0::bigint, 'nor of weeks') FROM health('2024-03-25', '{"max_age": 1e6}', period => '7 days') WHERE status <> 'ok' AND measure <> 'newer_rows';
-- the profile is of relations as they were read: the same ids now, the same values
SELECT ok(max(value) < 1e-20, 'features of the same users and items have not moved at all') FROM quiet WHERE subject IN ('country', 'age', 'price', 'picture', 'tags');

-- ---- something has: 10 days from March 10 on ----
CREATE VIEW weekdays AS SELECT user_id, item_id, at FROM shop WHERE weekday > 0 AND at < '2024-03-09';
SELECT ok((longtail.train('closed', 'weekdays', 'popularity', 'user_id', 'item_id', time_column => 'at', options => '{"split": "none"}')).promoted, 'closed on Sundays');
CREATE TABLE before AS TABLE shop;
CREATE FUNCTION changed(assignment text, probe text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'UPDATE shop SET ' || assignment || ' WHERE at >= ''2024-03-10''';
    RETURN QUERY SELECT concat_ws(' ', measure, subject, h.status) FROM health('2024-03-15', '{"max_age": 1e6}') h WHERE h.status NOT IN ('ok', 'unknown') ORDER BY 1;
    UPDATE shop SET (user_id, item_id, channel, basket) = (SELECT b.user_id, b.item_id, b.channel, b.basket FROM before b WHERE b.id = shop.id) WHERE at >= '2024-03-10';
END $$;
CREATE INDEX ON before (id);
SELECT is(array_agg(c), '{drift basket act}', 'prices in another currency') FROM changed('basket = basket * 7', 'basket') c;
SELECT is(array_agg(c), '{drift basket act}', 'NULL half of the time') FROM changed('basket = CASE WHEN id % 2 = 0 THEN basket END', 'basket') c;
SELECT is(array_agg(c), '{drift basket act}', 'a constant') FROM changed('basket = 5', 'basket') c;
SELECT is(array_agg(c), '{drift channel act}', 'categories spelled otherwise') FROM changed('channel = upper(channel)', 'channel') c;
SELECT is(array_agg(c), '{drift channel act}', 'another mixture of categories') FROM changed('channel = CASE WHEN id % 3 > 0 THEN ''mail'' ELSE channel END', 'channel') c;
SELECT is(array_agg(c), '{popularity items act,popularity segments act}', 'the tail sells') FROM changed('item_id = 201 - item_id', '') c;
SELECT ok('unknown_users act' = ANY (array_agg(c)), 'others come') FROM changed('user_id = user_id + 100000', '') c;
SELECT is(array_agg(c), '{unknown_items act}', 'new items half of the time') FROM changed('item_id = CASE WHEN id % 2 = 0 THEN item_id + 1000 ELSE item_id END', '') c;
SELECT matches(detail, '^channel=|^never seen in training: 0.0 % of rows in training, 100.0 % of 250 now', 'what it is that changed')
FROM (SELECT error_of($$ UPDATE shop SET channel = 'phone' WHERE at >= '2024-03-10' $$)) u, health('2024-03-15') WHERE subject = 'channel' AND value > 0;
UPDATE shop SET channel = b.channel FROM before b WHERE b.id = shop.id AND shop.channel = 'phone';
CREATE TABLE late AS SELECT * FROM shop WHERE at >= '2024-03-10';
DELETE FROM shop WHERE at >= '2024-03-10';
SELECT is(status('rows', NULL, '2024-03-15'), 'act', 'no rows at all');
SELECT is(status('drift', 'basket', '2024-03-15'), 'unknown', 'of which nothing can be said');
SELECT is((SELECT status || ' ' || detail FROM health('2024-03-15', '{}', 'closed') WHERE measure = 'rows'), 'act no rows for 6.0 days', 'a shop with closed days');
SELECT is((SELECT status FROM health('2024-03-11', '{}', 'closed') WHERE measure = 'rows'), 'ok', 'which may be one');
SELECT is((SELECT status FROM health('2024-03-12', '{}', 'closed') WHERE measure = 'rows'), 'act', 'but a Monday is none');
SELECT matches(detail, 'had at least [0-9]+ on the same days of the week', 'which is said') FROM health('2024-03-12', '{}', 'closed') WHERE measure = 'rows';
SELECT is(status('coverage', 'lists', '2024-03-15'), 'unknown', 'and for whose users no lists are made');
INSERT INTO shop SELECT * FROM late WHERE id % 5 = 0;
SELECT is(status('rows', NULL, '2024-03-15'), 'watch', 'a fifth of the rows');
INSERT INTO shop SELECT * FROM late WHERE id % 5 <> 0;
INSERT INTO shop SELECT l.* FROM late l, generate_series(1, 2);
SELECT is(status('rows', NULL, '2024-03-15'), 'watch', 'three times as many');
DELETE FROM shop WHERE at >= '2024-03-10';
INSERT INTO shop TABLE late;
-- relations of features
UPDATE users SET country = lower(country);
SELECT is(status('drift', 'country', '2024-03-15'), 'act', 'features of users');
UPDATE users SET country = initcap(country), age = NULL WHERE user_id % 2 = 0;
UPDATE users SET country = initcap(country);
SELECT is(status('drift', 'country', '2024-03-15') || status('drift', 'age', '2024-03-15'), 'okact', 'lost by a join');
UPDATE items SET picture = ARRAY[3 + sin(item_id * 3), 2, 1]::real[];
SELECT is(status('drift', 'picture', '2024-03-15'), 'act', 'vectors of another kind');
SELECT set_eq($$ SELECT DISTINCT subject, substring(detail, ' of (rows|users|items) in training') FROM health('2024-03-15') WHERE measure = 'drift' AND subject IN ('basket', 'age', 'price') $$,
              $$ VALUES ('basket', 'rows'), ('age', 'users'), ('price', 'items') $$, 'of what the column is');
DELETE FROM items WHERE item_id % 2 = 0;
SELECT is(status('drift', 'price', '2024-03-15') || status('drift', 'tags', '2024-03-15'), 'actact', 'half of the catalogue is gone');

-- ---- age, held back versions ----
SELECT is(status('age', NULL, (now() + interval '45 days')::text), 'watch', 'old');
SELECT is(status('age', NULL, (now() + interval '65 days')::text), 'act', 'very old');
SELECT is(status('age', NULL, (now() + interval '65 days')::text, '{"max_age": 70}'), 'ok', 'for this model it is not');
SELECT is(status('newer_rows', NULL, '2024-03-29'), 'ok', 'not quite half as many rows again');
INSERT INTO shop SELECT l.* FROM late l, generate_series(1, 1);
SELECT is(status('newer_rows', NULL, '2024-03-29'), 'watch', 'more than that');
DELETE FROM shop WHERE at >= '2024-03-10';
INSERT INTO shop TABLE late;
CREATE TABLE bad AS SELECT 1 + id % 300 AS user_id, 1 + id % 200 AS item_id, at FROM shop WHERE id < 3000;
SELECT ok((longtail.train('held', 'bad', 'item_knn', 'user_id', 'item_id', time_column => 'at', options => '{"promote": "if_better"}')).promoted, 'a model');
SELECT is(status('held_back', NULL, '2024-01-13', model => 'held'), 'ok', 'nothing came after it');
SELECT ok(NOT (longtail.retrain('held', '{"popularity_exponent": 5}')).promoted, 'a version that is held back');
SELECT is(status('held_back', NULL, '2024-01-13', model => 'held'), 'watch', 'is told');
SELECT ok(NOT (longtail.retrain('held', '{"promote": "never"}')).promoted, 'one that was not to be served');
SELECT is((SELECT value FROM health('2024-01-13', '{}', 'held') WHERE measure = 'held_back'), 1::float8, 'is not');
SELECT is(longtail.import_model('held', longtail.export_model('held')), 4, 'nor one that came from elsewhere');
SELECT is((SELECT value FROM health('2024-01-13', '{}', 'held') WHERE measure = 'held_back'), 1::float8, 'and waits for a person');
SELECT ok(NOT (longtail.retrain('held', '{"popularity_exponent": 6}')).promoted AND NOT (longtail.retrain('held', '{"popularity_exponent": 7}')).promoted, 'two more');
SELECT is(status('held_back', NULL, '2024-01-13', model => 'held'), 'act', 'three in a row');
SELECT is(status, 'unknown', 'no validation figure') FROM health('2024-01-13', '{}', 'held') WHERE measure = 'validation';
SELECT is(status, 'ok', 'or its ' || subject) FROM health('2024-01-13') WHERE measure = 'validation';

-- ---- coverage by a log ----
CREATE TABLE log AS SELECT 1 + (n * 7 + d * 13) % 150 AS item_id, '2024-03-01'::timestamptz + d * interval '1 day' + n * interval '5 minutes' AS at FROM generate_series(0, 13) d, generate_series(0, 199) n;
CREATE FUNCTION covered(at text) RETURNS text LANGUAGE SQL AS $$ SELECT status || ' ' || value FROM longtail.health('shop', 'log', time_column => 'at', options => jsonb_build_object('at', at)) WHERE measure = 'coverage' $$;
SELECT is(covered('2024-03-10'), 'ok 0.75', '150 of 200 items, as on the days before');
UPDATE log SET item_id = 1 + item_id % 60 WHERE at >= '2024-03-13';
SELECT is(covered('2024-03-14'), 'watch 0.3', 'less than half of what it was');
UPDATE log SET item_id = 1 + item_id % 10 WHERE at >= '2024-03-13';
SELECT is(covered('2024-03-14'), 'act 0.05', 'ten items for everybody');
SELECT is(covered('2024-03-16'), 'act 0', 'no impressions any more');
SELECT is(covered('2024-03-02'), 'unknown 0.75', 'none before');
SELECT is((SELECT status || subject FROM longtail.health('shop', 'log') WHERE measure = 'coverage'), 'unknownlog', 'no times');

-- ---- where it cannot know ----
DELETE FROM longtail.model_data WHERE part = 'profile' AND model_id = (SELECT model_id FROM longtail.model WHERE name = 'held');
SELECT is(status, 'unknown', 'a version that an earlier release stored has no profile') FROM health('2024-01-13', '{}', 'held') WHERE measure = 'drift';
SELECT matches(detail, 'an earlier release stored it', 'which is said') FROM health('2024-01-13', '{}', 'held') WHERE measure = 'drift';
SELECT is(status('unknown_users', NULL, '2024-01-13', model => 'held'), 'ok', 'the rest is measured');
CREATE TABLE churn AS SELECT n AS id, noise('a', n::text) AS a, CASE WHEN n % 10 > 0 THEN 'k' || n % 3 END AS kind, n % 2 = 0 AS flag, noise('a', n::text) + noise('y', n::text) > 1 AS y FROM generate_series(1, 2000) n;
SELECT ok((longtail.train('churn', 'churn', 'logistic', label_column => 'y', options => '{"features": ["-id"]}')).promoted, 'a supervised model without times');
SELECT is_empty($$ SELECT * FROM longtail.health('churn') WHERE status IN ('watch', 'act') $$, 'of all rows, which are the same');
SELECT is(array_agg(subject ORDER BY subject), '{a,flag,kind,y}', 'features and the label') FROM longtail.health('churn') WHERE measure = 'drift';
UPDATE churn SET y = true, flag = NULL;
SELECT is(array_agg(subject || status ORDER BY subject), '{aok,flagact,kindok,yact}', 'changed') FROM longtail.health('churn') WHERE measure = 'drift';
ALTER TABLE churn ADD at timestamptz DEFAULT '2024-01-01';
UPDATE churn SET at = '2024-02-01' WHERE id <= 300;
UPDATE churn SET y = false WHERE id > 300;
SELECT is((SELECT detail FROM longtail.health('churn', options => '{"at": "2024-02-01 12:00", "source_time_column": "at"}') WHERE measure = 'rows'), 'rows a day in the period; training has no days to compare it with', 'a time column of its own');
UPDATE churn SET a = 'infinity' WHERE id = 5;
SELECT is(status || value, 'act1', 'what the next training will fail at') FROM longtail.health('churn') WHERE measure = 'source' AND subject = 'a';
ALTER TABLE churn DROP kind;
SELECT is(status, 'act', 'a column is gone') FROM longtail.health('churn') WHERE measure = 'source' AND subject = 'kind';
ALTER TABLE churn ALTER a TYPE text;
SELECT is(status, 'act', 'or of another kind') FROM longtail.health('churn') WHERE measure = 'source' AND subject = 'a';
ALTER TABLE churn DROP y;
SELECT is(status, 'act', 'no label') FROM longtail.health('churn') WHERE measure = 'source' AND subject = 'y';
DROP TABLE churn;
SELECT is(status, 'act', 'no source') FROM longtail.health('churn') WHERE measure = 'source';
TRUNCATE shop;
SELECT is(status('rows', NULL, '2024-03-15'), 'act', 'an empty source');
SELECT ok((longtail.train('dates', 'bad', 'popularity', 'user_id', 'item_id', options => '{"split": "none"}')).promoted, 'another');
ALTER TABLE bad ALTER user_id TYPE text;
SELECT is(status, 'act', 'ids of another kind') FROM longtail.health('dates') WHERE measure = 'source' AND subject = 'user_id';

-- few users a day, with twenty rows each, one in eight of them new: neither their lists nor their number is unusual
CREATE TABLE baskets AS
SELECT CASE WHEN noise('new', v::text) < 0.125 THEN 1000 + v ELSE (200 * noise('who', v::text))::int END AS user_id,
       (1000 * noise('taste', v::text || '/' || n))::int AS item_id, '2024-01-01'::timestamptz + (v / 15) * interval '1 day' + noise('when', v::text) * interval '1 day' AS at
FROM generate_series(0, 15 * 90 - 1) v, generate_series(1, 20) n;
CREATE VIEW basket_days AS SELECT * FROM baskets WHERE at < '2024-03-01';
SELECT ok((longtail.train('baskets', 'basket_days', 'item_knn', 'user_id', 'item_id', time_column => 'at', options => '{"split": "none"}')).promoted, 'baskets');
CREATE OR REPLACE VIEW basket_days AS SELECT * FROM baskets;
CREATE TEMP TABLE days AS SELECT d, h.* FROM generate_series(1, 29) d, health(('2024-03-01'::date + d)::text, '{"max_age": 1e6}', 'baskets') h;
SELECT is_empty($$ SELECT d, measure, value, threshold, detail FROM days WHERE status IN ('watch', 'act') AND measure IN ('coverage', 'unknown_users') $$, 'no false alarm where a day has fifteen baskets');
SELECT cmp_ok(count(*), '>', 20::bigint, 'of many lists') FROM days WHERE measure = 'coverage' AND status = 'ok' AND detail ~ 'for 1[0-5] users of the period, [0-9]+ in lists for 1[0-5] users of training';
SELECT is(detail, 'lists are made for 5 users of the period, too few to tell', 'five lists say nothing') FROM health('2024-03-15', '{"users": 5}', 'baskets') WHERE measure = 'coverage';

-- rows that option min_users leaves out
CREATE TABLE often AS SELECT user_id, item_id + CASE WHEN id % 20 = 0 THEN id * 1000 ELSE 0 END AS item_id, at, channel FROM before;
SELECT ok((longtail.train('often', 'often', 'logistic', 'user_id', 'item_id', time_column => 'at', options => '{"min_users": 3, "split": "none", "epochs": 1}')).items <= 200, 'items of one user each are left out');
SELECT is_empty($$ SELECT measure, subject, value, threshold, detail FROM health('2024-03-31', '{}', 'often') WHERE status <> 'ok' AND measure <> 'validation' $$, 'and raise no alarm for being unknown');
SELECT ok(value BETWEEN 0.03 AND 0.08, 'as they are') FROM health('2024-03-31', '{}', 'often') WHERE measure = 'unknown_items';
-- a profile would say of rows what differential privacy promises not to
CREATE TABLE secret AS SELECT noise('s', n::text) AS a, n % 3 = 0 AS y FROM generate_series(1, 1000) n;
SELECT ok((longtail.train('private', 'secret', 'logistic', label_column => 'y', options => '{"dp_epsilon": 2, "split": "none"}')).promoted, 'a private model');
SELECT is((SELECT status || ' ' || substring(detail, 'profile: it is differentially private') FROM longtail.health('private') WHERE measure = 'drift'), 'unknown profile: it is differentially private', 'has no profile');

-- ---- other times ----
CREATE TABLE dated AS SELECT user_id, item_id, at::date AS day, at::timestamp AS local, extract(epoch FROM at)::bigint AS seconds, extract(epoch FROM at) AS number FROM before;
SELECT ok((longtail.train(c, 'dated', 'popularity', 'user_id', 'item_id', time_column => c::name, options => '{"split": "none"}')).promoted, c) FROM unnest('{day,local,seconds,number}'::text[]) c;
SELECT is((SELECT value FROM health('2024-03-15', '{}', c) WHERE measure = 'rows'), 250::float8, 'a day of ' || c) FROM unnest('{day,local,seconds,number}'::text[]) c;
SELECT is((SELECT status FROM health('2024-03-15 17:23', '{}', 'day') WHERE measure = 'rows'), 'ok', 'whole days of dates');

-- ---- arguments ----
SELECT matches(error_of($$ SELECT longtail.health('nope') $$), 'nope', 'no such model');
SELECT matches(error_of($$ SELECT longtail.health(NULL) $$), 'model must not be NULL', 'no model');
SELECT matches(error_of($$ SELECT longtail.health('shop', period => NULL) $$), 'period must not be NULL', 'no period');
SELECT matches(error_of($$ SELECT longtail.health('shop', period => '-1 day') $$), 'period must be more than 0', 'a period before it began');
SELECT matches(error_of($$ SELECT longtail.health('shop', options => '{"psi": 1}') $$), 'unknown option "psi"', 'an unknown option');
SELECT matches(error_of($$ SELECT longtail.health('shop', options => '{"at": "yesterdy"}') $$), 'invalid input syntax for type timestamp', 'no instant');
SELECT matches(error_of($$ SELECT longtail.health('shop', options => '{"at": "infinity"}') $$), 'must be finite', 'nor infinity');
SELECT matches(error_of($$ SELECT longtail.health('shop', 'log', 'what') $$), 'column "what" named as item_column does not exist', 'no such column of the log');
SELECT matches(error_of($$ SELECT longtail.health('shop', 'log', 'at') $$), 'item_column is of type timestamp', 'no ids');
SELECT is(error_of($$ SELECT longtail.health('shop', 'log', 'item_id', 'item_id', '1 day', '{"at": "2024-03-03"}') $$), NULL, 'seconds since 1970');
SELECT matches(error_of($$ SELECT longtail.health('churn', 'log') $$), 'has no users and items', 'no lists of a supervised model');

-- ---- rights: the caller's ----
ALTER TABLE bad ALTER user_id TYPE int USING user_id::int;
CREATE ROLE health_reader;
GRANT USAGE ON SCHEMA t, longtail TO health_reader;
SELECT longtail.grant_model('held', 'health_reader');
SET ROLE health_reader;
SELECT matches(error_of($$ SELECT longtail.health('held') $$), 'permission denied for table bad', 'not without a right to the source');
SELECT matches(error_of($$ SELECT longtail.health('shop') $$), 'shop', 'nor to the model');
RESET ROLE;
GRANT SELECT (user_id, item_id, at) ON bad TO health_reader;
SET ROLE health_reader;
SELECT is((SELECT status FROM longtail.health('held', options => '{"at": "2024-01-12"}') WHERE measure = 'rows'), 'ok', 'columns suffice');
RESET ROLE;
ALTER TABLE bad ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON bad TO health_reader USING (user_id % 2 = 0);
SET ROLE health_reader;
SELECT is((SELECT value FROM longtail.health('held', options => '{"at": "2024-01-12"}') WHERE measure = 'rows'), 125::float8, 'rows that the caller may see');
RESET ROLE;
DROP OWNED BY health_reader;
DROP ROLE health_reader;

-- ---- refreshed versions keep their profile ----
CREATE TABLE goods AS SELECT i AS item_id, i % 7 AS a FROM generate_series(1, 200) i;
SELECT ok((longtail.train('fresh', 'before', 'logistic', 'user_id', 'item_id', time_column => 'at', item_features => 'goods', options => '{"features": ["a"], "epochs": 2}')).promoted, 'a model');
INSERT INTO goods VALUES (1001, 3), (1002, 4);
SELECT is((SELECT new_items FROM longtail.refresh('fresh')), 2::bigint, 'new items');
SELECT is(status('drift', 'a', '2024-03-20', model => 'fresh'), 'ok', 'a refreshed version has a profile');
UPDATE longtail.model_version SET trained = trained - interval '10 days' WHERE version = 1;
SELECT ok(value BETWEEN 10 AND 10.1, 'and the age of the one that was trained') FROM longtail.health('fresh', options => '{"users": 0}') WHERE measure = 'age';

SELECT * FROM finish();
