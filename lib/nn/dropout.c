/* nn/dropout.c: dropout, a product with a random mask.
 *
 * The mask depends on nothing: what is differentiated, or run again for another x, sees the one that was drawn.
 *
 * SPDX-License-Identifier: MIT */
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

static tg_tensor random_mask(tg_tape *tape, const tg_type *x, double p) {
    static const tg_op op = {"random_mask", 0, infer_mask, .kernel = mask_kernel, .random = true};
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

tg_tensor(tg_dropout)(tg_tensor x, double p, bool training) {
    tg_operands o;
    if (tg_check_operands(&o, "dropout", 1, 1, &x) || tg_check_floating(&o, 1) ||
        tg_check_option(o.tape, o.name, "p", p, 0, 1, TG_CLOSED))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, training && p > 0 ? tg_mul(x, mask(o.tape, &o.type[0], p)) : x);
}
