/*
 * inverse_blocks.h: inverse.c's passes for one type of number, REAL.  It is no header for others: inverse.c includes it
 * once a type.  NAME(f) is this type's f; GEMM, SYRK, TRMM, TRSM and LAPACK(f) are the routines for it.
 */
static REAL *NAME(block)(const matrix *m, int p, int q)
{
    return (REAL *)m->a + (size_t)p * BLOCK + (size_t)q * BLOCK * (size_t)m->n;
}

/* A becomes L, block column after block column: what the columns left of it contribute is taken off first. */
static lt_status NAME(factor)(lt_env *env, const matrix *m)
{
    for (int q = 0; q < m->blocks; q++) {
        int columns = size_of(m, q), before = q * BLOCK, info;

        LT_TRY(lt_poll(env));
        SYRK(CblasColMajor, CblasLower, CblasNoTrans, columns, before, -1, NAME(block)(m, q, 0), m->n, 1,
             NAME(block)(m, q, q), m->n);
        LAPACK(potrf)("L", &columns, NAME(block)(m, q, q), &m->n, &info);
        if (info != 0)
            return lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite");
        for (int p = q + 1; p < m->blocks; p++) {
            LT_TRY(lt_poll(env));
            GEMM(CblasColMajor, CblasNoTrans, CblasTrans, size_of(m, p), columns, before, -1, NAME(block)(m, p, 0),
                 m->n, NAME(block)(m, q, 0), m->n, 1, NAME(block)(m, p, q), m->n);
            TRSM(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, size_of(m, p), columns, 1,
                 NAME(block)(m, q, q), m->n, NAME(block)(m, p, q), m->n);
        }
    }
    return LT_OK;
}

/*
 * L becomes L^-1, from the last block column to the first.  Below the diagonal block D of a column with rest C, and
 * with M the inverse of what is to the right, the inverse has -M C D^-1; going upwards, a block of C is overwritten
 * when no other needs it any more.
 */
static lt_status NAME(invert_factor)(lt_env *env, const matrix *m)
{
    for (int q = m->blocks - 1; q >= 0; q--) {
        int columns = size_of(m, q), info;

        for (int p = m->blocks - 1; p > q; p--) {
            LT_TRY(lt_poll(env));
            TRMM(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, size_of(m, p), columns, 1,
                 NAME(block)(m, p, p), m->n, NAME(block)(m, p, q), m->n);
            GEMM(CblasColMajor, CblasNoTrans, CblasNoTrans, size_of(m, p), columns, (p - q - 1) * BLOCK, 1,
                 NAME(block)(m, p, q + 1), m->n, NAME(block)(m, q + 1, q), m->n, 1, NAME(block)(m, p, q), m->n);
            TRSM(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, size_of(m, p), columns, -1,
                 NAME(block)(m, q, q), m->n, NAME(block)(m, p, q), m->n);
        }
        LAPACK(trtri)("L", "N", &columns, NAME(block)(m, q, q), &m->n, &info);
        if (info != 0)
            return lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite");
    }
    return LT_OK;
}

/*
 * M = L^-1 becomes M^T M, from the first block row to the last: row p of it is made of M's rows from p on, so that
 * nothing needs M's row p afterwards.
 */
static lt_status NAME(square)(lt_env *env, const matrix *m)
{
    for (int p = 0; p < m->blocks; p++) {
        int rows = size_of(m, p), below = m->n - p * BLOCK - rows, info;

        for (int q = 0; q < p; q++) {
            LT_TRY(lt_poll(env));
            TRMM(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, rows, size_of(m, q), 1,
                 NAME(block)(m, p, p), m->n, NAME(block)(m, p, q), m->n);
            if (below > 0)
                GEMM(CblasColMajor, CblasTrans, CblasNoTrans, rows, size_of(m, q), below, 1, NAME(block)(m, p + 1, p),
                     m->n, NAME(block)(m, p + 1, q), m->n, 1, NAME(block)(m, p, q), m->n);
        }
        LT_TRY(lt_poll(env));
        LAPACK(lauum)("L", &rows, NAME(block)(m, p, p), &m->n, &info);
        if (below > 0)
            SYRK(CblasColMajor, CblasLower, CblasTrans, rows, below, 1, NAME(block)(m, p + 1, p), m->n, 1,
                 NAME(block)(m, p, p), m->n);
    }
    return LT_OK;
}

/* The upper triangle from the lower, by blocks: a cache holds one, read along columns and written along rows. */
static lt_status NAME(mirror)(lt_env *env, const matrix *m)
{
    size_t n = (size_t)m->n;

    for (int q = 0; q < m->blocks; q++) {
        LT_TRY(lt_poll(env));
        for (int p = q; p < m->blocks; p++) {
            const REAL *from = NAME(block)(m, p, q);
            REAL *to = NAME(block)(m, q, p);
            int rows = size_of(m, p), columns = size_of(m, q);

            for (int j = 0; j < columns; j++)
                for (int i = p == q ? j + 1 : 0; i < rows; i++)
                    to[(size_t)j + (size_t)i * n] = from[(size_t)i + (size_t)j * n];
        }
    }
    return LT_OK;
}

static lt_status NAME(invert)(lt_env *env, int n, REAL *a)
{
    matrix m = {.n = n, .blocks = (n + BLOCK - 1) / BLOCK, .a = a};

    LT_TRY(NAME(factor)(env, &m));
    LT_TRY(NAME(invert_factor)(env, &m));
    LT_TRY(NAME(square)(env, &m));
    return NAME(mirror)(env, &m);
}
