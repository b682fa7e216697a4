/* tests/random/test_sample.c: numbers that are drawn anew in each run, against PyTorch's in tests/fixtures/noise.csv.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- PyTorch's numbers ------------------------------------------------------------------------------------------- */

enum { MOST = 640, LINE = 1 << 16, CASES = 40 };

typedef struct fixture {
    char   function[16], dtype[16];
    int    rows, columns, samples, replacement, drawn_count;
    double operand[MOST], drawn[MOST], after;
} fixture;

/* The numbers up to the next comma, and how many they are. */
static int parse_numbers(char **text, double *to) {
    int count = 0;
    while (**text && **text != ',' && **text != '\n') {
        ck_assert_int_lt(count, MOST);
        to[count++] = strtod(*text, text);
    }
    if (**text) ++*text;
    return count;
}

static void read_case(int which, fixture *f) {
    static char line[LINE];
    FILE       *file = fopen(SOURCE_DIR "/tests/fixtures/noise.csv", "r");
    ck_assert(file);
    for (int i = 0; i <= which; i++)
        ck_assert(fgets(line, sizeof line, file));
    ck_assert(which < CASES - 1 || fgetc(file) == EOF);
    fclose(file);
    int length = 0;
    ck_assert_int_eq(sscanf(line, "%15[^,],%15[^,],%d,%d,%d,%d,%n", f->function, f->dtype, &f->rows, &f->columns, &f->samples,
                            &f->replacement, &length),
                     6);
    char *text = line + length;
    ck_assert_int_eq(parse_numbers(&text, f->operand), f->rows * f->columns);
    f->drawn_count = parse_numbers(&text, f->drawn);
    ck_assert_int_eq(parse_numbers(&text, &f->after), 1);
}

START_TEST(as_pytorch) {
    fixture f;
    read_case(_i, &f);
    tg_tape  *tape = tg_tape_new();
    tg_tensor operand = tg_constant(tape, TG_F64, TG_SHAPE(f.rows, f.columns), f.operand);
    operand = tg_cast(operand, strcmp(f.dtype, "float32") ? TG_F64 : TG_F32);
    ck_assert(!tg_run(tape) && !tg_seed(tape, 3));
    tg_tensor drawn = strcmp(f.function, "bernoulli") ? tg_sample_multinomial(operand, f.samples, f.replacement)
                                                      : tg_sample_bernoulli(operand);
    double    found[MOST];
    ck_assert_msg(!tg_read(tg_cast(drawn, TG_F64), found, f.drawn_count), "%s", tg_error(tape));
    ck_assert_int_eq(memcmp(found, f.drawn, (size_t)f.drawn_count * sizeof *found), 0);
    ck_assert(tg_item(tg_rand(tape, TG_F32, TG_SHAPE(1))) == (double)(float)f.after);
    tg_tape_free(tape);
}
END_TEST

START_TEST(noise_has_the_numbers_of_rand_and_randn) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
        tg_tensor normal = tg_sample_normal(tape, dtype, TG_SHAPE(3, 7)), uniform = tg_sample_uniform(tape, dtype, TG_SHAPE(5));
        ck_assert(!tg_run(tape));
        tg_tensor randn = tg_randn(other, dtype, TG_SHAPE(3, 7)), rand = tg_rand(other, dtype, TG_SHAPE(5));
        ck_assert_mem_eq(tg_data(normal), tg_data(randn), 21 * tg_dtype_size(dtype));
        ck_assert_mem_eq(tg_data(uniform), tg_data(rand), 5 * tg_dtype_size(dtype));
        CHECK_OK(tape);
        tg_tape_free(tape);
        tg_tape_free(other);
    }
}
END_TEST

/* ---- what a run is ----------------------------------------------------------------------------------------------- */

START_TEST(each_run_draws_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(40), 2));
    tg_tensor noise = tg_sample_normal(tape, TG_F64, TG_SHAPE(40)), other = tg_sample_normal(tape, TG_F64, TG_SHAPE(40));
    tg_tensor y = tg_mul(w, noise);
    ck_assert(!tg_backward(tg_sum(y)));
    double last = 0;
    for (int run = 0; run < 3; run++) {
        double n[40], o[40], v[40], g[40];
        ck_assert(!tg_run(tape) && !tg_read(noise, n, 40) && !tg_read(other, o, 40) && !tg_read(y, v, 40));
        ck_assert(!tg_read(tg_grad(w), g, 40) && n[0] != last && n[0] != o[0]);
        for (int i = 0; i < 40; i++)
            ck_assert(v[i] == 2 * n[i] && g[i] == n[i]);
        last = n[0];
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_generator_can_be_put_back) {
    tg_tape           *tape = tg_tape_new();
    tg_tensor          noise = tg_sample_uniform(tape, TG_F64, TG_SHAPE());
    tg_generator_state state;
    ck_assert(!tg_get_generator(tape, &state) && !tg_run(tape));
    double first = tg_item(noise);
    ck_assert(!tg_run(tape) && tg_item(noise) != first);
    ck_assert(!tg_set_generator(tape, &state) && !tg_run(tape) && tg_item(noise) == first);
    tg_tape_free(tape);
}
END_TEST

START_TEST(no_gradient_flows_to_probabilities) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", tg_full(tape, TG_F64, TG_SHAPE(4), 0.5));
    ck_assert(!tg_requires_grad(tg_sample_bernoulli(p)) && !tg_requires_grad(tg_sample_multinomial(p, 2, false)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(operands_that_lie_across) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_transpose(tg_constant(tape, TG_F64, TG_SHAPE(2, 3), ((double[]){0, 1, 0, 1, 0, 1})), 0, 1);
    CHECK_F64(tg_sample_bernoulli(p), 0, 1, 1, 0, 0, 1);
    CHECK_F64(tg_cast(tg_sample_multinomial(p, 3, true), TG_F64), 1, 1, 1, 0, 0, 0, 1, 1, 1);
    CHECK_F64(tg_cast(tg_sample_multinomial(p, 1, false), TG_F64), 1, 0, 1);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(wrong_arguments_are_errors_of_the_call) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = VECTOR(tape, 1, 2), i = tg_full(tape, TG_I64, TG_SHAPE(2), 1);
    tg_shape  wrong = {.rank = 1, .dims = {-1}};
    FAILS(tape, tg_sample_normal(tape, TG_I64, TG_SHAPE(2)), TG_ERR_DTYPE, "sample_normal: the dtype is int64");
    FAILS(tape, tg_sample_uniform(tape, TG_F32, wrong), TG_ERR_SHAPE, "sample_uniform: it is no shape of a tensor");
    FAILS(tape, tg_sample_bernoulli(i), TG_ERR_DTYPE, "sample_bernoulli: int64 (2)");
    FAILS(tape, tg_sample_multinomial(i, 1, true), TG_ERR_DTYPE, "sample_multinomial: int64 (2)");
    FAILS(tape, tg_sample_multinomial(w, 3, false), TG_ERR_ARGUMENT, "sample_multinomial: (2): 3 samples without replacement");
    FAILS(tape, tg_sample_multinomial(w, 0, true), TG_ERR_ARGUMENT, "sample_multinomial: (2): 0 samples with replacement");
    FAILS(tape, tg_sample_multinomial(tg_sum(w), 1, true), TG_ERR_SHAPE, "sample_multinomial: (): there are no weights");
    ck_assert(!tg_valid(tg_sample_normal(NULL, TG_F32, TG_SHAPE())) && !tg_valid(tg_sample_bernoulli(0.5)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(wrong_probabilities_fail_the_run_and_draw_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_input(tape, "p", TG_F64, TG_SHAPE(3));
    tg_mark   mark = tg_tape_mark(tape);
    double    bad[][3] = {{0.5, 1.5, 0}, {0.5, -1, 1}, {0, 0, NAN}};
    for (int i = 0; i < 3; i++) {
        ck_assert(!tg_write(p, bad[i], 3));
        tg_sample_bernoulli(p);
        FAILS(tape, tg_run(tape), TG_ERR_VALUE, "");
        ck_assert(!tg_discard(tape, mark));
    }
    double weights[][3] = {{0, 0, 0}, {1, -1, 1}, {1, INFINITY, 1}, {1, 0, 0}};
    for (int i = 0; i < 4; i++)
        for (int replacement = 0; replacement < 2; replacement++) {
            bool fine = i == 3 && replacement; /* one weight is enough */
            ck_assert(!tg_write(p, weights[i], 3));
            tg_sample_multinomial(p, 2, replacement);
            ck_assert_int_eq(tg_run(tape), fine ? TG_OK : TG_ERR_VALUE);
            tg_clear_error(tape);
            ck_assert(!tg_discard(tape, mark));
        }
    tg_tape *other = tg_tape_new();
    tg_rand(other, TG_F64, TG_SHAPE(2)); /* what the two samples drew that were fine */
    ck_assert(tg_item(tg_rand(tape, TG_F32, TG_SHAPE())) == tg_item(tg_rand(other, TG_F32, TG_SHAPE())));
    tg_tape_free(other);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_sample(void) {
    Suite *suite = suite_create("random/sample");
    TCase *cases = tcase_create("sample");
    tcase_add_loop_test(cases, as_pytorch, 0, CASES);
    tcase_add_test(cases, noise_has_the_numbers_of_rand_and_randn);
    tcase_add_test(cases, each_run_draws_once);
    tcase_add_test(cases, the_generator_can_be_put_back);
    tcase_add_test(cases, no_gradient_flows_to_probabilities);
    tcase_add_test(cases, operands_that_lie_across);
    tcase_add_test(cases, wrong_arguments_are_errors_of_the_call);
    tcase_add_test(cases, wrong_probabilities_fail_the_run_and_draw_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}
