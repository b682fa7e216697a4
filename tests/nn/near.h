/* tests/nn/near.h: values that are right to so many digits.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_NN_NEAR_H
#define TESTS_NN_NEAR_H

#include <math.h>

#include "ops/values.h"

static inline void check_near(tg_tensor y, int count, const double *expected, double tolerance) {
    static values got;
    read_values("near", y, &got);
    ck_assert_int_eq(got.size, count);
    for (int i = 0; i < count; i++)
        ck_assert_msg(fabs((double)got.at[i].real - expected[i]) <= tolerance * fabs(expected[i]),
                      "element %d is %.17g, not %.17g", i, (double)got.at[i].real, expected[i]);
}
#define CHECK_NEAR(tolerance, y, ...) \
    check_near(y, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__}, tolerance)

#endif
