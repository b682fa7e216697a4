/* core/record.c: how an instruction gets onto the tape.
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

/* What is recorded most is compiled once for each number of operands. */
#define INLINE __attribute__((always_inline)) static inline

/* ---- appending --------------------------------------------------------------------------------------------------- */

#define MOST (TGI_NONE - 1)

static bool grow(tg_tape *tape) {
    uint32_t used = tape->chunk_count;
    if (tape->count == MOST) return false;
    if (used == tape->chunk_room) {
        size_t     room = used ? 2 * (size_t)used : 1, width = TGI_CHUNK * sizeof(tgi_node *);
        tgi_node **table = tgi_memory_grow(&tape->memory, tape->nodes, used * width, room * width);
        if (!table) return false;
        tape->nodes = table;
        tape->chunk_room = (uint32_t)room;
    }
    tgi_node *chunk = tgi_memory_take(&tape->memory, TGI_CHUNK * sizeof *chunk);
    if (!chunk) return false;
    for (size_t i = 0; i < TGI_CHUNK; i++)
        tape->nodes[(size_t)used * TGI_CHUNK + i] = chunk + i;
    uint64_t there = (uint64_t)++tape->chunk_count * TGI_CHUNK;
    tape->room = there < MOST ? (uint32_t)there : MOST;
    return true;
}

static void refuse_more(tg_tape *tape, const char *what) {
    if (tape->count == MOST)
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tape holds no more than %u instructions", MOST);
    else
        tgi_out_of_memory(tape, what);
}

INLINE tgi_node *append(tg_tape *tape, const tg_op *op, const uint32_t *block, const char *what) {
    if (!block || (tape->count == tape->room && !grow(tape))) {
        refuse_more(tape, what);
        return NULL;
    }
    tgi_node *node = tgi_node_at(tape, tape->count++);
    /* One by one: to clear the whole of it first takes as long as all else here. */
    node->op = op;
    node->file = tape->file;
    node->within = tape->rule_of == TGI_NONE ? tape->within : tape->rule_name;
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
    node->requires_grad = node->plain = node->has_value = false;
    node->part = tape->part;
    if (tape->part) tape->small_from = tape->count;
    if (!tape->inside && tape->keep == TG_KEEP_RECORDED) tgi_set_kept(node);
    return node;
}

tgi_node *tgi_append(tg_tape *tape, const tg_op *op, const char *what) {
    const uint32_t *block = tape->arena.top ? (void *)tape->arena.top : tgi_arena_take(&tape->arena, 0);
    tgi_node       *node = append(tape, op, block, what);
    if (op != &tgi_number) tape->free_from = tape->count;
    return node;
}

/* ---- the operands ------------------------------------------------------------------------------------------------ */

INLINE tg_tape *tape_of_operands(int count, const tg_tensor *in) {
    tg_tape *tape = NULL;
    for (int i = 0; i < count && in && !tape; i++)
        tape = tgi_tape_of(in[i]);
    return tape;
}

/* The instruction of an operand that can be used as it is, or NULL. */
INLINE tgi_node *usable(const tg_tape *tape, tg_tensor x) {
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

/* A view that was lost when its leaf was overwritten is made again from the view before it, where that retained what it was. */
tg_status tgi_check_not_overwritten(tg_tape *tape, const tg_op *op, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    while (tgi_is_overwritten(node) && node->view && node->view->base != TGI_NONE)
        node = tgi_node_at(tape, node->in[0]);
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

/* Whether the value can stand in the instruction, as a single number does. */
INLINE bool is_small(const tgi_node *node) {
    return !node->rank || tgi_node_bytes(node) <= sizeof node->small;
}

/* Whether there is so little to do that nothing is won by a plan. */
static bool is_little(const tg_tape *tape, const tgi_node *node) {
    bool little = is_small(node) && !node->op->effect && !node->op->random;
    for (uint32_t i = 0; i < node->count && little; i++)
        little = is_small(tgi_node_at(tape, node->in[i]));
    return little;
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
    node->has_value = !call->op->effect;
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
    if (!is_little(tape, node)) tape->small_from = tape->count;
    if (node->op->effect || node->op->random) tape->quiet_from = tape->count;
    if (tape->role == TGI_FORWARD && !tape->unsaved && call->op->rules && tgi_floating(call->out.dtype)) tgi_save(tape, node);
    return TG_OK;
}

/* ---- operands that are alike ------------------------------------------------------------------------------------- */

/* Most of what is recorded are elementwise ops of tensors of one dtype and shape, or without axes, and of plain numbers beside them. Their
 * shape rule has nothing to find out, and nothing that they promise is to be checked: for small values this is what makes recording fast.
 * It is compiled for each number of operands: loops would take longer than what is in them. */
enum { FEW = 3 };

typedef struct alike {
    tgi_node       *node[FEW]; /* NULL for a number that is not appended yet */
    uint32_t        index[FEW];
    const tgi_node *result; /* an operand of its dtype and shape */
} alike;

/* An elementwise op that takes so many floating numbers. */
INLINE bool is_ordinary(const tg_op *op, int count, size_t attr_size) {
    return op->infer == tg_infer_elementwise && op->arity == count && op->name && !op->view && !op->effect && !op->random &&
           !attr_size && tgi_loop_of(op, TG_F32) && tgi_loop_of(op, TG_F64);
}

/* Whether operand i needs no closer look, beside those before it. */
INLINE bool is_alike(const tg_tape *tape, tg_tensor x, alike *a, int i) {
    tgi_node       *node = a->node[i] = usable(tape, x);
    const tgi_node *result = a->result;
    a->index[i] = tgi_index(x);
    if (!node) return x.tape == &tgi_number_tag;
    if (!result || !result->rank) a->result = node;
    if (!result || node == result) return true;
    if (node->dtype != result->dtype) return false;
    return !result->rank || !node->rank || tgi_same_dims(node->rank, node->dims, result->rank, result->dims);
}

INLINE bool are_alike(const tg_tape *tape, int count, const tg_tensor *in, alike *a) {
    a->result = NULL;
    if (tape->status || tape->loop_start || tgi_is_closed(tape)) return false;
    if (!is_alike(tape, in[0], a, 0)) return false;
    if (count > 1 && !is_alike(tape, in[1], a, 1)) return false;
    if (count > 2 && !is_alike(tape, in[2], a, 2)) return false;
    return a->result && tgi_floating((tg_dtype)a->result->dtype);
}

/* Appends the numbers among the operands. */
static tg_status append_numbers(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, alike *a) {
    double number;
    for (int i = 0; i < count; i++) {
        if (!tgi_is_number(in[i], &number)) continue;
        a->node[i] = tgi_new_number(tape, op->name, number, (tg_dtype)a->result->dtype);
        a->index[i] = tape->count - 1;
        if (tape->status) return tape->status;
    }
    return TG_OK;
}

/* Of a gradient rule: whether operand i is still what it was when the instruction was recorded whose rule it is. */
INLINE bool is_as_it_was(tg_tape *tape, const tg_op *op, const alike *a, int i) {
    const tgi_node *operand = a->node[i];
    if (operand->op->infer && !tgi_is_overwritten(operand)) return true;
    return !tgi_check_not_overwritten(tape, op, a->index[i]);
}

INLINE bool are_as_they_were(tg_tape *tape, const tg_op *op, int count, const alike *a) {
    if (tape->rule_of == TGI_NONE) return true;
    if (!is_as_it_was(tape, op, a, 0)) return false;
    if (count > 1 && !is_as_it_was(tape, op, a, 1)) return false;
    return count < 3 || is_as_it_was(tape, op, a, 2);
}

/* Operand i becomes that of the instruction. `saves`: the gradient rules may need it. */
INLINE void link_alike(const tg_tape *tape, tgi_node *node, const alike *a, int i, uint32_t *ids, bool saves) {
    tg_rule *const *rules = node->op->rules;
    tgi_node       *operand = a->node[i];
    if (operand->requires_grad && rules && rules[i]) node->requires_grad = true;
    if (saves) tgi_set_saved(operand, true);
    operand->last_use = tape->count - 1;
    ids[i] = a->index[i];
}

INLINE void append_alike(tg_tape *tape, const tg_op *op, int count, const alike *a) {
    if (!are_as_they_were(tape, op, count, a)) return;
    bool      saves = tape->role == TGI_FORWARD && !tape->unsaved && op->rules;
    uint32_t *ids = tgi_arena_take(&tape->arena, (size_t)count * sizeof *ids);
    tgi_node *node = append(tape, op, ids, op->name);
    if (!node) return;
    node->count = (uint32_t)count;
    node->dtype = a->result->dtype;
    node->rank = a->result->rank;
    node->dims = a->result->dims;
    node->has_value = true;
    link_alike(tape, node, a, 0, ids, saves);
    if (count > 1) link_alike(tape, node, a, 1, ids, saves);
    if (count > 2) link_alike(tape, node, a, 2, ids, saves);
    if (saves) tgi_set_saved(node, true);
    bool small = is_small(node);
    node->plain = small && node->rank <= 1;
    if (!small) tape->small_from = tape->count;
    if (!node->plain) tape->free_from = tape->count;
}

/* Records an ordinary op, if its operands need no closer look; else it does nothing. A failure is the tape's error. */
INLINE bool record_alike(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in) {
    alike a;
    if (!are_alike(tape, count, in, &a)) return false;
    bool numbers = !a.node[0] || (count > 1 && !a.node[1]) || (count > 2 && !a.node[2]);
    if (!numbers || !append_numbers(tape, op, count, in, &a)) append_alike(tape, op, count, &a);
    return true;
}

static bool record_ordinary(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, size_t attr_size) {
    if (!in || !op || !is_ordinary(op, count, attr_size)) return false;
    switch (count) {
    case 1: return record_alike(tape, op, 1, in);
    case 2: return record_alike(tape, op, 2, in);
    case FEW: return record_alike(tape, op, FEW, in);
    default: return false;
    }
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

/* Ends the call; what was recorded from `start` on goes when it failed. */
INLINE tg_tensor end_call(tg_tape *tape, uint32_t start) {
    if (tape->status) {
        tgi_truncate(tape, start);
        return tgi_invalid(tape);
    }
    if (tape->eager) tape->executor->run_recorded(tape);
    tgi_done(tape, TG_OK);
    return tgi_tensor(tape, tape->count - 1);
}

static tg_tensor record_any(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr,
                            size_t attr_size) {
    leave_other_tapes(tape, count, in);
    if (tgi_check(tape)) return tgi_invalid(tape);
    uint32_t start = tape->count;
    append_any(tape, op, count, in, attr, attr_size);
    return end_call(tape, start);
}

tg_tensor(tg_record)(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr, size_t attr_size) {
    if (!tape) tape = tape_of_operands(count, in);
    uint32_t start = tape ? tape->count : 0;
    if (tape && record_ordinary(tape, op, count, in, attr_size)) return end_call(tape, start);
    return record_any(tape, op, count, in, attr, attr_size);
}

/* The ops of the library are what is_ordinary asks for, when they have that shape rule. What is no tape has an error. */
INLINE tg_tensor record_few(const tg_op *op, int count, const tg_tensor *in) {
    tg_tape *tape = count > 1 && in[0].tape == &tgi_number_tag ? in[1].tape : in[0].tape;
    uint32_t start = tape ? tape->count : 0;
    if (tape && op->infer == tg_infer_elementwise && record_alike(tape, op, count, in)) return end_call(tape, start);
    return record_any(tape_of_operands(count, in), op, count, in, NULL, 0);
}

tg_tensor tgi_record_unary(const tg_op *op, tg_tensor x) {
    return record_few(op, 1, &x);
}

tg_tensor tgi_record_binary(const tg_op *op, tg_tensor a, tg_tensor b) {
    return record_few(op, 2, ((tg_tensor[]){a, b}));
}

tg_tensor tg_record_at(const char *file, int line, tg_tape *tape, const tg_op *op, int count, const tg_tensor *in,
                       const void *attr, size_t attr_size) {
    tg_tape *known = tape ? tape : tape_of_operands(count, in);
    if (known && (tape || !known->file)) tg_at(known, file, line);
    return (tg_record)(known, op, count, in, attr, attr_size);
}
