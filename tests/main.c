/* tests/main.c: runs every suite, and reports each check by the Test Anything Protocol, which `make check` counts.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ops/op_table.h"

int main(void) {
    Suite *(*const suites[])(void) = {
        suite_error,
        suite_line,
        suite_shape,
        suite_arena,
        suite_pool,
        suite_tape,
        suite_record,
        suite_convolve,
        suite_window,
        suite_gamma,
        suite_gemm,
        suite_sum,
        suite_vmath,
        suite_factor,
        suite_strided,
        suite_mt19937,
        suite_leaf,
        suite_value,
        suite_run,
        suite_alias,
        suite_program,
        suite_run_elementwise,
        suite_threads,
        suite_races,
        suite_plan,
        suite_own_op,
        suite_anomaly,
        suite_print,
        suite_print_tensor,
        suite_dot,
        suite_fusion,
        suite_planned,
        suite_ops_by_plan,
        suite_elementwise,
        suite_special,
        suite_math,
        suite_linalg,
        suite_matmul,
        suite_reduce,
        suite_view,
        suite_part,
        suite_join,
        suite_index,
        suite_sort,
        suite_extreme,
        suite_scan,
        suite_norm,
        suite_backward,
        suite_history,
        suite_own_rule,
        suite_vjp,
        suite_derivatives,
        suite_jacobian,
        suite_checkpoint,
        suite_einsum,
        suite_gradcheck,
        suite_random,
        suite_sgd,
        suite_activation,
        suite_softmax,
        suite_loss,
        suite_class_loss,
        suite_attention,
        suite_dropout,
        suite_normalization,
        suite_conv,
        suite_pooling,
        suite_adam,
        suite_step,
    };
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    print_count();
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
