-- Relations that models read, made again under the same name: who may take the place of what was dropped.
\ir common.psql

CREATE ROLE maker;
CREATE ROLE planter;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO maker, planter;
CREATE FUNCTION t.make() RETURNS void LANGUAGE sql AS $$
    CREATE TABLE shop.sold AS
    SELECT u, 'item ' || i AS item FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
    GRANT SELECT ON shop.sold TO PUBLIC;
$$;
GRANT USAGE ON SCHEMA t TO maker, planter;
SET ROLE maker;
SELECT t.make();
RESET ROLE;
CREATE TABLE shop.people AS SELECT u, 'club ' || u % 3 AS club FROM generate_series(1, 40) u;
CREATE UNIQUE INDEX ON shop.people (u);
GRANT SELECT ON shop.people TO PUBLIC;
SELECT longtail.train('lists', 'shop.sold', 'ease', 'u', 'item');
SELECT longtail.train('people', 'shop.sold', 'logistic', 'u', 'item', user_features => 'shop.people');
CREATE TABLE was AS SELECT * FROM longtail.recommend('lists', 3);
CREATE TABLE was_stranger AS SELECT * FROM longtail.recommend('people', 39);
CREATE FUNCTION t.error_of_list() RETURNS text LANGUAGE sql AS $$ SELECT error_of($q$ SELECT * FROM longtail.recommend('lists', 3) $q$) $$;

-- as nightly loads do it, within a session that has the model ready, and its plan
DROP TABLE shop.sold;
SELECT matches(t.error_of_list(), 'does not exist any more', 'a source that was dropped');
SELECT is((SELECT source FROM longtail.models WHERE model = 'lists'), NULL, 'is shown to be gone');
SET ROLE maker;
SELECT t.make();
RESET ROLE;
SELECT results_eq($$ SELECT * FROM longtail.recommend('lists', 3) $$, $$ SELECT * FROM was $$, 'and found again once its owner made it again');
SELECT is((SELECT source FROM longtail.models WHERE model = 'lists'), 'shop.sold'::regclass, 'which the view shows');
INSERT INTO shop.sold SELECT 3, item_id FROM was WHERE rank = 1;
SELECT is((SELECT count(*) FROM longtail.recommend('lists', 3) JOIN was USING (item_id) WHERE was.rank = 1), 0::bigint, 'its rows are read live');
BEGIN;
CREATE TABLE shop.next (LIKE shop.sold);
INSERT INTO shop.next SELECT * FROM shop.sold WHERE u <> 5;
DROP TABLE shop.sold;
ALTER TABLE shop.next RENAME TO sold;
COMMIT;
SELECT is((longtail.retrain('lists', '{"promote": "always"}')).users, (SELECT count(DISTINCT u) FROM shop.sold), 'it is trained on, swapped in by a superuser');

-- somebody else's of the same name is not read
DROP TABLE shop.sold;
SET ROLE planter;
SELECT t.make();
RESET ROLE;
SELECT matches(t.error_of_list(), 'does not exist any more', 'what somebody else made in its place is not read');
SELECT matches(error_of($$ SELECT longtail.retrain('people') $$), 'source.*does not exist any more', 'or trained on');
ALTER SCHEMA shop OWNER TO planter;
SELECT is((SELECT count(*) FROM longtail.recommend('lists', 3)), 10::bigint, 'but the owner of the schema may replace what is in it');
ALTER SCHEMA shop OWNER TO postgres;
DROP TABLE shop.sold;
CREATE VIEW shop.sold AS SELECT u::bigint, item::varchar FROM (SELECT 3 AS u, 'item ' || i AS item FROM generate_series(1, 12) i) s;
SELECT is((SELECT count(*) FROM longtail.recommend('lists', 3)), (SELECT count(*) FROM longtail.item_stats('lists') WHERE item_id NOT IN (SELECT item FROM shop.sold)), 'a view will do, with columns of other types of their kind');

-- features
DROP TABLE shop.people;
SELECT matches(error_of($$ SELECT * FROM longtail.recommend('people', 39) $$), 'user_features relation does not exist any more', 'features that were dropped');
SELECT matches(error_of($$ SELECT longtail.retrain('people') $$), 'does not exist any more', 'are not left out of a training without a word');
CREATE TABLE shop.people AS SELECT 1 AS other, NULL::int AS more, 'club ' || u % 3 AS club, u FROM generate_series(1, 40) u;
SELECT results_eq($$ SELECT item_id, score FROM longtail.recommend('people', 39) $$, $$ SELECT item_id, score FROM was_stranger $$, 'features are found again, their columns in another order');
ALTER TABLE shop.people RENAME TO persons;
DROP TABLE shop.persons;
SELECT matches(error_of($$ SELECT * FROM longtail.recommend('people', 39) $$), 'user_features relation does not exist any more', 'not what was renamed and then dropped');

-- names as hard as they come, and of temporary tables
CREATE SCHEMA "a.b";
CREATE TABLE "a.b"."c ""d"", 1" AS SELECT * FROM shop.sold;
SELECT is('"a.b"."c ""d"", 1"'::longtail.relation::text, '"a.b"."c ""d"", 1"', 'names are quoted');
SELECT is('"a.b"."c ""d"", 1"'::longtail.relation::regclass, '"a.b"."c ""d"", 1"'::regclass, 'and read again');
SELECT is('nowhere.nothing'::longtail.relation::text, 'nowhere.nothing', 'what does not exist keeps its name');
SELECT is('nowhere.nothing'::longtail.relation::regclass, NULL, 'and is nothing for now');
SELECT is(x::longtail.relation::text, '-', x || ' is none') FROM unnest('{-,0,1259,99999999999999}'::text[]) x;
SELECT is(1259::regclass::longtail.relation::text, 'pg_catalog.pg_class', 'by its number');
SELECT is(4294967295::oid::regclass::longtail.relation::regclass, NULL, 'and by one there is not');
SELECT matches(error_of($$ SELECT 'a.b.c.d'::longtail.relation $$), 'improper|cross-database', 'what is no name is an error');
CREATE TEMP TABLE passing AS SELECT 1 AS u, 'a' AS item;
SELECT matches('passing'::regclass::longtail.relation::text, '^pg_temp_[0-9]+\.passing$', 'a temporary one is of its session');

SELECT * FROM finish();
DROP OWNED BY maker, planter CASCADE;
DROP ROLE maker, planter;
