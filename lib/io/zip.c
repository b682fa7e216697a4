/* io/zip.c: the directory of a zip file, with the 64-bit fields of zip64.
 *
 * The records are described in PKWARE's APPNOTE.TXT, 6.3.10, section 4.3. All sizes are those of the directory. A member's own header is
 * looked at only to find where its bytes begin.
 *
 * SPDX-License-Identifier: MIT */
#include "io/zip.h"

#include <string.h>

static uint64_t number(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}
#define u16(bytes) ((uint32_t)number(bytes, 2))
#define u32(bytes) ((uint32_t)number(bytes, 4))
#define u64(bytes) number(bytes, 8)

/* ---- the directory ----------------------------------------------------------------------------------------------- */

/* The record at the end of the file, before a comment of up to 65535 bytes that ends with the file. */
static const uint8_t *find_end(const uint8_t *bytes, size_t size) {
    for (size_t comment = 0; comment <= 0xffff && comment + TGI_ZIP_END_SIZE <= size; comment++) {
        const uint8_t *at = bytes + size - TGI_ZIP_END_SIZE - comment;
        if (u32(at) == TGI_ZIP_END && u16(at + 20) == comment) return at;
    }
    return NULL;
}

/* The 64-bit record that stands before it, or NULL. */
static const uint8_t *find_end64(const uint8_t *bytes, const uint8_t *end) {
    if (end - bytes < TGI_ZIP_LOCATOR64_SIZE + TGI_ZIP_END64_SIZE) return NULL;
    const uint8_t *locator = end - TGI_ZIP_LOCATOR64_SIZE;
    if (u32(locator) != TGI_ZIP_LOCATOR64) return NULL;
    uint64_t offset = u64(locator + 8);
    if (offset > (uint64_t)(locator - bytes) - TGI_ZIP_END64_SIZE) return NULL;
    return u32(bytes + offset) == TGI_ZIP_END64 ? bytes + offset : NULL;
}

tg_status tgi_read_zip(tgi_zip *zip, const uint8_t *bytes, size_t size, tgi_failure *failure) {
    const uint8_t *end = find_end(bytes, size), *end64 = end ? find_end64(bytes, end) : NULL;
    if (!end) return tgi_failed(failure, TG_ERR_IO, "it has no end of a zip file: it was cut off, or is none");
    uint64_t members = end64 ? u64(end64 + 32) : u16(end + 10), length = end64 ? u64(end64 + 40) : u32(end + 12),
             begin = end64 ? u64(end64 + 48) : u32(end + 16), most = (uint64_t)((end64 ? end64 : end) - bytes);
    if (begin > most || length > most - begin)
        return tgi_failed(failure, TG_ERR_IO, "offset %llu: the directory of %llu bytes is not within the file",
                          (unsigned long long)begin, (unsigned long long)length);
    *zip = (tgi_zip){bytes, bytes + begin, bytes + begin + length, members, begin};
    return TG_OK;
}

/* ---- a member ---------------------------------------------------------------------------------------------------- */

/* Replaces each of the three numbers that is all ones by one of the extra field of zip64, in their order there. */
static bool read_extra64(const uint8_t *extra, size_t length, uint64_t *size, uint64_t *packed, uint64_t *offset) {
    uint64_t *const numbers[] = {size, packed, offset};
    while (length >= 4) {
        size_t field = u16(extra + 2);
        if (field > length - 4) return false;
        if (u16(extra) == 1) {
            const uint8_t *at = extra + 4, *end = at + field;
            for (int i = 0; i < 3; i++) {
                if (*numbers[i] != 0xffffffff) continue;
                if (end - at < 8) return false;
                *numbers[i] = u64(at);
                at += 8;
            }
            return true;
        }
        extra += 4 + field;
        length -= 4 + field;
    }
    return *size != 0xffffffff && *packed != 0xffffffff && *offset != 0xffffffff;
}

/* Goes from the member's own header, at `begin`, to its bytes. */
static bool find_bytes(const tgi_zip *zip, tgi_zip_member *m) {
    if (m->begin > zip->limit || zip->limit - m->begin < TGI_ZIP_LOCAL_SIZE) return false;
    const uint8_t *local = zip->bytes + m->begin;
    uint64_t       name = u16(local + 26), start = m->begin + TGI_ZIP_LOCAL_SIZE + name + u16(local + 28);
    if (u32(local) != TGI_ZIP_LOCAL || name != m->name_length || start > zip->limit || m->packed_size > zip->limit - start)
        return false;
    m->packed = zip->bytes + start;
    m->end = start + m->packed_size;
    return !memcmp(local + TGI_ZIP_LOCAL_SIZE, m->name, m->name_length);
}

static bool refuse(const tgi_zip *zip, const char *reason, tgi_failure *failure) {
    tgi_failed(failure, TG_ERR_IO, "offset %llu: %s", (unsigned long long)(zip->at - zip->bytes), reason);
    return false;
}

/* What deflate makes of a byte are at most 1032. */
static bool possible(const tgi_zip_member *m) {
    if (!m->deflated) return m->size == m->packed_size;
    return m->size / 1032 <= m->packed_size;
}

bool tgi_next_zip_member(tgi_zip *zip, tgi_zip_member *m, tgi_failure *failure) {
    const uint8_t *at = zip->at;
    if (zip->members == 0) return at != zip->end && refuse(zip, "the directory goes on after its last member", failure);
    if (zip->end - at < TGI_ZIP_CENTRAL_SIZE || u32(at) != TGI_ZIP_CENTRAL)
        return refuse(zip, "there is no member where the directory should have one", failure);
    size_t name = u16(at + 28), extra = u16(at + 30), all = TGI_ZIP_CENTRAL_SIZE + name + extra + u16(at + 32);
    if ((size_t)(zip->end - at) < all) return refuse(zip, "the member goes beyond the directory", failure);
    *m = (tgi_zip_member){.name = (const char *)at + TGI_ZIP_CENTRAL_SIZE,
                          .name_length = name,
                          .deflated = u16(at + 10) == TGI_ZIP_DEFLATED,
                          .crc = u32(at + 16),
                          .packed_size = u32(at + 20),
                          .size = u32(at + 24),
                          .begin = u32(at + 42)};
    if (u16(at + 8) & 1) return refuse(zip, "the member is encrypted", failure);
    if (!m->deflated && u16(at + 10) != TGI_ZIP_STORED)
        return refuse(zip, "the member is neither stored nor deflated", failure);
    if (!read_extra64(at + TGI_ZIP_CENTRAL_SIZE + name, extra, &m->size, &m->packed_size, &m->begin))
        return refuse(zip, "the member's sizes are not there", failure);
    if (!find_bytes(zip, m)) return refuse(zip, "the member is not where the directory says", failure);
    if (!possible(m)) return refuse(zip, "the member's sizes cannot be", failure);
    zip->at += all;
    zip->members--;
    return true;
}
