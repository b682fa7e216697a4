/* nn/dropout.c: dropout, a product with a random mask.
 *
 * The mask depends on nothing: what is differentiated, or run again for another x, sees the one that was drawn.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include "ops/ops.h"
#include "random/random.h"

static bool is_probability(tg_tape *tape, double p) {
    if (p >= 0 && p <= 1) return true;
    tgi_fail(tape, TG_ERR_ARGUMENT, "dropout", "p %g is not between 0 and 1", p);
    return false;
}

/* 1 / (1 - p) where the element stays. Where none does, nothing is drawn. */
static tg_tensor mask(tg_tape *tape, const tgi_node *x, double p) {
    return p < 1 ? tgi_random_mask(tape, (tg_dtype)x->dtype, tgi_node_shape(x), 1 - p) : tg_num(0);
}

tg_tensor(tg_dropout)(tg_tensor x, double p, bool training) {
    const tgi_node *node = tgi_operand(x, "dropout");
    if (!node || !is_probability(x.tape, p) || tgi_require_operand(x, "dropout", TGI_FLOATS))
        return tgi_invalid(tgi_tape_of(x));
    if (!training || p == 0) {
        tgi_done(x.tape, TG_OK);
        return x;
    }
    tgi_call call = tgi_begin(x.tape);
    return tgi_end_with(x.tape, call, tg_mul(x, mask(x.tape, node, p)));
}
