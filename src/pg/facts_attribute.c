/*
 * facts_attribute.c: values of an attribute of items: what a list is calibrated over, or who counts as the tail.
 *
 * An item's values are the elements of an array, or what its column reads as; where the relation has several rows of an
 * item, it has the values of all of them, each once.  NULL is no value.
 *
 * Of a history every item weighs the same, each of its values an equal share of that; items without a value weigh
 * nothing.
 */
#include "facts_parts.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Values by row; a row is an item of the model, a place in the list, or the number of a key behind these. */
typedef struct value_table {
    lt_dictionary value;
    int32 *row, *of; /* n: as they were read */
    size_t n, cap_row, cap_of;
    int32 rows;
    int64_t *start; /* rows + 1 */
    int32 *number;  /* start[rows] */
    uint8 *chosen;  /* value.n: is among the option's values */
} value_table;

struct ltpg_attribute {
    ltpg_model *model;
    const ltpg_candidates *candidates;
    bool calibrates;
    const lt_value *values;    /* names, where it does not */
    const ltpg_shares *target; /* NULL: what the history has */
    bool wants_history;
    const char *query; /* keys and values, all rows; NULL: there is no relation */
    const char *key;   /* its name, quoted */
    Oid key_type;
    lt_id_kind kind;
    value_table *all; /* by item of the model, where the relation was read at once */
};

/* ---- rows to values ---- */

/* What the type of the column asks for; looked up at the first row. */
typedef struct value_reader {
    lt_env *env;
    value_table *table;
    const ltpg_model *model; /* rows are its items, in a column of `kind`; NULL: keys are looked up */
    lt_id_kind kind;
    const ltpg_keys *keys;
    int32 first;       /* the row of key 0 */
    Oid type, element; /* base type; of an array, that of its elements */
    int16 length;
    bool by_value;
    char align;
    FmgrInfo output;
    MemoryContext memory; /* what output keeps from row to row */
} value_reader;

static void add_value(lt_env *env, value_table *t, int32 row, const char *bytes, int64 length)
{
    int32 number;

    LTPG(env, lt_dictionary_add(env, &t->value, bytes, length, 1, &number));
    LTPG(env, lt_grow(env, &t->row, &t->cap_row, t->n + 1, sizeof *t->row, "the items' values"));
    LTPG(env, lt_grow(env, &t->of, &t->cap_of, t->n + 1, sizeof *t->of, "the items' values"));
    t->row[t->n] = row;
    t->of[t->n++] = number;
}

static void look_up_type(value_reader *r, Oid type)
{
    Oid output;
    bool varlena;

    r->type = getBaseType(type);
    r->element = get_element_type(r->type);
    getTypeOutputInfo(OidIsValid(r->element) ? r->element : r->type, &output, &varlena);
    fmgr_info_cxt(output, &r->output, r->memory);
    if (OidIsValid(r->element)) {
        get_typlenbyvalalign(r->element, &r->length, &r->by_value, &r->align);
        r->element = getBaseType(r->element);
    }
}

static void add_datum(const value_reader *r, int32 row, Datum value, Oid type)
{
    const char *output;

    if (type == TEXTOID || type == VARCHAROID) {
        struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

        add_value(r->env, r->table, row, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
        return;
    }
    if (type == BOOLOID)
        output = DatumGetBool(value) ? "true" : "false"; /* as a cast to text has it, and as people write it */
    else if (type == BPCHAROID)
        output = TextDatumGetCString(DirectFunctionCall1(rtrim1, value));
    else
        output = OutputFunctionCall((FmgrInfo *)&r->output, value);
    add_value(r->env, r->table, row, output, strlen(output));
}

static void read_row(void *context, TupleDesc type, const Datum *value, const bool *null)
{
    value_reader *r = context;
    Oid key_type = TupleDescAttr(type, 0)->atttypid;
    int32 row;

    if (null[0] || null[1])
        return;
    row = r->model != NULL ? ltpg_keys_model_item(r->model, r->kind, value[0], key_type)
                           : ltpg_keys_find(r->keys, value[0], key_type);
    if (row < 0)
        return;
    row += r->first;
    if (!OidIsValid(r->type))
        look_up_type(r, TupleDescAttr(type, 1)->atttypid);
    if (OidIsValid(r->element)) {
        Datum *element;
        bool *element_null;
        int n;

        deconstruct_array(DatumGetArrayTypeP(value[1]), r->element, r->length, r->by_value, r->align, &element,
                          &element_null, &n);
        for (int i = 0; i < n; i++)
            if (!element_null[i])
                add_datum(r, row, element[i], r->element);
    } else {
        add_datum(r, row, value[1], r->type);
    }
}

/* Puts what was read in the order of rows, each value of a row once. */
static void finish_table(lt_env *env, value_table *t, int32 rows)
{
    int64_t *next, kept = 0;

    t->rows = rows;
    LTPG(env, lt_alloc(env, &t->start, (size_t)rows + 1, sizeof *t->start, "the items' values"));
    LTPG(env, lt_alloc(env, &next, (size_t)rows + 1, sizeof *next, "the items' values"));
    LTPG(env, lt_alloc(env, &t->number, t->n, sizeof *t->number, "the items' values"));
    for (size_t i = 0; i < t->n; i++)
        t->start[t->row[i] + 1]++;
    for (int32 row = 0; row < rows; row++) {
        t->start[row + 1] += t->start[row];
        next[row] = t->start[row];
    }
    for (size_t i = 0; i < t->n; i++)
        t->number[next[t->row[i]]++] = t->of[i];
    for (int32 row = 0; row < rows; row++) {
        int32 *own = t->number + t->start[row];
        int64 n = ltpg_unique_items(own, next[row] - t->start[row]);

        memmove(t->number + kept, own, n * sizeof *own);
        t->start[row] = kept;
        kept += n;
    }
    t->start[rows] = kept;
    lt_free(env, next);
    lt_free(env, t->row);
    lt_free(env, t->of);
}

static void mark_chosen(lt_env *env, value_table *t, const lt_value *values)
{
    LTPG(env, lt_alloc(env, &t->chosen, t->value.n, 1, "the items' values"));
    for (int i = 0; i < values->n; i++) {
        int32 number = lt_dictionary_find(&t->value, values->names[i], strlen(values->names[i]));

        if (number >= 0)
            t->chosen[number] = 1;
    }
}

/* ---- where values come from ---- */

static void find_relation(ltpg_attribute *a, const lt_options *options)
{
    const char *given = lt_option_text(options, "attributes"), *column = lt_option_text(options, "attribute");
    const ltpg_definition *d = a->model == NULL ? NULL : a->model->definition;
    const char *key;
    char *name;
    Oid relation, type;

    if (given[0] != '\0') {
        relation = ltpg_facts_relation(given, "attributes", &name);
    } else {
        relation = d == NULL ? InvalidOid : d->item_features;
        if (!OidIsValid(relation))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("option \"attribute\" does not say of which relation it is"),
                     errhint("Name it in option \"attributes\"; without, it is the item_features of the model.")));
        name = ltpg_relation_name(relation, "item_features relation of the model");
    }
    key = ltpg_features_key(relation, d == NULL ? NULL : d->item_column);
    ltpg_column_find(relation, key, "key", &a->key_type);
    ltpg_column_find(relation, column, "option \"attribute\"", &type);
    a->kind = ltpg_keys_kind(a->model, relation, key, a->key_type);
    a->key = quote_identifier(key);
    a->query = psprintf("SELECT %s, %s FROM %s", a->key, quote_identifier(column), name);
}

static void read_all(ltpg_attribute *a)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    value_reader r = {.env = env,
                      .table = palloc0(sizeof *r.table),
                      .model = a->model,
                      .kind = a->kind,
                      .memory = CurrentMemoryContext};

    LTPG(env, lt_dictionary_init(env, &r.table->value));
    ltpg_facts_scan(a->query, read_row, &r);
    finish_table(env, r.table, a->model->bundle.items.n);
    if (!a->calibrates)
        mark_chosen(env, r.table, a->values);
    a->all = r.table;
}

ltpg_attribute *ltpg_attribute_make(ltpg_model *model, const ltpg_candidates *candidates, const lt_reranker *method,
                                    const lt_options *options, bool many)
{
    ltpg_attribute *a = palloc0(sizeof *a);
    bool given = candidates != NULL && candidates->attribute != NULL;

    a->model = model;
    a->candidates = candidates;
    a->calibrates = method == &lt_rerank_calibrated;
    a->values = lt_option_value(options, "values");
    if (a->calibrates && candidates != NULL && candidates->target != NULL) {
        ltpg_shares *target = palloc(sizeof *target);

        *target = ltpg_shares_read(candidates->target);
        a->target = target;
    }
    a->wants_history = method->uses_taste && a->target == NULL && model != NULL;
    if (lt_option_text(options, "attribute")[0] != '\0')
        find_relation(a, options);
    if (a->calibrates && a->target == NULL && (model == NULL || a->query == NULL))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("rerank method \"%s\" has attributes, and nothing to calibrate them to", method->name),
                        given && model != NULL
                            ? errhint("Name the column and the relation that have the attribute of the items in the "
                                      "user's history, in options \"attribute\" and \"attributes\", or give option "
                                      "\"target\".")
                            : errhint("Give option \"target\", such as {\"target\": {\"new\": 0.3, \"old\": 0.7}}, or "
                                      "model and user_id, for what the user has.")));
    if (many)
        read_all(a);
    return a;
}

/* ---- a list ---- */

/* Rows of the table that the candidates and the history have; -1: none. */
typedef struct list_rows {
    const value_table *table;
    int32 *candidate, *history;
    int64 n_history;
} list_rows;

/* Numbers keys for those whose values are in the relation, and reads it, with one query. */
static value_table *read_list(lt_env *env, const ltpg_attribute *a, const lt_rerank_input *in, list_rows *rows)
{
    const ltpg_candidates *c = a->candidates;
    bool given = c != NULL && c->attribute != NULL;
    int32 first = given ? c->n : 0;
    ltpg_keys keys;
    value_table *t;

    LTPG(env, lt_alloc(env, &t, 1, sizeof *t, "the items' values"));
    LTPG(env, lt_dictionary_init(env, &t->value));
    ltpg_keys_init(env, &keys, a->kind);
    SPI_connect();
    for (int64 i = 0; i < in->n; i++) {
        int32 place = in->item[i];

        if (!given) {
            rows->candidate[i] = ltpg_keys_candidate(env, &keys, a->model, c, in, i);
            continue;
        }
        rows->candidate[i] = place;
        if (!c->attribute_null[place]) {
            struct varlena *text = PG_DETOAST_DATUM_PACKED(c->attribute[place]);

            add_value(env, t, place, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
        }
    }
    for (int64 i = 0; i < rows->n_history; i++) {
        int32 number = a->query == NULL ? -1 : ltpg_keys_item(env, &keys, a->model, in->history[i]);

        rows->history[i] = number < 0 ? -1 : first + number;
    }
    if (keys.number.n > 0) {
        value_reader r = {.env = env, .table = t, .keys = &keys, .first = first, .memory = CurrentMemoryContext};
        Datum array = ltpg_keys_array(&keys, a->key_type);
        Oid type = get_array_type(a->key_type);

        ltpg_facts_query(psprintf("%s WHERE %s OPERATOR(pg_catalog.=) ANY ($1)", a->query, a->key), 1, &type, &array, 2,
                         read_row, &r);
    }
    SPI_finish();
    finish_table(env, t, first + keys.number.n);
    if (!a->calibrates)
        mark_chosen(env, t, a->values);
    return t;
}

static list_rows rows_of(lt_env *env, const ltpg_attribute *a, const lt_rerank_input *in)
{
    list_rows rows = {.table = a->all, .n_history = a->wants_history ? in->n_history : 0};

    LTPG(env, lt_alloc(env, &rows.candidate, in->n, sizeof *rows.candidate, "the items' values"));
    LTPG(env, lt_alloc(env, &rows.history, rows.n_history, sizeof *rows.history, "the items' values"));
    if (a->all == NULL) {
        rows.table = read_list(env, a, in, &rows);
        return rows;
    }
    for (int64 i = 0; i < in->n; i++)
        rows.candidate[i] = in->item[i];
    for (int64 i = 0; i < rows.n_history; i++)
        rows.history[i] = in->history[i];
    return rows;
}

/* ---- groups ---- */

/* The values of a list, numbered as they come; local: of each value of the table its group + 1, 0: none yet. */
typedef struct grouping {
    int32 n;
    int32 *local;
} grouping;

static int32 group_of(grouping *g, int32 value)
{
    if (g->local[value] == 0)
        g->local[value] = ++g->n;
    return g->local[value] - 1;
}

/* What the history has, share by group; NULL when that is nothing. */
static double *history_shares(lt_env *env, const list_rows *rows, grouping *g)
{
    const value_table *t = rows->table;
    double *share, total = 0;
    int64 most = g->n;

    for (int64 i = 0; i < rows->n_history; i++)
        if (rows->history[i] >= 0)
            most += t->start[rows->history[i] + 1] - t->start[rows->history[i]];
    LTPG(env, lt_alloc(env, &share, most, sizeof *share, "the history's values"));
    for (int64 i = 0; i < rows->n_history; i++) {
        int32 row = rows->history[i];

        if (row < 0 || t->start[row + 1] == t->start[row])
            continue;
        for (int64 e = t->start[row]; e < t->start[row + 1]; e++)
            share[group_of(g, t->number[e])] += 1.0 / (double)(t->start[row + 1] - t->start[row]);
        total++;
    }
    for (int32 i = 0; i < g->n && total > 0; i++)
        share[i] /= total;
    return total > 0 ? share : NULL;
}

static double *target_shares(lt_env *env, const value_table *t, const ltpg_shares *target, grouping *g)
{
    double *share;

    LTPG(env, lt_alloc(env, &share, (size_t)g->n + target->n, sizeof *share, "the target"));
    for (int i = 0; i < target->n; i++) {
        int32 value = lt_dictionary_find(&t->value, target->value[i], strlen(target->value[i]));

        share[value >= 0 ? group_of(g, value) : g->n++] = target->share[i];
    }
    return share;
}

static void fill_groups(lt_env *env, const ltpg_attribute *a, const list_rows *rows, lt_rerank_input *in)
{
    const value_table *t = rows->table;
    grouping g = {0};
    lt_groups *groups;
    int64_t *start;
    int32 *group;
    int64 entries = 0;

    for (int64 i = 0; i < in->n; i++)
        if (rows->candidate[i] >= 0)
            entries += t->start[rows->candidate[i] + 1] - t->start[rows->candidate[i]];
    LTPG(env, lt_alloc(env, &groups, 1, sizeof *groups, "the candidates' groups"));
    LTPG(env, lt_alloc(env, &start, (size_t)in->n + 1, sizeof *start, "the candidates' groups"));
    LTPG(env, lt_alloc(env, &group, entries, sizeof *group, "the candidates' groups"));
    LTPG(env, lt_alloc(env, &g.local, t->value.n, sizeof *g.local, "the candidates' groups"));
    for (int64 i = 0; i < in->n; i++) {
        int32 row = rows->candidate[i];

        start[i + 1] = start[i];
        for (int64 e = row < 0 ? 0 : t->start[row]; row >= 0 && e < t->start[row + 1]; e++)
            group[start[i + 1]++] = group_of(&g, t->number[e]);
    }
    groups->start = start;
    groups->group = group;
    groups->target = a->target != NULL ? target_shares(env, t, a->target, &g) : history_shares(env, rows, &g);
    groups->n = g.n;
    in->groups = groups;
}

/* ---- who counts as the tail ---- */

static bool has_chosen(const value_table *t, int32 row)
{
    for (int64 e = row < 0 ? 0 : t->start[row]; row >= 0 && e < t->start[row + 1]; e++)
        if (t->chosen[t->number[e]])
            return true;
    return false;
}

static void fill_tail(lt_env *env, const ltpg_attribute *a, const list_rows *rows, lt_rerank_input *in)
{
    uint8 *group;
    int64 known = 0, chosen = 0;

    LTPG(env, lt_alloc(env, &group, in->n, 1, "the candidates' groups"));
    for (int64 i = 0; i < in->n; i++)
        group[i] = has_chosen(rows->table, rows->candidate[i]);
    in->group = group;
    for (int64 i = 0; i < rows->n_history; i++) {
        known += in->history[i] >= 0;
        chosen += has_chosen(rows->table, rows->history[i]);
    }
    in->user_taste[LT_HEAD] = 0;
    in->user_taste[LT_MID] = known > 0 ? (double)(known - chosen) / (double)known : 0;
    in->user_taste[LT_TAIL] = known > 0 ? (double)chosen / (double)known : 0;
}

void ltpg_attribute_fill(lt_env *env, ltpg_attribute *a, lt_rerank_input *in)
{
    list_rows rows = rows_of(env, a, in);

    if (a->calibrates)
        fill_groups(env, a, &rows, in);
    else
        fill_tail(env, a, &rows, in);
}
