/*
 * model.h: the algorithm interface and the trained model.
 *
 * A new algorithm is one file with a `const lt_algorithm` and one line in registry.c.  Everything else (SQL, options,
 * catalog, cache, recommend, evaluate) works through this page and knows no algorithm by name.
 *
 * margin: the real number a model gives an example before its link; link: how margin becomes a prediction.
 */
#ifndef LT_MODEL_H
#define LT_MODEL_H

#include "dataset.h"
#include "option.h"
#include "scan.h"

struct lt_bundle;
struct lt_image;
struct lt_leaver;

/* Which weights of the dataset a training reads. */
typedef enum lt_weights {
    LT_WEIGHTS_NONE,
    LT_WEIGHTS_OF_PAIRS,    /* seen's values; of ratings these are the ratings */
    LT_WEIGHTS_OF_EXAMPLES, /* train's */
} lt_weights;

typedef enum lt_link {
    LT_LINK_IDENTITY, /* squared and Huber loss */
    LT_LINK_LOGISTIC, /* probability */
    LT_LINK_EXP,      /* Poisson: expected count */
} lt_link;

double lt_link_apply(lt_link link, double margin);

/* A named array of weights, rows x cols, float, double or whole numbers. */
typedef struct lt_array {
    const char *name;
    int64_t rows, cols;
    float *f; /* one of f, d and i */
    double *d;
    int32_t *i;
} lt_array;

typedef struct lt_model {
    const struct lt_algorithm *algorithm;
    lt_link link;
    lt_design design;
    int n_arrays;
    lt_array *array;
    size_t cap_arrays;
    int n_parts;
    struct lt_bundle *part; /* whole versions inside this one: blend's; stored with it */
} lt_model;

/* Adds a zeroed array and returns it through *out. */
lt_status lt_model_add_f32(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, float **out);
lt_status lt_model_add_f64(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, double **out);
lt_status lt_model_add_i32(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, int32_t **out);
const lt_array *lt_model_array(const lt_model *m, const char *name); /* NULL when absent */

void lt_model_write(lt_writer *w, const lt_model *m);
lt_status lt_model_read(lt_reader *r, lt_model *m); /* ends with algorithm->check */

/* What training reports besides the weights. */
typedef struct lt_fit {
    int epochs;  /* passes made */
    double loss; /* mean training loss per unit of weight, penalty excluded */
    bool converged;
} lt_fit;

/* One user, as scoring sees them. */
typedef struct lt_subject {
    int32_t user;             /* number in the model's user dictionary, or -1 */
    const lt_table *features; /* one encoded row (n = 1), or NULL for the table's own row of `user` */
    const lt_table *row;      /* one encoded row of context, or NULL: all zero */
    int64_t n_history;        /* items the user has, each once, ascending, for algorithms that fold in */
    const int32_t *history;
    const float *history_weight; /* as lt_dataset.seen's val; NULL is all ones */
    const double *history_time;  /* as its time; NULL is unknown */
} lt_subject;

/* Row `row` of the pairs as the history. */
static inline void lt_subject_take_history(lt_subject *s, const lt_pairs *pairs, int32_t row)
{
    int64_t from = pairs->start[row];

    s->n_history = pairs->start[row + 1] - from;
    s->history = pairs->col + from;
    s->history_weight = pairs->val == NULL ? NULL : pairs->val + from;
    s->history_time = pairs->time == NULL ? NULL : pairs->time + from;
}

/* A model made ready for scoring: what depends on items alone is computed once. Read-only afterwards. */
typedef struct lt_scorer {
    const lt_model *model;
    const lt_table *user, *item; /* encoded features of known users and items */
    const double *item_count;    /* I: interactions in training */
    void *state;                 /* the algorithm's own */
} lt_scorer;

typedef struct lt_algorithm {
    const char *name;
    const char *help;
    bool supervised;         /* works without users and items */
    bool recommender;        /* works with them */
    bool uses_history;       /* score answers from subject.history: unknown users, baskets, purchases of a moment ago */
    bool same_for_all;       /* margins depend on no user: also somebody of whom nothing is known is scored */
    bool no_features;        /* columns without a role, of users and of items are not read */
    bool item_features_only; /* of them those of items alone are */
    lt_weights weights;
    bool ranks_only; /* margins order items and predict no label: there is no predict, validation is by ranking */
    const lt_option *options;
    int n_options;

    /* Trains on data; logs through env->log once an epoch; fills model (link, design, arrays) and fit. */
    lt_status (*train)(lt_env *env, const lt_dataset *data, const lt_options *options, lt_model *model, lt_fit *fit);
    /* Shapes of arrays against the design: LT_CORRUPT with what is wrong. Called on every load. */
    lt_status (*check)(lt_env *env, const lt_model *model);
    /* margin[0..ex->n) for examples whose features are in `in`. NULL if ranks_only. */
    lt_status (*predict)(lt_env *env, const lt_model *model, const lt_inputs *in, const lt_examples *ex, float *margin);
    /* Fills scorer->state from scorer->model and tables. */
    lt_status (*prepare)(lt_env *env, lt_scorer *scorer);
    /* Walks through scorer->state, either way (image.h). NULL: prepare takes no time, and is called again. */
    lt_status (*image)(struct lt_image *im, lt_scorer *scorer);
    /*
     * margin of items[0..n) (NULL: all, n = I) for one user; equals predict up to rounding, where history is not used
     * or is that of training. Users of whom nothing is known do not come here, but a history may be empty; equal
     * margins are ordered by popularity.
     */
    lt_status (*score)(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items, int64_t n,
                       float *margin);
    /*
     * The dot products that score's margins are: lt_scan_margins gives the same, bit by bit. Users as for score; out->x
     * is from lt_alloc. NULL: they are something else.
     */
    lt_status (*seek)(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, lt_seek *out);
    /*
     * contribution[0 .. 1 + dense + sparse + 2) to the margin of ONE example: [0] is the baseline, then the input
     * columns, then what was learned about the user and the item themselves beyond any column (embeddings; 0 without).
     * They sum to the margin. Linear models: coefficient * value. MLP: see mlp_score.c.
     */
    lt_status (*explain)(lt_env *env, const lt_model *model, const lt_inputs *in, const lt_examples *one,
                         double *contribution);
    /*
     * Where scores come from the history: contribution[0 .. 1 + n_history) to the margin score gives `item`, the
     * baseline, then each item of subject.history. They sum to the margin. NULL: explain is by input column.
     */
    lt_status (*explain_history)(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                 double *contribution);
    /* score[0..I): how similar each item is to `item`, higher is nearer; the caller leaves out `item` itself. NULL:
     * by the cosine of the items' encoded features. */
    lt_status (*similar)(lt_env *env, const lt_scorer *scorer, int32_t item, float *score);
    /*
     * What says how alike items[0..n) are: the cosine of the rows of `out`, which it fills, n of them; a number below 0
     * gives a row of zeros. NULL, or no columns (this model has learned none): of the items' encoded features.
     */
    lt_status (*item_vectors)(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out);
    /*
     * Users and items were appended behind those there were: arrays that follow their numbers grow, by what is right
     * for somebody without interactions. `grown` is the new design; the caller sets it afterwards.
     */
    lt_status (*extend)(lt_env *env, lt_model *model, const lt_design *grown);
    /*
     * A user leaves (forget.h): arrays that follow users' numbers lose theirs, and those behind move up; what of it
     * cannot be as if they had never been is said in who->left.  The design is still the old one; the caller sets it
     * afterwards.  NULL: no array follows users, and what there is was learned from all of them.
     */
    lt_status (*forget)(lt_env *env, lt_model *model, struct lt_leaver *who);
} lt_algorithm;

extern const lt_algorithm *const lt_algorithms[]; /* NULL-terminated: the registry */
const lt_algorithm *lt_algorithm_find(const char *name);

#endif
