/*
 * forget.c: longtail.forget: a user taken out of every stored version of a model.
 *
 * The walk: trainings under way are waited for -> each version: loaded, the user taken out (core), stored in its own
 * place -> the active version gets another identity -> is the user in what the next training reads?
 */
#include "longtail.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog_forget.h"
#include "executor/spi.h"
#include "forget.h"
#include "funcapi.h"
#include "ids.h"
#include "miscadmin.h"
#include "relation.h"
#include "source.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(longtail_forget);

/* ---- versions ---- */

typedef struct forgetting {
    int model_id;
    Datum user;
    Oid type;
    int32 versions;
    int64 interactions;
    int left;        /* LT_LEFT_..., of all versions */
    bool recommends; /* some version has users */
} forgetting;

static lt_bundle read_bundle(lt_env *env, const ltpg_version *version, const char *part)
{
    lt_bundle bundle;
    lt_reader reader;
    size_t n;
    uint8 *bytes = ltpg_catalog_load(version, part, &n);

    lt_reader_init(env, &reader, bytes, n);
    LTPG(env, lt_bundle_read(&reader, &bundle));
    pfree(bytes);
    return bundle;
}

static ltpg_part bundle_part(lt_env *env, const char *name, const lt_bundle *bundle)
{
    lt_writer w;

    lt_writer_init(env, &w);
    lt_bundle_write(&w, bundle);
    LTPG(env, w.status);
    return (ltpg_part){name, w.bytes, w.n};
}

static lt_pairs read_seen(lt_env *env, const ltpg_version *version)
{
    lt_pairs seen;
    lt_reader reader;
    size_t n;
    uint8 *bytes = ltpg_catalog_load(version, "seen", &n);

    lt_reader_init(env, &reader, bytes, n);
    LTPG(env, lt_pairs_read(&reader, &seen));
    pfree(bytes);
    return seen;
}

static lt_counted read_counted(lt_env *env, const ltpg_version *version)
{
    lt_counted counted;
    lt_reader reader;
    size_t n;
    uint8 *bytes = ltpg_catalog_load(version, "counted", &n);

    lt_reader_init(env, &reader, bytes, n);
    LTPG(env, lt_counted_read(&reader, &counted));
    pfree(bytes);
    return counted;
}

/* The weights that the validation figure is of, where the version was trained again since. */
static bool forget_validated(lt_env *env, const ltpg_version *version, const ltpg_key *key, int *left, ltpg_part *part)
{
    lt_bundle bundle;
    bool found;
    int more;

    if (!ltpg_catalog_has_part(version, "validated"))
        return false;
    bundle = read_bundle(env, version, "validated");
    LTPG(env, lt_bundle_forget(env, &bundle, key->bytes, key->length, 0, 0, NULL, NULL, &more, &found));
    if (!found)
        return false;
    *left |= more;
    *part = bundle_part(env, "validated", &bundle);
    return true;
}

static void forget_in_version(forgetting *f, int number)
{
    ltpg_version version = {.model_id = f->model_id, .version = number};
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    const ltpg_definition *d = ltpg_catalog_definition(f->model_id, number);
    lt_bundle bundle = read_bundle(env, &version, "model");
    lt_pairs seen;
    lt_counted counted;
    bool has_counted, found, in_validated;
    int64 before;
    int left, n = 0;
    ltpg_part parts[4];
    ltpg_key key;

    if (!lt_bundle_is_recommender(&bundle))
        return;
    f->recommends = true;
    ltpg_key_make(&key, f->user, f->type, bundle.user_id);
    seen = read_seen(env, &version);
    has_counted = ltpg_catalog_has_part(&version, "counted");
    if (has_counted)
        counted = read_counted(env, &version);
    before = seen.start[seen.rows];
    LTPG(env,
         lt_bundle_forget(env, &bundle, key.bytes, key.length, ltpg_options_number(d->options, "trend_half_life", 7),
                          ltpg_options_number(d->options, "trend_smoothing", 0.1), &seen, has_counted ? &counted : NULL,
                          &left, &found));
    if (found && ltpg_options_number(d->options, "propensity_exponent", 0) > 0)
        left |= LT_LEFT_WEIGHTS; /* weighed by popularity, to which they added */
    in_validated = forget_validated(env, &version, &key, &left, &parts[n]);
    n += in_validated;
    if (found) {
        lt_writer seen_bytes, counted_bytes;

        parts[n++] = bundle_part(env, "model", &bundle);
        lt_writer_init(env, &seen_bytes);
        lt_pairs_write(&seen_bytes, &seen);
        LTPG(env, seen_bytes.status);
        parts[n++] = (ltpg_part){"seen", seen_bytes.bytes, seen_bytes.n};
        if (has_counted) {
            lt_writer_init(env, &counted_bytes);
            lt_counted_write(&counted_bytes, &counted);
            LTPG(env, counted_bytes.status);
            parts[n++] = (ltpg_part){"counted", counted_bytes.bytes, counted_bytes.n};
        }
    }
    if (n == 0)
        return;
    ltpg_catalog_replace(&version, parts, n, bundle.users.n);
    f->versions++;
    f->interactions += before - seen.start[seen.rows];
    f->left |= left;
}

static void forget_in_versions(forgetting *f)
{
    int *versions, n = ltpg_catalog_versions(f->model_id, &versions);

    for (int i = 0; i < n; i++) {
        MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail forget", ALLOCSET_DEFAULT_SIZES);
        MemoryContext old = MemoryContextSwitchTo(memory);

        CHECK_FOR_INTERRUPTS();
        forget_in_version(f, versions[i]);
        MemoryContextSwitchTo(old);
        MemoryContextDelete(memory);
    }
    if (f->versions > 0)
        ltpg_catalog_renew(f->model_id);
}

/* ---- what the next training reads ---- */

typedef enum presence { ABSENT, PRESENT, UNKNOWN } presence;

/* Whether rows of a relation have the user in a column, read as the caller. */
static presence find_user(Oid relation, const char *column, Datum user, Oid type)
{
    AttrNumber number = column == NULL ? InvalidAttrNumber : get_attnum(relation, column);
    lt_id_kind kind;
    ltpg_key key;
    Oid column_type;
    Datum value;
    uint64 rows;

    if (number <= 0 || !LTPG_MAY_USE_SCHEMA(get_rel_namespace(relation)) ||
        (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
         pg_attribute_aclcheck(relation, number, GetUserId(), ACL_SELECT) != ACLCHECK_OK))
        return UNKNOWN;
    column_type = getBaseType(get_atttype(relation, number));
    kind = ltpg_id_kind(column_type);
    if (kind == LT_ID_NONE)
        return UNKNOWN;
    ltpg_key_make(&key, user, type, kind);
    if (!ltpg_key_fits(kind, key.bytes, column_type))
        return ABSENT;
    value = ltpg_key_datum(kind, key.bytes, key.length, column_type);
    SPI_connect();
    if (SPI_execute_with_args(psprintf("SELECT FROM %s WHERE %s OPERATOR(pg_catalog.=) $1",
                                       ltpg_relation_name(relation, "relation"), quote_identifier(column)),
                              1, &column_type, &value, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "looking for a user failed");
    rows = SPI_processed;
    SPI_finish();
    return rows > 0 ? PRESENT : ABSENT;
}

/* A relation that an option names; LTPG_RELATION_GONE where there is none that the caller could read. */
static Oid named_relation(const char *name)
{
    RangeVar *range;
    Oid schema, relation;

    if (name == NULL || name[0] == '\0')
        return InvalidOid;
    range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
    schema = range->schemaname == NULL ? InvalidOid : get_namespace_oid(range->schemaname, true);
    if (OidIsValid(schema) && !LTPG_MAY_USE_SCHEMA(schema))
        return LTPG_RELATION_GONE;
    relation = RangeVarGetRelid(range, NoLock, true);
    return OidIsValid(relation) ? relation : LTPG_RELATION_GONE;
}

/* {"domain_source": ...}, or {"domain": {"source": ...}}. */
static const char *domain_source(const Jsonb *options)
{
    JsonbValue domain, source;

    if (getKeyJsonValueFromContainer((JsonbContainer *)&options->root, "domain", strlen("domain"), &domain) != NULL &&
        domain.type == jbvBinary && JsonContainerIsObject(domain.val.binary.data) &&
        getKeyJsonValueFromContainer(domain.val.binary.data, "source", strlen("source"), &source) != NULL &&
        source.type == jbvString)
        return pnstrdup(source.val.string.val, source.val.string.len);
    return ltpg_options_text(options, "domain_source", NULL);
}

static bool is_there(Oid relation)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation));
}

/* What all relations say together: of one that names the user it is enough. */
static presence find_in_sources(const ltpg_definition *d, Datum user, Oid type)
{
    Oid domain = named_relation(domain_source(d->options)),
        social = named_relation(ltpg_options_text(d->options, "social", NULL));
    const char *friend = ltpg_options_text(d->options, "friend_column", "friend_id");
    struct {
        Oid relation;
        const char *column;
    } look[] = {{d->source, d->user_column},
                {d->user_features, d->user_column},
                {domain, d->user_column},
                {social, d->user_column},
                {social, friend}};
    presence all = ABSENT;

    if (is_there(d->user_features) && get_attnum(d->user_features, d->user_column) <= 0)
        look[1].column = ltpg_features_key(d->user_features, d->user_column);
    for (int i = 0; i < (int)lengthof(look) && all != PRESENT; i++) {
        presence one = ABSENT;

        if (OidIsValid(look[i].relation))
            one = is_there(look[i].relation) ? find_user(look[i].relation, look[i].column, user, type) : UNKNOWN;
        all = one == ABSENT ? all : one;
    }
    return all;
}

/* ---- the answer ---- */

static const char *reason_of(const forgetting *f, presence in_source)
{
    StringInfoData text;

    initStringInfo(&text);
    if (f->versions == 0)
        appendStringInfoString(&text, "no version knows this user");
    else if (f->left == 0)
        appendStringInfoString(&text, "what is served from is as if this user had never been there");
    if (f->left & LT_LEFT_WEIGHTS)
        appendStringInfoString(&text, "weights that remain were learned from this user's interactions too");
    if (f->left & LT_LEFT_COUNTS)
        appendStringInfo(&text, "%scounts of interactions could not be made again exactly", text.len > 0 ? "; " : "");
    if (f->left & LT_LEFT_ITEMS)
        appendStringInfo(&text, "%sthe catalogue has items that nobody else had", text.len > 0 ? "; " : "");
    if (in_source == PRESENT)
        appendStringInfoString(&text, "; the next training would read this user again");
    if (in_source == UNKNOWN)
        appendStringInfoString(&text, "; what the next training reads is gone, or may not be read by this role");
    return text.data;
}

/* forget(model, user_id) */
Datum longtail_forget(PG_FUNCTION_ARGS)
{
    const char *name = ltpg_text_argument(fcinfo, 0, "model");
    forgetting f = {0};
    ltpg_version found;
    presence in_source;
    TupleDesc description;
    Datum value[5];
    bool null[5] = {false};

    PreventCommandIfReadOnly("longtail.forget()");
    ltpg_refuse_null(fcinfo, 1, "user_id");
    f.user = PG_GETARG_DATUM(1);
    f.type = get_fn_expr_argtype(fcinfo->flinfo, 1);
    ltpg_catalog_find(name, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    f.model_id = found.model_id;
    ltpg_catalog_forgetting_begins(name, f.model_id);
    forget_in_versions(&f);
    if (!f.recommends)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" has no users and items, and so no user to forget", name),
                        errhint("What it learned from rows goes when it is trained again without them.")));
    in_source = find_in_sources(ltpg_catalog_definition(f.model_id, LTPG_NO_VERSION), f.user, f.type);
    PopActiveSnapshot();
    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    value[0] = Int32GetDatum(f.versions);
    value[1] = Int64GetDatum(f.interactions);
    value[2] = BoolGetDatum(in_source == PRESENT);
    null[2] = in_source == UNKNOWN;
    value[3] = BoolGetDatum(f.left != 0);
    value[4] = CStringGetTextDatum(reason_of(&f, in_source));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), value, null)));
}
