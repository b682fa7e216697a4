/* examples/graph.c: the recorded program as a picture, drawn by Graphviz.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "files.h"
#include "graph.h"
#include "tool.h"

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
    const char *obstacle = *argument ? tool_obstacle("dot") : NULL;
    if (obstacle) return complain("--graph needs dot, of Graphviz, which %s; a name that ends in .dot needs nothing", obstacle);
    return file_possible(path);
}

static bool draw(const char *argument, tg_tape *tape, FILE *picture) {
    FILE *source = tmpfile();
    bool  drawn = source && tg_write_dot(tape, source) == TG_OK && fflush(source) == 0 &&
                 tool_run("dot", argument, source, picture) && fseek(picture, 0, SEEK_END) == 0 && ftell(picture) > 0;
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
