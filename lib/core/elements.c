/* core/elements.c: whether memory of the caller's has the elements that a tensor has, as far as its pointer's type says.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"

/* The elements of a dtype, as the caller's source calls them. */
static const char *type_name(tg_dtype dtype) {
    static const char *const names[TG_DTYPES] =
        {[TG_F32] = "float", [TG_F64] = "double", [TG_I64] = "int64_t", [TG_BOOL] = "bool"};
    return (unsigned)dtype < TG_DTYPES ? names[dtype] : "?";
}

static tg_status check(tg_tape *tape, const char *name, tg_dtype elements, tg_dtype dtype, const char *kind) {
    if (elements == dtype) return TG_OK;
    return tgi_fail(tape, TG_ERR_DTYPE, name, "%s values for a %s %s", type_name(elements), tg_dtype_name(dtype), kind);
}

tg_status tg_check_elements(tg_tensor x, const char *name, tg_dtype elements) {
    tg_tape *tape = tgi_tape_of(x);
    if (tgi_check(tape) || !tg_valid(x)) return tg_error_status(tape);
    const tgi_node *node = tgi_node_at(tape, tgi_index(x));
    return check(tape, name, elements, (tg_dtype)node->dtype, tgi_leaf_of(node) ? node->op->name : "tensor");
}

tg_status tg_check_leaf_elements(tg_tape *tape, const char *name, tg_dtype elements, tg_dtype dtype) {
    if (tgi_check(tape) || !tg_dtype_size(dtype)) return tg_error_status(tape);
    return check(tape, name, elements, dtype, "leaf");
}
