-- Measuring models on rows they were not trained on.

CREATE FUNCTION longtail.evaluate(model text, test regclass, k integer[] DEFAULT '{10,20}', method text DEFAULT NULL,
    strength float8 DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (metric text, k integer, value float8, n bigint)
AS 'MODULE_PATHNAME', 'longtail_evaluate' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 40;
COMMENT ON FUNCTION longtail.evaluate(text, regclass, integer[], text, float8, jsonb) IS
'Measures the active version on a relation with the columns of its source. Recommenders: the whole catalogue is ranked for each user of the test, without what the user had in training; n is the number of users. Models with labels: also log loss and AUC, or errors, of single predictions; n is the number of rows. Options: version (0, the default, is the active one), seed (of method random and of sampled negatives), popularity_exponent, trend_exponent, users, unknown_items, exclude_seen, negatives and sampled_negatives, which say what published protocols do otherwise.';

CREATE FUNCTION longtail.tradeoff(model text, test regclass, k integer DEFAULT 10, method text DEFAULT 'popularity',
    strengths float8[] DEFAULT '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}')
RETURNS TABLE (strength float8, ndcg float8, recall float8, hit_rate float8, aplt float8, tail_coverage float8,
    catalogue_coverage float8, gini float8, novelty float8)
LANGUAGE SQL STABLE
AS $$
    SELECT s.strength, e.ndcg, e.recall, e.hit_rate, e.aplt, e.tail_coverage, e.catalogue_coverage, e.gini, e.novelty
    FROM unnest(strengths) WITH ORDINALITY AS s (strength, place),
    LATERAL (
        SELECT max(value) FILTER (WHERE metric = 'ndcg') AS ndcg,
               max(value) FILTER (WHERE metric = 'recall') AS recall,
               max(value) FILTER (WHERE metric = 'hit_rate') AS hit_rate,
               max(value) FILTER (WHERE metric = 'aplt') AS aplt,
               max(value) FILTER (WHERE metric = 'tail_coverage') AS tail_coverage,
               max(value) FILTER (WHERE metric = 'catalogue_coverage') AS catalogue_coverage,
               max(value) FILTER (WHERE metric = 'gini') AS gini,
               max(value) FILTER (WHERE metric = 'novelty') AS novelty
        FROM longtail.evaluate(tradeoff.model, tradeoff.test, ARRAY[tradeoff.k], tradeoff.method, s.strength)
    ) AS e
    ORDER BY s.place
$$;
COMMENT ON FUNCTION longtail.tradeoff(text, regclass, integer, text, float8[]) IS
'What each strength of a method gains for the tail and costs in accuracy, one row a strength. Choose on a validation relation, never on the test.';
