/* examples/graph.h: the recorded program as a picture.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_GRAPH_H
#define EXAMPLES_GRAPH_H

#include <stdbool.h>
#include <tapegrad.h>

/* Whether graph_write can work: to be asked before the work of which it shows the program. Complains when it returns
 * false. */
bool graph_possible(const char *path);

/* Writes the program on the tape as a graph: its source when the name ends in .dot, else a picture, .svg or .png, drawn
 * by Graphviz. Complains when it returns false. */
bool graph_write(const char *path, tg_tape *tape);

#endif
