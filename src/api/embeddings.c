/*
 * embeddings.c: longtail.item_embeddings, user_embedding: the vectors of a model whose margins are dot products, for
 * indexes of nearest neighbours.
 *
 * What is the same for all items of a user (the mean, the user's bias) is left out; items' biases are one more number,
 * with a 1 in the user's vector.
 */
#include "listing.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "ids.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_item_embeddings);
PG_FUNCTION_INFO_V1(longtail_item_embeddings_typed);
PG_FUNCTION_INFO_V1(longtail_user_embedding);

/* "als, bpr": the algorithms whose margins are dot products. */
static const char *name_algorithms(void)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; lt_algorithms[i] != NULL; i++)
        if (lt_algorithms[i]->seek != NULL)
            appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", lt_algorithms[i]->name);
    return names.data;
}

/* The model's item vectors, and the subject's own. */
static lt_seek seek(lt_env *env, const ltpg_model *model, const lt_subject *subject)
{
    const lt_algorithm *algorithm = model->bundle.model.algorithm;
    lt_seek found;

    if (algorithm->seek == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a model of algorithm \"%s\" has no vectors of users and items", algorithm->name),
                        errhint("Models of these have them: %s.", name_algorithms())));
    LTPG(env, algorithm->seek(env, &model->recommender.scorer, subject, &found));
    return found;
}

/* real[]: v[0..k) and, with a bias, one number more. */
static Datum embedding(const float *v, int32 k, bool biased, float bias)
{
    int32 n = k + biased;
    Size size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(float);
    ArrayType *array = palloc0(size);

    SET_VARSIZE(array, size);
    array->ndim = 1;
    array->elemtype = FLOAT4OID;
    ARR_DIMS(array)[0] = n;
    ARR_LBOUND(array)[0] = 1;
    memcpy(ARR_DATA_PTR(array), v, k * sizeof *v);
    if (biased)
        ((float *)ARR_DATA_PTR(array))[k] = bias;
    return PointerGetDatum(array);
}

static Datum item_embeddings(FunctionCallInfo fcinfo)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    const lt_scan *scan = seek(ltpg_env(CurrentMemoryContext, 0), model, &(lt_subject){.user = -1}).scan;
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail item", ALLOCSET_DEFAULT_SIZES);
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    Oid type;

    InitMaterializedSRF(fcinfo, 0);
    type = TupleDescAttr(result->setDesc, 0)->atttypid;
    for (int32 item = 0; item < scan->items; item++) {
        MemoryContext old = MemoryContextSwitchTo(memory);
        int64_t length;
        const char *bytes = lt_dictionary_key(&model->bundle.items, item, &length);
        bool null[2] = {false};

        CHECK_FOR_INTERRUPTS();
        if (model->bundle.hidden == NULL || !model->bundle.hidden[item]) {
            Datum value[2] = {ltpg_key_datum(model->bundle.item_id, bytes, length, type),
                              embedding(scan->item + (int64)item * scan->k, scan->k, scan->bias != NULL,
                                        scan->bias == NULL ? 0 : scan->bias[item])};

            tuplestore_putvalues(result->setResult, result->setDesc, value, null);
        }
        MemoryContextSwitchTo(old);
        MemoryContextReset(memory);
    }
    MemoryContextDelete(memory);
    return (Datum)0;
}

/* item_embeddings(model) */
Datum longtail_item_embeddings(PG_FUNCTION_ARGS)
{
    return item_embeddings(fcinfo);
}

/* item_embeddings(model, item_type) */
Datum longtail_item_embeddings_typed(PG_FUNCTION_ARGS)
{
    return item_embeddings(fcinfo);
}

/* user_embedding(model, user_id) */
Datum longtail_user_embedding(PG_FUNCTION_ARGS)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_subject subject;
    lt_seek found;

    if (PG_ARGISNULL(1))
        PG_RETURN_NULL();
    subject = ltpg_live_subject(model, PG_GETARG_DATUM(1), get_fn_expr_argtype(fcinfo->flinfo, 1),
                                model->bundle.model.algorithm->uses_history);
    if (!lt_recommender_knows(&model->recommender, &subject))
        PG_RETURN_NULL();
    found = seek(env, model, &subject);
    PG_RETURN_DATUM(embedding(found.x, found.scan->k, found.scan->bias != NULL, 1));
}
