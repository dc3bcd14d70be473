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
