/* tests/examples/test_allocation.c: what the library asks of the allocator when it trains a network.
 *
 * A training step allocates nothing once it has run twice; and whichever allocation fails, there is an error that says so, nothing
 * leaks, and the same tape goes on to the same result.
 *
 * SPDX-License-Identifier: MIT */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <unistd.h>

#include "allocation.h"

/* ---- a network to train: the iris network on made-up data -------------------------------------------------------- */

typedef struct network {
    tg_tape  *tape;
    tg_tensor x, y, w1, w2, loss;
    tg_mark   start;
} network;

static void build(network *net) {
    tg_tape *tape = net->tape;
    tg_seed(tape, 2);
    net->x = tg_rand(tape, TG_F32, TG_SHAPE(100, 2));
    net->y = tg_bernoulli(tape, TG_F32, TG_SHAPE(100, 1), 0.5);
    net->w1 = tg_parameter(tape, "w1", tg_randn(tape, TG_F32, TG_SHAPE(2, 32)));
    net->w2 = tg_parameter(tape, "w2", tg_randn(tape, TG_F32, TG_SHAPE(32, 1)));
    net->start = tg_tape_mark(tape);
}

static void record_step(network *net) {
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(net->x, net->w1)), net->w2));
    net->loss = tg_neg(tg_mean(tg_add(tg_mul(net->y, tg_log(y_hat)), tg_mul(tg_sub(1, net->y), tg_log(tg_sub(1, y_hat))))));
    tg_backward(net->loss);
    tg_sgd_step(net->tape, 0.5);
    tg_adam_step(net->tape, 0.01, NULL);
}

/* ---- the steady state -------------------------------------------------------------------------------------------- */

enum { EPOCHS = 50 };

static double epoch_recorded_once(network *net, int epoch) {
    if (epoch == 0) record_step(net);
    tg_run(net->tape);
    return tg_item(net->loss);
}

static double epoch_recorded_each_time(network *net, int epoch) {
    (void)epoch;
    record_step(net);
    double loss = tg_item(net->loss);
    tg_rewind(net->tape, net->start);
    return loss;
}

static double (*const styles[])(network *, int) = {epoch_recorded_once, epoch_recorded_each_time};

START_TEST(no_epoch_after_the_second_allocates_or_frees) {
    watch();
    network net = {.tape = tg_tape_new()};
    build(&net);
    double loss = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        long before = calls;
        loss = styles[_i](&net, epoch);
        if (epoch >= 2) unwatched(ck_assert_int_eq(calls, before));
    }
    unwatched(ck_assert_str_eq(tg_error(net.tape), ""));
    unwatched(ck_assert(loss > 0 && loss < 1));
    tg_tape_free(net.tape);
    unwatched(ck_assert_int_eq(live, 0));
}
END_TEST

/* ---- one failure, wherever ---------------------------------------------------------------------------------------- */

static double train(double (*epoch)(network *, int), network *net) {
    double loss = 0;
    build(net);
    for (int i = 0; i < 3; i++)
        loss = epoch(net, i);
    return loss;
}

static double train_undisturbed(double (*epoch)(network *, int)) {
    network net = {.tape = tg_tape_new()};
    double  loss = train(epoch, &net);
    tg_tape_free(net.tape);
    return loss;
}

START_TEST(each_allocation_that_fails_is_an_error_after_which_the_tape_still_works) {
    watch();
    double expected = train_undisturbed(styles[_i]);
    long   failures = 0;
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        network net = {.tape = tg_tape_new()};
        if (!net.tape) continue;
        tg_mark empty = tg_tape_mark(net.tape);
        double  loss = train(styles[_i], &net);
        failed = until_failure == 0;
        if (failed) {
            unwatched(ck_assert_int_eq(tg_error_status(net.tape), TG_ERR_MEMORY));
            unwatched(ck_assert_ptr_nonnull(strstr(tg_error(net.tape), "out of memory")));
            unwatched(ck_assert_msg(strstr(tg_error(net.tape), "test_allocation.c:"), "failure %ld: %s", failures,
                                    tg_error(net.tape)));
            tg_clear_error(net.tape);
            tg_rewind(net.tape, empty);
            loss = train(styles[_i], &net);
        }
        until_failure = 0;
        unwatched(ck_assert_str_eq(tg_error(net.tape), ""));
        unwatched(ck_assert(loss == expected));
        tg_tape_free(net.tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

/* A kept view has the old value, and the leaf other memory; a leaf that is put into itself is copied. */
static double assign_parts(tg_tape *tape) {
    static const double values[] = {1, 2, 3, 4, 5, 6};
    tg_tensor           x = tg_input(tape, "x", TG_F64, TG_SHAPE(3, 2));
    tg_write(x, values, 6);
    tg_tensor view = tg_slice(x, 0, 1, 3, 1);
    tg_assign_slice(x, 0, TG_END, TG_BEGIN, -1, x);
    tg_assign_at(x, TG_LIST(tg_num(1)), tg_sum_axes(view, TG_AXES(0), false));
    tg_run(tape);
    return tg_item(tg_add(tg_sum(view), tg_mul(100, tg_sum(x))));
}

START_TEST(parts_of_leaves_are_assigned_whichever_allocation_fails) {
    watch();
    long failures = 0;
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        tg_tape *tape = tg_tape_new();
        if (!tape) continue;
        tg_mark empty = tg_tape_mark(tape);
        double  sum = assign_parts(tape);
        failed = until_failure == 0;
        until_failure = 0;
        if (failed) {
            unwatched(ck_assert_int_eq(tg_error_status(tape), TG_ERR_MEMORY));
            tg_clear_error(tape);
            tg_discard(tape, empty);
            sum = assign_parts(tape);
        }
        unwatched(ck_assert_str_eq(tg_error(tape), ""));
        unwatched(ck_assert_double_eq(sum, 18 + 100 * (5 + 6 + 8 + 10 + 1 + 2)));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

/* A run that stops for want of memory goes on where it stopped: nothing is done twice, nothing is left out. */
START_TEST(a_run_that_failed_goes_on_where_it_stopped) {
    watch();
    network net = {.tape = tg_tape_new()};
    build(&net);
    record_step(&net);
    double first = tg_item(net.loss), second;
    float  expected[64], w1[64];
    tg_run_pending(net.tape);
    tg_read(net.w1, expected, 64);
    tg_tape_free(net.tape);

    long failures = 0;
    for (bool failed = true; failed; failures += failed) {
        net.tape = tg_tape_new();
        build(&net);
        record_step(&net);
        until_failure = failures + 1;
        second = tg_item(net.loss);
        tg_run_pending(net.tape);
        failed = until_failure == 0;
        until_failure = 0;
        if (failed) {
            unwatched(ck_assert_int_eq(tg_error_status(net.tape), TG_ERR_MEMORY));
            tg_clear_error(net.tape);
            second = tg_item(net.loss);
            tg_run_pending(net.tape);
        }
        tg_read(net.w1, w1, 64);
        unwatched(ck_assert_str_eq(tg_error(net.tape), ""));
        unwatched(ck_assert(second == first));
        unwatched(ck_assert_mem_eq(w1, expected, sizeof w1));
        tg_tape_free(net.tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 3));
}
END_TEST

/* A number from layers that update a leaf, draw, and are made of many instructions. */
static tg_tensor record_layers(tg_tape *tape, tg_tensor x, tg_tensor mean, tg_tensor variance) {
    tg_tensor h = tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, true, 0.5, 1e-5);
    tg_tensor mask = tg_full(tape, TG_BOOL, TG_SHAPE(20, 20), 1);
    h = tg_scaled_dot_product_attention(h, h, h, mask, &(tg_attention_options){.causal = true, .dropout = 0.5});
    return tg_sum(tg_square(tg_dropout(tg_layer_norm(h, 1, 2, TG_NONE, 1e-5), 0.5, true)));
}

/* Wherever memory ends, a call leaves nothing behind, and a run goes on: each update happens once, each number is drawn once. */
START_TEST(layers_that_failed_are_recorded_again_or_go_on) {
    watch();
    double expected[2] = {0}, got[2];
    long   failures = 0;
    for (bool failed = true; failed; failures += failed) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_rand(tape, TG_F64, TG_SHAPE(20, 16)), mean = tg_input(tape, "mean", TG_F64, TG_SHAPE(16));
        tg_tensor variance = tg_input(tape, "variance", TG_F64, TG_SHAPE(16));
        tg_mark   mark = tg_tape_mark(tape);
        until_failure = failures; /* 0: none, for what is expected */
        tg_tensor y = record_layers(tape, x, mean, variance);
        got[0] = tg_item(y);
        failed = failures == 0 || until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_int_eq(tg_error_status(tape), failed && failures ? TG_ERR_MEMORY : TG_OK));
        tg_clear_error(tape);
        if (!tg_valid(y)) {
            tg_discard(tape, mark);
            y = record_layers(tape, x, mean, variance);
        }
        got[0] = tg_item(y);
        got[1] = tg_item(tg_add(tg_sum(mean), tg_sum(variance)));
        if (failures == 0) memcpy(expected, got, sizeof got);
        unwatched(ck_assert_mem_eq(got, expected, sizeof got));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

/* A gradient check borrows buffers, moves inputs and records: a failure anywhere in it leaves the tape as it was. */
START_TEST(a_gradient_check_that_fails_leaves_the_tape_as_it_was) {
    watch();
    const double start[] = {0.5, -1, 2};
    double       after[3];
    long         failures = 0;
    for (bool failed = true; failed; failures += failed) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3));
        tg_write(x, start, 3);
        tg_tensor y = tg_mul(tg_sin(x), tg_transpose(tg_reshape(x, TG_SHAPE(3, 1)), 0, 1));
        int64_t   count = tg_instruction_count(tape);
        until_failure = failures + 1;
        tg_status status = tg_gradcheck(y, 1, &x, &(tg_gradcheck_report){.order = 2});
        failed = until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_int_eq(status, failed ? TG_ERR_MEMORY : TG_OK));
        tg_clear_error(tape);
        unwatched(ck_assert_int_eq(tg_instruction_count(tape), count));
        tg_read(x, after, 3);
        unwatched(ck_assert_mem_eq(after, start, sizeof start));
        status = tg_gradcheck(y, 1, &x, NULL);
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(status, TG_OK));
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 3));
}
END_TEST

/* A Jacobian, by rows and by columns, and a Hessian. */
static tg_tensor record_matrix(tg_tensor x, int which) {
    if (which == 0) return tg_jacobian(tg_slice(tg_square(x), 0, 0, 2, 1), x);
    if (which == 1) return tg_jacobian(tg_mul(x, tg_reshape(x, TG_SHAPE(3, 1))), x);
    return tg_hessian(tg_prod(x), x);
}

START_TEST(a_matrix_of_derivatives_that_fails_leaves_the_tape_as_it_was) {
    watch();
    double found[27], expected[27];
    long   failures = -1;
    for (bool failed = true; failed; failures += failed) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(3), (double[]){0.5, -1, 2}));
        until_failure = failures + 1; /* the first time, none does */
        tg_tensor matrix = record_matrix(x, _i);
        tg_read(matrix, found, tg_size(matrix));
        failed = failures < 0 || until_failure == 0;
        until_failure = 0;
        if (failed && failures >= 0) {
            unwatched(ck_assert_int_eq(tg_error_status(tape), TG_ERR_MEMORY));
            unwatched(ck_assert_msg(strstr(tg_error(tape), "test_allocation.c:"), "failure %ld: %s", failures, tg_error(tape)));
            tg_clear_error(tape);
            matrix = record_matrix(x, _i);
            tg_read(matrix, found, tg_size(matrix));
        }
        unwatched(ck_assert_str_eq(tg_error(tape), ""));
        size_t bytes = (size_t)tg_size(matrix) * sizeof *found;
        if (failures < 0) memcpy(expected, found, bytes);
        unwatched(ck_assert_mem_eq(found, expected, bytes));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 3));
}
END_TEST

/* A step of convolution and pooling, whose kernels take memory of their own, also for operands that are not in one piece. */
static tg_tensor record_images(tg_tape *tape, tg_tensor *w) {
    tg_seed(tape, 2);
    tg_tensor x = tg_transpose(tg_rand(tape, TG_F32, TG_SHAPE(2, 3, 12, 10)), -1, -2);
    *w = tg_parameter(tape, "w", tg_randn(tape, TG_F32, TG_SHAPE(4, 3, 3, 3)));
    tg_tensor b = tg_parameter(tape, "b", tg_randn(tape, TG_F32, TG_SHAPE(4)));
    tg_tensor y = tg_max_pool2d(tg_conv2d(x, *w, b, &(tg_conv_options){.padding = {1, 1}}), 2, 2, NULL);
    y = tg_conv_transpose2d(tg_transpose(tg_transpose(y, -1, -2), -1, -2), *w, TG_NONE, &(tg_conv_options){.stride = {2, 2}});
    tg_tensor loss = tg_mean(tg_square(tg_avg_pool2d(y, 3, 2, NULL)));
    tg_backward(loss);
    tg_sgd_step(tape, 0.1);
    return loss;
}

START_TEST(each_allocation_that_fails_in_a_convolution_can_be_made_up_for) {
    watch();
    tg_tensor w;
    tg_tape  *tape = tg_tape_new();
    double    first = tg_item(record_images(tape, &w)), second;
    float     expected[108], after[108];
    long      failures = 0, before = 0;
    tg_run_pending(tape);
    tg_read(w, expected, 108);
    for (int run = 0; run < 4; run++) {
        if (run == 2) before = calls;
        tg_run(tape);
    }
    unwatched(ck_assert_int_eq(calls, before));
    tg_tape_free(tape);
    for (bool failed = true; failed; failures += failed) {
        tape = tg_tape_new();
        tg_tensor loss = record_images(tape, &w);
        until_failure = failures + 1;
        second = tg_item(loss);
        tg_run_pending(tape);
        failed = until_failure == 0;
        until_failure = 0;
        if (failed) {
            unwatched(ck_assert_int_eq(tg_error_status(tape), TG_ERR_MEMORY));
            tg_clear_error(tape);
            second = tg_item(loss);
            tg_run_pending(tape);
        }
        tg_read(w, after, 108);
        unwatched(ck_assert_str_eq(tg_error(tape), ""));
        unwatched(ck_assert(second == first));
        unwatched(ck_assert_mem_eq(after, expected, sizeof after));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

/* ---- the iris example as a whole ---------------------------------------------------------------------------------- */

int iris_main(int argc, char **argv);

/* Runs the example with stdout discarded; what it writes on stderr goes to `text`. */
static int run_iris(char **argv, char *text, size_t size) {
    int   argc = 0, saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    FILE *err = tmpfile();
    while (argv[argc])
        argc++;
    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    int code = iris_main(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    close(null);
    rewind(err);
    text[fread(text, 1, size - 1, err)] = 0;
    fclose(err);
    return code;
}

static char *arguments[][10] = {
    {"iris_fnn", "--epochs", "3", "--check", NULL},
    {"iris_fnn", "--epochs", "3", "--record", "each", "--dtype", "f64", "--loss", "bce", NULL},
};

START_TEST(each_allocation_that_fails_in_the_iris_example_is_one_clear_line) {
    watch();
    char text[1024];
    long failures = 0;
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        int code = run_iris(arguments[_i], text, sizeof text);
        failed = until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_int_eq(live, 0));
        if (!failed) {
            unwatched(ck_assert_int_eq(code, 0));
            unwatched(ck_assert_str_eq(text, ""));
        } else {
            unwatched(ck_assert_msg(code == 2, "failure %ld: exit %d, %s", failures, code, text));
            unwatched(ck_assert_ptr_nonnull(strstr(text, "out of memory")));
            unwatched(ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1));
        }
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("allocation");
    TCase *tcase = tcase_create("allocation");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, no_epoch_after_the_second_allocates_or_frees, 0, 2);
    tcase_add_loop_test(tcase, each_allocation_that_fails_is_an_error_after_which_the_tape_still_works, 0, 2);
    tcase_add_test(tcase, parts_of_leaves_are_assigned_whichever_allocation_fails);
    tcase_add_test(tcase, a_run_that_failed_goes_on_where_it_stopped);
    tcase_add_test(tcase, layers_that_failed_are_recorded_again_or_go_on);
    tcase_add_test(tcase, a_gradient_check_that_fails_leaves_the_tape_as_it_was);
    tcase_add_loop_test(tcase, a_matrix_of_derivatives_that_fails_leaves_the_tape_as_it_was, 0, 3);
    tcase_add_test(tcase, each_allocation_that_fails_in_a_convolution_can_be_made_up_for);
    tcase_add_loop_test(tcase, each_allocation_that_fails_in_the_iris_example_is_one_clear_line, 0, 2);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, layer_allocation());
    suite_add_tcase(suite, emit_allocation());
    suite_add_tcase(suite, op_allocation());
    suite_add_tcase(suite, optimizer_allocation());
    suite_add_tcase(suite, loop_allocation());
    suite_add_tcase(suite, steady_models());
    suite_add_tcase(suite, solver_allocation());

    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
