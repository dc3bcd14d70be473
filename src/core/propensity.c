/*
 * propensity.c: inverse-propensity weights.
 *
 * An item is bought by those who like it and have come across it. The chance to come across it, its propensity, grows
 * with its popularity, so that the pairs seen tell of popular items more than users' tastes do.  Weights of 1 /
 * propensity undo that (Schnabel, Swaminathan, Singh, Chandak and Joachims, "Recommendations as treatments: debiasing
 * learning and evaluation", 2016; of implicit feedback Saito, Yaginuma, Nishino, Sakata and Nakata, "Unbiased
 * recommender learning from missing-not-at-random implicit feedback", 2020).  What is not known is the propensity; here
 * it is popularity to a power (Steck, "Item popularity and recommendation accuracy", 2011), which propensity_exponent
 * is.
 *
 * Weights are normalised by their own sum, which trades a little bias for much variance (Swaminathan and Joachims,
 * "The self-normalized estimator for counterfactual learning", 2015), and so that penalties mean what they did; clipped
 * for the same reason.  A clip alone would lower the sum: the others are raised until it holds again, so that both the
 * bound and the sum are exact.
 *
 * Only training is weighed.  What is validated, what is measured and what users are served from has the weights it was
 * read with.
 */
#include "propensity.h"

#include <math.h>

#define POLL_EVERY (1 << 16) /* rows or items */

lt_status lt_propensity_weights(lt_env *env, const double *count, const double *weight, int32_t items, double exponent,
                                double clip, double *out)
{
    double total = 0, least = INFINITY, limit = INFINITY, scale;

    LT_TRY(lt_poll(env));
    for (int32_t i = 0; i < items; i++)
        if (count[i] > 0) {
            least = fmin(least, count[i]);
            total += weight[i];
        }
    for (int32_t i = 0; i < items; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        out[i] = count[i] > 0 ? pow(count[i] / least, -exponent) : 1; /* the rarest have 1: nothing overflows */
    }
    /* Each turn clips items that the turn before had raised beyond it; the scale rises, so none comes back. */
    for (;;) {
        double sum = 0, clipped = 0, most = 0;

        LT_TRY(lt_poll(env));
        for (int32_t i = 0; i < items; i++) {
            if (count[i] <= 0)
                continue;
            if (out[i] > limit) {
                clipped += clip * weight[i];
                continue;
            }
            sum += weight[i] * out[i];
            most = fmax(most, out[i]);
        }
        scale = sum > 0 ? fmax(total - clipped, 0) / sum : 0;
        if (!(most * scale > clip))
            break;
        limit = clip / scale;
    }
    for (int32_t i = 0; i < items; i++)
        if (count[i] > 0)
            out[i] = !(total > 0) ? 1 : out[i] > limit ? clip : scale * out[i];
    return LT_OK;
}

/* Examples that are weighed: of ratings all, else the positives. */
static bool is_weighed(const lt_dataset *data, int64_t i)
{
    return data->train.item[i] >= 0 && (data->label_kind == LT_LABEL_REAL || data->train.label[i] > 0);
}

/* What a positive of each item weighs; from lt_alloc. */
static lt_status weigh_items(lt_env *env, const lt_dataset *data, const lt_options *o, double **out)
{
    const lt_examples *ex = &data->train;
    size_t items = (size_t)data->design.items;
    double *count, *weight;

    LT_TRY(lt_alloc(env, &count, items, sizeof *count, "the items' propensities"));
    LT_TRY(lt_alloc(env, &weight, items, sizeof *weight, "the items' propensities"));
    LT_TRY(lt_alloc(env, out, items, sizeof **out, "the items' propensities"));
    for (int64_t i = 0; i < ex->n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (!is_weighed(data, i))
            continue;
        count[ex->item[i]]++;
        weight[ex->item[i]] += ex->weight == NULL ? 1 : ex->weight[i];
    }
    LT_TRY(lt_propensity_weights(env, count, weight, data->design.items, lt_option_float(o, "propensity_exponent"),
                                 lt_option_float(o, "propensity_clip"), *out));
    lt_free(env, count);
    lt_free(env, weight);
    return LT_OK;
}

static lt_status weigh_examples(lt_env *env, const lt_dataset *data, const double *weight, float **out)
{
    const lt_examples *ex = &data->train;

    LT_TRY(lt_alloc(env, out, (size_t)ex->n, sizeof **out, "the weights"));
    for (int64_t i = 0; i < ex->n; i++) {
        float read = ex->weight == NULL ? 1 : ex->weight[i];

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        (*out)[i] = is_weighed(data, i) ? (float)(read * weight[ex->item[i]]) : read;
    }
    return LT_OK;
}

static lt_status weigh_pairs(lt_env *env, const lt_pairs *seen, const double *weight, float **out)
{
    int64_t n = seen->start[seen->rows];

    LT_TRY(lt_alloc(env, out, (size_t)n, sizeof **out, "the weights"));
    for (int64_t e = 0; e < n; e++) {
        if (e % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        (*out)[e] = (float)((seen->val == NULL ? 1 : seen->val[e]) * weight[seen->col[e]]);
    }
    return LT_OK;
}

static lt_status check_used(lt_env *env, const lt_dataset *data, const lt_algorithm *algorithm)
{
    if (data->design.items == 0) {
        lt_fail(env, LT_INVALID, "option \"propensity_exponent\" weighs items by their popularity, but there are none");
        return lt_fail_hint(env, "Name user_column and item_column, or leave it at 0.");
    }
    if (algorithm->weights == LT_WEIGHTS_NONE) {
        lt_fail(env, LT_INVALID,
                "option \"propensity_exponent\" does nothing with algorithm \"%s\", which reads no weights",
                algorithm->name);
        return lt_fail_hint(env, "Train the models that it builds on with it, or leave it at 0.");
    }
    if (algorithm->weights == LT_WEIGHTS_OF_PAIRS && data->label_kind == LT_LABEL_REAL) {
        lt_fail(env, LT_INVALID,
                "option \"propensity_exponent\" does nothing with algorithm \"%s\" and labels of numbers, which it "
                "takes without weights",
                algorithm->name);
        return lt_fail_hint(env, "Leave out label_column, or it at 0; algorithm mlp weighs ratings.");
    }
    return LT_OK;
}

lt_status lt_propensity_apply(lt_env *env, const lt_dataset *data, const lt_algorithm *algorithm,
                              const lt_options *options, lt_dataset *out)
{
    double *weight;

    *out = *data;
    if (lt_option_float(options, "propensity_exponent") == 0)
        return LT_OK;
    LT_TRY(check_used(env, data, algorithm));
    LT_TRY(weigh_items(env, data, options, &weight));
    out->histories = &data->seen;
    LT_TRY(algorithm->weights == LT_WEIGHTS_OF_EXAMPLES ? weigh_examples(env, data, weight, &out->train.weight)
                                                        : weigh_pairs(env, &data->seen, weight, &out->seen.val));
    lt_free(env, weight);
    return LT_OK;
}

void lt_propensity_free(lt_env *env, const lt_dataset *data, lt_dataset *applied)
{
    if (applied->train.weight != data->train.weight)
        lt_free(env, applied->train.weight);
    if (applied->seen.val != data->seen.val)
        lt_free(env, applied->seen.val);
}
