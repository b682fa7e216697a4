/* core/assign.c: what overwrites a leaf from the tape.
 *
 * An instruction whose op says TG_ASSIGNS has the leaf as its first operand, and no value of its own. The others are the leaf's new
 * value; or, where the op has a kernel, what that needs to overwrite a part of the leaf, in the leaf's own memory. Its attributes
 * begin with the assign to the same leaf before it, so that the assigns of a leaf are a list, newest first, which a rewind cuts back.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"

static tg_status infer_assign(tg_infer *call) {
    const tg_type *leaf = &call->in[0], *value = &call->in[1];
    int            rank;
    int64_t        dims[TG_MAX_RANK];
    if (leaf->dtype != value->dtype) return tg_refuse(call, TG_ERR_DTYPE, "dtypes differ: convert the value with tg_cast");
    if (!tgi_broadcast(&rank, dims, leaf->rank, leaf->dims, value->rank, value->dims) ||
        !tg_shape_equal(tg_shape_from(rank, dims), tg_shape_from(leaf->rank, leaf->dims)))
        return tg_refuse(call, TG_ERR_SHAPE, "the value does not broadcast to the leaf's shape");
    call->out = *leaf;
    return TG_OK;
}

static const tg_op assign_all = {.name = "assign", .arity = 2, .infer = infer_assign, .effect = TG_ASSIGNS};

tgi_node *tgi_variable(tg_tape *tape, tg_tensor x, const char *what) {
    tgi_node       *node = tgi_resolve(tape, x, what, "the leaf");
    const tgi_leaf *leaf = node ? tgi_leaf_of(node) : NULL;
    if (!node) return NULL;
    if (!leaf || !leaf->variable)
        tgi_fail(tape, TG_ERR_ARGUMENT, what,
                 "only inputs and parameters can be overwritten, and this is a result or a constant (%s)", node->op->name);
    else if (tgi_is_borrowed(node))
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "'%s' is borrowed memory, which is never written", leaf->name);
    else
        return node;
    return NULL;
}

tg_status tgi_record_assign(tg_tape *tape, const tg_op *op, const char *what, int count, const tg_tensor *in,
                            tgi_assign_attr *attr, size_t attr_size) {
    tgi_node *node = tgi_variable(tape, in[0], what);
    if (!node) return tape->status;
    if (tape->loop_start)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "not in the body of a loop: what changes from step to step is a state");
    tgi_leaf *leaf = tgi_leaf_of(node);
    attr->previous = leaf->last_assign;
    tape->assigning = op;
    tg_tensor recorded = tg_record(tape, op, count, in, attr, attr_size);
    tape->assigning = NULL;
    if (!tape->status) leaf->last_assign = tgi_index(recorded);
    return tape->status;
}

tg_status(tg_assign)(tg_tensor leaf, tg_tensor value) {
    tg_tape        *tape = tgi_tape_of(leaf) ? tgi_tape_of(leaf) : tgi_tape_of(value);
    tgi_assign_attr attr = {0};
    if (tgi_check(tape)) return tg_error_status(tape);
    return tgi_record_assign(tape, &assign_all, "assign", 2, ((tg_tensor[]){leaf, value}), &attr, sizeof attr);
}

uint32_t tgi_previous_assign(const tgi_node *assign) {
    return ((const tgi_assign_attr *)assign->attr)->previous;
}

uint32_t tgi_last_assign_in(const tg_tape *tape, const tgi_leaf *leaf, uint16_t part) {
    uint32_t assign = leaf->last_assign;
    while (assign != TGI_NONE && tgi_node_at(tape, assign)->part != part)
        assign = tgi_previous_assign(tgi_node_at(tape, assign));
    return assign;
}
