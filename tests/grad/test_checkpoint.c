/* tests/grad/test_checkpoint.c: segments that are computed again: the same gradients, in less memory.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "core/residency.h"
#include "ops/values.h"

/* ---- a chain of layers ------------------------------------------------------------------------------------------- */

enum { LAYERS = 64, SEGMENT = 8, WIDTH = 32, ROWS = 128 };

/* x[0] goes through the layers whose weights follow it. */
static tg_tensor go_through(const tg_tensor *x, void *count) {
    tg_tensor y = x[0];
    for (int i = 1; i <= *(int *)count; i++)
        y = tg_tanh(tg_matmul(y, x[i]));
    return y;
}

typedef struct chain {
    tg_tape  *tape;
    tg_tensor w[LAYERS], loss;
} chain;

/* The last segment is differentiated first, so that it need not be computed again. */
static chain new_chain(bool checkpoints) {
    static int segment = SEGMENT;
    chain      c = {.tape = tg_tape_new()};
    char       name[16];
    tg_seed(c.tape, 1);
    tg_tensor x[1 + SEGMENT] = {tg_randn(c.tape, TG_F32, TG_SHAPE(ROWS, WIDTH))};
    for (int i = 0; i < LAYERS; i++) {
        snprintf(name, sizeof name, "w%d", i);
        c.w[i] = tg_parameter(c.tape, name, tg_mul(0.2, tg_randn(c.tape, TG_F32, TG_SHAPE(WIDTH, WIDTH))));
    }
    tg_set_keep(c.tape, TG_KEEP_ASKED);
    for (int i = 0; i < LAYERS; i += SEGMENT) {
        memcpy(x + 1, c.w + i, SEGMENT * sizeof *x);
        x[0] = checkpoints && i + SEGMENT < LAYERS ? tg_checkpoint(c.tape, go_through, &segment, 1 + SEGMENT, x)
                                                   : go_through(x, &segment);
    }
    c.loss = tg_sum(tg_square(x[0]));
    ck_assert(!tg_backward(c.loss) && !tg_keep(c.loss));
    return c;
}

/* What the values of the chain take, beside the weights and their gradients. */
static int64_t memory_of(const chain *c) {
    return (int64_t)tg_stats(c->tape).block_bytes;
}

START_TEST(a_long_chain_needs_a_quarter_of_the_memory_and_gives_the_same_bits) {
    static float one[WIDTH * WIDTH], other[WIDTH * WIDTH];
    chain        plain = new_chain(false), saving = new_chain(true);
    ck_assert(!tg_run(plain.tape) && !tg_run(saving.tape));
    ck_assert(tg_item(plain.loss) == tg_item(saving.loss) && tg_item(plain.loss) > 0);
    for (int i = 0; i < LAYERS; i++) {
        ck_assert(!tg_read(tg_grad(plain.w[i]), one, WIDTH * WIDTH) && !tg_read(tg_grad(saving.w[i]), other, WIDTH * WIDTH));
        ck_assert_mem_eq(one, other, sizeof one);
    }
    ck_assert_int_ge(memory_of(&plain), (int64_t)LAYERS * WIDTH * ROWS * 4);
    ck_assert_msg(memory_of(&plain) >= 4 * memory_of(&saving), "%lld bytes, and %lld", (long long)memory_of(&plain),
                  (long long)memory_of(&saving));
    tg_tape_free(plain.tape);
    tg_tape_free(saving.tape);
}
END_TEST

/* A value read before the backward walk does not make it keep the segment. */
START_TEST(what_lies_between_is_not_there_after_a_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5));
    uint32_t  start = tape->count;
    tg_tensor y = tg_checkpoint(tape, go_through, &(int){1}, 2, ((tg_tensor[]){tg_reshape(x, TG_SHAPE(1, 2)), w}));
    CHECK_F64(y, tanh(1.5), tanh(1.5));
    int kept = 0;
    for (uint32_t i = start; i < tape->count; i++)
        kept += strcmp(tgi_node_at(tape, i)->op->name, "matmul") == 0 && tgi_is_resident(tgi_node_at(tape, i));
    ck_assert_int_eq(kept, 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- derivatives of any order ------------------------------------------------------------------------------------ */

static tg_tensor formula(const tg_tensor *x, void *context) {
    (void)context;
    return tg_mul(tg_exp(tg_mul(x[0], x[1])), tg_sin(x[0]));
}

START_TEST(third_derivatives_are_right) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), z = tg_input(tape, "z", TG_F64, TG_SHAPE());
    tg_gradcheck_report report = {.order = 3};
    tg_write(x, (double[]){0.5, -1}, 2);
    tg_write(z, (double[]){0.25}, 1);
    tg_tensor y = tg_checkpoint(tape, formula, NULL, 2, ((tg_tensor[]){x, z}));
    ck_assert_msg(!tg_gradcheck(tg_mul(y, x), 2, (tg_tensor[]){x, z}, &report), "%s", tg_error(tape));
    ck_assert_int_eq(report.count, 9);
    finish(tape);
}
END_TEST

START_TEST(checkpoints_can_be_nested_and_inputs_shared) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 0.5), y = x;
    for (int i = 0; i < 3; i++)
        y = tg_checkpoint(tape, formula, NULL, 2, ((tg_tensor[]){y, x}));
    tg_tensor plain = x;
    for (int i = 0; i < 3; i++)
        plain = formula((tg_tensor[]){plain, x}, NULL);
    double a = tg_item(slope(y, x)), b = tg_item(slope(plain, x));
    ck_assert_msg(a == b, "%.17g, not %.17g", a, b);
    finish(tape);
}
END_TEST

/* ---- where derivatives are recorded ------------------------------------------------------------------------------- */

static tg_tensor through_checkpoint[3]; /* an output, its seed and its input */

static void add_gradient(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor g;
    (void)x, (void)y, (void)context;
    tg_vjp(tape, 1, &through_checkpoint[0], &through_checkpoint[1], 1, &through_checkpoint[2], &g);
    state[0] = tg_add(state[0], g);
}

/* What one part recorded is of no use in another, nor what the body of a loop did outside of it. */
START_TEST(each_part_and_each_loop_has_its_own_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 0.5), seed = tg_exp(tg_mul(x, 0)), g[2], outside, sum = tg_mul(x, 0);
    tg_tensor y = tg_checkpoint(tape, formula, NULL, 2, ((tg_tensor[]){x, x}));
    through_checkpoint[0] = y, through_checkpoint[1] = seed, through_checkpoint[2] = x;
    tg_scan(tape, &(tg_loop_spec){.body = add_gradient, .steps = 3, .states = 1, .state = &sum});
    for (int k = 0; k < 2; k++) {
        ck_assert(!tg_begin_part(tape, k ? "second" : "first"));
        ck_assert(!tg_vjp(tape, 1, &y, &seed, 1, &x, &g[k]));
        ck_assert(!tg_end_part(tape));
    }
    ck_assert(!tg_vjp(tape, 1, &y, &seed, 1, &x, &outside));
    ck_assert_msg(!tg_run_part(tape, "second"), "%s", tg_error(tape));
    ck_assert(!tg_run_part(tape, "first"));
    double before = tg_item(g[1]);
    ck_assert(before == tg_item(g[0]) && before == tg_item(outside) && fabs(tg_item(sum) - 3 * before) < 1e-14);
    tg_write(x, (double[]){1}, 1);
    ck_assert(!tg_run(tape) && !tg_run_part(tape, "second"));
    double after = tg_item(g[1]);
    ck_assert(after != before && tg_item(outside) == after);
    finish(tape);
}
END_TEST

static tg_tensor second_input(const tg_tensor *x, void *context) {
    (void)context;
    return x[1];
}

/* Of one input the gradient is 0, in the body of a loop, too. */
START_TEST(a_segment_may_return_an_input) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), z = PARAMETER(tape, "z", 3, 4), g[2];
    tg_tensor y = tg_checkpoint(tape, second_input, NULL, 2, ((tg_tensor[]){x, z}));
    tg_tensor seeds = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), ((double[]){1, 2, 3, 4}));
    for (int k = 0; k < 2; k++)
        ck_assert_msg(!tg_vjp_batch(tape, 2, 1, &y, &seeds, 1, k ? &z : &x, &g[k]), "%s", tg_error(tape));
    CHECK_F64(g[0], 0, 0, 0, 0);
    CHECK_F64(g[1], 1, 2, 3, 4);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static tg_tensor hidden;

static tg_tensor uses_hidden(const tg_tensor *x, void *context) {
    (void)context;
    return tg_mul(x[0], hidden);
}

static tg_tensor draws(const tg_tensor *x, void *context) {
    (void)context;
    return tg_dropout(x[0], 0.5, true);
}

static tg_tensor assigns(const tg_tensor *x, void *context) {
    (void)context;
    tg_assign(hidden, 1);
    return tg_exp(x[0]);
}

static tg_tensor records_nothing(const tg_tensor *x, void *context) {
    (void)x, (void)context;
    return hidden;
}

START_TEST(segments_that_cannot_be_recorded_again_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), lost = tg_exp(1);
    hidden = PARAMETER(tape, "hidden", 3, 4);
    REFUSED(tg_checkpoint(tape, uses_hidden, NULL, 1, &x), TG_ERR_GRADIENT, "checkpoint: mul", "not among the inputs");
    REFUSED(tg_checkpoint(tape, draws, NULL, 1, &x), TG_ERR_ARGUMENT, "checkpoint: the segment draws numbers");
    REFUSED(tg_checkpoint(tape, assigns, NULL, 1, &x), TG_ERR_ARGUMENT, "checkpoint: the segment records assign");
    REFUSED(tg_checkpoint(tape, records_nothing, NULL, 1, &x), TG_ERR_ARGUMENT, "checkpoint: the segment recorded nothing");
    REFUSED(tg_checkpoint(tape, formula, NULL, 0, &x), TG_ERR_ARGUMENT, "checkpoint: ");
    REFUSED(tg_checkpoint(tape, NULL, NULL, 1, &x), TG_ERR_ARGUMENT, "checkpoint: ");
    REFUSED(tg_checkpoint(tape, formula, NULL, 1, &lost), TG_ERR_HANDLE, "checkpoint: ");
    finish(tape);
}
END_TEST

/* The segment is recorded again from what its inputs hold then: after an update that is another formula. */
START_TEST(a_gradient_after_an_update_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2);
    tg_tensor y = tg_sum(tg_checkpoint(tape, formula, NULL, 2, ((tg_tensor[]){x, x})));
    ck_assert(!tg_assign(x, 0));
    ck_assert_int_eq(tg_backward(y), TG_ERR_GRADIENT);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_checkpoint(void) {
    Suite *suite = suite_create("grad/checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_add_test(tcase, each_part_and_each_loop_has_its_own_gradient);
    tcase_add_test(tcase, a_segment_may_return_an_input);
    tcase_add_test(tcase, a_long_chain_needs_a_quarter_of_the_memory_and_gives_the_same_bits);
    tcase_add_test(tcase, what_lies_between_is_not_there_after_a_run);
    tcase_add_test(tcase, third_derivatives_are_right);
    tcase_add_test(tcase, checkpoints_can_be_nested_and_inputs_shared);
    tcase_add_test(tcase, segments_that_cannot_be_recorded_again_are_rejected);
    tcase_add_test(tcase, a_gradient_after_an_update_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
