/*
 * test_validate.c: validation figures by formula, after each epoch as well, and of users and items that are unknown.
 */
#include "recommend_data.h"

/* ---- the figures ---- */

/* The metric by its textbook formula over the validation part. */
static double naive_metric(const char *metric, const double *p, const lt_examples *ex)
{
    double sum = 0, total = 0, pairs = 0;

    for (int64_t i = 0; i < ex->n; i++) {
        double w = ex->weight ? ex->weight[i] : 1, y = ex->label[i];

        if (strcmp(metric, "log_loss") == 0)
            sum -= w * log(y > 0 ? p[i] : 1 - p[i]);
        else if (strcmp(metric, "rmse") == 0)
            sum += w * (y - p[i]) * (y - p[i]);
        else if (strcmp(metric, "mae") == 0)
            sum += w * fabs(y - p[i]);
        else if (strcmp(metric, "poisson_deviance") == 0)
            sum += 2 * w * ((y > 0 ? y * log(y / p[i]) : 0) - y + p[i]);
        total += w;
        for (int64_t j = 0; j < ex->n; j++)
            if (strcmp(metric, "auc") == 0 && y > 0 && ex->label[j] <= 0) {
                double both = w * (ex->weight ? ex->weight[j] : 1);

                sum += both * (p[i] > p[j] ? 1 : p[i] == p[j] ? 0.5 : 0);
                pairs += both;
            }
    }
    if (strcmp(metric, "auc") == 0)
        return sum / pairs;
    return strcmp(metric, "rmse") == 0 ? sqrt(sum / total) : sum / total;
}

static double validated(lt_env *env, const trained *t, const lt_dataset *data, const char *wanted, const char **metric)
{
    double value = -1;

    *metric = wanted;
    fine(env, lt_validate(env, &t->r, data, &t->options, metric, &value));
    return value;
}

static void pointwise_case(const lt_algorithm *algorithm, int what, double scale, const char *const *options,
                           const char *by_default, const char *const *metrics)
{
    lt_env *env = test_env();
    event *v = random_events(env, 200, 20, 20, 4);
    lt_inputs in;
    float *margin;
    double *p;
    const char *metric;
    trained *t;

    for (int i = 0; i < 200; i++)
        v[i].label = scale == 1 ? v[i].label : floor(scale * v[i].label + v[i].price / 2.0);
    t = train_on(env, algorithm, what, v, 200, options);
    in = lt_dataset_inputs(&t->data);
    ok(t->data.validation.n > 10, "%d rows to validate on", (int)t->data.validation.n);
    lt_alloc(env, &margin, (size_t)t->data.validation.n, sizeof *margin, "test");
    lt_alloc(env, &p, (size_t)t->data.validation.n, sizeof *p, "test");
    fine(env, algorithm->predict(env, &t->bundle.model, &in, &t->data.validation, margin));
    for (int64_t i = 0; i < t->data.validation.n; i++)
        p[i] = lt_link_apply(t->bundle.model.link, margin[i]);
    for (; *metrics != NULL; metrics++)
        near(validated(env, t, &t->data, *metrics, &metric), naive_metric(*metrics, p, &t->data.validation), 1e-10,
             "%s of %s%s", *metrics, algorithm->name, what & WEIGHT ? ", weighted" : "");
    near(validated(env, t, &t->data, NULL, &metric), naive_metric(by_default, p, &t->data.validation), 1e-10, "auto");
    ok(strcmp(metric, by_default) == 0, "is %s", by_default);
    if (!(what & PAIRS)) {
        metric = "ndcg";
        ok(lt_validate(env, &t->r, &t->data, &t->options, &metric, p) == LT_INVALID && env->error.hint[0] != '\0', "%s",
           env->error.message);
    }
    t->data.validation.n = 0;
    ok(isnan(validated(env, t, &t->data, NULL, &metric)), "no rows, no figure");
    test_env_drop(env);
}

static void test_pointwise(void)
{
    static const char *const classes[] = {"log_loss", "auc", "rmse", "mae", NULL},
                             *const numbers[] = {"rmse", "mae", NULL},
                             *const counts[] = {"poisson_deviance", "rmse", "mae", NULL};

    pointwise_case(&lt_logistic, LABEL | ROWS, 1, OPTIONS("validation_fraction", "0.3"), "log_loss", classes);
    pointwise_case(&lt_logistic, LABEL | ROWS | WEIGHT, 1, OPTIONS("validation_fraction", "0.3"), "log_loss", classes);
    pointwise_case(&lt_logistic, LABEL | PAIRS | SIDES | ROWS | WEIGHT, 1, OPTIONS("validation_fraction", "0.3"),
                   "log_loss", classes);
    pointwise_case(&lt_mlp, LABEL | ROWS, 2, OPTIONS("hidden", "3", "epochs", "3", "validation_fraction", "0.3"),
                   "rmse", numbers);
    pointwise_case(&lt_mlp, LABEL | ROWS | WEIGHT, 2,
                   OPTIONS("hidden", "3", "epochs", "3", "validation_fraction", "0.3"), "rmse", numbers);
    pointwise_case(&lt_mlp, LABEL | ROWS | WEIGHT, 2,
                   OPTIONS("hidden", "3", "epochs", "3", "loss", "poisson", "validation_fraction", "0.3"),
                   "poisson_deviance", counts);
    pointwise_case(&lt_logistic, LABEL | ROWS, 1, OPTIONS("validation_fraction", "0.3", "validation_metric", "auc"),
                   "auc", classes);
    ok(lt_metric_higher_is_better("ndcg") && lt_metric_higher_is_better("recall") &&
           lt_metric_higher_is_better("auc") && !lt_metric_higher_is_better("log_loss") &&
           !lt_metric_higher_is_better("rmse") && !lt_metric_higher_is_better("mae") &&
           !lt_metric_higher_is_better("poisson_deviance"),
       "which way is better");
}

/* ndcg and recall at 10 of the held-out pairs, by ranking users one by one; only the `most` rows of the lowest lots. */
static void naive_ranking(lt_env *env, const trained *t, int32_t most, double *ndcg, double *recall)
{
    const lt_examples *ex = &t->data.validation;
    int32_t rows = 0, *first, kept;

    *ndcg = *recall = 0;
    lt_alloc(env, &first, (size_t)ex->n + 1, sizeof *first, "test");
    for (int32_t i = 0; i < ex->n; i++)
        if (i == 0 || ex->user[i] != ex->user[i - 1])
            first[rows++] = i;
    first[rows] = (int32_t)ex->n;
    kept = rows < most ? rows : most;
    for (int32_t row = 0; row < rows; row++) {
        int32_t u = ex->user[first[row]], lower = 0;
        const lt_pairs *seen = &t->data.seen;
        lt_request q = {.subject.user = u, .k = 10};
        uint8_t *excluded;
        double hits = 0, dcg = 0, ideal = 0, n = first[row + 1] - first[row];
        lt_list list;

        for (int32_t other = 0; other < rows; other++)
            lower += t->data.validation_lot[first[other]] <= t->data.validation_lot[first[row]];
        if (lower > most)
            continue;
        lt_alloc(env, &excluded, (size_t)t->bundle.items.n, 1, "test");
        for (int64_t i = seen->start[u]; i < seen->start[u + 1]; i++)
            excluded[seen->col[i]] = 1;
        q.excluded = excluded;
        lt_recommend(env, &t->r, &q, &list);
        for (int i = 0; i < list.n; i++)
            if (has(ex->item + first[row], first[row + 1] - first[row], list.item[i])) {
                hits++;
                dcg += 1 / log2(i + 2);
            }
        for (int i = 0; i < n && i < 10; i++)
            ideal += 1 / log2(i + 2);
        *ndcg += dcg / ideal / kept;
        *recall += hits / n / kept;
    }
}

static void test_ranking(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, 60, 40, 4);
    const char *const *options = OPTIONS("validation_fraction", "0.3", "epochs", "10");
    trained *t = train_on(env, &lt_logistic, PAIRS, v, 700, options);
    double ndcg, recall;
    const char *metric;

    naive_ranking(env, t, 2000, &ndcg, &recall);
    near(validated(env, t, &t->data, NULL, &metric), ndcg, 1e-12, "implicit feedback: ndcg of the held-out pairs");
    ok(strcmp(metric, "ndcg") == 0 && ndcg > 0, "is what auto says");
    near(validated(env, t, &t->data, "recall", &metric), recall, 1e-12, "recall");
    ok(validated(env, t, &t->data, "auc", &metric) > 0.5, "auc against sampled negatives");
    near(validated(env, t, &t->data, "auc", &metric), validated(env, t, &t->data, "auc", &metric), 0,
         "which are the same every time");
    test_env_drop(env);
}

/* ---- after each epoch ---- */

/* What was logged, and what the last measuring left behind. */
static struct {
    int n;
    double metric[300];
} curve;
static int measured;
static long kept_bytes;
static size_t used_before[2]; /* the second time and the last */

static void log_metric(void *context, const lt_epoch *epoch)
{
    (void)context;
    if (curve.n < 300)
        curve.metric[curve.n++] = epoch->validation_metric;
}

static long blocks_of(const lt_env *env)
{
    long n = 0;

    for (const test_block *b = ((const test_context *)env->context)->blocks; b != NULL; b = b->next)
        n++;
    return n;
}

/* lt_measure_epoch in an environment of tap.h's, or in a scope of it. */
static lt_status measure_and_count(lt_env *env, void *context, const lt_model *model, double *value)
{
    size_t used = env->used;
    lt_status status = lt_measure_epoch(env, context, model, value);

    measured++;
    used_before[measured > 2] = used;
    kept_bytes += (long)(env->used - used);
    return status;
}

/* Trained for 1, 2, ... epochs, measuring nothing: the figure at the end is the curve's after that many. */
static void curve_case(const lt_algorithm *algorithm, int what, const char *metric, const char *const *list)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, 30, 20, 4);
    lt_measuring context;
    const char *used_metric;
    double value, worst = 0;
    int epochs;
    trained t = {.options = options_of(env, algorithm, list)};
    lt_fit fit;

    fine(env, lt_options_set_text(env, &t.options, "validation_metric", metric));
    t.data = build(env, &t.bundle, false, what, v, 300, &t.options).data;
    context = (lt_measuring){&t.bundle, &t.data, &t.options};
    t.data.measure = measure_and_count;
    t.data.measure_context = &context;
    env->log = log_metric;
    curve.n = measured = 0;
    kept_bytes = 0;
    fine(env, algorithm->train(env, &t.data, &t.options, &(lt_model){.algorithm = algorithm}, &fit));
    epochs = curve.n;
    ok(epochs == fit.epochs && epochs >= 3 && measured == epochs && kept_bytes == 0,
       "%s, %s: measured after each of %d epochs, keeping nothing", algorithm->name, metric, epochs);
    if (what & LABEL)
        ok(used_before[0] == used_before[1], "nor does the trainer for it");
    t.data.measure = NULL;
    for (int k = 1; k <= epochs && k <= 5; k++) {
        fine(env, lt_options_set_number(env, &t.options, "epochs", k));
        t.bundle.model = (lt_model){.algorithm = algorithm};
        fine(env, algorithm->train(env, &t.data, &t.options, &t.bundle.model, &fit));
        ok(isnan(curve.metric[epochs + k * (k + 1) / 2 - 1]), "not measured unless asked");
        fine(env, lt_recommender_init(env, &t.r, &t.bundle));
        used_metric = NULL;
        fine(env, lt_validate(env, &t.r, &t.data, &t.options, &used_metric, &value));
        if (!(fabs(value - curve.metric[k - 1]) <= worst))
            worst = fabs(value - curve.metric[k - 1]);
    }
    near(worst, 0, 1e-12, "as if training had ended there");
    test_env_drop(env);
}

static void test_curve(void)
{
    static const char *const metrics[] = {"log_loss", "auc", "rmse", "ndcg", "recall"};
    const char *const *newton = OPTIONS("validation_fraction", "0.3", "solver", "newton", "tolerance", "1e-10"),
                      *const *lbfgs = OPTIONS("validation_fraction", "0.3", "solver", "lbfgs", "epochs", "5"),
                      *const *mlp = OPTIONS("validation_fraction", "0.3", "epochs", "4", "early_stopping", "0"),
                      *const *norm = OPTIONS("validation_fraction", "0.3", "epochs", "3", "batch_norm", "true",
                                             "hidden", "5", "early_stopping", "0");

    for (int i = 0; i < 5; i++) {
        int what = i < 3 ? LABEL | ROWS : PAIRS | SIDES;

        curve_case(&lt_logistic, what, metrics[i], newton);
        curve_case(&lt_logistic, what, metrics[i], lbfgs);
        curve_case(&lt_mlp, what, metrics[i], mlp);
        curve_case(&lt_mlp, what, metrics[i], norm);
    }
    curve_case(&lt_mlp, LABEL | PAIRS, "auc", mlp);
    curve_case(&lt_logistic, PAIRS, "auc", lbfgs);
}

/* Beside many cheap iterations only some are measured, the last always. */
static void test_sparse_curve(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, 30, 20, 4);
    trained *t =
        train_on(env, &lt_logistic, PAIRS | SIDES, v, 300,
                 OPTIONS("validation_fraction", "0.3", "solver", "lbfgs", "epochs", "57", "tolerance", "1e-12"));
    lt_measuring context = {&t->bundle, &t->data, &t->options};
    test_context *c = env->context;
    lt_model model = {.algorithm = &lt_logistic};
    const char *metric = NULL;
    double value;
    int wrong = 0;
    long blocks;
    size_t used;
    lt_fit fit;

    t->data.measure = lt_measure_epoch;
    t->data.measure_context = &context;
    env->log = log_metric;
    curve.n = 0;
    fine(env, lt_logistic.train(env, &t->data, &t->options, &model, &fit));
    ok(curve.n == fit.epochs && curve.n > 12 && curve.n < 300 && curve.n % 10 != 0, "%d iterations", curve.n);
    for (int k = 1; k <= curve.n; k++)
        wrong += isnan(curve.metric[k - 1]) != (k > 5 && k % 10 != 0 && k < curve.n);
    ok(wrong == 0, "the first five, each tenth and the last are measured");
    near(curve.metric[curve.n - 1], validated(env, t, &t->data, NULL, &metric), 1e-12, "the last is the version's");

    used = env->used;
    blocks = blocks_of(env);
    fine(env, lt_measure_epoch(env, &context, &model, &value));
    ok(env->used == used && blocks_of(env) == blocks, "nothing is kept");
    c->polls = 0;
    c->cancel_at = 3;
    ok(lt_measure_epoch(env, &context, &model, &value) == LT_CANCELLED && env->error.status == LT_CANCELLED &&
           env->used == used && blocks_of(env) == blocks,
       "cancelled, nothing is kept");
    c->cancel_at = 0;
    env->budget = env->used + 2000;
    fine(env, lt_measure_epoch(env, &context, &model, &value));
    ok(isnan(value) && env->used == used && blocks_of(env) == blocks, "no figure when memory does not suffice");
    env->budget = 0;
    t->data.validation.n = 0;
    curve.n = 0;
    model = (lt_model){.algorithm = &lt_logistic};
    fine(env, lt_logistic.train(env, &t->data, &t->options, &model, &fit));
    ok(curve.n == fit.epochs && isnan(curve.metric[0]) && isnan(curve.metric[curve.n - 1]),
       "no validation part: not measured");
    test_env_drop(env);
}

/* Beyond 2000 users, those of the lowest lots are ranked with all that is theirs. */
static void test_thin(void)
{
    enum { USERS = 3100, PER_USER = 3 };
    lt_env *env = test_env();
    lt_random r;
    event *v;
    trained *t;
    double ndcg, recall, value;
    const char *metric;

    lt_random_seed(&r, 6);
    lt_alloc(env, &v, USERS * PER_USER, sizeof *v, "test");
    for (int i = 0; i < USERS * PER_USER; i++)
        v[i] = (event){
            .user = i / PER_USER, .item = (i % PER_USER) * 10 + (int)lt_random_below(&r, 10), .time = i % PER_USER};
    t = train_on(env, &lt_logistic, PAIRS | TIME, v, USERS * PER_USER,
                 OPTIONS("validation_fraction", "0.6", "epochs", "3"));
    ok(t->data.validation.n == 2 * USERS, "%d users have two rows each", USERS);
    naive_ranking(env, t, 2000, &ndcg, &recall);
    near(validated(env, t, &t->data, "recall", &metric), recall, 1e-12, "2000 of them are ranked: recall");
    near(validated(env, t, &t->data, "ndcg", &metric), ndcg, 1e-12, "ndcg");
    naive_ranking(env, t, 300, &ndcg, &recall);
    fine(env, lt_measure_epoch(env, &(lt_measuring){&t->bundle, &t->data, &t->options}, &t->bundle.model, &value));
    near(value, ndcg, 1e-12, "300 of them after an epoch");
    test_env_drop(env);
}

/* A version that knows less is measured on the same test. */
static void test_unknown(void)
{
    static const event old[] = {{.user = 1, .item = 1},
                                {.user = 1, .item = 2},
                                {.user = 2, .item = 2},
                                {.user = 2, .item = 3},
                                {.user = 3, .item = 1}};
    static const event rows[] = {
        {.user = 1, .item = 2, .time = 1},  {.user = 8, .item = 2, .time = 1},  {.user = 9, .item = 1, .time = 1},
        {.user = 9, .item = 77, .time = 1}, {.user = 2, .item = 1, .time = 1},  {.user = 3, .item = 3, .time = 1},
        {.user = 1, .item = 1, .time = 2},  /* found: the catalogue is three items */
        {.user = 1, .item = 2, .time = 2},  /* was in training */
        {.user = 1, .item = 99, .time = 2}, /* unknown: cannot be found */
        {.user = 8, .item = 1, .time = 2},  /* an unknown user gets what is popular */
        {.user = 8, .item = 2, .time = 2},  /* in training as well, although unknown */
        {.user = 9, .item = 99, .time = 2}, {.user = 9, .item = 77, .time = 2},
    };
    lt_env *env = test_env();
    trained *t = train_on(env, &lt_logistic, PAIRS, old, 5, OPTIONS("split", "none", "epochs", "3"));
    lt_options by_time = options_of(env, &lt_logistic, OPTIONS("split", "time", "validation_fraction", "0.5"));
    built frozen = build(env, &t->bundle, true, PAIRS | TIME, rows, 13, &by_time);
    lt_bundle fresh;
    built fitted = build(env, &fresh, false, PAIRS | TIME, rows, 13, &by_time);
    const char *metric;
    int same = 0;

    ok(frozen.status == LT_OK && frozen.data.validation.n == 7, "seven rows held out of one's own test");
    near(validated(env, t, &frozen.data, "recall", &metric), (0.5 + 1 + 0) / 3, 1e-12,
         "unknown users and items count: halves, all and nothing");
    for (int64_t i = 0; i < 7; i++)
        for (int64_t j = 0; j < 7; j++)
            same += frozen.data.validation_lot[i] == fitted.data.validation_lot[j];
    ok(same == 3 * 3 + 2 * 2 + 2 * 2, "a user's lot is the same where the user is known and where not");
    test_env_drop(env);
}

int main(void)
{
    test_pointwise();
    test_ranking();
    test_thin();
    test_curve();
    test_sparse_curve();
    test_unknown();
    return done();
}
