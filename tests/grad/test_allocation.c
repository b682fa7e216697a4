/* tests/grad/test_allocation.c: loops and their derivatives, and sparse derivatives, without memory.
 *
 * Each is recorded, differentiated and run while one allocation after the other fails. Each time there is an error that says so at the
 * line in this file; after it the same tape gives the same bits, and in the end nothing has leaked.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tapegrad.h>

#include "allocation.h"

enum { WIDTH = 20, STEPS = 6, LEAVES = 3 };

/* A loop in the step, of as many steps as the step's input has elements; context: what both capture. */
static void inner(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)y;
    state[0] = tg_tanh(tg_add(tg_mul(state[0], *(tg_tensor *)context), x[0]));
}

static void nested(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_scan(tape,
            &(tg_loop_spec){.body = inner, .context = context, .steps = 2, .states = 1, .inputs = 1, .state = state, .x = x});
    y[0] = tg_mul(state[0], *(tg_tensor *)context);
}

static tg_tensor is_small(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_lt(tg_sum(tg_square(state[0])), 100);
}

/* The loss of a loop of the given memory, with a condition or without, and sums of the squares of its first and second derivatives. */
typedef struct way {
    size_t             memory;
    tg_loop_condition *condition;
} way;

static void work(tg_tape *tape, way w, double found[3]) {
    memset(found, 0, 3 * sizeof *found);
    tg_tensor leaf[LEAVES] = {tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(WIDTH), 0.7)),
                              tg_parameter(tape, "h", tg_full(tape, TG_F64, TG_SHAPE(WIDTH), 0.2)),
                              tg_parameter(tape, "x", tg_full(tape, TG_F64, TG_SHAPE(STEPS, 2, WIDTH), 0.1))};
    tg_tensor g[LEAVES], hv[LEAVES], h = leaf[1], y, done, sums[3];
    tg_scan(tape, &(tg_loop_spec){.body = nested,
                                  .context = &leaf[0],
                                  .steps = STEPS,
                                  .states = 1,
                                  .inputs = 1,
                                  .outputs = 1,
                                  .state = &h,
                                  .x = &leaf[2],
                                  .y = &y,
                                  .memory = w.memory,
                                  .condition = w.condition,
                                  .done = &done});
    sums[0] = tg_add(tg_add(tg_sum(tg_square(y)), tg_sum(h)), tg_cast(done, TG_F64));
    tg_vjp(tape, 1, sums, NULL, LEAVES, leaf, g);
    tg_hvp(sums[0], LEAVES, leaf, NULL, hv);
    sums[1] = tg_add(tg_add(tg_sum(tg_square(g[0])), tg_sum(tg_square(g[1]))), tg_sum(tg_square(g[2])));
    sums[2] = tg_add(tg_add(tg_sum(tg_square(hv[0])), tg_sum(tg_square(hv[1]))), tg_sum(tg_square(hv[2])));
    for (int i = 0; i < 2; i++)
        tg_run(tape); /* the second time by what the first one has found out */
    for (int i = 0; i < 3 && !tg_error_status(tape); i++)
        found[i] = tg_item(sums[i]);
}

/* Whether an allocation failed: then the error is the right one, and the work done again gives what was expected. */
static bool recovers(tg_tape *tape, way w, const double expected[3], double found[3], long failure) {
    bool failed = tg_error_status(tape) != TG_OK;
    if (failed) {
        unwatched(ck_assert_msg(tg_error_status(tape) == TG_ERR_MEMORY && strstr(tg_error(tape), "test_allocation.c:"),
                                "failure %ld: %s", failure, tg_error(tape)));
        tg_clear_error(tape);
        tg_rewind(tape, (tg_mark){.tape = tape});
        work(tape, w, found);
    }
    unwatched(ck_assert_msg(!memcmp(found, expected, 3 * sizeof *found), "failure %ld: %s", failure, tg_error(tape)));
    return failed;
}

START_TEST(loops_recover_whichever_allocation_fails) {
    watch();
    way      w = {.memory = _i % 2 ? 1 : 0, .condition = _i > 1 ? is_small : NULL};
    double   expected[3], found[3];
    long     failures = 0;
    tg_tape *undisturbed = tg_tape_new();
    work(undisturbed, w, expected);
    unwatched(ck_assert_str_eq(tg_error(undisturbed), ""));
    unwatched(ck_assert(expected[0] > 0 && expected[1] > 0 && expected[2] > 0));
    tg_tape_free(undisturbed);
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        tg_tape *tape = tg_tape_new();
        if (!tape) continue;
        work(tape, w, found);
        failed = until_failure == 0;
        until_failure = 0;
        bool reported = recovers(tape, w, expected, found, failures);
        unwatched(ck_assert_msg(reported == failed, "failure %ld is not reported", failures));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 50));
}
END_TEST

/* ---- sparse derivatives ------------------------------------------------------------------------------------------------ */

enum { UNKNOWNS = 40, MOST = UNKNOWNS * 8 };

/* The entries of a Jacobian and of a Hessian, with an index that is computed, parts, joins, sums and products. */
static void derive_sparse(tg_tape *tape, double *found) {
    tg_tensor x = tg_parameter(tape, "x", tg_full(tape, TG_F64, TG_SHAPE(UNKNOWNS), 0.7)), square;
    tg_tensor at = tg_sub(UNKNOWNS - 1, tg_arange(tape, TG_I64, 0, UNKNOWNS, 1)), y, m;
    y = tg_mul(tg_take(x, at, 0), tg_exp(tg_pad(tg_slice(x, 0, 1, UNKNOWNS, 1), 0, 0, 1, TG_PAD_CONSTANT, 1)));
    m = tg_reshape(y, TG_SHAPE(UNKNOWNS / 4, 2, 2));
    square = tg_matmul(m, m);
    tg_tensor sums = tg_sum_axes(tg_reshape(y, TG_SHAPE(UNKNOWNS / 2, 2)), TG_AXES(1), false);
    tg_tensor rows = tg_concat(TG_LIST(tg_reshape(square, TG_SHAPE(UNKNOWNS)), sums), 0);
    tg_csr    csr[2];
    int64_t   count = 0;
    memset(found, 0, 2 * MOST * sizeof *found);
    tg_sparse_jacobian(tape, 1, &rows, 1, &x, &csr[0]);
    tg_sparse_hessian(tg_sum(tg_square(y)), 1, &x, &csr[1]);
    for (int i = 0; i < 2 && !tg_error_status(tape); i++) {
        if (count + csr[i].entries <= 2 * MOST) tg_read(csr[i].values, found + count, csr[i].entries);
        count += csr[i].entries;
    }
}

/* ---- many at once ------------------------------------------------------------------------------------------------------ */

enum { MAP_PARTS = 6, MAP_SIZE = 4, MAPPED = MAP_PARTS * MAP_SIZE };

static void part_of_map(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = context;
    (void)tape;
    tg_tensor h = tg_tanh(tg_matmul(*w, x[0]));
    y[0] = tg_add(tg_concat(TG_LIST(tg_slice(h, 0, 1, MAP_SIZE, 1), tg_slice(h, 0, 0, 1, 1)), 0), tg_take(h, x[1], 0));
}

/* A map and a Jacobian, with a product, and parts whose gradients are added. */
static void map_and_derive(tg_tape *tape, double *found) {
    tg_tensor w = tg_mul(0.1, tg_reshape(tg_arange(tape, TG_F64, 0, MAP_SIZE * MAP_SIZE, 1), TG_SHAPE(MAP_SIZE, MAP_SIZE)));
    tg_tensor x = tg_reshape(tg_mul(0.2, tg_arange(tape, TG_F64, 0, MAPPED, 1)), TG_SHAPE(MAP_PARTS, MAP_SIZE));
    tg_tensor in[] = {x, tg_remainder(tg_mul(tg_arange(tape, TG_I64, 0, MAP_PARTS, 1), 3), MAP_SIZE)}, y = tg_num(0);
    tg_map(tape, part_of_map, &w, 0, 2, in, 1, &y);
    if (!tg_error_status(tape)) tg_read(y, found, MAPPED);
    if (!tg_error_status(tape)) tg_read_jacobian(y, w, found + MAPPED, MAPPED * MAP_SIZE * MAP_SIZE);
}

/* ---- whichever fails --------------------------------------------------------------------------------------------------- */

/* The error is the right one, and the work done again gives what it gives undisturbed. */
static void check_each_failure(void (*perform)(tg_tape *tape, double *found)) {
    static double expected[2 * MOST], found[2 * MOST];
    long          failures = 0;
    tg_tape      *undisturbed = tg_tape_new();
    perform(undisturbed, expected);
    unwatched(ck_assert_str_eq(tg_error(undisturbed), ""));
    tg_tape_free(undisturbed);
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        tg_tape *tape = tg_tape_new();
        if (!tape) continue;
        perform(tape, found);
        failed = until_failure == 0;
        until_failure = 0;
        if (failed) {
            unwatched(ck_assert_msg(tg_error_status(tape) == TG_ERR_MEMORY && strstr(tg_error(tape), "test_allocation.c:"),
                                    "failure %ld: %s", failures, tg_error(tape)));
            tg_clear_error(tape);
            tg_rewind(tape, (tg_mark){.tape = tape});
            perform(tape, found);
        }
        unwatched(ck_assert_msg(!memcmp(found, expected, sizeof found), "failure %ld: %s", failures, tg_error(tape)));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 50));
}

START_TEST(derivatives_recover_whichever_allocation_fails) {
    watch();
    check_each_failure(_i ? map_and_derive : derive_sparse);
}
END_TEST

TCase *loop_allocation(void) {
    TCase *tcase = tcase_create("loops");
    tcase_add_loop_test(tcase, derivatives_recover_whichever_allocation_fails, 0, 2);
    tcase_add_loop_test(tcase, loops_recover_whichever_allocation_fails, 0, 4);
    return tcase;
}
