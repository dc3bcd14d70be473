/*
 * test_batch.c: lists for many users at once are, bit by bit, those that lt_recommend makes one at a time: random
 * models of vectors whose scores tie, with hidden items, adjustments and stages; other algorithms; on any number of
 * threads; with the sieve's bytes and without; when the caller is interrupted.
 */
#include "batch.h"
#include "factors.h"
#include "recommend_data.h"

extern const lt_algorithm lt_als, lt_bpr;

/* ---- models of vectors ---- */

typedef struct shape {
    int32_t users, items, k;
    bool biases, ratings, bpr;
    int ties;      /* vectors of so many different items, and numbers of one bit; 0: all differ */
    double spread; /* of items' lengths: a factor of e^spread is usual */
    double scale;  /* of all vectors */
} shape;

typedef struct vectors {
    lt_bundle bundle;
    lt_recommender r;
    lt_pairs histories;
} vectors;

static float number(lt_random *rng, const shape *s)
{
    return (float)(s->ties > 0 ? (double)(lt_random_below(rng, 3) - 1) : lt_random_normal(rng) * s->scale);
}

static void fill_items(lt_random *rng, const shape *s, lt_factors_out *out)
{
    for (int32_t i = 0; i < s->items; i++) {
        double length = exp(s->spread * lt_random_normal(rng));

        for (int32_t j = 0; j < s->k; j++)
            out->item[(int64_t)i * s->k + j] = s->ties > 0 && i >= s->ties
                                                   ? out->item[(int64_t)(i % s->ties) * s->k + j]
                                                   : (float)length * number(rng, s);
        if (s->biases)
            out->item_bias[i] = s->ties > 0 ? (float)(i % s->ties % 2) : (float)lt_random_normal(rng) / 4;
    }
    for (int32_t j = 0; j < s->k; j++) /* an item at the origin */
        out->item[(int64_t)(s->items / 2) * s->k + j] = 0;
}

static void fill_users(lt_random *rng, const shape *s, lt_factors_out *out)
{
    for (int32_t u = 0; u < s->users; u++) {
        for (int32_t j = 0; j < s->k; j++)
            out->user[(int64_t)u * s->k + j] = u % 17 == 3 ? 0 : number(rng, s);
        if (s->biases)
            out->user_bias[u] = (float)lt_random_normal(rng) / 4;
    }
    out->user[(int64_t)5 * s->k] = 3e20F; /* of no size to be sifted */
    out->user[(int64_t)6 * s->k] = 3e-20F;
}

/* Histories of up to `most` items; every ninth user has none, one has everything. */
static lt_pairs fill_histories(lt_env *env, lt_random *rng, const shape *s, int64_t most)
{
    lt_pairs p = {.rows = s->users, .cols = s->items};

    lt_alloc(env, &p.start, (size_t)s->users + 1, sizeof *p.start, "test");
    lt_alloc(env, &p.col, (size_t)s->users * (size_t)s->items, sizeof *p.col, "test");
    for (int32_t u = 0; u < s->users; u++) {
        int64_t at = p.start[u], n = u % 9 == 0 ? 0 : 1 + lt_random_below(rng, most);

        for (int32_t i = 0; i < s->items; i++)
            if (u == 20 || lt_random_below(rng, s->items) < n)
                p.col[at++] = i;
        p.start[u + 1] = at;
    }
    return p;
}

static vectors *make_vectors(lt_env *env, const shape *s, uint64_t seed)
{
    lt_fold fold = {.ratings = s->ratings, .mean = s->ratings ? 3.25 : 0, .unobserved = s->ratings ? 0 : 0.1};
    lt_factors_out out;
    lt_random rng;
    vectors *v;

    fold.regularization = fold.scale = 1;
    fold.items = s->items;
    lt_alloc(env, &v, 1, sizeof *v, "test");
    lt_random_seed(&rng, seed);
    v->bundle = (lt_bundle){.user_id = LT_ID_INTEGER, .item_id = LT_ID_INTEGER, .head_share = 0.2, .tail_share = 0.2};
    v->bundle.users.n = s->users;
    v->bundle.items.n = s->items;
    v->bundle.model = (lt_model){.algorithm = s->bpr ? &lt_bpr : &lt_als,
                                 .link = s->bpr ? LT_LINK_LOGISTIC : LT_LINK_IDENTITY,
                                 .design = {.users = s->users, .items = s->items}};
    v->histories = fill_histories(env, &rng, s, 20);
    lt_alloc(env, &v->bundle.item_count, (size_t)s->items, sizeof(double), "test");
    lt_alloc(env, &v->bundle.trend, (size_t)s->items, sizeof(double), "test");
    lt_alloc(env, &v->bundle.hidden, (size_t)s->items, 1, "test");
    for (int32_t i = 0; i < s->items; i++) {
        v->bundle.hidden[i] = i % 11 == 4;
        v->bundle.item_count[i] = v->bundle.hidden[i] ? 0 : (double)lt_random_below(&rng, 1 + (i % 7) * 20);
        v->bundle.trend[i] = lt_random_normal(&rng);
    }
    fine(env,
         lt_factors_add(env, &v->bundle.model, &v->histories, s->k, s->biases && s->ratings, s->biases, &fold, &out));
    if (s->biases && !s->ratings) {
        static float unused[1000];

        out.user_bias = unused;
    }
    fill_items(&rng, s, &out);
    fill_users(&rng, s, &out);
    /* some users have bought since: they are folded in */
    for (int64_t at = v->histories.start[30]; at < v->histories.start[34]; at++)
        if (v->histories.col[at] + 1 < s->items && at + 1 == v->histories.start[31])
            v->histories.col[at]++;
    fine(env, lt_recommender_init(env, &v->r, &v->bundle));
    return v;
}

/* ---- comparing ---- */

static bool same_bits(const double *a, const double *b, int64_t n)
{
    return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Whether the list at `u` of a run is what lt_recommend makes for that user. */
static bool is_recommended(lt_env *env, const lt_batch_lists *b, const lt_recommender *r,
                           const lt_batch_request *request, int32_t u)
{
    int32_t user = b->first + u;
    lt_request q = request->how;
    int64_t at = u * b->places;
    lt_scope scope;
    lt_list want;
    bool same;

    q.subject = (lt_subject){.user = user};
    q.seed += (uint64_t)user;
    lt_subject_take_history(&q.subject, request->histories, user);
    if (request->excludes_history) {
        q.left_out = q.subject.history;
        q.n_left_out = q.subject.n_history;
    }
    lt_scope_open(env, &scope);
    same = lt_recommend(&scope.env, r, &q, &want) == LT_OK && want.n == b->length[u] &&
           (want.n == 0 || memcmp(want.item, b->item + at, (size_t)want.n * sizeof *want.item) == 0) &&
           same_bits(want.score, b->score + at, want.n) && same_bits(want.base, b->base + at, want.n);
    lt_scope_close(&scope);
    return same;
}

/* Lists of everybody that are not as they should be, in runs of uneven lengths. */
static int wrong_lists(lt_env *env, const lt_recommender *r, const lt_batch_request *request, bool bytes, bool *sifts)
{
    int32_t users = r->bundle->users.n;
    int wrong = 0;
    lt_batch_lists b;
    lt_scope scope;

    lt_scope_open(env, &scope);
    if (lt_batch_init(&scope.env, &b, r, request, bytes) != LT_OK)
        return -1;
    for (int32_t first = 0, n; first < users; first += n) {
        n = first == 0 && users > 7 ? 7 : users - first < b.most ? users - first : b.most;
        if (lt_batch_run(&scope.env, &b, first, n) != LT_OK)
            return -2;
        for (int32_t u = 0; u < n; u++)
            wrong += !is_recommended(env, &b, r, request, u);
    }
    if (sifts != NULL)
        *sifts = b.sifts;
    lt_scope_close(&scope);
    return wrong;
}

static const shape shapes[] = {
    {100, 700, 8, false, false, false, 0, 0, 1},   {100, 700, 64, false, false, false, 0, 1, 0.1},
    {100, 700, 7, true, true, false, 0, 1, 0.1},   {100, 700, 33, true, false, true, 0, 0.5, 0.2},
    {100, 700, 3, true, false, true, 13, 0, 1},    {100, 1000, 5, false, false, false, 40, 0, 1},
    {100, 320, 16, true, true, false, 0, 3, 1e-4}, {150, 320, 16, true, false, true, 0, 0, 1e4},
    {100, 90, 4, false, false, false, 0, 0, 1},    {100, 600, 2048 / 16, false, false, false, 0, 2, 1},
    {100, 400, 1, true, true, false, 5, 0, 1},     {100, 700, 64, false, false, false, 0, 0, 1e-5},
};

static void test_vectors(lt_env *env)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        vectors *v = make_vectors(env, &shapes[s], s + 1);
        int sifted = 0;

        for (int variant = 0; variant < 12; variant++) {
            static const double exponents[] = {0, 0.3, 3};
            static const int64_t ks[] = {10, 1, 25, 2000};
            lt_batch_request request = {.histories = &v->histories, .excludes_history = variant % 4 != 1};
            bool sifts;
            int wrong;

            request.how =
                (lt_request){.k = ks[variant % 4], .adjust = lt_adjustment_with(&v->r, exponents[variant % 3])};
            request.how.adjust.trend = variant >= 6 ? 0.5 : 0;
            request.how.adjust.prepared = NULL;
            test_env_team(env, (int[]){1, 2, 5}[(variant + (int)s) % 3]);
            for (int bytes = 0; bytes < 2; bytes++) {
                wrong = wrong_lists(env, &v->r, &request, bytes, &sifts);
                sifted += sifts;
                ok(wrong == 0, "shape %zu, variant %d, %s: %d wrong", s, variant, bytes ? "bytes" : "floats", wrong);
            }
        }
        ok(shapes[s].items < 200 || sifted >= 12, "shape %zu: %d of 24 are sifted", s, sifted);
    }
    test_env_team(env, 1);
}

/* ---- the sieve alone ---- */

typedef struct offered {
    const lt_sieve_items *items;
    const float *x; /* of all users, n x (k + 1) */
    int64_t offers[4];
    float best[4][10]; /* descending */
} offered;

static float value_of(const offered *o, int32_t user, int32_t item)
{
    double sum = 0;

    for (int32_t j = 0; j < o->items->k; j++)
        sum += (double)o->x[user * (o->items->k + 1) + j] * o->items->vector[(int64_t)item * o->items->k + j];
    return (float)sum;
}

static void insert(float best[10], float value)
{
    int at = 9;

    for (; at > 0 && best[at - 1] < value; at--)
        best[at] = best[at - 1];
    if (best[at] < value || at < 9)
        best[at] = value;
}

static float count_offer(void *context, int32_t user, int32_t item)
{
    offered *o = context;
    float value = value_of(o, user, item);

    o->offers[user]++;
    if (value > o->best[user][9])
        insert(o->best[user], value);
    return o->best[user][9];
}

/* What the sieve is for: few items are offered, and what is offered has the best among it. */
static void test_sieve(lt_env *env)
{
    lt_sieve_items items = {.items = 20011, .k = 24, .length = 1};
    lt_random rng;
    float *vector, *x;

    lt_random_seed(&rng, 8);
    lt_alloc(env, &vector, (size_t)items.items * (size_t)items.k, sizeof *vector, "test");
    lt_alloc(env, &x, 4 * ((size_t)items.k + 1), sizeof *x, "test");
    for (int64_t j = 0; j < (int64_t)items.items * items.k; j++)
        vector[j] = (float)lt_random_normal(&rng);
    for (int32_t j = 0; j < 4 * (items.k + 1); j++)
        x[j] = j % (items.k + 1) == items.k ? 0 : (float)lt_random_normal(&rng);
    items.vector = vector;
    for (int bytes = 0; bytes <= lt_sieve_has_bytes(); bytes++) {
        offered o = {.items = &items, .x = x}, naive = o;
        lt_sieve_work work;
        lt_sieve sieve;
        bool fits;

        for (int i = 0; i < 40; i++)
            o.best[i / 10][i % 10] = naive.best[i / 10][i % 10] = -INFINITY;
        fine(env, lt_sieve_init(env, &sieve, &items, bytes, &fits));
        fine(env, lt_sieve_work_init(env, &sieve, 4, &work));
        lt_sieve_run(&sieve, &work, x, 4, count_offer, &o);
        for (int32_t user = 0; user < 4; user++) {
            for (int32_t i = 0; i < items.items; i++)
                count_offer(&naive, user, i);
            ok(memcmp(o.best[user], naive.best[user], sizeof o.best[user]) == 0, "the ten best are offered");
            ok(o.offers[user] < 400, "%d of 20,011 items are offered, %s", (int)o.offers[user],
               bytes ? "by bytes" : "by floats");
        }
    }
}

/* ---- stages ---- */

static lt_status no_facts(lt_env *env, void *context, lt_rerank_input *in)
{
    (void)env;
    *(int64_t *)context += in->n;
    return LT_OK;
}

static void test_stages(lt_env *env)
{
    static const shape big = {100, 9000, 8, false, false, false, 0, 1, 1};
    vectors *v = make_vectors(env, &big, 77);
    int64_t asked = 0;
    lt_rerank_stage stages[3] = {{.method = lt_reranker_find("popularity"), .strength = 0.2},
                                 {.method = lt_reranker_find("xquad"), .strength = 0.5},
                                 {.method = lt_reranker_find("random"), .strength = 0.3}};
    lt_batch_request request = {.histories = &v->histories, .excludes_history = true};
    bool sifts;

    request.how = (lt_request){.k = 10, .stages = stages, .n_stages = 3, .seed = 9};
    for (int members = 1; members <= 2; members++) {
        test_env_team(env, members);
        stages[1].facts = NULL;
        ok(wrong_lists(env, &v->r, &request, true, &sifts) == 0 && sifts, "three stages, %d threads", members);
        stages[1].facts = no_facts;
        stages[1].context = &asked;
        ok(wrong_lists(env, &v->r, &request, true, &sifts) == 0 && sifts, "with facts, %d threads", members);
        request.how.k = 1000; /* more than are sifted */
        ok(wrong_lists(env, &v->r, &request, true, &sifts) == 0 && !sifts, "and long lists, %d threads", members);
        request.how.k = 10;
    }
    ok(asked > 0, "facts are asked for");
    test_env_team(env, 1);
}

/* Margins, where they are wanted, are those of score. */
static void test_margins(lt_env *env)
{
    vectors *v = make_vectors(env, &shapes[3], 5);
    lt_batch_request request = {.how = {.k = 10}, .histories = &v->histories, .wants_margins = true};
    int32_t items = v->bundle.items.n;
    float *want = malloc((size_t)items * sizeof *want);
    int wrong = 0;
    lt_batch_lists b;

    test_env_team(env, 2);
    fine(env, lt_batch_init(env, &b, &v->r, &request, true));
    fine(env, lt_batch_run(env, &b, 10, 50));
    for (int32_t u = 0; u < 50; u++) {
        lt_request q = {.subject = {.user = 10 + u}};

        lt_subject_take_history(&q.subject, &v->histories, 10 + u);
        lt_score_candidates(env, &v->r, &q, want);
        wrong += memcmp(want, b.margin + (int64_t)u * items, (size_t)items * sizeof *want) != 0 ||
                 !is_recommended(env, &b, &v->r, &request, u);
    }
    ok(wrong == 0, "margins and lists, %d wrong", wrong);
    test_env_team(env, 1);
    free(want);
}

/* ---- other algorithms ---- */

static void test_algorithms(lt_env *env)
{
    static const char *const names[] = {"item_knn", "user_knn", "popularity", "logistic", "mlp",         "als",
                                        "bpr",      "ease",     "rp3beta",    "markov",   "graph_filter"};
    event *v = calloc(4000, sizeof *v);
    lt_random rng;

    lt_random_seed(&rng, 3);
    for (int e = 0; e < 4000; e++)
        v[e] = (event){.user = (int)lt_random_below(&rng, 90),
                       .item = (int)(lt_random_below(&rng, 200) * lt_random_below(&rng, 200) / 200),
                       .label = 1,
                       .weight = 1,
                       .time = e};
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        const lt_algorithm *algorithm = lt_algorithm_find(names[a]);
        bool iterates =
            strcmp(names[a], "logistic") == 0 || strcmp(names[a], "mlp") == 0 || strcmp(names[a], "bpr") == 0;
        trained *t = train_on(env, algorithm, PAIRS | TIME, v, 4000,
                              iterates ? OPTIONS("split", "none", "epochs", "2") : OPTIONS("split", "none"));
        lt_batch_request request = {.how = {.k = 10, .adjust = t->r.own}, .histories = &t->data.had};

        request.excludes_history = true;
        for (int members = 1; members <= 2; members++) {
            int wrong;

            test_env_team(env, members);
            wrong = wrong_lists(env, &t->r, &request, true, NULL);
            ok(wrong == 0, "%s, %d threads: %d wrong", names[a], members, wrong);
        }
    }
    test_env_team(env, 1);
    free(v);
}

/* ---- interruptions, memory ---- */

static bool always(void *context)
{
    (void)context;
    return true;
}

static void test_interruptions(lt_env *env)
{
    vectors *v = make_vectors(env, &shapes[0], 4);
    test_context *c = env->context;
    lt_batch_request request = {.how = {.k = 300}, .histories = &v->histories};
    lt_batch_lists b;
    int wrong = 0;

    for (int members = 1; members <= 2; members++) {
        test_env_team(env, members);
        env->pending = always; /* something to see to, which turns out to be no cancel */
        fine(env, lt_batch_init(env, &b, &v->r, &request, true));
        fine(env, lt_batch_run(env, &b, 0, 100));
        for (int32_t u = 0; u < 100; u++)
            wrong += !is_recommended(env, &b, &v->r, &request, u);
        ok(wrong == 0, "an interruption that is no cancel leaves lists as they are (%d wrong)", wrong);
        c->cancel_at = c->polls + 2;
        ok(lt_batch_run(env, &b, 0, 100) == LT_CANCELLED, "a cancel ends a run");
        c->cancel_at = 0;
        env->pending = NULL;
        env->error = (lt_error){.status = LT_OK};
    }
    test_env_team(env, 1);
}

static lt_status failing(lt_env *env, void *context, lt_rerank_input *in)
{
    (void)context, (void)in;
    return lt_fail(env, LT_INVALID, "no facts today");
}

static void test_errors(lt_env *env)
{
    vectors *v = make_vectors(env, &shapes[0], 4);
    lt_rerank_stage stage = {.method = lt_reranker_find("xquad"), .strength = 0.5, .facts = failing};
    lt_batch_request request = {.how = {.k = 10, .stages = &stage, .n_stages = 1}, .histories = &v->histories};
    lt_rerank_stage strong = {.method = lt_reranker_find("xquad"), .strength = 7};
    lt_batch_lists b;

    test_env_team(env, 2);
    fine(env, lt_batch_init(env, &b, &v->r, &request, true));
    ok(lt_batch_run(env, &b, 0, 100) == LT_INVALID && strcmp(env->error.message, "no facts today") == 0,
       "an error of facts is handed on");
    env->error = (lt_error){.status = LT_OK};
    request.how.stages = &strong;
    fine(env, lt_batch_init(env, &b, &v->r, &request, true));
    ok(lt_batch_run(env, &b, 0, 100) == LT_INVALID && strstr(env->error.message, "strength") != NULL,
       "and one of a task: %s", env->error.message);
    env->error = (lt_error){.status = LT_OK};
    env->budget = env->used + 2000;
    ok(lt_batch_init(env, &b, &v->r, &request, true) == LT_NO_MEMORY, "memory is within the budget");
    env->budget = 0;
    test_env_team(env, 1);
}

int main(void)
{
    lt_env *env = test_env();

    test_vectors(env);
    test_sieve(env);
    test_stages(env);
    test_margins(env);
    test_algorithms(env);
    test_interruptions(env);
    test_errors(env);
    test_env_drop(env);
    return done();
}
