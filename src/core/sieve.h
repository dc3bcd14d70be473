/*
 * sieve.h: which items may be among somebody's best, for many users at once.
 *
 * Legend: I items, k factors; x a user's vector (k) and c their constant; y_i item i's vector.
 *
 *     margin_i = x . y_i + bias_i + c;   value_i = margin_i + add_i, times by_i where that is positive, else divided
 *
 * A sieve offers items whose value may be at least the user's bar, and leaves out only others: how the offered ones are
 * valued in full, and what the bar is from then on, is the caller's to say.  So it may count roughly, and what comes of
 * it does not depend on how.
 */
#ifndef LT_SIEVE_H
#define LT_SIEVE_H

#include "base.h"

/* What is sifted; read by lt_sieve_init alone. */
typedef struct lt_sieve_items {
    int32_t items, k;
    const float *vector; /* I x k, finite */
    const float *bias;   /* I; NULL: all 0 */
    const double *add;   /* I, as well; NULL: all 0 */
    const double *by;    /* I; NULL: all 1 */
    double length;       /* about how long users' vectors are */
} lt_sieve_items;

typedef struct lt_sieve_tile lt_sieve_tile;

/* Items made ready, those first that can have the highest values. Read-only once made. */
typedef struct lt_sieve {
    lt_sieve_items of;
    bool bytes;    /* products are of numbers of a byte, not of floats */
    bool adds;     /* there is bias or add */
    int32_t steps; /* four bytes each: k / 4 rounded up */
    int32_t *item; /* I: which item stands at each place */
    uint8_t *byte; /* places, rounded up to whole groups, x steps * 4: see sieve.c */
    float *vector; /* the same x k; without bytes */
    /* by place, in units of the item's scale; see sieve.c */
    float *above, *below, *add, *one;
    lt_sieve_tile *tile;
} lt_sieve;

/* Whether the processor multiplies bytes as the sieve does. */
bool lt_sieve_has_bytes(void);
/*
 * *fits: whether numbers are of a size that can be sifted; if not, the rest is not made.  bytes goes with
 * lt_sieve_has_bytes.  Takes k + 20 bytes of memory an item with bytes, 4 k + 20 without.
 */
lt_status lt_sieve_init(lt_env *env, lt_sieve *s, const lt_sieve_items *items, bool bytes, bool *fits);
/* Whether a user's vector (k) and constant can be sifted. */
bool lt_sieve_fits(const lt_sieve *s, const float *x, float c);

/* Memory to sift for up to `most` users in. */
typedef struct lt_sieve_work {
    bool adds;     /* there is bias, add or somebody's constant */
    int32_t *word; /* most x steps: four numbers of a byte each */
    int32_t *start;
    float *bar, *unit, *constant, *slack, *length, *error, *norm;
    const float **scale;
    int32_t *active;
    float *gathered, *dot; /* most x k, most x tile; without bytes */
} lt_sieve_work;
lt_status lt_sieve_work_init(lt_env *env, const lt_sieve *s, int32_t most, lt_sieve_work *w);

/* An item offered to the user of that number; returns the user's bar from now on: -INFINITY takes all. */
typedef float (*lt_sieve_offer)(void *context, int32_t user, int32_t item);

/*
 * Sifts all items for n users: x is n x (k + 1), vectors and their constants, which fit.  Every bar is -INFINITY at
 * first.  Allocates nothing and does not poll: it multiplies 10^10 numbers a second, and more.
 */
void lt_sieve_run(const lt_sieve *s, lt_sieve_work *w, const float *x, int32_t n, lt_sieve_offer offer, void *context);

#endif
