/* tapegrad/grad.h: derivatives. They are recorded on the same tape, through the same ops, as the formula itself: a gradient
 * is a tensor like any other, to be read, put into a formula, or differentiated again.
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

/* Records the gradient of `loss`, a floating tensor of one element, for every parameter that it depends on. Several calls add
 * up: a parameter's gradient is then the sum, as PyTorch's, until tg_zero_grad. Reads the tape from the loss down, and walks
 * only paths that lead to a parameter. TG_ERR_GRADIENT where the loss depends on no parameter, or where a derivative needs a
 * leaf's value that a later tg_assign has overwritten: take the gradient before the assign. After an error the tape is as it
 * was. */
tg_status tg_backward(tg_tensor loss);

/* The gradient of all losses since the last tg_zero_grad for a parameter: same shape, same dtype, kept. TG_ERR_GRADIENT, and an
 * invalid tensor, for a parameter that has none, or for what is no parameter (see tg_vjp). */
tg_tensor tg_grad(tg_tensor parameter);

/* Whether tg_grad would give one. Never an error. */
bool tg_has_grad(tg_tensor parameter);

/* Forgets the gradients: the next tg_backward starts anew. Only for programs that call it more than once. */
tg_status tg_zero_grad(tg_tape *tape);

/* The vector-Jacobian product, the functional form of tg_backward: for each of the n inputs x_j, any tensors, leaves or not,
 *     grads[j] = sum over the m outputs y_i and their elements of  seeds[i] * dy_i / dx_j
 * with the shape and dtype of x_j; zeros for an input that no output depends on. seeds[i] broadcasts to the shape of y_i
 * and has its dtype; `seeds` may be NULL for ones. Touches no parameter's gradient. The results are kept. An input may be
 * computed from another one: each gets its whole gradient. `grads` may be the array of the inputs or of the outputs. After an error
 * the tape is as it was and every grads[j] is invalid. */
tg_status tg_vjp(tg_tape *tape, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n, const tg_tensor *inputs,
                 tg_tensor *grads);

/* The Jacobian-vector product: for each of the m outputs,
 *     results[i] = sum over the n inputs x_j and their elements of  dy_i / dx_j * tangents[j]
 * with the shape and dtype of y_i: how y_i changes when the inputs move along the tangents. tangents[j] broadcasts to the shape of x_j and
 * has its dtype; `tangents` may be NULL for ones. Costs about as much as two gradients, whatever the number of outputs. Inputs and
 * outputs are any floating tensors of one dtype. The results are kept; after an error they are invalid, and the tape is as it was. */
tg_status tg_jvp(tg_tape *tape, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m, const tg_tensor *outputs,
                 tg_tensor *results);

/* The Hessian-vector product of a loss (when it has several elements: of their sum): for each of the n inputs,
 *     results[i] = sum over the inputs x_j and their elements of  d2 loss / dx_i dx_j * vectors[j]
 * as the Jacobian-vector product of the gradient, without the Hessian. The results are kept; after an error as tg_jvp. */
tg_status tg_hvp(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results);

/* The Jacobian dy/dx as a tensor, of y's sizes and then x's: element [i][k] is dy[i] / dx[k], where i stands for as many
 * indices as y has axes, and k for as many as x has. y and x are any tensors of one floating dtype; zeros where y does not
 * depend on x. The tape grows by one backward walk an element of y; or, where x has fewer elements, by one walk through J^T u,
 * as tg_jvp's, an element of x (the rules of an op of your own must then record what has a derivative itself). Where both are
 * large take tg_read_jacobian, which records one walk in all. TG_ERR_SHAPE where the ranks add up to more than TG_MAX_RANK. */
tg_tensor tg_jacobian(tg_tensor y, tg_tensor x);

/* The Hessian of a loss (when it has several elements: of their sum) for x, of x's sizes twice, as the Jacobian of its
 * gradient. The tape grows by one walk through the gradient an element of x; for many take tg_read_hessian, which records one
 * in all. */
tg_tensor tg_hessian(tg_tensor loss, tg_tensor x);

/* Writes the Jacobian dy/dx into the caller's memory: for each element of y in turn, its derivatives for all elements of x, in the
 * dtype that both have. `count` must be tg_size(y) * tg_size(x). Runs what is pending; the tape is afterwards as it was. x is
 * any tensor. TG_ERR_GRADIENT where y depends on a leaf that the tape assigns. */
tg_status tg_read_jacobian(tg_tensor y, tg_tensor x, void *values, int64_t count);

/* Writes the Hessian of a loss (when it has several elements: of their sum) for x in the same way: `count` is tg_size(x) squared. */
tg_status tg_read_hessian(tg_tensor loss, tg_tensor x, void *values, int64_t count);

/* The terms of a gradient check, 0 (or less) for the usual ones, and what it found. */
typedef struct tg_gradcheck_report {
    double step;  /* of the central difference, relative to max(1, |x|); usually 6e-6 (the cube root of the rounding unit) */
    double rtol;  /* passes when |recorded - measured| <= atol + rtol * |measured|; usually 1e-6 */
    double atol;  /* usually 1e-6 */
    int    order; /* checks the derivatives up to this order; usually 1 */

    int     worst_order;        /* of the element with the largest difference for its tolerance */
    int     worst_input;        /* its index in `inputs` */
    int64_t worst_element;      /* its row-major index in that input */
    double  recorded, measured; /* the derivative from the tape, and from central differences */
    double  error;              /* |recorded - measured| / (atol + rtol * |measured|): at most 1 when all is well */
    int64_t count;              /* how many derivatives were compared */
} tg_gradcheck_report;

/* Compares the gradients that the tape records with central differences: for each element of each of the n inputs, leaves of
 * dtype float64 in the tape's own memory, it moves the element, runs again what y needs, and sees how far y moves. y is any
 * float64 tensor computed from them; one with several elements is weighted with fixed numbers and summed. For order 2 the same
 * is done to the gradient, and so on. TG_OK when all agree; else TG_ERR_GRADIENT, and tg_error describes the worst element.
 * `report` gives the terms and takes the findings; NULL for the usual terms. y may not depend on a leaf that the tape assigns,
 * nor on an input by way of a random op; what tg_dropout drew stays as it is. Afterwards the tape and all values on it are as
 * they were. */
tg_status tg_gradcheck(tg_tensor y, int n, const tg_tensor *inputs, tg_gradcheck_report *report);

/* ---- less memory ------------------------------------------------------------------------------------------------- */

/* A part of a formula, recorded by a function of the user's: it returns a tensor that it records from those at `x`. */
typedef tg_tensor tg_stretch(const tg_tensor *x, void *context);

/* Gradient checkpointing: records stretch(x, context), whose value is the result, but keeps nothing of what lies between `x` and the result. A
 * backward walk that needs it records the stretch again, so that it is computed a second time; the gradients are the same, to
 * the bit, and can be differentiated further. A chain of n steps in stretches of about sqrt(n) needs memory for some 2 sqrt(n) of
 * their values instead of n.
 *
 * Gradients flow to the `count` tensors at `x` and nowhere else: a parameter that the stretch uses must be among them, or it is
 * TG_ERR_GRADIENT. Each time the stretch must record the same: it draws no numbers, assigns nothing, and makes no inputs or parameters
 * (TG_ERR_ARGUMENT). `context` is handed to it as it is, and must stay valid until the last derivative is recorded. (The method:
 * A. Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation", 1992.) */
tg_tensor tg_checkpoint(tg_tape *tape, tg_stretch *stretch, void *context, int count, const tg_tensor *x);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_checkpoint(tape, ...) TGI_TAPE_CALL(tg_checkpoint, tape, __VA_ARGS__)
#define tg_backward(loss) TGI_CALL1(tg_backward, loss)
#define tg_grad(parameter) TGI_CALL1(tg_grad, parameter)
#define tg_zero_grad(tape) (tg_zero_grad)(TGI_AT(tape))
#define tg_vjp(tape, ...) TGI_TAPE_CALL(tg_vjp, tape, __VA_ARGS__)
#define tg_jvp(tape, ...) TGI_TAPE_CALL(tg_jvp, tape, __VA_ARGS__)
#define tg_hvp(loss, ...) TGI_CALL1_WITH(tg_hvp, loss, __VA_ARGS__)
#define tg_jacobian(y, x) TGI_CALL2(tg_jacobian, y, x)
#define tg_hessian(loss, x) TGI_CALL2(tg_hessian, loss, x)
#define tg_read_jacobian(y, ...) TGI_CALL1_WITH(tg_read_jacobian, y, __VA_ARGS__)
#define tg_read_hessian(loss, ...) TGI_CALL1_WITH(tg_read_hessian, loss, __VA_ARGS__)
#define tg_gradcheck(y, ...) TGI_CALL1_WITH(tg_gradcheck, y, __VA_ARGS__)

#endif
