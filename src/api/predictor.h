/*
 * predictor.h: a trained model as a value, shared by the files that make, read and write it.
 *
 * Legend: d features, the width of the arrays it was fitted on.
 *
 * The value (a varlena) holds: format version, the model with its weights, the mean and scale of each feature, and how
 * the fit went.  Little-endian and checked on reading like every stored model (codec.h), so that send and recv hand the
 * very same bytes on.
 */
#ifndef LONGTAIL_PREDICTOR_H
#define LONGTAIL_PREDICTOR_H

#include "longtail.h"
#include "model.h"

typedef struct ltpg_predictor {
    lt_model model;       /* its design has d dense row columns and nothing else */
    double *mean, *scale; /* d; encoded = (x - mean) * scale */
    int64_t rows;         /* fitted on */
    lt_fit fit;
} ltpg_predictor;

static inline int32 ltpg_predictor_width(const ltpg_predictor *p)
{
    return p->model.design.row_dense;
}

/* LT_CORRUPT when anything does not fit anything else; ends every way to make a predictor. */
extern lt_status ltpg_predictor_check(lt_env *env, const ltpg_predictor *p);

/* The environment's error as a full sentence, for a detail. */
extern char *ltpg_predictor_complaint(const lt_env *env);

extern bytea *ltpg_predictor_encode(lt_env *env, const ltpg_predictor *p);
extern lt_status ltpg_predictor_decode(lt_env *env, const void *bytes, Size n, ltpg_predictor *out);

/* The text form (predictor_json.c). Reading raises 22P02. */
extern char *ltpg_predictor_to_json(const ltpg_predictor *p);
extern void ltpg_predictor_from_json(lt_env *env, char *text, ltpg_predictor *out);

#endif
