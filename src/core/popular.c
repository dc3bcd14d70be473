/*
 * popular.c: algorithm "popularity": what sells, to everybody alike.
 *
 * An item's count is the sum of its training rows' weights, each halved for every half_life between the row's time and
 * the latest of all (lt_latest_time).  Every row counts, so that buying again counts again: option duplicates is keep
 * here.  A margin is the logarithm of the item's smoothed share of everything, ln((count + s) / (total + s I)),    s
 * the mean weight of a row after decay, so that a score is the probability that the next interaction is with the item,
 * and popularity_exponent divides it by what the item was bought in all of training: at 1, what is left is how much the
 * item gains.  An item that nobody bought has a pseudo-interaction of mean weight, as has anything that a recommender
 * falls back on (recommend.c).
 *
 * Legend: I items. A model's arrays: count, f64, 1 x I; smoothing, f64, 1 x 1: s > 0.
 */
#include "forget.h"
#include "image.h"
#include "sort.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_popular;

#define CHUNK 65536 /* rows or items between polls */
#define DAY 86400.0

static const lt_option options[] = {
    {"half_life", LT_OPT_FLOAT, "0", 0, 1e9, NULL,
     "days after which an interaction counts half, before the latest one of training; 0: all count alike"},
    {"duplicates", LT_OPT_ENUM, "keep", 0, 0, "auto|keep|sum|mean|max|last",
     "how several rows of one user and item are combined; keep: each counts; auto: sum for implicit feedback, keep "
     "otherwise"},
};

/* ---- training ---- */

static lt_status popular_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    const lt_examples *ex = &data->train;
    int32_t items = data->design.items;
    double half_life = DAY * lt_option_float(o, "half_life"), now = 0, total = 0, loss = 0, *count, *smoothing;
    int64_t rows = 0;

    if (half_life > 0 && ex->time == NULL) {
        lt_fail(env, LT_INVALID, "option \"half_life\" needs to know when the interactions were");
        return lt_fail_hint(env, "Give time_column, or leave half_life at 0.");
    }
    model->link = LT_LINK_EXP;
    model->design = data->design;
    LT_TRY(lt_model_add_f64(env, model, "count", 1, items, &count));
    LT_TRY(lt_model_add_f64(env, model, "smoothing", 1, 1, &smoothing));
    if (half_life > 0)
        LT_TRY(lt_latest_time(env, ex->time, ex->n, &now));
    for (int64_t i = 0; i < ex->n; i++) {
        double weight = ex->weight == NULL ? 1 : ex->weight[i];

        if (i % CHUNK == 0)
            LT_TRY(lt_poll(env));
        if (ex->item[i] < 0 || (data->label_kind != LT_LABEL_REAL && ex->label[i] <= 0))
            continue;
        if (half_life > 0)
            weight *= exp2(fmin(0, ex->time[i] - now) / half_life);
        count[ex->item[i]] += weight;
        total += weight;
        rows++;
    }
    *smoothing = total > 0 ? total / (double)rows : 1;
    for (int32_t i = 0; i < items && total > 0; i++)
        loss -= count[i] / total * log((count[i] + *smoothing) / (total + *smoothing * items));
    fit->epochs = 1;
    fit->loss = loss;
    fit->converged = true;
    return LT_OK;
}

static lt_status popular_check(lt_env *env, const lt_model *m)
{
    const lt_array *count = lt_model_array(m, "count"), *smoothing = lt_model_array(m, "smoothing");
    double total = 0;

    if (count == NULL || count->d == NULL || count->rows != 1 || count->cols != m->design.items || smoothing == NULL ||
        smoothing->d == NULL || smoothing->rows != 1 || smoothing->cols != 1)
        return lt_fail(env, LT_CORRUPT, "the arrays of a popularity model do not fit its items");
    for (int64_t i = 0; i < count->cols; i++) {
        if (!(count->d[i] >= 0))
            return lt_fail(env, LT_CORRUPT, "a count of a popularity model is not a count");
        total += count->d[i];
    }
    if (!(smoothing->d[0] > 0) || !isfinite(total + smoothing->d[0] * (double)count->cols))
        return lt_fail(env, LT_CORRUPT, "the counts of a popularity model are out of range");
    return LT_OK;
}

/* New items have been bought by nobody yet. */
static lt_status popular_extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    lt_array *a = m->array;
    double *count;

    while (strcmp(a->name, "count") != 0)
        a++;
    LT_TRY(lt_alloc(env, &count, (size_t)grown->items, sizeof *count, "the items' counts"));
    memcpy(count, a->d, (size_t)a->cols * sizeof *count);
    a->d = count;
    a->cols = grown->items;
    return LT_OK;
}

/* The counts and smoothing of the pairs that training counted, those of user `without` left out. */
static lt_status count_pairs(lt_env *env, const lt_leaver *who, int32_t without, double *count, double *smoothing)
{
    double total = 0, rows = 0;

    LT_TRY(lt_leaver_sums(env, who, who->weight, without, count));
    for (int32_t u = 0; u < who->seen->rows; u++)
        for (int64_t k = who->seen->start[u]; u != without && k < who->seen->start[u + 1]; k++) {
            total += who->weight[k];
            rows += who->rows[k];
        }
    *smoothing = total > 0 ? total / rows : 1;
    return LT_OK;
}

static lt_status popular_forget(lt_env *env, lt_model *m, lt_leaver *who)
{
    const lt_array *a = lt_model_array(m, "count");
    double *smoothing = lt_model_array(m, "smoothing")->d, *count, again;
    size_t size = (size_t)a->cols * sizeof *count;

    if (who->user < 0 || who->seen == NULL)
        return LT_OK; /* the bundle's counts are left for the same reason */
    LT_TRY(lt_alloc(env, &count, (size_t)a->cols, sizeof *count, "the items' counts"));
    LT_TRY(count_pairs(env, who, -1, count, &again));
    if (memcmp(count, a->d, size) == 0 && again == *smoothing)
        return count_pairs(env, who, who->user, a->d, smoothing);
    who->left |= LT_LEFT_COUNTS;
    return lt_leaver_shrink(env, who, a->d);
}

/* ---- scoring ---- */

typedef struct score_state {
    float *margin; /* I + 1: the last is that of an item unknown */
} score_state;

static lt_status popular_prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_array *a = lt_model_array(scorer->model, "count");
    double s = lt_model_array(scorer->model, "smoothing")->d[0], total = 0;
    score_state *state;

    LT_TRY(lt_alloc(env, &state, 1, sizeof *state, "a scorer"));
    LT_TRY(lt_alloc(env, &state->margin, (size_t)a->cols + 1, sizeof *state->margin, "a scorer's items"));
    for (int64_t i = 0; i < a->cols; i++)
        total += a->d[i];
    for (int64_t i = 0; i <= a->cols; i++) {
        if (i % CHUNK == 0)
            LT_TRY(lt_poll(env));
        state->margin[i] = (float)log(((i < a->cols ? a->d[i] : 0) + s) / (total + s * (double)a->cols));
    }
    scorer->state = state;
    return LT_OK;
}

static lt_status popular_image(lt_image *im, lt_scorer *scorer)
{
    score_state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(lt_image_array(im, &s->margin, (int64_t)scorer->model->design.items + 1, sizeof *s->margin));
    scorer->state = s;
    return LT_OK;
}

static lt_status popular_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                               int64_t n, float *margin)
{
    const score_state *state = scorer->state;
    int32_t known = scorer->model->design.items;

    (void)subject;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = items == NULL ? k : items[k];

        if (k % CHUNK == 0)
            LT_TRY(lt_poll(env));
        margin[k] = state->margin[i >= 0 && i < known ? i : known];
    }
    return LT_OK;
}

/* One line: nothing about the user went into it. */
static lt_status popular_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                         double *contribution)
{
    float margin;

    memset(contribution, 0, (1 + (size_t)subject->n_history) * sizeof *contribution);
    LT_TRY(popular_score(env, scorer, subject, &item, 1, &margin));
    contribution[0] = margin;
    return LT_OK;
}

const lt_algorithm lt_popular = {
    .name = "popularity",
    .help = "what is bought most, to everybody alike, of late if a half-life is given",
    .recommender = true,
    .same_for_all = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_EXAMPLES,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = popular_train,
    .check = popular_check,
    .prepare = popular_prepare,
    .image = popular_image,
    .score = popular_score,
    .explain_history = popular_explain_history,
    .extend = popular_extend,
    .forget = popular_forget,
};
