/*
 * test_mlp_score.c: scoring against prediction, explanations, stored models, and models that are not what they should
 * be.
 */
#include "mlp_data.h"

enum { USERS = 12, ITEMS = 25, ROWS = 300 };

static void fill_table(lt_env *env, lt_table *t, int64_t n, int32_t dense, int32_t sparse, lt_random *rng)
{
    *t = (lt_table){.n = n, .dense = dense, .sparse = sparse};
    fine(env, lt_alloc(env, &t->x, (size_t)(n * dense), sizeof(float), "test"));
    fine(env, lt_alloc(env, &t->start, (size_t)n + 1, sizeof *t->start, "test"));
    fine(env, lt_alloc(env, &t->col, (size_t)(n * sparse), sizeof *t->col, "test"));
    fine(env, lt_alloc(env, &t->val, (size_t)(n * sparse), sizeof *t->val, "test"));
    for (int64_t i = 0; i < n * dense; i++)
        t->x[i] = (float)lt_random_normal(rng);
    for (int64_t i = 0; i < n; i++) {
        t->start[i + 1] = t->start[i];
        for (int32_t j = 0; j < sparse; j++)
            if (lt_random_uniform(rng) < 0.5) {
                t->col[t->start[i + 1]] = j;
                t->val[t->start[i + 1]++] = (float)lt_random_uniform(rng) + 0.5f;
            }
    }
}

/* Every group of columns at once: row, user and item features, ids, two crosses; some users and items unknown. The user
 * table has one row more than there are users: the features of a stranger. */
static lt_dataset *full_data(lt_env *env)
{
    lt_dataset *data;
    lt_random rng;

    lt_random_seed(&rng, 21);
    fine(env, lt_alloc(env, &data, 1, sizeof *data, "test"));
    data->label_kind = LT_LABEL_BINARY;
    data->design = (lt_design){.row_dense = 2,
                               .row_sparse = 3,
                               .user_dense = 2,
                               .user_sparse = 4,
                               .item_dense = 3,
                               .item_sparse = 5,
                               .users = USERS,
                               .items = ITEMS,
                               .user_ids = true,
                               .item_ids = true,
                               .n_crosses = 2};
    fine(env, lt_alloc(env, &data->design.cross, 2, sizeof(lt_cross), "test"));
    data->design.cross[0] = (lt_cross){.user_dense_count = 2,
                                       .user_sparse_first = 1,
                                       .user_sparse_count = 2,
                                       .item_dense_first = 1,
                                       .item_dense_count = 2,
                                       .item_sparse_count = 3};
    data->design.cross[1] = (lt_cross){.user_sparse_count = 4, .item_sparse_first = 2, .item_sparse_count = 3};
    fine(env, lt_design_finish(env, &data->design));
    fill_table(env, &data->row, ROWS, 2, 3, &rng);
    fill_table(env, &data->user, USERS + 1, 2, 4, &rng);
    fill_table(env, &data->item, ITEMS, 3, 5, &rng);
    data->train.n = ROWS;
    fine(env, lt_alloc(env, &data->train.user, ROWS, sizeof(int32_t), "test"));
    fine(env, lt_alloc(env, &data->train.item, ROWS, sizeof(int32_t), "test"));
    fine(env, lt_alloc(env, &data->train.label, ROWS, sizeof(float), "test"));
    for (int i = 0; i < ROWS; i++) {
        data->train.user[i] = (int32_t)lt_random_below(&rng, USERS + 1) - 1;
        data->train.item[i] = (int32_t)lt_random_below(&rng, ITEMS + 1) - 1;
        data->train.label[i] = (float)lt_random_below(&rng, 2);
    }
    return data;
}

static lt_model full_model(lt_env *env, const lt_dataset *data, int layers, int factors)
{
    lt_options o = options_new(env);

    hidden(env, &o, layers, 9, 6);
    choose(env, &o, "activation", layers == 2 ? "tanh" : "relu");
    set(env, &o, "embedding", 5);
    set(env, &o, "factors", factors);
    set(env, &o, "learning_rate", 0.02);
    set(env, &o, "batch_size", 32);
    return train(env, data, &o);
}

/* The largest difference of score and predict for one subject over the whole catalogue, in two orders of items. */
static double score_error(lt_env *env, const lt_dataset *data, const lt_model *model, const lt_scorer *scorer,
                          const lt_subject *subject, int32_t row)
{
    lt_inputs in = lt_dataset_inputs(data);
    int32_t rows[ITEMS + 1], users[ITEMS + 1], items[ITEMS + 1];
    lt_examples ex = {.n = ITEMS + 1, .row = rows, .user = users, .item = items};
    float want[ITEMS + 1], got[ITEMS + 1];
    double worst = 0;

    in.stranger = subject->features;
    for (int32_t i = 0; i <= ITEMS; i++) {
        rows[i] = row;
        users[i] = subject->user;
        items[i] = i < ITEMS ? (i * 7) % ITEMS : -1;
    }
    if (lt_mlp.predict(env, model, &in, &ex, want) != LT_OK ||
        lt_mlp.score(env, scorer, subject, items, ITEMS + 1, got) != LT_OK)
        return INFINITY;
    for (int32_t i = 0; i <= ITEMS; i++)
        worst = fmax(worst, fabs(want[i] - got[i]));
    if (lt_mlp.score(env, scorer, subject, NULL, ITEMS, got) != LT_OK)
        return INFINITY;
    for (int32_t i = 0; i < ITEMS; i++)
        worst = fmax(worst, fabs(want[i] - got[items[i]]));
    return worst;
}

static void test_score(lt_env *env, const lt_dataset *data, int layers, int factors)
{
    lt_model model = full_model(env, data, layers, factors);
    lt_scorer scorer = {.model = &model, .user = &data->user, .item = &data->item};
    lt_table context = {.n = 1, .dense = 2, .sparse = 3}, features = {.n = 1, .dense = 2, .sparse = 4};
    lt_subject known = {.user = 3}, cold = {.user = -1}, fresh = {.user = -1, .features = &features};
    double worst = 0;

    fine(env, lt_mlp.prepare(env, &scorer));
    context.x = data->row.x + 2 * 5;
    context.start = data->row.start + 5; /* offsets into the whole table's entries */
    context.col = data->row.col;
    context.val = data->row.val;
    for (int32_t u = 0; u < USERS; u++) {
        known = (lt_subject){.user = u, .row = &context};
        worst = fmax(worst, score_error(env, data, &model, &scorer, &known, 5));
    }
    ok(worst < 1e-5, "%d hidden layers, %d factors: known users' scores are their predictions (worst %g)", layers,
       factors, worst);
    cold.row = &context;
    worst = score_error(env, data, &model, &scorer, &cold, 5);
    ok(worst < 1e-5, "an unknown user's as well (%g)", worst);
    features.x = data->user.x + 2 * USERS;
    features.start = data->user.start + USERS;
    features.col = data->user.col;
    features.val = data->user.val;
    fresh.row = &context;
    worst = score_error(env, data, &model, &scorer, &fresh, 5);
    ok(worst < 1e-5, "and one's known by features alone (%g)", worst);
}

/* ---- explanations ---- */

static void test_explain(lt_env *env, const lt_dataset *data, int layers, int factors)
{
    lt_model model = full_model(env, data, layers, factors);
    lt_inputs in = lt_dataset_inputs(data);
    int32_t columns = 1 + data->design.dense + data->design.sparse;
    double *c, worst = 0, ids = 0;
    lt_batch batch = {0};
    bool absent = true;

    fine(env, lt_alloc(env, &c, (size_t)columns + 2, sizeof *c, "test"));
    for (int32_t i = 0; i < 40; i++) {
        lt_examples one = {.n = 1, .row = &i, .user = data->train.user + i, .item = data->train.item + i};
        float margin;
        double sum = 0;

        if (lt_mlp.predict(env, &model, &in, &one, &margin) != LT_OK ||
            lt_mlp.explain(env, &model, &in, &one, c) != LT_OK ||
            lt_gather(env, &in, &one, NULL, 0, 1, &batch) != LT_OK)
            abort();
        for (int32_t j = 0; j < columns + 2; j++)
            sum += c[j];
        worst = fmax(worst, fabs(sum - margin));
        for (int64_t k = 0; k < batch.start[1]; k++)
            c[1 + data->design.dense + batch.col[k]] = 0;
        for (int32_t j = 1 + data->design.dense; j < columns; j++)
            absent = absent && c[j] == 0;
        ids = fmax(ids, fabs(c[columns]) + fabs(c[columns + 1]));
        absent = absent && (*one.user >= 0 || c[columns] == 0) && (*one.item >= 0 || c[columns + 1] == 0);
    }
    ok(worst < 1e-9, "%d hidden layers, %d factors: contributions add up to the margin (worst %g)", layers, factors,
       worst);
    ok(absent, "columns an example does not have contribute nothing");
    ok(ids > 0.01, "embeddings have entries of their own");
}

/* Against the definition: x_j times the mean over the line of the derivative, from differences of predict. */
static void test_path(lt_env *env)
{
    enum { D = 3, POINTS = 400 };
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 500, 0, D, 31);
    lt_options o = options_new(env);
    lt_inputs in = lt_dataset_inputs(data);
    lt_examples one = {.n = 1}, probes = {.n = 2 * POINTS};
    lt_table points = {.n = 2 * POINTS, .dense = D};
    lt_model model;
    double c[1 + D + 2];

    for (int64_t i = 0; i < 500; i++) {
        const float *x = data->row.x + D * i;

        data->train.label[i] = x[0] * x[1] + tanhf(2 * x[2]);
    }
    hidden(env, &o, 2, 12, 8);
    choose(env, &o, "activation", "gelu");
    set(env, &o, "learning_rate", 0.01);
    model = train(env, data, &o);
    fine(env, lt_mlp.explain(env, &model, &in, &one, c));
    fine(env, lt_alloc(env, &points.x, 2 * POINTS * D, sizeof(float), "test"));
    for (int j = 0; j < D; j++) {
        lt_inputs line = {.design = &data->design, .row = &points, .user = &data->user, .item = &data->item};
        const double step = 0.02;
        float margin[2 * POINTS];
        double mean = 0;

        for (int p = 0; p < 2 * POINTS; p++)
            for (int k = 0; k < D; k++)
                points.x[p * D + k] =
                    (float)((p / 2 + 0.5) / POINTS * data->row.x[k] + (k == j ? (p % 2 == 0 ? step : -step) : 0));
        fine(env, lt_mlp.predict(env, &model, &line, &probes, margin));
        for (int p = 0; p < POINTS; p++)
            mean += ((double)margin[2 * p] - margin[2 * p + 1]) / (2 * step) / POINTS;
        near(c[1 + j], data->row.x[j] * mean, 2e-4, "column %d: the integral along the line", j);
    }
}

static void test_linear(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 100, 0, 2, 32);
    lt_options o = options_new(env);
    lt_inputs in = lt_dataset_inputs(data);
    lt_examples one = {.n = 1, .row_first = 7};
    lt_model model;
    double c[5];

    for (int64_t i = 0; i < 100; i++)
        data->train.label[i] = data->row.x[2 * i] > 0;
    hidden(env, &o, 0, 0, 0);
    model = train(env, data, &o);
    fine(env, lt_mlp.explain(env, &model, &in, &one, c));
    near(c[0], lt_model_array(&model, "b0")->f[0], 1e-6, "without hidden layers the baseline is the intercept");
    near(c[2], (double)lt_model_array(&model, "W0_dense")->f[1] * data->row.x[2 * 7 + 1], 1e-6,
         "and a contribution is coefficient times value");
}

/* Products alone: half of the branch is the user's, half the item's. */
static void test_products(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 200, 0, 0, 34);
    lt_options o = options_new(env);
    lt_inputs in = lt_dataset_inputs(data);
    int32_t user[200], item[200];
    lt_examples one = {.n = 1, .user = user, .item = item};
    lt_model model;
    const float *p, *q, *w;
    double c[3], product = 0;

    data->design.users = 10;
    data->design.items = 7;
    data->train.user = user;
    data->train.item = item;
    for (int i = 0; i < 200; i++) {
        user[i] = i % 10;
        item[i] = i % 7;
        data->train.label[i] = (user[i] + item[i]) % 2;
    }
    hidden(env, &o, 0, 0, 0);
    set(env, &o, "embedding", 0);
    set(env, &o, "factors", 2);
    set(env, &o, "learning_rate", 0.05);
    set(env, &o, "epochs", 100);
    set(env, &o, "early_stopping", 0);
    model = train(env, data, &o);
    p = lt_model_array(&model, "user_factors")->f;
    q = lt_model_array(&model, "item_factors")->f;
    w = lt_model_array(&model, "W_factors")->f;
    for (int k = 0; k < 2; k++)
        product += (double)w[k] * p[k] * q[k];
    fine(env, lt_mlp.explain(env, &model, &in, &one, c));
    ok(model.n_arrays == 5 && fabs(product) > 0.5, "the model is its factors, their weights and a bias");
    near(c[0], lt_model_array(&model, "b0")->f[0], 1e-6, "the baseline is the bias");
    near(c[1], product / 2, 1e-5, "the user's half of the product");
    near(c[2], product / 2, 1e-5, "the item's half of the product");
}

/* ---- similar items ---- */

static double cosine(const double *a, const double *b, int n)
{
    double ab = 0, aa = 0, bb = 0;

    for (int j = 0; j < n; j++) {
        ab += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Dense copies of an item's embedding (5), factors (4) and features (3 dense, 5 sparse). */
static void parts_of(const lt_dataset *data, const lt_model *model, int32_t item, double part[3][8])
{
    memset(part, 0, 3 * sizeof part[0]);
    for (int j = 0; j < 5; j++)
        part[0][j] = lt_model_array(model, "item_embedding")->f[item * 5 + j];
    for (int j = 0; j < 4; j++)
        part[1][j] = lt_model_array(model, "item_factors")->f[item * 4 + j];
    for (int j = 0; j < 3; j++)
        part[2][j] = data->item.x[item * 3 + j];
    for (int64_t k = data->item.start[item]; k < data->item.start[item + 1]; k++)
        part[2][3 + data->item.col[k]] = data->item.val[k];
}

static void test_similar(lt_env *env, const lt_dataset *data)
{
    lt_model model = full_model(env, data, 1, 4);
    lt_scorer scorer = {.model = &model, .user = &data->user, .item = &data->item};
    float score[ITEMS];
    double worst = 0;

    fine(env, lt_mlp.prepare(env, &scorer));
    near(apart_from_similar(env, &scorer, ITEMS, "mlp"), 0, 1e-6, "its vectors' cosine is what similar says");
    memset(lt_model_array(&model, "item_embedding")->f + 3 * 5, 0, 5 * sizeof(float)); /* one never trained */
    fine(env, lt_mlp.prepare(env, &scorer));
    for (int32_t item = 0; item < ITEMS; item++) {
        double own[3][8], other[3][8];

        parts_of(data, &model, item, own);
        if (lt_mlp.similar(env, &scorer, item, score) != LT_OK)
            abort();
        for (int32_t i = 0; i < ITEMS; i++) {
            double want = 0;

            parts_of(data, &model, i, other);
            for (int p = 0; p < 3; p++)
                want += cosine(own[p], other[p], 8) / 3;
            worst = fmax(worst, fabs(score[i] - want));
        }
        worst = item == 3 ? worst : fmax(worst, fabs(score[item] - 1));
    }
    ok(worst < 1e-6, "similarity is the mean cosine of embeddings, factors and features (worst %g)", worst);
}

/* ---- inputs sparse and dense ---- */

/* A model on dense columns, and the same weights on the same values kept sparse. */
static void test_sparse(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 50, 0, 4, 33), sparse = *data;
    lt_options o = options_new(env);
    lt_model model, other = {.algorithm = &lt_mlp};
    const float *want, *got;
    double worst = 0;

    for (int64_t i = 0; i < 200; i++)
        data->row.x[i] = i % 3 == 0 ? 0 : data->row.x[i];
    for (int64_t i = 0; i < 50; i++)
        data->train.label[i] = i % 2;
    model = train(env, data, &o);
    sparse.design.row_dense = 0;
    sparse.design.row_sparse = 4;
    fine(env, lt_design_finish(env, &sparse.design));
    sparse.row = (lt_table){.n = 50, .sparse = 4};
    fine(env, lt_alloc(env, &sparse.row.start, 51, sizeof(int64_t), "test"));
    fine(env, lt_alloc(env, &sparse.row.col, 200, sizeof(int32_t), "test"));
    fine(env, lt_alloc(env, &sparse.row.val, 200, sizeof(float), "test"));
    for (int64_t i = 0; i < 200; i++) {
        int64_t *end = &sparse.row.start[i / 4 + 1];

        *end = i % 4 == 0 ? sparse.row.start[i / 4] : *end;
        if (data->row.x[i] != 0) {
            sparse.row.col[*end] = (int32_t)(i % 4);
            sparse.row.val[(*end)++] = data->row.x[i];
        }
    }
    other = model;
    other.design = sparse.design;
    fine(env, lt_alloc(env, &other.array, (size_t)model.n_arrays, sizeof *other.array, "test"));
    memcpy(other.array, model.array, (size_t)model.n_arrays * sizeof *other.array);
    for (int i = 0; i < other.n_arrays; i++)
        if (strcmp(other.array[i].name, "W0_dense") == 0)
            other.array[i].name = "W0_sparse";
    want = margins(env, &model, data, &data->train);
    got = margins(env, &other, &sparse, &data->train);
    for (int i = 0; i < 50; i++)
        worst = fmax(worst, fabs(want[i] - got[i]));
    ok(worst < 1e-5, "a sparse row predicts as the same row dense (worst %g)", worst);
}

/* ---- stored models ---- */

static void test_storage(lt_env *env, const lt_dataset *data)
{
    lt_model model = full_model(env, data, 2, 3), back;
    lt_writer w;
    lt_reader r;
    const float *want, *got;

    lt_writer_init(env, &w);
    lt_model_write(&w, &model);
    fine(env, w.status);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_model_read(&r, &back));
    want = margins(env, &model, data, &data->train);
    got = margins(env, &back, data, &data->train);
    ok(memcmp(want, got, ROWS * sizeof *want) == 0, "a stored model predicts the same bits");
}

static void corrupt(lt_env *env, const lt_model *model, const char *what)
{
    ok(lt_mlp.check(env, model) == LT_CORRUPT, "%s: %s", what, env->error.message);
}

static void test_check(lt_env *env, const lt_dataset *data)
{
    lt_model model = full_model(env, data, 2, 3);
    lt_array *shape = &model.array[0];
    int arrays = model.n_arrays;
    static const double wrong[] = {-1, 1e300, 0.5, NAN, INFINITY, 4097};

    fine(env, lt_mlp.check(env, &model));
    ok(strcmp(shape->name, "shape") == 0 && shape->cols == 5, "the shape comes first");
    for (int64_t j = 0; j < shape->cols; j++)
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            double before = shape->d[j];

            shape->d[j] = wrong[k];
            corrupt(env, &model, "a shape out of range");
            shape->d[j] = before;
        }
    shape->d[2]++;
    corrupt(env, &model, "a width that is another");
    shape->d[2]--;
    shape->cols = 2;
    corrupt(env, &model, "no layers");
    shape->cols = 5;
    for (int i = 0; i < arrays; i++) {
        lt_array keep = model.array[i];

        model.array[i].rows++;
        corrupt(env, &model, "an array too long");
        model.array[i] = keep;
        model.array[i].name = "nothing";
        corrupt(env, &model, "an array that is missing");
        model.array[i] = keep;
        if (keep.f != NULL) {
            float value = keep.f[keep.rows * keep.cols - 1];

            keep.f[keep.rows * keep.cols - 1] = NAN;
            corrupt(env, &model, "a weight that is no number");
            keep.f[keep.rows * keep.cols - 1] = value;
            model.array[i].f = NULL;
            corrupt(env, &model, "an array of another type");
            model.array[i] = keep;
        }
    }
    model.n_arrays--;
    corrupt(env, &model, "an array less");
    model.n_arrays++;
    for (int i = 0; i < arrays; i++)
        if (strcmp(model.array[i].name, "user_factors") == 0)
            model.array[i].cols = 0;
    corrupt(env, &model, "no factors");
    for (int i = 0; i < arrays; i++)
        if (strcmp(model.array[i].name, "user_factors") == 0)
            model.array[i].cols = 3;
    model.design.items++;
    corrupt(env, &model, "another catalogue");
    model.design.items = 0;
    corrupt(env, &model, "embeddings without items");
}

int main(void)
{
    lt_env *env = test_env();
    lt_dataset *data = full_data(env);

    for (int layers = 0; layers <= 2; layers++)
        for (int factors = 0; factors <= 4; factors += 4) {
            test_score(env, data, layers, factors);
            test_explain(env, data, layers, factors);
        }
    test_path(env);
    test_products(env);
    test_similar(env, data);
    test_linear(env);
    test_sparse(env);
    test_storage(env, data);
    test_check(env, data);
    test_env_drop(env);
    return done();
}
