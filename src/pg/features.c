/*
 * features.c: which columns of a relation are features, and one row of them into an encoder.
 *
 * Every column without a role is a feature if its type can be one; option "features" restricts ("a") or excludes
 * ("-a").  Option "text" says which text columns are read as text, "categorical" which numbers as categories.
 */
#include "source.h"

#include "access/table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- which columns are features ---- */

/* What option "features" says of a column: -1 excluded, 1 named, 0 not mentioned. *restricts: others are out. */
static int mentioned(const lt_options *options, const char *column, bool *restricts)
{
    const lt_value *list = lt_option_value(options, "features");
    int said = 0;

    *restricts = false;
    for (int i = 0; i < list->n; i++) {
        bool minus = list->names[i][0] == '-';

        *restricts |= !minus;
        if (strcmp(list->names[i] + minus, column) == 0)
            said = minus ? -1 : 1;
    }
    return said;
}

static bool listed(const lt_options *options, const char *option, const char *column)
{
    const lt_value *list = lt_option_value(options, option);

    for (int i = 0; i < list->n; i++)
        if (strcmp(list->names[i], column) == 0)
            return true;
    return false;
}

/* Adds the column to features when it is to be one. */
static void consider_column(lt_env *env, const lt_options *options, Form_pg_attribute attribute, lt_encoder *encoder,
                            ltpg_features *features)
{
    const char *name = pstrdup(NameStr(attribute->attname));
    bool restricts;
    int said = mentioned(options, name, &restricts);
    bool text = listed(options, "text", name);
    lt_kind as = text ? LT_TEXT : listed(options, "categorical", name) ? LT_CATEGORY : LT_NUMBER;
    lt_kind kind;

    if (said < 0 || (restricts && said == 0))
        return;
    if (text && !ltpg_is_text(attribute->atttypid))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("option \"text\" names \"%s\", which is of type %s", name, format_type_be(attribute->atttypid)),
                 errhint("Only columns of text types can be read as text.")));
    if (!ltpg_column_kind(attribute->atttypid, as, &kind)) {
        if (said > 0)
            ereport(ERROR,
                    (errcode(ERRCODE_DATATYPE_MISMATCH),
                     errmsg("column \"%s\" of type %s cannot be a feature", name, format_type_be(attribute->atttypid)),
                     errhint("Cast it in a view, or leave it out.")));
        ereport(NOTICE, (errmsg("column \"%s\" of type %s is not used as a feature", name,
                                format_type_be(attribute->atttypid))));
        return;
    }
    if (kind == LT_TEXT)
        LTPG(env, lt_encoder_add_text(env, encoder, name, lt_option_int(options, "text_buckets")));
    else
        LTPG(env, lt_encoder_add(env, encoder, name, kind));
    ltpg_column_init(&features->column[features->n], name, attribute->atttypid, kind);
    features->column[features->n].feature = encoder->n_features - 1;
    features->n++;
}

/* Number and name what is selected: features follow `first - 1` other columns. */
static void number_columns(ltpg_features *features, int first)
{
    StringInfoData select;

    initStringInfo(&select);
    for (int i = 0; i < features->n; i++) {
        features->column[i].attnum = first + i;
        appendStringInfo(&select, ", %s", quote_identifier(features->column[i].name));
    }
    features->select = select.data;
}

Oid *ltpg_features_types(const ltpg_features *features, int first, int *n)
{
    Oid *types;

    *n = first - 1 + features->n;
    types = palloc0(Max(*n, 1) * sizeof *types);
    for (int i = 0; i < features->n; i++)
        types[features->column[i].attnum - 1] = features->column[i].type;
    return types;
}

/* Columns of a fitting encoder that are read as runs of numbers, and the others. */
static void find_runs(ltpg_features *features, const lt_encoder *encoder)
{
    ltpg_features_run *run = NULL;

    features->run = palloc(Max(features->n, 1) * sizeof *features->run);
    features->other = palloc(Max(features->n, 1) * sizeof *features->other);
    for (int i = 0; i < features->n; i++) {
        const ltpg_column *c = &features->column[i];
        ltpg_plain plain = lt_encoder_is_number(encoder, c->feature) ? ltpg_plain_of(c->type) : LTPG_PLAIN_NONE;

        if (plain == LTPG_PLAIN_NONE) {
            features->other[features->n_others++] = i;
            run = NULL;
        } else if (run != NULL && run->plain == plain) {
            run->count++;
        } else {
            run = &features->run[features->n_runs++];
            *run = (ltpg_features_run){plain, i, 1};
        }
    }
}

ltpg_features ltpg_features_choose(lt_env *env, Oid relation, const lt_options *options, const char *const *taken,
                                   int n_taken, lt_encoder *encoder, int first)
{
    Relation r = table_open(relation, AccessShareLock);
    TupleDesc columns = RelationGetDescr(r);
    ltpg_features features = {0};

    features.column = palloc(Max(columns->natts, 1) * sizeof(ltpg_column));
    for (int i = 0; i < columns->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(columns, i);
        bool has_role = attribute->attisdropped;

        for (int j = 0; j < n_taken; j++)
            has_role |= taken[j] != NULL && strcmp(taken[j], NameStr(attribute->attname)) == 0;
        if (!has_role)
            consider_column(env, options, attribute, encoder, &features);
    }
    table_close(r, AccessShareLock);
    number_columns(&features, first);
    find_runs(&features, encoder);
    return features;
}

/* Titles read as categories: nearly each is rare. The model then knows of most rows only that their title is rare. */
void ltpg_features_advise_text(Oid relation, const lt_encoder *encoder)
{
    for (int i = 0; i < encoder->n_features; i++) {
        const lt_feature *f = &encoder->feature[i];
        double own = 0, folded = 0;

        if (f->kind != LT_CATEGORY || !ltpg_is_text(get_atttype(relation, get_attnum(relation, f->name))))
            continue;
        for (int32_t j = 0; j < f->dictionary.n; j++)
            own += f->dictionary.count[j];
        for (int32_t j = 0; j < f->rare.n; j++)
            folded += f->rare.count[j];
        if (folded > own)
            ereport(NOTICE,
                    (errmsg("column \"%s\" is read as categories, and %.0f of its %.0f values are so rare that they"
                            " count as (other)",
                            f->name, folded, own + folded),
                     errhint("If it is a title or a description, read it as text: options => '{\"text\": [\"%s\"]}'.",
                             f->name)));
    }
}

/* Whether the relation has the feature's column, of the same kind of type still. */
static bool has_column(Oid relation, const lt_feature *f)
{
    AttrNumber number = get_attnum(relation, f->name);
    lt_kind kind;

    return number > 0 && ltpg_column_kind(get_atttype(relation, number), f->kind, &kind) && kind == f->kind;
}

bool ltpg_features_fit(Oid relation, const lt_encoder *encoder)
{
    for (int i = 0; i < encoder->n_features; i++)
        if (!has_column(relation, &encoder->feature[i]))
            return false;
    return true;
}

ltpg_features ltpg_features_bind(Oid relation, const lt_encoder *encoder, int first)
{
    ltpg_features features = {0};

    features.column = palloc(Max(encoder->n_features, 1) * sizeof(ltpg_column));
    for (int i = 0; i < encoder->n_features; i++) {
        const lt_feature *f = &encoder->feature[i];
        Oid type;
        lt_kind kind;

        ltpg_column_find(relation, f->name, "feature of the model", &type);
        if (!ltpg_column_kind(type, f->kind, &kind) || kind != f->kind)
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("column \"%s\" of %s has another kind of type now", f->name,
                                   ltpg_relation_name(relation, "relation")),
                            errdetail("It is of type %s.", format_type_be(type)), errhint("Train the model again.")));
        ltpg_column_init(&features.column[i], f->name, type, kind);
        features.column[i].feature = i;
    }
    features.n = encoder->n_features;
    number_columns(&features, first);
    return features;
}

ltpg_features ltpg_features_bind_some(Oid relation, const lt_encoder *encoder, int first, bool *gone)
{
    ltpg_features features = {0};

    features.column = palloc(Max(encoder->n_features, 1) * sizeof(ltpg_column));
    for (int i = 0; i < encoder->n_features; i++) {
        const lt_feature *f = &encoder->feature[i];

        gone[i] = !has_column(relation, f);
        if (gone[i])
            continue;
        ltpg_column_init(&features.column[features.n], f->name, get_atttype(relation, get_attnum(relation, f->name)),
                         f->kind);
        features.column[features.n++].feature = i;
    }
    number_columns(&features, first);
    return features;
}

/* The row's numbers into the encoder's row at hand. False, and counted by column, where some are NaN or infinite. */
static bool encode_run(const ltpg_features *features, const ltpg_features_run *run, lt_encoder *encoder,
                       TupleTableSlot *slot)
{
    ltpg_column *column = &features->column[run->first];
    const Datum *value = slot->tts_values + column->attnum - 1;
    const bool *is_null = slot->tts_isnull + column->attnum - 1;
    double *out = lt_encoder_numbers(encoder, column->feature);

    if (ltpg_plain_numbers(run->plain, value, is_null, run->count, out))
        return true;
    for (int i = 0; i < run->count; i++)
        column[i].invalid += !is_null[i] && !ltpg_plain_numbers(run->plain, value + i, is_null + i, 1, out + i);
    return false;
}

bool ltpg_features_encode(lt_env *env, ltpg_features *features, lt_encoder *encoder, TupleTableSlot *slot)
{
    bool valid = true, fitting = !encoder->frozen;
    int others;

    if (features->n == 0 && fitting) {
        LTPG(env, lt_encoder_end_row(env, encoder));
        return true;
    }
    LTPG(env, lt_encoder_begin_row(env, encoder));
    for (int i = 0; fitting && i < features->n_runs; i++)
        valid &= encode_run(features, &features->run[i], encoder, slot);
    others = fitting ? features->n_others : features->n;
    for (int i = 0; i < others; i++) {
        ltpg_column *column = &features->column[fitting ? features->other[i] : i];
        int at = column->attnum - 1;

        valid &= ltpg_column_encode(env, encoder, column, slot->tts_values[at], slot->tts_isnull[at]);
    }
    if (valid)
        LTPG(env, lt_encoder_end_row(env, encoder));
    else
        lt_encoder_drop_row(encoder);
    return valid;
}
