/* tests/io/test_stored.c: every float16 and every bfloat16, beside the formula of their formats.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

/* The number with that sign, exponent and fraction of so many bits, by IEEE 754, section 3.4. */
static double value_of(unsigned bits, int exponent_bits, int fraction_bits) {
    int      bias = (1 << (exponent_bits - 1)) - 1, exponent = (int)(bits >> fraction_bits & ((1u << exponent_bits) - 1));
    unsigned fraction = bits & ((1u << fraction_bits) - 1);
    double   sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1, scaled = ldexp(fraction, -fraction_bits);
    if (exponent == (1 << exponent_bits) - 1) return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1 + scaled, exponent - bias) : ldexp(scaled, 1 - bias));
}

/* A safetensors file of all 2^16 bit patterns. */
static void write_all(const char *path, const char *dtype) {
    static uint8_t bytes[256 + 2 * 65536];
    int            length =
        snprintf((char *)bytes + 8, 248, "{\"x\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", dtype);
    bytes[0] = (uint8_t)length;
    for (unsigned i = 0; i < 65536; i++) {
        bytes[8 + length + 2 * (int)i] = (uint8_t)(i & 255);
        bytes[9 + length + 2 * (int)i] = (uint8_t)(i >> 8);
    }
    write_bytes(path, bytes, 8 + (size_t)length + 131072);
}

static void check_all(const char *dtype, int exponent_bits, int fraction_bits) {
    tg_tape *tape = tg_tape_new();
    write_all(scratch("all"), dtype);
    tg_archive  *archive = tg_archive_open(scratch("all"));
    const float *found = tg_data(tg_archive_load(tape, archive, "x"));
    CHECK_OK(tape);
    for (unsigned i = 0; i < 65536; i++) {
        double expected = value_of(i, exponent_bits, fraction_bits), x = (double)found[i];
        ck_assert_msg(isnan(expected) ? isnan(x) : x == expected && !signbit(x) == !signbit(expected), "%04x: %a, not %a", i, x,
                      expected);
    }
    tg_archive_close(archive);
    tg_tape_free(tape);
}

START_TEST(every_float16) {
    check_all("F16", 5, 10);
}
END_TEST

START_TEST(every_bfloat16) {
    check_all("BF16", 8, 7);
}
END_TEST

Suite *suite_stored(void) {
    Suite *suite = suite_create("io/stored");
    TCase *tcase = tcase_create("stored");
    tcase_add_test(tcase, every_float16);
    tcase_add_test(tcase, every_bfloat16);
    suite_add_tcase(suite, tcase);
    return suite;
}
