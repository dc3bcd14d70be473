/*
 * test_rerank.c: the rerankers' invariants as properties over random lists; the cases of popularity, xquad, quota and
 * random, worked by hand, against a naive version, or published; and what the checks refuse.
 */
#include "rerank_data.h"

/* Every method, at strengths that rise from 0, over random lists. */
static void test_invariants(lt_env *env, lt_random *random)
{
    for (const lt_reranker *const *method = lt_rerankers; *method != NULL; method++) {
        const char *name = (*method)->name;
        bool every_prefix = strcmp(name, "xquad") == 0 || strcmp(name, "quota") == 0;
        int failed = 0, no_selection = 0, no_identity = 0, lowered = 0, raised = 0, same = 0;
        lt_options variant;

        lt_options_init(env, &variant, (*method)->options, (*method)->n_options);
        if (strcmp(name, "xquad") == 0)
            lt_options_set_text(env, &variant, "variant", "binary");
        if (strcmp(name, "quota") == 0)
            lt_options_set_bool(env, &variant, "adjust", false);
        for (int round = 0; round < 3000; round++) {
            int64_t before[MOST + 1] = {0};
            list l;

            random_list(env, random, &l);
            l.in.logit = round % 2;
            l.in.options = round % 4 < 2 ? NULL : &variant;
            l.in.groups = round % 8 < 4 ? NULL : &l.groups;
            for (int step = 0; step < 8; step++) {
                if (step == 7)
                    l.in.strength = isinf((*method)->max_strength) ? 400 : (*method)->max_strength;
                else if (step > 0)
                    l.in.strength += 0.3 * lt_random_uniform(random) * (step < 4 ? 0.2 : 1) * (1 - l.in.strength);
                failed += !run(env, name, &l);
                no_selection += !is_selection(&l);
                no_identity += step == 0 && !is_identity(&l);
                same += step == 7 && is_identity(&l);
                for (int64_t r = every_prefix ? 1 : l.n_chosen; r <= l.n_chosen; r++) {
                    int64_t tail = tail_items(&l, r);

                    lowered += step > 0 && tail < before[r];
                    raised += step > 0 && tail > before[r];
                    before[r] = tail;
                }
            }
        }
        ok(failed == 0, "%s takes every list", name);
        ok(no_selection == 0, "%s selects without repeats", name);
        ok(no_identity == 0, "%s at strength 0 is the identity", name);
        if ((*method)->raises_tail) {
            ok(lowered == 0, "%s never lowers the tail with strength (%d times)", name, lowered);
            ok((raised > 1000) == (strcmp(name, "none") != 0), "%s raises it often (%d times)", name, raised);
        }
        ok((same < 2000) == (strcmp(name, "none") != 0), "%s changes lists (%d are the same)", name, same);
    }
}

static void test_checks(lt_env *env)
{
    list l = {.score = {3, 2, 1}, .popularity = {9, 4, 1}, .segment = {LT_HEAD, LT_MID, LT_TAIL}};

    l.in = (lt_rerank_input){.n = 3, .score = l.score, .k = 2, .strength = 0.5};
    ok(lt_reranker_find("best") == NULL, "an unknown method is not found");
    ok(run(env, "none", &l), "none needs scores alone");
    ok(!run(env, "popularity", &l) && env->error.status == LT_INVALID, "popularity needs popularity");
    ok(!run(env, "xquad", &l) && !run(env, "quota", &l) && !run(env, "random", &l), "others need segments");
    l.in.strength = 0;
    for (int m = 0; lt_rerankers[m] != NULL; m++)
        ok(run(env, lt_rerankers[m]->name, &l) && is_identity(&l), "%s at strength 0 needs nothing",
           lt_rerankers[m]->name);
    l.in.popularity = l.popularity;
    l.in.segment = l.segment;
    l.in.strength = 1.01;
    ok(run(env, "popularity", &l), "popularity takes any strength");
    ok(!run(env, "xquad", &l) && strstr(env->error.detail, "between 0 and 1") != NULL, "xquad's ends at 1");
    l.in.strength = -0.1;
    ok(!run(env, "popularity", &l), "a negative strength is refused");
    l.in.strength = NAN;
    ok(!run(env, "none", &l), "a strength of NaN is refused");
    l.in.strength = 0.5;
    l.score[1] = NAN;
    ok(!run(env, "none", &l) && strstr(env->error.message, "candidate 2") != NULL, "a NaN score is refused, and which");
    l.score[1] = INFINITY;
    ok(!run(env, "quota", &l), "an infinite score is refused");
    l.score[1] = 2;
    l.popularity[2] = -1;
    ok(!run(env, "popularity", &l) && strstr(env->error.message, "candidate 3") != NULL,
       "a negative popularity is refused");
    l.in.k = -1;
    ok(!run(env, "quota", &l), "a negative k is refused");
}

static void test_popularity(lt_env *env)
{
    list l = {.score = {0.9, 0.6, 0.5, -0.1, -0.2, 0, 0}, .popularity = {100, 4, 0, 100, 4, 50, 2}};
    static const int32_t want[] = {2, 1, 0, 6, 5, 4, 3};

    near(lt_boost(0.9, 100, 0.5), 0.09, 1e-16, "boost divides by a power");
    near(lt_boost(-0.9, 100, 0.5), -9, 1e-14, "a negative score is multiplied");
    near(lt_boost(0.9, 0, 0.5), 0.9, 0, "popularity 0 counts as 1");
    near(lt_boost(0.9, 100, 0), 0.9, 0, "strength 0 leaves the score");
    near(lt_boost(0, 100, 1), 0, 0, "a score of 0 stays");

    l.in = (lt_rerank_input){.n = 7, .score = l.score, .popularity = l.popularity, .k = 7, .strength = 0.5};
    ok(run(env, "popularity", &l), "popularity runs");
    ok(memcmp(l.chosen, want, sizeof want) == 0, "popularity's order by hand"); /* .5 .3 .09 0 0 -.4 -1 */
    near(l.value[1], 0.3, 1e-16, "its value is the boosted score");
    near(l.value[6], -1, 1e-15, "also below 0");
    l.in.logit = true;
    l.in.strength = 1;
    ok(run(env, "popularity", &l), "popularity runs on log-odds");
    ok(l.chosen[0] == 2 && l.chosen[1] == 6 && l.chosen[6] == 3, "order of score - ln popularity");
    near(l.value[6], -0.1 - log(100), 1e-15, "value of log-odds");
}

static void test_xquad_by_hand(lt_env *env)
{
    /* h1 1.0, h2 0.8, t1 0.6, h3 0.4, t2 0.0 (relevances already), half of the taste is for the tail, strength 0.5 */
    list l = {.score = {1, 0.8, 0.6, 0.4, 0}, .segment = {LT_HEAD, LT_MID, LT_TAIL, LT_MID, LT_TAIL}};
    static const int32_t smooth_order[] = {0, 2, 1, 3};
    static const double smooth_value[] = {0.5 + 0.25, 0.3 + 0.25, 0.4 + 0.125, 0.2 + 0.25 / 3};
    static const double binary_value[] = {0.5 + 0.25, 0.3 + 0.25, 0.4, 0.2};
    lt_options binary;

    l.in = (lt_rerank_input){
        .n = 5, .score = l.score, .segment = l.segment, .user_taste = {1, 2, 3}, .k = 4, .strength = 0.5};
    ok(run(env, "xquad", &l) && memcmp(l.chosen, smooth_order, sizeof smooth_order) == 0, "xQuAD smooth by hand");
    for (int r = 0; r < 4; r++)
        near(l.value[r], smooth_value[r], 1e-15, "its value at rank %d", r + 1);
    fine(env, lt_options_init(env, &binary, lt_reranker_find("xquad")->options, 1));
    l.in.options = &binary;
    ok(run(env, "xquad", &l), "xQuAD runs at its options' defaults");
    near(l.value[3], smooth_value[3], 1e-15, "which are those of no options");
    fine(env, lt_options_set_text(env, &binary, "variant", "binary"));
    ok(run(env, "xquad", &l) && memcmp(l.chosen, smooth_order, sizeof smooth_order) == 0, "xQuAD binary by hand");
    for (int r = 0; r < 4; r++)
        near(l.value[r], binary_value[r], 1e-15, "its value at rank %d", r + 1);

    /* A user with little taste for the tail: the paper's rule would put the rest above t1; the cap does not. */
    l.in = (lt_rerank_input){.n = 3,
                             .score = (double[]){0.9, 1, 0},
                             .segment = (uint8_t[]){LT_MID, LT_TAIL, LT_MID},
                             .user_taste = {4, 4, 2},
                             .k = 2,
                             .strength = 0.9};
    ok(run(env, "xquad", &l) && l.chosen[0] == 1 && l.chosen[1] == 0, "no taste takes tail items from the list");
    l.in.group = (uint8_t[]){0, 0, 1};
    l.in.segment = NULL;
    ok(run(env, "xquad", &l) && l.chosen[0] == 1 && l.chosen[1] == 2, "a group stands in for the tail");
}

/* The rule as the banner of rerank_xquad.c writes it, every candidate at every step. */
static void naive_xquad(const list *l, bool binary, int32_t *chosen)
{
    double low = INFINITY, high = -INFINITY, total = 0;
    bool taken[MOST] = {false};
    int64_t members[2] = {0};

    for (int s = 0; s < 3; s++)
        total += l->in.user_taste[s];
    for (int64_t i = 0; i < l->in.n; i++) {
        low = fmin(low, l->score[i]);
        high = fmax(high, l->score[i]);
    }
    for (int64_t r = 0; r < l->n_chosen; r++) {
        double tail_taste = total > 0 ? l->in.user_taste[LT_TAIL] / total : 1.0 / 3;
        double term[2], best_value = -INFINITY;
        int32_t best = -1;

        for (int c = 0; c < 2; c++) {
            double taste = c ? tail_taste : 1 - tail_taste;

            term[c] = members[c] == 0 ? taste : binary ? 0 : taste * (double)(r - members[c]) / (double)r;
        }
        term[0] = fmin(term[0], term[1]);
        for (int64_t i = 0; i < l->in.n; i++) {
            double relevance = high > low ? (l->score[i] - low) / (high - low) : 1;
            double value = (1 - l->in.strength) * relevance + l->in.strength * term[l->segment[i] == LT_TAIL];

            if (!taken[i] && value > best_value) {
                best = (int32_t)i;
                best_value = value;
            }
        }
        chosen[r] = best;
        taken[best] = true;
        members[l->segment[best] == LT_TAIL]++;
    }
}

static void test_xquad_naive(lt_env *env, lt_random *random)
{
    int differ = 0, compared = 0;
    lt_options binary;

    fine(env, lt_options_init(env, &binary, lt_reranker_find("xquad")->options, 1));
    fine(env, lt_options_set_text(env, &binary, "variant", "binary"));
    for (int round = 0; round < 2000; round++) {
        int32_t want[MOST];
        list l;

        random_list(env, random, &l);
        for (int64_t i = 0; i < l.in.n; i++)
            l.score[i] = 5 + lt_random_normal(random); /* no ties: rounding decides those differently */
        l.in.strength = 0.001 + 0.99 * lt_random_uniform(random);
        l.in.options = round % 2 ? &binary : NULL;
        if (!run(env, "xquad", &l))
            differ++;
        naive_xquad(&l, round % 2, want);
        differ += memcmp(l.chosen, want, (size_t)l.n_chosen * sizeof *want) != 0;
        compared += l.n_chosen > 1;
    }
    ok(compared > 1000 && differ == 0, "xQuAD is its rule applied to every candidate (%d differ)", differ);
}

/* By drawing: the probability that a fair draw has fewer than the table in some prefix. */
static double simulated_fail(lt_random *random, const int32_t *minimum, int64_t k, double p)
{
    int failed = 0;

    for (int draw = 0; draw < 200000; draw++) {
        int64_t tail = 0, i = 0;

        for (; i < k; i++) {
            tail += lt_random_uniform(random) < p;
            if (tail < minimum[i])
                break;
        }
        failed += i < k;
    }
    return failed / 200000.0;
}

static bool table_is(const int32_t *minimum, const char *digits)
{
    for (size_t i = 0; digits[i] != '\0'; i++)
        if (minimum[i] != digits[i] - '0')
            return false;
    return true;
}

static void test_quota_table(lt_env *env, lt_random *random)
{
    int32_t minimum[100], before[100];
    int shrunk = 0;
    double fail = 0, far = 0;

    fine(env, lt_quota_table(env, 20, 0.25, 0.1, false, minimum, &fail));
    ok(table_is(minimum, "00000000111111222223"), "FA*IR's table for k = 20, p = 0.25, alpha = 0.1");
    near(fail, 0.146887188699111, 1e-14, "its probability of failure, in exact fractions");
    near(fail, simulated_fail(random, minimum, 20, 0.25), 0.004, "and drawn (five standard errors)");
    /* The figure published with this table leaves its last prefix out. */
    fine(env, lt_quota_table(env, 19, 0.25, 0.1, false, minimum, &fail));
    near(fail, 0.11517506930977106, 1e-15, "the published probability is that of the first 19");
    fine(env, lt_quota_table(env, 20, 0.25, 0.1, true, minimum, &fail));
    ok(table_is(minimum, "00000000111111122222"), "the published adjusted table");
    near(fail, 0.10515247355215251, 1e-15, "the published adjusted probability");
    fine(env, lt_quota_table(env, 10, 0.5, 0.1, false, minimum, &fail));
    ok(table_is(minimum, "0001112233"), "the paper's table for p = 0.5"); /* Zehlike et al. 2017, table 2 */
    fine(env, lt_quota_table(env, 10, 0.7, 0.1, false, minimum, &fail));
    ok(table_is(minimum, "0112233455"), "the paper's table for p = 0.7");
    fine(env, lt_quota_table(env, 10, 1, 0.1, true, minimum, &fail));
    ok(minimum[0] == 1 && minimum[9] == 10 && fail == 0, "p = 1: all of the tail");
    fine(env, lt_quota_table(env, 10, 0, 0.1, true, minimum, &fail));
    ok(minimum[9] == 0 && fail == 0, "p = 0: nothing");
    fine(env, lt_quota_table(env, 0, 0.5, 0.1, true, minimum, &fail));

    for (int adjust = 0; adjust < 2; adjust++) {
        memset(before, 0, sizeof before);
        for (int p = 1; p <= 500; p++) {
            if (lt_quota_table(env, 60, p / 500.0, 0.1, adjust, minimum, &fail) != LT_OK)
                shrunk++;
            for (int i = 0; i < 60; i++)
                shrunk += minimum[i] < before[i];
            memcpy(before, minimum, sizeof minimum);
            if (adjust && p >= 50 && p <= 450)
                far = fmax(far, fabs(fail - 0.1));
        }
    }
    ok(shrunk == 0, "a greater p never asks for less anywhere");
    ok(far < 0.03, "the adjusted probability is near alpha (at most %.3f off)", far);
    env->budget = env->used + 100;
    ok(lt_quota_table(env, 1000000, 0.5, 0.1, true, minimum, &fail) == LT_NO_MEMORY, "the table keeps to the budget");
    env->budget = 0;
}

static void test_quota(lt_env *env)
{
    list l = {0};
    lt_options options;
    int wrong = 0;

    for (int i = 0; i < 40; i++) { /* the tail scores below all others */
        l.score[i] = 40 - i;
        l.segment[i] = i < 30 ? LT_HEAD : LT_TAIL;
    }
    l.in = (lt_rerank_input){.n = 40, .score = l.score, .segment = l.segment, .k = 20, .strength = 0.25};
    ok(run(env, "quota", &l), "quota runs");
    for (int r = 0; r < 20; r++)
        wrong += l.chosen[r] != (r == 8 ? 30 : r == 15 ? 31 : r - (r > 8) - (r > 15));
    ok(wrong == 0, "places 9 and 16 go to the best of the tail, the others to the best");
    fine(env, lt_options_init(env, &options, lt_reranker_find("quota")->options, 2));
    l.in.options = &options;
    ok(run(env, "quota", &l) && l.chosen[15] == 31, "the options' defaults are those of no options");
    fine(env, lt_options_set_bool(env, &options, "adjust", false));
    ok(run(env, "quota", &l) && l.chosen[14] == 31 && l.chosen[19] == 32, "unadjusted: places 9, 15 and 20");
    fine(env, lt_options_set_number(env, &options, "alpha", 0.5));
    ok(run(env, "quota", &l) && tail_items(&l, 20) == 5, "alpha 0.5: the median");
    ok(lt_options_set_number(env, &options, "alpha", 0) == LT_INVALID, "alpha 0 is refused");
    l.in.options = NULL;
    l.in.strength = 1;
    ok(run(env, "quota", &l) && tail_items(&l, 20) == 10, "strength 1 takes all the tail there is");
    ok(l.chosen[10] == 0, "and then the best");
}

static void test_random(lt_env *env, lt_random *random)
{
    int moved_away = 0, different = 0, explored = 0, inside = 0, place_one = 0;
    list l, again;

    for (int round = 0; round < 2000; round++) {
        random_list(env, random, &l);
        l.in.n = MOST;
        l.in.k = 10;
        l.in.strength = 0.25;
        for (int i = 0; i < MOST; i++) {
            l.score[i] = MOST - i;
            l.segment[i] = (uint8_t)(i % 3);
        }
        again = l;
        again.in.score = again.score;
        again.in.segment = again.segment;
        if (!run(env, "random", &l) || !run(env, "random", &again))
            different++;
        different += memcmp(l.chosen, again.chosen, sizeof(int32_t[10])) != 0;
        for (int r = 0; r < 10; r++) {
            if (l.chosen[r] == r)
                continue;
            explored++;
            place_one += r == 0;
            inside += l.chosen[r] < 10;
            moved_away += l.segment[l.chosen[r]] < l.segment[r];
        }
    }
    ok(different == 0, "the same seed gives the same list");
    ok(inside == 0 && moved_away == 0, "a place explored goes to an outsider at least as near the tail");
    near(explored / 20000.0, 0.25, 0.002, "strength is the share of explored places"); /* 2 or 3 of 10, half each */
    near(place_one / 2000.0, 0.25, 0.05, "and every place's share (five standard errors)");
    l.in.strength = 1;
    ok(run(env, "random", &l), "full exploration");
    inside = 0;
    for (int r = 0; r < 10; r++)
        inside += l.chosen[r] < 10;
    ok(inside == 0, "leaves nothing of the list");
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 7);
    test_invariants(env, &random);
    test_checks(env);
    test_popularity(env);
    test_xquad_by_hand(env);
    test_xquad_naive(env, &random);
    test_quota_table(env, &random);
    test_quota(env);
    test_random(env, &random);
    test_env_drop(env);
    return done();
}
