/*
 * markov.c: what tends to follow: rules from item to item, out of the order in which users had them.
 *
 * A user's rows in order of time make a sequence of steps; rows of one time are one step, a basket, for they have no
 * order.  A row of item b, of weight w and age a, adds w 2^(-a / half_life) decay^(d - 1) to the rule i -> b for each
 * row of another item i that is d <= window steps before it, and w 2^(-a / half_life) basket for each of its own step.
 * Then W_ib = rule_ib / (total_i + shrinkage)^alpha, total_i being all that the rows of i gave, i again included: at
 * alpha 1 and shrinkage 0 a probability of what comes next.  These are the sequential rules of Ludewig and Jannach,
 * "Evaluation of session-based recommendation algorithms", 2018, there of decay 1 / d; those of one step are the Markov
 * chain whose factorised form is Rendle, Freudenthaler and Schmidt-Thieme, "Factorizing personalized Markov chains",
 * 2010.
 *
 * The margin of j is the sum of decay^(d - 1) W_ij over the items i of a history's last `window` steps, d = 1 the last;
 * of an item had more than once the last time counts.  Where times are unknown, as in a basket, all of it is one step.
 * How much of an item somebody had does not matter in what follows from it.
 *
 * A model's arrays: those of neighbors.h, and settings, 1 x 2 f64: window, decay.
 * Legend: n rows, I items.
 */
#include "neighbors.h"
#include "sort.h"
#include "threads.h"

#include <float.h>
#include <math.h>
#include <string.h>

extern const lt_algorithm lt_markov;

#define CHUNK 65536 /* rows between polls */
#define DAY 86400.0
#define MAX_WINDOW 1000

enum { WINDOW, DECAY, SETTINGS };

static const lt_option options[] = {
    {"window", LT_OPT_INT, "3", 1, MAX_WINDOW, NULL,
     "steps (baskets, or single rows of different times) between two items that can still make a rule, and the last "
     "ones of a user that recommendations start from"},
    {"decay", LT_OPT_FLOAT, "0.5", 0, 1, NULL, "what each further step between two items leaves of a rule's weight"},
    {"basket", LT_OPT_FLOAT, "1", 0, 1e6, NULL,
     "what two items of the same time add to the rules between them, where following in the next step adds 1"},
    {"half_life", LT_OPT_FLOAT, "0", 0, 1e9, NULL,
     "days after which what happened counts half, before the latest row of training; 0: all counts alike"},
    {"neighbors", LT_OPT_INT, "100", 0, 1e6, NULL, "the strongest rules kept to each item; 0 keeps all"},
    {"alpha", LT_OPT_FLOAT, "1", 0, 2, NULL,
     "rules are divided by all that followed their first item to this power; 1: probabilities, 0: counts"},
    {"shrinkage", LT_OPT_FLOAT, "10", 0, 1e12, NULL,
     "added to what followed an item before dividing by it, so that rules that rest on little are weak"},
    {"duplicates", LT_OPT_ENUM, "keep", 0, 0, "auto|keep|sum|mean|max|last",
     "how several rows of one user and item are combined; keep: an item can come again; auto: sum for implicit "
     "feedback, keep otherwise"},
};

/* ---- sequences ---- */

typedef struct sequences {
    int64_t n, steps;
    int32_t *item;       /* n: by user, then time */
    double *weight;      /* n: after the decay by age */
    int64_t *step;       /* n: the step each is of */
    int64_t *step_start; /* steps + 1 */
    int32_t *step_user;  /* steps */
    int64_t *place;      /* n: places by item */
    int64_t *item_start; /* I + 1: where an item's are in `place` */
} sequences;

/* order[0..n): the rows that say a user had an item, by user, then time. */
static lt_status order_rows(lt_env *env, const lt_dataset *data, int64_t *n, int64_t **order)
{
    const lt_examples *ex = &data->train;
    int32_t users = data->design.users;
    int64_t *at;
    lt_keyed *row;

    LT_TRY(lt_alloc(env, &row, (size_t)ex->n, sizeof *row, "the order of rows"));
    *n = 0;
    for (int64_t i = 0; i < ex->n; i++)
        if (ex->user[i] >= 0 && ex->item[i] >= 0 && (data->label_kind == LT_LABEL_REAL || ex->label[i] > 0))
            row[(*n)++] = (lt_keyed){.key = lt_sort_key(ex->time[i]), .index = i};
    LT_TRY(lt_sort(env, row, *n));
    LT_TRY(lt_alloc(env, &at, (size_t)users + 1, sizeof *at, "the order of rows"));
    LT_TRY(lt_alloc(env, order, (size_t)*n, sizeof **order, "the order of rows"));
    for (int64_t k = 0; k < *n; k++)
        at[ex->user[row[k].index] + 1]++;
    for (int32_t u = 0; u < users; u++)
        at[u + 1] += at[u];
    for (int64_t k = 0; k < *n; k++) {
        if (k % CHUNK == 0)
            LT_TRY(lt_poll(env));
        (*order)[at[ex->user[row[k].index]]++] = row[k].index;
    }
    lt_free(env, at);
    lt_free(env, row);
    return LT_OK;
}

static lt_status place_by_item(lt_env *env, sequences *s, int32_t items)
{
    int64_t *at;

    LT_TRY(lt_alloc(env, &s->item_start, (size_t)items + 1, sizeof *s->item_start, "the sequences"));
    LT_TRY(lt_alloc(env, &s->place, (size_t)s->n, sizeof *s->place, "the sequences"));
    LT_TRY(lt_alloc(env, &at, (size_t)items, sizeof *at, "the sequences"));
    for (int64_t p = 0; p < s->n; p++)
        s->item_start[s->item[p] + 1]++;
    for (int32_t i = 0; i < items; i++) {
        s->item_start[i + 1] += s->item_start[i];
        at[i] = s->item_start[i];
    }
    for (int64_t p = 0; p < s->n; p++) {
        if (p % CHUNK == 0)
            LT_TRY(lt_poll(env));
        s->place[at[s->item[p]]++] = p;
    }
    lt_free(env, at);
    return LT_OK;
}

static lt_status find_sequences(lt_env *env, const lt_dataset *data, double half_life, sequences *s)
{
    const lt_examples *ex = &data->train;
    double latest;
    int64_t *order, last = -1;

    LT_TRY(order_rows(env, data, &s->n, &order));
    LT_TRY(lt_alloc(env, &s->item, (size_t)s->n, sizeof *s->item, "the sequences"));
    LT_TRY(lt_alloc(env, &s->weight, (size_t)s->n, sizeof *s->weight, "the sequences"));
    LT_TRY(lt_alloc(env, &s->step, (size_t)s->n, sizeof *s->step, "the sequences"));
    LT_TRY(lt_alloc(env, &s->step_start, (size_t)s->n + 1, sizeof *s->step_start, "the sequences"));
    LT_TRY(lt_alloc(env, &s->step_user, (size_t)s->n, sizeof *s->step_user, "the sequences"));
    LT_TRY(lt_latest_time(env, ex->time, ex->n, &latest));
    for (int64_t p = 0; p < s->n; p++) {
        int64_t i = order[p];

        if (p % CHUNK == 0)
            LT_TRY(lt_poll(env));
        if (last < 0 || ex->user[i] != ex->user[last] || ex->time[i] != ex->time[last]) {
            s->step_user[s->steps] = ex->user[i];
            s->step_start[s->steps++] = p;
        }
        last = i;
        s->item[p] = ex->item[i];
        s->step[p] = s->steps - 1;
        s->weight[p] = ex->weight == NULL ? 1 : ex->weight[i];
        if (half_life > 0)
            s->weight[p] *= exp2(fmin(0, ex->time[i] - latest) / (DAY * half_life));
    }
    s->step_start[s->steps] = s->n;
    lt_free(env, order);
    return place_by_item(env, s, data->design.items);
}

static void free_sequences(lt_env *env, sequences *s)
{
    lt_free(env, s->item);
    lt_free(env, s->weight);
    lt_free(env, s->step);
    lt_free(env, s->step_start);
    lt_free(env, s->step_user);
    lt_free(env, s->place);
    lt_free(env, s->item_start);
}

/* ---- rules ---- */

typedef struct rules {
    const sequences *s;
    int window;
    double decay, basket, alpha, shrinkage;
    double *total; /* I: all that followed */
    double **sum;  /* by member, I: of one target; 0 in between */
} rules;

/* What the rows of each item give to any rule. */
static lt_status find_totals(lt_env *env, const sequences *s, rules *r)
{
    double *mass;

    LT_TRY(lt_alloc(env, &mass, (size_t)s->steps, sizeof *mass, "the steps' weights"));
    for (int64_t p = 0; p < s->n; p++)
        mass[s->step[p]] += s->weight[p];
    for (int64_t t = 0; t < s->steps; t++) {
        double follows = 0, strength = 1;

        if (t % (CHUNK / MAX_WINDOW) == 0)
            LT_TRY(lt_poll(env));
        for (int d = 1; d <= r->window && t + d < s->steps && s->step_user[t + d] == s->step_user[t]; d++) {
            follows += strength * mass[t + d];
            strength *= r->decay;
        }
        for (int64_t p = s->step_start[t]; p < s->step_start[t + 1]; p++)
            r->total[s->item[p]] += follows + r->basket * (mass[t] - s->weight[p]);
    }
    lt_free(env, mass);
    return LT_OK;
}

/* Every row of the step but those of the target adds to its item's rule; returns the number of sources found. */
static int32_t add_step(const sequences *s, int64_t step, int32_t target, double weight, double *sum, int32_t *found,
                        int32_t n)
{
    for (int64_t p = s->step_start[step]; p < s->step_start[step + 1]; p++) {
        int32_t i = s->item[p];

        if (i == target)
            continue;
        if (sum[i] == 0)
            found[n++] = i;
        sum[i] += weight;
    }
    return n;
}

/* The rules to one target, as a lt_neighbor_row. */
static int32_t rules_to(void *context, int32_t target, int member, int32_t *found, float *weight)
{
    const rules *r = context;
    const sequences *s = r->s;
    double *sum = r->sum[member];
    int32_t n = 0;

    for (int64_t k = s->item_start[target]; k < s->item_start[target + 1]; k++) {
        int64_t p = s->place[k], t = s->step[p];
        double strength = s->weight[p];

        if (r->basket * strength > 0)
            n = add_step(s, t, target, r->basket * strength, sum, found, n);
        for (int d = 1; d <= r->window && t - d >= 0 && s->step_user[t - d] == s->step_user[t] && strength > 0; d++) {
            n = add_step(s, t - d, target, strength, sum, found, n);
            strength *= r->decay;
        }
    }
    for (int32_t k = 0; k < n; k++) {
        int32_t i = found[k];

        /* a total may have lost a small part to rounding; a weight must be a number that is kept */
        weight[k] = (float)fmin(sum[i] / pow(fmax(r->total[i], sum[i]) + r->shrinkage, r->alpha), FLT_MAX);
        sum[i] = 0;
    }
    return n;
}

static lt_status find_rules(lt_env *env, const sequences *s, rules *r, int32_t items, int64_t neighbors,
                            lt_model *model)
{
    int members = lt_threads(env);
    lt_neighbor_lists lists;

    r->s = s;
    LT_TRY(lt_alloc(env, &r->total, (size_t)items, sizeof *r->total, "the rules"));
    LT_TRY(lt_alloc(env, &r->sum, (size_t)members, sizeof *r->sum, "the rules"));
    for (int m = 0; m < members; m++)
        LT_TRY(lt_alloc(env, &r->sum[m], (size_t)items, sizeof **r->sum, "the rules"));
    LT_TRY(lt_neighbor_lists_init(env, &lists, items, neighbors, 0));
    LT_TRY(find_totals(env, s, r));
    LT_TRY(lt_neighbor_lists_fill(env, &lists, false, rules_to, r));
    LT_TRY(lt_neighbor_lists_store(env, &lists, model));
    lt_free(env, r->total);
    for (int m = 0; m < members; m++)
        lt_free(env, r->sum[m]);
    lt_free(env, r->sum);
    return LT_OK;
}

static lt_status markov_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    sequences s = {0};
    rules r = {.window = (int)lt_option_int(o, "window"),
               .decay = lt_option_float(o, "decay"),
               .basket = lt_option_float(o, "basket"),
               .alpha = lt_option_float(o, "alpha"),
               .shrinkage = lt_option_float(o, "shrinkage")};
    double *settings;

    if (data->train.time == NULL) {
        lt_fail(env, LT_INVALID, "algorithm \"markov\" needs to know when the interactions were");
        return lt_fail_hint(env, "Give time_column; without one, item_knn and ease learn what goes together.");
    }
    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(find_sequences(env, data, lt_option_float(o, "half_life"), &s));
    LT_TRY(find_rules(env, &s, &r, data->design.items, lt_option_int(o, "neighbors"), model));
    free_sequences(env, &s);
    LT_TRY(lt_model_add_f64(env, model, "settings", 1, SETTINGS, &settings));
    settings[WINDOW] = r.window;
    settings[DECAY] = r.decay;
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

static lt_status markov_check(lt_env *env, const lt_model *m)
{
    const lt_array *settings = lt_model_array(m, "settings");

    LT_TRY(lt_neighbors_check(env, m));
    if (settings == NULL || settings->d == NULL || settings->rows != 1 || settings->cols != SETTINGS ||
        !(settings->d[WINDOW] >= 1 && settings->d[WINDOW] <= MAX_WINDOW) ||
        !(settings->d[DECAY] >= 0 && settings->d[DECAY] <= 1))
        return lt_fail(env, LT_CORRUPT, "the settings of a markov model are out of range");
    return LT_OK;
}

/* ---- scoring ---- */

/* The steps of a history that count, and how much. */
typedef struct tail {
    lt_subject subject;
    int32_t *item;
    float *strength;
    int64_t *from; /* the index in the whole history */
} tail;

/* strength[0..n_history), zeroed: of the items of the last steps. */
static lt_status weigh_steps(lt_env *env, const lt_subject *subject, int window, double decay, float *strength)
{
    const double *time = subject->history_time;
    int64_t n = subject->n_history;
    double weight = 1;
    lt_keyed *by_time;
    int step = 1;

    LT_TRY(lt_alloc(env, &by_time, (size_t)n, sizeof *by_time, "a history"));
    for (int64_t k = 0; k < n; k++) /* what has no time is older than anything */
        by_time[k] = (lt_keyed){.key = lt_sort_key(time == NULL || isnan(time[k]) ? -INFINITY : time[k]), .index = k};
    LT_TRY(lt_sort(env, by_time, n));
    for (int64_t k = n - 1; k >= 0; k--) {
        if (k < n - 1 && by_time[k].key != by_time[k + 1].key) {
            weight *= decay;
            step++;
        }
        if (step > window)
            break;
        strength[by_time[k].index] = (float)weight;
    }
    lt_free(env, by_time);
    return LT_OK;
}

static lt_status take_tail(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, tail *out)
{
    const double *settings = lt_model_array(scorer->model, "settings")->d;
    size_t most = (size_t)subject->n_history;
    int64_t n = 0;

    LT_TRY(lt_alloc(env, &out->item, most, sizeof *out->item, "a history"));
    LT_TRY(lt_alloc(env, &out->strength, most, sizeof *out->strength, "a history"));
    LT_TRY(lt_alloc(env, &out->from, most, sizeof *out->from, "a history"));
    LT_TRY(weigh_steps(env, subject, (int)settings[WINDOW], settings[DECAY], out->strength));
    for (int64_t k = 0; k < subject->n_history; k++) {
        if (out->strength[k] == 0)
            continue;
        out->item[n] = subject->history[k];
        out->strength[n] = out->strength[k];
        out->from[n++] = k;
    }
    out->subject = *subject;
    out->subject.n_history = n;
    out->subject.history = out->item;
    out->subject.history_weight = out->strength;
    out->subject.history_time = NULL;
    return LT_OK;
}

static void free_tail(lt_env *env, tail *t)
{
    lt_free(env, t->item);
    lt_free(env, t->strength);
    lt_free(env, t->from);
}

static lt_status markov_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                              int64_t n, float *margin)
{
    tail t;

    LT_TRY(take_tail(env, scorer, subject, &t));
    LT_TRY(lt_neighbors_score(env, scorer, &t.subject, items, n, margin));
    free_tail(env, &t);
    return LT_OK;
}

static lt_status markov_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                        double *contribution)
{
    double *part;
    tail t;

    memset(contribution, 0, (1 + (size_t)subject->n_history) * sizeof *contribution);
    LT_TRY(take_tail(env, scorer, subject, &t));
    LT_TRY(lt_alloc(env, &part, 1 + (size_t)t.subject.n_history, sizeof *part, "the reasons"));
    LT_TRY(lt_neighbors_explain_history(env, scorer, &t.subject, item, part));
    contribution[0] = part[0];
    for (int64_t k = 0; k < t.subject.n_history; k++)
        contribution[1 + t.from[k]] = part[1 + k];
    lt_free(env, part);
    free_tail(env, &t);
    return LT_OK;
}

const lt_algorithm lt_markov = {
    .name = "markov",
    .help = "sequence rules: recommends what tends to follow a user's last items; needs a time column",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_EXAMPLES,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = markov_train,
    .check = markov_check,
    .prepare = lt_neighbors_prepare,
    .score = markov_score,
    .explain_history = markov_explain_history,
    .similar = lt_neighbors_similar,
    .item_vectors = lt_neighbors_item_vectors,
    .extend = lt_neighbors_extend,
};
