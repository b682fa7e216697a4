/* io/utf8.c: texts in UTF-8: RFC 3629, section 4.
 *
 * SPDX-License-Identifier: MIT */
#include "io/utf8.h"

#include <stdint.h>

int tgi_utf8_length(const char *text) {
    const uint8_t *c = (const uint8_t *)text;
    int      more = *c < 0x80 ? 0 : *c >= 0xc2 && *c < 0xe0 ? 1 : (*c & 0xf0) == 0xe0 ? 2 : *c >= 0xf0 && *c < 0xf5 ? 3 : -1;
    uint32_t code = more > 0 ? *c & (0x3fu >> more) : *c;
    for (int i = 1; i <= more; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
        (more == 3 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    return more + 1;
}
