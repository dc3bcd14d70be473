/*
 * registry.c: the algorithms there are.  A new one is a file of its own with a `const lt_algorithm` and one line here.
 */
#include "model.h"

#include <string.h>

extern const lt_algorithm lt_als, lt_blend, lt_bpr, lt_content, lt_ease, lt_graph_filter, lt_item_knn, lt_logistic,
    lt_mlp, lt_popular, lt_markov, lt_rp3beta, lt_user_knn;

/* clang-format off */
const lt_algorithm *const lt_algorithms[] = {
    &lt_logistic,
    &lt_mlp,
    &lt_ease,
    &lt_rp3beta,
    &lt_item_knn,
    &lt_graph_filter,
    &lt_als,
    &lt_bpr,
    &lt_popular,
    &lt_user_knn,
    &lt_markov,
    &lt_content,
    &lt_blend,
    NULL,
};
/* clang-format on */

const lt_algorithm *lt_algorithm_find(const char *name)
{
    for (int i = 0; lt_algorithms[i] != NULL; i++)
        if (strcmp(lt_algorithms[i]->name, name) == 0)
            return lt_algorithms[i];
    return NULL;
}
