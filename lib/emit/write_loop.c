/* emit/write_loop.c: elementwise instructions over one shape as one loop.
 *
 * Axes along which all that is read and written goes on evenly are joined, so that most loops have one variable. A statement of the
 * loop is one instruction. What other loops read is put into its array, what only this one reads is a variable. Of one element there is
 * no loop: all are variables of the function.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "emit/program.h"
#include "kernels/strided.h"

static const char *const variables[TG_MAX_RANK] = {"i", "j", "k", "l", "m", "n", "o", "p"};

typedef struct loop {
    tgi_function        *f;
    const tgi_emit_unit *unit;
    tgi_writer          *w;
    int                  rank; /* of the shape with joined axes */
    int64_t              dims[TG_MAX_RANK];
    int                  from[TG_MAX_RANK]; /* the last of the axes that were joined */
} loop;

/* ---- axes -------------------------------------------------------------------------------------------------------- */

/* The operand's strides along the axes of the loop. */
static void strides_along(const loop *l, const tgi_emit_source *s, int64_t *strides) {
    tgi_stretch(s->node->rank, s->node->dims, s->strides, l->unit->rank, l->unit->dims, strides);
}

static bool is_made_here(const loop *l, const tgi_emit_source *s) {
    const tgi_emit_value *base = &l->f->values[s->base];
    return base->kind != TGI_EMIT_NOTHING && &l->f->blocks[base->block].units[base->unit] == l->unit;
}

static bool is_array(const loop *l, const tgi_emit_source *s) {
    return !is_made_here(l, s) && !tgi_is_literal(l->f, s->base);
}

/* Whether axis a goes on into axis b, the next one of more than one element, in all that is read. What is written is row-major. */
static bool can_join(const loop *l, int a, int b) {
    for (uint32_t i = l->unit->first; i != TGI_NONE; i = l->f->values[i].next) {
        const tgi_emit_value *v = &l->f->values[i];
        for (uint32_t j = 0; j < v->source_count; j++) {
            int64_t strides[TG_MAX_RANK];
            if (!is_array(l, &v->sources[j])) continue;
            strides_along(l, &v->sources[j], strides);
            if (strides[a] != strides[b] * l->unit->dims[b]) return false;
        }
    }
    return true;
}

static void join_axes(loop *l) {
    for (int axis = 0; axis < l->unit->rank; axis++) {
        int64_t size = l->unit->dims[axis];
        if (size == 1) continue;
        if (l->rank && can_join(l, l->from[l->rank - 1], axis))
            l->dims[l->rank - 1] *= size;
        else
            l->dims[l->rank++] = size;
        l->from[l->rank - 1] = axis;
    }
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

/* "[3 + i * 32 + j]" */
static void put_index(const loop *l, tgi_writer *w, int64_t offset, const int64_t *strides) {
    bool first = true;
    tgi_put_string(w, "[");
    if (offset) {
        tgi_put(w, "%" PRId64, offset);
        first = false;
    }
    for (int a = 0; a < l->rank; a++) {
        int64_t stride = strides[l->from[a]];
        if (stride == 0) continue;
        if (!first) tgi_put_string(w, stride < 0 ? " - " : " + ");
        if (first && stride < 0) tgi_put_string(w, "-");
        tgi_put_string(w, variables[a]);
        if (stride != 1 && stride != -1) tgi_put(w, " * %" PRId64, stride < 0 ? -stride : stride);
        first = false;
    }
    tgi_put_string(w, first ? "0]" : "]");
}

static void put_element(const loop *l, tgi_writer *w, uint32_t index) {
    int64_t strides[TG_MAX_RANK];
    tgi_row_major(l->unit->rank, l->unit->dims, strides);
    tgi_put_array_name(l->f, w, index);
    put_index(l, w, 0, strides);
}

/* The variable of a value that is put into an array, too, has a name that no array has. */
static void put_variable(const loop *l, tgi_writer *w, uint32_t index) {
    if (tgi_is_scalar(l->f, index)) {
        tgi_put_scalar(l->f, w, index);
        return;
    }
    tgi_put_array_name(l->f, w, index);
    if (l->f->values[index].home != TGI_VALUE_LOCAL) tgi_put_string(w, "_");
}

static void put_operand(const loop *l, tgi_writer *w, const tgi_emit_source *s) {
    int64_t strides[TG_MAX_RANK];
    if (tgi_is_literal(l->f, s->base))
        tgi_put_literal_of(l->f, w, s->base);
    else if (is_made_here(l, s) || tgi_is_scalar(l->f, s->base))
        put_variable(l, w, s->base);
    else {
        strides_along(l, s, strides);
        tgi_put_array_name(l->f, w, s->base);
        put_index(l, w, s->offset, strides);
    }
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

/* The expression of an instruction; false when its formula is none. */
static bool put_expression(const loop *l, tgi_writer *w, const tgi_emit_value *v) {
    const char *operands[TG_MAX_LOOP_OPERANDS];
    tgi_writer  texts[TG_MAX_LOOP_OPERANDS];
    bool        good = true;
    uint32_t    first = v->kind == TGI_EMIT_ASSIGN ? 1 : 0, count = v->source_count - first;
    for (uint32_t j = 0; j < count; j++) {
        texts[j] = (tgi_writer){.memory = w->memory};
        put_operand(l, &texts[j], &v->sources[first + j]);
        operands[j] = texts[j].text ? texts[j].text : "";
        w->failed |= texts[j].failed;
    }
    if (v->kind == TGI_EMIT_LOOP) {
        tg_dtype dtype = (tg_dtype)v->sources[count - 1].node->dtype;
        bool     narrows = v->node->dtype == TG_F32 && strstr(v->node->op->formula, "(double)");
        if (narrows) tgi_put_string(w, "(float)(");
        good = tgi_put_formula(l->f->file, w, v->node->op->formula, dtype, (int)count, operands);
        if (narrows) tgi_put_string(w, ")");
    } else
        tgi_put_string(w, operands[0]);
    for (uint32_t j = 0; j < count; j++)
        tgi_writer_free(&texts[j]);
    return good;
}

static bool put_statement(const loop *l, tgi_writer *w, uint32_t index) {
    const tgi_emit_value *v = &l->f->values[index];
    bool is_local = v->home == TGI_VALUE_LOCAL || v->home == TGI_VALUE_SCALAR, is_variable = is_local || v->read_in_loop;
    if (v->kind == TGI_EMIT_ASSIGN)
        put_element(l, w, v->target);
    else if (is_variable) {
        tgi_put(w, "const %s ", tgi_c_type((tg_dtype)v->node->dtype));
        put_variable(l, w, index);
    } else
        put_element(l, w, index);
    tgi_put_string(w, " = ");
    bool good = put_expression(l, w, v);
    tgi_put_string(w, ";");
    tgi_put_line_of(w, l->f->file->tape, v->node);
    tgi_put_string(w, "\n");
    if (is_variable && !is_local) {
        put_element(l, w, index);
        tgi_put_string(w, " = ");
        put_variable(l, w, index);
        tgi_put_string(w, ";\n");
    }
    return good;
}

static void write_statements(loop *l) {
    tgi_writer line = {.memory = l->w->memory};
    for (uint32_t i = l->unit->first; i != TGI_NONE; i = l->f->values[i].next) {
        tgi_writer_clear(&line);
        if (!put_statement(l, &line, i))
            tgi_emit_fail(l->f->file, TG_ERR_ARGUMENT, l->f->values[i].node, "its formula, \"%s\", is none of %u operands",
                          l->f->values[i].node->op->formula, (unsigned)l->f->values[i].node->count);
        if (line.text && !line.failed) tgi_put_lines(l->w, line.text);
        if (tgi_is_scalar(l->f, i)) tgi_write_after_scalar(l->f, i);
    }
    l->w->failed |= line.failed;
    tgi_writer_free(&line);
}

void tgi_write_loop(tgi_function *f, const tgi_emit_unit *unit) {
    char text[TGI_TEXT];
    loop l = {.f = f, .unit = unit, .w = &f->file->bodies};
    if (tgi_size(unit->rank, unit->dims) == 0) return;
    join_axes(&l);
    if (l.rank) tgi_put_line(l.w, "/* %s */", tgi_shape_text(text, unit->rank, unit->dims));
    for (int a = 0; a < l.rank; a++)
        tgi_put_line(l.w, "for (%s %s = 0; %s < %" PRId64 "; %s++) {", f->file->wide ? "int64_t" : "int", variables[a],
                     variables[a], l.dims[a], variables[a]);
    write_statements(&l);
    for (int a = 0; a < l.rank; a++)
        tgi_put_lines(l.w, "}");
}
