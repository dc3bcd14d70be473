/*
 * test_rerank_stages.c: methods one after the other: worked by hand, what each is told, and the invariants that chains
 * keep.
 */
#include "rerank_data.h"

enum { HANDED_ON = 50 }; /* of rerank.c */

/* ---- what stages are told ---- */

/* The whole list, of which a stage's candidates are some; facts of each by its number. */
typedef struct told {
    const list *all;
    const lt_reranker *method;
    int calls, wrong;
    int64_t n, k;         /* of the last call */
    double last_strength; /* and its */
    float x[MOST * DIMENSIONS];
    lt_table vectors;
    lt_similarity similarity;
    int64_t start[MOST + 1];
    int32_t group[MOST * VALUES];
    lt_groups groups;
} told;

/* What the method needs of in->item[0..n); whether they are what the rest of the input speaks of. */
static lt_status facts(lt_env *env, void *context, lt_rerank_input *in)
{
    told *t = context;
    const list *all = t->all;

    t->calls++;
    t->n = in->n;
    t->k = in->k;
    t->last_strength = in->strength;
    t->wrong += in->group != NULL || in->groups != NULL || in->similarity != NULL;
    t->wrong += memcmp(in->user_taste, all->in.user_taste, sizeof in->user_taste) != 0;
    for (int64_t i = 0; i < in->n; i++) {
        int32_t item = in->item[i];

        t->wrong += in->popularity[i] != all->popularity[item] || in->segment[i] != all->segment[item];
        memcpy(t->x + i * DIMENSIONS, all->x + item * DIMENSIONS, DIMENSIONS * sizeof *t->x);
        t->start[i + 1] = t->start[i] + all->start[item + 1] - all->start[item];
        memcpy(t->group + t->start[i], all->group + all->start[item],
               (size_t)(t->start[i + 1] - t->start[i]) * sizeof *t->group);
    }
    if (t->method->needs_similarity) {
        t->vectors = (lt_table){.n = in->n, .dense = DIMENSIONS, .x = t->x};
        LT_TRY(lt_similarity_init(env, &t->similarity, &t->vectors, NULL, in->n));
        in->similarity = &t->similarity;
    } else if (t->method->uses_taste) {
        t->groups = (lt_groups){GROUPS, t->start, t->group, all->groups.target};
        in->groups = &t->groups;
    }
    in->user_taste[LT_MID] += 1; /* for this stage alone */
    return LT_OK;
}

static lt_rerank_stage stage_of(const list *all, told *t, const char *method, double strength)
{
    *t = (told){.all = all, .method = lt_reranker_find(method)};
    return (lt_rerank_stage){.method = t->method, .strength = strength, .facts = facts, .context = t};
}

static bool run_stages(lt_env *env, const lt_rerank_stage *stages, int n, list *l)
{
    lt_status status = lt_rerank_stages(env, stages, n, &l->in, l->chosen, l->value, &l->n_chosen);

    if (status != LT_OK)
        printf("# %s\n", env->error.message);
    return status == LT_OK;
}

/* ---- by hand ---- */

static void test_by_hand(lt_env *env)
{
    /* popularity at 0.5 leaves 8 / 4, 6 / 3, 5 / 1, 4 / 2, 3 / 1: the order 2 4 3 1 0 with 5 3 2 2 2 */
    list l = {.score = {8, 6, 5, 4, 3}, .popularity = {16, 9, 1, 4, 1}};
    static const int32_t boosted[] = {4, 1, 2, 3, 0}, dealt[] = {4, 2, 1, 3, 0};
    lt_rerank_stage stages[2];
    told first, second;
    int32_t item[] = {0, 1, 2, 3, 4};

    memcpy(l.segment, (uint8_t[]){LT_HEAD, LT_TAIL, LT_MID, LT_MID, LT_TAIL}, 5);
    l.in = (lt_rerank_input){
        .n = 5, .k = 5, .score = l.score, .popularity = l.popularity, .segment = l.segment, .item = item};
    stages[0] = stage_of(&l, &first, "popularity", 0.5);
    stages[1] = stage_of(&l, &second, "quota", 1);
    ok(run_stages(env, stages, 2, &l), "popularity, then quota");
    /* all of the tail that there is comes first: 4 (3), 1 (2); then 2 (5), and 3 before 0, of 2 each, as less popular
     */
    ok(memcmp(l.chosen, boosted, sizeof boosted) == 0, "the tail by boosted scores, then the rest");
    ok(l.value[0] == 3 && l.value[1] == 2 && l.value[2] == 5 && l.value[3] == 2 && l.value[4] == 2,
       "whose values are the scores that popularity handed on");
    ok(first.calls == 1 && second.calls == 1 && first.wrong + second.wrong == 0 && first.k == HANDED_ON &&
           second.k == 5 && first.last_strength == 0.5 && second.last_strength == 1,
       "each was asked once, about its own candidates");

    /* quota orders 1 4 0 2 3 and gets the scores 8 6 5 4 3 anew; popularity then divides by 3 1 4 1 2 */
    stages[0] = stage_of(&l, &first, "quota", 1);
    stages[1] = stage_of(&l, &second, "popularity", 0.5);
    ok(run_stages(env, stages, 2, &l), "quota, then popularity");
    ok(memcmp(l.chosen, dealt, sizeof dealt) == 0, "by scores dealt out anew");
    near(l.value[0], 6, 1e-12, "6 / 1");
    near(l.value[1], 4, 1e-12, "4 / 1");
    near(l.value[2], 8.0 / 3, 1e-12, "8 / 3");
    near(l.value[3], 1.5, 1e-12, "3 / 2");
    near(l.value[4], 1.25, 1e-12, "5 / 4");

    stages[1].facts = NULL;
    ok(run_stages(env, stages + 1, 1, &l) && l.chosen[0] == 2 && l.value[0] == 5, "one stage alone needs no facts");
    l.in.k = 1;
    ok(run_stages(env, stages, 2, &l) && l.n_chosen == 1 && l.chosen[0] == 4, "of which k come out");
    stages[1].strength = -1;
    ok(lt_rerank_stages(env, stages, 2, &l.in, l.chosen, l.value, &l.n_chosen) == LT_INVALID, "an error in a stage: %s",
       env->error.message);
}

/* A stage hands on the first max(50, 3 k): what is below never comes back. */
static void test_handed_on(lt_env *env)
{
    list l = {.n_chosen = 0};
    lt_rerank_stage stages[2];
    told first, second;
    int32_t item[MOST];

    for (int i = 0; i < MOST; i++) {
        l.score[i] = MOST - i;
        l.popularity[i] = 1;
        l.segment[i] = i < 50 ? LT_HEAD : LT_TAIL;
        item[i] = i;
    }
    l.in =
        (lt_rerank_input){.n = MOST, .score = l.score, .popularity = l.popularity, .segment = l.segment, .item = item};
    for (int64_t k = 10; k <= 20; k += 10) {
        l.in.k = k;
        stages[0] = stage_of(&l, &first, "none", 0);
        stages[1] = stage_of(&l, &second, "quota", 1);
        ok(run_stages(env, stages, 2, &l), "k = %d", (int)k);
        ok(second.n == (k == 10 ? 50 : 60) && tail_items(&l, k) == (k == 10 ? 0 : 10), "%d are handed on",
           (int)second.n);
    }
}

/* ---- properties ---- */

/* One to three methods at random; the last one's strength rises from 0 over the same list. */
static void test_invariants(lt_env *env, lt_random *random)
{
    int n_methods = 0, failed = 0, no_selection = 0, no_identity = 0, lowered = 0, raised = 0, wrong = 0, promised = 0;

    while (lt_rerankers[n_methods] != NULL)
        n_methods++;
    for (int round = 0; round < 4000; round++) {
        lt_rerank_stage stages[3];
        int n = 1 + (int)lt_random_below(random, 3);
        int64_t before = 0;
        int32_t item[MOST];
        told told[3];
        list l;

        random_list(env, random, &l);
        for (int i = 0; i < MOST; i++)
            item[i] = i;
        l.in.item = item;
        l.in.similarity = NULL;
        for (int s = 0; s < n; s++)
            stages[s] = stage_of(&l, &told[s], lt_rerankers[lt_random_below(random, n_methods)]->name, 0);
        failed += !run_stages(env, stages, n, &l);
        no_identity += !is_selection(&l) || !is_identity(&l);
        for (int s = 0; s < n - 1; s++)
            stages[s].strength = lt_random_uniform(random);
        for (int step = 0; step < 5; step++) {
            bool promises = stages[n - 1].method->raises_tail;
            int64_t tail;

            stages[n - 1].strength = step / 4.0;
            failed += !run_stages(env, stages, n, &l);
            no_selection += !is_selection(&l);
            tail = tail_items(&l, l.n_chosen);
            promised += promises && n > 1;
            lowered += promises && step > 0 && tail < before;
            raised += promises && step > 0 && tail > before;
            before = tail;
        }
        for (int s = 0; s < n; s++)
            wrong += told[s].wrong + (told[s].calls != 6);
    }
    ok(failed == 0 && no_selection == 0, "every chain selects without repeats");
    ok(no_identity == 0, "strength 0 throughout is the identity");
    ok(lowered == 0 && raised > 300 && promised > 5000, "the last method never lowers the tail (%d times, raises %d)",
       lowered, raised);
    ok(wrong == 0, "facts are asked of each stage's own candidates (%d wrong)", wrong);
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 17);
    test_by_hand(env);
    test_handed_on(env);
    test_invariants(env, &random);
    test_env_drop(env);
    return done();
}
