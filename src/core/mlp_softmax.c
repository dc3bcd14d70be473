/*
 * mlp_softmax.c: sampled softmax.
 *
 * The softmax over a catalogue says which item a user takes next; its sum over all items is replaced by one over the
 * positive and a few negatives drawn with probability q (Bengio and Senecal, "Adaptive importance sampling to
 * accelerate training of a neural probabilistic language model", 2008).  Each margin, the positive's too, has ln q
 * taken off (logQ: Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", 2019):
 * given a set that was drawn, the share of the positive is then what the full softmax says of it within the set, and
 * the margins learned are those of the full catalogue for any number of negatives (Ma and Collins, "Noise contrastive
 * estimation and negative sampling for conditional models", 2018).  Without it an item drawn often is pushed down.
 * Negatives the user has are drawn again, so that q is that of the items the user does not have; what this changes
 * for all items of a group alike cancels.
 */
#include "mlp_softmax.h"

#include <math.h>

int64_t lt_softmax_end(const lt_examples *ex, int64_t first)
{
    int64_t end = first + 1;

    while (end < ex->n && ex->label[end] == 0)
        end++;
    return end;
}

int lt_softmax_batch(const lt_examples *ex, const int32_t *order, int64_t n, int most, int64_t *at, int32_t *chosen)
{
    int b = 0;

    for (; *at < n; ++*at) {
        int64_t first = order[*at], end = lt_softmax_end(ex, first);

        if (b + (end - first) > most)
            break;
        for (int64_t i = first; i < end; i++)
            chosen[b++] = (int32_t)i;
    }
    return b;
}

static double corrected(const float *margin, const float *offset, int i)
{
    return (double)margin[i] + (offset == NULL ? 0 : offset[i]);
}

double lt_softmax_loss(int n, const float *margin, const float *offset, float *slope)
{
    double most = -INFINITY, sum = 0;

    for (int i = 0; i < n; i++)
        most = fmax(most, corrected(margin, offset, i));
    for (int i = 0; i < n; i++) {
        double e = exp(corrected(margin, offset, i) - most);

        sum += e;
        if (slope != NULL)
            slope[i] = (float)e;
    }
    for (int i = 0; i < n && slope != NULL; i++)
        slope[i] = (float)(slope[i] / sum) - (i == 0);
    return log(sum) + most - corrected(margin, offset, 0);
}
