/* tests/layers/test_init.c: initial values: beside PyTorch's, and what they reject.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

/* The numbers are PyTorch's, to that many ulps. */
static void check_initial(const char *name, tg_tensor x, int ulps) {
    static module_field expected;
    ck_assert_msg(tg_valid(x), "%s: %s", name, tg_error(tg_tape_of(x)));
    ck_assert(find_field(name, "y 0", &expected));
    ck_assert(tg_shape_equal(tg_shape_of(x), expected.shape));
    ck_assert_int_eq(tg_dtype_of(x), expected.dtype);
    const void *data = tg_data(x);
    for (int64_t i = 0; i < expected.size; i++) {
        int64_t off = expected.dtype == TG_F32 ? ulps_f32(((const float *)data)[i], (float)expected.value[i])
                                               : ulps_f64(((const double *)data)[i], expected.value[i]);
        ck_assert_msg(off <= ulps, "%s: element %lld is off by %lld ulps from %.17g", name, (long long)i, (long long)off,
                      expected.value[i]);
    }
}

#define CHECK_INITIAL(name, call, ulps) (tg_seed(tape, 0), check_initial("init_" name, call, ulps))

START_TEST(they_are_pytorchs) {
    tg_tape *tape = tg_tape_new();
    double   relu = tg_calculate_gain(TG_GAIN_LEAKY_RELU, 0), tanh = tg_calculate_gain(TG_GAIN_TANH, 0);
    CHECK_INITIAL("xavier_uniform", tg_xavier_uniform(tape, TG_F32, TG_SHAPE(4, 5), 1), 0);
    CHECK_INITIAL("xavier_normal", tg_xavier_normal(tape, TG_F32, TG_SHAPE(3, 2, 3), 2), 4);
    CHECK_INITIAL("kaiming_uniform", tg_kaiming_uniform(tape, TG_F64, TG_SHAPE(4, 3, 2), relu, TG_FAN_IN), 0);
    CHECK_INITIAL("kaiming_uniform_out", tg_kaiming_uniform(tape, TG_F32, TG_SHAPE(4, 3, 2), tanh, TG_FAN_OUT), 0);
    CHECK_INITIAL("kaiming_normal",
                  tg_kaiming_normal(tape, TG_F32, TG_SHAPE(5, 4), tg_calculate_gain(TG_GAIN_LEAKY_RELU, 0.5), TG_FAN_IN), 4);
    CHECK_INITIAL("trunc_normal", tg_trunc_normal(tape, TG_F32, TG_SHAPE(7, 8), 0, 1, -2, 2), 4);
    CHECK_INITIAL("trunc_normal_scaled", tg_trunc_normal(tape, TG_F64, TG_SHAPE(4, 3), 1, 2, 0, 4), 64);
    CHECK_INITIAL("trunc_normal_tail", tg_trunc_normal(tape, TG_F32, TG_SHAPE(5, 8), 0, 1, 1, 3), 0);
    CHECK_INITIAL("eye", tg_eye(tape, TG_F32, 3, 4), 0);
    CHECK_INITIAL("orthogonal", tg_orthogonal(tape, TG_F64, TG_SHAPE(4, 3), 1), 64);
    CHECK_INITIAL("orthogonal_wide", tg_orthogonal(tape, TG_F64, TG_SHAPE(3, 2, 4), 2), 64);
    CHECK_INITIAL("dirac", tg_dirac(tape, TG_F32, TG_SHAPE(4, 3, 4, 3), 1), 0);
    CHECK_INITIAL("dirac_groups", tg_dirac(tape, TG_F32, TG_SHAPE(4, 3, 2), 2), 0);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(gains) {
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_LINEAR, 0), 1);
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_SIGMOID, 0), 1);
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_TANH, 0), 5.0 / 3);
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_RELU, 0), sqrt(2));
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_LEAKY_RELU, 1), 1);
    ck_assert_double_eq(tg_calculate_gain(TG_GAIN_SELU, 0), 0.75);
    ck_assert(isnan(tg_calculate_gain((tg_nonlinearity)99, 0)));
}
END_TEST

/* ---- what they leave behind -------------------------------------------------------------------------------------- */

START_TEST(a_truncated_draw_moves_the_generator_on) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor one = tg_trunc_normal(tape, TG_F64, TG_SHAPE(100), 0, 1, -0.5, 0.5);
    tg_tensor two = tg_trunc_normal(tape, TG_F64, TG_SHAPE(100), 0, 1, -0.5, 0.5);
    ck_assert_double_ne(tg_item(tg_sum(one)), tg_item(tg_sum(two)));
    ck_assert_double_le(tg_item(tg_max(tg_abs(one))), 0.5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(of_a_shape_without_elements_there_are_none) {
    tg_tape *tape = tg_tape_new();
    ck_assert_int_eq(tg_size(tg_xavier_uniform(tape, TG_F32, TG_SHAPE(0, 3), 1)), 0);
    ck_assert_int_eq(tg_size(tg_kaiming_normal(tape, TG_F32, TG_SHAPE(3, 0), 1, TG_FAN_IN)), 0);
    ck_assert_int_eq(tg_size(tg_orthogonal(tape, TG_F32, TG_SHAPE(2, 0), 1)), 0);
    ck_assert_int_eq(tg_size(tg_trunc_normal(tape, TG_F32, TG_SHAPE(0), 0, 1, -2, 2)), 0);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_they_reject) {
    tg_tape *tape = tg_tape_new();
    int64_t  count = tg_instruction_count(tape);
    FAILS(tape, tg_xavier_uniform(tape, TG_F32, TG_SHAPE(3), 1), TG_ERR_SHAPE, "xavier_uniform: a shape of 1 axes has no fans");
    FAILS(tape, tg_kaiming_normal(tape, TG_F32, TG_SHAPE(3, -2), 1, TG_FAN_IN), TG_ERR_SHAPE,
          "kaiming_normal: (3, -2) has a negative");
    FAILS(tape, tg_xavier_normal(tape, TG_I64, TG_SHAPE(3, 2), 1), TG_ERR_DTYPE, "xavier_normal: the dtype is int64");
    FAILS(tape, tg_kaiming_uniform(tape, TG_F32, TG_SHAPE(3, 2), -1, TG_FAN_IN), TG_ERR_ARGUMENT,
          "kaiming_uniform: gain -1 is not in");
    FAILS(tape, tg_trunc_normal(tape, TG_F32, TG_SHAPE(3), 0, 0, -2, 2), TG_ERR_ARGUMENT,
          "trunc_normal: deviation 0 is not in");
    FAILS(tape, tg_trunc_normal(tape, TG_F32, TG_SHAPE(3), 0, 1, 2, 2), TG_ERR_ARGUMENT,
          "trunc_normal: high 2 is not in (2, inf)");
    FAILS(tape, tg_trunc_normal(tape, TG_I64, TG_SHAPE(3), 0, 1, -2, 2), TG_ERR_DTYPE, "trunc_normal: ");
    FAILS(tape, tg_trunc_normal(tape, TG_F32, TG_SHAPE(-1), 0, 1, -2, 2), TG_ERR_SHAPE, "trunc_normal: ");
    FAILS(tape, tg_orthogonal(tape, TG_F32, TG_SHAPE(3), 1), TG_ERR_SHAPE, "orthogonal: a shape of 1 axes has no fans");
    FAILS(tape, tg_orthogonal(tape, TG_F32, TG_SHAPE(3, -2), 1), TG_ERR_SHAPE, "orthogonal: (3, -2) has a negative size");
    FAILS(tape, tg_orthogonal(tape, TG_I64, TG_SHAPE(3, 2), 1), TG_ERR_DTYPE, "orthogonal: ");
    FAILS(tape, tg_dirac(tape, TG_F32, TG_SHAPE(3, 2), 1), TG_ERR_SHAPE, "dirac: a shape of 2 axes is none of kernels");
    FAILS(tape, tg_dirac(tape, TG_F32, TG_SHAPE(3, 2, 3), 2), TG_ERR_SHAPE, "dirac: 3 kernels are not divided into 2 groups");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_init(void) {
    Suite *suite = suite_create("layers/init");
    TCase *tcase = tcase_create("values");
    tcase_add_test(tcase, they_are_pytorchs);
    tcase_add_test(tcase, gains);
    tcase_add_test(tcase, a_truncated_draw_moves_the_generator_on);
    tcase_add_test(tcase, of_a_shape_without_elements_there_are_none);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
