/*
 * rerank_xquad.c: personalised xQuAD over two categories, the tail and the rest (Abdollahpouri, Burke and Mobasher,
 * "Managing popularity bias in recommender systems with personalized re-ranking", FLAIRS 2019).
 *
 * The list S grows greedily by the item v with the highest
 *
 *     (1 - strength) * relevance(v) + strength * P(c | user) * (1 - covered(c, S)),     c the category of v
 *
 * covered: variant `binary`: 1 once S has an item of c; `smooth`: the share of S that is of c (0 while S is empty).
 * P(c | user): the share of the user's interactions in c; a third for the tail where it is unknown.
 * relevance: see lt_rerank_relevance.
 *
 * One departure from the paper: the term of the rest is capped at the tail's.  The paper drives the list towards the
 * user's taste from both sides, and so takes tail items from a list that has more of them than the user's history; here
 * strength is for the tail.  Where the tail's term is the larger, the two choose alike.
 *
 * More strength never lowers the number of tail items in any prefix of any list.  Which items come next within a
 * category is fixed by their scores, so a step is decided by (length of S, tail items in S) alone: the tail gets it iff
 * strength * lead > (1 - strength) * gap, lead >= 0 the difference of the two capped terms, gap that of the relevances.
 * What holds at a strength holds at a greater one.  Two lists that differ in strength start equal, and where they have
 * as many tail items after a prefix, the greater strength gets one whenever the lesser does: it never falls behind.
 */
#include "rerank.h"

#include <math.h>

static const lt_option options[] = {
    {.name = "variant",
     .type = LT_OPT_ENUM,
     .default_value = "smooth",
     .choices = "smooth|binary",
     .help = "Whether a category counts as covered by its share of the list so far, or by its first item."},
};

/* P(c | user) * (1 - covered(c, S)): `members` of the `length` items of S are of the category. */
static double missing(double taste, int64_t members, int64_t length, bool binary)
{
    if (members == 0)
        return taste;
    return binary ? 0 : taste * (1 - (double)members / (double)length);
}

static double tail_taste(const double taste[3])
{
    double total = taste[LT_HEAD] + taste[LT_MID] + taste[LT_TAIL];

    return total > 0 ? taste[LT_TAIL] / total : 1.0 / 3;
}

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    bool binary = in->options != NULL && lt_option_is(in->options, "variant", "binary");
    double tail_share = tail_taste(in->user_taste);
    int64_t length = lt_rerank_length(in);
    int64_t tail = 0; /* items of the tail in S */
    double *all;
    lt_rerank_queues q;

    LT_TRY(lt_alloc(env, &all, (size_t)in->n, sizeof *all, "the candidates' relevance"));
    lt_rerank_relevance(in, all);
    LT_TRY(lt_rerank_queues_init(env, in, &q));
    for (int64_t s = 0; s < length; s++) {
        double tail_term = missing(tail_share, tail, s, binary);
        double rest_term = fmin(tail_term, missing(1 - tail_share, s - tail, s, binary));
        double relevance[2] = {1, 1}; /* of the best of the rest, of the best of the tail */
        bool take_tail;

        for (int c = 0; c < 2; c++)
            if (q.next[c] < in->n)
                relevance[c] = all[q.order[q.next[c]]];
        if (q.next[false] == in->n || q.next[true] == in->n) {
            take_tail = q.next[false] == in->n;
        } else {
            double lead = in->strength * (tail_term - rest_term);
            double gap = (1 - in->strength) * (relevance[0] - relevance[1]);

            take_tail = lead > gap || (lead == gap && q.next[true] < q.next[false]);
        }
        chosen[s] = lt_rerank_take(in, &q, take_tail);
        value[s] = (1 - in->strength) * relevance[take_tail] + in->strength * (take_tail ? tail_term : rest_term);
        tail += take_tail;
    }
    *n_chosen = length;
    lt_free(env, q.order);
    lt_free(env, all);
    return LT_OK;
}

const lt_reranker lt_rerank_xquad = {
    .name = "xquad",
    .help = "Mixes relevance with what the list still lacks of the tail, by the user's own taste for it.",
    .raises_tail = true,
    .needs_segment = true,
    .uses_taste = true,
    .max_strength = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
