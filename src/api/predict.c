/*
 * predict.c: longtail.predict for a stored model: one row, an array of numbers, or a user and an item.
 *
 * A row's columns are matched to the model's features by name once per expression; rows then only cost their encoding.
 */
#include "longtail.h"

#include "access/htup_details.h"
#include "cache.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(longtail_predict_array);
PG_FUNCTION_INFO_V1(longtail_predict_row);
PG_FUNCTION_INFO_V1(longtail_predict_pair);

static ltpg_model *open_supervised(FunctionCallInfo fcinfo)
{
    ltpg_model *model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));

    if (lt_bundle_is_recommender(&model->bundle))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" predicts for a user and an item", model->definition->name),
                        errhint("SELECT longtail.predict(%s, user_id, item_id).",
                                quote_literal_cstr(model->definition->name))));
    return model;
}

/* The prediction for the row that was just encoded. */
static double predict_encoded(const ltpg_model *model)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_table none = {0};
    lt_inputs in = {&model->bundle.model.design, &model->bundle.row_encoder.row, &none, &none, NULL};
    lt_examples one = {.n = 1};
    float margin;

    LTPG(env, model->bundle.model.algorithm->predict(env, &model->bundle.model, &in, &one, &margin));
    return lt_link_apply(model->bundle.model.link, margin);
}

/* "a, b, c", in the order of training. */
static const char *feature_names(const lt_encoder *encoder)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; i < encoder->n_features; i++)
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", encoder->feature[i].name);
    return names.data;
}

/* predict(model, features): numeric features in the model's order, NULL elements as missing values. */
Datum longtail_predict_array(PG_FUNCTION_ARGS)
{
    ltpg_model *model = open_supervised(fcinfo);
    lt_encoder *encoder = &model->bundle.row_encoder;
    Datum *values;
    bool *nulls;
    int n;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values,
                      &nulls, &n);
    if (n != encoder->n_features)
        ereport(ERROR,
                (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                 errmsg("model \"%s\" has %d features, %d were given", model->definition->name, encoder->n_features, n),
                 errdetail("They are: %s.", feature_names(encoder))));
    LTPG(model->env, lt_encoder_begin_row(model->env, encoder));
    for (int i = 0; i < n; i++) {
        const lt_feature *feature = &encoder->feature[i];
        double number;

        if (feature->kind != LT_NUMBER && feature->kind != LT_BOOLEAN)
            ereport(ERROR,
                    (errcode(ERRCODE_DATATYPE_MISMATCH),
                     errmsg("feature \"%s\" of model \"%s\" is not a number", feature->name, model->definition->name),
                     errhint("Give the row itself: longtail.predict(%s, t) from a table t.",
                             quote_literal_cstr(model->definition->name))));
        if (nulls[i])
            continue;
        if (!ltpg_number(values[i], FLOAT8OID, &number))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("feature \"%s\" is NaN or infinite", feature->name)));
        LTPG(model->env, lt_encode_number(model->env, encoder, i, number));
    }
    LTPG(model->env, lt_encoder_end_row(model->env, encoder));
    PG_RETURN_FLOAT8(predict_encoded(model));
}

/* Finds the row's column for one feature; an error when it is not there or of another kind. */
static void bind_column(const ltpg_model *model, TupleDesc row, int feature, ltpg_column *out)
{
    const lt_feature *f = &model->bundle.row_encoder.feature[feature];
    lt_kind kind;

    for (int i = 0; i < row->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(row, i);

        if (attribute->attisdropped || strcmp(NameStr(attribute->attname), f->name) != 0)
            continue;
        if (!ltpg_column_kind(attribute->atttypid, f->kind, &kind) || kind != f->kind)
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("column \"%s\" of the row has a type of another kind than in training", f->name),
                            errdetail("It is of type %s.", format_type_be(attribute->atttypid))));
        ltpg_column_init(out, f->name, attribute->atttypid, kind);
        out->feature = feature;
        out->attnum = i + 1;
        return;
    }
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("the row has no column \"%s\", a feature of model \"%s\"", f->name, model->definition->name),
                    errhint("Columns are matched by name; give it as NULL where it is not known.")));
}

/* Makes the model's row_features those of this row type. */
static void bind_row(ltpg_model *model, Oid type, int32 typmod)
{
    uint64 identifier = assign_record_type_identifier(type, typmod);
    int n = model->bundle.row_encoder.n_features;
    TupleDesc shared;
    MemoryContext old;

    if (model->row_identifier == identifier)
        return;
    model->row_identifier = 0;
    if (model->row_memory == NULL)
        model->row_memory = AllocSetContextCreate(model->memory, "longtail row type", ALLOCSET_SMALL_SIZES);
    MemoryContextReset(model->row_memory);
    old = MemoryContextSwitchTo(model->row_memory);
    shared = lookup_rowtype_tupdesc(type, typmod);
    model->row_description = CreateTupleDescCopy(shared);
    ReleaseTupleDesc(shared);
    model->row_features = (ltpg_features){.n = n, .column = palloc(Max(n, 1) * sizeof(ltpg_column))};
    for (int i = 0; i < n; i++)
        bind_column(model, model->row_description, i, &model->row_features.column[i]);
    MemoryContextSwitchTo(old);
    model->row_identifier = identifier;
}

/* predict(model, row) */
Datum longtail_predict_row(PG_FUNCTION_ARGS)
{
    ltpg_model *model = open_supervised(fcinfo);
    lt_encoder *encoder = &model->bundle.row_encoder;
    HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
    HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};

    bind_row(model, HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    LTPG(model->env, lt_encoder_begin_row(model->env, encoder));
    for (int i = 0; i < model->row_features.n; i++) {
        ltpg_column *column = &model->row_features.column[i];
        bool is_null;
        Datum value = heap_getattr(&tuple, column->attnum, model->row_description, &is_null);

        if (!ltpg_column_encode(model->env, encoder, column, value, is_null))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("column \"%s\" of the row is NaN or infinite", column->name)));
    }
    LTPG(model->env, lt_encoder_end_row(model->env, encoder));
    PG_RETURN_FLOAT8(predict_encoded(model));
}

/*
 * predict(model, user_id, item_id). Neither needs to be known: what is not contributes nothing. Algorithms that answer
 * from what the user has read that now, as recommend does.
 */
Datum longtail_predict_pair(PG_FUNCTION_ARGS)
{
    ltpg_model *model;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_subject subject;
    int32 item;
    float margin;
    bool popular;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ltpg_model_check_recommender(model);
    subject = ltpg_live_subject(model, PG_GETARG_DATUM(1), get_fn_expr_argtype(fcinfo->flinfo, 1),
                                model->bundle.model.algorithm->uses_history);
    item = ltpg_model_item(model, PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2));
    LTPG(env, lt_score_item(env, &model->recommender, &subject, item, &margin, &popular));
    PG_RETURN_FLOAT8(lt_link_apply(model->bundle.model.link, margin));
}
