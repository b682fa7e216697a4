/* io/inflate.c: decompression, by zlib.
 *
 * zlib counts in unsigned int: a stream hands it pieces of what may be longer.
 *
 * SPDX-License-Identifier: MIT */
#define ZLIB_CONST
#include "io/inflate.h"

#include <stdlib.h>
#include <zlib.h>

enum { PIECE = 1 << 30, GZIP = 16 + MAX_WBITS, RAW = -MAX_WBITS };

void *tgi_zlib_take(void *unused, unsigned count, unsigned size) {
    (void)unused;
    return malloc((size_t)count * size);
}

void tgi_zlib_give(void *unused, void *memory) {
    (void)unused;
    free(memory);
}

bool tgi_is_gzip(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* ---- a stream ---------------------------------------------------------------------------------------------------- */

typedef struct stream {
    z_stream       z;
    const uint8_t *in, *end;
    uint8_t       *out;
    size_t         room; /* at `out` */
} stream;

static tg_status start(stream *s, int format, const uint8_t *bytes, size_t size, tgi_failure *failure) {
    *s = (stream){.z = {.zalloc = tgi_zlib_take, .zfree = tgi_zlib_give}, .in = bytes, .end = bytes + size};
    return inflateInit2(&s->z, format) == Z_OK ? TG_OK : tgi_failed_memory(failure);
}

/* One call of inflate; its answer. */
static int advance(stream *s) {
    static const uint8_t nothing;
    static uint8_t       nowhere;
    size_t in = (size_t)(s->end - s->in) < PIECE ? (size_t)(s->end - s->in) : PIECE, out = s->room < PIECE ? s->room : PIECE;
    s->z.next_in = in ? s->in : &nothing;
    s->z.next_out = out ? s->out : &nowhere;
    s->z.avail_in = (uInt)in;
    s->z.avail_out = (uInt)out;
    int    answer = inflate(&s->z, Z_NO_FLUSH);
    size_t made = out - s->z.avail_out;
    s->in += in - s->z.avail_in;
    if (made) s->out += made;
    s->room -= made;
    return answer;
}

/* Advances until the end of the data, or until there is no room. True at the end. */
static bool fill(stream *s, tgi_failure *failure) {
    for (;;) {
        int answer = advance(s);
        if (answer == Z_STREAM_END) return true;
        if (answer == Z_MEM_ERROR)
            tgi_failed_memory(failure);
        else if (answer != Z_OK && answer != Z_BUF_ERROR)
            tgi_failed(failure, TG_ERR_IO, "the compressed data is damaged%s%s", s->z.msg ? ": " : "",
                       s->z.msg ? s->z.msg : "");
        else if (answer == Z_BUF_ERROR && s->room)
            tgi_failed(failure, TG_ERR_IO, "the compressed data ends too early");
        if (failure->status || (!s->room && answer == Z_BUF_ERROR)) return false;
    }
}

/* ---- gzip: its end is not known before -------------------------------------------------------------------------- */

static uint8_t *grow(stream *s, uint8_t *made, size_t *capacity, tgi_failure *failure) {
    size_t   used = *capacity - s->room, more = *capacity ? 2 * *capacity : 1 << 16;
    uint8_t *grown = more > used ? realloc(made, more) : NULL;
    if (!grown) {
        tgi_failed_memory(failure);
        return made;
    }
    *capacity = more;
    s->out = grown + used;
    s->room = more - used;
    return grown;
}

/* A file of gzip may hold several, one after another. */
static bool next_member(stream *s, const uint8_t *bytes, tgi_failure *failure) {
    if (s->in == s->end) return false;
    if (tgi_is_gzip(s->in, (size_t)(s->end - s->in))) return inflateReset(&s->z) == Z_OK;
    tgi_failed(failure, TG_ERR_IO, "offset %llu: there is something after the end of the compressed data",
               (unsigned long long)(s->in - bytes));
    return false;
}

uint8_t *tgi_gunzip(const uint8_t *bytes, size_t size, size_t *inflated, tgi_failure *failure) {
    stream   s;
    uint8_t *made = NULL;
    size_t   capacity = 0;
    if (start(&s, GZIP, bytes, size, failure)) return NULL;
    for (bool more = true; more && !failure->status;) {
        if (!s.room) made = grow(&s, made, &capacity, failure);
        if (!failure->status && fill(&s, failure)) more = next_member(&s, bytes, failure);
    }
    inflateEnd(&s.z);
    *inflated = capacity - s.room;
    if (!failure->status) return made;
    free(made);
    return NULL;
}

/* ---- deflate: of zip -------------------------------------------------------------------------------------------- */

size_t tgi_inflate_start(const uint8_t *bytes, size_t size, uint8_t *to, size_t wanted, tgi_failure *failure) {
    stream s;
    if (start(&s, RAW, bytes, size, failure)) return 0;
    s.out = to;
    s.room = wanted;
    if (wanted) fill(&s, failure);
    inflateEnd(&s.z);
    return wanted - s.room;
}

tg_status tgi_inflate_all(const uint8_t *bytes, size_t size, uint8_t *to, size_t wanted, tgi_failure *failure) {
    stream s;
    if (start(&s, RAW, bytes, size, failure)) return failure->status;
    s.out = to;
    s.room = wanted;
    bool ended = fill(&s, failure);
    if (!failure->status && (!ended || s.room || s.in != s.end))
        tgi_failed(failure, TG_ERR_IO, "the compressed data has another size than it should");
    inflateEnd(&s.z);
    return failure->status;
}
