/* tests/io/pictures.h: a gnuplot that keeps what it is told, for tests; and the real one, where there is one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_IO_PICTURES_H
#define TESTS_IO_PICTURES_H

#include <tapegrad/report.h>

#include "files.h"

/* From now on gnuplot is a shell script that keeps its standard input, and then does this; until the end of the test. */
void fake_gnuplot(const char *commands);
#define DRAWS "echo a picture"

/* There is no gnuplot, to the end of the test. */
void no_gnuplot(void);

/* PATH is as it was: each test that calls one of those above ends with this. */
void real_gnuplot(void);

/* Whether the real one is there, and has the terminal: "svg", say. */
bool can_draw(const char *terminal);

/* The script that the fake one was given last; valid until the next call. */
const char *script(void);

/* The script has this text, or has not. */
#define SAYS(text) ck_assert_msg(strstr(script(), text) != NULL, "'%s' is not in: %s", text, script())
#define SAYS_NOT(text) ck_assert_msg(strstr(script(), text) == NULL, "'%s' is in: %s", text, script())

#endif
