/*
 * transfer_trust.c: which relations exported bytes may name (see transfer.h).
 *
 * Options name relations as well as the definition does: what is given to methods of reranking (facts.c) is read with
 * every list, `social` and `domain_source` when training and forgetting.  Options are walked by their keys at any
 * depth rather than as what they mean to one algorithm, so that neither a search nor a stage of `then` hides a name.
 */
#include "transfer.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "relation.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

bool ltpg_import_can_be_read(Oid relation)
{
    return strchr("rvmfp", get_rel_relkind(relation)) != NULL && get_rel_relkind(relation) != '\0';
}

bool ltpg_import_trusts(Oid relation, Oid source)
{
    Oid owner = ltpg_relation_owner(relation);

    return superuser_arg(owner) || has_privs_of_role(owner, GetUserId()) ||
           (OidIsValid(source) && owner == ltpg_relation_owner(source));
}

/*
 * What an option names: looked for as the functions do that read it, but for numbers, which regclass takes for the OID
 * of whatever has it by then.  InvalidOid: there is none that the caller may look up.
 */
static Oid relation_named(const char *name)
{
    char *schema, *relation;
    Oid in, found;

    if (strcmp(name, "-") == 0 || name[strspn(name, "0123456789")] == '\0')
        return InvalidOid;
    DeconstructQualifiedName(LTPG_NAME_PARTS(name), &schema, &relation);
    if (schema == NULL) {
        found = RelnameGetRelid(relation);
    } else {
        in = get_namespace_oid(schema, true);
        found = OidIsValid(in) && LTPG_MAY_USE_SCHEMA(in) ? get_relname_relid(relation, in) : InvalidOid;
    }
    if (!OidIsValid(found) || isAnyTempNamespace(get_rel_namespace(found)) || !ltpg_import_can_be_read(found))
        return InvalidOid;
    return found;
}

/* An option of the bytes, and the relation that it names and must not. */
typedef struct named_relation {
    const char *option, *name;
    Oid relation; /* InvalidOid: there is none, so that somebody may make it yet */
} named_relation;

/* Whether a text at `key` of the object at `parent` is read as the name of a relation, by which option. */
static const char *naming_option(const char *parent, const char *key, bool of_rerank, const char *text)
{
    if (text[0] == '\0')
        return NULL;
    if (of_rerank) /* facts.c */
        return strcmp(key, "attributes") == 0 || (strcmp(key, "similarity") == 0 && strcmp(text, "auto") != 0 &&
                                                  strcmp(text, "model") != 0 && strcmp(text, "features") != 0)
                   ? key
                   : NULL;
    if (strcmp(key, "domain_source") == 0 || (strcmp(parent, "domain") == 0 && strcmp(key, "source") == 0))
        return "domain_source";
    return strcmp(key, "social") == 0 ? key : NULL;
}

/*
 * The first relation that a value of options names and that is not trusted, at any depth: what a search tries and what
 * comes after `then` are options as well.
 */
static bool names_untrusted(const JsonbValue *value, const char *parent, const char *key, bool of_rerank, Oid source,
                            named_relation *out)
{
    JsonbIterator *it;
    JsonbValue v;
    JsonbIteratorToken token;
    const char *inner = key;

    check_stack_depth();
    if (value->type == jbvString) {
        const char *text = pnstrdup(value->val.string.val, value->val.string.len);

        out->option = naming_option(parent, key, of_rerank, text);
        if (out->option == NULL)
            return false;
        out->name = text;
        out->relation = relation_named(text);
        return !OidIsValid(out->relation) || !ltpg_import_trusts(out->relation, source);
    }
    if (value->type != jbvBinary)
        return false;
    of_rerank |= strcmp(key, "rerank_options") == 0 || (strcmp(parent, "rerank") == 0 && strcmp(key, "options") == 0);
    it = JsonbIteratorInit(value->val.binary.data);
    JsonbIteratorNext(&it, &v, false);
    while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE) {
        CHECK_FOR_INTERRUPTS();
        if (token == WJB_KEY)
            inner = pnstrdup(v.val.string.val, v.val.string.len);
        else if (token == WJB_VALUE && names_untrusted(&v, key, inner, of_rerank, source, out))
            return true;
        else if (token == WJB_ELEM && names_untrusted(&v, parent, key, of_rerank, source, out))
            return true;
    }
    return false;
}

/* What the refusal or the notice says of it. */
static const char *whose(const named_relation *n)
{
    if (!OidIsValid(n->relation))
        return psprintf("There is no relation %s here to read, and whoever makes one chooses what runs.", n->name);
    return psprintf("%s belongs to role \"%s\", and is read as whoever uses the model.", n->name,
                    GetUserNameFromId(ltpg_relation_owner(n->relation), false));
}

/* Within option `key` ("": options as a whole). */
static void check_named(const Jsonb *options, const char *key, Oid source)
{
    JsonbValue root = {.type = jbvBinary};
    named_relation n;

    root.val.binary.data = (JsonbContainer *)&options->root;
    root.val.binary.len = VARSIZE(options) - VARHDRSZ;
    if (names_untrusted(&root, "", key, false, source, &n))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("option \"%s\" of the exported model names %s", n.option, n.name), errdetail("%s", whose(&n)),
                 errhint("Import as the owner of that relation, name a source of the same owner, or export a version "
                         "without the option.")));
}

void ltpg_import_check_rerank(const char *options, Oid source)
{
    check_named(ltpg_options_parse(options), "rerank_options", source);
}

Jsonb *ltpg_import_options(Jsonb *options, Oid source, bool tells)
{
    static const char *const naming[] = {"social", "domain", "domain_source"};

    for (int i = 0; i < (int)lengthof(naming); i++) {
        JsonbValue value;
        named_relation n;

        if (getKeyJsonValueFromContainer(&options->root, naming[i], strlen(naming[i]), &value) == NULL ||
            !names_untrusted(&value, "", naming[i], false, source, &n))
            continue;
        options = ltpg_options_without(options, naming[i]);
        if (tells)
            ereport(NOTICE, (errmsg("option \"%s\" is left out: it names %s", n.option, n.name),
                             errdetail("%s", whose(&n)), errhint("longtail.retrain does without.")));
    }
    check_named(options, "", source);
    return options;
}
