/* tapegrad/grad.h: derivatives, their check, and checkpointing.
 *
 * Derivatives are recorded on the same tape and by the same ops as the formula. A gradient is a tensor like any other: it can be
 * read, used in a formula, and differentiated again.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_GRAD_H
#define TAPEGRAD_GRAD_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Records the gradient of `loss`, a floating tensor of one element, for every parameter that it depends on. Further calls add to
 * the gradients, as in PyTorch, until tg_zero_grad; in a part of the tape (tg_begin_part) to those of the same part alone.
 * TG_ERR_SHAPE if the loss has not one element. TG_ERR_GRADIENT if it depends on no parameter, or if a derivative needs a leaf's
 * value that a later tg_assign has overwritten: call tg_backward before the assign. After an error the tape is as it was before. */
tg_status tg_backward(tg_tensor loss);

/* Called in the middle of a backward walk: this is the gradient of that parameter, complete. What it returns takes the gradient's place,
 * and has its dtype and shape (TG_ERR_GRADIENT); TG_NONE leaves the parameter without a gradient of this loss, until
 * tg_set_grad gives it another. It may record, and do nothing else with the tape, as a gradient rule.
 * `context` is passed on. */
typedef tg_tensor tg_gradient_hook(tg_tensor parameter, tg_tensor gradient, void *context);

/* tg_backward with a hook, which it calls for each parameter that the loss depends on, once, as soon as the walk has been at all that
 * reads the parameter: what the hook records stands before the gradients of what comes earlier in the formula, so that it can
 * begin something that goes on while these are computed. The gradient that it sees is this loss's alone, not yet added to that of earlier
 * calls. The parameters come in the order in which they are complete, which is the same each time the same is recorded. Errors as in
 * tg_backward; NULL stands for no hook. */
tg_status tg_backward_with(tg_tensor loss, tg_gradient_hook *hook, void *context);

/* The gradient for a parameter, summed over the calls of tg_backward since the last tg_zero_grad: a tensor of its shape and dtype,
 * which is kept. TG_ERR_GRADIENT and an invalid tensor for a parameter without a gradient, and for a tensor that is not a
 * parameter: tg_vjp differentiates for those. */
tg_tensor tg_grad(tg_tensor parameter);

/* Whether the parameter has a gradient. Never an error. */
bool tg_has_grad(tg_tensor parameter);

/* Forgets the gradients of all parameters. Only programs that call tg_backward twice, in one part of the tape and without a rewind
 * between, need it. */
tg_status tg_zero_grad(tg_tape *tape);

/* From now on g is the parameter's gradient: what tg_grad returns and optimizers use, until the next tg_backward adds to it. g is a
 * tensor of the parameter's dtype, or a plain number, and broadcasts to its shape (TG_ERR_SHAPE, TG_ERR_DTYPE); TG_NONE leaves the
 * parameter without a gradient. A rewind undoes it. TG_ERR_ARGUMENT for a tensor that is not a parameter. */
tg_status tg_set_grad(tg_tensor parameter, tg_tensor g);

/* Freezes a parameter, or thaws it: as long as `on` is false tg_backward gives it no gradient, and takes it for a constant, in
 * formulas that were recorded before too; and an optimizer's step that is recorded passes it over. Gradients and steps that are on the
 * tape already go on as they are. A rewind does not undo it. TG_ERR_ARGUMENT for a tensor that is not a parameter. */
tg_status tg_set_requires_grad(tg_tensor parameter, bool on);

/* Whether the parameter is frozen. False for everything else; never an error. */
bool tg_is_frozen(tg_tensor parameter);

/* The vector-Jacobian product, the functional form of tg_backward: for each of the n inputs x_j
 *     grads[j] = sum over the m outputs y_i and their elements of  seeds[i] * dy_i / dx_j
 * with the shape and dtype of x_j; zeros for an input that no output depends on. Inputs are any floating tensors, leaves or not.
 * seeds[i] has the dtype of y_i and broadcasts to its shape; `seeds` may be NULL for ones. The gradients of parameters (tg_grad) do
 * not change. The results are kept. An input may be computed from another input: each gets its whole gradient. `grads` may be the
 * same array as `inputs` or `outputs`. After an error the tape is as it was before, and every grads[j] is invalid. */
tg_status tg_vjp(tg_tape *tape, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n, const tg_tensor *inputs,
                 tg_tensor *grads);

/* The Jacobian-vector product: for each of the m outputs,
 *     results[i] = sum over the n inputs x_j and their elements of  dy_i / dx_j * tangents[j]
 * with the shape and dtype of y_i: the change of y_i when the inputs move along the tangents. tangents[j] has the dtype of x_j and
 * broadcasts to its shape; `tangents` may be NULL for ones. The cost is about that of the formulas once more, for any number of outputs.
 * Inputs and outputs are any floating tensors of one dtype. The results are kept. After an error they are invalid, and the tape is
 * as it was before. (The method: forward mode. An op that is neither elementwise nor linear, and no loop, has two backward passes over it
 * alone, J v as the gradient of J^T u for u.) */
tg_status tg_jvp(tg_tape *tape, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m, const tg_tensor *outputs,
                 tg_tensor *results);

/* tg_vjp and tg_jvp for several seeds, or tangents, at once, which stand along a first axis of `count`: seeds[i] has the shape of y_i
 * behind it, tangents[j] that of x_j, and so have the results: grads[j] that of x_j, results[i] that of y_i. Outputs and inputs have one
 * dtype. It is a tg_map (tapegrad/loop.h) over the axis: recorded once, and done for all seeds at once where the ops allow it, products of
 * matrices with vectors as products of matrices. So sums and products may differ in the last places from those of one seed. Errors as in
 * tg_vjp; TG_ERR_SHAPE for a seed or a tangent of another shape, which must not be left out here. */
tg_status tg_vjp_batch(tg_tape *tape, int64_t count, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n,
                       const tg_tensor *inputs, tg_tensor *grads);
tg_status tg_jvp_batch(tg_tape *tape, int64_t count, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m,
                       const tg_tensor *outputs, tg_tensor *results);

/* The Hessian-vector product of a loss (of its sum, if it has several elements): for each of the n inputs
 *     results[i] = sum over the inputs x_j and their elements of  d2 loss / dx_i dx_j * vectors[j]
 * computed without the Hessian, as the gradient of the product of gradient and vectors. vectors[j] has the dtype of x_j and
 * broadcasts to its shape; `vectors` may be NULL for ones. Results and errors as in tg_jvp. */
tg_status tg_hvp(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results);

/* The Jacobian dy/dx as a tensor that has the sizes of y and then those of x: element [i][k] is dy[i] / dx[k], where i stands for
 * the indices of y, and k for those of x. y and x are any tensors of one floating dtype. Zeros where y does not depend on x. It is made
 * by backward mode of the elements of y, or, if x has fewer elements, by forward mode of those of x: of up to 32 with a pass recorded for
 * each, of more by a loop (tapegrad/loop.h), whose pass is recorded once. TG_ERR_SHAPE if the ranks add up to more than TG_MAX_RANK. */
tg_tensor tg_jacobian(tg_tensor y, tg_tensor x);

/* The Hessian of a loss (of its sum, if it has several elements) for x, as the Jacobian of its gradient: a tensor that has the
 * sizes of x twice. Errors as in tg_jacobian. */
tg_tensor tg_hessian(tg_tensor loss, tg_tensor x);

/* Writes the Jacobian dy/dx to the caller's memory, row-major: for each element of y its derivatives for all elements of x, in the
 * dtype that both have. `count` must be tg_size(y) * tg_size(x) (TG_ERR_SHAPE). Runs what is pending. Afterwards the tape is as it
 * was before. TG_ERR_GRADIENT if y depends on a leaf that is assigned on the tape. */
tg_status tg_read_jacobian(tg_tensor y, tg_tensor x, void *values, int64_t count);

/* Writes the Hessian of a loss (of its sum, if it has several elements) for x in the same way: `count` is tg_size(x) squared. */
tg_status tg_read_hessian(tg_tensor loss, tg_tensor x, void *values, int64_t count);

/* ---- the gradient check ------------------------------------------------------------------------------------------ */

/* The tolerances of a gradient check, where 0 means the default, and its findings. */
typedef struct tg_gradcheck_report {
    double step;  /* of the central difference, relative to max(1, |x|); default 6e-6, the cube root of the rounding unit */
    double rtol;  /* a derivative passes if |recorded - measured| <= atol + rtol * |measured|; default 1e-6 */
    double atol;  /* default 1e-6 */
    int    order; /* derivatives are checked up to this order; default 1 */

    /* Findings: */
    int     worst_order;        /* the order of the worst derivative: the one with the largest `error` */
    int     worst_input;        /* its index in `inputs` */
    int64_t worst_element;      /* its row-major index in that input */
    double  recorded, measured; /* its value from the tape, and from central differences */
    double  error;              /* |recorded - measured| / (atol + rtol * |measured|): at most 1 if all derivatives pass */
    int64_t count;              /* the number of derivatives that were compared */
} tg_gradcheck_report;

/* Compares the gradients that the tape records with central differences. For each element of each of the n inputs, which are leaves
 * of dtype float64 in the tape's own memory, it changes the element, runs again what y needs, and measures the change of y. y is
 * any float64 tensor that is computed from the inputs; one with several elements is multiplied by fixed weights and summed. For
 * order 2 the same is done to the gradient, and so on. TG_OK if all derivatives pass; else TG_ERR_GRADIENT, and tg_error describes
 * the worst one. `report` gives the tolerances and receives the findings; it may be NULL for the defaults. y may not depend on a
 * leaf that is assigned on the tape, nor on an input through a random op; what tg_dropout drew is not drawn again. Afterwards the
 * tape and all values on it are as they were before. */
tg_status tg_gradcheck(tg_tensor y, int n, const tg_tensor *inputs, tg_gradcheck_report *report);

/* ---- less memory ------------------------------------------------------------------------------------------------- */

/* A function of the user's that records a part of a formula from the tensors x[0], x[1], ... and returns its result. */
typedef tg_tensor tg_segment(const tg_tensor *x, void *context);

/* Gradient checkpointing: records segment(x, context) and returns its result, but does not store the values between `x` and the
 * result for the backward pass. When a derivative needs them, the function is called again, and they are computed a second time.
 * The gradients have the same bits, and can be differentiated further. A chain of n steps, in checkpoints of about sqrt(n) steps,
 * needs memory for about 2 sqrt(n) values instead of n.
 *
 * Gradients flow to the `count` tensors at `x` only: a parameter that the function uses must be one of them (TG_ERR_GRADIENT). The
 * function must record the same each time: it draws no numbers, assigns nothing, and makes no inputs or parameters
 * (TG_ERR_ARGUMENT); and like a gradient rule it does not run, read, write or rewind the tape, clear its error or free it. `context` is passed to it unchanged, and must stay valid until the last derivative is recorded. (The method:
 * A. Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation", 1992.) */
tg_tensor tg_checkpoint(tg_tape *tape, tg_segment *segment, void *context, int count, const tg_tensor *x);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_checkpoint(tape, ...) TG_TAPE_CALL(tg_checkpoint, tape, __VA_ARGS__)
#define tg_backward(loss) TG_CALL1(tg_backward, loss)
#define tg_backward_with(loss, ...) TG_CALL1_WITH(tg_backward_with, loss, __VA_ARGS__)
#define tg_grad(parameter) TG_CALL1(tg_grad, parameter)
#define tg_zero_grad(tape) (tg_zero_grad)(TG_AT(tape))
#define tg_set_grad(parameter, g) TG_CALL2(tg_set_grad, parameter, g)
#define tg_set_requires_grad(parameter, ...) TG_CALL1_WITH(tg_set_requires_grad, parameter, __VA_ARGS__)
#define tg_vjp(tape, ...) TG_TAPE_CALL(tg_vjp, tape, __VA_ARGS__)
#define tg_jvp(tape, ...) TG_TAPE_CALL(tg_jvp, tape, __VA_ARGS__)
#define tg_vjp_batch(tape, ...) TG_TAPE_CALL(tg_vjp_batch, tape, __VA_ARGS__)
#define tg_jvp_batch(tape, ...) TG_TAPE_CALL(tg_jvp_batch, tape, __VA_ARGS__)
#define tg_hvp(loss, ...) TG_CALL1_WITH(tg_hvp, loss, __VA_ARGS__)
#define tg_jacobian(y, x) TG_CALL2(tg_jacobian, y, x)
#define tg_hessian(loss, x) TG_CALL2(tg_hessian, loss, x)
#define tg_read_jacobian(y, x, ...) TGI_ELEMENTS_CALL2(tg_read_jacobian, "read_jacobian", y, x, __VA_ARGS__)
#define tg_read_hessian(loss, x, ...) TGI_ELEMENTS_CALL2(tg_read_hessian, "read_hessian", loss, x, __VA_ARGS__)
#define tg_gradcheck(y, ...) TG_CALL1_WITH(tg_gradcheck, y, __VA_ARGS__)

#endif
