/*
 * test_forget.c: a user taken out of a version: the id is in none of its bytes, everybody else is answered as before to
 * the bit, and what can be as if they had never been there is what training without them makes.
 */
#include "forget.h"
#include "recommend_data.h"

#include <string.h>

extern const lt_algorithm lt_als, lt_blend, lt_bpr, lt_content, lt_ease, lt_graph_filter, lt_item_knn, lt_logistic,
    lt_markov, lt_mlp, lt_popular, lt_rp3beta, lt_user_knn;

#define USERS 30
#define ITEMS 12
#define MANY 260
#define GONE 1234567 /* an id whose bytes are nowhere by chance */

/* Everybody has several items, each item has several users, and some pairs come twice, at different times. */
static int events_of(event *v, bool with)
{
    int n = 0;

    for (int k = 0; k < MANY; k++) {
        int user = k * 7 % USERS, item = (k * 5 + k / 30 * k) % ITEMS;

        if (user == 11 && !with)
            continue;
        v[n++] = (event){.user = user == 11 ? GONE : user,
                         .item = item,
                         .label = 1,
                         .weight = 1 + k % 3,
                         .time = 86400.0 * (k * 13 % 100),
                         .price = k % 9,
                         .colour = k % 4};
    }
    return n;
}

static bool has_bytes(const uint8_t *bytes, size_t n, const void *what, size_t length)
{
    for (size_t i = 0; i + length <= n; i++)
        if (memcmp(bytes + i, what, length) == 0)
            return true;
    return false;
}

static lt_writer written(lt_env *env, const lt_bundle *b)
{
    lt_writer w;

    lt_writer_init(env, &w);
    lt_bundle_write(&w, b);
    fine(env, w.status);
    return w;
}

/* What a version is stored as, read again: the bundle has memory of its own. */
static lt_bundle copy_of(lt_env *env, const lt_bundle *b)
{
    lt_writer w = written(env, b);
    lt_reader r;
    lt_bundle copy;

    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &copy));
    return copy;
}

static lt_pairs all_seen(lt_env *env, const lt_dataset *d)
{
    lt_pairs seen;

    fine(env, lt_builder_all_seen(env, d, &seen));
    return seen;
}

static lt_writer written_pairs(lt_env *env, const lt_pairs *p)
{
    lt_writer w;

    lt_writer_init(env, &w);
    lt_pairs_write(&w, p);
    return w;
}

static bool same_bytes(const lt_writer *a, const lt_writer *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Counts as they are read back. */
static lt_counted counted_of(lt_env *env, const lt_dataset *d, const lt_pairs *seen)
{
    lt_counted taken, back;
    lt_writer w;
    lt_reader r;

    fine(env, lt_counted_take(env, d, seen, &taken));
    lt_writer_init(env, &w);
    lt_counted_write(&w, &taken);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_counted_read(&r, &back));
    ok(back.n == taken.n && memcmp(back.rows, taken.rows, (size_t)back.n * sizeof *back.rows) == 0 &&
           back.n_split == taken.n_split,
       "what training counted reads back as written: %d pairs, %d in both parts", (int)back.n, (int)back.n_split);
    return back;
}

/* Margins of the whole catalogue, of the user with this id. */
static void margins_of(lt_env *env, const lt_bundle *b, const lt_pairs *seen, int id, float *margin)
{
    id_bytes key = id_of(id);
    lt_recommender r;
    lt_subject subject = {.user = lt_dictionary_find(&b->users, &key, 8)};

    lt_subject_take_history(&subject, seen, subject.user);
    if (lt_recommender_init(env, &r, b) != LT_OK ||
        b->model.algorithm->score(env, &r.scorer, &subject, NULL, ITEMS, margin) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
}

static void forget_case(const lt_algorithm *algorithm, int what, const char *const *list)
{
    lt_env *env = test_env();
    event v[MANY];
    int n = events_of(v, true), left;
    trained *t = train_on(env, algorithm, what, v, n, list);
    lt_bundle b = copy_of(env, &t->bundle);
    lt_pairs seen = all_seen(env, &t->data), before = all_seen(env, &t->data);
    lt_counted counted = counted_of(env, &t->data, &seen);
    id_bytes gone = id_of(GONE), never = id_of(77777);
    float old[ITEMS], new[ITEMS];
    lt_writer w = written(env, &b), same;
    bool found, alike = true, knn = algorithm == &lt_user_knn, counts = algorithm == &lt_popular;
    lt_reader r;
    lt_bundle back;

    ok(has_bytes(w.bytes, w.n, &gone, 8), "%s: the id is there", algorithm->name);
    fine(env, lt_bundle_forget(env, &b, &never, 8, 7, 0.1, &seen, &counted, &left, &found));
    same = written(env, &b);
    ok(!found && left == 0 && same_bytes(&w, &same), "%s: forgetting a stranger changes nothing", algorithm->name);
    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, &seen, &counted, &left, &found));
    w = written(env, &b);
    ok(found && !has_bytes(w.bytes, w.n, &gone, 8), "%s: and then it is not", algorithm->name);
    ok(left == (knn || counts ? 0 : LT_LEFT_WEIGHTS), "%s: what is left of them: %d", algorithm->name, left);
    ok(seen.rows == b.users.n && seen.start[seen.rows] == counted.n, "%s: what users have follows", algorithm->name);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &back));
    for (int u = 0; u < USERS && !knn && !counts; u++) {
        if (u == 11)
            continue;
        margins_of(env, &t->bundle, &before, u, old);
        margins_of(env, &back, &seen, u, new);
        alike = alike && memcmp(old, new, sizeof old) == 0;
    }
    ok(alike, "%s: the others are scored as before, to the bit", algorithm->name);
    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, &seen, &counted, &left, &found));
    ok(!found, "%s: once is enough", algorithm->name);
    test_env_drop(env);
}

/* A blend, whose models inside know them too. */
static void test_blend(void)
{
    lt_env *env = test_env();
    event v[MANY];
    int n = events_of(v, true), left;
    trained *a = train_on(env, &lt_als, PAIRS, v, n, OPTIONS("factors", "4", "epochs", "2"));
    trained *k = train_on(env, &lt_user_knn, PAIRS, v, n, NULL);
    const lt_bundle *bases[2] = {&a->bundle, &k->bundle};
    lt_options o = options_of(env, &lt_blend, OPTIONS("weight", "0.5"));
    lt_bundle made, b;
    built rows = build(env, &made, false, PAIRS, v, n - 60, &o);
    id_bytes gone = id_of(GONE);
    lt_writer w;
    lt_reader r;
    lt_fit fit;
    bool found;

    rows.data.n_bases = 2;
    rows.data.base = bases;
    made.model = (lt_model){.algorithm = &lt_blend};
    fine(env, lt_blend.train(env, &rows.data, &o, &made.model, &fit));
    b = copy_of(env, &made);
    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, NULL, NULL, &left, &found));
    w = written(env, &b);
    ok(found && !has_bytes(w.bytes, w.n, &gone, 8), "blend: the id is nowhere, in no model inside");
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &b));
    ok(b.model.part[0].users.n == a->bundle.users.n - 1 && b.model.part[1].users.n == k->bundle.users.n - 1,
       "blend: each has one user less");
    for (int u = 0; u < 5; u++) {
        id_bytes key = id_of(u);
        int32_t at = lt_dictionary_find(&b.users, &key, 8);

        ok(lt_model_array(&b.model, "users 0")->i[at] == lt_dictionary_find(&b.model.part[0].users, &key, 8) &&
               lt_model_array(&b.model, "users 1")->i[at] == lt_dictionary_find(&b.model.part[1].users, &key, 8),
           "blend: user %d is the same person inside", u);
    }
    test_env_drop(env);
}

/* Trained with them and forgotten is trained without them. */
static void equal_case(const lt_algorithm *algorithm, int what, const char *const *list, const char *name)
{
    lt_env *env = test_env();
    event v[MANY], w[MANY];
    int n = events_of(v, true), m = events_of(w, false), left;
    trained *with = train_on(env, algorithm, what, v, n, list), *without = train_on(env, algorithm, what, w, m, list);
    lt_bundle b = copy_of(env, &with->bundle);
    lt_pairs seen = all_seen(env, &with->data), others = all_seen(env, &without->data);
    lt_counted counted = counted_of(env, &with->data, &seen);
    id_bytes gone = id_of(GONE);
    lt_writer got, want;
    bool found;

    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, &seen, &counted, &left, &found));
    ok(found && left == 0, "%s: nothing is left of them", name);
    got = written(env, &b);
    want = written(env, &without->bundle);
    ok(same_bytes(&got, &want), "%s: the bytes of training without them", name);
    got = written_pairs(env, &seen);
    want = written_pairs(env, &others);
    ok(same_bytes(&got, &want), "%s: and those of what users have", name);
    test_env_drop(env);
}

/* Where counts are not sums of what is known of pairs, or are of nobody else, that is said. */
static void test_told(void)
{
    lt_env *env = test_env();
    event v[MANY + 1];
    int n = events_of(v, true), left;
    id_bytes gone = id_of(GONE);
    bool found;
    trained *t = train_on(env, &lt_popular, PAIRS | TIME, v, n, OPTIONS("half_life", "20", "split", "none"));
    lt_bundle b = copy_of(env, &t->bundle);
    lt_pairs seen = all_seen(env, &t->data);
    const double *count = lt_model_array(&b.model, "count")->d, *before = lt_model_array(&t->bundle.model, "count")->d;
    bool less = false, more = false;

    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, &seen, NULL, &left, &found));
    ok(left == LT_LEFT_COUNTS, "counts that age are not made again exactly, which is said");
    for (int i = 0; i < ITEMS; i++) {
        less |= count[i] < before[i];
        more |= count[i] > before[i];
    }
    ok(less && !more, "but they shrink");
    v[n++] = (event){.user = GONE, .item = 500, .label = 1, .weight = 1};
    t = train_on(env, &lt_popular, PAIRS, v, n, OPTIONS("split", "none"));
    b = copy_of(env, &t->bundle);
    seen = all_seen(env, &t->data);
    {
        lt_counted counted = counted_of(env, &t->data, &seen);

        fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, &seen, &counted, &left, &found));
    }
    ok(left == LT_LEFT_ITEMS, "an item that only they had is told");
    b = copy_of(env, &t->bundle);
    fine(env, lt_bundle_forget(env, &b, &gone, 8, 7, 0.1, NULL, NULL, &left, &found));
    ok(left & LT_LEFT_COUNTS, "and where it is not known what users had, that");
    test_env_drop(env);
}

/* What was stored must fit; damage is told. */
static void test_damage(void)
{
    lt_env *env = test_env();
    event v[MANY];
    int n = events_of(v, true), clean = 0, most = 0;
    trained *t = train_on(env, &lt_popular, PAIRS | TIME | WEIGHT, v, n, NULL);
    lt_pairs seen = all_seen(env, &t->data);
    lt_counted counted;
    lt_writer w;

    fine(env, lt_counted_take(env, &t->data, &seen, &counted));
    lt_writer_init(env, &w);
    lt_counted_write(&w, &counted);
    for (size_t cut = 0; cut <= w.n; cut++, most++) {
        lt_counted back;
        lt_reader r;
        lt_status status;

        lt_reader_init(env, &r, w.bytes, cut);
        status = lt_counted_read(&r, &back);
        clean += cut == w.n ? status == LT_OK : status == LT_CORRUPT;
    }
    ok(clean == most, "what is cut short is corrupt, wherever");
    test_env_drop(env);
}

int main(void)
{
    forget_case(&lt_als, PAIRS, OPTIONS("factors", "4", "epochs", "3"));
    forget_case(&lt_als, PAIRS | LABEL | WEIGHT, OPTIONS("factors", "4", "epochs", "3"));
    forget_case(&lt_bpr, PAIRS, OPTIONS("factors", "4", "epochs", "3"));
    forget_case(&lt_ease, PAIRS, NULL);
    forget_case(&lt_item_knn, PAIRS, NULL);
    forget_case(&lt_rp3beta, PAIRS, NULL);
    forget_case(&lt_graph_filter, PAIRS, NULL);
    forget_case(&lt_markov, PAIRS | TIME, NULL);
    forget_case(&lt_content, PAIRS | SIDES, OPTIONS("factors", "4"));
    forget_case(&lt_logistic, PAIRS, OPTIONS("id_features", "both"));
    forget_case(&lt_logistic, PAIRS | SIDES | ROWS, OPTIONS("id_features", "both", "crosses", ""));
    forget_case(&lt_mlp, PAIRS, OPTIONS("hidden", "6", "epochs", "2"));
    forget_case(&lt_mlp, PAIRS | SIDES, OPTIONS("hidden", "6", "epochs", "2", "factors", "3", "crosses", ""));
    forget_case(&lt_user_knn, PAIRS, NULL);
    forget_case(&lt_popular, PAIRS, NULL);
    test_blend();
    equal_case(&lt_popular, PAIRS, OPTIONS("split", "none"), "popularity");
    equal_case(&lt_popular, PAIRS, NULL, "popularity with a part held out");
    equal_case(&lt_popular, PAIRS | WEIGHT, NULL, "popularity by weights");
    equal_case(&lt_popular, PAIRS | TIME, OPTIONS("split", "random"), "popularity with times and trends");
    equal_case(&lt_popular, PAIRS | TIME | WEIGHT, OPTIONS("split", "none", "duplicates", "sum"), "popularity of sums");
    equal_case(&lt_user_knn, PAIRS, OPTIONS("split", "random"), "user_knn");
    equal_case(&lt_user_knn, PAIRS | WEIGHT | TIME, OPTIONS("split", "none"), "user_knn by weights");
    test_told();
    test_damage();
    return done();
}
