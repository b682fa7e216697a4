/* core/record.c: how an instruction gets onto the tape, and off it again.
 *
 * Recording resolves the operands, turns plain numbers among them into instructions, asks the op for dtype and shape of the result,
 * and appends. When anything fails the tape is cut back to where it was.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "core/executor.h"
#include "core/loop.h"
#include "core/residency.h"
#include "core/tape_part.h"

/* ---- appending --------------------------------------------------------------------------------------------------- */

static bool grow(tg_tape *tape) {
    uint32_t used = tape->chunk_count;
    if (used == tape->chunk_room) {
        uint32_t   room = used ? 2 * used : 1;
        tgi_node **table = tgi_memory_grow(&tape->memory, tape->chunks, used * sizeof *table, room * sizeof *table);
        if (!table) return false;
        tape->chunks = table;
        tape->chunk_room = room;
    }
    tape->chunks[used] = tgi_memory_take(&tape->memory, TGI_CHUNK * sizeof **tape->chunks);
    if (!tape->chunks[used]) return false;
    tape->chunk_count++;
    return true;
}

static inline tgi_node *append(tg_tape *tape, const tg_op *op, const char *what) {
    if (tape->count == TGI_NONE - 1) {
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tape holds no more than %u instructions", TGI_NONE - 1);
        return NULL;
    }
    const uint32_t *block = tgi_arena_take(&tape->arena, 0);
    if (!block || (tape->count >> TGI_CHUNK_BITS == tape->chunk_count && !grow(tape))) {
        tgi_out_of_memory(tape, what);
        return NULL;
    }
    tgi_node *node = tgi_node_at(tape, tape->count++);
    /* One by one: to clear the whole of it first takes as long as all else here. */
    node->op = op;
    node->file = tape->file;
    node->within = tape->rule_of == TGI_NONE ? tape->within : tgi_node_name(tgi_node_at(tape, tape->rule_of));
    node->in = block;
    node->dims = NULL;
    node->attr = node->data = NULL;
    node->view = NULL;
    node->version = node->checked = node->key = 0;
    node->line = tape->line;
    node->generation = tape->generation;
    node->count = node->attr_size = node->last_use = node->outside = 0;
    node->rule_of = tape->rule_of;
    node->dtype = node->rank = node->residency = 0;
    node->role = tape->role;
    node->requires_grad = false;
    node->part = tape->part;
    if (!tape->inside && tape->keep == TG_KEEP_RECORDED) tgi_set_kept(node);
    return node;
}

tgi_node *tgi_append(tg_tape *tape, const tg_op *op, const char *what) {
    return append(tape, op, what);
}

/* A gradient rule that is recorded after a run may need the result, and the operands. */
static void save(const tg_tape *tape, tgi_node *node) {
    tgi_set_saved(node, true);
    for (uint32_t i = 0; i < node->count; i++)
        tgi_set_saved(tgi_node_at(tape, node->in[i]), true);
}

static void forget_assign(tg_tape *tape, const tgi_node *assign, bool has_run) {
    tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, assign->in[0]));
    leaf->last_assign = tgi_previous_assign(assign);
    if (has_run && !tgi_changes_nothing(assign)) tgi_leaf_written(tape, leaf);
}

/* Whether something has to be done when it is forgotten, but to leave it. */
static bool owns_something(const tgi_node *node) {
    return !node->op->infer || node->op->effect || node->view || tgi_is_owned(node);
}

/* Forgets instruction i, when all from `count` on are forgotten. */
static void forget(tg_tape *tape, uint32_t i, uint32_t count) {
    tgi_node *node = tgi_node_at(tape, i);
    if (node->rule_of < count && tgi_node_at(tape, node->rule_of)->role == TGI_FORWARD)
        save(tape, tgi_node_at(tape, node->rule_of));
    if (!owns_something(node)) return;
    tgi_leaf *leaf = tgi_leaf_of(node);
    if (leaf)
        tgi_leaf_forget(tape, leaf);
    else if (node->op->effect && node->attr)
        forget_assign(tape, node, !node->part && i < tape->done);
    tgi_release_value(tape, node);
    if (node->view) tgi_pool_give(&tape->pool, node->view->copy);
}

static void restore_gradients(tg_tape *tape) {
    for (uint32_t i = 0; i < tape->parameters.count; i++) {
        tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, tape->parameters.item[i]));
        while (leaf->gradient && leaf->gradient->count > tape->count)
            leaf->gradient = leaf->gradient->previous;
    }
}

static void restore_labels(tg_tape *tape) {
    while (tape->labels && tape->labels->count > tape->count)
        tape->labels = tape->labels->previous;
}

static void forget_aliases(tg_tape *tape) {
    tgi_index_list *aliases = &tape->aliases;
    uint32_t        left = 0;
    for (uint32_t i = 0; i < aliases->count; i++)
        if (aliases->item[i] < tape->count) aliases->item[left++] = aliases->item[i];
    aliases->count = left;
}

void tgi_truncate(tg_tape *tape, uint32_t count) {
    if (tape->count == count) return;
    for (uint32_t i = tape->count; i-- > count;)
        forget(tape, i, count);
    tape->count = count;
    tape->generation++;
    tape->moves++;
    if (tape->done > count) tape->done = count;
    if (tape->observed > count) tape->observed = count;
    if (tape->touched > count) tape->touched = count;
    if (tape->leading > count) tape->leading = count;
    tape->plans.slot.bound = NULL;
    tgi_truncate_parts(tape, count);
    forget_aliases(tape);
    restore_gradients(tape);
    restore_labels(tape);
    tgi_arena_cut(&tape->arena, tgi_node_at(tape, count)->in);
}

/* ---- the operands ------------------------------------------------------------------------------------------------ */

static tg_tape *tape_of_operands(int count, const tg_tensor *in) {
    tg_tape *tape = NULL;
    for (int i = 0; i < count && in && !tape; i++)
        tape = tgi_tape_of(in[i]);
    return tape;
}

/* The instruction of an operand that can be used as it is, or NULL. */
static inline tgi_node *usable(const tg_tape *tape, tg_tensor x) {
    tgi_node *node = tgi_usable(tape, x);
    return node && (node->part == tape->part || !tgi_is_of_finished_loop(tape, node)) ? node : NULL;
}

/* The instruction of an operand. Only what cannot be used is looked at closely, for the error. */
static const tgi_node *resolve(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, int i) {
    const tgi_node *node = usable(tape, in[i]);
    char            role[32];
    if (node) return node;
    snprintf(role, sizeof role, count == 1 ? "the operand" : "operand %d", i + 1);
    node = tgi_resolve(tape, in[i], op->name, role);
    if (!node || !tgi_is_of_finished_loop(tape, node)) return node;
    tgi_fail(tape, TG_ERR_HANDLE, op->name,
             "%s was recorded in the body of a loop, and is a value of its steps: the loop hands on its states and outputs",
             role);
    return NULL;
}

/* Checks the tensors among the operands, and gives the dtype that numbers take beside them. */
static tg_status resolve_all(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, tg_dtype *dtype) {
    double number;
    *dtype = TG_DTYPES;
    for (int i = 0; i < count; i++) {
        if (tgi_is_number(in[i], &number)) continue;
        const tgi_node *node = resolve(tape, op, count, in, i);
        if (!node) return TG_ERR_HANDLE;
        if (*dtype == TG_DTYPES || *dtype == TG_BOOL) *dtype = (tg_dtype)node->dtype;
    }
    if (*dtype == TG_DTYPES && count) return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "no operand is a tensor");
    return TG_OK;
}

/* Of the body of a loop, what stands for operands from before it. */
static tg_status append_captures(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in) {
    double number;
    for (int i = 0; i < count && tape->loop_start; i++)
        if (!tgi_is_number(in[i], &number) && tgi_is_before_loop(tape, tgi_index(in[i])) &&
            tgi_capture_value(tape, op->name, tgi_index(in[i])))
            return tape->status;
    return TG_OK;
}

/* What must be there before the instruction; the first of the plain numbers will be *first_number. */
static tg_status append_operands(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, tg_dtype dtype,
                                 uint32_t *first_number) {
    double number;
    if (append_captures(tape, op, count, in)) return tape->status;
    *first_number = tape->count;
    for (int i = 0; i < count; i++)
        if (tgi_is_number(in[i], &number) && !tgi_new_number(tape, op->name, number, dtype)) return tape->status;
    return TG_OK;
}

tg_status tgi_check_not_overwritten(tg_tape *tape, const tg_op *op, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    if (tgi_is_overwritten(node) && node->view && node->view->base != TGI_NONE) node = tgi_node_at(tape, node->view->base);
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (!leaf || leaf->last_assign == TGI_NONE || leaf->last_assign < tape->rule_of) return TG_OK;
    uint16_t part = tgi_node_at(tape, tape->rule_of)->part;
    uint32_t last = tgi_last_assign_in(tape, leaf, part);
    if (part != tape->part && last == TGI_NONE) last = tgi_last_assign_in(tape, leaf, tape->part);
    if (last == TGI_NONE || last < tape->rule_of) return TG_OK;
    const tgi_node *assign = tgi_node_at(tape, last);
    return tgi_fail(tape, TG_ERR_GRADIENT, tgi_node_at(tape, tape->rule_of)->op->name,
                    "its gradient needs the value of '%s' from before the assign at %s:%u (for %s): take gradients before the "
                    "update",
                    leaf->name ? leaf->name : "", assign->file ? assign->file : "?", (unsigned)assign->line, op->name);
}

/* Where each operand's instruction is: the numbers stand in their order from `first_number` on. */
static tg_status link_operands(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, uint32_t first_number,
                               uint32_t *ids) {
    double number;
    for (int i = 0; i < count; i++) {
        ids[i] = tgi_is_number(in[i], &number) ? first_number++ : tgi_index(in[i]);
        if (tape->rule_of != TGI_NONE && tgi_check_not_overwritten(tape, op, ids[i])) return tape->status;
        if (tgi_is_before_loop(tape, ids[i])) ids[i] = tgi_captured(tape, ids[i]);
    }
    return TG_OK;
}

/* ---- the result -------------------------------------------------------------------------------------------------- */

static tg_status infer(tg_tape *tape, tg_infer *call, const uint32_t *ids) {
    tg_type *types = tgi_arena_take(&tape->arena, (size_t)call->count * sizeof *types);
    if (!types) return tgi_out_of_memory(tape, call->op->name);
    for (int i = 0; i < call->count; i++)
        types[i] = tgi_node_type(tgi_node_at(tape, ids[i]));
    call->in = types;
    call->out = (tg_type){.dtype = TG_DTYPES, .rank = -1, .dims = call->dims};

    tgi_callback outer = tgi_enter(tape, "a shape rule", false);
    tape->within = tape->callback.within; /* what it rejects, the function rejects */
    const tg_op *op = call->op;
    const void  *attr = call->attr;
    int          count = call->count;
    tg_status    status = op->infer(call);
    call->tape = tape; /* the rule may have written all over it */
    call->op = op;
    call->count = count;
    call->in = types;
    call->attr = attr;
    if (status) tg_refuse(call, status, "the op refuses them");
    if (!tgi_leave(tape, outer)) tgi_check_result(call);
    tgi_arena_cut(&tape->arena, types);
    return tape->status;
}

/* The sizes in memory that lives as long as the instruction: an operand's own, or a copy. */
static const int64_t *lasting_dims(tg_tape *tape, const tg_infer *call) {
    if (call->out.dims != call->dims) return call->out.dims;
    int64_t *dims = tgi_arena_take(&tape->arena, (size_t)call->out.rank * sizeof *dims);
    if (dims) tgi_copy_sizes(call->out.rank, call->dims, dims);
    return dims;
}

bool tgi_gradients_flow(const tg_tape *tape, const tgi_node *node) {
    const tg_op *op = node->op;
    if (!op->rules || !tgi_floating((tg_dtype)node->dtype)) return false;
    for (uint32_t i = 0; i < node->count; i++)
        if (op->rules[op->arity < 0 ? 0 : i] && tgi_node_at(tape, node->in[i])->requires_grad) return true;
    return false;
}

static tg_status append_op(tg_tape *tape, tg_infer *call, const tg_tensor *in, uint32_t first_number, size_t attr_size) {
    tgi_node *node = tgi_append(tape, call->op, call->op->name);
    if (!node) return tape->status;
    uint32_t *ids = tgi_arena_take(&tape->arena, (size_t)call->count * sizeof *ids);
    if (!ids) return tgi_out_of_memory(tape, call->op->name);
    if (link_operands(tape, call->op, call->count, in, first_number, ids) || infer(tape, call, ids)) return tape->status;

    node->in = ids;
    node->count = (uint32_t)call->count;
    node->dtype = (uint8_t)call->out.dtype;
    node->rank = (uint8_t)call->out.rank;
    node->dims = lasting_dims(tape, call);
    node->attr_size = (uint32_t)attr_size;
    void *attr = tgi_arena_take(&tape->arena, attr_size);
    if (call->op->view) {
        node->view = tgi_arena_take(&tape->arena, sizeof *node->view + node->rank * sizeof(int64_t));
        if (node->view) *node->view = (tgi_view_layout){.base = TGI_NONE};
    }
    if (!node->dims || !attr || (call->op->view && !node->view)) return tgi_out_of_memory(tape, call->op->name);
    if (attr_size) node->attr = memcpy(attr, call->attr, attr_size);

    for (int i = 0; i < call->count; i++)
        tgi_node_at(tape, ids[i])->last_use = tape->count - 1;
    node->requires_grad = tgi_gradients_flow(tape, node);
    if (tape->role == TGI_FORWARD && !tape->unsaved && call->op->rules && tgi_floating(call->out.dtype)) save(tape, node);
    return TG_OK;
}

/* ---- operands that are alike ------------------------------------------------------------------------------------- */

/* Most of what is recorded are elementwise ops of tensors of one dtype and shape, or without axes, and of plain numbers beside them. Their
 * shape rule has nothing to find out, and nothing that they promise is to be checked: for small values this is what makes recording fast. */
enum { FEW = 3 };

typedef struct alike {
    tgi_node       *node[FEW]; /* NULL for a number */
    const tgi_node *result;    /* an operand of its dtype and shape */
} alike;

static inline bool is_ordinary(const tg_tape *tape, const tg_op *op, int count, size_t attr_size) {
    return op && op->infer == tg_infer_elementwise && op->name && op->arity == count && count > 0 && count <= FEW &&
           !op->view && !op->effect && !attr_size && !tape->status && !tape->loop_start && !tgi_is_closed(tape);
}

/* False when the operands need a closer look. */
static inline bool are_alike(const tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, alike *a) {
    const tgi_node *result = NULL;
    double          number;
    for (int i = 0; i < count; i++) {
        const tgi_node *node = a->node[i] = usable(tape, in[i]);
        if (!node && !tgi_is_number(in[i], &number)) return false;
        if (!node || node == result) continue;
        if (!result) result = node;
        if (node->dtype != result->dtype) return false;
        if (!result->rank)
            result = node;
        else if (node->rank && !tgi_same_dims(node->rank, node->dims, result->rank, result->dims))
            return false;
    }
    a->result = result;
    return result && tgi_floating((tg_dtype)result->dtype) && tgi_loop_of(op, (tg_dtype)result->dtype);
}

/* Of operand i, which is a number; TGI_NONE and an error when there is no memory. */
static uint32_t append_number(tg_tape *tape, const tg_op *op, tg_tensor x, alike *a, int i) {
    double number = 0;
    (void)tgi_is_number(x, &number);
    a->node[i] = tgi_new_number(tape, op->name, number, (tg_dtype)a->result->dtype);
    return tape->status ? TGI_NONE : tape->count - 1;
}

static inline tg_status append_alike(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, alike *a) {
    uint32_t id[FEW];
    bool     requires_grad = false;
    for (int i = 0; i < count; i++) {
        id[i] = a->node[i] ? tgi_index(in[i]) : append_number(tape, op, in[i], a, i);
        if (id[i] == TGI_NONE) return tape->status;
    }
    tgi_node *node = append(tape, op, op->name);
    if (!node) return tape->status;
    uint32_t *ids = tgi_arena_take(&tape->arena, (size_t)count * sizeof *ids);
    if (!ids) return tgi_out_of_memory(tape, op->name);
    for (int i = 0; i < count; i++) {
        tgi_node *operand = a->node[i];
        bool      changes = !operand->op->infer || tgi_is_overwritten(operand);
        if (changes && tape->rule_of != TGI_NONE && tgi_check_not_overwritten(tape, op, id[i])) return tape->status;
        requires_grad |= operand->requires_grad && op->rules && op->rules[i];
        operand->last_use = tape->count - 1;
        ids[i] = id[i];
    }
    node->in = ids;
    node->count = (uint32_t)count;
    node->dtype = a->result->dtype;
    node->rank = a->result->rank;
    node->dims = a->result->dims;
    node->requires_grad = requires_grad;
    if (tape->role == TGI_FORWARD && !tape->unsaved && op->rules) save(tape, node);
    return TG_OK;
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* The call is over for the tapes of operands that belong elsewhere. */
static void leave_other_tapes(const tg_tape *tape, int count, const tg_tensor *in) {
    for (int i = 0; i < count && in; i++)
        if (in[i].tape != tape && tgi_tape_of(in[i])) tgi_done(in[i].tape, TG_OK);
}

static tg_status check_call(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr,
                            size_t attr_size) {
    if (!op || !op->name) return tgi_fail(tape, TG_ERR_ARGUMENT, "record", "the op is NULL, or has no name");
    if (!op->infer) return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "the op has no shape rule");
    if (count < 0 || (op->arity >= 0 && count != op->arity))
        return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "not the op's number of operands: %d", count);
    if (count && !in) return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "the array of %d operands is NULL", count);
    if ((attr_size && !attr) || attr_size > INT32_MAX)
        return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "the attributes are NULL, or too large: %zu bytes", attr_size);
    if (op->effect && op != tape->assigning) return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "only tg_assign has an effect");
    if (count > TG_MAX_LOOP_OPERANDS && !op->kernel && !op->view)
        return tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "an elementwise op takes %d operands at most, not %d",
                        TG_MAX_LOOP_OPERANDS, count);
    return TG_OK;
}

static tg_status append_any(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr,
                            size_t attr_size) {
    uint32_t first_number = 0; /* append_operands sets it, which gcc does not see at -O1 */
    tg_dtype numbers;
    tg_infer call; /* filled by hand: to clear it first would take longer */
    if (check_call(tape, op, count, in, attr, attr_size)) return tape->status;
    call.tape = tape;
    call.op = op;
    call.count = count;
    call.attr = attr;
    if (resolve_all(tape, op, count, in, &numbers) || append_operands(tape, op, count, in, numbers, &first_number))
        return tape->status;
    return append_op(tape, &call, in, first_number, attr_size);
}

tg_tensor(tg_record)(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr, size_t attr_size) {
    alike a;
    if (!tape) tape = tape_of_operands(count, in);
    bool simple = tape && in && is_ordinary(tape, op, count, attr_size) && are_alike(tape, op, count, in, &a);
    if (!simple) leave_other_tapes(tape, count, in);
    if (!simple && tgi_check(tape)) return tgi_invalid(tape);
    uint32_t start = tape->count;
    if (simple ? append_alike(tape, op, count, in, &a) : append_any(tape, op, count, in, attr, attr_size)) {
        tgi_truncate(tape, start);
        return tgi_invalid(tape);
    }
    if (tape->eager) tape->executor->run_recorded(tape);
    tgi_done(tape, TG_OK);
    return tgi_tensor(tape, tape->count - 1);
}

tg_tensor tg_record_at(const char *file, int line, tg_tape *tape, const tg_op *op, int count, const tg_tensor *in,
                       const void *attr, size_t attr_size) {
    tg_tape *known = tape ? tape : tape_of_operands(count, in);
    if (known && (tape || !known->file)) tg_at(known, file, line);
    return (tg_record)(known, op, count, in, attr, attr_size);
}
