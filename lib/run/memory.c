/* run/memory.c: gives the values that a plan needs only while it runs their places in one block, and lists all places.
 *
 * Goes through the items in their order. A place is taken by the item that makes the value and free again after the last
 * item that reads it, for values of about that size: sizes are rounded up to the next in a list where each is at most a quarter
 * larger than the one before, so that a place finds its next user at once.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/draft.h"

enum { LINE = 64, CLASSES = 240 };

typedef struct spare {
    struct spare *next;
    size_t        place;
} spare;

typedef struct block {
    tgi_draft *d;
    spare     *free[CLASSES], *unused; /* places by size class; and entries of these lists */
    size_t     bytes;
    uint32_t  *ending; /* for each item the first value that it is the last to read */
    uint32_t  *making; /* and the first that it makes; the others follow by next_made */
    uint32_t  *next_made;
} block;

/* Class 4 e + q holds (4 + q) 2^e lines. */
static size_t class_bytes(int size_class) {
    return ((size_t)(4 + size_class % 4) << (size_class / 4)) * LINE / 4;
}

static int class_of(size_t bytes) {
    int size_class = 0;
    while (class_bytes(size_class + 4) < bytes)
        size_class += 4;
    while (class_bytes(size_class) < bytes)
        size_class++;
    return size_class;
}

static bool needs_place(const tgi_draft *d, uint32_t i) {
    const tgi_result *v = &d->results[i];
    return v->made && v->memory && !v->lasts && tgi_node_bytes(tgi_node_at(d->tape, d->start + i)) > sizeof(uint64_t);
}

static int class_of_value(const block *b, uint32_t i) {
    return class_of(tgi_node_bytes(tgi_node_at(b->d->tape, b->d->start + i)));
}

static void take_place(block *b, uint32_t i) {
    int    size_class = class_of_value(b, i);
    spare *s = b->free[size_class];
    if (s) {
        b->free[size_class] = s->next;
        b->d->results[i].place = s->place;
        s->next = b->unused;
        b->unused = s;
    } else {
        b->d->results[i].place = b->bytes;
        b->bytes += (class_bytes(size_class) + LINE - 1) / LINE * LINE;
    }
}

static tg_status give_place(block *b, uint32_t i) {
    int    size_class = class_of_value(b, i);
    spare *s = b->unused ? b->unused : tgi_arena_take(&b->d->arena, sizeof *s);
    if (!s) return TG_ERR_MEMORY;
    if (s == b->unused) b->unused = s->next;
    *s = (spare){b->free[size_class], b->d->results[i].place};
    b->free[size_class] = s;
    return TG_OK;
}

/* Lists the values by the items that make them, and by those that read them last. */
static void list_values(block *b) {
    tgi_draft *d = b->d;
    memset(b->ending, 0xff, d->item_count * sizeof *b->ending);
    memset(b->making, 0xff, d->item_count * sizeof *b->making);
    for (uint32_t i = d->count; i-- > 0;) {
        tgi_result *v = &d->results[i];
        if (!needs_place(d, i)) continue;
        b->next_made[i] = b->making[v->item];
        b->making[v->item] = i;
        v->ending = b->ending[v->last];
        b->ending[v->last] = i;
    }
}

static tg_status place_all(block *b) {
    for (uint32_t k = 0; k < b->d->item_count; k++) {
        for (uint32_t i = b->making[k]; i != TGI_NONE; i = b->next_made[i])
            take_place(b, i);
        for (uint32_t i = b->ending[k]; i != TGI_NONE; i = b->d->results[i].ending)
            if (give_place(b, i)) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* ---- what a run binds to its places ------------------------------------------------------------------------------ */

/* The last item that reads what is in that memory, when it is memory of the block. */
static uint32_t last_use(const tgi_draft *d, tgi_ref base) {
    const tgi_result *v = tgi_result_of(d, base);
    return !v || !v->made || v->lasts ? TGI_NONE : v->last;
}

/* A view has none when all that read it do so in the group of its base. */
static bool has_place(const tgi_draft *d, const tgi_result *v) {
    const tgi_result *base = v->strides ? tgi_result_of(d, v->base) : NULL;
    if (v->strides) return !base || !base->made || base->memory;
    return v->made && v->memory;
}

static tg_status fill_binds(tgi_draft *d) {
    tgi_plan *plan = d->plan;
    for (uint32_t i = 0; i < d->count; i++)
        plan->bind_count += has_place(d, &d->results[i]);
    plan->binds = tgi_arena_take(&plan->arena, plan->bind_count * sizeof *plan->binds);
    if (!plan->binds) return TG_ERR_MEMORY;
    tgi_bind *b = plan->binds;
    for (uint32_t i = 0; i < d->count; i++) {
        const tgi_result *v = &d->results[i];
        if (!has_place(d, v)) continue;
        if (v->strides)
            *b++ = (tgi_bind){i, (size_t)v->offset, v->strides, v->base, last_use(d, v->base), TGI_SHOWN};
        else
            *b++ = (tgi_bind){i, v->place, NULL, i, last_use(d, i), v->lasts ? TGI_LASTING : TGI_BLOCK};
    }
    return TG_OK;
}

tg_status tgi_place_values(tgi_draft *d) {
    block b = {.d = d};
    b.ending = tgi_arena_take(&d->arena, d->item_count * sizeof *b.ending);
    b.making = tgi_arena_take(&d->arena, d->item_count * sizeof *b.making);
    b.next_made = tgi_arena_take(&d->arena, d->count * sizeof *b.next_made);
    if (!b.ending || !b.making || !b.next_made) return TG_ERR_MEMORY;
    list_values(&b);
    tg_status status = place_all(&b);
    d->plan->block_bytes = b.bytes;
    return status ? status : fill_binds(d);
}
