/* run/allocate.c: the sixth pass: where each value is in the block.
 *
 * Takes which values are in memory, which unit makes each and which reads it last. Gives each value that the plan needs only while it runs
 * an offset in one block. It is taken by the unit that makes the value and free again after the last unit that reads it, for values
 * of about that size: sizes are rounded up to a size class, so that free memory finds its next user at once. After this pass no two
 * values that are wanted at the same time overlap.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/size_class.h"
#include "run/plan_builder.h"

enum { LINE = 64 };

typedef struct spare {
    struct spare *next;
    size_t        offset;
} spare;

typedef struct allocator {
    tgi_plan_builder *b;
    spare            *free[TGI_SIZE_CLASSES], *unused; /* free memory by size class; and entries of these lists */
    uint32_t         *made, *read; /* for each unit the first value that it makes, and the first that it is the last to read; */
    uint32_t         *next_made, *next_read; /* the others follow */
    size_t            bytes;
} allocator;

static bool is_in_block(const tgi_plan_builder *b, uint32_t i) {
    const tgi_fusion *v = &b->fusion[i];
    bool              lasts = i < b->count && b->liveness[i].lasts;
    return v->made && v->in_memory && !lasts && tgi_node_bytes(tgi_instruction(b, i)) > sizeof(uint64_t);
}

/* Lists the values by the units that make them, and by those that read them last. */
static void list_values(allocator *a) {
    tgi_plan_builder *b = a->b;
    memset(a->made, 0xff, b->unit_count * sizeof *a->made);
    memset(a->read, 0xff, b->unit_count * sizeof *a->read);
    for (uint32_t i = b->count + b->copy_count; i-- > 0;) {
        if (!is_in_block(b, i)) continue;
        uint32_t *made = &a->made[b->fusion[i].unit], *read = &a->read[b->fusion[i].last_unit];
        a->next_made[i] = *made;
        a->next_read[i] = *read;
        *made = *read = i;
    }
}

static int class_of_value(const allocator *a, uint32_t i) {
    return tgi_size_class(tgi_node_bytes(tgi_instruction(a->b, i)), LINE);
}

static void take_memory(allocator *a, uint32_t i) {
    int    size_class = class_of_value(a, i);
    spare *s = a->free[size_class];
    if (s) {
        a->free[size_class] = s->next;
        a->b->offsets[i] = s->offset;
        s->next = a->unused;
        a->unused = s;
    } else {
        a->b->offsets[i] = a->bytes;
        size_t bytes = (tgi_size_class_bytes(size_class, LINE) + LINE - 1) / LINE * LINE;
        a->bytes = tgi_add_bytes(a->bytes, bytes < TGI_STAGGERED ? bytes : bytes + TGI_STAGGER);
    }
}

static tg_status give_memory(allocator *a, uint32_t i) {
    int    size_class = class_of_value(a, i);
    spare *s = a->unused ? a->unused : tgi_builder_take(a->b, 1, sizeof *s);
    if (!s) return TG_ERR_MEMORY;
    if (s == a->unused) a->unused = s->next;
    *s = (spare){a->free[size_class], a->b->offsets[i]};
    a->free[size_class] = s;
    return TG_OK;
}

tg_status tgi_allocate(tgi_plan_builder *b) {
    allocator      a = {.b = b};
    const uint32_t count = b->count + b->copy_count;
    b->offsets = tgi_builder_take(b, count, sizeof *b->offsets);
    a.made = tgi_builder_take(b, b->unit_count, sizeof *a.made);
    a.read = tgi_builder_take(b, b->unit_count, sizeof *a.read);
    a.next_made = tgi_builder_take(b, count, sizeof *a.next_made);
    a.next_read = tgi_builder_take(b, count, sizeof *a.next_read);
    if (!b->offsets || !a.made || !a.read || !a.next_made || !a.next_read) return TG_ERR_MEMORY;
    memset(b->offsets, 0, count * sizeof *b->offsets);
    list_values(&a);
    for (uint32_t k = 0; k < b->unit_count; k++) {
        for (uint32_t i = a.made[k]; i != TGI_NONE; i = a.next_made[i])
            take_memory(&a, i);
        for (uint32_t i = a.read[k]; i != TGI_NONE; i = a.next_read[i])
            if (give_memory(&a, i)) return TG_ERR_MEMORY;
    }
    b->plan->block_bytes = a.bytes;
    return TG_OK;
}
