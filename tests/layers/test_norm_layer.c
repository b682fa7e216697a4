/* tests/layers/test_norm_layer.c: normalisations with weights and statistics of their own: beside PyTorch's, and what they reject.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

static tg_norm_layer       norm;
static tg_batch_norm_layer batch_norm;

static void make_layer_norm(tg_tape *tape, tg_dtype dtype) {
    norm = tg_new_layer_norm(tape, NULL, TG_SHAPE(3, 4), &(tg_norm_options){.dtype = dtype});
}

static void make_layer_norm_no_bias(tg_tape *tape, tg_dtype dtype) {
    norm = tg_new_layer_norm(tape, NULL, TG_SHAPE(4), &(tg_norm_options){.dtype = dtype, .eps = 0.25, .no_bias = true});
}

static void make_layer_norm_no_weight(tg_tape *tape, tg_dtype dtype) {
    norm = tg_new_layer_norm(tape, NULL, TG_SHAPE(4), &(tg_norm_options){.dtype = dtype, .no_weight = true});
}

static void make_rms_norm(tg_tape *tape, tg_dtype dtype) {
    norm = tg_new_rms_norm(tape, NULL, TG_SHAPE(4), &(tg_norm_options){.dtype = dtype, .eps = 1e-5});
}

static void make_group_norm(tg_tape *tape, tg_dtype dtype) {
    norm = tg_new_group_norm(tape, NULL, 2, 6, &(tg_norm_options){.dtype = dtype});
}

static int apply_norm(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_norm(norm, x[0]);
    return 1;
}

static void make_batch_norm1d(tg_tape *tape, tg_dtype dtype) {
    batch_norm = tg_new_batch_norm(tape, NULL, 3, &(tg_norm_options){.dtype = dtype});
}

static void make_batch_norm2d(tg_tape *tape, tg_dtype dtype) {
    batch_norm = tg_new_batch_norm(tape, NULL, 2, &(tg_norm_options){.dtype = dtype, .eps = 0.125, .momentum = 0.25});
}

static void make_batch_norm_plain(tg_tape *tape, tg_dtype dtype) {
    batch_norm = tg_new_batch_norm(tape, NULL, 3, &(tg_norm_options){.dtype = dtype, .no_weight = true});
}

static void make_batch_norm_no_statistics(tg_tape *tape, tg_dtype dtype) {
    batch_norm = tg_new_batch_norm(tape, NULL, 3, &(tg_norm_options){.dtype = dtype, .no_statistics = true});
}

static int apply_batch_norm(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_batch_norm(batch_norm, x[0], true);
    return 1;
}

static int train_then_evaluate(const tg_tensor *x, tg_tensor *y) {
    tg_apply_batch_norm(batch_norm, x[0], true);
    y[0] = tg_apply_batch_norm(batch_norm, x[0], false);
    return 1;
}

static int evaluate(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_batch_norm(batch_norm, x[0], false);
    return 1;
}

const module_case norm_modules[] = {
    {.name = "layer_norm", .make = make_layer_norm, .apply = apply_norm},
    {.name = "layer_norm_no_bias", .make = make_layer_norm_no_bias, .apply = apply_norm},
    {.name = "layer_norm_no_weight", .make = make_layer_norm_no_weight, .apply = apply_norm},
    {.name = "rms_norm", .make = make_rms_norm, .apply = apply_norm},
    {.name = "group_norm", .make = make_group_norm, .apply = apply_norm},
    {.name = "batch_norm1d", .make = make_batch_norm1d, .apply = apply_batch_norm},
    {.name = "batch_norm2d", .make = make_batch_norm2d, .apply = apply_batch_norm},
    {.name = "batch_norm_evaluate", .make = make_batch_norm_plain, .apply = train_then_evaluate, .changes = true},
    {.name = "batch_norm_no_statistics", .make = make_batch_norm_no_statistics, .apply = evaluate},
    {.name = NULL},
};

/* ---- statistics -------------------------------------------------------------------------------------------------- */

/* Training and evaluation stand in two parts, and see the same statistics. */
START_TEST(statistics_move_when_training_runs_and_only_then) {
    tg_tape            *tape = tg_tape_new();
    tg_batch_norm_layer layer = tg_new_batch_norm(tape, "bn", 1, &(tg_norm_options){.dtype = TG_F64, .momentum = 0.5});
    tg_tensor           x = tg_constant(tape, TG_F64, TG_SHAPE(2, 1), (double[]){1, 5});
    tg_begin_part(tape, "train");
    tg_apply_batch_norm(layer, x, true);
    tg_end_part(tape);
    tg_begin_part(tape, "evaluate");
    tg_tensor y = tg_apply_batch_norm(layer, x, false);
    tg_end_part(tape);
    for (int i = 0; i < 2; i++)
        tg_run_part(tape, "train");
    for (int i = 0; i < 2; i++)
        tg_run_part(tape, "evaluate");
    CHECK_F64(layer.running_mean, 2.25);
    CHECK_F64(layer.running_var, 6.25);
    ck_assert_double_eq(tg_item(layer.num_batches_tracked), 2);
    ck_assert_double_eq_tol(tg_item(tg_sum(y)), (6 - 4.5) / 2.5, 1e-5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_they_reject) {
    tg_tape      *tape = tg_tape_new();
    tg_norm_layer layer = tg_new_layer_norm(tape, "a.norm", TG_SHAPE(4), NULL);
    tg_norm_layer rms = tg_new_rms_norm(tape, "a.rms", TG_SHAPE(2, 4), NULL),
                  groups = tg_new_group_norm(tape, "a.g", 2, 4, NULL);
    tg_batch_norm_layer batch = tg_new_batch_norm(tape, "a.batch", 4, &(tg_norm_options){.no_weight = true});
    tg_tensor           x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), wide = tg_full(tape, TG_F64, TG_SHAPE(2, 4), 1);
    FAILS(tape, tg_apply_norm(layer, x), TG_ERR_SHAPE,
          "layer_norm 'a.norm': (2, 3) x (4) x (4): the last axes of x are not (4)");
    FAILS(tape, tg_apply_norm(layer, wide), TG_ERR_DTYPE,
          "layer_norm 'a.norm': float64 (2, 4) x float32 (4) x float32 (4): dtypes");
    FAILS(tape, tg_apply_norm(rms, layer.weight), TG_ERR_SHAPE,
          "rms_norm 'a.rms': (4) x (2, 4): the last axes of x are not (2, 4)");
    FAILS(tape, tg_apply_norm(groups, x), TG_ERR_SHAPE, "group_norm 'a.g': (2, 3) x (4) x (4): axis 1 of x has not 4 channels");
    FAILS(tape, tg_apply_batch_norm(batch, x, true), TG_ERR_SHAPE,
          "batch_norm 'a.batch': (2, 3) x (4) x (4): axis 1 of x has not 4 channels");
    FAILS(tape, tg_new_group_norm(tape, "b", 3, 4, NULL), TG_ERR_SHAPE, "group_norm: 4 channels are not divided into 3 groups");
    FAILS(tape, tg_new_batch_norm(tape, "a.batch", 4, NULL), TG_ERR_NAME,
          "batch_norm: the name 'a.batch.running_mean' is taken");
    batch.momentum = 2;
    FAILS(tape, tg_apply_batch_norm(batch, tg_full(tape, TG_F32, TG_SHAPE(2, 4), 1), true), TG_ERR_ARGUMENT,
          "batch_norm: momentum 2 is not in [0, 1]");
    ck_assert_int_eq(tg_parameter_count(tape), 5);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_norm_layer(void) {
    Suite *suite = suite_create("layers/norm_layer");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, norm_modules);
    tcase_add_test(tcase, statistics_move_when_training_runs_and_only_then);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
