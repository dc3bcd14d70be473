-- Versions as bytes that leave the database and come into another.

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
