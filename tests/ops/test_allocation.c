/* tests/ops/test_allocation.c: every op of the table without memory.
 *
 * Each row is recorded, differentiated and run while one allocation after the other fails; and, as recording seldom
 * allocates, while the tape runs full at one instruction after the other. Each time there is an error that says so at the user's
 * line, and the same tape then gives the same bits; in the end nothing has leaked.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "allocation.h"
#include "ops/trial.h"

#include "core/tape.h" /* last: what is recorded here belongs to the lines of this file */

enum { ORDERS = 2 };

/* What a row gives, and its derivatives, as the bytes that tg_read wrote. */
typedef struct outcome {
    double y[MOST_ELEMENTS], grads[ORDERS][MOST_OPERANDS][MOST_ELEMENTS];
} outcome;

/* The sum of the squares of some tensors. */
static tg_tensor squares(int count, const tg_tensor *x) {
    tg_tensor sum = tg_sum(tg_square(x[0]));
    for (int k = 1; k < count; k++)
        sum = tg_add(sum, tg_sum(tg_square(x[k])));
    return sum;
}

/* The first case to the second order. Stops at the first error. What draws numbers draws the same ones each time. */
static void work(const op_row *row, int which, const trial *t, outcome *o) {
    tg_tensor leaves[MOST_OPERANDS], grads[MOST_OPERANDS];
    int       count = floating_leaves(row, t, leaves);
    memset(o, 0, sizeof *o);
    tg_seed(t->tape, 2);
    tg_tensor y = row->record(t->x, &row->cases[which].with);
    if (tg_read(y, (void *)o->y, tg_size(y)) || count == 0 || !is_floating(tg_dtype_of(y))) return;
    tg_tensor s = squares(1, &y);
    for (int order = 0, orders = which == 0 ? ORDERS : 1; order < orders; order++) {
        if (tg_vjp(t->tape, 1, &s, NULL, count, leaves, grads)) return;
        for (int k = 0; k < count; k++)
            if (tg_read(grads[k], o->grads[order][k], tg_size(grads[k]))) return;
        s = squares(count, grads);
    }
}

static void end(const trial *t) {
    unwatched(ck_assert_msg(tg_error_status(t->tape) == TG_OK, "%s: %s", t->what, tg_error(t->tape)));
    tg_tape_free(t->tape);
    unwatched(ck_assert_int_eq(live, 0));
}

/* What the row gives with all the memory there is. */
static void work_undisturbed(const op_row *row, int which, outcome *o) {
    trial t = place(row, which, dtype_for(row, TG_F64), PLAIN);
    work(row, which, &t, o);
    end(&t);
}

/* After work in which the failure-th thing was to fail: whether one did. Then the error is the right one, and work done again
 * gives what was expected. */
static bool recovers(const op_row *row, int which, trial *t, long failure, const outcome *expected, outcome *found) {
    const char *text = tg_error(t->tape);
    bool        failed = tg_error_status(t->tape) != TG_OK;
    if (failed) {
        bool right = tg_error_status(t->tape) == TG_ERR_MEMORY && strstr(text, "out of memory") && strstr(text, ".c:");
        unwatched(ck_assert_msg(right, "%s, failure %ld: %s", t->what, failure, text));
        tg_clear_error(t->tape);
        tg_run_pending(t->tape); /* what was left, which may draw numbers */
        work(row, which, t, found);
    }
    unwatched(ck_assert_msg(!memcmp(found, expected, sizeof *found), "%s, failure %ld: %s", t->what, failure, tg_error(t->tape)));
    end(t);
    return failed;
}

/* Each allocation fails in turn, until there are no more. */
static void check_allocations(const op_row *row, int which) {
    static outcome expected, found;
    long           failures = 0;
    work_undisturbed(row, which, &expected);
    for (bool failed = true; failed; failures += failed) {
        trial t = place(row, which, dtype_for(row, TG_F64), PLAIN);
        until_failure = failures + 1;
        work(row, which, &t, &found);
        failed = until_failure == 0;
        until_failure = 0;
        bool reported = recovers(row, which, &t, failures, &expected, &found);
        unwatched(ck_assert_msg(reported == failed, "failure %ld is not reported", failures));
    }
    unwatched(ck_assert(which > 0 || failures > 0 || row->compares)); /* a few truth values lie in the instruction */
}

/* ---- a tape that is full ----------------------------------------------------------------------------------------- */

/* Leaves room for just so many more instructions; false when that is more than a tape grows by. */
static bool fill_segment(tg_tape *tape, long room) {
    if (room > TGI_CHUNK - (long)tape->count) return false;
    while (tape->count < (uint32_t)(TGI_CHUNK - room))
        tg_full(tape, TG_F64, TG_SHAPE(), 0);
    return true;
}

/* The same for words of what instructions have beside their fixed part. */
static bool fill_arena(tg_tape *tape, long room) {
    long left = (long)(tape->arena.end - tape->arena.top) - 8 * room;
    return left >= 0 && tgi_arena_take(&tape->arena, (size_t)left);
}

/* How many bytes the arena takes when its first chunk is full. */
static size_t second_chunk(void) {
    tgi_arena arena = {.memory = &(tgi_memory){.bytes = 0}};
    tgi_arena_take(&arena, 8);
    tgi_arena_take(&arena, (size_t)(arena.end - arena.top) + 8);
    size_t bytes = latest_bytes;
    tgi_arena_free(&arena);
    return bytes;
}

/* A little more room each time, until all of the work finds some. */
static void check_full_tape(const op_row *row, int which, bool (*fill)(tg_tape *, long), size_t growth) {
    static outcome expected, found;
    long           room = 0;
    work_undisturbed(row, which, &expected);
    for (bool failed = true; failed; room += failed) {
        trial t = place(row, which, dtype_for(row, TG_F64), PLAIN);
        if (fill(t.tape, room)) failing_bytes = growth;
        work(row, which, &t, &found);
        failing_bytes = 0;
        failed = recovers(row, which, &t, room, &expected, &found);
    }
    unwatched(ck_assert_int_gt(room, 0));
}

/* ---- the sweep --------------------------------------------------------------------------------------------------- */

START_TEST(whatever_fails_is_an_error_after_which_the_tape_still_works) {
    const op_row *row = row_at(_i);
    watch();
    for (int which = 0; which < row->case_count; which++) {
        if (!is_small(&row->cases[which])) continue;
        check_allocations(row, which);
        check_full_tape(row, which, fill_segment, TGI_CHUNK * sizeof(tgi_node));
    }
    check_full_tape(row, 0, fill_arena, second_chunk());
}
END_TEST

TCase *op_allocation(void) {
    TCase *tcase = tcase_create("ops");
    int    rows = 0;
    while (row_at(rows))
        rows++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, whatever_fails_is_an_error_after_which_the_tape_still_works, 0, rows);
    return tcase;
}
