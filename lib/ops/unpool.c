/* ops/unpool.c: max pooling with adaptive windows; the way back from a max pooling.
 *
 * Both are made of an image as one axis: elements are gathered from it by their indices, or scattered into zeros.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <inttypes.h>
#include <string.h>

#include "ops/batched.h"
#include "ops/c_text.h"

/* ---- adaptive_max_pool: where the largest elements are ------------------------------------------------------------ */

/* The result's sizes along the image's axes, which are the last ones of three; along the others 1. */
typedef struct adaptive_attr {
    int64_t axes, size[3];
} adaptive_attr;

static tg_status infer_adaptive(tg_infer *call) {
    const adaptive_attr *attr = call->attr;
    const tg_type       *x = &call->in[0];
    int                  axes = (int)attr->axes, before = x->rank - axes;
    if (tgi_require_dtype(call, x->dtype, TGI_FLOATS)) return call->tape->status;
    if (before != 1 && before != 2) return tg_refuse(call, TG_ERR_SHAPE, "the image is %s", tgi_image_text(axes));
    call->out = (tg_type){.dtype = TG_I64, .rank = x->rank, .dims = call->dims};
    memcpy(call->dims, x->dims, (size_t)before * sizeof(int64_t));
    for (int i = 0; i < axes; i++) {
        int64_t size = attr->size[3 - axes + i], n = x->dims[before + i];
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

/* The first of the largest elements, or the last NaN, in a window of an image of n[0] x n[1] x n[2] elements. */
#define DEFINE_LARGEST(suffix, T) \
    static int64_t largest_##suffix(const T *x, const int64_t *n, const int64_t *from, const int64_t *to) { \
        int64_t best = (from[0] * n[1] + from[1]) * n[2] + from[2]; \
        for (int64_t i = from[0]; i < to[0]; i++) \
            for (int64_t j = from[1]; j < to[1]; j++) \
                for (int64_t k = from[2], at = (i * n[1] + j) * n[2] + k; k < to[2]; k++, at++) \
                    if (x[at] > x[best] || x[at] != x[at]) best = at; \
        return best; \
    } \
    static void all_largest_##suffix(int64_t images, const int64_t *n, const int64_t *size, const T *x, int64_t *out) { \
        int64_t windows = size[0] * size[1] * size[2]; \
        for (; images > 0; images--, x += n[0] * n[1] * n[2]) \
            for (int64_t w = 0; w < windows; w++) { \
                int64_t at[3] = {w / size[2] / size[1], w / size[2] % size[1], w % size[2]}, from[3], to[3]; \
                for (int a = 0; a < 3; a++) \
                    from[a] = start_of(at[a], n[a], size[a]), to[a] = end_of(at[a], n[a], size[a]); \
                *out++ = largest_##suffix(x, n, from, to); \
            } \
    }
DEFINE_LARGEST(f32, float)
DEFINE_LARGEST(f64, double)

static tg_status adaptive_kernel(tg_kernel_call *call) {
    const adaptive_attr *attr = call->attr;
    const tg_array      *x = &call->in[0];
    int                  axes = (int)attr->axes, before = x->rank - axes;
    const void          *from = tg_contiguous(call, 0);
    int64_t              n[3] = {1, 1, 1}, images = tgi_size(before, x->dims);
    if (!from) return TG_ERR_MEMORY;
    memcpy(n + 3 - axes, x->dims + before, (size_t)axes * sizeof *n);
    return TGI_DISPATCH_FLOATS(x->dtype, all_largest, images, n, attr->size, from, call->out.data);
}

static void adaptive_emit(tg_emit_call *call) {
    static const char *const window[] = {"i", "j", "k"}, *const element[] = {"ii", "jj", "kk"};
    const adaptive_attr *attr = call->attr;
    const tg_type       *x = &call->in[0];
    int                  axes = (int)attr->axes, before = x->rank - axes;
    int64_t              n[3] = {1, 1, 1}, images = tgi_size(before, x->dims);
    memcpy(n + 3 - axes, x->dims + before, (size_t)axes * sizeof *n);
    tg_emit(call, "$for(n, %" PRId64 ")", images);
    for (int a = 0; a < 3; a++) {
        const char *i = window[a];
        tg_emit(call, "$for(%s, %" PRId64 ")\nconst $I from%d_ = ($I)((int64_t)%s * %" PRId64 " / %" PRId64 ");", i,
                attr->size[a], a, i, n[a], attr->size[a]);
        tg_emit(call, "const $I end%d_ = ($I)((((int64_t)%s + 1) * %" PRId64 " + %" PRId64 ") / %" PRId64 ");", a, i, n[a],
                attr->size[a] - 1, attr->size[a]);
    }
    tg_emit(call, "$I best = (from0_ * %" PRId64 " + from1_) * %" PRId64 " + from2_;", n[1], n[2]);
    for (int a = 0; a < 3; a++)
        tg_emit(call, "for ($I %s = from%d_; %s < end%d_; %s++) {", element[a], a, element[a], a, element[a]);
    tg_emit(call, "const $I pos = (ii * %" PRId64 " + jj) * %" PRId64 " + kk;", n[1], n[2]);
    tg_emit(call, "const $T0 x_ = $0[#n * %" PRId64 " + pos];", n[0] * n[1] * n[2]);
    tg_emit(call, "if (x_ > $0[#n * %" PRId64 " + best] || x_ != x_) best = pos;\n}\n}\n}", n[0] * n[1] * n[2]);
    tg_emit(call, "$y[#((n * %" PRId64 " + i) * %" PRId64 " + j) * %" PRId64 " + k] = best;\n}\n}\n}\n}", attr->size[0],
            attr->size[1], attr->size[2]);
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
    static const tg_op op = {"adaptive_max_pool1d",     1, infer_adaptive, .kernel = adaptive_kernel, .emit = adaptive_emit,
                             .batch = tgi_batch_pooling};
    return adaptive_max_pool(&op, x, &(adaptive_attr){1, {1, 1, size}}, indices);
}

tg_tensor(tg_adaptive_max_pool2d)(tg_tensor x, int64_t height, int64_t width, tg_tensor *indices) {
    static const tg_op op = {"adaptive_max_pool2d",     1, infer_adaptive, .kernel = adaptive_kernel, .emit = adaptive_emit,
                             .batch = tgi_batch_pooling};
    return adaptive_max_pool(&op, x, &(adaptive_attr){2, {1, height, width}}, indices);
}

tg_tensor(tg_adaptive_max_pool3d)(tg_tensor x, int64_t depth, int64_t height, int64_t width, tg_tensor *indices) {
    static const tg_op op = {"adaptive_max_pool3d",     1, infer_adaptive, .kernel = adaptive_kernel, .emit = adaptive_emit,
                             .batch = tgi_batch_pooling};
    return adaptive_max_pool(&op, x, &(adaptive_attr){3, {depth, height, width}}, indices);
}

/* ---- max_unpool -------------------------------------------------------------------------------------------------- */

static tg_status check_unpool(const tg_operands *o, int axes, const int64_t *size) {
    const tg_type *x = &o->type[0], *index = &o->type[1];
    if (index->dtype != TG_I64) return tg_refuse_operands(o, TG_ERR_DTYPE, "the indices must be int64");
    if (x->rank != axes + 1 && x->rank != axes + 2)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the image is %s", tgi_image_text(axes));
    if (!tgi_same_dims(x->rank, x->dims, index->rank, index->dims))
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the shapes of the image and of the indices differ");
    for (int i = 0; i < axes; i++)
        if (size[i] < 0 || size[i] > TGI_LARGEST_SETTING)
            return tg_refuse_operands(o, TG_ERR_ARGUMENT, "size %lld is not from 0 to %lld", (long long)size[i],
                                      (long long)TGI_LARGEST_SETTING);
    if (tgi_checked_size(axes, size) < 0) return tg_refuse_operands(o, TG_ERR_SHAPE, "the image would have too many elements");
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

tg_tensor(tg_max_unpool3d)(tg_tensor x, tg_tensor indices, int64_t depth, int64_t height, int64_t width) {
    return max_unpool("max_unpool3d", x, indices, 3, (int64_t[]){depth, height, width});
}
