/*
 * inverse.h: the inverse of a large symmetric positive definite matrix.
 */
#ifndef LT_INVERSE_H
#define LT_INVERSE_H

#include "base.h"

/*
 * a (n x n) becomes its inverse, in place; of what comes in, only a[i + j * n] with i >= j is read, and what goes out
 * is whole.  About n^3 flops, shared by env's team, with the same outcome for every number of threads; polled after
 * every 512 x 512 x n of them at most.  Takes memory for lt_invert_room(n) numbers.  LT_DIVERGED when the matrix is not
 * positive definite as far as its digits tell.
 */
lt_status lt_invert_f32(lt_env *env, int n, float *a);
lt_status lt_invert_f64(lt_env *env, int n, double *a);
size_t lt_invert_room(int n);

#endif
