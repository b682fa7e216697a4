/* core/tape.c: tapes and handles.
 *
 * A handle holds the index of its instruction and the generation of the tape in which that was recorded. Each rewind starts a new
 * generation, so an instruction recorded later at the same index is told from the one that the handle meant. A plain number
 * travels as a handle too: its tape is a tag, and its reference the bits of the double. Another tag says that there is no tensor.
 *
 * SPDX-License-Identifier: MIT */
#include "core/executor.h"
#include "core/residency.h"
#include "core/tape_part.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The generator of a new tape starts where PyTorch's does. */
static const uint64_t default_seed = 67280421310721;

tg_tape tgi_number_tag = {.status = TG_ERR_HANDLE, .text = "a plain number has no tape", .inside = 1};
tg_tape tgi_none_tag = {.status = TG_ERR_HANDLE, .text = "TG_NONE has no tape", .inside = 1};

static bool is_tag(const tg_tape *tape) {
    return tape == &tgi_number_tag || tape == &tgi_none_tag;
}

/* So that a program can be looked at without being changed. */
static bool is_wanted(const char *variable) {
    const char *value = getenv(variable);
    return value && strcmp(value, "1") == 0;
}

_Static_assert(_Alignof(tg_tape) <= _Alignof(max_align_t), "memory is aligned as malloc's");

tg_tape *tgi_new_tape(const tgi_executor *executor, const tg_host *host) {
    tgi_memory memory = {.host = host ? *host : (tg_host){0}};
    if (!memory.host.allocate != !memory.host.release) return NULL;
    tg_tape *tape = tgi_memory_take(&memory, sizeof *tape);
    if (!tape) return NULL;
    *tape = (tg_tape){.memory = memory};
    tape->arena.memory = tape->pool.memory = &tape->memory;
    tgi_lock_begin(&tape->lock);
    tgi_team_begin(&tape->team, 0);
    tape->team.lender = (tgi_lender){memory.host.context, memory.host.parallel_for};
    tape->executor = executor;
    tape->generation = 1;
    tape->rule_of = tape->lowest_rule = TGI_NONE;
    tape->anomaly = is_wanted("TAPEGRAD_ANOMALY");
    tape->eager = is_wanted("TAPEGRAD_EAGER");
    tape->print_plans = is_wanted("TAPEGRAD_PLAN");
    tape->profiles = tape->print_profile = is_wanted("TAPEGRAD_PROFILE");
    tgi_mt19937_seed(&tape->generator, (uint32_t)default_seed);
    return tape;
}

void tg_tape_free(tg_tape *tape) {
    if (!tape || is_tag(tape) || (tape->callback.name && tgi_check_outside(tape, "tape_free"))) return;
    HASH_CLEAR(hh, tape->names);
    tape->executor->free(tape);
    tgi_team_end(&tape->team);
    for (uint32_t i = 0; i < tape->chunk_count; i++)
        tgi_memory_give(&tape->memory, tape->nodes[i * TGI_CHUNK], TGI_CHUNK * sizeof **tape->nodes);
    tgi_memory_give(&tape->memory, tape->nodes, (size_t)tape->chunk_room * TGI_CHUNK * sizeof *tape->nodes);
    tgi_memory_give(&tape->memory, tape->parts, tape->part_room * sizeof *tape->parts);
    tgi_index_list_free(&tape->memory, &tape->parameters);
    tgi_index_list_free(&tape->memory, &tape->aliases);
    tgi_arena_free(&tape->arena);
    tgi_pool_free(&tape->pool);
    tgi_lock_end(&tape->lock);
    tgi_memory memory = tape->memory;
    tgi_memory_give(&memory, tape, sizeof *tape);
}

tg_status(tg_set_keep)(tg_tape *tape, tg_keep_policy policy) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (policy != TG_KEEP_RECORDED && policy != TG_KEEP_ASKED)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "set_keep", "%d is no policy", (int)policy);
    tape->keep = policy;
    return tgi_done(tape, TG_OK);
}

int64_t tg_instruction_count(const tg_tape *tape) {
    return tape ? tape->count : 0;
}

/* ---- plain numbers, and none ------------------------------------------------------------------------------------- */

tg_tensor tg_num(double number) {
    tg_tensor x = {.tape = &tgi_number_tag};
    memcpy(&x.ref, &number, sizeof number);
    return x;
}

tg_tensor tg_none(void) {
    return (tg_tensor){.tape = &tgi_none_tag};
}

bool tgi_is_none(tg_tensor x) {
    return x.tape == &tgi_none_tag;
}

/* ---- handles ----------------------------------------------------------------------------------------------------- */

tg_tape *tg_at(tg_tape *tape, const char *file, int line) {
    if (tape && !tape->inside && !tgi_is_closed(tape)) { /* a gradient rule of the user's own works for the line that called */
        tape->file = file;
        tape->line = (uint32_t)line;
    }
    return tape;
}

tg_line tg_hold(tg_tape *tape, const char *file, int line) {
    if (!tape || tape->inside || tgi_is_closed(tape)) return (tg_line){0};
    tg_line before = tape->held;
    tape->held = (tg_line){file, line};
    tg_at(tape, file, line);
    return before;
}

void tg_release(tg_tape *tape, tg_line before) {
    if (!tape || tape->inside || tgi_is_closed(tape)) return;
    tape->held = before;
    tgi_done(tape, TG_OK);
}

tg_tensor tgi_invalid(tg_tape *tape) {
    return (tg_tensor){.tape = is_tag(tape) ? NULL : tape, .ref = TGI_NONE};
}

/* Why the handle cannot be used on this tape; NULL when it can. */
static const char *fault(const tg_tape *tape, tg_tensor x) {
    if (x.tape == &tgi_none_tag) return "is TG_NONE, and cannot be left out";
    if (!x.tape || x.tape == &tgi_number_tag) return "is no tensor: it is zero-initialised, or made of plain numbers alone";
    if (x.tape != tape) return "belongs to another tape";
    if (tgi_index(x) == TGI_NONE) return "is invalid: recording it had failed";
    const tgi_node *node = tgi_index(x) < tape->count ? tgi_node_at(tape, tgi_index(x)) : NULL;
    if (!node || node->generation != x.ref >> 32 || !node->has_value) return "is stale: the tape was rewound past it";
    return NULL;
}

static tgi_node *find(tg_tape *tape, tg_tensor x, const char *what, const char *role) {
    const char *why = fault(tape, x);
    if (!why) return tgi_node_at(tape, tgi_index(x));
    tgi_fail(tape, TG_ERR_HANDLE, what, "%s %s", role, why);
    return NULL;
}

tgi_node *tgi_resolve(tg_tape *tape, tg_tensor x, const char *what, const char *role) {
    tgi_node *node = find(tape, x, what, role);
    return node && tgi_is_dropped(node) && tape->executor->restore(tape, tgi_index(x)) ? NULL : node;
}

bool tg_valid(tg_tensor x) {
    double number;
    return tgi_is_number(x, &number) || !fault(x.tape, x);
}

/* ---- what a tensor is -------------------------------------------------------------------------------------------- */

/* The instruction whose properties are asked for; NULL, with the error noted, when there is none. */
static const tgi_node *asked(tg_tensor x, const char *what) {
    tg_tape *tape = tgi_tape_of(x);
    if (!tape) return NULL;
    const tgi_node *node = find(tape, x, what, "the tensor");
    if (node) tgi_done(tape, TG_OK);
    return node;
}

tg_shape(tg_shape_of)(tg_tensor x) {
    double          number;
    const tgi_node *node = asked(x, "shape_of");
    if (node) return tgi_node_shape(node);
    return (tg_shape){.rank = tgi_is_number(x, &number) ? 0 : TG_MAX_RANK + 1};
}

int64_t(tg_size)(tg_tensor x) {
    double          number;
    const tgi_node *node = asked(x, "size");
    if (node) return tgi_node_size(node);
    return tgi_is_number(x, &number) ? 1 : -1;
}

tg_dtype(tg_dtype_of)(tg_tensor x) {
    double          number;
    const tgi_node *node = asked(x, "dtype_of");
    if (node) return (tg_dtype)node->dtype;
    return tgi_is_number(x, &number) ? TG_F64 : TG_DTYPES;
}

const void *tg_borrowed(tg_tensor x) {
    tg_tape *tape = tgi_tape_of(x);
    if (!tape || fault(tape, x)) return NULL;
    const tgi_node *node = tgi_node_at(tape, tgi_index(x));
    return tgi_leaf_of(node) && tgi_is_borrowed(node) ? node->data : NULL;
}

bool tg_requires_grad(tg_tensor x) {
    tg_tape *tape = tgi_tape_of(x);
    return tape && !fault(tape, x) && tgi_node_at(tape, tgi_index(x))->requires_grad;
}
