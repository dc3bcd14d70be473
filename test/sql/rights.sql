-- Who may do what: models of one role, used by another, by grant only; sources read with the caller's own rights.
SET client_min_messages = error;
SET longtail.progress_interval = 0;
CREATE ROLE rights_owner;
CREATE ROLE rights_user;
CREATE ROLE rights_group;
CREATE ROLE rights_member IN ROLE rights_group;
CREATE SCHEMA rights;
GRANT ALL ON SCHEMA rights TO PUBLIC;
SET search_path = rights;
SET ROLE rights_owner;
CREATE TABLE bought AS SELECT u, 'item ' || i AS item FROM generate_series(1, 12) u, generate_series(1, 12) i WHERE (u * i) % 5 < 3;
SELECT promoted FROM longtail.train('shop', 'bought', 'logistic', 'u', 'item', options => '{"split": "none"}');

-- Without a grant: not seen, not used, not owned.
SELECT model, owner FROM longtail.models;
SELECT count(*) FROM longtail.recommend('shop', 1, 3);
SET ROLE rights_user;
SELECT model FROM longtail.models;
SELECT model FROM longtail.model_versions;
SELECT model FROM longtail.training_log;
SELECT longtail.recommend('shop', 1, 3);
SELECT longtail.predict('shop', 1, 'item 1');
SELECT longtail.explain('shop', 1, 'item 1');
SELECT longtail.recommend_all('shop', 3);
SELECT longtail.item_stats('shop');
SELECT longtail.exposure('shop', 'pg_class', 'relname');
SELECT longtail.coefficients('shop');
SELECT longtail.evaluate('shop', 'pg_class');
SELECT longtail.evaluate('shop', 'pg_class', options => '{"version": 1}');
SELECT longtail.tradeoff('shop', 'pg_class');
SELECT longtail.autotune('shop', 'pg_class');
SELECT longtail.evaluate_users('shop', 'pg_class');
SELECT longtail.compare('shop', 'pg_class', '{}', '{}');
SELECT longtail.rerank(ARRAY['item 1', 'item 2'], '{1,2}', 2, 'popularity', 0.5, model => 'shop');
SELECT longtail.retrain('shop');
SELECT longtail.train('shop', 'bought', 'logistic', 'u', 'item');
SELECT longtail.promote('shop', 1);
SELECT longtail.grant_model('shop', 'rights_user');
SELECT longtail.revoke_model('shop', 'rights_user');
SELECT longtail.drop_model('shop');

-- The tables themselves are nobody's.
SELECT FROM longtail.model;
SELECT FROM longtail.model_version;
SELECT FROM longtail.model_data;
SELECT FROM longtail.training_epoch;
SELECT FROM longtail.model_grant;
INSERT INTO longtail.model_grant VALUES (1, 'rights_user');
SET ROLE rights_owner;
UPDATE longtail.model SET owner = 'rights_user';
DELETE FROM longtail.model_data;

-- With a grant: seen and used, the source still read with the user's own rights; not owned.
SELECT longtail.grant_model('shop', 'rights_user');
SELECT longtail.grant_model('shop', 'nobody_of_this_name');
SET ROLE rights_user;
SELECT model, owner FROM longtail.models;
SELECT model, version FROM longtail.model_versions;
SELECT count(*) FROM longtail.recommend('shop', 1, 3, exclude_seen => false);
SELECT longtail.predict('shop', 1, 'item 1') BETWEEN 0 AND 1;
SELECT count(*) FROM longtail.recommend('shop', 1, 3);
SELECT longtail.evaluate('shop', 'bought');
SELECT longtail.retrain('shop');
SELECT longtail.promote('shop', 1);
SELECT longtail.grant_model('shop', 'rights_group');
SELECT longtail.drop_model('shop');
SET ROLE rights_owner;
GRANT SELECT ON bought TO rights_user;
SET ROLE rights_user;
SELECT count(*) FROM longtail.recommend('shop', 1, 3);

-- Taken back, it is gone at once, from the cache of this very session too.
SET ROLE rights_owner;
SELECT longtail.revoke_model('shop', 'rights_user');
SET ROLE rights_user;
SELECT longtail.recommend('shop', 1, 3);
SELECT model FROM longtail.models;
-- A function that changes its role between two calls of one statement does not carry a model along.
RESET ROLE;
CREATE FUNCTION as_role(role text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    RETURN count(*) FROM longtail.recommend('shop', 1, 3, exclude_seen => false);
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END $$;
SELECT role, as_role(role) FROM unnest('{rights_owner,rights_user,rights_owner,rights_group}'::text[]) role;
RESET ROLE;

-- A grant to a group is its members'; one to public everybody's.
SET ROLE rights_owner;
SELECT longtail.grant_model('shop', 'rights_group');
SET ROLE rights_member;
SELECT model FROM longtail.models;
SELECT count(*) FROM longtail.recommend('shop', 1, 3, exclude_seen => false);
SET ROLE rights_user;
SELECT model FROM longtail.models;
SET ROLE rights_owner;
SELECT longtail.grant_model('shop', 'public');
SET ROLE rights_user;
SELECT model FROM longtail.models;
SELECT count(*) FROM longtail.recommend('shop', 1, 3);
SET ROLE rights_owner;
SELECT longtail.revoke_model('shop', 'public');
SET ROLE rights_user;
SELECT model FROM longtail.models;

-- Who may not read a relation cannot train on it, nor take features or tests from it.
SET ROLE rights_owner;
CREATE TABLE secret AS SELECT * FROM bought;
CREATE TABLE secret_users AS SELECT DISTINCT u, u % 2 AS sex FROM bought;
SET ROLE rights_user;
SELECT longtail.train('spy', 'secret', 'logistic', 'u', 'item');
SELECT longtail.train('spy', 'bought', 'logistic', 'u', 'item', user_features => 'secret_users');
SELECT model FROM longtail.models;

-- Row-level security holds in training and for what is seen, for each role its own, in one session.
SET ROLE rights_owner;
GRANT SELECT ON secret TO rights_user, rights_member;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON secret TO rights_user USING (u <= 6);
CREATE POLICY quarter ON secret TO rights_member USING (u <= 3 AND item < 'item 5');
SELECT rows, users FROM longtail.train('all', 'secret', 'logistic', 'u', 'item', options => '{"split": "none"}');
SELECT longtail.grant_model('all', 'public');
SELECT count(*) AS new_to_1 FROM longtail.recommend('all', 1, 100);
SET ROLE rights_user;
SELECT rows, users FROM longtail.train('half', 'secret', 'logistic', 'u', 'item', options => '{"split": "none"}');
SELECT count(*) AS new_to_1 FROM longtail.recommend('all', 1, 100);
SELECT count(*) AS new_to_12 FROM longtail.recommend('all', 12, 100);
SET ROLE rights_member;
SELECT count(*) AS new_to_1 FROM longtail.recommend('all', 1, 100);

SET ROLE rights_owner;
SELECT count(*) AS new_to_1 FROM longtail.recommend('all', 1, 100);

-- Operators and functions of the caller's own do not run as the extension's owner.
SET ROLE rights_user;
SET ROLE rights_user;
CREATE FUNCTION rights.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operator of % runs as %', session_user, current_user;
END $$;
CREATE OPERATOR rights.= (LEFTARG = text, RIGHTARG = text, FUNCTION = rights.equal);
CREATE FUNCTION rights.equal(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operator of % runs as %', session_user, current_user;
END $$;
CREATE OPERATOR rights.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = rights.equal);
CREATE FUNCTION rights.max(integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'function of % runs as %', session_user, current_user;
END $$;
SET search_path = rights, pg_catalog;
SELECT promoted FROM longtail.retrain('half');
SELECT pg_catalog.count(*) FROM longtail.recommend('half', 1, 3);
SELECT longtail.grant_model('half', 'rights_group');
SELECT longtail.promote('half', 1);
SELECT longtail.drop_model('half');
RESET search_path;
SET search_path = rights;

-- A member of the owner owns; so does a superuser.
RESET ROLE;
SELECT pg_catalog.count(*) FROM longtail.recommend('shop', 1, 3);
GRANT rights_owner TO rights_member;
SET ROLE rights_member;
SELECT longtail.promote('shop', 1);
RESET ROLE;
SELECT longtail.drop_model('shop');

-- The extension is trusted: who may create in a database may have it there.
SET search_path = public;
DROP SCHEMA rights CASCADE;
DROP EXTENSION longtail CASCADE;
DO $$ BEGIN EXECUTE pg_catalog.format('GRANT CREATE ON DATABASE %I TO rights_user', pg_catalog.current_database()); END $$;
SET ROLE rights_user;
CREATE EXTENSION longtail;
CREATE SCHEMA rights;
CREATE TABLE rights.leads AS SELECT i AS x, i > 50 AS won FROM pg_catalog.generate_series(1, 100) i;
SELECT rows FROM longtail.train('leads', 'rights.leads', 'logistic', label_column => 'won');
SELECT longtail.predict('leads', l) > 0.5 AS predicted, won FROM rights.leads l WHERE x IN (10, 90);
RESET ROLE;
SELECT extowner::pg_catalog.regrole FROM pg_catalog.pg_extension WHERE extname = 'longtail';
DROP EXTENSION longtail;
SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = 'longtail';

-- Not into a schema that somebody made for it: its owner could do with the extension's objects as they like.
SET ROLE rights_user;
CREATE SCHEMA longtail;
RESET ROLE;
\set VERBOSITY terse
CREATE EXTENSION longtail;
\set VERBOSITY default
DROP SCHEMA longtail;
CREATE EXTENSION longtail; -- for the tests that follow in this database
DROP SCHEMA rights CASCADE;
DO $$ BEGIN EXECUTE pg_catalog.format('REVOKE CREATE ON DATABASE %I FROM rights_user', pg_catalog.current_database()); END $$;
DROP ROLE rights_owner, rights_user, rights_group, rights_member;
