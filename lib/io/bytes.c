/* io/bytes.c: a file that is nothing but its bytes.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/io.h>

#include "io/input.h"
#include "io/stored.h"

tg_tensor(tg_load_bytes)(tg_tape *tape, const char *path) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure    failure = {.path = path};
    tg_scope       scope = tg_begin_scope(tape, "load_bytes");
    tgi_input_file input;
    tg_tensor      x = tg_invalid(tape);
    if (!tgi_open_input(&input, true, &failure)) {
        tgi_array array = {.type = TGI_STORED_U8, .count = 1, .bytes = input.bytes};
        tgi_add_axis(&array, input.size);
        x = tgi_record_array(tape, &array, &failure);
        tgi_close_input(&input);
    }
    return tgi_end_tensor(scope, &failure, x);
}
