/*
 * refresh.c: longtail.refresh: users and items that came after training, without training.
 *
 * The walk: active version -> rows of the relations of features it does not know -> appended -> stored as a version.
 * Numbers of the others stay, so that weights only grow; what an algorithm says of somebody without interactions is its
 * extend's affair.
 */
#include "longtail.h"

#include "cache.h"
#include "catalog_forget.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "newcomers.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(longtail_refresh);

/* What users had, with rows and columns for the new ones. */
static lt_pairs grown_seen(lt_env *env, const ltpg_model *model, const lt_pairs *seen)
{
    lt_pairs grown = *seen;
    const lt_bundle *b = &model->bundle;

    grown.rows = b->users.n;
    grown.cols = b->items.n;
    LTPG(env, lt_alloc(env, &grown.start, (size_t)grown.rows + 1, sizeof *grown.start, "the seen items"));
    for (int32 u = 0; u <= grown.rows; u++)
        grown.start[u] = seen->start[Min(u, seen->rows)];
    return grown;
}

/* refresh(model) */
Datum longtail_refresh(PG_FUNCTION_ARGS)
{
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    instr_time start, end;
    ltpg_version owned;
    ltpg_model *model;
    lt_writer bytes, seen_bytes;
    lt_pairs seen;
    int64 users, items;
    TupleDesc description;
    Datum value[3];
    bool null[3] = {false};
    int version;

    PreventCommandIfReadOnly("longtail.refresh()");
    INSTR_TIME_SET_CURRENT(start);
    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_OWN, false, &owned);
    ltpg_catalog_training_begins(owned.model_id);
    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_OWN, false, &owned);
    model = ltpg_model_load(name, owned.version);
    ltpg_model_check_recommender(model);
    if (!OidIsValid(model->definition->user_features) && !OidIsValid(model->definition->item_features))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("model \"%s\" has no user_features and no item_features to find new users and items in", name),
                 errhint("Give them in longtail.train, or retrain.")));
    seen = ltpg_model_seen(env, model);
    ltpg_read_newcomers(model->env, model->definition, &model->bundle, &users, &items);
    version = owned.version;
    if (users + items > 0) {
        const lt_design *design = &model->bundle.model.design;
        ltpg_part parts[2];

        LTPG(model->env, lt_bundle_grow(model->env, &model->bundle));
        lt_writer_init(env, &bytes);
        lt_bundle_write(&bytes, &model->bundle);
        LTPG(env, bytes.status);
        seen = grown_seen(env, model, &seen);
        lt_writer_init(env, &seen_bytes);
        lt_pairs_write(&seen_bytes, &seen);
        LTPG(env, seen_bytes.status);
        parts[0] = (ltpg_part){"model", bytes.bytes, bytes.n};
        parts[1] = (ltpg_part){"seen", seen_bytes.bytes, seen_bytes.n};
        INSTR_TIME_SET_CURRENT(end);
        INSTR_TIME_SUBTRACT(end, start);
        version = ltpg_catalog_store_refreshed(
            name, &model->version, model->bundle.users.n, model->bundle.items.n, design->dense + design->sparse,
            psprintf("promoted: version %d with " INT64_FORMAT " new user(s) and " INT64_FORMAT " new item(s)",
                     owned.version, users, items),
            INSTR_TIME_GET_DOUBLE(end), parts, 2);
    }
    PopActiveSnapshot();
    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    value[0] = Int32GetDatum(version);
    value[1] = Int64GetDatum(users);
    value[2] = Int64GetDatum(items);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), value, null)));
}
