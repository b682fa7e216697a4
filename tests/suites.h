/* tests/suites.h: every suite of the test program, one a file test_NAME.c, and what the tests share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>
#include <tapegrad.h>

/* One line SUITE(NAME) for each, made from the list of files in tests/Makefile.inc. */
#define SUITE(name) Suite *suite_##name(void);
#include "suite_list.h"
#undef SUITE

/* How many representable numbers lie between a and b. */
int64_t ulps_f32(float a, float b);
int64_t ulps_f64(double a, double b);

/* A file below the source tree: source_path("data/iris.csv"). The text is valid until the next call. */
const char *source_path(const char *below);

#endif
