/*
 * private_fit.c: differentially private training by noisy gradients.
 *
 * Abadi et al., "Deep learning with differential privacy", 2016: rows sampled each for itself, gradients clipped row by
 * row, normal noise.  What it spends is privacy.c's to say.  A row's gradient by a layer's weights is the product of
 * what came in and the gradient by what comes out, so its norm is the product of the two norms (Goodfellow, "Efficient
 * per-example gradient computations", 2015): no gradient of a single row is ever made.  Cutting it is scaling what
 * comes back, in all layers, by one number.
 *
 * What is kept is the mean of the weights over the last half of the steps: that costs no privacy, and takes out much of
 * the noise.
 *
 * Invariant: nothing of a row reaches the weights but by its cut gradient.  So no loss of training rows is computed,
 * the sum is divided by the number of rows expected, and a row whose gradient is no finite number counts as zero.
 */
#include "private_fit.h"

#include "privacy.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define BLOCK_VALUES 65536 /* of a layer in a block */
#define BLOCK_LEAST 16
#define BLOCK_MOST 256
#define PART_ROWS 512 /* a part's least; fewer are not worth a gradient of its own */
#define PARTS_MOST 16
#define PARTS_VALUES (1 << 23) /* of all parts' gradients */
#define ROUND_FLOPS 4e8        /* some ten milliseconds */
/* What rounding may add to a norm is taken off before. */
#define ROUNDING 1e-5

static const struct {
    const char *option, *text, *reason;
} refused_choices[] = {
    {"class_weight", "balanced", "The classes' weights would come from all labels."},
    {"solver", "newton", "It is by noisy gradient descent."},
    {"solver", "newton_cg", "It is by noisy gradient descent."},
    {"solver", "lbfgs", "It is by noisy gradient descent."},
};

bool lt_private_wanted(const lt_options *o)
{
    return lt_options_find(o, "dp_epsilon") >= 0 && lt_option_float(o, "dp_epsilon") > 0;
}

static lt_status refuse(lt_env *env, const char *option, const char *value, const char *reason)
{
    lt_fail(env, LT_INVALID, "option \"%s\" cannot be %s in differentially private training", option, value);
    return lt_fail_detail(env, "%s", reason);
}

lt_status lt_private_check(lt_env *env, const lt_options *o)
{
    for (size_t i = 0; i < sizeof refused_choices / sizeof refused_choices[0]; i++)
        if (lt_options_find(o, refused_choices[i].option) >= 0 &&
            lt_option_is(o, refused_choices[i].option, refused_choices[i].text))
            return refuse(env, refused_choices[i].option, refused_choices[i].text, refused_choices[i].reason);
    if (lt_options_find(o, "batch_norm") >= 0 && lt_option_bool(o, "batch_norm"))
        return refuse(env, "batch_norm", "true", "It mixes the rows of a batch, whose gradients cannot be cut apart.");
    if (lt_options_find(o, "dropout") >= 0 && lt_option_float(o, "dropout") > 0)
        return refuse(env, "dropout", "above 0", "The noise does what it is for.");
    if (lt_options_find(o, "early_stopping") >= 0 && lt_option_int(o, "early_stopping") > 0)
        return refuse(env, "early_stopping", "above 0", "Rows would decide when to stop, without noise.");
    return LT_OK;
}

/* ---- room ---- */

/* Points the network's arrays into values, one behind the other; returns how many they are. */
static int64_t place(lt_network *net, float *values)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(net, array);
    int64_t at = 0;

    for (int i = 0; i < n; i++) {
        *array[i].values = values == NULL ? NULL : values + at;
        at += array[i].rows * array[i].cols;
    }
    return at;
}

static lt_status init_part(lt_env *env, const lt_private_fit *f, lt_private_part *p)
{
    const char *what = "rows on their way through the network";
    size_t b = (size_t)f->block, widest = 1;

    for (int l = 0; l < f->net.layers; l++) {
        size_t h = (size_t)f->net.width[l];

        LT_TRY(lt_alloc(env, &p->z[l], b * h, sizeof(float), what));
        LT_TRY(lt_alloc(env, &p->a[l], b * h, sizeof(float), what));
        LT_TRY(lt_alloc(env, &p->back[l], b * h, sizeof(float), what));
        widest = h > widest ? h : widest;
    }
    LT_TRY(lt_alloc(env, &p->unused, widest, sizeof(float), what));
    LT_TRY(lt_alloc(env, &p->values, (size_t)f->n_values, sizeof(float), "the network's gradients"));
    p->by = f->net;
    place(&p->by, p->values);
    return LT_OK;
}

lt_status lt_private_init(lt_env *env, const lt_private_spec *spec, lt_network *start, lt_private_fit *f)
{
    int moments = lt_optimizer_moments(spec->optimizer.kind);
    int64_t batch = spec->batch > 0 && spec->batch < spec->train->n ? spec->batch : spec->train->n;
    int64_t parts = batch / PART_ROWS;
    const char *what = "the network's weights";
    double flops = 0;
    size_t values;
    int widest = 1;

    if (spec->inputs->design->users > 0 || spec->inputs->design->items > 0) {
        lt_fail(env, LT_UNSUPPORTED, "differentially private training is for models without users and items");
        return lt_fail_detail(env,
                              "A recommender stores ids and histories: a promise about weights would promise nothing.");
    }
    if (spec->train->n == 0)
        return lt_fail(env, LT_INVALID, "there are no rows to train on");
    *f = (lt_private_fit){.spec = *spec, .net = *start, .clip = lt_option_float(spec->options, "dp_clip")};
    f->n_values = place(&f->net, NULL);
    values = (size_t)f->n_values;
    LT_TRY(lt_alloc(env, &f->values, values, sizeof(float), what));
    LT_TRY(lt_alloc(env, &f->sum, values, sizeof(float), what));
    LT_TRY(lt_alloc(env, &f->average, values, sizeof(double), what));
    if (moments >= 1)
        LT_TRY(lt_alloc(env, &f->first, values, sizeof(float), what));
    if (moments >= 2)
        LT_TRY(lt_alloc(env, &f->second, values, sizeof(float), what));
    place(&f->net, f->values);
    lt_mlp_copy(&f->net, start);
    for (int l = 0; l < f->net.layers; l++) {
        widest = f->net.width[l] > widest ? f->net.width[l] : widest;
        flops += 6.0 * (l == 0 ? f->net.dense + 1 : f->net.width[l - 1]) * f->net.width[l];
    }
    f->block = BLOCK_VALUES / widest;
    f->block = f->block < BLOCK_LEAST ? BLOCK_LEAST : f->block > BLOCK_MOST ? BLOCK_MOST : f->block;
    f->round = ((int64_t)(ROUND_FLOPS / flops) / f->block + 1) * f->block;
    f->round = f->round < 16 * BLOCK_MOST ? f->round : 16 * BLOCK_MOST;
    parts = parts < PARTS_MOST ? parts : PARTS_MOST;
    parts = parts < PARTS_VALUES / f->n_values ? parts : PARTS_VALUES / f->n_values;
    f->parts = parts < 1 ? 1 : (int)parts;
    LT_TRY(lt_alloc(env, &f->part, (size_t)f->parts, sizeof *f->part, "a batch"));
    for (int k = 0; k < f->parts; k++)
        LT_TRY(init_part(env, f, &f->part[k]));
    return LT_OK;
}

static void fit_free(lt_env *env, lt_private_fit *f)
{
    void *own[] = {f->values, f->sum, f->average, f->first, f->second};

    for (int k = 0; k < f->parts; k++) {
        lt_private_part *p = &f->part[k];

        for (int l = 0; l < f->net.layers; l++) {
            lt_free(env, p->z[l]);
            lt_free(env, p->a[l]);
            lt_free(env, p->back[l]);
        }
        lt_free(env, p->unused);
        lt_free(env, p->values);
        lt_batch_free(env, &p->in);
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        lt_free(env, own[i]);
    lt_free(env, f->part);
}

/* ---- the gradient ---- */

static void forward(const lt_private_fit *f, lt_private_part *p, int b)
{
    const lt_network *net = &f->net;
    int last = net->layers - 1;

    lt_mlp_first(NULL, net, &p->in, NULL, NULL, NULL, p->z[0]);
    for (int l = 0; l < last; l++) {
        lt_bias_activate(net->activation, b, net->width[l], net->bias[l], p->z[l], p->a[l]);
        lt_product(NULL, false, false, b, net->width[l + 1], net->width[l], p->a[l], net->weight[l + 1], 0,
                   p->z[l + 1]);
    }
    lt_add_bias(b, 1, net->bias[last], p->z[last]);
}

/* Each row's own gradients by all z. */
static void backward(const lt_private_fit *f, lt_private_part *p, const int32_t *index, int b)
{
    const lt_mlp_objective *o = &f->spec.objective;
    const lt_examples *ex = f->spec.train;
    const lt_network *net = &f->net;
    float label[BLOCK_MOST], weight[BLOCK_MOST];
    double unused = 0;

    for (int i = 0; i < b; i++) {
        label[i] = (float)((lt_mlp_label(ex, index[i]) - o->mean) / o->sd);
        weight[i] = ex->weight == NULL ? 1 : ex->weight[index[i]];
    }
    lt_loss_values(o->loss, o->delta / o->sd, b, p->z[net->layers - 1], label, weight, 1, p->back[net->layers - 1],
                   &unused);
    for (int l = net->layers - 1; l > 0; l--) {
        int in = net->width[l - 1];

        lt_product(NULL, false, true, b, in, net->width[l], p->back[l], net->weight[l], 0, p->back[l - 1]);
        lt_activate_back(net->activation, b, in, p->z[l - 1], p->back[l - 1], p->unused);
    }
}

static double squares(const float *v, int64_t n)
{
    double sum = 0;

    for (int64_t j = 0; j < n; j++)
        sum += (double)v[j] * v[j];
    return sum;
}

/* Scales what comes back of each row, so that its gradient by all weights has a norm of at most clip. */
static void cut(const lt_private_fit *f, lt_private_part *p, int b)
{
    const lt_network *net = &f->net;

    for (int i = 0; i < b; i++) {
        double in = 1, sum = 0, norm, factor; /* 1: the bias's input */

        if (net->dense > 0)
            in += squares(p->in.x + (int64_t)i * net->dense, net->dense);
        if (net->sparse > 0)
            in += squares(p->in.val + p->in.start[i], p->in.start[i + 1] - p->in.start[i]);
        for (int l = 0; l < net->layers; l++) {
            int64_t h = net->width[l];

            sum += in * squares(p->back[l] + i * h, h);
            in = 1 + squares(p->a[l] + i * h, l < net->layers - 1 ? h : 0);
        }
        norm = sqrt(sum);
        if (norm <= f->clip * (1 - ROUNDING))
            continue;
        factor = f->clip * (1 - ROUNDING) / norm;
        for (int l = 0; l < net->layers; l++) {
            float *back = p->back[l] + (int64_t)i * net->width[l], *a = p->a[l] + (int64_t)i * net->width[l];

            for (int j = 0; j < net->width[l] && isfinite(norm); j++)
                back[j] = (float)(back[j] * factor);
            if (isfinite(norm))
                continue;
            memset(back, 0, (size_t)net->width[l] * sizeof *back);
            memset(a, 0, (size_t)net->width[l] * sizeof *a); /* infinity times zero is no zero */
        }
    }
}

/* Adds the block's gradients to the part's. */
static void add_up(const lt_private_fit *f, lt_private_part *p, int b)
{
    const lt_network *net = &f->net;
    int h = net->width[0];

    if (net->dense > 0)
        lt_product(NULL, true, false, net->dense, h, b, p->in.x, p->back[0], 1, p->by.dense_in);
    for (int i = 0; i < b && net->sparse > 0; i++)
        for (int64_t e = p->in.start[i]; e < p->in.start[i + 1]; e++)
            lt_add_scaled(h, p->in.val[e], p->back[0] + (int64_t)i * h, p->by.sparse_in + (int64_t)p->in.col[e] * h);
    for (int l = 0; l < net->layers; l++) {
        if (l > 0)
            lt_product(NULL, true, false, net->width[l - 1], net->width[l], b, p->a[l - 1], p->back[l], 1,
                       p->by.weight[l]);
        lt_column_sums(b, net->width[l], p->back[l], p->by.bias[l]);
    }
}

typedef struct round_work {
    lt_private_fit *f;
    const int32_t *index;
    int64_t many, first; /* rows of the step; of each part those from `first` on are next */
} round_work;

/* Part `task` has the rows *from .. *end - 1 of the step in this round. */
static void rows_of(const round_work *w, int64_t task, int64_t *from, int64_t *end)
{
    int64_t last = w->many * (task + 1) / w->f->parts;

    *from = w->many * task / w->f->parts + w->first;
    *from = *from < last ? *from : last;
    *end = *from + w->f->round < last ? *from + w->f->round : last;
}

static void work_on(void *context, int64_t task, int member)
{
    const round_work *w = context;
    lt_private_fit *f = w->f;
    lt_private_part *p = &f->part[task];
    int64_t from, end;

    (void)member;
    rows_of(w, task, &from, &end);
    if (w->first == 0)
        memset(p->values, 0, (size_t)f->n_values * sizeof *p->values);
    for (int64_t i = from; i < end; i += f->block) {
        int b = end - i < f->block ? (int)(end - i) : f->block;

        lt_gather(NULL, f->spec.inputs, f->spec.train, w->index + i, 0, b, &p->in);
        forward(f, p, b);
        backward(f, p, w->index + i, b);
        cut(f, p, b);
        add_up(f, p, b);
    }
}

/* Room for the sparse entries of every block of the round. */
static lt_status reserve(lt_env *env, const round_work *w)
{
    lt_private_fit *f = w->f;

    for (int k = 0; k < f->parts; k++) {
        int64_t from, end, entries = 0;

        rows_of(w, k, &from, &end);
        for (int64_t i = from; i < end; i += f->block) {
            int b = end - i < f->block ? (int)(end - i) : f->block;
            int64_t most = lt_gather_most(f->spec.inputs, f->spec.train, w->index + i, 0, b);

            entries = most > entries ? most : entries;
        }
        LT_TRY(lt_batch_reserve(env, f->spec.inputs->design, f->block, entries, &f->part[k].in));
    }
    return LT_OK;
}

lt_status lt_private_gradient(lt_env *env, lt_private_fit *f, const int32_t *index, int64_t many)
{
    round_work w = {.f = f, .index = index, .many = many};
    int64_t longest = (many + f->parts - 1) / f->parts;

    do {
        LT_TRY(reserve(env, &w));
        LT_TRY(lt_run(env, f->parts, work_on, &w));
        w.first += f->round;
    } while (w.first < longest);
    memset(f->sum, 0, (size_t)f->n_values * sizeof *f->sum);
    for (int k = 0; k < f->parts; k++)
        lt_add_scaled(f->n_values, 1, f->part[k].values, f->sum);
    return LT_OK;
}

/* ---- steps ---- */

static lt_status descend(lt_env *env, lt_private_fit *f, lt_noise *noise, const lt_privacy *p, int32_t *index,
                         int64_t step)
{
    double rows = p->q * (double)f->spec.train->n;
    int64_t half = (int64_t)(p->steps / 2), many, at = 0;
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(&f->net, array);

    LT_TRY(lt_noise_sample(noise, p->q, f->spec.train->n, index, &many));
    LT_TRY(lt_private_gradient(env, f, index, many));
    LT_TRY(lt_noise_add(noise, p->sigma * p->clip, f->n_values, f->sum));
    for (int64_t j = 0; j < f->n_values; j++)
        f->sum[j] = (float)(f->sum[j] / rows);
    for (int i = 0; i < n; i++) {
        int64_t values = array[i].rows * array[i].cols;

        lt_optimizer_step(&f->spec.optimizer, step, !array[i].bias, values, f->sum + at,
                          f->first == NULL ? NULL : f->first + at, f->second == NULL ? NULL : f->second + at,
                          f->values + at);
        at += values;
    }
    for (int64_t j = 0; j < f->n_values; j++)
        f->average[j] =
            step <= half + 1 ? f->values[j] : f->average[j] + (f->values[j] - f->average[j]) / (double)(step - half);
    return LT_OK;
}

/* The average, in the label's unit. LT_DIVERGED when it is no finite number. */
static lt_status freeze(lt_env *env, const lt_private_fit *f, lt_network *out)
{
    const lt_mlp_objective *o = &f->spec.objective;
    int last = f->net.layers - 1;
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(out, array);
    int64_t at = 0;

    for (int i = 0; i < n; i++) {
        double scale = array[i].layer == last ? o->sd : 1,
               shift = array[i].layer == last && array[i].bias ? o->mean : 0;

        for (int64_t j = 0; j < array[i].rows * array[i].cols; j++, at++) {
            (*array[i].values)[j] = (float)(f->average[at] * scale + shift);
            if (isfinite((*array[i].values)[j]))
                continue;
            lt_fail(env, LT_DIVERGED, "training diverged: a weight is no longer a finite number");
            return lt_fail_hint(env, "Lower learning_rate or dp_clip.");
        }
    }
    return LT_OK;
}

static lt_status report(lt_env *env, const lt_private_fit *f, int epoch, lt_network *net, float *margin, double since)
{
    const lt_private_spec *s = &f->spec;
    double unit = s->objective.sd * s->objective.sd;
    lt_epoch line = {
        .epoch = epoch, .epochs = s->epochs, .train_loss = NAN, .validation_loss = NAN, .validation_metric = NAN};

    if (env->log == NULL)
        return LT_OK;
    if (s->validation->n > 0) {
        LT_TRY(lt_mlp_frozen_loss(env, &s->objective, net, s->inputs, s->validation, margin, &line.validation_loss));
        line.validation_loss *= unit;
        if (s->measure != NULL)
            LT_TRY(s->measure(env, s->context, net, &line.validation_metric));
    }
    line.seconds = env->seconds(env->context) - since;
    env->log(env->context, &line);
    return LT_OK;
}

/* From the options and the number of rows to how much noise there must be. */
static lt_status promise(lt_env *env, const lt_private_fit *f, lt_privacy *p)
{
    const lt_private_spec *s = &f->spec;
    int64_t n = s->train->n, batch = s->batch > 0 && s->batch < n ? s->batch : n;
    int64_t a_pass = (n + batch / 2) / batch;

    *p = (lt_privacy){.delta = lt_option_float(s->options, "dp_delta"),
                      .clip = f->clip,
                      .q = (double)batch / (double)n,
                      .steps = (double)a_pass * s->epochs,
                      .seeded = lt_option_value(s->options, "seed")->given,
                      .scaled = s->objective.mean != 0 || s->objective.sd != 1,
                      .validated = s->validation->n > 0};
    if (p->delta * (double)n >= 1) {
        lt_fail(env, LT_INVALID, "dp_delta %g promises nothing for %lld rows", p->delta, (long long)n);
        return lt_fail_hint(env, "Give a dp_delta well below %g, one over the number of rows.", 1 / (double)n);
    }
    return lt_privacy_noise(env, p->q, (int64_t)p->steps, lt_option_float(s->options, "dp_epsilon"), p->delta,
                            &p->sigma, &p->epsilon);
}

lt_status lt_private_run(lt_env *env, lt_private_fit *f, lt_network *out, lt_privacy *privacy)
{
    double since = env->seconds(env->context);
    const lt_private_spec *s = &f->spec;
    float *margin;
    int32_t *index;
    lt_noise *noise;
    int64_t step = 0;

    LT_TRY(promise(env, f, privacy));
    LT_TRY(lt_alloc(env, &noise, 1, sizeof *noise, "the noise"));
    LT_TRY(lt_noise_init(env, privacy->seeded != 0, (uint64_t)lt_option_int(s->options, "seed"), noise));
    LT_TRY(lt_alloc(env, &index, (size_t)s->train->n, sizeof *index, "the rows of a batch"));
    LT_TRY(lt_alloc(env, &margin, (size_t)s->validation->n, sizeof *margin, "the validation part's margins"));
    for (int epoch = 1; epoch <= s->epochs; epoch++) {
        while ((double)step < privacy->steps * epoch / s->epochs)
            LT_TRY(descend(env, f, noise, privacy, index, ++step));
        LT_TRY(freeze(env, f, out));
        LT_TRY(report(env, f, epoch, out, margin, since));
    }
    lt_free(env, index);
    lt_free(env, margin);
    lt_free(env, noise);
    fit_free(env, f);
    return LT_OK;
}

/* ---- stored ---- */

#define FIGURES (int64_t)(sizeof(lt_privacy) / sizeof(double))
#define FIGURE_MOST 1e15 /* of any: it is a whole number that fits */

lt_status lt_privacy_store(lt_env *env, const lt_privacy *p, lt_model *model)
{
    double *figures;

    LT_TRY(lt_model_add_f64(env, model, "privacy", 1, FIGURES, &figures));
    memcpy(figures, p, sizeof *p);
    return LT_OK;
}

bool lt_privacy_of(const lt_model *model, lt_privacy *out)
{
    const lt_array *a = lt_model_array(model, "privacy");

    if (a == NULL || a->d == NULL || a->rows != 1 || a->cols != FIGURES)
        return false;
    for (int64_t i = 0; i < FIGURES; i++)
        if (!(a->d[i] >= 0 && a->d[i] <= FIGURE_MOST))
            return false;
    memcpy(out, a->d, sizeof *out);
    return true;
}
