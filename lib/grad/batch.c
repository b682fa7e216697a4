/* grad/batch.c: the same for each part along an axis: functions, and derivatives for several seeds. All are loops without states.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/grad.h"
#include "grad/loop_op.h"
#include "ops/ops.h"

/* ---- functions --------------------------------------------------------------------------------------------------- */

typedef struct mapping {
    tg_map_body *body;
    void        *context;
} mapping;

static void map_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const mapping *map = context;
    (void)state;
    map->body(tape, x, y, map->context);
}

static tg_tensor with_axis_first(tg_tensor x, int axis) {
    int order[TG_MAX_RANK], rank = tg_shape_of(x).rank;
    for (int i = 0; i < rank; i++)
        order[i] = i == 0 ? axis : i - (i <= axis);
    return tg_permute(x, tg_axes_from(rank, order));
}

/* Puts the axis first; returns its size, which all must have. */
static int64_t bring_forward(tg_tape *tape, int axis, int n, const tg_tensor *x, tg_tensor *moved) {
    int64_t size = -1;
    for (int j = 0; j < n; j++) {
        int from = tgi_resolve_axis(x[j], "map", axis);
        if (from < 0) return -1;
        int64_t its_size = tg_shape_of(x[j]).dims[from];
        if (j == 0) size = its_size;
        if (its_size != size) {
            tg_fail(tape, TG_ERR_SHAPE, "map", "operand %d has %lld parts along the axis, and the first one %lld", j,
                    (long long)its_size, (long long)size);
            return -1;
        }
        moved[j] = with_axis_first(x[j], from);
    }
    return tg_error_status(tape) ? -1 : size;
}

static tg_status record_map(tg_tape *tape, const mapping *map, int axis, int n, const tg_tensor *x, int m, tg_tensor *y) {
    tg_tensor *moved = tgi_pool_take(&tape->pool, (size_t)n * sizeof *moved);
    if (!moved) return tgi_out_of_memory(tape, "map");
    int64_t      steps = bring_forward(tape, axis, n, x, moved);
    tg_loop_spec loop =
        {.body = map_step, .context = (void *)map, .steps = steps, .inputs = n, .outputs = m, .x = moved, .y = y};
    if (steps >= 0) tgi_map(tape, &loop);
    tgi_pool_give(&tape->pool, moved);
    return tape->status;
}

static tg_status check_map(tg_tape *tape, const mapping *map, int n, const tg_tensor *x, int m, const tg_tensor *y) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (!map->body || n < 1 || !x || m < 1 || !y)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "map", "no function, or no arrays of %d operands and %d results", n, m);
    return TG_OK;
}

tg_status(tg_map)(tg_tape *tape, tg_map_body *body, void *context, int axis, int n, const tg_tensor *x, int m, tg_tensor *y) {
    mapping   map = {body, context};
    tg_status status = check_map(tape, &map, n, x, m, y);
    if (!status) {
        tg_scope scope = tg_begin_scope(tape, "map");
        record_map(tape, &map, axis, n, x, m, y);
        status = tg_end_scope(scope);
    }
    tgi_give_results(tape, status, m, y);
    return status;
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

/* A vjp has seeds of its outputs, a jvp tangents of its inputs. */
typedef struct products {
    const char      *what, *role;
    bool             forward;
    int              seed_count, result_count;
    const tg_tensor *seeded, *wanted;
} products;

static void products_step(tg_tape *tape, tg_tensor *state, const tg_tensor *seed, tg_tensor *result, void *context) {
    const products *p = context;
    (void)state;
    if (p->forward)
        tg_jvp(tape, p->seed_count, p->seeded, seed, p->result_count, p->wanted, result);
    else
        tg_vjp(tape, p->seed_count, p->seeded, seed, p->result_count, p->wanted, result);
}

static tg_status check_seed(tg_tape *tape, const products *p, int64_t count, int i, tg_tensor seed) {
    char     text[2][TG_SHAPE_TEXT];
    tg_shape of = tg_shape_of(p->seeded[i]), expected = {.rank = of.rank + 1, .dims = {count}};
    if (tg_check_tensor(tape, p->what, p->role, seed)) return tg_error_status(tape);
    if (of.rank == TG_MAX_RANK) return tgi_fail(tape, TG_ERR_SHAPE, p->what, "there is no axis left for the %ss", p->role + 4);
    memcpy(expected.dims + 1, of.dims, (size_t)of.rank * sizeof *of.dims);
    if (tg_shape_equal(tg_shape_of(seed), expected)) return TG_OK;
    return tgi_fail(tape, TG_ERR_SHAPE, p->what, "%s %d is %s, not %s", p->role, i, tg_shape_text(text[0], tg_shape_of(seed)),
                    tg_shape_text(text[1], expected));
}

static tg_status record_products(tg_tape *tape, const products *p, int64_t count, const tg_tensor *seeds, tg_tensor *results) {
    tg_status    status = tgi_check(tape);
    tg_loop_spec loop = {.body = products_step,
                         .context = (void *)p,
                         .steps = count,
                         .inputs = p->seed_count,
                         .outputs = p->result_count,
                         .x = seeds,
                         .y = results};
    if (!status && (p->seed_count < 1 || p->result_count < 1 || !seeds || !results || count < 0))
        status = tgi_fail(tape, TG_ERR_ARGUMENT, p->what, "%lld times %d inputs or outputs, or no array of them",
                          (long long)count, p->seed_count < 1 ? p->seed_count : p->result_count);
    if (!status) status = tgi_check_list(tape, p->what, p->forward ? "input" : "output", p->seed_count, p->seeded);
    if (!status) status = tgi_check_list(tape, p->what, p->forward ? "output" : "input", p->result_count, p->wanted);
    for (int i = 0; i < p->seed_count && !status; i++)
        status = check_seed(tape, p, count, i, seeds[i]);
    if (!status) {
        tg_scope scope = tgi_begin_derivative(tape, p->what);
        tgi_map(tape, &loop);
        status = tg_end_scope(scope);
    }
    if (results) tgi_give_results(tape, status, p->result_count, results);
    return status;
}

tg_status(tg_vjp_batch)(tg_tape *tape, int64_t count, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n,
                        const tg_tensor *inputs, tg_tensor *grads) {
    products p = {"vjp_batch", "the seed", false, m, n, outputs, inputs};
    return record_products(tape, &p, count, seeds, grads);
}

tg_status(tg_jvp_batch)(tg_tape *tape, int64_t count, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m,
                        const tg_tensor *outputs, tg_tensor *results) {
    products p = {"jvp_batch", "the tangent", true, n, m, inputs, outputs};
    return record_products(tape, &p, count, tangents, results);
}
