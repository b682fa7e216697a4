/* run/anomaly.c: who made the first NaN or infinity.
 *
 * After an instruction has run its result is searched. A NaN is always reported: either it was made here, or it has come in
 * with an operand, and then from a leaf, for any other instruction would have been stopped before. An infinity is reported when
 * no operand has one: else it was meant. Views make nothing; a view among the operands stands for what it shows.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "kernels/strided.h"
#include "run/run.h"

tg_status(tg_set_anomaly)(tg_tape *tape, bool on) {
    if (tgi_check(tape)) return tg_error_status(tape);
    tape->anomaly = on;
    return tgi_done(tape, TG_OK);
}

/* ---- searching --------------------------------------------------------------------------------------------------- */

/* What is in an array. */
typedef struct value_stats {
    int64_t nans, infinities;
    int64_t first; /* the row-major index of the first NaN, or where there is none of the first infinity */
    double  at_first;
    double  lowest, highest; /* of what is no NaN */
} value_stats;

static value_stats count_all(const tg_array *x) {
    value_stats c = {.first = -1, .lowest = INFINITY, .highest = -INFINITY};
    size_t      width = tg_dtype_size(x->dtype);
    tgi_walk    walk = tgi_walk_of(width, x->rank, x->dims, x->strides);
    tgi_steps   steps = tgi_steps_of(&walk);
    for (int64_t i = 0; i < x->size; i++) {
        double value = tgi_element(x->dtype, (const char *)x->data + tgi_next(&steps) * (ptrdiff_t)width);
        if (isnan(value) ? !c.nans : isinf(value) && !c.nans && !c.infinities) {
            c.first = i;
            c.at_first = value;
        }
        c.nans += isnan(value) != 0;
        c.infinities += isinf(value) != 0;
        c.lowest = fmin(c.lowest, value);
        c.highest = fmax(c.highest, value);
    }
    return c;
}

static value_stats count_in(const tgi_node *node) {
    tg_array array = tgi_array_of(node);
    return count_all(&array);
}

#define DEFINE_ALL_FINITE(suffix, T) \
    static bool all_finite_##suffix(int64_t n, const T *x) { \
        bool finite = true; \
        for (int64_t i = 0; i < n; i++) \
            finite &= isfinite(x[i]) != 0; \
        return finite; \
    }
DEFINE_ALL_FINITE(f32, float)
DEFINE_ALL_FINITE(f64, double)

/* The search in a result that is in order, as almost all are; results are row-major. Dtypes without a fast one are counted. */
static bool all_finite(const tgi_node *node) {
    bool finite = true;
    if (!tgi_floating((tg_dtype)node->dtype)) return true;
    if (!TGI_DISPATCH_FLOATS(node->dtype, finite = all_finite, tgi_node_size(node), node->data)) return finite;
    value_stats s = count_in(node);
    return !s.nans && !s.infinities;
}

/* Where a NaN that a view shows has come from. When that was overwritten since, it is not there any more, and the view holds a
 * copy. */
static const tgi_node *source_of_nan(const tg_tape *tape, const tgi_node *node) {
    while (node->op->view && count_in(tgi_node_at(tape, node->in[0])).nans)
        node = tgi_node_at(tape, node->in[0]);
    return node;
}

/* ---- the sentence ------------------------------------------------------------------------------------------------ */

typedef struct sentence {
    char   text[2 * TGI_TEXT];
    size_t length;
} sentence;

static void say(sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(sentence *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = tgi_format(s->text + s->length, sizeof s->text - s->length, format, arguments);
    va_end(arguments);
    if (n > 0) s->length += (size_t)n;
    if (s->length >= sizeof s->text) s->length = sizeof s->text - 1;
}

static void say_number(sentence *s, double value) {
    say(s, isnan(value) ? "nan" : "%.6g", value);
}

static void say_shape(sentence *s, const tgi_node *node) {
    char text[TGI_TEXT];
    say(s, " %s", tgi_shape_text(text, node->rank, node->dims));
}

/* The values when they are few, else their range. */
static void say_values(sentence *s, const tgi_node *node) {
    enum { FEW = 4 };
    tg_array array = tgi_array_of(node);
    size_t   width = tg_dtype_size(array.dtype);
    if (array.size == 0) return;
    if (array.size > FEW) {
        value_stats c = count_all(&array);
        say(s, ", ");
        say_number(s, c.lowest);
        say(s, " .. ");
        say_number(s, c.highest);
        return;
    }
    tgi_walk  walk = tgi_walk_of(width, array.rank, array.dims, array.strides);
    tgi_steps steps = tgi_steps_of(&walk);
    for (int64_t i = 0; i < array.size; i++) {
        say(s, i ? ", " : array.rank ? " = [" : " = ");
        say_number(s, tgi_element(array.dtype, (const char *)array.data + tgi_next(&steps) * (ptrdiff_t)width));
    }
    if (array.rank) say(s, "]");
}

/* Who an operand is: "operand 1: input 'x' (3) at net.c:12". */
static void say_operand(sentence *s, const tg_tape *tape, const tgi_node *of, uint32_t i, const tgi_node *node) {
    const char *name = tgi_name_of(tape, node);
    say(s, of->count > 1 ? "operand %u: " : "the operand: ", (unsigned)i + 1);
    say(s, "%s", node->op->name);
    if (name) say(s, " '%.40s'", name);
    if (node->op == &tgi_number) return;
    say_shape(s, node);
    say(s, " at %s:%u", node->file ? node->file : "?", (unsigned)node->line);
}

/* Where in an array the k-th element is: " at [12, 0]"; nothing for a single number. */
static void say_place(sentence *s, const tgi_node *node, int64_t k) {
    int64_t index[TG_MAX_RANK];
    if (!node->rank) return;
    for (int i = node->rank - 1; i >= 0; i--) {
        index[i] = k % node->dims[i];
        k /= node->dims[i];
    }
    for (int i = 0; i < node->rank; i++)
        say(s, i ? ", %" PRId64 : " at [%" PRId64, index[i]);
    say(s, "]");
}

/* Where the first one is, and how many there are. */
static void say_places(sentence *s, const tgi_node *node, const value_stats *c) {
    int64_t size = tgi_node_size(node);
    say_place(s, node, c->first);
    if (size > 1) say(s, ", %" PRId64 " of %" PRId64 " elements", c->nans ? c->nans : c->infinities, size);
}

/* What an elementwise op had made the k-th element of: " from 0 and 3". */
static void say_sources(sentence *s, const tg_tape *tape, const tgi_node *node, int64_t k) {
    if (!node->count || !tgi_loop_of(node->op, (tg_dtype)tgi_node_at(tape, node->in[node->count - 1])->dtype)) return;
    for (uint32_t i = 0; i < node->count; i++) {
        tg_array x = tgi_array_of(tgi_node_at(tape, node->in[i]));
        int64_t  strides[TG_MAX_RANK], offset = 0;
        tgi_stretch(x.rank, x.dims, x.strides, node->rank, node->dims, strides);
        for (int64_t axis = node->rank - 1, rest = k; axis >= 0; rest /= node->dims[axis], axis--)
            offset += rest % node->dims[axis] * strides[axis];
        say(s, i == 0 ? " from " : i + 1 < node->count ? ", " : " and ");
        say_number(s, tgi_element(x.dtype, (const char *)x.data + offset * (int64_t)tg_dtype_size(x.dtype)));
    }
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static tg_status report(tg_tape *tape, const tgi_node *node, const sentence *s) {
    const char *formula = node->rule_of == TGI_NONE ? NULL : tgi_node_at(tape, node->rule_of)->op->name;
    const char *name = tgi_name_of(tape, node);
    sentence    what = {.length = 0};
    say(&what, "%s", node->op->name);
    if (name) say(&what, " '%.40s'", name);
    say_shape(&what, node);
    if (formula) say(&what, ", in the gradient of %s", formula);
    return tgi_fail(tape, TG_ERR_ANOMALY, what.text, "%s", s->text);
}

/* A NaN that came in with operand i. */
static tg_status report_leaf(tg_tape *tape, const tgi_node *node, uint32_t i) {
    sentence        s = {.length = 0};
    const tgi_node *source = source_of_nan(tape, tgi_node_at(tape, node->in[i]));
    value_stats     c = count_in(source);
    say(&s, "NaN has come in with ");
    say_operand(&s, tape, node, i, source);
    say(&s, ": it is there");
    say_places(&s, source, &c);
    return report(tape, node, &s);
}

static tg_status report_made(tg_tape *tape, const tgi_node *node, const value_stats *c) {
    sentence s = {.length = 0};
    say(&s, "made ");
    say_number(&s, c->at_first);
    say_sources(&s, tape, node, c->first);
    say_places(&s, node, c);
    for (uint32_t i = 0; i < node->count; i++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[i]);
        say(&s, "; ");
        say_operand(&s, tape, node, i, operand);
        say_values(&s, operand);
    }
    return report(tape, node, &s);
}

tg_status tgi_check_finite(tg_tape *tape, const tgi_node *node) {
    if (node->op->view || node->op->effect || all_finite(node)) return TG_OK;
    value_stats made = count_in(node);
    bool        meant = false;
    for (uint32_t i = 0; i < node->count; i++) {
        value_stats c = count_in(tgi_node_at(tape, node->in[i]));
        if (made.nans && c.nans) return report_leaf(tape, node, i);
        meant |= c.nans || c.infinities;
    }
    return meant && !made.nans ? TG_OK : report_made(tape, node, &made);
}
