/* io/gnuplot.h: pictures through gnuplot: a script, and the program that draws what it says.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_GNUPLOT_H
#define TGI_IO_GNUPLOT_H

#include "io/output.h"
#include "io/system.h"

/* A picture that is being described. */
typedef struct tgi_plot {
    FILE        *script; /* for what it shows, in gnuplot's language */
    bool         begun;
    tgi_c_locale c; /* numbers are written as in C, until the end */
} tgi_plot;

/* Begins the picture failure->path, of that size; every beginning needs its end, but after a failure nothing needs to be written. */
tg_status tgi_begin_plot(tgi_plot *plot, int width, int height, tgi_failure *failure);

/* Draws it, unless there is a failure, and frees what `plot` has. */
tg_status tgi_end_plot(tgi_plot *plot, tgi_failure *failure);

/* Write a text as gnuplot's, whatever is in it; a number, which may be none. */
void tgi_plot_text(const tgi_plot *plot, const char *text);
void tgi_plot_number(const tgi_plot *plot, double x);

#endif
