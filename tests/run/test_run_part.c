/* tests/run/test_run_part.c: parts of random instructions, run in any order: by plans and one instruction at a time they leave the same
 * bits, in the leaves, in their own values and those of the other parts, and in what stands outside.
 *
 * TAPEGRAD_FUZZ is the number of programs, TAPEGRAD_FUZZ_SEED the first one.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tape.h"
#include "run/random_matrix.h"

enum { PROGRAMS = 1000, PARTS = 6, STEPS = 25, LEAVES = 2, OUTSIDE = 8, KEPT = 6, RUNS = 40, VALUES = OUTSIDE + PARTS * KEPT };

typedef struct program {
    tg_tape  *tape;
    tg_tensor value[VALUES]; /* leaves, what else is outside, and of each part what it keeps */
    int       count;
} program;

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* An assign to a leaf, or to a part of it. */
static void assign(uint32_t *state, tg_tensor leaf, tg_tensor value) {
    if (next_number(state) % 3)
        tg_assign(leaf, tg_tanh(value));
    else
        tg_assign_slice(leaf, 1, 0, 2, 1, tg_slice(value, 1, 1, 3, 1));
}

static void record_outside(program *p, uint32_t *state) {
    p->value[0] = tg_parameter(p->tape, "a", tg_tanh(tg_randn(p->tape, TG_F64, TG_SHAPE(3, 3))));
    p->value[1] = tg_parameter(p->tape, "b", tg_tanh(tg_randn(p->tape, TG_F64, TG_SHAPE(3, 3))));
    for (p->count = LEAVES; p->count < OUTSIDE; p->count++)
        tg_keep(p->value[p->count] = random_matrix(state, p->count, p->value));
}

/* It reads the outside, and values of the parts before it. */
static void record_part(program *p, uint32_t *state, int part) {
    tg_tensor inside[VALUES + STEPS];
    int       count = p->count;
    char      name[16];
    snprintf(name, sizeof name, "part%d", part);
    memcpy(inside, p->value, sizeof p->value);
    tg_begin_part(p->tape, name);
    for (int i = 0; i < STEPS; i++) {
        if (next_number(state) % 8 == 0)
            assign(state, p->value[next_number(state) % LEAVES], inside[next_number(state) % (uint32_t)count]);
        else
            inside[count] = random_matrix(state, count, inside), count++;
    }
    for (int i = 0; i < KEPT; i++)
        tg_keep(p->value[p->count++] = inside[count - 1 - 2 * i]);
    tg_end_part(p->tape);
}

static void record(program *p, uint32_t seed, bool eager) {
    uint32_t state = seed;
    *p = (program){.tape = tg_tape_new()};
    p->tape->eager = eager;
    tg_seed(p->tape, seed);
    if (seed % 2) tg_set_keep(p->tape, TG_KEEP_ASKED);
    record_outside(p, &state);
    for (int part = 0; part < PARTS; part++)
        record_part(p, &state, part);
    CHECK_OK(p->tape);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool check_value(const program *a, const program *b, int k, uint32_t seed, int run) {
    double x[9], y[9];
    (void)(tg_read(a->value[k], x, 9), tg_read(b->value[k], y, 9));
    ck_assert_msg(tg_error_status(a->tape) == tg_error_status(b->tape) && !strcmp(tg_error(a->tape), tg_error(b->tape)),
                  "seed %u, run %d, value %d: '%s' and '%s'", seed, run, k, tg_error(a->tape), tg_error(b->tape));
    if (tg_error_status(a->tape)) return false;
    ck_assert_msg(!memcmp(x, y, sizeof x), "seed %u, run %d, value %d: %g %g %g ... and %g %g %g ...", seed, run, k, x[0], x[1],
                  x[2], y[0], y[1], y[2]);
    return true;
}

static void write_leaf(const program *a, const program *b, uint32_t *state) {
    double x[9];
    int    k = (int)(next_number(state) % LEAVES);
    for (int i = 0; i < 9; i++)
        x[i] = cos((double)next_number(state));
    (void)(tg_write(a->value[k], x, 9), tg_write(b->value[k], x, 9));
}

/* First each part in its turn, and then in any order. */
static void compare(uint32_t seed) {
    program  a, b;
    uint32_t state = ~seed;
    record(&a, seed, false);
    record(&b, seed, true);
    for (int run = 0; run < RUNS; run++) {
        char name[16];
        int  part = run < PARTS ? run : (int)(next_number(&state) % PARTS);
        snprintf(name, sizeof name, "part%d", part);
        if (next_number(&state) % 4 == 0) write_leaf(&a, &b, &state);
        (void)(tg_run_part(a.tape, name), tg_run_part(b.tape, name));
        ck_assert_msg(!strcmp(tg_error(a.tape), tg_error(b.tape)), "seed %u, run %d of %s: '%s' and '%s'", seed, run, name,
                      tg_error(a.tape), tg_error(b.tape));
        if (next_number(&state) % 4 == 0) (void)(tg_run(a.tape), tg_run(b.tape));
        for (int k = 0; k < (run < PARTS ? OUTSIDE + KEPT * (run + 1) : VALUES); k++)
            if (next_number(&state) % 4 == 0 || run == RUNS - 1)
                if (!check_value(&a, &b, k, seed, run)) (void)(tg_clear_error(a.tape), tg_clear_error(b.tape));
    }
    tg_tape_free(a.tape);
    tg_tape_free(b.tape);
}

START_TEST(any_order_of_parts_is_the_same_one_by_one) {
    const char *first = getenv("TAPEGRAD_FUZZ_SEED"), *count = getenv("TAPEGRAD_FUZZ");
    long        end = count ? strtol(count, NULL, 10) : PROGRAMS;
    for (long i = 0; i < end; i++)
        compare((uint32_t)(first ? strtol(first, NULL, 10) : 1) + (uint32_t)i);
}
END_TEST

/* ---- what the values of a part are ------------------------------------------------------------------------------- */

/* A view that a part has of a value of outside is as the part's last run left it, whatever is computed outside since. */
START_TEST(a_view_of_outside_is_of_the_last_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_input(tape, "a", TG_F64, TG_SHAPE(2, 2)), outside = tg_mul(a, 2);
    tg_set_eager(tape, _i == 1);
    tg_begin_part(tape, "part");
    tg_tensor view = tg_transpose(outside, 0, 1), of_view = tg_reshape(view, TG_SHAPE(4)), sum = tg_sum(view);
    tg_end_part(tape);
    tg_write(a, (double[]){1, 2, 3, 4}, 4);
    tg_run_part(tape, "part");
    for (int run = 0; run < 3; run++) {
        CHECK_F64(view, 2, 6, 4, 8);
        CHECK_F64(of_view, 2, 6, 4, 8);
        CHECK_F64(sum, 20);
        tg_write(a, (double[]){run, 0, 0, 1}, 4);
        tg_run(tape);
        CHECK_F64(outside, 2 * run, 0, 0, 2);
    }
    tg_run_part(tape, "part");
    CHECK_F64(of_view, 4, 0, 0, 2);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* And outside has of a part's value what it was when outside ran. */
START_TEST(a_view_of_a_part_is_of_the_run_outside) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_input(tape, "a", TG_F64, TG_SHAPE(2, 2));
    tg_begin_part(tape, "part");
    tg_tensor twice = tg_mul(a, 2);
    tg_end_part(tape);
    tg_write(a, (double[]){1, 2, 3, 4}, 4);
    tg_run_part(tape, "part");
    tg_set_eager(tape, _i == 1);
    tg_tensor view = tg_transpose(twice, 0, 1);
    CHECK_F64(view, 2, 6, 4, 8);
    tg_write(a, (double[]){0, 0, 0, 1}, 4);
    tg_run_part(tape, "part");
    CHECK_F64(view, 2, 6, 4, 8);
    tg_run(tape);
    CHECK_F64(view, 0, 0, 0, 2);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A view of a leaf from outside is read behind an assign of the part: it holds what it held before. In the next run it shows the leaf
 * again, of which the plan of the run before must know. */
START_TEST(a_view_of_a_leaf_outlives_an_assign_of_the_part) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", VECTOR(tape, 1, 2, 3)), view = tg_flip(a, TG_AXES(0));
    tg_set_eager(tape, _i % 2 == 1);
    tg_begin_part(tape, "part");
    tg_assign(a, tg_mul(a, 10));
    tg_tensor behind = tg_add(view, a);
    tg_end_part(tape);
    for (int run = 0; run < 4; run++) {
        double x[3] = {1 + run, 2, 3};
        if (_i >= 2 && run) tg_run(tape);
        tg_write(a, x, 3);
        tg_run_part(tape, "part");
        CHECK_F64(behind, 10 * x[0] + x[2], 10 * x[1] + x[1], 10 * x[2] + x[0]);
        CHECK_F64(a, 10 * x[0], 10 * x[1], 10 * x[2]);
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* The one part has a view of the leaf, which another one reads when the leaf has been written. */
START_TEST(a_view_of_another_part_is_of_its_last_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", VECTOR(tape, 1, 2, 3));
    tg_set_eager(tape, _i == 1);
    tg_begin_part(tape, "first");
    tg_tensor view = tg_flip(a, TG_AXES(0));
    tg_end_part(tape);
    tg_begin_part(tape, "second");
    tg_tensor sum = tg_add(view, a);
    tg_end_part(tape);
    tg_run_part(tape, "first");
    tg_run_part(tape, "second");
    CHECK_F64(sum, 4, 4, 4);
    tg_write(a, (double[]){10, 20, 30}, 3);
    tg_run_part(tape, "second");
    CHECK_F64(sum, 13, 22, 31);
    tg_run_part(tape, "first");
    tg_run_part(tape, "second");
    CHECK_F64(sum, 40, 40, 40);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A run may fail before anything of the part is bound: its views are those of the run before, and are not there. */
START_TEST(views_behind_a_run_that_failed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_input(tape, "a", TG_F64, TG_SHAPE(3)), x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), w = tg_mul(a, 2);
    double    values[3] = {1, 2, 3};
    tg_set_eager(tape, _i == 1);
    ck_assert(!tg_assign(a, 3) && !tg_write(x, values, 3) && !tg_run_pending(tape) && !tg_begin_part(tape, "p"));
    tg_tensor view = tg_flip(x, TG_AXES(0));
    tg_add(w, 1);
    ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "p"));
    CHECK_F64(view, 3, 2, 1);
    ck_assert(!tg_write(a, values, 3) && tg_run_part(tape, "p") == TG_ERR_VALUE);
    tg_clear_error(tape);
    ck_assert(!tg_assign(x, tg_mul(10, x)) && !tg_run_pending(tape));
    ck_assert(tg_read(view, values, 3));
    CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, "read: the value of flip, recorded at ");
    CHECK_F64(x, 10, 20, 30);
    tg_tape_free(tape);
}
END_TEST

/* And what stands behind a kernel that failed is not there either, one by one as by a plan. */
START_TEST(values_behind_a_kernel_that_failed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), index = tg_input(tape, "index", TG_I64, TG_SHAPE(1));
    tg_set_eager(tape, _i == 1);
    ck_assert(!tg_write(x, ((double[]){1, 2}), 2) && !tg_begin_part(tape, "p"));
    tg_tensor sum = tg_sum(tg_take(tg_mul(10, x), index, 0));
    ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "p") && tg_item(sum) == 10);
    ck_assert(!tg_write(index, ((int64_t[]){7}), 1) && tg_run_part(tape, "p") == TG_ERR_INDEX);
    tg_clear_error(tape);
    ck_assert(isnan(tg_item(sum)) && tg_error_status(tape) == TG_ERR_VALUE);
    tg_tape_free(tape);
}
END_TEST

/* What stands outside and has not been read sees the leaf as the part left it, in eager mode, too. */
START_TEST(outside_is_computed_when_it_is_read) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", VECTOR(tape, 1, 2, 3));
    tg_set_eager(tape, _i == 1);
    tg_tensor unread = tg_mul(a, 2), view = tg_flip(a, TG_AXES(0)), read = tg_mul(a, 3);
    tg_begin_part(tape, "part");
    tg_assign(a, tg_mul(read, 5));
    tg_end_part(tape);
    if (_i == 2) CHECK_F64(unread, 2, 4, 6);
    tg_run_part(tape, "part");
    CHECK_F64(read, 3, 6, 9);
    CHECK_F64(a, 15, 30, 45);
    CHECK_F64(unread, 2, 4, 6); /* it stands before what the part has read */
    CHECK_F64(view, 3, 2, 1);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_run_part(void) {
    Suite *suite = suite_create("run/run_part");
    TCase *tcase = tcase_create("random");
    tcase_set_timeout(tcase, getenv("TAPEGRAD_FUZZ") ? 0 : 60);
    tcase_add_test(tcase, any_order_of_parts_is_the_same_one_by_one);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("values");
    tcase_add_loop_test(tcase, a_view_of_outside_is_of_the_last_run, 0, 2);
    tcase_add_loop_test(tcase, a_view_of_a_part_is_of_the_run_outside, 0, 2);
    tcase_add_loop_test(tcase, a_view_of_a_leaf_outlives_an_assign_of_the_part, 0, 4);
    tcase_add_loop_test(tcase, a_view_of_another_part_is_of_its_last_run, 0, 2);
    tcase_add_loop_test(tcase, outside_is_computed_when_it_is_read, 0, 3);
    tcase_add_loop_test(tcase, views_behind_a_run_that_failed, 0, 2);
    tcase_add_loop_test(tcase, values_behind_a_kernel_that_failed, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
