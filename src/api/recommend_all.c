/*
 * recommend_all.c: longtail.recommend_all: a list for every user, within bounds on what all of them together show.
 *
 * Users go by in the order of their numbers, some thousands at a time (core/batch.h), on longtail.threads threads; the
 * first of these runs are short, so that the first rows are soon there.  In a select list rows leave as they are asked
 * for, and nothing is kept behind them; in FROM, where the executor stores a function's rows before it reads the first,
 * they go to its tuplestore, which spills to disk.  Memory grows with the model, not with the lists.
 *
 * Bounds are kept by one user after the other, in the same order, with the scores of all items, which a run then keeps:
 * with bounds memory grows by a few numbers an item.
 *
 * Lifetime: everything is in one memory context, `memory`, whose deletion ends the threads and unpins the model. In a
 * select list it is the multi-call context, which goes with the last row, and with the expression's context when
 * nobody asks for it (LIMIT, a closed cursor, an error).
 */
#include "listing.h"

#include "batch.h"
#include "exposure.h"
#include "funcapi.h"
#include "ids.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_recommend_all);

static const lt_option own_options[] = {
    LTPG_SEED_OPTION,
    {"exposure_attribute", LT_OPT_TEXT, "", 0, 0, NULL,
     "a column of items, such as their supplier: each of its values, not each item, must appear min_exposure times"},
    {"exposure_attributes", LT_OPT_TEXT, "", 0, 0, NULL,
     "the relation that has it; not given: the model's item_features"},
};

#define COLUMNS 6

/* One call. */
typedef struct everybody {
    MemoryContext memory, scratch; /* scratch: of a run */
    ltpg_model *model;
    lt_env *env;
    lt_pairs seen;
    lt_batch_request request;
    lt_batch_lists lists;
    int32 next, length; /* the first user of the next run, and how many it has */
    /* bounds */
    bool bounded;
    lt_exposure exposure;
    uint8 *excluded; /* I: all 0 between users */
    float *value;    /* I; NULL: margins order items as they are */
    double *score;   /* of a list, as the next */
    int32 *was;
    /* the row to come */
    int32 user; /* its place in the run */
    int64 place;
    Datum user_id;  /* 0: not made yet */
    Datum *item_id; /* I; 0: not made yet */
    Datum segment[3];
} everybody;

/* ---- bounds ---- */

/* The items' values of the attribute. */
static const lt_groups *read_values(const everybody *all, const lt_options *options)
{
    lt_env *env = all->env;
    lt_options where;

    LTPG(env, lt_options_init_own(env, &where, ltpg_facts_options, ltpg_facts_options_count));
    LTPG(env, lt_options_set_text(env, &where, "attribute", lt_option_text(options, "exposure_attribute")));
    LTPG(env, lt_options_set_text(env, &where, "attributes", lt_option_text(options, "exposure_attributes")));
    return ltpg_facts_groups(env, all->model, &where);
}

static void take_bounds(everybody *all, FunctionCallInfo fcinfo, int minimum, int head, const lt_options *options)
{
    const lt_recommender *r = &all->model->recommender;
    lt_exposure_bounds bounds = {
        .minimum = PG_ARGISNULL(minimum) ? 0 : PG_GETARG_INT32(minimum),
        .head_share = PG_ARGISNULL(head) ? 1 : PG_GETARG_FLOAT8(head),
        .segment = r->popularity.segment,
        .hidden = all->model->bundle.hidden,
        .seen = all->request.excludes_history ? &all->seen : NULL,
        .items = all->model->bundle.items.n,
        .users = all->model->bundle.users.n,
        .k = all->request.how.k,
    };

    if (bounds.minimum < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("min_exposure must be at least 0, not " INT64_FORMAT, bounds.minimum)));
    if (!(bounds.head_share >= 0 && bounds.head_share <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("max_head_share must be from 0 to 1, not %g", bounds.head_share)));
    if (lt_option_text(options, "exposure_attribute")[0] != '\0') {
        if (PG_ARGISNULL(minimum))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("option \"exposure_attribute\" goes with min_exposure, which is NULL"),
                            errhint("Say how often each value must appear.")));
        bounds.groups = read_values(all, options);
    } else if (lt_option_text(options, "exposure_attributes")[0] != '\0') {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"exposure_attributes\" goes with option \"exposure_attribute\"")));
    }
    all->bounded = bounds.minimum > 0 || bounds.head_share < 1;
    if (!all->bounded)
        return;
    LTPG(all->env, lt_exposure_init(all->env, &all->exposure, &bounds));
    LTPG(all->env, lt_alloc(all->env, &all->excluded, bounds.items, 1, "the exclusions"));
    LTPG(all->env, lt_alloc(all->env, &all->value, bounds.items, sizeof *all->value, "the scores"));
    LTPG(all->env, lt_alloc(all->env, &all->score, Min(bounds.k, bounds.items), sizeof *all->score, "the list"));
    LTPG(all->env, lt_alloc(all->env, &all->was, Min(bounds.k, bounds.items), sizeof *all->was, "the list"));
}

static void exclude_history(everybody *all, int32 user, uint8 whether)
{
    for (int64 h = all->seen.start[user]; all->request.excludes_history && h < all->seen.start[user + 1]; h++)
        all->excluded[all->seen.col[h]] = whether;
}

/* The list at place `u` of the run within the bounds; what is new in it gets its scores. */
static void bring_within(everybody *all, int32 u)
{
    const lt_recommender *r = &all->model->recommender;
    lt_link link = all->model->bundle.model.link;
    lt_batch_lists *lists = &all->lists;
    const float *margin = lists->margin + (int64_t)u * all->model->bundle.items.n;
    int32 *item = lists->item + u * lists->places;
    double *score = lists->score + u * lists->places, *base = lists->base + u * lists->places;
    int64_t n = lists->length[u], kept, at = 0;

    for (int32 i = 0; i < all->model->bundle.items.n; i++)
        all->value[i] = lt_adjusted(r, margin[i], i, &lists->request.how.adjust);
    memcpy(all->was, item, n * sizeof *item);
    memcpy(all->score, score, n * sizeof *score);
    exclude_history(all, lists->first + u, 1);
    LTPG(all->env, lt_exposure_apply(all->env, &all->exposure, all->value, all->excluded, item, n, &kept));
    exclude_history(all, lists->first + u, 0);
    for (int64_t i = 0; i < n; i++) {
        while (i < kept && all->was[at] != item[i])
            at++;
        score[i] = i < kept ? all->score[at] : lt_link_apply(link, all->value[item[i]]);
        base[i] = lt_link_apply(link, margin[item[i]]);
    }
}

static void tell_shortfall(const everybody *all)
{
    const lt_exposure *e = &all->exposure;
    bool values = e->bounds.groups != NULL;
    int64_t missing;
    int32 targets = lt_exposure_short(e, &missing);

    if (targets > 0)
        ereport(WARNING,
                (errmsg("%d %s appear less than " INT64_FORMAT " times, " INT64_FORMAT " appearances in all", targets,
                        values ? "values" : "items", e->bounds.minimum, missing),
                 errdetail("The users who could still get them have them already, or their lists were full of others."),
                 errhint("Ask for less, or say exclude_seen => false.")));
    if ((double)e->head > e->bounds.head_share * (double)(e->all_places - e->places_left) + 1e-9)
        ereport(WARNING,
                (errmsg("head items have " INT64_FORMAT " of " INT64_FORMAT " places, more than max_head_share",
                        e->head, e->all_places - e->places_left),
                 errdetail("There are lists that nothing else was left for.")));
}

/* ---- rows ---- */

/* Lists of further users; false when there are no more. */
static bool next_run(everybody *all)
{
    int32 left = all->model->bundle.users.n - all->next;
    MemoryContext old;

    if (left == 0)
        return false;
    all->length = Min(all->length, left);
    old = MemoryContextSwitchTo(all->scratch);
    LTPG(all->env, lt_batch_run(all->env, &all->lists, all->next, all->length));
    for (int32 u = 0; all->bounded && u < all->length; u++)
        bring_within(all, u);
    MemoryContextSwitchTo(old);
    MemoryContextReset(all->scratch);
    all->next += all->length;
    all->length = Min(2 * all->length, all->lists.most);
    all->user = 0;
    all->place = 0;
    return true;
}

static Datum text_of(const everybody *all, lt_id_kind kind, const lt_dictionary *ids, int32 number)
{
    MemoryContext old = MemoryContextSwitchTo(all->memory);
    int64_t length;
    const char *bytes = lt_dictionary_key(ids, number, &length);
    char *written = ltpg_key_text(kind, bytes, length);
    Datum text = CStringGetTextDatum(written);

    pfree(written);
    MemoryContextSwitchTo(old);
    return text;
}

static void end_user(everybody *all)
{
    if (all->user_id != 0)
        pfree(DatumGetPointer(all->user_id));
    all->user_id = 0;
    all->user++;
    all->place = 0;
    CHECK_FOR_INTERRUPTS();
}

/* The next row; what is in it lasts until the one after. False when there are no more. */
static bool next_row(everybody *all, Datum value[COLUMNS])
{
    const lt_batch_lists *lists = &all->lists;
    const lt_bundle *bundle = &all->model->bundle;
    int64 at;
    int32 item;

    while (all->user >= lists->n || all->place >= lists->length[all->user]) {
        if (all->user < lists->n)
            end_user(all);
        else if (!next_run(all))
            return false;
    }
    at = all->user * lists->places + all->place++;
    item = lists->item[at];
    if (all->user_id == 0)
        all->user_id = text_of(all, bundle->user_id, &bundle->users, lists->first + all->user);
    if (all->item_id[item] == 0)
        all->item_id[item] = text_of(all, bundle->item_id, &bundle->items, item);
    value[0] = all->user_id;
    value[1] = all->item_id[item];
    value[2] = Float8GetDatum(lists->score[at]);
    value[3] = Float8GetDatum(lists->base[at]);
    value[4] = Int32GetDatum((int32)all->place);
    value[5] = all->segment[all->model->recommender.popularity.segment[item]];
    return true;
}

/* ---- calls ---- */

/* Pinned while `memory` is there. */
static ltpg_model *open_model(FunctionCallInfo fcinfo, MemoryContext memory)
{
    FmgrInfo *given = fcinfo->flinfo, *own = palloc(sizeof *own);
    ltpg_model *model;

    *own = *given;
    own->fn_extra = NULL;
    own->fn_mcxt = memory;
    fcinfo->flinfo = own;
    model = ltpg_listing_model(fcinfo);
    fcinfo->flinfo = given;
    return model;
}

/* Everything that a call needs, in the current memory context. */
static everybody *begin(FunctionCallInfo fcinfo)
{
    ltpg_method_arguments arguments = {
        .method = 2, .strength = 3, .options = 8, .own = own_options, .n_own = lengthof(own_options), .many = true};
    everybody *all = palloc0(sizeof *all);
    ltpg_method method;

    all->memory = CurrentMemoryContext;
    all->scratch = AllocSetContextCreate(all->memory, "longtail users", ALLOCSET_DEFAULT_SIZES);
    all->model = open_model(fcinfo, all->memory);
    all->env = ltpg_env(all->memory, 0);
    all->seen = ltpg_model_seen(all->env, all->model);
    all->request =
        (lt_batch_request){.histories = &all->seen, .excludes_history = PG_ARGISNULL(4) || PG_GETARG_BOOL(4)};
    all->request.how.k = ltpg_listing_k(fcinfo, 1);
    all->request.how.adjust =
        lt_adjustment_with(&all->model->recommender, ltpg_listing_exponent(fcinfo, all->model, 5));
    method = ltpg_method_read(fcinfo, all->env, all->model, &arguments);
    all->request.how.stages = method.stages;
    all->request.how.n_stages = method.n_stages;
    all->request.how.seed = (uint64)lt_option_int(&method.options, "seed");
    take_bounds(all, fcinfo, 6, 7, &method.options);
    all->request.wants_margins = all->bounded;
    ltpg_env_team(all->env);
    LTPG(all->env, lt_batch_init(all->env, &all->lists, &all->model->recommender, &all->request, true));
    all->length = all->lists.least;
    all->item_id =
        palloc_extended(Max(all->model->bundle.items.n, 1) * sizeof *all->item_id, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    for (int s = 0; s < 3; s++)
        all->segment[s] = CStringGetTextDatum(lt_segment_names[s]);
    return all;
}

static void end(const everybody *all)
{
    if (all->bounded)
        tell_shortfall(all);
}

static void put_all(FunctionCallInfo fcinfo)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail lists", ALLOCSET_DEFAULT_SIZES), old;
    bool null[COLUMNS] = {false};
    Datum value[COLUMNS];
    everybody *all;

    InitMaterializedSRF(fcinfo, 0);
    old = MemoryContextSwitchTo(memory);
    all = begin(fcinfo);
    while (next_row(all, value))
        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    end(all);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

/*
 * recommend_all(model, k, method, strength, exclude_seen, popularity_exponent, min_exposure, max_head_share, options)
 */
Datum longtail_recommend_all(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    bool null[COLUMNS] = {false};
    Datum value[COLUMNS];
    FuncCallContext *calls;

    if (result != NULL && IsA(result, ReturnSetInfo) && (result->allowedModes & SFRM_Materialize_Preferred) != 0) {
        put_all(fcinfo);
        return (Datum)0;
    }
    if (SRF_IS_FIRSTCALL()) {
        MemoryContext old;
        TupleDesc description;

        calls = SRF_FIRSTCALL_INIT();
        old = MemoryContextSwitchTo(calls->multi_call_memory_ctx);
        get_call_result_type(fcinfo, NULL, &description);
        calls->tuple_desc = BlessTupleDesc(description);
        calls->user_fctx = begin(fcinfo);
        MemoryContextSwitchTo(old);
    }
    calls = SRF_PERCALL_SETUP();
    if (next_row(calls->user_fctx, value))
        SRF_RETURN_NEXT(calls, HeapTupleGetDatum(heap_form_tuple(calls->tuple_desc, value, null)));
    end(calls->user_fctx);
    SRF_RETURN_DONE(calls);
}
