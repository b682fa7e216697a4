/* core/node.c: the value of an instruction: its size and its memory.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/tape.h"

int64_t tgi_node_size(const tgi_node *node) {
    return tgi_size(node->rank, node->dims);
}

size_t tgi_node_bytes(const tgi_node *node) {
    return (size_t)tgi_node_size(node) * tg_dtype_size((tg_dtype)node->dtype);
}

tg_type tgi_node_type(const tgi_node *node) {
    return (tg_type){(tg_dtype)node->dtype, node->rank, node->dims};
}

tg_shape tgi_node_shape(const tgi_node *node) {
    return tg_shape_from(node->rank, node->dims);
}

tg_status tgi_node_allocate(tg_tape *tape, tgi_node *node) {
    if (node->flags & (TGI_OWNED | TGI_BORROWED)) return TG_OK;
    size_t bytes = tgi_node_bytes(node);
    if (bytes <= sizeof node->small) {
        node->data = &node->small;
        return TG_OK;
    }
    node->data = tgi_pool_take(&tape->pool, bytes);
    if (!node->data) return tgi_out_of_memory(tape, node->op->name);
    node->flags |= TGI_OWNED;
    return TG_OK;
}

void tgi_keep_node(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    if (!(node->flags & TGI_KEEP)) tape->keeps++;
    node->flags |= TGI_KEEP;
    if (node->flags & TGI_THERE) node->flags |= TGI_HELD;
}

void tgi_is_there(tgi_node *node) {
    node->flags |= TGI_THERE;
    if (node->flags & TGI_KEEP) node->flags |= TGI_HELD;
}

void tgi_node_release(tg_tape *tape, tgi_node *node) {
    if (node->flags & TGI_OWNED) tgi_pool_give(&tape->pool, node->data);
    if (node->view) tgi_pool_give(&tape->pool, node->view->copy);
}

bool tgi_list_push(tgi_list *list, uint32_t item) {
    if (list->count == list->capacity) {
        uint32_t  capacity = list->capacity ? 2 * list->capacity : 16;
        uint32_t *grown = realloc(list->item, capacity * sizeof *grown);
        if (!grown) return false;
        list->item = grown;
        list->capacity = capacity;
    }
    list->item[list->count++] = item;
    return true;
}
