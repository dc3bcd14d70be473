/*
 * drift.h: what features, labels and popularity looked like when a version was trained, and how far from that they are
 * now.
 *
 * Every column is cut into a few bins when the version is trained; shares of the bins then and now make the population
 * stability index.  Bins are of encoded values, which is what the model sees: a profile holds numbers of columns and
 * shares, never ids or texts.
 *
 * Bins by kind of feature; the last is for NULL:
 *
 *     NUMBER, BOOLEAN, labels   tenths of what there was; a value that makes up more than a tenth has a bin of its own
 *     VECTOR                    the same of the standardised vector's length: how far from the usual it is
 *     TEXT                      the same of how many words and runs of characters it has
 *     CATEGORY, BAG             the most frequent, all other known, never seen; a bag's elements share its one row
 *     TIMESTAMP, DATE           there: times move on by themselves
 */
#ifndef LT_DRIFT_H
#define LT_DRIFT_H

#include "encoder.h"

#define LT_DRIFT_ROWS 10000    /* of a table that bins are made of */
#define LT_DRIFT_LEAST_ROWS 50 /* with fewer, chance has longer tails than lt_drift_chance knows */

typedef struct lt_drift {
    bool categories; /* bins are n_top columns, other, unseen and NULL; else n_cut + 1 intervals and NULL */
    int32_t n_cut, n_top;
    double *cut;    /* ascending: a value's interval is the number of cuts at or below it */
    int32_t *top;   /* ascending: columns of the feature, counted from its first */
    int32_t bins;   /* n_cut + 2, or n_top + 3 */
    double *share;  /* bins: of the rows then */
    double natural; /* the index, beyond chance, that the last days of training had against all of it */
} lt_drift;

/* The features of one encoder. */
typedef struct lt_drift_side {
    int32_t n;
    int64_t rows; /* the shares are of */
    lt_drift *feature;
} lt_drift_side;

/* Rows counted by the bins of a side. */
typedef struct lt_drift_counts {
    int64_t rows;
    double **count; /* n x bins */
} lt_drift_counts;

/* Bins of rows row[0..n) of a table that e encoded, and their shares.  LT_INVALID where e is not frozen. */
lt_status lt_drift_take(lt_env *env, const lt_encoder *e, const lt_table *t, const int32_t *row, int64_t n,
                        lt_drift_side *out);
lt_status lt_drift_counts_init(lt_env *env, const lt_drift_side *side, lt_drift_counts *out);
/* One row of such a table more. */
void lt_drift_count(const lt_encoder *e, const lt_drift_side *side, const lt_table *t, int64_t row,
                    lt_drift_counts *out);
/* The row that e encoded last. */
void lt_drift_count_encoded(const lt_encoder *e, const lt_drift_side *side, lt_drift_counts *out);
/* Bins of numbers themselves, NaN being NULL; values are rearranged. */
lt_status lt_drift_take_numbers(lt_env *env, double *value, int64_t n, lt_drift *out);
int32_t lt_drift_bin(const lt_drift *d, double value);

/*
 * The population stability index, sum of (q - p) ln(q / p) over the bins, p the shares then (of `rows` rows), q those
 * of counts that sum to n.  It is finite: a bin that had no row then counts as half a row, and q has one row more,
 * spread as p.
 */
double lt_drift_index(const double *share, int64_t rows, const double *count, double n, int32_t bins);
/* What that index comes to by chance when nothing has changed: its mean; what it stays below but for a share `alpha` of
 * times. */
double lt_drift_mean(const double *share, int64_t rows, double n, int32_t bins);
double lt_drift_chance(const double *share, int64_t rows, double n, int32_t bins, double alpha);
/* The bin that the index is largest of. */
int32_t lt_drift_most(const double *share, int64_t rows, const double *count, double n, int32_t bins);
/* How a user reads a bin of feature `feature` of e: "9.5 to 12", "Iceland", "never seen", "NULL". */
lt_status lt_drift_bin_name(lt_env *env, const lt_encoder *e, int32_t feature, const lt_drift *d, int32_t bin,
                            char *out, size_t size);

/* side->natural by rows of the last days: day[i] of row[i], from 0; days with fewer than LT_DRIFT_DAY_ROWS do not
 * count. */
#define LT_DRIFT_DAYS 14
#define LT_DRIFT_DAY_ROWS 100
lt_status lt_drift_learn_natural(lt_env *env, const lt_encoder *e, const lt_table *t, const int32_t *row,
                                 const uint8_t *day, int64_t n, lt_drift_side *side);

void lt_drift_write(lt_writer *w, const lt_drift *d);
lt_status lt_drift_read(lt_reader *r, lt_drift *d);
void lt_drift_side_write(lt_writer *w, const lt_drift_side *s);
lt_status lt_drift_side_read(lt_reader *r, lt_drift_side *s);
/* LT_CORRUPT where bins are of columns that the encoder has not. */
lt_status lt_drift_side_check(lt_env *env, const lt_drift_side *s, const lt_encoder *e);

#endif
