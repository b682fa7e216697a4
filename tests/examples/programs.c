/* tests/examples/programs.c: running the examples as their users do.
 *
 * SPDX-License-Identifier: MIT */
#include "programs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Main makes one directory, and each test gets its own, empty, in there: a test that fails does not tidy up. */
static char base[] = "/tmp/tapegrad-iris-XXXXXX";
char home[HOME];

char out[PRINTED], err[PRINTED];

bool make_base(void) {
    if (!mkdtemp(base)) return false;
    snprintf(home, sizeof home, "%s/files", base);
    return setenv("T", home, 1) == 0 && setenv("IRIS", BUILD_DIR "/examples/iris_fnn", 1) == 0 &&
           setenv("LINEAR", BUILD_DIR "/examples/linear", 1) == 0 &&
           setenv("DATA", SOURCE_DIR "/data/iris.csv", 1) == 0;
}

bool remove_base(void) {
    return system("rm -rf \"${T%/files}\"") == 0;
}

void make_home(void) {
    ck_assert_int_eq(system("rm -rf \"$T\" && mkdir \"$T\""), 0);
}

void read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

const char *content(const char *name) {
    static char text[65536];
    char        path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    read_text(path, text, sizeof text);
    return text;
}

int entries(void) {
    int  count = 0;
    DIR *directory = opendir(home);
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

int run(const char *command) {
    char text[4096];
    int  length = snprintf(text, sizeof text, "{ %s\n} >\"$T.out\" 2>\"$T.err\"", command);
    ck_assert_int_lt(length, (int)sizeof text);
    int status = system(text);

    char path[256];
    snprintf(path, sizeof path, "%s.out", home);
    read_text(path, out, sizeof out);
    unlink(path);
    snprintf(path, sizeof path, "%s.err", home);
    read_text(path, err, sizeof err);
    unlink(path);
    ck_assert_msg(WIFEXITED(status), "%s: ended by signal %d", command, WTERMSIG(status));
    return WEXITSTATUS(status);
}

void succeeds(const char *command) {
    int code = run(command);
    ck_assert_msg(code == 0, "%s: exit code %d, %s", command, code, err);
    ck_assert_msg(!*err, "%s: printed on stderr: %s", command, err);
}

void refuses(const char *command, const char *expected) {
    int before = entries();
    int code = run(command);
    ck_assert_msg(code == 2, "%s: exit code %d, expected 2; %s", command, code, err);
    ck_assert_msg(strncmp(err, "iris_fnn: ", 10) == 0, "%s: stderr: %s", command, err);
    ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1, "%s: expected one line: %s", command, err);
    ck_assert_msg(strstr(err, expected) != NULL, "%s: expected '%s', found: %s", command, expected, err);
    ck_assert_msg(!*out, "%s: printed on stdout: %s", command, out);
    ck_assert_msg(entries() == before, "%s: left a file behind", command);
}

TCase *add_case(Suite *suite, const char *name) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, make_home, NULL);
    tcase_set_timeout(tcase, 300);
    suite_add_tcase(suite, tcase);
    return tcase;
}

void read_csv(const char *name, double *losses, int count) {
    const char *text = content(name);
    ck_assert_int_eq(strncmp(text, "epoch,loss\n", 11), 0);
    text += 11;
    for (int epoch = 0; epoch < count; epoch++) {
        char *end;
        ck_assert_int_eq(strtol(text, &end, 10), epoch);
        ck_assert_int_eq(*end, ',');
        losses[epoch] = strtod(end + 1, &end);
        ck_assert_int_eq(*end, '\n');
        text = end + 1;
    }
    ck_assert_str_eq(text, "");
}
