/* ops/conv_batch.c: many convolutions at once are one convolution: of more images, where the kernel is the same for all; or of more channels
 * in more groups.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/batched.h"
#include "ops/conv.h"

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
    return images_alone ? tgi_batch_images(call, 1) : as_more_groups(call, 1, false);
}

tg_tensor tgi_conv_weight_batch(const tg_batch_call *call) {
    return as_more_groups(call, 2, true);
}
