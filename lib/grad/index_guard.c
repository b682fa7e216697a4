/* grad/index_guard.c: an error where the entries of a sparse matrix are no longer what they were.
 *
 * Which elements an index chooses is looked at once, when the matrix is recorded. An index that is an input, or is computed, may have
 * other values in a later run, which would make the matrix wrong: so it is compared with what it was.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <tapegrad/emit.h>

#include "grad/sparsity.h"
#include "ops/operands.h"

static tg_status infer_guard(tg_infer *call) {
    call->out = (tg_type){.dtype = TG_I64, .dims = call->dims};
    return TG_OK;
}

/* Operands: the index, and what it was. */
static tg_status guard_kernel(tg_kernel_call *call) {
    const void *now = tg_contiguous(call, 0), *then = tg_contiguous(call, 1);
    size_t      bytes = (size_t)call->in[0].size * tg_dtype_size(call->in[0].dtype);
    if (bytes && (!now || !then)) return TG_ERR_MEMORY;
    *(int64_t *)call->out.data = 0;
    if (!bytes || !memcmp(now, then, bytes)) return TG_OK;
    return tg_kernel_fail(call, "an index by which elements are chosen has other values than when the matrix was recorded, and "
                                "so the "
                                "matrix has other entries: record it anew");
}

static void guard_emit(tg_emit_call *call) {
    const tg_type *x = &call->in[0];
    tg_emit(call, "$y[#0] = 0;\n$for(i, %" PRId64 ")\nif ($0[#i] != $1[#i]) {", tg_shape_size(tg_shape_from(x->rank, x->dims)));
    tg_emit(call, "$fail(an index by which elements are chosen has other values than when the matrix was recorded)\n}\n}");
}

static tg_tensor guard(tg_tape *tape, const char *what, const tgi_index_value *seen) {
    static const tg_op op = {"index_guard", 2, infer_guard, .kernel = guard_kernel, .emit = guard_emit};
    const tgi_node    *index = tgi_node_at(tape, seen->index);
    tgi_node *then = tgi_new_leaf(tape, what, &tgi_constant, NULL, (tg_dtype)index->dtype, tgi_node_shape(index), NULL);
    if (!then) return tgi_invalid(tape);
    if (tgi_node_bytes(then)) memcpy(then->data, seen->data, tgi_node_bytes(then));
    tg_tensor pair[2] = {tgi_tensor(tape, seen->index), tgi_tensor(tape, tape->count - 1)};
    return (tg_record)(tape, &op, 2, pair, NULL, 0);
}

tg_tensor tgi_guard_indices(tg_tape *tape, const char *what, const tgi_index_value *seen) {
    tg_tensor all = TG_NONE;
    for (; seen && !tape->status; seen = seen->previous) {
        tg_tensor one = guard(tape, what, seen);
        all = tgi_is_none(all) ? one : tg_add(all, one);
    }
    return all;
}
