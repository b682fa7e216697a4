/* core/label.c: names of instructions.
 *
 * Inputs and parameters have names of their own, by which they are found. All other names are few and for people: a list in the
 * arena, newest first, which a rewind cuts back.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/tape.h"

const char *tgi_name_of(const tg_tape *tape, const tgi_node *node) {
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (leaf && leaf->name) return leaf->name;
    const tgi_label *label = tape->labels;
    while (label && label->node != node)
        label = label->previous;
    return label ? label->name : NULL;
}

const char *tg_name(tg_tensor x) {
    if (!tgi_tape_of(x) || !tg_valid(x)) return NULL;
    return tgi_name_of(x.tape, tgi_node_at(x.tape, tgi_index(x)));
}

tg_status(tg_set_name)(tg_tensor x, const char *name) {
    static const char what[] = "set_name";
    tg_tape          *tape = tgi_tape_of(x);
    const tgi_node   *node = tgi_check(tape) ? NULL : tgi_resolve(tape, x, what, "the tensor");
    if (!node) return tg_error_status(tape);
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (leaf && leaf->name)
        return tgi_fail(tape, TG_ERR_NAME, what, "'%s' keeps the name that it was recorded with", leaf->name);
    size_t     bytes = name ? strlen(name) + 1 : 0;
    tgi_label *label = tgi_arena_take(&tape->arena, sizeof *label + bytes);
    if (!label) return tgi_out_of_memory(tape, what);
    *label = (tgi_label){.node = node, .count = tape->count, .previous = tape->labels};
    if (name) label->name = memcpy(label + 1, name, bytes);
    tape->labels = label;
    return tgi_done(tape, TG_OK);
}
