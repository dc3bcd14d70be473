/*
 * rerank_quota.c: a guaranteed share of tail items in every prefix: FA*IR (Zehlike et al., "FA*IR: a fair top-k ranking
 * algorithm", CIKM 2017).
 *
 * strength is p, the least share of tail items. A prefix of i items must hold the least number that a fair draw of i,
 * each from the tail with probability p, reaches with probability above 1 - alpha: the binomial quantile. Testing k
 * prefixes rejects more fair lists than alpha says, so `adjust` relaxes the table until the probability that a fair
 * list fails in any prefix is as near alpha as it gets.
 *
 * One departure from the paper: it relaxes by lowering alpha, and this by lowering the share q whose quantiles make the
 * table, from p. Both come equally near to alpha, with tables an item apart here and there; but the tables of one alpha
 * grow with q everywhere, while those of a lesser alpha at a greater p may ask for fewer in some prefix.
 *
 * A place goes to the best candidate, or to the best of the tail when the prefix would else have too few.
 *
 * More strength never lowers the number of tail items in any prefix of any list. A greater p never lowers an entry of
 * the table: without adjustment it is q; with it, a fair list fails a given table less often as p grows, so that a
 * table once strict enough is passed only by stricter ones. And of two lists with as many tail items after a prefix,
 * the best remaining candidates are the same, and the one whose table asks for more takes from the tail whenever the
 * other does.
 */
#include "rerank.h"

#include <math.h>
#include <string.h>

#define ALPHA 0.1
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static const lt_option options[] = {
    {.name = "alpha",
     .type = LT_OPT_FLOAT,
     .default_value = TEXT(ALPHA),
     .minimum = 0.001,
     .maximum = 0.5,
     .help = "Probability with which a list drawn fairly may fail the guarantee."},
    {.name = "adjust",
     .type = LT_OPT_BOOL,
     .default_value = "true",
     .help = "Whether the table is corrected for testing every prefix; without it the guarantee is stricter."},
};

/* ---- the table ---- */

typedef struct quota_table {
    int32_t *minimum; /* k */
    int64_t total;    /* sum of minimum: how strict the table is */
    double fail;      /* probability that a fair list fails */
} quota_table;

/* The probabilities of 0..top successes after one trial more. */
static void add_trial(double *successes, int64_t top, double p)
{
    for (int64_t j = top; j > 0; j--)
        successes[j] = successes[j] * (1 - p) + successes[j - 1] * p;
    successes[0] *= 1 - p;
}

/*
 * The alpha-quantiles for share q, and the probability that a list drawn with share p has fewer in some prefix.
 * work: 2 (k + 1). No quantile is above q k + 1, so both recurrences stop there.
 */
static lt_status build(lt_env *env, int64_t k, double q, double p, double alpha, double *work, quota_table *out)
{
    double *successes = work, *alive = work + k + 1; /* of a list drawn with q, and of one with p that has not failed */
    int64_t least = 0;
    int64_t width = (int64_t)fmin((double)k, ceil((double)k * q) + 1);

    memset(work, 0, 2 * ((size_t)k + 1) * sizeof *work);
    successes[0] = alive[0] = 1;
    out->total = 0;
    out->fail = 0;
    for (int64_t i = 0; i < k; i++) {
        int64_t top = i + 1 < width ? i + 1 : width;
        int64_t m = 0;

        if (i % 64 == 0)
            LT_TRY(lt_poll(env));
        add_trial(successes, top, q);
        for (double at_most = successes[0]; at_most < alpha && m < top; at_most += successes[m])
            m++;
        out->minimum[i] = (int32_t)m;
        out->total += m;
        add_trial(alive, top, p);
        for (; least < m; least++) { /* those with fewer had failed before */
            out->fail += alive[least];
            alive[least] = 0;
        }
    }
    return LT_OK;
}

/*
 * The table of the q below p whose probability of failure is nearest to alpha, of equally near ones the stricter. That
 * probability is a step function which rises with q; the steps on both sides of alpha are found by bisection, until the
 * two tables differ by one item or by nothing a double can tell apart.
 */
static lt_status relax(lt_env *env, int64_t k, double p, double alpha, double *work, quota_table *table)
{
    quota_table below = {0}, middle = {0}, above = *table;
    double low = 0, high = p;
    int32_t *rows;

    LT_TRY(lt_alloc(env, &rows, 2 * (size_t)k, sizeof *rows, "the quota table"));
    below.minimum = rows; /* share 0 asks for nothing, and nothing fails */
    middle.minimum = rows + k;
    while (above.total - below.total > 1) {
        double q = low + (high - low) / 2;
        quota_table built;

        if (q <= low || q >= high)
            break;
        LT_TRY(build(env, k, q, p, alpha, work, &middle));
        built = middle;
        if (built.fail <= alpha) {
            middle = below;
            below = built;
            low = q;
        } else {
            middle = above;
            above = built;
            high = q;
        }
    }
    if (alpha - below.fail < above.fail - alpha)
        above = below;
    if (table->minimum != above.minimum)
        memcpy(table->minimum, above.minimum, (size_t)k * sizeof *table->minimum);
    table->total = above.total;
    table->fail = above.fail;
    lt_free(env, rows);
    return LT_OK;
}

lt_status lt_quota_table(lt_env *env, int64_t k, double p, double alpha, bool adjust, int32_t *minimum, double *fail)
{
    quota_table table = {.minimum = minimum};
    double *work;

    LT_TRY(lt_alloc(env, &work, 2 * ((size_t)k + 1), sizeof *work, "the quota table"));
    LT_TRY(build(env, k, p, p, alpha, work, &table));
    if (adjust && table.fail > alpha)
        LT_TRY(relax(env, k, p, alpha, work, &table));
    *fail = table.fail;
    lt_free(env, work);
    return LT_OK;
}

/* ---- the list ---- */

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    double alpha = in->options == NULL ? ALPHA : lt_option_float(in->options, "alpha");
    bool adjust = in->options == NULL || lt_option_bool(in->options, "adjust");
    int64_t length = lt_rerank_length(in);
    int64_t tail = 0; /* items of the tail chosen */
    double fail;
    int32_t *minimum;
    lt_rerank_queues q;

    LT_TRY(lt_alloc(env, &minimum, (size_t)length, sizeof *minimum, "the quota table"));
    LT_TRY(lt_quota_table(env, length, in->strength, alpha, adjust, minimum, &fail));
    LT_TRY(lt_rerank_queues_init(env, in, &q));
    for (int64_t r = 0; r < length; r++) {
        bool take_tail = q.next[true] < in->n && (q.next[true] < q.next[false] || tail < minimum[r]);

        chosen[r] = lt_rerank_take(in, &q, take_tail);
        value[r] = in->score[chosen[r]];
        tail += take_tail;
    }
    *n_chosen = length;
    lt_free(env, q.order);
    lt_free(env, minimum);
    return LT_OK;
}

const lt_reranker lt_rerank_quota = {
    .name = "quota",
    .help = "Guarantees every prefix a share of tail items: strength is the least share, tested as FA*IR does.",
    .raises_tail = true,
    .needs_segment = true,
    .max_strength = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
