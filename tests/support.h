/* tests/support.h: what the tests of several files share: short ways to make tensors, and to say what a tensor or an error must
 * be.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "suites.h"

/* The most elements of a shape, and half as many and one. */
#define LARGEST_SIZE ((int64_t)(PTRDIFF_MAX / 16))
#define HALF_THE_LARGEST (LARGEST_SIZE / 2 + 1)

/* A float64 constant of rank 1: VECTOR(tape, 1, 2, 3). */
tg_tensor f64_vector(tg_tape *tape, int64_t n, const double *values);
#define DOUBLES(...) \
    (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]) { \
        __VA_ARGS__ \
    }
#define VECTOR(tape, ...) f64_vector(tape, DOUBLES(__VA_ARGS__))

/* A 2 x 2 float64 parameter with 1, 2, 3, 4. */
tg_tensor matrix_parameter(tg_tape *tape, const char *name);

#define CHECK_OK(tape) ck_assert_str_eq(tg_error(tape), "")

/* x is float64 and holds these numbers, row-major, to the bit (but any NaN is a NaN): CHECK_F64(x, 1, 2, 3). */
#define CHECK_F64(x, ...) check_f64(__FILE__, __LINE__, x, DOUBLES(__VA_ARGS__))
void check_f64(const char *file, int line, tg_tensor x, int64_t n, const double *expected);

/* The call fails: the tape holds that status and "file:line: text...", with the line of the call. Clears the error. */
#define FAILS(tape, call, status, text) ((void)(call), check_error(__FILE__, __LINE__, tape, status, text))
void check_error(const char *file, int line, tg_tape *tape, tg_status status, const char *text);

/* The same where the line is not the call's: the whole text begins with `text`. */
void check_error_text(const char *file, int line, tg_tape *tape, tg_status status, const char *text);
#define CHECK_ERROR_TEXT(tape, status, text) check_error_text(__FILE__, __LINE__, tape, status, text)

/* Sets a locale whose numbers have a decimal comma: one that is installed, or else one that localedef makes in the build directory. False
 * where there is neither. setlocale(LC_NUMERIC, "C") ends it. */
bool set_comma_locale(void);

/* A file that is there on every machine, and empty. */
#ifdef _WIN32
#define NULL_DEVICE "NUL"
#else
#define NULL_DEVICE "/dev/null"
#endif

/* Sets a variable of the environment, or removes it: NULL. */
void set_environment(const char *name, const char *value);

/* What was written to a temporary file, which this closes. Valid until the next call. */
const char *text_of(FILE *file);

/* How often a text contains another. */
int occurrences(const char *text, const char *of);

/* Whether two elements of that many bytes have the same bits, or are no numbers: of these the bits may differ. */
bool are_same_elements(size_t width, const void *a, const void *b);

/* Numbers that look random and are the same in each run. */
uint32_t next_number(uint32_t *state);

#endif
