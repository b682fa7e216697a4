/* ops/extreme.c: the largest and the smallest along axes, where they are, and whether any or all are true.
 *
 * One kernel serves all: it passes the elements that make one element of the result, or rows of elements that each belong to
 * another one, to loops in kernels/min_max.c. Where several are the largest, the gradient is shared among them evenly.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/min_max.h"
#include "kernels/strided.h"
#include "ops/reduce.h"

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

typedef struct extreme {
    tgi_extreme_run *run;
    tgi_extreme_row *row;
    bool             where; /* the result is an index */
    bool             empty; /* the result for no elements, where that is no error */
} extreme;

/* Two walks over x: along the axes that are kept, and along those that are reduced. */
static void two_walks(const tg_array *x, const tgi_axes_attr *attr, tgi_walk *kept, tgi_walk *reduced) {
    int64_t dims[2][TG_MAX_RANK], strides[2][TG_MAX_RANK];
    int     rank[2] = {0, 0};
    for (int i = 0; i < x->rank; i++) {
        int which = tgi_has_axis(attr, i), at = rank[which]++;
        dims[which][at] = x->dims[i];
        strides[which][at] = x->strides[i];
    }
    size_t width = tg_dtype_size(x->dtype);
    *kept = tgi_walk_of(width, rank[0], dims[0], strides[0]);
    *reduced = tgi_walk_of(width, rank[1], dims[1], strides[1]);
}

/* A run of memory for each element of the result; gathered first, where it is not in one piece. */
static tg_status by_runs(tg_kernel_call *call, const extreme *e, const tgi_walk *kept, const tgi_walk *reduced, int64_t n) {
    const tg_array *x = &call->in[0], *out = &call->out;
    bool            direct = tgi_walk_is_contiguous(reduced);
    char           *copy = direct ? NULL : tg_scratch(call, (size_t)n * kept->element);
    if (!direct && !copy) return TG_ERR_MEMORY;
    tgi_steps steps = tgi_steps_of(kept);
    size_t    width = tg_dtype_size(out->dtype);
    for (int64_t i = 0; i < out->size; i++) {
        const char *from = (const char *)x->data + tgi_next(&steps) * (ptrdiff_t)kept->element;
        if (!direct) tgi_gather(reduced, from, 0, n, copy);
        e->run(n, direct ? from : copy, (char *)out->data + (size_t)i * width);
    }
    return TG_OK;
}

/* n rows, `width` neighbours of each: what is in `best` (and in index, where that is the result) stays in the first cache. */
static void reduce_rows(const extreme *e, const tgi_walk *reduced, int64_t n, int64_t width, const char *x, char *best,
                        int64_t *index) {
    tgi_steps steps = tgi_steps_of(reduced);
    ptrdiff_t element = (ptrdiff_t)reduced->element;
    memcpy(best, x + tgi_next(&steps) * element, (size_t)(width * element));
    for (int64_t row = 1; row < n; row++)
        e->row(row, width, x + tgi_next(&steps) * element, best, index);
}

/* For elements that are neighbours both in x and in the result: whole rows at a time. */
static tg_status by_rows(tg_kernel_call *call, const extreme *e, const tgi_walk *kept, const tgi_walk *reduced, int64_t n) {
    enum { COLUMNS = 1024 };
    tgi_walk  outer = *kept;
    int64_t   width = outer.dims[--outer.rank];
    tgi_steps steps = tgi_steps_of(&outer);
    ptrdiff_t element = (ptrdiff_t)kept->element;
    char     *best = e->where ? tg_scratch(call, (size_t)(COLUMNS * element)) : call->out.data;
    int64_t  *index = e->where ? call->out.data : NULL;
    if (!best) return TG_ERR_MEMORY;
    if (index) memset(index, 0, (size_t)call->out.size * sizeof *index);
    for (int64_t i = 0; i < call->out.size; i += width) {
        const char *from = (const char *)call->in[0].data + tgi_next(&steps) * element;
        for (int64_t j = 0; j < width; j += COLUMNS)
            reduce_rows(e, reduced, n, width - j < COLUMNS ? width - j : COLUMNS, from + j * element,
                        index ? best : best + (i + j) * element, index ? index + i + j : NULL);
    }
    return TG_OK;
}

static tg_status run_extreme(tg_kernel_call *call, const extreme *e) {
    const tg_array *x = &call->in[0];
    tgi_walk        kept, reduced;
    if (!e->run) return TG_ERR_DTYPE;
    if (call->out.size == 0) return TG_OK;
    two_walks(x, call->attr, &kept, &reduced);
    int64_t n = x->size / call->out.size;
    if (n == 0) {
        memset(call->out.data, e->empty, (size_t)call->out.size);
        return TG_OK;
    }
    int  last = kept.rank - 1;
    bool side_by_side = last >= 0 && kept.strides[last] == 1 && kept.dims[last] >= 8;
    if (side_by_side && !tgi_walk_is_contiguous(&reduced)) return by_rows(call, e, &kept, &reduced, n);
    return by_runs(call, e, &kept, &reduced, n);
}

#define DEFINE_KERNEL(name, ...) \
    static tg_status name##_kernel(tg_kernel_call *call) { \
        static const extreme of[TG_DTYPES] = {__VA_ARGS__}; \
        return run_extreme(call, &of[call->in[0].dtype]); \
    }
#define ONE(name, ...) \
    { tgi_##name, tgi_##name##_row, __VA_ARGS__ }
#define NUMBERS(name, ...) \
    [TG_F32] = ONE(name##_f32, __VA_ARGS__), [TG_F64] = ONE(name##_f64, __VA_ARGS__), [TG_I64] = ONE(name##_i64, __VA_ARGS__)
DEFINE_KERNEL(max, NUMBERS(max, .where = false))
DEFINE_KERNEL(min, NUMBERS(min, .where = false))
DEFINE_KERNEL(argmax, NUMBERS(argmax, .where = true))
DEFINE_KERNEL(argmin, NUMBERS(argmin, .where = true))
DEFINE_KERNEL(any, [TG_BOOL] = ONE(max_b8, .empty = false))
DEFINE_KERNEL(all, [TG_BOOL] = ONE(min_b8, .empty = true))

/* ---- max and min: the gradient goes to those that are equal to the result ---------------------------------------- */

/* The shape rule of what is undefined for no elements. */
static tg_status infer_choice(tg_infer *call, tg_dtype dtype) {
    const tg_type *x = &call->in[0];
    if (tgi_require_dtype(call, x->dtype, TGI_NUMBERS)) return call->tape->status;
    for (int i = 0; i < x->rank; i++)
        if (tgi_has_axis(call->attr, i) && x->dims[i] == 0)
            return tg_refuse(call, TG_ERR_SHAPE, "there is nothing to choose from along axis %d", i);
    return tgi_infer_reduced(call, dtype);
}

static tg_status infer_extreme(tg_infer *call) {
    return infer_choice(call, call->in[0].dtype);
}

/* ---- in C -------------------------------------------------------------------------------------------------------- */

/* NaN beats all; of several the first is chosen. `beats` compares; `where`: the result is its index. */
static void write_extreme(tg_emit_call *call, const char *beats, bool where) {
    tgi_reduction_text t = tgi_reduction_text_of(call, call->attr);
    tgi_indices        first = t.x;
    char               at[TGI_INDICES_TEXT];
    int                axis = 0;
    for (int i = 0; i < first.rank; i++)
        if (tgi_has_axis(call->attr, i)) strcpy(first.axis[axis = i], "0");
    tgi_indices_text(&first, at);
    tgi_open_kept(call, &t, first.rank);
    tg_emit(call, "{\n$T0 best = $0[%s];", at);
    if (where) tg_emit(call, "int64_t pos = 0;");
    tgi_open_reduced(call, &t, -1);
    tg_emit(call, "const $T0 x_ = $0[%s];", t.x_at);
    tg_emit(call, tgi_floating(call->in[0].dtype) ? "if (x_ %s best || (x_ != x_ && best == best)) {" : "if (x_ %s best) {",
            beats);
    tg_emit(call, "best = x_;");
    if (where) tg_emit(call, "pos = %s;", t.x.axis[axis]);
    tg_emit(call, "}");
    tgi_close_reduced(call, &t, -1);
    tg_emit(call, where ? "$y[%s] = pos;\n}" : "$y[%s] = best;\n}", t.y_at);
    tgi_close_kept(call, &t, first.rank);
}

static void max_emit(tg_emit_call *call) {
    write_extreme(call, ">", false);
}

static void min_emit(tg_emit_call *call) {
    write_extreme(call, "<", false);
}

static void argmax_emit(tg_emit_call *call) {
    write_extreme(call, ">", true);
}

static void argmin_emit(tg_emit_call *call) {
    write_extreme(call, "<", true);
}

/* Whether an element was found for which the condition holds. */
static void write_truth(tg_emit_call *call, const char *condition, const char *found, const char *otherwise) {
    tgi_reduction_text t = tgi_reduction_text_of(call, call->attr);
    tgi_open_kept(call, &t, t.x.rank);
    tg_emit(call, "$y[%s] = %s;", t.y_at, otherwise);
    tgi_open_reduced(call, &t, -1);
    tg_emit(call, "if (%s$0[%s]) $y[%s] = %s;", condition, t.x_at, t.y_at, found);
    tgi_close_reduced(call, &t, -1);
    tgi_close_kept(call, &t, t.x.rank);
}

static void any_emit(tg_emit_call *call) {
    write_truth(call, "", "true", "false");
}

static void all_emit(tg_emit_call *call) {
    write_truth(call, "!", "false", "true");
}

/* NaN, which is not equal to itself, was chosen where there is one. */
static tg_tensor extreme_rule(const tg_rule_call *call) {
    const tgi_axes_attr *attr = call->attr;
    tg_tensor            x = call->x[0];
    tg_tensor            chosen = tg_where(tg_ne(x, x), 1, tg_eq(x, tgi_unreduced(call->y, x, attr)));
    tg_tensor            many = tg_sum_axes(tg_cast(chosen, tg_dtype_of(x)), tgi_axes_in(attr), true);
    return tg_where(chosen, tg_div(tgi_unreduced(call->g, x, attr), many), 0);
}

static tg_rule *const extreme_rules[] = {extreme_rule};

static const tg_op max = {"max",
                          1,
                          infer_extreme,
                          .kernel = max_kernel,
                          .rules = extreme_rules,
                          .lead = tgi_leading_axes,
                          .emit = max_emit,
                          .batch = tgi_batch_reduction};
static const tg_op min = {"min",
                          1,
                          infer_extreme,
                          .kernel = min_kernel,
                          .rules = extreme_rules,
                          .lead = tgi_leading_axes,
                          .emit = min_emit,
                          .batch = tgi_batch_reduction};

tg_tensor(tg_max_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    return tgi_reduce(&max, x, axes, keepdim);
}

tg_tensor(tg_max)(tg_tensor x) {
    return tg_max_axes(x, tgi_all_axes(x), false);
}

tg_tensor(tg_min_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    return tgi_reduce(&min, x, axes, keepdim);
}

tg_tensor(tg_min)(tg_tensor x) {
    return tg_min_axes(x, tgi_all_axes(x), false);
}

/* ---- where they are ---------------------------------------------------------------------------------------------- */

static tg_status infer_index(tg_infer *call) {
    return infer_choice(call, TG_I64);
}

tg_tensor(tg_argmax)(tg_tensor x, int axis, bool keepdim) {
    static const tg_op op = {"argmax",
                             1,
                             infer_index,
                             .kernel = argmax_kernel,
                             .lead = tgi_leading_axes,
                             .emit = argmax_emit,
                             .batch = tgi_batch_reduction};
    return tgi_reduce(&op, x, TG_AXES(axis), keepdim);
}

tg_tensor(tg_argmin)(tg_tensor x, int axis, bool keepdim) {
    static const tg_op op = {"argmin",
                             1,
                             infer_index,
                             .kernel = argmin_kernel,
                             .lead = tgi_leading_axes,
                             .emit = argmin_emit,
                             .batch = tgi_batch_reduction};
    return tgi_reduce(&op, x, TG_AXES(axis), keepdim);
}

/* ---- any and all ------------------------------------------------------------------------------------------------- */

static tg_status infer_truth(tg_infer *call) {
    if (call->in[0].dtype != TG_BOOL)
        return tg_refuse(call, TG_ERR_DTYPE, "it takes bool only: compare, or convert with tg_cast");
    return tgi_infer_reduced(call, TG_BOOL);
}

tg_tensor(tg_any_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op =
        {"any", 1, infer_truth, .kernel = any_kernel, .lead = tgi_leading_axes, .emit = any_emit, .batch = tgi_batch_reduction};
    return tgi_reduce(&op, x, axes, keepdim);
}

tg_tensor(tg_any)(tg_tensor x) {
    return tg_any_axes(x, tgi_all_axes(x), false);
}

tg_tensor(tg_all_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op =
        {"all", 1, infer_truth, .kernel = all_kernel, .lead = tgi_leading_axes, .emit = all_emit, .batch = tgi_batch_reduction};
    return tgi_reduce(&op, x, axes, keepdim);
}

tg_tensor(tg_all)(tg_tensor x) {
    return tg_all_axes(x, tgi_all_axes(x), false);
}
