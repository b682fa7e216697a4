/* tapegrad/product.h: products beside tg_matmul: dot, outer, bmm, tensordot, einsum.
 *
 * All are made of matmul, mul, sum and views, and have their gradients from them. Operands have one dtype, which is the result's.
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

/* The sum of a_i b_i: (n) x (n) gives (). */
tg_tensor tg_dot(tg_tensor a, tg_tensor b);

/* a_i b_j: (n) x (m) gives (n, m); int64 too. */
tg_tensor tg_outer(tg_tensor a, tg_tensor b);

/* The product of matrices pair by pair: (s, n, k) x (s, k, m) gives (s, n, m). Nothing broadcasts: for that there is tg_matmul. */
tg_tensor tg_bmm(tg_tensor a, tg_tensor b);

/* The sum over the last `axes` axes of a and the first `axes` axes of b, of the same sizes in the same order. The result has the other axes
 * of a, then those of b. 0 axes give the outer product, int64 too. As NumPy's tensordot. */
tg_tensor tg_tensordot(tg_tensor a, tg_tensor b, int axes);

/* The same over any axes: axis axes_a.axis[i] of a goes with axis axes_b.axis[i] of b; negative ones count from the end. */
tg_tensor tg_tensordot_axes(tg_tensor a, tg_tensor b, tg_axes axes_a, tg_axes axes_b);

/* Einstein's summation convention, as NumPy's einsum; int64 too. The equation gives each axis of each operand a letter; letters that
 * are not in the output are summed over:
 *     tg_einsum("ij,jk->ik", a, b)      the matrix product
 *     tg_einsum("ij->ji", a)            the transposed matrix
 *     tg_einsum("...ii->...i", a)       diagonals of a stack of matrices
 *     tg_einsum("bhqd,bhkd->bhqk", q, k)
 *     tg_einsum("i,ij,j->", x, a, y)    a bilinear form
 * Upper and lower case differ; spaces are ignored. A letter twice in one operand takes its diagonal. Axes of one letter have the same
 * size, or 1, which stretches. "..." stands for any number of axes, which broadcast as everywhere. Without "->" the output has
 * the axes of "...", then the letters that occur once, in the order of the alphabet, upper case first. Operands are multiplied
 * from left to right, two at a time, after each has been summed over letters that no other one needs: so order them by what is
 * cheap. No intermediate product may have more than TG_MAX_RANK axes.
 *
 * In C and C++ the operands follow the equation, up to 8 of them, plain numbers too; (tg_einsum)(equation, count, x) takes an
 * array of any length. */
tg_tensor tg_einsum(const char *equation, int count, const tg_tensor *x);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* ---- how a call is wrapped: see tapegrad/tensor.h ------------------------------------------------------------------ */

#ifndef __cplusplus

#define TGI_CALL2_WITH(f, a, b, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        (void)TGI_AT(tgi_a.tape); \
        (void)TGI_AT(tgi_b.tape); \
        (f)(tgi_a, tgi_b, __VA_ARGS__); \
    })

#define TGI_TENSORS1(a) TGI_TENSOR(a)
#define TGI_TENSORS2(a, ...) TGI_TENSOR(a), TGI_TENSORS1(__VA_ARGS__)
#define TGI_TENSORS3(a, ...) TGI_TENSOR(a), TGI_TENSORS2(__VA_ARGS__)
#define TGI_TENSORS4(a, ...) TGI_TENSOR(a), TGI_TENSORS3(__VA_ARGS__)
#define TGI_TENSORS5(a, ...) TGI_TENSOR(a), TGI_TENSORS4(__VA_ARGS__)
#define TGI_TENSORS6(a, ...) TGI_TENSOR(a), TGI_TENSORS5(__VA_ARGS__)
#define TGI_TENSORS7(a, ...) TGI_TENSOR(a), TGI_TENSORS6(__VA_ARGS__)
#define TGI_TENSORS8(a, ...) TGI_TENSOR(a), TGI_TENSORS7(__VA_ARGS__)
#define TGI_NINTH(a, b, c, d, e, f, g, h, i, ...) i
#define TGI_TENSORS(...) \
    TGI_NINTH(__VA_ARGS__, TGI_TENSORS8, TGI_TENSORS7, TGI_TENSORS6, TGI_TENSORS5, TGI_TENSORS4, TGI_TENSORS3, TGI_TENSORS2, \
              TGI_TENSORS1, )(__VA_ARGS__)

/* For functions (f)(first, count, tensors). */
#define TGI_LIST_CALL(f, first, ...) \
    __extension__({ \
        const tg_tensor tgi_list[] = {TGI_TENSORS(__VA_ARGS__)}; \
        const int       tgi_count = (int)(sizeof tgi_list / sizeof *tgi_list); \
        for (int tgi_i = 0; tgi_i < tgi_count; tgi_i++) \
            (void)TGI_AT(tgi_list[tgi_i].tape); \
        (f)((first), tgi_count, tgi_list); \
    })

#else

namespace tgi {

template <class F, class... Rest>
auto call2_with(const char *file, int line, F f, tg_tensor a, tg_tensor b, Rest... rest) -> decltype(f(a, b, rest...)) {
    tg_at(a.tape, file, line);
    tg_at(b.tape, file, line);
    return f(a, b, rest...);
}
template <class F, class First, class... X> tg_tensor list_call(const char *file, int line, F f, First first, X... x) {
    const tg_tensor list[] = {tensor(x)...};
    for (const tg_tensor &item : list)
        tg_at(item.tape, file, line);
    return f(first, static_cast<int>(sizeof...(x)), list);
}

} // namespace tgi

#define TGI_CALL2_WITH(f, a, b, ...) tgi::call2_with(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), __VA_ARGS__)
#define TGI_LIST_CALL(f, first, ...) tgi::list_call(__FILE__, __LINE__, (f), (first), __VA_ARGS__)

#endif

#define tg_dot(a, b) TGI_CALL2(tg_dot, a, b)
#define tg_outer(a, b) TGI_CALL2(tg_outer, a, b)
#define tg_bmm(a, b) TGI_CALL2(tg_bmm, a, b)
#define tg_tensordot(a, b, ...) TGI_CALL2_WITH(tg_tensordot, a, b, __VA_ARGS__)
#define tg_tensordot_axes(a, b, ...) TGI_CALL2_WITH(tg_tensordot_axes, a, b, __VA_ARGS__)
#define tg_einsum(equation, ...) TGI_LIST_CALL(tg_einsum, equation, __VA_ARGS__)

#endif
