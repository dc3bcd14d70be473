/*
 * evaluate_test.c: a version and a test relation made ready to be measured.
 *
 * Recommenders are measured as rankings of the whole catalogue: for each user of the test the items they had in
 * training are left out, test pairs that were in training are dropped, and users without a pair left are not counted.
 * Users the model does not know are served as recommend serves them: by their live features, or else by what is
 * popular.  Options say what published protocols do otherwise.
 */
#include "evaluate.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "ids.h"

const lt_option ltpg_evaluate_options[] = {
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
    {"user_attribute", LT_OPT_TEXT, "", 0, 0, NULL,
     "a column of users, such as their country: ndcg and recall of each of its values, and how far they are apart"},
    {"user_attributes", LT_OPT_TEXT, "", 0, 0, NULL, "the relation that has it; not given: the model's user_features"},
};
const int ltpg_evaluate_options_count = lengthof(ltpg_evaluate_options);
const ltpg_method_arguments ltpg_evaluate_arguments = {.method = 3,
                                                       .strength = 4,
                                                       .options = 5,
                                                       .own = ltpg_evaluate_options,
                                                       .n_own = lengthof(ltpg_evaluate_options),
                                                       .many = true,
                                                       .measures_attribute = true};

/* ---- the test ---- */

/* Whether a pair of the test is left out, whatever else there is of its user. */
static bool is_dropped(const ltpg_evaluation *e, const lt_pairs *seen, const lt_test *test, int32 user, int32 item)
{
    const uint8 *hidden = e->model->bundle.hidden;

    if (lt_option_is(&e->options, "users", "known") && (user < 0 || seen->start[user + 1] == seen->start[user]))
        return true;
    if (item < 0 || (hidden != NULL && hidden[item])) /* of another domain alone: not in the catalogue */
        return lt_option_is(&e->options, "unknown_items", "drop");
    return user >= 0 && !test->ranks_seen && lt_pairs_has(seen, user, item);
}

/* Rows of the test by user: pairs sorted by (user, item), each once, positive, not in training. */
static void make_test(const ltpg_evaluation *e, const lt_pairs *seen, lt_test *test)
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

static void number_rows(ltpg_evaluation *e)
{
    int32 unknown = e->data.unknown_users.n, numbers = unknown + e->model->bundle.users.n;

    e->row_of = palloc_extended((Size)Max(numbers, 1) * sizeof *e->row_of, MCXT_ALLOC_HUGE);
    for (int32 i = 0; i < numbers; i++)
        e->row_of[i] = -1;
    for (int32 row = 0; row < e->test.relevant.rows; row++)
        e->row_of[unknown + e->test.user[row]] = row;
}

/* Features of the test's unknown users, read live as recommend reads them. */
static void find_strangers(const ltpg_evaluation *e, lt_test *test)
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

/* What the options say each user's test items are ranked among; false: the whole catalogue. */
static bool take_candidates(const ltpg_evaluation *e, lt_pairs *out)
{
    const char *name = lt_option_text(&e->options, "negatives");
    int64 sampled = lt_option_int(&e->options, "sampled_negatives");

    if (name[0] != '\0' && sampled > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options \"negatives\" and \"sampled_negatives\" exclude each other")));
    if (name[0] != '\0')
        *out = ltpg_read_negatives(e, name);
    else if (sampled > 0)
        LTPG(e->env, lt_sample_candidates(e->env, &e->test, sampled, (uint64)lt_option_int(&e->options, "seed"), out));
    return name[0] != '\0' || sampled > 0;
}

/* ---- what measures in depth want to know ---- */

/* How alike items are, by option similarity, for diversity; auto: not measured where nothing says it. */
static void find_alike(ltpg_evaluation *e)
{
    const lt_recommender *r = &e->model->recommender;
    static const int32 first = 0;
    lt_table vectors;

    if (r->bundle->items.n == 0)
        return;
    if (strcmp(lt_option_text(&e->options, "similarity"), "auto") == 0 &&
        lt_item_vectors(e->env, r, LT_VECTORS_AUTO, &first, 1, &vectors) != LT_OK) {
        if (e->env->error.status != LT_UNSUPPORTED)
            ltpg_raise(e->env);
        e->env->error.status = LT_OK;
        return;
    }
    e->test.alike_context = ltpg_facts_make(e->model, NULL, &lt_rerank_mmr, &e->options, true);
    e->test.alike = ltpg_facts_fill;
}

static void find_attribute(ltpg_evaluation *e)
{
    ltpg_facts_check(&lt_rerank_calibrated, &e->options);
    if (lt_option_text(&e->options, "attribute")[0] != '\0')
        e->attribute = ltpg_facts_groups(e->env, e->model, &e->options);
}

/* ---- the walk ---- */

void ltpg_evaluation_open(ltpg_evaluation *e, FunctionCallInfo fcinfo, const char *model, const Jsonb *options)
{
    int version = (int)ltpg_options_number(options, "version", 0);

    memset(e, 0, sizeof *e);
    e->env = ltpg_env(CurrentMemoryContext, 0);
    ltpg_env_team(e->env);
    e->model = version == 0 ? ltpg_model_open(fcinfo, model) : ltpg_model_load(model, version);
}

void ltpg_evaluation_open_beside(ltpg_evaluation *e, const ltpg_evaluation *other, const char *model,
                                 const Jsonb *options)
{
    int version = (int)ltpg_options_number(options, "version", 0);
    ltpg_version found;

    memset(e, 0, sizeof *e);
    e->env = ltpg_env(CurrentMemoryContext, 0);
    e->env->team = other->env->team;
    ltpg_catalog_find(model, version == 0 ? LTPG_ACTIVE_VERSION : version, LTPG_USE, false, &found);
    if (found.model_id == other->model->version.model_id && found.version == other->model->version.version)
        e->model = other->model;
    else
        e->model = ltpg_model_load(model, found.version);
}

/* A test without a label column is one of positives, as the views of purchases are. */
static void check_labels(const ltpg_evaluation *e)
{
    const lt_examples *ex = &e->data.train;

    for (int64 i = 0; e->model->bundle.model.link == LT_LINK_LOGISTIC && i < ex->n; i++)
        if (ex->label[i] != 0 && ex->label[i] != 1)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("label %g in the test is neither 0 nor 1", ex->label[i])));
}

void ltpg_read_test(lt_env *env, ltpg_model *model, Oid relation, lt_dataset *data)
{
    lt_options options;
    ltpg_reading reading;

    LTPG(env, lt_options_init(env, &options, NULL, 0));
    LTPG(env, lt_options_set_text(env, &options, "split", "none"));
    LTPG(env, lt_options_set_text(env, &options, "duplicates", "keep"));
    ltpg_read_frozen(env, model->definition, relation, &options, &model->bundle, model->env, data, &reading);
}

void ltpg_evaluation_read(ltpg_evaluation *e, Oid relation, const lt_options *options)
{
    lt_recommender *r = &e->model->recommender;

    e->options = *options;
    ltpg_read_test(e->env, e->model, relation, &e->data);
    if (!e->model->bundle.model.algorithm->ranks_only)
        check_labels(e);
    if (!lt_bundle_is_recommender(&e->model->bundle))
        return;
    e->seen = ltpg_model_seen(e->env, e->model);
    make_test(e, &e->seen, &e->test);
    number_rows(e);
    find_strangers(e, &e->test);
    e->test.hidden = e->model->bundle.hidden;
    if (take_candidates(e, &e->candidates))
        e->test.candidates = &e->candidates;
    e->adjust = r->own;
    if (lt_option_value(&e->options, "popularity_exponent")->given)
        e->adjust.popularity = lt_option_float(&e->options, "popularity_exponent");
    if (lt_option_value(&e->options, "trend_exponent")->given)
        e->adjust.trend = lt_option_float(&e->options, "trend_exponent");
    e->adjust.prepared = NULL;
    LTPG(e->env, lt_adjustment_prepare(e->env, r, &e->adjust));
    find_alike(e);
    find_attribute(e);
}

lt_request ltpg_evaluation_request(const ltpg_evaluation *e, const ltpg_method *method)
{
    return (lt_request){.adjust = e->adjust,
                        .stages = method->stages,
                        .n_stages = method->n_stages,
                        .seed = (uint64)lt_option_int(&e->options, "seed")};
}

lt_ranking_metrics ltpg_evaluation_measure(const ltpg_evaluation *e, const ltpg_method *method, const int *k, int n_k,
                                           bool keep)
{
    const lt_recommender *r = &e->model->recommender;
    lt_request how = ltpg_evaluation_request(e, method);
    lt_ranking_metrics m;

    LTPG(e->env, lt_ranking_init(e->env, &m, k, n_k, &r->popularity));
    LTPG(e->env, lt_ranking_go_deep(e->env, &m, e->attribute));
    if (keep)
        LTPG(e->env, lt_ranking_keep(e->env, &m, e->test.relevant.rows));
    LTPG(e->env, lt_evaluate_ranking(e->env, r, &e->test, &how, &m));
    return m;
}

char *ltpg_evaluation_user(const ltpg_evaluation *e, int32 row)
{
    int32 user = e->test.user[row];
    int64_t length;
    const char *bytes = user >= 0 ? lt_dictionary_key(&e->model->bundle.users, user, &length)
                                  : lt_dictionary_key(&e->data.unknown_users, -1 - user, &length);

    return ltpg_key_text(e->model->bundle.user_id, bytes, length);
}

int32 ltpg_evaluation_row(const ltpg_evaluation *e, Datum user, Oid type)
{
    const lt_dictionary *unknown = &e->data.unknown_users;
    ltpg_key key;
    int32 number;

    ltpg_key_make(&key, user, type, e->model->bundle.user_id);
    number = lt_dictionary_find(&e->model->bundle.users, key.bytes, key.length);
    if (number >= 0)
        return e->row_of[unknown->n + number];
    number = lt_dictionary_find(unknown, key.bytes, key.length);
    return number >= 0 ? e->row_of[unknown->n - 1 - number] : -1;
}
