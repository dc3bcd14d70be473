/*
 * facts_pairs.c: how alike items are, as a relation says: its first three columns are an item, another, and a number
 * from -1 to 1.
 *
 * A pair may stand in either order, or in both; of several numbers for a pair the largest holds, so that lists of
 * neighbors, which have many pairs in one direction only, are taken as they are.  A pair that is not there, or whose
 * number is NULL, counts 0, an item with itself 1.
 */
#include "facts_parts.h"

#include "access/table.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include <math.h>

#define ROUNDING 1e-6 /* how far beyond 1 a computed cosine may be */
#define NOT_SAID -2.0f

struct ltpg_item_pairs {
    const ltpg_model *model;
    const ltpg_candidates *candidates;
    const char *relation, *query; /* all rows */
    const char *column[2];        /* of items, quoted */
    Oid type[2];
    lt_id_kind kind;
    /* where all rows were read at once: of each item the others and how alike they are, in either direction */
    int64_t *start; /* items + 1; NULL: rows are read for each list */
    int32 *other;
    float *value;
    int32 *place; /* items: in the list; -1 between lists */
};

/* ---- the relation ---- */

/* Its first three columns, or an error. */
static void find_columns(ltpg_item_pairs *p, Oid relation, const char *given)
{
    Relation r = table_open(relation, AccessShareLock);
    TupleDesc columns = RelationGetDescr(r);
    const char *name[3];
    Oid type[3];
    int n = 0;

    for (int i = 0; i < columns->natts && n < 3; i++) {
        Form_pg_attribute column = TupleDescAttr(columns, i);

        if (column->attisdropped)
            continue;
        name[n] = pstrdup(NameStr(column->attname));
        type[n++] = getBaseType(column->atttypid);
    }
    table_close(r, AccessShareLock);
    if (n < 3 || !ltpg_is_number(type[2]))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("relation \"%s\" of option \"similarity\" does not say how alike items are", given),
                        n < 3 ? errdetail("It has %d column(s).", n)
                              : errdetail("Its third column is of type %s.", format_type_be(type[2])),
                        errhint("Its first three columns must be an item, an item, and a number from -1 to 1.")));
    p->kind = ltpg_keys_kind(p->model, relation, name[0], type[0]);
    if (ltpg_keys_kind(p->model, relation, name[1], type[1]) != p->kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the items of relation \"%s\" of option \"similarity\" are of two kinds", given),
                        errdetail("Its first two columns are of types %s and %s.", format_type_be(type[0]),
                                  format_type_be(type[1]))));
    for (int i = 0; i < 2; i++) {
        p->column[i] = quote_identifier(name[i]);
        p->type[i] = type[i];
    }
    p->query =
        psprintf("SELECT %s, %s, %s FROM %s", p->column[0], p->column[1], quote_identifier(name[2]), p->relation);
}

static const char *text_of(Datum value, Oid type)
{
    Oid output;
    bool varlena;

    getTypeOutputInfo(type, &output, &varlena);
    return OidOutputFunctionCall(output, value);
}

/* The row's number; false when it has none. */
static bool read_value(const ltpg_item_pairs *p, TupleDesc type, const Datum *value, const bool *null, float *out)
{
    double number = NAN;

    if (null[0] || null[1] || null[2])
        return false;
    if (!ltpg_number(value[2], getBaseType(TupleDescAttr(type, 2)->atttypid), &number) || fabs(number) > 1 + ROUNDING)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("how alike \"%s\" and \"%s\" are is %s in %s",
                               text_of(value[0], TupleDescAttr(type, 0)->atttypid),
                               text_of(value[1], TupleDescAttr(type, 1)->atttypid),
                               text_of(value[2], TupleDescAttr(type, 2)->atttypid), p->relation),
                        errdetail("It must be from -1 to 1.")));
    *out = (float)Max(-1.0, Min(1.0, number));
    return true;
}

/* ---- all rows ---- */

typedef struct pair_reader {
    lt_env *env;
    const ltpg_item_pairs *pairs;
    int32 *a, *b; /* n */
    float *value;
    size_t n, cap_a, cap_b, cap_value;
} pair_reader;

static void read_pair(void *context, TupleDesc type, const Datum *value, const bool *null)
{
    pair_reader *r = context;
    int32 a, b;
    float number;

    if (!read_value(r->pairs, type, value, null, &number))
        return;
    a = ltpg_keys_model_item(r->pairs->model, r->pairs->kind, value[0], TupleDescAttr(type, 0)->atttypid);
    b = ltpg_keys_model_item(r->pairs->model, r->pairs->kind, value[1], TupleDescAttr(type, 1)->atttypid);
    if (a < 0 || b < 0 || a == b)
        return;
    LTPG(r->env, lt_grow(r->env, &r->a, &r->cap_a, r->n + 1, sizeof *r->a, "the pairs of items"));
    LTPG(r->env, lt_grow(r->env, &r->b, &r->cap_b, r->n + 1, sizeof *r->b, "the pairs of items"));
    LTPG(r->env, lt_grow(r->env, &r->value, &r->cap_value, r->n + 1, sizeof *r->value, "the pairs of items"));
    r->a[r->n] = a;
    r->b[r->n] = b;
    r->value[r->n++] = number;
}

/* Each pair stands with its first item: the matrix is filled on both sides of the diagonal. */
static void read_all(ltpg_item_pairs *p)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    int32 items = p->model->bundle.items.n;
    pair_reader r = {.env = env, .pairs = p};
    int64_t *next;

    ltpg_facts_scan(p->query, read_pair, &r);
    LTPG(env, lt_alloc(env, &p->start, (size_t)items + 1, sizeof *p->start, "the pairs of items"));
    LTPG(env, lt_alloc(env, &next, (size_t)items + 1, sizeof *next, "the pairs of items"));
    LTPG(env, lt_alloc(env, &p->other, r.n, sizeof *p->other, "the pairs of items"));
    LTPG(env, lt_alloc(env, &p->value, r.n, sizeof *p->value, "the pairs of items"));
    LTPG(env, lt_alloc(env, &p->place, items, sizeof *p->place, "the pairs of items"));
    for (size_t i = 0; i < r.n; i++)
        p->start[r.a[i] + 1]++;
    for (int32 item = 0; item < items; item++) {
        p->start[item + 1] += p->start[item];
        next[item] = p->start[item];
        p->place[item] = -1;
    }
    for (size_t i = 0; i < r.n; i++) {
        p->other[next[r.a[i]]] = r.b[i];
        p->value[next[r.a[i]]++] = r.value[i];
    }
    lt_free(env, next);
    lt_free(env, r.a);
    lt_free(env, r.b);
    lt_free(env, r.value);
}

ltpg_item_pairs *ltpg_item_pairs_make(ltpg_model *model, const ltpg_candidates *candidates, const char *relation,
                                      bool many)
{
    ltpg_item_pairs *p = palloc0(sizeof *p);
    char *name;
    Oid oid = ltpg_facts_relation(relation, "similarity", &name);

    p->model = model;
    p->candidates = candidates;
    p->relation = name;
    find_columns(p, oid, relation);
    if (many)
        read_all(p);
    return p;
}

/* ---- a list ---- */

typedef struct matrix_filler {
    const ltpg_item_pairs *pairs;
    const ltpg_keys *keys;
    const int32 *place; /* of keys */
    int64 n;
    float *matrix;
} matrix_filler;

static void fill_pair(float *matrix, int64 n, int32 i, int32 j, float value)
{
    if (i == j || matrix[i * n + j] >= value)
        return;
    matrix[i * n + j] = value;
    matrix[j * n + i] = value;
}

static void fill_row(void *context, TupleDesc type, const Datum *value, const bool *null)
{
    const matrix_filler *f = context;
    int32 a, b;
    float number;

    if (!read_value(f->pairs, type, value, null, &number))
        return;
    a = ltpg_keys_find(f->keys, value[0], TupleDescAttr(type, 0)->atttypid);
    b = ltpg_keys_find(f->keys, value[1], TupleDescAttr(type, 1)->atttypid);
    if (a >= 0 && b >= 0)
        fill_pair(f->matrix, f->n, f->place[a], f->place[b], number);
}

static void read_list(lt_env *env, const ltpg_item_pairs *p, const lt_rerank_input *in, float *matrix)
{
    ltpg_keys keys;
    int32 *place;
    matrix_filler f = {.pairs = p, .keys = &keys, .n = in->n, .matrix = matrix};

    LTPG(env, lt_alloc(env, &place, in->n, sizeof *place, "the candidates"));
    ltpg_keys_init(env, &keys, p->kind);
    SPI_connect();
    for (int64 i = 0; i < in->n; i++) {
        int32 number = ltpg_keys_candidate(env, &keys, p->model, p->candidates, in, i);

        if (number >= 0)
            place[number] = (int32)i;
    }
    f.place = place;
    if (keys.number.n > 0) {
        Datum array[2] = {ltpg_keys_array(&keys, p->type[0]), ltpg_keys_array(&keys, p->type[1])};
        Oid types[2] = {get_array_type(p->type[0]), get_array_type(p->type[1])};

        ltpg_facts_query(psprintf("%s WHERE %s OPERATOR(pg_catalog.=) ANY ($1) AND %s OPERATOR(pg_catalog.=) ANY ($2)",
                                  p->query, p->column[0], p->column[1]),
                         2, types, array, 3, fill_row, &f);
    }
    SPI_finish();
    lt_free(env, place);
}

static void pick_list(const ltpg_item_pairs *p, const lt_rerank_input *in, float *matrix)
{
    for (int64 i = 0; i < in->n; i++)
        if (in->item[i] >= 0)
            p->place[in->item[i]] = (int32)i;
    for (int64 i = 0; i < in->n; i++) {
        int32 item = in->item[i];

        for (int64 e = item < 0 ? 0 : p->start[item]; item >= 0 && e < p->start[item + 1]; e++)
            if (p->place[p->other[e]] >= 0)
                fill_pair(matrix, in->n, (int32)i, p->place[p->other[e]], p->value[e]);
    }
    for (int64 i = 0; i < in->n; i++)
        if (in->item[i] >= 0)
            p->place[in->item[i]] = -1;
}

/* It grows with the square of the candidates, and not all that make lists have a budget. */
static void check_memory(int64 candidates, size_t cells)
{
    if (cells > (size_t)ltpg_training_memory * 1024 / sizeof(float))
        ereport(ERROR,
                (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("not enough memory for the candidates' similarity"),
                 errdetail(INT64_FORMAT " candidates need %zu kB; longtail.training_memory is %d kB.", candidates,
                           cells / 1024 * sizeof(float), ltpg_training_memory),
                 errhint("Rerank fewer: ten times k are taken of a model's items, and all that rerank is given.")));
}

const float *ltpg_item_pairs_matrix(lt_env *env, ltpg_item_pairs *p, const lt_rerank_input *in)
{
    size_t cells = (size_t)in->n * (size_t)in->n; /* n is at most INT32_MAX */
    float *matrix;

    check_memory(in->n, cells);
    LTPG(env, lt_alloc(env, &matrix, cells, sizeof *matrix, "the candidates' similarity"));
    for (int64 i = 0; i < in->n; i++) {
        LTPG(env, lt_poll(env));
        for (int64 j = 0; j < in->n; j++)
            matrix[i * in->n + j] = NOT_SAID;
    }
    if (p->start == NULL)
        read_list(env, p, in, matrix);
    else
        pick_list(p, in, matrix);
    for (int64 i = 0; i < in->n; i++) {
        LTPG(env, lt_poll(env));
        for (int64 j = 0; j < in->n; j++)
            if (matrix[i * in->n + j] == NOT_SAID)
                matrix[i * in->n + j] = 0;
        matrix[i * in->n + i] = 1;
    }
    return matrix;
}
