/* io/npy.c: NumPy's .npy: "\x93NUMPY", a version, the length of a text, the text, the elements.
 *
 * The text is a literal of Python, {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, its keys in any order. It is read by a
 * reader of just such literals. The format is described in NumPy's documentation (numpy.lib.format).
 *
 * SPDX-License-Identifier: MIT */
#include "io/npy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/io.h>

#include "io/input.h"
#include "io/output.h"

/* ---- the literal ------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const uint8_t *at, *end, *file; /* of what is read, and where the file begins */
    tgi_failure   *failure;
} reader;

static bool refuse(const reader *r, const char *expected) {
    tgi_failed(r->failure, TG_ERR_IO, "offset %llu of the header: there should be %s", (unsigned long long)(r->at - r->file),
               expected);
    return false;
}

static void skip_blanks(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
}

/* Whether that character is next, which is then read. */
static bool take(reader *r, char c) {
    skip_blanks(r);
    if (r->at == r->end || *r->at != (uint8_t)c) return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word) {
    size_t length = strlen(word);
    skip_blanks(r);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* A text between quotes, without escapes. */
static bool read_text(reader *r, const char **text, size_t *length) {
    skip_blanks(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) return refuse(r, "a text in quotes");
    const uint8_t *start = r->at + 1, *end = memchr(start, *r->at, (size_t)(r->end - start));
    if (!end) return refuse(r, "a text whose quotes end");
    *text = (const char *)start;
    *length = (size_t)(end - start);
    r->at = end + 1;
    return true;
}

/* A size, perhaps with the L of Python 2. */
static bool read_size(reader *r, uint64_t *size) {
    skip_blanks(r);
    const uint8_t *start = r->at;
    *size = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(*size, 10u, size) || __builtin_add_overflow(*size, (uint64_t)(*r->at - '0'), size))
            return refuse(r, "a size that is not too large");
    if (r->at == start) return refuse(r, "a size");
    take(r, 'L');
    return true;
}

static bool read_shape(reader *r, tgi_array *array) {
    if (!take(r, '(')) return refuse(r, "a shape in parentheses");
    while (!take(r, ')')) {
        uint64_t size;
        if (!read_size(r, &size)) return false;
        if (!tgi_add_axis(array, size)) return refuse(r, "a shape of fewer elements");
        if (!take(r, ',') && (r->at == r->end || *r->at != ')')) return refuse(r, "a comma");
    }
    return true;
}

/* "<f4", or a list of fields, which is no dtype of the library's. */
static bool read_descr(reader *r, tgi_npy *npy) {
    const char *text;
    size_t      length;
    skip_blanks(r);
    if (r->at < r->end && *r->at == '[') {
        snprintf(npy->stored, sizeof npy->stored, "a struct");
        npy->array.type = TGI_STORED_UNKNOWN;
        tgi_failed(r->failure, TG_ERR_DTYPE, "its elements are structs, which the library cannot load");
        return false;
    }
    if (!read_text(r, &text, &length)) return false;
    int shown = length < sizeof npy->stored ? (int)length : (int)sizeof npy->stored - 1;
    snprintf(npy->stored, sizeof npy->stored, "%.*s", shown, text);
    bool marked = length && strchr("<>|=", *text);
    npy->array.big_endian = length && *text == '>';
    npy->array.type = tgi_stored_of_npy(text + marked, length - marked);
    return true;
}

static bool read_order(reader *r, tgi_npy *npy) {
    npy->array.fortran = take_word(r, "True");
    return npy->array.fortran || take_word(r, "False") || refuse(r, "True or False");
}

/* A key and its value. `seen` has a bit for each key. */
static bool read_item(reader *r, tgi_npy *npy, unsigned *seen) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    const char              *key;
    size_t                   length;
    if (!read_text(r, &key, &length)) return false;
    if (!take(r, ':')) return refuse(r, "a colon");
    for (unsigned i = 0; i < 3; i++) {
        if (strlen(keys[i]) != length || memcmp(keys[i], key, length) != 0) continue;
        if (*seen & 1u << i) return refuse(r, "no key twice");
        *seen |= 1u << i;
        return i == 0 ? read_descr(r, npy) : i == 1 ? read_order(r, npy) : read_shape(r, &npy->array);
    }
    return refuse(r, "one of the keys descr, fortran_order and shape");
}

static bool read_literal(reader *r, tgi_npy *npy) {
    unsigned seen = 0;
    if (!take(r, '{')) return refuse(r, "a literal in braces");
    while (!take(r, '}')) {
        if (!read_item(r, npy, &seen)) return false;
        if (!take(r, ',') && (r->at == r->end || *r->at != '}')) return refuse(r, "a comma");
    }
    skip_blanks(r);
    if (r->at != r->end) return refuse(r, "nothing more");
    return seen == 7 || refuse(r, "the keys descr, fortran_order and shape before this");
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

uint64_t tgi_npy_begin(const uint8_t *bytes, uint64_t size, tgi_failure *failure) {
    if (size < TGI_NPY_START || memcmp(bytes, "\x93NUMPY", 6) != 0) {
        tgi_failed(failure, TG_ERR_IO, "offset 0: it does not begin as .npy does");
        return 0;
    }
    if (bytes[6] < 1 || bytes[6] > 3) {
        tgi_failed(failure, TG_ERR_IO, "offset 6: version %d of .npy is not known", bytes[6]);
        return 0;
    }
    uint64_t length = (uint64_t)bytes[8] | (uint64_t)bytes[9] << 8, start = 10;
    if (bytes[6] > 1) {
        length |= (uint64_t)bytes[10] << 16 | (uint64_t)bytes[11] << 24;
        start = 12;
    }
    if (length <= size - start) return start + length;
    tgi_failed(failure, TG_ERR_IO, "offset 8: the header of %llu bytes does not end within the file",
               (unsigned long long)length);
    return 0;
}

tg_status tgi_read_npy(tgi_npy *npy, const uint8_t *bytes, uint64_t size, tgi_failure *failure) {
    *npy = (tgi_npy){.array = {.count = 1}, .start = tgi_npy_begin(bytes, size, failure)};
    if (!npy->start) return failure->status;
    reader r = {bytes + (bytes[6] > 1 ? 12 : 10), bytes + npy->start, bytes, failure};
    if (!read_literal(&r, npy)) return failure->status;
    uint64_t there = size - npy->start, needed = tgi_array_bytes(&npy->array);
    if (npy->array.type != TGI_STORED_UNKNOWN && there != needed)
        return tgi_failed(failure, TG_ERR_IO, "offset %llu: the shape needs %llu bytes of elements, there are %llu",
                          (unsigned long long)npy->start, (unsigned long long)needed, (unsigned long long)there);
    return TG_OK;
}

static size_t add(char *header, size_t length, const char *format, ...) __attribute__((format(printf, 3, 4)));
static size_t add(char *header, size_t length, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(header + length, TGI_NPY_HEADER - length, format, arguments);
    va_end(arguments);
    return length + (size_t)n;
}

/* Eight sizes of at most 19 digits fit. */
size_t tgi_npy_header(char header[TGI_NPY_HEADER], tg_dtype dtype, tg_shape shape) {
    size_t length = add(header, 10, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                        tg_dtype_size(dtype) > 1 ? '<' : '|', tgi_npy_name(dtype));
    for (int i = 0; i < shape.rank; i++)
        length = add(header, length, i ? " %lld," : "%lld,", (long long)shape.dims[i]);
    if (shape.rank > 1) length--; /* (2, 3), but (2,) */
    length = add(header, length, "), }");
    size_t end = (length + 64) / 64 * 64;
    memset(header + length, ' ', end - length);
    header[end - 1] = '\n';
    memcpy(header, "\x93NUMPY\1\0", 8);
    header[8] = (char)((end - 10) & 255);
    header[9] = (char)((end - 10) >> 8);
    return end;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static tg_tensor load(tg_tape *tape, tgi_failure *failure) {
    tgi_input_file input;
    tgi_npy        npy;
    tg_tensor      x = tg_invalid(tape);
    if (tgi_open_input(&input, true, failure)) return x;
    if (!tgi_read_npy(&npy, input.bytes, input.size, failure) && !tgi_check_array(&npy.array, npy.stored, failure)) {
        npy.array.bytes = input.bytes + npy.start;
        x = tgi_record_array(tape, &npy.array, failure);
    }
    tgi_close_input(&input);
    return x;
}

tg_tensor(tg_load_npy)(tg_tape *tape, const char *path) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "load_npy");
    return tgi_end_tensor(scope, &failure, load(tape, &failure));
}

static void save(tg_tensor x, tgi_failure *failure) {
    char        header[TGI_NPY_HEADER];
    tgi_output  output;
    tg_dtype    dtype = tg_dtype_of(x);
    const void *elements = tg_data(x);
    if (tg_error_status(tg_tape_of(x)) || tgi_open_output(&output, failure)) return;
    tgi_write(&output, header, tgi_npy_header(header, dtype, tg_shape_of(x)), failure);
    tgi_write_elements(&output, dtype, tg_size(x), elements, failure);
    tgi_close_output(&output, failure);
}

tg_status(tg_save_npy)(tg_tensor x, const char *path) {
    tg_tape *tape = tg_tape_of(x);
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "save_npy");
    if (!tg_check_tensor(tape, "save_npy", "the tensor", x)) save(x, &failure);
    return tgi_end_status(scope, &failure);
}
