/*
 * test_bundle.c: a model version as bytes: round trips, damage, and the names of its columns.
 */
#include "recommend_data.h"

#define SIDES_AND_ROWS (PAIRS | LABEL | ROWS | SIDES)
#define MUTATIONS 5000 /* of each of four bundles */

static lt_bundle bundle_of(lt_env *env, const lt_algorithm *algorithm, int what, int users, int items,
                           const char *const *list)
{
    int n = users * items * 3 / 4;

    return train_on(env, algorithm, what, random_events(env, n, users, items, 11), n, list)->bundle;
}

static lt_writer written(lt_env *env, const lt_bundle *b)
{
    lt_writer w;

    lt_writer_init(env, &w);
    lt_bundle_write(&w, b);
    return w;
}

/* What longtail does with a bundle that reads back: everything that could trip over what is in it. */
typedef struct use {
    int users;
    float margin[64]; /* predicted, of the first users and items */
    double score[64];
    int n, n_scores;
} use;

static lt_status predict_all(lt_env *env, const lt_bundle *b, use *out)
{
    lt_inputs in = {.design = &b->model.design, .row = &b->row_encoder.row, .user = &b->user, .item = &b->item};
    int32_t row[64] = {0}, user[64], item[64];
    lt_examples ex = {.row = row};
    bool pairs = lt_bundle_is_recommender(b);

    for (int u = -1; u < (pairs && b->users.n < 6 ? b->users.n : 6); u++)
        for (int i = -1; i < (pairs && b->items.n < 6 ? b->items.n : 6); i++) {
            user[ex.n] = u;
            item[ex.n++] = i;
        }
    if (pairs) {
        ex.user = user;
        ex.item = item;
    }
    out->n = (int)ex.n;
    return b->model.algorithm->predict(env, &b->model, &in, &ex, out->margin);
}

static lt_status recommend_some(lt_env *env, const lt_recommender *r, use *out)
{
    const lt_bundle *b = r->bundle;

    for (int u = -1; u < 2 && u < b->users.n; u++) {
        for (int m = 0; lt_rerankers[m] != NULL; m++) {
            lt_rerank_stage stage = {.method = lt_rerankers[m], .strength = 0.5};
            lt_request q = {.subject.user = u, .popularity_only = u < 0, .k = 4, .stages = &stage, .n_stages = 1};
            lt_list list;

            if (stage.method->needs_similarity)
                continue;
            LT_TRY(lt_recommend(env, r, &q, &list));
            for (int64_t i = 0; i < list.n && out->n_scores < 64; i++)
                out->score[out->n_scores++] = list.score[i] + list.item[i];
        }
        if (u < 0) /* a stranger with features */
            LT_TRY(b->model.algorithm->score(
                env, &r->scorer,
                &(lt_subject){.user = -1, .features = &b->user_encoder.row, .row = &b->row_encoder.row}, NULL,
                b->items.n < 64 ? b->items.n : 0, out->margin));
    }
    return LT_OK;
}

static lt_status use_bundle(lt_env *env, lt_bundle *b, use *out)
{
    lt_recommender r;
    char name[64];
    int32_t number;

    memset(out, 0, sizeof *out);
    LT_TRY(lt_encoder_begin_row(env, &b->row_encoder));
    LT_TRY(lt_encoder_end_row(env, &b->row_encoder));
    LT_TRY(lt_recommender_init(env, &r, b));
    if (lt_bundle_is_recommender(b)) {
        LT_TRY(lt_encoder_begin_row(env, &b->user_encoder));
        LT_TRY(lt_encoder_end_row(env, &b->user_encoder));
        LT_TRY(recommend_some(env, &r, out));
    }
    LT_TRY(predict_all(env, b, out));
    for (int32_t c = 0; c < b->model.design.dense + b->model.design.sparse && c < 10000; c++)
        if (lt_bundle_column_id(b, c, &number) == LT_ID_OF_NOBODY)
            LT_TRY(lt_bundle_column_name(env, b, c, name, sizeof name));
    return LT_OK;
}

/* ---- round trips ---- */

static void round_trip(lt_env *env, lt_bundle *b, const char *what)
{
    lt_writer w = written(env, b), again;
    lt_reader r;
    lt_bundle back;
    use before, after;

    ok(w.status == LT_OK, "%s: %zu bytes", what, w.n);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &back));
    ok(r.at == w.n, "%s: all bytes are read", what);
    again = written(env, &back);
    ok(again.n == w.n && memcmp(again.bytes, w.bytes, w.n) == 0, "%s: and written alike", what);
    fine(env, use_bundle(env, b, &before));
    fine(env, use_bundle(env, &back, &after));
    ok(memcmp(&before, &after, sizeof before) == 0 && before.n > 1, "%s: predictions and lists are the same bits",
       what);
    ok(back.user_id == b->user_id && back.item_id == b->item_id && back.label_kind == b->label_kind &&
           back.head_share == b->head_share && back.tail_share == b->tail_share &&
           back.popularity_exponent == b->popularity_exponent && strcmp(back.rerank, b->rerank) == 0 &&
           back.rerank_strength == b->rerank_strength,
       "%s: and what it says of serving", what);
}

/* ---- damage ---- */

/* A status a caller can show. */
static bool is_clean(const lt_env *env, lt_status status)
{
    return status == LT_OK || (env->error.status == status && env->error.message[0] != '\0');
}

static bool read_and_use(const uint8_t *bytes, size_t n, lt_status *status, bool *usable)
{
    lt_env *env = test_env();
    uint8_t *exact = malloc(n > 0 ? n : 1); /* so that a byte too far is noticed */
    lt_reader r;
    lt_bundle b;
    use u;
    bool clean;

    env->budget = (size_t)1 << 26;
    memcpy(exact, bytes, n);
    lt_reader_init(env, &r, exact, n);
    *status = lt_bundle_read(&r, &b);
    clean = is_clean(env, *status);
    *usable = false;
    if (*status == LT_OK) {
        lt_status used = use_bundle(env, &b, &u);

        *usable = used == LT_OK;
        clean = clean && is_clean(env, used);
    }
    free(exact);
    test_env_drop(env);
    return clean;
}

static void truncated(const lt_writer *w, const char *what)
{
    bool all = true, usable;
    lt_status status;

    for (size_t n = 0; n < w->n && all; n++)
        all = read_and_use(w->bytes, n, &status, &usable) && status == LT_CORRUPT;
    ok(all, "%s: each of its %zu beginnings is corrupt", what, w->n);
}

static void mutate(lt_random *rng, uint8_t *bytes, size_t n)
{
    static const uint64_t extreme[] = {0,
                                       1,
                                       2,
                                       UINT64_MAX,
                                       INT64_MAX,
                                       INT32_MAX,
                                       UINT64_C(0x7ff0000000000000),
                                       UINT64_C(0x7ff8000000000000),
                                       UINT64_C(0x7fefffffffffffff),
                                       UINT64_C(1) << 62};
    int changes = 1 + (int)lt_random_below(rng, 3);

    for (int c = 0; c < changes; c++) {
        size_t at = (size_t)lt_random_below(rng, (int64_t)n), width = lt_random_below(rng, 2) ? 4 : 8;
        uint64_t v = extreme[lt_random_below(rng, sizeof extreme / sizeof *extreme)];

        switch (lt_random_below(rng, 4)) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << lt_random_below(rng, 8));
            break;
        case 1:
            bytes[at] = (uint8_t)lt_random_next(rng);
            break;
        case 2:
            bytes[at] = (uint8_t)(bytes[at] + (lt_random_below(rng, 2) ? 1 : -1));
            break;
        default:
            memcpy(bytes + at, &v, width < n - at ? width : n - at);
        }
    }
}

static void mutated(const lt_writer *w, const char *what, uint64_t seed)
{
    uint8_t *bytes = malloc(w->n);
    lt_random rng;
    bool clean = true, usable;
    int corrupt = 0, used = 0;
    lt_status status;

    lt_random_seed(&rng, seed);
    for (int i = 0; i < MUTATIONS && clean; i++) {
        memcpy(bytes, w->bytes, w->n);
        mutate(&rng, bytes, w->n);
        clean = read_and_use(bytes, w->n, &status, &usable);
        corrupt += status == LT_CORRUPT;
        used += usable;
    }
    ok(clean, "%s: damaged, it is refused or can be used", what);
    ok(corrupt > MUTATIONS / 20 && used > MUTATIONS / 20, "%s: %d of %d are refused, %d can be used", what, corrupt,
       MUTATIONS, used);
    free(bytes);
}

static void test_stored(void)
{
    static const struct {
        const char *what;
        const lt_algorithm *algorithm;
        int rows;
        int users, items;
        const char *options[14];
    } cases[] = {
        {"a supervised logistic model",
         &lt_logistic,
         LABEL | ROWS,
         12,
         8,
         {"min_count", "1", "validation_fraction", "0"}},
        {"a supervised perceptron", &lt_mlp, LABEL | ROWS, 12, 8, {"hidden", "3", "epochs", "2", "batch_norm", "true"}},
        {"a logistic recommender",
         &lt_logistic,
         SIDES_AND_ROWS,
         8,
         8,
         {"crosses", "", "id_features", "both", "popularity_exponent", "0.25", "rerank", "quota", "rerank_strength",
          "0.5", "head_share", "0.3"}},
        {"a recommending perceptron",
         &lt_mlp,
         SIDES_AND_ROWS,
         8,
         8,
         {"crosses", "", "hidden", "3", "epochs", "2", "embedding", "2", "loss", "squared"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_env *env = test_env();
        lt_bundle b;
        lt_writer w;

        b = bundle_of(env, cases[i].algorithm, cases[i].rows, cases[i].users, cases[i].items, cases[i].options);
        round_trip(env, &b, cases[i].what);
        w = written(env, &b);
        truncated(&w, cases[i].what);
        mutated(&w, cases[i].what, 100 + i);
        test_env_drop(env);
    }
}

/* What a random change seldom hits: parts that are sound but do not fit one another. */
static void refused(lt_env *env, const lt_bundle *b, const char *what)
{
    lt_writer w = written(env, b);
    lt_reader r;
    lt_bundle back;

    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_bundle_read(&r, &back) == LT_CORRUPT, "%s: %s", what, env->error.message);
}

static void test_fit(void)
{
    lt_env *env = test_env();
    const lt_bundle whole =
        bundle_of(env, &lt_logistic, SIDES_AND_ROWS, 8, 8, OPTIONS("crosses", "", "min_count", "1"));
    const lt_bundle bare = bundle_of(env, &lt_logistic, PAIRS | LABEL, 8, 8, NULL);
    double count[8];
    lt_cross nothing = {0};
    lt_bundle b, *nested = calloc(1000, sizeof *nested);

#define DAMAGED(from, what, ...)                                                                                       \
    do {                                                                                                               \
        b = from;                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        refused(env, &b, what);                                                                                        \
    } while (0)
    DAMAGED(whole, "an item more than there are rows", b.item.n--);
    DAMAGED(whole, "users' features of another encoder", b.user_encoder = whole.item_encoder);
    DAMAGED(whole, "no rows' features", b.row_encoder = bare.row_encoder);
    DAMAGED(whole, "users of another model", b.users = (lt_dictionary){.start = bare.users.start});
    DAMAGED(whole, "the weights of another design", b.model.design.users++);
    DAMAGED(whole, "a user's id of no kind", b.user_id = LT_ID_UUID + 1);
    DAMAGED(whole, "ids that are no uuids", b.item_id = LT_ID_UUID);
    DAMAGED(whole, "an exponent below 0", b.popularity_exponent = -1);
    DAMAGED(whole, "an exponent that is none", b.popularity_exponent = NAN);
    DAMAGED(whole, "a strength that is none", b.rerank_strength = NAN);
    DAMAGED(whole, "a strength below 0", b.rerank_strength = -0.5);
    DAMAGED(whole, "a share above 1", b.head_share = 1.5);
    DAMAGED(whole, "a method that is unknown", b.rerank = "shuffle");
    memset(count, 0, sizeof count);
    count[3] = -1;
    DAMAGED(whole, "an item's count below 0", b.item_count = count);
    count[3] = INFINITY;
    DAMAGED(whole, "a count without end", b.item_count = count);
    for (int depth = 0; depth < 1000; depth++) {
        nested[depth] = bare;
        nested[depth].model.n_parts = depth > 0;
        nested[depth].model.part = nested + (depth > 0 ? depth - 1 : 0);
    }
    DAMAGED(nested[999], "a model within a model within a model", );
    ok(strstr(env->error.message, "too deep") != NULL, "before the stack is at its end");
    DAMAGED(bare, "a cross of sides without columns", b.model.design.n_crosses = 1; b.model.design.cross = &nothing);
    free(nested);
    test_env_drop(env);
}

/* ---- pairs ---- */

static bool read_pairs(const uint8_t *bytes, size_t n, lt_status *status)
{
    lt_env *env = test_env();
    uint8_t *exact = malloc(n > 0 ? n : 1);
    lt_reader r;
    lt_pairs p;
    int64_t sum = 0;
    bool clean;

    env->budget = (size_t)1 << 26;
    memcpy(exact, bytes, n);
    lt_reader_init(env, &r, exact, n);
    *status = lt_pairs_read(&r, &p);
    clean = is_clean(env, *status) && (*status == LT_OK || *status == LT_CORRUPT || *status == LT_NO_MEMORY);
    for (int32_t row = 0; *status == LT_OK && row < p.rows; row++)
        for (int64_t k = p.start[row]; k < p.start[row + 1]; k++)
            sum += p.col[k] < p.cols && lt_pairs_has(&p, row, p.col[k]);
    clean = clean && (*status != LT_OK || sum == p.start[p.rows]);
    free(exact);
    test_env_drop(env);
    return clean;
}

static void test_pairs(void)
{
    int64_t start[] = {0, 2, 2, 5, 6}, none[] = {0};
    int32_t col[] = {1, 4, 0, 2, 4, 3}, twice[] = {1, 4, 0, 2, 2, 3}, down[] = {4, 1, 0, 2, 4, 3};
    lt_env *env = test_env();
    lt_pairs p = {.rows = 4, .cols = 5, .start = start, .col = col}, back;
    lt_writer w;
    lt_reader r;
    uint8_t *bytes;
    lt_random rng;
    lt_status status;
    bool clean = true;
    int corrupt = 0;

    lt_writer_init(env, &w);
    lt_pairs_write(&w, &p);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_pairs_read(&r, &back));
    ok(r.at == w.n && back.rows == 4 && back.cols == 5 && memcmp(back.start, start, sizeof start) == 0 &&
           memcmp(back.col, col, sizeof col) == 0 && back.val == NULL,
       "pairs come back");
    for (size_t n = 0; n < w.n; n++)
        clean = clean && read_pairs(w.bytes, n, &status) && status == LT_CORRUPT;
    ok(clean, "each of their beginnings is corrupt");
    bytes = malloc(w.n);
    lt_random_seed(&rng, 5);
    for (int i = 0; i < 20000 && clean; i++) {
        memcpy(bytes, w.bytes, w.n);
        mutate(&rng, bytes, w.n);
        clean = read_pairs(bytes, w.n, &status);
        corrupt += status == LT_CORRUPT;
    }
    free(bytes);
    ok(clean && corrupt > 10000, "damaged, they are refused (%d of 20000) or hold together", corrupt);

    p.col = twice;
    lt_writer_init(env, &w);
    lt_pairs_write(&w, &p);
    ok(read_pairs(w.bytes, w.n, &status) && status == LT_CORRUPT, "an item twice in a row is refused");
    p.col = down;
    lt_writer_init(env, &w);
    lt_pairs_write(&w, &p);
    ok(read_pairs(w.bytes, w.n, &status) && status == LT_CORRUPT, "items that do not ascend are refused");
    p = (lt_pairs){.start = none};
    lt_writer_init(env, &w);
    lt_pairs_write(&w, &p);
    ok(read_pairs(w.bytes, w.n, &status) && status == LT_OK, "no rows are fine");
    test_env_drop(env);
}

/* ---- names ---- */

static const char *name_of(lt_env *env, const lt_bundle *b, int32_t column)
{
    static char name[512];
    int32_t number;

    switch (lt_bundle_column_id(b, column, &number)) {
    case LT_ID_OF_USER:
        snprintf(name, sizeof name, "user %d", number_in(&b->users, number));
        break;
    case LT_ID_OF_ITEM:
        snprintf(name, sizeof name, "item %d", number_in(&b->items, number));
        break;
    case LT_ID_OF_NOBODY:
        if (lt_bundle_column_name(env, b, column, name, sizeof name) != LT_OK)
            return env->error.message;
    }
    return name;
}

static void test_names(void)
{
    static const char *const want[] = {
        /* dense: row, user, item */
        "paid",
        "age",
        "member",
        "price",
        "look[1]",
        "look[2]",
        "since sin(day of week)",
        "since cos(day of week)",
        "since sin(day of year)",
        "since cos(day of year)",
        "shown sin(hour)",
        "shown cos(hour)",
        "shown sin(day of week)",
        "shown cos(day of week)",
        "shown sin(day of year)",
        "shown cos(day of year)",
        /* sparse: row, user, item */
        "colour=colour0",
        "colour=colour1",
        "colour=colour2",
        "colour=colour3",
        "colour=colour4",
        "age is null",
        "country=land0",
        "country=land1",
        "country=land2",
        "category=kind0",
        "category=kind1",
        "category=kind2",
        "tags=tag0",
        "tags=tag1",
        "tags=tag2",
        /* ids */
        "user 0",
        "user 1",
        "user 2",
        "user 3",
        "item 0",
        "item 1",
        "item 2",
        /* country x category, age x price */
        "country=land0 x category=kind0",
        "country=land0 x category=kind1",
        "country=land0 x category=kind2",
        "country=land1 x category=kind0",
        "country=land1 x category=kind1",
        "country=land1 x category=kind2",
        "country=land2 x category=kind0",
        "country=land2 x category=kind1",
        "country=land2 x category=kind2",
        "age x price",
        "age is null x price",
    };
    const int32_t n = sizeof want / sizeof *want;
    lt_env *env = test_env();
    event v[12];
    lt_bundle b;
    lt_options o = options_of(env, &lt_logistic, OPTIONS("crosses", "", "id_features", "both", "min_count", "1"));
    built rows;
    char name[64];

    for (int i = 0; i < 12; i++)
        v[i] = (event){.user = i % 4, .item = i / 4, .label = i % 2, .price = i, .colour = i % 5};
    rows = build(env, &b, false, SIDES_AND_ROWS, v, 12, &o);
    ok(rows.status == LT_OK && b.model.design.dense + b.model.design.sparse == n, "%d columns", (int)n);
    for (int32_t c = 0; c < n; c++)
        if (!ok(strcmp(name_of(env, &b, c), want[c]) == 0, "column %d is %s", (int)c, want[c]))
            printf("# got %s\n", name_of(env, &b, c));
    ok(lt_bundle_column_name(env, &b, n, name, sizeof name) == LT_CORRUPT, "beyond the last: %s", env->error.message);
    ok(lt_bundle_column_name(env, &b, 31, name, sizeof name) == LT_CORRUPT, "an id's column is no feature's");
    test_env_drop(env);
}

/* Both sides' keys are 60 two-byte characters: a name that is cut is cut between them. */
static void test_cut_names(void)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, NULL);
    static const char *const pair[] = {"color", "color"};
    lt_encoder *side[2];
    lt_bundle b;
    lt_table *table[2];
    char key[120], name[200], full[300];
    bool whole = true;

    for (int i = 0; i < 120; i += 2)
        memcpy(key + i, "\xc3\xa9", 2);
    fine(env, lt_options_set_names(env, &o, "crosses", pair, 2));
    fine(env, lt_bundle_init(env, &b, &o));
    b.user_id = b.item_id = LT_ID_TEXT;
    side[0] = &b.user_encoder;
    side[1] = &b.item_encoder;
    table[0] = &b.user;
    table[1] = &b.item;
    for (int s = 0; s < 2; s++) {
        fine(env, lt_encoder_add(env, side[s], "color", LT_CATEGORY));
        for (int i = 0; i < 2; i++) {
            lt_encoder_begin_row(env, side[s]);
            lt_encode_token(env, side[s], 0, key, sizeof key);
            lt_encoder_end_row(env, side[s]);
        }
        fine(env, lt_encoder_finish(env, side[s], 1, true, NULL, 0, table[s]));
    }
    fine(env, lt_bundle_design(env, &b, &o, &b.model.design));
    fine(env, lt_bundle_column_name(env, &b, 2, full, sizeof full));
    ok(strlen(full) == 2 * (6 + 120) + 3 && strncmp(full, "color=\xc3\xa9", 8) == 0, "a long name in full");
    for (size_t size = 16; size <= sizeof name; size++) {
        size_t n;

        whole = whole && lt_bundle_column_name(env, &b, 2, name, size) == LT_OK && strlen(name) < size;
        n = strlen(name);
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)name[i] == 0xc3)
                whole = whole && (unsigned char)name[i + 1] == 0xa9;
        whole = whole && strstr(name, " x c") != NULL;
    }
    ok(whole, "names cut to 16 to 200 bytes end at a character, and name both sides");
    test_env_drop(env);
}

static void test_crosses(void)
{
    static const char *const lists[][2] = {
        {"country", "age"}, {"nothing", "price"}, {"price", "nothing"}, {"tags", "category"}, {"category", "country"}};
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none", "min_count", "1"));
    event *v = random_events(env, 30, 8, 6, 1);
    lt_design d;
    lt_bundle b;

    build(env, &b, false, SIDES_AND_ROWS, v, 30, &o);
    for (int i = 0; i < 4; i++) {
        lt_options_set_names(env, &o, "crosses", lists[i], 2);
        ok(lt_bundle_design(env, &b, &o, &d) == LT_INVALID && env->error.hint[0] != '\0', "%s", env->error.message);
    }
    lt_options_set_names(env, &o, "crosses", lists[4], 2);
    fine(env, lt_bundle_design(env, &b, &o, &d));
    b.user_encoder.feature[2].name = "category"; /* a name on both sides, in the order that needs a second look */
    fine(env, lt_bundle_design(env, &b, &o, &d));
    ok(d.cross[0].user_sparse_count == 3 && d.cross[0].item_sparse_count == 4, "it is the pair that can be crossed");
    test_env_drop(env);
}

int main(void)
{
    test_stored();
    test_fit();
    test_pairs();
    test_names();
    test_cut_names();
    test_crosses();
    return done();
}
