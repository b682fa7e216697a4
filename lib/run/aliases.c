/* run/aliases.c: looks after the views that show a leaf's memory.
 *
 * A view shows the memory of its base, and holds the old value when that is overwritten, by an assign or from outside. A view that is
 * read later in the program gets a copy before, and shows that from then on. One that is only kept will perhaps never be read: it
 * retains the memory as it is, and the leaf goes on in another buffer. It gets its copy when it is read after all. So a kept view
 * costs memory, and no time.
 *
 * SPDX-License-Identifier: MIT */
#include "run/aliases.h"

#include "core/residency.h"
#include "core/tape_part.h"
#include "kernels/strided.h"
#include "run/run.h"

/* ---- copies ------------------------------------------------------------------------------------------------------ */

tg_status tgi_allocate_view_copy(tg_tape *tape, tgi_node *node) {
    if (!node->view->copy) node->view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(node));
    return node->view->copy ? TG_OK : tgi_out_of_memory(tape, node->op->name);
}

void tgi_show_view_copy(tg_tape *tape, tgi_node *node) {
    tape->moves++;
    node->data = node->view->copy;
    node->view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, node->view->strides);
}

tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array) {
    if (tgi_allocate_view_copy(tape, node)) return tape->status;
    tgi_copy_array(array, array->rank, array->dims, node->view->copy);
    tgi_show_view_copy(tape, node);
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
    if (!tgi_index_list_push(&tape->memory, &tape->aliases, index)) return tgi_out_of_memory(tape, node->op->name);
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

/* Why views are detached: their base is overwritten by what stands at `first_reader`, or before that. */
typedef struct detachment {
    uint32_t leaf, first_reader;
    uint16_t part;
    bool     from_outside;
} detachment;

typedef enum fate { IS_COPIED, IS_RETAINED, IS_OVERWRITTEN, IS_ABSENT } fate;

static bool is_read_between(const tg_tape *tape, const tgi_node *view, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end && i <= view->last_use; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (tgi_node_at(tape, node->in[j]) == view) return true;
    }
    return false;
}

/* Whether an instruction reads it that finds what is resident and no other views: a later one of the same segment, or of the part that is
 * running; and of a value of another part whoever stands behind that. */
static bool is_read_later(const tg_tape *tape, const tgi_node *view, const detachment *d) {
    if (view->part == d->part) return view->last_use >= d->first_reader;
    if (view->part) return view->last_use >= tgi_part_at(tape, view->part)->end;
    return is_read_between(tape, view, d->first_reader, tgi_part_at(tape, d->part)->end);
}

static fate fate_of(const tg_tape *tape, const tgi_node *view, const detachment *d) {
    bool ordered = view->part == d->part, read_later = is_read_later(tape, view, d);
    if (tgi_is_kept(view) && !read_later && tgi_is_owned(tgi_node_at(tape, d->leaf))) return IS_RETAINED;
    if (tgi_is_kept(view) || read_later) return IS_COPIED;
    return ordered && !d->from_outside ? IS_OVERWRITTEN : IS_ABSENT;
}

static bool applies_to(const tg_tape *tape, const detachment *d, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return node->view->base == d->leaf && (index < d->first_reader || node->part != d->part);
}

/* Gets the leaf the buffer that it will have next. */
static tg_status take_spare(tg_tape *tape, const tgi_node *base) {
    tgi_leaf *leaf = tgi_leaf_of(base);
    if (leaf->spare) return TG_OK;
    tgi_old_value *spare = tgi_pool_take(&tape->pool, sizeof *spare);
    void          *memory = tgi_pool_take(&tape->pool, tgi_node_bytes(base));
    if (spare && memory) {
        *spare = (tgi_old_value){.memory = memory};
        leaf->spare = spare;
        return TG_OK;
    }
    tgi_pool_give(&tape->pool, spare);
    tgi_pool_give(&tape->pool, memory);
    return tgi_out_of_memory(tape, base->op->name);
}

static tg_status prepare_for(tg_tape *tape, tgi_node *view, const detachment *d) {
    switch (fate_of(tape, view, d)) {
    case IS_COPIED: return tgi_allocate_view_copy(tape, view);
    case IS_RETAINED: return take_spare(tape, tgi_node_at(tape, d->leaf));
    default: return TG_OK;
    }
}

/* For the first assign that overwrites its base in the same part, and for one in another part. */
static tg_status prepare_alias(tg_tape *tape, uint32_t index) {
    tgi_node  *view = tgi_node_at(tape, index);
    uint32_t   leaf = view->view->base, assign = tgi_leaf_of(tgi_node_at(tape, leaf))->last_assign;
    detachment same = {.leaf = TGI_NONE}, other = same;
    for (; assign != TGI_NONE && (assign > index || tape->part_count);
         assign = tgi_previous_assign(tgi_node_at(tape, assign))) {
        uint16_t   part = tgi_node_at(tape, assign)->part;
        detachment d = {leaf, assign, part, false};
        if (part != view->part)
            other = d;
        else if (assign > index)
            same = d;
    }
    if (same.leaf != TGI_NONE && prepare_for(tape, view, &same)) return tape->status;
    return other.leaf == TGI_NONE ? TG_OK : prepare_for(tape, view, &other);
}

tg_status tgi_prepare_aliases(tg_tape *tape) {
    for (uint32_t i = 0; i < tape->aliases.count && !tape->status; i++) {
        uint32_t index = tape->aliases.item[i];
        bool     has_copy = tgi_node_at(tape, index)->view->base == TGI_NONE;
        if (!has_copy) prepare_alias(tape, index);
    }
    return tape->status;
}

static tg_status retain_view(tg_tape *tape, tgi_node *node, const tgi_node *base) {
    tgi_leaf *leaf = tgi_leaf_of(base);
    if (take_spare(tape, base)) return tape->status;
    leaf->spare->users++;
    tape->moves++;
    node->view->old = leaf->spare;
    node->view->base = TGI_NONE;
    if (!tgi_is_resident(node)) node->version = tape->clock; /* a plan, which made it, is still running */
    tgi_set_overwritten(node);
    return TG_OK;
}

static tg_status detach(tg_tape *tape, const detachment *d, tgi_node *node) {
    tg_array array = tgi_array_of(node);
    switch (fate_of(tape, node, d)) {
    case IS_COPIED: tgi_copy_view(tape, node, &array); break;
    case IS_RETAINED: retain_view(tape, node, tgi_node_at(tape, d->leaf)); break;
    case IS_OVERWRITTEN: tgi_set_overwritten(node); break;
    case IS_ABSENT: tgi_set_absent(node); break;
    }
    if (!tape->status) tgi_set_alias(node, false);
    return tape->status;
}

/* Gives the leaf its next buffer, which the views that go on showing it follow. */
static void leave_old_value(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    tgi_leaf *leaf = tgi_leaf_of(node);
    void     *next = leaf->spare->memory;
    for (uint32_t i = 0; i < tape->aliases.count; i++) {
        tgi_node *view = tgi_node_at(tape, tape->aliases.item[i]);
        if (view->view->base == index) view->data = (char *)next + ((char *)view->data - (char *)node->data);
    }
    tape->moves++;
    leaf->spare->memory = node->data;
    leaf->spare = NULL;
    node->data = next;
}

tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader, uint16_t part, bool from_outside) {
    detachment      d = {leaf, first_reader, part, from_outside};
    tgi_index_list *aliases = &tape->aliases;
    const tgi_node *base = tgi_node_at(tape, leaf);
    uint32_t        left = 0;
    tgi_leaf_of(base)->previous = base->data;
    for (uint32_t i = 0; i < aliases->count; i++) {
        uint32_t index = aliases->item[i];
        bool     detached = !tape->status && applies_to(tape, &d, index) && !detach(tape, &d, tgi_node_at(tape, index));
        if (!detached) aliases->item[left++] = index;
    }
    aliases->count = left;
    if (tgi_leaf_of(base)->spare && tgi_leaf_of(base)->spare->users) leave_old_value(tape, leaf);
    return tape->status;
}

/* ---- when it is read after all ----------------------------------------------------------------------------------- */

tg_status tgi_restore_view(tg_tape *tape, tgi_node *node) {
    tg_array array = tgi_array_of(node);
    if (tgi_copy_view(tape, node, &array)) return tape->status;
    uint64_t version = node->version;
    tgi_release_old_value(tape, node);
    tgi_set_resident(tape, node);
    node->version = version; /* that of the old value */
    return TG_OK;
}

tg_status tgi_restore_views(tg_tape *tape, uint32_t end) {
    for (uint32_t i = 0; i < end; i++)
        if (tgi_is_retained(tgi_node_at(tape, i)) && tgi_restore_view(tape, tgi_node_at(tape, i))) return tape->status;
    return TG_OK;
}
