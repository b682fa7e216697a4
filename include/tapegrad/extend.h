/* tapegrad/extend.h: for those who write what others call: composed functions, layers, optimizers, checkpoints, kernels.
 *
 * The library's own layers, losses and optimizers are written on this header and the others, and on nothing else. A composed
 * function checks its operands, opens a scope, calls other functions, and closes the scope with its result:
 *
 *     tg_tensor(scaled_softplus)(tg_tensor x, tg_tensor beta) {
 *         tg_operands o;
 *         if (tg_check_operands(&o, "scaled_softplus", 2, 2, (tg_tensor[]){x, beta}) || tg_check_floating(&o, 2))
 *             return tg_invalid(o.tape);
 *         tg_scope scope = tg_begin_scope(o.tape, "scaled_softplus");
 *         return tg_end_scope_with(scope, tg_div(tg_softplus(tg_mul(beta, x)), beta));
 *     }
 *     #define scaled_softplus(x, beta) TG_CALL2(scaled_softplus, x, beta)
 *
 * Whoever calls it gets a function like the library's: plain numbers are welcome, an error names it and the caller's line, only
 * the result is kept, its gradients need no rule, and the executor fuses what it is made of. The functions for checks and scopes
 * have no macros: they speak for the line of the call that is under way.
 *
 * An op with code of its own is in tapegrad/op.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_EXTEND_H
#define TAPEGRAD_EXTEND_H
#pragma GCC system_header

#include <tapegrad/op.h>
#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- the macro of a function ------------------------------------------------------------------------------------- */

/* Under the prototype of a function of tensors stands a macro of the same name, as swish's: #define swish(x, beta)
 * TG_CALL2(swish, x, beta). It evaluates each argument once, makes tensors of plain numbers, tells the tapes of the tensors the
 * line that it stands on, and calls the function. To call it without the macro, or take its address, write (swish).
 *
 *     TG_CALL1(f, a) to TG_CALL4                 f(a), f(a, b), f(a, b, c), f(a, b, c, d): tensors alone
 *     TG_CALL1_WITH(f, a, ...) to TG_CALL5_WITH  the same with other arguments after the tensors
 *     TG_TAPE_CALL(f, tape, ...)                 f(tape, ...) of other arguments; of none: (f)(TG_AT(tape))
 *     TG_TAPE_CALL1(f, tape, x)                  f(tape, x) of a tensor
 *     TG_TAPE_CALL1_WITH(f, tape, with, x)       f(tape, with, x) of another argument and a tensor
 *     TG_STEP_CALL(f, tape, rate, ...)           f(tape, rate, ...) of a tensor and other arguments: a step of an optimizer
 *     TG_LIST_CALL(f, first, ...)                f(first, count, array) of up to 8 tensors
 *     TG_LIST_CALL_WITH(f, list, ...)            f(list, ...) of a tg_list
 *     TG_AT(tape)                                the tape, having told it the line */

/* ---- handles ----------------------------------------------------------------------------------------------------- */

/* The tape of a tensor, valid or not; NULL for a plain number and for TG_NONE. */
tg_tape *tg_tape_of(tg_tensor x);

/* Whether it is TG_NONE. */
bool tg_is_none(tg_tensor x);

/* Whether it is a plain number, which then goes to *value. */
bool tg_is_number(tg_tensor x, double *value);

/* x; TG_NONE for a handle that is zero: a tensor that was left out of a struct of options. */
tg_tensor tg_or_none(tg_tensor x);

/* What a function returns after an error: a tensor that is an error wherever it is used. */
tg_tensor tg_invalid(tg_tape *tape);

/* The caller's memory that the elements of x are in, where it is a leaf of tg_borrow or of tg_borrow_parameter; NULL for every other
 * tensor. Unlike what tg_data gives it stays valid as long as the caller leaves it there, whatever the tape does, and other threads may read
 * it. */
const void *tg_borrowed(tg_tensor x);

/* Records the plain number as a tensor of rank 0 of that dtype: for where no other operand says which dtype it takes.
 * tg_broadcast_to gives it any shape, without memory. TG_ERR_DTYPE when the dtype does not hold it. */
tg_tensor tg_number(tg_tape *tape, tg_dtype dtype, double value);

/* ---- scopes: what is recorded in between is the function's own affair --------------------------------------------- */

/* Between tg_begin_scope and one of its two ends
 *   - what is recorded belongs to the line of the user's source that called, and is not kept: only results are;
 *   - `name`, that of the function which the user called, stands for the ops inside in errors, when they are recorded and when they
 *     run: "iris.c:42: cross_entropy: index 7 ...". In scopes inside of scopes the outermost one counts;
 *   - after an error nothing of it stays on the tape.
 * Every begin needs its end, on every way out. Scopes nest. tg_rewind and tg_discard are errors in between. The struct is the library's:
 * it is passed on as it is. `name` must live as long as the tape; NULL leaves the errors as they are. A tape of NULL is fine: the
 * end then returns TG_ERR_HANDLE. */
typedef struct tg_scope {
    tg_tape    *tape;
    const char *name, *file, *within;
    uint32_t    line, start;
    uint8_t     role;
} tg_scope;

tg_scope tg_begin_scope(tg_tape *tape, const char *name);

/* The same for what overwrites leaves by tg_assign: nothing in it will be differentiated, so nothing is saved for a gradient;
 * printed tapes show it as an update. */
tg_scope tg_begin_update(tg_tape *tape, const char *name);

/* Ends it; the tape's status. */
tg_status tg_end_scope(tg_scope scope);

/* Ends it and returns the result, which is kept as if the user had recorded it; an invalid tensor after an error. A result that
 * is no tensor of this tape is TG_ERR_HANDLE. */
tg_tensor tg_end_scope_with(tg_scope scope, tg_tensor result);

/* ---- code of others ---------------------------------------------------------------------------------------------- */

/* A function that calls code of its user's while it records, an update of an optimizer say, stands between these two: in between the tape
 * may be recorded on, and not run, read, written, rewound, trimmed or freed, which is TG_ERR_ARGUMENT ("not from inside ..."), and
 * scopes that are begun must be ended. `name` says what is called: "an optimizer's update". The second one returns the tape's status. The
 * struct is the library's. A tape of NULL is fine. */
typedef struct tg_callback {
    tg_tape    *tape;
    const char *name, *within;
    bool        records;
    int         inside;
} tg_callback;

tg_callback tg_begin_callback(tg_tape *tape, const char *name);
tg_status   tg_end_callback(tg_callback callback);

/* For functions with several results, before the end: this is one of them. Returns it, or an invalid tensor. */
tg_tensor tg_keep_result(tg_scope scope, tg_tensor result);

/* ---- errors and checks: all return the tape's status -------------------------------------------------------------- */

/* Notes an error, unless there is one already: "file:line: name: " and the formatted text. TG_ERR_HANDLE for no tape. */
tg_status tg_fail(tg_tape *tape, tg_status status, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* x is a tensor that can be used on this tape; else TG_ERR_HANDLE: "name: the rate is stale: the tape was rewound past it", where
 * `role` is "the rate". */
tg_status tg_check_tensor(tg_tape *tape, const char *name, const char *role, tg_tensor x);

/* A function has at most so many operands that are checked together. */
enum { TG_MAX_OPERANDS = 8 };

/* What the operands of a function are, known before anything is recorded. */
typedef struct tg_operands {
    tg_tape    *tape; /* of the first operand that has one, or NULL; filled in whatever happens */
    const char *name; /* of the function, for its errors */
    int         count;
    bool        present[TG_MAX_OPERANDS]; /* false: it is TG_NONE */
    tg_type     type[TG_MAX_OPERANDS]; /* rank 0 for a plain number, with the dtype that it takes in an op, and for TG_NONE */
} tg_operands;

/* Fills *o in. The operands from x[required] on may be TG_NONE. TG_ERR_HANDLE for what cannot be used, and where all are plain
 * numbers, which have no tape; TG_ERR_DTYPE for a plain number that the dtype does not hold. */
tg_status tg_check_operands(tg_operands *o, const char *name, int required, int count, const tg_tensor *x);

/* Notes an error as tg_fail does, with the shapes of the operands present (and, for TG_ERR_DTYPE, their dtypes) before the text:
 * "name: (2, 3) x (4): ...". */
tg_status tg_refuse_operands(const tg_operands *o, tg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Those present among the first `count` operands are all float32, or all float64; else TG_ERR_DTYPE. */
tg_status tg_check_floating(const tg_operands *o, int count);

/* Operand i, if it is present, has this shape; else TG_ERR_SHAPE, in which `role` ("weight") stands for it. */
tg_status tg_check_shape(const tg_operands *o, int i, const char *role, tg_shape shape);

/* The operands present broadcast together, to *shape; else TG_ERR_SHAPE. */
tg_status tg_check_broadcast(const tg_operands *o, tg_shape *shape);

/* *axis is one of a tensor of that rank, and from now on counted from the front; else TG_ERR_SHAPE. */
tg_status tg_check_axis(const tg_operands *o, int rank, int *axis);

/* The option lies between `low` and `high`; else, and for NaN, TG_ERR_ARGUMENT: "name: momentum 1.5 is not in [0, 1)". An open
 * end is not included: [0, INFINITY) is all finite numbers from 0 on. */
typedef enum tg_interval { TG_CLOSED, TG_OPEN, TG_LEFT_OPEN, TG_RIGHT_OPEN } tg_interval;
tg_status tg_check_option(tg_tape *tape, const char *name, const char *option, double value, double low, double high,
                          tg_interval interval);

/* The shape that two shapes broadcast to, by NumPy's rule, goes to *both, which may be one of them; false when they do not. */
bool tg_broadcast_shapes(tg_shape a, tg_shape b, tg_shape *both);

/* Writes "(2, 3)" into `text`, for messages; returns it. */
enum { TG_SHAPE_TEXT = 256 };
const char *tg_shape_text(char text[TG_SHAPE_TEXT], tg_shape shape);

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* Records what the parameter w, whose gradient is g, becomes in a step, w <- update(w, g, rate, options), and returns it: of w's
 * dtype, in a shape that broadcasts to w's. It may use states of w's, and overwrite them by tg_assign. A step that needs no rate
 * ignores it. It records, and may do nothing else with the tape: see tg_begin_callback. */
typedef tg_tensor tg_update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options);

/* A step of an optimizer. */
typedef struct tg_step {
    const char      *name; /* of the function that the user called, for errors */
    tg_update       *update;
    const void      *options;    /* handed to `update` as it is; NULL when it needs none */
    tg_tensor        rate;       /* a plain number, or a tensor of rank 0, float32 or float64 */
    const tg_tensor *parameters; /* a group of parameters, `count` of them; NULL for all on the tape */
    const tg_tensor *gradients;  /* theirs, each of its parameter's shape and dtype; NULL for those of tg_grad */
    int              count;
} tg_step;

/* Records the step, in a scope of its own: tg_assign(w, update(w, g, rate, options)) for one parameter after the other. One
 * without a gradient, or frozen by tg_set_requires_grad, is passed over; TG_ERR_GRADIENT when there is no other. TG_ERR_HANDLE,
 * TG_ERR_SHAPE and TG_ERR_DTYPE for a rate, a parameter or a gradient that does not fit; TG_ERR_ARGUMENT for what cannot be
 * overwritten, and for gradients without parameters. */
tg_status tg_record_step(tg_tape *tape, const tg_step *step);

/* A tensor that an optimizer keeps for a parameter from one step to the next: zeros at first. It belongs to the parameter, lasts
 * as long, and is the same one whenever it is asked for, whatever was rewound in between. `kind` tells a parameter's states
 * apart, and is copied; for a parameter w and the kind "adam.m" the state is an input of the name "w.adam.m", recorded here where
 * it is not on the tape, that tg_write, tg_read and tg_assign work on as on any other. TG_ERR_NAME where that name is another
 * leaf's; TG_ERR_SHAPE, TG_ERR_DTYPE where the state is there with another shape or dtype; TG_ERR_ARGUMENT for what is no
 * parameter. */
tg_tensor tg_optimizer_state(tg_tensor parameter, const char *kind, tg_dtype dtype, tg_shape shape);

/* The same of the parameter's own dtype and shape. */
tg_tensor tg_optimizer_state_like(tg_tensor parameter, const char *kind);

/* ---- what a checkpoint holds ------------------------------------------------------------------------------------- */

/* Beside the parameters (tg_parameter_count, tg_parameter_at) these are the inputs, the optimizers' states and the generator. All
 * are tensors: tg_name, tg_dtype_of, tg_shape_of, tg_read and tg_write are for them too. */

/* The input recorded next after `after`, and the first one for TG_NONE; TG_NONE when there is none left. Inputs without a name
 * are among them, optimizers' states are not. */
tg_tensor tg_next_input(tg_tape *tape, tg_tensor after);

/* The same for the states of a parameter, in the order in which they were asked for first. One that is not on the tape at present
 * is recorded. To restore a state, ask tg_optimizer_state for it, and tg_write its value. */
tg_tensor tg_next_optimizer_state(tg_tensor parameter, tg_tensor after);

/* All that the tape's generator knows: the state of the Mersenne Twister MT19937 in NumPy's form, and a normal number that was
 * drawn together with another one and not yet given out. 2512 bytes without padding, in the machine's byte order. */
typedef struct tg_generator_state {
    uint32_t key[624];
    int32_t  position;    /* of the next word to be drawn, 0 to 624 */
    int32_t  has_normal;  /* 0 or 1: whether next_normal counts */
    double   next_normal; /* 0 when it does not */
} tg_generator_state;

/* Reads it; and puts one back, after which the same numbers are drawn as after it was read, on any tape. TG_ERR_ARGUMENT for a
 * position or a has_normal out of its range. */
tg_status tg_get_generator(tg_tape *tape, tg_generator_state *state);
tg_status tg_set_generator(tg_tape *tape, const tg_generator_state *state);

/* ---- for kernels ------------------------------------------------------------------------------------------------- */

/* Does units `from` .. `to` - 1 of a job, a part of a share; `share` is its number, from 0 on. The parts of a share are done one after
 * the other, by one thread: they may use the same memory. */
typedef void tg_units(const void *job, int share, int64_t from, int64_t to);

/* How many threads it may use: 1 where it is called for some rows, by threads of the run. */
int tg_kernel_threads(const tg_kernel_call *call);

/* In how many shares it pays to do the units of a kernel: at least 1, at most `units`, and the threads that the run may use.
 * `steps` says what one unit costs, in additions or so. */
int tg_share_count(const tg_kernel_call *call, int64_t units, double steps);

/* Does the units in at most that many shares, each on a thread of its own; returns when all are done. A share takes units, a few at
 * a time, as long as there are any: which ones a share gets is a matter of chance, and how many. What a unit gives must not depend on
 * the share it is in: then the result is the same for any number of threads. The units call nothing of the library's: tg_scratch,
 * tg_contiguous and tg_kernel_fail are for before and after. */
void tg_share_out(const tg_kernel_call *call, int shares, int64_t units, tg_units *work, const void *job);

/* Draw n numbers from the tape's generator, as tg_rand and tg_randn do for a tensor of n elements: uniform in [0, 1), standard
 * normal, float32 or float64; or words of 32 random bits, one of which goes into a uniform float32, two into a float64. Only for
 * ops that are marked as random: others fail. */
tg_status tg_draw_uniform(const tg_kernel_call *call, tg_dtype dtype, int64_t n, void *out);
tg_status tg_draw_normal(const tg_kernel_call *call, tg_dtype dtype, int64_t n, void *out);
tg_status tg_draw_bits(const tg_kernel_call *call, int64_t n, uint32_t *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_number(tape, ...) TG_TAPE_CALL(tg_number, tape, __VA_ARGS__)
#define tg_optimizer_state(parameter, ...) TG_CALL1_WITH(tg_optimizer_state, parameter, __VA_ARGS__)
#define tg_optimizer_state_like(parameter, ...) TG_CALL1_WITH(tg_optimizer_state_like, parameter, __VA_ARGS__)
#define tg_next_optimizer_state(parameter, after) TG_CALL2(tg_next_optimizer_state, parameter, after)
#define tg_get_generator(tape, ...) TG_TAPE_CALL(tg_get_generator, tape, __VA_ARGS__)
#define tg_set_generator(tape, ...) TG_TAPE_CALL(tg_set_generator, tape, __VA_ARGS__)

#endif
