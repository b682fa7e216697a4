/* tapegrad/ops.h: arithmetic, functions, comparisons, the matrix product, reductions, reshaping. Each function records one
 * instruction, or a few, and returns the result.
 *
 * Operands. Every operand may be a plain number: it takes the dtype of the tensors beside it. Shapes broadcast as in NumPy: they
 * are aligned at the last axis, and a size of 1 is repeated. Unless said otherwise, operands are float32 or float64, all of one
 * dtype, and the result has that dtype. "int64 too" means that the function also takes int64.
 *
 * Errors. TG_ERR_DTYPE for dtypes that differ or are not taken, TG_ERR_SHAPE for shapes that do not broadcast and for axes that do
 * not exist or are named twice. After an error a function returns an invalid tensor, and a function of an invalid tensor returns
 * one too. So a formula is checked once, at its end.
 *
 * Gradients. All functions are differentiable to any order where a derivative exists. Where it does not, the gradient is the value
 * of its formula, unless another one is given here. docs/numerics.md has a table.
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

tg_tensor tg_neg(tg_tensor x);        /* -x; int64 too */
tg_tensor tg_abs(tg_tensor x);        /* |x|; int64 too. Gradient 0 at 0 */
tg_tensor tg_sign(tg_tensor x);       /* -1, 0 or 1; NaN for NaN; int64 too. Gradient 0 */
tg_tensor tg_square(tg_tensor x);     /* x^2; int64 too */
tg_tensor tg_sqrt(tg_tensor x);       /* square root; NaN below 0. Gradient infinite at 0 */
tg_tensor tg_exp(tg_tensor x);        /* e^x */
tg_tensor tg_log(tg_tensor x);        /* natural logarithm; -inf at 0, NaN below 0 */
tg_tensor tg_log1p(tg_tensor x);      /* log(1 + x), accurate for small x; -inf at -1, NaN below -1 */
tg_tensor tg_expm1(tg_tensor x);      /* e^x - 1, accurate for small x */
tg_tensor tg_sin(tg_tensor x);        /* sine, x in radians */
tg_tensor tg_cos(tg_tensor x);        /* cosine, x in radians */
tg_tensor tg_tanh(tg_tensor x);       /* hyperbolic tangent */
tg_tensor tg_sigmoid(tg_tensor x);    /* 1 / (1 + e^-x); 0 at -inf, 1 at inf */
tg_tensor tg_relu(tg_tensor x);       /* max(x, 0); NaN for NaN; int64 too. Gradient 0 at 0, 1 at NaN */
tg_tensor tg_reciprocal(tg_tensor x); /* 1 / x; infinite at 0 */
tg_tensor tg_rsqrt(tg_tensor x);      /* 1 / sqrt(x); infinite at 0, NaN below 0 */
tg_tensor tg_cbrt(tg_tensor x);       /* cube root; negative for negative x. Gradient infinite at 0 */
tg_tensor tg_exp2(tg_tensor x);       /* 2^x */
tg_tensor tg_log2(tg_tensor x);       /* logarithm to base 2; -inf at 0, NaN below 0 */
tg_tensor tg_log10(tg_tensor x);      /* logarithm to base 10; -inf at 0, NaN below 0 */
tg_tensor tg_tan(tg_tensor x);        /* tangent, x in radians */
tg_tensor tg_asin(tg_tensor x);       /* arcsine; NaN outside [-1, 1]. Gradient infinite at -1 and 1 */
tg_tensor tg_acos(tg_tensor x);       /* arccosine; NaN outside [-1, 1]. Gradient infinite at -1 and 1 */
tg_tensor tg_atan(tg_tensor x);       /* arctangent, between -pi/2 and pi/2 */
tg_tensor tg_sinh(tg_tensor x);       /* hyperbolic sine */
tg_tensor tg_cosh(tg_tensor x);       /* hyperbolic cosine */
tg_tensor tg_asinh(tg_tensor x);      /* inverse of sinh */
tg_tensor tg_acosh(tg_tensor x);      /* inverse of cosh; NaN below 1. Gradient infinite at 1 */
tg_tensor tg_atanh(tg_tensor x);      /* inverse of tanh; infinite at -1 and 1, NaN outside [-1, 1] */
tg_tensor tg_erf(tg_tensor x);        /* error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x */
tg_tensor tg_erfc(tg_tensor x);       /* 1 - erf(x), accurate where erf(x) is near 1 */
tg_tensor tg_erfinv(tg_tensor x);     /* inverse of erf; infinite at -1 and 1, NaN outside [-1, 1]. Gradient infinite at -1 and 1 */
tg_tensor tg_lgamma(tg_tensor x);     /* log |Gamma(x)|; infinite at 0, -1, -2, ... */
tg_tensor tg_digamma(tg_tensor x);    /* derivative of lgamma; -inf at 0, inf at -0.0, NaN at -1, -2, ... */
tg_tensor tg_floor(tg_tensor x);      /* rounds down; int64 too. Gradient 0 */
tg_tensor tg_ceil(tg_tensor x);       /* rounds up; int64 too. Gradient 0 */
tg_tensor tg_round(tg_tensor x);      /* rounds to the nearest integer, ties to the even one; int64 too. Gradient 0 */
tg_tensor tg_trunc(tg_tensor x);      /* rounds towards 0; int64 too. Gradient 0 */

/* The derivative of digamma of the given order; order 0 is digamma itself. Infinite at 0, -1, -2, ...: the limit from the right.
 * TG_ERR_ARGUMENT for a negative order. */
tg_tensor tg_polygamma(int order, tg_tensor x);

#define tg_neg(x) TG_CALL1(tg_neg, x)
#define tg_abs(x) TG_CALL1(tg_abs, x)
#define tg_sign(x) TG_CALL1(tg_sign, x)
#define tg_square(x) TG_CALL1(tg_square, x)
#define tg_sqrt(x) TG_CALL1(tg_sqrt, x)
#define tg_exp(x) TG_CALL1(tg_exp, x)
#define tg_log(x) TG_CALL1(tg_log, x)
#define tg_log1p(x) TG_CALL1(tg_log1p, x)
#define tg_expm1(x) TG_CALL1(tg_expm1, x)
#define tg_sin(x) TG_CALL1(tg_sin, x)
#define tg_cos(x) TG_CALL1(tg_cos, x)
#define tg_tanh(x) TG_CALL1(tg_tanh, x)
#define tg_sigmoid(x) TG_CALL1(tg_sigmoid, x)
#define tg_relu(x) TG_CALL1(tg_relu, x)
#define tg_reciprocal(x) TG_CALL1(tg_reciprocal, x)
#define tg_rsqrt(x) TG_CALL1(tg_rsqrt, x)
#define tg_cbrt(x) TG_CALL1(tg_cbrt, x)
#define tg_exp2(x) TG_CALL1(tg_exp2, x)
#define tg_log2(x) TG_CALL1(tg_log2, x)
#define tg_log10(x) TG_CALL1(tg_log10, x)
#define tg_tan(x) TG_CALL1(tg_tan, x)
#define tg_asin(x) TG_CALL1(tg_asin, x)
#define tg_acos(x) TG_CALL1(tg_acos, x)
#define tg_atan(x) TG_CALL1(tg_atan, x)
#define tg_sinh(x) TG_CALL1(tg_sinh, x)
#define tg_cosh(x) TG_CALL1(tg_cosh, x)
#define tg_asinh(x) TG_CALL1(tg_asinh, x)
#define tg_acosh(x) TG_CALL1(tg_acosh, x)
#define tg_atanh(x) TG_CALL1(tg_atanh, x)
#define tg_erf(x) TG_CALL1(tg_erf, x)
#define tg_erfc(x) TG_CALL1(tg_erfc, x)
#define tg_erfinv(x) TG_CALL1(tg_erfinv, x)
#define tg_lgamma(x) TG_CALL1(tg_lgamma, x)
#define tg_digamma(x) TG_CALL1(tg_digamma, x)
#define tg_floor(x) TG_CALL1(tg_floor, x)
#define tg_ceil(x) TG_CALL1(tg_ceil, x)
#define tg_round(x) TG_CALL1(tg_round, x)
#define tg_trunc(x) TG_CALL1(tg_trunc, x)

static inline tg_tensor tgi_polygamma(tg_tensor x, int order) {
    return tg_polygamma(order, x);
}
#define tg_polygamma(order, x) TG_CALL1_WITH(tgi_polygamma, x, order)

/* ---- elementwise, two operands ----------------------------------------------------------------------------------- */

tg_tensor tg_add(tg_tensor a, tg_tensor b); /* a + b; int64 too, modulo 2^64 */
tg_tensor tg_sub(tg_tensor a, tg_tensor b); /* a - b; int64 too, modulo 2^64 */
tg_tensor tg_mul(tg_tensor a, tg_tensor b); /* a * b; int64 too, modulo 2^64 */
tg_tensor tg_div(tg_tensor a, tg_tensor b); /* a / b, IEEE 754: infinite or NaN where b is 0 */

/* a^b, as C's pow: NaN for a negative a and a b that is not an integer; 0^0 is 1. The gradient for a is 0 where b is 0. The
 * gradient for b is 0 where a is 0 and b is at least 0. */
tg_tensor tg_pow(tg_tensor a, tg_tensor b);

/* The smaller and the larger of a and b; NaN if either is NaN; int64 too. Where a and b are equal, each gets half of the gradient.
 * Where one is NaN, both get the whole gradient. */
tg_tensor tg_minimum(tg_tensor a, tg_tensor b);
tg_tensor tg_maximum(tg_tensor a, tg_tensor b);

/* The angle of the point (b, a) in radians, from -pi to pi, as C's atan2(a, b). Gradients 0 where both are 0. */
tg_tensor tg_atan2(tg_tensor a, tg_tensor b);

/* sqrt(a^2 + b^2), without overflow. Gradients NaN where both are 0. */
tg_tensor tg_hypot(tg_tensor a, tg_tensor b);

/* log(e^a + e^b), without overflow. Where both are the same infinity, each gets half of the gradient. */
tg_tensor tg_logaddexp(tg_tensor a, tg_tensor b);

/* The remainder of a / b. fmod has the sign of a, as in C; remainder has the sign of b, as Python's %. NaN where b is 0. int64 too,
 * with 0 where b is 0. The gradient for a is 1; for b it is minus the integer quotient. */
tg_tensor tg_fmod(tg_tensor a, tg_tensor b);
tg_tensor tg_remainder(tg_tensor a, tg_tensor b);

/* a / b rounded down, as Python's //; a / b where b is 0. int64 too, with 0 where b is 0. Gradient 0. */
tg_tensor tg_floor_divide(tg_tensor a, tg_tensor b);

/* |a| with the sign of b, that of -0.0 too. The gradient for a is 0 where a is 0; that for b is 0. */
tg_tensor tg_copysign(tg_tensor a, tg_tensor b);

/* a log b, and 0 where a is 0, whatever b is but NaN. Where a is 0 and b at most 0 the gradients are 0. */
tg_tensor tg_xlogy(tg_tensor a, tg_tensor b);

#define tg_add(a, b) TG_CALL2(tg_add, a, b)
#define tg_sub(a, b) TG_CALL2(tg_sub, a, b)
#define tg_mul(a, b) TG_CALL2(tg_mul, a, b)
#define tg_div(a, b) TG_CALL2(tg_div, a, b)
#define tg_pow(a, b) TG_CALL2(tg_pow, a, b)
#define tg_minimum(a, b) TG_CALL2(tg_minimum, a, b)
#define tg_maximum(a, b) TG_CALL2(tg_maximum, a, b)
#define tg_atan2(a, b) TG_CALL2(tg_atan2, a, b)
#define tg_hypot(a, b) TG_CALL2(tg_hypot, a, b)
#define tg_logaddexp(a, b) TG_CALL2(tg_logaddexp, a, b)
#define tg_fmod(a, b) TG_CALL2(tg_fmod, a, b)
#define tg_remainder(a, b) TG_CALL2(tg_remainder, a, b)
#define tg_floor_divide(a, b) TG_CALL2(tg_floor_divide, a, b)
#define tg_copysign(a, b) TG_CALL2(tg_copysign, a, b)
#define tg_xlogy(a, b) TG_CALL2(tg_xlogy, a, b)

/* min(max(x, low), high); `high` where low > high; NaN if any of them is NaN; int64 too. -INFINITY and INFINITY stand for no bound.
 * The gradient goes to the operand that was taken; to x where x equals a bound. */
tg_tensor tg_clamp(tg_tensor x, tg_tensor low, tg_tensor high);
#define tg_clamp(x, low, high) TG_CALL3(tg_clamp, x, low, high)

/* ---- comparisons: the result is bool; no gradient flows ---------------------------------------------------------- */

/* Operands of any one dtype. All but tg_ne are false where either side is NaN; tg_ne is true there. */
tg_tensor tg_eq(tg_tensor a, tg_tensor b); /* a == b */
tg_tensor tg_ne(tg_tensor a, tg_tensor b); /* a != b */
tg_tensor tg_lt(tg_tensor a, tg_tensor b); /* a < b  */
tg_tensor tg_le(tg_tensor a, tg_tensor b); /* a <= b */
tg_tensor tg_gt(tg_tensor a, tg_tensor b); /* a > b  */
tg_tensor tg_ge(tg_tensor a, tg_tensor b); /* a >= b */

#define tg_eq(a, b) TG_CALL2(tg_eq, a, b)
#define tg_ne(a, b) TG_CALL2(tg_ne, a, b)
#define tg_lt(a, b) TG_CALL2(tg_lt, a, b)
#define tg_le(a, b) TG_CALL2(tg_le, a, b)
#define tg_gt(a, b) TG_CALL2(tg_gt, a, b)
#define tg_ge(a, b) TG_CALL2(tg_ge, a, b)

/* ---- logic and tests: the result is bool; no gradient flows ------------------------------------------------------- */

/* Operands of any one dtype. Every value but 0 is true, NaN too. int64 and bool values are always finite. */
tg_tensor tg_logical_and(tg_tensor a, tg_tensor b);
tg_tensor tg_logical_or(tg_tensor a, tg_tensor b);
tg_tensor tg_logical_xor(tg_tensor a, tg_tensor b);
tg_tensor tg_logical_not(tg_tensor x);
tg_tensor tg_isnan(tg_tensor x);
tg_tensor tg_isinf(tg_tensor x);
tg_tensor tg_isfinite(tg_tensor x); /* neither NaN nor infinite */

#define tg_logical_and(a, b) TG_CALL2(tg_logical_and, a, b)
#define tg_logical_or(a, b) TG_CALL2(tg_logical_or, a, b)
#define tg_logical_xor(a, b) TG_CALL2(tg_logical_xor, a, b)
#define tg_logical_not(x) TG_CALL1(tg_logical_not, x)
#define tg_isnan(x) TG_CALL1(tg_isnan, x)
#define tg_isinf(x) TG_CALL1(tg_isinf, x)
#define tg_isfinite(x) TG_CALL1(tg_isfinite, x)

/* a where the bool tensor `condition` is true, b elsewhere; all three broadcast. The condition may be a plain number, 0 or 1. a and
 * b have one dtype, any one; at least one of them is a tensor. Each gets the gradient of the elements that were taken from it, and
 * exactly 0 for the others. */
tg_tensor tg_where(tg_tensor condition, tg_tensor a, tg_tensor b);
#define tg_where(condition, a, b) TG_CALL3(tg_where, condition, a, b)

/* The values converted to another dtype, as C does: floating to int64 drops the fraction; every value but 0 becomes true. NaN, and
 * values that int64 cannot hold, become INT64_MIN. x itself if it has the dtype already. The gradient is cast back; gradients
 * flow between floating dtypes only. */
tg_tensor tg_cast(tg_tensor x, tg_dtype dtype);
#define tg_cast(x, ...) TG_CALL1_WITH(tg_cast, x, __VA_ARGS__)

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* The matrix product, as NumPy's matmul: (..., m, k) x (..., k, n) gives (..., m, n). The leading axes broadcast. An operand of
 * rank 1 is a row on the left, (k) for (1, k), and a column on the right, (k) for (k, 1); the axis of size 1 is left out of the
 * result, so that two vectors give their dot product, rank 0. float32 and float64 only. Transposed operands are not copied. */
tg_tensor tg_matmul(tg_tensor a, tg_tensor b);
#define tg_matmul(a, b) TG_CALL2(tg_matmul, a, b)

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* Every reduction comes in two forms: over all elements, with a result of rank 0, and over the given axes. With keepdim the reduced
 * axes stay, with size 1; else they are removed. Over no axes, TG_AXES(), each element is reduced by itself. */

/* The sum; int64 too, modulo 2^64. The sum of no elements is 0, and so is one of -0.0 alone. The order is fixed, in blocks, so that the
 * rounding error grows with the logarithm of the number of elements. */
tg_tensor tg_sum(tg_tensor x);
tg_tensor tg_sum_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The sum divided by the number of elements; NaN for no elements. Where the sum overflows the mean does, as in NumPy. */
tg_tensor tg_mean(tg_tensor x);
tg_tensor tg_mean_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The product; int64 too, modulo 2^64. The product of no elements is 1. All derivatives are right where factors are 0. */
tg_tensor tg_prod(tg_tensor x);
tg_tensor tg_prod_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The largest and the smallest element; NaN if any is NaN; int64 too. TG_ERR_SHAPE for no elements. Where several elements are the
 * largest they share the gradient equally, as in PyTorch's amax. */
tg_tensor tg_max(tg_tensor x);
tg_tensor tg_max_axes(tg_tensor x, tg_axes axes, bool keepdim);
tg_tensor tg_min(tg_tensor x);
tg_tensor tg_min_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The index of the largest and of the smallest element along an axis, as int64: the first of several; the first NaN if there is
 * one. int64 too. TG_ERR_SHAPE for no elements. */
tg_tensor tg_argmax(tg_tensor x, int axis, bool keepdim);
tg_tensor tg_argmin(tg_tensor x, int axis, bool keepdim);

/* Whether any element is true, and whether all are. For bool only. For no elements: false, and true. */
tg_tensor tg_any(tg_tensor x);
tg_tensor tg_any_axes(tg_tensor x, tg_axes axes, bool keepdim);
tg_tensor tg_all(tg_tensor x);
tg_tensor tg_all_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The variance and its square root. The variance of n elements is the sum of (x - mean)^2, divided by max(0, n - correction). The
 * correction is 1 in tg_var and tg_std, as in PyTorch; 0 divides by n. NaN for one element and a correction of 1. The gradient of
 * std is 0 where std is 0. Squares that overflow or underflow do no harm to std. */
tg_tensor tg_var(tg_tensor x);
tg_tensor tg_var_axes(tg_tensor x, tg_axes axes, double correction, bool keepdim);
tg_tensor tg_std(tg_tensor x);
tg_tensor tg_std_axes(tg_tensor x, tg_axes axes, double correction, bool keepdim);

/* log(sum of e^x), without overflow; -inf for no elements. Where all x are -inf the gradient is 0. */
tg_tensor tg_logsumexp(tg_tensor x);
tg_tensor tg_logsumexp_axes(tg_tensor x, tg_axes axes, bool keepdim);

/* The p-norm, (sum of |x|^p)^(1/p). p = 2 is the Euclidean norm, INFINITY the largest |x|, -INFINITY the smallest |x|, and 0 the
 * number of elements that are not 0, through which no gradient flows. The gradient is 0 at the zero vector. Squares and powers neither
 * overflow nor underflow where the norm does not. */
tg_tensor tg_norm(tg_tensor x, double p);
tg_tensor tg_norm_axes(tg_tensor x, tg_axes axes, double p, bool keepdim);

/* Element i of the result is the sum, or the product, of elements 0 to i along the axis; int64 too, modulo 2^64. Running sums are
 * rounded once, however many elements are added up. All derivatives are right where factors are 0. */
tg_tensor tg_cumsum(tg_tensor x, int axis);
tg_tensor tg_cumprod(tg_tensor x, int axis);

/* The same for log(sum of e^x), without overflow. float32 and float64. */
tg_tensor tg_logcumsumexp(tg_tensor x, int axis);

/* The largest, or the smallest, of elements 0 to i along the axis; NaN from the first NaN on; int64 too. *indices becomes their
 * indices, int64: of several that are equal the last one, which gets the gradient, as in PyTorch. `indices` may be NULL. */
tg_tensor tg_cummax(tg_tensor x, int axis, tg_tensor *indices);
tg_tensor tg_cummin(tg_tensor x, int axis, tg_tensor *indices);

#define tg_sum(x) TG_CALL1(tg_sum, x)
#define tg_sum_axes(x, ...) TG_CALL1_WITH(tg_sum_axes, x, __VA_ARGS__)
#define tg_mean(x) TG_CALL1(tg_mean, x)
#define tg_mean_axes(x, ...) TG_CALL1_WITH(tg_mean_axes, x, __VA_ARGS__)
#define tg_prod(x) TG_CALL1(tg_prod, x)
#define tg_prod_axes(x, ...) TG_CALL1_WITH(tg_prod_axes, x, __VA_ARGS__)
#define tg_max(x) TG_CALL1(tg_max, x)
#define tg_max_axes(x, ...) TG_CALL1_WITH(tg_max_axes, x, __VA_ARGS__)
#define tg_min(x) TG_CALL1(tg_min, x)
#define tg_min_axes(x, ...) TG_CALL1_WITH(tg_min_axes, x, __VA_ARGS__)
#define tg_argmax(x, ...) TG_CALL1_WITH(tg_argmax, x, __VA_ARGS__)
#define tg_argmin(x, ...) TG_CALL1_WITH(tg_argmin, x, __VA_ARGS__)
#define tg_any(x) TG_CALL1(tg_any, x)
#define tg_any_axes(x, ...) TG_CALL1_WITH(tg_any_axes, x, __VA_ARGS__)
#define tg_all(x) TG_CALL1(tg_all, x)
#define tg_all_axes(x, ...) TG_CALL1_WITH(tg_all_axes, x, __VA_ARGS__)
#define tg_var(x) TG_CALL1(tg_var, x)
#define tg_var_axes(x, ...) TG_CALL1_WITH(tg_var_axes, x, __VA_ARGS__)
#define tg_std(x) TG_CALL1(tg_std, x)
#define tg_std_axes(x, ...) TG_CALL1_WITH(tg_std_axes, x, __VA_ARGS__)
#define tg_logsumexp(x) TG_CALL1(tg_logsumexp, x)
#define tg_logsumexp_axes(x, ...) TG_CALL1_WITH(tg_logsumexp_axes, x, __VA_ARGS__)
#define tg_norm(x, ...) TG_CALL1_WITH(tg_norm, x, __VA_ARGS__)
#define tg_norm_axes(x, ...) TG_CALL1_WITH(tg_norm_axes, x, __VA_ARGS__)
#define tg_cumsum(x, ...) TG_CALL1_WITH(tg_cumsum, x, __VA_ARGS__)
#define tg_cumprod(x, ...) TG_CALL1_WITH(tg_cumprod, x, __VA_ARGS__)
#define tg_logcumsumexp(x, ...) TG_CALL1_WITH(tg_logcumsumexp, x, __VA_ARGS__)
#define tg_cummax(x, ...) TG_CALL1_WITH(tg_cummax, x, __VA_ARGS__)
#define tg_cummin(x, ...) TG_CALL1_WITH(tg_cummin, x, __VA_ARGS__)

/* ---- views: of any dtype; the elements are not copied where strides can express the result ------------------------ */

/* The same elements, in row-major order, in another shape of the same size. One size may be -1: it is computed from the others. */
tg_tensor tg_reshape(tg_tensor x, tg_shape shape);

/* The axes in another order: axis i of the result is axis axes.axis[i] of x. Every axis is named once. */
tg_tensor tg_permute(tg_tensor x, tg_axes axes);

/* Two axes exchanged. Negative axes count from the end: tg_transpose(x, -1, -2) transposes matrices. */
tg_tensor tg_transpose(tg_tensor x, int axis0, int axis1);

/* x broadcast to the shape. */
tg_tensor tg_broadcast_to(tg_tensor x, tg_shape shape);

#define tg_reshape(x, ...) TG_CALL1_WITH(tg_reshape, x, __VA_ARGS__)
#define tg_permute(x, ...) TG_CALL1_WITH(tg_permute, x, __VA_ARGS__)
#define tg_transpose(x, ...) TG_CALL1_WITH(tg_transpose, x, __VA_ARGS__)
#define tg_broadcast_to(x, ...) TG_CALL1_WITH(tg_broadcast_to, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
