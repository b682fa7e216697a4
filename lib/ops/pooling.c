/* ops/pooling.c: pooling.
 *
 * max_pool is two ops: one that finds where the largest elements are, through which no gradient flows, and one that picks them.
 * Picking and its transpose, which puts back what was picked, are each other's gradient; so are the mean of windows and its
 * transpose, which spreads a number over its window.
 *
 * An image has its one to three axes last of three.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/window.h"

#include <tapegrad/conv.h>

#include <string.h>

#include "ops/batched.h"
#include "ops/pooling.h"

static tgi_pool_attr attr_of(int axes, const int64_t *window, const tg_pool_options *options) {
    tg_pool_options o = options ? *options : (tg_pool_options){0};
    tgi_pool_attr   attr = {.axes = axes, .ceil_mode = o.ceil_mode, .exclude_pad = o.exclude_pad};
    for (int i = 0; i < axes; i++) {
        attr.window[i] = window[i];
        attr.stride[i] = o.stride[i] ? o.stride[i] : attr.window[i];
        attr.padding[i] = o.padding[i];
        attr.dilation[i] = o.dilation[i] ? o.dilation[i] : 1;
    }
    return attr;
}

/* ---- the shape rules --------------------------------------------------------------------------------------------- */

static tg_status check_image(const tg_infer *call) {
    const tg_type *x = &call->in[0];
    int            axes = (int)((const tgi_pool_attr *)call->attr)->axes;
    if (tgi_require_dtype(call, x->dtype, TGI_FLOATS)) return call->tape->status;
    if (x->rank == axes + 1 || x->rank == axes + 2) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the image is %s", tgi_image_text(axes));
}

static tg_status check_settings(const tg_infer *call) {
    const tgi_pool_attr *attr = call->attr;
    for (int i = 0; i < attr->axes; i++) {
        if (tgi_check_setting(call, "window", attr->window[i], 1) || tgi_check_setting(call, "stride", attr->stride[i], 1) ||
            tgi_check_setting(call, "padding", attr->padding[i], 0) ||
            tgi_check_setting(call, "dilation", attr->dilation[i], 1))
            return call->tape->status;
        if (attr->padding[i] > attr->window[i] / 2)
            return tg_refuse(call, TG_ERR_ARGUMENT, "padding %lld is more than half of the window's %lld",
                             (long long)attr->padding[i], (long long)attr->window[i]);
    }
    return TG_OK;
}

/* How many windows there are along an axis of `size` elements; 0 or less for none. */
static int64_t windows_along(const tgi_pool_attr *attr, int i, int64_t size) {
    int64_t room = size + 2 * attr->padding[i] - attr->dilation[i] * (attr->window[i] - 1) - 1;
    if (room < 0 && !(attr->ceil_mode && room > -attr->stride[i])) return 0;
    int64_t count = (room + (attr->ceil_mode ? attr->stride[i] - 1 : 0)) / attr->stride[i] + 1;
    if (attr->ceil_mode && (count - 1) * attr->stride[i] >= size + attr->padding[i]) count--;
    return count;
}

/* The result has the image's axes, and along the last ones the sizes of the windows' result. */
static tg_status infer_windows(tg_infer *call, tg_dtype dtype) {
    const tgi_pool_attr *attr = call->attr;
    const tg_type       *x = &call->in[0];
    int                  before = x->rank - (int)attr->axes;
    call->out = (tg_type){.dtype = dtype, .rank = x->rank, .dims = call->dims};
    memcpy(call->dims, x->dims, (size_t)before * sizeof(int64_t));
    for (int i = 0; i < attr->axes; i++) {
        int64_t size = x->dims[before + i], count = attr->adaptive ? attr->window[i] : windows_along(attr, i, size);
        if (size == 0) return tg_refuse(call, TG_ERR_SHAPE, "the image has no elements");
        if (count < 1)
            return tg_refuse(call, TG_ERR_SHAPE, "a window of %lld, with dilation %lld, is larger than the padded image's %lld",
                             (long long)attr->window[i], (long long)attr->dilation[i],
                             (long long)(size + 2 * attr->padding[i]));
        call->dims[before + i] = count;
    }
    return TG_OK;
}

static tg_status infer_pool(tg_infer *call) {
    if (check_image(call) || check_settings(call)) return call->tape->status;
    return infer_windows(call, call->in[0].dtype);
}

/* PyTorch has no mean with dilation. */
static tg_status infer_average(tg_infer *call) {
    const tgi_pool_attr *attr = call->attr;
    for (int i = 0; i < attr->axes; i++)
        if (attr->dilation[i] != 1) return tg_refuse(call, TG_ERR_ARGUMENT, "dilation is for max_pool");
    return infer_pool(call);
}

static tg_status infer_adaptive(tg_infer *call) {
    const tgi_pool_attr *attr = call->attr;
    if (check_image(call)) return call->tape->status;
    for (int i = 0; i < attr->axes; i++)
        if (tgi_check_setting(call, "size", attr->window[i], 1)) return call->tape->status;
    return infer_windows(call, call->in[0].dtype);
}

static tg_status infer_largest(tg_infer *call) {
    const tg_type *x = &call->in[0];
    int            axes = (int)((const tgi_pool_attr *)call->attr)->axes;
    if (infer_pool(call)) return call->tape->status;
    call->out.dtype = TG_I64;
    if (tgi_size(axes, x->dims + x->rank - axes) <= TGI_LARGEST_SETTING) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the image has more than %lld elements", (long long)TGI_LARGEST_SETTING);
}

/* A transpose's result: the image. */
static tg_status infer_back(tg_infer *call) {
    const tgi_pool_attr *attr = call->attr;
    const tg_type       *y = &call->in[0];
    int                  before = y->rank - (int)attr->axes;
    call->out = (tg_type){.dtype = y->dtype, .rank = y->rank, .dims = call->dims};
    memcpy(call->dims, y->dims, (size_t)before * sizeof(int64_t));
    memcpy(call->dims + before, attr->size, (size_t)attr->axes * sizeof(int64_t));
    return TG_OK;
}

static tg_status infer_pick(tg_infer *call) {
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = call->in[1].rank, .dims = call->in[1].dims};
    return TG_OK;
}

/* Notes the size of the image, for transposes. */
static void set_size(tgi_pool_attr *attr, tg_tensor x) {
    const tgi_node *node = tgi_node_at(x.tape, tgi_index(x));
    for (int i = 0; i < attr->axes; i++)
        attr->size[i] = node->dims[node->rank - attr->axes + i];
}

/* ---- max_pool ---------------------------------------------------------------------------------------------------- */

/* How many images there are, and how many elements one has. */
static int64_t image_size(const tg_array *x, const tgi_pool_attr *attr) {
    return tgi_size((int)attr->axes, x->dims + x->rank - attr->axes);
}

static int64_t images_of(const tg_array *x, const tgi_pool_attr *attr) {
    return tgi_size(x->rank - (int)attr->axes, x->dims);
}

static tg_status largest_kernel(tg_kernel_call *call) {
    const tgi_pool_attr *attr = call->attr;
    const tg_array      *x = &call->in[0], *y = &call->out;
    const void          *from = tg_contiguous(call, 0);
    tgi_windows          w = {.images = images_of(x, attr)};
    for (int a = 0; a < 3; a++) {
        int i = a - (3 - (int)attr->axes);
        w.x[a] = i < 0 ? 1 : x->dims[x->rank - attr->axes + i];
        w.y[a] = i < 0 ? 1 : y->dims[y->rank - attr->axes + i];
        w.k[a] = i < 0 ? 1 : attr->window[i];
        w.stride[a] = i < 0 ? 1 : attr->stride[i];
        w.padding[a] = i < 0 ? 0 : attr->padding[i];
        w.dilation[a] = i < 0 ? 1 : attr->dilation[i];
    }
    void *scratch = tg_scratch(call, (size_t)tg_kernel_threads(call) * 2 * (size_t)w.y[2] * tg_dtype_size(x->dtype));
    if (!from || !scratch) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(x->dtype, tgi_largest, &w, from, y->data, tgi_team_of(call), scratch);
}

static tg_status pick_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0], *y = &call->out;
    const void     *from = tg_contiguous(call, 0), *index = tg_contiguous(call, 1);
    int64_t         images = images_of(x, call->attr), x_size = image_size(x, call->attr), y_size = image_size(y, call->attr);
    if (!from || !index) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(x->dtype, tgi_pick, images, x_size, y_size, from, index, y->data, tgi_team_of(call));
}

/* ---- its ops ----------------------------------------------------------------------------------------------------- */

/* Whether an element can be in so many windows that a float32 sum of what they give back, made one by one, would show it. */
static bool many_overlap(const tgi_pool_attr *attr) {
    double windows = 1;
    for (int i = 0; i < attr->axes; i++)
        windows *= (double)((attr->window[i] - 1) * attr->dilation[i] / attr->stride[i] + 1);
    return windows > 32;
}

static tg_status unpick_kernel(tg_kernel_call *call) {
    const tg_array *y = &call->in[0], *x = &call->out;
    bool            exactly = x->dtype == TG_F32 && many_overlap(call->attr);
    const void     *from = tg_contiguous(call, 0), *index = tg_contiguous(call, 1);
    int64_t         images = images_of(x, call->attr), x_size = image_size(x, call->attr), y_size = image_size(y, call->attr);
    size_t          bytes = (size_t)x_size * sizeof(double), threads = (size_t)tg_kernel_threads(call);
    double         *sums = exactly ? tg_scratch(call, bytes <= SIZE_MAX / threads ? threads * bytes : SIZE_MAX) : NULL;
    if (!from || !index || (exactly && !sums)) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(x->dtype, tgi_unpick, images, x_size, y_size, from, index, x->data, tgi_team_of(call), sums);
}

static tg_tensor pick(tg_tensor x, tg_tensor index, const tgi_pool_attr *attr);
static tg_tensor unpick(tg_tensor y, tg_tensor index, const tgi_pool_attr *attr);

static tg_tensor pick_rule(const tg_rule_call *call) {
    return unpick(call->g, call->x[1], call->attr);
}

static tg_tensor unpick_rule(const tg_rule_call *call) {
    return pick(call->g, call->x[1], call->attr);
}

static tg_rule *const pick_rules[] = {pick_rule, NULL};
static tg_rule *const unpick_rules[] = {unpick_rule, NULL};

static tg_tensor pick(tg_tensor x, tg_tensor index, const tgi_pool_attr *attr) {
    static const tg_op op = {"max_pool",
                             2,
                             infer_pick,
                             .kernel = pick_kernel,
                             .rules = pick_rules,
                             .linearity = TG_LINEAR_TOGETHER,
                             .emit = tgi_pick_emit,
                             .batch = tgi_batch_pooling};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){x, index}), attr, sizeof *attr);
}

static tg_tensor unpick(tg_tensor y, tg_tensor index, const tgi_pool_attr *attr) {
    static const tg_op op = {"max_pool_back",
                             2,
                             infer_back,
                             .kernel = unpick_kernel,
                             .rules = unpick_rules,
                             .linearity = TG_LINEAR_TOGETHER,
                             .emit = tgi_unpick_emit,
                             .batch = tgi_batch_pooling};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){y, index}), attr, sizeof *attr);
}

/* The shape rule of the first op checks everything. The indices go to *indices unless that is NULL. */
static tg_tensor max_pool(tg_tensor x, tgi_pool_attr *attr, tg_tensor *indices) {
    static const tg_op ops[3] =
        {{"max_pool1d", 1, infer_largest, .kernel = largest_kernel, .emit = tgi_largest_emit, .batch = tgi_batch_pooling},
         {"max_pool2d", 1, infer_largest, .kernel = largest_kernel, .emit = tgi_largest_emit, .batch = tgi_batch_pooling},
         {"max_pool3d", 1, infer_largest, .kernel = largest_kernel, .emit = tgi_largest_emit, .batch = tgi_batch_pooling}};
    tg_tape *tape = tgi_tape_of(x);
    if (indices) *indices = tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, ops[attr->axes - 1].name);
    tg_tensor index = tg_record(NULL, &ops[attr->axes - 1], 1, &x, attr, sizeof *attr);
    if (!tg_valid(index)) return tg_end_scope_with(scope, index);
    set_size(attr, x);
    if (indices) *indices = tg_keep_result(scope, index);
    return tg_end_scope_with(scope, pick(x, index, attr));
}

/* ---- avg_pool ---------------------------------------------------------------------------------------------------- */

/* The windows along an axis of `size` elements; one for an axis that is not there. */
static void find_windows(const tgi_pool_attr *attr, int axis, int64_t size, int64_t count, tgi_window *windows) {
    for (int64_t i = 0; i < count; i++) {
        int64_t from, to, all;
        if (axis < 0) {
            from = 0, to = all = 1;
        } else if (attr->adaptive) {
            int64_t whole = size / count, rest = size % count;
            from = i * whole + i * rest / count, to = (i + 1) * whole + ((i + 1) * rest + count - 1) / count, all = to - from;
        } else {
            from = i * attr->stride[axis] - attr->padding[axis], to = from + attr->window[axis];
            if (to > size + attr->padding[axis]) to = size + attr->padding[axis];
            all = to - from;
            if (from < 0) from = 0;
            if (to > size) to = size;
            if (attr->exclude_pad) all = to > from ? to - from : 0;
        }
        windows[i] = (tgi_window){from, to, all};
    }
}

/* The windows along axis `a` of three. NULL, with the error noted, when there is no memory. */
static tgi_window *windows_of(tg_kernel_call *call, const tgi_means *m, int a) {
    const tgi_pool_attr *attr = call->attr;
    tgi_window          *windows = tg_scratch(call, (size_t)m->y[a] * sizeof *windows);
    if (windows) find_windows(attr, a - (3 - (int)attr->axes), m->x[a], m->y[a], windows);
    return windows;
}

/* The sizes of images and results, and the windows. False, with the error noted, when there is no memory. */
static bool begin_means(tg_kernel_call *call, const tg_array *x, const tg_array *y, tgi_means *m) {
    const tgi_pool_attr *attr = call->attr;
    m->images = images_of(x, attr);
    for (int a = 0; a < 3; a++) {
        int axis = a - (3 - (int)attr->axes);
        m->x[a] = axis < 0 ? 1 : x->dims[x->rank - attr->axes + axis];
        m->y[a] = axis < 0 ? 1 : y->dims[y->rank - attr->axes + axis];
    }
    m->deep = windows_of(call, m, 0);
    m->down = m->deep ? windows_of(call, m, 1) : NULL;
    m->across = m->down ? windows_of(call, m, 2) : NULL;
    return m->across;
}

/* Memory for so many elements of the result's dtype, and a row of `width` for each thread. */
static void *scratch_for(tg_kernel_call *call, int64_t elements, int64_t width) {
    return tg_scratch(call, (size_t)(elements + tg_kernel_threads(call) * width) * tg_dtype_size(call->out.dtype));
}

static tg_status means_kernel(tg_kernel_call *call) {
    tgi_means   m;
    const void *x = tg_contiguous(call, 0);
    if (!x || !begin_means(call, &call->in[0], &call->out, &m)) return TG_ERR_MEMORY;
    void *scratch = scratch_for(call, m.y[2], m.x[2]);
    if (!scratch) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_means, &m, x, call->out.data, tgi_team_of(call), scratch);
}

static tg_status means_back_kernel(tg_kernel_call *call) {
    tgi_means   m, back;
    const void *y = tg_contiguous(call, 0);
    if (!y || !begin_means(call, &call->out, &call->in[0], &m)) return TG_ERR_MEMORY;
    tgi_window *windows = tg_scratch(call, (size_t)(m.x[0] + m.x[1] + m.x[2]) * sizeof *windows);
    void       *scratch = scratch_for(call, call->in[0].size + m.y[2], m.y[2]);
    if (!windows || !scratch) return TG_ERR_MEMORY;
    tgi_window *deep = windows, *down = deep + m.x[0], *across = down + m.x[1];
    tgi_windows_back(m.y[0], m.deep, m.x[0], deep);
    tgi_windows_back(m.y[1], m.down, m.x[1], down);
    tgi_windows_back(m.y[2], m.across, m.x[2], across);
    back = (tgi_means){m.images, {m.y[0], m.y[1], m.y[2]}, {m.x[0], m.x[1], m.x[2]}, deep, down, across};
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_means_back, &m, &back, y, call->out.data, tgi_team_of(call), scratch);
}

static tg_tensor means_back(tg_tensor y, const tgi_pool_attr *attr);

static tg_tensor means_rule(const tg_rule_call *call) {
    tgi_pool_attr attr = *(const tgi_pool_attr *)call->attr;
    set_size(&attr, call->x[0]);
    return means_back(call->g, &attr);
}

static tg_rule *const means_rules[] = {means_rule};

#define MEANS(name, infer) \
    { \
        name, 1, infer, .kernel = means_kernel, .rules = means_rules, .linearity = TG_LINEAR_TOGETHER, .emit = tgi_means_emit, \
                        .batch = tgi_batch_pooling \
    }
static const tg_op averages[3] = {MEANS("avg_pool1d", infer_average), MEANS("avg_pool2d", infer_average),
                                  MEANS("avg_pool3d", infer_average)};
static const tg_op adaptive_averages[3] = {MEANS("adaptive_avg_pool1d", infer_adaptive),
                                           MEANS("adaptive_avg_pool2d", infer_adaptive),
                                           MEANS("adaptive_avg_pool3d", infer_adaptive)};

static tg_tensor record_means(tg_tensor x, const tgi_pool_attr *attr) {
    const tg_op *ops = attr->adaptive ? adaptive_averages : averages;
    return tg_record(NULL, &ops[attr->axes - 1], 1, &x, attr, sizeof *attr);
}

static tg_tensor means_back_rule(const tg_rule_call *call) {
    return record_means(call->g, call->attr);
}

static tg_rule *const means_back_rules[] = {means_back_rule};

static tg_tensor means_back(tg_tensor y, const tgi_pool_attr *attr) {
    static const tg_op op = {"avg_pool_back",
                             1,
                             infer_back,
                             .kernel = means_back_kernel,
                             .rules = means_back_rules,
                             .linearity = TG_LINEAR_TOGETHER,
                             .emit = tgi_means_back_emit,
                             .batch = tgi_batch_pooling};
    return tg_record(NULL, &op, 1, &y, attr, sizeof *attr);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

static tg_tensor new_max_pool(tg_tensor x, int axes, const int64_t *window, const tg_pool_options *options,
                              tg_tensor *indices) {
    tgi_pool_attr attr = attr_of(axes, window, options);
    return max_pool(x, &attr, indices);
}

tg_tensor(tg_max_pool1d)(tg_tensor x, int64_t size, const tg_pool_options *options) {
    return new_max_pool(x, 1, &size, options, NULL);
}

tg_tensor(tg_max_pool2d)(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options) {
    return new_max_pool(x, 2, (int64_t[]){height, width}, options, NULL);
}

tg_tensor(tg_max_pool3d)(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options) {
    return new_max_pool(x, 3, (int64_t[]){depth, height, width}, options, NULL);
}

tg_tensor(tg_max_pool1d_with_indices)(tg_tensor x, int64_t size, const tg_pool_options *options, tg_tensor *indices) {
    return new_max_pool(x, 1, &size, options, indices);
}

tg_tensor(tg_max_pool2d_with_indices)(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options,
                                      tg_tensor *indices) {
    return new_max_pool(x, 2, (int64_t[]){height, width}, options, indices);
}

tg_tensor(tg_max_pool3d_with_indices)(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options,
                                      tg_tensor *indices) {
    return new_max_pool(x, 3, (int64_t[]){depth, height, width}, options, indices);
}

static tg_tensor avg_pool(tg_tensor x, int axes, const int64_t *window, const tg_pool_options *options) {
    tgi_pool_attr attr = attr_of(axes, window, options);
    return record_means(x, &attr);
}

tg_tensor(tg_avg_pool1d)(tg_tensor x, int64_t size, const tg_pool_options *options) {
    return avg_pool(x, 1, &size, options);
}

tg_tensor(tg_avg_pool2d)(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options) {
    return avg_pool(x, 2, (int64_t[]){height, width}, options);
}

tg_tensor(tg_avg_pool3d)(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options) {
    return avg_pool(x, 3, (int64_t[]){depth, height, width}, options);
}

tg_tensor(tg_adaptive_avg_pool1d)(tg_tensor x, int64_t size) {
    return record_means(x, &(tgi_pool_attr){.axes = 1, .window = {size}, .adaptive = 1});
}

tg_tensor(tg_adaptive_avg_pool2d)(tg_tensor x, int64_t height, int64_t width) {
    return record_means(x, &(tgi_pool_attr){.axes = 2, .window = {height, width}, .adaptive = 1});
}

tg_tensor(tg_adaptive_avg_pool3d)(tg_tensor x, int64_t depth, int64_t height, int64_t width) {
    return record_means(x, &(tgi_pool_attr){.axes = 3, .window = {depth, height, width}, .adaptive = 1});
}
