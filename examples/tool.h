/* examples/tool.h: other programs that draw pictures.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_TOOL_H
#define EXAMPLES_TOOL_H

#include <stdbool.h>
#include <stdio.h>

/* NULL where the program of that name can be run, otherwise what is in the way: "is not installed or not in PATH". */
const char *tool_obstacle(const char *name);

/* Runs it with one argument, or with none for NULL. It reads `input` from its start, and writes to `output`, or nowhere for NULL.
 * True when it was there and ended well. */
bool tool_run(const char *name, const char *argument, FILE *input, FILE *output);

#endif
