/* core/residency.c: the transitions of a value. Nothing but this and residency.h changes the residency of an instruction.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"

static void set(tgi_node *node, unsigned flags) {
    node->residency = (uint8_t)(node->residency | flags);
}

static void clear(tgi_node *node, unsigned flags) {
    node->residency = (uint8_t)(node->residency & ~flags);
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

void tgi_set_overwritten(tgi_node *node) {
    clear(node, TGI_RESIDENT);
    set(node, TGI_OVERWRITTEN);
}

/* ---- what is wanted of it ---------------------------------------------------------------------------------------- */

void tgi_keep_node(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    if (!tgi_is_kept(node)) tape->keeps++;
    tgi_set_kept(node);
}

/* ---- its memory -------------------------------------------------------------------------------------------------- */

tg_status tgi_take_memory(tg_tape *tape, tgi_node *node) {
    if (node->residency & (TGI_OWNED | TGI_BORROWED)) return TG_OK;
    size_t bytes = tgi_node_bytes(node);
    if (bytes <= sizeof node->small) {
        node->data = node->small;
        return TG_OK;
    }
    node->data = tgi_pool_take(&tape->pool, bytes);
    tape->moves++;
    if (!node->data) return TG_ERR_MEMORY;
    set(node, TGI_OWNED);
    return TG_OK;
}

tg_status tgi_allocate_value(tg_tape *tape, tgi_node *node) {
    return tgi_take_memory(tape, node) ? tgi_out_of_memory(tape, tgi_node_name(node)) : TG_OK;
}

void tgi_borrow_value(tgi_node *node, const void *data) {
    node->data = (void *)data;
    set(node, TGI_BORROWED);
}

void tgi_move_value(tg_tape *tape, tgi_node *from, tgi_node *to) {
    tape->moves++;
    to->data = from->data;
    clear(to, TGI_BORROWED);
    set(to, TGI_OWNED);
    clear(from, TGI_OWNED);
}

void tgi_set_dropped(tgi_node *node, bool dropped) {
    clear(node, TGI_DROPPED | TGI_KEPT | TGI_SAVED | TGI_RESIDENT);
    set(node, dropped ? TGI_DROPPED : TGI_KEPT | TGI_RESIDENT);
}

void tgi_set_writable(tgi_node *node) {
    clear(node, TGI_BORROWED);
}

void tgi_release_value(tg_tape *tape, tgi_node *node) {
    if (node->residency & TGI_OWNED) tgi_pool_give(&tape->pool, node->data);
    tgi_release_old_value(tape, node);
    clear(node, TGI_OWNED);
    node->data = NULL;
    tape->moves++;
}

void tgi_release_retained(tg_tape *tape, tgi_node *view) {
    tgi_old_value *old = view->view->old;
    view->view->old = NULL;
    if (--old->users) return;
    tgi_pool_give(&tape->pool, old->memory);
    tgi_pool_give(&tape->pool, old);
}

void tgi_set_alias(tgi_node *node, bool listed) {
    if (listed)
        set(node, TGI_ALIAS);
    else
        clear(node, TGI_ALIAS);
}
