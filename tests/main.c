/* tests/main.c: runs every suite, and reports each check by the Test Anything Protocol, which `make check` counts.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

static int64_t ordered(int64_t bits, int64_t sign) {
    return bits < 0 ? sign - bits : bits;
}

int64_t ulps_f32(float a, float b) {
    int32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return llabs(ordered(x, INT32_MIN) - ordered(y, INT32_MIN));
}

int64_t ulps_f64(double a, double b) {
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return llabs(ordered(x, INT64_MIN) - ordered(y, INT64_MIN));
}

const char *source_path(const char *below) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, below);
    return path;
}

int main(void) {
    Suite *(*const suites[])(void) = {
        suite_error, suite_line, suite_shape, suite_arena, suite_pool, suite_tape, suite_record, suite_kernel_conv, suite_kernel_pooling,
        suite_gamma, suite_gemm,
        suite_sum, suite_kernel_linalg, suite_strided, suite_mt19937, suite_leaf, suite_value, suite_run, suite_alias,
        suite_program, suite_run_elementwise, suite_own_op, suite_anomaly, suite_print, suite_print_tensor, suite_dot,
        suite_elementwise, suite_special, suite_math, suite_linalg, suite_matmul, suite_reduce, suite_view, suite_part,
        suite_join, suite_index, suite_sort, suite_extreme, suite_scan, suite_norm, suite_conv, suite_pooling, suite_backward, suite_history,
        suite_own_rule, suite_vjp, suite_derivatives, suite_einsum, suite_gradcheck, suite_random, suite_sgd,
        suite_activation,
    };
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
