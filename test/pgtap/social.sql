-- Edges between users: reading them, their errors, and what they do to recommendations of user_knn.
\ir common.psql

CREATE TABLE bought (u bigint, item text, ts timestamptz DEFAULT now());
INSERT INTO bought
SELECT u, 'item ' || i FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE noise(u::text, i::text) < 0.25;
INSERT INTO bought VALUES (50, 'rare'), (51, 'rarer'), (51, 'rarest');
CREATE INDEX ON bought (u);
-- user 90 is in no purchase; edges to oneself and with NULLs say nothing
CREATE TABLE friends (friend_id int, u bigint, weight numeric, since date);
INSERT INTO friends VALUES (50, 90, 2), (51, 90, 1), (90, 90, 100), (NULL, 90, 1), (50, NULL, 1), (51, 1, NULL), (1, 50, 0.5), (1, 50, 0.25);

CREATE FUNCTION train(m text, more jsonb) RETURNS longtail.training_result LANGUAGE SQL AS $$
    SELECT longtail.train(m, 'bought', 'user_knn', 'u', 'item',
        options => '{"split": "none", "shrinkage": 0, "neighbors": 0}'::jsonb || more) $$;
SELECT is((train('alone', '{}')).users, count(DISTINCT u), 'without edges the users are those of the source') FROM bought;
SELECT is((train('social', '{"social": "friends"}')).users, count(DISTINCT u) + 1, 'with edges those in them as well') FROM bought;
SELECT train('named', '{"social": "t.friends"}');
SELECT train('strong', '{"social": "friends", "social_weight": 3}');
CREATE VIEW turned AS SELECT u AS friend, friend_id::text AS u FROM friends;
SELECT train('turned', '{"social": "turned", "friend_column": "friend"}');

CREATE FUNCTION scores(m text, u bigint) RETURNS jsonb LANGUAGE SQL AS $$
    SELECT jsonb_object_agg(item_id, round(base_score::numeric, 5)) FROM longtail.recommend(m, u, 1000) WHERE base_score > 0 $$;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM longtail.recommend('alone', 90, 5)), (SELECT array_agg(item_id ORDER BY popularity_rank) FILTER (WHERE popularity_rank <= 5) FROM longtail.item_stats('alone')),
    'somebody unknown without edges gets what is popular');
SELECT is(scores('social', 90), '{"rare": 2.00000, "rarer": 1.00000, "rarest": 1.00000}', 'but friends, who count by their weight');
SELECT is(scores('named', 90), scores('social', 90), 'a name with its schema is the same relation');
SELECT is(scores('strong', 90), '{"rare": 6.00000, "rarer": 3.00000, "rarest": 3.00000}', 'times social_weight');
SELECT is(scores('turned', 90), NULL, 'edges lead from the user to the friend');
SELECT is(scores('turned', 51), (SELECT jsonb_object_agg(item, 1.00000) FROM bought WHERE u = 1), 'whatever the columns are called, ids as text too, a weight of 1 without the column');
SELECT is(scores('social', 1), scores('alone', 1), 'an edge of unknown weight is none');
SELECT is(scores('social', 50), (SELECT jsonb_object_agg(item, 0.75000) FROM bought WHERE u = 1), 'edges between the same two add up');
SELECT is((SELECT item_id FROM longtail.recommend('social', 90, 1)), 'rare', 'and the list starts there');
SELECT cmp_ok((SELECT count(*) FROM longtail.recommend('social', 90, 10)), '=', 10::bigint, 'without ending there');
-- a purchase of a moment ago joins the friends
INSERT INTO bought SELECT 90, item FROM bought WHERE u = 3 LIMIT 2;
SELECT ok(scores('social', 90) - 'rare' - 'rarer' - 'rarest' <> '{}' AND scores('social', 90)->'rare' = '2.00000', 'live purchases find neighbors by taste besides');
DELETE FROM bought WHERE u = 90;

-- ---- errors ----

SELECT is(error_of($$SELECT train('bad', '{"social": "nowhere.friends"}')$$),
    'relation "nowhere.friends" named by option "social" does not exist | Name it with its schema, such as "public.friends".', 'no such relation');
SELECT is(error_of($$SELECT train('bad', '{"social": "fiends"}')$$),
    'relation "fiends" named by option "social" does not exist | Name it with its schema, such as "public.friends".', 'nor one on the path');
SELECT is(error_of($$SELECT train('bad', '{"social": "a..b"}')$$), 'invalid name syntax', 'no name at all');
SELECT is(error_of($$SELECT train('bad', '{"social": 5}')$$), 'option "social" must be a text | Got 5.', 'a number is no relation');
SELECT is(error_of($$SELECT train('bad', '{"social": "friends", "friend_column": "pal"}')$$),
    'column "pal" named as friend_column does not exist in t.friends | Its columns are: friend_id, u, weight, since.', 'no such column');
CREATE VIEW no_user AS SELECT friend_id, u AS person FROM friends;
SELECT is(error_of($$SELECT train('bad', '{"social": "no_user"}')$$),
    'column "u" named as user_column does not exist in t.no_user | Its columns are: friend_id, person.', 'nor one of the user');
SELECT is(error_of($$SELECT train('bad', '{"social": "friends", "friend_column": "since"}')$$),
    'column "since" of the social relation cannot be of type date | Ids are integers, text or uuid.', 'a date is no user');
CREATE VIEW texts AS SELECT friend_id, u, 'strong'::text AS weight FROM friends;
SELECT is(error_of($$SELECT train('bad', '{"social": "texts"}')$$),
    'column "weight" of the social relation cannot be of type text | It is the strength of an edge, a number.', 'a text is no strength');
CREATE VIEW names AS SELECT 'someone'::text AS friend_id, u FROM friends WHERE u = 90;
SELECT is(error_of($$SELECT train('bad', '{"social": "names"}')$$), 'invalid input syntax for type bigint: "someone"', 'ids are of the kind of the source');
CREATE TABLE foes (u bigint, friend_id bigint, weight float8);
INSERT INTO foes VALUES (1, 2, -1), (2, 3, 1);
SELECT is(error_of($$SELECT train('bad', '{"social": "foes"}')$$), 'column "weight" of the social relation has negative weights | 1 row(s) have them.', 'foes');
UPDATE foes SET weight = 'NaN' WHERE u = 1;
SELECT is(error_of($$SELECT train('bad', '{"social": "foes"}')$$),
    'column "weight" of the social relation has NaN or infinite values | 1 row(s) have them, or a number beyond single precision (3.4e38). | Clean them in a view, or say "invalid": "skip" to leave such rows out.', 'NaN');
SELECT is(error_of($$SELECT train('good', '{"social": "foes", "invalid": "skip"}')$$), NULL, 'unless such rows are skipped');
DELETE FROM foes;
SELECT is((train('nobody', '{"social": "foes"}')).users, count(DISTINCT u), 'an empty relation has no edges') FROM bought;
SELECT is(scores('nobody', 2), scores('alone', 2), 'and changes nothing');
SELECT is(error_of($$SELECT longtail.train('bad', 'bought', 'item_knn', 'u', 'item', options => '{"social": "friends"}')$$) LIKE 'unknown option "social"%', true, 'other algorithms have no such option');

-- ---- rights: the relation is read as the caller ----

CREATE ROLE social_reader;
GRANT USAGE ON SCHEMA t TO social_reader;
GRANT SELECT ON bought TO social_reader;
SET ROLE social_reader;
SELECT is(error_of($$SELECT longtail.train('mine', 'bought', 'user_knn', 'u', 'item', options => '{"split": "none", "social": "friends"}')$$),
    'permission denied for table friends', 'a relation that the caller may not read is not read');
RESET ROLE;
GRANT SELECT ON friends TO social_reader;
ALTER TABLE friends ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON friends TO social_reader USING (friend_id = 50);
SET ROLE social_reader;
SELECT longtail.train('mine', 'bought', 'user_knn', 'u', 'item', options => '{"split": "none", "shrinkage": 0, "neighbors": 0, "social": "friends"}');
SELECT is((SELECT jsonb_object_agg(item_id, base_score) FROM longtail.recommend('mine', 90, 100) WHERE base_score > 0), '{"rare": 2}', 'nor rows that the caller may not see');
RESET ROLE;
SELECT longtail.drop_model('mine');
DROP OWNED BY social_reader;
DROP ROLE social_reader;

SELECT * FROM finish();
