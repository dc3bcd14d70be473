/*
 * test_logistic.c: fits against scikit-learn's numbers, a naive dense Newton, and their own optimality.
 */
#include "logistic_data.h"
#include "logistic_objective.h"

/* max_j |a_j - b_j| / max(1, |b_j|) */
static double distance(const double *a, const double *b, int n)
{
    double most = 0;

    for (int j = 0; j < n; j++)
        most = fmax(most, fabs(a[j] - b[j]) / fmax(1, fabs(b[j])));
    return most;
}

/* ---- the naive version: everything multiplied out, in double ---- */

typedef struct naive {
    int n, c;
    double *x; /* n x c, a column of ones first */
    double *y, *weight, *offset;
} naive;

static naive materialise(lt_env *env, const lt_inputs *in, const lt_examples *ex)
{
    naive v = {.n = (int)ex->n, .c = 1 + in->design->dense + in->design->sparse};
    lt_batch b = {0};

    lt_alloc(env, &v.x, (size_t)v.n * (size_t)v.c, sizeof *v.x, "x");
    lt_alloc(env, &v.y, 3 * (size_t)v.n, sizeof *v.y, "y");
    v.weight = v.y + v.n;
    v.offset = v.weight + v.n;
    lt_gather(env, in, ex, NULL, 0, v.n, &b);
    for (int i = 0; i < v.n; i++) {
        double *x = v.x + (size_t)i * (size_t)v.c;

        x[0] = 1;
        for (int j = 0; j < in->design->dense; j++)
            x[1 + j] = b.x[i * in->design->dense + j];
        for (int64_t e = b.start[i]; e < b.start[i + 1]; e++)
            x[1 + in->design->dense + b.col[e]] = b.val[e];
        v.y[i] = ex->label[i];
        v.weight[i] = ex->weight == NULL ? 1 : ex->weight[i];
        v.offset[i] = ex->offset == NULL ? 0 : ex->offset[i];
    }
    lt_batch_free(env, &b);
    return v;
}

/* Penalised loss, gradient (c) and Hessian (c x c). */
static double naive_loss(const naive *v, double l2, const double *w, double *g, double *h)
{
    double loss = 0;

    memset(g, 0, (size_t)v->c * sizeof *g);
    memset(h, 0, (size_t)v->c * (size_t)v->c * sizeof *h);
    for (int i = 0; i < v->n; i++) {
        const double *x = v->x + (size_t)i * (size_t)v->c;
        double m = v->offset[i], p;

        for (int j = 0; j < v->c; j++)
            m += x[j] * w[j];
        p = 1 / (1 + exp(-m));
        loss -= v->weight[i] * (v->y[i] * log(p) + (1 - v->y[i]) * log(1 - p));
        for (int j = 0; j < v->c; j++) {
            g[j] += v->weight[i] * (p - v->y[i]) * x[j];
            for (int k = 0; k < v->c; k++)
                h[j * v->c + k] += v->weight[i] * p * (1 - p) * x[j] * x[k];
        }
    }
    for (int j = 1; j < v->c; j++) {
        loss += l2 / 2 * w[j] * w[j];
        g[j] += l2 * w[j];
        h[j * v->c + j] += l2;
    }
    return loss;
}

/* Gauss-Jordan: h (c x c) becomes its inverse. */
static void invert(double *h, int c)
{
    for (int p = 0; p < c; p++) {
        double pivot = h[p * c + p];

        h[p * c + p] = 1;
        for (int k = 0; k < c; k++)
            h[p * c + k] /= pivot;
        for (int j = 0; j < c; j++) {
            double times = h[j * c + p];

            if (j == p)
                continue;
            h[j * c + p] = 0;
            for (int k = 0; k < c; k++)
                h[j * c + k] -= times * h[p * c + k];
        }
    }
}

/* The optimum, and the inverse Hessian there in inverse (c x c). */
static double *naive_newton(lt_env *env, const naive *v, double l2, double **inverse)
{
    double *w, *g;

    lt_alloc(env, &w, 2 * (size_t)v->c, sizeof *w, "w");
    lt_alloc(env, inverse, (size_t)v->c * (size_t)v->c, sizeof **inverse, "h");
    g = w + v->c;
    for (int k = 0; k < 12; k++) {
        naive_loss(v, l2, w, g, *inverse);
        invert(*inverse, v->c);
        for (int j = 0; j < v->c; j++)
            for (int l = 0; l < v->c; l++)
                w[j] -= (*inverse)[j * v->c + l] * g[l];
    }
    return w;
}

/* The gradient's largest component at w, relative to that at 0. */
static double optimality(lt_env *env, const naive *v, double l2, const double *w)
{
    double *g, *h, *zero, most = 0, first = 0;

    lt_alloc(env, &g, 2 * (size_t)v->c, sizeof *g, "g");
    lt_alloc(env, &h, (size_t)v->c * (size_t)v->c, sizeof *h, "h");
    zero = g + v->c;
    naive_loss(v, l2, w, g, h);
    for (int j = 0; j < v->c; j++)
        most = fmax(most, fabs(g[j]));
    memset(zero, 0, (size_t)v->c * sizeof *zero);
    naive_loss(v, l2, zero, g, h);
    for (int j = 0; j < v->c; j++)
        first = fmax(first, fabs(g[j]));
    lt_free(env, g);
    lt_free(env, h);
    return most / first;
}

/* ---- tests ---- */

/*
 * scikit-learn 1.2.1, LogisticRegression(tol=1e-9, max_iter=100000) with the settings shown, solver newton-cg (saga for
 * l1, with random_state=1), in double: intercept and coefficients.
 */
static void test_scikit_learn(void)
{
    static const struct {
        const char *settings;
        const char *options[7];
        bool weighted;
        double w[5], tolerance;
    } cases[] = {
        {"C=0.5",
         {"regularization", "2"},
         false,
         {-0.756567736205, 1.26363208921, -0.650120084912, -0.249108745374, 0.386590785902},
         1e-7},
        {"C=0.5, by lbfgs",
         {"regularization", "2", "solver", "lbfgs"},
         false,
         {-0.756567736205, 1.26363208921, -0.650120084912, -0.249108745374, 0.386590785902},
         1e-5},
        {"C=1, sample_weight = 1 + i % 3",
         {"regularization", "1"},
         true,
         {-0.767070198214, 1.37226022579, -0.740583059184, -0.215775428134, 0.42398994153},
         1e-7},
        {"C=1, class_weight='balanced'",
         {"regularization", "1", "class_weight", "balanced"},
         false,
         {-0.12952729031, 1.37639832783, -0.71478482089, -0.268548901746, 0.417934578846},
         1e-7},
        {"penalty='none'",
         {"regularization", "0"},
         false,
         {-0.78280042109, 1.4237553712, -0.727271867732, -0.261646566596, 0.438580406662},
         1e-7},
        {"C=0.1, penalty='l1'",
         {"regularization", "0", "l1", "10"},
         false,
         {-0.68550173639, 0.892765362109, -0.176554475042, 0, 0},
         1e-5},
        {"C=1/6, penalty='elasticnet', l1_ratio=5/6",
         {"regularization", "1", "l1", "5"},
         false,
         {-0.713671769139, 1.0889421733, -0.40588165893, -0.035375748906, 0.176024744398},
         1e-5},
    };
    lt_env *env = test_env();
    lt_dataset d = formula_data(env);
    float *weight;

    lt_alloc(env, &weight, 300, sizeof *weight, "weight");
    for (int i = 0; i < 300; i++)
        weight[i] = (float)(1 + i % 3);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        fitted f;

        d.train.weight = cases[k].weighted ? weight : NULL;
        f = train(env, &d, cases[k].options);
        trained(&f, env, cases[k].settings);
        near(distance(array(&f, "coefficients"), cases[k].w, 5), 0, cases[k].tolerance,
             "scikit-learn's coefficients: %s", cases[k].settings);
    }
    test_env_drop(env);
}

static void check_against_naive(lt_env *env, const lt_dataset *d, const char *what, const char *const *options,
                                double l2, double tolerance)
{
    lt_inputs in = lt_dataset_inputs(d);
    naive v = materialise(env, &in, &d->train);
    double *inverse, *w = naive_newton(env, &v, l2, &inverse), worst = 0, total = 0, loss = 0;
    const double *diagonal, *block, *got;
    fitted f = train(env, d, options);
    int dense = 1 + d->design.dense;
    float *margin;

    trained(&f, env, what);
    got = array(&f, "coefficients");
    near(distance(got, w, v.c), 0, tolerance, "%s: coefficients of the naive Newton", what);
    near(optimality(env, &v, l2, got), 0, 1e-5, "%s: the full gradient vanishes", what);
    diagonal = array(&f, "covariance_diagonal");
    block = array(&f, "covariance_dense");
    for (int j = 0; j < v.c; j++)
        worst = fmax(worst, fabs(diagonal[j] / inverse[j * v.c + j] - 1));
    near(worst, 0, 1e-4, "%s: variances are the inverse Hessian's", what);
    worst = 0;
    for (int j = 0; j < dense; j++)
        for (int k = 0; k < dense; k++)
            worst = fmax(worst, fabs(block[j * dense + k] - inverse[j * v.c + k]) /
                                    sqrt(inverse[j * v.c + j] * inverse[k * v.c + k]));
    near(worst, 0, 1e-4, "%s: so is the dense columns' block", what);

    lt_alloc(env, &margin, (size_t)v.n, sizeof *margin, "margin");
    fine(env, lt_logistic.predict(env, &f.model, &in, &d->train, margin));
    worst = 0;
    for (int i = 0; i < v.n; i++) {
        double m = 0;

        for (int j = 0; j < v.c; j++)
            m += v.x[(size_t)i * (size_t)v.c + (size_t)j] * got[j];
        worst = fmax(worst, fabs(m - margin[i]));
        total += v.weight[i];
        loss += v.weight[i] * log1p(exp(v.y[i] == 1 ? -m : m));
    }
    near(worst, 0, 1e-5, "%s: predict gives the margins", what);
    near(f.fit.loss, loss / total, 1e-9, "%s: the loss reported is the mean log-loss", what);
}

static void test_naive(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 2500, 7); /* more than one block of rows */
    int32_t *index;
    fitted a, b;

    check_against_naive(env, &d, "dense and sparse, newton", OPTIONS("regularization", "3", "solver", "newton"), 3,
                        1e-7);
    check_against_naive(env, &d, "dense and sparse, lbfgs", OPTIONS("regularization", "3", "solver", "lbfgs"), 3, 1e-5);

    /* The same rows through an index, backwards, must be the same fit. */
    a = train(env, &d, NULL);
    lt_alloc(env, &index, 2500, sizeof *index, "index");
    for (int i = 0; i < 2500; i++)
        index[i] = i;
    d.train.row = index;
    b = train(env, &d, NULL);
    ok(memcmp(array(&a, "coefficients"), array(&b, "coefficients"), 19 * sizeof(double)) == 0,
       "rows by index are the rows side by side, to the bit");
    d.train.row = index + 500;
    d.train.label += 500;
    d.train.n = 1500;
    a = train(env, &d, NULL);
    d.train.row = NULL;
    d.train.row_first = 500;
    b = train(env, &d, NULL);
    ok(memcmp(array(&a, "coefficients"), array(&b, "coefficients"), 19 * sizeof(double)) == 0,
       "so are rows from the middle");

    d = recommender_data(env, 1500);
    check_against_naive(env, &d, "recommender, factored", OPTIONS("solver", "lbfgs", "tolerance", "1e-7"), 1, 1e-5);
    check_against_naive(env, &d, "recommender, newton", OPTIONS("solver", "newton"), 1, 1e-7);
    test_env_drop(env);
}

/* Factored and in blocks, at a point that is not the optimum, and against differences of the loss. */
static void test_gradient(void)
{
    lt_env *env = test_env();
    lt_dataset d = recommender_data(env, 700);
    lt_inputs in = lt_dataset_inputs(&d);
    lt_logistic_objective o;
    double class_weight[2] = {1.5, 0.75}, *w, *g, *blocks, *diagonal, *h, loss, other, worst = 0;
    lt_random r;
    int c = 1 + d.design.dense + d.design.sparse;

    lt_alloc(env, &d.train.offset, 700, sizeof *d.train.offset, "offset");
    lt_alloc(env, &w, 4 * (size_t)c, sizeof *w, "w");
    lt_alloc(env, &h, (size_t)c * (size_t)c, sizeof *h, "h");
    g = w + c;
    blocks = g + c;
    diagonal = blocks + c;
    lt_random_seed(&r, 4);
    for (int j = 0; j < c; j++)
        w[j] = 0.3 * lt_random_normal(&r);
    for (int i = 0; i < 700; i++)
        d.train.offset[i] = (float)lt_random_normal(&r);
    fine(env, lt_logistic_objective_init(env, &o, &in, &d.train, class_weight));
    ok(o.factored, "a recommender is factored");
    fine(env, lt_logistic_evaluate(env, &o, w, &loss, g, NULL));
    fine(env, lt_logistic_evaluate(env, &o, w, &other, blocks, h));
    /* A block's crosses are products rounded to float. */
    near(loss, other, 1e-8 * loss, "factored loss is that in blocks");
    near(distance(g, blocks, c), 0, 1e-6, "factored gradient is that in blocks");
    for (int j = 0; j < c; j++) {
        double up, down, keep = w[j];

        w[j] = keep + 1e-5;
        lt_logistic_evaluate(env, &o, w, &up, NULL, NULL);
        w[j] = keep - 1e-5;
        lt_logistic_evaluate(env, &o, w, &down, NULL, NULL);
        w[j] = keep;
        worst = fmax(worst, fabs((up - down) / 2e-5 - g[j]) / fmax(1, fabs(g[j])));
    }
    near(worst, 0, 1e-6, "the gradient is the loss's difference quotient");

    memset(w, 0, (size_t)c * sizeof *w);
    memset(d.train.offset, 0, 700 * sizeof *d.train.offset);
    fine(env, lt_logistic_evaluate(env, &o, w, &loss, g, h));
    for (int factored = 0; factored < 2; factored++) {
        o.factored = factored;
        fine(env, lt_logistic_curvature(env, &o, diagonal));
        worst = 0;
        for (int j = 0; j < c; j++)
            worst = fmax(worst, fabs(diagonal[j] - h[(size_t)j * (size_t)c + (size_t)j]));
        near(worst, 0, 1e-5, "the preconditioner is the Hessian's diagonal at 0");
    }
    test_env_drop(env);
}

static void test_l1(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 1200, 7);
    lt_inputs in = lt_dataset_inputs(&d);
    naive v = materialise(env, &in, &d.train);
    fitted f = train(env, &d, OPTIONS("regularization", "0.5", "l1", "25"));
    const double *w = array(&f, "coefficients");
    double *g, *h, worst = 0;
    int zeros = 0;

    trained(&f, env, "l1");
    lt_alloc(env, &g, (size_t)v.c, sizeof *g, "g");
    lt_alloc(env, &h, (size_t)v.c * (size_t)v.c, sizeof *h, "h");
    naive_loss(&v, 0.5, w, g, h);
    for (int j = 0; j < v.c; j++) {
        double slope = j == 0 ? fabs(g[0]) : w[j] != 0 ? fabs(g[j] + copysign(25, w[j])) : fmax(0, fabs(g[j]) - 25);

        zeros += w[j] == 0;
        worst = fmax(worst, slope);
    }
    ok(zeros >= 3 && zeros < v.c - 3, "l1 sets some coefficients to exactly 0 (%d of %d)", zeros, v.c);
    near(worst, 0, 1e-3, "l1: 0 is in every subgradient");
    ok(array(&f, "covariance_diagonal") == NULL && array(&f, "covariance_dense") == NULL, "l1: no covariance");
    f = train(env, &d, OPTIONS("l1", "1e6"));
    trained(&f, env, "a huge l1");
    for (int j = 1; j < v.c; j++)
        zeros += array(&f, "coefficients")[j] != 0 ? 1000 : 0;
    ok(zeros < 1000, "a huge l1 leaves the intercept alone");
    test_env_drop(env);
}

static void test_weights(void)
{
    lt_env *env = test_env();
    lt_dataset d = formula_data(env), repeated = {0};
    float *weight;
    int64_t n = 0, ones = 0;
    fitted a, b;

    lt_alloc(env, &weight, 300, sizeof *weight, "weight");
    repeated.design = d.design;
    repeated.row = d.row;
    lt_alloc(env, &repeated.train.row, 900, sizeof *repeated.train.row, "rows");
    lt_alloc(env, &repeated.train.label, 900, sizeof *repeated.train.label, "labels");
    for (int i = 0; i < 300; i++) {
        weight[i] = (float)((i * 7) % 4);
        ones += d.train.label[i] == 1;
        for (int k = 0; k < (i * 7) % 4; k++, n++) {
            repeated.train.row[n] = i;
            repeated.train.label[n] = d.train.label[i];
        }
    }
    repeated.train.n = n;
    d.train.weight = weight;
    a = train(env, &d, NULL);
    b = train(env, &repeated, NULL);
    near(distance(array(&a, "coefficients"), array(&b, "coefficients"), 5), 0, 1e-8, "a weight of k is k rows");
    near(distance(array(&a, "covariance_diagonal"), array(&b, "covariance_diagonal"), 5), 0, 1e-8,
         "in the variances, too");
    near(a.fit.loss, b.fit.loss, 1e-9, "and in the loss");

    d.train.weight = NULL;
    a = train(env, &d, OPTIONS("class_weight", "balanced"));
    for (int i = 0; i < 300; i++)
        weight[i] = (float)(300.0 / (2.0 * (double)(d.train.label[i] == 1 ? ones : 300 - ones)));
    d.train.weight = weight;
    b = train(env, &d, NULL);
    near(distance(array(&a, "coefficients"), array(&b, "coefficients"), 5), 0, 1e-6, "balanced is n / (2 n_c) a row");
    test_env_drop(env);
}

/* Without a penalty a repeated column and a constant one are not determined; the others are, as if those were absent.
 */
static void test_singular(void)
{
    lt_env *env = test_env();
    lt_dataset d = formula_data(env), wide = d;
    fitted a = train(env, &d, OPTIONS("regularization", "0")), b;
    const double *v, *w;

    wide.row.dense = wide.design.row_dense = 6;
    lt_design_finish(env, &wide.design);
    lt_alloc(env, &wide.row.x, 300 * 6, sizeof *wide.row.x, "x");
    for (int i = 0; i < 300; i++) {
        memcpy(wide.row.x + 6 * i, d.row.x + 4 * i, 4 * sizeof(float));
        wide.row.x[6 * i + 4] = d.row.x[4 * i + 3];
    }
    b = train(env, &wide, OPTIONS("regularization", "0"));
    trained(&b, env, "dependent columns");
    v = array(&b, "covariance_diagonal");
    w = array(&b, "coefficients");
    ok(isnan(v[4]) && isnan(v[5]) && isnan(v[6]), "dependent and constant columns have no variance");
    near(distance(v, array(&a, "covariance_diagonal"), 4), 0, 1e-7, "the others have that without them");
    near(distance(w, array(&a, "coefficients"), 4), 0, 1e-6, "and the coefficients");
    near(w[4] + w[5], array(&a, "coefficients")[4], 1e-6, "the repeated column's halves add up");
    near(w[6], 0, 0, "the constant one has 0");
    b = train(env, &wide, OPTIONS("regularization", "0", "solver", "lbfgs"));
    trained(&b, env, "dependent columns, lbfgs");
    near(distance(array(&b, "coefficients"), array(&a, "coefficients"), 4), 0, 1e-5, "the same by lbfgs");

    for (int i = 0; i < 300; i++)
        d.train.label[i] = d.row.x[4 * i] > 0;
    a = train(env, &d, OPTIONS("regularization", "0"));
    ok(a.status == LT_OK && isfinite(array(&a, "coefficients")[1]) && a.fit.loss < 1e-3,
       "separable data end somewhere");
    test_env_drop(env);
}

/* From 200,000 rows on Newton starts from a sample: few passes, the same optimum. */
static void test_many_rows(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 210000, 3);
    fitted a = train(env, &d, NULL), b = train(env, &d, OPTIONS("solver", "lbfgs", "tolerance", "1e-8"));

    trained(&a, env, "many rows");
    ok(a.fit.epochs <= 3, "the sample's start saves passes (%d)", a.fit.epochs);
    near(distance(array(&a, "coefficients"), array(&b, "coefficients"), 15), 0, 1e-6, "both solvers agree");
    test_env_drop(env);
}

/* Over 1,000 columns, most of them all but determined by the penalty alone: a stalled loss ends training. */
static void test_wide(void)
{
    lt_env *env = test_env();
    lt_dataset d = {.design = {.item_dense = 3, .items = 1500, .item_ids = true}, .train.n = 60000};
    fitted a, b;
    lt_random r;

    lt_random_seed(&r, 12);
    lt_design_finish(env, &d.design);
    d.item = random_table(env, &r, 1500, 3, 0);
    lt_alloc(env, &d.train.item, 60000, sizeof *d.train.item, "item");
    lt_alloc(env, &d.train.label, 60000, sizeof *d.train.label, "label");
    for (int i = 0; i < 60000; i++) {
        int32_t j = (int32_t)(1500 * pow(lt_random_uniform(&r), 3));
        double m = d.item.x[3 * j] - d.item.x[3 * j + 1] + 0.5 * (j % 3);

        d.train.item[i] = j;
        d.train.label[i] = lt_random_uniform(&r) < 1 / (1 + exp(-m));
    }
    a = train(env, &d, NULL);
    b = train(env, &d, OPTIONS("tolerance", "1e-9"));
    trained(&a, env, "wide");
    trained(&b, env, "wide, to the end");
    ok(a.fit.epochs < b.fit.epochs, "a stalled loss ends training (%d iterations, not %d)", a.fit.epochs, b.fit.epochs);
    near(a.fit.loss, b.fit.loss, 1e-5, "at the same loss");
    near(distance(array(&a, "coefficients"), array(&b, "coefficients"), 1504), 0, 0.01, "and about the coefficients");
    test_env_drop(env);
}

/* Rows of a category of 1,200 values, some of them rare: as close to the optimum as tolerance says, if it takes longer.
 */
static void test_wide_rows(void)
{
    lt_env *env = test_env();
    int n = 30000, c = 1802;
    lt_dataset d = {
        .row = {.n = n, .dense = 1, .sparse = 1800}, .train.n = n, .design = {.row_dense = 1, .row_sparse = 1800}};
    fitted a, b;
    lt_random r;
    double apart = 0, largest = 1;

    lt_random_seed(&r, 13);
    lt_design_finish(env, &d.design);
    lt_alloc(env, &d.row.x, (size_t)n, sizeof *d.row.x, "x");
    lt_alloc(env, &d.row.start, (size_t)n + 1, sizeof *d.row.start, "start");
    lt_alloc(env, &d.row.col, 2 * (size_t)n, sizeof *d.row.col, "col");
    lt_alloc(env, &d.row.val, 2 * (size_t)n, sizeof *d.row.val, "val");
    lt_alloc(env, &d.train.label, (size_t)n, sizeof *d.train.label, "label");
    for (int i = 0; i < n; i++) {
        int32_t j = (int32_t)(1200 * pow(lt_random_uniform(&r), 3));

        d.row.x[i] = (float)lt_random_normal(&r);
        d.row.col[2 * i] = j;
        d.row.col[2 * i + 1] = 1200 + j / 2;
        d.row.val[2 * i] = d.row.val[2 * i + 1] = 1;
        d.row.start[i + 1] = 2 * i + 2;
        d.train.label[i] = lt_random_uniform(&r) < 1 / (1 + exp(-d.row.x[i] - (j % 7 - 3) * 0.5));
    }
    a = train(env, &d, NULL);
    b = train(env, &d, OPTIONS("solver", "newton", "tolerance", "1e-12"));
    trained(&a, env, "wide rows");
    trained(&b, env, "wide rows by Newton");
    for (int j = 0; j < c; j++) {
        apart = fmax(apart, fabs(array(&a, "coefficients")[j] - array(&b, "coefficients")[j]));
        largest = fmax(largest, fabs(array(&b, "coefficients")[j]));
    }
    /* Only the penalty tells a pair from its two values: there the tolerance, 1e-6, is a rough measure. */
    ok(apart <= 2e-5 * largest, "coefficients are off by %g, the largest being %g", apart, largest);
    test_env_drop(env);
}

int main(void)
{
    test_scikit_learn();
    test_naive();
    test_gradient();
    test_l1();
    test_weights();
    test_singular();
    test_many_rows();
    test_wide();
    test_wide_rows();
    return done();
}
