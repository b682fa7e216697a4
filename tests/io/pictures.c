/* tests/io/pictures.c: a gnuplot that keeps what it is told, for tests.
 *
 * SPDX-License-Identifier: MIT */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char path_before[4096];

/* A file in the directory of this run. */
typedef struct place {
    char path[600];
} place;

static place find(const char *name) {
    place p;
    snprintf(p.path, sizeof p.path, "%s/%s", getenv("TAPEGRAD_SCRATCH"), name);
    return p;
}

static void set_path(const char *path) {
    const char *before = getenv("PATH");
    if (!*path_before) snprintf(path_before, sizeof path_before, "%s", before ? before : "");
    setenv("PATH", path, 1);
}

void fake_gnuplot(const char *commands) {
    char path[5000], program[4096];
    real_gnuplot();
    mkdir(find("bin").path, 0755);
    snprintf(program, sizeof program, "#!/bin/sh\ncat >'%s'\n%s\n", find("script").path, commands);
    write_text(find("bin/gnuplot").path, program);
    chmod(find("bin/gnuplot").path, 0755);
    snprintf(path, sizeof path, "%s:%s", find("bin").path, getenv("PATH"));
    set_path(path);
}

void no_gnuplot(void) {
    mkdir(find("no programs").path, 0755);
    set_path(find("no programs").path);
}

void real_gnuplot(void) {
    if (*path_before) setenv("PATH", path_before, 1);
    path_before[0] = 0;
}

bool can_draw(const char *terminal) {
    char command[128];
    snprintf(command, sizeof command, "gnuplot -e 'set terminal %s' >/dev/null 2>&1", terminal);
    return system(command) == 0;
}

const char *script(void) {
    static char *text;
    size_t       count;
    free(text);
    text = (char *)read_bytes(find("script").path, &count);
    text[count] = 0;
    return text;
}
