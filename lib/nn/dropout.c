/* nn/dropout.c: dropout, a product with a random mask; of whole channels, and after selu.
 *
 * The mask depends on nothing: what is differentiated, or run again for another x, sees the one that was drawn.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "core/inside.h"

/* ---- the mask: 1 / p with probability p, else 0; drawn anew in each run -------------------------------------------- */

typedef struct mask_attr {
    double  p;
    int64_t dtype, rank, dims[TG_MAX_RANK];
} mask_attr;

static tg_status infer_mask(tg_infer *call) {
    const mask_attr *attr = call->attr;
    call->out = (tg_type){.dtype = (tg_dtype)attr->dtype, .rank = (int)attr->rank, .dims = call->dims};
    memcpy(call->dims, attr->dims, sizeof attr->dims);
    return TG_OK;
}

#define DEFINE_FILL(suffix, T) \
    static void fill_##suffix(const double *drawn, T *out, int64_t n, double p) { \
        T scale = 1 / (T)p; \
        for (int64_t i = 0; i < n; i++) \
            out[i] = drawn[i] < p ? scale : 0; \
    }
DEFINE_FILL(f32, float)
DEFINE_FILL(f64, double)

/* Float64 uniform numbers decide for float32 too, as tg_bernoulli's do. */
static tg_status mask_kernel(tg_kernel_call *call) {
    enum { BLOCK = 256 };
    const mask_attr *attr = call->attr;
    double           drawn[BLOCK];
    for (int64_t start = 0; start < call->out.size; start += BLOCK) {
        int64_t n = call->out.size - start < BLOCK ? call->out.size - start : BLOCK;
        if (tg_draw_uniform(call, TG_F64, n, drawn)) return TG_ERR_VALUE;
        if (call->out.dtype == TG_F32)
            fill_f32(drawn, (float *)call->out.data + start, n, attr->p);
        else
            fill_f64(drawn, (double *)call->out.data + start, n, attr->p);
    }
    return TG_OK;
}

static void mask_emit(tg_emit_call *call) {
    const mask_attr *attr = call->attr;
    tg_emit(call, "$for(i, %lld)\n$y[#i] = $uniform_f64 < %.17g ? 1 / ($T)%.17g : 0;\n}",
            (long long)tg_shape_size(tg_shape_from(call->out.rank, call->out.dims)), attr->p, attr->p);
}

static tg_tensor random_mask(tg_tape *tape, const tg_type *x, double p) {
    static const tg_op op = {"random_mask", 0, infer_mask, .kernel = mask_kernel, .random = true, .emit = mask_emit};
    mask_attr          attr = {.p = p, .dtype = x->dtype, .rank = x->rank};
    for (int i = 0; i < x->rank; i++)
        attr.dims[i] = x->dims[i];
    return tg_record(tape, &op, 0, NULL, &attr, sizeof attr);
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

/* Where no element stays, nothing is drawn. */
static tg_tensor mask(tg_tape *tape, const tg_type *x, double p) {
    return p < 1 ? random_mask(tape, x, 1 - p) : tg_num(0);
}

static tg_status check(tg_operands *o, const char *name, tg_tensor x, double p) {
    if (tg_check_operands(o, name, 1, 1, &x) || tg_check_floating(o, 1)) return tg_error_status(o->tape);
    return tg_check_option(o->tape, name, "p", p, 0, 1, TG_CLOSED);
}

tg_tensor(tg_dropout)(tg_tensor x, double p, bool training) {
    tg_operands o;
    if (check(&o, "dropout", x, p)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, training && p > 0 ? tg_mul(x, mask(o.tape, &o.type[0], p)) : x);
}

/* ---- of whole channels, which have so many axes ------------------------------------------------------------------ */

static tg_status check_axes(const tg_operands *o, int axes) {
    int rank = o->type[0].rank;
    if (rank == axes + 1 || rank == axes + 2) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %d axes, not %d, or %d for a batch", rank, axes + 1, axes + 2);
}

static tg_tensor drop_channels(const char *name, int axes, tg_tensor x, double p, bool training) {
    tg_operands o;
    if (check(&o, name, x, p) || check_axes(&o, axes)) return tg_invalid(o.tape);
    int64_t dims[TG_MAX_RANK];
    tg_type channels = {.dtype = o.type[0].dtype, .rank = o.type[0].rank, .dims = dims};
    for (int i = 0; i < channels.rank; i++)
        dims[i] = i < channels.rank - axes ? o.type[0].dims[i] : 1;
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, training && p > 0 ? tg_mul(x, mask(o.tape, &channels, p)) : x);
}

tg_tensor(tg_dropout1d)(tg_tensor x, double p, bool training) {
    return drop_channels("dropout1d", 1, x, p, training);
}

tg_tensor(tg_dropout2d)(tg_tensor x, double p, bool training) {
    return drop_channels("dropout2d", 2, x, p, training);
}

tg_tensor(tg_dropout3d)(tg_tensor x, double p, bool training) {
    return drop_channels("dropout3d", 3, x, p, training);
}

/* ---- to the value where selu ends -------------------------------------------------------------------------------- */

/* scale (x or the end) + shift has mean 0 and variance 1 when x has: G. Klambauer et al., "Self-Normalizing Neural Networks" (2017). */
static tg_tensor drop_to_end(tg_tensor x, tg_tensor kept, double p) {
    const double end = -1.7580993408473768645; /* -1.0507... 1.6732..., of selu */
    double       scale = 1 / sqrt((1 - p) * (1 + p * end * end));
    return tg_add(tg_mul(scale, tg_where(kept, x, end)), -scale * end * p);
}

tg_tensor(tg_alpha_dropout)(tg_tensor x, double p, bool training) {
    tg_operands o;
    if (check(&o, "alpha_dropout", x, p)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    if (!training || p == 0) return tg_end_scope_with(scope, x);
    if (p == 1) return tg_end_scope_with(scope, tg_mul(x, 0));
    return tg_end_scope_with(scope, drop_to_end(x, tg_gt(random_mask(o.tape, &o.type[0], 1 - p), 0), p));
}
