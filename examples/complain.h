/* examples/complain.h: how the examples report what went wrong.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMPLAIN_H
#define EXAMPLES_COMPLAIN_H

#include <stdbool.h>
#include <tapegrad.h>

/* Each program defines its name. */
extern const char program_name[];

/* Prints the program's name, ": ", and the formatted text as one line on standard error, and returns false, so that a function can
 * say `return complain(...)` where it gives up. A line break inside, in a file name for instance, becomes a '?'. */
bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same of the tape's error; true if it has none. A tape of NULL is one for which there was no memory. */
bool complain_of(const tg_tape *tape);

#endif
