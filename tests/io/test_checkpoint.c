/* tests/io/test_checkpoint.c: a training that goes on from a checkpoint ends in the same bits; what does not match is an error.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "training.h"

enum { STEPS = 12, SAVED = 5 };

static void run_steps(tg_tape *tape, int from, int to) {
    for (int i = from; i < to; i++)
        run_step(tape, i);
}

/* A training that saved a checkpoint after some steps and went on: the fingerprint of its end. */
static uint64_t train_and_save(const char *path, const tg_checkpoint_options *options) {
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    record_step(tape);
    run_steps(tape, 0, SAVED);
    uint64_t before = fingerprint(tape);
    ck_assert_int_eq(tg_save_checkpoint(tape, path, options), TG_OK);
    ck_assert_uint_eq(fingerprint(tape), before); /* saving changes nothing */
    run_steps(tape, SAVED, STEPS);
    uint64_t end = fingerprint(tape);
    CHECK_OK(tape);
    tg_tape_free(tape);
    return end;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

START_TEST(loaded_after_the_step_was_recorded) {
    uint64_t             end = train_and_save(scratch("a"), &(tg_checkpoint_options){.step = SAVED});
    tg_checkpoint_report report = {.step = -1};
    tg_tape             *tape = tg_tape_new();
    record_leaves(tape);
    record_step(tape);
    run_steps(tape, 0, 2); /* which is forgotten */
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("a"), &report), TG_OK);
    ck_assert_int_eq(report.step, SAVED);
    ck_assert_int_eq(report.loaded, 3 + 3 + 2 * 3 + 1); /* parameters, named inputs, Adam's states, a momentum */
    ck_assert_int_eq(report.passed, 0);
    run_steps(tape, SAVED, STEPS);
    ck_assert_uint_eq(fingerprint(tape), end);
    tg_tape_free(tape);
}
END_TEST

/* When there are no states yet. */
START_TEST(loaded_before_the_step_is_recorded) {
    uint64_t end = train_and_save(scratch("b"), NULL);
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("b"), NULL), TG_OK);
    record_step(tape);
    run_steps(tape, SAVED, STEPS);
    ck_assert_uint_eq(fingerprint(tape), end);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A program that records its step anew each time, and saves when the step is not on the tape. */
START_TEST(of_a_step_that_is_recorded_anew) {
    uint64_t ends[2];
    for (int resumed = 0; resumed < 2; resumed++) {
        tg_tape *tape = tg_tape_new();
        record_leaves(tape);
        if (resumed) ck_assert_int_eq(tg_load_checkpoint(tape, scratch("c"), NULL), TG_OK);
        tg_mark mark = tg_tape_mark(tape);
        for (int i = resumed ? SAVED : 0; i < STEPS; i++) {
            record_step(tape);
            run_step(tape, i);
            tg_rewind(tape, mark);
            if (i == SAVED - 1) ck_assert_int_eq(tg_save_checkpoint(tape, scratch("c"), NULL), TG_OK);
            tg_rewind(tape, mark); /* saving a state puts it on the tape */
        }
        ends[resumed] = fingerprint(tape);
        CHECK_OK(tape);
        tg_tape_free(tape);
    }
    ck_assert_uint_eq(ends[0], ends[1]);
}
END_TEST

START_TEST(what_is_pending_is_not_run) {
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    uint64_t before = fingerprint(tape);
    record_step(tape);
    ck_assert_int_eq(tg_save_checkpoint(tape, scratch("d"), NULL), TG_OK);
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("d"), NULL), TG_OK);
    tg_abandon(tape);
    for (int64_t i = 0; i < tg_parameter_count(tape); i++)
        ck_assert(tg_peek(tg_parameter_at(tape, i)) != NULL);
    tg_tape *other = tg_tape_new();
    record_leaves(other);
    ck_assert_uint_eq(fingerprint(other), before);
    ck_assert_int_eq(tg_load_checkpoint(other, scratch("d"), NULL), TG_OK);
    CHECK_OK(tape);
    tg_tape_free(other);
    tg_tape_free(tape);
}
END_TEST

/* ---- what is in the file ----------------------------------------------------------------------------------------- */

START_TEST(it_is_a_safetensors_file) {
    train_and_save(scratch("e"), &(tg_checkpoint_options){.step = -7, .metadata = TG_METADATA({"title", "test"})});
    tg_archive *archive = tg_archive_open(scratch("e"));
    ck_assert_str_eq(tg_archive_metadata(archive, "title"), "test");
    ck_assert_str_eq(tg_archive_metadata(archive, "tapegrad.step"), "-7");
    ck_assert_str_eq(tg_archive_metadata(archive, "tapegrad.checkpoint"), "1");
    ck_assert(tg_shape_equal(tg_archive_find(archive, "w")->shape, TG_SHAPE(5, 7)));
    ck_assert(tg_shape_equal(tg_archive_find(archive, "w.adam.m")->shape, TG_SHAPE(5, 7)));
    ck_assert(tg_shape_equal(tg_archive_find(archive, "tapegrad.generator")->shape, TG_SHAPE(627)));
    tg_archive_close(archive);
}
END_TEST

START_TEST(the_parameters_alone) {
    train_and_save(scratch("f"), &(tg_checkpoint_options){.parameters_only = true});
    tg_archive *archive = tg_archive_open(scratch("f"));
    ck_assert_int_eq(tg_archive_count(archive), 3);
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    record_step(tape);
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("f"), NULL), TG_OK);
    tg_tensor w = tg_archive_load(tape, archive, "w");
    ck_assert(!memcmp(tg_peek(tg_find(tape, "w")), tg_peek(w), 5 * 7 * sizeof(float)));
    CHECK_OK(tape);
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

START_TEST(inputs_that_are_chosen) {
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    ck_assert_int_eq(tg_save_checkpoint(tape, scratch("g"), &(tg_checkpoint_options){.inputs = TG_LIST(tg_find(tape, "mean"))}),
                     TG_OK);
    tg_archive *archive = tg_archive_open(scratch("g"));
    ck_assert_int_eq(tg_archive_count(archive), 3 + 1 + 1);
    ck_assert(tg_archive_find(archive, "mean") && !tg_archive_find(archive, "rate"));
    tg_archive_close(archive);
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("g"), NULL), TG_OK);
    ck_assert_int_eq(tg_save_checkpoint(tape, scratch("g"), &(tg_checkpoint_options){.inputs = TG_LIST()}), TG_OK);
    archive = tg_archive_open(scratch("g"));
    ck_assert_int_eq(tg_archive_count(archive), 3 + 1);
    tg_archive_close(archive);
    tg_checkpoint_options parameter = {.inputs = TG_LIST(tg_find(tape, "w"))},
                          key = {.metadata = TG_METADATA({"tapegrad.x", ""})};
    FAILS_ON(tape, tg_save_checkpoint(tape, scratch("g"), &parameter), TG_ERR_ARGUMENT, scratch("g"),
             "save_checkpoint: PATH: the tensor 0 of `inputs` is no input with a name");
    FAILS_ON(tape, tg_save_checkpoint(tape, scratch("g"), &key), TG_ERR_NAME, scratch("g"),
             "save_checkpoint: PATH: the key 'tapegrad.x': those that begin with tapegrad. are the library's");
    tg_parameter(tape, "tapegrad.generator", 1.0);
    FAILS_ON(tape, tg_save_checkpoint(tape, scratch("g"), NULL), TG_ERR_NAME, scratch("g"),
             "save_checkpoint: PATH: the name 'tapegrad.generator' comes twice");
    tg_tape_free(tape);
}
END_TEST

/* Weights from elsewhere: float16 goes into float32. */
START_TEST(files_of_others) {
    tg_tape *tape = tg_tape_new();
    tg_input(tape, "x", TG_F32, TG_SHAPE(2));
    tg_tensor w = tg_parameter(tape, "little_f2", tg_full(tape, TG_F32, TG_SHAPE(10), 0));
    tg_parameter(tape, "little_f8", tg_full(tape, TG_F64, TG_SHAPE(10), 0));
    tg_checkpoint_report report = {.partial = true};
    ck_assert_int_eq(tg_load_checkpoint(tape, fixture("deflated.npz"), &report), TG_OK);
    ck_assert(report.loaded == 2 && report.passed == 22 && report.step == 0);
    ck_assert(((const float *)tg_data(w))[4] == 65504);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A checkpoint that the package safetensors wrote. */
START_TEST(a_checkpoint_of_others) {
    static tg_generator_state generator;
    tg_checkpoint_report      report = {.partial = false};
    tg_tape                  *tape = tg_tape_new();
    tg_tensor                 w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2, 3), 0));
    tg_tensor                 x = tg_input(tape, "x", TG_I64, TG_SHAPE(2));
    ck_assert_int_eq(tg_load_checkpoint(tape, fixture("checkpoint.safetensors"), &report), TG_OK);
    ck_assert(report.step == 12 && report.loaded == 3 && report.passed == 0);
    tg_tensor expected = tg_mul(2, counted(tape, TG_F32, TG_SHAPE(2, 3)));
    CHECK_SAME(w, expected);
    CHECK_SAME(tg_optimizer_state_like(w, "adam.m"), tg_div(expected, 8));
    CHECK_I64(x, 7, 8);
    ck_assert(!tg_get_generator(tape, &generator));
    ck_assert(generator.key[623] == 623 && generator.position == 5 && generator.has_normal == 1);
    ck_assert(generator.next_normal == 0.25);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- what does not match ----------------------------------------------------------------------------------------- */

static tg_tape *two_parameters(tg_shape shape, tg_dtype dtype, const char *second) {
    tg_tape *tape = tg_tape_new();
    tg_parameter(tape, "w", tg_full(tape, dtype, shape, 1));
    tg_parameter(tape, second, tg_full(tape, TG_F32, TG_SHAPE(2), 1));
    return tape;
}

START_TEST(all_mismatches_are_in_one_error) {
    tg_tape *saved = two_parameters(TG_SHAPE(2, 3), TG_F32, "b");
    tg_backward(tg_sum(tg_find(saved, "b")));
    tg_adam_step(saved, 0.1, NULL);
    tg_run(saved);
    tg_save_checkpoint(saved, scratch("h"), NULL);
    CHECK_OK(saved);

    tg_tape    *tape = two_parameters(TG_SHAPE(3, 2), TG_F32, "c");
    const char *all =
        "load_checkpoint: PATH: 'b.adam.t' is not on the tape; 'w' is F32 (2, 3) in the file and float32 (3, 2) on "
        "the tape; 'b' is not on the tape; 'b.adam.m' is not on the tape; 'b.adam.v' is not on the tape; 'c' is "
        "not in the file";
    FAILS_ON(tape, tg_load_checkpoint(tape, scratch("h"), NULL), TG_ERR_NAME, scratch("h"), all);
    CHECK_SAME(tg_find(tape, "w"), tg_full(tape, TG_F32, TG_SHAPE(3, 2), 1));
    tg_checkpoint_report partial = {.partial = true};
    FAILS_ON(tape, tg_load_checkpoint(tape, scratch("h"), &partial), TG_ERR_SHAPE, scratch("h"),
             "load_checkpoint: PATH: 'w' is F32 (2, 3) in the file and float32 (3, 2) on the tape");
    tg_tape_free(tape);

    tape = two_parameters(TG_SHAPE(2, 3), TG_F64, "b");
    FAILS_ON(tape, tg_load_checkpoint(tape, scratch("h"), NULL), TG_ERR_DTYPE, scratch("h"),
             "load_checkpoint: PATH: 'w' is F32 (2, 3) in the file and float64 (2, 3) on the tape");
    tg_tape_free(tape);

    tape = two_parameters(TG_SHAPE(2, 3), TG_F32, "c");
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("h"), &partial), TG_OK);
    ck_assert(partial.loaded == 1 && partial.passed == 4);
    tg_tape_free(tape);
    tg_tape_free(saved);
}
END_TEST

/* There are too many for the text: it says how many more. */
START_TEST(very_many_mismatches) {
    tg_tape *saved = tg_tape_new(), *tape = tg_tape_new();
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        tg_parameter(saved, name, 1.0);
    }
    tg_save_checkpoint(saved, scratch("i"), NULL);
    tg_load_checkpoint(tape, scratch("i"), NULL);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_NAME);
    ck_assert_msg(strstr(tg_error(tape), "'w10' is not on the tape; and 89 more") != NULL, "%s", tg_error(tape));
    tg_tape_free(tape);
    tg_tape_free(saved);
}
END_TEST

START_TEST(states_and_inputs_that_are_missing) {
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    tg_save_checkpoint(tape, scratch("j"), NULL);
    tg_input(tape, "more", TG_F32, TG_SHAPE(3));
    record_step(tape);
    FAILS_ON(tape, tg_load_checkpoint(tape, scratch("j"), NULL), TG_ERR_NAME, scratch("j"),
             "load_checkpoint: PATH: 'more' is not in the file; 'out.w.momentum' is not in the file; 'scale.adam.m' is not in");
    tg_checkpoint_report partial = {.partial = true};
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("j"), &partial), TG_OK);
    tg_tape_free(tape);
}
END_TEST

START_TEST(two_names_that_are_one) {
    tg_tape *tape = two_parameters(TG_SHAPE(2), TG_F32, "b");
    tg_set_name(tg_input(tape, NULL, TG_F32, TG_SHAPE()), "b");
    FAILS_ON(tape, tg_save_checkpoint(tape, scratch("k"), NULL), TG_ERR_NAME, scratch("k"),
             "save_checkpoint: PATH: the name 'b' comes twice");
    FAILS_ON(tape, tg_load_checkpoint(tape, fixture("stored.npz"), NULL), TG_ERR_NAME, fixture("stored.npz"),
             "load_checkpoint: PATH: two tensors of the tape have the name 'b'");
    tg_tape_free(tape);
}
END_TEST

/* ---- borrowed parameters ----------------------------------------------------------------------------------------- */

START_TEST(borrowed_parameters_stay_as_they_are) {
    static const float ones[6] = {1, 1, 1, 1, 1, 1}, twos[6] = {2, 2, 2, 2, 2, 2};
    tg_tape           *saved = two_parameters(TG_SHAPE(2, 3), TG_F32, "b"), *tape = tg_tape_new();
    tg_save_checkpoint(saved, scratch("l"), NULL);
    tg_borrow_parameter(tape, "w", TG_F32, TG_SHAPE(2, 3), ones);
    tg_parameter(tape, "b", tg_full(tape, TG_F32, TG_SHAPE(2), 0));
    ck_assert_int_eq(tg_load_checkpoint(tape, scratch("l"), NULL), TG_OK);
    tg_tape_free(tape);
    tape = tg_tape_new();
    tg_borrow_parameter(tape, "w", TG_F32, TG_SHAPE(2, 3), twos);
    tg_parameter(tape, "b", tg_full(tape, TG_F32, TG_SHAPE(2), 0));
    FAILS(tape, tg_load_checkpoint(tape, scratch("l"), NULL), TG_ERR_ARGUMENT, "load_checkpoint: ");
    tg_tape_free(tape);
    tg_tape_free(saved);
}
END_TEST

Suite *suite_checkpoint(void) {
    Suite *suite = suite_create("io/checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_add_test(tcase, loaded_after_the_step_was_recorded);
    tcase_add_test(tcase, loaded_before_the_step_is_recorded);
    tcase_add_test(tcase, of_a_step_that_is_recorded_anew);
    tcase_add_test(tcase, what_is_pending_is_not_run);
    tcase_add_test(tcase, it_is_a_safetensors_file);
    tcase_add_test(tcase, the_parameters_alone);
    tcase_add_test(tcase, inputs_that_are_chosen);
    tcase_add_test(tcase, files_of_others);
    tcase_add_test(tcase, a_checkpoint_of_others);
    tcase_add_test(tcase, all_mismatches_are_in_one_error);
    tcase_add_test(tcase, very_many_mismatches);
    tcase_add_test(tcase, states_and_inputs_that_are_missing);
    tcase_add_test(tcase, two_names_that_are_one);
    tcase_add_test(tcase, borrowed_parameters_stay_as_they_are);
    suite_add_tcase(suite, tcase);
    return suite;
}
