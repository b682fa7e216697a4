/* emit/compile.c: tg_compile: parts of a tape as C (hosted.c), compiled (compiler.c), and made the code of their parts.
 *
 * All parts of a call are functions of one file. What a run will need is worked out here, so that the run only reads lists (run/run_code.c);
 * the parts get their code when that of all is there.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/compile.h>

#include <stdio.h>
#include <string.h>

#include "core/residency.h"
#include "emit/compiler.h"
#include "emit/program.h"

static const char what[] = "compile";

enum { LINE = 64, NAME = 32 };

typedef struct request {
    const tg_compile_options *options;
    tgi_part                **parts; /* one a function */
    tgi_code                **codes; /* that they will get */
    tgi_object               *object;
} request;

/* ---- what a run will need ---------------------------------------------------------------------------------------- */

static void *take(tg_tape *tape, tgi_code *code, size_t count, size_t size) {
    void *memory = tgi_arena_take(&code->arena, count * size);
    if (!memory) tgi_out_of_memory(tape, what);
    return memory;
}

static bool is_computed(const tgi_file *file, uint32_t index) {
    return tgi_node_at(file->tape, index)->op->infer;
}

static tg_status list_reads(const tgi_function *f, tgi_code *code) {
    tg_tape *tape = f->file->tape;
    for (uint32_t i = 0; i < f->count; i++) {
        if (!tgi_gets_address(f, i)) continue;
        code->read_count++;
        code->computed_count += is_computed(f->file, i);
        code->assigned_count += f->values[i].written;
    }
    code->read = take(tape, code, code->read_count, sizeof *code->read);
    code->address = take(tape, code, code->read_count, sizeof *code->address);
    code->computed = take(tape, code, code->computed_count, sizeof *code->computed);
    code->copy = take(tape, code, code->computed_count, sizeof *code->copy);
    code->assigned = take(tape, code, code->assigned_count, sizeof *code->assigned);
    if (tape->status) return tape->status;
    uint32_t read = 0, computed = 0, assigned = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        if (!tgi_gets_address(f, i)) continue;
        code->read[read++] = i;
        if (is_computed(f->file, i)) code->computed[computed++] = i;
        if (f->values[i].written) code->assigned[assigned++] = i;
    }
    return TG_OK;
}

/* What it gives, and behind that the copies of views that it reads. */
static tg_status plan_block(tgi_function *f, tgi_code *code) {
    tg_tape *tape = f->file->tape;
    size_t   end = (tgi_place_outputs(f) + LINE - 1) & ~(size_t)(LINE - 1);
    code->given_count = (uint32_t)f->output_count;
    code->given = take(tape, code, code->given_count, sizeof *code->given);
    if (!code->given) return tape->status;
    for (int k = 0; k < f->output_count; k++)
        code->given[k] = (tgi_code_value){f->outputs[k].index, (size_t)f->values[f->outputs[k].value].at};
    for (uint32_t k = 0; k < code->computed_count; k++) {
        const tgi_node *node = tgi_node_at(tape, code->computed[k]);
        code->copy[k] = end;
        if (node->view) end += (tgi_node_bytes(node) + LINE - 1) & ~(size_t)(LINE - 1);
    }
    code->block = tgi_pool_take(&tape->pool, end ? end : LINE);
    size_t work = tgi_bytes_of_work(f->file);
    code->work = tgi_pool_take(&tape->pool, work);
    return code->block && code->work ? TG_OK : tgi_out_of_memory(tape, what);
}

static tg_status list_failures(const tgi_function *f, tgi_code *code) {
    tg_tape    *tape = f->file->tape;
    const char *text = f->failure_texts.text;
    if (f->failure_texts.failed || f->failure_sites.failed) return tgi_out_of_memory(tape, what);
    char *copy = take(tape, code, f->failure_texts.length, 1);
    code->failure_count = (uint32_t)f->failures;
    code->failures = take(tape, code, code->failure_count, sizeof *code->failures);
    if (!copy || !code->failures) return tape->status;
    if (f->failure_texts.length) memcpy(copy, text, f->failure_texts.length);
    for (uint32_t k = 0; k < code->failure_count; k++) {
        tgi_failure_site site;
        memcpy(&site, f->failure_sites.text + k * sizeof site, sizeof site);
        code->failures[k] = (tgi_code_failure){site.index, site.status, copy};
        copy += strlen(copy) + 1;
    }
    return TG_OK;
}

static tg_status begin_code(tg_tape *tape, tgi_code **to) {
    tgi_arena arena = {.memory = &tape->memory};
    tgi_code *code = tgi_arena_take(&arena, sizeof *code);
    if (!code) return tgi_out_of_memory(tape, what);
    *code = (tgi_code){.arena = arena, .keeps = tape->keeps, .count = tape->count};
    *to = code;
    return TG_OK;
}

static tg_status make_code(tgi_function *f, tgi_code **to) {
    if (begin_code(f->file->tape, to)) return f->file->tape->status;
    tgi_code *code = *to;
    for (uint32_t i = 0; i < f->value_count; i++)
        code->draws |= f->values[i].needed && tgi_is_computed_in(f, f->values[i].node) && f->values[i].node->op->random;
    return list_reads(f, code) || plan_block(f, code) || list_failures(f, code) ? f->file->tape->status : TG_OK;
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static tg_status compile_text(tg_tape *tape, request *r, const tgi_writer *text) {
    char error[TGI_COMPILER_TEXT] = "";
    bool no_memory = false;
    r->object = tgi_memory_take(&tape->memory, sizeof *r->object);
    if (!r->object) return tgi_out_of_memory(tape, what);
    *r->object = (tgi_object){.unload = tgi_unload_object, .users = 1};
    r->object->handle = tgi_compile_text(&tape->memory, r->options, text->text, text->length, error, &no_memory);
    if (r->object->handle) return TG_OK;
    tgi_memory_give(&tape->memory, r->object, sizeof *r->object);
    r->object = NULL;
    return no_memory ? tgi_out_of_memory(tape, what) : tgi_fail(tape, TG_ERR_IO, what, "%s", error);
}

static tg_status compile_file(tgi_file *file, request *r) {
    tg_tape   *tape = file->tape;
    tgi_writer text = {.memory = &tape->memory};
    tgi_write_data(file);
    tgi_write_hosted_start(file, &text);
    tgi_put_string(&text, file->data.text ? file->data.text : "");
    tgi_put_string(&text, file->helpers.text ? file->helpers.text : "");
    tgi_put_string(&text, file->bodies.text ? file->bodies.text : "");
    bool      failed = text.failed || file->data.failed || file->helpers.failed || file->bodies.failed;
    tg_status status = failed ? tgi_out_of_memory(tape, what) : compile_text(tape, r, &text);
    tgi_writer_free(&text);
    return status;
}

/* An address of a function has the size of one of data wherever there is dlsym. */
static tg_status find_function(tgi_function *f, const request *r, tgi_code *code) {
    void *address = tgi_find_in_object(r->object->handle, f->name);
    if (!address) return tgi_fail(f->file->tape, TG_ERR_IO, what, "the object has no function '%s'", f->name);
    _Static_assert(sizeof address == sizeof code->function, "a function is found like data");
    memcpy(&code->function, &address, sizeof address);
    return TG_OK;
}

/* What comes of a file whose texts are there. */
static tg_status finish(tgi_file *file, tgi_function *functions, int count, void *context) {
    request *r = context;
    for (int k = 0; k < count; k++)
        if (make_code(&functions[k], &r->codes[k])) return file->tape->status;
    if (compile_file(file, r)) return file->tape->status;
    for (int k = 0; k < count; k++)
        if (find_function(&functions[k], r, r->codes[k])) return file->tape->status;
    return TG_OK;
}

/* The part gets its code, in the place of what it had; or that is given back. */
static void settle(tg_tape *tape, request *r, int k, bool good) {
    tgi_part  discarded = {.code = r->codes[k]};
    tgi_part *part = good ? r->parts[k] : &discarded;
    if (!r->codes[k]) return;
    if (good) {
        tgi_free_code(tape, part);
        part->code = r->codes[k];
        part->code->object = r->object;
        r->object->users++;
    } else
        tgi_free_code(tape, part);
}

static void settle_all(tg_tape *tape, request *r, int count) {
    for (int k = 0; k < count; k++)
        settle(tape, r, k, !tape->status);
    if (r->object && --r->object->users == 0) {
        r->object->unload(r->object->handle);
        tgi_memory_give(&tape->memory, r->object, sizeof *r->object);
    }
}

/* ---- which parts ------------------------------------------------------------------------------------------------- */

/* Those that a call for all is for. */
static bool is_wanted(const tgi_part *part) {
    return !part->loop && part->end != TGI_NONE && !part->code;
}

static int count_parts(const tg_tape *tape) {
    int count = 0;
    for (uint16_t i = 1; i <= tape->part_count; i++)
        count += is_wanted(tgi_part_at(tape, i));
    return count;
}

static void list_parts(const tg_tape *tape, tgi_part **parts) {
    for (uint16_t i = 1; i <= tape->part_count; i++)
        if (is_wanted(tgi_part_at(tape, i))) *parts++ = tgi_part_at(tape, i);
}

static tg_status compile_parts(tg_tape *tape, request *r, int count, tgi_arena *arena) {
    tg_emit_function *functions = tgi_arena_take(arena, (size_t)count * sizeof *functions);
    char(*names)[NAME] = tgi_arena_take(arena, (size_t)count * sizeof *names);
    r->codes = tgi_arena_take(arena, (size_t)count * sizeof(tgi_code *));
    if (!functions || !names || !r->codes) return tgi_out_of_memory(tape, what);
    for (int k = 0; k < count; k++) {
        snprintf(names[k], sizeof names[k], "f%d", k);
        functions[k] = (tg_emit_function){.part = r->parts[k]->name, .name = names[k]};
        r->codes[k] = NULL;
    }
    tg_emit_options o = {.function_count = count, .functions = functions};
    tgi_emit_file(tape, &o, true, finish, r);
    settle_all(tape, r, count);
    return tape->status;
}

static tg_status compile(tg_tape *tape, const char *part, const tg_compile_options *options) {
    tgi_part *found = part ? tgi_find_part(tape, what, part) : NULL;
    int       count = part ? 1 : count_parts(tape);
    if ((part && !found) || !count) return tape->status;
    tgi_arena arena = {.memory = &tape->memory};
    request   r = {.options = options, .parts = tgi_arena_take(&arena, (size_t)count * sizeof(tgi_part *))};
    if (!r.parts)
        tgi_out_of_memory(tape, what);
    else {
        *r.parts = found;
        if (!part) list_parts(tape, r.parts);
        compile_parts(tape, &r, count, &arena);
    }
    tgi_arena_free(&arena);
    return tape->status;
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

/* Errors are this function's, whichever pass finds them. */
tg_status(tg_compile)(tg_tape *tape, const char *part, const tg_compile_options *options) {
    if (tgi_check_outside(tape, what)) return tg_error_status(tape);
    tg_compile_options defaults = {0};
    const char        *within = tape->within;
    tape->within = what;
    compile(tape, part, options ? options : &defaults);
    tape->within = within;
    return tgi_done(tape, tape->status);
}

tg_status(tg_uncompile)(tg_tape *tape, const char *part) {
    if (tgi_check_outside(tape, "uncompile")) return tg_error_status(tape);
    tgi_part *found = part ? tgi_find_part(tape, "uncompile", part) : NULL;
    if (part && !found) return tape->status;
    for (uint16_t i = 1; i <= tape->part_count; i++)
        if (!part || tgi_part_at(tape, i) == found) tgi_free_code(tape, tgi_part_at(tape, i));
    return tgi_done(tape, TG_OK);
}

bool tg_is_compiled(const tg_tape *tape, const char *part) {
    for (uint16_t i = 1; tape && part && i <= tape->part_count; i++) {
        const tgi_part *candidate = tgi_part_at(tape, i);
        const char     *its_name = candidate->name;
        if (!candidate->loop && !strcmp(its_name, part)) return candidate->code;
    }
    return false;
}
