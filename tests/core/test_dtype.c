/* tests/core/test_dtype.c: the table of dtypes, conversions, and code that is chosen by dtype.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "core/dtype.h"
#include "support.h"

START_TEST(dtypes_have_names_and_sizes) {
    static const struct {
        int         dtype;
        const char *name;
        size_t      size;
    } rows[] = {{TG_F32, "float32", 4}, {TG_F64, "float64", 8}, {TG_I64, "int64", 8}, {TG_BOOL, "bool", 1},
                {TG_DTYPES, "?", 0},    {-1, "?", 0},           {1000, "?", 0}};
    ck_assert_str_eq(tg_dtype_name((tg_dtype)rows[_i].dtype), rows[_i].name);
    ck_assert_uint_eq(tg_dtype_size((tg_dtype)rows[_i].dtype), rows[_i].size);
}
END_TEST

START_TEST(only_two_dtypes_float) {
    ck_assert(tgi_floating(TG_F32) && tgi_floating(TG_F64));
    ck_assert(!tgi_floating(TG_I64) && !tgi_floating(TG_BOOL) && !tgi_floating(TG_DTYPES));
}
END_TEST

/* The largest finite value is one, and the next power of two is none; 2^precision + 1 is the first integer that is lost. */
START_TEST(floating_dtypes_know_their_limits) {
    for (int dtype = 0; dtype < TG_DTYPES; dtype++) {
        const tgi_dtype_traits *t = tgi_traits_of((tg_dtype)dtype);
        uint64_t                element = 0;
        ck_assert_int_eq(tgi_floating((tg_dtype)dtype), t->parse != NULL);
        if (!t->parse) continue;
        ck_assert(t->from_double(t->largest, &element) && t->to_double(&element) == t->largest);
        ck_assert(isinf(2 * t->largest) || (t->from_double(2 * t->largest, &element) && isinf(t->to_double(&element))));
        double limit = ldexp(1, t->precision);
        for (int i = -1; i <= 0; i++)
            ck_assert(t->from_double(limit + i, &element) && t->to_double(&element) == limit + i);
        ck_assert(limit + 1 == limit || (t->from_double(limit + 1, &element) && t->to_double(&element) == limit));
    }
}
END_TEST

/* 1 + 2^-24 + 2^-60 is above the middle of two float32, and its float64 on the middle: rounded twice it would be 1. */
START_TEST(a_text_is_rounded_once) {
    const char *text = "1.00000005960464477626";
    ck_assert(tgi_traits_of(TG_F64)->parse(text) == 1 + 0x1p-24);
    ck_assert(tgi_traits_of(TG_F32)->parse(text) == 1 + 0x1p-23);
}
END_TEST

/* ---- conversions ------------------------------------------------------------------------------------------------- */

START_TEST(int64_holds_whole_numbers_only) {
    static const double good[] = {0, -0.0, 1, -1, 0x1p52, 0x1p62, -0x1p63, 9007199254740993.0};
    static const double bad[] = {0.5, -1.5, 1e-300, 0x1p63, -0x1.1p63, 1e300, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t out = 42;
        ck_assert(tgi_convert(good[i], TG_I64, &out));
        ck_assert(out == (int64_t)good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t out = 42;
        ck_assert(!tgi_convert(bad[i], TG_I64, &out));
    }
}
END_TEST

START_TEST(bool_holds_0_and_1_only) {
    static const double bad[] = {0.5, -1, 2, 1e300, NAN, INFINITY};
    bool                out;
    ck_assert(tgi_convert(0, TG_BOOL, &out) && !out);
    ck_assert(tgi_convert(1, TG_BOOL, &out) && out);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert(!tgi_convert(bad[i], TG_BOOL, &out));
    ck_assert(!tgi_convert(1, TG_DTYPES, &out));
}
END_TEST

START_TEST(floats_hold_anything) {
    static const double numbers[] = {0.1, -0.0, INFINITY, 0x1p-1074, 3.5};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double wide;
        float  narrow;
        ck_assert(tgi_convert(numbers[i], TG_F64, &wide) && wide == numbers[i]);
        ck_assert(tgi_convert(numbers[i], TG_F32, &narrow) && narrow == (float)numbers[i]);
    }
}
END_TEST

START_TEST(elements_are_read_wherever_they_lie) {
    static const double numbers[] = {0, 1};
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int i = 0; i < 2; i++) {
            char bytes[9];
            ck_assert(tgi_convert(numbers[i], (tg_dtype)dtype, bytes + 1));
            ck_assert(tgi_element((tg_dtype)dtype, bytes + 1) == numbers[i]);
        }
    ck_assert(tgi_element(TG_I64, &(int64_t){-5}) == -5);
    ck_assert(tgi_element(TG_F32, &(float){0.1f}) == (double)0.1f);
}
END_TEST

/* ---- code by dtype ----------------------------------------------------------------------------------------------- */

#define DEFINE_NAME(suffix) \
    static const char *name_##suffix(const char *before) { \
        static char text[16]; \
        snprintf(text, sizeof text, "%s" #suffix, before); \
        return text; \
    }
DEFINE_NAME(f32)
DEFINE_NAME(f64)
DEFINE_NAME(i64)
DEFINE_NAME(b8)

/* Each dtype of the set, and no other, reaches its own function. */
static void check_dispatch(tg_dtype dtype, tgi_dtype_set set, tg_status status, const char *reached) {
    static const char *const names[] = {[TG_F32] = "a f32", [TG_F64] = "a f64", [TG_I64] = "a i64", [TG_BOOL] = "a b8"};
    bool                     in = tgi_dtype_in(dtype, set);
    ck_assert_int_eq(status, in ? TG_OK : TG_ERR_DTYPE);
    ck_assert_str_eq(reached, in ? names[dtype] : "nobody");
}

START_TEST(a_kernel_is_called_for_the_dtypes_of_its_set_only) {
    for (int i = -1; i <= TG_DTYPES; i++) {
        tg_dtype    dtype = (tg_dtype)i;
        const char *reached = "nobody";
        tg_status   status = TGI_DISPATCH_FLOATS(dtype, reached = name, "a ");
        check_dispatch(dtype, TGI_FLOATS, status, reached);
        reached = "nobody";
        status = TGI_DISPATCH_NUMBERS(dtype, reached = name, "a ");
        check_dispatch(dtype, TGI_NUMBERS, status, reached);
        reached = "nobody";
        status = TGI_DISPATCH_ANY(dtype, reached = name, "a ");
        check_dispatch(dtype, TGI_ANY, status, reached);
    }
}
END_TEST

START_TEST(sets_hold_what_their_names_say) {
    ck_assert(tgi_dtype_in(TG_F32, TGI_FLOATS) && tgi_dtype_in(TG_F64, TGI_FLOATS));
    ck_assert(!tgi_dtype_in(TG_I64, TGI_FLOATS) && tgi_dtype_in(TG_I64, TGI_NUMBERS) && !tgi_dtype_in(TG_BOOL, TGI_NUMBERS));
    ck_assert(tgi_dtype_in(TG_BOOL, TGI_ANY) && !tgi_dtype_in(TG_DTYPES, TGI_ANY) && !tgi_dtype_in((tg_dtype)-1, TGI_ANY));
}
END_TEST

Suite *suite_dtype(void) {
    Suite *suite = suite_create("core/dtype");
    TCase *tcase = tcase_create("dtype");
    tcase_add_loop_test(tcase, dtypes_have_names_and_sizes, 0, 7);
    tcase_add_test(tcase, only_two_dtypes_float);
    tcase_add_test(tcase, floating_dtypes_know_their_limits);
    tcase_add_test(tcase, a_text_is_rounded_once);
    tcase_add_test(tcase, int64_holds_whole_numbers_only);
    tcase_add_test(tcase, bool_holds_0_and_1_only);
    tcase_add_test(tcase, floats_hold_anything);
    tcase_add_test(tcase, elements_are_read_wherever_they_lie);
    tcase_add_test(tcase, a_kernel_is_called_for_the_dtypes_of_its_set_only);
    tcase_add_test(tcase, sets_hold_what_their_names_say);
    suite_add_tcase(suite, tcase);
    return suite;
}
