/* tests/core/things.c: makes them.
 *
 * SPDX-License-Identifier: MIT */
#include "core/things.h"

static tg_tensor stale_tensor(tg_tape *tape, tg_tensor x) {
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor y = tg_neg(x);
    ck_assert(!tg_rewind(tape, mark));
    return y;
}

static tg_mark stale_mark(tg_tape *tape, tg_tensor x) {
    tg_mark mark = tg_tape_mark(tape);
    tg_neg(x);
    tg_mark gone = tg_tape_mark(tape);
    ck_assert(!tg_rewind(tape, mark));
    return gone;
}

things new_things(void) {
    things t = {.tape = tg_tape_new()};
    t.w = tg_parameter(t.tape, "w", tg_full(t.tape, TG_F64, TG_SHAPE(2, 3), 2));
    t.v = VECTOR(t.tape, 1, 2, 3, 4, 5);
    t.n = tg_constant(t.tape, TG_I64, TG_SHAPE(2), (int64_t[]){1, 2});
    t.c = tg_full(t.tape, TG_BOOL, TG_SHAPE(), 1);
    t.lost = stale_tensor(t.tape, t.w);
    t.gone = stale_mark(t.tape, t.w);
    t.mark = tg_tape_mark(t.tape);
    CHECK_OK(t.tape);
    return t;
}
