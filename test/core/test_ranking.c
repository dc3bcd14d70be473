/*
 * test_ranking.c: the measures of lists, against cases worked by hand, and what must hold of them.
 */
#include "random.h"
#include "ranking.h"
#include "tap.h"

/* ---- accuracy and exposure ---- */

static void test_accuracy(lt_env *env)
{
    static const double count[] = {50, 20, 15, 10, 5, 0}; /* head: 0; mid: 1, 2; tail: 3, 4, 5 */
    static const int k[] = {2, 3};
    static const int bad_k[] = {5, 0};
    static const int32_t list1[] = {3, 0, 1}, relevant1[] = {0, 4};
    static const int32_t relevant2[] = {1};
    static const int32_t list3[] = {-1, 2}, relevant3[] = {-1, -1, 2};
    static const int32_t list4[] = {1, 4}, relevant4[] = {1};
    double second = 1 / log2(3); /* discount of rank 2; rank 1: 1, rank 3: 0.5 */
    double want[2][LT_MEASURES] = {
        {[LT_HIT_RATE] = 3.0 / 4,
         [LT_PRECISION] = (0.5 + 0.5 + 0.5) / 4,
         [LT_RECALL] = (0.5 + 1.0 / 3 + 1) / 4,
         [LT_RECALL_CAPPED] = (0.5 + 0.5 + 1) / 4,
         [LT_F1] = (0.5 + 0.4 + 2.0 / 3) / 4,
         [LT_NDCG] = (second / (1 + second) + second / (1 + second) + 1) / 4,
         [LT_MAP] = (0.5 / 2 + 0.5 / 2 + 1) / 4,
         [LT_MRR] = (0.5 + 0.5 + 1) / 4,
         [LT_RANK_AUC] = 0.7,
         [LT_ARP] = ((10 + 50) / 2.0 + 15 + (20 + 5) / 2.0) / 3,
         [LT_APLT] = (0.5 + 0 + 0 + 0.5) / 4,
         [LT_ACLT] = (1 + 0 + 0 + 1) / 4.0,
         [LT_TAIL_COVERAGE] = 2.0 / 3,
         [LT_CATALOGUE_COVERAGE] = 5.0 / 6,
         [LT_GINI] = 5.0 / 30,
         [LT_ENTROPY] = log2(5),
         [LT_EXPOSURE_HEAD] = 1.0 / 5,
         [LT_EXPOSURE_MID] = 2.0 / 5,
         [LT_EXPOSURE_TAIL] = 2.0 / 5,
         [LT_EXPOSURE_MAD] = (5 * (1 - 5.0 / 6) + 5.0 / 6) / 6 / 4,
         [LT_EXPOSURE_CV] = sqrt(5) / 5,
         [LT_NOVELTY] = ((log2(10) + log2(2)) / 2 + log2(100.0 / 15) + (log2(5) + log2(20)) / 2) / 3},
        {[LT_HIT_RATE] = 3.0 / 4,
         [LT_PRECISION] = (1.0 / 3 + 1.0 / 3 + 1.0 / 3) / 4,
         [LT_RECALL] = (0.5 + 1.0 / 3 + 1) / 4,
         [LT_RECALL_CAPPED] = (0.5 + 1.0 / 3 + 1) / 4,
         [LT_F1] = (0.4 + 1.0 / 3 + 0.5) / 4,
         [LT_NDCG] = (second / (1 + second) + second / (1 + second + 0.5) + 1) / 4,
         [LT_MAP] = (0.5 / 2 + 0.5 / 3 + 1) / 4,
         [LT_MRR] = (0.5 + 0.5 + 1) / 4,
         [LT_RANK_AUC] = 0.7,
         [LT_ARP] = ((10 + 50 + 20) / 3.0 + 15 + (20 + 5) / 2.0) / 3,
         [LT_APLT] = (1.0 / 3 + 0 + 0 + 0.5) / 4,
         [LT_ACLT] = (1 + 0 + 0 + 1) / 4.0,
         [LT_TAIL_COVERAGE] = 2.0 / 3,
         [LT_CATALOGUE_COVERAGE] = 5.0 / 6,
         [LT_GINI] = 10.0 / 36,
         [LT_ENTROPY] = 4.0 / 6 * log2(6) + 2.0 / 6 * log2(3),
         [LT_EXPOSURE_HEAD] = 1.0 / 6,
         [LT_EXPOSURE_MID] = 3.0 / 6,
         [LT_EXPOSURE_TAIL] = 2.0 / 6,
         [LT_EXPOSURE_MAD] = (1 + 1) / 6.0 / 4,
         [LT_EXPOSURE_CV] = sqrt(1.0 / 3),
         [LT_NOVELTY] = ((log2(10) + log2(2) + log2(5)) / 3 + log2(100.0 / 15) + (log2(5) + log2(20)) / 2) / 3},
    };
    lt_ranking_metrics m;
    lt_popularity popularity;
    double value = 0;

    fine(env, lt_popularity_build(env, count, 6, 0.2, 0.2, &popularity));
    ok(lt_ranking_init(env, &m, bad_k, 2, &popularity) == LT_INVALID, "a cut-off of 0 is refused");
    fine(env, lt_ranking_init(env, &m, k, 2, &popularity));
    for (int i = 0; i < LT_MEASURES; i++) {
        ok(lt_ranking_value(env, &m, i, 1, &value, NULL) == LT_OK && isnan(value), "%s of no users is NaN",
           lt_measure_names[i]);
    }
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){list1, 3, relevant1, 2, .auc = 0.9}));
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){NULL, 0, relevant2, 1, .auc = NAN}));
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){list3, 2, relevant3, 3, .auc = 0.5}));
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){list4, 2, relevant4, 1, .auc = NAN}));
    for (int j = 0; j < 2; j++) {
        for (int i = 0; i < LT_DIVERSITY; i++) {
            if (lt_ranking_value(env, &m, i, j, &value, NULL) != LT_OK)
                value = INFINITY;
            near(value, want[j][i], 1e-14, "%s@%d by hand", lt_measure_names[i], k[j]);
        }
    }

    for (int i = LT_DIVERSITY; i < LT_MEASURES; i++)
        ok(lt_ranking_value(env, &m, i, 1, &value, NULL) == LT_OK && isnan(value), "%s is not measured by the way",
           lt_measure_names[i]);

    fine(env, lt_ranking_init(env, &m, k, 2, &popularity));
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){NULL, 0, relevant2, 1, .auc = NAN}));
    fine(env, lt_ranking_value(env, &m, LT_ARP, 0, &value, NULL));
    near(value, NAN, 0, "ARP without any list is NaN");
    fine(env, lt_ranking_value(env, &m, LT_GINI, 0, &value, NULL));
    near(value, NAN, 0, "Gini without exposure is NaN");
    for (int i = LT_ENTROPY; i <= LT_EXPOSURE_CV; i++) {
        fine(env, lt_ranking_value(env, &m, i, 0, &value, NULL));
        near(value, NAN, 0, "so is %s", lt_measure_names[i]);
    }
    fine(env, lt_ranking_value(env, &m, LT_APLT, 0, &value, NULL));
    near(value, 0, 0, "APLT of an empty list is 0");
}

/* ---- in depth ---- */

/*
 * Six items: 0 is the head, 1 and 2 the mid, 3, 4 and 5 the tail.  Their attribute: 0 is of A, 1, 2 and 4 are of B, 3
 * of both, 5 of neither; nothing is of C.
 *
 *   user  has    list     relevant  unseen by popularity
 *   1     0 1    3 5 2    3 5       2 3 4 5
 *   2     -      -        1         0 1 2 3 4 5
 *   3     0 4    1 2 3    1 and one that the catalogue does not know    1 2 3 5
 *   4     5      0        4         0 1 2 3 4
 */
static const double counts[] = {50, 20, 15, 10, 5, 0};
static const int64_t starts[] = {0, 1, 2, 3, 5, 6, 6};
static const int32_t letters[] = {0, 1, 1, 0, 1, 1};
static const lt_groups attribute = {.n = 3, .start = starts, .group = letters};
static const int32_t has1[] = {0, 1}, has3[] = {0, 4}, has4[] = {5}, list1[] = {3, 5, 2}, list3[] = {1, 2, 3},
                     list4[] = {0}, wants1[] = {3, 5}, wants2[] = {1}, wants3[] = {-1, 1}, wants4[] = {4};
static const lt_ranked users[] = {
    {.items = list1, .n = 3, .relevant = wants1, .n_relevant = 2, .auc = NAN, .history = has1, .n_history = 2},
    {.items = NULL, .n = 0, .relevant = wants2, .n_relevant = 1, .auc = 0.25},
    {.items = list3, .n = 3, .relevant = wants3, .n_relevant = 2, .auc = 0.75, .history = has3, .n_history = 2},
    {.items = list4, .n = 1, .relevant = wants4, .n_relevant = 1, .auc = NAN, .history = has4, .n_history = 1},
};

/* sum of p log2(p / q) over two groups */
static double kl(double p1, double q1, double p2, double q2)
{
    return (p1 > 0 ? p1 * log2(p1 / q1) : 0) + (p2 > 0 ? p2 * log2(p2 / q2) : 0);
}

static double steck(double p1, double q1)
{
    return kl(p1, 0.99 * q1 + 0.01 * p1, 1 - p1, 0.99 * (1 - q1) + 0.01 * (1 - p1));
}

static double js(double p1, double q1)
{
    double m1 = (p1 + q1) / 2;

    return (kl(p1, m1, 1 - p1, 1 - m1) + kl(q1, m1, 1 - q1, 1 - m1)) / 2;
}

/* Standard deviation over mean of three numbers, or of two. */
static double spread3(double a, double b, double c)
{
    double mean = (a + b + c) / 3;

    return sqrt((a * a + b * b + c * c) / 3 - mean * mean) / mean;
}

static double spread2(double a, double b)
{
    return fabs(a - b) / (a + b);
}

static double value_of(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int j, int64_t *n)
{
    double value;

    return lt_ranking_value(env, m, measure, j, &value, n) == LT_OK ? value : INFINITY;
}

static void check(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int64_t n, double at2, double at3)
{
    int64_t users_of;

    double tolerance = measure == LT_DIVERSITY ? 1e-7 : 1e-12; /* similarity is a float */

    near(value_of(env, m, measure, 0, &users_of), at2, tolerance, "%s@2 by hand", lt_measure_names[measure]);
    near(value_of(env, m, measure, 1, &users_of), at3, tolerance, "%s@3 by hand", lt_measure_names[measure]);
    ok(users_of == n, "%s is over %d users", lt_measure_names[measure], (int)n);
}

static void add_all(lt_env *env, lt_ranking_metrics *m, const lt_similarity *of1, const lt_similarity *of3)
{
    for (int u = 0; u < 4; u++) {
        lt_ranked user = users[u];

        user.similarity = u == 0 ? of1 : u == 2 ? of3 : NULL;
        fine(env, lt_ranking_add(env, m, &user));
    }
}

static void test_depth(lt_env *env)
{
    static const int k[] = {2, 3};
    /* of items 3, 5 and 2 as a matrix says, of 1, 2 and 3 by their vectors */
    float matrix[] = {1, 0.25f, 0.5f, 0.25f, 1, -0.5f, 0.5f, -0.5f, 1}, vectors[] = {2, 0, 0, 1, 3, 3};
    lt_table rows = {.n = 3, .dense = 2, .x = vectors};
    /* the segments of users 1 and 3 at 3: (1/2, 1/2, 0) from (0, 1/3, 2/3), and the same in another order */
    double deviation = (0.5 + 0.5 * log2(0.5 / (5.0 / 12)) + log2(1.0 / 3 / (5.0 / 12)) / 3 + 2.0 / 3) / 2;
    lt_popularity p;
    lt_similarity of1, of3;
    lt_ranking_metrics m;

    fine(env, lt_popularity_build(env, counts, 6, 0.2, 0.2, &p));
    fine(env, lt_similarity_init(env, &of1, NULL, matrix, 3));
    fine(env, lt_similarity_init(env, &of3, &rows, NULL, 3));

    fine(env, lt_ranking_init(env, &m, k, 2, &p));
    fine(env, lt_ranking_go_deep(env, &m, &attribute));
    fine(env, lt_ranking_keep(env, &m, 4));
    add_all(env, &m, &of1, &of3);
    check(env, &m, LT_DIVERSITY, 2, (0.75 + 1) / 2, ((0.75 + 0.5 + 1.5) / 3 + (1 + 2 * (1 - sqrt(0.5))) / 3) / 2);
    /* user 1's 5 is no surprise at 4, but it is at 2 and 3; user 3's 1 never is */
    check(env, &m, LT_SERENDIPITY, 4, 0.5 / 4, 1.0 / 3 / 4);
    check(env, &m, LT_UPD, 3, 1, (2 * deviation + 1) / 3);
    /* what users 1 and 3 have is half of A; the lists at 2: 3 is half of A, 5 of neither; 1 and 2 are of B */
    check(env, &m, LT_TASTE_KL, 2, (0 + steck(0.5, 0)) / 2, (steck(0.5, 0.25) + steck(0.5, 1.0 / 6)) / 2);
    check(env, &m, LT_TASTE_JS, 2, (0 + js(0.5, 0)) / 2, (js(0.5, 0.25) + js(0.5, 1.0 / 6)) / 2);
    /* relevant: none of the head, 2 of the mid, 3 of the tail; found: 1 and 2 */
    check(env, &m, LT_POPREO, 4, spread2(1.0 / 2, 2.0 / 3), spread2(1.0 / 2, 2.0 / 3));
    /* not had: 4 - 2 of the head, 8 - 1 of the mid, 12 - 2 of the tail */
    check(env, &m, LT_POPRSP, 4, spread3(1.0 / 2, 2.0 / 7, 2.0 / 10), spread3(1.0 / 2, 3.0 / 7, 3.0 / 10));
    check(env, &m, LT_REO, 4, spread2(1, 2.0 / 4), spread2(1, 2.0 / 4));
    check(env, &m, LT_RSP, 4, spread2(2.0 / 6, 3.0 / 14), spread2(3.0 / 6, 5.0 / 14));

    near(lt_ranking_kept(&m, 0, LT_SERENDIPITY, 1), 1.0 / 3, 1e-15, "kept: user 1's serendipity");
    near(lt_ranking_kept(&m, 1, LT_UPD, 0), NAN, 0, "user 2 has no taste");
    near(lt_ranking_kept(&m, 1, LT_ACLT, 0), 0, 0, "and an empty list");
    near(lt_ranking_kept(&m, 2, LT_RANK_AUC, 1), 0.75, 0, "user 3's auc");
    near(lt_ranking_kept(&m, 3, LT_DIVERSITY, 1), NAN, 0, "user 4's list has no pair");
    for (int measure = 0; measure < LT_MEASURES; measure++) {
        double sum = 0, of_all = value_of(env, &m, measure, 1, NULL);
        int n = 0;

        if (!lt_measure_of_users(measure))
            continue;
        for (int row = 0; row < 4; row++)
            if (!isnan(lt_ranking_kept(&m, row, measure, 1))) {
                sum += lt_ranking_kept(&m, row, measure, 1);
                n++;
            }
        near(of_all, sum / n, 1e-15, "%s is the mean of the users' values", lt_measure_names[measure]);
    }

    fine(env, lt_ranking_init(env, &m, k, 2, &p));
    fine(env, lt_ranking_go_deep(env, &m, NULL));
    add_all(env, &m, NULL, NULL);
    check(env, &m, LT_DIVERSITY, 0, NAN, NAN);
    check(env, &m, LT_TASTE_KL, 3, log2(100),
          (2 * (0.5 * log2(100) + 0.5 * log2(0.5 / (0.99 / 3 + 0.005))) + log2(100)) / 3);
    check(env, &m, LT_TASTE_JS, 3, 1, (2 * deviation + 1) / 3);
    check(env, &m, LT_REO, 4, NAN, NAN);
    check(env, &m, LT_RSP, 4, NAN, NAN);
}

/* Of the candidates 1, 3, 4 and 5 the user has 3. */
static void test_candidates(lt_env *env)
{
    static const int k = 2;
    static const int32_t candidates[] = {1, 3, 4, 5}, has[] = {3}, list[] = {5, 4}, wants[] = {4, 5};
    lt_ranked user = {
        list, 2, wants, 2, .auc = NAN, .history = has, .n_history = 1, .candidates = candidates, .n_candidates = 4};
    lt_popularity p;
    lt_ranking_metrics m;

    fine(env, lt_popularity_build(env, counts, 6, 0.2, 0.2, &p));
    for (int again = 0; again < 2; again++) {
        user.ranks_history = again;
        fine(env, lt_ranking_init(env, &m, &k, 1, &p));
        fine(env, lt_ranking_go_deep(env, &m, &attribute));
        fine(env, lt_ranking_add(env, &m, &user));
        /* by popularity the list is 1 and 4, or with what they have 1 and 3 */
        near(value_of(env, &m, LT_SERENDIPITY, 0, NULL), again ? 1 : 0.5, 1e-15, "serendipity among candidates");
        near(value_of(env, &m, LT_POPRSP, 0, NULL), again ? spread2(0, 2.0 / 3) : spread2(0, 1), 1e-15,
             "poprsp among candidates: no head to show");
        near(value_of(env, &m, LT_RSP, 0, NULL), again ? spread2(0, 1.0 / 3) : 0, 1e-15, "rsp: %s",
             again ? "3, which is of A, was not shown" : "only B could be");
    }
}

/* ---- what must hold ---- */

#define ITEMS 40

/* Lists of one item each: either everybody's is the same, or each item is in as many. */
static void test_extremes(lt_env *env)
{
    static const int k = 1;
    static const int32_t wants[] = {3};
    double many[ITEMS];
    lt_popularity p;
    lt_ranking_metrics m;

    for (int i = 0; i < ITEMS; i++)
        many[i] = ITEMS - i;
    fine(env, lt_popularity_build(env, many, ITEMS, 0.2, 0.2, &p));
    for (int same = 0; same < 2; same++) {
        fine(env, lt_ranking_init(env, &m, &k, 1, &p));
        for (int32_t u = 0; u < 3 * ITEMS; u++) {
            int32_t item = same ? 7 : u % ITEMS;

            if (lt_ranking_add(env, &m, &(lt_ranked){&item, 1, wants, 1, .auc = NAN}) != LT_OK)
                ok(false, "added");
        }
        near(value_of(env, &m, LT_GINI, 0, NULL), same ? (ITEMS - 1.0) / ITEMS : 0, 1e-12, "gini");
        near(value_of(env, &m, LT_ENTROPY, 0, NULL), same ? 0 : log2(ITEMS), 1e-12, "entropy");
        near(value_of(env, &m, LT_EXPOSURE_CV, 0, NULL), same ? sqrt(ITEMS - 1) : 0, 1e-12, "exposure_cv");
        near(value_of(env, &m, LT_EXPOSURE_MAD, 0, NULL), same ? 2 * (1 - 1.0 / ITEMS) / ITEMS : 0, 1e-12,
             "exposure_mad");
    }
}

/* Random users, lists and tastes: ranges, and figures that are 0 when they should. */
static void test_properties(lt_env *env, lt_random *random)
{
    static const int k[] = {1, 5, 10};
    int wrong = 0, zero = 0;

    for (int round = 0; round < 300; round++) {
        double many[ITEMS];
        int32_t order[ITEMS], history[ITEMS], wants[ITEMS];
        lt_popularity p;
        lt_ranking_metrics m;
        lt_scope scope;
        double value;

        lt_scope_open(env, &scope);
        for (int i = 0; i < ITEMS; i++)
            many[i] = (double)lt_random_below(random, 100);
        lt_popularity_build(&scope.env, many, ITEMS, 0.2, 0.2, &p);
        lt_ranking_init(&scope.env, &m, k, 3, &p);
        lt_ranking_go_deep(&scope.env, &m, NULL);
        for (int u = 0; u < 5; u++) {
            int32_t n_history = 0, n_wants = 0, n = 0;

            for (int32_t i = 0; i < ITEMS; i++)
                switch (lt_random_below(random, 3)) {
                case 0:
                    history[n_history++] = i;
                    break;
                case 1:
                    order[n++] = i;
                    if (lt_random_below(random, 3) == 0)
                        wants[n_wants++] = i;
                    break;
                }
            if (n_wants == 0)
                wants[n_wants++] = -1;
            if (lt_ranking_add(&scope.env, &m,
                               &(lt_ranked){order, n, wants, n_wants, .auc = NAN, .history = history,
                                            .n_history = n_history}) != LT_OK)
                wrong++;
        }
        for (int j = 0; j < 3; j++) {
            static const lt_measure shares[] = {LT_UPD,           LT_TASTE_JS,     LT_SERENDIPITY, LT_EXPOSURE_HEAD,
                                                LT_EXPOSURE_TAIL, LT_EXPOSURE_MID, LT_GINI};
            double serendipity = value_of(&scope.env, &m, LT_SERENDIPITY, j, NULL);

            for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
                value = value_of(&scope.env, &m, shares[s], j, NULL);
                wrong += !(value >= 0 && value <= 1);
            }
            wrong += serendipity > value_of(&scope.env, &m, LT_PRECISION, j, NULL) + 1e-12;
            wrong += !(value_of(&scope.env, &m, LT_TASTE_KL, j, NULL) >= 0);
            value = value_of(&scope.env, &m, LT_POPRSP, j, NULL);
            wrong += !(value >= 0 && value <= sqrt(2) + 1e-12);
            value = value_of(&scope.env, &m, LT_EXPOSURE_HEAD, j, NULL) +
                    value_of(&scope.env, &m, LT_EXPOSURE_MID, j, NULL) +
                    value_of(&scope.env, &m, LT_EXPOSURE_TAIL, j, NULL);
            wrong += fabs(value - 1) > 1e-12;
        }
        lt_scope_close(&scope);
    }
    ok(wrong == 0, "figures stay in their ranges");

    for (int round = 0; round < 100; round++) { /* a taste whose make-up the list has; all there is shown and found */
        int32_t all[ITEMS], history[ITEMS / 2], list[ITEMS / 2], n = 0;
        const int everything = ITEMS, half = ITEMS / 2;
        double many[ITEMS];
        lt_popularity p;
        lt_ranking_metrics m;
        lt_scope scope;

        lt_scope_open(env, &scope);
        for (int i = 0; i < ITEMS; i += 2)
            many[i] = many[i + 1] = (double)lt_random_below(random, 100);
        lt_popularity_build(&scope.env, many, ITEMS, 0.2, 0.2, &p);
        for (int32_t i = 0; i < ITEMS; i++)
            all[i] = i;
        for (int32_t i = 0; i < ITEMS; i += 2)
            if (p.segment[i] == p.segment[i + 1]) {
                history[n] = i;
                list[n++] = i + 1;
            }
        lt_ranking_init(&scope.env, &m, &half, 1, &p);
        lt_ranking_go_deep(&scope.env, &m, NULL);
        lt_ranking_add(&scope.env, &m,
                       &(lt_ranked){list, n, all, ITEMS, .auc = NAN, .history = history, .n_history = n});
        zero += !(fabs(value_of(&scope.env, &m, LT_UPD, 0, NULL)) < 1e-12) ||
                !(fabs(value_of(&scope.env, &m, LT_TASTE_KL, 0, NULL)) < 1e-12);
        lt_ranking_init(&scope.env, &m, &everything, 1, &p);
        lt_ranking_go_deep(&scope.env, &m, NULL);
        lt_ranking_add(&scope.env, &m, &(lt_ranked){all, ITEMS, all, ITEMS, .auc = NAN});
        zero += value_of(&scope.env, &m, LT_POPREO, 0, NULL) != 0;
        zero += value_of(&scope.env, &m, LT_POPRSP, 0, NULL) != 0;
        lt_scope_close(&scope);
    }
    ok(zero == 0, "no deviation from a list like the taste, no spread where all have the same chance");
}

/* One group has no spread, and no hit or no list has no figure. */
static void test_one_group(lt_env *env)
{
    static const int k = 2;
    static const int64_t start[] = {0, 1, 2, 3, 4, 5, 6};
    static const int32_t group[6] = {0}, list[] = {0, 1}, wants[] = {1, 2}, others[] = {4};
    lt_groups one = {.n = 1, .start = start, .group = group};
    lt_popularity p;
    lt_ranking_metrics m;

    fine(env, lt_popularity_build(env, counts, 6, 0.2, 0.2, &p));
    fine(env, lt_ranking_init(env, &m, &k, 1, &p));
    fine(env, lt_ranking_go_deep(env, &m, &one));
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){list, 2, others, 1, .auc = NAN}));
    near(value_of(env, &m, LT_REO, 0, NULL), NAN, 0, "nothing found: no figure");
    near(value_of(env, &m, LT_POPREO, 0, NULL), NAN, 0, "nor by segments");
    fine(env, lt_ranking_add(env, &m, &(lt_ranked){list, 2, wants, 2, .auc = NAN}));
    near(value_of(env, &m, LT_REO, 0, NULL), 0, 0, "one group has no spread");
    near(value_of(env, &m, LT_RSP, 0, NULL), 0, 0, "neither way");
    fine(env, lt_ranking_init(env, &m, &k, 1, &p));
    fine(env, lt_ranking_go_deep(env, &m, &one));
    for (int measure = LT_DIVERSITY; measure < LT_MEASURES; measure++)
        near(value_of(env, &m, measure, 0, NULL), NAN, 0, "%s without users", lt_measure_names[measure]);
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 1);
    test_accuracy(env);
    test_depth(env);
    test_candidates(env);
    test_extremes(env);
    test_properties(env, &random);
    test_one_group(env);
    test_env_drop(env);
    return done();
}
