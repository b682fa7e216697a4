/* run/print_plan.c: a plan as text that a person can read.
 *
 * One paragraph a unit: what it is, why it did not join the unit before, and a line for each instruction that runs in it: the op, its
 * type, its source line, and after the arrow where its value goes; below it the operands and how they are read.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/loop.h"
#include "core/tape_part.h"
#include "run/plan.h"
#include "run/run.h"

typedef struct printer {
    const tg_tape      *tape;
    const tgi_plan     *plan;
    const tgi_frame    *frame;
    const tgi_binding **bindings; /* of each instruction of the segment, or NULL */
    FILE               *out;
} printer;

/* ---- instructions and where they are ----------------------------------------------------------------------------- */

static void put_type(const printer *p, const tgi_node *node) {
    char text[TGI_TEXT];
    fprintf(p->out, "%s %s", tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text, node->rank, node->dims));
}

static void put_instruction(const printer *p, tgi_ref ref) {
    const tgi_node *node = tgi_node_of(p->tape, p->frame, ref);
    const char     *name = tgi_name_of(p->tape, node);
    fprintf(p->out, "%%%" PRIu32 " %s ", tgi_ref_index(p->frame, ref), node->op->name);
    put_type(p, node);
    if (name) fprintf(p->out, " \"%s\"", name);
    if (node->file) fprintf(p->out, "  %s:%" PRIu32, node->file, node->line);
}

/* The memory of an instruction's value. */
static void put_memory(const printer *p, tgi_ref ref) {
    const tgi_node    *node = tgi_node_of(p->tape, p->frame, ref);
    const tgi_leaf    *leaf = tgi_leaf_of(node);
    const tgi_binding *binding = ref & TGI_OUTSIDE ? NULL : p->bindings[ref];
    char               number[32];
    if (node->op == &tgi_number) {
        tgi_formatted(number, sizeof number, "number %g", tgi_element((tg_dtype)node->dtype, node->data));
        fputs(number, p->out);
    } else if (leaf && tgi_name_of(p->tape, node))
        fprintf(p->out, "leaf \"%s\"", tgi_name_of(p->tape, node));
    else if (binding && binding->allocation == TGI_IN_BLOCK && tgi_node_bytes(node) > sizeof node->small)
        fprintf(p->out, "block + %zu", binding->offset);
    else if (binding && binding->allocation != TGI_IN_OWN) {
        fprintf(p->out, "view of %%%" PRIu32, tgi_ref_index(p->frame, binding->base));
        fprintf(p->out, " + %" PRId64, (int64_t)binding->offset);
    } else
        fprintf(p->out, "memory of %%%" PRIu32, tgi_ref_index(p->frame, ref));
}

/* ---- fused ops --------------------------------------------------------------------------------------------------- */

static const char *const access_names[] = {[TGI_CONTIGUOUS] = "contiguous",
                                           [TGI_SCALAR] = "scalar",
                                           [TGI_PER_ROW] = "one per row",
                                           [TGI_ROW_BROADCAST] = "row broadcast",
                                           [TGI_STRIDED] = "strided"};

static const char *const kind_names[] = {[TGI_FUSED_LOOP] = "loop",
                                         [TGI_FUSED_COPY] = "copy",
                                         [TGI_FUSED_ASSIGN] = "assign",
                                         [TGI_FUSED_ROW_REDUCE] = "row reduction",
                                         [TGI_FUSED_ROW_KERNEL] = "row kernel",
                                         [TGI_FUSED_BLOCK_REDUCE] = "block reduction",
                                         [TGI_FUSED_SIDE_BY_SIDE] = "side by side"};

static void put_operand(const printer *p, tgi_fused_kind kind, const tgi_operand *x) {
    fputs("        reads ", p->out);
    if (x->reg != TGI_NO_REGISTER)
        fprintf(p->out, "register %" PRId32, x->reg);
    else
        put_memory(p, x->base);
    if (x->offset) fprintf(p->out, " + %" PRId64, x->offset);
    if (kind == TGI_FUSED_ROW_KERNEL)
        fputs(x->access == TGI_PER_ROW ? ", by rows" : ", whole", p->out);
    else
        fprintf(p->out, ", %s", access_names[x->access]);
    if (x->gather != TGI_NO_REGISTER)
        fprintf(p->out, ", gathered into register %" PRId32 "%s", x->gather, x->once ? " once" : "");
    fputc('\n', p->out);
}

static void put_fused_op(const printer *p, const tgi_fused_op *op) {
    fputs("    ", p->out);
    put_instruction(p, op->node);
    fprintf(p->out, "  (%s%s%s) -> ", kind_names[op->kind], op->per_row && op->kind == TGI_FUSED_LOOP ? ", one per row" : "",
            op->again ? ", again" : "");
    if (op->reg != TGI_NO_REGISTER)
        fprintf(p->out, "register %" PRId32, op->reg);
    else
        put_memory(p, op->target);
    fputc('\n', p->out);
    if (op->joined_to != TGI_NONE) {
        fputs("        after ", p->out);
        put_instruction(p, op->joined_to);
        fputs(", in one loop\n", p->out);
    }
    for (uint8_t j = 0; j < op->count; j++)
        put_operand(p, (tgi_fused_kind)op->kind, &op->operands[j]);
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

/* Why instruction `ref` did not join the unit before. */
static void put_split(const printer *p, const tgi_unit *unit) {
    static const char *const reasons[] = {
        [TGI_SPLIT_KERNEL] = "its kernel needs whole operands, or may fail",
        [TGI_SPLIT_BEHIND] = "the unit before is a kernel",
        [TGI_SPLIT_DOMAIN] = "its shape is not that of the group before",
        [TGI_SPLIT_OPERAND] = "the unit before makes an operand, which is not read there element by element",
        [TGI_SPLIT_ROWS] = "it needs rows that the tiles of the group before cannot have",
        [TGI_SPLIT_REDUCTION] = "it reduces, and an assign stands between",
        [TGI_SPLIT_OLD_VALUE] = "it assigns, and the group before may still read the old value",
        [TGI_SPLIT_FAILURE] = "it assigns, and something that may fail stands between",
    };
    const tgi_node *node = tgi_node_of(p->tape, p->frame, unit->node);
    if (unit->split == TGI_SPLIT_FIRST) return;
    fprintf(p->out, "    split: %s", reasons[unit->split]);
    if (unit->split == TGI_SPLIT_OPERAND) {
        uint32_t first = node->op->effect ? 1 : 0;
        fprintf(p->out, ": %%%" PRIu32, node->in[first + unit->split_by]);
    }
    fputc('\n', p->out);
}

static void put_kernel(const printer *p, const tgi_unit *unit) {
    const tgi_node *node = tgi_node_of(p->tape, p->frame, unit->node);
    fputs("kernel\n", p->out);
    put_split(p, unit);
    fputs("    ", p->out);
    put_instruction(p, unit->node);
    fputs(" -> ", p->out);
    put_memory(p, unit->node);
    fputc('\n', p->out);
    for (uint32_t j = 0; j < node->count; j++) {
        fputs("        reads ", p->out);
        put_memory(p, tgi_ref_to(p->tape, p->frame, node->in[j]));
        fputc('\n', p->out);
    }
}

static void put_group(const printer *p, const tgi_unit *unit) {
    const tgi_group *g = unit->group;
    char             text[TGI_TEXT];
    fprintf(p->out, "group over %s: %" PRId64 " x %" PRId64, tgi_shape_text(text, g->rank, g->dims), g->rows, g->columns);
    fprintf(p->out, ", elements of a tile: %" PRId64, g->tile);
    if (g->registers) fprintf(p->out, ", registers: %" PRIu32 " of %zu bytes", g->registers, g->register_bytes);
    if (g->partial_bytes) fprintf(p->out, ", bytes of partial results: %zu", g->partial_bytes);
    fputc('\n', p->out);
    put_split(p, unit);
    for (uint32_t i = 0; i < g->op_count; i++)
        put_fused_op(p, &g->ops[i]);
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static void put_plan(const printer *p) {
    const tgi_plan *plan = p->plan;
    fprintf(p->out, "plan of instructions %%%" PRIu32 " to %%%" PRIu32, p->frame->start, p->frame->start + plan->count - 1);
    if (plan->sequential) {
        fputs(": run sequentially, to report an error\n", p->out);
        return;
    }
    fprintf(p->out, ": units: %" PRIu32 ", groups: %" PRIu32 ", fused ops: %" PRIu32 ", bytes of the block: %zu\n",
            plan->unit_count, plan->group_count, plan->fused_count, plan->block_bytes);
    for (uint32_t k = 0; k < plan->unit_count; k++) {
        for (uint32_t i = 0; i < plan->units[k].bound; i++)
            p->bindings[plan->units[k].bindings[i].node] = &plan->units[k].bindings[i];
        fprintf(p->out, "unit %" PRIu32 ": ", k);
        if (plan->units[k].group)
            put_group(p, &plan->units[k]);
        else
            put_kernel(p, &plan->units[k]);
    }
}

tg_status tgi_write_plan(tg_tape *tape, const tgi_plan *plan, FILE *out) {
    size_t  bytes = plan->count * sizeof(tgi_binding *);
    printer p = {.tape = tape, .plan = plan, .frame = &plan->frame, .out = out};
    p.bindings = tgi_pool_take(&tape->pool, bytes);
    if (!p.bindings) return tgi_out_of_memory(tape, "print_plan");
    memset(p.bindings, 0, bytes);
    for (uint32_t i = 0; i < plan->binding_count; i++)
        p.bindings[plan->bindings[i].node] = &plan->bindings[i];
    put_plan(&p);
    tgi_pool_give(&tape->pool, p.bindings);
    return TG_OK;
}

/* ---- the segments of a tape --------------------------------------------------------------------------------------- */

static tg_status print_segment(tg_tape *tape, uint32_t start, uint32_t end, FILE *out) {
    tgi_callback    outer = tgi_enter_run(tape);
    const tgi_plan *plan = tgi_find_or_make_plan(tape, start, end, tape->count);
    if (tgi_leave(tape, outer) || !plan) return tape->status;
    return tgi_write_plan(tape, plan, out);
}

/* Of what stands outside of parts, from one part to the next. False where there is nothing. */
static bool print_outside(tg_tape *tape, FILE *out) {
    bool any = false;
    for (uint32_t start = 0, end; start < tape->count && !tape->status; start = end) {
        end = start + 1;
        const tgi_node *node = tgi_node_at(tape, start);
        if (node->part || tgi_leaf_of(node)) continue;
        end = tgi_next_part(tape, end);
        print_segment(tape, start, end, out);
        any = true;
    }
    return any;
}

static uint32_t end_of(const tg_tape *tape, const tgi_part *part) {
    return part->end < tape->count ? part->end : tape->count; /* it may still be recorded */
}

/* Between the bodies of loops in it. */
static void print_part(tg_tape *tape, uint16_t number, FILE *out) {
    uint32_t end = end_of(tape, tgi_part_at(tape, number));
    for (uint32_t start = tgi_part_at(tape, number)->start, next; start < end && !tape->status;
         start = tgi_skip_other_parts(tape, next, end, number)) {
        next = tgi_next_part(tape, start + 1);
        if (next > end) next = end;
        print_segment(tape, start, next, out);
    }
}

/* The instruction that runs the body; NULL where none does. */
static const tgi_node *loop_of(const tg_tape *tape, const tgi_part *body) {
    for (uint32_t i = end_of(tape, body); i < tape->count; i++) {
        const tgi_loop_attr *attr = tgi_loop_attr_of(tgi_node_at(tape, i));
        if (attr && attr->body == body->start) return tgi_node_at(tape, i);
    }
    return NULL;
}

static bool print_parts(tg_tape *tape, FILE *out) {
    bool any = false;
    for (uint16_t i = 1; i <= tape->part_count && !tape->status; i++) {
        const tgi_part *part = tgi_part_at(tape, i);
        const tgi_node *loop = part->loop ? loop_of(tape, part) : NULL;
        if (part->loop && !loop) continue;
        if (loop)
            fprintf(out, "body of a loop, %s:%" PRIu32 "\n", loop->file ? loop->file : "?", loop->line);
        else
            fprintf(out, "part \"%s\"\n", part->name);
        print_part(tape, i, out);
        any = true;
    }
    return any;
}

tg_status(tg_print_plan)(tg_tape *tape, FILE *out) {
    if (tgi_check_outside(tape, "print_plan")) return tg_error_status(tape);
    if (!out) return tgi_fail(tape, TG_ERR_ARGUMENT, "print_plan", "the file is NULL");
    errno = 0;
    bool outside = print_outside(tape, out), parts = print_parts(tape, out);
    if (tape->status) return tape->status;
    if (!outside && !parts) fputs("plan: there is nothing to run\n", out);
    if (ferror(out))
        return tgi_fail(tape, TG_ERR_IO, "print_plan", "%s", errno ? strerror(errno) : "the file cannot be written");
    return tgi_done(tape, TG_OK);
}
