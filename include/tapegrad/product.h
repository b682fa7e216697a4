/* tapegrad/product.h: products besides tg_matmul: dot, outer, bmm, tensordot, einsum.
 *
 * All are composed of matmul, mul, sum and views, which give their gradients. The operands have one dtype, float32 or float64,
 * which is the dtype of the result; "int64 too" where int64 is taken as well. TG_ERR_SHAPE for sizes that differ.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_PRODUCT_H
#define TAPEGRAD_PRODUCT_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The sum of a_i b_i: (n) x (n) gives (); int64 too. */
tg_tensor tg_dot(tg_tensor a, tg_tensor b);

/* a_i b_j: (n) x (m) gives (n, m); int64 too. */
tg_tensor tg_outer(tg_tensor a, tg_tensor b);

/* s products of matrices: (s, n, k) x (s, k, m) gives (s, n, m). Nothing broadcasts; use tg_matmul for that. */
tg_tensor tg_bmm(tg_tensor a, tg_tensor b);

/* The cross product of vectors of 3 elements along an axis; all other axes broadcast, and the axis counts in the result. int64 too. */
tg_tensor tg_cross(tg_tensor a, tg_tensor b, int axis);

/* The sum of products over the last `axes` axes of a and the first `axes` axes of b, which have the same sizes in the same order.
 * The result has the other axes of a, then those of b. 0 axes give the outer product, of int64 too. As NumPy's tensordot. */
tg_tensor tg_tensordot(tg_tensor a, tg_tensor b, int axes);

/* The same over any axes: axis axes_a.axis[i] of a is paired with axis axes_b.axis[i] of b. Negative axes count from the end. */
tg_tensor tg_tensordot_axes(tg_tensor a, tg_tensor b, tg_axes axes_a, tg_axes axes_b);

/* Einstein's summation convention, as NumPy's einsum; int64 too. The equation gives each axis of each operand a letter; letters
 * that are not in the output are summed over:
 *     tg_einsum("ij,jk->ik", a, b)      the matrix product
 *     tg_einsum("ij->ji", a)            the transposed matrix
 *     tg_einsum("...ii->...i", a)       diagonals of a stack of matrices
 *     tg_einsum("bhqd,bhkd->bhqk", q, k)
 *     tg_einsum("i,ij,j->", x, a, y)    a bilinear form
 * Upper and lower case differ; spaces are ignored. A letter that occurs twice in one operand takes the diagonal. Axes of one letter
 * have the same size, or 1, which is broadcast. "..." stands for any number of axes, which broadcast as in NumPy. Without "->" the
 * output has the axes of "...", then the letters that occur once, in the order of the alphabet, upper case first. TG_ERR_SHAPE for
 * an equation that is not valid, or does not fit the operands.
 *
 * Operands are multiplied from left to right, two at a time, after each has been summed over the letters that occur nowhere else.
 * So write first the pair whose product is small. No intermediate product may have more than TG_MAX_RANK axes.
 *
 * In C and C++ the operands follow the equation: up to 8 in C, plain numbers too. (tg_einsum)(equation, count, x) takes an array of
 * any length. */
tg_tensor tg_einsum(const char *equation, int count, const tg_tensor *x);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_dot(a, b) TG_CALL2(tg_dot, a, b)
#define tg_outer(a, b) TG_CALL2(tg_outer, a, b)
#define tg_bmm(a, b) TG_CALL2(tg_bmm, a, b)
#define tg_cross(a, b, ...) TG_CALL2_WITH(tg_cross, a, b, __VA_ARGS__)
#define tg_tensordot(a, b, ...) TG_CALL2_WITH(tg_tensordot, a, b, __VA_ARGS__)
#define tg_tensordot_axes(a, b, ...) TG_CALL2_WITH(tg_tensordot_axes, a, b, __VA_ARGS__)
#define tg_einsum(equation, ...) TG_LIST_CALL(tg_einsum, equation, __VA_ARGS__)

#endif
