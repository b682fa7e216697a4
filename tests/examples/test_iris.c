/* tests/examples/test_iris.c: the iris network, from outside as its user runs it, and from inside against the recorded
 * figures; and the example with one parameter.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "../../examples/iris_check.h"
#include "../../examples/iris_data.h"
#include "programs.h"

enum { EPOCHS = 101, HIDDEN = 32 };

/* Whether this C library gives the normal numbers that PyTorch got; if not, the weights begin some units in the last place of a float32
 * away. */
#ifdef __GLIBC__
enum { SAME_NORMALS = 1 };
#else
enum { SAME_NORMALS = 0 };
#endif

/* ---- the recorded figures ---------------------------------------------------------------------------------------- */

/* A row of losses.csv; NAN where there is no figure. */
typedef struct record {
    double printed, f64, f32, f64_bce;
} record;

static void read_records(record records[EPOCHS]) {
    FILE *file = fopen(SOURCE_DIR "/tests/fixtures/iris/losses.csv", "r");
    char  line[256];
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        double value[5];
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        char *field = line;
        for (int i = 0; i < 5; i++) {
            char *end;
            value[i] = strtod(field, &end);
            if (end == field) value[i] = NAN;
            field = end + 1;
        }
        ck_assert_int_eq((int)value[0], epoch);
        records[epoch] = (record){value[1], value[2], value[3], value[4]};
    }
    fclose(file);
}

/* `count` numbers from a file of the fixtures. */
static void read_matrix(const char *name, double *values, int count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fixtures/iris/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is not there", path);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(fscanf(file, "%lf", &values[i]) == 1, "%s: %d numbers, expected %d", name, i, count);
        if (getc(file) == EOF) ck_assert_int_eq(i, count - 1);
    }
    ck_assert_int_eq(getc(file), EOF);
    fclose(file);
}

static double worst_difference(const double *a, const double *b, int count) {
    double worst = 0;
    for (int i = 0; i < count; i++) {
        ck_assert(isfinite(a[i]) && isfinite(b[i]));
        worst = fmax(worst, fabs(a[i] - b[i]));
    }
    return worst;
}

/* ---- the losses -------------------------------------------------------------------------------------------------- */

START_TEST(prints_the_tutorials_six_lines) {
    record records[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\"");

    const char *line = out;
    for (int epoch = 0; epoch < EPOCHS; epoch += 20) {
        char start[64];
        int  length = snprintf(start, sizeof start, "Epoch %d | Loss: ", epoch);
        ck_assert_msg(strncmp(line, start, (size_t)length) == 0, "expected '%s', found '%s'", start, line);
        char  *end;
        double loss = strtod(line + length, &end);
        ck_assert_double_eq_tol(loss, records[epoch].printed, 2.5e-7);
        ck_assert_double_eq(loss, (double)(float)loss); /* a float32, and enough digits to tell which */
        ck_assert_int_eq(*end, '\n');
        line = end + 1;
    }
    ck_assert_str_eq(line, "");
}
END_TEST

/* The loss is printed as Python would: the shortest text that reads back. */
START_TEST(prints_the_shortest_text) {
    static const char *const commands[] = {"\"$IRIS\"", "\"$IRIS\" --dtype f64", "\"$IRIS\" --loss bce --lr 3",
                                           "\"$IRIS\" --dtype f64 --loss bce --lr 3"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        succeeds(commands[i]);
        for (const char *line = out; *line; line = strchr(line, '\n') + 1) {
            const char *text = strstr(line, "Loss: ") + 6;
            char       *end;
            double      loss = strtod(text, &end);
            char        given[64], shorter[64];
            snprintf(given, sizeof given, "%.*s", (int)(end - text), text);
            ck_assert_int_eq(*end, '\n');
            ck_assert_msg(strchr(given, '.') || strchr(given, 'e'), "%s: no point", given);

            int digits = 0; /* significant ones */
            for (const char *c = given + strspn(given, "-0."); *c && *c != 'e'; c++)
                digits += *c != '.';
            ck_assert_int_le(digits, 17);
            snprintf(shorter, sizeof shorter, "%.*g", digits > 1 ? digits - 1 : 1, loss);
            if (digits > 2) ck_assert_msg(strtod(shorter, NULL) != loss, "%s: %s would do", given, shorter);
        }
    }
}
END_TEST

START_TEST(all_losses_in_float32) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64, 5e-7);
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f32, 5e-7);
    }
}
END_TEST

START_TEST(all_losses_in_float64) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --dtype f64 --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64, SAME_NORMALS ? 1e-12 : 5e-7);
}
END_TEST

START_TEST(all_losses_trained_on_the_cross_entropy) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --loss bce --dtype f64 --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64_bce, SAME_NORMALS ? 1e-12 : 5e-7);
}
END_TEST

START_TEST(both_ways_of_recording_give_the_same_bits) {
    static const char *const models[] = {"--dtype f32 --loss half-squared", "--dtype f64 --loss half-squared",
                                         "--dtype f32 --loss bce", "--dtype f64 --loss bce"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char command[256], printed[sizeof out];
        snprintf(command, sizeof command, "\"$IRIS\" %s --record once --check --csv \"$T/once.csv\"", models[i]);
        succeeds(command);
        strcpy(printed, out);
        snprintf(command, sizeof command, "\"$IRIS\" %s --record each --check --csv \"$T/each.csv\"", models[i]);
        succeeds(command);
        ck_assert_str_eq(out, printed);
        succeeds("cmp \"$T/once.csv\" \"$T/each.csv\"");
    }
}
END_TEST

START_TEST(other_settings_train_too) {
    succeeds("\"$IRIS\" --hidden 1 --epochs 1");
    ck_assert_int_eq(strncmp(out, "Epoch 0 | Loss: ", 16), 0);
    ck_assert_ptr_null(strstr(out, "Epoch 20"));
    succeeds("\"$IRIS\" --hidden 7 --seed 18446744073709551615 --lr 1e-2 --epochs 22 --check");
    ck_assert_ptr_nonnull(strstr(out, "Epoch 20 | Loss: "));
    succeeds("\"$IRIS\" --epochs 5 --csv \"$T/five.csv\"");
    double losses[5];
    read_csv("five.csv", losses, 5);
    ck_assert_int_eq(entries(), 1);
}
END_TEST

/* ---- the gradients ----------------------------------------------------------------------------------------------- */

START_TEST(every_gradient_is_the_one_written_by_hand) {
    static const struct {
        const char *options;
        double      tolerance;
    } runs[] = {{"--dtype f32 --loss half-squared", 2e-5},
                {"--dtype f64 --loss half-squared", 1e-12},
                {"--dtype f32 --loss bce", 2e-5},
                {"--dtype f64 --loss bce", 1e-12}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        for (int each = 0; each < 2; each++) {
            char command[256];
            snprintf(command, sizeof command, "\"$IRIS\" --check %s --record %s", runs[i].options, each ? "each" : "once");
            succeeds(command);
            const char *line = strstr(out, "Check | Worst difference: ");
            ck_assert_ptr_nonnull(line);
            char  *end;
            double worst = strtod(line + strlen("Check | Worst difference: "), &end);
            ck_assert_int_eq(*end, ' ');
            ck_assert_msg(worst > 0 && worst <= runs[i].tolerance, "%s: %g", command, worst);
        }
}
END_TEST

/* Far out the cross entropy has a logarithm of 0, and what comes back is no gradient: --check says so, in the exit
 * code. */
START_TEST(a_check_that_fails) {
    ck_assert_int_eq(run("\"$IRIS\" --check --loss bce --lr 1e6"), 1);
    ck_assert_ptr_nonnull(strstr(out, "FAILED"));
    ck_assert_ptr_nonnull(strstr(out, "Loss: nan\n"));
    ck_assert_str_eq(err, "iris_fnn: warning: the loss is not finite from epoch 1 on\n");
}
END_TEST

/* The network again, in this test's own words, in float64. */
typedef struct network {
    tg_tape  *tape;
    iris_data data;
    tg_tensor x, y, w1, w2, half_squared, bce;
} network;

static void make_network(network *n) {
    double w1[2 * HIDDEN], w2[HIDDEN];
    ck_assert(iris_data_read(&n->data, SOURCE_DIR "/data/iris.csv"));
    read_matrix("w1_init_f32.csv", w1, 2 * HIDDEN);
    read_matrix("w2_init_f32.csv", w2, HIDDEN);
    for (int i = 0; i < 2 * HIDDEN; i++) /* the file has the digits that tell which float32 it is */
        w1[i] = (double)(float)w1[i];
    for (int i = 0; i < HIDDEN; i++)
        w2[i] = (double)(float)w2[i];
    n->tape = tg_tape_new();
    n->x = tg_constant(n->tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 2), n->data.x);
    n->y = tg_constant(n->tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 1), n->data.y);
    n->w1 = tg_parameter(n->tape, "w1", tg_constant(n->tape, TG_F64, TG_SHAPE(2, HIDDEN), w1));
    n->w2 = tg_parameter(n->tape, "w2", tg_constant(n->tape, TG_F64, TG_SHAPE(HIDDEN, 1), w2));

    tg_tensor y4 = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(n->x, n->w1)), n->w2));
    tg_tensor right = tg_log(tg_where(tg_eq(n->y, 1), y4, tg_sub(1, y4)));
    n->half_squared = tg_div(tg_sum(tg_square(tg_sub(y4, n->y))), 2);
    n->bce = tg_neg(tg_mean(right));
    ck_assert_str_eq(tg_error(n->tape), "");
}

static void free_network(network *n) {
    ck_assert_str_eq(tg_error(n->tape), "");
    tg_tape_free(n->tape);
}

START_TEST(the_data_is_normalised) {
    iris_data data;
    double    x[IRIS_SAMPLES][2];
    ck_assert(iris_data_read(&data, SOURCE_DIR "/data/iris.csv"));
    read_matrix("x_normalized_f64.csv", x[0], 2 * IRIS_SAMPLES);
    ck_assert_double_le(worst_difference(data.x[0], x[0], 2 * IRIS_SAMPLES), 2.3e-16);
    for (int i = 0; i < IRIS_SAMPLES; i++)
        ck_assert_double_eq(data.y[i], i < 50 ? 0 : 1);
}
END_TEST

/* Places between two floats of the same sign. */
static int ulps(float a, float b) {
    int32_t i, j;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    ck_assert((i < 0) == (j < 0));
    return abs(i - j);
}

START_TEST(the_first_weights) {
    const int allowed = SAME_NORMALS ? 0 : 3;
    tg_tape  *tape = tg_tape_new();
    float     w1[2 * HIDDEN], w2[HIDDEN];
    double    expected1[2 * HIDDEN], expected2[HIDDEN];
    tg_seed(tape, 2);
    tg_randn(tape, TG_F32, TG_SHAPE(2, HIDDEN));
    tg_tensor drawn1 = tg_randn(tape, TG_F32, TG_SHAPE(2, HIDDEN)), drawn2 = tg_randn(tape, TG_F32, TG_SHAPE(HIDDEN, 1));
    read_matrix("w1_init_f32.csv", expected1, 2 * HIDDEN);
    read_matrix("w2_init_f32.csv", expected2, HIDDEN);
    ck_assert_int_eq(tg_read(drawn1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(drawn2, w2, HIDDEN), TG_OK);
    for (int i = 0; i < 2 * HIDDEN; i++)
        ck_assert_int_le(ulps(w1[i], (float)expected1[i]), allowed);
    for (int i = 0; i < HIDDEN; i++)
        ck_assert_int_le(ulps(w2[i], (float)expected2[i]), allowed);
    tg_tape_free(tape);
}
END_TEST

/* The gradients of one loss in the first epoch, as the tape and as the loops find them; w1's and w2's in one array. */
static void first_gradients(bool bce, double by_tape[3 * HIDDEN], double by_hand[3 * HIDDEN]) {
    network n;
    double  w1[2 * HIDDEN], w2[HIDDEN], y2[HIDDEN];
    make_network(&n);
    ck_assert_int_eq(tg_read(n.w1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(n.w2, w2, HIDDEN), TG_OK);
    ck_assert_int_eq(tg_backward(bce ? n.bce : n.half_squared), TG_OK);
    ck_assert_int_eq(tg_read(tg_grad(n.w1), by_tape, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(tg_grad(n.w2), by_tape + 2 * HIDDEN, HIDDEN), TG_OK);
    iris_gradients(bce, IRIS_SAMPLES, HIDDEN, n.data.x[0], n.data.y, w1, w2, y2, by_hand, by_hand + 2 * HIDDEN);
    free_network(&n);
}

START_TEST(the_first_gradients) {
    static const char *const files[2][2] = {{"grad_w1_handcoded_epoch0_f64.csv", "grad_w2_handcoded_epoch0_f64.csv"},
                                            {"grad_w1_bce_epoch0_f64.csv", "grad_w2_bce_epoch0_f64.csv"}};
    for (int bce = 0; bce < 2; bce++) {
        double by_tape[3 * HIDDEN], by_hand[3 * HIDDEN], expected[3 * HIDDEN];
        first_gradients(bce, by_tape, by_hand);
        read_matrix(files[bce][0], expected, 2 * HIDDEN);
        read_matrix(files[bce][1], expected + 2 * HIDDEN, HIDDEN);
        ck_assert_double_le(worst_difference(by_tape, expected, 3 * HIDDEN), 1e-13);
        ck_assert_double_le(worst_difference(by_hand, expected, 3 * HIDDEN), 1e-13);
    }
}
END_TEST

/* No factor makes one loss's gradient the other's: what is left of it after the best one is far above rounding. */
START_TEST(the_two_gradients_are_not_proportional) {
    double a[3 * HIDDEN], b[3 * HIDDEN], by_hand[3 * HIDDEN];
    first_gradients(false, a, by_hand);
    first_gradients(true, b, by_hand);

    double aa = 0, ab = 0, bb = 0, left = 0, smallest = INFINITY, largest = -INFINITY;
    for (int i = 0; i < 3 * HIDDEN; i++) {
        aa += a[i] * a[i];
        ab += a[i] * b[i];
        bb += b[i] * b[i];
        smallest = fmin(smallest, a[i] / b[i]);
        largest = fmax(largest, a[i] / b[i]);
    }
    for (int i = 0; i < 3 * HIDDEN; i++)
        left += pow(a[i] - ab / bb * b[i], 2);
    ck_assert_double_gt(sqrt(left / aa), 1e-3); /* 1.15e-3, where rounding would give 1e-15 */
    ck_assert_double_gt(largest / smallest, 1.005);
}
END_TEST

START_TEST(the_last_weights) {
    network n;
    double  w1[2 * HIDDEN], w2[HIDDEN], expected1[2 * HIDDEN], expected2[HIDDEN];
    make_network(&n);
    tg_backward(n.half_squared);
    tg_sgd_step(n.tape, 0.001);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_int_eq(tg_run(n.tape), TG_OK);
    read_matrix("w1_after_101_f64.csv", expected1, 2 * HIDDEN);
    read_matrix("w2_after_101_f64.csv", expected2, HIDDEN);
    ck_assert_int_eq(tg_read(n.w1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(n.w2, w2, HIDDEN), TG_OK);
    ck_assert_double_le(worst_difference(w1, expected1, 2 * HIDDEN), 1e-12);
    ck_assert_double_le(worst_difference(w2, expected2, HIDDEN), 1e-12);
    free_network(&n);
}
END_TEST

/* ---- one parameter ----------------------------------------------------------------------------------------------- */

START_TEST(linear_descends_to_the_answer) {
    succeeds("\"$LINEAR\"");
    const char *line = out;
    double      loss, before = INFINITY, gradient, by_hand, theta;
    int         step, length, steps = 0;
    while (sscanf(line, "step %d: loss %lf gradient %lf by hand %lf\n%n", &step, &loss, &gradient, &by_hand, &length) == 4) {
        if (steps++ == 0) {
            ck_assert_double_eq(loss, 8); /* theta 1, x 2, y 6: (2 - 6)^2 / 2 and (2 - 6) * 2 */
            ck_assert_double_eq(gradient, -8);
        }
        ck_assert_double_eq_tol(gradient, by_hand, 1e-5 * fabs(by_hand));
        ck_assert_double_lt(loss, before);
        before = loss;
        line += length;
    }
    ck_assert_int_ge(steps, 5);
    ck_assert_int_eq(sscanf(line, "theta = %lf\n%n", &theta, &length), 1);
    ck_assert_double_eq(theta, 3);
    ck_assert_str_eq(line + length, "");
}
END_TEST

/* ------------------------------------------------------------------------------------------------------------------ */

int main(void) {
    if (!make_base()) return EXIT_FAILURE;
    Suite *suite = suite_create("iris");

    TCase *losses = add_case(suite, "losses");
    tcase_add_test(losses, prints_the_tutorials_six_lines);
    tcase_add_test(losses, prints_the_shortest_text);
    tcase_add_test(losses, all_losses_in_float32);
    tcase_add_test(losses, all_losses_in_float64);
    tcase_add_test(losses, all_losses_trained_on_the_cross_entropy);
    tcase_add_test(losses, both_ways_of_recording_give_the_same_bits);
    tcase_add_test(losses, other_settings_train_too);

    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_gradient_is_the_one_written_by_hand);
    tcase_add_test(gradients, a_check_that_fails);
    tcase_add_test(gradients, the_data_is_normalised);
    tcase_add_test(gradients, the_first_weights);
    tcase_add_test(gradients, the_first_gradients);
    tcase_add_test(gradients, the_two_gradients_are_not_proportional);
    tcase_add_test(gradients, the_last_weights);

    TCase *linear = add_case(suite, "linear");
    tcase_add_test(linear, linear_descends_to_the_answer);

    SRunner *runner = srunner_create(suite);
    srunner_add_suite(runner, suite_iris_command());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return !remove_base() || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
