/* io/open_npz.c: NumPy's .npz: a zip file whose members NAME.npy are .npy files.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/archive.h"
#include "io/inflate.h"
#include "io/npy.h"

/* As much of a deflated member as its header takes, in memory that the caller frees. */
static uint8_t *inflate_header(const tgi_zip_member *zip, tgi_failure *failure) {
    uint8_t  start[TGI_NPY_START];
    size_t   wanted = zip->size < sizeof start ? (size_t)zip->size : sizeof start;
    size_t   there = tgi_inflate_start(zip->packed, (size_t)zip->packed_size, start, wanted, failure);
    uint64_t begin = failure->status ? 0 : tgi_npy_begin(start, there < wanted ? there : zip->size, failure);
    uint8_t *header = begin ? malloc((size_t)begin) : NULL;
    if (begin && !header) tgi_failed_memory(failure);
    if (!header) return NULL;
    if (tgi_inflate_start(zip->packed, (size_t)zip->packed_size, header, (size_t)begin, failure) < begin)
        tgi_failed(failure, TG_ERR_IO, "the compressed data ends too early");
    return header;
}

static void add(tg_archive *archive, const tgi_zip_member *zip, const tgi_npy *npy) {
    size_t      length = zip->name_length - strlen(".npy");
    tgi_member *member = tgi_add_member(archive, zip->name, length, npy->stored, &npy->array);
    if (!member) return;
    if (!zip->deflated) member->array.bytes = zip->packed + npy->start;
    member->zipped = true;
    member->zip = *zip;
    member->start = npy->start;
    member->begin = zip->begin;
    member->end = zip->end;
}

/* Reads the header of a member, and lists it. */
static void read_member(tg_archive *archive, const tgi_zip_member *zip, char *name) {
    tgi_npy  npy;
    uint8_t *header = NULL;
    memcpy(name, zip->name, zip->name_length);
    name[zip->name_length] = 0;
    archive->failure.member = name;
    if (strlen(name) < zip->name_length) tgi_failed(&archive->failure, TG_ERR_IO, "its name has a NUL");
    if (zip->name_length < 5 || strcmp(name + zip->name_length - 4, ".npy") != 0)
        tgi_failed(&archive->failure, TG_ERR_IO, "it is no .npy file");
    if (!archive->failure.status && zip->deflated) header = inflate_header(zip, &archive->failure);
    if (!archive->failure.status && !tgi_read_npy(&npy, header ? header : zip->packed, zip->size, &archive->failure))
        add(archive, zip, &npy);
    free(header);
    archive->failure.member = NULL;
}

void tgi_open_npz(tg_archive *archive) {
    tgi_zip        zip;
    tgi_zip_member member;
    char          *name = malloc((1 << 16) + 1); /* of any member */
    if (!name) tgi_failed_memory(&archive->failure);
    if (name && !tgi_read_zip(&zip, archive->input.bytes, archive->input.size, &archive->failure))
        while (tgi_next_zip_member(&zip, &member, &archive->failure))
            read_member(archive, &member, name);
    free(name);
    if (!archive->failure.status) free(tgi_members_by_place(archive));
}
