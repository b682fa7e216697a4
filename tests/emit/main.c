/* tests/emit/main.c: runs the suites of tapes as C, which compile what is written.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "emit/emitted.h"

int main(void) {
    SRunner *runner = srunner_create(suite_emit());
    srunner_add_suite(runner, suite_emit_loops());
    srunner_add_suite(runner, suite_own_math());
    srunner_add_suite(runner, suite_emit_random());
    srunner_add_suite(runner, suite_emit_ops());
    srunner_add_suite(runner, suite_compile());
    srunner_add_suite(runner, suite_compiler());
    srunner_add_suite(runner, suite_fast_math());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
