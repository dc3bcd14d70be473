/*
 * source.c: rows in: the walk from the caller's relations to a dataset.
 *
 * Order of reading: source, item_features (which may add items), the source of another domain (which may add users, and
 * hidden items), edges between users (which may add users), user_features, then ids are numbered, and features and
 * edges placed by number.
 */
#include "source.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "ids.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#define TELL_EVERY 65536 /* rows: tens of milliseconds */

/* ---- the source's rows ---- */

/* A column with a role; attnum 0: not given. */
typedef struct role {
    const char *name;
    int attnum; /* in what is selected */
    Oid type;
    ltpg_plain plain;    /* of a number */
    ltpg_key_column key; /* of an id */
    int64 invalid;       /* rows with NaN or infinity in it */
} role;

typedef struct source_reader {
    lt_env *env;
    lt_env *encoder_env; /* where the row encoder grows: the bundle's own environment */
    lt_builder *builder;
    ltpg_features features;
    role user, item, label, weight, time;
    int64 negative_weights;
    double weight_scale; /* what weights are multiplied by */
    double first_time;   /* the earliest there was */
    bool domain;         /* rows of another source */
    int n_selected;
    StringInfoData select;
    ltpg_reading *reading;
} source_reader;

static bool is_id(Oid type)
{
    return ltpg_id_kind(type) != LT_ID_NONE;
}

static bool is_time_or_number(Oid type)
{
    return ltpg_is_time(type) || (ltpg_is_number(type) && type != BOOLOID);
}

/* Selects the column that plays a role, its type checked. A missing one is an error unless optional. */
static void take_role(source_reader *r, role *out, Oid relation, const char *column, const char *what,
                      bool (*takes)(Oid), bool optional)
{
    if (column == NULL || (optional && get_attnum(relation, column) <= 0))
        return;
    ltpg_column_find(relation, column, what, &out->type);
    if (!takes(out->type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s \"%s\" cannot be of type %s", what, column, format_type_be(out->type))));
    out->name = column;
    out->plain = ltpg_plain_of(out->type);
    out->attnum = ++r->n_selected;
    appendStringInfo(&r->select, "%s%s", r->select.len > 0 ? ", " : "", quote_identifier(column));
}

static void take_roles(source_reader *r, const ltpg_definition *d, Oid relation, bool frozen)
{
    initStringInfo(&r->select);
    take_role(r, &r->user, relation, d->user_column, "user_column", is_id, false);
    take_role(r, &r->item, relation, d->item_column, "item_column", is_id, false);
    take_role(r, &r->label, relation, d->label_column, "label_column", ltpg_is_number, false);
    take_role(r, &r->weight, relation, d->weight_column, "weight_column", ltpg_is_number, frozen);
    take_role(r, &r->time, relation, d->time_column, "time_column", is_time_or_number, frozen);
    if (r->n_selected == 0) {
        appendStringInfoString(&r->select, "NULL");
        r->n_selected = 1;
    }
}

static bool is_null(const role *c, TupleTableSlot *slot)
{
    return c->attnum > 0 && slot->tts_isnull[c->attnum - 1];
}

/* False, and counted, when the number is not finite; labels and weights are kept in single precision. */
static bool take_number(role *c, TupleTableSlot *slot, bool single, double *out)
{
    static const bool is_null = false;
    bool valid;

    if (c->attnum == 0)
        return true;
    valid = c->plain != LTPG_PLAIN_NONE
                ? ltpg_plain_numbers(c->plain, &slot->tts_values[c->attnum - 1], &is_null, 1, out)
                : ltpg_number(slot->tts_values[c->attnum - 1], c->type, out);
    valid &= !single || fabs(*out) <= FLT_MAX;
    c->invalid += !valid;
    return valid;
}

static void read_row(void *context, TupleTableSlot *slot)
{
    source_reader *r = context;
    lt_bundle *bundle = r->builder->bundle;
    ltpg_key user, item;
    lt_row row = {.weight = 1};
    bool valid;

    if (is_null(&r->user, slot) || is_null(&r->item, slot) || is_null(&r->label, slot) || is_null(&r->weight, slot) ||
        is_null(&r->time, slot)) {
        r->reading->rows_skipped++;
        return;
    }
    valid = take_number(&r->label, slot, true, &row.label);
    valid &= take_number(&r->weight, slot, true, &row.weight);
    valid &= take_number(&r->time, slot, false, &row.time);
    r->negative_weights += valid && row.weight < 0;
    row.weight *= r->weight_scale;
    if (r->time.attnum == 0)
        row.time = r->first_time;
    else if (valid && !r->domain)
        r->first_time = Min(r->first_time, row.time);
    if (!valid || !ltpg_features_encode(r->encoder_env, &r->features, &bundle->row_encoder, slot)) {
        r->reading->rows_skipped++;
        return;
    }
    if (r->user.attnum > 0) {
        ltpg_key_of(&user, &r->user.key, slot->tts_values[r->user.attnum - 1]);
        ltpg_key_of(&item, &r->item.key, slot->tts_values[r->item.attnum - 1]);
        row.user = user.bytes;
        row.user_length = user.length;
        row.item = item.bytes;
        row.item_length = item.length;
    }
    LTPG(r->env, lt_builder_add(r->env, r->builder, &row));
    if (++r->reading->rows % TELL_EVERY == 0 && r->reading->progress != NULL)
        ltpg_progress_rows(r->reading->progress, r->reading->rows);
}

/* NaN and infinities are an error unless option "invalid" says skip. */
static void complain_of_invalid(const char *column, bool single, int64 count)
{
    if (count > 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column \"%s\" has NaN or infinite values", column),
                 single
                     ? errdetail(INT64_FORMAT " row(s) have them, or a number beyond single precision (3.4e38).", count)
                     : errdetail(INT64_FORMAT " row(s) have them.", count),
                 errhint("Clean them in a view, or say \"invalid\": \"skip\" to leave such rows out.")));
}

static void check_features(const lt_options *options, const ltpg_features *features)
{
    for (int i = 0; i < features->n && lt_option_is(options, "invalid", "error"); i++)
        complain_of_invalid(features->column[i].name, false, features->column[i].invalid);
}

static void check_rows(const source_reader *r, const lt_options *options)
{
    if (r->negative_weights > 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column \"%s\" has negative weights", r->weight.name),
                 errdetail(INT64_FORMAT " row(s) have them.", r->negative_weights),
                 errhint("Leave such rows (returns, cancellations) out in a view.")));
    check_features(options, &r->features);
    if (lt_option_is(options, "invalid", "skip"))
        return;
    complain_of_invalid(r->label.name, true, r->label.invalid);
    complain_of_invalid(r->weight.name, true, r->weight.invalid);
    complain_of_invalid(r->time.name, false, r->time.invalid);
}

static void scan_source(source_reader *r, Oid relation, const lt_options *options)
{
    const role *roles[] = {&r->user, &r->item, &r->label, &r->weight, &r->time};
    const lt_bundle *bundle = r->builder->bundle;
    int n;
    Oid *types = ltpg_features_types(&r->features, r->n_selected + 1, &n);

    for (int i = 0; i < (int)lengthof(roles); i++)
        if (roles[i]->attnum > 0)
            types[roles[i]->attnum - 1] = roles[i]->type;

    if (r->user.attnum > 0) {
        ltpg_key_column_init(&r->user.key, r->user.type, bundle->user_id);
        ltpg_key_column_init(&r->item.key, r->item.type, bundle->item_id);
    }
    ltpg_scan(
        psprintf("SELECT %s%s FROM %s", r->select.data, r->features.select, ltpg_relation_name(relation, "source")),
        types, n, read_row, r);
    LTPG(r->env, lt_builder_flush(r->env, r->builder));
    check_rows(r, options);
}

/* ---- another source ---- */

/* An error when the other source's column is of a kind that cannot stand beside the source's own. */
static void check_same(const role *own, const role *other, bool same)
{
    if (!same)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" of domain_source is of type %s, of another kind than the source's, %s",
                               other->name, format_type_be(other->type), format_type_be(own->type))));
}

/*
 * Rows of option domain_source, after the source's own and the catalogue: items added from here on, from number
 * *first_hidden, are hidden.  Its columns have the source's names; weight and time may be missing: every row then
 * weighs the same, and is as old as the oldest of the source.  Columns without a role are not read.
 */
static void read_domain(const source_reader *own, const ltpg_definition *d, const lt_options *options,
                        int32 *first_hidden)
{
    const char *name = lt_option_text(options, "domain_source");
    ltpg_reading reading = {0};
    source_reader r = {.env = own->env,
                       .encoder_env = own->encoder_env,
                       .builder = own->builder,
                       .reading = &reading,
                       .features = {.select = ""},
                       .weight_scale = lt_option_float(options, "domain_weight"),
                       .first_time = isinf(own->first_time) ? 0 : own->first_time,
                       .domain = true};
    Oid relation;

    *first_hidden = own->builder->bundle->items.n;
    if (name[0] == '\0')
        return;
    relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));
    take_roles(&r, d, relation, true);
    check_same(&own->user, &r.user, ltpg_id_kind(own->user.type) == ltpg_id_kind(r.user.type));
    check_same(&own->item, &r.item, ltpg_id_kind(own->item.type) == ltpg_id_kind(r.item.type));
    check_same(&own->label, &r.label, (own->label.type == BOOLOID) == (r.label.type == BOOLOID));
    check_same(&own->time, &r.time, r.time.attnum == 0 || ltpg_is_time(own->time.type) == ltpg_is_time(r.time.type));
    LTPG(r.env, lt_builder_start_domain(r.env, r.builder));
    scan_source(&r, relation, options);
}

/* Marks the items that read_domain added: those of provisional numbers from `first` to `end`. */
static void hide_items(lt_env *env, lt_bundle *bundle, const int32 *map, int32 first, int32 end)
{
    if (first == end)
        return;
    LTPG(env, lt_alloc(env, &bundle->hidden, bundle->items.n, 1, "the hidden items"));
    for (int32 i = first; i < end; i++)
        if (map[i] >= 0)
            bundle->hidden[map[i]] = 1;
}

/* ---- the sides' features ---- */

typedef struct side_reader {
    lt_env *env;
    lt_encoder *encoder;
    lt_dictionary *ids;
    lt_id_kind id_kind;
    Oid key_type;
    bool adds;     /* items: a new key joins the dictionary */
    bool key_only; /* there are no features to read */
    ltpg_features features;
    int32 *number; /* of each row: provisional number of its id, -1 unknown */
    size_t n, capacity;
    const char *relation, *key;
    ltpg_key_column key_column;
} side_reader;

static void read_side_row(void *context, TupleTableSlot *slot)
{
    side_reader *r = context;
    ltpg_key key;

    if (slot->tts_isnull[0] || !ltpg_features_encode(r->env, &r->features, r->encoder, slot))
        return;
    ltpg_key_of(&key, &r->key_column, slot->tts_values[0]);
    LTPG(r->env, lt_grow(r->env, &r->number, &r->capacity, r->n + 1, sizeof(int32), "the features' ids"));
    if (r->adds)
        LTPG(r->env, lt_dictionary_add(r->env, r->ids, key.bytes, key.length, 0, &r->number[r->n]));
    else
        r->number[r->n] = lt_dictionary_find(r->ids, key.bytes, key.length);
    r->n++;
}

/* Reads a features relation into an encoder still fitting; without one, there is nothing to read. */
static void read_side(side_reader *r, Oid relation, const char *id_column, const lt_options *options)
{
    Oid *types;
    int n;

    if (!OidIsValid(relation))
        return;
    r->relation = ltpg_relation_name(relation, "features relation");
    r->key = ltpg_features_key(relation, id_column);
    ltpg_column_find(relation, r->key, "key", &r->key_type);
    ltpg_key_column_init(&r->key_column, r->key_type, r->id_kind);
    r->features = r->key_only ? (ltpg_features){.select = ""}
                              : ltpg_features_choose(r->env, relation, options, &r->key, 1, r->encoder, 2);
    types = ltpg_features_types(&r->features, 2, &n);
    types[0] = r->key_type;
    ltpg_scan(psprintf("SELECT %s%s FROM %s", quote_identifier(r->key), r->features.select, r->relation), types, n,
              read_side_row, r);
    check_features(options, &r->features);
}

/* Encodes what was read, each row at its id's final number. */
static void finish_side(side_reader *r, const int32 *map, const lt_options *options, lt_table *out)
{
    int64_t *place;
    bool *taken;

    LTPG(r->env, lt_alloc(r->env, &place, r->n, sizeof *place, "the features' places"));
    LTPG(r->env, lt_alloc(r->env, &taken, r->ids->n, sizeof *taken, "the features' places"));
    for (size_t i = 0; i < r->n; i++) {
        place[i] = r->number[i] < 0 ? -1 : map[r->number[i]];
        if (place[i] >= 0 && taken[place[i]]) {
            int64_t length;
            const char *bytes = lt_dictionary_key(r->ids, place[i], &length);

            ereport(ERROR,
                    (errcode(ERRCODE_CARDINALITY_VIOLATION),
                     errmsg("%s has more than one row for \"%s\" %s", r->relation, r->key,
                            ltpg_key_text(r->id_kind, bytes, length)),
                     errhint("A features relation has one row an id; SELECT DISTINCT ON in a view can choose it.")));
        }
        if (place[i] >= 0)
            taken[place[i]] = true;
    }
    LTPG(r->env, lt_encoder_finish(r->env, r->encoder, lt_option_int(options, "min_count"),
                                   lt_option_bool(options, "standardize"), place, r->ids->n, out));
    lt_free(r->env, taken);
    lt_free(r->env, place);
    lt_free(r->env, r->number);
}

/* ---- both ---- */

/* True when the column is not needed or is there with a type of the same kind. */
static bool same_id(Oid relation, const char *column, lt_id_kind kind)
{
    AttrNumber number = column == NULL ? 0 : get_attnum(relation, column);

    if (kind == LT_ID_NONE || number <= 0)
        return kind == LT_ID_NONE && column == NULL;
    return ltpg_id_kind(get_atttype(relation, number)) == kind;
}

bool ltpg_can_read(const ltpg_definition *d, Oid relation, const lt_bundle *bundle)
{
    return same_id(relation, d->user_column, bundle->user_id) && same_id(relation, d->item_column, bundle->item_id) &&
           (d->label_column == NULL) == (bundle->label_kind == LT_LABEL_IMPLICIT) &&
           ltpg_features_fit(relation, &bundle->row_encoder);
}

/* A profile is not worth the training: where memory does not suffice there is none. */
static bool take_profile(lt_env *env, lt_status status, lt_profile *profile)
{
    if (status == LT_NO_MEMORY) {
        env->error.status = LT_OK;
        profile->rows = -1;
        return false;
    }
    LTPG(env, status);
    return true;
}

void ltpg_read_training(lt_env *env, const ltpg_definition *d, ltpg_reads reads, const lt_options *options,
                        lt_bundle *bundle, lt_dataset *dataset, ltpg_reading *reading)
{
    const char *const taken[] = {d->user_column, d->item_column, d->label_column, d->weight_column, d->time_column};
    lt_builder builder;
    lt_pairs social = {0};
    lt_profile_sample sample;
    bool profiled = false;
    source_reader r = {.env = env,
                       .encoder_env = env,
                       .builder = &builder,
                       .reading = reading,
                       .weight_scale = 1,
                       .first_time = INFINITY};

    reading->rows = reading->rows_skipped = 0;
    ltpg_relation_name(d->source, "source");
    take_roles(&r, d, d->source, false);
    r.features = reads == LTPG_READS_ALL ? ltpg_features_choose(env, d->source, options, taken, lengthof(taken),
                                                                &bundle->row_encoder, r.n_selected + 1)
                                         : (ltpg_features){.select = ""};
    bundle->user_id = r.user.attnum > 0 ? ltpg_id_kind(r.user.type) : LT_ID_NONE;
    bundle->item_id = r.item.attnum > 0 ? ltpg_id_kind(r.item.type) : LT_ID_NONE;
    LTPG(env, lt_builder_init(env, &builder, bundle, false, options));
    builder.has_label = r.label.attnum > 0;
    builder.has_weight = r.weight.attnum > 0;
    builder.has_time = r.time.attnum > 0;
    scan_source(&r, d->source, options);
    if (builder.pairs) {
        side_reader users = {
            .env = env, .encoder = &bundle->user_encoder, .ids = &bundle->users, .id_kind = bundle->user_id};
        side_reader items = {.env = env,
                             .encoder = &bundle->item_encoder,
                             .ids = &bundle->items,
                             .id_kind = bundle->item_id,
                             .adds = true,
                             .key_only = reads == LTPG_READS_NONE};
        int32 *user_map, *item_map, first_hidden, end_hidden;
        ltpg_social edges;

        read_side(&items, d->item_features, d->item_column, options);
        read_domain(&r, d, options, &first_hidden);
        ltpg_social_read(env, d, options, bundle, &edges);
        if (reads == LTPG_READS_ALL)
            read_side(&users, d->user_features, d->user_column, options);
        builder.named = items.number;
        builder.n_named = items.n;
        end_hidden = bundle->items.n;
        LTPG(env, lt_builder_number_ids(env, &builder, &user_map, &item_map));
        reading->rows -= builder.dropped;
        reading->rows_skipped += builder.dropped;
        hide_items(env, bundle, item_map, first_hidden, end_hidden);
        bundle->user_encoder.min_users = builder.min_users;
        finish_side(&users, user_map, options, &bundle->user);
        finish_side(&items, item_map, options, &bundle->item);
        ltpg_social_finish(env, &edges, user_map, bundle->users.n, &social);
    }
    if (!builder.pairs && lt_option_text(options, "domain_source")[0] != '\0')
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("option \"domain_source\" needs user_column and item_column")));
    if (reading->profile != NULL)
        profiled = take_profile(env, lt_profile_rows(env, &builder, reading->profile, &sample), reading->profile);
    LTPG(env, lt_builder_finish(env, &builder, options, dataset));
    dataset->social = social;
    if (profiled)
        take_profile(env, lt_profile_features(env, bundle, dataset, reading->profile, &sample), reading->profile);
}

void ltpg_read_frozen(lt_env *env, const ltpg_definition *d, Oid relation, const lt_options *options, lt_bundle *bundle,
                      lt_env *bundle_env, lt_dataset *dataset, ltpg_reading *reading)
{
    lt_builder builder;
    source_reader r = {
        .env = env, .encoder_env = bundle_env, .builder = &builder, .reading = reading, .weight_scale = 1};

    memset(reading, 0, sizeof *reading);
    take_roles(&r, d, relation, true);
    r.features = ltpg_features_bind(relation, &bundle->row_encoder, r.n_selected + 1);
    LTPG(env, lt_builder_init(env, &builder, bundle, true, options));
    builder.has_label = r.label.attnum > 0;
    builder.has_weight = r.weight.attnum > 0;
    builder.has_time = r.time.attnum > 0;
    scan_source(&r, relation, options);
    LTPG(env, lt_builder_finish(env, &builder, options, dataset));
}
