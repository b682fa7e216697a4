/* tests/emit/emitted.c: a tape as C, compiled and run.
 *
 * SPDX-License-Identifier: MIT */
#include "emit/emitted.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/values.h"

/* ---- files and commands ------------------------------------------------------------------------------------------ */

const char *emitted_path(const char *name) {
    static char path[1024];
    mkdir(BUILD_DIR "/tests/emitted", 0777);
    snprintf(path, sizeof path, "%s/tests/emitted/%s", BUILD_DIR, name);
    return path;
}

static FILE *open_file(const char *name, const char *suffix, const char *mode) {
    char text[256];
    snprintf(text, sizeof text, "%s%s", name, suffix);
    FILE *file = fopen(emitted_path(text), mode);
    ck_assert_msg(file != NULL, "%s cannot be opened", emitted_path(text));
    return file;
}

static const char *compiler(void) {
    const char *cc = getenv("CC");
    return cc && *cc ? cc : "cc";
}

void run_command(const char *format, ...) {
    char    command[4096], full[5400], output[2000] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    snprintf(full, sizeof full, "{ %s; } >%s 2>&1", command, emitted_path("output"));
    if (system(full) == 0) return;
    FILE *file = open_file("output", "", "r");
    output[fread(output, 1, sizeof output - 1, file)] = 0;
    fclose(file);
    ck_abort_msg("%s\n%s", command, output);
}

/* ---- the program that calls the functions ------------------------------------------------------------------------ */

static const char *c_type(tg_dtype dtype) {
    static const char *const types[] = {[TG_F32] = "float", [TG_F64] = "double", [TG_I64] = "int64_t", [TG_BOOL] = "bool"};
    return types[dtype];
}

/* Whether the prototype of a function has that text. */
static bool takes(const char *header, const char *name, int k, const char *text) {
    char call[NAME_TEXT + 16];
    snprintf(call, sizeof call, " %s_f%d(", name, k);
    const char *start = strstr(header, call), *end = start ? strchr(start, ';') : NULL,
               *found = start ? strstr(start, text) : NULL;
    ck_assert_msg(start != NULL, "the header has no %s", call);
    return found && found < end;
}

static void declare(FILE *out, const char *header, const emitted_tape *e) {
    char type[NAME_TEXT + 16];
    snprintf(type, sizeof type, "} %s_state;", e->name);
    if (strstr(header, type)) fprintf(out, "static %s_state %s_memory;\n", e->name, e->name);
    for (int k = 0; k < e->count; k++)
        for (int j = 0; j < e->functions[k].count; j++) {
            tg_tensor y = e->functions[k].outputs[j];
            fprintf(out, "static %s %s_y%d_%d[%lld];\n", c_type(tg_dtype_of(y)), e->name, k, j,
                    (long long)(tg_size(y) ? tg_size(y) : 1));
        }
}

static void write_call(FILE *out, const char *header, const emitted_tape *e, int k) {
    bool first = !takes(header, e->name, k, "_state *");
    fprintf(out, "    %s_f%d(", e->name, k);
    if (!first) fprintf(out, "&%s_memory", e->name);
    for (int j = 0; j < e->functions[k].count; j++) {
        fprintf(out, first ? "%s_y%d_%d" : ", %s_y%d_%d", e->name, k, j);
        first = false;
    }
    fprintf(out, ");\n");
}

static void write_calls(FILE *out, const char *header, const emitted_tape *e, int times) {
    char type[NAME_TEXT + 16];
    snprintf(type, sizeof type, "} %s_state;", e->name);
    if (strstr(header, type)) fprintf(out, "    %s_init(&%s_memory);\n", e->name, e->name);
    for (int i = 0; i < times; i++)
        for (int k = 0; k < e->count; k++)
            write_call(out, header, e, k);
    for (int k = 0; k < e->count; k++)
        for (int j = 0; j < e->functions[k].count; j++)
            if (tg_size(e->functions[k].outputs[j]))
                fprintf(out, "    fwrite(%s_y%d_%d, 1, sizeof %s_y%d_%d, stdout);\n", e->name, k, j, e->name, k, j);
}

/* ---- running it -------------------------------------------------------------------------------------------------- */

static char *text_of_file(const char *name, const char *suffix) {
    FILE *file = open_file(name, suffix, "r");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(size + 1);
    ck_assert(text && fread(text, 1, size, file) == size);
    text[size] = 0;
    fclose(file);
    return text;
}

bool         emitted_without_libm;
tg_emit_size emitted_size;

static bool emit(tg_tape *tape, const char *name, int count, const emitted_function *functions) {
    tg_emit_function *wanted = calloc((size_t)count, sizeof *wanted);
    char(*names)[16] = calloc((size_t)count, sizeof *names);
    for (int k = 0; k < count; k++) {
        snprintf(names[k], sizeof names[k], "f%d", k);
        wanted[k] = (tg_emit_function){functions[k].part[0] ? functions[k].part : NULL, names[k], functions[k].count,
                                       functions[k].outputs};
    }
    FILE           *source = open_file(name, ".c", "w"), *header = open_file(name, ".h", "w");
    tg_emit_options o = {.prefix = name,
                         .function_count = count,
                         .functions = wanted,
                         .memory = TG_EMIT_STATIC,
                         .size = emitted_size,
                         .no_libm = emitted_without_libm};
    tg_emit_c(tape, source, header, &o);
    fclose(source);
    fclose(header);
    free(wanted);
    free(names);
    return !tg_error_status(tape);
}

static void write_program(const char *name, int n, const emitted_tape *tapes, int times) {
    FILE  *out = open_file(name, "_main.c", "w");
    char **headers = calloc((size_t)n, sizeof *headers);
    fprintf(out, "#include <stdio.h>\n\n");
    for (int i = 0; i < n; i++) {
        headers[i] = text_of_file(tapes[i].name, ".h");
        fprintf(out, "#include \"%s.h\"\n", tapes[i].name);
    }
    for (int i = 0; i < n; i++)
        declare(out, headers[i], &tapes[i]);
    fprintf(out, "\nint main(void) {\n");
    for (int i = 0; i < n; i++)
        write_calls(out, headers[i], &tapes[i], times);
    fprintf(out, "    return 0;\n}\n");
    fclose(out);
    for (int i = 0; i < n; i++)
        free(headers[i]);
    free(headers);
}

static void read_outputs(FILE *out, const emitted_tape *e) {
    for (int k = 0; k < e->count; k++)
        for (int j = 0; j < e->functions[k].count; j++) {
            emitted_function *f = &e->functions[k];
            size_t            size = (size_t)tg_size(f->outputs[j]), width = tg_dtype_size(tg_dtype_of(f->outputs[j]));
            f->values[j] = calloc(size + 1, width);
            ck_assert(fread(f->values[j], width, size, out) == size);
        }
}

void run_written(const char *name, const char *flags, int n, const emitted_tape *tapes, int times) {
    char base[1024], directory[1024], *objects = calloc((size_t)n, NAME_TEXT + 8);
    write_program(name, n, tapes, times);
    snprintf(base, sizeof base, "%s", emitted_path(name));
    snprintf(directory, sizeof directory, "%s", emitted_path(""));
    for (int i = 0; i < n; i++) {
        run_command("cd %s && %s %s %s %s -c %s.c", directory, compiler(), EMITTED_LANGUAGE, EMITTED_WARNINGS, flags,
                    tapes[i].name);
        snprintf(objects + strlen(objects), NAME_TEXT + 8, " %s.o", tapes[i].name);
    }
    run_command("cd %s && %s -w %s %s %s_main.c %s -o %s.run -lm", directory, compiler(), EMITTED_LANGUAGE, flags, name,
                objects, name);
    run_command("%s.run >%s.out", base, base);
    FILE *out = open_file(name, ".out", "rb");
    for (int i = 0; i < n; i++)
        read_outputs(out, &tapes[i]);
    ck_assert_int_eq(fgetc(out), EOF);
    fclose(out);
    free(objects);
}

bool write_emitted(emitted_tape *e) {
    return emit(e->tape, e->name, e->count, e->functions);
}

bool run_emitted(tg_tape *tape, const char *name, const char *flags, int count, emitted_function *functions, int times) {
    emitted_tape e = {.tape = tape, .count = count, .functions = functions};
    snprintf(e.name, sizeof e.name, "%s", name);
    if (!write_emitted(&e)) return false;
    run_written(name, flags, 1, &e, times);
    return true;
}

/* ---- an op without a text ----------------------------------------------------------------------------------------- */

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status copy(tg_kernel_call *call) {
    const void *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    memcpy(call->out.data, x, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    return TG_OK;
}

const tg_op textless = {.name = "textless", .arity = 1, .infer = infer_same, .kernel = copy};

/* ---- beside the library ------------------------------------------------------------------------------------------ */

void give_output(emitted_function *f, tg_tensor y) {
    f->outputs[f->count++] = y;
    tg_keep(y);
}

void check_emitted(tg_tape *tape, const char *name, int count, emitted_function *functions, int times, double tolerance) {
    static double got[MOST_ELEMENTS], expected[MOST_ELEMENTS];
    ck_assert_str_eq(tg_error(tape), "");
    ck_assert_msg(run_emitted(tape, name, "-O1 " EMITTED_SANITIZERS, count, functions, times), "%s", tg_error(tape));
    for (int i = 0; i < times; i++)
        for (int k = 0; k < count; k++)
            ck_assert_msg(!(functions[k].part[0] ? tg_run_part(tape, functions[k].part) : tg_run(tape)), "%s", tg_error(tape));
    for (int k = 0; k < count; k++)
        for (int j = 0; j < functions[k].count; j++) {
            tg_tensor   y = functions[k].outputs[j];
            int64_t     size = tg_size(y);
            const void *data = tg_peek(y);
            double      most = 0;
            ck_assert_msg(data && size <= MOST_ELEMENTS, "%s", tg_error(tape));
            for (int64_t i = 0; i < size; i++) {
                bool narrow = tg_dtype_of(y) == TG_F32;
                got[i] = narrow ? (double)((float *)functions[k].values[j])[i] : ((double *)functions[k].values[j])[i];
                expected[i] = narrow ? (double)((const float *)data)[i] : ((const double *)data)[i];
                most = fmax(most, fabs(expected[i]));
            }
            for (int64_t i = 0; i < size; i++)
                ck_assert_msg(fabs(got[i] - expected[i]) <= tolerance * most,
                              "%s, function %d, output %d: element %d is %.17g, and %.17g in the library", name, k, j, (int)i,
                              got[i], expected[i]);
            free(functions[k].values[j]);
        }
}
