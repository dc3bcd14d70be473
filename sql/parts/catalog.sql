-- The catalog: where models live. Nobody but the extension's functions touches these tables; people read the views.
-- No foreign keys: pg_restore -j loads the tables of an extension in any order, with their constraints in place.

CREATE TABLE longtail.model (
    model_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    owner longtail.role NOT NULL,
    algorithm text NOT NULL,
    source longtail.relation NOT NULL,
    user_column name,
    item_column name,
    label_column name,
    weight_column name,
    time_column name,
    user_features longtail.relation,
    item_features longtail.relation,
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
    source longtail.relation NOT NULL,
    user_column name,
    item_column name,
    label_column name,
    weight_column name,
    time_column name,
    user_features longtail.relation,
    item_features longtail.relation,
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
    grantee longtail.role NOT NULL
);
CREATE INDEX model_grant_model_id ON longtail.model_grant (model_id);
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
       m.part[2]::integer AS trial, m.part[3]::integer AS trials, m.part[4] AS algorithm, m.part[9]::bigint AS rows
FROM pg_catalog.pg_stat_activity a,
     LATERAL pg_catalog.regexp_match(a.query,
         '^longtail training "(.*)": (?:trial ([0-9]+) of ([0-9]+) ([a-z0-9_]+) )?([a-z]+)(?: epoch ([0-9]+) of ([0-9]+) loss ([-0-9.einfa]+)| rows ([0-9]+))?$') AS m (part)
WHERE a.datname = pg_catalog.current_database() AND a.state = 'active' AND m.part IS NOT NULL;
COMMENT ON VIEW longtail.training_progress IS
'Trainings under way in this database, one row each, from the activity their sessions report; trial, trials and algorithm say what of a search is trained, rows how many the phase reading has read so far; other roles'' sessions show only to those who may see their activity.';
GRANT SELECT ON longtail.training_progress TO PUBLIC;
