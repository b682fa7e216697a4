/* tests/examples/programs.h: running the examples as their users do.
 *
 * Every run of a program goes through the shell, with $IRIS the iris program, $LINEAR the one with one parameter, $DATA the table,
 * and $T a directory of the test's own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_EXAMPLES_PROGRAMS_H
#define TESTS_EXAMPLES_PROGRAMS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

enum { PRINTED = 65536, HOME = 64 };

/* What the last command printed; and the directory of the test's own. */
extern char out[PRINTED], err[PRINTED], home[HOME];

/* Around all tests; false when that cannot be done. */
bool make_base(void);
bool remove_base(void);

/* An empty directory for the next test. */
void make_home(void);

/* Adds a case whose tests have one each. */
TCase *add_case(Suite *suite, const char *name);

/* A whole file; and one in the test's directory, valid until the next call. */
void        read_text(const char *path, char *text, size_t size);
const char *content(const char *name);

/* Files and directories in the test's directory. */
int entries(void);

/* Runs a shell command; its exit code, and what it printed in `out` and `err`. */
int run(const char *command);

/* The command succeeds, and prints nothing on stderr. */
void succeeds(const char *command);

/* The command fails with exit code 2 and one line on stderr, which has `expected` in it, and leaves no file behind. */
void refuses(const char *command, const char *expected);

/* Reads a table that --csv wrote: the header, the epochs in their order, nothing after them. */
void read_csv(const char *name, double *losses, int count);

/* The command line of the iris example: options, tables, pictures and graphs. */
Suite *suite_iris_command(void);

#endif
