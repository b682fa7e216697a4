/* tapegrad/ops.h: the formulas. Each function records one instruction, or a few, and returns its result.
 *
 * Every operand may be a plain number; it takes the dtype of the tensors beside it. Shapes broadcast as NumPy's: aligned
 * at the last axis, a size of 1 stretches. Dtypes must agree, or it is an error that names both. Every function here
 * returns an invalid tensor after an error and passes one on, so a formula is checked once, at its end. Unless said otherwise,
 * operands are float32 or float64, and the result has their dtype. All are differentiable to any order where a derivative
 * exists; what the gradient is where it does not is said with the function.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_OPS_H
#define TAPEGRAD_OPS_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- elementwise, one operand ------------------------------------------------------------------------------------ */

tg_tensor tg_neg(tg_tensor x);     /* -x; int64 too */
tg_tensor tg_abs(tg_tensor x);     /* |x|; int64 too. Gradient 0 at 0 */
tg_tensor tg_sign(tg_tensor x);    /* -1, 0 or 1; NaN for NaN; int64 too. Gradient 0 everywhere */
tg_tensor tg_square(tg_tensor x);  /* x^2; int64 too */
tg_tensor tg_sqrt(tg_tensor x);    /* square root; NaN below 0. Gradient infinite at 0 */
tg_tensor tg_exp(tg_tensor x);     /* e^x */
tg_tensor tg_log(tg_tensor x);     /* natural logarithm; -inf at 0, NaN below */
tg_tensor tg_log1p(tg_tensor x);   /* log(1 + x), exact for small x */
tg_tensor tg_expm1(tg_tensor x);   /* e^x - 1, exact for small x */
tg_tensor tg_sin(tg_tensor x);     /* sine, x in radians */
tg_tensor tg_cos(tg_tensor x);     /* cosine, x in radians */
tg_tensor tg_tanh(tg_tensor x);    /* hyperbolic tangent */
tg_tensor tg_sigmoid(tg_tensor x); /* 1 / (1 + e^-x); 0 and 1 at the extremes */
tg_tensor tg_relu(tg_tensor x);    /* max(x, 0); NaN for NaN; int64 too. Gradient 0 at 0, 1 at NaN */

#define tg_neg(x) TGI_CALL1(tg_neg, x)
#define tg_abs(x) TGI_CALL1(tg_abs, x)
#define tg_sign(x) TGI_CALL1(tg_sign, x)
#define tg_square(x) TGI_CALL1(tg_square, x)
#define tg_sqrt(x) TGI_CALL1(tg_sqrt, x)
#define tg_exp(x) TGI_CALL1(tg_exp, x)
#define tg_log(x) TGI_CALL1(tg_log, x)
#define tg_log1p(x) TGI_CALL1(tg_log1p, x)
#define tg_expm1(x) TGI_CALL1(tg_expm1, x)
#define tg_sin(x) TGI_CALL1(tg_sin, x)
#define tg_cos(x) TGI_CALL1(tg_cos, x)
#define tg_tanh(x) TGI_CALL1(tg_tanh, x)
#define tg_sigmoid(x) TGI_CALL1(tg_sigmoid, x)
#define tg_relu(x) TGI_CALL1(tg_relu, x)

/* ---- elementwise, two operands ----------------------------------------------------------------------------------- */

tg_tensor tg_add(tg_tensor a, tg_tensor b); /* a + b; int64 too, modulo 2^64 */
tg_tensor tg_sub(tg_tensor a, tg_tensor b); /* a - b; int64 too, modulo 2^64 */
tg_tensor tg_mul(tg_tensor a, tg_tensor b); /* a * b; int64 too, modulo 2^64 */
tg_tensor tg_div(tg_tensor a, tg_tensor b); /* a / b, IEEE 754: infinite or NaN where b is 0 */

/* a^b, as C's pow: NaN for a negative a and a b that is no integer; 0^0 is 1. The gradient for a is 0 where b is 0, that for b is
 * 0 where a is 0 and b is at least 0. */
tg_tensor tg_pow(tg_tensor a, tg_tensor b);

/* The smaller, the larger of the two; NaN if either is; int64 too. Where they are equal, each gets half of the gradient; where
 * one is NaN, both get it. */
tg_tensor tg_minimum(tg_tensor a, tg_tensor b);
tg_tensor tg_maximum(tg_tensor a, tg_tensor b);

#define tg_add(a, b) TGI_CALL2(tg_add, a, b)
#define tg_sub(a, b) TGI_CALL2(tg_sub, a, b)
#define tg_mul(a, b) TGI_CALL2(tg_mul, a, b)
#define tg_div(a, b) TGI_CALL2(tg_div, a, b)
#define tg_pow(a, b) TGI_CALL2(tg_pow, a, b)
#define tg_minimum(a, b) TGI_CALL2(tg_minimum, a, b)
#define tg_maximum(a, b) TGI_CALL2(tg_maximum, a, b)

/* ---- comparisons: the result is bool; no gradient flows ---------------------------------------------------------- */

/* Operands of any one dtype. All but tg_ne are false where either side is NaN; tg_ne is true there. */
tg_tensor tg_eq(tg_tensor a, tg_tensor b); /* a == b */
tg_tensor tg_ne(tg_tensor a, tg_tensor b); /* a != b */
tg_tensor tg_lt(tg_tensor a, tg_tensor b); /* a < b  */
tg_tensor tg_le(tg_tensor a, tg_tensor b); /* a <= b */
tg_tensor tg_gt(tg_tensor a, tg_tensor b); /* a > b  */
tg_tensor tg_ge(tg_tensor a, tg_tensor b); /* a >= b */

#define tg_eq(a, b) TGI_CALL2(tg_eq, a, b)
#define tg_ne(a, b) TGI_CALL2(tg_ne, a, b)
#define tg_lt(a, b) TGI_CALL2(tg_lt, a, b)
#define tg_le(a, b) TGI_CALL2(tg_le, a, b)
#define tg_gt(a, b) TGI_CALL2(tg_gt, a, b)
#define tg_ge(a, b) TGI_CALL2(tg_ge, a, b)

/* a where the bool tensor `condition` is true (a plain number: 0 or 1), b elsewhere; all three broadcast. a and b are of any one dtype, and at
 * least one of them is a tensor. Each gets the gradient of the elements taken from it, and exactly 0 for the others. */
tg_tensor tg_where(tg_tensor condition, tg_tensor a, tg_tensor b);
#define tg_where(condition, a, b) TGI_CALL3(tg_where, condition, a, b)

/* The same values in another dtype, from and to any of the four, as C converts: floating to int64 drops the fraction (NaN and
 * what is out of range become INT64_MIN), anything but 0 is true. The gradient is cast back; between floating dtypes only.
 * x itself where it has that dtype already. */
tg_tensor tg_cast(tg_tensor x, tg_dtype dtype);
#define tg_cast(x, ...) TGI_CALL1_WITH(tg_cast, x, __VA_ARGS__)

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* The matrix product, as NumPy's matmul: (..., m, k) x (..., k, n) gives (..., m, n), the axes in front broadcast. An
 * operand of rank 1 is a row at the left, a column at the right, and its axis of size 1 is left out of the result: two of them
 * give their dot product, rank 0. Transposed operands are not copied. */
tg_tensor tg_matmul(tg_tensor a, tg_tensor b);
#define tg_matmul(a, b) TGI_CALL2(tg_matmul, a, b)

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* The sum of all elements, or over the given axes; with keepdim the reduced axes stay, with size 1. int64 too, modulo 2^64.
 * Empty sums are 0. Added up in a fixed order, in blocks, so that the rounding error grows with the logarithm of the
 * count. Over no axes, TG_AXES(), nothing is added up: every element is a sum of its own. */
tg_tensor tg_sum(tg_tensor x);
tg_tensor tg_sum_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The same, divided by the number of elements added up; NaN where there are none. */
tg_tensor tg_mean(tg_tensor x);
tg_tensor tg_mean_axes(tg_tensor x, tg_axes axes, bool keepdim);

#define tg_sum(x) TGI_CALL1(tg_sum, x)
#define tg_sum_axes(x, ...) TGI_CALL1_WITH(tg_sum_axes, x, __VA_ARGS__)
#define tg_mean(x) TGI_CALL1(tg_mean, x)
#define tg_mean_axes(x, ...) TGI_CALL1_WITH(tg_mean_axes, x, __VA_ARGS__)

/* ---- views: any dtype; the elements are not copied where strides can say it --------------------------------------- */

/* The same elements, in row-major order, in another shape of the same size. One size may be -1: what is left. */
tg_tensor tg_reshape(tg_tensor x, tg_shape shape);

/* The axes in another order: axis i of the result is axis axes[i] of x. Names every axis once. */
tg_tensor tg_permute(tg_tensor x, tg_axes axes);

/* The two axes exchanged; negative ones count from the end. tg_transpose(x, -1, -2) transposes matrices. */
tg_tensor tg_transpose(tg_tensor x, int axis0, int axis1);

/* x stretched to a shape that it broadcasts to. */
tg_tensor tg_broadcast_to(tg_tensor x, tg_shape shape);

#define tg_reshape(x, ...) TGI_CALL1_WITH(tg_reshape, x, __VA_ARGS__)
#define tg_permute(x, ...) TGI_CALL1_WITH(tg_permute, x, __VA_ARGS__)
#define tg_transpose(x, ...) TGI_CALL1_WITH(tg_transpose, x, __VA_ARGS__)
#define tg_broadcast_to(x, ...) TGI_CALL1_WITH(tg_broadcast_to, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
