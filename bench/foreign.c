/* bench/foreign.c: see foreign.h.
 *
 * SPDX-License-Identifier: MIT */
#include "foreign.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What tg_compile asks for. */
#define FLAGS "-w -fPIC -shared -march=native -ffp-contract=off -fno-math-errno -fno-trapping-math -O3"

/* Runs a command that makes the object %s, and loads that; NULL when it fails. The command has two %s: the directory of this program's
 * sources or another one, and the object. */
static void *load(const char *format, const char *argument, const char *name) {
    char directory[] = "/tmp/bench-XXXXXX", object[64], command[2000];
    if (!mkdtemp(directory)) return NULL;
    snprintf(object, sizeof object, "%s/foreign", directory);
    int   length = snprintf(command, sizeof command, format, argument, object, object, object);
    void *found = NULL;
    if (length > 0 && (size_t)length < sizeof command && system(command) == 0) {
        snprintf(object, sizeof object, "%s/foreign.so", directory);
        void *handle = dlopen(object, RTLD_NOW);
        found = handle ? dlsym(handle, name) : NULL;
    }
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command)) perror("bench");
    return found;
}

void *casadi_function(const char *name) {
    const char *python = getenv("BENCH_PYTHON");
    if (!python) return NULL;
    return load("'%s' \"${BENCH_SOURCES:-bench}/casadi_c.py\" '%s.c' 2>/dev/null && ${CC:-cc} " FLAGS " -o '%s.so' '%s.c' -lm",
                python, name);
}

void *tapenade_function(const char *eval, const char *name) {
    const char *clone = getenv("GRADBENCH");
    char        format[1000];
    if (!clone) return NULL;
    snprintf(format, sizeof format,
             "cd '%%s/tools/tapenade' && ${CC:-cc} " FLAGS
             " -Iutils -o '%%s.so' evals/%s/%s.c evals/%s/%s_b.c utils/adBuffer.c "
             "utils/adStack.c -lm",
             eval, eval, eval, eval);
    return load(format, clone, name);
}

const struct cppad_calls *cppad_library(void) {
    const char *sources = getenv("BENCH_SOURCES");
    return load("pkg-config --exists cppad || { echo 'bench: pkg-config does not find cppad' >&2; exit 1; }; "
                "${CXX:-c++} -std=c++17 -DNDEBUG " FLAGS " $(pkg-config --cflags cppad) '%s/cppad_works.cpp' -o '%s.so' "
                "$(pkg-config --libs cppad) -Wl,-rpath,\"$(pkg-config --variable=libdir cppad)\"",
                sources ? sources : "bench", "cppad_works");
}
