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

-- The views stay, for others' may stand on them; for a moment they look at none of the columns that change.
CREATE OR REPLACE VIEW longtail.models WITH (security_barrier) AS
SELECT m.name AS model, m.owner, m.algorithm, m.active_version AS version,
       NULL::regclass AS source, m.user_column, m.item_column, m.label_column,
       m.weight_column, m.time_column, NULL::regclass AS user_features,
       NULL::regclass AS item_features, m.options,
       (SELECT count(*) FROM longtail.model_version v WHERE v.model_id = m.model_id) AS versions,
       (SELECT sum(octet_length(d.bytes)) FROM longtail.model_data d
        WHERE d.model_id = m.model_id AND d.version = m.active_version)::bigint AS bytes,
       m.created
FROM longtail.model m
WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r
              WHERE pg_catalog.pg_has_role(r.oid, 'USAGE')
                AND (r.rolname = m.owner
                     OR r.rolname IN (SELECT g.grantee FROM longtail.model_grant g WHERE g.model_id = m.model_id)))
   OR EXISTS (SELECT FROM longtail.model_grant g WHERE g.model_id = m.model_id AND g.grantee = 'public');

ALTER TABLE longtail.model ALTER COLUMN source TYPE longtail.relation,
    ALTER COLUMN user_features TYPE longtail.relation, ALTER COLUMN item_features TYPE longtail.relation;
ALTER TABLE longtail.model_version ALTER COLUMN source TYPE longtail.relation,
    ALTER COLUMN user_features TYPE longtail.relation, ALTER COLUMN item_features TYPE longtail.relation;

CREATE OR REPLACE VIEW longtail.models WITH (security_barrier) AS
SELECT m.name AS model, m.owner, m.algorithm, m.active_version AS version,
       m.source::regclass AS source, m.user_column, m.item_column, m.label_column,
       m.weight_column, m.time_column, m.user_features::regclass AS user_features,
       m.item_features::regclass AS item_features, m.options,
       (SELECT count(*) FROM longtail.model_version v WHERE v.model_id = m.model_id) AS versions,
       (SELECT sum(octet_length(d.bytes)) FROM longtail.model_data d
        WHERE d.model_id = m.model_id AND d.version = m.active_version)::bigint AS bytes,
       m.created
FROM longtail.model m
WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r
              WHERE pg_catalog.pg_has_role(r.oid, 'USAGE')
                AND (r.rolname = m.owner
                     OR r.rolname IN (SELECT g.grantee FROM longtail.model_grant g WHERE g.model_id = m.model_id)))
   OR EXISTS (SELECT FROM longtail.model_grant g WHERE g.model_id = m.model_id AND g.grantee = 'public');
