/*
 * test_threads.c: every task runs once, whatever the team; cancelling; BLAS called by all members at once.
 */
#include "tap.h"

#include "blas.h"

#include <stdatomic.h>

#define TASKS 20000
#define N 96

typedef struct work {
    atomic_int times[TASKS];
    atomic_int members[LT_THREADS_MOST];
} work;

static void count(void *context, int64_t task, int member)
{
    work *w = context;

    atomic_fetch_add(&w->times[task], 1);
    atomic_fetch_add(&w->members[member], 1);
}

static void test_once(int members)
{
    lt_env *env = test_env();
    work *w = calloc(1, sizeof *w);
    bool once = true;
    int by = 0;

    test_env_team(env, members);
    ok(lt_threads(env) == members, "%d members", members);
    for (int round = 1; round <= 50; round++) {
        int tasks = round == 50 ? TASKS : round;

        memset(w->times, 0, sizeof w->times);
        once = lt_run(env, tasks, count, w) == LT_OK && once;
        for (int t = 0; t < TASKS; t++)
            once = once && w->times[t] == (t < tasks);
        if (round % 10 == 0) { /* long enough for all to fall asleep */
            struct timespec nap = {.tv_nsec = 2000000};

            nanosleep(&nap, NULL);
        }
    }
    for (int m = 0; m < LT_THREADS_MOST; m++)
        by += w->members[m] > 0;
    ok(once, "every task ran once in each run");
    ok(by >= 1 && by <= members, "by members of the team");
    ok(lt_run(env, 0, count, w) == LT_OK, "no tasks");
    test_env_drop(env);
    free(w);
}

/* ---- cancelling ---- */

typedef struct stopping {
    atomic_int done;
    atomic_bool pending;
} stopping;

static atomic_bool *pending_flag;

static bool is_pending(void *context)
{
    (void)context;
    return *pending_flag;
}

static void stop_soon(void *context, int64_t task, int member)
{
    stopping *s = context;

    (void)member;
    if (atomic_fetch_add(&s->done, 1) == 100)
        s->pending = true;
    for (volatile int i = 0; i < 2000 + (int)(task % 7); i++)
        ;
}

static void test_cancel(void)
{
    lt_env *env = test_env();
    test_context *context = env->context;
    stopping s = {0};

    pending_flag = &s.pending;
    env->pending = is_pending;
    test_env_team(env, 3);
    context->cancel_at = 1;
    ok(lt_run(env, 1000000, stop_soon, &s) == LT_CANCELLED, "a pending cancel ends the run");
    ok(s.done > 100 && s.done < 900000, "before all tasks were handed out");
    s = (stopping){0};
    context->polls = 1; /* what is pending turns out to be harmless */
    ok(lt_run(env, 5000, stop_soon, &s) == LT_OK && s.done == 5000, "a poll that finds nothing goes on to the end");
    test_env_drop(env);
}

/* ---- BLAS ---- */

typedef struct products {
    float a[N * N], b[N * N];
    float c[LT_THREADS_MOST][N * N];
    atomic_int wrong;
} products;

static void multiply(void *context, int64_t task, int member)
{
    products *p = context;
    int m = 8 + (int)(task % 89);
    float *c = p->c[member];

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, m, 1, p->a, N, p->b, N, 0, c, m);
    for (int i = 0; i < m; i++) {
        double sum = 0;

        for (int k = 0; k < m; k++)
            sum += (double)p->a[i * N + k] * p->b[i * N + k];
        if (fabs(sum - c[i * m + i]) > 1e-3)
            atomic_fetch_add(&p->wrong, 1);
    }
}

static void test_blas(void)
{
    lt_env *env = test_env();
    products *p = calloc(1, sizeof *p);

    for (int i = 0; i < N * N; i++) {
        p->a[i] = (float)((i * 7919) % 1000) / 1000;
        p->b[i] = (float)((i * 104729) % 1000) / 1000;
    }
    test_env_team(env, 4);
    ok(lt_run(env, 20000, multiply, p) == LT_OK && p->wrong == 0, "products by four threads at once are right");
    ok(strstr(lt_blas_config(), "USE_OPENMP") != NULL && strlen(lt_blas_kernel()) > 0, "the build and its kernel");
    test_env_drop(env);
    free(p);
}

int main(void)
{
    test_once(1);
    test_once(2);
    test_once(5);
    test_cancel();
    test_blas();
    return done();
}
