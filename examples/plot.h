/* examples/plot.h: the loss curve as a picture, drawn by gnuplot.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_PLOT_H
#define EXAMPLES_PLOT_H

#include <stdbool.h>

/* Whether a picture can be drawn there: a known suffix, a gnuplot, a directory to write in. Complains where not. To be
 * asked before the training, which may take long. */
bool plot_possible(const char *path);

/* Draws losses[0 .. count - 1] over their index. The format follows the suffix: .png, .svg or .pdf. False after a
 * complaint, also where fewer than two losses are finite; then there is no file, or the one that was there before. */
bool plot_losses(const char *path, const double *losses, int count);

#endif
