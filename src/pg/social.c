/*
 * social.c: the relation of edges between users that option social names, to a dataset's rows of edges.
 *
 * Read before users are numbered: whoever has an edge is a user, with or without interactions.  Ids are of the kind of
 * the source's users.  Several edges from one user to another add up; an edge to oneself says nothing and is left out.
 */
#include "source.h"

#include "catalog/namespace.h"
#include "ids.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include <float.h>
#include <math.h>

#define WEIGHT_COLUMN "weight"

typedef struct social_reader {
    lt_env *env;
    lt_bundle *bundle;
    ltpg_social *edges;
    Oid user_type, friend_type, weight_type;
    bool has_weight, skips_invalid;
    int64 invalid, negative;
} social_reader;

/* The relation by the name an option gives it, as the caller would name it in a query. */
static Oid find_relation(const char *name)
{
    RangeVar *range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
    Oid relation = RangeVarGetRelid(range, AccessShareLock, true);

    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation \"%s\" named by option \"social\" does not exist", name),
                        errhint("Name it with its schema, such as \"public.friends\".")));
    return relation;
}

static void check_id(Oid type, const char *column)
{
    if (ltpg_id_kind(type) == LT_ID_NONE)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of the social relation cannot be of type %s", column, format_type_be(type)),
                 errhint("Ids are integers, text or uuid.")));
}

static bool take_weight(social_reader *r, TupleTableSlot *slot, double *weight)
{
    *weight = 1;
    if (!r->has_weight)
        return true;
    if (slot->tts_isnull[2])
        return false;
    if (!ltpg_number(slot->tts_values[2], r->weight_type, weight) || fabs(*weight) > FLT_MAX) {
        r->invalid++;
        return false;
    }
    r->negative += *weight < 0;
    return true;
}

static void read_edge(void *context, TupleTableSlot *slot)
{
    social_reader *r = context;
    ltpg_social *edges = r->edges;
    size_t need = (size_t)edges->n + 1;
    ltpg_key from, to;
    double weight;

    if (slot->tts_isnull[0] || slot->tts_isnull[1] || !take_weight(r, slot, &weight))
        return;
    ltpg_key_make(&from, slot->tts_values[0], r->user_type, r->bundle->user_id);
    ltpg_key_make(&to, slot->tts_values[1], r->friend_type, r->bundle->user_id);
    LTPG(r->env, lt_grow(r->env, &edges->from, &edges->cap_from, need, sizeof(int32), "the edges between users"));
    LTPG(r->env, lt_grow(r->env, &edges->to, &edges->cap_to, need, sizeof(int32), "the edges between users"));
    LTPG(r->env, lt_grow(r->env, &edges->weight, &edges->cap_weight, need, sizeof(float), "the edges between users"));
    LTPG(r->env, lt_dictionary_add(r->env, &r->bundle->users, from.bytes, from.length, 0, &edges->from[edges->n]));
    LTPG(r->env, lt_dictionary_add(r->env, &r->bundle->users, to.bytes, to.length, 0, &edges->to[edges->n]));
    edges->weight[edges->n++] = (float)weight;
}

static void check_weights(const social_reader *r)
{
    if (r->negative > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("column \"%s\" of the social relation has negative weights", WEIGHT_COLUMN),
                        errdetail(INT64_FORMAT " row(s) have them.", r->negative)));
    if (r->invalid > 0 && !r->skips_invalid)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("column \"%s\" of the social relation has NaN or infinite values", WEIGHT_COLUMN),
                 errdetail(INT64_FORMAT " row(s) have them, or a number beyond single precision (3.4e38).", r->invalid),
                 errhint("Clean them in a view, or say \"invalid\": \"skip\" to leave such rows out.")));
}

void ltpg_social_read(lt_env *env, const ltpg_definition *d, const lt_options *options, lt_bundle *bundle,
                      ltpg_social *edges)
{
    social_reader r = {.env = env, .bundle = bundle, .edges = edges};
    const char *column, *select_weight = "";
    Oid relation;

    memset(edges, 0, sizeof *edges);
    if (lt_options_find(options, "social") < 0 || lt_option_is(options, "social", ""))
        return;
    relation = find_relation(lt_option_text(options, "social"));
    column = lt_option_text(options, "friend_column");
    ltpg_column_find(relation, d->user_column, "user_column", &r.user_type);
    ltpg_column_find(relation, column, "friend_column", &r.friend_type);
    check_id(r.user_type, d->user_column);
    check_id(r.friend_type, column);
    r.has_weight = get_attnum(relation, WEIGHT_COLUMN) > 0;
    r.skips_invalid = lt_option_is(options, "invalid", "skip");
    if (r.has_weight) {
        ltpg_column_find(relation, WEIGHT_COLUMN, "weight", &r.weight_type);
        if (!ltpg_is_number(r.weight_type))
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("column \"%s\" of the social relation cannot be of type %s", WEIGHT_COLUMN,
                                   format_type_be(r.weight_type)),
                            errhint("It is the strength of an edge, a number.")));
        select_weight = ", " WEIGHT_COLUMN;
    }
    edges->given = true;
    ltpg_scan(psprintf("SELECT %s, %s%s FROM %s", quote_identifier(d->user_column), quote_identifier(column),
                       select_weight, ltpg_relation_name(relation, "social relation")),
              (Oid[]){r.user_type, r.friend_type, r.weight_type}, r.has_weight ? 3 : 2, read_edge, &r);
    check_weights(&r);
}

/* In each row, whose columns ascend, equal columns become one. */
static void merge_edges(lt_pairs *p)
{
    int64 kept = 0, from = 0;

    for (int32 row = 0; row < p->rows; row++) {
        int64 first = kept;
        int64 to = p->start[row + 1];

        for (int64 k = from; k < to; k++) {
            if (kept > first && p->col[kept - 1] == p->col[k]) {
                p->val[kept - 1] = (float)Min((double)p->val[kept - 1] + p->val[k], FLT_MAX);
                continue;
            }
            p->col[kept] = p->col[k];
            p->val[kept++] = p->val[k];
        }
        from = to;
        p->start[row + 1] = kept;
    }
}

/* Between two others, both of whom are still there (option min_users). */
static bool stays(const ltpg_social *edges, int64 k, const int32 *user_map)
{
    return edges->from[k] != edges->to[k] && user_map[edges->from[k]] >= 0 && user_map[edges->to[k]] >= 0;
}

void ltpg_social_finish(lt_env *env, ltpg_social *edges, const int32 *user_map, int32 users, lt_pairs *out)
{
    lt_pairs rows = {.rows = users, .cols = users}, columns;
    int64 *at;

    if (!edges->given)
        return;
    LTPG(env, lt_alloc(env, &rows.start, (size_t)users + 1, sizeof *rows.start, "the edges between users"));
    LTPG(env, lt_alloc(env, &rows.col, (size_t)edges->n, sizeof *rows.col, "the edges between users"));
    LTPG(env, lt_alloc(env, &rows.val, (size_t)edges->n, sizeof *rows.val, "the edges between users"));
    LTPG(env, lt_alloc(env, &at, (size_t)users + 1, sizeof *at, "the edges between users"));
    for (int64 k = 0; k < edges->n; k++)
        if (stays(edges, k, user_map))
            rows.start[user_map[edges->from[k]] + 1]++;
    for (int32 u = 0; u < users; u++)
        at[u + 1] = rows.start[u + 1] += rows.start[u];
    for (int64 k = 0; k < edges->n; k++) {
        int64 place;

        if (!stays(edges, k, user_map))
            continue;
        place = at[user_map[edges->from[k]]]++;
        rows.col[place] = user_map[edges->to[k]];
        rows.val[place] = edges->weight[k];
    }
    /* rows of the transpose, and of its transpose, ascend */
    LTPG(env, lt_pairs_transpose(env, &rows, &columns));
    LTPG(env, lt_pairs_transpose(env, &columns, out));
    merge_edges(out);
    for (int k = 0; k < 2; k++) {
        const lt_pairs *p = k == 0 ? &rows : &columns;

        lt_free(env, p->start);
        lt_free(env, p->col);
        lt_free(env, p->val);
    }
    lt_free(env, at);
    lt_free(env, edges->from);
    lt_free(env, edges->to);
    lt_free(env, edges->weight);
}
