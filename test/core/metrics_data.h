/*
 * metrics_data.h: the predictions for which scikit-learn's figures are known, for the tests of metrics.c: made by a
 * generator that both can run.
 */
#ifndef LT_TEST_METRICS_DATA_H
#define LT_TEST_METRICS_DATA_H

#include "metrics.h"
#include "random.h"
#include "tap.h"

enum { SCORED = 5000 };

typedef struct scored {
    double score[SCORED], fine_score[SCORED]; /* 200 distinct ones; all distinct */
    double probability[SCORED], weight[SCORED];
    uint8_t label[SCORED];
} scored;

static void make_scored(scored *s)
{
    int64_t x = 42;

    for (int i = 0; i < SCORED; i++) {
        int64_t draw[3];

        for (int j = 0; j < 3; j++)
            draw[j] = x = (x * 1103515245 + 12345) % 2147483648;
        s->score[i] = (double)((draw[0] >> 10) % 200) / 200;
        s->label[i] = (double)((draw[1] >> 10) % 200) / 200 < 0.3 + 0.4 * s->score[i];
        s->weight[i] = 1 + (double)((draw[2] >> 10) % 7) / 3;
        s->probability[i] = 0.05 + 0.9 * s->score[i];
        s->fine_score[i] = sin((double)draw[0]);
    }
}

#endif
