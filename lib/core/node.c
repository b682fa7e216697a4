/* core/node.c: what an instruction is: the type and the size of its value; and lists of instructions.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"

int64_t tgi_node_size(const tgi_node *node) {
    return tgi_size(node->rank, node->dims);
}

size_t tgi_node_bytes(const tgi_node *node) {
    return (size_t)tgi_node_size(node) * tg_dtype_size((tg_dtype)node->dtype);
}

tg_shape tgi_node_shape(const tgi_node *node) {
    return tg_shape_from(node->rank, node->dims);
}

void tgi_make_bools(tgi_node *node) {
    unsigned char *byte = node->data;
    for (int64_t i = 0, size = node->dtype == TG_BOOL ? tgi_node_size(node) : 0; i < size; i++)
        byte[i] = byte[i] != 0;
}

bool tgi_index_list_push(tgi_memory *memory, tgi_index_list *list, uint32_t item) {
    if (list->count == list->capacity) {
        uint32_t  capacity = list->capacity ? 2 * list->capacity : 16;
        uint32_t *grown = tgi_memory_grow(memory, list->item, list->capacity * sizeof *grown, capacity * sizeof *grown);
        if (!grown) return false;
        list->item = grown;
        list->capacity = capacity;
    }
    list->item[list->count++] = item;
    return true;
}

void tgi_index_list_free(tgi_memory *memory, tgi_index_list *list) {
    tgi_memory_give(memory, list->item, list->capacity * sizeof *list->item);
    *list = (tgi_index_list){0};
}
