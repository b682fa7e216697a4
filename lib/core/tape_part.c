/* core/tape_part.c: recording parts of a tape, and finding them.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape_part.h"

#include <stdlib.h>
#include <string.h>

#include "core/loop.h"
#include "core/residency.h"

/* What tg_begin_part leaves on the tape: nothing to run, but a place that a rewind can go back before. */
static const tg_op op_begin_part = {.name = "begin_part"};

static tgi_part *part_named(const tg_tape *tape, const char *name) {
    for (uint16_t i = 1; i <= tape->part_count; i++) {
        const char *its_name = tgi_part_at(tape, i)->name;
        if (!strcmp(its_name, name)) return tgi_part_at(tape, i);
    }
    return NULL;
}

tgi_part *tgi_find_part(tg_tape *tape, const char *what, const char *name) {
    tgi_part *part = name && *name ? part_named(tape, name) : NULL;
    if (!part)
        tgi_fail(tape, TG_ERR_NAME, what, "there is no part '%s'", name ? name : "(NULL)");
    else if (part->end == TGI_NONE)
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the part '%s' is still being recorded: call tg_end_part first", name);
    else
        return part;
    return NULL;
}

/* ---- recording one ----------------------------------------------------------------------------------------------- */

static bool has_room(tg_tape *tape) {
    if (tape->part_count < tape->part_room) return true;
    uint16_t  room = (uint16_t)(tape->part_room ? 2 * tape->part_room : 4);
    tgi_part *grown = tgi_memory_grow(&tape->memory, tape->parts, tape->part_room * sizeof *grown, room * sizeof *grown);
    if (!grown) return false;
    tape->parts = grown;
    tape->part_room = room;
    return true;
}

/* The instruction that begins a part, and behind it in the arena the part's name. */
static char *append_beginning(tg_tape *tape, const char *what, const char *name) {
    if (!tgi_append(tape, &op_begin_part, what)) return NULL;
    char *copy = tgi_arena_take(&tape->arena, strlen(name) + 1);
    return copy ? strcpy(copy, name) : NULL;
}

tg_status tgi_open_part(tg_tape *tape, const char *what, const char *name) {
    if (tape->part_count == UINT16_MAX / 2)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tape has no more than %d parts and loops", UINT16_MAX / 2);
    uint32_t start = tape->count;
    char    *copy = has_room(tape) ? append_beginning(tape, what, name) : NULL;
    if (!copy) {
        tgi_truncate(tape, start);
        return tgi_out_of_memory(tape, what);
    }
    tape->parts[tape->part_count++] = (tgi_part){.name = copy, .start = start, .end = TGI_NONE, .outer = tape->part};
    tape->part = tape->part_count;
    tgi_node_at(tape, start)->part = tape->part;
    return TG_OK;
}

/* Recording goes on in that part. */
static void return_to(tg_tape *tape, uint16_t part) {
    tape->part = part;
    tape->loop_start = part && tgi_part_at(tape, part)->loop ? tgi_part_at(tape, part)->start : 0;
}

void tgi_close_part(tg_tape *tape) {
    tgi_part *part = tgi_part_at(tape, tape->part);
    part->end = tape->count;
    return_to(tape, part->outer);
}

tg_status(tg_begin_part)(tg_tape *tape, const char *name) {
    static const char what[] = "begin_part";
    if (tgi_check_outside(tape, what)) return tg_error_status(tape);
    if (!name || !*name) return tgi_fail(tape, TG_ERR_NAME, what, "a part needs a name");
    if (tape->part)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the part '%s' is still being recorded: call tg_end_part first",
                        tgi_part_at(tape, tape->part)->name);
    if (part_named(tape, name)) return tgi_fail(tape, TG_ERR_NAME, what, "the name '%s' is taken", name);
    return tgi_open_part(tape, what, name) ? tape->status : tgi_done(tape, TG_OK);
}

tg_status(tg_end_part)(tg_tape *tape) {
    if (tgi_check_outside(tape, "end_part")) return tg_error_status(tape);
    if (!tape->part) return tgi_fail(tape, TG_ERR_ARGUMENT, "end_part", "no part is being recorded");
    tgi_close_part(tape);
    return tgi_done(tape, TG_OK);
}

/* ---- looking for one --------------------------------------------------------------------------------------------- */

/* How many parts begin before the instruction. */
static uint16_t parts_before(const tg_tape *tape, uint32_t index) {
    uint16_t low = 0, high = tape->part_count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (tape->parts[middle].start < index)
            low = (uint16_t)(middle + 1);
        else
            high = middle;
    }
    return low;
}

uint32_t tgi_next_part(const tg_tape *tape, uint32_t index) {
    uint16_t before = parts_before(tape, index);
    return before < tape->part_count ? tape->parts[before].start : tape->count;
}

uint32_t tgi_skip_other_parts(const tg_tape *tape, uint32_t index, uint32_t end, uint16_t part) {
    while (index < end && tgi_node_at(tape, index)->part != part) {
        const tgi_part *other = tgi_part_at(tape, tgi_node_at(tape, index)->part);
        index = other->end < end ? other->end : end;
    }
    return index;
}

tgi_plan_slot *tgi_slot_for(tg_tape *tape, uint32_t index) {
    uint16_t  part = tgi_node_at(tape, index)->part;
    tgi_part *own = part ? tgi_part_at(tape, part) : NULL;
    if (!own) return &tape->plans.slot;
    if (!own->loop || index == own->start) return &own->slot;
    uint16_t before = parts_before(tape, index);
    while (before != part && tgi_part_at(tape, before)->outer != part)
        before = tgi_part_at(tape, before)->outer;
    return before == part ? &own->slot : &tgi_part_at(tape, before)->next_slot;
}

void tgi_unbind_part(tg_tape *tape, const tgi_part *part) {
    uint16_t number = tgi_node_at(tape, part->start)->part;
    tgi_part_at(tape, number)->slot.bound = NULL;
    for (uint16_t i = (uint16_t)(number + 1); i <= tape->part_count && tgi_part_at(tape, i)->start < part->end; i++)
        tgi_part_at(tape, i)->next_slot.bound = NULL;
}

bool tgi_is_of_finished_loop(const tg_tape *tape, const tgi_node *node) {
    const tgi_part *part = node->part ? tgi_part_at(tape, node->part) : NULL;
    return part && part->loop && part->end != TGI_NONE && (node->op->infer || node->op == &tgi_loop_value);
}

void tgi_release_part(tg_tape *tape, tgi_part *part) {
    tgi_free_code(tape, part);
    tgi_index_list_free(&tape->memory, &part->reads);
    tgi_index_list_free(&tape->memory, &part->assigns);
    part->is_listed = false;
}

/* Captures are in the arena, behind what stands for the value. */
static void truncate_part(tg_tape *tape, tgi_part *part, uint32_t count) {
    if (part->loop)
        for (; part->loop->captures && part->loop->captures->inner >= count; part->loop->captured--)
            part->loop->captures = part->loop->captures->previous;
    if (part->end == TGI_NONE || part->end <= count) return;
    tgi_release_part(tape, part);
    part->end = count;
    part->slot.bound = part->next_slot.bound = NULL;
}

void tgi_truncate_parts(tg_tape *tape, uint32_t count) {
    while (tape->part && tgi_part_at(tape, tape->part)->start >= count)
        return_to(tape, tgi_part_at(tape, tape->part)->outer);
    while (tape->part_count && tape->parts[tape->part_count - 1].start >= count)
        tgi_release_part(tape, &tape->parts[--tape->part_count]);
    for (uint16_t i = tape->part_count; i > 0; i = tgi_part_at(tape, i)->outer)
        truncate_part(tape, tgi_part_at(tape, i), count);
}
