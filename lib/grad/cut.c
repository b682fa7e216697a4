/* grad/cut.c: where moving ends.
 *
 * Of the instructions between inputs and outputs the first ones often do nothing but move elements: they take parts, choose by an
 * index, join. The values that all else is computed from are the cut. An element of the cut is an element of an input, or depends on none. The
 * derivatives for the cut say as much as those for the inputs; and rows that meet in an element of an input often do not meet in
 * the cut, where that has several copies of it: of y[i] = f(x[i], x[i + 1]) all rows can be computed together.
 *
 * No value of the cut is computed from another: else a derivative for the one would have in it that for the other.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/grad.h"
#include "grad/sparsity.h"

/* Where it has not ended after so many passes along the tape, there is none. */
enum { MOST_PASSES = 16 };

typedef struct search {
    tg_tape  *tape;
    uint32_t  first, end;
    tgi_marks wanted;  /* lies on a way from an input to an output */
    tgi_marks varying; /* computed from an input, an index too */
    tgi_marks moved;   /* an input, or made of moved elements alone */
    tgi_marks cut;     /* where it is moved it is an output, or read by what is not moved */
} search;

static void mark_varying(search *s) {
    for (uint32_t i = s->first; i < s->end; i++) {
        const tgi_node *node = tgi_node_at(s->tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (tgi_is_marked(&s->varying, node->in[j])) tgi_mark(&s->varying, i);
    }
}

static tg_status begin(search *s, tg_tape *tape, const char *what, int n, const tg_tensor *inputs, int m,
                       const tg_tensor *outputs) {
    *s = (search){.tape = tape, .first = tgi_first_of(n, inputs), .end = tgi_end_of(m, outputs)};
    if (s->first > s->end) s->first = s->end;
    size_t    words = tgi_words_of_marks(s->first, s->end);
    uint64_t *marks = tgi_pool_take(&tape->pool, 4 * words * sizeof *marks);
    if (!marks) return tgi_out_of_memory(tape, what);
    memset(marks, 0, 4 * words * sizeof *marks);
    s->wanted = (tgi_marks){marks, s->first, s->end};
    s->moved = (tgi_marks){marks + words, s->first, s->end};
    s->cut = (tgi_marks){marks + 2 * words, s->first, s->end};
    s->varying = (tgi_marks){marks + 3 * words, s->first, s->end};
    for (int k = 0; k < n; k++) {
        tgi_mark(&s->wanted, tgi_index(inputs[k]));
        tgi_mark(&s->varying, tgi_index(inputs[k]));
    }
    mark_varying(s);
    tgi_mark_ways(tape, m, outputs, &s->cut, &s->wanted); /* nothing is cut yet */
    for (int i = 0; i < m; i++)
        tgi_mark(&s->cut, tgi_index(outputs[i]));
    return TG_OK;
}

/* Whether all that flows into it is moved, and not cut; and where it goes does not depend on an input. */
static bool moves_on(const search *s, const tgi_node *node) {
    if (!tgi_is_moving(node)) return false;
    for (uint32_t j = 0; j < node->count; j++) {
        uint32_t operand = node->in[j];
        if (!tgi_flows_to(s->tape, node, j)) {
            if (tgi_is_marked(&s->varying, operand)) return false;
            continue;
        }
        if (!tgi_is_marked(&s->wanted, operand)) continue;
        if (!tgi_is_marked(&s->moved, operand) || tgi_is_marked(&s->cut, operand)) return false;
    }
    return true;
}

/* One pass along the tape. What is cut stays so: true when there was more to cut, for which what is moved has to be looked at again. */
static bool cut_more(search *s, int n, const tg_tensor *inputs) {
    bool more = false;
    memset(s->moved.word, 0, tgi_words_of_marks(s->first, s->end) * sizeof *s->moved.word);
    for (int k = 0; k < n; k++)
        tgi_mark(&s->moved, tgi_index(inputs[k]));
    for (uint32_t i = s->first; (i = tgi_marked_from(&s->wanted, i)) != TGI_NONE; i++) {
        const tgi_node *node = tgi_node_at(s->tape, i);
        bool            moves = moves_on(s, node);
        if (moves) tgi_mark(&s->moved, i);
        for (uint32_t j = 0; j < node->count && !moves; j++) {
            uint32_t operand = node->in[j];
            if (!tgi_flows_to(s->tape, node, j) || !tgi_is_marked(&s->moved, operand) || tgi_is_marked(&s->cut, operand))
                continue;
            tgi_mark(&s->cut, operand);
            more = true;
        }
    }
    return more;
}

/* What was cut first may have come to lie behind what was cut later, and is not moved any more. */
static tg_status list_cut(search *s, const char *what, tgi_cut *c) {
    for (size_t w = 0; w < tgi_words_of_marks(s->first, s->end); w++)
        s->cut.word[w] &= s->moved.word[w];
    for (uint32_t i = s->first; (i = tgi_marked_from(&s->cut, i)) != TGI_NONE; i++)
        c->count++;
    c->value = tgi_pool_take(&s->tape->pool, (size_t)c->count * sizeof *c->value);
    if (!c->value) return tgi_out_of_memory(s->tape, what);
    c->count = 0;
    for (uint32_t i = s->first; (i = tgi_marked_from(&s->cut, i)) != TGI_NONE; i++) {
        c->value[c->count++] = tgi_tensor(s->tape, i);
        c->size += tgi_node_size(tgi_node_at(s->tape, i));
    }
    return TG_OK;
}

/* An input that is computed from another one is no beginning. */
static bool is_simple(const search *s, int n, const tg_tensor *inputs) {
    for (int k = 0; k < n; k++) {
        const tgi_node *node = tgi_node_at(s->tape, tgi_index(inputs[k]));
        for (uint32_t j = 0; j < node->count; j++)
            if (tgi_is_marked(&s->wanted, node->in[j])) return false;
        for (int l = 0; l < k; l++)
            if (tgi_index(inputs[l]) == tgi_index(inputs[k])) return false;
    }
    return true;
}

tg_status tgi_find_cut(tgi_cut *c, tg_tape *tape, const char *what, int n, const tg_tensor *inputs, int m,
                       const tg_tensor *outputs) {
    search s;
    *c = (tgi_cut){.tape = tape};
    if (begin(&s, tape, what, n, inputs, m, outputs)) return tape->status;
    int passes = is_simple(&s, n, inputs) ? MOST_PASSES : 0;
    while (passes > 0 && cut_more(&s, n, inputs))
        passes--;
    if (passes > 0) list_cut(&s, what, c);
    tgi_pool_give(&tape->pool, s.wanted.word);
    return tape->status;
}

void tgi_free_cut(tgi_cut *c) {
    if (c->tape) tgi_pool_give(&c->tape->pool, c->value);
    *c = (tgi_cut){0};
}
