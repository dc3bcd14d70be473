/*
 * recommend_all.c: longtail.recommend_all: a list for every user, within bounds on what all of them together show.
 *
 * Users go by in the order of their numbers, one list at a time: what a list took is given back before the next, and
 * the rows go to a tuplestore, which spills to disk.  With bounds the memory grows by a few numbers an item.
 */
#include "listing.h"

#include <math.h>

#include "exposure.h"
#include "funcapi.h"
#include "ids.h"
#include "lists.h"
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

/* One call. */
typedef struct everybody {
    ltpg_model *model;
    lt_env *env;
    lt_pairs seen;
    lt_request request; /* of the user whose turn it is */
    uint8 *excluded;    /* I */
    bool exclude_seen;
    bool bounded;
    lt_exposure exposure;
    ReturnSetInfo *result;
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
        .seen = all->exclude_seen ? &all->seen : NULL,
        .items = all->model->bundle.items.n,
        .users = all->model->bundle.users.n,
        .k = all->request.k,
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
    if (all->bounded)
        LTPG(all->env, lt_exposure_init(all->env, &all->exposure, &bounds));
}

/* The list within the bounds; what is new in it gets its scores. */
static void bring_within(everybody *all, lt_env *env, const float *margin, lt_list *list)
{
    const lt_recommender *r = &all->model->recommender;
    lt_link link = all->model->bundle.model.link;
    int32 n = all->model->bundle.items.n;
    float *value = palloc(n * sizeof *value);
    double *score = palloc(list->n * sizeof *score);
    int32 *was = palloc(list->n * sizeof *was);
    int64_t kept, at = 0;
    int first;
    lt_adjustment ordering = lt_ordering(&all->request, &first);

    for (int32 i = 0; i < n; i++)
        value[i] = lt_adjusted(r, margin[i], i, &ordering);
    memcpy(was, list->item, list->n * sizeof *was);
    memcpy(score, list->score, list->n * sizeof *score);
    LTPG(env, lt_exposure_apply(env, &all->exposure, value, all->excluded, list->item, list->n, &kept));
    for (int64_t i = 0; i < list->n; i++) {
        int32 item = list->item[i];

        while (i < kept && was[at] != item)
            at++;
        list->score[i] = i < kept ? score[at] : lt_link_apply(link, value[item]);
        list->base[i] = lt_link_apply(link, margin[item]);
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

/* ---- lists ---- */

static void exclude_history(everybody *all, uint8 whether)
{
    for (int64 i = 0; i < all->request.subject.n_history && all->exclude_seen; i++)
        all->excluded[all->request.subject.history[i]] = whether;
}

/* One user's rows; what it takes is in the current memory context. */
static void put_list(everybody *all, int32 user)
{
    const ltpg_model *model = all->model;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    float *margin = palloc(Max(model->bundle.items.n, 1) * sizeof *margin);
    int64_t length;
    const char *bytes = lt_dictionary_key(&model->bundle.users, user, &length);
    Datum user_id = CStringGetTextDatum(ltpg_key_text(model->bundle.user_id, bytes, length));
    lt_list list;

    all->request.subject.user = user;
    lt_subject_take_history(&all->request.subject, &all->seen, user);
    exclude_history(all, 1);
    LTPG(env, lt_score_candidates(env, &model->recommender, &all->request, margin));
    LTPG(env, lt_choose(env, &model->recommender, &all->request, margin, &list));
    if (all->bounded)
        bring_within(all, env, margin, &list);
    exclude_history(all, 0);
    for (int64_t i = 0; i < list.n; i++) {
        Datum value[6] = {user_id,
                          CStringGetTextDatum(ltpg_model_item_text(model, list.item[i])),
                          Float8GetDatum(list.score[i]),
                          Float8GetDatum(list.base[i]),
                          Int32GetDatum((int32)i + 1),
                          CStringGetTextDatum(ltpg_listing_segment(model, list.item[i]))};
        bool null[6] = {false};

        tuplestore_putvalues(all->result->setResult, all->result->setDesc, value, null);
    }
}

/*
 * recommend_all(model, k, method, strength, exclude_seen, popularity_exponent, min_exposure, max_head_share, options)
 */
Datum longtail_recommend_all(PG_FUNCTION_ARGS)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail user", ALLOCSET_DEFAULT_SIZES);
    ltpg_method_arguments arguments = {
        .method = 2, .strength = 3, .options = 8, .own = own_options, .n_own = lengthof(own_options), .many = true};
    everybody all = {.model = model,
                     .env = ltpg_env(CurrentMemoryContext, 0),
                     .excluded = palloc0(Max(model->bundle.items.n, 1)),
                     .exclude_seen = PG_ARGISNULL(4) || PG_GETARG_BOOL(4),
                     .result = (ReturnSetInfo *)fcinfo->resultinfo};
    ltpg_method method;
    uint64 seed;

    InitMaterializedSRF(fcinfo, 0);
    all.request.k = ltpg_listing_k(fcinfo, 1);
    all.request.adjust = lt_adjustment_with(&model->recommender, ltpg_listing_exponent(fcinfo, model, 5));
    all.request.excluded = all.excluded;
    all.seen = ltpg_model_seen(all.env, model);
    method = ltpg_method_read(fcinfo, all.env, model, &arguments);
    all.request.stages = method.stages;
    all.request.n_stages = method.n_stages;
    seed = (uint64)lt_option_int(&method.options, "seed");
    take_bounds(&all, fcinfo, 6, 7, &method.options);
    for (int32 user = 0; user < model->bundle.users.n; user++) {
        MemoryContext old = MemoryContextSwitchTo(memory);

        CHECK_FOR_INTERRUPTS();
        all.request.seed = seed + (uint64)user;
        put_list(&all, user);
        MemoryContextSwitchTo(old);
        MemoryContextReset(memory);
    }
    if (all.bounded)
        tell_shortfall(&all);
    return (Datum)0;
}
