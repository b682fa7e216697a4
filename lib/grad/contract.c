/* grad/contract.c: products with one factor that depends on the step of a vectorized loop, in the order that is cheapest for all steps.
 *
 * sum(A B * W) with a matrix A for each of many steps, and B and W that are the same in all of them, is linear in A. As it stands, the
 * product A B is there for each step, perhaps many times as large as A and as the sum. But B * W, with an axis for each of theirs, is there
 * once, and then all is one product of matrices, of all A and of that. Tangents of many seeds, which go through sums of what has been
 * computed without them, are such steps.
 *
 * So products, elementwise or of matrices, and sums of them are taken apart as far as nothing else reads what is inside. Factors that make
 * the one which depends on the step no larger are multiplied to it first; then what all the others come to. It is done where that takes no
 * more multiplications, and what the others come to is not large beside what need not be computed.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/contract.h"

#include <stdio.h>
#include <string.h>

#include "ops/reduce.h"

/* What is the same in all steps is computed for so many of them at least, or for all. */
enum { FEWEST_STEPS = 4, MOST_LABELS = TG_MAX_RANK - 1 };

typedef struct search {
    const tgi_varying_body *body;
    tgi_contraction        *c;
    tgi_factor              open[TGI_MOST_FACTORS]; /* what has not been looked into */
    int                     open_count, products;
    int                     labels;            /* letters so far */
    double                  size[MOST_LABELS]; /* of the axes with these letters */
    double                  cost, largest;     /* of what is taken apart: multiplications, and elements inside */
} search;

static const tgi_node *node_of(const search *s, uint32_t index) {
    return tgi_node_at(s->body->tape, index);
}

static bool varies(const search *s, uint32_t index) {
    return index >= s->body->start && s->body->varies[index - s->body->start];
}

static bool has(const char *labels, char label) {
    return strchr(labels, label) != NULL;
}

/* ---- taking it apart --------------------------------------------------------------------------------------------- */

static bool add(tgi_factor *list, int *count, const tgi_factor *f) {
    if (*count == TGI_MOST_FACTORS) return false;
    list[(*count)++] = *f;
    return true;
}

/* A factor that depends on the step is the only one, and stands first. */
static bool add_factor(search *s, const tgi_factor *f) {
    tgi_contraction *c = s->c;
    const tgi_node  *node = node_of(s, f->index);
    for (int i = 0; i < node->rank; i++)
        if (node->dims[i] != 1) s->size[f->label[i] - 'a'] = (double)node->dims[i];
    if (!varies(s, f->index)) return add(c->factor, &c->count, f);
    if (c->factor[0].index != TGI_NONE) return false;
    c->factor[0] = *f;
    return true;
}

/* A letter that no axis has yet; 0 where there are none left. */
static char new_label(search *s) {
    if (s->labels == MOST_LABELS) return 0;
    s->size[s->labels] = 1;
    return (char)('a' + s->labels++);
}

/* An operand, whose last axes have these letters. */
static bool open_operand(search *s, uint32_t index, const char *labels) {
    tgi_factor f = {.index = index};
    size_t     rank = node_of(s, index)->rank, length = strlen(labels);
    if (rank > length) return false;
    memcpy(f.label, labels + length - rank, rank);
    return add(s->open, &s->open_count, &f);
}

static bool open_mul(search *s, const tgi_node *node, const tgi_factor *f) {
    s->cost += (double)tgi_node_size(node);
    return open_operand(s, node->in[0], f->label) && open_operand(s, node->in[1], f->label);
}

/* (..., i, k) x (..., k, j): k is one letter more, which is summed over. */
static bool open_matmul(search *s, const tgi_node *node, const tgi_factor *f) {
    const tgi_node *a = node_of(s, node->in[0]);
    int             stack = (int)node->rank - 2;
    tgi_factor      left = *f, right = *f;
    left.label[stack + 1] = right.label[stack] = new_label(s);
    s->products++;
    s->cost += (double)tgi_node_size(node) * (double)a->dims[a->rank - 1];
    return left.label[stack + 1] && open_operand(s, node->in[0], left.label) && open_operand(s, node->in[1], right.label);
}

static bool open_sum(search *s, const tgi_node *node, const tgi_factor *f) {
    const tgi_axes_attr *attr = (const tgi_axes_attr *)node->attr;
    const tgi_node      *x = node_of(s, node->in[0]);
    tgi_factor           whole = {.index = node->in[0]};
    for (int i = 0, k = 0; i < x->rank; i++) {
        bool summed = tgi_has_axis(attr, i);
        whole.label[i] = summed ? new_label(s) : f->label[k];
        if (!whole.label[i]) return false;
        k += !summed || attr->keepdim;
    }
    s->cost += (double)tgi_node_size(x);
    return add(s->open, &s->open_count, &whole);
}

static bool is_matrix_product(const search *s, const tgi_node *node) {
    return node->op == &tgi_matmul_op && node_of(s, node->in[0])->rank > 1 && node_of(s, node->in[1])->rank > 1;
}

static bool open_product(search *s, const tgi_factor *f) {
    const tgi_node *node = node_of(s, f->index);
    if (node->op == &tgi_sum_op) return open_sum(s, node, f);
    return tgi_is_mul(node->op) ? open_mul(s, node, f) : open_matmul(s, node, f);
}

/* What nothing else reads is looked into. */
static bool open_next(search *s) {
    tgi_factor       f = s->open[--s->open_count];
    tgi_contraction *c = s->c;
    const tgi_node  *node = node_of(s, f.index);
    if (!varies(s, f.index) || s->body->readers[f.index - s->body->start] > 1 ||
        (node->op != &tgi_sum_op && !tgi_is_mul(node->op) && !is_matrix_product(s, node)))
        return add_factor(s, &f);
    if (c->inside == TGI_MOST_INSIDE) return false;
    c->in_place_of[c->inside++] = f.index;
    if ((double)tgi_node_size(node) > s->largest) s->largest = (double)tgi_node_size(node);
    return open_product(s, &f);
}

/* ---- the order --------------------------------------------------------------------------------------------------- */

/* Letters of axes that are not of size 1, of some factors: a word of bits. */
static unsigned labels_of(const search *s, const tgi_factor *f) {
    const tgi_node *node = node_of(s, f->index);
    unsigned        set = 0;
    for (int i = 0; i < node->rank; i++)
        if (node->dims[i] != 1) set |= 1u << (f->label[i] - 'a');
    return set;
}

static unsigned set_of(const char *labels) {
    unsigned set = 0;
    for (; *labels; labels++)
        set |= 1u << (*labels - 'a');
    return set;
}

static unsigned labels_from(const search *s, int first) {
    unsigned set = 0;
    for (int i = first; i < s->c->count; i++)
        set |= labels_of(s, &s->c->factor[i]);
    return set;
}

static double size_of(const search *s, unsigned set) {
    double size = 1;
    for (int i = 0; i < s->labels; i++)
        if (set >> i & 1) size *= s->size[i];
    return size;
}

static void write_labels(char *to, unsigned set) {
    for (char label = 'a'; set; label++, set >>= 1)
        if (set & 1) *to++ = label;
    *to = 0;
}

/* The labels that the result needs, and the factors that are not multiplied yet, but for one. */
static unsigned needed_beside(const search *s, int which) {
    unsigned needed = set_of(s->c->out);
    for (int i = s->c->early + 1; i < s->c->count; i++)
        if (i != which) needed |= labels_of(s, &s->c->factor[i]);
    return needed;
}

/* Multiplications and additions of a product, before which each of the two is summed over what nothing else has. */
static double cost_of(const search *s, unsigned one, unsigned other, unsigned needed) {
    unsigned left = one & (other | needed), right = other & (one | needed);
    return (left == one ? 0 : size_of(s, one)) + size_of(s, left | right);
}

/* Brings one factor more, which makes it no larger, to those that are multiplied early; false when there is none. */
static bool multiply_early(search *s, unsigned *set, double *cost) {
    tgi_contraction *c = s->c;
    for (int i = c->early + 1; i < c->count; i++) {
        unsigned needed = needed_beside(s, i), next = (*set | labels_of(s, &c->factor[i])) & needed;
        if (size_of(s, next) > size_of(s, *set)) continue;
        tgi_factor f = c->factor[i];
        *cost += cost_of(s, *set, labels_of(s, &f), needed);
        memmove(&c->factor[c->early + 2], &c->factor[c->early + 1], (size_t)(i - c->early - 1) * sizeof f);
        c->factor[++c->early] = f;
        write_labels(c->step[c->early], *set = next);
        return true;
    }
    return false;
}

/* Of several factors first the axes that both have; the others are columns then. A single one stays as it is. */
static void label_same(search *s, unsigned set) {
    if (s->c->count - s->c->early == 2) {
        strcpy(s->c->same, s->c->factor[s->c->early + 1].label);
        return;
    }
    unsigned same = labels_from(s, s->c->early + 1) & (set | set_of(s->c->out));
    write_labels(s->c->same, same & set);
    write_labels(s->c->same + strlen(s->c->same), same & ~set);
}

/* Whether it can be done in an order that is cheaper; much cheaper, if nothing but the order changes. */
static bool find_order(search *s) {
    tgi_contraction *c = s->c;
    unsigned         set = labels_of(s, &c->factor[0]);
    double           cost = 0, steps = (double)(s->body->steps < FEWEST_STEPS ? s->body->steps : FEWEST_STEPS);
    strcpy(c->step[0], c->factor[0].label);
    while (multiply_early(s, &set, &cost))
        ;
    int late = c->count - c->early - 1;
    if (late == 0) return 2 * cost <= s->cost;
    label_same(s, set);
    unsigned same = late == 1 ? labels_from(s, c->early + 1) : set_of(c->same);
    cost += cost_of(s, set, same, set_of(c->out)) + size_of(s, labels_from(s, c->early + 1)) / steps;
    if (late == 1) return 2 * cost <= s->cost;
    return cost <= s->cost && 2 * size_of(s, same) <= steps * s->largest;
}

/* Axes of size 1 that no factor has are not in the result yet. */
static void label_out(search *s) {
    tgi_contraction *c = s->c;
    unsigned         all = 0;
    for (int i = 0; i < c->count; i++)
        all |= labels_of(s, &c->factor[i]);
    write_labels(c->out, all & set_of(c->out));
}

bool tgi_find_contraction(const tgi_varying_body *body, uint32_t index, tgi_contraction *c) {
    search          s = {.body = body, .c = c};
    const tgi_node *node = tgi_node_at(body->tape, index);
    tgi_factor      whole = {.index = index};
    if ((node->op != &tgi_sum_op && !is_matrix_product(&s, node)) || node->rank > MOST_LABELS) return false;
    *c = (tgi_contraction){.count = 1, .factor = {{.index = TGI_NONE}}};
    for (int i = 0; i < node->rank; i++)
        whole.label[i] = new_label(&s);
    memcpy(c->out, whole.label, sizeof c->out);
    if (!open_product(&s, &whole)) return false;
    while (s.open_count)
        if (!open_next(&s)) return false;
    if (!s.products || c->count < 2 || c->factor[0].index == TGI_NONE) return false;
    label_out(&s);
    return find_order(&s);
}

/* ---- recording it ------------------------------------------------------------------------------------------------ */

static tg_tensor einsum(const char *equation, int count, const tg_tensor *x) {
    return (tg_einsum)(equation, count, x);
}

/* x with its axes in the order of `labels`, and of size 1 where it has none; other axes of its are of size 1. By way of a vector, which has
 * its elements in that order in memory: they are read more than once. */
static tg_tensor in_order_of(tg_tensor x, const char *own, const char *labels) {
    tg_shape shape = tg_shape_of(x), wide = {.rank = (int)strlen(labels)};
    tg_axes  axes = {0};
    for (int i = 0; i < wide.rank; i++) {
        const char *at = strchr(own, labels[i]);
        if (at) axes.axis[axes.count++] = (int)(at - own);
        wide.dims[i] = at ? shape.dims[at - own] : 1;
    }
    for (int i = 0; i < shape.rank; i++)
        if (!has(labels, own[i])) axes.axis[axes.count++] = i;
    return tg_reshape(tg_reshape(tg_permute(x, axes), TG_SHAPE(tg_size(x))), wide);
}

/* Whether all axes of size other than 1 stay. */
static bool stays(const tgi_contraction *c, const tg_tensor *x) {
    for (int i = c->early + 1; i < c->count; i++)
        for (int k = 0; c->factor[i].label[k]; k++)
            if (!has(c->same, c->factor[i].label[k]) && tg_shape_of(x[i]).dims[k] != 1) return false;
    return true;
}

tg_tensor tgi_contract_same(const tgi_contraction *c, const tg_tensor *x) {
    char equation[TGI_MOST_FACTORS * (TG_MAX_RANK + 1) + TG_MAX_RANK + 8];
    int  first = c->early + 1, length = 0;
    if (first == c->count) return TG_NONE;
    tg_tensor same = x[first];
    if (first + 1 == c->count) return same;
    if (stays(c, x)) {
        same = in_order_of(same, c->factor[first].label, c->same);
        for (int i = first + 1; i < c->count; i++)
            same = tg_mul(same, in_order_of(x[i], c->factor[i].label, c->same));
        return same;
    }
    for (int i = first; i < c->count; i++)
        length += snprintf(equation + length, sizeof equation - (size_t)length, i > first ? ",%s" : "%s", c->factor[i].label);
    snprintf(equation + length, sizeof equation - (size_t)length, "->%s", c->same);
    return einsum(equation, c->count - first, x + first);
}

tg_tensor tgi_contract(const tgi_contraction *c, const tg_tensor *x, tg_tensor same, tg_shape result) {
    char      equation[4 * (TG_MAX_RANK + 1) + 8];
    tg_tensor pair[2] = {x[0]};
    for (int i = 1; i <= c->early; i++) {
        snprintf(equation, sizeof equation, "A%s,%s->A%s", c->step[i - 1], c->factor[i].label, c->step[i]);
        pair[1] = x[i];
        pair[0] = einsum(equation, 2, pair);
    }
    tg_tensor y = pair[0];
    if (!tg_is_none(same)) {
        snprintf(equation, sizeof equation, "A%s,%s->A%s", c->step[c->early], c->same, c->out);
        pair[1] = same;
        y = einsum(equation, 2, pair);
    }
    return tg_valid(y) && !tg_shape_equal(tg_shape_of(y), result) ? tg_reshape(y, result) : y;
}
