/* grad/sides.c: what derivatives of lists of outputs for lists of inputs begin and end with: checks, seeds, and results that are kept.
 *
 * SPDX-License-Identifier: MIT */
#include "core/loop.h"
#include "core/residency.h"
#include "grad/grad.h"
#include "ops/ops.h"

uint32_t tgi_end_of(int count, const tg_tensor *list) {
    uint32_t end = 0;
    for (int i = 0; i < count; i++)
        if (tgi_index(list[i]) >= end) end = tgi_index(list[i]) + 1;
    return end;
}

uint32_t tgi_first_of(int count, const tg_tensor *list) {
    uint32_t first = TGI_NONE;
    for (int i = 0; i < count; i++)
        if (tgi_index(list[i]) < first) first = tgi_index(list[i]);
    return first;
}

tg_status tgi_check_list(tg_tape *tape, const char *what, const char *role, int count, const tg_tensor *list) {
    if (count < 0 || (count && !list)) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%d %ss, or no array of them", count, role);
    for (int i = 0; i < count; i++) {
        const tgi_node *node = tgi_resolve(tape, list[i], what, role);
        if (!node) return tape->status;
        if (!tgi_floating((tg_dtype)node->dtype))
            return tgi_fail(tape, TG_ERR_DTYPE, what, "%s %d is %s, and only float32 and float64 have gradients", role, i,
                            tg_dtype_name((tg_dtype)node->dtype));
    }
    return TG_OK;
}

tg_status tgi_check_sides(tg_tape *tape, const char *what, int n, const tg_tensor *inputs, int m, const tg_tensor *outputs) {
    int      before = n + m;
    uint16_t part = tape->part; /* a loop may stand in the body of another */
    for (; before == n + m && part && tgi_part_at(tape, part)->loop; part = tgi_part_at(tape, part)->outer) {
        before = 0;
        for (int i = 0; i < n + m; i++)
            before += tgi_index(i < n ? inputs[i] : outputs[i - n]) < tgi_part_at(tape, part)->start;
    }
    if (before == 0 || before == n + m) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, what,
                    "some inputs and outputs stand before the loop whose body this is, and some in it: what the body reads of "
                    "the tape before it is constant in it");
}

/* The seed in the shape of what it is for: itself where it has that, but for a leaf, which may be overwritten. */
static tg_tensor seed_in_shape_of(tg_tensor seed, const tgi_node *node, tg_tensor of) {
    const tgi_node *other = tgi_node_at(of.tape, tgi_index(of));
    bool            same = tgi_same_dims(node->rank, node->dims, other->rank, other->dims);
    return same && node->op->infer ? seed : tg_broadcast_to(seed, tgi_node_shape(other));
}

tg_tensor tgi_not_a_broadcast(tg_tensor g) {
    return tgi_node_at(g.tape, tgi_index(g))->op == &tgi_broadcast_to_op ? tg_reshape(g, tg_shape_of(g)) : g;
}

tg_tensor tgi_seed_for(tg_tape *tape, const tgi_seed_names *names, tg_tensor of, const tg_tensor *seed) {
    double number;
    if (!seed) return tgi_full_like(of, 1);
    if (tgi_is_number(*seed, &number)) return tgi_full_like(of, number);
    const tgi_node *node = tgi_resolve(tape, *seed, names->call, names->seed);
    if (!node) return tgi_invalid(tape);
    if (node->dtype == tg_dtype_of(of)) return seed_in_shape_of(tgi_not_a_broadcast(*seed), node, of);
    tgi_fail(tape, TG_ERR_DTYPE, names->call, "%s is %s and its %s %s", names->seed, tg_dtype_name((tg_dtype)node->dtype),
             names->of, tg_dtype_name(tg_dtype_of(of)));
    return tgi_invalid(tape);
}

void tgi_give_results(tg_tape *tape, tg_status status, int n, tg_tensor *results) {
    for (int j = 0; results && j < n; j++)
        if (status)
            results[j] = tgi_invalid(tape);
        else if (!tape->inside)
            tgi_keep_node(tape, tgi_index(results[j]));
}
