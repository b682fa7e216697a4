/* ops/add_parts.c: the gradient of a value of which ops took parts: slices, diagonals, elements chosen by index.
 *
 * Each part's gradient is to be added to zeros where the part was taken from. One instruction does this for all parts of a value, so
 * that T parts cost what they hold, and not T times the whole. Its operands are, part by part, the gradient of the part and the
 * operands after the first of the op that took it; its attribute says which op that was, and with which attribute. It is linear
 * in the gradients: the gradient of each is the same part of the gradient of the sum, taken by the same op.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/copy.h"
#include "kernels/strided.h"
#include "ops/c_text.h"
#include "ops/elementwise_loops.h"
#include "ops/index.h"
#include "ops/ops.h"

/* ---- adding an array to a part of another, or putting it there --------------------------------------------------- */

/* Two arrays of one shape, in as few axes as can be. */
typedef struct pair {
    int     rank;
    int64_t dims[TG_MAX_RANK], from[TG_MAX_RANK], to[TG_MAX_RANK];
} pair;

/* Sets what is used only: a small part takes no longer than it takes to clear a pair. */
static pair pair_of(const tg_array *x, const tg_array *place) {
    pair p;
    p.rank = 0;
    for (int i = 0; i < x->rank; i++) {
        int last = p.rank - 1;
        if (x->dims[i] == 1) continue;
        if (last >= 0 && p.from[last] == x->strides[i] * x->dims[i] && p.to[last] == place->strides[i] * x->dims[i])
            p.dims[last] *= x->dims[i];
        else {
            last = p.rank++;
            p.dims[last] = x->dims[i];
        }
        p.from[last] = x->strides[i];
        p.to[last] = place->strides[i];
    }
    if (!p.rank) p.dims[0] = p.from[0] = p.to[0] = p.rank = 1;
    return p;
}

/* For each element: *to = formula of *to and *from. */
#define DEFINE_MOVE(name, suffix, T, formula) \
    static inline T name##_one_##suffix(T to, T from) { \
        (void)to; \
        return (T)(formula); \
    } \
    static void name##_run_##suffix(int64_t n, int64_t from, int64_t to, const T *x, T *out) { \
        enum { LANES = 16 / sizeof(T) }; \
        int64_t i = 0; \
        if (from == 1 && to == 1) { \
            for (; i + LANES <= n; i += LANES) { \
                T some[LANES]; \
                for (int l = 0; l < LANES; l++) \
                    some[l] = name##_one_##suffix(out[i + l], x[i + l]); \
                memcpy(out + i, some, sizeof some); \
            } \
            for (; i < n; i++) \
                out[i] = name##_one_##suffix(out[i], x[i]); \
        } else \
            for (; i < n; i++) \
                out[i * to] = name##_one_##suffix(out[i * to], x[i * from]); \
    } \
    static void name##_##suffix(const pair *p, const T *x, T *out) { \
        int inner = p->rank - 1; \
        if (!inner) { \
            name##_run_##suffix(p->dims[0], p->from[0], p->to[0], x, out); \
            return; \
        } \
        tgi_walk f = {.rank = inner}, t = {.rank = inner}; \
        int64_t  runs = tgi_size(inner, p->dims); \
        memcpy(f.dims, p->dims, sizeof f.dims); \
        memcpy(t.dims, p->dims, sizeof t.dims); \
        memcpy(f.strides, p->from, sizeof f.strides); \
        memcpy(t.strides, p->to, sizeof t.strides); \
        tgi_steps from = tgi_steps_of(&f), to = tgi_steps_of(&t); \
        for (int64_t i = 0; i < runs; i++) { \
            T *at = out + tgi_next(&to); \
            name##_run_##suffix(p->dims[inner], p->from[inner], p->to[inner], x + tgi_next(&from), at); \
        } \
    }
DEFINE_MOVE(add, f32, float, to + from)
DEFINE_MOVE(add, f64, double, to + from)
DEFINE_MOVE(add, i64, uint64_t, to + from)
DEFINE_MOVE(add, b8, uint8_t, to + from)
DEFINE_MOVE(put, f32, float, from)
DEFINE_MOVE(put, f64, double, from)
DEFINE_MOVE(put, i64, uint64_t, from)
DEFINE_MOVE(put, b8, uint8_t, from)

/* Whether each array is one piece of memory: most parts are, and a short one takes no longer than it takes to find their axes. */
static bool are_row_major(const tg_array *x, const tg_array *place) {
    return tgi_is_row_major(x->rank, x->dims, x->strides) && tgi_is_row_major(x->rank, x->dims, place->strides);
}

/* Many elements by the loops of tg_add; few have done before these begin. */
static void add_in_a_row(const tg_array *x, const tg_array *place) {
    enum { MANY = 64 };
    static tg_loop *const loops[TG_DTYPES] = {[TG_F32] = tgi_add_f32, [TG_F64] = tgi_add_f64, [TG_I64] = tgi_add_i64};
    static const int64_t  step[] = {1, 1};
    const void *const     both[] = {place->data, x->data};
    if (x->size >= MANY && loops[x->dtype])
        loops[x->dtype](x->size, place->data, both, step);
    else
        (void)TGI_DISPATCH_ANY(x->dtype, add_run, x->size, 1, 1, x->data, place->data);
}

void tgi_add_to_place(const tg_array *x, const tg_array *place) {
    if (x->size == 0) return;
    if (are_row_major(x, place)) {
        add_in_a_row(x, place);
        return;
    }
    pair p = pair_of(x, place);
    (void)TGI_DISPATCH_ANY(x->dtype, add, &p, x->data, place->data);
}

void tgi_put_in_place(const tg_array *x, const tg_array *place) {
    pair p = pair_of(x, place);
    if (x->size > 0) (void)TGI_DISPATCH_ANY(x->dtype, put, &p, x->data, place->data);
}

const void *tgi_apart_from_leaf(tg_kernel_call *call, int i) {
    const tg_array *x = &call->in[i];
    size_t          bytes = (size_t)x->size * tg_dtype_size(x->dtype);
    if (x->data != call->out.data) return x->data;
    void *copy = tg_scratch(call, bytes);
    return copy ? memcpy(copy, x->data, bytes) : NULL;
}

/* The way back of an op that has a view rule; `first`: what was added so far are zeros. */
static tg_status add_through_view(const tg_kernel_call *call, bool first) {
    const tg_array *x = &call->in[0];
    tg_array        place; /* of which only what is used is set */
    place.dtype = x->dtype;
    place.rank = x->rank;
    place.size = x->size;
    tgi_copy_sizes(x->rank, x->dims, place.dims);
    if (!call->op->view(&call->out, call->attr, &place)) return tg_kernel_fail(call, "strides do not say where the part is");
    if (first && are_row_major(x, &place))
        tgi_copy_bytes(place.data, x->data, (size_t)x->size * tg_dtype_size(x->dtype));
    else
        tgi_add_to_place(x, &place);
    return TG_OK;
}

/* ---- the op ------------------------------------------------------------------------------------------------------ */

/* An op that took a part: `operands` of those of add_parts from `first` on are its own; its attribute is at `attr` in that of
 * add_parts. */
typedef struct taken {
    const tg_op *op;
    int64_t      first, operands, attr, attr_size;
} taken;

typedef struct parts {
    int64_t rank, dims[TG_MAX_RANK], count;
    taken   part[];
} parts;

static const void *attr_of(const parts *p, const taken *part) {
    return part->attr_size ? (const char *)p + part->attr : NULL;
}

static tg_status infer_add_parts(tg_infer *call) {
    const parts *p = call->attr;
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = (int)p->rank, .dims = call->dims};
    memcpy(call->dims, p->dims, sizeof call->dims);
    return TG_OK;
}

static tg_status add_parts_kernel(tg_kernel_call *call) {
    const parts   *p = call->attr;
    tg_kernel_call one = *call;
    tg_status      status = TG_OK;
    memset(call->out.data, 0, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    for (int64_t i = 0; i < p->count && !status; i++) {
        const taken *part = &p->part[i];
        one.op = part->op;
        one.in = call->in + part->first;
        one.count = (int)part->operands;
        one.attr = attr_of(p, part);
        status = part->op->add_back ? part->op->add_back(&one) : add_through_view(&one, i == 0);
    }
    return status;
}

/* The same in C, operand 0 of the call being what is added. */
static void write_through_view(tg_emit_call *call, bool first) {
    static char memory[8]; /* stands for that of the result: what counts is the distance from there */
    tg_array    whole = {.data = memory,
                         .dtype = call->out.dtype,
                         .rank = call->out.rank,
                         .size = tgi_size(call->out.rank, call->out.dims)};
    tg_array    place = {.rank = call->in[0].rank, .size = tgi_size(call->in[0].rank, call->in[0].dims)}, part;
    char        at[TGI_INDICES_TEXT], number[TGI_INDICES_TEXT];
    tgi_copy_sizes(whole.rank, call->out.dims, whole.dims);
    tgi_copy_sizes(place.rank, call->in[0].dims, place.dims);
    tgi_row_major(whole.rank, whole.dims, whole.strides);
    if (!place.size || !call->op->view(&whole, call->attr, &place)) return;
    int64_t     offset = (intptr_t)((uintptr_t)place.data - (uintptr_t)memory) / (int64_t)tg_dtype_size(whole.dtype);
    tgi_indices x = tgi_indices_of(call->in[0].rank, call->in[0].dims, 0);
    part = place;
    tgi_row_major(part.rank, part.dims, part.strides);
    tgi_open_loops(call, &x, 0, x.rank, call->in[0].dims);
    tg_emit(call, first && are_row_major(&part, &place) ? "$y[#%s] = $0[%s];" : "$y[#%s] += $0[%s];",
            tgi_number_text(offset, place.strides, &x, number), tgi_indices_text(&x, at));
    tgi_close_loops(call, &x, 0, x.rank);
}

/* A part whose op cannot be written makes the whole one that cannot. */
static void add_parts_emit(tg_emit_call *call) {
    const parts *p = call->attr;
    tgi_write_zeros(call);
    for (int64_t i = 0; i < p->count; i++) {
        const taken *part = &p->part[i];
        tg_emit_call one = *call;
        one.op = part->op;
        one.in = call->in + part->first;
        one.count = (int)part->operands;
        one.attr = attr_of(p, part);
        if (part->op->view)
            write_through_view(&one, i == 0);
        else if (part->op->emit_add_back)
            part->op->emit_add_back(&one);
        else
            tg_emit_refuse(call, "the gradient of %s has no C text", part->op->name);
    }
}

/* The part that an operand belongs to. */
static const taken *part_of_operand(const parts *p, int operand) {
    int64_t low = 0, high = p->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (p->part[middle].first <= operand)
            low = middle;
        else
            high = middle;
    }
    return &p->part[low];
}

static tg_tensor fail_chooser(const tg_rule_call *call, const tg_op *op) {
    tgi_fail(call->g.tape, TG_ERR_GRADIENT, op->name, "only the first operand of an op that takes a part has a gradient");
    return tgi_invalid(call->g.tape);
}

static tg_tensor add_parts_rule(const tg_rule_call *call) {
    enum { FEW = 4 };
    const parts *p = call->attr;
    const taken *part = part_of_operand(p, call->which);
    tg_tape     *tape = call->g.tape;
    size_t       count = (size_t)part->operands;
    tg_tensor    few[FEW], *x = few, result;
    if (call->which != part->first) return fail_chooser(call, part->op);
    if (count > FEW) x = tgi_pool_take(&tape->pool, count * sizeof *x);
    if (!x) {
        tgi_out_of_memory(tape, part->op->name);
        return tgi_invalid(tape);
    }
    memcpy(x, call->x + part->first, count * sizeof *x);
    x[0] = call->g;
    result = tg_record(tape, part->op, (int)count, x, attr_of(p, part), (size_t)part->attr_size);
    if (x != few) tgi_pool_give(&tape->pool, x);
    return result;
}

static tg_rule *const add_parts_rules[] = {add_parts_rule};

const tg_op tgi_add_parts_op =
    {"add_parts", -1, infer_add_parts, .kernel = add_parts_kernel, .rules = add_parts_rules, .emit = add_parts_emit};

int tgi_count_of_parts(const tgi_node *node) {
    return (int)((const parts *)node->attr)->count;
}

tgi_added_part tgi_added_part_of(const tgi_node *node, int i) {
    const parts *p = node->attr;
    const taken *part = &p->part[i];
    return (tgi_added_part){part->op, attr_of(p, part), (size_t)part->attr_size, (int)part->first, (int)part->operands};
}

/* ---- recording it ------------------------------------------------------------------------------------------------ */

/* What the parts need in all. */
typedef struct room {
    size_t operands, attr;
} room;

static size_t padded(size_t bytes) {
    return (bytes + 7) & ~(size_t)7;
}

static room room_for(const tg_tape *tape, uint32_t count, const tgi_taken_part *part) {
    room r = {.attr = sizeof(parts) + count * sizeof(taken)};
    for (uint32_t i = 0; i < count; i++) {
        const tgi_node *node = tgi_node_at(tape, part[i].index);
        r.operands += node->count;
        r.attr += padded(node->attr_size);
    }
    return r;
}

static void write_parts(const tg_tape *tape, uint32_t count, const tgi_taken_part *part, parts *p, tg_tensor *x) {
    const tgi_node *whole = tgi_node_at(tape, tgi_node_at(tape, part[0].index)->in[0]);
    size_t          operands = 0, attr = sizeof *p + count * sizeof(taken);
    p->rank = whole->rank;
    p->count = count;
    memcpy(p->dims, whole->dims, whole->rank * sizeof *p->dims);
    for (uint32_t i = 0; i < count; i++) {
        const tgi_node *node = tgi_node_at(tape, part[i].index);
        p->part[i] = (taken){node->op, (int64_t)operands, node->count, (int64_t)attr, node->attr_size};
        if (node->attr_size) memcpy((char *)p + attr, node->attr, node->attr_size);
        attr += padded(node->attr_size);
        x[operands++] = tgi_tensor(tape, part[i].gradient);
        for (uint32_t j = 1; j < node->count; j++)
            x[operands++] = tgi_tensor(tape, node->in[j]);
    }
}

static bool can_go_back(tg_tape *tape, const tg_op *op) {
    if (op->add_back || op->view) return true;
    tgi_fail(tape, TG_ERR_GRADIENT, op->name, "tg_part_rule of %s needs to know where the part is: a view rule, or add_back",
             op->name);
    return false;
}

/* The only part, if it has elements of all rows. */
static bool is_one_of_each_row(const tg_tape *tape, const tgi_node *node) {
    if (node->op != &tgi_gather_op || !tgi_floating((tg_dtype)node->dtype)) return false;
    int axis = (int)((const tgi_along *)node->attr)->axis;
    return tgi_gathers_one(tgi_node_at(tape, node->in[0]), tgi_node_at(tape, node->in[1]), axis);
}

tg_tensor tgi_add_parts(tg_tape *tape, uint32_t count, const tgi_taken_part *part) {
    const tgi_node *first = tgi_node_at(tape, part->index);
    if (count == 1 && is_one_of_each_row(tape, first))
        return tgi_gather_back_one(tgi_tensor(tape, part->gradient), tgi_tensor(tape, first->in[1]), first->attr);
    for (uint32_t i = 0; i < count; i++)
        if (!can_go_back(tape, tgi_node_at(tape, part[i].index)->op)) return tgi_invalid(tape);
    room       r = room_for(tape, count, part);
    parts     *p = tgi_pool_take(&tape->pool, r.attr);
    tg_tensor *x = tgi_pool_take(&tape->pool, r.operands * sizeof *x), result = tgi_invalid(tape);
    if (p && x) {
        memset(p, 0, r.attr);
        write_parts(tape, count, part, p, x);
        result = tg_record(tape, &tgi_add_parts_op, (int)r.operands, x, p, r.attr);
    } else
        tgi_out_of_memory(tape, tgi_add_parts_op.name);
    tgi_pool_give(&tape->pool, p);
    tgi_pool_give(&tape->pool, x);
    return result;
}

tg_tensor tg_part_rule(const tg_rule_call *call) {
    const tgi_taken_part part = {tgi_index(call->y), tgi_index(call->g)};
    return call->which ? fail_chooser(call, tgi_node_at(call->y.tape, part.index)->op) : tgi_add_parts(call->y.tape, 1, &part);
}
