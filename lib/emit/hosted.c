/* emit/hosted.c: functions of C that this library itself calls, as code of a part (compile.c).
 *
 * Such a function computes what the part's instructions compute, and no more: all that it reads of the tape's other values has been
 * computed. It gets the addresses of these and of leaves, one after the other, and memory for all that lasts of the part:
 *
 *     int f(void *const *leaf, char *restrict given, tape_work *work, tape_random *state)
 *
 * It returns 0, or the number of the failure. Work memory that is small is the function's own, so that a compiler need not write there what
 * it has in registers.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "core/residency.h"
#include "emit/program.h"
#include "run/plan.h"

enum { SMALL_WORK = 1 << 14, LINE = 64, SMALL_CONSTANT = 256 };

/* In the part, or in the body of a loop that is in it. */
bool tgi_is_computed_in(const tgi_function *f, const tgi_node *node) {
    uint16_t part = node->part;
    while (part && part != f->part_number)
        part = tgi_part_at(f->file->tape, part)->outer;
    return part;
}

static bool lasts(const tgi_function *f, uint32_t index) {
    const tg_tape  *tape = f->file->tape;
    const tgi_node *node = tgi_node_at(tape, index);
    const tgi_part *part = tgi_part_at(tape, f->part_number);
    return node->part == f->part_number && node->op->infer && node->has_value &&
           tgi_lasts(tape, index, part->end, tape->count);
}

tg_status tgi_list_lasting(tgi_function *f) {
    const tgi_part *part = tgi_part_at(f->file->tape, f->part_number);
    for (uint32_t i = part->start; i < part->end; i++)
        f->output_count += lasts(f, i);
    f->outputs = tgi_emit_take(f->file, (size_t)f->output_count, sizeof *f->outputs);
    if (!f->outputs) return f->file->tape->status;
    for (uint32_t i = part->start, k = 0; i < part->end; i++)
        if (lasts(f, i)) f->outputs[k++].index = i;
    return TG_OK;
}

size_t tgi_place_outputs(tgi_function *f) {
    size_t end = 0;
    for (int k = 0; k < f->output_count; k++) {
        tgi_emit_value *v = &f->values[f->outputs[k].value];
        size_t          bytes = tgi_node_bytes(v->node), align = bytes < LINE ? 8 : LINE;
        end = (end + align - 1) & ~(align - 1);
        v->at = (int64_t)end;
        end += bytes;
    }
    return end;
}

size_t tgi_bytes_of_work(const tgi_file *file) {
    size_t bytes = 0;
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        bytes += (size_t)file->work[dtype] * tg_dtype_size((tg_dtype)dtype) + sizeof(double);
    return bytes;
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* A compiler makes more of numbers that it knows. */
bool tgi_is_embedded(const tgi_node *node) {
    return node->op == &tgi_constant && !tgi_is_borrowed(node) && tgi_node_size(node) <= SMALL_CONSTANT;
}

bool tgi_gets_address(const tgi_function *f, uint32_t index) {
    uint8_t home = f->file->home[index];
    return f->values[index].home == TGI_VALUE_LEAF && (home == TGI_LEAF_ARGUMENT || home == TGI_LEAF_STATE);
}

void tgi_put_hosted_head(const tgi_function *f, tgi_writer *w) {
    tgi_put(w, "int %s(void *const *leaf, char *restrict given, %s_work *work, %s_random *state)", f->name, f->file->prefix,
            f->file->prefix);
}

void tgi_write_addresses(tgi_function *f, tgi_writer *w) {
    int k = 0;
    tgi_put_line(w, "OWN_WORK");
    for (uint32_t i = 0; i < f->count; i++) {
        if (!tgi_gets_address(f, i)) continue;
        tgi_put_line(w, "%s%s *restrict const %s = leaf[%d];", f->values[i].written ? "" : "const ",
                     tgi_c_type((tg_dtype)f->values[i].node->dtype), tgi_c_name(f->file, i), k++);
    }
    tgi_place_outputs(f);
    for (k = 0; k < f->output_count; k++) {
        const tgi_emit_value *v = &f->values[f->outputs[k].value];
        const char           *type = tgi_c_type((tg_dtype)v->node->dtype);
        if (v->home == TGI_VALUE_OUTPUT)
            tgi_put_line(w, "%s *const %s = (%s *)(given + %" PRId64 ");", type, f->outputs[k].name, type, v->at);
    }
}

void tgi_write_hosted_start(tgi_file *file, tgi_writer *w) {
    tgi_put_string(w, "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n\n");
    tgi_put(w,
            "typedef struct %s_random {\n    uint32_t *random_words;\n    int random_next;\n    double random_normal[2];\n} "
            "%s_random;\n\n",
            file->prefix, file->prefix);
    tgi_write_work_type(file, w);
    if (tgi_bytes_of_work(file) <= SMALL_WORK)
        tgi_put(w, "#define OWN_WORK %s_work own; work = &own;\n\n", file->prefix);
    else
        tgi_put_string(w, "#define OWN_WORK\n\n");
}
