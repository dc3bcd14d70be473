/*
 * threads.h: a team of threads that share the core's big work.
 *
 * Threads know nothing of the server: they take no signals and only run tasks.  A task allocates nothing, polls
 * nothing, reports nothing: memory is made before, failures are left in the task's own memory and looked at after.
 *
 * Who runs a task is not fixed.  Results are the same in every run where a task's depends on its number alone.
 */
#ifndef LT_THREADS_H
#define LT_THREADS_H

#include "base.h"

#include <stdatomic.h>

#define LT_THREADS_MOST 64

/* tasks 0 .. tasks-1; member: from 0, the caller, to lt_threads - 1, for working memory of its own. */
typedef void (*lt_task)(void *context, int64_t task, int member);

/*
 * A team of `members` threads, the caller included, who is the only one to use it: members - 1 are started, with all
 * signals blocked.  It belongs to no environment: whoever starts it stops it, after env->team no longer names it.
 * Fails with LT_NO_MEMORY when the system gives no more threads.
 */
lt_status lt_team_start(lt_env *env, int members, struct lt_team **out);
/* Ends the threads; waits for them. Not during lt_run. NULL is fine. */
void lt_team_stop(struct lt_team *team);

/* Members of env->team; 1 without a team. */
int lt_threads(const lt_env *env);

/*
 * Runs all tasks, in the order of their numbers where there is one thread, and returns when they are done.  Polls
 * between the caller's own, after the others have come to an end: a task should take 50 ms at most.  Not to be called
 * in a task.  Starting a run takes about a microsecond while the team still waits for it actively, some tens of them
 * after a pause.
 */
lt_status lt_run(lt_env *env, int64_t tasks, lt_task run, void *context);

/*
 * Stages within a run, for work whose stages take microseconds: a task that needs all tasks before number `first` to be
 * done waits for them, which are done or on their way, since tasks are handed out in order.  Every task of the run says
 * when it is done.  Begins as zeros.
 */
typedef struct lt_stages {
    _Alignas(64) atomic_llong done;
} lt_stages;
void lt_stages_wait(lt_stages *stages, int64_t first);
void lt_stages_done(lt_stages *stages);

#endif
