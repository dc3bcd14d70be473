/*
 * option.h: hyper-parameters. One table each; the table drives parsing, validation, error text, longtail.options()
 * and the reference.
 *
 * An algorithm's full list is the common table (option.c) followed by its own.
 */
#ifndef LT_OPTION_H
#define LT_OPTION_H

#include "base.h"

typedef enum lt_option_type {
    LT_OPT_INT,   /* a whole number */
    LT_OPT_FLOAT, /* a finite number */
    LT_OPT_BOOL,
    LT_OPT_ENUM,   /* one of `choices` */
    LT_OPT_INTS,   /* a list of whole numbers: [64, 32] */
    LT_OPT_NAMES,  /* a list of names: ["price", "-colour"] */
    LT_OPT_PAIRS,  /* a list of pairs of names: [["country", "category"]], stored flat */
    LT_OPT_TEXT,   /* any text, such as the name of a relation */
    LT_OPT_OBJECT, /* a JSON object, kept as its text; whoever uses it reads it */
} lt_option_type;

typedef struct lt_option {
    const char *name;
    lt_option_type type;
    const char *default_value; /* as JSON text: "0.01", "adam", "true", "[64, 32]"; enum values and texts bare */
    double minimum, maximum;   /* INT, FLOAT and the elements of INTS; inclusive */
    const char *choices;       /* ENUM: "auto|time|random" */
    const char *help;          /* one sentence with the unit */
} lt_option;

typedef struct lt_value {
    bool given; /* set by the caller, not the default */
    double number;
    const char *text;
    int n; /* lists; PAIRS count both members */
    double *numbers;
    const char **names;
} lt_value;

struct lt_algorithm;

typedef struct lt_options {
    int n;
    const lt_option **spec;
    lt_value *value;
} lt_options;

extern const lt_option lt_common_options[];
extern const int lt_common_options_count;

/* All options of an algorithm at their defaults. */
lt_status lt_options_init(lt_env *env, lt_options *o, const lt_option *own, int n_own);
/* Options of a function that is not a training: `own` alone. */
lt_status lt_options_init_own(lt_env *env, lt_options *o, const lt_option *own, int n_own);
/*
 * Set one option from one JSON-like value. An unknown name is LT_INVALID naming the nearest known one; a value out of
 * type or range is LT_INVALID with option, value and permitted range. Strings are copied.
 */
lt_status lt_options_set_number(lt_env *env, lt_options *o, const char *name, double value);
lt_status lt_options_set_bool(lt_env *env, lt_options *o, const char *name, bool value);
lt_status lt_options_set_text(lt_env *env, lt_options *o, const char *name, const char *value);
lt_status lt_options_set_numbers(lt_env *env, lt_options *o, const char *name, const double *values, int n);
lt_status lt_options_set_names(lt_env *env, lt_options *o, const char *name, const char *const *values, int n);
lt_status lt_options_set_object(lt_env *env, lt_options *o, const char *name, const char *json);
/* For a value of a JSON type no setter takes (null, object): the error, with the type expected. */
lt_status lt_options_bad_type(lt_env *env, const lt_options *o, const char *name, const char *found);

/* The option's index, or -1. */
int lt_options_find(const lt_options *o, const char *name);
/* Getters; asking for a name that is not in the list is a bug and asserts. */
int64_t lt_option_int(const lt_options *o, const char *name);
double lt_option_float(const lt_options *o, const char *name);
bool lt_option_bool(const lt_options *o, const char *name);
const char *lt_option_text(const lt_options *o, const char *name);
const lt_value *lt_option_value(const lt_options *o, const char *name);
bool lt_option_is(const lt_options *o, const char *name, const char *text); /* ENUM equals */

const char *lt_option_type_name(lt_option_type type); /* "integer", "number", "boolean", ... as users read it */

#endif
