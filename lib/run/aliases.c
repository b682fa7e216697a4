/* run/aliases.c: looks after the views that show a leaf's memory.
 *
 * A view shows the memory of its base. Before that is overwritten, by an assign or from outside, each view of it that is still wanted is
 * given a copy, and shows that from then on.
 *
 * SPDX-License-Identifier: MIT */
#include "run/aliases.h"

#include "core/residency.h"
#include "kernels/strided.h"
#include "run/run.h"

/* ---- copies ------------------------------------------------------------------------------------------------------ */

tg_status tgi_allocate_view_copy(tg_tape *tape, tgi_node *node) {
    if (!node->view->copy) node->view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(node));
    return node->view->copy ? TG_OK : tgi_out_of_memory(tape, node->op->name);
}

void tgi_show_view_copy(tgi_node *node) {
    node->data = node->view->copy;
    node->view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, node->view->strides);
}

tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array) {
    if (tgi_allocate_view_copy(tape, node)) return tape->status;
    tgi_copy_array(array, array->rank, array->dims, node->view->copy);
    tgi_show_view_copy(node);
    return TG_OK;
}

/* ---- the list of aliases ----------------------------------------------------------------------------------------- */

static bool can_be_overwritten(const tgi_node *node) {
    const tgi_leaf *leaf = tgi_leaf_of(node);
    return leaf && leaf->variable && !tgi_is_borrowed(node);
}

tg_status tgi_note_alias(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    if (tgi_is_alias(node) || !can_be_overwritten(tgi_node_at(tape, node->view->base))) return TG_OK;
    if (!tgi_index_list_push(&tape->aliases, index)) return tgi_out_of_memory(tape, node->op->name);
    tgi_set_alias(node, true);
    return TG_OK;
}

void tgi_forget_aliases(tg_tape *tape, uint32_t first, uint16_t part) {
    tgi_index_list *aliases = &tape->aliases;
    uint32_t        left = 0;
    for (uint32_t i = 0; i < aliases->count; i++) {
        uint32_t  index = aliases->item[i];
        tgi_node *node = tgi_node_at(tape, index);
        if (index < first || node->part != part)
            aliases->item[left++] = index;
        else
            tgi_set_alias(node, false);
    }
    aliases->count = left;
}

/* ---- before the base is overwritten ------------------------------------------------------------------------------ */

/* Whether the value will be wanted after its base was overwritten. */
static bool outlives(const tgi_node *node, uint32_t first_reader) {
    return tgi_is_kept(node) || node->last_use >= first_reader;
}

tg_status tgi_prepare_aliases(tg_tape *tape) {
    for (uint32_t i = 0; i < tape->aliases.count; i++) {
        uint32_t  index = tape->aliases.item[i];
        tgi_node *node = tgi_node_at(tape, index);
        if (node->view->base == TGI_NONE) continue; /* it has its copy */
        const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, node->view->base));
        bool            overwritten = leaf->last_assign != TGI_NONE && (leaf->last_assign > index || tape->part_count);
        if (overwritten && outlives(node, index + 1) && tgi_allocate_view_copy(tape, node)) return tape->status;
    }
    return TG_OK;
}

/* A view that is detached, and why. */
typedef struct detachment {
    uint32_t leaf, first_reader;
    uint16_t part;
    bool     from_outside;
} detachment;

static bool applies_to(const tg_tape *tape, const detachment *d, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return node->view->base == d->leaf && (index < d->first_reader || node->part != d->part);
}

static tg_status detach(tg_tape *tape, const detachment *d, tgi_node *node) {
    bool ordered = node->part == d->part;
    if (ordered ? outlives(node, d->first_reader) : tgi_is_kept(node)) {
        tg_array array = tgi_array_of(node);
        if (tgi_copy_view(tape, node, &array)) return tape->status;
    } else if (ordered && !d->from_outside)
        tgi_set_overwritten(node);
    else
        tgi_set_absent(node);
    tgi_set_alias(node, false);
    return TG_OK;
}

tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader, uint16_t part, bool from_outside) {
    detachment      d = {leaf, first_reader, part, from_outside};
    tgi_index_list *aliases = &tape->aliases;
    uint32_t        left = 0;
    for (uint32_t i = 0; i < aliases->count; i++) {
        uint32_t index = aliases->item[i];
        bool     detached = !tape->status && applies_to(tape, &d, index) && !detach(tape, &d, tgi_node_at(tape, index));
        if (!detached) aliases->item[left++] = index;
    }
    aliases->count = left;
    return tape->status;
}
