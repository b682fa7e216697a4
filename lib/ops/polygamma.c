/* ops/polygamma.c: the derivatives of digamma: elementwise, but with an order, which an elementwise loop has no argument for.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <limits.h>

#include "kernels/gamma.h"
#include "ops/c_text.h"

typedef struct polygamma_attr {
    int32_t order;
} polygamma_attr;

static tg_status infer_polygamma(tg_infer *call) {
    call->out = call->in[0];
    return tgi_require_dtype(call, call->out.dtype, TGI_FLOATS);
}

static tg_status polygamma_kernel(tg_kernel_call *call) {
    const polygamma_attr *attr = call->attr;
    const void           *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    return TGI_DISPATCH_FLOATS(call->out.dtype, tgi_polygamma, attr->order, call->out.size, x, call->out.data);
}

static void polygamma_emit(tg_emit_call *call) {
    int     order = ((const polygamma_attr *)call->attr)->order;
    int64_t size = tgi_size(call->out.rank, call->out.dims);
    if (order == 0)
        tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = ($T)$tgi_digamma($0[#i]);\n}", size);
    else
        tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = ($T)$POLYGAMMA(%d, %.17g, $0[#i]);\n}", size, order,
                tgi_factorial(order));
}

/* After INT_MAX comes -1, which tg_polygamma rejects. */
static tg_tensor polygamma_rule(const tg_rule_call *call) {
    const polygamma_attr *attr = call->attr;
    int                   next = attr->order < INT_MAX ? attr->order + 1 : -1;
    return tg_mul(call->g, tg_polygamma(next, call->x[0]));
}

static tg_rule *const polygamma_rules[] = {polygamma_rule};

tg_tensor(tg_polygamma)(int order, tg_tensor x) {
    static const tg_op op = {"polygamma",
                             1,
                             infer_polygamma,
                             .kernel = polygamma_kernel,
                             .rules = polygamma_rules,
                             .emit = polygamma_emit,
                             .batch = tg_batch_stack};
    polygamma_attr     attr = {.order = order};
    tg_tape           *tape = tgi_tape_of(x);
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (order < 0) {
        tgi_fail(tape, TG_ERR_ARGUMENT, op.name, "the order is %d, and must be at least 0", order);
        return tgi_invalid(tape);
    }
    return tg_record(NULL, &op, 1, &x, &attr, sizeof attr);
}
