/*
 * test_factors.c: serving from vectors: folding in, explaining, similar items, growing, corrupt arrays.
 */
#include "factors_data.h"

#define USERS 50
#define ITEMS 40

static lt_scorer ready(lt_env *env, const lt_model *m)
{
    lt_scorer s = {.model = m};

    fine(env, m->algorithm->prepare(env, &s));
    return s;
}

/* The largest difference between the margins of two subjects. */
static double apart(lt_env *env, const lt_scorer *s, const lt_subject *a, const lt_subject *b)
{
    int32_t items = s->model->design.items;
    double most = 0;
    float *m;

    if (lt_alloc(env, &m, 2 * (size_t)items, sizeof *m, "test") != LT_OK ||
        s->model->algorithm->score(env, s, a, NULL, items, m) != LT_OK ||
        s->model->algorithm->score(env, s, b, NULL, items, m + items) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    for (int32_t i = 0; i < items; i++)
        most = fmax(most, fabs((double)m[i] - m[items + i]));
    return most;
}

/* A basket with a user's training history is that user; anything else moves the margins. */
static void test_fold_in(lt_env *env, const lt_dataset *d, const lt_model *m, double tolerance, const char *what)
{
    lt_scorer s = ready(env, m);
    double worst = 0, changed = 0, fresh = INFINITY;

    for (int32_t u = 0; u < 10; u++) {
        lt_subject stored = {.user = u}, known = history_of(d, u, u), basket = history_of(d, -1, u), less = known;

        less.n_history--;
        changed = fmax(changed, apart(env, &s, &stored, &known));
        worst = fmax(worst, apart(env, &s, &stored, &basket));
        fresh = fmin(fresh, apart(env, &s, &stored, &less));
    }
    ok(changed == 0, "%s: users with the history of training have the stored vector", what);
    ok(worst <= tolerance, "%s: folding a history in gives what training stored (%.2g)", what, worst);
    ok(fresh > 1e-3, "%s: one item less is another user (%.2g)", what, fresh);
}

/* scale A x = sum w t y for the implicit objective, by the definition. */
static void test_solution(lt_env *env, const lt_dataset *d, const lt_model *m)
{
    lt_scorer s = ready(env, m);
    lt_factors f = lt_factors_of(m);
    lt_subject basket = history_of(d, -1, 7);
    double most = 0;
    float *x;

    fine(env, lt_alloc(env, &x, (size_t)f.k + 1, sizeof *x, "test"));
    fine(env, lt_factors_user(env, &s, &basket, x));
    for (int32_t a = 0; a < f.k; a++) {
        double g = f.fold.regularization *
                   pow((double)basket.n_history + f.fold.unobserved * f.items, f.fold.frequency) * x[a];

        for (int32_t i = 0; i < f.items; i++)
            for (int32_t b = 0; b < f.k; b++)
                g += f.fold.unobserved * f.item[i * f.k + a] * f.item[i * f.k + b] * x[b];
        for (int64_t h = 0; h < basket.n_history; h++) {
            double w = basket.history_weight == NULL ? 1 : basket.history_weight[h], margin = 0;
            const float *y = f.item + basket.history[h] * f.k;

            for (int32_t b = 0; b < f.k; b++)
                margin += (double)y[b] * x[b];
            g += w * (margin - f.fold.scale) * y[a];
        }
        most = fmax(most, fabs(g) / f.fold.scale);
    }
    ok(most < 1e-4, "%s: the gradient is 0 where a history is folded in (%.2g)", m->algorithm->name, most);
}

static void test_explain(lt_env *env, const lt_dataset *d, const lt_model *m, const char *what)
{
    lt_scorer s = ready(env, m);
    double worst = 0, baseline = 0, effect = 0, contribution[1 + ITEMS];

    for (int32_t u = 0; u < 10; u++)
        for (int32_t item = 0; item < ITEMS; item += 7)
            for (int known = 0; known < 2; known++) {
                lt_subject subject = history_of(d, known ? u : -1, u);
                float margin;
                double sum = 0;

                if (m->algorithm->score(env, &s, &subject, &item, 1, &margin) != LT_OK ||
                    m->algorithm->explain_history(env, &s, &subject, item, contribution) != LT_OK)
                    printf("Bail out! %s\n", env->error.message);
                for (int64_t h = 0; h <= subject.n_history; h++)
                    sum += contribution[h];
                worst = fmax(worst, fabs(sum - margin));
                if (!known)
                    baseline = fmax(baseline, fabs(contribution[0]));
                effect = fmax(effect, fabs(contribution[1]));
            }
    ok(worst < 1e-6, "%s: contributions sum to the margin (%.2g)", what, worst);
    if (lt_factors_of(m).item_bias == NULL)
        ok(baseline < 1e-4, "%s: nothing is left over where there are no biases (%.2g)", what, baseline);
    ok(effect > 1e-2, "%s: items contribute", what);
}

/* Ratings without values count as liked, and the basket of a disliked item is another. */
static void test_unrated(lt_env *env, const lt_dataset *d, const lt_model *m)
{
    lt_scorer s = ready(env, m);
    lt_factors f = lt_factors_of(m);
    int32_t item = 4;
    float rating[2] = {(float)(f.fold.mean + f.item_bias[item] + f.fold.liked), 1};
    lt_subject unrated = {.user = -1, .n_history = 1, .history = &item}, liked = unrated, disliked = unrated;

    (void)d;
    liked.history_weight = &rating[0];
    disliked.history_weight = &rating[1];
    ok(apart(env, &s, &unrated, &liked) < 1e-5, "an item without a rating is a liked one");
    ok(apart(env, &s, &unrated, &disliked) > 0.05, "a disliked one is not");
}

static void test_similar(lt_env *env, const lt_model *m)
{
    lt_scorer s = ready(env, m);
    lt_factors f = lt_factors_of(m);
    float score[ITEMS];
    double dot = 0, a = 0, b = 0, same = 0, other = 0;

    fine(env, m->algorithm->similar(env, &s, 6, score));
    for (int32_t j = 0; j < f.k; j++) {
        dot += (double)f.item[6 * f.k + j] * f.item[9 * f.k + j];
        a += (double)f.item[6 * f.k + j] * f.item[6 * f.k + j];
        b += (double)f.item[9 * f.k + j] * f.item[9 * f.k + j];
    }
    near(score[9], dot / sqrt(a * b), 1e-5, "%s: similar is the cosine", m->algorithm->name);
    near(apart_from_similar(env, &s, ITEMS, m->algorithm->name), 0, 1e-6, "%s: so is that of its vectors",
         m->algorithm->name);
    for (int32_t i = 0; i < ITEMS; i++)
        *(i % 2 == 0 ? &same : &other) += score[i] * 2 / ITEMS;
    ok(same > other + 0.3, "%s: items of one taste are similar (%.2f, others %.2f)", m->algorithm->name, same, other);
}

static void test_extend(lt_env *env, const lt_dataset *d, lt_model *m)
{
    lt_design grown = m->design;
    lt_scorer s = ready(env, m);
    lt_subject user = history_of(d, -1, 2), fresh = {.user = USERS + 1}, buyer;
    int32_t bought = ITEMS + 1;
    float before[ITEMS], after[ITEMS + 3];
    double most = 0;

    fine(env, m->algorithm->score(env, &s, &user, NULL, ITEMS, before));
    grown.users += 2;
    grown.items += 3;
    fine(env, m->algorithm->extend(env, m, &grown));
    m->design = grown;
    fine(env, m->algorithm->check(env, m));
    s = ready(env, m);
    fine(env, m->algorithm->score(env, &s, &user, NULL, ITEMS + 3, after));
    for (int32_t i = 0; i < ITEMS; i++)
        most = fmax(most, fabs((double)before[i] - after[i]));
    ok(most < 1e-5, "%s: growing changes no margin there was", m->algorithm->name);
    fine(env, m->algorithm->score(env, &s, &fresh, NULL, ITEMS + 3, after));
    buyer = fresh;
    buyer.n_history = 1;
    buyer.history = &bought; /* an item without a vector */
    fine(env, m->algorithm->score(env, &s, &buyer, NULL, ITEMS + 3, after));
    ok(isfinite(after[0]), "%s: a history of new items alone has margins", m->algorithm->name);
    buyer.history = &user.history[0];
    ok(apart(env, &s, &fresh, &buyer) > 1e-3, "%s: a new user's first purchase counts", m->algorithm->name);
}

static void broken(lt_env *env, lt_model *m, const char *what)
{
    ok(m->algorithm->check(env, m) == LT_CORRUPT, "%s is refused: %s", what, env->error.message);
}

static void test_corrupt(lt_env *env, lt_model *m)
{
    lt_array *item = (lt_array *)lt_model_array(m, "item_factors"),
             *user = (lt_array *)lt_model_array(m, "user_factors");
    lt_array *history = (lt_array *)lt_model_array(m, "history"), *fold = (lt_array *)lt_model_array(m, "fold_in");
    lt_array kept;
    float number = item->f[3];
    double setting = fold->d[4];

    item->f[3] = NAN;
    broken(env, m, "a vector that is not finite");
    item->f[3] = number;
    fold->d[4] = -1;
    broken(env, m, "a negative penalty");
    fold->d[4] = setting;
    kept = *user;
    user->cols--;
    broken(env, m, "user vectors of another length");
    *user = kept;
    kept = *item;
    item->rows--;
    broken(env, m, "a missing item");
    item->rows++;
    item->f = NULL;
    broken(env, m, "an array of another type");
    *item = kept;
    item->cols = 0;
    broken(env, m, "no factors");
    *item = kept;
    history->rows--;
    broken(env, m, "a missing history");
    history->rows++;
    fold->cols--;
    broken(env, m, "a missing setting");
    fold->cols++;
    history->name = "other";
    broken(env, m, "no histories");
    history->name = "history";
    ok(m->algorithm->check(env, m) == LT_OK, "the model as it was is not");
}

int main(void)
{
    lt_env *env = test_env();
    lt_dataset *plain = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 1);
    lt_dataset *weighted = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, VALUES, 1);
    lt_dataset *rated = tastes(env, LT_LABEL_REAL, USERS, ITEMS, VALUES, 1);
    lt_model *als = fit_with(env, &lt_als, plain, OPTIONS("factors", "12"), NULL);
    lt_model *heavy = fit_with(env, &lt_als, weighted, OPTIONS("factors", "16"), NULL);
    lt_model *ratings = fit_with(env, &lt_als, rated, OPTIONS("factors", "2"), NULL);
    lt_model *bpr = fit_with(env, &lt_bpr, weighted, OPTIONS("factors", "10"), NULL);

    test_fold_in(env, plain, als, 1e-6, "als");
    test_fold_in(env, weighted, heavy, 1e-6, "weighted als");
    test_fold_in(env, rated, ratings, 1e-5, "als of ratings");
    test_solution(env, plain, als);
    test_solution(env, weighted, heavy);
    test_solution(env, weighted, bpr);
    test_explain(env, plain, als, "als");
    test_explain(env, weighted, heavy, "weighted als");
    test_explain(env, rated, ratings, "als of ratings");
    test_explain(env, weighted, bpr, "bpr");
    test_unrated(env, rated, ratings);
    test_similar(env, als);
    test_similar(env, bpr);
    test_corrupt(env, ratings);
    test_corrupt(env, bpr);
    test_extend(env, plain, als);
    test_extend(env, rated, ratings);
    test_extend(env, weighted, bpr);
    test_env_drop(env);
    return done();
}
