/* emit/choose.c: the first pass: what a function computes, and where the elements of its operands are.
 *
 * Needed is what has an effect in the part, what is given to the caller, and what these read, in turn. A view shows its operand's
 * memory. It becomes a copy where strides cannot express it, and where its base is overwritten before it is read for the last time: then
 * what was recorded before the assign is to be seen.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/program.h"
#include "kernels/strided.h"
#include "run/classify.h"
#include "run/run.h"

/* ---- what is needed ---------------------------------------------------------------------------------------------- */

/* What a hosted function does not compute is there when it is called. */
static bool is_leaf(const tgi_function *f, const tgi_node *node) {
    return !node->op->infer || (f->file->hosted && !tgi_is_computed_in(f, node));
}

static bool is_assign(const tgi_node *node) {
    return node->op->effect && !tgi_changes_nothing(node);
}

/* A formula may leave one out that only its gradient rule needs. */
static bool reads_operand(const tgi_node *node, uint32_t j) {
    return !node->op->loops || !node->op->formula || tgi_formula_uses(node->op->formula, (int)j);
}

/* What stands outside of the part is computed in it: so it must be what it was outside. */
static tg_status check_outside(tgi_function *f, const tgi_node *node) {
    const tg_tape *tape = f->file->tape;
    if (node->part)
        return tgi_emit_fail(f->file, TG_ERR_VALUE, node, "it is a value of the part '%s', which '%s' cannot read",
                             tgi_part_at(tape, node->part)->name, f->name);
    if (node->op->random)
        return tgi_emit_fail(f->file, TG_ERR_VALUE, node, "it is drawn at random outside of the part that reads it");
    for (uint32_t j = 0; j < node->count; j++) {
        const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, node->in[j]));
        if (leaf && leaf->last_assign != TGI_NONE)
            return tgi_emit_fail(f->file, TG_ERR_VALUE, node,
                                 "it is computed outside of the part, from '%s', which the tape overwrites",
                                 leaf->name ? leaf->name : "");
    }
    return TG_OK;
}

void tgi_need_operands(tgi_function *f, uint32_t block, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count; j++) {
        if (!reads_operand(node, j)) continue;
        tgi_emit_value *v = &f->values[tgi_value_in(f, block, node->in[j])];
        v->needed = true;
        if (block && is_leaf(f, v->node) && v->block != block) v->home = TGI_VALUE_LEAF;
        if (tgi_loop_attr_of(v->node)) v->packed |= !tgi_shows_an_item(f, node, v->node, NULL);
    }
}

/* Which must be seen when the library runs it, though nobody reads the value. */
static bool may_fail(const tg_tape *tape, const tgi_node *node) {
    return node->op->kernel && node->op->linearity != TG_LINEAR_EACH && !tgi_never_fails(tape, node);
}

static tg_status find_needed(tgi_function *f) {
    for (int k = 0; k < f->output_count; k++) {
        tgi_emit_value *v = &f->values[f->outputs[k].index];
        v->needed = true;
        v->packed = tgi_loop_attr_of(v->node) != NULL;
    }
    for (uint32_t i = f->count; i-- > 0;) {
        tgi_emit_value *v = &f->values[i];
        const tgi_node *node = v->node;
        bool            inside = node->part == f->part_number;
        v->needed |= inside && (is_assign(node) || (f->file->hosted && may_fail(f->file->tape, node)));
        if (!v->needed || is_leaf(f, node)) continue;
        if (!inside && check_outside(f, node)) return f->file->tape->status;
        tgi_need_operands(f, 0, node);
        if (node->op->effect) {
            v->target = node->in[0];
            f->values[v->target].written = f->file->assigned[v->target] = true;
        }
        if (node->op->random) f->file->draws = true;
    }
    return TG_OK;
}

/* ---- views that must hold an old value --------------------------------------------------------------------------- */

/* Of each view the leaf whose memory it would show, and of each leaf the last assign so far. */
typedef struct old_values {
    uint32_t *root, *assign;
} old_values;

static void look_at_operands(tgi_function *f, const old_values *o, uint32_t reader) {
    const tgi_node *node = f->values[reader].node;
    for (uint32_t j = node->op->effect ? 1 : 0; j < node->count; j++) {
        uint32_t i = node->in[j], root = o->root[i];
        if (root == TGI_NONE || root == i) continue;
        bool to_itself = node->op->effect && node->in[0] == root;
        if (to_itself || (o->assign[root] != TGI_NONE && o->assign[root] > i)) f->values[i].copied = true;
    }
}

static tg_status find_copied(tgi_function *f) {
    old_values o = {tgi_emit_take(f->file, f->count, sizeof *o.root), tgi_emit_take(f->file, f->count, sizeof *o.assign)};
    if (!o.root || !o.assign) return f->file->tape->status;
    memset(o.root, 0xff, f->count * sizeof *o.root);
    memset(o.assign, 0xff, f->count * sizeof *o.assign);
    for (uint32_t i = 0; i < f->count; i++) {
        const tgi_node *node = f->values[i].node;
        if (!f->values[i].needed) continue;
        if (tgi_leaf_of(node) && tgi_leaf_of(node)->variable) o.root[i] = i;
        if (!is_leaf(f, node)) look_at_operands(f, &o, i);
        if (node->op->view && !is_leaf(f, node)) o.root[i] = o.root[node->in[0]];
        if (is_assign(node)) o.assign[node->in[0]] = i;
    }
    for (int k = 0; k < f->output_count; k++) {
        uint32_t i = f->outputs[k].index, root = o.root[i];
        if (root != TGI_NONE && root != i && o.assign[root] != TGI_NONE && o.assign[root] > i) f->values[i].copied = true;
    }
    return TG_OK;
}

/* ---- where elements are ------------------------------------------------------------------------------------------ */

bool tgi_is_identical(const tgi_emit_source *s, int rank, const int64_t *dims) {
    int64_t strides[TG_MAX_RANK];
    if (s->offset || !tgi_same_dims(s->node->rank, s->node->dims, rank, dims)) return false;
    tgi_row_major(rank, dims, strides);
    for (int i = 0; i < rank; i++)
        if (dims[i] != 1 && s->strides[i] != strides[i]) return false;
    return true;
}

static tgi_emit_source row_major_source(const tgi_node *node, uint32_t base) {
    tgi_emit_source s = {.node = node, .base = base};
    tgi_row_major(node->rank, node->dims, s.strides);
    return s;
}

tgi_emit_source tgi_source_of(const tgi_function *f, uint32_t value) {
    const tgi_emit_value *v = &f->values[value];
    bool                  elsewhere = v->home == TGI_VALUE_VIEW || (v->home == TGI_VALUE_GIVEN && v->sources);
    return elsewhere ? v->sources[0] : row_major_source(v->node, value);
}

/* What the view shows of its operand, which *shown is; false when strides cannot express it. */
static bool look_through(const tgi_node *view, tgi_emit_source *shown, tgi_view_answer *answer) {
    static char     memory[8]; /* stands for the operand's: what counts is the distance from there */
    const tgi_node *x = shown->node;
    int64_t         width = (int64_t)tg_dtype_size((tg_dtype)x->dtype);
    tg_array        in = {.data = memory, .dtype = (tg_dtype)x->dtype, .rank = x->rank, .size = tgi_node_size(x)}, out;
    tgi_copy_sizes(x->rank, x->dims, in.dims);
    tgi_copy_sizes(x->rank, shown->strides, in.strides);
    *answer = tgi_call_view(view, &in, &out);
    if (*answer != TGI_VIEW_SHOWS) return false;
    shown->node = view;
    shown->offset += (intptr_t)((uintptr_t)out.data - (uintptr_t)memory) / width;
    tgi_copy_sizes(view->rank, out.strides, shown->strides);
    return true;
}

bool tgi_shows_an_item(const tgi_function *f, const tgi_node *view, const tgi_node *loop, uint32_t *item) {
    tgi_emit_source s = row_major_source(loop, 0);
    tgi_view_answer answer;
    int64_t         strides[TG_MAX_RANK];
    if (!view->op->view || !look_through(view, &s, &answer)) return false;
    tgi_row_major(view->rank, view->dims, strides);
    for (int i = 0; i < view->rank; i++)
        if (view->dims[i] != 1 && s.strides[i] != strides[i]) return false;
    return tgi_find_item(f->file->tape, tgi_loop_attr_of(loop), (tgi_loop_range){s.offset, tgi_node_size(view)}, item);
}

/* The first that shows an item of a loop is that item; others show the first. */
static bool is_item(tgi_function *f, uint32_t i, uint32_t loop) {
    tgi_emit_value *v = &f->values[i];
    uint32_t        k;
    if (!f->values[loop].loop || f->values[loop].packed || !tgi_shows_an_item(f, v->node, f->values[loop].node, &k))
        return false;
    tgi_emit_item *item = &f->blocks[f->values[loop].loop].items[k];
    v->home = item->owner == TGI_NONE ? TGI_VALUE_UNUSED : TGI_VALUE_VIEW;
    v->kind = item->owner == TGI_NONE ? TGI_EMIT_ITEM : TGI_EMIT_NOTHING;
    if (item->owner == TGI_NONE) item->owner = i;
    v->sources[0] = row_major_source(v->node, item->owner);
    v->source_count = v->kind == TGI_EMIT_ITEM ? 0 : 1;
    return true;
}

static tg_status resolve_view(tgi_function *f, uint32_t i) {
    tgi_emit_value *v = &f->values[i];
    tgi_view_answer answer;
    uint32_t        operand = tgi_value_in(f, v->block, v->node->in[0]);
    v->sources = tgi_emit_take(f->file, 1, sizeof *v->sources);
    if (!v->sources) return f->file->tape->status;
    if (is_item(f, i, operand)) return TG_OK;
    v->sources[0] = tgi_source_of(f, operand);
    v->source_count = 1;
    bool shows = look_through(v->node, &v->sources[0], &answer);
    if (answer == TGI_VIEW_WRONG)
        return tgi_emit_fail(f->file, TG_ERR_SHAPE, v->node, "its view rule shows what are no elements of its operand");
    if (shows && !v->copied)
        v->home = TGI_VALUE_VIEW;
    else
        v->kind = TGI_EMIT_COPY;
    return TG_OK;
}

static tg_status resolve_sources(tgi_function *f, uint32_t i) {
    tgi_emit_value *v = &f->values[i];
    const tgi_node *node = v->node;
    v->sources = tgi_emit_take(f->file, node->count, sizeof *v->sources);
    if (!v->sources) return f->file->tape->status;
    v->source_count = node->count;
    uint32_t read = node->count; /* one stands for those that are not read, too */
    while (read > 1 && !reads_operand(node, read - 1))
        read--;
    for (uint32_t j = 0; j < node->count; j++)
        v->sources[j] = tgi_source_of(f, tgi_value_in(f, v->block, node->in[reads_operand(node, j) ? j : read - 1]));
    return TG_OK;
}

static tg_status fail_without_text(tgi_function *f, const tgi_node *node) {
    return tgi_emit_fail(f->file, TG_ERR_ARGUMENT, node, "the op has no C text");
}

/* The library would put the leaf aside first. */
static bool reads_what_it_assigns(const tgi_node *node) {
    for (uint32_t j = 1; j < node->count && node->op->effect && node->op->kernel; j++)
        if (node->in[j] == node->in[0]) return true;
    return false;
}

tg_status tgi_resolve_value(tgi_function *f, uint32_t i) {
    tgi_emit_value *v = &f->values[i];
    const tg_op    *op = v->node->op;
    if (is_leaf(f, v->node)) {
        v->home = TGI_VALUE_LEAF;
        return TG_OK;
    }
    if (op->effect && tgi_changes_nothing(v->node)) return TG_OK;
    if (op->view) return resolve_view(f, i);
    if (reads_what_it_assigns(v->node))
        return tgi_emit_fail(f->file, TG_ERR_ARGUMENT, v->node,
                             "a part of a leaf is made of the leaf itself: assign a copy of it");
    bool is_loop = op->loops && v->node->count > 0;
    v->kind = op->effect && !op->kernel ? TGI_EMIT_ASSIGN : is_loop ? TGI_EMIT_LOOP : TGI_EMIT_KERNEL;
    if (v->kind == TGI_EMIT_LOOP ? !op->formula : v->kind == TGI_EMIT_KERNEL && !op->emit) return fail_without_text(f, v->node);
    return resolve_sources(f, i);
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

tg_status tgi_resolve_output(tgi_function *f, tgi_emit_output *o, uint32_t place) {
    tgi_emit_value *v = &f->values[o->index], *copy = &f->values[place];
    bool            is_computed = v->home == TGI_VALUE_UNUSED && v->kind != TGI_EMIT_NOTHING && !v->is_output;
    o->value = is_computed ? o->index : place;
    f->values[o->value].is_output = true;
    if (is_computed) return TG_OK;
    return tgi_make_copy(f, copy, v->node, tgi_source_of(f, o->index));
}

tg_status tgi_make_copy(tgi_function *f, tgi_emit_value *copy, const tgi_node *node, tgi_emit_source source) {
    copy->node = node;
    copy->needed = true;
    copy->kind = TGI_EMIT_COPY;
    copy->sources = tgi_emit_take(f->file, 1, sizeof *copy->sources);
    if (!copy->sources) return f->file->tape->status;
    copy->sources[0] = source;
    copy->source_count = 1;
    return TG_OK;
}

static tg_status choose_function(tgi_function *f) {
    for (uint32_t i = 0; i < f->count; i++)
        if (f->values[i].needed && tgi_resolve_value(f, i)) return f->file->tape->status;
    for (int k = 0; k < f->output_count; k++)
        if (tgi_resolve_output(f, &f->outputs[k], f->count + (uint32_t)k)) return f->file->tape->status;
    return TG_OK;
}

tg_status tgi_choose_values(tgi_function *f) {
    f->value_count = f->count + (uint32_t)f->output_count;
    f->values = tgi_emit_take(f->file, f->value_count, sizeof *f->values);
    f->blocks = tgi_emit_take(f->file, 1, sizeof *f->blocks);
    if (!f->values || !f->blocks) return f->file->tape->status;
    f->block_count = 1;
    f->blocks[0].end = f->value_count;
    for (uint32_t i = 0; i < f->value_count; i++) {
        f->values[i].node = tgi_node_at(f->file->tape, i < f->count ? i : 0);
        f->values[i].target = TGI_NONE;
    }
    if (find_needed(f) || find_copied(f) || tgi_list_blocks(f) || choose_function(f)) return f->file->tape->status;
    for (uint32_t b = 1; b < f->block_count; b++)
        if (tgi_choose_body(f, b)) return f->file->tape->status;
    return TG_OK;
}
