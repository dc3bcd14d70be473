/*
 * method.h: what to do with lists: the arguments method, strength and options, which all functions that make lists
 * share.
 */
#ifndef LONGTAIL_METHOD_H
#define LONGTAIL_METHOD_H

#include "longtail.h"

#include "facts.h"

/* The option of random exploration, which functions that make lists have besides those of methods. */
#define LTPG_SEED_OPTION                                                                                               \
    {                                                                                                                  \
        "seed", LT_OPT_INT, "1", 0, 9007199254740992.0, NULL, "seed of random exploration"                             \
    }

/* The function's arguments, by number, and what it takes in its options besides those of methods. */
typedef struct ltpg_method_arguments {
    int method, strength, options;
    const lt_option *own;
    int n_own;
    bool many;                         /* for many lists */
    const ltpg_candidates *candidates; /* of no model; NULL: the model's items */
    bool measures_attribute;           /* option attribute serves the function too: methods may do without values */
} ltpg_method_arguments;

typedef struct ltpg_method {
    lt_rerank_stage *stages; /* n_stages >= 1 */
    int n_stages;
    bool uses_taste;    /* a stage reads the user's history */
    lt_options options; /* of the call: the function's own are among them */
} ltpg_method;

/* A method by its name; an error when there is none. */
extern const lt_reranker *ltpg_method_find(const char *name);
/*
 * NULL for method and strength takes the model's own, with its options under those of the call; a strength is needed
 * for a method that is not the model's own, and both are without a model (NULL).
 */
extern ltpg_method ltpg_method_read(FunctionCallInfo fcinfo, lt_env *env, ltpg_model *model,
                                    const ltpg_method_arguments *arguments);
/* The same of values: name, strength and options may be NULL, and of the arguments' numbers none is read. */
extern ltpg_method ltpg_method_make(lt_env *env, ltpg_model *model, const char *name, const double *strength,
                                    Jsonb *options, const ltpg_method_arguments *arguments);
/*
 * The same method at another strength, with the facts it has: made at strength 0 it has none, so begin with the
 * greatest of several.
 */
extern ltpg_method ltpg_method_at(const ltpg_method *method, double strength);
/* An error unless a method, a strength and options would be understood, as they stand in options of training. */
extern void ltpg_method_check(lt_env *env, const char *method, double strength, const char *options);

#endif
