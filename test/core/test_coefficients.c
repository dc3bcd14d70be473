/*
 * test_coefficients.c: coefficients in the columns' units, against the same figures from a model in those units.
 *
 * A logistic model with covariance V in encoded units is the model with covariance A V A' in the columns' own, where A
 * is the linear map between the two: the naive version below multiplies the matrices out.
 */
#include "tap.h"

#include "coefficients.h"

enum { D = 3, S = 2, C = 1 + D + S };

static const double mean[D] = {5, -2, 0}, scale[D] = {0.5, 4, 0};
static const double w[C] = {0.3, 1.2, -0.7, 0.9, 2, -1};

/* A positive definite covariance of the intercept and the dense columns. */
static double covariance(int i, int j)
{
    return (i == j ? 0.5 + 0.1 * i : 0) + 0.01 * (i + 1) * (j + 1);
}

static void make_model(lt_env *env, lt_model *m, bool with_diagonal, bool with_block)
{
    double *values;

    memset(m, 0, sizeof *m);
    m->algorithm = lt_algorithm_find("logistic");
    m->link = LT_LINK_LOGISTIC;
    m->design.row_dense = D;
    m->design.row_sparse = S;
    fine(env, lt_design_finish(env, &m->design));
    fine(env, lt_model_add_f64(env, m, "coefficients", 1, C, &values));
    memcpy(values, w, sizeof w);
    if (with_diagonal) {
        fine(env, lt_model_add_f64(env, m, "covariance_diagonal", 1, C, &values));
        for (int j = 0; j < C; j++)
            values[j] = covariance(j, j);
        values[C - 1] = NAN;
    }
    if (with_block) {
        fine(env, lt_model_add_f64(env, m, "covariance_dense", 1 + D, 1 + D, &values));
        for (int i = 0; i <= D; i++)
            for (int j = 0; j <= D; j++)
                values[i * (1 + D) + j] = covariance(i, j);
    }
    fine(env, m->algorithm->check(env, m));
}

/* Row i of A. */
static void map_row(int i, double row[1 + D])
{
    memset(row, 0, (1 + D) * sizeof *row);
    if (i == 0) {
        row[0] = 1;
        for (int j = 0; j < D; j++)
            row[1 + j] = -mean[j] * scale[j];
    } else {
        row[i] = scale[i - 1];
    }
}

static void test_units(void)
{
    lt_env *env = test_env();
    lt_coefficient out[C];
    lt_model m;

    make_model(env, &m, true, true);
    fine(env, lt_coefficients(env, &m, mean, scale, out));
    for (int i = 0; i <= D; i++) {
        double a[1 + D], coefficient = 0, variance = 0;

        map_row(i, a);
        for (int j = 0; j <= D; j++) {
            coefficient += a[j] * w[j];
            for (int k = 0; k <= D; k++)
                variance += a[j] * covariance(j, k) * a[k];
        }
        near(out[i].coefficient, coefficient, 1e-12, "coefficient %d in its units", i);
        near(out[i].standard_error, variance > 0 ? sqrt(variance) : NAN, 1e-12, "standard error %d", i);
        near(out[i].z, variance > 0 ? coefficient / sqrt(variance) : NAN, 1e-12, "z %d", i);
    }
    near(out[0].odds_ratio, NAN, 0, "the intercept has no odds ratio");
    near(out[1].odds_ratio, exp(0.6), 1e-12, "an odds ratio is per unit of the column");
    near(out[D].coefficient, 0, 0, "a constant column has no effect");
    near(out[D + 1].coefficient, 2, 0, "sparse columns are as they are");
    near(out[D + 1].standard_error, sqrt(covariance(D + 1, D + 1)), 1e-12, "and so are their errors");
    near(out[C - 1].p_value, NAN, 0, "an undetermined column is not tested");
    test_env_drop(env);
}

static void test_p_values(void)
{
    /* Two-sided tails of the normal distribution at 1.959963984540054 and 10, from tables. */
    lt_env *env = test_env();
    const double zero[D] = {0}, one[D] = {1, 1, 1};
    lt_coefficient out[C];
    lt_model m;

    make_model(env, &m, true, true);
    m.array[0].d[1] = 1.959963984540054 * sqrt(covariance(1, 1));
    m.array[0].d[2] = -10 * sqrt(covariance(2, 2));
    m.array[0].d[3] = 0;
    fine(env, lt_coefficients(env, &m, zero, one, out));
    near(out[1].p_value, 0.05, 1e-12, "p at the 95 %% point");
    near(out[2].p_value / 1.523970604832105e-23, 1, 1e-9, "p keeps its digits far out");
    near(out[3].p_value, 1, 0, "p of no effect");
    test_env_drop(env);
}

static void test_what_is_missing(void)
{
    lt_env *env = test_env();
    const double zero[D] = {0};
    lt_coefficient out[C];
    lt_model m;

    make_model(env, &m, true, false);
    fine(env, lt_coefficients(env, &m, mean, scale, out));
    near(out[0].standard_error, NAN, 0, "the intercept of shifted columns has no error");
    near(out[1].standard_error, scale[0] * sqrt(covariance(1, 1)), 1e-12, "the columns have theirs");
    fine(env, lt_coefficients(env, &m, zero, scale, out));
    near(out[0].standard_error, sqrt(covariance(0, 0)), 1e-12, "the intercept needs no block");

    make_model(env, &m, false, false);
    fine(env, lt_coefficients(env, &m, mean, scale, out));
    near(out[1].standard_error, NAN, 0, "no standard errors");
    near(out[1].coefficient, 0.6, 1e-12, "but coefficients");

    m.algorithm = lt_algorithm_find("mlp");
    ok(lt_coefficients(env, &m, mean, scale, out) == LT_UNSUPPORTED, "other algorithms have none");
    test_env_drop(env);
}

static void test_scales(void)
{
    lt_env *env = test_env();
    double m[3] = {0}, s[3] = {0};
    const double vector[2] = {1, 10};
    lt_encoder e;
    lt_table t = {0};

    fine(env, lt_encoder_init(env, &e));
    fine(env, lt_encoder_add(env, &e, "colour", LT_CATEGORY));
    fine(env, lt_encoder_add(env, &e, "price", LT_NUMBER));
    fine(env, lt_encoder_add(env, &e, "place", LT_VECTOR));
    for (int i = 0; i < 2; i++) {
        const double place[2] = {vector[0] + 4 * i, vector[1]};

        lt_encoder_begin_row(env, &e);
        lt_encode_token(env, &e, 0, "red", 3);
        lt_encode_number(env, &e, 1, 3 + 2 * i);
        lt_encode_vector(env, &e, 2, place, 2);
        lt_encoder_end_row(env, &e);
    }
    fine(env, lt_encoder_finish(env, &e, 1, true, NULL, 2, &t));
    lt_encoder_scales(&e, m, s);
    near(m[e.feature[1].dense_first], 4, 0, "the number's mean");
    near(s[e.feature[1].dense_first], 1, 0, "the number's scale");
    near(m[e.feature[2].dense_first], 3, 0, "the vector's mean");
    near(s[e.feature[2].dense_first], 0.5, 0, "the vector's scale");
    near(s[e.feature[2].dense_first + 1], 0, 0, "a constant element's scale");
    test_env_drop(env);
}

int main(void)
{
    test_units();
    test_p_values();
    test_what_is_missing();
    test_scales();
    return done();
}
