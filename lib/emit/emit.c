/* emit/emit.c: tg_emit_c: what is to be written, and the passes over its functions.
 *
 * All text is made in memory first, so that an error leaves the files alone.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/residency.h"
#include "emit/program.h"
#include "run/initial_value.h"

static const char what[] = "emit_c";

void *tgi_emit_take(tgi_file *file, size_t count, size_t size) {
    void *memory = tgi_arena_take(&file->arena, count * size);
    if (memory) return memset(memory, 0, count * size);
    tgi_out_of_memory(file->tape, what);
    return NULL;
}

const char *tgi_emit_copy(tgi_file *file, const char *text) {
    char *copy = tgi_emit_take(file, strlen(text) + 1, 1);
    return copy ? strcpy(copy, text) : "";
}

tg_status tgi_emit_fail(tgi_file *file, tg_status status, const tgi_node *node, const char *format, ...) {
    char    text[TGI_TEXT], shape[TGI_TEXT];
    va_list arguments;
    va_start(arguments, format);
    tgi_format(text, sizeof text, format, arguments);
    va_end(arguments);
    tgi_shape_text(shape, node->rank, node->dims);
    return tgi_fail(file->tape, status, what, "%s %s at %s:%u: %s", node->op->name, shape, node->file ? node->file : "?",
                    (unsigned)node->line, text);
}

/* ---- which functions --------------------------------------------------------------------------------------------- */

static bool is_identifier(const char *name) {
    return *name && tgi_identifier_length(name) == strlen(name);
}

static bool is_result(const tgi_node *node) {
    return node->op->infer && node->has_value;
}

/* The results of the part that have a name; `outputs` may be NULL, to count them. */
static int list_named(const tgi_function *f, tgi_emit_output *outputs) {
    const tg_tape *tape = f->file->tape;
    int            count = 0;
    for (uint32_t i = 0; i < tape->count && tape->labels; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->part != f->part_number || !is_result(node) || !tgi_name_of(tape, node)) continue;
        if (outputs) outputs[count].index = i;
        count++;
    }
    return count;
}

static tg_status list_outputs(tgi_function *f, const tg_emit_function *wanted) {
    tg_tape *tape = f->file->tape;
    if (f->file->hosted) return tgi_list_lasting(f);
    bool named = !wanted || !wanted->outputs;
    if (wanted && (wanted->output_count < 0 || (named && wanted->output_count)))
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%d outputs of '%s' in no list", wanted->output_count, f->name);
    f->output_count = named ? list_named(f, NULL) : wanted->output_count;
    f->outputs = tgi_emit_take(f->file, (size_t)f->output_count, sizeof *f->outputs);
    if (!f->outputs) return tape->status;
    if (named) list_named(f, f->outputs);
    for (int k = 0; k < f->output_count && !named; k++) {
        const tgi_node *node = tgi_resolve(tape, wanted->outputs[k], what, "an output");
        if (!node) return tape->status;
        f->outputs[k].index = tgi_index(wanted->outputs[k]);
    }
    return TG_OK;
}

static uint16_t number_of_part(const tg_tape *tape, const tgi_part *part) {
    return (uint16_t)(part - tape->parts + 1);
}

/* prefix_name, where the name is that of the part, with other characters in place of those that C does not have. */
static const char *name_function(tgi_file *file, const char *name) {
    size_t prefix = strlen(file->prefix), length = strlen(name);
    char  *text = tgi_emit_take(file, prefix + length + 2, 1);
    if (!text) return NULL;
    memcpy(text, file->prefix, prefix);
    text[prefix] = '_';
    for (size_t i = 0; i < length; i++)
        text[prefix + 1 + i] = tgi_is_letter(name[i]) || tgi_is_digit(name[i]) ? name[i] : '_';
    return text;
}

static tg_status begin_function(tgi_file *file, tgi_function *f, const char *part, const tg_emit_function *wanted) {
    tg_tape    *tape = file->tape;
    const char *name = wanted && wanted->name ? wanted->name : part ? part : "run";
    tgi_writer  empty = {.memory = &tape->memory};
    *f = (tgi_function){.file = file, .part = part, .count = tape->count, .failure_texts = empty, .failure_sites = empty};
    if (part) {
        const tgi_part *found = tgi_find_part(tape, what, part);
        if (!found) return tape->status;
        f->part_number = number_of_part(tape, found);
    }
    if (wanted && wanted->name && !is_identifier(wanted->name))
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "'%s' is no name of a function in C", wanted->name);
    f->name = name_function(file, name);
    return f->name && !tgi_reserve_c_name(file, f->name) ? list_outputs(f, wanted) : tape->status;
}

static bool gives_nothing(const tgi_function *f) {
    bool assigns = false;
    for (uint32_t i = 0; i < f->count; i++)
        assigns |= f->values[i].written;
    return !assigns && !f->output_count;
}

static tg_status choose(tgi_function *f) {
    tg_tape *tape = f->file->tape;
    if (tgi_choose_values(f)) return tape->status;
    if (f->file->hosted || !gives_nothing(f)) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, what, "'%s' would give nothing and assign nothing: name its results by tg_set_name",
                    f->name);
}

/* The k-th part that has a name; NULL when there is none. The bodies of loops have none. */
static const char *named_part(const tg_tape *tape, int k) {
    for (uint16_t i = 1; i <= tape->part_count; i++)
        if (!tgi_part_at(tape, i)->loop && k-- == 0) return tgi_part_at(tape, i)->name;
    return NULL;
}

/* Whether what stands outside of parts has something to do, so that it is a function if nobody said which are. */
static bool has_something_outside(const tg_tape *tape) {
    for (uint32_t i = 0; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->part || !node->op->infer) continue;
        if (node->op->effect || (tape->labels && tgi_name_of(tape, node))) return true;
    }
    return !named_part(tape, 0);
}

static int count_functions(const tgi_file *file) {
    if (file->options.functions) return file->options.function_count;
    int count = 0;
    while (named_part(file->tape, count))
        count++;
    return count + has_something_outside(file->tape);
}

/* Whether one of so many functions has the name. */
static bool is_there(const tgi_function *functions, int count, const char *name) {
    for (int k = 0; k < count; k++) {
        const char *its_name = functions[k].name;
        if (!strcmp(its_name, name)) return true;
    }
    return false;
}

static tg_status list_functions(tgi_file *file, tgi_function *functions, int count) {
    const tg_emit_function *wanted = file->options.functions;
    for (int k = 0; k < count; k++) {
        const char *part = wanted ? wanted[k].part : named_part(file->tape, k);
        if (begin_function(file, &functions[k], part, wanted ? &wanted[k] : NULL)) return file->tape->status;
        if (is_there(functions, k, functions[k].name))
            return tgi_fail(file->tape, TG_ERR_NAME, what, "two functions would have the name '%s'", functions[k].name);
        if (choose(&functions[k])) return file->tape->status;
    }
    return TG_OK;
}

/* ---- where leaves are -------------------------------------------------------------------------------------------- */

static tgi_leaf_home home_of(const tgi_file *file, uint32_t index) {
    const tgi_node *node = tgi_node_at(file->tape, index);
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (node->op == &tgi_number) return TGI_LEAF_LITERAL;
    if (file->hosted && !leaf) return TGI_LEAF_ARGUMENT;
    if (file->assigned[index] || leaf->shows_state) return TGI_LEAF_STATE;
    if (node->op == &tgi_input && leaf->last_assign == TGI_NONE) return TGI_LEAF_ARGUMENT;
    bool has_name = tgi_name_of(file->tape, node) != NULL;
    if (file->options.weights == TG_EMIT_CALLERS && has_name) return TGI_LEAF_STATE;
    bool is_fixed = node->op == &tgi_constant && !(file->hosted && tgi_is_borrowed(node));
    if (!tgi_node_size(node) || (is_fixed && tgi_is_uniform(node))) return TGI_LEAF_LITERAL;
    return file->hosted && !tgi_is_embedded(node) ? TGI_LEAF_ARGUMENT : TGI_LEAF_DATA;
}

static tg_status find_homes(tgi_file *file, const tgi_function *functions, int count) {
    for (uint32_t i = 0; i < file->tape->count; i++) {
        bool used = false;
        for (int k = 0; k < count; k++)
            used |= functions[k].values[i].home == TGI_VALUE_LEAF;
        if (!used) continue;
        if (tgi_is_dropped(tgi_node_at(file->tape, i)) && tgi_restore_value(file->tape, i)) return file->tape->status;
        file->home[i] = (uint8_t)home_of(file, i);
        file->wide |= tgi_node_size(tgi_node_at(file->tape, i)) > INT32_MAX;
        if (file->home[i] != TGI_LEAF_LITERAL && !tgi_c_name(file, i)) return file->tape->status;
    }
    return TG_OK;
}

/* A leaf's own name, and that of what is given a second time, stand for something else already. */
static tg_status name_outputs(tgi_function *f) {
    for (int k = 0; k < f->output_count; k++) {
        tgi_emit_output *o = &f->outputs[k];
        bool             again = !tgi_node_at(f->file->tape, o->index)->op->infer;
        for (int other = 0; other < k; other++)
            again |= f->outputs[other].index == o->index;
        o->name = again ? tgi_another_c_name(f->file, o->index) : tgi_c_name(f->file, o->index);
        if (!o->name) return f->file->tape->status;
    }
    return TG_OK;
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

static tg_status put_file(tg_tape *tape, FILE *out, const tgi_writer *text) {
    errno = 0;
    if (fwrite(text->text, 1, text->length, out) == text->length && !fflush(out)) return TG_OK;
    return tgi_fail(tape, TG_ERR_IO, what, "%s", errno ? strerror(errno) : "the file cannot be written");
}

/* Where tg_emit_c writes. */
typedef struct files {
    FILE *source, *header;
} files;

static tg_status write_files(tgi_file *file, tgi_function *functions, int count, void *context) {
    const files *to = context;
    tgi_writer   source_text = {.memory = &file->tape->memory}, header_text = {.memory = &file->tape->memory};
    tg_status    status = TG_OK;
    (void)functions, (void)count;
    tgi_write_data(file);
    tgi_write_header(file, &header_text);
    tgi_write_source(file, &source_text);
    if (source_text.failed || header_text.failed || file->data.failed || file->helpers.failed || file->bodies.failed ||
        file->prototypes.failed)
        status = tgi_out_of_memory(file->tape, what);
    if (!status) status = put_file(file->tape, to->source, &source_text);
    if (!status) status = put_file(file->tape, to->header, &header_text);
    tgi_writer_free(&source_text);
    tgi_writer_free(&header_text);
    return status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static tg_status write_all(tgi_file *file, tgi_function *functions, int count) {
    if (list_functions(file, functions, count) || find_homes(file, functions, count)) return file->tape->status;
    for (int k = 0; k < count; k++)
        if (name_outputs(&functions[k]) || tgi_group_values(&functions[k]) || tgi_place_values(&functions[k]))
            return file->tape->status;
    for (int k = 0; k < count; k++)
        if (tgi_write_function(&functions[k])) return file->tape->status;
    return TG_OK;
}

static tg_status check_options(tg_tape *tape, const tg_emit_options *o) {
    if (o->prefix && !is_identifier(o->prefix))
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the prefix '%s' is no name in C", o->prefix);
    if (o->functions ? o->function_count < 1 : o->function_count != 0)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%d functions in a list", o->function_count);
    if ((unsigned)o->weights > TG_EMIT_CALLERS || (unsigned)o->memory > TG_EMIT_STATIC || (unsigned)o->size > TG_EMIT_SMALL)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the weights, the memory or the size are none of the choices");
    return TG_OK;
}

/* prefix_name is taken. */
static bool reserve_own(tgi_file *file, const char *name) {
    const char *text = name_function(file, name);
    return text && !tgi_reserve_c_name(file, text);
}

static void end_file(tgi_file *file, tgi_function *functions, int count) {
    tg_tape *tape = file->tape;
    for (int k = 0; k < count; k++) {
        tgi_writer_free(&functions[k].failure_texts);
        tgi_writer_free(&functions[k].failure_sites);
    }
    tgi_writer_free(&file->helpers);
    tgi_writer_free(&file->data);
    tgi_writer_free(&file->bodies);
    tgi_writer_free(&file->prototypes);
    HASH_CLEAR(hh, file->taken);
    (void)tape;
    tgi_arena_free(&file->arena);
}

tg_status tgi_emit_file(tg_tape *tape, const tg_emit_options *options, bool hosted, tgi_finish_file *finish, void *context) {
    tgi_writer empty = {.memory = &tape->memory};
    tgi_file   file = {.tape = tape,
                       .options = *options,
                       .hosted = hosted,
                       .prefix = options->prefix ? options->prefix : "tape",
                       .arena = {.memory = &tape->memory},
                       .helpers = empty,
                       .data = empty,
                       .bodies = empty,
                       .prototypes = empty};
    int        count = count_functions(&file);
    file.home = tgi_emit_take(&file, tape->count, sizeof *file.home);
    file.assigned = tgi_emit_take(&file, tape->count, sizeof *file.assigned);
    file.numbered = tgi_emit_take(&file, tape->count, sizeof *file.numbered);
    file.names = tgi_emit_take(&file, tape->count, sizeof *file.names);
    tgi_function            *functions = tgi_emit_take(&file, (size_t)count, sizeof *functions);
    static const char *const own[] = {"init", "state", "work"};
    for (size_t i = 0; i < sizeof own / sizeof *own && functions; i++)
        if (!reserve_own(&file, own[i])) functions = NULL;
    if (file.home && file.assigned && file.numbered && file.names && functions && !write_all(&file, functions, count))
        (void)finish(&file, functions, count, context);
    end_file(&file, functions, functions ? count : 0);
    return tape->status;
}

tg_status(tg_emit_c)(tg_tape *tape, FILE *source, FILE *header, const tg_emit_options *options) {
    if (tgi_check_outside(tape, what)) return tg_error_status(tape);
    tg_emit_options o = options ? *options : (tg_emit_options){0};
    if (!source || !header) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "a file is NULL");
    if (check_options(tape, &o)) return tape->status;
    return tgi_done(tape, tgi_emit_file(tape, &o, false, write_files, &(files){source, header}));
}
