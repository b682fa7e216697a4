/* tests/run/test_aliases.c: views show the memory of what they were made of, and yet hold the value of their place in the
 * program when that is overwritten.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>

#include "core/residency.h"

START_TEST(a_leaf_may_be_assigned_a_view_of_itself) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w");
    ck_assert(!tg_set_keep(tape, _i ? TG_KEEP_ASKED : TG_KEEP_RECORDED));
    ck_assert(!tg_assign(w, tg_transpose(w, 0, 1)));
    CHECK_F64(w, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(w, 1, 2, 3, 4);
    ck_assert(!tg_assign(w, w));
    CHECK_F64(w, 1, 2, 3, 4);
    ck_assert(!tg_assign(w, tg_reshape(tg_transpose(tg_reshape(w, TG_SHAPE(4, 1)), 0, 1), TG_SHAPE(2, 2))) && !tg_run(tape));
    CHECK_F64(w, 1, 3, 2, 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(two_leaves_change_places) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = matrix_parameter(tape, "a"), b = tg_parameter(tape, "b", tg_mul(10, a)), old = tg_transpose(a, 0, 1);
    ck_assert(!tg_set_keep(tape, _i ? TG_KEEP_ASKED : TG_KEEP_RECORDED));
    ck_assert(!tg_assign(a, tg_transpose(b, 0, 1)) && !tg_assign(b, old));
    CHECK_F64(a, 10, 30, 20, 40);
    CHECK_F64(b, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(a, 1, 2, 3, 4);
    CHECK_F64(b, 10, 20, 30, 40);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_outlives_an_assign_and_a_write) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), t = tg_transpose(w, 0, 1), row = tg_reshape(t, TG_SHAPE(4)),
              r = tg_reshape(w, TG_SHAPE(4));
    tg_tensor wide = tg_broadcast_to(r, TG_SHAPE(2, 4)), tt = tg_transpose(t, 0, 1);
    ck_assert(!tg_assign(w, tg_mul(2, w)));
    tg_tensor later = tg_transpose(w, 0, 1), old = tg_neg(t);
    for (int pass = 0; pass < 3; pass++) {
        double k = (double)(1 << pass);
        CHECK_F64(w, 2 * k, 4 * k, 6 * k, 8 * k);
        CHECK_F64(t, k, 3 * k, 2 * k, 4 * k);
        CHECK_F64(tt, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(row, k, 3 * k, 2 * k, 4 * k);
        CHECK_F64(r, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(wide, k, 2 * k, 3 * k, 4 * k, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(later, 2 * k, 6 * k, 4 * k, 8 * k);
        CHECK_F64(old, -k, -3 * k, -2 * k, -4 * k);
        ck_assert(!tg_run(tape));
    }
    ck_assert(!tg_write(w, (double[]){0, 0, 0, 0}, 4));
    CHECK_F64(later, 16, 48, 32, 64);
    CHECK_F64(tg_add(later, 1), 1, 1, 1, 1); /* what reads it now sees the w that was written */
    CHECK_F64(tt, 8, 16, 24, 32);
    CHECK_F64(w, 0, 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

/* Whether data was asked for in between makes no difference. */
START_TEST(views_of_views_hold_the_value_of_their_place) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), t = tg_transpose(w, 0, 1);
    if (_i & 1) ck_assert_ptr_nonnull(tg_data(t));
    tg_tensor tt = tg_transpose(t, 0, 1);
    if (_i & 2) ck_assert_ptr_nonnull(tg_data(tt));
    ck_assert(!tg_assign(w, 0));
    if (_i & 4) ck_assert(!tg_run(tape) && !tg_write(w, (double[]){1, 2, 3, 4}, 4) && !tg_run(tape));
    tg_tensor ttt = tg_transpose(tt, 0, 1);
    CHECK_F64(ttt, 1, 3, 2, 4);
    CHECK_F64(tt, 1, 2, 3, 4);
    CHECK_F64(t, 1, 3, 2, 4);
    ck_assert(!tg_write(w, (double[]){5, 6, 7, 8}, 4) && !tg_run(tape));
    CHECK_F64(ttt, 5, 7, 6, 8);
    CHECK_F64(tt, 5, 6, 7, 8);
    CHECK_F64(t, 5, 7, 6, 8);
    CHECK_F64(w, 0, 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_that_nobody_wanted_is_an_error_and_no_stray_value) {
    tg_tape *tape = tg_tape_new();
    char     text[300];
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = matrix_parameter(tape, "w");
    tg_tensor t = tg_transpose(w, 0, 1), tt = tg_transpose(t, 0, 1);
    int       line = __LINE__ - 1;
    ck_assert(!tg_assign(w, 0) && !tg_run(tape) && !tg_set_keep(tape, TG_KEEP_RECORDED));
    tg_tensor y = _i ? tg_neg(_i == 1 ? t : tt) : tg_transpose(t, 0, 1);
    snprintf(text, sizeof text, "%s:%d: %s: operand 1 (permute at %s:%d) was overwritten by an assign", __FILE__, line + 3,
             _i ? "neg" : "permute", __FILE__, line);
    ck_assert(isnan(tg_item(tg_sum(y))));
    CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, text);
    ck_assert(!tg_write(w, (double[]){1, 2, 3, 4}, 4) && !tg_run(tape)); /* from now on it is wanted */
    CHECK_F64(y, _i == 1 ? -1 : _i ? -1 : 1, _i == 1 ? -3 : _i ? -2 : 2, _i == 1 ? -2 : _i ? -3 : 3, _i ? -4 : 4);
    tg_tape_free(tape);
}
END_TEST

/* What nobody kept is computed again where a kept view holds what it was made of: by a plan (0) and one by one (1). */
START_TEST(a_view_of_a_kept_view_is_computed_again) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_set_eager(tape, _i);
    tg_tensor w = matrix_parameter(tape, "w"), turned = tg_transpose(w, 0, 1), row = tg_slice(turned, 0, 1, 2, 1);
    ck_assert(!tg_keep(turned) && !tg_assign(w, 0) && !tg_run(tape));
    tg_tensor sum = tg_sum(row);
    ck_assert(!tg_keep(sum));
    CHECK_F64(sum, 6);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_can_be_kept_late) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = matrix_parameter(tape, "w"), t = tg_transpose(w, 0, 1);
    ck_assert(!tg_run(tape) && !tg_keep(t));
    ck_assert(!tg_assign(w, 0) && !tg_run(tape));
    CHECK_F64(t, 1, 3, 2, 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_of_a_result_holds_its_own_value) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2)), t = tg_transpose(tg_add(x, 1), 0, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert(!tg_write(x, (double[]){i, 2, 3, 4}, 4));
        if (i) ck_assert(!tg_run(tape));
        CHECK_F64(t, i + 1, 4, 3, 5);
    }
    tg_tape_free(tape);
}
END_TEST

/* ---- what a kept view costs -------------------------------------------------------------------------------------- */

enum { SIDE = 64 };

/* Whether the elements of the view were copied. */
static bool was_copied(tg_tensor view) {
    return tgi_node_at(view.tape, tgi_index(view))->view->copy;
}

/* A parameter of consecutive numbers, three kept views of it, and a step that adds 1 to it. */
static tg_tensor views_and_step(tg_tape *tape, tg_tensor *view) {
    tg_tensor w = tg_parameter(tape, "w", tg_reshape(tg_arange(tape, TG_F64, 0, SIDE * SIDE, 1), TG_SHAPE(SIDE, SIDE)));
    view[0] = tg_transpose(w, 0, 1);
    view[1] = tg_slice(w, 0, 1, 2, 1);
    view[2] = tg_slice(view[0], 1, 3, SIDE, 2);
    tg_matmul(w, view[0]);
    tg_assign(w, tg_add(w, 1));
    return w;
}

/* The views hold what w was when its first element was `first`. */
static void check_views(const tg_tensor *view, double first) {
    double row[SIDE], turned[SIDE * SIDE];
    ck_assert(!tg_read(view[1], row, SIDE) && !tg_read(view[0], turned, SIDE * SIDE));
    for (int i = 0; i < SIDE; i++) {
        ck_assert_double_eq(row[i], first + (double)SIDE + i);
        ck_assert_double_eq(turned[i * SIDE + 2], first + 2 * SIDE + i);
    }
    ck_assert_double_eq(((const double *)tg_data(view[2]))[0], first + 3 * SIDE);
}

START_TEST(a_kept_view_is_copied_only_when_it_is_read) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor view[3], w = views_and_step(tape, view);
    ck_assert(!tg_set_eager(tape, _i));
    ck_assert(!tg_run(tape) && !tg_run(tape));
    size_t bytes = (size_t)tg_stats(tape).bytes;
    for (int i = 0; i < 50; i++)
        ck_assert(!tg_run(tape));
    ck_assert_uint_eq((size_t)tg_stats(tape).bytes, bytes);
    for (int i = 0; i < 3; i++)
        ck_assert(!was_copied(view[i]));
    double first = 51;
    check_views(view, first);
    for (int i = 0; i < 3; i++)
        ck_assert(was_copied(view[i]));
    check_views(view, first);
    ck_assert_double_eq(*(const double *)tg_data(w), first + 1);
    ck_assert(!tg_run(tape));
    check_views(view, first + 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(views_of_one_leaf_share_its_old_memory) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor view[3];
    views_and_step(tape, view);
    ck_assert(!tg_run(tape));
    const tgi_node *node[3];
    for (int i = 0; i < 3; i++)
        node[i] = tgi_node_at(tape, tgi_index(view[i]));
    ck_assert_ptr_nonnull(node[0]->view->old);
    ck_assert_ptr_eq(node[0]->view->old, node[1]->view->old);
    ck_assert_ptr_eq(node[0]->view->old, node[2]->view->old);
    tg_item(tg_sum(view[0])); /* a formula recorded later reads one of them */
    ck_assert_ptr_null(node[0]->view->old);
    ck_assert_uint_eq(node[1]->view->old->users, 2);
    check_views(view, 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(views_made_between_and_after_assigns_follow_the_leaf) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2, 3)), view[4];
    for (int i = 0; i < 4; i++) {
        view[i] = tg_flip(w, TG_AXES(0));
        tg_assign(w, tg_mul(10, w));
    }
    tg_tensor last = tg_flip(w, TG_AXES(0)), sum = tg_add(last, w);
    for (int i = 0; i < 3; i++) {
        double k = pow(10, 4 * i);
        CHECK_F64(view[1], 30 * k, 20 * k, 10 * k);
        CHECK_F64(view[3], 3000 * k, 2000 * k, 1000 * k);
        CHECK_F64(last, 30000 * k, 20000 * k, 10000 * k);
        CHECK_F64(sum, 40000 * k, 40000 * k, 40000 * k);
        CHECK_F64(view[0], 3 * k, 2 * k, 1 * k);
        CHECK_F64(w, 10000 * k, 20000 * k, 30000 * k);
        ck_assert(!tg_run(tape));
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_write_retains_views_too) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), turned = tg_flip(x, TG_AXES(0));
    tg_tensor v = tg_input(tape, "v", TG_F64, TG_SHAPE(3)), y = tg_mul(turned, v), g;
    ck_assert(!tg_write(x, (double[]){1, 2, 3}, 3) && !tg_run(tape) && !tg_write(x, (double[]){4, 5, 6}, 3));
    ck_assert(!was_copied(turned));
    CHECK_F64(turned, 3, 2, 1);
    ck_assert_msg(!tg_gradcheck(y, 1, &v, NULL), "%s", tg_error(tape));
    ck_assert(!tg_vjp(tape, 1, &y, NULL, 1, &v, &g));
    CHECK_F64(g, 6, 5, 4);
    CHECK_F64(x, 4, 5, 6);
    tg_tape_free(tape);
}
END_TEST

START_TEST(views_in_and_outside_of_parts_retain_what_they_show) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2, 3)), outside = tg_flip(w, TG_AXES(0)), inside, other, read;
    ck_assert(!tg_begin_part(tape, "train"));
    inside = tg_flip(w, TG_AXES(0));
    tg_assign(w, tg_mul(10, w));
    ck_assert(!tg_end_part(tape) && !tg_begin_part(tape, "look"));
    other = tg_flip(w, TG_AXES(0));
    read = tg_mul(2, outside);
    ck_assert(!tg_end_part(tape));
    CHECK_F64(outside, 3, 2, 1);
    for (int i = 0; i < 3; i++) {
        double k = pow(10, i);
        ck_assert(!tg_run_part(tape, "look") && !tg_run_part(tape, "train"));
        ck_assert(!was_copied(inside) || i > 0);
        CHECK_F64(inside, 3 * k, 2 * k, k);
        CHECK_F64(other, 3 * k, 2 * k, k);
        CHECK_F64(read, 6 * k, 4 * k, 2 * k);
        CHECK_F64(w, 10 * k, 20 * k, 30 * k);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_gives_the_old_memory_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(SIDE, SIDE), 1));
    tg_mark   mark = tg_tape_mark(tape);
    size_t    bytes = 0;
    for (int i = 0; i < 20; i++) {
        tg_tensor turned = tg_transpose(w, 0, 1), row = tg_slice(w, 0, 0, 1, 1);
        tg_assign(w, tg_add(w, 1));
        ck_assert(!tg_run(tape));
        if (i % 2) CHECK_F64(tg_slice(row, 1, 0, 1, 1), i + 1);
        if (i == 3) bytes = (size_t)tg_stats(tape).bytes;
        ck_assert_double_eq(((const double *)tg_data(turned))[1], i + 1);
        ck_assert(!tg_rewind(tape, mark));
    }
    ck_assert_uint_eq((size_t)tg_stats(tape).bytes, bytes);
    tg_tape_free(tape);
}
END_TEST

/* A part that overwrites nothing: its views of leaves are bound once, and nobody looks after those that are not wanted later. A kept one
 * is looked after in each run. */
START_TEST(views_of_what_is_only_read_stay_bound) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_input(tape, "w", TG_F64, TG_SHAPE(4, 4)), row;
    double    values[16], moves = 0;
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_begin_part(tape, "part"));
    row = tg_slice(w, 0, 1, 2, 1);
    tg_tensor product = tg_matmul(w, tg_transpose(w, 0, 1)), total = tg_sum(tg_mul(product, row));
    ck_assert(!tg_keep(total) && (!_i || !tg_keep(row)) && !tg_end_part(tape));
    for (int run = 0; run < 6; run++) {
        double expected = 0;
        for (int i = 0; i < 16; i++)
            values[i] = run + i % 5;
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                for (int k = 0; k < 4; k++)
                    expected += values[4 * i + k] * values[4 * j + k] * values[4 + j];
        ck_assert(!tg_write(w, values, 16) && !tg_run_part(tape, "part"));
        ck_assert_double_eq(tg_item(total), expected);
        if (_i) ck_assert_double_eq(((const double *)tg_data(row))[2], values[6]);
        if (!_i && run > 1) ck_assert_double_eq((double)tape->moves, moves);
        ck_assert_int_eq(tape->aliases.count, _i);
        moves = (double)tape->moves;
    }
    if (!_i) ck_assert(tg_data(row) == NULL && tg_error_status(tape) != TG_OK);
    tg_tape_free(tape);
}
END_TEST

/* A view of a view shows the value at the end, which is computed again in its place for an instruction after a write; whether the data of the one
 * between was asked for makes no difference, nor does when. */
START_TEST(to_ask_for_data_changes_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), y = tg_mul(w, 2), turned = tg_transpose(y, 0, 1);
    if (_i & 1) CHECK_F64(turned, 2, 6, 4, 8);
    if (_i & 1) ck_assert_ptr_nonnull(tg_data(turned));
    tg_tensor flipped = tg_flip(turned, TG_AXES(1));
    if (_i & 2) ck_assert_ptr_nonnull(tg_data(flipped));
    ck_assert(!tg_run_pending(tape) && !tg_write(w, (double[]){5, 6, 7, 8}, 4));
    CHECK_F64(tg_add(y, 1), 11, 13, 15, 17);
    CHECK_F64(y, 10, 12, 14, 16);
    CHECK_F64(turned, 10, 14, 12, 16);
    CHECK_F64(flipped, 14, 10, 16, 12);
    const double *data = tg_data(flipped);
    ck_assert(data && data[0] == 14 && data[3] == 12);
    tg_tape_free(tape);
}
END_TEST

/* What has run before a failure is read when the run goes on: also by a view, though its leaf is written in between. */
START_TEST(a_view_before_a_failure_is_as_one_by_one) {
    double results[2][4];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        int64_t   wrong = 9, right = 2;
        tg_tensor w = matrix_parameter(tape, "w"), index = tg_input(tape, "index", TG_I64, TG_SHAPE());
        ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_write(index, &wrong, 1) && !tg_run(tape));
        tg_tensor turned = tg_transpose(w, 0, 1), flat = tg_reshape(w, TG_SHAPE(4));
        tg_tensor chosen = tg_take(flat, index, 0), sum = tg_add(tg_matmul(turned, turned), chosen);
        ck_assert(!tg_keep(sum) && !tg_keep(chosen) && !tg_set_eager(tape, false));
        ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
        tg_clear_error(tape);
        ck_assert(!tg_write(index, &right, 1) && !tg_write(w, (double[]){5, 6, 7, 8}, 4) && !tg_set_eager(tape, eager));
        ck_assert_msg(!tg_read(sum, results[eager], 4), "%s", tg_error(tape));
        tg_tape_free(tape);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(results[0][i], results[1][i]);
    ck_assert_double_eq(results[0][0], 5 * 5 + 7 * 6 + 7);
}
END_TEST

/* y = |x w^T|^2 has the gradient g = 2 x w^T w for x, whose own rule needs a view of w^T that nobody keeps. w^T retains what it was when w
 * is overwritten, and from that the other view is made again: the gradient of |g|^2 is 8 x (w^T w)^2, of the old w. */
START_TEST(a_view_is_made_again_from_one_that_was_retained) {
    bool      eager = _i % 2, reads = _i / 2;
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), x = matrix_parameter(tape, "x"), g, h;
    ck_assert(!tg_set_eager(tape, eager));
    tg_tensor y = tg_sum(tg_square(tg_matmul(x, tg_transpose(w, 0, 1))));
    ck_assert(!tg_vjp(tape, 1, &y, NULL, 1, &x, &g));
    if (reads) CHECK_F64(g, 76, 108, 172, 244);
    tg_tensor size = tg_sum(tg_square(g));
    ck_assert(!tg_assign(w, tg_mul(w, 10)) && !tg_run_pending(tape));
    ck_assert(!tg_vjp(tape, 1, &size, NULL, 1, &x, &h));
    CHECK_F64(h, 8 * (296 + 2 * 420), 8 * (420 + 2 * 596), 8 * (3 * 296 + 4 * 420), 8 * (3 * 420 + 4 * 596));
    CHECK_F64(w, 10, 20, 30, 40);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_aliases(void) {
    Suite *suite = suite_create("run/aliases");
    TCase *view = tcase_create("view");
    tcase_add_loop_test(view, a_leaf_may_be_assigned_a_view_of_itself, 0, 2);
    tcase_add_loop_test(view, two_leaves_change_places, 0, 2);
    tcase_add_test(view, a_view_outlives_an_assign_and_a_write);
    tcase_add_loop_test(view, views_of_views_hold_the_value_of_their_place, 0, 8);
    tcase_add_loop_test(view, a_view_that_nobody_wanted_is_an_error_and_no_stray_value, 0, 3);
    tcase_add_loop_test(view, a_kept_view_is_copied_only_when_it_is_read, 0, 2);
    tcase_add_loop_test(view, a_view_is_made_again_from_one_that_was_retained, 0, 4);
    tcase_add_test(view, views_of_one_leaf_share_its_old_memory);
    tcase_add_test(view, views_made_between_and_after_assigns_follow_the_leaf);
    tcase_add_test(view, a_write_retains_views_too);
    tcase_add_test(view, views_in_and_outside_of_parts_retain_what_they_show);
    tcase_add_test(view, a_rewind_gives_the_old_memory_back);
    tcase_add_loop_test(view, views_of_what_is_only_read_stay_bound, 0, 2);
    tcase_add_loop_test(view, to_ask_for_data_changes_nothing, 0, 4);
    tcase_add_test(view, a_view_before_a_failure_is_as_one_by_one);
    tcase_add_test(view, a_view_can_be_kept_late);
    tcase_add_loop_test(view, a_view_of_a_kept_view_is_computed_again, 0, 2);
    tcase_add_test(view, a_view_of_a_result_holds_its_own_value);
    suite_add_tcase(suite, view);
    return suite;
}
