/* ops/extreme.c: the largest and the smallest along axes, where they are, and whether any or all are true.
 *
 * One kernel serves all: it gathers the elements that make one element of the result, and folds them. Where several are the
 * largest, the gradient is shared among them evenly.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/strided.h"
#include "ops/reduce.h"

/* ---- folding n >= 1 elements ------------------------------------------------------------------------------------- */

typedef void fold(int64_t n, const void *x, void *out);

/* The index of the element that no other beats; the first of several. NaN beats all. */
#define DEFINE_FOLDS(suffix, T) \
    static int64_t best_##suffix(int64_t n, const T *x, bool largest) { \
        int64_t best = 0; \
        for (int64_t i = 1; i < n && x[best] == x[best]; i++) \
            if (x[i] != x[i] || (largest ? x[i] > x[best] : x[i] < x[best])) best = i; \
        return best; \
    } \
    static void max_##suffix(int64_t n, const void *x, void *out) { \
        *(T *)out = ((const T *)x)[best_##suffix(n, x, true)]; \
    } \
    static void min_##suffix(int64_t n, const void *x, void *out) { \
        *(T *)out = ((const T *)x)[best_##suffix(n, x, false)]; \
    } \
    static void argmax_##suffix(int64_t n, const void *x, void *out) { \
        *(int64_t *)out = best_##suffix(n, x, true); \
    } \
    static void argmin_##suffix(int64_t n, const void *x, void *out) { \
        *(int64_t *)out = best_##suffix(n, x, false); \
    }
DEFINE_FOLDS(f32, float)
DEFINE_FOLDS(f64, double)
DEFINE_FOLDS(i64, int64_t)

static void any_b8(int64_t n, const void *x, void *out) {
    *(bool *)out = memchr(x, true, (size_t)n) != NULL;
}

static void all_b8(int64_t n, const void *x, void *out) {
    *(bool *)out = memchr(x, false, (size_t)n) == NULL;
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

/* Two walks over x: along the axes that stay, and along those that are folded. */
static void two_walks(const tg_array *x, const tgi_axes_attr *attr, tgi_walk *kept, tgi_walk *folded) {
    int64_t dims[2][TG_MAX_RANK], strides[2][TG_MAX_RANK];
    int     rank[2] = {0, 0};
    for (int i = 0; i < x->rank; i++) {
        int which = tgi_has_axis(attr, i), at = rank[which]++;
        dims[which][at] = x->dims[i];
        strides[which][at] = x->strides[i];
    }
    size_t width = tg_dtype_size(x->dtype);
    *kept = tgi_walk_of(width, rank[0], dims[0], strides[0]);
    *folded = tgi_walk_of(width, rank[1], dims[1], strides[1]);
}

static tg_status run_fold(tg_kernel_call *call, fold *const folds[TG_DTYPES]) {
    const tg_array *x = &call->in[0], *out = &call->out;
    tgi_walk        kept, folded;
    if (out->size == 0) return TG_OK;
    two_walks(x, call->attr, &kept, &folded);
    int64_t n = x->size / out->size;
    void   *run = tg_scratch(call, (size_t)n * kept.element);
    if (!run) return TG_ERR_MEMORY;
    tgi_steps steps = tgi_steps_of(&kept);
    size_t    width = tg_dtype_size(out->dtype);
    for (int64_t i = 0; i < out->size; i++) {
        tgi_gather(&folded, (const char *)x->data + tgi_next(&steps) * (ptrdiff_t)kept.element, 0, n, run);
        folds[x->dtype](n, run, (char *)out->data + (size_t)i * width);
    }
    return TG_OK;
}

#define DEFINE_KERNEL(name, ...) \
    static tg_status name##_kernel(tg_kernel_call *call) { \
        static fold *const folds[TG_DTYPES] = {__VA_ARGS__}; \
        return run_fold(call, folds); \
    }
#define NUMBERS(name) [TG_F32] = name##_f32, [TG_F64] = name##_f64, [TG_I64] = name##_i64
DEFINE_KERNEL(max, NUMBERS(max))
DEFINE_KERNEL(min, NUMBERS(min))
DEFINE_KERNEL(argmax, NUMBERS(argmax))
DEFINE_KERNEL(argmin, NUMBERS(argmin))
DEFINE_KERNEL(any, [TG_BOOL] = any_b8)
DEFINE_KERNEL(all, [TG_BOOL] = all_b8)

/* ---- max and min: the gradient goes to those that are equal to the result ---------------------------------------- */

/* The shape rule of what has no answer for no elements. */
static tg_status infer_choice(tg_infer *call, tg_dtype dtype) {
    const tg_type *x = &call->in[0];
    if (x->dtype == TG_BOOL) return tg_refuse(call, TG_ERR_DTYPE, "it takes no bool: convert with tg_cast");
    for (int i = 0; i < x->rank; i++)
        if (tgi_has_axis(call->attr, i) && x->dims[i] == 0)
            return tg_refuse(call, TG_ERR_SHAPE, "there is nothing to choose from along axis %d", i);
    return tgi_infer_reduced(call, dtype);
}

static tg_status infer_extreme(tg_infer *call) {
    return infer_choice(call, call->in[0].dtype);
}

/* NaN, which is not equal to itself, was chosen where there is one. */
static tg_tensor extreme_rule(const tg_rule_call *call) {
    const tgi_axes_attr *attr = call->attr;
    tg_tensor            x = call->x[0];
    tg_tensor            chosen = tg_where(tg_ne(x, x), 1, tg_eq(x, tgi_unreduced(call->y, x, attr)));
    tg_tensor            many = tg_sum_axes(tg_cast(chosen, tg_dtype_of(x)), tgi_axes_of(attr), true);
    return tg_where(chosen, tg_div(tgi_unreduced(call->g, x, attr), many), 0);
}

static tg_rule *const extreme_rules[] = {extreme_rule};

static const tg_op max = {"max", 1, infer_extreme, .kernel = max_kernel, .rules = extreme_rules};
static const tg_op min = {"min", 1, infer_extreme, .kernel = min_kernel, .rules = extreme_rules};

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
    static const tg_op op = {"argmax", 1, infer_index, .kernel = argmax_kernel};
    return tgi_reduce(&op, x, TG_AXES(axis), keepdim);
}

tg_tensor(tg_argmin)(tg_tensor x, int axis, bool keepdim) {
    static const tg_op op = {"argmin", 1, infer_index, .kernel = argmin_kernel};
    return tgi_reduce(&op, x, TG_AXES(axis), keepdim);
}

/* ---- any and all ------------------------------------------------------------------------------------------------- */

static tg_status infer_truth(tg_infer *call) {
    if (call->in[0].dtype != TG_BOOL)
        return tg_refuse(call, TG_ERR_DTYPE, "it takes bool only: compare, or convert with tg_cast");
    return tgi_infer_reduced(call, TG_BOOL);
}

tg_tensor(tg_any_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op = {"any", 1, infer_truth, .kernel = any_kernel};
    return tgi_reduce(&op, x, axes, keepdim);
}

tg_tensor(tg_any)(tg_tensor x) {
    return tg_any_axes(x, tgi_all_axes(x), false);
}

tg_tensor(tg_all_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op = {"all", 1, infer_truth, .kernel = all_kernel};
    return tgi_reduce(&op, x, axes, keepdim);
}

tg_tensor(tg_all)(tg_tensor x) {
    return tg_all_axes(x, tgi_all_axes(x), false);
}
