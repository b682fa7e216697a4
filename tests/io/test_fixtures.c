/* tests/io/test_fixtures.c: files that NumPy and safetensors wrote (tests/fixtures/make_files.py): every dtype, its special values, both
 * orders of bytes and of axes.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "io/system.h"

/* ---- what the script wrote --------------------------------------------------------------------------------------- */

static const double floats[] = {0, -0.0, 1, -2.5, 65504, 0x1p-24, 1023 * 0x1p-24, INFINITY, -INFINITY, NAN};
static const double bfloats[] = {0, -0.0, 1, -2.5, 0x1.fep127, 0x1p-133, INFINITY, -INFINITY, NAN};

static const struct {
    const char *name;
    int         count;
    int64_t     values[5];
} integers[] = {
    {"i1", 5, {0, 1, -1, INT8_MAX, INT8_MIN}},
    {"i2", 5, {0, 1, -1, INT16_MAX, INT16_MIN}},
    {"i4", 5, {0, 1, -1, INT32_MAX, INT32_MIN}},
    {"i8", 5, {0, 1, -1, INT64_MAX, INT64_MIN}},
    {"u1", 3, {0, 1, UINT8_MAX}},
    {"u2", 3, {0, 1, UINT16_MAX}},
    {"u4", 3, {0, 1, UINT32_MAX}},
    {"u8", 3, {0, 1, INT64_MAX}},
};

/* To the bit, but any NaN is a NaN; float32 holds these numbers exactly. */
static void check_floats(tg_tensor x, tg_dtype dtype, int count, const double *expected) {
    double found[16];
    ck_assert_msg(tg_valid(x), "%s", tg_error(x.tape));
    ck_assert_int_eq(tg_dtype_of(x), dtype);
    ck_assert_int_eq(tg_size(x), count);
    tg_read(tg_cast(x, TG_F64), found, count);
    for (int i = 0; i < count; i++) {
        bool same = isnan(expected[i]) ? isnan(found[i]) : found[i] == expected[i] && signbit(found[i]) == signbit(expected[i]);
        ck_assert_msg(same, "element %d is %.17g, not %.17g", i, found[i], expected[i]);
    }
}

/* All dtypes under their names with that prefix. */
static void check_dtypes(const char *path, const char *prefix) {
    tg_tape    *tape = tg_tape_new();
    tg_archive *archive = tg_archive_open(path);
    char        name[32];
    ck_assert_str_eq(tg_archive_error(archive), "");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%sf%d", prefix, 2 << i);
        check_floats(tg_archive_load(tape, archive, name), i == 2 ? TG_F64 : TG_F32, 10, floats);
    }
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, integers[i].name);
        check_i64(__FILE__, __LINE__, tg_archive_load(tape, archive, name), integers[i].count, integers[i].values);
    }
    snprintf(name, sizeof name, "%sb1", prefix);
    CHECK_SAME(tg_archive_load(tape, archive, name), tg_constant(tape, TG_BOOL, TG_SHAPE(2), (bool[]){false, true}));
    tg_archive_close(archive);
    CHECK_OK(tape);
    tg_tape_free(tape);
}

/* ---- NumPy ------------------------------------------------------------------------------------------------------- */

START_TEST(every_dtype_of_numpy) {
    check_dtypes(fixture("stored.npz"), "little_");
    check_dtypes(fixture("stored.npz"), "big_");
    check_dtypes(fixture("deflated.npz"), "little_");
    check_dtypes(fixture("deflated.npz"), "big_");
}
END_TEST

START_TEST(shapes_and_orders_of_numpy) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor count24 = tg_mul(2, counted(tape, TG_F32, TG_SHAPE(2, 3, 4)));
    CHECK_SAME(tg_load_npy(tape, fixture("rank3.npy")), count24);
    CHECK_SAME(tg_load_npy(tape, fixture("fortran.npy")), tg_cast(count24, TG_F64));
    tg_tensor big = tg_load_npy(tape, fixture("fortran_big.npy"));
    CHECK_I64(big, 0, 1, 2, 3, 4, 5);
    ck_assert(tg_shape_equal(tg_shape_of(big), TG_SHAPE(3, 2)));
    CHECK_SAME(tg_load_npy(tape, fixture("rank0.npy")), tg_full(tape, TG_F64, TG_SHAPE(), 7.5));
    CHECK_SAME(tg_load_npy(tape, fixture("empty.npy")), tg_full(tape, TG_F32, TG_SHAPE(0, 3), 0));
    for (int version = 2; version <= 3; version++) {
        char name[32];
        snprintf(name, sizeof name, "version%d.npy", version);
        CHECK_SAME(tg_load_npy(tape, fixture(name)), tg_mul(2, counted(tape, TG_F32, TG_SHAPE(2, 3))));
    }
    tg_tensor packed = tg_load_npy(tape, fixture("packed.npy.gz"));
    ck_assert(tg_shape_equal(tg_shape_of(packed), TG_SHAPE(4, 5)) && tg_dtype_of(packed) == TG_I64);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(((const int64_t *)tg_data(packed))[i], i);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_the_library_lacks_is_an_error) {
    tg_tape *tape = tg_tape_new();
    FAILS_ON(tape, tg_load_npy(tape, fixture("complex.npy")), TG_ERR_DTYPE, fixture("complex.npy"),
             "load_npy: PATH: its dtype is <c8, which the library cannot load");
    FAILS_ON(tape, tg_load_npy(tape, fixture("text.npy")), TG_ERR_DTYPE, fixture("text.npy"),
             "load_npy: PATH: its dtype is <U3, which the library cannot load");
    FAILS_ON(tape, tg_load_npy(tape, fixture("struct.npy")), TG_ERR_DTYPE, fixture("struct.npy"),
             "load_npy: PATH: its elements are structs, which the library cannot load");
    FAILS_ON(tape, tg_load_npy(tape, fixture("rank9.npy")), TG_ERR_SHAPE, fixture("rank9.npy"),
             "load_npy: PATH: it has more than 8 axes");
    FAILS_ON(tape, tg_load_npy(tape, fixture("too_large.npy")), TG_ERR_VALUE, fixture("too_large.npy"),
             "load_npy: PATH: element 1 is 9223372036854775808, which int64 does not hold");
    tg_archive *other = tg_archive_open(fixture("other.zip"));
    FAILS_ON(tape, tg_archive_load(tape, other, "readme.txt"), TG_ERR_IO, fixture("other.zip"),
             "archive_load: PATH: readme.txt: it is no .npy file");
    tg_archive_close(other);
    tg_tape_free(tape);
}
END_TEST

/* ---- safetensors ------------------------------------------------------------------------------------------------- */

START_TEST(every_dtype_of_safetensors) {
    tg_tape    *tape = tg_tape_new();
    tg_archive *archive = tg_archive_open(fixture("all.safetensors"));
    check_dtypes(fixture("all.safetensors"), "");
    check_floats(tg_archive_load(tape, archive, "bf16"), TG_F32, 9, bfloats);
    CHECK_SAME(tg_archive_load(tape, archive, "empty"), tg_full(tape, TG_F32, TG_SHAPE(2, 0, 3), 0));
    CHECK_SAME(tg_archive_load(tape, archive, "scalar"), tg_full(tape, TG_F32, TG_SHAPE(), 7.5));
    CHECK_SAME(tg_archive_load(tape, archive, "Größe"), tg_full(tape, TG_F32, TG_SHAPE(1), 1));
    FAILS_ON(tape, tg_archive_load(tape, archive, "rank9"), TG_ERR_SHAPE, fixture("all.safetensors"),
             "archive_load: PATH: rank9: it has more than 8 axes");
    FAILS_ON(tape, tg_archive_load(tape, archive, "f8_e4m3"), TG_ERR_DTYPE, fixture("all.safetensors"),
             "archive_load: PATH: f8_e4m3: its dtype is F8_E4M3, which the library cannot load");
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_known_of_an_archive) {
    tg_archive *archive = tg_archive_open(fixture("all.safetensors"));
    ck_assert_int_eq(tg_archive_count(archive), 18);
    const tg_archive_tensor *bf16 = tg_archive_find(archive, "bf16"), *f4 = tg_archive_find(archive, "f4");
    ck_assert_str_eq(bf16->name, "bf16");
    ck_assert_str_eq(bf16->stored, "BF16");
    ck_assert(bf16->dtype == TG_F32 && tg_shape_equal(bf16->shape, TG_SHAPE(9)) && !bf16->in_place);
    ck_assert(f4->dtype == TG_F32 && f4->in_place == !TGI_BIG_ENDIAN);
    ck_assert_int_eq(tg_archive_find(archive, "f8_e4m3")->dtype, TG_DTYPES);
    ck_assert_int_eq(tg_archive_find(archive, "rank9")->shape.rank, TG_MAX_RANK + 1);
    ck_assert_ptr_null(tg_archive_find(archive, "f3"));
    ck_assert_ptr_null(tg_archive_at(archive, 18));
    ck_assert_ptr_null(tg_archive_at(archive, -1));
    ck_assert_int_eq(tg_archive_metadata_count(archive), 2);
    ck_assert_str_eq(tg_archive_metadata(archive, "title"), "a \"test\"");
    ck_assert_str_eq(tg_archive_metadata(archive, "license"), "MIT");
    ck_assert_ptr_null(tg_archive_metadata(archive, "none"));
    ck_assert_ptr_null(tg_archive_metadata_at(archive, 2));
    tg_archive_close(archive);
}
END_TEST

/* ---- IDX --------------------------------------------------------------------------------------------------------- */

START_TEST(idx_of_every_type) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor images = tg_load_idx(tape, fixture("images.idx"));
    ck_assert(tg_shape_equal(tg_shape_of(images), TG_SHAPE(2, 3, 4)));
    for (int i = 0; i < 24; i++)
        ck_assert_int_eq(((const int64_t *)tg_data(images))[i], 10 * i);
    CHECK_SAME(tg_load_idx(tape, fixture("images.idx.gz")), images);
    CHECK_I64(tg_load_idx(tape, fixture("type9.idx")), -1, 0, 2);
    CHECK_I64(tg_load_idx(tape, fixture("type11.idx")), -1, 0, 2);
    CHECK_I64(tg_load_idx(tape, fixture("type12.idx")), -1, 0, 2);
    check_floats(tg_load_idx(tape, fixture("type13.idx")), TG_F32, 3, (double[]){-1, 0, 2});
    check_floats(tg_load_idx(tape, fixture("type14.idx")), TG_F64, 3, (double[]){-1, 0, 2});
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_fixtures(void) {
    Suite *suite = suite_create("io/fixtures");
    TCase *tcase = tcase_create("fixtures");
    tcase_add_test(tcase, every_dtype_of_numpy);
    tcase_add_test(tcase, shapes_and_orders_of_numpy);
    tcase_add_test(tcase, what_the_library_lacks_is_an_error);
    tcase_add_test(tcase, every_dtype_of_safetensors);
    tcase_add_test(tcase, what_is_known_of_an_archive);
    tcase_add_test(tcase, idx_of_every_type);
    suite_add_tcase(suite, tcase);
    return suite;
}
