/* examples/write_c.c: a tape as C files that appear whole or not at all.
 *
 * SPDX-License-Identifier: MIT */
#include "write_c.h"

#include <stdio.h>

#include "complain.h"
#include "files.h"

enum { PATH_BYTES = 4096 };

static bool start(new_file *file, char path[PATH_BYTES], const char *directory, const char *prefix, const char *suffix) {
    if (snprintf(path, PATH_BYTES, "%s/%s.%s", directory, prefix, suffix) < PATH_BYTES) return file_start(file, path);
    return complain("%s: the path is too long", directory);
}

static bool finish(new_file *source, new_file *header) {
    bool finished = file_finish(source);
    return file_finish(header) && finished;
}

bool write_c(tg_tape *tape, const char *directory, const char *prefix, const char *function) {
    char             paths[2][PATH_BYTES];
    new_file         source, header;
    tg_emit_function f = {.name = function};
    tg_emit_options  options = {.prefix = prefix, .function_count = 1, .functions = &f};
    if (!start(&source, paths[0], directory, prefix, "c")) return false;
    if (!start(&header, paths[1], directory, prefix, "h")) {
        file_abandon(&source);
        return false;
    }
    if (!tg_emit_c(tape, source.stream, header.stream, &options)) return finish(&source, &header);
    file_abandon(&source);
    file_abandon(&header);
    return complain_of(tape);
}
