/* examples/tool.c: other programs that draw pictures.
 *
 * What such a program reads comes from a file, not from a pipe: one that stops reading must not end this program.
 *
 * SPDX-License-Identifier: MIT */
#include "tool.h"

#ifdef _WIN32

const char *tool_obstacle(const char *name) {
    (void)name;
    return "this program does not start on Windows";
}

bool tool_run(const char *name, const char *argument, FILE *input, FILE *output) {
    (void)name, (void)argument, (void)input, (void)output;
    return false;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *tool_obstacle(const char *name) {
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0 ? NULL : "is not installed or not in PATH";
}

static bool move(int from, int to) {
    return from >= 0 && dup2(from, to) >= 0;
}

bool tool_run(const char *name, const char *argument, FILE *input, FILE *output) {
    rewind(input);
    pid_t child = fork();
    int   status;
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (move(fileno(input), STDIN_FILENO) && move(output ? fileno(output) : nowhere, STDOUT_FILENO) &&
            move(nowhere, STDERR_FILENO))
            execlp(name, name, argument, (char *)NULL);
        _exit(127);
    }
    if (child < 0) return false;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
