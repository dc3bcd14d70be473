/*
 * test_blas.c: loading the library when it is needed, and calls that need it where it cannot be had.
 */
#include "tap.h"

#include "blas.h"

#include <setjmp.h>
#include <sys/resource.h>

static jmp_buf back;
static lt_error told;

static void raise_it(lt_env *env)
{
    told = env->error;
    longjmp(back, 1);
}

static double product(void)
{
    static const double x[] = {1, 2, 3}, y[] = {4, 5, 6};

    return cblas_ddot(3, x, 1, y, 1);
}

int main(void)
{
    lt_env *env = test_env();
    struct rlimit before, none;

    if (getrlimit(RLIMIT_NOFILE, &before) != 0)
        return 1;
    none = before;
    none.rlim_cur = 0; /* no file can be opened: that of the library neither */
    lt_blas_when_missing(raise_it);
    setrlimit(RLIMIT_NOFILE, &none);
    for (int time = 1; time <= 2; time++) {
        memset(&told, 0, sizeof told);
        if (setjmp(back) == 0) {
            product();
            ok(false, "time %d: a call without the library does not return", time);
        } else {
            ok(told.status == LT_UNSUPPORTED && strstr(told.message, "cannot use OpenBLAS") != NULL,
               "time %d: a call without the library is an error that says so", time);
        }
    }
    ok(lt_blas_load(env) == LT_UNSUPPORTED, "so is loading it");
    setrlimit(RLIMIT_NOFILE, &before);
    near(product(), 32, 0, "once it can be had, calls load it");
    ok(lt_blas_load(env) == LT_OK, "and loading it does nothing more");
    test_env_drop(env);
    return done();
}
