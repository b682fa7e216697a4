/* core/residency.h: where the value of an instruction is, and whether it can be read.
 *
 * A value is in one of three states, and these functions are the only ways from one to another:
 *
 *     absent       not computed yet, or its memory was another's after the run
 *     resident     in memory
 *     overwritten  a view whose base was overwritten while nobody seemed to want the old value; or which has retained it, and is
 *                  given a copy, and with it resident, when somebody does
 *
 *                  tgi_set_resident               tgi_set_overwritten
 *        absent  --------------------> resident --------------------> overwritten
 *          ^                              |                               |
 *          +------------------------------+-------------------------------+   tgi_set_absent
 *
 * A lost value that turns out to be wanted may be overwritten from absent, too: it cannot be recomputed. Beside the state stands
 * what is wanted of the value: kept (the user may read it after a run) and saved (a gradient rule recorded later may read it); and
 * whose its memory is: the tape's own buffer, borrowed from the user, or neither (in the instruction itself, in a plan's block, in
 * the memory of a view's base, in an optimizer state). A value can be read when it is kept and resident.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_RESIDENCY_H
#define TGI_CORE_RESIDENCY_H

#include "core/tape.h"

enum tgi_residency {
    TGI_KEPT = 1 << 0,
    TGI_SAVED = 1 << 1,
    TGI_RESIDENT = 1 << 2,
    TGI_OVERWRITTEN = 1 << 3,
    TGI_OWNED = 1 << 4,    /* its memory is a buffer of the pool */
    TGI_BORROWED = 1 << 5, /* its memory is the user's */
    TGI_ALIAS = 1 << 6,    /* it is a view in the tape's list of aliases */
    TGI_DROPPED = 1 << 7   /* its memory is a parameter's now, and its first use makes it again (run/initial_value.c) */
};

static inline bool tgi_is_kept(const tgi_node *node) {
    return node->residency & TGI_KEPT;
}

static inline bool tgi_is_saved(const tgi_node *node) {
    return node->residency & TGI_SAVED;
}

static inline bool tgi_is_resident(const tgi_node *node) {
    return node->residency & TGI_RESIDENT;
}

static inline bool tgi_is_overwritten(const tgi_node *node) {
    return node->residency & TGI_OVERWRITTEN;
}

static inline bool tgi_is_owned(const tgi_node *node) {
    return node->residency & TGI_OWNED;
}

static inline bool tgi_is_dropped(const tgi_node *node) {
    return node->residency & TGI_DROPPED;
}

/* A view that counts as overwritten, but whose elements are still there. */
static inline bool tgi_is_retained(const tgi_node *node) {
    return node->view && node->view->old;
}

static inline bool tgi_is_readable(const tgi_node *node) {
    return tgi_is_kept(node) && tgi_is_resident(node);
}

static inline bool tgi_is_borrowed(const tgi_node *node) {
    return node->residency & TGI_BORROWED;
}

static inline bool tgi_is_alias(const tgi_node *node) {
    return node->residency & TGI_ALIAS;
}

/* The instruction of a handle that can be used on this tape just as it is; NULL for every other, which tgi_resolve looks at closely. */
static inline tgi_node *tgi_usable(const tg_tape *tape, tg_tensor x) {
    if (x.tape != tape || tgi_index(x) >= tape->count) return NULL;
    tgi_node *node = tgi_node_at(tape, tgi_index(x));
    return node->generation == x.ref >> 32 && node->has_value && !tgi_is_dropped(node) ? node : NULL;
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

static inline void tgi_set_absent(tgi_node *node) {
    node->residency = (uint8_t)(node->residency & ~(TGI_RESIDENT | TGI_OVERWRITTEN));
}

static inline void tgi_set_resident(const tg_tape *tape, tgi_node *node) { /* from now on */
    node->version = tape->clock;
    node->residency = (uint8_t)((node->residency & ~TGI_OVERWRITTEN) | TGI_RESIDENT);
}

void tgi_set_overwritten(tgi_node *node);

/* ---- what is wanted of it ---------------------------------------------------------------------------------------- */

/* Keeps the value of an instruction that is being recorded; and of one that was recorded before, which makes plans for it stale. */
static inline void tgi_set_kept(tgi_node *node) {
    node->residency = (uint8_t)(node->residency | TGI_KEPT);
}

void tgi_keep_node(tg_tape *tape, uint32_t index);

static inline void tgi_set_saved(tgi_node *node, bool saved) {
    node->residency = (uint8_t)(saved ? node->residency | TGI_SAVED : node->residency & ~TGI_SAVED);
}

/* A gradient rule that is recorded after a run may need the result, and the operands. */
static inline void tgi_save(const tg_tape *tape, tgi_node *node) {
    tgi_set_saved(node, true);
    for (uint32_t i = 0; i < node->count; i++)
        tgi_set_saved(tgi_node_at(tape, node->in[i]), true);
}

/* ---- its memory -------------------------------------------------------------------------------------------------- */

/* Gives the value memory of its own, unless it has some: in the instruction itself when it is small, else from the pool. */
tg_status tgi_allocate_value(tg_tape *tape, tgi_node *node);

/* The same without a note of the error. */
tg_status tgi_take_memory(tg_tape *tape, tgi_node *node);

/* The value is in memory of the user's, which is never written; or that memory is the tape's after all, in another place (an optimizer
 * state), and may be written. */
void tgi_borrow_value(tgi_node *node, const void *data);
void tgi_set_writable(tgi_node *node);

/* Its own buffer becomes that of another, whose memory is not its own. */
void tgi_move_value(tg_tape *tape, tgi_node *from, tgi_node *to);

/* It is dropped: not kept, not saved, absent; or kept and resident again. */
void tgi_set_dropped(tgi_node *node, bool dropped);

/* Gives back memory of its own; then it has none. */
void tgi_release_value(tg_tape *tape, tgi_node *node);

/* The view no longer shows an old value, if it did; and of one that does. */
void               tgi_release_retained(tg_tape *tape, tgi_node *view);
static inline void tgi_release_old_value(tg_tape *tape, tgi_node *node) {
    if (tgi_is_retained(node)) tgi_release_retained(tape, node);
}

/* The view is in the tape's list of those that show a leaf's memory, or is not. */
void tgi_set_alias(tgi_node *node, bool listed);

#endif
