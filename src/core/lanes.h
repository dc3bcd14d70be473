/*
 * lanes.h: sixteen floats at once, for kernels that are written out in vectors.
 *
 * The compiler makes of them what the machine has: one register, two or four.  What is added up in which order is the
 * same on all.
 */
#ifndef LT_LANES_H
#define LT_LANES_H

#define LT_LANES 16
#define LT_INLINE static inline __attribute__((always_inline))

/* In memory at a multiple of 64 bytes. */
typedef float lt_lanes __attribute__((vector_size(LT_LANES * sizeof(float)), may_alias));
typedef float lt_lanes8 __attribute__((vector_size(8 * sizeof(float))));
typedef float lt_lanes4 __attribute__((vector_size(4 * sizeof(float))));

LT_INLINE float lt_lanes_sum(const lt_lanes *a)
{
    lt_lanes8 half = __builtin_shufflevector(*a, *a, 0, 1, 2, 3, 4, 5, 6, 7) +
                     __builtin_shufflevector(*a, *a, 8, 9, 10, 11, 12, 13, 14, 15);
    lt_lanes4 quarter =
        __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);

    return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

#endif
