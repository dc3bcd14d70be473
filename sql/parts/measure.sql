-- Measures over any query. Those of models are in evaluate.sql.

CREATE FUNCTION longtail.rows_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rows_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_combine(internal, internal) IS 'Part of the aggregates auc and gini.';

CREATE FUNCTION longtail.rows_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'longtail_rows_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_serialize(internal) IS 'Part of the aggregates auc and gini.';

CREATE FUNCTION longtail.rows_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_rows_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.rows_deserialize(bytea, internal) IS 'Part of the aggregates auc and gini.';

CREATE FUNCTION longtail.auc_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_auc_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_final(internal) IS 'Part of the aggregate auc.';

CREATE FUNCTION longtail.gini_add(internal, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_gini_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.gini_add(internal, float8) IS 'Part of the aggregate gini.';

CREATE FUNCTION longtail.gini_final(internal) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_gini_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.gini_final(internal) IS 'Part of the aggregate gini.';

CREATE AGGREGATE longtail.gini(amount float8) (
    SFUNC = longtail.gini_add,
    STYPE = internal,
    FINALFUNC = longtail.gini_final,
    COMBINEFUNC = longtail.rows_combine,
    SERIALFUNC = longtail.rows_serialize,
    DESERIALFUNC = longtail.rows_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE longtail.gini(float8) IS
'How unequally amounts are shared, such as the exposure of items: 0 when all have the same, (n - 1) / n when one of n has everything. NULL when the sum is 0.';

CREATE FUNCTION longtail.log_loss_combine(float8[], float8[]) RETURNS float8[]
AS 'MODULE_PATHNAME', 'longtail_log_loss_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_combine(float8[], float8[]) IS 'Part of the aggregate log_loss.';

CREATE FUNCTION longtail.log_loss_final(float8[]) RETURNS float8
AS 'MODULE_PATHNAME', 'longtail_log_loss_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION longtail.log_loss_final(float8[]) IS 'Part of the aggregate log_loss.';

CREATE FUNCTION longtail.auc_add(internal, float8, boolean) RETURNS internal
AS 'MODULE_PATHNAME', 'longtail_auc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION longtail.auc_add(internal, float8, boolean) IS 'Part of the aggregate auc.';

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
COMMENT ON FUNCTION longtail.auc_add(internal, float8, boolean, float8) IS 'Part of the aggregate auc.';

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
COMMENT ON FUNCTION longtail.auc_add(internal, float8, integer) IS 'Part of the aggregate auc.';

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
COMMENT ON FUNCTION longtail.auc_add(internal, float8, integer, float8) IS 'Part of the aggregate auc.';

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
