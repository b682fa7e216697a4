/* grad/dependence_rules.c: on what the elements of an instruction's result depend, by what its op says of itself.
 *
 * An op that moves elements moves numbers of sets as well: its own kernel, or its view rule, is called for an array of them, as if they were
 * float32 elements. So there is no second description of what is where. Other ops unite sets: elementwise ones those that are broadcast
 * to an element, reductions those that are reduced. What says nothing of itself depends on everything.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/grad.h"
#include "grad/sparsity.h"
#include "kernels/strided.h"
#include "ops/reduce.h"
#include "run/kernel_call.h"
#include "run/run.h"

typedef tgi_dependence_search search;

/* ---- arrays of sets ----------------------------------------------------------------------------------------------- */

static tg_array *new_array(search *s, int rank, const int64_t *dims, int64_t elements) {
    tg_array *array = tgi_arena_take(&s->arena, sizeof *array);
    uint32_t *data = tgi_arena_take(&s->arena, (size_t)elements * sizeof *data);
    if (!array || !data) {
        tgi_out_of_memory(s->tape, s->what);
        return NULL;
    }
    *array = (tg_array){.data = data, .dtype = TG_F32, .rank = rank, .size = tgi_size(rank, dims)};
    tgi_copy_sizes(rank, dims, array->dims);
    return array;
}

tg_array *tgi_new_sets(search *s, int rank, const int64_t *dims) {
    tg_array *array = new_array(s, rank, dims, tgi_size(rank, dims));
    if (array) tgi_row_major(rank, dims, array->strides);
    return array;
}

const tg_array *tgi_same_set(search *s, const tgi_node *node, uint32_t set) {
    tg_array *array = set ? new_array(s, node->rank, node->dims, 1) : NULL; /* the strides are 0 */
    if (array) *(uint32_t *)array->data = set;
    return array;
}

static bool is_same_everywhere(const tg_array *array) {
    for (int i = 0; i < array->rank; i++)
        if (array->dims[i] != 1 && array->strides[i] != 0) return false;
    return array->size > 0;
}

/* The sets of operand j; NULL where they are empty, or nothing of it goes into the derivative. */
static const tg_array *sets_of(const search *s, const tgi_node *node, uint32_t j) {
    return tgi_flows_to(s->tape, node, j) ? s->known[node->in[j]] : NULL;
}

/* Unites the elements of `to`, which is row-major, with those of an array that broadcasts to it. */
static tg_status unite_with(search *s, const tg_array *to, const tg_array *with) {
    uint32_t *sets = to->data, *others = tgi_pool_take(&s->tape->pool, (size_t)to->size * sizeof *others);
    if (!others) return tgi_out_of_memory(s->tape, s->what);
    tgi_copy_array(with, to->rank, to->dims, others);
    for (int64_t i = 0; i < to->size; i++)
        sets[i] = tgi_unite(s->sets, sets[i], others[i]);
    tgi_pool_give(&s->tape->pool, others);
    return s->tape->status;
}

static tg_array *new_empty_sets(search *s, const tgi_node *node) {
    tg_array *array = tgi_new_sets(s, node->rank, node->dims);
    if (array) memset(array->data, 0, (size_t)array->size * sizeof(uint32_t));
    return array;
}

/* Adds all elements of an array to the union that is being made. */
static void add_to_union(search *s, const tg_array *array) {
    if (!array) return;
    tgi_walk  walk = tgi_walk_of(sizeof(uint32_t), array->rank, array->dims, array->strides);
    tgi_steps steps = tgi_steps_of(&walk);
    int64_t   count = is_same_everywhere(array) ? 1 : array->size;
    for (int64_t i = 0; i < count; i++)
        tgi_add_to_union(s->sets, ((const uint32_t *)array->data)[tgi_next(&steps)]);
}

/* ---- where nothing is known ---------------------------------------------------------------------------------------- */

static const tg_array *depend_on_everything(search *s, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count; j++)
        add_to_union(s, sets_of(s, node, j));
    return tgi_same_set(s, node, tgi_end_union(s->sets));
}

/* ---- elementwise ---------------------------------------------------------------------------------------------------- */

static bool is_elementwise(const search *s, const tgi_node *node) {
    return node->count && tgi_loop_of(node->op, (tg_dtype)tgi_node_at(s->tape, node->in[node->count - 1])->dtype);
}

static const tg_array *unite_elements(search *s, const tgi_node *node) {
    bool same = true;
    for (uint32_t j = 0; j < node->count; j++)
        same &= !sets_of(s, node, j) || is_same_everywhere(sets_of(s, node, j));
    if (same) return depend_on_everything(s, node);
    tg_array *sets = new_empty_sets(s, node);
    for (uint32_t j = 0; j < node->count && sets && !s->tape->status; j++)
        if (sets_of(s, node, j)) unite_with(s, sets, sets_of(s, node, j));
    return sets;
}

/* ---- views ---------------------------------------------------------------------------------------------------------- */

/* What an op shows of an array. */
static const tg_array *shown(search *s, const tgi_node *node, const tg_array *in) {
    tg_array        out, *sets;
    tgi_view_answer answer = tgi_call_view(node, in, &out);
    if (answer == TGI_VIEW_WRONG) {
        tgi_fail(s->tape, TG_ERR_SHAPE, node->op->name, "the op's view rule shows what is not its operand's");
        return NULL;
    }
    sets = answer == TGI_VIEW_COPIES ? tgi_new_sets(s, node->rank, node->dims) : new_array(s, node->rank, node->dims, 0);
    if (!sets) return NULL;
    if (answer == TGI_VIEW_SHOWS)
        *sets = out;
    else
        tgi_copy_array(in, in->rank, in->dims, sets->data);
    return sets;
}

static const tg_array *show_sets(search *s, const tgi_node *node) {
    const tg_array *in = sets_of(s, node, 0);
    if (!in) return NULL;
    return is_same_everywhere(in) ? tgi_same_set(s, node, *(uint32_t *)in->data) : shown(s, node, in);
}

/* ---- ops that move elements ------------------------------------------------------------------------------------------ */

static bool takes_part(const tgi_node *node) {
    return node->count && tgi_rule_of(node, 0) == tg_part_rule;
}

bool tgi_is_chosen(const tgi_node *node) {
    if (node->op->view) return false;
    return takes_part(node) || node->op->linearity == TG_MOVES || node->op == &tgi_add_parts_op ||
           node->op == &tgi_scatter_add_op || node->op == &tgi_at_index_op;
}

bool tgi_is_moving(const tgi_node *node) {
    if (node->op->view) return node->count == 1;
    return takes_part(node) || node->op->linearity == TG_MOVES;
}

/* Whether it is known which elements are chosen: not by an operand that an input changes, nor by one that is floating. */
static bool is_known_choice(const search *s, const tgi_node *node) {
    uint32_t floating = 0, moved = 0;
    for (uint32_t j = 0; j < node->count; j++) {
        bool is_floating = tgi_floating((tg_dtype)tgi_node_at(s->tape, node->in[j])->dtype);
        if (!is_floating && tgi_is_marked(&s->varying, node->in[j])) return false;
        floating += is_floating;
        moved += tgi_flows_to(s->tape, node, j);
    }
    return floating == (node->op == &tgi_add_parts_op ? (uint32_t)tgi_count_of_parts(node) : moved);
}

/* Sets that are all empty, as an array. */
static tg_array empty_sets(const tgi_node *node) {
    static uint32_t none;
    tg_array        array = {.data = &none, .dtype = TG_F32, .rank = node->rank, .size = tgi_node_size(node)};
    tgi_copy_sizes(node->rank, node->dims, array.dims);
    return array;
}

static void run_on(search *s, const tgi_node *node, const tg_array *in, const tg_array *out) {
    tgi_callback outer = tgi_enter_run(s->tape);
    tgi_call_kernel_on(s->tape, node, in, out);
    tgi_leave(s->tape, outer);
}

/* The kernel's own result. */
static const tg_array *move_sets(search *s, const tgi_node *node) {
    tg_array *in = tgi_pool_take(&s->tape->pool, node->count * sizeof *in), *out = tgi_new_sets(s, node->rank, node->dims);
    if (!in) tgi_out_of_memory(s->tape, s->what);
    for (uint32_t j = 0; j < node->count && in; j++) {
        const tgi_node *operand = tgi_node_at(s->tape, node->in[j]);
        const tg_array *known = s->known[node->in[j]];
        in[j] = known ? *known : empty_sets(operand);
    }
    if (in && out) run_on(s, node, in, out);
    tgi_pool_give(&s->tape->pool, in);
    return out;
}

/* ---- what is added to places ------------------------------------------------------------------------------------------ */

/* Where in a value the elements are that an op takes of it: the op is run on their numbers. in[0] is what it is taken of. */
static const tg_array *places_of(search *s, const tgi_node *part, tg_array *in) {
    uint32_t *number = tgi_pool_take(&s->tape->pool, (size_t)in[0].size * sizeof *number);
    tg_array *places = NULL;
    if (!number) {
        tgi_out_of_memory(s->tape, s->what);
        return NULL;
    }
    for (int64_t i = 0; i < in[0].size; i++)
        number[i] = (uint32_t)i;
    in[0].data = number;
    tgi_row_major(in[0].rank, in[0].dims, in[0].strides);
    places = tgi_new_sets(s, part->rank, part->dims);
    if (places && part->op->kernel)
        run_on(s, part, in, places);
    else if (places) {
        const tg_array *view = shown(s, part, in);
        if (view) tgi_copy_array(view, view->rank, view->dims, places->data);
    }
    tgi_pool_give(&s->tape->pool, number);
    return s->tape->status ? NULL : places;
}

/* Unites the sets at these places with others, which broadcast to their shape. */
static tg_status unite_at(search *s, const tg_array *to, const tg_array *places, const tg_array *with) {
    uint32_t *sets = to->data, *others = tgi_pool_take(&s->tape->pool, (size_t)places->size * sizeof *others);
    if (!others) return tgi_out_of_memory(s->tape, s->what);
    tgi_copy_array(with, places->rank, places->dims, others);
    for (int64_t i = 0; i < places->size; i++) {
        uint32_t *at = &sets[((const uint32_t *)places->data)[i]];
        *at = tgi_unite(s->sets, *at, others[i]);
    }
    tgi_pool_give(&s->tape->pool, others);
    return s->tape->status;
}

static tg_status add_part(search *s, const tgi_node *node, tgi_added_part part, const tg_array *to) {
    enum { MOST = TG_MAX_LOOP_OPERANDS };
    const tgi_node *gradient = tgi_node_at(s->tape, node->in[part.first]);
    const tg_array *sets = s->known[node->in[part.first]], *places;
    tg_array        few[MOST], *in = few;
    if (!sets) return TG_OK;
    if (part.operands > MOST) in = tgi_pool_take(&s->tape->pool, (size_t)part.operands * sizeof *in);
    if (!in) return tgi_out_of_memory(s->tape, s->what);
    in[0] = *to;
    for (int k = 1; k < part.operands; k++)
        in[k] = *s->known[node->in[part.first + k]];
    tgi_node taken = *gradient;
    taken.op = part.op;
    taken.attr = part.attr;
    taken.count = (uint32_t)part.operands;
    if ((places = places_of(s, &taken, in))) unite_at(s, to, places, sets);
    if (in != few) tgi_pool_give(&s->tape->pool, in);
    return s->tape->status;
}

static const tg_array *add_parts(search *s, const tgi_node *node) {
    tg_array *sets = new_empty_sets(s, node);
    for (int i = 0; sets && i < tgi_count_of_parts(node) && !s->tape->status; i++)
        add_part(s, node, tgi_added_part_of(node, i), sets);
    return sets;
}

/* The first operand, with the third one added to what gather would take. */
static const tg_array *scatter_add(search *s, const tgi_node *node) {
    const tgi_node *index = tgi_node_at(s->tape, node->in[1]);
    const tg_array *source = sets_of(s, node, 2), *places;
    tg_array       *sets = new_empty_sets(s, node);
    if (sets && sets_of(s, node, 0)) unite_with(s, sets, sets_of(s, node, 0));
    if (!sets || !source || s->tape->status) return sets;
    tg_array in[2] = {*sets, *s->known[node->in[1]]};
    tgi_node taken = *index;
    taken.op = &tgi_gather_op;
    taken.attr = node->attr;
    taken.count = 2;
    if ((places = places_of(s, &taken, in))) unite_at(s, sets, places, source);
    return sets;
}

/* ---- one element of each row ------------------------------------------------------------------------------------------ */

/* The third operand where the number of the element is the index, else nothing. */
static const tg_array *choose_by_index(search *s, const tgi_node *node) {
    const tg_array *x = sets_of(s, node, 2);
    tg_array       *sets = x ? tgi_new_sets(s, node->rank, node->dims) : NULL;
    if (!sets) return NULL;
    size_t   size = (size_t)sets->size;
    int64_t *index = tgi_pool_take(&s->tape->pool, 2 * size * sizeof *index);
    if (!index) {
        tgi_out_of_memory(s->tape, s->what);
        return NULL;
    }
    tgi_copy_array(s->known[node->in[0]], node->rank, node->dims, index);
    tgi_copy_array(s->known[node->in[1]], node->rank, node->dims, index + size);
    tgi_copy_array(x, node->rank, node->dims, sets->data);
    for (size_t i = 0; i < size; i++)
        if (index[i] != index[size + i]) ((uint32_t *)sets->data)[i] = 0;
    tgi_pool_give(&s->tape->pool, index);
    return sets;
}

/* ---- reductions -------------------------------------------------------------------------------------------------------- */

/* Along axes. */
static const tg_array *reduce(search *s, const tgi_node *node, const tgi_axes_attr *attr) {
    const tg_array *x = sets_of(s, node, 0);
    if (!x || is_same_everywhere(x)) return depend_on_everything(s, node);
    tg_array *sets = tgi_new_sets(s, node->rank, node->dims);
    if (!sets) return NULL;
    tgi_walk kept = {.element = sizeof(uint32_t)};
    tg_array reduced = {.dtype = TG_F32, .size = 1};
    for (int i = 0; i < x->rank; i++) {
        bool gone = tgi_has_axis(attr, i);
        int  at = gone ? reduced.rank++ : kept.rank++;
        (gone ? reduced.dims : kept.dims)[at] = x->dims[i];
        (gone ? reduced.strides : kept.strides)[at] = x->strides[i];
        if (gone) reduced.size *= x->dims[i];
    }
    tgi_steps steps = tgi_steps_of(&kept);
    for (int64_t i = 0; i < sets->size; i++) {
        reduced.data = (uint32_t *)x->data + tgi_next(&steps);
        add_to_union(s, &reduced);
        ((uint32_t *)sets->data)[i] = tgi_end_union(s->sets);
    }
    return sets;
}

/* ---- kernels that go through rows ---------------------------------------------------------------------------------------- */

/* The first `lead` axes of an array as one, which is gone through: element i of the result is the union of all else at i. */
static uint32_t *unite_rows(search *s, const tg_array *x, int lead, int64_t rows) {
    uint32_t *united = tgi_pool_take(&s->tape->pool, (size_t)rows * sizeof *united);
    if (!united) {
        tgi_out_of_memory(s->tape, s->what);
        return NULL;
    }
    tgi_walk walk = {.element = sizeof(uint32_t), .rank = lead};
    tgi_copy_sizes(lead, x->dims, walk.dims);
    tgi_copy_sizes(lead, x->strides, walk.strides);
    tgi_steps steps = tgi_steps_of(&walk);
    tg_array  row = {.dtype = TG_F32, .rank = x->rank - lead, .size = tgi_size(x->rank - lead, x->dims + lead)};
    tgi_copy_sizes(row.rank, x->dims + lead, row.dims);
    tgi_copy_sizes(row.rank, x->strides + lead, row.strides);
    for (int64_t i = 0; i < rows; i++) {
        row.data = (uint32_t *)x->data + tgi_next(&steps);
        add_to_union(s, &row);
        united[i] = tgi_end_union(s->sets);
    }
    return united;
}

/* How many leading axes of its first operand and of its result the kernel goes through one by one. */
static int leading_axes(const search *s, const tgi_node *node) {
    tg_type types[TG_MAX_LOOP_OPERANDS], out = tgi_node_type(node);
    if (!node->op->lead || node->count > TG_MAX_LOOP_OPERANDS) return TGI_NO_AXES;
    for (uint32_t j = 0; j < node->count; j++)
        types[j] = tgi_node_type(tgi_node_at(s->tape, node->in[j]));
    return tgi_lead_of(node->op, (int)node->count, types, &out, node->attr);
}

/* A row of the result depends on that row of the first operand, and on all of the others. */
static const tg_array *unite_by_rows(search *s, const tgi_node *node, int lead) {
    const tg_array *x = sets_of(s, node, 0);
    for (uint32_t j = 1; j < node->count; j++)
        add_to_union(s, sets_of(s, node, j));
    uint32_t others = tgi_end_union(s->sets);
    if (!x) return tgi_same_set(s, node, others);
    int64_t   rows = tgi_size(lead, node->dims), width = tgi_size(node->rank - lead, node->dims + lead);
    uint32_t *united = unite_rows(s, x, lead, rows);
    tg_array *sets = tgi_new_sets(s, node->rank, node->dims);
    for (int64_t i = 0; united && sets && i < rows; i++) {
        uint32_t set = tgi_unite(s->sets, united[i], others);
        for (int64_t k = 0; k < width; k++)
            ((uint32_t *)sets->data)[i * width + k] = set;
    }
    tgi_pool_give(&s->tape->pool, united);
    return sets;
}

/* ---- products of matrices ---------------------------------------------------------------------------------------------- */

/* A stack of matrices, whose last axis but one is gone through; of b it is the columns. Rank 1 is a single row, or column. */
static tg_array as_lines(const tg_array *x, bool columns, const tgi_node *result, int stack) {
    tg_array lines = {.data = x->data, .dtype = TG_F32, .rank = stack + 2};
    int      rank = x->rank, line = columns ? rank - 1 : rank - 2, along = columns ? rank - 2 : rank - 1;
    if (rank > 1) tgi_stretch(rank - 2, x->dims, x->strides, stack, result->dims, lines.strides);
    tgi_copy_sizes(stack, result->dims, lines.dims);
    lines.dims[stack] = rank > 1 ? x->dims[line] : 1;
    lines.strides[stack] = rank > 1 ? x->strides[line] : 0;
    lines.dims[stack + 1] = x->dims[rank > 1 ? along : 0];
    lines.strides[stack + 1] = x->strides[rank > 1 ? along : 0];
    lines.size = tgi_size(lines.rank, lines.dims);
    return lines;
}

/* An element depends on a row of the one and on a column of the other. */
static const tg_array *multiply(search *s, const tgi_node *node) {
    tg_array  a = empty_sets(tgi_node_at(s->tape, node->in[0])), b = empty_sets(tgi_node_at(s->tape, node->in[1]));
    int       stack = node->rank - (a.rank > 1) - (b.rank > 1);
    tg_array *sets = tgi_new_sets(s, node->rank, node->dims);
    a = as_lines(sets_of(s, node, 0) ? sets_of(s, node, 0) : &a, false, node, stack);
    b = as_lines(sets_of(s, node, 1) ? sets_of(s, node, 1) : &b, true, node, stack);
    int64_t   m = a.dims[stack], n = b.dims[stack], matrices = tgi_size(stack, node->dims);
    uint32_t *row = unite_rows(s, &a, stack + 1, matrices * m), *column = unite_rows(s, &b, stack + 1, matrices * n);
    for (int64_t i = 0; sets && row && column && i < matrices * m; i++)
        for (int64_t j = 0; j < n; j++)
            ((uint32_t *)sets->data)[i * n + j] = tgi_unite(s->sets, row[i], column[i / m * n + j]);
    tgi_pool_give(&s->tape->pool, row);
    tgi_pool_give(&s->tape->pool, column);
    return sets;
}

/* ---- all of them --------------------------------------------------------------------------------------------------------- */

const tg_array *tgi_sets_of_result(search *s, const tgi_node *node) {
    if (!tgi_floating((tg_dtype)node->dtype)) return NULL;
    if (node->op == &tgi_at_index_op && is_known_choice(s, node)) return choose_by_index(s, node);
    if (is_elementwise(s, node)) return unite_elements(s, node);
    if (node->op->view && node->count == 1) return show_sets(s, node);
    if (tgi_is_chosen(node)) {
        if (!is_known_choice(s, node)) return depend_on_everything(s, node);
        if (node->op == &tgi_add_parts_op) return add_parts(s, node);
        return node->op == &tgi_scatter_add_op ? scatter_add(s, node) : move_sets(s, node);
    }
    if (node->op == &tgi_matmul_op) return multiply(s, node);
    if (node->op->lead == tgi_leading_axes) return reduce(s, node, node->attr);
    int lead = leading_axes(s, node);
    return lead >= 0 ? unite_by_rows(s, node, lead) : depend_on_everything(s, node);
}
