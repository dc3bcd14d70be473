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
