/*
 * similarity.h: how alike candidates are: by vectors of theirs, or as a matrix says.
 *
 * Legend: n candidates.  Similarity is from -1 to 1, of a candidate to itself 1 (0 where its vector is all zeros).
 * Errors are those of polling and memory alone.
 */
#ifndef LT_SIMILARITY_H
#define LT_SIMILARITY_H

#include "table.h"

typedef struct lt_similarity {
    int64_t n;
    const lt_table *rows; /* n: the cosine of two rows; NULL: by matrix */
    const float *matrix;  /* n x n, symmetric */
    float *scale;         /* n: 1 / length of each row; 0 for zeros */
    float *wide;          /* rows->sparse: scratch, all zero between calls */
} lt_similarity;

/* One of rows and matrix, which must outlive it. */
lt_status lt_similarity_init(lt_env *env, lt_similarity *s, const lt_table *rows, const float *matrix, int64_t n);
void lt_similarity_free(lt_env *env, lt_similarity *s);
/* out[0..n): how alike each candidate is to candidate i. */
lt_status lt_similarity_to(lt_env *env, const lt_similarity *s, int64_t i, float *out);
/* How alike the first m candidates are, 2 <= m <= n: the mean over all pairs of them. */
lt_status lt_similarity_mean(lt_env *env, const lt_similarity *s, int64_t m, double *out);

#endif
