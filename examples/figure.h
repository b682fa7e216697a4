/* examples/figure.h: pictures of data and curves, drawn by gnuplot.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_FIGURE_H
#define EXAMPLES_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum figure_style { FIGURE_POINTS, FIGURE_LINE, FIGURE_BAND } figure_style;

/* Numbers of one kind, in the order of x. Those that are not finite are left out. */
typedef struct figure_series {
    const char   *name; /* in the key; NULL to leave it out there */
    figure_style  style;
    const char   *color; /* "#rrggbb" */
    int64_t       count;
    const double *x, *y; /* count of each */
    const double *high;  /* of a band, which goes from y to high */
} figure_series;

typedef struct figure {
    const char          *title, *x_label, *y_label;
    bool                 even;  /* a unit is as long along both axes */
    int                  count; /* of series, of which the later ones are drawn over the earlier ones */
    const figure_series *series;
} figure;

/* Whether a picture can be drawn there: a known suffix, a gnuplot, a directory to write in. Complains where not. To be asked before
 * the work, which may take long. */
bool figure_possible(const char *path);

/* Draws it. The format follows the suffix: .png, .svg or .pdf. False after a complaint; then there is no file, or the one that was
 * there before. */
bool figure_draw(const char *path, const figure *f);

#endif
