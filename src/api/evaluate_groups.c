/*
 * evaluate_groups.c: what lists are worth to groups of users: NDCG and recall of each value of a column of theirs, and
 * how far these are apart, as standard deviation (the population's) over mean: what REO is to groups of items (see
 * core/ranking_groups.c), for users.
 *
 * A user with several values, of an array or in several rows, counts in each; one without any is in no group.
 */
#include "evaluate.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct membership {
    int32 row, group;
} membership;

typedef struct groups_reader {
    const ltpg_evaluation *e;
    Oid key_type;
    lt_dictionary values;
    membership *member;
    size_t n, capacity;
} groups_reader;

static void read_member(void *context, TupleTableSlot *slot)
{
    groups_reader *r = context;
    lt_env *env = r->e->env;
    int32 row, group;
    text *value;

    if (slot->tts_isnull[0] || slot->tts_isnull[1])
        return;
    row = ltpg_evaluation_row(r->e, slot->tts_values[0], r->key_type);
    if (row < 0)
        return;
    value = DatumGetTextPP(slot->tts_values[1]);
    LTPG(env, lt_dictionary_add(env, &r->values, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), 1, &group));
    LTPG(env, lt_grow(env, &r->member, &r->capacity, r->n + 1, sizeof *r->member, "the users' groups"));
    r->member[r->n++] = (membership){row, group};
}

static int compare_members(const void *a, const void *b)
{
    const membership *left = a, *right = b;

    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

/* Each user once in each of their groups, groups in the order of their values. */
static void read_groups(groups_reader *r, const char *column)
{
    const ltpg_evaluation *e = r->e;
    const ltpg_definition *d = e->model->definition;
    const char *given = lt_option_text(&e->options, "user_attributes"), *key;
    Oid relation = d->user_features;
    int32_t *map, dropped;
    size_t kept = 0;

    if (given[0] != '\0')
        relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(given)));
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"user_attribute\" needs a relation to read it from"),
                        errdetail("Model \"%s\" has no user_features.", d->name),
                        errhint("Name one in option \"user_attributes\".")));
    key = ltpg_features_key(relation, d->user_column);
    ltpg_column_find(relation, key, "the users' id", &r->key_type);
    LTPG(e->env, lt_dictionary_init(e->env, &r->values));
    ltpg_scan(psprintf("SELECT f.%s, v.value::pg_catalog.text FROM %s", quote_identifier(key),
                       ltpg_from_values(relation, "user_attributes", column, "user_attribute")),
              &r->key_type, 1, read_member, r);
    LTPG(e->env, lt_dictionary_finish(e->env, &r->values, 0, &map, &dropped));
    for (size_t i = 0; i < r->n; i++)
        r->member[i].group = map[r->member[i].group];
    if (r->n > 0)
        qsort(r->member, r->n, sizeof *r->member, compare_members);
    for (size_t i = 0; i < r->n; i++)
        if (i == 0 || compare_members(&r->member[i - 1], &r->member[i]) != 0)
            r->member[kept++] = r->member[i];
    r->n = kept;
}

static void measure_groups(const groups_reader *r, const lt_ranking_metrics *m, const char *column, lt_measure measure,
                           int j, ltpg_put_figure put, void *context)
{
    const char *name = lt_measure_names[measure];
    double means = 0, squares = 0;
    size_t at = 0;

    for (int32 g = 0; g < r->values.n; g++) {
        double mean = 0;
        int64_t length, n = 0;
        const char *value = lt_dictionary_key(&r->values, g, &length);

        for (; at < r->n && r->member[at].group == g; at++, n++)
            mean += lt_ranking_kept(m, r->member[at].row, measure, j);
        mean /= n;
        means += mean;
        squares += mean * mean;
        put(context, psprintf("%s of %s=%.*s", name, column, (int)length, value), m->k[j], mean, n);
    }
    means /= r->values.n;
    put(context, psprintf("%s_spread", name), m->k[j],
        means > 0 ? sqrt(fmax(squares / r->values.n - means * means, 0)) / means : NAN, r->n);
}

void ltpg_evaluate_user_groups(const ltpg_evaluation *e, const lt_ranking_metrics *m, ltpg_put_figure put,
                               void *context)
{
    const char *column = lt_option_text(&e->options, "user_attribute");
    groups_reader r = {.e = e};

    read_groups(&r, column);
    for (int j = 0; j < m->n_k; j++) {
        measure_groups(&r, m, column, LT_NDCG, j, put, context);
        measure_groups(&r, m, column, LT_RECALL, j, put, context);
    }
}
