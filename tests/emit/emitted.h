/* tests/emit/emitted.h: a tape as C, compiled and run, and its values beside those of the library.
 *
 * The functions of a file are called one after the other by a program that is written for it, and their outputs are read back from
 * what it writes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_EMIT_EMITTED_H
#define TESTS_EMIT_EMITTED_H

#include <stdio.h>

#include "support.h"

enum { MOST_OUTPUTS = 8, NAME_TEXT = 64 };

/* A function of the file, in its order: the part, and what it gives. */
typedef struct emitted_function {
    char      part[NAME_TEXT];
    char      what[80]; /* begins the messages */
    int       count;
    tg_tensor outputs[MOST_OUTPUTS];
    void     *values[MOST_OUTPUTS]; /* filled in by run_emitted: the caller frees them */
} emitted_function;

/* The suites of check_emit. */
Suite *suite_emit(void);
Suite *suite_emit_loops(void);
Suite *suite_emit_ops(void);
Suite *suite_own_math(void);
Suite *suite_emit_random(void);
Suite *suite_compile(void);
Suite *suite_compiler(void);
Suite *suite_fast_math(void);

/* Whether parts can be compiled here. */
bool can_compile(void);

/* How the C is compiled. */
#ifdef __i386__
#define EMITTED_LANGUAGE "-std=c99 -msse2 -mfpmath=sse"
#else
#define EMITTED_LANGUAGE "-std=c99"
#endif
#define EMITTED_WARNINGS "-Wall -Wextra -Wpedantic -Wconversion -Werror"
#define EMITTED_SANITIZERS "-fsanitize=address,undefined -fno-sanitize-recover=all"

/* A tape, and the functions of its C file, which is NAME.c. */
typedef struct emitted_tape {
    tg_tape          *tape;
    char              name[NAME_TEXT];
    int               count;
    emitted_function *functions;
} emitted_tape;

/* Writes the file; false when the tape cannot be written. And compiles such files, makes one program of them that calls each function
 * `times` times, runs it and reads all outputs. */
bool write_emitted(emitted_tape *e);
void run_written(const char *name, const char *flags, int n, const emitted_tape *tapes, int times);

/* Whether what is written next does without <math.h>. */
extern bool emitted_without_libm;

/* What the text of the next is for. */
extern tg_emit_size emitted_size;

/* Writes the functions of the tape as NAME.c and NAME.h in a directory of the build tree, and a program that calls each `times` times;
 * compiles and runs it with those flags, and reads the outputs. False when the tape cannot be written: it has the error then. */
bool run_emitted(tg_tape *tape, const char *name, const char *flags, int count, emitted_function *functions, int times);

/* Adds an output. */
void give_output(emitted_function *f, tg_tensor y);

/* Runs the functions and the parts so often; then all outputs, which are floating, agree to that many units of the largest element. */
void check_emitted(tg_tape *tape, const char *name, int count, emitted_function *functions, int times, double tolerance);

/* Runs a command of the shell; the test fails with its output when it does. */
void run_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An op of one operand that has no C text, and copies it. */
extern const tg_op textless;

/* Where files are written: "DIRECTORY/NAME". Valid until the next call. */
const char *emitted_path(const char *name);

#endif
