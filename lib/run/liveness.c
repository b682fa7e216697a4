/* run/liveness.c: the first pass: what must be computed, and what must last.
 *
 * Takes the instructions of the segment. Gives each two marks: `lasts`, its value is to be resident after the run, because the user
 * keeps it, it was drawn at random, an instruction after the segment reads it, or a gradient rule recorded later may; and `needed`, it lasts, has an effect, or may fail
 * (which must be seen), or something that is needed reads it. After this pass everything that is needed has needed operands.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "run/classify.h"

static bool has_to_run(const tgi_plan_builder *b, const tgi_node *node) {
    bool may_fail = node->op->kernel && node->op->linearity != TG_LINEAR_EACH && !tgi_never_fails(b->tape, node);
    return node->op->effect || may_fail;
}

tg_status tgi_find_liveness(tgi_plan_builder *b) {
    b->liveness = tgi_builder_take(b, b->count, sizeof *b->liveness);
    if (!b->liveness) return TG_ERR_MEMORY;
    memset(b->liveness, 0, b->count * sizeof *b->liveness);
    for (uint32_t i = b->count; i-- > 0;) {
        const tgi_node *node = tgi_instruction(b, i);
        tgi_liveness   *v = &b->liveness[i];
        v->lasts = tgi_lasts(b->tape, b->start + i, b->start + b->count, b->limit);
        v->needed |= v->lasts || has_to_run(b, node);
        uint32_t read = node->op->view && node->count ? 1 : node->count; /* the others of a view are there for its gradient */
        for (uint32_t j = 0; j < read && v->needed; j++)
            if (node->in[j] >= b->start) b->liveness[node->in[j] - b->start].needed = true;
    }
    return TG_OK;
}
