/*
 * test_drift.c: bins of features, the population stability index by hand and on resampled data: how often unchanged
 * data passes its thresholds, how often changed data does not; the profile of a training.
 */
#include "drift.h"
#include "profile.h"
#include "random.h"
#include "tap.h"

#define ALPHA 0.001

/* ---- by hand ---- */

static void test_index(lt_env *env)
{
    static const double share[] = {0.5, 0.3, 0.2, 0}, same[] = {50, 30, 20, 0}, other[] = {20, 30, 50, 0};
    double got;

    (void)env;
    near(lt_drift_index(share, 1000, same, 100, 4), 0, 1e-15, "the same shares: 0");
    got = lt_drift_index(share, 1000000000, (const double[]){2e8, 3e8, 5e8, 0}, 1e9, 4);
    near(got, (0.2 - 0.5) * log(0.2 / 0.5) + (0.5 - 0.2) * log(0.5 / 0.2), 1e-6, "by hand");
    ok(lt_drift_index(share, 1000, other, 100, 4) < got, "few rows are pulled towards what there was");
    ok(isfinite(lt_drift_index(share, 1000, (const double[]){0, 0, 0, 100}, 100, 4)), "finite for what never was");
    ok(lt_drift_most(share, 1000, (const double[]){50, 30, 10, 10}, 100, 4) == 3, "what never was is most of it");
    near(lt_drift_index(share, 1000, (const double[]){0, 0, 0, 0}, 0, 4), 0, 1e-12, "no rows say nothing");
    near(lt_drift_mean(share, 1000, 100, 4), 2 * (1.0 / 100 + 1.0 / 1000), 1e-15, "an empty bin has no chance");
    /* chi-squared with 2 degrees of freedom: 13.816 at 0.001, 9.210 at 0.01 (scipy 1.10) */
    near(lt_drift_chance(share, 1000, 100, 4, 0.001), 13.816 * 0.011, 0.03 * 13.816 * 0.011,
         "what chance exceeds once in 1000");
    near(lt_drift_chance(share, 1000, 100, 4, 0.01), 9.210 * 0.011, 0.01 * 9.210 * 0.011, "and once in 100");
}

static void test_cuts(lt_env *env)
{
    double value[100], mixed[100], one[7] = {5, 5, 5, 5, 5, 5, 5};
    lt_drift d;

    for (int i = 0; i < 100; i++) {
        value[i] = 99 - i;
        mixed[i] = i < 60 ? 0 : i < 80 ? NAN : i;
    }
    fine(env, lt_drift_take_numbers(env, value, 100, &d));
    ok(d.n_cut == 9 && d.bins == 11 && d.cut[0] == 10 && d.cut[8] == 90, "tenths");
    ok(lt_drift_bin(&d, 9.9) == 0 && lt_drift_bin(&d, 10) == 1 && lt_drift_bin(&d, 1e9) == 9, "bins begin at cuts");
    ok(lt_drift_bin(&d, NAN) == 10, "NULL is the last");
    near(d.share[0], 0.1, 1e-12, "a tenth of the rows");
    near(d.share[10], 0, 0, "no NULL");

    fine(env, lt_drift_take_numbers(env, mixed, 100, &d));
    ok(lt_drift_bin(&d, 0) != lt_drift_bin(&d, 1e-300) && lt_drift_bin(&d, 0) != lt_drift_bin(&d, -1e-300),
       "a frequent value has a bin of its own");
    near(d.share[lt_drift_bin(&d, 0)], 0.6, 1e-12, "with its share");
    near(d.share[d.bins - 1], 0.2, 1e-12, "NULLs' share is of all rows");

    fine(env, lt_drift_take_numbers(env, one, 7, &d));
    ok(d.bins == 4 && lt_drift_bin(&d, 5) == 1 && lt_drift_bin(&d, 4) == 0 && lt_drift_bin(&d, 6) == 2, "a constant");
    fine(env, lt_drift_take_numbers(env, one, 0, &d));
    ok(d.bins == 2 && d.share[0] == 0, "nothing at all");
}

/* ---- features ---- */

enum { PRICE, COUNTRY, TAGS, VECTOR, TEXT, WHEN, FEATURES };

/* Row i of some distribution: shift moves prices, country shares and the vector. */
static void encode(lt_env *env, lt_encoder *e, lt_random *rng, double shift, bool nulls)
{
    static const char *const countries[] = {"Austria", "Chile", "Iceland", "Kenya", "Samoa"};
    double vector[3] = {lt_random_normal(rng) + 3 * shift, lt_random_normal(rng) + shift, lt_random_normal(rng)};
    int words = (int)lt_random_below(rng, 5) + (shift > 0 ? 8 : 0);
    char text[200] = "";

    lt_encoder_begin_row(env, e);
    if (!nulls || lt_random_uniform(rng) < 0.5)
        lt_encode_number(env, e, PRICE, exp(lt_random_normal(rng)) + shift);
    {
        const char *c = countries[(int)(5 * pow(lt_random_uniform(rng), shift > 0 ? 0.5 : 1.5))];

        lt_encode_token(env, e, COUNTRY, c, (int64_t)strlen(c));
    }
    for (int i = 0; i < 2; i++) {
        char tag[4] = {'a' + (char)lt_random_below(rng, shift > 0 ? 3 : 12), '\0'};

        lt_encode_token(env, e, TAGS, tag, 1);
    }
    lt_encode_vector(env, e, VECTOR, vector, 3);
    for (int i = 0; i < words; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "w%d ", i);
    lt_encode_text(env, e, TEXT, text, (int64_t)strlen(text));
    lt_encode_time(env, e, WHEN, 1e9 + 1e8 * shift + 1e5 * lt_random_uniform(rng));
    lt_encoder_end_row(env, e);
}

static void make_side(lt_env *env, lt_encoder *e, lt_table *t, lt_drift_side *side, int64_t n, uint64_t seed)
{
    lt_random rng;
    int32_t *row;

    lt_random_seed(&rng, seed);
    lt_encoder_init(env, e);
    lt_encoder_add(env, e, "price", LT_NUMBER);
    lt_encoder_add(env, e, "country", LT_CATEGORY);
    lt_encoder_add(env, e, "tags", LT_BAG);
    lt_encoder_add(env, e, "vector", LT_VECTOR);
    lt_encoder_add_text(env, e, "title", 64);
    lt_encoder_add(env, e, "seen", LT_TIMESTAMP);
    for (int64_t i = 0; i < n; i++)
        encode(env, e, &rng, 0, false);
    fine(env, lt_encoder_finish(env, e, 1, true, NULL, 0, t));
    lt_alloc(env, &row, (size_t)n, sizeof *row, "rows");
    for (int64_t i = 0; i < n; i++)
        row[i] = (int32_t)i;
    fine(env, lt_drift_take(env, e, t, row, n, side));
    lt_free(env, row);
}

static double index_of(const lt_drift_side *side, const lt_drift_counts *c, int feature)
{
    const lt_drift *d = &side->feature[feature];

    return lt_drift_index(d->share, side->rows, c->count[feature], (double)c->rows, d->bins);
}

static void count_new(lt_env *env, lt_env *counts, lt_encoder *e, const lt_drift_side *side, lt_random *rng, int64_t n,
                      double shift, bool nulls, lt_drift_counts *out)
{
    lt_drift_counts_init(counts, side, out);
    for (int64_t i = 0; i < n; i++) {
        encode(env, e, rng, shift, nulls);
        lt_drift_count_encoded(e, side, out);
    }
}

static void test_features(lt_env *env)
{
    lt_drift_counts again, c;
    lt_drift_side side;
    lt_encoder e;
    lt_random rng;
    lt_table t;
    char name[100];
    bool same = true;

    make_side(env, &e, &t, &side, 5000, 1);
    /* rows of the table count as those encoded one by one */
    lt_random_seed(&rng, 1);
    count_new(env, env, &e, &side, &rng, 5000, 0, false, &again);
    for (int f = 0; f < FEATURES; f++) {
        double sum = 0;

        for (int32_t b = 0; b < side.feature[f].bins; b++) {
            sum += side.feature[f].share[b];
            same &= fabs(again.count[f][b] / 5000 - side.feature[f].share[b]) < 1e-9;
        }
        near(sum, 1, 1e-9, "shares of feature %d add up", f);
    }
    ok(same, "one by one as in the table");
    ok(side.feature[COUNTRY].n_top == 5 && side.feature[TAGS].n_top == 12, "categories");
    lt_random_seed(&rng, 2);
    count_new(env, env, &e, &side, &rng, 2000, 1, false, &c);
    for (int f = 0; f < FEATURES; f++)
        if (f == WHEN)
            near(index_of(&side, &c, f), 0, 1e-12, "times that move on are no drift");
        else
            ok(index_of(&side, &c, f) > 0.25, "feature %d has drifted: %g", f, index_of(&side, &c, f));
    count_new(env, env, &e, &side, &rng, 2000, 0, true, &c);
    ok(index_of(&side, &c, PRICE) > 0.25 && lt_drift_most(side.feature[PRICE].share, side.rows, c.count[PRICE], 2000,
                                                          side.feature[PRICE].bins) == side.feature[PRICE].bins - 1,
       "NULLs where there were none: %g", index_of(&side, &c, PRICE));
    lt_drift_counts_init(env, &side, &c);
    lt_encoder_begin_row(env, &e);
    lt_encode_token(env, &e, COUNTRY, "Zambia", 6);
    lt_encoder_end_row(env, &e);
    lt_drift_count_encoded(&e, &side, &c);
    near(c.count[COUNTRY][side.feature[COUNTRY].bins - 2], 1, 0, "a country never seen");
    near(c.count[TAGS][side.feature[TAGS].bins - 2], 1, 0, "no tags");
    fine(env, lt_drift_bin_name(env, &e, COUNTRY, &side.feature[COUNTRY], 2, name, sizeof name));
    ok(strcmp(name, "country=Iceland") == 0, "a bin's name: %s", name);
    fine(env, lt_drift_bin_name(env, &e, PRICE, &side.feature[PRICE], 9, name, sizeof name));
    ok(strncmp(name, "at least 3.", 11) == 0, "in the column's units: %s", name);
    ok(lt_drift_side_check(env, &side, &e) == LT_OK, "fits its encoder");
    side.feature[COUNTRY].top[4] = 5;
    ok(lt_drift_side_check(env, &side, &e) == LT_CORRUPT, "a category too many does not");
    env->error.status = LT_OK;
}

/* ---- alarms ---- */

/*
 * 200 times new rows of the same distribution: how many pass 0.1 alone, how many pass 0.1 and chance.  The count of
 * the second has mean ALPHA * 200 * 5 at most, if it were chance alone.
 */
static void test_false_alarms(lt_env *env)
{
    static const int64_t sizes[] = {LT_DRIFT_LEAST_ROWS, 100, 300, 3000};

    for (int s = 0; s < 4; s++) {
        int plain = 0, alarms = 0, chance = 0, missed = 0, rounds = s == 3 ? 50 : 200;
        double mean = 0, expected = 0;
        lt_drift_side side;
        lt_encoder e;
        lt_random rng;
        lt_table t;

        make_side(env, &e, &t, &side, 5000, 3);
        lt_random_seed(&rng, 4);
        for (int i = 0; i < rounds; i++) {
            lt_scope scope;
            lt_drift_counts c, shifted;

            lt_scope_open(env, &scope);
            count_new(env, &scope.env, &e, &side, &rng, sizes[s], 0, false, &c);
            count_new(env, &scope.env, &e, &side, &rng, sizes[s], 0.7, false, &shifted);
            for (int f = 0; f < WHEN; f++) {
                const lt_drift *d = &side.feature[f];
                double value = index_of(&side, &c, f),
                       most = lt_drift_chance(d->share, 5000, (double)sizes[s], d->bins, ALPHA);

                plain += value > 0.1;
                alarms += value > 0.1 + most;
                chance += value > most;
                missed += index_of(&side, &shifted, f) <= 0.1 + most;
            }
            mean += index_of(&side, &c, PRICE) / rounds;
            expected = lt_drift_mean(side.feature[PRICE].share, 5000, (double)sizes[s], side.feature[PRICE].bins);
            lt_scope_close(&scope);
        }
        printf("# %ld rows, %d tries: %.2f %% above 0.1, %.2f %% above chance, %.2f %% above both added; changed: "
               "%.2f %% missed; mean %.4f, expected %.4f\n",
               (long)sizes[s], 5 * rounds, 20.0 * plain / rounds, 20.0 * chance / rounds, 20.0 * alarms / rounds,
               20.0 * missed / rounds, mean, expected);
        ok(alarms <= 5 * rounds / 500, "%ld rows: few alarms when nothing has changed: %d", (long)sizes[s], alarms);
        if (sizes[s] >= 100)
            near(mean, expected, 0.3 * expected, "%ld rows: chance alone comes to what is said", (long)sizes[s]);
        if (sizes[s] >= 300)
            ok(missed == 0, "%ld rows: what has changed is found", (long)sizes[s]);
    }
}

/* ---- a training's profile ---- */

#define USERS 400
#define DAYS 90

/* Ten rows an hour for 90 days; users join at a steady pace, and buy on the day they join or later. */
static void build(lt_env *env, lt_bundle *bundle, lt_dataset *data, lt_profile *profile)
{
    int32_t *user_map, *item_map;
    lt_profile_sample sample;
    lt_builder b;
    lt_options options;
    lt_random rng;

    lt_random_seed(&rng, 5);
    fine(env, lt_options_init(env, &options, NULL, 0));
    fine(env, lt_options_set_text(env, &options, "split", "none"));
    fine(env, lt_bundle_init(env, bundle, &options));
    bundle->user_id = bundle->item_id = LT_ID_TEXT;
    fine(env, lt_builder_init(env, &b, bundle, false, &options));
    b.has_time = true;
    for (int hour = 0; hour < 24 * DAYS; hour++)
        for (int i = 0; i < 10; i++) {
            char user[16], item[16];
            int joined = 1 + USERS * hour / (24 * DAYS);
            lt_row row = {.user = user, .item = item, .weight = 1, .time = 1e9 + 3600.0 * hour};

            snprintf(user, sizeof user, "u%d", (int)lt_random_below(&rng, joined));
            snprintf(item, sizeof item, "i%d", (int)(50 * pow(lt_random_uniform(&rng), 2)));
            row.user_length = (int64_t)strlen(user);
            row.item_length = (int64_t)strlen(item);
            lt_encoder_end_row(env, &bundle->row_encoder);
            if (lt_builder_add(env, &b, &row) != LT_OK)
                ok(false, "a row: %s", env->error.message);
        }
    fine(env, lt_builder_flush(env, &b));
    fine(env, lt_encoder_finish(env, &bundle->user_encoder, 1, true, NULL, 0, &bundle->user));
    fine(env, lt_encoder_finish(env, &bundle->item_encoder, 1, true, NULL, 0, &bundle->item));
    fine(env, lt_builder_number_ids(env, &b, &user_map, &item_map));
    fine(env, lt_profile_rows(env, &b, profile, &sample));
    fine(env, lt_builder_finish(env, &b, &options, data));
    fine(env, lt_profile_features(env, bundle, data, profile, &sample));
}

static void test_profile(lt_env *env)
{
    lt_profile p, again;
    lt_bundle bundle;
    lt_dataset data;
    lt_writer w, w2;
    lt_reader r;
    double sum = 0;
    bool steady = true;

    build(env, &bundle, &data, &p);
    ok(p.rows == 240 * DAYS && p.has_time && p.days == 28, "rows and days");
    for (int i = 0; i < p.days; i++)
        steady &= p.day_rows[i] == 240;
    ok(steady, "240 rows a day");
    near(p.latest, 1e9 + 3600.0 * (24 * DAYS - 1), 0, "the latest row");
    /* 400/90 users join a day, with one row at first and then 240/340 a day */
    near(p.new_users[0], 4.44 * (1 + 0.7) / 240, 0.006, "rows of users of the same day: %g", p.new_users[0]);
    near(p.new_users[3], 4.44 * (1 + 8 * 0.7) / 240, 0.03, "of users of eight days: %g", p.new_users[3]);
    ok(p.new_users[5] > p.new_users[4] && isnan(p.new_users[6]), "as far as the rows go back");
    near(lt_profile_new(p.new_users, 1), p.new_users[0], 0, "a day");
    near(lt_profile_new(p.new_users, 8), p.new_users[3], 0, "eight");
    near(lt_profile_new(p.new_users, sqrt(32)), (p.new_users[2] + p.new_users[3]) / 2, 1e-12, "between");
    near(lt_profile_new(p.new_users, 0.1), p.new_users[0], 0, "less than one");
    near(lt_profile_new(p.new_users, 80), NAN, 0, "more than is known");
    near(p.new_items[0], 0, 1e-3, "no new items");
    for (int i = 0; i < LT_PROFILE_GROUPS; i++)
        sum += p.group_share[i];
    near(sum, 1, 1e-9, "groups of items have everything");
    near(p.segment_share[0] + p.segment_share[1] + p.segment_share[2], 1, 1e-9, "and segments");
    ok(p.natural_groups < 0.15 && p.natural_segments < 0.05, "days are alike: %g, %g", p.natural_groups,
       p.natural_segments);
    lt_writer_init(env, &w);
    lt_profile_write(&w, &p);
    fine(env, w.status);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_profile_read(&r, &again));
    lt_writer_init(env, &w2);
    lt_profile_write(&w2, &again);
    ok(w.n == w2.n && memcmp(w.bytes, w2.bytes, w.n) == 0, "read as it was written");
    for (size_t cut = 0; cut < w.n; cut++) {
        lt_reader_init(env, &r, w.bytes, cut);
        if (lt_profile_read(&r, &again) != LT_CORRUPT) {
            ok(false, "cut short at %zu", cut);
            break;
        }
        env->error.status = LT_OK;
    }
    ok(true, "refused wherever it is cut short");
}

/* The form with features, each byte changed: it is read, or refused, and nothing else. */
static void test_hostile(lt_env *env)
{
    lt_drift_side side, again;
    lt_encoder e;
    lt_table t;
    lt_writer w;
    lt_reader r;
    int refused = 0;

    make_side(env, &e, &t, &side, 500, 6);
    lt_writer_init(env, &w);
    lt_drift_side_write(&w, &side);
    for (size_t i = 0; i < w.n; i++)
        for (int bit = 0; bit < 8; bit += 7) {
            lt_scope scope;

            w.bytes[i] ^= (uint8_t)(1 << bit);
            lt_scope_open(env, &scope);
            lt_reader_init(&scope.env, &r, w.bytes, w.n);
            if (lt_drift_side_read(&r, &again) == LT_OK)
                for (int32_t f = 0; f < again.n; f++)
                    lt_drift_bin(&again.feature[f], 0.5);
            else
                refused++;
            lt_scope_close(&scope);
            env->error.status = LT_OK;
            w.bytes[i] ^= (uint8_t)(1 << bit);
        }
    ok(refused > 100, "hostile bytes: %d of %zu refused", refused, 2 * w.n);
}

int main(void)
{
    lt_env *env = test_env();

    test_index(env);
    test_cuts(env);
    test_features(env);
    test_false_alarms(env);
    test_profile(env);
    test_hostile(env);
    test_env_drop(env);
    return done();
}
