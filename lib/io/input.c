/* io/input.c: a file as memory.
 *
 * Regular files only: a pipe or a device has no size that could be checked, and a directory no bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "io/input.h"

#include <stdlib.h>

#include "io/inflate.h"
#include "io/system.h"

static tg_status map(tgi_input_file *input, int fd, tgi_failure *failure) {
    struct stat status;
    if (fstat(fd, &status)) return tgi_failed_system(failure, "it cannot be looked at");
    if (!S_ISREG(status.st_mode))
        return tgi_failed(failure, TG_ERR_IO, S_ISDIR(status.st_mode) ? "it is a directory" : "it is no regular file");
    if ((uint64_t)status.st_size > SIZE_MAX / 2) return tgi_failed(failure, TG_ERR_IO, "it is too large for this machine");
    input->bytes = (const uint8_t *)"";
    if (status.st_size == 0) return TG_OK; /* which mmap does not take */
    input->size = input->mapped = (size_t)status.st_size;
    input->bytes = input->mapping = tgi_map_file(fd, input->size);
    if (!input->mapping) return tgi_failed_system(failure, "it cannot be mapped");
    return TG_OK;
}

tg_status tgi_open_input(tgi_input_file *input, bool decompress, tgi_failure *failure) {
    *input = (tgi_input_file){0};
    if (!failure->path) return tgi_failed(failure, TG_ERR_ARGUMENT, "the path is NULL");
    int fd = tgi_open_file(failure->path, O_RDONLY);
    if (fd < 0) return tgi_failed_system(failure, "it cannot be opened");
    map(input, fd, failure);
    close(fd);
    if (!failure->status && decompress && tgi_is_gzip(input->bytes, input->size))
        input->bytes = input->inflated = tgi_gunzip(input->bytes, input->size, &input->size, failure);
    if (failure->status) tgi_close_input(input);
    return failure->status;
}

void tgi_close_input(tgi_input_file *input) {
    if (input->mapping) tgi_unmap_file(input->mapping, input->mapped);
    free(input->inflated);
    *input = (tgi_input_file){0};
}
