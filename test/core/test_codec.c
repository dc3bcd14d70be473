/* test_codec.c: the codec, and what stands on it: stored tables and models, on sound and on hostile bytes. */
#include "tap.h"

#include "model.h"
#include "random.h"
#include "table.h"

#include <limits.h>

static void checksum(void)
{
    unsigned char bytes[1000];
    uint32_t naive, whole;
    bool same = true;

    ok(lt_crc32c(0, "123456789", 9) == 0xE3069283, "CRC-32C of 123456789");
    ok(lt_crc32c(0, "", 0) == 0, "of nothing");
    memset(bytes, 0, sizeof bytes);
    ok(lt_crc32c(0, bytes, 32) == 0x8A9136AA, "of 32 zero bytes (RFC 3720, B.4)");
    for (int i = 0; i < 1000; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 13);
    for (size_t n = 0; n <= 1000; n += 37)
        for (size_t first = 0; first < 9 && first <= n; first++) {
            naive = ~UINT32_C(0);
            for (size_t i = first; i < n; i++) {
                naive ^= bytes[i];
                for (int b = 0; b < 8; b++)
                    naive = (naive >> 1) ^ (naive & 1 ? 0x82F63B78 : 0);
            }
            whole = lt_crc32c(0, bytes + first, n - first);
            same = same && whole == ~naive &&
                   whole == lt_crc32c(lt_crc32c(0, bytes + first, (n - first) / 3), bytes + first + (n - first) / 3,
                                      n - first - (n - first) / 3);
        }
    ok(same, "equals the bitwise definition at every alignment, whole and chained");
}

static void values(lt_env *env)
{
    static const uint8_t want[] = {7, 0xFE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F};
    const int32_t i32s[] = {INT32_MIN, 0, INT32_MAX};
    const int64_t i64s[] = {INT64_MIN, 5};
    const float f32s[] = {1.5f, -0.0f, INFINITY};
    const double f64s[] = {2.718281828459045};
    lt_writer w;
    lt_reader r;
    int64_t n;
    const void *p;

    lt_writer_init(env, &w);
    lt_write_u8(&w, 7);
    lt_write_i32(&w, -2);
    lt_write_i64(&w, INT64_MIN + 1);
    lt_write_f64(&w, 1.5);
    ok(w.n == sizeof want && memcmp(w.bytes, want, sizeof want) == 0, "little-endian");
    lt_write_text(&w, "na\xC3\xAFve");
    lt_write_text(&w, NULL);
    lt_write_bytes(&w, "a\0b", 3);
    lt_write_i32s(&w, i32s, 3);
    lt_write_i64s(&w, i64s, 2);
    lt_write_f32s(&w, f32s, 3);
    lt_write_f64s(&w, f64s, 1);
    lt_write_f64s(&w, NULL, 0);
    ok(w.status == LT_OK, "written");

    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_read_u8(&r) == 7 && lt_read_i32(&r) == -2 && lt_read_i64(&r) == INT64_MIN + 1 && lt_read_f64(&r) == 1.5,
       "numbers come back");
    ok(strcmp(lt_read_text(&r), "na\xC3\xAFve") == 0 && strcmp(lt_read_text(&r), "") == 0, "texts");
    p = lt_read_bytes(&r, &n);
    ok(n == 3 && memcmp(p, "a\0b", 3) == 0, "bytes");
    p = lt_read_i32s(&r, &n);
    ok(n == 3 && memcmp(p, i32s, sizeof i32s) == 0, "int32 arrays");
    p = lt_read_i64s(&r, &n);
    ok(n == 2 && memcmp(p, i64s, sizeof i64s) == 0, "int64 arrays");
    p = lt_read_f32s(&r, &n);
    ok(n == 3 && memcmp(p, f32s, sizeof f32s) == 0, "float arrays");
    p = lt_read_f64s(&r, &n);
    ok(n == 1 && memcmp(p, f64s, sizeof f64s) == 0, "double arrays");
    p = lt_read_f64s(&r, &n);
    ok(n == 0 && p != NULL && r.status == LT_OK && r.at == r.n, "an empty one, and nothing is left");
    ok(lt_read_i64(&r) == 0 && r.status == LT_CORRUPT, "reading on is an error");
    ok(strcmp(lt_read_text(&r), "") == 0 && lt_read_f32s(&r, &n) == NULL && n == 0, "which sticks");
}

static void hostile_lengths(lt_env *env)
{
    static const int64_t lengths[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX - 7, INT64_MAX / 4 + 1, INT64_MAX / 8 + 1, 3};
    size_t used = env->used;
    lt_writer w;
    lt_reader r;
    int64_t n;
    bool refused = true;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int type = 0; type < 5; type++) {
            const void *got;

            lt_writer_init(env, &w);
            lt_write_i64(&w, lengths[i]);
            lt_write_u8(&w, 1);
            lt_write_u8(&w, 1);
            lt_reader_init(env, &r, w.bytes, w.n);
            got = type == 0   ? (const void *)lt_read_bytes(&r, &n)
                  : type == 1 ? (const void *)lt_read_i32s(&r, &n)
                  : type == 2 ? (const void *)lt_read_i64s(&r, &n)
                  : type == 3 ? (const void *)lt_read_f32s(&r, &n)
                              : (const void *)lt_read_f64s(&r, &n);
            refused = refused && got == NULL && n == 0 && r.status == LT_CORRUPT;
            lt_free(env, w.bytes);
        }
    ok(refused, "lengths beyond the bytes are refused");
    ok(env->used == used, "before memory is taken");
    ok(strncmp(env->error.message, "the stored model is damaged: ", 29) == 0 && env->error.detail[0] != '\0',
       "with a message and a place");
    lt_writer_init(env, &w);
    lt_write_bytes(&w, "a\0b", 3);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_read_text(&r)[0] == '\0' && r.status == LT_CORRUPT, "a text with a zero byte is refused");
}

/* ---- tables ---- */

static bool same_table(const lt_table *a, const lt_table *b)
{
    size_t n = (size_t)a->n, entries;

    if (a->n != b->n || a->dense != b->dense || a->sparse != b->sparse)
        return false;
    if (n > 0 && a->dense > 0 && memcmp(a->x, b->x, n * (size_t)a->dense * sizeof(float)) != 0)
        return false;
    if (a->sparse == 0)
        return true;
    if (n == 0)
        return b->start[0] == 0;
    entries = (size_t)a->start[n];
    return memcmp(a->start, b->start, (n + 1) * sizeof(int64_t)) == 0 &&
           memcmp(a->col, b->col, entries * sizeof(int32_t)) == 0 &&
           memcmp(a->val, b->val, entries * sizeof(float)) == 0;
}

static lt_status store_and_read(lt_env *env, const lt_table *t, lt_table *out)
{
    lt_writer w;
    lt_reader r;

    lt_writer_init(env, &w);
    lt_table_write(&w, t);
    lt_reader_init(env, &r, w.bytes, w.n);
    LT_TRY(lt_table_read(&r, out));
    return r.at == r.n ? LT_OK : LT_CORRUPT;
}

static void make_table(float *x, int64_t *start, int32_t *col, float *val, lt_table *t)
{
    static const float xs[] = {1, 2, 3, 4, 5, 6};
    static const int64_t starts[] = {0, 2, 2, 3};
    static const int32_t cols[] = {0, 4, 2};
    static const float vals[] = {1, 2, 1};

    memcpy(x, xs, sizeof xs);
    memcpy(start, starts, sizeof starts);
    memcpy(col, cols, sizeof cols);
    memcpy(val, vals, sizeof vals);
    *t = (lt_table){3, 2, 5, x, start, col, val, NULL};
}

static void tables(lt_env *env)
{
    float x[6], val[3];
    int64_t start[4];
    int32_t col[3];
    lt_table t, back, none = {.n = 0, .dense = 3, .sparse = 4}, dense_only = {.n = 2, .dense = 1, .x = x};
    lt_table_builder grown = {0};

    make_table(x, start, col, val, &t);
    fine(env, store_and_read(env, &t, &back));
    ok(same_table(&t, &back), "a table comes back");
    fine(env, store_and_read(env, &none, &back));
    ok(same_table(&none, &back), "so does one without rows");
    fine(env, store_and_read(env, &dense_only, &back));
    ok(same_table(&dense_only, &back) && back.start == NULL, "and one without sparse columns");

    for (int64_t i = 0; i < t.n; i++) {
        int64_t one_start[] = {0, start[i + 1] - start[i]};
        lt_table one = {1, 2, 5, x + 2 * i, one_start, col + start[i], val + start[i], NULL};

        fine(env, lt_table_append(env, &grown, &one));
    }
    ok(same_table(&t, &grown.t), "appending row by row gives the same");

    col[1] = 5;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a column out of range");
    col[1] = -1;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a negative one");
    col[1] = 0;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a repeated one");
    make_table(x, start, col, val, &t);
    x[3] = NAN;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a dense value that is not finite");
    make_table(x, start, col, val, &t);
    val[0] = INFINITY;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a sparse one");
    make_table(x, start, col, val, &t);
    start[1] = 3;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "starts that descend");
    make_table(x, start, col, val, &t);
    start[1] = 1000000;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT && back.n == 0, "a start beyond the entries");
    make_table(x, start, col, val, &t);
    start[0] = 1;
    ok(store_and_read(env, &t, &back) == LT_CORRUPT, "a first start that is not 0");
}

/* ---- models ---- */

static void make_model(lt_env *env, lt_model *m)
{
    float *extra;
    double *w;

    memset(m, 0, sizeof *m);
    m->algorithm = lt_algorithm_find("logistic");
    m->link = LT_LINK_LOGISTIC;
    m->design = (lt_design){.row_dense = 2, .row_sparse = 1};
    fine(env, lt_design_finish(env, &m->design));
    fine(env, lt_model_add_f64(env, m, "coefficients", 1, 4, &w));
    for (int i = 0; i < 4; i++)
        w[i] = i / 3.0;
    fine(env, lt_model_add_f32(env, m, "extra", 2, 3, &extra));
    extra[5] = 2.5f;
}

static void models(lt_env *env)
{
    lt_model m, back;
    lt_writer w;
    lt_reader r;
    lt_algorithm nobody = {.name = "nobody"};

    make_model(env, &m);
    lt_writer_init(env, &w);
    lt_model_write(&w, &m);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_model_read(&r, &back));
    ok(r.at == r.n && back.algorithm == m.algorithm && back.link == m.link && back.design.dense == 2,
       "a model comes back");
    ok(back.n_arrays == 2 && lt_model_array(&back, "coefficients")->d[3] == 1 &&
           lt_model_array(&back, "extra")->rows == 2 && lt_model_array(&back, "extra")->f[5] == 2.5f,
       "with its arrays");
    ok(lt_model_array(&back, "missing") == NULL, "and no others");
    ok(lt_model_add_f32(env, &m, "huge", INT64_MAX / 2, 3, &(float *){NULL}) == LT_NO_MEMORY, "an array too large");

    m.algorithm = &nobody;
    lt_writer_init(env, &w);
    lt_model_write(&w, &m);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_model_read(&r, &back) == LT_CORRUPT && strstr(env->error.message, "\"nobody\"") != NULL,
       "an unknown algorithm is named");
    make_model(env, &m);
    m.array[1].name = "coefficients";
    lt_writer_init(env, &w);
    lt_model_write(&w, &m);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_model_read(&r, &back) == LT_CORRUPT, "an array may not be there twice");
    make_model(env, &m);
    m.array[0].name = "coefficient";
    lt_writer_init(env, &w);
    lt_model_write(&w, &m);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_model_read(&r, &back) == LT_CORRUPT, "the algorithm's check has the last word");
}

static void links(void)
{
    near(lt_link_apply(LT_LINK_IDENTITY, -3.5), -3.5, 0, "identity");
    near(lt_link_apply(LT_LINK_LOGISTIC, 0), 0.5, 0, "logistic at 0");
    near(lt_link_apply(LT_LINK_LOGISTIC, log(3)), 0.75, 1e-15, "at ln 3");
    near(lt_link_apply(LT_LINK_LOGISTIC, -700) / exp(-700), 1, 1e-12, "small probabilities keep their digits");
    near(lt_link_apply(LT_LINK_LOGISTIC, 1e300), 1, 0, "far right");
    near(lt_link_apply(LT_LINK_LOGISTIC, -1e300), 0, 0, "far left");
    near(lt_link_apply(LT_LINK_EXP, 1), 2.718281828459045, 1e-15, "exp");
}

/* ---- damage: every truncation, and random changes; the sanitizers watch ---- */

static lt_status read_model(lt_reader *r)
{
    lt_model m;

    return lt_model_read(r, &m);
}

static lt_status read_table(lt_reader *r)
{
    lt_table t;

    return lt_table_read(r, &t);
}

static void damage(lt_env *outer, const lt_writer *w, lt_status (*read)(lt_reader *), const char *what)
{
    uint8_t *bytes = malloc(w->n);
    bool refused = true, sane = true;
    lt_random rng;
    int survived = 0;
    lt_reader r;

    (void)outer;
    lt_random_seed(&rng, 3);
    for (size_t n = 0; n < w->n; n++) {
        lt_env *env = test_env();
        uint8_t *exact = malloc(n + (n == 0)); /* so that reading one byte too far is seen */

        memcpy(exact, w->bytes, n);
        lt_reader_init(env, &r, exact, n);
        refused = refused && read(&r) == LT_CORRUPT;
        free(exact);
        test_env_drop(env);
    }
    ok(refused, "every truncation of a %s is refused", what);
    for (int i = 0; i < 20000; i++) {
        lt_env *env = test_env();
        lt_status status;

        env->budget = 1 << 20;
        memcpy(bytes, w->bytes, w->n);
        for (int64_t k = lt_random_below(&rng, 4); k >= 0; k--) {
            int64_t at = lt_random_below(&rng, (int64_t)w->n);

            if (lt_random_below(&rng, 3) == 0)
                bytes[at] = lt_random_below(&rng, 2) ? 0xFF : 0x7F;
            else
                bytes[at] ^= (uint8_t)(1 << lt_random_below(&rng, 8));
        }
        lt_reader_init(env, &r, bytes, w->n);
        status = read(&r);
        survived += status == LT_OK;
        sane = sane && (status == LT_OK || (status == LT_CORRUPT && env->error.message[0] != '\0'));
        test_env_drop(env);
    }
    ok(sane, "20000 damaged copies of a %s are refused or read", what);
    ok(survived < 20000, "%d of them are read", survived);
    free(bytes);
}

static void hostile(lt_env *env)
{
    float x[6], val[3];
    int64_t start[4];
    int32_t col[3];
    lt_writer w;
    lt_table t;
    lt_model m;

    make_table(x, start, col, val, &t);
    lt_writer_init(env, &w);
    lt_table_write(&w, &t);
    damage(env, &w, read_table, "table");
    make_model(env, &m);
    lt_writer_init(env, &w);
    lt_model_write(&w, &m);
    damage(env, &w, read_model, "model");
}

int main(void)
{
    lt_env *env = test_env();

    checksum();
    values(env);
    hostile_lengths(env);
    tables(env);
    models(env);
    links();
    hostile(env);
    test_env_drop(env);
    return done();
}
