/*
 * mlp_objective.c: losses and slopes of batches, and the loss of a set of examples.
 */
#include "mlp_objective.h"
#include "mlp_softmax.h"
#include "threads.h"

#include <math.h>

#define CHUNK 64          /* examples whose losses are computed together */
#define FROZEN_BLOCK 8192 /* validation examples of a task */

/* What the loss of some examples takes. */
typedef struct lt_chunk {
    float label[CHUNK], weight[CHUNK], margin[CHUNK];
} lt_chunk;

/* Labels, less mean and by the sd, weights and offsets of many examples: index[0..many), or first .. when it is NULL.
 * margin is added to the offsets. */
static void take_chunk(const lt_mlp_objective *o, const lt_examples *ex, const int32_t *index, int64_t first, int many,
                       double mean, double sd, const float *margin, lt_chunk *out)
{
    float less = (float)mean, by = (float)(1 / sd);
    float class_weight[2] = {(float)o->class_weight[0], (float)o->class_weight[1]};

    for (int k = 0; k < many; k++) {
        int64_t i = index == NULL ? first + k : index[k];
        float y = ex->label == NULL ? 1 : ex->label[i];

        out->label[k] = (y - less) * by;
        out->weight[k] = class_weight[y == 1];
    }
    for (int k = 0; k < many && ex->weight != NULL; k++)
        out->weight[k] *= ex->weight[index == NULL ? first + k : index[k]];
    for (int k = 0; k < many; k++)
        out->margin[k] = margin[k] + (ex->offset == NULL ? 0 : ex->offset[index == NULL ? first + k : index[k]]);
}

/* The loss of many examples in a row, in blocks. */
typedef struct frozen {
    const lt_mlp_objective *o;
    const lt_examples *ex;
    const float *margin;
    double (*sums)[2]; /* a block's, of weight * loss and of weight */
} frozen;

static void frozen_block(void *context, int64_t task, int member)
{
    const frozen *f = context;
    int64_t end = (task + 1) * FROZEN_BLOCK < f->ex->n ? (task + 1) * FROZEN_BLOCK : f->ex->n;
    float slope[CHUNK];
    lt_chunk c;

    (void)member;
    for (int64_t i = task * FROZEN_BLOCK; i < end; i += CHUNK) {
        int many = end - i < CHUNK ? (int)(end - i) : CHUNK;

        take_chunk(f->o, f->ex, NULL, i, many, 0, 1, f->margin + i, &c);
        f->sums[task][0] +=
            lt_loss_values(f->o->loss, f->o->delta, many, c.margin, c.label, c.weight, 1, slope, &f->sums[task][1]);
    }
}

lt_status lt_mlp_frozen_loss(lt_env *env, const lt_mlp_objective *o, const lt_network *net, const lt_inputs *inputs,
                             const lt_examples *ex, float *margin, double *loss)
{
    int64_t blocks = (ex->n + FROZEN_BLOCK - 1) / FROZEN_BLOCK;
    frozen f = {.o = o, .ex = ex, .margin = margin};
    double sum = 0, total = 0;

    LT_TRY(lt_mlp_margins(env, net, inputs, ex, margin));
    LT_TRY(lt_alloc(env, &f.sums, (size_t)blocks, sizeof *f.sums, "the validation loss"));
    if (!o->softmax)
        LT_TRY(lt_run(env, blocks, frozen_block, &f));
    for (int64_t k = 0; k < blocks; k++) {
        sum += f.sums[k][0];
        total += f.sums[k][1];
    }
    for (int64_t i = 0, end; i < ex->n && o->softmax; i = end) {
        double w = lt_mlp_weight(o, ex, i);

        end = lt_softmax_end(ex, i);
        sum += w * lt_softmax_loss((int)(end - i), margin + i, ex->offset == NULL ? NULL : ex->offset + i, NULL);
        total += w;
    }
    lt_free(env, f.sums);
    *loss = total > 0 ? sum / total / (o->sd * o->sd) : NAN;
    return LT_OK;
}

void lt_mlp_examples_loss(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index,
                          int n, const float *margin, float *slope, double sums[2])
{
    const lt_mlp_objective *o = context;
    double scale = o->weight_scale / batch->losses, delta = o->delta / o->sd;
    lt_chunk c;

    for (int k = 0; k < n; k += CHUNK) {
        int many = n - k < CHUNK ? n - k : CHUNK;

        take_chunk(o, ex, index + k, 0, many, o->mean, o->sd, margin + k, &c);
        sums[0] += lt_loss_values(o->loss, delta, many, c.margin, c.label, c.weight, scale, slope + k, &sums[1]);
    }
}

void lt_mlp_groups_loss(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index,
                        int n, const float *margin, float *slope, double sums[2])
{
    const lt_mlp_objective *o = context;
    int many;

    for (int k = 0; k < n; k += many) {
        int64_t i = index[k];
        double w = lt_mlp_weight(o, ex, i);

        many = (int)(lt_softmax_end(ex, i) - i);
        sums[0] += w * lt_softmax_loss(many, margin + k, ex->offset == NULL ? NULL : ex->offset + i, slope + k);
        sums[1] += w;
        for (int j = k; j < k + many; j++)
            slope[j] *= (float)(w * o->weight_scale / batch->losses);
    }
}
