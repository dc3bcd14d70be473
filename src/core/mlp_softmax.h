/*
 * mlp_softmax.h: sampled softmax, the loss of a positive among the negatives drawn for it.
 *
 * A group is a positive and the negatives after it, as lt_sample_negatives leaves them: label 1, then labels 0.
 */
#ifndef LT_MLP_SOFTMAX_H
#define LT_MLP_SOFTMAX_H

#include "dataset.h"

/* Where the group ends that begins with example `first`. */
int64_t lt_softmax_end(const lt_examples *ex, int64_t first);

/*
 * As many whole groups as `most` examples hold, from those whose positives are order[*at..n): their examples to chosen,
 * group behind group; *at moves behind them. Returns how many examples; 0 when the first group is larger than `most`.
 */
int lt_softmax_batch(const lt_examples *ex, const int32_t *order, int64_t n, int most, int64_t *at, int32_t *chosen);

/*
 * -ln of the share of the group's first margin: ln sum_j exp(margin_j + offset_j) - (margin_0 + offset_0). slope (n),
 * unless NULL, is its derivative by the margins. offset NULL is all zero.
 */
double lt_softmax_loss(int n, const float *margin, const float *offset, float *slope);

#endif
