/* grad/dependence.c: which element depends on which, found in one walk along the tape.
 *
 * Each instruction on a way from the inputs to the outputs gets, for each element of its result, the set of the elements of the inputs
 * that it depends on, by what its op says (dependence_rules.c). The sets are never too small: a derivative outside of them is 0 whatever
 * the values of the inputs are. Indices that choose elements are values, which have to be there: copies of them are recorded first, run,
 * and forgotten again.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "core/tape_part.h"
#include "grad/grad.h"
#include "grad/sparsity.h"
#include "kernels/strided.h"
#include "run/run.h"

typedef tgi_dependence_search search;

/* ---- what is looked at --------------------------------------------------------------------------------------------- */

static tg_status begin(search *s, const tgi_dependence_of *of) {
    uint32_t first = tgi_first_of(of->n, of->inputs), first_root = tgi_first_of(of->roots, of->root);
    s->arena.memory = &s->tape->memory;
    s->first = first < first_root ? first : first_root;
    s->end = tgi_end_of(of->m, of->outputs);
    if (s->first > s->end) s->first = s->end;
    size_t    words = tgi_words_of_marks(s->first, s->end);
    uint64_t *marks = tgi_arena_take(&s->arena, 3 * words * sizeof *marks);
    s->known = tgi_arena_take(&s->arena, s->end * sizeof *s->known);
    if (!marks || !s->known) return tgi_out_of_memory(s->tape, s->what);
    memset(marks, 0, 3 * words * sizeof *marks);
    memset(s->known, 0, s->end * sizeof *s->known);
    s->wanted = (tgi_marks){marks, s->first, s->end};
    s->varying = (tgi_marks){marks + words, s->first, s->end};
    tgi_marks reached = {marks + 2 * words, s->first, s->end};
    for (int k = 0; k < of->n; k++)
        tgi_mark(&s->wanted, tgi_index(of->inputs[k]));
    for (int k = 0; k < of->roots; k++)
        tgi_mark(&s->varying, tgi_index(of->root[k]));
    tgi_mark_ways(s->tape, of->m, of->outputs, &reached, &s->wanted);
    return TG_OK;
}

static void mark_varying(search *s) {
    for (uint32_t i = s->first; i < s->end; i++) {
        const tgi_node *node = tgi_node_at(s->tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (tgi_is_marked(&s->varying, node->in[j])) tgi_mark(&s->varying, i);
    }
}

/* ---- the values of indices ------------------------------------------------------------------------------------------ */

static tg_status know_value(search *s, uint32_t index, const void *data) {
    const tgi_node *node = tgi_node_at(s->tape, index);
    tg_array       *value = tgi_arena_take(&s->arena, sizeof *value);
    if (!value) return tgi_out_of_memory(s->tape, s->what);
    *value = (tg_array){.data = (void *)data, .dtype = (tg_dtype)node->dtype, .rank = node->rank, .size = tgi_node_size(node)};
    tgi_copy_sizes(node->rank, node->dims, value->dims);
    tgi_row_major(node->rank, node->dims, value->strides);
    s->known[index] = value;
    return TG_OK;
}

/* An instruction that copies the value. */
static tg_status record_copy(search *s, uint32_t index) {
    tg_tape  *tape = s->tape;
    tg_tensor x = tgi_tensor(tape, index);
    if (tape->part)
        return tgi_fail(tape, TG_ERR_ARGUMENT, s->what,
                        "which elements it depends on says an index that is computed: in a part, which has not run, it can "
                        "only "
                        "be a constant");
    x = tg_concat(tg_list_from(1, (tg_tensor[]){tg_reshape(x, TG_SHAPE(tg_size(x)))}), 0);
    if (tape->status) return tape->status;
    tgi_keep_node(tape, tgi_index(x));
    tgi_index_copy *copy = tgi_arena_take(&s->arena, sizeof *copy);
    if (!copy) return tgi_out_of_memory(tape, s->what);
    *copy = (tgi_index_copy){.previous = s->copies, .of = index, .copy = tgi_index(x)};
    s->copies = copy;
    return know_value(s, index, NULL);
}

/* Constants are there; what depends on an input is not looked at. */
static tg_status ask_for_value(search *s, uint32_t index) {
    const tgi_node *node = tgi_node_at(s->tape, index);
    if (s->known[index] || tgi_floating((tg_dtype)node->dtype) || tgi_is_marked(&s->varying, index)) return TG_OK;
    bool is_there = node->op == &tgi_constant && tgi_is_resident(node);
    return is_there ? know_value(s, index, node->data) : record_copy(s, index);
}

/* So that a later run can tell whether it is still the same. */
static tg_status note_value(const search *s, uint32_t index, const void *data, tgi_index_value **seen) {
    size_t bytes = tgi_node_bytes(tgi_node_at(s->tape, index));
    for (const tgi_index_value *v = *seen; v; v = v->previous)
        if (v->index == index) return TG_OK;
    tgi_index_value *value = tgi_pool_take(&s->tape->pool, sizeof *value + bytes);
    if (!value) return tgi_out_of_memory(s->tape, s->what);
    *value = (tgi_index_value){.previous = *seen, .index = index};
    if (bytes) memcpy(value->data, data, bytes);
    *seen = value;
    return TG_OK;
}

static tg_status know_indices(search *s, tgi_index_value **seen) {
    for (uint32_t i = s->first; (i = tgi_marked_from(&s->wanted, i)) != TGI_NONE; i++) {
        const tgi_node *node = tgi_node_at(s->tape, i);
        for (uint32_t j = 0; j < node->count && tgi_is_chosen(node); j++)
            if (ask_for_value(s, node->in[j])) return s->tape->status;
    }
    if (s->copies && tgi_run_for(s->tape, s->copies->copy, s->what)) return s->tape->status;
    for (const tgi_index_copy *c = s->copies; c && !s->tape->status; c = c->previous) {
        void *data = tgi_node_at(s->tape, c->copy)->data;
        ((tg_array *)s->known[c->of])->data = data;
        note_value(s, c->of, data, seen);
    }
    return s->tape->status;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------- */

/* An input's elements depend on themselves, beside what they are computed from. Their columns begin behind `before` others. */
static tg_status depend_on_itself(search *s, uint32_t index, uint32_t before) {
    const tgi_node *node = tgi_node_at(s->tape, index);
    if (index >= s->end) return TG_OK;
    tg_array *sets = tgi_new_sets(s, node->rank, node->dims);
    if (!sets) return s->tape->status;
    uint32_t *set = sets->data;
    for (int64_t i = 0; i < sets->size; i++)
        set[i] = 1 + before + (uint32_t)i;
    if (s->known[index]) {
        uint32_t *others = tgi_pool_take(&s->tape->pool, (size_t)sets->size * sizeof *others);
        if (!others) return tgi_out_of_memory(s->tape, s->what);
        tgi_copy_array(s->known[index], node->rank, node->dims, others);
        for (int64_t i = 0; i < sets->size; i++)
            set[i] = tgi_unite(s->sets, set[i], others[i]);
        tgi_pool_give(&s->tape->pool, others);
    }
    s->known[index] = sets;
    return s->tape->status;
}

static tg_status walk(search *s, int n, const tg_tensor *inputs) {
    for (uint32_t i = s->first; (i = tgi_marked_from(&s->wanted, i)) != TGI_NONE; i++) {
        uint32_t before = 0;
        s->known[i] = tgi_sets_of_result(s, tgi_node_at(s->tape, i));
        for (int k = 0; k < n && !s->tape->status; k++) {
            if (tgi_index(inputs[k]) == i) depend_on_itself(s, i, before);
            before += (uint32_t)tg_size(inputs[k]);
        }
        if (s->tape->status) return s->tape->status;
    }
    return TG_OK;
}

static tg_status take_outputs(const search *s, int m, const tg_tensor *outputs, tgi_dependence *d) {
    for (int i = 0; i < m; i++)
        d->count += tg_size(outputs[i]);
    d->set = tgi_pool_take(&s->tape->pool, (size_t)d->count * sizeof *d->set);
    if (!d->set) return tgi_out_of_memory(s->tape, s->what);
    memset(d->set, 0, (size_t)d->count * sizeof *d->set);
    uint32_t *to = d->set;
    for (int i = 0; i < m; i++) {
        const tg_array *sets = s->known[tgi_index(outputs[i])];
        if (sets) tgi_copy_array(sets, sets->rank, sets->dims, to);
        to += tg_size(outputs[i]);
    }
    return TG_OK;
}

static tg_status search_for(search *s, const tgi_dependence_of *of, tgi_dependence *d) {
    if (begin(s, of)) return s->tape->status;
    mark_varying(s);
    if (know_indices(s, of->seen) || walk(s, of->n, of->inputs)) return s->tape->status;
    return take_outputs(s, of->m, of->outputs, d);
}

tg_status tgi_find_dependence(tgi_dependence *d, tg_tape *tape, const tgi_dependence_of *of) {
    int64_t  columns = 0;
    uint32_t start = tape->count;
    search   s = {.tape = tape, .what = of->what, .sets = &d->sets};
    *d = (tgi_dependence){0};
    for (int k = 0; k < of->n; k++)
        columns += tg_size(of->inputs[k]);
    if (columns >= TGI_MOST_SETS)
        return tgi_fail(tape, TG_ERR_SHAPE, of->what, "%lld columns are too many", (long long)columns);
    if (!tgi_make_sets(&d->sets, tape, (uint32_t)columns)) search_for(&s, of, d);
    tgi_arena_free(&s.arena);
    if (tape->count > start) tgi_truncate(tape, start);
    return tape->status;
}

void tgi_free_dependence(tgi_dependence *d) {
    if (!d->sets.tape) return;
    tgi_pool_give(&d->sets.tape->pool, d->set);
    tgi_free_sets(&d->sets);
    *d = (tgi_dependence){0};
}
