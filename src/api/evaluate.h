/*
 * evaluate.h: a version and a test relation, ready to be measured, which all functions share that measure lists.
 *
 * The order is open, method (method.h, with ltpg_evaluate_options), read, measure.
 */
#ifndef LONGTAIL_EVALUATE_H
#define LONGTAIL_EVALUATE_H

#include "method.h"

/* What they all take in their options, besides those of methods. */
extern const lt_option ltpg_evaluate_options[];
extern const int ltpg_evaluate_options_count;
/* With these; method, strength and options are the arguments 3, 4 and 5, as of evaluate. */
extern const ltpg_method_arguments ltpg_evaluate_arguments;

typedef struct ltpg_evaluation {
    lt_env *env;
    ltpg_model *model;
    lt_options options; /* of the call: those of ltpg_evaluate_options and of facts are among them */
    lt_dataset data;    /* the relation, encoded as the model does, all of it in `train` */
    /* of a recommender */
    lt_test test;
    int32 *row_of; /* of users, unknown ones before them: their row in the test, or -1 */
    lt_pairs seen, candidates;
    lt_adjustment adjust;
    const lt_groups *attribute; /* of the items, by option attribute; NULL: none is named */
} ltpg_evaluation;

/* A relation's rows, encoded as the model does, all of them and all in data->train. */
extern void ltpg_read_test(lt_env *env, ltpg_model *model, Oid relation, lt_dataset *data);
/* The version that option version names. */
extern void ltpg_evaluation_open(ltpg_evaluation *e, FunctionCallInfo fcinfo, const char *model, const Jsonb *options);
/* The same where one is open already, which keeps its model: a call can pin one. */
extern void ltpg_evaluation_open_beside(ltpg_evaluation *e, const ltpg_evaluation *other, const char *model,
                                        const Jsonb *options);
extern void ltpg_evaluation_read(ltpg_evaluation *e, Oid relation, const lt_options *options);
/* A request for lists by a method. */
extern lt_request ltpg_evaluation_request(const ltpg_evaluation *e, const ltpg_method *method);
/* The users' lists measured in depth; keep: with each user's values (lt_ranking_kept), by the test's rows. */
extern lt_ranking_metrics ltpg_evaluation_measure(const ltpg_evaluation *e, const ltpg_method *method, const int *k,
                                                  int n_k, bool keep);
/* The id of the user of a row of the test; the row of a user, or -1. */
extern char *ltpg_evaluation_user(const ltpg_evaluation *e, int32 row);
extern int32 ltpg_evaluation_row(const ltpg_evaluation *e, Datum user, Oid type);

/* Each user's candidates by option negatives (evaluate_negatives.c). */
extern lt_pairs ltpg_read_negatives(const ltpg_evaluation *e, const char *name);

/* The users' groups by option user_attribute (evaluate_groups.c): ndcg and recall of each, and their spread. */
typedef void (*ltpg_put_figure)(void *context, const char *metric, int k, double figure, int64 n);
extern void ltpg_evaluate_user_groups(const ltpg_evaluation *e, const lt_ranking_metrics *m, ltpg_put_figure put,
                                      void *context);

#endif
