/* grad/loop_op.c: recording a loop, and what is taken from its result.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/loop_op.h"

#include <string.h>

#include "core/residency.h"

/* ---- what is taken from the result -------------------------------------------------------------------------------- */

/* One of them, in its own shape. */
typedef struct taken {
    int64_t from, section, which, rank;
    int64_t dims[TG_MAX_RANK];
} taken;

static tg_status infer_taken(tg_infer *call) {
    const taken *t = call->attr;
    call->out = (tg_type){call->in[0].dtype, (int)t->rank, call->dims};
    tgi_copy_sizes((int)t->rank, t->dims, call->dims);
    return TG_OK;
}

static bool view_taken(const tg_array *in, const void *attr, tg_array *out) {
    const taken *t = attr;
    int64_t      stride = in->strides[0];
    out->data = (char *)in->data + t->from * stride * (int64_t)tg_dtype_size(in->dtype);
    for (int i = out->rank - 1; i >= 0; stride *= out->dims[i--])
        out->strides[i] = stride;
    return true;
}

static tg_rule *const take_rules[] = {tg_part_rule};
static const tg_op take_op = {.name = "scan_result", .arity = 1, .infer = infer_taken, .view = view_taken, .rules = take_rules};

tg_tensor tgi_take_from(tg_tensor packed, const tgi_loop_attr *attr, tgi_loop_section section, uint32_t i) {
    const tg_tape *tape = packed.tape;
    if (!tg_valid(packed)) return packed;
    const tgi_node *node = tgi_node_at(tape, tgi_index_in(tgi_body_of(tape, attr)->loop, section, i));
    taken           t = {.from = tgi_range_in(tape, attr, section, i).from, .section = section, .which = i, .rank = node->rank};
    int             steps = section == TGI_LAST_STATES ? 0 : 1;
    t.rank += steps;
    t.dims[0] = attr->steps;
    tgi_copy_sizes(node->rank, node->dims, t.dims + steps);
    return (tg_record)(packed.tape, &take_op, 1, &packed, &t, sizeof t);
}

bool tgi_is_taking(const tgi_node *node, tgi_taken *what) {
    const taken *t = node->attr;
    if (node->op != &take_op) return false;
    *what = (tgi_taken){(tgi_loop_section)t->section, (uint32_t)t->which};
    return true;
}

bool tgi_reads_whole_result(const tgi_node *node, uint32_t packed) {
    if (node->op != &tgi_loop_op) return false;
    for (uint32_t j = 0; j < node->count; j++)
        if (node->in[j] == packed) return true;
    return false;
}

bool tgi_has_readers_of_saved(tg_tensor packed) {
    const tg_tape *tape = packed.tape;
    for (uint32_t i = tgi_index(packed) + 1, last = tgi_node_at(tape, tgi_index(packed))->last_use; i <= last; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        bool            takes = node->op == &take_op && node->in[0] == tgi_index(packed);
        if (takes ? ((const taken *)node->attr)->section == TGI_SAVED_STATES : tgi_reads_whole_result(node, tgi_index(packed)))
            return true;
    }
    return false;
}

/* The size of the result; -1 when it is too large. */
static int64_t packed_size(const tg_tape *tape, const tgi_loop_attr *attr) {
    const tgi_loop *loop = tgi_body_of(tape, attr)->loop;
    int64_t         total = 0, bytes;
    for (tgi_loop_section s = TGI_LAST_STATES; s < TGI_SECTIONS; s++)
        for (uint32_t j = 0; j < tgi_count_in(tape, attr, s); j++) {
            int64_t size = tgi_node_size(tgi_node_at(tape, tgi_index_in(loop, s, j)));
            if (s != TGI_LAST_STATES && __builtin_mul_overflow(size, attr->steps, &size)) return -1;
            if (__builtin_add_overflow(total, size, &total)) return -1;
        }
    bool fits = !__builtin_mul_overflow(total, (int64_t)tg_dtype_size((tg_dtype)attr->dtype), &bytes);
    return fits ? total : -1;
}

tgi_loop_attr tgi_saving(const tg_tape *tape, const tgi_loop_attr *attr) {
    tgi_loop_attr saving = *attr;
    saving.saves = true;
    saving.size = packed_size(tape, &saving);
    return saving;
}

bool tgi_make_saving(tg_tensor packed, const tgi_loop_attr *saving) {
    tgi_node *node = tgi_node_at(packed.tape, tgi_index(packed));
    if (tgi_index(packed) < packed.tape->touched || saving->size < 0) return false;
    tgi_loop_attr *attr = (tgi_loop_attr *)node->attr;
    *attr = *saving;
    node->dims = &attr->size; /* its gradient has the sizes that it had, and perhaps in the same place */
    return true;
}

static tg_status infer(tg_infer *call) {
    const tgi_loop_attr *attr = call->attr;
    if (attr->size < 0) return tg_refuse(call, TG_ERR_SHAPE, "%lld steps have too many elements", (long long)attr->steps);
    call->dims[0] = attr->size;
    call->out = (tg_type){.dtype = (tg_dtype)attr->dtype, .rank = 1, .dims = call->dims};
    return TG_OK;
}

tg_tensor tgi_copy_number(tg_tape *tape, const tgi_node *node) {
    double value = tgi_element((tg_dtype)node->dtype, node->data);
    return tgi_new_number(tape, "scan", value, (tg_dtype)node->dtype) ? tgi_tensor(tape, tape->count - 1) : tgi_invalid(tape);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

static tg_rule *const rules[] = {tgi_loop_rule};
const tg_op           tgi_loop_op =
    {.name = "scan", .arity = -1, .infer = infer, .kernel = tgi_loop_kernel, .rules = rules, .emit = tgi_emit_loop};

/* What the body is called with. */
typedef struct handles {
    tg_tensor *state, *x, *y;
} handles;

/* One of the states, or one of the inputs; what stands for it in the body. */
static tg_tensor give(tg_tape *tape, const char *what, const tgi_node *from, bool is_input) {
    tg_type type = tgi_node_type(from);
    if (is_input) type = (tg_type){type.dtype, type.rank - 1, type.dims + 1};
    return tgi_new_loop_value(tape, what, type, false) ? tgi_tensor(tape, tape->count - 1) : tgi_invalid(tape);
}

static tg_status give_all(tg_tape *tape, const tgi_loop_call *call, tgi_loop *loop, handles *h) {
    const tg_loop_spec *spec = &call->spec;
    for (int i = 0; i < spec->states + spec->inputs && !tape->status; i++) {
        bool      is_input = i >= spec->states;
        tg_tensor from = is_input ? spec->x[i - spec->states] : spec->state[i];
        tg_tensor given = give(tape, call->what, tgi_node_at(tape, tgi_index(from)), is_input);
        loop->given[i] = tgi_index(given);
        *(is_input ? &h->x[i - spec->states] : &h->state[i]) = given;
    }
    return tape->status;
}

/* What a body returned, which is kept; NULL and an error when it is not there, or of another body. */
static const tgi_node *take_from_body(tg_tape *tape, const char *what, tg_tensor x, const char *role, uint32_t *index) {
    if (!tgi_resolve(tape, x, what, role)) return NULL;
    x = tgi_captured_tensor(tape, what, x);
    if (tape->status) return NULL;
    tgi_node *node = tgi_node_at(tape, tgi_index(x));
    if (node->part != tape->part) {
        tgi_fail(tape, TG_ERR_HANDLE, what, "%s was recorded in the body of another loop", role);
        return NULL;
    }
    if (node->op->infer) tgi_set_kept(node);
    *index = tgi_index(x);
    return node;
}

/* A state or an output, which is of the loop's dtype. */
static tg_status take(tg_tape *tape, const tgi_loop_call *call, tg_tensor x, tg_dtype *dtype, const char *role,
                      uint32_t *result) {
    const tgi_node *node = take_from_body(tape, call->what, x, role, result);
    if (!node) return tape->status;
    if (*dtype == TG_DTYPES) *dtype = (tg_dtype)node->dtype;
    if (node->dtype != *dtype)
        return tgi_fail(tape, TG_ERR_DTYPE, call->what,
                        "%s is %s, and what came before it %s: states and outputs have one dtype", role,
                        tg_dtype_name((tg_dtype)node->dtype), tg_dtype_name(*dtype));
    if (node->rank == TG_MAX_RANK)
        return tgi_fail(tape, TG_ERR_SHAPE, call->what, "%s has %d axes, and there must be room for that of the steps", role,
                        TG_MAX_RANK);
    return TG_OK;
}

static tg_status check_shape(tg_tape *tape, const char *what, const tgi_node *before, const tgi_node *after) {
    char text[2][TGI_TEXT];
    if (tgi_same_dims(before->rank, before->dims, after->rank, after->dims)) return TG_OK;
    return tgi_fail(tape, TG_ERR_SHAPE, what, "a state is %s before a step, and %s after it",
                    tgi_shape_text(text[0], before->rank, before->dims), tgi_shape_text(text[1], after->rank, after->dims));
}

static tg_status take_all(tg_tape *tape, const tgi_loop_call *call, tgi_loop *loop, const handles *h, tg_dtype *dtype) {
    const tg_loop_spec *spec = &call->spec;
    for (int i = 0; i < spec->states; i++) {
        const tgi_node *before = tgi_node_at(tape, loop->given[i]);
        *dtype = (tg_dtype)tgi_node_at(tape, loop->given[0])->dtype;
        if (take(tape, call, h->state[i], dtype, "a state after a step", &loop->result[i])) return tape->status;
        if (check_shape(tape, call->what, before, tgi_node_at(tape, loop->result[i]))) return tape->status;
    }
    for (int k = 0; k < spec->outputs; k++)
        if (take(tape, call, h->y[k], dtype, "an output of a step", &loop->result[spec->states + k])) return tape->status;
    return TG_OK;
}

static tg_status check_condition(tg_tape *tape, const char *what, tg_tensor more) {
    char            text[TGI_TEXT];
    const tgi_node *node = tgi_resolve(tape, more, what, "the condition");
    if (!node || (node->dtype == TG_BOOL && !node->rank)) return tape->status;
    return tgi_fail(tape, TG_ERR_DTYPE, what, "the condition is %s %s, and not a bool of rank 0",
                    tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text, node->rank, node->dims));
}

tg_tensor tgi_call_condition(tg_tape *tape, const char *what, const tg_loop_spec *spec, const tg_tensor *state) {
    tgi_callback outer = tgi_enter(tape, "the condition of a loop", true);
    tg_tensor    more = spec->condition(tape, state, spec->context);
    return tgi_leave(tape, outer) || check_condition(tape, what, more) ? tgi_invalid(tape) : more;
}

static tg_status take_condition(tg_tape *tape, const tgi_loop_call *call, tgi_loop *loop, const handles *h) {
    tg_tensor more = tgi_call_condition(tape, call->what, &call->spec, h->state);
    if (!tape->status) take_from_body(tape, call->what, more, "the condition", &loop->goes_on);
    return tape->status;
}

/* It runs more than once, and is differentiated by itself. */
static tg_status check_body(tg_tape *tape, const char *what, uint32_t start) {
    for (uint32_t i = start; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        const tgi_leaf *leaf = tgi_leaf_of(node);
        if (node->op->random)
            return tgi_fail(tape, TG_ERR_ARGUMENT, what,
                            "the body draws numbers (%s): draw them for all steps before the loop, as an input",
                            node->op->name);
        if (node->op->effect || (leaf && leaf->variable))
            return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the body records %s, which has its place outside of loops",
                            node->op->name);
    }
    return TG_OK;
}

static bool is_product(const tgi_node *node, uint16_t part, tg_dtype dtype) {
    return node->part == part && node->op->linearity == TG_LINEAR_EACH && node->op->kernel && node->dtype == dtype &&
           node->rank < TG_MAX_RANK;
}

/* Products cost most to compute again, and what they come to is what a derivative reads. */
static tg_status list_products(tg_tape *tape, const char *what, tgi_loop *loop, uint32_t start, tg_dtype dtype) {
    for (uint32_t i = start; i < loop->step_end; i++)
        loop->products += is_product(tgi_node_at(tape, i), tape->part, dtype);
    loop->product = tgi_arena_take(&tape->arena, loop->products * sizeof *loop->product);
    if (!loop->product) return tgi_out_of_memory(tape, what);
    for (uint32_t i = start, k = 0; i < loop->step_end; i++)
        if (is_product(tgi_node_at(tape, i), tape->part, dtype)) {
            tgi_set_kept(tgi_node_at(tape, i));
            loop->product[k++] = i;
        }
    return TG_OK;
}

static void call_body(tg_tape *tape, const tg_loop_spec *spec, const handles *h) {
    tgi_callback outer = tgi_enter(tape, "the body of a loop", true);
    spec->body(tape, h->state, h->x, h->y, spec->context);
    tgi_leave(tape, outer);
}

static tg_status record_body(tg_tape *tape, const tgi_loop_call *call, handles *h, tgi_loop_attr *attr) {
    const tg_loop_spec *spec = &call->spec;
    tg_dtype            dtype = TG_DTYPES;
    uint32_t            start = tape->count;
    tgi_loop           *loop = tgi_begin_loop(tape, call->what, (tgi_loop_counts){spec->states, spec->inputs, spec->outputs});
    if (!loop) return tape->status;
    if (!give_all(tape, call, loop, h)) call_body(tape, spec, h);
    if (!tape->status) take_all(tape, call, loop, h, &dtype);
    loop->step_end = tape->count;
    if (!tape->status && spec->condition) take_condition(tape, call, loop, h);
    if (!tape->status && !check_body(tape, call->what, start) && call->lists_products)
        list_products(tape, call->what, loop, start, dtype);
    tgi_end_loop(tape);
    *attr = (tgi_loop_attr){.body = start,
                            .dtype = (uint32_t)dtype,
                            .reverse = spec->reverse,
                            .thrifty = spec->memory > 0,
                            .counted = call->most != NULL,
                            .steps = spec->steps};
    if (tape->status) return tape->status;
    attr->size = packed_size(tape, attr);
    return TG_OK;
}

static bool is_for_gradients(const tg_tape *tape, uint32_t count, const tg_tensor *in) {
    for (uint32_t i = 0; i < count; i++)
        if (tgi_node_at(tape, tgi_index(in[i]))->requires_grad) return true;
    return false;
}

static void copy_list(tg_tensor *to, const tg_tensor *from, size_t count) {
    if (count) memcpy(to, from, count * sizeof *to);
}

/* States, inputs, what the body captured, in the order in which it did, and how many steps there are. */
static tg_tensor record_instruction(tg_tape *tape, const tgi_loop_call *call, tgi_loop_attr *attr) {
    const tg_loop_spec *spec = &call->spec;
    const tgi_loop     *loop = tgi_body_of(tape, attr)->loop;
    uint32_t            i = loop->states + loop->inputs + loop->captured, count = i + attr->counted;
    tg_tensor          *in = tgi_pool_take(&tape->pool, count * sizeof *in), packed = tgi_invalid(tape);
    if (!in) {
        tgi_out_of_memory(tape, call->what);
        return packed;
    }
    copy_list(in, spec->state, loop->states);
    copy_list(in + loop->states, spec->x, loop->inputs);
    copy_list(in + i, call->most, attr->counted);
    for (const tgi_capture *c = loop->captures; c; c = c->previous)
        in[--i] = tgi_tensor(tape, c->outer);
    if (call->saves && tgi_floating((tg_dtype)attr->dtype) && is_for_gradients(tape, count, in)) *attr = tgi_saving(tape, attr);
    packed = (tg_record)(tape, &tgi_loop_op, (int)count, in, attr, sizeof *attr);
    tgi_pool_give(&tape->pool, in);
    return packed;
}

tg_status tgi_record_loop(tg_tape *tape, const tgi_loop_call *call) {
    const tg_loop_spec *spec = &call->spec;
    tgi_loop_attr       attr;
    uint32_t            count = (uint32_t)(spec->states + spec->inputs + spec->outputs);
    tg_tensor          *room = tgi_pool_take(&tape->pool, count * sizeof *room);
    if (!room) return tgi_out_of_memory(tape, call->what);
    memset(room, 0, count * sizeof *room);
    handles h = {room, room + spec->states, room + spec->states + spec->inputs};
    if (!record_body(tape, call, &h, &attr) && !(call->is_map && tgi_vectorize(tape, call, &attr))) {
        tg_tensor packed = record_instruction(tape, call, &attr);
        for (int i = 0; i < spec->states && !tape->status; i++)
            spec->state[i] = tgi_take_from(packed, &attr, TGI_LAST_STATES, (uint32_t)i);
        for (int k = 0; k < spec->outputs && !tape->status; k++)
            spec->y[k] = tgi_take_from(packed, &attr, TGI_OUTPUTS, (uint32_t)k);
    }
    tgi_pool_give(&tape->pool, room);
    return tape->status;
}
