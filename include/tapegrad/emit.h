/* tapegrad/emit.h: a tape as plain C.
 *
 * tg_emit_c writes what is recorded as one C file and its header: functions over arrays, which need nothing of this library, and
 * nothing else but <math.h>, or by no_libm not even that. They allocate nothing, and have no recursion. So a model that was trained here predicts, or goes on
 * being trained, where this library cannot go: on a microcontroller, in firmware, in a program that takes in C files only.
 *
 *     tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(2));
 *     tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F32, TG_SHAPE(2)));
 *     tg_set_name(tg_sum(tg_mul(x, w)), "y");
 *     tg_emit_c(tape, source, header, &(tg_emit_options){.prefix = "model"});
 *
 * gives `void model_run(const float *x, float *y, model_work *work)`, with the values that w has now as constants.
 *
 * What stands for what, `model` being the prefix:
 *
 *   a part of the tape                a function; so is what stands outside of all parts
 *   an input                          an argument, read
 *   a named result (tg_set_name)      an argument, written: gradients, losses, whatever is wanted
 *   a leaf that a function assigns    a member of the struct model_state: parameters that are trained, what optimizers keep, and with
 *                                     them the random numbers' generator. model_init gives all of them the values that they have now
 *   any other parameter, a constant,
 *   an input that the tape assigns    const data in the C file, or by TG_EMIT_CALLERS a member of the state
 *   memory for what is in between     the struct model_work, planned by who reads a value last; it holds nothing between two calls
 *   float32, float64, int64, bool     float, double, int64_t, bool
 *
 * The text is C99, and C++ too, without a warning of -Wall -Wextra -Wpedantic -Wconversion. Neighbouring elementwise ops are one loop.
 * Loops (tapegrad/loop.h) are loops. Comments have shapes and the lines that recorded an op. Values are the library's up to rounding:
 * the functions are those of <math.h>, and sums are made in another order. The arrays that are passed to a function do not overlap.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_EMIT_H
#define TAPEGRAD_EMIT_H
#pragma GCC system_header

#include <stdio.h>
#include <tapegrad/op.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- writing it -------------------------------------------------------------------------------------------------- */

/* Where the values of leaves that no function overwrites are: in the C file, or in the state, which the caller fills. */
typedef enum tg_emit_weights { TG_EMIT_CONST, TG_EMIT_CALLERS } tg_emit_weights;

/* Who has the memory for what is in between: the caller, who passes it (the functions are then reentrant); or the C file, a static
 * variable. */
typedef enum tg_emit_memory { TG_EMIT_REENTRANT, TG_EMIT_STATIC } tg_emit_memory;

/* What the text is for. TG_EMIT_SMALL is for little flash: matrix products are calls of one function that all share, with their sizes as
 * arguments, and sums are plain loops; where a compiler makes vector code, it is slower. */
typedef enum tg_emit_size { TG_EMIT_FAST, TG_EMIT_SMALL } tg_emit_size;

/* A function of the C file. It runs the part of that name, or with NULL what stands outside of parts. `outputs` are `output_count` values
 * that it gives; NULL stands for those results in it that have a name. `name` is what follows the prefix; NULL stands for the part's
 * name, and outside of parts for "run". */
typedef struct tg_emit_function {
    const char      *part, *name;
    int              output_count;
    const tg_tensor *outputs;
} tg_emit_function;

/* What is 0 or NULL stands for the first of the choices; for "tape" as the prefix, which begins all names and is that of the header
 * file: "tape.h"; and for one function of each part that was recorded, and one of what stands outside if that computes anything that a
 * function would give or assign. */
typedef struct tg_emit_options {
    const char             *prefix;
    int                     function_count;
    const tg_emit_function *functions;
    tg_emit_weights         weights;
    tg_emit_memory          memory;
    tg_emit_size            size;
    bool                    no_libm; /* the C file has functions of its own in the place of those of <math.h>: docs/emit.md */
} tg_emit_options;

/* Writes the C file to `source` and its header to `header`. `options` may be NULL. Runs nothing: leaves have the values that tg_peek
 * gives, and what is pending stays so. What a part reads of what stands outside is computed in its function.
 *
 * A name that is no identifier of C, or is taken, gets other characters: the header tells. Of the tape and the files nothing is written
 * when there is an error but TG_ERR_IO:
 *     TG_ERR_ARGUMENT   an op that has no C text (it is named, with the line that recorded it); no file; a prefix or a name that is no
 *                       identifier; a function that gives nothing and assigns nothing; options that are none
 *     TG_ERR_NAME       no such part; two functions of one name
 *     TG_ERR_HANDLE     an output that is no tensor of the tape
 *     TG_ERR_VALUE      an output, or an operand, of another part; a value from outside of the part that cannot be computed in it,
 *                       because it was drawn at random, or made of a leaf that the tape overwrites
 *     TG_ERR_IO         a file that could not be written
 *     TG_ERR_MEMORY     no memory */
tg_status tg_emit_c(tg_tape *tape, FILE *source, FILE *header, const tg_emit_options *options);

/* ---- the C text of an op ----------------------------------------------------------------------------------------- */

/* An elementwise op has a formula: the names of its operands, and an expression of them, which is C with the functions of <tgmath.h>:
 *     .formula = "a, b: a / sqrt(a * a + b * b)"
 *
 * Any other op has a function that writes statements, in tg_op.emit. It is called once for an instruction, and calls tg_emit. */
struct tg_emit_call {
    const tg_op   *op;
    int            count; /* of the operands */
    const tg_type *in;    /* dtypes and shapes */
    tg_type        out;   /* of an assign: those of the leaf */
    const void    *attr;
    bool           small;   /* the text is to be short (TG_EMIT_SMALL) */
    void          *emitter; /* not the op's business */
};

/* Writes lines of C, formatted as by printf. They are indented by their braces. In them, where i, j ... are expressions of C:
 *     $0[i, j]      the element of operand 0 with these indices, as many as it has axes, wherever it lies; $1 and so on
 *     $y[i, j]      that of the result, which is row-major; of an assign, of the leaf
 *     $0[#i]        the element of operand 0 with that number in row-major order; and $y[#i]
 *     $T  $T0       the type of the result's elements, of operand 0's
 *     $I            the type of indices
 *     $for(i, n)    for (int i = 0; i < n; i++) {
 *     $sqrt         sqrtf or sqrt, by the dtype of operand 0, or of the result where there is none; so all functions of <math.h>
 *     $uniform_f32  the next random number in [0, 1), of float32; $uniform_f64 of float64; and $normal_f64 one of the normal
 *                   distribution. For ops that are random
 *     $scratch(n)   the first of n doubles, a plain number, of the work memory, which are the text's alone; once in a text
 *     $fail(what)   leaves the function, which returns a number that stands for this failure: the header says `what`. A part that is
 *                   compiled (compile.h) fails with TG_ERR_VALUE there; by $fail_index(what) with TG_ERR_INDEX, by $fail_numeric(what) with
 *                   TG_ERR_NUMERIC
 * Names that the text declares are its own: it stands in braces. */
void tg_emit(tg_emit_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes the call of tg_emit_c fail, with the op, the line that recorded it and the formatted text: what is asked of the op cannot be
 * written. */
void tg_emit_refuse(tg_emit_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many elements neighbours along an axis of operand i lie apart in memory. */
int64_t tg_emit_stride(const tg_emit_call *call, int i, int axis);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_emit_c(tape, ...) (tg_emit_c)(TG_AT(tape), __VA_ARGS__)

#endif
