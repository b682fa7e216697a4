/* nn/given.c: a look at operands of which some may be TG_NONE.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/given.h"

#include <stdio.h>

#include "ops/operands.h"

/* Whether the handle can be used; else the error names it by its place among all operands. */
static bool is_usable(tg_tape *tape, const char *name, const tg_tensor *x, int i) {
    double number;
    char   role[32];
    snprintf(role, sizeof role, "operand %d", i + 1);
    return tgi_is_number(x[i], &number) || tgi_resolve(tape, x[i], name, role);
}

bool tgi_look_given(tgi_given *given, const char *name, int needed, int count, const tg_tensor *x) {
    tg_tape  *tape = tgi_tape_of_any(count, x);
    tg_tensor there[TGI_MOST_GIVEN];
    int       found = 0;
    *given = (tgi_given){.op = {.name = name}, .look = {.tape = tape}};
    if (tgi_check(tape)) return false;
    for (int i = 0; i < count; i++) {
        if (i >= needed && tgi_is_none(x[i])) continue;
        if (!is_usable(tape, name, x, i)) return false;
        given->of[i] = &given->types[found];
        there[found++] = x[i];
    }
    return !tgi_check_operands(&given->look, tape, &given->op, found, there, given->types);
}

bool tgi_given_floating(const tgi_given *given, int count) {
    tg_dtype dtype = given->types[0].dtype;
    for (int i = 1; i < count; i++)
        if (given->of[i] && tgi_require_equal(&given->look, dtype, given->of[i]->dtype)) return false;
    return !tgi_require_dtype(&given->look, dtype, TGI_FLOATS);
}
