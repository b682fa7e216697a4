/* io/zip.h: the directory of a zip file, and the records that zip is made of.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_ZIP_H
#define TGI_IO_ZIP_H

#include "io/failure.h"

/* The records' signatures, and their sizes without names, extra fields and comments. */
enum {
    TGI_ZIP_LOCAL = 0x04034b50,
    TGI_ZIP_CENTRAL = 0x02014b50,
    TGI_ZIP_END64 = 0x06064b50,
    TGI_ZIP_LOCATOR64 = 0x07064b50,
    TGI_ZIP_END = 0x06054b50,
    TGI_ZIP_LOCAL_SIZE = 30,
    TGI_ZIP_CENTRAL_SIZE = 46,
    TGI_ZIP_END64_SIZE = 56,
    TGI_ZIP_LOCATOR64_SIZE = 20,
    TGI_ZIP_END_SIZE = 22,
    TGI_ZIP_STORED = 0,
    TGI_ZIP_DEFLATED = 8
};

/* A zip file whose directory is being read, from `at` on. */
typedef struct tgi_zip {
    const uint8_t *bytes, *at, *end; /* `end`: of the directory */
    uint64_t       members;          /* that were not read yet */
    uint64_t       limit;            /* where the directory begins: all members end before */
} tgi_zip;

/* A member. The name does not end with a NUL. */
typedef struct tgi_zip_member {
    const char    *name;
    size_t         name_length;
    bool           deflated;
    uint32_t       crc;         /* of the bytes, inflated */
    uint64_t       size;        /* of them */
    const uint8_t *packed;      /* the bytes, deflated or not */
    uint64_t       packed_size; /* theirs */
    uint64_t       begin, end;  /* where it is in the file, with its own header */
} tgi_zip_member;

/* Finds the directory; and reads the next member, false after the last one and after a failure. */
tg_status tgi_read_zip(tgi_zip *zip, const uint8_t *bytes, size_t size, tgi_failure *failure);
bool      tgi_next_zip_member(tgi_zip *zip, tgi_zip_member *member, tgi_failure *failure);

#endif
