/* io/idx.c: IDX, the format of MNIST: two zeros, a type, the number of axes, their sizes, the elements, all big-endian. It is described
 * with the data, by Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tapegrad/io.h>

#include "io/input.h"
#include "io/stored.h"

static tgi_stored type_of(uint8_t code) {
    switch (code) {
    case 0x08: return TGI_STORED_U8;
    case 0x09: return TGI_STORED_I8;
    case 0x0b: return TGI_STORED_I16;
    case 0x0c: return TGI_STORED_I32;
    case 0x0d: return TGI_STORED_F32;
    case 0x0e: return TGI_STORED_F64;
    default: return TGI_STORED_UNKNOWN;
    }
}

static tg_status read_sizes(tgi_array *array, const uint8_t *bytes, uint64_t size, tgi_failure *failure) {
    int rank = bytes[3];
    if ((uint64_t)rank * 4 + 4 > size)
        return tgi_failed(failure, TG_ERR_IO, "offset 4: the sizes of %d axes do not end within the file", rank);
    for (int i = 0; i < rank; i++) {
        const uint8_t *at = bytes + 4 + 4 * i;
        if (!tgi_add_axis(array, (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3]))
            return tgi_failed(failure, TG_ERR_IO, "offset %d: the shape has too many elements", 4 + 4 * i);
    }
    return TG_OK;
}

static tg_status read_header(tgi_array *array, const uint8_t *bytes, uint64_t size, tgi_failure *failure) {
    *array = (tgi_array){.count = 1, .big_endian = true};
    if (size < 4 || bytes[0] || bytes[1]) return tgi_failed(failure, TG_ERR_IO, "offset 0: it does not begin as IDX does");
    array->type = type_of(bytes[2]);
    if (array->type == TGI_STORED_UNKNOWN) return tgi_failed(failure, TG_ERR_IO, "offset 2: %d is no type of IDX", bytes[2]);
    if (read_sizes(array, bytes, size, failure) || tgi_check_array(array, "", failure)) return failure->status;
    uint64_t start = 4 + 4 * (uint64_t)array->shape.rank, needed = tgi_array_bytes(array);
    array->bytes = bytes + start;
    if (needed == size - start) return TG_OK;
    return tgi_failed(failure, TG_ERR_IO, "offset %llu: the shape needs %llu bytes of elements, there are %llu",
                      (unsigned long long)start, (unsigned long long)needed, (unsigned long long)(size - start));
}

tg_tensor(tg_load_idx)(tg_tape *tape, const char *path) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure    failure = {.path = path};
    tg_scope       scope = tg_begin_scope(tape, "load_idx");
    tgi_input_file input;
    tgi_array      array;
    tg_tensor      x = tg_invalid(tape);
    if (!tgi_open_input(&input, true, &failure)) {
        if (!read_header(&array, input.bytes, input.size, &failure)) x = tgi_record_array(tape, &array, &failure);
        tgi_close_input(&input);
    }
    return tgi_end_tensor(scope, &failure, x);
}
