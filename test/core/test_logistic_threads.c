/*
 * test_logistic_threads.c: the same fits by every number of threads, and what the threads share: vectorised loss,
 * products with the Hessian, truncated Newton.
 */
#include "logistic_data.h"
#include "logistic_link.h"
#include "logistic_objective.h"
#include "newton_cg.h"

#include <float.h>

/* ---- the link ---- */

static double relative(double got, long double want)
{
    return want == 0 ? fabs(got) : (double)(fabsl(got - want) / fabsl(want));
}

/* Against long double, over margins of every size; and in runs of every length, with weights, where lanes are left. */
static void test_link(void)
{
    static const double one_each[2] = {1, 1}, unlike[2] = {0.5, 3};
    double loss = 0, residual = 0, curvature = 0, sum, margin[37], out[37], kept[37], worst = 0;
    float label[37], weight[37];
    lt_random r;

    for (int k = -40000; k <= 40000; k++) {
        double m = k * (k % 7 == 0 ? 1e-8 : 1e-3), got_residual, got_curvature;
        float y = (float)(k & 1);
        long double e = expl(-fabsl(m)), p = m > 0 ? 1 / (1 + e) : e / (1 + e);
        long double want = log1pl(e) + ((m > 0) == (y == 1) ? 0 : fabsl(m)), q = e / ((1 + e) * (1 + e));
        double got = lt_logistic_link(1, &y, NULL, one_each, &m, &got_residual, &got_curvature);

        loss = fmax(loss, relative(got, want));
        curvature = fmax(curvature, relative(got_curvature, q));
        residual = fmax(residual, fabs(got_residual - (double)(p - y)));
    }
    near(loss, 0, 4 * DBL_EPSILON, "the loss is good to 4 units in the last place");
    near(curvature, 0, 4 * DBL_EPSILON, "so is the curvature");
    near(residual, 0, DBL_EPSILON, "the residual is good to one of 1");

    lt_random_seed(&r, 3);
    for (int n = 0; n <= 37; n++) {
        double want = 0;

        for (int k = 0; k < n; k++) {
            margin[k] = 10 * lt_random_normal(&r);
            label[k] = (float)lt_random_below(&r, 2);
            weight[k] = (float)lt_random_uniform(&r);
            want += unlike[label[k] != 0] * weight[k] * log1p(exp(label[k] != 0 ? -margin[k] : margin[k]));
        }
        sum = lt_logistic_link(n, label, weight, unlike, margin, out, kept);
        worst = fmax(worst, fabs(sum - want) / fmax(1, want));
        worst = fmax(worst, fabs(sum - lt_logistic_link(n, label, weight, unlike, margin, NULL, NULL)));
        for (int k = 0; k < n; k++) {
            double p = 1 / (1 + exp(-margin[k])), w = unlike[label[k] != 0] * weight[k];

            worst = fmax(worst, fabs(out[k] - w * (p - label[k])));
            worst = fmax(worst, fabs(kept[k] - w * p * (1 - p)));
        }
    }
    near(worst, 0, 1e-14, "weights and any number of examples");

    margin[0] = 1e300, margin[1] = -1e300, margin[2] = NAN;
    label[0] = label[1] = label[2] = 1;
    ok(lt_logistic_link(1, label, NULL, one_each, margin, out, kept) < 1e-300, "certain and right: no loss");
    ok(lt_logistic_link(2, label, NULL, one_each, margin, out, kept) == 1e300 && out[1] == -1,
       "certain and wrong: the margin");
    ok(isnan(lt_logistic_link(3, label, NULL, one_each, margin, out, kept)), "what is no number stays none");
}

/* ---- threads ---- */

static void use_threads(lt_env *env, int members)
{
    struct lt_team *team = env->team;

    env->team = NULL;
    lt_team_stop(team);
    if (members == 1)
        return;
    fine(env, lt_team_start(env, members, &team));
    env->team = team;
}

/* 1, 2 and 5 threads, to the bit. */
static void check_threads(lt_env *env, const lt_dataset *d, const char *what, const char *const *options)
{
    fitted one = train(env, d, options), more;

    trained(&one, env, what);
    for (int members = 2; members <= 5; members += 3) {
        bool same = true;

        use_threads(env, members);
        more = train(env, d, options);
        same = more.status == LT_OK && more.model.n_arrays == one.model.n_arrays && more.fit.loss == one.fit.loss &&
               more.fit.epochs == one.fit.epochs;
        for (int a = 0; same && a < one.model.n_arrays; a++) {
            const lt_array *x = &one.model.array[a], *y = &more.model.array[a];

            same = memcmp(x->d, y->d, (size_t)(x->rows * x->cols) * sizeof *x->d) == 0;
        }
        ok(same, "%s: %d threads give what one gives, to the bit", what, members);
    }
    use_threads(env, 1);
}

static void test_threads(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 9000, 7), few = recommender_data(env, 9000), small = formula_data(env);
    int32_t *index;
    fitted f;

    check_threads(env, &d, "newton", OPTIONS("solver", "newton"));
    check_threads(env, &d, "newton_cg", OPTIONS("solver", "newton_cg"));
    check_threads(env, &d, "lbfgs", OPTIONS("solver", "lbfgs"));
    check_threads(env, &d, "l1", OPTIONS("l1", "20"));
    lt_alloc(env, &index, 9000, sizeof *index, "index");
    for (int i = 0; i < 9000; i++)
        index[i] = (int32_t)((int64_t)i * 7919 % 9000);
    d.train.row = index;
    check_threads(env, &d, "rows in any order", NULL);
    check_threads(env, &few, "recommender, newton", NULL);
    check_threads(env, &few, "recommender, newton_cg", OPTIONS("solver", "newton_cg"));
    check_threads(env, &small, "fewer rows than a block", NULL);
    use_threads(env, 5);
    f = train(env, &small, NULL);
    ok(array(&f, "covariance_dense") != NULL, "with a covariance");
    use_threads(env, 1);
    few.design.user_ids = few.design.item_ids = false;
    few.design.n_crosses = 0;
    lt_design_finish(env, &few.design);
    check_threads(env, &few, "recommender by features alone", OPTIONS("solver", "newton_cg"));
    test_env_drop(env);
}

/* ---- products with the Hessian ---- */

static double farthest(const double *a, const double *b, int n)
{
    double most = 0;

    for (int j = 0; j < n; j++)
        most = fmax(most, fabs(a[j] - b[j]) / fmax(1, fabs(b[j])));
    return most;
}

/* Product and diagonal are those of the Hessian multiplied out, at a point that is not 0. */
static void check_products(lt_env *env, lt_dataset *d, const char *what)
{
    static const double class_weight[2] = {1.5, 0.75};
    lt_inputs in = lt_dataset_inputs(d);
    int c = 1 + d->design.dense + d->design.sparse;
    double *w, *v, *gradient, *got, *want, *diagonal, *h, loss;
    lt_logistic_objective o;
    lt_random r;

    lt_alloc(env, &w, 6 * (size_t)c, sizeof *w, "w");
    lt_alloc(env, &h, (size_t)c * (size_t)c, sizeof *h, "h");
    v = w + c, gradient = v + c, got = gradient + c, want = got + c, diagonal = want + c;
    lt_random_seed(&r, 8);
    for (int j = 0; j < c; j++) {
        w[j] = 0.2 * lt_random_normal(&r);
        v[j] = lt_random_normal(&r);
    }
    fine(env, lt_logistic_objective_init(env, &o, &in, &d->train, class_weight));
    fine(env, lt_logistic_evaluate(env, &o, w, &loss, gradient, h));
    for (int j = 0; j < c; j++)
        for (int k = 0; k < c; k++)
            want[j] += h[j > k ? j * c + k : k * c + j] * v[k];
    fine(env, lt_logistic_keep_curvature(env, &o));
    fine(env, lt_logistic_evaluate(env, &o, w, &loss, got, NULL));
    near(farthest(got, gradient, c), 0, 1e-6, "%s: the gradient with and without a Hessian", what);
    fine(env, lt_logistic_product(env, &o, v, got));
    near(farthest(got, want, c), 0, 1e-5, "%s: the product is the Hessian's", what);
    fine(env, lt_logistic_diagonal(env, &o, diagonal));
    for (int j = 0; j < c; j++)
        want[j] = h[(size_t)j * (size_t)c + (size_t)j];
    near(farthest(diagonal, want, c), 0, 1e-5, "%s: so is the diagonal", what);
    lt_logistic_objective_free(env, &o);
}

static void test_products(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 3000, 7), r = recommender_data(env, 3000);

    check_products(env, &d, "rows");
    check_products(env, &r, "recommender");
    use_threads(env, 3);
    check_products(env, &d, "rows, three threads");
    check_products(env, &r, "recommender, three threads");
    use_threads(env, 1);
    test_env_drop(env);
}

/* ---- truncated Newton by itself ---- */

/* sum_j d_j (exp(w_j - t_j) - (w_j - t_j)) + (sum_j w_j - sum_j t_j)^2 / 2: least at t, where curvatures are d_j. */
typedef struct bowl {
    int n, evaluations, products;
    double d[50], t[50], at[50];
} bowl;

static lt_status bowl_value(lt_env *env, void *context, const double *w, double *value, double *gradient)
{
    bowl *b = context;
    double all = 0;

    (void)env;
    *value = 0;
    b->evaluations++;
    for (int j = 0; j < b->n; j++)
        all += w[j] - b->t[j];
    for (int j = 0; j < b->n; j++) {
        double x = b->at[j] = w[j] - b->t[j];

        *value += b->d[j] * (exp(x) - x);
        gradient[j] = b->d[j] * (exp(x) - 1) + all;
    }
    *value += all * all / 2;
    return LT_OK;
}

static lt_status bowl_diagonal(lt_env *env, void *context, double *diagonal)
{
    const bowl *b = context;

    (void)env;
    for (int j = 0; j < b->n; j++)
        diagonal[j] = b->d[j] * exp(b->at[j]) + 1;
    return LT_OK;
}

static lt_status bowl_product(lt_env *env, void *context, const double *v, double *product)
{
    bowl *b = context;
    double all = 0;

    (void)env;
    b->products++;
    for (int j = 0; j < b->n; j++)
        all += v[j];
    for (int j = 0; j < b->n; j++)
        product[j] = b->d[j] * exp(b->at[j]) * v[j] + all;
    return LT_OK;
}

static lt_status count_iteration(lt_env *env, void *context, int iteration, const double *w)
{
    (void)env, (void)context, (void)w;
    return iteration > 0 ? LT_OK : LT_INVALID;
}

static void test_newton_cg(void)
{
    lt_env *env = test_env();
    bowl b = {.n = 50};
    double w[50] = {0}, scale[50];
    lt_newton_cg spec = {.n = 50,
                         .scale = scale,
                         .iterations = 100,
                         .tolerance = 1e-12,
                         .context = &b,
                         .evaluate = bowl_value,
                         .diagonal = bowl_diagonal,
                         .product = bowl_product,
                         .progress = count_iteration};
    int iterations;
    bool converged;

    for (int j = 0; j < 50; j++) {
        b.d[j] = pow(10, j % 9 - 4);
        b.t[j] = (j % 5) - 2;
        scale[j] = b.d[j] + 1;
    }
    fine(env, lt_newton_cg_minimize(env, &spec, w, &iterations, &converged));
    ok(converged && iterations < 30, "eight orders of magnitude of curvature: %d iterations", iterations);
    ok(b.products < 600, "by %d products", b.products);
    /* The smallest curvature is 1e-4, and the derivative is held to 1e-12 of 1. */
    near(farthest(w, b.t, 50), 0, 1e-6, "at the minimum");

    memset(w, 0, sizeof w);
    spec.iterations = 2;
    fine(env, lt_newton_cg_minimize(env, &spec, w, &iterations, &converged));
    ok(!converged && iterations == 2, "no more iterations than allowed");
    w[0] = 1e9;
    ok(lt_newton_cg_minimize(env, &spec, w, &iterations, &converged) == LT_DIVERGED, "an infinite start is refused");
    test_env_drop(env);
}

int main(void)
{
    test_link();
    test_threads();
    test_products();
    test_newton_cg();
    return done();
}
