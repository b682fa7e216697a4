/* tests/layers/test_allocation.c: layers without memory.
 *
 * Each layer is made, applied, differentiated and run while one allocation after the other fails. Each time there is an error that
 * says so; the same tape then gives the same bits, and in the end nothing has leaked.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "allocation.h"
#include "layers/modules.h"

static void place_operands(const module_case *c, tg_tape *tape, tg_tensor *x) {
    static module_field field;
    bool                found = true;
    for (char what[] = "x 0"; found; what[2]++) {
        unwatched(found = find_field(c->name, what, &field));
        if (found) *x++ = constant_field(tape, &field, TG_F64);
    }
}

/* The sum of the squares of what the layer makes of its operands, and of the gradients of its parameters; from a seed. */
static double work(const module_case *c, tg_tape *tape, const tg_tensor *x) {
    tg_tensor y[MOST_TENSORS];
    tg_seed(tape, 3);
    c->make(tape, TG_F64);
    int       count = c->apply(x, y);
    tg_tensor sum = tg_sum(tg_square(y[0]));
    for (int i = 1; i < count; i++)
        sum = tg_add(sum, tg_sum(tg_square(y[i])));
    if (tg_parameter_count(tape)) tg_backward(sum);
    for (int64_t i = 0; i < tg_parameter_count(tape); i++)
        sum = tg_add(sum, tg_sum(tg_square(tg_grad(tg_parameter_at(tape, i)))));
    return tg_item(sum);
}

START_TEST(whatever_fails_is_an_error_after_which_the_tape_still_works) {
    const module_case *c = module_at(_i);
    double             expected = 0;
    long               failures = 0;
    watch();
    for (bool failed = true; failed; failures += failed) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x[MOST_TENSORS];
        place_operands(c, tape, x);
        tg_mark mark = tg_tape_mark(tape);
        until_failure = failures; /* 0: none, for what is expected */
        double found = work(c, tape, x);
        failed = failures == 0 || until_failure == 0;
        until_failure = 0;
        if (failures && failed) {
            bool right = tg_error_status(tape) == TG_ERR_MEMORY && strstr(tg_error(tape), "out of memory");
            unwatched(ck_assert_msg(right, "%s, failure %ld: %s", c->name, failures, tg_error(tape)));
            tg_clear_error(tape);
            tg_discard(tape, mark);
            found = work(c, tape, x);
        }
        unwatched(ck_assert_msg(!tg_error_status(tape), "%s, failure %ld: %s", c->name, failures, tg_error(tape)));
        if (failures == 0) expected = found;
        unwatched(ck_assert_msg(found == expected, "%s, failure %ld: %.17g, not %.17g", c->name, failures, found, expected));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 3));
}
END_TEST

TCase *layer_allocation(void) {
    TCase *tcase = tcase_create("layers");
    int    cases = 0;
    while (module_at(cases))
        cases++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, whatever_fails_is_an_error_after_which_the_tape_still_works, 0, cases);
    return tcase;
}
