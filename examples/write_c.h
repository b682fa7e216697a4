/* examples/write_c.h: a tape as C files that appear whole or not at all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WRITE_C_H
#define EXAMPLES_WRITE_C_H

#include <stdbool.h>
#include <tapegrad.h>

/* Writes what stands on the tape outside of parts into prefix.c and prefix.h of a directory, as the function prefix_function. Complains
 * where it returns false. */
bool write_c(tg_tape *tape, const char *directory, const char *prefix, const char *function);

#endif
