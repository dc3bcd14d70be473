/*
 * builder_parts.h: what builder_order.c (splitting and ordering rows), builder_finish.c (examples of them) and
 * builder_seen.c (what users have) share; nobody else includes it.
 */
#ifndef LT_BUILDER_PARTS_H
#define LT_BUILDER_PARTS_H

#include "builder.h"

/* Rows in the order of examples: those trained on, then the validation part, each by user, item and position. */
typedef struct lt_order {
    int64_t n, trained;
    int32_t *row;         /* n: positions as read */
    int32_t *user, *item; /* n; NULL without ids. Unknown ones are negative */
} lt_order;

/* The rows of the source itself. */
static inline int64_t lt_builder_own_rows(const lt_builder *b)
{
    return b->own < 0 ? b->n : b->own;
}

/* Splits the rows and puts them in order; another source's that would be held out are left out. Frees b->user and
 * b->item. */
lt_status lt_builder_order(lt_env *env, lt_builder *b, const lt_options *options, lt_order *out);
/* A number in [0, 1) for each validation example that any bundle draws alike: by the user's id. */
lt_status lt_builder_user_lots(lt_env *env, const lt_builder *b, const lt_examples *ex, float **lots);

/* lt_dataset.seen, had and item_count. */
lt_status lt_builder_seen(lt_env *env, lt_dataset *d);

#endif
