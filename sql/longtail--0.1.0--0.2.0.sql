\echo Use "ALTER EXTENSION longtail UPDATE TO '0.2.0'" to load this file. \quit

-- ---- relations ----

CREATE TYPE longtail.relation;

CREATE FUNCTION longtail.relation_in(cstring) RETURNS longtail.relation
AS 'MODULE_PATHNAME', 'longtail_relation_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.relation_in(cstring) IS 'Input of type relation.';

CREATE FUNCTION longtail.relation_out(longtail.relation) RETURNS cstring
AS 'MODULE_PATHNAME', 'longtail_relation_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.relation_out(longtail.relation) IS 'Output of type relation.';

CREATE TYPE longtail.relation (
    INPUT = longtail.relation_in,
    OUTPUT = longtail.relation_out,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4
);
COMMENT ON TYPE longtail.relation IS
'A relation that a model reads, as the catalog remembers it: it is followed when it is renamed or moved, and found again by its name when it was restored from a dump, or dropped and made again.';

CREATE FUNCTION longtail.relation(regclass) RETURNS longtail.relation
AS 'MODULE_PATHNAME', 'longtail_relation_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.relation(regclass) IS 'A relation as the catalog remembers it.';

CREATE FUNCTION longtail.regclass(longtail.relation) RETURNS regclass
AS 'MODULE_PATHNAME', 'longtail_relation_now' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.regclass(longtail.relation) IS
'The relation that is meant now; NULL when there is none any more.';

CREATE CAST (regclass AS longtail.relation) WITH FUNCTION longtail.relation(regclass) AS ASSIGNMENT;
COMMENT ON CAST (regclass AS longtail.relation) IS 'A relation as the catalog remembers it.';
CREATE CAST (longtail.relation AS regclass) WITH FUNCTION longtail.regclass(longtail.relation);
COMMENT ON CAST (longtail.relation AS regclass) IS 'The relation that is meant now.';

-- ---- roles ----

-- Roles as the catalog keeps them: by OID, so that a role renamed is the same and one dropped and made again is not;
-- as text by name, so that dumps can be restored on a server with other roles.

CREATE TYPE longtail.role;
CREATE FUNCTION longtail.role_in(cstring) RETURNS longtail.role
AS 'MODULE_PATHNAME', 'longtail_role_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.role_in(cstring) IS 'Part of the type longtail.role.';
CREATE FUNCTION longtail.role_out(longtail.role) RETURNS cstring
AS 'MODULE_PATHNAME', 'longtail_role_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.role_out(longtail.role) IS 'Part of the type longtail.role.';
CREATE FUNCTION longtail.role_recv(internal) RETURNS longtail.role
AS 'MODULE_PATHNAME', 'longtail_role_recv' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.role_recv(internal) IS 'Part of the type longtail.role.';
CREATE FUNCTION longtail.role_send(longtail.role) RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_role_send' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.role_send(longtail.role) IS 'Part of the type longtail.role.';
CREATE TYPE longtail.role (
    INPUT = longtail.role_in, OUTPUT = longtail.role_out, RECEIVE = longtail.role_recv, SEND = longtail.role_send,
    INTERNALLENGTH = 68, ALIGNMENT = int4, STORAGE = plain
);
COMMENT ON TYPE longtail.role IS
'A role in the catalog tables, or public: the same role when it is renamed, never another of the same name. As text, the name it has now.';

CREATE FUNCTION longtail.may_use(model_id integer, owner longtail.role) RETURNS boolean
AS 'MODULE_PATHNAME', 'longtail_may_use' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.may_use(integer, longtail.role) IS
'Whether the current role may use a model: part of the views.';

-- The views stay, for others' may stand on them; for a moment they look at none of the columns that change.
CREATE OR REPLACE VIEW longtail.models WITH (security_barrier) AS
SELECT m.name AS model, NULL::name COLLATE "C" AS owner, m.algorithm, m.active_version AS version,
       NULL::regclass AS source, m.user_column, m.item_column, m.label_column,
       m.weight_column, m.time_column, NULL::regclass AS user_features,
       NULL::regclass AS item_features, m.options, NULL::bigint AS versions, NULL::bigint AS bytes, m.created
FROM longtail.model m
WHERE false;

ALTER TABLE longtail.model ALTER COLUMN owner TYPE longtail.role USING owner::text::longtail.role,
    ALTER COLUMN source TYPE longtail.relation,
    ALTER COLUMN user_features TYPE longtail.relation, ALTER COLUMN item_features TYPE longtail.relation;
ALTER TABLE longtail.model_version ALTER COLUMN source TYPE longtail.relation,
    ALTER COLUMN user_features TYPE longtail.relation, ALTER COLUMN item_features TYPE longtail.relation;
ALTER TABLE longtail.model_grant DROP CONSTRAINT model_grant_pkey;
ALTER TABLE longtail.model_grant ALTER COLUMN grantee TYPE longtail.role USING grantee::text::longtail.role;
CREATE INDEX model_grant_model_id ON longtail.model_grant (model_id);

CREATE OR REPLACE VIEW longtail.models WITH (security_barrier) AS
SELECT m.name AS model, m.owner::text::name COLLATE "C" AS owner, m.algorithm, m.active_version AS version,
       m.source::regclass AS source, m.user_column, m.item_column, m.label_column,
       m.weight_column, m.time_column, m.user_features::regclass AS user_features,
       m.item_features::regclass AS item_features, m.options,
       (SELECT count(*) FROM longtail.model_version v WHERE v.model_id = m.model_id) AS versions,
       (SELECT sum(octet_length(d.bytes)) FROM longtail.model_data d
        WHERE d.model_id = m.model_id AND d.version = m.active_version)::bigint AS bytes,
       m.created
FROM longtail.model m
WHERE longtail.may_use(m.model_id, m.owner);

CREATE FUNCTION longtail.drop_version(model text, version integer)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_drop_version' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.drop_version(text, integer) IS
'Removes one version of a model. Not the active one, and not the newest, so that no number is given twice.';

CREATE FUNCTION longtail.set_owner(model text, role name)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_set_owner' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.set_owner(text, name) IS
'Gives the model to another role, as ALTER ... OWNER TO does: its owner may, to a role that they are a member of. A model whose owner was dropped belongs to the owner of the database.';

-- ---- transfer ----

CREATE FUNCTION longtail.export_model(model text, version integer DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_export_model' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.export_model(text, integer) IS
'A version of a model as bytes for longtail.import_model, in this database or another: its definition, figures, weights, ids and what users had. NULL for version is the active one. Only the owner may: the bytes hold users'' histories.';

CREATE FUNCTION longtail.import_model(model text, bytes bytea, source regclass DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'longtail_import_model' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.import_model(text, bytea, regclass) IS
'Stores what longtail.export_model gave as a version, and returns its number: of a new model, owned by the caller and served at once, or of one the caller owns, held back until it is promoted. Relations are found by their names; source replaces the one that was trained on. Without it, what users had at training stands for what they have now.';

CREATE FUNCTION longtail.forget(model text, user_id anycompatible, OUT versions integer, OUT interactions bigint,
    OUT in_source boolean, OUT retraining_needed boolean, OUT reason text)
AS 'MODULE_PATHNAME', 'longtail_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.forget(text, anycompatible) IS
'Takes a user out of every stored version of a model: id, features, past items, what was learned for this user alone, and the counts they added to. versions and interactions: how many had the user, and how many stored items of the user they had together; in_source: whether what the next training reads still has the user (NULL where the caller may not read it); retraining_needed: whether weights that remain were learned from this user''s interactions too, or counts could not be made again exactly, as reason says. Waits for trainings of the model that are under way.';

CREATE FUNCTION longtail.privacy_guarantee(model text, version integer DEFAULT NULL)
RETURNS TABLE (epsilon float8, delta float8, noise_multiplier float8, clip float8, sampling_rate float8, steps bigint,
    unit text, outside text[])
AS 'MODULE_PATHNAME', 'longtail_privacy_guarantee' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION longtail.privacy_guarantee(text, integer) IS
'What differentially private training (option dp_epsilon) of a version promises, the active one''s where none is named: epsilon and delta for one row (unit) more or less, how that came about, and what of the model is outside the promise. No row for a version trained without.';

-- ---- leaving ----

CREATE FUNCTION longtail.watch_drop() RETURNS void
AS 'MODULE_PATHNAME', 'longtail_watch_drop' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.watch_drop() IS
'Removes the database''s files of shared weights when the transaction commits, if it has dropped the extension by then.';

-- It keeps nobody from dropping what is theirs: SECURITY DEFINER for roles who may not use the schema; in PL/pgSQL
-- because of its EXCEPTION, for a server that has lost the library, or has one that does not load.
CREATE FUNCTION longtail.before_drop() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM longtail.watch_drop();
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;
COMMENT ON FUNCTION longtail.before_drop() IS
'Called by the event trigger longtail_before_drop before DROP EXTENSION and DROP OWNED.';

CREATE EVENT TRIGGER longtail_before_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED')
EXECUTE FUNCTION longtail.before_drop();
COMMENT ON EVENT TRIGGER longtail_before_drop IS 'The files of shared weights go with the extension.';

CREATE OR REPLACE VIEW longtail.training_progress AS
SELECT a.pid, a.usename AS role, m.part[1] AS model, m.part[5] AS phase, m.part[6]::integer AS epoch,
       m.part[7]::integer AS epochs, m.part[8]::float8 AS loss, pg_catalog.now() - a.query_start AS running,
       m.part[2]::integer AS trial, m.part[3]::integer AS trials, m.part[4] AS algorithm, m.part[9]::bigint AS rows
FROM pg_catalog.pg_stat_activity a,
     LATERAL pg_catalog.regexp_match(a.query,
         '^longtail training "(.*)": (?:trial ([0-9]+) of ([0-9]+) ([a-z0-9_]+) )?([a-z]+)(?: epoch ([0-9]+) of ([0-9]+) loss ([-0-9.einfa]+)| rows ([0-9]+))?$') AS m (part)
WHERE a.datname = pg_catalog.current_database() AND a.state = 'active' AND m.part IS NOT NULL;
COMMENT ON VIEW longtail.training_progress IS
'Trainings under way in this database, one row each, from the activity their sessions report; trial, trials and algorithm say what of a search is trained, rows how many the phase reading has read so far; other roles'' sessions show only to those who may see their activity.';

-- Whether a served version is still what was trained.
-- It reads relations, which may be temporary tables, that only the leader can read.

CREATE FUNCTION longtail.health(model text, log regclass DEFAULT NULL, item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL, period interval DEFAULT '1 day', options jsonb DEFAULT '{}')
RETURNS TABLE (measure text, subject text, value float8, threshold float8, status text, detail text)
AS 'MODULE_PATHNAME', 'longtail_health' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 30;
COMMENT ON FUNCTION longtail.health(text, regclass, name, name, interval, jsonb) IS
'Whether the active version is still what was trained: its age, the rows since, drift of features, labels and popularity in the last period, users and items it does not know, coverage of the last lists (by a log of impressions, or of lists made for users of the period), validation figure, versions held back. status is ok, watch, act or unknown.';
