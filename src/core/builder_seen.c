/*
 * builder_seen.c: what users have, by the examples of one part or of both.
 */
#include "builder_parts.h"

#include <string.h>

#define POLL_EVERY 65536 /* examples: well below a millisecond */

/* One more row of a pair that is there already. */
static void add_to_pair(lt_pairs *seen, int64_t at, const lt_examples *ex, int64_t i, bool ratings)
{
    bool later = ex->time == NULL || ex->time[i] >= seen->time[at];

    if (seen->val != NULL && ratings)
        seen->val[at] = later ? ex->label[i] : seen->val[at];
    else if (seen->val != NULL)
        seen->val[at] += ex->weight[i];
    if (seen->time != NULL && later)
        seen->time[at] = ex->time[i];
}

static void put_pair(lt_pairs *seen, int64_t at, const lt_examples *ex, int64_t i, bool ratings)
{
    seen->col[at] = ex->item[i];
    if (seen->val != NULL)
        seen->val[at] = ratings ? ex->label[i] : ex->weight[i];
    if (seen->time != NULL)
        seen->time[at] = ex->time[i];
}

/* The next example from `at` on that says a user has an item; own: another source's do not count. */
static int64_t next_had(const lt_examples *ex, int64_t at, bool ratings, bool own)
{
    while (at < ex->n && (ex->user[at] < 0 || ex->item[at] < 0 || (!ratings && ex->label[at] <= 0) ||
                          (own && ex->domain != NULL && ex->domain[at])))
        at++;
    return at;
}

/* What the rows of all parts say that users have; each part is in order of user, then item. */
static lt_status collect(lt_env *env, const lt_dataset *d, const lt_examples *const part[2], bool own, lt_pairs *seen)
{
    bool ratings = d->label_kind == LT_LABEL_REAL;
    int64_t at[2] = {next_had(part[0], 0, ratings, own), next_had(part[1], 0, ratings, own)};
    size_t most = (size_t)(part[0]->n + part[1]->n);
    int32_t user = 0;
    int64_t n = 0;

    memset(seen, 0, sizeof *seen);
    seen->rows = d->design.users;
    seen->cols = d->design.items;
    LT_TRY(lt_alloc(env, &seen->start, (size_t)seen->rows + 1, sizeof(int64_t), "the seen items"));
    LT_TRY(lt_alloc(env, &seen->col, most, sizeof(int32_t), "the seen items"));
    if (ratings || part[0]->weight != NULL)
        LT_TRY(lt_alloc(env, &seen->val, most, sizeof(float), "the seen items"));
    if (part[0]->time != NULL)
        LT_TRY(lt_alloc(env, &seen->time, most, sizeof(double), "the seen items"));
    for (int64_t steps = 0; at[0] < part[0]->n || at[1] < part[1]->n; steps++) {
        int from = at[0] >= part[0]->n;
        const lt_examples *ex;
        int64_t i;

        if (steps % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (at[0] < part[0]->n && at[1] < part[1]->n) {
            int32_t u[2] = {part[0]->user[at[0]], part[1]->user[at[1]]};

            from = u[1] < u[0] || (u[1] == u[0] && part[1]->item[at[1]] < part[0]->item[at[0]]);
        }
        ex = part[from];
        i = at[from];
        while (user < ex->user[i])
            seen->start[++user] = n;
        if (n > seen->start[user] && seen->col[n - 1] == ex->item[i])
            add_to_pair(seen, n - 1, ex, i, ratings);
        else
            put_pair(seen, n++, ex, i, ratings);
        at[from] = next_had(ex, i + 1, ratings, own);
    }
    while (user < seen->rows)
        seen->start[++user] = n;
    return LT_OK;
}

lt_status lt_builder_all_seen(lt_env *env, const lt_dataset *d, lt_pairs *out)
{
    return collect(env, d, (const lt_examples *const[2]){&d->train, &d->validation}, true, out);
}

lt_status lt_builder_seen(lt_env *env, lt_dataset *d)
{
    bool ratings = d->label_kind == LT_LABEL_REAL;
    static const lt_examples none;
    const lt_examples *ex = &d->train;

    LT_TRY(collect(env, d, (const lt_examples *const[2]){ex, &none}, false, &d->seen));
    d->had = d->seen;
    if (ex->domain != NULL)
        LT_TRY(collect(env, d, (const lt_examples *const[2]){ex, &none}, true, &d->had));
    LT_TRY(lt_alloc(env, &d->item_count, (size_t)d->design.items, sizeof(double), "the items' counts"));
    for (int64_t i = next_had(ex, 0, ratings, true); i < ex->n; i = next_had(ex, i + 1, ratings, true))
        d->item_count[ex->item[i]]++;
    return LT_OK;
}
