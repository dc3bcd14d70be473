-- The type relation: how the catalog remembers relations.

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
