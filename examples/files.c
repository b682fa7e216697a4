/* examples/files.c: files that appear whole or not at all.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "files.h"

#ifdef _WIN32 /* whose rename does not replace a file */
#include <windows.h>
#define O_CLOEXEC O_NOINHERIT
#define rename(from, to) (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) ? 0 : (errno = EACCES, -1))
#endif

/* A name that nobody uses, and a file of that name. Not mkstemp: the file is to have the rights that the user's umask
 * gives. Relative names get a "./", so that a name such as "|x.png" is a file's name to every program. */
static int create_beside(char *name, size_t size, const char *path) {
    const char *prefix = strchr(path, '/') ? "" : "./";
    int         fd = -1;
    for (int i = 0; i < 100 && fd < 0; i++) {
        snprintf(name, size, "%s%s.%ld-%d.tmp", prefix, path, (long)getpid(), i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    return fd;
}

bool file_start(new_file *file, const char *path) {
    /* A rename would replace a device or a pipe, /dev/null for one, by a file. */
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return complain("%s: %s", path, S_ISDIR(there.st_mode) ? strerror(EISDIR) : "Not a regular file");

    size_t size = strlen(path) + 64;
    *file = (new_file){.path = path, .temporary = malloc(size)};
    int fd = file->temporary ? create_beside(file->temporary, size, path) : -1;
    if (fd >= 0) file->stream = fdopen(fd, "w");
    if (file->stream) return true;

    complain("%s: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
        unlink(file->temporary);
    }
    free(file->temporary);
    return false;
}

bool file_finish(new_file *file) {
    errno = EIO; /* for a write that failed long ago; what fails now says more */
    bool ok = !ferror(file->stream);
    if (fclose(file->stream) != 0) ok = false;
    if (ok && rename(file->temporary, file->path) != 0) ok = false;
    if (!ok) {
        complain("%s: %s", file->path, strerror(errno));
        unlink(file->temporary);
    }
    free(file->temporary);
    return ok;
}

void file_abandon(new_file *file) {
    fclose(file->stream);
    unlink(file->temporary);
    free(file->temporary);
}

bool file_possible(const char *path) {
    new_file file;
    if (!file_start(&file, path)) return false;
    file_abandon(&file);
    return true;
}

bool file_write_losses(const char *path, const double *losses, int count) {
    new_file file;
    if (!file_start(&file, path)) return false;
    fprintf(file.stream, "epoch,loss\n");
    for (int epoch = 0; epoch < count; epoch++)
        fprintf(file.stream, "%d,%.17g\n", epoch, losses[epoch]);
    return file_finish(&file);
}
