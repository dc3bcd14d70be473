/*
 * batch.c: tasks of users, and what a member of the team needs to make their lists.
 *
 * Models of user and item vectors are sifted (sieve.h): tasks of some tens of users, whose pools fill with what the
 * sieve offers, valued by the same products as lt_recommend's.  Other algorithms score a whole catalogue, a task a
 * user; so do users whose numbers are beyond the sieve, and lists so long that it would let too much through.
 *
 * Tasks must not touch the caller's environment.  Each member has one over malloc; it asks the caller's `pending` where
 * others poll, and a task that stopped for it is run again, without looking, should the caller go on all the same.
 */
#include "batch.h"

#include "threads.h"
#include "topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN_BYTES (4 << 20) /* what a run's lists may take, about */
#define RUN_USERS 8192
#define TASK_USERS 96
#define TASK_WORK 1000000000LL /* products of a task with floats; four times as many with bytes */
#define SAMPLE 64              /* users who are looked at first */
#define POOL_PART 8            /* a pool is at most this part of the items for the sieve to be worth it */

struct lt_batch_member {
    lt_env env;
    lt_batch_lists *batch;
    bool (*pending)(void *context); /* the caller's, as the next two */
    double (*seconds)(void *context);
    void *context;
    /* of the users of a task, from number `from` on; with the sieve */
    int32_t from;
    lt_sieve_work sieve;
    float *x; /* together x (k + 1) */
    lt_seek *seek;
    lt_top *top;
    bool *unfit;
};

/* ---- a member's environment ---- */

static void *member_alloc(void *context, size_t bytes)
{
    (void)context;
    return malloc(bytes);
}

static void member_release(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static bool member_cancelled(void *context)
{
    lt_batch_member *m = context;

    return m->batch->heeds && m->pending != NULL && m->pending(m->context);
}

static double member_seconds(void *context)
{
    lt_batch_member *m = context;

    return m->seconds(m->context);
}

/* ---- one user ---- */

static lt_request request_of(const lt_batch_lists *b, int32_t user)
{
    lt_request q = b->request.how;

    q.subject = (lt_subject){.user = user};
    q.seed += (uint64_t)user;
    lt_subject_take_history(&q.subject, b->request.histories, user);
    if (b->request.excludes_history) {
        q.left_out = q.subject.history;
        q.n_left_out = q.subject.n_history;
    }
    return q;
}

static void keep_list(lt_batch_lists *b, int32_t user, const lt_list *list)
{
    int64_t u = user - b->first, at = u * b->places;

    b->length[u] = list->n;
    memcpy(b->item + at, list->item, (size_t)list->n * sizeof *list->item);
    memcpy(b->score + at, list->score, (size_t)list->n * sizeof *list->score);
    memcpy(b->base + at, list->base, (size_t)list->n * sizeof *list->base);
}

static float *margins_of(const lt_batch_lists *b, int32_t user)
{
    return b->margin + (int64_t)(user - b->first) * b->r->bundle->items.n;
}

static lt_status score(lt_env *env, lt_batch_lists *b, int32_t user)
{
    lt_request q = request_of(b, user);

    return lt_score_candidates(env, b->r, &q, margins_of(b, user));
}

/* The list of somebody whose margins are there. */
static lt_status choose(lt_env *env, lt_batch_lists *b, int32_t user)
{
    lt_request q = request_of(b, user);
    lt_list list;

    LT_TRY(lt_choose(env, b->r, &q, margins_of(b, user), &list));
    keep_list(b, user, &list);
    return LT_OK;
}

/* Of whom nothing is there. */
static lt_status recommend(lt_env *env, lt_batch_lists *b, int32_t user)
{
    lt_request q = request_of(b, user);
    lt_list list;

    LT_TRY(lt_recommend(env, b->r, &q, &list));
    keep_list(b, user, &list);
    return LT_OK;
}

/* Whose pool is there. */
static lt_status arrange(lt_env *env, lt_batch_lists *b, int32_t user)
{
    int64_t u = user - b->first, at = u * b->pool;
    lt_request q = request_of(b, user);
    lt_list list;

    LT_TRY(lt_arrange(env, b->r, &q, 0, b->pool_item + at, b->pool_value + at, b->pool_margin + at, b->held[u], &list));
    keep_list(b, user, &list);
    return LT_OK;
}

/* What a task does for a user who is not sifted. */
static lt_status serve(lt_env *env, lt_batch_lists *b, int32_t user)
{
    if (!b->request.wants_margins)
        return recommend(env, b, user);
    LT_TRY(score(env, b, user));
    return b->asks ? LT_OK : choose(env, b, user);
}

/* What the calling thread does for a user whose list asks for facts. */
static lt_status ask(lt_env *env, lt_batch_lists *b, int32_t user)
{
    if (b->request.wants_margins)
        return choose(env, b, user);
    return b->held[user - b->first] < 0 ? recommend(env, b, user) : arrange(env, b, user);
}

/* ---- users of a task, sifted ---- */

static float take_offer(void *context, int32_t u, int32_t item)
{
    lt_batch_member *m = context;
    const lt_batch_lists *b = m->batch;
    const uint8_t *hidden = b->r->bundle->hidden;
    lt_top *top = &m->top[u];
    float value;

    if (m->unfit[u])
        return INFINITY;
    value = lt_adjusted(b->r, lt_scan_margin(&m->seek[u], item), item, &b->request.how.adjust);
    if (lt_top_takes(top, item, value) && (hidden == NULL || !hidden[item]) &&
        !(b->request.excludes_history && lt_pairs_has(b->request.histories, m->from + u, item)))
        lt_top_offer(top, item, value);
    return lt_top_least(top);
}

/* A user's vector, and an empty pool. */
static lt_status enter(lt_env *env, lt_batch_lists *b, lt_batch_member *m, int32_t u)
{
    lt_request q = request_of(b, m->from + u);
    int64_t at = (int64_t)(m->from + u - b->first) * b->pool;
    int32_t k = b->sieve.of.k;
    float *x = m->x + (int64_t)u * (k + 1);

    LT_TRY(b->r->bundle->model.algorithm->seek(env, &b->r->scorer, &q.subject, &m->seek[u]));
    memcpy(x, m->seek[u].x, (size_t)k * sizeof *x);
    x[k] = (float)m->seek[u].base;
    m->unfit[u] = !lt_sieve_fits(&b->sieve, x, x[k]);
    if (m->unfit[u])
        memset(x, 0, ((size_t)k + 1) * sizeof *x);
    m->top[u] =
        (lt_top){.k = b->pool, .index = b->pool_item + at, .value = b->pool_value + at, .rank = b->r->popularity.rank};
    return LT_OK;
}

static lt_status leave(lt_env *env, lt_batch_lists *b, lt_batch_member *m, int32_t u)
{
    int32_t user = m->from + u;
    int64_t at = (int64_t)(user - b->first) * b->pool;

    if (m->unfit[u])
        return b->asks ? LT_OK : recommend(env, b, user);
    lt_top_sort(&m->top[u]);
    for (int64_t i = 0; i < m->top[u].n; i++)
        b->pool_margin[at + i] = lt_scan_margin(&m->seek[u], b->pool_item[at + i]);
    b->held[user - b->first] = m->top[u].n;
    return b->asks ? LT_OK : arrange(env, b, user);
}

static lt_status sift_users(lt_env *env, lt_batch_lists *b, lt_batch_member *m, int32_t n)
{
    for (int32_t u = 0; u < n; u++)
        LT_TRY(enter(env, b, m, u));
    lt_sieve_run(&b->sieve, &m->sieve, m->x, n, take_offer, m);
    for (int32_t u = 0; u < n; u++) {
        lt_scope scope;
        lt_status status;

        lt_scope_open(env, &scope);
        status = leave(&scope.env, b, m, u);
        lt_scope_close(&scope);
        LT_TRY(status);
    }
    return LT_OK;
}

/* ---- runs ---- */

static void run_task(void *context, int64_t task, int number)
{
    lt_batch_lists *b = context;
    lt_batch_member *m = &b->member[number];
    int64_t from = task * b->together;
    int32_t n = (int32_t)(b->n - from < b->together ? b->n - from : b->together);
    lt_scope scope;

    if (b->status[task] == LT_OK)
        return;
    m->from = b->first + (int32_t)from;
    lt_scope_open(&m->env, &scope);
    b->status[task] = b->sifts ? sift_users(&scope.env, b, m, n) : serve(&scope.env, b, m->from);
    lt_scope_close(&scope);
}

/* The lists that ask for facts. */
static lt_status ask_all(lt_env *env, lt_batch_lists *b)
{
    for (int32_t user = b->first; user < b->first + b->n; user++) {
        lt_status status;
        lt_scope scope;

        LT_TRY(lt_poll(env));
        lt_scope_open(env, &scope);
        status = ask(&scope.env, b, user);
        lt_scope_close(&scope);
        LT_TRY(status);
    }
    return LT_OK;
}

/* The error of the first task that failed. */
static lt_status tell(lt_env *env, const lt_batch_lists *b, int64_t tasks, bool cancelled)
{
    for (int64_t t = 0; t < tasks; t++)
        if (b->status[t] != LT_OK && (b->status[t] != LT_CANCELLED || cancelled)) {
            for (int i = 0; i < b->members; i++)
                if (b->member[i].env.error.status == b->status[t])
                    env->error = b->member[i].env.error;
            return b->status[t];
        }
    return LT_OK;
}

lt_status lt_batch_run(lt_env *env, lt_batch_lists *b, int32_t first, int32_t n)
{
    int64_t tasks = (n + b->together - 1) / b->together;

    b->first = first;
    b->n = n;
    for (int64_t t = 0; t < tasks; t++)
        b->status[t] = LT_CANCELLED;
    for (int32_t u = 0; u < n && b->sifts; u++)
        b->held[u] = -1;
    b->heeds = true;
    LT_TRY(lt_run(env, tasks, run_task, b));
    LT_TRY(tell(env, b, tasks, false));
    b->heeds = false;
    LT_TRY(lt_run(env, tasks, run_task, b));
    LT_TRY(tell(env, b, tasks, true));
    return b->asks ? ask_all(env, b) : LT_OK;
}

/* ---- making ready ---- */

/* The pointwise methods a request begins with become a part of what orders items. */
static lt_status take_request(lt_env *env, lt_batch_lists *b, const lt_batch_request *request)
{
    lt_request *how = &b->request.how;
    int first;

    b->request = *request;
    *how = (lt_request){.k = how->k, .seed = how->seed};
    how->adjust = lt_ordering(&request->how, &first);
    how->stages = request->how.stages + first;
    how->n_stages = request->how.n_stages - first;
    if (how->adjust.prepared == NULL)
        LT_TRY(lt_adjustment_prepare(env, b->r, &how->adjust));
    for (int s = 0; s < how->n_stages; s++)
        b->asks |= how->stages[s].facts != NULL;
    return LT_OK;
}

/* About how long users' vectors are, and what the items' are. */
static lt_status look_at_vectors(lt_env *env, const lt_batch_lists *b, lt_sieve_items *items)
{
    int32_t users = b->r->bundle->users.n, step = users / SAMPLE + 1, n = 0;
    double sum = 0;

    for (int32_t user = 0; user < users; user += step, n++) {
        lt_request q = request_of(b, user);
        lt_seek seek;

        LT_TRY(b->r->bundle->model.algorithm->seek(env, &b->r->scorer, &q.subject, &seek));
        items->k = seek.scan->k;
        items->vector = seek.scan->item;
        items->bias = seek.scan->bias;
        for (int32_t j = 0; j < items->k; j++)
            sum += (double)seek.x[j] * seek.x[j];
        lt_free(env, seek.x);
    }
    items->length = sqrt(sum / n);
    return LT_OK;
}

static lt_status make_sieve(lt_env *env, lt_batch_lists *b, bool bytes)
{
    const double *prepared = b->request.how.adjust.prepared;
    bool multiplies = b->r->bundle->model.link == LT_LINK_IDENTITY;
    lt_sieve_items items = {
        .items = b->r->bundle->items.n, .add = multiplies ? NULL : prepared, .by = multiplies ? prepared : NULL};

    LT_TRY(look_at_vectors(env, b, &items));
    return lt_sieve_init(env, &b->sieve, &items, bytes && lt_sieve_has_bytes(), &b->sifts);
}

static int64_t at_most(int64_t x, int64_t most)
{
    return x < most ? x : most;
}

/* Users of a task and of a run. */
static void take_sizes(lt_batch_lists *b)
{
    int64_t items = b->r->bundle->items.n;
    int64_t bytes = 64 + b->places * 20 + (b->sifts ? b->pool * 12 : 0) + (b->request.wants_margins ? items * 4 : 0);

    b->together = 1;
    if (b->sifts) {
        int64_t work = items * b->sieve.of.k + 1;

        b->together = (int32_t)at_most((b->sieve.bytes ? 4 : 1) * TASK_WORK / work / 6 * 6 + 6, TASK_USERS);
    }
    b->least = b->together * b->members;
    b->most = (int32_t)at_most(RUN_BYTES / bytes, RUN_USERS);
    if (b->most < b->members)
        b->most = b->members;
    b->together = (int32_t)at_most(b->together, b->most);
    b->least = (int32_t)at_most(b->least, b->most);
}

static lt_status take_member(lt_env *env, lt_batch_lists *b, lt_batch_member *m)
{
    size_t n = (size_t)b->together;

    m->env = (lt_env){.alloc = member_alloc,
                      .release = member_release,
                      .cancelled = member_cancelled,
                      .seconds = member_seconds,
                      .context = m,
                      .budget = env->budget};
    m->batch = b;
    m->pending = env->pending;
    m->seconds = env->seconds;
    m->context = env->context;
    if (!b->sifts)
        return LT_OK;
    LT_TRY(lt_sieve_work_init(env, &b->sieve, b->together, &m->sieve));
    LT_TRY(lt_alloc(env, &m->x, n, ((size_t)b->sieve.of.k + 1) * sizeof *m->x, "the users of many lists"));
    LT_TRY(lt_alloc(env, &m->seek, n, sizeof *m->seek, "the users of many lists"));
    LT_TRY(lt_alloc(env, &m->top, n, sizeof *m->top, "the users of many lists"));
    return lt_alloc(env, &m->unfit, n, sizeof *m->unfit, "the users of many lists");
}

static lt_status take_results(lt_env *env, lt_batch_lists *b)
{
    size_t most = (size_t)b->most, places = (size_t)b->places, pool = (size_t)b->pool;

    LT_TRY(lt_alloc(env, &b->status, most, sizeof *b->status, "many lists"));
    LT_TRY(lt_alloc(env, &b->length, most, sizeof *b->length, "many lists"));
    LT_TRY(lt_alloc(env, &b->item, most, places * sizeof *b->item, "many lists"));
    LT_TRY(lt_alloc(env, &b->score, most, places * sizeof *b->score, "many lists"));
    LT_TRY(lt_alloc(env, &b->base, most, places * sizeof *b->base, "many lists"));
    if (b->request.wants_margins)
        LT_TRY(lt_alloc(env, &b->margin, most, (size_t)b->r->bundle->items.n * sizeof *b->margin, "the scores"));
    if (!b->sifts)
        return LT_OK;
    LT_TRY(lt_alloc(env, &b->held, most, sizeof *b->held, "many lists"));
    LT_TRY(lt_alloc(env, &b->pool_item, most, pool * sizeof *b->pool_item, "many lists"));
    LT_TRY(lt_alloc(env, &b->pool_value, most, pool * sizeof *b->pool_value, "many lists"));
    return lt_alloc(env, &b->pool_margin, most, pool * sizeof *b->pool_margin, "many lists");
}

lt_status lt_batch_init(lt_env *env, lt_batch_lists *b, const lt_recommender *r, const lt_batch_request *request,
                        bool bytes)
{
    int64_t items = r->bundle->items.n;

    memset(b, 0, sizeof *b);
    b->r = r;
    b->members = lt_threads(env);
    LT_TRY(take_request(env, b, request));
    b->places = at_most(request->how.k, items);
    b->pool = lt_pool(&b->request.how, 0, items);
    if (r->bundle->model.algorithm->seek != NULL && !request->wants_margins && r->bundle->users.n > 0 &&
        b->pool <= items / POOL_PART)
        LT_TRY(make_sieve(env, b, bytes));
    b->request.wants_margins |= b->asks && !b->sifts; /* for the calling thread to choose from */
    take_sizes(b);
    LT_TRY(lt_alloc(env, &b->member, (size_t)b->members, sizeof *b->member, "many lists"));
    for (int i = 0; i < b->members; i++)
        LT_TRY(take_member(env, b, &b->member[i]));
    return take_results(env, b);
}
