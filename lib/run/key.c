/* run/key.c: a segment written out, for plans to be found by.
 *
 * A key has ops, operands, shapes, attributes, what lasts, and what operands from outside look like; numbers are operands, so their values do
 * not count. Those from outside have numbers, in the order in which the segment comes to them: where they stand does not count.
 *
 * The key of a plan that fits is never written: the segment is gone through beside it.
 *
 * SPDX-License-Identifier: MIT */
#include "run/key.h"

#include <string.h>

#include "core/tape_part.h"

tgi_key tgi_begin_key(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tape->plans.keys++;
    return (tgi_key){.tape = tape, .frame.start = start, .end = end, .limit = limit};
}

void tgi_end_key(tgi_key *k) {
    tgi_pool_give(&k->tape->pool, k->words);
    tgi_pool_give(&k->tape->pool, k->frame.outside);
}

/* `items`, of which there are `count`, in a buffer that has room for more; NULL when there is no memory. */
static void *grown(tg_tape *tape, void *items, size_t count, size_t room, size_t size) {
    void *more = tgi_pool_take(&tape->pool, room * size);
    if (!more) return NULL;
    if (count) memcpy(more, items, count * size);
    tgi_pool_give(&tape->pool, items);
    return more;
}

static uint64_t *take_words(tgi_key *k, size_t count) {
    if (k->count + count > k->room) {
        size_t    room = 2 * (k->room + count);
        uint64_t *more = grown(k->tape, k->words, k->count, room, sizeof *more);
        if (!more) return NULL;
        k->words = more;
        k->room = room;
    }
    k->count += count;
    return k->words + k->count - count;
}

/* Gives an instruction from outside its number. */
static tg_status number(tgi_key *k, uint32_t index, tgi_node *node) {
    tgi_frame *frame = &k->frame;
    if (frame->outside_count == k->outside_room) {
        uint32_t  room = 2 * k->outside_room + 16;
        uint32_t *more = grown(k->tape, frame->outside, frame->outside_count, room, sizeof *more);
        if (!more) return TG_ERR_MEMORY;
        frame->outside = more;
        k->outside_room = room;
    }
    node->key = k->tape->plans.keys;
    node->outside = frame->outside_count;
    frame->outside[frame->outside_count++] = index;
    return TG_OK;
}

/* The reference to an operand, which may be from outside: then it has a number afterwards. */
static inline tg_status refer_to(tgi_key *k, uint32_t index, tgi_ref *ref) {
    *ref = index - k->frame.start;
    if (index >= k->frame.start) return TG_OK;
    tgi_node *node = tgi_node_at(k->tape, index);
    if (node->key != k->tape->plans.keys && number(k, index, node)) return TG_ERR_MEMORY;
    *ref = TGI_OUTSIDE | node->outside;
    return TG_OK;
}

/* ---- what a key says --------------------------------------------------------------------------------------------- */

static bool is_view(const tgi_node *node) {
    return node->view && node->view->base != TGI_NONE;
}

/* An operand from outside: its type, and of a view its base and its strides. */
static size_t words_of_outside(const tgi_node *node) {
    return (2u + node->rank) * (1u + is_view(node));
}

static uint64_t type_of_outside(const tgi_key *k, const tgi_node *node) {
    bool apart = tgi_is_of_another_part(node, tgi_node_at(k->tape, k->frame.start)->part);
    return (uint64_t)node->dtype | (uint64_t)node->rank << 8 | (uint64_t)is_view(node) << 16 | (uint64_t)apart << 17;
}

static uint64_t offset_in_base(const tgi_key *k, const tgi_node *node) {
    return (uint64_t)((const char *)node->data - (const char *)tgi_node_at(k->tape, node->view->base)->data);
}

static tg_status write_outside(tgi_key *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    tgi_ref         base = 0;
    if (is_view(node) && refer_to(k, node->view->base, &base)) return TG_ERR_MEMORY;
    uint64_t *w = take_words(k, words_of_outside(node));
    if (!w) return TG_ERR_MEMORY;
    *w++ = (uint64_t)(uintptr_t)node->op;
    *w++ = type_of_outside(k, node);
    tgi_copy_sizes(node->rank, node->dims, (int64_t *)w);
    if (!is_view(node)) return TG_OK;
    w += node->rank;
    *w++ = base;
    *w++ = offset_in_base(k, node);
    tgi_copy_sizes(node->rank, node->view->strides, (int64_t *)w);
    return TG_OK;
}

/* An instruction: its op, this, how many operands it has where there may be any number, its shape, its operands, its attributes. */
static inline uint64_t properties_of(const tgi_key *k, uint32_t index, const tgi_node *node) {
    bool lasts = node->op->infer && tgi_lasts(k->tape, index, k->end, k->limit);
    return (uint64_t)node->dtype | (uint64_t)node->rank << 8 | (uint64_t)lasts << 16 | (uint64_t)node->attr_size << 32;
}

static size_t words_of_operands(const tgi_node *node) {
    return (node->count + (size_t)1) / 2;
}

static size_t words_of_attributes(const tgi_node *node) {
    return (node->attr_size + (size_t)7) / 8;
}

static size_t words_of_instruction(const tgi_node *node) {
    return 2u + (node->op->arity < 0) + node->rank + words_of_operands(node) + words_of_attributes(node);
}

static tg_status write_instruction(tgi_key *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    size_t          attr_words = words_of_attributes(node), in_words = words_of_operands(node);
    uint64_t       *w = take_words(k, words_of_instruction(node));
    if (!w) return TG_ERR_MEMORY;
    *w++ = (uint64_t)(uintptr_t)node->op;
    *w++ = properties_of(k, index, node);
    if (node->op->arity < 0) *w++ = node->count;
    tgi_copy_sizes(node->rank, node->dims, (int64_t *)w);
    w += node->rank;
    if (in_words) w[in_words - 1] = 0;
    for (uint32_t j = 0; j < node->count; j++)
        if (refer_to(k, node->in[j], (tgi_ref *)w + j)) return TG_ERR_MEMORY;
    w += in_words;
    if (attr_words) w[attr_words - 1] = 0;
    if (attr_words) memcpy(w, node->attr, node->attr_size);
    if (node->op->effect) memset(w, 0, sizeof(tgi_assign_attr)); /* the assign before says nothing of this one */
    while (k->described < k->frame.outside_count)
        if (write_outside(k, k->frame.outside[k->described++])) return TG_ERR_MEMORY;
    return TG_OK;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Two words at a time, which do not wait for each other. */
static uint64_t hash_more(uint64_t h, const uint64_t *words, size_t count) {
    uint64_t other = h >> 32;
    size_t   i = 0;
    for (; i + 2 <= count; i += 2) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
        other = (other ^ words[i + 1]) * 0xc2b2ae3d27d4eb4fu;
    }
    if (i < count) h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32 ^ other ^ other >> 29;
    return h * 0x9e3779b97f4a7c15u;
}

tg_status tgi_write_key(tgi_key *k, bool compare) {
    for (uint32_t i = k->frame.start; i < k->end; i++) {
        size_t before = k->count;
        if (write_instruction(k, i)) return tgi_out_of_memory(k->tape, "run");
        k->hash = hash_more(k->hash, k->words + before, k->count - before);
        if (!compare) k->count = 0;
    }
    return TG_OK;
}

/* ---- a key that there is ------------------------------------------------------------------------------------------- */

/* The next words of it; NULL at its end. */
static const uint64_t *next_words(tgi_key *k, size_t count) {
    if ((size_t)(k->last - k->at) < count) return NULL;
    k->at += count;
    return k->at - count;
}

/* Without memory to give it a number it is not: then the key cannot be written either, and that is the error. */
static inline bool is_reference(tgi_key *k, tgi_ref expected, uint32_t index) {
    tgi_ref ref = index - k->frame.start;
    if (index >= k->frame.start) return ref == expected;
    return !refer_to(k, index, &ref) && ref == expected;
}

static bool is_outside(tgi_key *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    int             rank = node->rank;
    bool            view = is_view(node);
    const uint64_t *w = next_words(k, words_of_outside(node));
    if (!w || w[0] != (uint64_t)(uintptr_t)node->op || w[1] != type_of_outside(k, node)) return false;
    if (!tgi_same_dims(rank, (const int64_t *)w + 2, rank, node->dims)) return false;
    w += 2 + rank;
    return !view || (is_reference(k, (tgi_ref)w[0], node->view->base) && w[1] == offset_in_base(k, node) &&
                     tgi_same_dims(rank, (const int64_t *)w + 2, rank, node->view->strides));
}

/* The assign before says nothing of this one. */
static bool has_attributes(const tgi_node *node, const uint64_t *words) {
    size_t from = node->op->effect ? sizeof(tgi_assign_attr) : 0;
    return node->attr_size <= from ||
           !memcmp((const char *)words + from, (const char *)node->attr + from, node->attr_size - from);
}

static bool has_operands(tgi_key *k, const tgi_node *node, const tgi_ref *refs) {
    for (uint32_t j = 0; j < node->count; j++)
        if (!is_reference(k, refs[j], node->in[j])) return false;
    return true;
}

static inline bool is_instruction(tgi_key *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    const tg_op    *op = node->op;
    int             rank = node->rank;
    const uint64_t *w = next_words(k, words_of_instruction(node));
    if (!w || w[0] != (uint64_t)(uintptr_t)op || w[1] != properties_of(k, index, node)) return false;
    w += 2;
    if (op->arity < 0 && *w++ != node->count) return false;
    if (rank && !tgi_same_dims(rank, (const int64_t *)w, rank, node->dims)) return false;
    w += rank;
    if (!has_operands(k, node, (const tgi_ref *)w)) return false;
    return !node->attr_size || has_attributes(node, w + words_of_operands(node));
}

bool tgi_has_key(tgi_key *k, const uint64_t *words, size_t count) {
    k->at = words;
    k->last = words + count;
    for (uint32_t i = k->frame.start; i < k->end; i++) {
        if (!is_instruction(k, i)) return false;
        while (k->described < k->frame.outside_count)
            if (!is_outside(k, k->frame.outside[k->described++])) return false;
    }
    return k->at == k->last;
}
