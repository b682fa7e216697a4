/* tapegrad/view.h: parts of tensors, and tensors put together.
 *
 * All take any dtype and are differentiable to any order: each element's gradient goes back to where it came from, and adds
 * up where it was used more than once. Axes may be negative: they count from the end. What is called a view copies nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_VIEW_H
#define TAPEGRAD_VIEW_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- views of parts ---------------------------------------------------------------------------------------------- */

/* Bounds for tg_slice: behind the last element, before the first. */
#define TG_END INT64_MAX
#define TG_BEGIN INT64_MIN

/* Every step-th element along an axis, from start on, up to stop and without it: Python's x[start:stop:step]. Negative
 * bounds count from the end, and bounds beyond an edge are moved to it. The step is not 0.
 *     tg_slice(x, 0, 2, TG_END, 1)          x[2:]
 *     tg_slice(x, -1, 0, -1, 1)             x[..., 0:-1]
 *     tg_slice(x, 1, TG_END, TG_BEGIN, -1)  x[:, ::-1] */
tg_tensor tg_slice(tg_tensor x, int axis, int64_t start, int64_t stop, int64_t step);

/* The elements in reverse order along each of these axes. */
tg_tensor tg_flip(tg_tensor x, tg_axes axes);

/* The elements whose index along axis1 is the one along axis0 plus `offset`. The two axes go, and the diagonal becomes the
 * last one. It may be empty. */
tg_tensor tg_diagonal(tg_tensor x, int64_t offset, int axis0, int axis1);

/* Windows of `size` neighbours along an axis, one every `step`: (..., n, ...) gives (..., (n - size) / step + 1, ..., size).
 * What does not fill a window is left out. As PyTorch's Tensor.unfold. */
tg_tensor tg_unfold(tg_tensor x, int axis, int64_t size, int64_t step);

/* The axes from `first` to `last`, that one too, as one. */
tg_tensor tg_flatten(tg_tensor x, int first, int last);

/* Without the axes of size 1; or without these axes, which have size 1. */
tg_tensor tg_squeeze(tg_tensor x);
tg_tensor tg_squeeze_axes(tg_tensor x, tg_axes axes);

/* With an axis of size 1 more, which is then this one. */
tg_tensor tg_unsqueeze(tg_tensor x, int axis);

/* The value of x, through which no gradient flows. */
tg_tensor tg_detach(tg_tensor x);

#define tg_slice(x, ...) TGI_CALL1_WITH(tg_slice, x, __VA_ARGS__)
#define tg_flip(x, ...) TGI_CALL1_WITH(tg_flip, x, __VA_ARGS__)
#define tg_diagonal(x, ...) TGI_CALL1_WITH(tg_diagonal, x, __VA_ARGS__)
#define tg_unfold(x, ...) TGI_CALL1_WITH(tg_unfold, x, __VA_ARGS__)
#define tg_flatten(x, ...) TGI_CALL1_WITH(tg_flatten, x, __VA_ARGS__)
#define tg_squeeze(x) TGI_CALL1(tg_squeeze, x)
#define tg_squeeze_axes(x, ...) TGI_CALL1_WITH(tg_squeeze_axes, x, __VA_ARGS__)
#define tg_unsqueeze(x, ...) TGI_CALL1_WITH(tg_unsqueeze, x, __VA_ARGS__)
#define tg_detach(x) TGI_CALL1(tg_detach, x)

/* ---- diagonals and triangles of matrices ------------------------------------------------------------------------- */

/* Of a vector: the matrix with it as its diagonal, zeros elsewhere. Of a matrix: its diagonal. offset > 0 means above the main
 * diagonal, offset < 0 below. */
tg_tensor tg_diag(tg_tensor x, int64_t offset);

/* The lower triangle, the upper triangle of the last two axes: zeros above, below the diagonal at this offset, which belongs
 * to both. */
tg_tensor tg_tril(tg_tensor x, int64_t offset);
tg_tensor tg_triu(tg_tensor x, int64_t offset);

#define tg_diag(x, ...) TGI_CALL1_WITH(tg_diag, x, __VA_ARGS__)
#define tg_tril(x, ...) TGI_CALL1_WITH(tg_tril, x, __VA_ARGS__)
#define tg_triu(x, ...) TGI_CALL1_WITH(tg_triu, x, __VA_ARGS__)

/* ---- a counting leaf --------------------------------------------------------------------------------------------- */

/* The constant start, start + step, start + 2 step, ... as long as it is before stop, as NumPy's arange. Not for bool; int64
 * takes whole numbers only. For a grid, give each of its axes a place with tg_unsqueeze: the rest is broadcasting. */
tg_tensor tg_arange(tg_tape *tape, tg_dtype dtype, double start, double stop, double step);
#define tg_arange(tape, ...) TGI_TAPE_CALL(tg_arange, tape, __VA_ARGS__)

/* ---- put together ------------------------------------------------------------------------------------------------ */

/* Some tensors: TG_LIST(a, b, c) wherever a tg_list is wanted, or tg_list_from(count, x) for an array of them, which must
 * live until the call returns. */
typedef struct tg_list {
    int              count;
    const tg_tensor *x;
} tg_list;
tg_list tg_list_from(int count, const tg_tensor *x);
#define TG_LIST(...) TGI_ARRAY_CALL(tg_list_from, tg_tensor, {0}, __VA_ARGS__)

/* The tensors behind one another along an axis. Of one dtype, and of the same sizes along all other axes. */
tg_tensor tg_concat(tg_list x, int axis);

/* The tensors, of one dtype and shape, along a new axis, which is then this one. */
tg_tensor tg_stack(tg_list x, int axis);

/* Cut up along an axis, into parts of these sizes, which add up to the axis's: parts[i] becomes a view. */
tg_status tg_split(tg_tensor x, int axis, int count, const int64_t *sizes, tg_tensor *parts);

/* Cut up along an axis, into `count` views of the same size, as PyTorch's chunk: where the axis cannot be divided so, the
 * last ones are smaller, and may be empty (where PyTorch gives fewer). */
tg_status tg_chunk(tg_tensor x, int axis, int count, tg_tensor *parts);

#define tg_concat(list, ...) TGI_LIST_CALL_WITH(tg_concat, list, __VA_ARGS__)
#define tg_stack(list, ...) TGI_LIST_CALL_WITH(tg_stack, list, __VA_ARGS__)
#define tg_split(x, ...) TGI_CALL1_WITH(tg_split, x, __VA_ARGS__)
#define tg_chunk(x, ...) TGI_CALL1_WITH(tg_chunk, x, __VA_ARGS__)

/* ---- around, and over and over ----------------------------------------------------------------------------------- */

typedef enum tg_pad_mode {
    TG_PAD_CONSTANT, /* the value */
    TG_PAD_REFLECT,  /* x mirrored at its first or last element: 3 2 1 2 3. At most size - 1 elements */
    TG_PAD_EDGE      /* the first or the last element again */
} tg_pad_mode;

/* `before` elements before x along an axis, and `after` behind it. The value counts for TG_PAD_CONSTANT only. */
tg_tensor tg_pad(tg_tensor x, int axis, int64_t before, int64_t after, tg_pad_mode mode, double value);

/* The elements moved by `shift` along an axis; what leaves at the end comes in at the start. */
tg_tensor tg_roll(tg_tensor x, int axis, int64_t shift);

/* Each element `count` times: 1 1 2 2 3 3. */
tg_tensor tg_repeat(tg_tensor x, int axis, int64_t count);

/* All of x `count` times: 1 2 3 1 2 3. */
tg_tensor tg_tile(tg_tensor x, int axis, int64_t count);

#define tg_pad(x, ...) TGI_CALL1_WITH(tg_pad, x, __VA_ARGS__)
#define tg_roll(x, ...) TGI_CALL1_WITH(tg_roll, x, __VA_ARGS__)
#define tg_repeat(x, ...) TGI_CALL1_WITH(tg_repeat, x, __VA_ARGS__)
#define tg_tile(x, ...) TGI_CALL1_WITH(tg_tile, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
