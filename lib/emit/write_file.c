/* emit/write_file.c: the C file and its header, around the functions: data, the state and its initial values, the work memory.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "emit/program.h"

/* ---- data -------------------------------------------------------------------------------------------------------- */

bool tgi_is_uniform(const tgi_node *node) {
    size_t      width = tg_dtype_size((tg_dtype)node->dtype);
    const char *data = node->data;
    int64_t     size = tgi_node_size(node);
    for (int64_t i = 1; i < size; i++)
        if (memcmp(data, data + (size_t)i * width, width) != 0) return false;
    return true;
}

/* "name[6] = {...};", with some elements a line. No array of C is empty. */
static void put_data(tgi_writer *w, const char *indent, const char *name, const char *behind, const tgi_node *node) {
    enum { LINE = 100 };
    tg_dtype dtype = (tg_dtype)node->dtype;
    int64_t  size = tgi_node_size(node);
    size_t   start = w->length;
    tgi_put(w, "%sstatic const %s %s%s[%" PRId64 "] = {", indent, tgi_c_type(dtype), name, behind, size ? size : 1);
    for (int64_t i = 0; i < size && !w->failed; i++) {
        if (w->length - start > LINE) {
            tgi_put(w, "\n%s    ", indent);
            start = w->length;
        }
        tgi_put_literal(w, dtype, (const char *)node->data + (size_t)i * tg_dtype_size(dtype));
        if (i + 1 < size) tgi_put_string(w, w->length - start > LINE ? "," : ", ");
    }
    tgi_put_string(w, size ? "};\n" : "0};\n");
}

static void put_leaf_comment(tgi_writer *w, const tgi_node *node) {
    char text[TGI_TEXT];
    tgi_put(w, "/* %s ", tgi_shape_text(text, node->rank, node->dims));
    tgi_put_place(w, node);
    tgi_put_string(w, " */");
}

/* What only loops over no elements read is left out. */
void tgi_write_data(tgi_file *file) {
    for (uint32_t i = 0; i < file->tape->count; i++) {
        const tgi_node *node = tgi_node_at(file->tape, i);
        if (file->home[i] != TGI_LEAF_DATA || !file->bodies.text || !tgi_has_word(file->bodies.text, tgi_c_name(file, i)))
            continue;
        put_leaf_comment(&file->data, node);
        tgi_put_string(&file->data, "\n");
        put_data(&file->data, "", tgi_c_name(file, i), "", node);
        tgi_put_string(&file->data, "\n");
    }
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

static bool has_state(const tgi_file *file) {
    for (uint32_t i = 0; i < file->tape->count; i++)
        if (file->home[i] == TGI_LEAF_STATE) return true;
    return file->draws;
}

static void write_state_type(const tgi_file *file, tgi_writer *w) {
    tgi_put(w, "/* What the functions read and overwrite from one call to the next. */\ntypedef struct %s_state {\n",
            file->prefix);
    for (uint32_t i = 0; i < file->tape->count; i++) {
        const tgi_node *node = tgi_node_at(file->tape, i);
        if (file->home[i] != TGI_LEAF_STATE) continue;
        int64_t size = tgi_node_size(node);
        tgi_put(w, "    %s %s[%" PRId64 "]; ", tgi_c_type((tg_dtype)node->dtype), file->names[i], size ? size : 1);
        put_leaf_comment(w, node);
        tgi_put_string(w, "\n");
    }
    if (file->draws)
        tgi_put(w,
                "    uint32_t random_words[%d]; /* of the generator, */\n    int random_next; /* and which comes next; */\n"
                "    double random_normal[2]; /* 1 and a normal number that is there already, or 0 */\n",
                TGI_MT19937_WORDS);
    tgi_put(w, "} %s_state;\n\n", file->prefix);
}

static bool is_callers(const tgi_file *file, uint32_t index) {
    const tgi_node *node = tgi_node_at(file->tape, index);
    return file->options.weights == TG_EMIT_CALLERS && (node->op == &tgi_parameter || node->op == &tgi_constant);
}

static void put_initial_value(tgi_file *file, tgi_writer *w, uint32_t i) {
    const tgi_node *node = tgi_node_at(file->tape, i);
    const char     *name = file->names[i];
    int64_t         size = tgi_node_size(node);
    if (tgi_is_uniform(node)) {
        tgi_put(w, "    for (i = 0; i < %" PRId64 "; i++) state->%s[i] = ", size, name);
        tgi_put_literal(w, (tg_dtype)node->dtype, node->data);
        tgi_put_string(w, ";\n");
        return;
    }
    tgi_put_string(w, "    {\n");
    put_data(w, "        ", name, "_values", node);
    tgi_put(w, "        for (i = 0; i < %" PRId64 "; i++) state->%s[i] = %s_values[i];\n    }\n", size, name, name);
}

static void put_generator(const tgi_file *file, tgi_writer *w) {
    enum { IN_A_LINE = 8 };
    const tgi_mt19937 *generator = &file->tape->generator;
    tgi_put(w, "    {\n        static const uint32_t words[%d] = {", TGI_MT19937_WORDS);
    for (int i = 0; i < TGI_MT19937_WORDS; i++)
        tgi_put(w, "%s0x%08" PRIx32 "u%s", i % IN_A_LINE ? " " : "\n            ", generator->state[i],
                i + 1 < TGI_MT19937_WORDS ? "," : "};\n");
    tgi_put(w, "        for (i = 0; i < %d; i++) state->random_words[i] = words[i];\n        state->random_next = %d;\n",
            TGI_MT19937_WORDS, generator->next);
    tgi_put(w, "        state->random_normal[0] = %d;\n        state->random_normal[1] = ", generator->has_normal ? 1 : 0);
    tgi_put_literal(w, TG_F64, &(double){generator->has_normal ? generator->next_normal : 0});
    tgi_put_string(w, ";\n    }\n");
}

static void write_init(tgi_file *file, tgi_writer *w) {
    tgi_put(w, "void %s_init(%s_state *state) {\n    %s i;\n", file->prefix, file->prefix, file->wide ? "int64_t" : "int");
    bool any = false;
    for (uint32_t i = 0; i < file->tape->count; i++) {
        if (file->home[i] != TGI_LEAF_STATE || is_callers(file, i) || !tgi_node_size(tgi_node_at(file->tape, i))) continue;
        put_initial_value(file, w, i);
        any = true;
    }
    if (file->draws) put_generator(file, w);
    if (!any && !file->draws) tgi_put_string(w, "    (void)i;\n    (void)state;\n");
    tgi_put_string(w, "}\n\n");
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

/* The prefix in capitals, and what is behind it. */
static void put_macro(tgi_writer *w, const char *prefix, const char *behind) {
    for (const char *c = prefix; *c; c++)
        tgi_put(w, "%c", *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    tgi_put_string(w, behind);
}

static bool has_work(const tgi_file *file) {
    return file->work[TG_F32] || file->work[TG_F64] || file->work[TG_I64] || file->work[TG_BOOL];
}

void tgi_write_work_type(const tgi_file *file, tgi_writer *w) {
    static const char *const names[TG_DTYPES] = {[TG_F32] = "f32", [TG_F64] = "f64", [TG_I64] = "i64", [TG_BOOL] = "b8"};
    tgi_put(w, "/* Memory for what is in between. It holds nothing from one call to the next. */\ntypedef struct %s_work {\n",
            file->prefix);
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        if (file->work[dtype])
            tgi_put(w, "    %s %s[%" PRId64 "];\n", tgi_c_type((tg_dtype)dtype), names[dtype], file->work[dtype]);
    tgi_put(w, "} %s_work;\n", file->prefix);
    tgi_put_string(w, "#define ");
    put_macro(w, file->prefix, "_WORK_BYTES");
    tgi_put(w, " sizeof(%s_work)\n\n", file->prefix);
}

void tgi_write_header(tgi_file *file, tgi_writer *w) {
    tgi_put(w, "/* %s.h: written by tapegrad. */\n", file->prefix);
    tgi_put_string(w, "#ifndef ");
    put_macro(w, file->prefix, "_H\n#define ");
    put_macro(w, file->prefix, "_H\n\n");
    tgi_put_string(w, "#include <stdbool.h>\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    if (has_state(file)) {
        write_state_type(file, w);
        tgi_put(w, "/* Gives all of it the values that the tape had. */\nvoid %s_init(%s_state *state);\n\n", file->prefix,
                file->prefix);
    }
    if (has_work(file) && file->options.memory == TG_EMIT_REENTRANT) tgi_write_work_type(file, w);
    tgi_put_string(w, file->prototypes.text ? file->prototypes.text : "");
    tgi_put_string(w, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

void tgi_write_source(tgi_file *file, tgi_writer *w) {
    tgi_put(w, "/* %s.c: written by tapegrad. */\n#include \"%s.h\"\n\n", file->prefix, file->prefix);
    tgi_put_string(w, file->options.no_libm ? "#define INFINITY (1.0f / 0.0f)\n#define NAN (0.0f / 0.0f)\n\n"
                                            : "#include <math.h>\n\n");
    tgi_put_string(w, "/* Arguments do not overlap. */\n#if defined(__GNUC__) || defined(_MSC_VER)\n#define RESTRICT "
                      "__restrict\n#else\n"
                      "#define RESTRICT\n#endif\n\n");
    if (has_work(file) && file->options.memory == TG_EMIT_STATIC) {
        tgi_write_work_type(file, w);
        tgi_put(w, "static %s_work work;\n\n", file->prefix);
    }
    tgi_put_string(w, file->data.text ? file->data.text : "");
    tgi_put_string(w, file->helpers.text ? file->helpers.text : "");
    if (has_state(file)) write_init(file, w);
    tgi_put_string(w, file->bodies.text ? file->bodies.text : "");
}
