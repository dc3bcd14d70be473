/*
 * inverse_blocks.h: inverse.c's passes for one type of number, REAL.  It is no header for others: inverse.c includes it
 * once a type.  NAME(f) is this type's f; GEMM, SYRK, TRMM, TRSM and LAPACK(f) are the routines for it.
 */
static REAL *NAME(block)(const matrix *m, int p, int q)
{
    return (REAL *)m->a + (size_t)p * BLOCK + (size_t)q * BLOCK * (size_t)m->n;
}

/* ---- A to L, block column after block column ---- */

/* Takes off block column `at` what those left of it contribute: task 0 of its diagonal block, the others of the rows
 * below by SLICE.  The diagonal block is factored by the way. */
static void NAME(take_off)(void *context, int64_t task, int member)
{
    matrix *m = context;
    int q = m->at, columns = size_of(m, q), before = q * BLOCK, info;
    int first = q * BLOCK + columns + (int)(task - 1) * SLICE;

    (void)member;
    if (task > 0) {
        GEMM(CblasColMajor, CblasNoTrans, CblasTrans, m->n - first < SLICE ? m->n - first : SLICE, columns, before, -1,
             (REAL *)m->a + first, m->n, NAME(block)(m, q, 0), m->n, 1,
             (REAL *)m->a + first + (size_t)before * (size_t)m->n, m->n);
        return;
    }
    SYRK(CblasColMajor, CblasLower, CblasNoTrans, columns, before, -1, NAME(block)(m, q, 0), m->n, 1,
         NAME(block)(m, q, q), m->n);
    LAPACK(potrf)("L", &columns, NAME(block)(m, q, q), &m->n, &info);
    m->singular = info != 0;
}

/* Rows below the diagonal block, by SLICE, times its factor's inverse. */
static void NAME(divide)(void *context, int64_t task, int member)
{
    const matrix *m = context;
    int q = m->at, first = q * BLOCK + size_of(m, q) + (int)task * SLICE;

    (void)member;
    TRSM(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, m->n - first < SLICE ? m->n - first : SLICE,
         size_of(m, q), 1, NAME(block)(m, q, q), m->n, (REAL *)m->a + first + (size_t)q * BLOCK * (size_t)m->n, m->n);
}

static lt_status NAME(factor)(lt_env *env, matrix *m)
{
    for (m->at = 0; m->at < m->blocks; m->at++) {
        int below = m->n - m->at * BLOCK - size_of(m, m->at), slices = (below + SLICE - 1) / SLICE;

        LT_TRY(lt_run(env, m->at == 0 ? 1 : 1 + slices, NAME(take_off), m));
        if (m->singular)
            return lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite");
        LT_TRY(lt_run(env, slices, NAME(divide), m));
    }
    return LT_OK;
}

/* ---- L to M = L^-1, block row after block row ---- */

/* Block row `at` of L, left of the diagonal, to where it is not overwritten; the last task inverts the diagonal block
 * of the row before. */
static void NAME(keep_row)(void *context, int64_t task, int member)
{
    matrix *m = context;
    int p = m->at, q = (int)task, info, before = BLOCK;

    (void)member;
    if (q == p) {
        LAPACK(trtri)("L", "N", &before, NAME(block)(m, p - 1, p - 1), &m->n, &info);
        m->singular = info != 0;
        return;
    }
    for (int j = q * BLOCK; j < (q + 1) * BLOCK; j++)
        memcpy((REAL *)m->room + (size_t)j * (size_t)m->side,
               (REAL *)m->a + (size_t)p * BLOCK + (size_t)j * (size_t)m->n, (size_t)size_of(m, p) * sizeof(REAL));
}

/* M_pq = -L_pp^-1 (L_pq M_qq + sum of L_pr M_rq over the block rows r between). */
static void NAME(invert_block)(void *context, int64_t task, int member)
{
    const matrix *m = context;
    int p = m->at, q = (int)task, rows = size_of(m, p);

    (void)member;
    TRMM(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, rows, BLOCK, -1, NAME(block)(m, q, q), m->n,
         NAME(block)(m, p, q), m->n);
    GEMM(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, BLOCK, (p - q - 1) * BLOCK, -1,
         (REAL *)m->room + (size_t)(q + 1) * BLOCK * (size_t)m->side, m->side, NAME(block)(m, q + 1, q), m->n, 1,
         NAME(block)(m, p, q), m->n);
    TRSM(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, rows, BLOCK, 1, NAME(block)(m, p, p), m->n,
         NAME(block)(m, p, q), m->n);
}

static lt_status NAME(invert_factor)(lt_env *env, matrix *m)
{
    int last = m->blocks - 1, rows = m->n - last * BLOCK, info;

    for (m->at = 1; m->at < m->blocks && !m->singular; m->at++) {
        LT_TRY(lt_run(env, m->at + 1, NAME(keep_row), m));
        LT_TRY(lt_run(env, m->at, NAME(invert_block), m));
    }
    LAPACK(trtri)("L", "N", &rows, NAME(block)(m, last, last), &m->n, &info);
    return m->singular || info != 0 ? lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite") : LT_OK;
}

/* ---- M to M^T M, block row after block row: it is made of M's rows from there on ---- */

/* Task 0: the diagonal block of block row `at`; the others: `slice` columns of it each. */
static void NAME(square_block)(void *context, int64_t task, int member)
{
    const matrix *m = context;
    int p = m->at, rows = size_of(m, p), below = m->n - p * BLOCK - rows, info;
    size_t n = (size_t)m->n, first = (size_t)(task - 1) * (size_t)m->slice;
    REAL *a = (REAL *)m->a + first * n;

    (void)member;
    if (task > 0) {
        TRMM(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, rows, m->slice, 1, m->room, m->side,
             a + p * BLOCK, m->n);
        GEMM(CblasColMajor, CblasTrans, CblasNoTrans, rows, m->slice, below, 1, NAME(block)(m, p, p) + rows, m->n,
             a + p * BLOCK + rows, m->n, 1, a + p * BLOCK, m->n);
        return;
    }
    LAPACK(lauum)("L", &rows, NAME(block)(m, p, p), &m->n, &info);
    SYRK(CblasColMajor, CblasLower, CblasTrans, rows, below, 1, NAME(block)(m, p, p) + rows, m->n, 1,
         NAME(block)(m, p, p), m->n);
}

static lt_status NAME(square)(lt_env *env, matrix *m)
{
    for (m->at = 0; m->at < m->blocks; m->at++) {
        int p = m->at;

        for (int j = 0; j < size_of(m, p); j++) /* the diagonal block as it is now, which all tasks read */
            memcpy((REAL *)m->room + (size_t)j * (size_t)m->side, NAME(block)(m, p, p) + (size_t)j * (size_t)m->n,
                   (size_t)size_of(m, p) * sizeof(REAL));
        m->slice = p < FEW ? SLICE / 2 : SLICE;
        LT_TRY(lt_run(env, 1 + p * BLOCK / m->slice, NAME(square_block), m));
    }
    return LT_OK;
}

/* ---- the upper triangle from the lower ---- */

/* By blocks: a cache holds one, read along columns and written along rows. */
static void NAME(mirror)(void *context, int64_t task, int member)
{
    const matrix *m = context;
    size_t n = (size_t)m->n;
    int q = (int)task;

    (void)member;
    for (int p = q; p < m->blocks; p++) {
        const REAL *from = NAME(block)(m, p, q);
        REAL *to = NAME(block)(m, q, p);
        int rows = size_of(m, p), columns = size_of(m, q);

        for (int j = 0; j < columns; j++)
            for (int i = p == q ? j + 1 : 0; i < rows; i++)
                to[(size_t)j + (size_t)i * n] = from[(size_t)i + (size_t)j * n];
    }
}

static lt_status NAME(invert)(lt_env *env, int n, REAL *a)
{
    matrix m = {.n = n, .blocks = (n + BLOCK - 1) / BLOCK, .a = a, .side = n < BLOCK ? n : BLOCK};

    LT_TRY(lt_alloc(env, &m.room, lt_invert_room(n), sizeof(REAL), "the inverse of a matrix"));
    if (n > 0) {
        LT_TRY(NAME(factor)(env, &m));
        LT_TRY(NAME(invert_factor)(env, &m));
        LT_TRY(NAME(square)(env, &m));
    }
    lt_free(env, m.room);
    return lt_run(env, m.blocks, NAME(mirror), &m);
}
