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
