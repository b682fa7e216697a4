/* io/archive.h: an archive: what safetensors and .npz have in common.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_ARCHIVE_H
#define TGI_IO_ARCHIVE_H

#include <tapegrad/io.h>

#include "io/input.h"
#include "io/stored.h"
#include "io/zip.h"

/* A tensor of an archive. */
typedef struct tgi_member {
    tg_archive_tensor info; /* name and dtype are in memory of their own */
    tgi_array         array;
    uint64_t          begin, end; /* where it is in the file */
    bool              zipped;     /* then in `zip`, and the elements begin at `start` of its bytes, inflated */
    tgi_zip_member    zip;
    uint64_t          start;
} tgi_member;

struct tg_archive {
    char          *path;
    tgi_failure    failure;
    tgi_input_file input;
    int64_t        count, capacity;
    tgi_member    *members;
    tgi_member   **sorted; /* by name */
    int64_t        metadata_count;
    tg_metadata   *metadata; /* each text in memory of its own */
};

/* Adds a tensor, and copies its name and that of its dtype; NULL without memory. */
tgi_member *tgi_add_member(tg_archive *archive, const char *name, size_t length, const char *stored, const tgi_array *array);

/* Adds metadata. */
tg_status tgi_add_metadata(tg_archive *archive, const char *key, const char *value);

/* Sorts the members by where they are in the file, and sees that they do not overlap. Returns them, for the caller to free, or NULL after
 * a failure. */
tgi_member **tgi_members_by_place(tg_archive *archive);

/* Read the directory of the mapped file. */
void tgi_open_safetensors(tg_archive *archive);
void tgi_open_npz(tg_archive *archive);

/* Takes over why it could not be opened. */
tg_status tgi_failed_archive(const tg_archive *archive, tgi_failure *failure);

/* The member of that name, or NULL. */
const tgi_member *tgi_find_member(const tg_archive *archive, const char *name);

/* Where its elements are, and of a zip file whether they are what they were: *owned is memory for the caller to free, or NULL. */
tg_status tgi_member_array(const tgi_member *member, tgi_array *array, void **owned, tgi_failure *failure);

#endif
