/* tests/main.c: runs every suite, and reports each check by the Test Anything Protocol, which `make check` counts.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ops/op_table.h"

int main(void) {
    Suite *(*const suites[])(void) = {
#define SUITE(name) suite_##name,
#include "suite_list.h"
#undef SUITE
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
