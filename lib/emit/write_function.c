/* emit/write_function.c: a function: its comment and head, the arrays that it works on, and its units.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "emit/program.h"

/* ---- names and comments ------------------------------------------------------------------------------------------ */

void tgi_put_array_name(tgi_function *f, tgi_writer *w, uint32_t base) {
    const tgi_emit_value *v = &f->values[base];
    const char           *name = v->name ? v->name : base < f->count ? tgi_c_name(f->file, base) : NULL;
    tgi_put_string(w, name ? name : ""); /* NULL when there was no memory */
}

/* A step's piece of an input that is one number all over is that number. */
static uint32_t given_value(const tgi_function *f, uint32_t base) {
    for (const tgi_emit_value *v = &f->values[base]; v->home == TGI_VALUE_GIVEN && v->given_by != TGI_NONE;
         v = &f->values[base])
        base = f->values[f->blocks[v->block].run_by].sources[v->given_by].base;
    return base;
}

void tgi_put_scalar(tgi_function *f, tgi_writer *w, uint32_t base) {
    tgi_put_array_name(f, w, base);
    if (f->values[base].is_output) tgi_put_string(w, "_");
}

void tgi_write_after_scalar(tgi_function *f, uint32_t index) {
    const tgi_emit_value *v = &f->values[index];
    const char           *name = v->name ? v->name : tgi_c_name(f->file, index);
    if (v->is_output && f->file->hosted && !v->block)
        tgi_put_line(&f->file->bodies, "*(%s *)(given + %" PRId64 ") = %s_;", tgi_c_type((tg_dtype)v->node->dtype), v->at,
                     name);
    else if (v->is_output)
        tgi_put_line(&f->file->bodies, "%s[0] = %s_;", name, name);
    else if (f->has_empty)
        tgi_put_line(&f->file->bodies, "(void)%s;", name);
}

bool tgi_is_literal(const tgi_function *f, uint32_t base) {
    base = given_value(f, base);
    return f->values[base].home == TGI_VALUE_LEAF && f->file->home[base] == TGI_LEAF_LITERAL;
}

void tgi_put_literal_of(const tgi_function *f, tgi_writer *w, uint32_t base) {
    const tgi_node *node = f->values[given_value(f, base)].node;
    tgi_writer      text = {.memory = w->memory};
    if (!tgi_node_size(node)) {
        tgi_put_string(w, node->dtype == TG_F32   ? "0.0f"
                          : node->dtype == TG_F64 ? "0.0"
                                                  : "0"); /* of no elements nobody reads one */
        return;
    }
    tgi_put_literal(&text, (tg_dtype)node->dtype, node->data);
    if (text.text) tgi_put(w, *text.text == '-' ? "(%s)" : "%s", text.text);
    w->failed |= text.failed;
    tgi_writer_free(&text);
}

void tgi_put_address_of(tgi_function *f, tgi_writer *w, uint32_t base) {
    tgi_file *file = f->file;
    base = given_value(f, base);
    const tgi_node *node = f->values[base].node;
    const char     *name = tgi_c_name(file, base);
    if (name && !file->numbered[base]) {
        tgi_put(&file->data, "static const %s %s[1] = {", tgi_c_type((tg_dtype)node->dtype), name);
        tgi_put_literal_of(f, &file->data, base);
        tgi_put_string(&file->data, "};\n\n");
        file->numbered[base] = true;
    }
    tgi_put(w, "%s[0]", name ? name : "");
}

void tgi_put_place(tgi_writer *w, const tgi_node *node) {
    const char *file = node->file ? node->file : "?", *slash = strrchr(file, '/');
    tgi_put_comment(w, slash ? slash + 1 : file);
    tgi_put(w, ":%" PRIu32, node->line);
}

static void put_place_and_rule(tgi_writer *w, const tg_tape *tape, const tgi_node *node) {
    tgi_put_place(w, node);
    if (node->rule_of == TGI_NONE) return;
    tgi_put_string(w, ", gradient of ");
    tgi_put_comment(w, tgi_node_at(tape, node->rule_of)->op->name);
}

void tgi_put_line_of(tgi_writer *w, const tg_tape *tape, const tgi_node *node) {
    tgi_put_string(w, " /* ");
    put_place_and_rule(w, tape, node);
    tgi_put_string(w, " */");
}

static void put_type(tgi_writer *w, const tgi_node *node) {
    char text[TGI_TEXT];
    tgi_put(w, "%s %s", tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text, node->rank, node->dims));
}

static void put_operand(tgi_function *f, tgi_writer *w, uint32_t base) {
    if (tgi_is_literal(f, base))
        tgi_put_literal_of(f, w, base);
    else
        tgi_put_array_name(f, w, base);
}

/* "matmul5 = matmul(x, w1): float32 (100, 32), iris.c:56" */
void tgi_put_heading(tgi_function *f, uint32_t value) {
    const tgi_emit_value *v = &f->values[value];
    const tgi_node       *node = v->node;
    tgi_writer            line = {.memory = f->file->bodies.memory};
    tgi_put_string(&line, "/* ");
    tgi_put_array_name(f, &line, v->target != TGI_NONE ? v->target : value);
    tgi_put_string(&line, " = ");
    tgi_put_comment(&line, node->op->name);
    for (uint32_t j = 0; j < node->count; j++) {
        tgi_put_string(&line, j ? ", " : "(");
        if (j == 8) {
            tgi_put_string(&line, "...");
            break;
        }
        put_operand(f, &line, v->sources[j].base);
    }
    tgi_put_string(&line, node->count ? "): " : "(): ");
    put_type(&line, node);
    tgi_put_string(&line, ", ");
    put_place_and_rule(&line, f->file->tape, node);
    tgi_put_string(&line, " */");
    if (line.text) tgi_put_lines(&f->file->bodies, line.text);
    f->file->bodies.failed |= line.failed;
    tgi_writer_free(&line);
}

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static bool uses(const tgi_function *f, uint32_t index, tgi_leaf_home home) {
    return f->values[index].home == TGI_VALUE_LEAF && f->file->home[index] == home;
}

static bool has_state(const tgi_function *f) {
    bool draws = false;
    for (uint32_t i = 0; i < f->count; i++) {
        if (uses(f, i, TGI_LEAF_STATE)) return true;
        draws |= f->values[i].needed && f->values[i].node->op->random;
    }
    return draws;
}

static bool has_work(const tgi_function *f) {
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        if (f->work[dtype]) return true;
    return false;
}

static void put_comma(tgi_writer *w, bool *first) {
    if (!*first) tgi_put_string(w, ", ");
    *first = false;
}

static void put_head(tgi_function *f, tgi_writer *w, bool defines) {
    tgi_file   *file = f->file;
    bool        first = true;
    const char *star = defines ? "*RESTRICT " : "*";
    if (file->hosted) {
        tgi_put_hosted_head(f, w);
        return;
    }
    tgi_put(w, "%s %s(", f->failures ? "int" : "void", f->name);
    if (has_state(f)) {
        tgi_put(w, "%s_state %sstate", file->prefix, star);
        first = false;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        if (!uses(f, i, TGI_LEAF_ARGUMENT)) continue;
        put_comma(w, &first);
        tgi_put(w, "const %s %s%s", tgi_c_type((tg_dtype)f->values[i].node->dtype), star, tgi_c_name(file, i));
    }
    for (int k = 0; k < f->output_count; k++) {
        put_comma(w, &first);
        tgi_put(w, "%s %s%s", tgi_c_type((tg_dtype)f->values[f->outputs[k].value].node->dtype), star, f->outputs[k].name);
    }
    if (has_work(f) && file->options.memory == TG_EMIT_REENTRANT) {
        put_comma(w, &first);
        tgi_put(w, "%s_work %swork", file->prefix, star);
    }
    tgi_put_string(w, first ? "void)" : ")");
}

static void put_argument(tgi_writer *w, const char *name, const tgi_node *node, const char *way) {
    tgi_put(w, " *     %-16s %s ", name, way);
    put_type(w, node);
    tgi_put_string(w, "\n");
}

/* The prototype, and above it what it does and what the arguments are. */
static void put_prototype(tgi_function *f) {
    tgi_file   *file = f->file;
    tgi_writer *w = &file->prototypes;
    tgi_put_string(w, "/* Runs ");
    if (f->part) {
        tgi_put_string(w, "the part \"");
        tgi_put_comment(w, f->part);
        tgi_put_string(w, "\"");
    } else
        tgi_put_string(w, "what stands outside of parts");
    tgi_put_string(w, " once.\n");
    for (uint32_t i = 0; i < f->count; i++)
        if (uses(f, i, TGI_LEAF_ARGUMENT)) put_argument(w, tgi_c_name(file, i), f->values[i].node, "read:   ");
    for (int k = 0; k < f->output_count; k++)
        put_argument(w, f->outputs[k].name, f->values[f->outputs[k].value].node, "written:");
    if (f->failures) {
        tgi_put_string(w, " * Returns 0, or when it could not be done, with what stands before that done:\n");
        tgi_put_bytes(w, f->failure_texts.text, f->failure_texts.length);
    }
    tgi_put_string(w, " */\n");
    put_head(f, w, false);
    tgi_put_string(w, ";\n\n");
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

static const char *pool_name(int dtype) {
    static const char *const names[TG_DTYPES] = {[TG_F32] = "f32", [TG_F64] = "f64", [TG_I64] = "i64", [TG_BOOL] = "b8"};
    return names[dtype];
}

/* Names for the arrays of the state that the body has; the value of a leaf may have no elements that are read. */
static void write_state(tgi_function *f, tgi_writer *w, const char *body) {
    for (uint32_t i = 0; i < f->count; i++) {
        const tgi_node *node = f->values[i].node;
        const char     *name = uses(f, i, TGI_LEAF_STATE) ? tgi_c_name(f->file, i) : NULL;
        if (!name || !body || !tgi_has_word(body, name)) continue;
        const char *type = tgi_c_type((tg_dtype)node->dtype);
        tgi_put_line(w, f->values[i].written ? "%s *const %s = state->%s;" : "const %s *const %s = state->%s;", type, name,
                     name);
    }
}

void tgi_write_place(tgi_function *f, uint32_t value) {
    const tgi_emit_value *v = &f->values[value];
    const char           *name = v->name ? v->name : tgi_c_name(f->file, value);
    int                   dtype = v->node->dtype;
    int64_t               size = tgi_node_size(v->node);
    if (v->is_few)
        tgi_put_line(&f->file->bodies, "%s %s[%" PRId64 "];", tgi_c_type((tg_dtype)dtype), name, size ? size : 1);
    else
        tgi_put_line(&f->file->bodies, "%s *const %s = work%s%s + %" PRId64 ";", tgi_c_type((tg_dtype)dtype), name,
                     f->file->options.memory == TG_EMIT_STATIC ? "." : "->", pool_name(dtype), v->at);
    if (!size) tgi_put_line(&f->file->bodies, "(void)%s;", name);
}

/* A name for the place of each value that the unit makes in the work memory. */
static void write_places(tgi_function *f, const tgi_emit_unit *unit) {
    for (uint32_t i = unit->first; i != TGI_NONE; i = f->values[i].next)
        if (f->values[i].home == TGI_VALUE_WORK) tgi_write_place(f, i);
}

void tgi_write_units(tgi_function *f, const tgi_emit_block *block) {
    for (uint32_t k = 0; k < block->unit_count && !f->file->tape->status; k++) {
        const tgi_emit_unit *unit = &block->units[k];
        if (k || f->file->bodies.length) tgi_put_string(&f->file->bodies, "\n");
        write_places(f, unit);
        if (unit->loop)
            tgi_write_loop(f, unit);
        else if (f->values[unit->first].loop)
            tgi_write_scan(f, unit);
        else
            tgi_write_kernel(f, unit);
    }
}

/* What has no elements is not used, and a compiler would say so. */
static void note_if_unused(tgi_function *f, const char *name, const tgi_node *node) {
    tgi_writer *w = &f->file->bodies;
    if (!w->text || !tgi_node_size(node) || !tgi_has_word(w->text, name)) tgi_put_line(w, "(void)%s;", name);
}

static void note_unused(tgi_function *f) {
    for (uint32_t i = 0; i < f->count; i++)
        if (uses(f, i, TGI_LEAF_ARGUMENT)) note_if_unused(f, tgi_c_name(f->file, i), f->values[i].node);
    for (int k = 0; k < f->output_count; k++)
        note_if_unused(f, f->outputs[k].name, f->values[f->outputs[k].value].node);
}

static void name_outputs(tgi_function *f) {
    for (int k = 0; k < f->output_count; k++)
        f->values[f->outputs[k].value].name = f->outputs[k].name;
}

tg_status tgi_write_function(tgi_function *f) {
    tgi_file  *file = f->file;
    tgi_writer body = file->bodies, head = {.memory = &file->tape->memory},
               state = {.memory = &file->tape->memory, .indent = 1};
    name_outputs(f);
    file->bodies = (tgi_writer){.memory = &file->tape->memory, .indent = 1};
    if (file->hosted) tgi_write_addresses(f, &state);
    tgi_write_units(f, &f->blocks[0]);
    if (!file->hosted) note_unused(f);
    if (f->failures || file->hosted) tgi_put_lines(&file->bodies, "return 0;");
    if (!file->hosted) write_state(f, &state, file->bodies.text);
    if (has_state(f) && (!file->bodies.text || (!state.text && !tgi_has_word(file->bodies.text, "state"))))
        tgi_put_lines(&state, "(void)state;");
    put_head(f, &head, true); /* which depends on whether the kernels may fail */
    tgi_put(&body, "%s {\n", head.text ? head.text : "");
    if (state.text) tgi_put(&body, file->bodies.text ? "%s\n" : "%s", state.text);
    if (file->bodies.text) tgi_put_string(&body, file->bodies.text);
    tgi_put_string(&body, "}\n\n");
    body.failed |= head.failed || state.failed || file->bodies.failed || f->failure_texts.failed || f->failure_sites.failed;
    tgi_writer_free(&head);
    tgi_writer_free(&state);
    tgi_writer_free(&file->bodies);
    file->bodies = body;
    if (!file->hosted) put_prototype(f);
    return file->tape->status;
}
