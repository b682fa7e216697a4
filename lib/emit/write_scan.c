/* emit/write_scan.c: a loop over steps: its states get what they begin with; each step has pointers to its pieces of the inputs and of what
 * the loop gives, and computes what the body does; then the last states are copied. Where a loop may end early, what steps that are not
 * done would give is 0; what they would save for a derivative is not read.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emit/program.h"

typedef struct scan {
    tgi_function   *f;
    tgi_emit_block *block;
    tgi_writer     *w;
} scan;

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *name_of(const scan *s, uint32_t value) {
    const char *name = s->f->values[value].name;
    return name || value >= s->f->count ? name : tgi_c_name(s->f->file, value);
}

/* "x" in a step is "x_t", and "x_t_old" when it was put aside. */
static const char *name_like(const scan *s, uint32_t base, const char *behind) {
    enum { LONGEST = 80 };
    char        text[LONGEST];
    const char *name = name_of(s, base);
    snprintf(text, sizeof text, "%.60s%s", name ? name : "", behind);
    return tgi_new_c_name(s->f->file, text);
}

/* Values of two loops with one body have the same names, in blocks of their own. */
static void name_values(scan *s) {
    const tgi_emit_block *b = s->block;
    const tgi_loop       *loop = b->loop;
    uint32_t              number = s->f->values[b->first].block;
    for (uint32_t i = b->first, at = b->part->start; at < b->part->end; i++, at++) {
        tgi_emit_value *v = &s->f->values[i];
        if (v->needed && v->kind != TGI_EMIT_NOTHING) v->name = tgi_c_name(s->f->file, at);
    }
    for (uint32_t j = 0; j < loop->states + loop->inputs; j++) {
        tgi_emit_value *v = &s->f->values[tgi_value_in(s->f, number, loop->given[j])];
        if (v->needed) v->name = name_like(s, s->f->values[b->run_by].sources[j].base, "_t");
    }
    for (uint32_t i = 0; i < loop->states; i++) {
        tgi_emit_value *v = &s->f->values[tgi_put_aside(b, i)];
        if (v->needed) v->name = name_like(s, tgi_value_in(s->f, number, loop->given[i]), "_old");
    }
    s->block->step = tgi_new_c_name(s->f->file, "step");
    if (tgi_decides(b)) s->f->values[b->more.value].name = tgi_new_c_name(s->f->file, "more");
}

/* ---- what the loop gives ----------------------------------------------------------------------------------------- */

/* "h", or "scan12 + 30": where the item is. */
static void put_item(const scan *s, tgi_writer *w, const tgi_emit_item *item) {
    tgi_put_array_name(s->f, w, item->owner != TGI_NONE ? item->owner : s->block->run_by);
    if (item->owner == TGI_NONE && item->range.from) tgi_put(w, " + %" PRId64, item->range.from);
}

static void write_line(const scan *s, const tgi_writer *line) {
    s->w->failed |= line->failed;
    if (line->text && !line->failed) tgi_put_lines(s->w, line->text);
}

static void name_piece(const scan *s, tgi_emit_item *item) {
    tgi_emit_value *v = &s->f->values[item->step.value];
    v->name = name_like(s, item->owner != TGI_NONE ? item->owner : s->block->run_by, "_t");
}

/* A pointer to the piece, if the text behind it has the name. */
static void write_pointer(const scan *s, const char *type, const char *name, const tgi_writer *place, int64_t stride,
                          const char *text) {
    if (!name || !text || !tgi_has_word(text, name)) return;
    tgi_writer line = {.memory = s->w->memory};
    tgi_put(&line, "%s *const %s = %s", type, name, place->text ? place->text : "");
    if (stride) tgi_put(&line, " %c %s * %" PRId64, stride < 0 ? '-' : '+', s->block->step, stride < 0 ? -stride : stride);
    tgi_put_string(&line, ";");
    write_line(s, &line);
    s->w->failed |= place->failed;
    tgi_writer_free(&line);
}

static void write_pieces(const scan *s, const char *text) {
    const tgi_emit_block *b = s->block;
    for (uint32_t k = b->loop->states; k < b->item_count; k++) {
        const tgi_emit_item *item = &b->items[k];
        tgi_writer           place = {.memory = s->w->memory};
        if (!item->wanted) continue;
        const tgi_emit_value *v = &s->f->values[item->step.value];
        put_item(s, &place, item);
        write_pointer(s, tgi_c_type((tg_dtype)v->node->dtype), v->name, &place, tgi_node_size(v->node), text);
        tgi_writer_free(&place);
    }
}

/* ---- what it is given -------------------------------------------------------------------------------------------- */

static void write_inputs(const scan *s, const char *text) {
    const tgi_emit_block *b = s->block;
    uint32_t              number = s->f->values[b->first].block;
    for (uint32_t j = b->loop->states; j < b->loop->states + b->loop->inputs; j++) {
        const tgi_emit_source *all = &s->f->values[b->run_by].sources[j];
        const tgi_emit_value  *v = &s->f->values[tgi_value_in(s->f, number, b->loop->given[j])];
        tgi_writer             place = {.memory = s->w->memory}, type = {.memory = s->w->memory};
        if (!v->needed || tgi_is_literal(s->f, all->base)) continue;
        if (tgi_is_scalar(s->f, all->base)) { /* of one step, or the same in all */
            tgi_put_string(&place, "&");
            tgi_put_scalar(s->f, &place, all->base);
        } else
            tgi_put_array_name(s->f, &place, all->base);
        if (all->offset) tgi_put(&place, " + %" PRId64, all->offset);
        tgi_put(&type, "const %s", tgi_c_type((tg_dtype)v->node->dtype));
        write_pointer(s, type.text ? type.text : "", v->name, &place, all->strides[0], text);
        s->w->failed |= type.failed;
        tgi_writer_free(&place);
        tgi_writer_free(&type);
    }
}

static void write_state(const scan *s, uint32_t value) {
    const tgi_emit_value *v = &s->f->values[value];
    tgi_emit_unit         unit = {.first = value, .loop = true, .rank = v->node->rank, .dims = v->node->dims};
    if (v->needed) tgi_write_loop(s->f, &unit);
}

static void begin_states(const scan *s) {
    const tgi_emit_block *b = s->block;
    uint32_t              number = s->f->values[b->first].block;
    for (uint32_t i = 0; i < b->loop->states; i++) {
        uint32_t given = tgi_value_in(s->f, number, b->loop->given[i]);
        if (tgi_is_state(&s->f->values[given])) tgi_write_place(s->f, given);
    }
    for (uint32_t i = 0; i < b->loop->states; i++)
        write_state(s, tgi_first_state(b, i));
}

static void end_states(const scan *s) {
    const tgi_emit_block *b = s->block;
    for (uint32_t i = 0; i < b->loop->states; i++) {
        tgi_writer      place = {.memory = s->w->memory};
        tgi_emit_value *v = &s->f->values[tgi_last_state(b, i)];
        if (!v->needed) continue;
        put_item(s, &place, &b->items[i]);
        bool       sum = b->items[i].owner == TGI_NONE && b->items[i].range.from;
        tgi_writer name = {.memory = s->w->memory};
        tgi_put(&name, sum ? "(%s)" : "%s", place.text ? place.text : "");
        v->name = name.text ? tgi_emit_copy(s->f->file, name.text) : "";
        s->w->failed |= place.failed || name.failed;
        tgi_writer_free(&place);
        tgi_writer_free(&name);
        write_state(s, tgi_last_state(b, i));
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* How many steps there are at most. */
static void put_steps(const scan *s, tgi_writer *w) {
    const tgi_emit_block  *b = s->block;
    const tgi_emit_source *most = &s->f->values[b->run_by].sources[s->f->values[b->run_by].source_count - 1];
    if (!b->attr->counted)
        tgi_put(w, "%" PRId64, b->attr->steps);
    else if (tgi_is_literal(s->f, most->base))
        tgi_put_literal_of(s->f, w, most->base);
    else {
        if (!s->f->file->wide) tgi_put_string(w, "(int)");
        if (tgi_is_scalar(s->f, most->base))
            tgi_put_scalar(s->f, w, most->base);
        else {
            tgi_put_array_name(s->f, w, most->base);
            tgi_put(w, "[%" PRId64 "]", most->offset);
        }
    }
}

static void write_head(const scan *s) {
    const tgi_emit_block *b = s->block;
    const char           *type = s->f->file->wide ? "int64_t" : "int", *step = b->step;
    tgi_writer            line = {.memory = s->w->memory};
    tgi_put(&line, "for (%s %s = ", type, step);
    if (b->attr->reverse) {
        put_steps(s, &line);
        tgi_put(&line, " - 1; %s >= 0; %s--) {", step, step);
    } else {
        tgi_put(&line, "0; %s < ", step);
        put_steps(s, &line);
        if (tgi_decides(b)) {
            tgi_put_string(&line, " && ");
            tgi_put_array_name(s->f, &line, b->more.value);
            tgi_put_string(&line, "[0]");
        }
        tgi_put(&line, "; %s++) {", step);
    }
    write_line(s, &line);
    tgi_writer_free(&line);
}

/* What steps give that may not be done; and that there is a first one, if there is any. */
static void begin_counting(const scan *s) {
    const tgi_emit_block *b = s->block;
    const char           *type = s->f->file->wide ? "int64_t" : "int";
    for (uint32_t k = b->loop->states; k < b->item_count && b->attr->counted; k++) {
        const tgi_emit_item *item = &b->items[k];
        tgi_writer           place = {.memory = s->w->memory};
        if (!item->wanted || !item->range.size || item->section != TGI_OUTPUTS) continue;
        put_item(s, &place, item);
        tgi_put_line(s->w, "for (%s i = 0; i < %" PRId64 "; i++)", type, item->range.size);
        tgi_put_line(s->w, "    (%s)[i] = 0;", place.text ? place.text : "");
        s->w->failed |= place.failed;
        tgi_writer_free(&place);
    }
    if (!tgi_decides(b)) return;
    const char *name = s->f->values[b->more.value].name;
    tgi_put_line(s->w, "bool %s[1] = {true};", name ? name : "");
}

/* The text of a step comes first, as it tells which pointers there must be. */
static void write_steps(scan *s) {
    tgi_writer outer = *s->w, step = {.memory = outer.memory, .indent = outer.indent + 1};
    for (uint32_t k = s->block->loop->states; k < s->block->item_count; k++)
        if (s->block->items[k].wanted) name_piece(s, &s->block->items[k]);
    *s->w = step;
    tgi_write_units(s->f, s->block);
    step = *s->w;
    *s->w = outer;
    begin_counting(s);
    write_head(s);
    write_inputs(s, step.text);
    write_pieces(s, step.text);
    if (step.text) tgi_put_string(s->w, step.text);
    s->w->failed |= step.failed;
    tgi_put_lines(s->w, "}");
    tgi_writer_free(&step);
}

void tgi_write_scan(tgi_function *f, const tgi_emit_unit *unit) {
    scan s = {.f = f, .block = &f->blocks[f->values[unit->first].loop], .w = &f->file->bodies};
    name_values(&s);
    if (f->file->tape->status) return;
    tgi_put_heading(f, unit->first);
    tgi_put_lines(s.w, "{");
    begin_states(&s);
    write_steps(&s);
    end_states(&s);
    tgi_put_lines(s.w, "}");
}
