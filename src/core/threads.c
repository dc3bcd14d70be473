/*
 * threads.c: a team that waits for tasks.
 *
 * A run is announced by a new value of `generation`.  Members wait for it actively for a short while, then asleep;
 * `sleepers` is raised before the last look at `generation`, and read after its change, so that nobody sleeps through
 * one.  Tasks are handed out by a counter.  A run ends when every member has left it, so that its fields may change.
 */
#include "threads.h"
#include "blas.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LOOKS 4000 /* of an active wait: some 50 microseconds */
#define STACK (2 << 20)

typedef struct member {
    struct lt_team *team;
    int number;
    pthread_t thread;
} member;

typedef struct lt_team {
    int members;
    /* the run: set by the caller while all others wait */
    lt_task run;
    void *context;
    int64_t tasks;
    atomic_llong next; /* task to hand out */
    atomic_bool halted; /* hand out no more */
    atomic_int running; /* members, the caller left out, that are not through with it */
    atomic_uint generation;
    /* waiting */
    atomic_bool over;
    atomic_int sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    member member[]; /* without the caller */
} lt_team;

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* The next task; false when there are no more to be had. */
static bool take(lt_team *team, long long *task)
{
    if (atomic_load(&team->halted))
        return false;
    *task = atomic_fetch_add(&team->next, 1);
    return *task < team->tasks;
}

/* Returns at a generation other than `seen`. */
static unsigned await(lt_team *team, unsigned seen)
{
    unsigned now;

    for (int i = 0; i < LOOKS; i++) {
        now = atomic_load(&team->generation);
        if (now != seen)
            return now;
        pause_a_little();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    while ((now = atomic_load(&team->generation)) == seen)
        pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
    return now;
}

static void *work(void *argument)
{
    member *me = argument;
    lt_team *team = me->team;
    unsigned seen = 0;
    long long task;

    lt_blas_enter_thread();
    for (;;) {
        seen = await(team, seen);
        if (atomic_load(&team->over))
            return NULL;
        while (take(team, &task))
            team->run(team->context, task, me->number);
        atomic_fetch_sub(&team->running, 1);
    }
}

static void announce(lt_team *team)
{
    atomic_fetch_add(&team->generation, 1);
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->mutex);
    }
}

void lt_team_stop(lt_team *team)
{
    if (team == NULL)
        return;
    atomic_store(&team->over, true);
    announce(team);
    for (int i = 0; i < team->members - 1; i++)
        pthread_join(team->member[i].thread, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}

static bool start_member(lt_team *team)
{
    member *m = &team->member[team->members - 1];
    pthread_attr_t attributes;
    bool started;

    *m = (member){.team = team, .number = team->members};
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK);
    started = pthread_create(&m->thread, &attributes, work, m) == 0;
    pthread_attr_destroy(&attributes);
    team->members += started;
    return started;
}

lt_status lt_team_start(lt_env *env, int members, lt_team **out)
{
    lt_team *team;
    sigset_t all, before;

    *out = NULL;
    LT_TRY(lt_blas_load(env)); /* by the thread that owns the process's work, before any other */
    LT_TRY(lt_blas_room(env, members));
    team = calloc(1, sizeof *team + (size_t)members * sizeof *team->member);
    if (team == NULL)
        return lt_fail(env, LT_NO_MEMORY, "out of memory for a team of %d threads", members);
    team->members = 1;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* threads inherit it */
    while (team->members < members && start_member(team))
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (team->members < members) {
        int started = team->members;

        lt_team_stop(team);
        lt_fail(env, LT_NO_MEMORY, "the system gives %d threads, not %d", started, members);
        return lt_fail_hint(env, "Set longtail.threads lower.");
    }
    *out = team;
    return LT_OK;
}

int lt_threads(const lt_env *env)
{
    return env->team == NULL ? 1 : env->team->members;
}

/* The run as far as it goes before a cancel is pending; all members are back. */
static void run_on(lt_env *env, lt_team *team)
{
    long long task;

    atomic_store(&team->halted, false);
    atomic_store(&team->running, team->members - 1);
    announce(team);
    while (take(team, &task)) {
        team->run(team->context, task, 0);
        if (env->pending != NULL && env->pending(env->context))
            atomic_store(&team->halted, true);
    }
    for (int looks = 0; atomic_load(&team->running) > 0; looks++) {
        if (looks < LOOKS)
            pause_a_little();
        else
            sched_yield();
    }
}

lt_status lt_run(lt_env *env, int64_t tasks, lt_task run, void *context)
{
    lt_team *team = env->team;

    if (team == NULL || team->members == 1 || tasks == 1) {
        for (int64_t task = 0; task < tasks; task++) {
            run(context, task, 0);
            LT_TRY(lt_poll(env));
        }
        return LT_OK;
    }
    team->run = run;
    team->context = context;
    team->tasks = tasks;
    atomic_store(&team->next, 0);
    while (atomic_load(&team->next) < tasks) {
        run_on(env, team);
        LT_TRY(lt_poll(env));
    }
    return LT_OK;
}

/* ---- stages ---- */

void lt_stages_wait(lt_stages *stages, int64_t first)
{
    for (int looks = 0; atomic_load_explicit(&stages->done, memory_order_acquire) < first; looks++) {
        if (looks < LOOKS)
            pause_a_little();
        else
            sched_yield();
    }
}

void lt_stages_done(lt_stages *stages)
{
    atomic_fetch_add_explicit(&stages->done, 1, memory_order_acq_rel);
}
