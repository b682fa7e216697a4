/* ops/pooling_text.c: pooling in C.
 *
 * The variables i, j, l are where a window is, ii, jj, kk where an element is, n is the image.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/pooling.h"

#include <inttypes.h>
#include <stdio.h>

#include "ops/c_text.h"

static const char *const positions[] = {"i", "j", "l"}, *const inside[] = {"ii", "jj", "kk"};

static int64_t size_of_images(const tg_type *x, const tgi_pool_attr *attr) {
    return tgi_size((int)attr->axes, x->dims + x->rank - attr->axes);
}

static int64_t count_of_images(const tg_type *x, const tgi_pool_attr *attr) {
    return tgi_size(x->rank - (int)attr->axes, x->dims);
}

/* The number of an element of the images or of the results: n, then one variable an axis. */
static const char *element_text(const tg_type *x, const tgi_pool_attr *attr, const char *const *variables, char text[256]) {
    char before[220];
    snprintf(text, 256, "n");
    for (int a = 0; a < attr->axes; a++) {
        snprintf(before, sizeof before, "%s", text);
        snprintf(text, 256, "(%s) * %" PRId64 " + %.8s", before, x->dims[x->rank - attr->axes + a], variables[a]);
    }
    return text;
}

static void close_braces(tg_emit_call *call, int count) {
    while (count-- > 0)
        tg_emit(call, "}");
}

/* Opens the loops over images and windows. */
static void open_windows(tg_emit_call *call, const tg_type *y, const tgi_pool_attr *attr) {
    tg_emit(call, "$for(n, %" PRId64 ")", count_of_images(y, attr));
    for (int a = 0; a < attr->axes; a++)
        tg_emit(call, "$for(%s, %" PRId64 ")", positions[a], y->dims[y->rank - attr->axes + a]);
}

/* ---- the largest elements, and what is picked ---------------------------------------------------------------------- */

void tgi_largest_emit(tg_emit_call *call) {
    static const char *const places[] = {"p0_", "p1_", "p2_"};
    const tgi_pool_attr     *attr = call->attr;
    const tg_type           *x = &call->in[0];
    int                      axes = (int)attr->axes;
    char                     x_at[256], y_at[256];
    element_text(x, attr, places, x_at);
    open_windows(call, &call->out, attr);
    tg_emit(call, "$I pos = -1;\n$T0 best = 0;");
    for (int a = 0; a < axes; a++) {
        tg_emit(call, "$for(%s, %" PRId64 ")\nconst $I p%d_ = %s * %" PRId64 " + %s * %" PRId64 " - %" PRId64 ";", inside[a],
                attr->window[a], a, positions[a], attr->stride[a], inside[a], attr->dilation[a], attr->padding[a]);
        tg_emit(call, "if (p%d_ < 0 || p%d_ >= %" PRId64 ") continue;", a, a, x->dims[x->rank - axes + a]);
    }
    tg_emit(call, "{\nconst $T0 x_ = $0[#%s];\nif (pos < 0 || x_ > best || x_ != x_) {\nbest = x_;", x_at);
    tg_emit(call, "pos = (%s) - n * %" PRId64 ";\n}\n}", x_at, size_of_images(x, attr));
    close_braces(call, axes);
    tg_emit(call, "$y[#%s] = pos;", element_text(&call->out, attr, positions, y_at));
    close_braces(call, axes + 1);
}

void tgi_pick_emit(tg_emit_call *call) {
    int64_t y_size = size_of_images(&call->out, call->attr), x_size = size_of_images(&call->in[0], call->attr);
    tg_emit(call, "$for(n, %" PRId64 ")\n$for(i, %" PRId64 ")\nconst $I pos = ($I)$1[#n * %" PRId64 " + i];",
            count_of_images(&call->out, call->attr), y_size, y_size);
    tg_emit(call, "$y[#n * %" PRId64 " + i] = pos < 0 ? -($T)INFINITY : $0[#n * %" PRId64 " + pos];\n}\n}", y_size, x_size);
}

void tgi_unpick_emit(tg_emit_call *call) {
    int64_t y_size = size_of_images(&call->in[0], call->attr), x_size = size_of_images(&call->out, call->attr);
    tgi_write_zeros(call);
    tg_emit(call, "$for(n, %" PRId64 ")\n$for(i, %" PRId64 ")\nconst $I pos = ($I)$1[#n * %" PRId64 " + i];",
            count_of_images(&call->out, call->attr), y_size, y_size);
    tg_emit(call, "if (pos >= 0) $y[#n * %" PRId64 " + pos] += $0[#n * %" PRId64 " + i];\n}\n}", x_size, y_size);
}

/* ---- means --------------------------------------------------------------------------------------------------------- */

/* In C: the window of a position along axis a, from%d_ to end%d_, and count%d_, what a mean is divided by. */
static void write_window(tg_emit_call *call, int a, int64_t size, int64_t count) {
    const tgi_pool_attr *attr = call->attr;
    const char          *p = positions[a];
    if (attr->adaptive) {
        int64_t whole = size / count, rest = size % count;
        tg_emit(call, "const $I from%d_ = %s * %" PRId64 " + %s * %" PRId64 " / %" PRId64 ";", a, p, whole, p, rest, count);
        tg_emit(call, "const $I end%d_ = (%s + 1) * %" PRId64 " + ((%s + 1) * %" PRId64 " + %" PRId64 ") / %" PRId64 ";", a, p,
                whole, p, rest, count - 1, count);
        tg_emit(call, "const $I count%d_ = end%d_ - from%d_;", a, a, a);
        return;
    }
    int64_t most = size + attr->padding[a];
    tg_emit(call, "const $I start%d_ = %s * %" PRId64 " - %" PRId64 ", last%d_ = start%d_ + %" PRId64 ";", a, p,
            attr->stride[a], attr->padding[a], a, a, attr->window[a]);
    tg_emit(call, "const $I from%d_ = start%d_ < 0 ? 0 : start%d_;", a, a, a);
    tg_emit(call, "const $I end%d_ = last%d_ > %" PRId64 " ? %" PRId64 " : last%d_;", a, a, size, size, a);
    if (attr->exclude_pad)
        tg_emit(call, "const $I count%d_ = end%d_ > from%d_ ? end%d_ - from%d_ : 0;", a, a, a, a, a);
    else
        tg_emit(call, "const $I count%d_ = (last%d_ > %" PRId64 " ? %" PRId64 " : last%d_) - start%d_;", a, a, most, most, a,
                a);
}

/* For each window, called by the indices of its mean: the loops over its elements of the image. */
static void open_elements(tg_emit_call *call, const tg_type *x, const tg_type *y, const char *before) {
    const tgi_pool_attr *attr = call->attr;
    int                  axes = (int)attr->axes;
    open_windows(call, y, attr);
    for (int a = 0; a < axes; a++)
        write_window(call, a, x->dims[x->rank - axes + a], y->dims[y->rank - axes + a]);
    tg_emit(call, "const $I count_ = count0_%s%s;", axes > 1 ? " * count1_" : "", axes > 2 ? " * count2_" : "");
    tg_emit(call, "%s", before);
    for (int a = 0; a < axes; a++)
        tg_emit(call, "for ($I %s = from%d_; %s < end%d_; %s++) {", inside[a], a, inside[a], a, inside[a]);
}

void tgi_means_emit(tg_emit_call *call) {
    const tgi_pool_attr *attr = call->attr;
    char                 x_at[256], y_at[256];
    open_elements(call, &call->in[0], &call->out, "$T acc = 0;");
    tg_emit(call, "acc += $0[#%s];", element_text(&call->in[0], attr, inside, x_at));
    close_braces(call, (int)attr->axes);
    tg_emit(call, "$y[#%s] = count_ ? acc / ($T)count_ : 0;", element_text(&call->out, attr, positions, y_at));
    close_braces(call, (int)attr->axes + 1);
}

void tgi_means_back_emit(tg_emit_call *call) {
    const tgi_pool_attr *attr = call->attr;
    char                 x_at[256], y_at[256], before[400];
    tgi_write_zeros(call);
    snprintf(before, sizeof before, "const $T acc = count_ ? $0[#%s] / ($T)count_ : 0;",
             element_text(&call->in[0], attr, positions, y_at));
    open_elements(call, &call->out, &call->in[0], before);
    tg_emit(call, "$y[#%s] += acc;", element_text(&call->out, attr, inside, x_at));
    close_braces(call, 2 * (int)attr->axes + 1);
}
