/*
 * fuzz_bundle.c: a version's stored bytes read, prepared, and asked everything that a served version is asked; behind
 * them the bytes of what its users have.
 *
 * Whoever may import a model chooses these bytes.  What reads must serve: no number of it may lead out of an array.
 */
#include "batch.h"
#include "forget.h"
#include "fuzz.h"
#include "recommend.h"

#define SOME 6      /* users and items that are tried */
#define MOST 100000 /* items beyond which a catalogue is only prepared */

static void check_list(const lt_bundle *b, const lt_list *list, int64_t k)
{
    must(list->n >= 0 && list->n <= k && list->n <= b->items.n);
    for (int64_t i = 0; i < list->n; i++) {
        must(list->item[i] >= 0 && list->item[i] < b->items.n);
        for (int64_t j = 0; j < i; j++)
            must(list->item[i] != list->item[j]);
    }
}

static void explain(lt_env *env, const lt_recommender *r, const lt_subject *subject, const lt_inputs *in,
                    const lt_examples *one)
{
    const lt_algorithm *a = r->bundle->model.algorithm;
    const lt_design *d = &r->bundle->model.design;
    int64_t columns = (int64_t)d->dense + d->sparse;
    double *contribution;

    if (a->explain != NULL &&
        fuzz_fine(env, lt_alloc(env, &contribution, (size_t)columns + 3, sizeof *contribution, "contributions")))
        fuzz_fine(env, a->explain(env, &r->bundle->model, in, one, contribution));
    if (a->explain_history != NULL && subject != NULL &&
        fuzz_fine(env,
                  lt_alloc(env, &contribution, (size_t)subject->n_history + 1, sizeof *contribution, "contributions")))
        fuzz_fine(env, a->explain_history(env, &r->scorer, subject, 0, contribution));
}

static void predict(lt_env *env, const lt_recommender *r)
{
    const lt_bundle *b = r->bundle;
    lt_inputs in = {.design = &b->model.design,
                    .row = &b->row_encoder.row,
                    .user = &b->user,
                    .item = &b->item,
                    .stranger = &b->user_encoder.row};
    int32_t row[(SOME + 1) * (SOME + 1)] = {0}, user[(SOME + 1) * (SOME + 1)], item[(SOME + 1) * (SOME + 1)];
    float margin[(SOME + 1) * (SOME + 1)];
    lt_examples ex = {.row = row}, one = {.n = 1, .row = row};

    if (!lt_bundle_is_recommender(b)) {
        ex.n = 2;
    } else {
        for (int u = -1; u < SOME && u < b->users.n; u++)
            for (int i = -1; i < SOME && i < b->items.n; i++) {
                user[ex.n] = u;
                item[ex.n++] = i;
            }
        ex.user = user;
        ex.item = item;
        one.user = user + ex.n - 1;
        one.item = item + ex.n - 1;
    }
    if (b->model.algorithm->predict != NULL)
        fuzz_fine(env, b->model.algorithm->predict(env, &b->model, &in, &ex, margin));
    explain(env, r, NULL, &in, &one);
}

static void recommend(lt_env *env, const lt_recommender *r, const lt_subject *subject)
{
    const lt_bundle *b = r->bundle;
    const lt_algorithm *a = b->model.algorithm;
    lt_inputs in = {.design = &b->model.design, .row = &b->row_encoder.row, .user = &b->user, .item = &b->item};
    int32_t row = 0, user = subject->user, first = 0, items[SOME];
    lt_examples one = {.n = 1, .row = &row, .user = &user, .item = &first};
    int64_t n = b->items.n < SOME ? b->items.n : SOME;
    float margin[SOME], value;
    bool popular;

    for (int m = -1; m < 0 || lt_rerankers[m] != NULL; m++) {
        lt_rerank_stage stage = {.method = m < 0 ? lt_reranker_find(b->rerank) : lt_rerankers[m],
                                 .strength = m < 0 ? b->rerank_strength : 0.5};
        lt_request q = {.subject = *subject,
                        .popularity_only = !lt_recommender_knows(r, subject),
                        .k = 4,
                        .adjust = r->own,
                        .left_out = subject->history,
                        .n_left_out = subject->n_history,
                        .stages = &stage,
                        .n_stages = 1};
        lt_list list;

        if (!stage.method->needs_similarity && fuzz_fine(env, lt_recommend(env, r, &q, &list)))
            check_list(b, &list, 4);
    }
    for (int i = 0; i < n; i++)
        items[i] = (int32_t)(b->items.n - 1 - i);
    if (lt_recommender_knows(r, subject) || a->same_for_all)
        fuzz_fine(env, a->score(env, &r->scorer, subject, items, n, margin));
    for (int32_t i = -1; i < 2 && i < b->items.n; i++)
        fuzz_fine(env, lt_score_item(env, r, subject, i, &value, &popular));
    if (b->items.n > 0)
        explain(env, r, subject, &in, &one);
}

static void all_lists(lt_env *env, const lt_recommender *r, const lt_pairs *seen)
{
    lt_rerank_stage stage = {.method = lt_reranker_find("none")};
    lt_batch_request request = {.how = {.k = 3, .adjust = r->own, .stages = &stage, .n_stages = 1},
                                .histories = seen,
                                .excludes_history = true};
    lt_batch_lists lists;

    if (r->bundle->users.n == 0 || r->bundle->items.n == 0 ||
        !fuzz_fine(env, lt_batch_init(env, &lists, r, &request, true)))
        return;
    if (!fuzz_fine(env, lt_batch_run(env, &lists, 0, r->bundle->users.n < SOME ? r->bundle->users.n : SOME)))
        return;
    for (int32_t u = 0; u < lists.n; u++)
        for (int64_t i = 0; i < lists.length[u]; i++)
            must(lists.item[u * lists.places + i] >= 0 && lists.item[u * lists.places + i] < r->bundle->items.n);
}

static void of_items(lt_env *env, const lt_recommender *r)
{
    const lt_bundle *b = r->bundle;
    int32_t items[3] = {0, -1, b->items.n - 1};
    lt_table vectors;
    lt_list list;

    if (b->items.n == 0)
        return;
    for (int by = LT_VECTORS_AUTO; by <= LT_VECTORS_FEATURES; by++)
        fuzz_fine(env, lt_item_vectors(env, r, (lt_vectors_by)by, items, 3, &vectors));
    if (fuzz_fine(env, lt_similar(env, r, 0, 3, &list)))
        check_list(b, &list, 3);
}

static void use_names(lt_env *env, const lt_bundle *b)
{
    char name[64];
    int32_t number;

    for (int64_t c = 0; c < (int64_t)b->model.design.dense + b->model.design.sparse && c < 1000; c++)
        if (lt_bundle_column_id(b, (int32_t)c, &number) == LT_ID_OF_NOBODY)
            fuzz_fine(env, lt_bundle_column_name(env, b, (int32_t)c, name, sizeof name));
        else
            must(number >= 0);
}

/* What refresh does: somebody and something new. */
static void grow(lt_env *env, lt_bundle *b)
{
    lt_table_builder users = lt_table_reopen(&b->user), items = lt_table_reopen(&b->item);
    static const char id[] = "of nobody so far";
    int64_t bytes = b->user_id == LT_ID_INTEGER ? 8 : 16, item_bytes = b->item_id == LT_ID_INTEGER ? 8 : 16;
    int32_t u, i;

    if (!lt_bundle_is_recommender(b) || b->user.n != b->users.n || b->item.n != b->items.n ||
        !fuzz_fine(env, lt_dictionary_add(env, &b->users, id, bytes, 0, &u)) ||
        !fuzz_fine(env, lt_dictionary_add(env, &b->items, id, item_bytes, 0, &i)) || u + 1 != b->users.n ||
        i + 1 != b->items.n || u != b->user.n || i != b->item.n)
        return;
    if (!fuzz_fine(env, lt_table_append(env, &users, &b->user_encoder.row)) ||
        !fuzz_fine(env, lt_table_append(env, &items, &b->item_encoder.row)))
        return;
    b->user = users.t;
    b->item = items.t;
    fuzz_fine(env, lt_bundle_grow(env, b));
}

/* Somebody leaves, whom one looks for in vain afterwards. */
static void forget(lt_env *env, lt_bundle *b, lt_pairs *seen, lt_counted *counted)
{
    int64_t length;
    char key[256];
    bool found;
    int left;

    if (b->users.n == 0)
        return;
    lt_dictionary_key(&b->users, b->users.n / 2, &length);
    if (length > (int64_t)sizeof key)
        return;
    memcpy(key, lt_dictionary_key(&b->users, b->users.n / 2, &length), (size_t)length);
    if (fuzz_fine(env, lt_bundle_forget(env, b, key, length, 7, 0.1, seen, counted, &left, &found)))
        must(found && lt_dictionary_find(&b->users, key, length) < 0);
}

/* What was read is written and read again. */
static void again(lt_env *env, const lt_bundle *b)
{
    lt_writer w;
    lt_reader r;
    lt_bundle back;

    lt_writer_init(env, &w);
    lt_bundle_write(&w, b);
    if (!fuzz_fine(env, w.status))
        return;
    lt_reader_init(env, &r, w.bytes, w.n);
    if (lt_bundle_read(&r, &back) != LT_OK) {
        fprintf(stderr, "%s: %s\n", env->error.message, env->error.detail);
        must(env->error.status == LT_NO_MEMORY);
        env->error = (lt_error){0};
    }
}

static void serve(lt_env *env, lt_bundle *b, const lt_pairs *seen)
{
    lt_recommender r;

    if (!fuzz_fine(env, lt_encoder_begin_row(env, &b->row_encoder)) ||
        !fuzz_fine(env, lt_encoder_end_row(env, &b->row_encoder)) || !fuzz_fine(env, lt_recommender_init(env, &r, b)))
        return;
    use_names(env, b);
    if (lt_bundle_is_recommender(b)) {
        if (!fuzz_fine(env, lt_encoder_begin_row(env, &b->user_encoder)) ||
            !fuzz_fine(env, lt_encoder_end_row(env, &b->user_encoder)) ||
            !fuzz_fine(env, lt_encoder_begin_row(env, &b->item_encoder)) ||
            !fuzz_fine(env, lt_encoder_end_row(env, &b->item_encoder)))
            return;
        if (b->items.n > MOST)
            return;
        for (int u = -1; u < 3 && u < b->users.n; u++) {
            lt_subject subject = {.user = u, .features = u < 0 ? &b->user_encoder.row : NULL};

            recommend(env, &r, &subject);
            if (u >= 0 && seen != NULL)
                lt_subject_take_history(&subject, seen, u);
            recommend(env, &r, &subject);
        }
        of_items(env, &r);
        if (seen != NULL)
            all_lists(env, &r, seen);
    }
    predict(env, &r);
}

static void use(lt_env *env, lt_bundle *b, lt_pairs *seen, lt_counted *counted)
{
    serve(env, b, seen);
    again(env, b);
    forget(env, b, seen, counted);
    again(env, b);
    serve(env, b, seen);
    grow(env, b);
    again(env, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    lt_env *env = fuzz_env();
    lt_reader r;
    lt_bundle b;
    lt_pairs seen;
    lt_counted counted;

    lt_reader_init(env, &r, bytes, n);
    if (fuzz_fine(env, lt_bundle_read(&r, &b))) {
        bool has = lt_bundle_is_recommender(&b) && fuzz_fine(env, lt_pairs_read(&r, &seen)) && seen.rows == b.users.n &&
                   seen.cols == b.items.n;
        bool counts = has && fuzz_fine(env, lt_counted_read(&r, &counted));

        use(env, &b, has ? &seen : NULL, counts ? &counted : NULL);
    }
    test_env_drop(env);
    return 0;
}
