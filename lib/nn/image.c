/* nn/image.c: images whose elements go to other places: pixels between channels, blocks to columns and back; pooling by a power.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "core/inside.h"

static tg_status refuse(const tg_operands *o, const char *why) {
    return tg_refuse_operands(o, TG_ERR_SHAPE, "%s", why);
}

static tg_shape shape_of(const tg_operands *o) {
    return tg_shape_from(o->type[0].rank, o->type[0].dims);
}

/* ---- pixels and channels ----------------------------------------------------------------------------------------- */

/* (..., C, H, W), which has three axes at least. */
static tg_status check_pixels(tg_operands *o, const char *name, tg_tensor x, int64_t factor) {
    if (tg_check_operands(o, name, 1, 1, &x)) return tg_error_status(o->tape);
    if (o->type[0].rank < 3) return refuse(o, "x has no axes (..., C, H, W)");
    return tg_check_option(o->tape, name, "factor", (double)factor, 1, INT32_MAX, TG_CLOSED);
}

/* The axes before the last three count as one, of so many images. */
static int64_t images_of(const tg_operands *o) {
    return tg_shape_size(tg_shape_from(o->type[0].rank - 3, o->type[0].dims));
}

/* x in six axes, which are then put in another order and joined to (C, H, W). */
static tg_tensor moved(const tg_operands *o, tg_tensor x, tg_shape six, tg_axes order, int64_t c, int64_t h, int64_t w) {
    tg_shape shape = shape_of(o);
    shape.dims[shape.rank - 3] = c;
    shape.dims[shape.rank - 2] = h;
    shape.dims[shape.rank - 1] = w;
    return tg_reshape(tg_permute(tg_reshape(x, six), order), shape);
}

tg_tensor(tg_pixel_shuffle)(tg_tensor x, int64_t factor) {
    tg_operands o;
    if (check_pixels(&o, "pixel_shuffle", x, factor)) return tg_invalid(o.tape);
    const int64_t *size = o.type[0].dims + o.type[0].rank - 3, r = factor, c = size[0] / (r * r), h = size[1], w = size[2];
    if (size[0] % (r * r) != 0) {
        tg_refuse_operands(&o, TG_ERR_SHAPE, "%" PRId64 " channels are not divided by %" PRId64 " squared", size[0], r);
        return tg_invalid(o.tape);
    }
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    tg_shape six = {6, {images_of(&o), c, r, r, h, w}};
    return tg_end_scope_with(scope, moved(&o, x, six, TG_AXES(0, 1, 4, 2, 5, 3), c, h * r, w * r));
}

tg_tensor(tg_pixel_unshuffle)(tg_tensor x, int64_t factor) {
    tg_operands o;
    if (check_pixels(&o, "pixel_unshuffle", x, factor)) return tg_invalid(o.tape);
    const int64_t *size = o.type[0].dims + o.type[0].rank - 3, r = factor, c = size[0], h = size[1] / r, w = size[2] / r;
    if (size[1] % r != 0 || size[2] % r != 0) {
        tg_refuse_operands(&o, TG_ERR_SHAPE, "height and width are not divided by %" PRId64, r);
        return tg_invalid(o.tape);
    }
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    tg_shape six = {6, {images_of(&o), c, h, r, w, r}};
    return tg_end_scope_with(scope, moved(&o, x, six, TG_AXES(0, 1, 3, 5, 2, 4), c * r * r, h, w));
}

/* ---- blocks and columns ------------------------------------------------------------------------------------------ */

typedef struct blocks {
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    int64_t image[2]; /* with the padding */
    int64_t count[2]; /* how many blocks there are along each axis */
} blocks;

/* The blocks of an image of height x width. */
static tg_status take_blocks(const tg_operands *o, const int64_t *size, int64_t height, int64_t width,
                             const tg_conv_options *options, blocks *b) {
    const tg_conv_options c = options ? *options : (tg_conv_options){0};
    *b = (blocks){.kernel = {height, width}};
    for (int i = 0; i < 2; i++) {
        const int64_t values[] = {height, width, c.stride[i], c.padding[i], c.dilation[i], size[i]};
        for (int k = 0; k < 6; k++)
            if (values[k] < (k < 2) || values[k] > INT32_MAX)
                return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name,
                               "a kernel, a stride, a padding, a dilation or a size is out of range");
        b->stride[i] = c.stride[i] ? c.stride[i] : 1;
        b->dilation[i] = c.dilation[i] ? c.dilation[i] : 1;
        b->padding[i] = c.padding[i];
        b->image[i] = size[i] + 2 * b->padding[i];
        int64_t rest = b->image[i] - b->dilation[i] * (b->kernel[i] - 1) - 1;
        if (rest < 0) return refuse(o, "a block does not go into the image with its padding");
        b->count[i] = rest / b->stride[i] + 1;
    }
    return (double)b->image[0] * (double)b->image[1] < 0x1p40 ? TG_OK : refuse(o, "the image with its padding is too large");
}

static tg_tensor padded(const blocks *b, tg_tensor x) {
    for (int i = 0; i < 2; i++)
        if (b->padding[i]) x = tg_pad(x, i - 2, b->padding[i], b->padding[i], TG_PAD_CONSTANT, 0);
    return x;
}

/* Of padded images (..., H, W) the columns (..., KH, KW, LH, LW), a view. */
static tg_tensor columns_of(const blocks *b, tg_tensor x) {
    if (!tg_valid(x)) return x;
    int rank = tg_shape_of(x).rank;
    for (int i = 0; i < 2; i++) {
        tg_tensor windows = tg_unfold(x, rank - 2 + i, b->dilation[i] * (b->kernel[i] - 1) + 1, b->stride[i]);
        x = tg_slice(windows, -1, 0, TG_END, b->dilation[i]);
    }
    tg_axes axes = {.count = rank + 2};
    for (int i = 0; i < axes.count; i++)
        axes.axis[i] = i < rank - 2 ? i : i < rank ? i + 2 : i - 2;
    return tg_permute(x, axes);
}

static tg_shape batch_of(const tg_operands *o, int last) {
    return tg_shape_from(o->type[0].rank - last, o->type[0].dims);
}

tg_tensor(tg_im2col)(tg_tensor x, int64_t height, int64_t width, const tg_conv_options *options) {
    tg_operands    o;
    blocks         b;
    const tg_type *type = &o.type[0];
    if (tg_check_operands(&o, "im2col", 1, 1, &x) || tg_check_floating(&o, 1)) return tg_invalid(o.tape);
    if (type->rank != 3 && type->rank != 4) {
        refuse(&o, "x must be (N, C, H, W) or (C, H, W)");
        return tg_invalid(o.tape);
    }
    int64_t channels = type->dims[type->rank - 3];
    if (take_blocks(&o, type->dims + type->rank - 2, height, width, options, &b)) return tg_invalid(o.tape);
    if ((double)channels * (double)(height * width) > 0x1p60) {
        refuse(&o, "there are too many channels");
        return tg_invalid(o.tape);
    }
    tg_shape shape = batch_of(&o, 3);
    shape.dims[shape.rank++] = channels * height * width;
    shape.dims[shape.rank++] = b.count[0] * b.count[1];
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, tg_reshape(columns_of(&b, padded(&b, x)), shape));
}

/* Each element is added to the pixel from which im2col would take it. */
static tg_tensor added_up(const tg_operands *o, const blocks *b, tg_tensor x, int64_t images) {
    int64_t   pixels = b->image[0] * b->image[1], elements = b->kernel[0] * b->kernel[1] * b->count[0] * b->count[1];
    tg_tensor places = tg_reshape(tg_arange(o->tape, TG_I64, 0, (double)pixels, 1), TG_SHAPE(b->image[0], b->image[1]));
    tg_tensor index = tg_broadcast_to(tg_reshape(columns_of(b, places), TG_SHAPE(1, elements)), TG_SHAPE(images, elements));
    tg_tensor zeros = tg_broadcast_to(tg_number(o->tape, o->type[0].dtype, 0), TG_SHAPE(images, pixels));
    return tg_scatter_add(zeros, index, tg_reshape(x, TG_SHAPE(images, elements)), 1);
}

static tg_status check_columns(const tg_operands *o, const blocks *b) {
    const tg_type *x = &o->type[0];
    int64_t        rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
    if (rows % (b->kernel[0] * b->kernel[1]) != 0)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "%" PRId64 " rows are not divided into blocks of %" PRId64 " x %" PRId64,
                                  rows, b->kernel[0], b->kernel[1]);
    if (columns == b->count[0] * b->count[1]) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the image has %" PRId64 " x %" PRId64 " blocks", b->count[0], b->count[1]);
}

tg_tensor(tg_col2im)(tg_tensor x, tg_shape size, int64_t height, int64_t width, const tg_conv_options *options) {
    tg_operands    o;
    blocks         b;
    const tg_type *type = &o.type[0];
    if (tg_check_operands(&o, "col2im", 1, 1, &x) || tg_check_floating(&o, 1)) return tg_invalid(o.tape);
    if ((type->rank != 2 && type->rank != 3) || size.rank != 2) {
        refuse(&o, "x must be (N, C KH KW, L) or (C KH KW, L), and the size (H, W)");
        return tg_invalid(o.tape);
    }
    if (take_blocks(&o, size.dims, height, width, options, &b) || check_columns(&o, &b)) return tg_invalid(o.tape);
    tg_shape shape = batch_of(&o, 2);
    shape.dims[shape.rank++] = type->dims[type->rank - 2] / (height * width);
    int64_t images = tg_shape_size(shape);
    shape.dims[shape.rank++] = b.image[0];
    shape.dims[shape.rank++] = b.image[1];
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor y = tg_reshape(added_up(&o, &b, x, images), shape);
    for (int i = 0; i < 2; i++)
        if (b.padding[i]) y = tg_slice(y, i - 2, b.padding[i], b.padding[i] + size.dims[i], 1);
    return tg_end_scope_with(scope, y);
}

/* ---- pooling by a power ------------------------------------------------------------------------------------------ */

/* The root of the sum, which is the mean of a window times its size; 0, with a gradient of 0, for a sum of 0. */
static tg_tensor root(tg_tensor mean, double size, double p) {
    tg_tensor sum = tg_mul(mean, size), none = tg_eq(sum, 0);
    return tg_where(none, 0, tg_pow(tg_where(none, 1, sum), 1 / p));
}

static tg_status check_power(tg_operands *o, const char *name, tg_tensor x, double p, const tg_pool_options *options) {
    if (tg_check_operands(o, name, 1, 1, &x) || tg_check_floating(o, 1)) return tg_error_status(o->tape);
    if (options && options->exclude_pad)
        return tg_fail(o->tape, TG_ERR_ARGUMENT, name, "exclude_pad is an option of tg_avg_pool only");
    return tg_check_option(o->tape, name, "p", p, 0, INFINITY, TG_OPEN);
}

tg_tensor(tg_lp_pool1d)(tg_tensor x, double p, int64_t size, const tg_pool_options *options) {
    tg_operands o;
    if (check_power(&o, "lp_pool1d", x, p, options)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, root(tg_avg_pool1d(tg_pow(x, p), size, options), (double)size, p));
}

tg_tensor(tg_lp_pool2d)(tg_tensor x, double p, int64_t height, int64_t width, const tg_pool_options *options) {
    tg_operands o;
    if (check_power(&o, "lp_pool2d", x, p, options)) return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor mean = tg_avg_pool2d(tg_pow(x, p), height, width, options);
    return tg_end_scope_with(scope, root(mean, (double)height * (double)width, p));
}

tg_tensor(tg_lp_pool3d)(tg_tensor x, double p, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options) {
    tg_operands o;
    if (check_power(&o, "lp_pool3d", x, p, options)) return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor mean = tg_avg_pool3d(tg_pow(x, p), depth, height, width, options);
    return tg_end_scope_with(scope, root(mean, (double)depth * (double)height * (double)width, p));
}
