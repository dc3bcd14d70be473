/*
 * seeds.c: writes the corpora: seeds DIRECTORY fills DIRECTORY/archive, bundle, encoder, image, option and rerank.
 *
 * What fuzzing found stands beside these, under names that say what it was.
 */
#include "archive.h"
#include "forget.h"
#include "recommend_data.h"

#include <errno.h>

#define USERS 5
#define ITEMS 6
#define EVENTS 18

static const char *directory;

static void save(const char *target, const char *name, const void *bytes, size_t n)
{
    char path[1000];
    FILE *out;

    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    out = fopen(path, "wb");
    if (out == NULL || fwrite(bytes, 1, n, out) != n || fclose(out) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}

/* n bytes behind what is there: for targets whose input is not a form of ours, or not all of it. */
static void add_noise(lt_writer *w, uint64_t seed, int n)
{
    lt_random r;

    lt_random_seed(&r, seed);
    for (int i = 0; i < n; i++)
        lt_write_u8(w, (uint8_t)lt_random_next(&r));
}

static void save_noise(lt_env *env, const char *target, int n)
{
    char name[40];
    lt_writer w;

    for (int i = 0; i < 6; i++) {
        lt_writer_init(env, &w);
        add_noise(&w, (uint64_t)i, n * (i + 1) / 6);
        snprintf(name, sizeof name, "noise%d", i);
        save(target, name, w.bytes, w.n);
    }
}

static void save_version(lt_env *env, const char *name, const lt_bundle *b, const lt_dataset *d)
{
    lt_counted counted;
    lt_pairs had;
    lt_writer w;

    lt_writer_init(env, &w);
    lt_bundle_write(&w, b);
    if (lt_bundle_is_recommender(b)) {
        fine(env, lt_builder_all_seen(env, d, &had));
        lt_pairs_write(&w, &had);
        fine(env, lt_counted_take(env, d, &had, &counted));
        lt_counted_write(&w, &counted);
    }
    save("bundle", name, w.bytes, w.n);
}

static void save_encoder(lt_env *env, const char *name, const lt_encoder *e)
{
    lt_writer w;

    lt_writer_init(env, &w);
    lt_encoder_write(&w, e);
    add_noise(&w, 1, 400);
    save("encoder", name, w.bytes, w.n);
}

static void text_encoder(lt_env *env)
{
    static const char text[] = "A quiet lamp of brass, with a quiet lamp's shade";
    lt_encoder e;
    lt_table rows;

    fine(env, lt_encoder_init(env, &e));
    fine(env, lt_encoder_add_text(env, &e, "title", 16));
    for (int i = 0; i < 4; i++) {
        fine(env, lt_encoder_begin_row(env, &e));
        if (i > 0)
            fine(env, lt_encode_text(env, &e, 0, text, 10 + 9 * i));
        fine(env, lt_encoder_end_row(env, &e));
    }
    fine(env, lt_encoder_finish(env, &e, 1, true, NULL, 0, &rows));
    save_encoder(env, "text", &e);
}

static void blend(lt_env *env)
{
    event *v = random_events(env, EVENTS, USERS, ITEMS, 4);
    const lt_algorithm *blend = lt_algorithm_find("blend");
    trained *one = train_on(env, lt_algorithm_find("als"), PAIRS, v, EVENTS, OPTIONS("factors", "2"));
    trained *two = train_on(env, lt_algorithm_find("item_knn"), PAIRS, v, EVENTS, NULL);
    const lt_bundle *bases[2] = {&one->bundle, &two->bundle};
    lt_options o = options_of(env, blend, OPTIONS("weight", "0.3"));
    lt_bundle b;
    lt_fit fit;
    built rows;

    rows = build(env, &b, false, PAIRS, v, EVENTS, &o);
    rows.data.n_bases = 2;
    rows.data.base = bases;
    b.model = (lt_model){.algorithm = blend};
    fine(env, blend->train(env, &rows.data, &o, &b.model, &fit));
    save_version(env, "blend", &b, &rows.data);
}

static void archive(lt_env *env)
{
    lt_epoch log[] = {
        {.epoch = 1, .train_loss = 0.5, .validation_loss = NAN, .validation_metric = 0.25, .seconds = 0.1},
        {.epoch = 2, .train_loss = 0.4, .validation_loss = 0.5, .validation_metric = NAN, .seconds = 0.2}};
    lt_archive_trial trial = {"als", "{\"factors\": 2}", "", 0.3, NAN, 2, 0.1, true};
    lt_archive a = {.release = "0.2.0",
                    .encoding = "UTF8",
                    .model = "shop",
                    .version = 3,
                    .source = {"public", "sold"},
                    .user_features = {"", ""},
                    .item_features = {"public", "item"},
                    .has_item_features = true,
                    .user_column = "u",
                    .item_column = "i",
                    .label_column = "",
                    .weight_column = "",
                    .time_column = "at",
                    .algorithm = "als",
                    .options = "{}",
                    .definition_algorithm = "auto",
                    .definition_options = "{}",
                    .rows = 10,
                    .users = 3,
                    .items = 4,
                    .metric = "ndcg",
                    .metric_value = 0.3,
                    .active_value = NAN,
                    .n_log = 2,
                    .log = log,
                    .n_trials = 1,
                    .trial = &trial,
                    .n_parts = 2,
                    .part = {{"model", "bytes of the model", 18}, {"seen", "bytes of pairs", 14}}};
    lt_writer w;

    lt_writer_init(env, &w);
    lt_archive_write(&w, &a);
    save("archive", "recommender", w.bytes, w.n);
    a.n_log = a.n_trials = a.n_parts = 0;
    a.users = -1;
    lt_writer_init(env, &w);
    lt_archive_write(&w, &a);
    save("archive", "bare", w.bytes, w.n);
}

static void save_rest(lt_env *env)
{
    text_encoder(env);
    blend(env);
    archive(env);
    save_noise(env, "image", 60);
    save_noise(env, "option", 300);
    save_noise(env, "rerank", 900);
    test_env_drop(env);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *file, *algorithm;
        int what;
        const char *options[9];
    } cases[] = {
        {"logistic",
         "logistic",
         PAIRS | LABEL | ROWS | SIDES,
         {"crosses", "", "id_features", "both", "min_count", "1"}},
        {"logistic_rows", "logistic", LABEL | ROWS, {"min_count", "1"}},
        {"mlp", "mlp", PAIRS | LABEL | ROWS | SIDES, {"hidden", "3", "epochs", "1", "batch_norm", "true"}},
        {"mlp_product", "mlp", PAIRS, {"factors", "2", "epochs", "1", "hidden", "2"}},
        {"mlp_rows", "mlp", LABEL | ROWS, {"hidden", "3", "epochs", "1"}},
        {"ease", "ease", PAIRS | WEIGHT, {NULL}},
        {"ease_sparse", "ease", PAIRS, {"neighbors", "2"}},
        {"rp3beta", "rp3beta", PAIRS, {NULL}},
        {"item_knn", "item_knn", PAIRS, {NULL}},
        {"graph_filter", "graph_filter", PAIRS, {NULL}},
        {"als", "als", PAIRS | WEIGHT, {"factors", "2"}},
        {"als_ratings", "als", PAIRS | LABEL, {"factors", "2"}},
        {"bpr", "bpr", PAIRS, {"factors", "2", "epochs", "1"}},
        {"popularity", "popularity", PAIRS | TIME, {"trend_exponent", "0.3"}},
        {"user_knn", "user_knn", PAIRS | WEIGHT, {NULL}},
        {"markov", "markov", PAIRS | TIME, {NULL}},
        {"content", "content", PAIRS | SIDES, {"min_count", "1"}},
    };

    directory = argv[argc - 1];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        lt_env *env = test_env();
        event *v = random_events(env, EVENTS, USERS, ITEMS, 9 + c);
        trained *t = train_on(env, lt_algorithm_find(cases[c].algorithm), cases[c].what, v, EVENTS, cases[c].options);

        if (cases[c].what & TIME)
            fine(env, lt_bundle_take_trend(env, &t->bundle, &t->data.seen, 10, 0.1));
        save_version(env, cases[c].file, &t->bundle, &t->data);
        if (c == 0) {
            save_encoder(env, "row", &t->bundle.row_encoder);
            save_encoder(env, "item", &t->bundle.item_encoder);
        }
        test_env_drop(env);
    }
    save_rest(test_env());
    return done();
}
