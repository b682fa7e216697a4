/* bench/formula.c: see formula.h.
 *
 * SPDX-License-Identifier: MIT */
#include "formula.h"

/* ---- by tapegrad ------------------------------------------------------------------------------------------------- */

formula *formula_new(int count, const variable *variables) {
    formula *f = room(sizeof *f);
    *f = (formula){.tape = new_tape(), .count = count};
    tg_set_keep(f->tape, TG_KEEP_ASKED);
    for (int i = 0; i < count; i++) {
        const variable *v = &variables[i];
        f->x[i] = parameter(f->tape, v->name, v->shape, (uint32_t)i, v->low, v->high);
    }
    return f;
}

void formula_is(formula *f, tg_tensor y, tg_tensor seed) {
    f->y = y;
    tg_keep(y);
    tg_vjp(f->tape, 1, &y, &seed, f->count, f->x, f->grad);
}

void formula_step(void *state) {
    tg_run(((formula *)state)->tape);
}

int formula_result(void *state, double *to) {
    formula *f = state;
    int      count = digest_tensor(f->y, to);
    for (int i = 0; i < f->count; i++)
        count += digest_tensor(f->grad[i], to + count);
    return count;
}

void formula_free(void *state) {
    formula *f = state;
    must(f->tape);
    tg_tape_free(f->tape);
    free(f);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

arrays *arrays_new(int count, const variable *variables, int64_t y_size) {
    arrays *a = room(sizeof *a);
    *a = (arrays){.count = count, .y_size = y_size, .y = room((size_t)y_size * sizeof(float))};
    for (int i = 0; i < count; i++) {
        const variable *v = &variables[i];
        a->size[i] = tg_shape_size(v->shape);
        a->x[i] = numbers(a->size[i], (uint32_t)i, v->low, v->high);
        a->grad[i] = room((size_t)a->size[i] * sizeof(float));
    }
    return a;
}

int arrays_result(void *state, double *to) {
    const arrays *a = state;
    int           count = digest(a->y, a->y_size, to);
    for (int i = 0; i < a->count; i++)
        count += digest(a->grad[i], a->size[i], to + count);
    return count;
}

void arrays_free(void *state) {
    arrays *a = state;
    for (int i = 0; i < a->count; i++) {
        free(a->x[i]);
        free(a->grad[i]);
    }
    free(a->y);
    free(a->seed);
    free(a->room);
    free(a);
}
