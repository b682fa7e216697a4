/* tapegrad/loop.h: loops: a body that is recorded once, and runs for each step.
 *
 * A loop of n steps that is written in C records its body n times: 1,000 steps of an integrator are 1,000 times the instructions, and
 * so are their derivatives. A loop that is one instruction costs one recording of its body, whatever n is, and the memory of one step,
 * beside the states that its derivative needs.
 *
 *     static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
 *         const tg_tensor *w = context;
 *         state[0] = tg_tanh(tg_add(tg_matmul(w[0], state[0]), x[0]));
 *         y[0] = state[0];
 *     }
 *
 *     tg_tensor h = tg_full(tape, TG_F32, TG_SHAPE(16), 0), outputs;
 *     tg_scan(tape, &(tg_loop_spec){.body = step, .context = &w, .steps = 100, .states = 1, .state = &h,
 *                                   .inputs = 1, .x = &sequence, .outputs = 1, .y = &outputs});
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_LOOP_H
#define TAPEGRAD_LOOP_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Records one step of a loop. state[i] is the i-th state before the step, and x[j] the j-th input of this step; the function puts the state
 * after the step into state[i], and what the step gives into y[k]. It is called when the loop is recorded, once, or with a limit of memory
 * for each level. It may use any tensors from before the loop, which are the same in all steps, and take derivatives: of what it records,
 * for its states and inputs, or of what stands before the loop, for what stands there too. Like a checkpointed function it draws no
 * numbers, assigns nothing, makes no inputs or parameters (TG_ERR_ARGUMENT), and does not run, read, write or rewind the tape. What it
 * records belongs to the loop: only states and outputs can be used outside. */
typedef void tg_loop_body(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context);

/* Records whether a loop goes on, a bool of rank 0, from its states. What holds for the body of a loop holds for it. */
typedef tg_tensor tg_loop_condition(tg_tape *tape, const tg_tensor *state, void *context);

typedef struct tg_loop_spec {
    tg_loop_body *body;
    void         *context; /* for the body and the condition; it need not outlive the call */
    int64_t       steps;
    int           states, inputs, outputs;

    tg_tensor       *state; /* before the first step; the call replaces them with those after the last one */
    const tg_tensor *x;     /* with the steps along the first axis: step t gets x[j][t] */
    tg_tensor       *y;     /* the call fills them in: what the steps gave, along a new first axis, y[k][t] from step t */

    bool reverse; /* the last step is done first: for t = steps - 1 .. 0 */

    /* The most memory, in bytes, for states that are kept for the derivative; 0 for no limit: one state of each step, and what its
     * products came to. With less, the steps are done in loops within a loop, of which only the states between them are kept, and the
     * rest is computed once more for each level: with l levels about l * steps^(1 / l) states are there at a time. */
    size_t memory;

    tg_loop_condition *condition; /* while it is true a step is done, but not more than `steps`; NULL: all are done */
    tg_tensor         *done;      /* or NULL; the call fills it in: how many steps were done, int64 of rank 0 */
} tg_loop_spec;

/* Records a loop: for t = 0 .. steps - 1
 *     (state, y[t]) = body(state, x[t])
 * It is one instruction, made of the same kernels as the steps would be if they were recorded one by one, and gives the same bits. Its
 * derivatives are loops in their turn, to any order; a gradient is summed over the steps from the last to the first, and within a limit of
 * memory over those of a segment first. Forward mode (tg_jvp) computes the steps once more, with their tangents, and keeps nothing of them.
 *
 * States and outputs have one dtype, and at most 7 axes; a state has the same shape before and after a step; the inputs, of any dtype,
 * have the first axis `steps` (TG_ERR_SHAPE, TG_ERR_DTYPE). There is a state or an output at least. States after the last step and
 * outputs are kept. After an error the states are as they were, the outputs are invalid, and the tape is as it was before. A loop may stand
 * in the body of another.
 *
 * With a condition it is a while loop with a bound: before each step the condition is looked at, and where it is false the loop ends. The
 * states are then those of that moment, the outputs of the steps that are not done are 0, and the derivative is that of the steps that
 * were done; how many these are is not differentiated. What is kept for the derivative has room for all steps. Such a loop has states,
 * goes forward (TG_ERR_ARGUMENT), and its dtype can count the steps: it is not bool, and float32 counts 2^24 (TG_ERR_DTYPE).
 *
 *     static tg_tensor is_far(tg_tape *tape, const tg_tensor *state, void *context) {
 *         return tg_gt(tg_abs(tg_sub(tg_square(state[0]), *(tg_tensor *)context)), 1e-12);
 *     }
 *
 *     tg_tensor root = tg_full(tape, TG_F64, TG_SHAPE(), 1);
 *     tg_scan(tape, &(tg_loop_spec){.body = newton, .condition = is_far, .context = &a, .steps = 100, .states = 1, .state = &root});
 *
 * (The levels: A. Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation",
 * 1992.) */
tg_status tg_scan(tg_tape *tape, const tg_loop_spec *spec);

/* Records what a function gives for one part of its operands: x[j] of each operand, y[k] of each result. What holds for the body of a loop
 * holds for it. */
typedef void tg_map_body(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context);

/* Applies a function of parts to each part along an axis, as vmap does: of each of the n operands, which have the same size along `axis`
 * (TG_ERR_SHAPE), `body` gets x[j] without it; what it puts into y[k] is along a new first axis of the k-th of the m results. Results have
 * one dtype and are kept; after an error they are invalid.
 *
 * Where every op of the body that depends on the part has a rule for batches (tg_op.batch), as nearly all of the library's have, ops for all
 * parts at once are recorded: a hundred products of a matrix with a vector are one of two matrices. What is the same for all parts is
 * computed once. Many parts are done some at a time, so that values in between take some 32 MB. Products and sums may then differ from
 * those of a single part in the last places. Else it is a tg_scan without states. */
tg_status tg_map(tg_tape *tape, tg_map_body *body, void *context, int axis, int n, const tg_tensor *x, int m, tg_tensor *y);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_scan(tape, ...) TG_TAPE_CALL(tg_scan, tape, __VA_ARGS__)
#define tg_map(tape, ...) TG_TAPE_CALL(tg_map, tape, __VA_ARGS__)

#endif
