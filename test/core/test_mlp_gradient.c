/*
 * test_mlp_gradient.c: the network forward and backward against a naive double-precision one and its differences.
 *
 * The naive network below is the reference: one example at a time, no blocks, nothing lazy.  Gradients are seen by the
 * step of plain gradient descent that they make.
 */
#include "tap.h"

#include "loss.h"
#include "mlp_trainer.h"

#define GELU_SLOPE 0.7978845608028654 /* sqrt(2 / pi) */

enum { B = 6, DENSE = 3, SPARSE = 5, USERS = 4, ITEMS = 3, E = 2, K = 3, MOST = 8 };

static int64_t starts[B + 1] = {0, 2, 3, 3, 5, 6, 8};
static int32_t cols[8] = {0, 2, 4, 1, 2, 2, 0, 4};
static float vals[8] = {1, 0.5f, -1, 2, 1, 1, -0.5f, 1};
static const int32_t users[B] = {0, 2, -1, 2, 3, 0};
static const int32_t items[B] = {1, 1, 0, -1, 2, USERS + 5};
static float x[B * DENSE];

static double activation(lt_activation f, double z)
{
    switch (f) {
    case LT_RELU:
        return z > 0 ? z : 0;
    case LT_TANH:
        return tanh(z);
    case LT_SIGMOID:
        return 1 / (1 + exp(-z));
    case LT_GELU:
    case LT_ACTIVATIONS:
        break;
    }
    return z / 2 * (1 + tanh(GELU_SLOPE * (z + 0.044715 * z * z * z)));
}

/* Weights in double, in the order of t->parameter. */
typedef struct naive {
    const lt_mlp_trainer *t;
    double *w[LT_MLP_ARRAYS + LT_MLP_LAYERS];
} naive;

static const double *of(const naive *n, const lt_parameter *p)
{
    return n->w[p - n->t->parameter];
}

static void naive_first(const naive *n, double z[B][MOST])
{
    const lt_mlp_trainer *t = n->t;
    int h = t->net.width[0], e = t->net.embedding;

    for (int i = 0; i < B; i++)
        for (int j = 0; j < h; j++) {
            z[i][j] = 0;
            for (int k = 0; k < DENSE; k++)
                z[i][j] += x[i * DENSE + k] * of(n, t->dense_in)[k * h + j];
            for (int64_t k = starts[i]; k < starts[i + 1]; k++)
                z[i][j] += vals[k] * of(n, t->sparse_in)[cols[k] * h + j];
            for (int k = 0; k < e; k++) {
                if (users[i] >= 0)
                    z[i][j] += of(n, t->user)[users[i] * e + k] * of(n, t->embedding_in)[k * h + j];
                if (items[i] >= 0 && items[i] < ITEMS)
                    z[i][j] += of(n, t->item)[items[i] * e + k] * of(n, t->embedding_in)[(e + k) * h + j];
            }
        }
}

static void naive_norm(const double *scale, int h, double z[B][MOST])
{
    for (int j = 0; j < h; j++) {
        double mean = 0, variance = 0;

        for (int i = 0; i < B; i++)
            mean += z[i][j] / B;
        for (int i = 0; i < B; i++)
            variance += (z[i][j] - mean) * (z[i][j] - mean) / B;
        for (int i = 0; i < B; i++)
            z[i][j] = scale[j] * (z[i][j] - mean) / sqrt(variance + LT_BATCH_NORM_EPSILON);
    }
}

/* The masks the run drew for an example. */
static const float *mask_of(const lt_mlp_trainer *t, int l, int i)
{
    for (int k = 0; k < t->parts; k++)
        if (i >= t->part[k].from && i < t->part[k].from + t->part[k].n)
            return t->part[k].mask[l] + (i - t->part[k].from) * t->net.width[l];
    abort();
}

static void naive_margins(const naive *n, double margin[B])
{
    const lt_mlp_trainer *t = n->t;
    int last = t->net.layers - 1;
    double z[B][MOST], next[B][MOST];

    naive_first(n, z);
    for (int l = 0; l < last; l++) {
        int h = t->net.width[l], to = t->net.width[l + 1];

        if (t->batch_norm)
            naive_norm(of(n, t->scale[l]), h, z);
        for (int i = 0; i < B; i++)
            for (int j = 0; j < h; j++) {
                z[i][j] = activation(t->net.activation, z[i][j] + of(n, t->bias[l])[j]);
                if (t->dropout > 0)
                    z[i][j] *= mask_of(t, l, i)[j];
            }
        for (int i = 0; i < B; i++)
            for (int j = 0; j < to; j++) {
                next[i][j] = 0;
                for (int k = 0; k < h; k++)
                    next[i][j] += z[i][k] * of(n, t->weight[l + 1])[k * to + j];
            }
        memcpy(z, next, sizeof z);
    }
    for (int i = 0; i < B; i++) {
        int k = t->net.factors;

        margin[i] = z[i][0] + of(n, t->bias[last])[0];
        for (int j = 0; j < k && users[i] >= 0 && items[i] >= 0 && items[i] < ITEMS; j++)
            margin[i] += of(n, t->user_factors)[users[i] * k + j] * of(n, t->item_factors)[items[i] * k + j] *
                         of(n, t->factors_out)[j];
    }
}

static double naive_loss(const naive *n, lt_loss loss, const double *label)
{
    double margin[B], slope, sum = 0;

    naive_margins(n, margin);
    for (int i = 0; i < B; i++)
        sum += lt_loss_value(loss, 0.5, margin[i], label[i], &slope) / B;
    return sum;
}

/* Slopes of a batch's mean loss; the margins are kept. */
typedef struct judge {
    lt_loss loss;
    double margin[B];
} judge;

static const double labels[B] = {0, 1, 1, 0, 1, 0};

static void slopes(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index, int n,
                   const float *margin, float *slope, double sums[2])
{
    judge *j = (judge *)context;

    (void)ex;
    for (int i = 0; i < n; i++) {
        double s;

        j->margin[index[i]] = margin[i];
        sums[0] += lt_loss_value(j->loss, 0.5, margin[i], labels[index[i]], &s);
        sums[1] += 1;
        slope[i] = (float)(s / batch->losses);
    }
}

/* block_rows: examples of a block; B: the batch is one part. parts: the most there may be; 0: any number. */
static void check(lt_env *env, const char *name, lt_activation f, int hidden, bool batch_norm, double dropout,
                  int embedding, int factors, lt_loss loss, int block_rows, int parts)
{
    static const int32_t order[B] = {0, 1, 2, 3, 4, 5};
    lt_design design = {.row_dense = DENSE, .row_sparse = SPARSE, .users = USERS, .items = ITEMS};
    lt_table rows = {.n = B, .dense = DENSE, .sparse = SPARSE, .x = x, .start = starts, .col = cols, .val = vals};
    lt_table none = {0};
    lt_inputs inputs = {.design = &design, .row = &rows, .user = &none, .item = &none};
    lt_examples examples = {.n = B, .user = (int32_t *)users, .item = (int32_t *)items};
    judge j = {.loss = loss};
    lt_mlp_pass pass = {.inputs = &inputs, .examples = &examples, .loss = slopes, .context = &j};
    lt_mlp_trainer *t = calloc(1, sizeof *t);
    naive n = {.t = t};
    lt_random rng;
    double margin[B], worst = 0, worst_margin = 0, largest = 0, before, after, sums[2] = {0, 0};
    const double step = 1e-6, rate = 0.1;

    lt_random_seed(&rng, 5);
    for (int i = 0; i < B * DENSE; i++)
        x[i] = (float)lt_random_normal(&rng);
    fine(env, lt_design_finish(env, &design));
    t->net = (lt_network){.activation = f,
                          .dense = DENSE,
                          .sparse = SPARSE,
                          .users = USERS,
                          .items = ITEMS,
                          .embedding = embedding,
                          .factors = factors,
                          .layers = hidden + 1};
    for (int l = 0; l < hidden; l++)
        t->net.width[l] = l == 0 ? 5 : 4;
    t->net.width[hidden] = 1;
    t->batch = B;
    t->group = 1;
    t->block_rows = block_rows;
    t->parts_most = parts;
    t->batch_norm = batch_norm;
    t->dropout = dropout;
    if (lt_optimizer_init(env, &t->optimizer, LT_OPTIMIZER_SGD, rate, 0) != LT_OK ||
        lt_mlp_trainer_init(env, t, 6, &rng) != LT_OK)
        abort();
    for (int k = 0; k < t->n_parameters; k++) {
        lt_parameter *p = &t->parameter[k];

        n.w[k] = calloc((size_t)(p->rows * p->cols), sizeof(double));
        for (int64_t i = 0; i < p->rows * p->cols; i++) {
            p->weight[i] +=
                (float)(0.3 * lt_random_normal(&rng)); /* biases, scales and embeddings away from their start */
            n.w[k][i] = p->weight[i];
        }
    }
    lt_mlp_weights_changed(t);

    lt_mlp_plan(t, 0, &examples, order, B, 77);
    if (lt_mlp_run(env, t, &pass, 1, sums) != LT_OK)
        abort();
    naive_margins(&n, margin);
    for (int i = 0; i < B; i++)
        worst_margin = fmax(worst_margin, fabs(margin[i] - j.margin[i]));
    ok(worst_margin < 2e-5, "%s: margins (worst %g)", name, worst_margin);
    before = naive_loss(&n, loss, labels);
    near(sums[0] / sums[1], before, 1e-5, "%s: loss", name);
    for (int k = 0; k < t->n_parameters; k++) {
        lt_parameter *p = &t->parameter[k];

        for (int64_t i = 0; i < p->rows * p->cols; i++) {
            double w = n.w[k][i], up, down, want;

            n.w[k][i] = w + step;
            up = naive_loss(&n, loss, labels);
            n.w[k][i] = w - step;
            down = naive_loss(&n, loss, labels);
            n.w[k][i] = w;
            want = (up - down) / (2 * step);
            largest = fmax(largest, fabs(want));
            worst = fmax(worst, fabs(want - (w - p->weight[i]) / rate));
        }
    }
    ok(worst < 1e-4 * largest && largest > 0.01, "%s: gradients (worst %g of %g)", name, worst, largest);

    for (int k = 0; k < t->n_parameters; k++)
        for (int64_t i = 0; i < t->parameter[k].rows * t->parameter[k].cols; i++)
            n.w[k][i] = t->parameter[k].weight[i];
    after = naive_loss(&n, loss, labels);
    ok(after < before, "%s: a step lowers the loss", name);
    ok(t->sparse_in->place[2] == 0 && t->sparse_in->steps[2] == 1 && t->sparse_in->steps[3] == 0,
       "%s: touched rows stepped once, others not at all", name);
    for (int k = 0; k < t->n_parameters; k++)
        free(n.w[k]);
    lt_mlp_trainer_free(env, t);
    free(t);
}

int main(void)
{
    static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu"};
    static const char *const losses[] = {"logistic", "squared", "huber", "poisson"};
    static const int blocks[] = {B, 4, 1}; /* one part; an unequal pair; each example by itself */
    lt_env *env = test_env();
    char name[80];

    for (int f = 0; f < LT_ACTIVATIONS; f++)
        for (int form = 0; form < 4; form++)
            for (int k = 0; k < 3; k++) {
                snprintf(name, sizeof name, "%s%s%s, %d in a block", activations[f], form & 1 ? ", batch norm" : "",
                         form & 2 ? ", dropout" : "", blocks[k]);
                check(env, name, (lt_activation)f, 2, form & 1, form & 2 ? 0.4 : 0, E, 0, LT_LOSS_LOGISTIC, blocks[k],
                      0);
            }
    for (int loss = 0; loss <= LT_LOSS_POISSON; loss++)
        check(env, losses[loss], LT_TANH, 1, false, 0, E, 0, (lt_loss)loss, B, 0);
    check(env, "linear", LT_RELU, 0, false, 0, E, 0, LT_LOSS_LOGISTIC, 4, 0);
    check(env, "three hidden layers, no embedding", LT_GELU, 3, false, 0, 0, 0, LT_LOSS_SQUARED, 4, 0);
    check(env, "three hidden layers, batch norm", LT_GELU, 3, true, 0, 0, 0, LT_LOSS_SQUARED, 4, 0);
    check(env, "products alone", LT_RELU, 0, false, 0, 0, K, LT_LOSS_LOGISTIC, 4, 0);
    check(env, "products and two hidden layers", LT_TANH, 2, false, 0, E, K, LT_LOSS_LOGISTIC, 4, 0);
    check(env, "products, batch norm and dropout", LT_RELU, 2, true, 0.4, E, K, LT_LOSS_LOGISTIC, 4, 0);
    check(env, "parts of several blocks", LT_RELU, 2, false, 0, E, K, LT_LOSS_LOGISTIC, 1, 2);
    check(env, "one part of several blocks", LT_TANH, 2, false, 0, E, K, LT_LOSS_SQUARED, 2, 1);
    test_env_drop(env);
    return done();
}
