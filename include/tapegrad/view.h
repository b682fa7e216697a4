/* tapegrad/view.h: slices, diagonals, concatenation, padding, repetition.
 *
 * All functions take any dtype and are differentiable to any order: the gradient of each element goes back to where the element
 * came from, and adds up where it was used more than once. Negative axes count from the end. What is called a view copies nothing.
 * TG_ERR_SHAPE for axes and sizes that do not fit, TG_ERR_ARGUMENT for other arguments that are out of range.
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

/* Bounds for tg_slice: after the last element, and before the first. */
#define TG_END INT64_MAX
#define TG_BEGIN INT64_MIN

/* Every step-th element along an axis, from start up to but not including stop: Python's x[start:stop:step]. Negative bounds count
 * from the end. Bounds that are out of range are moved to the nearest edge. The step may be negative, but not 0.
 *     tg_slice(x, 0, 2, TG_END, 1)          x[2:]
 *     tg_slice(x, -1, 0, -1, 1)             x[..., 0:-1]
 *     tg_slice(x, 1, TG_END, TG_BEGIN, -1)  x[:, ::-1] */
tg_tensor tg_slice(tg_tensor x, int axis, int64_t start, int64_t stop, int64_t step);

/* Records that this slice of `leaf`, an input or a parameter, is overwritten by a value that broadcasts to it, as tg_assign overwrites all
 * of a leaf (tapegrad/tape.h). The rest of the leaf is not touched. */
tg_status tg_assign_slice(tg_tensor leaf, int axis, int64_t start, int64_t stop, int64_t step, tg_tensor value);

/* The slice with one index along an axis, which is removed: tg_select(x, 0, i) is Python's x[i]. A negative index counts from the end;
 * TG_ERR_INDEX for one that is out of range. tg_take is for an index that is a tensor. */
tg_tensor tg_select(tg_tensor x, int axis, int64_t index);

/* The elements in reverse order along each of these axes. */
tg_tensor tg_flip(tg_tensor x, tg_axes axes);

/* The elements whose index along axis1 is the index along axis0 plus `offset`. The two axes are removed, and the diagonal becomes
 * the last axis. It may be empty. */
tg_tensor tg_diagonal(tg_tensor x, int64_t offset, int axis0, int axis1);

/* Windows of `size` neighbours along an axis, one every `step` elements: (..., n, ...) gives (..., (n - size) / step + 1, ...,
 * size). Elements at the end that do not fill a window are left out. As PyTorch's Tensor.unfold. */
tg_tensor tg_unfold(tg_tensor x, int axis, int64_t size, int64_t step);

/* The axes from `first` to `last`, including both, as one axis. */
tg_tensor tg_flatten(tg_tensor x, int first, int last);

/* x without its axes of size 1, or without the given axes, which must have size 1. */
tg_tensor tg_squeeze(tg_tensor x);
tg_tensor tg_squeeze_axes(tg_tensor x, tg_axes axes);

/* x with an additional axis of size 1, which has the index `axis` in the result. */
tg_tensor tg_unsqueeze(tg_tensor x, int axis);

/* The value of x; no gradient flows through it. */
tg_tensor tg_detach(tg_tensor x);

static inline tg_status tgi_assign_slice(tg_tensor leaf, tg_tensor value, int axis, int64_t start, int64_t stop, int64_t step) {
    return tg_assign_slice(leaf, axis, start, stop, step, value);
}
#define tg_assign_slice(leaf, axis, start, stop, step, value) \
    TG_CALL2_WITH(tgi_assign_slice, leaf, value, axis, start, stop, step)
#define tg_slice(x, ...) TG_CALL1_WITH(tg_slice, x, __VA_ARGS__)
#define tg_select(x, ...) TG_CALL1_WITH(tg_select, x, __VA_ARGS__)
#define tg_flip(x, ...) TG_CALL1_WITH(tg_flip, x, __VA_ARGS__)
#define tg_diagonal(x, ...) TG_CALL1_WITH(tg_diagonal, x, __VA_ARGS__)
#define tg_unfold(x, ...) TG_CALL1_WITH(tg_unfold, x, __VA_ARGS__)
#define tg_flatten(x, ...) TG_CALL1_WITH(tg_flatten, x, __VA_ARGS__)
#define tg_squeeze(x) TG_CALL1(tg_squeeze, x)
#define tg_squeeze_axes(x, ...) TG_CALL1_WITH(tg_squeeze_axes, x, __VA_ARGS__)
#define tg_unsqueeze(x, ...) TG_CALL1_WITH(tg_unsqueeze, x, __VA_ARGS__)
#define tg_detach(x) TG_CALL1(tg_detach, x)

/* ---- diagonals and triangles of matrices ------------------------------------------------------------------------- */

/* For a vector: the square matrix that has it as its diagonal, and zeros elsewhere. For a matrix: its diagonal. An offset above 0
 * is a diagonal above the main one, an offset below 0 one below it. */
tg_tensor tg_diag(tg_tensor x, int64_t offset);

/* The same for the vectors along the last axis: (..., n) gives (..., m, m), where m is n plus the distance of the diagonal from the
 * main one. tg_diagonal(x, offset, -2, -1) is the way back. */
tg_tensor tg_diag_embed(tg_tensor x, int64_t offset);

/* The constant matrix with ones on its diagonal, and zeros. Sizes are at least 0 (TG_ERR_ARGUMENT). */
tg_tensor tg_eye(tg_tape *tape, tg_dtype dtype, int64_t rows, int64_t columns);

/* The lower and the upper triangle of the matrices in the last two axes. tg_tril has zeros above the diagonal at this offset,
 * tg_triu zeros below it. */
tg_tensor tg_tril(tg_tensor x, int64_t offset);
tg_tensor tg_triu(tg_tensor x, int64_t offset);

/* The lower triangle of square matrices, with the diagonal, row after row: (..., n, n) gives (..., n (n + 1) / 2). x[1][1] follows
 * x[1][0], as in NumPy's tril_indices. And the way back, which puts zeros above the diagonal. The last axis of a packed triangle has
 * such a size: 0, 1, 3, 6, ... */
tg_tensor tg_tril_pack(tg_tensor x);
tg_tensor tg_tril_unpack(tg_tensor x);

#define tg_diag(x, ...) TG_CALL1_WITH(tg_diag, x, __VA_ARGS__)
#define tg_diag_embed(x, ...) TG_CALL1_WITH(tg_diag_embed, x, __VA_ARGS__)
#define tg_eye(tape, ...) TG_TAPE_CALL(tg_eye, tape, __VA_ARGS__)
#define tg_tril_pack(x) TG_CALL1(tg_tril_pack, x)
#define tg_tril_unpack(x) TG_CALL1(tg_tril_unpack, x)
#define tg_tril(x, ...) TG_CALL1_WITH(tg_tril, x, __VA_ARGS__)
#define tg_triu(x, ...) TG_CALL1_WITH(tg_triu, x, __VA_ARGS__)

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

/* The constant start, start + step, start + 2 step, ... up to but not including stop, as NumPy's arange. The step may be negative,
 * but not 0. float32 and float64; int64 with a start and a step that are integers, and elements that int64 holds
 * (TG_ERR_ARGUMENT). For a grid, take one range for each axis, place
 * it with tg_unsqueeze, and broadcast. */
tg_tensor tg_arange(tg_tape *tape, tg_dtype dtype, double start, double stop, double step);
#define tg_arange(tape, ...) TG_TAPE_CALL(tg_arange, tape, __VA_ARGS__)

/* ---- concatenation and its opposite ------------------------------------------------------------------------------ */

/* A list of tensors: TG_LIST(a, b, c), or tg_list_from(count, x) for an array, which is not copied and must live until the call
 * that takes the list returns. That of TG_LIST lives to the end of its block in C, to the end of its statement in C++. */
typedef struct tg_list {
    int              count;
    const tg_tensor *x;
} tg_list;
tg_list tg_list_from(int count, const tg_tensor *x);
#define TG_LIST(...) TGI_ARRAY_CALL(tg_list_from, tg_tensor, {0}, __VA_ARGS__)

/* The tensors, at least one, one after another along an axis. They have one dtype, and the same sizes along all other axes. */
tg_tensor tg_concat(tg_list x, int axis);

/* The tensors, which have one dtype and shape, along a new axis, which has the index `axis` in the result. */
tg_tensor tg_stack(tg_list x, int axis);

/* Cuts x along an axis into parts of the given sizes, which add up to the size of the axis. Fills parts[0] to parts[count - 1] with
 * views. */
tg_status tg_split(tg_tensor x, int axis, int count, const int64_t *sizes, tg_tensor *parts);

/* Cuts x along an axis into `count` views of the same size, as PyTorch's chunk. If the axis cannot be divided evenly, the last ones
 * are smaller, and may be empty (PyTorch gives fewer). */
tg_status tg_chunk(tg_tensor x, int axis, int count, tg_tensor *parts);

/* The slices along an axis, which is removed: parts[i] becomes the view tg_select(x, axis, i). `count` must be the size of the axis. The
 * opposite of tg_stack, as PyTorch's unbind. */
tg_status tg_unstack(tg_tensor x, int axis, int count, tg_tensor *parts);

#define tg_concat(list, ...) TG_LIST_CALL_WITH(tg_concat, list, __VA_ARGS__)
#define tg_stack(list, ...) TG_LIST_CALL_WITH(tg_stack, list, __VA_ARGS__)
#define tg_split(x, ...) TG_CALL1_WITH(tg_split, x, __VA_ARGS__)
#define tg_chunk(x, ...) TG_CALL1_WITH(tg_chunk, x, __VA_ARGS__)
#define tg_unstack(x, ...) TG_CALL1_WITH(tg_unstack, x, __VA_ARGS__)

/* ---- padding and repetition -------------------------------------------------------------------------------------- */

typedef enum tg_pad_mode {
    TG_PAD_CONSTANT, /* the given value */
    TG_PAD_REFLECT,  /* x mirrored at its first or last element, 1 2 3 as 3 2 1 2 3 2 1; at most size - 1 elements on a side */
    TG_PAD_EDGE      /* the first or the last element repeated */
} tg_pad_mode;

/* x with `before` more elements before it along an axis, and `after` more after it. `value` is used by TG_PAD_CONSTANT only. */
tg_tensor tg_pad(tg_tensor x, int axis, int64_t before, int64_t after, tg_pad_mode mode, double value);

/* The elements moved by `shift` along an axis: element i becomes element i + shift, and those past the end come in at the start. */
tg_tensor tg_roll(tg_tensor x, int axis, int64_t shift);

/* Each element along an axis `count` times: 1 2 3 gives 1 1 2 2 3 3. As NumPy's repeat. */
tg_tensor tg_repeat(tg_tensor x, int axis, int64_t count);

/* x `count` times along an axis: 1 2 3 gives 1 2 3 1 2 3. */
tg_tensor tg_tile(tg_tensor x, int axis, int64_t count);

#define tg_pad(x, ...) TG_CALL1_WITH(tg_pad, x, __VA_ARGS__)
#define tg_roll(x, ...) TG_CALL1_WITH(tg_roll, x, __VA_ARGS__)
#define tg_repeat(x, ...) TG_CALL1_WITH(tg_repeat, x, __VA_ARGS__)
#define tg_tile(x, ...) TG_CALL1_WITH(tg_tile, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
