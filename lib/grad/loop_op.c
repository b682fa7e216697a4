/* grad/loop_op.c: recording a loop, and running it.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/loop_op.h"

#include <string.h>

#include "core/residency.h"
#include "run/run.h"

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

bool tgi_has_readers_of_saved(tg_tensor packed) {
    const tg_tape *tape = packed.tape;
    for (uint32_t i = tgi_index(packed) + 1, last = tgi_node_at(tape, tgi_index(packed))->last_use; i <= last; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op == &take_op && node->in[0] == tgi_index(packed) &&
            ((const taken *)node->attr)->section == TGI_SAVED_STATES)
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

/* ---- running ----------------------------------------------------------------------------------------------------- */

typedef struct runner {
    tg_tape             *tape;
    const tgi_loop_attr *attr;
    const tgi_part      *body;
    const tgi_loop      *loop;
    const char         **inputs;   /* where those of the first step are; */
    char               **outputs;  /* where its outputs go; */
    char               **saved;    /* the states before it, */
    char               **products; /* and its products */
    char               **staged;   /* for the states after a step, when they cannot go to their place at once */
    bool                 stages;
} runner;

static void copy_bytes(void *to, const void *from, size_t bytes) {
    if (bytes) memcpy(to, from, bytes);
}

static void copy_value(const tgi_node *node, void *to) {
    if (!node->view) {
        copy_bytes(to, node->data, tgi_node_bytes(node));
        return;
    }
    tg_array array = tgi_array_of(node);
    tgi_copy_array(&array, array.rank, array.dims, to);
}

/* A state that a step leaves as it is, or shows another, is read after others have been overwritten. */
static bool shows_a_state(const runner *r) {
    for (uint32_t i = 0; i < r->loop->states; i++) {
        const tgi_node *result = tgi_node_at(r->tape, r->loop->result[i]);
        if (result->view || !result->op->infer) return true;
    }
    return false;
}

/* What the body captured is where the operands are. When one is elsewhere than in the run before, views in the body move with it. */
static tg_status place_captures(runner *r, tg_kernel_call *call) {
    bool     moved = false;
    uint32_t i = r->loop->states + r->loop->inputs + r->loop->captured;
    for (const tgi_capture *c = r->loop->captures; c; c = c->previous) {
        tgi_node   *node = tgi_node_at(r->tape, c->inner);
        const void *data = tg_contiguous(call, (int)--i);
        if (!data && tgi_node_size(node)) return TG_ERR_MEMORY;
        moved |= node->data != data;
        tgi_borrow_value(node, data);
    }
    if (moved) tgi_unbind_part(r->tape, r->body);
    return TG_OK;
}

/* Where the i-th one of a section is in the result. */
static char *place(const runner *r, const tg_kernel_call *call, tgi_loop_section section, uint32_t i) {
    return (char *)call->out.data + (size_t)tgi_range_in(r->tape, r->attr, section, i).from * tg_dtype_size(call->out.dtype);
}

static tg_status begin_states(runner *r, tg_kernel_call *call) {
    r->stages = shows_a_state(r);
    for (uint32_t i = 0; i < r->loop->states; i++) {
        tgi_node   *node = tgi_node_at(r->tape, r->loop->given[i]);
        const void *data = tg_contiguous(call, (int)i);
        r->staged[i] = r->stages ? tg_scratch(call, tgi_node_bytes(node)) : NULL;
        r->saved[i] = r->attr->saves ? place(r, call, TGI_SAVED_STATES, i) : NULL;
        if (r->tape->status) return TG_ERR_MEMORY;
        copy_bytes(node->data, data, tgi_node_bytes(node));
    }
    return TG_OK;
}

static tg_status begin(runner *r, tg_kernel_call *call) {
    tg_tape *tape = tgi_tape_of_call(call);
    *r = (runner){.tape = tape, .attr = call->attr, .body = tgi_body_of(tape, call->attr)};
    r->loop = r->body->loop;
    uint32_t products = tgi_count_in(tape, r->attr, TGI_SAVED_PRODUCTS);
    char   **room = tg_scratch(call, (2 * r->loop->states + r->loop->outputs + products) * sizeof *room);
    r->inputs = tg_scratch(call, r->loop->inputs * sizeof *r->inputs);
    if (!room || !r->inputs || place_captures(r, call)) return TG_ERR_MEMORY;
    r->staged = room;
    r->saved = room + r->loop->states;
    r->outputs = r->saved + r->loop->states;
    for (uint32_t j = 0; j < r->loop->inputs; j++)
        r->inputs[j] = tg_contiguous(call, (int)(r->loop->states + j));
    for (uint32_t k = 0; k < r->loop->outputs; k++)
        r->outputs[k] = place(r, call, TGI_OUTPUTS, k);
    r->products = r->outputs + r->loop->outputs;
    for (uint32_t k = 0; k < products; k++)
        r->products[k] = place(r, call, TGI_SAVED_PRODUCTS, k);
    return begin_states(r, call);
}

static void begin_step(const runner *r, size_t t) {
    for (uint32_t j = 0; j < r->loop->inputs; j++) {
        const tgi_node *node = tgi_node_at(r->tape, r->loop->given[r->loop->states + j]);
        size_t          bytes = tgi_node_bytes(node);
        copy_bytes(node->data, r->inputs[j] + t * bytes, bytes);
    }
    for (uint32_t i = 0; i < r->loop->states && r->attr->saves; i++) {
        const tgi_node *node = tgi_node_at(r->tape, r->loop->given[i]);
        size_t          bytes = tgi_node_bytes(node);
        copy_bytes(r->saved[i] + t * bytes, node->data, bytes);
    }
}

static void end_step(const runner *r, size_t t) {
    for (uint32_t k = 0; k < r->loop->outputs; k++) {
        const tgi_node *node = tgi_node_at(r->tape, r->loop->result[r->loop->states + k]);
        copy_value(node, r->outputs[k] + t * tgi_node_bytes(node));
    }
    for (uint32_t k = 0, count = tgi_count_in(r->tape, r->attr, TGI_SAVED_PRODUCTS); k < count; k++) {
        const tgi_node *product = tgi_node_at(r->tape, r->loop->product[k]);
        copy_value(product, r->products[k] + t * tgi_node_bytes(product));
    }
    for (uint32_t i = 0; i < r->loop->states; i++) {
        tgi_node *given = tgi_node_at(r->tape, r->loop->given[i]);
        copy_value(tgi_node_at(r->tape, r->loop->result[i]), r->stages ? r->staged[i] : given->data);
    }
    for (uint32_t i = 0; i < r->loop->states && r->stages; i++) {
        tgi_node *given = tgi_node_at(r->tape, r->loop->given[i]);
        copy_bytes(given->data, r->staged[i], tgi_node_bytes(given));
    }
}

/* What steps that are not done would give, or save, is 0. */
static void clear_rest(const runner *r, const tg_kernel_call *call, int64_t done) {
    size_t rest = (size_t)(r->attr->steps - done);
    for (tgi_loop_section s = TGI_OUTPUTS; s < TGI_SECTIONS && rest; s++)
        for (uint32_t i = 0; i < tgi_count_in(r->tape, r->attr, s); i++) {
            size_t bytes = tgi_node_bytes(tgi_node_at(r->tape, tgi_index_in(r->loop, s, i)));
            if (bytes) memset(place(r, call, s, i) + (size_t)done * bytes, 0, rest * bytes);
        }
}

static int64_t most_steps(const runner *r, const tg_kernel_call *call) {
    return r->attr->counted ? *(const int64_t *)call->in[call->count - 1].data : r->attr->steps;
}

static bool goes_on(const runner *r) {
    return r->loop->goes_on == TGI_NONE || *(const bool *)tgi_array_of(tgi_node_at(r->tape, r->loop->goes_on)).data;
}

static tg_status kernel(tg_kernel_call *call) {
    runner r;
    if (begin(&r, call)) return r.tape->status;
    int64_t steps = most_steps(&r, call), k = 0;
    bool    more = true;
    for (; k < steps && more; k++, more = goes_on(&r)) {
        size_t t = (size_t)(r.attr->reverse ? steps - 1 - k : k);
        begin_step(&r, t);
        if (tgi_run_body(r.tape, r.body)) return r.tape->status;
        end_step(&r, t);
    }
    clear_rest(&r, call, k);
    for (uint32_t i = 0; i < r.loop->states; i++)
        copy_value(tgi_node_at(r.tape, r.loop->given[i]), place(&r, call, TGI_LAST_STATES, i));
    return TG_OK;
}

static tg_rule *const rules[] = {tgi_loop_rule};
const tg_op           tgi_loop_op =
    {.name = "scan", .arity = -1, .infer = infer, .kernel = kernel, .rules = rules, .emit = tgi_emit_loop};

/* ---- recording --------------------------------------------------------------------------------------------------- */

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
    copy_bytes(in, spec->state, loop->states * sizeof *in);
    copy_bytes(in + loop->states, spec->x, loop->inputs * sizeof *in);
    copy_bytes(in + i, call->most, attr->counted * sizeof *in);
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
