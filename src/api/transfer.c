/*
 * transfer.c: longtail.export_model and import_model: a version to bytes and back.
 *
 * The walk in: archive read -> texts, definition, options and parts checked -> relations found by name -> stored.
 * Import is a trust boundary: a checksum is easily made, so nothing that is stored here was not read and made ready to
 * serve first, within longtail.training_memory.  What the core's readers take for granted is checked here: that texts
 * are in the database's encoding, and that the weights are of the kind the definition says.
 */
#include "longtail.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog_transfer.h"
#include "forget.h"
#include "mb/pg_wchar.h"
#include "method.h"
#include "miscadmin.h"
#include "profile.h"
#include "recommend.h"
#include "relation.h"
#include "transfer.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(longtail_export_model);
PG_FUNCTION_INFO_V1(longtail_import_model);

/* ---- out ---- */

/* export_model(model, version) */
Datum longtail_export_model(PG_FUNCTION_ARGS)
{
    const char *model = ltpg_text_argument(fcinfo, 0, "model");
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail export", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    lt_env *env = ltpg_env(memory, 0);
    ltpg_version version;
    lt_archive archive;
    lt_writer w;
    size_t size = 0;
    bytea *out;

    ltpg_catalog_find(model, ltpg_version_argument(fcinfo, 1), LTPG_OWN, false, &version);
    ltpg_catalog_gather(&version, &archive);
    for (int i = 0; i < archive.n_parts; i++)
        size += (size_t)archive.part[i].n;
    if (size <= MaxAllocSize) {
        lt_writer_init(env, &w);
        lt_archive_write(&w, &archive);
        LTPG(env, w.status);
        size = w.n;
    }
    if (size > MaxAllocSize - VARHDRSZ)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("model \"%s\", version %d is too large to be one value", model, version.version),
                        errdetail("It takes %zu bytes, and a value at most 1 GB.", size),
                        errhint("pg_dump carries models of any size.")));
    MemoryContextSwitchTo(old);
    out = palloc(VARHDRSZ + size);
    SET_VARSIZE(out, VARHDRSZ + size);
    memcpy(VARDATA(out), w.bytes, size);
    MemoryContextDelete(memory);
    PG_RETURN_BYTEA_P(out);
}

/* ---- in: what is refused ---- */

static void refuse(const char *what) __attribute__((noreturn));
static void refuse(const char *what)
{
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the exported model is damaged: %s", what)));
}

/* Text that is shown, compared or handed on must be what this database takes for text. */
static void check_bytes(const lt_archive *a, const char *bytes, int64 n)
{
    bool fits = strcmp(a->encoding, GetDatabaseEncodingName()) == 0;

    for (int64 i = 0; !fits && i < n; i++)
        if (IS_HIGHBIT_SET(bytes[i]))
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("the model was exported from a database of encoding \"%s\", and this is one of \"%s\"",
                            a->encoding, GetDatabaseEncodingName()),
                     errhint("Only models whose ids, categories and names are ASCII can change encodings.")));
    if (n > (int64)MaxAllocSize || memchr(bytes, '\0', (size_t)n) != NULL || !pg_verifymbstr(bytes, (int)n, true))
        refuse("a text is not in its encoding");
}

static void check_text(const lt_archive *a, const char *text)
{
    check_bytes(a, text, (int64)strlen(text));
}

static void check_name(const lt_archive *a, const char *name)
{
    check_text(a, name);
    if (strlen(name) >= NAMEDATALEN)
        refuse("a name is too long");
}

static Jsonb *options_of(const lt_archive *a, const char *json)
{
    Jsonb *options;

    check_text(a, json);
    options = ltpg_options_parse(json);
    if (!JB_ROOT_IS_OBJECT(options))
        refuse("its options are no object");
    return options;
}

static void check_keys(lt_env *env, const lt_archive *a, const lt_dictionary *d)
{
    for (int32 i = 0; i < d->n; i++) {
        int64_t length;
        const char *key = lt_dictionary_key(d, i, &length);

        if (i % 1024 == 0)
            LTPG(env, lt_poll(env));
        check_bytes(a, key, length);
    }
}

/* Every text of a bundle, and of those within it. */
static void check_texts(lt_env *env, const lt_archive *a, Oid source, const lt_bundle *b)
{
    const lt_encoder *encoders[] = {&b->row_encoder, &b->user_encoder, &b->item_encoder};

    for (int e = 0; e < (int)lengthof(encoders); e++)
        for (int f = 0; f < encoders[e]->n_features; f++) {
            const lt_feature *feature = &encoders[e]->feature[f];

            check_name(a, feature->name);
            check_keys(env, a, &feature->dictionary);
            check_keys(env, a, &feature->rare);
        }
    if (b->user_id == LT_ID_TEXT)
        check_keys(env, a, &b->users);
    if (b->item_id == LT_ID_TEXT)
        check_keys(env, a, &b->items);
    check_text(a, b->rerank_options);
    ltpg_method_check(env, b->rerank, b->rerank_strength, b->rerank_options);
    ltpg_import_check_rerank(b->rerank_options, source);
    for (int i = 0; i < b->model.n_parts; i++)
        check_texts(env, a, source, &b->model.part[i]);
}

/* The kind of model that the definition says: what is served reads the columns it needs without asking again. */
static void check_kind(const lt_archive *a, const lt_bundle *b)
{
    bool recommender = lt_bundle_is_recommender(b), labels = b->label_kind != LT_LABEL_IMPLICIT;

    if (strcmp(b->model.algorithm->name, a->algorithm) != 0)
        refuse("its weights are of another algorithm");
    if (recommender ? !b->model.algorithm->recommender : !b->model.algorithm->supervised)
        refuse("its weights are of another kind of model");
    if (recommender != (a->user_column[0] != '\0') || recommender != (a->item_column[0] != '\0') ||
        labels != (a->label_column[0] != '\0') || recommender != (a->users >= 0) || (!recommender && !labels) ||
        (!recommender && (a->has_user_features || a->has_item_features)))
        refuse("its weights are of another kind than its columns");
}

/* ---- in: parts ---- */

static const lt_archive_part *part_of(const lt_archive *a, const char *name)
{
    for (int i = 0; i < a->n_parts; i++)
        if (strcmp(a->part[i].name, name) == 0)
            return &a->part[i];
    return NULL;
}

static void read_end(lt_reader *r)
{
    if (r->status == LT_OK && r->at != r->n)
        lt_reader_corrupt(r, "it goes on behind its end");
    LTPG(r->env, r->status);
}

/* Reads a bundle and makes it ready to serve, as a session does that serves it. */
static void read_bundle(lt_env *env, const lt_archive *a, Oid source, const lt_archive_part *part, lt_bundle *b)
{
    lt_recommender recommender;
    lt_reader r;

    lt_reader_init(env, &r, part->bytes, (size_t)part->n);
    LTPG(env, lt_bundle_read(&r, b));
    read_end(&r);
    check_kind(a, b);
    check_texts(env, a, source, b);
    LTPG(env, lt_recommender_init(env, &recommender, b));
}

/* What users had, and what training counted of it. */
static void check_histories(lt_env *env, const lt_archive *a, const lt_bundle *b)
{
    const lt_archive_part *seen = part_of(a, "seen"), *counts = part_of(a, "counted");
    lt_counted counted;
    lt_pairs pairs;
    lt_reader r;

    if (lt_bundle_is_recommender(b) != (seen != NULL))
        refuse("what its users had is missing, or it has no users");
    if (seen != NULL) {
        lt_reader_init(env, &r, seen->bytes, (size_t)seen->n);
        LTPG(env, lt_pairs_read(&r, &pairs));
        read_end(&r);
        if (pairs.rows != b->users.n || pairs.cols != b->items.n)
            refuse("what its users had is of other users and items");
    }
    if (counts != NULL) {
        lt_reader_init(env, &r, counts->bytes, (size_t)counts->n);
        LTPG(env, lt_counted_read(&r, &counted));
        read_end(&r);
        if (seen == NULL || counted.n != pairs.start[pairs.rows])
            refuse("what training counted is of other pairs");
    }
}

/* What its data looked like. */
static void check_profile(lt_env *env, const lt_archive_part *part, const lt_bundle *b)
{
    lt_profile profile;
    lt_reader r;

    if (part == NULL)
        return;
    lt_reader_init(env, &r, part->bytes, (size_t)part->n);
    LTPG(env, lt_profile_read(&r, &profile));
    read_end(&r);
    LTPG(env, lt_profile_check(env, &profile, b));
}

static void check_parts(lt_env *env, const lt_archive *a, Oid source)
{
    const lt_archive_part *model = part_of(a, "model"), *other = part_of(a, "validated");
    lt_bundle b, validated;

    if (model == NULL)
        refuse("its weights are missing");
    read_bundle(env, a, source, model, &b);
    check_histories(env, a, &b);
    check_profile(env, part_of(a, LTPG_PROFILE_PART), &b);
    if (other != NULL) {
        read_bundle(env, a, source, other, &validated);
        if (validated.user_id != b.user_id || validated.item_id != b.item_id || validated.label_kind != b.label_kind)
            refuse("the weights that were measured are of another model");
    }
}

/* ---- in: relations ---- */

/* The one of that name, where the caller may look it up; LTPG_LEFT_BEHIND where there is none. */
static Oid relation_of(const lt_archive *a, const lt_archive_relation *r)
{
    Oid schema, relation;

    check_name(a, r->schema);
    check_name(a, r->name);
    if (r->name[0] == '\0')
        return LTPG_LEFT_BEHIND;
    schema = get_namespace_oid(r->schema, true);
    if (!OidIsValid(schema) || isAnyTempNamespace(schema) || !LTPG_MAY_USE_SCHEMA(schema))
        return LTPG_LEFT_BEHIND;
    relation = get_relname_relid(r->name, schema);
    return OidIsValid(relation) && ltpg_import_can_be_read(relation) ? relation : LTPG_LEFT_BEHIND;
}

/* With a notice where it is left behind. role: what it is to the model; then: what follows of that. */
static Oid find_relation(const lt_archive *a, const lt_archive_relation *r, Oid source, const char *role,
                         const char *then)
{
    Oid relation = relation_of(a, r);

    if (relation != LTPG_LEFT_BEHIND && ltpg_import_trusts(relation, source))
        return relation;
    if (relation != LTPG_LEFT_BEHIND)
        ereport(NOTICE,
                (errmsg("%s is not taken for the %s, because it belongs to role \"%s\"",
                        quote_qualified_identifier(r->schema, r->name), role,
                        GetUserNameFromId(ltpg_relation_owner(relation), false)),
                 errdetail("%s", then), errhint("Name the source when importing: what its owner has is taken then.")));
    else
        ereport(NOTICE, (r->name[0] == '\0' ? errmsg("the %s was gone already where the model was exported", role)
                                            : errmsg("there is no %s here to read: the %s",
                                                     quote_qualified_identifier(r->schema, r->name), role),
                         errdetail("%s", then)));
    return LTPG_LEFT_BEHIND;
}

static Oid source_argument(FunctionCallInfo fcinfo)
{
    Oid source = PG_GETARG_OID(2);

    if (!ltpg_import_can_be_read(source))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("source %s is nothing that rows can be read from",
                               get_rel_name(source) == NULL ? psprintf("with OID %u", source)
                                                            : quote_identifier(get_rel_name(source)))));
    return source;
}

/* Who names a source means it: one without the model's columns is a slip, better told now than on a page. */
static void check_columns(const ltpg_definition *d)
{
    const char *const column[] = {d->user_column, d->item_column, d->label_column, d->weight_column, d->time_column};
    static const char *const role[] = {"user_column", "item_column", "label_column", "weight_column", "time_column"};
    Oid type;

    for (int i = 0; i < (int)lengthof(column); i++)
        if (column[i] != NULL)
            ltpg_column_find(d->source, column[i], role[i], &type);
}

/* named: the source that the caller named, or InvalidOid. */
static void find_relations(const lt_archive *a, Oid named, ltpg_definition *d)
{
    d->source = OidIsValid(named)
                    ? named
                    : find_relation(a, &a->source, InvalidOid, "source",
                                    a->users < 0 ? "The model predicts without; longtail.retrain needs it."
                                                 : "What users had at training stands for what they have; "
                                                   "longtail.retrain needs it.");
    if (OidIsValid(named))
        check_columns(d);
    if (a->has_user_features)
        d->user_features =
            find_relation(a, &a->user_features, named, "user_features relation",
                          "Users that training did not know have no features; longtail.retrain needs it.");
    if (a->has_item_features)
        d->item_features =
            find_relation(a, &a->item_features, named, "item_features relation", "longtail.retrain needs it.");
}

/* ---- in: what is stored ---- */

static const char *column_of(const lt_archive *a, const char *name)
{
    check_name(a, name);
    return name[0] == '\0' ? NULL : name;
}

static void take_definition(const lt_archive *a, const char *model, ltpg_definition *d)
{
    d->name = model;
    check_text(a, a->definition_algorithm);
    d->algorithm = ltpg_algorithm(a->definition_algorithm)->name;
    d->user_column = column_of(a, a->user_column);
    d->item_column = column_of(a, a->item_column);
    d->label_column = column_of(a, a->label_column);
    d->weight_column = column_of(a, a->weight_column);
    d->time_column = column_of(a, a->time_column);
    d->options = options_of(a, a->definition_options);
}

static void take_trials(const lt_archive *a, ltpg_training *t)
{
    t->n_trials = a->n_trials;
    t->trials = palloc_extended(Max(a->n_trials, 1) * sizeof *t->trials, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    for (int i = 0; i < a->n_trials; i++) {
        const lt_archive_trial *trial = &a->trial[i];

        CHECK_FOR_INTERRUPTS();
        check_text(a, trial->algorithm);
        check_text(a, trial->error);
        t->trials[i] = (ltpg_trial){.algorithm = trial->algorithm,
                                    .options = options_of(a, trial->options),
                                    .value = trial->value,
                                    .aplt = trial->aplt,
                                    .epochs = trial->epochs,
                                    .seconds = trial->seconds,
                                    .chosen = trial->chosen,
                                    .error = trial->error[0] == '\0' ? NULL : trial->error};
    }
}

static void take_training(const lt_archive *a, bool exists, ltpg_training *t)
{
    check_text(a, a->model);
    check_text(a, a->metric);
    if (!IS_VALID_TIMESTAMP(a->trained))
        refuse("the time of its training is out of range");
    t->algorithm = a->algorithm;
    t->options = options_of(a, a->options);
    t->rows = a->rows;
    t->rows_skipped = a->rows_skipped;
    t->users = a->users;
    t->items = a->items;
    t->features = a->features;
    t->fit = (lt_fit){.epochs = a->epochs, .loss = a->loss};
    t->metric = a->metric[0] == '\0' ? NULL : a->metric;
    t->metric_value = a->metric_value;
    t->active_value = a->active_value;
    t->promoted = !exists;
    t->decision = psprintf("%s: imported, where it was version %d of model \"%s\"",
                           exists ? "not promoted" : "promoted", a->version, a->model);
    t->seconds = a->seconds;
    t->n_epochs = a->n_log;
    t->epochs = a->log;
    t->trained = a->trained;
    take_trials(a, t);
}

/* The parts that this release has a use for. */
static int take_parts(const lt_archive *a, ltpg_part *parts)
{
    static const char *const known[] = {"model", "seen", "counted", "validated", LTPG_PROFILE_PART};
    int n = 0;

    for (int i = 0; i < (int)lengthof(known); i++) {
        const lt_archive_part *part = part_of(a, known[i]);

        if (part != NULL)
            parts[n++] = (ltpg_part){known[i], part->bytes, (size_t)part->n};
    }
    return n;
}

/* import_model(model, bytes, source) */
Datum longtail_import_model(PG_FUNCTION_ARGS)
{
    const char *model = ltpg_text_argument(fcinfo, 0, "model");
    MemoryContext memory, old;
    ltpg_definition definition = {0};
    ltpg_training training = {0};
    ltpg_part parts[LT_ARCHIVE_PARTS];
    lt_archive archive;
    ltpg_version found;
    lt_env *env;
    bytea *bytes;
    bool exists;
    Oid source;
    int version;

    PreventCommandIfReadOnly("longtail.import_model()");
    ltpg_refuse_null(fcinfo, 1, "bytes");
    if (model[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a model's name cannot be empty")));
    exists = ltpg_catalog_find(model, LTPG_NO_VERSION, LTPG_OWN, true, &found);
    bytes = PG_GETARG_BYTEA_PP(1);
    env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    LTPG(env, lt_archive_read(env, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &archive));
    check_text(&archive, archive.release);
    take_definition(&archive, model, &definition);
    take_training(&archive, exists, &training);
    source = PG_ARGISNULL(2) ? InvalidOid : source_argument(fcinfo);
    definition.options = ltpg_import_options(definition.options, source, !exists);
    training.options = ltpg_import_options(training.options, source, false);
    memory = AllocSetContextCreate(CurrentMemoryContext, "longtail import", ALLOCSET_DEFAULT_SIZES);
    old = MemoryContextSwitchTo(memory);
    check_parts(ltpg_env(memory, ltpg_training_memory), &archive, source);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    find_relations(&archive, source, &definition);
    version = ltpg_catalog_store(&definition, exists ? found.model_id : 0, !exists, &training, parts,
                                 take_parts(&archive, parts));
    PG_RETURN_INT32(version);
}
