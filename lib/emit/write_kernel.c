/* emit/write_kernel.c: what tg_emit makes of the lines of an op that is no loop.
 *
 * A line is formatted first, and what begins with $ is replaced then. An element of an operand becomes an expression of strides
 * and offset; one that is named by its number is taken apart into indices where the operand is not row-major.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit/program.h"
#include "kernels/strided.h"

/* A kernel that is being written. */
typedef struct kernel {
    tgi_function         *f;
    const tgi_emit_value *value;
    uint32_t              index;
    const tg_type        *types;   /* of all operands */
    const char           *refusal; /* the first one's text */
    int                   first;   /* of a call for some of them: its operand 0 */
    tgi_writer           *w;
} kernel;

/* ---- elements ---------------------------------------------------------------------------------------------------- */

enum { RESULT = -1 };

static bool has_only(const char *text, size_t length, const char *others) {
    for (size_t i = 0; i < length; i++)
        if (!tgi_is_letter(text[i]) && !tgi_is_digit(text[i]) && !strchr(others, text[i])) return false;
    return true;
}

static bool is_atom(const char *text, size_t length) {
    return has_only(text, length, "");
}

/* " + (expression) * stride", without what is not needed. */
static void put_term(tgi_writer *w, const char *text, size_t length, int64_t stride, bool *first) {
    bool is_zero = length == 1 && *text == '0', atom = stride == 1 ? has_only(text, length, " +*/%") : is_atom(text, length);
    if (stride == 0 || is_zero) return;
    if (!*first) tgi_put_string(w, stride < 0 ? " - " : " + ");
    if (*first && stride < 0) tgi_put_string(w, "-");
    if (!atom) tgi_put_string(w, "(");
    tgi_put_bytes(w, text, length);
    if (!atom) tgi_put_string(w, ")");
    if (stride != 1 && stride != -1) tgi_put(w, " * %" PRId64, stride < 0 ? -stride : stride);
    *first = false;
}

/* How far it is to the first of these characters that is in no brackets itself. */
static size_t length_to(const char *text, const char *ends) {
    int    depth = 0;
    size_t n = 0;
    for (; text[n]; n++) {
        if (!depth && strchr(ends, text[n])) break;
        if (strchr("([", text[n])) depth++;
        if (strchr(")]", text[n])) depth--;
    }
    return n;
}

/* Of an index. */
static size_t index_length(const char *text) {
    return length_to(text, ",]");
}

static size_t trimmed(const char *text, size_t length) {
    while (length && text[length - 1] == ' ')
        length--;
    return length;
}

static void put_expanded(kernel *k, tgi_writer *w, const char *text, size_t length);

/* A piece of an index, in which elements may stand themselves: what stands for it in C. The caller frees it. */
static tgi_writer expanded(kernel *k, const char *text, size_t length) {
    tgi_writer piece = {.memory = k->w->memory};
    put_expanded(k, &piece, text, length);
    return piece;
}

/* By indices: one an axis. */
static const char *put_by_indices(kernel *k, tgi_writer *w, const tgi_emit_source *s, const char *text) {
    bool first = true;
    if (s->offset) tgi_put(w, "%" PRId64, s->offset);
    first = !s->offset;
    for (int axis = 0; *text && *text != ']'; axis++) {
        text += strspn(text, " ");
        size_t     length = index_length(text);
        tgi_writer index = expanded(k, text, trimmed(text, length));
        if (axis < s->node->rank && s->node->dims[axis] != 1 && index.text)
            put_term(w, index.text, index.length, s->strides[axis], &first);
        w->failed |= index.failed;
        tgi_writer_free(&index);
        text += length + (text[length] == ',');
    }
    if (first) tgi_put_string(w, "0");
    return text;
}

/* By the number in row-major order. */
static void put_number(tgi_writer *w, const tgi_emit_source *s, const char *number) {
    tgi_walk walk = tgi_walk_of(1, s->node->rank, s->node->dims, s->strides);
    if (tgi_walk_is_contiguous(&walk) || !tgi_node_size(s->node)) walk = (tgi_walk){.rank = 1, .dims = {1}, .strides = {1}};
    int64_t inner = 1;
    bool    first = !s->offset;
    if (s->offset) tgi_put(w, "%" PRId64, s->offset);
    for (int a = walk.rank - 1; a >= 0; a--) {
        tgi_writer index = {.memory = w->memory};
        bool       atom = is_atom(number, strlen(number));
        if (inner == 1)
            tgi_put(&index, atom || !a ? "%s" : "(%s)", number);
        else
            tgi_put(&index, atom ? "%s / %" PRId64 : "(%s) / %" PRId64, number, inner);
        if (a) tgi_put(&index, " %% %" PRId64, walk.dims[a]);
        if (index.text) put_term(w, index.text, index.length, walk.strides[a], &first);
        w->failed |= index.failed;
        tgi_writer_free(&index);
        inner *= walk.dims[a];
    }
    if (first) tgi_put_string(w, "0");
}

static const char *put_by_number(kernel *k, tgi_writer *w, const tgi_emit_source *s, const char *text) {
    text += 1 + strspn(text + 1, " ");
    size_t     length = index_length(text);
    tgi_writer number = expanded(k, text, trimmed(text, length));
    put_number(w, s, number.text ? number.text : "0");
    w->failed |= number.failed;
    tgi_writer_free(&number);
    return text + length;
}

/* Where the elements of operand k or the result are, and in whose memory. */
static tgi_emit_source source_at(const kernel *k, int operand) {
    const tgi_emit_value *v = k->value;
    if (operand >= 0) return v->sources[k->first + operand];
    return tgi_source_of(k->f, v->target != TGI_NONE ? v->target : k->index);
}

/* "[...]" behind an operand; without it the name of its array. Returns what follows. */
static const char *put_element(kernel *k, tgi_writer *w, int operand, const char *text) {
    tgi_emit_source s = source_at(k, operand);
    if (tgi_is_literal(k->f, s.base) || tgi_is_scalar(k->f, s.base)) {
        if (tgi_is_scalar(k->f, s.base))
            tgi_put_scalar(k->f, w, s.base);
        else if (w->length && w->text[w->length - 1] == '&')
            tgi_put_address_of(k->f, w, s.base);
        else
            tgi_put_literal_of(k->f, w, s.base);
        if (*text != '[') return text;
        text += 1;
        while (*text && *text != ']')
            text += index_length(text) + (text[index_length(text)] == ',');
        return text + (*text == ']');
    }
    tgi_put_array_name(k->f, w, s.base);
    if (*text != '[') return text;
    tgi_put_string(w, "[");
    text = text[1] == '#' ? put_by_number(k, w, &s, text + 1) : put_by_indices(k, w, &s, text + 1);
    tgi_put_string(w, "]");
    return text + (*text == ']');
}

/* ---- what begins with $ ------------------------------------------------------------------------------------------ */

static tg_dtype dtype_of(const kernel *k, int operand) {
    const tgi_emit_value *v = k->value;
    return (tg_dtype)(operand >= 0 ? v->sources[k->first + operand].node->dtype : source_at(k, RESULT).node->dtype);
}

/* By which functions are chosen. */
static tg_dtype working_dtype(const kernel *k) {
    return dtype_of(k, k->value->source_count ? 0 : RESULT);
}

static void put_for(kernel *k, tgi_writer *w, const char *text, size_t length) {
    size_t      name = length_to(text, ",");
    const char *count = text + name + 1 + strspn(text + name + 1, " ");
    int         rest = (int)(length - (size_t)(count - text));
    tgi_put(w, "for (%s %.*s = 0; %.*s < %.*s; %.*s++) {", k->f->file->wide ? "int64_t" : "int", (int)name, text, (int)name,
            text, rest, count, (int)name, text);
}

static bool begins(const char *text, const char *word) {
    return !strncmp(text, word, strlen(word));
}

/* How a run of the library fails there. */
static tg_status status_of_failure(const char *name) {
    return begins(name, "fail_index") ? TG_ERR_INDEX : begins(name, "fail_numeric") ? TG_ERR_NUMERIC : TG_ERR_VALUE;
}

/* The kernel's instruction, which may be of the body of a loop. */
static uint32_t instruction_of(const kernel *k) {
    const tgi_emit_block *b = &k->f->blocks[k->value->block];
    return k->value->block ? b->part->start + k->index - b->first : k->index;
}

static void put_failure(kernel *k, tgi_writer *w, tg_status status, const char *text, size_t length) {
    tgi_function *f = k->f;
    f->failures++;
    tgi_put(w, "return %d;", f->failures);
    if (f->file->hosted) {
        tgi_put_bytes(&f->failure_texts, text, length);
        tgi_put_bytes(&f->failure_texts, "", 1);
        tgi_failure_site site = {instruction_of(k), status};
        tgi_put_bytes(&f->failure_sites, (const char *)&site, sizeof site);
        return;
    }
    tgi_put(&f->failure_texts, " *     %d  %s", f->failures, k->value->node->op->name);
    tgi_put_string(&f->failure_texts, " at ");
    tgi_put_place(&f->failure_texts, k->value->node);
    tgi_put(&f->failure_texts, ": %.*s\n", (int)length, text);
}

/* Kernels run one after the other, and have the same doubles behind those of values. */
static void put_scratch(kernel *k, tgi_writer *w, const char *count) {
    tgi_function *f = k->f;
    int64_t       end = f->scratch + strtoll(count, NULL, 10);
    if (f->work[TG_F64] < end) f->work[TG_F64] = end;
    if (f->file->work[TG_F64] < end) f->file->work[TG_F64] = end;
    tgi_put(w, "work%sf64 + %" PRId64, f->file->options.memory == TG_EMIT_STATIC ? "." : "->", f->scratch);
}

/* An op that names an operand that it does not have gets its first one. */
static int operand_number(const kernel *k, const char *text) {
    long number = strtol(text, NULL, 10);
    return number < (long)k->value->source_count - k->first ? (int)number : 0;
}

/* The text behind a $ up to where it goes on. */
static const char *put_special(kernel *k, tgi_writer *w, const char *text) {
    size_t length = tgi_identifier_length(text);
    int    operand = RESULT;
    if (begins(text, "for(") || begins(text, "scratch(") || begins(text, "fail(") || begins(text, "fail_index(") ||
        begins(text, "fail_numeric(")) {
        const char *inner = text + length + 1;
        size_t      n = length_to(inner, ")");
        if (*text == 's')
            put_scratch(k, w, inner);
        else if (text[1] == 'o')
            put_for(k, w, inner, n);
        else
            put_failure(k, w, status_of_failure(text), inner, n);
        return inner + n + (inner[n] == ')');
    }
    if (tgi_is_digit(*text)) {
        operand = operand_number(k, text);
        return put_element(k, w, operand, text + strspn(text, "0123456789"));
    }
    if (length == 1 && *text == 'y') return put_element(k, w, RESULT, text + 1);
    if (length == 1 && *text == 'I') {
        tgi_put_string(w, k->f->file->wide ? "int64_t" : "int");
        return text + 1;
    }
    if (*text == 'T' && length == 1 + strspn(text + 1, "0123456789")) {
        if (length > 1) operand = operand_number(k, text + 1);
        tgi_put_string(w, tgi_c_type(dtype_of(k, operand)));
        return text + length;
    }
    if (length == 11 && (begins(text, "uniform_f32") || begins(text, "uniform_f64"))) {
        tgi_put_function(k->f->file, w, text, length, TG_F64);
        tgi_put_string(w, "(state->random_words, &state->random_next)");
        return text + length;
    }
    if (length == 10 && begins(text, "normal_f64")) {
        tgi_put_function(k->f->file, w, text, length, TG_F64);
        tgi_put_string(w, "(state->random_words, &state->random_next, state->random_normal)");
        return text + length;
    }
    if (!length || !tgi_put_function(k->f->file, w, text, length, working_dtype(k))) tgi_put_bytes(w, text, length);
    return text + length;
}

static void put_expanded(kernel *k, tgi_writer *w, const char *text, size_t length) {
    const char *end = text + length;
    while (text < end) {
        size_t plain = strcspn(text, "$");
        if (plain > (size_t)(end - text)) plain = (size_t)(end - text);
        tgi_put_bytes(w, text, plain);
        text += plain;
        if (text < end) text = put_special(k, w, text + 1);
    }
}

/* A call for some of the operands is one whose types are those. */
static kernel *begin_call(const tg_emit_call *call) {
    kernel *k = call->emitter;
    k->first = (int)(call->in - k->types);
    return k;
}

void tg_emit(tg_emit_call *call, const char *format, ...) {
    kernel    *k = begin_call(call);
    tgi_writer text = {.memory = k->w->memory};
    char       few[1];
    va_list    arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int   length = tgi_format(few, sizeof few, format, arguments);
    char *formatted = length < 0 ? NULL : tgi_memory_take(k->w->memory, (size_t)length + 1);
    if (formatted) tgi_format(formatted, (size_t)length + 1, format, again);
    if (formatted) put_expanded(k, &text, formatted, strlen(formatted));
    if (text.text && !text.failed) tgi_put_lines(k->w, text.text);
    k->w->failed |= text.failed || !formatted;
    tgi_writer_free(&text);
    if (formatted) tgi_memory_give(k->w->memory, formatted, (size_t)length + 1);
    va_end(again);
    va_end(arguments);
}

void tg_emit_refuse(tg_emit_call *call, const char *format, ...) {
    kernel *k = call->emitter;
    char    text[TGI_TEXT];
    va_list arguments;
    va_start(arguments, format);
    tgi_format(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!k->refusal) k->refusal = tgi_emit_copy(k->f->file, text);
}

int64_t tg_emit_stride(const tg_emit_call *call, int i, int axis) {
    const kernel *k = begin_call(call);
    if (i < 0 || i >= call->count) return 0;
    const tgi_emit_source *s = &k->value->sources[k->first + i];
    return axis >= 0 && axis < s->node->rank && !tgi_is_literal(k->f, s->base) ? s->strides[axis] : 0;
}

/* ---- a kernel ---------------------------------------------------------------------------------------------------- */

/* Whether the text is a loop, and nothing else: then it needs no braces. */
static bool is_one_loop(const char *text) {
    int depth = 0;
    if (strncmp(text, "for (", 5) != 0) return false;
    for (; *text; text++) {
        if (*text == '{') depth++;
        if (*text == '}' && --depth == 0) return !text[1] || !text[2];
    }
    return false;
}

/* The variable of a result of one element. */
static void write_scalar(tgi_function *f, uint32_t index) {
    tgi_writer line = {.memory = f->file->bodies.memory};
    tgi_put(&line, "%s ", tgi_c_type((tg_dtype)f->values[index].node->dtype));
    tgi_put_scalar(f, &line, index);
    tgi_put_string(&line, " = 0;");
    if (line.text) tgi_put_lines(&f->file->bodies, line.text);
    f->file->bodies.failed |= line.failed;
    tgi_writer_free(&line);
}

void tgi_write_kernel(tgi_function *f, const tgi_emit_unit *unit) {
    const tgi_emit_value *v = &f->values[unit->first];
    kernel                k = {.f = f, .value = v, .index = unit->first, .w = &f->file->bodies};
    tg_type              *types = tgi_emit_take(f->file, v->source_count, sizeof *types);
    if (!types) return;
    for (uint32_t j = 0; j < v->source_count; j++)
        types[j] = tgi_node_type(v->sources[j].node);
    k.types = types;
    tg_emit_call call = {.op = v->node->op,
                         .count = (int)v->source_count,
                         .in = types,
                         .out = tgi_node_type(v->node->op->effect ? v->sources[0].node : v->node),
                         .attr = v->node->attr,
                         .small = f->file->options.size == TG_EMIT_SMALL,
                         .emitter = &k};
    tgi_put_heading(f, unit->first);
    tgi_writer  *bodies = k.w, text = {.memory = bodies->memory};
    tgi_callback outer = tgi_enter(f->file->tape, "an op's C text", false);
    k.w = &text;
    v->node->op->emit(&call);
    (void)tgi_leave(f->file->tape, outer);
    if (k.refusal) tgi_emit_fail(f->file, TG_ERR_ARGUMENT, v->node, "%s", k.refusal);
    bool alone = text.text && is_one_loop(text.text);
    if (tgi_is_scalar(f, unit->first)) write_scalar(f, unit->first);
    if (!alone) tgi_put_lines(bodies, "{");
    if (text.text) tgi_put_lines(bodies, text.text);
    if (!alone) tgi_put_lines(bodies, "}");
    if (tgi_is_scalar(f, unit->first)) tgi_write_after_scalar(f, unit->first);
    bodies->failed |= text.failed;
    tgi_writer_free(&text);
}
