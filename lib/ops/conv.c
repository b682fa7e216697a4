/* ops/conv.c: convolution, its transpose, and the gradient of its kernel.
 *
 * The three are the derivatives of one trilinear form (see kernels/convolve.h), for the result y, the image x and the kernel w:
 * each is linear in the other two, and its gradients are the other two of the three. So they have derivatives of any order, and
 * there is no fourth op.
 *
 * The bias is a third operand: an addition of its own makes LeNet's first layer slower by a quarter, and by half with wide vectors.
 *
 * Over one axis, an image is one row of two axes; over two, one layer of three.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/convolve.h"

#include <tapegrad/conv.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/c_text.h"
#include "ops/conv.h"

static tgi_conv_attr attr_of(int axes, const tg_conv_options *options) {
    tg_conv_options o = options ? *options : (tg_conv_options){0};
    tgi_conv_attr   attr = {.axes = axes, .groups = o.groups ? o.groups : 1};
    for (int i = 0; i < axes; i++) {
        attr.stride[i] = o.stride[i] ? o.stride[i] : 1;
        attr.padding[i] = o.padding[i];
        attr.dilation[i] = o.dilation[i] ? o.dilation[i] : 1;
        attr.output_padding[i] = o.output_padding[i];
    }
    return attr;
}

/* ---- the shape rules --------------------------------------------------------------------------------------------- */

const char *tgi_image_text(int axes) {
    static const char *const texts[] = {"(N, C, L) or (C, L)", "(N, C, H, W) or (C, H, W)", "(N, C, D, H, W) or (C, D, H, W)"};
    return texts[axes - 1];
}

tg_status tgi_check_setting(const tg_infer *call, const char *what, int64_t value, int64_t lowest) {
    if (value >= lowest && value <= TGI_LARGEST_SETTING) return TG_OK;
    return tg_refuse(call, TG_ERR_ARGUMENT, "%s %lld is not from %lld to %lld", what, (long long)value, (long long)lowest,
                     (long long)TGI_LARGEST_SETTING);
}

static tg_status check_settings(const tg_infer *call) {
    const tgi_conv_attr *attr = call->attr;
    for (int i = 0; i < attr->axes; i++)
        if (tgi_check_setting(call, "stride", attr->stride[i], 1) || tgi_check_setting(call, "padding", attr->padding[i], 0) ||
            tgi_check_setting(call, "dilation", attr->dilation[i], 1) ||
            tgi_check_setting(call, "output_padding", attr->output_padding[i], 0))
            return call->tape->status;
    return tgi_check_setting(call, "groups", attr->groups, 1);
}

static tg_status check_ranks(const tg_infer *call) {
    const tg_type *x = &call->in[0], *w = &call->in[1];
    int            axes = (int)((const tgi_conv_attr *)call->attr)->axes;
    if ((x->rank != axes + 1 && x->rank != axes + 2) || w->rank != axes + 2)
        return tg_refuse(call, TG_ERR_SHAPE, "the image is %s, the kernel (., ., %s)", tgi_image_text(axes),
                         axes == 3   ? "KD, KH, KW"
                         : axes == 2 ? "KH, KW"
                                     : "K");
    for (int i = 2; i < w->rank; i++)
        if (w->dims[i] == 0) return tg_refuse(call, TG_ERR_SHAPE, "the kernel has no elements");
    return TG_OK;
}

/* The groups divide the kernel's first size, and the image's channels are `count` in each of `groups` groups. */
static tg_status check_channels(const tg_infer *call, int64_t count, int64_t groups) {
    const tgi_conv_attr *attr = call->attr;
    const tg_type       *x = &call->in[0], *w = &call->in[1];
    int64_t              channels = x->dims[x->rank - attr->axes - 1];
    if (w->dims[0] % attr->groups)
        return tg_refuse(call, TG_ERR_SHAPE, "%lld groups do not divide the %lld channels of the kernel",
                         (long long)attr->groups, (long long)w->dims[0]);
    if (channels % groups == 0 && channels / groups == count) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the image has %lld channels, and the kernel is for %lld groups of %lld",
                     (long long)channels, (long long)groups, (long long)count);
}

static tg_status check_bias(const tg_infer *call, int64_t channels) {
    if (call->count < 3 || (call->in[2].rank == 1 && call->in[2].dims[0] == channels)) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the bias has one number for each of the %lld channels; TG_NONE is none",
                     (long long)channels);
}

static tg_status check_operands(const tg_infer *call) {
    if (tgi_require_one_dtype(call) || tgi_require_dtype(call, call->in[0].dtype, TGI_FLOATS) || check_settings(call))
        return call->tape->status;
    return check_ranks(call);
}

/* Fills in the result's type except for the sizes of its images, and returns a pointer to where they go in call->dims. */
static int64_t *begin_result(tg_infer *call, int64_t channels) {
    const tg_type *x = &call->in[0];
    int            axes = (int)((const tgi_conv_attr *)call->attr)->axes;
    int64_t       *dims = call->dims;
    call->out = (tg_type){.dtype = x->dtype, .rank = x->rank, .dims = call->dims};
    if (x->rank == axes + 2) *dims++ = x->dims[0];
    *dims++ = channels;
    return dims;
}

/* Operands: image, kernel, and perhaps a bias. */
static tg_status infer_conv(tg_infer *call) {
    const tgi_conv_attr *attr = call->attr;
    const tg_type       *x = &call->in[0], *w = &call->in[1];
    if (check_operands(call) || check_channels(call, w->dims[1], attr->groups) || check_bias(call, w->dims[0]))
        return call->tape->status;
    int64_t *dims = begin_result(call, w->dims[0]);
    for (int i = 0; i < attr->axes; i++) {
        int64_t size = x->dims[x->rank - attr->axes + i] + 2 * attr->padding[i], kernel = w->dims[2 + i];
        if (attr->output_padding[i]) return tg_refuse(call, TG_ERR_ARGUMENT, "output_padding is for transposed convolutions");
        if (size < 1 || kernel - 1 > (size - 1) / attr->dilation[i])
            return tg_refuse(call, TG_ERR_SHAPE, "a kernel of %lld, with dilation %lld, is larger than the padded image's %lld",
                             (long long)kernel, (long long)attr->dilation[i], (long long)size);
        dims[i] = (size - attr->dilation[i] * (kernel - 1) - 1) / attr->stride[i] + 1;
    }
    return TG_OK;
}

static tg_status infer_transpose(tg_infer *call) {
    const tgi_conv_attr *attr = call->attr;
    const tg_type       *x = &call->in[0], *w = &call->in[1];
    if (check_operands(call) || check_channels(call, w->dims[0], 1)) return call->tape->status;
    double channels = (double)w->dims[1] * (double)attr->groups;
    if (channels > 0x1p59) return tg_refuse(call, TG_ERR_SHAPE, "the result would have too many channels");
    int64_t *dims = begin_result(call, w->dims[1] * attr->groups);
    if (check_bias(call, w->dims[1] * attr->groups)) return call->tape->status;
    for (int i = 0; i < attr->axes; i++) {
        int64_t size = x->dims[x->rank - attr->axes + i], stride = attr->stride[i], dilation = attr->dilation[i];
        int64_t more = attr->output_padding[i], kernel = w->dims[2 + i];
        if (size == 0) return tg_refuse(call, TG_ERR_SHAPE, "the image has no elements");
        if (more >= stride && more >= dilation)
            return tg_refuse(call, TG_ERR_ARGUMENT,
                             "output_padding %lld is below neither the stride %lld nor the dilation %lld", (long long)more,
                             (long long)stride, (long long)dilation);
        if ((double)size * (double)stride + (double)kernel * (double)dilation > 0x1p59)
            return tg_refuse(call, TG_ERR_SHAPE, "the result would have too many elements");
        dims[i] = (size - 1) * stride - 2 * attr->padding[i] + dilation * (kernel - 1) + 1 + more;
        if (dims[i] < 0) return tg_refuse(call, TG_ERR_SHAPE, "the result would have a size of %lld", (long long)dims[i]);
    }
    return TG_OK;
}

/* Operands: the image, and a tensor of the shape of the convolution's result. Only gradient rules record it. */
static tg_status infer_weight(tg_infer *call) {
    const tgi_conv_attr *attr = call->attr;
    const tg_type       *x = &call->in[0], *y = &call->in[1];
    int                  axes = (int)attr->axes;
    call->out = (tg_type){.dtype = x->dtype, .rank = axes + 2, .dims = call->dims};
    call->dims[0] = y->dims[y->rank - axes - 1];
    call->dims[1] = x->dims[x->rank - axes - 1] / attr->groups;
    for (int i = 0; i < axes; i++)
        call->dims[2 + i] = attr->kernel[i];
    return TG_OK;
}

/* ---- the kernels ------------------------------------------------------------------------------------------------- */

/* The sizes of the trilinear form of these arrays. */
static tgi_conv form_of(const tgi_conv_attr *attr, const tg_array *x, const tg_array *w, const tg_array *y) {
    int      axes = (int)attr->axes;
    tgi_conv c = {.images = x->rank == axes + 2 ? x->dims[0] : 1,
                  .groups = attr->groups,
                  .in = w->dims[1],
                  .out = w->dims[0] / attr->groups,
                  .depth = {1, 1, 1, 1, 0, 1}};
    if (axes == 3)
        c.depth = (tgi_conv_depth){x->dims[x->rank - 3], y->dims[y->rank - 3], w->dims[2],
                                   attr->stride[0],      attr->padding[0],     attr->dilation[0]};
    for (int a = 0; a < 2; a++) {
        int i = a - (2 - axes);
        c.x[a] = i < 0 ? 1 : x->dims[x->rank - axes + i];
        c.y[a] = i < 0 ? 1 : y->dims[y->rank - axes + i];
        c.k[a] = i < 0 ? 1 : w->dims[2 + i];
        c.stride[a] = i < 0 ? 1 : attr->stride[i];
        c.padding[a] = i < 0 ? 0 : attr->padding[i];
        c.dilation[a] = i < 0 ? 1 : attr->dilation[i];
    }
    return c;
}

/* Makes the operands contiguous and takes scratch memory. False, with the error noted, when there is none. */
static bool begin_kernel(tg_kernel_call *call, const tgi_conv *c, tgi_conv_kind kind, const void *operand[3], void **scratch) {
    operand[2] = NULL;
    for (int i = 0; i < call->count; i++)
        if (!(operand[i] = tg_contiguous(call, i))) return false;
    *scratch = tg_scratch(call, tgi_conv_scratch(c, kind, tg_dtype_size(call->out.dtype), tg_kernel_threads(call)));
    return *scratch != NULL;
}

static tg_status conv_kernel(tg_kernel_call *call) {
    tgi_conv    c = form_of(call->attr, &call->in[0], &call->in[1], &call->out);
    const void *in[3];
    void       *scratch;
    if (call->out.size == 0) return TG_OK;
    if (!begin_kernel(call, &c, TGI_CONV, in, &scratch)) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_conv, &c, in[0], in[1], in[2], call->out.data, tgi_team_of(call), scratch);
}

static tg_status transpose_kernel(tg_kernel_call *call) {
    tgi_conv    c = form_of(call->attr, &call->out, &call->in[1], &call->in[0]);
    const void *in[3];
    void       *scratch;
    if (call->out.size == 0) return TG_OK;
    if (!begin_kernel(call, &c, TGI_CONV_BACK, in, &scratch)) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_conv_back, &c, in[0], in[1], in[2], call->out.data, tgi_team_of(call),
                               scratch);
}

static tg_status weight_kernel(tg_kernel_call *call) {
    tgi_conv    c = form_of(call->attr, &call->in[0], &call->out, &call->in[1]);
    const void *in[3];
    void       *scratch;
    if (call->out.size == 0) return TG_OK;
    if (!begin_kernel(call, &c, TGI_CONV_WEIGHT, in, &scratch)) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_conv_weight, &c, in[0], in[1], call->out.data, tgi_team_of(call), scratch);
}

/* ---- in C -------------------------------------------------------------------------------------------------------- */

static const int64_t *last_dims(const tg_type *x, int axes) {
    return x->dims + (x->rank - axes);
}

/* The numbers of elements as text, axis by axis from the first. */
enum { NUMBER_TEXT = 384 };

static void add_axis(char number[NUMBER_TEXT], int64_t size, const char *index) {
    char before[NUMBER_TEXT - 96];
    snprintf(before, sizeof before, "%.280s", number);
    snprintf(number, NUMBER_TEXT, "(%s) * %" PRId64 " + %.60s", before, size, index);
}

/* Opens the loops along axis `a` of the image: over the elements of the kernel that are called `tap`, with a brace left open. */
static void open_positions(tg_emit_call *call, int a, const char *tap, const char *position, int64_t across, int64_t windows) {
    const tgi_conv_attr *attr = call->attr;
    int64_t              stride = attr->stride[a];
    if (attr->padding[a]) {
        tg_emit(call, "const $I low%d_ = %" PRId64 " - %s * %" PRId64 " + %" PRId64 ";", a, attr->padding[a], tap,
                attr->dilation[a], stride - 1);
        tg_emit(call,
                "const $I from%d_ = low%d_ > 0 ? low%d_ / %" PRId64 " : 0, ends%d_ = (low%d_ + %" PRId64 ") / %" PRId64 ";", a,
                a, a, stride, a, a, across, stride);
        tg_emit(call, "const $I end%d_ = ends%d_ < %" PRId64 " ? ends%d_ : %" PRId64 ";", a, a, windows, a, windows);
        tg_emit(call, "for ($I %s = from%d_; %s < end%d_; %s++) {", position, a, position, a, position);
    } else
        tg_emit(call, "$for(%s, %" PRId64 ")", position, windows);
}

/* Opens the loops over all terms of the form that x, w and y make: images n, groups m, channels o of the result and k of the image,
 * elements of the kernel, and of the result those whose element of x exists. The numbers of a term's elements go to x_at, w_at and y_at.
 * Returns how many braces are open. */
static int open_terms(tg_emit_call *call, const tg_type *x, const tg_type *w, const tg_type *y, char *x_at, char *w_at,
                      char *y_at) {
    static const char *const taps[] = {"i", "j", "l"}, *const positions[] = {"ii", "jj", "kk"};
    const tgi_conv_attr *attr = call->attr;
    int                  axes = (int)attr->axes;
    int64_t              in = w->dims[1], out = w->dims[0] / attr->groups, images = x->rank == axes + 2 ? x->dims[0] : 1;
    tg_emit(call, "$for(n, %" PRId64 ")\n$for(m, %" PRId64 ")\n$for(o, %" PRId64 ")\n$for(k, %" PRId64 ")", images,
            attr->groups, out, in);
    snprintf(x_at, NUMBER_TEXT, "n * %" PRId64 " + m", attr->groups);
    snprintf(y_at, NUMBER_TEXT, "n * %" PRId64 " + m", attr->groups);
    snprintf(w_at, NUMBER_TEXT, "m * %" PRId64 " + o", out);
    add_axis(x_at, in, "k");
    add_axis(y_at, out, "o");
    add_axis(w_at, in, "k");
    for (int a = 0; a < axes; a++) {
        tg_emit(call, "$for(%s, %" PRId64 ")", taps[a], last_dims(w, axes)[a]);
        add_axis(w_at, last_dims(w, axes)[a], taps[a]);
    }
    for (int a = 0; a < axes; a++) {
        int64_t across = last_dims(x, axes)[a], windows = last_dims(y, axes)[a];
        open_positions(call, a, taps[a], positions[a], across, windows);
        char place[64];
        snprintf(place, sizeof place, "%s * %" PRId64 " + %s * %" PRId64, positions[a], attr->stride[a], taps[a],
                 attr->dilation[a]);
        if (attr->padding[a]) snprintf(place + strlen(place), sizeof place - strlen(place), " - %" PRId64, attr->padding[a]);
        add_axis(x_at, across, place);
        add_axis(y_at, windows, positions[a]);
    }
    return 4 + 2 * axes;
}

/* The result begins with the bias of each channel, or zeros. */
static void write_bias(tg_emit_call *call) {
    const tg_type *y = &call->out;
    int            axes = (int)((const tgi_conv_attr *)call->attr)->axes;
    int64_t        image = tgi_size(axes, last_dims(y, axes)), channels = y->dims[y->rank - axes - 1];
    if (call->count < 3) {
        tgi_write_zeros(call);
        return;
    }
    int64_t images = y->rank == axes + 2 ? y->dims[0] : 1;
    tg_emit(call, "$for(n, %" PRId64 ")\n$for(k, %" PRId64 ")\n$for(i, %" PRId64 ")", images, channels, image);
    tg_emit(call, "$y[#(n * %" PRId64 " + k) * %" PRId64 " + i] = $2[k];\n}\n}\n}", channels, image);
}

/* Each term is added where it belongs. */
static void write_terms(tg_emit_call *call, const tg_type *x, const tg_type *w, const tg_type *y, char sum, char first,
                        char second) {
    char              at[3][NUMBER_TEXT];
    const char *const text[128] = {['x'] = at[0], ['w'] = at[1], ['y'] = at[2]};
    if (tgi_size(call->out.rank, call->out.dims) == 0) return;
    int depth = open_terms(call, x, w, y, at[0], at[1], at[2]);
    tg_emit(call, "$y[#%s] += $0[#%s] * $1[#%s];", text[(int)sum], text[(int)first], text[(int)second]);
    while (depth-- > 0)
        tg_emit(call, "}");
}

static void conv_emit(tg_emit_call *call) {
    write_bias(call);
    write_terms(call, &call->in[0], &call->in[1], &call->out, 'y', 'x', 'w');
}

static void transpose_emit(tg_emit_call *call) {
    write_bias(call);
    write_terms(call, &call->out, &call->in[1], &call->in[0], 'x', 'y', 'w');
}

static void weight_emit(tg_emit_call *call) {
    tgi_write_zeros(call);
    write_terms(call, &call->in[0], &call->out, &call->in[1], 'w', 'x', 'y');
}

/* ---- the gradient rules: each of the three is made of the other two ----------------------------------------------- */

static tg_tensor conv(tg_tensor x, tg_tensor w, tg_tensor bias, const tgi_conv_attr *attr);
static tg_tensor transpose(tg_tensor y, tg_tensor w, tg_tensor bias, const tgi_conv_attr *attr);
static tg_tensor weight(tg_tensor x, tg_tensor y, const tgi_conv_attr *attr);

/* The sizes of the image of x along the axes. */
static const int64_t *image_of(tg_tensor x, const tgi_conv_attr *attr) {
    const tgi_node *node = tgi_node_at(x.tape, tgi_index(x));
    return node->dims + (node->rank - attr->axes);
}

/* dL/dy, cut to the shape of y: where the image has output padding the convolution may have more positions than y. */
static tg_tensor for_y(tg_tensor x, tg_tensor w, tg_tensor y, const tgi_conv_attr *from) {
    tgi_conv_attr attr = *from;
    for (int i = 0; i < attr.axes; i++)
        attr.output_padding[i] = 0;
    tg_tensor g = conv(x, w, TG_NONE, &attr);
    for (int i = 0; i < attr.axes && tg_valid(g); i++)
        if (image_of(g, &attr)[i] > image_of(y, &attr)[i]) g = tg_slice(g, i - (int)attr.axes, 0, image_of(y, &attr)[i], 1);
    return g;
}

/* dL/dx for the shape of x. Elements of x after the last one that a window reaches are output padding of the transpose. */
static tg_tensor for_x(tg_tensor y, tg_tensor w, tg_tensor x, const tgi_conv_attr *from) {
    tgi_conv_attr attr = *from;
    for (int i = 0; i < attr.axes; i++)
        attr.output_padding[i] = image_of(x, &attr)[i] + 2 * attr.padding[i] - (image_of(y, &attr)[i] - 1) * attr.stride[i] -
                                 (image_of(w, &attr)[i] - 1) * attr.dilation[i] - 1;
    return transpose(y, w, TG_NONE, &attr);
}

/* dL/dw for the shape of w. */
static tg_tensor for_w(tg_tensor x, tg_tensor y, tg_tensor w, const tgi_conv_attr *from) {
    tgi_conv_attr attr = *from;
    for (int i = 0; i < attr.axes; i++) {
        attr.output_padding[i] = 0;
        attr.kernel[i] = image_of(w, &attr)[i];
    }
    return weight(x, y, &attr);
}

static tg_tensor conv_rule_x(const tg_rule_call *call) {
    return for_x(call->g, call->x[1], call->x[0], call->attr);
}

static tg_tensor conv_rule_w(const tg_rule_call *call) {
    return for_w(call->x[0], call->g, call->x[1], call->attr);
}

static tg_tensor transpose_rule_y(const tg_rule_call *call) {
    return for_y(call->g, call->x[1], call->x[0], call->attr);
}

static tg_tensor transpose_rule_w(const tg_rule_call *call) {
    return for_w(call->g, call->x[0], call->x[1], call->attr);
}

static tg_tensor weight_rule_x(const tg_rule_call *call) {
    return for_x(call->x[1], call->g, call->x[0], call->attr);
}

static tg_tensor weight_rule_y(const tg_rule_call *call) {
    return for_y(call->x[0], call->g, call->x[1], call->attr);
}

/* The bias is added to every image and position of its channel. */
static tg_tensor bias_rule(const tg_rule_call *call) {
    const tgi_conv_attr *attr = call->attr;
    tg_axes              others = {0};
    int                  rank = tgi_node_at(call->g.tape, tgi_index(call->g))->rank;
    for (int i = 0; i < rank; i++)
        if (i != rank - 1 - (int)attr->axes) others.axis[others.count++] = i;
    return tg_sum_axes(call->g, others, false);
}

static tg_rule *const conv_rules[] = {conv_rule_x, conv_rule_w, bias_rule};
static tg_rule *const transpose_rules[] = {transpose_rule_y, transpose_rule_w, bias_rule};
static tg_rule *const weight_rules[] = {weight_rule_x, weight_rule_y};

/* ---- recording: by the number of axes, and with or without a bias ------------------------------------------------ */

#define CONV(name, arity) \
    { \
        name, arity, infer_conv, .kernel = conv_kernel, .rules = conv_rules, \
                                 .linearity = arity == 2 ? TG_LINEAR_EACH : TG_NOT_LINEAR, .emit = conv_emit, \
                                 .batch = tgi_conv_batch \
    }
#define TRANSPOSE(name, arity) \
    { \
        name, arity, infer_transpose, .kernel = transpose_kernel, .rules = transpose_rules, \
                                      .linearity = arity == 2 ? TG_LINEAR_EACH : TG_NOT_LINEAR, .emit = transpose_emit, \
                                      .batch = tgi_conv_batch \
    }
#define WEIGHT(name) \
    { \
        name, 2, infer_weight, .kernel = weight_kernel, .rules = weight_rules, .linearity = TG_LINEAR_EACH, \
                               .emit = weight_emit, .batch = tgi_conv_weight_batch \
    }

static int operands_with(tg_tensor bias) {
    return tgi_is_none(bias) ? 2 : 3;
}

static tg_tensor conv(tg_tensor x, tg_tensor w, tg_tensor bias, const tgi_conv_attr *attr) {
    static const tg_op ops[3][2] = {{CONV("conv1d", 2), CONV("conv1d", 3)},
                                    {CONV("conv2d", 2), CONV("conv2d", 3)},
                                    {CONV("conv3d", 2), CONV("conv3d", 3)}};
    int                count = operands_with(bias);
    return tg_record(NULL, &ops[attr->axes - 1][count - 2], count, ((tg_tensor[]){x, w, bias}), attr, sizeof *attr);
}

static tg_tensor transpose(tg_tensor y, tg_tensor w, tg_tensor bias, const tgi_conv_attr *attr) {
    static const tg_op ops[3][2] = {{TRANSPOSE("conv_transpose1d", 2), TRANSPOSE("conv_transpose1d", 3)},
                                    {TRANSPOSE("conv_transpose2d", 2), TRANSPOSE("conv_transpose2d", 3)},
                                    {TRANSPOSE("conv_transpose3d", 2), TRANSPOSE("conv_transpose3d", 3)}};
    int                count = operands_with(bias);
    return tg_record(NULL, &ops[attr->axes - 1][count - 2], count, ((tg_tensor[]){y, w, bias}), attr, sizeof *attr);
}

static tg_tensor weight(tg_tensor x, tg_tensor y, const tgi_conv_attr *attr) {
    static const tg_op ops[3] = {WEIGHT("conv1d_weight"), WEIGHT("conv2d_weight"), WEIGHT("conv3d_weight")};
    return tg_record(NULL, &ops[attr->axes - 1], 2, ((tg_tensor[]){x, y}), attr, sizeof *attr);
}

tg_tensor(tg_conv1d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(1, options);
    return conv(x, w, bias, &attr);
}

tg_tensor(tg_conv2d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(2, options);
    return conv(x, w, bias, &attr);
}

tg_tensor(tg_conv3d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(3, options);
    return conv(x, w, bias, &attr);
}

tg_tensor(tg_conv_transpose1d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(1, options);
    return transpose(x, w, bias, &attr);
}

tg_tensor(tg_conv_transpose2d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(2, options);
    return transpose(x, w, bias, &attr);
}

tg_tensor(tg_conv_transpose3d)(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options) {
    tgi_conv_attr attr = attr_of(3, options);
    return transpose(x, w, bias, &attr);
}
