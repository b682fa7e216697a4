/* tests/optim/fixture.h: the lines of the files that tests/fixtures/make_optim.py and make_schedules.py write.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPTIM_FIXTURE_H
#define TESTS_OPTIM_FIXTURE_H

#include "suites.h"

enum { MOST_NAME = 32, MOST_FIELDS = 5, MOST_NUMBERS = 160 };

/* A line: a name, and fields of numbers. */
typedef struct fixture_line {
    char   name[MOST_NAME];
    int    fields, count[MOST_FIELDS];
    double number[MOST_FIELDS][MOST_NUMBERS];
} fixture_line;

/* Calls `check` for each line of tests/fixtures/FILE, with `context`; the number of lines. */
int each_line(const char *file, void (*check)(const fixture_line *line, const void *context), const void *context);

#endif
