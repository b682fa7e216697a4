/* inspect/print.c: the tape as text, one instruction a line.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "core/residency.h"
#include "inspect/text.h"

/* How wide the columns are whose entries may also be longer. */
enum { TYPE_WIDTH = 22, FORMULA_WIDTH = 34 };

/* ---- the columns of a line; each returns how many characters it wrote -------------------------------------------- */

static int put_type(FILE *out, const tgi_node *node) {
    char text[TGI_TEXT];
    if (node->op == &tgi_zero_grad) return 0; /* which has no value */
    return fprintf(out, "%s %s", tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text, node->rank, node->dims));
}

static int put_name(FILE *out, const tg_tape *tape, const tgi_node *node) {
    const char *name = tgi_name_of(tape, node);
    if (!name) return 0;
    fputs(" \"", out);
    int written = tgi_put_text(out, name, false);
    fputs("\"", out);
    return written + 3;
}

static int put_operand(FILE *out, const tg_tape *tape, uint32_t index) {
    char            text[TGI_NUMBER_TEXT];
    const tgi_node *node = tgi_node_at(tape, index);
    if (node->op == &tgi_number) return fprintf(out, "%s", tgi_short_text(text, (tg_dtype)node->dtype, node->data));
    int written = fprintf(out, "%%%" PRIu32, index);
    return written + put_name(out, tape, node);
}

/* "matmul(%0, %1)", "parameter "w1"", "number 0.5". */
static int put_formula(FILE *out, const tg_tape *tape, const tgi_node *node) {
    char text[TGI_NUMBER_TEXT];
    int  written = fprintf(out, "%s", node->op->name);
    if (node->op == &tgi_number) return written + fprintf(out, " %s", tgi_short_text(text, (tg_dtype)node->dtype, node->data));
    if (!node->op->infer) return written + put_name(out, tape, node);
    for (uint32_t i = 0; i < node->count; i++) {
        written += fprintf(out, i ? ", " : "(");
        written += put_operand(out, tape, node->in[i]);
    }
    written += fprintf(out, node->count ? ")" : "()");
    return written + put_name(out, tape, node);
}

static void put_source(FILE *out, const tg_tape *tape, const tgi_node *node) {
    if (node->file) {
        tgi_put_text(out, node->file, false);
        fprintf(out, ":%" PRIu32, node->line);
    } else
        fputs("?", out);
    if (node->rule_of != TGI_NONE)
        fprintf(out, ", gradient of %%%" PRIu32 " %s", node->rule_of, tgi_node_at(tape, node->rule_of)->op->name);
}

static void pad(FILE *out, int written, int width) {
    fprintf(out, "%*s", written < width ? width - written + 2 : 2, "");
}

static void put_line(FILE *out, const tg_tape *tape, uint32_t index, int index_width) {
    const tgi_node *node = tgi_node_at(tape, index);
    char            text[16];
    snprintf(text, sizeof text, "%%%" PRIu32, index);
    fprintf(out, "%*s  ", index_width + 1, text);
    pad(out, put_type(out, node), TYPE_WIDTH);
    pad(out, put_formula(out, tape, node), FORMULA_WIDTH);
    fprintf(out, "%-4s %-4s  ", tgi_is_kept(node) ? "keep" : "", node->requires_grad ? "grad" : "");
    put_source(out, tape, node);
    fputc('\n', out);
}

/* ---- the tape ---------------------------------------------------------------------------------------------------- */

static void put_head(FILE *out, const tg_tape *tape) {
    fprintf(out, "# %" PRIu32 " instructions, %" PRIu32 " of them have run\n", tape->count, tape->done);
    if (!tape->status) return;
    fputs("# error: ", out);
    tgi_put_text(out, tape->text, false);
    fputc('\n', out);
}

tg_status(tg_print)(tg_tape *tape, FILE *out) {
    static const char *const headings[] = {[TGI_FORWARD] = "forward", [TGI_BACKWARD] = "backward", [TGI_UPDATE] = "update"};
    const char              *heading = NULL;
    if (!tgi_writable(tape, out, "print")) return tg_error_status(tape);
    int index_width = snprintf(NULL, 0, "%" PRIu32, tape->count);
    put_head(out, tape);
    for (uint32_t i = 0; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op == &tgi_number && tgi_is_used(tape, node)) continue;
        if (heading != headings[tgi_role_of(node)]) fprintf(out, "# %s\n", heading = headings[tgi_role_of(node)]);
        put_line(out, tape, i, index_width);
    }
    return tgi_written(tape, out, "print");
}
