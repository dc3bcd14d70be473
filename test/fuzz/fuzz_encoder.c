/*
 * fuzz_encoder.c: a stored encoder read, and rows of any values encoded by it; what follows the encoder's bytes says
 * which.
 */
#include "encoder.h"
#include "fuzz.h"

#define ROWS 8

static lt_status encode(lt_env *env, lt_encoder *e, int f, fuzz_input *in)
{
    char text[41];
    double vector[16];
    int width = e->feature[f].width;

    switch (e->feature[f].kind) {
    case LT_NUMBER:
    case LT_BOOLEAN:
        return lt_encode_number(env, e, f, fuzz_number(in));
    case LT_CATEGORY:
        fuzz_text(in, text);
        return lt_encode_token(env, e, f, text, (int64_t)strlen(text));
    case LT_BAG:
        for (int tokens = fuzz_below(in, 5); tokens > 0; tokens--) {
            fuzz_text(in, text);
            LT_TRY(lt_encode_token(env, e, f, text, (int64_t)strlen(text)));
        }
        return LT_OK;
    case LT_VECTOR:
        width = width > 16 || fuzz_below(in, 8) == 0 ? fuzz_below(in, 16) : width;
        for (int i = 0; i < width; i++)
            vector[i] = fuzz_number(in);
        return lt_encode_vector(env, e, f, vector, width);
    case LT_TIMESTAMP:
    case LT_DATE:
        return lt_encode_time(env, e, f, fuzz_number(in));
    case LT_TEXT:
        fuzz_text(in, text);
        return lt_encode_text(env, e, f, text, (int64_t)strlen(text));
    }
    must(false);
    return LT_OK;
}

static void check_row(const lt_encoder *e)
{
    const lt_table *row = &e->row;
    int32_t last = -1;

    for (int32_t i = 0; i < e->dense; i++)
        must(isfinite(row->x[i]));
    for (int64_t k = 0; e->sparse > 0 && k < row->start[1]; k++) {
        must(row->col[k] > last && row->col[k] < e->sparse && isfinite(row->val[k]));
        last = row->col[k];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    lt_env *env = fuzz_env();
    lt_reader r;
    lt_encoder e;
    lt_table_builder rows = {0};
    char name[40];

    lt_reader_init(env, &r, bytes, n);
    if (!fuzz_fine(env, lt_encoder_read(&r, &e))) {
        test_env_drop(env);
        return 0;
    }
    for (int i = 0; i < ROWS; i++) {
        fuzz_input in = {bytes + r.at + (n - r.at) * (size_t)i / ROWS, (n - r.at) / ROWS};
        bool good = fuzz_fine(env, lt_encoder_begin_row(env, &e));

        for (int f = 0; f < e.n_features && good; f++)
            if (fuzz_below(&in, 4) > 0)
                good = fuzz_fine(env, encode(env, &e, f, &in));
        if (good && fuzz_fine(env, lt_encoder_end_row(env, &e))) {
            check_row(&e);
            fuzz_fine(env, lt_table_append(env, &rows, &e.row));
        }
    }
    for (int32_t c = -1; c < 100; c++)
        for (int dense = 0; dense < 2; dense++)
            if (fuzz_fine(env, lt_encoder_column_name(env, &e, dense, c, name, sizeof name)))
                must(memchr(name, '\0', sizeof name) != NULL);
    test_env_drop(env);
    return 0;
}
