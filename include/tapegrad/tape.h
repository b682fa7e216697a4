/* tapegrad/tape.h: the tape. Make one, put leaves on it, record, run, read.
 *
 * The tape is a program. An op checks its operands' shapes at once and appends one instruction; nothing is computed yet.
 * tg_run is one pass over the whole program, and may be repeated; reading a value first runs what has not run yet. A
 * program may instead be recorded afresh in every step: tg_rewind forgets what was recorded after a mark. Either way
 * the steady state allocates nothing.
 *
 *   - Instructions take effect in the order in which they were recorded. tg_assign is the only one with a side effect.
 *   - Values that the user recorded are kept and can be read after a run. What tg_backward, an optimiser or a composed
 *     function records on the inside is not, unless tg_keep says so.
 *   - The first error stays in the tape, with the user's source line. From then on nothing is recorded or run, every
 *     call returns, and no value is lost, until tg_clear_error. Formulas need no check in each line.
 *   - One tape belongs to one thread at a time. Different tapes share nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_TAPE_H
#define TAPEGRAD_TAPE_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

/* A new, empty tape, to be freed with tg_tape_free. NULL when there is no memory; every function takes a NULL tape and
 * reports it, so that one check at the end is enough. */
tg_tape *tg_tape_new(void);

/* Frees the tape and all it holds. Memory that was lent with tg_borrow stays the caller's. NULL is ignored. */
void tg_tape_free(tg_tape *tape);

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* The first error since the last tg_clear_error, as one line without a newline:
 *     iris_fnn.c:42: matmul: (100, 2) x (3, 32): inner sizes 2 and 3 differ
 * "" when there is none. The text is the tape's, and valid until tg_clear_error or tg_tape_free. */
const char *tg_error(const tg_tape *tape);

/* The kind of that error; TG_OK when there is none. */
tg_status tg_error_status(const tg_tape *tape);

/* Forgets the error. What was recorded before it is still there, and recording, running and reading go on. */
void tg_clear_error(tg_tape *tape);

/* ---- leaves: values that nobody computes ------------------------------------------------------------------------- */

/* A constant with a copy of `data`: row-major elements of `dtype`, tg_shape_size(shape) of them. `data` may be NULL when
 * there are none. */
tg_tensor tg_constant(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data);

/* A constant in the caller's memory, which must stay valid as long as the leaf, and aligned for its dtype. It is read in
 * every run, never written, never freed; many tapes may borrow the same memory. tg_write and tg_assign refuse it. */
tg_tensor tg_borrow(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data);

/* A constant with every element `value`. tg_full(tape, TG_F32, TG_SHAPE(3, 4), 0) is NumPy's zeros((3, 4)). */
tg_tensor tg_full(tg_tape *tape, tg_dtype dtype, tg_shape shape, double value);

/* A leaf to be filled by tg_write between runs; zeros until then. `name` is copied; NULL for none. */
tg_tensor tg_input(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape);

/* A leaf that gradients are wanted for, of a floating dtype, with a copy of the value of `init` (which is run when it has
 * not been). `init` may be a plain number for a parameter of rank 0 and float64. `name` is copied, and must be neither
 * NULL, nor empty, nor the name of another input or parameter on the tape. */
tg_tensor tg_parameter(tg_tape *tape, const char *name, tg_tensor init);

/* The parameter whose value stays in the caller's memory, as tg_borrow's: gradients can be taken, tg_assign refuses it,
 * and so does an optimiser's step. */
tg_tensor tg_borrow_parameter(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape, const void *data);

/* The input or parameter of that name; the error TG_ERR_NAME and an invalid tensor where there is none. */
tg_tensor tg_find(tg_tape *tape, const char *name);

/* The parameters in the order in which they were recorded: the first one for i = 0. An invalid tensor, and no error, for i
 * past the last. tg_parameter_count is their number. */
tg_tensor tg_parameter_at(tg_tape *tape, int64_t i);
int64_t   tg_parameter_count(const tg_tape *tape);

/* The leaf's name; NULL for what has none. The text is the tape's. */
const char *tg_name(tg_tensor x);

/* ---- what a tensor is -------------------------------------------------------------------------------------------- */

/* True for a handle that can be used now. Never an error. */
bool tg_valid(tg_tensor x);

/* Shape, number of elements, dtype. For an invalid handle: the error TG_ERR_HANDLE, and rank TG_MAX_RANK + 1, -1,
 * TG_DTYPES. For a plain number: rank 0, 1, TG_F64. */
tg_shape tg_shape_of(tg_tensor x);
int64_t  tg_size(tg_tensor x);
tg_dtype tg_dtype_of(tg_tensor x);

/* Whether gradients flow through it: it is a parameter, or depends on one by differentiable ops. */
bool tg_requires_grad(tg_tensor x);

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* One pass over the whole tape in the order of recording. Returns the tape's status. When an instruction fails, the
 * assigns before it are done, those after it are not, and the error names it. */
tg_status tg_run(tg_tape *tape);

/* How many threads a run of this tape may use: `count`, or for 0, as in a new tape, as many as OpenMP gives (the number of
 * processors, or OMP_NUM_THREADS). Small work stays on one thread. The results are the same bits for any number. A BLAS starts
 * threads of its own, which this does not count, and may give other bits with another number of them: see its own settings.
 * Without OpenMP there is one thread. */
tg_status tg_set_threads(tg_tape *tape, int count);

/* Records that `leaf` (an input or a parameter, in the tape's own memory) is overwritten by `value`, of the same dtype and
 * of a shape that broadcasts to the leaf's. Instructions recorded before see the old value, those after it the new one.
 * A gradient does not flow through an assign. `value` may be a plain number. */
tg_status tg_assign(tg_tensor leaf, tg_tensor value);

/* ---- reading and writing values ---------------------------------------------------------------------------------- */

/* The only element of a tensor that has one, as a double (an int64 beyond 2^53 is rounded). Runs what is pending. NaN
 * and an error where there is no such value. */
double tg_item(tg_tensor x);

/* Copies the elements, row-major, into `values`, which has room for `count` elements of the tensor's dtype; `count` must be
 * tg_size(x). Runs what is pending. */
tg_status tg_read(tg_tensor x, void *values, int64_t count);

/* The elements, row-major, in the tape's memory: valid until the next run, rewind, assign or write, and not to be written.
 * Runs what is pending. NULL and an error where there is no such value. */
const void *tg_data(tg_tensor x);

/* Overwrites an input or a parameter with `count` elements of its dtype, at once: what is pending will see it, what has run
 * has not. `count` must be tg_size(leaf). Refused for constants, for borrowed memory, and for what is no leaf. */
tg_status tg_write(tg_tensor leaf, const void *values, int64_t count);

/* Keeps the value of x readable in runs to come, whoever recorded it. */
tg_status tg_keep(tg_tensor x);

/* What is kept: every value that the user records (from the start), or only what tg_keep was called for (least memory).
 * It counts for what is recorded from now on. */
typedef enum tg_keep_policy { TG_KEEP_RECORDED, TG_KEEP_ASKED } tg_keep_policy;
tg_status tg_set_keep(tg_tape *tape, tg_keep_policy policy);

/* ---- what a tape does and takes ---------------------------------------------------------------------------------- */

/* Figures for tuning and for tests; what they count may change from version to version. */
typedef struct tg_figures {
    int64_t instructions;     /* on the tape now */
    int64_t plans, plan_hits; /* stretches that were planned; and that were run by a plan there already was */
    int64_t groups, kernels;  /* in the plan that was run last: groups of instructions fused, and instructions run alone */
    int64_t fused;            /* and the instructions in its groups */
    size_t  block_bytes;      /* and the memory it takes for values that are not kept */
    size_t  bytes;            /* memory for values, kept or not: the most so far, since it is given back with the tape only */
} tg_figures;

/* All zeros for a NULL tape. */
tg_figures tg_stats(const tg_tape *tape);

/* ---- marks ------------------------------------------------------------------------------------------------------- */

/* A position on a tape. */
typedef struct tg_mark {
    tg_tape *tape;
    uint64_t ref;
} tg_mark;

/* The position after all that has been recorded so far. */
tg_mark tg_tape_mark(tg_tape *tape);

/* Forgets everything recorded after the mark; handles to it become stale, its memory is used again. Updates that are pending
 * happen first: an assign that was recorded is done, whether or not anybody looked at a value. Gradients that
 * tg_grad gave at the mark are its gradients again. A mark that was itself rewound past is an error, and so is the status
 * of an update that fails; the tape is then as it was, or, where the update failed, holds what was recorded. */
tg_status tg_rewind(tg_tape *tape, tg_mark mark);

/* The same without the updates: what is pending after the mark does not happen. The way out when an update fails each time. */
tg_status tg_discard(tg_tape *tape, tg_mark mark);

/* Number of instructions on the tape, leaves and plain numbers included. */
int64_t tg_instruction_count(const tg_tape *tape);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_constant(tape, ...) TGI_TAPE_CALL(tg_constant, tape, __VA_ARGS__)
#define tg_borrow(tape, ...) (tg_borrow)(TGI_AT(tape), __VA_ARGS__)
#define tg_full(tape, ...) TGI_TAPE_CALL(tg_full, tape, __VA_ARGS__)
#define tg_input(tape, ...) TGI_TAPE_CALL(tg_input, tape, __VA_ARGS__)
#define tg_parameter(tape, name, init) TGI_TAPE_CALL1_WITH(tg_parameter, tape, name, init)
#define tg_borrow_parameter(tape, ...) (tg_borrow_parameter)(TGI_AT(tape), __VA_ARGS__)
#define tg_find(tape, ...) TGI_TAPE_CALL(tg_find, tape, __VA_ARGS__)
#define tg_shape_of(x) TGI_CALL1(tg_shape_of, x)
#define tg_size(x) TGI_CALL1(tg_size, x)
#define tg_dtype_of(x) TGI_CALL1(tg_dtype_of, x)
#define tg_run(tape) (tg_run)(TGI_AT(tape))
#define tg_set_threads(tape, ...) TGI_TAPE_CALL(tg_set_threads, tape, __VA_ARGS__)
#define tg_assign(leaf, value) TGI_CALL2(tg_assign, leaf, value)
#define tg_item(x) TGI_CALL1(tg_item, x)
#define tg_read(x, ...) TGI_CALL1_WITH(tg_read, x, __VA_ARGS__)
#define tg_data(x) TGI_CALL1(tg_data, x)
#define tg_write(leaf, ...) TGI_CALL1_WITH(tg_write, leaf, __VA_ARGS__)
#define tg_keep(x) TGI_CALL1(tg_keep, x)
#define tg_set_keep(tape, ...) TGI_TAPE_CALL(tg_set_keep, tape, __VA_ARGS__)
#define tg_discard(tape, ...) TGI_TAPE_CALL(tg_discard, tape, __VA_ARGS__)
#define tg_rewind(tape, ...) TGI_TAPE_CALL(tg_rewind, tape, __VA_ARGS__)

#endif
