/* run/source.c: where the operands of an instruction are, while a plan is being made.
 *
 * A view is in the memory of its base, unless an assign that the plan has come to by then overwrites that: then it is in a copy of
 * its own.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/draft.h"

/* ---- who reads and writes leaves --------------------------------------------------------------------------------- */

tgi_traffic *tgi_traffic_of(const tgi_draft *d, const tgi_node *node) {
    tgi_leaf *leaf = tgi_leaf_of(node);
    if (!leaf || !leaf->variable) return NULL;
    if (leaf->traffic.plan != d->number) leaf->traffic = (tgi_traffic){d->number, TGI_NONE, TGI_NONE, TGI_NONE, TGI_NONE, 0};
    return &leaf->traffic;
}

/* ---- where operands are ------------------------------------------------------------------------------------------ */

tgi_ref tgi_ref_of(const tgi_draft *d, uint32_t index) {
    return index >= d->start ? index - d->start : index | TGI_OUTSIDE;
}

/* In its own memory, one element after the other. */
static void place_at_itself(const tgi_draft *d, tgi_source *s, uint32_t index) {
    s->base = tgi_ref_of(d, index);
    s->offset = 0;
    tgi_row_major(s->node->rank, s->node->dims, s->strides);
}

static void place_in_base(const tgi_draft *d, tgi_source *s, uint32_t index) {
    const tgi_node *node = s->node;
    const int64_t  *strides = NULL;
    place_at_itself(d, s, index);
    if (index >= d->start) {
        const tgi_result *v = &d->results[index - d->start];
        strides = v->strides;
        s->base = v->base;
        s->offset = v->offset;
    } else if (node->view && node->view->base != TGI_NONE) {
        strides = node->view->strides;
        s->base = tgi_ref_of(d, node->view->base);
        s->offset = (const char *)node->data - (const char *)tgi_node_at(d->tape, node->view->base)->data;
    }
    if (strides) memcpy(s->strides, strides, node->rank * sizeof *strides);
}

/* Of a view that gets a copy of its own in this plan what it shows before; else the instruction itself. */
static const tgi_node *shown_first(const tgi_draft *d, tgi_ref ref) {
    const tgi_node *node = tgi_node_of(d->tape, d->start, ref);
    if (!(ref & TGI_OUTSIDE)) return tgi_node_of(d->tape, d->start, d->results[ref].base);
    return node->view && node->view->base != TGI_NONE ? tgi_node_at(d->tape, node->view->base) : node;
}

tgi_source tgi_source_of(const tgi_draft *d, uint32_t reader, uint32_t index) {
    tgi_source s = {.node = tgi_node_at(d->tape, index), .after = TGI_NONE};
    place_in_base(d, &s, index);
    const tgi_node    *base = tgi_node_of(d->tape, d->start, s.base);
    const tgi_traffic *traffic = tgi_traffic_of(d, shown_first(d, s.base));
    if (!traffic) return s;
    s.after = traffic->writer;
    bool is_view = !base->view && s.base != tgi_ref_of(d, index);
    bool stored_into_base = tgi_node_at(d->tape, reader)->op == &tgi_assign &&
                            tgi_ref_of(d, tgi_node_at(d->tape, reader)->in[0]) == s.base && is_view;
    if (stored_into_base || (is_view && traffic->assign != TGI_NONE && traffic->assign > index)) place_at_itself(d, &s, index);
    return s;
}

tgi_lie tgi_lie_of(int rank, const int64_t *dims, const int64_t *strides, int lead) {
    bool    one = true, flat = true, by_row = true, across = true;
    int64_t follows = 1, next_row = 1; /* the strides of a flat array; and of one with an element a row */
    for (int i = rank - 1; i >= 0; i--) {
        if (dims[i] == 1) continue;
        one &= strides[i] == 0;
        flat &= strides[i] == follows;
        by_row &= strides[i] == (i < lead ? next_row : 0);
        across &= strides[i] == (i < lead ? 0 : follows);
        follows *= dims[i];
        if (i < lead) next_row *= dims[i];
    }
    return one ? TGI_ONE : flat ? TGI_FLAT : by_row ? TGI_BY_ROW : across ? TGI_ACROSS : TGI_APART;
}
