/* grad/loop_kernel.c: running a loop: its body by a plan, once for each step, and around that what goes into a step and comes out of it.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/loop_op.h"
#include "kernels/copy.h"
#include "run/run.h"

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
    size_t              *given;    /* bytes: of states and of inputs, 0 of those that a step does not read; */
    size_t              *result;   /* of states and outputs; */
    size_t              *product;  /* and of products */
    uint32_t             product_count;
    bool                 stages;
} runner;

/* Most are one number, which takes no call. */
static void copy_bytes(void *to, const void *from, size_t bytes) {
    if (bytes == sizeof(double))
        memcpy(to, from, sizeof(double));
    else if (bytes)
        tgi_copy_bytes(to, from, bytes);
}

static void copy_value(const tgi_node *node, size_t bytes, void *to) {
    if (!node->view) {
        copy_bytes(to, node->data, bytes);
        return;
    }
    tg_array array = tgi_array_of(node);
    tgi_copy_array(&array, array.rank, array.dims, to);
}

static size_t bytes_at(const runner *r, uint32_t index) {
    return tgi_node_bytes(tgi_node_at(r->tape, index));
}

/* An input that no instruction reads may be what the step gives. */
static bool is_read(const runner *r, uint32_t index) {
    bool read = tgi_node_at(r->tape, index)->last_use > 0;
    for (uint32_t k = 0; k < r->loop->states + r->loop->outputs && !read; k++)
        read = r->loop->result[k] == index;
    return read;
}

static tg_status count_bytes(runner *r, tg_kernel_call *call) {
    const tgi_loop *loop = r->loop;
    uint32_t        given = loop->states + loop->inputs, results = loop->states + loop->outputs;
    r->product_count = tgi_count_in(r->tape, r->attr, TGI_SAVED_PRODUCTS);
    r->given = tg_scratch(call, (given + results + r->product_count) * sizeof *r->given);
    if (!r->given) return TG_ERR_MEMORY;
    r->result = r->given + given;
    r->product = r->result + results;
    for (uint32_t j = 0; j < given; j++)
        r->given[j] = j < loop->states || is_read(r, loop->given[j]) ? bytes_at(r, loop->given[j]) : 0;
    for (uint32_t k = 0; k < results; k++)
        r->result[k] = bytes_at(r, loop->result[k]);
    for (uint32_t k = 0; k < r->product_count; k++)
        r->product[k] = bytes_at(r, loop->product[k]);
    return TG_OK;
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
        r->staged[i] = r->stages ? tg_scratch(call, r->given[i]) : NULL;
        r->saved[i] = r->attr->saves ? place(r, call, TGI_SAVED_STATES, i) : NULL;
        if (r->tape->status) return TG_ERR_MEMORY;
        copy_bytes(node->data, data, r->given[i]);
    }
    return TG_OK;
}

static tg_status begin(runner *r, tg_kernel_call *call) {
    tg_tape *tape = tgi_tape_of_call(call);
    *r = (runner){.tape = tape, .attr = call->attr, .body = tgi_body_of(tape, call->attr)};
    r->loop = r->body->loop;
    if (count_bytes(r, call)) return TG_ERR_MEMORY;
    char **room = tg_scratch(call, (2 * r->loop->states + r->loop->outputs + r->product_count) * sizeof *room);
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
    for (uint32_t k = 0; k < r->product_count; k++)
        r->products[k] = place(r, call, TGI_SAVED_PRODUCTS, k);
    return begin_states(r, call);
}

static void begin_step(const runner *r, size_t t) {
    const size_t *bytes = r->given + r->loop->states;
    for (uint32_t j = 0; j < r->loop->inputs; j++)
        if (bytes[j])
            copy_bytes(tgi_node_at(r->tape, r->loop->given[r->loop->states + j])->data, r->inputs[j] + t * bytes[j], bytes[j]);
    for (uint32_t i = 0; i < r->loop->states && r->attr->saves; i++)
        copy_bytes(r->saved[i] + t * r->given[i], tgi_node_at(r->tape, r->loop->given[i])->data, r->given[i]);
}

static void end_step(const runner *r, size_t t) {
    const size_t *bytes = r->result + r->loop->states;
    for (uint32_t k = 0; k < r->loop->outputs; k++)
        copy_value(tgi_node_at(r->tape, r->loop->result[r->loop->states + k]), bytes[k], r->outputs[k] + t * bytes[k]);
    for (uint32_t k = 0; k < r->product_count; k++)
        copy_value(tgi_node_at(r->tape, r->loop->product[k]), r->product[k], r->products[k] + t * r->product[k]);
    for (uint32_t i = 0; i < r->loop->states; i++) {
        tgi_node *given = tgi_node_at(r->tape, r->loop->given[i]);
        copy_value(tgi_node_at(r->tape, r->loop->result[i]), r->result[i], r->stages ? r->staged[i] : given->data);
    }
    for (uint32_t i = 0; i < r->loop->states && r->stages; i++)
        copy_bytes(tgi_node_at(r->tape, r->loop->given[i])->data, r->staged[i], r->given[i]);
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

tg_status tgi_loop_kernel(tg_kernel_call *call) {
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
        copy_value(tgi_node_at(r.tape, r.loop->given[i]), r.given[i], place(&r, call, TGI_LAST_STATES, i));
    return TG_OK;
}
