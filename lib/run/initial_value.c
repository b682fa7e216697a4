/* run/initial_value.c: the values that parameters begin with.
 *
 * A parameter's initial value is often a large constant, or a formula of constants, that nobody looks at again. When it is the last thing on
 * the tape, and it and what it is made of can be made again (filled, drawn from the same state of the generator, computed from
 * constants), then the parameter takes over its memory, and all that it is made of is dropped. A dropped value has no memory, and
 * does not run; the first use of its handle makes it again, so that nobody can tell.
 *
 * SPDX-License-Identifier: MIT */
#include "run/initial_value.h"

#include "core/residency.h"
#include "core/tape_part.h"
#include "run/run.h"

enum { MOST = 16 }; /* instructions of a formula */

static bool can_be_made_again(const tgi_node *node) {
    if (node->op == &tgi_number) return true;
    if (!node->op->infer) return tgi_leaf_of(node) && tgi_leaf_of(node)->recipe;
    return !node->op->kernel && !node->op->effect && !node->op->random && !node->requires_grad;
}

/* Where the instructions begin that the last one is made of, all after one another: nothing else on the tape reads them. */
static uint32_t start_of_formula(const tg_tape *tape, uint32_t last) {
    bool     used[MOST] = {true}; /* by its distance from the last one */
    uint32_t i = last;
    for (; last - i < MOST && used[last - i] && can_be_made_again(tgi_node_at(tape, i)); i--) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (last - node->in[j] < MOST) used[last - node->in[j]] = true;
        if (i == 0) return 0;
    }
    return i + 1;
}

/* What they read of others must be constants. */
static bool is_closed(const tg_tape *tape, uint32_t first, uint32_t last) {
    for (uint32_t i = first; i <= last; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++) {
            const tg_op *op = tgi_node_at(tape, node->in[j])->op;
            if (node->in[j] < first && op != &tgi_constant && op != &tgi_number) return false;
        }
    }
    return first <= last;
}

bool tgi_can_take_over(const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    bool            large = tgi_is_owned(node) && tgi_node_bytes(node) >= TGI_LARGE_VALUE;
    return large && index + 1 == tape->count && !tape->part && !tape->eager &&
           is_closed(tape, start_of_formula(tape, index), index);
}

/* Nothing may need so much memory again. */
void tgi_drop_formula(tg_tape *tape, uint32_t last) {
    bool trim = false;
    for (uint32_t first = start_of_formula(tape, last), i = first; i <= last; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        trim |= tgi_is_owned(node);
        if (node->op != &tgi_number) tgi_release_value(tape, node);
        tgi_set_dropped(node, true);
    }
    if (trim) tgi_pool_trim(&tape->pool, TGI_LARGE_VALUE);
    tgi_slot_for(tape, last)->bound = NULL;
    tape->keeps++;
}

static tg_status make_again(tg_tape *tape, uint32_t index) {
    tgi_node       *node = tgi_node_at(tape, index);
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (leaf && tgi_allocate_value(tape, node)) return tape->status;
    if (leaf) leaf->recipe->make(leaf->recipe, node);
    tgi_set_dropped(node, false);
    return leaf ? TG_OK : tgi_run_instruction(tape, index);
}

tg_status tgi_restore_value(tg_tape *tape, uint32_t index) {
    tg_scope call = {.file = tape->file, .line = tape->line};
    uint32_t first = index;
    while (first > 0 && tgi_is_dropped(tgi_node_at(tape, first - 1)))
        first--;
    for (uint32_t i = first; i <= index; i++)
        if (make_again(tape, i)) return tape->status;
    tape->keeps++;
    tgi_resume(tape, call);
    return TG_OK;
}
