/*
 * normal.c: normal equations, built and solved.
 *
 * Up to OWN unknowns the sum of products and Cholesky's factor are computed here: they are hundreds of solves of a few
 * microseconds, of which calls to LAPACK would take the greater part in getting started.  Wider ones go to BLAS and
 * LAPACK.
 *
 * A's upper half is kept, in rows `wide` apart: A = U^T U, row j of U where row j of A was; its diagonal is kept in
 * `by`, inverted.  What is behind the unknowns is the unit matrix and stays it.
 */
#include "normal.h"
#include "blas.h"
#include "lanes.h"
#include "threads.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#define OWN 256                /* unknowns up to which the work is done here */
#define GATHER 64              /* rows that products are added up of at once */
#define GROUP 8                /* rows of the matrix that are in registers then */
#define POLL_EVERY (1LL << 26) /* multiplications of a BLAS call between polls */
#define PARTS 16               /* of a gramian's rows, at most */

/* ---- the gramian ---- */

/* Partial sums by part, each of its own share of the rows: what they are does not depend on who takes them. */
typedef struct gramian_job {
    const float *rows;
    int32_t k, parts;
    int64_t n, stride, first, most; /* of each part's rows, those from `first`, at most so many */
    float scale, *sum;              /* parts x k x k */
} gramian_job;

static void add_part(void *context, int64_t part, int member)
{
    const gramian_job *job = context;
    int64_t from = job->n * part / job->parts + job->first, end = job->n * (part + 1) / job->parts;
    int64_t take = end - from < job->most ? end - from : job->most;

    (void)member;
    if (take > 0)
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, job->k, (int)take, job->scale,
                    job->rows + from * job->stride, (int)job->stride, 1, job->sum + part * job->k * job->k, job->k);
}

lt_status lt_gramian(lt_env *env, const float *rows, int64_t n, int32_t k, int64_t stride, double scale, float *gramian,
                     int64_t gramian_stride)
{
    int64_t parts = n / (4 * (int64_t)k), longest; /* sums take a quarter of what the rows do, or less */
    gramian_job job = {.rows = rows, .k = k, .n = n, .stride = stride, .scale = (float)scale};

    job.parts = (int32_t)(parts < 1 ? 1 : parts > PARTS ? PARTS : parts);
    job.most = POLL_EVERY / ((int64_t)k * k) + 1;
    longest = n / job.parts + 1;
    LT_TRY(lt_alloc(env, &job.sum, (size_t)job.parts * (size_t)k * (size_t)k, sizeof *job.sum, "a sum of products"));
    LT_TRY(lt_poll(env));
    for (job.first = 0; job.first < longest; job.first += job.most)
        LT_TRY(lt_run(env, job.parts, add_part, &job));
    for (int32_t a = 0; a < k; a++)
        for (int32_t b = a; b < k; b++) {
            float total = 0;

            for (int32_t part = 0; part < job.parts; part++)
                total += job.sum[((int64_t)part * k + a) * k + b];
            gramian[a * gramian_stride + b] = gramian[b * gramian_stride + a] = total;
        }
    lt_free(env, job.sum);
    return LT_OK;
}

/* ---- building ---- */

lt_status lt_normal_init(lt_env *env, lt_normal *e)
{
    size_t wide;

    e->unknowns = e->k + e->intercept;
    e->wide = (e->unknowns + LT_LANES - 1) / LT_LANES * LT_LANES;
    wide = (size_t)e->wide;
    LT_TRY(lt_alloc(env, &e->a, wide * wide, sizeof *e->a, "a solve for a vector"));
    LT_TRY(lt_alloc(env, &e->b, wide, sizeof *e->b, "a solve for a vector"));
    LT_TRY(lt_alloc(env, &e->block, GATHER * wide, sizeof *e->block, "a solve for a vector"));
    return lt_alloc(env, &e->by, wide, sizeof *e->by, "a solve for a vector");
}

void lt_normal_free(lt_env *env, lt_normal *e)
{
    lt_free(env, e->a);
    lt_free(env, e->b);
    lt_free(env, e->block);
    lt_free(env, e->by);
}

/* The block's first `take` rows: those of index, times the roots of their weights; b += w target y. */
LT_VECTORIZED static void gather(lt_normal *e, int take, const int32_t *index, const float *weight, const float *target)
{
    for (int h = 0; h < take; h++) {
        const float *restrict y = e->fixed + index[h] * e->stride;
        float w = weight == NULL ? 1 : weight[h], t = target == NULL ? 1 : target[h], root = sqrtf(w), both = w * t;
        float *restrict row = e->block + (int64_t)h * e->wide, *restrict b = e->b;

        for (int32_t j = 0; j < e->k; j++) {
            row[j] = root * y[j];
            b[j] += both * y[j];
        }
        if (e->intercept) {
            row[e->k] = root;
            b[e->k] += both;
        }
    }
}

/* a's upper half += sum of the rows' products with themselves, by tiles of GROUP rows and one register's columns. */
LT_VECTORIZED static void add_products(int32_t wide, int take, const float *block, float *a)
{
    for (int32_t i = 0; i < wide; i += GROUP)
        for (int32_t j = i / LT_LANES * LT_LANES; j < wide; j += LT_LANES) {
            lt_lanes sum[GROUP] = {0};

            for (int h = 0; h < take; h++) {
                const float *row = block + (int64_t)h * wide;
                lt_lanes columns = *(const lt_lanes *)(row + j);

                for (int g = 0; g < GROUP; g++)
                    sum[g] += row[i + g] * columns;
            }
            for (int g = 0; g < GROUP; g++)
                *(lt_lanes *)(a + (int64_t)(i + g) * wide + j) += sum[g];
        }
}

/* A's upper half and b. */
static lt_status sum_up(lt_env *env, lt_normal *e, int64_t n, const int32_t *index, const float *weight,
                        const float *target, double penalty)
{
    int32_t u = e->unknowns, k = e->k, wide = e->wide;
    int64_t work = 0;

    memset(e->a, 0, (size_t)wide * (size_t)wide * sizeof *e->a);
    memset(e->b, 0, (size_t)wide * sizeof *e->b);
    for (int32_t j = 0; e->gramian != NULL && j < k; j++)
        memcpy(e->a + (int64_t)j * wide, e->gramian + j * e->gramian_stride, (size_t)k * sizeof *e->a);
    for (int32_t j = 0; j < wide; j++)
        e->a[(int64_t)j * wide + j] += j < u ? (float)penalty : 1;
    for (int64_t first = 0; first < n; first += GATHER) {
        int take = (int)(n - first < GATHER ? n - first : GATHER);

        gather(e, take, index + first, weight == NULL ? NULL : weight + first, target == NULL ? NULL : target + first);
        if (wide <= OWN)
            add_products(wide, take, e->block, e->a);
        else
            cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, u, take, 1, e->block, wide, 1, e->a, wide);
        work += (int64_t)u * u * take;
        if (work > POLL_EVERY && env != NULL) {
            LT_TRY(lt_poll(env));
            work = 0;
        }
    }
    return LT_OK;
}

/* ---- solving ---- */

/*
 * Rows j to j + 3 of U, from those of what is left of A; false when that is not positive definite.  By the diagonal,
 * and before it in its block, they get zeros: substituting goes by whole blocks.
 */
LT_INLINE bool factor_four(int32_t wide, int32_t j, float *a, float *by)
{
    for (int r = j; r < j + 4; r++) {
        float *row = a + (int64_t)r * wide;

        if (!(row[r] > 0 && row[r] < INFINITY))
            return false;
        by[r] = 1 / sqrtf(row[r]);
        for (int32_t c = r / LT_LANES * LT_LANES; c < wide; c += LT_LANES)
            *(lt_lanes *)(row + c) *= by[r];
        for (int below = r + 1; below < j + 4; below++)
            for (int32_t c = r / LT_LANES * LT_LANES; c < wide; c += LT_LANES)
                *(lt_lanes *)(a + (int64_t)below * wide + c) -= row[below] * *(lt_lanes *)(row + c);
    }
    for (int r = j; r < j + 4; r++)
        memset(a + (int64_t)r * wide + r / LT_LANES * LT_LANES, 0, (size_t)(r % LT_LANES + 1) * sizeof *a);
    return true;
}

/* A becomes U in place, four rows at once; by[j] = 1 / U_jj. */
LT_VECTORIZED static bool factor(int32_t wide, float *a, float *by)
{
    for (int32_t j = 0; j < wide; j += 4) {
        const float *row[4];

        if (!factor_four(wide, j, a, by))
            return false;
        for (int r = 0; r < 4; r++)
            row[r] = a + (int64_t)(j + r) * wide;
        for (int32_t i = j + 4; i < wide; i++)
            for (int32_t c = i / LT_LANES * LT_LANES; c < wide; c += LT_LANES)
                *(lt_lanes *)(a + (int64_t)i * wide + c) -=
                    (row[0][i] * *(const lt_lanes *)(row[0] + c) + row[1][i] * *(const lt_lanes *)(row[1] + c)) +
                    (row[2][i] * *(const lt_lanes *)(row[2] + c) + row[3][i] * *(const lt_lanes *)(row[3] + c));
    }
    return true;
}

/* x = U^-1 U^-T x, x being `wide` long, with zeros behind the unknowns. */
LT_VECTORIZED static void substitute(int32_t wide, const float *a, const float *by, float *x)
{
    for (int32_t j = 0; j < wide; j++) {
        const float *row = a + (int64_t)j * wide;
        float v = x[j] * by[j];

        for (int32_t c = j / LT_LANES * LT_LANES; c < wide; c += LT_LANES)
            *(lt_lanes *)(x + c) -= v * *(const lt_lanes *)(row + c);
        x[j] = v;
    }
    for (int32_t j = wide - 1; j >= 0; j--) {
        const float *row = a + (int64_t)j * wide;
        lt_lanes sum = {0};

        for (int32_t c = j / LT_LANES * LT_LANES; c < wide; c += LT_LANES)
            sum += *(const lt_lanes *)(row + c) * *(const lt_lanes *)(x + c);
        x[j] = (x[j] - lt_lanes_sum(&sum)) * by[j];
    }
}

static bool decompose(lt_normal *e)
{
    int info;

    if (e->wide <= OWN)
        return factor(e->wide, e->a, e->by);
    spotrf_("L", &e->unknowns, e->a, &e->wide, &info); /* row-major upper is column-major lower */
    return info == 0;
}

lt_status lt_normal_build(lt_env *env, lt_normal *e, int64_t n, const int32_t *index, const float *weight,
                          const float *target, double penalty)
{
    double trace = 0;
    bool done;

    LT_TRY(sum_up(env, e, n, index, weight, target, penalty));
    for (int32_t j = 0; j < e->unknowns; j++)
        trace += e->a[(int64_t)j * e->wide + j];
    done = decompose(e);
    for (double more = 1e-6 * trace / e->unknowns + 1e-30; !done && isfinite(trace); more *= 10) {
        LT_TRY(sum_up(env, e, n, index, weight, target, penalty + more));
        done = decompose(e);
    }
    if (!done && env != NULL)
        lt_fail(env, LT_DIVERGED, "the equations of a vector of factors have numbers that are not finite");
    return done ? LT_OK : LT_DIVERGED;
}

void lt_normal_solve(const lt_normal *e, float *x)
{
    lt_lanes room[OWN / LT_LANES] = {{0}};
    const int one = 1;
    int info;

    if (e->wide > OWN) {
        spotrs_("L", &e->unknowns, &one, e->a, &e->wide, x, &e->unknowns, &info);
        return;
    }
    memcpy(room, x, (size_t)e->unknowns * sizeof *x);
    substitute(e->wide, e->a, e->by, (float *)room);
    memcpy(x, room, (size_t)e->unknowns * sizeof *x);
}
