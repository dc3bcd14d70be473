/*
 * bases.c: the models named in options, loaded for a training.
 */
#include "bases.h"

#include "cache.h"

bool ltpg_load_bases(const lt_options *options, bool measured, lt_dataset *data)
{
    bool several = lt_options_find(options, "models") >= 0;
    const char *base = lt_options_find(options, "base") >= 0 ? lt_option_text(options, "base") : "";
    const char *const *names = several ? lt_option_value(options, "models")->names : &base;
    const lt_bundle **bases;
    bool other = false;

    data->n_bases = several ? lt_option_value(options, "models")->n : base[0] != '\0';
    bases = palloc(Max(data->n_bases, 1) * sizeof *bases);
    for (int i = 0; i < data->n_bases; i++)
        bases[i] = measured ? &ltpg_model_load_validated(names[i], &other)->bundle
                            : &ltpg_model_load(names[i], LTPG_ACTIVE_VERSION)->bundle;
    data->base = bases;
    return other;
}
