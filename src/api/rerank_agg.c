/*
 * rerank_agg.c: rerank as an aggregate, one list a group.
 *
 * Items and numbers are gathered in the order of the rows, as array_agg does, and reranked at the end: results and
 * errors are those of rerank over array_agg, positions in them being those of the rows.  The state is not changed by
 * the final function, so that windows may ask for it several times.
 */
#include "rerank_list.h"

#include "rows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(longtail_rerank_agg_add);
PG_FUNCTION_INFO_V1(longtail_rerank_agg_final);

/* Arguments of the transition function, in order. */
enum { STATE, ITEM, SCORE, K, METHOD, STRENGTH, POPULARITY, OPTIONS };

typedef struct gathered {
    ArrayBuildState *items;
    ltpg_rows score, popularity; /* as many; no popularity where the first row has none */
    Oid collation;
    int k;
    char *method;     /* NULL: it was NULL */
    double *strength; /* NULL: it was NULL */
    Jsonb *options;   /* NULL: none */
} gathered;

static bool is_given(FunctionCallInfo fcinfo, int at)
{
    return PG_NARGS() > at && !PG_ARGISNULL(at);
}

/* ---- a row ---- */

static gathered *begin(FunctionCallInfo fcinfo)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    MemoryContext old = MemoryContextSwitchTo(context);
    gathered *g = palloc0(sizeof *g);
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, ITEM);

    if (!OidIsValid(type))
        elog(ERROR, "the type of the items is not known");
    g->items = initArrayResult(type, context, false);
    ltpg_rows_init(&g->score, context, 1);
    ltpg_rows_init(&g->popularity, context, 1);
    g->collation = PG_GET_COLLATION();
    ltpg_refuse_null(fcinfo, K, "k");
    g->k = PG_GETARG_INT32(K);
    ltpg_rerank_check_k(g->k);
    if (is_given(fcinfo, METHOD))
        g->method = text_to_cstring(PG_GETARG_TEXT_PP(METHOD));
    if (is_given(fcinfo, STRENGTH)) {
        g->strength = palloc(sizeof *g->strength);
        *g->strength = PG_GETARG_FLOAT8(STRENGTH);
    }
    if (is_given(fcinfo, OPTIONS))
        g->options = PG_GETARG_JSONB_P_COPY(OPTIONS);
    MemoryContextSwitchTo(old);
    return g;
}

static bool same_method(FunctionCallInfo fcinfo, const gathered *g)
{
    const text *method;

    if (PG_ARGISNULL(METHOD) || g->method == NULL)
        return PG_ARGISNULL(METHOD) && g->method == NULL;
    method = PG_GETARG_TEXT_PP(METHOD);
    return VARSIZE_ANY_EXHDR(method) == strlen(g->method) &&
           memcmp(VARDATA_ANY(method), g->method, VARSIZE_ANY_EXHDR(method)) == 0;
}

static bool same_strength(FunctionCallInfo fcinfo, const gathered *g)
{
    if (PG_ARGISNULL(STRENGTH) || g->strength == NULL)
        return PG_ARGISNULL(STRENGTH) && g->strength == NULL;
    return float8_eq(PG_GETARG_FLOAT8(STRENGTH), *g->strength); /* NaN is the same: refused in the end */
}

static bool same_options(FunctionCallInfo fcinfo, const gathered *g)
{
    Jsonb *options;

    if (!is_given(fcinfo, OPTIONS) || g->options == NULL)
        return !is_given(fcinfo, OPTIONS) && g->options == NULL;
    options = PG_GETARG_JSONB_P(OPTIONS);
    return VARSIZE(options) == VARSIZE(g->options) && memcmp(options, g->options, VARSIZE(options)) == 0;
}

static void check_same(FunctionCallInfo fcinfo, const gathered *g)
{
    const char *what = NULL;

    if (PG_ARGISNULL(K) || PG_GETARG_INT32(K) != g->k)
        what = "k";
    else if (!same_method(fcinfo, g))
        what = "method";
    else if (!same_strength(fcinfo, g))
        what = "strength";
    else if (!same_options(fcinfo, g))
        what = "options";
    if (what != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be the same in all rows", what),
                        errdetail("Row " INT64_FORMAT " of the group differs from the first.", g->score.n + 1)));
}

static void add_number(ltpg_rows *rows, FunctionCallInfo fcinfo, int argument, const char *what)
{
    if (!is_given(fcinfo, argument))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s[" INT64_FORMAT "] is NULL", what, rows->n + 1)));
    ltpg_rerank_check_number(PG_GETARG_FLOAT8(argument), what, (int)rows->n);
    *ltpg_rows_add(rows) = PG_GETARG_FLOAT8(argument);
}

/* (state, item, score, k, method, strength [, popularity [, options]]) */
Datum longtail_rerank_agg_add(PG_FUNCTION_ARGS)
{
    gathered *g = PG_ARGISNULL(STATE) ? begin(fcinfo) : (gathered *)PG_GETARG_POINTER(STATE);

    if (g->score.n > 0)
        check_same(fcinfo, g);
    if (g->score.n == INT_MAX)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a group has more than %d items", INT_MAX)));
    if (PG_ARGISNULL(ITEM))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("items[" INT64_FORMAT "] is NULL", g->score.n + 1),
                 errhint("FILTER (WHERE ... IS NOT NULL) leaves such rows out.")));
    if (is_given(fcinfo, POPULARITY) && g->popularity.n < g->score.n)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("popularity[1] is NULL"),
                        errdetail("Row " INT64_FORMAT " of the group has one.", g->score.n + 1)));
    if (is_given(fcinfo, POPULARITY) || g->popularity.n > 0)
        add_number(&g->popularity, fcinfo, POPULARITY, "popularity");
    add_number(&g->score, fcinfo, SCORE, "scores");
    accumArrayResult(g->items, PG_GETARG_DATUM(ITEM), false, g->items->element_type, g->items->mcontext);
    PG_RETURN_POINTER(g);
}

/* ---- the list ---- */

Datum longtail_rerank_agg_final(PG_FUNCTION_ARGS)
{
    const gathered *g = PG_ARGISNULL(STATE) ? NULL : (gathered *)PG_GETARG_POINTER(STATE);
    ltpg_rerank_call call = {0};
    ltpg_reranked out;
    Datum *item;
    const ArrayBuildState *items;

    if (g == NULL)
        PG_RETURN_NULL();
    items = g->items;
    call.candidates = (ltpg_candidates){.n = items->nelems, .item = items->dvalues, .type = items->element_type};
    call.collation = g->collation;
    call.score = g->score.values;
    call.popularity = g->popularity.n > 0 ? g->popularity.values : NULL;
    call.k = g->k;
    call.method = g->method;
    call.strength = g->strength;
    call.options = g->options;
    out = ltpg_rerank_list(ltpg_env(CurrentMemoryContext, ltpg_training_memory), &call);
    item = palloc(Max(out.n, 1) * sizeof *item);
    for (int64 i = 0; i < out.n; i++)
        item[i] = items->dvalues[out.at[i]];
    PG_RETURN_ARRAYTYPE_P(
        construct_array(item, (int)out.n, items->element_type, items->typlen, items->typbyval, items->typalign));
}
