/*
 * predictor.c: the type longtail.predictor: its input and output, and predict.
 *
 * Lifetime: predict keeps decoded predictors in fn_extra, so that a scan decodes each value once.  An entry is known by
 * the datum as it arrives (for a toasted one that is the toast pointer, never the long value), compared whole.  Entries
 * stay within longtail.cache_memory; all but the newest are dropped when they do not.
 */
#include "predictor.h"

#include <math.h>

#include "access/detoast.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "rows.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define FORMAT_VERSION 1
/* Numbers a value may hold: its text, which a dump needs, must fit what jsonb can read back (256 MB). */
#define MOST_NUMBERS 8000000

PG_FUNCTION_INFO_V1(longtail_predictor_in);
PG_FUNCTION_INFO_V1(longtail_predictor_out);
PG_FUNCTION_INFO_V1(longtail_predictor_recv);
PG_FUNCTION_INFO_V1(longtail_predictor_send);
PG_FUNCTION_INFO_V1(longtail_predictor_predict);

/* ---- the value ---- */

lt_status ltpg_predictor_check(lt_env *env, const ltpg_predictor *p)
{
    const lt_design *d = &p->model.design;
    int64 numbers = 2 * (int64)d->row_dense;

    if (d->row_dense < 1 || d->dense != d->row_dense || d->sparse != 0 || d->users != 0 || d->items != 0 ||
        d->n_crosses != 0)
        return lt_fail(env, LT_CORRUPT, "a predictor has one or more features, and nothing else");
    for (int32 j = 0; j < d->row_dense; j++)
        if (!isfinite(p->mean[j]) || !isfinite(p->scale[j]) || p->scale[j] < 0)
            return lt_fail(env, LT_CORRUPT, "the mean or scale of features[%d] is out of range", j + 1);
    if (p->rows < 0 || p->fit.epochs < 0)
        return lt_fail(env, LT_CORRUPT, "a count is negative");
    LT_TRY(p->model.algorithm->check(env, &p->model));
    for (int i = 0; i < p->model.n_arrays; i++)
        numbers += p->model.array[i].rows * p->model.array[i].cols;
    if (numbers > MOST_NUMBERS) {
        lt_fail(env, LT_UNSUPPORTED, "a predictor of " INT64_FORMAT " numbers is too large for a value", numbers);
        lt_fail_detail(env, "The limit is %d numbers.", MOST_NUMBERS);
        return lt_fail_hint(env, "Use fewer features or hidden units, or longtail.train().");
    }
    return LT_OK;
}

char *ltpg_predictor_complaint(const lt_env *env)
{
    return psprintf("%c%s.", pg_toupper((unsigned char)env->error.message[0]), env->error.message + 1);
}

bytea *ltpg_predictor_encode(lt_env *env, const ltpg_predictor *p)
{
    lt_writer w;
    bytea *value;

    LTPG(env, ltpg_predictor_check(env, p));
    lt_writer_init(env, &w);
    lt_write_u8(&w, FORMAT_VERSION);
    lt_model_write(&w, &p->model);
    lt_write_f64s(&w, p->mean, ltpg_predictor_width(p));
    lt_write_f64s(&w, p->scale, ltpg_predictor_width(p));
    lt_write_i64(&w, p->rows);
    lt_write_i32(&w, p->fit.epochs);
    lt_write_f64(&w, p->fit.loss);
    lt_write_u8(&w, p->fit.converged);
    LTPG(env, w.status);
    value = palloc(VARHDRSZ + w.n);
    SET_VARSIZE(value, VARHDRSZ + w.n);
    memcpy(VARDATA(value), w.bytes, w.n);
    return value;
}

lt_status ltpg_predictor_decode(lt_env *env, const void *bytes, Size n, ltpg_predictor *out)
{
    lt_reader r;
    int64_t means, scales;
    uint8 version, converged;

    memset(out, 0, sizeof *out);
    lt_reader_init(env, &r, bytes, n);
    version = lt_read_u8(&r);
    if (r.status == LT_OK && version != FORMAT_VERSION) {
        lt_fail(env, LT_CORRUPT, "the predictor has format %d, this release reads %d", version, FORMAT_VERSION);
        return lt_fail_hint(env, "It may come from a newer release of the extension.");
    }
    LT_TRY(r.status);
    LT_TRY(lt_model_read(&r, &out->model));
    out->mean = lt_read_f64s(&r, &means);
    out->scale = lt_read_f64s(&r, &scales);
    out->rows = lt_read_i64(&r);
    out->fit.epochs = lt_read_i32(&r);
    out->fit.loss = lt_read_f64(&r);
    converged = lt_read_u8(&r);
    out->fit.converged = converged == 1;
    if (converged > 1 || means != out->model.design.row_dense || scales != means || r.at != r.n)
        lt_reader_corrupt(&r, "its parts do not fit each other");
    LT_TRY(r.status);
    return ltpg_predictor_check(env, out);
}

/* ---- input and output ---- */

/* Bounded, for a value can hold little more than its own bytes. */
static lt_env *value_env(void)
{
    return ltpg_env(CurrentMemoryContext, 0);
}

Datum longtail_predictor_in(PG_FUNCTION_ARGS)
{
    lt_env *env = value_env();
    ltpg_predictor p;

    ltpg_predictor_from_json(env, PG_GETARG_CSTRING(0), &p);
    PG_RETURN_BYTEA_P(ltpg_predictor_encode(env, &p));
}

Datum longtail_predictor_out(PG_FUNCTION_ARGS)
{
    bytea *value = PG_GETARG_BYTEA_PP(0);
    lt_env *env = value_env();
    ltpg_predictor p;

    LTPG(env, ltpg_predictor_decode(env, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &p));
    PG_RETURN_CSTRING(ltpg_predictor_to_json(&p));
}

Datum longtail_predictor_recv(PG_FUNCTION_ARGS)
{
    StringInfo buffer = (StringInfo)PG_GETARG_POINTER(0);
    int n = buffer->len - buffer->cursor;
    const char *bytes = pq_getmsgbytes(buffer, n);
    lt_env *env = value_env();
    ltpg_predictor p;
    bytea *value;

    if (ltpg_predictor_decode(env, bytes, n, &p) != LT_OK)
        ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                        errmsg("invalid binary value for type longtail.predictor"),
                        errdetail("%s", ltpg_predictor_complaint(env)),
                        env->error.hint[0] != '\0' ? errhint("%s", env->error.hint) : 0));
    value = palloc(VARHDRSZ + n);
    SET_VARSIZE(value, VARHDRSZ + n);
    memcpy(VARDATA(value), bytes, n);
    PG_RETURN_BYTEA_P(value);
}

Datum longtail_predictor_send(PG_FUNCTION_ARGS)
{
    bytea *value = PG_GETARG_BYTEA_PP(0);
    StringInfoData buffer;

    pq_begintypsend(&buffer);
    pq_sendbytes(&buffer, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
    PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* ---- predict ---- */

#define SLOTS 64    /* decoded predictors kept: one model per category joins many */
#define KEY_TAIL 40 /* bytes of the datum that choose the slot: the fit's figures, or the toast pointer */

typedef struct cached {
    MemoryContext context; /* NULL: empty */
    Size size;
    const char *key; /* the datum as it came */
    ltpg_predictor p;
} cached;

typedef struct predict_cache {
    MemoryContext home;
    MemoryContext scratch; /* reset after each row */
    float *x;
    int32 x_width;
    cached slot[SLOTS];
} predict_cache;

static predict_cache *predict_cache_of(FmgrInfo *flinfo)
{
    predict_cache *c = flinfo->fn_extra;

    if (c == NULL) {
        c = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof *c);
        c->home = flinfo->fn_mcxt;
        c->scratch = AllocSetContextCreate(c->home, "longtail predict", ALLOCSET_DEFAULT_SIZES);
        flinfo->fn_extra = c;
    }
    return c;
}

static void drop(cached *slot)
{
    if (slot->context != NULL)
        MemoryContextDelete(slot->context);
    memset(slot, 0, sizeof *slot);
}

static void keep_within_limit(predict_cache *c, const cached *newest)
{
    Size used = 0;

    for (int i = 0; i < SLOTS; i++)
        if (c->slot[i].context != NULL)
            used += MemoryContextMemAllocated(c->slot[i].context, true);
    for (int i = 0; used > (Size)ltpg_cache_memory * 1024 && i < SLOTS; i++)
        if (&c->slot[i] != newest)
            drop(&c->slot[i]);
}

static void fill(predict_cache *c, cached *slot, struct varlena *raw, Size size)
{
    MemoryContext context = AllocSetContextCreate(c->home, "longtail predictor", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    lt_env *env = ltpg_env(context, ltpg_cache_memory);
    char *key = palloc(size);
    bytea *value;

    memcpy(key, raw, size);
    MemoryContextSwitchTo(c->scratch);
    value = (bytea *)PG_DETOAST_DATUM_PACKED(PointerGetDatum(raw));
    LTPG(env, ltpg_predictor_decode(env, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &slot->p));
    MemoryContextReset(c->scratch);
    MemoryContextSwitchTo(old);
    slot->key = key;
    slot->size = size;
    slot->context = context;
    keep_within_limit(c, slot);
}

static const ltpg_predictor *cached_predictor(predict_cache *c, struct varlena *raw)
{
    Size size, tail;
    cached *slot;

    if (VARATT_IS_EXTERNAL(raw) && !VARATT_IS_EXTERNAL_ONDISK(raw))
        raw = detoast_external_attr(raw);
    size = VARSIZE_ANY(raw);
    tail = Min(size, KEY_TAIL);
    slot = &c->slot[hash_bytes((const unsigned char *)raw + size - tail, (int)tail) % SLOTS];
    if (slot->context == NULL || slot->size != size || memcmp(slot->key, raw, size) != 0) {
        drop(slot);
        fill(c, slot, raw, size);
    }
    return &slot->p;
}

static void encode_features(predict_cache *c, const ltpg_predictor *p, ArrayType *array)
{
    int32 width = ltpg_predictor_width(p);
    int n;
    const float8 *value = ltpg_float8s(array, "features", &n);

    if (n != width)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("features has %d elements, but the predictor was fitted on %d", n, width)));
    if (c->x_width < width) {
        c->x = c->x == NULL ? MemoryContextAllocHuge(c->home, width * sizeof(float))
                            : repalloc_huge(c->x, width * sizeof(float));
        c->x_width = width;
    }
    for (int32 j = 0; j < width; j++) {
        if (!isfinite(value[j]))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("features[%d] is %s", j + 1, float8out_internal(value[j]))));
        c->x[j] = (float)((value[j] - p->mean[j]) * p->scale[j]);
    }
}

Datum longtail_predictor_predict(PG_FUNCTION_ARGS)
{
    predict_cache *c = predict_cache_of(fcinfo->flinfo);
    const ltpg_predictor *p = cached_predictor(c, (struct varlena *)PG_GETARG_POINTER(0));
    lt_table row = {.n = 1, .dense = ltpg_predictor_width(p)};
    lt_table none = {0};
    lt_inputs in = {.design = &p->model.design, .row = &row, .user = &none, .item = &none};
    lt_examples one = {.n = 1};
    lt_env *env;
    float margin = 0;

    encode_features(c, p, PG_GETARG_ARRAYTYPE_P(1));
    row.x = c->x;
    env = ltpg_env(c->scratch, 0);
    LTPG(env, p->model.algorithm->predict(env, &p->model, &in, &one, &margin));
    MemoryContextReset(c->scratch);
    PG_RETURN_FLOAT8(lt_link_apply(p->model.link, margin));
}
