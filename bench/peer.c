/* bench/peer.c: see peer.h.
 *
 * SPDX-License-Identifier: MIT */
#include "peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *python, *script;
static int         threads;
static pid_t       process;
static FILE       *to_peer, *from_peer;
static bool        absent; /* it could not be started, or is gone */

void peer_is(const char *path, const char *program, int n) {
    python = path;
    script = program;
    threads = n;
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

/* Starts the script with its standard streams on pipes. */
static bool start(const char *mode, const char *argument) {
    int down[2], up[2];
    if (pipe(down) || pipe(up)) return false;
    process = fork();
    if (process < 0) return false;
    if (process == 0) {
        dup2(down[0], STDIN_FILENO);
        dup2(up[1], STDOUT_FILENO);
        close(down[1]);
        close(up[0]);
        execlp(python, python, script, mode, argument, (char *)NULL);
        perror(python);
        _exit(127);
    }
    close(down[0]);
    close(up[1]);
    to_peer = fdopen(down[1], "w");
    from_peer = fdopen(up[0], "r");
    return to_peer && from_peer;
}

void peer_end(void) {
    if (process <= 0) return;
    fclose(to_peer);
    fclose(from_peer);
    waitpid(process, NULL, 0);
    process = 0;
}

/* Its answer. False when it says no, having said why on stderr, or has ended. */
static bool answer(char *text, size_t size) {
    if (!fgets(text, (int)size, from_peer)) absent = true;
    return !absent && strcmp(text, "no\n") != 0;
}

static bool ask(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool ask(char *text, size_t size, const char *format, ...) {
    char    count[16];
    va_list arguments;
    if (absent) return false;
    snprintf(count, sizeof count, "%d", threads);
    if (!process && !start("serve", count)) absent = true;
    if (absent) return false;
    va_start(arguments, format);
    vfprintf(to_peer, format, arguments);
    va_end(arguments);
    return fflush(to_peer) == 0 && answer(text, size);
}

/* ---- what it is asked -------------------------------------------------------------------------------------------- */

enum { LINE = 1024 };

bool peer_setup(int rival, const char *work, const char *name) {
    char text[LINE];
    return ask(text, sizeof text, "setup\t%d\t%s\t%s\n", rival, work, name);
}

double peer_run(int rival, int64_t steps) {
    char text[LINE];
    return ask(text, sizeof text, "run\t%d\t%lld\n", rival, (long long)steps) ? strtod(text, NULL) : 0;
}

int peer_result(int rival, double *to, int most) {
    char text[LINE], *next = text;
    int  count = 0;
    if (!ask(text, sizeof text, "result\t%d\n", rival)) return -1;
    for (char *at = text; count < most; at = next) {
        to[count] = strtod(at, &next);
        if (next == at) break;
        count++;
    }
    return count;
}

void peer_clear(void) {
    char text[LINE];
    if (process) ask(text, sizeof text, "clear\n");
}

double peer_memory(const char *work, const char *name) {
    char text[LINE], command[LINE];
    snprintf(command, sizeof command, "'%s' '%s' memory '%s' '%s' %d", python, script, work, name, threads);
    FILE *output = popen(command, "r");
    bool  told = output && fgets(text, sizeof text, output);
    if (output) pclose(output);
    return told ? strtod(text, NULL) : 0;
}
