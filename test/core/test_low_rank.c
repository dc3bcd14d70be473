/*
 * test_low_rank.c: the decomposition of matrices whose singular values are known.
 */
#include "low_rank.h"

#include "random.h"
#include "tap.h"

#define SIDE 40
#define RANK 6

/* Orthonormal columns, drawn and made so by Gram and Schmidt. */
static void orthonormal(lt_random *r, double q[SIDE][RANK])
{
    for (int c = 0; c < RANK; c++) {
        double length = 0;

        for (int i = 0; i < SIDE; i++)
            q[i][c] = lt_random_normal(r);
        for (int b = 0; b < c; b++) {
            double along = 0;

            for (int i = 0; i < SIDE; i++)
                along += q[i][b] * q[i][c];
            for (int i = 0; i < SIDE; i++)
                q[i][c] -= along * q[i][b];
        }
        for (int i = 0; i < SIDE; i++)
            length += q[i][c] * q[i][c];
        for (int i = 0; i < SIDE; i++)
            q[i][c] /= sqrt(length);
    }
}

/* Of a matrix with singular values 6, 5, ... 1, the four largest; given whole and as lists. */
static void test_low_rank(void)
{
    lt_env *env = test_env();
    double u[SIDE][RANK], v[SIDE][RANK], worst, balance = 0;
    float w[SIDE * SIDE], left[SIDE * SIDE], right[SIDE * SIDE], again[SIDE * SIDE];
    int32_t start[SIDE + 1], item[SIDE * SIDE];
    lt_item_weights given = {.items = SIDE, .weight = w};
    size_t used = env->used;
    lt_random r;

    lt_random_seed(&r, 9);
    orthonormal(&r, u);
    orthonormal(&r, v);
    for (int i = 0; i <= SIDE; i++)
        start[i] = i * SIDE;
    for (int e = 0; e < SIDE * SIDE; e++) {
        item[e] = e % SIDE;
        w[e] = 0;
        for (int c = 0; c < RANK; c++)
            w[e] += (float)((RANK - c) * u[e / SIDE][c] * v[e % SIDE][c]);
    }
    for (int lists = 0; lists < 2; lists++) {
        int k = 4;

        given.start = lists ? start : NULL;
        given.item = lists ? item : NULL;
        fine(env, lt_low_rank(env, &given, k, 1, left, right));
        worst = 0;
        for (int e = 0; e < SIDE * SIDE; e++) {
            double want = 0, got = 0;

            for (int c = 0; c < k; c++) {
                want += (RANK - c) * u[e / SIDE][c] * v[e % SIDE][c];
                got += (double)left[e / SIDE * k + c] * right[e % SIDE * k + c];
            }
            worst = fmax(worst, fabs(want - got));
        }
        ok(worst < 1e-4, "%s: the leading part of a matrix with known singular values (%.1e)",
           lists ? "lists" : "whole", worst);
    }
    for (int c = 0; c < 4; c++) {
        double a = 0, b = 0;

        for (int i = 0; i < SIDE; i++) {
            a += left[i * 4 + c] * left[i * 4 + c];
            b += right[i * 4 + c] * right[i * 4 + c];
        }
        balance = fmax(balance, fabs(a - b));
    }
    ok(balance < 1e-3, "values are shared out between both sides (%.1e)", balance);
    fine(env, lt_low_rank(env, &given, SIDE, 1, left, right));
    worst = 0;
    for (int e = 0; e < SIDE * SIDE; e++) {
        double got = 0;

        for (int c = 0; c < SIDE; c++)
            got += (double)left[e / SIDE * SIDE + c] * right[e % SIDE * SIDE + c];
        worst = fmax(worst, fabs(w[e] - got));
    }
    ok(worst < 1e-4, "as many factors as items: the matrix itself (%.1e)", worst);
    fine(env, lt_low_rank(env, &given, SIDE, 1, again, right));
    ok(memcmp(again, left, sizeof left) == 0, "the same for a seed");
    ok(env->used == used, "memory is given back");
    memset(w, 0, sizeof w);
    fine(env, lt_low_rank(env, &given, 3, 1, left, right));
    ok(left[0] == 0 && right[5] == 0, "of nothing nothing");
    test_env_drop(env);
}

int main(void)
{
    test_low_rank();
    return done();
}
