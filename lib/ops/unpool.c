/* ops/unpool.c: max pooling with adaptive windows; the way back from a max pooling.
 *
 * Both are made of an image as one axis: elements are gathered from it by their indices, or scattered into zeros.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <string.h>

#include "ops/ops.h"

/* ---- adaptive_max_pool: where the largest elements are ------------------------------------------------------------ */

/* The result's sizes; over one axis the first is 1. */
typedef struct adaptive_attr {
    int64_t axes, size[2];
} adaptive_attr;

static tg_status infer_adaptive(tg_infer *call) {
    const adaptive_attr *attr = call->attr;
    const tg_type       *x = &call->in[0];
    int                  axes = (int)attr->axes, before = x->rank - axes;
    if (tgi_require_dtype(call, x->dtype, TGI_FLOATS)) return call->tape->status;
    if (before != 1 && before != 2)
        return tg_refuse(call, TG_ERR_SHAPE,
                         axes == 2 ? "the image is (N, C, H, W) or (C, H, W)" : "the image is (N, C, L) or (C, L)");
    call->out = (tg_type){.dtype = TG_I64, .rank = x->rank, .dims = call->dims};
    memcpy(call->dims, x->dims, (size_t)before * sizeof(int64_t));
    for (int i = 0; i < axes; i++) {
        int64_t size = attr->size[2 - axes + i], n = x->dims[before + i];
        if (tgi_check_setting(call, "size", size, 1)) return call->tape->status;
        if (n < 1 || n > TGI_LARGEST_SETTING) return tg_refuse(call, TG_ERR_SHAPE, "the image has no elements, or too many");
        call->dims[before + i] = size;
    }
    return TG_OK;
}

/* Along an axis of n elements as `size` windows: where window i begins, and where it ends before. */
static int64_t start_of(int64_t i, int64_t n, int64_t size) {
    return i * n / size;
}

static int64_t end_of(int64_t i, int64_t n, int64_t size) {
    return ((i + 1) * n + size - 1) / size;
}

/* The first of the largest elements, or the last NaN, in a window of an image of rows x columns. */
#define DEFINE_LARGEST(suffix, T) \
    static int64_t largest_##suffix(const T *x, int64_t columns, const int64_t *from, const int64_t *to) { \
        int64_t best = from[0] * columns + from[1]; \
        for (int64_t i = from[0]; i < to[0]; i++) \
            for (int64_t j = from[1]; j < to[1]; j++) { \
                T a = x[i * columns + j]; \
                if (a > x[best] || a != a) best = i * columns + j; \
            } \
        return best; \
    } \
    static void all_largest_##suffix(int64_t images, const int64_t *n, const int64_t *size, const T *x, int64_t *out) { \
        for (; images > 0; images--, x += n[0] * n[1]) \
            for (int64_t i = 0; i < size[0]; i++) \
                for (int64_t j = 0; j < size[1]; j++) { \
                    int64_t from[2] = {start_of(i, n[0], size[0]), start_of(j, n[1], size[1])}; \
                    int64_t to[2] = {end_of(i, n[0], size[0]), end_of(j, n[1], size[1])}; \
                    *out++ = largest_##suffix(x, n[1], from, to); \
                } \
    }
DEFINE_LARGEST(f32, float)
DEFINE_LARGEST(f64, double)

static tg_status adaptive_kernel(tg_kernel_call *call) {
    const adaptive_attr *attr = call->attr;
    const tg_array      *x = &call->in[0];
    int                  axes = (int)attr->axes, before = x->rank - axes;
    const void          *from = tg_contiguous(call, 0);
    int64_t              n[2] = {axes == 2 ? x->dims[before] : 1, x->dims[x->rank - 1]}, images = tgi_size(before, x->dims);
    if (!from) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(x->dtype, all_largest, images, n, attr->size, from, call->out.data);
}

/* The last axes, which are one image, as one. */
static tg_tensor flat(tg_tensor x, int axes) {
    return axes == 1 ? x : tg_flatten(x, -axes, -1);
}

static tg_tensor adaptive_max_pool(const tg_op *op, tg_tensor x, const adaptive_attr *attr, tg_tensor *indices) {
    tg_tape *tape = tgi_tape_of(x);
    int      axes = (int)attr->axes;
    if (indices) *indices = tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, op->name);
    tg_tensor index = tg_record(NULL, op, 1, &x, attr, sizeof *attr);
    if (!tg_valid(index)) return tg_end_scope_with(scope, index);
    if (indices) *indices = tg_keep_result(scope, index);
    return tg_end_scope_with(scope, tg_reshape(tg_gather(flat(x, axes), flat(index, axes), -1), tg_shape_of(index)));
}

tg_tensor(tg_adaptive_max_pool1d)(tg_tensor x, int64_t size, tg_tensor *indices) {
    static const tg_op op = {"adaptive_max_pool1d", 1, infer_adaptive, .kernel = adaptive_kernel};
    return adaptive_max_pool(&op, x, &(adaptive_attr){1, {1, size}}, indices);
}

tg_tensor(tg_adaptive_max_pool2d)(tg_tensor x, int64_t height, int64_t width, tg_tensor *indices) {
    static const tg_op op = {"adaptive_max_pool2d", 1, infer_adaptive, .kernel = adaptive_kernel};
    return adaptive_max_pool(&op, x, &(adaptive_attr){2, {height, width}}, indices);
}

/* ---- max_unpool -------------------------------------------------------------------------------------------------- */

static tg_status check_unpool(const tg_operands *o, int axes, const int64_t *size) {
    const tg_type *x = &o->type[0], *index = &o->type[1];
    if (index->dtype != TG_I64) return tg_refuse_operands(o, TG_ERR_DTYPE, "the indices must be int64");
    if (x->rank != axes + 1 && x->rank != axes + 2)
        return tg_refuse_operands(o, TG_ERR_SHAPE,
                                  axes == 2 ? "the image is (N, C, H, W) or (C, H, W)" : "the image is (N, C, L) or (C, L)");
    if (!tgi_same_dims(x->rank, x->dims, index->rank, index->dims))
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the shapes of the image and of the indices differ");
    for (int i = 0; i < axes; i++)
        if (size[i] < 0 || size[i] > TGI_LARGEST_SETTING)
            return tg_refuse_operands(o, TG_ERR_ARGUMENT, "size %lld is not from 0 to %lld", (long long)size[i],
                                      (long long)TGI_LARGEST_SETTING);
    return TG_OK;
}

static tg_tensor max_unpool(const char *what, tg_tensor x, tg_tensor indices, int axes, const int64_t *size) {
    tg_operands o;
    if (tg_check_operands(&o, what, 2, 2, (tg_tensor[]){x, indices}) || check_unpool(&o, axes, size))
        return tgi_invalid(o.tape);
    tg_shape image = tg_shape_of(x), row = image;
    row.rank -= axes - 1;
    row.dims[row.rank - 1] = tgi_size(axes, size);
    for (int i = 0; i < axes; i++)
        image.dims[image.rank - axes + i] = size[i];
    tg_scope  scope = tg_begin_scope(o.tape, what);
    tg_tensor zeros = tgi_full(o.tape, what, o.type[0].dtype, row, 0);
    return tg_end_scope_with(scope, tg_reshape(tg_scatter(zeros, flat(indices, axes), flat(x, axes), -1), image));
}

tg_tensor(tg_max_unpool1d)(tg_tensor x, tg_tensor indices, int64_t size) {
    return max_unpool("max_unpool1d", x, indices, 1, &size);
}

tg_tensor(tg_max_unpool2d)(tg_tensor x, tg_tensor indices, int64_t height, int64_t width) {
    return max_unpool("max_unpool2d", x, indices, 2, (int64_t[]){height, width});
}
