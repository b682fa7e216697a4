/* io/output.c: a file that appears whole or not at all.
 *
 * It is written under another name in the same directory, which nobody else uses (O_EXCL), brought to the disk, and renamed. Renaming
 * is one step for all who look. The directory is brought to the disk too, or else the name might be lost with the power.
 *
 * SPDX-License-Identifier: MIT */
#include "io/output.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "io/system.h"

/* ---- the names --------------------------------------------------------------------------------------------------- */

/* The path that the first `length` characters of `to` are, seen from the directory of `path`. NULL without memory. */
static char *beside(const char *path, const char *to, size_t length) {
    size_t directory = *to == '/' ? 0 : tgi_directory_length(path);
    char  *joined = malloc(directory + length + 1);
    if (!joined) return NULL;
    memcpy(joined, path, directory);
    memcpy(joined + directory, to, length);
    joined[directory + length] = 0;
    return joined;
}

/* Sets output->target to what the path names in the end. Not realpath: a link may lead to a file that does not exist yet. */
static tg_status follow_links(tgi_output *output, tgi_failure *failure) {
    enum { MOST_LINKS = 40 };
    char to[PATH_MAX];
    output->target = beside("", failure->path, strlen(failure->path));
    for (int i = 0; output->target && i < MOST_LINKS; i++) {
        ssize_t length = tgi_read_link(output->target, to, sizeof to);
        if (length < 0) return TG_OK; /* no link, or nothing at all */
        char *next = beside(output->target, to, (size_t)length);
        free(output->target);
        output->target = next;
    }
    if (!output->target) return tgi_failed_memory(failure);
    errno = ELOOP;
    return tgi_failed_system(failure, "it cannot be written");
}

/* Creates the file under a name that nobody uses. A long name is cut, so that the system takes it. The umask gives the permissions, so
 * not mkstemp, which has no use for it. */
static int create(tgi_output *output, tgi_failure *failure) {
    enum { LONGEST_NAME = 200, MOST_TRIES = 1000 };
    size_t directory = tgi_directory_length(output->target), size = strlen(output->target) + 64;
    int    fd = -1;
    output->temporary = malloc(size);
    if (!output->temporary) {
        tgi_failed_memory(failure);
        return -1;
    }
    for (int i = 0; fd < 0 && i < MOST_TRIES; i++) {
        snprintf(output->temporary, size, "%.*s%.*s.%ld-%d.tmp", (int)directory, output->target, LONGEST_NAME,
                 output->target + directory, (long)getpid(), i);
        fd = tgi_open_file(output->temporary, O_RDWR | O_CREAT | O_EXCL);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) tgi_failed_system(failure, "no file can be made beside it");
    return fd;
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static void give_up(tgi_output *output) {
    if (output->stream) fclose(output->stream);
    if (output->temporary && *output->temporary) unlink(output->temporary);
    free(output->temporary);
    free(output->target);
    *output = (tgi_output){0};
}

/* The permissions of the file that is replaced, if there is one: a device, a pipe or a directory is left alone. */
static tg_status keep_permissions(const tgi_output *output, int fd, tgi_failure *failure) {
    struct stat there;
    if (stat(output->target, &there)) return TG_OK;
    if (!S_ISREG(there.st_mode))
        return tgi_failed(failure, TG_ERR_IO, S_ISDIR(there.st_mode) ? "it is a directory" : "it is no regular file");
    return tgi_set_permissions(fd, there.st_mode & 07777) ? tgi_failed_system(failure, "its permissions cannot be kept")
                                                          : TG_OK;
}

tg_status tgi_open_output(tgi_output *output, tgi_failure *failure) {
    *output = (tgi_output){0};
    if (!failure->path) return tgi_failed(failure, TG_ERR_ARGUMENT, "the path is NULL");
    int fd = follow_links(output, failure) ? -1 : create(output, failure);
    if (fd < 0) { /* there is no file, and another may have had the name */
        free(output->temporary);
        output->temporary = NULL;
    } else if (!keep_permissions(output, fd, failure)) {
        output->stream = fdopen(fd, "w+b");
        if (!output->stream) tgi_failed_system(failure, "it cannot be written");
    }
    if (fd >= 0 && !output->stream) close(fd);
    if (failure->status) give_up(output);
    return failure->status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

tg_status tgi_write(tgi_output *output, const void *bytes, size_t count, tgi_failure *failure) {
    if (failure->status || count == 0) return failure->status;
    if (fwrite(bytes, 1, count, output->stream) != count) return tgi_failed_system(failure, "it cannot be written");
    output->length += count;
    return TG_OK;
}

tg_status tgi_write_at(tgi_output *output, uint64_t offset, const void *bytes, size_t count, tgi_failure *failure) {
    if (failure->status) return failure->status;
    if (fseeko(output->stream, (off_t)offset, SEEK_SET) || fwrite(bytes, 1, count, output->stream) != count ||
        fseeko(output->stream, 0, SEEK_END))
        return tgi_failed_system(failure, "it cannot be written");
    return TG_OK;
}

tg_status tgi_write_elements(tgi_output *output, tg_dtype dtype, int64_t count, const void *elements, tgi_failure *failure) {
    size_t         width = tg_dtype_size(dtype);
    const uint8_t *from = elements;
    uint8_t        swapped[8];
    if (!TGI_BIG_ENDIAN) return tgi_write(output, elements, (size_t)count * width, failure);
    for (int64_t i = 0; i < count && !failure->status; i++, from += width)
        tgi_write(output, tgi_swap(swapped, from, width), width, failure);
    return failure->status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Brings the directory to the disk. */
static tg_status keep_name(const tgi_output *output, tgi_failure *failure) {
    size_t length = tgi_directory_length(output->target);
    char  *directory = output->temporary; /* long enough, and done with */
    snprintf(directory, length + 2, "%.*s", (int)length, output->target);
    if (length == 0) strcpy(directory, ".");
    if (tgi_sync_directory(directory))
        tgi_failed_system(failure, "it was written, but its directory cannot be brought to the disk");
    return failure->status;
}

tg_status tgi_close_output(tgi_output *output, tgi_failure *failure) {
    if (!failure->status && (fflush(output->stream) || tgi_sync_file(fileno(output->stream))))
        tgi_failed_system(failure, "it cannot be brought to the disk");
    if (fclose(output->stream)) tgi_failed_system(failure, "it cannot be written");
    output->stream = NULL;
    if (!failure->status && tgi_replace_file(output->temporary, output->target))
        tgi_failed_system(failure, "it cannot be replaced");
    if (!failure->status) {
        keep_name(output, failure);
        output->temporary[0] = 0; /* there is none to be removed */
    }
    give_up(output);
    return failure->status;
}
