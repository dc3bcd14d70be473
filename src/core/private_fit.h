/*
 * private_fit.h: a network trained with differential privacy: what logistic and mlp do with option dp_epsilon.
 *
 * Legend: as mlp_network.h; n rows.  Rows have features alone: there are no users and items.
 *
 * A step takes each row with probability q, cuts its gradient by all weights together to a norm of at most `clip`, adds
 * normal noise of standard deviation sigma * clip to the sum, and divides by q n, whatever number of rows it was.
 */
#ifndef LT_PRIVATE_FIT_H
#define LT_PRIVATE_FIT_H

#include "mlp_objective.h"
#include "noise.h"

/* What a model's training promises. Stored with it as the array "privacy", in this order. */
typedef struct lt_privacy {
    double epsilon, delta, sigma, clip, q, steps;
    double seeded;    /* 1: by option seed, so that the noise can be repeated */
    double scaled;    /* 1: the label's mean and standard deviation are part of the weights */
    double validated; /* 1: figures of a validation part were taken, without noise */
} lt_privacy;

/* The options dp_epsilon, dp_delta and dp_clip, of the algorithms that have them. */
/* clang-format off */
#define LT_PRIVATE_OPTIONS \
    {"dp_epsilon", LT_OPT_FLOAT, "0", 0, 1000, NULL, \
     "epsilon of differentially private training, for models without users and items; smaller is more private; " \
     "0: off"}, \
    {"dp_delta", LT_OPT_FLOAT, "1e-6", 1e-100, 0.1, NULL, \
     "delta of differentially private training; below 1 / rows"}, \
    {"dp_clip", LT_OPT_FLOAT, "1", 1e-6, 1e6, NULL, \
     "the norm that each row's gradient is cut to in differentially private training"}
/* clang-format on */

/* Whether the options ask for it (algorithms without dp_epsilon never do); LT_INVALID when what else they say does not
 * go with it. */
bool lt_private_wanted(const lt_options *o);
lt_status lt_private_check(lt_env *env, const lt_options *o);

/* What lt_private_init is given. */
typedef struct lt_private_spec {
    const lt_inputs *inputs;
    const lt_examples *train, *validation;
    const lt_options *options;  /* dp_*, seed */
    lt_mlp_objective objective; /* loss, delta, mean, sd, class_weight; weight_scale 1 */
    lt_optimizer optimizer;     /* with l2 and l1 as of the mean loss */
    int64_t batch;              /* rows of a step, on average; 0: all */
    int epochs;
    /* The validation metric of a network that predicts; NULL: there is none. */
    lt_status (*measure)(lt_env *env, void *context, lt_network *net, double *value);
    void *context;
} lt_private_spec;

/* A share of a step's rows on their way through the network, in blocks. */
typedef struct lt_private_part {
    lt_batch in;
    float *z[LT_MLP_LAYERS], *a[LT_MLP_LAYERS], *back[LT_MLP_LAYERS];
    float *unused; /* the widest layer's: sums nobody wants */
    float *values; /* the gradient; by: its arrays */
    lt_network by;
} lt_private_part;

typedef struct lt_private_fit {
    lt_private_spec spec;
    lt_network net; /* its weights lie in values */
    int64_t n_values;
    float *values, *first, *second;
    float *sum;      /* the step's gradient */
    double *average; /* of the weights over the last half of all steps */
    int block, parts;
    int64_t round; /* rows of a part between polls */
    lt_private_part *part;
    double clip;
} lt_private_fit;

/* Makes room; the weights start as those of `start`. LT_UNSUPPORTED with users or items. */
lt_status lt_private_init(lt_env *env, const lt_private_spec *spec, lt_network *start, lt_private_fit *f);
/* f->sum = the sum of the cut gradients of train's rows index[0..many): no noise yet. */
lt_status lt_private_gradient(lt_env *env, lt_private_fit *f, const int32_t *index, int64_t many);
/*
 * Trains for all epochs, logging them; training losses, which are of the rows themselves, are not computed.  out (of
 * the same shape): the weights, to predict in the label's unit.  LT_INVALID where the options promise nothing for so
 * many rows.
 */
lt_status lt_private_run(lt_env *env, lt_private_fit *f, lt_network *out, lt_privacy *privacy);

lt_status lt_privacy_store(lt_env *env, const lt_privacy *p, lt_model *model);
/* False when it was trained without, or stored bytes hold figures that no training gives. */
bool lt_privacy_of(const lt_model *model, lt_privacy *out);

#endif
