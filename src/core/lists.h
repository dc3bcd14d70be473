/*
 * lists.h: the steps of lt_recommend, for evaluation, which needs the scores as well as the list, and for lists of
 * other values.
 */
#ifndef LT_LISTS_H
#define LT_LISTS_H

#include "recommend.h"

/* The item of candidate i; candidates NULL: the whole catalogue. */
int32_t lt_item_at(const int32_t *candidates, int64_t i);
/* How many candidates a request has. */
int64_t lt_candidates_of(const lt_recommender *r, const lt_request *q);
/* The candidates' margins: the model's, or popularity's for somebody unknown. */
lt_status lt_score_candidates(lt_env *env, const lt_recommender *r, const lt_request *q, float *margin);
/* A margin adjusted; on the scale that orders lists (see recommend.c). */
float lt_adjusted(const lt_recommender *r, float margin, int32_t item, const lt_adjustment *adjust);
/* What orders candidates: the request's adjustment and the pointwise methods it begins with; *first: what is behind. */
lt_adjustment lt_ordering(const lt_request *q, int *first);
/* How many of n candidates, the best by what orders them, a list is made from. first: as lt_ordering has it. */
int64_t lt_pool(const lt_request *q, int first, int64_t n);
/*
 * The list from its pool: item[0..pool), best first, with the values that ordered them and their margins. They are all
 * that the request's candidates and excluded leave.
 */
lt_status lt_arrange(lt_env *env, const lt_recommender *r, const lt_request *q, int first, const int32_t *item,
                     const float *value, const float *margin, int64_t pool, lt_list *out);
/* The list from the candidates' margins. */
lt_status lt_choose(lt_env *env, const lt_recommender *r, const lt_request *q, const float *margin, lt_list *out);
/*
 * The k <= n best of the candidates by their values, of equal ones the more popular item first; NaN leaves out. best:
 * indexes among the candidates. Returns how many there are.
 */
int64_t lt_best(const lt_recommender *r, const int32_t *candidates, const float *value, int64_t n, int64_t k,
                int32_t *best, float *best_value);

#endif
