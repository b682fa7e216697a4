/* tests/io/main.c: the tests of libtapegrad-io. Their files are in a directory of this run, which is removed in the end.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* nftw */
#include <stdio.h>
#include <stdlib.h>

#include "files.h"

enum { PLACE = 512 }; /* the characters of a path */

#ifdef _WIN32
#include <direct.h>
#include <io.h>

static bool make_directory(char *directory) {
    const char *place = getenv("TEMP");
    snprintf(directory, PLACE, "%s\\tapegrad-io-XXXXXX", place ? place : ".");
    return _mktemp(directory) && !_mkdir(directory);
}

static void remove_directory(const char *directory) {
    char command[PLACE + 20];
    snprintf(command, sizeof command, "rmdir /s /q \"%s\"", directory);
    if (system(command)) perror(directory);
}
#else
#include <ftw.h>

static bool make_directory(char *directory) {
    const char *place = getenv("TMPDIR");
    snprintf(directory, PLACE, "%s/tapegrad-io-XXXXXX", place ? place : "/tmp");
    return mkdtemp(directory);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_directory(const char *directory) {
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
#endif

int main(void) {
    Suite *(*const suites[])(void) = {
#define SUITE(name) suite_##name,
#include "io_suite_list.h"
#undef SUITE
    };
    char directory[PLACE];
    if (!make_directory(directory)) return perror(directory), EXIT_FAILURE;
    set_environment("TAPEGRAD_SCRATCH", directory);

    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_directory(directory);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
