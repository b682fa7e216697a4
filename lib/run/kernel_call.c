/* run/kernel_call.c: builds what a kernel gets, lends it memory, and takes down how it fails.
 *
 * A kernel may be called inside a group, on any thread, for a tile: then what it borrows comes from the tape's pool one thread at a
 * time, and a failure is noted with the tile, so that the one in the first tile is reported, whatever the threads did.
 *
 * SPDX-License-Identifier: MIT */
#include "run/kernel_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/strided.h"
#include "run/run.h"

enum { FEW_OPERANDS = 4, LINE = 64 };

/* What a call's `executor` points to. */
typedef struct kernel_context {
    tgi_team            *team; /* NULL for a tile: the tiles of a group are on all threads already */
    tg_tape             *tape;
    const tgi_node      *node;
    const tgi_tile_rows *tile; /* NULL for a whole value */
    void *scratch; /* the newest buffer it borrowed: each begins with a pointer to the one before, a cache line long */
} kernel_context;

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void note_failure(const kernel_context *context, tg_status status, const char *text) {
    tgi_tile_failure *failure = context->tile->failure;
    tgi_lock_take(&context->tape->lock);
    if (!failure->node || context->tile->first_element < failure->tile) {
        failure->node = context->node;
        failure->tile = context->tile->first_element;
        failure->status = status;
        snprintf(failure->text, sizeof failure->text, "%s", text);
    }
    tgi_lock_give(&context->tape->lock);
}

static tg_status fail(const kernel_context *context, tg_status status, const char *text) {
    if (!context->tile) return tgi_fail(context->tape, status, tgi_node_name(context->node), "%s", text);
    note_failure(context, status, text);
    return status;
}

static bool has_failed(const kernel_context *context) {
    if (!context->tile) return context->tape->status;
    const tgi_tile_failure *failure = context->tile->failure;
    return failure->node && failure->tile == context->tile->first_element;
}

tg_status tgi_report_tile_failure(tg_tape *tape, const tgi_tile_failure *failure) {
    if (!failure->node) return TG_OK;
    tape->file = failure->node->file;
    tape->line = failure->node->line;
    return tgi_fail(tape, failure->status, tgi_node_name(failure->node), "%s", failure->text);
}

static tg_status fail_with(const tg_kernel_call *call, tg_status status, const char *format, va_list arguments) {
    char text[TGI_TEXT];
    tgi_format(text, sizeof text, format, arguments);
    return fail(call->executor, status, text);
}

tg_status tg_kernel_fail_with(const tg_kernel_call *call, tg_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status = fail_with(call, status, format, arguments);
    va_end(arguments);
    return status;
}

tg_status tg_kernel_fail(const tg_kernel_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tg_status status = fail_with(call, TG_ERR_VALUE, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- memory, threads, random numbers ----------------------------------------------------------------------------- */

static void *take(const kernel_context *context, size_t bytes) {
    if (context->tile) tgi_lock_take(&context->tape->lock);
    void *memory = tgi_pool_take(&context->tape->pool, bytes);
    if (context->tile) tgi_lock_give(&context->tape->lock);
    return memory;
}

static void give_back(kernel_context *context) {
    if (!context->scratch) return;
    if (context->tile) tgi_lock_take(&context->tape->lock);
    while (context->scratch) {
        void *memory = context->scratch;
        context->scratch = *(void **)memory;
        tgi_pool_give(&context->tape->pool, memory);
    }
    if (context->tile) tgi_lock_give(&context->tape->lock);
}

void *tg_scratch(tg_kernel_call *call, size_t bytes) {
    kernel_context *context = call->executor;
    char           *memory = bytes < SIZE_MAX - LINE ? take(context, bytes + LINE) : NULL;
    if (!memory) {
        fail(context, TG_ERR_MEMORY, "out of memory");
        return NULL;
    }
    *(void **)memory = context->scratch;
    context->scratch = memory;
    return memory + LINE;
}

const void *tg_contiguous(tg_kernel_call *call, int i) {
    if (i < 0 || i >= call->count) {
        tg_kernel_fail_with(call, TG_ERR_ARGUMENT, "it asks for operand %d of %d", i, call->count);
        return NULL;
    }
    const tg_array *array = &call->in[i];
    if (array->size == 0 || tgi_is_row_major(array->rank, array->dims, array->strides)) return array->data;
    tgi_walk walk = tgi_walk_of(tg_dtype_size(array->dtype), array->rank, array->dims, array->strides);
    void    *copy = tg_scratch(call, (size_t)array->size * walk.element);
    if (copy) tgi_gather(&walk, array->data, 0, array->size, copy);
    return copy;
}

tg_tape *tgi_tape_of_call(const tg_kernel_call *call) {
    const kernel_context *context = call->executor;
    return context->tape;
}

tgi_mt19937 *tgi_generator(const tg_kernel_call *call) {
    const kernel_context *context = call->executor;
    return &context->tape->generator;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

/* Sets what is used only, and in its place: to clear sizes and strides that an array does not have, or to copy it, takes as long as a small
 * kernel. */
static void describe(const tgi_node *node, tg_array *array) {
    array->data = node->data;
    array->dtype = (tg_dtype)node->dtype;
    array->rank = node->rank;
    array->size = tgi_node_size(node);
    tgi_copy_sizes(node->rank, node->dims, array->dims);
    if (node->view)
        tgi_copy_sizes(node->rank, node->view->strides, array->strides);
    else
        tgi_row_major(node->rank, node->dims, array->strides);
}

tg_array tgi_array_of(const tgi_node *node) {
    tg_array array;
    describe(node, &array);
    return array;
}

/* A value, or with `lead` leading axes that are rows the part of it that the tile has: these axes are then one, the last of
 * them. */
static void describe_rows(const tgi_node *node, int lead, int64_t rows, const void *data, tg_array *array) {
    array->data = (void *)data;
    array->dtype = (tg_dtype)node->dtype;
    array->rank = node->rank;
    tgi_copy_sizes(node->rank, node->dims, array->dims);
    for (int i = 0; i < lead; i++)
        array->dims[i] = i == lead - 1 ? rows : 1;
    array->size = tgi_size(array->rank, array->dims);
    tgi_row_major(array->rank, array->dims, array->strides);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

/* Of the call the result is described already. */
static tg_status call_kernel(kernel_context *context, const tg_array *in, tg_kernel_call *call) {
    const tgi_node *node = context->node;
    call->op = node->op;
    call->count = (int)node->count;
    call->in = in;
    call->attr = node->attr;
    call->executor = context;
    tg_status status = node->op->kernel(call);
    give_back(context);
    if (status && !has_failed(context)) fail(context, status, "the op's kernel failed");
    return status;
}

static tg_status call_whole(tg_tape *tape, const tgi_node *node, tg_array *in) {
    kernel_context context = {.team = &tape->team, .tape = tape, .node = node};
    tg_kernel_call call;
    for (uint32_t i = 0; i < node->count; i++)
        describe(tgi_node_at(tape, node->in[i]), &in[i]);
    describe(node->op->effect ? tgi_node_at(tape, node->in[0]) : node, &call.out);
    call_kernel(&context, in, &call);
    return tape->status;
}

tg_status tgi_call_kernel(tg_tape *tape, const tgi_node *node) {
    if (!node->op->kernel) return tgi_fail(tape, TG_ERR_DTYPE, tgi_node_name(node), "the op has no code for its operands");
    tg_array few[FEW_OPERANDS];
    if (node->count <= FEW_OPERANDS) return call_whole(tape, node, few);
    tg_array *many = tgi_pool_take(&tape->pool, node->count * sizeof *many);
    if (!many) return tgi_out_of_memory(tape, node->op->name);
    tg_status status = call_whole(tape, node, many);
    tgi_pool_give(&tape->pool, many);
    return status;
}

void tgi_describe_call(const tg_tape *tape, const tgi_node *node, tg_array *arrays) {
    describe(node, arrays);
    for (uint32_t i = 0; i < node->count; i++)
        describe(tgi_node_at(tape, node->in[i]), &arrays[i + 1]);
}

tg_status tgi_call_kernel_on(tg_tape *tape, const tgi_node *node, const tg_array *in, const tg_array *out) {
    kernel_context context = {.team = &tape->team, .tape = tape, .node = node};
    tg_kernel_call call = {.out = *out};
    return call_kernel(&context, in, &call);
}

void tgi_call_kernel_on_rows(tg_tape *tape, const tgi_node *node, const tgi_tile_rows *tile, const void *const *in, void *out) {
    kernel_context context = {.tape = tape, .node = node, .tile = tile};
    tg_array       arrays[TG_MAX_LOOP_OPERANDS];
    tg_kernel_call call;
    for (uint32_t j = 0; j < node->count; j++)
        describe_rows(tgi_node_at(tape, node->in[j]), j ? 0 : tile->lead, tile->rows, in[j], &arrays[j]);
    describe_rows(node, tile->lead, tile->rows, out, &call.out);
    call_kernel(&context, arrays, &call);
}
