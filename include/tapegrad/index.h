/* tapegrad/index.h: elements chosen by their indices, and sorting.
 *
 * Indices are int64 tensors, and count from 0; no gradient flows through them. An index out of range is an error of the run,
 * which names it. Everything else may have any dtype, and is differentiable to any order: each element's gradient goes back
 * to where it came from, and adds up where it was chosen more than once.
 *
 * What a bool tensor chooses is tg_where's: tg_where(mask, value, x) is what others call a masked fill.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_INDEX_H
#define TAPEGRAD_INDEX_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* The slices of x with these indices along an axis: the indices' axes stand where it was, as in NumPy's take. For a vector
 * of indices it is PyTorch's index_select; for a table x of rows and axis 0 it looks up embeddings; for a plain number it is
 * one slice, and the axis goes. */
tg_tensor tg_take(tg_tensor x, tg_tensor index, int axis);

/* For each index one element, x[...][index][...], the index being the one along `axis`. The result has the shape of the
 * indices, which have the rank of x, and along other axes at most its sizes. As PyTorch's gather and NumPy's
 * take_along_axis. */
tg_tensor tg_gather(tg_tensor x, tg_tensor index, int axis);

/* x with x[...][index][...] = source, for each index; shapes as tg_gather's, and the source broadcasts to that of the
 * indices. Where several go to one place the last one stays, and gets the gradient. */
tg_tensor tg_scatter(tg_tensor x, tg_tensor index, tg_tensor source, int axis);

/* The same with x[...][index][...] += source. Added in order; bool is what any of them was. */
tg_tensor tg_scatter_add(tg_tensor x, tg_tensor index, tg_tensor source, int axis);

/* For each index, along a new last axis, `classes` zeros with a 1 at the index. */
tg_tensor tg_one_hot(tg_tensor index, int64_t classes, tg_dtype dtype);

#define tg_take(x, index, ...) TGI_CALL2_WITH(tg_take, x, index, __VA_ARGS__)
#define tg_gather(x, index, ...) TGI_CALL2_WITH(tg_gather, x, index, __VA_ARGS__)
#define tg_scatter(x, index, source, ...) TGI_CALL3_WITH(tg_scatter, x, index, source, __VA_ARGS__)
#define tg_scatter_add(x, index, source, ...) TGI_CALL3_WITH(tg_scatter_add, x, index, source, __VA_ARGS__)
#define tg_one_hot(index, ...) TGI_CALL1_WITH(tg_one_hot, index, __VA_ARGS__)

/* ---- sorting ----------------------------------------------------------------------------------------------------- */

/* The indices that sort x along an axis. Equal elements stay in their order; NaN counts as larger than all numbers. */
tg_tensor tg_argsort(tg_tensor x, int axis, bool descending);

/* x sorted along an axis. The indices that tg_argsort would give go to *indices unless that is NULL. */
tg_tensor tg_sort(tg_tensor x, int axis, bool descending, tg_tensor *indices);

/* The k largest, or the k smallest, along an axis, the first one first; and their indices. */
tg_tensor tg_topk(tg_tensor x, int64_t k, int axis, bool largest, tg_tensor *indices);

#define tg_argsort(x, ...) TGI_CALL1_WITH(tg_argsort, x, __VA_ARGS__)
#define tg_sort(x, ...) TGI_CALL1_WITH(tg_sort, x, __VA_ARGS__)
#define tg_topk(x, ...) TGI_CALL1_WITH(tg_topk, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
