/* tapegrad/compile.h: parts of a tape, compiled.
 *
 *     tg_begin_part(tape, "step");
 *     ...
 *     tg_end_part(tape);
 *     tg_compile(tape, "step", NULL);
 *     for (int i = 0; i < 100000; i++)
 *         tg_run_part(tape, "step");
 *
 * tg_compile writes the part as C (see emit.h), has it compiled by the system's C compiler, loads what comes out, and from then on
 * tg_run_part runs that. It is for parts that run very often and do little in each instruction: formulas of single numbers and of short
 * vectors, where the library spends its time between instructions. On large tensors the library has more to set against a compiler:
 * its vector functions, a BLAS, threads. A compiled part runs on the thread that calls it. docs/compile.md says what to expect.
 *
 * Nothing is compiled unless this function is called. What a compiled part does is what the part does:
 *
 *   - Leaves have the values that they have when it runs, and are overwritten where tg_assign and optimizers' steps stand. tg_write,
 *     tg_read, other parts, and what stands outside, meet it as they meet any part.
 *   - It gives the values that a run would have kept: all that the user recorded, or under TG_KEEP_ASKED those of tg_keep. Each costs a
 *     store, a view a copy: TG_KEEP_ASKED is the faster.
 *   - Values are the library's up to rounding, as emit.h says; but exponentials, logarithms and tanh have functions of their own
 *     (docs/compile.md). Random numbers are the tape's: the same ones, in the same order.
 *   - What can fail in a run fails, with the op and the line that recorded it, assigns before it done, those after it not. The values of a
 *     part that failed are absent until it runs again. Of tg_cancel, a compiled part takes notice before it begins.
 *
 * In eager and in anomaly mode (tg_set_eager, tg_set_anomaly) the part runs as it was recorded. In a profile it is one instruction,
 * begin_part. Its code is given back with the tape, by a rewind into the part or past it, by tg_uncompile, and when more is wanted
 * of it than it gives: by a later tg_keep of one of its values, or an instruction recorded later that reads one which was not kept. Then a
 * plan runs the part again; tg_is_compiled tells.
 *
 * The compiler is run as a program of its own, by its name or path and a list of arguments, without a shell. Its files are in a directory
 * that only this user can enter, made in $TMPDIR or /tmp, and gone when tg_compile returns. Signals and other children of the process are
 * left alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_COMPILE_H
#define TAPEGRAD_COMPILE_H
#pragma GCC system_header

#include <tapegrad/tape.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What is 0 or NULL stands for what is best for most. */
typedef struct tg_compile_options {
    /* The C compiler, gcc or one that takes its options, with arguments behind it if there are some, separated by blanks. NULL: the one
     * that compiled this library, or if that cannot be found, cc. */
    const char *compiler;

    /* Arguments behind the compiler's own, ended by a NULL: they come last, so that they prevail. Its own ask for -O3, this machine's
     * instructions, no contraction of products and sums (-ffp-contract=fast allows that, and makes other roundings), and no errno. */
    const char *const *flags;

    /* No value of the part is ever an infinity or a NaN, and the signs of zeros do not matter: so what is multiplied by a constant 0 need not
     * be computed. Hessians have many such products. Where it is not so, values are wrong. */
    bool finite;
} tg_compile_options;

/* Compiles the part of that name, or with NULL all parts that have been recorded and are not compiled, in one run of the compiler.
 * `options` may be NULL. Runs nothing of the tape. When there is an error, parts are as they were:
 *     TG_ERR_NAME       no such part
 *     TG_ERR_ARGUMENT   the part is still being recorded; an op has no C text (it is named, with the line that recorded it)
 *     TG_ERR_IO         no directory or file can be made; the compiler cannot be run, or fails: its first lines are in the error; the
 *                       object cannot be loaded; this system has no way to load one
 *     TG_ERR_MEMORY     no memory */
tg_status tg_compile(tg_tape *tape, const char *part, const tg_compile_options *options);

/* Gives back the part's code, or with NULL that of all parts. TG_ERR_NAME for no such part. */
tg_status tg_uncompile(tg_tape *tape, const char *part);

/* Whether the part has code. */
bool tg_is_compiled(const tg_tape *tape, const char *part);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_compile(tape, ...) TG_TAPE_CALL(tg_compile, tape, __VA_ARGS__)
#define tg_uncompile(tape, ...) TG_TAPE_CALL(tg_uncompile, tape, __VA_ARGS__)

#endif
