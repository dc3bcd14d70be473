/*
 * predictor_fit.c: the aggregates that train: logistic_fit and mlp_fit.
 *
 * A state gathers rows [features | label].  The final function orders them by content and seed (rows.h), encodes them
 * as one feature vector, trains with the core, and returns a longtail.predictor.  It leaves the state as it was, so
 * that the aggregates may be used as window functions.
 *
 * Options are those of the algorithm; what only a table can have is refused.  They are read at the first row that has
 * them, so that a mistake shows before the scan, and must not differ between the rows of a group: which row comes
 * first is nobody's choice in a parallel plan.
 */
#include "predictor.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "rows.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(longtail_logistic_fit_add);
PG_FUNCTION_INFO_V1(longtail_mlp_fit_add);
PG_FUNCTION_INFO_V1(longtail_fit_combine);
PG_FUNCTION_INFO_V1(longtail_fit_serialize);
PG_FUNCTION_INFO_V1(longtail_fit_deserialize);
PG_FUNCTION_INFO_V1(longtail_fit_final);

#define TEAM_CELLS 1000000 /* numbers of a group from which its training is shared by threads */

typedef struct fit_state {
    const lt_algorithm *algorithm;
    bool boolean_label;
    bool skip_invalid;
    Jsonb *options; /* NULL until a row had some */
    ltpg_rows rows; /* width features and the label; width 0 until the first row */
} fit_state;

/* ---- options ---- */

/* The common options that mean something here; all others of the common table are about tables and rankings. */
static const char *const common_allowed[] = {"seed", "split", "validation_fraction", "invalid", "standardize", NULL};
/* An algorithm's own options that need users and items, or a stored model that says what it promises. */
static const char *const own_refused[] = {
    "embedding",           "factors",    "id_features", "negatives", "negative_exponent",
    "sampling_correction", "dp_epsilon", "dp_delta",    "dp_clip",   NULL};

static bool listed(const char *name, const char *const *list)
{
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static lt_options read_options(lt_env *env, const lt_algorithm *algorithm, const Jsonb *given)
{
    lt_options o;

    LTPG(env, lt_options_init(env, &o, algorithm->options, algorithm->n_options));
    if (given != NULL)
        ltpg_options_set(env, &o, given);
    for (int i = 0; i < o.n; i++) {
        const char *name = o.spec[i]->name;
        bool own = o.spec[i] >= algorithm->options && o.spec[i] < algorithm->options + algorithm->n_options;

        if (o.value[i].given && (own ? listed(name, own_refused) : !listed(name, common_allowed)))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("option \"%s\" does not apply to an aggregate", name),
                            errhint("longtail.train() trains on tables, with users and items.")));
    }
    if (lt_option_is(&o, "split", "time"))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"split\" cannot be time in an aggregate"),
                 errhint("Rows of an aggregate have no time. Use random or none, or longtail.train().")));
    return o;
}

static void take_options(MemoryContext context, fit_state *state, const Jsonb *given)
{
    MemoryContext old;
    lt_options o;

    if (state->options != NULL) {
        if (VARSIZE(state->options) != VARSIZE(given) || memcmp(state->options, given, VARSIZE(given)) != 0)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options differ between the rows of one group"),
                     errdetail("One row has %s, another has %s.",
                               JsonbToCString(NULL, &state->options->root, VARSIZE(state->options)),
                               JsonbToCString(NULL, (JsonbContainer *)&given->root, VARSIZE(given))),
                     errhint("Give a constant, or one value for each group.")));
        return;
    }
    o = read_options(ltpg_env(CurrentMemoryContext, 0), state->algorithm, given);
    state->skip_invalid = lt_option_is(&o, "invalid", "skip");
    old = MemoryContextSwitchTo(context);
    state->options = palloc(VARSIZE(given));
    memcpy(state->options, given, VARSIZE(given));
    MemoryContextSwitchTo(old);
}

/* ---- rows in ---- */

static fit_state *new_state(MemoryContext context, const lt_algorithm *algorithm)
{
    fit_state *state = MemoryContextAllocZero(context, sizeof *state);

    state->algorithm = algorithm;
    ltpg_rows_init(&state->rows, context, 0);
    return state;
}

static void differing_widths(int one, int other)
{
    ereport(ERROR,
            (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("features differ in length between the rows of one group"),
             errdetail("One row has %d elements, another has %d.", one, other)));
}

/* Whether the row can be used; raises, unless such rows are to be skipped. */
static bool usable(const fit_state *state, double label, const float8 *value, int n)
{
    bool good = isfinite(label);

    for (int j = 0; j < n; j++)
        good &= isfinite(value[j]);
    if (good || state->skip_invalid)
        return good;
    if (!isfinite(label))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("label is %s", float8out_internal(label)),
                        errhint("Set option \"invalid\" to \"skip\" to leave such rows out.")));
    for (int j = 0; j < n; j++)
        if (!isfinite(value[j]))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("features[%d] is %s", j + 1, float8out_internal(value[j])),
                            errhint("Set option \"invalid\" to \"skip\" to leave such rows out.")));
    return false;
}

static void add_row(fit_state *state, double label, ArrayType *features)
{
    int n = ltpg_array_length(features, "features");
    int null_at = ltpg_array_first_null(features);
    const float8 *value = (const float8 *)ARR_DATA_PTR(features);
    double *row;

    if (n == 0)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("features is an empty array")));
    if (state->rows.width == 0)
        state->rows.width = n + 1;
    if (state->rows.width != n + 1)
        differing_widths(state->rows.width - 1, n);
    if (null_at > 0 && state->skip_invalid)
        return;
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("features[%d] is NULL", null_at),
                        errhint("Use coalesce(), or set option \"invalid\" to \"skip\" to leave such rows out.")));
    if (!usable(state, label, value, n))
        return;
    row = ltpg_rows_add(&state->rows);
    memcpy(row, value, n * sizeof(double));
    row[n] = label;
}

/* (internal, label float8 | bool, features float8[] [, options jsonb]) */
static Datum fit_add(FunctionCallInfo fcinfo, const char *algorithm)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    fit_state *state = PG_ARGISNULL(0) ? NULL : (fit_state *)PG_GETARG_POINTER(0);
    double label;

    if (state == NULL) {
        state = new_state(context, lt_algorithm_find(algorithm));
        state->boolean_label = get_fn_expr_argtype(fcinfo->flinfo, 1) == BOOLOID;
    }
    if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
        take_options(context, state, PG_GETARG_JSONB_P(3));
    if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2)) {
        label = state->boolean_label ? (double)PG_GETARG_BOOL(1) : PG_GETARG_FLOAT8(1);
        add_row(state, label, PG_GETARG_ARRAYTYPE_P(2));
    }
    PG_RETURN_POINTER(state);
}

Datum longtail_logistic_fit_add(PG_FUNCTION_ARGS)
{
    return fit_add(fcinfo, "logistic");
}

Datum longtail_mlp_fit_add(PG_FUNCTION_ARGS)
{
    return fit_add(fcinfo, "mlp");
}

/* ---- parallel plans ---- */

Datum longtail_fit_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    fit_state *to = PG_ARGISNULL(0) ? NULL : (fit_state *)PG_GETARG_POINTER(0);
    const fit_state *from = PG_ARGISNULL(1) ? NULL : (fit_state *)PG_GETARG_POINTER(1);

    if (from == NULL) {
        if (to == NULL)
            PG_RETURN_NULL();
        PG_RETURN_POINTER(to);
    }
    if (to == NULL) {
        to = new_state(context, from->algorithm);
        to->boolean_label = from->boolean_label;
    }
    if (from->options != NULL)
        take_options(context, to, from->options);
    if (to->rows.width == 0)
        to->rows.width = from->rows.width;
    if (from->rows.width != 0 && from->rows.width != to->rows.width)
        differing_widths(to->rows.width - 1, from->rows.width - 1);
    ltpg_rows_append(&to->rows, &from->rows);
    PG_RETURN_POINTER(to);
}

Datum longtail_fit_serialize(PG_FUNCTION_ARGS)
{
    const fit_state *state = (fit_state *)PG_GETARG_POINTER(0);
    StringInfoData buffer;

    ltpg_aggregate_context(fcinfo);
    pq_begintypsend(&buffer);
    pq_sendstring(&buffer, state->algorithm->name);
    pq_sendbyte(&buffer, state->boolean_label);
    pq_sendint32(&buffer, state->options == NULL ? 0 : (int32)VARSIZE(state->options));
    if (state->options != NULL)
        pq_sendbytes(&buffer, (const char *)state->options, VARSIZE(state->options));
    ltpg_rows_send(&buffer, &state->rows);
    PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum longtail_fit_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    fit_state *state;
    StringInfoData buffer;
    int options;

    ltpg_aggregate_context(fcinfo);
    initStringInfo(&buffer);
    pfree(buffer.data);
    buffer.data = VARDATA_ANY(bytes);
    buffer.len = buffer.maxlen = VARSIZE_ANY_EXHDR(bytes);
    state = new_state(CurrentMemoryContext, lt_algorithm_find(pq_getmsgstring(&buffer)));
    state->boolean_label = pq_getmsgbyte(&buffer);
    options = pq_getmsgint(&buffer, 4);
    if (options > 0) {
        state->options = palloc(options);
        pq_copymsgbytes(&buffer, (char *)state->options, options);
    }
    ltpg_rows_receive(&buffer, &state->rows);
    pq_getmsgend(&buffer);
    PG_RETURN_POINTER(state);
}

/* ---- training ---- */

/* Rows held out at random; they come last in the order, which the seed has already shuffled. */
static int64 held_out(const lt_options *o, int64 n)
{
    bool wanted = lt_option_is(o, "split", "random");

    /* Early stopping has nothing to look at without a validation part. */
    if (lt_option_is(o, "split", "auto") && lt_options_find(o, "early_stopping") >= 0)
        wanted = lt_option_value(o, "early_stopping")->given && lt_option_value(o, "early_stopping")->number > 0;
    return wanted ? (int64)floor(lt_option_float(o, "validation_fraction") * n) : 0;
}

static void encode_rows(lt_env *env, const ltpg_rows *rows, const int64 *order, bool standardize, lt_encoder *encoder,
                        lt_dataset *data)
{
    int32 width = rows->width - 1;

    LTPG(env, lt_encoder_init(env, encoder));
    LTPG(env, lt_encoder_add(env, encoder, "features", LT_VECTOR));
    for (int64 i = 0; i < rows->n; i++) {
        if (i % 1024 == 0)
            CHECK_FOR_INTERRUPTS();
        LTPG(env, lt_encoder_begin_row(env, encoder));
        LTPG(env, lt_encode_vector(env, encoder, 0, rows->values + order[i] * rows->width, width));
        LTPG(env, lt_encoder_end_row(env, encoder));
    }
    LTPG(env, lt_encoder_finish(env, encoder, 1, standardize, NULL, rows->n, &data->row));
    data->design.row_dense = width;
    LTPG(env, lt_design_finish(env, &data->design));
}

static void set_labels(lt_env *env, const ltpg_rows *rows, const int64 *order, int64 n_validation, lt_dataset *data)
{
    int64 n_train = rows->n - n_validation;
    float *label;

    LTPG(env, lt_alloc(env, &label, rows->n, sizeof *label, "the labels"));
    for (int64 i = 0; i < rows->n; i++)
        label[i] = (float)rows->values[order[i] * rows->width + rows->width - 1];
    data->train = (lt_examples){.n = n_train, .label = label};
    data->validation = (lt_examples){.n = n_validation, .row_first = n_train, .label = label + n_train};
}

/* NULL, with a NOTICE, where one class leaves nothing to fit: a group like that must not cost the others theirs. */
static bytea *train(const fit_state *state)
{
    lt_status status;
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    lt_options options = read_options(env, state->algorithm, state->options);
    lt_encoder encoder;
    lt_dataset data = {0};
    ltpg_predictor p = {0};
    int64 *order;

    /* Starting threads takes longer than a small group does. */
    if (state->rows.n * state->rows.width >= TEAM_CELLS)
        ltpg_env_team(env);
    env->used += ltpg_rows_bytes(&state->rows);
    order = ltpg_rows_order(env, &state->rows, (uint64)lt_option_int(&options, "seed"));
    /* By type, not by what one group happens to hold: groups of one query shall have one kind of model. */
    data.label_kind = state->boolean_label ? LT_LABEL_BINARY : LT_LABEL_REAL;
    encode_rows(env, &state->rows, order, lt_option_bool(&options, "standardize"), &encoder, &data);
    set_labels(env, &state->rows, order, held_out(&options, state->rows.n), &data);
    lt_free(env, order);
    p.model.algorithm = state->algorithm;
    status = state->algorithm->train(env, &data, &options, &p.model, &p.fit);
    if (status == LT_ONE_CLASS) {
        ereport(NOTICE,
                (errmsg("a group of " INT64_FORMAT " row(s) has no model: %s", state->rows.n, env->error.message)));
        return NULL;
    }
    LTPG(env, status);
    p.mean = encoder.feature[0].mean;
    p.scale = encoder.feature[0].scale;
    p.rows = state->rows.n;
    return ltpg_predictor_encode(env, &p);
}

Datum longtail_fit_final(PG_FUNCTION_ARGS)
{
    const fit_state *state = PG_ARGISNULL(0) ? NULL : (fit_state *)PG_GETARG_POINTER(0);
    MemoryContext context, old;
    bytea *trained, *value;

    ltpg_aggregate_context(fcinfo);
    if (state == NULL || state->rows.n == 0)
        PG_RETURN_NULL();
    context = AllocSetContextCreate(CurrentMemoryContext, "longtail fit", ALLOCSET_DEFAULT_SIZES);
    old = MemoryContextSwitchTo(context);
    trained = train(state);
    MemoryContextSwitchTo(old);
    if (trained == NULL) {
        MemoryContextDelete(context);
        PG_RETURN_NULL();
    }
    value = palloc(VARSIZE(trained));
    memcpy(value, trained, VARSIZE(trained));
    MemoryContextDelete(context);
    PG_RETURN_BYTEA_P(value);
}
