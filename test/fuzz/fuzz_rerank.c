/*
 * fuzz_rerank.c: every method, and several in a row, on candidates with any scores, popularity, groups and likeness.
 */
#include "fuzz.h"
#include "rerank.h"

#define MOST 40
#define FACTORS 3
#define VALUES 5

typedef struct list {
    double score[MOST], popularity[MOST], target[VALUES];
    uint8_t segment[MOST], tail[MOST];
    int64_t start[MOST + 1];
    int32_t value[MOST * 2], item[MOST];
    float x[MOST * FACTORS];
    lt_groups groups;
    lt_table rows;
    lt_similarity similarity;
    lt_rerank_input in;
} list;

static double positive(fuzz_input *in)
{
    double v = fabs(fuzz_number(in));

    return isfinite(v) ? v : 0;
}

static void make_groups(list *l, fuzz_input *in)
{
    double sum = 0;

    for (int64_t i = 0; i < l->in.n; i++) {
        int first = fuzz_below(in, VALUES), several = fuzz_below(in, 3);

        l->start[i + 1] = l->start[i];
        for (int v = 0; v < several; v++)
            l->value[l->start[i + 1]++] = (first + v) % VALUES;
    }
    for (int v = 0; v < VALUES; v++)
        sum += l->target[v] = fuzz_below(in, 10);
    for (int v = 0; v < VALUES; v++)
        l->target[v] = sum > 0 ? l->target[v] / sum : 1.0 / VALUES;
    l->groups =
        (lt_groups){.n = VALUES, .start = l->start, .group = l->value, .target = fuzz_below(in, 2) ? l->target : NULL};
    l->in.groups = &l->groups;
}

static void make(lt_env *env, list *l, fuzz_input *in)
{
    lt_rerank_input *r = &l->in;
    int what = fuzz_below(in, 64);
    double taste = 0;

    memset(l, 0, sizeof *l);
    r->n = fuzz_below(in, MOST + 1);
    r->k = fuzz_below(in, MOST + 5);
    r->strength = fuzz_number(in);
    r->seed = (uint64_t)fuzz_below(in, 3);
    r->logit = fuzz_below(in, 2);
    for (int64_t i = 0; i < r->n; i++) {
        l->score[i] = fuzz_number(in);
        l->popularity[i] = positive(in);
        l->segment[i] = (uint8_t)fuzz_below(in, 3);
        l->tail[i] = (uint8_t)fuzz_below(in, 2);
        l->item[i] = (int32_t)i;
    }
    for (int s = 0; s < 3; s++)
        taste += r->user_taste[s] = fuzz_below(in, 5);
    for (int s = 0; s < 3; s++)
        r->user_taste[s] = taste > 0 ? r->user_taste[s] / taste : 0;
    for (int64_t i = 0; i < r->n * FACTORS; i++)
        l->x[i] = (float)(fuzz_below(in, 21) - 10) * (what & 1 ? 1e15F : 0.1F);
    r->score = l->score;
    r->item = l->item;
    r->popularity = what & 2 ? NULL : l->popularity;
    r->segment = what & 4 ? NULL : l->segment;
    r->group = what & 8 ? l->tail : NULL;
    if (what & 16)
        make_groups(l, in);
    l->rows = (lt_table){.n = r->n, .dense = FACTORS, .x = l->x};
    if (what & 32 && fuzz_fine(env, lt_similarity_init(env, &l->similarity, &l->rows, NULL, r->n)))
        r->similarity = &l->similarity;
}

static void check(const list *l, const int32_t *chosen, int64_t n)
{
    bool taken[MOST] = {false};

    must(n >= 0 && n <= l->in.n && n <= l->in.k);
    for (int64_t i = 0; i < n; i++) {
        must(chosen[i] >= 0 && chosen[i] < l->in.n && !taken[chosen[i]]);
        taken[chosen[i]] = true;
    }
}

/* Facts are those of the list: stages get them as the first does. */
static lt_status facts(lt_env *env, void *context, lt_rerank_input *in)
{
    const list *l = context;

    (void)env;
    if (in->n == l->in.n) {
        in->group = l->in.group;
        in->groups = l->in.groups;
        in->similarity = l->in.similarity;
    }
    return LT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    lt_env *env = fuzz_env();
    fuzz_input in = {bytes, n};
    list *l = malloc(sizeof *l);
    lt_rerank_stage stages[3];
    int32_t chosen[MOST];
    double value[MOST];
    int64_t n_chosen;
    int methods = 0;

    make(env, l, &in);
    for (; lt_rerankers[methods] != NULL; methods++) {
        const lt_reranker *m = lt_rerankers[methods];
        lt_options o;

        must(lt_options_init_own(env, &o, m->options, m->n_options) == LT_OK);
        for (int i = 0; i < m->n_options && fuzz_below(&in, 2); i++)
            fuzz_fine(env, lt_options_set_number(env, &o, m->options[i].name, fuzz_number(&in)));
        l->in.options = fuzz_below(&in, 2) ? &o : NULL;
        if (l->in.groups != NULL && l->in.segment == NULL && l->in.group == NULL && m != &lt_rerank_calibrated)
            continue; /* groups stand for segments there alone */
        if (fuzz_fine(env, lt_rerank(env, m, &l->in, chosen, value, &n_chosen)))
            check(l, chosen, n_chosen);
    }
    for (int s = 0; s < 3; s++)
        stages[s] = (lt_rerank_stage){.method = lt_rerankers[fuzz_below(&in, methods)],
                                      .strength = fuzz_below(&in, 5) / 4.0,
                                      .facts = facts,
                                      .context = l};
    l->in.segment = l->segment;
    if (fuzz_fine(env, lt_rerank_stages(env, stages, 1 + fuzz_below(&in, 3), &l->in, chosen, value, &n_chosen)))
        check(l, chosen, n_chosen);
    free(l);
    test_env_drop(env);
    return 0;
}
