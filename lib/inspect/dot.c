/* inspect/dot.c: the tape as a graph in the DOT language.
 *
 * A node an instruction, an edge an operand. Plain numbers are written into the node that uses them. Labels are HTML-like, so
 * that the op stands out from shape and source line; every name in them is escaped.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "inspect/text.h"

enum { ROLES = TGI_UPDATE + 1 };

/* Fill and line of what is recorded for each purpose; a legend names them. */
static const struct {
    const char *name, *fill, *line;
} roles[ROLES] = {
    [TGI_FORWARD] = {"forward", "#dceaf7", "#2b6ca3"},
    [TGI_BACKWARD] = {"backward", "#fde6cf", "#c25e00"},
    [TGI_UPDATE] = {"update", "#d9f0dc", "#23803a"},
};

static void put_head(FILE *out) {
    fputs("digraph tape {\n"
          "  graph [fontname=\"Helvetica\", nodesep=0.25, ranksep=0.35]\n"
          "  node [fontname=\"Helvetica\", fontsize=12, shape=box, style=\"filled,rounded\", margin=\"0.12,0.06\"]\n"
          "  edge [arrowsize=0.6, fontname=\"Helvetica\", fontsize=9, fontcolor=\"#555555\", labeldistance=1.4]\n",
          out);
}

/* A box for each purpose that occurs, in a row at the bottom. */
static void put_legend(FILE *out, const bool *occurs) {
    fputs("  subgraph legend {\n    rank=sink\n", out);
    for (size_t i = 0; i < ROLES; i++)
        if (occurs[i])
            fprintf(out, "    %s [label=\"%s\", fillcolor=\"%s\", color=\"%s\", shape=box, style=filled, tooltip=\"%s\"]\n",
                    roles[i].name, roles[i].name, roles[i].fill, roles[i].line, roles[i].name);
    fputs("  }\n", out);
}

/* Plain numbers are not, and neither is what computes nothing, has no name, and is used by nothing. */
static bool is_drawn(const tg_tape *tape, const tgi_node *node) {
    return node->op->infer || (tgi_leaf_of(node) && (tgi_name_of(tape, node) || tgi_is_used(tape, node)));
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void put_name(FILE *out, const tg_tape *tape, const tgi_node *node) {
    const char *name = tgi_name_of(tape, node);
    if (!name) return;
    fputs(" <i>", out);
    tgi_put_text(out, name, true);
    fputs("</i>", out);
}

/* "sub(1, ·)": the operands, when there are numbers among them. */
static void put_operands(FILE *out, const tg_tape *tape, const tgi_node *node) {
    char text[TGI_NUMBER_TEXT];
    bool numbers = false;
    for (uint32_t i = 0; i < node->count; i++)
        numbers |= tgi_node_at(tape, node->in[i])->op == &tgi_number;
    for (uint32_t i = 0; numbers && i < node->count; i++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[i]);
        fputs(i ? ", " : "(", out);
        fputs(operand->op == &tgi_number ? tgi_short_text(text, (tg_dtype)operand->dtype, operand->data) : "·", out);
    }
    if (numbers) fputs(")", out);
}

/* The file without the directories on the way to it. */
static const char *file_name(const tgi_node *node) {
    const char *slash = node->file ? strrchr(node->file, '/') : NULL;
    return slash ? slash + 1 : node->file ? node->file : "?";
}

static void put_label(FILE *out, const tg_tape *tape, const tgi_node *node) {
    char text[TGI_TEXT];
    fputs("<<b>", out);
    tgi_put_text(out, node->op->name, true);
    fputs("</b>", out);
    if (node->op->effect)
        put_name(out, tape, tgi_node_at(tape, node->in[0]));
    else
        put_operands(out, tape, node);
    put_name(out, tape, node);
    fprintf(out, "<br/><font point-size=\"10\">%s %s</font><br/><font point-size=\"8\" color=\"#555555\">",
            tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text, node->rank, node->dims));
    tgi_put_text(out, file_name(node), true);
    fprintf(out, ":%" PRIu32 "</font>>", node->line);
}

/* Shown by what displays the graph when the pointer rests on the node. */
static void put_tooltip(FILE *out, const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    fprintf(out, "\"%%%" PRIu32 " ", index);
    tgi_put_text(out, node->file ? node->file : "?", false);
    fprintf(out, ":%" PRIu32, node->line);
    if (node->rule_of != TGI_NONE) {
        fprintf(out, ", gradient of %%%" PRIu32 " ", node->rule_of);
        tgi_put_text(out, tgi_node_at(tape, node->rule_of)->op->name, false);
    }
    fputs("\"", out);
}

static void put_node(FILE *out, const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    enum tgi_role   role = tgi_role_of(node);
    fprintf(out, "  n%" PRIu32 " [label=", index);
    put_label(out, tape, node);
    fputs(", tooltip=", out);
    put_tooltip(out, tape, index);
    fprintf(out, ", fillcolor=\"%s\", color=\"%s\"", roles[role].fill, roles[role].line);
    if (node->op == &tgi_parameter)
        fputs(", penwidth=2.5", out);
    else if (!node->op->infer)
        fputs(", shape=note, style=filled", out);
    else if (node->op->view)
        fputs(", style=\"filled,rounded,dashed\"", out);
    fputs("]\n", out);
}

/* ---- edges ------------------------------------------------------------------------------------------------------- */

static int tensors_among(const tg_tape *tape, const tgi_node *node) {
    int count = 0;
    for (uint32_t i = 0; i < node->count; i++)
        count += tgi_node_at(tape, node->in[i])->op != &tgi_number;
    return count;
}

static void put_edges(FILE *out, const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    bool            assign = node->op->effect, numbered = !assign && tensors_among(tape, node) > 1;
    for (uint32_t i = assign; i < node->count; i++) {
        if (tgi_node_at(tape, node->in[i])->op == &tgi_number) continue;
        fprintf(out, "  n%" PRIu32 " -> n%" PRIu32 " [color=\"%s\"", node->in[i], index, roles[tgi_role_of(node)].line);
        if (numbered) fprintf(out, ", headlabel=\"%" PRIu32 "\"", i + 1);
        fputs("]\n", out);
    }
}

tg_status(tg_write_dot)(tg_tape *tape, FILE *out) {
    if (!tgi_writable(tape, out, "write_dot")) return tg_error_status(tape);
    bool occurs[ROLES] = {false};
    put_head(out);
    for (uint32_t i = 0; i < tape->count; i++) {
        if (!is_drawn(tape, tgi_node_at(tape, i))) continue;
        put_node(out, tape, i);
        put_edges(out, tape, i);
        occurs[tgi_role_of(tgi_node_at(tape, i))] = true;
    }
    put_legend(out, occurs);
    fputs("}\n", out);
    return tgi_written(tape, out, "write_dot");
}
