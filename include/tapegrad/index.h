/* tapegrad/index.h: elements chosen by their indices, and sorting.
 *
 * Indices are int64 tensors, and count from 0 (TG_ERR_DTYPE for others). No gradient flows through them. A negative index, or one
 * that is too large, makes the run fail with TG_ERR_INDEX and an error that names it; one in a constant, or a plain number, is
 * rejected when the op is recorded. The other operands may have any dtype, and
 * are differentiable to any order: the gradient of each element goes back to where the element came from, and adds up where it was
 * chosen more than once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_INDEX_H
#define TAPEGRAD_INDEX_H
#pragma GCC system_header

#include <tapegrad/tensor.h>
#include <tapegrad/view.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* The slices of x with these indices along an axis, as NumPy's take. In the result's shape the axes of `index` replace the axis. A
 * vector of indices gives PyTorch's index_select. For a table x of rows, axis 0 looks up embeddings. A plain number gives one
 * slice, and the axis is removed. */
tg_tensor tg_take(tg_tensor x, tg_tensor index, int axis);

/* For each index one element: result[i][j] = x[index[i][j]][j] for axis 0 of a matrix, and so on. The result has the shape of
 * `index`, which has the rank of x, and along the other axes at most the sizes of x. As PyTorch's gather and NumPy's
 * take_along_axis. */
tg_tensor tg_gather(tg_tensor x, tg_tensor index, int axis);

/* A copy of x in which x[index[i][j]][j] = source[i][j], for axis 0 of a matrix, and so on. Shapes as in tg_gather; `source`
 * broadcasts to the shape of `index`. Where several elements go to one place the last one stays, and gets the gradient. */
tg_tensor tg_scatter(tg_tensor x, tg_tensor index, tg_tensor source, int axis);

/* The same with += instead of =. Elements are added in row-major order. For bool, += is a logical or. */
tg_tensor tg_scatter_add(tg_tensor x, tg_tensor index, tg_tensor source, int axis);

/* How tg_scatter_reduce puts several elements into one. */
typedef enum tg_scatter_reduction {
    TG_SCATTER_SUM,
    TG_SCATTER_PROD,
    TG_SCATTER_MEAN, /* of int64 rounded down */
    TG_SCATTER_MAX,  /* NaN if any of them is */
    TG_SCATTER_MIN
} tg_scatter_reduction;

/* The elements of `source` that tg_scatter puts into one place, reduced, together with the element of x that is there; without it unless
 * include_self is true. Where nothing is put the element of x stays. As PyTorch's scatter_reduce; int64 too. Those that are equal to the
 * largest, or the smallest, share the gradient equally. First and second derivatives of products are right where factors are 0; higher
 * ones where at most two of the factors are. */
tg_tensor tg_scatter_reduce(tg_tensor x, tg_tensor index, tg_tensor source, int axis, tg_scatter_reduction reduction,
                            bool include_self);

/* The elements, or slices, of x at several indices at once, one for each of its first axes: NumPy's x[i, j, ...]. The indices broadcast. In
 * the result's shape the shape that they broadcast to replaces these axes:
 *     tg_index(x, TG_LIST(i, j))              x[i[k]][j[k]] for each k, for vectors i and j and a matrix x
 * TG_ERR_SHAPE for no indices, or more than x has axes. */
tg_tensor tg_index(tg_tensor x, tg_list indices);

/* A copy of x in which what tg_index chooses is `values`, which broadcast to that shape; or with `accumulate` has them added to it. Where an
 * element is chosen more than once the last one stays, and gets the gradient; or they are added in row-major order. */
tg_tensor tg_index_put(tg_tensor x, tg_list indices, tg_tensor values, bool accumulate);

/* Records that this part of `leaf` is overwritten, as tg_assign overwrites all of it (tapegrad/tape.h): NumPy's leaf[i, j, ...] = values. The
 * rest of the leaf is not touched, and costs nothing: a cache that grows by a row in each run is
 *     tg_assign_at(cache, TG_LIST(position), row) */
tg_status tg_assign_at(tg_tensor leaf, tg_list indices, tg_tensor values);

/* For each index, along a new last axis, `classes` elements of `dtype`: a 1 at the index, and zeros. */
tg_tensor tg_one_hot(tg_tensor index, int64_t classes, tg_dtype dtype);

#define tg_take(x, index, ...) TG_CALL2_WITH(tg_take, x, index, __VA_ARGS__)
#define tg_gather(x, index, ...) TG_CALL2_WITH(tg_gather, x, index, __VA_ARGS__)
#define tg_scatter(x, index, source, ...) TG_CALL3_WITH(tg_scatter, x, index, source, __VA_ARGS__)
#define tg_scatter_add(x, index, source, ...) TG_CALL3_WITH(tg_scatter_add, x, index, source, __VA_ARGS__)
#define tg_scatter_reduce(x, index, source, ...) TG_CALL3_WITH(tg_scatter_reduce, x, index, source, __VA_ARGS__)
#define tg_index(x, ...) TG_CALL1_WITH(tg_index, x, __VA_ARGS__)

static inline tg_tensor tgi_index_put(tg_tensor x, tg_tensor values, tg_list indices, bool accumulate) {
    return tg_index_put(x, indices, values, accumulate);
}
#define tg_index_put(x, indices, values, accumulate) TG_CALL2_WITH(tgi_index_put, x, values, indices, accumulate)
static inline tg_status tgi_assign_at(tg_tensor leaf, tg_tensor values, tg_list indices) {
    return tg_assign_at(leaf, indices, values);
}
#define tg_assign_at(leaf, indices, values) TG_CALL2_WITH(tgi_assign_at, leaf, values, indices)
#define tg_one_hot(index, ...) TG_CALL1_WITH(tg_one_hot, index, __VA_ARGS__)

/* ---- choosing by a bool tensor ------------------------------------------------------------------------------------- */

/* x, but `value` where the bool tensor `mask` is true: tg_where(mask, value, x), where mask and value broadcast to x's shape. */
tg_tensor tg_masked_fill(tg_tensor x, tg_tensor mask, tg_tensor value);

/* The size of what these two give depends on values. Sizes are known when an op is recorded: so they run what is pending, and count, as
 * a read does, then record an op for so many elements. That is for programs that record each step anew. Where a later run finds
 * another number of elements it fails with TG_ERR_VALUE. TG_ERR_ARGUMENT in a part, which does not run while it is recorded. */

/* The elements of x where the bool tensor `mask`, of x's shape, is true, in row-major order, as a vector. */
tg_tensor tg_masked_select(tg_tensor x, tg_tensor mask);

/* The indices of the elements that are not 0, in row-major order: one row each, with an index for each axis. As PyTorch's nonzero. */
tg_tensor tg_nonzero(tg_tensor x);

#define tg_masked_fill(x, mask, value) TG_CALL3(tg_masked_fill, x, mask, value)
#define tg_masked_select(x, mask) TG_CALL2(tg_masked_select, x, mask)
#define tg_nonzero(x) TG_CALL1(tg_nonzero, x)

/* ---- searching and counting --------------------------------------------------------------------------------------- */

/* Where each of the values would go in a sorted row, so that it stays sorted: before those that are equal to it, or with `right` after
 * them. The result is int64, in the shape of the values. sorted is (n), for all values; or (..., n) for values (..., m), each row for its
 * own. The rows are not checked. NaN counts as larger than all numbers. For float32, float64 and int64. */
tg_tensor tg_searchsorted(tg_tensor sorted, tg_tensor values, bool right);

/* How often each of the integers 0 to size - 1 occurs in x, or the sum of the weights where it does. x is int64, of any shape; weights
 * broadcast to it, or are TG_NONE. The size is given, and does not depend on values: an element of x that is out of range is an error, as
 * an index is. The result is int64, or has the dtype of the weights. */
tg_tensor tg_bincount(tg_tensor x, tg_tensor weights, int64_t size);

#define tg_searchsorted(sorted, values, ...) TG_CALL2_WITH(tg_searchsorted, sorted, values, __VA_ARGS__)
#define tg_bincount(x, weights, ...) TG_CALL2_WITH(tg_bincount, x, weights, __VA_ARGS__)

/* ---- sorting ----------------------------------------------------------------------------------------------------- */

/* The indices that sort x along an axis, int64. Equal elements keep their order. NaN counts as larger than all numbers. */
tg_tensor tg_argsort(tg_tensor x, int axis, bool descending);

/* x sorted along an axis. *indices becomes what tg_argsort gives; `indices` may be NULL. */
tg_tensor tg_sort(tg_tensor x, int axis, bool descending, tg_tensor *indices);

/* The k largest elements along an axis, the largest first, or the k smallest, the smallest first. *indices becomes their indices,
 * int64; `indices` may be NULL. TG_ERR_ARGUMENT if k is negative or more than the size of the axis. */
tg_tensor tg_topk(tg_tensor x, int64_t k, int axis, bool largest, tg_tensor *indices);

#define tg_argsort(x, ...) TG_CALL1_WITH(tg_argsort, x, __VA_ARGS__)
#define tg_sort(x, ...) TG_CALL1_WITH(tg_sort, x, __VA_ARGS__)
#define tg_topk(x, ...) TG_CALL1_WITH(tg_topk, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
