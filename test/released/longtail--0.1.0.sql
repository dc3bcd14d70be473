\echo Use "CREATE EXTENSION longtail" to load this file. \quit

-- The schema is the extension's own: made here, gone with it, and never one that somebody else made before.

CREATE SCHEMA longtail;
COMMENT ON SCHEMA longtail IS 'longtail: recommendation inside the database';
GRANT USAGE ON SCHEMA longtail TO PUBLIC;

-- build.sql: what runs here.

CREATE FUNCTION longtail.build_info()
RETURNS TABLE (name text, value text)
AS 'MODULE_PATHNAME', 'longtail_build_info' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.build_info() IS
'What longtail was built with and what it uses here: versions, OpenBLAS and the kernel it chose for this processor, and whether that is a slow one.';

-- The catalog: where models live. Nobody but the extension's functions touches these tables; people read the views.
-- No foreign keys: pg_restore -j loads the tables of an extension in any order, with their constraints in place.

CREATE TABLE longtail.model (
    model_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    owner name NOT NULL,
    algorithm text NOT NULL,
    source regclass NOT NULL,
    user_column name,
    item_column name,
    label_column name,
    weight_column name,
    time_column name,
    user_features regclass,
    item_features regclass,
    options jsonb NOT NULL,
    active_version integer,
    created timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE longtail.model IS
'Models and their definitions: what retrain uses. Read longtail.models instead.';

CREATE TABLE longtail.model_version (
    model_id integer NOT NULL,
    version integer NOT NULL,
    algorithm text NOT NULL,
    source regclass NOT NULL,
    user_column name,
    item_column name,
    label_column name,
    weight_column name,
    time_column name,
    user_features regclass,
    item_features regclass,
    options jsonb NOT NULL,
    trained timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows bigint NOT NULL,
    rows_skipped bigint NOT NULL,
    users bigint,
    items bigint,
    features integer NOT NULL,
    epochs integer NOT NULL,
    loss float8,
    validation_metric text,
    validation_value float8,
    active_value float8,
    decision text NOT NULL,
    seconds float8 NOT NULL,
    PRIMARY KEY (model_id, version)
);
COMMENT ON TABLE longtail.model_version IS
'One row a trained version, with the definition it was trained by, which is what serves it. Read longtail.model_versions instead.';

CREATE TABLE longtail.model_data (
    model_id integer NOT NULL,
    version integer NOT NULL,
    part text NOT NULL,
    chunk integer NOT NULL,
    checksum bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (model_id, version, part, chunk)
);
ALTER TABLE longtail.model_data ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE longtail.model_data IS
'Weights, encoders and ids of each version, in chunks with their CRC-32C.';

CREATE TABLE longtail.training_epoch (
    model_id integer NOT NULL,
    version integer NOT NULL,
    epoch integer NOT NULL,
    train_loss float8,
    validation_loss float8,
    validation_metric float8,
    seconds float8 NOT NULL,
    PRIMARY KEY (model_id, version, epoch)
);
COMMENT ON TABLE longtail.training_epoch IS
'One row an epoch of each training. Read longtail.training_log instead.';

CREATE TABLE longtail.training_trial (
    model_id integer NOT NULL,
    version integer NOT NULL,
    trial integer NOT NULL,
    algorithm text NOT NULL,
    options jsonb NOT NULL,
    validation_metric text,
    validation_value float8,
    aplt float8,
    epochs integer,
    seconds float8 NOT NULL,
    chosen boolean NOT NULL,
    error text,
    PRIMARY KEY (model_id, version, trial)
);
COMMENT ON TABLE longtail.training_trial IS
'What a search or algorithm auto tried, one row each. Read longtail.training_trials instead.';

CREATE TABLE longtail.model_grant (
    model_id integer NOT NULL,
    grantee name NOT NULL,
    PRIMARY KEY (model_id, grantee)
);
COMMENT ON TABLE longtail.model_grant IS
'Roles that may use a model they do not own. Written by longtail.grant_model and longtail.revoke_model.';

REVOKE ALL ON longtail.model, longtail.model_version, longtail.model_data, longtail.training_epoch,
    longtail.training_trial, longtail.model_grant FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('longtail.model', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.model_model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.model_version', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.model_data', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.training_epoch', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.training_trial', '');
SELECT pg_catalog.pg_extension_config_dump('longtail.model_grant', '');

-- What the current role may use: its own models, those of roles it is a member of, those granted to it.
CREATE VIEW longtail.models WITH (security_barrier) AS
SELECT m.name AS model, m.owner, m.algorithm, m.active_version AS version, m.source, m.user_column, m.item_column,
       m.label_column, m.weight_column, m.time_column, m.user_features, m.item_features, m.options,
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
COMMENT ON VIEW longtail.models IS
'The models the current role may use: definition, active version, number of versions, stored bytes of the active one.';
GRANT SELECT ON longtail.models TO PUBLIC;

CREATE VIEW longtail.model_versions WITH (security_barrier) AS
SELECT s.model, v.version, v.version = s.version AS active, v.algorithm, v.trained, v.rows, v.rows_skipped, v.users,
       v.items, v.features, v.epochs, v.loss, v.validation_metric, v.validation_value, v.active_value, v.decision,
       v.seconds, v.options
FROM longtail.models s
JOIN longtail.model m ON m.name = s.model
JOIN longtail.model_version v ON v.model_id = m.model_id;
COMMENT ON VIEW longtail.model_versions IS
'Every version of the models the current role may use: how it was trained, how it validated beside the version that was active then (active_value), and what was decided.';
GRANT SELECT ON longtail.model_versions TO PUBLIC;

CREATE VIEW longtail.training_log WITH (security_barrier) AS
SELECT s.model, e.version, e.epoch, e.train_loss, e.validation_loss, e.validation_metric, e.seconds
FROM longtail.models s
JOIN longtail.model m ON m.name = s.model
JOIN longtail.training_epoch e ON e.model_id = m.model_id;
COMMENT ON VIEW longtail.training_log IS
'The learning curve: one row an epoch, with losses a unit of weight, the validation metric, and seconds since training began. Validation figures are of the model as it stands after the epoch; ndcg and recall are of 300 users at most. The metric is NULL without a validation part, and with logistic but for the first five iterations, each tenth and the last.';
GRANT SELECT ON longtail.training_log TO PUBLIC;

CREATE VIEW longtail.training_trials WITH (security_barrier) AS
SELECT s.model, t.version, t.trial, t.algorithm, t.options, t.validation_metric, t.validation_value, t.aplt, t.epochs,
       t.seconds, t.chosen, t.error
FROM longtail.models s
JOIN longtail.model m ON m.name = s.model
JOIN longtail.training_trial t ON t.model_id = m.model_id;
COMMENT ON VIEW longtail.training_trials IS
'What option search and algorithm auto tried for a version, one row each: the options tried, the validation figure, the share of tail items in lists of 10 (aplt), whether it was chosen, and why it failed. Models measured at several popularity exponents were trained once; their rows have the same seconds.';
GRANT SELECT ON longtail.training_trials TO PUBLIC;

CREATE VIEW longtail.training_progress AS
SELECT a.pid, a.usename AS role, m.part[1] AS model, m.part[5] AS phase, m.part[6]::integer AS epoch,
       m.part[7]::integer AS epochs, m.part[8]::float8 AS loss, pg_catalog.now() - a.query_start AS running,
       m.part[2]::integer AS trial, m.part[3]::integer AS trials, m.part[4] AS algorithm
FROM pg_catalog.pg_stat_activity a,
     LATERAL pg_catalog.regexp_match(a.query,
         '^longtail training "(.*)": (?:trial ([0-9]+) of ([0-9]+) ([a-z0-9_]+) )?([a-z]+)(?: epoch ([0-9]+) of ([0-9]+) loss ([-0-9.einfa]+))?$') AS m (part)
WHERE a.datname = pg_catalog.current_database() AND a.state = 'active' AND m.part IS NOT NULL;
COMMENT ON VIEW longtail.training_progress IS
'Trainings under way in this database, one row each, from the activity their sessions report; trial, trials and algorithm say what of a search is trained; other roles'' sessions show only to those who may see their activity.';
GRANT SELECT ON longtail.training_progress TO PUBLIC;

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

-- The type predictor, a trained model as a value; the aggregates that make one; what it answers.

CREATE TYPE longtail.predictor;

CREATE FUNCTION longtail.predictor_in(cstring) RETURNS longtail.predictor
AS 'MODULE_PATHNAME', 'longtail_predictor_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predictor_in(cstring) IS 'Input of type predictor.';

CREATE FUNCTION longtail.predictor_out(longtail.predictor) RETURNS cstring
AS 'MODULE_PATHNAME', 'longtail_predictor_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predictor_out(longtail.predictor) IS 'Output of type predictor.';

CREATE FUNCTION longtail.predictor_recv(internal) RETURNS longtail.predictor
AS 'MODULE_PATHNAME', 'longtail_predictor_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predictor_recv(internal) IS 'Binary input of type predictor.';

CREATE FUNCTION longtail.predictor_send(longtail.predictor) RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_predictor_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predictor_send(longtail.predictor) IS 'Binary output of type predictor.';

CREATE TYPE longtail.predictor (
    INPUT = longtail.predictor_in,
    OUTPUT = longtail.predictor_out,
    RECEIVE = longtail.predictor_recv,
    SEND = longtail.predictor_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE longtail.predictor IS
'A trained model as a value, made by logistic_fit and mlp_fit and used by predict. Its text is JSON and gives back the very same model.';

-- ---- aggregates that train ----

CREATE FUNCTION longtail.fit_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_fit_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.fit_combine(internal, internal) IS 'Part of the aggregates logistic_fit and mlp_fit.';

CREATE FUNCTION longtail.fit_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_fit_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.fit_serialize(internal) IS 'Part of the aggregates logistic_fit and mlp_fit.';

CREATE FUNCTION longtail.fit_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_fit_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.fit_deserialize(bytea, internal) IS 'Part of the aggregates logistic_fit and mlp_fit.';

CREATE FUNCTION longtail.fit_final(internal) RETURNS longtail.predictor
AS 'MODULE_PATHNAME', 'longtail_fit_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.fit_final(internal) IS 'Part of the aggregates logistic_fit and mlp_fit.';

CREATE FUNCTION longtail.logistic_fit_add(internal, float8, float8[]) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_logistic_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.logistic_fit_add(internal, float8, float8[]) IS 'Part of the aggregate logistic_fit.';

CREATE AGGREGATE longtail.logistic_fit(label float8, features float8[]) (
    SFUNC = longtail.logistic_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.logistic_fit(float8, float8[]) IS
'Trains a logistic regression on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out; number labels must be 0 or 1. Options are those of algorithm logistic that need no table; all rows are trained on. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.logistic_fit_add(internal, float8, float8[], jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_logistic_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.logistic_fit_add(internal, float8, float8[], jsonb) IS 'Part of the aggregate logistic_fit.';

CREATE AGGREGATE longtail.logistic_fit(label float8, features float8[], options jsonb) (
    SFUNC = longtail.logistic_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.logistic_fit(float8, float8[], jsonb) IS
'Trains a logistic regression on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out; number labels must be 0 or 1. Options are those of algorithm logistic that need no table; all rows are trained on. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.logistic_fit_add(internal, boolean, float8[]) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_logistic_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.logistic_fit_add(internal, boolean, float8[]) IS 'Part of the aggregate logistic_fit.';

CREATE AGGREGATE longtail.logistic_fit(label boolean, features float8[]) (
    SFUNC = longtail.logistic_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.logistic_fit(boolean, float8[]) IS
'Trains a logistic regression on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out; number labels must be 0 or 1. Options are those of algorithm logistic that need no table; all rows are trained on. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.logistic_fit_add(internal, boolean, float8[], jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_logistic_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.logistic_fit_add(internal, boolean, float8[], jsonb) IS 'Part of the aggregate logistic_fit.';

CREATE AGGREGATE longtail.logistic_fit(label boolean, features float8[], options jsonb) (
    SFUNC = longtail.logistic_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.logistic_fit(boolean, float8[], jsonb) IS
'Trains a logistic regression on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out; number labels must be 0 or 1. Options are those of algorithm logistic that need no table; all rows are trained on. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.mlp_fit_add(internal, float8, float8[]) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_mlp_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.mlp_fit_add(internal, float8, float8[]) IS 'Part of the aggregate mlp_fit.';

CREATE AGGREGATE longtail.mlp_fit(label float8, features float8[]) (
    SFUNC = longtail.mlp_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.mlp_fit(float8, float8[]) IS
'Trains a neural network on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out. A boolean label gives a probability; for numbers option loss says what is minimised, squared errors unless given. Options are those of algorithm mlp that need no table; rows are held out for early stopping when early_stopping or split random is given. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.mlp_fit_add(internal, float8, float8[], jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_mlp_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.mlp_fit_add(internal, float8, float8[], jsonb) IS 'Part of the aggregate mlp_fit.';

CREATE AGGREGATE longtail.mlp_fit(label float8, features float8[], options jsonb) (
    SFUNC = longtail.mlp_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.mlp_fit(float8, float8[], jsonb) IS
'Trains a neural network on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out. A boolean label gives a probability; for numbers option loss says what is minimised, squared errors unless given. Options are those of algorithm mlp that need no table; rows are held out for early stopping when early_stopping or split random is given. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.mlp_fit_add(internal, boolean, float8[]) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_mlp_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.mlp_fit_add(internal, boolean, float8[]) IS 'Part of the aggregate mlp_fit.';

CREATE AGGREGATE longtail.mlp_fit(label boolean, features float8[]) (
    SFUNC = longtail.mlp_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.mlp_fit(boolean, float8[]) IS
'Trains a neural network on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out. A boolean label gives a probability; for numbers option loss says what is minimised, squared errors unless given. Options are those of algorithm mlp that need no table; rows are held out for early stopping when early_stopping or split random is given. The result does not depend on the order of the rows.';

CREATE FUNCTION longtail.mlp_fit_add(internal, boolean, float8[], jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_mlp_fit_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.mlp_fit_add(internal, boolean, float8[], jsonb) IS 'Part of the aggregate mlp_fit.';

CREATE AGGREGATE longtail.mlp_fit(label boolean, features float8[], options jsonb) (
    SFUNC = longtail.mlp_fit_add,
    STYPE = internal,
    FINALFUNC = longtail.fit_final,
    COMBINEFUNC = longtail.fit_combine,
    SERIALFUNC = longtail.fit_serialize,
    DESERIALFUNC = longtail.fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.mlp_fit(boolean, float8[], jsonb) IS
'Trains a neural network on the group''s rows and returns it as a value. Rows whose label or features are NULL are left out. A boolean label gives a probability; for numbers option loss says what is minimised, squared errors unless given. Options are those of algorithm mlp that need no table; rows are held out for early stopping when early_stopping or split random is given. The result does not depend on the order of the rows.';

-- ---- what a predictor answers ----

CREATE FUNCTION longtail.predict(predictor longtail.predictor, features float8[]) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_predictor_predict' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION longtail.predict(longtail.predictor, float8[]) IS
'The prediction for one row: a probability, an expected count, or a value in the label''s units, as the predictor was trained.';

CREATE FUNCTION longtail.coefficients(predictor longtail.predictor)
RETURNS TABLE (feature text, coefficient float8, standard_error float8, z float8, p_value float8, odds_ratio float8)
AS 'MODULE_PATHNAME', 'longtail_predictor_coefficients' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.coefficients(longtail.predictor) IS
'Coefficients of a logistic predictor in the units of its features, the intercept first, with standard errors, z, two-sided p-values and odds ratios; NULL where they are not defined: an l1 penalty, a feature the data do not determine.';

-- Scoring: single predictions, lists, explanations.
-- What reads live relations is PARALLEL RESTRICTED: a source may be a temporary table, which only the leader can read.

CREATE FUNCTION longtail.predict(model text, features float8[])
RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_predict_array' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predict(text, float8[]) IS
'The prediction for one row given as numbers, in the order of the model''s numeric columns: a probability, an expected count, or a value in the label''s units.';

CREATE FUNCTION longtail.predict(model text, "row" record)
RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_predict_row' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.predict(text, record) IS
'The prediction for one row, its columns matched by name: SELECT longtail.predict(''churn'', c) FROM customers c.';

CREATE FUNCTION longtail.predict(model text, user_id anycompatible, item_id "any")
RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_predict_pair' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.predict(text, anycompatible, "any") IS
'The prediction for one user and one item. NULL when either is NULL.';

CREATE FUNCTION longtail.recommend(model text, user_id anycompatible, k integer DEFAULT 10, method text DEFAULT NULL,
    strength float8 DEFAULT NULL, exclude_seen boolean DEFAULT true, candidates "any" DEFAULT NULL,
    exclude "any" DEFAULT NULL, popularity_exponent float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (item_id text, score float8, base_score float8, rank integer, segment text)
AS 'MODULE_PATHNAME', 'longtail_recommend' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION longtail.recommend(text, anycompatible, integer, text, float8, boolean, "any", "any", float8, jsonb) IS
'The k best items for a user, best first. method and strength rerank for the tail (NULL: the model''s own); exclude_seen leaves out what the user has in the source table now; candidates and exclude are arrays of items; popularity_exponent divides scores by the items'' popularity to this power (NULL: the model''s own); options has what methods take besides.';

-- method is behind the rest so that untyped parameters of the first form cannot be taken for this one.
CREATE FUNCTION longtail.recommend(model text, user_id anycompatible, k integer, item_type anyelement,
    strength float8 DEFAULT NULL, exclude_seen boolean DEFAULT true, candidates "any" DEFAULT NULL,
    exclude "any" DEFAULT NULL, popularity_exponent float8 DEFAULT NULL,
    options jsonb DEFAULT '{}', method text DEFAULT NULL,
    OUT item_id anyelement, OUT score float8, OUT base_score float8, OUT rank integer, OUT segment text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'longtail_recommend_typed' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION longtail.recommend(text, anycompatible, integer, anyelement, float8, boolean, "any", "any", float8, jsonb, text) IS
'As recommend, with item_id in the type of item_type: recommend(''shop'', 17, 10, item_type => NULL::bigint).';

CREATE FUNCTION longtail.recommend_basket(model text, items anycompatiblearray, k integer DEFAULT 10,
    method text DEFAULT NULL, strength float8 DEFAULT NULL, exclude_basket boolean DEFAULT true,
    candidates "any" DEFAULT NULL, exclude "any" DEFAULT NULL, popularity_exponent float8 DEFAULT NULL,
    options jsonb DEFAULT '{}')
RETURNS TABLE (item_id text, score float8, base_score float8, rank integer, segment text)
AS 'MODULE_PATHNAME', 'longtail_recommend_basket' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION longtail.recommend_basket(text, anycompatiblearray, integer, text, float8, boolean, "any", "any", float8, jsonb) IS
'The k best items for somebody of whom only a basket of items is known, best first: those that algorithms which answer from past items would give a user who has these; of other algorithms, what is popular. exclude_basket leaves out the basket itself; the other arguments are as for recommend.';

CREATE FUNCTION longtail.recommend_basket(model text, items anycompatiblearray, k integer, item_type anyelement,
    strength float8 DEFAULT NULL, exclude_basket boolean DEFAULT true, candidates "any" DEFAULT NULL,
    exclude "any" DEFAULT NULL, popularity_exponent float8 DEFAULT NULL,
    options jsonb DEFAULT '{}', method text DEFAULT NULL,
    OUT item_id anyelement, OUT score float8, OUT base_score float8, OUT rank integer, OUT segment text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'longtail_recommend_basket_typed' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION longtail.recommend_basket(text, anycompatiblearray, integer, anyelement, float8, boolean, "any", "any", float8, jsonb, text) IS
'As recommend_basket, with item_id in the type of item_type: recommend_basket(''shop'', ''{17, 4}'', 10, item_type => NULL::bigint).';

CREATE FUNCTION longtail.similar_items(model text, item_id anycompatible, k integer DEFAULT 10)
RETURNS TABLE (item_id text, score float8, rank integer, segment text)
AS 'MODULE_PATHNAME', 'longtail_similar_items' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.similar_items(text, anycompatible, integer) IS
'The k items most similar to an item, most similar first: as the algorithm learned it, or else by the cosine of the items'' features. No rows for an item that the model does not know.';

CREATE FUNCTION longtail.item_embeddings(model text)
RETURNS TABLE (item_id text, embedding real[])
AS 'MODULE_PATHNAME', 'longtail_item_embeddings' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION longtail.item_embeddings(text) IS
'The vector of each item of a model of als, bpr or content: its inner product with user_embedding orders items as the model does, before popularity and reranking.';

CREATE FUNCTION longtail.item_embeddings(model text, item_type anyelement, OUT item_id anyelement, OUT embedding real[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'longtail_item_embeddings_typed' LANGUAGE C STABLE PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION longtail.item_embeddings(text, anyelement) IS
'As item_embeddings, with item_id in the type of item_type: item_embeddings(''shop'', NULL::bigint).';

CREATE FUNCTION longtail.user_embedding(model text, user_id anycompatible)
RETURNS real[]
AS 'MODULE_PATHNAME', 'longtail_user_embedding' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.user_embedding(text, anycompatible) IS
'The vector of a user, from what they have in the source table now, for item_embeddings. NULL for somebody of whom nothing is known.';

CREATE FUNCTION longtail.recommend_all(model text, k integer DEFAULT 10, method text DEFAULT NULL,
    strength float8 DEFAULT NULL, exclude_seen boolean DEFAULT true, popularity_exponent float8 DEFAULT NULL,
    min_exposure integer DEFAULT NULL, max_head_share float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (user_id text, item_id text, score float8, base_score float8, rank integer, segment text)
AS 'MODULE_PATHNAME', 'longtail_recommend_all' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000;
COMMENT ON FUNCTION longtail.recommend_all(text, integer, text, float8, boolean, float8, integer, float8, jsonb) IS
'Recommendations for every user the model knows, for CREATE TABLE AS, on longtail.threads threads. exclude_seen leaves out what users had when the version was trained. min_exposure is how often every item (or every value of option exposure_attribute) must appear over all lists, max_head_share the most of all places that head items may get.';

CREATE FUNCTION longtail.explain(model text, user_id anycompatible, item_id "any")
RETURNS TABLE (reason text, contribution float8)
AS 'MODULE_PATHNAME', 'longtail_explain' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION longtail.explain(text, anycompatible, "any") IS
'Why an item scores as it does for a user: contributions, largest first, that add up to the score before the link (for probabilities: the log-odds). For mlp they are integrated gradients from an average example, not effects.';

CREATE FUNCTION longtail.coefficients(model text)
RETURNS TABLE (feature text, coefficient float8, standard_error float8, z float8, p_value float8, odds_ratio float8)
AS 'MODULE_PATHNAME', 'longtail_model_coefficients' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION longtail.coefficients(text) IS
'Coefficients of a logistic model in the units of its columns, with standard errors, z, two-sided p-values and odds ratios; NULL where they are not defined: an l1 penalty, a column the data do not determine, more than 2,000 encoded columns, or an inverse that would take longer than the fit.';

CREATE FUNCTION longtail.item_stats(model text)
RETURNS TABLE (item_id text, interactions float8, popularity_rank integer, segment text, novelty float8,
    trend float8)
AS 'MODULE_PATHNAME', 'longtail_item_stats' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION longtail.item_stats(text) IS
'The catalogue as the active version knows it: interactions in training, rank by them, head, mid or tail, novelty in bits (self-information), and trend: the share of recent interactions over the share of all, NULL without times.';

-- What was really shown, by the user's own impression log.
-- It reads relations, which may be temporary tables, that only the leader can read.

CREATE FUNCTION longtail.exposure(model text, log regclass, item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL, period text DEFAULT 'week', attribute name DEFAULT NULL,
    attributes regclass DEFAULT NULL)
RETURNS TABLE (period timestamptz, segment text, attribute text, impressions bigint, share float8, items_shown bigint,
    items bigint, coverage float8, gini float8)
AS 'MODULE_PATHNAME', 'longtail_exposure' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION longtail.exposure(text, regclass, name, name, text, name, regclass) IS
'What was really shown, by a log with one row an impression: for each hour, day, week, month, quarter or year (or all), segment and, where attribute names a column of items, each of its values: impressions and their share of the period''s, how many of the items there are were shown, and how unequally (gini).';

-- Reordering what any query scored, for the long tail.
-- user_id is "any", not anycompatible: a result that has a polymorphic column needs every polymorphic argument given.

CREATE FUNCTION longtail.boost(score float8, popularity float8, strength float8) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_boost' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.boost(float8, float8, float8) IS
'score / popularity^strength, for ORDER BY; a negative score is multiplied instead, so that popularity always costs. Popularity below 1 counts as 1.';

CREATE FUNCTION longtail.rerank(items anyarray, scores float8[], k integer, method text, strength float8,
    popularity float8[] DEFAULT NULL, model text DEFAULT NULL, user_id "any" DEFAULT NULL,
    options jsonb DEFAULT '{}', attributes text[] DEFAULT NULL)
RETURNS TABLE (item anyelement, score float8, base_score float8, rank integer, segment text)
AS 'MODULE_PATHNAME', 'longtail_rerank' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION longtail.rerank(anyarray, float8[], integer, text, float8, float8[], text, "any", jsonb, text[]) IS
'The k best of scored items, reordered for the tail by a method of rerank_methods(); strength 0 keeps the order by score. Popularity is each item''s number of interactions, given with the call or else taken from a model; with a model, user_id makes methods personal, and method and strength may be NULL: the model''s own. attributes are the items'' values of whatever methods go by, such as their suppliers. segment is head, mid or tail, NULL when popularity is unknown.';

-- The aggregate, with as many arguments as are needed: aggregates have no defaults.
CREATE FUNCTION longtail.rerank_agg_add(state internal, item anynonarray, score float8, k integer, method text, strength float8)
RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_add' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_add(internal, anynonarray, float8, integer, text, float8) IS
'Part of rerank_agg.';
CREATE FUNCTION longtail.rerank_agg_final(state internal, item anynonarray, score float8, k integer, method text, strength float8)
RETURNS anyarray
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_final' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_final(internal, anynonarray, float8, integer, text, float8) IS
'Part of rerank_agg.';
CREATE AGGREGATE longtail.rerank_agg(item anynonarray, score float8, k integer, method text, strength float8) (
    SFUNC = longtail.rerank_agg_add, STYPE = internal,
    FINALFUNC = longtail.rerank_agg_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE longtail.rerank_agg(anynonarray, float8, integer, text, float8) IS
'The k best of the group''s items, best first, as rerank has them; k, method and strength are the same in all rows. NULL without rows.';

CREATE FUNCTION longtail.rerank_agg_add(state internal, item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8)
RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_add' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_add(internal, anynonarray, float8, integer, text, float8, float8) IS
'Part of rerank_agg.';
CREATE FUNCTION longtail.rerank_agg_final(state internal, item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8)
RETURNS anyarray
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_final' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_final(internal, anynonarray, float8, integer, text, float8, float8) IS
'Part of rerank_agg.';
CREATE AGGREGATE longtail.rerank_agg(item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8) (
    SFUNC = longtail.rerank_agg_add, STYPE = internal,
    FINALFUNC = longtail.rerank_agg_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE longtail.rerank_agg(anynonarray, float8, integer, text, float8, float8) IS
'As rerank_agg, with each item''s number of interactions; NULL in all rows: not known.';

CREATE FUNCTION longtail.rerank_agg_add(state internal, item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8, options jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_add' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_add(internal, anynonarray, float8, integer, text, float8, float8, jsonb) IS
'Part of rerank_agg.';
CREATE FUNCTION longtail.rerank_agg_final(state internal, item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8, options jsonb)
RETURNS anyarray
AS 'MODULE_PATHNAME', 'longtail_rerank_agg_final' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION longtail.rerank_agg_final(internal, anynonarray, float8, integer, text, float8, float8, jsonb) IS
'Part of rerank_agg.';
CREATE AGGREGATE longtail.rerank_agg(item anynonarray, score float8, k integer, method text, strength float8,
    popularity float8, options jsonb) (
    SFUNC = longtail.rerank_agg_add, STYPE = internal,
    FINALFUNC = longtail.rerank_agg_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE longtail.rerank_agg(anynonarray, float8, integer, text, float8, float8, jsonb) IS
'As rerank_agg, with the options of rerank, the same in all rows.';

CREATE FUNCTION longtail.rerank_methods()
RETURNS TABLE (name text, description text, maximum_strength float8, needs_popularity boolean,
    needs_similarity boolean, raises_tail boolean, options text[])
AS 'MODULE_PATHNAME', 'longtail_rerank_methods' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 8;
COMMENT ON FUNCTION longtail.rerank_methods() IS
'The methods of rerank and recommend, the most strength each takes, what it must know of the items, whether more strength never lowers the number of tail items in a list, and its own options. rerank takes seed as well, and with popularity head_share and tail_share.';

-- Measures over any query. Those of models are in evaluate.sql.

CREATE FUNCTION longtail.rows_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rows_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_combine(internal, internal) IS 'Part of the aggregates that gather rows.';

CREATE FUNCTION longtail.rows_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_rows_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_serialize(internal) IS 'Part of the aggregates that gather rows.';

CREATE FUNCTION longtail.rows_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rows_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_deserialize(bytea, internal) IS 'Part of the aggregates that gather rows.';

CREATE FUNCTION longtail.auc_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_auc_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_final(internal) IS 'Part of the aggregate auc.';

CREATE FUNCTION longtail.average_precision_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_average_precision_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.average_precision_final(internal) IS 'Part of the aggregate average_precision.';

-- ---- spread: one amount a row ----

CREATE FUNCTION longtail.amount_add(internal, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_amount_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.amount_add(internal, float8) IS 'Part of the aggregates gini, entropy and coefficient_of_variation.';

CREATE FUNCTION longtail.number_add(internal, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_number_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.number_add(internal, float8) IS 'Part of the aggregate mean_absolute_deviation.';

CREATE FUNCTION longtail.gini_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_gini_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.gini_final(internal) IS 'Part of the aggregate gini.';

CREATE AGGREGATE longtail.gini(amount float8) (
    SFUNC = longtail.amount_add,
    STYPE = internal,
    FINALFUNC = longtail.gini_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.gini(float8) IS
'How unequally amounts are shared, such as the exposure of items: 0 when all have the same, (n - 1) / n when one of n has everything. NULL when the sum is 0.';

CREATE FUNCTION longtail.entropy_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_entropy_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.entropy_final(internal) IS 'Part of the aggregate entropy.';

CREATE AGGREGATE longtail.entropy(amount float8) (
    SFUNC = longtail.amount_add,
    STYPE = internal,
    FINALFUNC = longtail.entropy_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.entropy(float8) IS
'Shannon entropy of the amounts'' shares, in bits: 0 when one has everything, log2 n when all n have the same. Amounts of 0 add nothing. NULL when the sum is 0.';

CREATE FUNCTION longtail.mean_absolute_deviation_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_mean_absolute_deviation_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.mean_absolute_deviation_final(internal) IS 'Part of the aggregate mean_absolute_deviation.';

CREATE AGGREGATE longtail.mean_absolute_deviation(amount float8) (
    SFUNC = longtail.number_add,
    STYPE = internal,
    FINALFUNC = longtail.mean_absolute_deviation_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.mean_absolute_deviation(float8) IS
'Mean distance of the amounts from their mean, in their unit. NULL without rows.';

CREATE FUNCTION longtail.coefficient_of_variation_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_coefficient_of_variation_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.coefficient_of_variation_final(internal) IS 'Part of the aggregate coefficient_of_variation.';

CREATE AGGREGATE longtail.coefficient_of_variation(amount float8) (
    SFUNC = longtail.amount_add,
    STYPE = internal,
    FINALFUNC = longtail.coefficient_of_variation_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.coefficient_of_variation(float8) IS
'Standard deviation of the amounts, over n, divided by their mean: 0 when all have the same, the root of n - 1 when one of n has everything. NULL when the sum is 0.';

-- ---- divergence: one category a row ----

CREATE FUNCTION longtail.divergence_add(internal, float8, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_divergence_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.divergence_add(internal, float8, float8) IS 'Part of the aggregates kl_divergence and js_divergence.';

CREATE FUNCTION longtail.kl_divergence_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_kl_divergence_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.kl_divergence_final(internal) IS 'Part of the aggregate kl_divergence.';

CREATE AGGREGATE longtail.kl_divergence(p float8, q float8) (
    SFUNC = longtail.divergence_add,
    STYPE = internal,
    FINALFUNC = longtail.kl_divergence_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.kl_divergence(float8, float8) IS
'Kullback-Leibler divergence from p to q, in bits: one row a category, with the amounts two distributions have of it; shares are made of them. 0 when the shares are equal, Infinity when a category has some of p and none of q. NULL when either sums to 0.';

CREATE FUNCTION longtail.js_divergence_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_js_divergence_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.js_divergence_final(internal) IS 'Part of the aggregate js_divergence.';

CREATE AGGREGATE longtail.js_divergence(p float8, q float8) (
    SFUNC = longtail.divergence_add,
    STYPE = internal,
    FINALFUNC = longtail.js_divergence_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.js_divergence(float8, float8) IS
'Jensen-Shannon divergence of p and q, in bits: one row a category, with the amounts two distributions have of it; shares are made of them. 0 when the shares are equal, 1 when they have no category in common. NULL when either sums to 0.';

-- ---- predictions ----

CREATE FUNCTION longtail.log_loss_combine(float8[], float8[]) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_combine(float8[], float8[]) IS 'Part of the aggregate log_loss.';

CREATE FUNCTION longtail.log_loss_final(float8[]) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_log_loss_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_final(float8[]) IS 'Part of the aggregate log_loss.';

CREATE FUNCTION longtail.auc_add(internal, float8, boolean) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_auc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_add(internal, float8, boolean) IS 'Part of the aggregates auc and average_precision.';

CREATE AGGREGATE longtail.auc(score float8, label boolean) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.auc_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.auc(float8, boolean) IS
'Area under the ROC curve: the probability that a positive scores above a negative, ties counting half. Integer labels are 0 and 1; weights say how much each row counts. NULL when one class is missing.';

CREATE AGGREGATE longtail.average_precision(score float8, label boolean) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.average_precision_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.average_precision(float8, boolean) IS
'Mean over the positives of the precision among those who score at least as much: the step sum over distinct scores, rows that tie counting together. Integer labels are 0 and 1; weights say how much each row counts. NULL without positives.';

CREATE FUNCTION longtail.log_loss_add(float8[], float8, boolean) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_add(float8[], float8, boolean) IS 'Part of the aggregate log_loss.';

CREATE AGGREGATE longtail.log_loss(probability float8, label boolean) (
    SFUNC = longtail.log_loss_add,
    STYPE = float8[],
    FINALFUNC = longtail.log_loss_final,
    COMBINEFUNC = longtail.log_loss_combine,
    INITCOND = '{0,0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.log_loss(float8, boolean) IS
'Mean of -ln p of what happened, probabilities clipped to 1e-15 from 0 and 1. Integer labels are 0 and 1; weights say how much each row counts. NULL without rows.';

CREATE FUNCTION longtail.auc_add(internal, float8, boolean, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_auc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_add(internal, float8, boolean, float8) IS 'Part of the aggregates auc and average_precision.';

CREATE AGGREGATE longtail.auc(score float8, label boolean, weight float8) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.auc_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.auc(float8, boolean, float8) IS
'Area under the ROC curve: the probability that a positive scores above a negative, ties counting half. Integer labels are 0 and 1; weights say how much each row counts. NULL when one class is missing.';

CREATE AGGREGATE longtail.average_precision(score float8, label boolean, weight float8) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.average_precision_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.average_precision(float8, boolean, float8) IS
'Mean over the positives of the precision among those who score at least as much: the step sum over distinct scores, rows that tie counting together. Integer labels are 0 and 1; weights say how much each row counts. NULL without positives.';

CREATE FUNCTION longtail.log_loss_add(float8[], float8, boolean, float8) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_add(float8[], float8, boolean, float8) IS 'Part of the aggregate log_loss.';

CREATE AGGREGATE longtail.log_loss(probability float8, label boolean, weight float8) (
    SFUNC = longtail.log_loss_add,
    STYPE = float8[],
    FINALFUNC = longtail.log_loss_final,
    COMBINEFUNC = longtail.log_loss_combine,
    INITCOND = '{0,0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.log_loss(float8, boolean, float8) IS
'Mean of -ln p of what happened, probabilities clipped to 1e-15 from 0 and 1. Integer labels are 0 and 1; weights say how much each row counts. NULL without rows.';

CREATE FUNCTION longtail.auc_add(internal, float8, integer) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_auc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_add(internal, float8, integer) IS 'Part of the aggregates auc and average_precision.';

CREATE AGGREGATE longtail.auc(score float8, label integer) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.auc_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.auc(float8, integer) IS
'Area under the ROC curve: the probability that a positive scores above a negative, ties counting half. Integer labels are 0 and 1; weights say how much each row counts. NULL when one class is missing.';

CREATE AGGREGATE longtail.average_precision(score float8, label integer) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.average_precision_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.average_precision(float8, integer) IS
'Mean over the positives of the precision among those who score at least as much: the step sum over distinct scores, rows that tie counting together. Integer labels are 0 and 1; weights say how much each row counts. NULL without positives.';

CREATE FUNCTION longtail.log_loss_add(float8[], float8, integer) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_add(float8[], float8, integer) IS 'Part of the aggregate log_loss.';

CREATE AGGREGATE longtail.log_loss(probability float8, label integer) (
    SFUNC = longtail.log_loss_add,
    STYPE = float8[],
    FINALFUNC = longtail.log_loss_final,
    COMBINEFUNC = longtail.log_loss_combine,
    INITCOND = '{0,0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.log_loss(float8, integer) IS
'Mean of -ln p of what happened, probabilities clipped to 1e-15 from 0 and 1. Integer labels are 0 and 1; weights say how much each row counts. NULL without rows.';

CREATE FUNCTION longtail.auc_add(internal, float8, integer, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_auc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_add(internal, float8, integer, float8) IS 'Part of the aggregates auc and average_precision.';

CREATE AGGREGATE longtail.auc(score float8, label integer, weight float8) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.auc_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.auc(float8, integer, float8) IS
'Area under the ROC curve: the probability that a positive scores above a negative, ties counting half. Integer labels are 0 and 1; weights say how much each row counts. NULL when one class is missing.';

CREATE AGGREGATE longtail.average_precision(score float8, label integer, weight float8) (
    SFUNC = longtail.auc_add,
    STYPE = internal,
    FINALFUNC = longtail.average_precision_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.average_precision(float8, integer, float8) IS
'Mean over the positives of the precision among those who score at least as much: the step sum over distinct scores, rows that tie counting together. Integer labels are 0 and 1; weights say how much each row counts. NULL without positives.';

CREATE FUNCTION longtail.log_loss_add(float8[], float8, integer, float8) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_add(float8[], float8, integer, float8) IS 'Part of the aggregate log_loss.';

CREATE AGGREGATE longtail.log_loss(probability float8, label integer, weight float8) (
    SFUNC = longtail.log_loss_add,
    STYPE = float8[],
    FINALFUNC = longtail.log_loss_final,
    COMBINEFUNC = longtail.log_loss_combine,
    INITCOND = '{0,0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.log_loss(float8, integer, float8) IS
'Mean of -ln p of what happened, probabilities clipped to 1e-15 from 0 and 1. Integer labels are 0 and 1; weights say how much each row counts. NULL without rows.';

CREATE FUNCTION longtail.roc_curve(scores float8[], labels boolean[])
RETURNS TABLE (threshold float8, false_positive_rate float8, true_positive_rate float8)
AS 'MODULE_PATHNAME', 'longtail_roc_curve' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION longtail.roc_curve(float8[], boolean[]) IS
'The ROC curve from the highest threshold down, one point a distinct score: the rates of those who score at least the threshold. SELECT r.* FROM (SELECT array_agg(score) AS s, array_agg(label) AS l FROM results) a, longtail.roc_curve(a.s, a.l) r.';

CREATE FUNCTION longtail.calibration_curve(scores float8[], labels boolean[], bins integer DEFAULT 10)
RETURNS TABLE (bin integer, lower float8, upper float8, mean_predicted float8, observed float8, n bigint)
AS 'MODULE_PATHNAME', 'longtail_calibration_curve' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.calibration_curve(float8[], boolean[], integer) IS
'Whether probabilities mean what they say: bins of equal width from 0 to 1, each above lower and up to upper, with the mean prediction, the share of positives observed and the number of rows. Empty bins are left out.';

CREATE FUNCTION longtail.confusion(scores float8[], labels boolean[], threshold float8 DEFAULT 0.5)
RETURNS TABLE (true_positive bigint, false_positive bigint, true_negative bigint, false_negative bigint,
    "precision" float8, recall float8, f1 float8, accuracy float8, specificity float8)
AS 'MODULE_PATHNAME', 'longtail_confusion' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION longtail.confusion(float8[], boolean[], float8) IS
'What a threshold does, in one row: scores of at least the threshold are predicted positive. Rates are NULL where nothing is in their denominator.';

-- ---- lists ----

CREATE FUNCTION longtail.ndcg_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_ndcg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.ndcg_final(internal) IS 'Part of the aggregate ndcg.';

CREATE FUNCTION longtail.ndcg_add(internal, bigint, boolean, integer) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_ndcg_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.ndcg_add(internal, bigint, boolean, integer) IS 'Part of the aggregate ndcg.';

CREATE AGGREGATE longtail.ndcg(rank bigint, relevant boolean, k integer) (
    SFUNC = longtail.ndcg_add,
    STYPE = internal,
    FINALFUNC = longtail.ndcg_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.ndcg(bigint, boolean, integer) IS
'NDCG of the first k of one list: a row an item with its rank, NULL for relevant items that were not listed, and whether it is relevant or its gain, which counts as it is. The discounted gain over that of the best possible list. NULL when nothing is relevant. A list is a group: GROUP BY its user, and average.';

CREATE FUNCTION longtail.ndcg_add(internal, bigint, float8, integer) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_ndcg_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.ndcg_add(internal, bigint, float8, integer) IS 'Part of the aggregate ndcg.';

CREATE AGGREGATE longtail.ndcg(rank bigint, gain float8, k integer) (
    SFUNC = longtail.ndcg_add,
    STYPE = internal,
    FINALFUNC = longtail.ndcg_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.ndcg(bigint, float8, integer) IS
'NDCG of the first k of one list: a row an item with its rank, NULL for relevant items that were not listed, and whether it is relevant or its gain, which counts as it is. The discounted gain over that of the best possible list. NULL when nothing is relevant. A list is a group: GROUP BY its user, and average.';

CREATE TYPE longtail.bootstrap_interval AS (difference float8, lower float8, upper float8, p_value float8, n bigint);
COMMENT ON TYPE longtail.bootstrap_interval IS
'A mean difference of n pairs, the interval around it, and the two-sided p-value of there being none.';

CREATE FUNCTION longtail.bootstrap_final(internal) RETURNS longtail.bootstrap_interval
AS 'MODULE_PATHNAME', 'longtail_bootstrap_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.bootstrap_final(internal) IS 'Part of the aggregate bootstrap_difference.';

CREATE FUNCTION longtail.bootstrap_add(internal, float8, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_bootstrap_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.bootstrap_add(internal, float8, float8) IS 'Part of the aggregate bootstrap_difference.';

CREATE AGGREGATE longtail.bootstrap_difference(a float8, b float8) (
    SFUNC = longtail.bootstrap_add,
    STYPE = internal,
    FINALFUNC = longtail.bootstrap_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.bootstrap_difference(float8, float8) IS
'The mean of a - b over rows that measure one thing twice, such as a user under two rankings, with its paired bootstrap interval and p-value. options: samples (2000), level (0.95), seed (1). The result does not depend on the order of the rows. NULL without rows; one row has no interval.';

CREATE FUNCTION longtail.bootstrap_add(internal, float8, float8, jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_bootstrap_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.bootstrap_add(internal, float8, float8, jsonb) IS 'Part of the aggregate bootstrap_difference.';

CREATE AGGREGATE longtail.bootstrap_difference(a float8, b float8, options jsonb) (
    SFUNC = longtail.bootstrap_add,
    STYPE = internal,
    FINALFUNC = longtail.bootstrap_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.bootstrap_difference(float8, float8, jsonb) IS
'The mean of a - b over rows that measure one thing twice, such as a user under two rankings, with its paired bootstrap interval and p-value. options: samples (2000), level (0.95), seed (1). The result does not depend on the order of the rows. NULL without rows; one row has no interval.';

-- Measuring models on rows they were not trained on.

CREATE FUNCTION longtail.evaluate(model text, test regclass, k integer[] DEFAULT '{10,20}', method text DEFAULT NULL,
    strength float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (metric text, k integer, value float8, n bigint)
AS 'MODULE_PATHNAME', 'longtail_evaluate' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 40;
COMMENT ON FUNCTION longtail.evaluate(text, regclass, integer[], text, float8, jsonb) IS
'Measures the active version on a relation with the columns of its source. Recommenders: the whole catalogue is ranked for each user of the test, without what the user had in training; n is the number of users that the figure is over. Models with labels: also log loss and AUC, or errors, of single predictions; n is the number of rows. Options: version (0, the default, is the active one), seed (of method random and of sampled negatives), popularity_exponent, trend_exponent, users, unknown_items, exclude_seen, negatives and sampled_negatives, which say what published protocols do otherwise; attribute, a column of items, whose values then have rows reo and rsp, and user_attribute, a column of users, for NDCG and recall of each of its values; those of the method.';

CREATE FUNCTION longtail.evaluate_users(model text, test regclass, k integer DEFAULT 10, method text DEFAULT NULL,
    strength float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (user_id text, metric text, value float8)
AS 'MODULE_PATHNAME', 'longtail_evaluate_users' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000;
COMMENT ON FUNCTION longtail.evaluate_users(text, regclass, integer, text, float8, jsonb) IS
'Each test user''s values of the measures that evaluate has the means of, at one k, for joins with what else is known of the users. A measure that is not defined for a user, such as the diversity of a list of one, has no row.';

CREATE FUNCTION longtail.compare(model text, test regclass, a jsonb, b jsonb, k integer DEFAULT 10,
    options jsonb DEFAULT '{"seed": 1, "level": 0.95, "samples": 2000}')
RETURNS TABLE (metric text, a float8, b float8, difference float8, lower float8, upper float8, p_value float8, n bigint)
AS 'MODULE_PATHNAME', 'longtail_compare' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 18;
COMMENT ON FUNCTION longtail.compare(text, regclass, jsonb, jsonb, integer, jsonb) IS
'How sure a difference between two ways of serving the same users is: the means of a and b, their difference a - b, its interval and p-value by the paired bootstrap over the n users that both have a value for. a and b say what differs: model, version, method, strength and any option of evaluate; {} is the model as it is served. options hold what both share, and samples, level, seed and metrics, a list of those to compare.';

CREATE FUNCTION longtail.tradeoff(model text, test regclass, k integer DEFAULT 10, method text DEFAULT 'popularity',
    strengths float8[] DEFAULT '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}', options jsonb DEFAULT '{}')
RETURNS TABLE (strength float8, ndcg float8, recall float8, hit_rate float8, aplt float8, tail_coverage float8,
    catalogue_coverage float8, gini float8, novelty float8, diversity float8)
AS 'MODULE_PATHNAME', 'longtail_tradeoff' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 8;
COMMENT ON FUNCTION longtail.tradeoff(text, regclass, integer, text, float8[], jsonb) IS
'What each strength of a method gains for the tail and costs in accuracy, one row a strength. Users are scored once for all of them. Options are those of evaluate. Choose on a validation relation, never on the test.';

CREATE FUNCTION longtail.autotune(model text, validation regclass, k integer DEFAULT 10,
    methods text[] DEFAULT '{popularity,xquad,calibrated,quota}', ndcg_budget float8 DEFAULT 0.02,
    strengths float8[] DEFAULT NULL, options jsonb DEFAULT '{}', apply boolean DEFAULT false)
RETURNS TABLE (method text, strength float8, ndcg float8, ndcg_change float8, recall float8, aplt float8,
    tail_coverage float8, catalogue_coverage float8, gini float8, chosen boolean)
AS 'MODULE_PATHNAME', 'longtail_autotune' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 33;
COMMENT ON FUNCTION longtail.autotune(text, regclass, integer, text[], float8, float8[], jsonb, boolean) IS
'Tries methods and strengths on a validation relation, one row each, the plain order first, and marks the one with most of the tail among those whose NDCG is within the budget (a share) of the plain order''s; ndcg_budget 0 or NULL marks the best NDCG. Users are scored once for all. strengths NULL tries 8 of each method. apply makes the choice the model''s own, as a new version with the same weights, promoted.';

-- Pictures, as SVG that stands alone.

CREATE FUNCTION longtail.markup(value text)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_markup' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.markup(text) IS
'A text made fit for HTML, SVG and XML, for pages of one''s own: escaped, in ASCII, without characters that XML forbids.';

CREATE FUNCTION longtail.plot_roc(scores float8[], labels boolean[])
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_roc' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_roc(float8[], boolean[]) IS
'The ROC curve as a picture (SVG), with its area. Both classes must be there.';

CREATE FUNCTION longtail.plot_roc(model text, test regclass)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_roc_model' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_roc(text, regclass) IS
'The ROC curve, as a picture (SVG), of a model''s predictions for the rows of a relation with the columns of its source.';

-- With two untyped literals the other forms would leave the choice open.
CREATE FUNCTION longtail.plot_roc(model text, test text)
RETURNS text
LANGUAGE SQL STABLE STRICT PARALLEL UNSAFE
RETURN longtail.plot_roc(model, test::regclass);
COMMENT ON FUNCTION longtail.plot_roc(text, text) IS
'As plot_roc, with the name of the relation.';

CREATE FUNCTION longtail.plot_calibration(scores float8[], labels boolean[], bins integer DEFAULT 10)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_calibration' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_calibration(float8[], boolean[], integer) IS
'A reliability diagram (SVG): how often what was predicted with a probability happened, in bins of equal width, and below it how many predictions each bin has.';

CREATE FUNCTION longtail.plot_calibration(model text, test regclass, bins integer DEFAULT 10)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_calibration_model' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_calibration(text, regclass, integer) IS
'A reliability diagram (SVG) of a model''s predictions for the rows of a relation with the columns of its source.';

CREATE FUNCTION longtail.plot_calibration(model text, test text, bins integer DEFAULT 10)
RETURNS text
LANGUAGE SQL STABLE STRICT PARALLEL UNSAFE
RETURN longtail.plot_calibration(model, test::regclass, bins);
COMMENT ON FUNCTION longtail.plot_calibration(text, text, integer) IS
'As plot_calibration, with the name of the relation.';

CREATE FUNCTION longtail.plot_training(model text, version integer DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_training' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.plot_training(text, integer) IS
'The learning curve of a version (NULL: the active one) as a picture (SVG): losses and the validation metric by epoch, and the epoch whose weights it has, where that is known.';

CREATE FUNCTION longtail.plot_tradeoff(model text, test regclass, k integer DEFAULT 10, method text DEFAULT 'popularity',
    strengths float8[] DEFAULT '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}', options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_tradeoff' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_tradeoff(text, regclass, integer, text, float8[], jsonb) IS
'What each strength of a method gains for the tail and costs in accuracy, as a picture (SVG) of what tradeoff returns. It marks the strength that shows most of the tail within 2 % of the plain NDCG; option ndcg_budget is another share. Other options are those of tradeoff; method NULL is the model''s own.';

CREATE FUNCTION longtail.plot_long_tail(model text, k integer DEFAULT 10, method text DEFAULT NULL,
    strength float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'longtail_plot_long_tail' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.plot_long_tail(text, integer, text, float8, jsonb) IS
'The long tail as a picture (SVG): interactions by popularity, and whom lists of k show, plain and by a method (NULL: the model''s own). It asks 2,000 users, spread evenly; option users says how many, 0 all. Other options are those of the method, and seed.';

-- One page about a model: what it is, its figures and its pictures.
-- Its body is parsed here and now: as a string it would be in the caller's search_path, with others' operators in it.

CREATE FUNCTION longtail.report(model text, test regclass, k integer DEFAULT 10)
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
WITH measured AS MATERIALIZED (
    -- First, for its errors: of a model there is not, of a test that does not fit.
    SELECT metric, e.k, value, n FROM longtail.evaluate(report.model, report.test, ARRAY[report.k]) AS e
), subject AS (
    SELECT m.*, v.algorithm AS served, v.trained, v.rows, v.users, v.items, v.features, v.epochs, v.seconds,
           v.validation_metric, v.validation_value, v.decision, v.options AS version_options,
           CASE jsonb_typeof(v.options->'rerank') WHEN 'object' THEN v.options->'rerank'->>'method'
                                                  ELSE coalesce(v.options->>'rerank', 'none') END AS method
    FROM longtail.models AS m JOIN longtail.model_versions AS v ON v.model = m.model AND v.active
    WHERE m.model = report.model
), plain AS MATERIALIZED (
    SELECT e.metric, e.k, e.value
    FROM subject, longtail.evaluate(report.model, report.test, ARRAY[report.k], 'none', 0) AS e
    WHERE subject.user_column IS NOT NULL AND subject.method <> 'none'
), known (place, part, metric, name, meaning) AS (
    VALUES (1, 'Accuracy', 'ndcg', 'NDCG', 'hits, weighed by their rank, over the best possible'),
           (2, 'Accuracy', 'recall', 'recall', 'share of what users took that is in their lists'),
           (3, 'Accuracy', 'precision', 'precision', 'share of the lists that users took'),
           (4, 'Accuracy', 'hit_rate', 'hit rate', 'share of users with a hit'),
           (5, 'Accuracy', 'map', 'MAP', 'mean precision at the hits'),
           (6, 'Accuracy', 'mrr', 'MRR', 'one over the rank of the first hit'),
           (7, 'Accuracy', 'auc', 'AUC', 'how often what was taken ranks above what was not'),
           (8, 'Accuracy', 'label_auc', 'AUC of labels', 'how often a positive scores above a negative'),
           (9, 'Accuracy', 'log_loss', 'log loss', 'mean of -ln p of what happened; lower is better'),
           (10, 'Accuracy', 'accuracy', 'accuracy', 'share of rows on the right side of 0.5'),
           (11, 'Accuracy', 'rmse', 'RMSE', 'root of the mean squared error; lower is better'),
           (12, 'Accuracy', 'mae', 'MAE', 'mean absolute error; lower is better'),
           (13, 'Accuracy', 'poisson_deviance', 'Poisson deviance', 'of expected counts; lower is better'),
           (14, 'Accuracy', 'r2', 'R2', 'share of the variance that is explained'),
           (15, 'Accuracy', 'f1', 'F1', 'harmonic mean of precision and recall'),
           (16, 'Accuracy', 'recall_capped', 'capped recall', 'hits over the most there can be in a list'),
           (20, 'The tail and the catalogue', 'aplt', 'tail share', 'share of the lists that is of the tail (APLT)'),
           (21, 'The tail and the catalogue', 'tail_coverage', 'tail coverage', 'share of the tail in anybody''s list'),
           (22, 'The tail and the catalogue', 'catalogue_coverage', 'catalogue coverage', 'share of all items in anybody''s list'),
           (23, 'The tail and the catalogue', 'gini', 'Gini of exposure', '0 all items alike, near 1 a few have everything'),
           (24, 'The tail and the catalogue', 'novelty', 'novelty', 'bits: how rare the listed items are'),
           (25, 'The tail and the catalogue', 'arp', 'mean popularity', 'interactions of the listed items (ARP)'),
           (26, 'The tail and the catalogue', 'exposure_head', 'exposure of the head', 'share of all places in lists'),
           (27, 'The tail and the catalogue', 'exposure_mid', 'exposure of the middle', 'share of all places in lists'),
           (28, 'The tail and the catalogue', 'exposure_tail', 'exposure of the tail', 'share of all places in lists'),
           (29, 'The tail and the catalogue', 'exposure_mad', 'spread of exposure (MAD)', 'mean absolute deviation over items'),
           (30, 'The tail and the catalogue', 'exposure_cv', 'spread of exposure (CV)', 'standard deviation over items, over the mean'),
           (31, 'The tail and the catalogue', 'entropy', 'entropy of exposure', 'bits: higher the more alike items are shown'),
           (32, 'The tail and the catalogue', 'aclt', 'tail items', 'of the tail in a list, their number (ACLT)'),
           (33, 'The tail and the catalogue', 'diversity', 'diversity', 'how unlike each other the items of a list are, 0 to 2'),
           (34, 'The tail and the catalogue', 'serendipity', 'serendipity', 'hits that popularity would not have made, of all places'),
           (35, 'The tail and the catalogue', 'upd', 'deviation from taste', 'between head, mid and tail of the user and of the list (UPD)'),
           (36, 'The tail and the catalogue', 'taste_kl', 'deviation from taste (KL)', 'divergence of Kullback and Leibler'),
           (37, 'The tail and the catalogue', 'taste_js', 'deviation from taste (JS)', 'divergence of Jensen and Shannon'),
           (38, 'The tail and the catalogue', 'popreo', 'unequal chance of being found', 'of relevant head, mid and tail items (PopREO); 0 is equal'),
           (39, 'The tail and the catalogue', 'poprsp', 'unequal chance of being shown', 'of head, mid and tail items (PopRSP); 0 is equal')
), figures AS (
    SELECT coalesce(k.part, 'Other measures') AS part, coalesce(k.place, 99) AS place, e.metric,
           longtail.markup(coalesce(k.name, replace(e.metric, '_', ' ')) || coalesce('@' || e.k, '')) AS name,
           longtail.markup(coalesce(k.meaning, '')) AS meaning, e.value, p.value AS plain
    FROM measured AS e LEFT JOIN plain AS p ON p.metric = e.metric AND p.k IS NOT DISTINCT FROM e.k
    LEFT JOIN known AS k ON k.metric = e.metric
), shown AS (
    SELECT f.*, n.number[1] AS value_text, n.number[2] AS plain_text
    FROM figures AS f, LATERAL (
        SELECT array_agg(CASE WHEN v IS NULL THEN '&#x2013;' WHEN abs(v) >= 1000 THEN round(v::numeric)::text
                              WHEN abs(v) >= 10 THEN round(v::numeric, 1)::text ELSE round(v::numeric, 4)::text END
                         ORDER BY place) AS number
        FROM unnest(ARRAY[f.value, f.plain]) WITH ORDINALITY AS u (v, place)) AS n
), facts (place, name, fact) AS (
    SELECT f.* FROM subject AS s, LATERAL (VALUES
        (1, 'Algorithm', s.served || CASE WHEN s.algorithm <> s.served THEN ', chosen by ' || s.algorithm ELSE '' END),
        (2, 'Version', s.version || ' of ' || s.versions),
        (3, 'Trained', to_char(s.trained, 'YYYY-MM-DD HH24:MI TZ') || ', in ' || round(s.seconds::numeric, 2) || ' s'),
        (4, 'Source', s.source::text),
        (5, 'Rows', to_char(s.rows, 'FM999,999,999,999,999')),
        (6, 'Users', to_char(s.users, 'FM999,999,999,999,999')),
        (7, 'Items', to_char(s.items, 'FM999,999,999,999,999')),
        (8, 'Encoded columns', CASE WHEN s.features > 0 THEN to_char(s.features, 'FM999,999,999') END),
        (9, 'Columns', nullif(concat_ws(', ', 'user ' || s.user_column, 'item ' || s.item_column, 'label ' || s.label_column,
                                        'weight ' || s.weight_column, 'time ' || s.time_column), '')),
        (10, 'Features of users', s.user_features::text),
        (11, 'Features of items', s.item_features::text),
        (12, 'Options', nullif(s.version_options::text, '{}')),
        (13, 'Validated', s.validation_metric || ' ' || round(s.validation_value::numeric, 4)),
        (14, 'Decision', s.decision),
        (15, 'Measured on', report.test::text || ', ' || (SELECT to_char(max(n), 'FM999,999,999,999,999') FROM measured) ||
            CASE WHEN s.user_column IS NULL THEN ' rows' ELSE ' users' END)) AS f (place, name, fact)
    WHERE f.fact IS NOT NULL
), trials AS (
    SELECT t.*, (SELECT string_agg(replace(key, '_', ' ') || ' ' || value, ', ' ORDER BY key) FROM jsonb_each_text(t.options)) AS tried,
           row_number() OVER (ORDER BY t.chosen DESC, t.validation_value *
               CASE WHEN t.validation_metric IN ('log_loss', 'rmse', 'mae', 'poisson_deviance') THEN 1 ELSE -1 END
               NULLS LAST, t.trial) AS place, count(*) OVER () AS trials
    FROM subject JOIN longtail.training_trials AS t ON t.model = subject.model AND t.version = subject.version
), sections (place, title, body) AS (
    SELECT 1, 'The model', '<div class="wide"><table class="facts">' ||
           string_agg(format('<tr><th>%s</th><td>%s</td></tr>', name, longtail.markup(fact)), E'\n' ORDER BY place) || '</table></div>'
    FROM facts
    UNION ALL
    SELECT 2 + min(place) / 100.0, part,
           '<div class="wide"><table><tr><th>measure</th><th class="n">' ||
           CASE WHEN s.method <> 'none' AND s.user_column IS NOT NULL
                THEN 'as served (' || longtail.markup(s.method) || ')</th><th class="n">not reranked' ELSE 'value' END ||
           '</th><th class="more">what it is</th></tr>' ||
           string_agg(format('<tr><td class="name">%s</td><td class="n">%s</td>%s<td class="more">%s</td></tr>', name, value_text,
                             CASE WHEN s.method <> 'none' AND s.user_column IS NOT NULL
                                  THEN '<td class="n">' || plain_text || '</td>' ELSE '' END, meaning),
                      E'\n' ORDER BY place, name) || '</table></div>'
    FROM shown, subject AS s GROUP BY part, s.method, s.user_column
    UNION ALL
    SELECT 3, NULL, '<figure>' || longtail.plot_long_tail(report.model, report.k) || '</figure>'
    FROM subject WHERE user_column IS NOT NULL
    UNION ALL
    SELECT 4, NULL, '<figure>' ||
           longtail.plot_tradeoff(report.model, report.test, report.k,
                                  CASE method WHEN 'none' THEN 'popularity' END,
                                  CASE WHEN method IN ('none', 'popularity') THEN '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}'::float8[]
                                       ELSE '{0,0.1,0.2,0.3,0.4,0.5,0.7,1}' END) ||
           '</figure><p>A strength is chosen on rows that are neither trained on nor reported.</p>'
    FROM subject WHERE user_column IS NOT NULL AND EXISTS (SELECT FROM measured WHERE metric = 'ndcg' AND value IS NOT NULL)
    UNION ALL
    SELECT 5, NULL, '<div class="pair"><figure>' || longtail.plot_roc(report.model, report.test) ||
           '</figure><figure>' || longtail.plot_calibration(report.model, report.test) || '</figure></div>'
    WHERE EXISTS (SELECT FROM measured WHERE metric = 'log_loss' AND value IS NOT NULL)
      AND EXISTS (SELECT FROM measured AS e WHERE metric IN ('auc', 'label_auc') AND e.k IS NULL AND value IS NOT NULL)
    UNION ALL
    SELECT 6, 'Coefficients', '<div class="wide"><table><tr><th>feature</th><th class="n">coefficient</th><th class="n">standard '
           'error</th><th class="n">odds ratio</th><th class="n">p</th></tr>' ||
           string_agg(format('<tr><td>%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                             longtail.markup(feature), round(coefficient::numeric, 4),
                             coalesce(round(standard_error::numeric, 4)::text, '&#x2013;'), round(odds_ratio::numeric, 3),
                             CASE WHEN p_value IS NULL THEN '&#x2013;' WHEN p_value < 0.0001 THEN '&#x3C;&#xA0;0.0001'
                                  ELSE round(p_value::numeric, 4)::text END), E'\n' ORDER BY place) || '</table></div>' ||
           CASE WHEN max(columns) > 40 THEN format('<p>40 of %s, those that say most.</p>', max(columns)) ELSE '' END
    FROM (SELECT c.*, row_number() OVER (ORDER BY abs(c.z) DESC NULLS LAST, abs(c.coefficient) DESC) AS place,
                 count(*) OVER () AS columns
          FROM subject, longtail.coefficients(report.model) AS c WHERE subject.served = 'logistic') AS c
    WHERE place <= 40 HAVING count(*) > 0
    UNION ALL
    SELECT 7, NULL, '<figure>' || longtail.plot_training(report.model, version) || '</figure>'
    FROM subject WHERE (SELECT count(*) FROM longtail.training_log AS l
                        WHERE l.model = subject.model AND l.version = subject.version) > 1
    UNION ALL
    SELECT 8, 'What was tried', '<div class="wide"><table><tr><th>algorithm</th><th>options</th><th class="n">' ||
           longtail.markup(coalesce(max(validation_metric), 'validation')) ||
           '</th><th class="n">tail share</th><th class="n">s</th></tr>' ||
           string_agg(format('<tr%s><td class="name">%s</td><td class="small">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                             CASE WHEN chosen THEN ' class="chosen"' ELSE '' END, longtail.markup(algorithm),
                             coalesce(longtail.markup(tried), '') || coalesce('<br/>' || longtail.markup(error), ''),
                             coalesce(round(validation_value::numeric, 4)::text, '&#x2013;'),
                             coalesce(round(aplt::numeric * 100, 1) || '&#xA0;%', '&#x2013;'), round(seconds::numeric, 2)),
                      E'\n' ORDER BY place) || '</table></div>' ||
           CASE WHEN max(trials) > 25 THEN format('<p>The best 25 of %s.</p>', max(trials)) ELSE '' END
    FROM trials WHERE place <= 25 HAVING count(*) > 0
)
SELECT format($page$<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>%1$s</title>
<style>
body{margin:0;background:#f3f5f7;color:#1f2328;font:16px/1.5 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .75rem}
header p,section p,footer{color:#57606a;margin:.5rem 0 0}
section{background:#fff;border-radius:8px;padding:1.1rem 1.25rem;margin:1.1rem 0;box-shadow:0 1px 2px #0002;break-inside:avoid}
figure{margin:0 -.6rem;overflow-x:auto}
figure svg{display:block;width:100%%;min-width:32rem;height:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%%,24rem),1fr));gap:.5rem;align-items:start}
.pair figure{margin:0}
.pair svg{min-width:24rem;max-width:40rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid #e4e7eb;vertical-align:top;overflow-wrap:anywhere}
tr:last-child>*{border-bottom:0}
th{font-weight:600;color:#57606a;white-space:nowrap;overflow-wrap:normal}
.facts th{width:9rem}
.name{white-space:nowrap;overflow-wrap:normal}
.small{font-size:.85em}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.more{color:#57606a;padding-left:1rem}
.chosen td{font-weight:600}
footer{font-size:.85rem}
@media (max-width:36rem){.more{display:none}.facts th{width:6.5rem}section{padding:1rem .9rem}}
@media screen and (prefers-color-scheme:dark){
body{background:#0c0f12;color:#e6edf3}
section{background:#14181d;box-shadow:none}
header p,section p,footer,th,.more{color:#9aa4af}
th,td{border-color:#2a3038}
}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}section{box-shadow:none;padding:.5rem 0}figure svg{min-width:0}}
</style>
</head>
<body>
<main>
<header>
<h1>%1$s</h1>
<p>%2$s</p>
</header>
%3$s
<footer>Made %4$s by longtail.</footer>
</main>
</body>
</html>
$page$,
    longtail.markup(report.model),
    (SELECT longtail.markup(format('%s model, version %s, measured on %s.', served, version, report.test::text)) FROM subject),
    (SELECT string_agg(format(E'<section>\n%s%s\n</section>', E'<h2>' || title || E'</h2>\n', body), E'\n' ORDER BY place) FROM sections),
    to_char(now(), 'YYYY-MM-DD HH24:MI TZ'))
FROM (SELECT count(*) FROM measured) AS measured_first;
END;
COMMENT ON FUNCTION longtail.report(text, regclass, integer) IS
'One HTML page about a model, which stands alone: what it is, its figures on a relation it was not trained on (with and without its own reranking, where it has one), the long tail, what the tail costs, predictions and what happened, coefficients, the learning curve and what a search tried, each where there is any.';
