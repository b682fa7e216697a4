/* tests/io/main.c: the tests of libtapegrad-io. Their files are in a directory of this run, which is removed in the end.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* nftw */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

int main(void) {
    Suite *(*const suites[])(void) = {
#define SUITE(name) suite_##name,
#include "io_suite_list.h"
#undef SUITE
    };
    char        directory[512];
    const char *place = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/tapegrad-io-XXXXXX", place ? place : "/tmp");
    if (!mkdtemp(directory) || setenv("TAPEGRAD_SCRATCH", directory, 1)) return perror(directory), EXIT_FAILURE;

    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
