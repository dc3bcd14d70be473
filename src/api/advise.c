/*
 * advise.c: notices to whoever trains a new definition: what would make it faster or better.
 */
#include "training.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "source.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

/* True when the relation has an index whose first column this is, or is not one that can have indexes. */
static bool has_index_led_by(Oid relation, const char *column)
{
    char kind = get_rel_relkind(relation);
    AttrNumber number = get_attnum(relation, column);
    bool found = false;
    Relation r;
    ListCell *cell;

    if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW && kind != RELKIND_PARTITIONED_TABLE)
        return true;
    r = table_open(relation, AccessShareLock);
    foreach (cell, RelationGetIndexList(r)) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

        if (!HeapTupleIsValid(tuple))
            continue;
        found |= ((Form_pg_index)GETSTRUCT(tuple))->indkey.values[0] == number;
        ReleaseSysCache(tuple);
    }
    table_close(r, AccessShareLock);
    return found;
}

/* Serving reads a user's rows: say so when that would be a scan of the whole table. */
static void advise_index(Oid relation, const char *column)
{
    if (OidIsValid(relation) && !has_index_led_by(relation, column))
        ereport(NOTICE, (errmsg("recommending reads a user's rows of %s and finds no index led by \"%s\"",
                                ltpg_relation_name(relation, "source"), column),
                         errhint("CREATE INDEX ON %s (%s);", ltpg_relation_name(relation, "source"),
                                 quote_identifier(column))));
}

/*
 * What a purchase alone has, its price or quantity, fits the item bought and no sampled negative. A model learns that
 * instead of who buys what; it happens to whoever gives a table of purchases and leaves no column out.
 */
static void advise_features(const ltpg_definition *d, const lt_bundle *bundle)
{
    const lt_encoder *rows = &bundle->row_encoder;
    StringInfoData names, excluded;

    if (d->label_column != NULL || rows->n_features == 0)
        return;
    initStringInfo(&names);
    initStringInfo(&excluded);
    for (int i = 0; i < rows->n_features; i++) {
        appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : ", ", rows->feature[i].name);
        appendStringInfo(&excluded, "%s\"-%s\"", i == 0 ? "" : ", ", rows->feature[i].name);
    }
    ereport(NOTICE,
            (errmsg("columns of the source are used as features, and are not known when recommending: %s", names.data),
             errhint("Leave out what only a past interaction has: options => '{\"features\": [%s]}'.", excluded.data)));
}

/* Features given to an algorithm that does not learn from them. */
static void advise_unread(const ltpg_run *run)
{
    const ltpg_definition *d = run->definition;

    if (run->plan.reads == LTPG_READS_NONE && (OidIsValid(d->user_features) || OidIsValid(d->item_features)))
        ereport(NOTICE, (errmsg("algorithm \"%s\" does not look at features", run->result.algorithm),
                         errdetail("user_features is not read, and item_features only for its items, which join the "
                                   "catalogue.")));
    else if (run->plan.reads == LTPG_READS_ITEMS && OidIsValid(d->user_features))
        ereport(NOTICE, (errmsg("algorithm \"%s\" does not look at features of users", run->result.algorithm),
                         errdetail("user_features is not read.")));
}

void ltpg_run_advise(const ltpg_run *run)
{
    const ltpg_definition *d = run->definition;

    ltpg_features_advise_text(d->source, &run->bundle.row_encoder);
    ltpg_features_advise_text(d->user_features, &run->bundle.user_encoder);
    ltpg_features_advise_text(d->item_features, &run->bundle.item_encoder);
    if (!lt_bundle_is_recommender(&run->bundle))
        return;
    if (ltpg_reads_of(run->chosen->algorithm) == LTPG_READS_ALL)
        advise_features(d, &run->bundle);
    advise_index(d->source, d->user_column);
    if (run->plan.reads != LTPG_READS_ALL)
        advise_unread(run);
    else if (OidIsValid(d->user_features))
        advise_index(d->user_features, ltpg_features_key(d->user_features, d->user_column));
}
