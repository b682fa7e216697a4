/* core/tape_part.c: parts of a tape, which run when they are called for.
 *
 * A part is a range of instructions: it begins with one that says so, and ends where the next instruction is that of another or of none.
 * The number of its part stands in each instruction.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

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
    tgi_part *part = name ? part_named(tape, name) : NULL;
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
static char *append_beginning(tg_tape *tape, const char *name) {
    if (!tgi_append(tape, &op_begin_part)) return NULL;
    char *copy = tgi_arena_take(&tape->arena, strlen(name) + 1);
    return copy ? strcpy(copy, name) : NULL;
}

tg_status(tg_begin_part)(tg_tape *tape, const char *name) {
    static const char what[] = "begin_part";
    if (tgi_check_outside(tape, what)) return tg_error_status(tape);
    if (!name || !*name) return tgi_fail(tape, TG_ERR_NAME, what, "a part needs a name");
    if (tape->part)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the part '%s' is still being recorded: call tg_end_part first",
                        tgi_part_at(tape, tape->part)->name);
    if (part_named(tape, name)) return tgi_fail(tape, TG_ERR_NAME, what, "the name '%s' is taken", name);
    if (tape->part_count == UINT16_MAX / 2)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tape has no more than %d parts", UINT16_MAX / 2);
    uint32_t start = tape->count;
    char    *copy = has_room(tape) ? append_beginning(tape, name) : NULL;
    if (!copy) {
        tgi_truncate(tape, start);
        return tgi_out_of_memory(tape, what);
    }
    tape->parts[tape->part_count++] = (tgi_part){.name = copy, .start = start, .end = TGI_NONE};
    tape->part = tape->part_count;
    tgi_node_at(tape, start)->part = tape->part;
    return tgi_done(tape, TG_OK);
}

tg_status(tg_end_part)(tg_tape *tape) {
    if (tgi_check_outside(tape, "end_part")) return tg_error_status(tape);
    if (!tape->part) return tgi_fail(tape, TG_ERR_ARGUMENT, "end_part", "no part is being recorded");
    tgi_part_at(tape, tape->part)->end = tape->count;
    tape->part = 0;
    return tgi_done(tape, TG_OK);
}

/* ---- looking for one --------------------------------------------------------------------------------------------- */

uint32_t tgi_next_part(const tg_tape *tape, uint32_t index) {
    for (uint16_t i = 0; i < tape->part_count; i++)
        if (tape->parts[i].start >= index) return tape->parts[i].start;
    return tape->count;
}

tgi_plan_slot *tgi_slot_for(tg_tape *tape, uint32_t index) {
    uint16_t part = tgi_node_at(tape, index)->part;
    return part ? &tgi_part_at(tape, part)->slot : &tape->plans.slot;
}

void tgi_truncate_parts(tg_tape *tape, uint32_t count) {
    while (tape->part_count && tape->parts[tape->part_count - 1].start >= count)
        tape->part_count--;
    if (tape->part > tape->part_count) tape->part = 0;
    tgi_part *last = tape->part_count ? &tape->parts[tape->part_count - 1] : NULL;
    if (!last || last->end == TGI_NONE || last->end <= count) return;
    last->end = count;
    last->slot.bound = NULL;
}
