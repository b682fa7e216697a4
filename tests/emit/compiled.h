/* tests/emit/compiled.h: parts that are compiled (tapegrad/compile.h).
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_EMIT_COMPILED_H
#define TESTS_EMIT_COMPILED_H

#include <tapegrad/compile.h>

/* Options with which the compiler is quick. */
extern const tg_compile_options quick;

/* These succeed, or the test fails. */
void compile(tg_tape *tape, const char *part);
void run_part(tg_tape *tape, const char *part);

/* A tape with a small part, "part". */
tg_tape *small_part(void);

#endif
