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
