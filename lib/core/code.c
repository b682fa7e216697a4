/* core/code.c: giving back the compiled code of a part.
 *
 * SPDX-License-Identifier: MIT */
#include "core/code.h"

#include "core/residency.h"
#include "core/tape_part.h"

/* What was cut off the tape has no value any more. */
static void forget_values(tg_tape *tape, const tgi_code *code) {
    for (uint32_t k = 0; k < code->given_count && code->given[k].index < tape->count; k++) {
        tgi_node *node = tgi_node_at(tape, code->given[k].index);
        tgi_set_absent(node);
        node->data = NULL;
        tape->moves++;
    }
}

void tgi_free_code(tg_tape *tape, tgi_part *part) {
    tgi_code *code = part->code;
    if (!code) return;
    part->code = NULL;
    if (code->is_bound) {
        forget_values(tape, code);
        part->has_run = false;
    }
    tgi_pool_give(&tape->pool, code->block);
    tgi_pool_give(&tape->pool, code->work);
    if (code->object && --code->object->users == 0) {
        code->object->unload(code->object->handle);
        tgi_memory_give(&tape->memory, code->object, sizeof *code->object);
    }
    tgi_arena arena = code->arena; /* it holds the code itself */
    tgi_arena_free(&arena);
}
