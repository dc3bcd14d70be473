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
