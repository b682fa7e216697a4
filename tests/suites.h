/* tests/suites.h: every suite of the test program, one a file of lib/, and what the tests share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>
#include <tapegrad.h>

/* core */
Suite *suite_error(void);
Suite *suite_line(void);
Suite *suite_shape(void);
Suite *suite_arena(void);
Suite *suite_pool(void);
Suite *suite_tape(void);
Suite *suite_record(void);

/* kernels */
Suite *suite_convolve(void);
Suite *suite_window(void);
Suite *suite_gamma(void);
Suite *suite_gemm(void);
Suite *suite_sum(void);
Suite *suite_vmath(void);
Suite *suite_factor(void);
Suite *suite_strided(void);
Suite *suite_mt19937(void);

/* run */
Suite *suite_leaf(void);
Suite *suite_value(void);
Suite *suite_run(void);
Suite *suite_threads(void);
Suite *suite_races(void);
Suite *suite_plan(void);
Suite *suite_alias(void);
Suite *suite_program(void);
Suite *suite_fusion(void);
Suite *suite_planned(void);
Suite *suite_ops_by_plan(void);
Suite *suite_run_elementwise(void);
Suite *suite_own_op(void);
Suite *suite_anomaly(void);

/* inspect */
Suite *suite_print(void);
Suite *suite_print_tensor(void);
Suite *suite_dot(void);

/* ops, grad, random, optim */
Suite *suite_elementwise(void);
Suite *suite_special(void);
Suite *suite_math(void);
Suite *suite_linalg(void);
Suite *suite_matmul(void);
Suite *suite_reduce(void);
Suite *suite_view(void);
Suite *suite_part(void);
Suite *suite_join(void);
Suite *suite_index(void);
Suite *suite_sort(void);
Suite *suite_extreme(void);
Suite *suite_scan(void);
Suite *suite_norm(void);
Suite *suite_conv(void);
Suite *suite_pooling(void);
Suite *suite_backward(void);
Suite *suite_history(void);
Suite *suite_own_rule(void);
Suite *suite_vjp(void);
Suite *suite_derivatives(void);
Suite *suite_jacobian(void);
Suite *suite_checkpoint(void);
Suite *suite_einsum(void);
Suite *suite_gradcheck(void);
Suite *suite_random(void);
Suite *suite_sgd(void);
Suite *suite_adam(void);
Suite *suite_step(void);

/* nn */
Suite *suite_activation(void);
Suite *suite_softmax(void);
Suite *suite_loss(void);
Suite *suite_class_loss(void);
Suite *suite_attention(void);
Suite *suite_dropout(void);
Suite *suite_normalization(void);

/* How many representable numbers lie between a and b. */
int64_t ulps_f32(float a, float b);
int64_t ulps_f64(double a, double b);

/* A file below the source tree: source_path("data/iris.csv"). The text is valid until the next call. */
const char *source_path(const char *below);

#endif
