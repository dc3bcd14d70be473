/*
 * plot.h: what functions that return pictures share.
 */
#ifndef LONGTAIL_PLOT_H
#define LONGTAIL_PLOT_H

#include "longtail.h"

#include "chart.h"

/* The chart as text. Its texts are UTF-8; what it returns is ASCII. */
extern Datum ltpg_plot(lt_env *env, const lt_chart *chart);
/* A text of the server's encoding as UTF-8, as far as that is known. */
extern char *ltpg_utf8(const char *text);

/*
 * Columns of float8 from a query's rows, column after column, in the current memory context; NaN for NULL.  Run with
 * the current role's rights.  nulls: as of SPI_execute_with_args.
 */
extern double *ltpg_plot_numbers(const char *query, int n_arguments, Oid *types, Datum *values, const char *nulls,
                                 int columns, int64 *rows);

/* Numbers in a sentence, palloc'ed: 4,146; 0.0834; 12.3 % */
extern char *ltpg_count_text(double n);
extern char *ltpg_figure_text(double value);
extern char *ltpg_share_text(double share);

#endif
