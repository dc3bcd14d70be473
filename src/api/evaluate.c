/*
 * evaluate.c: longtail.evaluate: a version measured on rows it was not trained on.
 *
 * Recommenders are measured as rankings of the whole catalogue: for each user of the test the items they had in
 * training are left out, test pairs that were in training are dropped, and users without a pair left are not counted.
 * Users the model does not know are served as recommend serves them: by their live features, or else by what is
 * popular. Labels, where the model has them, also give figures of single predictions (k is NULL).
 */
#include "longtail.h"

#include <math.h>

#include "cache.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "ids.h"
#include "method.h"
#include "metrics.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_evaluate);

static const lt_option evaluate_options[] = {
    {"version", LT_OPT_INT, "0", 0, 1e9, NULL, "the version to measure; 0 is the active one"},
    {"seed", LT_OPT_INT, "1", 0, 9007199254740992.0, NULL, "seed of random exploration"},
};

typedef struct evaluation {
    lt_env *env;
    ltpg_model *model;
    lt_dataset data; /* the test, encoded as the model does, all of it in `train` */
    ReturnSetInfo *result;
} evaluation;

static void put(const evaluation *e, const char *metric, int k, double figure, int64 n)
{
    Datum value[4] = {CStringGetTextDatum(metric), Int32GetDatum(k), Float8GetDatum(figure), Int64GetDatum(n)};
    bool null[4] = {false, k == 0, isnan(figure), false};

    tuplestore_putvalues(e->result->setResult, e->result->setDesc, value, null);
}

/* ---- rankings ---- */

/* Rows of the test by user: pairs sorted by (user, item), each once, positive, not in training. */
static void make_test(const evaluation *e, const lt_pairs *seen, lt_test *test)
{
    const lt_examples *ex = &e->data.train;
    int64 n = 0;
    int32 rows = 0, last_user = 0, last_item = 0;
    int32 *user;

    memset(test, 0, sizeof *test);
    LTPG(e->env, lt_alloc(e->env, &test->relevant.start, (size_t)ex->n + 1, sizeof(int64_t), "the test"));
    LTPG(e->env, lt_alloc(e->env, &test->relevant.col, (size_t)ex->n, sizeof(int32), "the test"));
    LTPG(e->env, lt_alloc(e->env, &user, (size_t)ex->n, sizeof *user, "the test"));
    for (int64 i = 0; i < ex->n; i++) {
        int32 u = ex->user[i], item = ex->item[i];
        bool same_user = rows > 0 && u == last_user;

        if (e->data.label_kind != LT_LABEL_REAL && ex->label[i] <= 0)
            continue;
        if ((same_user && item == last_item) || (u >= 0 && item >= 0 && lt_pairs_has(seen, u, item)))
            continue;
        if (!same_user)
            user[rows++] = u;
        test->relevant.col[n++] = Max(item, -1);
        test->relevant.start[rows] = n;
        last_user = u;
        last_item = item;
    }
    test->relevant.rows = rows;
    test->relevant.cols = seen->cols;
    test->user = user;
    test->seen = seen;
}

/* Features of the test's unknown users, read live as recommend reads them. */
static void find_strangers(const evaluation *e, lt_test *test)
{
    static const Oid natural[] = {[LT_ID_INTEGER] = INT8OID, [LT_ID_TEXT] = TEXTOID, [LT_ID_UUID] = UUIDOID};
    lt_id_kind kind = e->model->bundle.user_id;
    const lt_dictionary *unknown = &e->data.unknown_users;
    lt_table_builder *rows = palloc0(sizeof *rows);
    int32 *row = palloc(Max(unknown->n, 1) * sizeof *row);

    for (int32 i = 0; i < unknown->n; i++) {
        int64_t length;
        const char *bytes = lt_dictionary_key(unknown, i, &length);
        Datum user = ltpg_key_datum(kind, bytes, length, natural[kind]);
        const lt_table *features = ltpg_live_user(e->model, user, natural[kind]);

        row[i] = features == NULL ? -1 : (int32)rows->t.n;
        if (features != NULL)
            LTPG(e->env, lt_table_append(e->env, rows, features));
    }
    test->strangers = &rows->t;
    test->stranger_row = row;
}

static int cutoffs(FunctionCallInfo fcinfo, int n, int **out)
{
    Datum *values;
    bool *nulls;
    int count;

    if (PG_ARGISNULL(n))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("k must not be NULL")));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &count);
    *out = palloc(Max(count, 1) * sizeof(int));
    for (int i = 0; i < count; i++) {
        (*out)[i] = nulls[i] ? 0 : DatumGetInt32(values[i]);
        if ((*out)[i] < 1)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("every k must be a whole number of at least 1")));
    }
    return count;
}

static void evaluate_rankings(FunctionCallInfo fcinfo, const evaluation *e, uint64 seed)
{
    lt_recommender *r = &e->model->recommender;
    lt_request how = {.popularity_exponent = e->model->bundle.popularity_exponent, .seed = seed};
    lt_ranking_metrics metrics;
    lt_pairs seen = ltpg_model_seen(e->env, e->model);
    lt_test test;
    int *k;
    int n_k = cutoffs(fcinfo, 2, &k);

    how.method = ltpg_method_argument(fcinfo, e->model, 3, 4, &how.strength);
    make_test(e, &seen, &test);
    find_strangers(e, &test);
    LTPG(e->env, lt_ranking_init(e->env, &metrics, k, n_k, &r->popularity));
    LTPG(e->env, lt_evaluate_ranking(e->env, r, &test, &how, &metrics));
    for (int j = 0; j < n_k; j++)
        for (int m = 0; m < LT_MEASURES; m++) {
            double figure;

            if (m == LT_RANK_AUC)
                continue;
            LTPG(e->env, lt_ranking_value(e->env, &metrics, m, j, &figure));
            put(e, lt_measure_names[m], k[j], figure, metrics.users);
        }
    put(e, "auc", 0, metrics.auc_users > 0 ? metrics.auc_sum / metrics.auc_users : NAN, metrics.auc_users);
}

/* ---- single predictions ---- */

static void evaluate_predictions(const evaluation *e)
{
    const lt_examples *ex = &e->data.train;
    lt_inputs in = lt_dataset_inputs(&e->data);
    lt_link link = e->model->bundle.model.link;
    float *margin;
    double *prediction, auc, squares = 0, absolutes = 0, right = 0, label = 0, deviance = 0;
    uint8 *positive;

    LTPG(e->env, lt_alloc(e->env, &margin, (size_t)ex->n, sizeof *margin, "the predictions"));
    LTPG(e->env, lt_alloc(e->env, &prediction, (size_t)ex->n, sizeof *prediction, "the predictions"));
    LTPG(e->env, lt_alloc(e->env, &positive, (size_t)ex->n, 1, "the predictions"));
    LTPG(e->env, e->model->bundle.model.algorithm->predict(e->env, &e->model->bundle.model, &in, ex, margin));
    for (int64 i = 0; i < ex->n; i++) {
        double error;

        prediction[i] = lt_link_apply(link, margin[i]);
        positive[i] = ex->label[i] > 0;
        error = prediction[i] - ex->label[i];
        squares += error * error;
        absolutes += fabs(error);
        right += (prediction[i] > 0.5) == positive[i];
        deviance += lt_poisson_deviance(prediction[i], ex->label[i]);
        label += ex->label[i];
    }
    if (link == LT_LINK_LOGISTIC) {
        bool ranked = lt_bundle_is_recommender(&e->model->bundle);

        LTPG(e->env, lt_auc(e->env, prediction, positive, NULL, ex->n, &auc));
        put(e, "log_loss", 0, lt_log_loss(prediction, positive, NULL, ex->n), ex->n);
        put(e, ranked ? "label_auc" : "auc", 0, auc, ex->n);
        put(e, "accuracy", 0, ex->n > 0 ? right / ex->n : NAN, ex->n);
        return;
    }
    put(e, "rmse", 0, ex->n > 0 ? sqrt(squares / ex->n) : NAN, ex->n);
    put(e, "mae", 0, ex->n > 0 ? absolutes / ex->n : NAN, ex->n);
    if (link == LT_LINK_EXP)
        put(e, "poisson_deviance", 0, ex->n > 0 ? deviance / ex->n : NAN, ex->n);
    {
        double mean = ex->n > 0 ? label / ex->n : 0, total = 0;

        for (int64 i = 0; i < ex->n; i++)
            total += (ex->label[i] - mean) * (ex->label[i] - mean);
        put(e, "r2", 0, total > 0 ? 1 - squares / total : NAN, ex->n);
    }
}

/* A test without a label column is one of positives, as the views of purchases are. */
static void check_labels(const evaluation *e)
{
    const lt_examples *ex = &e->data.train;

    for (int64 i = 0; e->model->bundle.model.link == LT_LINK_LOGISTIC && i < ex->n; i++)
        if (ex->label[i] != 0 && ex->label[i] != 1)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("label %g in the test is neither 0 nor 1", ex->label[i])));
}

/* evaluate(model, test, k, method, strength, options) */
Datum longtail_evaluate(PG_FUNCTION_ARGS)
{
    evaluation e = {.env = ltpg_env(CurrentMemoryContext, 0), .result = (ReturnSetInfo *)fcinfo->resultinfo};
    lt_options options, reading_options;
    ltpg_reading reading;
    const char *name;
    int version;

    for (int i = 0; i < 6; i++)
        if (PG_ARGISNULL(i) && i != 3 && i != 4)
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("model, test, k and options must not be NULL")));
    name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    LTPG(e.env, lt_options_init_own(e.env, &options, evaluate_options, lengthof(evaluate_options)));
    ltpg_options_set(e.env, &options, PG_GETARG_JSONB_P(5));
    version = (int)lt_option_int(&options, "version");
    e.model = version == 0 ? ltpg_model_open(fcinfo, name) : ltpg_model_load(name, version);
    LTPG(e.env, lt_options_init(e.env, &reading_options, NULL, 0));
    LTPG(e.env, lt_options_set_text(e.env, &reading_options, "split", "none"));
    LTPG(e.env, lt_options_set_text(e.env, &reading_options, "duplicates", "keep"));
    InitMaterializedSRF(fcinfo, 0);
    ltpg_read_frozen(e.env, e.model->definition, PG_GETARG_OID(1), &reading_options, &e.model->bundle, e.model->env,
                     &e.data, &reading);
    check_labels(&e);
    if (lt_bundle_is_recommender(&e.model->bundle))
        evaluate_rankings(fcinfo, &e, (uint64)lt_option_int(&options, "seed"));
    if (e.data.label_kind != LT_LABEL_IMPLICIT)
        evaluate_predictions(&e);
    return (Datum)0;
}
