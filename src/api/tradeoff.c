/*
 * tradeoff.c: longtail.tradeoff and longtail.autotune: several methods and strengths measured side by side.
 *
 * The test's users are scored once; each way of reranking then makes its own lists of the same scores.
 */
#include "evaluate.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "catalog_forget.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_tradeoff);
PG_FUNCTION_INFO_V1(longtail_autotune);

/* Ways of making lists. */
typedef struct ways {
    int n, room;
    struct way {
        ltpg_method method;
        Jsonb *options; /* it was made of */
    } * way;
} ways;

static void add_way(ways *w, ltpg_method method, Jsonb *options)
{
    if (w->n == w->room) {
        w->room = Max(8, 2 * w->room);
        w->way = w->way == NULL ? palloc(w->room * sizeof *w->way) : repalloc(w->way, w->room * sizeof *w->way);
    }
    w->way[w->n++] = (struct way){method, options};
}

/* A method at each of n strengths; what it wants to know is read once. */
static void add_strengths(ways *w, const ltpg_evaluation *e, const char *name, const double *strength, int n,
                          Jsonb *options)
{
    double greatest = -INFINITY;
    ltpg_method method;

    for (int i = 0; i < n; i++)
        greatest = Max(greatest, strength[i]);
    if (n == 0)
        return;
    method = ltpg_method_make(e->env, e->model, name, &greatest, options, &ltpg_evaluate_arguments);
    for (int i = 0; i < n; i++)
        add_way(w, ltpg_method_at(&method, strength[i]), options);
}

static lt_ranking_metrics *measure_ways(ltpg_evaluation *e, const ways *w, const int *k, bool in_depth)
{
    const lt_recommender *r = &e->model->recommender;
    lt_ranking_metrics *m;
    lt_request *how;

    e->test.lists_only = true;
    LTPG(e->env, lt_alloc(e->env, &m, (size_t)w->n, sizeof *m, "the measures"));
    LTPG(e->env, lt_alloc(e->env, &how, (size_t)w->n, sizeof *how, "the measures"));
    for (int i = 0; i < w->n; i++) {
        how[i] = ltpg_evaluation_request(e, &w->way[i].method);
        LTPG(e->env, lt_ranking_init(e->env, &m[i], k, 1, &r->popularity));
        if (in_depth)
            LTPG(e->env, lt_ranking_go_deep(e->env, &m[i], NULL));
    }
    if (w->n > 0)
        LTPG(e->env, lt_evaluate_rankings(e->env, r, &e->test, how, w->n, m));
    return m;
}

static double figure_of(const ltpg_evaluation *e, const lt_ranking_metrics *m, lt_measure measure)
{
    double figure;

    LTPG(e->env, lt_ranking_value(e->env, m, measure, 0, &figure, NULL));
    return figure;
}

/* ---- arguments ---- */

static int strengths_argument(FunctionCallInfo fcinfo, int at, double **out)
{
    Datum *value;
    bool *null;
    int n;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(at), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &value,
                      &null, &n);
    *out = palloc(Max(n, 1) * sizeof **out);
    for (int i = 0; i < n; i++) {
        if (null[i] || isnan(DatumGetFloat8(value[i])))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("strengths must be numbers, without NULL")));
        (*out)[i] = DatumGetFloat8(value[i]);
    }
    return n;
}

/* ---- tradeoff ---- */

/* tradeoff(model, test, k, method, strengths, options) */
Datum longtail_tradeoff(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "test", "k", NULL, "strengths", "options"};
    static const lt_measure columns[] = {LT_NDCG, LT_RECALL,        LT_HIT_RATE,
                                         LT_APLT, LT_TAIL_COVERAGE, LT_CATALOGUE_COVERAGE,
                                         LT_GINI, LT_NOVELTY,       LT_DIVERSITY};
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    ltpg_evaluation e;
    ways w = {0};
    lt_ranking_metrics *m;
    double *strength;
    int n, k;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    k = PG_GETARG_INT32(2);
    n = strengths_argument(fcinfo, 4, &strength);
    ltpg_evaluation_open(&e, fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(5));
    ltpg_model_check_recommender(e.model);
    add_strengths(&w, &e, PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)), strength, n,
                  PG_GETARG_JSONB_P(5));
    InitMaterializedSRF(fcinfo, 0);
    if (n == 0)
        return (Datum)0;
    ltpg_evaluation_read(&e, PG_GETARG_OID(1), &w.way[0].method.options);
    m = measure_ways(&e, &w, &k, true);
    for (int i = 0; i < n; i++) {
        Datum value[1 + lengthof(columns)];
        bool null[1 + lengthof(columns)] = {false};

        value[0] = Float8GetDatum(strength[i]);
        for (int c = 0; c < (int)lengthof(columns); c++) {
            double figure = figure_of(&e, &m[i], columns[c]);

            value[1 + c] = Float8GetDatum(figure);
            null[1 + c] = isnan(figure);
        }
        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}

/* ---- autotune ---- */

/* A method and a strength that were tried. */
typedef struct trial {
    double ndcg, aplt;
} trial;

/* Strengths to try: of a method whose strength is an exponent, and of one whose strength is a share. */
static const double exponents[] = {0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7},
                    portions[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9};

static bool has_option(const lt_reranker *method, const char *name)
{
    for (int i = 0; i < method->n_options; i++)
        if (strcmp(method->options[i].name, name) == 0)
            return true;
    return false;
}

/* The options for one of the n methods that are tried: without those that only others have. */
static Jsonb *options_for(const lt_reranker *method, const lt_reranker *const *tried, int n, Jsonb *options)
{
    for (int i = 0; i < n; i++)
        for (int o = 0; o < tried[i]->n_options; o++)
            if (!has_option(method, tried[i]->options[o].name))
                options = ltpg_options_without(options, tried[i]->options[o].name);
    return options;
}

/* The plain order, then each method at its strengths. */
static void list_ways(FunctionCallInfo fcinfo, const ltpg_evaluation *e, ways *w)
{
    Jsonb *options = PG_GETARG_JSONB_P(6), *plain = ltpg_options_without(options, "then"); /* nothing follows it */
    double nothing = 0, *given = NULL;
    int n_given = PG_ARGISNULL(5) ? 0 : strengths_argument(fcinfo, 5, &given), n;
    const lt_reranker **tried;
    Datum *name;
    bool *null;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &name, &null, &n);
    tried = palloc(Max(n, 1) * sizeof *tried);
    for (int i = 0; i < n; i++) {
        if (null[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("methods[%d] is NULL", i + 1)));
        tried[i] = ltpg_method_find(TextDatumGetCString(name[i]));
    }
    add_strengths(w, e, "none", &nothing, 1, options_for(lt_reranker_find("none"), tried, n, plain));
    for (int i = 0; i < n; i++) {
        const lt_reranker *m = tried[i];
        Jsonb *own = options_for(m, tried, n, options);

        if (strcmp(m->name, "none") == 0)
            continue;
        if (given != NULL)
            add_strengths(w, e, m->name, given, n_given, own);
        else if (isinf(m->max_strength))
            add_strengths(w, e, m->name, exponents, lengthof(exponents), own);
        else
            add_strengths(w, e, m->name, portions, lengthof(portions), own);
    }
}

/* The best NDCG, or with a budget the most tail that the plain order's NDCG, less the budget, allows; -1: no users. */
static int choose(const trial *t, int n, double budget)
{
    int chosen = 0;

    if (isnan(t[0].ndcg))
        return -1;
    for (int i = 1; i < n; i++) {
        const trial *c = &t[chosen];
        /* of NDCG and APLT: what is to be high, and what decides where that is equal */
        double first = budget > 0 ? t[i].aplt - c->aplt : t[i].ndcg - c->ndcg;
        double second = budget > 0 ? t[i].ndcg - c->ndcg : t[i].aplt - c->aplt;

        if (budget > 0 && t[i].ndcg < (1 - budget) * t[0].ndcg)
            continue;
        if (first > 0 || (first == 0 && second > 0))
            chosen = i;
    }
    return chosen;
}

/* What options say of the method, chain included, without what they say of the measuring. */
static const char *options_of_method(Jsonb *options)
{
    for (int i = 0; i < ltpg_evaluate_options_count; i++)
        options = ltpg_options_without(options, ltpg_evaluate_options[i].name);
    return JsonbToCString(NULL, &options->root, VARSIZE(options));
}

/* A version with the same weights whose own method is the one chosen; none where the active one is that already. */
static void apply(const ltpg_evaluation *e, const struct way *way, int active, instr_time start)
{
    const lt_rerank_stage *stage = &way->method.stages[0];
    lt_bundle bundle = e->model->bundle;
    const lt_design *design = &bundle.model.design;
    instr_time end;
    lt_writer bytes;
    ltpg_part parts[2] = {{.name = "model"}, {.name = "seen"}};

    bundle.rerank = stage->method->name;
    bundle.rerank_strength = stage->strength;
    bundle.rerank_options = strcmp(stage->method->name, "none") == 0 ? "{}" : options_of_method(way->options);
    if (e->model->version.version == active && strcmp(bundle.rerank, e->model->bundle.rerank) == 0 &&
        bundle.rerank_strength == e->model->bundle.rerank_strength &&
        strcmp(bundle.rerank_options, e->model->bundle.rerank_options) == 0)
        return;
    lt_writer_init(e->env, &bytes);
    lt_bundle_write(&bytes, &bundle);
    LTPG(e->env, bytes.status);
    parts[0].bytes = bytes.bytes;
    parts[0].n = bytes.n;
    parts[1].bytes = ltpg_catalog_load(&e->model->version, "seen", &parts[1].n);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    ltpg_catalog_store_refreshed(e->model->definition->name, &e->model->version, bundle.users.n, bundle.items.n,
                                 design->dense + design->sparse,
                                 psprintf("promoted: version %d with method %s at strength %g, by autotune",
                                          e->model->version.version, stage->method->name, stage->strength),
                                 INSTR_TIME_GET_DOUBLE(end), parts, 2);
}

/*
 * The active version; an error unless the caller owns the model and what is measured is what a version can hold.  Who
 * is forgotten from here on is forgotten in what this stores, too.  Pushes the snapshot to read by.
 */
static int begin_apply(const char *name, const Jsonb *options)
{
    ltpg_version owned;

    PreventCommandIfReadOnly("longtail.autotune()");
    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_OWN, false, &owned);
    for (int i = 0; i < 2; i++) {
        const char *option = i == 0 ? "popularity_exponent" : "trend_exponent";

        if (ltpg_options_give(options, option))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("option \"%s\" cannot be measured with and applied without", option),
                            errhint("Train with it, then tune.")));
    }
    ltpg_catalog_training_begins(owned.model_id);
    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_OWN, false, &owned);
    return owned.version;
}

static void put_trials(const ltpg_evaluation *e, const ways *w, const lt_ranking_metrics *m, const trial *t, int chosen,
                       ReturnSetInfo *result)
{
    static const lt_measure columns[] = {LT_RECALL, LT_APLT, LT_TAIL_COVERAGE, LT_CATALOGUE_COVERAGE, LT_GINI};

    for (int i = 0; i < w->n; i++) {
        double figure[2 + lengthof(columns)] = {t[i].ndcg, t[0].ndcg > 0 ? t[i].ndcg / t[0].ndcg - 1 : NAN};
        Datum value[5 + lengthof(columns)];
        bool null[5 + lengthof(columns)] = {false};

        for (int c = 0; c < (int)lengthof(columns); c++)
            figure[2 + c] = figure_of(e, &m[i], columns[c]);
        value[0] = CStringGetTextDatum(w->way[i].method.stages[0].method->name);
        value[1] = Float8GetDatum(w->way[i].method.stages[0].strength);
        for (int c = 0; c < (int)lengthof(figure); c++) {
            value[2 + c] = Float8GetDatum(figure[c]);
            null[2 + c] = isnan(figure[c]);
        }
        value[4 + lengthof(columns)] = BoolGetDatum(i == chosen);
        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
}

/* autotune(model, validation, k, methods, ndcg_budget, strengths, options, apply) */
Datum longtail_autotune(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "validation", "k", "methods", NULL, NULL, "options", "apply"};
    const char *name;
    double budget = PG_ARGISNULL(4) ? 0 : PG_GETARG_FLOAT8(4);
    ltpg_evaluation e;
    ways w = {0};
    lt_ranking_metrics *m;
    instr_time start;
    trial *t;
    int k, chosen, active = 0;

    INSTR_TIME_SET_CURRENT(start);
    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    k = PG_GETARG_INT32(2);
    if (!(budget >= 0 && budget <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("ndcg_budget is %g", budget),
                        errdetail("It is the share of NDCG to give up at most, from 0 to 1.")));
    if (PG_GETARG_BOOL(7))
        active = begin_apply(name, PG_GETARG_JSONB_P(6));
    ltpg_evaluation_open(&e, fcinfo, name, PG_GETARG_JSONB_P(6));
    ltpg_model_check_recommender(e.model);
    list_ways(fcinfo, &e, &w);
    InitMaterializedSRF(fcinfo, 0);
    ltpg_evaluation_read(&e, PG_GETARG_OID(1), &w.way[0].method.options);
    m = measure_ways(&e, &w, &k, false);
    t = palloc(w.n * sizeof *t);
    for (int i = 0; i < w.n; i++)
        t[i] = (trial){figure_of(&e, &m[i], LT_NDCG), figure_of(&e, &m[i], LT_APLT)};
    chosen = choose(t, w.n, budget);
    put_trials(&e, &w, m, t, chosen, (ReturnSetInfo *)fcinfo->resultinfo);
    if (PG_GETARG_BOOL(7) && chosen >= 0)
        apply(&e, &w.way[chosen], active, start);
    if (PG_GETARG_BOOL(7))
        PopActiveSnapshot();
    return (Datum)0;
}
