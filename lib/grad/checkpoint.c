/* grad/checkpoint.c: a segment of the tape whose values are recomputed for the backward walk instead of being kept.
 *
 * The segment is recorded on detached inputs, so that no gradient flows through it, and a checkpoint, an op that shows its
 * result, stands for it on the way back. The checkpoint's rule records the segment anew, on the inputs themselves, and
 * differentiates that, once for all inputs.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/joint_rule.h"
#include "ops/ops.h"

typedef struct checkpoint_attr {
    tg_segment *segment;
    void       *context;
} checkpoint_attr;

static tg_tensor call_segment(tg_tape *tape, const checkpoint_attr *attr, const tg_tensor *inputs) {
    tgi_callback outer = tgi_enter(tape, "a checkpointed function", true);
    tg_tensor    y = attr->segment(inputs, attr->context);
    tgi_leave(tape, outer);
    return y;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* An input of its own for the segment, by which it can be differentiated: nothing else leads to it. */
static tg_tensor pass_rule(const tg_rule_call *call) {
    return call->g;
}

static tg_tensor pass(tg_tensor x) {
    static tg_rule *const rules[] = {pass_rule};
    static const tg_op    op = {"pass", 1, tgi_infer_same, .view = tgi_view_same, .rules = rules};
    return tg_record(NULL, &op, 1, &x, NULL, 0);
}

/* Records the segment and the gradients for its inputs, by their place among the operands. All inputs are its own, those that no gradient is
 * wanted for too: in the body of a loop they all stand in it then, whatever the segment returns or differentiates. */
static void differentiate(const tg_rule_call *call, tg_tensor *grads) {
    const checkpoint_attr *attr = call->attr;
    tg_tape               *tape = call->g.tape;
    int                    wanted = 0;
    tg_tensor             *inputs = tgi_pool_take(&tape->pool, 2 * (size_t)call->count * sizeof *inputs), *list;
    if (!inputs) {
        tgi_out_of_memory(tape, "checkpoint");
        return;
    }
    list = inputs + call->count;
    for (int i = 1; i < call->count; i++) {
        inputs[i] = pass(call->x[i]);
        if (tgi_is_wanted(call, i)) list[wanted++] = inputs[i];
    }
    tg_tensor y = call_segment(tape, attr, inputs + 1);
    tg_vjp(tape, 1, &y, &call->g, wanted, list, list);
    for (int i = call->count - 1; i > 0 && !tape->status; i--)
        if (tgi_is_wanted(call, i)) grads[i] = list[--wanted];
    tgi_pool_give(&tape->pool, inputs);
}

static tg_tensor checkpoint_rule(const tg_rule_call *call) {
    return call->which == 0 ? tgi_full_like(call->x[0], 0) : tgi_jointly(call, differentiate); /* nothing leads to the first */
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* What the segment recorded must be the same each time, and have no way to a parameter but through its inputs. */
static tg_status check_segment(tg_tape *tape, uint32_t start, tg_tensor y) {
    if (tape->status || !tgi_resolve(tape, y, "checkpoint", "what the segment returned")) return tg_error_status(tape);
    if (tgi_index(y) < start) return tgi_fail(tape, TG_ERR_ARGUMENT, "checkpoint", "the segment recorded nothing");
    for (uint32_t i = start; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        const tgi_leaf *leaf = tgi_leaf_of(node);
        if (node->op->random)
            return tgi_fail(tape, TG_ERR_ARGUMENT, "checkpoint", "the segment draws numbers (%s)", node->op->name);
        if (node->op->effect || (leaf && leaf->variable))
            return tgi_fail(tape, TG_ERR_ARGUMENT, "checkpoint", "the segment records %s: it may be recorded more than once",
                            node->op->name);
        if (node->requires_grad)
            return tgi_fail(tape, TG_ERR_GRADIENT, "checkpoint",
                            "%s in the segment depends on a parameter that is not among the inputs", node->op->name);
    }
    return TG_OK;
}

static tg_tensor record_checkpoint(tg_tape *tape, const checkpoint_attr *attr, int count, const tg_tensor *x, tg_tensor *in) {
    static tg_rule *const rules[] = {checkpoint_rule};
    static const tg_op    op = {"checkpoint", -1, tgi_infer_same, .view = tgi_view_same, .rules = rules};
    uint32_t              start = tape->count;
    for (int i = 0; i < count && !tape->status; i++) {
        tgi_resolve(tape, x[i], "checkpoint", "an input");
        in[i + 1] = tg_detach(x[i]);
    }
    if (tape->status) return tgi_invalid(tape);
    tape->unsaved++;
    in[0] = call_segment(tape, attr, in + 1);
    tape->unsaved--;
    if (check_segment(tape, start, in[0])) return tgi_invalid(tape);
    memcpy(in + 1, x, (size_t)count * sizeof *x);
    return tg_record(tape, &op, count + 1, in, attr, sizeof *attr);
}

tg_tensor(tg_checkpoint)(tg_tape *tape, tg_segment *segment, void *context, int count, const tg_tensor *x) {
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (!segment || count < 1 || !x) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "checkpoint", "no segment, or no inputs (%d)", count);
        return tgi_invalid(tape);
    }
    tg_scope        scope = tg_begin_scope(tape, "checkpoint");
    checkpoint_attr attr = {segment, context};
    tg_tensor      *in = tgi_pool_take(&tape->pool, ((size_t)count + 1) * sizeof *in), y = tgi_invalid(tape);
    if (in)
        y = record_checkpoint(tape, &attr, count, x, in);
    else
        tgi_out_of_memory(tape, "checkpoint");
    tgi_pool_give(&tape->pool, in);
    return tg_end_scope_with(scope, y);
}
