/* io/save_npz.c: tensors into NumPy's .npz.
 *
 * Every record has the 64-bit fields of zip64, so that there is one form for members of any size. A member's own header is written before
 * its sizes and its checksum are known, and once more when they are.
 *
 * SPDX-License-Identifier: MIT */
#define ZLIB_CONST
#include <stdlib.h>
#include <string.h>
#include <tapegrad/io.h>
#include <zlib.h>

#include "io/inflate.h"
#include "io/npy.h"
#include "io/output.h"
#include "io/save_safetensors.h"
#include "io/system.h"
#include "io/zip.h"

enum { VERSION = 45, UTF8 = 1 << 11, FIRST_DAY = 0x21, PIECE = 1 << 15 }; /* zip64; names are UTF-8; of 1980 */

/* A member that was written, for the directory. */
typedef struct written {
    uint64_t offset, size, packed;
    uint32_t crc;
} written;

/* ---- records: numbers of up to 8 bytes, one after another -------------------------------------------------------- */

typedef struct record {
    uint8_t bytes[128];
    size_t  length;
} record;

static void put(record *r, int bytes, uint64_t number) {
    for (int i = 0; i < bytes; i++)
        r->bytes[r->length++] = (uint8_t)(number >> (8 * i));
}

/* What a member's own header and the directory have in common. */
static void put_member(record *r, bool compressed, const written *m, size_t name) {
    put(r, 2, VERSION);
    put(r, 2, UTF8);
    put(r, 2, compressed ? TGI_ZIP_DEFLATED : TGI_ZIP_STORED);
    put(r, 2, 0);
    put(r, 2, FIRST_DAY);
    put(r, 4, m->crc);
    put(r, 4, 0xffffffff);
    put(r, 4, 0xffffffff);
    put(r, 2, name);
}

static void write_record(tgi_output *output, const record *r, tgi_failure *failure) {
    tgi_write(output, r->bytes, r->length, failure);
}

static void write_name(tgi_output *output, const char *name, tgi_failure *failure) {
    tgi_write(output, name, strlen(name), failure);
    tgi_write(output, ".npy", 4, failure);
}

/* A member's header up to its name, and the extra field behind the name. */
static record local_header(bool compressed, const written *m, size_t name) {
    record r = {.length = 0};
    put(&r, 4, TGI_ZIP_LOCAL);
    put_member(&r, compressed, m, name);
    put(&r, 2, 20);
    return r;
}

static record local_extra(const written *m) {
    record r = {.length = 0};
    put(&r, 2, 1);
    put(&r, 2, 16);
    put(&r, 8, m->size);
    put(&r, 8, m->packed);
    return r;
}

/* ---- a member ---------------------------------------------------------------------------------------------------- */

typedef struct packer {
    tgi_output  *output;
    tgi_failure *failure;
    written     *member;
    bool         compressed;
    z_stream     z;
} packer;

/* Deflates and writes; at the end what zlib has left. */
static void deflate_piece(packer *p, const uint8_t *bytes, size_t count, int flush) {
    uint8_t made[PIECE];
    p->z.next_in = bytes;
    p->z.avail_in = (uInt)count;
    do {
        p->z.next_out = made;
        p->z.avail_out = PIECE;
        deflate(&p->z, flush);
        tgi_write(p->output, made, PIECE - p->z.avail_out, p->failure);
    } while (p->z.avail_out == 0 && !p->failure->status);
}

static void pack(packer *p, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    for (size_t piece; count && !p->failure->status; from += piece, count -= piece) {
        piece = count < 1 << 30 ? count : 1 << 30;
        p->member->crc = (uint32_t)crc32(p->member->crc, from, (uInt)piece);
        p->member->size += piece;
        if (p->compressed)
            deflate_piece(p, from, piece, Z_NO_FLUSH);
        else
            tgi_write(p->output, from, piece, p->failure);
    }
}

/* The elements, little-endian. */
static void pack_elements(packer *p, const void *elements, size_t count, size_t width) {
    const uint8_t *from = elements;
    uint8_t        swapped[8];
    if (!TGI_BIG_ENDIAN) {
        pack(p, elements, count * width);
        return;
    }
    for (size_t i = 0; i < count; i++, from += width)
        pack(p, tgi_swap(swapped, from, width), width);
}

static void pack_member(packer *p, const tgi_entry *entry) {
    char        header[TGI_NPY_HEADER];
    tg_tape    *tape = tg_tape_of(entry->tensor);
    const void *elements = tgi_entry_elements(entry);
    if (tg_error_status(tape)) tgi_failed(p->failure, tg_error_status(tape), "%s", tg_error(tape));
    uint64_t start = p->output->length;
    pack(p, header, tgi_npy_header(header, entry->dtype, entry->shape));
    pack_elements(p, elements, (size_t)tg_shape_size(entry->shape), tg_dtype_size(entry->dtype));
    if (p->compressed) deflate_piece(p, NULL, 0, Z_FINISH);
    p->member->packed = p->output->length - start;
}

static void write_member(tgi_output *output, const tgi_entry *entry, bool compressed, written *m, tgi_failure *failure) {
    size_t name = strlen(entry->name) + 4;
    packer p = {output, failure, m, compressed, {.zalloc = tgi_zlib_take, .zfree = tgi_zlib_give}};
    m->offset = output->length;
    record header = local_header(compressed, m, name), extra = local_extra(m);
    write_record(output, &header, failure);
    write_name(output, entry->name, failure);
    write_record(output, &extra, failure);
    if (compressed && deflateInit2(&p.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        tgi_failed_memory(failure);
        return;
    }
    pack_member(&p, entry);
    if (compressed) deflateEnd(&p.z);
    header = local_header(compressed, m, name);
    extra = local_extra(m);
    tgi_write_at(output, m->offset, header.bytes, header.length, failure);
    tgi_write_at(output, m->offset + header.length + name, extra.bytes, extra.length, failure);
}

/* ---- the directory ----------------------------------------------------------------------------------------------- */

static void list_member(tgi_output *output, const tgi_entry *entry, bool compressed, const written *m, tgi_failure *failure) {
    record r = {.length = 0}, extra = {.length = 0};
    put(&r, 4, TGI_ZIP_CENTRAL);
    put(&r, 2, VERSION);
    put_member(&r, compressed, m, strlen(entry->name) + 4);
    put(&r, 2, 28);
    put(&r, 6, 0); /* no comment, the first disk, no attributes of this system */
    put(&r, 4, 0); /* or of another */
    put(&r, 4, 0xffffffff);
    put(&extra, 2, 1);
    put(&extra, 2, 24);
    put(&extra, 8, m->size);
    put(&extra, 8, m->packed);
    put(&extra, 8, m->offset);
    write_record(output, &r, failure);
    write_name(output, entry->name, failure);
    write_record(output, &extra, failure);
}

static void write_end(tgi_output *output, uint64_t members, uint64_t begin, tgi_failure *failure) {
    record   r = {.length = 0};
    uint64_t end = output->length;
    put(&r, 4, TGI_ZIP_END64);
    put(&r, 8, TGI_ZIP_END64_SIZE - 12);
    put(&r, 2, VERSION);
    put(&r, 2, VERSION);
    put(&r, 8, 0); /* one disk */
    put(&r, 8, members);
    put(&r, 8, members);
    put(&r, 8, end - begin);
    put(&r, 8, begin);
    put(&r, 4, TGI_ZIP_LOCATOR64);
    put(&r, 4, 0);
    put(&r, 8, end);
    put(&r, 4, 1);
    put(&r, 4, TGI_ZIP_END);
    put(&r, 4, 0);
    put(&r, 2, 0xffff);
    put(&r, 2, 0xffff);
    put(&r, 4, 0xffffffff);
    put(&r, 4, 0xffffffff);
    put(&r, 2, 0);
    write_record(output, &r, failure);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void write_all(const tgi_entry *entries, int count, bool compressed, written *members, tgi_failure *failure) {
    tgi_output output;
    if (tgi_open_output(&output, failure)) return;
    for (int i = 0; i < count && !failure->status; i++)
        write_member(&output, &entries[i], compressed, &members[i], failure);
    uint64_t begin = output.length;
    for (int i = 0; i < count && !failure->status; i++)
        list_member(&output, &entries[i], compressed, &members[i], failure);
    write_end(&output, (uint64_t)count, begin, failure);
    tgi_close_output(&output, failure);
}

static void save(const tgi_entry *entries, int count, bool compressed, tgi_failure *failure) {
    for (int i = 0; i < count; i++)
        if (strlen(entries[i].name) > 0xffff - 4) {
            tgi_failed(failure, TG_ERR_NAME, "a name is longer than zip allows");
            return;
        }
    written *members = calloc((size_t)count + 1, sizeof *members);
    if (members)
        write_all(entries, count, compressed, members, failure);
    else
        tgi_failed_memory(failure);
    free(members);
}

tg_status(tg_save_npz)(tg_tape *tape, const char *path, tg_named_list tensors, bool compressed) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "save_npz");
    tgi_entry  *entries = tgi_entries_of(tape, "save_npz", tensors, &failure);
    if (entries) save(entries, tensors.count > 0 ? tensors.count : 0, compressed, &failure);
    free(entries);
    return tgi_end_status(scope, &failure);
}
