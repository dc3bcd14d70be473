/*
 * logistic_fit.c: minimising the penalised log-loss, and the coefficients' covariance.
 *
 * Newton's method (iteratively reweighted least squares) where the Hessian is cheap and there is no l1.  With many rows
 * it starts from the fit of a sixteenth of them: that is within a few standard errors of the optimum, from where two
 * passes over all rows do.  Otherwise Newton by conjugate gradients (newton_cg.h), which takes fewer passes than
 * L-BFGS where there are columns for ids or categories, and whose products with the Hessian need no exponentials.  With
 * l1 OWL-QN (lbfgs.h), preconditioned by the Hessian's diagonal at 0.
 */
#include "logistic_fit.h"
#include "blas.h"
#include "lbfgs.h"
#include "newton_cg.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#define NEWTON_COLUMNS 1000
#define NEWTON_WORK 4e9    /* multiplications a Hessian: about a second */
#define SAMPLE_ROWS 200000 /* examples from which Newton starts with a sample of one in SAMPLE_STEP */
#define SAMPLE_STEP 16
#define SAMPLE_EACH 10 /* rows of either class a column: with fewer the sample's fit may be far off */
#define HALVINGS 40
#define NEAR 1e-3        /* a last step up to which the Hessian before it does for the covariance */
#define MEASURED_FIRST 5 /* iterations after which the validation metric is asked for */
#define MEASURED_EACH 10
/* A variance inflation factor from which a coefficient counts as undetermined, and the ridge (of Hessians with a unit
 * diagonal) that makes undetermined ones exceed it. */
#define SINGULAR 1e6
#define RIDGE 1e-10

/* Adds the penalty's derivatives to the gradient; returns the penalty. */
static LT_VECTORIZED double add_penalty(double l2, int64_t c, const double *restrict w, double *restrict gradient)
{
    double squares = 0;

    for (int64_t j = 1; j < c; j++) {
        squares += w[j] * w[j];
        gradient[j] += l2 * w[j];
    }
    return l2 / 2 * squares;
}

static lt_status evaluate(lt_env *env, lt_logistic_fitter *f, const double *w, double *value, double *gradient,
                          double *hessian)
{
    LT_TRY(lt_logistic_evaluate(env, &f->train, w, &f->loss, gradient, hessian));
    if (!isfinite(f->loss)) {
        lt_fail(env, LT_DIVERGED, "the loss is no longer a finite number");
        return lt_fail_hint(env, "Look for extreme feature values or weights, or raise regularization.");
    }
    *value = f->loss + add_penalty(f->l2, f->c, w, gradient);
    for (int64_t j = 1; hessian != NULL && j < f->c; j++)
        hessian[j * f->c + j] += f->l2;
    return LT_OK;
}

static void log_row(lt_env *env, lt_logistic_fitter *f)
{
    if (env->log != NULL && f->row.epoch > 0)
        env->log(env->context, &f->row);
    f->row.epoch = 0;
}

/* The validation metric with coefficients w, into the row. */
static lt_status measure(lt_env *env, lt_logistic_fitter *f, const double *w)
{
    lt_array array = {.name = "coefficients", .rows = 1, .cols = f->c, .d = (double *)w};
    lt_model model = {.algorithm = f->model->algorithm,
                      .link = f->model->link,
                      .design = f->model->design,
                      .n_arrays = 1,
                      .array = &array};

    return f->data->measure(env, f->data->measure_context, &model, &f->row.validation_metric);
}

static bool is_measured(const lt_logistic_fitter *f)
{
    return f->data != NULL && f->data->measure != NULL && isfinite(f->row.validation_loss);
}

/*
 * A row of the training log: the training loss as last evaluated, the validation figures at w.  One without the metric
 * waits for the next, because if none comes it is the last, which has it.
 */
static lt_status report(lt_env *env, lt_logistic_fitter *f, int epoch, const double *w)
{
    bool asked = epoch <= MEASURED_FIRST || epoch % MEASURED_EACH == 0;

    log_row(env, f);
    f->row = (lt_epoch){.epoch = epoch, .epochs = f->epochs, .validation_loss = NAN, .validation_metric = NAN};
    f->row.train_loss = f->loss / f->train.total_weight;
    if (f->has_validation) {
        LT_TRY(lt_logistic_evaluate(env, &f->validation, w, &f->row.validation_loss, NULL, NULL));
        f->row.validation_loss /= f->validation.total_weight;
    }
    f->row.seconds = env->seconds(env->context) - f->start;
    if (is_measured(f) && !asked)
        return LT_OK;
    if (is_measured(f))
        LT_TRY(measure(env, f, w));
    log_row(env, f);
    return LT_OK;
}

/*
 * h (c x c, lower triangle) to its Cholesky factor after scaling to a unit diagonal; root[j] is the square root of the
 * old diagonal, 1 where that is 0.  When the columns are dependent a ridge is added.  What is row-major and lower here
 * is upper to LAPACK.
 */
static lt_status factorise(lt_env *env, double *h, int c, double *root)
{
    double ridge = 0, *copy;
    int info;

    LT_TRY(lt_alloc(env, &copy, (size_t)c * (size_t)c, sizeof *copy, "the Hessian's factor"));
    for (int64_t j = 0; j < c; j++) {
        root[j] = h[j * c + j] > 0 ? sqrt(h[j * c + j]) : 1;
        for (int64_t k = 0; k <= j; k++)
            h[j * c + k] /= root[j] * root[k];
    }
    for (;; ridge = ridge == 0 ? RIDGE : ridge * 100) {
        bool sound;

        LT_TRY(lt_poll(env));
        memcpy(copy, h, (size_t)c * (size_t)c * sizeof *copy);
        for (int64_t j = 0; j < c; j++)
            copy[j * c + j] += ridge;
        dpotrf_("U", &c, copy, &c, &info);
        sound = info == 0;
        /* Rounding may leave a dependent column a tiny pivot instead of none. */
        for (int64_t j = 0; sound && j < c; j++)
            sound = copy[j * c + j] * copy[j * c + j] >= RIDGE / 2;
        if (sound)
            break;
        if (ridge > 1)
            return lt_fail(env, LT_DIVERGED, "the Hessian is not a matrix of finite numbers");
    }
    memcpy(h, copy, (size_t)c * (size_t)c * sizeof *copy);
    lt_free(env, copy);
    return LT_OK;
}

/*
 * Newton's method with step halving, from and to w. A step of length s leaves an error of the order of its square, k
 * s^2, where k is what the last two steps say; about the first nothing is known, and k counts as 1000.  The loss at the
 * end is the quadratic model's, whose error is of the order of the last step's cube.  With quiet, nothing is reported.
 */
static lt_status newton(lt_env *env, lt_logistic_fitter *f, bool quiet, int *iterations, bool *converged)
{
    int c = (int)f->c, one = 1, info, halvings = 0, done = 0;
    double *h, *g, *root, *step, *before, value, last = INFINITY, first_slope = 1, length = NAN;

    LT_TRY(lt_alloc(env, &h, (size_t)c * (size_t)c, sizeof *h, "the Hessian"));
    LT_TRY(lt_alloc(env, &g, 4 * (size_t)c, sizeof *g, "the gradient"));
    root = g + c;
    step = root + c;
    before = step + c;
    *converged = false;
    while (done < f->epochs && !*converged) {
        double largest = 1, longest = 0, slope = 0, decrease = 0, order, past = length;

        LT_TRY(evaluate(env, f, f->w, &value, g, h));
        /* The last term is what a sum of millions of terms cannot resolve. */
        if (value > last + 1e-13 * fabs(last)) {
            if (++halvings > HALVINGS)
                break;
            for (int j = 0; j < c; j++)
                f->w[j] = before[j] + (step[j] /= 2);
            continue;
        }
        last = value;
        done++;
        for (int j = 0; j < c; j++)
            slope = fmax(slope, fabs(g[j]));
        if (done == 1)
            first_slope = fmax(1, slope);

        LT_TRY(factorise(env, h, c, root));
        for (int j = 0; j < c; j++)
            step[j] = -g[j] / root[j];
        dpotrs_("U", &c, &one, h, &c, step, &c, &info);
        for (int j = 0; j < c; j++) {
            step[j] /= root[j];
            before[j] = f->w[j];
            f->w[j] += step[j];
            largest = fmax(largest, fabs(f->w[j]));
            longest = fmax(longest, fabs(step[j]));
            decrease -= g[j] * step[j] / 2;
        }
        length = longest / largest;
        order = isnan(past) || halvings > 0 ? 1000 : fmax(1, length / (past * past));
        halvings = 0;
        *converged = order * length * length <= 0.1 * f->tolerance || slope <= f->tolerance * 1e-3 * first_slope;
        for (int j = 1; *converged && j < c; j++)
            decrease += f->l2 / 2 * (f->w[j] * f->w[j] - before[j] * before[j]);
        if (*converged)
            f->loss -= decrease;
        if (!quiet)
            LT_TRY(report(env, f, done, f->w));
    }
    *iterations = done;
    if (*converged && length <= NEAR && !quiet) {
        f->factor = h;
        f->root = root;
        return LT_OK;
    }
    lt_free(env, h);
    lt_free(env, g);
    return LT_OK;
}

/* Every SAMPLE_STEP-th example. */
static lt_status thin(lt_env *env, const lt_examples *from, lt_examples *to)
{
    const char *what = "a sample of the rows";
    int64_t n = from->n / SAMPLE_STEP;

    memset(to, 0, sizeof *to);
    to->n = n;
    LT_TRY(lt_alloc(env, &to->row, (size_t)n, sizeof *to->row, what));
    LT_TRY(lt_alloc(env, &to->label, (size_t)n, sizeof *to->label, what));
    if (from->user != NULL)
        LT_TRY(lt_alloc(env, &to->user, (size_t)n, sizeof *to->user, what));
    if (from->item != NULL)
        LT_TRY(lt_alloc(env, &to->item, (size_t)n, sizeof *to->item, what));
    if (from->weight != NULL)
        LT_TRY(lt_alloc(env, &to->weight, (size_t)n, sizeof *to->weight, what));
    if (from->offset != NULL)
        LT_TRY(lt_alloc(env, &to->offset, (size_t)n, sizeof *to->offset, what));
    for (int64_t k = 0; k < n; k++) {
        int64_t i = k * SAMPLE_STEP;

        to->row[k] = from->row == NULL ? (int32_t)(from->row_first + i) : from->row[i];
        to->label[k] = from->label[i];
        if (to->user != NULL)
            to->user[k] = from->user[i];
        if (to->item != NULL)
            to->item[k] = from->item[i];
        if (to->weight != NULL)
            to->weight[k] = from->weight[i];
        if (to->offset != NULL)
            to->offset[k] = from->offset[i];
    }
    return LT_OK;
}

/* Sets w to about the optimum, from a sample; leaves it at 0 when the sample would not say much. */
static lt_status start_from_sample(lt_env *env, const lt_logistic_fitter *f)
{
    lt_logistic_fitter small = {.c = f->c, .tolerance = 1e-4, .epochs = 20, .w = f->w, .l2 = f->l2 / SAMPLE_STEP};
    lt_examples sample;
    int64_t count[2] = {0, 0};
    int iterations;
    bool converged;

    if (f->train.examples->n < SAMPLE_ROWS)
        return LT_OK;
    LT_TRY(thin(env, f->train.examples, &sample));
    for (int64_t i = 0; i < sample.n; i++)
        count[sample.label[i] != 0]++;
    if (count[0] >= SAMPLE_EACH * f->c && count[1] >= SAMPLE_EACH * f->c) {
        LT_TRY(lt_logistic_objective_init(env, &small.train, &f->train.in, &sample, f->train.class_weight));
        LT_TRY(newton(env, &small, true, &iterations, &converged));
        if (!converged)
            memset(f->w, 0, (size_t)f->c * sizeof *f->w);
        lt_logistic_objective_free(env, &small.train);
    }
    lt_free(env, sample.row);
    lt_free(env, sample.user);
    lt_free(env, sample.item);
    lt_free(env, sample.label);
    lt_free(env, sample.weight);
    lt_free(env, sample.offset);
    return LT_OK;
}

/* ---- many columns ---- */

static lt_status slope_at(lt_env *env, void *context, const double *w, double *value, double *gradient)
{
    return evaluate(env, context, w, value, gradient, NULL);
}

static lt_status report_at(lt_env *env, void *context, int iteration, const double *w)
{
    return report(env, context, iteration, w);
}

static lt_status penalised_diagonal(lt_env *env, void *context, double *diagonal)
{
    lt_logistic_fitter *f = context;

    LT_TRY(lt_logistic_diagonal(env, &f->train, diagonal));
    for (int64_t j = 1; j < f->c; j++)
        diagonal[j] += f->l2;
    return LT_OK;
}

static lt_status penalised_product(lt_env *env, void *context, const double *v, double *product)
{
    lt_logistic_fitter *f = context;

    LT_TRY(lt_logistic_product(env, &f->train, v, product));
    for (int64_t j = 1; j < f->c; j++)
        product[j] += f->l2 * v[j];
    return LT_OK;
}

/* The Hessian's diagonal at 0. */
static lt_status find_scale(lt_env *env, lt_logistic_fitter *f, double **scale)
{
    LT_TRY(lt_alloc(env, scale, (size_t)f->c, sizeof **scale, "the preconditioner"));
    LT_TRY(lt_logistic_curvature(env, &f->train, *scale));
    for (int64_t j = 0; j < f->c; j++) {
        (*scale)[j] += j > 0 ? f->l2 : 0;
        if ((*scale)[j] <= 0)
            (*scale)[j] = 1; /* a column of zeros: its derivative is 0 */
    }
    return LT_OK;
}

/* Correlated columns leave errors several times the scaled derivatives. */
static double tolerated(const lt_logistic_fitter *f)
{
    return f->tolerance / 10;
}

/* With item columns beside the items' own features there are directions that only the penalty determines, and which
 * take hundreds of passes to change no prediction. */
static double stalled(const lt_logistic_fitter *f)
{
    return f->train.factored && f->c > NEWTON_COLUMNS ? f->tolerance : 0;
}

static lt_status newton_by_products(lt_env *env, lt_logistic_fitter *f, int *iterations, bool *converged)
{
    lt_newton_cg spec = {.n = f->c,
                         .iterations = f->epochs,
                         .tolerance = tolerated(f),
                         .stall = stalled(f) / 100,
                         .context = f,
                         .evaluate = slope_at,
                         .diagonal = penalised_diagonal,
                         .product = penalised_product,
                         .progress = report_at};
    double *scale;

    LT_TRY(lt_logistic_keep_curvature(env, &f->train));
    LT_TRY(find_scale(env, f, &scale));
    spec.scale = scale;
    LT_TRY(lt_newton_cg_minimize(env, &spec, f->w, iterations, converged));
    lt_free(env, scale);
    return LT_OK;
}

static lt_status quasi_newton(lt_env *env, lt_logistic_fitter *f, int *iterations, bool *converged)
{
    lt_lbfgs spec = {.n = f->c,
                     .iterations = f->epochs,
                     .tolerance = tolerated(f),
                     .stall = stalled(f),
                     .context = f,
                     .evaluate = slope_at,
                     .progress = report_at};
    double *scale, *penalty = NULL;

    LT_TRY(find_scale(env, f, &scale));
    if (f->l1 > 0) {
        LT_TRY(lt_alloc(env, &penalty, (size_t)f->c, sizeof *penalty, "the l1 penalty"));
        for (int64_t j = 1; j < f->c; j++)
            penalty[j] = f->l1;
    }
    spec.scale = scale;
    spec.l1 = penalty;
    LT_TRY(lt_lbfgs_minimize(env, &spec, f->w, iterations, converged));
    lt_free(env, scale);
    lt_free(env, penalty);
    return LT_OK;
}

lt_status lt_logistic_fit(lt_env *env, lt_logistic_fitter *f, lt_fit *fit)
{
    bool cheap = f->c <= NEWTON_COLUMNS && lt_logistic_hessian_work(&f->train) <= NEWTON_WORK;
    lt_logistic_solver solver = f->solver;

    if (solver == LT_LOGISTIC_AUTO)
        solver = f->l1 > 0 ? LT_LOGISTIC_LBFGS : cheap ? LT_LOGISTIC_NEWTON : LT_LOGISTIC_NEWTON_CG;
    if (solver == LT_LOGISTIC_NEWTON) {
        LT_TRY(start_from_sample(env, f));
        LT_TRY(newton(env, f, false, &fit->epochs, &fit->converged));
    } else if (solver == LT_LOGISTIC_NEWTON_CG) {
        LT_TRY(newton_by_products(env, f, &fit->epochs, &fit->converged));
    } else {
        LT_TRY(quasi_newton(env, f, &fit->epochs, &fit->converged));
    }
    if (f->row.epoch > 0)
        LT_TRY(measure(env, f, f->w));
    log_row(env, f);
    return LT_OK;
}

bool lt_logistic_has_covariance(const lt_logistic_fitter *f)
{
    return f->l1 == 0 && f->c <= LT_LOGISTIC_NEWTON_MOST &&
           lt_logistic_hessian_work(&f->train) <= LT_LOGISTIC_MOST_WORK;
}

/* The Hessian at w, factorised. */
static lt_status factor_at(lt_env *env, lt_logistic_fitter *f, double **h, double **root)
{
    double *g, value;

    LT_TRY(lt_alloc(env, h, (size_t)f->c * (size_t)f->c, sizeof **h, "the Hessian"));
    LT_TRY(lt_alloc(env, &g, 2 * (size_t)f->c, sizeof *g, "the gradient"));
    *root = g + f->c;
    LT_TRY(evaluate(env, f, f->w, &value, g, *h));
    return factorise(env, *h, (int)f->c, *root);
}

lt_status lt_logistic_covariance(lt_env *env, lt_logistic_fitter *f, double *diagonal, int dense, double *block)
{
    int c = (int)f->c, info;
    double *h = f->factor, *root = f->root;

    if (h == NULL)
        LT_TRY(factor_at(env, f, &h, &root));
    dpotri_("U", &c, h, &c, &info);
    LT_TRY(lt_poll(env));
    for (int64_t j = 0; j < c; j++) {
        double inflation = h[j * c + j];

        diagonal[j] = inflation > SINGULAR ? NAN : inflation / (root[j] * root[j]);
    }
    for (int64_t j = 0; block != NULL && j < dense; j++) {
        for (int64_t k = 0; k <= j; k++) {
            double v = isnan(diagonal[j] + diagonal[k]) ? NAN : h[j * c + k] / (root[j] * root[k]);

            block[j * dense + k] = block[k * dense + j] = v;
        }
    }
    lt_free(env, h);
    return LT_OK;
}
