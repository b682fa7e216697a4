/* examples/graph.c: the recorded program as a picture, drawn by Graphviz.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"
#include "files.h"
#include "graph.h"

/* The argument that makes dot write the format; "" where dot is not needed; NULL for no format that is known. */
static const char *argument_for(const char *path) {
    static const char *const known[][2] = {{".dot", ""}, {".svg", "-Tsvg"}, {".png", "-Tpng"}};
    const char              *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix && i < sizeof known / sizeof *known; i++)
        if (strcmp(suffix, known[i][0]) == 0) return known[i][1];
    return NULL;
}

bool graph_possible(const char *path) {
    const char *argument = argument_for(path);
    if (!argument) return complain("--graph: expected a name that ends in .dot, .svg or .png, found '%s'", path);
    if (*argument && system("command -v dot >/dev/null 2>&1") != 0)
        return complain("--graph needs dot, of Graphviz, which is not installed or not in PATH; a name that ends in .dot "
                        "needs nothing");
    return file_possible(path);
}

static bool move(int from, int to) {
    return from >= 0 && dup2(from, to) >= 0;
}

/* True when dot was there and said nothing but yes. */
static bool run_dot(const char *argument, FILE *source, FILE *picture) {
    pid_t child = fork();
    int   status;
    if (child == 0) {
        if (move(fileno(source), STDIN_FILENO) && move(fileno(picture), STDOUT_FILENO) &&
            move(open("/dev/null", O_WRONLY), STDERR_FILENO))
            execlp("dot", "dot", argument, (char *)NULL);
        _exit(127);
    }
    if (child < 0) return false;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What dot reads comes from a file without a name, not from a pipe, for a dot that stops reading must not end this
 * program. */
static bool draw(const char *argument, tg_tape *tape, FILE *picture) {
    FILE *source = tmpfile();
    bool  drawn = source && tg_write_dot(tape, source) == TG_OK && fseek(source, 0, SEEK_SET) == 0 &&
                 run_dot(argument, source, picture) && fseek(picture, 0, SEEK_END) == 0 && ftell(picture) > 0;
    if (source) fclose(source);
    return drawn;
}

bool graph_write(const char *path, tg_tape *tape) {
    const char *argument = argument_for(path);
    new_file    file;
    if (!file_start(&file, path)) return false;
    if (*argument ? draw(argument, tape, file.stream) : tg_write_dot(tape, file.stream) == TG_OK) return file_finish(&file);
    file_abandon(&file);
    if (tg_error_status(tape) != TG_OK) return complain("%s: %s", path, tg_error(tape));
    return complain("%s: dot could not draw it (dot %s)", path, argument);
}
