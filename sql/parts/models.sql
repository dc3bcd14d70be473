-- Training and the life of models.

CREATE TYPE longtail.training_result AS (
    model text, version integer, algorithm text, promoted boolean, rows bigint, rows_skipped bigint, users bigint,
    items bigint, features integer, epochs integer, loss float8, validation_metric text, validation_value float8,
    seconds float8, spilled bigint
);
COMMENT ON TYPE longtail.training_result IS
'What one training did: rows read and skipped, sizes, mean training loss a unit of weight, the validation figure, whether the version is now served, and the bytes it wrote to temporary files because its rows did not fit into longtail.training_memory.';

CREATE FUNCTION longtail.train(model text, source regclass, algorithm text,
    user_column name DEFAULT NULL, item_column name DEFAULT NULL, label_column name DEFAULT NULL,
    weight_column name DEFAULT NULL, time_column name DEFAULT NULL,
    user_features regclass DEFAULT NULL, item_features regclass DEFAULT NULL,
    options jsonb DEFAULT '{}')
RETURNS longtail.training_result
AS 'MODULE_PATHNAME', 'longtail_train' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.train(text, regclass, text, name, name, name, name, name, regclass, regclass, jsonb) IS
'Trains a model on a relation, read with the caller''s rights, and stores it as a version, which is served from then on unless option promote is never. Training an existing model again replaces its definition and adds a version.';

CREATE FUNCTION longtail.retrain(model text, options jsonb DEFAULT '{}')
RETURNS longtail.training_result
AS 'MODULE_PATHNAME', 'longtail_retrain' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.retrain(text, jsonb) IS
'Trains a new version from the stored definition, options given here laid over the stored ones for this version. It is promoted as option promote says; if_better compares it with the active version on the same fresh validation part.';

CREATE FUNCTION longtail.refresh(model text, OUT version integer, OUT new_users bigint, OUT new_items bigint)
AS 'MODULE_PATHNAME', 'longtail_refresh' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.refresh(text) IS
'Takes in users and items that user_features and item_features have and the active version does not know, without training: they are scored by their features from then on. Makes a new version, and serves it, when there are any; version is the one served.';

CREATE FUNCTION longtail.promote(model text, version integer)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_promote' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.promote(text, integer) IS
'Serves the given version from the end of this transaction on: forward to a version that was held back, or back to an older one.';

CREATE FUNCTION longtail.drop_version(model text, version integer)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_drop_version' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.drop_version(text, integer) IS
'Removes one version of a model. Not the active one, and not the newest, so that no number is given twice.';

CREATE FUNCTION longtail.drop_model(model text)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_drop_model' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.drop_model(text) IS
'Removes a model with all its versions.';

CREATE FUNCTION longtail.grant_model(model text, role name)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_grant_model' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.grant_model(text, name) IS
'Lets a role use the model and see it in the views; ''public'' is everybody. Only its owner can grant, retrain, promote or drop it.';

CREATE FUNCTION longtail.revoke_model(model text, role name)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_revoke_model' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.revoke_model(text, name) IS
'Takes back what longtail.grant_model gave, for the next call on.';

CREATE FUNCTION longtail.set_owner(model text, role name)
RETURNS void
AS 'MODULE_PATHNAME', 'longtail_set_owner' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.set_owner(text, name) IS
'Gives the model to another role, as ALTER ... OWNER TO does: its owner may, to a role that they are a member of. A model whose owner was dropped belongs to the owner of the database.';

CREATE FUNCTION longtail.options(algorithm text)
RETURNS TABLE (name text, type text, default_value text, minimum float8, maximum float8, description text)
AS 'MODULE_PATHNAME', 'longtail_options' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 40;
COMMENT ON FUNCTION longtail.options(text) IS
'Every option of an algorithm, with type, default, permitted range and meaning.';

CREATE FUNCTION longtail.algorithms()
RETURNS TABLE (name text, supervised boolean, recommender boolean, description text)
AS 'MODULE_PATHNAME', 'longtail_algorithms' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.algorithms() IS
'The algorithms there are, whether each works on rows alone (supervised) and on users and items (recommender).';
