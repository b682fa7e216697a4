/* ops/operands.h: for functions that check their operands before they record anything, and reject them as an op would.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_OPERANDS_H
#define TGI_OPS_OPERANDS_H

#include <stdio.h>

#include "ops/ops.h"

/* The tape of the first operand that has one. */
static inline tg_tape *tgi_tape_of_any(int count, const tg_tensor *x) {
    for (int i = 0; i < count; i++)
        if (tgi_tape_of(x[i])) return tgi_tape_of(x[i]);
    return NULL;
}

/* Checks that the operands can be used, and fills in the call that a shape rule of `op` would get. `types` has room for `count`;
 * plain numbers have rank 0 and the first tensor's dtype. */
static inline tg_status tgi_check_operands(tg_infer *call, tg_tape *tape, const tg_op *op, int count, const tg_tensor *x,
                                           tg_type *types) {
    double   number;
    tg_dtype dtype = TG_DTYPES;
    *call = (tg_infer){.tape = tape, .op = op, .count = count, .in = types};
    if (tgi_check(tape)) return tg_error_status(tape);
    for (int i = count - 1; i >= 0; i--) {
        char role[32];
        snprintf(role, sizeof role, count == 1 ? "the operand" : "operand %d", i + 1);
        const tgi_node *node = tgi_is_number(x[i], &number) ? NULL : tgi_resolve(tape, x[i], op->name, role);
        if (tape->status) return tape->status;
        types[i] = node ? tgi_node_type(node) : (tg_type){.dtype = TG_DTYPES};
        if (node) dtype = types[i].dtype;
    }
    for (int i = 0; i < count; i++) {
        uint64_t converted;
        if (types[i].dtype == TG_DTYPES) types[i].dtype = dtype;
        if (tgi_is_number(x[i], &number) && !tgi_convert(number, dtype, &converted))
            return tgi_fail(tape, TG_ERR_DTYPE, op->name, "%.17g is no %s", number, tg_dtype_name(dtype));
    }
    return TG_OK;
}

#endif
