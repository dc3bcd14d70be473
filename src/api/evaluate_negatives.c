/*
 * evaluate_negatives.c: the items that each user's test items are ranked among, from a relation: negatives of published
 * protocols (He et al., "Neural collaborative filtering", 2017: 99 a user; measures on sampled ones are looked at in
 * Krichene and Rendle, "On sampled metrics for item recommendation", 2020, and mislead).
 */
#include "evaluate.h"

#include "ids.h"
#include "miscadmin.h"
#include "utils/builtins.h"

typedef struct negatives_reader {
    const ltpg_evaluation *e;
    Oid user_type, item_type;
    int32 *row, *item; /* n pairs */
    size_t n, cap_row, cap_item;
} negatives_reader;

/* Items the model does not know cannot be ranked, and users who are not in the test are of no interest. */
static void read_negative(void *context, TupleTableSlot *slot)
{
    negatives_reader *r = context;
    int32 row, item;

    if (slot->tts_isnull[0] || slot->tts_isnull[1])
        return;
    row = ltpg_evaluation_row(r->e, slot->tts_values[0], r->user_type);
    item = ltpg_model_item(r->e->model, slot->tts_values[1], r->item_type);
    if (row < 0 || item < 0)
        return;
    LTPG(r->e->env, lt_grow(r->e->env, &r->row, &r->cap_row, r->n + 1, sizeof *r->row, "the negatives"));
    LTPG(r->e->env, lt_grow(r->e->env, &r->item, &r->cap_item, r->n + 1, sizeof *r->item, "the negatives"));
    r->row[r->n] = row;
    r->item[r->n++] = item;
}

/* Each row's candidates: its known test items and its negatives. */
static lt_pairs gather_candidates(const negatives_reader *r, const lt_test *test)
{
    const lt_pairs *relevant = &test->relevant;
    lt_pairs out = {.rows = relevant->rows, .cols = relevant->cols};
    size_t total = r->n + (size_t)relevant->start[relevant->rows];
    int64_t *at, kept = 0;

    LTPG(r->e->env, lt_alloc(r->e->env, &out.start, (size_t)out.rows + 1, sizeof *out.start, "the negatives"));
    LTPG(r->e->env, lt_alloc(r->e->env, &at, (size_t)out.rows + 1, sizeof *at, "the negatives"));
    LTPG(r->e->env, lt_alloc(r->e->env, &out.col, total, sizeof *out.col, "the negatives"));
    for (size_t i = 0; i < r->n; i++)
        at[r->row[i] + 1]++;
    for (int32 row = 0; row < out.rows; row++) {
        if (at[row + 1] == 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("user %s of the test has no negatives", ltpg_evaluation_user(r->e, row)),
                            errdetail("A ranking without negatives is always right."),
                            errhint("Give them, or leave the user out of the test.")));
        at[row + 1] += at[row] + relevant->start[row + 1] - relevant->start[row];
    }
    for (int32 row = 0; row < out.rows; row++) {
        out.start[row] = at[row];
        for (int64 j = relevant->start[row]; j < relevant->start[row + 1]; j++)
            if (relevant->col[j] >= 0)
                out.col[at[row]++] = relevant->col[j];
    }
    for (size_t i = 0; i < r->n; i++)
        out.col[at[r->row[i]]++] = r->item[i];
    for (int32 row = 0; row < out.rows; row++) {
        int64 from = out.start[row], n = ltpg_unique_items(out.col + from, at[row] - from);

        CHECK_FOR_INTERRUPTS();
        memmove(out.col + kept, out.col + from, (Size)n * sizeof *out.col);
        out.start[row] = kept;
        kept += n;
    }
    out.start[out.rows] = kept;
    return out;
}

lt_pairs ltpg_read_negatives(const ltpg_evaluation *e, const char *name)
{
    const lt_test *test = &e->test;
    const ltpg_definition *d = e->model->definition;
    Oid relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));
    negatives_reader r = {.e = e};

    ltpg_column_find(relation, d->user_column, "user_column", &r.user_type);
    ltpg_column_find(relation, d->item_column, "item_column", &r.item_type);
    ltpg_scan(psprintf("SELECT %s, %s FROM %s", quote_identifier(d->user_column), quote_identifier(d->item_column),
                       ltpg_relation_name(relation, "negatives")),
              (Oid[]){r.user_type, r.item_type}, 2, read_negative, &r);
    return gather_candidates(&r, test);
}
