/* ops/conv_batch.c: many convolutions at once are one convolution: of more images, where the kernel is the same for all; or of more channels
 * in more groups.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/batched.h"
#include "ops/conv.h"

/* Images, (N, C, ...), of all parts as more images; and the results of those as theirs. */
static tg_tensor as_more_images(const tg_batch_call *call) {
    const tgi_conv_attr *attr = call->attr;
    tg_shape             part = tgi_shape_of_part(call, 0), all = {.rank = 1}, y = {.rank = 1, .dims = {call->size}};
    bool                 single = part.rank == (int)attr->axes + 1;
    all.dims[0] = call->size * (single ? 1 : part.dims[0]);
    tgi_add_axes(&all, part.rank - !single, part.dims + !single);
    tg_tensor x[] = {tg_reshape(call->x[0], all), call->x[1], call->count > 2 ? call->x[2] : TG_NONE};
    tg_tensor result = tg_record(NULL, call->op, call->count, x, attr, sizeof *attr);
    if (!tg_valid(result)) return result;
    all = tg_shape_of(result);
    if (!single) tgi_add_axes(&y, 1, part.dims);
    tgi_add_axes(&y, all.rank - 1, all.dims + 1);
    return tg_reshape(result, y);
}

/* Axes `at` and `at` + 1 as one; and that one as `size` times another. */
static tg_tensor join_axes(tg_tensor x, int at) {
    tg_shape from = tg_shape_of(x), to = {.rank = 0};
    tgi_add_axes(&to, at + 1, from.dims);
    to.dims[at] *= from.dims[at + 1];
    tgi_add_axes(&to, from.rank - at - 2, from.dims + at + 2);
    return tg_reshape(x, to);
}

static tg_tensor split_axis(tg_tensor x, int at, int64_t size) {
    tg_shape      from = tg_shape_of(x), to = {.rank = 0};
    const int64_t rest = tg_valid(x) ? from.dims[at] / size : 0;
    tgi_add_axes(&to, at, from.dims);
    tgi_add_axes(&to, 1, &size);
    tgi_add_axes(&to, 1, &rest);
    tgi_add_axes(&to, from.rank - at - 1, from.dims + at + 1);
    return tg_valid(x) ? tg_reshape(x, to) : x;
}

/* The channels of all parts, in as many more groups: images (N, C, ...) as (N, size C, ...), kernels and biases (C, ...) as
 * (size C, ...). */
static tg_tensor as_more_groups(const tg_batch_call *call, int images, bool gives_kernel) {
    tgi_conv_attr attr = *(const tgi_conv_attr *)call->attr;
    bool          single = tgi_shape_of_part(call, 0).rank == (int)attr.axes + 1;
    tg_tensor     x[3];
    attr.groups *= call->size;
    for (int j = 0; j < call->count; j++) {
        bool moves = j < images && !single;
        x[j] = join_axes(moves ? tg_transpose(tg_batched(call, j), 0, 1) : tg_batched(call, j), moves);
    }
    tg_tensor y = tg_record(NULL, call->op, call->count, x, &attr, sizeof attr);
    if (single || gives_kernel) return split_axis(y, 0, call->size);
    return tg_transpose(split_axis(y, 1, call->size), 0, 1);
}

tg_tensor tgi_conv_batch(const tg_batch_call *call) {
    bool images_alone = !call->has_axis[1] && (call->count < 3 || !call->has_axis[2]);
    return images_alone ? as_more_images(call) : as_more_groups(call, 1, false);
}

tg_tensor tgi_conv_weight_batch(const tg_batch_call *call) {
    return as_more_groups(call, 2, true);
}
