/* run/plain.c: one instruction at a time, each into memory of its own.
 *
 * The plainest way to run a tape, and the one that all others must agree with. A view shows the memory of its base; before that
 * is overwritten, views that are still wanted are given copies.
 *
 * SPDX-License-Identifier: MIT */
#include "run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/strided.h"

/* ---- one instruction --------------------------------------------------------------------------------------------- */

static tg_status run_view(tg_tape *tape, uint32_t index, tgi_node *node);
static tg_status run_assign(tg_tape *tape, uint32_t index, const tgi_node *node);
static tg_status run_kernel(tg_tape *tape, const tgi_node *node);

static tg_status check_operands(tg_tape *tape, const tgi_node *node) {
    for (uint32_t i = 0; i < node->count; i++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[i]);
        if (operand->flags & TGI_LOST)
            return tgi_fail(tape, TG_ERR_VALUE, node->op->name,
                            "operand %u (%s at %s:%u) was overwritten by an assign before it was needed: tg_keep it",
                            (unsigned)i + 1, operand->op->name, operand->file ? operand->file : "?", (unsigned)operand->line);
    }
    return TG_OK;
}

/* The loop for the dtype of the last operand; NULL when the op is not elementwise. */
static tg_loop *loop_of(const tg_tape *tape, const tgi_node *node) {
    if (!node->count || node->count > TG_MAX_LOOP_OPERANDS) return NULL;
    return node->op->loop[tgi_node_at(tape, node->in[node->count - 1])->dtype];
}

tg_status tgi_execute(tg_tape *tape, uint32_t index) {
    tgi_node    *node = tgi_node_at(tape, index);
    const tg_op *op = node->op;
    if (!op->infer) return TG_OK; /* a leaf */
    tape->file = node->file;
    tape->line = node->line;
    tape->plans.bound = NULL;
    if (index >= tape->touched) tape->touched = index + 1;
    node->flags &= (uint16_t) ~(TGI_THERE | TGI_HELD | TGI_LOST);
    if (check_operands(tape, node)) return tape->status;

    tg_status status;
    tg_loop  *loop = loop_of(tape, node);
    if (op == &tgi_assign)
        status = run_assign(tape, index, node);
    else if (op->view)
        status = run_view(tape, index, node);
    else if (tgi_node_allocate(tape, node))
        status = TG_ERR_MEMORY;
    else
        status = loop ? tgi_run_loop(tape, node, loop) : run_kernel(tape, node);
    if (!status && tape->anomaly) status = tgi_check_finite(tape, node);
    if (!status) tgi_is_there(node);
    return status;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

tg_array tgi_array_of(const tgi_node *node) {
    tg_array array = {.data = node->data, .dtype = (tg_dtype)node->dtype, .rank = node->rank, .size = tgi_node_size(node)};
    memcpy(array.dims, node->dims, node->rank * sizeof *node->dims);
    if (node->view)
        memcpy(array.strides, node->view->strides, node->rank * sizeof(int64_t));
    else
        tgi_row_major(node->rank, node->dims, array.strides);
    return array;
}

void tgi_copy_array(const tg_array *array, int rank, const int64_t *dims, void *out) {
    int64_t strides[TG_MAX_RANK];
    tgi_stretch(array->rank, array->dims, array->strides, rank, dims, strides);
    tgi_walk walk = tgi_walk_of(tg_dtype_size(array->dtype), rank, dims, strides);
    tgi_gather(&walk, array->data, 0, tgi_size(rank, dims), out);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array) {
    tgi_view *view = node->view;
    if (!view->copy) view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(node));
    if (!view->copy) return tgi_out_of_memory(tape, node->op->name);
    tgi_copy_array(array, array->rank, array->dims, view->copy);
    node->data = view->copy;
    view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, view->strides);
    return TG_OK;
}

static uint32_t base_of(const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return node->view && node->view->base != TGI_NONE ? node->view->base : index;
}

static bool can_be_overwritten(const tgi_node *node) {
    const tgi_leaf *leaf = tgi_leaf_of(node);
    return leaf && leaf->variable && !(node->flags & TGI_BORROWED);
}

static tg_status run_view(tg_tape *tape, uint32_t index, tgi_node *node) {
    tg_array in = tgi_array_of(tgi_node_at(tape, node->in[0]));
    tg_array out = {.dtype = in.dtype, .rank = node->rank, .size = tgi_node_size(node)};
    memcpy(out.dims, node->dims, node->rank * sizeof *node->dims);
    if (out.dtype != node->dtype) return tgi_fail(tape, TG_ERR_DTYPE, node->op->name, "a view cannot change the dtype");
    if (!node->op->view(&in, node->attr, &out)) {
        if (in.size == out.size) return tgi_copy_view(tape, node, &in);
        return tgi_fail(tape, TG_ERR_SHAPE, node->op->name, "a view that copies cannot change the number of elements");
    }

    node->data = out.data;
    node->view->base = base_of(tape, node->in[0]);
    memcpy(node->view->strides, out.strides, node->rank * sizeof(int64_t));
    return tgi_note_alias(tape, index);
}

tg_status tgi_note_alias(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    if (node->flags & TGI_ALIAS || !can_be_overwritten(tgi_node_at(tape, node->view->base))) return TG_OK;
    if (!tgi_list_push(&tape->aliases, index)) return tgi_out_of_memory(tape, node->op->name);
    node->flags |= TGI_ALIAS;
    return TG_OK;
}

void tgi_forget_aliases(tg_tape *tape, uint32_t first) {
    tgi_list *aliases = &tape->aliases;
    uint32_t  left = 0;
    for (uint32_t i = 0; i < aliases->count; i++) {
        uint32_t index = aliases->item[i];
        if (index < first)
            aliases->item[left++] = index;
        else
            tgi_node_at(tape, index)->flags &= (uint16_t)~TGI_ALIAS;
    }
    aliases->count = left;
}

/* Whether the value will be wanted after its base was overwritten. */
static bool outlives(const tgi_node *node, uint32_t first_reader) {
    return node->flags & TGI_KEEP || node->last_use >= first_reader;
}

tg_status tgi_prepare_aliases(tg_tape *tape) {
    for (uint32_t i = 0; i < tape->aliases.count; i++) {
        uint32_t  index = tape->aliases.item[i];
        tgi_node *node = tgi_node_at(tape, index);
        if (node->view->base == TGI_NONE) continue; /* it has its copy */
        const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, node->view->base));
        bool            overwritten = leaf->last_assign != TGI_NONE && leaf->last_assign > index;
        if (!overwritten || node->view->copy || !outlives(node, index + 1)) continue;
        node->view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(node));
        if (!node->view->copy) return tgi_out_of_memory(tape, node->op->name);
    }
    return TG_OK;
}

/* The view's base is about to be overwritten: it gets a copy of its own, or is marked as lost when nobody wants it. */
static tg_status detach_view(tg_tape *tape, tgi_node *node, uint32_t first_reader) {
    if (outlives(node, first_reader)) {
        tg_array array = tgi_array_of(node);
        if (tgi_copy_view(tape, node, &array)) return tape->status;
    } else
        node->flags = (uint16_t)((node->flags | TGI_LOST) & ~TGI_THERE);
    node->flags &= (uint16_t)~TGI_ALIAS;
    return TG_OK;
}

tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader) {
    tgi_list *aliases = &tape->aliases;
    uint32_t  left = 0;
    for (uint32_t i = 0; i < aliases->count; i++) {
        tgi_node *node = tgi_node_at(tape, aliases->item[i]);
        bool      detached = aliases->item[i] < first_reader && node->view->base == leaf && !tape->status &&
                        !detach_view(tape, node, first_reader);
        if (!detached) aliases->item[left++] = aliases->item[i];
    }
    aliases->count = left;
    return tape->status;
}

/* ---- assigns ----------------------------------------------------------------------------------------------------- */

static tg_status run_assign(tg_tape *tape, uint32_t index, const tgi_node *node) {
    const tgi_node *leaf = tgi_node_at(tape, node->in[0]);
    const tgi_node *value = tgi_node_at(tape, node->in[1]);
    if (leaf == value) return TG_OK;
    if (tgi_detach_views(tape, node->in[0], index)) return tape->status;
    tg_array array = tgi_array_of(value);
    tgi_copy_array(&array, leaf->rank, leaf->dims, leaf->data);
    return TG_OK;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

enum { FEW_OPERANDS = 4, LINE = 64 };

/* What a kernel call borrows from the tape: buffers that begin with a pointer to the one before, a cache line long. */
typedef struct loan {
    tg_tape *tape;
    void    *newest;
} loan;

void *tg_scratch(tg_kernel_call *call, size_t bytes) {
    loan *borrowed = call->executor;
    char *memory = bytes < SIZE_MAX - LINE ? tgi_pool_take(&borrowed->tape->pool, bytes + LINE) : NULL;
    if (!memory) {
        tgi_out_of_memory(borrowed->tape, call->op->name);
        return NULL;
    }
    *(void **)memory = borrowed->newest;
    borrowed->newest = memory;
    return memory + LINE;
}

static void give_back(loan *borrowed) {
    while (borrowed->newest) {
        void *memory = borrowed->newest;
        borrowed->newest = *(void **)memory;
        tgi_pool_give(&borrowed->tape->pool, memory);
    }
}

const void *tg_contiguous(tg_kernel_call *call, int i) {
    const tg_array *array = &call->in[i];
    tgi_walk        walk = tgi_walk_of(tg_dtype_size(array->dtype), array->rank, array->dims, array->strides);
    if (array->size == 0 || tgi_walk_is_contiguous(&walk)) return array->data;
    void *copy = tg_scratch(call, (size_t)array->size * walk.element);
    if (copy) tgi_gather(&walk, array->data, 0, array->size, copy);
    return copy;
}

tg_status tg_kernel_fail(const tg_kernel_call *call, const char *format, ...) {
    char    text[TGI_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const loan *borrowed = call->executor;
    return tgi_fail(borrowed->tape, TG_ERR_VALUE, call->op->name, "%s", text);
}

int tgi_threads(const tg_kernel_call *call) {
    const loan *borrowed = call->executor;
    return tgi_thread_count(borrowed->tape);
}

tgi_mt19937 *tgi_generator(const tg_kernel_call *call) {
    const loan *borrowed = call->executor;
    return &borrowed->tape->generator;
}

static tg_status call_kernel(tg_tape *tape, const tgi_node *node, tg_array *in) {
    for (uint32_t i = 0; i < node->count; i++)
        in[i] = tgi_array_of(tgi_node_at(tape, node->in[i]));
    loan           borrowed = {.tape = tape};
    tg_kernel_call call = {.op = node->op,
                           .count = (int)node->count,
                           .in = in,
                           .out = tgi_array_of(node),
                           .attr = node->attr,
                           .executor = &borrowed};
    tg_status      status = node->op->kernel(&call);
    give_back(&borrowed);
    return status ? tgi_fail(tape, status, node->op->name, "the op's kernel failed") : tape->status;
}

static tg_status run_kernel(tg_tape *tape, const tgi_node *node) {
    if (!node->op->kernel) return tgi_fail(tape, TG_ERR_DTYPE, node->op->name, "the op has no code for its operands");
    tg_array few[FEW_OPERANDS];
    if (node->count <= FEW_OPERANDS) return call_kernel(tape, node, few);
    tg_array *many = tgi_pool_take(&tape->pool, node->count * sizeof *many);
    if (!many) return tgi_out_of_memory(tape, node->op->name);
    tg_status status = call_kernel(tape, node, many);
    tgi_pool_give(&tape->pool, many);
    return status;
}

tg_status tgi_run_kernel(tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    tape->file = node->file;
    tape->line = node->line;
    return check_operands(tape, node) ? tape->status : run_kernel(tape, node);
}
