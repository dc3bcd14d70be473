/*
 * evaluate.c: longtail.evaluate: a version measured on rows it was not trained on.
 *
 * Recommenders are measured as rankings of the whole catalogue: for each user of the test the items they had in
 * training are left out, test pairs that were in training are dropped, and users without a pair left are not counted.
 * Users the model does not know are served as recommend serves them: by their live features, or else by what is
 * popular. Labels, where the model has them, also give figures of single predictions (k is NULL).
 *
 * Options say what published protocols do otherwise.  Negatives: each user's test items are ranked among these alone
 * (He et al., "Neural collaborative filtering", 2017: 99 a user; sampled ones are measured in Krichene and Rendle, "On
 * sampled metrics for item recommendation", 2020, and mislead).
 */
#include "longtail.h"

#include <limits.h>
#include <math.h>

#include "cache.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "ids.h"
#include "method.h"
#include "metrics.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_evaluate);

static const lt_option evaluate_options[] = {
    {"version", LT_OPT_INT, "0", 0, 1e9, NULL, "the version to measure; 0 is the active one"},
    {"seed", LT_OPT_INT, "1", 0, 9007199254740992.0, NULL, "seed of random exploration and of sampled negatives"},
    {"popularity_exponent", LT_OPT_FLOAT, "0", 0, 10, NULL, "as the argument of recommend; not given: the model's own"},
    {"trend_exponent", LT_OPT_FLOAT, "0", 0, 10, NULL, "as the option of training; not given: the model's own"},
    {"users", LT_OPT_ENUM, "all", 0, 0, "all|known", "known leaves out users without interactions in training"},
    {"unknown_items", LT_OPT_ENUM, "count", 0, 0, "count|drop",
     "test items the model does not know: count as items never found, or drop"},
    {"exclude_seen", LT_OPT_BOOL, "true", 0, 0, NULL,
     "whether the items a user had in training are left out of the ranking and of the test"},
    {"negatives", LT_OPT_TEXT, "", 0, 0, NULL,
     "a relation with the user and item columns: each user's test items are ranked among these alone"},
    {"sampled_negatives", LT_OPT_INT, "0", 0, INT_MAX, NULL,
     "each user's test items are ranked among as many items, drawn uniformly, that the user does not have; 0: among "
     "all"},
};

typedef struct evaluation {
    lt_env *env;
    ltpg_model *model;
    ltpg_method method;
    lt_options options;
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

/* Whether a pair of the test is left out, whatever else there is of its user. */
static bool is_dropped(const evaluation *e, const lt_pairs *seen, const lt_test *test, int32 user, int32 item)
{
    if (lt_option_is(&e->options, "users", "known") && (user < 0 || seen->start[user + 1] == seen->start[user]))
        return true;
    if (item < 0)
        return lt_option_is(&e->options, "unknown_items", "drop");
    return user >= 0 && !test->ranks_seen && lt_pairs_has(seen, user, item);
}

/* Rows of the test by user: pairs sorted by (user, item), each once, positive, not in training. */
static void make_test(const evaluation *e, const lt_pairs *seen, lt_test *test)
{
    const lt_examples *ex = &e->data.train;
    int64 n = 0;
    int32 rows = 0, last_user = 0, last_item = 0;
    int32 *user;

    memset(test, 0, sizeof *test);
    test->ranks_seen = !lt_option_bool(&e->options, "exclude_seen");
    LTPG(e->env, lt_alloc(e->env, &test->relevant.start, (size_t)ex->n + 1, sizeof(int64_t), "the test"));
    LTPG(e->env, lt_alloc(e->env, &test->relevant.col, (size_t)ex->n, sizeof(int32), "the test"));
    LTPG(e->env, lt_alloc(e->env, &user, (size_t)ex->n, sizeof *user, "the test"));
    for (int64 i = 0; i < ex->n; i++) {
        int32 u = ex->user[i], item = ex->item[i];
        bool same_user = rows > 0 && u == last_user;

        if (e->data.label_kind != LT_LABEL_REAL && ex->label[i] <= 0)
            continue;
        if ((same_user && item == last_item) || is_dropped(e, seen, test, u, item))
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

/* ---- negatives ---- */

typedef struct negatives_reader {
    const evaluation *e;
    const int32 *row_of; /* of users -unknown .. users - 1, counted from the lowest: their row in the test, or -1 */
    int32 unknown;
    Oid user_type, item_type;
    int32 *row, *item; /* n pairs */
    size_t n, cap_row, cap_item;
} negatives_reader;

/* The number evaluation has for a user: below 0 those of the test that the model does not know; -1 - unknown nobody. */
static int32 number_of_user(const negatives_reader *r, Datum user)
{
    const lt_dictionary *others = &r->e->data.unknown_users;
    ltpg_key key;
    int32 number;

    ltpg_key_make(&key, user, r->user_type, r->e->model->bundle.user_id);
    number = lt_dictionary_find(&r->e->model->bundle.users, key.bytes, key.length);
    if (number >= 0)
        return number;
    number = lt_dictionary_find(others, key.bytes, key.length);
    return number >= 0 ? -1 - number : -1 - others->n;
}

/* Items the model does not know cannot be ranked, and users who are not in the test are of no interest. */
static void read_negative(void *context, TupleTableSlot *slot)
{
    negatives_reader *r = context;
    int32 user, item;

    if (slot->tts_isnull[0] || slot->tts_isnull[1])
        return;
    user = number_of_user(r, slot->tts_values[0]);
    item = ltpg_model_item(r->e->model, slot->tts_values[1], r->item_type);
    if (user < -r->unknown || r->row_of[r->unknown + user] < 0 || item < 0)
        return;
    LTPG(r->e->env, lt_grow(r->e->env, &r->row, &r->cap_row, r->n + 1, sizeof *r->row, "the negatives"));
    LTPG(r->e->env, lt_grow(r->e->env, &r->item, &r->cap_item, r->n + 1, sizeof *r->item, "the negatives"));
    r->row[r->n] = r->row_of[r->unknown + user];
    r->item[r->n++] = item;
}

static const char *user_text(const evaluation *e, int32 user)
{
    int64_t length;
    const char *bytes = user >= 0 ? lt_dictionary_key(&e->model->bundle.users, user, &length)
                                  : lt_dictionary_key(&e->data.unknown_users, -1 - user, &length);

    return ltpg_key_text(e->model->bundle.user_id, bytes, length);
}

/* Each row's candidates: its known test items and its negatives. */
static lt_pairs gather_candidates(const negatives_reader *r, const lt_test *test)
{
    const lt_pairs *relevant = &test->relevant;
    lt_pairs out = {.rows = relevant->rows, .cols = relevant->cols};
    size_t total = r->n + (size_t)relevant->start[relevant->rows];
    int64_t *at, kept = 0;

    LTPG(r->e->env, lt_alloc(r->e->env, &out.start, (size_t)out.rows + 1, sizeof *out.start, "the negatives"));
    LTPG(r->e->env, lt_alloc(r->e->env, &at, (size_t)out.rows + 1, sizeof *at, "the negatives"));
    LTPG(r->e->env, lt_alloc(r->e->env, &out.col, total, sizeof *out.col, "the negatives"));
    for (size_t i = 0; i < r->n; i++)
        at[r->row[i] + 1]++;
    for (int32 row = 0; row < out.rows; row++) {
        if (at[row + 1] == 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("user %s of the test has no negatives", user_text(r->e, test->user[row])),
                            errdetail("A ranking without negatives is always right."),
                            errhint("Give them, or leave the user out of the test.")));
        at[row + 1] += at[row] + relevant->start[row + 1] - relevant->start[row];
    }
    for (int32 row = 0; row < out.rows; row++) {
        out.start[row] = at[row];
        for (int64 j = relevant->start[row]; j < relevant->start[row + 1]; j++)
            if (relevant->col[j] >= 0)
                out.col[at[row]++] = relevant->col[j];
    }
    for (size_t i = 0; i < r->n; i++)
        out.col[at[r->row[i]]++] = r->item[i];
    for (int32 row = 0; row < out.rows; row++) {
        int64 from = out.start[row], n = ltpg_unique_items(out.col + from, at[row] - from);

        CHECK_FOR_INTERRUPTS();
        memmove(out.col + kept, out.col + from, (Size)n * sizeof *out.col);
        out.start[row] = kept;
        kept += n;
    }
    out.start[out.rows] = kept;
    return out;
}

static lt_pairs read_negatives(const evaluation *e, const lt_test *test, const char *name)
{
    const ltpg_definition *d = e->model->definition;
    Oid relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));
    negatives_reader r = {.e = e, .unknown = e->data.unknown_users.n};
    int32 numbers = r.unknown + e->model->bundle.users.n;
    int32 *row_of = palloc_extended((Size)Max(numbers, 1) * sizeof *row_of, MCXT_ALLOC_HUGE);

    for (int32 i = 0; i < numbers; i++)
        row_of[i] = -1;
    for (int32 row = 0; row < test->relevant.rows; row++)
        row_of[r.unknown + test->user[row]] = row;
    r.row_of = row_of;
    ltpg_column_find(relation, d->user_column, "user_column", &r.user_type);
    ltpg_column_find(relation, d->item_column, "item_column", &r.item_type);
    ltpg_scan(psprintf("SELECT %s, %s FROM %s", quote_identifier(d->user_column), quote_identifier(d->item_column),
                       ltpg_relation_name(relation, "negatives")),
              read_negative, &r);
    return gather_candidates(&r, test);
}

/* What the options say each user's test items are ranked among; false: the whole catalogue. */
static bool take_candidates(const evaluation *e, const lt_test *test, lt_pairs *out)
{
    const char *name = lt_option_text(&e->options, "negatives");
    int64 sampled = lt_option_int(&e->options, "sampled_negatives");

    if (name[0] != '\0' && sampled > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options \"negatives\" and \"sampled_negatives\" exclude each other")));
    if (name[0] != '\0')
        *out = read_negatives(e, test, name);
    else if (sampled > 0)
        LTPG(e->env, lt_sample_candidates(e->env, test, sampled, (uint64)lt_option_int(&e->options, "seed"), out));
    return name[0] != '\0' || sampled > 0;
}

/* ---- the figures of rankings ---- */

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

static void evaluate_rankings(FunctionCallInfo fcinfo, const evaluation *e)
{
    lt_recommender *r = &e->model->recommender;
    lt_request how = {.adjust = r->own,
                      .stages = e->method.stages,
                      .n_stages = e->method.n_stages,
                      .seed = (uint64)lt_option_int(&e->options, "seed")};
    lt_ranking_metrics metrics;
    lt_pairs seen = ltpg_model_seen(e->env, e->model), candidates;
    lt_test test;
    int *k;
    int n_k = cutoffs(fcinfo, 2, &k);

    if (lt_option_value(&e->options, "popularity_exponent")->given)
        how.adjust.popularity = lt_option_float(&e->options, "popularity_exponent");
    if (lt_option_value(&e->options, "trend_exponent")->given)
        how.adjust.trend = lt_option_float(&e->options, "trend_exponent");
    how.adjust.prepared = NULL;
    LTPG(e->env, lt_adjustment_prepare(e->env, r, &how.adjust));
    make_test(e, &seen, &test);
    find_strangers(e, &test);
    test.hidden = e->model->bundle.hidden;
    if (take_candidates(e, &test, &candidates))
        test.candidates = &candidates;
    LTPG(e->env, lt_ranking_init(e->env, &metrics, k, n_k, &r->popularity));
    LTPG(e->env, lt_ranking_go_deep(e->env, &metrics, NULL));
    LTPG(e->env, lt_evaluate_ranking(e->env, r, &test, &how, &metrics));
    for (int j = 0; j < n_k; j++)
        for (int m = 0; m < LT_MEASURES; m++) {
            double figure;
            int64_t n;

            if (m == LT_RANK_AUC || m == LT_REO || m == LT_RSP)
                continue;
            LTPG(e->env, lt_ranking_value(e->env, &metrics, m, j, &figure, &n));
            put(e, lt_measure_names[m], k[j], figure, n);
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
    const ltpg_method_arguments arguments = {.method = 3,
                                             .strength = 4,
                                             .options = 5,
                                             .own = evaluate_options,
                                             .n_own = lengthof(evaluate_options),
                                             .many = true};
    const lt_algorithm *algorithm;
    lt_options reading_options;
    ltpg_reading reading;
    const char *name;
    int version;

    for (int i = 0; i < 6; i++)
        if (PG_ARGISNULL(i) && i != 3 && i != 4)
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("model, test, k and options must not be NULL")));
    name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    version = (int)ltpg_options_number(PG_GETARG_JSONB_P(5), "version", 0);
    e.model = version == 0 ? ltpg_model_open(fcinfo, name) : ltpg_model_load(name, version);
    e.method = ltpg_method_read(fcinfo, e.env, e.model, &arguments);
    e.options = e.method.options;
    LTPG(e.env, lt_options_init(e.env, &reading_options, NULL, 0));
    LTPG(e.env, lt_options_set_text(e.env, &reading_options, "split", "none"));
    LTPG(e.env, lt_options_set_text(e.env, &reading_options, "duplicates", "keep"));
    InitMaterializedSRF(fcinfo, 0);
    ltpg_read_frozen(e.env, e.model->definition, PG_GETARG_OID(1), &reading_options, &e.model->bundle, e.model->env,
                     &e.data, &reading);
    algorithm = e.model->bundle.model.algorithm;
    if (!algorithm->ranks_only)
        check_labels(&e);
    if (lt_bundle_is_recommender(&e.model->bundle))
        evaluate_rankings(fcinfo, &e);
    if (e.data.label_kind != LT_LABEL_IMPLICIT && !algorithm->ranks_only)
        evaluate_predictions(&e);
    return (Datum)0;
}
