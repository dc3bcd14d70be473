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
