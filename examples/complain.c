/* examples/complain.c: how the examples report what went wrong.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "complain.h"

bool complain(const char *format, ...) {
    char    text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);

    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    fprintf(stderr, "%s: %s\n", program_name, text);
    return false;
}

bool complain_of(const tg_tape *tape) {
    return tg_error_status(tape) == TG_OK || complain("%s", tape ? tg_error(tape) : "out of memory");
}
