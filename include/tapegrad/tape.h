/* tapegrad/tape.h: the tape: errors, leaves, running, reading and writing values, rewinding.
 *
 * The tape is a program. An op checks its operands' shapes at once and appends one instruction. Nothing is computed yet. tg_run is
 * one pass over the program, and may be repeated. Instead, a program may be recorded again in every step: tg_rewind forgets what was
 * recorded after a mark. In the steady state neither way allocates memory.
 *
 * What runs when:
 *
 *   - tg_run runs the whole tape, tg_run_part a part of it, tg_run_pending what was recorded and has not run, and tg_rewind of that what
 *     ends in an assign, so that an update that was recorded happens.
 *   - A read (tg_item, tg_read, tg_data and what else needs a value) runs what it needs: what stands before the value and has not run. It
 *     never runs an optimizer's step: where one stands there, the read is an error. So a read trains nothing.
 *   - tg_peek and tg_write run nothing. What has not run will see what was written.
 *   - A part (tg_begin_part) is run by tg_run_part and by nothing else. So training step, evaluation and sampling stand on one tape,
 *     share its leaves, and do not disturb each other.
 *   - A run never mixes: a value that was computed before a leaf under it was written is computed again when an instruction reads it.
 *
 * And always:
 *
 *   - Instructions take effect in the order in which they were recorded. tg_assign, and its like for parts of leaves, are the only
 *     ones with a side effect.
 *   - Values that the user recorded are kept and can be read after a run. Values that tg_backward, an optimizer or a composed
 *     function records inside are not kept, unless tg_keep is called for them.
 *   - The first error stays in the tape, with the user's source line. From then on nothing is recorded or run, every call
 *     returns at once, and no value is lost, until tg_clear_error. So formulas need no check in each line.
 *   - Code that the library calls back may not do all of this: see tapegrad/op.h, and tg_checkpoint.
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

/* A new, empty tape. The caller frees it with tg_tape_free. NULL when there is no memory: every function takes a NULL tape, and
 * tg_error describes it, so that one check at the end is enough. */
tg_tape *tg_tape_new(void);

/* What a tape is given by the program that it works in: a game's allocator, a server's log. A member that is NULL or 0 stands for the
 * library's own way. The functions get `context`. They are called on the thread that uses the tape, if not said otherwise, and may
 * call nothing with it but tg_cancel. */
typedef struct tg_host {
    void *context;

    /* `bytes` of memory, aligned as malloc's; NULL when there is none. And gives it back, with the same number of bytes. All memory
     * of the tape comes from here, the tape itself included. Kernels may ask for some on the threads of a run, one at a time. Both,
     * or neither: then malloc and free; and Linux is asked for huge pages (madvise) for blocks of 4 MiB and more. */
    void *(*allocate)(void *context, size_t bytes);
    void (*release)(void *context, void *memory, size_t bytes);

    /* The most bytes that the tape may have at a time. What needs more first gives back what nothing needs at present, and is
     * TG_ERR_MEMORY when that is not enough. */
    size_t memory_limit;

    /* Called with the text of each error that becomes the tape's, once. */
    void (*log)(void *context, const char *error);

    /* Called in a run before each instruction, or group of them that run together: how many instructions of the tape, or of the part
     * that runs, stand before it, and how many there are. It should return soon: it may be called a million times a second. */
    void (*progress)(void *context, int64_t done, int64_t count);

    /* Threads of the host's, in place of the tape's own: calls share(job, i) for i = 0 ... count - 1, each once, on any threads, at the
     * same time or not, and returns when all these calls have returned. count is at least 2, and at most the number of
     * tg_set_threads. The thread that runs the tape calls it. What is left out, because the pool is closed, say, that thread does itself.
     * The results have the same bits as with the tape's threads. A library that was built without threads does not call it. */
    void (*parallel_for)(void *context, int count, void (*share)(void *job, int i), void *job);
} tg_host;

/* A new, empty tape with that host, of which it keeps a copy; NULL stands for none, as in tg_tape_new. NULL when there is no memory,
 * when the limit does not even hold an empty tape, and for one of allocate and release without the other. */
tg_tape *tg_tape_new_with(const tg_host *host);

/* Frees the tape and all that it owns. Memory given to tg_borrow or tg_borrow_parameter stays the caller's. NULL is ignored. */
void tg_tape_free(tg_tape *tape);

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* The first error since the last tg_clear_error, as one line without a newline:
 *     iris_fnn.c:42: matmul: (100, 2) x (3, 32): inner sizes 2 and 3 differ
 * "" when there is none. The tape owns the text; it is valid until tg_clear_error or tg_tape_free. */
const char *tg_error(const tg_tape *tape);

/* The status of that error; TG_OK when there is none. */
tg_status tg_error_status(const tg_tape *tape);

/* Forgets the error. What was recorded before it is still there, and recording, running and reading work again. */
void tg_clear_error(tg_tape *tape);

/* ---- leaves: values that no instruction computes ----------------------------------------------------------------- */

/* Each returns the new leaf, or an invalid tensor after an error. */

/* A constant with a copy of `data`: tg_shape_size(shape) elements of `dtype`, row-major. `data` may be NULL when there are no
 * elements. Here and wherever elements are passed, a pointer to anything but the dtype's elements, void, bytes or a struct is an
 * error: at compile time where the dtype is a constant, else TG_ERR_DTYPE. Bytes of bool data that are not 0 become 1, here and in
 * tg_write. */
tg_tensor tg_constant(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data);

/* A constant in the caller's memory, which must stay valid as long as the leaf, and must be aligned for its dtype. A compound literal
 * stays valid to the end of its block, but one inside the call of another function, as in tg_exp(tg_borrow(...)), only to the end of
 * that call. The library reads the memory in every run and never writes or frees it. Bytes of bool data are 0 or 1, or else
 * TG_ERR_ARGUMENT. Many tapes may borrow the same memory, on different threads too. tg_write and tg_assign give an error for it. */
tg_tensor tg_borrow(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data);

/* A constant whose elements are all `value`. tg_full(tape, TG_F32, TG_SHAPE(3, 4), 0) is NumPy's zeros((3, 4)). */
tg_tensor tg_full(tg_tape *tape, tg_dtype dtype, tg_shape shape, double value);

/* A leaf that is filled by tg_write between runs; zeros until then. `name` is copied. It may be NULL for no name; otherwise it must
 * not be the name of another input or parameter on the tape (TG_ERR_NAME). */
tg_tensor tg_input(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape);

/* A leaf that gradients are computed for, of a floating dtype. It starts as a copy of the value of `init`, which runs first if it
 * is pending. A plain number as `init` gives a parameter of rank 0 and float64. `name` is copied. It must not be NULL, empty, or
 * the name of another input or parameter on the tape (TG_ERR_NAME). A large initial value needs no memory beside the parameter's: when
 * `init` is the last thing recorded, and made of tg_full, tg_rand, tg_uniform, tg_randn, tg_normal and elementwise ops of them,
 * the parameter takes over its memory. `init` and what it is made of can still be used and read; they are then made again, from
 * the same random numbers. */
tg_tensor tg_parameter(tg_tape *tape, const char *name, tg_tensor init);

/* A parameter in the caller's memory, as by tg_borrow. It has gradients. tg_write, tg_assign and an optimizer's step give an error
 * for it. */
tg_tensor tg_borrow_parameter(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape, const void *data);

/* The input or parameter of that name. The error TG_ERR_NAME and an invalid tensor if there is none. */
tg_tensor tg_find(tg_tape *tape, const char *name);

/* The parameters in the order in which they were recorded, from i = 0 on, and their number. An invalid tensor, and no error, if i
 * is out of range. */
tg_tensor tg_parameter_at(tg_tape *tape, int64_t i);
int64_t   tg_parameter_count(const tg_tape *tape);

/* Names a tensor that has no name: a constant or a result, "loss" say. Printed tapes, plans and graphs show it, and errors that say
 * where a value came from. It is copied, need not be the only one of its kind, and is not for tg_find: that finds inputs and
 * parameters, which keep the name that they were recorded with (TG_ERR_NAME). A later name takes its place, NULL takes it away. A
 * rewind to before the naming forgets it. */
tg_status tg_set_name(tg_tensor x, const char *name);

/* The name of a tensor; NULL if it has none. The tape owns the text; it is valid as long as the tensor has the name. */
const char *tg_name(tg_tensor x);

/* ---- what a tensor is -------------------------------------------------------------------------------------------- */

/* Whether the handle can be used now. Never an error. */
bool tg_valid(tg_tensor x);

/* The shape, the number of elements, the dtype. For an invalid handle: a shape of rank TG_MAX_RANK + 1, -1, TG_DTYPES, and the
 * error TG_ERR_HANDLE. For a plain number: a shape of rank 0, 1, TG_F64. */
tg_shape tg_shape_of(tg_tensor x);
int64_t  tg_size(tg_tensor x);
tg_dtype tg_dtype_of(tg_tensor x);

/* Whether it is a parameter that is not frozen (tg_set_requires_grad), or depends on one by differentiable ops. False for an invalid
 * handle; never an error. */
bool tg_requires_grad(tg_tensor x);

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Runs the whole tape once, but for its parts, in the order of recording. Returns the tape's status. When an instruction fails, the
 * assigns before it are done, those after it are not, and the error names the instruction. After tg_clear_error, tg_run_pending goes
 * on at that instruction, tg_run begins anew, and tg_abandon gives up. */
tg_status tg_run(tg_tape *tape);

/* Runs what has not run since it was recorded, or since a run failed: updates included. */
tg_status tg_run_pending(tg_tape *tape);

/* Gives up what is pending, without running it or forgetting it: the next tg_run runs it. Until then its values are not there to
 * read, and its assigns have not happened. For a run that failed, when its data cannot be mended. */
tg_status tg_abandon(tg_tape *tape);

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* What is recorded between tg_begin_part and tg_end_part is a part of the tape, of that name, which is copied. It is to the tape what a
 * function is to a program: tg_run_part runs it, from its start, and nothing else does. Its instructions read the leaves as they are
 * in memory then, and values of what stands outside of parts as a read would give them, values of another part as its last run left
 * them. Its own values are those of its last run; reading one before the first is TG_ERR_VALUE. Between a part and what stands
 * outside, or another part, there is no order: what the one assigns the other finds in the leaf.
 *
 *     tg_begin_part(tape, "train");
 *     tg_backward(tg_mean(loss_of(model, batch, labels)));
 *     tg_sgd_step(tape, 0.1);
 *     tg_end_part(tape);
 *
 *     tg_begin_part(tape, "evaluate");
 *     tg_tensor accuracy = accuracy_of(model, images, answers);
 *     tg_end_part(tape);
 *
 * Parts do not nest. Record inputs and parameters outside, where all parts find them. A rewind to before a part forgets it.
 * TG_ERR_NAME for no name and for one that is taken; TG_ERR_ARGUMENT while another part is recorded, and for an end without a
 * beginning. */
tg_status tg_begin_part(tg_tape *tape, const char *name);
tg_status tg_end_part(tg_tape *tape);

/* Runs it. TG_ERR_NAME when there is no part of that name; TG_ERR_VALUE when it reads a value of a part that has not run, or a value
 * before which an optimizer's step stands that has not run. When an instruction fails, its assigns before that are done, those after it are
 * not. */
tg_status tg_run_part(tg_tape *tape, const char *name);

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Sets how many threads a run of this tape may use, that of the caller included. 0, as in a new tape, means OMP_NUM_THREADS where the
 * environment has it, as for programs with OpenMP, else as many as there are processors that this process may use; more than 1024
 * count as 1024. Small work stays on one thread. The results have the same bits for any number. TG_ERR_ARGUMENT for a negative count.
 *
 * The threads belong to the tape, unless its host lends some (tg_host.parallel_for): the first run that has work for them makes them, they
 * sleep between runs, and tg_tape_free ends them, as do tg_trim and this function; the next run makes others. Where one cannot be made,
 * or a library was built without threads, the others do its work. They take no signals. After fork the child's runs use the caller's
 * thread alone, until tg_trim. A BLAS starts threads of its own, which this number does not limit, and may give other bits with another
 * number of them: see the settings of the BLAS. */
tg_status tg_set_threads(tg_tape *tape, int count);

/* Records that `leaf` is overwritten by `value`. The leaf is an input or a parameter in the tape's own memory. The value has the
 * same dtype and a shape that broadcasts to the leaf's, or is a plain number. Instructions recorded before the assign see the old
 * value, those after it the new one. A view recorded before the assign holds the old value: for that the leaf may move to other
 * memory, so that tg_data gives another pointer after it. No gradient flows through an assign. */
tg_status tg_assign(tg_tensor leaf, tg_tensor value);

/* ---- reading and writing values ---------------------------------------------------------------------------------- */

/* tg_item, tg_read and tg_data run what stands before the value and has not run; of a leaf, what stands before the last assign to it.
 * TG_ERR_VALUE when an optimizer's step is among that, and for a value that is not kept, or was overwritten. Under TG_KEEP_ASKED, to read
 * a value that has not run asks for it. */

/* The element of a tensor that has one element, as a double; an int64 beyond 2^53 is rounded. NaN after an error; TG_ERR_SHAPE if
 * there is not one element. */
double tg_item(tg_tensor x);

/* Copies the elements, row-major, to `values`, an array of `count` elements of the tensor's dtype. `count` must be tg_size(x)
 * (TG_ERR_SHAPE). */
tg_status tg_read(tg_tensor x, void *values, int64_t count);

/* The elements, row-major, in memory that the tape owns: they must not be written, and are valid until the next run, rewind, assign
 * or write. NULL after an error. */
const void *tg_data(tg_tensor x);

/* The elements that are there now, as tg_data gives them, without running anything: of a leaf, whatever is pending; of a result, those
 * of its last run. NULL, and TG_ERR_VALUE, when there are none. */
const void *tg_peek(tg_tensor x);

/* Overwrites an input or a parameter at once, with `count` elements of its dtype, which are copied. What is pending will see the
 * new elements. Runs nothing. `count` must be tg_size(leaf) (TG_ERR_SHAPE). TG_ERR_ARGUMENT for a constant, for borrowed memory,
 * and for a tensor that is not a leaf. */
tg_status tg_write(tg_tensor leaf, const void *values, int64_t count);

/* Keeps the value of x readable in future runs, even if it was recorded inside a function of the library. */
tg_status tg_keep(tg_tensor x);

/* What is kept of the values recorded from now on: all that the user records (the default), or only those that tg_keep is called
 * for, which takes the least memory. */
typedef enum tg_keep_policy { TG_KEEP_RECORDED, TG_KEEP_ASKED } tg_keep_policy;
tg_status tg_set_keep(tg_tape *tape, tg_keep_policy policy);

/* ---- figures ----------------------------------------------------------------------------------------------------- */

/* For tuning and for tests. What they count may change from version to version. */
typedef struct tg_figures {
    int64_t instructions;      /* on the tape now */
    int64_t plans, plan_hits;  /* segments that were planned; runs of a segment by a plan that existed already */
    int64_t groups, kernels;   /* in the plan that ran last: groups of fused instructions; instructions that run alone */
    int64_t fused;             /* in the plan that ran last: instructions in its groups */
    size_t  bytes, peak_bytes; /* all memory of the tape: now, and the most so far. Of that, now: */
    size_t  value_bytes;       /* for values: those that are there, and the blocks of memory in which plans run */
    size_t  spare_bytes;       /* kept for values to come: tg_trim gives it back */
    size_t  record_bytes;      /* for the instructions, and what is known of leaves */
    size_t  plan_bytes;        /* for plans; */
    size_t  block_bytes;       /* and in the block of the plan that ran last, for values that are not kept */
} tg_figures;

/* The figures of a tape; zeros for a tape of NULL. */
tg_figures tg_stats(const tg_tape *tape);

/* Gives back memory that nothing needs at present: of values that are gone, of instructions that were rewound, and the plans that
 * were not used last. A tape keeps it for the next step, so that a loop allocates nothing; call it after a phase that needed more
 * than what follows. No value is lost; what follows may have to allocate and plan anew. A tape of NULL is ignored. */
void tg_trim(tg_tape *tape);

/* ---- marks ------------------------------------------------------------------------------------------------------- */

/* A position on a tape. Both members are private to the library. */
typedef struct tg_mark {
    tg_tape *tape;
    uint64_t ref;
} tg_mark;

/* The position after all that has been recorded so far. */
tg_mark tg_tape_mark(tg_tape *tape);

/* Forgets everything that was recorded after the mark. Handles to it become stale, and its memory is used again. What is pending
 * and ends in an assign runs first, so that an update that was recorded happens, whether or not a value was read. tg_grad gives the
 * gradients that it gave at the mark. TG_ERR_HANDLE for a mark that the tape was rewound past; TG_ERR_ARGUMENT inside a scope
 * (tapegrad/extend.h). When a pending update fails, its
 * error is returned and nothing is forgotten. */
tg_status tg_rewind(tg_tape *tape, tg_mark mark);

/* The same without running: pending updates after the mark do not happen. Use it when an update fails each time. */
tg_status tg_discard(tg_tape *tape, tg_mark mark);

/* The number of instructions on the tape, leaves and plain numbers included. 0 for a tape of NULL. */
int64_t tg_instruction_count(const tg_tape *tape);

/* ---- cancelling a run -------------------------------------------------------------------------------------------- */

/* Stops the run that is under way, or else the next one, as soon as may be: before its next instruction or group of them, or in the
 * middle of a group that updates nothing. The run fails with TG_ERR_CANCELLED, as one whose next instruction failed: assigns before
 * it are done, those after it are not, and tg_run_pending goes on where it stopped. A part begins again, when tg_run_part is called for
 * it: what has to go on stands outside of parts. The error ends the request. This function alone may be called by any thread at any
 * time of the tape's life, and by a signal handler: it stores one flag. A tape of NULL is ignored. */
void tg_cancel(tg_tape *tape);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_constant(tape, dtype, ...) TGI_ELEMENTS_LEAF(tg_constant, "constant", tape, dtype, __VA_ARGS__)
#define tg_borrow(tape, dtype, ...) TGI_ELEMENTS_LEAF(tg_borrow, "borrow", tape, dtype, __VA_ARGS__)
#define tg_full(tape, ...) TG_TAPE_CALL(tg_full, tape, __VA_ARGS__)
#define tg_input(tape, ...) TG_TAPE_CALL(tg_input, tape, __VA_ARGS__)
#define tg_parameter(tape, name, init) TG_TAPE_CALL1_WITH(tg_parameter, tape, name, init)
#define tg_borrow_parameter(tape, name, dtype, ...) \
    TGI_NAMED_ELEMENTS_LEAF(tg_borrow_parameter, "borrow_parameter", tape, name, dtype, __VA_ARGS__)
#define tg_set_name(x, ...) TG_CALL1_WITH(tg_set_name, x, __VA_ARGS__)
#define tg_find(tape, ...) TG_TAPE_CALL(tg_find, tape, __VA_ARGS__)
#define tg_shape_of(x) TG_CALL1(tg_shape_of, x)
#define tg_size(x) TG_CALL1(tg_size, x)
#define tg_dtype_of(x) TG_CALL1(tg_dtype_of, x)
#define tg_run(tape) (tg_run)(TG_AT(tape))
#define tg_run_pending(tape) (tg_run_pending)(TG_AT(tape))
#define tg_abandon(tape) (tg_abandon)(TG_AT(tape))
#define tg_begin_part(tape, ...) TG_TAPE_CALL(tg_begin_part, tape, __VA_ARGS__)
#define tg_end_part(tape) (tg_end_part)(TG_AT(tape))
#define tg_run_part(tape, ...) TG_TAPE_CALL(tg_run_part, tape, __VA_ARGS__)
#define tg_set_threads(tape, ...) TG_TAPE_CALL(tg_set_threads, tape, __VA_ARGS__)
#define tg_assign(leaf, value) TG_CALL2(tg_assign, leaf, value)
#define tg_item(x) TG_CALL1(tg_item, x)
#define tg_read(x, ...) TGI_ELEMENTS_CALL1(tg_read, "read", x, __VA_ARGS__)
#define tg_data(x) TG_CALL1(tg_data, x)
#define tg_peek(x) TG_CALL1(tg_peek, x)
#define tg_write(leaf, ...) TGI_ELEMENTS_CALL1(tg_write, "write", leaf, __VA_ARGS__)
#define tg_keep(x) TG_CALL1(tg_keep, x)
#define tg_set_keep(tape, ...) TG_TAPE_CALL(tg_set_keep, tape, __VA_ARGS__)
#define tg_discard(tape, ...) TG_TAPE_CALL(tg_discard, tape, __VA_ARGS__)
#define tg_rewind(tape, ...) TG_TAPE_CALL(tg_rewind, tape, __VA_ARGS__)

#endif
