/* grad/sets.c: the members of all sets lie in one array, in the order in which the sets were made. A new set is written behind them,
 * and stays there unless it is known already.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/sets.h"

#include <string.h>

/* Room for so many sets in the beginning, and for as many members. */
enum { FIRST_ROOM = 1 << 10 };

static bool make_room(tgi_sets *sets, size_t members) {
    tgi_memory *memory = &sets->tape->memory;
    size_t      needed = sets->start[sets->count] + members;
    if (sets->count + 2 > sets->set_room) {
        size_t *start =
            tgi_memory_grow(memory, sets->start, sets->set_room * sizeof *start, 2 * sets->set_room * sizeof *start);
        if (!start) return false;
        sets->start = start;
        sets->set_room *= 2;
    }
    if (needed > sets->member_room) {
        size_t    room = needed > 2 * sets->member_room ? needed : 2 * sets->member_room;
        uint32_t *member = tgi_memory_grow(memory, sets->member, sets->member_room * sizeof *member, room * sizeof *member);
        if (!member) return false;
        sets->member = member;
        sets->member_room = room;
    }
    return true;
}

static size_t words_of(const tgi_sets *sets) {
    return (size_t)sets->columns / 64 + 1;
}

tg_status tgi_make_sets(tgi_sets *sets, tg_tape *tape, uint32_t columns) {
    tgi_memory *memory = &tape->memory;
    size_t      room = (size_t)columns + FIRST_ROOM;
    *sets = (tgi_sets){.tape = tape, .columns = columns, .set_room = room, .member_room = room, .low = SIZE_MAX};
    sets->unions.memory = sets->by_content.memory = memory;
    sets->start = tgi_memory_take(memory, room * sizeof *sets->start);
    sets->member = tgi_memory_take(memory, room * sizeof *sets->member);
    sets->taken = tgi_memory_take(memory, words_of(sets) * sizeof *sets->taken);
    if (!sets->start || !sets->member || !sets->taken) return tgi_out_of_memory(tape, "sparse");
    memset(sets->taken, 0, words_of(sets) * sizeof *sets->taken);
    sets->start[0] = 0;
    for (uint32_t j = 0; j < columns; j++) {
        sets->start[1 + j] = j;
        sets->member[j] = j;
    }
    sets->count = columns + 1;
    sets->start[sets->count] = columns;
    return TG_OK;
}

void tgi_free_sets(tgi_sets *sets) {
    if (!sets->tape) return;
    tgi_memory *memory = &sets->tape->memory;
    if (sets->start) tgi_memory_give(memory, sets->start, sets->set_room * sizeof *sets->start);
    if (sets->member) tgi_memory_give(memory, sets->member, sets->member_room * sizeof *sets->member);
    if (sets->taken) tgi_memory_give(memory, sets->taken, words_of(sets) * sizeof *sets->taken);
    tgi_pairs_free(&sets->unions);
    tgi_pairs_free(&sets->by_content);
    *sets = (tgi_sets){0};
}

/* ---- a set that was written behind the others --------------------------------------------------------------------- */

static uint32_t out_of_memory(const tgi_sets *sets) {
    tgi_out_of_memory(sets->tape, "sparse");
    return 0;
}

static uint64_t hash_of(size_t size, const uint32_t *member) {
    uint64_t hash = size;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ member[i]) * UINT64_C(0x100000001b3) ^ hash >> 29;
    return hash;
}

static bool has_members(const tgi_sets *sets, uint32_t set, size_t size, const uint32_t *member) {
    return tgi_set_size(sets, set) == size && !memcmp(tgi_set_members(sets, set), member, size * sizeof *member);
}

/* The number of the set with the `size` members behind those of the last set: it may be known. Sets with one hash follow one another. */
static uint32_t number_of(tgi_sets *sets, size_t size) {
    const uint32_t *member = sets->member + sets->start[sets->count];
    uint64_t        hash = hash_of(size, member);
    uint32_t        set;
    if (size <= 1) return size ? member[0] + 1 : 0;
    for (; (set = tgi_pair_value(&sets->by_content, hash)); hash++)
        if (has_members(sets, set, size, member)) return set;
    if (sets->count == TGI_MOST_SETS || !tgi_pair_set(&sets->by_content, hash, sets->count)) return out_of_memory(sets);
    set = sets->count++;
    sets->start[sets->count] = sets->start[set] + size;
    return set;
}

/* ---- unions ------------------------------------------------------------------------------------------------------- */

/* Merges the members behind those of the last set; returns how many there are. */
static size_t merge(const tgi_sets *sets, uint32_t a, uint32_t b, uint32_t *to) {
    const uint32_t *x = tgi_set_members(sets, a), *x_end = x + tgi_set_size(sets, a), *y = tgi_set_members(sets, b),
                   *y_end = y + tgi_set_size(sets, b), *first = to;
    while (x < x_end && y < y_end) {
        uint32_t next = *x < *y ? *x : *y;
        x += *x == next;
        y += *y == next;
        *to++ = next;
    }
    while (x < x_end)
        *to++ = *x++;
    while (y < y_end)
        *to++ = *y++;
    return (size_t)(to - first);
}

uint32_t tgi_unite(tgi_sets *sets, uint32_t a, uint32_t b) {
    if (a == b || !b) return a;
    if (!a) return b;
    uint64_t key = a < b ? tgi_pair(a, b) : tgi_pair(b, a);
    uint32_t set = tgi_pair_value(&sets->unions, key);
    if (set) return set;
    if (!make_room(sets, tgi_set_size(sets, a) + tgi_set_size(sets, b))) return out_of_memory(sets);
    set = number_of(sets, merge(sets, a, b, sets->member + sets->start[sets->count]));
    if (set && !tgi_pair_set(&sets->unions, key, set)) return out_of_memory(sets);
    return set;
}

static void mark_members(tgi_sets *sets, uint32_t set) {
    const uint32_t *member = tgi_set_members(sets, set);
    size_t          size = tgi_set_size(sets, set);
    if (!size) return;
    for (size_t i = 0; i < size; i++)
        sets->taken[member[i] / 64] |= UINT64_C(1) << member[i] % 64;
    if (member[0] / 64 < sets->low) sets->low = member[0] / 64;
    if (member[size - 1] / 64 >= sets->high) sets->high = member[size - 1] / 64 + 1;
}

void tgi_add_to_union(tgi_sets *sets, uint32_t set) {
    uint32_t few = sets->few_count;
    for (uint32_t i = few; i-- > 0;)
        if (sets->few[i] == set) return;
    if (few < TGI_FEW_SETS) {
        sets->few[sets->few_count++] = set;
        return;
    }
    bool are_marked = sets->high > 0;
    for (uint32_t i = 0; i < few && !are_marked; i++)
        mark_members(sets, sets->few[i]);
    mark_members(sets, set);
}

/* Writes the marked columns behind the members of the last set, and takes the marks away. */
static size_t take_marked(tgi_sets *sets, uint32_t *to) {
    uint32_t *first = to;
    for (size_t w = sets->low; w < sets->high; w++) {
        for (uint64_t word = sets->taken[w]; word; word &= word - 1)
            *to++ = (uint32_t)(64 * w) + (uint32_t)__builtin_ctzll(word);
        sets->taken[w] = 0;
    }
    sets->low = SIZE_MAX;
    sets->high = 0;
    return (size_t)(to - first);
}

static uint32_t union_of_marked(tgi_sets *sets) {
    size_t size = 0;
    for (size_t w = sets->low; w < sets->high; w++)
        size += (size_t)__builtin_popcountll(sets->taken[w]);
    if (!make_room(sets, size)) return out_of_memory(sets);
    return number_of(sets, take_marked(sets, sets->member + sets->start[sets->count]));
}

uint32_t tgi_end_union(tgi_sets *sets) {
    uint32_t set = 0, few = sets->few_count;
    sets->few_count = 0;
    if (sets->high) return union_of_marked(sets);
    for (uint32_t i = 0; i < few; i++)
        set = tgi_unite(sets, set, sets->few[i]);
    return set;
}
