/*
 * search.c: from options to what is to be tried: options.search over one algorithm, and algorithm auto over several.
 *
 * A search gives options lists of values; candidates are all their combinations, the first option varying slowest.
 * Ways of scoring (popularity_exponent and the trend's options) are no part of a combination: a model is trained once
 * and measured in each of them.  Only these, an algorithm's own options and those of training that are common (crosses,
 * propensity_exponent) can be searched: the others say what is read and how it is measured, which all candidates share.
 */
#include "training.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"

#define MOST_CANDIDATES 200
#define MOST_TRIALS 2000

/* What auto tries unless it is told otherwise, in this order. */
typedef struct usual {
    const char *algorithm, *search;
    bool labels;      /* for labels and rows without users and items; else for implicit feedback */
    bool needs_time;  /* taken where there is a time column */
    int32 most_items; /* left out beyond these: 0: never */
} usual;

static const usual usuals[] = {
    {.algorithm = "popularity", .search = "{}"},
    {.algorithm = "item_knn", .search = "{\"neighbors\": [20, 200], \"shrinkage\": [0, 30]}"},
    {.algorithm = "rp3beta", .search = "{\"alpha\": [0.5, 0.8], \"neighbors\": [20, 100, 500]}"},
    {.algorithm = "graph_filter", .search = "{\"neighbors\": [20, 200], \"alpha\": [0.5, 1]}"},
    /* an inverse of items^3 operations, in double precision: half a minute at this size */
    {.algorithm = "ease",
     .search = "{\"regularization\": [50, 500], \"neighbors\": [50, 200, 0]}",
     .most_items = 10000},
    {.algorithm = "als", .search = "{\"regularization\": [0.003, 0.005], \"unobserved_weight\": [0.2, 0.4]}"},
    {.algorithm = "markov", .search = "{}", .needs_time = true},
    {.algorithm = "logistic", .search = "{\"regularization\": [0.1, 1, 10]}", .labels = true},
    {.algorithm = "mlp", .search = "{}", .labels = true},
};

const char *const ltpg_scoring_names[LTPG_SCORINGS] = {"popularity_exponent", "trend_exponent", "trend_half_life",
                                                       "trend_smoothing"};

/* What auto measures a model with; those with a trend where there is a time column. */
static const ltpg_scoring usual_scorings[] = {
    {0, 0, 7, 0.1},   {0.1, 0, 7, 0.1},   {0.2, 0, 7, 0.1}, {0.3, 0, 7, 0.1},  {0.4, 0, 7, 0.1},
    {0, 0.5, 2, 0.1}, {0, 0.75, 2, 0.01}, {0, 1, 2, 0.01},  {0, 0.5, 7, 0.1},  {0, 1, 7, 0.1},
    {0.2, 1, 7, 0.1}, {0, 1, 7, 1},       {0.2, 1, 7, 1},   {0, 0.5, 30, 0.1}, {0, 1, 30, 0.1},
};
#define USUAL_WITHOUT_TREND 5

/* An option and the values to try. */
typedef struct axis {
    char *name;
    int n;
    JsonbValue *value;
} axis;

/* ---- JSON ---- */

/* The keys of an object for which wanted(context, key), or all. */
static Jsonb *pick(const Jsonb *from, bool (*wanted)(const void *context, const char *key), const void *context)
{
    JsonbIterator *it = JsonbIteratorInit((JsonbContainer *)&from->root);
    JsonbParseState *state = NULL;
    JsonbValue key, value;

    JsonbIteratorNext(&it, &key, false);
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    while (JsonbIteratorNext(&it, &key, false) == WJB_KEY) {
        JsonbIteratorNext(&it, &value, true);
        if (!wanted(context, pnstrdup(key.val.string.val, key.val.string.len)))
            continue;
        pushJsonbValue(&state, WJB_KEY, &key);
        pushJsonbValue(&state, WJB_VALUE, &value);
    }
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool is_of_options(const void *options, const char *key)
{
    return ltpg_options_have(options, key);
}

/* What a version's options keep of those given: what one training needs. */
static bool is_stored(const void *options, const char *key)
{
    return strcmp(key, "search") != 0 && strcmp(key, "algorithms") != 0 && ltpg_options_have(options, key);
}

static bool has_key(const Jsonb *object, const char *key)
{
    JsonbValue value;

    return getKeyJsonValueFromContainer((JsonbContainer *)&object->root, key, strlen(key), &value) != NULL;
}

static char *key_text(const JsonbValue *key)
{
    return pnstrdup(key->val.string.val, key->val.string.len);
}

/* ---- axes ---- */

static bool can_be_searched(const lt_algorithm *algorithm, const char *name)
{
    static const char *const reading[] = {"duplicates", "social",
                                          "friend_column"}; /* an algorithm's own all the same */
    static const char *const training[] = {"crosses", "propensity_exponent", "propensity_clip"}; /* common ones */

    for (int i = 0; i < LTPG_SCORINGS; i++)
        if (strcmp(name, ltpg_scoring_names[i]) == 0)
            return true;
    for (size_t i = 0; i < lengthof(training); i++)
        if (strcmp(name, training[i]) == 0)
            return true;
    for (size_t i = 0; i < lengthof(reading); i++)
        if (strcmp(name, reading[i]) == 0)
            return false;
    for (int i = 0; i < algorithm->n_options; i++)
        if (strcmp(algorithm->options[i].name, name) == 0)
            return true;
    return false;
}

static axis *axis_make(const char *name, const JsonbValue *list)
{
    axis *a = palloc0(sizeof *a);
    JsonbIterator *it;
    JsonbValue value;

    if (list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data) ||
        JsonContainerIsScalar(list->val.binary.data) || JsonContainerSize(list->val.binary.data) == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"search\" needs a list of values to try for \"%s\"", name),
                        errhint("For example {\"search\": {\"%s\": [...]}}.", name)));
    a->name = pstrdup(name);
    a->value = palloc(JsonContainerSize(list->val.binary.data) * sizeof *a->value);
    it = JsonbIteratorInit(list->val.binary.data);
    JsonbIteratorNext(&it, &value, false);
    while (JsonbIteratorNext(&it, &value, true) == WJB_ELEM)
        a->value[a->n++] = value;
    return a;
}

/* The axes of a search object for one algorithm; an option it does not have, or none can search, is an error. */
static List *read_axes(lt_env *env, const Jsonb *search, const lt_algorithm *algorithm)
{
    JsonbIterator *it = JsonbIteratorInit((JsonbContainer *)&search->root);
    JsonbValue key, value;
    List *axes = NIL;
    lt_options options;

    LTPG(env, lt_options_init(env, &options, algorithm->options, algorithm->n_options));
    JsonbIteratorNext(&it, &key, false);
    while (JsonbIteratorNext(&it, &key, false) == WJB_KEY) {
        char *name = key_text(&key);

        JsonbIteratorNext(&it, &value, true);
        if (lt_options_find(&options, name) < 0)
            LTPG(env, lt_options_set_number(env, &options, name, 0)); /* fails, naming the nearest */
        if (!can_be_searched(algorithm, name))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" cannot be searched", name),
                            errdetail("It says what is read or how it is measured, which all trials share.")));
        axes = lappend(axes, axis_make(name, &value));
    }
    return axes;
}

/* Takes the axis of that name out; NULL when there is none. */
static axis *take_axis(List **axes, const char *name)
{
    ListCell *cell;

    foreach (cell, *axes) {
        axis *a = lfirst(cell);

        if (strcmp(a->name, name) == 0) {
            *axes = foreach_delete_current(*axes, cell);
            return a;
        }
    }
    return NULL;
}

/* ---- candidates ---- */

static void check_count(double trained, double trials)
{
    if (trained > MOST_CANDIDATES || trials > MOST_TRIALS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the search has %.0f combinations to train and %.0f to measure", trained, trials),
                        errdetail("At most %d are trained, and %d measured.", MOST_CANDIDATES, MOST_TRIALS),
                        errhint("Give fewer values, or search in steps: the best of a coarse grid, then around it.")));
}

static Jsonb *one_key(const char *name, const JsonbValue *value)
{
    JsonbParseState *state = NULL;
    JsonbValue key = {.type = jbvString}, copy = *value;

    key.val.string.val = (char *)name;
    key.val.string.len = strlen(name);
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    pushJsonbValue(&state, WJB_KEY, &key);
    pushJsonbValue(&state, WJB_VALUE, &copy);
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static ltpg_scoring own_scoring(const lt_options *o)
{
    return (ltpg_scoring){lt_option_float(o, ltpg_scoring_names[0]), lt_option_float(o, ltpg_scoring_names[1]),
                          lt_option_float(o, ltpg_scoring_names[2]), lt_option_float(o, ltpg_scoring_names[3])};
}

/*
 * A candidate's ways of scoring, its options being set: n usual ones, or every combination of the axes, where an
 * exponent of 0 is tried once whatever the trend would be.
 */
static void take_scorings(lt_env *env, ltpg_candidate *c, axis *const searched[LTPG_SCORINGS], int n_usual)
{
    ltpg_scoring own = own_scoring(&c->options);
    int combinations = 1;

    c->scorings_searched = n_usual > 0;
    for (int i = 0; i < LTPG_SCORINGS; i++) {
        c->scorings_searched |= searched[i] != NULL;
        combinations *= searched[i] == NULL ? 1 : searched[i]->n;
    }
    if (n_usual > 0) {
        c->n_scorings = n_usual;
        c->scoring = palloc(n_usual * sizeof *c->scoring);
        memcpy(c->scoring, usual_scorings, n_usual * sizeof *c->scoring);
        return;
    }
    c->scoring = palloc(combinations * sizeof *c->scoring);
    for (int turn = 0; turn < combinations; turn++) {
        bool tried = false;
        ltpg_scoring way;

        for (int i = 0, left = turn, behind = combinations; i < LTPG_SCORINGS; i++) {
            if (searched[i] == NULL)
                continue;
            behind /= searched[i]->n;
            ltpg_options_set(env, &c->options, one_key(ltpg_scoring_names[i], &searched[i]->value[left / behind]));
            left %= behind;
        }
        way = own_scoring(&c->options);
        for (int i = 0; i < c->n_scorings && way.trend_exponent == 0; i++)
            tried |= c->scoring[i].trend_exponent == 0 && c->scoring[i].popularity_exponent == way.popularity_exponent;
        if (!tried)
            c->scoring[c->n_scorings++] = way;
    }
    for (int i = 0; i < LTPG_SCORINGS; i++)
        LTPG(env, lt_options_set_number(env, &c->options, ltpg_scoring_names[i], ((const double *)&own)[i]));
}

/* Adds every combination of the axes. given: all options given; those the algorithm does not have are not its. */
static void add_candidates(lt_env *env, ltpg_plan *plan, const lt_algorithm *algorithm, List *axes, const Jsonb *given,
                           int n_usual, int32 most_items)
{
    axis *scorings[LTPG_SCORINGS];
    int n_axes;
    double combinations = 1, trials;
    lt_options have;

    LTPG(env, lt_options_init(env, &have, algorithm->options, algorithm->n_options));
    trials = Max(n_usual, 1);
    for (int i = 0; i < LTPG_SCORINGS; i++) {
        scorings[i] = take_axis(&axes, ltpg_scoring_names[i]);
        if (scorings[i] != NULL) {
            trials = (n_usual > 0 ? 1 : trials) * scorings[i]->n;
            n_usual = 0;
        }
    }
    n_axes = list_length(axes);
    for (int i = 0; i < n_axes; i++)
        combinations *= ((axis *)list_nth(axes, i))->n;
    trials *= combinations;
    for (int i = 0; i < plan->n; i++)
        trials += plan->candidate[i].n_scorings;
    check_count(plan->n + combinations, trials);
    plan->candidate = plan->n == 0 ? palloc(combinations * sizeof *plan->candidate)
                                   : repalloc(plan->candidate, (plan->n + combinations) * sizeof *plan->candidate);
    for (int turn = 0; turn < combinations; turn++) {
        ltpg_candidate *c = &plan->candidate[plan->n++];

        *c = (ltpg_candidate){.algorithm = algorithm, .tried = ltpg_options_parse("{}"), .most_items = most_items};
        for (int i = 0, left = turn, behind = combinations; i < n_axes; i++) {
            const axis *a = list_nth(axes, i);

            behind /= a->n;
            c->tried = ltpg_options_merge(c->tried, one_key(a->name, &a->value[left / behind]));
            left %= behind;
        }
        LTPG(env, lt_options_init(env, &c->options, algorithm->options, algorithm->n_options));
        ltpg_options_set(env, &c->options, pick(given, is_stored, &have));
        ltpg_options_set(env, &c->options, c->tried);
        c->stored = ltpg_options_merge(pick(given, is_stored, &have), c->tried);
        take_scorings(env, c, scorings, n_usual);
    }
    plan->reads = Max(plan->reads, ltpg_reads_of(algorithm));
}

/* ---- auto ---- */

static bool is_recommender(const ltpg_definition *d)
{
    return d->user_column != NULL;
}

/* What has the role of option algorithms when it is empty. */
static List *usual_algorithms(const ltpg_definition *d)
{
    List *algorithms = NIL;

    for (size_t i = 0; i < lengthof(usuals); i++)
        if (usuals[i].labels == (d->label_column != NULL) && (!usuals[i].needs_time || d->time_column != NULL))
            algorithms = lappend(algorithms, (void *)ltpg_algorithm(usuals[i].algorithm));
    return algorithms;
}

static List *algorithms_of(const lt_options *options, const ltpg_definition *d)
{
    const lt_value *names = lt_option_value(options, "algorithms");
    List *algorithms = NIL;

    if (names->n == 0)
        return usual_algorithms(d);
    for (int i = 0; i < names->n; i++) {
        const lt_algorithm *algorithm = ltpg_algorithm(names->names[i]);

        if (algorithm == &ltpg_auto || list_member_ptr(algorithms, algorithm))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("option \"algorithms\" cannot have \"%s\"%s", algorithm->name,
                                   algorithm == &ltpg_auto ? "" : " twice")));
        if (is_recommender(d) ? !algorithm->recommender : !algorithm->supervised)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            is_recommender(d)
                                ? errmsg("algorithm \"%s\" does not recommend", algorithm->name)
                                : errmsg("algorithm \"%s\" needs user_column and item_column", algorithm->name)));
        algorithms = lappend(algorithms, (void *)algorithm);
    }
    return algorithms;
}

static bool algorithm_has(lt_env *env, const lt_algorithm *algorithm, const char *key)
{
    lt_options options;

    LTPG(env, lt_options_init(env, &options, algorithm->options, algorithm->n_options));
    return ltpg_options_have(&options, key);
}

/* An option that auto has not itself must be one of an algorithm that is tried. */
static void check_given(lt_env *env, const Jsonb *given, const lt_options *own, List *algorithms)
{
    JsonbIterator *it = JsonbIteratorInit((JsonbContainer *)&given->root);
    JsonbValue key, value;

    JsonbIteratorNext(&it, &key, false);
    while (JsonbIteratorNext(&it, &key, false) == WJB_KEY) {
        char *name = key_text(&key);
        bool known = ltpg_options_have(own, name);
        ListCell *cell;

        JsonbIteratorNext(&it, &value, true);
        foreach (cell, algorithms)
            known |= algorithm_has(env, lfirst(cell), name);
        if (!known)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\"", name),
                            errdetail("Neither auto nor any of the algorithms tried has it."),
                            errhint("longtail.options(algorithm) lists what an algorithm has.")));
    }
}

/* The keys of a search of auto that are lists; the others are algorithms. */
static bool is_list_key(const void *search, const char *key)
{
    JsonbValue value;

    getKeyJsonValueFromContainer((JsonbContainer *)&((const Jsonb *)search)->root, key, strlen(key), &value);
    return !(value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data));
}

/* What a search of auto says of one algorithm alone; NULL: nothing. */
static Jsonb *search_of(const Jsonb *search, const char *algorithm)
{
    JsonbValue value;

    if (getKeyJsonValueFromContainer((JsonbContainer *)&search->root, algorithm, strlen(algorithm), &value) == NULL ||
        value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
        return NULL;
    return JsonbValueToJsonb(&value);
}

static void check_search(lt_env *env, const Jsonb *search, List *algorithms)
{
    JsonbIterator *it = JsonbIteratorInit((JsonbContainer *)&search->root);
    JsonbValue key, value;

    JsonbIteratorNext(&it, &key, false);
    while (JsonbIteratorNext(&it, &key, false) == WJB_KEY) {
        char *name = key_text(&key);
        bool list = is_list_key(search, name), known = false;
        ListCell *cell;

        JsonbIteratorNext(&it, &value, true);
        foreach (cell, algorithms) {
            const lt_algorithm *algorithm = lfirst(cell);

            known |= list ? algorithm_has(env, algorithm, name) : strcmp(algorithm->name, name) == 0;
        }
        if (!known)
            ereport(
                ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 list ? errmsg("option \"search\" names \"%s\", which no algorithm tried has", name)
                      : errmsg("option \"search\" names algorithm \"%s\", which is not tried", name),
                 errhint("{\"ease\": {\"regularization\": [100, 500]}} is for one algorithm, {\"popularity_exponent\":"
                         " [0, 0.2]} for all that have the option.")));
    }
}

typedef struct wanted_axes {
    const lt_options *have;
    const Jsonb *given, *searched; /* options in these are not wanted; NULL: no matter */
} wanted_axes;

static bool is_wanted_axis(const void *context, const char *key)
{
    const wanted_axes *w = context;

    return lt_options_find(w->have, key) >= 0 && (w->given == NULL || !has_key(w->given, key)) &&
           (w->searched == NULL || !has_key(w->searched, key));
}

/* The search of one algorithm: the lists for all, and its own part, or else what is usual but for options mentioned. */
static Jsonb *search_for(lt_env *env, const Jsonb *search, const lt_algorithm *algorithm, const Jsonb *given,
                         int32 *most_items)
{
    Jsonb *own = search_of(search, algorithm->name);
    Jsonb *all = pick(search, is_list_key, search);
    lt_options have;

    LTPG(env, lt_options_init(env, &have, algorithm->options, algorithm->n_options));
    *most_items = 0;
    for (size_t i = 0; i < lengthof(usuals); i++)
        if (strcmp(usuals[i].algorithm, algorithm->name) == 0) {
            *most_items = usuals[i].most_items;
            if (own == NULL)
                own = pick(ltpg_options_parse(usuals[i].search), is_wanted_axis, &(wanted_axes){&have, given, all});
        }
    all = pick(all, is_wanted_axis, &(wanted_axes){.have = &have});
    return own == NULL ? all : ltpg_options_merge(all, own);
}

static void plan_auto(lt_env *env, const ltpg_definition *d, const Jsonb *given, ltpg_plan *plan)
{
    Jsonb *search;
    List *algorithms;
    ListCell *cell;
    bool usual_only, lists, ranks_only = false;
    int n_usual = d->time_column == NULL ? USUAL_WITHOUT_TREND : (int)lengthof(usual_scorings);

    ltpg_options_set(env, &plan->options, pick(given, is_of_options, &plan->options));
    search = ltpg_options_parse(lt_option_text(&plan->options, "search"));
    algorithms = algorithms_of(&plan->options, d);
    usual_only = lt_option_value(&plan->options, "algorithms")->n == 0;
    check_given(env, given, &plan->options, algorithms);
    check_search(env, search, algorithms);
    foreach (cell, algorithms)
        ranks_only |= ((const lt_algorithm *)lfirst(cell))->ranks_only;
    for (int i = 0; i < LTPG_SCORINGS; i++)
        n_usual = has_key(given, ltpg_scoring_names[i]) ? 0 : n_usual;
    if (ranks_only && lt_option_is(&plan->options, "validation_metric", "auto"))
        plan->metric = "ndcg";
    lists =
        is_recommender(d) && (plan->metric != NULL || lt_option_is(&plan->options, "validation_metric", "ndcg") ||
                              lt_option_is(&plan->options, "validation_metric", "recall") ||
                              (d->label_column == NULL && lt_option_is(&plan->options, "validation_metric", "auto")));
    foreach (cell, algorithms) {
        const lt_algorithm *algorithm = lfirst(cell);
        int32 most_items;
        Jsonb *of = search_for(env, search, algorithm, given, &most_items);

        add_candidates(env, plan, algorithm, read_axes(env, of, algorithm), given, lists ? n_usual : 0,
                       usual_only ? most_items : 0);
    }
    plan->searched = true;
}

void ltpg_plan_make(lt_env *env, const ltpg_definition *definition, const Jsonb *given, ltpg_plan *plan)
{
    const lt_algorithm *algorithm = ltpg_algorithm(definition->algorithm);
    Jsonb *options = given == NULL ? definition->options : ltpg_options_merge(definition->options, given);

    *plan = (ltpg_plan){0};
    LTPG(env, lt_options_init(env, &plan->options, algorithm->options, algorithm->n_options));
    if (!JB_ROOT_IS_OBJECT(options))
        ltpg_options_set(env, &plan->options, options); /* fails */
    if (algorithm == &ltpg_auto) {
        plan_auto(env, definition, options, plan);
    } else {
        List *axes;

        ltpg_options_set(env, &plan->options, options);
        axes = read_axes(env, ltpg_options_parse(lt_option_text(&plan->options, "search")), algorithm);
        plan->searched = axes != NIL;
        add_candidates(env, plan, algorithm, axes, options, 0, 0);
    }
    if (plan->searched &&
        (lt_option_is(&plan->options, "split", "none") || lt_option_float(&plan->options, "validation_fraction") == 0))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a search needs a validation part to compare on"),
                 errhint("Leave out \"split\": \"none\": after the search the best is trained again on all rows.")));
}
