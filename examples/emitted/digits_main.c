/* examples/emitted/digits_main.c: reads the digits that emit_digits has written, with the network that it has written, without the library.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "digits.h"
#include "digits_test.h"

int main(void) {
    static digits_work work;
    static float       image[DIGITS_PIXELS];
    const int          count = (int)(sizeof digits_test / sizeof *digits_test);
    int                right = 0;
    for (int i = 0; i < count; i++) {
        int64_t digit;
        for (int k = 0; k < DIGITS_PIXELS; k++)
            image[k] = (float)digits_test[i][k];
        digits_read(image, &digit, &work);
        right += digit == digits_test[i][DIGITS_PIXELS];
    }
    printf("Test accuracy: %.1f%%\n", 100.0 * right / count);
    return 0;
}
