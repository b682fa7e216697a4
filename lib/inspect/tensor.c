/* inspect/tensor.c: a value as NumPy prints it.
 *
 * Two passes over the elements that are shown: the first finds the format in which all of them align, the second prints. The
 * rules, to the last space, are those of numpy/core/arrayprint.py (NumPy 1.14 and later).
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "inspect/text.h"
#include "run/run.h"

enum { PRECISION = 8, THRESHOLD = 1000, EDGE = 3, LINE_WIDTH = 75 };

/* Every element takes `left` characters up to the point, and the point and `right` more after it, unless `right` is
 * NO_POINT. Scientific: `places` digits after the point, `exponent` in the exponent. */
enum { NO_POINT = -1 };
typedef struct format {
    int left, right, places, exponent;
} format;

typedef struct printer {
    FILE    *out;
    tg_array x;
    int64_t  edge; /* how many are shown at each end of a longer axis */
    int64_t  index[TG_MAX_RANK];
    format   format;
    double   lowest, highest; /* |x| of what is finite and not 0 */
    int      column, spaces;  /* of the current line: what is written, and pending blanks, which are dropped at its end */
} printer;

/* ---- the elements that are shown --------------------------------------------------------------------------------- */

static bool is_cut(const printer *p, int axis) {
    return p->edge < p->x.dims[axis] - p->edge;
}

/* The index after i along an axis, over the middle of a long one. */
static int64_t next_shown(const printer *p, int axis, int64_t i) {
    return is_cut(p, axis) && i + 1 == p->edge ? p->x.dims[axis] - p->edge : i + 1;
}

static const void *element(const printer *p) {
    int64_t offset = 0;
    for (int i = 0; i < p->x.rank; i++)
        offset += p->index[i] * p->x.strides[i];
    return (const char *)p->x.data + offset * (int64_t)tg_dtype_size(p->x.dtype);
}

/* Calls `visit` for each element that is shown. The array is not empty. */
static void for_each_shown(printer *p, void (*visit)(printer *p, const void *element)) {
    int axis;
    memset(p->index, 0, sizeof p->index);
    do {
        visit(p, element(p));
        for (axis = p->x.rank - 1; axis >= 0; axis--) {
            p->index[axis] = next_shown(p, axis, p->index[axis]);
            if (p->index[axis] < p->x.dims[axis]) break;
            p->index[axis] = 0;
        }
    } while (axis >= 0);
}

/* ---- the format -------------------------------------------------------------------------------------------------- */

static void widen(int *width, ptrdiff_t to) {
    if (*width < to) *width = (int)to;
}

static void measure_length(printer *p, const void *element) {
    char text[TGI_NUMBER_TEXT];
    widen(&p->format.left, (ptrdiff_t)strlen(tgi_element_text(text, p->x.dtype, element)));
}

static void measure_size(printer *p, const void *element) {
    double size = fabs(tgi_element(p->x.dtype, element));
    if (!isfinite(size) || size == 0) return;
    p->lowest = fmin(p->lowest, size);
    p->highest = fmax(p->highest, size);
}

/* The number in as many digits as it needs, and no more than PRECISION after the point. */
static char *finite_text(char text[TGI_NUMBER_TEXT], const printer *p, double value) {
    bool        scientific = p->format.exponent > 0;
    tgi_decimal d = tgi_shortest(value, p->x.dtype);
    if (tgi_places(&d, scientific) > PRECISION) d = tgi_rounded(value, PRECISION, scientific);
    return tgi_decimal_text(text, &d, p->format.exponent, p->format.places);
}

static void measure_finite(printer *p, const void *element) {
    char   text[TGI_NUMBER_TEXT];
    double value = tgi_element(p->x.dtype, element);
    if (!isfinite(value)) return;
    const char *point = strchr(finite_text(text, p, value), '.'), *e = strchr(text, 'e');
    widen(&p->format.left, point - text);
    widen(&p->format.right, (ptrdiff_t)strlen(point + 1));
    if (!e) return;
    widen(&p->format.places, e - point - 1);
    widen(&p->format.exponent, (ptrdiff_t)strlen(e + 2));
    widen(&p->format.right, p->format.places + 2 + p->format.exponent);
}

/* "nan" and "-inf" end where the other numbers end. */
static void measure_special(printer *p, const void *element) {
    double value = tgi_element(p->x.dtype, element);
    if (!isfinite(value)) widen(&p->format.left, 3 + (value < 0) - 1 - p->format.right);
}

static void find_format(printer *p) {
    p->format = (format){.right = NO_POINT};
    if (p->x.dtype == TG_BOOL) p->format.left = 5; /* "False" */
    if (!tgi_floating(p->x.dtype)) {
        for_each_shown(p, measure_length);
        return;
    }
    p->lowest = INFINITY;
    p->highest = 0;
    for_each_shown(p, measure_size);
    p->format.right = 0;
    if (p->highest >= 1e8 || p->lowest < 1e-4 || p->highest / p->lowest > 1000) p->format.exponent = 2;
    for_each_shown(p, measure_finite);
    for_each_shown(p, measure_special);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void put(printer *p, const char *text) {
    fprintf(p->out, "%*s%s", p->spaces, "", text);
    p->column += p->spaces + (int)strlen(text);
    p->spaces = 0;
}

static void new_line(printer *p, int indent) {
    putc('\n', p->out);
    p->column = 0;
    p->spaces = indent;
}

/* The element, `*before` of the blanks before it, and `*after` of those that may follow. */
static const char *aligned(char text[TGI_NUMBER_TEXT], const printer *p, int *before, int *after) {
    const void *at = element(p);
    int         width = p->format.left + 1 + p->format.right;
    *after = 0;
    if (!tgi_floating(p->x.dtype) || !isfinite(tgi_element(p->x.dtype, at)))
        tgi_element_text(text, p->x.dtype, at);
    else {
        finite_text(text, p, tgi_element(p->x.dtype, at));
        *after = p->format.right - (int)strlen(strchr(text, '.') + 1);
    }
    *before = width - *after - (int)strlen(text);
    return text;
}

/* A word of a row, on the next line when this one is full; blanks at the end of a line are left out. */
static void put_word(printer *p, const char *text, int before, int after) {
    int indent = p->x.rank, separator = p->column > indent;
    int end = p->column + p->spaces + separator + before + (int)strlen(text) + after;
    if (separator && end > LINE_WIDTH - p->x.rank) {
        new_line(p, indent);
        separator = 0;
    }
    p->spaces += separator + before;
    put(p, text);
    p->spaces = after;
}

static void print_row(printer *p) {
    char text[TGI_NUMBER_TEXT];
    int  last = p->x.rank - 1, before, after;
    for (int64_t i = 0; i < p->x.dims[last]; i = next_shown(p, last, i)) {
        if (is_cut(p, last) && i == p->x.dims[last] - p->edge) put_word(p, "...", 0, 0);
        p->index[last] = i;
        aligned(text, p, &before, &after);
        put_word(p, text, before, after);
    }
}

/* The lines between two neighbours along an axis; they are indented by the brackets that are open. */
static void next_block(printer *p, int axis) {
    for (int i = axis + 2; i < p->x.rank; i++)
        putc('\n', p->out);
    new_line(p, axis + 1);
}

/* Everything below the present indices of the axes before `axis`. Eight levels deep at most. */
static void print_axis(printer *p, int axis) {
    put(p, "[");
    if (axis == p->x.rank - 1)
        print_row(p);
    else
        for (int64_t i = 0; i < p->x.dims[axis]; i = next_shown(p, axis, i)) {
            if (i) next_block(p, axis);
            if (is_cut(p, axis) && i == p->x.dims[axis] - p->edge) {
                put(p, "...");
                next_block(p, axis);
            }
            p->index[axis] = i;
            print_axis(p, axis + 1);
        }
    put(p, "]");
}

static void print_array(FILE *out, const tg_array *x) {
    char    text[TGI_NUMBER_TEXT];
    printer p = {.out = out, .x = *x, .edge = x->size > THRESHOLD ? EDGE : INT64_MAX};
    if (x->size == 0)
        put(&p, "[]");
    else if (x->rank == 0)
        put(&p, tgi_element_text(text, x->dtype, x->data));
    else {
        find_format(&p);
        print_axis(&p, 0);
    }
    putc('\n', out);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static tg_status print_number(double number, FILE *out) {
    tg_array x = {.data = &number, .dtype = TG_F64, .size = 1};
    if (!out) return TG_ERR_ARGUMENT;
    print_array(out, &x);
    return fflush(out) || ferror(out) ? TG_ERR_IO : TG_OK;
}

tg_status(tg_print_tensor)(tg_tensor x, FILE *out) {
    double   number;
    tg_tape *tape = tgi_tape_of(x);
    if (tgi_is_number(x, &number)) return print_number(number, out);
    if (tgi_check_outside(tape, "print_tensor") || !tgi_writable(tape, out, "print_tensor")) return tg_error_status(tape);
    const tgi_node *node = tgi_value(tape, x, "print_tensor", "the tensor");
    if (!node) return tape->status;
    tg_array array = tgi_array_of(node);
    print_array(out, &array);
    return tgi_written(tape, out, "print_tensor");
}
