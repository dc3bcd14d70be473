/*
 * logistic_private.h: logistic regression with differential privacy.
 */
#ifndef LT_LOGISTIC_PRIVATE_H
#define LT_LOGISTIC_PRIVATE_H

#include "model.h"

/* Option dp_epsilon is above 0; the model's link and design are set. Adds "coefficients" and "privacy". */
lt_status lt_logistic_train_private(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model,
                                    lt_fit *fit);

#endif
