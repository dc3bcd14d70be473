/*
 * test_private_fit.c: private training: gradients cut row by row against a naive way, noise and sampling by their
 * statistics, what an attacker is left, seeds, and that nothing changes where it is off.
 */
#include "logistic_data.h"

#include "metrics.h"
#include "private_fit.h"

#include <time.h>

extern const lt_algorithm lt_mlp;

/* ---- secure numbers for tests: another stream at every call ---- */

static bool stream(void *context, void *bytes, size_t n)
{
    static lt_random random;
    static bool seeded;
    unsigned char *out = bytes;

    (void)context;
    if (!seeded)
        lt_random_seed(&random, 4711);
    seeded = true;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(lt_random_next(&random) >> 40);
    return true;
}

static bool no_stream(void *context, void *bytes, size_t n)
{
    (void)context;
    (void)bytes;
    (void)n;
    return false;
}

/* ---- gradients ---- */

static const lt_options *mlp_options(lt_env *env, const char *const *given)
{
    lt_options *o;

    lt_alloc(env, &o, 1, sizeof *o, "test");
    fine(env, lt_options_init(env, o, lt_mlp.options, lt_mlp.n_options));
    for (; given != NULL && *given != NULL; given += 2) {
        if (strchr("0123456789", given[1][0]) != NULL)
            fine(env, lt_options_set_number(env, o, given[0], atof(given[1])));
        else
            fine(env, lt_options_set_text(env, o, given[0], given[1]));
    }
    return o;
}

static lt_network some_network(lt_env *env, const lt_design *d, int layers, lt_activation activation)
{
    lt_network net = {.activation = activation, .dense = d->dense, .sparse = d->sparse, .layers = layers};
    lt_mlp_array array[LT_MLP_ARRAYS];
    lt_random r;
    int n;

    for (int l = 0; l < layers; l++)
        net.width[l] = l == layers - 1 ? 1 : 7 - 2 * l;
    fine(env, lt_mlp_alloc(env, &net));
    n = lt_mlp_arrays(&net, array);
    lt_random_seed(&r, 5);
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < array[i].rows * array[i].cols; j++)
            (*array[i].values)[j] = (float)(0.4 * lt_random_normal(&r));
    return net;
}

/* The weighted loss of one row. */
static double loss_of(lt_env *env, lt_network *net, const lt_private_spec *s, int32_t row)
{
    const lt_examples *ex = s->train;
    const lt_mlp_objective *o = &s->objective;
    float label = ex->label[row];
    lt_examples one = {.n = 1, .row_first = row, .label = &label};
    float margin;
    double slope;

    if (lt_mlp_margins(env, net, s->inputs, &one, &margin) != LT_OK)
        return NAN;
    return (ex->weight == NULL ? 1 : ex->weight[row]) *
           lt_loss_value(o->loss, o->delta / o->sd, margin, (label - o->mean) / o->sd, &slope);
}

/* The sum of the rows' gradients, each by differences of its loss and cut by itself. */
static int naive(lt_env *env, lt_network *net, const lt_private_spec *s, double clip, const int32_t *row, int many,
                 double *sum, int64_t n_values)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(net, array), n_cut = 0;
    double *g = calloc((size_t)n_values, sizeof *g);

    memset(sum, 0, (size_t)n_values * sizeof *sum);
    for (int k = 0; k < many; k++) {
        int64_t at = 0;
        double norm = 0;

        for (int i = 0; i < n; i++)
            for (int64_t j = 0; j < array[i].rows * array[i].cols; j++, at++) {
                float *w = *array[i].values + j, kept = *w, h = 0.01f;
                double up, down;

                *w = kept + h;
                up = loss_of(env, net, s, row[k]);
                *w = kept - h;
                down = loss_of(env, net, s, row[k]);
                g[at] = (up - down) / ((double)(kept + h) - (double)(kept - h));
                *w = kept;
                norm += g[at] * g[at];
            }
        norm = sqrt(norm);
        n_cut += norm > clip;
        for (int64_t j = 0; j < n_values; j++)
            sum[j] += g[j] * (norm > clip ? clip / norm : 1);
    }
    free(g);
    return n_cut;
}

static void test_gradient(lt_env *env, int layers, lt_activation activation, lt_loss loss, double clip, bool weighted)
{
    enum { N = 40, MANY = 25 };
    lt_dataset mixed = mixed_data(env, N, 4), *d = &mixed;
    lt_inputs in = lt_dataset_inputs(d);
    lt_network net = some_network(env, &d->design, layers, activation);
    char text[32];
    lt_private_spec s = {.inputs = &in,
                         .train = &d->train,
                         .validation = &d->validation,
                         .objective = {.loss = loss, .delta = 0.5, .sd = 1, .class_weight = {1, 1}, .weight_scale = 1}};
    lt_private_fit f;
    int32_t row[MANY];
    double *want, worst = 0, largest = 0;
    int n_cut;

    snprintf(text, sizeof text, "%g", clip);
    s.options = mlp_options(env, OPTIONS("dp_clip", text));
    for (int i = 0; i < MANY; i++)
        row[i] = (i * 7) % N;
    if (weighted) {
        fine(env, lt_alloc(env, &d->train.weight, N, sizeof(float), "test"));
        for (int i = 0; i < N; i++)
            d->train.weight[i] = (float)(0.2 + i % 5);
    }
    if (loss == LT_LOSS_SQUARED || loss == LT_LOSS_HUBER) {
        s.objective.mean = 0.3;
        s.objective.sd = 0.5;
    }
    fine(env, lt_private_init(env, &s, &net, &f));
    want = calloc((size_t)f.n_values, sizeof *want);
    n_cut = naive(env, &net, &s, clip, row, MANY, want, f.n_values);
    fine(env, lt_private_gradient(env, &f, row, MANY));
    for (int64_t j = 0; j < f.n_values; j++) {
        worst = fmax(worst, fabs(want[j] - f.sum[j]));
        largest = fmax(largest, fabs(want[j]));
    }
    near(worst / largest, 0, 2e-3, "%d layers, activation %d, loss %d, clip %g: %d of %d rows cut, %lld weights",
         layers, activation, loss, clip, n_cut, MANY, (long long)f.n_values);
    free(want);
}

/* However it is divided, and one row at a time, whose norm must not be above the bound. */
static void test_division(lt_env *env)
{
    enum { N = 6000 };
    lt_dataset mixed = mixed_data(env, N, 6), *d = &mixed;
    lt_inputs in = lt_dataset_inputs(d);
    lt_network net = some_network(env, &d->design, 3, LT_TANH);
    lt_private_spec s = {.inputs = &in,
                         .train = &d->train,
                         .validation = &d->validation,
                         .options = mlp_options(env, OPTIONS("dp_clip", "0.3")),
                         .objective = {.loss = LT_LOSS_LOGISTIC, .sd = 1, .class_weight = {1, 1}, .weight_scale = 1}};
    lt_private_fit f;
    int32_t *row = malloc(N * sizeof *row);
    double *sum, worst = 0, longest = 0;
    float *first;

    for (int i = 0; i < N; i++)
        row[i] = i;
    fine(env, lt_private_init(env, &s, &net, &f));
    ok(f.parts > 1, "the rows are shared by %d parts", f.parts);
    sum = calloc((size_t)f.n_values, sizeof *sum);
    first = malloc((size_t)f.n_values * sizeof *first);
    for (int i = 0; i < N; i++) {
        double squares = 0;

        if (lt_private_gradient(env, &f, row + i, 1) != LT_OK)
            break;
        for (int64_t j = 0; j < f.n_values; j++) {
            sum[j] += f.sum[j];
            squares += (double)f.sum[j] * f.sum[j];
        }
        longest = fmax(longest, sqrt(squares));
    }
    ok(longest <= 0.3 && longest > 0.2999, "no row's gradient is longer than the bound: %.9g", longest);
    fine(env, lt_private_gradient(env, &f, row, N));
    for (int64_t j = 0; j < f.n_values; j++)
        worst = fmax(worst, fabs(sum[j] - f.sum[j]));
    near(worst, 0, 0.01, "together they add up to the same");
    memcpy(first, f.sum, (size_t)f.n_values * sizeof *first);
    f.round = f.block;
    test_env_team(env, 3);
    fine(env, lt_private_gradient(env, &f, row, N));
    ok(memcmp(first, f.sum, (size_t)f.n_values * sizeof *first) == 0, "bit by bit the same in rounds and on threads");
    test_env_team(env, 1);
    fine(env, lt_private_gradient(env, &f, row, 0));
    for (int64_t j = 0; j < f.n_values; j++)
        longest = fmax(j == 0 ? 0 : longest, fabs((double)f.sum[j]));
    near(longest, 0, 0, "no rows, no gradient");
    free(row);
    free(sum);
    free(first);
}

/* Rows beyond the range of numbers count as zero, and leave the others alone. */
static void test_wild(lt_env *env)
{
    lt_dataset mixed = mixed_data(env, 20, 4), *d = &mixed;
    lt_inputs in = lt_dataset_inputs(d);
    lt_network net = some_network(env, &d->design, 3, LT_RELU);
    lt_private_spec s = {.inputs = &in,
                         .train = &d->train,
                         .validation = &d->validation,
                         .options = mlp_options(env, NULL),
                         .objective = {.loss = LT_LOSS_SQUARED, .sd = 1, .class_weight = {1, 1}, .weight_scale = 1}};
    const int32_t calm[] = {0, 1, 2, 3}, all[] = {0, 1, 2, 3, 7};
    lt_private_fit f;
    float *want;

    for (int j = 0; j < 4; j++)
        d->row.x[7 * 4 + j] = j % 2 ? 3e38f : -3e38f;
    fine(env, lt_private_init(env, &s, &net, &f));
    want = malloc((size_t)f.n_values * sizeof *want);
    fine(env, lt_private_gradient(env, &f, calm, 4));
    memcpy(want, f.sum, (size_t)f.n_values * sizeof *want);
    fine(env, lt_private_gradient(env, &f, all, 5));
    ok(memcmp(want, f.sum, (size_t)f.n_values * sizeof *want) == 0, "a row without a finite gradient adds nothing");
    free(want);
}

/* ---- noise ---- */

static void test_noise(lt_env *env)
{
    enum { N = 400000 };
    double sum = 0, squares = 0, cubes = 0, fourth = 0, beyond = 0, product = 0;
    lt_noise noise;
    float *v = calloc(N, sizeof *v);
    int32_t *row = malloc(N * sizeof *row);
    int64_t many, total = 0, of_three[3] = {0};

    ok(lt_noise_init(env, false, 1, &noise) == LT_UNSUPPORTED, "no secure source: %s", env->error.message);
    env->secure_random = no_stream;
    fine(env, lt_noise_init(env, false, 1, &noise));
    ok(lt_noise_add(&noise, 1, 1, v) == LT_UNSUPPORTED && v[0] == 0, "nor one that gives none: %s", env->error.message);
    env->secure_random = stream;
    fine(env, lt_noise_init(env, false, 1, &noise));
    fine(env, lt_noise_add(&noise, 2.5, N, v));
    for (int i = 0; i < N; i++) {
        double z = v[i] / 2.5;

        sum += z;
        squares += z * z;
        cubes += z * z * z;
        fourth += z * z * z * z;
        beyond += fabs(z) > 1.959964;
        product += i > 0 ? z * v[i - 1] / 2.5 : 0;
    }
    /* five standard errors each */
    near(sum / N, 0, 5 / sqrt(N), "noise: mean");
    near(squares / N, 1, 5 * sqrt(2.0 / N), "variance");
    near(cubes / N, 0, 5 * sqrt(15.0 / N), "third moment");
    near(fourth / N, 3, 5 * sqrt(96.0 / N), "fourth moment");
    near(beyond / N, 0.05, 5 * sqrt(0.05 * 0.95 / N), "five in a hundred beyond 1.96");
    near(product / N, 0, 5 / sqrt(N), "neighbours have nothing to do with each other");

    fine(env, lt_noise_sample(&noise, 1, 1000, row, &many));
    ok(many == 1000 && row[0] == 0 && row[999] == 999, "a rate of 1 takes all");
    for (int t = 0; t < 2000; t++) {
        bool ascending = true;

        if (lt_noise_sample(&noise, 0.03, 3000, row, &many) != LT_OK)
            break;
        total += many;
        for (int64_t i = 0; i < many; i++) {
            ascending &= (i == 0 || row[i] > row[i - 1]) && row[i] < 3000;
            of_three[row[i] / 1000]++;
        }
        if (!ascending)
            total = -1;
    }
    near((double)total / 2000, 90, 5 * sqrt(3000 * 0.03 * 0.97 / 2000), "a rate of 0.03 takes as many, ascending");
    for (int k = 0; k < 3; k++)
        near((double)of_three[k] / 2000, 30, 5 * sqrt(1000 * 0.03 * 0.97 / 2000), "from every third alike");
    free(v);
    free(row);
}

/* ---- trained models ---- */

/* n rows, half of whose labels follow the first two of d columns. */
static lt_dataset *planted(lt_env *env, int n, int d, int held_out, uint64_t seed)
{
    lt_dataset *data;
    lt_random r;
    float *label;

    lt_random_seed(&r, seed);
    lt_alloc(env, &data, 1, sizeof *data, "test");
    data->design.row_dense = d;
    lt_design_finish(env, &data->design);
    data->row = (lt_table){.n = n, .dense = d};
    lt_alloc(env, &data->row.x, (size_t)n * (size_t)d, sizeof(float), "test");
    lt_alloc(env, &label, (size_t)n, sizeof *label, "test");
    for (int i = 0; i < n; i++) {
        float *x = data->row.x + (size_t)i * (size_t)d;

        for (int j = 0; j < d; j++)
            x[j] = (float)lt_random_normal(&r);
        label[i] = lt_random_uniform(&r) < 1 / (1 + exp(-2 * x[0] + 2 * x[1]));
    }
    data->train = (lt_examples){.n = n - held_out, .label = label};
    data->validation = (lt_examples){.n = held_out, .row_first = n - held_out, .label = label + n - held_out};
    return data;
}

static fitted train_mlp(lt_env *env, const lt_dataset *d, const char *const *options)
{
    fitted f = {.model.algorithm = &lt_mlp};

    f.status = lt_mlp.train(env, d, mlp_options(env, options), &f.model, &f.fit);
    return f;
}

static double auc_of(lt_env *env, const fitted *f, const lt_dataset *d, const lt_examples *ex)
{
    lt_inputs in = lt_dataset_inputs(d);
    double *score = calloc((size_t)ex->n, sizeof *score), value = 0, *label = calloc((size_t)ex->n, sizeof *label);
    float *margin = calloc((size_t)ex->n, sizeof *margin);

    if (f->status != LT_OK || f->model.algorithm->predict(env, &f->model, &in, ex, margin) != LT_OK)
        return NAN;
    for (int64_t i = 0; i < ex->n; i++)
        for (int64_t j = 0; j < ex->n; j++)
            if (ex->label[i] > ex->label[j]) {
                label[0]++;
                value += margin[i] > margin[j] ? 1 : margin[i] == margin[j] ? 0.5 : 0;
            }
    value /= label[0];
    free(score);
    free(label);
    free(margin);
    return value;
}

static bool alike(const fitted *a, const fitted *b)
{
    bool same = a->model.n_arrays == b->model.n_arrays;

    for (int i = 0; same && i < a->model.n_arrays; i++) {
        const lt_array *x = &a->model.array[i], *y = &b->model.array[i];
        size_t n = (size_t)(x->rows * x->cols);

        same = strcmp(x->name, y->name) == 0 && x->rows == y->rows && x->cols == y->cols &&
               (x->d == NULL || memcmp(x->d, y->d, n * sizeof *x->d) == 0) &&
               (x->f == NULL || memcmp(x->f, y->f, n * sizeof *x->f) == 0);
    }
    return same;
}

/* What the model promises; zeros when nothing. */
static lt_privacy privacy(const fitted *f)
{
    lt_privacy p = {0};

    lt_privacy_of(&f->model, &p);
    return p;
}

/* One step over columns that are all 0: what their weights are is the noise that was applied, and nothing else. */
static void test_applied(lt_env *env)
{
    enum { N = 50, D = 20000 };
    lt_dataset *d = planted(env, N, D, 0, 9);
    double sum = 0, squares = 0;
    fitted f;
    lt_privacy p;

    memset(d->row.x, 0, (size_t)N * D * sizeof *d->row.x);
    f = train(env, d,
              OPTIONS("dp_epsilon", "3", "dp_delta", "0.001", "dp_clip", "0.25", "epochs", "1", "learning_rate", "2"));
    fine(env, f.status);
    p = privacy(&f);
    for (int j = 1; j <= D; j++) {
        sum += array(&f, "coefficients")[j];
        squares += array(&f, "coefficients")[j] * array(&f, "coefficients")[j];
    }
    near(sqrt(squares / D) / (2 * p.sigma * 0.25 / N), 1, 5 / sqrt(2.0 * D), "weights have the noise promised: sd %g",
         sqrt(squares / D));
    near(sum / D / sqrt(squares / D), 0, 5 / sqrt(D), "around 0");
}

/* With 60 rows the noise of a small epsilon is all there is. */
static void test_chance(lt_env *env)
{
    enum { RUNS = 40 };
    lt_dataset *d = planted(env, 560, 8, 500, 6);
    fitted off = train(env, d, NULL);
    double sum = 0;

    for (int i = 0; i < RUNS; i++) {
        fitted on = train(env, d, OPTIONS("dp_epsilon", "0.02"));

        sum += auc_of(env, &on, d, &d->validation);
    }
    ok(fabs(sum / RUNS - 0.5) < 0.15 && auc_of(env, &off, d, &d->validation) > 0.8,
       "a tiny epsilon leaves chance: AUC %.3f in the mean of %d, without %.3f", sum / RUNS, RUNS,
       auc_of(env, &off, d, &d->validation));
}

static void test_logistic(lt_env *env)
{
    lt_dataset *d = planted(env, 6000, 8, 1000, 1);
    fitted off = train(env, d, NULL), loose, twice, other;
    lt_privacy p;
    test_context *c = env->context;

    loose = train(env, d, OPTIONS("dp_epsilon", "8"));
    fine(env, loose.status);
    near(auc_of(env, &loose, d, &d->validation), auc_of(env, &off, d, &d->validation), 0.01,
         "logistic, epsilon 8: as good as without");
    p = privacy(&loose);
    ok(p.epsilon <= 8 && p.epsilon > 7.9 && p.delta == 1e-6 && p.clip == 1 && p.q == 1 && p.steps == 100 && !p.seeded &&
           p.validated && !p.scaled && p.sigma > 1,
       "it says what it promises: epsilon %g, sigma %g", p.epsilon, p.sigma);
    ok(isnan(loose.fit.loss) && isnan(c->last.train_loss) && isfinite(c->last.validation_loss) && c->last.epoch == 100,
       "no training loss is told, validation's %g is", c->last.validation_loss);
    ok(!lt_privacy_of(&off.model, &p), "without, nothing is promised");
    ok(lt_model_array(&loose.model, "covariance_diagonal") == NULL, "there are no standard errors");

    twice = train(env, d, OPTIONS("dp_epsilon", "8"));
    ok(!alike(&loose, &twice), "noise is another each time");
    twice = train(env, d, OPTIONS("dp_epsilon", "8", "seed", "7"));
    other = train(env, d, OPTIONS("dp_epsilon", "8", "seed", "7"));
    ok(twice.status == LT_OK && alike(&twice, &other), "but with a seed");
    ok(privacy(&twice).seeded == 1, "which is then said");
    other = train(env, d, OPTIONS("dp_epsilon", "8", "seed", "8"));
    ok(!alike(&twice, &other), "another seed, other weights");
    test_env_team(env, 3);
    other = train(env, d, OPTIONS("dp_epsilon", "8", "seed", "7"));
    test_env_team(env, 1);
    ok(alike(&twice, &other), "any number of threads gives the same");
    lt_model_array(&twice.model, "privacy")->d[5] = NAN;
    ok(!lt_privacy_of(&twice.model, &p), "figures of no training are none");
    other = train(env, d, OPTIONS("dp_epsilon", "0", "dp_clip", "3", "dp_delta", "0.01"));
    ok(alike(&off, &other), "off: the weights of logistic as ever, bit by bit");

    twice = train(env, d, OPTIONS("dp_epsilon", "2", "batch_size", "250", "epochs", "7"));
    p = privacy(&twice);
    ok(p.q == 0.05 && p.steps == 140, "batches of 250 of 5,000: rate %g, %g steps", p.q, p.steps);
    c->cancel_at = c->polls + 40;
    ok(train(env, d, OPTIONS("dp_epsilon", "2")).status == LT_CANCELLED, "it can be cancelled");
    c->cancel_at = 0;
}

/*
 * What the promise is about: one row more or less.  With all rows in every step, two models that differ in one row as
 * far off as can be, trained many times: a guess of which is which from the weight the row pulls at must not be right
 * more often than epsilon allows: hits <= exp(epsilon) * false alarms + delta.
 */
static void test_row(lt_env *env)
{
    enum { N = 200, RUNS = 400 };
    lt_dataset *d = planted(env, N, 3, 0, 3);
    double with[RUNS], without[RUNS], epsilon = 1, worst = 0, best = 0;

    for (int j = 0; j < 3; j++)
        d->row.x[(N - 1) * 3 + j] = j == 2 ? 1000 : 0;
    d->train.label[N - 1] = 1;
    for (int run = 0; run < RUNS; run++) {
        const char *const *o = OPTIONS("dp_epsilon", "1", "dp_delta", "1e-4", "epochs", "5", "learning_rate", "0.5");
        fitted f;

        d->train.n = N;
        f = train(env, d, o);
        with[run] = f.status == LT_OK ? array(&f, "coefficients")[3] : NAN;
        d->train.n = N - 1;
        f = train(env, d, o);
        without[run] = f.status == LT_OK ? array(&f, "coefficients")[3] : NAN;
    }
    for (int k = 0; k < RUNS; k++) {
        double hits = 0, alarms = 0;

        for (int i = 0; i < RUNS; i++) {
            hits += with[i] >= without[k];
            alarms += without[i] >= without[k];
        }
        /* an excess, less three of its standard errors */
        worst = fmax(worst, hits / RUNS - exp(epsilon) * alarms / RUNS - 1e-4 -
                                3 * sqrt((hits + exp(2 * epsilon) * alarms) / RUNS / RUNS));
        best = fmax(best, (hits - alarms) / RUNS);
    }
    ok(worst <= 0, "who looks for the row finds it no more often than promised");
    ok(best > 0.05, "though its pull shows: advantage %.3f", best);
}

static void test_mlp(lt_env *env)
{
    lt_dataset *d = planted(env, 6000, 8, 1000, 2);
    fitted off, on, twice;
    lt_privacy p;

    off = train_mlp(env, d, OPTIONS("epochs", "5"));
    twice = train_mlp(env, d, OPTIONS("epochs", "5", "dp_delta", "0.001"));
    ok(alike(&off, &twice), "off: the weights of mlp as ever, bit by bit");
    on = train_mlp(env, d, OPTIONS("dp_epsilon", "8", "epochs", "20", "learning_rate", "0.01"));
    fine(env, on.status);
    ok(auc_of(env, &on, d, &d->validation) > auc_of(env, &off, d, &d->validation) - 0.04,
       "mlp, epsilon 8: AUC %.3f, without %.3f", auc_of(env, &on, d, &d->validation),
       auc_of(env, &off, d, &d->validation));
    p = privacy(&on);
    ok(p.q == 256 / 5000.0 && p.steps == 20 * 20 && p.epsilon <= 8 && p.epsilon > 7.9, "rate %g, %g steps, epsilon %g",
       p.q, p.steps, p.epsilon);
    fine(env, lt_mlp.check(env, &on.model));
    twice = train_mlp(env, d, OPTIONS("dp_epsilon", "1", "epochs", "2", "seed", "3"));
    on = train_mlp(env, d, OPTIONS("dp_epsilon", "1", "epochs", "2", "seed", "3"));
    ok(alike(&on, &twice), "a seed makes it the same again");

    /* numbers as labels: the scale comes back at the end */
    for (int i = 0; i < 6000; i++)
        d->train.label[i] = 1000 + 50 * d->row.x[i * 8] + 5 * (float)(i % 7 - 3);
    d->label_kind = LT_LABEL_REAL;
    on = train_mlp(env, d, OPTIONS("dp_epsilon", "8", "epochs", "30", "learning_rate", "0.01"));
    fine(env, on.status);
    ok(auc_of(env, &on, d, &d->validation) > 0.9, "squared loss: order kept, %.3f",
       auc_of(env, &on, d, &d->validation));
    ok(privacy(&on).scaled == 1, "the label's mean and sd are said to be outside");
}

static void test_errors(lt_env *env)
{
    lt_dataset *d = planted(env, 300, 3, 0, 4), shop = recommender_data(env, 50);
    fitted f;

    f = train(env, d, OPTIONS("dp_epsilon", "1", "class_weight", "balanced"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train(env, d, OPTIONS("dp_epsilon", "1", "solver", "newton"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train(env, d, OPTIONS("dp_epsilon", "1", "dp_delta", "0.01"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train(env, d, OPTIONS("dp_epsilon", "0.000001"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train(env, d, OPTIONS("learning_rate", "0.1"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train_mlp(env, d, OPTIONS("dp_epsilon", "1", "early_stopping", "2"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train_mlp(env, d, OPTIONS("dp_epsilon", "1", "dropout", "0.2"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    f = train(env, &shop, OPTIONS("dp_epsilon", "1"));
    ok(f.status == LT_UNSUPPORTED, "%s", env->error.message);
    d->train.n = 0;
    f = train(env, d, OPTIONS("dp_epsilon", "1"));
    ok(f.status == LT_INVALID, "%s", env->error.message);
    d->train.n = 1;
    f = train(env, d, OPTIONS("dp_epsilon", "1"));
    ok(f.status == LT_OK, "one row of one class: the noise hides that");
    d->train.n = 300;
    env->secure_random = NULL;
    f = train(env, d, OPTIONS("dp_epsilon", "1"));
    ok(f.status == LT_UNSUPPORTED, "%s", env->error.message);
}

int main(void)
{
    lt_env *env = test_env();

    test_gradient(env, 1, LT_RELU, LT_LOSS_LOGISTIC, 1, false);
    test_gradient(env, 1, LT_RELU, LT_LOSS_LOGISTIC, 1e5, true);
    test_gradient(env, 2, LT_TANH, LT_LOSS_LOGISTIC, 0.5, false);
    test_gradient(env, 3, LT_SIGMOID, LT_LOSS_SQUARED, 0.7, true);
    test_gradient(env, 3, LT_GELU, LT_LOSS_HUBER, 1.5, false);
    test_gradient(env, 3, LT_TANH, LT_LOSS_POISSON, 2, true);
    test_gradient(env, 4, LT_TANH, LT_LOSS_LOGISTIC, 1e5, false);
    test_division(env);
    test_wild(env);
    test_noise(env);
    test_logistic(env);
    test_applied(env);
    test_chance(env);
    test_row(env);
    test_mlp(env);
    test_errors(env);
    test_env_drop(env);
    return done();
}
